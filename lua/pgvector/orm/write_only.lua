--- Lists that are never loaded: `lazy = "write_only"`, for those with very many
-- members. What is added and removed is written by the next flush; the members
-- are asked for with a statement.
-- @module pgvector.orm.write_only

local class = require "pgvector.class"
local errors = require "pgvector.errors"
local instance = require "pgvector.orm.instance"
local lazy = require "pgvector.orm.lazy"
local OrderedSet = require "pgvector.orm.ordered_set"

local WriteOnlyList = class("WriteOnlyList")

--- Makes one. `added` and `removed` wait for the flush.
-- @param owner an instance
-- @tparam Relationship relationship configured
function WriteOnlyList._new(owner, relationship)
  return setmetatable({
    _owner = owner, _relationship = relationship, _added = OrderedSet._new(), _removed = OrderedSet._new(),
  }, WriteOnlyList)
end

-- Puts an object into one set, or takes it out of the other.
local function move(object, to, from)
  if from:has(object) then from:remove(object) else to:add(object) end
end

--- Puts an instance into the list.
function WriteOnlyList:add(object)
  self._relationship:_check_related(object)
  self._relationship:_check_session(self._owner, object)
  move(object, self._added, self._removed)
  self._relationship:_linked(self._owner, object)
end

--- Puts several instances into the list.
-- @tparam table objects a sequence
function WriteOnlyList:add_all(objects)
  if type(objects) ~= "table" or instance.state(objects) then
    errors.raise("ArgumentError", "add_all: expected a sequence of instances, got %s", class.describe(objects))
  end
  for _, object in ipairs(objects) do self:add(object) end
end

--- Takes an instance out of the list.
function WriteOnlyList:remove(object)
  self._relationship:_check_related(object)
  move(object, self._removed, self._added)
  self._relationship:_unlinked(self._owner, object)
end

--- The members that are stored, as a statement to be refined and run.
-- @treturn table statement
function WriteOnlyList:select()
  local state = instance.state(self._owner)
  if not state.identity then
    errors.raise("InvalidRequestError", "%s is not stored: flush first", tostring(self._owner))
  end
  return lazy.statement(self._relationship, self._owner, state)
end

class.seal(WriteOnlyList)

local methods = WriteOnlyList.__index

local function refuse(self)
  errors.raise("InvalidRequestError", "%s is write_only, it is never loaded: run list:select()",
    rawget(self, "_relationship"):_describe())
end

-- `list[1]`, and on Lua 5.2 and later `#list` and `pairs(list)`, would find an
-- empty list.
function WriteOnlyList.__index(self, key)
  if type(key) == "number" then refuse(self) end
  return methods[key]
end
WriteOnlyList.__len = refuse
WriteOnlyList.__pairs = refuse

return WriteOnlyList
