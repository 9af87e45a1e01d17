local pg = require "pgvector"
local assert_sql = require "spec.support.assert_sql"
local tables = require "spec.support.tables"

local t, o = tables.items.c, tables.owners.c
local func, null = pg.func, pg.null

local function cases(list)
  for _, case in ipairs(list) do
    it(case[2], function() assert_sql(case[1], case[2], case[3]) end)
  end
end

local function type_of(e) return tostring(e.type) end

describe("arithmetic", function()
  cases{
    { t.id + 1, "items.id + $1", { 1 } },
    { 1 + t.id, "$1 + items.id", { 1 } },
    { t.id - t.stock, "items.id - items.stock" },
    { t.id * 2, "items.id * $1", { 2 } },
    { t.id % 2, "items.id % $1", { 2 } },
    { t.score ^ 2, "items.score ^ $1", { 2 } },
    { -t.id, "-items.id" },
    { t.title .. "!", "items.title || $1", { "!" } },
    { "!" .. t.title, "$1 || items.title", { "!" } },
    { t.title .. t.id, "items.title || items.id" },
    { t.id .. "x", "items.id || $1", { "x" } },
    { t.score / 2, "items.score / $1", { 2 } },
    { t.price / t.score, "items.price / items.score" },
    { t.id / 2, "items.id / CAST($1 AS FLOAT8)", { 2 } },
    { t.id / t.stock, "items.id / CAST(items.stock AS FLOAT8)" },
    { 1 / (t.stock + 60), "$1 / CAST(items.stock + $2 AS FLOAT8)", { 1, 60 } },
    { t.id:floordiv(2), "items.id / $1", { 2 } },
    { t.score:floordiv(2), "floor(items.score / $1)", { 2 } },
    { t.stock:bitwise_and(3), "items.stock & $1", { 3 } },
    { t.stock:bitwise_or(3), "items.stock | $1", { 3 } },
    { t.stock:bitwise_xor(3), "items.stock # $1", { 3 } },
    { t.created + "1 day", "items.created + $1", { "1 day" } },
    { t.created - t.created, "items.created - items.created" },
    { func.now() - pg.literal("1 day", pg.Interval), "now() - $1", { "1 day" } },
    { t.id:op("<<")(2), "items.id << $1", { 2 } },
    { t.title:op("SIMILAR TO") "a|b", "items.title SIMILAR TO $1", { "a|b" } },
  }

  it("finds the type of its result", function()
    assert.are.equal("BIGINT", type_of(t.id + t.stock))
    assert.are.equal("BIGINT", type_of(t.stock + t.id))
    assert.are.equal("INTEGER", type_of(t.stock + 1))
    assert.are.equal("DOUBLE PRECISION", type_of(t.stock + 1.5))
    assert.are.equal("NUMERIC(10, 2)", type_of(t.stock + t.price))
    assert.are.equal("DOUBLE PRECISION", type_of(t.price + t.score))
    assert.are.equal("DOUBLE PRECISION", type_of(t.id / t.stock))
    assert.are.equal("DOUBLE PRECISION", type_of(1 / t.stock))
    assert.are.equal("TEXT", type_of(t.title .. "x"))
    assert.are.equal("TEXT[]", type_of(t.tags .. { "x" }))
    assert.are.equal("INTERVAL", type_of(t.created - t.created))
    assert.are.equal("TIMESTAMP WITH TIME ZONE", type_of(t.created + "1 day"))
    assert.are.equal("INTERVAL", tostring((t.created + "1 day").right.type))
    assert.are.equal("BOOLEAN", type_of(t.title:op("SIMILAR TO") "a"))
  end)

  it("is refused for conditions", function()
    assert.has_error(function() return t.id:eq(1) + 1 end)
    assert.has_error(function() return t.live .. "x" end)
  end)
end)

describe("an expression", function()
  cases{
    { t.id:cast(pg.Text), "CAST(items.id AS TEXT)" },
    { pg.cast("1", pg.Integer), "CAST($1 AS INTEGER)", { "1" } },
    { pg.cast(null, pg.VECTOR(3)), "CAST($1 AS VECTOR(3))", { null } },
    { pg.cast({ 1, 2, 3 }, pg.VECTOR(3)), "CAST($1 AS VECTOR(3))", { { 1, 2, 3 } } },
    { t.title:collate("de_DE"), 'items.title COLLATE "de_DE"' },
    { t.id:asc(), "items.id ASC" },
    { t.id:desc():nulls_last(), "items.id DESC NULLS LAST" },
    { t.id:nulls_first(), "items.id NULLS FIRST" },
    { pg.desc(t.id), "items.id DESC" },
    { t.id:label("x"), "items.id" },
    { pg.literal(5), "$1", { 5 } },
    { pg.literal({ a = 1 }, pg.JSONB), "$1", { { a = 1 } } },
    { pg.literal_column("count(*)"), "count(*)" },
    { pg.literal_column('"Quoted"'), '"Quoted"' },
    { pg.true_(), "true" },
    { pg.case{ { t.id:eq(1), "one" }, { t.id:eq(2), "two" }, else_ = "many" },
      "CASE WHEN items.id = $1 THEN $2 WHEN items.id = $3 THEN $4 ELSE $5 END", { 1, "one", 2, "two", "many" } },
    { pg.case{ { 1, "one" }, { 2, "two" }, value = t.id }, "CASE items.id WHEN $1 THEN $2 WHEN $3 THEN $4 END",
      { 1, "one", 2, "two" } },
    { pg.case{ { t.live, t.stock }, else_ = 0 }, "CASE WHEN items.live THEN items.stock ELSE $1 END", { 0 } },
    { pg.extract("epoch", t.created), "EXTRACT(epoch FROM items.created)" },
    { pg.extract("YEAR", t.created), "EXTRACT(year FROM items.created)" },
    { pg.tuple(t.id, t.title):eq(pg.tuple(1, "a")), "(items.id, items.title) = ($1, $2)", { 1, "a" } },
    { pg.exists(pg.select(o.id)), "EXISTS (SELECT owners.id FROM owners)" },
    { pg.exists(o.id):where(o.id:eq(1)), "EXISTS (SELECT owners.id FROM owners WHERE owners.id = $1)", { 1 } },
    { pg.exists():where(o.id:eq(1)), "EXISTS (SELECT 1 FROM owners WHERE owners.id = $1)", { 1 } },
    { pg.select(o.id):exists(), "EXISTS (SELECT owners.id FROM owners)" },
    { pg.select(o.id):exists():where(o.id:eq(1)), "EXISTS (SELECT owners.id FROM owners WHERE owners.id = $1)", { 1 } },
  }

  it("takes the type that its branches have", function()
    assert.are.equal("INTEGER", type_of(pg.case{ { t.live, 0 }, else_ = t.stock }))
    assert.are.equal("INTEGER", tostring(pg.case{ { t.live, 0 }, else_ = t.stock }.branches[1][2].type))
    assert.are.equal("NUMERIC", type_of(pg.extract("epoch", t.created)))
    assert.are.equal("VECTOR", type_of(pg.case{ { t.live, { 1, 2 } }, else_ = pg.vector{ 3, 4 } }))
    assert.are.equal("VECTOR(3)", type_of(pg.case{ { t.live, null }, { t.id:eq(1), { 1, 2, 3 } }, else_ = t.embedding }))
    assert.are.equal("DOUBLE PRECISION", type_of(pg.case{ { t.live, pg.literal(1) }, else_ = 2.5 }))
  end)

  it("may be labelled with as", function()
    assert_sql(pg.select(t.id:as "n"), "SELECT items.id AS n FROM items")
  end)

  it("shows its SQL through tostring", function()
    assert.are.equal("items.id = $1", tostring(t.id:eq(1)))
    assert.are.equal("items.id", tostring(t.id))
  end)
end)

describe("func", function()
  cases{
    { func.count(), "count(*)" },
    { func.count(t.id), "count(items.id)" },
    { func.count(t.id):distinct(), "count(DISTINCT items.id)" },
    { func.lower(t.title), "lower(items.title)" },
    { func.coalesce(t.title, "x"), "coalesce(items.title, $1)", { "x" } },
    { func.ST_Distance(t.title), "ST_Distance(items.title)" },
    { func.my_schema.fn(1), "my_schema.fn($1)", { 1 } },
    { func["My Schema"].fn(), '"My Schema".fn()' },
    { func.pg_catalog.lower(t.title), "pg_catalog.lower(items.title)" },
    { func.names.names(), "names.names()" },
    { func.now(), "now()" },
    { func.current_date(), "current_date" },
    { func.current_timestamp(), "current_timestamp" },
    { func.current_timestamp(0), "current_timestamp(0)" },
    { func.user(), "user" },
    { func.coalesce(pg.select(o.id):where(o.id:eq(1)), 0),
      "coalesce((SELECT owners.id FROM owners WHERE owners.id = $1), $2)", { 1, 0 } },
    { func.string_agg(t.title, ","):aggregate_order_by(t.id:desc()),
      "string_agg(items.title, $1 ORDER BY items.id DESC)", { "," } },
    { func.count(t.id):filter(t.live, t.id:gt(1)), "count(items.id) FILTER (WHERE items.live AND items.id > $1)", { 1 } },
    { func.percentile_cont(0.5):within_group(t.price), "percentile_cont($1) WITHIN GROUP (ORDER BY items.price)", { 0.5 } },
    { func.percentile_cont(0.5):within_group(t.price:desc()):filter(t.live),
      "percentile_cont($1) WITHIN GROUP (ORDER BY items.price DESC) FILTER (WHERE items.live)", { 0.5 } },
    { func.row_number():over(), "row_number() OVER ()" },
    { func.row_number():over{ order_by = t.id }, "row_number() OVER (ORDER BY items.id)" },
    { func.rank():over{ partition_by = t.owner_id, order_by = { t.price:desc(), t.id } },
      "rank() OVER (PARTITION BY items.owner_id ORDER BY items.price DESC, items.id)" },
    { func.sum(t.stock):filter(t.live):over{ partition_by = { t.owner_id, t.live } },
      "sum(items.stock) FILTER (WHERE items.live) OVER (PARTITION BY items.owner_id, items.live)" },
    { func.sum(t.stock):over{ order_by = t.id, rows = { -1, 0 } },
      "sum(items.stock) OVER (ORDER BY items.id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)" },
    { func.sum(t.stock):over{ order_by = t.id, rows = { nil, 2 } },
      "sum(items.stock) OVER (ORDER BY items.id ROWS BETWEEN UNBOUNDED PRECEDING AND 2 FOLLOWING)" },
    { func.sum(t.stock):over{ order_by = t.id, range = { false, null } },
      "sum(items.stock) OVER (ORDER BY items.id RANGE BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)" },
    { func.sum(t.stock):over{ order_by = t.id, groups = { -1, 1 }, exclude = "current row" },
      "sum(items.stock) OVER (ORDER BY items.id GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE CURRENT ROW)" },
    { func.count():over{ order_by = t.created, range = { { preceding = "1 day" }, 0 } },
      "count(*) OVER (ORDER BY items.created RANGE BETWEEN $1 PRECEDING AND CURRENT ROW)", { "1 day" } },
    { func.count():over{ order_by = t.score, range = { -0.5, { following = 2 } } },
      "count(*) OVER (ORDER BY items.score RANGE BETWEEN $1 PRECEDING AND $2 FOLLOWING)", { 0.5, 2 } },
    { func.count():over{ order_by = t.id, rows = { { preceding = pg.bindparam "n" }, { following = 0 } } },
      "count(*) OVER (ORDER BY items.id ROWS BETWEEN $1 PRECEDING AND $2 FOLLOWING)", { nil, 0, n = 2 } },
    { pg.avg(t.stock), "avg(items.stock)" },
  }

  it("knows the types of the common ones", function()
    local types = {
      [func.count()] = "BIGINT", [func.max(t.price)] = "NUMERIC(10, 2)", [func.coalesce(null, t.id)] = "BIGINT",
      [func.sum(t.stock)] = "BIGINT", [func.sum(t.id)] = "NUMERIC", [func.sum(t.score)] = "DOUBLE PRECISION",
      [func.avg(t.stock)] = "NUMERIC", [func.avg(t.score)] = "DOUBLE PRECISION", [func.lower("X")] = "TEXT",
      [func.now()] = "TIMESTAMP WITH TIME ZONE", [func.gen_random_uuid()] = "UUID",
      [func.to_tsvector("x")] = "TSVECTOR", [func.rank():over()] = "BIGINT", [func.no_such_function()] = "NULL",
      [func.no_such_function():returns(pg.Date)] = "DATE", [func.my_schema.lower("X")] = "NULL",
      [func.percentile_cont(0.5):within_group(t.price)] = "NUMERIC(10, 2)", [func.unnest(t.tags)] = "TEXT",
    }
    for call, expected in pairs(types) do
      assert.are.equal(expected, tostring(call.type), tostring(call))
    end
  end)

  it("gives a function whose name is not a plain one quotes", function()
    assert_sql(func["odd name"](1), '"odd name"($1)', { 1 })
    assert_sql(func['a"b'](), '"a""b"()')
  end)
end)

describe("a table function", function()
  it("stands in FROM with columns of its own", function()
    local u = func.unnest(t.tags):table_valued("tag", { name = "u" })
    assert_sql(pg.select(t.id, u.c.tag), "SELECT items.id, u.tag FROM items, unnest(items.tags) AS u(tag)")
    assert.are.equal("TEXT", tostring(u.c.tag.type))
  end)

  it("has a name made for it if it has none", function()
    local s = func.generate_series(1, 3):table_valued("n")
    assert_sql(pg.select(s.c.n), "SELECT anon_1.n FROM generate_series($1, $2) AS anon_1(n)", { 1, 3 })
  end)

  it("may number its rows", function()
    local u = func.unnest(t.tags):table_valued("tag", { name = "u", with_ordinality = "n" })
    assert_sql(pg.select(u.c.tag, u.c.n):select_from(tables.items, u),
      "SELECT u.tag, u.n FROM items, unnest(items.tags) WITH ORDINALITY AS u(tag, n)")
  end)

  it("may be told the types of a record", function()
    local r = func.jsonb_to_recordset(t.meta):table_valued({ "a", pg.Integer }, { "b", pg.Text },
      { name = "r", render_types = true, lateral = true })
    assert_sql(pg.select(r.c.a, r.c.b):select_from(tables.items, r),
      "SELECT r.a, r.b FROM items, LATERAL jsonb_to_recordset(items.meta) AS r(a INTEGER, b TEXT)")
  end)

  it("may be its only column", function()
    local x = func.unnest(t.tags):column_valued("x")
    assert_sql(pg.select(x):select_from(tables.items), "SELECT x FROM items, unnest(items.tags) AS x")
    assert_sql(pg.select(x:label "y"):where(x:eq("a")):select_from(tables.items),
      "SELECT x AS y FROM items, unnest(items.tags) AS x WHERE x = $1", { "a" })
  end)
end)

describe("a named parameter", function()
  it("is one parameter wherever its name stands", function()
    assert_sql(pg.select(t.id):where(t.id:gt(pg.bindparam "x"), t.stock:lt(pg.bindparam("x", { type = pg.BigInteger }))),
      "SELECT items.id FROM items WHERE items.id > $1 AND items.stock < $1", { nil, n = 1 })
  end)

  it("takes the type of what it stands beside", function()
    local compiled = require("pgvector.sql.compiler").compile(pg.select(t.id):where(t.embedding:l2_distance(pg.bindparam "q"):lt(1)))
    assert.are.equal("VECTOR(3)", tostring(compiled.binds[1].type))
    assert.are.equal("q", compiled.binds[1].key)
    assert.is_true(compiled.binds[1].required)
  end)

  it("may have a value", function()
    assert_sql(t.id:eq(pg.bindparam("x", { value = 5 })), "items.id = $1", { 5 })
  end)

  it("may not have two types or two values", function()
    local s = pg.select(t.id)
    assert.has_error(function() s:where(t.id:eq(pg.bindparam "x"), t.title:eq(pg.bindparam "x")):compile() end)
    assert.has_error(function()
      s:where(t.id:eq(pg.bindparam("x", { value = 1 })), t.id:eq(pg.bindparam("x", { value = 2 }))):compile()
    end)
  end)
end)
