--- Sessions that belong to where they are asked for: a coroutine, a request.
-- @module pgvector.orm.scoped

local class = require "pgvector.class"
local errors = require "pgvector.errors"
local Session = require "pgvector.orm.session"
local SessionMaker = require "pgvector.orm.sessionmaker"

local ScopedSession = class("scoped_session")

-- The running coroutine; the main program has a key of its own.
local MAIN = {}
local function running() return coroutine.running() or MAIN end

--- Makes a registry of sessions: `scoped_session(Session, key_fn)`.
-- @tparam SessionMaker factory
-- @tparam[opt] function key_fn returns what a session belongs to, such as the
--   request; by default the running coroutine. A session is forgotten with its key
-- @treturn ScopedSession every method of a session goes to the one of the moment
function ScopedSession._new(factory, key_fn)
  if not class.is(factory, SessionMaker) then
    errors.raise("ArgumentError", "scoped_session: expected a sessionmaker, got %s", class.describe(factory))
  elseif key_fn ~= nil and type(key_fn) ~= "function" then
    errors.raise("ArgumentError", "scoped_session: expected a function, got %s", class.describe(key_fn))
  end
  return setmetatable({
    _factory = factory, _key_fn = key_fn or running, _sessions = setmetatable({}, { __mode = "k" }),
  }, ScopedSession)
end

local function key_of(self)
  local key = self._key_fn()
  if key == nil then errors.raise("InvalidRequestError", "scoped_session: the key is nil: there is no scope here") end
  return key
end

--- Is there a session here already?
function ScopedSession:has() return self._sessions[key_of(self)] ~= nil end

--- Closes the session of this scope; the next call makes another.
function ScopedSession:remove()
  local key = key_of(self)
  local session = self._sessions[key]
  self._sessions[key] = nil
  if session then session:close() end
end
class.seal(ScopedSession)

-- `scoped()`: the session of this scope, made when first asked for.
function ScopedSession:__call(options)
  local key = key_of(self)
  local session = self._sessions[key]
  if session and options then
    errors.raise("InvalidRequestError", "scoped_session: there is a session here already, options come too late")
  end
  if not session then
    session = self._factory(options)
    self._sessions[key] = session
  end
  return session
end

local own = ScopedSession.__index

-- `scoped:add(x)` is `scoped():add(x)`.
function ScopedSession.__index(self, name)
  if own[name] ~= nil then return own[name] end
  if type(name) == "string" and name:sub(1, 1) == "_" then return nil end
  if rawget(Session, name) then
    return function(_, ...)
      local session = self()
      return session[name](session, ...)
    end
  end
  return self()[name]
end

return ScopedSession
