--- Eager loading with one more query for each relationship: what is related to
-- all the instances at once.
-- @module pgvector.orm.selectin

local RelationshipAttribute = require "pgvector.orm.attribute"
local compat = require "pgvector.compat"
local instance = require "pgvector.orm.instance"
local joined = require "pgvector.orm.joined"
local lazy = require "pgvector.orm.lazy"
local options = require "pgvector.orm.options"
local stored = require "pgvector.orm.stored"
local select_ = require "pgvector.sql.select"

local selectin = {}

-- So many keys go into one query.
local CHUNK = 500

-- Key values as text, to find the instances again.
local function text_of(values)
  local parts = {}
  for i = 1, #values do
    local value = values[i]
    if compat.is_integral(value) then value = ("%.0f"):format(value) end
    parts[i] = tostring(value)
  end
  return table.concat(parts, "\0")
end

-- Values of an instance's columns; nil if one is NULL.
local function values_of(object, columns)
  local values = {}
  for i, column in ipairs(columns) do
    values[i] = object[column.key]
    if values[i] == nil then return nil end
  end
  return values
end

local function side(pairs_, which)
  local columns = {}
  for i, pair in ipairs(pairs_) do columns[i] = pair[which] end
  return columns
end

-- The SELECT of what is related, with the columns by which rows find their
-- owners, and the owners' own columns with the same values.
local function statement_for(relationship, node)
  local target = relationship.target
  local entity = joined.entity_over(target, target.clause, node)
  if relationship.condition then
    local owner = relationship.mapper:_alias()
    local near = {}
    for i, column in ipairs(relationship.mapper.primary_key) do near[i] = owner:_corresponding(column) end
    local attribute = RelationshipAttribute._new(relationship, owner, target.clause)
    local step = (attribute.__join_steps(attribute))[1]
    local stmt = select_.select(entity, compat.unpack(near)):join_from(owner, step.from, step.condition)
    return stmt, near, relationship.mapper.primary_key
  end
  local near = side(relationship.pairs, 2)
  local stmt = select_.select(entity, compat.unpack(near))
  local far = {}
  for i, pair in ipairs(relationship.far_pairs or {}) do far[i] = pair[1]:eq(pair[2]) end
  far[#far + 1] = target:_criterion(target.clause)
  if #far > 0 then stmt = stmt:where(compat.unpack(far)) end
  return stmt, near, side(relationship.pairs, 1)
end

-- Loads one relationship of instances that have not loaded it. `execute(stmt)`
-- gives rows with instances.
local function load_one(relationship, objects, node, execute)
  local stmt, near, own = statement_for(relationship, node)
  local ordering = relationship:_ordering()
  if #ordering > 0 then stmt = stmt:order_by(compat.unpack(ordering)) end
  local related, keys, known = {}, {}, {}
  for _, object in ipairs(objects) do
    local values = values_of(object, own)
    local text = values and text_of(values)
    if text and not known[text] then
      known[text] = true
      keys[#keys + 1] = values
    end
  end
  for first = 1, #keys, CHUNK do
    local chunk = {}
    for i = first, math.min(first + CHUNK - 1, #keys) do chunk[#chunk + 1] = keys[i] end
    for row in execute(stmt:where(stored.among(near, chunk))) do
      local values = {}
      for i = 1, #near do values[i] = row[i + 1] end
      local text = text_of(values)
      related[text] = related[text] or {}
      table.insert(related[text], row[1])
    end
  end
  for _, object in ipairs(objects) do
    local values, list = values_of(object, own), {}
    for i, other in ipairs(values and related[text_of(values)] or {}) do list[i] = other end
    relationship:_store(object, instance.state(object), list)
  end
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
    local keys = waiting[below] or {}
    local stmt = select_.select(joined.entity_over(below, below.clause, node))
    for first = 1, #keys, CHUNK do
      local chunk = {}
      for i = first, math.min(first + CHUNK - 1, #keys) do chunk[#chunk + 1] = keys[i] end
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
