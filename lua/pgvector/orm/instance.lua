--- Instances of models.
--
-- An instance is empty but for its state, under a private key, so that every
-- access goes through its metatable: reads load what is missing, writes mark
-- what is to be stored. The state:
--
-- * `mapper`, `session` (nil: in none),
-- * `status`: "transient", "pending", "persistent", "deleted", "detached",
-- * `values`: attribute key → value; pg.null for NULL, absent if not loaded,
-- * `original`: key → the value before the first change since the last flush,
-- * `snapshots`: key → copy of a table that was handed out and may have changed,
-- * `committed`: relationship → the related instances that the database knows,
-- * `related`: relationship → true if it was set since the last flush, "orphan" if so
--   that it has no parent any more; for a list the set of those that came to it,
-- * `made`: keys of values that the flush which inserted it has set,
-- * `identity`: values of the primary key in the database, `identity_key` their text,
-- * `node`: the loader options it was loaded with; `together`: was it loaded with others?
--
-- Most instances are only read. So what all of one model have in common lies in
-- the metatable of their states, and so do `original`, `snapshots`, `committed`
-- and `related` as long as they are empty: `instance.own` makes one to write to.
--
-- A state never refers to its instance: instances are held weakly.
-- @module pgvector.orm.instance

local class = require "pgvector.class"
local column_of = require "pgvector.sql.column"
local constraints = require "pgvector.sql.constraints"
local core = require "pgvector.core"
local errors = require "pgvector.errors"
local events = require "pgvector.util.events"
local attribute_values = require "pgvector.orm.values"

local instance = {}

local null, NOT_LOADED = core.null, attribute_values.NOT_LOADED
local is_column = constraints.is_column

-- In a model a column is an attribute, which can be listened to, whatever model
-- that inherits it was asked for.
column_of.Column._events = function(column) return column._mapped or column, { set = true } end

-- The private key. A table: lua-cjson, when it meets an instance, fails loudly
-- instead of printing {}.
local STATE = {}

--- The state of an instance, or nil for anything else.
function instance.state(x) return type(x) == "table" and rawget(x, STATE) or nil end

--- The state of what must be an instance.
-- @param x
-- @tparam string where what the message calls the place
function instance.expect(x, where)
  local state = instance.state(x)
  if state then return state end
  errors.raise("ArgumentError", "%s: expected an instance of a model, got %s", where, class.describe(x))
end

-- Shared by all states; a write to it is a mistake in here.
local EMPTY = setmetatable({}, { __newindex = function() error("a state's shared table was written to", 2) end })

--- The table of a state to write to: `original`, `snapshots`, `committed`, `related`.
function instance.own(state, field)
  local own = rawget(state, field)
  if not own then
    own = {}
    rawset(state, field, own)
  end
  return own
end

-- Takes a key out, where there is something to take it out of.
local function clear(state, field, key)
  local own = rawget(state, field)
  if own then
    own[key] = nil
    if next(own) == nil then rawset(state, field, nil) end
  end
end
instance.clear = clear

--- Remembers a copy of a table value that others can reach, so that a change
-- inside it is noticed; the session holds on to the instance from here on.
function instance.touch(object, state, key)
  if state.snapshots[key] == nil and state.original[key] == nil then
    instance.own(state, "snapshots")[key] = attribute_values.copy(state.values[key])
    if state.session then state.session:_pin(object, state) end
  end
end

-- A value as it is handed out.
local function given_out(object, state, key, value)
  if value == null then return nil end
  if type(value) == "table" then
    local attribute = state.mapper.by_key[key]
    if not is_column(attribute) then return attribute:_read(object, state, value) end
    if state.identity and attribute.type.track ~= "reassign" then instance.touch(object, state, key) end
  end
  return value
end

-- Reads what is not in `values`: methods, properties, columns not loaded yet.
local function read_missing(object, state, key)
  local mapper = state.mapper
  local attribute = mapper.by_key[key]
  if attribute == nil then
    local method = mapper.methods[key]
    if method ~= nil then return method end
    attribute = mapper:_attribute(key)
    if attribute == nil then mapper:_unknown(key) end
  end
  if not is_column(attribute) then return attribute:_get(object, state) end
  if not state.identity then return nil end
  if not state.session then
    errors.raise("DetachedInstanceError", "%s is in no session: attribute '%s' cannot be loaded",
      tostring(object), key)
  end
  state.session:_load_attribute(object, state, key)
  return given_out(object, state, key, state.values[key])
end

--- Sets a column's value and marks the instance as changed.
-- @param object the instance
-- @tparam table state of it
-- @tparam string key
-- @param value pg.null for NULL
function instance.set_column(object, state, key, value)
  if state.original[key] == nil then
    local before = state.snapshots[key]
    if before == nil then before = state.values[key] end
    if before == nil then before = NOT_LOADED end
    instance.own(state, "original")[key] = before
  end
  state.values[key] = value
  if state.session then state.session:_mark_modified(object, state) end
end

-- Lets the listeners of an attribute look at, and perhaps replace, a new value.
local function heard(object, state, attribute, value)
  local old = state.values[attribute.key]
  if old == null then old = nil end
  local before
  if value ~= null then before = value end
  local after = events.filter(attribute, "set", object, before, old)
  if after == nil then return null end
  return after
end

local function write(object, state, key, value)
  local mapper = state.mapper
  local attribute = mapper:_attribute(key)
  if attribute == nil then
    if mapper.methods[key] ~= nil then
      errors.raise("ArgumentError", "model '%s': '%s' is a method", mapper.name, key)
    end
    mapper:_unknown(key)
  end
  if not is_column(attribute) then return attribute:_set(object, state, value) end
  if attribute.computed then
    errors.raise("ArgumentError", "model '%s': '%s' is computed by the server", mapper.name, key)
  end
  if attribute.validate and value ~= nil and value ~= null then
    value = attribute.validate(value, key, object)
  end
  if value == nil then value = null end
  if attribute._listeners then value = heard(object, state, attribute, value) end
  instance.set_column(object, state, key, value)
end

-- Pairs of what is not deferred; NULL is left out as in any table.
local function each(object)
  local state = rawget(object, STATE)
  local columns, i = state.mapper.columns, 0
  return function()
    while i < #columns do
      i = i + 1
      local key = columns[i].key
      if state.values[key] ~= nil or not columns[i].deferred then
        local value = object[key]
        if value ~= nil then return key, value end
      end
    end
  end
end

--- Gives a mapper the metatables of its instances and of their states.
function instance.instrument(mapper)
  mapper._state_mt = { __index = {
    mapper = mapper, status = "persistent", original = EMPTY, snapshots = EMPTY, committed = EMPTY, related = EMPTY,
  } }
  local no_json = ("an object of model '%s' is no JSON value: orm.to_table makes one"):format(mapper.name)
  mapper._instance_mt = {
    __name = mapper.name,
    __no_json = no_json,
    __tojson = function() errors.raise("ArgumentError", "%s", no_json) end, -- dkjson's
    __index = function(object, key)
      local state = rawget(object, STATE)
      local value = state.values[key]
      if value == nil then return read_missing(object, state, key) end
      if value == null then return nil end
      if type(value) == "table" then return given_out(object, state, key, value) end
      return value
    end,
    __newindex = function(object, key, value) write(object, rawget(object, STATE), key, value) end,
    __pairs = each,
    __tostring = function(object)
      local state = rawget(object, STATE)
      return ("%s(%s)"):format(mapper.name, state.identity_key or state.status)
    end,
    __inspect = function(object) return instance.inspect(object) end,
  }
end

--- Makes an instance without values that is in no session yet.
-- @treturn table the instance
-- @treturn table its state
function instance.create(mapper)
  local state = setmetatable({ values = {}, status = "transient" }, mapper._state_mt)
  return setmetatable({ [STATE] = state }, mapper._instance_mt), state
end

--- Makes an instance of a row.
-- @tparam Mapper mapper
-- @tparam Session session
-- @tparam table identity values of the primary key
-- @tparam string identity_key
-- @tparam table values
-- @treturn table the instance
-- @treturn table its state
function instance.load(mapper, session, identity, identity_key, values)
  local state = setmetatable({
    session = session, identity = identity, identity_key = identity_key, values = values,
  }, mapper._state_mt)
  return setmetatable({ [STATE] = state }, mapper._instance_mt), state
end

-- A new instance tells of what it is in its table.
local function start(mapper, ...)
  local object, state = instance.create(mapper)
  if mapper.polymorphic_identity ~= nil then
    state.values[mapper.polymorphic_on.key] = mapper.polymorphic_identity
  end
  if mapper:_is_heard() then mapper:_tell("init", object, ...) end
  return object, state
end

--- Makes a transient instance: what `Item{ title = "x" }` does.
-- @tparam Mapper mapper
-- @tparam ?table given values by attribute; pg.null for NULL
function instance.new(mapper, given)
  if given ~= nil and (type(given) ~= "table" or getmetatable(given)) then
    errors.raise("ArgumentError", "model '%s': expected a table of values, got %s", mapper.name,
      class.describe(given))
  end
  local object, state = start(mapper, given)
  if not given then return object end
  local count = 0
  for key in pairs(given) do
    if mapper:_attribute(key) == nil then mapper:_unknown(key) end
    count = count + 1
  end
  -- first what may be refused: nothing is related to half an object
  for _, column in ipairs(mapper.columns) do
    if count == 0 then return object end
    local value = given[column.key]
    if value ~= nil then
      write(object, state, column.key, value)
      count = count - 1
    end
  end
  -- in the order of the attributes, so that relationships see the same order in every run
  for _, attribute in ipairs(mapper.attributes) do
    if count == 0 then break end
    local key = attribute[1]
    local value = given[key]
    if value ~= nil and not is_column(attribute[2]) then
      write(object, state, key, value)
      count = count - 1
    end
  end
  return object
end

--- Makes a transient instance of a model with a constructor of its own.
function instance.construct(mapper, ...)
  local object = start(mapper, ...)
  mapper.init(object, ...)
  return object
end

--- Forgets what is loaded: the next read asks the database.
-- @param object the instance
-- @tparam table state of it
-- @tparam[opt] table keys sequence of attribute keys; default all
function instance.expire(object, state, keys)
  if keys then
    for _, key in ipairs(keys) do
      if state.mapper.by_key[key] == nil then state.mapper:_unknown(key) end
      state.values[key] = nil
      for _, field in ipairs{ "original", "snapshots", "committed", "related" } do clear(state, field, key) end
    end
  else
    state.values = {}
    state.original, state.snapshots, state.committed, state.related, state.forced = nil, nil, nil, nil, nil
  end
  if state.mapper:_is_heard() then state.mapper:_tell("expire", object, keys) end
  if state.session then state.session:_rewatch(object, state) end
end

--- The columns whose value differs from the database's, with the values.
-- @treturn table sequence of `{ column, key, value }`
function instance.changes(state)
  local changes = {}
  local original, snapshots = state.original, state.snapshots
  if original == EMPTY and snapshots == EMPTY then return changes end
  for _, column in ipairs(state.mapper.columns) do
    local key = column.key
    local before = original[key]
    if before == nil then before = snapshots[key] end
    if before ~= nil then
      local value = state.values[key]
      if value ~= nil
        and (state.forced and state.forced[key] or attribute_values.changed(column, before, value)) then
        changes[#changes + 1] = { column, key, value }
      end
    end
  end
  return changes
end

--- Would a flush write something for this instance?
function instance.is_changed(state)
  if #instance.changes(state) > 0 then return true end
  for _, property in ipairs(state.mapper.properties) do
    if property._is_changed and property:_is_changed(state) then return true end
  end
  return false
end

--- Takes the present values as those of the database, after a flush. Tables
-- stay watched: the user may hold them.
function instance.commit_values(object, state)
  state.original, state.snapshots, state.forced = nil, nil, nil
  for key, value in pairs(state.values) do
    if type(value) == "table" then
      local attribute = state.mapper.by_key[key]
      if is_column(attribute) and attribute.type.track ~= "reassign" then instance.touch(object, state, key) end
    end
  end
end

--- Sets a value that a flush made for an instance to be inserted; `take_back`
-- removes it if that comes to nothing.
function instance.set_made(state, key, value)
  state.values[key] = value
  if not state.identity then
    local made = state.made
    if not made then
      made = {}
      state.made = made
    end
    made[key] = true
  end
end

--- Makes an instance transient again, as it was before it was added.
function instance.take_back(state)
  for key in pairs(state.made or {}) do state.values[key] = nil end
  state.made, state.identity, state.identity_key = nil, nil, nil
  state.original, state.snapshots, state.committed = nil, nil, nil
  state.session, state.status = nil, "transient"
end

--- Marks an attribute as changed although its value looks the same.
function instance.flag_modified(object, key)
  local state = instance.expect(object, "flag_modified")
  if not is_column(state.mapper.by_key[key]) then state.mapper:_unknown(key) end
  local value = object[key]
  state.forced = state.forced or {}
  state.forced[key] = true
  instance.set_column(object, state, key, value == nil and null or value)
end

--- An attribute or method of an instance, for code that does not know the model.
-- @param object the instance
-- @tparam string key
-- @param[opt] default returned if the model has no such attribute
-- @return its value, nil for NULL
function instance.getattr(object, key, default)
  local mapper = instance.expect(object, "getattr").mapper
  if mapper:_attribute(key) == nil and mapper.methods[key] == nil then return default end
  return object[key]
end

return instance
