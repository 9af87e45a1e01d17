-- Workers that end, in every way, while queries are in flight.

local db = require "spec.support.db"
local nginx = require "spec.support.nginx"

local http = [[
init_by_lua_block {
  pg = require "pgvector"
  engine = pg.create_engine(os.getenv "PGVECTOR_URL", { pool_size = 40 })
}]]

local content = {
  ["/nap"] = [[
engine:connect(function(conn) conn:exec_sql "SELECT pg_sleep(0.5)" end)
ngx.say "slept"]],
  ["/doze"] = [[engine:connect(function(conn) conn:exec_sql "SELECT pg_sleep(2)" end)]],
  ["/long"] = [[engine:connect(function(conn) conn:exec_sql "SELECT pg_sleep(60) AS long_query" end)]],
  ["/connect"] = [[
local conn = pg.create_engine(os.getenv "PGVECTOR_URL"):connect()
ngx.say(conn:exec_sql("SELECT 1"):scalar())
conn:close()]],
  ["/pid"] = [[engine:connect(function(conn) ngx.say(conn:exec_sql("SELECT pg_backend_pid()"):scalar()) end)]],
  ["/inherited"] = [[
ngx.say(inherited, " ", engine:connect(function(conn) return conn:exec_sql("SELECT pg_backend_pid()"):scalar() end))]],
  ["/child"] = [[
local conn = engine:connect()
local pid = conn:exec_sql("SELECT pg_backend_pid()"):scalar()
for _ = 1, 20 do
  local child = io.popen "true"
  child:read "*a"
  child:close()
end
ngx.say(conn:exec_sql("SELECT pg_backend_pid()"):scalar() == pid and "undisturbed" or "another")
conn:close()]],
  ["/directory"] = [[ngx.say((require("pgvector.core").bridge.address():match "^(.*)/"))]],
}

describe("a worker of nginx #programs #nginx", function()
  local url, drop, server, watch

  setup(function()
    url, drop = db.create()
    watch = db.watch(url)
  end)
  teardown(function() drop() end)

  local function start(more)
    server = nginx.start{ url = url, http = (more or "") .. http, content = content }
    return server
  end

  it("finishes its requests when it is reloaded", function()
    start()
    server.get "/nap"
    local first = server.worker()
    os.execute(("(sleep 0.2; PATH=$PATH:/usr/sbin nginx -p %s -c nginx.conf -e error.log -s reload 2>/dev/null) &")
      :format(server.directory))
    local bodies = server.get_many("/nap", 16)
    for _, body in ipairs(bodies) do assert.equal("slept\n", body) end
    for _ = 1, 60 do
      if os.execute("kill -0 " .. first .. " 2>/dev/null") ~= true then break end
      os.execute "sleep 0.05"
    end
    assert.equal("slept", server.get "/nap")
    server.stop()
  end)

  for _, signal in ipairs{ "stop", "quit" } do
    it("survives " .. signal .. " with queries in flight", function()
      start()
      for _ = 1, 8 do server.start_request(signal == "stop" and "/long" or "/doze") end
      for _ = 1, 8 do server.start_request "/connect" end
      assert.is_true(watch.comes_to(8, "state = 'active'"))
      server.signal(signal)
      server.wait_until_gone()
      assert.is_true(watch.comes_to(0, "state = 'idle'"))
      server.stop()
      db.psql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE '%long_query%' "
        .. "AND pid <> pg_backend_pid()", url)
    end)
  end

  it("is replaced when it is killed", function()
    start()
    local pid, worker = server.get "/pid", server.worker()
    server.start_request("/long", 5, 4)
    assert.is_true(watch.comes_to(4, "state = 'active'"))
    os.execute("kill -KILL " .. worker)
    local ok, other
    for _ = 1, 40 do
      ok, other = pcall(server.get, "/pid")
      if ok then break end
      os.execute "sleep 0.05"
    end
    assert.is_true(ok)
    assert.not_equal(pid, other)
    server.signal "quit"
    server.wait_until_gone()
    db.psql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE '%long_query%' "
      .. "AND pid <> pg_backend_pid()", url)
    assert.matches("exited on signal 9", server.log())
    os.execute("rm -rf " .. server.directory)
  end)

  it("does not use a connection that was made before it was forked", function()
    server = nginx.start{ url = url, content = content, http = (http:gsub("}%s*$", [[
  inherited = engine:connect(function(conn) return conn:exec_sql("SELECT pg_backend_pid()"):scalar() end)
}]])) }
    local first, own = server.get("/inherited"):match "(%d+) (%d+)"
    assert.not_equal(first, own)
    assert.equal(1, watch.count("pid = " .. first)) -- the master's, which nobody has closed
    assert.equal("undisturbed", server.get "/child")
    server.stop()
  end)

  it("leaves no socket behind", function()
    start()
    local directory = server.get "/directory"
    assert.matches("^/.*lua%-pgvector", directory)
    server.signal "quit"
    server.wait_until_gone()
    os.execute "sleep 0.1"
    assert.is_nil(io.open(directory))
    server.stop()
  end)

  it("makes a new Lua state for each request with lua_code_cache off", function()
    start "lua_code_cache off;\n"
    for _ = 1, 4 do assert.equal("slept", server.get "/nap") end
    server.get_many("/connect", 16)
    server.start_request "/long"
    assert.is_true(watch.comes_to(1, "query LIKE '%long_query%'"))
    server.abort_request()
    assert.is_true(watch.comes_to(0, "query LIKE '%long_query%'"))
    assert.equal("1", server.get "/connect")
    server.stop()
  end)
end)
