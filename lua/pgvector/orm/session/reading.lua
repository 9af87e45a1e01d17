--- Sessions: single objects, by their keys and once more.
-- @module pgvector.orm.session.reading

local class = require "pgvector.class"
local core = require "pgvector.core"
local errors = require "pgvector.errors"
local instance = require "pgvector.orm.instance"
local loading = require "pgvector.orm.loading"
local Session = require "pgvector.orm.session.base"

local null = core.null

-- The values of a primary key: one value, a sequence, or a table by attribute.
local function key_values(mapper, key, where)
  local columns = mapper.primary_key
  if key == nil then errors.raise("ArgumentError", "%s: the key is nil", where) end
  if type(key) ~= "table" or getmetatable(key) then key = { key } end
  local values, named = {}, #key == 0
  for i, column in ipairs(columns) do
    if named then values[i] = key[column.key] else values[i] = key[i] end
    if values[i] == nil or values[i] == null then
      errors.raise("ArgumentError", "%s: the key of model '%s' has %d columns, '%s' is missing", where,
        mapper.name, #columns, column.key)
    end
  end
  local count = 0
  for _ in pairs(key) do count = count + 1 end
  if count ~= #columns then
    errors.raise("ArgumentError", "%s: the key of model '%s' has %d columns, got %d values", where,
      mapper.name, #columns, count)
  end
  return values
end

local get_options = { options = true, populate_existing = true, with_for_update = true }

-- What the session has of a key: the instance, or nil; and whether that is the answer.
local function from_session(self, mapper, values)
  local object = self._identity:get(mapper, mapper:_identity(values))
  if not object then return nil, false end
  local state = instance.state(object)
  if not state.mapper:_is_a(mapper) or self._deleted:has(object) then return nil, true end
  if next(state.values) == nil and not loading.refresh(self, object, state) then return nil, true end
  return object, true
end

--- The instance of a primary key: from the session, else from the database.
-- @tparam Model model
-- @param key a value; for a composite key a sequence, or a table by attribute
-- @tparam[opt] table options `options` (loader options), `populate_existing`, `with_for_update`
-- @return the instance, or nil
function Session:get(model, key, options)
  local mapper = self._mapper_of(model, "get")
  options = errors.check_options(options, get_options, "get")
  local values = key_values(mapper, key, "get")
  if not options.populate_existing and not options.with_for_update then
    local object, is_known = from_session(self, mapper, values)
    if is_known then return object end
  end
  self:_autoflush()
  return loading.by_key(self, model, values, options)
end

--- Like get, but raises if there is no such row.
-- @raise NoResultFound
function Session:get_one(model, key, options)
  local object = self:get(model, key, options)
  if object == nil then
    errors.raise("NoResultFound", "no row of model '%s' has this key", rawget(model, "__name"))
  end
  return object
end

-- Is an instance one of those whose attributes must have been loaded with it?
function Session:_forbids_lazy(state)
  local forbids = self._forbid_lazy
  return forbids == true or forbids == "many" and state.together == true
end

-- Loads an attribute that an instance was asked for.
function Session:_load_attribute(object, state, key)
  local attribute = state.mapper.by_key[key]
  if attribute and attribute.deferred and self:_forbids_lazy(state) then
    errors.raise("InvalidRequestError",
      "%s: attribute '%s' is deferred, and the session forbids lazy loading: load it with orm.undefer",
      tostring(object), key)
  end
  if not loading.attribute(self, object, state, key) then
    errors.raise("ObjectDeletedError", "the row of %s is not in the database any more", tostring(object))
  end
end

-- The objects that are expired or read again with one.
local function along(self, object, state)
  local list, seen = { object }, { [object] = true }
  local function visit(each, its)
    for _, other in ipairs(self:_cascaded(its, "refresh-expire", each)) do
      local others = instance.state(other)
      if not seen[other] and others.session == self and others.identity then
        seen[other] = true
        list[#list + 1] = other
        visit(other, others)
      end
    end
  end
  visit(object, state)
  return list
end

local function check_names(keys, where)
  if keys == nil or type(keys) == "table" and #keys > 0 and not instance.state(keys) then return end
  errors.raise("ArgumentError", "%s: expected a sequence of attributes' names, got %s", where,
    type(keys) == "table" and next(keys) == nil and "an empty table" or class.describe(keys))
end

local function require_stored(self, object, where)
  local state = self:_require_here(object, where)
  if not state.identity then
    errors.raise("InvalidRequestError", "%s: %s is not stored", where, tostring(object))
  end
  return state
end

--- Reads an object again, at once. Changes are written before, as before a query;
-- those that are not, without autoflush, are lost.
-- @tparam table object
-- @tparam[opt] table keys sequence of attributes; default all
function Session:refresh(object, keys)
  local state = self:_require_here(object, "refresh")
  check_names(keys, "refresh")
  self:_autoflush()
  require_stored(self, object, "refresh")
  local others = keys and { object } or along(self, object, state)
  for _, other in ipairs(others) do instance.expire(other, instance.state(other), keys) end
  if not loading.refresh(self, object, state, keys) then
    errors.raise("InvalidRequestError", "refresh: the row of %s is not in the database", tostring(object))
  end
end

--- Forgets what is loaded of an object: it is read again when needed.
-- @tparam table object
-- @tparam[opt] table keys sequence of attributes; default all
function Session:expire(object, keys)
  local state = require_stored(self, object, "expire")
  check_names(keys, "expire")
  for _, other in ipairs(keys and { object } or along(self, object, state)) do
    instance.expire(other, instance.state(other), keys)
  end
end

--- Forgets what is loaded of all stored objects.
function Session:expire_all()
  for _, object in ipairs(self._identity:all()) do instance.expire(object, instance.state(object)) end
end

return Session
