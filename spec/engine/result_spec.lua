local db = require "spec.support.db"
local pg = require "pgvector"

describe("a result", function()
  local engine, conn
  setup(function()
    engine = pg.create_engine(db.url())
    conn = engine:connect()
  end)
  teardown(function()
    conn:close()
    engine:dispose()
  end)

  local people = "SELECT * FROM (VALUES (1, 'ada'), (2, NULL), (3, 'bob')) AS people (id, name)"
  local function run(sql) return conn:exec_sql(sql or people) end
  local none = people .. " WHERE id > 9"

  it("gives rows by position and by name; NULL is pg.null by position, nil by name", function()
    assert.same({
      { 1, "ada", id = 1, name = "ada" }, { 2, pg.null, id = 2 }, { 3, "bob", id = 3, name = "bob" },
    }, run():all())
  end)

  it("is iterated by calling it", function()
    local ids = {}
    for row in run() do ids[#ids + 1] = row.id end
    assert.same({ 1, 2, 3 }, ids)
  end)

  it("is iterated over many more rows than are decoded at a time", function()
    local sum = 0
    for row in run("SELECT generate_series(1, 1000) AS i") do sum = sum + row.i end
    assert.equal(500500, sum)
  end)

  it("gives the first row, or nil", function()
    assert.equal(1, run():first().id)
    assert.is_nil(run(none):first())
  end)

  it("gives the only row, and says when there is none or more than one", function()
    assert.equal(2, run(people .. " WHERE id = 2"):one().id)
    local _, err = pg.try(function() run(none):one() end)
    assert.equal("NoResultFound", err.class)
    _, err = pg.try(function() run():one() end)
    assert.equal("MultipleResultsFound", err.class)
    assert.is_nil(run(none):one_or_none())
    _, err = pg.try(function() run():one_or_none() end)
    assert.equal("MultipleResultsFound", err.class)
  end)

  it("gives single values, with nil for NULL", function()
    assert.equal(1, run():scalar())
    assert.is_nil(run(none):scalar())
    assert.is_nil(run("SELECT NULL"):scalar())
    assert.is_false(run("SELECT false"):scalar())
    assert.equal(7, run("SELECT 7"):scalar_one())
    assert.is_nil(run(none):scalar_one_or_none())
    assert.is_nil(run("SELECT NULL"):scalar_one())
    local _, err = pg.try(function() run(none):scalar_one() end)
    assert.equal("NoResultFound", err.class)
  end)

  it("gives the values of one column, by position or name, with pg.null for NULL", function()
    assert.same({ 1, 2, 3 }, run():scalars():all())
    assert.same({ "ada", pg.null, "bob" }, run():scalars("name"):all())
    assert.same({ "ada", pg.null, "bob" }, run():scalars(2):all())
    assert.equal("ada", run():scalars("name"):first())
    assert.is_nil(run(people .. " WHERE id = 2"):scalars("name"):one())
    local seen = {}
    for name in run():scalars("name") do seen[#seen + 1] = name end
    assert.same({ "ada", pg.null, "bob" }, seen)
  end)

  it("gives rows with names only", function()
    assert.same({ { id = 1, name = "ada" }, { id = 2 }, { id = 3, name = "bob" } }, run():mappings():all())
    assert.same({ id = 1, name = "ada" }, run():mappings():first())
  end)

  it("gives plain values to a for loop, NULL as nil", function()
    local seen = {}
    for i, id, name in run():tuples() do seen[i] = { id, name or "none" } end
    assert.same({ { 1, "ada" }, { 2, "none" }, { 3, "bob" } }, seen)
  end)

  it("is taken in portions", function()
    local result = run("SELECT generate_series(1, 5) AS i")
    assert.equal(2, #result:fetchmany(2))
    local sizes = {}
    for rows in result:partitions(2) do sizes[#sizes + 1] = #rows end
    assert.same({ 2, 1 }, sizes)
    assert.same({}, result:fetchmany(2))
    assert.same({}, result:all())
    local _, err = pg.try(result.fetchmany, result, 0)
    assert.equal("fetchmany: expected a positive integer, got 0", err.message)
  end)

  it("leaves out arrays and documents that are equal", function()
    assert.equal(1, #run("SELECT ARRAY[1, 2] UNION ALL SELECT ARRAY[1, 2]"):unique():all())
    assert.equal(2, #run("SELECT ARRAY['1', '2'] UNION ALL SELECT ARRAY['1,2']"):scalars():unique():all())
    local documents = [[SELECT d::jsonb FROM unnest(ARRAY[
      '{"a": [1, null], "b": {}}', '{"b": {}, "a": [1, null]}', '{"a": [1, 2], "b": {}}', '[]', '{}', '[]']) AS d]]
    assert.equal(4, #run(documents):scalars():unique():all())
  end)

  it("leaves out duplicates", function()
    local sql = "SELECT * FROM (VALUES (1, 'a'), (1, 'a'), (1, NULL), (2, 'a'), (1, NULL)) AS t (x, y)"
    assert.equal(3, #run(sql):unique():all())
    assert.same({ 1, 2 }, run(sql):scalars():unique():all())
    assert.same({ 1, 2 }, run(sql):unique():scalars():all())
    assert.equal(3, #run(sql):mappings():unique():all())
    assert.equal(2, #run(sql):unique(function(row) return row.x end):all())
  end)

  it("is cut down to some columns, in another order", function()
    local result = run():columns("name", 1)
    assert.same({ "name", "id" }, result:keys())
    assert.same({ "ada", 1, name = "ada", id = 1 }, result:first())
    assert.same({ { name = "ada" }, {}, { name = "bob" } }, run():columns("name"):mappings():all())
    assert.same({ "ada", pg.null, "bob" }, run():columns("name"):scalars():all())
  end)

  it("names its columns", function()
    assert.same({ "id", "name" }, run():keys())
  end)

  it("refuses an ambiguous or unknown name", function()
    local row = run("SELECT 1 AS id, 2 AS id, 3 AS other"):first()
    assert.same({ 1, 2, 3 }, { row[1], row[2], row[3] })
    assert.equal(3, row.other)
    local _, err = pg.try(function() return row.id end)
    assert.equal("ambiguous column name 'id'", err.message)
    _, err = pg.try(function() run():scalars("nmae") end)
    assert.equal("this result has no column 'nmae', did you mean 'name'?", err.message)
  end)

  it("counts rows", function()
    assert.equal(3, run().rowcount)
    assert.equal(2, run("CREATE TEMP TABLE counted AS SELECT generate_series(1, 2) AS i").rowcount)
    assert.equal(2, run("UPDATE counted SET i = i").rowcount)
    assert.equal(1, run("DELETE FROM counted WHERE i = 1").rowcount)
  end)

  it("has no rows after a statement without any", function()
    local _, err = pg.try(function() run("CREATE TEMP TABLE empty ()"):all() end)
    assert.equal("this result does not return rows", err.message)
  end)

  it("refuses to be used after close, first and one", function()
    for _, finish in ipairs { "close", "first", "scalar" } do
      local result = run()
      result[finish](result)
      for _, use in ipairs { "all", "scalars", "mappings", "fetchmany", "tuples" } do
        local _, err = pg.try(result[use], result, 1)
        assert.equal("this result is closed", err.message, finish .. ", " .. use)
      end
    end
    local result = run()
    result:close()
    result:close()
  end)

  it("stays readable after its connection was closed", function()
    local result
    engine:connect(function(c) result = c:exec_sql(people) end)
    assert.equal(3, #result:all())
  end)

  it("says how to call its methods", function()
    local result = run()
    local _, err = pg.try(result.all)
    assert.truthy(err.message:find("use ':' to call", 1, true))
  end)
end)
