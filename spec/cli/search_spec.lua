-- The command `pgvector search`.

local command_line = require "spec.support.command_line"
local db = require "spec.support.db"
local embeddings = require "spec.support.embeddings"
local json = require "pgvector.types.json"
local program = require "spec.support.program"

local unpack = table.unpack or unpack -- luacheck: ignore 113 143

local schema = [[
  CREATE TABLE items (id bigint PRIMARY KEY, owner_id int, title text, embedding vector(3),
    search tsvector GENERATED ALWAYS AS (to_tsvector('english', title)) STORED,
    length int GENERATED ALWAYS AS (length(title)) STORED);
  INSERT INTO items SELECT i, i % 10, 'item ' || i || CASE WHEN i % 3 = 0 THEN ' ships' ELSE '' END,
    ARRAY[i, i % 7, 1]::vector FROM generate_series(1, 2000) AS i;
  INSERT INTO items VALUES (5000, 1, 'without');
  CREATE INDEX items_l2 ON items USING hnsw (embedding vector_l2_ops);
  ANALYZE items;
  CREATE SCHEMA app;
  CREATE TABLE app."Odd Names" ("Key" text, part int, "select" halfvec(2), other sparsevec(4), flags bit(3),
    data jsonb, raw bytea, numbers int[], distance text, PRIMARY KEY ("Key", part));
  INSERT INTO app."Odd Names" VALUES
    ('a', 1, '[1,0]', '{1:1}/4', '101', '{"n": 3}', '\x00ff', '{}', 'far', DEFAULT),
    ('a', 2, '[2,0]', '{2:1}/4', '100', 'null', NULL, '{1,NULL}', 'near', DEFAULT),
    ('b', 1, '[9,0]', '{}/4', '010', '[]', NULL, NULL, NULL, DEFAULT);
  CREATE TABLE bare (v vector(2));
  INSERT INTO bare VALUES ('[1,1]'), ('[3,3]');
  CREATE TABLE bits (id int PRIMARY KEY, b bit(4));
  INSERT INTO bits VALUES (1, '1111'), (2, '1100'), (3, '0000');
  CREATE TABLE plain (id int PRIMARY KEY);
  CREATE TABLE notes (id int PRIMARY KEY, body text, v vector(2));
  INSERT INTO notes VALUES (1, 'the sea', '[0,1]'), (2, 'a garden', '[1,0]');
  CREATE TABLE narrow (id int PRIMARY KEY, v vector(2));
  INSERT INTO narrow SELECT i, ARRAY[i, i % 5]::vector FROM generate_series(1, 300) AS i;
  CREATE INDEX narrow_half ON narrow USING hnsw ((v::halfvec(2)) halfvec_l2_ops)]]

describe("pgvector search", function()
  local url, drop

  setup(function()
    url, drop = db.create()
    db.psql((schema:gsub(", DEFAULT%)", ")")), url)
  end)
  teardown(function() drop() end)

  local function search(...) return command_line.run("search", "--url", url, ...) end

  -- As above, in sessions that prefer an index: small tables are read faster as a whole.
  local function by_index() return db.with(url, "options", "-c enable_seqscan=off") end

  local function document(...) return (command_line.document("search", "--url", url, "--json", ...)) end

  -- The values of a column, in order, of the rows found.
  local function found(name, ...)
    local list = {}
    for i, row in ipairs(document(...).rows) do
      local value = row[name]
      list[i] = type(value) == "number" and ("%.6g"):format(value) or tostring(value)
    end
    return table.concat(list, " ")
  end

  it("prints the readable columns and the distance, nearest first", function()
    assert.equal([[
 id  owner_id  title           distance
500         0  item 500            0.25
499         9  item 499            1.25
501         1  item 501 ships   1.60078
]], (search("items", "--vector", "[499.75,3,1]", "--limit", "3")))
  end)

  it("prints one JSON document", function()
    local answer = document("items", "--vector", "[500,3,1]", "--limit", "1")
    assert.equal("items", answer.table)
    assert.equal("embedding", answer.column)
    assert.equal("l2", answer.metric)
    assert.is_number(answer.seconds)
    assert.is_nil(answer.plan)
    assert.equal(1, #answer.rows)
    local keys = {}
    for key in pairs(answer.rows[1]) do keys[#keys + 1] = key end
    table.sort(keys)
    assert.same({ "distance", "id", "owner_id", "title" }, keys)
    assert.equal("500", tostring(answer.rows[1].id))
  end)

  it("searches by another row, which it leaves out", function()
    assert.equal("501 502", found("id", "items", "--like", "500", "--limit", "2", "--where", "id >= 500"))
  end)

  it("finds as many rows by another row as are asked for, at the index's limit too", function()
    assert.equal(60, #document("items", "--like", "500", "--limit", "60").rows)
    assert.equal(40, #document("items", "--like", "500", "--limit", "40", "--ef-search", "10").rows)
  end)

  it("takes what :nearest takes", function()
    assert.equal("500", found("id", "items", "--vector", "[500,3,1]", "--within", "1"))
    assert.equal("", found("id", "items", "--vector", "[-500,3,1]", "--within", "1"))
    assert.equal("2000", found("id", "items", "--vector", "[1,0,0]", "--metric", "ip", "--limit", "1"))
    assert.equal("507", found("id", "items", "--vector", "[500,3,1]", "--where", "id = 507 OR id < 3", "--limit", "1",
      "--iterative-scan", "relaxed_order"))
    assert.equal("42", found("id", "narrow", "--vector", "[42,2]", "--via", "halfvec", "--oversample", "8",
      "--metric", "l2", "--limit", "1", "--ef-search", "80"))
  end)

  it("takes numbers and conditions that begin with a minus", function()
    assert.equal("-1", found("distance", "items", "--vector", "[1,0,0]", "--metric", "ip", "--within", "-1", "--where",
      "id = 1"))
  end)

  it("shows the columns that are selected, vectors too", function()
    local answer = document("items", "--vector", "[500,3,1]", "--limit", "1", "--select", "title, embedding")
    assert.same({ 500, 3, 1 }, { unpack(answer.rows[1].embedding) })
    assert.is_nil(answer.rows[1].id)
    assert.equal("title     embedding  distance\nitem 500  [500,3,1]         0\n",
      (search("items", "--vector", "[500,3,1]", "--limit", "1", "--select", "title,embedding")))
  end)

  it("finds its way with odd names, several types and a composite key", function()
    assert.equal([[
Key  part  flags  data     raw     numbers  distance  _distance
a       1  101    {"n":3}  \x00ff  []       far               1
b       1  010    []                                          7
]], (search("app.Odd Names", "--column", "select", "--like", "a,2", "--metric", "l2")))
    assert.equal("a b", found("Key", "app.Odd Names", "--column", "other", "--vector", "{1:1}/4", "--metric", "l2",
      "--where", "part = 1"))
    local rows = document("app.Odd Names", "--column", "flags", "--vector", "101", "--select",
      "flags,other,data,raw,numbers").rows
    assert.equal("0 1 3", found("_distance", "app.Odd Names", "--column", "flags", "--vector", "101"))
    assert.equal("101", rows[1].flags)
    assert.equal("{1:1}/4", rows[1].other)
    assert.equal(3, rows[1].data.n)
    assert.equal("\\x00ff", rows[1].raw)
    assert.equal(json.encode(json.array()), json.encode(rows[1].numbers))
  end)

  it("takes bits for the vector column where there is no other", function()
    assert.equal("3 2 1", found("id", "bits", "--vector", "0000"))
    assert.equal("hamming", document("bits", "--vector", "1110").metric)
  end)

  it("searches tables without a primary key, and those whose index keeps half precision", function()
    assert.equal("[3,3] [1,1]", (search("bare", "--vector", "[3,3]", "--metric", "l2", "--select", "v")
      :gsub("v%s+distance\n", ""):gsub(" +[%d.]+\n", " "):gsub(" $", "")))
    assert.equal("l2", document("narrow", "--vector", "[3,3]").metric)
  end)

  it("writes distances that are no numbers as null", function()
    local answer = document("items", "--vector", "[0,0,0]", "--metric", "cosine", "--limit", "1")
    assert.equal(json.decode "null", answer.rows[1].distance)
  end)

  it("searches by words besides", function()
    local args = { "items", "--vector", "[500,3,1]", "--limit", "2", "--text", "ships 501" }
    assert.equal("501", found("id", unpack(args)):match "^%d+")
    local row = document(unpack(args)).rows[1]
    assert.equal("1", tostring(row.text_rank))
    assert.is_true(row.vector_rank > 1)
    assert.is_nil(row.search)
    assert.equal([[
id  body          score  vector_rank  text_rank
 2  a garden  0.0327869            1          1
 1  the sea    0.016129            2
]], (search("notes", "--vector", "[1,0]", "--text", "gardens", "--text-column", "body", "--text-config", "english")))
  end)

  it("leaves the row itself out of a search by words, too", function()
    for _, row in ipairs(document("items", "--like", "501", "--text", "ships", "--limit", "5").rows) do
      assert.not_equal("501", tostring(row.id))
    end
  end)

  it("tells whether an index served the search", function()
    local text = search("--url", by_index(), "items", "--vector", "[500,3,1]", "--limit", "1", "--explain")
    assert.matches("\nby index items_l2, [%d.]+ ms on the server, [%d.]+ ms for the plan\n$", text)
    text = search("items", "--vector", "[500,3,1]", "--limit", "1", "--explain", "--metric", "cosine")
    assert.matches("\nwithout an index %(Seq Scan%), ", text)
    local plan = document("--url", by_index(), "items", "--vector", "[500,3,1]", "--explain", "--within", "9").plan
    assert.same({ "items_l2" }, { unpack(plan.indexes) })
    assert.is_number(plan.execution_ms)
    assert.is_number(plan.planning_ms)
    assert.is_string(plan.tree["Node Type"])
    plan = document("items", "--vector", "[500,3,1]", "--explain", "--within", "9", "--metric", "cosine").plan
    assert.equal("[]", json.encode(plan.indexes))
    assert.equal("Seq Scan", plan.scan)
  end)

  it("explains the search with its settings", function()
    local plan = document("--url", by_index(), "items", "--vector", "[500,3,1]", "--explain", "--limit", "90").plan
    assert.same({ "items_l2" }, { unpack(plan.indexes) })
    assert.equal(90, tonumber(plan.tree["Actual Rows"]))
  end)

  it("says so when nothing is found", function()
    assert.equal("id  owner_id  title  distance\nno rows\n", (search("items", "--vector", "[1,1,1]", "--where", "id < 0")))
    assert.matches('"rows":%[%]', (search("--json", "items", "--vector", "[1,1,1]", "--where", "id < 0")))
  end)

  it("cannot be made to write", function()
    db.psql("CREATE FUNCTION meddle() RETURNS bool LANGUAGE sql AS 'INSERT INTO plain VALUES (1); SELECT true'", url)
    local _, status, said = search("items", "--vector", "[1,1,1]", "--where", "meddle()")
    assert.equal(1, status)
    assert.truthy(said:find("read-only transaction", 1, true), said)
  end)

  local mistakes = {
    { 2, "nothing to search for", "items" },
    { 2, "one thing to search for", "items", "--vector", "[1,2,3]", "--like", "5" },
    { 2, "several vector columns, name one of them by --column: select, other", "app.Odd Names", "--like", "a,1" },
    { 2, "items has no column 'embeding', did you mean 'embedding'?", "items", "--like", "5", "--column", "embeding" },
    { 2, "'title' has type TEXT, which is no vector", "items", "--like", "5", "--column", "title" },
    { 2, "--vector: expected 3 dimensions, not 2", "items", "--vector", "[1,2]" },
    { 2, "--vector: ", "items", "--vector", "1,2,3" },
    { 2, "--select: items has no column 'nix'", "items", "--like", "5", "--select", "id,nix" },
    { 2, "--embedder-batch: expected a whole number of at least 1, got '0'", "items", "x", "--embedder-batch", "0" },
    { 2, "--embedder-timeout: expected a number of at least 0.001, got '-1'", "items", "x", "--embedder-timeout", "-1" },
    { 2, "--limit: expected a whole number from 1 to", "items", "--like", "5", "--limit", "0" },
    { 2, "--within: expected a number, got 'near'", "items", "--like", "5", "--within", "near" },
    { 2, "must be one of", "items", "--like", "5", "--metric", "euclid" },
    { 2, "the primary key of app.Odd Names has 2 columns, 'a' has 1 values", "app.Odd Names", "--column", "flags", "--like", "a" },
    { 2, "bare has no primary key", "bare", "--like", "1" },
    { 2, "go with --text", "items", "--like", "1", "--text-config", "english" },
    { 2, "has no tsvector column", "notes", "--like", "1", "--text", "sea" },
    { 2, "--text-config names the configuration", "notes", "--like", "1", "--text", "sea", "--text-column", "body" },
    { 1, "table 'nix' does not exist", "nix", "--like", "1" },
    { 1, "plain has no vector column", "plain", "--like", "1" },
    { 1, "items has no row 77777", "items", "--like", "77777" },
    { 1, "row 5000 of items has no embedding", "items", "--like", "5000" },
    { 1, "invalid input syntax for type bigint", "items", "--like", "five" },
    { 1, "column \"nix\" does not exist", "items", "--like", "5", "--where", "nix = 1" },
    { 1, "need a primary key", "bare", "--vector", "[1,2]", "--within", "1" },
  }
  for _, case in ipairs(mistakes) do
    it("tells in a line: " .. case[2], function()
      local text, status, said = search(unpack(case, 3))
      assert.equal("", text)
      assert.truthy(said:find("^pgvector: "), said)
      assert.truthy(said:find(case[2], 1, true), said)
      assert.equal(case[1], status, said)
    end)
  end

  it("is a program #programs", function()
    local text, ended_well = program.run("bin/pgvector", { PGVECTOR_URL = url },
      { "search", "items", "--vector", "[499.75,3,1]", "--limit", "1", "--select", "id" })
    assert.is_true(ended_well, text)
    assert.equal(" id  distance\n500      0.25\n", text)
    text = program.run("bin/pgvector", { PGVECTOR_URL = url }, { "search", "items", "--like", "1", "--where", "nix" })
    assert.is_nil(text:find("traceback", 1, true))
  end)
end)

describe("pgvector search by a text #programs", function()
  local url, drop, server

  setup(function()
    url, drop = db.create()
    server = embeddings.start()
    db.psql("CREATE TABLE t (id int PRIMARY KEY, v vector(3), w vector(2)); "
      .. "INSERT INTO t VALUES (1, '[1,97,97]', '[1,2]'), (2, '[3,97,99]', '[3,4]')", url)
  end)
  teardown(function()
    server.stop()
    drop()
  end)

  local function search(...) return command_line.run("search", "--url", url, "t", ...) end

  it("asks the embedder for the text's vector", function()
    local text, status = search("abc", "--column", "v", "--embedder", server.url, "--metric", "l2")
    assert.equal(0, status)
    assert.equal("id  distance\n 2         0\n 1   2.82843\n", text)
  end)

  it("says so where there is no embedder, or one for other vectors", function()
    local _, status, said = search("abc", "--column", "v")
    assert.equal(2, status)
    assert.matches("a text to search for needs %-%-embedder", said)
    _, status, said = search("abc", "--column", "w", "--embedder", server.url)
    assert.equal(1, status)
    assert.matches("expected 2 dimensions, not 3", said)
  end)
end)
