--- The identity map: at most one instance per row in a session. It holds its
-- instances weakly; a session keeps those with unsaved changes alive itself.
-- @module pgvector.orm.identity

local class = require "pgvector.class"

local IdentityMap = class("IdentityMap")

function IdentityMap._new() return setmetatable({ _by_root = {} }, IdentityMap) end

--- The instances of a mapper's hierarchy by key, for many look-ups.
function IdentityMap:objects_of(mapper)
  local objects = self._by_root[mapper.root]
  if not objects then
    objects = setmetatable({}, { __mode = "v" })
    self._by_root[mapper.root] = objects
  end
  return objects
end

--- The instance of a key, or nil.
function IdentityMap:get(mapper, key)
  local objects = self._by_root[mapper.root]
  return objects and objects[key]
end

--- Puts an instance under its key.
function IdentityMap:put(mapper, key, object) self:objects_of(mapper)[key] = object end

--- Takes an instance out, if it is the one under that key.
function IdentityMap:remove(mapper, key, object)
  local objects = self._by_root[mapper.root]
  if objects and rawequal(objects[key], object) then objects[key] = nil end
end

--- Everything in it, in no particular order.
-- @tparam[opt] function wanted `function(root)`, a mapper → boolean
-- @treturn table sequence
function IdentityMap:all(wanted)
  local list = {}
  for root, objects in pairs(self._by_root) do
    if not wanted or wanted(root) then
      for _, object in pairs(objects) do list[#list + 1] = object end
    end
  end
  return list
end

--- The instances whose rows lie in a table, or have a part there.
-- @tparam Table tbl
-- @treturn table sequence
function IdentityMap:in_table(tbl)
  return self:all(function(root)
    local found = false
    root:_each_below(function(mapper)
      for _, own in ipairs(mapper.tables) do found = found or own == tbl end
    end)
    return found
  end)
end

return IdentityMap
