--- Connecting: libpq's steps, and the time that each host may take.
--
-- Before its first step libpq looks up names, without a way to wait for that, and
-- on the way it reads certificates and computes keys. A loop does not have the time
-- for this, so in one a thread connects.
--
-- libpq leaves connect_timeout to whoever connects in steps. As in its own loop
-- it holds for each host. A host that was too slow is left out, and the others
-- are tried once more: which of them will do is libpq's to say.
-- @module pgvector.driver.connect

local core = require "pgvector.core"
local errors = require "pgvector.errors"

local connect = {}

local DEFAULT_PORT = "5432"

-- Takes the steps until the connection stands ("ok") or a host was too slow
-- ("late"); or returns nil and a report.
local function take_steps(pg, waiter, link)
  local limit = tonumber(pg:keyword("connect_timeout"))
  if limit and limit <= 0 then limit = nil end
  -- libpq's rule: behave as if the first poll had answered "write"
  local events, place, deadline = "w", nil, nil
  repeat
    if limit and pg:place() ~= place then
      place, deadline = pg:place(), core.now() + limit
    end
    if not waiter.wait(pg, events, deadline, link) then return "late" end
    local step, report = pg:connect_poll()
    if not step then return nil, report end
    events = step
  until step == "ok"
  return "ok"
end

-- The same in a thread. Whoever ends the link ends the attempt.
local function in_thread(keywords, waiter, link)
  local attempt = core.connect_begin(keywords)
  link.attempt = attempt
  waiter.wait(attempt, "r", nil, link)
  waiter.release(attempt)
  link.attempt = false
  local pg, outcome = attempt:take()
  link.pg = pg or false
  if not pg then return nil, outcome end
  return outcome
end

-- One attempt, which may try several hosts; the connection is the link's at once.
local function attempt_once(keywords, waiter, link)
  if waiter.in_loop and waiter.in_loop() then return in_thread(keywords, waiter, link) end
  local pg, report = core.connect_start(keywords)
  if not pg then return nil, report end
  link.pg = pg
  return take_steps(pg, waiter, link)
end

local function split(text)
  local items = {}
  if text then
    for item in (text .. ","):gmatch("([^,]*),") do items[#items + 1] = item end
  end
  return items
end

-- libpq's lists of hosts, from whatever source, as one sequence.
local function hosts_of(pg)
  local names, addresses, ports = split(pg:keyword("host")), split(pg:keyword("hostaddr")), split(pg:keyword("port"))
  local hosts = {}
  for i = 1, math.max(#names, #addresses, 1) do
    local port = ports[#ports == 1 and 1 or i] or ""
    hosts[i] = { name = names[i] or "", address = addresses[i] or "", port = port ~= "" and port or DEFAULT_PORT }
  end
  return hosts
end

-- The keywords without the host that libpq has just tried; nil if no other is left.
local function without_current(keywords, pg)
  local info = pg:info()
  local names, addresses, ports, found = {}, {}, {}, false
  for _, host in ipairs(hosts_of(pg)) do
    local called = host.name ~= "" and host.name or host.address
    if called == info.host and host.port == info.port and (host.address == "" or host.address == info.hostaddr) then
      found = true
    else
      local i = #names + 1
      names[i], addresses[i], ports[i] = host.name, host.address, host.port
    end
  end
  if not found or #names == 0 then return nil end
  local rest = {}
  for k, v in pairs(keywords) do rest[k] = v end
  rest.host, rest.hostaddr, rest.port = table.concat(names, ","), nil, table.concat(ports, ",")
  local given = table.concat(addresses, ",")
  if given:find("[^,]") then rest.hostaddr = given end
  return rest
end

local function complaint(pg)
  local info = pg:info()
  local address = info.hostaddr and info.hostaddr ~= info.host and (" (%s)"):format(info.hostaddr) or ""
  return ('connection to server at "%s"%s, port %s failed: connection timed out'):format(info.host, address, info.port)
end

--- Connects a link.
-- @tparam table keywords libpq's connection keywords → strings
-- @tparam table waiter see pgvector.wait
-- @tparam Link link gets the core connection as `pg`
-- @raise OperationalError in libpq's words, without the password; TimeoutError if
--   no host answered within connect_timeout
function connect.open(keywords, waiter, link)
  local late = {}
  while true do
    local outcome, report = attempt_once(keywords, waiter, link)
    if outcome == "ok" then return end
    if outcome ~= "late" then
      late[#late + 1] = report.message
      error(errors.new("OperationalError", table.concat(late, "\n"),
        { is_disconnect = true, sqlstate = report.sqlstate }), 0)
    end
    late[#late + 1] = complaint(link.pg)
    keywords = without_current(keywords, link.pg)
    if not keywords then errors.raise("TimeoutError", "%s", table.concat(late, "\n")) end
    link:_forget_connection()
  end
end

return connect
