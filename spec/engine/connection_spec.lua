local db = require "spec.support.db"
local pg = require "pgvector"

describe("a connection", function()
  local engine, drop

  setup(function()
    local url
    url, drop = db.create()
    engine = pg.create_engine(url, { pool_size = 2, max_overflow = 1 })
    engine:begin(function(conn)
      conn:exec_sql("CREATE TABLE items (id int PRIMARY KEY, title text)")
    end)
  end)

  teardown(function()
    engine:dispose()
    drop()
  end)

  before_each(function()
    engine:begin(function(conn) conn:exec_sql("TRUNCATE items") end)
  end)

  -- every test gives back what it took
  after_each(function() assert.equal(0, engine:pool_status().checked_out) end)

  local function count()
    return engine:connect(function(conn) return conn:exec_sql("SELECT count(*) FROM items"):scalar() end)
  end

  it("begins a transaction with the first statement, and rolls it back on close", function()
    local conn = engine:connect()
    assert.is_false(conn:in_transaction())
    conn:exec_sql("INSERT INTO items VALUES (1, 'a')")
    assert.is_true(conn:in_transaction())
    conn:close()
    assert.equal(0, count())
  end)

  it("keeps what was committed", function()
    engine:connect(function(conn)
      conn:exec_sql("INSERT INTO items VALUES (1, 'a')")
      conn:commit()
      conn:exec_sql("INSERT INTO items VALUES (2, 'b')")
    end)
    assert.equal(1, count())
  end)

  it("commits at the end of engine:begin and passes its results through", function()
    local a, b, c = engine:begin(function(conn)
      conn:exec_sql("INSERT INTO items VALUES (1, 'a')")
      return 1, nil, 3
    end)
    assert.same({ 1, nil, 3 }, { a, b, c })
    assert.equal(1, count())
  end)

  it("rolls back and re-raises the very error of engine:begin", function()
    local mine = {}
    local ok, err = pcall(engine.begin, engine, function(conn)
      conn:exec_sql("INSERT INTO items VALUES (1, 'a')")
      error(mine)
    end)
    assert.is_false(ok)
    assert.equal(mine, err)
    assert.equal(0, count())
  end)

  it("is closed after engine:connect(fn), even by an error", function()
    local kept
    pcall(engine.connect, engine, function(conn)
      kept = conn
      error("x")
    end)
    local _, err = pg.try(kept.exec_sql, kept, "SELECT 1")
    assert.equal("InterfaceError", err.class)
    assert.equal("connection is closed", err.message)
    kept:close()
  end)

  it("reports the server's error with every field, the SQL and the parameters", function()
    engine:connect(function(conn)
      conn:exec_sql("INSERT INTO items VALUES (1, 'a')")
      local _, err = pg.try(conn.exec_sql, conn, "INSERT INTO items VALUES ($1, $2)", { 1, "b" })
      assert.equal("IntegrityError", err.class)
      assert.equal("23505", err.sqlstate)
      assert.equal("unique_violation", err.name)
      assert.equal('duplicate key value violates unique constraint "items_pkey"', err.message)
      assert.equal("Key (id)=(1) already exists.", err.detail)
      assert.equal("items_pkey", err.constraint)
      assert.equal("items", err.table)
      assert.equal("public", err.schema)
      assert.equal("ERROR", err.severity)
      assert.equal("INSERT INTO items VALUES ($1, $2)", err.sql)
      assert.equal("1, 'b'", err.params)
      assert.is_true(pg.is_error(err, "unique_violation"))
      assert.is_true(pg.is_error(err, "23505"))
      assert.is_true(pg.is_error(err, "DatabaseError"))
      assert.is_false(pg.is_error(err, "DataError"))
      assert.truthy(tostring(err):find("connection_spec%.lua:%d+: IntegrityError: duplicate key"))
    end)
  end)

  it("says where in the SQL a syntax error is", function()
    engine:connect(function(conn)
      local _, err = pg.try(conn.exec_sql, conn, "SELEC 1")
      assert.equal("ProgrammingError", err.class)
      assert.equal(1, err.position)
    end)
  end)

  it("is usable at once after the first statement of a transaction failed", function()
    engine:connect(function(conn)
      pg.try(conn.exec_sql, conn, "SELECT 1/0")
      assert.equal(1, conn:exec_sql("SELECT 1"):scalar())
    end)
  end)

  it("needs a rollback after a later statement failed, so that nothing is half done", function()
    engine:connect(function(conn)
      conn:exec_sql("INSERT INTO items VALUES (1, 'a')")
      pg.try(conn.exec_sql, conn, "SELECT 1/0")
      local _, err = pg.try(conn.exec_sql, conn, "SELECT 1")
      assert.equal("25P02", err.sqlstate)
      _, err = pg.try(conn.commit, conn)
      assert.equal("InvalidRequestError", err.class)
      assert.equal(1, conn:exec_sql("SELECT 1"):scalar())
    end)
    assert.equal(0, count())
  end)

  it("nests by savepoints", function()
    engine:begin(function(conn)
      conn:exec_sql("INSERT INTO items VALUES (1, 'a')")
      local ok = pcall(conn.begin_nested, conn, function()
        conn:exec_sql("INSERT INTO items VALUES (2, 'b')")
        conn:exec_sql("SELECT 1/0")
      end)
      assert.is_false(ok)
      assert.equal("kept", conn:begin_nested(function()
        conn:exec_sql("INSERT INTO items VALUES (3, 'c')")
        return "kept"
      end))
      local savepoint = conn:begin_nested()
      conn:exec_sql("INSERT INTO items VALUES (4, 'd')")
      savepoint:rollback()
    end)
    engine:connect(function(conn)
      assert.same({ 1, 3 }, conn:exec_sql("SELECT id FROM items ORDER BY id"):scalars():all())
    end)
  end)

  it("refuses a second begin, a finished transaction, and options in the middle of one", function()
    engine:connect(function(conn)
      local tx = conn:begin()
      local _, err = pg.try(conn.begin, conn)
      assert.equal("InvalidRequestError", err.class)
      _, err = pg.try(conn.execution_options, conn, { readonly = true })
      assert.equal("InvalidRequestError", err.class)
      tx:commit()
      _, err = pg.try(tx.rollback, tx)
      assert.equal("this transaction is over already", err.message)
      tx:close()
    end)
  end)

  for _, verb in ipairs{ "commit", "rollback" } do
    it("ends its Transaction and Savepoint objects with conn:" .. verb .. "(), which then leave the next one alone", function()
      engine:connect(function(conn)
        local tx = conn:begin()
        local outer = conn:begin_nested()
        local inner = conn:begin_nested()
        conn[verb](conn)
        assert.same({ false, false, false }, { tx.is_active, outer.is_active, inner.is_active })
        conn:exec_sql("INSERT INTO items VALUES (1, 'a')")
        for _, scope in ipairs{ tx, outer, inner } do
          scope:close()
          assert.equal("InvalidRequestError", (select(2, pg.try(scope.rollback, scope))).class)
          assert.equal("InvalidRequestError", (select(2, pg.try(scope.commit, scope))).class)
        end
        assert.is_true(conn:in_transaction())
        conn:commit()
      end)
      assert.equal(1, count())
    end)
  end

  it("ends the savepoints within the one that is ended", function()
    engine:begin(function(conn)
      local outer, inner = conn:begin_nested(), conn:begin_nested()
      outer:rollback()
      assert.same({ false, false }, { outer.is_active, inner.is_active })
      assert.equal("this savepoint is over already", (select(2, pg.try(inner.commit, inner))).message)
      assert.equal(1, conn:exec_sql("SELECT 1"):scalar())
    end)
  end)

  it("lets a function within a savepoint end the transaction", function()
    engine:connect(function(conn)
      conn:begin_nested(function()
        conn:exec_sql("INSERT INTO items VALUES (1, 'a')")
        conn:commit()
      end)
      assert.is_false(conn:in_transaction())
    end)
    assert.equal(1, count())
  end)

  it("refuses what is no function", function()
    engine:connect(function(conn)
      assert.equal("begin: expected a function, got number", (select(2, pg.try(conn.begin, conn, 5))).message)
      assert.equal("begin_nested: expected a function, got number",
        (select(2, pg.try(conn.begin_nested, conn, 5))).message)
    end)
  end)

  it("names the method or field that was meant", function()
    local session = pg.orm.Session(engine)
    engine:connect(function(conn)
      local result = conn:exec_sql "SELECT 1"
      for _, case in ipairs{
        { conn, "exceute", "Connection has no method or field 'exceute', did you mean 'execute'?" },
        { conn:begin_nested(), "comit", "Savepoint has no method or field 'comit', did you mean 'commit'?" },
        { engine, "conect", "Engine has no method or field 'conect', did you mean 'connect'?" },
        { result, "fetchal", "Result has no method or field 'fetchal'" },
        { result:scalars(), "alll", "ScalarResult has no method or field 'alll', did you mean 'all'?" },
        { session, "comit", "Session has no method or field 'comit', did you mean 'commit'?" },
      } do
        local ok, err = pcall(function() return case[1][case[2] ] end)
        assert.is_false(ok)
        assert.matches(case[3], err.message, 1, true)
      end
    end)
    session:close()
  end)

  it("runs without a transaction under AUTOCOMMIT", function()
    engine:connect(function(conn)
      conn:execution_options{ isolation_level = "AUTOCOMMIT" }
      conn:exec_sql("INSERT INTO items VALUES (1, 'a')")
      assert.is_false(conn:in_transaction())
    end)
    assert.equal(1, count())
  end)

  it("begins transactions at the level and in the mode that was asked for", function()
    engine:connect(function(conn)
      conn:execution_options{ isolation_level = "serializable", readonly = true }
      assert.equal("serializable", conn:exec_sql("SHOW transaction_isolation"):scalar())
      local _, err = pg.try(conn.exec_sql, conn, "INSERT INTO items VALUES (1, 'a')")
      assert.equal("25006", err.sqlstate)
    end)
  end)

  it("refuses a plain string given to execute, and things that are no statement", function()
    engine:connect(function(conn)
      local _, err = pg.try(conn.execute, conn, "SELECT 1")
      assert.truthy(err.message:find("wrap it in pg.text", 1, true))
      _, err = pg.try(conn.execute, conn, {})
      assert.equal("execute: expected a statement, got table", err.message)
      _, err = pg.try(conn.exec_sql, "SELECT 1")
      assert.truthy(err.message:find("use ':'", 1, true))
    end)
  end)

  local holes = {
    { { 1, nil, 3 }, "params: there is a hole in the sequence; give the number of parameters as n" },
    { { a = 1 }, "params: expected a sequence for $1, $2, …, got the key 'a'" },
    { "x", "params: expected a table, got string" },
    { { n = -1 }, "params.n: expected a number of parameters, got -1" },
  }
  for _, case in ipairs(holes) do
    it("refuses parameters: " .. case[2], function()
      engine:connect(function(conn)
        local _, err = pg.try(conn.exec_sql, conn, "SELECT 1", case[1])
        assert.equal(case[2], err.message)
      end)
    end)
  end

  it("takes nil parameters as NULL where n tells their number", function()
    engine:connect(function(conn)
      local row = conn:exec_sql("SELECT $1::int AS a, $2::int AS b, $3::int AS c", { 1, nil, 3, n = 3 }):one()
      assert.same({ 1, pg.null, 3, a = 1, c = 3 }, row)
    end)
  end)

  it("runs a script of several statements when there are no parameters", function()
    engine:begin(function(conn)
      local result = conn:exec_sql("INSERT INTO items VALUES (1, 'a;b'); SELECT title FROM items; ")
      assert.equal("a;b", result:scalar())
    end)
  end)

  it("hands notices to its handler", function()
    engine:connect(function(conn)
      local heard = {}
      conn:on_notice(function(notice) heard[#heard + 1] = notice.severity .. ": " .. notice.message end)
      conn:exec_sql("DO $$ BEGIN RAISE NOTICE 'one'; RAISE WARNING 'two'; END $$")
      assert.same({ "NOTICE: one", "WARNING: two" }, heard)
    end)
  end)

  it("knows the server and the extension", function()
    engine:connect(function(conn)
      local info = conn.info
      assert.is_true(info.server_version >= 120000)
      assert.equal(conn:exec_sql("SELECT pg_backend_pid()"):scalar(), info.backend_pid)
      assert.truthy(info.vector_version:match("^%d+%.%d+"))
      assert.is_false(info.encrypted)
    end)
  end)

  it("refuses COPY as an ordinary statement and stays usable", function()
    engine:connect(function(conn)
      local _, err = pg.try(conn.exec_sql, conn, "COPY items FROM STDIN")
      assert.equal("COPY FROM STDIN needs conn:copy_in", err.message)
      conn:rollback()
      _, err = pg.try(conn.exec_sql, conn, "COPY (SELECT generate_series(1, 1000)) TO STDOUT")
      assert.equal("COPY TO STDOUT needs conn:copy_out", err.message)
      conn:rollback()
      assert.equal(1, conn:exec_sql("SELECT 1"):scalar())
    end)
  end)

  it("logs statements, their parameters and their time when echo asks for it", function()
    local lines = {}
    local loud = pg.create_engine(engine._keywords, { echo = function(sql, params, ms)
      lines[#lines + 1] = { sql, params, type(ms) }
    end })
    loud:connect(function(conn) conn:exec_sql("SELECT $1::text", { "x" }):close() end)
    loud:dispose()
    assert.same({ "BEGIN", nil, "number" }, lines[1])
    assert.same({ "SELECT $1::text", "'x'", "number" }, lines[2])
  end)

  it("logs a statement that fails, too", function()
    local lines = {}
    local loud = pg.create_engine(engine._keywords, { echo = function(sql, params, ms)
      lines[#lines + 1] = { sql, params, ms >= 0 }
    end })
    pcall(loud.connect, loud, function(conn) conn:exec_sql("SELECT 1 / $1::int", { 0 }) end)
    loud:dispose()
    assert.same({ "SELECT 1 / $1::int", "0", true }, lines[2])
  end)

  it("shows no parameters with hide_parameters, and vectors only in short", function()
    local hiding = pg.create_engine(engine._keywords, { hide_parameters = true })
    local _, err = pg.try(hiding.connect, hiding, function(conn) conn:exec_sql("SELECT $1::int / 0", { 7 }) end)
    hiding:dispose()
    assert.equal("hidden", err.params)
    engine:connect(function(conn)
      _, err = pg.try(conn.exec_sql, conn, "SELECT $1::vector <-> $2::vector",
        { pg.vector{ 1, 2, 3, 4, 5, 6 }, pg.vector{ 1, 2 } })
      assert.equal("vector(6)[1.0,2.0,3.0,…], vector(2)[1,2]", (err.params:gsub("%[1,2,3,", "[1.0,2.0,3.0,")))
      assert.equal("different vector dimensions 6 and 2", err.message)
    end)
  end)

  it("replaces the connection to the server after invalidate", function()
    engine:connect(function(conn)
      local before = conn.info.backend_pid
      conn:invalidate()
      assert.not_equal(before, conn:exec_sql("SELECT pg_backend_pid()"):scalar())
    end)
  end)

  it("tells when the server went away, and the pool takes no such connection again", function()
    local conn = engine:connect()
    local pid = conn.info.backend_pid
    engine:connect(function(other) other:exec_sql("SELECT pg_terminate_backend($1)", { pid }) end)
    local _, err = pg.try(conn.exec_sql, conn, "SELECT 1")
    assert.is_true(err.is_disconnect)
    assert.equal("57P01", err.sqlstate)
    conn:rollback()
    assert.equal(1, conn:exec_sql("SELECT 1"):scalar())
    conn:close()
    assert.equal(1, engine:connect(function(c) return c:exec_sql("SELECT 1"):scalar() end))
  end)
end)
