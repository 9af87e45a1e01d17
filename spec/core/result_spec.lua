-- Results: what they tell, rows, errors, and how long they live.

local core = require "pgvector.core"
local pq = require "spec.support.pq"

local null = core.null

local function raises(class, message, f, ...)
  local ok, err = pcall(f, ...)
  assert.is_false(ok)
  assert.are.equal(class, err.class)
  assert.are.equal(message, err.message)
end

describe("a result", function()
  local pg

  setup(function() pg = assert(pq.connect()) end)
  teardown(function() pg:finish() end)

  local function two_rows()
    return pq.params(pg, "SELECT * FROM (VALUES (1, 'one'), (2, NULL)) AS t (id, name) ORDER BY id")
  end

  local decoder = core.decoder({ { kind = "int4", name = "id" }, { kind = "text", name = "name" } })

  it("describes its columns", function()
    local result = pq.params(pg, "SELECT oid, relname AS n, 1.5::numeric(7,2) AS x FROM pg_class LIMIT 2")
    assert.are.equal("tuples_ok", result:status())
    assert.are.equal(2, result:ntuples())
    assert.are.same({ "oid", "n", "x" }, result:names())
    assert.are.equal("n", result:name(2))
    assert.are.same({ 26, 19, 1700 }, result:oids())
    assert.are.same({ -1, -1, 458758 }, result:mods())
    assert.are.equal("SELECT 2", result:cmd_status())
    assert.are.equal(2, result:cmd_tuples())
    raises("InterfaceError", "column 4 is not in the result", result.name, result, 4)
  end)

  it("has the same signature as another one of the same columns", function()
    local sql = "SELECT 1::%s AS a, 2 AS b WHERE %s"
    local function signature(...) return pq.params(pg, sql:format(...)):signature() end
    assert.are.equal(signature("int4", "true"), signature("int4", "false"))
    assert.are_not.equal(signature("int4", "true"), signature("int8", "true"))
    assert.are_not.equal(signature("int4", "true"), pq.params(pg, "SELECT 1 AS a, 2 AS c"):signature())
    assert.are_not.equal(pq.params(pg, "SELECT 1 AS a"):signature(), pq.params(pg, "SELECT 1 AS ab"):signature())
  end)

  it("matches the signatures of results like it, and no others", function()
    local result = pq.params(pg, "SELECT 1::int4 AS a, 2 AS b")
    local function matches(signature) return (select(3, result:summary(signature))) end
    for sql, like in pairs({
      ["SELECT 5::int4 AS a, 6 AS b"] = true, ["SELECT 1::int8 AS a, 2 AS b"] = false,
      ["SELECT 1::int4 AS a, 2 AS c"] = false, ["SELECT 1::int4 AS a"] = false,
      ["SELECT 1::int4 AS a, 2 AS b, 3 AS c"] = false, ["SELECT 1::int4 AS a, 2 AS bb"] = false, ["SELECT"] = false,
    }) do
      assert.are.equal(like, matches(pq.params(pg, sql):signature()), sql)
    end
    assert.is_true((select(3, pq.params(pg, "SELECT"):summary(""))))
    assert.is_false(matches("short"))
    assert.is_false(matches(nil))
  end)

  it("tells its status and both its counts in one call", function()
    local function summary(result) return { result:summary() } end
    assert.are.same({ "tuples_ok", 2, false, 2 }, summary(two_rows()))
    pq.query(pg, "CREATE TEMP TABLE summed (x int)")
    assert.are.same({ "command_ok", 0, false, 3 }, summary(pq.query(pg, "INSERT INTO summed SELECT generate_series(1, 3)")))
    assert.are.same({ "command_ok", 0, false }, summary(pq.query(pg, "DROP TABLE summed")))
    assert.are.same({ "fatal_error", 0, false }, summary(pq.query(pg, "SELECT 1 / 0")))
  end)

  it("of a command counts rows only where the command does", function()
    pq.query(pg, "CREATE TEMP TABLE counted (x int)")
    local inserted = pq.query(pg, "INSERT INTO counted SELECT generate_series(1, 5)")
    assert.are.equal("command_ok", inserted:status())
    assert.are.equal(5, inserted:cmd_tuples())
    assert.is_nil(pq.query(pg, "DROP TABLE counted"):cmd_tuples())
    assert.are.equal("empty_query", pq.query(pg, ""):status())
  end)

  it("gives rows by position and name; NULL is null there and absent here", function()
    local rows = two_rows():rows(decoder)
    assert.are.same({ { 1, "one", id = 1, name = "one" }, { 2, null, id = 2 } }, rows)
    assert.is_nil(getmetatable(rows[1]))
  end)

  it("gives rows by name only", function()
    assert.are.same({ { id = 1, name = "one" }, { id = 2 } }, two_rows():mappings(decoder))
  end)

  it("gives one row, one column, one value, the values of a row", function()
    local result = two_rows()
    assert.are.same({ 2, null, id = 2 }, result:row(decoder, 2))
    assert.are.same({ "one", null }, result:column(decoder, 2))
    assert.are.equal("one", result:value(decoder, 1, 2))
    assert.are.equal(1, select("#", result:value(decoder, 1, 2)))
    assert.is_nil(result:value(decoder, 2, 2))
    assert.are.equal(2, select("#", result:values(decoder, 2)))
    assert.are.same({ 2 }, { result:values(decoder, 2) })
  end)

  it("gives a range of rows", function()
    local result = pq.params(pg, "SELECT generate_series(1, 5) AS id")
    local ids = core.decoder({ { kind = "int4", name = "id" } })
    assert.are.same({ { id = 2 }, { id = 3 } }, result:mappings(ids, 2, 3))
    assert.are.same({ 4, 5 }, result:column(ids, 1, 4))
    assert.are.same({}, result:rows(ids, 6))
    assert.are.same({ 5 }, result:column(ids, 1, 5, 99))
    assert.are.same({}, result:column(ids, 1, 3, 2))
    raises("InterfaceError", "row 7 is not in the result", result.rows, result, ids, 7)
    raises("InterfaceError", "row 6 is not in the result", result.row, result, ids, 6)
    raises("InterfaceError", "row 0 is not in the result", result.value, result, ids, 0, 1)
    raises("InterfaceError", "column 2 is not in the result", result.column, result, ids, 2)
  end)

  it("wants a decoder of as many columns", function()
    raises("InterfaceError", "decoder has 1 columns, the result has 2",
      function() two_rows():rows(core.decoder({ { kind = "int4" } })) end)
  end)

  it("leaves columns without a name out of the names", function()
    local result = two_rows()
    local rows = result:rows(core.decoder({ { kind = "int4" }, { kind = "text", name = "label" } }))
    assert.are.same({ 1, "one", label = "one" }, rows[1])
  end)

  it("raises for a name that two columns have, and only for that", function()
    local result = pq.params(pg, "SELECT 1 AS id, 2 AS id, 3 AS x, 4 AS id")
    local int4 = "int4"
    local twice = core.decoder({
      { kind = int4, name = "id" }, { kind = int4, name = "id" }, { kind = int4, name = "x" },
      { kind = int4, name = "id" },
    })
    for _, row in ipairs({ result:rows(twice)[1], result:row(twice, 1) }) do
      assert.are.same({ 1, 2, 3, 4 }, { row[1], row[2], row[3], row[4] })
      assert.are.equal(3, row.x)
      assert.is_nil(row.y)
      assert.is_nil(row[5])
      raises("InvalidRequestError", "ambiguous column name 'id'", function() return row.id end)
    end
    local mapping = result:mappings(twice)[1]
    assert.are.equal(3, mapping.x)
    raises("InvalidRequestError", "ambiguous column name 'id'", function() return mapping.id end)
  end)

  it("passes values through the convert function, but not NULL", function()
    local calls = 0
    local converting = core.decoder({
      { kind = "int4", name = "id" },
      { kind = "text", name = "name", convert = function(v)
        calls = calls + 1
        return v:upper()
      end },
    })
    assert.are.same({ { 1, "ONE", id = 1, name = "ONE" }, { 2, null, id = 2 } }, two_rows():rows(converting))
    assert.are.equal(1, calls)
  end)

  it("stays readable after an error of the convert function", function()
    local object = { what = "boom" }
    local function fail() error(object) end
    local failing = core.decoder({ { kind = "int4", convert = fail }, { kind = "text" } })
    local result = two_rows()
    local ok, err = pcall(result.rows, result, failing)
    assert.is_false(ok)
    assert.are.equal(object, err)
    assert.are.equal(1, result:value(decoder, 1, 1))
    result:clear()
  end)

  it("cannot be cleared by a convert function while it is read", function()
    local result = two_rows()
    local function clear() result:clear() end
    local clearing = core.decoder({ { kind = "int4", convert = clear }, { kind = "text" } })
    local ok, err = pcall(result.rows, result, clearing)
    assert.is_false(ok)
    assert.are.equal("row 1, column 1: result is being read", err.message)
    result:clear()
  end)

  it("holds many columns", function()
    local list, specs = {}, {}
    for i = 1, 1600 do
      list[i] = i .. " AS c" .. i
      specs[i] = { kind = "int4", name = "c" .. i }
    end
    local result, wide = pq.params(pg, "SELECT " .. table.concat(list, ",")), core.decoder(specs)
    local row = result:row(wide, 1)
    assert.are.equal(1600, #row)
    assert.are.equal(1234, row.c1234)
    assert.are.equal(1600, select("#", result:values(wide, 1)))
  end)

  it("may have no columns", function()
    local result = pq.params(pg, "SELECT FROM generate_series(1, 2)")
    assert.are.same({ {}, {} }, result:rows(core.decoder({})))
  end)

  it("can be cleared again, and then says that it is closed", function()
    local result = two_rows()
    result:clear()
    result:clear()
    assert.are.equal("pgvector.result (closed)", tostring(result))
    for _, method in ipairs({
      "status", "ntuples", "name", "names", "oids", "mods", "signature", "cmd_status", "cmd_tuples", "error",
      "rows", "row", "mappings", "column", "value", "values", "summary",
    }) do
      raises("InterfaceError", "result is closed", result[method], result, decoder)
    end
  end)
end)

describe("the error of a result", function()
  local pg

  setup(function() pg = assert(pq.connect()) end)
  teardown(function() pg:finish() end)

  it("has all fields of a violated constraint", function()
    pq.query(pg, "CREATE TEMP TABLE strict (id int PRIMARY KEY, CONSTRAINT small CHECK (id < 10))")
    local err = pq.query(pg, "INSERT INTO strict VALUES (11)"):error()
    assert.are.equal("23514", err.sqlstate)
    assert.are.equal("ERROR", err.severity)
    assert.are.equal('new row for relation "strict" violates check constraint "small"', err.message)
    assert.are.equal("Failing row contains (11).", err.detail)
    assert.are.equal("strict", err.table)
    assert.are.equal("small", err.constraint)
    assert.is_truthy(err.schema:find("^pg_temp"))
    assert.are.equal("number", type(err.line))
    assert.are.equal("string", type(err.file))
    assert.are.equal("string", type(err.routine))
    pq.query(pg, "DROP TABLE strict")
  end)

  it("has the position as a number, and a hint", function()
    local err = pq.query(pg, "SELECT nam FROM pg_type t, (SELECT 1 AS name) u"):error()
    assert.are.equal("42703", err.sqlstate)
    assert.are.equal(8, err.position)
    assert.is_truthy(err.hint)
  end)

  it("has the column of a NULL that may not be", function()
    pq.query(pg, "CREATE TEMP TABLE strict (id int NOT NULL)")
    assert.are.equal("id", pq.query(pg, "INSERT INTO strict VALUES (NULL)"):error().column)
    pq.query(pg, "DROP TABLE strict")
  end)

  it("has the inner query's fields", function()
    local err = pq.query(pg, "DO $$ BEGIN EXECUTE 'SELECT x'; END $$"):error()
    assert.are.equal("SELECT x", err.internal_query)
    assert.are.equal(8, err.internal_position)
    assert.is_truthy(err.context:find("PL/pgSQL"))
  end)
end)
