--- Waiters: the only code that differs between a plain program and an event
-- loop. Everything above them is a plain loop over the core's steps.
--
-- A waiter is a table of three functions, of which only the first must be there:
--
-- * `wait(conn, events, deadline)` returns the events ("r", "w" or "rw") for
--   which `conn:socket()` is ready, or nil once the deadline (in seconds of
--   core.now(); nil: never) has passed. It may let others run meanwhile. When
--   it returns it has taken its registrations of the descriptor back: libpq
--   may close the descriptor, and open another of the same number, in any step.
-- * `release(conn)` does that for a wait that was cut off: Link calls it before
--   the connection is closed. A coroutine that still waits gets an error.
-- * `turn()` returns a place to wait in until another coroutine says so, or nil
--   where no other could run meanwhile. A turn has `turn.wait(deadline)`, called
--   once, which returns when it is woken or too late, and `turn.wake()`, which
--   leaves it to the loop to run the coroutine, and returns false if that is
--   known to be dead.
--
-- Those of the event loops have `in_loop()`: is there a loop to hold up? A thread
-- connects then. `wait` and `release` get its attempt, or a request to cancel, in the
-- place of a connection; each has a `socket()`.
--
-- The waiter of nginx has more, for requests may end at any wait without a word:
--
-- * `check()` raises where no command may be sent.
-- * `enter(on_end)` gives a lease to who asks the pool for a link, or nil where
--   none is needed; a link has it in its field `lease`. `on_end(link, may_wait)`
--   is called if the request ends before `leave(lease)`, with the link that it
--   waited for at that time.
-- * `reclaim()` looks for such requests at once.
-- * `pause(link, seconds)` lets others run; `breathe(link)` does if they have not
--   for long.
-- * `wait` is told the link, `turn` the lease.
--
-- @module pgvector.wait

local compat = require "pgvector.compat"
local errors = require "pgvector.errors"

local wait = {}

local modules = {
  auto = "pgvector.wait.auto",
  blocking = "pgvector.wait.blocking",
  cqueues = "pgvector.wait.cqueues",
  luv = "pgvector.wait.luv",
  openresty = "pgvector.wait.openresty",
}

local function nothing() return nil end

-- Are we inside nginx, with its Lua module?
local function in_nginx()
  local ngx = rawget(_G, "ngx")
  return type(ngx) == "table" and ngx.socket ~= nil and ngx.get_phase ~= nil
end

local function require_loop(name)
  if not compat.can_yield_in_pcall then
    errors.raise("ArgumentError",
      "wait: '%s' needs Lua 5.2 or later, or LuaJIT: coroutines of Lua 5.1 cannot wait inside pcall", name)
  end
  local ok, waiter = pcall(require, modules[name])
  if not ok then errors.raise("ArgumentError", "wait: '%s': %s", name, tostring(waiter):match("^[^\n]*")) end
  return waiter
end

--- The waiter for an engine's `wait` option.
-- @param option nil or a name: "auto", "blocking", "cqueues", "luv", "openresty"; or a
--   waiter of the user's: a table, or only its `wait` function
-- @treturn table with wait, release and turn
-- @raise ArgumentError
function wait.resolve(option)
  if option == nil then option = "auto" end
  if option == "auto" and in_nginx() then option = "openresty" end
  if type(option) == "function" then option = { wait = option } end
  if type(option) == "table" then
    for _, name in ipairs { "wait", "release", "turn" } do
      local value = option[name]
      if type(value) ~= "function" and (value ~= nil or name == "wait") then
        errors.raise("ArgumentError", "wait: %s: expected a function, got %s", name, type(value))
      end
    end
    return { wait = option.wait, release = option.release or nothing, turn = option.turn or nothing }
  end
  if not modules[option] then
    errors.raise("ArgumentError",
      "wait: expected 'auto', 'blocking', 'cqueues', 'luv', 'openresty', a function or a table, got '%s'%s",
      tostring(option), errors.did_you_mean(option, modules))
  end
  if option == "openresty" and not in_nginx() then
    errors.raise("InterfaceError", "wait: 'openresty' works inside nginx with its Lua module only")
  end
  if option == "cqueues" or option == "luv" then return require_loop(option) end
  return require(modules[option])
end

return wait
