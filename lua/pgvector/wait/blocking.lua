--- Waits by blocking the process in poll(2): for scripts and programs without
-- an event loop.
-- @module pgvector.wait.blocking

local core = require "pgvector.core"

local blocking = {}

--- Waits until the connection's socket is ready.
-- @param conn a core connection
-- @tparam string events "r", "w" or "rw"
-- @tparam ?number deadline in seconds of core.now(); nil waits for ever
-- @treturn ?string the events that are ready, nil when the deadline has passed
function blocking.wait(conn, events, deadline)
  local timeout
  if deadline then timeout = math.max(0, math.ceil((deadline - core.now()) * 1000)) end
  return core.poll(conn:socket(), events, timeout)
end

--- Nothing is registered anywhere.
function blocking.release() end

--- Nobody else can run while the process waits.
function blocking.turn() return nil end

return blocking
