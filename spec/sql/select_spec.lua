local pg = require "pgvector"
local compat = require "pgvector.compat"
local assert_sql = require "spec.support.assert_sql"
local tables = require "spec.support.tables"

local items, owners, deals, nodes, notes = tables.items, tables.owners, tables.deals, tables.nodes, tables.notes
local t, o = items.c, owners.c
local func, null = pg.func, pg.null
local s = pg.select(t.id)

local function cases(list)
  for _, case in ipairs(list) do
    it(case[2], function() assert_sql(case[1], case[2], case[3]) end)
  end
end

describe("SELECT", function()
  cases{
    { s, "SELECT items.id FROM items" },
    { pg.select(owners), "SELECT owners.id, owners.email, owners.active FROM owners" },
    { pg.select(t.id, o.email), "SELECT items.id, owners.email FROM items, owners" },
    { pg.select(t.id):add_columns(t.title), "SELECT items.id, items.title FROM items" },
    { pg.select(owners):with_only_columns(func.count()):select_from(owners), "SELECT count(*) AS count_1 FROM owners" },
    { pg.select(func.count()):select_from(owners), "SELECT count(*) AS count_1 FROM owners" },
    { pg.select(func.count(t.id), func.count(o.id)),
      "SELECT count(items.id) AS count_1, count(owners.id) AS count_2 FROM items, owners" },
    { pg.select(t.id + 1, t.id + 2), "SELECT items.id + $1 AS anon_1, items.id + $2 AS anon_2 FROM items", { 1, 2 } },
    { pg.select(t.id:cast(pg.Text)), "SELECT CAST(items.id AS TEXT) AS id FROM items" },
    { pg.select(t.id:label "order"), 'SELECT items.id AS "order" FROM items' },
    { pg.select(t.id:label "count_1", func.count()), "SELECT items.id AS count_1, count(*) AS count_2 FROM items" },
    { pg.select(t.id, o.id), "SELECT items.id, owners.id FROM items, owners" },
    { pg.select(pg.literal(1)), "SELECT $1 AS anon_1", { 1 } },
    { pg.select(pg.literal_column "1"), "SELECT 1" },
    { pg.select(pg.text "now()"), "SELECT now()" },
    { pg.select(pg.select(func.max(t.id))), "SELECT (SELECT max(items.id) AS max_1 FROM items) AS anon_1" },
    { s:where(t.id:gt(1)), "SELECT items.id FROM items WHERE items.id > $1", { 1 } },
    { s:where(t.id:gt(1), t.live), "SELECT items.id FROM items WHERE items.id > $1 AND items.live", { 1 } },
    { s:where(t.id:gt(1)):where(t.live), "SELECT items.id FROM items WHERE items.id > $1 AND items.live", { 1 } },
    { s:filter(t.live), "SELECT items.id FROM items WHERE items.live" },
    { s:where(pg.or_(t.live, t.id:eq(1)), t.live),
      "SELECT items.id FROM items WHERE (items.live OR items.id = $1) AND items.live", { 1 } },
    { s:where(o.id:eq(1)), "SELECT items.id FROM items, owners WHERE owners.id = $1", { 1 } },
    { s:filter_by{ title = "x" }, "SELECT items.id FROM items WHERE items.title = $1", { "x" } },
    { s:filter_by{ title = "x", owner_id = null, id = 1 },
      "SELECT items.id FROM items WHERE items.id = $1 AND items.owner_id IS NULL AND items.title = $2", { 1, "x" } },
    { s:filter_by{ meta = { a = 1 }, embedding = { 1, 2, 3 } },
      "SELECT items.id FROM items WHERE items.meta = $1 AND items.embedding = $2", { { a = 1 }, { 1, 2, 3 } } },
    { s:when(5, function(q, v) return q:where(t.id:eq(v)) end), "SELECT items.id FROM items WHERE items.id = $1", { 5 } },
    { s:when(nil, function(q) return q:where(t.live) end), "SELECT items.id FROM items" },
    { s:when(false, function(q) return q:where(t.live) end, function(q) return q:limit(1) end),
      "SELECT items.id FROM items LIMIT $1", { 1 } },
    { s:order_by(t.id), "SELECT items.id FROM items ORDER BY items.id" },
    { s:order_by(t.title:desc(), t.id), "SELECT items.id FROM items ORDER BY items.title DESC, items.id" },
    { s:order_by(t.id):order_by(t.title), "SELECT items.id FROM items ORDER BY items.id, items.title" },
    { s:order_by(t.id):order_by(null), "SELECT items.id FROM items" },
    { s:order_by "id", "SELECT items.id FROM items ORDER BY items.id" },
    { s:order_by(pg.desc "title"), "SELECT items.id FROM items ORDER BY items.title DESC" },
    { s:limit(5):offset(10), "SELECT items.id FROM items LIMIT $1 OFFSET $2", { 5, 10 } },
    { s:limit(0), "SELECT items.id FROM items LIMIT $1", { 0 } },
    { s:limit(5):limit(6), "SELECT items.id FROM items LIMIT $1", { 6 } },
    { s:limit(5):limit(null), "SELECT items.id FROM items" },
    { s:limit(pg.select(func.count(o.id))),
      "SELECT items.id FROM items LIMIT (SELECT count(owners.id) AS count_1 FROM owners)" },
    { s:limit(1):fetch(5), "SELECT items.id FROM items FETCH FIRST $1 ROWS ONLY", { 5 } },
    { s:fetch(5):limit(1), "SELECT items.id FROM items LIMIT $1", { 1 } },
    { pg.select(s:limit(1):label "x"), "SELECT (SELECT items.id FROM items LIMIT $1) AS x", { 1 } },
    { s:order_by(t.id):fetch(5), "SELECT items.id FROM items ORDER BY items.id FETCH FIRST $1 ROWS ONLY", { 5 } },
    { s:order_by(t.id):offset(2):fetch(5, { with_ties = true }),
      "SELECT items.id FROM items ORDER BY items.id OFFSET $1 FETCH FIRST $2 ROWS WITH TIES", { 2, 5 } },
    { pg.select(t.owner_id, func.count()):group_by(t.owner_id):having(func.count():gt(1)),
      "SELECT items.owner_id, count(*) AS count_1 FROM items GROUP BY items.owner_id HAVING count(*) > $1", { 1 } },
    { s:distinct(), "SELECT DISTINCT items.id FROM items" },
    { s:distinct_on(t.owner_id):order_by(t.owner_id, t.id),
      "SELECT DISTINCT ON (items.owner_id) items.id FROM items ORDER BY items.owner_id, items.id" },
    { s:distinct(t.owner_id, t.title), "SELECT DISTINCT ON (items.owner_id, items.title) items.id FROM items" },
    { s:with_for_update(), "SELECT items.id FROM items FOR UPDATE" },
    { s:with_for_update{ skip_locked = true }, "SELECT items.id FROM items FOR UPDATE SKIP LOCKED" },
    { s:with_for_update{ nowait = true, read = true }, "SELECT items.id FROM items FOR SHARE NOWAIT" },
    { s:with_for_update{ key_share = true }, "SELECT items.id FROM items FOR NO KEY UPDATE" },
    { s:with_for_update{ key_share = true, read = true }, "SELECT items.id FROM items FOR KEY SHARE" },
    { s:join(owners):with_for_update{ of = { items, o.id } },
      "SELECT items.id FROM items JOIN owners ON owners.id = items.owner_id FOR UPDATE OF items, owners" },
    { s:join(owners):with_for_update{ of = items:join(owners:alias "a", pg.true_()):join(deals, pg.true_()) },
      "SELECT items.id FROM items JOIN owners ON owners.id = items.owner_id FOR UPDATE OF items, a, deals" },
    { s:prefix_with "/*+ SeqScan(items) */", "SELECT /*+ SeqScan(items) */ items.id FROM items" },
    { s:prefix_with "ALL", "SELECT ALL items.id FROM items" },
    { s:select_from(owners), "SELECT items.id FROM owners, items" },
    { pg.select(pg.table("plain", "a", "b")), "SELECT plain.a, plain.b FROM plain" },
    { pg.select(items:tablesample(func.bernoulli(1), { seed = 3, name = "x" }).c.id),
      "SELECT x.id FROM items AS x TABLESAMPLE bernoulli($1) REPEATABLE ($2)", { 1, 3 } },
    { pg.select(pg.values({ "id", "name" }, { { 1, "a" }, { 2, null } }, "v")),
      "SELECT v.id, v.name FROM (VALUES ($1, $2), ($3, $4)) AS v (id, name)", { 1, "a", 2, null } },
  }

  it("leaves the statement it starts from as it was", function()
    local base = s:where(t.live)
    base:where(t.id:eq(1))
    base:order_by(t.id)
    base:limit(3)
    base:join(owners)
    assert_sql(base, "SELECT items.id FROM items WHERE items.live")
  end)

  it("finds types for the columns of VALUES", function()
    local v = pg.values({ "a", "b", "c", pg.column("d", pg.VECTOR(3)) },
      { { 1, "x", 1, null }, { 2.5, null, 2 ^ 40, { 1, 2, 3 } } }, "v")
    assert.are.equal("DOUBLE PRECISION", tostring(v.c.a.type))
    assert.are.equal("TEXT", tostring(v.c.b.type))
    assert.are.equal("BIGINT", tostring(v.c.c.type))
    assert.are.equal("VECTOR(3)", tostring(v.c.d.type))
  end)

  it("types a number that is selected alone", function()
    assert.are.equal("INTEGER", tostring(pg.select(pg.literal(1)):_selected()[1].type))
    assert.are.equal("DOUBLE PRECISION", tostring(pg.select(pg.literal(1.5)):_selected()[1].type))
  end)
end)

describe("a label", function()
  local d = t.embedding:l2_distance{ 1, 2, 3 }
  local label = d:label "distance"
  local vector = { 1, 2, 3 }

  cases{
    { pg.select(t.id, label):order_by(label),
      "SELECT items.id, items.embedding <-> $1 AS distance FROM items ORDER BY distance", { vector } },
    { pg.select(t.id, label):order_by(label:desc():nulls_last()),
      "SELECT items.id, items.embedding <-> $1 AS distance FROM items ORDER BY distance DESC NULLS LAST", { vector } },
    { pg.select(t.id, label):order_by "distance",
      "SELECT items.id, items.embedding <-> $1 AS distance FROM items ORDER BY distance", { vector } },
    { pg.select(t.id, label):order_by(d),
      "SELECT items.id, items.embedding <-> $1 AS distance FROM items ORDER BY items.embedding <-> $1", { vector } },
    { pg.select(t.id):order_by(label), "SELECT items.id FROM items ORDER BY items.embedding <-> $1", { vector } },
    { pg.select(t.id, label):order_by(label + 1),
      "SELECT items.id, items.embedding <-> $1 AS distance FROM items ORDER BY (items.embedding <-> $1) + $2",
      { vector, 1 } },
    { pg.select(t.id, label):where(label:lt(1)),
      "SELECT items.id, items.embedding <-> $1 AS distance FROM items WHERE items.embedding <-> $1 < $2", { vector, 1 } },
    { pg.select(label):group_by(label),
      "SELECT items.embedding <-> $1 AS distance FROM items GROUP BY items.embedding <-> $1", { vector } },
    { pg.select(label, func.rank():over{ order_by = label }:label "r"),
      "SELECT items.embedding <-> $1 AS distance, rank() OVER (ORDER BY items.embedding <-> $1) AS r FROM items",
      { vector } },
    { pg.select(func.count():label "n", t.owner_id):group_by "owner_id",
      "SELECT count(*) AS n, items.owner_id FROM items GROUP BY items.owner_id" },
    { pg.select(func.lower(t.title):label "title", func.count()):group_by "title":order_by "title",
      "SELECT lower(items.title) AS title, count(*) AS count_1 FROM items GROUP BY lower(items.title) ORDER BY title" },
    { pg.select(pg.literal(1):label "x"):group_by "x", "SELECT $1 AS x GROUP BY x", { 1 } },
    { pg.select(func.lower(t.title):label "l"):distinct_on "l":order_by "l",
      "SELECT DISTINCT ON (lower(items.title)) lower(items.title) AS l FROM items ORDER BY l" },
    { pg.select(t.id:label "Some Name"):order_by "Some Name",
      'SELECT items.id AS "Some Name" FROM items ORDER BY "Some Name"' },
  }
end)

describe("a join", function()
  local A = owners:alias "a"
  cases{
    { s:join(owners), "SELECT items.id FROM items JOIN owners ON owners.id = items.owner_id" },
    { pg.select(o.id):join(items), "SELECT owners.id FROM owners JOIN items ON owners.id = items.owner_id" },
    { s:outerjoin(owners), "SELECT items.id FROM items LEFT OUTER JOIN owners ON owners.id = items.owner_id" },
    { s:full_join(owners), "SELECT items.id FROM items FULL OUTER JOIN owners ON owners.id = items.owner_id" },
    { s:join(owners, nil, { isouter = true }),
      "SELECT items.id FROM items LEFT OUTER JOIN owners ON owners.id = items.owner_id" },
    { s:join(owners, o.email:eq(t.title)), "SELECT items.id FROM items JOIN owners ON owners.email = items.title" },
    { s:join(owners, pg.and_(o.email:eq(t.title), o.active)),
      "SELECT items.id FROM items JOIN owners ON owners.email = items.title AND owners.active" },
    { pg.select(t.id, o.email):join(owners), "SELECT items.id, owners.email FROM items JOIN owners ON owners.id = items.owner_id" },
    { s:join(A), "SELECT items.id FROM items JOIN owners AS a ON a.id = items.owner_id" },
    { pg.select(items):join(owners):with_only_columns(func.count()),
      "SELECT count(*) AS count_1 FROM items JOIN owners ON owners.id = items.owner_id" },
    { s:join(owners):with_only_columns(o.id):outerjoin(A, A.c.id:eq(t.id)),
      "SELECT owners.id FROM items JOIN owners ON owners.id = items.owner_id LEFT OUTER JOIN owners AS a ON a.id = items.id" },
    { s:where(t.owner_id:eq(o.id)):with_only_columns(func.count()),
      "SELECT count(*) AS count_1 FROM items, owners WHERE items.owner_id = owners.id" },
    { s:join(A):join(owners, A.c.id:eq(o.id)),
      "SELECT items.id FROM items JOIN owners AS a ON a.id = items.owner_id JOIN owners ON a.id = owners.id" },
    { pg.select(o.id):join_from(items, owners), "SELECT owners.id FROM items JOIN owners ON owners.id = items.owner_id" },
    { pg.select(t.id, deals.c.id):join_from(items, owners):where(deals.c.buyer_id:eq(o.id)),
      "SELECT items.id, deals.id FROM items JOIN owners ON owners.id = items.owner_id, deals "
        .. "WHERE deals.buyer_id = owners.id" },
    { pg.select(t.id):select_from(items:join(owners)),
      "SELECT items.id FROM items JOIN owners ON owners.id = items.owner_id" },
    { pg.select(t.id):select_from(deals:join(items:join(owners), deals.c.buyer_id:eq(o.id))),
      "SELECT items.id FROM deals JOIN (items JOIN owners ON owners.id = items.owner_id) ON deals.buyer_id = owners.id" },
    { pg.select(notes.c.id):join(nodes),
      "SELECT notes.id FROM notes JOIN nodes ON nodes.tree = notes.tree AND nodes.id = notes.node_id" },
    { pg.select(deals.c.id):join(owners, deals.c.seller_id:eq(o.id)),
      "SELECT deals.id FROM deals JOIN owners ON deals.seller_id = owners.id" },
    { pg.select(t.id, deals.c.id):join(owners, t.owner_id:eq(o.id)),
      "SELECT items.id, deals.id FROM items JOIN owners ON items.owner_id = owners.id, deals" },
    { s:join(owners):filter_by{ email = "x", title = "y" },
      "SELECT items.id FROM items JOIN owners ON owners.id = items.owner_id WHERE items.title = $1 AND owners.email = $2",
      { "y", "x" } },
    { pg.select(owners:outerjoin(items)),
      "SELECT owners.id, owners.email, owners.active, items.id, items.owner_id, items.title, items.price, items.stock, "
        .. "items.score, items.live, items.meta, items.tags, items.created, items.embedding, items.half, items.sparse, "
        .. "items.bits, items.search FROM owners LEFT OUTER JOIN items ON owners.id = items.owner_id" },
  }

  for name, case in pairs{
    ["without a foreign key"] = { function() return s:join(nodes) end, "no foreign key between 'items' and 'nodes'" },
    ["with two foreign keys"] = { function() return pg.select(deals.c.id):join(owners) end, "2 foreign keys" },
    ["with two left sides"] = { function() return pg.select(t.id, deals.c.id):join(owners) end,
      "joined to several of the statement's tables" },
    ["with no left side"] = { function() return pg.select(t.id, nodes.c.id):join(pg.table("x", "a")) end, "nothing to join" },
  } do
    it(name .. " raises", function()
      local ok, err = pcall(function() return case[1]():compile() end)
      assert.is_false(ok)
      assert.is_true(pg.is_error(err, "ArgumentError"))
      assert.matches(case[2], err.message, 1, true)
    end)
  end

  it("follows an object that brings its own steps, as relationships do", function()
    local relationship = {
      __clause = owners,
      __join_steps = function() return { { from = owners, condition = o.id:eq(t.owner_id) } }, items end,
    }
    assert_sql(s:join(relationship), "SELECT items.id FROM items JOIN owners ON owners.id = items.owner_id")
    assert_sql(s:join(relationship, o.active),
      "SELECT items.id FROM items JOIN owners ON owners.id = items.owner_id AND owners.active")
  end)
end)

describe("an alias", function()
  local a, b = items:alias "a", items:alias()
  cases{
    { pg.select(a.c.id), "SELECT a.id FROM items AS a" },
    { pg.select(b.c.id), "SELECT items_1.id FROM items AS items_1" },
    { pg.select(a.c.id, b.c.id):where(a.c.id:eq(b.c.owner_id)),
      "SELECT a.id, items_1.id FROM items AS a, items AS items_1 WHERE a.id = items_1.owner_id" },
    { pg.select(items:alias().c.id, items:alias().c.id),
      "SELECT items_1.id, items_2.id FROM items AS items_1, items AS items_2" },
    { pg.select(items:alias("Order").c.id), 'SELECT "Order".id FROM items AS "Order"' },
    { pg.select(a:alias("z").c.id, a.c.id), "SELECT z.id, a.id FROM items AS z, items AS a" },
    { pg.select(b:alias().c.id, b.c.id), "SELECT items_1.id, items_2.id FROM items AS items_1, items AS items_2" },
    { pg.select(s:subquery("x"):alias("y").c.id), "SELECT y.id FROM (SELECT items.id FROM items) AS y" },
    { pg.select(s:lateral("x"):alias("y").c.id), "SELECT y.id FROM LATERAL (SELECT items.id FROM items) AS y" },
    { pg.select(items:tablesample(func.bernoulli(5)):alias("y").c.id),
      "SELECT y.id FROM items AS y TABLESAMPLE bernoulli($1)", { 5 } },
    { pg.select(func.generate_series(1, 2):table_valued("n", { with_ordinality = "o" }):alias("y").c.o),
      "SELECT y.o FROM generate_series($1, $2) WITH ORDINALITY AS y(n, o)", { 1, 2 } },
    { pg.select(s:cte("x"):alias("y"):alias("z").c.id), "WITH x AS (SELECT items.id FROM items) SELECT z.id FROM x AS z" },
    { pg.select(a.c.id):join(owners), "SELECT a.id FROM items AS a JOIN owners ON owners.id = a.owner_id" },
  }

  local x = pg.column("x", pg.Integer)
  local q, q_1 = pg.table("q", x), pg.table("q_1", x)
  local anonymous, named = q:alias(), q:alias "q_1"
  local sub, sub_1 = pg.select(q.c.x):subquery(), pg.select(q.c.x):subquery "anon_1"
  local with, with_1 = pg.select(q.c.x):cte(), pg.select(q.c.x):cte "anon_1"
  local nested = pg.select(q.c.x):cte(nil, { nesting = true })
  local definitions = "WITH anon_2 AS (SELECT q.x FROM q), anon_1 AS (SELECT q.x FROM q) "
  cases{
    { pg.select(q_1.c.x):where(pg.exists(anonymous.c.x):where(anonymous.c.x:eq(q_1.c.x))),
      "SELECT q_1.x FROM q_1 WHERE EXISTS (SELECT q_2.x FROM q AS q_2 WHERE q_2.x = q_1.x)" },
    { pg.select(anonymous.c.x):where(pg.exists(q_1.c.x):where(anonymous.c.x:eq(q_1.c.x))),
      "SELECT q_2.x FROM q AS q_2 WHERE EXISTS (SELECT q_1.x FROM q_1 WHERE q_2.x = q_1.x)" },
    { pg.select(anonymous.c.x, named.c.x):join_from(anonymous, named, anonymous.c.x:eq(named.c.x)),
      "SELECT q_2.x, q_1.x FROM q AS q_2 JOIN q AS q_1 ON q_2.x = q_1.x" },
    { pg.select(sub.c.x, sub_1.c.x):join_from(sub, sub_1, pg.true_()),
      "SELECT anon_2.x, anon_1.x FROM (SELECT q.x FROM q) AS anon_2 JOIN (SELECT q.x FROM q) AS anon_1 ON true" },
    { pg.select(with.c.x):join_from(with, with_1, pg.true_()),
      definitions .. "SELECT anon_2.x FROM anon_2 JOIN anon_1 ON true" },
    { pg.select(with_1.c.x):join_from(with_1, with, pg.true_()),
      "WITH anon_1 AS (SELECT q.x FROM q), anon_2 AS (SELECT q.x FROM q) SELECT anon_1.x FROM anon_1 JOIN anon_2 ON true" },
    { pg.select(nested.c.x):join_from(nested, with_1, pg.true_()),
      "WITH anon_1 AS (SELECT q.x FROM q), anon_2 AS (SELECT q.x FROM q) SELECT anon_2.x FROM anon_2 JOIN anon_1 ON true" },
    { pg.select(anonymous.c.x):add_cte(pg.select(q.c.x):cte "q_1"),
      "WITH q_1 AS (SELECT q.x FROM q) SELECT q_2.x FROM q AS q_2" },
  }
end)

describe("a subquery", function()
  local sub = pg.select(t.id, o.id):where(t.owner_id:eq(o.id)):subquery "x"
  local grouped = pg.select(t.owner_id, func.count():label "n"):group_by(t.owner_id):subquery()
  cases{
    { pg.select(sub.c.id, sub.c.id_1),
      "SELECT x.id, x.id_1 FROM (SELECT items.id, owners.id AS id_1 FROM items, owners WHERE items.owner_id = owners.id) AS x" },
    { pg.select(grouped.c.n):where(grouped.c.n:gt(1)),
      "SELECT anon_1.n FROM (SELECT items.owner_id, count(*) AS n FROM items GROUP BY items.owner_id) AS anon_1 "
        .. "WHERE anon_1.n > $1", { 1 } },
    { pg.select(o.email, grouped.c.n):join(grouped, grouped.c.owner_id:eq(o.id)),
      "SELECT owners.email, anon_1.n FROM owners JOIN (SELECT items.owner_id, count(*) AS n FROM items "
        .. "GROUP BY items.owner_id) AS anon_1 ON anon_1.owner_id = owners.id" },
    { pg.select(o.id):join(grouped), "SELECT owners.id FROM owners JOIN (SELECT items.owner_id, count(*) AS n FROM items "
        .. "GROUP BY items.owner_id) AS anon_1 ON owners.id = anon_1.owner_id" },
    { pg.select(pg.select(func.count()):select_from(items):subquery("c").c.count_1),
      "SELECT c.count_1 FROM (SELECT count(*) AS count_1 FROM items) AS c" },
    { pg.select(pg.select(t.embedding, t.bits):order_by(t.bits:hamming_distance "101"):limit(20):subquery("c").c.embedding
        :l2_distance{ 1, 2, 3 }),
      "SELECT c.embedding <-> $1 AS anon_1 FROM (SELECT items.embedding, items.bits FROM items "
        .. "ORDER BY items.bits <~> $2 LIMIT $3) AS c", { { 1, 2, 3 }, "101", 20 } },
    { pg.select(o.id, pg.select(func.count(t.id)):where(t.owner_id:eq(o.id)):scalar_subquery():label "n"),
      "SELECT owners.id, (SELECT count(items.id) AS count_1 FROM items WHERE items.owner_id = owners.id) AS n FROM owners" },
  }

  it("keeps the types of its columns", function()
    assert.are.equal("VECTOR(3)", tostring(pg.select(t.embedding):subquery().c.embedding.type))
  end)

  it("refuses a name it does not have", function()
    local err = select(2, pcall(function() return sub.c.idd end))
    assert.matches("'x' has no column 'idd', did you mean 'id'", err.message, 1, true)
  end)
end)

describe("a correlated subquery", function()
  local inner = pg.select(t.id):where(t.owner_id:eq(o.id))
  local deal = pg.select(deals.c.id):where(deals.c.buyer_id:eq(o.id), deals.c.id:eq(t.id))
  cases{
    { pg.select(o.id):where(inner:exists()),
      "SELECT owners.id FROM owners WHERE EXISTS (SELECT items.id FROM items WHERE items.owner_id = owners.id)" },
    { pg.select(inner:exists():label "has", o.id),
      "SELECT EXISTS (SELECT items.id FROM items WHERE items.owner_id = owners.id) AS has, owners.id FROM owners" },
    { pg.select(o.id):where(inner:where(deal:exists()):exists()),
      "SELECT owners.id FROM owners WHERE EXISTS (SELECT items.id FROM items WHERE items.owner_id = owners.id AND "
        .. "EXISTS (SELECT deals.id FROM deals WHERE deals.buyer_id = owners.id AND deals.id = items.id))" },
    { pg.select(o.id):where(o.id:in_(pg.select(t.owner_id))),
      "SELECT owners.id FROM owners WHERE owners.id IN (SELECT items.owner_id FROM items)" },
    { pg.select(t.id):where(t.id:in_(pg.select(t.owner_id))),
      "SELECT items.id FROM items WHERE items.id IN (SELECT items.owner_id FROM items)" },
    { pg.select(o.id):where(inner:correlate():exists()),
      "SELECT owners.id FROM owners WHERE EXISTS (SELECT items.id FROM items, owners WHERE items.owner_id = owners.id)" },
    { pg.select(o.id, t.id):where(inner:correlate(owners):exists()),
      "SELECT owners.id, items.id FROM owners, items WHERE EXISTS (SELECT items.id FROM items WHERE items.owner_id = owners.id)" },
    { pg.select(o.id, t.id):where(inner:correlate_except(items):exists()),
      "SELECT owners.id, items.id FROM owners, items WHERE EXISTS (SELECT items.id FROM items WHERE items.owner_id = owners.id)" },
    { pg.select(pg.select(inner:subquery().c.id):subquery().c.id),
      "SELECT anon_1.id FROM (SELECT anon_2.id FROM (SELECT items.id FROM items, owners WHERE items.owner_id = owners.id) "
        .. "AS anon_2) AS anon_1" },
    { pg.select(o.id):join(items):where(pg.select(deals.c.id):where(deals.c.id:eq(t.id)):exists()),
      "SELECT owners.id FROM owners JOIN items ON owners.id = items.owner_id "
        .. "WHERE EXISTS (SELECT deals.id FROM deals WHERE deals.id = items.id)" },
    { (function()
        local l = inner:order_by(t.id):limit(1):lateral "l"
        return pg.select(o.id, l.c.id):join(l, pg.true_())
      end)(),
      "SELECT owners.id, l.id FROM owners JOIN LATERAL (SELECT items.id FROM items WHERE items.owner_id = owners.id "
        .. "ORDER BY items.id LIMIT $1) AS l ON true", { 1 } },
  }

  it("raises if nothing of its own would remain", function()
    assert.has_error(function()
      pg.select(o.id, t.id):where(inner:exists()):compile()
    end)
  end)
end)

describe("a CTE", function()
  local base = pg.select(t.id):where(t.live):cte "live"
  local other = pg.select(base.c.id):where(base.c.id:gt(5)):cte "other"
  local tree = pg.select(nodes.c.id, nodes.c.parent_id):where(nodes.c.id:eq(1)):cte("tree", { recursive = true })
  local all = tree:union_all(pg.select(nodes.c.id, nodes.c.parent_id):where(nodes.c.parent_id:eq(tree.c.id)))
  local delete = pg.delete(owners):all_rows():returning(o.id)
  local gone_cte, gone_too, nesting = delete:cte "gone", delete:cte "too", delete:cte("gone", { nesting = true })
  local with_gone = "WITH gone AS (DELETE FROM owners RETURNING owners.id)"
  local gone, added = with_gone .. " ", pg.select(t.id):add_cte(gone_cte)
  local unnamed = pg.select(nodes.c.id):cte(nil, { recursive = true })
  unnamed = unnamed:union_all(pg.select(nodes.c.id):where(nodes.c.parent_id:eq(unnamed.c.id)))
  cases{
    { pg.select(base.c.id):where(base.c.id:lt(3)),
      "WITH live AS (SELECT items.id FROM items WHERE items.live) SELECT live.id FROM live WHERE live.id < $1", { 3 } },
    { pg.select(other.c.id, base.c.id):where(base.c.id:lt(3)),
      "WITH live AS (SELECT items.id FROM items WHERE items.live), other AS (SELECT live.id FROM live WHERE live.id > $1) "
        .. "SELECT other.id, live.id FROM other, live WHERE live.id < $2", { 5, 3 } },
    { pg.select(pg.select(t.id):cte("m", { materialized = true }).c.id),
      "WITH m AS MATERIALIZED (SELECT items.id FROM items) SELECT m.id FROM m" },
    { pg.select(pg.select(t.id):cte("m", { materialized = false }).c.id),
      "WITH m AS NOT MATERIALIZED (SELECT items.id FROM items) SELECT m.id FROM m" },
    { pg.select(pg.select(t.id):cte().c.id), "WITH anon_1 AS (SELECT items.id FROM items) SELECT anon_1.id FROM anon_1" },
    { pg.select(all.c.id),
      "WITH RECURSIVE tree(id, parent_id) AS (SELECT nodes.id, nodes.parent_id FROM nodes WHERE nodes.id = $1 "
        .. "UNION ALL SELECT nodes.id, nodes.parent_id FROM nodes, tree WHERE nodes.parent_id = tree.id) "
        .. "SELECT tree.id FROM tree", { 1 } },
    { pg.select(base:alias("a").c.id), "WITH live AS (SELECT items.id FROM items WHERE items.live) SELECT a.id FROM live AS a" },
    { pg.select(o.id):where(o.id:in_(pg.select(base.c.id))),
      "WITH live AS (SELECT items.id FROM items WHERE items.live) SELECT owners.id FROM owners "
        .. "WHERE owners.id IN (SELECT live.id FROM live)" },
    { pg.select(pg.select(base.c.id):subquery("s").c.id),
      "WITH live AS (SELECT items.id FROM items WHERE items.live) SELECT s.id FROM (SELECT live.id FROM live) AS s" },
    { pg.select(pg.insert(owners):values{ email = "x" }:returning(o.id):cte("new").c.id),
      "WITH new AS (INSERT INTO owners (email) VALUES ($1) RETURNING owners.id) SELECT new.id FROM new", { "x" } },
    { pg.select(t.id):add_cte(pg.delete(owners):where(o.id:eq(1)):returning(o.id):cte "gone"),
      "WITH gone AS (DELETE FROM owners WHERE owners.id = $1 RETURNING owners.id) SELECT items.id FROM items", { 1 } },
    { pg.select(added:subquery("s").c.id), gone .. "SELECT s.id FROM (SELECT items.id FROM items) AS s" },
    { pg.select(added:cte("c").c.id), with_gone .. ", c AS (SELECT items.id FROM items) SELECT c.id FROM c" },
    { pg.select(o.id):where(added:exists()), gone .. "SELECT owners.id FROM owners WHERE EXISTS (SELECT items.id FROM items)" },
    { pg.select(added:scalar_subquery()), gone .. "SELECT (SELECT items.id FROM items) AS anon_1" },
    { pg.select(o.id):union(added), gone .. "SELECT owners.id FROM owners UNION SELECT items.id FROM items" },
    { pg.insert(owners):from_select({ "id" }, added), gone .. "INSERT INTO owners (id) SELECT items.id FROM items" },
    { pg.select(added:union(pg.select(o.id)):add_cte(gone_too):subquery("s").c.id),
      "WITH too AS (DELETE FROM owners RETURNING owners.id), gone AS (DELETE FROM owners RETURNING owners.id) "
        .. "SELECT s.id FROM (SELECT items.id FROM items UNION SELECT owners.id FROM owners) AS s" },
    { pg.select(pg.update(owners):values{ email = "x" }:all_rows():returning(o.id):add_cte(gone_cte):cte("u").c.id),
      with_gone .. ", u AS (UPDATE owners SET email=$1 RETURNING owners.id) SELECT u.id FROM u", { "x" } },
    { pg.select(pg.select(t.id):add_cte(nesting):subquery("s").c.id), gone .. "SELECT s.id FROM (SELECT items.id FROM items) AS s" },
    { pg.select(t.id):union(pg.select(o.id):add_cte(pg.select(t.id):cte("n", { nesting = true }))),
      "SELECT items.id FROM items UNION (WITH n AS (SELECT items.id FROM items) SELECT owners.id FROM owners)" },
    { pg.select(unnamed.c.id), "WITH RECURSIVE anon_1(id) AS (SELECT nodes.id FROM nodes UNION ALL "
      .. "SELECT nodes.id FROM nodes, anon_1 WHERE nodes.parent_id = anon_1.id) SELECT anon_1.id FROM anon_1" },
    { pg.insert(owners):from_select({ "id" }, pg.select(base.c.id)),
      "WITH live AS (SELECT items.id FROM items WHERE items.live) INSERT INTO owners (id) SELECT live.id FROM live" },
    { pg.select(pg.text("SELECT 1"):columns{ { "one", pg.Integer } }:cte("x").c.one),
      "WITH x AS (SELECT 1) SELECT x.one FROM x" },
    { pg.union(pg.select(base.c.id), pg.select(other.c.id)),
      "WITH live AS (SELECT items.id FROM items WHERE items.live), other AS (SELECT live.id FROM live WHERE live.id > $1) "
        .. "SELECT live.id FROM live UNION SELECT other.id FROM other", { 5 } },
  }

  it("of the same name as another raises", function()
    local twin = pg.select(o.id):cte "live"
    assert.has_error(function() pg.select(base.c.id, twin.c.id):compile() end)
  end)
end)

describe("a set operation", function()
  local a, b = pg.select(t.id), pg.select(o.id)
  local renamed = pg.Table("renamed", pg.MetaData(), { pg.Column{ "When", pg.Integer, key = "w" } })
  cases{
    { pg.union(a, b), "SELECT items.id FROM items UNION SELECT owners.id FROM owners" },
    { a:union_all(b), "SELECT items.id FROM items UNION ALL SELECT owners.id FROM owners" },
    { pg.intersect(a, b, a), "SELECT items.id FROM items INTERSECT SELECT owners.id FROM owners INTERSECT SELECT items.id FROM items" },
    { a:except_all(b), "SELECT items.id FROM items EXCEPT ALL SELECT owners.id FROM owners" },
    { pg.intersect(pg.union(a, b), a),
      "(SELECT items.id FROM items UNION SELECT owners.id FROM owners) INTERSECT SELECT items.id FROM items" },
    { pg.union(a:order_by(t.id):limit(1), b),
      "(SELECT items.id FROM items ORDER BY items.id LIMIT $1) UNION SELECT owners.id FROM owners", { 1 } },
    { pg.union(a, b):order_by "id", "SELECT items.id FROM items UNION SELECT owners.id FROM owners ORDER BY id" },
    { pg.union(a, b):order_by(t.id:desc()):limit(3):offset(1),
      "SELECT items.id FROM items UNION SELECT owners.id FROM owners ORDER BY id DESC LIMIT $1 OFFSET $2", { 3, 1 } },
    { pg.union(a, b):order_by(o.id), "SELECT items.id FROM items UNION SELECT owners.id FROM owners ORDER BY id" },
    { pg.union(pg.select(renamed.c.w), a):order_by "w",
      'SELECT renamed."When" FROM renamed UNION SELECT items.id FROM items ORDER BY "When"' },
    { pg.union(pg.select(renamed.c.w), a):order_by "When",
      'SELECT renamed."When" FROM renamed UNION SELECT items.id FROM items ORDER BY "When"' },
    { pg.select(pg.union(a, b):subquery("u").c.id),
      "SELECT u.id FROM (SELECT items.id FROM items UNION SELECT owners.id FROM owners) AS u" },
    { pg.union(pg.select((t.id + 1):label "n"), b):order_by "n",
      "SELECT items.id + $1 AS n FROM items UNION SELECT owners.id FROM owners ORDER BY n", { 1 } },
  }

  it("refuses what it cannot be", function()
    assert.has_error(function() pg.union(a) end)
    assert.has_error(function() pg.union(a, items) end)
    assert.has_error(function() pg.union(a, pg.select(o.id, o.email)) end)
    assert.has_error(function() pg.union(a, b):order_by(t.title):compile() end)
  end)
end)

describe("a function of pg writes what the method of its name does:", function()
  local other = items:alias "o"
  local on = other.c.id:eq(t.id)
  local a, b = pg.select(t.id), pg.select(t.owner_id)
  local same = {
    asc = { t.id }, desc = { t.id }, nulls_first = { t.id }, nulls_last = { t.id }, between = { t.id, 1, 2 },
    collate = { t.title, "C" }, label = { t.id, "x" }, cast = { t.id, pg.Text }, type_coerce = { t.id, pg.Text },
    and_ = { t.live, t.id:eq(1) }, or_ = { t.live, t.id:eq(1) }, not_ = { t.live },
    union = { a, b }, union_all = { a, b }, intersect = { a, b }, intersect_all = { a, b }, except = { a, b }, except_all = { a, b },
    alias = { items, "i" }, join = { items, other, on }, outerjoin = { items, other, on }, tablesample = { items, func.bernoulli(1) },
    exists = { a },
  }
  for name, arguments in pairs(same) do
    it(name, function()
      local by_function = pg[name](compat.unpack(arguments))
      local by_method = arguments[1][name](compat.unpack(arguments))
      assert.are.equal(tostring(by_method), tostring(by_function))
      assert.are.equal(tostring(by_method.type), tostring(by_function.type))
    end)
  end
  it("so strings name labels and columns in them", function()
    assert_sql(pg.select(t.id:label "n"):order_by(pg.desc "n", pg.nulls_last "title"),
      "SELECT items.id AS n FROM items ORDER BY n DESC, items.title NULLS LAST")
  end)
end)

describe("the columns of a compiled statement", function()
  local compiler = require "pgvector.sql.compiler"
  local function columns(stmt)
    local list = {}
    for i, column in ipairs(compiler.compile(stmt).columns) do
      list[i] = column.name .. ":" .. column.key .. ":" .. tostring(column.type)
    end
    return table.concat(list, " ")
  end

  it("have names, keys and types", function()
    assert.are.equal("id:id:BIGINT n:n:BIGINT count_1:count_1:BIGINT", columns(pg.select(t.id, func.count():label "n", func.count())))
    local keyed = pg.table("k", pg.column("metadata", pg.JSONB))
    keyed:_columns()[1].key = "metadata_"
    assert.are.equal("metadata:metadata_:JSONB", columns(pg.select(keyed)))
  end)

  it("are those of the first arm of a set operation", function()
    assert.are.equal("id:id:BIGINT", columns(pg.union(pg.select(t.id), pg.select(o.id))))
  end)

  it("are those returned by DML", function()
    assert.are.equal("id:id:BIGINT", columns(pg.insert(owners):values{ email = "x" }:returning(o.id)))
    assert.is_nil(compiler.compile(pg.insert(owners):values{ email = "x" }).columns)
  end)

  it("are unknown of text, unless told", function()
    assert.is_nil(compiler.compile(pg.text "SELECT 1").columns)
    assert.are.equal("a:a:INTEGER", columns(pg.text("SELECT 1"):columns{ { "a", pg.Integer } }))
    assert.is_nil(compiler.compile(pg.select(pg.text "a, b")).columns)
  end)

  it("expand a model as its __clause says, and as the ORM chooses", function()
    local Model = setmetatable({ __clause = owners }, { __index = function(_, k) error("no " .. tostring(k)) end })
    local stmt = pg.select(Model, func.count())
    assert.are.equal("id:id:BIGINT email:email:TEXT active:active:BOOLEAN count_1:count_1:BIGINT", columns(stmt))
    local entities = stmt:_entities()
    assert.are.equal("entity", entities[1].kind)
    assert.is_true(rawequal(Model, entities[1].entity))
    assert.are.equal("column", entities[2].kind)
    local fewer = stmt:_with_entity_columns(function(entity, list)
      assert.is_true(rawequal(Model, entity))
      return { list[1] }
    end)
    assert.are.equal("id:id:BIGINT count_1:count_1:BIGINT", columns(fewer))
    assert_sql(pg.select(o.id):join(Model, o.id:eq(1)):select_from(items),
      "SELECT owners.id FROM items JOIN owners ON owners.id = $1", { 1 })
  end)

  it("are kept with the compiled statement, which is made once", function()
    local stmt = pg.select(t.id)
    assert.is_true(rawequal(compiler.compile(stmt), compiler.compile(stmt)))
    assert.is_false(rawequal(compiler.compile(stmt), compiler.compile(stmt:limit(1))))
    assert.are.equal("select", compiler.compile(stmt).kind)
  end)
end)
