--- Facts of the catalogs → tables of metadata, as if they had been written.
-- @module pgvector.reflect.build

local column = require "pgvector.sql.column"
local compat = require "pgvector.compat"
local constraints = require "pgvector.sql.constraints"
local expressions = require "pgvector.sql.expressions"
local functions = require "pgvector.sql.functions"
local index = require "pgvector.sql.index"
local naming = require "pgvector.sql.naming"
local schema = require "pgvector.sql.schema"
local types = require "pgvector.types"

local build = {}

local sql = expressions.literal_column

local sequence_options = { "start", "increment", "minvalue", "maxvalue", "cache", "cycle" }
local constraint_options = {
  "comment", "deferrable", "initially", "include", "nulls_not_distinct", "no_inherit", "not_valid", "match",
  "onupdate", "ondelete",
}

local function pick(fact, fields)
  local options = {}
  for _, field in ipairs(fields) do options[field] = fact[field] end
  return options
end

-- The options of a constraint. Its name is final: no convention applies.
local function options_of(fact)
  local options = pick(fact, constraint_options)
  options.name = naming.final(fact.name)
  return options
end

-- The schema that a reference names: none for what the search_path finds,
-- unless the table itself was asked for by its schema.
local function schema_of(name, visible, qualified)
  return (qualified or not visible) and name or nil
end

local function build_column(fact, qualified, is_key)
  local options = { fact.name, fact.type, nullable = fact.nullable, comment = fact.comment }
  if fact.identity then
    local identity = pick(fact.identity, sequence_options)
    identity.always = fact.identity.always
    options[3] = column.Identity._new(identity)
    return column.Column._new(options)
  end
  if is_key then options.identity = false end -- or an integer would get one
  if fact.computed then
    options[3] = column.Computed._new(fact.computed.sqltext, { stored = fact.computed.persisted })
  elseif fact.sequence then
    local sequence = pick(fact.sequence, sequence_options)
    sequence.schema = schema_of(fact.sequence.schema, fact.sequence.visible, qualified)
    options[3] = column.Sequence._new(fact.sequence.name, sequence)
  elseif fact.default then
    options.server_default = sql(fact.default)
  end
  return column.Column._new(options)
end

-- The two expressions of quantised indexes become what the user would write, so
-- that searches recognise them; any other stays SQL text.
local function build_expression(text, columns)
  local name, type_name, dim = text:match('^%("?([%w_]+)"?::([%w_.]+)%((%d+)%)%)$')
  if not name then
    name, type_name, dim = text:match('^%(binary_quantize%("?([%w_]+)"?%)::([%w_.]+)%((%d+)%)%)$')
    if columns[name] and type_name == "bit" then
      return functions.func.binary_quantize(columns[name]):cast(types.BIT(tonumber(dim)))
    end
  elseif columns[name] and type_name:match("[%w_]+$") == "halfvec" then
    return columns[name]:cast(types.HALFVEC(tonumber(dim)))
  end
  return sql(text)
end

local function build_element(fact, columns)
  local element = columns[fact.column] or build_expression(fact.expression, columns)
  if fact.collation then element = element:collate(fact.collation) end
  if fact.desc then element = element:desc() end
  if fact.nulls then element = fact.nulls == "first" and element:nulls_first() or element:nulls_last() end
  return element
end

local function operator_classes(fact)
  local ops = {}
  for i, element in ipairs(fact.elements) do
    if not element.is_default then ops[i] = element.opclass end
  end
  return ops
end

local function build_index(fact, columns)
  local elements = {}
  for i, element in ipairs(fact.elements) do elements[i] = build_element(element, columns) end
  elements[#elements + 1] = {
    unique = fact.unique or nil, using = fact.using ~= "btree" and fact.using or nil, with = fact.with,
    ops = operator_classes(fact), where = fact.where and sql(fact.where),
    include = #fact.include > 0 and fact.include or nil, nulls_not_distinct = fact.nulls_not_distinct,
    tablespace = fact.tablespace, comment = fact.comment,
  }
  return index.Index._new(naming.final(fact.name), compat.unpack(elements))
end

local function build_foreign_key(fact, qualified)
  local targets = {}
  for i, name in ipairs(fact.referred_columns) do
    targets[i] = {
      schema = schema_of(fact.referred_schema, fact.referred_visible, qualified), table = fact.referred_table,
      column = name,
    }
  end
  return constraints.ForeignKeyConstraint._new(fact.column_names, targets, options_of(fact))
end

local function build_exclude(fact, columns)
  local elements, options = {}, options_of(fact)
  for i, element in ipairs(fact.index.elements) do
    elements[i] = { build_element(element, columns), fact.operators[i] }
  end
  options.using, options.ops = fact.index.using, operator_classes(fact.index)
  options.where = fact.index.where and sql(fact.index.where)
  return constraints.ExcludeConstraint._new(elements, options)
end

local function with_columns(constructor, fact)
  local arguments = {}
  for i, name in ipairs(fact.column_names) do arguments[i] = name end
  arguments[#arguments + 1] = options_of(fact)
  return constructor(compat.unpack(arguments))
end

--- What a table consists of.
-- @tparam table fact of `catalog.tables`
-- @tparam boolean qualified was it asked for by its schema?
-- @tparam[opt] table given columns by name that stand for those of the database
-- @treturn table sequence of columns, constraints and indexes
-- @treturn table options of Table
function build.items(fact, qualified, given)
  local items, columns = {}, {}
  local function add(item) items[#items + 1] = item end
  local key = fact.primary_key and #fact.primary_key.column_names == 1 and fact.primary_key.column_names[1]
  for _, col in ipairs(fact.columns) do
    columns[col.name] = given and given[col.name] or build_column(col, qualified, col.name == key)
    add(columns[col.name])
  end
  if fact.primary_key then add(with_columns(constraints.PrimaryKeyConstraint._new, fact.primary_key)) end
  for _, unique in ipairs(fact.unique_constraints) do
    add(with_columns(constraints.UniqueConstraint._new, unique))
  end
  for _, check in ipairs(fact.check_constraints) do
    add(constraints.CheckConstraint._new(check.sqltext, options_of(check)))
  end
  for _, exclude in ipairs(fact.exclude_constraints) do add(build_exclude(exclude, columns)) end
  for _, foreign in ipairs(fact.foreign_keys) do add(build_foreign_key(foreign, qualified)) end
  for _, of_table in ipairs(fact.indexes) do
    if not of_table.backs then add(build_index(of_table, columns)) end
  end
  local options = pick(fact, { "comment", "unlogged", "temporary", "tablespace", "with", "partition_by" })
  options.schema = qualified and fact.schema or false
  -- what CREATE TABLE does not make again
  local plain = fact.kind == "table" or fact.kind == "partitioned table"
  options.managed = plain and not fact.is_partition and not fact.extension
  return items, options
end

--- Makes a table of metadata.
-- @treturn Table
function build.table(metadata, fact, qualified)
  local items, options = build.items(fact, qualified)
  return schema.Table._new(fact.name, metadata, items, options)
end

return build
