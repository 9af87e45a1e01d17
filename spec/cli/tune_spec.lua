-- The command `pgvector tune`.

local command_line = require "spec.support.command_line"
local db = require "spec.support.db"
local json = require "pgvector.types.json"
local program = require "spec.support.program"

local unpack = table.unpack or unpack -- luacheck: ignore 113 143

local schema = [[
  SELECT setseed(0.25);
  CREATE TABLE items (id int PRIMARY KEY, part int, e vector(24), small vector(2));
  INSERT INTO items SELECT i, i % 20, (SELECT array_agg(random() - 0.5) FROM generate_series(1, 24 + 0 * i))::vector,
    ARRAY[i % 3, 1]::vector FROM generate_series(1, 3000) AS i;
  INSERT INTO items VALUES (9000, 1, NULL, NULL);
  CREATE INDEX items_rough ON items USING hnsw (e vector_l2_ops) WITH (m = 2, ef_construction = 4);
  CREATE INDEX items_bits ON items USING hnsw ((binary_quantize(e)::bit(24)) bit_hamming_ops);
  CREATE INDEX items_half ON items USING hnsw ((e::halfvec(24)) halfvec_ip_ops);
  CREATE INDEX items_small ON items USING hnsw (small vector_l2_ops);
  CREATE TABLE lists AS SELECT * FROM items;
  CREATE INDEX lists_e ON lists USING ivfflat (e) WITH (lists = 12);
  CREATE TABLE app (a int, b text, v vector(24), "zero v" vector(2), bare vector(2), broken vector(2), PRIMARY KEY (a, b));
  INSERT INTO app SELECT id, 'x', e, '[0,0]', '[1,2]', '[1,2]' FROM items WHERE id <= 500;
  CREATE INDEX app_part ON app USING hnsw (v vector_cosine_ops) WHERE a <= 250;
  CREATE INDEX app_zero ON app USING hnsw ("zero v" vector_cosine_ops);
  CREATE INDEX app_broken ON app USING hnsw (broken vector_l2_ops);
  UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'app_broken'::regclass;
  CREATE TABLE empty (id int PRIMARY KEY, v vector(2));
  CREATE INDEX ON empty USING hnsw (v vector_l2_ops);
  ANALYZE]]

describe("pgvector tune", function()
  local url, by_index, drop

  setup(function()
    url, drop = db.create()
    db.psql(schema, url)
    -- small tables are read faster as a whole
    by_index = db.with(url, "options", "-c enable_seqscan=off -c jit=off")
  end)
  teardown(function() drop() end)

  local function tune(...) return command_line.run("tune", "--url", by_index, ...) end
  local function document(...) return command_line.document("tune", "--url", by_index, "--json", ...) end

  local function column(steps, name)
    local list = {}
    for i, step in ipairs(steps) do list[i] = step[name] or step.options[name] end
    return list
  end

  it("measures step by step, and recommends the first that is good enough", function()
    local result, status = document("items", "--column", "e", "--index", "items_rough", "--queries", "30", "--recall", "0.6")
    assert.equal(0, status)
    assert.equal("items", result.table)
    assert.equal("e", result.column)
    assert.equal("l2", result.metric)
    assert.equal("hnsw", result.index.method)
    assert.equal(2, tonumber(result.index.with.m))
    assert.equal(30, tonumber(result.queries))
    local recalls, chosen = column(result.steps, "recall"), nil
    assert.is_true(recalls[1] < 0.6)
    for i, recall in ipairs(recalls) do
      assert.is_true(recall >= 0 and recall <= 1)
      if recall >= 0.6 and not chosen then chosen = result.steps[i].options.ef_search end
    end
    assert.equal(chosen, result.recommended.options.ef_search)
    assert.matches("^ALTER DATABASE spec_[%w_]+ SET hnsw%.ef_search = " .. ("%d"):format(chosen) .. "$", result.recommended.settings[1])
    assert.is_true(result.exact.median_ms > 0 and result.exact.p95_ms >= result.exact.median_ms)
    assert.equal("10 20 40", table.concat(column(result.steps, "ef_search"), " ", 1, 3):gsub("%.0", ""))
  end)

  it("is the same each time, and another with another seed", function()
    local function recalls(seed)
      local result = document("items", "--column", "e", "--index", "items_rough", "--queries", "20", "--seed", seed)
      return table.concat(column(result.steps, "recall"), " ")
    end
    local first = recalls "7"
    assert.equal(first, recalls "7")
    assert.not_equal(first, recalls "-8")
  end)

  it("prints a table, the options and the setting", function()
    local text, status, said = tune("lists", "--queries", "10", "--column", "e")
    assert.equal(0, status)
    assert.equal("", said)
    local shape = text:gsub("spec_[%w_]+", "DATABASE"):gsub("%d%.%d%d%d", "R"):gsub("%d+%.%d+", "T"):gsub(" +", " ")
    assert.truthy(shape:find([[
lists.e by l2: index lists_e (ivfflat), 10 searches for 10 rows

probes recall median ms p95 ms index
]], 1, true), shape)
    assert.truthy(shape:find("\n 1 R T T lists_e\n", 1, true), shape)
    assert.truthy(shape:find("\n exact R T T none\n", 1, true), shape)
    assert.matches("a recall of T is reached at T ms by\n :nearest%(column, query, { probes = %d+ }%)\n", shape)
    assert.matches("\n ALTER DATABASE DATABASE SET ivfflat%.probes = %d+;\n", shape)
  end)

  it("ends with exit status 1 where no value finds enough", function()
    local text, status = tune("items", "--column", "e", "--index", "items_rough", "--queries", "10", "--recall", "1")
    assert.equal(1, status)
    assert.truthy(text:find("note: no value reaches a recall of 1, the best is 0.", 1, true), text)
    assert.truthy(text:find("note: build the index more thoroughly: m = 4, ef_construction = 8 (now 2 and 4)", 1, true), text)
    local result = document("items", "--column", "e", "--index", "items_rough", "--queries", "10", "--recall", "1")
    assert.equal(json.decode "null", result.recommended)
  end)

  it("finds the true neighbours without the index, also where a session prefers indexes", function()
    local result = document("lists", "--queries", "20", "--column", "e")
    assert.is_true(result.steps[1].recall < 0.7) -- one of twelve lists
    assert.equal(12, tonumber(result.steps[#result.steps].options.probes))
    assert.is_true(result.steps[#result.steps].recall >= 0.999)
  end)

  it("stops when next to everything is found", function()
    local result = document("items", "--column", "e", "--index", "items_half", "--queries", "10")
    assert.is_true(#result.steps < 10)
    assert.is_true(result.steps[#result.steps].recall >= 0.999)
  end)

  it("counts rows at the same distance as found", function()
    -- three vectors, a thousand times each: any ten of the right ones will do
    local result, status = document("items", "--column", "small", "--queries", "10")
    assert.equal(0, status)
    assert.equal(1, #result.steps)
    assert.equal(1, result.steps[1].recall)
  end)

  it("ranks the candidates of a smaller form by the vectors themselves", function()
    local result = document("items", "--column", "e", "--index", "items_half", "--queries", "10")
    assert.equal("ip", result.metric)
    assert.equal("halfvec", result.recommended.options.via)
    assert.equal(4, tonumber(result.recommended.options.oversample))
    result = document("items", "--column", "e", "--index", "items_bits", "--queries", "10", "--recall", "0.5")
    assert.equal("l2", result.metric) -- that of the column's own index
    assert.equal("binary", result.recommended.options.via)
    assert.equal("l2", result.recommended.options.metric)
    result = document("items", "--column", "e", "--index", "items_bits", "--queries", "10", "--oversample", "50", "--metric", "cosine")
    assert.equal("cosine", result.metric)
    assert.equal(50, tonumber(result.steps[1].options.oversample))
    assert.is_true(result.steps[#result.steps].recall > 0.5)
  end)

  it("measures under a condition, with and without iterative scans", function()
    local result = document("items", "--column", "e", "--index", "items_half", "--queries", "10", "--where",
      "part = 3 OR part = 4")
    local ways = {}
    for _, step in ipairs(result.steps) do ways[step.options.iterative_scan] = (ways[step.options.iterative_scan] or 0) + 1 end
    assert.is_true(ways.off >= 1 and ways.relaxed_order >= 1)
    assert.is_true(result.steps[1].rows < 10) -- a tenth of the rows is what the index saw
    assert.equal("part = 3 OR part = 4", result.where)
    assert.is_not_nil(result.recommended.options.iterative_scan)
  end)

  it("searches under the condition of a partial index", function()
    local result, status = document("app", "--column", "v", "--queries", "10")
    assert.equal(0, status)
    assert.matches("a <= 250", result.index.where)
    assert.same({ "app_part" }, { unpack(result.steps[1].indexes) })
    assert.matches("a partial one", result.remarks[1])
  end)

  it("says so when the server does without the index", function()
    local text, status = command_line.run("tune", "--url", url, "app", "--column", "v", "--queries", "10")
    assert.equal(0, status)
    assert.truthy(text:find("note: the server finds the rows without the index, and misses none", 1, true), text)
  end)

  it("says how many rows could be searched for", function()
    local result = document("app", "--column", "v", "--queries", "300")
    assert.equal(250, tonumber(result.queries))
    local found
    for _, remark in ipairs(result.remarks) do found = found or remark:find("only 250 rows", 1, true) end
    assert.is_truthy(found)
  end)

  it("writes nothing", function()
    db.psql("CREATE FUNCTION meddle() RETURNS bool LANGUAGE sql AS 'INSERT INTO empty VALUES (1); SELECT true'", url)
    local _, status, said = tune("items", "--column", "small", "--where", "meddle()")
    assert.equal(1, status)
    assert.truthy(said:find("read-only transaction", 1, true), said)
  end)

  for _, case in ipairs{
    { 2, "several vector columns, name one of them by --column: e, small", "items" },
    { 2, "several vector indexes, name one of them by --index: items_bits, items_half, items_rough", "items", "--column", "e" },
    { 2, "no index of items.e is meant, there are: items_bits", "items", "--column", "e", "--index", "nix" },
    { 2, "index items_half measures ip", "items", "--column", "e", "--index", "items_half", "--metric", "l2" },
    { 2, "--oversample is for an index on a smaller form", "items", "--column", "small", "--oversample", "3" },
    { 2, "at most 1000 candidates", "items", "--column", "e", "--index", "items_bits", "--k", "100", "--oversample", "11" },
    { 2, "--recall: expected a number from 0 to 1, got '2'", "items", "--recall", "2" },
    { 1, "app.bare has no vector index: there is nothing to tune", "app", "--column", "bare" },
    { 1, "index app_broken is invalid", "app", "--column", "broken" },
    { 1, "no row of app is a neighbour of any other", "app", "--column", "zero v" },
    { 1, "empty has no row with a vector", "empty" },
    { 1, "table 'nix' does not exist", "nix" },
    { 1, "column \"nix\" does not exist", "items", "--column", "small", "--where", "nix = 1" },
  } do
    it("tells in a line: " .. case[2], function()
      local text, status, said = tune(unpack(case, 3))
      assert.equal("", text)
      assert.truthy(said:find(case[2], 1, true), said)
      assert.equal(case[1], status, said)
    end)
  end

  it("is a program #programs", function()
    local text, ended_well = program.run("bin/pgvector", { PGVECTOR_URL = by_index },
      { "tune", "items", "--column", "small", "--queries", "5" })
    assert.is_true(ended_well, text)
    assert.matches("a recall of 0.95 is reached at", text)
  end)
end)
