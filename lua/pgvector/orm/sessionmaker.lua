--- Factories of sessions.
-- @module pgvector.orm.sessionmaker

local class = require "pgvector.class"
local compat = require "pgvector.compat"
local errors = require "pgvector.errors"
local Session = require "pgvector.orm.session"

local SessionMaker = class("sessionmaker")
SessionMaker._events = Session._events

local known = { bind = true }
for name in pairs(Session._known_options) do known[name] = true end

--- Makes a factory: `sessionmaker{ bind = engine, autoflush = true, expire_on_commit = true }`.
-- @tparam[opt] table options
-- @treturn SessionMaker callable: `Session()`, `Session{ bind = conn }`, `Session(fn)`
function SessionMaker._new(options)
  options = errors.check_options(options, known, "sessionmaker")
  local own = {}
  for name, value in pairs(options) do own[name] = value end
  return setmetatable({ _options = own }, SessionMaker)
end

local function make(self, overrides)
  overrides = errors.check_options(overrides, known, "sessionmaker")
  local options, bind = {}, nil
  for name in pairs(known) do
    local value = overrides[name]
    if value == nil then value = self._options[name] end
    if name == "bind" then bind = value else options[name] = value end
  end
  if bind == nil then
    errors.raise("InvalidRequestError", "sessionmaker: a bind is missing: sessionmaker{ bind = engine }")
  end
  return Session._new(bind, options, self)
end

-- Calls `fn(session)` and closes the session, whatever happens.
local function with_session(session, fn)
  local results = compat.pack(pcall(fn, session))
  local closed, err = pcall(session.close, session)
  if not results[1] then error(results[2], 0) end
  if not closed then error(err, 0) end
  return compat.unpack(results, 2, results.n)
end

--- Changes the options of sessions to come: `Session:configure{ bind = engine }`.
-- @tparam table options as for sessionmaker
function SessionMaker:configure(options)
  if options == nil then errors.raise("ArgumentError", "configure: expected a table of options, got nil") end
  errors.check_options(options, known, "configure")
  for name, value in pairs(options) do self._options[name] = value end
end

--- Calls `fn(session)` in a transaction: commit on return, rollback and
-- re-raise on an error; the session is closed afterwards.
-- @tparam function fn
-- @return what fn returns
function SessionMaker:begin(fn)
  if type(fn) ~= "function" then
    errors.raise("ArgumentError", "begin: expected a function, got %s", class.describe(fn))
  end
  return with_session(make(self), function(session) return session:begin(fn) end)
end
class.seal(SessionMaker)

-- `Session()` and `Session{…}` make a session; `Session(fn)` calls fn with one
-- that is closed afterwards, rolled back unless it was committed.
function SessionMaker:__call(argument)
  if type(argument) == "function" then return with_session(make(self), argument) end
  return make(self, argument)
end

return SessionMaker
