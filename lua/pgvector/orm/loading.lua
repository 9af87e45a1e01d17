--- From rows to instances, and what is read for an instance that misses some
-- of its attributes.
-- @module pgvector.orm.loading

local compat = require "pgvector.compat"
local core = require "pgvector.core"
local errors = require "pgvector.errors"
local instance = require "pgvector.orm.instance"
local persistence = require "pgvector.orm.persistence"
local Result = require "pgvector.engine.result"
local select_ = require "pgvector.sql.select"

local loading = {}

local null = core.null

---- rows to instances --------------------------------------------------------------

-- How an entity's columns lie in a row: attribute keys by position, and where
-- the primary key is.
local function entity_plan(entity, first)
  local mapper = rawget(entity.entity, "__mapper")
  local plan = { mapper = mapper, first = first, keys = {}, identity = {} }
  local position_of = {}
  for i, column in ipairs(entity.columns) do
    plan.keys[i] = column.key
    position_of[column.key] = first + i - 1
  end
  for i, column in ipairs(mapper.primary_key) do
    plan.identity[i] = position_of[column.key]
    if not plan.identity[i] then
      errors.raise("InvalidRequestError", "model '%s' cannot be loaded without its key '%s'", mapper.name, column.key)
    end
  end
  return plan
end

-- The instance of a row, or nil if an outer join found none. What the session
-- holds already keeps its values; only what is missing is filled in.
local function instance_of(session, plan, row, populate_existing)
  local mapper, identity = plan.mapper, {}
  for i, position in ipairs(plan.identity) do
    identity[i] = row[position]
    if identity[i] == null then return nil end
  end
  local key = mapper:_identity(identity)
  local object = session._identity:get(mapper, key)
  local state
  if object then
    state = instance.state(object)
    if populate_existing then instance.expire(object, state) end
  else
    object, state = instance.create(mapper, "persistent")
    state.session, state.identity, state.identity_key = session, identity, key
    session._identity:put(mapper, key, object)
  end
  local values, first = state.values, plan.first - 1
  for i, attribute in ipairs(plan.keys) do
    if values[attribute] == nil then values[attribute] = row[first + i] end
  end
  return object
end

-- The columns of an entity that are loaded unless asked for otherwise.
local function undeferred(entity, columns)
  local mapper, loaded = rawget(entity, "__mapper"), {}
  for _, column in ipairs(columns) do
    local mapped = mapper.by_key[column.key]
    if not mapped.deferred then loaded[#loaded + 1] = column end
  end
  return loaded
end

local function has_entity(stmt)
  for _, entity in ipairs(stmt._entities and stmt:_entities() or {}) do
    if entity.kind == "entity" then return true end
  end
  return false
end

-- The statement that is really sent, kept with the user's one.
local prepared = setmetatable({}, { __mode = "k" })

local function prepare(stmt)
  local ready = prepared[stmt]
  if not ready then
    ready = stmt:_with_entity_columns(undeferred)
    prepared[stmt] = ready
  end
  return ready
end

-- The names of the items; one that occurs twice is no name in a row.
local function names_of(plans)
  local names, count = {}, {}
  for i, plan in ipairs(plans) do
    names[i] = plan.name
    count[plan.name] = (count[plan.name] or 0) + 1
  end
  return names, count
end

-- One plan for each selected item: an entity, or a single value.
local function plans_of(stmt, result)
  local plans, position, keys = {}, 1, result:keys()
  for _, entity in ipairs(stmt:_entities()) do
    if entity.kind == "entity" then
      local plan = entity_plan(entity, position)
      plan.name = plan.mapper.name
      plans[#plans + 1] = plan
    else
      for i in ipairs(entity.columns) do
        plans[#plans + 1] = { position = position + i - 1, name = keys[position + i - 1] }
      end
    end
    position = position + #entity.columns
  end
  return plans
end

-- Rows of the server to rows of the user.
local function assemble(session, plans, rows, populate_existing)
  local names, count = names_of(plans)
  local assembled = {}
  for r, row in ipairs(rows) do
    local out = {}
    for i, plan in ipairs(plans) do
      local value
      if plan.mapper then
        value = instance_of(session, plan, row, populate_existing) or null
      else
        value = row[plan.position]
      end
      out[i] = value
      if value ~= null and count[plan.name] == 1 then out[plan.name] = value end
    end
    assembled[r] = out
  end
  return assembled, names
end

--- Runs a statement in a session.
-- @tparam Session session
-- @param stmt
-- @tparam ?table params
-- @tparam[opt] boolean populate_existing overwrite what is loaded
-- @treturn Result
function loading.execute(session, stmt, params, populate_existing)
  local conn = session:connection()
  if type(stmt) ~= "table" or getmetatable(stmt) == nil or not has_entity(stmt) then
    return conn:execute(stmt, params)
  end
  local ready = prepare(stmt)
  local result = conn:execute(ready, params)
  local plans = plans_of(ready, result)
  local rows, names = assemble(session, plans, result:all(), populate_existing)
  return Result._listed(rows, names)
end

---- one instance ------------------------------------------------------------------

--- The instance of a primary key, from the database.
-- @tparam Session session
-- @tparam Model model
-- @tparam table values of the key, in its order
-- @tparam table options `options`, `populate_existing`, `with_for_update`
-- @return instance or nil
function loading.by_key(session, model, values, options)
  local mapper = rawget(model, "__mapper")
  local stmt = mapper._statements.get
  if not stmt then
    stmt = select_.select(model):where(persistence.identity_condition(mapper))
    mapper._statements.get = stmt
  end
  if options.options then stmt = stmt:options(compat.unpack(options.options)) end
  if options.with_for_update then
    stmt = stmt:with_for_update(type(options.with_for_update) == "table" and options.with_for_update or nil)
  end
  local populate = options.populate_existing or options.with_for_update
  local params = persistence.identity_params({}, values)
  return loading.execute(session, stmt, params, populate):scalars():one_or_none()
end

-- Reads columns of one row into an instance; false if the row is gone.
local function read(session, state, columns)
  local mapper = state.mapper
  local parts = { "load" }
  for _, column in ipairs(columns) do parts[#parts + 1] = column.key end
  local shape = table.concat(parts, "\0")
  local stmt = mapper._statements[shape]
  if not stmt then
    stmt = select_.select(compat.unpack(columns)):where(persistence.identity_condition(mapper))
    mapper._statements[shape] = stmt
  end
  local row = session:connection():execute(stmt, persistence.identity_params({}, state.identity)):first()
  if not row then return false end
  for i, column in ipairs(columns) do state.values[column.key] = row[i] end
  return true
end

-- Columns without a value that `wanted(column)` accepts.
local function missing(state, wanted)
  local columns = {}
  for _, column in ipairs(state.mapper.columns) do
    if state.values[column.key] == nil and wanted(column) then columns[#columns + 1] = column end
  end
  return columns
end

--- Reads what an instance has not loaded of `keys`, or of all that is not
-- deferred.
-- @treturn boolean false if the row is gone
function loading.refresh(session, state, keys)
  local set
  if keys then
    set = {}
    for _, key in ipairs(keys) do set[key] = true end
  end
  local columns = missing(state, function(column)
    if set then return set[column.key] end
    return not column.deferred
  end)
  return #columns == 0 or read(session, state, columns)
end

--- Reads an attribute, and with it what is missing for the same reason: the
-- rest of its group if it is deferred, else everything that was expired.
-- @treturn boolean false if the row is gone
function loading.attribute(session, state, key)
  local asked = state.mapper.by_key[key]
  return read(session, state, missing(state, function(column)
    if rawequal(column, asked) then return true end
    if asked.deferred then
      return asked.deferred_group ~= nil and column.deferred and column.deferred_group == asked.deferred_group
    end
    return not column.deferred
  end))
end

return loading
