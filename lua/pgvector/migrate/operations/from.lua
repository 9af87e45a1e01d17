--- Operations made from schema objects: what autogenerate emits. An operation
-- that drops something keeps the one that creates it as its reverse.
-- @module pgvector.migrate.operations.from

local base = require "pgvector.migrate.operations.base"
local class = require "pgvector.class"
local constraints = require "pgvector.sql.constraints"
local index_methods = require "pgvector.sql.index_methods"
local selectable = require "pgvector.sql.selectable"
local source = require "pgvector.migrate.source"

local from = {}

local Operation, definitions = base.Operation, base.definitions

-- An operation whose parts are complete: not checked, not attached anew.
local function make(kind, fields)
  fields.kind, fields._definition = kind, definitions[kind]
  fields.options = fields.options or {}
  return setmetatable(fields, Operation)
end

-- The pair of operations that create and drop the same thing.
local function both(create, drop)
  create.undo, drop.undo = drop, create
  return create, drop
end

-- A column as it is rendered: its constraints stand for themselves, and the
-- primary key's flag only if its constraint has no name of its own.
local function bare_column(col, keyed)
  local copy = col:_copy()
  if copy.primary_key and copy:_wants_identity() then copy.identity = false end
  copy._foreign_keys, copy._checks, copy.index, copy.unique = {}, {}, false, false
  if not keyed then copy.primary_key = false end
  return copy
end

local function table_pair(tbl, options)
  local without, items = options and options.without or {}, {}
  local key = tbl.primary_key
  for _, col in ipairs(tbl:_columns()) do items[#items + 1] = bare_column(col, key and not key.name) end
  for _, constraint in ipairs(tbl:_all_constraints()) do
    local is_flag = constraint == key and not key.name
    if not is_flag and not without[constraint] then items[#items + 1] = constraint end
  end
  return both(make("create_table", {
    name = tbl.name, items = items, table = tbl, without = without, indexes = {},
    options = {
      schema = tbl.schema, comment = tbl.comment, unlogged = tbl.unlogged, temporary = tbl.temporary,
      tablespace = tbl.tablespace, with = tbl.with, partition_by = tbl.partition_by,
    },
  }), make("drop_table", { name = tbl.name, options = { schema = tbl.schema } }))
end

--- CREATE TABLE without its indexes, which are operations of their own.
-- @tparam Table tbl
-- @tparam[opt] table options `without`: a set of constraints that are left out
function from.create_table(tbl, options) return (table_pair(tbl, options)) end

--- DROP TABLE; its reverse creates it without indexes.
function from.drop_table(tbl, options) return (select(2, table_pair(tbl, options))) end

-- The definition of a column alone, without what its table says of it.
local function column_pair(col)
  local tbl = col.table
  return both(definitions.add_column.new(tbl.name, bare_column(col), { schema = tbl.schema }),
    make("drop_column", { table_name = tbl.name, column_name = col.name, options = { schema = tbl.schema } }))
end

--- ADD COLUMN; keys, checks and indexes over it are operations of their own.
-- @tparam Column col of a table
function from.add_column(col) return (column_pair(col)) end

--- DROP COLUMN.
function from.drop_column(col) return (select(2, column_pair(col))) end

local index_options = {
  "unique", "using", "metric", "with", "nulls_not_distinct", "tablespace", "comment",
}

-- What an element is called in `ops`, and the element with that name.
local function named_element(element, position)
  local inner = element
  while inner.__visit_name == "ordering" do inner = inner.element end
  if constraints.is_column(inner) or inner.__visit_name == "label" then return inner.name, element end
  local name = "element_" .. position
  return name, element:label(name)
end

local function option_table(index)
  local options = { schema = index.table.schema, concurrently = index.concurrently }
  if type(index.where) == "table" then
    options.where = source.sql_text(index.where)
  else
    options.where = index.where
  end
  for _, name in ipairs(index_options) do
    local value = index[name]
    if not (type(value) == "table" and next(value) == nil) then options[name] = value end
  end
  for i, col in ipairs(index.included or {}) do
    options.include = options.include or {}
    options.include[i] = col.name
  end
  return options
end

local function vector_index(index, options)
  local element = index.elements[1]
  for name, value in pairs(options.with or {}) do options[name] = value end
  options.with, options.using = nil, nil
  -- the metric tells the operator class of a column; of an expression, or where
  -- the class has a schema, only the class does
  local opclass, is_column = index.opclasses[1], constraints.is_column(element)
  if opclass and not (index.metric and is_column and not opclass:find(".", 1, true)) then options.ops = opclass end
  if is_column then element = selectable.column(element.name, element.type) end
  return make("create_" .. index.method .. "_index", {
    name = index.name, table_name = index.table.name, element = element, index = index, options = options,
    settings = {},
  })
end

local function plain_index(index, options)
  local elements = {}
  for i, element in ipairs(index.elements) do
    elements[i] = constraints.is_column(element) and element.name or element
    if index.opclasses[i] then
      local name
      name, element = named_element(element, i)
      options.ops = options.ops or {}
      options.ops[name] = index.opclasses[i]
      if type(elements[i]) ~= "string" then elements[i] = element end
    end
  end
  return make("create_index", {
    name = index.name, table_name = index.table.name, elements = elements, index = index, options = options,
    settings = {},
  })
end

local function index_pair(index)
  local options = option_table(index)
  local of_ours = index_methods.is_vector_method(index.method)
    and (index.metric or index.opclasses[1]) and #index.elements == 1
  return both(of_ours and vector_index(index, options) or plain_index(index, options), make("drop_index", {
    name = index.name, table_name = index.table.name,
    options = { schema = index.table.schema, concurrently = index.concurrently },
  }))
end

--- CREATE INDEX; one of pgvector's becomes create_hnsw_index or create_ivfflat_index.
-- @tparam Index index of a table
function from.create_index(index) return (index_pair(index)) end

--- DROP INDEX.
function from.drop_index(index) return (select(2, index_pair(index))) end

local function names_of(columns)
  local names = {}
  for i, col in ipairs(columns) do names[i] = col.name end
  return names
end

local function pick(constraint, names)
  local options = { schema = constraint.table.schema }
  for _, name in ipairs(names) do
    local value = constraint[name]
    if value ~= nil and not (value == false and name ~= "deferrable") then options[name] = value end
  end
  return options
end

local function include_names(options)
  for i, col in ipairs(options.include or {}) do
    if type(col) ~= "string" then options.include[i] = col.name end
  end
  return options
end

-- By the constraint's kind: the operation that adds it, the type of the one
-- that drops it, and what the operation holds.
local adding = {
  unique_constraint = function(c)
    return "create_unique_constraint", "unique", {
      columns = names_of(c.columns),
      options = include_names(pick(c, { "deferrable", "initially", "nulls_not_distinct", "include", "comment" })),
    }
  end,
  primary_key_constraint = function(c)
    return "create_primary_key", "primary", {
      columns = names_of(c.columns),
      options = include_names(pick(c, { "deferrable", "initially", "include", "comment" })),
    }
  end,
  check_constraint = function(c)
    return "create_check_constraint", "check", {
      condition = source.sql_text(c.condition), options = pick(c, { "not_valid", "no_inherit", "comment" }),
    }
  end,
  foreign_key_constraint = function(c)
    local options = pick(c, { "ondelete", "onupdate", "match", "deferrable", "initially", "not_valid", "comment" })
    options.source_schema, options.schema = options.schema, nil
    local referred = c:referred_table()
    options.referent_schema = referred.schema
    return "create_foreign_key", "foreignkey", {
      referent = referred.name, columns = names_of(c.columns), referred_columns = names_of(c:referred_columns()),
      options = options,
    }
  end,
  exclude_constraint = function(c)
    local elements = {}
    for i, pair in ipairs(c.elements) do
      local element = c.expressions[i]
      elements[i] = { constraints.is_column(element) and element.name or element, pair[2] }
    end
    local options = pick(c, { "using", "where", "ops", "deferrable", "initially", "comment" })
    if type(options.where) == "table" then options.where = source.sql_text(options.where) end
    return "create_exclude_constraint", "exclude", { elements = elements, options = options }
  end,
}

local function constraint_pair(constraint)
  local kind, type_, fields = adding[constraint.__visit_name](constraint)
  fields.name, fields.table_name, fields.constraint = constraint.name, constraint.table.name, constraint
  return both(make(kind, fields), make("drop_constraint", {
    name = constraint.name, table_name = constraint.table.name,
    options = { schema = constraint.table.schema, type = type_ },
  }))
end

--- ADD CONSTRAINT, by the operation for its kind.
-- @tparam Constraint constraint of a table
function from.create_constraint(constraint) return (constraint_pair(constraint)) end

--- DROP CONSTRAINT.
function from.drop_constraint(constraint) return (select(2, constraint_pair(constraint))) end

local function enum_pair(enum)
  return both(definitions.create_enum.new(enum.name, enum.enums, { schema = enum.schema }),
    make("drop_enum", { name = enum.name, options = { schema = enum.schema, labels = enum.enums } }))
end

--- CREATE TYPE of an enum type.
function from.create_enum(enum) return (enum_pair(enum)) end

--- DROP TYPE of an enum type.
function from.drop_enum(enum) return (select(2, enum_pair(enum))) end

--- Is it a constraint that these functions know?
function from.is_constraint(x) return class.is(x, constraints.Constraint) end

return from
