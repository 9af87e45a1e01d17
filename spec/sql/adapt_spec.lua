local adapt = require "pgvector.sql.adapt"
local assert_sql = require "spec.support.assert_sql"
local base = require "pgvector.sql.base"
local pg = require "pgvector"
local selectable = require "pgvector.sql.selectable"
local tables = require "spec.support.tables"

local owners, items, deals = tables.owners, tables.items, tables.deals
local o, t, d = owners.c, items.c, deals.c
local func = pg.func

local a = owners:alias "a"

-- Something about owners, made to be about an alias of them.
local function about_alias(node) return adapt.to(node, owners, a) end

local function select_over(node) return pg.select(node:label "x"):select_from(a) end

local function count() return pg.select(func.count()) end

-- A subquery about owners, as it stands beside the alias.
local function cases(list)
  for _, case in ipairs(list) do
    it(case[1], function()
      local node = case[2]:scalar_subquery()
      local before, values = node:compile()
      local adapted = about_alias(node)
      assert_sql(select_over(adapted), "SELECT (" .. case[3] .. ") AS x FROM owners AS a", case[4])
      local after, same = node:compile()
      assert.same({ before, values }, { after, same })
    end)
  end
end

describe("A query that is made to be about an alias", function()
  local of_owner = count():select_from(items):where(t.owner_id:eq(o.id))
  local counted = "SELECT count(*) AS count_1 FROM items WHERE items.owner_id = a.id"
  local lateral = pg.select(t.title):where(t.owner_id:eq(o.id)):limit(1):lateral "l"
  local inner = pg.select(t.title:label "title"):where(t.owner_id:eq(o.id)):correlate(owners):subquery "s"
  local unnested = func.string_to_table(o.email, "@"):table_valued "part"
  local list = pg.values({ "v" }, { { o.id } }, "v")
  local ordinal = func.coalesce(o.id, 0):label "n"

  cases{
    { "follows in its condition", of_owner, counted },
    { "follows what it says that it shares", of_owner:correlate(owners), counted },
    { "follows what it says that it does not share", of_owner:correlate_except(items), counted },
    { "follows in what it selects", pg.select(func.max(t.id + o.id)):where(t.live):correlate(owners),
      "SELECT max(items.id + a.id) AS max_1 FROM items WHERE items.live" },
    { "follows where the table is named in FROM, too",
      count():select_from(items, owners):where(t.owner_id:eq(o.id)):correlate(owners), counted },
    { "follows in ORDER BY and LIMIT", pg.select(t.title):where(t.live):order_by(func.abs(t.id - o.id)):limit(o.id)
      :correlate(owners),
      "SELECT items.title FROM items WHERE items.live ORDER BY abs(items.id - a.id) LIMIT a.id" },
    { "follows in GROUP BY and HAVING", pg.select(t.title):group_by(t.title, o.id):having(func.count():gt(o.id))
      :correlate(owners),
      "SELECT items.title FROM items GROUP BY items.title, a.id HAVING count(*) > a.id" },
    { "follows in DISTINCT ON", pg.select(t.title):distinct_on(t.owner_id + o.id):correlate(owners),
      "SELECT DISTINCT ON (items.owner_id + a.id) items.title FROM items" },
    { "follows in the conditions of joins",
      count():select_from(items):join(deals, d.id:eq(t.id):and_(d.buyer_id:eq(o.id))):correlate(owners),
      "SELECT count(*) AS count_1 FROM items JOIN deals ON deals.id = items.id AND deals.buyer_id = a.id" },
    { "follows in the selects of a set operation",
      pg.select(t.title):where(t.owner_id:eq(o.id)):union_all(pg.select(t.title):where(t.id:eq(o.id)):correlate(owners))
        :order_by(t.title):limit(1),
      "SELECT items.title FROM items WHERE items.owner_id = a.id UNION ALL SELECT items.title FROM items "
        .. "WHERE items.id = a.id ORDER BY title LIMIT $1", { 1 } },
    { "follows in a lateral subquery that it reads", pg.select(lateral.c.title),
      "SELECT l.title FROM LATERAL (SELECT items.title FROM items WHERE items.owner_id = a.id LIMIT $1) AS l",
      { 1 } },
    { "follows in a subquery that it reads, if that shares the table",
      pg.select(inner.c.title):where(inner.c.title:ne(o.email)):order_by(inner.c.title):correlate(owners),
      "SELECT s.title FROM (SELECT items.title AS title FROM items WHERE items.owner_id = a.id) AS s "
        .. "WHERE s.title != a.email ORDER BY s.title" },
    { "follows in a function that it reads", pg.select(func.max(unnested.c.part)),
      "SELECT max(anon_1.part) AS max_1 FROM string_to_table(a.email, $1) AS anon_1(part)", { "@" } },
    { "follows in the VALUES that it reads", pg.select(func.max(list.c.v)),
      "SELECT max(v.v) AS max_1 FROM (VALUES (a.id)) AS v (v)" },
    { "is ordered by its labels as before", pg.select(ordinal):select_from(items):order_by(ordinal):correlate(owners),
      "SELECT coalesce(a.id, $1) AS n FROM items ORDER BY n", { 0 } },
    { "follows below another one", count():select_from(items):where(pg.exists(d.id):where(d.buyer_id:eq(o.id))),
      "SELECT count(*) AS count_1 FROM items WHERE EXISTS (SELECT deals.id FROM deals WHERE deals.buyer_id = a.id)" },

    { "keeps a table that it reads itself", count():select_from(owners):where(o.id:gt(1)),
      "SELECT count(*) AS count_1 FROM owners WHERE owners.id > $1", { 1 } },
    { "keeps one that it reads beside others, if it shares nothing",
      count():select_from(items):where(t.owner_id:eq(o.id)):correlate(),
      "SELECT count(*) AS count_1 FROM items, owners WHERE items.owner_id = owners.id" },
    { "keeps one that it joins", count():select_from(items):join(owners):where(o.active),
      "SELECT count(*) AS count_1 FROM items JOIN owners ON owners.id = items.owner_id WHERE owners.active" },
    { "keeps it in the queries below as well",
      count():select_from(owners):where(pg.exists(t.id):where(t.owner_id:eq(o.id))),
      "SELECT count(*) AS count_1 FROM owners WHERE EXISTS "
        .. "(SELECT items.id FROM items WHERE items.owner_id = owners.id)" },
    { "keeps what a subquery in FROM reads", pg.select(pg.select(o.email:label "e"):subquery("s").c.e),
      "SELECT s.e FROM (SELECT owners.email AS e FROM owners) AS s" },
  }

  it("follows as EXISTS, as an operand of IN, and of ANY", function()
    local ids = pg.select(t.id):where(t.owner_id:eq(o.id))
    local expected = "(SELECT items.id FROM items WHERE items.owner_id = a.id)"
    for sql, node in pairs{
      ["EXISTS " .. expected] = ids:exists(), ["NOT EXISTS " .. expected] = ids:exists():not_(),
      ["a.id IN " .. expected] = o.id:in_(ids), ["a.id NOT IN " .. expected] = o.id:not_in(ids),
      ["a.id = ANY" .. expected] = o.id:eq(pg.any_(ids)), ["a.id > ALL" .. expected] = o.id:gt(pg.all_(ids)),
    } do
      assert_sql(pg.select(a.c.id):where(about_alias(node)), "SELECT a.id FROM owners AS a WHERE " .. sql)
    end
  end)

  it("is the same one where nothing in it follows", function()
    for _, stmt in ipairs{
      count():select_from(owners):where(o.active), count():select_from(items):where(t.live),
      count():select_from(items):union(count():select_from(owners)):limit(1),
      pg.select(inner.c.title):where(pg.exists(t.id):where(t.live)),
    } do
      local node = stmt:scalar_subquery():label "x"
      assert.is_true(rawequal(node, adapt.to(node, deals, deals:alias())))
    end
    local node = count():select_from(owners):scalar_subquery():label "x"
    assert.is_true(rawequal(node, about_alias(node)))
  end)

  it("has the columns of what follows in place of a table that it selects whole", function()
    local node = pg.exists(owners, t.id):where(t.owner_id:eq(o.id))
    assert_sql(pg.select(a.c.id):where(about_alias(node)),
      "SELECT a.id FROM owners AS a WHERE EXISTS "
        .. "(SELECT a.id, a.email, a.active, items.id FROM items WHERE items.owner_id = a.id)")
  end)

  it("takes anything in place of a column", function()
    local node = pg.select(t.id, t.id + o.id):where(t.owner_id:eq(o.id), o.active):correlate(owners):exists()
    local adapted = adapt.columns(node, { owners }, function(column)
      if rawequal(column, o.id) then return pg.literal(5) end
    end)
    assert_sql(pg.select(o.email):where(adapted), "SELECT owners.email FROM owners WHERE EXISTS "
      .. "(SELECT items.id, items.id + $1 AS anon_1 FROM items WHERE items.owner_id = $2 AND owners.active)", { 5, 5 })
  end)

  it("is no longer about a model that inherits", function()
    local of_heir = base.with(o.id:eq(1):label "x", { _heir = { __clause = owners } })
    assert.is_nil(about_alias(of_heir)._heir)
    assert.is_true(rawequal(about_alias(of_heir), about_alias(of_heir)))
    assert.equal(of_heir._heir, adapt.to(of_heir, deals, deals:alias())._heir)
  end)

  it("does not take a copy of the alias for the alias", function()
    local node = o.id + 1
    about_alias(node)
    local copy = base.with(a, { name = "b" })
    copy._column_list = { selectable.proxy(copy, "id", "id", o.id) }
    assert.equal("b.id + $1", tostring(adapt.to(node, owners, copy)))
    assert.equal("a.id + $1", tostring(about_alias(node)))
  end)

  it("leaves a named window one window, in several expressions as well", function()
    local w = pg.window("w", { partition_by = o.active, order_by = o.id })
    local one, other = func.rank():over(w), func.row_number():over(w)
    assert_sql(pg.select(about_alias(one + other), about_alias(other)),
      "SELECT rank() OVER w + row_number() OVER w AS anon_1, row_number() OVER w AS anon_2 FROM owners AS a "
        .. "WINDOW w AS (PARTITION BY a.active ORDER BY a.id)")
  end)
end)
