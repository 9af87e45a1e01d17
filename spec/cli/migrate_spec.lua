-- The command `pgvector migrate`, run as a user runs it.

local db = require "spec.support.db"
local json = require "pgvector.types.json"
local migrations = require "spec.support.migrations"
local program = require "spec.support.program"
local shell = require "spec.support.shell"

describe("pgvector migrate #programs", function()
  local url, drop, project, config

  setup(function()
    url, drop = db.create()
    project = migrations.project(url)
    config = project.directory .. "/pgvector.config.lua"
  end)
  teardown(function()
    project.remove()
    drop()
  end)

  local function pgvector(...) return program.run("bin/pgvector", { PGVECTOR_URL = url }, { ... }) end

  -- Runs `migrate <command> …` in the project.
  local function migrate(command, ...) return pgvector("migrate", command, "--config", config, ...) end

  local function configure(text)
    local file = assert(io.open(config, "w"))
    file:write(text or 'return { url = os.getenv "PGVECTOR_URL" }')
    file:close()
  end

  local function write_line()
    project.write("aaaa", nil, 'op.create_table("t", { pg.Column{ "id", pg.Integer, primary_key = true } })',
      'op.drop_table("t")', { message = "a table" })
    project.write("bbbb", "aaaa", 'op.add_column("t", pg.Column{ "v", pg.VECTOR(3) })', 'op.drop_column("t", "v")',
      { message = "a column" })
  end

  it("makes a project that runs as it is", function()
    local directory = shell.run "mktemp -d /tmp/lua-pgvector-migrations.XXXXXX"
    local here = shell.run "pwd"
    local function there(...)
      local command = program.command(here .. "/bin/pgvector", {
        PGVECTOR_URL = url,
        LUA_PATH = package.path:gsub("%./", here .. "/"), LUA_CPATH = package.cpath:gsub("%./", here .. "/"),
      }, { "migrate", ... })
      return shell.run("cd " .. directory .. "; " .. command)
    end
    finally(function() shell.run("rm -rf " .. directory) end)
    assert.equal("made pgvector.config.lua\nmade migrations/revision.lua.template", there "init")
    assert.equal("everything is there already", there "init")
    assert.truthy(there("revision", "-m", "first one"):find("^wrote migrations/versions/%x+_first_one.lua$"))
    assert.truthy(there("upgrade", "head"):find("^upgrade <base> %-> %x+  first one$"))
    assert.truthy(there("current"):find("^%x+ %(head%)  first one$"))
    assert.equal("nothing to do", there("upgrade", "head"))
    assert.truthy(there("downgrade", "-1"):find("^downgrade %x+ %-> <base>  first one$"))
  end)

  it("prints plain lines, without colours where there is no terminal", function()
    configure()
    write_line()
    assert.equal("upgrade <base> -> aaaa  a table\nupgrade aaaa -> bbbb  a column\n", (migrate("upgrade", "head")))
    assert.equal("bbbb (head)  a column\n", (migrate "current"))
    assert.equal("aaaa -> bbbb (head)  a column\n<base> -> aaaa  a table\n", (migrate "history"))
    assert.equal("<base> -> aaaa  a table\n", (migrate("history", "-r", ":aaaa")))
    assert.equal("aaaa -> bbbb (head)  a column\n", (migrate("history", "-r", "current:")))
    assert.equal("aaaa -> bbbb (current, head)  a column\n<base> -> aaaa  a table\n", (migrate("history", "-i")))
    -- options may stand before the command, too
    assert.equal("bbbb (head)  a column\n", (pgvector("migrate", "--config", config, "heads")))
    assert.equal("", (migrate "branches"))
    local shown = migrate("show", "aaaa")
    for _, part in ipairs{ "aaaa  a table", "follows:    <base>", "followed by: bbbb", "aaaa.lua" } do
      assert.truthy(shown:find(part, 1, true), shown)
    end
    assert.equal("downgrade bbbb -> aaaa  a column\n", (migrate("downgrade", "-1")))
    assert.equal("the database counts as bbbb\n", (migrate("stamp", "head")))
    assert.equal("the database counts as aaaa\n", (migrate("stamp", "--purge", "aaaa")))
    assert.equal("upgrade aaaa -> bbbb  a column\n1 revisions run and rolled back\n", (migrate("upgrade", "+1", "--dry-run")))
    migrate("downgrade", "base")
  end)

  it("prints JSON for machines", function()
    configure()
    write_line()
    local heads = json.decode((migrate("heads", "--json")))
    assert.equal("bbbb", heads[1].revision)
    assert.same({ "aaaa" }, { heads[1].down_revision[1] })
    assert.equal("[]", ((migrate("current", "--json")):gsub("%s+$", "")))
  end)

  it("prints scripts, and nothing else", function()
    configure()
    write_line()
    local text, ended_well = migrate("upgrade", "head", "--sql", "--tag", "for the DBA")
    assert.is_true(ended_well)
    assert.truthy(text:find("^%-%- for the DBA\n"))
    assert.truthy(text:find("CREATE TABLE t (", 1, true))
    text = migrate("downgrade", "bbbb:base", "--sql")
    assert.truthy(text:find("DROP TABLE t;", 1, true))
  end)

  it("tells what went wrong in a line, and by its exit status", function()
    configure()
    write_line()
    for _, case in ipairs{
      { 1, "there is no revision 'nix'", "upgrade", "nix" },
      { 1, "the beginning of an id needs at least 4 characters", "upgrade", "aa" },
      { 1, "'+9' goes further than there are revisions", "upgrade", "+9" },
      { 2, "-x: expected key=value", "current", "-x", "novalue" },
      { 2, "unknown option '--bogus'", "upgrade", "head", "--bogus" },
      { 2, "missing argument 'revision'", "upgrade" },
    } do
      local text, _, status = migrate((table.unpack or unpack)(case, 3)) -- luacheck: ignore 113 143
      assert.truthy(text:find("pgvector: ", 1, true))
      assert.truthy(text:find(case[2], 1, true), text)
      assert.equal(case[1], status, text)
      assert.is_nil(text:find("traceback", 1, true))
    end
    local text, _, status = pgvector("migrate", "current", "--config", project.directory .. "/nothing.lua")
    assert.truthy(text:find("`pgvector migrate init` makes one", 1, true))
    assert.equal(1, status)
    assert.equal(2, select(3, pgvector("migrat")))
    assert.equal(2, select(3, pgvector()))
  end)

  it("tells the revision in which it went wrong, and what the server said", function()
    configure()
    project.write("aaaa", nil, 'op.execute "SELECT 1/0"')
    os.remove(project.versions .. "/bbbb.lua")
    local text, _, status = migrate("upgrade", "head")
    assert.equal(1, status)
    assert.truthy(text:find("division by zero (22012)", 1, true), text)
    assert.truthy(text:find("(upgrade of revision aaaa)", 1, true), text)
    project.write("aaaa", nil, "local x = nil; x.y = 1")
    text = migrate("upgrade", "head")
    assert.truthy(text:find("aaaa.lua:4:", 1, true), text)
    assert.is_nil(text:find("traceback", 1, true))
  end)

  it("hands what -x says to migrations", function()
    configure()
    project.write("aaaa", nil, [[assert(op.get_context().x.tenant == "a=b")]])
    local text, ended_well = migrate("upgrade", "head", "-x", "tenant=a=b", "-x", "other=")
    assert.is_true(ended_well, text)
    migrate("stamp", "base")
  end)

  it("finds the application's modules beside the configuration", function()
    local file = assert(io.open(project.directory .. "/app_models.lua", "w"))
    file:write 'return { location = "migrations" }'
    file:close()
    configure 'return { url = os.getenv "PGVECTOR_URL", script_location = require("app_models").location }'
    write_line()
    assert.equal("bbbb (head)  a column\n", (migrate "heads"))
  end)

  it("lets one of several migrators work and the others wait", function()
    configure()
    write_line()
    project.write("cccc", "bbbb", [[
      op.execute "INSERT INTO t SELECT generate_series(1, 2000)"
      op.autocommit(function() op.create_index("ix", "t", { "id" }, { concurrently = true }) end)
      op.execute "CREATE TABLE counted AS SELECT count(*) FROM t"]])
    local command = program.command("bin/pgvector", { PGVECTOR_URL = url },
      { "migrate", "upgrade", "--config", config, "head" })
    local all = {}
    for i = 1, 4 do all[i] = ("(%s >%s/out%d 2>&1; echo $? >>%s/out%d) &"):format(command, project.directory, i,
      project.directory, i) end
    shell.run("sh -c " .. shell.quoted(table.concat(all, " ") .. " wait"))
    local did, nothing = 0, 0
    for i = 1, 4 do
      local file = assert(io.open(project.directory .. "/out" .. i))
      local text = file:read "*a"
      file:close()
      assert.truthy(text:find("\n0\n$"), text)
      if text:find("nothing to do", 1, true) then nothing = nothing + 1 end
      if text:find("upgrade bbbb -> cccc", 1, true) then did = did + 1 end
    end
    assert.equal(1, did)
    assert.equal(3, nothing)
    assert.equal("2000", db.psql("SELECT * FROM counted", url))
    assert.equal("t", db.psql("SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix'::regclass", url))
  end)

  it("opens a revision in the editor, and checks it afterwards", function()
    configure()
    write_line()
    local function edit(editor)
      return program.run("bin/pgvector", { PGVECTOR_URL = url, VISUAL = editor },
        { "migrate", "edit", "--config", config, "aaaa" })
    end
    local text, ended_well = edit "true"
    assert.is_true(ended_well, text)
    local _, well = edit "sed -i s/upgrade/upgrad/"
    assert.is_false(well)
  end)

  it("helps, and completes words in shells", function()
    for _, arguments in ipairs{ { "--help" }, { "migrate", "--help" }, { "migrate", "upgrade", "--help" } } do
      local text, ended_well = pgvector((table.unpack or unpack)(arguments)) -- luacheck: ignore 113 143
      assert.is_true(ended_well)
      assert.truthy(text:find("^Usage: pgvector"))
    end
    for _, name in ipairs{ "bash", "zsh", "fish" } do
      local text, ended_well = pgvector("completion", name)
      assert.is_true(ended_well, text)
      assert.truthy(text:find("downgrade", 1, true))
    end
    assert.truthy((pgvector "--version"):find("^lua%-pgvector"))
  end)
end)
