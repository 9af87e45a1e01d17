--- When a connection's transactions begin and end: by itself with the first
-- statement, as in SQLAlchemy 2.0, or explicitly.
-- @module pgvector.engine.connection.transactions

local core = require "pgvector.core"
local errors = require "pgvector.errors"
local life = require "pgvector.engine.connection.life"
local observe = require "pgvector.engine.observe"
local scope = require "pgvector.engine.connection.scope"

local Connection = {} -- methods for pgvector.engine.connection

--- Is a transaction open?
function Connection:in_transaction() return self._begun end

-- A command of our own, without parameters or rows.
function Connection:_command(sql)
  self._execution:command(self:_live_link(), sql)
end

-- Begins a transaction where the isolation level wants one.
function Connection:_autobegin()
  local link = life._live_link(self)
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
  if fn ~= nil then scope.check_function("begin", fn) end
  self:_live_link()
  if self._begun then
    errors.raise("InvalidRequestError",
      "a transaction is open on this connection already: commit it, or use begin_nested")
  end
  self:_begin()
  self._succeeded = true -- the user owns it: an error in it is the user's to end
  local tx = scope.Transaction._begin(self)
  if fn == nil then return tx end
  return scope.with(tx, fn, self)
end

--- Calls `fn(...)` in the open transaction, or in one of its own under AUTOCOMMIT.
-- @return what fn returns
function Connection:_in_transaction(fn, ...)
  if self._begun then return fn(...) end
  self:_begin()
  return scope.with(scope.Transaction._begin(self), fn, ...)
end

--- Sets a savepoint.
-- @tparam[opt] function fn as with begin
-- @treturn Savepoint with commit, rollback, close; without fn
function Connection:begin_nested(fn)
  if fn ~= nil then scope.check_function("begin_nested", fn) end
  self:_autobegin()
  if not self._begun then self:_begin() end
  self._succeeded = true
  local savepoint = scope.Savepoint._begin(self)
  if fn == nil then return savepoint end
  return scope.with(savepoint, fn, self)
end

function Connection:_end(verb)
  local link = self:_live_link()
  if not self._begun then return end
  link:_check_free()
  observe.tell(self, verb:lower())
  local in_error = link.pg:transaction_status() == "inerror"
  self:_ended()
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

return Connection
