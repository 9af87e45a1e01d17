--- What the catalogs say about a schema, as plain tables.
--
-- `catalog.tables` reads tables with all that belongs to them, `catalog.enums`
-- and the others what stands beside them. Each kind of object costs one query,
-- however many there are. The order is that of names; columns have their own.
-- @module pgvector.reflect.catalog

local column_type = require "pgvector.reflect.types"
local identifiers = require "pgvector.sql.compiler.identifiers"
local index_methods = require "pgvector.sql.index_methods"
local queries = require "pgvector.reflect.queries"

local catalog = {}

-- pg_class.relkind
local kinds = {
  r = "table", p = "partitioned table", f = "foreign table", v = "view", m = "materialized view",
}

-- pg_constraint.confupdtype and confdeltype; NO ACTION is what nothing means
local actions = { r = "RESTRICT", c = "CASCADE", n = "SET NULL", d = "SET DEFAULT" }

-- `{"m=16", "ef_construction=64"}` → { m = 16, … }; only the first "=" separates.
local function storage_options(list)
  if not list then return nil end
  local options = {}
  for _, item in ipairs(list) do
    local name, value = item:match("^(.-)=(.*)$")
    options[name] = tonumber(value) or value
  end
  return options
end

local function by_relation(tables)
  local relations, oids = {}, {}
  for i, tbl in ipairs(tables) do
    relations[tbl.oid] = tbl
    oids[i] = ("%.0f"):format(tbl.oid)
  end
  return relations, "{" .. table.concat(oids, ",") .. "}"
end

---- columns ----------------------------------------------------------------------

local bounds = {
  int2 = { "-32768", "32767" }, int4 = { "-2147483648", "2147483647" },
  int8 = { "-9223372036854775808", "9223372036854775807" },
}

-- A number as it stands in the catalogs; beyond 2^53 only its text is exact.
local function number(text) return #text < 16 and tonumber(text) or text end

-- The numbers of a sequence that are not what the server takes by itself.
local function sequence_options(row, type_name)
  local least, most = bounds[type_name][1], bounds[type_name][2]
  local ascending = row.increment:sub(1, 1) ~= "-"
  if ascending then least = "1" else most = "-1" end
  local function unless(default, text) return text ~= default and number(text) or nil end
  return {
    start = unless(ascending and row.minvalue or row.maxvalue, row.start),
    increment = unless("1", row.increment), minvalue = unless(least, row.minvalue),
    maxvalue = unless(most, row.maxvalue), cache = unless("1", row.cache), cycle = row.cycle or nil,
  }
end

local function read_default(column, row)
  if row.identity then
    column.identity = sequence_options(row, row.type_name)
    column.identity.always = row.identity == "a"
  elseif row.generated then
    column.computed = { sqltext = row.expression, persisted = row.generated == "s" }
  else
    column.default = row.expression
    if row.sequence_name and row.expression:find("^nextval%('[^']*'::regclass%)$") then
      column.sequence = sequence_options(row, "int8")
      column.sequence.name, column.sequence.schema = row.sequence_name, row.sequence_schema
      column.sequence.visible = row.sequence_visible
    end
  end
end

local function read_columns(run, tables, qualified)
  local relations, oids = by_relation(tables)
  for _, row in ipairs(run(queries.columns, { oids })) do
    local column = {
      name = row.name, type = column_type(row, qualified), nullable = row.nullable, comment = row.comment,
      collation = row.collation, server_type = row.type,
    }
    if row.type_kind == "e" then column.enum = { name = row.type_name, schema = row.type_schema } end
    read_default(column, row)
    local columns = relations[row.relation].columns
    columns[#columns + 1] = column
  end
end

---- constraints ------------------------------------------------------------------

local function timing(fact, row)
  fact.deferrable = row.deferrable or nil
  fact.initially = row.deferred and "DEFERRED" or nil
  return fact
end

local function key(row)
  return timing({ name = row.name, column_names = row.columns, comment = row.comment }, row)
end

local read_constraint = {}

function read_constraint.p(tbl, row)
  tbl.primary_key = key(row)
end

function read_constraint.u(tbl, row)
  table.insert(tbl.unique_constraints, key(row))
end

function read_constraint.c(tbl, row)
  table.insert(tbl.check_constraints, {
    name = row.name, sqltext = row.condition, column_names = row.columns, comment = row.comment,
    no_inherit = row.no_inherit or nil, not_valid = row.not_valid or nil,
  })
end

function read_constraint.x(tbl, row)
  local fact = key(row)
  fact.column_names, fact.operators = nil, row.operators
  table.insert(tbl.exclude_constraints, fact)
end

-- As constraints.ForeignKeyConstraint has it.
local function delete_action(row)
  local action = actions[row.ondelete]
  if #row.set_columns == 0 then return action end
  local names = {}
  for i, name in ipairs(row.set_columns) do names[i] = identifiers.quote(name) end
  return ("%s (%s)"):format(action, table.concat(names, ", "))
end

function read_constraint.f(tbl, row)
  table.insert(tbl.foreign_keys, timing({
    name = row.name, column_names = row.columns, comment = row.comment, referred_schema = row.referred_schema,
    referred_table = row.referred_table, referred_columns = row.referred_columns,
    referred_visible = row.referred_visible, onupdate = actions[row.onupdate],
    ondelete = delete_action(row),
    match = row.match == "f" and "FULL" or nil, not_valid = row.not_valid or nil,
  }, row))
end

local function read_constraints(run, tables)
  local relations, oids = by_relation(tables)
  for _, row in ipairs(run(queries.constraints, { oids })) do
    read_constraint[row.kind](relations[row.relation], row)
  end
end

---- indexes ----------------------------------------------------------------------

local function index_of(row)
  return {
    name = row.name, using = row.method, unique = row.is_unique, valid = row.is_valid,
    elements = {}, include = {}, nulls_not_distinct = row.nulls_not_distinct or nil,
    with = storage_options(row.options), tablespace = row.tablespace, where = row.predicate,
    comment = row.comment, backs = row.backs,
  }
end

-- pg_index.indoption: 1 is DESC, 2 is NULLS FIRST. NULLS FIRST goes without
-- saying for DESC.
local function sorting(flags)
  local desc, nulls_first = flags % 2 == 1, math.floor(flags / 2) % 2 == 1
  return desc or nil, nulls_first ~= desc and (nulls_first and "first" or "last") or nil
end

local function read_element(index, row)
  if #index.elements == row.key_count then
    table.insert(index.include, row.column_name)
    return
  end
  local desc, nulls = sorting(row.flags)
  table.insert(index.elements, {
    column = row.column_name, expression = row.expression, opclass = row.opclass, is_default = row.is_default,
    desc = desc, nulls = nulls, collation = row.collation,
  })
  index.metric = index_methods.is_vector_method(index.using) and index_methods.metric_of(row.opclass) or nil
end

-- What is kept only in the index of a constraint goes to the constraint.
local function complete_constraint(tbl, index)
  local function complete(constraint)
    if constraint and constraint.name == index.backs then
      constraint.nulls_not_distinct = index.nulls_not_distinct
      constraint.include = #index.include > 0 and index.include or nil
      constraint.index = index
    end
  end
  complete(tbl.primary_key)
  for _, constraint in ipairs(tbl.unique_constraints) do complete(constraint) end
  for _, constraint in ipairs(tbl.exclude_constraints) do complete(constraint) end
end

local function read_indexes(run, tables)
  local relations, oids = by_relation(tables)
  local index, oid
  for _, row in ipairs(run(queries.index_elements, { oids })) do
    local tbl = relations[row.relation]
    if row.oid ~= oid then
      index, oid = index_of(row), row.oid
      table.insert(tbl.indexes, index)
    end
    read_element(index, row)
  end
  for _, tbl in ipairs(tables) do
    for _, found in ipairs(tbl.indexes) do
      if found.backs then complete_constraint(tbl, found) end
    end
  end
end

---- tables -----------------------------------------------------------------------

-- The text of an array of strings, as the server reads it.
local function text_array(names)
  local parts = {}
  for i, name in ipairs(names) do parts[i] = '"' .. name:gsub('[\\"]', "\\%0") .. '"' end
  return "{" .. table.concat(parts, ",") .. "}"
end

-- Tables and views by name alone; what they consist of is still empty.
local function read_relations(run, schema, names)
  local tables = {}
  local params = { schema, names and text_array(names), n = 2 }
  for i, row in ipairs(run(queries.relations, params)) do
    tables[i] = {
      oid = row.oid, schema = row.schema, name = row.name, kind = kinds[row.kind], visible = row.visible,
      unlogged = row.persistence == "u" or nil, temporary = row.persistence == "t" or nil,
      comment = row.comment, tablespace = row.tablespace, with = storage_options(row.options),
      partition_by = row.partition_by, is_partition = row.is_partition or nil,
      definition = row.definition, extension = row.extension, columns = {}, unique_constraints = {},
      check_constraints = {}, exclude_constraints = {}, foreign_keys = {}, indexes = {},
    }
  end
  return tables
end

--- Reads which tables and views there are: `tables` without what they consist of.
function catalog.relations(run, schema) return read_relations(run, schema) end

--- Reads the tables and views of a schema.
-- @tparam function run `run(sql, params)` → rows
-- @tparam ?string schema nil: what the search_path shows; "pg_temp": the
--   session's temporary tables
-- @tparam[opt] table names only these
-- @treturn table sequence of tables: `name`, `schema`, `kind`, `columns`,
--   `primary_key`, `unique_constraints`, `check_constraints`,
--   `exclude_constraints`, `foreign_keys`, `indexes`, …
function catalog.tables(run, schema, names)
  local tables = read_relations(run, schema, names)
  if #tables > 0 then
    read_columns(run, tables, schema ~= nil and schema ~= "pg_temp")
    read_constraints(run, tables)
    read_indexes(run, tables)
  end
  return tables
end

-- Rows have their values by position, too; a fact has names only.
local function named(rows, fields)
  local facts = {}
  for i, row in ipairs(rows) do
    facts[i] = {}
    for _, field in ipairs(fields) do facts[i][field] = row[field] end
  end
  return facts
end

--- Reads the enumerated types.
function catalog.enums(run, schema)
  return named(run(queries.enums, { schema, n = 1 }),
    { "name", "schema", "visible", "labels", "comment", "extension" })
end

--- Reads the sequences: `name`, `schema`, their numbers where they are not the
-- server's defaults, and `owner_table`, `owner_column` of SERIAL and identity columns.
function catalog.sequences(run, schema)
  local rows = run(queries.sequences, { schema, n = 1 })
  local sequences = named(rows,
    { "name", "schema", "visible", "comment", "owner_table", "owner_column" })
  for i, row in ipairs(rows) do
    for option, value in pairs(sequence_options(row, "int8")) do sequences[i][option] = value end
    sequences[i].is_identity = row.is_identity or nil
  end
  return sequences
end

--- Reads the extensions.
function catalog.extensions(run)
  return named(run(queries.extensions, { n = 0 }), { "name", "version", "schema", "comment" })
end

--- Reads the names of the schemas.
function catalog.schemas(run)
  local names = {}
  for i, row in ipairs(run(queries.schemas, { n = 0 })) do names[i] = row.name end
  return names
end

return catalog
