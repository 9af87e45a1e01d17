local pg = require "pgvector"
local assert_sql = require "spec.support.assert_sql"
local tables = require "spec.support.tables"

local t, o = tables.items.c, tables.owners.c
local func, null = pg.func, pg.null

local function cases(list)
  for _, case in ipairs(list) do
    it(case[2], function() assert_sql(case[1](), case[2], case[3]) end)
  end
end

describe("a comparison", function()
  cases{
    { function() return t.id:eq(5) end, "items.id = $1", { 5 } },
    { function() return t.id:ne(5) end, "items.id != $1", { 5 } },
    { function() return t.id:lt(5) end, "items.id < $1", { 5 } },
    { function() return t.id:le(5) end, "items.id <= $1", { 5 } },
    { function() return t.id:gt(5) end, "items.id > $1", { 5 } },
    { function() return t.id:ge(5) end, "items.id >= $1", { 5 } },
    { function() return t.id:eq(o.id) end, "items.id = owners.id" },
    { function() return t.title:eq("O'Hara") end, "items.title = $1", { "O'Hara" } },
    { function() return t.live:eq(true) end, "items.live = $1", { true } },
    { function() return t.live:eq(false) end, "items.live = $1", { false } },
    { function() return t.id:eq(null) end, "items.id IS NULL" },
    { function() return t.id:ne(null) end, "items.id IS NOT NULL" },
    { function() return t.id:is_null() end, "items.id IS NULL" },
    { function() return t.id:is_not_null() end, "items.id IS NOT NULL" },
    { function() return t.live:is_(true) end, "items.live IS true" },
    { function() return t.live:is_(false) end, "items.live IS false" },
    { function() return t.live:is_(null) end, "items.live IS NULL" },
    { function() return t.live:is_not(true) end, "items.live IS NOT true" },
    { function() return t.live:is_(pg.true_()) end, "items.live IS true" },
    { function() return t.id:is_distinct_from(5) end, "items.id IS DISTINCT FROM $1", { 5 } },
    { function() return t.id:is_distinct_from(null) end, "items.id IS DISTINCT FROM $1", { null } },
    { function() return t.id:is_not_distinct_from(o.id) end, "items.id IS NOT DISTINCT FROM owners.id" },
    { function() return t.id:between(1, 10) end, "items.id BETWEEN $1 AND $2", { 1, 10 } },
    { function() return t.id:between(10, 1, { symmetric = true }) end, "items.id BETWEEN SYMMETRIC $1 AND $2",
      { 10, 1 } },
    { function() return pg.between(t.id, o.id, 3) end, "items.id BETWEEN owners.id AND $1", { 3 } },
    { function() return t.meta:eq{ a = 1 } end, "items.meta = $1", { { a = 1 } } },
    { function() return t.tags:eq{ "a", "b" } end, "items.tags = $1", { { "a", "b" } } },
    { function() return t.embedding:eq{ 1, 2, 3 } end, "items.embedding = $1", { { 1, 2, 3 } } },
    { function() return pg.literal(5):lt(t.id) end, "$1 < items.id", { 5 } },
    { function() return t.id:eq(pg.select(func.max(o.id))) end,
      "items.id = (SELECT max(owners.id) AS max_1 FROM owners)" },
    { function() return t.id:gt(pg.any_(pg.select(o.id))) end, "items.id > ANY(SELECT owners.id FROM owners)" },
    { function() return t.id:le(pg.all_(pg.select(o.id))) end, "items.id <= ALL(SELECT owners.id FROM owners)" },
  }

  it("gives its parameter the column's type", function()
    for _, column in ipairs{ t.id, t.title, t.price, t.live, t.meta, t.tags, t.created, t.embedding, t.bits } do
      assert.are.equal(column.type, column:eq("x").right.type)
    end
  end)

  it("takes a number that does not fit an integer column as one that does", function()
    assert.are.equal("DOUBLE PRECISION", tostring(t.stock:gt(1.5).right.type))
    assert.are.equal("BIGINT", tostring(t.stock:gt(3000000000).right.type))
    assert.are.equal("INTEGER", tostring(t.stock:gt(-2147483648).right.type))
    assert.are.equal("BIGINT", tostring(t.id:gt(2 ^ 40).right.type))
  end)

  it("is of type boolean", function()
    assert.are.equal(pg.Boolean, t.id:eq(1).type)
    assert.are.equal(pg.Boolean, t.id:in_({}).type)
  end)
end)

describe("IN", function()
  cases{
    { function() return t.id:in_{ 1, 2, 3 } end, "items.id = ANY($1)", { { 1, 2, 3 } } },
    { function() return t.id:in_{} end, "items.id = ANY($1)", { {} } },
    { function() return t.id:not_in{ 1, 2 } end, "items.id <> ALL($1)", { { 1, 2 } } },
    { function() return t.id:not_in{} end, "items.id <> ALL($1)", { {} } },
    { function() return t.id:in_{ 1, null } end, "items.id = ANY($1)", { { 1, null } } },
    { function() return t.id:in_{ 1, o.id, 3 } end, "items.id IN ($1, owners.id, $2)", { 1, 3 } },
    { function() return t.id:not_in{ o.id } end, "items.id NOT IN (owners.id)" },
    { function() return t.id:in_(pg.bindparam("ids", { value = { 1, 2 }, type = pg.ARRAY(pg.BigInteger) })) end,
      "items.id = ANY($1)", { { 1, 2 } } },
    { function() return t.id:in_(pg.select(o.id)) end, "items.id IN (SELECT owners.id FROM owners)" },
    { function() return t.id:not_in(pg.select(o.id)) end, "items.id NOT IN (SELECT owners.id FROM owners)" },
    { function() return t.id:in_(pg.select(o.id):scalar_subquery()) end, "items.id IN (SELECT owners.id FROM owners)" },
    { function() return t.id:in_(pg.union(pg.select(o.id), pg.select(t.owner_id))) end,
      "items.id IN (SELECT owners.id FROM owners UNION SELECT items.owner_id FROM items)" },
    { function() return t.tags:in_{ { "a" }, { "b", "c" } } end, "items.tags IN ($1, $2)", { { "a" }, { "b", "c" } } },
    { function() return t.embedding:in_{ { 1, 2, 3 } } end, "items.embedding = ANY($1)", { { { 1, 2, 3 } } } },
    { function() return pg.tuple(t.id, t.title):in_{ { 1, "a" }, { 2, "b" } } end,
      "(items.id, items.title) IN (SELECT unnest($1), unnest($2))", { { 1, 2 }, { "a", "b" } } },
    { function() return pg.tuple(t.id, t.title):in_{} end,
      "(items.id, items.title) IN (SELECT unnest($1), unnest($2))", { {}, {} } },
    { function() return pg.tuple(t.id, t.title):not_in{ { 1, "a" } } end,
      "(items.id, items.title) NOT IN (SELECT unnest($1), unnest($2))", { { 1 }, { "a" } } },
    { function() return pg.tuple(t.id, t.title):in_{ { 7, func.lower "A" }, { 8, "b" }, pg.tuple(1, "c") } end,
      "(items.id, items.title) IN (($1, lower($2)), ($3, $4), ($5, $6))", { 7, "A", 8, "b", 1, "c" } },
    { function() return pg.tuple(t.id, t.title):not_in{ { pg.select(func.max(o.id)), "b" } } end,
      "(items.id, items.title) NOT IN (((SELECT max(owners.id) AS max_1 FROM owners), $1))", { "b" } },
    { function() return (t.stock + 1):in_{ 1, 2 } end, "items.stock + $1 = ANY($2)", { 1, { 1, 2 } } },
  }

  local function array_type(condition) return tostring(condition.array.type) end

  it("sends one array of the column's type, whatever the list's length", function()
    assert.are.equal("BIGINT[]", array_type(t.id:in_{ 1 }))
    assert.are.equal("TEXT[]", array_type(t.title:in_{}))
    assert.are.equal("VECTOR(3)[]", array_type(t.embedding:in_{ { 1, 2, 3 } }))
    assert.are.equal("DOUBLE PRECISION[]", array_type(t.stock:in_{ 1, 1.5 }))
    assert.are.equal("BIGINT[]", array_type(t.stock:in_{ 1, 3000000000 }))
  end)

  it("finds a type for a list beside an expression of unknown type", function()
    local unknown = pg.literal_column("x")
    assert.are.equal("INTEGER[]", array_type(unknown:in_{ 1, 2 }))
    assert.are.equal("BIGINT[]", array_type(unknown:in_{ 1, 3000000000 }))
    assert.are.equal("DOUBLE PRECISION[]", array_type(unknown:in_{ 1, 2.5 }))
    assert.are.equal("TEXT[]", array_type(unknown:in_{ "a" }))
    assert.are.equal("BOOLEAN[]", array_type(unknown:in_{ true, null }))
    assert.are.equal("TEXT[]", array_type(unknown:in_{}))
  end)

  it("says what else than a list it wants", function()
    assert.error_matches(function() t.id:in_(pg.select(o.id):subquery "s") end,
      "in_: expected a sequence or a select, got 's': select a column of it")
    assert.error_matches(function() t.id:not_in(pg.select(o.id):cte "s") end, "not_in: .* got 's': select a column of it")
    assert.error_matches(function() t.id:in_(t.tags) end, "for an array column write")
  end)

  it("does not keep the caller's list", function()
    local list = { 1, 2 }
    local condition = t.id:in_(list)
    list[3] = 3
    assert_sql(condition, "items.id = ANY($1)", { { 1, 2 } })
  end)
end)

describe("a pattern", function()
  cases{
    { function() return t.title:like("a%") end, "items.title LIKE $1", { "a%" } },
    { function() return t.title:not_like("a%") end, "items.title NOT LIKE $1", { "a%" } },
    { function() return t.title:ilike("a%") end, "items.title ILIKE $1", { "a%" } },
    { function() return t.title:not_ilike("a%") end, "items.title NOT ILIKE $1", { "a%" } },
    { function() return pg.literal("a"):like("a/%", { escape = "/" }) end, "$1 LIKE $2 ESCAPE $3", { "a", "a/%", "/" } },
    { function() return t.title:like("a/%", { escape = "/" }) end, "items.title LIKE $1 ESCAPE $2", { "a/%", "/" } },
    { function() return t.title:like(o.email .. "%") end, "items.title LIKE owners.email || $1", { "%" } },
    { function() return t.title:contains("50%_a\\b") end, "items.title LIKE $1", { "%50\\%\\_a\\\\b%" } },
    { function() return t.title:startswith("50%") end, "items.title LIKE $1", { "50\\%%" } },
    { function() return t.title:endswith("_x") end, "items.title LIKE $1", { "%\\_x" } },
    { function() return t.title:icontains("a") end, "items.title ILIKE $1", { "%a%" } },
    { function() return t.title:istartswith("a") end, "items.title ILIKE $1", { "a%" } },
    { function() return t.title:iendswith("a") end, "items.title ILIKE $1", { "%a" } },
    { function() return t.title:contains("") end, "items.title LIKE $1", { "%%" } },
    { function() return t.title:contains(o.email) end, "strpos(items.title, owners.email) > $1", { 0 } },
    { function() return t.title:startswith(o.email) end, "starts_with(items.title, owners.email)" },
    { function() return t.title:endswith(o.email) end,
      "right(items.title, length(owners.email)) = owners.email" },
    { function() return t.title:icontains(o.email) end,
      "strpos(lower(items.title), lower(owners.email)) > $1", { 0 } },
    { function() return t.title:regexp_match("^a") end, "items.title ~ $1", { "^a" } },
    { function() return t.title:regexp_match("^a", { flags = "i" }) end, "items.title ~* $1", { "^a" } },
    { function() return t.title:regexp_match("^a", { flags = "nx" }) end, "items.title ~ ($1 || $2)", { "(?nx)", "^a" } },
    { function() return pg.not_(t.title:regexp_match("^a")) end, "items.title !~ $1", { "^a" } },
  }
end)

describe("AND, OR and NOT", function()
  local a, b, c = t.id:eq(1), t.id:eq(2), t.id:eq(3)
  cases{
    { function() return pg.and_(a) end, "items.id = $1", { 1 } },
    { function() return pg.and_(a, b) end, "items.id = $1 AND items.id = $2", { 1, 2 } },
    { function() return pg.or_(a, b) end, "items.id = $1 OR items.id = $2", { 1, 2 } },
    { function() return a:and_(b) end, "items.id = $1 AND items.id = $2", { 1, 2 } },
    { function() return a:or_(b, c) end, "items.id = $1 OR items.id = $2 OR items.id = $3", { 1, 2, 3 } },
    { function() return pg.and_(a, pg.and_(b, c)) end, "items.id = $1 AND items.id = $2 AND items.id = $3", { 1, 2, 3 } },
    { function() return pg.and_(pg.and_(a, b), c) end, "items.id = $1 AND items.id = $2 AND items.id = $3", { 1, 2, 3 } },
    { function() return pg.and_(a, pg.or_(b, c)) end, "items.id = $1 AND (items.id = $2 OR items.id = $3)", { 1, 2, 3 } },
    { function() return pg.or_(a, pg.and_(b, c)) end, "items.id = $1 OR items.id = $2 AND items.id = $3", { 1, 2, 3 } },
    { function() return pg.not_(a) end, "items.id != $1", { 1 } },
    { function() return pg.not_(pg.not_(a)) end, "items.id = $1", { 1 } },
    { function() return a:not_() end, "items.id != $1", { 1 } },
    { function() return pg.not_(t.id:lt(1)) end, "items.id >= $1", { 1 } },
    { function() return pg.not_(t.id:ge(1)) end, "items.id < $1", { 1 } },
    { function() return pg.not_(t.id:gt(1)) end, "items.id <= $1", { 1 } },
    { function() return pg.not_(t.id:le(1)) end, "items.id > $1", { 1 } },
    { function() return pg.not_(t.id:is_null()) end, "items.id IS NOT NULL" },
    { function() return pg.not_(t.live:is_(true)) end, "items.live IS NOT true" },
    { function() return pg.not_(t.id:is_distinct_from(1)) end, "items.id IS NOT DISTINCT FROM $1", { 1 } },
    { function() return pg.not_(t.id:in_{ 1 }) end, "items.id <> ALL($1)", { { 1 } } },
    { function() return pg.not_(t.id:not_in{ 1 }) end, "items.id = ANY($1)", { { 1 } } },
    { function() return pg.not_(t.id:in_(pg.select(o.id))) end, "items.id NOT IN (SELECT owners.id FROM owners)" },
    { function() return pg.not_(t.id:between(1, 2)) end, "items.id NOT BETWEEN $1 AND $2", { 1, 2 } },
    { function() return pg.not_(pg.not_(t.id:between(1, 2))) end, "items.id BETWEEN $1 AND $2", { 1, 2 } },
    { function() return pg.not_(t.title:like("a")) end, "items.title NOT LIKE $1", { "a" } },
    { function() return pg.not_(t.title:like("a/", { escape = "/" })) end, "items.title NOT LIKE $1 ESCAPE $2", { "a/", "/" } },
    { function() return pg.not_(t.live) end, "NOT items.live" },
    { function() return pg.not_(pg.and_(a, b)) end, "NOT (items.id = $1 AND items.id = $2)", { 1, 2 } },
    { function() return pg.not_(pg.not_(pg.or_(a, b))) end, "items.id = $1 OR items.id = $2", { 1, 2 } },
    { function() return pg.not_(pg.true_()) end, "false" },
    { function() return pg.not_(pg.false_()) end, "true" },
    { function() return pg.not_(t.tags:any("a")) end, "NOT $1 = ANY(items.tags)", { "a" } },
    { function() return pg.not_(t.id:gt(pg.all_(pg.select(o.id)))) end,
      "NOT items.id > ALL(SELECT owners.id FROM owners)" },
    { function() return pg.not_(pg.exists(pg.select(o.id))) end, "NOT EXISTS (SELECT owners.id FROM owners)" },
    { function() return pg.not_(t.search:match("x")) end, "NOT items.search @@ plainto_tsquery($1)", { "x" } },
    { function() return pg.or_(pg.false_(), a) end, "false OR items.id = $1", { 1 } },
  }

  it("do not change the condition that is extended", function()
    local base = pg.or_(a, b)
    local first, second = base:or_(c), base:or_(t.id:eq(4))
    assert_sql(base, "items.id = $1 OR items.id = $2", { 1, 2 })
    assert_sql(first, "items.id = $1 OR items.id = $2 OR items.id = $3", { 1, 2, 3 })
    assert_sql(second, "items.id = $1 OR items.id = $2 OR items.id = $3", { 1, 2, 4 })
  end)

  it("keep ten thousand terms flat, at a cost that grows with their number", function()
    local function seconds(n)
      local start = os.clock()
      local condition = pg.false_()
      for i = 1, n do condition = condition:or_(t.id:eq(i)) end
      local sql, params = pg.select(t.id):where(condition):compile()
      assert.are.equal(n, params.n)
      assert.is_nil(sql:find("(", 1, true))
      return os.clock() - start
    end
    seconds(1000)
    local small, large = seconds(2000), seconds(20000)
    assert.is_true(large < small * 60, ("%g s for 2000, %g s for 20000"):format(small, large))
  end)

  if _VERSION >= "Lua 5.3" then
    local both = assert(load([[local a, b, c = ... return a & b | ~c]]))
    it("are written & | ~ on Lua 5.3 and later", function()
      assert_sql(both(a, b, c), "items.id = $1 AND items.id = $2 OR items.id != $3", { 1, 2, 3 })
    end)
  end
end)
