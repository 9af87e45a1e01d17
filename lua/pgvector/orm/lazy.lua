--- Loads what one instance is related to.
-- @module pgvector.orm.lazy

local adapt = require "pgvector.sql.adapt"
local base = require "pgvector.sql.base"
local compat = require "pgvector.compat"
local core = require "pgvector.core"
local instance = require "pgvector.orm.instance"
local joined = require "pgvector.orm.joined"
local options = require "pgvector.orm.options"
local select_ = require "pgvector.sql.select"

local lazy = {}

local null = core.null

-- The values of the local columns, or nil if one of them is NULL: then
-- nothing can be related.
local function local_values(relationship, object)
  local values = {}
  for i, pair in ipairs(relationship.pairs) do
    local value = object[pair[1].key]
    if value == nil or value == null then return nil end
    values[i] = value
  end
  return values
end

-- Do the pairs lead to the target's primary key, all of it? Then its values in
-- the key's order.
local function key_of_target(relationship, values)
  if relationship.condition or relationship.direction ~= "many_to_one" then return nil end
  local key = {}
  for i, column in ipairs(relationship.target.primary_key) do
    for j, pair in ipairs(relationship.pairs) do
      if rawequal(pair[2], column) then key[i] = values[j] end
    end
    if key[i] == nil then return nil end
  end
  return #relationship.pairs == #key and key or nil
end

--- The related instance of a many-to-one relationship, if the session has it:
-- no query is made.
function lazy.peek(relationship, state)
  if not state.session or not state.identity then return nil end
  local values = {}
  for i, pair in ipairs(relationship.pairs) do
    values[i] = state.values[pair[1].key]
    if values[i] == nil or values[i] == null then return nil end
  end
  local key = key_of_target(relationship, values)
  local object = key and state.session._identity:get(relationship.target, relationship.target:_identity(key))
  return object and instance.state(object).mapper:_is_a(relationship.target) and object or nil
end

-- The condition between the two sides, with values in place of local columns.
local function conditions_for(relationship, values)
  local function near(column, i) return base.bind(values[i], column.type) end
  local conditions = {}
  if relationship.condition then
    local position = {}
    for i, pair in ipairs(relationship.pairs) do position[pair[1]] = i end
    conditions[1] = adapt.columns(relationship.condition, { relationship.mapper.clause }, function(column)
      local i = position[column._mapped or column]
      return i and near(column, i)
    end)
    return conditions
  end
  for i, pair in ipairs(relationship.pairs) do conditions[i] = pair[2]:eq(near(pair[1], i)) end
  for _, pair in ipairs(relationship.far_pairs or {}) do
    conditions[#conditions + 1] = pair[1]:eq(pair[2])
  end
  return conditions
end

-- The SELECT of what is related to an instance with these values.
local function statement_for(relationship, values, node)
  local target = relationship.target
  local conditions = conditions_for(relationship, values)
  conditions[#conditions + 1] = target:_criterion(target.clause)
  local stmt = select_.select(joined.entity_over(target, target.clause, node)):where(compat.unpack(conditions))
  local ordering = relationship:_ordering()
  if #ordering > 0 then stmt = stmt:order_by(compat.unpack(ordering)) end
  return stmt
end

--- The SELECT of what is related to a stored instance.
function lazy.statement(relationship, object, state)
  return statement_for(relationship, local_values(relationship, object), options.below(state.node, relationship))
end

--- Loads the related instances.
-- @tparam Relationship relationship configured
-- @param object
-- @tparam table state of an instance in a session
-- @treturn table sequence
function lazy.load(relationship, object, state)
  local values = local_values(relationship, object)
  if not values then return {} end
  local node = options.below(state.node, relationship)
  local key = not node and key_of_target(relationship, values)
  if key then return { state.session:get(relationship.target.model, key) } end
  return state.session:scalars(statement_for(relationship, values, node)):all()
end

return lazy
