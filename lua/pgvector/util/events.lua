--- Listeners: functions that are called when something happens to an engine, a
-- session, a model, a table.
--
-- What can be listened to says so by its class (its metatable), in the raw
-- field `_events`: a set of names, or a function `(target)` that returns the
-- table that keeps the listeners and the set. That table has the raw field
-- `_listeners`, from names to sequences of functions, as long as there are any;
-- so whoever has something to tell asks first, and where nobody listens this
-- costs a look at one field:
--
--     if self._listeners then events.fire(self, "checkout", conn) end
--
-- @module pgvector.util.events

local class = require "pgvector.class"
local errors = require "pgvector.errors"

local events = {}

-- The table that keeps a target's listeners, and the names it knows.
local function resolve(target, where)
  local mt = getmetatable(target)
  -- a class itself, such as orm.Session, stands for all of its objects
  local found = type(target) == "table" and (rawget(target, "_events") or type(mt) == "table" and rawget(mt, "_events"))
  if type(found) == "function" then return found(target) end
  if found then return target, found end
  errors.raise("ArgumentError", "%s: a %s has no events", where, class.describe(target))
end

local function check(where, target, name, fn)
  local holder, known = resolve(target, where)
  if not known[name] then
    errors.raise("ArgumentError", "%s: %s has no event '%s'%s", where, class.describe(target), tostring(name),
      errors.did_you_mean(name, known))
  end
  local mt = getmetatable(fn)
  if type(fn) ~= "function" and not (type(mt) == "table" and mt.__call) then
    errors.raise("ArgumentError", "%s: event '%s': expected a function, got %s", where, name, class.describe(fn))
  end
  return holder
end

local function position(list, fn)
  for i = 1, #(list or {}) do
    if rawequal(list[i], fn) then return i end
  end
end

--- Calls a function whenever something happens: `listen(engine, "connect", fn)`.
-- Functions are called in the order in which they came; a second time for the
-- same event, one is not added.
-- @param target an engine, a connection's engine, a session or a factory of
--   them, a model, an attribute, a table or metadata
-- @tparam string name of the event; docs/events.md has them all
-- @tparam function fn or something that can be called, such as `pg.DDL(…)`
-- @return fn
function events.listen(target, name, fn)
  local holder = check("listen", target, name, fn)
  local listeners = rawget(holder, "_listeners")
  if not listeners then
    listeners = {}
    rawset(holder, "_listeners", listeners)
  end
  if not position(listeners[name], fn) then
    -- a new list: one that is being walked stays as it is
    local list = {}
    for i, other in ipairs(listeners[name] or {}) do list[i] = other end
    list[#list + 1] = fn
    listeners[name] = list
  end
  return fn
end

--- Ends what `listen` began with the same arguments.
-- @raise InvalidRequestError if there is no such listener
function events.remove(target, name, fn)
  local holder = check("remove", target, name, fn)
  local listeners = rawget(holder, "_listeners")
  local at = position(listeners and listeners[name], fn)
  if not at then
    errors.raise("InvalidRequestError", "remove: this function does not listen to '%s' of %s", name,
      class.describe(target))
  end
  local list = {}
  for i, other in ipairs(listeners[name]) do
    if i ~= at then list[#list + 1] = other end
  end
  listeners[name] = #list > 0 and list or nil
  if next(listeners) == nil then rawset(holder, "_listeners", nil) end
end

--- The listeners of an event, or nil.
-- @tparam table holder
-- @tparam string name
function events.of(holder, name)
  local listeners = rawget(holder, "_listeners")
  return listeners and listeners[name]
end

--- Calls the listeners of an event in order.
-- @tparam table holder
-- @tparam string name
-- @param ... their arguments
function events.fire(holder, name, ...)
  local list = events.of(holder, name)
  if not list then return end
  for i = 1, #list do list[i](...) end
end

--- Calls listeners that may replace a value: each gets what the one before it
-- made of it.
-- @tparam table holder
-- @tparam string name
-- @param object their first argument
-- @param value their second; what a function returns, unless nil, takes its place
-- @param ... further arguments
-- @return the value in the end
function events.filter(holder, name, object, value, ...)
  local list = events.of(holder, name)
  for i = 1, #(list or {}) do
    local replaced = list[i](object, value, ...)
    if replaced ~= nil then value = replaced end
  end
  return value
end

return events
