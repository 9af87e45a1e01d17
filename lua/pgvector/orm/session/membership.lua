--- Sessions: which objects are in them, and in what state.
-- @module pgvector.orm.session.membership

local class = require "pgvector.class"
local errors = require "pgvector.errors"
local instance = require "pgvector.orm.instance"
local Session = require "pgvector.orm.session.base"

---- coming -------------------------------------------------------------------------------

local function check_other_session(self, state, object, where)
  if state.session and state.session ~= self then
    errors.raise("InvalidRequestError", "%s: %s belongs to another session", tostring(where), tostring(object))
  end
end

-- Raises if an object cannot come into this session. `where` may be a relationship.
function Session:_check_add(object, state, where)
  check_other_session(self, state, object, where)
  if state.status == "deleted" then
    errors.raise("InvalidRequestError", "%s: %s is deleted", tostring(where), tostring(object))
  end
  if state.session or not state.identity then return end
  local other = self._identity:get(state.mapper, state.identity_key)
  if other and not rawequal(other, object) then
    errors.raise("InvalidRequestError", "%s: another instance with the key of %s is in the session",
      tostring(where), tostring(object))
  end
end

-- The instances that an operation on `object` goes on to.
function Session:_cascaded(state, what, object)
  local list = {}
  for _, property in ipairs(state.mapper.properties) do
    if property._cascade then
      for _, other in ipairs(property:_cascade(what, object, state)) do list[#list + 1] = other end
    end
  end
  return list
end

-- Puts a stored object back into the identity map.
local function attach_stored(self, state, object)
  state.session, state.status = self, "persistent"
  self._identity:put(state.mapper, state.identity_key, object)
  self:_rewatch(object, state)
end

-- Takes in one object. Returns those that come with it, or nil.
local function take_in(self, object, where)
  local state = instance.expect(object, where)
  self:_check_add(object, state, where)
  if where ~= "delete" and where ~= "flush" then self._deleted:remove(object) end
  if state.session == self then return end
  local heard = self:_is_heard()
  if heard then self:_tell("before_attach", object) end
  local stored = state.identity ~= nil
  if stored then
    attach_stored(self, state, object)
  else
    state.session, state.status = self, "pending"
    self._new:add(object)
  end
  if heard then
    self:_tell("after_attach", object)
    self:_tell(stored and "detached_to_persistent" or "transient_to_pending", object)
  end
  if #state.mapper.properties > 0 then return self:_cascaded(state, "save-update", object) end
end

-- Calls `visit(session, object, where)` for what comes along, and for what each
-- call returns, depth first. Without recursion: a chain of objects may be long.
local function follow(self, coming, visit, where)
  if not (coming and coming[1]) then return end
  local waiting, n = {}, 0
  repeat
    for i = coming and #coming or 0, 1, -1 do
      n = n + 1
      waiting[n] = coming[i]
    end
    local next_one = waiting[n]
    waiting[n], n = nil, n - 1
    coming = visit(self, next_one, where)
  until n == 0 and not (coming and coming[1])
end

function Session:_add(object, where)
  follow(self, take_in(self, object, where), take_in, where)
end

-- A second object must not be overlooked.
local function one_object(more, where, instead)
  if more ~= nil then errors.raise("ArgumentError", "%s: expected one object, got several%s", where, instead) end
end

--- Puts an object into the session: it is inserted at the next flush.
-- @tparam table object an instance
-- @param more nothing: several objects are for add_all
function Session:add(object, more)
  one_object(more, "add", ": add_all takes a sequence of them")
  self:_add(object, "add")
end

--- Puts several objects into the session.
-- @tparam table objects sequence of instances
function Session:add_all(objects)
  if type(objects) ~= "table" or instance.state(objects) then
    errors.raise("ArgumentError", "add_all: expected a sequence of instances, got %s",
      class.describe(objects))
  end
  for _, object in ipairs(objects) do self:_add(object, "add_all") end
end

---- going --------------------------------------------------------------------------------

-- Marks one object. Returns those that are deleted with it, or nil.
local function mark_deleted(self, object)
  local state = instance.state(object)
  if not state.identity then
    -- a new one need not be in the session yet: nothing has noticed that it is in a list
    if state.session == self then self:expunge(object) end
    return nil
  elseif state.status == "deleted" or self._deleted:has(object) then
    return nil
  end
  self:_add(object, "delete")
  self._deleted:add(object)
  -- a flush meanwhile would delete the parent before its children are marked
  return self:no_autoflush(function() return self:_cascaded(state, "delete", object) end)
end

--- Marks an object: its row is deleted at the next flush.
-- @tparam table object an instance that is stored
-- @param more nothing: a second object is refused
function Session:delete(object, more)
  one_object(more, "delete", "")
  local state = instance.expect(object, "delete")
  check_other_session(self, state, object, "delete")
  if not state.identity then errors.raise("InvalidRequestError", "delete: %s is not stored", tostring(object)) end
  follow(self, mark_deleted(self, object), mark_deleted)
end

-- Takes one object out. Returns those that go with it, or nil.
local function take_out(self, object)
  local state = instance.state(object)
  if state.session ~= self then return nil end
  self._new:remove(object)
  self._deleted:remove(object)
  self._watched:remove(object)
  if state.identity_key then self._identity:remove(state.mapper, state.identity_key, object) end
  local was = state.status
  state.session = nil
  state.status = state.identity and "detached" or "transient"
  if self:_is_heard() then
    self:_tell(("%s_to_%s"):format(was, state.status), object)
  end
  return self:_cascaded(state, "expunge", object)
end

--- Takes an object out of the session; nothing happens in the database.
function Session:expunge(object)
  self:_require_here(object, "expunge")
  follow(self, take_out(self, object), take_out)
end

--- Takes all objects out of the session.
function Session:expunge_all()
  for _, set in ipairs{ self._identity:all(), self._new:list(), self._deleted:list() } do
    for _, object in ipairs(set) do
      if instance.state(object).session == self then self:expunge(object) end
    end
  end
end

---- asking -------------------------------------------------------------------------------

--- Is the object in this session?
function Session:contains(object)
  local state = instance.state(object)
  return state ~= nil and state.session == self and state.status ~= "deleted"
end

--- Has a stored object changes that a flush would write?
function Session:is_modified(object)
  return instance.is_changed(self:_require_here(object, "is_modified"))
end

---- what instances report ----------------------------------------------------------------

function Session:_mark_modified(object, state)
  if state.status == "persistent" then self._watched:add(object) end
end

-- One that is pending is held already.
function Session:_pin(object, state)
  if state.status == "persistent" then self._watched:add(object) end
end

-- Holds on to an instance as long as something of it may change unseen: a
-- table or a list that was handed out.
function Session:_rewatch(object, state)
  if state.status ~= "persistent" then return end
  if next(state.snapshots) ~= nil or next(state.original) ~= nil or next(state.committed) ~= nil
    or next(state.related) ~= nil then
    self._watched:add(object)
  else
    self._watched:remove(object)
  end
end

---- what the unit of work and transactions report ------------------------------------------

function Session:_became_persistent(object, state)
  self._new:remove(object)
  state.status = "persistent"
  self._identity:put(state.mapper, state.identity_key, object)
  self._transaction.new:add(object)
  instance.commit_values(object, state)
  if self:_is_heard() then self:_tell("pending_to_persistent", object) end
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
  if self:_is_heard() then self:_tell("persistent_to_deleted", object) end
end

-- Pending and marked objects after a rollback.
function Session:_forget_pending()
  local heard = self:_is_heard()
  for _, object in ipairs(self._new:list()) do
    instance.take_back(instance.state(object))
    if heard then self:_tell("pending_to_transient", object) end
  end
  self._new:clear()
  self._deleted:clear()
end

-- Stored objects after a rollback: they are read again when needed.
function Session:_forget_changes(objects)
  for _, object in ipairs(objects) do
    local state = instance.state(object)
    if state.session == self and state.status == "persistent" then instance.expire(object, state) end
  end
end

return Session
