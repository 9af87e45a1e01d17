--- A set that lists its members in the order in which they came.
-- @module pgvector.orm.ordered_set

local class = require "pgvector.class"

local OrderedSet = class("OrderedSet")

function OrderedSet._new() return setmetatable({ _rank = {}, _last = 0 }, OrderedSet) end

--- Adds a member; one that is in keeps its place.
function OrderedSet:add(member)
  if self._rank[member] then return end
  self._last = self._last + 1
  self._rank[member] = self._last
end

--- Removes a member.
function OrderedSet:remove(member) self._rank[member] = nil end

--- Is it a member?
function OrderedSet:has(member) return self._rank[member] ~= nil end

--- Is the set empty?
function OrderedSet:empty() return next(self._rank) == nil end

--- Removes all members.
function OrderedSet:clear() self._rank, self._last = {}, 0 end

--- The members in order.
-- @treturn table a new sequence
function OrderedSet:list()
  local rank, list = self._rank, {}
  for member in pairs(rank) do list[#list + 1] = member end
  table.sort(list, function(a, b) return rank[a] < rank[b] end)
  return list
end

return class.seal(OrderedSet)
