-- Requests of a real nginx that talk to a real server.

local db = require "spec.support.db"
local nginx = require "spec.support.nginx"
local socket = require "socket"

local content = {}

content["/vectors"] = [[
engine:connect(function(conn)
  local row = conn:exec_sql("SELECT embedding FROM items ORDER BY embedding <-> $1 LIMIT 1", { pg.vector{ 3, 1, 2 } }):one()
  ngx.say(tostring(row.embedding))
end)]]

content["/error"] = [[
local ok, err = pcall(engine.connect, engine, function(conn) conn:exec_sql "SELECT 1 / 0" end)
ngx.say(tostring(ok), " ", err.class, " ", err.sqlstate)
engine:connect(function(conn) ngx.say(conn:exec_sql("SELECT 2"):scalar()) end)]]

content["/commit"] = [[
engine:begin(function(conn)
  conn:exec_sql "INSERT INTO notes VALUES ('kept')"
  conn:exec_sql "SELECT pg_sleep(0.01)"
  conn:exec_sql "INSERT INTO notes VALUES ('kept too')"
end)
ngx.say "ok"]]

content["/rollback"] = [[
local ok, err = pcall(engine.begin, engine, function(conn)
  conn:exec_sql "INSERT INTO notes VALUES ('lost')"
  conn:exec_sql "SELECT pg_sleep(0.01)"
  error "no"
end)
ngx.say(tostring(ok), " ", (err:gsub("^.*: ", "")))]]

content["/sleep"] = [[
engine:connect(function(conn) conn:exec_sql "SELECT pg_sleep(0.3)" end)
ngx.say "slept"]]

content["/canary"] = [[ngx.say "alive"]]

content["/long"] = [[
engine:connect(function(conn) conn:exec_sql "SELECT pg_sleep(60) AS long_query" end)]]

content["/idle-in-transaction"] = [[
engine:begin(function(conn)
  conn:exec_sql "SELECT 1 AS idle_query"
  ngx.sleep(60)
end)]]

content["/forgotten"] = [[
local conn = engine:connect()
conn:exec_sql "SELECT 1 AS forgotten_query"
ngx.say "left open"]]

content["/shared"] = [[
shared = shared or engine:connect()
ngx.say(shared:exec_sql("SELECT 5"):scalar())]]

content["/copy"] = [[
engine:begin(function(conn)
  ngx.say(conn:copy_in("items", { "id", "embedding" }, function(copy)
    for i = 1, 20000 do copy:write_row(i + 1000, pg.vector{ i, i, i }) end
  end))
  conn:rollback()
end)]]

content["/big"] = [[
engine:connect(function(conn)
  local result = conn:exec_sql "SELECT i, repeat('x', 1000) AS text FROM generate_series(1, 20000) AS i"
  local bytes = 0
  for row in result do bytes = bytes + #row.text end
  ngx.say(bytes)
end)]]

content["/both"] = [[
local function nap() return engine:connect(function(conn) return conn:exec_sql("SELECT pg_sleep(0.3), 7"):one()[2] end) end
local started = require("pgvector.core").now()
local a, b = ngx.thread.spawn(nap), ngx.thread.spawn(nap)
local _, first = ngx.thread.wait(a)
local _, second = ngx.thread.wait(b)
ngx.say(first + second, " ", require("pgvector.core").now() - started < 0.55 and "together" or "one by one")]]

content["/killed"] = [[
local conn = engine:connect()
local nap = ngx.thread.spawn(function() conn:exec_sql "SELECT pg_sleep(60) AS killed_query" end)
ngx.thread.kill(nap)
conn:close()
engine:connect(function(other) ngx.say(other:exec_sql("SELECT 6"):scalar()) end)]]

content["/unreachable"] = [[
local nowhere = pg.create_engine "postgresql:///x?host=/nonexistent"
local ok, err = pcall(nowhere.connect, nowhere)
ngx.say(err.class, " ", tostring(err.is_disconnect), " ", tostring(nowhere:pool_status().checked_out))]]

content["/deaf"] = [[
local port = ngx.var.arg_port
local deaf = pg.create_engine("postgresql://127.0.0.1:" .. port .. "/x?connect_timeout=0.3")
local _, err = pcall(deaf.connect, deaf)
ngx.say(err.class, ": ", (err.message:gsub("%d%d%d%d+", "N")))
local keywords = { host = "127.0.0.1," .. engine._keywords.host, port = port .. "," .. engine._keywords.port,
  connect_timeout = 0.3 }
local other = pg.create_engine(os.getenv "PGVECTOR_URL", { connect_args = keywords })
other:connect(function(conn) ngx.say(conn:exec_sql("SELECT 5"):scalar()) end)
other:dispose()]]

content["/cancel"] = [[
engine:connect(function(conn)
  conn:exec_sql "SELECT 1"
  local nap = ngx.thread.spawn(function() return pg.try(conn.exec_sql, conn, "SELECT pg_sleep(60) AS cancelled_query") end)
  repeat
    ngx.sleep(0.05)
    local running = engine:connect(function(other)
      return other:exec_sql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%AS cancelled_query' AND state = 'active'"):scalar()
    end)
  until running > 0
  ngx.say(tostring(conn:cancel()))
  local _, _, err = ngx.thread.wait(nap)
  ngx.say(err.name)
  conn:rollback()
  ngx.say(conn:exec_sql("SELECT 4"):scalar())
end)]]

content["/full"] = [[
local small = pg.create_engine(os.getenv "PGVECTOR_URL", { pool_size = 1, max_overflow = 0, pool_timeout = 0.1 })
local conn = small:connect()
local ok, err = pcall(small.connect, small)
ngx.say(err.class)
conn:close()
small:connect(function(other) ngx.say(other:exec_sql("SELECT 8"):scalar()) end)
small:dispose()]]

content["/queue"] = [[
local small = pg.create_engine(os.getenv "PGVECTOR_URL", { pool_size = 1, max_overflow = 0 })
local function nap() return small:connect(function(conn) return conn:exec_sql("SELECT pg_sleep(0.1), 9"):one()[2] end) end
local sum, threads = 0, {}
for i = 1, 4 do threads[i] = ngx.thread.spawn(nap) end
for i = 1, 4 do
  local _, value = ngx.thread.wait(threads[i])
  sum = sum + value
end
ngx.say(sum, " over ", small:pool_status().checked_in)
small:dispose()]]

content["/status"] = [[
local status = engine:pool_status()
ngx.say(status.checked_out, " out, ", status.checked_in <= 40 and "at most" or "more than", " 40 in")]]

content["/descriptors"] = [[
collectgarbage()
local list = io.popen "ls /proc/$PPID/fd | wc -l"
ngx.say(list:read "*n")
list:close()]]

local http = [[
init_by_lua_block {
  pg = require "pgvector"
  engine = pg.create_engine(os.getenv "PGVECTOR_URL", { pool_size = 40 })
}]]

describe("requests of nginx #programs #nginx", function()
  local server, url, drop, watch

  setup(function()
    url, drop = db.create()
    watch = db.watch(url)
    db.psql([[CREATE TABLE items (id bigint PRIMARY KEY, embedding vector(3));
      INSERT INTO items VALUES (1, '[1,1,1]'), (2, '[3,1,2]');
      CREATE TABLE notes (body text)]], url)
    server = nginx.start{ url = url, http = http, content = content }
  end)
  teardown(function()
    server.stop()
    drop()
  end)

  it("pass over a host that does not answer, after connect_timeout", function()
    local deaf = assert(socket.bind("127.0.0.1", 0)) -- the system accepts, nobody reads
    local answer = server.get("/deaf?port=" .. select(2, deaf:getsockname()))
    deaf:close()
    assert.equal('TimeoutError: connection to server at "127.0.0.1", port N failed: connection timed out\n5', answer)
  end)

  it("can cancel what another light thread does", function()
    assert.equal("true\nquery_canceled\n4", server.get "/cancel")
  end)

  it("read vectors", function()
    assert.equal("[3,1,2]", server.get "/vectors")
  end)

  it("get errors with SQLSTATE, and go on", function()
    assert.equal("false DataError 22012\n2", server.get "/error")
  end)

  it("keep a transaction across statements", function()
    assert.equal("ok", server.get "/commit")
    assert.equal("kept\nkept too", db.psql("SELECT body FROM notes ORDER BY body", url))
  end)

  it("roll back when the function raises", function()
    assert.equal("false no", server.get "/rollback")
    assert.equal("0", db.psql("SELECT count(*) FROM notes WHERE body = 'lost'", url))
  end)

  it("wait side by side", function()
    server.get_many("/sleep", 32) -- opens the connections
    local bodies, seconds = server.get_many("/sleep", 32)
    for _, body in ipairs(bodies) do assert.equal("slept\n", body) end
    assert.is_true(seconds < 5, ("32 times 0.3 s took %.2f s"):format(seconds))
  end)

  it("do not hold up requests that need no database", function()
    server.start_request("/long", 2)
    assert.is_true(watch.comes_to(1, "state = 'active' AND query LIKE '%long_query%'"))
    local _, seconds = server.get_many("/canary", 5)
    assert.is_true(seconds < 1, ("a canary took %.2f s"):format(seconds))
    assert.is_true(watch.comes_to(0, "state = 'active' AND query LIKE '%long_query%'"))
  end)

  it("use connections of light threads side by side", function()
    server.get "/both"
    assert.equal("14 together", server.get "/both")
  end)

  it("load rows with COPY", function()
    assert.equal("20000", server.get "/copy")
  end)

  it("read big results", function()
    assert.equal("20000000", server.get "/big")
  end)

  it("share the connections of the worker", function()
    for _, body in ipairs((server.get_many("/vectors", 45))) do assert.equal("[3,1,2]\n", body) end
    assert.equal("0 out, at most 40 in", server.get "/status")
  end)

  describe("that die", function()
    it("free the server's process and their place in the pool", function()
      server.start_request "/long"
      assert.is_true(watch.comes_to(1, "state = 'active' AND query LIKE '%long_query%'"))
      server.abort_request()
      assert.is_true(watch.comes_to(0, "query LIKE '%long_query%'"))
      assert.equal("0 out, at most 40 in", server.get "/status")
    end)

    it("leave no transaction open, though they did not wait for the server", function()
      server.start_request "/idle-in-transaction"
      assert.is_true(watch.comes_to(1, "state = 'idle in transaction' AND query LIKE '%idle_query%'"))
      server.abort_request()
      assert.is_true(watch.comes_to(0, "state = 'idle in transaction'"))
      assert.equal("0 out, at most 40 in", server.get "/status")
    end)

    it("do not use up descriptors or connections", function()
      for _ = 1, 3 do
        server.start_request("/long", nil, 20)
        assert.is_true(watch.comes_to(20, "state = 'active' AND query LIKE '%long_query%'"))
        server.abort_request()
        assert.is_true(watch.comes_to(0, "state = 'active' AND query LIKE '%long_query%'"))
      end
      assert.equal("0 out, at most 40 in", server.get "/status")
      assert.is_true(tonumber(server.get "/descriptors") < 100)
    end)

    it("leave the next user of a killed light thread's connection alone", function()
      assert.equal("6", server.get "/killed")
      assert.is_true(watch.comes_to(0, "query LIKE '%killed_query%'"))
    end)
  end)

  it("give back what they forgot to close", function()
    assert.equal("left open", server.get "/forgotten")
    assert.is_true(watch.comes_to(0, "query LIKE '%forgotten_query%' AND state = 'idle in transaction'"))
    assert.equal("0 out, at most 40 in", server.get "/status")
  end)

  it("cannot use a connection of a request that has ended", function()
    assert.equal("5", server.get "/shared")
    os.execute "sleep 0.5"
    assert.is_false((pcall(server.get, "/shared")))
    assert.equal("0 out, at most 40 in", server.get "/status")
  end)

  it("learn that a server cannot be reached", function()
    assert.equal("OperationalError true 0", server.get "/unreachable")
  end)

  it("get TimeoutError when the pool is exhausted", function()
    assert.equal("TimeoutError\n8", server.get "/full")
  end)

  it("queue up for a connection", function()
    assert.equal("36 over 1", server.get "/queue")
  end)

  it("left nothing in nginx's log but the one error of the spec", function()
    local _, errors = server.log():gsub("%[error%]", "")
    assert.equal(1, errors, server.log():sub(-6000))
    assert.is_nil(server.log():match "%[alert%]" or server.log():match "%[crit%]")
  end)
end)
