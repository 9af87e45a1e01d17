local column = require "pgvector.sql.column".exports
local constraints = require "pgvector.sql.constraints".exports
local index = require "pgvector.sql.index".exports
local recorder = require "spec.support.ddl".recorder
local schema = require "pgvector.sql.schema".exports
local types = require "pgvector.types"

local Column, ForeignKey = column.Column, constraints.ForeignKey

-- The first words of each statement, which tell what it is about.
local function outline(bind)
  local lines = {}
  for i, sql in ipairs(bind.statements) do
    lines[i] = sql:match("^CREATE TABLE [^(]+%f[ ]") or sql:match("^[^\n]+")
  end
  return lines
end

local function table_of(metadata, name, ...)
  return schema.Table(name, metadata, { Column{ "id", types.Integer, primary_key = true }, ... })
end

local function reference(name, target, options)
  return Column{ name, types.Integer, ForeignKey(target, options) }
end

describe("create_all", function()
  it("creates tables behind those they refer to, in the order of definition otherwise", function()
    local metadata = schema.MetaData()
    table_of(metadata, "items", reference("owner_id", "owners.id"))
    table_of(metadata, "other")
    table_of(metadata, "owners")
    local bind = recorder()
    metadata:create_all(bind)
    assert.same({ "CREATE TABLE owners", "CREATE TABLE items", "CREATE TABLE other" }, outline(bind))
  end)

  it("closes a cycle of foreign keys when both tables are there", function()
    local metadata = schema.MetaData()
    table_of(metadata, "a", reference("b_id", "b.id"))
    table_of(metadata, "b", reference("a_id", "a.id"))
    local bind = recorder()
    metadata:create_all(bind)
    assert.same({
      "CREATE TABLE b", "CREATE TABLE a", "ALTER TABLE b ADD FOREIGN KEY (a_id) REFERENCES a (id)",
    }, outline(bind))
  end)

  it("adds a foreign key later that asks for it", function()
    local metadata = schema.MetaData()
    table_of(metadata, "a")
    table_of(metadata, "b", reference("a_id", "a.id", { use_alter = true, name = "later" }))
    local bind = recorder()
    metadata:create_all(bind)
    assert.equal("ALTER TABLE b ADD CONSTRAINT later FOREIGN KEY (a_id) REFERENCES a (id)", outline(bind)[3])
  end)

  it("creates extension, types and sequences first, indexes and comments after their table", function()
    local metadata = schema.MetaData()
    local mood = types.Enum{ "sad", "ok", name = "mood" }
    table_of(metadata, "t", Column{ "m", mood }, Column{ "ms", types.ARRAY(mood), comment = "several" },
      Column{ "e", types.VECTOR(3) }, Column{ "n", types.Integer, column.Sequence "numbers" },
      index.HNSW("e", { metric = "l2", concurrently = true }))
    local bind = recorder()
    metadata:create_all(bind)
    assert.same({
      "CREATE EXTENSION IF NOT EXISTS vector",
      "CREATE TYPE mood AS ENUM ('sad', 'ok')",
      "CREATE SEQUENCE numbers",
      "CREATE TABLE t",
      "CREATE INDEX ix_t_e ON t USING hnsw (e vector_l2_ops)",
      "COMMENT ON COLUMN t.ms IS 'several'",
    }, outline(bind))
  end)

  local extensions = {
    { "for a column with a vector", nil, types.VECTOR(3), { "vector" } },
    { "for an array of them", nil, types.ARRAY(types.HALFVEC(3)), { "vector" } },
    { "not without one", nil, types.Text, {} },
    { "not if told so", {}, types.VECTOR(3), {} },
    { "as told", { "vector", "pg_trgm" }, types.Text, { "vector", "pg_trgm" } },
  }
  for _, case in ipairs(extensions) do
    it("creates the extension " .. case[1], function()
      local metadata = schema.MetaData{ extensions = case[2] }
      table_of(metadata, "t", Column{ "x", case[3] })
      local bind, names = recorder(), {}
      metadata:create_all(bind)
      for _, sql in ipairs(bind.statements) do names[#names + 1] = sql:match("^CREATE EXTENSION IF NOT EXISTS (.*)") end
      assert.same(case[4], names)
    end)
  end

  it("leaves out what exists, with the indexes of a table", function()
    local metadata = schema.MetaData()
    table_of(metadata, "a", Column{ "x", types.Text, index = true })
    table_of(metadata, "b", Column{ "e", types.VECTOR(3) })
    local bind = recorder{ a = true, vector = true }
    metadata:create_all(bind)
    assert.same({ "CREATE TABLE b" }, outline(bind))
    assert.equal(1, bind.queries)
  end)

  it("asks nothing with checkfirst = false", function()
    local metadata = schema.MetaData()
    table_of(metadata, "a")
    local bind = recorder{ a = true }
    metadata:create_all(bind, { checkfirst = false })
    assert.equal(0, bind.queries)
    assert.same({ "CREATE TABLE a" }, outline(bind))
  end)

  it("creates only the tables it is given", function()
    local metadata = schema.MetaData()
    local a = table_of(metadata, "a")
    table_of(metadata, "b")
    local bind = recorder()
    metadata:create_all(bind, { tables = { a } })
    assert.same({ "CREATE TABLE a" }, outline(bind))
  end)

  it("leaves tables alone that others manage", function()
    local metadata = schema.MetaData()
    local store = schema.Table("store", metadata, { Column{ "id", types.Integer } }, { managed = false })
    local bind = recorder()
    metadata:create_all(bind)
    assert.same({}, bind.statements)
    store:create(bind)
    assert.same({ "CREATE TABLE store" }, outline(bind))
  end)

  it("refuses options and tables that are none", function()
    local metadata = schema.MetaData()
    assert.error_matches(function() metadata:create_all(recorder(), { checkfrist = true }) end, "did you mean 'checkfirst'")
    assert.error_matches(function() metadata:create_all(recorder(), { tables = { "a" } }) end, "element 1: expected a Table")
    assert.error_matches(function() metadata.create_all(recorder()) end, "use ':'")
  end)
end)

describe("drop_all", function()
  it("drops tables before those they refer to, then their types", function()
    local metadata = schema.MetaData()
    table_of(metadata, "items", reference("owner_id", "owners.id"), Column{ "m", types.Enum{ "x", name = "mood" } },
      Column{ "n", types.Integer, column.Sequence "numbers" })
    table_of(metadata, "owners")
    local bind = recorder()
    metadata:drop_all(bind, { checkfirst = false })
    assert.same({ "DROP TABLE items", "DROP TABLE owners", "DROP SEQUENCE numbers", "DROP TYPE mood" }, outline(bind))
  end)

  it("drops tables that refer to each other together", function()
    local metadata = schema.MetaData()
    table_of(metadata, "a", reference("b_id", "b.id"))
    table_of(metadata, "b", reference("c_id", "c.id"))
    table_of(metadata, "c", reference("a_id", "a.id"))
    table_of(metadata, "d", reference("a_id", "a.id"))
    local bind = recorder()
    metadata:drop_all(bind, { checkfirst = false })
    assert.same({ "DROP TABLE d", "DROP TABLE a, b, c" }, outline(bind))
  end)

  it("leaves out what does not exist", function()
    local metadata = schema.MetaData()
    table_of(metadata, "a")
    table_of(metadata, "b")
    local bind = recorder{ b = true }
    metadata:drop_all(bind)
    assert.same({ "DROP TABLE b" }, outline(bind))
  end)

  it("keeps a type that another table uses", function()
    local metadata = schema.MetaData()
    local mood = types.Enum{ "x", name = "mood" }
    local a = table_of(metadata, "a", Column{ "m", mood })
    local b = table_of(metadata, "b", Column{ "m", mood })
    local bind = recorder{ a = true, b = true, mood = true }
    a:drop(bind)
    assert.same({ "DROP TABLE a" }, outline(bind))
    bind = recorder{ a = true, b = true, mood = true }
    metadata:drop_all(bind, { tables = { a, b } })
    assert.same({ "DROP TABLE b", "DROP TABLE a", "DROP TYPE mood" }, outline(bind))
  end)
end)

describe("an index", function()
  it("is created and dropped by itself, if need be only when it is (not) there", function()
    local tbl = table_of(schema.MetaData(), "t", Column{ "x", types.Text, index = true })
    local bind = recorder{ ix_t_x = true }
    tbl.indexes[1]:create(bind)
    tbl.indexes[1]:create(bind, { checkfirst = true })
    tbl.indexes[1]:drop(bind, { checkfirst = true })
    assert.same({ "CREATE INDEX ix_t_x ON t (x)", "DROP INDEX ix_t_x" }, outline(bind))
    assert.error_matches(function() index.Index("i", "x"):create(bind) end, "belongs to no table")
  end)
end)

describe("metadata", function()
  it("sort their tables, and forget them", function()
    local metadata = schema.MetaData()
    local items = table_of(metadata, "items", reference("owner_id", "owners.id"))
    local owners = table_of(metadata, "owners")
    assert.same({ owners, items }, metadata:sorted_tables())
    metadata:remove(items)
    assert.same({ owners }, metadata:sorted_tables())
    assert.is_nil(metadata.tables.items)
    metadata:clear()
    assert.same({}, metadata:sorted_tables())
  end)
end)
