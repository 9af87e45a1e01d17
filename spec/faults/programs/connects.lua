-- Connects and closes ten thousand times, to a server that is only played, and
-- some hundred times to a real one; see spec/faults/process_spec.lua.

package.path = "./?.lua;" .. package.path
local execute = require "pgvector.driver.execute"
local lfs = require "lfs"
local Link = require "pgvector.driver.link"
local mock = require "spec.support.mock_server"
local pg = require "pgvector"
local core = require "pgvector.core"

local function usage()
  collectgarbage()
  collectgarbage()
  local descriptors = 0
  for _ in lfs.dir "/proc/self/fd" do descriptors = descriptors + 1 end
  local file = io.open "/proc/self/statm"
  local pages = file:read "*a":match "^%d+ (%d+)"
  file:close()
  return descriptors, tonumber(pages) * 4
end

-- Runs fn n times after it has been warmed up: nothing may grow.
local function check(what, n, fn)
  for _ = 1, n / 5 do fn() end
  fn "last"
  local descriptors, kilobytes = usage()
  for _ = 1, n do fn() end
  fn "last"
  local descriptors_after, kilobytes_after = usage()
  assert(descriptors == descriptors_after, ("%s: %d descriptors, then %d"):format(what, descriptors, descriptors_after))
  assert(kilobytes_after - kilobytes < 4096, ("%s: grew by %d KiB"):format(what, kilobytes_after - kilobytes))
end

local server = mock.start(function(peer)
  peer.welcome()
  peer.skip_to "X"
end)
local keywords = core.parse_conninfo(server.url)
local waiter = { wait = server.wait, release = function() end }
check("connect and close", 10000, function() Link.connect(keywords, waiter):close() end)
check("connect and forget", 500, function(last)
  Link.connect(keywords, waiter)
  if not last then return end
  collectgarbage()
  collectgarbage()
  for _ = 1, 3 do Link.connect(keywords, waiter):close() end -- the server notices meanwhile
end)
server.stop()

local refusing = mock.start(function(peer)
  peer.startup()
  peer.send(mock.report("E", { "SFATAL", "VFATAL", "C53300", "Mtoo many" }))
end)
local refusing_keywords = core.parse_conninfo(refusing.url)
check("be refused", 500, function() assert(not pcall(Link.connect, refusing_keywords, { wait = refusing.wait,
  release = function() end })) end)
refusing.stop()

local engine = pg.create_engine(os.getenv "PGVECTOR_URL")
check("use a server", 60, function()
  engine:connect(function(conn) assert(conn:exec_sql("SELECT 1"):scalar() == 1) end)
  engine:dispose()
end)
local link = engine:connect()
execute.simple(link._link, "SELECT 1"):clear()
print "nothing grew"
