--- The pool among coroutines: who waits, who is served, who is given up.

local core = require "pgvector.core"
local db = require "spec.support.db"
local loops = require "spec.support.loops"
local pg = require "pgvector"

local url = db.url()

for _, loop in ipairs(loops) do
  describe("an exhausted pool under " .. loop.name, function()
    local engine, warnings
    local function make(options)
      warnings = {}
      options.warn = function(message) warnings[#warnings + 1] = message end
      engine = pg.create_engine(url, options)
    end
    local function status() return engine:pool_status() end
    after_each(function()
      engine:dispose()
      assert.same({ 0, 0 }, { status().checked_in, status().checked_out })
    end)

    it("serves those who wait in order, with the same connection", function()
      make{ pool_size = 1, max_overflow = 0 }
      local served, pids = {}, {}
      loop.run(function()
        for i = 1, 5 do
          loop.spawn(function()
            engine:connect(function(conn)
              served[#served + 1] = i
              pids[conn:exec_sql("SELECT pg_backend_pid() FROM pg_sleep(0.05)"):scalar()] = true
            end)
          end)
          loop.sleep(0.01) -- a loop may start them in another order
        end
      end)
      assert.same({ 1, 2, 3, 4, 5 }, served)
      assert.not_nil(next(pids))
      assert.is_nil(next(pids, (next(pids))))
      assert.same({ size = 1, checked_in = 1, checked_out = 0, overflow = 0 }, status())
    end)

    it("never lets a newcomer pass those who wait", function()
      make{ pool_size = 1, max_overflow = 0 }
      local served = {}
      loop.run(function()
        local conn = engine:connect()
        loop.spawn(function() engine:connect(function() served[#served + 1] = "waited" end) end)
        loop.sleep(0.05)
        conn:close()
        engine:connect(function() served[#served + 1] = "newcomer" end)
      end)
      assert.same({ "waited", "newcomer" }, served)
    end)

    it("gives up after pool_timeout, in SQLAlchemy's words", function()
      make{ pool_size = 1, max_overflow = 0, pool_timeout = 0.1 }
      loop.run(function()
        local conn = engine:connect()
        local started = core.now()
        local _, err = pg.try(engine.connect, engine)
        assert.equal("TimeoutError", err.class)
        assert.equal("pool limit of size 1 overflow 0 reached, connection timed out, timeout 0.10", err.message)
        assert.is_true(core.now() - started >= 0.09)
        conn:close()
        engine:connect(function(again) assert.equal(1, again:exec_sql("SELECT 1"):scalar()) end)
      end)
      assert.same({ size = 1, checked_in = 1, checked_out = 0, overflow = 0 }, status())
    end)

    it("skips those who have given up", function()
      -- who is about to give up collects garbage, of which there is much among many specs
      make{ pool_size = 1, max_overflow = 0, pool_timeout = 3 }
      local served = {}
      loop.run(function()
        local conn = engine:connect()
        loop.spawn(function() served[1] = pcall(engine.connect, engine, function() end) end)
        loop.sleep(2)
        loop.spawn(function() served[2] = pcall(engine.connect, engine, function() end) end)
        repeat loop.sleep(0.02) until served[1] ~= nil
        conn:close()
      end)
      assert.same({ false, true }, served)
    end)

    it("keeps its count when connections come back just as others give up", function()
      make{ pool_size = 2, max_overflow = 0, pool_timeout = 0.01 }
      local served, refused = 0, 0
      loop.run(function()
        for _ = 1, 20 do
          loop.spawn(function()
            for _ = 1, 20 do
              local ok, err = pcall(engine.connect, engine, function() loop.sleep(0.01) end)
              if ok then served = served + 1 else refused = refused + (err.class == "TimeoutError" and 1 or 0) end
            end
          end)
        end
      end)
      assert.equal(400, served + refused)
      assert.is_true(served > 0 and refused > 0)
      assert.equal(0, status().checked_out)
      assert.is_true(status().checked_in <= 2)
    end)

    it("lets the next one try when connecting fails", function()
      make{ pool_size = 1, max_overflow = 0 }
      engine = pg.create_engine("postgresql:///nowhere?host=/nonexistent", { pool_size = 1, max_overflow = 0 })
      local classes = {}
      local open = engine._pool.calls.open
      engine._pool.calls.open = function()
        loop.sleep(0.02) -- so that the others queue up
        return open()
      end
      loop.run(function()
        for i = 1, 4 do
          loop.spawn(function()
            local _, err = pg.try(engine.connect, engine)
            classes[i] = err.class
          end)
        end
      end)
      assert.same({ "OperationalError", "OperationalError", "OperationalError", "OperationalError" }, classes)
      assert.equal(0, status().checked_out)
    end)

    it("serves one who waits when a connection comes back unfit", function()
      make{ pool_size = 1, max_overflow = 0 }
      loop.run(function()
        local conn = engine:connect()
        local first, second = conn.info.backend_pid, nil
        loop.spawn(function()
          second = engine:connect(function(other) return other.info.backend_pid end)
        end)
        loop.sleep(0.02)
        conn:invalidate()
        loop.sleep(0.2)
        assert.not_nil(second)
        assert.not_equal(first, second)
        conn:close()
      end)
    end)

    it("finds the place of a connection that was forgotten", function()
      make{ pool_size = 1, max_overflow = 0, pool_timeout = 0.1 }
      loop.run(function()
        loop.spawn(function() engine:connect():exec_sql("SELECT 1") end)
        loop.sleep(0.1)
        engine:connect(function(conn) assert.equal(1, conn:exec_sql("SELECT 1"):scalar()) end)
      end)
      assert.same({ "a connection was not given back to the pool: it was collected without close()" }, warnings)
      assert.same({ size = 1, checked_in = 1, checked_out = 0, overflow = 0 }, status())
    end)

    if loop.abandon then
      it("discards the connection of a coroutine that was killed in a query", function()
        make{ pool_size = 1, max_overflow = 0, pool_timeout = 0.1 }
        loop.run(function()
          loop.abandon(function()
            engine:connect(function(conn) conn:exec_sql("SELECT pg_sleep(10)") end)
          end)
          assert.equal(1, status().checked_out)
          assert.equal(2, engine:connect(function(conn) return conn:exec_sql("SELECT 2"):scalar() end))
        end)
        assert.equal(1, #warnings)
        assert.same({ size = 1, checked_in = 1, checked_out = 0, overflow = 0 }, status())
      end)

      it("does not reuse a connection on which a query was cut off", function()
        make{ pool_size = 1, max_overflow = 0 }
        loop.run(function()
          local conn = engine:connect()
          loop.abandon(function() conn:exec_sql("SELECT pg_sleep(10)") end)
          local _, err = pg.try(conn.exec_sql, conn, "SELECT 1")
          assert.equal("another query is in progress on this connection", err.message)
          conn:close()
          assert.same({ size = 1, checked_in = 0, checked_out = 0, overflow = 0 }, status())
          assert.equal(2, engine:connect(function(other) return other:exec_sql("SELECT 2"):scalar() end))
        end)
      end)

      it("passes over those in the queue whose coroutine was killed", function()
        make{ pool_size = 1, max_overflow = 0 }
        loop.run(function()
          local conn = engine:connect()
          loop.abandon(function() engine:connect() end)
          local served
          loop.spawn(function()
            served = engine:connect(function(other) return other:exec_sql("SELECT 1"):scalar() end)
          end)
          loop.sleep(0.05)
          collectgarbage()
          collectgarbage()
          conn:close()
          loop.sleep(0.2)
          assert.equal(1, served)
        end)
        assert.same({ size = 1, checked_in = 1, checked_out = 0, overflow = 0 }, status())
      end)

      it("takes a place back that was handed to a coroutine killed before it could run", function()
        make{ pool_size = 1, max_overflow = 0, pool_timeout = 0.3 }
        loop.run(function()
          local conn = engine:connect()
          loop.abandon(function() engine:connect() end)
          conn:close() -- the queue's first may look alive until it is collected
          assert.equal(1, engine:connect(function(other) return other:exec_sql("SELECT 1"):scalar() end))
        end)
        assert.same({}, warnings)
        assert.same({ size = 1, checked_in = 1, checked_out = 0, overflow = 0 }, status())
      end)
    end
  end)
end

describe("a connection that was forgotten", function()
  local function forget(engine, n)
    for _ = 1, n do
      local conn = engine:connect()
      conn:exec_sql("SELECT 1")
    end
  end

  it("is closed, told of, and leaves the count", function()
    local warnings = {}
    local engine = pg.create_engine(url, { warn = function(message) warnings[#warnings + 1] = message end })
    forget(engine, 3)
    collectgarbage()
    collectgarbage()
    assert.same({ size = 5, checked_in = 0, checked_out = 0, overflow = 0 }, engine:pool_status())
    assert.equal(3, #warnings)
  end)

  it("is looked for before a pool is said to be exhausted", function()
    local engine = pg.create_engine(url, { pool_size = 2, max_overflow = 0, warn = function() end })
    forget(engine, 2)
    assert.equal(1, engine:connect(function(conn) return conn:exec_sql("SELECT 1"):scalar() end))
    engine:dispose()
  end)

  it("is not one that was closed", function()
    local warnings = 0
    local engine = pg.create_engine(url, { warn = function() warnings = warnings + 1 end })
    for _ = 1, 20 do engine:connect(function(conn) conn:exec_sql("SELECT 1") end) end
    collectgarbage()
    collectgarbage()
    assert.same({ size = 5, checked_in = 1, checked_out = 0, overflow = 0 }, engine:pool_status())
    assert.equal(0, warnings)
    engine:dispose()
  end)

  it("does not disturb the server when the collector runs", function()
    local engine = pg.create_engine(url, { warn = function() end })
    local pid
    do
      local conn = engine:connect()
      pid = conn:exec_sql("SELECT pg_backend_pid()"):scalar()
      conn = nil -- luacheck: ignore 311
    end
    collectgarbage()
    collectgarbage()
    local alive = ("SELECT count(*) FROM pg_stat_activity WHERE pid = %d"):format(pid)
    assert.equal("1", db.psql(alive), "it is closed at the pool's next operation, not before")
    engine:pool_status()
    local left
    for _ = 1, 50 do -- the server notices in its own time
      left = db.psql(alive)
      if left == "0" then break end
    end
    assert.equal("0", left)
  end)
end)
