--- Prints the SQL of many statements, to be compared between runs and
-- interpreters: run as a program. Tables with many keys are in it, whose order
-- `pairs` tells differently every time.

local pg = require "pgvector"
local trees = require "spec.support.trees"

local func = pg.func
local Base = pg.orm.declarative_base{ schema = "app" }

local Owner = Base:model("owners", {
  id = pg.Column{ pg.BigInteger, primary_key = true }, name = pg.Column{ pg.Text, unique = true },
  email = pg.Column{ pg.Text, index = true, comment = "where to write" }, since = pg.Column{ pg.Date },
})
local Item = Base:model("items", {
  id = pg.Column{ pg.BigInteger, primary_key = true },
  owner_id = pg.Column{ pg.BigInteger, pg.ForeignKey("app.owners.id", { ondelete = "CASCADE", onupdate = "CASCADE" }) },
  a = pg.Column{ pg.Integer, default = 1 }, b = pg.Column{ pg.Integer, onupdate = 2 }, c = pg.Column{ pg.Integer },
  d = pg.Column{ pg.Text, server_default = "x" }, e = pg.Column{ pg.Text, pg.CheckConstraint "e <> ''" },
  f = pg.Column{ pg.Numeric(8, 2) }, g = pg.Column{ pg.ARRAY(pg.Text) }, h = pg.Column{ pg.Double }, i = pg.Column{ pg.HSTORE },
  mood = pg.Column{ pg.Enum{ "low", "high", name = "mood" } }, embedding = pg.Column{ pg.VECTOR(3) },
  n = pg.Column{ pg.Integer, identity = { start = 5, increment = 2, minvalue = 1, maxvalue = 99, cache = 3, cycle = true } },
  pg.HNSW("embedding", { metric = "cosine", m = 8, ef_construction = 40 }),
  pg.Index("ix_items_d", "d", "e", { using = "btree", with = { fillfactor = 70, deduplicate_items = true },
    ops = { d = "text_pattern_ops", e = "text_ops" }, where = pg.column("a"):gt(0), include = { "c", "b" } }),
  pg.UniqueConstraint("a", "b", "c", { deferrable = true, initially = "deferred" }),
}, { with = { fillfactor = 80, autovacuum_enabled = false, toast_tuple_target = 256 }, comment = "things" })

local statements = {}
local function add(stmt) statements[#statements + 1] = stmt end

local row = { a = 1, b = 2, c = 3, d = "x", e = "y", f = 1.5, g = { "p", "q" }, h = 0.1, i = { x = "1", y = "2", z = "3" },
  mood = "low", embedding = { 1, 2, 3 } }
local ins = pg.insert(Item):values(row)
add(ins)
add(pg.insert(Item):values{ row, { a = 5 }, { c = 1, e = "z", h = 2 } }:returning(Item))
add(ins:on_conflict_do_update{ index_elements = { "a", "b", "c" }, set = { d = "n", e = ins.excluded.e, f = 3, h = 4, i = { k = "v" } } })
add(ins:on_conflict_do_update{ constraint = "uq", set = { "a", "b", "c", "d", "e" } })
add(pg.update(Item):values(row):where(Item.id:eq(1)))
add(pg.update(Item):where(Item.owner_id:eq(Owner.id), Owner.name:eq "ada"):values{ d = Owner.name, e = "x", a = Item.a + 1 })
add(pg.delete(Item):filter_by{ a = 1, b = 2, c = 3, d = "x", e = "y", f = 1.5, h = 0.5 })
add(pg.select(Item):filter_by{ a = 1, b = 2, c = 3, d = "x", e = "y", f = 1.5, h = 0.5 })
add(pg.select(Item, Owner):join(Owner):order_by(Item.a:desc(), "name"):limit(5):offset(2))
add(pg.select(Item.owner_id, func.count():label "n"):group_by(Item.owner_id):having(func.count():gt(1)))
add(pg.select(Item):nearest(Item.embedding, { 1, 2, 3 }, { within = 0.5, limit = 50, iterative_scan = "relaxed_order" }))
add(pg.select(Item):nearest(Item.embedding, { 1, 2, 3 }, { via = "binary", oversample = 3 }))
add(pg.select(Item.id, Item.f):filter_by{ a = 1, b = 2, c = 3 }:into("copy", { temporary = true, if_not_exists = true }))
local one = pg.select(Item.id):where(Item.a:in_{ 1, 2, 3 }):cte "one"
local two = pg.select(one.c.id, Owner.name):where(one.c.id:eq(Owner.id)):cte("two", { materialized = true })
add(pg.select(two, one):where(two.c.id:eq(one.c.id)):with_for_update{ skip_locked = true, of = { one, two } })
add(pg.select(Item.id):union_all(pg.select(Owner.id)):order_by("id"):limit(1))
local w = pg.window("w", { partition_by = { Item.a, Item.b }, order_by = Item.c, rows = { -1, 1 }, exclude = "ties" })
add(pg.select(func.sum(Item.a):over(w), func.avg(Item.b):over(w)):comment "last")
add(pg.select(pg.literal({ b = 1, a = { z = 1, y = { 1, 2 }, x = "q" }, c = true, d = 0.5 }, pg.JSONB)))
add(pg.select(func.json_build_object("a", Item.a)):execution_options{
  hnsw_ef_search = 10, hnsw_iterative_scan = "off", ivfflat_probes = 3, schema_translate_map = { app = "tenant", [""] = "x" } })

local recorded = require("spec.support.ddl").recorder()
Base.metadata:create_all(recorded)
Base.metadata:drop_all(recorded)
for _, sql in ipairs(recorded.statements) do print(sql) end

for _, stmt in ipairs(statements) do
  print((stmt:compile()))
  print((stmt:compile{ literal_binds = true }))
end
for _, tree in ipairs(trees.draw(7, 400)) do
  print((tree.node:compile()))
  local ok, sql = pcall(tree.node.compile, tree.node, { literal_binds = true })
  print(ok and sql or tostring(sql.message))
end
