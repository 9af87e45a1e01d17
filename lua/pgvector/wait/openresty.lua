--- Waits inside nginx without blocking the worker process.
--
-- A cosocket can wait for nothing but itself. So each connection that is out
-- of the pool has a channel: a cosocket, connected to the core's readiness
-- bridge, that receives a byte when libpq's own socket is ready. The channel
-- belongs to the request and ends with it; the connection to the server does
-- not, and goes back to the pool.
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

local ready_events = { r = "r", w = "w", b = "rw" }

-- What a connection has while it is out of the pool: { socket =, channel =,
-- busy =, attempt =, owner = { link = } }, by the core connection, or by the
-- link while that connects. The link is held weakly: the pool finds those that
-- were forgotten.
local leases = {}
local weak = { __mode = "v" }

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

---- channels ---------------------------------------------------------------------

local function open_channel()
  local socket = ngx.socket.tcp()
  socket:settimeout(NO_TIMEOUT)
  local address = core.bridge.address()
  local ok, err = socket:connect("unix:" .. address)
  tokens = tokens + 1
  local token = ("%016x"):format(tokens)
  if ok then ok, err = socket:send(token) end
  if not ok then
    socket:close()
    errors.raise("InterfaceError", "cannot open a channel to the readiness bridge: %s", tostring(err))
  end
  local accepted, channel = pcall(core.bridge.accept, token)
  if not accepted then
    socket:close()
    error(channel, 0)
  end
  return socket, channel
end

local function close_channel(lease)
  if not lease.channel then return end
  lease.channel:close()
  -- not ours to close any more if its request is over
  pcall(lease.socket.close, lease.socket)
  lease.channel, lease.socket = nil, nil
end

--- Gives up what a connection has of the request that used it.
function openresty.release(key)
  local lease = leases[key]
  if not lease then return end
  leases[key] = nil
  close_channel(lease)
  if lease.attempt then lease.attempt:abandon() end
end

--- A connection in the pool belongs to no request.
openresty.rest = openresty.release

--- Takes back the connections of requests that died, or ended without closing
-- them.
function openresty.reclaim()
  local dead = {}
  for key, lease in pairs(leases) do
    if lease.channel and not lease.channel:is_connected() then dead[#dead + 1] = key end
  end
  for _, key in ipairs(dead) do
    local link = leases[key].owner.link
    openresty.release(key)
    if link then link:abandon() end
  end
end

local function reap(premature)
  reaping = false
  openresty.reclaim()
  if not premature and next(leases) then openresty._start_reaper() end
end

function openresty._start_reaper()
  -- without a free timer the next wait tries again, and so does a full pool
  if not reaping then reaping = ngx.timer.at(REAP_INTERVAL, reap) or false end
end

-- Arms the channel of leases[key] by `arm(channel, milliseconds or nil)` and
-- receives the answer. A channel that another request left behind is replaced.
local function converse(key, link, deadline, arm)
  local lease = leases[key]
  if not lease then
    lease = { owner = setmetatable({ link = link }, weak) }
    leases[key] = lease
  end
  openresty._start_reaper()
  if lease.busy then close_channel(lease) end -- a byte for somebody else may be under way
  local fresh, byte, err
  repeat
    fresh = not lease.channel
    if fresh then lease.socket, lease.channel = open_channel() end
    local channel, socket = lease.channel, lease.socket
    lease.busy = true
    arm(channel, deadline and math.max(0, (deadline - core.now()) * 1000))
    local ok
    ok, byte, err = pcall(socket.receive, socket, 1)
    if not ok then byte, err = nil, byte end
    if not byte then close_channel(lease) end
    lease.busy = false
  until byte or fresh
  if not byte then
    errors.raise("InterfaceError", "the channel to the readiness bridge failed: %s", tostring(err))
  end
  return byte
end

---- what a link asks for -----------------------------------------------------------

--- Waits until the connection's socket is ready.
-- @param conn a core connection
-- @tparam string events "r", "w" or "rw"
-- @tparam ?number deadline in seconds of core.now(); nil waits for ever
-- @tparam Link link the connection's link
-- @treturn ?string the events that are ready, nil when the deadline has passed
function openresty.wait(conn, events, deadline, link)
  if not check() then return blocking.wait(conn, events, deadline) end
  local byte = converse(conn, link, deadline, function(channel, timeout)
    channel:arm(conn:socket(), events, timeout)
  end)
  return ready_events[byte]
end

--- Connects in a thread: looking up names and reading certificates does not
-- hold up the worker either.
-- @tparam table keywords libpq's connection keywords → strings
-- @tparam Link link what waits for the connection
-- @return a core connection and "ok", or "late" if a host was too slow; nil and a
--   report; or false where blocking is in order
function openresty.connect(keywords, link)
  if not check() then return false end
  local attempt
  local ok, err = pcall(converse, link, link, nil, function(channel)
    if attempt then attempt:abandon() end
    attempt = core.connect_begin(keywords, channel)
    leases[link].attempt = attempt
  end)
  local lease = leases[link]
  local conn, outcome
  if ok then conn, outcome = attempt:take() end
  if conn then
    lease.attempt, leases[link], leases[conn] = nil, nil, lease
    return conn, outcome
  end
  openresty.release(link)
  if not ok then error(err, 0) end
  return nil, outcome
end

--- A place to wait in until woken; see pgvector.wait.
function openresty.turn()
  if not check() then return nil end
  local semaphore = require("ngx.semaphore").new()
  local turn = {}
  function turn.wait(deadline) semaphore:wait(math.max(0, deadline - core.now())) end
  function turn.wake()
    semaphore:post(1)
    return true
  end
  return turn
end

return openresty
