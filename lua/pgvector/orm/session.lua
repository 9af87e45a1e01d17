--- Sessions: the objects of one conversation with the database, and when they
-- are read and written.
-- @module pgvector.orm.session

local class = require "pgvector.class"
local compat = require "pgvector.compat"
local core = require "pgvector.core"
local declarative = require "pgvector.orm.declarative"
local errors = require "pgvector.errors"
local IdentityMap = require "pgvector.orm.identity"
local instance = require "pgvector.orm.instance"
local loading = require "pgvector.orm.loading"
local OrderedSet = require "pgvector.orm.ordered_set"
local Query = require "pgvector.orm.query"
local SessionTransaction = require "pgvector.orm.transaction"
local unit_of_work = require "pgvector.orm.unit_of_work"

local null = core.null

local Session = class("Session")

local session_options = { autoflush = true, expire_on_commit = true, info = true }

--- Makes a session.
-- @tparam Engine|Connection bind
-- @tparam[opt] table options `autoflush`, `expire_on_commit` (both true by default), `info`
-- @treturn Session
function Session._new(bind, options)
  options = errors.check_options(options, session_options, "Session")
  if type(bind) ~= "table" or type(bind.execute or bind.connect) ~= "function" then
    errors.raise("ArgumentError", "Session: expected an engine or a connection, got %s", class.describe(bind))
  end
  return setmetatable({
    bind = bind, autoflush = options.autoflush ~= false, expire_on_commit = options.expire_on_commit ~= false,
    info = options.info or {},
    _identity = IdentityMap._new(),
    _new = OrderedSet._new(),      -- pending: to be inserted
    _deleted = OrderedSet._new(),  -- to be deleted
    _watched = OrderedSet._new(),  -- persistent, changed or handed out in a form that can change
    _transaction = nil,            -- the innermost SessionTransaction
    _flushing = false,
  }, Session)
end

---- transactions -----------------------------------------------------------------

-- The innermost transaction, begun if there is none.
function Session:_begun()
  local transaction = self._transaction
  if not transaction then
    transaction = SessionTransaction._begin(self)
  elseif transaction.failed then
    errors.raise("InvalidRequestError", "the session's transaction was rolled back when a flush failed: "
      .. "call session:rollback() before going on (%s)",
        tostring(transaction.failed.message or transaction.failed))
  end
  return transaction
end

--- The connection of the session's transaction.
-- @treturn Connection
function Session:connection() return self:_begun():_connection() end

-- Calls `fn(...)` and commits; rolls back and re-raises if either fails.
local function within(transaction, fn, ...)
  local results = compat.pack(pcall(fn, ...))
  if results[1] and transaction.is_active then
    local ok, err = pcall(transaction.commit, transaction)
    if not ok then results[1], results[2] = false, err end
  end
  if not results[1] then
    -- the first error is the one to see, whatever the rollback meets
    if transaction.is_active then pcall(transaction.rollback, transaction) end
    error(results[2], 0)
  end
  return compat.unpack(results, 2, results.n)
end

--- Begins the transaction explicitly; otherwise the first statement does.
-- @tparam[opt] function fn called with the session: commit on return, rollback
--   and re-raise on error; its results are passed through
-- @treturn SessionTransaction without fn
function Session:begin(fn)
  if self._transaction then
    errors.raise("InvalidRequestError", "a transaction has begun already: commit it, or use begin_nested")
  end
  local transaction = self:_begun()
  if fn == nil then return transaction end
  return within(transaction, fn, self)
end

--- Sets a savepoint, after a flush.
-- @tparam[opt] function fn as with begin
-- @treturn SessionTransaction without fn; its rollback takes back what was done
--   since, also in the objects
function Session:begin_nested(fn)
  self:flush()
  local transaction = SessionTransaction._begin(self, self:_begun())
  if fn == nil then return transaction end
  return within(transaction, fn, self)
end

-- The outermost transaction.
local function root_of(self)
  local transaction = self._transaction
  while transaction and transaction.parent do transaction = transaction.parent end
  return transaction
end

--- Flushes and commits.
function Session:commit()
  self:_begun()
  root_of(self):commit()
end

--- Rolls back: new objects are transient again, deleted ones are back, all
-- others are read again when needed.
function Session:rollback()
  local transaction = root_of(self)
  if transaction then
    transaction:rollback()
  else
    self:_forget_pending()
  end
end

--- Is a transaction open?
function Session:in_transaction() return self._transaction ~= nil end

--- Is a savepoint open?
function Session:in_nested_transaction()
  return self._transaction ~= nil and self._transaction.parent ~= nil
end

--- Rolls back what was not committed, and lets go of all objects: they are
-- detached. The session can be used again.
function Session:close()
  local transaction = root_of(self)
  if transaction then transaction:_end() end
  self:expunge_all()
end

Session.__close = Session.close -- local session <close> = Session()

---- what is in the session -------------------------------------------------------

local function check_other_session(self, state, object, where)
  if state.session and state.session ~= self then
    errors.raise("InvalidRequestError", "%s: %s belongs to another session", where, tostring(object))
  end
end

-- The instances that an operation on `object` goes on to.
local function cascaded(state, what, object)
  local list = {}
  for _, property in ipairs(state.mapper.properties) do
    if property._cascade then
      for _, other in ipairs(property:_cascade(what, object, state)) do list[#list + 1] = other end
    end
  end
  return list
end

function Session:_add(object, where)
  local state = instance.expect(object, where)
  check_other_session(self, state, object, where)
  if state.status == "deleted" then
    errors.raise("InvalidRequestError", "%s: %s is deleted", where, tostring(object))
  end
  if where ~= "delete" and where ~= "flush" then self._deleted:remove(object) end
  if state.session == self then return end
  if state.identity then
    local other = self._identity:get(state.mapper, state.identity_key)
    if other and not rawequal(other, object) then
      errors.raise("InvalidRequestError", "%s: another instance with the key of %s is in the session", where,
        tostring(object))
    end
    state.session, state.status = self, "persistent"
    self._identity:put(state.mapper, state.identity_key, object)
    if next(state.original) ~= nil or next(state.snapshots) ~= nil then self._watched:add(object) end
  else
    state.session, state.status = self, "pending"
    self._new:add(object)
  end
  for _, other in ipairs(cascaded(state, "save-update", object)) do self:_add(other, where) end
end

--- Puts an object into the session: it is inserted at the next flush.
-- @tparam table object an instance
function Session:add(object) self:_add(object, "add") end

--- Puts several objects into the session.
-- @tparam table objects sequence of instances
function Session:add_all(objects)
  if type(objects) ~= "table" or instance.state(objects) then
    errors.raise("ArgumentError", "add_all: expected a sequence of instances, got %s",
      class.describe(objects))
  end
  for _, object in ipairs(objects) do self:_add(object, "add_all") end
end

local function require_here(self, object, where)
  local state = instance.expect(object, where)
  if state.session ~= self then
    errors.raise("InvalidRequestError", "%s: %s is not in this session", where, tostring(object))
  end
  return state
end

--- Marks an object: its row is deleted at the next flush.
-- @tparam table object an instance that is stored
function Session:delete(object)
  local state = instance.expect(object, "delete")
  check_other_session(self, state, object, "delete")
  if not state.identity then
    errors.raise("InvalidRequestError", "delete: %s is not stored", tostring(object))
  elseif state.status == "deleted" or self._deleted:has(object) then
    return
  end
  self:_add(object, "delete")
  self._deleted:add(object)
  -- a flush meanwhile would delete the parent before its children are marked
  local others = self:no_autoflush(function() return cascaded(state, "delete", object) end)
  for _, other in ipairs(others) do
    if instance.state(other).identity then self:delete(other) else self:expunge(other) end
  end
end

--- Takes an object out of the session; nothing happens in the database.
function Session:expunge(object)
  local state = require_here(self, object, "expunge")
  self._new:remove(object)
  self._deleted:remove(object)
  self._watched:remove(object)
  if state.identity_key then self._identity:remove(state.mapper, state.identity_key, object) end
  state.session = nil
  state.status = state.identity and "detached" or "transient"
  for _, other in ipairs(cascaded(state, "expunge", object)) do
    if instance.state(other).session == self then self:expunge(other) end
  end
end

--- Takes all objects out of the session.
function Session:expunge_all()
  for _, set in ipairs{ self._identity:all(), self._new:list(), self._deleted:list() } do
    for _, object in ipairs(set) do
      if instance.state(object).session == self then self:expunge(object) end
    end
  end
end

--- Is the object in this session?
function Session:contains(object)
  local state = instance.state(object)
  return state ~= nil and state.session == self and state.status ~= "deleted"
end

--- Has a stored object changes that a flush would write?
function Session:is_modified(object)
  return instance.is_changed(require_here(self, object, "is_modified"))
end

-- Instances call these.
function Session:_mark_modified(object, state)
  if state.status == "persistent" then self._watched:add(object) end
end

function Session:_pin(object) self._watched:add(object) end

-- Holds on to an instance as long as something of it may change unseen: a
-- table or a list that was handed out.
function Session:_rewatch(object, state)
  if state.status ~= "persistent" then return end
  if next(state.snapshots) ~= nil or next(state.original) ~= nil or next(state.committed) ~= nil then
    self._watched:add(object)
  else
    self._watched:remove(object)
  end
end

---- flush ------------------------------------------------------------------------

--- Writes new, changed and deleted objects. If that fails the transaction is
-- rolled back, and the session wants a rollback() before it goes on.
function Session:flush()
  if self._flushing then errors.raise("InvalidRequestError", "a flush is under way already") end
  if self._new:empty() and self._deleted:empty() and self._watched:empty() then return end
  local transaction = self:_begun()
  self._flushing = true
  local ok, err = pcall(function() unit_of_work.flush(self, transaction:_connection()) end)
  self._flushing = false
  if not ok then
    transaction:_fail(err)
    error(err, 0)
  end
end

function Session:_autoflush()
  if self.autoflush and not self._flushing then self:flush() end
end

--- Calls `fn(session)` without flushing before its queries.
-- @return what fn returns
function Session:no_autoflush(fn)
  local before = self.autoflush
  self.autoflush = false
  local results = compat.pack(pcall(fn, self))
  self.autoflush = before
  if not results[1] then error(results[2], 0) end
  return compat.unpack(results, 2, results.n)
end

-- What the unit of work reports.

function Session:_became_persistent(object, state)
  self._new:remove(object)
  state.status = "persistent"
  self._identity:put(state.mapper, state.identity_key, object)
  self._transaction.new:add(object)
  instance.commit_values(object, state)
end

function Session:_became_updated(object, state)
  local transaction, mapper = self._transaction, state.mapper
  transaction.dirty:add(object)
  instance.commit_values(object, state)
  self:_rewatch(object, state)
  local identity = {}
  for i, column in ipairs(mapper.primary_key) do
    identity[i] = state.values[column.key] or state.identity[i]
  end
  local key = mapper:_identity(identity)
  if key ~= state.identity_key then
    if transaction.moved[object] == nil then transaction.moved[object] = state.identity end
    self:_move(object, state, identity)
  end
end

-- Gives an instance another identity.
function Session:_move(object, state, identity)
  self._identity:remove(state.mapper, state.identity_key, object)
  state.identity, state.identity_key = identity, state.mapper:_identity(identity)
  self._identity:put(state.mapper, state.identity_key, object)
end

function Session:_became_deleted(object, state)
  self._deleted:remove(object)
  self._watched:remove(object)
  self._identity:remove(state.mapper, state.identity_key, object)
  state.status = "deleted"
  self._transaction.deleted:add(object)
end

-- Pending and marked objects after a rollback.
function Session:_forget_pending()
  for _, object in ipairs(self._new:list()) do
    instance.take_back(instance.state(object))
  end
  self._new:clear()
  self._deleted:clear()
end

---- statements -------------------------------------------------------------------

--- Runs a statement; rows of a select from models hold instances.
-- @param stmt a statement
-- @tparam[opt] table params as for Connection:execute
-- @treturn Result
function Session:execute(stmt, params)
  self:_autoflush()
  local result = loading.execute(self, stmt, params)
  if stmt._kind == "update" or stmt._kind == "delete" then self:_expire_rows_of(stmt._table) end
  return result
end

-- After a statement that changed rows on its own: what is loaded of its table
-- may be out of date.
function Session:_expire_rows_of(from)
  local tbl = from.element or from
  for _, object in ipairs(self._identity:all(function(mapper) return mapper.table == tbl end)) do
    local state = instance.state(object)
    if next(state.original) == nil then instance.expire(object, state) end
  end
end

--- SQLAlchemy's older way to ask: `session:query(Item):filter(…):all()`.
-- @param ... models and columns
-- @treturn Query
function Session:query(...) return Query._new(self, ...) end

--- The first element of every row: of `select(Item)`, the instances.
-- @treturn ScalarResult
function Session:scalars(stmt, params) return self:execute(stmt, params):scalars() end

--- The first element of the first row, or nil.
function Session:scalar(stmt, params) return self:execute(stmt, params):scalar() end

local function expect_model(model, where)
  if not declarative.is_model(model) then
    errors.raise("ArgumentError", "%s: expected a model, got %s", where, class.describe(model))
  end
  return rawget(model, "__mapper")
end

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

--- The instance of a primary key: from the session, else from the database.
-- @tparam Model model
-- @param key a value; for a composite key a sequence, or a table by attribute
-- @tparam[opt] table options `options` (loader options), `populate_existing`, `with_for_update`
-- @return the instance, or nil
function Session:get(model, key, options)
  local mapper = expect_model(model, "get")
  options = errors.check_options(options, get_options, "get")
  local values = key_values(mapper, key, "get")
  if not options.populate_existing and not options.with_for_update then
    local object = self._identity:get(mapper, mapper:_identity(values))
    if object then
      local state = instance.state(object)
      if self._deleted:has(object) then return nil end
      if next(state.values) == nil and not loading.refresh(self, state) then return nil end
      return object
    end
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

-- Loads an attribute that an instance was asked for.
function Session:_load_attribute(object, state, key)
  if not loading.attribute(self, state, key) then
    errors.raise("ObjectDeletedError", "the row of %s is not in the database any more", tostring(object))
  end
end

--- Reads an object again, at once; unsaved changes of it are lost.
-- @tparam table object
-- @tparam[opt] table keys sequence of attributes; default all
function Session:refresh(object, keys)
  local state = require_here(self, object, "refresh")
  self:_autoflush()
  if not state.identity then
    errors.raise("InvalidRequestError", "refresh: %s is not stored", tostring(object))
  end
  instance.expire(object, state, keys)
  if not loading.refresh(self, state, keys) then
    errors.raise("InvalidRequestError", "refresh: the row of %s is not in the database", tostring(object))
  end
end

--- Forgets what is loaded of an object: it is read again when needed.
-- @tparam table object
-- @tparam[opt] table keys sequence of attributes; default all
function Session:expire(object, keys)
  local state = require_here(self, object, "expire")
  if not state.identity then
    errors.raise("InvalidRequestError", "expire: %s is not stored", tostring(object))
  end
  instance.expire(object, state, keys)
end

--- Forgets what is loaded of all stored objects.
function Session:expire_all()
  for _, object in ipairs(self._identity:all()) do instance.expire(object, instance.state(object)) end
end

-- The session's instance for an object's row: loaded, or a new one.
local function counterpart(self, given)
  local mapper, values = given.mapper, {}
  for i, column in ipairs(mapper.primary_key) do
    values[i] = given.values[column.key]
    if values[i] == nil or values[i] == null then
      values = nil
      break
    end
  end
  local target = values and self:get(mapper.model, values)
  if target == nil then
    target = mapper.model()
    self:add(target)
  end
  return target
end

local function merge(self, object, merged)
  local given = instance.expect(object, "merge")
  if given.session == self then return object end
  if merged[object] then return merged[object] end
  local target = counterpart(self, given)
  merged[object] = target
  for _, column in ipairs(given.mapper.columns) do
    local value = given.values[column.key]
    if value ~= nil and not column.computed then target[column.key] = value end
  end
  for _, property in ipairs(given.mapper.properties) do
    if property._cascade and given.values[property.key] ~= nil then
      local related = {}
      for i, other in ipairs(property:_cascade("merge", object, given)) do
        related[i] = merge(self, other, merged)
      end
      if property.cascade.merge then target[property.key] = property.is_list and related or related[1] end
    end
  end
  return target
end

--- Copies an object's values to the session's own instance of that row, which
-- is loaded or made; what it is related to is merged, too.
-- @tparam table object an instance of any session or none
-- @return the instance in this session
function Session:merge(object) return merge(self, object, {}) end

class.seal(Session)

-- `session.new`, `session.dirty` and `session.deleted` are sequences.
local live = {
  new = function(self) return self._new:list() end,
  deleted = function(self) return self._deleted:list() end,
  dirty = function(self)
    local list = {}
    for _, object in ipairs(self._watched:list()) do
      if not self._deleted:has(object) and instance.is_changed(instance.state(object)) then
        list[#list + 1] = object
      end
    end
    return list
  end,
}

Session.__index = function(self, key)
  local read = live[key]
  if read then return read(self) end
  return Session[key]
end

return Session
