--- Transactions that are repeated when the server could not serialize them.
-- @module pgvector.engine.retry

local compat = require "pgvector.compat"
local errors = require "pgvector.errors"

local retry = {}

-- After these the server has rolled back, and asks to try again.
local repeatable = {
  ["40001"] = true, -- serialization_failure
  ["40P01"] = true, -- deadlock_detected
}

local defaults = { attempts = 5, delay = 0.01, max_delay = 1 }
local known = { attempts = true, delay = true, max_delay = true, isolation_level = true }

local function read_options(given)
  given = errors.check_options(given, known, "retry")
  local options = { isolation_level = given.isolation_level }
  for name, default in pairs(defaults) do
    local value = given[name]
    if value == nil then value = default end
    if type(value) ~= "number" or value < (name == "attempts" and 1 or 0) then
      errors.raise("ArgumentError", "retry: %s: expected a positive number, got %s", name, tostring(value))
    end
    options[name] = value
  end
  return options
end

--- Calls `fn(conn, attempt)` in a transaction, again after a serialization
-- failure or a deadlock.
-- @tparam Engine engine
-- @tparam function fn
-- @tparam ?table given `attempts`, `delay`, `max_delay`, `isolation_level`
-- @return what fn returns
function retry.run(engine, fn, given)
  local options = read_options(given)
  return engine:connect(function(conn)
    if options.isolation_level ~= nil then
      conn:execution_options{ isolation_level = options.isolation_level }
    end
    local delay, attempt = options.delay, 1
    while true do
      local results = compat.pack(pcall(conn.begin, conn, function() return fn(conn, attempt) end))
      if results[1] then return compat.unpack(results, 2, results.n) end
      local err = results[2]
      local again = errors.is_error(err) and repeatable[err.sqlstate] and attempt < options.attempts
      if not again then error(err, 0) end
      -- whoever collided must not collide again
      conn:_live_link():_sleep(math.min(delay, options.max_delay) * (0.5 + math.random() / 2))
      delay, attempt = delay * 2, attempt + 1
    end
  end)
end

return retry
