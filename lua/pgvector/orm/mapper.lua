--- What a model maps: attributes to the columns of a table, or of several where
-- it inherits, and to relationships and other properties.
--
-- A property is any object with `_is_property`; the mapper calls
--
-- * `_attach(mapper, key)` when the model is made,
-- * `_copy()` when a mixin brings it,
-- * `_class_value(source, entity)` for `entity.key`: the model (`source` is nil), or
--   an alias of it, whose FROM element is `source`,
-- * `_get(instance, state)` and `_set(instance, state, value)` for `instance.key`.
--
-- A mapper that inherits has `inherits`, and shares with those above it the
-- `root`, whose primary key tells all their objects apart. Its `tables` are the
-- root's first and its own last: one more than its parent has (joined-table
-- inheritance), or the same (single-table inheritance).
-- @module pgvector.orm.mapper

local class = require "pgvector.class"
local coerce = require "pgvector.sql.coerce"
local compat = require "pgvector.compat"
local constraints = require "pgvector.sql.constraints"
local core = require "pgvector.core"
local errors = require "pgvector.errors"
local events = require "pgvector.util.events"
local keys = require "pgvector.orm.key"
local select_ = require "pgvector.sql.select"

local Mapper = class("Mapper")

local key_of = keys.of

--- The events of a model, of its instances and of the flush that writes them.
Mapper._events = {
  before_insert = true, after_insert = true, before_update = true, after_update = true, before_delete = true,
  after_delete = true, init = true, load = true, refresh = true, expire = true,
}

--- Is this an ORM property (a relationship, a hybrid, …)?
function Mapper._is_property(x)
  local mt = type(x) == "table" and getmetatable(x)
  return type(mt) == "table" and rawget(mt, "_is_property") == true
end

local function add_attribute(self, key, value)
  self.by_key[key] = value
  self.attributes[#self.attributes + 1] = { key, value }
  if constraints.is_column(value) then
    self.columns[#self.columns + 1] = value
  else
    self.properties[#self.properties + 1] = value
    if value._is_expression_property then self.expressions[#self.expressions + 1] = value end
  end
end

-- A root's own state, or what is taken over from the parent.
local function take_over(self, parent)
  self.columns, self.properties, self.attributes, self.expressions = {}, {}, {}, {}
  self.by_key, self.subs = {}, {}
  if not parent then
    self.root, self.tables, self.clause, self.primary_key = self, { self.table }, self.table, nil
    self.root_of = {}              -- key column of any table → the root's column of the same value
    self.polymorphic_map = {}      -- key of an identity → mapper
    return
  end
  self.root, self.root_of = parent.root, parent.root.root_of
  self.tables, self.clause = {}, parent.clause
  for i, tbl in ipairs(parent.tables) do self.tables[i] = tbl end
  for _, attribute in ipairs(parent.attributes) do add_attribute(self, attribute[1], attribute[2]) end
  self.polymorphic_on, self.version = parent.polymorphic_on, parent.version
end

--- Makes a mapper.
-- @tparam table fields `model`, `table`, `registry`, `methods`; `own`: sequence of
--   `{ key, column or property }`; for a mapper that inherits, also `inherits` and,
--   if it has a table of its own, `link`: sequence of `{ own key column, the parent's }`
-- @treturn Mapper with `columns` and `properties` (sequences), `by_key` and
--   `primary_key` (sequence of columns); a column's `key` is its attribute's
function Mapper._new(fields)
  local self = setmetatable(fields, Mapper)
  self._statements = {} -- compiled statements by shape
  self.name = self.table.name
  take_over(self, self.inherits)
  if self.link then
    self.tables[#self.tables + 1] = self.table
    for _, tbl in ipairs(self.tables) do rawset(tbl, "_has_heirs", true) end
    for _, pair in ipairs(self.link) do self.root_of[pair[1]] = self.root_of[pair[2]] or pair[2] end
    self.clause = self.clause:join(self.table, self:_link_condition())
  end
  if not self.table.primary_key then
    errors.raise("ArgumentError", "model '%s' has no primary key: objects could not be told apart", self.name)
  end
  self.primary_key = self.root.primary_key or self.table.primary_key.columns
  for _, attribute in ipairs(self.own) do
    local inherited = self.by_key[attribute[1]]
    -- the key that two tables share is the root's
    if not (inherited and rawequal(self.root_of[attribute[2]], inherited)) then
      if inherited ~= nil then
        errors.raise("ArgumentError", "model '%s': '%s' is an attribute of the model that it inherits from",
          self.name, attribute[1])
      end
      add_attribute(self, attribute[1], attribute[2])
    end
  end
  for _, attribute in ipairs(self.own) do
    if Mapper._is_property(attribute[2]) then attribute[2]:_attach(self, attribute[1]) end
  end
  return self
end

function Mapper:__tostring() return ("Mapper(%s)"):format(self.name) end

--- Adds a property of a new name after the model was made (a backref).
function Mapper:_add_property(key, property)
  local function add(mapper)
    add_attribute(mapper, key, property)
    for _, sub in ipairs(mapper.subs) do add(sub) end
  end
  add(self)
  property:_attach(self, key)
end

--- The column of a setting, which names an attribute or a column.
function Mapper:_column_named(given, setting)
  local found = constraints.is_column(given) and given._mapped or given
  if type(given) == "string" then
    found = self.by_key[given]
    for _, column in ipairs(self.columns) do
      if found == nil and column.name == given then found = column end
    end
  end
  if not constraints.is_column(found) or not rawequal(self.by_key[found.key], found) then
    errors.raise("ArgumentError", "model '%s': %s: there is no column '%s'%s", self.name, setting, tostring(given),
      errors.did_you_mean(given, self.by_key))
  end
  return found
end

-- The attribute of a name, or nil. A name may come from a relationship of
-- another model, whose backref it is.
function Mapper:_attribute(key)
  local attribute = self.by_key[key]
  if attribute == nil and self.registry:_add_backrefs() then attribute = self.by_key[key] end
  return attribute
end

-- Raises for a name that is no attribute.
function Mapper:_unknown(key)
  local known = {}
  for name in pairs(self.by_key) do known[name] = true end
  for name in pairs(self.methods) do known[name] = true end
  errors.raise("ArgumentError", "model '%s' has no attribute '%s'%s", self.name, tostring(key),
    errors.did_you_mean(key, known))
end

---- inheritance ------------------------------------------------------------------------

--- The condition between a table of its own and the parent's.
function Mapper:_link_condition()
  local on = self.link[1][1]:eq(self.link[1][2])
  for i = 2, #self.link do on = on:and_(self.link[i][1]:eq(self.link[i][2])) end
  return on
end

--- Is this the mapper `other`, or one that inherits from it?
function Mapper:_is_a(other)
  local mapper = self
  while mapper do
    if mapper == other then return true end
    mapper = mapper.inherits
  end
  return false
end

--- Calls `fn` for this mapper and all that inherit from it.
function Mapper:_each_below(fn)
  fn(self)
  for _, sub in ipairs(self.subs) do sub:_each_below(fn) end
end

--- The condition that tells this mapper's rows from others of the same table,
-- or nil if all are its own.
-- @tparam table from the table or an alias of it
function Mapper:_criterion(from)
  local parent = self.inherits
  if not parent or self.table ~= parent.table then return nil end
  local values = {}
  self:_each_below(function(mapper) values[#values + 1] = mapper.polymorphic_identity end)
  local column = from:_corresponding(self.polymorphic_on) or self.polymorphic_on
  return #values == 1 and column:eq(values[1]) or column:in_(values)
end

--- A FROM element that shows this mapper's columns under another name.
-- @tparam[opt] string name
function Mapper:_alias(name)
  if #self.tables == 1 then return self.table:alias(name) end
  local stmt = select_.select(compat.unpack(self.columns)):select_from(self.clause)
  -- relationships may be about the keys that the tables share
  for i = 2, #self.tables do
    for _, column in ipairs(self.tables[i].primary_key.columns) do
      if not rawequal(self.by_key[column.key], column) then stmt = stmt:add_columns(column) end
    end
  end
  for _, property in ipairs(self.expressions) do stmt = stmt:add_columns(property:expression(self.clause)) end
  return stmt:subquery(name)
end

--- The mapper of a row that has this value in the discriminator.
-- @param value NULL: a row of the mapper itself
-- @treturn Mapper this one or one that inherits from it
function Mapper:_of_row(value)
  if value == core.null then return self end
  local map = self.root.polymorphic_map
  local found = map[value] -- most values are their own keys
  if not found then found = map[keys.known({ self.polymorphic_on }, { value })] end
  if not found then
    errors.raise("InvalidRequestError", "model '%s': no model has the polymorphic identity '%s' that a row has",
      self.name, tostring(value))
  end
  return found
end

---- identity ---------------------------------------------------------------------------

--- What identifies a row of the table: a number or a text.
-- @tparam table values of the primary key, in its order
function Mapper:_identity(values) return key_of(self.primary_key, values) end

-- The identity that attribute values make, or nil if some of it is missing.
function Mapper:_identity_of(values)
  return keys.known(self.primary_key, keys.pick(self.primary_key, values))
end

---- events -----------------------------------------------------------------------------

--- Does anybody listen to this model, one that it inherits from, or its base?
function Mapper:_is_heard()
  local mapper = self
  while mapper do
    if rawget(mapper, "_listeners") then return true end
    mapper = mapper.inherits
  end
  return rawget(self.registry, "_listeners") ~= nil
end

--- Tells those who listen, the base's first.
function Mapper:_tell(name, ...)
  events.fire(self.registry, name, ...)
  local path, mapper = {}, self
  while mapper do
    table.insert(path, 1, mapper)
    mapper = mapper.inherits
  end
  for _, each in ipairs(path) do events.fire(each, name, ...) end
end
class.seal(Mapper)

--- The column by which a FROM element shows a mapped one.
-- @treturn table column; itself if the element does not have it
function Mapper.shown(from, column) return from:_corresponding(column) or column end

--- The attribute of a model or an alias of one: in their raw field `__attribute`,
-- for what takes attributes by name.
-- @treturn table attribute; nil if there is none of that name
-- @treturn ?table the attributes that there are, by key
function Mapper.attribute_of(entity, key)
  local mapper = rawget(entity, "__mapper")
  if mapper:_attribute(key) ~= nil then return entity[key] end
  return nil, mapper.by_key
end

--- The mapper of a model, an aliased model, or a relationship; nil for anything else.
function Mapper.of(x)
  return type(x) == "table" and not coerce.is_expression(x) and rawget(x, "__mapper") or nil
end

return Mapper
