--- How a connection gets its link to the server, and gives it back.
-- @module pgvector.engine.connection.life

local errors = require "pgvector.errors"
local observe = require "pgvector.engine.observe"

local Connection = {} -- methods for pgvector.engine.connection

function Connection:_check_open()
  if self._closed then errors.raise("InterfaceError", "connection is closed") end
end

-- The link, a new one if the former was invalidated.
function Connection:_live_link()
  Connection._check_open(self)
  local link = self._link
  if not link then
    link = self.engine._pool:checkout()
    link.notice_handler = self._notice_handler
    link.timeout = self._timeout
    self._link = link
  elseif link.broken then
    errors.raise("InterfaceError", "the connection to the server is lost: close this connection and take another")
  end
  return link
end

-- The transaction is over, and so are the objects that stand for it and for
-- its savepoints: they must not end the next one.
function Connection:_ended()
  self._begun = false
  for _, scope in ipairs(self._scopes) do scope.is_active = false end
  self._scopes = {}
end

--- Gives the connection back; what was not committed is rolled back. Idempotent.
function Connection:close()
  if self._closed then return end
  local err = self.engine._hub._listeners and observe.leaving(self)
  local link = self._link
  self._closed, self._link = true, nil
  Connection._ended(self)
  if link then self.engine:_give_back(link) end
  if err then error(err, 0) end
end

--- Throws the connection to the server away; the next statement opens another.
function Connection:invalidate()
  self:_check_open()
  local link = self._link
  self._link = nil
  self:_ended()
  if link then
    link:close()
    self.engine:_give_back(link)
  end
end

return Connection
