local cancel = require "pgvector.driver.cancel"
local compat = require "pgvector.compat"
local core = require "pgvector.core"
local db = require "spec.support.db"
local pg = require "pgvector"

describe("a statement that should stop", function()
  local url, drop, engine

  setup(function()
    url, drop = db.create()
    engine = pg.create_engine(url)
    engine:begin(function(conn) conn:exec_sql "CREATE TABLE items (id int)" end)
  end)

  teardown(function()
    engine:dispose()
    drop()
  end)

  local function seconds(fn, ...)
    local started = core.now()
    fn(...)
    return core.now() - started
  end

  describe("is cancelled", function()
    it("from a notice handler, while it runs", function()
      engine:connect(function(conn)
        local was_running, _, err
        conn:on_notice(function() was_running = conn:cancel() end)
        local took = seconds(function()
          _, err = pg.try(conn.exec_sql, conn, "DO $$ BEGIN RAISE NOTICE 'now'; PERFORM pg_sleep(20); END $$")
        end)
        assert.is_true(was_running)
        assert.equal("query_canceled", err.name)
        assert.is_true(took < 10)
        assert.equal(1, conn:exec_sql("SELECT 1"):scalar())
      end)
    end)

    -- a coroutine of Lua 5.1 cannot yield inside pcall
    if compat.can_yield_in_pcall then
      it("from another coroutine", function()
        local yielding = pg.create_engine(url, { wait = function(conn, events, deadline)
          while true do
            local ready = core.poll(conn:socket(), events, 1)
            if ready or deadline and core.now() >= deadline then return ready end
            coroutine.yield()
          end
        end })
        local conn, _, err
        local sleeper = coroutine.create(function()
          conn = yielding:connect()
          conn:exec_sql "INSERT INTO items VALUES (1)"
          _, err = pg.try(conn.exec_sql, conn, "SELECT pg_sleep(20)")
          conn:rollback()
          assert(conn:exec_sql("SELECT 1"):scalar() == 1)
          conn:close()
        end)
        repeat
          for _ = 1, 20 do assert(coroutine.resume(sleeper)) end
        until db.psql("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query = 'SELECT pg_sleep(20)'", url) == "1"
        local _, busy = pg.try(conn.exec_sql, conn, "SELECT 1")
        assert.equal("another query is in progress on this connection", busy.message)
        assert.is_true(conn:cancel())
        while coroutine.status(sleeper) ~= "dead" do assert(coroutine.resume(sleeper)) end
        assert.equal("query_canceled", err.name)
        yielding:dispose()
      end)
    end

    it("only if there is one", function()
      engine:connect(function(conn)
        assert.is_false(conn:cancel())
        conn:exec_sql "SELECT 1"
        assert.is_false(conn:cancel())
        assert.equal(1, conn:exec_sql("SELECT 1"):scalar())
      end)
    end)
  end)

  it("does not let an error of the notice handler cut off the conversation", function()
    engine:connect(function(conn)
      conn:exec_sql "INSERT INTO items VALUES (1)"
      local mine = {}
      conn:on_notice(function() error(mine) end)
      local ok, err = pcall(conn.exec_sql, conn, "DO $$ BEGIN RAISE NOTICE 'a'; PERFORM pg_sleep(0.05); RAISE NOTICE 'b'; END $$")
      assert.is_false(ok)
      assert.equal(mine, err)
      assert.equal(1, conn:exec_sql("SELECT count(*) FROM items"):scalar())
      local _, inner
      conn:on_notice(function() _, inner = pg.try(conn.exec_sql, conn, "SELECT 1") end)
      conn:exec_sql "DO $$ BEGIN RAISE NOTICE 'a'; PERFORM pg_sleep(0.05); END $$"
      assert.equal("another query is in progress on this connection", inner.message)
    end)
  end)

  describe("has a timeout", function()
    it("of the connection, after which a rollback makes it usable", function()
      engine:connect(function(conn)
        conn:execution_options{ timeout = 0.1 }
        conn:exec_sql "INSERT INTO items VALUES (1)"
        local pid = conn.info.backend_pid
        local _, err
        local took = seconds(function() _, err = pg.try(conn.exec_sql, conn, "SELECT pg_sleep(20)") end)
        assert.equal("TimeoutError", err.class)
        assert.equal("the server did not answer in time", err.message)
        assert.equal("SELECT pg_sleep(20)", err.sql)
        assert.is_nil(err.is_disconnect)
        assert.is_true(took >= 0.1 and took < 5)
        conn:rollback()
        assert.equal(0, conn:exec_sql("SELECT count(*) FROM items"):scalar())
        assert.equal(pid, conn.info.backend_pid)
      end)
    end)

    it("of its own, which the next one has not", function()
      engine:connect(function(conn)
        local nap = pg.text "SELECT pg_sleep(0.3)"
        local _, err = pg.try(conn.execute, conn, nap:execution_options{ timeout = 0.05 })
        assert.equal("TimeoutError", err.class)
        conn:execute(nap)
        conn:execution_options{ timeout = 0.05 }
        conn:execute(nap:execution_options{ timeout = false })
        _, err = pg.try(conn.execute, conn, nap)
        assert.equal("TimeoutError", err.class)
      end)
    end)

    it("that ends with the connection", function()
      local conn = engine:connect()
      conn:execution_options{ timeout = 0.05 }
      conn:close()
      engine:connect(function(other) other:exec_sql "SELECT pg_sleep(0.2)" end)
    end)

    it("that holds for COPY in both directions", function()
      engine:connect(function(conn)
        conn:exec_sql "SELECT 1"
        conn:execution_options{ timeout = 0.1 }
        local _, err = pg.try(conn.copy_out, conn, pg.text "SELECT pg_sleep(20)", function() end)
        assert.equal("TimeoutError", err.class)
        assert.equal(1, conn:exec_sql("SELECT 1"):scalar())
        conn:execution_options{ timeout = false }
        conn:exec_sql "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(20); END'"
        conn:exec_sql "CREATE TRIGGER slow BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION slow()"
        conn:execution_options{ timeout = 0.1 }
        _, err = pg.try(conn.copy_in, conn, "items", { "id" }, { { 1 } })
        assert.equal("TimeoutError", err.class)
        conn:rollback()
        assert.equal(1, conn:exec_sql("SELECT 1"):scalar())
      end)
    end)

    it("that holds for executemany", function()
      engine:connect(function(conn)
        conn:execution_options{ timeout = 0.1 }
        local _, err = pg.try(conn.execute, conn, pg.text "SELECT pg_sleep(:s)", { { s = 0 }, { s = 20 } })
        assert.equal("TimeoutError", err.class)
        assert.is_nil(err.is_disconnect)
        conn:rollback()
        assert.equal(1, conn:exec_sql("SELECT 1"):scalar())
      end)
    end)

    it("and costs the connection when the server does not react to the request either", function()
      local blocking = require("pgvector.wait.blocking").wait
      local deaf = false
      local unlucky = pg.create_engine(url, { wait = function(conn, events, deadline)
        if not deaf then return blocking(conn, events, deadline) end
        while core.now() < deadline do end -- luacheck: ignore 542
      end })
      local patience = cancel.PATIENCE
      cancel.PATIENCE = 0.1
      finally(function() cancel.PATIENCE = patience end)
      unlucky:connect(function(conn)
        conn:execution_options{ timeout = 0.05 }
        conn:exec_sql "SELECT 1"
        deaf = true
        local _, err = pg.try(conn.exec_sql, conn, "SELECT pg_sleep(0.5)")
        deaf = false
        assert.equal("TimeoutError", err.class)
        assert.is_true(err.is_disconnect)
        _, err = pg.try(conn.exec_sql, conn, "SELECT 1")
        assert.equal("InterfaceError", err.class)
        conn:rollback()
        assert.equal(1, conn:exec_sql("SELECT 1"):scalar())
      end)
      unlucky:dispose()
    end)

    it("that never hits the next statement", function()
      engine:connect(function(conn)
        local timeouts = 0
        for i = 1, 300 do
          local nap = pg.text(("SELECT pg_sleep(%f)"):format(0.001 + i % 10 * 0.0002))
          local ok, err = pcall(conn.execute, conn, nap:execution_options{ timeout = 0.002 })
          if not ok then
            assert.equal("TimeoutError", err.class)
            timeouts = timeouts + 1
          end
          conn:rollback()
          assert.equal(i, conn:exec_sql("SELECT $1::int", { i }):scalar())
        end
        assert.is_true(timeouts > 0)
      end)
    end)

    for _, wrong in ipairs{ -1, 0, "1", true } do
      it("that is no " .. tostring(wrong), function()
        engine:connect(function(conn)
          local _, err = pg.try(conn.execution_options, conn, { timeout = wrong })
          assert.equal("execution_options: timeout: expected a positive number of seconds, or false, got "
            .. tostring(wrong), err.message)
          _, err = pg.try(conn.execute, conn, pg.text "SELECT 1":execution_options{ timeout = wrong })
          assert.equal("ArgumentError", err.class)
        end)
      end)
    end
  end)

  it("is stopped by the server after the engine's statement_timeout", function()
    local limited = pg.create_engine(url, { statement_timeout = 0.25 })
    limited:connect(function(conn)
      assert.equal("250ms", conn:exec_sql("SHOW statement_timeout"):scalar())
      local _, err = pg.try(conn.exec_sql, conn, "SELECT pg_sleep(20)")
      assert.equal("query_canceled", err.name)
    end)
    limited:dispose()
    local _, err = pg.try(pg.create_engine, url, { statement_timeout = -1 })
    assert.equal("create_engine: statement_timeout: expected seconds, got -1", err.message)
  end)
end)
