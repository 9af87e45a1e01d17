-- What is compiled does what it says: the server runs it, with the parameter
-- types that the statement declares.

local pg = require "pgvector"
local db = require "spec.support.db"

local func, null = pg.func, pg.null

describe("on a server", function()
  local engine, conn, drop
  local metadata = pg.MetaData()
  local owners = pg.Table("owners", metadata, {
    pg.Column{ "id", pg.BigInteger, primary_key = true },
    pg.Column{ "email", pg.Text, unique = true },
  })
  local items = pg.Table("items", metadata, {
    pg.Column{ "id", pg.BigInteger, primary_key = true },
    pg.Column{ "owner_id", pg.BigInteger, pg.ForeignKey "owners.id" },
    pg.Column{ "title", pg.Text },
    pg.Column{ "stock", pg.Integer },
    pg.Column{ "price", pg.Numeric(10, 2) },
    pg.Column{ "meta", pg.JSONB },
    pg.Column{ "tags", pg.ARRAY(pg.Text) },
    pg.Column{ "created", pg.DateTime{ timezone = true } },
    pg.Column{ "embedding", pg.VECTOR(3) },
    pg.Column{ "half", pg.HALFVEC(3) },
    pg.Column{ "sparse", pg.SPARSEVEC(3) },
    pg.Column{ "bits", pg.BIT(3) },
  })
  local plain = pg.Table("plain", metadata, {
    pg.Column{ "id", pg.BigInteger, primary_key = true },
    pg.Column{ "name", pg.Text, server_default = "none" },
  })
  local t, o = items.c, owners.c

  setup(function()
    local url
    url, drop = db.create()
    engine = pg.create_engine(url)
    metadata:create_all(engine)
    engine:begin(function(c)
      c:execute(pg.insert(owners):values{ { id = 1, email = "ada@x" }, { id = 2, email = "bob_x" } })
      c:execute(pg.insert(items):values{
        { id = 1, owner_id = 1, title = "50% off", stock = 7, price = 1.5, meta = { lang = "en", n = { 10, 20 } },
          tags = { "a", "b" }, created = 0, embedding = { 1, 1, 1 }, half = { 1, 1, 1 }, sparse = { 1, 1, 1 }, bits = "000" },
        { id = 2, owner_id = 1, title = "a\\b_c", stock = 2, price = 20, meta = { lang = "fr" }, tags = {},
          created = 86400, embedding = { 2, 2, 2 }, half = { 2, 2, 2 }, sparse = { 2, 2, 2 }, bits = "101" },
        { id = 3, owner_id = 2, title = null, stock = null, price = null, meta = null, tags = { "b", null },
          created = null, embedding = { 1, 1, 2 }, half = { 1, 1, 2 }, sparse = { 1, 1, 2 }, bits = "111" },
      })
    end)
    conn = engine:connect()
  end)
  teardown(function()
    conn:close()
    engine:dispose()
    drop()
  end)
  after_each(function() conn:rollback() end)

  local function ids(...) return pg.select(t.id):where(...):order_by(t.id) end
  local function one(expr) return pg.select(expr):where(t.id:eq(1)) end
  local function nearest(d) return pg.select(t.id):order_by(d) end

  local cases = {
    { "= ANY of a list", ids(t.id:in_{ 1, 3, 9 }), { 1, 3 } },
    { "= ANY of nothing", ids(t.id:in_{}), {} },
    { "<> ALL of nothing", ids(t.id:not_in{}), { 1, 2, 3 } },
    { "IN of tuples", ids(pg.tuple(t.id, t.title):in_{ { 1, "50% off" }, { 2, "x" } }), { 1 } },
    { "IN of tuples of expressions", ids(pg.tuple(t.id, t.title):in_{ { 1, func.lower "50% OFF" }, { 2, null } }), { 1 } },
    { "IN of tuples of nothing", ids(pg.tuple(t.id, t.title):in_{}), {} },
    { "NOT IN of a select", ids(t.owner_id:not_in(pg.select(o.id):where(o.email:startswith "ada"))), { 3 } },
    { "a number that is no integer", ids(t.stock:gt(2.5)), { 1 } },
    { "a number too large for the column", ids(t.stock:lt(2 ^ 40)), { 1, 2 } },
    { "IS NULL", ids(t.stock:eq(null)), { 3 } },
    { "IS DISTINCT FROM", ids(t.stock:is_distinct_from(7)), { 2, 3 } },
    { "a pattern with %", ids(t.title:contains "0%"), { 1 } },
    { "a pattern with \\ and _", ids(t.title:endswith "\\b_c"), { 2 } },
    { "a pattern with _ for any character", ids(t.title:contains "5_%"), {} },
    { "a pattern that is a column", ids(t.title:contains(t.title)), { 1, 2 } },
    { "NOT of a condition", ids(pg.not_(pg.or_(t.id:eq(1), t.id:eq(2)))), { 3 } },
    { "a JSON key", ids(t.meta:get_text("lang"):eq "fr"), { 2 } },
    { "a JSON index", one(t.meta:get("n"):get_text(1)), { "20" } },
    { "a JSON path", one(t.meta:path_text{ "n", 0 }), { "10" } },
    { "JSON containment", ids(t.meta:contains{ lang = "en" }), { 1 } },
    { "a JSON key's presence", ids(t.meta:has_any{ "n", "m" }), { 1 } },
    { "a JSON value set", one(t.meta:set({ "lang" }, "de"):get_text "lang"), { "de" } },
    { "a JSON object built", one(func.jsonb_build_object("id", t.id, "n", 1):get_text "id"), { "1" } },
    { "an array's element", ids(t.tags:any "b"), { 1, 3 } },
    { "array overlap", ids(t.tags:overlap{ "a", "z" }), { 1 } },
    { "an array's subscript", one(t.tags:at(2)), { "b" } },
    { "division of integers", one(t.stock / 2), { 3.5 } },
    { "division of a number by an integer", one(1 / t.stock * 7), { 1 } },
    { "division without a fraction", one(t.stock:floordiv(2)), { 3 } },
    { "concatenation", one(t.title .. "!"), { "50% off!" } },
    { "an interval compared", ids((t.created + "1 day"):ge(86400 * 2)), { 2 } },
    { "CASE of numbers", one(pg.case{ { t.stock:gt(5), 1 }, else_ = 0 } + 1), { 2 } },
    { "a literal number", pg.select(pg.literal(5)), { 5 } },
    { "literal numbers compared", pg.select(pg.literal(10):gt(9)), { true } },
    { "a literal number beside another", pg.select(pg.literal(10):lt(pg.literal(9))), { false } },
    { "a literal number between others", pg.select(pg.literal(10):between(9, 11)), { true } },
    { "arithmetic of literal numbers", pg.select(-pg.literal(7) / 2 + 1), { -2.5 } },
    { "the greatest of literal numbers", pg.select(func.greatest(pg.literal(10), pg.literal(9))), { 10 } },
    { "CASE of literal numbers", one(pg.case{ { t.id:eq(1), pg.literal(10) }, else_ = pg.literal(9) }:gt(9)), { true } },
    { "an array of literal numbers", pg.select(pg.array{ pg.literal(1), 2.5 }:at(2)), { 2.5 } },
    { "one literal number in two places", (function()
        local three = pg.literal(3)
        return pg.select(t.id % three):group_by(t.id % three):order_by(t.id % three)
      end)(), { 0, 1, 2 } },
    { "CASE of vectors", one(pg.case{ { t.id:eq(1), { 1, 2, 3 } }, else_ = pg.vector{ 0, 0, 0 } }:l2_distance{ 1, 2, 4 }), { 1 } },
    { "a vector joined to a shorter one", one(func.vector_dims(t.embedding .. { 1 })), { 4 } },
    { "bits joined to fewer", one((t.bits .. "1"):cast(pg.Text)), { "0001" } },
    { "an expression that binds less tightly than told", ids(t.stock:op("+", { precedence = 1 })(1):gt(3)), { 1 } },
    { "a label of a column's name in GROUP BY", (function()
        local by = pg.select(func.length(t.title):label "title", func.count():label "n"):where(t.title:is_not_null())
        return pg.select(by:group_by("title"):subquery("s").c.n):order_by "n"
      end)(), { 1, 1 } },
    { "a name in GROUP BY and HAVING", (function()
        local first = func.left(t.title, 1):label "title"
        return pg.select(first, func.count()):group_by("title"):having(first:eq "5"):with_only_columns(func.count()):select_from(items)
      end)(), { 1 } },
    { "a frame of days", pg.select(func.count():over{ order_by = t.created, range = { { preceding = "1 day" }, 0 } })
        :where(t.created:is_not_null()):order_by(t.id), { 1, 2 } },
    { "a frame of fractions", pg.select(func.count():over{ order_by = t.price, range = { -18.5, { following = 0 } } })
        :where(t.price:is_not_null()):order_by(t.id), { 1, 2 } },
    { "a frame of computed rows", pg.select(func.count():over{ order_by = t.id, rows = {
        { preceding = pg.select(func.count(o.id)) }, 0 } }):order_by(t.id), { 1, 2, 3 } },
    { "CAST", one(t.id:cast(pg.Text)), { "1" } },
    { "generate_series", pg.select(func.generate_series(1, 3):column_valued "n"), { 1, 2, 3 } },
    { "unnest with its columns", (function()
        local u = func.unnest(t.tags):table_valued("tag", { name = "u", with_ordinality = "n" })
        return pg.select(u.c.tag):select_from(items, u):where(t.id:eq(1)):order_by(u.c.n:desc())
      end)(), { "b", "a" } },
    { "VALUES", (function()
        local v = pg.values({ "n", "e" }, { { 1, null }, { 2.5, "x" } }, "v")
        return pg.select(v.c.n):where(v.c.e:is_null())
      end)(), { 1 } },
    { "l2_distance", nearest(t.embedding:l2_distance{ 1, 1, 1 }), { 1, 3, 2 } },
    { "max_inner_product", nearest(t.half:max_inner_product{ 1, 1, 1 }), { 2, 3, 1 } },
    { "cosine_distance", nearest(t.sparse:cosine_distance{ 1, 1, 2 }), { 3, 1, 2 } },
    { "l1_distance", nearest(t.embedding:l1_distance "[1,1,1]"), { 1, 3, 2 } },
    { "hamming_distance", nearest(t.bits:hamming_distance "101"), { 2, 3, 1 } },
    { "jaccard_distance", nearest(t.bits:jaccard_distance "101"), { 2, 3, 1 } },
    { "a distance to a subquery",
      nearest(t.embedding:l2_distance(pg.select(items:alias("i").c.embedding):limit(1))), { 1, 3, 2 } },
    { "a distance limit", ids(t.embedding:l2_distance{ 1, 1, 1 }:lt(1.5)), { 1, 3 } },
    { "a half-precision cast", nearest(t.embedding:cast(pg.HALFVEC(3)):l2_distance{ 1, 1, 1 }), { 1, 3, 2 } },
    { "binary quantisation",
      one(func.binary_quantize(t.embedding):hamming_distance(func.binary_quantize(pg.literal({ 1, -1, 1 }, pg.VECTOR(3))))),
      { 1 } },
    { "an average of vectors", pg.select(pg.avg(t.embedding):l2_distance{ 0, 0, 0 }:gt(2)), { true } },
    { "vector arithmetic", one((t.embedding + { 1, 2, 3 }):l2_distance{ 2, 3, 4 }), { 0 } },
    { "a join found by foreign key", pg.select(o.email):join(items):where(t.id:eq(3)), { "bob_x" } },
    { "a correlated EXISTS", pg.select(o.id):where(pg.exists(t.id):where(t.owner_id:eq(o.id), t.stock:gt(5))), { 1 } },
    { "a recursive CTE", (function()
        local n = pg.select(pg.literal(1):label "n"):cte("n", { recursive = true })
        local all = n:union_all(pg.select(n.c.n + 1):where(n.c.n:lt(4)))
        return pg.select(func.sum(all.c.n))
      end)(), { 10 } },
    { "a lateral subquery", (function()
        local l = pg.select(t.id):where(t.owner_id:eq(o.id)):order_by(t.id:desc()):limit(1):lateral "l"
        return pg.select(l.c.id):select_from(owners:join(l, pg.true_())):order_by(l.c.id)
      end)(), { 2, 3 } },
    { "a window", pg.select(func.rank():over{ partition_by = t.owner_id, order_by = t.id:desc() }):order_by(t.id), { 2, 1, 1 } },
    { "an ordered-set aggregate", pg.select(func.percentile_disc(0.5):within_group(t.id)), { 2 } },
    { "a set operation in order", pg.union(pg.select(t.id), pg.select(o.id)):order_by(t.id:desc()):limit(2), { 3, 2 } },
    { "GROUP BY an expression with parameters", (function()
        local e = func.coalesce(t.stock, 0):label "s"
        return pg.select(e):group_by(e):order_by(e)
      end)(), { 0, 2, 7 } },
  }
  for _, case in ipairs(cases) do
    it(case[1], function()
      assert.same(case[3], conn:execute(case[2]):scalars():all())
    end)
    it(case[1] .. ", written with constants", function()
      local sql = case[2]:compile{ literal_binds = true }
      assert.equal(#case[3], conn:exec_sql("SELECT count(*) FROM (" .. sql .. ") AS s"):scalar())
    end)
  end

  it("inserts, updates on conflict, and returns", function()
    local ins = pg.insert(owners):values{ { id = 1, email = "new" }, { id = 3, email = "eve" } }
    local stmt = ins:on_conflict_do_update{
      index_elements = { o.id }, set = { email = o.email .. "/" .. ins.excluded.email }, where = o.id:gt(0),
    }:returning(o.id, o.email)
    assert.same({ "ada@x/new", "eve" }, conn:execute(stmt):scalars(2):all())
    assert.equal(0, conn:execute(pg.insert(owners):values{ id = 1 }:on_conflict_do_nothing()).rowcount)
  end)

  it("updates from and deletes using other tables", function()
    assert.equal(2, conn:execute(pg.update(items):where(t.owner_id:eq(o.id), o.email:eq "ada@x")
      :values{ title = o.email, price = t.price * 2 }).rowcount)
    assert.same({ 3, 40 }, conn:execute(pg.select(t.price):where(t.title:eq "ada@x"):order_by(t.id)):scalars():all())
    assert.equal(1, conn:execute(pg.delete(items):where(t.owner_id:eq(o.id), o.email:eq "bob_x")).rowcount)
  end)

  it("inserts from a select with a CTE, and in a CTE", function()
    local two = pg.select((t.id + 10):label "id"):where(t.id:le(2)):cte "two"
    local inserted = pg.insert(owners):from_select({ "id" }, pg.select(two.c.id)):returning(o.id):cte "inserted"
    assert.equal(23, conn:scalar(pg.select(func.sum(inserted.c.id))))
  end)

  it("runs a data-modifying CTE wherever the select stands that it was added to", function()
    local stmt = pg.select(t.id):where(t.id:eq(1)):add_cte(pg.insert(owners):values{ id = 7 }:returning(o.id):cte "new")
    local wrapped = {
      pg.select(stmt:subquery().c.id), pg.select(stmt:cte().c.id), pg.select(pg.exists(stmt)), pg.select(stmt:scalar_subquery()),
      pg.select(t.id):union(stmt), pg.insert(plain):from_select({ "id" }, stmt), stmt:into("copied", { temporary = true }),
    }
    for _, outer in ipairs(wrapped) do
      conn:execute(outer)
      assert.equal(1, conn:execute(pg.delete(owners):where(o.id:eq(7))).rowcount)
    end
  end)

  it("inserts a row of nothing but defaults, and DEFAULT beside values", function()
    conn:execute(pg.insert(plain))
    conn:execute(pg.insert(plain):values{ { name = "p" }, { id = 99 } })
    assert.same({ "none", "p", "none" }, conn:execute(pg.select(plain.c.name):order_by(plain.c.id)):scalars():all())
  end)

  it("inserts from selects with defaults of every kind, a function's once", function()
    local calls = 0
    local made = pg.Table("made", pg.MetaData(), {
      pg.Column{ "id", pg.BigInteger, primary_key = true, identity = false }, pg.Column{ "n", pg.Integer, default = 5 },
      pg.Column{ "v", pg.VECTOR(2), default = pg.vector{ 1, 2 } },
      pg.Column{ "j", pg.JSONB, default = function() return { a = 1 } end },
      pg.Column{ "mood", pg.Enum{ "sad", "glad", name = "made_mood" }, default = "glad" },
      pg.Column{ "len", pg.Integer, default = func.length "abc" },
      pg.Column{ "tags", pg.ARRAY(pg.Text), default = function() return { "x" } end },
      pg.Column{ "call", pg.Integer, default = function()
        calls = calls + 1
        return calls
      end },
    })
    made:create(conn)
    local ids_of_items = pg.select(t.id):where(t.id:le(2))
    for _, query in ipairs{ ids_of_items, ids_of_items:distinct(), ids_of_items:union(ids_of_items) } do
      conn:execute(pg.insert(made:alias "x"):from_select({ "id" }, query))
      local rows = conn:execute(pg.select(made):order_by(made.c.id)):all()
      assert.equal(2, #rows)
      for i, row in ipairs(rows) do
        assert.same({ i, 5, "[1,2]", 1, "glad", 3, "x", calls },
          { row.id, row.n, tostring(row.v), row.j.a, row.mood, row.len, row.tags[1], row.call })
      end
      conn:execute(pg.delete(made):all_rows())
    end
    assert.equal(3, calls)
  end)

  it("runs text with typed parameters", function()
    local text = pg.text("SELECT id FROM items ORDER BY embedding <-> :q LIMIT :n",
      { q = pg.literal({ 2, 2, 2 }, pg.VECTOR(3)), n = pg.literal(1, pg.Integer) })
    assert.equal(2, conn:scalar(text))
  end)
end)
