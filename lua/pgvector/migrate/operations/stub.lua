--- Tables that only one operation knows: what it says about a table, without
-- the rest of the schema. The tables that foreign keys refer to are stood in
-- for by their names.
-- @module pgvector.migrate.operations.stub

local class = require "pgvector.class"
local column = require "pgvector.sql.column"
local constraints = require "pgvector.sql.constraints"
local errors = require "pgvector.errors"
local schema = require "pgvector.sql.schema"
local types = require "pgvector.types"

local stub = {}

--- A column of which no more is known than its name, and perhaps its type.
function stub.column(name, type_) return column.Column._new(name, type_ or types.NULLTYPE) end

--- Columns by their names; one that occurs twice is one.
-- @tparam table names sequence of strings
-- @treturn table sequence of columns
function stub.columns(names)
  local columns, seen = {}, {}
  for _, name in ipairs(names) do
    if not seen[name] then
      seen[name] = true
      columns[#columns + 1] = stub.column(name)
    end
  end
  return columns
end

-- Calls fn(target) for each table that the items' foreign keys refer to.
local function each_target(items, fn)
  for _, item in ipairs(items) do
    if class.is(item, constraints.ForeignKeyConstraint) then
      for _, target in ipairs(item.targets) do fn(target) end
    elseif class.is(item, column.Column) then
      for _, key in ipairs(item._foreign_keys) do
        for _, target in ipairs(key:_constraint(item).targets) do fn(target) end
      end
    end
  end
end

-- Defines the tables that are referred to, with the columns that are.
local function define_targets(metadata, name, own_schema, items)
  local order, columns = {}, {}
  each_target(items, function(target)
    if constraints.is_column(target) then return end
    local to_itself = target.table == name and (target.schema == nil or target.schema == own_schema)
    if to_itself then return end
    local key = (target.schema or "") .. "." .. target.table
    if not columns[key] then
      columns[key] = {}
      order[#order + 1] = { key = key, target = target }
    end
    table.insert(columns[key], target.column)
  end)
  for _, referred in ipairs(order) do
    schema.Table._new(referred.target.table, metadata, stub.columns(columns[referred.key]),
      { schema = referred.target.schema or false })
  end
end

--- Makes the table of an operation.
-- @tparam string name
-- @tparam table items columns, constraints and indexes
-- @tparam[opt] table options of the table
-- @treturn Table in metadata of its own
function stub.table(name, items, options)
  if type(items) ~= "table" or getmetatable(items) then
    errors.raise("ArgumentError", "table '%s': expected a sequence of columns and constraints, got %s", name,
      class.describe(items))
  end
  local metadata = schema.MetaData._new()
  define_targets(metadata, name, options and options.schema, items)
  return schema.Table._new(name, metadata, items, options)
end

return stub
