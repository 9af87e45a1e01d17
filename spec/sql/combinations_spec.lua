-- Features together: what each brings into a statement must find its place there,
-- and the server must give what one would expect.

local db = require "spec.support.db"
local pg = require "pgvector"

local orm, func, null = pg.orm, pg.func, pg.null

local Base = orm.declarative_base()
local Owner = Base:model("owners", {
  id = pg.Column{ pg.Integer, primary_key = true }, name = pg.Column{ pg.Text },
  items = orm.relationship("items", { back_populates = "owner" }),
})
local Item = Base:model("items", {
  id = pg.Column{ pg.Integer, primary_key = true },
  owner_id = pg.Column{ pg.Integer, pg.ForeignKey "owners.id" },
  title = pg.Column{ pg.Text, unique = true },
  price = pg.Column{ pg.Integer }, live = pg.Column{ pg.Boolean },
  tags = pg.Column{ pg.ARRAY(pg.Text) }, embedding = pg.Column{ pg.VECTOR(2) },
  owner = orm.relationship("owners", { back_populates = "items" }),
})
local I, O = Item, Owner
local A, B = orm.aliased(Item, "a"), orm.aliased(Item, "b")

-- Each gives a statement; its rows are the values after it.
local cases = {
  { "an aliased model in a subquery", function()
      local s = pg.select(A):where(A.id:lt(3)):subquery "s"
      return pg.select(s.c.id, s.c.title):order_by(s.c.id)
    end, { 1, "t1" }, { 2, "t2" } },
  { "a CTE that only subqueries of subqueries refer to", function()
      local c = pg.select(I.id, I.owner_id):where(I.id:lt(5)):cte "c"
      local s = pg.select(c.c.id):subquery "s"
      local s2 = pg.select(s.c.id):where(s.c.id:gt(1)):subquery "s2"
      return pg.select(s2.c.id):where(s2.c.id:in_(pg.select(c.c.id):where(c.c.owner_id:eq(1)))):order_by(s2.c.id)
    end, { 3 } },
  { "a CTE in EXISTS", function()
      local c = pg.select(O.id):where(O.name:eq "ada"):cte "c"
      return pg.select(func.count()):select_from(I):where(pg.exists(pg.select(c.c.id):where(c.c.id:eq(I.owner_id))))
    end, { 3 } },
  { "DML in CTEs of the arms of UNION", function()
      local gone = pg.delete(I):where(I.id:eq(6)):returning(I.id):cte "gone"
      local come = pg.insert(O):values{ id = 50, name = "x" }:returning(O.id):cte "come"
      return pg.union_all(pg.select(gone.c.id), pg.select(come.c.id)):order_by "id"
    end, { 6 }, { 50 } },
  { "DML in a CTE of a UNION within a select", function()
      local done = pg.update(I):where(I.id:eq(6)):values{ price = 99 }:returning(I.id, I.price):cte "done"
      local u = pg.union_all(pg.select(done.c.id, done.c.price), pg.select(I.id, I.price):where(I.id:eq(1))):subquery "u"
      return pg.select(u.c.id, u.c.price):order_by(u.c.id)
    end, { 1, 10 }, { 6, 99 } },
  { "the dearest of each, laterally", function()
      local l = pg.select(I.title, I.price):where(I.owner_id:eq(O.id)):order_by(I.price:desc()):limit(1):lateral "l"
      return pg.select(O.name, l.c.title):outerjoin(l, pg.true_()):order_by(O.id)
    end, { "ada", "t5" }, { "bob", "t6" }, { "eve", null } },
  { "the nearest of each, laterally", function()
      local d = A.embedding:l2_distance(I.embedding):label "d"
      local l = pg.select(A.id, d):where(A.id:ne(I.id)):order_by(d, A.id):limit(1):lateral "l"
      return pg.select(I.id, l.c.id:label "nearest", l.c.d):join(l, pg.true_()):where(I.id:le(2)):order_by(I.id)
    end, { 1, 2, 1 }, { 2, 1, 1 } },
  { "DISTINCT ON with order and limit in an arm of UNION", function()
      local s = pg.select(I.owner_id, I.title):distinct_on(I.owner_id):order_by(I.owner_id, I.price:desc()):limit(2)
      return pg.union(s, pg.select(O.id, O.name):where(O.id:eq(3))):order_by "owner_id":limit(5)
    end, { 1, "t5" }, { 2, "t6" }, { 3, "eve" } },
  { "a count of groups", function()
      local s = pg.select(I.owner_id, func.count():label "n"):group_by(I.owner_id):order_by "n":limit(5)
      return pg.select(func.count()):select_from(s:subquery())
    end, { 2 } },
  { "EXISTS correlated over two aliases", function()
      local dearer = pg.select(B.id):where(B.owner_id:eq(A.owner_id), B.price:gt(A.price))
      return pg.select(A.id):where(pg.exists(dearer):not_()):order_by(A.id)
    end, { 5 }, { 6 } },
  { "EXISTS with a join inside", function()
      return pg.select(O.name):where(pg.select(B.id):join(I, I.id:eq(B.id)):where(B.owner_id:eq(O.id)):exists()):order_by(O.id)
    end, { "ada" }, { "bob" } },
  { "a correlated subquery selected, compared and ordered by", function()
      local n = pg.select(func.count(I.id)):where(I.owner_id:eq(O.id)):scalar_subquery():label "n"
      return pg.select(O.name, n):where(n:ge(0)):order_by(n, O.id)
    end, { "eve", 0 }, { "ada", 3 }, { "bob", 3 } },
  { "other columns over the joins of a statement", function()
      return pg.select(I):join(O):where(O.name:eq "ada"):with_only_columns(func.count())
    end, { 3 } },
  { "other columns over a relationship's join", function()
      return pg.select(I.id):join(I.owner):with_only_columns(O.name):distinct():order_by(O.name)
    end, { "ada" }, { "bob" } },
  { "tuples in a select", function()
      local most = pg.select(A.owner_id, func.max(A.price)):group_by(A.owner_id)
      return pg.select(I.id):where(pg.tuple(I.owner_id, I.price):in_(most)):order_by(I.id)
    end, { 5 }, { 6 } },
  { "tuples not in a select", function()
      local most = pg.select(A.owner_id, func.max(A.price)):group_by(A.owner_id)
      return pg.select(func.count()):select_from(I):where(pg.tuple(I.owner_id, I.price):not_in(most))
    end, { 4 } },
  { "the page after a tuple", function()
      return pg.select(I.id):where(pg.tuple(I.price, I.id):gt(pg.tuple(30, 3))):order_by(I.price, I.id):limit(2)
    end, { 4 }, { 5 } },
  { "a window over the groups of a label", function()
      local n = func.count():label "n"
      return pg.select(I.owner_id, n, func.sum(func.count()):over{ order_by = I.owner_id, rows = { nil, 0 } }:label "sum")
        :group_by(I.owner_id):having(n:gt(1)):order_by(I.owner_id)
    end, { 1, 3, 3 }, { 2, 3, 6 } },
  { "INSERT from a select with a CTE, with parameters everywhere", function()
      local c = pg.select(O.id, (O.name .. "z"):label "name"):where(O.id:eq(1)):cte "c"
      return pg.insert(O):from_select({ "id", "name" }, pg.select(c.c.id + 100, c.c.name .. "y"):limit(1))
        :returning(O.id, (O.name .. "q"):label "q")
    end, { 101, "adazyq" } },
  { "UPDATE from an alias of its own table", function()
      return pg.update(I):values{ price = A.price + 100 }:where(A.id:eq(I.id - 1), I.id:eq(2)):returning(I.id, I.price, A.price)
    end, { 2, 110, 10 } },
  { "UPDATE by a correlated subquery", function()
      return pg.update(O):values{ name = pg.select(func.max(I.title)):where(I.owner_id:eq(O.id)) }:where(O.id:eq(1)):returning(O.name)
    end, { "t5" } },
  { "UPDATE from rows with NULL and vectors", function()
      local v = pg.values({ "id", "e" }, { { 1, null }, { 2, pg.vector{ 4, 5 } } }, "v")
      return pg.update(I):values{ embedding = v.c.e }:where(I.id:eq(v.c.id)):returning(I.id, I.embedding:cast(pg.Text):label "e")
    end, { 1, null }, { 2, "[4,5]" } },
  { "DELETE using an alias of its own table", function()
      return pg.delete(I):where(I.owner_id:eq(A.owner_id), I.id:gt(A.id), A.id:eq(3)):returning(I.id)
    end, { 5 } },
  { "ON CONFLICT with a condition on the index and one on the rows", function()
      local ins = pg.insert(O):values{ { id = 1, name = "new" }, { id = 2, name = "bob" } }
      return ins:on_conflict_do_update{ index_elements = { "id" }, index_where = O.id:gt(0),
        set = { name = ins.excluded.name .. O.name }, where = O.name:ne(ins.excluded.name) }:returning(O.id, O.name)
    end, { 1, "newada" } },
  { "ON CONFLICT that sets by CASE and by a subquery", function()
      local ins = pg.insert(I):values{ id = 1, title = "t1", price = 7 }
      return ins:on_conflict_do_update{ index_elements = { I.id }, set = {
        price = pg.case{ { I.price:gt(ins.excluded.price), I.price }, else_ = ins.excluded.price },
        title = pg.select(func.max(O.name)) } }:returning(I.price, I.title)
    end, { 10, "eve" } },
  { "VALUES of NULLs and several types", function()
      local v = pg.values({ "a", "b", "c", pg.column("d", pg.JSONB) },
        { { null, 1, true, null }, { 1, 2.5, null, { k = 1 } } }, "v")
      return pg.select(v.c.a, v.c.b, v.c.c, v.c.d:get("k"):label "k"):order_by(v.c.b)
    end, { null, 1, true, null }, { 1, 2.5, null, 1 } },
  { "CASE of vectors, measured", function()
      local e = pg.case{ { I.id:eq(1), { 0, 0 } }, { I.id:eq(2), null }, else_ = I.embedding }
      return pg.select(I.id, e:l2_distance{ 3, 4 }:label "d"):where(I.id:le(2)):order_by(I.id)
    end, { 1, 5 }, { 2, null } },
  { "set operations of set operations", function()
      local function ids(...) return pg.select(I.id):where(...) end
      return ids(I.id:lt(3)):union(ids(I.id:lt(5))):intersect(ids(I.id:gt(1))):order_by "id"
    end, { 2 }, { 3 }, { 4 } },
  { "what several selects have in common, as often as it occurs", function()
      local owners, all = pg.select(I.owner_id), pg.select(O.id)
      local common = pg.select(func.count()):select_from(owners:intersect_all(owners):subquery "s"):scalar_subquery()
      local rest = pg.select(func.count()):select_from(owners:except_all(all):subquery "r"):scalar_subquery()
      local gone = pg.select(func.count()):select_from(pg.except(all, owners):subquery "g"):scalar_subquery()
      local met = pg.select(func.count()):select_from(pg.intersect(all, owners):subquery "m"):scalar_subquery()
      return pg.select(common:label "c", rest:label "r", gone:label "g", met:label "m")
    end, { 6, 4, 1, 2 } },
  { "a join and a sample made beforehand", function()
      local sample = pg.tablesample(Item, func.bernoulli(100), { name = "s", seed = 1 })
      local joined = pg.outerjoin(Owner, sample, sample.c.owner_id:eq(O.id))
      return pg.select(O.name, func.count(sample.c.id):label "n"):select_from(joined):group_by(O.id, O.name):order_by(O.id)
    end, { "ada", 3 }, { "bob", 3 }, { "eve", 0 } },
  { "a set operation in IN, in FROM and as a value", function()
      local u = pg.union(pg.select(I.owner_id), pg.select(O.id):where(O.id:eq(3)))
      return pg.select(func.count(), pg.select(func.count()):select_from(u:subquery "u"):scalar_subquery():label "m")
        :select_from(O):where(O.id:in_(u))
    end, { 3, 3 } },
  { "a table function's columns beside a filter", function()
      local tag = func.unnest(I.tags):table_valued("tag", { name = "u", with_ordinality = "n" })
      return pg.select(I.id, tag.c.tag, tag.c.n):where(I.id:eq(1), tag.c.n:gt(1))
    end, { 1, "b1", 2 } },
}

describe("On a server, a statement with", function()
  local engine, conn, drop, warned
  setup(function()
    local url
    url, drop = db.create()
    engine = pg.create_engine(url, { warn = function(message) warned = message end })
    Base.metadata:create_all(engine)
    engine:begin(function(c)
      c:execute(pg.insert(Owner), { { id = 1, name = "ada" }, { id = 2, name = "bob" }, { id = 3, name = "eve" } })
      for i = 1, 6 do
        c:execute(pg.insert(Item):values{ id = i, owner_id = 2 - i % 2, title = "t" .. i, price = 10 * i, live = i > 2,
          tags = { "a", "b" .. i }, embedding = { i, 0 } })
      end
    end)
    conn = engine:connect()
  end)
  teardown(function()
    conn:close()
    engine:dispose()
    drop()
  end)
  after_each(function() conn:rollback() end)

  local function values(result, width)
    local rows = {}
    for i, row in ipairs(result:all()) do
      rows[i] = {}
      for j = 1, width do rows[i][j] = row[j] end
    end
    return rows
  end

  for _, case in ipairs(cases) do
    local expected = {}
    for i = 3, #case do expected[i - 2] = case[i] end

    it(case[1], function()
      assert.same(expected, values(conn:execute(case[2]()), #expected[1]))
      assert.is_nil(warned)
    end)

    it(case[1] .. ", written with constants", function()
      assert.same(expected, values(conn:exec_sql(case[2]():compile{ literal_binds = true }), #expected[1]))
    end)
  end
end)
