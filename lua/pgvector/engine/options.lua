--- Options of how statements are run, of an engine's connections, of one
-- connection or of one statement.
-- @module pgvector.engine.options

local compat = require "pgvector.compat"
local errors = require "pgvector.errors"
local SchemaMap = require "pgvector.sql.schema_map"

local options = {}

local function is_boolean(v) return type(v) == "boolean" end

local checks = {
  { "stream_results", "true or false", is_boolean },
  { "readonly", "true or false", is_boolean },
  { "deferrable", "true or false", is_boolean },
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

local isolation_levels = {
  ["READ UNCOMMITTED"] = true, ["READ COMMITTED"] = true, ["REPEATABLE READ"] = true,
  ["SERIALIZABLE"] = true, ["AUTOCOMMIT"] = true,
}

--- Checks an isolation level's name.
-- @treturn string it, in upper case
function options.isolation_level(level)
  local name = type(level) == "string" and level:upper():gsub("_", " ")
  if not isolation_levels[name] then
    errors.raise("ArgumentError", "isolation_level: unknown level '%s'%s", tostring(level),
      errors.did_you_mean(name or level, isolation_levels))
  end
  return name
end

--- What concerns transactions that have yet to begin.
options.of_transactions = { isolation_level = true, readonly = true, deferrable = true }

local of_connections = { timeout = true, stream_results = true, yield_per = true, schema_translate_map = true }
for name in pairs(options.of_transactions) do of_connections[name] = true end

--- What a connection does unless it is told otherwise: the fields that every
-- connection has of this.
options.defaults = {
  _isolation = false,
  _readonly = false,
  _deferrable = false,
  _timeout = false,     -- seconds that a command may take
  _stream = false,      -- are rows read while they arrive?
  _yield_per = false,
  _schema_map = false,  -- which schema stands in for which
}

--- Those fields as options say.
-- @tparam table fields what holds without them, with the keys of `defaults`
-- @tparam table given options
-- @tparam string where what a message calls the place
-- @treturn table new fields
function options.fields(fields, given, where)
  options.check(errors.check_options(given, of_connections, where))
  local made = {}
  for name in pairs(options.defaults) do made[name] = fields[name] end
  if given.isolation_level ~= nil then made._isolation = options.isolation_level(given.isolation_level) end
  if given.readonly ~= nil then made._readonly = given.readonly end
  if given.deferrable ~= nil then made._deferrable = given.deferrable end
  if given.timeout ~= nil then made._timeout = given.timeout end
  made._stream, made._yield_per = options.streaming(given, made._stream, made._yield_per)
  local map = given.schema_translate_map
  if map ~= nil then made._schema_map = map and SchemaMap.of(map, where) end
  return made
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
