--- Options of how statements are run, of a connection or of one statement.
-- @module pgvector.engine.options

local errors = require "pgvector.errors"

local options = {}

local checks = {
  timeout = { "a positive number of seconds, or false",
    function(v) return v == false or type(v) == "number" and v > 0 end },
}

--- Checks the options that concern statements; others are somebody else's.
-- @tparam table given
-- @treturn table given
function options.check(given)
  for _, name in ipairs{ "timeout" } do
    local value, check = given[name], checks[name]
    if value ~= nil and not check[2](value) then
      errors.raise("ArgumentError", "execution_options: %s: expected %s, got %s", name, check[1], tostring(value))
    end
  end
  return given
end

local function restore(link, former, ok, ...)
  link.timeout = former
  if not ok then error((...), 0) end
  return ...
end

--- Calls a function while commands of a link have a timeout of their own.
-- @tparam Link link
-- @tparam number|false seconds
-- @tparam function fn
-- @param ... its arguments
-- @return what fn returns
function options.with_timeout(link, seconds, fn, ...)
  local former = link.timeout
  link.timeout = seconds
  return restore(link, former, pcall(fn, ...))
end

return options
