-- Networks that are slow, silent, cut or reset, by a proxy between the driver
-- and the server.

local cancel = require "pgvector.driver.cancel"
local core = require "pgvector.core"
local db = require "spec.support.db"
local loops = require "spec.support.loops"
local pg = require "pgvector"
local proxies = require "spec.support.proxy"

local url, drop, proxy, engine

setup(function()
  url, drop = db.create()
  db.psql("CREATE TABLE items (id int PRIMARY KEY, title text, embedding vector(3))", url)
  proxy = proxies.start(url)
end)

teardown(function()
  proxy.stop()
  drop()
end)

before_each(function()
  proxy.pass()
  engine = pg.create_engine(proxy.url)
end)

after_each(function()
  engine:dispose()
  cancel.PATIENCE = 5
end)

local function seconds(fn, ...)
  local started = core.now()
  fn(...)
  return core.now() - started
end

-- The pool has let go of what broke, and its next connection works.
local function assert_recovers()
  assert.equal(0, engine:pool_status().checked_out)
  assert.equal(0, engine:pool_status().checked_in)
  assert.equal(1, engine:connect(function(conn) return conn:exec_sql("SELECT 1"):scalar() end))
end

local function assert_lost(err)
  assert.equal("OperationalError", err.class)
  assert.equal("08006", err.sqlstate)
  assert.is_true(err.is_disconnect)
  assert.is_nil(err.message:find("\n", 1, true))
end

local big = "SELECT repeat('x', 100000)"

-- Each does something for a while over a connection, and raises its failure.
local conversations = {
  { "a query", function(conn) conn:exec_sql(big) end },
  { "a query with parameters", function(conn) conn:exec_sql("SELECT repeat($1, 100000)", { "x" }) end },
  { "a stream", function(conn)
    conn:execution_options{ stream_results = true }
    for _ in conn:exec_sql "SELECT generate_series(1, 20000)" do end -- luacheck: ignore 542
  end },
  { "COPY out", function(conn)
    conn:copy_out(pg.text "SELECT generate_series(1, 20000)", function() end)
  end },
  { "executemany", function(conn)
    local rows = {}
    for i = 1, 500 do rows[i] = { n = i } end
    conn:execute(pg.text("SELECT repeat('x', 1000) || :n"), rows)
  end },
  { "a pipeline", function(conn)
    conn:pipeline(function(pipeline)
      for _ = 1, 20 do pipeline:exec_sql "SELECT repeat('x', 1000)" end
    end)
  end },
}

for _, how in ipairs{ "cut", "reset" } do
  describe("a connection that is " .. how, function()
    for _, conversation in ipairs(conversations) do
      it("in the middle of " .. conversation[1] .. " raises that it is lost", function()
        local conn = engine:connect()
        conn:exec_sql "SELECT 1"
        proxy[how .. "_after"](5000)
        local _, err = pg.try(conversation[2], conn)
        assert_lost(err)
        conn:close()
        assert_recovers()
      end)
    end

    it("in the middle of COPY in raises that it is lost", function()
      local conn, written = engine:connect(), 0
      conn:exec_sql "SELECT 1"
      local _, err = pg.try(conn.copy_in, conn, "items", { "id", "title" }, function(copy)
        for i = 1, 100000 do
          copy:write_row(i, ("x"):rep(1000))
          written = i
          if i == 500 then proxy[how]() end
        end
      end)
      assert_lost(err)
      assert.is_true(written < 100000)
      conn:close()
      assert_recovers()
      assert.equal("0", db.psql("SELECT count(*) FROM items", url))
    end)

    it("while it is idle costs its next user one error", function()
      engine:connect():close()
      engine:connect(function(conn) conn:exec_sql "SELECT 1" end)
      proxy[how]()
      local conn = engine:connect()
      local _, err = pg.try(conn.exec_sql, conn, "SELECT 1")
      assert_lost(err)
      _, err = pg.try(conn.exec_sql, conn, "SELECT 1")
      assert.equal("InterfaceError", err.class)
      conn:close()
      assert_recovers()
    end)

    it("while it is idle costs nobody anything with pool_pre_ping", function()
      local pinging = pg.create_engine(proxy.url, { pool_pre_ping = true })
      local select_1 = function(conn) return conn:exec_sql("SELECT 1"):scalar() end
      pinging:connect(select_1)
      proxy[how]()
      assert.equal(1, pinging:connect(select_1))
      pinging:dispose()
    end)

    it("while it is made says where to", function()
      proxy[how .. "_after"](100)
      local _, err = pg.try(engine.connect, engine)
      assert.equal("OperationalError", err.class)
      assert.is_true(err.is_disconnect)
      assert.truthy(err.message:find(('"127.0.0.1", port %s'):format(proxy.port), 1, true))
      proxy.pass()
      assert_recovers()
    end)
  end)
end

describe("a connection whose network has died", function()
  it("is given up at the deadline of a statement, and is not used again", function()
    cancel.PATIENCE = 0.3
    local conn = engine:connect()
    conn:exec_sql "SELECT 1"
    conn:execution_options{ timeout = 0.2 }
    proxy.stall()
    local _, err
    local took = seconds(function() _, err = pg.try(conn.exec_sql, conn, "SELECT 2") end)
    assert.equal("TimeoutError", err.class)
    assert.is_true(err.is_disconnect)
    assert.is_true(took >= 0.5 and took < 5, took)
    proxy.pass() -- the answer arrives after all, for nobody
    conn:close()
    assert_recovers()
  end)

  it("cannot hold up conn:cancel, which blocked for ever", function()
    cancel.PATIENCE = 0.3
    local conn = engine:connect()
    local took, _, err
    conn:on_notice(function()
      proxy.stall()
      took = seconds(function() _, err = pg.try(conn.cancel, conn) end)
      proxy.pass()
    end)
    pcall(conn.exec_sql, conn, "DO $$ BEGIN RAISE NOTICE 'now'; PERFORM pg_sleep(0.1); END $$")
    assert.equal("TimeoutError", err.class)
    assert.equal("the server did not answer the cancel request in time", err.message)
    assert.is_true(took >= 0.3 and took < 5, took)
    -- the request may still arrive: nothing else may run on this connection
    _, err = pg.try(conn.exec_sql, conn, "SELECT 1")
    assert.equal("InterfaceError", err.class)
    conn:close()
    assert_recovers()
  end)

  it("does not hold up its closing", function()
    local conn = engine:connect()
    conn:exec_sql "SELECT 1"
    proxy.stall()
    assert.is_true(seconds(function()
      conn:invalidate()
      conn:close()
    end) < 2)
  end)

  it("is given up while connecting, after connect_timeout", function()
    proxy.stall()
    local impatient = pg.create_engine(proxy.url .. "?connect_timeout=1")
    local _, err
    local took = seconds(function() _, err = pg.try(impatient.connect, impatient) end)
    assert.equal("TimeoutError", err.class)
    assert.is_true(took >= 1 and took < 5, took)
    assert.equal(0, impatient:pool_status().checked_out)
    proxy.pass()
    impatient:connect():close()
    impatient:dispose()
  end)

  it("is not cancelled where the server cannot be reached any more", function()
    local conn = engine:connect()
    local _, err
    conn:on_notice(function()
      proxy.refuse()
      _, err = pg.try(conn.cancel, conn)
      proxy.pass()
    end)
    conn:exec_sql "DO $$ BEGIN RAISE NOTICE 'now'; PERFORM pg_sleep(0.05); END $$"
    -- whether a closed connection counts as an answer is libpq's business
    if err then assert.equal("OperationalError", err.class) end
    conn:rollback()
    assert.equal(1, conn:exec_sql("SELECT 1"):scalar())
    conn:close()
  end)
end)

describe("after a statement's time was over", function()
  it("the next user of the pool never gets its answer", function()
    local small = pg.create_engine(proxy.url, { pool_size = 1, max_overflow = 0 })
    proxy.delay(20)
    for i = 1, 5 do
      local conn = small:connect()
      conn:execution_options{ timeout = 0.06 }
      local _, err = pg.try(conn.exec_sql, conn, "SELECT 'old', pg_sleep(0.05)")
      if err then assert.equal("TimeoutError", err.class) end
      conn:close()
      assert.equal(i, small:connect(function(other) return other:exec_sql("SELECT $1::int", { i }):scalar() end))
    end
    small:dispose()
  end)
end)

---- bytes one by one ----------------------------------------------------------------------

-- Every kind of conversation, with its outcome.
local function everything(conn)
  local rows = {}
  for i = 1, 20 do rows[i] = { i, "title " .. i, pg.vector{ i, 2, 3 } } end
  assert.equal(20, conn:copy_in("items", { "id", "title", "embedding" }, rows))
  conn:commit()
  local row = conn:exec_sql("SELECT * FROM items WHERE id = $1", { 7 }):one()
  assert.same({ 7, "title 7", "[7,2,3]" }, { row.id, row.title, tostring(row.embedding) })
  local n = 0
  assert.equal(20, conn:copy_out("items", function(r) n = n + r.id end))
  assert.equal(210, n)
  local first, second = conn:pipeline(function(pipeline)
    return pipeline:exec_sql "SELECT count(*) FROM items", pipeline:exec_sql("SELECT $1::int", { 5 })
  end)
  assert.same({ 20, 5 }, { first:scalar(), second:scalar() })
  n = 0
  local stream = pg.text "SELECT id FROM items":execution_options{ stream_results = true }
  for r in conn:execute(stream) do n = n + r.id end
  assert.equal(210, n)
  local updated = conn:execute(pg.text "UPDATE items SET title = :t WHERE id = :id",
    { { t = "one", id = 1 }, { t = "two", id = 2 } })
  assert.equal(2, updated.rowcount)
  local _, err = pg.try(conn.exec_sql, conn, "SELECT 1 / 0")
  assert.equal("22012", err.sqlstate)
  conn:rollback()
  conn:execution_options{ isolation_level = "AUTOCOMMIT" }
  conn:listen "news"
  conn:exec_sql "SELECT pg_notify('news', repeat('n', 100))"
  assert.equal(100, #conn:notifications(5)[1].payload)
end

describe("a network that hands over single bytes", function()
  local waits
  local function counting(waiter)
    local counter = {}
    for name, fn in pairs(waiter) do counter[name] = fn end
    function counter.wait(...)
      waits = waits + 1
      return waiter.wait(...)
    end
    return counter
  end

  before_each(function()
    waits = 0
    db.psql("TRUNCATE items", url)
    proxy.trickle()
  end)

  local function run(waiter)
    local slow = pg.create_engine(proxy.url, { wait = counting(waiter) })
    slow:connect(everything)
    slow:dispose()
    assert.is_true(waits > 50, "only " .. waits .. " waits")
  end

  it("is like any other for a program that blocks", function()
    run(require "pgvector.wait.blocking")
  end)

  for _, loop in ipairs(loops) do
    it("is like any other under " .. loop.name, function()
      loop.run(function() run(require("pgvector.wait." .. loop.name)) end)
    end)
  end
end)
