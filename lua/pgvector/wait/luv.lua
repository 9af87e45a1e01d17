--- Waits in a coroutine that the callbacks of luv, the Lua binding of libuv,
-- resume.
-- @module pgvector.wait.luv

local core = require "pgvector.core"
local errors = require "pgvector.errors"
local uv = require "luv"

local luv = {}

-- connection → function that ends its wait
local waiting = {}

-- The running coroutine, nil if it is the main one.
local function running()
  local co, is_main = coroutine.running()
  return not is_main and co or nil
end

local function check_running()
  return running() or errors.raise("InvalidRequestError",
    "wait = 'luv': only a coroutine can wait; run it in coroutine.wrap(fn)()")
end

-- Goes on with a coroutine from a callback. What it raises is nobody's to
-- handle here: luv deals with it as with every error in a callback.
local function resume(co)
  local ok, err = coroutine.resume(co)
  if not ok then error(debug.traceback(co, tostring(err)), 0) end
end

-- Whole milliseconds, as uv counts them, rounded up.
local function milliseconds(deadline)
  uv.update_time() -- timers start from when the loop last looked
  return math.max(0, math.ceil((deadline - core.now()) * 1000))
end

-- Lets the running coroutine sleep. Returns a function that wakes it, once, in
-- the loop's next round or, from one of its callbacks, at once.
local function sleeper(co)
  local self = { over = false }
  function self.sleep()
    while not self.over do coroutine.yield() end -- whoever else resumes it is not meant
  end
  -- returns whether there is somebody to wake
  function self.wake(at_once)
    if self.over then return true end
    self.over = true
    if coroutine.status(co) == "dead" then return false end
    if at_once then
      resume(co)
    else
      local timer = uv.new_timer()
      timer:start(0, 0, function()
        timer:close()
        if coroutine.status(co) ~= "dead" then resume(co) end
      end)
    end
    return true
  end
  return self
end

--- Does luv's loop run, and is the caller in a coroutine?
-- @treturn boolean
function luv.is_running()
  return uv.loop_mode ~= nil and uv.loop_mode() ~= nil and running() ~= nil
end

--- Is there a loop to hold up?
function luv.in_loop() return check_running() ~= nil end

--- Waits until the connection's socket is ready; see pgvector.wait.
function luv.wait(conn, events, deadline)
  local self = sleeper(check_running())
  -- libuv has one handle for a descriptor at most, and remembers the descriptor
  -- until the handle is closed, so it lives no longer than the wait
  local poll, err = uv.new_poll(conn:socket())
  if not poll then errors.raise("InterfaceError", "uv_poll: %s", tostring(err)) end
  local timer = deadline and uv.new_timer()
  local outcome

  local function finish(at_once, what)
    if not waiting[conn] then return end
    outcome = what
    waiting[conn] = nil
    poll:close()
    if timer then timer:close() end
    self.wake(at_once)
  end
  waiting[conn] = finish
  -- an error of the descriptor counts as ready: the next step meets it
  poll:start(events, function(failure, ready) finish(true, failure and events or ready) end)
  if timer then timer:start(milliseconds(deadline), 0, function() finish(true, nil) end) end
  self.sleep()
  if outcome == "closed" then
    errors.raise("InterfaceError", "the connection was closed while a query waited for the server")
  end
  return outcome
end

--- Takes the descriptor out of the loop and wakes the coroutine that waits.
function luv.release(conn)
  local finish = waiting[conn]
  if finish then finish(false, "closed") end
end

--- A place to wait in until woken; see pgvector.wait.
function luv.turn()
  local self = sleeper(check_running())
  local timer = uv.new_timer()
  local turn = {}
  function turn.wait(deadline)
    timer:start(milliseconds(deadline), 0, function()
      timer:close()
      self.wake(true)
    end)
    self.sleep()
  end
  function turn.wake()
    if not self.over then timer:close() end
    return self.wake(false)
  end
  return turn
end

return luv
