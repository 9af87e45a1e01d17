-- What becomes of connections whose requests die.

local db = require "spec.support.db"
local nginx = require "spec.support.nginx"

-- One connection to the server, so that a request must get that of the one before.
local http = [[
init_by_lua_block {
  pg = require "pgvector"
  engine = pg.create_engine(os.getenv "PGVECTOR_URL", { pool_size = 1, max_overflow = 0 })
  wide = pg.create_engine(os.getenv "PGVECTOR_URL", { pool_size = 50, max_overflow = 0 })
}]]

local content = {
  ["/pid"] = [[engine:connect(function(conn) ngx.say(conn:exec_sql("SELECT pg_backend_pid()"):scalar()) end)]],
  ["/status"] = [[
local status, broad = engine:pool_status(), wide:pool_status()
ngx.say(status.checked_out, " ", status.checked_in, " ", broad.checked_out)]],
  ["/stale"] = [[
local ok, err = pcall(kept.exec_sql, kept, "SELECT 1")
local again = pcall(kept_in_reader)
ngx.say(tostring(ok), " ", err.class, " ", tostring(again))
kept:close()]],
  ["/stubborn"] = [==[
engine:connect(function(conn)
  conn:exec_sql [[DO $$ BEGIN
    LOOP
      BEGIN
        PERFORM pg_sleep(60);
      EXCEPTION WHEN query_canceled THEN
      END;
    END LOOP;
  END $$]]
end)]==],
  ["/wide"] = [[wide:connect(function(conn) conn:exec_sql "SELECT pg_sleep(60) AS of_wide" end)]],
  ["/usage"] = [[
collectgarbage()
collectgarbage()
local function count(command)
  local list = io.popen(command)
  local n = list:read "*n"
  list:close()
  return n
end
ngx.say(count "ls /proc/$PPID/fd | wc -l", " ", count "ls /proc/$PPID/task | wc -l", " ",
  math.floor(collectgarbage "count"))]],
}

-- What a request does when its client goes away, and what of it the server shows.
local cases = {
  { "in the middle of a query", "active",
    [[engine:connect(function(conn) conn:exec_sql "SELECT pg_sleep(60)" end)]] },
  { "in a transaction that it has written in", "active",
    [[engine:begin(function(conn)
      conn:exec_sql "INSERT INTO notes VALUES ('lost')"
      conn:exec_sql "SELECT pg_sleep(60)"
    end)]] },
  { "while it does not wait for the server", "idle in transaction",
    [[engine:begin(function(conn)
      kept = conn
      conn:exec_sql "INSERT INTO notes VALUES ('lost')"
      ngx.sleep(60)
    end)]] },
  { "in the middle of COPY FROM STDIN", "active",
    [[engine:begin(function(conn)
      conn:copy_in("notes", { "body" }, function(copy)
        copy:write_row "lost"
        ngx.sleep(60)
      end)
    end)]] },
  { "in the middle of COPY TO STDOUT", "active",
    [[engine:connect(function(conn)
      for row in conn:copy_out(pg.text "SELECT repeat('x', 1000) FROM generate_series(1, 1000000)") do ngx.sleep(60) end
    end)]] },
  { "while it reads a stream of rows", "active",
    [[engine:connect(function(conn)
      conn:execution_options{ stream_results = true }
      local rows = conn:exec_sql "SELECT repeat('x', 1000) FROM generate_series(1, 1000000)"
      kept, kept_in_reader = conn, function() return rows() end
      rows()
      ngx.sleep(60)
    end)]] },
  { "in a pipeline", "active",
    [[engine:connect(function(conn)
      conn:pipeline(function(pipe)
        pipe:exec_sql "INSERT INTO notes VALUES ('lost')"
        pipe:exec_sql "SELECT pg_sleep(60)"
        pipe:exec_sql "INSERT INTO notes VALUES ('lost')"
      end)
    end)]] },
  { "while a statement is prepared", "active",
    [[engine:connect(function(conn)
      for _ = 1, 4 do conn:exec_sql("SELECT pg_sleep($1)", { 0 }) end
      conn:exec_sql("SELECT pg_sleep($1)", { 60 })
    end)]] },
  { "with a lock of its session", "active",
    [[engine:connect(function(conn)
      conn:advisory_lock(42)
      conn:exec_sql "SELECT pg_sleep(60)"
    end)]] },
}
for i, case in ipairs(cases) do content["/case" .. i] = case[3] end

describe("a request of nginx that dies #programs #nginx", function()
  local server, url, drop, watch

  setup(function()
    url, drop = db.create()
    watch = db.watch(url)
    db.psql("CREATE TABLE notes (body text)", url)
    server = nginx.start{ url = url, http = http, content = content }
  end)
  teardown(function()
    server.stop()
    drop()
  end)

  for i, case in ipairs(cases) do
    local where, state = case[1], case[2]
    it(where .. " leaves its connection fit for the next", function()
      local pid = server.get "/pid"
      server.start_request("/case" .. i)
      assert.is_true(watch.comes_to(1, ("pid = %s AND state = '%s' AND query NOT LIKE '%%pg_backend_pid%%'")
        :format(pid, state)))
      server.abort_request()
      -- the request waits for the connection until it is free
      assert.equal(pid, server.get "/pid")
      assert.equal("0 1 0", server.get "/status")
      assert.equal("0", db.psql("SELECT (SELECT count(*) FROM notes) + "
        .. "(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = "
        .. "(SELECT oid FROM pg_database WHERE datname = current_database()))", url))
    end)
  end

  it("leaves a connection that what is left of it cannot use", function()
    server.get "/pid"
    assert.equal("false InterfaceError false", server.get "/stale")
    assert.equal("0 1 0", server.get "/status")
  end)

  it("frees the server's process within a second", function()
    local pid = server.get "/pid"
    server.start_request "/case1"
    assert.is_true(watch.comes_to(1, "state = 'active' AND pid = " .. pid))
    server.abort_request()
    os.execute "sleep 1"
    assert.equal(0, watch.count("state = 'active' AND pid = " .. pid))
  end)

  it("in the queue of the pool leaves the queue", function()
    local pid = server.get "/pid"
    server.start_request("/case1", 1.5)
    assert.is_true(watch.comes_to(1, "state = 'active' AND pid = " .. pid))
    server.start_request("/case2", 0.3, 5) -- all of them wait, and die before the first
    assert.equal(pid, server.get "/pid")
    assert.equal("0 1 0", server.get "/status")
    assert.equal("0", db.psql("SELECT count(*) FROM notes", url))
  end)

  it("gives its connection up where the server does not stop", function()
    local pid = server.get "/pid"
    server.start_request "/stubborn"
    assert.is_true(watch.comes_to(1, "state = 'active' AND pid = " .. pid))
    server.abort_request()
    assert.not_equal(pid, server.get "/pid")
    assert.equal("0 1 0", server.get "/status")
    assert.equal("t", db.psql("SELECT pg_terminate_backend(" .. pid .. ")", url))
  end)

  it("uses nothing up, hundreds of times over", function()
    local function rounds(n)
      for _ = 1, n do
        server.start_request("/wide", nil, 50)
        -- nginx does not notice that a client goes before its request has begun
        assert.is_true(watch.comes_to(50, "state = 'active'"))
        server.abort_request()
        assert.is_true(watch.comes_to(0, "state = 'active'"))
      end
      assert.matches(" 0$", server.get "/status")
    end
    rounds(2)
    local descriptors, threads, memory = server.get("/usage"):match "(%d+) (%d+) (%d+)"
    rounds(8)
    assert.is_true(watch.count("true") <= 52)
    local descriptors_then, threads_then, memory_then = server.get("/usage"):match "(%d+) (%d+) (%d+)"
    -- of a pool that may have grown to 50, with three for each
    assert.is_true(tonumber(descriptors_then) <= 200, descriptors .. " → " .. descriptors_then)
    assert.equal(threads, threads_then)
    assert.is_true(memory_then - memory < 2000, memory .. " → " .. memory_then)
  end)

  it("leaves nothing in nginx's log", function()
    assert.is_nil(server.log():match "%[error%][^\n]*" or server.log():match "%[alert%]")
  end)
end)
