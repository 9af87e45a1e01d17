--- Attributes under a second name.
-- @module pgvector.orm.synonym

local class = require "pgvector.class"
local column = require "pgvector.sql.column"
local errors = require "pgvector.errors"

local Synonym = class("synonym")
Synonym._is_property = true

--- Defines a synonym: `synonym("title")`.
-- @tparam string name of the attribute
function Synonym._new(name)
  if type(name) ~= "string" then
    errors.raise("ArgumentError", "synonym: expected an attribute's name, got %s", class.describe(name))
  end
  return setmetatable({ _ticket = column.Column._take_ticket(), name = name }, Synonym)
end

function Synonym:_copy() return setmetatable({ _ticket = self._ticket, name = self.name }, Synonym) end

function Synonym:_attach(mapper, key)
  self.mapper, self.key = mapper, key
  if mapper.by_key[self.name] == nil then mapper:_unknown(self.name) end
end

function Synonym:_class_value(_, entity) return entity[self.name] end

function Synonym:_get(object) return object[self.name] end

function Synonym:_set(object, _, value) object[self.name] = value end

return Synonym
