local db = require "spec.support.db"
local assert_sql = require "spec.support.assert_sql"
local pg = require "pgvector"
local tables = require "spec.support.tables"

local t = tables.items.c
local cheap = pg.select(t.id, t.title):where(t.title:eq "x")

describe("select(…):into", function()
  local cases = {
    { "is CREATE TABLE AS, its values are parameters", cheap:into "snapshot",
      "CREATE TABLE snapshot AS SELECT items.id, items.title FROM items WHERE items.title = $1", { "x" } },
    { "has a schema, and quotes what needs it", cheap:into("Order", { schema = "My App" }),
      [[CREATE TABLE "My App"."Order" AS SELECT items.id, items.title FROM items WHERE items.title = $1]], { "x" } },
    { "may be temporary, and leave alone what exists",
      pg.select(t.id):into("snapshot", { temporary = true, if_not_exists = true }),
      "CREATE TEMPORARY TABLE IF NOT EXISTS snapshot AS SELECT items.id FROM items" },
    { "takes set operations", pg.select(t.id):union_all(pg.select(t.id)):into "snapshot",
      "CREATE TABLE snapshot AS SELECT items.id FROM items UNION ALL SELECT items.id FROM items" },
    { "has the WITH clause behind AS", pg.select(cheap:cte("c").c.id):into "snapshot",
      "CREATE TABLE snapshot AS WITH c AS (SELECT items.id, items.title FROM items WHERE items.title = $1) "
        .. "SELECT c.id FROM c", { "x" } },
    { "gives columns of one name another", pg.select(t.id, tables.items:alias("b").c.id):into "snapshot",
      "CREATE TABLE snapshot AS SELECT items.id, b.id AS id_1 FROM items, items AS b" },
    { "has comments and schema maps like other statements",
      pg.select(t.id):into("snapshot"):comment("why"):execution_options{ schema_translate_map = { [""] = "app" } },
      "CREATE TABLE app.snapshot AS SELECT app.items.id FROM app.items /* why */" },
  }
  for _, case in ipairs(cases) do
    it(case[1], function() assert_sql(case[2], case[3], case[4]) end)
  end

  it("writes its values into the text for a script", function()
    assert.equal("CREATE TABLE s AS SELECT items.id, items.title FROM items WHERE items.title = 'x'",
      cheap:into("s"):compile{ literal_binds = true })
  end)

  it("has the table that it makes, with the select's columns and types", function()
    local made = pg.select(t.id, t.embedding:l2_distance({ 1, 2, 3 }):label "distance", t.embedding):into("near").table
    local types = {}
    for i, name in ipairs{ "id", "distance", "embedding" } do types[i] = tostring(made.c[name].type) end
    assert.same({ "BIGINT", "DOUBLE PRECISION", "VECTOR(3)" }, types)
    assert_sql(pg.select(made.c.id):where(made.c.distance:lt(1)), "SELECT near.id FROM near WHERE near.distance < $1", { 1 })
    assert.error_matches(function() return made.c.titel end, "no column 'titel'")
  end)

  it("refuses what is no name, and options that it does not have", function()
    assert.error_matches(function() cheap:into() end, "into: table name must be a non%-empty string, not nil")
    assert.error_matches(function() cheap:into(("x"):rep(64)) end, "longer than 63 bytes")
    assert.error_matches(function() cheap:into("s", { temporray = true }) end, "did you mean 'temporary'")
  end)

  describe("on the server", function()
    local engine, conn, drop, items

    setup(function()
      local url
      url, drop = db.create()
      engine = pg.create_engine(url)
      items = pg.Table("items", pg.MetaData(), {
        pg.Column{ "id", pg.Integer, primary_key = true }, pg.Column{ "title", pg.Text },
        pg.Column{ "embedding", pg.VECTOR(2) }, pg.HNSW("embedding", { metric = "l2" }),
      })
      engine:begin(function(c)
        items:create(c)
        c:execute(pg.insert(items), { { title = "x", embedding = { 1, 1 } }, { title = "y", embedding = { 5, 5 } } })
      end)
    end)
    teardown(function()
      engine:dispose()
      drop()
    end)
    before_each(function() conn = engine:connect() end)
    after_each(function() conn:close() end)

    it("stores the rows and tells how many there were", function()
      local stmt = pg.select(items):where(items.c.title:eq(pg.bindparam "title")):into "snapshot"
      assert.equal(1, conn:execute(stmt, { title = "x" }).rowcount)
      local row = conn:execute(pg.select(stmt.table)):one()
      assert.equal("x", row.title)
      assert.equal(pg.vector{ 1, 1 }, row.embedding)
    end)

    it("stores what is nearest, under the settings of the search", function()
      local stmt = pg.select(items):nearest(items.c.embedding, { 1, 1 }, { limit = 1, ef_search = 50, within = 3 })
        :into("near", { temporary = true })
      assert.equal(1, conn:execute(stmt).rowcount)
      assert.equal(0, conn:execute(pg.select(stmt.table)):one().distance)
    end)

    it("is run by create, and by CreateTable, of its table", function()
      local stmt = pg.select(items.c.id):where(items.c.title:eq "x"):into("s", { temporary = true })
      stmt.table:create(conn)
      stmt.table:create(conn, { checkfirst = true })
      conn:execute(pg.CreateTable(stmt.table, { if_not_exists = true }))
      assert.equal(1, conn:scalar(pg.select(pg.func.count()):select_from(stmt.table)))
      pg.Index("on_s", stmt.table.c.id):create(conn)
      stmt.table:drop(conn)
      assert.is_nil(conn:exec_sql("SELECT to_regclass('s')::text"):scalar())
      conn:execute(stmt)
    end)

    it("runs in pipelines and sessions, but returns no rows to copy", function()
      conn:pipeline(function(pipeline)
        pipeline:execute(pg.select(items.c.id):where(items.c.title:eq "x"):into("a", { temporary = true }))
      end)
      local session = pg.orm.Session(conn)
      assert.equal(2, session:execute(pg.select(items):into("b", { temporary = true })).rowcount)
      session:close()
      assert.error_matches(function() conn:copy_out(pg.select(items):into "c") end, "a statement that returns rows")
    end)
  end)
end)
