--- Engines: where connections come from.
-- @module pgvector.engine

local cancel = require "pgvector.driver.cancel"
local class = require "pgvector.class"
local compat = require "pgvector.compat"
local Connection = require "pgvector.engine.connection"
local errors = require "pgvector.errors"
local execute = require "pgvector.driver.execute"
local Execution = require "pgvector.engine.execution"
local events = require "pgvector.util.events"
local Link = require "pgvector.driver.link"
local observe = require "pgvector.engine.observe"
local options_of = require "pgvector.engine.options"
local Pool = require "pgvector.engine.pool"
local PreparedStatements = require "pgvector.driver.prepare"
local retry = require "pgvector.engine.retry"
local scope = require "pgvector.engine.connection.scope"
local TypeInfo = require "pgvector.driver.typeinfo"
local url = require "pgvector.engine.url"
local wait = require "pgvector.wait"

local Engine = class("Engine")
Engine._is_engine = true
Engine._events = observe.events

-- SQLAlchemy's names and defaults, and a few of our own.
local defaults = {
  pool_size = 5, max_overflow = 10, pool_timeout = 30, pool_recycle = -1, pool_pre_ping = false,
  pool_use_lifo = false, pool_reset_on_return = "rollback", echo = false, hide_parameters = false,
  isolation_level = false, connect_args = false, wait = "auto", timezone = false,
  prepared_statements = true, statement_timeout = false, warn = false, forbid_lazy = false,
  execution_options = false, enable_from_linting = true,
}

local checks = {
  pool_size = "number", max_overflow = "number", pool_timeout = "number", pool_recycle = "number",
  pool_pre_ping = "boolean", pool_use_lifo = "boolean", hide_parameters = "boolean",
  connect_args = "table", timezone = "string", prepared_statements = "boolean",
  statement_timeout = "number", warn = "function", execution_options = "table", enable_from_linting = "boolean",
}

local function read_options(given)
  local known = {}
  for name in pairs(defaults) do known[name] = true end
  given = errors.check_options(given, known, "create_engine")
  local options = {}
  for name, default in pairs(defaults) do
    local value = given[name]
    if value == nil then value = default end
    local wanted = checks[name]
    if given[name] ~= nil and wanted and type(value) ~= wanted then
      errors.raise("ArgumentError", "create_engine: %s: expected a %s, got %s", name, wanted, type(value))
    end
    options[name] = value
  end
  for _, name in ipairs{ "pool_size", "max_overflow" } do
    if not compat.is_integral(options[name]) then
      errors.raise("ArgumentError", "create_engine: %s: expected a whole number, got %s", name, tostring(options[name]))
    end
  end
  local limit = options.statement_timeout
  if limit and (limit < 0 or limit ~= limit) then
    errors.raise("ArgumentError", "create_engine: statement_timeout: expected seconds, got %s", tostring(limit))
  end
  if options.pool_reset_on_return ~= "rollback" and options.pool_reset_on_return ~= false then
    errors.raise("ArgumentError", "create_engine: pool_reset_on_return: expected 'rollback' or false, got '%s'",
      tostring(options.pool_reset_on_return))
  end
  return options
end

local function echo_function(echo)
  if echo == true then
    return function(sql, params, ms)
      io.stderr:write(("%s%s  (%.1f ms)\n"):format(sql, params and " [" .. params .. "]" or "", ms))
    end
  elseif echo == false or type(echo) == "function" then
    return echo or nil
  end
  errors.raise("ArgumentError", "create_engine: echo: expected true, false or a function, got %s", type(echo))
end

--- Makes an engine. Nothing is connected yet.
-- @param target `postgresql://…`, a keyword string, or a table of libpq's keywords
-- @tparam[opt] table options see docs/connecting.md
-- @treturn Engine
-- @raise ArgumentError
function Engine._new(target, options)
  options = read_options(options)
  local fields = options_of.fields(options_of.defaults, { isolation_level = options.isolation_level or nil },
    "create_engine")
  local keywords = url.keywords(target, options.connect_args or nil)
  local waiter = wait.resolve(options.wait)
  local warn = options.warn or function(message) io.stderr:write("pgvector: ", message, "\n") end
  local self = setmetatable({
    _options = options,
    _connection_fields = options_of.fields(fields, options.execution_options or {}, "create_engine: execution_options"),
    _keywords = keywords,
    _execution = Execution.new(TypeInfo.new(), options.hide_parameters, echo_function(options.echo),
      options.enable_from_linting and warn or nil),
  }, Engine)
  self._hub = self -- where listeners are kept, also those of views
  local function reach(lease)
    local link = Link.connect(keywords, waiter, lease)
    local ok, err = pcall(link._pin_settings, link, options.timezone or nil,
      options.statement_timeout or nil, execute.simple)
    if ok then return link end
    link:close()
    error(err, 0)
  end
  local function open(lease)
    local link
    if self._listeners then
      local ok, reached = pcall(reach, lease)
      if not ok then error(observe.unreachable(self, reached), 0) end
      link = reached
    else
      link = reach(lease)
    end
    link.decorate = function(of, e) self._execution:decorate(of, e) end
    if options.prepared_statements then link.prepared = PreparedStatements.new(link) end
    if self._listeners then self:_introduce(link) end
    return link
  end
  self._pool = Pool.new(options, waiter, {
    open = open,
    ping = function(link) execute.simple(link, "SELECT 1"):clear() end,
    rollback = function(link) execute.simple(link, "ROLLBACK"):clear() end,
    recover = function(link) self:_recover(link) end,
    warn = warn,
  })
  return self
end

-- Gives back the advisory locks that a session still has.
local function release_locks(link)
  link.locks = nil
  local open = link.pg:transaction_status() ~= "idle"
  execute.simple(link, (open and "ROLLBACK; " or "") .. "SELECT pg_catalog.pg_advisory_unlock_all()"):clear()
end

-- Stops what runs, and forgets the prepared statements: there may be one whose
-- user did not live to note it.
local function reset(link)
  cancel.stop(link)
  if not link.prepared or not link:_reusable() then return end
  local open = link.pg:transaction_status() ~= "idle"
  execute.simple(link, (open and "ROLLBACK; " or "") .. "DEALLOCATE ALL"):clear()
  link.prepared:lost()
end

-- Returns a link whose user is no more.
function Engine:_recover(link)
  if not pcall(reset, link) then link.broken = true end
  self:_give_back(link)
end

-- Lets the listeners of "connect" do what they want to with a new link.
function Engine:_introduce(link)
  local conn = Connection._new(self, link)
  local ok, err = pcall(function()
    events.fire(self, "connect", conn)
    conn:commit()
  end)
  conn._closed, conn._link = true, nil -- it is not the pool's yet: nothing is given back
  if not ok then
    link:close()
    error(err, 0)
  end
end

-- Returns a link to the pool; the loss of one to the server ends its generation.
function Engine:_give_back(link)
  if not link.holder then return end -- it was taken away from a request that was over
  if link.cancelling then pcall(cancel.settle, link) end
  if link.types_changed then self._execution.typeinfo:forget() end
  if link.lost then self._pool:invalidate() end
  link.statement, link.types_changed, link.opening, link.timeout = nil, nil, nil, false
  -- what is open is about to be rolled back
  if link.prepared then link.prepared:ended(false) end
  if link.locks and link:_reusable() and not pcall(release_locks, link) then link:close() end
  self._pool:checkin(link)
end

-- A listener that refuses a connection must not keep it from the pool.
function Engine:_tell_checkout(conn)
  local ok, err = pcall(events.fire, self._hub, "checkout", conn)
  if not ok then
    conn:close()
    error(err, 0)
  end
end

--- Takes a connection out of the pool.
-- @tparam[opt] function fn called with the connection, which is closed
--   afterwards, and rolled back unless it was committed; fn's results are returned
-- @treturn Connection without fn; its close() returns it to the pool
-- @raise OperationalError if the server cannot be reached, TimeoutError if all are out
function Engine:connect(fn)
  if fn ~= nil then scope.check_function("connect", fn) end
  local conn = Connection._new(self, self._pool:checkout())
  if self._hub._listeners then self:_tell_checkout(conn) end
  if fn == nil then return conn end
  return scope.with({
    is_active = true,
    commit = function() conn:close() end,
    rollback = function() conn:close() end,
  }, fn, conn)
end

--- Calls `fn(conn)` in a transaction: COMMIT on return, ROLLBACK and re-raise
-- on an error.
-- @tparam function fn
-- @return what fn returns
function Engine:begin(fn)
  scope.check_function("begin", fn)
  return self:connect(function(conn) return conn:begin(fn) end)
end

--- Calls `fn(conn, attempt)` in a transaction, as begin does, and again after a
-- serialization failure or a deadlock.
-- @tparam function fn
-- @tparam[opt] table options `attempts` (5), `delay` before the second one in
--   seconds (0.01; it doubles each time), `max_delay` (1), `isolation_level`
-- @return what fn returns
-- @raise the last attempt's error
function Engine:retry(fn, options)
  scope.check_function("retry", fn)
  return retry.run(self, fn, options)
end

--- The same engine, whose connections have other options: for each tenant one,
-- with a pool, listeners and prepared statements in common.
-- @tparam table options as for Connection:execution_options; the rest is as in this engine
-- @treturn Engine
function Engine:execution_options(options)
  local hub = self._hub
  local mt = { __index = self, __ancestors = Engine.__ancestors, __name = Engine.__name }
  mt.__tostring = Engine.__tostring
  function mt._events() return hub, observe.events end
  return setmetatable({
    _connection_fields = options_of.fields(self._connection_fields, options, "execution_options"),
  }, mt)
end

--- Closes the pool's connections; the engine stays usable and opens new ones.
function Engine:dispose() self._pool:dispose() end

--- The pool's counters: `{ size=, checked_in=, checked_out=, overflow= }`.
function Engine:pool_status() return self._pool:status() end

-- `options.autocommit`: what is run cannot run in a transaction.
function Engine:_ddl_runner(fn, options)
  if options and options.autocommit then
    return self:connect(function(conn)
      return conn:execution_options{ isolation_level = "AUTOCOMMIT" }:_ddl_runner(fn)
    end)
  end
  return self:begin(function(conn) return conn:_ddl_runner(fn) end)
end

class.strict(class.seal(Engine))

function Engine:__tostring()
  return ("Engine(%s)"):format(url.describe(self._keywords))
end

return { create_engine = Engine._new }
