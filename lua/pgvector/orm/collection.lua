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
  mt.relationship:_check_session(mt.owner, object)
  collection.forget(self)
  self[#self + 1] = object
  mt.relationship:_linked(mt.owner, object)
end

--- Takes an instance out; raises if it is not in the list.
function methods:remove(object)
  local mt = details(self, "remove")
  for i = 1, #self do
    if rawequal(self[i], object) then
      mt.relationship:_heard("remove", mt.owner, object)
      collection.forget(self)
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
    collection.forget(self)
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

---- questions --------------------------------------------------------------------------
--
-- Lists may be long, and questions about them come many at a time. But whoever
-- has a list may change it as any Lua table, so nothing is known of it for long.

-- In so few members an object is found soonest by looking at each.
local FEW = 8

--- Position of an object in a sequence, by identity.
function collection.find(list, object)
  for i = 1, #list do
    if rawequal(list[i], object) then return i end
  end
end

-- Where the members of a sequence are, by object.
local function places_of(list)
  local places = {}
  for i = 1, #list do
    local object = list[i]
    if object ~= nil then places[object] = i end
  end
  return places
end

--- The members of a sequence that another lacks, in order.
-- @treturn table a new sequence
function collection.without(list, other)
  local found, first, last = {}, 1, #list
  -- two states of one list are the same at first, most often to the end
  while first <= last and rawequal(list[first], other[first]) do first = first + 1 end
  local places = last - first >= FEW and #other >= FEW and places_of(other)
  for i = first, last do
    local object = list[i]
    if object == nil then break end
    local at
    if places then at = places[object] else at = collection.find(other, object) end
    if not at then found[#found + 1] = object end
  end
  return found
end

--- Forgets what is remembered of a list, which somebody is going to change.
function collection.forget(list)
  local mt = getmetatable(list)
  if mt.asked then mt.places, mt.asked = nil, nil end
end

-- Is an object in a long list? One that is asked again and again, and in between
-- given to nobody, remembers where its members are. Whoever was given it before may
-- change it nevertheless, which its length or its last member gives away; it is
-- not seen, only, that another takes a place in the middle.
local function has(list, object, size)
  local mt = getmetatable(list)
  local places = mt.places
  if places then
    if mt.size == size and rawequal(mt.last, list[size]) then
      local at = places[object]
      if not at then return false end
      if rawequal(list[at], object) then return true end
    end
    collection.forget(list)
  end
  mt.asked = (mt.asked or 0) + 1
  if mt.asked < 3 then return collection.find(list, object) end
  places = places_of(list)
  mt.places, mt.size, mt.last = places, size, list[size]
  return places[object]
end

--- Puts an object at the end of a list that may have it already.
function collection.include(list, object)
  local size = #list
  if size < FEW then
    if not collection.find(list, object) then list[size + 1] = object end
  elseif not has(list, object, size) then
    list[size + 1] = object
    local mt = getmetatable(list)
    if mt.places then mt.places[object], mt.size, mt.last = size + 1, size + 1, object end
  end
end

--- Takes an object out of a list that may not have it.
function collection.exclude(list, object)
  collection.forget(list)
  local at = collection.find(list, object)
  if at then table.remove(list, at) end
end

--- Takes all those out of a list that are keys of a table.
function collection.exclude_all(list, gone)
  collection.forget(list)
  local last = 0
  for i = 1, #list do
    local object = list[i]
    list[i] = nil
    if not gone[object] then
      last = last + 1
      list[last] = object
    end
  end
end

return collection
