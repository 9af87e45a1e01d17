-- Functions of the user's that raise, wait, or die in the middle of a
-- conversation.

local compat = require "pgvector.compat"
local core = require "pgvector.core"
local db = require "spec.support.db"
local loops = require "spec.support.loops"
local pg = require "pgvector"

local url, drop, engine

setup(function()
  url, drop = db.create()
  db.psql("CREATE TABLE items (id int)", url)
  engine = pg.create_engine(url, { pool_size = 1, max_overflow = 0, warn = function() end })
end)

teardown(function()
  engine:dispose()
  drop()
end)

local numbers = pg.text "SELECT generate_series(1, 200) AS n"
local streamed = numbers:execution_options{ stream_results = true }

-- name → function(conn, fn) that has fn called in the middle
local callbacks = {
  { "copy_out's", function(conn, fn) conn:copy_out(numbers, fn) end },
  { "copy_in's", function(conn, fn)
    conn:copy_in("items", { "id" }, function(copy)
      copy:write_row(1)
      fn()
    end)
  end },
  { "copy_in's iterator", function(conn, fn)
    local n = 0
    conn:copy_in("items", { "id" }, function()
      n = n + 1
      if n == 3 then fn() end
      return n < 5 and { n } or nil
    end)
  end },
  { "the loop over a stream's", function(conn, fn)
    for row in conn:execute(streamed) do if row.n == 3 then fn() end end
  end },
  { "the pipeline's", function(conn, fn)
    conn:pipeline(function(pipeline)
      pipeline:exec_sql "SELECT 1"
      fn()
    end)
  end },
  { "the notice handler", function(conn, fn)
    conn:on_notice(fn)
    conn:exec_sql "DO $$ BEGIN RAISE NOTICE 'a'; END $$"
  end },
  { "the transaction's", function(conn, fn)
    conn:commit()
    conn:begin(function()
      conn:exec_sql "INSERT INTO items VALUES (1)"
      fn()
      conn:exec_sql "DELETE FROM items"
    end)
  end },
  { "the savepoint's", function(conn, fn)
    conn:begin_nested(function()
      conn:exec_sql "INSERT INTO items VALUES (1)"
      fn()
    end)
  end },
}

describe("a function that is called in the middle of something:", function()
  for _, callback in ipairs(callbacks) do
    local name, run = callback[1], callback[2]

    it(name .. " may raise whatever it likes", function()
      for _, mine in ipairs{ "text", 7, { "table" }, false } do
        engine:connect(function(conn)
          conn:exec_sql "SELECT 1"
          local ok, err = pcall(run, conn, function() error(mine, 0) end)
          assert.is_false(ok)
          assert.equal(mine, err)
          conn:on_notice(nil)
          conn:rollback()
          assert.equal(0, conn:exec_sql("SELECT count(*) FROM items"):scalar())
        end)
      end
      assert.equal(1, engine:pool_status().checked_in)
    end)

    it(name .. " may not use the connection before its time, and does no harm by trying", function()
      engine:connect(function(conn)
        pcall(run, conn, function() pcall(conn.exec_sql, conn, "SELECT 'in between'") end)
        conn:on_notice(nil)
        conn:rollback()
        assert.equal(1, conn:exec_sql("SELECT 1"):scalar())
      end)
      assert.equal(1, engine:pool_status().checked_in)
    end)

    it(name .. " may close the connection", function()
      local conn = engine:connect()
      pcall(run, conn, function() conn:close() end)
      conn:close()
      assert.equal(0, engine:pool_status().checked_out)
      assert.equal(1, engine:connect(function(other) return other:exec_sql("SELECT 1"):scalar() end))
    end)

    for _, loop in ipairs(loops) do
      it(name .. " may wait under " .. loop.name, function()
        loop.run(function()
          engine:connect(function(conn)
            run(conn, function() loop.sleep(0.002) end)
            conn:on_notice(nil)
            conn:rollback()
            assert.equal(1, conn:exec_sql("SELECT 1"):scalar())
          end)
        end)
      end)
    end

    if compat.can_yield_in_pcall then
      it(name .. " may never come back", function()
        local co = coroutine.create(function()
          engine:connect(function(conn) run(conn, coroutine.yield) end)
        end)
        assert(coroutine.resume(co))
        assert.equal("suspended", coroutine.status(co))
        local close = rawget(coroutine, "close")
        if close then close(co) end
        co = nil -- luacheck: ignore 311
        collectgarbage()
        collectgarbage()
        assert.equal(0, engine:pool_status().checked_out)
        assert.equal(1, engine:connect(function(conn) return conn:exec_sql("SELECT 1"):scalar() end))
      end)
    end
  end
end)

describe("a connection between two users", function()
  local leftovers = {
    { "an open transaction", function(conn) conn:exec_sql "INSERT INTO items VALUES (1)" end },
    { "a failed transaction", function(conn)
      conn:exec_sql "INSERT INTO items VALUES (1)"
      pg.try(conn.exec_sql, conn, "SELECT 1 / 0")
    end },
    { "a transaction that was begun as SQL", function(conn)
      conn:execution_options{ isolation_level = "AUTOCOMMIT" }
      conn:exec_sql "BEGIN"
      conn:exec_sql "INSERT INTO items VALUES (1)"
    end },
    { "settings of a transaction", function(conn) conn:exec_sql "SET LOCAL search_path = nowhere" end },
    { "an advisory lock", function(conn)
      conn:advisory_lock "mine"
      conn:commit()
    end },
    { "a subscription", function(conn)
      conn:listen "news"
      conn:commit()
    end },
    { "a cursor", function(conn) conn:cursor(numbers):fetchmany(2) end },
    { "a half-read stream", function(conn) conn:execute(streamed):fetchmany(2) end },
    { "a time limit, a notice handler and an isolation level", function(conn)
      conn:execution_options{ timeout = 0.001, isolation_level = "SERIALIZABLE", readonly = true }
      conn:on_notice(function() error "not mine" end)
    end },
  }
  for _, leftover in ipairs(leftovers) do
    it("passes on nothing of " .. leftover[1], function()
      local conn = engine:connect()
      leftover[2](conn)
      conn:close()
      engine:connect(function(other)
        assert.is_nil(other:exec_sql("SELECT pg_current_xact_id_if_assigned()::text"):scalar())
        other:rollback()
        assert.equal(0, other:exec_sql("SELECT count(*) FROM items"):scalar())
        assert.equal(0, other:exec_sql("SELECT count(*) FROM pg_cursors WHERE name <> ''"):scalar())
        assert.equal(0, other:exec_sql("SELECT count(*) FROM pg_locks "
          .. "WHERE locktype = 'advisory' AND pid = pg_backend_pid()"):scalar())
        assert.equal(0, other:exec_sql("SELECT count(*) FROM pg_listening_channels()"):scalar())
        assert.equal("read committed", other:exec_sql("SHOW transaction_isolation"):scalar())
        assert.equal("off", other:exec_sql("SHOW transaction_read_only"):scalar())
        assert.truthy(other:exec_sql("SHOW search_path"):scalar():find("public", 1, true))
        other:exec_sql "DO $$ BEGIN RAISE NOTICE 'a'; PERFORM pg_sleep(0.01); END $$"
      end)
      assert.equal(0, engine:pool_status().checked_out)
    end)
  end
end)

describe("the collector", function()
  it("may run at every step", function()
    local pause = collectgarbage("setpause", 1)
    local step = collectgarbage("setstepmul", 1000000)
    finally(function()
      collectgarbage("setpause", pause)
      collectgarbage("setstepmul", step)
    end)
    engine:connect(function(conn)
      for i = 1, 5 do
        local row = conn:exec_sql("SELECT $1::int AS n, '[1,2,3]'::vector AS v, ARRAY['a', 'b'] AS a", { i }):one()
        assert.same({ i, "[1,2,3]", { "a", "b" } }, { row.n, tostring(row.v), row.a })
        local n = 0
        for _ in conn:execute(streamed) do n = n + 1 end
        assert.equal(200, n)
        assert.equal(3, conn:copy_in("items", { "id" }, { { 1 }, { 2 }, { 3 } }))
        conn:rollback()
      end
    end)
  end)

  it("takes connections, results, cursors and COPYs in any state", function()
    for i = 1, #callbacks do
      local conn = engine:connect()
      local kept = {}
      if i == 1 then kept[1] = conn:exec_sql "SELECT 1" end
      if i == 2 then kept[1] = conn:cursor(numbers) end
      if i == 3 then kept[1] = conn:execute(streamed) end
      if i == 4 then kept[1] = conn:copy_out(numbers) end
      if i == 5 then kept[1] = core.copy_buffer(core.encoder{ { kind = "int4" } }, "binary") end
      if i == 6 then assert(conn._link.pg:send_query "SELECT pg_sleep(10)") end
      assert.is_true(#kept <= 1)
      kept, conn = nil, nil -- luacheck: ignore 311
      collectgarbage()
      collectgarbage()
      assert.equal(0, engine:pool_status().checked_out)
    end
    assert.equal(1, engine:connect(function(conn) return conn:exec_sql("SELECT 1"):scalar() end))
  end)
end)
