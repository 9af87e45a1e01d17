-- The process of a proxy, see spec/support/proxy.lua: connects everybody who
-- comes to a TCP port with the server's socket, and does to the bytes what it
-- is told. Arguments: the server's Unix socket. It prints its two ports, that
-- of clients and that of commands, and ends when the latter's connection does.

local uv = require "luv"

local target = ...

local pairs_ = {}          -- the connections: a client and the server each
local mode = { name = "pass" }
local left                 -- bytes of the server until `ending` happens to its client
local ending
local count = 0            -- connections so far

local function close(handle, with_reset)
  if handle:is_closing() then return end
  if with_reset then handle:close_reset() else handle:close() end
end

local function finish(pair, with_reset)
  pairs_[pair] = nil
  close(pair.client, with_reset)
  close(pair.server)
end

local function finish_all(with_reset)
  for pair in pairs(pairs_) do finish(pair, with_reset) end
end

-- Passes a chunk on and then reads the next one: memory stays bounded.
local forward

local function read(side)
  if side.reading or side.from:is_closing() then return end
  side.reading = true
  side.from:read_start(function(err, chunk)
    if err or not chunk then return finish(side.pair, err) end
    side.from:read_stop()
    side.reading = false
    forward(side, chunk)
  end)
end

local function write(side, chunk, done)
  if side.to:is_closing() then return end
  side.to:write(chunk, function(err) if not err then done() end end)
end

local function write_bytes(side, chunk, i)
  if i > #chunk or mode.name ~= "trickle" then
    local rest = chunk:sub(i)
    if rest == "" then return read(side) end
    return write(side, rest, function() read(side) end)
  end
  write(side, chunk:sub(i, i), function() write_bytes(side, chunk, i + 1) end)
end

local function later(ms, fn)
  local timer = uv.new_timer()
  timer:start(ms, 0, function()
    timer:close()
    fn()
  end)
end

function forward(side, chunk)
  if mode.name == "stall" then
    side.held = chunk
    return
  end
  if left and side.to == side.pair.client then
    if #chunk >= left then
      local part, pair, reset = chunk:sub(1, left), side.pair, ending == "reset"
      left = nil
      if #part == 0 then return finish(pair, reset) end
      return write(side, part, function() finish(pair, reset) end)
    end
    left = left - #chunk
  end
  if mode.name == "trickle" then return write_bytes(side, chunk, 1) end
  if mode.name == "delay" then
    return later(mode.n, function() write(side, chunk, function() read(side) end) end)
  end
  write(side, chunk, function() read(side) end)
end

local function resume(side)
  local chunk = side.held
  side.held = nil
  if chunk then forward(side, chunk) else read(side) end
end

local function accept(listener)
  local client, server = uv.new_tcp(), uv.new_pipe(false)
  listener:accept(client)
  client:nodelay(true)
  count = count + 1
  local pair = { client = client, server = server }
  pair.up = { pair = pair, from = client, to = server }
  pair.down = { pair = pair, from = server, to = client }
  pairs_[pair] = true
  if mode.name == "refuse" then return finish(pair) end
  server:connect(target, function(err)
    if err then return finish(pair) end
    read(pair.up)
    read(pair.down)
  end)
end

local function bind(on_connection)
  local listener = uv.new_tcp()
  assert(listener:bind("127.0.0.1", 0))
  assert(listener:listen(128, function(err)
    assert(not err, err)
    on_connection(listener)
  end))
  return listener, listener:getsockname().port
end

local commands = {}

-- Modes: they hold for the connections that are there, and for new ones.
for _, name in ipairs{ "pass", "stall", "trickle", "refuse", "delay" } do
  commands[name] = function(n)
    local was_stalled = mode.name == "stall"
    mode = { name = name, n = n }
    if not was_stalled or name == "stall" then return end
    for pair in pairs(pairs_) do
      resume(pair.up)
      resume(pair.down)
    end
  end
end

-- Events: they happen to the connections that are there.
function commands.cut() finish_all(false) end
function commands.reset() finish_all(true) end
function commands.cut_after(n) left, ending = n, "cut" end
function commands.reset_after(n) left, ending = n, "reset" end

function commands.open()
  local n = 0
  for _ in pairs(pairs_) do n = n + 1 end
  return n
end
function commands.count() return count end

local _, port = bind(accept)
local _, control_port = bind(function(listener)
  local control, rest = uv.new_tcp(), ""
  listener:accept(control)
  control:read_start(function(err, chunk)
    if err or not chunk then os.exit(0) end
    rest = rest .. chunk
    rest = rest:gsub("(%S+) ?(%d*)\n", function(name, n)
      local answer = commands[name](tonumber(n))
      control:write(tostring(answer or "ok") .. "\n")
      return ""
    end)
  end)
end)

io.stdout:write(port, " ", control_port, "\n")
io.stdout:flush()
uv.run()
