--- How an entity's columns lie in the rows of a statement, and the instances
-- that such rows become.
-- @module pgvector.orm.plans

local class = require "pgvector.class"
local core = require "pgvector.core"
local errors = require "pgvector.errors"
local instance = require "pgvector.orm.instance"

local plans = {}

local null = core.null

-- The mapped column that a column of a FROM element shows.
local function origin_of(column) return column._origin or column end

--- A plan: `mapper`, `name` in the user's rows, `node` (loader options), the
-- positions of the primary key in `identity`, and, where several models share
-- the rows, that of the discriminator.
-- @tparam table entity of projection.entities, with `node`
-- @tparam number first the position of its first column
function plans.of_entity(entity, first)
  local mapper = rawget(entity.entity, "__mapper")
  local plan = {
    mapper = mapper, name = mapper.name, node = entity.node, columns = entity.columns, first = first, identity = {},
    layouts = {},
  }
  local position_of = {}
  for i, column in ipairs(entity.columns) do position_of[origin_of(column)] = first + i - 1 end
  for i, column in ipairs(mapper.primary_key) do
    plan.identity[i] = position_of[column]
    if not plan.identity[i] then
      errors.raise("InvalidRequestError", "model '%s' cannot be loaded without its key '%s'", mapper.name,
        column.key)
    end
  end
  plan.discriminator = mapper.polymorphic_on and position_of[mapper.polymorphic_on]
  return plan
end

-- Which of a plan's columns are attributes of a mapper: `keys` and positions `at`.
local function layout_of(plan, mapper)
  local layout = plan.layouts[mapper]
  if layout then return layout end
  layout = { keys = {}, at = {} }
  local function add(key, i)
    layout.keys[#layout.keys + 1] = key
    layout.at[#layout.at + 1] = plan.first + i - 1
  end
  local expressions = {}
  for _, property in ipairs(mapper.expressions) do expressions[property.key] = true end
  for i, column in ipairs(plan.columns) do
    local own = origin_of(column)
    local key = own.key
    if key == nil then key = own.name end -- a label
    if rawequal(mapper.by_key[key], own) or expressions[key] then add(key, i) end
  end
  plan.layouts[mapper] = layout
  return layout
end

---- instances of one result --------------------------------------------------------------

local Batch = class("Batch")

--- Makes a batch: what one result makes of its rows.
-- @tparam Session session
-- @tparam ?boolean populate_existing
-- @tparam number count how many rows there are
function plans.batch(session, populate_existing, count)
  return setmetatable({
    session = session, populate_existing = populate_existing,
    loaded = {},                       -- plan → sequence of instances
    together = count > 1 and session._forbid_lazy == "many" or nil,
    fresh = {}, refreshed = {},        -- instances of which listeners are to hear
    is_heard = session:_is_heard(),
  }, Batch)
end

-- The values of a row, by attribute.
local function values_of(layout, row)
  local keys, at, values = layout.keys, layout.at, {}
  for i = 1, #keys do values[keys[i]] = row[at[i]] end
  return values
end

-- Fills in what an instance has not loaded; everything, if it was expired.
local function fill(self, object, state, layout, row)
  if self.populate_existing then instance.expire(object, state) end
  local keys, at, values = layout.keys, layout.at, state.values
  local was_empty = next(values) == nil
  for i = 1, #keys do
    local key = keys[i]
    if values[key] == nil then values[key] = row[at[i]] end
  end
  if was_empty and state.mapper:_is_heard() then self.refreshed[#self.refreshed + 1] = object end
end

--- The instance of a row, or nil if an outer join found none. What the session
-- holds already keeps its values; only what is missing is filled in.
-- @tparam table plan
-- @tparam table row
function Batch:object(plan, row)
  local mapper, positions = plan.mapper, plan.identity
  local identity = {}
  for i = 1, #positions do
    local value = row[positions[i]]
    if value == null then return nil end
    identity[i] = value
  end
  local loaded = self.loaded[plan]
  if not loaded then
    loaded = {}
    self.loaded[plan] = loaded
  end
  local key = mapper:_identity(identity)
  local session = self.session
  local objects = session._identity:objects_of(mapper)
  local object = objects[key]
  local state
  if object then
    state = instance.state(object)
    if not state.mapper:_is_a(mapper) then return nil end
    fill(self, object, state, layout_of(plan, state.mapper), row)
  else
    local actual = plan.discriminator and mapper:_of_row(row[plan.discriminator]) or mapper
    object, state = instance.load(actual, session, identity, key, values_of(layout_of(plan, actual), row))
    objects[key] = object
    if self.is_heard or actual:_is_heard() then self.fresh[#self.fresh + 1] = object end
  end
  if plan.node then state.node = plan.node end
  if self.together then state.together = true end
  loaded[#loaded + 1] = object
  return object
end

--- Tells of instances that were loaded.
function Batch:tell()
  local context = { session = self.session }
  for _, object in ipairs(self.fresh) do
    local mapper = instance.state(object).mapper
    if mapper:_is_heard() then mapper:_tell("load", object, context) end
    if self.is_heard then self.session:_tell("loaded_as_persistent", object) end
  end
  for _, object in ipairs(self.refreshed) do
    instance.state(object).mapper:_tell("refresh", object, context)
  end
end

return plans
