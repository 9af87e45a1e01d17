-- The pool of a worker of nginx that has too few connections.

local db = require "spec.support.db"
local nginx = require "spec.support.nginx"

local http = [[
init_by_lua_block {
  pg = require "pgvector"
  engine = pg.create_engine(os.getenv "PGVECTOR_URL", { pool_size = 1, max_overflow = 0 })
  arrived, served = {}, {}
}]]

local content = {
  ["/queue"] = [[
local id = ngx.var.request_id
arrived[#arrived + 1] = id
engine:connect(function(conn)
  served[#served + 1] = id
  conn:exec_sql "SELECT pg_sleep(0.02)"
end)
ngx.say "served"]],
  ["/order"] = [[
local same = #arrived == #served
for i, id in ipairs(arrived) do same = same and served[i] == id end
ngx.say(#served, " ", same and "in order" or "out of order")]],
  ["/brief"] = [[engine:connect(function(conn) conn:exec_sql "SELECT pg_sleep(0.01)" end)]],
  ["/handed"] = [[
local conn = engine:connect()
local pid = conn:exec_sql("SELECT pg_backend_pid()"):scalar()
local waiter = ngx.thread.spawn(function() engine:connect() end)
conn:close() -- hands it to the waiter, who does not live to see it
ngx.thread.kill(waiter)
ngx.say(pid)]],
  ["/pid"] = [[engine:connect(function(conn) ngx.say(conn:exec_sql("SELECT pg_backend_pid()"):scalar()) end)]],
  ["/hold"] = [[engine:connect(function(conn) ngx.sleep(60) end)]],
  ["/impatient"] = [[
local other = pg.create_engine(os.getenv "PGVECTOR_URL", { pool_size = 1, max_overflow = 0, pool_timeout = 0.05 })
local conn = other:connect()
local errors = {}
for i = 1, 10 do
  local ok, err = pcall(other.connect, other)
  errors[i] = err.class
end
conn:close()
ngx.say(table.concat(errors, " "))
other:connect(function(again) ngx.say(again:exec_sql("SELECT 1"):scalar()) end)
other:dispose()]],
  ["/status"] = [[
ngx.sleep(0.1)
local status = engine:pool_status()
ngx.say(status.checked_out, " out, ", status.checked_in, " in")]],
}

describe("the exhausted pool of a worker of nginx #programs #nginx", function()
  local server, url, drop

  setup(function()
    url, drop = db.create()
    server = nginx.start{ url = url, http = http, content = content }
  end)
  teardown(function()
    server.stop()
    drop()
  end)

  it("serves requests in the order in which they came", function()
    for _, body in ipairs((server.get_many("/queue", 30))) do assert.equal("served\n", body) end
    assert.equal("30 in order", server.get "/order")
  end)

  it("refuses after pool_timeout, time and again", function()
    assert.equal(("TimeoutError "):rep(10):sub(1, -2) .. "\n1", server.get "/impatient")
  end)

  it("keeps a connection that is handed to one who has just died", function()
    local pid = server.get "/handed"
    assert.equal(pid, server.get "/pid")
    assert.equal("0 out, 1 in", server.get "/status")
  end)

  it("serves those who live among many who die while they wait", function()
    local pid = server.get "/pid"
    for _ = 1, 4 do
      server.start_request("/brief", 0.15, 20)
      assert.equal(pid, server.get "/pid")
    end
    for _ = 1, 40 do -- the last may be dying just now
      if server.get "/status" == "0 out, 1 in" then return end
    end
    error("a place is lost: " .. server.get "/status")
  end)

  it("does not wait for what a dead request kept", function()
    local pid = server.get "/pid"
    server.get_many("/hold", 1, "--max-time 0.1")
    assert.equal(pid, server.get "/pid")
  end)

  it("leaves nothing in nginx's log", function()
    assert.is_nil(server.log():match "%[error%][^\n]*" or server.log():match "%[alert%]")
  end)
end)
