--- Lists of related instances: plain Lua sequences with three methods.
--
-- `#list`, `ipairs`, `table.insert` and `table.sort` work on them. The methods
-- also keep the other side of the relationship in step at once; what was done
-- without them is noticed at the next flush.
-- @module pgvector.orm.collection

local class = require "pgvector.class"
local errors = require "pgvector.errors"

local collection = {}

local methods = {}

local function details(list, method)
  local mt = type(list) == "table" and getmetatable(list)
  if type(mt) ~= "table" or not mt.relationship then
    errors.raise("ArgumentError", "use ':' to call list:%s(), not '.'", method)
  end
  return mt
end

--- Puts an instance at the end.
function methods:append(object)
  local mt = details(self, "append")
  mt.relationship:_check_related(object)
  object = mt.relationship:_heard("append", mt.owner, object)
  self[#self + 1] = object
  mt.relationship:_linked(mt.owner, object)
end

--- Takes an instance out; raises if it is not in the list.
function methods:remove(object)
  local mt = details(self, "remove")
  for i = 1, #self do
    if rawequal(self[i], object) then
      mt.relationship:_heard("remove", mt.owner, object)
      table.remove(self, i)
      mt.relationship:_unlinked(mt.owner, object)
      return
    end
  end
  errors.raise("ArgumentError", "remove: %s is not in the list", class.describe(object))
end

--- Takes all out.
function methods:clear()
  local mt = details(self, "clear")
  for i = #self, 1, -1 do
    local object = self[i]
    mt.relationship:_heard("remove", mt.owner, object)
    self[i] = nil
    mt.relationship:_unlinked(mt.owner, object)
  end
end

--- Makes a list. Its owner stands in a metatable of its own, where the two can
-- be collected together.
-- @param owner the instance
-- @tparam Relationship relationship
-- @tparam table items sequence, becomes the list
function collection.new(owner, relationship, items)
  return setmetatable(items, {
    __index = methods, __name = "list of " .. relationship.target.name, owner = owner,
    relationship = relationship,
  })
end

--- Position of an object in a sequence, by identity.
function collection.find(list, object)
  for i = 1, #list do
    if rawequal(list[i], object) then return i end
  end
end

return collection
