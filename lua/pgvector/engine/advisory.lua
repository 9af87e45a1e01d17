--- Advisory locks: locks on names that only mean something to their users.
-- @module pgvector.engine.advisory

local compat = require "pgvector.compat"
local core = require "pgvector.core"
local errors = require "pgvector.errors"

local advisory = {}

local known = { shared = true, try = true, timeout = true, transaction = true }

-- A waiting session would hold its snapshot all the time; one that asks now and
-- then does not, and can give up.
local FIRST_PAUSE, LONGEST_PAUSE = 0.005, 0.25

-- What stands for the lock in a call.
local function argument_of(key)
  if type(key) == "string" then return "pg_catalog.hashtextextended($1::pg_catalog.text, 0)", key end
  if type(key) ~= "number" or not compat.is_integral(key) or math.abs(key) >= 2 ^ 63 then
    errors.raise("ArgumentError", "advisory lock: expected a string or a whole number, got %s", tostring(key))
  end
  return "$1::pg_catalog.int8", ("%d"):format(key)
end

local function call(conn, name, options, key)
  local argument, value = argument_of(key)
  local sql = ("SELECT pg_catalog.pg_%s%s(%s)"):format(name, options.shared and "_shared" or "", argument)
  return conn:exec_sql(sql, { value }):scalar()
end

--- Takes a lock.
-- @treturn boolean false if `try` is set and somebody else has it
-- @raise TimeoutError if it was not to be had within `timeout`
function advisory.lock(conn, key, given)
  local options = errors.check_options(given, known, "advisory_lock")
  local timeout = options.timeout
  if timeout ~= nil and (type(timeout) ~= "number" or timeout < 0) then
    errors.raise("ArgumentError", "advisory_lock: timeout: expected seconds, got %s", tostring(timeout))
  end
  local suffix = options.transaction and "advisory_xact_lock" or "advisory_lock"
  local link = conn:_live_link()
  local function taken()
    if not options.transaction then link.locks = (link.locks or 0) + 1 end
    return true
  end
  if not (options.try or timeout) then
    call(conn, suffix, options, key)
    return taken()
  end
  local deadline, pause = core.now() + (timeout or 0), FIRST_PAUSE
  while true do
    if call(conn, "try_" .. suffix, options, key) then return taken() end
    local left = deadline - core.now()
    if options.try and left <= 0 then return false end
    if left <= 0 then
      errors.raise("TimeoutError", "advisory lock %s: somebody else has it; gave up after %g seconds",
        tostring(key), timeout)
    end
    link:_sleep(math.min(pause, left))
    pause = math.min(2 * pause, LONGEST_PAUSE)
  end
end

--- Gives a lock back.
-- @treturn boolean was it held?
function advisory.unlock(conn, key, given)
  local options = errors.check_options(given, { shared = true }, "advisory_unlock")
  local link = conn:_live_link()
  local held = call(conn, "advisory_unlock", options, key)
  if held and link.locks then link.locks = link.locks > 1 and link.locks - 1 or nil end
  return held
end

return advisory
