--- The models as the server understands them: their tables are made in pg_temp,
-- read by the same catalog queries as the database, and vanish with the
-- transaction. So the server itself normalises types, defaults, conditions and
-- expressions, and nothing has to be parsed here.
--
-- Foreign keys stay out (a temporary table cannot refer to a permanent one, and
-- they have nothing to normalise), and so do sequences. Constraints and indexes
-- get names of their own, by which they are found again.
-- @module pgvector.migrate.compare.model

local catalog = require "pgvector.reflect.catalog"
local ddl = require "pgvector.sql.ddl"
local identifiers = require "pgvector.util.identifiers"
local naming = require "pgvector.sql.naming"
local schema = require "pgvector.sql.schema"
local types = require "pgvector.types"

local model = {}

-- The type as it is stored, with the enums in pg_temp that `replaced` says.
local function stored_type(type, replaced)
  if type.impl then return stored_type(type.impl, replaced) end
  if type.elem then
    return types.ARRAY(stored_type(type.elem, replaced), type.dimensions and { dimensions = type.dimensions })
  end
  local is_replaced = type.family == "enum" and replaced[type.name]
  return is_replaced and type:_with{ schema = "pg_temp" } or type
end

local function copy_column(col, replaced)
  local copy = col:_copy()
  copy._foreign_keys, copy._checks, copy.index, copy.unique, copy.sequence = {}, {}, false, false, nil
  copy.type = stored_type(col.type, replaced)
  if copy.identity == nil then copy.identity = false end
  return copy
end

-- Makes the temporary twin of a table; `found` gets its objects by the twins' names.
local function twin_of(tbl, name, metadata, replaced, found)
  local items = {}
  for i, col in ipairs(tbl:_columns()) do items[i] = copy_column(col, replaced) end
  local function add(object)
    local copy = object:_copy()
    found.count = found.count + 1
    local twin_name = ("pgv_%d"):format(found.count)
    copy._explicit_name, found[twin_name] = naming.final(twin_name), object
    items[#items + 1] = copy
  end
  for _, constraint in ipairs(tbl:_all_constraints()) do
    if constraint.__visit_name ~= "foreign_key_constraint" then add(constraint) end
  end
  for _, index in ipairs(tbl.indexes) do add(index) end
  return schema.Table._new(name, metadata, items, {
    schema = "pg_temp", temporary = true, with = tbl.with, partition_by = tbl.partition_by,
    tablespace = tbl.tablespace,
  })
end

local function make(run, twin)
  run(ddl.create_table(twin))
  for _, index in ipairs(twin.indexes) do run(ddl.create_index(index, { concurrently = false })) end
end

local constraint_lists = { "unique_constraints", "check_constraints", "exclude_constraints" }

-- Facts of a twin, with the constraints and indexes by the model's objects.
local function understood(tbl, fact, found)
  local columns, members = {}, {}
  for _, col in ipairs(fact.columns) do columns[col.name] = col end
  if fact.primary_key then members[found[fact.primary_key.name]] = fact.primary_key end
  for _, list in ipairs(constraint_lists) do
    for _, constraint in ipairs(fact[list]) do members[found[constraint.name]] = constraint end
  end
  for _, index in ipairs(fact.indexes) do
    if not index.backs then members[found[index.name]] = index end
  end
  return { table = tbl, fact = fact, columns = columns, members = members }
end

--- Has the server understand tables. What it makes stays until the transaction
-- is rolled back.
-- @tparam function run
-- @tparam table tables sequence of tables of the models
-- @tparam table replaced names of the enum types that the database lacks or has
--   with other labels, and the types by name
-- @treturn table by table: `{ table =, fact =, columns = by name, members = by object }`
function model.understand(run, tables, replaced)
  run("SET LOCAL client_min_messages = warning", { n = 0 }) -- ivfflat on an empty table has a notice
  for _, name in ipairs(replaced) do run(ddl.create_enum(replaced[name]:_with{ schema = "pg_temp" })) end
  local metadata, by_name, names = schema.MetaData._new{ extensions = {} }, {}, {}
  for i, tbl in ipairs(tables) do
    local name, found = tbl.name, { count = i * 10000 }
    if by_name[name] then name = identifiers.truncate(("%s_%d"):format(name, i)) end
    by_name[name] = { table = tbl, found = found }
    names[i] = name
    make(run, twin_of(tbl, name, metadata, replaced, found))
  end
  local result = {}
  if #names == 0 then return result end
  for _, fact in ipairs(catalog.tables(run, "pg_temp", names)) do
    local entry = by_name[fact.name]
    result[entry.table] = understood(entry.table, fact, entry.found)
  end
  return result
end

return model
