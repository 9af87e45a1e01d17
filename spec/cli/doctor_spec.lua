-- The command `pgvector doctor`, on tables that are ill and on healthy ones.

local command_line = require "spec.support.command_line"
local db = require "spec.support.db"
local pg = require "pgvector"
local pgbouncer = require "spec.support.pgbouncer"
local program = require "spec.support.program"

-- `check` provoked by what `ill` makes (a table of that name), and silent on
-- what `well` makes.
local cases = {
  {
    check = "index_invalid", level = "error", object = "index public.invalid_ill_ix", message = "its build failed",
    remedy = "REINDEX INDEX CONCURRENTLY public.invalid_ill_ix",
    ill = [[CREATE TABLE invalid_ill (id int, v vector(2)); CREATE INDEX invalid_ill_ix ON invalid_ill USING hnsw (v vector_l2_ops);
      UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'invalid_ill_ix'::regclass]],
    well = "CREATE TABLE invalid_well (id int, v vector(2)); CREATE INDEX invalid_well_ix ON invalid_well USING hnsw (v vector_l2_ops)",
  },
  {
    check = "index_invalid", level = "error", object = "index public.leftover_ill_ccnew1", message = "its build failed",
    remedy = "DROP INDEX CONCURRENTLY public.leftover_ill_ccnew1",
    ill = [[CREATE TABLE leftover_ill (id int, v vector(2)); CREATE INDEX leftover_ill_ccnew1 ON leftover_ill USING hnsw (v vector_l2_ops);
      UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'leftover_ill_ccnew1'::regclass]],
  },
  {
    check = "index_duplicate", level = "warning", object = "index public.duplicate_ill_b",
    message = "it does what index duplicate_ill_a does", remedy = "DROP INDEX CONCURRENTLY public.duplicate_ill_b",
    ill = [[CREATE TABLE duplicate_ill (v vector(2));
      CREATE INDEX duplicate_ill_a ON duplicate_ill USING hnsw (v vector_l2_ops);
      CREATE INDEX duplicate_ill_b ON duplicate_ill USING hnsw (v vector_l2_ops) WITH (m = 20)]],
    well = [[CREATE TABLE duplicate_well (a int, v vector(2));
      CREATE INDEX ON duplicate_well USING hnsw (v vector_l2_ops);
      CREATE INDEX ON duplicate_well USING hnsw (v vector_l2_ops) WHERE a = 1;
      CREATE INDEX ON duplicate_well USING hnsw ((v::halfvec(2)) halfvec_l2_ops);
      CREATE INDEX ON duplicate_well USING hnsw (v vector_cosine_ops)]],
  },
  {
    check = "index_metrics", level = "note", object = "column public.metrics_ill.v", message = "measure cosine and l2",
    remedy = "drop what no search asks for",
    ill = [[CREATE TABLE metrics_ill (v vector(2)); CREATE INDEX ON metrics_ill USING hnsw (v vector_l2_ops);
      CREATE INDEX ON metrics_ill USING hnsw (v vector_cosine_ops)]],
    well = [[CREATE TABLE metrics_well (v vector(2), w vector(2)); CREATE INDEX ON metrics_well USING hnsw (v vector_l2_ops);
      CREATE INDEX ON metrics_well USING hnsw ((v::halfvec(2)) halfvec_l2_ops);
      CREATE INDEX ON metrics_well USING hnsw ((binary_quantize(v)::bit(2)) bit_hamming_ops);
      CREATE INDEX ON metrics_well USING hnsw (w vector_ip_ops)]],
  },
  {
    check = "column_dimensions", level = "warning", object = "column public.dimensions_ill.v", message = "no declared dimensions",
    remedy = "ALTER TABLE public.dimensions_ill ALTER COLUMN v TYPE halfvec(n)",
    ill = "CREATE TABLE dimensions_ill (v halfvec)", well = "CREATE TABLE dimensions_well (v halfvec(3), w sparsevec(3))",
  },
  {
    check = "column_unindexed", level = "warning", object = 'column public.unindexed_ill.The "v"',
    message = "each search reads all of the 10,001 rows",
    remedy = [[CREATE INDEX CONCURRENTLY ON public.unindexed_ill USING hnsw ("The ""v""" vector_cosine_ops)]],
    ill = [[CREATE TABLE unindexed_ill ("The ""v""" vector(2)); INSERT INTO unindexed_ill SELECT '[1,2]' FROM generate_series(1, 10001);
      ANALYZE unindexed_ill]],
    well = [[CREATE TABLE unindexed_well (v vector(2), w halfvec(2)); INSERT INTO unindexed_well SELECT '[1,2]', '[1,2]'
      FROM generate_series(1, 10001); CREATE INDEX ON unindexed_well USING ivfflat (v vector_l2_ops) WITH (lists = 10);
      CREATE INDEX ON unindexed_well USING hnsw ((binary_quantize(w)::bit(2)) bit_hamming_ops) WITH (m = 8, ef_construction = 32); ANALYZE unindexed_well;
      CREATE TABLE unindexed_well_small (v vector(2)); INSERT INTO unindexed_well_small SELECT '[1,2]' FROM generate_series(1, 10000)]],
  },
  {
    check = "column_long", level = "note", object = "column public.long_ill.v",
    message = "2001 dimensions are too many for an index on vector: one on halfvec takes them",
    remedy = "CREATE INDEX CONCURRENTLY ON public.long_ill USING hnsw ((v::halfvec(2001)) halfvec_cosine_ops)",
    ill = "CREATE TABLE long_ill (v vector(2001))",
    well = [[CREATE TABLE long_well (v vector(2000), w halfvec(4000), s sparsevec(100000), x vector(3000));
      CREATE INDEX ON long_well USING hnsw ((x::halfvec(3000)) halfvec_cosine_ops)]],
  },
  {
    check = "column_long", level = "note", object = "column public.longer_ill.v", message = "one on bits takes them",
    remedy = "CREATE INDEX ON public.longer_ill USING hnsw ((binary_quantize(v)::bit(4001)) bit_hamming_ops)",
    ill = "CREATE TABLE longer_ill (id int, v halfvec(4001)) PARTITION BY HASH (id)",
  },
  {
    check = "null_share", level = "note", object = "column public.null_ill.v", message = "50 % of the rows have no vector",
    remedy = "look at SELECT count(*) FROM public.null_ill WHERE v IS NULL",
    ill = [[CREATE TABLE null_ill (v vector(2)); INSERT INTO null_ill SELECT CASE WHEN i % 2 = 0 THEN '[1,2]'::vector END
      FROM generate_series(1, 200) AS i; ANALYZE null_ill]],
    well = [[CREATE TABLE null_well (v vector(2)); INSERT INTO null_well SELECT CASE WHEN i % 20 > 0 THEN '[1,2]'::vector END
      FROM generate_series(1, 200) AS i; ANALYZE null_well]],
  },
  {
    check = "zero_vectors", level = "warning", object = "column public.zero_ill.v", message = "3 of 20 vectors are zero",
    remedy = "look at SELECT * FROM public.zero_ill WHERE public.l2_norm(v) = 0",
    ill = [[CREATE TABLE zero_ill (v halfvec(2)); INSERT INTO zero_ill SELECT ARRAY[greatest(i, 3) - 3, 0]::halfvec
      FROM generate_series(1, 20) AS i; CREATE INDEX ON zero_ill USING hnsw (v halfvec_cosine_ops)]],
    well = [[CREATE TABLE zero_well (v vector(2), w vector(2)); INSERT INTO zero_well SELECT '[0,0]', ARRAY[i, 1]::vector
      FROM generate_series(1, 20) AS i; CREATE INDEX ON zero_well USING hnsw (v vector_l2_ops);
      CREATE INDEX ON zero_well USING hnsw (w vector_cosine_ops)]],
  },
  {
    check = "sparse_nonzeros", level = "warning", object = "column public.sparse_ill.v",
    message = "a vector has 1,001 values that are not zero, an index takes 1,000", remedy = "keep the largest",
    ill = [[CREATE TABLE sparse_ill (v sparsevec(5000)); INSERT INTO sparse_ill SELECT
      (array_agg(CASE WHEN i <= 1001 THEN i ELSE 0 END ORDER BY i)::real[])::sparsevec FROM generate_series(1, 5000) AS i]],
    well = [[CREATE TABLE sparse_well (v sparsevec(5000)); INSERT INTO sparse_well SELECT
      (array_agg(CASE WHEN i <= 1000 THEN i ELSE 0 END ORDER BY i)::real[])::sparsevec FROM generate_series(1, 5000) AS i;
      INSERT INTO sparse_well VALUES ('{1:1}/5000')]],
  },
  {
    check = "ivfflat_lists", level = "warning", object = "index public.lists_ill_ix", message = "100 lists are too many for 2,000 rows",
    remedy = "ALTER INDEX public.lists_ill_ix SET (lists = 10); REINDEX INDEX CONCURRENTLY public.lists_ill_ix",
    ill = [[CREATE TABLE lists_ill (v vector(2)); INSERT INTO lists_ill SELECT ARRAY[random(), random()]::vector
      FROM generate_series(1, 2000); CREATE INDEX lists_ill_ix ON lists_ill USING ivfflat (v vector_l2_ops); ANALYZE lists_ill]],
    well = [[CREATE TABLE lists_well (v vector(2)); INSERT INTO lists_well SELECT ARRAY[random(), random()]::vector
      FROM generate_series(1, 2000); CREATE INDEX ON lists_well USING ivfflat (v vector_l2_ops) WITH (lists = 10);
      ANALYZE lists_well]],
  },
  { -- before ANALYZE, which counts anew
    check = "ivfflat_untrained", level = "warning", object = "index public.untrained_ill_ix",
    message = "it was built on 0 rows, now there are 2,000: its lists do not fit the vectors",
    remedy = "REINDEX INDEX CONCURRENTLY public.untrained_ill_ix",
    ill = [[CREATE TABLE untrained_ill (v vector(2)) WITH (autovacuum_enabled = false);
      CREATE INDEX untrained_ill_ix ON untrained_ill USING ivfflat (v vector_cosine_ops) WITH (lists = 3);
      INSERT INTO untrained_ill SELECT ARRAY[random(), random()]::vector FROM generate_series(1, 2000)]],
    well = [[CREATE TABLE untrained_well (v vector(2)) WITH (autovacuum_enabled = false);
      INSERT INTO untrained_well SELECT ARRAY[random() - 0.5, random() - 0.5]::vector FROM generate_series(1, 2000);
      CREATE INDEX untrained_well_ix ON untrained_well USING ivfflat (v vector_l2_ops) WITH (lists = 10)]],
  },
  { -- after it: by the rows of the lists
    check = "ivfflat_untrained", level = "warning", object = "index public.unbalanced_ill_ix",
    message = "one of its 20 lists holds 100 % of the rows", remedy = "REINDEX INDEX CONCURRENTLY public.unbalanced_ill_ix",
    ill = [[CREATE TABLE unbalanced_ill (v vector(2)); INSERT INTO unbalanced_ill VALUES ('[0.5,0.5]');
      CREATE INDEX unbalanced_ill_ix ON unbalanced_ill USING ivfflat (v vector_l2_ops) WITH (lists = 20);
      INSERT INTO unbalanced_ill SELECT ARRAY[1000 + random(), 1000 + random()]::vector FROM generate_series(1, 2000);
      ANALYZE unbalanced_ill]],
    well = [[CREATE TABLE unbalanced_well (v vector(2)); INSERT INTO unbalanced_well
      SELECT ARRAY[1000 + random(), 1000 + random()]::vector FROM generate_series(1, 2000);
      CREATE INDEX ON unbalanced_well USING ivfflat (v vector_l2_ops) WITH (lists = 20); ANALYZE unbalanced_well]],
  },
  {
    check = "hnsw_options", level = "note", object = "index public.options_ill_ix",
    message = "m = 4 (8 to 64), ef_construction = 8 (32 to 512)", remedy = "pgvector tune",
    ill = [[CREATE TABLE options_ill (v vector(2));
      CREATE INDEX options_ill_ix ON options_ill USING hnsw (v vector_l2_ops) WITH (m = 4, ef_construction = 8)]],
    well = [[CREATE TABLE options_well (v vector(2)); CREATE INDEX ON options_well USING hnsw (v vector_l2_ops);
      CREATE INDEX ON options_well USING hnsw (v vector_ip_ops) WITH (m = 32, ef_construction = 200);
      CREATE INDEX ON options_well USING ivfflat (v vector_cosine_ops) WITH (lists = 1)]],
  },
  {
    check = "index_maintenance_memory", level = "note", object = "index public.memory_ill_ix",
    message = "built anew it does not fit into maintenance_work_mem (1 MB)", remedy = "SET maintenance_work_mem = '",
    ill = [[CREATE TABLE memory_ill (v vector(100)); INSERT INTO memory_ill SELECT array_fill(i, ARRAY[100])::vector
      FROM generate_series(1, 3000) AS i; CREATE INDEX memory_ill_ix ON memory_ill USING hnsw (v vector_l2_ops)]],
    well = "CREATE TABLE memory_well (v vector(100)); CREATE INDEX ON memory_well USING hnsw (v vector_l2_ops)",
  },
  {
    check = "never_analyzed", level = "warning", object = "table public.analyzed_ill", message = "it was never analyzed",
    remedy = "ANALYZE public.analyzed_ill",
    ill = [[CREATE TABLE analyzed_ill (v vector(2)) WITH (autovacuum_enabled = false);
      INSERT INTO analyzed_ill SELECT '[1,2]' FROM generate_series(1, 200)]],
    well = [[CREATE TABLE analyzed_well (v vector(2)) WITH (autovacuum_enabled = false);
      INSERT INTO analyzed_well SELECT '[1,2]' FROM generate_series(1, 200); ANALYZE analyzed_well;
      CREATE TABLE analyzed_well_small (v vector(2)); INSERT INTO analyzed_well_small VALUES ('[1,2]')]],
  },
  {
    check = "dead_rows", level = "warning", object = "table public.dead_ill", message = "2,000 dead rows beside 3,000",
    remedy = "VACUUM public.dead_ill",
    ill = [[CREATE TABLE dead_ill (a int, v vector(2)) WITH (autovacuum_enabled = false);
      INSERT INTO dead_ill SELECT i, '[1,2]' FROM generate_series(1, 5000) AS i; ANALYZE dead_ill; DELETE FROM dead_ill WHERE a <= 2000]],
    well = [[CREATE TABLE dead_well (a int, v vector(2)) WITH (autovacuum_enabled = false);
      INSERT INTO dead_well SELECT i, '[1,2]' FROM generate_series(1, 5000) AS i; ANALYZE dead_well; DELETE FROM dead_well WHERE a <= 900]],
  },
}

describe("pgvector doctor", function()
  local url, drop, name -- of the database
  local document, status, findings

  local function doctor(...) return command_line.run("doctor", "--url", url, ...) end

  -- The findings of a check in a document, about objects whose name has a text.
  local function found(list, check, object)
    local some = {}
    for _, finding in ipairs(list) do
      if finding.check == check and (not object or finding.object:find(object, 1, true)) then some[#some + 1] = finding end
    end
    return some
  end

  local function look(...)
    return command_line.document("doctor", "--url", url, "--json", ...)
  end

  setup(function()
    url, drop = db.create()
    name = db.psql("SELECT current_database()", url)
    for _, case in ipairs(cases) do
      db.psql(case.ill, url)
      if case.well then db.psql(case.well, url) end
    end
    db.psql("CREATE TABLE plain (id int); CREATE SCHEMA app; CREATE TABLE app.other (v vector(2))", url)
    document, status = command_line.document("doctor", "--json", "--deep", "--url",
      db.with(url, "options", "-c maintenance_work_mem=1MB"))
    findings = document.findings
  end)
  teardown(function() drop() end)

  for _, case in ipairs(cases) do
    local about = case.ill:match "CREATE TABLE (%w+)_ill"
    it(("finds %s: %s"):format(case.check, case.message), function()
      local some = found(findings, case.check, about .. "_ill")
      assert.equal(1, #some)
      assert.equal(case.level, some[1].level)
      assert.equal(case.object, some[1].object)
      assert.truthy(some[1].message:find(case.message, 1, true), some[1].message)
      assert.truthy(some[1].remedy:find(case.remedy, 1, true), some[1].remedy)
    end)
    if case.well then
      it(("is silent about %s where there is nothing of it (%s)"):format(case.check, about), function()
        assert.same({}, found(findings, case.check, about .. "_well"))
      end)
    end
  end

  it("looks at all tables with vectors, and tells what it has looked at", function()
    local tables, checks = {}, {}
    for _, table_name in ipairs(document.checked.tables) do tables[table_name] = true end
    for _, check in ipairs(document.checked.checks) do checks[check] = true end
    assert.is_true(tables["public.zero_ill"] and tables["app.other"])
    assert.is_nil(tables["public.plain"])
    for _, case in ipairs(cases) do assert.is_true(checks[case.check]) end
    assert.equal(1, status)
  end)

  it("puts the worst first", function()
    local rank, last = { error = 1, warning = 2, note = 3 }, 1
    for _, finding in ipairs(findings) do
      assert.is_true(rank[finding.level] >= last)
      last = rank[finding.level]
    end
    assert.equal(3, last)
  end)

  it("looks at rows only where it is asked to", function()
    assert.same({}, found(look("zero_ill").findings, "zero_vectors"))
    assert.equal(1, #found(look("zero_ill", "--deep").findings, "zero_vectors"))
  end)

  it("looks at the tables that are named", function()
    local some = look("app.other", "dimensions_ill")
    assert.same({ "app.other", "public.dimensions_ill" }, { some.checked.tables[1], some.checked.tables[2] })
    assert.same({}, found(some.findings, "index_invalid"))
    assert.equal(0, #look("plain").checked.tables)
  end)

  it("prints a finding and its remedy on two lines, and the sum on the last", function()
    local text = doctor "options_ill"
    assert.truthy(text:find([[
note     index public.options_ill_ix: it is built in an unusual way: m = 4 (8 to 64), ef_construction = 8 (32 to 512)
         measure it: pgvector tune
]], 1, true), text)
    assert.matches("\n%d+ checks, 1 table: .*1 note\n$", text)
  end)

  it("says so when a table is not there", function()
    local text, exit_status, said = doctor("nix")
    assert.equal("", text)
    assert.equal(1, exit_status)
    assert.matches("table 'nix' does not exist", said)
  end)

  it("counts a partitioned table's indexes once, and never asks for CONCURRENTLY there", function()
    db.psql([[CREATE TABLE parted (a int, v vector(2)) PARTITION BY RANGE (a);
      CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (9);
      CREATE INDEX parted_a ON parted USING hnsw (v vector_l2_ops); CREATE INDEX parted_b ON parted USING hnsw (v vector_l2_ops)]], url)
    local some = found(look().findings, "index_duplicate", "parted")
    assert.equal(1, #some)
    assert.equal("DROP INDEX public.parted_b", some[1].remedy)
    db.psql("DROP TABLE parted; CREATE TABLE parted (a int, v vector(2)) PARTITION BY RANGE (a); "
      .. "CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (9); "
      .. "CREATE INDEX parted_a ON ONLY parted USING hnsw (v vector_l2_ops)", url)
    some = found(look().findings, "index_invalid", "parted")
    assert.equal(1, #some)
    assert.matches("not all partitions", some[1].message)
  end)

  it("tells which tables it may not read", function()
    local role = name
    db.psql("CREATE ROLE " .. role .. " LOGIN", url)
    finally(function() db.psql("DROP OWNED BY " .. role .. "; DROP ROLE " .. role, url) end)
    db.psql("GRANT SELECT ON null_well TO " .. role, url)
    local some = command_line.document("doctor", "--url", db.with(url, "user", role), "--deep", "--json").findings
    local ill = found(some, "not_readable", "null_ill")
    assert.equal("note", ill[1].level)
    assert.equal("GRANT SELECT ON public.null_ill TO " .. role, ill[1].remedy)
    assert.same({}, found(some, "not_readable", "null_well"))
    assert.same({}, found(some, "null_share", "null_ill"))
    assert.same({}, found(findings, "not_readable"))
  end)

  it("finds parameters of the database and of roles that the server will not take, or that leave rows out", function()
    -- roles and their parameters are those of all databases, of other specs' too
    assert.same({}, found(findings, "setting_invalid", name))
    assert.same({}, found(findings, "ef_search_low", name))
    db.psql("CREATE ROLE " .. name, url)
    finally(function()
      db.psql("DROP ROLE " .. name, url)
      db.psql("ALTER DATABASE " .. name .. " RESET ALL", url)
    end)
    db.psql("ALTER DATABASE " .. name .. " SET hnsw.ef_search = 20", url)
    db.psql("ALTER ROLE " .. name .. " SET hnsw.iterative_scan = 'on'", url)
    db.psql("ALTER ROLE " .. name .. " IN DATABASE " .. name .. " SET ivfflat.probes = 50000", url)
    db.psql("ALTER ROLE " .. name .. " SET hnsw.max_scan_tuples = 5000", url)
    local some = look("app.other").findings
    local low, invalid = found(some, "ef_search_low", name), found(some, "setting_invalid", name)
    assert.equal(1, #low)
    assert.equal("database " .. name, low[1].object)
    assert.equal("note", low[1].level)
    assert.equal("ALTER DATABASE " .. name .. " RESET hnsw.ef_search", low[1].remedy)
    assert.equal(2, #invalid)
    assert.equal("role " .. name, invalid[1].object)
    assert.equal("hnsw.iterative_scan does not know 'on': the server takes the default", invalid[1].message)
    assert.equal(("role %s in database %s"):format(name, name), invalid[2].object)
    assert.equal(("ALTER ROLE %s IN DATABASE %s RESET ivfflat.probes"):format(name, name), invalid[2].remedy)
  end)

  it("finds a pooler in the way #programs", function()
    assert.same({}, found(findings, "pooler"))
    local engine = pg.create_engine(url)
    local server = engine:connect(function(conn)
      conn:exec_sql("SELECT 1"):close()
      return conn._link.pg:info()
    end)
    engine:dispose()
    local proxy = pgbouncer.start(server)
    finally(proxy.stop)
    local some = command_line.document("doctor", "--url", proxy.url(name), "app.other", "--json").findings
    assert.equal(1, #found(some, "pooler"))
    assert.equal("note", found(some, "pooler")[1].level)
    assert.matches("prepared_statements = false", found(some, "pooler")[1].remedy)
  end)

  it("finds objects of the extension that are older than its library", function()
    local version = db.psql("SELECT extversion FROM pg_extension WHERE extname = 'vector'", url)
    db.psql("UPDATE pg_extension SET extversion = '0.7.4' WHERE extname = 'vector'", url)
    finally(function()
      db.psql("UPDATE pg_extension SET extversion = '" .. version .. "' WHERE extname = 'vector'", url)
    end)
    local some = found(look("app.other").findings, "extension_outdated")
    assert.equal("its objects are those of 0.7.4, the server has " .. version, some[1].message)
    assert.equal("ALTER EXTENSION vector UPDATE", some[1].remedy)
    assert.same({}, found(findings, "extension_outdated"))
  end)

  it("finds that the extension is not there", function()
    local other, drop_other = db.create()
    finally(drop_other)
    db.psql("DROP EXTENSION vector", other)
    local text, exit_status = command_line.run("doctor", "--url", other)
    assert.equal(1, exit_status)
    assert.matches("^error    extension vector: the database has no vectors: the extension is not there\n"
      .. " +CREATE EXTENSION vector\n", text)
    assert.same({}, found(findings, "extension_missing"))
  end)

  it("finds the extension in a schema that nobody looks into", function()
    local other, drop_other = db.create()
    finally(drop_other)
    db.psql([[DROP EXTENSION vector; CREATE SCHEMA "Ext"; CREATE EXTENSION vector SCHEMA "Ext";
      CREATE TABLE t (v "Ext".vector(2)); INSERT INTO t VALUES ('[0,0]');
      CREATE INDEX ON t USING hnsw (v "Ext".vector_cosine_ops)]], other)
    local some = command_line.document("doctor", "--url", other, "--deep", "--json").findings
    assert.equal('look at SELECT * FROM public.t WHERE "Ext".vector_norm(v) = 0', found(some, "zero_vectors")[1].remedy)
    assert.matches("schema Ext is not on the search_path", found(some, "extension_hidden")[1].message)
    db.psql(found(some, "extension_hidden")[1].remedy, other)
    assert.same({}, found(command_line.document("doctor", "--url", other, "--json").findings, "extension_hidden"))
    assert.same({}, found(findings, "extension_hidden"))
  end)

  it("is a program #programs", function()
    local text, _, exit_status = program.run("bin/pgvector", { PGVECTOR_URL = url }, { "doctor", "invalid_ill" })
    assert.equal(1, exit_status)
    assert.matches("^error    index public.invalid_ill_ix: ", text)
  end)
end)
