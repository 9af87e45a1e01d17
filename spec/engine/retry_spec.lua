local core = require "pgvector.core"
local db = require "spec.support.db"
local pg = require "pgvector"

describe("engine:retry", function()
  local engine, drop

  setup(function()
    local url
    url, drop = db.create()
    engine = pg.create_engine(url)
    engine:begin(function(conn)
      conn:exec_sql("CREATE TABLE counters (id int PRIMARY KEY, n int)")
    end)
  end)

  teardown(function()
    engine:dispose()
    drop()
  end)

  before_each(function()
    engine:begin(function(conn)
      conn:exec_sql("TRUNCATE counters")
      conn:exec_sql("INSERT INTO counters VALUES (1, 0), (2, 0)")
    end)
  end)

  after_each(function() assert.equal(0, engine:pool_status().checked_out) end)

  local function value(id)
    return engine:connect(function(conn)
      return conn:exec_sql("SELECT n FROM counters WHERE id = $1", { id }):scalar()
    end)
  end

  it("repeats a transaction that a concurrent one made impossible", function()
    local attempts = {}
    local a, b = engine:retry(function(conn, attempt)
      attempts[#attempts + 1] = attempt
      assert.equal("repeatable read", conn:exec_sql("SHOW transaction_isolation"):scalar())
      local n = conn:exec_sql("SELECT n FROM counters WHERE id = 1"):scalar()
      if attempt <= 2 then -- somebody is faster
        engine:begin(function(other) other:exec_sql("UPDATE counters SET n = n + 10 WHERE id = 1") end)
      end
      conn:exec_sql("UPDATE counters SET n = $1 WHERE id = 1", { n + 1 })
      return attempt, nil
    end, { isolation_level = "REPEATABLE READ", delay = 0.001 })
    assert.same({ 1, 2, 3 }, attempts)
    assert.same({ 3, nil }, { a, b })
    assert.equal(21, value(1))
  end)

  it("repeats one that fails at COMMIT", function()
    local attempts = 0
    engine:retry(function(conn, attempt)
      attempts = attempt
      conn:exec_sql("SELECT sum(n) FROM counters")
      conn:exec_sql("INSERT INTO counters VALUES ($1, 1)", { 10 + attempt })
      if attempt == 1 then
        local other = engine:connect()
        other:execution_options{ isolation_level = "SERIALIZABLE" }
        other:exec_sql("SELECT sum(n) FROM counters")
        other:exec_sql("INSERT INTO counters VALUES (20, 1)")
        other:commit()
        other:close()
      end
    end, { isolation_level = "SERIALIZABLE", delay = 0.001 })
    assert.equal(2, attempts)
  end)

  it("gives up after so many attempts, with the server's error, nothing being stored", function()
    local calls, started = 0, core.now()
    local _, err = pg.try(engine.retry, engine, function(conn)
      calls = calls + 1
      conn:exec_sql("UPDATE counters SET n = 99")
      conn:exec_sql("DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40P01'; END $$")
    end, { attempts = 4, delay = 0.04, max_delay = 0.05 })
    assert.equal("40P01", err.sqlstate)
    assert.equal(4, calls)
    assert.truthy(core.now() - started >= 0.02 + 0.025 + 0.025)
    assert.equal(0, value(1))
  end)

  it("raises any other error at once", function()
    local calls, mine = 0, {}
    local _, err = pcall(engine.retry, engine, function()
      calls = calls + 1
      error(mine)
    end)
    assert.equal(mine, err)
    _, err = pg.try(engine.retry, engine, function(conn)
      calls = calls + 1
      conn:exec_sql("SELECT 1/0")
    end)
    assert.equal("22012", err.sqlstate)
    assert.equal(2, calls)
  end)

  it("checks its arguments", function()
    for _, options in ipairs{ { attempts = 0 }, { delay = -1 }, { tries = 3 }, { isolation_level = "HIGH" } } do
      local _, err = pg.try(engine.retry, engine, function() end, options)
      assert.equal("ArgumentError", err.class)
    end
    assert.equal("ArgumentError", select(2, pg.try(engine.retry, engine, "x")).class)
  end)
end)

describe("an advisory lock", function()
  local engine, drop, one, two

  setup(function()
    local url
    url, drop = db.create()
    engine = pg.create_engine(url)
  end)

  teardown(function()
    engine:dispose()
    drop()
  end)

  before_each(function() one, two = engine:connect(), engine:connect() end)

  after_each(function()
    one:close()
    two:close()
    assert.equal(0, engine:pool_status().checked_out)
  end)

  for _, key in ipairs{ "a name", 42, -1, "" } do
    it("on " .. ("%q"):format(key) .. " excludes others until it is given back", function()
      assert.is_true(one:advisory_lock(key))
      assert.is_false(two:advisory_lock(key, { try = true }))
      assert.is_false(two:advisory_unlock(key))
      assert.is_true(one:advisory_unlock(key))
      assert.is_true(two:advisory_lock(key, { try = true }))
    end)
  end

  it("on a name is the one that hashtextextended gives", function()
    one:advisory_lock("shared with others")
    assert.is_false(two:exec_sql("SELECT pg_try_advisory_lock(hashtextextended('shared with others', 0))"):scalar())
  end)

  it("can be shared", function()
    assert.is_true(one:advisory_lock("k", { shared = true }))
    assert.is_true(two:advisory_lock("k", { shared = true, try = true }))
    assert.is_true(two:advisory_unlock("k", { shared = true }))
    assert.is_false(two:advisory_lock("k", { try = true }))
  end)

  it("is waited for no longer than the timeout", function()
    one:advisory_lock("k")
    local started = core.now()
    local _, err = pg.try(two.advisory_lock, two, "k", { timeout = 0.1 })
    assert.equal("TimeoutError", err.class)
    assert.truthy(core.now() - started >= 0.1 and core.now() - started < 5)
    assert.equal(1, two:exec_sql("SELECT 1"):scalar())
    one:advisory_unlock("k")
    assert.is_true(two:advisory_lock("k", { timeout = 0.1 }))
  end)

  it("outlives a rollback, but not the connection's return to the pool", function()
    one:advisory_lock("k")
    one:rollback()
    assert.is_false(two:advisory_lock("k", { try = true }))
    one:exec_sql("SELECT 1")
    one:close()
    assert.is_true(two:advisory_lock("k", { try = true }))
  end)

  it("of a transaction ends with it", function()
    one:advisory_lock("k", { transaction = true })
    assert.is_false(two:advisory_lock("k", { try = true, transaction = true }))
    one:commit()
    assert.is_true(two:advisory_lock("k", { try = true, transaction = true }))
  end)

  it("refuses other keys and options", function()
    for _, key in ipairs{ 1.5, true, {}, 1e300 } do
      assert.equal("ArgumentError", select(2, pg.try(one.advisory_lock, one, key)).class)
    end
    assert.equal("ArgumentError", select(2, pg.try(one.advisory_lock, one, 1, { wait = 1 })).class)
    assert.equal("ArgumentError", select(2, pg.try(one.advisory_lock, one, 1, { timeout = "x" })).class)
  end)
end)
