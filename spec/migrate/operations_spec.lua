-- Operations on the server: each one's SQL runs, its reverse takes it back, and
-- its Lua source makes the same operation again.

local db = require "spec.support.db"
local migrations = require "spec.support.migrations"
local operations = require "pgvector.migrate.operations"
local pg = require "pgvector"
local raised = require "spec.support.raised"

local new = operations.new
local load_chunk = loadstring or load -- luacheck: ignore 113

-- Names with everything that a quoting function can get wrong.
local NASTY = [[we"ird %d ]] .. "]]" .. [[ it's \n]]

-- What a revision file would do with an operation: run its source.
local function rerun(operation)
  local made
  local op = setmetatable({}, { __index = function(_, kind)
    return function(...) made = new[kind](...) end
  end })
  local chunk = assert(load_chunk("local op, pg = ... " .. operation:render("")))
  chunk(op, pg)
  return made
end

local function texts(operation)
  local list = {}
  for i, statement in ipairs(operation:statements()) do
    list[i] = type(statement) == "string" and statement or statement:compile{ literal_binds = true }
  end
  return list
end

local SETUP = [[
CREATE EXTENSION IF NOT EXISTS btree_gist;
CREATE TABLE owners (id integer PRIMARY KEY, email text);
CREATE TABLE items (id integer PRIMARY KEY, owner_id integer, title text DEFAULT 'x', note text NOT NULL,
  n integer, size integer DEFAULT 1, embedding vector(3), half halfvec(3), bits bit(8), code integer GENERATED ALWAYS AS IDENTITY (START WITH 5));
CREATE INDEX ix_title ON items (title);
CREATE INDEX ix_embedding ON items USING hnsw (embedding vector_l2_ops) WITH (m = 8);
ALTER TABLE items ADD CONSTRAINT ck_n CHECK (n > 0);
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE SCHEMA app;
CREATE TABLE app.things (id integer NOT NULL, v vector(3));
INSERT INTO items (id, note, embedding) VALUES (1, 'a', '[1,2,3]');
]]

-- Each makes an operation; `undo` one that is reversed only because of what its
-- options tell.
local reversible = {
  { "create_table", function()
    return new.create_table("t", {
      pg.Column{ "id", pg.BigInteger, primary_key = true },
      pg.Column{ "owner_id", pg.Integer, pg.ForeignKey("owners.id", { ondelete = "CASCADE" }), nullable = false },
      pg.Column{ "v", pg.VECTOR(3), comment = "it's" },
      pg.Column{ "doubled", pg.Integer, pg.Computed "owner_id * 2" },
      pg.Column{ "made", pg.DateTime{ timezone = true }, server_default = pg.func.now() },
      pg.Column{ "tags", pg.ARRAY(pg.Text), server_default = "{}" },
      pg.Column{ "amount", pg.Numeric(10, 2), server_default = 0 },
      pg.Column{ "active", pg.Boolean, server_default = false },
      pg.Column{ "state", pg.Enum{ "sad", "happy", name = "mood" }, index = true },
      pg.UniqueConstraint("owner_id", "v", { name = "uq_t" }),
      pg.CheckConstraint("owner_id > 0", { name = "ck_t", comment = "positive" }),
      pg.Index("ix_t_v", "v", { using = "hnsw", metric = "cosine", with = { m = 8 } }),
    }, { comment = "a table" })
  end },
  { "create_table with a name of every kind", function()
    return new.create_table(NASTY, {
      pg.Column{ NASTY, pg.Text, primary_key = true, server_default = NASTY, comment = NASTY },
      pg.Column{ "SELECT", pg.Text, unique = true },
      pg.CheckConstraint("\"SELECT\" <> ']]%s\\'", { name = NASTY .. "c" }),
    }, { schema = "app", comment = NASTY })
  end },
  { "create_table that refers to itself", function()
    return new.create_table("tree", {
      pg.Column{ "id", pg.Integer, primary_key = true },
      pg.Column{ "parent", pg.Integer, pg.ForeignKey "tree.id" },
    }, { schema = "app" })
  end },
  { "rename_table", function() return new.rename_table("items", "entries") end },
  { "add_column", function() return new.add_column("items", pg.Column{ "extra", pg.Text, nullable = true }) end },
  { "add_column with everything", function()
    return new.add_column("items", pg.Column{
      "other", pg.Integer, pg.ForeignKey("owners.id", { name = "fk_other" }), server_default = pg.text "NULL", index = true, comment = "c",
    })
  end },
  { "alter_column: type", function()
    return new.alter_column("items", "title", { type_ = pg.String(50), existing_type = pg.Text })
  end },
  { "alter_column: type with a default", function()
    return new.alter_column("items", "size", { type_ = pg.Text, using = "size::text", server_default = "none",
      existing_type = pg.Integer, existing_server_default = 1, existing_using = "nullif(size, 'none')::integer" })
  end },
  { "alter_column: NOT NULL", function() return new.alter_column("items", "note", { nullable = true }) end },
  { "alter_column: default", function()
    return new.alter_column("items", "title", { server_default = pg.null, existing_server_default = "x" })
  end },
  { "alter_column: default false", function()
    return new.alter_column("items", "n", { server_default = 7, existing_server_default = pg.null })
  end },
  { "alter_column: identity", function()
    return new.alter_column("items", "code", { identity = pg.null, existing_identity = pg.Identity{ always = true, start = 5 } })
  end },
  { "alter_column: name and comment", function()
    return new.alter_column("items", "title", { new_column_name = "name", comment = "new" })
  end },
  { "create_table_comment", function() return new.create_table_comment("items", NASTY) end },
  { "create_unique_constraint", function()
    return new.create_unique_constraint("uq", "items", { "owner_id", "title" }, { deferrable = true, initially = "DEFERRED" })
  end },
  { "create_primary_key", function() return new.create_primary_key("pk", "things", { "id" }, { schema = "app" }) end },
  { "create_check_constraint", function()
    return new.create_check_constraint("ck", "items", pg.column("n", pg.Integer):lt(100), { not_valid = true })
  end },
  { "create_foreign_key", function()
    return new.create_foreign_key("fk", "items", "owners", { "owner_id" }, { "id" }, { ondelete = "SET NULL" })
  end },
  { "create_foreign_key in another schema", function()
    return new.create_foreign_key("fk", "things", "owners", { "id" }, { "id" },
      { source_schema = "app", referent_schema = "public", not_valid = true })
  end },
  { "create_exclude_constraint", function()
    return new.create_exclude_constraint("ex", "items", { { "owner_id", "=" }, { pg.text "int4range(n, n + 1)", "&&" } })
  end },
  { "rename_constraint", function() return new.rename_constraint("ck_n", NASTY, "items") end },
  { "create_index", function()
    return new.create_index("ix", "items", { "title", pg.column("n"):desc():nulls_last(), pg.text "lower(note)" },
      { ops = { title = "text_pattern_ops" }, where = "n > 5", comment = "c" })
  end },
  { "create_index unique and covering", function()
    return new.create_index(NASTY, "items", { "owner_id" }, { unique = true, include = { "title" }, nulls_not_distinct = true })
  end },
  { "create_hnsw_index", function()
    return new.create_hnsw_index("ix", "items", "embedding", { metric = "cosine", m = 8, ef_construction = 32 })
  end },
  { "create_hnsw_index over halves, with build settings", function()
    return new.create_hnsw_index("ix", "items", pg.column("half", pg.HALFVEC(3)),
      { metric = "ip", maintenance_work_mem = "32MB", parallel_workers = 0 })
  end },
  { "create_hnsw_index over a cast", function()
    return new.create_hnsw_index("ix", "items", pg.text "embedding::halfvec(3)", { metric = "cosine" })
  end },
  { "create_hnsw_index over a cast in full", function()
    return new.create_hnsw_index("ix", "items", pg.text "CAST(embedding AS halfvec(3))", { metric = "l1" })
  end },
  { "create_hnsw_index over bits", function()
    return new.create_hnsw_index("ix", "items", "bits", { metric = "hamming" })
  end },
  { "create_ivfflat_index", function()
    return new.create_ivfflat_index("ix", "items", "embedding", { metric = "l2", lists = 1, where = "n > 0" })
  end },
  { "rename_index", function() return new.rename_index("ix_title", "ix_name") end },
  { "set_index_options", function()
    return new.set_index_options("ix_embedding", { m = 16, ef_construction = 64 }, { existing = { m = 8 } })
  end },
  { "alter_vector", function()
    return new.alter_vector("items", "embedding", pg.HALFVEC(3), { existing_type = pg.VECTOR(3),
      indexes = { pg.HNSW("embedding", { name = "ix_embedding", metric = "l2", m = 8 }) } })
  end },
  { "alter_vector with an index that gives the old type", function()
    return new.alter_vector("items", "embedding", pg.HALFVEC(3), { existing_type = pg.VECTOR(3),
      indexes = { pg.HNSW(pg.column("embedding", pg.VECTOR(3)), { name = "ix_embedding", metric = "l2", m = 8 }) } })
  end },
  { "alter_vector that truncates", function()
    return new.alter_vector("items", "embedding", pg.VECTOR(2), { existing_type = pg.VECTOR(3), strategy = "truncate" })
  end },
  { "create_enum", function() return new.create_enum("colour", { "red", "it's", "]]%d\\" }) end },
  { "create_sequence", function()
    return new.create_sequence("numbers", { start = 10, increment = 5, maxvalue = 1000, cycle = true })
  end },
  { "create_schema", function() return new.create_schema(NASTY) end },
  { "create_view", function() return new.create_view("v", "SELECT id, title FROM items") end },
  { "create_view, materialized", function()
    return new.create_view("v", pg.select(pg.column "id"):select_from(pg.table "items"):where(pg.column("n", pg.Integer):gt(3)),
      { materialized = true })
  end },
  { "create_extension", function() return new.create_extension("pg_trgm", { schema = "public" }) end },
  { "execute", function() return new.execute("CREATE TABLE by_hand (a int)", { reverse = "DROP TABLE by_hand" }) end },
}

-- What drops something knows what that was when it was made from it.
local function from_schema()
  local metadata = pg.MetaData{ naming_convention = "default" }
  pg.Table("owners", metadata, { pg.Column{ "id", pg.Integer, primary_key = true } })
  local made = pg.Table("made", metadata, {
    pg.Column{ "id", pg.Integer, primary_key = true },
    pg.Column{ "plain_key", pg.Integer, pg.ForeignKey "owners.id", nullable = false },
    pg.Column{ "title", pg.Text, server_default = NASTY, comment = NASTY },
    pg.Column{ "rank", pg.Double, server_default = 0.1 },
    pg.Column{ "embedding", pg.VECTOR(3) },
    pg.UniqueConstraint("title"),
    pg.CheckConstraint("rank > 0", { name = "rank" }),
    pg.HNSW("embedding", { metric = "cosine", m = 8, ef_construction = 40 }),
    pg.Index(nil, "title", "rank", { ops = { title = "text_pattern_ops" }, where = "rank > 1" }),
  }, { comment = NASTY })
  local embedding = made.c.embedding
  pg.HNSW(embedding:cast(pg.HALFVEC(3)), { metric = "ip", name = "over_halves" })
  pg.HNSW(pg.func.binary_quantize(embedding):cast(pg.BIT(3)), { metric = "hamming", name = "over_bits" })
  pg.Index("over_sum", (embedding + embedding):cast(pg.VECTOR(3)), { using = "hnsw", metric = "l2" })
  return made
end

describe("an operation", function()
  local url, drop, engine
  setup(function()
    url, drop = db.create()
    engine = pg.create_engine(url)
    engine:begin(function(conn) conn:exec_sql(SETUP) end)
  end)
  teardown(function()
    engine:dispose()
    drop()
  end)

  -- Calls fn(run, state) in a transaction that is rolled back.
  local function rolled_back(fn)
    local conn = engine:connect()
    local tx = conn:begin()
    local ok, err = pcall(fn, function(operation)
      for _, statement in ipairs(operation:statements()) do
        if type(statement) == "string" then conn:exec_sql(statement) else conn:execute(statement) end
      end
    end, function() return migrations.fingerprint(conn, "{public,app}") end, conn)
    tx:rollback()
    conn:close()
    if not ok then error(err, 0) end
  end

  for _, case in ipairs(reversible) do
    it(case[1] .. " goes up, down and up again, and so does its source", function()
      rolled_back(function(run, state, conn)
        local operation = case[2]()
        local again = rerun(operation)
        assert.same(texts(operation), texts(again))
        assert.equal(operation:render(""), again:render(""))
        local before = state()
        run(operation)
        local after = state()
        assert.not_equal(before, after)
        local undo = operation:reverse()
        run(rerun(undo))
        if case[1] == "alter_vector that truncates" then
          assert.is_nil(conn:exec_sql("SELECT embedding FROM items"):scalar())
        end
        assert.same({}, migrations.difference(before, state()))
        run(undo:reverse())
        assert.same({}, migrations.difference(after, state()))
      end)
    end)
  end

  it("made from a table creates it, and drops it, with everything on it", function()
    rolled_back(function(run, state)
      local made = from_schema()
      local before = state()
      local create = { operations.from.create_table(made) }
      for _, index in ipairs(made.indexes) do create[#create + 1] = operations.from.create_index(index) end
      for _, operation in ipairs(create) do run(rerun(operation)) end
      local after = state()
      for _, operation in ipairs(operations.reverse(create)) do run(rerun(operation)) end
      assert.same({}, migrations.difference(before, state()))
      -- the source and the operations themselves do the same
      for _, operation in ipairs(create) do run(operation) end
      assert.same({}, migrations.difference(after, state()))
      -- and what drops it can bring it back
      local drops = {}
      for _, index in ipairs(made.indexes) do drops[#drops + 1] = operations.from.drop_index(index) end
      drops[#drops + 1] = operations.from.drop_table(made)
      for _, operation in ipairs(drops) do run(rerun(operation)) end
      for _, operation in ipairs(operations.reverse(drops)) do run(rerun(operation)) end
      assert.same({}, migrations.difference(after, state()))
    end)
  end)

  it("made from a constraint or a column does the same alone", function()
    rolled_back(function(run, state, conn)
      local made = from_schema()
      made:create(conn)
      local before = state()
      for _, constraint in ipairs(made:_all_constraints()) do
        run(rerun(operations.from.drop_constraint(constraint)))
        run(rerun(operations.from.create_constraint(constraint)))
      end
      run(rerun(operations.from.drop_column(made.c.title)))
      run(rerun(operations.from.add_column(made.c.title)))
      run(rerun(operations.from.create_constraint(made.constraints[2])))
      run(rerun(operations.from.create_index(made.indexes[2])))
      assert.same({}, migrations.difference(before, state()))
    end)
  end)

  it("inserts rows, with defaults where a row leaves a column out", function()
    rolled_back(function(run, _, conn)
      local operation = new.bulk_insert(pg.table("items", pg.column("id", pg.Integer), pg.column("note", pg.Text),
        pg.column("title", pg.Text), pg.column("embedding", pg.VECTOR(3))), {
        { id = 10, note = "it's", embedding = { 1, 2, 3 } }, { id = 11, note = NASTY, title = pg.null },
      })
      run(rerun(operation))
      local rows = conn:exec_sql("SELECT note, title, embedding FROM items WHERE id >= 10 ORDER BY id"):all()
      assert.same({ "it's", "x" }, { rows[1].note, rows[1].title })
      assert.equal(pg.vector{ 1, 2, 3 }, rows[1].embedding)
      assert.equal(NASTY, rows[2].note)
      assert.is_nil(rows[2].title)
      run(new.bulk_insert("items", { { id = 12, note = "by name", embedding = pg.vector{ 4, 5, 6 }, title = pg.null } }))
      assert.equal(pg.vector{ 4, 5, 6 }, conn:exec_sql("SELECT embedding FROM items WHERE id = 12"):scalar())
      run(new.bulk_insert("owners", { { id = 1, email = "a" }, { id = 2 } }))
      assert.equal(2, conn:exec_sql("SELECT count(*) FROM owners"):scalar())
    end)
  end)

  it("requires an extension of a version", function()
    rolled_back(function(run, _, conn)
      run(new.require_extension("vector", ">=0.5.0"))
      run(new.require_extension("vector"))
      local version = conn.info.vector_version
      for _, case in ipairs{
        { "vector", ">=99", 'extension "vector" has version ' .. version .. ", this needs >=99" },
        { "vector", "<0.1", "this needs <0.1" },
        { "nothing'there", ">=1", 'extension "nothing\'there" is not installed' },
      } do
        local savepoint = conn:begin_nested()
        local err = raised(run, new.require_extension(case[1], case[2]))
        savepoint:rollback()
        assert.truthy(err.message:find(case[3], 1, true), err.message)
      end
    end)
  end)

  it("limits the waiting for locks within the transaction", function()
    rolled_back(function(run, _, conn)
      run(new.lock_timeout("3s"))
      run(new.statement_timeout(1.5))
      assert.equal("3s", conn:exec_sql("SHOW lock_timeout"):scalar())
      assert.equal("1500ms", conn:exec_sql("SHOW statement_timeout"):scalar())
    end)
  end)
end)

describe("an operation is refused", function()
  for _, case in ipairs{
    { "with an option that does not exist", function() new.create_index("ix", "t", { "a" }, { concurently = true }) end,
      "did you mean 'concurrently'?" },
    { "without a name", function() new.drop_table() end, "must be a non-empty string" },
    { "with a name that is too long", function() new.drop_table(("x"):rep(64)) end, "longer than 63 bytes" },
    { "with a column that has no type", function() new.add_column("t", pg.Column{ "a", pg.ForeignKey "b.id" }) end,
      "has no type" },
    { "with nothing to change", function() new.alter_column("t", "c", {}) end, "nothing to change" },
    { "with a type of the wrong kind", function() new.alter_column("t", "c", { type_ = "text" }) end,
      "expected a type" },
    { "as an HNSW index without a metric", function() new.create_hnsw_index("ix", "t", "v") end, "a metric is missing" },
    { "as an HNSW index over too many dimensions",
      function() new.create_hnsw_index("ix", "t", pg.column("v", pg.VECTOR(3000)), { metric = "l2" }) end,
      "cannot have more than 2000 dimensions for hnsw index" },
    { "as an HNSW index with too low an ef_construction",
      function() new.create_hnsw_index("ix", "t", "v", { metric = "l2", m = 64, ef_construction = 64 }) end,
      "ef_construction must be greater than or equal to 2 * m" },
    { "as an HNSW index with an option of IVFFlat",
      function() new.create_hnsw_index("ix", "t", "v", { metric = "l2", lists = 5 }) end, "unknown option 'lists'" },
    { "as a change of dimensions that no value survives",
      function() new.alter_vector("t", "v", pg.VECTOR(4), { existing_type = pg.VECTOR(3) }) end, "strategy" },
    { "with the name of an index alone",
      function() new.alter_vector("t", "v", pg.VECTOR(4), { indexes = { "ix" } }) end,
      "expected a pg.HNSW or pg.IVFFlat with a name, from which it is built anew, got string" },
    { "as a type that is no vector", function() new.alter_vector("t", "v", pg.Text) end, "expected a vector type" },
    { "with memory that is no size",
      function() new.create_hnsw_index("ix", "t", "v", { metric = "l2", maintenance_work_mem = "1GB'; --" }) end,
      "maintenance_work_mem" },
    { "with a version that is none", function() new.require_extension("vector", "new") end, ">=0.5.0" },
    { "with a time that is none", function() new.lock_timeout("2s'; DROP") end, "expected a time" },
    { "with rows that are none", function() new.bulk_insert("t", { 1 }) end, "row 1" },
    { "with two places for a label", function() new.add_enum_value("m", "x", { before = "a", after = "b" }) end,
      "both before and after" },
    { "as a constraint of an unknown kind", function() new.drop_constraint("c", "t", { type = "uniqe" }) end,
      "did you mean 'unique'?" },
    { "with an index option that is SQL", function() new.set_index_options("ix", { ["m) --"] = 1 }) end,
      "is not the name of an option" },
  } do
    it(case[1], function()
      local err = raised(case[2])
      assert.equal("ArgumentError", err.class)
      assert.truthy(tostring(err):find(case[3], 1, true), tostring(err))
    end)
  end

  it("to be reversed when nobody knows what was there", function()
    for _, operation in ipairs{
      new.drop_table("t"), new.drop_column("t", "c"), new.drop_index("ix"), new.drop_constraint("c", "t"),
      new.execute("SELECT 1"), new.alter_column("t", "c", { type_ = pg.Text }), new.drop_enum("m"),
    } do
      local err = raised(operation.reverse, operation)
      assert.truthy(err.message:find(operation.kind .. " cannot be reversed", 1, true))
    end
  end)
end)
