--- Sessions: when changes are written.
-- @module pgvector.orm.session.flushing

local class = require "pgvector.class"
local compat = require "pgvector.compat"
local errors = require "pgvector.errors"
local Session = require "pgvector.orm.session.base"
local unit_of_work = require "pgvector.orm.unit_of_work"

--- Writes new, changed and deleted objects. If that fails the transaction is
-- rolled back, and the session wants a rollback() before it goes on.
function Session:flush()
  if self._flushing then errors.raise("InvalidRequestError", "a flush is under way already") end
  if self._new:empty() and self._deleted:empty() and self._watched:empty() then return end
  local transaction, heard = self:_begun(), self:_is_heard()
  self._flushing = true
  local ok, err = pcall(function()
    if heard then self:_tell("before_flush") end
    unit_of_work.flush(self, transaction:_connection())
    if heard then self:_tell("after_flush") end
  end)
  self._flushing = false
  if not ok then
    transaction:_fail(err)
    error(err, 0)
  end
  if heard then self:_tell("after_flush_postexec") end
end

-- Is there nothing to write? What is loaded is compared only where a listener
-- may have changed it since the flush.
function Session:_is_clean()
  return self._new:empty() and self._deleted:empty() and (not self:_is_heard() or #self.dirty == 0)
end

function Session:_autoflush()
  if self.autoflush and not self._flushing then self:flush() end
end

--- Calls `fn(session)` without flushing before its queries.
-- @return what fn returns
function Session:no_autoflush(fn)
  if type(fn) ~= "function" then
    errors.raise("ArgumentError", "no_autoflush: expected a function, got %s", class.describe(fn))
  end
  local before = self.autoflush
  self.autoflush = false
  local results = compat.pack(pcall(fn, self))
  self.autoflush = before
  if not results[1] then error(results[2], 0) end
  return compat.unpack(results, 2, results.n)
end

return Session
