--- What is known of an instance: `pg.inspect(object)`.
-- @module pgvector.orm.inspection

local attribute_values = require "pgvector.orm.values"
local class = require "pgvector.class"
local collection = require "pgvector.orm.collection"
local constraints = require "pgvector.sql.constraints"
local core = require "pgvector.core"
local instance = require "pgvector.orm.instance"

local null = core.null

--- A view of an instance's state; it shows what is, not what was when it was made.
local InstanceState = class("InstanceState")

--- Makes one.
-- @param object an instance
function InstanceState._new(object)
  return setmetatable({ object = object, _state = instance.state(object) }, InstanceState)
end

local function as_list(value)
  if value == nil or value == null or value == attribute_values.NOT_LOADED then return {} end
  return { value }
end

local function column_history(state, column)
  local key = column.key
  local value, before = state.values[key], state.original[key]
  if before == nil then before = state.snapshots[key] end
  if before ~= nil and value ~= nil and attribute_values.changed(column, before, value) then
    return { added = as_list(value), unchanged = {}, deleted = as_list(before) }
  elseif value ~= nil and not state.identity then
    return { added = as_list(value), unchanged = {}, deleted = {} }
  end
  return { added = {}, unchanged = as_list(value), deleted = {} }
end

local function related_history(state, relationship)
  local value = state.values[relationship.key]
  local current = instance.state(value) and { value } or value ~= null and value or {}
  local known = state.committed[relationship.key] or {}
  local added = collection.without(current, known)
  return {
    added = added, unchanged = collection.without(current, added), deleted = collection.without(known, current),
  }
end

--- What happened to an attribute since the last flush.
-- @tparam string name
-- @treturn table `{ added = {…}, unchanged = {…}, deleted = {…} }`, each a sequence;
--   NULL and what is not loaded is left out
function InstanceState:history(name)
  local state = self._state
  local attribute = state.mapper:_attribute(name)
  if attribute == nil then state.mapper:_unknown(name) end
  if constraints.is_column(attribute) then return column_history(state, attribute) end
  if attribute._configure then return related_history(state, attribute) end
  return { added = {}, unchanged = as_list(self.object[name]), deleted = {} }
end

--- The attributes that are not loaded.
-- @treturn table sequence of names, in the model's order
function InstanceState:unloaded()
  local names = {}
  for _, attribute in ipairs(self._state.mapper.attributes) do
    if self._state.values[attribute[1]] == nil and (constraints.is_column(attribute[2]) or attribute[2]._configure
        or attribute[2]._is_expression_property) then
      names[#names + 1] = attribute[1]
    end
  end
  return names
end
class.seal(InstanceState)

local flags = { transient = true, pending = true, persistent = true, deleted = true, detached = true }

local fields = {
  identity = function(state)
    if not state.identity then return nil end
    local values = {}
    for i, value in ipairs(state.identity) do values[i] = value end
    return values
  end,
  mapper = function(state) return state.mapper end,
  modified = function(state) return instance.is_changed(state) end,
  session = function(state) return state.session end,
}

-- `pg.inspect(item).persistent`, `.identity`, `.modified`, …
function InstanceState.__index(self, key)
  local state = rawget(self, "_state")
  if flags[key] then return state.status == key end
  if fields[key] then return fields[key](state) end
  return InstanceState[key]
end

function InstanceState:__tostring() return ("state of %s"):format(tostring(self.object)) end

instance.inspect = InstanceState._new

return InstanceState
