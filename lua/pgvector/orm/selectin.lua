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

-- Loads one relationship of instances that have not loaded it.
local function load_one(session, relationship, objects, node, execute)
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
    for row in execute(session, stmt:where(stored.among(near, chunk))) do
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

--- Loads the relationships that are to be loaded so.
-- @tparam Session session
-- @tparam Mapper mapper
-- @tparam table objects instances of it, perhaps several times
-- @tparam ?table node loader options
-- @tparam function execute of pgvector.orm.loading
function selectin.load(session, mapper, objects, node, execute)
  for _, relationship in ipairs(mapper.properties) do
    if relationship._configure and options.strategy(node, relationship) == "selectin" then
      relationship:_configure()
      local waiting, seen = {}, {}
      for _, object in ipairs(objects) do
        if not seen[object] and instance.state(object).values[relationship.key] == nil then
          seen[object] = true
          waiting[#waiting + 1] = object
        end
      end
      waiting = peek(relationship, waiting)
      if #waiting > 0 then
        load_one(session, relationship, waiting, options.below(node, relationship), execute)
      end
    end
  end
end

return selectin
