--- The event loops, each as the same few functions.
--
--     for _, loop in ipairs(loops) do … loop.run(function() … loop.spawn(…) end)
--
-- `run(fn)` runs fn and what it spawns in coroutines of a new loop, until all
-- have ended; the first error goes on. `spawn(fn)` starts another coroutine,
-- `sleep(seconds)` lets the others run. `abandon(fn)` runs fn in a coroutine
-- until it waits, and then drops the coroutine for ever; it is nil where there
-- is no way to do that. `ticks_during(fn)`, inside a run, calls fn and returns how
-- often another coroutine ran meanwhile that wants to do so every 10 ms. The list is
-- empty on Lua 5.1, whose coroutines cannot wait inside pcall.

local compat = require "pgvector.compat"
local core = require "pgvector.core"

local LIMIT = 60 -- seconds after which a run has failed

-- A function for a coroutine that keeps the first error.
local function keeping_errors(state, fn)
  return function()
    local ok, err = pcall(fn)
    if not ok and not state.failed then state.failed, state.err = true, err end
  end
end

local function finish(state, in_time)
  if state.failed then error(state.err, 0) end
  if not in_time then error("the loop did not come to its end", 0) end
end

local function cqueues_loop()
  local cqueues = require "cqueues"
  local loop = { name = "cqueues", sleep = cqueues.sleep }
  local state
  function loop.spawn(fn)
    state.controller:wrap(keeping_errors(state, fn))
  end
  function loop.abandon(fn)
    local controller = cqueues.new()
    controller:wrap(fn)
    controller:loop(0.1)
    controller:close()
  end
  function loop.run(fn)
    local outer = state
    state = { controller = cqueues.new() }
    local own = state
    loop.spawn(fn)
    own.controller:loop(LIMIT)
    state = outer
    finish(own, own.controller:empty())
  end
  return loop
end

local function luv_loop()
  local uv = require "luv"
  local loop = { name = "luv" }
  local state
  local function after(seconds, fn)
    local timer = uv.new_timer()
    uv.update_time() -- a spec may just have blocked
    timer:start(math.ceil(seconds * 1000), 0, function()
      timer:close()
      fn()
    end)
    return timer
  end
  function loop.spawn(fn)
    local co = coroutine.create(keeping_errors(state, fn))
    after(0, function()
      if coroutine.status(co) == "suspended" then assert(coroutine.resume(co)) end
    end)
  end
  local close = rawget(coroutine, "close")
  if close then
    function loop.abandon(fn)
      local co = coroutine.create(fn)
      assert(coroutine.resume(co))
      loop.sleep(0.1)
      close(co)
    end
  end
  function loop.sleep(seconds)
    local co = coroutine.running()
    after(seconds, function()
      if coroutine.status(co) == "suspended" then assert(coroutine.resume(co)) end
    end)
    coroutine.yield()
  end
  function loop.run(fn)
    state = {}
    local limit = after(LIMIT, uv.stop)
    limit:unref()
    local started = core.now()
    loop.spawn(fn)
    uv.run()
    local in_time = core.now() - started < LIMIT
    if in_time then
      limit:close()
      uv.run() -- luv crashes at exit where a handle is still closing
    end
    finish(state, in_time)
  end
  return loop
end

local function add_ticks(loop)
  function loop.ticks_during(fn)
    local ticks, done = 0, false
    loop.spawn(function()
      while not done do
        ticks = ticks + 1
        loop.sleep(0.01)
      end
    end)
    local ok, err = pcall(fn)
    done = true
    if not ok then error(err, 0) end
    return ticks
  end
  return loop
end

return compat.can_yield_in_pcall and { add_ticks(cqueues_loop()), add_ticks(luv_loop()) } or {}
