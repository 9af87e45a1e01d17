--- Options of how statements are run, of a connection or of one statement.
-- @module pgvector.engine.options

local compat = require "pgvector.compat"
local errors = require "pgvector.errors"

local options = {}

local checks = {
  { "stream_results", "true or false", function(v) return type(v) == "boolean" end },
  { "timeout", "a positive number of seconds, or false",
    function(v) return v == false or type(v) == "number" and v > 0 end },
  { "yield_per", "a positive integer", function(v) return compat.is_integral(v) and v >= 1 end },
}

--- Checks the options that concern statements; others are somebody else's.
-- @tparam table given
-- @treturn table given
function options.check(given)
  for _, check in ipairs(checks) do
    local value = given[check[1]]
    if value ~= nil and not check[3](value) then
      errors.raise("ArgumentError", "execution_options: %s: expected %s, got %s", check[1], check[2], tostring(value))
    end
  end
  return given
end

--- Should rows be read while they arrive? `yield_per` implies it.
-- @tparam ?table given options
-- @param wanted without an answer in them
-- @param chunk without an answer in them
-- @return true or a false value
-- @return yield_per, or a false value
function options.streaming(given, wanted, chunk)
  if not given then return wanted, chunk end
  if given.yield_per ~= nil then wanted, chunk = true, given.yield_per end
  if given.stream_results ~= nil then wanted = given.stream_results end
  return wanted, chunk
end

local function finish(restore, ok, ...)
  restore()
  if not ok then error((...), 0) end
  return ...
end

--- Calls a function, and another one afterwards, whatever happened.
-- @tparam function restore
-- @tparam function fn
-- @param ... its arguments
-- @return what fn returns
function options.restoring(restore, fn, ...) return finish(restore, pcall(fn, ...)) end

--- Calls a function while commands of a link have a timeout of their own.
-- @tparam Link link
-- @tparam number|false seconds
-- @tparam function fn
-- @param ... its arguments
-- @return what fn returns
function options.with_timeout(link, seconds, fn, ...)
  local former = link.timeout
  link.timeout = seconds
  return options.restoring(function() link.timeout = former end, fn, ...)
end

return options
