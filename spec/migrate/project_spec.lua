-- A project's files and its configuration.

local migrations = require "spec.support.migrations"
local operations = require "pgvector.migrate.operations"
local pg = require "pgvector"
local raised = require "spec.support.raised"
local script = require "pgvector.migrate.script"

local new = operations.new

describe("a revision file", function()
  local project
  before_each(function() project = migrations.project "postgresql:///nowhere" end)
  after_each(function() project.remove() end)

  local function write(text)
    local file = assert(io.open(project.versions .. "/x.lua", "w"))
    file:write(text)
    file:close()
  end

  for _, case in ipairs{
    { "that is not Lua", "return {", "x.lua:1:" },
    { "that fails", 'error("no models here")', "no models here" },
    { "that returns nothing", "local x = 1", "expected the file to return a table" },
    { "without an id", "return { down_revision = false, upgrade = function() end }", "the key 'revision' is missing" },
    { "without a down_revision, which a typo would make a second base",
      'return { revision = "a", down_revison = "b", upgrade = function() end }', "did you mean 'down_revision'?" },
    { "with down_revision = nil", 'return { revision = "a", down_revision = nil, upgrade = function() end }',
      "the first revision says down_revision = false" },
    { "with a number as its down_revision", 'return { revision = "a", down_revision = 5, upgrade = function() end }',
      "down_revision: expected an id" },
    { "without an upgrade", 'return { revision = "a", down_revision = false }', "the key 'upgrade' is missing" },
    { "with an upgrade that is no function", 'return { revision = "a", down_revision = false, upgrade = "SQL" }',
      "upgrade: expected a function" },
    { "with an id that means something else", 'return { revision = "a@b", down_revision = false, upgrade = print }',
      "a revision's id is" },
    { "with labels that are none", 'return { revision = "a", down_revision = false, upgrade = print, branch_labels = { 1 } }',
      "branch_labels: element 1" },
  } do
    it(case[1] .. " is refused, with its path", function()
      write(case[2])
      local err = raised(function() project.migrator():heads() end)
      assert.truthy(err.message:find(case[3], 1, true), err.message)
      assert.truthy(err.message:find("x.lua", 1, true), err.message)
    end)
  end

  it("without a downgrade can be applied, and tells when it shall be taken back", function()
    write 'return { revision = "a", down_revision = false, upgrade = function() end }'
    local err = raised(function() project.migrator():downgrade("a:base", { sql = true }) end)
    assert.truthy(err.message:find("the file has no function 'downgrade'", 1, true), err.message)
  end)

  it("gets an id, a name, and follows the head", function()
    local m = project.migrator()
    local first = m:revision{ message = "It's \"the\" first/one ]] %s\n\\", rev_id = "abcd" }
    assert.equal(project.versions .. "/abcd_it_s_the_first_one_s.lua", first.path)
    local second = m:revision{ message = "" }
    assert.truthy(second.revision:find("^%x%x%x%x%x%x%x%x%x%x%x%x$"))
    local heads = m:heads()
    assert.equal(1, #heads)
    assert.equal(second.revision, heads[1].revision)
    assert.same({ "abcd" }, heads[1].down_revision)
    assert.equal("It's \"the\" first/one ]] %s\n\\", m:show("abcd")[1].message)
  end)

  it("can branch, be labelled, depend on others and be merged", function()
    local m = project.migrator()
    m:revision{ rev_id = "aaaa" }
    m:revision{ rev_id = "bbbb", branch_label = "left" }
    assert.truthy(raised(m.revision, m, { head = "aaaa" }).message:find("splice = true", 1, true))
    m:revision{ rev_id = "cccc", head = "aaaa", splice = true, branch_label = { "right" }, depends_on = "left" }
    assert.equal("MultipleHeads", raised(m.revision, m, {}).name)
    m:revision{ rev_id = "dddd", head = "right@head" }
    m:revision{ rev_id = "eeee", head = "base", branch_label = "other" }
    local merged = m:merge({ "bbbb", "dddd" }, { rev_id = "ffff" })
    assert.equal("merge bbbb and dddd", merged.message)
    assert.same({ "bbbb", "dddd" }, m:show("ffff")[1].down_revision)
    assert.is_true(m:show("ffff")[1].is_merge)
    assert.same({ "aaaa" }, { m:branches()[1].revision })
    assert.same({ "bbbb", "cccc" }, m:branches()[1].next)
    assert.truthy(raised(m.merge, m, "ffff").message:find("at least two", 1, true))
    -- a label that is taken leaves no file behind
    assert.equal("DuplicateLabel", raised(m.revision, m, { rev_id = "gggg", head = "ffff", branch_label = "left" }).name)
    assert.is_nil(script.exists(project.versions .. "/gggg.lua"))
  end)

  it("is never written over", function()
    local m = project.migrator()
    m:revision{ rev_id = "aaaa" }
    assert.equal("DuplicateRevision", raised(m.revision, m, { rev_id = "aaaa", message = "again" }).name)
    assert.truthy(raised(script.write, project.versions .. "/aaaa.lua", "x").message:find("there already", 1, true))
  end)

  it("has a body that is made of operations, readable and safe", function()
    local nasty = "it's \"q\" ]] \\ %d\n"
    local noted = new.drop_table(nasty)
    noted.note = "looks like a rename\nof something"
    local path = script.write_revision(project.versions, {
      revision = "aaaa", message = nasty, down = {}, labels = {}, depends = { "bbbb" }, remarks = { "CHECK\n]] of t" },
      upgrades = {
        noted,
        new.create_index("ix", nasty, { "a" }, { concurrently = true }),
        new.create_table("t", { pg.Column{ "id", pg.Integer, primary_key = true }, pg.Column{ "end", pg.VECTOR(3) } }),
      },
      downgrades = { new.drop_table("t") },
    })
    assert.equal([==[
-- it's "q" ]] \ %d
return {
  revision = "aaaa",
  down_revision = false,
  branch_labels = {},
  depends_on = { "bbbb" },
  message = "it's \"q\" ]] \\ %d\n",

  upgrade = function(op, pg) -- luacheck: ignore 212
    -- CHECK
    -- ]] of t
    -- looks like a rename
    -- of something
    op.drop_table("it's \"q\" ]] \\ %d\n")
    op.autocommit(function()
      op.create_index("ix", "it's \"q\" ]] \\ %d\n", { "a" }, { concurrently = true })
    end)
    op.create_table("t", {
      pg.Column{ "id", pg.Integer, pg.Identity(), primary_key = true },
      pg.Column{ "end", pg.VECTOR(3) },
    })
  end,

  downgrade = function(op, pg) -- luacheck: ignore 212
    op.drop_table("t")
  end,
}
]==], script.read(path))
    assert.is_function(script.load(path).upgrade)
  end)

  it("leaves the transaction for what must, neighbours together", function()
    assert.equal([[
    op.autocommit(function()
      op.create_index("a", "t", { "x" }, { concurrently = true })
      op.drop_index("b", { concurrently = true })
    end)
    op.drop_table("u")
]], script.body{
      new.create_index("a", "t", { "x" }, { concurrently = true }), new.drop_index("b", { concurrently = true }),
      new.drop_table "u",
    })
  end)

  it("commits the label of an enum before it is used, and only then", function()
    local add = new.add_enum_value("state", "late")
    assert.equal([[
    op.autocommit(function()
      op.add_enum_value("state", "late")
    end)
    op.alter_column("t", "s", { server_default = "late" })
]], script.body{ add, new.alter_column("t", "s", { server_default = "late" }) })
    assert.equal([[
    op.add_enum_value("state", "late")
    op.drop_table("late_ones")
]], script.body{ add, new.drop_table "late_ones" })
  end)

  it("is made from the project's own template", function()
    local m = project.migrator{ template = project.directory .. "/own" }
    script.write(project.directory .. "/own", "-- mine: ${title}\nreturn { revision = ${revision}, "
      .. "down_revision = ${down_revision}, upgrade = function(op)\n${upgrades} end }\n")
    local written = m:revision{ message = "100% ${title}", rev_id = "aaaa" }
    assert.truthy(script.read(written.path):find("-- mine: 100% ${title}\n", 1, true))
    os.remove(project.directory .. "/own")
    script.write(project.directory .. "/own", "return { ${revison} }")
    assert.truthy(raised(m.revision, m, { head = "aaaa" }).message:find("did you mean 'revision'?", 1, true))
  end)

  it("goes through the project's hook, which may change or drop it", function()
    local m = project.migrator{ process_revision_directives = function(directives)
      if directives[1].message == "drop" then
        directives[1] = nil
      else
        directives[1].message = "changed"
      end
    end }
    assert.equal("changed", m:revision{ message = "x" }.message)
    assert.is_nil(m:revision{ message = "drop" })
    assert.equal(1, #m:history())
  end)

  it("has its operations written by the project's hook where that wants to", function()
    local m = project.migrator{
      process_revision_directives = function(directives)
        directives[1].upgrades = { new.execute("SELECT 1"), new.execute("SELECT 2") }
      end,
      render_item = function(operation, indent)
        if operation:render(indent):find("SELECT 1", 1, true) then return "op.execute(-- ours\n" .. indent .. "'SELECT 1')" end
      end,
    }
    local text = script.read(m:revision{ message = "x" }.path)
    assert.truthy(text:find("    op.execute(-- ours\n    'SELECT 1')\n    op.execute(\"SELECT 2\")\n", 1, true), text)
  end)

  it("is laid out by the project's formatter", function()
    local m = project.migrator{ format = "echo '-- laid out' >> %s" }
    assert.truthy(script.read(m:revision{ message = "x" }.path):find("\n-- laid out\n$"))
    m = project.migrator{ format = function(path)
      local file = assert(io.open(path, "a"))
      file:write("-- by us\n")
      file:close()
    end }
    assert.truthy(script.read(m:revision{ message = "y" }.path):find("\n-- by us\n$"))
    m = project.migrator{ format = "false %s" }
    assert.truthy(raised(m.revision, m, { message = "z" }).message:find("format: 'false '.*' failed"))
    assert.equal(3, #m:history())
  end)

  it("may lie in one of several directories", function()
    local other = project.directory .. "/other"
    script.make_directory(other)
    local m = project.migrator{ version_locations = { project.versions, other } }
    m:revision{ rev_id = "aaaa" }
    local second = m:revision{ rev_id = "bbbb", version_path = other }
    assert.equal(other .. "/bbbb.lua", second.path)
    assert.equal(2, #m:history())
    assert.truthy(raised(m.revision, m, { version_path = "elsewhere" }).message:find("none of the version locations", 1, true))
  end)
end)

describe("a configuration", function()
  for _, case in ipairs{
    { { script_loation = "x" }, "did you mean 'script_location'?" },
    { { target_metadata = 5 }, "target_metadata: expected a MetaData" },
    { { target_metadata = { pg.MetaData(), "x" } }, "target_metadata" },
    { { include_object = true }, "include_object: expected a function" },
    { { lock_timeout = "5; DROP" }, "lock_timeout" }, { { lock_wait = -1 }, "lock_wait" },
    { { transaction_per_migration = "yes" }, "transaction_per_migration: expected a boolean" },
    { { version_table = "" }, "version_table" }, { { on_version_apply = { 1 } }, "on_version_apply" },
    { { format = "stylua" }, "format: expected a command with %s" }, { { render_item = 1 }, "render_item" },
    { { compare_type = 1 }, "compare_type" }, { { engine = 1, connection = 2 }, "engine and connection" },
  } do
    it("is refused: " .. case[2], function()
      local err = raised(pg.migrate.config, case[1])
      assert.equal("ArgumentError", err.class)
      assert.truthy(err.message:find(case[2], 1, true), err.message)
    end)
  end

  it("says where the database is, or nothing can be run", function()
    local project = migrations.project "postgresql:///nowhere"
    finally(project.remove)
    local m = pg.migrate.config{ script_location = project.directory .. "/migrations" }
    assert.same({}, m:heads())
    assert.truthy(raised(m.current, m).message:find("a url, an engine or a connection is missing", 1, true))
    assert.truthy(raised(m.check, m).message:find("target_metadata is missing", 1, true))
  end)

  it("is read from a file, with paths beside it", function()
    local project = migrations.project "postgresql:///nowhere"
    finally(project.remove)
    local made = pg.migrate.config{ script_location = "db" }:init{ directory = project.directory .. "/app" }
    assert.same({ project.directory .. "/app/pgvector.config.lua", project.directory .. "/app/db/revision.lua.template" }, made)
    assert.same({}, pg.migrate.config{ script_location = "db" }:init{ directory = project.directory .. "/app" })
    local m = pg.migrate.load(project.directory .. "/app/pgvector.config.lua")
    assert.equal(project.directory .. "/app/db/versions/aaaa.lua", m:revision{ rev_id = "aaaa" }.path)
    local elsewhere = project.directory .. "/elsewhere/db"
    assert.same({ project.directory .. "/app2/pgvector.config.lua", elsewhere .. "/revision.lua.template" },
      pg.migrate.config{ script_location = elsewhere }:init{ directory = project.directory .. "/app2" })
    m = pg.migrate.load(project.directory .. "/app2/pgvector.config.lua")
    assert.equal(elsewhere .. "/versions/bbbb.lua", m:revision{ rev_id = "bbbb" }.path)
    assert.truthy(raised(pg.migrate.load, project.directory .. "/nothing.lua").message:find("nothing.lua", 1, true))
  end)

  it("without a project says how to make one", function()
    local m = pg.migrate.config{ script_location = "/nowhere/at/all" }
    assert.truthy(raised(m.heads, m).message:find("pgvector migrate init", 1, true))
  end)
end)

describe("op", function()
  local op = require "pgvector.migrate.op"
  local seen
  local function make()
    seen = {}
    return op.new{ run = function(_, operation) seen[#seen + 1] = operation end }
  end

  it("is called with dots", function()
    local o = make()
    local err = raised(function() o:drop_table "t" end)
    assert.truthy(err.message:find("use '.' to call op.drop_table", 1, true))
  end)

  it("suggests the operation that was meant", function()
    local o = make()
    assert.truthy(raised(function() o.create_tabel() end).message:find("did you mean 'create_table'?", 1, true))
    assert.truthy(raised(function() o.mine = 1 end).message:find("op.register", 1, true))
  end)

  it("takes final names where names are taken", function()
    local o = make()
    o.drop_constraint(o.f "ck_x", "t")
    assert.same({ "ALTER TABLE t DROP CONSTRAINT ck_x" }, seen[1]:statements())
  end)

  it("gets operations of the project's own, made of others", function()
    local o = make()
    o.register("create_audit", {
      apply = function(inner, name) inner.execute("CREATE TABLE " .. name .. "_log ()") inner.lock_timeout "1s" end,
      reverse = function(inner, name) inner.drop_table(name .. "_log") end,
    })
    o.create_audit "items"
    assert.same({ "CREATE TABLE items_log ()", "SET LOCAL lock_timeout = '1s'" }, seen[1]:statements())
    assert.equal('op.create_audit("items")', seen[1]:render(""))
    assert.equal('op.drop_table("items_log")', seen[1]:reverse():render(""))
    assert.truthy(raised(o.register, "create_table", { apply = print }).message:find("already", 1, true))
    assert.truthy(raised(o.register, "x", { aply = print }).message:find("did you mean 'apply'?", 1, true))
  end)
end)
