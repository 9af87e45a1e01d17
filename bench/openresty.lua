-- One nginx worker: requests a second next to libpq blocking the worker and next
-- to pgmoon, and the longest time that the worker did nothing else.
--
-- Debian does not package pgmoon. It is compared with if PGMOON_PATH is a Lua path
-- that finds it and the rock `pgvector` that reads its vectors, for example
--
--     luarocks --lua-version 5.1 --tree DIR install pgmoon
--     luarocks --lua-version 5.1 --tree DIR install pgvector
--     PGMOON_PATH="DIR/share/lua/5.1/?.lua;DIR/share/lua/5.1/?/init.lua" bench/run openresty
--
-- (a checkout of each will do as well). It speaks to the server through the same
-- Unix socket; the server must let it in without a password.
--
-- The longest times are of a timer that sleeps for a millisecond again and again,
-- so that everything above that is somebody else's. A busy machine makes any
-- process wait: the CPU time of the process in the longest one tells more then.

local core = require "pgvector.core"
local measure = require "bench.support.measure"
local nginx = require "spec.support.nginx"

-- nginx has its own interpreter: once is enough
-- luacheck: read globals jit
if jit and not os.getenv "LUAS" then return end

local url = os.getenv "PGVECTOR_URL"
local port = 20000 + math.floor(core.now() * 1000) % 20000

local http = [[
init_by_lua_block {
  pg = require "pgvector"
  core = require "pgvector.core"
  local url = os.getenv "PGVECTOR_URL"
  bridge = pg.create_engine(url, { pool_size = 40, wait = "openresty" })
  blocking = pg.create_engine(url, { pool_size = 40, wait = "blocking" })
  local path = os.getenv "PGMOON_PATH"
  if path then
    package.path = package.path .. ";" .. path
    pgmoon = require "pgmoon"
    text = assert(loadfile(assert(package.searchpath("pgvector", path))))()
    local keywords = core.parse_conninfo(url)
    moon = {
      socket_path = ("%s/.s.PGSQL.%s"):format(keywords.host, keywords.port or 5432),
      user = keywords.user, database = keywords.dbname,
    }
  end
}
init_worker_by_lua_block {
  longest = { wall = 0, cpu = 0 }
  ngx.timer.at(0, function()
    while not ngx.worker.exiting() do
      local wall, cpu = core.now(), os.clock()
      ngx.sleep(0.001)
      wall, cpu = core.now() - wall, os.clock() - cpu
      if wall > longest.wall then longest.wall = wall end
      if cpu > longest.cpu then longest.cpu = cpu end
    end
  end)
}]]

local content = {
  ["/rows/pgmoon"] = [[
local db = pgmoon.new(moon)
assert(db:connect())
local n = 0
for _, row in ipairs(assert(db:query "SELECT id, embedding FROM openresty_bench")) do
  n = n + #text.deserialize(row.embedding)
end
db:keepalive()
ngx.say(n)]],
  ["/longest"] = [[
ngx.say(longest.wall, " ", longest.cpu)
longest = { wall = 0, cpu = 0 }]],
  ["/stream"] = [[
bridge:connect(function(conn)
  conn:execution_options{ yield_per = 100 }
  local n = 0
  for row in conn:exec_sql "SELECT i, embedding FROM openresty_big" do n = n + row.embedding:dims() end
  ngx.say(n)
end)]],
  ["/all"] = [[
bridge:connect(function(conn) ngx.say(#conn:exec_sql("SELECT i, embedding FROM openresty_big"):all()) end)]],
  ["/copy"] = [[
bridge:connect(function(conn)
  local numbers = {}
  for i = 1, 1536 do numbers[i] = i / 7 end
  conn:exec_sql "CREATE TEMPORARY TABLE loaded (i integer, embedding vector(1536)) ON COMMIT DROP"
  ngx.say(conn:copy_in("loaded", { "i", "embedding" }, function(copy)
    for i = 1, 5000 do copy:write_row(i, numbers) end
  end))
end)]],
  ["/pipeline"] = [[
bridge:connect(function(conn)
  conn:pipeline(function(pipeline)
    for i = 1, 5000 do pipeline:exec_sql("SELECT $1::int * 2", { i }) end
  end)
  ngx.say "done"
end)]],
  ["/connect"] = [[
for _ = 1, 10 do
  local engine = pg.create_engine(os.getenv "PGVECTOR_URL", { wait = "openresty" })
  engine:connect(function(conn) conn:exec_sql "SELECT 1" end)
  engine:dispose()
end
ngx.say "done"]],
  ["/cancel"] = [[
bridge:connect(function(conn)
  conn:execution_options{ isolation_level = "AUTOCOMMIT", timeout = 0.02 }
  for _ = 1, 10 do pcall(conn.exec_sql, conn, "SELECT pg_sleep(60)") end
end)
ngx.say "done"]],
}
for _, name in ipairs{ "bridge", "blocking" } do
  content["/rows/" .. name] = ([[
%s:connect(function(conn)
  local n = 0
  for row in conn:exec_sql "SELECT id, embedding FROM openresty_bench" do n = n + row.embedding:dims() end
  ngx.say(n)
end)]]):format(name)
  content["/nap/" .. name] = ([[%s:connect(function(conn) conn:exec_sql "SELECT pg_sleep(0.1)" end)]]):format(name)
end

local function row(fields)
  fields.on = "nginx"
  measure.row(fields)
end

---- requests a second ----------------------------------------------------------

local function rate(path, clients)
  local pipe = assert(io.popen(("wrk -t1 -c%d -d2s http://127.0.0.1:%d%s 2>&1"):format(clients, port, path)))
  local output = pipe:read "*a"
  pipe:close()
  if output:find "Non%-2xx" then error(path .. " failed:\n" .. output, 0) end
  return tonumber(output:match "Requests/sec:%s*([%d.]+)") or error("wrk: " .. output, 0)
end

local function compare(name, clients, ours, peer, peer_name, target)
  local rates, peers, ratios = {}, {}, {}
  for round = 0, tonumber(os.getenv "ROUNDS" or 7) do -- round 0 opens connections
    rates[round] = rate(ours, clients)
    peers[round] = rate(peer, clients)
    ratios[round] = rates[round] / peers[round]
  end
  local ratio = measure.median(ratios)
  row{
    name = name, ours = ("%.0f/s"):format(measure.median(rates)),
    peer = ("%.0f/s %s"):format(measure.median(peers), peer_name),
    ratio = ratio, target = ("≥ %.2f"):format(target), met = ratio >= target,
  }
end

local function compare_rates()
  local rows = "10 rows with vector(384), 16 clients"
  compare(rows, 16, "/rows/bridge", "/rows/blocking", "blocking", 1)
  if os.getenv "PGMOON_PATH" then compare(rows, 16, "/rows/bridge", "/rows/pgmoon", "pgmoon", 1.5) end
  local naps = measure.repeated(function() return rate("/nap/bridge", 32) end)
  row{ name = "pg_sleep(0.1), 32 clients", ours = ("%.0f/s"):format(naps), target = "≥ 280/s", met = naps >= 280 }
end

---- the longest time --------------------------------------------------------------

local function show_longest(server, name, path, target)
  local function longest() return server.get("/longest"):match "(%S+) (%S+)" end
  if path then server.get(path) end -- opens connections, discovers types
  longest()
  if path then
    for _ = 1, 3 do server.get(path) end
  else
    os.execute "sleep 1"
  end
  local wall, cpu = longest()
  row{
    name = "longest time without a turn: " .. name, ours = measure.wall_and_cpu(tonumber(wall), tonumber(cpu)),
    target = target and "≤ 10 ms", met = target and tonumber(wall) <= 0.01,
  }
end

local function show_times(server)
  show_longest(server, "nothing to do", nil)
  show_longest(server, "reading 10,000 × 1,536, streamed", "/stream", true)
  show_longest(server, "reading 10,000 × 1,536 at once", "/all")
  show_longest(server, "COPY of 5,000 × 1,536 from Lua tables", "/copy", true)
  show_longest(server, "5,000 statements in a pipeline", "/pipeline", true)
  show_longest(server, "connecting", "/connect", true)
  show_longest(server, "cancelling", "/cancel", true)
end

local engine = require("pgvector").create_engine(url)
engine:begin(function(conn)
  conn:exec_sql "DROP TABLE IF EXISTS openresty_bench, openresty_big"
  conn:exec_sql "CREATE TABLE openresty_bench (id bigint PRIMARY KEY, embedding vector(384))"
  conn:exec_sql [[INSERT INTO openresty_bench SELECT i,
    (SELECT array_agg(sin(i * j)) FROM generate_series(1, 384) AS j)::vector FROM generate_series(1, 10) AS i]]
  conn:exec_sql [[CREATE UNLOGGED TABLE openresty_big AS SELECT i, embedding
    FROM (SELECT array_agg(sin(j))::vector(1536) AS embedding FROM generate_series(1, 1536) AS j) AS v,
      generate_series(1, 10000) AS i]]
end)

local server = nginx.start{
  url = url, http = http, content = content, server = ("listen 127.0.0.1:%d;"):format(port),
}
local ok, failure = pcall(function()
  compare_rates()
  show_times(server)
end)
server.stop()
engine:begin(function(conn) conn:exec_sql "DROP TABLE openresty_bench, openresty_big" end)
engine:dispose()
assert(ok, failure)
