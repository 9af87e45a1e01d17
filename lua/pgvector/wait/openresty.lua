--- Waits inside nginx without blocking the worker process.
--
-- A cosocket can wait for nothing but itself. So whoever wants a connection has
-- a channel: a cosocket, connected to the core's readiness bridge, that receives
-- a byte when libpq's own socket is ready, and in other cases when there is
-- something to wait for. The channel belongs to the request and ends with it;
-- the connection to the server does not, and goes back to the pool. What a
-- request has of both is its lease.
--
-- What may be done depends on nginx's phase, which is asked at each call.
-- @module pgvector.wait.openresty

local blocking = require "pgvector.wait.blocking"
local core = require "pgvector.core"
local errors = require "pgvector.errors"

local ngx = rawget(_G, "ngx")

local openresty = {}

-- Phases that have cosockets, and those that may block: no request is served
-- in them. All others are refused.
local bridged = {
  rewrite = true, server_rewrite = true, access = true, content = true, timer = true,
  ssl_cert = true, ssl_session_fetch = true, ssl_client_hello = true,
}
local blocked = { init = true, init_worker = true, exit_worker = true }

-- How often to look for requests that died, in seconds. nginx tells nobody;
-- it closes their cosockets.
local REAP_INTERVAL = 0.2

-- Time-outs are the bridge's, because nginx logs an error for each of its own.
local NO_TIMEOUT = 2147483647

-- After so many seconds without a wait the worker's other requests get a turn,
-- for so many: no time at all would be over before the wait begins.
local LONG = 0.004
local MOMENT = 0.0001

local ready_events = { r = "r", w = "w", b = "rw" }

-- The set of those who have a channel: { socket =, channel =, options = of the
-- channel's connect, busy = while it waits, since = when that ended last,
-- on_end =, link = while it waits for it }. The link of one that does
-- not wait is not held: the pool finds those that were forgotten.
local leases = {}

-- Leases of requests that gave theirs back. Their cosockets rest in nginx, their
-- other ends here.
local spare = {}

local reaping = false
local tokens = 0

--- Says whether one may talk to the server in nginx's present phase.
-- @treturn boolean true: through the bridge; false: by blocking
-- @raise InterfaceError where neither is possible
local function check()
  local phase = ngx.get_phase()
  if bridged[phase] then return true end
  if blocked[phase] then return false end
  errors.raise("InterfaceError", "the database cannot be waited for in nginx's %s phase: "
    .. "do the work in a timer, ngx.timer.at(0, function)", phase)
end
openresty.check = check
openresty.in_loop = check

---- channels ---------------------------------------------------------------------

local function drop_channel(lease)
  if lease.channel then lease.channel:close() end
  -- not ours to close any more if its request is over
  if lease.socket then pcall(lease.socket.close, lease.socket) end
  lease.channel, lease.socket = nil, nil
end

-- Connects a cosocket to the other end that the lease has, or to a new one.
local function open_channel(lease)
  local socket = ngx.socket.tcp()
  socket:settimeout(NO_TIMEOUT)
  local ok, err = socket:connect("unix:" .. core.bridge.address(), lease.options)
  if ok and lease.channel then
    if socket:getreusedtimes() > 0 then
      lease.socket = socket
      return
    end
    drop_channel(lease) -- nginx needed its connection for something else
  end
  if ok then ok, err = socket:send(lease.options.pool) end
  if not ok then
    socket:close()
    errors.raise("InterfaceError", "cannot open a channel to the readiness bridge: %s", tostring(err))
  end
  local accepted, channel = pcall(core.bridge.accept, lease.options.pool)
  if not accepted then
    socket:close()
    error(channel, 0)
  end
  lease.socket, lease.channel = socket, channel
end

local function new_lease()
  tokens = tokens + 1
  return {
    -- a pool of nginx's for each, to get back the very cosocket that was left in it
    options = { pool = ("pgvector:%016x"):format(tokens), pool_size = 1 },
  }
end

--- Gives somebody a lease.
-- @tparam function on_end called once, if the request is over and the lease was
--   not given back: with the link that it waited for, or nil, and whether one may
--   wait for the server there
-- @treturn ?table nil where blocking is in order
function openresty.enter(on_end)
  if not check() then return nil end
  local lease = table.remove(spare) or new_lease()
  lease.on_end, lease.since = on_end, core.now()
  open_channel(lease)
  leases[lease] = true
  openresty._start_reaper()
  return lease
end

--- Takes a lease back.
function openresty.leave(lease)
  leases[lease] = nil
  local kept = false
  if lease.socket and not lease.busy then
    local ok, done = pcall(lease.socket.setkeepalive, lease.socket, 0, 1)
    kept = ok and done
  end
  lease.on_end, lease.link = nil, nil
  if kept then
    lease.socket = nil
    spare[#spare + 1] = lease
  else
    drop_channel(lease)
  end
end

-- Arms the lease's channel by `arm(channel, milliseconds or nil, …)` and
-- receives the answer. A channel that another request left behind is replaced.
local function ask(lease, link, deadline, arm, ...)
  openresty._start_reaper()
  lease.busy, lease.link = true, link
  local fresh, byte, err
  repeat
    fresh = not lease.channel
    if fresh then open_channel(lease) end
    arm(lease.channel, deadline and math.max(0, (deadline - core.now()) * 1000), ...)
    local ok
    ok, byte, err = pcall(lease.socket.receive, lease.socket, 1)
    if not ok then byte, err = nil, byte end
    if not byte then drop_channel(lease) end
  until byte or fresh
  lease.busy, lease.link, lease.since = false, nil, core.now()
  if not byte then
    errors.raise("InterfaceError", "the channel to the readiness bridge failed: %s", tostring(err))
  end
  return byte
end

local function nothing() end

-- The lease of a link; one that was taken out where that is not needed has none yet.
local function lease_of(link)
  local lease = link.lease
  if not lease then
    lease = openresty.enter(link.on_orphaned or nothing)
    link.lease = lease
  end
  return lease
end

---- requests that are over -------------------------------------------------------

-- Those whose request closed its cosocket without giving the lease back.
local function take_dead()
  local dead = {}
  for lease in pairs(leases) do
    if lease.channel and not lease.channel:is_connected() then dead[#dead + 1] = lease end
  end
  for _, lease in ipairs(dead) do leases[lease] = nil end
  return dead
end

local function bury(premature, dead)
  for _, lease in ipairs(dead) do
    local link, on_end = lease.link, lease.on_end
    drop_channel(lease)
    -- each may have to wait for the server
    if premature then on_end(link, false) else ngx.thread.spawn(on_end, link, true) end
  end
end

--- Looks for leases of requests that died, or ended without giving them back.
function openresty.reclaim()
  local dead = take_dead()
  -- the one who asks may not wait for what others left
  if dead[1] and not ngx.timer.at(0, bury, dead) then bury(true, dead) end
end

local function reap(premature)
  reaping = false
  local dead = take_dead()
  if not premature and next(leases) then openresty._start_reaper() end
  bury(premature, dead)
end

function openresty._start_reaper()
  -- without a free timer the next wait tries again, and so does a full pool
  if not reaping then reaping = ngx.timer.at(REAP_INTERVAL, reap) or false end
end

---- what a link asks for -----------------------------------------------------------

local function arm_socket(channel, timeout, fd, events) channel:arm(fd, events, timeout) end

--- Waits until the connection's socket is ready.
-- @param conn a core connection, an attempt to connect, or a request to cancel
-- @tparam string events "r", "w" or "rw"
-- @tparam ?number deadline in seconds of core.now(); nil waits for ever
-- @tparam Link link the connection's link
-- @treturn ?string the events that are ready, nil when the deadline has passed
function openresty.wait(conn, events, deadline, link)
  if not check() then return blocking.wait(conn, events, deadline) end
  local lease = lease_of(link)
  -- another light thread may be waiting for the statement that this one cancels
  local own = lease.busy and openresty.enter(nothing)
  local ok, byte = pcall(ask, own or lease, link, deadline, arm_socket, conn:socket(), events)
  if own then openresty.leave(own) end
  if not ok then error(byte, 0) end
  return ready_events[byte]
end

local function arm_time(channel, timeout) channel:expect(timeout) end

--- Lets the worker's other requests run for a moment.
-- @tparam Link link
-- @tparam number seconds
function openresty.pause(link, seconds)
  ask(lease_of(link), link, core.now() + seconds, arm_time)
end

--- The same, if the link has not waited for long.
-- @tparam Link link
function openresty.breathe(link)
  local lease = link.lease
  if lease and not lease.busy and core.now() - lease.since > LONG and check() then
    openresty.pause(link, MOMENT)
  end
end

--- A place to wait in until woken; see pgvector.wait.
-- @tparam ?table lease of who is to wait
function openresty.turn(lease)
  if not lease then return nil end
  local turn = {}
  function turn.wait(deadline) ask(lease, nil, deadline, arm_time) end
  function turn.wake() return lease.channel ~= nil and lease.channel:signal() end
  return turn
end

--- Nothing is registered that closing a connection would not end.
openresty.release = blocking.release

return openresty
