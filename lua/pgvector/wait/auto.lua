--- Waits as the caller's surroundings want it: each time it is asked which
-- event loop runs the coroutine, so that one engine serves them all.
-- @module pgvector.wait.auto

local blocking = require "pgvector.wait.blocking"
local compat = require "pgvector.compat"

local auto = {}

-- The waiters of the loops, loaded once the program has loaded the loop itself.
local function loaded(name)
  return package.loaded[name] and require("pgvector.wait." .. name)
end

local function current()
  if not compat.can_yield_in_pcall then return blocking end
  local cqueues = loaded "cqueues"
  if cqueues and cqueues.is_running() then return cqueues end
  local luv = loaded "luv"
  if luv and luv.is_running() then return luv end
  return blocking
end

--- Is there a loop to hold up?
function auto.in_loop() return current() ~= blocking end

--- Waits with the current loop's waiter.
function auto.wait(conn, events, deadline) return current().wait(conn, events, deadline) end

--- Releases the connection from whichever loop it is registered with.
function auto.release(conn)
  for _, name in ipairs { "cqueues", "luv" } do
    local waiter = loaded(name)
    if waiter then waiter.release(conn) end
  end
end

--- A turn of the current loop.
function auto.turn() return current().turn() end

return auto
