--- From rows to instances, and what is read for an instance that misses some
-- of its attributes.
-- @module pgvector.orm.loading

local compat = require "pgvector.compat"
local core = require "pgvector.core"
local errors = require "pgvector.errors"
local instance = require "pgvector.orm.instance"
local joined = require "pgvector.orm.joined"
local options = require "pgvector.orm.options"
local persistence = require "pgvector.orm.persistence"
local Result = require "pgvector.engine.result"
local select_ = require "pgvector.sql.select"
local selectin = require "pgvector.orm.selectin"

local loading = {}

local null = core.null

---- rows to instances --------------------------------------------------------------

-- How an entity's columns lie in a row: attribute keys by position, and where
-- the primary key is.
local function entity_plan(entity, first)
  local mapper = rawget(entity.entity, "__mapper")
  local plan = { mapper = mapper, name = mapper.name, node = entity.node, first = first, keys = {},
    identity = {} }
  local position_of = {}
  for i, column in ipairs(entity.columns) do
    plan.keys[i] = column.key
    position_of[column.key] = first + i - 1
  end
  for i, column in ipairs(mapper.primary_key) do
    plan.identity[i] = position_of[column.key]
    if not plan.identity[i] then
      errors.raise("InvalidRequestError", "model '%s' cannot be loaded without its key '%s'", mapper.name,
        column.key)
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
  state.node = plan.node
  local values, first = state.values, plan.first - 1
  for i, attribute in ipairs(plan.keys) do
    if values[attribute] == nil then values[attribute] = row[first + i] end
  end
  return object
end

---- statements to plans --------------------------------------------------------------

local function has_entity(stmt)
  for _, entity in ipairs(stmt._entities and stmt:_entities() or {}) do
    if entity.kind == "entity" then return true end
  end
  return false
end

-- The plans of what the user selected: an entity, or a single value.
local function visible_plans(entities)
  local plans, position = {}, 1
  for _, entity in ipairs(entities) do
    if entity.kind == "entity" then
      plans[#plans + 1] = entity_plan(entity, position)
    else
      for i in ipairs(entity.columns) do plans[#plans + 1] = { position = position + i - 1 } end
    end
    position = position + #entity.columns
  end
  return plans
end

-- The plans of what is loaded along, by the statement's last entities.
local function hidden_plans(stmt, wishes)
  local entities = stmt:_entities()
  local plans, position = {}, 1
  local first = #entities - #wishes
  for i, entity in ipairs(entities) do
    if i > first then
      local wish = wishes[i - first]
      entity.node = wish.node
      local plan = entity_plan(entity, position)
      plan.wish, wish.plan = wish, plan
      plans[#plans + 1] = plan
    end
    position = position + #entity.columns
  end
  return plans
end

-- The statement that is really sent and how its rows are read, kept with the
-- user's statement.
local prepared = setmetatable({}, { __mode = "k" })

local function prepare(stmt)
  local ready = prepared[stmt]
  if ready then return ready end
  local trees = options.trees(stmt._options)
  local function node_of(entity, from) return rawget(entity, "__node") or trees[from] end
  local chosen = stmt:_with_entity_columns(function(entity, columns)
    return options.columns(node_of(entity, columns[1].table), rawget(entity, "__mapper"), columns)
  end)
  local entities = chosen:_entities()
  for _, entity in ipairs(entities) do
    if entity.kind == "entity" then entity.node = node_of(entity.entity, entity.from) end
  end
  ready = { stmt = chosen, visible = visible_plans(entities), hidden = {}, has_list = false }
  if stmt._kind == "select" and stmt.join_from then
    local wishes
    ready.stmt, wishes = joined.prepare(chosen, entities)
    ready.hidden = hidden_plans(ready.stmt, wishes)
    for _, wish in ipairs(wishes) do
      ready.has_list = ready.has_list or wish.relationship.is_list
      if not wish.parent then
        for i, entity in ipairs(entities) do
          if rawequal(entity, wish.entity) then wish.root = i end
        end
      end
    end
    ready.entity_plan = {}
    local at = 0
    for i, entity in ipairs(entities) do
      at = at + (entity.kind == "entity" and 1 or #entity.columns)
      ready.entity_plan[i] = ready.visible[at]
    end
  end
  prepared[stmt] = ready
  return ready
end

---- assembling -----------------------------------------------------------------------

-- The names of the items; one that occurs twice is no name in a row.
local function names_of(plans, keys)
  local names, count = {}, {}
  for i, plan in ipairs(plans) do
    names[i] = plan.name or keys[plan.position]
    count[names[i]] = (count[names[i]] or 0) + 1
  end
  return names, count
end

-- What is related to which instance, in the order of the rows, until all rows
-- are read.
local function new_gathering() return { owners = {}, lists = {} } end

local function gather(gathering, owner, other)
  local list = gathering.lists[owner]
  if not list then
    list = { seen = {} }
    gathering.lists[owner] = list
    gathering.owners[#gathering.owners + 1] = owner
  end
  if other and not list.seen[other] then
    list.seen[other] = true
    list[#list + 1] = other
  end
end

local function store(gathering, relationship)
  for _, owner in ipairs(gathering.owners) do
    local state = instance.state(owner)
    if state.values[relationship.key] == nil then
      local list = gathering.lists[owner]
      list.seen = nil
      relationship:_store(owner, state, list)
    end
  end
end

-- A text that equal rows share; a join to a list repeats rows.
local function fingerprint(out, ids)
  local parts = {}
  for i, value in ipairs(out) do
    if type(value) == "table" then
      if not ids[value] then
        ids.count = (ids.count or 0) + 1
        ids[value] = ids.count
      end
      parts[i] = "#" .. ids[value]
    else
      parts[i] = type(value) .. tostring(value)
    end
  end
  return table.concat(parts, "\0")
end

-- Rows of the server to rows of the user. Also lists the instances of each plan.
local function assemble(session, ready, rows, keys, populate_existing)
  local names, count = names_of(ready.visible, keys)
  local assembled, seen, ids, gatherings, loaded = {}, {}, {}, {}, {}
  local function object_of(plan, row)
    local object = instance_of(session, plan, row, populate_existing)
    if object then
      loaded[plan] = loaded[plan] or {}
      table.insert(loaded[plan], object)
    end
    return object
  end
  for _, row in ipairs(rows) do
    local out, by_plan = {}, {}
    for i, plan in ipairs(ready.visible) do
      local value
      if plan.mapper then
        by_plan[plan] = object_of(plan, row)
        value = by_plan[plan] or null
      else
        value = row[plan.position]
      end
      out[i] = value
      if value ~= null and count[names[i]] == 1 then out[names[i]] = value end
    end
    for _, plan in ipairs(ready.hidden) do
      local wish = plan.wish
      local owner = by_plan[wish.parent and wish.parent.plan or ready.entity_plan[wish.root]]
      if owner then
        by_plan[plan] = object_of(plan, row)
        gatherings[wish] = gatherings[wish] or new_gathering()
        gather(gatherings[wish], owner, by_plan[plan])
      end
    end
    local text = ready.has_list and fingerprint(out, ids)
    if not text or not seen[text] then
      assembled[#assembled + 1] = out
      if text then seen[text] = true end
    end
  end
  for _, plan in ipairs(ready.hidden) do
    if gatherings[plan.wish] then store(gatherings[plan.wish], plan.wish.relationship) end
  end
  return assembled, names, loaded
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
  local result = conn:execute(ready.stmt, params)
  local keys = result:keys()
  local rows, names, loaded = assemble(session, ready, result:all(), keys, populate_existing)
  for _, plans in ipairs{ ready.visible, ready.hidden } do
    for _, plan in ipairs(plans) do
      if loaded[plan] then selectin.load(session, plan.mapper, loaded[plan], plan.node, loading.execute) end
    end
  end
  return Result._listed(rows, names)
end

---- one instance ------------------------------------------------------------------

--- The instance of a primary key, from the database.
-- @tparam Session session
-- @tparam Model model
-- @tparam table values of the key, in its order
-- @tparam table given `options`, `populate_existing`, `with_for_update`
-- @return instance or nil
function loading.by_key(session, model, values, given)
  local mapper = rawget(model, "__mapper")
  local stmt = mapper._statements.get
  if not stmt then
    stmt = select_.select(model):where(persistence.identity_condition(mapper))
    mapper._statements.get = stmt
  end
  if given.options then stmt = stmt:options(compat.unpack(given.options)) end
  local lock = given.with_for_update
  if lock then stmt = stmt:with_for_update(type(lock) == "table" and lock or nil) end
  local populate = given.populate_existing or lock
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
