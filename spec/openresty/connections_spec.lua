-- What connections can do in nginx, besides running statements.

local db = require "spec.support.db"
local nginx = require "spec.support.nginx"

local http = [[
init_by_lua_block {
  pg = require "pgvector"
  engine = pg.create_engine(os.getenv "PGVECTOR_URL")
  heard = {}
}
init_worker_by_lua_block {
  ngx.timer.at(0, function()
    local conn = engine:connect()
    conn:listen "news"
    conn:commit()
    while not ngx.worker.exiting() do
      for _, notification in ipairs(conn:notifications(0.2)) do heard[#heard + 1] = notification.payload end
    end
    conn:close()
    ngx.log(ngx.NOTICE, "the listener has ended")
  end)
}]]

local content = {
  ["/timeouts"] = [[
engine:connect(function(conn)
  conn:execution_options{ isolation_level = "AUTOCOMMIT", timeout = 0.05 }
  local pid = conn:exec_sql("SELECT pg_backend_pid()"):scalar()
  for _ = 1, 5 do
    local ok, err = pcall(conn.exec_sql, conn, "SELECT pg_sleep(60)")
    ngx.say(tostring(ok), " ", err.class)
  end
  ngx.say(conn:exec_sql("SELECT pg_backend_pid()"):scalar() == pid and "goes on" or "is another")
end)]],
  ["/both"] = [[
engine:connect(function(conn)
  local nap = ngx.thread.spawn(function() return conn:exec_sql("SELECT 3, pg_sleep(0.2)"):one()[1] end)
  local ok, err = pcall(conn.exec_sql, conn, "SELECT 1")
  ngx.say(tostring(ok), " ", err.class, ": ", err.message)
  local _, value = ngx.thread.wait(nap)
  ngx.say(value)
end)]],
  ["/cancel"] = [[
engine:connect(function(conn)
  local pid = conn:exec_sql("SELECT pg_backend_pid()"):scalar()
  for _ = 1, 5 do
    local nap = ngx.thread.spawn(function()
      local _, err = pcall(conn.exec_sql, conn, "SELECT pg_sleep(60)")
      conn:rollback()
      return err.name
    end)
    ngx.sleep(0.02)
    local asked = conn:cancel()
    local _, name = ngx.thread.wait(nap)
    ngx.say(tostring(asked), " ", name)
  end
  ngx.say(conn:exec_sql("SELECT pg_backend_pid()"):scalar() == pid and "goes on" or "is another")
end)]],
  ["/abandoned-rows"] = [[
engine:connect(function(conn)
  conn:execution_options{ stream_results = true }
  local rows = conn:exec_sql "SELECT i, repeat('x', 1000) FROM generate_series(1, 1000000) AS i"
  ngx.say(rows()[1])
  rows:close()
  ngx.say(conn:exec_sql("SELECT 2"):scalar())
end)]],
  ["/notify"] = [[
engine:begin(function(conn) conn:exec_sql "NOTIFY news, 'one'" conn:exec_sql "NOTIFY news, 'two'" end)
for _ = 1, 100 do
  if #heard >= 2 then break end
  ngx.sleep(0.05)
end
ngx.say(table.concat(heard, " "))]],
}

-- Settings of cosockets that would spoil ours, were they to reach them.
local mean = [[
lua_socket_buffer_size 1;
lua_socket_connect_timeout 1ms;
lua_socket_send_timeout 1ms;
lua_socket_read_timeout 1ms;
lua_socket_keepalive_timeout 1ms;
lua_socket_pool_size 1;
lua_socket_log_errors on;
]]

describe("a connection in nginx #programs #nginx", function()
  local server, url, drop

  setup(function()
    url, drop = db.create()
    server = nginx.start{ url = url, http = mean .. http, content = content }
  end)
  teardown(function() drop() end)

  it("cancels what takes longer than it may", function()
    assert.equal(("false TimeoutError\n"):rep(5) .. "goes on", server.get "/timeouts")
  end)

  it("serves one light thread at a time", function()
    assert.equal("false InterfaceError: another query is in progress on this connection\n3", server.get "/both")
  end)

  it("can be cancelled from another light thread", function()
    assert.equal(("true query_canceled\n"):rep(5) .. "goes on", server.get "/cancel")
  end)

  it("gives up rows that nobody wants any more", function()
    assert.equal("1\n2", server.get "/abandoned-rows")
  end)

  it("hears notifications in a timer, until the worker ends", function()
    assert.equal("one two", server.get "/notify")
    server.signal "quit"
    server.wait_until_gone()
    local log = server.log()
    server.stop()
    assert.matches("the listener has ended", log)
    assert.is_nil(log:match "%[error%][^\n]*" or log:match "%[alert%][^\n]*")
  end)
end)
