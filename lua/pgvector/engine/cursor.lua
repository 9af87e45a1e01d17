--- Cursors: the server keeps a query's rows, and hands them out on demand.
-- @module pgvector.engine.cursor

local class = require "pgvector.class"
local compat = require "pgvector.compat"
local errors = require "pgvector.errors"
local execute = require "pgvector.driver.execute"
local observe = require "pgvector.engine.observe"
local search_settings = require "pgvector.engine.settings"

local Cursor = class("Cursor")

-- How many rows an iteration fetches at a time.
local SIZE = 100

local known_options = { size = true, params = true }

local function positive(n, where)
  if not compat.is_integral(n) or n < 1 then
    errors.raise("ArgumentError", "%s: expected a positive integer, got %s", where, tostring(n))
  end
  return n
end

--- Declares a cursor in the connection's transaction.
-- @tparam Connection conn
-- @tparam table compiled the query
-- @tparam table values in $n order
-- @tparam table options `size`
-- @treturn Cursor
function Cursor._open(conn, compiled, values, options)
  options = errors.check_options(options, known_options, "cursor")
  local size = positive(options.size or SIZE, "cursor: size")
  local link, execution = conn:_autobegin(), conn._execution
  if not conn:in_transaction() then
    errors.raise("InvalidRequestError", "a cursor lives in a transaction: use conn:begin() under AUTOCOMMIT")
  end
  local job = execution:job(link, compiled, values)
  link:_check_free()
  link.statement = job
  execution.plans:complete(link, job)
  conn._cursors = (conn._cursors or 0) + 1
  local name = "pgv_cursor_" .. conn._cursors
  local sql = ("DECLARE %s NO SCROLL CURSOR FOR %s"):format(name, compiled.sql)
  link.statement = { sql = sql, values = values, n = job.n }
  observe.tell(conn, "before_cursor_execute", sql, values)
  execute.params(link, sql, job.plan.encoder, values, job.n, 0):clear()
  link.statement = nil
  conn._succeeded = true
  return setmetatable({
    _conn = conn, _name = name, _size = size, _job = job, _settings = compiled.settings,
    _transaction = conn._transaction, -- that which it lives in
    _rows = {}, _at = 1,              -- fetched by the iteration, not yet handed out
    _ended = false,
  }, Cursor)
end

function Cursor:_is_alive()
  local conn = self._conn
  return not self._closed and conn:in_transaction() and conn._transaction == self._transaction
end

-- Runs FETCH, under the query's settings: they count while it runs.
function Cursor:_fetch(n)
  if not self:_is_alive() then
    errors.raise("InvalidRequestError", self._closed and "this cursor is closed"
      or "the transaction of this cursor is over")
  end
  if self._ended then return {} end
  local execution, link = self._conn._execution, self._conn:_live_link()
  local sql = ("FETCH FORWARD %.0f FROM %s"):format(n, self._name)
  local settings = self._settings
  local put_back = settings and #settings > 0 and search_settings.set(execution, link, settings)
  link:_check_free()
  link.statement = { sql = sql, n = 0 }
  local res = execute.params(link, sql, nil, nil, 0, self._job.plan.format)
  local result = execution:result_of(link, self._job, res)
  link.statement = nil
  if put_back then put_back() end
  local rows = result:all()
  if #rows < n then self._ended = true end
  return rows
end

--- Up to `n` rows; an empty sequence at the end.
-- @tparam number n
-- @treturn table
function Cursor:fetchmany(n)
  positive(n, "fetchmany")
  local rows = {}
  while #rows < n and self._at <= #self._rows do
    rows[#rows + 1] = self._rows[self._at]
    self._at = self._at + 1
  end
  if #rows == n then return rows end
  for _, row in ipairs(self:_fetch(n - #rows)) do rows[#rows + 1] = row end
  return rows
end

-- `for row in cursor do`
function Cursor:__call()
  if self._at > #self._rows then
    self._rows, self._at = self:_fetch(self._size), 1
  end
  local row = self._rows[self._at]
  self._at = self._at + 1
  return row
end

--- Frees what the server keeps. Idempotent; the end of the transaction does it, too.
function Cursor:close()
  local alive = self:_is_alive()
  self._closed, self._rows = true, {}
  if not alive then return end
  local link = self._conn:_live_link()
  -- in a failed transaction there is nothing left to close
  if link.pg:transaction_status() == "intrans" then self._conn:_command("CLOSE " .. self._name) end
end

Cursor.__close = Cursor.close -- local cursor <close> = conn:cursor(…)

return class.seal(Cursor)
