local db = require "spec.support.db"
local pg = require "pgvector"

-- The definitions of the other specs, executed: the server has the last word.
describe("definitions on the server", function()
  local engine, url, drop

  setup(function()
    url, drop = db.create()
    engine = pg.create_engine(url)
  end)
  teardown(function()
    engine:dispose()
    drop()
  end)

  local function query(sql) return db.psql(sql, url) end

  local function define(metadata)
    local mood = pg.Enum{ "sad", "ok", name = "Mood" }
    local owners = pg.Table("owners", metadata, {
      pg.Column{ "id", pg.BigInteger, primary_key = true, comment = "it's the key" },
      pg.Column{ "email", pg.Text, nullable = false, unique = true },
      pg.Column{ "favourite", pg.BigInteger, pg.ForeignKey("Items.id") },
    }, { comment = "who" })
    local items = pg.Table("Items", metadata, {
      pg.Column{ "id", pg.BigInteger, primary_key = true },
      pg.Column{ "owner_id", pg.ForeignKey("owners.id", { ondelete = "CASCADE" }), nullable = false },
      pg.Column{ "mood", mood, server_default = "ok" },
      pg.Column{ "moods", pg.ARRAY(mood) },
      pg.Column{ "number", pg.Integer, pg.Sequence("Numbers", { start = 5 }) },
      pg.Column{ "doubled", pg.Integer, pg.Computed "number * 2" },
      pg.Column{ "done", pg.Boolean, server_default = false },
      pg.Column{ "created", pg.DateTime{ timezone = true }, server_default = pg.func.now() },
      pg.Column{ "embedding", pg.VECTOR(3) },
      pg.Column{ "large", pg.VECTOR(3000) },
      pg.Column{ "half", pg.HALFVEC(3) }, pg.Column{ "sparse", pg.SPARSEVEC(10) }, pg.Column{ "bits", pg.BIT(3) },
      pg.Column{ "span", pg.Type "int4range" },
      pg.CheckConstraint("number > 0", { name = "positive" }),
      pg.UniqueConstraint("owner_id", "number", { deferrable = true, initially = "DEFERRED" }),
      pg.ExcludeConstraint({ { "span", "&&" } }, { using = "gist" }),
      pg.HNSW("embedding", { metric = "cosine", m = 8, ef_construction = 32 }),
      pg.IVFFlat("half", { metric = "ip", lists = 2 }),
      pg.HNSW("sparse", { metric = "l1" }), pg.HNSW("bits", { metric = "jaccard" }),
      pg.Index("items by \"mood\"", pg.text "coalesce(number, 0)", "created"),
      pg.Index(nil, "number", { unique = true, where = "done", include = { "mood" }, with = { fillfactor = 70 } }),
    })
    pg.HNSW(items.c.large:cast(pg.HALFVEC(3000)), { metric = "l2" })
    pg.HNSW(pg.func.binary_quantize(items.c.large):cast(pg.BIT(3000)), { metric = "hamming", name = "quantised" })
    return owners, items
  end

  it("create and drop tables that refer to each other, with all they need, any number of times", function()
    local metadata = pg.MetaData{ naming_convention = "default" }
    define(metadata)
    metadata:create_all(engine)
    metadata:create_all(engine)
    assert.equal("10", query [[SELECT count(*) FROM pg_index WHERE indrelid = '"Items"'::regclass AND NOT indisprimary]]
      :match("%d+"))
    assert.equal("it's the key", query "SELECT col_description('owners'::regclass, 1)")
    query "INSERT INTO owners (email) VALUES ('a')"
    assert.equal("1|ok|5|10|f", query [[INSERT INTO "Items" (owner_id) VALUES (1) RETURNING id, mood, number, doubled, done]])
    metadata:drop_all(engine)
    metadata:drop_all(engine)
    assert.equal("0", query "SELECT count(*) FROM pg_class WHERE relname IN ('owners', 'Items', 'Numbers')")
    assert.equal("0", query "SELECT count(*) FROM pg_type WHERE typname = 'Mood'")
  end)

  it("give constraints the names of the convention", function()
    local metadata = pg.MetaData{ naming_convention = "default" }
    define(metadata)
    metadata:create_all(engine)
    assert.equal("ck_Items_positive\nex_Items_span\nfk_Items_owner_id_owners\npk_Items\nuq_Items_owner_id_number",
      query [[SELECT conname FROM pg_constraint WHERE conrelid = '"Items"'::regclass ORDER BY conname COLLATE "C"]])
    metadata:drop_all(engine)
  end)

  it("name a column's operator class as the server has it", function()
    local metadata = pg.MetaData()
    local tbl = pg.Table("t", metadata, { pg.Column{ "e", pg.VECTOR(3) }, pg.HNSW("e", { metric = "l1" }) })
    metadata:create_all(engine)
    assert.equal("CREATE INDEX ix_t_e ON public.t USING hnsw (e vector_l1_ops)",
      query "SELECT indexdef FROM pg_indexes WHERE indexname = 'ix_t_e'")
    tbl.indexes[1]:drop(engine)
    assert.equal("0", query "SELECT count(*) FROM pg_indexes WHERE indexname = 'ix_t_e'")
    tbl.indexes[1]:create(engine)
    tbl.indexes[1]:create(engine, { checkfirst = true })
    tbl:drop(engine)
    tbl:drop(engine, { checkfirst = true })
  end)

  it("live in a schema, whose tables find each other", function()
    local metadata = pg.MetaData{ schema = "My App" }
    pg.Table("parent", metadata, { pg.Column{ "id", pg.Integer, primary_key = true } })
    pg.Table("child", metadata, { pg.Column{ "id", pg.Integer, pg.ForeignKey("parent.id"), primary_key = true, index = true } })
    engine:begin(function(conn)
      conn:execute(pg.CreateSchema("My App"))
      metadata:create_all(conn)
      metadata:drop_all(conn)
      conn:execute(pg.DropSchema("My App"))
    end)
  end)

  it("build an index concurrently on an engine, and on a connection in autocommit", function()
    local metadata = pg.MetaData()
    local tbl = pg.Table("t", metadata, { pg.Column{ "a", pg.Text } })
    metadata:create_all(engine)
    local index = pg.Index("later", tbl.c.a, { concurrently = true })
    engine:connect(function(conn)
      conn:execution_options{ isolation_level = "AUTOCOMMIT" }
      index:create(conn)
      index:drop(conn)
    end)
    index:create(engine)
    assert.equal("t", query "SELECT indisvalid FROM pg_index WHERE indexrelid = 'later'::regclass")
    index:drop(engine)
    metadata:drop_all(engine)
  end)

  it("need no extension to be created when there is one", function()
    local metadata = pg.MetaData{ extensions = { "vector" } }
    local seen = {}
    local echoing = pg.create_engine(url, { echo = function(sql) seen[#seen + 1] = sql end })
    metadata:create_all(echoing)
    for _, sql in ipairs(seen) do assert.is_nil(sql:find("CREATE EXTENSION", 1, true)) end
    echoing:dispose()
  end)
end)
