-- Revision files that are made from models: they run, they make the database
-- what the models say, and they can be taken back.

local db = require "spec.support.db"
local migrations = require "spec.support.migrations"
local pg = require "pgvector"
local raised = require "spec.support.raised"
local script = require "pgvector.migrate.script"

local NASTY = [[it's "q" ]] .. "]]" .. [[ \n %d]]

local function first_models()
  local base = pg.orm.declarative_base{ naming_convention = "default" }
  base:model("owners", {
    id = pg.Column{ pg.BigInteger, primary_key = true },
    email = pg.Column{ pg.Text, nullable = false, unique = true },
  })
  base:model("items", {
    id = pg.Column{ pg.BigInteger, primary_key = true },
    owner_id = pg.Column{ pg.BigInteger, pg.ForeignKey("owners.id", { ondelete = "CASCADE" }), nullable = false },
    title = pg.Column{ pg.String(80), server_default = NASTY, comment = NASTY },
    state = pg.Column{ pg.Enum{ "draft", "it's", name = "item_state" }, server_default = "draft" },
    meta = pg.Column{ pg.JSONB, server_default = pg.text "'{}'" },
    made = pg.Column{ pg.DateTime{ timezone = true }, server_default = pg.func.now() },
    price = pg.Column{ pg.Numeric(10, 2), server_default = 1.5 },
    doubled = pg.Column{ pg.Numeric, pg.Computed "price * 2" },
    tags = pg.Column{ pg.ARRAY(pg.Text) },
    embedding = pg.Column{ pg.VECTOR(3) },
    big = pg.Column{ pg.VECTOR(3000) },
    bits = pg.Column{ pg.BIT(8) },
    sparse = pg.Column{ pg.SPARSEVEC(10) },
    pg.HNSW("embedding", { metric = "cosine", m = 8, ef_construction = 32, where = "price > 1" }),
    pg.IVFFlat("bits", { metric = "hamming", lists = 2, name = "ix_bits" }),
    pg.HNSW("sparse", { metric = "l2" }),
    pg.Index("ix_title", pg.func.lower(pg.literal_column "title")),
    pg.CheckConstraint("price > 0 AND title <> ']]%s'", { name = "price" }),
  }, { comment = NASTY })
  local items = base.metadata.tables.items
  pg.HNSW(items.c.big:cast(pg.HALFVEC(3000)), { metric = "ip", name = "ix_big" })
  pg.Table(NASTY, base.metadata, { pg.Column{ NASTY, pg.Text, primary_key = true }, pg.Column{ "end", pg.Integer, index = true } })
  return base.metadata
end

local function second_models()
  local metadata = first_models()
  local changed = pg.MetaData{ naming_convention = "default" }
  metadata.tables.owners:to_metadata(changed)
  pg.Table("items", changed, {
    pg.Column{ "id", pg.BigInteger, primary_key = true },
    pg.Column{ "owner_id", pg.BigInteger, pg.ForeignKey("owners.id"), nullable = true },
    pg.Column{ "title", pg.Text },
    pg.Column{ "state", pg.Enum{ "draft", "it's", "late", name = "item_state" }, nullable = false, server_default = "draft" },
    pg.Column{ "embedding", pg.HALFVEC(3) },
    pg.Column{ "extra", pg.Integer, index = true },
    pg.HNSW("embedding", { metric = "l2", m = 16 }),
  })
  return changed
end

describe("autogenerate", function()
  local url, drop, engine, project
  setup(function()
    url, drop = db.create()
    engine = pg.create_engine(url)
    project = migrations.project(url)
  end)
  teardown(function()
    project.remove()
    engine:dispose()
    drop()
  end)

  local function migrator(metadata, more)
    local options = { engine = engine, script_location = project.directory .. "/migrations", target_metadata = metadata }
    for name, value in pairs(more or {}) do options[name] = value end
    return pg.migrate.config(options)
  end
  local function schema() return engine:connect(migrations.fingerprint) end

  it("makes files that lead from nothing to the models and on to changed ones, and back", function()
    local empty = schema()
    local m = migrator(first_models())
    local first = m:revision{ message = "first", autogenerate = true, rev_id = "aaaa" }
    assert.is_true(#first.operations > 5)
    -- the file is the same each time
    local text = script.read(first.path)
    os.remove(first.path)
    m:revision{ message = "first", autogenerate = true, rev_id = "aaaa" }
    assert.equal(text, script.read(first.path))

    m:upgrade "head"
    assert.same({}, (m:check()))
    assert.same({}, (m:check()))
    local with_first = schema()

    local second = migrator(second_models())
    assert.is_true(#second:check() > 5)
    second:revision{ message = "second", autogenerate = true, rev_id = "bbbb" }
    -- a label of an enum is committed before it is used
    second:upgrade "head"
    assert.same({}, (second:check()))

    second:downgrade "aaaa"
    -- what cannot be taken back: the enum keeps its label
    local left = migrations.difference(with_first, schema())
    for _, line in ipairs(left) do assert.truthy(line:find('"enum"', 1, true), line) end

    second:downgrade "base"
    local remains = migrations.difference(empty, schema())
    for _, line in ipairs(remains) do assert.truthy(line:find("alembic_version", 1, true), line) end
  end)

  it("wants a database that is up to date", function()
    local m = migrator(first_models())
    local err = raised(m.revision, m, { autogenerate = true })
    assert.truthy(err.message:find("it lacks revision 'aaaa': upgrade first", 1, true), err.message)
    err = raised(m.check, m)
    assert.truthy(err.message:find("upgrade first", 1, true))
  end)
end)
