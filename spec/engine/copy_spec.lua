local db = require "spec.support.db"
local pg = require "pgvector"

describe("copy_in", function()
  local engine, drop

  setup(function()
    local url
    url, drop = db.create()
    engine = pg.create_engine(url)
    engine:begin(function(conn)
      conn:exec_sql [[
        CREATE TABLE docs (id bigint PRIMARY KEY, title text, embedding vector(3), half halfvec(2),
          sparse sparsevec(5), bits bit(3), tags text[], vectors vector[], meta jsonb, at timestamptz,
          score numeric(10, 3), flag boolean, day date, raw bytea, uid uuid, small smallint, ratio real);
        CREATE TABLE "Odd ""Name""" ("select" int, "b c" text);
        CREATE TYPE mood AS ENUM ('sad', 'happy');
        CREATE TABLE moods (id int, mood mood, place point, words tsvector)]]
    end)
  end)
  teardown(function()
    engine:dispose()
    drop()
  end)
  before_each(function() engine:begin(function(conn) conn:exec_sql("TRUNCATE docs, moods") end) end)
  after_each(function() assert.equal(0, engine:pool_status().checked_out) end)

  local function count()
    return engine:connect(function(conn) return conn:exec_sql("SELECT count(*) FROM docs"):scalar() end)
  end

  it("stores what a function writes and returns how many rows", function()
    local n = engine:begin(function(conn)
      return conn:copy_in("docs", { "id", "title", "embedding" }, function(copy)
        copy:write_row(1, "one", pg.vector{ 1, 2, 3 })
        copy:write_row(2, nil, { 4, 5, 6 })
        copy:write_row(3, "three", "[7,8,9]")
        copy:write_row(4, "four", nil)
      end)
    end)
    assert.equal(4, n)
    engine:connect(function(conn)
      local rows = conn:exec_sql("SELECT id, title, embedding FROM docs ORDER BY id"):all()
      assert.same({ 1, "one", pg.vector{ 1, 2, 3 } }, { rows[1][1], rows[1][2], rows[1][3] })
      assert.equal(pg.null, rows[2][2])
      assert.equal(pg.vector{ 4, 5, 6 }, rows[2].embedding)
      assert.equal(pg.vector{ 7, 8, 9 }, rows[3].embedding)
      assert.is_nil(rows[4].embedding)
    end)
  end)

  it("writes documents as JSON also into a table that is given by name", function()
    engine:begin(function(conn)
      conn:copy_in("docs", { "id", "meta" }, { { 1, { a = { 1, pg.null } } }, { 2, pg.null } })
      assert.same({ a = { 1, pg.null } }, conn:exec_sql("SELECT meta FROM docs WHERE id = 1"):scalar())
    end)
  end)

  it("takes a sequence of rows, an iterator, or a result", function()
    engine:begin(function(conn)
      assert.equal(2, conn:copy_in("docs", { "id", "title" }, { { 1, "a" }, { 2, nil, n = 2 } }))
      local i = 2
      assert.equal(3, conn:copy_in("docs", { "id", "title" }, function()
        i = i + 1
        if i <= 5 then return { i, "row " .. i } end
      end))
      assert.equal(2, conn:copy_in("docs", { "id", "title" }, conn:exec_sql(
        "SELECT * FROM (VALUES (10, 'x'), (11, NULL)) AS t (id, title)")))
      assert.equal(0, conn:copy_in("docs", { "id" }, {}))
      assert.equal(0, conn:copy_in("docs", { "id" }, function() end))
    end)
    assert.equal(7, count())
  end)

  it("stores every type in binary", function()
    engine:begin(function(conn)
      conn:copy_in("docs", {
        "id", "half", "sparse", "bits", "tags", "vectors", "meta", "at", "score", "flag", "day", "raw", "uid",
        "small", "ratio",
      }, function(copy)
        copy:write_row(1, { 1.5, 2 }, pg.sparsevec({ [2] = 7 }, 5), "101", { "a", pg.null, 'q"\\' },
          { pg.vector{ 1, 2 }, pg.vector{ 3 } }, '{"a": [1, 2]}', "2024-02-29T12:30:00.25Z", "12345.678", true,
          "2024-02-29", "\0\1\255", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", -32768, 0.1)
      end)
      local row = conn:exec_sql [[SELECT half::text, sparse::text, bits::text, tags::text, vectors::text, meta::text,
        at AT TIME ZONE 'UTC' = '2024-02-29 12:30:00.25', score::text, flag, day::text, encode(raw, 'hex'), uid::text,
        small, ratio::text FROM docs]]:one()
      for i, expected in ipairs { "[1.5,2]", "{2:7}/5", "101", [[{a,NULL,"q\"\\"}]], '{"[1,2]",[3]}', '{"a": [1, 2]}',
        true, "12345.678", true, "2024-02-29", "0001ff", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", -32768, "0.1" } do
        assert.equal(expected, row[i], "column " .. i)
      end
    end)
  end)

  it("stores fewer bits than a column of varying length may hold", function()
    engine:begin(function(conn)
      conn:exec_sql "CREATE TEMPORARY TABLE flags (bits bit varying(3))"
      conn:copy_in("flags", { "bits" }, { { "1" }, { "101" } })
      assert.equal("1 101", conn:exec_sql("SELECT string_agg(bits::text, ' ' ORDER BY bits) FROM flags"):scalar())
      conn:exec_sql "SAVEPOINT before"
      local _, err = pg.try(conn.copy_in, conn, "flags", { "bits" }, { { "1011" } })
      assert.equal("22001", err.sqlstate)
      conn:exec_sql "ROLLBACK TO before"
    end)
  end)

  it("goes through text where a type has no binary form here", function()
    engine:begin(function(conn)
      conn:copy_in("moods", { "id", "mood", "place", "words" }, {
        { 1, "happy", "(1,2)", "'fat':2 'cat':3" }, { 2, pg.null, "(3,4)", "tab\there \\ back\nline" },
      })
      local rows = conn:exec_sql("SELECT mood, place[0] AS x, words::text AS words FROM moods ORDER BY id"):all()
      assert.equal("happy", rows[1].mood)
      assert.equal(1, rows[1].x)
      assert.equal("'cat':3 'fat':2", rows[1].words)
      assert.equal("' back' 'here' 'line' 'tab'", rows[2].words)
    end)
  end)

  it("quotes names", function()
    engine:begin(function(conn)
      conn:copy_in('Odd "Name"', { "select", "b c" }, { { 1, "x" } })
      assert.equal("x", conn:exec_sql([[SELECT "b c" FROM "Odd ""Name"""]]):scalar())
    end)
  end)

  it("stores a hundred thousand rows", function()
    local n = engine:begin(function(conn)
      return conn:copy_in("docs", { "id", "title" }, function(copy)
        for i = 1, 100000 do copy:write_row(i, "title") end
      end)
    end)
    assert.equal(100000, n)
  end)

  describe("stores nothing, and leaves the connection usable, when", function()
    local function fails(columns, source, check)
      engine:connect(function(conn)
        local _, err = pg.try(conn.copy_in, conn, "docs", columns, source)
        check(err)
        conn:rollback()
        assert.equal(1, conn:exec_sql("SELECT 1"):scalar())
        conn:commit()
      end)
      assert.equal(0, count())
    end

    it("the function raises", function()
      local mine = {}
      local ok, err = pcall(engine.begin, engine, function(conn)
        conn:copy_in("docs", { "id" }, function(copy)
          for i = 1, 50000 do copy:write_row(i) end
          error(mine)
        end)
      end)
      assert.is_false(ok)
      assert.equal(mine, err)
      assert.equal(0, count())
    end)

    it("a value has the wrong dimensions", function()
      fails({ "id", "embedding" }, { { 1, { 1, 2, 3 } }, { 2, { 1, 2 } } }, function(err)
        assert.equal("DataError", err.class)
        assert.equal("row 2, column 2 (embedding): expected 3 dimensions, not 2", err.message)
      end)
    end)

    it("a value is not of the column's type", function()
      fails({ "id", "embedding" }, { { 1, { 1, "2", 3 } } }, function(err)
        assert.equal("row 1, column 2 (embedding): element 2: expected number, got string", err.message)
      end)
      fails({ "id", "small" }, { { 1, 40000 } }, function(err)
        assert.equal("22003", err.sqlstate)
        assert.truthy(err.message:find("row 1, column 2 (small): ", 1, true))
      end)
    end)

    it("a row has too many or too few values", function()
      fails({ "id", "title" }, { { 1, "a" }, { 2 } }, function(err)
        assert.equal("row 2: expected 2 values, got 1", err.message)
      end)
    end)

    it("the server refuses a row", function()
      fails({ "id" }, { { 1 }, { 2 }, { 1 } }, function(err)
        assert.equal("23505", err.sqlstate)
        assert.truthy(err.sql:find("^COPY docs"))
      end)
    end)

    it("there is no such column or table", function()
      fails({ "id", "nope" }, {}, function(err) assert.equal("42703", err.sqlstate) end)
      engine:connect(function(conn)
        local _, err = pg.try(conn.copy_in, conn, "nope", { "a" }, {})
        assert.equal("42P01", err.sqlstate)
      end)
    end)
  end)

  it("refuses other statements while it runs, and its writer afterwards", function()
    local kept
    engine:begin(function(conn)
      conn:copy_in("docs", { "id" }, function(copy)
        kept = copy
        local _, err = pg.try(conn.exec_sql, conn, "SELECT 1")
        assert.equal("InterfaceError", err.class)
        assert.equal("this connection is busy with COPY", err.message)
      end)
    end)
    local _, err = pg.try(kept.write_row, kept, 1)
    assert.equal("this COPY is over", err.message)
  end)

  it("refuses sources and columns that are none", function()
    engine:connect(function(conn)
      local _, err = pg.try(conn.copy_in, conn, "docs", { "id" }, 7)
      assert.equal("copy_in: expected a function, an iterator or rows, got number", err.message)
      _, err = pg.try(conn.copy_in, conn, "docs", "id", {})
      assert.equal("copy_in: expected a sequence of column names, got string", err.message)
      _, err = pg.try(conn.copy_in, conn, "docs", nil, {})
      assert.equal("copy_in: a table given by name needs the names of its columns", err.message)
    end)
  end)
end)
