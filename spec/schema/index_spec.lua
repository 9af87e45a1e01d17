local column = require "pgvector.sql.column".exports
local ddl = require "pgvector.sql.ddl"
local func = require "pgvector.sql.functions".func
local index = require "pgvector.sql.index".exports
local schema = require "pgvector.sql.schema".exports
local text = require "pgvector.sql.text".text
local types = require "pgvector.types"

local Column, Index, HNSW, IVFFlat = column.Column, index.Index, index.HNSW, index.IVFFlat

local function items(...)
  return schema.Table("items", schema.MetaData(), {
    Column{ "id", types.Integer, primary_key = true },
    Column{ "title", types.Text },
    Column{ "metadata", types.JSONB, key = "meta" },
    Column{ "embedding", types.VECTOR(3) },
    Column{ "big", types.VECTOR(3000) },
    Column{ "huge", types.VECTOR(5000) },
    Column{ "half", types.HALFVEC(4001) },
    Column{ "sparse", types.SPARSEVEC(100000) },
    Column{ "bits", types.BIT(8) },
    Column{ "bare", types.VECTOR },
    ...,
  })
end

local function sql_of(tbl) return (ddl.create_index(tbl.indexes[1]):compile()) end

-- Defines an index on a new table by `make(t.c)`.
local function sql_by(make)
  local tbl = items()
  make(tbl.c)
  return sql_of(tbl)
end

describe("CREATE INDEX", function()
  local cases = {
    { "has a name by itself", function() return items(Index(nil, "title")) end,
      "CREATE INDEX ix_items_title ON items (title)" },
    { "has several columns", function() return items(Index("i", "title", "id")) end,
      "CREATE INDEX i ON items (title, id)" },
    { "knows a column by its key", function() return items(Index("i", "meta", { using = "gin" })) end,
      "CREATE INDEX i ON items USING gin (metadata)" },
    { "is asked for by the column", function() return items(Column{ "x", types.Text, index = true }) end,
      "CREATE INDEX ix_items_x ON items (x)" },
    { "is unique if the column is that, too", function() return items(Column{ "x", types.Text, index = true, unique = true }) end,
      "CREATE UNIQUE INDEX ix_items_x ON items (x)" },
    { "has everything in the server's order", function()
      return items(Index("i", "title", {
        unique = true, using = "btree", include = { "id" }, nulls_not_distinct = true, with = { fillfactor = 70 },
        tablespace = "fast", where = "id > 5", ops = { title = "text_pattern_ops" },
      }))
    end, "CREATE UNIQUE INDEX i ON items USING btree (title text_pattern_ops) INCLUDE (id) NULLS NOT DISTINCT "
      .. "WITH (fillfactor = 70) TABLESPACE fast WHERE id > 5" },
    { "takes SQLAlchemy's spellings", function()
      return items(Index("i", "embedding", {
        postgresql_using = "hnsw", postgresql_with = { m = 8, ef_construction = 32 },
        postgresql_ops = { embedding = "vector_l2_ops" }, postgresql_where = "id > 5",
      }))
    end, "CREATE INDEX i ON items USING hnsw (embedding vector_l2_ops) WITH (m = 8, ef_construction = 32) WHERE id > 5" },
  }
  for _, case in ipairs(cases) do
    it(case[1], function() assert.equal(case[3], sql_of(case[2]())) end)
  end

  local expressions = {
    { "a function", function(c) Index("i", func.lower(c.title)) end, "CREATE INDEX i ON items (lower(title))" },
    { "an operator, in parentheses", function(c) Index("i", c.title .. "x") end,
      "CREATE INDEX i ON items ((title || 'x'))" },
    { "SQL text, in parentheses", function(c) Index("i", c.id, text "metadata ->> 'a'") end,
      "CREATE INDEX i ON items (id, (metadata ->> 'a'))" },
    { "an order", function(c) Index("i", c.title:desc():nulls_last(), { ops = { title = "text_pattern_ops" } }) end,
      "CREATE INDEX i ON items (title text_pattern_ops DESC NULLS LAST)" },
    { "a label that chooses the operator class", function(c)
      Index("i", func.lower(c.title):label "low", { ops = { low = "text_pattern_ops" } })
    end, "CREATE INDEX i ON items (lower(title) text_pattern_ops)" },
    { "operator classes by position, and of other schemas", function(c)
      Index("i", c.id, func.lower(c.title), { ops = { [2] = '"My Schema".text_ops' } })
    end, 'CREATE INDEX i ON items (id, lower(title) "My Schema".text_ops)' },
    { "a condition", function(c) Index("i", c.title, { where = c.id:gt(5):and_(c.title:is_not_null()) }) end,
      "CREATE INDEX i ON items (title) WHERE id > 5 AND title IS NOT NULL" },
    { "no name: its columns give one", function(c) Index(nil, func.lower(c.title), c.id) end,
      "CREATE INDEX ix_items_title_id ON items (lower(title), id)" },
  }
  for _, case in ipairs(expressions) do
    it("has an expression: " .. case[1], function() assert.equal(case[3], sql_by(case[2])) end)
  end

  it("is CONCURRENTLY, IF NOT EXISTS if asked", function()
    local tbl = items(Index("i", "title", { concurrently = true }))
    assert.equal("CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON items (title)",
      (ddl.create_index(tbl.indexes[1], { if_not_exists = true }):compile()))
    assert.equal("DROP INDEX CONCURRENTLY IF EXISTS i", (ddl.drop_index(tbl.indexes[1], { if_exists = true }):compile()))
    assert.equal("CREATE INDEX i ON items (title)",
      (ddl.create_index(tbl.indexes[1], { concurrently = false }):compile()))
  end)

  it("names the table's schema for the table, and for DROP", function()
    local tbl = schema.Table("t", schema.MetaData{ schema = "app" }, { Column{ "a", types.Text, index = true } })
    assert.equal("CREATE INDEX ix_t_a ON app.t (a)", sql_of(tbl))
    assert.equal("DROP INDEX app.ix_t_a", (ddl.drop_index(tbl.indexes[1]):compile()))
  end)

  local refused = {
    { "a name that is no name", "the name goes first", function(c) Index(c.title) end },
    { "no element", "at least one element", function() Index("i") end },
    { "a nil element", "element 1 is nil", function(c) Index("i", nil, c.title) end },
    { "an option it does not know", "unknown option 'uniqe', did you mean 'unique'",
      function(c) Index("i", c.title, { uniqe = true }) end },
    { "an option in both spellings", "both 'using' and 'postgresql_using'",
      function(c) Index("i", c.title, { using = "gin", postgresql_using = "gin" }) end },
    { "an access method that is no name", "using: expected a name",
      function(c) Index("i", c.title, { using = "gin (x); --" }) end },
    { "a storage option that is no name", "with: expected a name",
      function(c) Index("i", c.title, { with = { ["a = 1) --"] = 1 } }) end },
    { "an operator class that is none", "is not an operator class",
      function(c) Index("i", c.title, { ops = { title = "x; --" } }) end },
    { "an operator class for an element it has not", "no element 'titel'",
      function(c) Index("i", c.title, { ops = { titel = "text_ops" } }) end },
    { "a metric for a method without", "a metric is for hnsw and ivfflat",
      function(c) Index("i", c.title, { metric = "l2" }) end },
    { "a second index of its name", "two indexes named 'ix_items_title'", function(c)
      Index(nil, c.title)
      Index(nil, func.lower(c.title))
    end },
    { "a name that the server would cut off", "longer than 63 bytes", function(c) Index(("x"):rep(64), c.title) end },
  }
  for _, case in ipairs(refused) do
    it("refuses " .. case[1], function()
      assert.error_matches(function() case[3](items().c) end, case[2])
    end)
  end

  it("refuses SQL text alone without a name", function()
    assert.error_matches(function() items(Index(nil, text "lower(title)")) end, "needs a name")
  end)
end)

describe("HNSW and IVFFlat", function()
  local classes = {
    { "hnsw", "embedding", "l2", "vector_l2_ops" }, { "hnsw", "embedding", "ip", "vector_ip_ops" },
    { "hnsw", "embedding", "cosine", "vector_cosine_ops" }, { "hnsw", "embedding", "l1", "vector_l1_ops" },
    { "hnsw", "sparse", "cosine", "sparsevec_cosine_ops" }, { "hnsw", "bits", "hamming", "bit_hamming_ops" },
    { "hnsw", "bits", "jaccard", "bit_jaccard_ops" }, { "ivfflat", "embedding", "l2", "vector_l2_ops" },
    { "ivfflat", "embedding", "cosine", "vector_cosine_ops" }, { "ivfflat", "bits", "hamming", "bit_hamming_ops" },
  }
  for _, case in ipairs(classes) do
    it(("choose %s for %s by %s with %s"):format(case[4], case[2], case[3], case[1]), function()
      local make = case[1] == "hnsw" and HNSW or IVFFlat
      local tbl = items(make(case[2], { metric = case[3] }))
      assert.equal(("CREATE INDEX ix_items_%s ON items USING %s (%s %s)"):format(case[2], case[1], case[2], case[4]),
        sql_of(tbl))
      assert.equal(case[3], tbl.indexes[1].metric)
      assert.equal(case[1], tbl.indexes[1].method)
      assert.equal(tbl.c[case[2]], tbl.indexes[1].elements[1])
    end)
  end

  it("write their options, the method's order first", function()
    assert.equal("CREATE INDEX i ON items USING hnsw (embedding vector_l1_ops) WITH (m = 8, ef_construction = 64) WHERE id > 1",
      sql_of(items(HNSW("embedding", { metric = "l1", m = 8, ef_construction = 64, name = "i", where = "id > 1" }))))
    assert.equal("CREATE INDEX ix_items_embedding ON items USING ivfflat (embedding vector_ip_ops) WITH (lists = 10)",
      sql_of(items(IVFFlat("embedding", { metric = "ip", lists = 10 }))))
  end)

  it("index a cast to half precision", function()
    assert.equal("CREATE INDEX ix_items_big ON items USING hnsw ((CAST(big AS HALFVEC(3000))) halfvec_cosine_ops)",
      sql_by(function(c) HNSW(c.big:cast(types.HALFVEC(3000)), { metric = "cosine" }) end))
  end)

  it("index the binary quantisation", function()
    assert.equal("CREATE INDEX q ON items USING hnsw ((CAST(binary_quantize(huge) AS BIT(5000))) bit_hamming_ops)",
      sql_by(function(c) HNSW(func.binary_quantize(c.huge):cast(types.BIT(5000)), { metric = "hamming", name = "q" }) end))
  end)

  it("read the type of SQL text from its cast", function()
    assert.equal("CREATE INDEX i ON items USING hnsw ((CAST(big AS HALFVEC(3000))) halfvec_l2_ops)",
      sql_of(items(HNSW(text "CAST(big AS HALFVEC(3000))", { metric = "l2", name = "i" }))))
    assert.equal("CREATE INDEX i ON items USING hnsw ((big::halfvec(3000)) halfvec_l2_ops)",
      sql_of(items(HNSW(text "big::halfvec(3000)", { metric = "l2", name = "i" }))))
  end)

  it("may be written as an Index, whose operator class tells the metric", function()
    local tbl = items()
    Index("i", tbl.c.embedding, { using = "hnsw", with = { m = 16 }, ops = { embedding = "vector_l2_ops" } })
    assert.equal("l2", tbl.indexes[1].metric)
    assert.equal("CREATE INDEX i ON items USING hnsw (embedding vector_l2_ops) WITH (m = 16)", sql_of(tbl))
  end)

  it("may be an ivfflat Index without operator class: the server's default is l2", function()
    local tbl = items(Index("i", "embedding", { using = "ivfflat", with = { lists = 1 } }))
    assert.equal("l2", tbl.indexes[1].metric)
    assert.equal("CREATE INDEX i ON items USING ivfflat (embedding) WITH (lists = 1)", sql_of(tbl))
  end)

  local refused = {
    { "a missing metric", "a metric is missing; for vector it is one of: l2, ip, cosine, l1",
      function() return HNSW("embedding") end },
    { "a missing metric of ivfflat", "one of: l2, ip, cosine", function() return IVFFlat("embedding", { lists = 5 }) end },
    { "a missing operator class", "a metric is missing", function() return Index("i", "embedding", { using = "hnsw" }) end },
    { "an unknown metric", "unknown metric 'cosin', did you mean 'cosine'",
      function() return HNSW("embedding", { metric = "cosin" }) end },
    { "a metric of another type", "metric 'hamming' is not available for vector with hnsw",
      function() return HNSW("embedding", { metric = "hamming" }) end },
    { "a metric of another method", "metric 'l1' is not available for vector with ivfflat; available: l2, ip, cosine",
      function() return IVFFlat("embedding", { metric = "l1" }) end },
    { "sparse vectors in ivfflat", "ivfflat does not support type SPARSEVEC",
      function() return IVFFlat("sparse", { metric = "l2" }) end },
    { "a column that is no vector", "hnsw does not support type TEXT", function() return HNSW("title", { metric = "l2" }) end },
    { "a column without dimensions", "column does not have dimensions", function() return HNSW("bare", { metric = "l2" }) end },
    { "too many dimensions", "cannot have more than 2000 dimensions for hnsw index.*HALFVEC%(3000%)",
      function() return HNSW("big", { metric = "l2" }) end },
    { "too many for ivfflat", "more than 2000 dimensions for ivfflat index",
      function() return IVFFlat("big", { metric = "l2" }) end },
    { "too many for half precision", "more than 2000 dimensions.*BIT%(5000%)",
      function() return HNSW("huge", { metric = "l2" }) end },
    { "too many of halfvec", "more than 4000 dimensions", function() return HNSW("half", { metric = "l2" }) end },
    { "m below its bounds", "value 1 out of bounds for option \"m\"",
      function() return HNSW("embedding", { metric = "l2", m = 1 }) end },
    { "m above its bounds", "value 101 out of bounds for option \"m\"",
      function() return HNSW("embedding", { metric = "l2", m = 101 }) end },
    { "ef_construction above its bounds", "value 1001 out of bounds for option \"ef_construction\"",
      function() return HNSW("embedding", { metric = "l2", ef_construction = 1001 }) end },
    { "ef_construction below 2 * m", "ef_construction must be greater than or equal to 2 %* m",
      function() return HNSW("embedding", { metric = "l2", m = 16, ef_construction = 31 }) end },
    { "m above half the default ef_construction", "greater than or equal to 2 %* m",
      function() return HNSW("embedding", { metric = "l2", m = 33 }) end },
    { "lists above their bounds", "value 32769 out of bounds for option \"lists\"",
      function() return IVFFlat("embedding", { metric = "l2", lists = 32769 }) end },
    { "an option that is no number", "invalid value for integer option \"m\"",
      function() return HNSW("embedding", { metric = "l2", m = "16" }) end },
    { "an option of the other method", "unknown option 'lists'",
      function() return HNSW("embedding", { metric = "l2", lists = 1 }) end },
    { "the other method's storage", "unknown option 'm'",
      function() return Index("i", "embedding", { using = "ivfflat", with = { m = 1 } }) end },
    { "uniqueness", "does not support unique indexes",
      function() return Index("i", "embedding", { using = "hnsw", metric = "l2", unique = true }) end },
    { "included columns", "does not support included columns",
      function() return Index("i", "embedding", { using = "hnsw", metric = "l2", include = { "id" } }) end },
    { "several columns", "does not support multicolumn indexes",
      function() return Index("i", "embedding", "id", { using = "hnsw", metric = "l2" }) end },
    { "a second element", "indexes one element", function() return HNSW("embedding", "id", { metric = "l2" }) end },
    { "a metric that the operator class has not", "vector_l2_ops does not measure 'cosine'",
      function() return HNSW("embedding", { metric = "cosine", ops = { embedding = "vector_l2_ops" } }) end },
    { "an operator class of another type", "operator class \"halfvec_l2_ops\" does not accept data type vector",
      function() return Index("i", "embedding", { using = "hnsw", ops = { embedding = "halfvec_l2_ops" } }) end },
    { "text of unknown type", "the type of the element is not known",
      function() return HNSW(text "embedding", { metric = "l2", name = "i" }) end },
  }
  for _, case in ipairs(refused) do
    it("refuse " .. case[1], function()
      assert.error_matches(function() items(case[3]()) end, case[2])
    end)
  end
end)
