-- Requests to cancel go to the server's process, not to a statement: whenever
-- they are sent, they must not hit a later one.

local cancel = require "pgvector.driver.cancel"
local core = require "pgvector.core"
local db = require "spec.support.db"
local execute = require "pgvector.driver.execute"
local loops = require "spec.support.loops"
local pg = require "pgvector"
local pq = require "spec.support.pq"

describe("a request to cancel", function()
  local engine

  setup(function() engine = pg.create_engine(db.url(), { pool_size = 20 }) end)
  teardown(function() engine:dispose() end)

  local function still_works(conn)
    conn:rollback()
    assert.equal(1, conn:exec_sql("SELECT 1"):scalar())
  end

  it("before a statement and after one does nothing", function()
    engine:connect(function(conn)
      for _ = 1, 10 do
        assert.is_false(conn:cancel())
        cancel.request(conn._link) -- the request itself, with nothing to cancel
        assert.equal(1, conn:exec_sql("SELECT 1"):scalar())
      end
    end)
  end)

  it("may be sent again and again", function()
    engine:connect(function(conn)
      local sent = 0
      conn:on_notice(function()
        for _ = 1, 5 do
          assert.is_true(conn:cancel())
          sent = sent + 1
        end
      end)
      local _, err = pg.try(conn.exec_sql, conn, "DO $$ BEGIN RAISE NOTICE 'now'; PERFORM pg_sleep(20); END $$")
      assert.equal("57014", err.sqlstate)
      assert.equal(5, sent)
      still_works(conn)
    end)
  end)

  local function once(fn)
    local done = false
    return function()
      if not done then
        done = true
        fn()
      end
    end
  end

  it("stops COPY in both directions, streams and pipelines", function()
    engine:connect(function(conn)
      conn:exec_sql "CREATE TEMP TABLE numbers (n int)"
      conn:commit()
      local link = conn._link
      local _, err = pg.try(conn.copy_in, conn, "numbers", { "n" }, function(copy)
        copy:write_row(1)
        cancel.request(link)
        for i = 1, 1e6 do copy:write_row(i) end
      end)
      assert.equal("57014", err.sqlstate)
      still_works(conn)
      _, err = pg.try(conn.copy_out, conn, pg.text "SELECT repeat('x', 1000) FROM generate_series(1, 1000000)",
        once(function() cancel.request(link) end))
      assert.equal("57014", err.sqlstate)
      still_works(conn)
      local cancel_once = once(function() cancel.request(link) end)
      _, err = pg.try(function()
        local endless = pg.text "SELECT repeat('x', 1000) FROM generate_series(1, 1000000)"
        for _ in conn:execute(endless:execution_options{ stream_results = true }) do cancel_once() end
      end)
      assert.equal("57014", err.sqlstate)
      still_works(conn)
      conn:on_notice(function() conn:cancel() end)
      _, err = pg.try(conn.pipeline, conn, function(pipeline)
        pipeline:exec_sql "SELECT 1"
        pipeline:exec_sql "DO $$ BEGIN RAISE NOTICE 'now'; PERFORM pg_sleep(20); END $$"
        pipeline:exec_sql "SELECT 2"
      end)
      assert.equal("57014", err.sqlstate)
      still_works(conn)
    end)
  end)

  -- The request arrives at about the time when the statement ends.
  it("never hits the statement after the one that it was sent for", function()
    engine:connect(function(conn)
      local link, canceled, rounds = conn._link, 0, 0
      local started = core.now()
      cancel.request(link)
      local usual, ends = core.now() - started, core.now() + 3 -- what a request takes
      repeat
        rounds = rounds + 1
        assert(link.pg:send_query(("SELECT pg_sleep(%.5f)"):format(usual * (rounds % 10) / 4)))
        link:_flush()
        cancel.request(link)
        local ok, err = pcall(execute.collect, link)
        if not ok then
          assert.equal("57014", err.sqlstate)
          canceled = canceled + 1
        end
        local result = execute.simple(link, "SELECT " .. rounds)
        assert.equal(tostring(rounds), pq.value(result, "text"))
        result:clear()
      until core.now() >= ends
      assert.is_true(rounds < 20 or canceled > 0 and canceled < rounds, canceled .. " of " .. rounds .. " were cancelled")
    end)
  end)

  for _, loop in ipairs(loops) do
    it("finds its statement among many under " .. loop.name, function()
      local stopped, finished = 0, 0
      loop.run(function()
        for i = 1, 20 do
          loop.spawn(function()
            local conn, victim, ended = engine:connect(), i % 2 == 0, false
            if victim then
              loop.spawn(function()
                -- a request that is faster than its statement is lost
                while not ended do loop.sleep(conn:cancel() and 1 or 0.002) end
              end)
            end
            local _, err = pg.try(conn.exec_sql, conn, victim and "SELECT pg_sleep(60)" or "SELECT pg_sleep(0.1)")
            ended = true
            if victim then
              assert.equal("57014", err and err.sqlstate)
              stopped = stopped + 1
            else
              assert.is_nil(err)
              finished = finished + 1
            end
            still_works(conn)
            conn:close()
          end)
        end
      end)
      assert.same({ 10, 10 }, { stopped, finished })
    end)
  end

  it("is refused where there is nothing to send it to", function()
    local conn = engine:connect()
    conn:close()
    local _, err = pg.try(conn.cancel, conn)
    assert.equal("connection is closed", err.message)
    conn = engine:connect()
    db.psql(("SELECT pg_terminate_backend(%d)"):format(conn.info.backend_pid))
    pg.try(conn.exec_sql, conn, "SELECT 1")
    assert.is_false(conn:cancel())
    conn:close()
  end)
end)
