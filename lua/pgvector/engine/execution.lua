--- From a compiled statement and its values to a result: which encoder the
-- parameters need, in which format the answer is wanted, how it is decoded.
--
-- A plan keeps what was found out for one statement: its encoder, the format,
-- and the decoders of the shapes its answers had.
-- @module pgvector.engine.execution

local class = require "pgvector.class"
local compat = require "pgvector.compat"
local core = require "pgvector.core"
local errors = require "pgvector.errors"
local execute = require "pgvector.driver.execute"
local json = require "pgvector.types.json"
local Result = require "pgvector.engine.result"

local Execution = class("Execution")

-- How many raw SQL texts keep their plan; past that all are dropped and learnt anew.
local MAX_TEXT_PLANS = 500

--- The state that all connections to one database share.
-- @tparam TypeInfo typeinfo
-- @tparam boolean hide_parameters
-- @tparam ?function echo called with (sql, params, milliseconds)
function Execution.new(typeinfo, hide_parameters, echo)
  return setmetatable({
    typeinfo = typeinfo,
    hide_parameters = hide_parameters,
    echo = echo,
    compiled_plans = setmetatable({}, { __mode = "k" }),
    text_plans = {}, text_plan_count = 0,
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

-- Fills in what only the database knows about a parameter's type.
function Execution:_complete_spec(link, spec, type)
  local elem = type and type.elem
  if elem then
    if elem.oid then
      spec.elem_oid, spec.oid = elem.oid, self.typeinfo.builtin_array(elem.oid)
    elseif elem.type_name then
      spec.elem_oid, spec.oid = self.typeinfo:_oid_of(link, elem.type_name, elem.schema)
    end
  elseif type and type.type_name and not type.oid then
    spec.oid = self.typeinfo:_oid_of(link, type.type_name, type.schema)
  end
  spec.oid = spec.oid or type and type.oid or 0
  return spec
end

function Execution:_encoder_for(link, binds)
  if #binds == 0 then return nil end
  local specs, vector_oids = {}, nil
  for i, bind in ipairs(binds) do
    local spec = bind.type:bind_spec(bind.name or bind.key)
    specs[i] = self:_complete_spec(link, spec, bind.type)
    if spec.kind == "unknown" then vector_oids = vector_oids or self.typeinfo:_vector_oids(link) end
  end
  return core.encoder(specs, vector_oids)
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

function Execution:_raw_encoder(link, kinds)
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
  return core.encoder(specs)
end

---- decoders ---------------------------------------------------------------------

local json_kinds = { json = true, jsonb = true, ["json[]"] = true, ["jsonb[]"] = true }

-- A column's decoder: the server's type says how to read the bytes; the
-- statement's type may refine that (`as="epoch"`) and convert the value.
local function column_spec(kind, name, column)
  local wanted = column and column.type and column.type:result_spec()
  local convert = wanted and wanted.convert
  if wanted and wanted.kind and wanted.kind:match("^[^:]*") == kind then kind = wanted.kind end
  if not convert and json_kinds[kind] then convert = json.decode end
  return { kind = kind, name = name, convert = convert }
end

function Execution:_decoder(link, plan, res, columns)
  local signature = res:signature()
  local decoder = plan.decoders[signature]
  if decoder then return decoder end
  local kinds, binary = self.typeinfo:_kinds_of(link, res:oids())
  if not binary and plan.format == 1 then
    plan.format = nil
    res:clear()
    errors.raise("InterfaceError",
      "a column has a type whose binary form is not known here, which its declaration did not tell: "
        .. "run the statement again")
  end
  local specs = {}
  for i, name in ipairs(res:names()) do specs[i] = column_spec(kinds[i], name, columns and columns[i]) end
  decoder = core.decoder(specs)
  plan.decoders[signature] = decoder
  return decoder
end

---- plans --------------------------------------------------------------------------

function Execution:_new_plan()
  return { decoders = {}, generation = self.typeinfo.generation, format = nil, encoder = nil }
end

function Execution:_plan_of_text(sql, kinds)
  local key = kinds .. ":" .. sql
  local plan = self.text_plans[key]
  if plan and plan.generation == self.typeinfo.generation then return plan end
  if not plan then
    if self.text_plan_count >= MAX_TEXT_PLANS then
      self.text_plans, self.text_plan_count = {}, 0
    end
    self.text_plan_count = self.text_plan_count + 1
  end
  plan = self:_new_plan()
  self.text_plans[key] = plan
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

function Execution:_plan_of(link, compiled)
  local plan = self.compiled_plans[compiled]
  if plan and plan.generation == self.typeinfo.generation then return plan end
  local encoder = self:_encoder_for(link, compiled.binds)
  plan = self:_new_plan()
  plan.encoder = encoder
  if known_binary(compiled) then plan.format = 1 end
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

-- Asks the server for a statement's columns: binary if all can be read so.
function Execution:_learn_format(link, plan, sql, encoder)
  local description = execute.describe(link, "", sql, encoder)
  local _, binary = self.typeinfo:_kinds_of(link, description:oids())
  description:clear()
  plan.format = binary and 1 or 0
end

-- Runs one statement by its plan.
function Execution:_run(link, plan, encoder, sql, values, n, columns)
  link.statement = { sql = sql, values = values, n = n }
  local started = self.echo and core.now()
  if not plan.format then self:_learn_format(link, plan, sql, encoder) end
  local res = execute.params(link, sql, encoder, values, n, plan.format)
  link.statement = nil
  if started then self.echo(sql, self:_describe(values, n), (core.now() - started) * 1000) end
  if forgetting[res:cmd_status()] then
    self.typeinfo:forget()
    link.types_changed = true
  end
  local decoder
  if res:status() == "tuples_ok" then decoder = self:_decoder(link, plan, res, columns) end
  return Result._buffered(res, decoder, columns)
end

--- Runs a compiled statement.
-- @tparam Link link
-- @tparam table compiled what sql.compiler gives
-- @tparam table values in $n order
-- @treturn Result
function Execution:run(link, compiled, values)
  local plan = self:_plan_of(link, compiled)
  return self:_run(link, plan, plan.encoder, compiled.sql, values, #compiled.binds, compiled.columns)
end

--- The plan of raw SQL with values of the kinds at hand.
function Execution:_plan_of_values(link, sql, values, n)
  if n == 0 then return self:_plan_of_text(sql, "") end
  local kinds, key = raw_kinds(values, n)
  local plan = self:_plan_of_text(sql, key)
  if not plan.encoder then
    plan.encoder = self:_raw_encoder(link, kinds)
  end
  return plan
end

--- Runs raw SQL.
-- @tparam Link link
-- @tparam string sql with $1 … $n
-- @tparam ?table values
-- @tparam number n
-- @treturn Result
function Execution:run_text(link, sql, values, n)
  local plan = self:_plan_of_values(link, sql, values, n)
  return self:_run(link, plan, plan.encoder, sql, values, n)
end

--- Runs a script of several statements without parameters.
function Execution:run_script(link, sql)
  link.statement = { sql = sql, n = 0 }
  local res = execute.simple(link, sql)
  link.statement = nil
  -- any of its statements may have been one that changes types
  self.typeinfo:forget()
  link.types_changed = true
  local decoder
  if res:status() == "tuples_ok" then
    decoder = self:_decoder(link, self:_new_plan(), res)
  end
  return Result._buffered(res, decoder)
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
