--- Waits as another waiter does, and calls a function now and then meanwhile:
-- to watch, over a second connection, what takes long on the first.
-- @module pgvector.wait.ticking

local core = require "pgvector.core"

local ticking = {}

--- Makes the waiter.
-- @tparam table inner the waiter that waits
-- @tparam number seconds between two calls
-- @tparam function tick an error in it ends the wait
-- @treturn table waiter
function ticking.waiter(inner, seconds, tick)
  local next_tick = core.now() + seconds
  local function wait(conn, events, deadline, link)
    while true do
      local stop = deadline and deadline < next_tick and deadline or next_tick
      local ready = inner.wait(conn, events, stop, link)
      if ready or deadline and core.now() >= deadline then return ready end
      if core.now() >= next_tick then
        tick()
        next_tick = core.now() + seconds
      end
    end
  end
  return setmetatable({ wait = wait }, { __index = inner })
end

return ticking
