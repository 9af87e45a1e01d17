--- Tables for the specs of statements, made by hand so that these specs need
-- nothing but the expression language.

local pg = require "pgvector.sql"
local types = require "pgvector.types"

-- A foreign key as joins see it.
local function references(column, target, constraint)
  column.foreign_keys = { { column = function() return target end, constraint = constraint } }
end

local tables = {}

tables.owners = pg.table("owners",
  pg.column("id", types.BigInteger),
  pg.column("email", types.Text),
  pg.column("active", types.Boolean))

tables.items = pg.table("items",
  pg.column("id", types.BigInteger),
  pg.column("owner_id", types.BigInteger),
  pg.column("title", types.Text),
  pg.column("price", types.Numeric(10, 2)),
  pg.column("stock", types.Integer),
  pg.column("score", types.Double),
  pg.column("live", types.Boolean),
  pg.column("meta", types.JSONB),
  pg.column("tags", types.ARRAY(types.Text)),
  pg.column("created", types.DateTime{ timezone = true }),
  pg.column("embedding", types.VECTOR(3)),
  pg.column("half", types.HALFVEC(3)),
  pg.column("sparse", types.SPARSEVEC(3)),
  pg.column("bits", types.BIT(3)),
  pg.column("search", types.TSVECTOR))
references(tables.items.c.owner_id, tables.owners.c.id)

-- two ways to owners, and none to items
tables.deals = pg.table("deals",
  pg.column("id", types.BigInteger),
  pg.column("buyer_id", types.BigInteger),
  pg.column("seller_id", types.BigInteger))
references(tables.deals.c.buyer_id, tables.owners.c.id)
references(tables.deals.c.seller_id, tables.owners.c.id)

-- a composite key, and a reference to itself
tables.nodes = pg.table("nodes",
  pg.column("tree", types.Integer),
  pg.column("id", types.Integer),
  pg.column("parent_tree", types.Integer),
  pg.column("parent_id", types.Integer),
  pg.column("name", types.Text))

tables.notes = pg.table("notes",
  pg.column("id", types.Integer),
  pg.column("tree", types.Integer),
  pg.column("node_id", types.Integer))
local composite = {}
references(tables.notes.c.tree, tables.nodes.c.tree, composite)
references(tables.notes.c.node_id, tables.nodes.c.id, composite)

-- client-side defaults
tables.posts = pg.table("posts",
  pg.column("id", types.Integer),
  pg.column("title", types.Text),
  pg.column("state", types.Text),
  pg.column("token", types.Text),
  pg.column("changed", types.DateTime))
tables.posts.c.state.default = "draft"
tables.posts.c.token.default = function() return "made" end
tables.posts.c.changed.onupdate = pg.func.now()

return tables
