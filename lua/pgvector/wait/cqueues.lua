--- Waits in a coroutine of a cqueues controller.
-- @module pgvector.wait.cqueues

local condition = require "cqueues.condition"
local controllers = require "cqueues"
local core = require "pgvector.core"
local errors = require "pgvector.errors"

local cqueues = {}

-- connection → the descriptor that its wait registered
local waiting = setmetatable({}, { __mode = "k" })

-- cqueues would poll outside of a controller too, by making one for the call.
local function check_running()
  if not controllers.running() then
    errors.raise("InvalidRequestError",
      "wait = 'cqueues': this is not a coroutine of a cqueues controller; run it in controller:wrap(fn)")
  end
end

-- The seconds that are left, as cqueues counts them; nil is for ever.
local function left(deadline) return deadline and math.max(0, deadline - core.now()) end

--- Is the caller the coroutine that a controller resumed? (In one that was
-- made inside of it, a yield would go to somebody who does not know what for.)
-- @treturn boolean
function cqueues.is_running()
  local _, is_own = controllers.running()
  return is_own == true
end

--- Is there a loop to hold up?
function cqueues.in_loop()
  check_running()
  return true
end

--- Waits until the connection's socket is ready; see pgvector.wait.
function cqueues.wait(conn, events, deadline)
  check_running()
  local fd = conn:socket()
  local pollable = { pollfd = fd, events = events }
  local ready
  waiting[conn] = fd
  repeat
    controllers.poll(pollable, left(deadline))
    -- the descriptor is another's by now if the connection was closed
    if not waiting[conn] then
      errors.raise("InterfaceError", "the connection was closed while a query waited for the server")
    end
    ready = core.poll(fd, events, 0)
  until ready or deadline and core.now() >= deadline
  cqueues.release(conn)
  return ready
end

--- Lets every controller forget the descriptor; otherwise its next step would
-- fail, once the descriptor is closed.
function cqueues.release(conn)
  local fd = waiting[conn]
  if fd then
    waiting[conn] = nil
    controllers.cancel(fd)
  end
end

--- A place to wait in until woken; see pgvector.wait.
function cqueues.turn()
  check_running()
  local changed, woken = condition.new(), false
  local turn = {}
  function turn.wait(deadline)
    while not woken and core.now() < deadline do changed:wait(left(deadline)) end
  end
  function turn.wake()
    woken = true
    changed:signal()
    return true
  end
  return turn
end

return cqueues
