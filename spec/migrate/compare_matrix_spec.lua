-- Every kind of change, one at a time: it is found, what was found mends it,
-- nothing is found then, and its reverse leads back.

local db = require "spec.support.db"
local compare = require "pgvector.migrate.compare".compare
local operations = require "pgvector.migrate.operations"
local pg = require "pgvector"
local script = require "pgvector.migrate.script"

local func = pg.func

local function column(...) return pg.Column{ ... } end
local function id() return pg.Column{ "id", pg.Integer, primary_key = true } end

-- A table of a key and what else is given.
local function items(...)
  local rest = { ... }
  return function(metadata)
    local all = { id() }
    for _, item in ipairs(rest) do all[#all + 1] = item end
    return pg.Table("items", metadata, all)
  end
end

-- Columns and constraints can belong to one table only: they are made for each
-- use by a function.
local function with(make)
  return function(metadata) return items(make(metadata))(metadata) end
end

local function vector_index(make)
  return with(function() return column("v", pg.VECTOR(3)), make() end)
end

local mood, more_moods = { "sad", "ok", name = "mood" }, { "sad", "fine", "ok", "great", name = "mood" }

local function references(options)
  return function(metadata)
    pg.Table("owners", metadata, { id() })
    return with(function() return column("owner_id", pg.Integer, pg.ForeignKey("owners.id", options)) end)(metadata)
  end
end

-- `{ what, before, after, kinds }`: kinds of the operations, in order.
local changes = {
  { "a column that is new", items(), with(function() return column("t", pg.Text) end), "add_column" },
  { "a table that is new", items(), function(metadata)
    items()(metadata)
    pg.Table("tags", metadata, { id(), pg.Column{ "t", pg.Text, unique = true, index = true, comment = "c" },
      pg.CheckConstraint("t <> ''", { name = "filled" }) }, { comment = "the tags" })
  end, "create_table create_index" },
  { "tables that refer to each other", items(), function(metadata)
    pg.Table("a", metadata, { id(), column("b", pg.Integer, pg.ForeignKey "b.id") })
    pg.Table("b", metadata, { id(), column("a", pg.Integer, pg.ForeignKey "a.id"), pg.Index(nil, "a") })
    items()(metadata)
  end, "create_table create_table create_index create_foreign_key" },
  { "the type of a column", with(function() return column("n", pg.Integer) end),
    with(function() return column("n", pg.BigInteger) end), "alter_column" },
  { "a type that converts only when it is told to",
    with(function() return pg.Column{ "n", pg.Text, server_default = "7" } end),
    with(function() return pg.Column{ "n", pg.Integer, server_default = 7 } end), "alter_column" },
  { "the length of a string", with(function() return column("t", pg.String(20)) end),
    with(function() return column("t", pg.String(30)) end), "alter_column" },
  { "the scale of a number", with(function() return pg.Column{ "n", pg.Numeric(10, 2), server_default = 1.5 } end),
    with(function() return pg.Column{ "n", pg.Numeric(12, 3), server_default = 1.5 } end), "alter_column" },
  { "an array", with(function() return column("t", pg.Text) end),
    with(function() return column("t", pg.ARRAY(pg.Text)) end), "alter_column" },
  { "nullability", with(function() return column("n", pg.Integer) end),
    with(function() return pg.Column{ "n", pg.Integer, nullable = false } end), "alter_column" },
  { "a default that is new", with(function() return column("b", pg.Boolean) end),
    with(function() return pg.Column{ "b", pg.Boolean, server_default = false } end), "alter_column" },
  { "another default", with(function() return pg.Column{ "t", pg.Text, server_default = "a" } end),
    with(function() return pg.Column{ "t", pg.Text, server_default = "it's" } end), "alter_column" },
  { "a default that is a sequence", with(function() return column("n", pg.Integer) end),
    with(function() return column("n", pg.Integer, pg.Sequence("numbers", { start = 5 })) end),
    "create_sequence alter_column" },
  { "an identity instead of a sequence",
    with(function() return pg.Column{ "n", pg.Integer, pg.Sequence("numbers"), nullable = false } end),
    with(function() return column("n", pg.Integer, pg.Identity()) end),
    "alter_column execute drop_sequence" },
  { "an identity that is new", with(function() return pg.Column{ "n", pg.Integer, nullable = false } end),
    with(function() return column("n", pg.Integer, pg.Identity{ always = true }) end), "alter_column execute" },
  { "options of an identity", with(function() return column("n", pg.Integer, pg.Identity()) end),
    with(function() return column("n", pg.Integer, pg.Identity{ start = 100, increment = 10 }) end),
    "alter_column execute" },
  { "a computed column", with(function() return column("n", pg.Integer), column("d", pg.Integer, pg.Computed "n * 2") end),
    with(function()
      return column("n", pg.Integer), pg.Column{ "d", pg.Integer, pg.Computed "n * 3", index = true }
    end), "drop_column add_column create_index" },
  { "a computed column that was none", with(function() return column("n", pg.Integer), column("d", pg.Integer) end),
    with(function() return column("n", pg.Integer), column("d", pg.Integer, pg.Computed "n * 3") end),
    "drop_column add_column" },
  { "the type of what a column is computed from",
    with(function() return column("n", pg.Integer), column("d", pg.BigInteger, pg.Computed "n * 2") end),
    with(function() return column("n", pg.BigInteger), column("d", pg.BigInteger, pg.Computed "n * 2") end),
    "drop_column alter_column add_column" },
  { "comments", with(function() return pg.Column{ "t", pg.Text, comment = "old" } end), function(metadata)
    pg.Table("items", metadata, { id(), pg.Column{ "t", pg.Text, comment = "it's new" } }, { comment = "the items" })
  end, "alter_column create_table_comment" },
  { "a comment of an index", with(function() return column("t", pg.Text), pg.Index(nil, "t") end),
    with(function() return column("t", pg.Text), pg.Index(nil, "t", { comment = "by text" }) end), "execute" },

  { "the primary key", function(metadata)
    pg.Table("items", metadata, { pg.Column{ "a", pg.Integer, primary_key = true, identity = false },
      pg.Column{ "b", pg.Integer, nullable = false } })
  end, function(metadata)
    pg.Table("items", metadata, { pg.Column{ "a", pg.Integer, primary_key = true },
      pg.Column{ "b", pg.Integer, primary_key = true } })
  end, "drop_constraint create_primary_key" },
  { "a key that another table refers to", function(metadata)
    local owners = pg.Table("owners", metadata, { id(), pg.Column{ "code", pg.Integer, unique = true } })
    pg.Table("items", metadata, { id(), column("owner", pg.Integer, pg.ForeignKey(owners.c.code)) })
  end, function(metadata)
    local owners = pg.Table("owners", metadata, { id(), pg.Column{ "code", pg.Integer },
      pg.UniqueConstraint("code", { include = { "id" } }) })
    pg.Table("items", metadata, { id(), column("owner", pg.Integer, pg.ForeignKey(owners.c.code)) })
  end, "drop_constraint drop_constraint create_unique_constraint create_foreign_key" },
  { "a new table that refers to a new key", items(), function(metadata)
    local t = with(function() return pg.Column{ "code", pg.Text, unique = true } end)(metadata)
    pg.Table("parts", metadata, { id(), pg.Column{ "item", pg.Text, pg.ForeignKey(t.c.code) },
      pg.Column{ "item_id", pg.Integer, pg.ForeignKey(t.c.id) } })
  end, "create_table add_column create_unique_constraint create_foreign_key create_foreign_key" },
  { "a unique constraint", with(function() return column("t", pg.Text) end),
    with(function() return pg.Column{ "t", pg.Text, unique = true } end), "create_unique_constraint" },
  { "nulls of a unique constraint", with(function() return column("t", pg.Text), pg.UniqueConstraint "t" end),
    with(function() return column("t", pg.Text), pg.UniqueConstraint("t", { nulls_not_distinct = true }) end),
    "drop_constraint create_unique_constraint" },
  { "a condition of the same name",
    with(function() return column("n", pg.Integer), pg.CheckConstraint("n > 0", { name = "c" }) end),
    with(function() return column("n", pg.Integer), pg.CheckConstraint("n > 1", { name = "c" }) end),
    "drop_constraint create_check_constraint" },
  { "the name of a condition",
    with(function() return column("n", pg.Integer), pg.CheckConstraint("n > 0", { name = "c" }) end),
    with(function() return column("n", pg.Integer), pg.CheckConstraint("n>0", { name = "d" }) end),
    "rename_constraint" },
  { "an exclusion", with(function() return column("during", pg.Type "int4range") end), with(function()
    return column("during", pg.Type "int4range"), pg.ExcludeConstraint({ { "during", "&&" } }, { where = "id > 5" })
  end), "create_exclude_constraint" },
  { "a foreign key", references(), function(metadata)
    pg.Table("owners", metadata, { id() })
    with(function() return column("owner_id", pg.Integer) end)(metadata)
  end, "drop_constraint" },
  { "what a foreign key does", references(), references{ ondelete = "CASCADE", deferrable = true,
    initially = "DEFERRED" }, "drop_constraint create_foreign_key" },
  { "the columns that a foreign key sets", references{ ondelete = "SET NULL" },
    references{ ondelete = "SET NULL (owner_id)" }, "drop_constraint create_foreign_key" },

  { "an index that is new", with(function() return column("t", pg.Text) end),
    with(function() return pg.Column{ "t", pg.Text, index = true } end), "create_index" },
  { "the name of an index", with(function() return column("t", pg.Text), pg.Index("a", "t") end),
    with(function() return column("t", pg.Text), pg.Index("b", "t") end), "rename_index" },
  { "the name and the comment of an index",
    with(function() return column("t", pg.Text), pg.Index("a", "t", { comment = "first" }) end),
    with(function() return column("t", pg.Text), pg.Index("b", "t", { comment = "second" }) end),
    "rename_index execute" },
  { "the uniqueness of an index", with(function() return column("t", pg.Text), pg.Index("a", "t") end),
    with(function() return column("t", pg.Text), pg.Index("a", "t", { unique = true }) end),
    "drop_index create_index" },
  { "an index that becomes partial", with(function() return column("t", pg.Text), pg.Index("a", "t") end),
    with(function() return column("t", pg.Text), pg.Index("a", "t", { where = "t <> ''" }) end),
    "drop_index create_index" },
  { "what an index includes", with(function() return column("t", pg.Text), pg.Index("a", "t") end),
    with(function() return column("t", pg.Text), pg.Index("a", "t", { include = { "id" } }) end),
    "drop_index create_index" },
  { "the order of an index", with(function() return column("t", pg.Text), pg.Index("a", "t") end),
    function(metadata)
      local t = with(function() return column("t", pg.Text) end)(metadata)
      pg.Index("a", t.c.t:desc())
    end, "drop_index create_index" },
  { "the expression of an index", function(metadata)
    local t = with(function() return column("t", pg.Text) end)(metadata)
    pg.Index("a", func.lower(t.c.t))
  end, function(metadata)
    local t = with(function() return column("t", pg.Text) end)(metadata)
    pg.Index("a", func.upper(t.c.t), t.c.id:desc(), { ops = { t = "text_pattern_ops" } })
  end, "drop_index create_index" },
  { "the operator class of an index", with(function() return column("t", pg.Text), pg.Index("a", "t") end),
    with(function() return column("t", pg.Text), pg.Index("a", "t", { ops = { t = "text_pattern_ops" } }) end),
    "drop_index create_index" },
  { "the access method of an index", with(function() return column("n", pg.Integer), pg.Index("a", "n") end),
    with(function() return column("n", pg.Integer), pg.Index("a", "n", { using = "brin" }) end),
    "drop_index create_index" },

  { "m", vector_index(function() return pg.HNSW("v", { metric = "l2" }) end),
    vector_index(function() return pg.HNSW("v", { metric = "l2", m = 32, ef_construction = 100 }) end),
    "drop_index create_hnsw_index" },
  { "ef_construction", vector_index(function() return pg.HNSW("v", { metric = "l2" }) end),
    vector_index(function() return pg.HNSW("v", { metric = "l2", ef_construction = 128 }) end),
    "drop_index create_hnsw_index" },
  { "lists", vector_index(function() return pg.IVFFlat("v", { metric = "l2", lists = 5 }) end),
    vector_index(function() return pg.IVFFlat("v", { metric = "l2", lists = 6 }) end),
    "drop_index create_ivfflat_index" },
  { "the metric", vector_index(function() return pg.HNSW("v", { metric = "l2" }) end),
    vector_index(function() return pg.HNSW("v", { metric = "cosine" }) end), "drop_index create_hnsw_index" },
  { "hnsw instead of ivfflat", vector_index(function() return pg.IVFFlat("v", { metric = "l2" }) end),
    vector_index(function() return pg.HNSW("v", { metric = "l2" }) end), "drop_index create_hnsw_index" },
  { "a vector index that becomes partial", vector_index(function() return pg.HNSW("v", { metric = "l2" }) end),
    vector_index(function() return pg.HNSW("v", { metric = "l2", where = "id > 5" }) end),
    "drop_index create_hnsw_index" },
  { "the dimensions in a cast", function(metadata)
    local t = with(function() return column("v", pg.VECTOR) end)(metadata)
    pg.HNSW(t.c.v:cast(pg.HALFVEC(100)), { metric = "l2", name = "h" })
  end, function(metadata)
    local t = with(function() return column("v", pg.VECTOR) end)(metadata)
    pg.HNSW(t.c.v:cast(pg.HALFVEC(200)), { metric = "l2", name = "h" })
  end, "drop_index create_hnsw_index" },
  { "the quantisation", function(metadata)
    local t = with(function() return column("v", pg.VECTOR(8)) end)(metadata)
    pg.HNSW(t.c.v:cast(pg.HALFVEC(8)), { metric = "l2", name = "h" })
  end, function(metadata)
    local t = with(function() return column("v", pg.VECTOR(8)) end)(metadata)
    pg.HNSW(func.binary_quantize(t.c.v):cast(pg.BIT(8)), { metric = "hamming", name = "h" })
  end, "drop_index create_hnsw_index" },

  { "the dimensions of a vector", vector_index(function() return pg.HNSW("v", { metric = "l2" }) end),
    with(function() return pg.Column{ "v", pg.VECTOR(4), nullable = false }, pg.HNSW("v", { metric = "l2" }) end),
    "drop_index add_column execute drop_column alter_column alter_column create_hnsw_index" },
  { "fewer dimensions", with(function() return pg.Column{ "v", pg.VECTOR(4), nullable = false } end),
    with(function() return column("v", pg.VECTOR(3)) end),
    "add_column execute alter_column drop_column alter_column" },
  { "dimensions that go", with(function() return column("v", pg.VECTOR(3)) end),
    with(function() return column("v", pg.VECTOR) end), "alter_vector" },
  { "half precision", vector_index(function() return pg.HNSW("v", { metric = "l2" }) end),
    with(function() return column("v", pg.HALFVEC(3)), pg.HNSW("v", { metric = "l2" }) end),
    "drop_index alter_vector create_hnsw_index" },
  { "half precision under ivfflat's default operator class",
    vector_index(function() return pg.IVFFlat("v", { metric = "l2" }) end),
    with(function() return column("v", pg.HALFVEC(3)), pg.IVFFlat("v", { metric = "l2" }) end),
    "drop_index alter_vector create_ivfflat_index" },
  { "sparse vectors", with(function() return column("v", pg.VECTOR(3)) end),
    with(function() return column("v", pg.SPARSEVEC(3)) end), "alter_vector" },
  { "the length of bits", with(function() return column("v", pg.BIT(3)) end),
    with(function() return column("v", pg.BIT(4)) end), "add_column execute drop_column alter_column" },
  { "an array of vectors", with(function() return column("v", pg.ARRAY(pg.VECTOR(3))) end),
    with(function() return column("v", pg.ARRAY(pg.HALFVEC(3))) end), "alter_column" },

  { "an enum that is new", items(), with(function() return column("m", pg.Enum(mood)) end),
    "create_enum add_column" },
  { "labels of an enum", with(function() return pg.Column{ "m", pg.Enum(mood), server_default = "ok" } end),
    with(function() return pg.Column{ "m", pg.Enum(more_moods), server_default = "ok" } end),
    "add_enum_value add_enum_value" },
  { "text that becomes an enum", with(function() return pg.Column{ "m", pg.Text, server_default = "ok" } end),
    with(function() return pg.Column{ "m", pg.Enum(mood), server_default = "ok" } end),
    "create_enum alter_column" },
  { "a schema", items(), function(metadata)
    items()(metadata)
    pg.Table("things", metadata, { id(), column("m", pg.Enum{ "a", name = "kind", schema = "other" }),
      column("n", pg.Integer, pg.Sequence("s", { schema = "other" })),
      column("up", pg.Integer, pg.ForeignKey "other.things.id") }, { schema = "other" })
  end, "create_schema create_enum create_sequence create_table" },
}

describe("the comparison finds and mends", function()
  local engine, drop
  local count = 0

  setup(function()
    local url
    url, drop = db.create()
    engine = pg.create_engine(url)
  end)
  teardown(function()
    engine:dispose()
    drop()
  end)

  local function model(define)
    local metadata = pg.MetaData{ naming_convention = "default" }
    define(metadata)
    return metadata
  end

  -- Runs operations as a revision file would hold them.
  local function apply(conn, list)
    local source = script.body(list)
    local chunk = assert((loadstring or load)("local op, pg = ...\n" .. source)) -- luacheck: ignore 113
    chunk(setmetatable({ autocommit = function(fn) fn() end }, { __index = function(_, kind)
      return function(...)
        for _, statement in ipairs(operations.new[kind](...):statements()) do
          if type(statement) == "string" then conn:exec_sql(statement) else conn:execute(statement) end
        end
      end
    end }), pg)
  end

  local function found(conn, metadata)
    local list, kinds = compare(conn, metadata, { include_schemas = { "other" } }), {}
    for i, operation in ipairs(list) do kinds[i] = operation.kind end
    return table.concat(kinds, " "), list
  end

  -- Each in a schema that vanishes with its transaction.
  local function within(fn)
    count = count + 1
    engine:connect(function(conn)
      conn:exec_sql(("CREATE SCHEMA case_%d; SET LOCAL search_path = case_%d, public"):format(count, count))
      fn(conn)
    end)
  end

  for _, change in ipairs(changes) do
    local what, before, after, kinds = change[1], change[2], change[3], change[4]
    it(what, function()
      within(function(conn)
        local old, new = model(before), model(after)
        old:create_all(conn)
        local seen, list = found(conn, new)
        assert.equal(kinds, seen)
        local undo = operations.reverse(list)
        apply(conn, list)
        assert.equal("", (found(conn, new)))
        -- the other way round, as if it had never been otherwise
        local savepoint = conn:begin_nested()
        local _, back = found(conn, old)
        apply(conn, back)
        assert.equal("", (found(conn, old)))
        savepoint:rollback()
        apply(conn, undo)
        assert.equal("", (found(conn, old)))
      end)
    end)
  end
end)
