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
local Execution = require "pgvector.engine.execution"
local identifiers = require "pgvector.sql.compiler.identifiers"
local many = require "pgvector.engine.many"
local pipelined = require "pgvector.engine.pipelined"
local notify = require "pgvector.driver.notify"
local observe = require "pgvector.engine.observe"
local options_of = require "pgvector.engine.options"
local search_settings = require "pgvector.engine.settings"
local stream = require "pgvector.engine.stream"
local tokenizer = require "pgvector.sql.tokenizer"
local transactions = require "pgvector.engine.transaction"

local Connection = class("Connection")

--- Makes a connection over a link that was just taken out of the pool.
function Connection._new(engine, link)
  return setmetatable({
    engine = engine,
    _link = link,
    _execution = engine._execution,
    _begun = false,       -- is a transaction open?
    _succeeded = false,   -- has a statement succeeded in it?
    _savepoints = 0,
    _transaction = 0,     -- the number of the transaction
    _isolation = engine._options.isolation_level,
    _readonly = false,
    _deferrable = false,
    _timeout = false,     -- seconds that a command may take
    _stream = false,      -- are rows read while they arrive?
    _yield_per = false,
    _notice_handler = nil,
  }, Connection)
end

---- life -------------------------------------------------------------------------

function Connection:_check_open()
  if self._closed then errors.raise("InterfaceError", "connection is closed") end
end

-- The link, a new one if the former was invalidated.
function Connection:_live_link()
  self:_check_open()
  local link = self._link
  if not link then
    link = self.engine._pool:checkout()
    link.notice_handler = self._notice_handler or false
    link.timeout = self._timeout
    self._link = link
  elseif link.broken then
    errors.raise("InterfaceError", "the connection to the server is lost: close this connection and take another")
  end
  return link
end

--- Gives the connection back; what was not committed is rolled back. Idempotent.
function Connection:close()
  if self._closed then return end
  local err = self.engine._listeners and observe.leaving(self)
  local link = self._link
  self._closed, self._link, self._begun = true, nil, false
  if link then self.engine:_give_back(link) end
  if err then error(err, 0) end
end

Connection.__close = Connection.close -- local conn <close> = engine:connect()

--- Throws the connection to the server away; the next statement opens another.
function Connection:invalidate()
  self:_check_open()
  local link = self._link
  self._link, self._begun = nil, false
  if link then
    link:close()
    self.engine:_give_back(link)
  end
end

--- Is a transaction open?
function Connection:in_transaction() return self._begun end

---- transactions -----------------------------------------------------------------

local isolation_levels = {
  ["READ UNCOMMITTED"] = true, ["READ COMMITTED"] = true, ["REPEATABLE READ"] = true,
  ["SERIALIZABLE"] = true, ["AUTOCOMMIT"] = true,
}

--- Checks an isolation level's name.
-- @treturn string it, in upper case
function Connection._check_isolation(level)
  local name = type(level) == "string" and level:upper():gsub("_", " ")
  if not isolation_levels[name] then
    errors.raise("ArgumentError", "isolation_level: unknown level '%s'%s", tostring(level),
      errors.did_you_mean(name or level, isolation_levels))
  end
  return name
end

-- A command of our own, without parameters or rows.
function Connection:_command(sql)
  self._execution:command(self:_live_link(), sql)
end

-- Begins a transaction where the isolation level wants one.
function Connection:_autobegin()
  local link = self:_live_link()
  if self._begun then
    if self._succeeded or link.pg:transaction_status() ~= "inerror" then return link end
    -- only the statement that opened this transaction ran in it, and it failed:
    -- nothing can be lost by starting over
    self:_end("ROLLBACK")
  end
  if self._isolation ~= "AUTOCOMMIT" then self:_begin() end
  return link
end

function Connection:_begin()
  local sql = "BEGIN"
  if self._isolation and self._isolation ~= "AUTOCOMMIT" then
    sql = sql .. " ISOLATION LEVEL " .. self._isolation
  end
  if self._readonly then sql = sql .. " READ ONLY" end
  if self._deferrable then sql = sql .. " DEFERRABLE" end
  local execution = self._execution
  -- it travels with the first statement
  self:_live_link().opening = {
    sql = sql,
    send = function(link) execution:command(link, sql) end,
    done = function(opening) execution:log(sql, nil, core.now() - opening.started) end,
  }
  self._begun, self._succeeded, self._savepoints = true, false, 0
  self._transaction = self._transaction + 1
  observe.tell(self, "begin")
end

--- Begins a transaction explicitly.
-- @tparam[opt] function fn called with the connection: COMMIT on return,
--   ROLLBACK and re-raise on error; its results are passed through
-- @treturn Transaction with commit, rollback, close; without fn
function Connection:begin(fn)
  self:_live_link()
  if self._begun then
    errors.raise("InvalidRequestError",
      "a transaction is open on this connection already: commit it, or use begin_nested")
  end
  self:_begin()
  self._succeeded = true -- the user owns it: an error in it is the user's to end
  local tx = transactions.Transaction._begin(self)
  if fn == nil then return tx end
  return transactions.with(tx, fn, self)
end

--- Sets a savepoint.
-- @tparam[opt] function fn as with begin
-- @treturn Savepoint with commit, rollback, close; without fn
function Connection:begin_nested(fn)
  self:_autobegin()
  if not self._begun then self:_begin() end
  self._succeeded = true
  local savepoint = transactions.Savepoint._begin(self)
  if fn == nil then return savepoint end
  return transactions.with(savepoint, fn, self)
end

function Connection:_end(verb)
  local link = self:_live_link()
  if not self._begun then return end
  link:_check_free()
  observe.tell(self, verb:lower())
  local in_error = link.pg:transaction_status() == "inerror"
  self._begun = false
  if link.opening then -- nothing was done in it
    link.opening = nil
    return
  end
  self:_command(verb)
  if link.prepared then link.prepared:ended(verb == "COMMIT" and not in_error) end
  if link.types_changed then
    -- what was created or dropped in it may be otherwise now
    if verb == "ROLLBACK" or in_error then self._execution.typeinfo:forget() end
    link.types_changed = nil
  end
  if verb == "COMMIT" and in_error then
    errors.raise("InvalidRequestError", "the transaction had failed before; it was rolled back, not committed")
  end
end

--- Commits the open transaction; nothing happens without one.
-- @raise InvalidRequestError if an earlier error in it made the server roll back
function Connection:commit() self:_end("COMMIT") end

-- Closes what is being read: a rollback gives it up.
function Connection:_close_reader()
  local link = self._link
  if link and link.reader then link.reader:close() end
end

--- Rolls the open transaction back; nothing happens without one.
function Connection:rollback()
  self:_check_open()
  self:_close_reader()
  local link = self._link
  if link and link.broken then
    self:invalidate()
    return
  end
  self:_end("ROLLBACK")
end

local transaction_options = { isolation_level = true, readonly = true, deferrable = true }
local known_options = { timeout = true, stream_results = true, yield_per = true }
for name in pairs(transaction_options) do known_options[name] = true end

--- Sets options of this connection, until it is closed.
-- @tparam table options `isolation_level` ("READ COMMITTED", "REPEATABLE READ",
--   "SERIALIZABLE", "AUTOCOMMIT"), `readonly`, `deferrable`: of the transactions
--   to come; `timeout`: the seconds that a statement may take; `stream_results`,
--   `yield_per`: rows of queries are read while they arrive, so many at a time
-- @treturn Connection itself
function Connection:execution_options(options)
  self:_check_open()
  options_of.check(errors.check_options(options, known_options, "execution_options"))
  for name in pairs(transaction_options) do
    if self._begun and options[name] ~= nil then
      errors.raise("InvalidRequestError",
        "a transaction is open: isolation_level, readonly and deferrable are set before it begins")
    end
  end
  if options.isolation_level ~= nil then self._isolation = Connection._check_isolation(options.isolation_level) end
  if options.readonly ~= nil then self._readonly = options.readonly end
  if options.deferrable ~= nil then self._deferrable = options.deferrable end
  self._stream, self._yield_per = options_of.streaming(options, self._stream, self._yield_per)
  if options.timeout ~= nil then
    self._timeout = options.timeout
    if self._link then self._link.timeout = options.timeout end
  end
  return self
end

---- statements -------------------------------------------------------------------

--- Runs a compiled statement with values in $n order.
function Connection:_execute_compiled(compiled, values)
  local link = self:_autobegin()
  observe.tell(self, "before_cursor_execute", compiled.sql, values)
  local settings, execution = compiled.settings, self._execution
  local result
  if settings and #settings > 0 then
    local alone = not self._begun -- set_config(…, true) needs a transaction
    if alone then self:_begin() end
    local job = execution:job(link, compiled, values)
    if alone then
      local tx = transactions.Transaction._begin(self)
      result = transactions.with(tx, search_settings.run, execution, link, settings, job)
    else
      result = search_settings.run(execution, link, settings, job)
    end
  else
    result = execution:run(link, compiled, values)
  end
  self._succeeded = true
  return result
end

--- Runs compiled statements, each with values of its own, in one conversation.
-- @tparam table jobs sequence of `{ compiled =, values = }`
-- @treturn Result all their rows, in order
function Connection:_execute_many(jobs)
  local link = self:_autobegin()
  if self.engine._listeners then
    for _, job in ipairs(jobs) do
      observe.tell(self, "before_cursor_execute", job.compiled.sql, job.values)
    end
  end
  local result
  if self._begun then
    result = many.run(self._execution, link, jobs)
  else
    self:_begin() -- all or nothing, also under AUTOCOMMIT
    local tx = transactions.Transaction._begin(self)
    result = transactions.with(tx, many.run, self._execution, link, jobs)
  end
  self._succeeded = true
  return result
end

local function is_row_list(params)
  return type(params) == "table" and type(params[1]) == "table"
end

local function check_statement(where, stmt, params)
  if type(stmt) == "string" then
    errors.raise("ArgumentError", "a plain string is not executable: wrap it in pg.text(…), or use exec_sql")
  elseif not compiler.is_executable(stmt) then
    errors.raise("ArgumentError", "%s: expected a statement, got %s", where, class.describe(stmt))
  end
  if params ~= nil and type(params) ~= "table" then
    errors.raise("ArgumentError", "params: expected a table, got %s", type(params))
  end
end

-- Compiles a statement for one execution.
function Connection._compile(stmt, params)
  check_statement("execute", stmt, params)
  if params and next(params) == nil then params = nil end
  local compiled = compiler.compile(stmt, params and many.compile_options(stmt, params) or nil)
  return compiled, compiler.values(compiled, params)
end

local function execute_statement(self, stmt, params, options)
  if is_row_list(params) then
    return many.execute(self, stmt, params)
  end
  local compiled, values = Connection._compile(stmt, params)
  local wanted, chunk = options_of.streaming(options, self._stream, self._yield_per)
  if wanted and stream.suits(compiled.sql) then return stream.run(self, compiled, values, chunk) end
  return self:_execute_compiled(compiled, values)
end

--- Runs a statement.
-- @param stmt select, insert, update, delete, text or DDL
-- @tparam[opt] table params values of its named parameters, or a sequence of
--   such tables: the statement then runs once for each (executemany). For an
--   insert without values the names are the columns, and a missing one means DEFAULT
-- @treturn Result
function Connection:execute(stmt, params)
  local link = self:_live_link()
  check_statement("execute", stmt, params)
  local options = stmt._execution_options
  if options and options_of.check(options).timeout ~= nil then
    return observe.run(self, stmt, params, options_of.with_timeout, link, options.timeout, execute_statement, self,
      stmt, params, options)
  end
  return observe.run(self, stmt, params, execute_statement, self, stmt, params, options)
end

--- Runs statements without waiting for each other's answers.
-- @tparam function fn called with a pipeline, whose `execute` and `exec_sql` send a
--   statement and return a result that is usable after `sync()`, or after this function
-- @return what fn returns
-- @raise the first error of the server; the statements after it did not run
function Connection:pipeline(fn)
  if type(fn) ~= "function" then
    errors.raise("ArgumentError", "pipeline: expected a function, got %s", type(fn))
  end
  return pipelined.run(self, self:_autobegin(), fn)
end

local function run_sql(self, sql, values, n)
  observe.tell(self, "before_cursor_execute", sql, values)
  if self._stream and stream.suits(sql) then return stream.run_text(self, sql, values, n, self._yield_per) end
  local link = self:_autobegin()
  local result
  if n == 0 and sql:find(";", 1, true) and tokenizer.statements(sql) > 1 then
    result = self._execution:run_script(link, sql)
  else
    result = self._execution:run_text(link, sql, values, n)
  end
  self._succeeded = true
  return result
end

--- Runs raw SQL with $1 … $n.
-- @tparam string sql one statement; several, separated by `;`, without params
-- @tparam[opt] table params a sequence, with `n` if there are nils in it
-- @treturn Result of the last statement
function Connection:exec_sql(sql, params)
  self:_check_open()
  if type(sql) ~= "string" then
    errors.raise("ArgumentError", "exec_sql: expected SQL text, got %s", class.describe(sql))
  end
  local values, n = Execution.check_params(params)
  return observe.run(self, sql, params, run_sql, self, sql, values, n)
end

--- The first column of the first row, or nil.
function Connection:scalar(stmt, params) return self:execute(stmt, params):scalar() end

--- The first column of every row.
-- @treturn ScalarResult
function Connection:scalars(stmt, params) return self:execute(stmt, params):scalars() end

--- Loads rows through COPY, in binary where every column's type has a binary form.
-- @param target a table, a model, or a table's name
-- @tparam ?table columns names of the columns, in the order of the values;
--   nil: all that can be written
-- @param source `function(copy)` that calls `copy:write_row(v1, v2, …)` or
--   `copy:write_rows(…)`; an iterator that returns a row a call; or a sequence of rows
-- @treturn number how many rows were stored
-- @raise whatever `source` raises, or the server; then nothing is stored
function Connection:copy_in(target, columns, source)
  local link = self:_autobegin()
  local count = copying.copy_in(self._execution, link, target, columns, source)
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
-- short conversation of its own, for which the process blocks.
-- @treturn boolean did a statement run?
-- @raise OperationalError if the request could not be delivered
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
  check_statement("cursor", stmt, options.params)
  local compiled = compiler.compile(stmt)
  return Cursor._open(self, compiled, compiler.values(compiled, options.params), options)
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
  self._notice_handler = fn
  self:_live_link().notice_handler = fn or false
end

-- sql.schema's create_all and drop_all run DDL through this.
function Connection:_ddl_runner(fn)
  return fn(function(statement, params)
    local result
    if type(statement) == "string" then
      result = self:exec_sql(statement, params)
    else
      result = self:execute(statement)
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

class.seal(Connection)

-- `conn.info` is a field; everything else is a method
Connection.__index = function(self, key)
  if key == "info" then return Connection._info(self) end
  return Connection[key]
end

function Connection:__tostring()
  return ("Connection(%s)"):format(self._closed and "closed" or tostring(self.engine))
end

return Connection
