-- What the inspector answers, and what reflection puts into metadata.

local db = require "spec.support.db"
local pg = require "pgvector"

local function names_of(list)
  local names = {}
  for i, item in ipairs(list) do names[i] = item.name end
  return names
end

describe("reflection", function()
  local engine, url, drop, inspector

  local function exec(sql) engine:begin(function(conn) conn:exec_sql(sql) end) end

  setup(function()
    url, drop = db.create()
    engine = pg.create_engine(url)
    db.psql([[
      CREATE SCHEMA app; CREATE SCHEMA "Odd.One"; CREATE EXTENSION citext SCHEMA app;
      CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TYPE app.state AS ENUM ('draft', 'live');
      ALTER TYPE mood ADD VALUE 'fine' BEFORE 'ok';
      CREATE DOMAIN app.embedding AS vector(3); CREATE DOMAIN amount AS numeric(10,2);
      CREATE TABLE owners (id serial PRIMARY KEY, mail varchar(50) NOT NULL UNIQUE);
      COMMENT ON TABLE owners IS 'who owns';
      CREATE TABLE items (
        id bigint GENERATED ALWAYS AS IDENTITY (START 10) CONSTRAINT items_key PRIMARY KEY,
        owner int REFERENCES owners ON DELETE CASCADE, price amount DEFAULT 1.5,
        state app.state DEFAULT 'draft', mood mood, e vector(3), d app.embedding, c app.citext,
        ds app.embedding[], double numeric GENERATED ALWAYS AS (price * 2) STORED, name text COLLATE "C",
        CONSTRAINT cheap CHECK (price < 100));
      COMMENT ON COLUMN items.e IS 'an embedding'; COMMENT ON CONSTRAINT cheap ON items IS 'no luxury';
      CREATE INDEX items_e ON items USING hnsw (e vector_cosine_ops) WITH (m = 8) WHERE price > 5;
      CREATE INDEX items_half ON items USING hnsw ((e::halfvec(3)) halfvec_l2_ops);
      CREATE INDEX items_bits ON items USING hnsw ((binary_quantize(e)::bit(3)) bit_hamming_ops);
      CREATE INDEX items_flat ON items USING ivfflat (e) WITH (lists = 3);
      CREATE UNIQUE INDEX items_name ON items (lower(name), owner DESC NULLS LAST) INCLUDE (price);
      CREATE VIEW cheap_items AS SELECT id, e FROM items WHERE price < 1;
      CREATE MATERIALIZED VIEW app.stored AS SELECT 1 AS one;
      CREATE TABLE app.notes (
        id int PRIMARY KEY, item bigint REFERENCES public.items, up int REFERENCES app.notes);
      CREATE TABLE "Odd.One"."a.b ""c" ("d.e" int PRIMARY KEY, "F" int REFERENCES "Odd.One"."a.b ""c" );
      CREATE TABLE parts (at date) PARTITION BY RANGE (at);
      CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
    ]], url)
    inspector = pg.inspect(engine)
  end)

  teardown(function()
    engine:dispose()
    drop()
  end)

  it("names the tables, views, schemas, sequences and extensions", function()
    assert.same({ "items", "owners", "parts", "parts_1" }, inspector:get_table_names())
    assert.same({ "notes" }, inspector:get_table_names "app")
    assert.same({ "notes" }, inspector:get_table_names{ schema = "app" })
    assert.same({}, inspector:get_table_names "nowhere")
    assert.same({ "cheap_items" }, inspector:get_view_names())
    assert.same({}, inspector:get_materialized_view_names())
    assert.same({ "stored" }, inspector:get_materialized_view_names "app")
    assert.same({ "Odd.One", "app", "information_schema", "public" }, inspector:get_schema_names())
    assert.same({ "items_id_seq", "owners_id_seq" }, inspector:get_sequence_names())
    assert.same({ "citext", "plpgsql", "vector" }, names_of(inspector:get_extensions()))
    assert.matches("price", inspector:get_view_definition "cheap_items")
    assert.is_true(inspector:has_schema "app")
    assert.is_false(inspector:has_schema "apq")
    assert.is_true(inspector:has_table "items")
    assert.is_true(inspector:has_table "cheap_items")
    assert.is_false(inspector:has_table("items", "app"))
    assert.same({ text = "who owns" }, inspector:get_table_comment "owners")
    assert.same({}, inspector:get_table_comment "items")
  end)

  it("describes columns", function()
    local shown = {}
    for i, column in ipairs(inspector:get_columns "items") do
      shown[i] = ("%s %s%s%s"):format(column.name, tostring(column.type),
        column.nullable and "" or " NOT NULL", column.default and " DEFAULT " .. column.default or "")
    end
    assert.same({
      "id BIGINT NOT NULL", "owner INTEGER", "price amount DEFAULT 1.5",
      "state app.state DEFAULT 'draft'::app.state", "mood mood", "e VECTOR(3)", "d app.embedding",
      "c CITEXT", "ds app.embedding[]", "double NUMERIC", "name TEXT",
    }, shown)
    local columns = {}
    for _, column in ipairs(inspector:get_columns "items") do columns[column.name] = column end
    assert.same({ always = true, start = 10 }, columns.id.identity)
    assert.is_true(columns.id.autoincrement)
    assert.same("an embedding", columns.e.comment)
    assert.equal(3, columns.e.type.dim)
    assert.same({ sqltext = "price::numeric * 2::numeric", persisted = true }, columns.double.computed)
    assert.equal("C", columns.name.collation)
    assert.same({ "sad", "fine", "ok" }, columns.mood.type.enums)
    assert.equal("app", columns.state.type.schema)
    assert.is_nil(columns.mood.type.schema)
    assert.is_true(inspector:get_columns("owners")[1].autoincrement)
    assert.equal("nextval('owners_id_seq'::regclass)", inspector:get_columns("owners")[1].default)
    assert.equal("VECTOR(3)", tostring(inspector:get_columns("cheap_items")[2].type))
  end)

  it("describes keys and constraints", function()
    assert.same({ name = "items_key", constrained_columns = { "id" } }, inspector:get_pk_constraint "items")
    assert.same({ constrained_columns = {} }, inspector:get_pk_constraint "parts")
    assert.same({ {
      name = "items_owner_fkey", constrained_columns = { "owner" }, referred_table = "owners",
      referred_columns = { "id" }, options = { ondelete = "CASCADE" },
    } }, inspector:get_foreign_keys "items")
    local keys = inspector:get_foreign_keys("notes", "app")
    assert.equal("public", keys[1].referred_schema)
    assert.equal("app", keys[2].referred_schema)
    assert.same({ { name = "owners_mail_key", column_names = { "mail" } } },
      inspector:get_unique_constraints "owners")
    assert.same({ { name = "cheap", sqltext = "price::numeric < 100::numeric", comment = "no luxury" } },
      inspector:get_check_constraints "items")
    assert.same({}, inspector:get_exclude_constraints "items")
    assert.same({ { name = "mood", schema = "public", visible = true, labels = { "sad", "fine", "ok" } } },
      inspector:get_enums())
    assert.same({ "draft", "live" }, inspector:get_enums("app")[1].labels)
  end)

  it("describes indexes, those of vectors with their metric", function()
    local indexes = {}
    for _, index in ipairs(inspector:get_indexes "items") do indexes[index.name] = index end
    assert.is_nil(indexes.items_key)
    local function index(fields)
      fields.unique, fields.valid = fields.unique or false, true
      for _, field in ipairs{ "with", "ops", "include", "column_sorting" } do
        fields[field] = fields[field] or {}
      end
      return fields
    end
    assert.same(index{
      name = "items_e", column_names = { "e" }, using = "hnsw", with = { m = 8 },
      ops = { e = "vector_cosine_ops" }, metric = "cosine", where = "price::numeric > 5::numeric",
    }, indexes.items_e)
    assert.same(index{
      name = "items_half", column_names = { pg.null }, expressions = { "(e::halfvec(3))" }, using = "hnsw",
      ops = { "halfvec_l2_ops" }, metric = "l2",
    }, indexes.items_half)
    assert.same(index{
      name = "items_flat", column_names = { "e" }, using = "ivfflat", with = { lists = 3 }, metric = "l2",
    }, indexes.items_flat)
    assert.same(index{
      name = "items_name", column_names = { pg.null, "owner" }, expressions = { "lower(name)", "owner" },
      using = "btree", unique = true, include = { "price" },
      column_sorting = { owner = { "desc", "nulls_last" } },
    }, indexes.items_name)
    assert.equal("owners_mail_key", inspector:get_indexes("owners")[1].duplicates_constraint)
  end)

  it("says which table is meant when there is none of that name", function()
    local ok, err = pcall(inspector.get_columns, inspector, "itms")
    assert.is_false(ok)
    assert.equal("table 'itms' does not exist, did you mean 'items'?", err.message)
    ok, err = pcall(inspector.get_indexes, inspector, "items", "app")
    assert.is_false(ok)
    assert.equal("table 'app.items' does not exist", err.message)
    ok, err = pcall(inspector.get_view_definition, inspector, "items")
    assert.is_false(ok)
    assert.matches("'items' is a table, not a view", err.message)
  end)

  it("remembers what it saw until it is told to look again", function()
    local own = pg.inspect(engine)
    assert.is_false(own:has_table "later")
    exec "CREATE TABLE later (a int)"
    assert.is_false(own:has_table "later")
    own:clear_cache()
    assert.is_true(own:has_table "later")
    exec "DROP TABLE later"
  end)

  it("shows temporary tables of the connection, and what its transaction did", function()
    engine:connect(function(conn)
      conn:exec_sql "CREATE TEMPORARY TABLE mine (v vector(2))"
      conn:exec_sql "ALTER TABLE owners ADD COLUMN nick text"
      local own = pg.inspect(conn)
      assert.same({ "mine" }, own:get_temp_table_names())
      assert.equal("VECTOR(2)", tostring(own:get_columns("mine")[1].type))
      assert.equal(3, #own:get_columns "owners")
      for _, name in ipairs(own:get_table_names()) do assert.not_equal("mine", name) end
    end)
    assert.equal(2, #inspector:get_columns "owners")
  end)

  it("finds the types of an extension that is in no schema of the search_path", function()
    local other, drop_other = db.create()
    db.psql("CREATE SCHEMA ext; ALTER EXTENSION vector SET SCHEMA ext; CREATE TABLE t (v ext.vector(3));"
      .. "CREATE INDEX i ON t USING hnsw ((v::ext.halfvec(3)) ext.halfvec_cosine_ops)", other)
    local its_engine = pg.create_engine(other)
    local own = pg.inspect(its_engine)
    assert.equal(3, own:get_columns("t")[1].type.dim)
    assert.same({ "ext.halfvec_cosine_ops" }, own:get_indexes("t")[1].ops)
    assert.equal("cosine", own:get_indexes("t")[1].metric)
    local t = pg.Table("t", pg.MetaData(), { autoload = its_engine })
    assert.equal("cosine", t.indexes[1].metric)
    its_engine:dispose()
    drop_other()
  end)

  it("asks a few questions however many tables there are", function()
    local count = 0
    local counted = pg.create_engine(url, { echo = function(sql)
      if sql:find "pg_catalog" then count = count + 1 end
    end })
    counted:connect(function(conn)
      local _ = conn.info -- what the types of results ask for the first time
      pg.MetaData():reflect(conn)
      count = 0
      pg.MetaData():reflect(conn)
    end)
    assert.equal(4, count)
    counted:dispose()
  end)

  describe("of metadata", function()
    local function reflected(options)
      local metadata = pg.MetaData()
      metadata:reflect(engine, options)
      local keys = {}
      for key in pairs(metadata.tables) do keys[#keys + 1] = key end
      table.sort(keys)
      return keys, metadata
    end

    it("reads the tables of the search_path", function()
      assert.same({ "items", "owners", "parts", "parts_1" }, (reflected()))
    end)

    it("reads some of them, and what their foreign keys refer to", function()
      assert.same({ "items", "owners" }, (reflected{ only = { "items" } }))
      assert.same({ "items" }, (reflected{ only = { "items" }, resolve_fks = false }))
      assert.same({ "owners" }, (reflected{ only = function(name) return name == "owners" end }))
      local keys, metadata = reflected{ schema = "app" }
      assert.same({ "app.notes", "public.items", "public.owners" }, keys)
      local notes = metadata.tables["app.notes"]
      assert.equal(notes, notes.c.up.foreign_keys[1]:column().table)
    end)

    it("reads views if it is asked to, and never creates them", function()
      local keys, metadata = reflected{ only = { "cheap_items" } }
      assert.same({ "cheap_items" }, keys)
      assert.is_false(metadata.tables.cheap_items.managed)
      assert.same({ "cheap_items", "items", "owners", "parts", "parts_1" }, (reflected{ views = true }))
    end)

    it("copes with dots and quotes in names", function()
      local _, metadata = reflected{ schema = "Odd.One" }
      local t = metadata.tables['Odd.One.a.b "c']
      assert.equal("d.e", t.c.F.foreign_keys[1]:column().name)
    end)

    it("leaves partitions to the server", function()
      local _, metadata = reflected()
      assert.is_true(metadata.tables.parts.managed)
      assert.equal("RANGE (at)", metadata.tables.parts.partition_by)
      assert.is_false(metadata.tables.parts_1.managed)
    end)

    it("leaves tables alone that are there already", function()
      local metadata = pg.MetaData()
      local mine = pg.Table("items", metadata, { pg.Column{ "x", pg.Text } })
      metadata:reflect(engine)
      assert.equal(mine, metadata.tables.items)
    end)

    it("refuses names that do not exist", function()
      local ok, err = pcall(reflected, { only = { "items", "itms" } })
      assert.is_false(ok)
      assert.equal("reflect: table 'itms' does not exist in the search_path", err.message)
      ok, err = pcall(reflected, { onyl = {} })
      assert.is_false(ok)
      assert.matches("did you mean 'only'", err.message)
      ok, err = pcall(function() pg.MetaData():reflect(url) end)
      assert.is_false(ok)
      assert.matches("expected an engine or a connection, got string", err.message)
    end)

    it("gives tables that statements can use", function()
      local _, metadata = reflected()
      local owners, items = metadata.tables.owners, metadata.tables.items
      engine:connect(function(conn)
        local owner = conn:execute(pg.insert(owners):values{ mail = "a@b" }:returning(owners.c.id)):scalar()
        conn:execute(pg.insert(items),
          { { owner = owner, e = { 1, 2, 3 } }, { owner = owner, e = { 3, 2, 1 } } })
        local stmt = pg.select(items.c.e, owners.c.mail):join_from(items, owners)
          :nearest(items.c.e, { 1, 2, 2 }, { limit = 1 })
        local row = conn:execute(stmt):one()
        assert.equal(pg.vector{ 1, 2, 3 }, row.e)
        assert.equal("a@b", row.mail)
      end)
    end)

    it("gives indexes that a search recognises", function()
      local _, metadata = reflected{ only = { "items" } }
      local items = metadata.tables.items
      local half = items.c.e:cast(pg.HALFVEC(3))
      local sql = pg.select(items.c.id):nearest(half, { 1, 2, 3 }, { limit = 1 }):compile()
      assert.matches("CAST%(items.e AS HALFVEC%(3%)%) <%->", sql)
    end)
  end)

  describe("of one table", function()
    for _, spelling in ipairs{ "autoload", "autoload_with" } do
      it("is asked for by " .. spelling, function()
        local metadata = pg.MetaData()
        local items = pg.Table("items", metadata, { [spelling] = engine })
        assert.equal(11, #items:_columns())
        assert.equal("owners", metadata.tables.owners.name)
        local same = pg.Table("items", pg.MetaData(), {}, { [spelling] = engine })
        assert.equal(11, #same:_columns())
      end)
    end

    it("takes the schema of the table or of the metadata", function()
      local notes = pg.Table("notes", pg.MetaData(), { autoload = engine }, { schema = "app" })
      assert.equal("app", notes.schema)
      assert.equal("app", pg.Table("notes", pg.MetaData{ schema = "app" }, { autoload = engine }).schema)
    end)

    it("lets columns that are written stand, and adds what else is", function()
      local items = pg.Table("items", pg.MetaData(), {
        pg.Column{ "e", pg.VECTOR(3), deferred = true }, pg.Index("own", "name"), autoload = engine,
      })
      assert.is_true(items.c.e.deferred)
      assert.equal("own", items.indexes[#items.indexes].name)
    end)

    it("fails if there is none", function()
      local ok, err = pcall(pg.Table, "itms", pg.MetaData(), { autoload = engine })
      assert.is_false(ok)
      assert.equal("table 'itms' does not exist in the database", err.message)
      ok, err = pcall(pg.Table, "items", pg.MetaData(), { autoload = "conn" })
      assert.is_false(ok)
      assert.matches("Table 'items' autoload: expected an engine or a connection, got string", err.message)
    end)
  end)

  it("refuses to inspect what it does not know, and lets objects answer for themselves", function()
    local ok, err = pcall(pg.inspect, 5)
    assert.is_false(ok)
    assert.equal("inspect: expected an engine, a connection or an object of a model, got number", err.message)
    assert.equal("state", pg.inspect(setmetatable({}, { __inspect = function() return "state" end })))
  end)
end)
