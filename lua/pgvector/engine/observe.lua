--- What can be listened to at an engine, and the calls of those who listen.
-- @module pgvector.engine.observe

local errors = require "pgvector.errors"
local events = require "pgvector.util.events"

local observe = {}

--- The events of an engine; see pgvector.util.events.
observe.events = {
  connect = true, checkout = true, checkin = true, before_execute = true, after_execute = true,
  before_cursor_execute = true, handle_error = true, begin = true, commit = true, rollback = true,
}

--- Tells of an event of a connection: its listeners get it and `...`.
function observe.tell(conn, name, ...)
  local hub = conn.engine._hub
  if hub._listeners then events.fire(hub, name, conn, ...) end
end

--- Tells that a connection is about to go back to the pool.
-- @return the error of a listener, if one failed: the connection must go all the same
function observe.leaving(conn)
  local ok, err = pcall(function()
    if conn._begun then observe.tell(conn, "rollback") end
    observe.tell(conn, "checkin")
  end)
  return not ok and err or nil
end

-- An error goes through the listeners, who may return another one in its place.
local function handled(engine, context)
  local err = context.error
  context.is_disconnect = errors.is_error(err) and err.is_disconnect or false
  for _, fn in ipairs(events.of(engine, "handle_error") or {}) do
    local replaced = fn(context)
    if replaced ~= nil then context.error = replaced end
  end
  return context.error
end

--- Tells that the server could not be reached.
-- @tparam Engine engine
-- @param err
-- @return the error to raise
function observe.unreachable(engine, err) return handled(engine, { error = err }) end

--- Tells that a statement is about to run.
-- @tparam Connection conn
-- @param stmt the statement, or SQL text
-- @tparam ?table params
function observe.before(conn, stmt, params) events.fire(conn.engine._hub, "before_execute", conn, stmt, params) end

--- Tells that a statement has run.
-- @tparam Connection conn
-- @param stmt
-- @tparam ?table params
-- @param result
function observe.after(conn, stmt, params, result)
  events.fire(conn.engine._hub, "after_execute", conn, stmt, params, result)
end

--- Tells that a statement failed.
-- @tparam Connection conn
-- @param stmt
-- @tparam ?table params
-- @param err
-- @return the error to raise
function observe.failed(conn, stmt, params, err)
  return handled(conn.engine._hub, { connection = conn, statement = stmt, params = params, error = err })
end

--- Runs `fn(...)`, which runs a statement, before the eyes of the listeners.
-- @tparam Connection conn
-- @param stmt the statement, or SQL text
-- @tparam ?table params
-- @tparam function fn
-- @return its result
function observe.run(conn, stmt, params, fn, ...)
  observe.before(conn, stmt, params)
  local result
  if events.of(conn.engine._hub, "handle_error") then
    local ok
    ok, result = pcall(fn, ...)
    if not ok then error(observe.failed(conn, stmt, params, result), 0) end
  else
    result = fn(...)
  end
  observe.after(conn, stmt, params, result)
  return result
end

--- The same where nobody may be listening.
function observe.watched(conn, stmt, params, fn, ...)
  if conn.engine._hub._listeners then return observe.run(conn, stmt, params, fn, ...) end
  return fn(...)
end

return observe
