--- The class of sessions: what one is made of, and whom it tells.
-- @module pgvector.orm.session.base

local class = require "pgvector.class"
local errors = require "pgvector.errors"
local events = require "pgvector.util.events"
local IdentityMap = require "pgvector.orm.identity"
local instance = require "pgvector.orm.instance"
local Mapper = require "pgvector.orm.mapper"
local OrderedSet = require "pgvector.orm.ordered_set"

local Session = class("Session")

Session._events = {
  before_flush = true, after_flush = true, after_flush_postexec = true, before_commit = true, after_commit = true,
  after_rollback = true, after_soft_rollback = true, after_begin = true, do_orm_execute = true,
  before_attach = true, after_attach = true, loaded_as_persistent = true, transient_to_pending = true,
  pending_to_persistent = true, pending_to_transient = true, persistent_to_transient = true,
  persistent_to_deleted = true, persistent_to_detached = true, deleted_to_persistent = true,
  deleted_to_detached = true, detached_to_persistent = true,
}

--- The options of a session, besides its bind.
Session._known_options = { autoflush = true, expire_on_commit = true, forbid_lazy = true, info = true }

local forbid_lazy_values = { [false] = true, [true] = true, many = true }

--- Makes a session.
-- @tparam Engine|Connection bind
-- @tparam[opt] table options `autoflush`, `expire_on_commit` (both true by default), `forbid_lazy`, `info`
-- @tparam[opt] SessionMaker maker whose listeners hear of it, too
-- @treturn Session
function Session._new(bind, options, maker)
  options = errors.check_options(options, Session._known_options, "Session")
  if type(bind) ~= "table" or not (bind._is_engine or bind._is_connection) then
    errors.raise("ArgumentError", "Session: expected an engine or a connection, got %s", class.describe(bind))
  end
  local forbid_lazy = options.forbid_lazy
  if forbid_lazy == nil then
    local engine = bind._is_engine and bind or bind.engine
    forbid_lazy = engine._options and engine._options.forbid_lazy or false
  end
  if not forbid_lazy_values[forbid_lazy] then
    errors.raise("ArgumentError", "Session: forbid_lazy: expected true, false or \"many\", got %s",
      tostring(forbid_lazy))
  end
  return setmetatable({
    bind = bind, autoflush = options.autoflush ~= false, expire_on_commit = options.expire_on_commit ~= false,
    info = options.info or {},
    _forbid_lazy = forbid_lazy, _maker = maker,
    _identity = IdentityMap._new(),
    _new = OrderedSet._new(),      -- pending: to be inserted
    _deleted = OrderedSet._new(),  -- to be deleted
    _watched = OrderedSet._new(),  -- persistent, changed or handed out in a form that can change
    _transaction = nil,            -- the innermost SessionTransaction
    _flushing = false,
  }, Session)
end

---- listeners ------------------------------------------------------------------------

--- Does anybody listen to this session, its factory, or all sessions?
function Session:_is_heard()
  local maker = self._maker
  return (rawget(self, "_listeners") or maker and rawget(maker, "_listeners") or rawget(Session, "_listeners")) ~= nil
end

--- Tells those who listen to all sessions, then those of its factory and its own.
function Session:_tell_of(name, ...)
  events.fire(Session, name, ...)
  if self._maker then events.fire(self._maker, name, ...) end
  events.fire(self, name, ...)
end

--- The same for events whose first argument is the session.
function Session:_tell(name, ...) self:_tell_of(name, self, ...) end

---- checks -----------------------------------------------------------------------------

--- The mapper of what must be a model.
function Session._mapper_of(model, where)
  local mapper = Mapper.of(model)
  if not mapper or mapper.model ~= model then
    errors.raise("ArgumentError", "%s: expected a model, got %s", where, class.describe(model))
  end
  return mapper
end

--- The state of an object that must be in this session.
function Session:_require_here(object, where)
  local state = instance.expect(object, where)
  if state.session ~= self then
    errors.raise("InvalidRequestError", "%s: %s is not in this session", where, tostring(object))
  end
  return state
end

return Session
