--- Running statements on a connection.
-- @module pgvector.engine.connection.statements

local class = require "pgvector.class"
local errors = require "pgvector.errors"
local life = require "pgvector.engine.connection.life"
local many = require "pgvector.engine.many"
local observe = require "pgvector.engine.observe"
local options_of = require "pgvector.engine.options"
local parameters = require "pgvector.engine.parameters"
local pipelined = require "pgvector.engine.pipelined"
local scope = require "pgvector.engine.connection.scope"
local search_settings = require "pgvector.engine.settings"
local statement = require "pgvector.engine.statement"
local stream = require "pgvector.engine.stream"
local tokenizer = require "pgvector.sql.tokenizer"
local transactions = require "pgvector.engine.connection.transactions"

local Connection = {} -- methods for pgvector.engine.connection

-- Methods that run for every statement are called without the detour through
-- the connection's __index.
local autobegin, live_link = transactions._autobegin, life._live_link

local function run_with_settings(execution, link, compiled, values)
  return search_settings.run(execution, link, compiled.settings, execution:job(link, compiled, values))
end

--- Runs a compiled statement with values in $n order.
function Connection:_execute_compiled(compiled, values)
  local link, execution, settings = autobegin(self), self._execution, compiled.settings
  observe.tell(self, "before_cursor_execute", compiled.sql, values)
  local result
  if settings and #settings > 0 then -- set_config(…, true) needs a transaction
    result = self:_in_transaction(run_with_settings, execution, link, compiled, values)
  else
    result = execution:run(link, compiled, values)
  end
  self._succeeded = true
  return result
end

--- Runs compiled statements, each with values of its own, in one conversation:
-- all or nothing, also under AUTOCOMMIT.
-- @tparam table jobs sequence of `{ compiled =, values = }`
-- @treturn Result all their rows, in order
function Connection:_execute_many(jobs)
  local link = autobegin(self)
  if self.engine._hub._listeners then
    for _, job in ipairs(jobs) do
      observe.tell(self, "before_cursor_execute", job.compiled.sql, job.values)
    end
  end
  local result = self:_in_transaction(many.run, self._execution, link, jobs)
  self._succeeded = true
  return result
end

local function run_statement(self, stmt, params, options)
  if statement.is_nothing(stmt, params) then
    return many.nothing((statement.compile(stmt, nil, self._schema_map)))
  end
  if statement.is_row_list(params) then
    return self:_execute_many(statement.compile_rows(stmt, params, self._schema_map))
  end
  local compiled, values = statement.compile(stmt, params, self._schema_map)
  local wanted, chunk = options_of.streaming(options, self._stream, self._yield_per)
  if wanted and stream.suits(compiled.sql) then return stream.run(self, compiled, values, chunk) end
  return Connection._execute_compiled(self, compiled, values)
end

local function run_in_time(self, stmt, params, options)
  return options_of.with_timeout(live_link(self), options.timeout, run_statement, self, stmt, params, options)
end

--- Runs a statement.
-- @param stmt select, insert, update, delete, text or DDL
-- @tparam[opt] table params values of its named parameters, or a sequence of
--   such tables: the statement then runs once for each (executemany); an insert
--   without values does nothing for an empty one. For an
--   insert without values the names are the columns, and a missing one means DEFAULT
-- @treturn Result
function Connection:execute(stmt, params)
  live_link(self)
  statement.check("execute", stmt, params)
  local options = stmt._execution_options
  local run = options and options_of.check(options).timeout ~= nil and run_in_time or run_statement
  if self.engine._hub._listeners then
    return observe.run(self, stmt, params, run, self, stmt, params, options)
  end
  return run(self, stmt, params, options)
end

--- Runs statements without waiting for each other's answers.
-- @tparam function fn called with a pipeline, whose `execute` and `exec_sql` send a
--   statement and return a result that is usable after `sync()`, or after this function
-- @return what fn returns
-- @raise the first error of the server; the statements after it did not run
function Connection:pipeline(fn)
  scope.check_function("pipeline", fn)
  return pipelined.run(self, autobegin(self), fn)
end

local function run_sql(self, sql, values, n)
  observe.tell(self, "before_cursor_execute", sql, values)
  if self._stream and stream.suits(sql) then return stream.run_text(self, sql, values, n, self._yield_per) end
  local link = autobegin(self)
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
  local values, n = parameters.check(params)
  if self.engine._hub._listeners then
    return observe.run(self, sql, params, run_sql, self, sql, values, n)
  end
  return run_sql(self, sql, values, n)
end

--- The first column of the first row, or nil.
function Connection:scalar(stmt, params) return Connection.execute(self, stmt, params):scalar() end

--- The first column of every row.
-- @treturn ScalarResult
function Connection:scalars(stmt, params) return self:execute(stmt, params):scalars() end

return Connection
