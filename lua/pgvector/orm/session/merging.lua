--- Sessions: copies of what other sessions, or none, have.
-- @module pgvector.orm.session.merging

local attribute_values = require "pgvector.orm.values"
local coerce = require "pgvector.sql.coerce"
local core = require "pgvector.core"
local instance = require "pgvector.orm.instance"
local Session = require "pgvector.orm.session.base"

local null = core.null

-- The key of an object's row, even if it has expired; nil if it has none.
local function key_of(given)
  if given.identity then return given.identity end
  local values = {}
  for i, column in ipairs(given.mapper.primary_key) do
    values[i] = given.values[column.key]
    if values[i] == nil or values[i] == null then return nil end
  end
  return values
end

-- A value for the other object: a table of its own, unless it stands for SQL.
local function copied(value)
  if coerce.is_expression(value) or coerce.is_query(value) then return value end
  return attribute_values.copy(value)
end

-- The session's instance for an object's row: loaded, or a new one.
local function counterpart(self, given)
  local mapper, values = given.mapper, key_of(given)
  local target = values and self:get(mapper.model, values)
  if target == nil then
    target = instance.new(mapper)
    self:add(target)
  end
  return target
end

local function merge(self, object, merged)
  local given = instance.expect(object, "merge")
  if given.session == self then return object end
  if merged[object] then return merged[object] end
  local target = counterpart(self, given)
  merged[object] = target
  for _, column in ipairs(given.mapper.columns) do
    local value = given.values[column.key]
    if value ~= nil and not column.computed then target[column.key] = copied(value) end
  end
  for _, property in ipairs(given.mapper.properties) do
    if property._cascade and given.values[property.key] ~= nil and property.lazy ~= "write_only" then
      local related = {}
      for i, other in ipairs(property:_cascade("merge", object, given)) do
        related[i] = merge(self, other, merged)
      end
      if property.cascade.merge then target[property.key] = property.is_list and related or related[1] end
    end
    if property._withdraw then property:_withdraw(object, given, self) end
  end
  return target
end

--- Copies an object's values to the session's own instance of that row, which
-- is loaded or made; what it is related to is merged, too.
-- @tparam table object an instance of any session or none
-- @return the instance in this session
function Session:merge(object) return merge(self, object, {}) end

return Session
