-- Requests a second of one nginx worker: through the readiness bridge, and with
-- libpq blocking the worker. Ten rows with vectors(384) for 16 clients, where
-- the server is the limit; and 32 clients who each wait 0.1 s, where waiting is.
-- pgmoon is no peer here: Debian does not package it.

local core = require "pgvector.core"
local nginx = require "spec.support.nginx"

local http = [[
init_by_lua_block {
  pg = require "pgvector"
  bridge = pg.create_engine(os.getenv "PGVECTOR_URL", { pool_size = 40, wait = "openresty" })
  blocking = pg.create_engine(os.getenv "PGVECTOR_URL", { pool_size = 40, wait = "blocking" })
}]]

local rows = [[
%s:connect(function(conn)
  local n = 0
  for row in conn:exec_sql "SELECT id, embedding FROM openresty_bench" do n = n + row.embedding:dims() end
  ngx.say(n)
end)]]
local nap = [[%s:connect(function(conn) conn:exec_sql "SELECT pg_sleep(0.1)" end)]]

local content = {}
for _, name in ipairs{ "bridge", "blocking" } do
  content["/rows/" .. name] = rows:format(name)
  content["/nap/" .. name] = nap:format(name)
end

-- Seconds for so many requests of each client, one after the other on its
-- connection.
local function seconds(server, path, clients, requests)
  local started = core.now()
  os.execute(("for i in $(seq %d); do curl -sf -o /dev/null --unix-socket %s/http.sock 'http://localhost%s?[1-%d]' & "
    .. "done; wait"):format(clients, server.directory, path, requests))
  return core.now() - started
end

-- Requests a second, without the time that the clients take to start.
local function rate(server, path, clients, requests)
  seconds(server, path, clients, 1) -- opens the connections
  local few = seconds(server, path, clients, 1)
  return clients * requests / (seconds(server, path, clients, requests + 1) - few)
end

local function row(what, clients, unit, requests, server)
  local ours = rate(server, unit .. "bridge", clients, requests.bridge)
  local peer = rate(server, unit .. "blocking", clients, requests.blocking)
  print(("| %s | nginx | %.0f/s | %.0f/s blocking | %.2f | | |"):format(what, ours, peer, ours / peer))
end

local engine = require("pgvector").create_engine(os.getenv "PGVECTOR_URL")
engine:begin(function(conn)
  conn:exec_sql "DROP TABLE IF EXISTS openresty_bench"
  conn:exec_sql "CREATE TABLE openresty_bench (id bigint PRIMARY KEY, embedding vector(384))"
  conn:exec_sql [[INSERT INTO openresty_bench SELECT i,
    (SELECT array_agg(sin(i * j)) FROM generate_series(1, 384) AS j)::vector FROM generate_series(1, 10) AS i]]
end)

local server = nginx.start{ url = os.getenv "PGVECTOR_URL", http = http, content = content }
local ok, failure = pcall(function()
  row("10 rows with vector(384), 16 clients", 16, "/rows/", { bridge = 200, blocking = 200 }, server)
  row("pg_sleep(0.1), 32 clients", 32, "/nap/", { bridge = 20, blocking = 1 }, server)
end)
server.stop()
engine:begin(function(conn) conn:exec_sql "DROP TABLE openresty_bench" end)
engine:dispose()
assert(ok, failure)
