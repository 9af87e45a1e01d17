--- What the server does to connections: it ends them, loses them, makes them
-- wait; and what the pool makes of it.

local cluster = require "spec.support.cluster"
local core = require "pgvector.core"
local loops = require "spec.support.loops"
local pg = require "pgvector"
local socket = require "socket"

describe("a server of its own", function()
  local server, engine

  setup(function() server = cluster.start{ deadlock_timeout = "50ms" } end)
  teardown(function() server.remove() end)
  after_each(function()
    if engine then
      engine:dispose()
      assert.same({ 0, 0 }, { engine:pool_status().checked_in, engine:pool_status().checked_out })
    end
    engine = nil
  end)

  -- An engine whose sessions have these settings.
  local function make(options, settings)
    local words = {}
    for _, setting in ipairs(settings or {}) do words[#words + 1] = "-c " .. setting end
    options = options or {}
    options.connect_args = { options = table.concat(words, " ") }
    engine = pg.create_engine(server.url, options)
    return engine
  end

  local function pid(conn) return conn:exec_sql("SELECT pg_backend_pid()"):scalar() end

  -- Opens n connections that then rest in the pool.
  local function fill(of, n)
    local conns, pids = {}, {}
    for i = 1, n do
      conns[i] = of:connect()
      pids[pid(conns[i])] = true
    end
    for _, conn in ipairs(conns) do conn:close() end
    return pids
  end

  local function terminate(backend) server.psql(("SELECT pg_terminate_backend(%d, 5000)"):format(backend)) end

  describe("that is restarted", function()
    local tested, trusted, resting
    local while_down = {}

    setup(function()
      tested = pg.create_engine(server.url, { pool_pre_ping = true, pool_size = 3 })
      trusted = pg.create_engine(server.url, { pool_size = 3 })
      resting = { tested = fill(tested, 3), trusted = fill(trusted, 3) }
      server.psql("CREATE TABLE done (what text)")
      tested:connect(function(conn)
        conn:execution_options{ isolation_level = "AUTOCOMMIT" }
        for _, sql in ipairs{ "BEGIN", "INSERT INTO done VALUES ('both phases')", "PREPARE TRANSACTION 'ours'" } do
          conn:exec_sql(sql)
        end
      end)
      server.stop()
      local cpu, started = os.clock(), core.now()
      for i = 1, 3 do
        while_down[i] = select(2, pg.try(tested.connect, tested))
        assert.equal(0, tested:pool_status().checked_out)
      end
      while_down.cpu, while_down.seconds = os.clock() - cpu, core.now() - started
      server.start()
    end)
    teardown(function()
      tested:dispose()
      trusted:dispose()
    end)

    it("is missed by nobody who tests connections before use", function()
      local conns = {}
      for i = 1, 3 do
        conns[i] = tested:connect()
        assert.is_nil(resting.tested[pid(conns[i])])
      end
      for _, conn in ipairs(conns) do conn:close() end
      assert.same({ size = 3, checked_in = 3, checked_out = 0, overflow = 0 }, tested:pool_status())
    end)

    it("costs those who do not one error, whatever number of connections rested", function()
      local failures = 0
      for _ = 1, 4 do
        local ok, err = pcall(trusted.connect, trusted, function(conn) assert.is_nil(resting.trusted[pid(conn)]) end)
        if not ok then
          failures = failures + 1
          assert.equal("OperationalError", err.class)
          assert.is_true(err.is_disconnect)
        end
      end
      assert.equal(1, failures)
      assert.same({ size = 3, checked_in = 1, checked_out = 0, overflow = 0 }, trusted:pool_status())
    end)

    it("is not waited for while it is down", function()
      for i = 1, 3 do
        assert.equal("OperationalError", while_down[i].class)
        assert.is_true(while_down[i].is_disconnect)
        assert.matches("Is the server running", while_down[i].message)
      end
      assert.is_true(while_down.seconds < 5)
      assert.is_true(while_down.cpu < 1)
    end)

    it("keeps transactions that were prepared for a second phase", function()
      tested:connect(function(conn)
        conn:execution_options{ isolation_level = "AUTOCOMMIT" }
        assert.same({ "ours" }, conn:exec_sql("SELECT gid FROM pg_prepared_xacts"):scalars():all())
        assert.equal(0, conn:exec_sql("SELECT count(*) FROM done"):scalar())
        conn:exec_sql("COMMIT PREPARED 'ours'")
        assert.equal("both phases", conn:exec_sql("SELECT what FROM done"):scalar())
      end)
    end)
  end)

  describe("that ends a connection", function()
    it("at rest raises its reason at the next statement, once", function()
      make()
      local conn = engine:connect()
      terminate(pid(conn))
      local _, err = pg.try(conn.exec_sql, conn, "SELECT 1")
      assert.equal("57P01", err.sqlstate)
      assert.is_true(err.is_disconnect)
      _, err = pg.try(conn.exec_sql, conn, "SELECT 1")
      assert.equal("InterfaceError", err.class)
      conn:close()
      assert.equal(0, engine:pool_status().checked_in)
      assert.equal(1, engine:connect(function(other) return other:exec_sql("SELECT 1"):scalar() end))
    end)

    it("in the pool is noticed there with pool_pre_ping", function()
      make{ pool_pre_ping = true, pool_size = 1 }
      local first = engine:connect(pid)
      terminate(first)
      assert.not_equal(first, engine:connect(pid))
    end)

    it("in the middle of a statement of its own raises the reason", function()
      make()
      local conn = engine:connect()
      local _, err = pg.try(conn.exec_sql, conn, "SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(10)")
      assert.equal("57P01", err.sqlstate)
      assert.is_true(err.is_disconnect)
      conn:close()
      conn:close()
    end)

    it("in the middle of a result raises it, after the rows that came", function()
      make()
      local conn = engine:connect()
      conn:execution_options{ stream_results = true }
      local backend = pid(conn)
      local result = conn:exec_sql("SELECT repeat('x', 1000) FROM generate_series(1, 100000)")
      assert.equal(1, #result:fetchmany(1))
      terminate(backend)
      local ok, err = pcall(function()
        for _ in result do end -- luacheck: ignore 542
      end)
      assert.is_false(ok)
      assert.is_true(err.is_disconnect)
      assert.equal("OperationalError", err.class)
      conn:close()
      assert.equal(0, engine:pool_status().checked_out)
      assert.equal(1, engine:connect(function(other) return other:exec_sql("SELECT 1"):scalar() end))
    end)

    it("that was idle in a transaction for too long raises 25P03", function()
      make({}, { "idle_in_transaction_session_timeout=100ms" })
      local conn = engine:connect()
      conn:exec_sql("SELECT 1")
      socket.sleep(0.5)
      local _, err = pg.try(conn.exec_sql, conn, "SELECT 2")
      assert.equal("25P03", err.sqlstate)
      assert.equal("idle_in_transaction_session_timeout", err.name)
      assert.is_true(err.is_disconnect)
      conn:close()
    end)

    it("that was idle for too long raises 57P05, or is replaced with pool_pre_ping", function()
      for _, tested in ipairs{ false, true } do
        make({ pool_pre_ping = tested }, { "idle_session_timeout=100ms" })
        local first = engine:connect(pid)
        socket.sleep(0.5)
        local second, err = pg.try(engine.connect, engine, pid)
        if tested then
          assert.not_equal(first, second)
        else
          assert.equal("57P05", err.sqlstate)
          assert.is_true(err.is_disconnect)
        end
        engine:dispose()
      end
    end)
  end)

  describe("that stops a statement", function()
    setup(function() server.psql("CREATE TABLE places (id int PRIMARY KEY, n int)", "INSERT INTO places VALUES (1, 0), (2, 0)") end)

    it("after statement_timeout leaves the connection usable", function()
      make({}, { "statement_timeout=50ms" })
      engine:connect(function(conn)
        conn:exec_sql("SELECT 1")
        local _, err = pg.try(conn.exec_sql, conn, "SELECT pg_sleep(10)")
        assert.equal("57014", err.sqlstate)
        assert.equal("OperationalError", err.class)
        assert.is_nil(err.is_disconnect)
        conn:rollback()
        assert.equal(1, conn:exec_sql("SELECT 1"):scalar())
      end)
    end)

    it("after lock_timeout raises 55P03", function()
      make({}, { "lock_timeout=50ms" })
      engine:connect(function(one)
        one:exec_sql("UPDATE places SET n = n WHERE id = 1")
        engine:connect(function(other)
          local _, err = pg.try(other.exec_sql, other, "UPDATE places SET n = n WHERE id = 1")
          assert.equal("lock_not_available", err.name)
          assert.is_nil(err.is_disconnect)
          one:rollback()
          other:exec_sql("UPDATE places SET n = n WHERE id = 1")
        end)
      end)
    end)

    for _, loop in ipairs(loops) do
      it("because of a deadlock has it repeated by engine:retry under " .. loop.name, function()
        make()
        server.psql("UPDATE places SET n = 0")
        local attempts, victims = 0, 0
        loop.run(function()
          for i = 1, 2 do
            loop.spawn(function()
              engine:retry(function(conn)
                attempts = attempts + 1
                conn:exec_sql("UPDATE places SET n = n + 1 WHERE id = $1", { i })
                if attempts <= 2 then loop.sleep(0.2) end
                local ok, err = pcall(conn.exec_sql, conn, "UPDATE places SET n = n + 1 WHERE id = $1", { 3 - i })
                if not ok then
                  assert.equal("40P01", err.sqlstate)
                  victims = victims + 1
                  error(err, 0)
                end
              end)
            end)
          end
        end)
        assert.is_true(victims >= 1)
        assert.equal("2\n2", server.psql("SELECT n FROM places"))
      end)
    end
  end)

  describe("whose pool", function()
    it("has a place left after an overflow connection was refused", function()
      server.psql("CREATE ROLE fickle LOGIN")
      engine = pg.create_engine(server.url:gsub("user=postgres", "user=fickle"), { pool_size = 1, max_overflow = 1 })
      local first = engine:connect()
      server.psql("ALTER ROLE fickle NOLOGIN")
      for _ = 1, 3 do
        local _, err = pg.try(engine.connect, engine)
        assert.equal("28000", err.sqlstate)
        assert.equal(1, engine:pool_status().checked_out)
      end
      server.psql("ALTER ROLE fickle LOGIN")
      local second = engine:connect()
      assert.same({ size = 1, checked_in = 0, checked_out = 2, overflow = 1 }, engine:pool_status())
      first:close()
      second:close()
    end)

    it("leaves a transaction open with pool_reset_on_return = false, and ends it otherwise", function()
      for _, reset in ipairs{ "rollback", false } do
        make{ pool_size = 1, pool_reset_on_return = reset }
        engine:connect(function(conn)
          conn:execution_options{ isolation_level = "AUTOCOMMIT" }
          conn:exec_sql("BEGIN")
          conn:exec_sql("CREATE TEMPORARY TABLE left_open (id int)")
        end)
        engine:connect(function(conn)
          conn:execution_options{ isolation_level = "AUTOCOMMIT" }
          assert.equal(not reset, conn:exec_sql("SELECT to_regclass('left_open') IS NOT NULL"):scalar())
        end)
        engine:dispose()
      end
    end)

    it("takes no notice of what is done with a closed connection", function()
      make()
      local conn = engine:connect()
      conn:exec_sql("SELECT 1")
      conn:close()
      for _, call in ipairs{ { "exec_sql", "SELECT 1" }, { "begin" }, { "commit" }, { "rollback" }, { "cancel" },
        { "begin_nested" }, { "invalidate" }, { "notifications", 0 }, { "listen", "x" }, { "execution_options", {} } } do
        local _, err = pg.try(conn[call[1]], conn, call[2])
        assert.equal("InterfaceError", err.class, call[1])
        assert.equal("connection is closed", err.message, call[1])
      end
      conn:close()
      assert.same({ size = 5, checked_in = 1, checked_out = 0, overflow = 0 }, engine:pool_status())
    end)

    for _, loop in ipairs(loops) do
      it("counts right when it serves thousands who are just giving up, under " .. loop.name, function()
        make{ pool_size = 2, max_overflow = 0, pool_timeout = 0.002 }
        fill(engine, 2)
        local served, refused = 0, 0
        loop.run(function()
          for i = 1, 20 do
            loop.spawn(function()
              for round = 1, 150 do
                local ok, err = pcall(engine.connect, engine, function() loop.sleep((i + round) % 4 * 0.001) end)
                if ok then
                  served = served + 1
                else
                  assert.equal("TimeoutError", err.class)
                  refused = refused + 1
                end
              end
            end)
          end
        end)
        assert.equal(3000, served + refused)
        assert.is_true(served > 0 and refused > 0)
        assert.same({ size = 2, checked_in = 2, checked_out = 0, overflow = 0 }, engine:pool_status())
      end)

      it("gives the place of one whose connecting hangs to the next, under " .. loop.name, function()
        local deaf = assert(socket.bind("127.0.0.1", 0))
        local _, port = deaf:getsockname()
        engine = pg.create_engine(("postgresql://127.0.0.1:%d/d?connect_timeout=0.2"):format(port),
          { pool_size = 1, max_overflow = 0 })
        local messages = {}
        loop.run(function()
          for i = 1, 3 do
            loop.spawn(function()
              local _, err = pg.try(engine.connect, engine)
              messages[i] = err.message
            end)
          end
        end)
        deaf:close()
        for i = 1, 3 do assert.matches("failed: connection timed out", messages[i]) end
        assert.equal(0, engine:pool_status().checked_out)
      end)
    end
  end)

  describe("that takes no new connections, not even for a cancel request,", function()
    local cancel = require "pgvector.driver.cancel"
    local patience, postmaster

    setup(function()
      patience = cancel.PATIENCE
      local file = assert(io.open(server.psql("SHOW data_directory") .. "/postmaster.pid"))
      postmaster = file:read("*n")
      file:close()
    end)
    local function stop() os.execute(("kill -STOP %d"):format(postmaster)) end
    local function go_on() os.execute(("kill -CONT %d"):format(postmaster)) end
    after_each(function()
      go_on()
      cancel.PATIENCE = patience
    end)

    it("costs a statement at its deadline the connection, after a while", function()
      make()
      engine:connect(function(conn)
        conn:exec_sql("SELECT 1")
        conn:execution_options{ timeout = 0.1 }
        cancel.PATIENCE = 0.3
        stop()
        local started = core.now()
        local _, err = pg.try(conn.exec_sql, conn, "SELECT pg_sleep(30)")
        assert.equal("TimeoutError", err.class)
        assert.is_true(err.is_disconnect)
        assert.is_true(core.now() - started < 10)
      end)
      assert.equal(0, engine:pool_status().checked_in)
    end)

    for _, loop in ipairs(loops) do
      it("holds up nobody else in " .. loop.name, function()
        make()
        local ticks, _, failure
        cancel.PATIENCE = 0.5
        loop.run(function()
          local conn = engine:connect()
          conn:exec_sql("SELECT 1")
          stop()
          loop.spawn(function() pcall(conn.exec_sql, conn, "SELECT pg_sleep(1)") end)
          loop.sleep(0.1)
          ticks = loop.ticks_during(function() _, failure = pg.try(conn.cancel, conn) end)
          go_on()
          loop.sleep(1)
          conn:close()
        end)
        assert.equal("TimeoutError", failure.class)
        assert.equal("the server did not answer the cancel request in time", failure.message)
        assert.is_true(ticks >= 10, "others ran " .. ticks .. " times")
        assert.same({ size = 5, checked_in = 0, checked_out = 0, overflow = 0 }, engine:pool_status())
      end)

      it("delays the next statement in " .. loop.name .. " until it has taken the request", function()
        make()
        loop.run(function()
          local conn = engine:connect()
          conn:exec_sql("SELECT 1")
          stop()
          loop.spawn(function()
            loop.sleep(0.1)
            conn:cancel()
          end)
          loop.spawn(function()
            loop.sleep(1)
            go_on()
          end)
          conn:exec_sql("SELECT pg_sleep(0.5)") -- ends before the request arrives
          assert.equal(2, conn:exec_sql("SELECT 2 FROM pg_sleep(0.2)"):scalar())
          conn:close()
        end)
      end)
    end
  end)
end)
