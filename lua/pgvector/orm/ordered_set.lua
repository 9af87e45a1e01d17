--- A set that lists its members in the order in which they came.
-- @module pgvector.orm.ordered_set

local class = require "pgvector.class"

local OrderedSet = class("OrderedSet")

-- `_at` has each member's place in `_list`, where false stands for those that left.
function OrderedSet._new() return setmetatable({ _at = {}, _list = {}, _last = 0 }, OrderedSet) end

--- Adds a member; one that is in keeps its place.
function OrderedSet:add(member)
  if self._at[member] then return end
  self._last = self._last + 1
  self._list[self._last] = member
  self._at[member] = self._last
end

--- Removes a member.
function OrderedSet:remove(member)
  local at = self._at[member]
  if not at then return end
  self._at[member] = nil
  self._list[at] = false
  if next(self._at) == nil then self:clear() end
end

--- Is it a member?
function OrderedSet:has(member) return self._at[member] ~= nil end

--- Is the set empty?
function OrderedSet:empty() return next(self._at) == nil end

--- Removes all members.
function OrderedSet:clear() self._at, self._list, self._last = {}, {}, 0 end

--- The members in order.
-- @treturn table a new sequence
function OrderedSet:list()
  local list = {}
  for i = 1, self._last do
    local member = self._list[i]
    if member then list[#list + 1] = member end
  end
  if #list * 2 < self._last then
    -- most have left: close the gaps
    self._list, self._last = {}, #list
    for i, member in ipairs(list) do self._list[i], self._at[member] = member, i end
  end
  return list
end

return OrderedSet
