-- Migrations run in a database: transactions, the version table, interruptions.

local db = require "spec.support.db"
local migrations = require "spec.support.migrations"
local pg = require "pgvector"
local raised = require "spec.support.raised"

describe("migrations", function()
  local url, drop, engine, project

  setup(function()
    url, drop = db.create()
    -- the tables of one spec go with their schema; the extension stays
    db.psql("ALTER DATABASE " .. db.psql("SELECT current_database()", url) .. " SET search_path = work, public", url)
    engine = pg.create_engine(url)
  end)
  teardown(function()
    engine:dispose()
    drop()
  end)
  local function fresh_schema()
    engine:begin(function(conn) conn:exec_sql "DROP SCHEMA IF EXISTS work CASCADE; CREATE SCHEMA work" end)
  end
  before_each(function()
    fresh_schema()
    project = migrations.project(url)
  end)
  after_each(function() project.remove() end)

  local function migrator(options)
    options = options or {}
    options.engine, options.url = options.engine or not options.connection and engine or nil, nil
    local settings = { script_location = project.directory .. "/migrations" }
    for name, value in pairs(options) do settings[name] = value end
    return pg.migrate.config(settings)
  end

  local function schema()
    return engine:connect(function(conn) return migrations.fingerprint(conn, "{work}") end)
  end
  -- What a query returns, as psql prints it.
  local function query(sql)
    return engine:begin(function(conn)
      local result = conn:exec_sql(sql)
      local lines = {}
      for i, row in ipairs(result._source and result:all() or {}) do
        local fields = {}
        for j = 1, #result:keys() do
          local value = row[j]
          if type(value) == "boolean" then value = value and "t" or "f" end
          fields[j] = value == pg.null and "" or tostring(value == nil and "" or value)
        end
        lines[i] = table.concat(fields, "|")
      end
      return table.concat(lines, "\n")
    end)
  end
  local function versions() return query "SELECT string_agg(version_num, ',' ORDER BY version_num) FROM alembic_version" end
  local function exists(name) return query(("SELECT to_regclass('%s') IS NOT NULL"):format(name)) == "t" end

  local function write_three()
    project.write("aaa1", nil, 'op.create_table("t", { pg.Column{ "id", pg.Integer, primary_key = true } })',
      'op.drop_table("t")', { message = "a table" })
    project.write("bbb2", "aaa1", 'op.add_column("t", pg.Column{ "v", pg.VECTOR(3) })', 'op.drop_column("t", "v")')
    project.write("ccc3", "bbb2", 'op.create_hnsw_index("ix", "t", "v", { metric = "l2" })', 'op.drop_index("ix")')
  end

  it("go up and down, and the version table is Alembic's", function()
    write_three()
    local m = migrator()
    assert.same({ "aaa1", "bbb2", "ccc3" }, m:upgrade "head")
    assert.equal("ccc3", versions())
    assert.equal("character varying(32)", query [[
      SELECT format_type(atttypid, atttypmod) FROM pg_attribute
      WHERE attrelid = 'alembic_version'::regclass AND attname = 'version_num']])
    assert.equal("alembic_version_pkc", query "SELECT conname FROM pg_constraint WHERE conrelid = 'alembic_version'::regclass")
    assert.same({}, m:upgrade "head")
    assert.same({ "ccc3", "bbb2" }, m:downgrade "-2")
    assert.equal("aaa1", versions())
    assert.is_false(exists "ix")
    assert.same({ "bbb2" }, m:upgrade "+1")
    assert.same({ "bbb2", "aaa1" }, m:downgrade "base")
    assert.is_false(exists "t")
    assert.equal("", versions())
  end)

  it("leave the same schema after up, down and up", function()
    write_three()
    local m = migrator()
    m:upgrade "head"
    local first = schema()
    m:downgrade "base"
    m:upgrade "head"
    assert.same({}, migrations.difference(first, schema()))
  end)

  it("have a transaction each: a failure keeps those before it", function()
    write_three()
    project.write("ddd4", "ccc3", 'op.add_column("t", pg.Column{ "x", pg.Text }) op.execute "SELECT 1/0"')
    local err = raised(function() migrator():upgrade "head" end)
    assert.equal("22012", err.sqlstate)
    assert.equal("ddd4", err.revision)
    assert.equal("ccc3", versions())
    assert.equal("id,v", query "SELECT string_agg(attname, ',' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0")
  end)

  it("may have one transaction for all: a failure keeps nothing", function()
    write_three()
    project.write("ddd4", "ccc3", 'error("broken on purpose")')
    local err = raised(function() migrator{ transaction_per_migration = false }:upgrade "head" end)
    assert.truthy(err.message:find("broken on purpose", 1, true))
    assert.is_false(exists "t")
    assert.equal("", versions())
    project.write("ddd4", "ccc3", "")
    migrator{ transaction_per_migration = false }:upgrade "head"
    assert.equal("ddd4", versions())
  end)

  it("can be tried out: everything runs and nothing stays", function()
    write_three()
    project.write("ddd4", "ccc3", [[
      op.autocommit(function() op.create_index("by_id", "t", { "id" }, { concurrently = true }) end)
      assert(op.get_context().dry_run)]])
    assert.equal(4, #migrator():upgrade("head", { dry_run = true }))
    assert.is_false(exists "t")
    assert.is_false(exists "alembic_version")
  end)

  it("branch, merge and come apart again in the version table", function()
    write_three()
    project.write("left", "ccc3", 'op.create_table("l", { pg.Column{ "id", pg.Integer } })', 'op.drop_table "l"')
    project.write("right", "ccc3", 'op.create_table("r", { pg.Column{ "id", pg.Integer } })', 'op.drop_table "r"')
    local m = migrator()
    assert.equal("MultipleHeads", raised(m.upgrade, m, "head").name)
    m:upgrade "heads"
    assert.equal("left,right", versions())
    project.write("both", { "left", "right" })
    m:upgrade "head"
    assert.equal("both", versions())
    assert.equal("AmbiguousWalk", raised(m.downgrade, m, "-1").name)
    m:downgrade "left"
    assert.equal("left,right", versions())
    m:downgrade "left@ccc3"
    assert.equal("right", versions())
    m:downgrade "base"
    assert.equal("", versions())
  end)

  it("can use another version table in another schema", function()
    write_three()
    query "CREATE SCHEMA IF NOT EXISTS meta"
    migrator{ version_table = "My Versions", version_table_schema = "meta" }:upgrade "head"
    assert.equal("ccc3", query [[SELECT version_num FROM meta."My Versions"]])
    assert.is_false(exists "alembic_version")
    query "DROP SCHEMA meta CASCADE"
  end)

  it("notice when somebody else changes the version table", function()
    write_three()
    project.write("ddd4", "ccc3", [[op.execute "UPDATE alembic_version SET version_num = 'zzzz'"]])
    local err = raised(function() migrator():upgrade "head" end)
    assert.truthy(err.message:find("expected to have one row 'ccc3', it has 0", 1, true), err.message)
    assert.equal("ccc3", versions())
  end)

  it("know a revision without a file", function()
    write_three()
    migrator():upgrade "head"
    os.remove(project.versions .. "/ccc3.lua")
    local err = raised(function() migrator():upgrade "head" end)
    assert.equal("RevisionNotFound", err.name)
    assert.truthy(err.message:find("'ccc3'", 1, true))
    migrator():stamp("bbb2", { purge = true })
    assert.equal("bbb2", versions())
  end)

  it("call on_version_apply after each, in its transaction", function()
    write_three()
    local seen = {}
    local function hook(of)
      seen[#seen + 1] = of.direction .. " " .. of.revision .. " " .. table.concat(of.heads, ",")
      assert.is_true(of.conn:in_transaction())
    end
    local m = migrator{ on_version_apply = { hook } }
    m:upgrade "bbb2"
    m:downgrade "base"
    assert.same({ "upgrade aaa1 aaa1", "upgrade bbb2 bbb2", "downgrade bbb2 aaa1", "downgrade aaa1 " }, seen)
  end)

  it("wait for locks no longer than lock_timeout", function()
    write_three()
    migrator():upgrade "head"
    project.write("ddd4", "ccc3", 'op.add_column("t", pg.Column{ "x", pg.Text })')
    engine:begin(function(conn)
      conn:exec_sql "LOCK TABLE t"
      local err = raised(function() migrator{ lock_timeout = 0.05 }:upgrade "head" end)
      assert.equal("55P03", err.sqlstate)
    end)
    assert.equal("ccc3", versions())
  end)

  it("are begun again after a lock timeout, lock_attempts times", function()
    write_three()
    migrator():upgrade "head"
    project.write("ddd4", "ccc3", 'op.add_column("t", pg.Column{ "x", pg.Text })')
    local begun = 0
    engine:connect(function(conn)
      local tx = conn:begin()
      conn:exec_sql "LOCK TABLE t"
      local settings = { lock_timeout = 0.05, lock_attempts = 2, report = function() begun = begun + 1 end }
      local err = raised(function() migrator(settings):upgrade "head" end)
      assert.equal("55P03", err.sqlstate)
      assert.equal(2, begun)
      settings.report = function()
        begun = begun + 1
        if begun == 4 then tx:rollback() end
      end
      migrator(settings):upgrade "head"
      assert.equal(4, begun)
    end)
    assert.equal("ddd4", versions())
  end)

  it("go on behind what is committed when they are begun again", function()
    write_three()
    migrator():upgrade "head"
    project.write("ddd4", "ccc3", [[
      op.autocommit(function() op.execute "CREATE TABLE once (a int)" end)
      op.add_column("t", pg.Column{ "x", pg.Text })]])
    local done = {}
    engine:connect(function(conn)
      local tx = conn:begin()
      conn:exec_sql "LOCK TABLE t"
      migrator{ lock_timeout = 0.05, lock_attempts = 2, report = function(step)
        done[#done + 1] = step.done
        if #done == 2 then tx:rollback() end
      end }:upgrade "head"
    end)
    assert.same({ 0, 1 }, done)
    assert.equal("ddd4", versions())
  end)

  it("go along with a transaction that the caller began", function()
    write_three()
    local conn = engine:connect()
    local tx = conn:begin()
    migrator{ connection = conn }:upgrade "head"
    assert.equal("ccc3", conn:exec_sql("SELECT version_num FROM alembic_version"):scalar())
    tx:rollback()
    conn:close()
    assert.is_false(exists "alembic_version")
  end)

  it("leave a caller's connection as it was", function()
    write_three()
    local conn = engine:connect()
    migrator{ connection = conn }:upgrade "head"
    assert.is_false(conn:in_transaction())
    conn:exec_sql "SELECT 1"
    assert.is_true(conn:in_transaction())
    conn:close()
  end)

  it("get the connection for what no operation does, and the library", function()
    write_three()
    project.write("ddd4", "ccc3", [[
      local conn = op.get_bind()
      for i = 1, 3 do conn:exec_sql("INSERT INTO t (id, v) VALUES ($1, $2)", { i, pg.vector{ i, 0, 0 } }) end
      assert(op.get_context().x.who == "me" and op.get_context().revision == "ddd4")]])
    migrator{ x = { who = "me" } }:upgrade "head"
    assert.equal("3", query "SELECT count(*) FROM t")
  end)

  it("use what create_table returns", function()
    project.write("aaa1", nil, [[
      local t = op.create_table("t", { pg.Column{ "id", pg.Integer, primary_key = true }, pg.Column{ "v", pg.VECTOR(2) } })
      op.bulk_insert(t, { { id = 1, v = { 1, 2 } }, { id = 2 } })]])
    migrator():upgrade "head"
    assert.equal("1|[1,2]\n2|", query "SELECT id, v FROM t ORDER BY id")
  end)

  it("stamp without running anything", function()
    write_three()
    assert.same({ "bbb2" }, migrator():stamp "bbb2")
    assert.is_false(exists "t")
    assert.same({ "bbb2" }, { migrator():current()[1].revision })
    assert.same({}, migrator():stamp "base")
  end)

  describe("in op.autocommit", function()
    local BUILD = [[
      op.add_column("t", pg.Column{ "a", pg.Integer })
      op.autocommit(function()
        op.create_index("ix_a", "t", { "a" }, { concurrently = true })
        op.create_index("ix_id", "t", { "id" }, { concurrently = true })
      end)
      op.add_column("t", pg.Column{ "b", pg.Integer })
      %s]]

    before_each(function()
      write_three()
      migrator():upgrade "head"
    end)

    it("build indexes concurrently, and go on in a new transaction", function()
      project.write("ddd4", "ccc3", BUILD:format "", [[
        op.drop_column("t", "b")
        op.autocommit(function() op.drop_index("ix_id", { concurrently = true }) op.drop_index("ix_a", { concurrently = true }) end)
        op.drop_column("t", "a")]])
      local before = schema()
      migrator():upgrade "head"
      assert.equal("ddd4", versions())
      assert.equal("t", query "SELECT bool_and(indisvalid) FROM pg_index WHERE indrelid = 't'::regclass")
      assert.is_false(exists "alembic_version_progress")
      migrator():downgrade "-1"
      assert.same({}, migrations.difference(before, schema()))
    end)

    it("refuse CONCURRENTLY outside of it before anything is sent", function()
      for _, call in ipairs{
        'op.create_index("ix_a", "t", { "id" }, { concurrently = true })',
        'op.create_hnsw_index("ix_a", "t", "v", { metric = "l2", concurrently = true })',
        'op.drop_index("ix", { concurrently = true })', 'op.reindex("ix", { concurrently = true })',
      } do
        project.write("ddd4", "ccc3", call)
        local err = raised(function() migrator():upgrade "head" end)
        assert.truthy(err.message:find("op.autocommit(function() … end)", 1, true), err.message)
        assert.is_nil(err.sqlstate)
      end
    end)

    it("go on behind what was done when they failed before", function()
      project.write("ddd4", "ccc3", BUILD:format 'op.execute "SELECT 1/0"')
      assert.equal("22012", raised(function() migrator():upgrade "head" end).sqlstate)
      assert.equal("ccc3", versions())
      assert.is_true(exists "ix_a")
      -- nothing else may be done in between
      local err = raised(function() migrator():downgrade "-1" end)
      assert.truthy(err.message:find("the upgrade of revision 'ddd4' was interrupted after 3 operations", 1, true), err.message)
      project.write("ddd4", "ccc3", BUILD:format "")
      local told
      migrator{ report = function(step) told = step.done end }:upgrade "head"
      assert.equal(3, told)
      assert.equal("ddd4", versions())
      assert.is_false(exists "alembic_version_progress")
    end)

    it("leave a transaction around what follows when the migration catches an error in them", function()
      project.write("ddd4", "ccc3", [[
        pcall(op.autocommit, function() op.execute "SELECT 1/0" end)
        op.add_column("t", pg.Column{ "a", pg.Integer })
        error("broken on purpose")]])
      raised(function() migrator():upgrade "head" end)
      assert.equal("2", query "SELECT count(*) FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0")
    end)

    it("replace the invalid index that a failed build left", function()
      query "INSERT INTO t (id) VALUES (1), (2); ALTER TABLE t ADD COLUMN same int DEFAULT 1"
      project.write("ddd4", "ccc3", [[
        op.autocommit(function()
          op.create_index("uq_same", "t", { "same" }, { unique = true, concurrently = true, if_not_exists = true })
        end)]])
      assert.equal("23505", raised(function() migrator():upgrade "head" end).sqlstate)
      assert.equal("f", query "SELECT indisvalid FROM pg_index WHERE indexrelid = 'uq_same'::regclass")
      assert.equal("ccc3", versions())
      query "UPDATE t SET same = id"
      migrator():upgrade "head"
      assert.equal("t", query "SELECT indisvalid FROM pg_index WHERE indexrelid = 'uq_same'::regclass")
    end)

    it("drop what an interrupted REINDEX left", function()
      query "CREATE INDEX ix_ccnew ON t (id); UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_ccnew'::regclass"
      project.write("ddd4", "ccc3", 'op.autocommit(function() op.reindex("ix", { concurrently = true }) end)')
      migrator():upgrade "head"
      assert.is_false(exists "ix_ccnew")
      assert.is_true(exists "ix")
    end)

    it("can use an enum value that was added there, and nowhere else", function()
      query "CREATE TYPE mood AS ENUM ('sad'); ALTER TABLE t ADD COLUMN m mood"
      project.write("ddd4", "ccc3", [[
        op.add_enum_value("mood", "happy")
        op.execute "INSERT INTO t (id, m) VALUES (1, 'happy')"]])
      local err = raised(function() migrator():upgrade "head" end)
      assert.equal("55P04", err.sqlstate)
      assert.truthy(err.hint:find("op.autocommit", 1, true))
      project.write("ddd4", "ccc3", [[
        op.autocommit(function() op.add_enum_value("mood", "happy") end)
        op.execute "INSERT INTO t (id, m) VALUES (1, 'happy')"]])
      migrator():upgrade "head"
      assert.equal("happy", query "SELECT m FROM t")
    end)

    it("set memory and workers for one build only", function()
      project.write("ddd4", "ccc3", [[
        op.create_hnsw_index("ix1", "t", "v", { metric = "cosine", maintenance_work_mem = "77MB", parallel_workers = 1 })
        local conn = op.get_bind()
        assert(conn:exec_sql("SHOW maintenance_work_mem"):scalar() ~= "77MB")
        op.autocommit(function()
          op.create_hnsw_index("ix2", "t", "v", { metric = "ip", maintenance_work_mem = "77MB", concurrently = true })
          assert(conn:exec_sql("SHOW maintenance_work_mem"):scalar() ~= "77MB")
          op.lock_timeout "9s"
          assert(conn:exec_sql("SHOW lock_timeout"):scalar() == "9s")
        end)
        assert(conn:exec_sql("SHOW lock_timeout"):scalar() == "0")]])
      migrator():upgrade "head"
      assert.is_true(exists "ix2")
    end)

    it("are refused in a transaction that the caller began", function()
      project.write("ddd4", "ccc3", "op.autocommit(function() end)")
      engine:connect(function(conn)
        local tx = conn:begin()
        local err = raised(function() migrator{ connection = conn }:upgrade "head" end)
        assert.truthy(err.message:find("begun by whoever called", 1, true), err.message)
        tx:rollback()
      end)
    end)

    it("watch a build over a second connection", function()
      project.write("ddd4", "ccc3", [[
        op.autocommit(function()
          op.create_hnsw_index("ix_slow", "t", "v", { metric = "cosine", concurrently = true })
        end)]])
      -- the build waits for this transaction, which ends when the build is seen
      local writer = engine:connect()
      writer:exec_sql "INSERT INTO t (id) VALUES (1)"
      local phases, finished = {}, nil
      migrator{ build_progress = function(name)
        assert.equal("ix_slow", name)
        return {
          update = function(done, total, phase)
            assert.is_number(done)
            assert.is_number(total)
            phases[#phases + 1] = phase
            writer:commit()
          end,
          finish = function(ok) finished = ok end,
        }
      end }:upgrade "head"
      writer:close()
      assert.is_true(finished)
      assert.is_true(exists "ix_slow")
      assert.equal("waiting for writers before build", phases[1])
    end)
  end)

  describe("by several at once", function()
    it("are one after the other", function()
      write_three()
      local other = pg.create_engine(url)
      local holder = other:connect()
      holder:execution_options{ isolation_level = "AUTOCOMMIT" }
      holder:advisory_lock "lua-pgvector migrate alembic_version"
      local err = raised(function() migrator{ lock_wait = 0.05 }:upgrade "head" end)
      assert.equal("TimeoutError", err.class)
      assert.truthy(err.message:find("another migration is running", 1, true))
      assert.is_false(exists "t")
      holder:advisory_unlock "lua-pgvector migrate alembic_version"
      migrator{ lock_wait = 0.05 }:upgrade "head"
      -- and gave the lock back
      assert.is_true(holder:advisory_lock("lua-pgvector migrate alembic_version", { try = true }))
      holder:close()
      other:dispose()
    end)

    it("give the lock back when they fail", function()
      project.write("aaa1", nil, 'op.execute "SELECT 1/0"')
      raised(function() migrator():upgrade "head" end)
      project.write("aaa1", nil, "")
      migrator{ lock_wait = 0 }:upgrade "head"
    end)
  end)

  it("killed at any statement go on with the next upgrade", function()
    project.write("aaa1", nil, 'op.create_table("t", { pg.Column{ "id", pg.Integer, index = true } })')
    project.write("ddd4", "aaa1", [[
      op.autocommit(function() op.create_index("ix", "t", { "id" }, { concurrently = true }) end)
      op.add_column("t", pg.Column{ "a", pg.Integer })
      op.autocommit(function()
        op.add_column("t", pg.Column{ "b", pg.Integer })
        op.drop_index("ix_t_id", { concurrently = true })
      end)
      op.add_column("t", pg.Column{ "c", pg.Integer })]])
    -- what it comes to without a kill
    migrator():upgrade "head"
    local wanted = schema()

    -- An engine whose connection is killed by the server at the n-th statement.
    local function killed_at(n)
      local count = 0
      local own
      own = pg.create_engine(url, { echo = function()
        count = count + 1
        if count == n then
          engine:connect(function(conn)
            conn:exec_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
              .. "AND pid <> pg_backend_pid() AND application_name = 'victim'")
          end)
        end
      end, connect_args = { application_name = "victim" } })
      local ok = pcall(function() migrator{ engine = own }:upgrade "head" end)
      own:dispose()
      return ok
    end

    local n = 0
    repeat
      n = n + 1
      fresh_schema()
      local unharmed = killed_at(n)
      migrator():upgrade "head"
      assert.equal("ddd4", versions())
      local after = schema()
      assert.same({}, migrations.difference(wanted, after), "killed after statement " .. n)
    until unharmed
    assert.is_true(n > 20)
  end)
end)
