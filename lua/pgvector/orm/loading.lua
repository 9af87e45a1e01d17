--- From rows to instances, and what is read for an instance that misses some
-- of its attributes.
-- @module pgvector.orm.loading

local compat = require "pgvector.compat"
local core = require "pgvector.core"
local errors = require "pgvector.errors"
local instance = require "pgvector.orm.instance"
local literal = require "pgvector.types.literal"
local plans = require "pgvector.orm.plans"
local preparing = require "pgvector.orm.preparing"
local Result = require "pgvector.engine.result"
local select_ = require "pgvector.sql.select"
local selectin = require "pgvector.orm.selectin"
local stored = require "pgvector.orm.stored"

local loading = {}

local null = core.null

---- assembling -----------------------------------------------------------------------

-- The names of the items; one that occurs twice is no name in a row.
local function names_of(list, keys)
  local names, count = {}, {}
  for i, plan in ipairs(list) do
    names[i] = plan.name or keys[plan.position]
    count[names[i]] = (count[names[i]] or 0) + 1
  end
  return names, count
end

-- What is related to which instance, in the order of the rows, until all rows
-- are read.
local function new_gathering() return { owners = {}, lists = {} } end

local function has(owner, relationship)
  return rawequal(instance.state(owner).mapper.by_key[relationship.key], relationship)
end

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
      -- tostring rounds numbers
      parts[i] = type(value) .. (type(value) == "number" and literal.digits(value) or tostring(value))
    end
  end
  return table.concat(parts, "\0")
end

-- Rows of one entity, with nothing loaded along.
local function assemble_single(batch, plan, rows)
  local assembled, name = {}, plan.name
  for i = 1, #rows do
    local object = batch:object(plan, rows[i])
    if object then
      assembled[i] = { object, [name] = object }
    else
      assembled[i] = { null }
    end
  end
  return assembled
end

-- Rows of the server to rows of the user.
local function assemble(batch, ready, rows, names, count)
  local assembled, seen, ids, gatherings = {}, {}, {}, {}
  for _, row in ipairs(rows) do
    local out, by_plan = {}, {}
    for i, plan in ipairs(ready.visible) do
      local value
      if plan.mapper then
        by_plan[plan] = batch:object(plan, row)
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
      -- the relationship may be one of a model that inherits
      if owner and has(owner, wish.relationship) then
        by_plan[plan] = batch:object(plan, row)
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
  return assembled
end

-- The positions that a row must have: single values, and of entities what
-- tells whose row it is.
local function required_positions(ready)
  local required = {}
  for _, list in ipairs{ ready.visible, ready.hidden } do
    for _, plan in ipairs(list) do
      for _, position in ipairs(plan.identity or { plan.position }) do required[position] = true end
      if plan.discriminator then required[plan.discriminator] = true end
    end
  end
  return required
end

-- The rows of a statement that somebody else wrote, whose columns are found by
-- name; attributes that it lacks are not loaded.
local function reordered(ready, result)
  local at = {}
  for i, name in ipairs(result:keys()) do at[name] = at[name] or i end
  local order, required = {}, required_positions(ready)
  local selected = ready.stmt:_selected()
  for i, column in ipairs(selected) do
    order[i] = at[column.name] or false
    if required[i] and not order[i] then
      errors.raise("InvalidRequestError", "from_statement: the statement returns no column '%s'", column.name)
    end
  end
  local rows = result:all()
  for i, row in ipairs(rows) do
    local out = {}
    for j, position in ipairs(order) do
      if position then out[j] = row[position] end
    end
    rows[i] = out
  end
  return rows
end

-- How the further statements of eager loading are run: in the same schemas, and
-- overwriting the same way.
local function executing(session, stmt, populate_existing)
  local map = (stmt._execution_options or {}).schema_translate_map
  return function(further)
    if map then further = further:execution_options{ schema_translate_map = map } end
    return loading.execute(session, further, nil, populate_existing)
  end
end

--- Runs a statement in a session.
-- @tparam Session session
-- @param stmt
-- @tparam ?table params
-- @tparam[opt] boolean populate_existing overwrite what is loaded
-- @treturn Result
function loading.execute(session, stmt, params, populate_existing)
  local conn = session:connection()
  if type(stmt) ~= "table" or getmetatable(stmt) == nil then return conn:execute(stmt, params) end
  if not preparing.has_entity(stmt) then return conn:execute(preparing.plain(stmt), params) end
  local ready = preparing.prepare(stmt)
  local source = stmt._from_statement
  local result = conn:execute(source or ready.stmt, params)
  local keys = not source and result:keys() or {}
  local rows = source and reordered(ready, result) or result:all()
  local names, count = names_of(ready.visible, keys)
  local batch = plans.batch(session, populate_existing, #rows)
  local assembled
  if #ready.visible == 1 and #ready.hidden == 0 and ready.visible[1].mapper then
    assembled = assemble_single(batch, ready.visible[1], rows)
  else
    assembled = assemble(batch, ready, rows, names, count)
  end
  for _, list in ipairs{ ready.visible, ready.hidden } do
    for _, plan in ipairs(list) do
      if batch.loaded[plan] then
        selectin.load(plan.mapper, batch.loaded[plan], plan.node, executing(session, stmt, populate_existing))
      end
    end
  end
  batch:tell()
  return Result._listed(assembled, names)
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
    stmt = select_.select(model):where(stored.of_identity(mapper))
    mapper._statements.get = stmt
  end
  if given.options then stmt = stmt:options(compat.unpack(given.options)) end
  local lock = given.with_for_update
  if lock then stmt = stmt:with_for_update(type(lock) == "table" and lock or nil) end
  local populate = given.populate_existing or lock
  local params = stored.identity_params({}, values)
  return loading.execute(session, stmt, params, populate):scalars():one_or_none()
end

-- What is to be selected for columns and for properties that are expressions.
local function items_for(mapper, attributes)
  local items = {}
  for i, attribute in ipairs(attributes) do
    items[i] = attribute._is_expression_property and attribute:expression(mapper.clause) or attribute
  end
  return items
end

-- Reads attributes of one row into an instance; false if the row is gone.
local function read(session, object, state, attributes)
  local mapper = state.mapper
  local parts = { "load" }
  for _, attribute in ipairs(attributes) do parts[#parts + 1] = attribute.key end
  local shape = table.concat(parts, "\0")
  local stmt = mapper._statements[shape]
  if not stmt then
    stmt = select_.select(compat.unpack(items_for(mapper, attributes))):select_from(mapper.clause)
      :where(stored.of_identity(mapper))
    mapper._statements[shape] = stmt
  end
  local row = session:connection():execute(stmt, stored.identity_params({}, state.identity)):first()
  if not row then return false end
  local keys = {}
  for i, attribute in ipairs(attributes) do
    keys[i] = attribute.key
    state.values[keys[i]] = row[i]
  end
  if mapper:_is_heard() then mapper:_tell("refresh", object, { session = session }, keys) end
  return true
end

-- Attributes without a value that `wanted(attribute)` accepts.
local function missing(state, wanted)
  local list = {}
  for _, attributes in ipairs{ state.mapper.columns, state.mapper.expressions } do
    for _, attribute in ipairs(attributes) do
      if state.values[attribute.key] == nil and wanted(attribute) then list[#list + 1] = attribute end
    end
  end
  return list
end

--- Reads what an instance has not loaded of `keys`, or of all that is not
-- deferred.
-- @treturn boolean false if the row is gone
function loading.refresh(session, object, state, keys)
  local set
  if keys then
    set = {}
    for _, key in ipairs(keys) do set[key] = true end
  end
  local attributes = missing(state, function(attribute)
    if set then return set[attribute.key] end
    return not attribute.deferred
  end)
  return #attributes == 0 or read(session, object, state, attributes)
end

--- Reads an attribute, and with it what is missing for the same reason: the
-- rest of its group if it is deferred, else everything that was expired.
-- @treturn boolean false if the row is gone
function loading.attribute(session, object, state, key)
  local asked = state.mapper.by_key[key] or state.mapper.version -- xmin is no attribute
  return read(session, object, state, missing(state, function(attribute)
    if rawequal(attribute, asked) then return true end
    if asked.deferred then
      return asked.deferred_group ~= nil and attribute.deferred and attribute.deferred_group == asked.deferred_group
    end
    return not attribute.deferred
  end))
end

return loading
