--- A connection checked out of the pool: runs statements, and begins a
-- transaction by itself with the first one, as SQLAlchemy 2.0 does.
-- @module pgvector.engine.connection

local advisory = require "pgvector.engine.advisory"
local cancel = require "pgvector.driver.cancel"
local class = require "pgvector.class"
local compiler = require "pgvector.sql.compiler"
local copy_out = require "pgvector.engine.copy_out"
local copying = require "pgvector.engine.copy"
local core = require "pgvector.core"
local Cursor = require "pgvector.engine.cursor"
local errors = require "pgvector.errors"
local identifiers = require "pgvector.sql.compiler.identifiers"
local notify = require "pgvector.driver.notify"
local observe = require "pgvector.engine.observe"
local options_of = require "pgvector.engine.options"
local statement = require "pgvector.engine.statement"
local ticking = require "pgvector.wait.ticking"

local Connection = class("Connection")
Connection._is_connection = true

for _, part in ipairs { "life", "transactions", "statements" } do
  for name, method in pairs(require("pgvector.engine.connection." .. part)) do Connection[name] = method end
end
Connection.__close = Connection.close -- local conn <close> = engine:connect()

--- Makes a connection over a link that was just taken out of the pool.
function Connection._new(engine, link)
  local of = engine._connection_fields
  link.timeout = of._timeout
  return setmetatable({
    engine = engine,
    _link = link,
    _execution = engine._execution,
    _begun = false,       -- is a transaction open?
    _succeeded = false,   -- has a statement succeeded in it?
    _savepoints = 0,
    _scopes = {},         -- open Transaction and Savepoint objects, the innermost last
    _transaction = 0,     -- the number of the transaction
    _isolation = of._isolation, _readonly = of._readonly, _deferrable = of._deferrable, _timeout = of._timeout,
    _stream = of._stream, _yield_per = of._yield_per, _schema_map = of._schema_map, -- see engine.options
    _notice_handler = false,
    _closed = false,
  }, Connection)
end

--- Sets options of this connection, until it is closed.
-- @tparam table options `isolation_level` ("READ COMMITTED", "REPEATABLE READ",
--   "SERIALIZABLE", "AUTOCOMMIT"), `readonly`, `deferrable`: of the transactions
--   to come; `timeout`: the seconds that a statement may take; `stream_results`,
--   `yield_per`: rows of queries are read while they arrive, so many at a time;
--   `schema_translate_map`: other schemas in all SQL that is made from tables
-- @treturn Connection itself
function Connection:execution_options(options)
  self:_check_open()
  local fields = options_of.fields(self, options, "execution_options")
  for name in pairs(options_of.of_transactions) do
    if self._begun and options[name] ~= nil then
      errors.raise("InvalidRequestError",
        "a transaction is open: isolation_level, readonly and deferrable are set before it begins")
    end
  end
  for name, value in pairs(fields) do self[name] = value end
  if self._link then self._link.timeout = self._timeout end
  return self
end

--- Loads rows through COPY, in binary where every column's type has a binary form.
-- @param target a table, a model, or a table's name
-- @tparam ?table columns names of the columns, in the order of the values;
--   nil: all that can be written
-- @param source `function(copy)` that calls `copy:write_row(v1, v2, …)` or
--   `copy:write_rows(…)`; an iterator that returns a row a call; or a sequence of rows
-- @treturn number how many rows were stored
-- @raise whatever `source` raises, or the server; then nothing is stored
function Connection:copy_in(target, columns, source)
  self:_check_open()
  local count = copying.copy_in(self, target, columns, source)
  self._succeeded = true
  return count
end

--- Takes an advisory lock, and waits for it unless told otherwise.
-- @param key a whole number, or a string, of which the server's hashtextextended makes one
-- @tparam[opt] table options `shared`; `try`: do not wait; `timeout` in seconds;
--   `transaction`: until the end of the transaction, not of the connection
-- @treturn boolean false if `try` is set and somebody else has it
-- @raise TimeoutError if it was not to be had within `timeout`
function Connection:advisory_lock(key, options) return advisory.lock(self, key, options) end

--- Gives an advisory lock back; close() does so for all.
-- @param key as given to advisory_lock
-- @tparam[opt] table options `shared`, as given to advisory_lock
-- @treturn boolean was it held?
function Connection:advisory_unlock(key, options) return advisory.unlock(self, key, options) end

--- Reads rows through COPY, in binary where every column's type has a binary form.
-- @param target a statement that returns rows, a table, a model, or a table's name
-- @tparam[opt] function fn called with each row
-- @treturn number with fn: how many rows there were
-- @treturn Reader without fn: an iterator, `for row in conn:copy_out(target) do`;
--   the connection is busy until its end or its `close()`. More values follow,
--   for which the `for` of Lua 5.4 closes it
-- @raise whatever `fn` raises, or the server; the transaction goes on all the same
function Connection:copy_out(target, fn)
  self:_check_open()
  if fn ~= nil and type(fn) ~= "function" then
    errors.raise("ArgumentError", "copy_out: expected a function, got %s", class.describe(fn))
  end
  local reader = copy_out.open(self, target)
  if fn then return copy_out.each(reader, fn) end
  return reader, nil, nil, reader
end

--- Asks the server to stop the statement that runs on this connection: from
-- another coroutine, or from a notice handler. Whoever runs it gets the error
-- 57014 (query_canceled), or the result if that was faster. The request is a
-- short conversation of its own, which is waited for like any other.
-- @treturn boolean did a statement run?
-- @raise OperationalError if the request could not be delivered, TimeoutError if
--   the server does not take it in time; the connection is given up then
function Connection:cancel()
  self:_check_open()
  local link = self._link
  if not link or link.broken or not cancel.is_active(link) then return false end
  cancel.request(link)
  return true
end

--- Declares a cursor for a query: the server keeps its rows and hands them out
-- on demand. It lives in the transaction, and other statements can run meanwhile.
-- @param stmt a query
-- @tparam[opt] table options `size`: how many rows an iteration fetches at a time
--   (100); `params`: the values of named parameters
-- @treturn Cursor with fetchmany and close; `for row in cursor do`
function Connection:cursor(stmt, options)
  self:_check_open()
  options = options or {}
  statement.check("cursor", stmt, options.params)
  local compiled = compiler.compile(stmt, nil, self._schema_map)
  local values = compiler.values(compiled, options.params)
  return observe.watched(self, stmt, options.params, Cursor._open, self, compiled, values, options)
end

--- Subscribes to a channel. In a transaction this takes effect with the commit.
-- The connection to the server is not used by others afterwards.
-- @tparam string channel its very name, upper and lower case included
function Connection:listen(channel)
  local name = identifiers.quote(channel)
  self:_live_link().listening = true
  self:_command("LISTEN " .. name)
end

--- Ends a subscription.
-- @tparam[opt] string channel nil: all of them
function Connection:unlisten(channel)
  self:_command("UNLISTEN " .. (channel == nil and "*" or identifiers.quote(channel)))
end

--- Notifications that have arrived, also while statements ran; waits for the
-- first one. The server sends them only outside a transaction.
-- @tparam[opt] number timeout seconds; 0: do not wait; nil: for ever
-- @treturn table sequence of `{ channel =, payload =, pid = }`, empty when the time is over
-- @raise InvalidRequestError when a transaction is open
function Connection:notifications(timeout)
  local link = self:_live_link()
  if timeout ~= nil and not (type(timeout) == "number" and timeout >= 0) then
    errors.raise("ArgumentError", "notifications: expected seconds, got %s", tostring(timeout))
  elseif self._begun then
    errors.raise("InvalidRequestError", "notifications come outside a transaction: commit or roll back before")
  end
  return notify.wait(link, timeout and core.now() + timeout)
end

---- odds and ends -----------------------------------------------------------------

--- Hands notices of the server to a function.
-- @tparam ?function fn called with a table of the notice's fields; nil: nobody
function Connection:on_notice(fn)
  self._notice_handler = fn or false
  self:_live_link().notice_handler = self._notice_handler
end

-- Calls a function while transactions begin only where `begin` says so; what
-- the connection did before holds again afterwards.
function Connection:_in_autocommit(fn, ...)
  local former = self._isolation
  self._isolation = "AUTOCOMMIT"
  return options_of.restoring(function() self._isolation = former end, fn, ...)
end

-- Calls a function, and `tick` every so many seconds while it waits for the server.
function Connection:_with_ticks(seconds, tick, fn, ...)
  local link = self:_live_link()
  local waiter = link.waiter
  link.waiter = ticking.waiter(waiter, seconds, tick)
  return options_of.restoring(function() link.waiter = waiter end, fn, ...)
end

-- sql.schema's create_all and drop_all run DDL through this: `fn(run, conn)`.
function Connection:_ddl_runner(fn)
  return fn(function(stmt, params)
    local result
    if type(stmt) == "string" then
      result = self:exec_sql(stmt, params)
    else
      result = self:execute(stmt)
    end
    return result._source and result:all() or {}
  end, self)
end

--- What is known of the server and this connection.
function Connection:_info()
  local link = self:_live_link()
  local pg = link.pg
  local extension = self._execution.typeinfo:_discover(link)
  return {
    server_version = pg:server_version(),
    server_version_text = pg:parameter("server_version"),
    backend_pid = pg:backend_pid(),
    encrypted = pg:is_encrypted(),
    vector_version = extension and extension.version,
    vector_schema = extension and extension.schema,
    transaction_status = link.opening and "intrans" or pg:transaction_status(),
  }
end

class.strict(class.seal(Connection))

-- `conn.info` is a field; everything else is a method
Connection.__index = function(self, key)
  if key == "info" then return Connection._info(self) end
  return Connection[key]
end

function Connection:__tostring()
  return ("Connection(%s)"):format(self._closed and "closed" or tostring(self.engine))
end

return Connection
