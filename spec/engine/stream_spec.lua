local db = require "spec.support.db"
local pg = require "pgvector"

describe("a streaming result", function()
  local engine, drop

  setup(function()
    local url
    url, drop = db.create()
    engine = pg.create_engine(url)
    engine:begin(function(conn)
      conn:exec_sql "CREATE TABLE items (id int PRIMARY KEY, v vector(2))"
      conn:exec_sql("CREATE FUNCTION fail_at(i int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN "
        .. "IF i = 500 THEN RAISE EXCEPTION 'no more'; END IF; RETURN i; END $$")
    end)
  end)

  teardown(function()
    engine:dispose()
    drop()
  end)

  after_each(function() assert.equal(0, engine:pool_status().checked_out) end)

  local function series(n, more)
    return pg.text(("SELECT i, i %% 3 AS r, NULL::int AS z, 'row ' || i AS t FROM generate_series(1, %d) i %s")
      :format(n, more or "")):execution_options{ stream_results = true }
  end
  local big = series(1000000)

  local function usable(conn) assert.equal(7, conn:exec_sql("SELECT 7"):scalar()) end

  -- Every way to read gives what it gives on a result that has arrived.
  local ways = {
    all = function(r) return r:all() end,
    first = function(r) return r:first() end,
    one_or_none = function(r) return select(2, pg.try(r.one_or_none, r)) and "many" or "one" end,
    scalar = function(r) return r:scalar() end,
    scalars = function(r) return r:scalars("t"):all() end,
    ["nulls as scalars"] = function(r) return r:scalars("z"):all() end,
    mappings = function(r) return r:mappings():all() end,
    keys = function(r)
      local keys = r:keys()
      r:close()
      return keys
    end,
    columns = function(r) return r:columns("t", 1):all() end,
    unique = function(r) return r:scalars("r"):unique():all() end,
    ["unique, some"] = function(r)
      local items = r:scalars("r"):unique():fetchmany(2)
      r:close()
      return items
    end,
    partitions = function(r)
      local sizes = {}
      for rows in r:partitions(110) do sizes[#sizes + 1] = #rows .. "/" .. rows[1].i end
      return sizes
    end,
    fetchmany = function(r) return { r:fetchmany(3), r:fetchmany(200), r:fetchmany(500), r:fetchmany(1) } end,
    tuples = function(r)
      local seen = {}
      for n, i, rest, z, t in r:tuples() do seen[n] = { i, rest, z == nil, t } end
      return seen
    end,
    iteration = function(r)
      local seen = {}
      for row in r do seen[#seen + 1] = row end
      return seen
    end,
    mixture = function(r) return { r:fetchmany(2), r:scalars():fetchmany(2), r:mappings():fetchmany(1), r:all() } end,
  }
  for name, way in pairs(ways) do
    for _, n in ipairs{ 0, 1, 250 } do
      it(("is read like any other: %s of %d rows"):format(name, n), function()
        engine:connect(function(conn)
          local streamed = way(conn:execute(series(n)))
          usable(conn)
          assert.same(way(conn:execute(series(n):execution_options{ stream_results = false })), streamed)
        end)
      end)
    end
  end

  it("has the statement's types and parameters", function()
    engine:connect(function(conn)
      conn:exec_sql "INSERT INTO items SELECT i, array[i, 1]::vector FROM generate_series(1, 10) i"
      local items = pg.table("items", pg.column("id", pg.Integer), pg.column("v", pg.VECTOR(2)))
      local stmt = pg.select(items):where(items.c.id:ge(pg.bindparam "low")):order_by(items.c.id)
        :execution_options{ yield_per = 2 }
      local result = conn:execute(stmt, { low = 9 })
      local _, err = pg.try(conn.exec_sql, conn, "SELECT 1")
      assert.equal("this connection is busy with a stream of rows", err.message)
      assert.equal(-1, result.rowcount)
      assert.equal("[9,1]", tostring(result().v))
      assert.equal(10, result().id)
      assert.is_nil(result())
      usable(conn)
    end)
  end)

  it("comes from raw SQL when the connection's options say so", function()
    engine:connect(function(conn)
      conn:execution_options{ stream_results = true }
      local result = conn:exec_sql("SELECT i, $2::text AS t FROM generate_series(1, $1::int) i", { 300, "x" })
      assert.is_false((pcall(conn.exec_sql, conn, "SELECT 1")))
      assert.equal(300, #result:all())
      assert.equal(1, conn:exec_sql("INSERT INTO items VALUES (1000, NULL)").rowcount)
      assert.equal(1000, conn:exec_sql("INSERT INTO items VALUES (1001, NULL), (1002, NULL) RETURNING id - 1"):first()[1])
      assert.equal(3, conn:exec_sql("SELECT count(*) FROM items WHERE id >= 1000"):scalar())
      conn:execution_options{ stream_results = false }
      conn:exec_sql "SELECT 1 UNION SELECT 2"
      usable(conn)
    end)
  end)

  it("takes little memory, however many rows there are", function()
    engine:connect(function(conn)
      for _, way in ipairs{ "iteration", "tuples", "partitions" } do
        collectgarbage()
        local before, highest, count = collectgarbage("count"), 0, 0
        local function step(n)
          count = count + n
          if count % 20000 == 0 then
            collectgarbage()
            highest = math.max(highest, collectgarbage("count"))
          end
        end
        local result = conn:execute(series(300000))
        if way == "iteration" then
          for _ in result do step(1) end
        elseif way == "tuples" then
          for _ in result:tuples() do step(1) end
        else
          for rows in result:partitions(1000) do step(#rows) end
        end
        assert.equal(300000, count)
        assert.is_true(highest - before < 2048, way .. ": " .. highest - before)
      end
    end)
  end)

  local ways_out = {
    close = function(result) result:close() end,
    ["close after some rows"] = function(result)
      for row in result do
        if row.i == 1000 then break end
      end
      result:close()
    end,
    first = function(result) assert.equal(1, result:first().i) end,
    scalar = function(result) assert.equal(1, result:scalar()) end,
    one = function(result) assert.is_false((pcall(result.one, result))) end,
  }
  for name, out in pairs(ways_out) do
    it("can be left early, and the transaction goes on: " .. name, function()
      engine:connect(function(conn)
        conn:exec_sql "INSERT INTO items VALUES (2000, NULL)"
        local pid = conn.info.backend_pid
        local result = conn:execute(big)
        out(result)
        local _, err = pg.try(result.fetchmany, result, 1)
        assert.equal("this result is closed", err.message)
        result:close()
        assert.equal(1, conn:exec_sql("SELECT count(*) FROM items WHERE id = 2000"):scalar())
        assert.equal(pid, conn.info.backend_pid)
      end)
    end)
  end

  it("is given up by a rollback, and costs the connection when that is closed", function()
    local conn = engine:connect()
    local result = conn:execute(big)
    conn:rollback()
    usable(conn)
    assert.is_false((pcall(result.all, result)))
    result = conn:execute(big)
    conn:close()
    assert.equal(0, engine:pool_status().checked_in)
    local _, err = pg.try(result.all, result)
    assert.equal("InterfaceError", err.class)
    result:close()
  end)

  it("reports an error in the middle once, and leaves the transaction intact", function()
    engine:connect(function(conn)
      conn:exec_sql "INSERT INTO items VALUES (3000, NULL)"
      local result = conn:execute(pg.text("SELECT fail_at(i) AS i FROM generate_series(1, 1000) i")
        :execution_options{ stream_results = true })
      local count = 0
      local _, err = pg.try(function()
        for _ in result do count = count + 1 end
      end)
      assert.equal("no more", err.message)
      assert.truthy(err.sql:find("fail_at", 1, true))
      assert.is_true(count >= 300 and count < 500)
      _, err = pg.try(result.all, result)
      assert.equal("InvalidRequestError", err.class)
      result:close()
      assert.equal(1, conn:exec_sql("SELECT count(*) FROM items WHERE id = 3000"):scalar())
    end)
  end)

  it("reports an error at once when there is no first row", function()
    engine:connect(function(conn)
      local _, err = pg.try(conn.execute, conn, series(1, "WHERE 1/0 = 1"))
      assert.equal("22012", err.sqlstate)
      usable(conn)
      _, err = pg.try(conn.execute, conn, series(1, "WHERE nonsense"))
      assert.equal("42703", err.sqlstate)
      usable(conn)
    end)
  end)

  it("has the timeout for each step", function()
    engine:connect(function(conn)
      conn:execution_options{ timeout = 0.3, stream_results = true }
      -- the server sends the end of a row together with the next one
      local result = conn:exec_sql [[SELECT repeat('x', 100000),
        pg_sleep(CASE i WHEN 1 THEN 0 WHEN 4 THEN 20 ELSE 0.2 END) FROM generate_series(1, 4) i]]
      assert.is_true(#result:fetchmany(2) == 2)
      local _, err = pg.try(result.fetchmany, result, 1)
      assert.equal("TimeoutError", err.class)
      usable(conn)
    end)
  end)

  it("works without a transaction, and with a statement's search parameters", function()
    engine:connect(function(conn)
      conn:exec_sql "SELECT '[1]'::vector"
      conn:commit()
      conn:execution_options{ isolation_level = "AUTOCOMMIT", stream_results = true }
      local stmt = pg.select(pg.func.current_setting("hnsw.ef_search"):label "v")
      stmt = stmt:execution_options{ hnsw_ef_search = 77 }
      assert.equal("77", conn:execute(stmt):scalar())
      assert.is_false(conn:in_transaction())
      assert.equal("40", conn:exec_sql("SELECT current_setting('hnsw.ef_search')"):scalar())
      conn:execute(big):close()
      usable(conn)
    end)
  end)

  for _, wrong in ipairs{ { "stream_results", 1, "true or false" }, { "yield_per", 0, "a positive integer" } } do
    it("needs sensible options: " .. wrong[1], function()
      engine:connect(function(conn)
        local _, err = pg.try(conn.execution_options, conn, { [wrong[1]] = wrong[2] })
        assert.equal(("execution_options: %s: expected %s, got %s"):format(wrong[1], wrong[3], wrong[2]), err.message)
      end)
    end)
  end
end)
