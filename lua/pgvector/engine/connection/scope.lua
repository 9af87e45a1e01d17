--- Transactions and savepoints as objects, and functions that run inside one.
-- @module pgvector.engine.connection.scope

local class = require "pgvector.class"
local compat = require "pgvector.compat"
local errors = require "pgvector.errors"

local Transaction = class("Transaction")

--- Begins a transaction on a connection that has none.
function Transaction._begin(conn)
  return setmetatable({ _conn = conn, is_active = true }, Transaction)
end

function Transaction:_finish(verb)
  if not self.is_active then
    errors.raise("InvalidRequestError", "this transaction is over already")
  end
  self.is_active = false
  self._conn[verb](self._conn)
end

--- Commits.
function Transaction:commit() self:_finish("commit") end

--- Rolls back.
function Transaction:rollback() self:_finish("rollback") end

--- Rolls back if neither commit nor rollback was called. Idempotent.
function Transaction:close()
  if self.is_active then self:_finish("rollback") end
end

Transaction.__close = Transaction.close -- local tx <close> = conn:begin()

local Savepoint = class("Savepoint")

--- Sets a savepoint.
function Savepoint._begin(conn)
  conn._savepoints = conn._savepoints + 1
  local self = setmetatable({ _conn = conn, _name = "pgv_" .. conn._savepoints, is_active = true }, Savepoint)
  conn:_command("SAVEPOINT " .. self._name)
  return self
end

function Savepoint:_finish(...)
  if not self.is_active then
    errors.raise("InvalidRequestError", "this savepoint is over already")
  end
  self.is_active = false
  for i = 1, select("#", ...) do self._conn:_command((select(i, ...)) .. self._name) end
end

--- Keeps what was done since the savepoint.
function Savepoint:commit() self:_finish("RELEASE SAVEPOINT ") end

--- Takes back what was done since the savepoint; the transaction goes on.
function Savepoint:rollback()
  self._conn:_close_reader()
  self:_finish("ROLLBACK TO SAVEPOINT ", "RELEASE SAVEPOINT ")
end

--- Rolls back to the savepoint unless it is over. Idempotent.
function Savepoint:close()
  if self.is_active then self:rollback() end
end

Savepoint.__close = Savepoint.close

local scope = { Transaction = class.seal(Transaction), Savepoint = class.seal(Savepoint) }

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
