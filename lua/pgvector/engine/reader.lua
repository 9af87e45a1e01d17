--- Rows that are read while the server still sends them.
--
-- A reader occupies its connection until its end. A savepoint around it, when a
-- transaction is open, makes an abandoned or failed reader leave no trace: the
-- server is asked to stop, what it has sent is thrown away, and the transaction
-- goes on from the savepoint.
-- @module pgvector.engine.reader

local cancel = require "pgvector.driver.cancel"
local class = require "pgvector.class"
local errors = require "pgvector.errors"
local execute = require "pgvector.driver.execute"
local search_settings = require "pgvector.engine.settings"

local Reader = class("Reader")

-- Runs `start` and takes over the link.
local function start_reading(self, what, settings, start)
  local link = self._link
  if settings then self._put_back = search_settings.set(self._conn._execution, link, settings) end
  self._read = start(link)
  if self._read then
    link.mode, link.reader = what, self
  else
    self:_finish()
  end
end

--- Starts reading.
-- @tparam Connection conn
-- @tparam string what for the message that the connection is busy with it
-- @tparam ?table settings of the statement, `{ name =, value = }`
-- @tparam function start called with the link: sends the statement and returns a
--   function that, called with the link, returns a sequence of rows, or nil at the
--   end; start returns nil if there is nothing to read
-- @treturn Reader
function Reader._open(conn, what, settings, start)
  if settings and #settings == 0 then settings = nil end
  local self = setmetatable({
    _conn = conn, _link = conn:_autobegin(), _over = false,
    _rows = {}, _at = 1, -- rows that were read and not yet handed out
  }, Reader)
  self._timeout = self._link.timeout -- from now on for each step
  self._alone = settings and not conn:in_transaction() -- settings need a transaction
  if self._alone then conn:_begin() end
  self._saved = conn:in_transaction()
  if self._saved then execute.simple(self._link, "SAVEPOINT pgv_read"):clear() end
  local ok, err = pcall(start_reading, self, what, settings, start)
  if not ok then
    self:_abandon()
    error(err, 0)
  end
  conn._succeeded = true
  return self
end

-- Is the connection still that to the server which it was?
function Reader:_has_link()
  return self._conn._link == self._link and not self._link.broken
end

function Reader:_let_go()
  self._over = true
  self._link.mode, self._link.reader, self._link.statement = false, false, nil
end

-- After the last row.
function Reader:_finish()
  self:_let_go()
  if self._put_back then self._put_back() end
  if self._alone then
    self._conn:commit()
  elseif self._saved then
    execute.simple(self._link, "RELEASE SAVEPOINT pgv_read"):clear()
  end
end

-- Before the last row.
function Reader:_abandon()
  cancel.stop(self._link)
  self:_let_go()
  if self._link.broken then return end
  if self._alone then
    self._conn:rollback()
  elseif self._saved then
    execute.simple(self._link, "ROLLBACK TO SAVEPOINT pgv_read; RELEASE SAVEPOINT pgv_read"):clear()
  end
end

function Reader:_check_not_waiting()
  if self._link.waiting then
    errors.raise("InterfaceError", "another query is in progress on this connection")
  end
end

--- The next row.
-- @treturn ?table nil at the end
-- @raise the server's error
function Reader:_next()
  local row = self._rows[self._at]
  while row == nil do
    if self._over then
      if self._failed then errors.raise("InvalidRequestError", "these rows are closed") end
      return nil
    end
    self:_check_not_waiting()
    if not self:_has_link() then
      self._over, self._failed = true, true
      errors.raise("InterfaceError", "the connection of these rows is closed")
    end
    self._link:_start_clock(self._timeout)
    local ok, rows = pcall(self._read, self._link)
    if not ok then
      self._failed = true
      self:_abandon()
      error(rows, 0)
    end
    if not rows then
      self:_finish()
      return nil
    end
    self._rows, self._at = rows, 1
    row = rows[1]
  end
  self._at = self._at + 1
  return row
end

--- Stops reading. Idempotent.
function Reader:close()
  if self._over then
    self._rows = {}
    return
  end
  if not self:_has_link() then
    self._over, self._failed, self._rows = true, true, {}
    return
  end
  self:_check_not_waiting()
  self._failed, self._rows = true, {}
  if cancel.has_ended(self._link) then self:_finish() else self:_abandon() end
end

-- `for row in reader do`
Reader.__call = Reader._next
Reader.__close = Reader.close

return class.seal(Reader)
