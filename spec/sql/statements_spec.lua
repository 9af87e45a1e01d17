-- What statements can carry besides their clauses: comments, options, named
-- windows, an order of values; and views, sequences, DDL as text.

local compiler = require "pgvector.sql.compiler"
local db = require "spec.support.db"
local assert_sql = require "spec.support.assert_sql"
local pg = require "pgvector"
local tables = require "spec.support.tables"

local items = tables.items
local t, func = items.c, pg.func

local function refused(message, f, ...)
  local _, err = pg.try(f, ...)
  assert.matches(message, err and err.message or "nothing raised", 1, true)
end

describe("a comment", function()
  it("stands behind the statement, and cannot be ended", function()
    assert_sql(pg.select(t.id):comment "route=/x", "SELECT items.id FROM items /* route=/x */")
    assert_sql(pg.select(t.id):comment("*/ ; DROP"):comment "/* b", "SELECT items.id FROM items /* * / ; DROP */ /* / * b */")
    assert_sql(pg.delete(items):all_rows():comment "d", "DELETE FROM items /* d */")
    assert_sql(pg.select(t.id):comment "**//", "SELECT items.id FROM items /* ** // */")
    refused("expected a string", function() return pg.select(t.id):comment(5) end)
    refused("zero bytes", function() return pg.select(t.id):comment "a\0b" end)
  end)
end)

describe("execution_options", function()
  local function settings(stmt)
    local found = {}
    for _, setting in ipairs(compiler.compile(stmt).settings or {}) do found[setting.name] = setting.value end
    return found
  end

  it("set search parameters for the statement, wherever it stands", function()
    local stmt = pg.select(t.id):execution_options{ hnsw_ef_search = 100, hnsw_iterative_scan = "relaxed_order" }
    local wanted = { ["hnsw.ef_search"] = 100, ["hnsw.iterative_scan"] = "relaxed_order" }
    assert.same(wanted, settings(stmt))
    assert.same(wanted, settings(pg.select(stmt:subquery().c.id)))
    assert.same({ ["ivfflat.probes"] = 7 }, settings(pg.delete(items):all_rows():execution_options{ ivfflat_probes = 7 }))
    local both = settings(stmt:union(stmt):execution_options{ ivfflat_probes = 7 })
    assert.equal(100, both["hnsw.ef_search"])
    assert.equal(7, both["ivfflat.probes"])
  end)

  it("replace each other on one statement, and add up in its parts", function()
    local stmt = pg.select(t.id):execution_options{ hnsw_ef_search = 100, hnsw_iterative_scan = "off" }
    local other = stmt:execution_options{ hnsw_ef_search = 50, hnsw_iterative_scan = "relaxed_order" }
    assert.same({ ["hnsw.ef_search"] = 50, ["hnsw.iterative_scan"] = "relaxed_order" }, settings(other))
    assert.same({ ["hnsw.ef_search"] = 100, ["hnsw.iterative_scan"] = "off" }, settings(stmt))
    refused("one part of the statement needs hnsw.iterative_scan", function() return settings(stmt:union(other)) end)
  end)

  for _, case in ipairs{
    { { yield_pr = 5 }, "execution_options: unknown option 'yield_pr', did you mean 'yield_per'?" },
    { 5, "execution_options: expected a table, got number" },
    { { hnsw_ef_search = 0 }, "hnsw_ef_search: expected a number from 1 to 1000, got 0" },
    { { hnsw_ef_search = "1; DROP" }, "hnsw_ef_search: expected a number from 1 to 1000" },
    { { hnsw_iterative_scan = "on" }, "hnsw_iterative_scan: unknown value 'on'" },
    { { ivfflat_iterative_scan = "strict_order" }, "ivfflat_iterative_scan: unknown value 'strict_order'" },
    { { hnsw_efsearch = 5 }, "unknown option 'hnsw_efsearch', did you mean 'hnsw_ef_search'?" },
    { { schema_translate_map = { a = 5 } }, "schema_translate_map: expected names by names" },
    { { schema_translate_map = "a" }, "schema_translate_map: expected a table, got string" },
  } do
    it("refuse: " .. case[2], function()
      refused(case[2], function() return pg.select(t.id):execution_options(case[1]) end)
    end)
  end

  it("translate schemas: of tables, columns, enums", function()
    local mood = pg.Enum{ "a", "b", name = "mood", schema = "app" }
    local x = pg.Table("x", pg.MetaData{ schema = "app" }, { pg.Column{ "m", mood } })
    local stmt = pg.select(x.c.m:cast(mood), pg.literal("a"):cast(pg.ARRAY(mood))):where(x.c.m:eq "a")
      :execution_options{ schema_translate_map = { app = 'Tenant "7"' } }
    assert_sql(stmt, 'SELECT CAST("Tenant ""7""".x.m AS "Tenant ""7""".mood) AS m, '
      .. 'CAST($1 AS "Tenant ""7""".mood[]) AS anon_1 FROM "Tenant ""7""".x WHERE "Tenant ""7""".x.m = $2', { "a", "a" })
  end)
end)

describe("a named window", function()
  local w = pg.window("w", { partition_by = t.owner_id, order_by = t.price:desc() })
  it("is defined once, behind HAVING, whoever uses it", function()
    assert_sql(pg.select(func.rank():over(w):label "r", func.sum(t.price):over(w):label "s"):where(t.live)
      :order_by(func.row_number():over(w)):limit(3),
      "SELECT rank() OVER w AS r, sum(items.price) OVER w AS s FROM items WHERE items.live "
        .. "WINDOW w AS (PARTITION BY items.owner_id ORDER BY items.price DESC) ORDER BY row_number() OVER w LIMIT $1", { 3 })
  end)
  it("hides output names, but not those of a subquery in it", function()
    local owners = tables.owners
    local function ordered(query) return pg.select(func.rank():over{ order_by = query:scalar_subquery() }:label "r") end
    local label = pg.select((owners.c.id + 1):label "l")
    assert_sql(ordered(label:order_by "l":limit(1)), "SELECT rank() OVER (ORDER BY "
      .. "(SELECT owners.id + $1 AS l FROM owners ORDER BY l LIMIT $2)) AS r", { 1, 1 })
    assert_sql(ordered(label:union(label):order_by "l":limit(1)), "SELECT rank() OVER (ORDER BY (SELECT owners.id + $1 AS l "
      .. "FROM owners UNION SELECT owners.id + $1 AS l FROM owners ORDER BY l LIMIT $2)) AS r", { 1, 1 })
  end)
  it("brings its tables along, and belongs to its own select", function()
    local inner = pg.select(func.rank():over(w):label "r"):subquery "i"
    assert_sql(pg.select(inner.c.r), "SELECT i.r FROM (SELECT rank() OVER w AS r FROM items "
      .. "WINDOW w AS (PARTITION BY items.owner_id ORDER BY items.price DESC)) AS i")
  end)
  it("is refused twice under one name", function()
    local other = pg.window("w", { order_by = t.id })
    refused("two different windows are named 'w'", function()
      return pg.select(func.rank():over(w), func.rank():over(other)):compile()
    end)
    refused("did you mean 'order_by'?", function() return pg.window("x", { orderby = t.id }) end)
  end)
end)

describe("a nesting CTE", function()
  local owners = tables.owners
  local c = pg.select(owners.c.id):cte("c", { nesting = true })
  local with = "WITH c AS (SELECT owners.id FROM owners) "
  it("is defined by the select that refers to it", function()
    assert_sql(pg.select(c.c.id), with .. "SELECT c.id FROM c")
    assert_sql(pg.select(t.id):where(t.owner_id:in_(pg.select(c.c.id))),
      "SELECT items.id FROM items WHERE items.owner_id IN (" .. with .. "SELECT c.id FROM c)")
    local s = pg.select(c.c.id):subquery "s"
    assert_sql(pg.select(s.c.id), "SELECT s.id FROM (" .. with .. "SELECT c.id FROM c) AS s")
  end)
  it("stands in parentheses in a set operation, and in front of DML", function()
    assert_sql(pg.select(t.id):union(pg.select(c.c.id)), "SELECT items.id FROM items UNION (" .. with .. "SELECT c.id FROM c)")
    assert_sql(pg.delete(items):where(t.owner_id:eq(c.c.id)), with .. "DELETE FROM items USING c WHERE items.owner_id = c.id")
  end)
  it("follows those of the whole statement, whose names it must not have", function()
    local all = pg.select(owners.c.email):cte "c"
    refused("two different CTEs are named 'c'", function() return pg.select(c.c.id, all.c.email):compile() end)
    local other = pg.select(owners.c.email):cte "o"
    assert_sql(pg.select(c.c.id, other.c.email), "WITH o AS (SELECT owners.email FROM owners), c AS (SELECT owners.id FROM owners) "
      .. "SELECT c.id, o.email FROM c, o")
  end)
end)

describe("ordered_values", function()
  it("sets in the order that was told", function()
    assert_sql(pg.update(items):ordered_values({ "title", "x" }, { t.price, t.price + 1 }, { "id", 1 }):where(t.live),
      "UPDATE items SET title=$1, price=items.price + $2, id=$3 WHERE items.live", { "x", 1, 1 })
    refused("has no column 'titel', did you mean 'title'?", function() return pg.update(items):ordered_values{ "titel", 1 } end)
    refused("must be { column, value }", function() return pg.update(items):ordered_values("title", 1) end)
  end)
end)

describe("what a type does not have is refused by name:", function()
  local doc = pg.column("doc", pg.JSON)
  for name, f in pairs{
    contains = function() return doc:contains{ a = 1 } end, has_key = function() return doc:has_key "a" end,
    contained_by = function() return doc:contained_by{} end, path_exists = function() return doc:path_exists "$.a" end,
    delete_path = function() return doc:delete_path{ "a" } end, eq = function() return doc:eq{ a = 1 } end,
    lt = function() return doc:lt{ a = 1 } end, set = function() return doc:set({ "a" }, 1) end,
  } do
    it(name .. " of JSON", function() refused("type JSON", f) end)
  end
  for _, name in ipairs{ "like", "ilike", "contains", "startswith", "regexp_match" } do
    it(name .. " of a number", function() refused("not text", function() return t.id[name](t.id, "1") end) end)
  end
  it("but JSON is NULL or not, and has its members", function()
    assert_sql(doc:eq(pg.null), "doc IS NULL")
    assert_sql(doc:get "a", "doc -> $1", { "a" })
    assert_sql(doc:cast(pg.JSONB):contains{ a = 1 }, "CAST(doc AS JSONB) @> $1", { { a = 1 } })
  end)
end)

describe("more expressions", function()
  local cases = {
    { t.id:bitwise_not() + 1, "(~ items.id) + $1", { 1 } },
    { t.id:bitwise_lshift(2):bitwise_rshift(1), "items.id << $1 >> $2", { 2, 1 } },
    { pg.Sequence("Seq", { schema = "a" }):next_value(), "nextval('a.\"Seq\"')" },
    { func.grouping_sets(pg.tuple(t.id), pg.tuple(t.id, t.title)), "GROUPING SETS ((items.id), (items.id, items.title))" },
    { pg.column("r", pg.DATERANGE):contains "2024-01-01", "r @> CAST($1 AS DATE)", { "2024-01-01" } },
    { pg.column("r", pg.INT4RANGE):contains(5), "r @> $1", { 5 } },
    { t.title:ops "text_pattern_ops", "items.title" },
  }
  for _, case in ipairs(cases) do
    it(case[2], function() assert_sql(case[1], case[2], case[3]) end)
  end
end)

describe("views, sequences and DDL", function()
  local engine, drop
  setup(function()
    local url
    url, drop = db.create()
    engine = pg.create_engine(url)
  end)
  teardown(function()
    engine:dispose()
    drop()
  end)

  local numbers = pg.Table("numbers", pg.MetaData(), { pg.Column{ "n", pg.Integer, primary_key = true } })
  local even = pg.View("even", pg.select(numbers.c.n, (numbers.c.n * 2):label "twice"):where((numbers.c.n % 2):eq(0)),
    { comment = "it's even" })

  it("show what they are", function()
    assert_sql(pg.CreateView(even, { or_replace = true }),
      "CREATE OR REPLACE VIEW even AS SELECT numbers.n, numbers.n * 2 AS twice FROM numbers WHERE numbers.n % 2 = 0")
    local cte = pg.select(numbers.c.n):cte "c"
    assert_sql(pg.CreateView(pg.View("V", pg.select(cte.c.n), { schema = "s", materialized = true })),
      'CREATE MATERIALIZED VIEW s."V" AS WITH c AS (SELECT numbers.n FROM numbers) SELECT c.n FROM c')
    assert_sql(pg.DropView(even, { if_exists = true, cascade = true }), "DROP VIEW IF EXISTS even CASCADE")
    refused("expected a view", pg.DropView, numbers)
    refused("expected a select", pg.View, "v", numbers)
    refused("CREATE VIEW has no IF NOT EXISTS", function() return pg.CreateView(even, { if_not_exists = true }):compile() end)
    refused("has no column 'm'", function() return even.c.m end)
    assert_sql(pg.DDL "LOCK TABLE x", "LOCK TABLE x")
    assert_sql(pg.DDL("ALTER TABLE %(fullname)s OWNER TO %(table)s"):for_table(pg.Table('A"b', pg.MetaData{ schema = "s" }, {
      pg.Column{ "a", pg.Integer } })), 'ALTER TABLE s."A""b" OWNER TO "A""b"')
    refused("expected SQL text", pg.DDL, "")
    assert_sql(pg.CreateExtension("hstore", { if_not_exists = true }), "CREATE EXTENSION IF NOT EXISTS hstore")
  end)

  it("work", function()
    engine:begin(function(conn)
      numbers:create(conn)
      conn:execute(pg.insert(numbers), { { n = 1 }, { n = 2 }, { n = 4 } })
      even:create(conn, { checkfirst = true })
      even:create(conn, { checkfirst = true })
      even:create(conn, { or_replace = true })
      assert.same({ 4, 8 }, conn:scalars(pg.select(even.c.twice):order_by(even.c.n)):all())
      assert.equal("it's even", conn:exec_sql("SELECT obj_description('even'::regclass)"):scalar())
      local kept = pg.View("kept", pg.select(even.c.n), { materialized = true })
      kept:create(conn)
      conn:execute(pg.insert(numbers):values{ n = 6 })
      local function count() return conn:scalar(pg.select(func.count()):select_from(kept)) end
      assert.equal(2, count())
      kept:refresh(conn)
      assert.equal(3, count())
      refused("is not materialized", even.refresh, even, conn)
      kept:drop(conn)
      even:drop(conn, { checkfirst = true })
      even:drop(conn, { checkfirst = true })

      local sequence = pg.Sequence("counter", { start = 5 })
      sequence:create(conn, { checkfirst = true })
      sequence:create(conn, { checkfirst = true })
      assert.equal(5, conn:scalar(pg.select(sequence:next_value())))
      sequence:drop(conn)
      conn:execute(pg.DDL "COMMENT ON TABLE %(fullname)s IS '100%'":for_table(numbers))
    end)
  end)
end)
