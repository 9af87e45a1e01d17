--- Tables and the metadata that holds them.
-- @module pgvector.sql.schema

local class = require "pgvector.class"
local compat = require "pgvector.compat"
local column = require "pgvector.sql.column"
local constraints = require "pgvector.sql.constraints"
local create = require "pgvector.sql.create"
local errors = require "pgvector.errors"
local index = require "pgvector.sql.index"
local naming = require "pgvector.sql.naming"
local selectable = require "pgvector.sql.selectable"
local sort = require "pgvector.sql.sort"
local tokenizer = require "pgvector.sql.tokenizer"

local Column = column.Column

local Table = class("Table", selectable.FromClause)
Table.__visit_name = "table"
Table._events = create.events

local table_options = {
  schema = true, comment = true, info = true, temporary = true, unlogged = true, tablespace = true,
  with = true, partition_by = true, managed = true, autoload = true, autoload_with = true,
}
local copied_options = { "comment", "temporary", "unlogged", "tablespace", "with", "partition_by" }

-- "schema.name", or the name alone: how metadata.tables is keyed.
local function table_key(name, schema)
  return schema and schema .. "." .. name or name
end

local function schema_option(option, default)
  if option == nil then return default end
  return option and naming.check(option, "schema name") or nil
end

-- PARTITION BY goes into the statement as it is: `RANGE (created)`.
local function check_partition_by(text)
  local depth, sound = 0, type(text) == "string" and text:find("^%s*%a+%s*%(.*%)%s*$") ~= nil
  if sound then
    for kind, first, last in tokenizer.tokens(text) do
      local token = text:sub(first, last)
      depth = depth + (token == "(" and 1 or token == ")" and -1 or 0)
      local ended = depth == 0 and token == ")" and text:find("%S", last + 1)
      sound = sound and kind ~= "semicolon" and kind ~= "comment" and not ended
    end
    local method = text:match("%a+"):upper()
    sound = sound and depth == 0 and (method == "RANGE" or method == "LIST" or method == "HASH")
  end
  if not sound then
    errors.raise("ArgumentError", "Table partition_by: expected RANGE (…), LIST (…) or HASH (…), got %s",
      type(text) == "string" and ("'%s'"):format(text) or type(text))
  end
end

local function add_column(self, col)
  col:_attach(self)
  if self._by_key[col.key] then
    errors.raise("ArgumentError", "table '%s' has two columns '%s'", self.name, col.key)
  end
  if self._by_name[col.name] then
    errors.raise("ArgumentError", "table '%s' has two columns named '%s'", self.name, col.name)
  end
  self._by_key[col.key], self._by_name[col.name] = col, col
  self._column_list[#self._column_list + 1] = col
end

-- The primary key: from PrimaryKeyConstraint, else from the columns' flags.
local function add_primary_key(self, given)
  if not given then
    local columns = {}
    for _, col in ipairs(self._column_list) do
      if col.primary_key then columns[#columns + 1] = col end
    end
    if #columns == 0 then return end
    given = constraints.PrimaryKeyConstraint._new(compat.unpack(columns))
  end
  given:_attach(self)
  self.primary_key = given
  for _, col in ipairs(given.columns) do
    col.primary_key, col.nullable = true, false
  end
  local first = given.columns[1]
  if #given.columns == 1 and first:_wants_identity() then first.identity = column.Identity._new() end
end

-- What column options ask for: foreign keys, checks, UNIQUE, an index.
local function add_column_constraints(self, col)
  for _, key in ipairs(col._foreign_keys) do self:_add_constraint(key:_constraint(col)) end
  for _, check in ipairs(col._checks) do self:_add_constraint(check:_copy()) end
  if col.index then
    index.Index._new(nil, col, { unique = col.unique or nil })
  elseif col.unique then
    self:_add_constraint(constraints.UniqueConstraint._new(col))
  end
end

-- Sorts the table's items by what they are; what refers to columns comes last.
local function add_items(self, items)
  local later, primary_key = {}, nil
  for i, item in ipairs(items) do
    if class.is(item, Column) then
      add_column(self, item)
    elseif class.is(item, constraints.PrimaryKeyConstraint) then
      if primary_key then errors.raise("ArgumentError", "table '%s' has two primary keys", self.name) end
      primary_key = item
    elseif class.is(item, constraints.Constraint) or class.is(item, index.Index) then
      later[#later + 1] = item
    else
      errors.raise("ArgumentError",
        "table '%s': item %d: expected a Column, a constraint or an Index, got %s",
        self.name, i, class.describe(item))
    end
  end
  add_primary_key(self, primary_key)
  for _, col in ipairs(self._column_list) do add_column_constraints(self, col) end
  for _, item in ipairs(later) do
    if class.is(item, index.Index) then item:_attach(self) else self:_add_constraint(item) end
  end
end

-- The bind to read the table from, among its items or options; nil for none.
local function take_autoload(items, options)
  local binds = { items.autoload, items.autoload_with, options.autoload, options.autoload_with }
  local _, bind = next(binds)
  if bind == nil then return nil, items end
  local rest = {}
  for i, item in ipairs(items) do rest[i] = item end
  return bind, rest
end

--- Makes a table:
-- `Table("items", metadata, { Column{ "id", pg.Integer, primary_key = true }, … }, { schema= })`.
-- Options: `schema` (false: none, even if the metadata has one), `comment`,
-- `info`, `temporary`, `unlogged`, `tablespace`, `with`, `partition_by`,
-- `managed = false` for a table that create_all and drop_all leave alone, and
-- `autoload`, an engine or connection: what is not given is read from the database.
function Table._new(name, metadata, items, options)
  naming.check(name, "table name")
  if type(metadata) ~= "table" or rawget(metadata, "_table_list") == nil then
    errors.raise("ArgumentError", "Table '%s': expected a MetaData as second argument, got %s", name,
      class.describe(metadata))
  end
  if type(items) ~= "table" or getmetatable(items) then
    errors.raise("ArgumentError", "Table '%s': expected a sequence of columns, got %s", name,
      class.describe(items))
  end
  options = errors.check_options(options, table_options, "Table")
  local schema = schema_option(options.schema, metadata.schema)
  local bind, finish
  bind, items = take_autoload(items, options)
  if bind then items, options, finish = Table._autoload(bind, name, schema, items, options) end
  if options.partition_by ~= nil then check_partition_by(options.partition_by) end
  local self = setmetatable({
    name = name, metadata = metadata, schema = schema,
    constraints = {}, indexes = {}, foreign_keys = {},
    _column_list = {}, _by_key = {}, _by_name = {},
  }, Table)
  for _, option in ipairs(copied_options) do self[option] = options[option] end
  self.info = options.info or {}
  self.managed = options.managed ~= false
  self.key = table_key(name, self.schema)
  if metadata.tables[self.key] then
    errors.raise("InvalidRequestError", "table '%s' is already defined in this metadata", self.key)
  end
  add_items(self, items)
  self.c = selectable.namespace(self)
  metadata:_add(self)
  if finish then finish(self) end
  return self
end

function Table:_describe() return ("table '%s'"):format(self.name) end

-- The primary key and the other constraints, in the order in which they are written.
function Table:_all_constraints()
  local all = { self.primary_key }
  for _, constraint in ipairs(self.constraints) do all[#all + 1] = constraint end
  return all
end

-- Finds a column by what the user called it: attribute key, SQL name, or the
-- column itself (for a mixin: the one it was copied from).
function Table:_resolve(element, where)
  if constraints.is_column(element) then
    element = element._mapped or element
    if element.table == self then return element end
    for _, col in ipairs(self._column_list) do
      if col:_stems_from(element) then return col end
    end
    errors.raise("ArgumentError", "%s: column '%s' does not belong to table '%s'", where,
      tostring(element.name), self.name)
  end
  local col = self._by_key[element] or self._by_name[element]
  if col then return col end
  errors.raise("ArgumentError", "%s: table '%s' has no column '%s'%s", where, self.name, tostring(element),
    errors.did_you_mean(element, self._by_key))
end

function Table:_add_constraint(constraint)
  constraint:_attach(self)
  for _, other in ipairs(self.constraints) do
    if constraint.name and other.name == constraint.name then
      errors.raise("ArgumentError", "table '%s' has two constraints named '%s'", self.name, constraint.name)
    end
  end
  self.constraints[#self.constraints + 1] = constraint
  if class.is(constraint, constraints.ForeignKeyConstraint) then
    self.foreign_keys[#self.foreign_keys + 1] = constraint
    constraint:_link_columns()
  end
end

function Table:_add_index(new)
  for _, other in ipairs(self.indexes) do
    if other.name == new.name then
      errors.raise("ArgumentError", "table '%s' has two indexes named '%s'; give one of them another name",
        self.name, new.name)
    end
  end
  self.indexes[#self.indexes + 1] = new
end

-- Adds a column to a table that is complete: that of a model which shares it.
function Table:_append_column(col)
  add_column(self, col)
  rawset(self.c, col.key, col)
  add_column_constraints(self, col)
  self.metadata:_settle(self)
end

-- The tables this one refers to, as far as they are defined.
function Table:_dependencies()
  local tables = {}
  for _, key in ipairs(self.foreign_keys) do
    if not key.use_alter then tables[#tables + 1] = key:_find_referred_table() end
  end
  return tables
end

--- Creates this table with its types, indexes and comments.
-- @tparam Engine|Connection bind
-- @tparam[opt] table options `checkfirst = true`: do nothing if it exists
function Table:create(bind, options)
  options = errors.check_options(options, { checkfirst = true }, "Table:create")
  create.create_tables(self.metadata, bind, { self }, options.checkfirst and "tables" or "types")
end

--- Drops this table.
-- @tparam Engine|Connection bind
-- @tparam[opt] table options `checkfirst = true`: do nothing if it does not exist
function Table:drop(bind, options)
  options = errors.check_options(options, { checkfirst = true }, "Table:drop")
  create.drop_tables(self.metadata, bind, { self }, options.checkfirst and "tables" or "types")
end

--- Copies the table into other metadata.
-- @tparam MetaData metadata
-- @tparam[opt] table options `name`, and `schema` (false: none); foreign keys
--   to tables of the old schema go to the new one
-- @treturn Table
function Table:to_metadata(metadata, options)
  options = errors.check_options(options, { name = true, schema = true }, "Table:to_metadata")
  local schema = schema_option(options.schema, self.schema)
  local items = {}
  for _, col in ipairs(self._column_list) do
    local copy = col:_copy()
    copy._foreign_keys, copy._checks, copy.index, copy.unique = {}, {}, false, false
    -- decided already; a key that refers to another table would be numbered without its foreign key
    if copy.identity == nil then copy.identity = false end
    items[#items + 1] = copy
  end
  local function keep(item)
    local copy = item:_copy()
    copy._explicit_name = item.name and naming.final(item.name)
    items[#items + 1] = copy
    return copy
  end
  if self.primary_key then keep(self.primary_key) end
  for _, constraint in ipairs(self.constraints) do keep(constraint) end
  for _, old in ipairs(self.indexes) do keep(old) end
  for _, item in ipairs(items) do
    if class.is(item, constraints.ForeignKeyConstraint) then item:_change_schema(self.schema, schema) end
  end
  local copied = { schema = schema or false, managed = self.managed, info = self.info }
  for _, option in ipairs(copied_options) do copied[option] = self[option] end
  return Table._new(options.name or self.name, metadata, items, copied)
end
class.seal(Table)

--- A collection of tables that refer to each other.
local MetaData = class("MetaData")
MetaData._events = create.events

local metadata_options = { schema = true, naming_convention = true, extensions = true, info = true }

--- Makes metadata: `MetaData{ schema=, naming_convention=, extensions={"vector"} }`.
-- `schema` is the schema of tables that name none. `extensions` are created by
-- create_all before anything else; without the option, `vector` is if a table
-- has one of its types.
function MetaData._new(options)
  options = errors.check_options(options, metadata_options, "MetaData")
  local extensions = options.extensions
  if extensions ~= nil then
    if type(extensions) ~= "table" then
      errors.raise("ArgumentError", "MetaData extensions: expected a sequence of names, got %s",
        type(extensions))
    end
    for _, name in ipairs(extensions) do naming.check(name, "extension name") end
  end
  return setmetatable({
    schema = schema_option(options.schema), extensions = extensions, info = options.info or {},
    tables = {}, _table_list = {}, _untyped = {},
    _convention = naming.convention(options.naming_convention),
  }, MetaData)
end

-- A column that has a foreign key but no type takes the type of the column it
-- refers to, as soon as both are known.
local function settle_types(self)
  local waiting = {}
  for _, key in ipairs(self._untyped) do
    local referred = key:_find_referred_columns()
    local type = referred and referred[1].type
    if type and not referred[1]._untyped then
      key.columns[1].type, key.columns[1]._untyped = type, nil
    else
      waiting[#waiting + 1] = key
    end
  end
  local settled = #waiting < #self._untyped
  self._untyped = waiting
  if settled then settle_types(self) end
end

function MetaData:_add(table)
  self.tables[table.key] = table
  self._table_list[#self._table_list + 1] = table
  self:_settle(table)
end

-- Notes a table's columns without a type, and finds those that can be known.
function MetaData:_settle(table)
  for _, key in ipairs(table.foreign_keys) do
    if key.columns[1]._untyped then self._untyped[#self._untyped + 1] = key end
  end
  settle_types(self)
end

function MetaData:_find(name, schema) return self.tables[table_key(name, schema)] end
function MetaData:_tables() return self._table_list end

--- The tables, each behind those it refers to.
-- @treturn table sequence
function MetaData:sorted_tables()
  return (sort.topological(self._table_list, Table._dependencies))
end

--- Forgets a table; the database is not touched.
-- @tparam Table removed
function MetaData:remove(removed)
  self.tables[removed.key] = nil
  local kept = {}
  for _, other in ipairs(self._table_list) do
    if other ~= removed then kept[#kept + 1] = other end
  end
  self._table_list = kept
end

--- Forgets all tables.
function MetaData:clear()
  self.tables, self._table_list, self._untyped = {}, {}, {}
end

local all_options = { checkfirst = true, tables = true }

-- The tables an operation is for: `options.tables` (tables or models), else
-- all that this library manages.
local function selected(self, options)
  local chosen = {}
  for i, item in ipairs(options.tables or self._table_list) do
    local table = type(item) == "table" and rawget(item, "__table") or item
    if not class.is(table, Table) then
      errors.raise("ArgumentError", "tables: element %d: expected a Table or a model, got %s", i,
        class.describe(item))
    end
    if options.tables or table.managed then chosen[#chosen + 1] = table end
  end
  return chosen
end

--- Creates the extensions, types, tables and indexes.
-- @tparam Engine|Connection bind
-- @tparam[opt] table options `checkfirst` (default true: skip what exists),
--   `tables` (a sequence; default all)
function MetaData:create_all(bind, options)
  options = errors.check_options(options, all_options, "create_all")
  create.create_tables(self, bind, selected(self, options), options.checkfirst == false and "nothing"
    or "tables", true)
end

--- Drops the tables and the enum types only they use. Extensions stay.
-- @tparam Engine|Connection bind
-- @tparam[opt] table options as for create_all
function MetaData:drop_all(bind, options)
  options = errors.check_options(options, all_options, "drop_all")
  create.drop_tables(self, bind, selected(self, options), options.checkfirst == false and "nothing"
    or "tables", true)
end
class.seal(MetaData)

return {
  Table = Table, MetaData = MetaData, Column = Column,
  --- What `pg.*` gets.
  exports = { Table = Table._new, MetaData = MetaData._new },
}
