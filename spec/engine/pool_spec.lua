local db = require "spec.support.db"
local pg = require "pgvector"

describe("the pool", function()
  local function pid(conn) return conn:exec_sql("SELECT pg_backend_pid()"):scalar() end

  local engine
  local function make(options) engine = pg.create_engine(db.url(), options) end
  after_each(function()
    engine:dispose()
    assert.equal(0, engine:pool_status().checked_in)
  end)

  it("opens nothing before it is needed", function()
    make()
    assert.same({ size = 5, checked_in = 0, checked_out = 0, overflow = 0 }, engine:pool_status())
  end)

  it("gives a returned connection to the next who asks", function()
    make()
    local first = engine:connect(pid)
    assert.equal(first, engine:connect(pid))
    assert.same({ size = 5, checked_in = 1, checked_out = 0, overflow = 0 }, engine:pool_status())
  end)

  it("hands out the longest unused first, or the last used with pool_use_lifo", function()
    for _, lifo in ipairs { false, true } do
      make{ pool_use_lifo = lifo }
      local a, b = engine:connect(), engine:connect()
      local pid_a, pid_b = pid(a), pid(b)
      a:close()
      b:close()
      assert.equal(lifo and pid_b or pid_a, engine:connect(pid))
      engine:dispose()
    end
  end)

  it("opens up to pool_size + max_overflow connections and keeps pool_size", function()
    make{ pool_size = 1, max_overflow = 1 }
    local a, b = engine:connect(), engine:connect()
    assert.equal(1, engine:pool_status().overflow)
    local _, err = pg.try(engine.connect, engine)
    assert.equal("TimeoutError", err.class)
    assert.equal("pool limit of size 1 overflow 1 reached: every connection is checked out", err.message)
    a:close()
    b:close()
    assert.same({ size = 1, checked_in = 1, checked_out = 0, overflow = 0 }, engine:pool_status())
  end)

  it("has a place left after a connection attempt failed", function()
    engine = pg.create_engine("postgresql:///nowhere?host=/nonexistent", { pool_size = 1, max_overflow = 0 })
    for _ = 1, 3 do
      local _, err = pg.try(engine.connect, engine)
      assert.equal("OperationalError", err.class)
    end
    assert.equal(0, engine:pool_status().checked_out)
  end)

  it("rolls back what a user left open on the server's side", function()
    make{ pool_size = 1 }
    engine:connect(function(conn)
      conn:execution_options{ isolation_level = "AUTOCOMMIT" }
      conn:exec_sql("BEGIN")
      conn:exec_sql("SELECT pg_advisory_xact_lock(4711)")
    end)
    engine:connect(function(conn)
      assert.equal(0, conn:exec_sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711"):scalar())
    end)
  end)

  it("notices with pool_pre_ping that a connection died while it was idle", function()
    make{ pool_size = 1, pool_pre_ping = true }
    local first = engine:connect(pid)
    db.psql(("SELECT pg_terminate_backend(%d)"):format(first))
    assert.not_equal(first, engine:connect(pid))
  end)

  it("replaces connections that are older than pool_recycle", function()
    make{ pool_size = 1, pool_recycle = 0 }
    local first = engine:connect(pid)
    local again = os.clock() + 0.01
    while os.clock() < again do end
    assert.not_equal(first, engine:connect(pid))
  end)

  it("takes back a connection once, however often it is closed", function()
    make()
    local conn = engine:connect()
    conn:close()
    conn:close()
    assert.equal(1, engine:pool_status().checked_in)
  end)

  it("closes those in use when they come back after dispose", function()
    make()
    local conn = engine:connect()
    engine:dispose()
    conn:close()
    assert.same({ size = 5, checked_in = 0, checked_out = 0, overflow = 0 }, engine:pool_status())
  end)
end)
