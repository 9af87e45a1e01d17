--- Several columns as one value: `composite(Point, "x", "y")`.
-- @module pgvector.orm.composite

local base = require "pgvector.sql.base"
local class = require "pgvector.class"
local column = require "pgvector.sql.column"
local compat = require "pgvector.compat"
local constraints = require "pgvector.sql.constraints"
local errors = require "pgvector.errors"
local operators = require "pgvector.sql.operators"

local Composite = class("composite")
Composite._is_property = true

--- Defines one.
-- @param make a function, or a class that can be called, of the columns' values;
--   its objects have these under the attributes' names
-- @tparam string ... the attributes
function Composite._new(make, ...)
  local mt = getmetatable(make)
  if type(make) ~= "function" and not (type(mt) == "table" and mt.__call) then
    errors.raise("ArgumentError", "composite: expected a function that makes the value, got %s",
      class.describe(make))
  end
  local names = { ... }
  if #names == 0 then errors.raise("ArgumentError", "composite: the attributes are missing") end
  return setmetatable({ _ticket = column.Column._take_ticket(), make = make, names = names }, Composite)
end

function Composite:_copy()
  return setmetatable({ _ticket = self._ticket, make = self.make, names = self.names }, Composite)
end

function Composite:_attach(mapper, key)
  self.mapper, self.key = mapper, key
  for _, name in ipairs(self.names) do
    if not constraints.is_column(mapper.by_key[name]) then
      errors.raise("ArgumentError", "composite '%s': model '%s' has no column '%s'%s", key, mapper.name,
        tostring(name), errors.did_you_mean(name, mapper.by_key))
    end
  end
end

-- nil if all columns are NULL.
function Composite:_get(object)
  local values, any = {}, false
  for i, name in ipairs(self.names) do
    values[i] = object[name]
    any = any or values[i] ~= nil
  end
  if not any then return nil end
  return (self.make(compat.unpack(values, 1, #self.names)))
end

function Composite:_set(object, _, value)
  if value ~= nil and type(value) ~= "table" then
    errors.raise("ArgumentError", "composite '%s': expected a value with %s, got %s", self.key,
      table.concat(self.names, ", "), class.describe(value))
  end
  for _, name in ipairs(self.names) do object[name] = value and value[name] end
end

--- What `Model.place` is in expressions: its columns, to be compared at once.
local CompositeValue = class("CompositeValue")

function Composite:_class_value(_, entity)
  local columns = {}
  for i, name in ipairs(self.names) do columns[i] = entity[name] end
  return setmetatable({ composite = self, columns = columns }, CompositeValue)
end

--- `x = … AND y = …`
-- @param value with the attributes' names as fields
-- @treturn table condition
function CompositeValue:eq(value)
  local list = {}
  for i, name in ipairs(self.composite.names) do list[i] = self.columns[i]:eq(value[name]) end
  return base.boolean(operators.and_, list, #list)
end

--- The opposite of `eq`.
function CompositeValue:ne(value) return self:eq(value):not_() end
class.seal(CompositeValue)

return Composite
