-- Migrations as SQL scripts: psql runs them as they are, and they do what the
-- migrations do.

local db = require "spec.support.db"
local migrations = require "spec.support.migrations"
local pg = require "pgvector"
local raised = require "spec.support.raised"
local shell = require "spec.support.shell"

describe("a migration script", function()
  local url, drop, engine, project

  setup(function()
    url, drop = db.create()
    engine = pg.create_engine(url)
    project = migrations.project(url)
    project.write("aaa1", nil, [=[
      op.require_extension("vector", ">=0.5")
      op.create_enum("mood", { "it's", "]]%d\\" })
      local t = op.create_table("t", {
        pg.Column{ "id", pg.Integer, primary_key = true },
        pg.Column{ "mood", pg.Enum{ "it's", name = "mood" }, comment = "it's; -- \\ ]] %s" },
        pg.Column{ "v", pg.VECTOR(3) },
        pg.Column{ "note", pg.Text, server_default = "a;b -- c" },
        pg.Column{ "data", pg.JSONB },
      })
      op.bulk_insert(t, {
        { id = 1, mood = "it's", v = { 1, 2, 3 }, data = { a = "it's" } }, { id = -2, note = pg.null, v = pg.vector "[0.1,-0,1e-7]" },
      })
      op.execute(pg.update(t):where(t.c.id:eq(-2)):values{ note = "x' || 'y" })
      op.execute "UPDATE t SET note = 'semicolon;' WHERE id = 1 -- with a comment at its end"]=],
      'op.drop_table("t") op.drop_enum("mood")', { message = "tables\nand\tmore" })
    project.write("bbb2", "aaa1", [[
      op.lock_timeout "2s"
      op.autocommit(function()
        op.create_hnsw_index("ix", "t", "v", { metric = "l2", concurrently = true, maintenance_work_mem = "20MB" })
      end)
      op.create_view("w", pg.select(pg.column "id"):select_from(pg.table "t"):where(pg.column("note", pg.Text):eq "a'b"))]],
      'op.drop_view("w") op.autocommit(function() op.drop_index("ix", { concurrently = true }) end)')
    project.write("l", "bbb2", 'op.add_column("t", pg.Column{ "l", pg.Integer })', 'op.drop_column("t", "l")')
    project.write("r", "bbb2", 'op.add_column("t", pg.Column{ "r", pg.Integer })', 'op.drop_column("t", "r")')
    project.write("m", { "l", "r" }, 'op.create_unique_constraint("uq", "t", { "l", "r" })', 'op.drop_constraint("uq", "t")')
  end)
  teardown(function()
    project.remove()
    engine:dispose()
    drop()
  end)

  local function run(script, target)
    local path = project.directory .. "/script.sql"
    local file = assert(io.open(path, "w"))
    file:write(script)
    file:close()
    shell.run(("psql -XAtq -v ON_ERROR_STOP=1 -d %s -f %s"):format(shell.quoted(target), path))
  end

  local function schema(of)
    local own = pg.create_engine(of)
    local text = own:connect(migrations.fingerprint)
    local rows = own:connect(function(conn)
      if not conn:exec_sql("SELECT to_regclass('t') IS NOT NULL"):scalar() then return "" end
      return table.concat(conn:exec_sql("SELECT t::text FROM t ORDER BY id"):scalars():all(), "\n")
    end)
    own:dispose()
    return text, rows
  end

  it("is run by psql and makes the same schema and rows as the migrations", function()
    local other, drop_other = db.create()
    finally(drop_other)
    local m = project.migrator{ lock_timeout = "3s" }
    m:upgrade "head"
    run(m:upgrade("head", { sql = true }), other)
    local schema_here, rows_here = schema(url)
    local schema_there, rows_there = schema(other)
    assert.same({}, migrations.difference(schema_here, schema_there))
    assert.equal(rows_here, rows_there)
    assert.equal("m", db.psql("SELECT version_num FROM alembic_version", other))
    -- and down again, in part and whole
    m:downgrade "aaa1"
    run(m:downgrade("m:aaa1", { sql = true }), other)
    assert.same({}, migrations.difference((schema(url)), (schema(other))))
    assert.equal("aaa1", db.psql("SELECT version_num FROM alembic_version", other))
    run(m:upgrade("aaa1:head", { sql = true }), other)
    run(m:downgrade("head:base", { sql = true }), other)
    m:downgrade "base"
    assert.same({}, migrations.difference((schema(url)), (schema(other))))
    assert.equal("", db.psql("SELECT version_num FROM alembic_version", other))
  end)

  it("is the same every time, and has no parameters", function()
    local m = project.migrator()
    local script = m:upgrade("head", { sql = true, tag = "release 7" })
    assert.equal(script, m:upgrade("head", { sql = true, tag = "release 7" }))
    assert.is_nil(script:find("$1", 1, true))
    assert.truthy(script:find("^%-%- release 7\n"))
    local pieces = {}
    assert.is_nil(m:upgrade("head", { sql = true, tag = "release 7", output = function(s) pieces[#pieces + 1] = s end }))
    assert.equal(script, table.concat(pieces))
  end)

  it("does not ask a server", function()
    local m = project.migrator{ url = "postgresql://nobody@localhost:1/nowhere" }
    assert.is_string(m:upgrade("head", { sql = true }))
    assert.is_string(m:stamp("head", { sql = true }))
  end)

  it("has a transaction for each migration, or one for all", function()
    local function count(script, what) return select(2, script:gsub("\n" .. what .. ";", "")) end
    local each = project.migrator():upgrade("aaa1", { sql = true })
    assert.equal(1, count(each, "BEGIN"))
    assert.equal(6, count(project.migrator():upgrade("head", { sql = true }), "BEGIN")) -- 5 and the one after the section
    local whole = project.migrator{ transaction_per_migration = false }
    assert.equal(2, count(whole:upgrade("head", { sql = true }), "BEGIN"))
  end)

  it("fails in psql while another migrator is at work", function()
    local holder = engine:connect()
    holder:execution_options{ isolation_level = "AUTOCOMMIT" }
    holder:advisory_lock "lua-pgvector migrate alembic_version"
    local ok, message = pcall(run, project.migrator():upgrade("base:aaa1", { sql = true }), url)
    holder:close()
    assert.is_false(ok)
    assert.truthy(message:find("another migration is running", 1, true))
  end)

  it("refuses what needs a connection, naming what does not", function()
    project.write("zzz", "m", "op.get_bind()")
    finally(function() os.remove(project.versions .. "/zzz.lua") end)
    local err = raised(function() project.migrator():upgrade("head", { sql = true }) end)
    assert.truthy(err.message:find("no connection in --sql mode", 1, true))
  end)

  it("refuses CONCURRENTLY outside of op.autocommit", function()
    project.write("zzz", "m", 'op.drop_index("ix", { concurrently = true })')
    finally(function() os.remove(project.versions .. "/zzz.lua") end)
    local err = raised(function() project.migrator():upgrade("head", { sql = true }) end)
    assert.truthy(err.message:find("op.autocommit(function() … end)", 1, true))
  end)

  it("of a downgrade says from where", function()
    local err = raised(function() project.migrator():downgrade("base", { sql = true }) end)
    assert.truthy(err.message:find("from:to", 1, true))
    err = raised(function() project.migrator():upgrade "aaa1:head" end)
    assert.truthy(err.message:find("sql = true", 1, true))
  end)

  it("stamps", function()
    local other, drop_other = db.create()
    finally(drop_other)
    run(project.migrator():stamp({ "l", "r" }, { sql = true }), other)
    assert.equal("l\nr", db.psql("SELECT version_num FROM alembic_version ORDER BY 1", other))
  end)
end)
