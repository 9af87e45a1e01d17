--- From a compiled statement and its values to a result: which encoder the
-- parameters need, in which format the answer is wanted, how it is decoded.
--
-- A plan keeps what was found out for one statement: its encoder, the format,
-- and the decoder of the shape its last answer had.
-- @module pgvector.engine.execution

local base = require "pgvector.types.base"
local class = require "pgvector.class"
local compat = require "pgvector.compat"
local core = require "pgvector.core"
local errors = require "pgvector.errors"
local execute = require "pgvector.driver.execute"
local json = require "pgvector.types.json"
local Result = require "pgvector.engine.result"
local tokenizer = require "pgvector.sql.tokenizer"
local types = require "pgvector.types"

local Execution = class("Execution")

-- How many SQL texts keep their plan; past that all are dropped and learnt anew.
local MAX_PLANS = 500

local function plan_store() return { by_key = {}, count = 0 } end

local function keep_plan(store, key, plan)
  if not store.by_key[key] then
    if store.count >= MAX_PLANS then store.by_key, store.count = {}, 0 end
    store.count = store.count + 1
  end
  store.by_key[key] = plan
end

--- The state that all connections to one database share.
-- @tparam TypeInfo typeinfo
-- @tparam boolean hide_parameters
-- @tparam ?function echo called with (sql, params, milliseconds)
-- @tparam ?function warn told of statements that are probably not meant so
function Execution.new(typeinfo, hide_parameters, echo, warn)
  return setmetatable({
    typeinfo = typeinfo,
    hide_parameters = hide_parameters,
    echo = echo,
    warn = warn, warned = plan_store(), -- by the SQL of statements
    compiled_plans = setmetatable({}, { __mode = "k" }), -- by compilation
    built_plans = plan_store(), -- by the SQL of statements
    text_plans = plan_store(),  -- by raw SQL and the kinds of its parameters
  }, Execution)
end

---- showing parameters ---------------------------------------------------------

local function show(value)
  local t = type(value)
  if value == nil or value == core.null then return "NULL" end
  if t == "string" then
    return #value > 60 and ("'%s…' (%d bytes)"):format(value:sub(1, 60), #value) or "'" .. value .. "'"
  elseif core.value_type(value) then
    local text = #value <= 4 and tostring(value) or nil
    if not text then
      local head = {}
      for i = 1, 3 do head[i] = tostring(value[i]) end
      text = "[" .. table.concat(head, ",") .. ",…]"
    end
    return ("%s(%d)%s"):format(core.value_type(value), value:dims(), text)
  elseif t == "table" then
    return ("table of %d"):format(#value)
  end
  return tostring(value)
end

--- Parameters as one short line for errors and logs.
function Execution:_describe(values, n)
  if self.hide_parameters then return "hidden" end
  if not values or n == 0 then return nil end
  local parts = {}
  for i = 1, math.min(n, 10) do parts[i] = show(values[i]) end
  if n > 10 then parts[11] = ("… %d in all"):format(n) end
  return table.concat(parts, ", ")
end

---- encoders ---------------------------------------------------------------------

-- The schema of a type; an enum's is translated like that of tables.
local function schema_of(type, map)
  if map and type.family == "enum" then return map:translate(type.schema) end
  return type.schema
end

-- Fills in what only the database knows about a parameter's type.
function Execution:_complete_spec(link, spec, type, map)
  local elem = type and type.elem
  if elem then
    if elem.oid then
      spec.elem_oid, spec.oid = elem.oid, self.typeinfo.builtin_array(elem.oid)
    elseif elem.type_name then
      spec.elem_oid, spec.oid = self.typeinfo:_oid_of(link, elem.type_name, schema_of(elem, map))
    end
  elseif type and type.type_name and not type.oid then
    spec.oid = self.typeinfo:_oid_of(link, type.type_name, schema_of(type, map))
  end
  spec.oid = spec.oid or type and type.oid or 0
  return spec
end

-- What tells prepared statements apart: their text and their parameters' types.
local function key_of(sql, specs)
  local oids = {}
  for i, spec in ipairs(specs) do oids[i] = spec.oid or 0 end
  return table.concat(oids, ",") .. ":" .. sql
end

-- Gives a plan the encoder of a compiled statement.
function Execution:_add_encoder(link, plan, compiled)
  local binds = compiled.binds
  local specs, vector_oids = {}, nil
  for i, bind in ipairs(binds) do
    local spec = bind.type:bind_spec(bind.name or bind.key)
    specs[i] = self:_complete_spec(link, spec, bind.type, compiled.schema_map)
    if spec.kind == "unknown" then
      vector_oids = vector_oids or self.typeinfo:_vector_oids(link)
      plan.untyped = plan.untyped or {}
      table.insert(plan.untyped, i)
    end
  end
  if #binds > 0 then plan.encoder = core.encoder(specs, vector_oids) end
  plan.key = key_of(compiled.sql, specs)
end

-- The kinds of parameters that have no column to tell their type, as a key: a
-- vector and a boolean tell it themselves, of the rest the server decides.
local function raw_kinds(values, n)
  local kinds = {}
  for i = 1, n do
    local value = values[i]
    local t = type(value)
    kinds[i] = t == "boolean" and "bool" or t == "userdata" and core.value_type(value) or "unknown"
  end
  return kinds, table.concat(kinds, ",")
end

function Execution:_add_raw_encoder(link, plan, sql, kinds)
  local specs = {}
  for i, kind in ipairs(kinds) do
    local oid
    if kind == "bool" then
      oid = 16
    elseif kind == "bit" then
      oid = 1560
    elseif kind ~= "unknown" then
      oid = self.typeinfo:_oid_of(link, kind)
    end
    specs[i] = { kind = kind, oid = oid }
  end
  if #kinds > 0 then plan.encoder = core.encoder(specs) end
  plan.key = key_of(sql, specs)
end

---- decoders ---------------------------------------------------------------------

-- How JSON is read that no statement declares.
local json_array = types.ARRAY(types.JSON):result_spec().convert
local json_readers = { json = json.decode, jsonb = json.decode, ["json[]"] = json_array, ["jsonb[]"] = json_array }

-- A column's decoder: the server's type says how to read the bytes; the
-- statement's type may refine that (`as="epoch"`) and convert the value.
local function column_spec(kind, name, column)
  local wanted = column and column.type and column.type:result_spec()
  local convert = wanted and wanted.convert
  if wanted and wanted.kind and wanted.kind:gsub(":%a+", "") == kind then kind = wanted.kind end
  -- an array of a type that is read as text only (a range, a tsvector)
  if kind == "text" and wanted and wanted.kind == "text[]" and not column.type.binary then kind = "text[]" end
  return { kind = kind, name = name, convert = convert or json_readers[kind], null = wanted and wanted.null }
end

-- The decoder of a result, and the names of its columns.
function Execution:_decoder(link, plan, res, columns)
  local _, _, known = res:summary(plan.signature)
  if known then return plan.decoder, plan.names end
  local kinds, binary = self.typeinfo:_kinds_of(link, res:oids())
  if not binary and plan.format == 1 then
    plan.format = nil
    res:clear()
    errors.raise("InterfaceError",
      "a column has a type whose binary form is not known here, which its declaration did not tell: "
        .. "run the statement again")
  end
  local specs, names = {}, res:names()
  for i, name in ipairs(names) do specs[i] = column_spec(kinds[i], name, columns and columns[i]) end
  plan.decoder, plan.names, plan.signature = core.decoder(specs), names, res:signature()
  return plan.decoder, names
end

---- plans --------------------------------------------------------------------------

function Execution:_new_plan()
  return {
    generation = self.typeinfo.generation,
    decoder = nil,    -- of results with this signature and these names
    signature = nil, names = nil,
    encoder = nil,    -- of the parameters
    key = nil,        -- of the prepared statement
    untyped = nil,    -- positions of parameters whose values tell their types
    declared = nil,   -- the result's format by the statement's own column types
    format = nil,     -- the result's format once it is known
    alone = nil,      -- may not stand in a pipeline
    made_for = nil,   -- what it depends on, of a compiled statement's
  }
end

-- Is a statement COPY? It takes the conversation over.
local function is_copy(sql)
  for kind, first, last in tokenizer.tokens(sql) do
    if kind == "word" then return sql:sub(first, last):upper() == "COPY" end
    if kind ~= "space" and kind ~= "comment" and kind ~= "semicolon" then return false end
  end
  return false
end

function Execution:_plan_of_text(sql, kinds)
  local key = kinds .. ":" .. sql
  local plan = self.text_plans.by_key[key]
  if plan and plan.generation == self.typeinfo.generation then return plan end
  plan = self:_new_plan()
  plan.alone = is_copy(sql)
  keep_plan(self.text_plans, key, plan)
  return plan
end

-- Are all columns of types that the core reads in binary?
local function known_binary(compiled)
  if not compiled.columns then return compiled.kind ~= "text" and not compiled.returning end
  for _, column in ipairs(compiled.columns) do
    if not (column.type and column.type.binary) then return false end
  end
  return true
end

-- The schema that a map gives the enum of a parameter: nil if it is none.
local function enum_schema(type, map)
  type = type.elem or type
  return type.family == "enum" and schema_of(type, map) or nil
end

-- What a plan depends on besides the SQL: the types, and the parameters' names,
-- which errors tell. It must not keep the statement, which has values.
local function signature_of(compiled)
  local types_of_binds, names, schemas, types_of_columns = {}, {}, {}, {}
  for i, bind in ipairs(compiled.binds) do
    types_of_binds[i], names[i] = bind.type, bind.name or bind.key or false
    schemas[i] = enum_schema(bind.type, compiled.schema_map)
  end
  for i, column in ipairs(compiled.columns or {}) do types_of_columns[i] = column.type or false end
  return {
    binds = types_of_binds, names = names, schemas = schemas, columns = types_of_columns, kind = compiled.kind,
  }
end

-- Is a plan that was made for the same SQL right for this compilation?
local function suits(plan, compiled)
  local of, binds, columns = plan.made_for, compiled.binds, compiled.columns or {}
  if of.kind ~= compiled.kind or #of.binds ~= #binds or #of.columns ~= #columns then return false end
  for i = 1, #binds do
    local bind = binds[i]
    if of.names[i] ~= (bind.name or bind.key or false) or not base.same(of.binds[i], bind.type)
        or of.schemas[i] ~= enum_schema(bind.type, compiled.schema_map) then
      return false
    end
  end
  for i = 1, #columns do
    local one, other = of.columns[i], columns[i].type or false
    if one ~= other and not (one and other and base.same(one, other)) then return false end
  end
  return true
end

-- Tells what the compiler found wrong with a statement, once for each text.
local function tell_warnings(self, compiled)
  if self.warned.by_key[compiled.sql] then return end
  keep_plan(self.warned, compiled.sql, true)
  local sql = #compiled.sql > 500 and compiled.sql:sub(1, 500) .. "…" or compiled.sql
  for _, message in ipairs(compiled.warnings) do self.warn(message .. "\n[SQL: " .. sql .. "]") end
end

-- Statements that are built anew for every request share what is known of their SQL.
function Execution:_plan_of(link, compiled)
  local generation = self.typeinfo.generation
  local plan = self.compiled_plans[compiled]
  if plan and plan.generation == generation then return plan end
  plan = self.built_plans.by_key[compiled.sql]
  if not (plan and plan.generation == generation and suits(plan, compiled)) then
    plan = self:_new_plan()
    self:_add_encoder(link, plan, compiled)
    if known_binary(compiled) then plan.declared, plan.format = 1, 1 end
    plan.alone = compiled.kind == "text" and is_copy(compiled.sql)
    plan.made_for = signature_of(compiled)
    keep_plan(self.built_plans, compiled.sql, plan)
  end
  if compiled.warnings and self.warn then tell_warnings(self, compiled) end
  self.compiled_plans[compiled] = plan
  return plan
end

---- running ------------------------------------------------------------------------

local forgetting = {
  ["CREATE EXTENSION"] = true, ["DROP EXTENSION"] = true, ["ALTER EXTENSION"] = true,
  ["DROP TYPE"] = true, ["DROP SCHEMA"] = true,
}

-- Errors that an OID of a type which is no more leads to.
local function mentions_missing_type(err)
  return err.sqlstate == "42704"
    or (err.sqlstate == "XX000" and tostring(err.message):find("cache lookup failed for type"))
end

--- Completes an error of the statement that runs on a link.
function Execution:decorate(link, err)
  if mentions_missing_type(err) then self.typeinfo:forget() end
  local statement = link.statement
  if statement then
    err.sql = statement.sql
    err.params = self:_describe(statement.values, statement.n)
  end
end

--- Logs a statement that has run.
function Execution:log(sql, params, seconds)
  if self.echo then self.echo(sql, params, seconds * 1000) end
end

--- Runs a command of our own, without parameters or rows.
function Execution:command(link, sql)
  link:_check_free()
  local outer, started = link.statement, core.now()
  link.statement = { sql = sql, n = 0 }
  local res = execute.simple(link, sql)
  self:_executed(link, res)
  res:clear()
  link.statement = outer
  self:log(sql, nil, core.now() - started)
end

-- Notes what a statement changed besides data.
function Execution:_executed(link, res)
  local tag = res:cmd_status()
  if forgetting[tag] then
    self.typeinfo:forget()
    link.types_changed = true
  end
  if link.prepared then link.prepared:executed(tag) end
end

--- A statement with its values and what is known of it: a compiled one.
-- @tparam Link link
-- @tparam table compiled what sql.compiler gives
-- @tparam table values in $n order
-- @treturn table `{ plan =, sql =, values =, n =, columns = }`
function Execution:job(link, compiled, values)
  return {
    plan = self:_plan_of(link, compiled), sql = compiled.sql,
    values = values, n = #compiled.binds, columns = compiled.columns,
  }
end

--- The same for raw SQL.
-- @tparam Link link
-- @tparam string sql with $1 … $n
-- @tparam ?table values
-- @tparam number n
-- @treturn table
function Execution:text_job(link, sql, values, n)
  local kinds, key = raw_kinds(values, n)
  local plan = self:_plan_of_text(sql, key)
  if not plan.key then self:_add_raw_encoder(link, plan, sql, kinds) end
  return { plan = plan, sql = sql, values = values, n = n }
end

--- Asks the server for a statement's columns unless they are known: in binary
-- if all can be read so.
function Execution:complete(link, job)
  local plan = job.plan
  if plan.format then return end
  local description = execute.describe(link, "", job.sql, plan.encoder)
  local _, binary = self.typeinfo:_kinds_of(link, description:oids())
  description:clear()
  plan.format = binary and 1 or 0
end

--- The name under which a statement is, or is to be, prepared.
-- @treturn ?string nil: it shall have none
-- @treturn boolean is it prepared already?
function Execution.name_of(link, job)
  local cache, plan = link.prepared, job.plan
  if not cache or plan.alone then return nil, false end
  if plan.untyped then
    for _, i in ipairs(plan.untyped) do
      -- such a value tells its type when the statement is sent with it
      local t = type(job.values[i])
      if t == "boolean" or t == "userdata" then return nil, false end
    end
  end
  return cache:use(plan.key)
end

-- Sends a job in the way that suits it.
function Execution:_send(link, job)
  self:complete(link, job)
  local plan = job.plan
  if plan.alone then link:_check_idle() end
  local name, known = Execution.name_of(link, job)
  if not name then
    return execute.params(link, job.sql, plan.encoder, job.values, job.n, plan.format)
  elseif known then
    return execute.prepared(link, name, plan.encoder, job.values, job.n, plan.format)
  end
  local parsed = { done = function() link.prepared:add(plan.key, name) end }
  return execute.prepare(link, parsed, name, job.sql, plan.encoder, job.values, job.n, plan.format)
end

-- Calls `send(self, link, …)`, and once more if a prepared statement has
-- become stale and nothing is lost by starting over. `plans` are those of the
-- statements.
function Execution:retrying(link, plans, send, ...)
  local cache, opening, statement = link.prepared, link.opening, link.statement
  if not cache then return send(self, link, ...) end
  local ok, res = pcall(send, self, link, ...)
  if ok then return res end
  if type(res) ~= "table" or link.broken or not cache:noticed(res) then error(res, 0) end
  for _, plan in ipairs(plans) do plan.format = plan.declared end
  if opening then
    -- the transaction began with this very conversation
    self:command(link, "ROLLBACK")
    link.opening = opening
  elseif link.pg:transaction_status() ~= "idle" then
    error(res, 0)
  end
  link.statement = statement
  return send(self, link, ...)
end

-- The result of a job's answer; `into` is the table that becomes it, if
-- there is one already; see Result._room.
function Execution:result_of(link, job, res, into)
  local plan = job.plan
  local status, rows, known, touched = res:summary(plan.signature)
  if status ~= "tuples_ok" then
    self:_executed(link, res)
    return Result._touched(res, touched, into)
  end
  if not known then self:_decoder(link, plan, res, job.columns) end
  return Result._buffered(res, plan.decoder, plan.names, rows, touched, job.columns, into)
end

--- Runs one job.
-- @treturn Result
function Execution:run_job(link, job)
  link:_check_free() -- before the statement of whoever is at work is overwritten
  link.statement = job
  local started = self.echo and core.now()
  local res = self:retrying(link, { job.plan }, self._send, job)
  link.statement = nil
  if started then self:log(job.sql, self:_describe(job.values, job.n), core.now() - started) end
  return self:result_of(link, job, res)
end

--- Runs a compiled statement with values in $n order.
-- @treturn Result
function Execution:run(link, compiled, values)
  return self:run_job(link, self:job(link, compiled, values))
end

--- Runs raw SQL with $1 … $n and that many values.
-- @treturn Result
function Execution:run_text(link, sql, values, n)
  return self:run_job(link, self:text_job(link, sql, values, n))
end

--- Runs a script of several statements without parameters.
function Execution:run_script(link, sql)
  link:_check_free()
  link.statement = { sql = sql, n = 0 }
  local res = execute.simple(link, sql)
  link.statement = nil
  -- any of its statements may have been one that changes types
  self.typeinfo:forget()
  link.types_changed = true
  if link.prepared then link.prepared:executed("ALTER") end
  return self:result_of(link, { plan = self:_new_plan() }, res)
end

-- The protocol counts parameters in 16 bits.
local function check_count(n)
  if n > 65535 then
    errors.raise("ArgumentError", "number of parameters must be between 0 and 65535, got %d", n)
  end
  return n
end

--- The values of a parameter list that may have holes.
-- @tparam ?table params a sequence, with `n` if nil stands in it
-- @treturn table values
-- @treturn number how many
function Execution.check_params(params)
  if params == nil then return nil, 0 end
  if type(params) ~= "table" then
    errors.raise("ArgumentError", "params: expected a table, got %s", type(params))
  end
  local n = params.n
  if n ~= nil then
    if not compat.is_integral(n) or n < 0 then
      errors.raise("ArgumentError", "params.n: expected a number of parameters, got %s", tostring(n))
    end
    return params, check_count(n)
  end
  local count = 0
  for key in pairs(params) do
    if not compat.is_integral(key) then
      errors.raise("ArgumentError", "params: expected a sequence for $1, $2, …, got the key '%s'", tostring(key))
    end
    count = count + 1
  end
  if count > 0 and (params[count] == nil or params[1] == nil) then
    errors.raise("ArgumentError", "params: there is a hole in the sequence; give the number of parameters as n")
  end
  return params, check_count(count)
end

return Execution
