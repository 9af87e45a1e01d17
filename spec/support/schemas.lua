--- Schemas that hold everything a model can say: every type, constraint and index.
--
-- `schemas.define[name](metadata)` defines the tables of one; `schemas.names` in order.
-- The extension citext must be there.

local pg = require "pgvector"

local func = pg.func

local function reference(name, target, options)
  return pg.Column{ name, pg.Integer, pg.ForeignKey(target, options) }
end

local function id() return pg.Column{ "id", pg.Integer, primary_key = true } end

local cases = {}

-- One table with a column of each type.
local types = {
  pg.SmallInteger, pg.Integer, pg.BigInteger, pg.Float, pg.Float(20), pg.Double, pg.Real, pg.Numeric,
  pg.Numeric(10, 2), pg.Numeric(5), pg.String, pg.String(50), pg.CHAR(3), pg.Text, pg.Boolean, pg.DateTime,
  pg.DateTime{ timezone = true }, pg.Date, pg.Time, pg.Time{ timezone = true }, pg.Interval, pg.UUID, pg.JSON,
  pg.JSONB, pg.LargeBinary, pg.ARRAY(pg.Text), pg.ARRAY(pg.Numeric(4, 1), { dimensions = 2 }), pg.TSVECTOR,
  pg.TSQUERY, pg.REGCONFIG, pg.INET, pg.CIDR, pg.MACADDR, pg.CITEXT, pg.ARRAY(pg.CITEXT), pg.VECTOR,
  pg.VECTOR(3), pg.HALFVEC, pg.HALFVEC(4), pg.SPARSEVEC, pg.SPARSEVEC(1000), pg.BIT(3), pg.BIT(1),
  pg.ARRAY(pg.VECTOR(3)),
  pg.ARRAY(pg.HALFVEC), pg.ARRAY(pg.BIT(8)), pg.Enum{ "sad", "it's", name = "Mood" },
  pg.ARRAY(pg.Enum{ "sad", "it's", name = "Mood" }), pg.Type "timestamp(3) with time zone",
  pg.Type "bit varying(5)", pg.Type "int4range", pg.Type "interval day to second(2)", pg.Type "point",
  pg.ARRAY(pg.Type "time(2)"),
  pg.Type "numeric(3,-1)", pg.Type "oid", pg.Type "name", pg.Type '"char"',
}

cases["every type"] = function(metadata)
  local columns = {}
  for i, type in ipairs(types) do columns[i] = pg.Column{ ("c%02d"):format(i), type } end
  pg.Table("typed", metadata, columns)
end

cases["defaults, identities, computed columns, comments"] = function(metadata)
  pg.Table("filled", metadata, {
    pg.Column{ "id", pg.BigInteger, primary_key = true, pg.Identity{
      always = true, start = 100, increment = 5, cache = 3, cycle = true, maxvalue = "9007199254740993" } },
    pg.Column{ "down", pg.SmallInteger, pg.Identity{ start = -1, increment = -1, minvalue = -50 } },
    pg.Column{ "number", pg.Integer, pg.Sequence("numbers", { start = 7 }), nullable = false },
    pg.Column{ "text", pg.Text, server_default = "it's", comment = "a 'quoted' \\ comment" },
    pg.Column{ "json", pg.JSONB, server_default = "{}" },
    pg.Column{ "at", pg.DateTime{ timezone = true }, server_default = func.now(), nullable = false },
    pg.Column{ "flag", pg.Boolean, server_default = false },
    pg.Column{ "v", pg.VECTOR(2), server_default = "[1,2]" },
    pg.Column{ "double", pg.Integer, pg.Computed "(length(text) * 2)" },
    pg.Column{ "order", pg.Text },
    pg.Column{ "Mixed Case", pg.Text },
  }, { comment = "filled by the server", with = { fillfactor = 70 } })
  pg.Table("fast", metadata, { pg.Column{ "a", pg.Integer } }, { unlogged = true })
  pg.Table("parts", metadata, { pg.Column{ "at", pg.Date, nullable = false } },
    { partition_by = "RANGE (at)" })
end

cases["every constraint"] = function(metadata)
  pg.Table("parents", metadata, {
    pg.Column{ "a", pg.Integer }, pg.Column{ "b", pg.Integer },
    pg.PrimaryKeyConstraint("a", "b", { name = "the key" }),
  })
  pg.Table("children", metadata, {
    id(), pg.Column{ "pa", pg.Integer }, pg.Column{ "pb", pg.Integer }, reference("up", "children.id"),
    reference("other", "children.id", { ondelete = "SET NULL", onupdate = "CASCADE", deferrable = true,
      initially = "DEFERRED" }),
    pg.Column{ "during", pg.Type "int4range" },
    pg.ForeignKeyConstraint({ "pb", "pa" }, { "parents.b", "parents.a" },
      { match = "FULL", ondelete = "RESTRICT" }),
    pg.ForeignKeyConstraint({ "pb", "pa" }, { "parents.b", "parents.a" },
      { name = "some", ondelete = "SET NULL (pa)" }),
    pg.UniqueConstraint("pa", "pb"),
    pg.UniqueConstraint("pb", { name = "u", nulls_not_distinct = true, include = { "pa" }, deferrable = true,
      comment = "a comment" }),
    pg.CheckConstraint("pa > 0 AND pb IN (1, 2)", { name = "c", no_inherit = true }),
    pg.CheckConstraint("pa <> 5", { name = "d" }),
    pg.ExcludeConstraint({ { "during", "&&" } }, { name = "e", where = "pa > 0" }),
    pg.ExcludeConstraint({ { func.int4range(1, 2), "&&" }, { "during", "-|-" } },
      { using = "gist", name = "f" }),
  })
  -- a cycle
  pg.Table("hens", metadata, { id(), reference("egg", "eggs.id") })
  pg.Table("eggs", metadata, { id(), reference("hen", "hens.id") })
end

cases["every index"] = function(metadata)
  local t = pg.Table("indexed", metadata, {
    pg.Column{ "a", pg.Integer, index = true }, pg.Column{ "b", pg.Integer }, pg.Column{ "t", pg.Text },
    pg.Column{ "s", pg.TSVECTOR }, pg.Column{ "v", pg.VECTOR(3) }, pg.Column{ "h", pg.HALFVEC(3) },
    pg.Column{ "p", pg.SPARSEVEC(3) }, pg.Column{ "x", pg.BIT(8) }, pg.Column{ "big", pg.VECTOR(3000) },
    pg.Index(nil, "a", "b", { unique = true, nulls_not_distinct = true, include = { "t" } }),
    pg.Index("partial", "a", { where = "b > 3", comment = "some of them" }),
    pg.Index("pattern", "t", { ops = { t = "text_pattern_ops" } }),
    pg.Index("gin", "s", { using = "gin", with = { fastupdate = false } }),
    pg.Index("brin", "a", { using = "brin", with = { pages_per_range = 16 } }),
    pg.IVFFlat("v", { metric = "l2", lists = 5 }), pg.IVFFlat("h", { metric = "ip" }),
    pg.IVFFlat("x", { metric = "hamming", name = "x1" }), pg.HNSW("x", { metric = "jaccard", name = "x2" }),
    pg.HNSW("p", { metric = "l1", where = "a > 0" }),
  })
  for _, metric in ipairs{ "l2", "ip", "cosine", "l1" } do
    pg.HNSW(t.c.v, { metric = metric, m = 8, ef_construction = 20, name = "v_" .. metric })
  end
  pg.HNSW(t.c.big:cast(pg.HALFVEC(3000)), { metric = "cosine", name = "half" })
  pg.IVFFlat(t.c.big:cast(pg.HALFVEC(3000)), { metric = "cosine", lists = 7, name = "ihalf" })
  pg.HNSW(func.binary_quantize(t.c.big):cast(pg.BIT(3000)), { metric = "hamming", name = "binary" })
  pg.HNSW(func.subvector(t.c.v, 1, 2):cast(pg.VECTOR(2)), { metric = "l2", name = "sub" })
  pg.Index("lower", func.lower(t.c.t), t.c.b:desc():nulls_last(), t.c.a:nulls_first())
  pg.Index("collated", t.c.t:collate "C", func.upper(t.c.t):collate "C", t.c.b:desc())
  pg.Index("words", func.to_tsvector(pg.literal_column "'english'::regconfig", t.c.t), { using = "gin" })
end

local names = {}
for name in pairs(cases) do names[#names + 1] = name end
table.sort(names)

return { define = cases, names = names }
