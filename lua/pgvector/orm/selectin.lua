--- Eager loading with one more query for each relationship: what is related to
-- all the instances at once.
-- @module pgvector.orm.selectin

local RelationshipAttribute = require "pgvector.orm.attribute"
local compat = require "pgvector.compat"
local instance = require "pgvector.orm.instance"
local joined = require "pgvector.orm.joined"
local keys = require "pgvector.orm.key"
local lazy = require "pgvector.orm.lazy"
local options = require "pgvector.orm.options"
local stored = require "pgvector.orm.stored"
local select_ = require "pgvector.sql.select"

local selectin = {}

local function side(pairs_, which)
  local columns = {}
  for i, pair in ipairs(pairs_) do columns[i] = pair[which] end
  return columns
end

-- Has the server the values of these columns for equal only if their keys are?
local function is_comparable(own, near)
  for i, column in ipairs(own) do
    local a, b = column.type, near[i].type
    if a.loose or b.loose or a.kind ~= b.kind and (a.family ~= "integer" or b.family ~= "integer") then return false end
  end
  return true
end

-- The SELECT of what is related, with the columns by which rows find their
-- owners: those that the relationship leads to, or, `by_owner`, the owner's own
-- key, which takes another table into the query.
local function statement_for(relationship, node, by_owner)
  local target = relationship.target
  local entity = joined.entity_over(target, target.clause, node)
  local owner, near = by_owner and relationship.mapper:_alias(), {}
  for i, column in ipairs(owner and relationship.mapper.primary_key or {}) do near[i] = owner:_corresponding(column) end
  if relationship.condition then
    local attribute = RelationshipAttribute._new(relationship, owner, target.clause)
    local step = (attribute.__join_steps(attribute))[1]
    return select_.select(entity, compat.unpack(near)):join_from(owner, step.from, step.condition), near
  end
  local conditions = {}
  for i, pair in ipairs(relationship.pairs) do
    if owner then conditions[i] = owner:_corresponding(pair[1]):eq(pair[2]) else near[i] = pair[2] end
  end
  for _, pair in ipairs(relationship.far_pairs or {}) do conditions[#conditions + 1] = pair[1]:eq(pair[2]) end
  conditions[#conditions + 1] = target:_criterion(target.clause)
  local stmt = select_.select(entity, compat.unpack(near))
  if #conditions > 0 then stmt = stmt:where(compat.unpack(conditions)) end
  return stmt, near
end

-- Loads one relationship of instances. `execute(stmt)` gives rows with instances.
local function load_some(relationship, objects, node, by_owner, execute)
  local stmt, near = statement_for(relationship, node, by_owner)
  local ordering = relationship:_ordering()
  if #ordering > 0 then stmt = stmt:order_by(compat.unpack(ordering)) end
  local own = by_owner and relationship.mapper.primary_key or side(relationship.pairs, 1)
  local found, wanted, related = {}, {}, {}
  for i, object in ipairs(objects) do
    local state = instance.state(object)
    local values = by_owner and state.identity or keys.pick(own, state.values)
    found[i] = keys.known(own, values) or false
    if found[i] and not related[found[i]] then
      related[found[i]] = {}
      wanted[#wanted + 1] = values
    end
  end
  for chunk in stored.chunks(wanted) do
    for row in execute(stmt:where(stored.among(near, chunk))) do
      local values = {}
      for i = 1, #near do values[i] = row[i + 1] end
      local list = related[keys.known(near, values)]
      if list then list[#list + 1] = row[1] end
    end
  end
  for i, object in ipairs(objects) do
    local list = {}
    for j, other in ipairs(related[found[i]] or {}) do list[j] = other end
    relationship:_store(object, instance.state(object), list)
  end
end

-- Loads one relationship of instances that have not loaded it: by the values
-- that the relationship begins with, or by their keys where these are not
-- loaded, or would not tell.
local function load_one(relationship, objects, node, execute)
  local own = side(relationship.pairs, 1)
  local by_value = not relationship.condition and is_comparable(own, side(relationship.pairs, 2))
  local with_values, without = {}, {}
  for _, object in ipairs(objects) do
    local values, complete = instance.state(object).values, by_value
    for _, column in ipairs(own) do complete = complete and values[column.key] ~= nil end
    local list = complete and with_values or without
    list[#list + 1] = object
  end
  if #with_values > 0 then load_some(relationship, with_values, node, false, execute) end
  if #without > 0 then load_some(relationship, without, node, true, execute) end
end

-- Fills in what the session has already; returns the instances left.
local function peek(relationship, objects)
  local left = {}
  for _, object in ipairs(objects) do
    local state = instance.state(object)
    local other = relationship.direction == "many_to_one" and lazy.peek(relationship, state)
    if other then relationship:_store(object, state, { other }) else left[#left + 1] = object end
  end
  return left
end

---- what lies in the tables of models that inherit --------------------------------------

-- Is something of an instance not loaded that its mapper has at once?
local function is_incomplete(state, mapper, node)
  for _, column in ipairs(mapper.columns) do
    if state.values[column.key] == nil and options.is_wanted(node, column, column.key) then return true end
  end
  return false
end

-- The mapper that most of an instance's columns are loaded with: of those that
-- were chosen, the last that it inherits from, or is.
local function chosen_for(state, chosen)
  local mapper = state.mapper
  while mapper and not chosen[mapper] do mapper = mapper.inherits end
  return mapper
end

local function load_below(mapper, objects, node, execute)
  local waiting, seen = {}, {}
  for _, object in ipairs(objects) do
    local state = instance.state(object)
    local below = chosen_for(state, node.polymorphic)
    if below and not seen[object] and is_incomplete(state, below, node) then
      seen[object] = true
      waiting[below] = waiting[below] or {}
      table.insert(waiting[below], state.identity)
    end
  end
  mapper:_each_below(function(below)
    local identities = waiting[below] or {}
    local stmt = select_.select(joined.entity_over(below, below.clause, node))
    for chunk in stored.chunks(identities) do
      execute(stmt:where(stored.among(below.primary_key, chunk)))
    end
  end)
end

---- everything -------------------------------------------------------------------------

-- The relationships of some instances that are to be loaded so, in the order in
-- which their mappers come.
local function wanted_relationships(objects, node)
  local list, seen = {}, {}
  for _, object in ipairs(objects) do
    local mapper = instance.state(object).mapper
    if not seen[mapper] then
      seen[mapper] = true
      for _, relationship in ipairs(mapper.properties) do
        if relationship._configure and not seen[relationship]
            and options.strategy(node, relationship) == "selectin" then
          seen[relationship] = true
          list[#list + 1] = relationship:_configure()
        end
      end
    end
  end
  return list
end

--- Loads what is to be loaded so.
-- @tparam Mapper mapper
-- @tparam table objects instances of it, perhaps several times
-- @tparam ?table node loader options
-- @tparam function execute `function(stmt)` gives rows with instances
function selectin.load(mapper, objects, node, execute)
  if node and node.polymorphic then load_below(mapper, objects, node, execute) end
  for _, relationship in ipairs(wanted_relationships(objects, node)) do
    local waiting, seen = {}, {}
    for _, object in ipairs(objects) do
      local state = instance.state(object)
      if not seen[object] and state.values[relationship.key] == nil
          and rawequal(state.mapper.by_key[relationship.key], relationship) then
        seen[object] = true
        waiting[#waiting + 1] = object
      end
    end
    waiting = peek(relationship, waiting)
    if #waiting > 0 then load_one(relationship, waiting, options.below(node, relationship), execute) end
  end
end

return selectin
