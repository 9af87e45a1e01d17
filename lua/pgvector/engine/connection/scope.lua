--- Transactions and savepoints as objects, and functions that run inside one.
-- @module pgvector.engine.connection.scope

local class = require "pgvector.class"
local compat = require "pgvector.compat"
local errors = require "pgvector.errors"

-- What both have in common. A connection lists what is open, the innermost last.
local Scope = class("Scope")

local function open(Scope_, conn, name)
  local self = setmetatable({ _conn = conn, _name = name, is_active = true }, Scope_)
  table.insert(conn._scopes, self)
  return self
end

function Scope:_check_active()
  if not self.is_active then
    errors.raise("InvalidRequestError", "this %s is over already", self._what)
  end
end

--- Rolls back unless it is over. Idempotent.
function Scope:close()
  if self.is_active then self:rollback() end
end

Scope.__close = Scope.close -- local tx <close> = conn:begin()

local Transaction = class("Transaction", Scope)
Transaction._what = "transaction"

--- Begins a transaction on a connection that has none.
function Transaction._begin(conn) return open(Transaction, conn) end

--- Commits.
function Transaction:commit()
  self:_check_active()
  self._conn:commit()
end

--- Rolls back.
function Transaction:rollback()
  self:_check_active()
  self._conn:rollback()
end

local Savepoint = class("Savepoint", Scope)
Savepoint._what = "savepoint"

--- Sets a savepoint.
function Savepoint._begin(conn)
  conn._savepoints = conn._savepoints + 1
  local name = "pgv_" .. conn._savepoints
  conn:_command("SAVEPOINT " .. name)
  return open(Savepoint, conn, name)
end

-- It is over, and so are those within it.
function Savepoint:_over()
  self:_check_active()
  local scopes = self._conn._scopes
  local ended
  repeat
    ended = table.remove(scopes)
    ended.is_active = false
  until ended == self
end

--- Keeps what was done since the savepoint.
function Savepoint:commit()
  self:_over()
  self._conn:_command("RELEASE SAVEPOINT " .. self._name)
end

--- Takes back what was done since the savepoint; the transaction goes on.
function Savepoint:rollback()
  self:_check_active()
  self._conn:_close_reader()
  self:_over()
  self._conn:_command("ROLLBACK TO SAVEPOINT " .. self._name)
  self._conn:_command("RELEASE SAVEPOINT " .. self._name)
end

local scope = {
  Transaction = class.strict(class.seal(Transaction)), Savepoint = class.strict(class.seal(Savepoint)),
}

--- Raises unless `fn` is a function.
-- @tparam string where what was called with it
-- @param fn
function scope.check_function(where, fn)
  if type(fn) ~= "function" then
    errors.raise("ArgumentError", "%s: expected a function, got %s", where, type(fn))
  end
end

--- Calls `fn(...)` inside a transaction or savepoint: commit on return, rollback
-- and re-raise on an error.
-- @param tx has commit, rollback and is_active
-- @tparam function fn
-- @param ... its arguments
-- @return what fn returns
function scope.with(tx, fn, ...)
  local results = compat.pack(pcall(fn, ...))
  if not results[1] then
    -- the user's error is the one to see, whatever the rollback meets
    if tx.is_active then pcall(tx.rollback, tx) end
    error(results[2], 0)
  end
  if tx.is_active then tx:commit() end
  return compat.unpack(results, 2, results.n)
end

return scope
