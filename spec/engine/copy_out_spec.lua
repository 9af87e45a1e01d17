local db = require "spec.support.db"
local pg = require "pgvector"

describe("copy_out", function()
  local engine, drop, items

  setup(function()
    local url
    url, drop = db.create()
    engine = pg.create_engine(url)
    items = pg.Table("items", pg.MetaData(), {
      pg.Column{ "id", pg.Integer, primary_key = true }, pg.Column{ "title", pg.Text },
      pg.Column{ "embedding", pg.VECTOR(3) }, pg.Column{ "attributes", pg.JSONB },
    })
    engine:begin(function(conn)
      items:create(conn)
      conn:exec_sql("CREATE SCHEMA other")
      conn:exec_sql([[CREATE TABLE other."Odd name" (a int, b int)]])
      conn:exec_sql([[INSERT INTO other."Odd name" VALUES (1, NULL)]])
      conn:exec_sql([[INSERT INTO items SELECT i, 'title ' || i, array[i, 0, 1]::vector, '{"a": [1, null]}'
        FROM generate_series(1, 1000) i]])
      conn:exec_sql("INSERT INTO items (id, title) VALUES (1001, E'tab\t line\n back\\\\')")
      conn:exec_sql("CREATE FUNCTION fail_at(i int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN "
        .. "IF i = 50000 THEN RAISE EXCEPTION 'no more'; END IF; RETURN i; END $$")
    end)
  end)

  teardown(function()
    engine:dispose()
    drop()
  end)

  after_each(function() assert.equal(0, engine:pool_status().checked_out) end)

  local big = "SELECT i, repeat('x', 100) AS filler FROM generate_series(1, 1000000) i"

  it("calls a function with every row and returns how many there were", function()
    engine:connect(function(conn)
      local sum, last = 0, nil
      local count = conn:copy_out(items, function(row)
        sum = sum + row.id
        last = row
      end)
      assert.equal(1001, count)
      assert.equal(1001 * 1002 / 2, sum)
      assert.equal("tab\t line\n back\\", last.title)
      assert.is_nil(last.embedding)
      assert.equal(pg.null, last[3])
    end)
  end)

  it("gives the rows that a select gives", function()
    engine:connect(function(conn)
      local stmt = pg.select(items):where(items.c.id:between(998, 1001)):order_by(items.c.id:desc())
      local rows = {}
      for row in conn:copy_out(stmt) do rows[#rows + 1] = row end
      local selected = conn:execute(stmt):all()
      assert.equal(4, #rows)
      for i, row in ipairs(rows) do
        assert.equal(tostring(selected[i].embedding), tostring(row.embedding))
        row.embedding, row[3], selected[i].embedding, selected[i][3] = nil, nil, nil, nil
      end
      assert.same(selected, rows)
      assert.equal(1, rows[2].attributes.a[1])
    end)
  end)

  it("reads tables by name, texts with parameters, and what RETURNING returns", function()
    engine:connect(function(conn)
      local function all(target)
        local rows = {}
        local count = conn:copy_out(target, function(row) rows[#rows + 1] = row end)
        assert.equal(#rows, count)
        return rows
      end
      assert.same({ { 1, pg.null, a = 1 } }, all "other.Odd name")
      assert.same({ { "it's", title = "it's" } }, all(pg.text("SELECT :t AS title"):bindparams{ t = "it's" }))
      assert.same({ { 1001, id = 1001 } }, all(pg.delete(items):where(items.c.id:eq(1001)):returning(items.c.id)))
      assert.same({}, all(pg.select(items):where(items.c.id:eq(1001))))
    end)
  end)

  it("reads a model, and its columns' types decide", function()
    local base = pg.orm.declarative_base()
    local Item = base:model("items", {
      id = pg.Column{ pg.Integer, primary_key = true },
      title = pg.Column{ pg.Text },
    })
    engine:connect(function(conn)
      local reader = conn:copy_out(Item)
      assert.same({ 1, "title 1", id = 1, title = "title 1" }, reader())
      reader:close()
      local when = pg.select(pg.cast(pg.literal("2024-01-01 00:00:00+00"), pg.DateTime{ timezone = true, as = "epoch" }):label "t")
      conn:copy_out(when, function(row) assert.equal(1704067200, row.t) end)
    end)
  end)

  it("falls back to the text format for types without a binary form here", function()
    engine:connect(function(conn)
      local text = pg.text "SELECT '(1,2)'::point AS p, 7 AS n, '[1,2]'::vector AS v, NULL::point AS q, E'a\\tb\\\\' AS t"
      conn:copy_out(text, function(row)
        assert.equal("(1,2)", row.p)
        assert.equal(7, row.n)
        assert.equal(2, row.v:dims())
        assert.is_nil(row.q)
        assert.equal("a\tb\\", row.t)
      end)
    end)
  end)

  it("applies the search parameters of a statement, and only to it", function()
    engine:connect(function(conn)
      conn:exec_sql "SELECT '[1]'::vector"
      local before = conn:exec_sql("SHOW hnsw.ef_search"):scalar()
      local stmt = pg.select(pg.func.current_setting("hnsw.ef_search"):label "v")
      stmt = stmt:execution_options{ hnsw_ef_search = 77 }
      conn:copy_out(stmt, function(row) assert.equal("77", row.v) end)
      assert.equal(before, conn:exec_sql("SHOW hnsw.ef_search"):scalar())
      conn:rollback()
      conn:execution_options{ isolation_level = "AUTOCOMMIT" }
      conn:copy_out(stmt, function(row) assert.equal("77", row.v) end)
      assert.is_false(conn:in_transaction())
    end)
  end)

  -- What is left of a transaction in which one row was written before.
  local function transaction_is_intact(conn)
    assert.equal(1, conn:exec_sql("SELECT count(*) FROM other.\"Odd name\" WHERE a = 2"):scalar())
    conn:rollback()
  end

  local function write_one(conn) conn:exec_sql([[INSERT INTO other."Odd name" VALUES (2, 2)]]) end

  it("leaves the transaction intact when the function raises, whose error it is", function()
    engine:connect(function(conn)
      write_one(conn)
      local mine = {}
      local ok, err = pcall(conn.copy_out, conn, pg.text(big), function(row)
        if row.i == 10 then error(mine) end
      end)
      assert.is_false(ok)
      assert.equal(mine, err)
      transaction_is_intact(conn)
    end)
  end)

  it("leaves the transaction intact when it is closed before its end", function()
    engine:connect(function(conn)
      write_one(conn)
      local reader = conn:copy_out(pg.text(big))
      assert.equal(1, reader().i)
      reader:close()
      reader:close()
      local _, err = pg.try(reader)
      assert.equal("these rows are closed", err.message)
      transaction_is_intact(conn)
    end)
  end)

  it("leaves the transaction intact when the server fails in the middle", function()
    engine:connect(function(conn)
      write_one(conn)
      local count = 0
      local _, err = pg.try(conn.copy_out, conn, pg.text "SELECT fail_at(i) FROM generate_series(1, 100000) i",
        function() count = count + 1 end)
      assert.equal("no more", err.message)
      assert.truthy(err.sql:find("^COPY"))
      assert.is_true(count > 0 and count < 50000)
      transaction_is_intact(conn)
      _, err = pg.try(conn.copy_out, conn, pg.text "SELECT nonsense")
      assert.equal("42703", err.sqlstate)
      assert.equal(1, conn:exec_sql("SELECT 1"):scalar())
    end)
  end)

  it("works without a transaction, too", function()
    engine:connect(function(conn)
      conn:execution_options{ isolation_level = "AUTOCOMMIT" }
      local reader = conn:copy_out(pg.text(big))
      reader()
      reader:close()
      assert.is_false(conn:in_transaction())
      assert.equal(1, conn:exec_sql("SELECT 1"):scalar())
    end)
  end)

  it("keeps the connection busy until its end", function()
    engine:connect(function(conn)
      local reader = conn:copy_out(pg.text "SELECT i FROM generate_series(1, 3) i")
      assert.equal(1, reader().i)
      local _, err = pg.try(conn.exec_sql, conn, "SELECT 1")
      assert.equal("InterfaceError", err.class)
      assert.equal("this connection is busy with COPY", err.message)
      _, err = pg.try(conn.commit, conn)
      assert.equal("this connection is busy with COPY", err.message)
      assert.equal(2, reader().i)
      assert.equal(3, reader().i)
      assert.is_nil(reader())
      assert.is_nil(reader())
      assert.equal(1, conn:exec_sql("SELECT 1"):scalar())
    end)
  end)

  it("is given up by a rollback, also to a savepoint", function()
    engine:connect(function(conn)
      local reader = conn:copy_out(pg.text(big))
      conn:rollback()
      local _, err = pg.try(reader)
      assert.equal("these rows are closed", err.message)
      write_one(conn)
      pcall(conn.begin_nested, conn, function()
        conn:exec_sql([[DELETE FROM other."Odd name"]])
        conn:copy_out(pg.text(big))
        error("out")
      end)
      transaction_is_intact(conn)
    end)
  end)

  it("costs the connection to the server when the connection is closed meanwhile", function()
    local conn = engine:connect()
    local pid = conn.info.backend_pid
    local reader = conn:copy_out(pg.text(big))
    reader()
    conn:close()
    assert.equal(0, engine:pool_status().checked_in)
    for _ = 1, 64 do
      local _, err = pg.try(reader)
      if err then
        assert.equal("the connection of these rows is closed", err.message)
        break
      end
    end
    reader:close()
    engine:connect(function(other) assert.not_equal(pid, other.info.backend_pid) end)
  end)

  it("refuses what it cannot read", function()
    engine:connect(function(conn)
      local cases = {
        { 5, "copy_out: expected a statement, a table or its name, got number" },
        { pg.text "SELECT :a", "parameter" },
      }
      for _, case in ipairs(cases) do
        local _, err = pg.try(conn.copy_out, conn, case[1])
        assert.truthy(err.message:find(case[2], 1, true), err.message)
      end
      local _, err = pg.try(conn.copy_out, conn, items, 5)
      assert.equal("copy_out: expected a function, got number", err.message)
      assert.equal(1, conn:exec_sql("SELECT 1"):scalar())
    end)
  end)

  it("reads a million rows in little memory", function()
    engine:connect(function(conn)
      collectgarbage()
      local before, highest, count = collectgarbage("count"), 0, 0
      conn:copy_out(pg.text "SELECT i, repeat('x', 100) AS filler FROM generate_series(1, 300000) i", function()
        count = count + 1
        if count % 10000 == 0 then
          collectgarbage()
          highest = math.max(highest, collectgarbage("count"))
        end
      end)
      assert.equal(300000, count)
      assert.is_true(highest - before < 1024, highest - before)
    end)
  end)

  local load_chunk = loadstring or load -- luacheck: ignore 113
  local has_close = load_chunk("local x <close> = nil") ~= nil
  if has_close then
    it("is closed by the for loop of Lua 5.4", function()
      engine:connect(function(conn)
        for row in conn:copy_out(pg.text(big)) do
          if row.i == 5 then break end
        end
        assert.equal(1, conn:exec_sql("SELECT 1"):scalar())
      end)
    end)
  end
end)
