--- Listening to an engine, and to tables that are created and dropped.

local class = require "pgvector.class"
local db = require "spec.support.db"
local pg = require "pgvector"

describe("listening", function()
  it("refuses what has no events, names that are none and what cannot be called", function()
    local engine = pg.create_engine("postgresql:///x")
    local function nothing() end
    for _, case in ipairs{
      { { {}, "connect", nothing }, "a table has no events" },
      { { 5, "connect", nothing }, "a number has no events" },
      { { engine, "chekout", nothing }, "Engine has no event 'chekout', did you mean 'checkout'?" },
      { { engine, "checkout", "x" }, "expected a function, got string" },
    } do
      local ok, err = pcall(pg.listen, case[1][1], case[1][2], case[1][3])
      assert.is_false(ok)
      assert.truthy(tostring(err):find(case[2], 1, true), tostring(err))
    end
    local ok, err = pcall(pg.remove, engine, "checkout", nothing)
    assert.is_false(ok)
    assert.truthy(tostring(err):find("does not listen to 'checkout'", 1, true))
  end)
end)

describe("an engine's events", function()
  local url, drop, engine, heard
  setup(function() url, drop = db.create() end)
  teardown(function() drop() end)
  before_each(function()
    engine, heard = pg.create_engine(url), {}
  end)
  after_each(function()
    assert.equal(0, engine:pool_status().checked_out)
    engine:dispose()
  end)

  local function note(name)
    return pg.listen(engine, name, function() heard[#heard + 1] = name end)
  end

  it("tell what becomes of connections and transactions, in order, until they are removed", function()
    local listeners = {}
    for _, name in ipairs{ "connect", "checkout", "checkin", "begin", "commit", "rollback", "before_execute",
      "after_execute", "before_cursor_execute" } do
      listeners[name] = note(name)
    end
    engine:begin(function(conn) conn:exec_sql "SELECT 1" end)
    assert.equal("connect checkout begin before_execute before_cursor_execute after_execute commit checkin",
      table.concat(heard, " "))
    heard = {}
    engine:connect(function(conn) conn:execute(pg.text "SELECT 1") end)
    assert.equal("checkout before_execute begin before_cursor_execute after_execute rollback checkin",
      table.concat(heard, " "))
    heard = {}
    for name, fn in pairs(listeners) do pg.remove(engine, name, fn) end
    engine:begin(function(conn) conn:exec_sql "SELECT 1" end)
    assert.same({}, heard)
    assert.is_nil(rawget(engine, "_listeners"))
  end)

  it("let a new connection be prepared, whose settings last", function()
    pg.listen(engine, "connect", function(conn) conn:exec_sql "SET application_name = 'prepared'" end)
    for _ = 1, 2 do
      engine:connect(function(conn)
        assert.equal("prepared", conn:exec_sql("SHOW application_name"):scalar())
        conn:rollback()
      end)
    end
  end)

  it("close a connection whose preparation fails, and give back one that is refused", function()
    local function fail() error("not this one", 0) end
    pg.listen(engine, "connect", fail)
    assert.has_error(function() engine:connect() end, "not this one")
    pg.remove(engine, "connect", fail)
    pg.listen(engine, "checkout", fail)
    assert.has_error(function() engine:connect() end, "not this one")
    pg.remove(engine, "checkout", fail)
    pg.listen(engine, "checkin", fail)
    local conn = engine:connect()
    assert.has_error(function() conn:close() end, "not this one")
    assert.equal(0, engine:pool_status().checked_out)
  end)

  it("see statements with their parameters and results", function()
    pg.listen(engine, "before_execute", function(conn, stmt, params)
      heard[#heard + 1] = ("%s %s %s"):format(tostring(conn.info.backend_pid > 0), tostring(stmt), params.x)
    end)
    pg.listen(engine, "after_execute", function(_, _, _, result) heard[#heard + 1] = result.rowcount end)
    pg.listen(engine, "before_cursor_execute", function(_, sql, values) heard[#heard + 1] = sql .. values[1] end)
    engine:connect(function(conn) conn:execute(pg.text "SELECT CAST(:x AS int)", { x = 7 }) end)
    assert.same({ "true SELECT CAST($1 AS int) 7", "SELECT CAST($1 AS int)7", 1 }, heard)
  end)

  it("see every execution of executemany", function()
    engine:connect(function(conn)
      conn:exec_sql "CREATE TEMPORARY TABLE t (a int)"
      pg.listen(engine, "before_cursor_execute", function(_, sql, values) heard[#heard + 1] = sql .. values[1] end)
      local t = pg.table("t", pg.column("a", pg.Integer))
      conn:execute(pg.insert(t), { { a = 1 }, { a = 2 } })
    end)
    assert.same({ "INSERT INTO t (a) VALUES ($1)1", "INSERT INTO t (a) VALUES ($1)2" }, heard)
  end)

  it("hear of errors, and may replace them", function()
    pg.listen(engine, "handle_error", function(context)
      heard = { context.statement, context.error.sqlstate, context.is_disconnect }
      if context.error.sqlstate == "22012" then return "a sum that nobody can do" end
    end)
    engine:connect(function(conn)
      assert.has_error(function() conn:exec_sql "SELECT 1/0" end, "a sum that nobody can do")
      assert.same({ "SELECT 1/0", "22012", false }, heard)
      conn:rollback()
      local ok, err = pcall(conn.exec_sql, conn, "SELEC 1")
      assert.is_false(ok)
      assert.is_true(pg.is_error(err, "42601"))
      conn:rollback()
    end)
  end)

  it("hear of a server that cannot be reached", function()
    local nowhere = pg.create_engine("postgresql:///x?host=/nowhere")
    pg.listen(nowhere, "handle_error", function(context)
      heard = { context.error.class, context.connection, context.statement }
      return "no server today"
    end)
    assert.has_error(function() nowhere:connect() end, "no server today")
    assert.same({ "OperationalError" }, heard)
    assert.equal(0, nowhere:pool_status().checked_out)
  end)

  local function note_statements()
    pg.listen(engine, "before_execute", function(_, stmt) heard[#heard + 1] = "before " .. tostring(stmt) end)
    pg.listen(engine, "before_cursor_execute", function(_, sql) heard[#heard + 1] = "sent " .. sql end)
    pg.listen(engine, "after_execute", function(_, stmt, _, result)
      heard[#heard + 1] = ("after %s: %s"):format(tostring(stmt),
        type(result) == "number" and result or result.scalar and result:scalar() or class.describe(result))
    end)
    pg.listen(engine, "handle_error", function(context)
      heard[#heard + 1] = ("failed %s: %s"):format(tostring(context.statement), context.error.sqlstate)
    end)
  end

  it("see the statements of a pipeline, and their answers when they come", function()
    note_statements()
    engine:connect(function(conn)
      conn:pipeline(function(pipe)
        pipe:execute(pg.text "SELECT CAST(:x AS int)", { x = 1 })
        pipe:exec_sql("SELECT 2")
      end)
    end)
    assert.same({ "before SELECT CAST($1 AS int)", "sent SELECT CAST($1 AS int)", "before SELECT 2", "sent SELECT 2",
      "after SELECT CAST($1 AS int): 1", "after SELECT 2: 2" }, heard)
  end)

  it("tell which statement of a pipeline failed", function()
    note_statements()
    engine:connect(function(conn)
      assert.has_error(function()
        conn:pipeline(function(pipe)
          pipe:exec_sql("SELECT 1")
          pipe:exec_sql("SELECT 1/0")
          pipe:exec_sql("SELECT 3")
        end)
      end)
    end)
    assert.equal("failed SELECT 1/0: 22012", heard[#heard])
  end)

  it("see COPY and cursors", function()
    engine:connect(function(conn)
      conn:exec_sql "CREATE TEMPORARY TABLE t (a int)"
      note_statements()
      conn:copy_in("t", { "a" }, { { 1 }, { 2 } })
      conn:copy_out("t", function() end)
      conn:cursor(pg.text "SELECT a FROM t"):close()
      assert.has_error(function() conn:copy_in("missing", { "a" }, {}) end)
    end)
    assert.same({
      "before COPY t (a) FROM STDIN", "sent COPY t (a) FROM STDIN (FORMAT binary)", "after COPY t (a) FROM STDIN: 2",
      "before SELECT * FROM t", "sent COPY (SELECT * FROM t) TO STDOUT (FORMAT binary)",
      "after SELECT * FROM t: Reader",
      "before SELECT a FROM t", "sent DECLARE pgv_cursor_1 NO SCROLL CURSOR FOR SELECT a FROM t",
      "after SELECT a FROM t: Cursor",
      "before COPY missing (a) FROM STDIN", "failed COPY missing (a) FROM STDIN: 42P01",
    }, heard)
  end)

  it("hear of the error of a stream's query", function()
    note_statements()
    engine:connect(function(conn)
      conn:execution_options{ stream_results = true }
      pcall(conn.exec_sql, conn, "SELECT 1/0")
    end)
    assert.same({ "before SELECT 1/0", "sent SELECT 1/0", "failed SELECT 1/0: 22012" }, heard)
  end)

  describe("of tables", function()
    local metadata, items
    before_each(function()
      metadata = pg.MetaData()
      items = pg.Table("it'ems", metadata, { pg.Column{ "id", pg.Integer, primary_key = true } })
    end)

    it("surround their creation and their end", function()
      for _, target in ipairs{ metadata, items } do
        for _, name in ipairs{ "before_create", "after_create", "before_drop", "after_drop" } do
          pg.listen(target, name, function(object, conn)
            local exists = conn:exec_sql([[SELECT to_regclass('"it''ems"') IS NOT NULL]]):scalar()
            heard[#heard + 1] = ("%s %s %s"):format(object == items and "table" or "metadata", name, tostring(exists))
          end)
        end
      end
      metadata:create_all(engine)
      assert.same({ "metadata before_create false", "table before_create false", "table after_create true",
        "metadata after_create true" }, heard)
      heard = {}
      items:drop(engine)
      assert.same({ "table before_drop true", "table after_drop false" }, heard)
      heard = {}
      metadata:create_all(engine)
      metadata:drop_all(engine)
      assert.equal("metadata after_drop false", heard[#heard])
    end)

    it("run DDL that names the table", function()
      pg.listen(items, "after_create", pg.DDL [[COMMENT ON TABLE %(fullname)s IS '100%% of %%(table)s']])
      pg.listen(items, "after_create", pg.DDL "ALTER TABLE %(table)s ADD extra int")
      items:create(engine)
      assert.equal("100% of %(table)s",
        db.psql([[SELECT obj_description('"it''ems"'::regclass)]], url))
      assert.equal("0", db.psql([[SELECT count(extra) FROM "it'ems"]], url))
      items:drop(engine)
    end)

    it("refuse DDL that cannot be", function()
      assert.error_matches(function() pg.DDL(5) end, "expected SQL text, got number")
      assert.error_matches(function() pg.DDL "%(tabel)s" end, "unknown '%%%(tabel%)s'")
      local ddl = pg.DDL "SELECT '%(schema)s'"
      engine:connect(function(conn)
        assert.error_matches(function() ddl(items, conn) end, "there is no 'schema' here")
      end)
      assert.equal("SELECT 100%", tostring(pg.DDL "SELECT 100%"))
    end)
  end)
end)
