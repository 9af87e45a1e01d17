--- Waiting for notifications.
--
-- libpq keeps those that arrive while statements run, until they are asked for.
-- @module pgvector.driver.notify

local notify = {}

--- The notifications that have arrived; waits for the first one.
-- @tparam Link link idle, outside a transaction
-- @tparam ?number deadline in seconds of core.now(); nil waits for ever
-- @treturn table sequence of `{ channel =, payload =, pid = }`, empty after the deadline
-- @raise the loss of the connection
function notify.wait(link, deadline)
  link:_check_free()
  local pg = link.pg
  while true do
    local list = pg:notifies()
    link:_drain_notices()
    if list then return list end
    if not link:_poll("r", deadline) then return {} end
    local ok, err = pg:consume_input()
    if not ok then link:_lost(err) end
  end
end

return notify
