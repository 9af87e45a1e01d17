local db = require "spec.support.db"
local pg = require "pgvector"

describe("prepared statements", function()
  local url, drop, engine

  setup(function()
    url, drop = db.create()
    engine = pg.create_engine(url)
    engine:begin(function(conn)
      conn:exec_sql("CREATE TABLE items (id int PRIMARY KEY, title text, embedding vector(3))")
      conn:exec_sql("INSERT INTO items VALUES (1, 'one', '[1,2,3]'), (2, 'two', '[4,5,6]')")
    end)
  end)

  teardown(function()
    engine:dispose()
    drop()
  end)

  -- a pool without connections: what was prepared is gone
  before_each(function() engine:dispose() end)

  local items = pg.Table("items", pg.MetaData(), {
    pg.Column{ "id", pg.Integer, primary_key = true },
    pg.Column{ "title", pg.Text },
    pg.Column{ "embedding", pg.VECTOR(3) },
  })

  -- What the server has prepared by our names. psql would see another session.
  local function prepared(conn)
    return conn:exec_sql([[SELECT statement FROM pg_prepared_statements
      WHERE name LIKE 'pgv%' AND statement NOT LIKE '%pg_prepared_statements%' ORDER BY statement]]):scalars():all()
  end

  local function times(n, fn)
    for i = 1, n do fn(i) end
  end

  it("are prepared on the fifth use on a connection", function()
    engine:connect(function(conn)
      local sql = "SELECT title FROM items WHERE id = $1"
      times(4, function(i) conn:exec_sql(sql, { i }) end)
      assert.same({}, prepared(conn))
      conn:exec_sql(sql, { 1 })
      assert.same({ sql }, prepared(conn))
      times(3, function() assert.equal("two", conn:exec_sql(sql, { 2 }):scalar()) end)
    end)
  end)

  it("are one for statements that are built anew each time and have the same text", function()
    engine:connect(function(conn)
      times(8, function(i)
        local stmt = pg.select(items.c.title):where(items.c.id:eq(i)):order_by(items.c.embedding:l2_distance{ i, 0, 0 })
        assert.equal(({ "one", "two" })[i], conn:scalar(stmt))
      end)
      assert.equal(1, #prepared(conn))
    end)
  end)

  it("are others for parameters of other types", function()
    engine:connect(function(conn)
      local answers = {}
      for _, value in ipairs{ true, pg.vector{ 1, 2 }, "x" } do
        times(6, function() answers[#answers + 1] = tostring(conn:exec_sql("SELECT $1", { value }):scalar()) end)
      end
      assert.equal(("true,"):rep(6) .. ("[1,2],"):rep(6) .. ("x,"):rep(6), table.concat(answers, ",") .. ",")
      assert.equal(3, #prepared(conn))
    end)
  end)

  it("leave a parameter without a declared type the type of its value", function()
    engine:connect(function(conn)
      local stmt = pg.text "SELECT :x"
      times(7, function() assert.equal("text", conn:scalar(stmt, { x = "text" })) end)
      times(7, function() assert.is_true(conn:scalar(stmt, { x = true })) end)
      times(7, function() assert.equal(pg.vector{ 1 }, conn:scalar(stmt, { x = pg.vector{ 1 } })) end)
    end)
  end)

  it("report errors with SQL and parameters as others do", function()
    engine:connect(function(conn)
      local sql = "SELECT 1 / $1::int"
      times(6, function() conn:exec_sql(sql, { 1 }) end)
      local _, err = pg.try(conn.exec_sql, conn, sql, { 0 })
      assert.equal("22012", err.sqlstate)
      assert.equal(sql, err.sql)
      assert.equal("0", err.params)
    end)
  end)

  it("that fail to parse are not prepared, however often they are tried", function()
    engine:connect(function(conn)
      times(7, function()
        local _, err = pg.try(conn.exec_sql, conn, "SELECT nothing FROM nowhere")
        assert.equal("42P01", err.sqlstate)
        conn:rollback()
      end)
      assert.same({}, prepared(conn))
    end)
  end)

  it("are a hundred at most; the longest unused is deallocated at the next beginning", function()
    engine:connect(function(conn)
      for statement = 1, 101 do
        times(5, function() conn:exec_sql("SELECT " .. statement) end)
      end
      assert.equal(101, #prepared(conn))
      conn:commit()
      local left = prepared(conn)
      assert.equal(100, #left)
      for _, sql in ipairs(left) do assert.not_equal("SELECT 1", sql) end
    end)
  end)

  it("are not pushed out by statements that are used once", function()
    engine:connect(function(conn)
      times(5, function() conn:exec_sql("SELECT 'kept'") end)
      for statement = 1, 300 do conn:exec_sql("SELECT " .. statement) end
      conn:commit()
      assert.same({ "SELECT 'kept'" }, prepared(conn))
    end)
  end)

  it("survive the connection's stay in the pool, and a rollback that takes back no DDL", function()
    local sql = "SELECT title FROM items WHERE id = 1"
    times(5, function() engine:connect(function(conn) conn:exec_sql(sql) end) end)
    engine:connect(function(conn) assert.same({ sql }, prepared(conn)) end)
  end)

  local changes = {
    { "ALTER", function(conn) conn:exec_sql("ALTER TABLE items ADD COLUMN IF NOT EXISTS extra int") end },
    { "DROP", function(conn) conn:exec_sql("DROP TABLE IF EXISTS nothing") end },
    { "DISCARD PLANS", function(conn) conn:exec_sql("DISCARD PLANS") end },
    { "a rolled back CREATE", function(conn)
      conn:exec_sql("CREATE TABLE gone (a int)")
      conn:rollback()
    end },
    { "a script", function(conn) conn:exec_sql("SELECT 1; SELECT 2") end },
  }
  for _, change in ipairs(changes) do
    it("are dropped after " .. change[1], function()
      engine:connect(function(conn)
        local sql = "SELECT id FROM items"
        times(5, function() conn:exec_sql(sql) end)
        conn:commit()
        change[2](conn)
        conn:commit()
        assert.same({}, prepared(conn))
        times(6, function() assert.equal(1, conn:exec_sql(sql):scalar()) end)
      end)
    end)
  end

  for _, command in ipairs{ "DISCARD ALL", "DEALLOCATE ALL" } do
    it("are prepared anew after " .. command, function()
      engine:connect(function(conn)
        conn:execution_options{ isolation_level = "AUTOCOMMIT" }
        local sql = "SELECT id FROM items"
        times(6, function() conn:exec_sql(sql) end)
        conn:exec_sql(command)
        times(6, function() assert.equal(1, conn:exec_sql(sql):scalar()) end)
        assert.same({ sql }, prepared(conn))
      end)
    end)
  end

  describe("whose table another connection changes", function()
    local sql = "SELECT * FROM changing"
    local types = { "text", "int", "text", "int", "text", "int" }
    local at

    local function change()
      at = at + 1
      db.psql(("ALTER TABLE changing ALTER a TYPE %s USING a::%s"):format(types[at], types[at]), url)
    end

    before_each(function()
      at = 0
      db.psql("DROP TABLE IF EXISTS changing; CREATE TABLE changing (a int); INSERT INTO changing VALUES (7)", url)
    end)

    it("are prepared anew outside a transaction", function()
      engine:connect(function(conn)
        conn:execution_options{ isolation_level = "AUTOCOMMIT" }
        times(5, function() assert.equal(7, conn:exec_sql(sql):scalar()) end)
        change()
        times(6, function() assert.equal("7", conn:exec_sql(sql):scalar()) end)
      end)
    end)

    it("are prepared anew where the transaction begins with them", function()
      engine:connect(function(conn)
        times(5, function() assert.equal(7, conn:exec_sql(sql):scalar()) end)
        conn:commit()
        change()
        assert.equal("7", conn:exec_sql(sql):scalar())
        assert.is_true(conn:in_transaction())
      end)
    end)

    it("fail once within a transaction", function()
      engine:connect(function(conn)
        times(5, function() assert.equal(7, conn:exec_sql(sql):scalar()) end)
        conn:commit()
        conn:exec_sql("SELECT 1")
        change()
        local _, err = pg.try(conn.exec_sql, conn, sql)
        assert.equal("0A000", err.sqlstate)
        conn:rollback()
        conn:exec_sql("SELECT 1")
        assert.equal("7", conn:exec_sql(sql):scalar())
      end)
    end)
  end)

  it("are sent unnamed once the server has lost one, with a word about proxies", function()
    engine:connect(function(conn)
      local sql = "SELECT id FROM items"
      times(5, function() conn:exec_sql(sql) end)
      conn:exec_sql("DO 'BEGIN EXECUTE ''DEALLOCATE ALL''; END'")
      local _, err = pg.try(conn.exec_sql, conn, sql)
      assert.equal("26000", err.sqlstate)
      assert.truthy(err.hint:find("prepared_statements = false", 1, true))
      conn:rollback()
      times(6, function() assert.equal(1, conn:exec_sql(sql):scalar()) end)
      assert.same({}, prepared(conn))
    end)
  end)

  it("do not exist with prepared_statements = false", function()
    local plain = pg.create_engine(url, { prepared_statements = false })
    plain:connect(function(conn)
      times(8, function() conn:exec_sql("SELECT id FROM items") end)
      assert.same({}, prepared(conn))
    end)
    plain:dispose()
    assert.has_error(function() pg.create_engine(url, { prepared_statements = 1 }) end)
  end)
end)

describe("the beginning of a transaction", function()
  local url, drop, engine, log

  setup(function()
    url, drop = db.create()
    engine = pg.create_engine(url, { echo = function(sql) log[#log + 1] = sql end })
  end)

  teardown(function()
    engine:dispose()
    drop()
  end)

  before_each(function() log = {} end)

  -- How often the link waits for the server: once for each round trip, on a
  -- socket that takes everything at once.
  local function round_trips(conn, fn)
    local link, count = conn._link, 0
    local waiter = link.waiter
    link.waiter = setmetatable({
      wait = function(pg_conn, events, deadline)
        if events == "r" then count = count + 1 end
        return waiter.wait(pg_conn, events, deadline)
      end,
    }, { __index = waiter })
    fn()
    link.waiter = waiter
    return count
  end

  it("travels with the first statement", function()
    engine:connect(function(conn)
      conn:exec_sql("SELECT 1")
      conn:commit()
      assert.equal(1, round_trips(conn, function() assert.equal(1, conn:exec_sql("SELECT 1"):scalar()) end))
      assert.equal("intrans", conn.info.transaction_status)
    end)
    assert.same({ "BEGIN", "SELECT 1", "COMMIT", "BEGIN", "SELECT 1" }, log)
  end)

  it("travels with search parameters and the search", function()
    local t = pg.Table("points", pg.MetaData(), { pg.Column{ "id", pg.Integer }, pg.Column{ "at", pg.VECTOR(2) } })
    local search = pg.select(t.c.id):nearest(t.c.at, { 1, 2 }, { limit = 1, ef_search = 55 })
    engine:connect(function(conn)
      conn:exec_sql("CREATE TABLE IF NOT EXISTS points (id int, at vector(2))")
      conn:commit()
      for _ = 1, 7 do -- learn, use, prepare, use prepared
        conn:execute(search)
        assert.equal("40", conn:exec_sql("SHOW hnsw.ef_search"):scalar())
        conn:commit()
      end
      assert.equal(1, round_trips(conn, function() conn:execute(search) end))
    end)
  end)

  it("is not sent if nothing is done in the transaction", function()
    engine:begin(function() end)
    engine:connect(function(conn)
      local tx = conn:begin()
      assert.equal("intrans", conn.info.transaction_status)
      tx:rollback()
      conn:begin()
    end)
    engine:connect(function(conn) assert.equal("idle", conn.info.transaction_status) end)
    assert.same({}, log)
  end)

  it("comes before scripts, COPY and executemany, too", function()
    engine:begin(function(conn) conn:exec_sql("CREATE TABLE t (a int)") end)
    local t = pg.Table("t", pg.MetaData(), { pg.Column{ "a", pg.Integer } })
    local ways = {
      function(conn) conn:exec_sql("INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)") end,
      function(conn) conn:copy_in("t", { "a" }, { { 1 }, { 2 } }) end,
      function(conn) conn:execute(pg.insert(t), { { a = 1 }, { a = 2 } }) end,
    }
    for _, way in ipairs(ways) do
      engine:connect(way) -- rolled back
      engine:connect(function(conn)
        way(conn)
        assert.equal(2, conn:exec_sql("SELECT count(*) FROM t"):scalar())
      end)
    end
  end)

  it("has happened even if the value of a parameter is refused", function()
    engine:connect(function(conn)
      conn:exec_sql("SELECT $1::text", { "x" })
      conn:commit()
      local _, err = pg.try(conn.exec_sql, conn, "SELECT $1::text", { "a\0b" })
      assert.equal("22021", err.sqlstate)
      assert.is_true(conn:in_transaction())
      assert.equal("intrans", conn.info.transaction_status)
      assert.equal("y", conn:exec_sql("SELECT $1::text", { "y" }):scalar())
    end)
  end)
end)
