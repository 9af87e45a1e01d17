--- What is known of statements: which encoder the parameters need, in which
-- format the answer is wanted, how it is decoded.
--
-- A plan keeps what was found out for one statement: its encoder, the format,
-- and the decoder of the shape its last answer had.
-- @module pgvector.engine.plans

local base = require "pgvector.types.base"
local class = require "pgvector.class"
local core = require "pgvector.core"
local errors = require "pgvector.errors"
local execute = require "pgvector.driver.execute"
local json = require "pgvector.types.json"
local tokenizer = require "pgvector.sql.tokenizer"
local types = require "pgvector.types"

local Plans = class("Plans")

-- How many SQL texts keep their plan; past that all are dropped and learnt anew.
local MOST = 500

local function store() return { by_key = {}, count = 0 } end

local function keep(stored, key, plan)
  if not stored.by_key[key] then
    if stored.count >= MOST then stored.by_key, stored.count = {}, 0 end
    stored.count = stored.count + 1
  end
  stored.by_key[key] = plan
end

--- The plans of all connections to one database.
-- @tparam TypeInfo typeinfo
-- @tparam ?function warn told of statements that are probably not meant so
function Plans.new(typeinfo, warn)
  return setmetatable({
    typeinfo = typeinfo,
    warn = warn, warned = store(),  -- by SQL
    by_compiled = setmetatable({}, { __mode = "k" }),
    by_sql = store(),               -- of compiled statements
    by_text = store(),              -- by raw SQL and the kinds of its parameters
  }, Plans)
end

---- encoders ---------------------------------------------------------------------

-- The schema of a type; an enum's is translated like that of tables.
local function schema_of(type, map)
  if map and type.family == "enum" then return map:translate(type.schema) end
  return type.schema
end

-- Fills in what only the database knows about a parameter's type.
function Plans:_complete_spec(link, spec, type, map)
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
function Plans:_add_encoder(link, plan, compiled)
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

function Plans:_add_raw_encoder(link, plan, sql, kinds, typed)
  local specs = {}
  for i, kind in ipairs(kinds) do
    local oid, type_ = nil, typed and typed[i]
    if type_ then
      specs[i] = self:_complete_spec(link, type_:bind_spec(), type_)
    elseif kind == "bool" then
      oid = 16
    elseif kind == "bit" then
      oid = 1560
    elseif kind ~= "unknown" then
      oid = self.typeinfo:_oid_of(link, kind)
    end
    specs[i] = specs[i] or { kind = kind, oid = oid }
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

--- The decoder of a result, and the names of its columns.
function Plans:decoder(link, plan, res, columns)
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

--- A plan of which nothing is known yet, and which nobody shares.
function Plans:fresh()
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

--- The plan of raw SQL.
-- @tparam Link link
-- @tparam string sql with $1 … $n
-- @tparam ?table values
-- @tparam number n
-- @tparam ?table typed types that some of the values were given
function Plans:of_text(link, sql, values, n, typed)
  local kinds, kinds_key = raw_kinds(values, n)
  local key = kinds_key .. ":" .. sql
  local plan = not typed and self.by_text.by_key[key]
  if plan and plan.generation == self.typeinfo.generation then return plan end
  plan = self:fresh()
  plan.alone = is_copy(sql)
  self:_add_raw_encoder(link, plan, sql, kinds, typed)
  if not typed then keep(self.by_text, key, plan) end
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
  keep(self.warned, compiled.sql, true)
  local sql = #compiled.sql > 500 and compiled.sql:sub(1, 500) .. "…" or compiled.sql
  for _, message in ipairs(compiled.warnings) do self.warn(message .. "\n[SQL: " .. sql .. "]") end
end

--- The plan of a compiled statement. Statements that are built anew for every
-- request share what is known of their SQL.
function Plans:of(link, compiled)
  local generation = self.typeinfo.generation
  local plan = self.by_compiled[compiled]
  if plan and plan.generation == generation then return plan end
  plan = self.by_sql.by_key[compiled.sql]
  if not (plan and plan.generation == generation and suits(plan, compiled)) then
    plan = self:fresh()
    self:_add_encoder(link, plan, compiled)
    if known_binary(compiled) then plan.declared, plan.format = 1, 1 end
    plan.alone = compiled.kind == "text" and is_copy(compiled.sql)
    plan.made_for = signature_of(compiled)
    keep(self.by_sql, compiled.sql, plan)
  end
  if compiled.warnings and self.warn then tell_warnings(self, compiled) end
  self.by_compiled[compiled] = plan
  return plan
end

--- Asks the server for a statement's columns unless they are known: in binary
-- if all can be read so.
-- @tparam Link link
-- @tparam table job see Execution:job
function Plans:complete(link, job)
  local plan = job.plan
  if plan.format then return end
  local description = execute.describe(link, "", job.sql, plan.encoder)
  local _, binary = self.typeinfo:_kinds_of(link, description:oids())
  description:clear()
  plan.format = binary and 1 or 0
end

return Plans
