local db = require "spec.support.db"
local pg = require "pgvector"

describe("a cursor", function()
  local engine, drop
  local series = pg.text "SELECT i, '[1,2]'::vector AS v FROM generate_series(1, :n) i":bindparams{ n = 250 }

  setup(function()
    local url
    url, drop = db.create()
    engine = pg.create_engine(url)
  end)

  teardown(function()
    engine:dispose()
    drop()
  end)

  after_each(function() assert.equal(0, engine:pool_status().checked_out) end)

  it("hands out rows on demand, while other statements run", function()
    engine:connect(function(conn)
      local cursor = conn:cursor(series)
      local rows = cursor:fetchmany(3)
      assert.equal(3, #rows)
      assert.equal(3, rows[3].i)
      assert.equal(2, rows[3].v:dims())
      assert.equal(5, conn:exec_sql("SELECT 5"):scalar())
      assert.equal(247, #cursor:fetchmany(1000))
      assert.same({}, cursor:fetchmany(1))
      cursor:close()
      cursor:close()
      assert.equal(0, conn:exec_sql("SELECT count(*) FROM pg_cursors WHERE name LIKE 'pgv%'"):scalar())
    end)
  end)

  it("is iterated over, and that mixes with fetchmany", function()
    engine:connect(function(conn)
      local seen = {}
      for row in conn:cursor(series, { size = 100 }) do seen[#seen + 1] = row.i end
      assert.equal(250, #seen)
      assert.equal(250, seen[250])
      local cursor = conn:cursor(series, { size = 10, params = { n = 15 } })
      assert.equal(1, cursor().i)
      assert.equal(2, cursor:fetchmany(1)[1].i)
      local more = cursor:fetchmany(20)
      assert.equal(13, #more)
      assert.equal(15, more[13].i)
      assert.is_nil(cursor())
      assert.is_nil(cursor())
    end)
  end)

  it("runs beside another one", function()
    engine:connect(function(conn)
      local a, b = conn:cursor(series), conn:cursor(series)
      assert.equal(1, a:fetchmany(1)[1].i)
      assert.equal(1, b:fetchmany(1)[1].i)
      assert.equal(2, a:fetchmany(1)[1].i)
    end)
  end)

  it("runs under the search parameters of its statement", function()
    engine:connect(function(conn)
      conn:exec_sql "SELECT '[1]'::vector"
      local stmt = pg.select(pg.func.current_setting("hnsw.ef_search"):label "v")
      stmt = stmt:execution_options{ hnsw_ef_search = 77 }
      local cursor = conn:cursor(stmt)
      assert.equal("40", conn:exec_sql("SELECT current_setting('hnsw.ef_search')"):scalar())
      assert.equal("77", cursor().v)
      assert.equal("40", conn:exec_sql("SELECT current_setting('hnsw.ef_search')"):scalar())
    end)
  end)

  it("ends with its transaction", function()
    engine:connect(function(conn)
      local cursor = conn:cursor(series)
      conn:commit()
      conn:exec_sql "SELECT 1"
      local _, err = pg.try(cursor.fetchmany, cursor, 1)
      assert.equal("the transaction of this cursor is over", err.message)
      cursor:close()
      _, err = pg.try(cursor.fetchmany, cursor, 1)
      assert.equal("this cursor is closed", err.message)
      assert.equal(1, conn:exec_sql("SELECT 1"):scalar())
    end)
    local conn = engine:connect()
    local cursor = conn:cursor(series)
    conn:close()
    cursor:close()
  end)

  it("is closed quietly in a transaction that has failed", function()
    engine:connect(function(conn)
      local cursor = conn:cursor(series)
      pg.try(conn.exec_sql, conn, "SELECT 1/0")
      cursor:close()
      conn:rollback()
      assert.equal(1, conn:exec_sql("SELECT 1"):scalar())
    end)
  end)

  it("reports the server's error where it happens", function()
    engine:connect(function(conn)
      local cursor = conn:cursor(pg.text "SELECT 1 / (3 - i) FROM generate_series(1, 5) i")
      assert.equal(2, #cursor:fetchmany(2))
      local _, err = pg.try(cursor.fetchmany, cursor, 2)
      assert.equal("division_by_zero", err.name)
      cursor:close()
      conn:rollback()
      _, err = pg.try(conn.cursor, conn, pg.text "DELETE FROM pg_class")
      assert.equal("42601", err.sqlstate)
    end)
  end)

  it("needs a transaction, a statement and sensible options", function()
    engine:connect(function(conn)
      local cases = {
        { "SELECT 1", nil, "wrap it in pg.text" }, { 5, nil, "cursor: expected a statement, got number" },
        { series, { sise = 3 }, "did you mean 'size'" }, { series, { size = 0 }, "cursor: size: expected a positive integer" },
      }
      for _, case in ipairs(cases) do
        local _, err = pg.try(conn.cursor, conn, case[1], case[2])
        assert.truthy(err.message:find(case[3], 1, true), err.message)
      end
      conn:execution_options{ isolation_level = "AUTOCOMMIT" }
      local _, err = pg.try(conn.cursor, conn, series)
      assert.equal("InvalidRequestError", err.class)
      conn:begin(function() assert.equal(1, conn:cursor(series)().i) end)
    end)
  end)

  it("takes little memory", function()
    engine:connect(function(conn)
      collectgarbage()
      local before, highest, count = collectgarbage("count"), 0, 0
      for _ in conn:cursor(series, { size = 1000, params = { n = 200000 } }) do
        count = count + 1
        if count % 20000 == 0 then
          collectgarbage()
          highest = math.max(highest, collectgarbage("count"))
        end
      end
      assert.equal(200000, count)
      assert.is_true(highest - before < 2048, highest - before)
    end)
  end)
end)
