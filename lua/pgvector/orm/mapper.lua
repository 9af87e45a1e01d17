--- What a model maps: attributes to the columns of a table, and to
-- relationships and other properties.
--
-- A property is any object with `_is_property`; the mapper calls
--
-- * `_attach(mapper, key)` when the model is made,
-- * `_copy()` when a mixin brings it,
-- * `_class_value()` for `Model.key`,
-- * `_get(instance, state)` and `_set(instance, state, value)` for `instance.key`.
-- @module pgvector.orm.mapper

local class = require "pgvector.class"
local compat = require "pgvector.compat"
local constraints = require "pgvector.sql.constraints"
local errors = require "pgvector.errors"

local Mapper = class("Mapper")

--- Is this an ORM property (a relationship, a hybrid, …)?
function Mapper._is_property(x)
  local mt = type(x) == "table" and getmetatable(x)
  return type(mt) == "table" and rawget(mt, "_is_property") == true
end

--- Makes a mapper.
-- @tparam table fields `model`, `table`, `registry`, `methods`, and
--   `attributes`: sequence of `{ key, column or property }`
-- @treturn Mapper with `columns` and `properties` (sequences), `by_key` and
--   `primary_key` (sequence of columns); a column's `key` is its attribute's
function Mapper._new(fields)
  local self = setmetatable(fields, Mapper)
  self.columns, self.properties, self.by_key = {}, {}, {}
  self._statements = {} -- compiled INSERTs, UPDATEs and DELETEs by shape
  for _, attribute in ipairs(fields.attributes) do
    local key, value = attribute[1], attribute[2]
    self.by_key[key] = value
    if constraints.is_column(value) then
      self.columns[#self.columns + 1] = value
    else
      self.properties[#self.properties + 1] = value
    end
  end
  self.name = self.table.name
  if not self.table.primary_key then
    errors.raise("ArgumentError", "model '%s' has no primary key: objects could not be told apart", self.name)
  end
  self.primary_key = self.table.primary_key.columns
  for _, attribute in ipairs(fields.attributes) do
    if Mapper._is_property(attribute[2]) then attribute[2]:_attach(self, attribute[1]) end
  end
  return self
end

function Mapper:__tostring() return ("Mapper(%s)"):format(self.name) end

--- Adds a property after the model was made (a backref).
function Mapper:_add_property(key, property)
  if self.by_key[key] ~= nil or self.methods[key] ~= nil then
    errors.raise("ArgumentError", "model '%s' has an attribute '%s' already", self.name, key)
  end
  self.by_key[key] = property
  self.attributes[#self.attributes + 1] = { key, property }
  self.properties[#self.properties + 1] = property
  property:_attach(self, key)
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

-- One part of an identity key: equal keys give equal text whatever Lua type
-- they come in (5, 5.0, "5").
local function key_text(column, value)
  if compat.is_integral(value) then return ("%.0f"):format(value) end
  if column.type.family == "string" and type(value) == "string" then return value end
  return tostring(column.type:check(value))
end

--- The text that identifies a row of the table.
-- @tparam table values of the primary key, in its order
-- @treturn string
function Mapper:_identity(values)
  local first = key_text(self.primary_key[1], values[1])
  if #self.primary_key == 1 then return first end
  local parts = { #first .. ":" .. first }
  for i = 2, #self.primary_key do
    local text = key_text(self.primary_key[i], values[i])
    parts[i] = #text .. ":" .. text
  end
  return table.concat(parts)
end

-- The identity that attribute values make, or nil if some of it is missing.
function Mapper:_identity_of(values)
  local identity = {}
  for i, column in ipairs(self.primary_key) do
    local value = values[column.key]
    if type(value) ~= "number" and type(value) ~= "string" then return nil end
    identity[i] = value
  end
  return self:_identity(identity)
end
class.seal(Mapper)

return Mapper
