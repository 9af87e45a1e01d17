--- A PostgreSQL server whose every word a spec writes, in this very process:
-- it works while its client waits.
--
--     local server = mock.start(function(peer)
--       peer.welcome()
--       peer.message()
--       peer.send(mock.message("C", "SELECT 1\0"))
--     end)
--     local engine = pg.create_engine(server.url, { wait = server.wait })
--
-- The function runs for each connection; its end closes that. No conversation
-- may hang: a client that waits for 10 seconds gets an error; with
-- `server.patience` set, the server closes after so many seconds of silence.

local core = require "pgvector.core"
local lfs = require "lfs"
local unix = require "socket.unix"

local mock = {}

local unix_stream = type(unix) == "table" and unix.stream or unix

local GONE = {} -- raised in a conversation whose client has left

---- bytes ----------------------------------------------------------------------------

local function big_endian(n, width)
  local bytes = {}
  for i = width, 1, -1 do
    bytes[i] = string.char(n % 256)
    n = math.floor(n / 256)
  end
  return table.concat(bytes)
end

function mock.int32(n) return big_endian(n, 4) end
function mock.int16(n) return big_endian(n, 2) end

local function number(bytes)
  local n = 0
  for i = 1, #bytes do n = n * 256 + bytes:byte(i) end
  return n
end

--- A message with its length; another one may be claimed.
function mock.message(kind, body, length)
  return kind .. mock.int32(length or #body + 4) .. body
end

local message, int32, int16 = mock.message, mock.int32, mock.int16

mock.ready = message("Z", "I")

local parameters = {
  { "server_version", "15.0" }, { "client_encoding", "UTF8" }, { "DateStyle", "ISO, MDY" },
  { "IntervalStyle", "postgres" }, { "TimeZone", "UTC" }, { "standard_conforming_strings", "on" },
  { "integer_datetimes", "on" },
}

-- What a server says to whoever may come in.
local function greeting()
  local parts = { message("R", int32(0)) }
  for _, parameter in ipairs(parameters) do
    parts[#parts + 1] = message("S", parameter[1] .. "\0" .. parameter[2] .. "\0")
  end
  parts[#parts + 1] = message("K", int32(1) .. int32(2))
  parts[#parts + 1] = mock.ready
  return table.concat(parts)
end
mock.greeting = greeting()

--- The description of text columns.
function mock.description(...)
  local names = { ... }
  local parts = { int16(#names) }
  for _, name in ipairs(names) do
    parts[#parts + 1] = name .. "\0" .. int32(0) .. int16(0) .. int32(25) .. int16(65535) .. int32(2 ^ 32 - 1) .. int16(0)
  end
  return message("T", table.concat(parts))
end

--- A row of texts.
function mock.row(...)
  local values = { ... }
  local parts = { int16(#values) }
  for _, value in ipairs(values) do parts[#parts + 1] = int32(#value) .. value end
  return message("D", table.concat(parts))
end

--- An error or a notice: fields by their letters.
function mock.report(kind, fields)
  local parts = {}
  for _, field in ipairs(fields) do parts[#parts + 1] = field .. "\0" end
  return message(kind, table.concat(parts) .. "\0")
end

---- conversations ----------------------------------------------------------------------

local function new_peer(client)
  local peer, buffer = {}, ""
  function peer.send(bytes)
    local from = 1
    while from <= #bytes do
      local last, err, partial = client:send(bytes, from)
      if err and err ~= "timeout" then error(GONE, 0) end
      from = (last or partial or from - 1) + 1
      if from <= #bytes then coroutine.yield() end
    end
  end
  function peer.receive(n)
    while #buffer < n do
      local data, err, partial = client:receive(n - #buffer)
      data = data or partial
      if data == "" and err == "closed" then error(GONE, 0) end
      if data == "" then coroutine.yield() else buffer = buffer .. data end
    end
    local bytes = buffer:sub(1, n)
    buffer = buffer:sub(n + 1)
    return bytes
  end
  --- The next message: its kind and its body.
  function peer.message()
    local head = peer.receive(5)
    return head:sub(1, 1), peer.receive(number(head:sub(2)) - 4)
  end
  --- Messages up to one of that kind.
  function peer.skip_to(kind)
    repeat local got = peer.message() until got == kind
  end
  --- The packet that a client begins with.
  function peer.startup()
    return peer.receive(number(peer.receive(4)) - 4)
  end
  function peer.welcome()
    peer.startup()
    peer.send(mock.greeting)
  end
  return peer
end

--- Starts a server.
-- @tparam function script called with a peer for each connection
-- @treturn table `url`; `wait`, how its client waits; `stop()`; see above
function mock.start(script)
  local directory = os.tmpname()
  os.remove(directory)
  assert(lfs.mkdir(directory))
  local path = directory .. "/.s.PGSQL.5432"
  local listener = assert(unix_stream())
  assert(listener:bind(path))
  assert(listener:listen(64))
  listener:settimeout(0)

  local conversations = {}
  local self = {
    url = ("postgresql://tester@/mock?host=%s"):format(directory),
  }

  local function accept()
    local client = listener:accept()
    if not client then return end
    client:settimeout(0)
    local peer = new_peer(client)
    conversations[#conversations + 1] = {
      client = client, co = coroutine.create(function() script(peer) end),
    }
  end

  local function step()
    accept()
    for i = #conversations, 1, -1 do
      local one = conversations[i]
      local ok, err = coroutine.resume(one.co)
      if coroutine.status(one.co) == "dead" then
        one.client:close()
        table.remove(conversations, i)
        if not ok and err ~= GONE then error(debug.traceback(one.co, tostring(err)), 0) end
      end
    end
  end

  local function close_all()
    for _, one in ipairs(conversations) do one.client:close() end
    conversations = {}
  end

  function self.wait(conn, events, deadline)
    local limit = core.now() + (self.patience or 10)
    local pause = 0
    while true do
      step()
      local ready = core.poll(conn:socket(), events, pause)
      if ready then return ready end
      local now = core.now()
      if deadline and now >= deadline then return nil end
      if now >= limit then
        if not self.patience then error("neither side has anything more to say", 0) end
        close_all()
      end
      pause = 1
    end
  end

  function self.stop()
    close_all()
    listener:close()
    os.remove(path)
    lfs.rmdir(directory)
  end
  return self
end

return mock
