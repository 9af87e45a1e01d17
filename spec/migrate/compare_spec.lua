-- What the comparison leaves alone, what it says, and what it needs.

local db = require "spec.support.db"
local compare = require "pgvector.migrate.compare".compare
local pg = require "pgvector"
local schemas = require "spec.support.schemas"

local func = pg.func

describe("the comparison", function()
  local engine, url, drop
  local count = 0

  setup(function()
    url, drop = db.create()
    db.psql("CREATE EXTENSION citext", url)
    engine = pg.create_engine(url)
  end)
  teardown(function()
    engine:dispose()
    drop()
  end)

  local function id() return pg.Column{ "id", pg.Integer, primary_key = true } end

  local function metadata_of(define, options)
    local metadata = pg.MetaData(options or { naming_convention = "default" })
    define(metadata)
    return metadata
  end

  local function items(...)
    local columns = { id() }
    for _, column in ipairs{ ... } do columns[#columns + 1] = column end
    return metadata_of(function(metadata) pg.Table("items", metadata, columns) end)
  end

  local function found(conn, metadata, settings)
    local list, remarks = compare(conn, metadata, settings)
    local lines = {}
    for i, operation in ipairs(list) do lines[i] = operation.kind .. " " .. tostring(operation.name or operation.table_name) end
    return lines, list, remarks
  end

  -- A schema for one spec, gone with its transaction.
  local function within(fn)
    count = count + 1
    engine:connect(function(conn)
      conn:exec_sql(("CREATE SCHEMA case_%d; SET LOCAL search_path = case_%d, public"):format(count, count))
      fn(conn)
    end)
  end

  describe("finds nothing, twice in a row, in a database just made from the models:", function()
    for _, name in ipairs(schemas.names) do
      for _, convention in ipairs{ "default", "none" } do
        it(("%s, naming convention %s"):format(name, convention), function()
          within(function(conn)
            local metadata = metadata_of(schemas.define[name],
              { naming_convention = convention == "default" and "default" or nil, extensions = {} })
            metadata:create_all(conn)
            for _ = 1, 2 do
              local lines, _, remarks = found(conn, metadata)
              assert.same({}, lines)
              assert.same({}, remarks)
            end
          end)
        end)
      end
    end
  end)

  describe("knows spellings of the same", function()
    local same = {
      { "a default", "a timestamptz DEFAULT now()",
        function() return pg.Column{ "a", pg.DateTime{ timezone = true }, server_default = pg.text "CURRENT_TIMESTAMP" } end },
      { "a type", "a varchar(5)", function() return pg.Column{ "a", pg.Type "character varying(5)" } end },
      { "a serial column", "a serial",
        function() return pg.Column{ "a", pg.Integer, pg.Sequence "t_a_seq", nullable = false } end },
      { "a condition", "a int CHECK (a = ANY (ARRAY[1, 2]))",
        function() return pg.Column{ "a", pg.Integer, pg.CheckConstraint "a IN (1,2)" } end },
    }
    for _, case in ipairs(same) do
      it("in " .. case[1], function()
        within(function(conn)
          conn:exec_sql(("CREATE TABLE t (%s)"):format(case[2]))
          assert.same({}, (found(conn, metadata_of(function(metadata)
            pg.Table("t", metadata, { case[3]() })
          end, {}))))
        end)
      end)
    end
  end)

  it("keeps enums and sequences that a model names in text only", function()
    within(function(conn)
      conn:exec_sql [[CREATE TYPE mood AS ENUM ('ok'); CREATE SEQUENCE s;
        CREATE TABLE t (m mood, n int DEFAULT nextval('s'))]]
      assert.same({}, (found(conn, metadata_of(function(metadata)
        pg.Table("t", metadata, {
          pg.Column{ "m", pg.Type "mood" }, pg.Column{ "n", pg.Integer, server_default = pg.text "nextval('s')" },
        })
      end))))
    end)
  end)

  it("understands models that name the default schema", function()
    within(function(conn)
      local schema = conn:exec_sql("SELECT current_schema"):scalar()
      items(pg.Column{ "up", pg.Integer, pg.ForeignKey "items.id" }):create_all(conn)
      local metadata = pg.MetaData{ naming_convention = "default", schema = schema }
      pg.Table("items", metadata, { id(), pg.Column{ "up", pg.Integer, pg.ForeignKey "items.id" } })
      assert.same({}, (found(conn, metadata)))
    end)
  end)

  describe("leaves alone", function()
    local others = {
      { "the version table", "CREATE TABLE alembic_version (version_num text)", { version_table = "alembic_version" } },
      { "a version table in a schema of its own", "CREATE SCHEMA v; CREATE TABLE v.alembic_version (version_num text)",
        { version_table = "alembic_version", version_table_schema = "v", include_schemas = { "v" } } },
      { "members of an extension", "CREATE TABLE member (a int); ALTER EXTENSION citext ADD TABLE member" },
      { "views", "CREATE VIEW a AS SELECT 1 AS x; CREATE MATERIALIZED VIEW b AS SELECT 1 AS x" },
      { "temporary tables", "CREATE TEMPORARY TABLE temporary_one (a int)" },
      { "other schemas", "CREATE SCHEMA elsewhere; CREATE TABLE elsewhere.t (a int)" },
      { "a later schema of the search_path", "CREATE TABLE public.shared (a int)" },
      { "the tables of pgai", [[CREATE SCHEMA ai; CREATE TABLE ai.vectorizer (queue_schema name, queue_table name,
          target_schema name, target_table name, config jsonb);
          CREATE TABLE posts_store (a int); CREATE TABLE posts_store_2 (a int); CREATE TABLE queue (a int);
          INSERT INTO ai.vectorizer
          SELECT current_schema, 'queue', current_schema, 'posts_store', '{}'
          UNION ALL SELECT NULL, NULL, NULL, NULL, pg_catalog.jsonb_build_object('destination',
            pg_catalog.jsonb_build_object('target_schema', current_schema, 'target_table', 'posts_store_2'))]],
        { include_schemas = { "ai" } } },
      { "what include_object keeps out", "CREATE TABLE secret (a int)",
        { include_object = function(_, name) return name ~= "secret" end } },
      { "what include_name keeps out", "CREATE TABLE secret (a int)",
        { include_name = function(name, kind) return kind ~= "table" or name == "items" end } },
    }
    for _, case in ipairs(others) do
      it(case[1], function()
        within(function(conn)
          conn:exec_sql(case[2])
          local metadata = items()
          metadata:create_all(conn)
          assert.same({}, (found(conn, metadata, case[3])))
        end)
      end)
    end

    it("partitions", function()
      within(function(conn)
        local metadata = metadata_of(function(metadata)
          pg.Table("parts", metadata, { pg.Column{ "a", pg.Integer, primary_key = true, identity = false },
            pg.Column{ "b", pg.Integer, index = true } }, { partition_by = "RANGE (a)" })
          -- each partition adds a row to what the catalogs know of this key
          pg.Table("items", metadata, { id(), pg.Column{ "part", pg.Integer, pg.ForeignKey "parts.a" } })
        end)
        metadata:create_all(conn)
        conn:exec_sql "CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (1) TO (2)"
        assert.same({}, (found(conn, metadata)))
      end)
    end)

    it("a view that has the name of a model's table, but remarks on it", function()
      within(function(conn)
        conn:exec_sql "CREATE VIEW items AS SELECT 1 AS id"
        local lines, _, remarks = found(conn, items())
        assert.same({}, lines)
        assert.same({ "table items: the database has a view of that name" }, remarks)
      end)
    end)

    it("tables of models that are not managed, whether they are there or not", function()
      within(function(conn)
        local metadata = items()
        pg.Table("theirs", metadata, { pg.Column{ "a", pg.Text } }, { managed = false })
        pg.Table("store", metadata, { pg.Column{ "a", pg.Text } }, { info = { pgai_managed = true } })
        metadata:create_all(conn, { tables = { metadata.tables.items } })
        assert.same({}, (found(conn, metadata)))
        conn:exec_sql "CREATE TABLE theirs (b int); CREATE TABLE store (b int)"
        assert.same({}, (found(conn, metadata)))
      end)
    end)

    it("what the hooks keep out of a table", function()
      within(function(conn)
        conn:exec_sql [[CREATE TYPE mood AS ENUM ('ok'); CREATE TABLE items (id int GENERATED BY DEFAULT AS IDENTITY
          CONSTRAINT pk_items PRIMARY KEY, extra mood, CONSTRAINT c CHECK (id > 0)); CREATE INDEX i ON items (extra)]]
        local asked = {}
        local lines = found(conn, items(pg.Column{ "t", pg.Text, unique = true }), {
          include_object = function(object, name, kind, reflected, other)
            asked[#asked + 1] = ("%s %s %s %s"):format(kind, name, tostring(reflected), other and "both" or "one")
            assert.is_table(object)
            return kind == "table"
          end,
        })
        assert.same({}, lines)
        assert.same({
          "table items false both", "column id false both", "column t false one", "column extra true one",
          "check_constraint c true one", "index i true one", "unique_constraint uq_items_t false one",
        }, asked)
        lines = found(conn, items(), { include_name = function(name, kind, parent)
          if kind ~= "table" then assert.equal("items", parent.table_name) end
          return name ~= "extra" and name ~= "c" and name ~= "i"
        end })
        assert.same({}, lines)
      end)
    end)
  end)

  it("drops tables of other schemas only if include_schemas names them", function()
    within(function(conn)
      conn:exec_sql "CREATE SCHEMA elsewhere; CREATE TABLE elsewhere.t (a int); CREATE TABLE elsewhere.mine (a int)"
      local metadata = metadata_of(function(metadata)
        pg.Table("mine", metadata, { pg.Column{ "a", pg.Integer } }, { schema = "elsewhere" })
      end)
      assert.same({}, (found(conn, metadata)))
      assert.same({ "drop_table t" }, (found(conn, metadata, { include_schemas = { "elsewhere" } })))
      assert.same({ "drop_table t" }, (found(conn, metadata, { include_schemas = true })))
      assert.same({}, (found(conn, metadata, { include_schemas = function(name) return name == "public" end })))
    end)
  end)

  it("compares tables of one name in two schemas, with indexes of one name", function()
    within(function(conn)
      conn:exec_sql "CREATE SCHEMA other"
      local function define(more)
        return metadata_of(function(metadata)
          for _, schema in ipairs{ false, "other" } do
            local t = pg.Table("items", metadata, { id(), pg.Column{ "v", pg.VECTOR(3) } }, { schema = schema or nil })
            pg.HNSW(t.c.v, { metric = schema and more or "l2", name = "by_v" })
          end
        end)
      end
      define("l2"):create_all(conn)
      assert.same({}, (found(conn, define "l2")))
      local _, list = found(conn, define "cosine")
      assert.same({ "other", "other" }, { list[1].options.schema, list[2].options.schema })
      assert.equal(2, #list)
    end)
  end)

  it("asks compare_type and compare_server_default", function()
    within(function(conn)
      items(pg.Column{ "a", pg.Integer, server_default = 1 }):create_all(conn)
      local wanted = items(pg.Column{ "a", pg.BigInteger, server_default = 2 })
      assert.same({}, (found(conn, wanted, { compare_type = false, compare_server_default = false })))
      local asked
      assert.same({}, (found(conn, wanted, {
        compare_type = function(existing, column, old, new)
          if column.name == "a" then asked = { existing.name, tostring(old), tostring(new) } end
          return false
        end,
        compare_server_default = function(_, column, old, new)
          if column.name == "a" then
            assert.same({ "1", "2" }, { old, new })
            return false
          end
        end,
      })))
      assert.same({ "a", "INTEGER", "BIGINT" }, asked)
      assert.same({ "alter_column items" }, (found(conn, wanted, { compare_type = function() return nil end })))
    end)
  end)

  it("suggests renames instead of guessing them", function()
    within(function(conn)
      items(pg.Column{ "old", pg.VECTOR(3) }):create_all(conn)
      local lines, list = found(conn, items(pg.Column{ "new", pg.VECTOR(3) }))
      assert.same({ "add_column items", "drop_column items" }, lines)
      assert.equal("looks like a rename of 'old'; this keeps the values: "
        .. 'op.alter_column("items", "old", { new_column_name = "new" })', list[1].note)
      lines, list = found(conn, metadata_of(function(metadata)
        pg.Table("things", metadata, { id(), pg.Column{ "old", pg.VECTOR(3) } })
      end))
      assert.same({ "create_table things", "drop_table items" }, lines)
      assert.equal("looks like a rename of 'items'; this keeps the rows: op.rename_table(\"items\", \"things\")",
        list[1].note)
    end)
  end)

  it("says what can go wrong with rows in the table", function()
    within(function(conn)
      items(pg.Column{ "a", pg.Integer }):create_all(conn)
      local _, list = found(conn, items(pg.Column{ "a", pg.Integer, pg.Computed "id * 2" },
        pg.Column{ "b", pg.Text, nullable = false }))
      assert.matches("its values are lost", list[1].note)
      assert.matches("fails if the table has rows", list[2].note)
    end)
  end)

  it("never loses embeddings silently when their length changes", function()
    within(function(conn)
      items(pg.Column{ "v", pg.VECTOR(4), nullable = false }, pg.Column{ "v_new", pg.Integer }):create_all(conn)
      conn:exec_sql "INSERT INTO items (v) VALUES ('[1,2,3,4]')"
      local wanted = items(pg.Column{ "v", pg.VECTOR(3), nullable = false }, pg.Column{ "v_new", pg.Integer })
      local _, list = found(conn, wanted)
      assert.equal("v_new2", list[1].column.name)
      assert.matches("VECTOR%(4%) does not become VECTOR%(3%)", list[1].note)
      assert.matches("truncate", list[1].note)
      local function run(first, last)
        for i = first, last do
          for _, statement in ipairs(list[i]:statements()) do conn:exec_sql(statement) end
        end
      end
      run(1, 1)
      local savepoint = conn:begin_nested()
      local ok, err = pcall(run, 2, #list)
      assert.is_false(ok)
      assert.equal("fill items.v_new2 first, which replaces v", err.message)
      savepoint:rollback()
      conn:exec_sql "UPDATE items SET v_new2 = subvector(v, 1, 3)"
      run(2, #list)
      assert.equal(pg.vector{ 1, 2, 3 }, conn:exec_sql("SELECT v FROM items"):scalar())
      assert.same({}, (found(conn, wanted)))
    end)
  end)

  it("lets a new identity go on from what the column holds", function()
    within(function(conn)
      conn:exec_sql "CREATE TABLE items (id int CONSTRAINT pk_items PRIMARY KEY); INSERT INTO items VALUES (41)"
      local _, list = found(conn, items())
      for _, operation in ipairs(list) do
        for _, statement in ipairs(operation:statements()) do conn:exec_sql(statement) end
      end
      assert.equal(42, conn:exec_sql("INSERT INTO items DEFAULT VALUES RETURNING id"):scalar())
    end)
  end)

  it("replaces an index that failed to build", function()
    within(function(conn)
      local metadata = items(pg.Column{ "t", pg.Text, index = true })
      metadata:create_all(conn)
      conn:exec_sql "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_items_t'::regclass"
      local lines, list = found(conn, metadata)
      assert.same({ "drop_index ix_items_t", "create_index ix_items_t" }, lines)
      assert.equal("index 'ix_items_t' is invalid: building it CONCURRENTLY failed", list[2].note)
    end)
  end)

  it("validates a constraint that has not seen all rows, unless the model leaves it so", function()
    within(function(conn)
      conn:exec_sql [[CREATE TABLE items (id int GENERATED BY DEFAULT AS IDENTITY CONSTRAINT pk_items PRIMARY KEY);
        ALTER TABLE items ADD CONSTRAINT c CHECK (id > 0) NOT VALID]]
      local function model(not_valid)
        return metadata_of(function(metadata)
          pg.Table("items", metadata, { id(), pg.PrimaryKeyConstraint("id", { name = "pk_items" }),
            pg.CheckConstraint("id > 0", { name = "c", not_valid = not_valid }) })
        end, {})
      end
      assert.same({ "validate_constraint c" }, (found(conn, model())))
      assert.same({}, (found(conn, model(true))))
    end)
  end)

  it("gives a new constraint the name that the server would, where the model has none", function()
    within(function(conn)
      metadata_of(function(metadata) pg.Table("items", metadata, { id() }) end, {}):create_all(conn)
      local lines = found(conn, metadata_of(function(metadata)
        pg.Table("items", metadata, { id(), pg.UniqueConstraint "id", pg.UniqueConstraint "up",
          pg.CheckConstraint "id > 0", pg.Column{ "up", pg.Integer, pg.ForeignKey "items.id" } })
      end, {}))
      -- the server has no use for a UNIQUE over the primary key
      assert.same({ "add_column items", "create_unique_constraint items_up_key",
        "create_check_constraint items_id_check", "create_foreign_key items_up_fkey" }, lines)
    end)
  end)

  describe("of enums", function()
    local function with(...)
      local enum = { name = "mood" }
      for i, label in ipairs{ ... } do enum[i] = label end
      return items(pg.Column{ "m", pg.Enum(enum), server_default = "ok" })
    end

    it("remarks on what PostgreSQL cannot do", function()
      within(function(conn)
        with("sad", "ok", "fine"):create_all(conn)
        local lines, _, remarks = found(conn, with("sad", "ok"))
        assert.same({}, lines)
        assert.same({ "enum mood: the models have no 'fine' any more, but PostgreSQL cannot take a label out of an "
          .. "enum" }, remarks)
        lines, _, remarks = found(conn, with("ok", "sad", "fine"))
        assert.same({}, lines)
        assert.matches("another order", remarks[1])
      end)
    end)

    it("is not deceived by a default that names another schema's enum", function()
      within(function(conn)
        conn:exec_sql "CREATE SCHEMA other"
        local function model(...)
          local enum = { name = "mood", schema = "other" }
          for i, label in ipairs{ ... } do enum[i] = label end
          return items(pg.Column{ "m", pg.Enum(enum), server_default = "ok" },
            pg.Column{ "ms", pg.ARRAY(pg.Enum(enum)) })
        end
        model("sad", "ok"):create_all(conn)
        assert.same({ "add_enum_value mood" }, (found(conn, model("sad", "ok", "fine"))))
      end)
    end)

    it("drops one that only a column used which goes, and the sequence of one", function()
      within(function(conn)
        with("ok"):create_all(conn)
        conn:exec_sql "ALTER TABLE items ADD COLUMN n serial"
        assert.same({ "drop_column items", "drop_column items", "drop_enum mood", "drop_sequence items_n_seq" },
          (function(lines) table.sort(lines) return lines end)((found(conn, items()))))
        conn:exec_sql "CREATE VIEW v AS SELECT 1 AS one; CREATE TABLE public.others (m mood)"
        assert.same({ "drop_column items", "drop_column items", "drop_sequence items_n_seq" },
          (found(conn, items())))
      end)
    end)
  end)

  it("creates the extension first where it is missing", function()
    local other, drop_other = db.create()
    db.psql("DROP EXTENSION vector", other)
    local its_engine = pg.create_engine(other)
    its_engine:connect(function(conn)
      local metadata = items(pg.Column{ "v", pg.VECTOR(3) }, pg.HNSW("v", { metric = "l2" }))
      local lines, list = found(conn, metadata)
      assert.same({ "create_extension vector", "create_table items", "create_hnsw_index ix_items_v" }, lines)
      for _, operation in ipairs(list) do
        for _, statement in ipairs(operation:statements()) do conn:exec_sql(statement) end
      end
      assert.same({}, (found(conn, metadata)))
    end)
    its_engine:connect(function(conn)
      conn:exec_sql "CREATE TABLE items (id int)"
      assert.same("create_extension vector", (found(conn, items(pg.Column{ "v", pg.VECTOR(3) })))[1])
    end)
    its_engine:dispose()
    drop_other()
  end)

  it("leaves nothing behind, and a transaction as it was", function()
    local metadata = items(pg.Column{ "t", pg.Text, index = true })
    local function remains(conn)
      return conn:exec_sql("SELECT count(*) FROM pg_class WHERE relnamespace = pg_my_temp_schema()"):scalar()
    end
    within(function(conn)
      metadata:create_all(conn)
      conn:exec_sql "INSERT INTO items (t) VALUES ('kept')"
      assert.same({}, (found(conn, metadata)))
      assert.equal(0, remains(conn))
      assert.equal("kept", conn:exec_sql("SELECT t FROM items"):scalar())
      assert.equal("notice", conn:exec_sql("SHOW client_min_messages"):scalar())
    end)
    local conn = engine:connect()
    conn:execution_options{ isolation_level = "AUTOCOMMIT" }
    assert.same({ "create_table items", "create_index ix_items_t" }, (found(conn, metadata)))
    assert.is_false(conn:in_transaction())
    assert.equal(0, remains(conn) or 0)
    conn:close()
  end)

  it("reports what the server refuses in a model", function()
    within(function(conn)
      items():create_all(conn)
      local wanted = items(pg.CheckConstraint("no_such_column > 0", { name = "c" }))
      local ok, err = pcall(compare, conn, wanted)
      assert.is_false(ok)
      assert.matches('column "no_such_column" does not exist', err.message)
      assert.equal(1, conn:exec_sql("SELECT 1"):scalar()) -- the transaction goes on
    end)
  end)

  it("needs a schema to look into", function()
    within(function(conn)
      conn:exec_sql "SET LOCAL search_path = nowhere"
      local ok, err = pcall(compare, conn, items())
      assert.is_false(ok)
      assert.equal("the search_path names no schema that exists", err.message)
    end)
  end)

  it("takes several MetaData, and no table twice", function()
    within(function(conn)
      local a, b = items(), metadata_of(function(metadata) pg.Table("others", metadata, { id() }) end)
      assert.same({ "create_table items", "create_table others" }, (found(conn, { a, b })))
      local ok, err = pcall(compare, conn, { a, items() })
      assert.is_false(ok)
      assert.matches("table 'items' is in two of the MetaData", err.message)
    end)
  end)

  it("sees the difference of what create_all makes with functions of its own", function()
    within(function(conn)
      local t = items(pg.Column{ "t", pg.Text })
      pg.Index("lower", func.lower(t.tables.items.c.t))
      t:create_all(conn)
      assert.same({}, (found(conn, t)))
    end)
  end)
end)
