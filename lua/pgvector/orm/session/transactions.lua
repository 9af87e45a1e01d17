--- Sessions: their transactions.
-- @module pgvector.orm.session.transactions

local compat = require "pgvector.compat"
local errors = require "pgvector.errors"
local Session = require "pgvector.orm.session.base"
local SessionTransaction = require "pgvector.orm.transaction"

-- The innermost transaction, begun if there is none.
function Session:_begun()
  local transaction = self._transaction
  if not transaction then
    transaction = SessionTransaction._begin(self)
  elseif transaction.failed then
    errors.raise("InvalidRequestError", "the session's transaction was rolled back when a flush failed: "
      .. "call session:rollback() before going on (%s)",
        tostring(transaction.failed.message or transaction.failed))
  end
  return transaction
end

--- The connection of the session's transaction.
-- @treturn Connection
function Session:connection() return self:_begun():_connection() end

-- Calls `fn(...)` and commits; rolls back and re-raises if either fails.
local function within(transaction, fn, ...)
  local results = compat.pack(pcall(fn, ...))
  if results[1] and transaction.is_active then
    local ok, err = pcall(transaction.commit, transaction)
    if not ok then results[1], results[2] = false, err end
  end
  if not results[1] then
    -- the first error is the one to see, whatever the rollback meets
    if transaction.is_active then pcall(transaction.rollback, transaction) end
    error(results[2], 0)
  end
  return compat.unpack(results, 2, results.n)
end

--- Begins the transaction explicitly; otherwise the first statement does.
-- @tparam[opt] function fn called with the session: commit on return, rollback
--   and re-raise on error; its results are passed through
-- @treturn SessionTransaction without fn
function Session:begin(fn)
  if self._transaction then
    errors.raise("InvalidRequestError", "a transaction has begun already: commit it, or use begin_nested")
  end
  local transaction = self:_begun()
  if fn == nil then return transaction end
  local results = compat.pack(pcall(within, transaction, fn, self))
  local ok, err = results[1], results[2]
  -- fn ended the transaction itself, and went on: that ends as well
  if ok and (self._transaction or #self.new + #self.dirty + #self.deleted > 0) then
    ok, err = pcall(self.commit, self)
  end
  if not ok then
    pcall(self.rollback, self)
    error(err, 0)
  end
  return compat.unpack(results, 2, results.n)
end

--- Sets a savepoint, after a flush.
-- @tparam[opt] function fn as with begin
-- @treturn SessionTransaction without fn; its rollback takes back what was done
--   since, also in the objects
function Session:begin_nested(fn)
  self:flush()
  local transaction = SessionTransaction._begin(self, self:_begun())
  if fn == nil then return transaction end
  return within(transaction, fn, self)
end

-- The outermost transaction.
local function root_of(self)
  local transaction = self._transaction
  while transaction and transaction.parent do transaction = transaction.parent end
  return transaction
end

--- Flushes and commits.
function Session:commit()
  self:_begun()
  root_of(self):commit()
end

--- Rolls back: new objects are transient again, deleted ones are back, all
-- others are read again when needed.
function Session:rollback()
  local transaction = root_of(self)
  if transaction then
    transaction:rollback()
  else
    -- no statement ran since the last transaction, but objects may have changed
    self:_forget_pending()
    self:_forget_changes(self._watched:list())
  end
end

--- Is a transaction open?
function Session:in_transaction() return self._transaction ~= nil end

--- Is a savepoint open?
function Session:in_nested_transaction()
  return self._transaction ~= nil and self._transaction.parent ~= nil
end

--- Rolls back what was not committed, and lets go of all objects: they are
-- detached. The session can be used again.
function Session:close()
  local transaction = root_of(self)
  local innermost = self._transaction
  self:expunge_all()
  while innermost do
    innermost:_let_go()
    innermost = innermost.parent
  end
  if transaction then transaction:_end() end
end

Session.__close = Session.close -- local session <close> = Session()

return Session
