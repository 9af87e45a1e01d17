-- `pgvector ingest`: files into tables of a real server.

local command_line = require "spec.support.command_line"
local db = require "spec.support.db"
local json = require "pgvector.types.json"
local scratch = require "spec.support.scratch"

local unpack = table.unpack or unpack -- luacheck: ignore 113 143

describe("pgvector ingest", function()
  local url, drop, files, directory

  setup(function()
    url, drop = db.create()
    files = scratch.new()
    directory = files.path
  end)
  teardown(function()
    files.remove()
    drop()
  end)

  local function psql(sql) return db.psql(sql, url) end

  local function write(name, text) return files.write(name, text) end
  local function read(name) return files.read(name) end

  -- Runs the command; file names in what it says are without their directory.
  local function ingest(...)
    local out, status, err = command_line.run("ingest", "--url", url, ...)
    return status, out, files.bare(err)
  end

  local function works(...)
    local status, out, err = ingest(...)
    assert.equal("", err)
    assert.equal(0, status)
    return out
  end

  local function fails(message, ...)
    local status, out, err = ingest(...)
    assert.equal("pgvector: " .. message .. "\n", err)
    assert.equal("", out)
    assert.equal(1, status)
  end

  local function items(rest)
    psql("DROP TABLE IF EXISTS items; CREATE TABLE items (id int PRIMARY KEY, title text, embedding vector(3)"
      .. (rest or "") .. ")")
  end

  local function rows() return psql "SELECT * FROM items ORDER BY id" end

  ---- formats --------------------------------------------------------------------

  it("stores JSON lines, CSV and TSV", function()
    for name, text in pairs{
      ["a.jsonl"] = '{"id": 1, "title": "one", "embedding": [1, 2, 3]}\n{"id": 2, "title": null, "embedding": "[4,5,6]"}\n',
      ["a.ndjson"] = '{"title": "one", "embedding": [1,2,3], "id": 1}\n{"embedding": [4.0,5,6e0], "id": "2"}',
      ["a.csv"] = 'id,title,embedding\n1,one,"[1,2,3]"\r\n2,,"[4, 5, 6]"\n',
      ["a.TSV"] = "embedding\tid\ttitle\n[1,2,3]\t1\tone\n[4,5,6]\t2\t\\N\n",
    } do
      items()
      local out = works("items", write(name, text))
      assert.truthy(out:find "^stored 2 rows in [%d.]+ m?s %([%d,]+/s%)\n$", out)
      assert.equal("1|one|[1,2,3]\n2||[4,5,6]", rows(), name)
    end
  end)

  it("stores several files, each with fields of its own", function()
    items()
    works("items", write("a.csv", "id,title\n1,one\n"), write("b.jsonl", '{"id":2}\n{"id":3,"embedding":[1,2,3]}'),
      write("c.tsv", "title\tid\nfour\t4\n"), write("empty.csv", ""))
    assert.equal("1|one|\n2||\n3||[1,2,3]\n4|four|", rows())
  end)

  it("takes a format that no name tells", function()
    items()
    works("items", "--format", "csv", write("data.txt", "id\n1\n"))
    assert.equal("1||", rows())
  end)

  -- what a column takes, by format: as JSON, and as the text of CSV and TSV
  local types = {
    { "smallint", "-3", "-3", "-3" }, { "int", "12", " 12", "12" }, { "int", "1.0", "1e1", nil, "1|10" },
    { "bigint", "9007199254740993", "9007199254740993", "9007199254740993" },
    { "numeric(30,10)", "12345678901234567890.0123456789", "12345678901234567890.0123456789",
      "12345678901234567890.0123456789" },
    { "real", "1.5", "1.5", "1.5" }, { "float8", "0.1", "1e300", nil, "0.1|1e+300" },
    { "boolean", "true", "T", "t" }, { "boolean", '"no"', "off", "f" }, { "boolean", '"1"', "yes", "t" },
    { "text", '"a\\nb"', '"a\nb"', "a\nb" }, { "text", "12.50", "12.50", "12.50" }, { "varchar(5)", '"abc"', "abc", "abc" },
    { "bytea", '"\\\\x00ff"', "\\x00ff", "\\x00ff" },
    { "uuid", '"6a0e7ba0-6c9b-4b0e-8c8d-7f1f6a1e2b3c"', "6A0E7BA0-6C9B-4B0E-8C8D-7F1F6A1E2B3C",
      "6a0e7ba0-6c9b-4b0e-8c8d-7f1f6a1e2b3c" },
    { "date", '"2024-02-29"', "2024-02-29", "2024-02-29" },
    { "timestamp", '"2024-02-29T12:30:00"', "2024-02-29 12:30:00", "2024-02-29 12:30:00" },
    { "timestamptz", "1709209800", "2024-02-29T12:30:00Z", "2024-02-29 12:30:00+00" },
    { "time", '"12:30"', "12:30:00", "12:30:00" }, { "interval", '"1 day"', "1 day", "1 day" },
    { "jsonb", '{"a": [1, 2.0], "b": "x"}', '"{""a"": [1, 2.0], ""b"": ""x""}"', '{"a": [1, 2.0], "b": "x"}' },
    { "json", '"text \\u00e9"', '"""text \\u00e9"""', '"text \\u00e9"' }, { "json", "[1,2.50]", '"[1,2.50]"', "[1,2.50]" },
    { "jsonb", "12345678901234567890", "12345678901234567890", "12345678901234567890" },
    { "jsonb", "false", "false", "false" },
    { "int[]", "[1, null, 3]", '"{1,NULL,3}"', "{1,NULL,3}" }, { "int[]", "[]", "{}", "{}" },
    { "int[]", "[[1,2],[3,4]]", '"{{1,2}, {3,4}}"', "{{1,2},{3,4}}" },
    { "text[]", '["a", "b,c", "\\"", "null"]', '"{a,""b,c"",""\\"""",""null""}"', [[{a,"b,c","\"","null"}]] },
    { "text[]", '["a"]', '"[""a""]"', "{a}" }, { "boolean[]", "[true, false]", '"{t,f}"', "{t,f}" },
    { "vector(2)[]", "[[1,2],[3,4]]", '"{""[1,2]"",""[3,4]""}"', '{"[1,2]","[3,4]"}' },
    { "vector(3)", "[0.1, -2, 3e-2]", '"[0.1,-2,0.03]"', "[0.1,-2,0.03]" }, { "vector", '"[1,2]"', '"[1, 2]"', "[1,2]" },
    { "halfvec(2)", "[1, 0.5]", '"[1,0.5]"', "[1,0.5]" },
    { "sparsevec(5)", '"{1:2,5:0.5}/5"', '"{1:2,5:0.5}/5"', "{1:2,5:0.5}/5" }, { "sparsevec(3)", "[0, 1, 0]", '"{2:1}/3"', "{2:1}/3" },
    { "bit(3)", '"101"', "101", "101" }, { "bit(3)", "[1, 0, 1]", "101", "101" }, { "bit(3)", "[true,false,true]", "101", "101" },
    { "bit varying(5)", '"1"', "1", "1" },
    -- travel as text
    { "inet", '"10.0.0.1"', "10.0.0.1", "10.0.0.1" }, { "tsvector", '"a b"', "a b", "'a' 'b'" },
    { "int4range", '"[1,5)"', '"[1,5)"', "[1,5)" }, { "point", '"(1,2)"', '"(1,2)"', "(1,2)" },
    { "mood", '"it\'s"', "it's", "it's" }, { "positive", "5", "5", "5" }, { "citext", '"Ab"', "Ab", "Ab" },
  }

  it("stores values of every type, without losing a digit", function()
    psql [[CREATE TYPE mood AS ENUM ('sad', 'it''s'); CREATE DOMAIN positive AS int CHECK (VALUE > 0);
      CREATE EXTENSION citext]]
    for _, case in ipairs(types) do
      local type, from_json, from_csv, wanted, both = unpack(case, 1, 5)
      psql("DROP TABLE IF EXISTS typed; CREATE TABLE typed (n int, v " .. type .. ")")
      works("typed", write("a.jsonl", ('{"n": 1, "v": %s}\n{"n": 2, "v": null}\n'):format(from_json)),
        write("b.csv", ('n,v\n3,%s\n4,\n'):format(from_csv)))
      local first, second = wanted, wanted
      if both then first, second = both:match "^(.*)|(.*)$" end
      assert.equal(("1|%s\n2|\n3|%s\n4|"):format(first, second), psql "SELECT * FROM typed ORDER BY n", type)
    end
  end)

  it("says where a value is none of its column's", function()
    psql [[DROP TABLE IF EXISTS typed; CREATE TABLE typed (i int, b boolean, t text, j jsonb, a int[], x bytea,
      v vector(3), h halfvec(3), s sparsevec(3), z bit(3), f float8)]]
    for field, message in pairs{
      ['"i": "x"'] = [[column 'i': expected integer, got string "x" (22P02)]],
      ['"i": 1.5'] = "column 'i': expected integer, got 1.5 (22P02)",
      ['"i": 3000000000'] = "column 'i': value 3000000000 is out of range for type integer (22003)",
      ['"i": [1]'] = "field 'i': expected an integer, got an array",
      ['"b": "maybe"'] = "field 'b': expected a boolean, got 'maybe'",
      ['"t": {"a": 1}'] = "field 't': expected text, got an object",
      ['"t": true'] = "field 't': expected text, got true",
      ['"t": "\\u0000"'] = "field 't': text cannot hold \\u0000",
      ['"j": [1,,2]'] = "field 'j': invalid JSON at character 4: expected a value",
      ['"a": [1, "x"]'] = [[column 'a': expected integer, got string "x" (22P02)]],
      ['"a": "{1,2"'] = "field 'a': expected ',' or '}' at character 5 of the array",
      ['"a": "{1}2"'] = "field 'a': expected the end at character 4 of the array",
      ['"a": "1"'] = "field 'a': expected an array, got '1'",
      ['"x": "\\\\x0"'] = "field 'x': expected pairs of hexadecimal digits behind \\x",
      ['"v": [1, 2]'] = "column 'v': expected 3 dimensions, not 2 (22000)",
      ['"v": [1, NaN, 2]'] = "column 'v': NaN not allowed in vector (22000)",
      ['"v": [1, 2, 1e39]'] = [[column 'v': "1e39" is out of range for type vector (22003)]],
      ['"v": [1,, 2]'] = [[column 'v': invalid input syntax for type vector: "[1,, 2]" (22P02)]],
      ['"v": [1, "2", 3]'] = [[column 'v': invalid input syntax for type vector: "[1, "2", 3]" (22P02)]],
      ['"v": 7'] = "field 'v': expected a vector, got a number",
      ['"h": [1, 2, 70000]'] = [[column 'h': "70000" is out of range for type halfvec (22003)]],
      ['"s": "{1:1}/4"'] = "column 's': expected 3 dimensions, not 4 (22000)",
      ['"z": "10"'] = "column 'z': bit string length 2 does not match type bit(3) (22026)",
      ['"f": "x"'] = [[column 'f': expected number, got string "x" (22P02)]],
    } do
      fails("a.jsonl:2: " .. message, "typed", write("a.jsonl", '{"i": 1}\n{' .. field .. "}\n"))
    end
    assert.equal("0", psql "SELECT count(*) FROM typed")
  end)

  ---- fields and columns -----------------------------------------------------------

  it("takes names for a file that has none, and NULL as the file writes it", function()
    items()
    works("items", "--no-header", "--columns", "title,id", "--null", "-", write("a.csv", "one,1\n-,2\n"))
    assert.equal("1|one|\n2||", rows())
  end)

  it("takes some fields only, and some under other names", function()
    items()
    works("items", "--columns", "nr,title", "--map", "nr=id", write("a.jsonl", '{"nr": 1, "title": "a", "x": 1, "embedding": [1]}'),
      write("a.csv", "nr,title,x\n2,b,c\n"))
    assert.equal("1|a|\n2|b|", rows())
  end)

  it("refuses fields that have no column, unless it is told to leave them out", function()
    items()
    local path = write("a.jsonl", '{"id": 1}\n{"id": 2, "titel": "x"}\n')
    fails("a.jsonl:2: unknown field 'titel': table 'items' has no such column, did you mean 'title'?", "items", path)
    assert.equal("", rows())
    works("items", "--ignore-unknown", path)
    fails("a.csv:1: unknown field 'x': table 'items' has no such column", "items", write("a.csv", "id,x\n1,2\n"))
  end)

  it("refuses fields that it could not store as they are meant", function()
    items ", twice int GENERATED ALWAYS AS (id * 2) STORED"
    for line, message in pairs{
      ['{"id": 1, "twice": 2}'] = "field 'twice': column 'twice' is computed by the server",
      ['{"id": 1, "id": 2}'] = "field 'id' occurs twice",
      ['{"nr": 1, "id": 2}'] = "fields 'nr' and 'id' both go into column 'id'",
      ['{}'] = "there is no field for any column of table 'items'",
    } do
      fails("a.jsonl:1: " .. message, "items", "--map", "nr=id", write("a.jsonl", line))
    end
    for text, message in pairs{
      ["id,id\n"] = "1: the header has two fields 'id'", ["id,,\n"] = "1: field 2 of the header has no name",
      ["\n\ntitle\n1\n"] = "3: there is no field 'id'", ['"id\n1\n'] = "1: a quote is not closed",
      ["id,title\n1\n"] = "2: expected 2 fields, got 1",
    } do
      fails("a.csv:" .. message, "items", "--columns", "id", write("a.csv", text))
    end
  end)

  it("leaves to its default what a record does not say", function()
    psql [[DROP TABLE IF EXISTS filled; CREATE TABLE filled (id int GENERATED BY DEFAULT AS IDENTITY, n serial, a text,
      b text DEFAULT 'none', c text)]]
    works("filled", write("a.jsonl", [[
{"a": "1"}
{"b": "2"}
{"c": "3", "b": null}
{"a": "4", "id": 40}
{"id": 50, "n": 60}
]]))
    assert.equal("1|1|1|none|\n2|2||2|\n3|3|||3\n40|4|4|none|\n50|60||none|", psql "SELECT * FROM filled ORDER BY id")
  end)

  it("quotes names, and finds tables in schemas", function()
    psql [[CREATE SCHEMA "My Schema"; CREATE TABLE "My Schema"."Odd ""Table" (id int PRIMARY KEY, "a.b" text, "Order" int,
      "it's" vector(2))]]
    local path = write("a.jsonl", '{"id": 1, "a.b": "x", "Order": 1, "it\'s": [1,2]}')
    works('My Schema.Odd "Table', path)
    works('My Schema.Odd "Table', "--upsert", "id", write("b.jsonl", '{"id": 1, "Order": 2}'))
    works('My Schema.Odd "Table', "--truncate", "--drop-indexes", path)
    assert.equal("1|x|1|[1,2]", psql [[SELECT * FROM "My Schema"."Odd ""Table"]])
    items()
    fails("table 'My Schema.items' does not exist in the database", "My Schema.items", path)
    fails("table 'itemz' does not exist in the database", "itemz", path)
  end)

  ---- all or nothing ---------------------------------------------------------------

  it("stores all or nothing, and says which line the server did not take", function()
    items ", CHECK (title <> 'bad')"
    psql "INSERT INTO items VALUES (7, 'seven')"
    for text, message in pairs{
      ['{"id": 1}\n\n{"id": 7}\n'] = 'a.jsonl:3: duplicate key value violates unique constraint "items_pkey" (23505)\n'
        .. "DETAIL: Key (id)=(7) already exists.",
      ['{"id": 1}\n{"id": 2, "title": "bad"}\n'] = 'a.jsonl:2: new row for relation "items" violates check constraint '
        .. '"items_title_check" (23514)\nDETAIL: Failing row contains (2, bad, null).',
      ['{"id": 1}\n{"title": "x"}'] = 'a.jsonl:2: null value in column "id" of relation "items" violates not-null '
        .. "constraint (23502)\nDETAIL: Failing row contains (null, x, null).",
      ['{"id": 1, "title": "\255"}'] = 'a.jsonl:1: column \'title\': invalid byte sequence for encoding "UTF8": 0xff (22021)',
    } do
      fails(message, "items", write("a.jsonl", text))
    end
    local csv = 'id,title\n1,"two\nlines"\n2,x\n7,y\n'
    fails('a.csv:5: duplicate key value violates unique constraint "items_pkey" (23505)\n'
      .. "DETAIL: Key (id)=(7) already exists.", "items", write("b.jsonl", '{"id": 8}'), write("a.csv", csv))
    assert.equal("7|seven|", rows())
  end)

  it("finds the line in a COPY that travels as text", function()
    items ", address inet"
    fails('a.jsonl:3: column \'address\': invalid input syntax for type inet: "nowhere" (22P02)', "items",
      write("a.jsonl", '{"id": 1, "title": "a\\nb", "address": "::1"}\n\n{"id": 2, "address": "nowhere"}\n'))
  end)

  it("finds the line in the middle of a long file", function()
    items()
    local lines = {}
    for i = 1, 20000 do lines[i] = ('{"id": %d, "title": "%s", "embedding": [1, 2, 3]}'):format(i, ("x"):rep(100)) end
    lines[9000] = '\n{"id": 8, "title": "again"}'
    fails('a.jsonl:9001: duplicate key value violates unique constraint "items_pkey" (23505)\n'
      .. "DETAIL: Key (id)=(8) already exists.", "items", write("a.jsonl", table.concat(lines, "\n")))
    -- lines that are no row's, so that lines and rows differ more and more
    for i = 1, 20000, 2 do lines[i] = "" end
    lines[9000], lines[12002] = '{"id": 9000}', '{"id": 9000}'
    fails('a.jsonl:12002: duplicate key value violates unique constraint "items_pkey" (23505)\n'
      .. "DETAIL: Key (id)=(9000) already exists.", "items", write("a.jsonl", table.concat(lines, "\n")))
  end)

  it("tells of what only shows at the end", function()
    psql [[DROP TABLE IF EXISTS items, parents CASCADE; CREATE TABLE parents (id int PRIMARY KEY);
      CREATE TABLE items (id int PRIMARY KEY, up int REFERENCES parents DEFERRABLE INITIALLY DEFERRED)]]
    local status, _, err = ingest("items", write("a.csv", "id,up\n1,2\n"))
    assert.equal(1, status)
    assert.truthy(err:find("Key (up)=(2) is not present in table \"parents\"", 1, true), err)
    assert.equal("", rows())
  end)

  it("empties the table first, in the same transaction", function()
    items()
    psql "INSERT INTO items VALUES (7, 'seven')"
    ingest("items", "--truncate", write("a.csv", "id\n1\nx\n"))
    assert.equal("7|seven|", rows())
    works("items", "--truncate", write("a.csv", "id\n1\n"))
    assert.equal("1||", rows())
    works("items", "--truncate", write("a.csv", "id\n"))
    assert.equal("", rows())
  end)

  it("does everything and rolls it back", function()
    items()
    psql "INSERT INTO items VALUES (7, 'seven'); CREATE INDEX items_hnsw ON items USING hnsw (embedding vector_l2_ops)"
    local path = write("a.csv", "id,embedding\n1,\"[1,2,3]\"\n2,\n")
    local out = works("items", "--dry-run", "--truncate", path)
    assert.truthy(out:find "^2 rows would be stored; rolled back after ", out)
    out = works("items", "--dry-run", "--batch", "1", "--drop-indexes", "--upsert", "id", path)
    assert.truthy(out:find "^built items_hnsw in [^\n]+\n2 rows would be stored; ", out)
    assert.equal("7|seven|", rows())
    fails('a.csv:2: duplicate key value violates unique constraint "items_pkey" (23505)\n'
      .. "DETAIL: Key (id)=(7) already exists.", "items", "--dry-run", write("a.csv", "id\n7\n"))
  end)

  it("has the table analyzed", function()
    local statistics = "SELECT count(*) FROM pg_stats WHERE tablename = 'items'"
    items()
    works("items", "--no-analyze", write("a.csv", "id\n1\n2\n"))
    assert.equal("0", psql(statistics))
    works("items", write("a.csv", "id\n3\n"))
    assert.equal("3", psql(statistics))
    items()
    works("items", "--batch", "1", write("a.csv", "id\n3\n"))
    assert.equal("3", psql(statistics))
  end)

  ---- in batches -------------------------------------------------------------------

  it("commits every so many rows, and goes on where it stopped", function()
    items()
    local path = write("a.jsonl", '{"id": 1}\n\n{"id": 2}\n{"id": 3}\n{"id": 4}\n{"id": "x"}\n{"id": 6}\n')
    fails([[a.jsonl:6: column 'id': expected integer, got string "x" (22P02)]]
      .. "\nHINT: stored are 4 rows, everything up to a.jsonl:5; --skip 4 goes on behind it", "items", "--batch", "2", path)
    assert.equal("1||\n2||\n3||\n4||", rows())
    fails([[a.jsonl:6: column 'id': expected integer, got string "x" (22P02)]]
      .. "\nHINT: nothing is stored", "items", "--batch", "2", "--skip", "4", path)
    works("items", "--batch", "2", "--skip", "4", write("a.jsonl", read("a.jsonl"):gsub('"x"', "5")))
    assert.equal("1||\n2||\n3||\n4||\n5||\n6||", rows())
    assert.truthy(works("items", "--skip", "6", path):find "^stored 0 rows")
    fails("--skip 7: there are only 6 records", "items", "--skip", "7", path)
  end)

  it("counts the records of several files, whatever they look like", function()
    items()
    local paths = {
      write("a.csv", 'id,title\n1,"a\nb"\n2,b\n'), write("b.tsv", "id\n3\n4\n"), write("c.jsonl", '{"id": 5}\n{"id": 1}\n'),
    }
    fails('c.jsonl:2: duplicate key value violates unique constraint "items_pkey" (23505)\nDETAIL: Key (id)=(1) already exists.'
      .. "\nHINT: stored are 3 rows, everything up to b.tsv:2; --skip 3 goes on behind it", "items", "--batch", "3",
      unpack(paths))
    psql "DELETE FROM items WHERE id = 1"
    works("items", "--skip", "3", unpack(paths))
    assert.equal("1||\n2|b|\n3||\n4||\n5||", rows())
  end)

  it("empties the table in the first of its transactions", function()
    items()
    psql "INSERT INTO items VALUES (7, 'seven')"
    ingest("items", "--truncate", "--batch", "2", write("a.csv", "id\n1\nx\n2\n"))
    assert.equal("7|seven|", rows())
    ingest("items", "--truncate", "--batch", "1", write("a.csv", "id\n1\nx\n2\n"))
    assert.equal("1||", rows())
  end)

  ---- bad records ------------------------------------------------------------------

  it("passes bad records, tells of each, and writes them into a file", function()
    items()
    local text = '{"id": 1}\nnonsense\n{"id": 2, "embedding": [1, 2]}\n{"id": 3, "embedding": [NaN, 1, 1]}\n'
      .. '{"id": 4, "other": 1}\n{"id": 5}\r\n'
    local status, out, err = ingest("items", "--on-error", "skip", "--rejects", directory .. "/rejects", write("a.jsonl", text))
    assert.equal(1, status)
    assert.truthy(out:find "^stored 2 rows in [%d.]+ m?s %([%d,]+/s%), 4 rejected\n$", out)
    assert.equal([[
a.jsonl:2: invalid JSON at character 1: expected an object, {…}
a.jsonl:3: column 'embedding': expected 3 dimensions, not 2
a.jsonl:4: column 'embedding': NaN not allowed in vector
a.jsonl:5: unknown field 'other': table 'items' has no such column
]], err)
    assert.equal("1||\n5||", rows())
    assert.equal('nonsense\n{"id": 2, "embedding": [1, 2]}\n{"id": 3, "embedding": [NaN, 1, 1]}\n{"id": 4, "other": 1}\n',
      read "rejects")
  end)

  it("writes bad records so that they can be mended and taken again", function()
    items()
    local status, _, err = ingest("items", "--on-error", "skip", "--rejects", directory .. "/rejects.csv",
      write("a.csv", 'id,title\r\n1,a\r\nx,"b\r\nc"\r\n2\r\n'), write("b.csv", "id,title\nx,d\n"), write("c.csv", "title,id\ne,x\n"))
    assert.equal(1, status)
    assert.equal([[
a.csv:3: column 'id': expected integer, got string "x"
a.csv:5: expected 2 fields, got 1
b.csv:2: column 'id': expected integer, got string "x"
c.csv:2: column 'id': expected integer, got string "x"
]], err)
    assert.equal('id,title\nx,"b\r\nc"\n2\nx,d\ntitle,id\ne,x\n', read "rejects.csv")
  end)

  it("stops for what is wrong with a file as a whole, or for the server", function()
    items()
    fails("a.csv:1: unknown field 'x': table 'items' has no such column", "items", "--on-error", "skip",
      write("a.csv", "id,x\n1,2\n"))
    fails('a.csv:3: duplicate key value violates unique constraint "items_pkey" (23505)\nDETAIL: Key (id)=(1) already exists.',
      "items", "--on-error", "skip", write("a.csv", "id\n1\n1\n"))
  end)

  it("counts bad records among those that --skip passes", function()
    items()
    local path = write("a.jsonl", '{"id": 1}\nbad\n{"id": 2}\nbad\n{"id": 1}\n{"id": 3}')
    local _, _, err = ingest("items", "--on-error", "skip", "--batch", "1", path)
    assert.truthy(err:find("everything up to a.jsonl:3; --skip 3 goes on behind it", 1, true), err)
    psql "DELETE FROM items WHERE id = 1"
    ingest("items", "--on-error", "skip", "--skip", "3", path)
    assert.equal("1||\n2||\n3||", rows())
  end)

  ---- upserts ----------------------------------------------------------------------

  it("replaces rows of the same key", function()
    items()
    psql "INSERT INTO items VALUES (1, 'old', '[1,1,1]'), (2, 'two', NULL)"
    local out = works("items", "--upsert", "id", write("a.csv", "id,title\n1,new\n3,three\n"))
    assert.truthy(out:find "^stored 2 rows")
    assert.equal("1|new|[1,1,1]\n2|two|\n3|three|", rows())
  end)

  it("leaves alone what a record does not say", function()
    items()
    psql "INSERT INTO items VALUES (1, 'old', '[1,1,1]'), (2, 'two', '[2,2,2]')"
    works("items", "--upsert", "id", write("a.jsonl", [[
{"id": 1, "title": "new"}
{"id": 2, "embedding": [3, 3, 3]}
{"id": 1, "embedding": null}
{"id": 3}
]]))
    assert.equal("1|new|\n2|two|[3,3,3]\n3||", rows())
  end)

  it("takes the last of several records with the same key, in one transaction and in several", function()
    local path = write("a.csv", "id,title\n1,a\n2,x\n1,b\n1,c\n")
    for _, batch in ipairs{ "1", "2", "3", "100" } do
      items()
      works("items", "--upsert", "id", "--batch", batch, path)
      assert.equal("1|c|\n2|x|", rows(), batch)
    end
  end)

  it("takes any unique columns for the key, in which NULL is no value", function()
    psql [[DROP TABLE IF EXISTS items; CREATE TABLE items (id int GENERATED BY DEFAULT AS IDENTITY, a text, b text, n int);
      CREATE UNIQUE INDEX ON items (b, a)]]
    works("items", "--upsert", "a,b", write("a.csv", "a,b,n\nx,y,1\nx,,2\nx,,3\nx,y,4\n"))
    assert.equal("x||2\nx||3\nx|y|4", psql "SELECT a, b, n FROM items ORDER BY n")
    fails("a.jsonl:1: there is no field for column 'b', which --upsert needs", "items", "--upsert", "a,b",
      write("a.jsonl", '{"a": "x"}'))
  end)

  it("stores nothing anew where a record has the key alone", function()
    items()
    psql "INSERT INTO items VALUES (1, 'old')"
    local out = works("items", "--upsert", "id", write("a.csv", "id\n1\n2\n2\n"))
    assert.truthy(out:find "^stored 1 row ")
    assert.equal("1|old|\n2||", rows())
  end)

  it("upserts values of every type", function()
    psql [[DROP TABLE IF EXISTS typed; CREATE TABLE typed (id int PRIMARY KEY, j jsonb, a text[], h halfvec(2), s sparsevec(3),
      z bit(2), t timestamptz, m mood, p positive, i inet, n numeric(4,1))]]
    local path = write("a.jsonl", '{"id": 1, "j": {"a": 1}, "a": ["x"], "h": [1,2], "s": [0,1,0], "z": "10", '
      .. '"t": "2024-01-01T00:00:00Z", "m": "sad", "p": 3, "i": "::1", "n": 1.5}')
    for _ = 1, 2 do works("typed", "--upsert", "id", path) end
    assert.equal("sad it's", psql "SELECT string_agg(enumlabel, ' ') FROM pg_enum")
    assert.equal('1|{"a": 1}|{x}|[1,2]|{2:1}/3|10|2024-01-01 00:00:00+00|sad|3|::1|1.5', psql "SELECT * FROM typed")
  end)

  ---- indexes ----------------------------------------------------------------------

  local function vector_indexes()
    return psql [[SELECT indexrelid || ' ' || pg_get_indexdef(indexrelid) || coalesce(obj_description(indexrelid), '')
      FROM pg_index WHERE indrelid = 'items'::regclass ORDER BY indexrelid::regclass::text]]
  end
  local function without_oids(text) return (("\n" .. text):gsub("\n%d+", "\n")) end

  local function indexed()
    items ", half halfvec(3)"
    psql [[CREATE INDEX plain ON items (title);
      CREATE INDEX "A hnsw" ON items USING hnsw (embedding vector_cosine_ops) WITH (m = 8) WHERE id > 0;
      COMMENT ON INDEX "A hnsw" IS 'of the best';
      CREATE INDEX b_hnsw ON items USING hnsw ((embedding::halfvec(3)) halfvec_l2_ops);
      INSERT INTO items SELECT -i, 'x', ARRAY[i, 1, 1] FROM generate_series(1, 20) AS i;
      CREATE INDEX c_ivfflat ON items USING ivfflat (embedding) WITH (lists = 2)]]
  end

  it("builds vector indexes anew behind the rows", function()
    indexed()
    local before = vector_indexes()
    local status, out, err = ingest("items", "--drop-indexes", write("a.csv", 'id,embedding\n1,"[1,2,3]"\n'))
    assert.equal("", err)
    assert.equal(0, status)
    assert.truthy(out:find "^built A hnsw in [^\n]+\nbuilt b_hnsw in [^\n]+\nbuilt c_ivfflat in [^\n]+\nstored 1 row ", out)
    local after = vector_indexes()
    assert.equal(without_oids(before), without_oids(after))
    assert.are_not.equal(before, after)
    assert.equal(before:match "%d+[^\n]*plain", after:match "%d+[^\n]*plain")
    local _, text = ingest("items", "--drop-indexes", "--json", write("a.csv", "id\n2\n"))
    assert.same({ "A hnsw", "b_hnsw", "c_ivfflat" }, { unpack(json.decode(text).indexes) })
  end)

  it("leaves the indexes as they are when something fails", function()
    indexed()
    local before = vector_indexes()
    ingest("items", "--drop-indexes", write("a.csv", "id\n1\nx\n"))
    assert.equal(before, vector_indexes())
  end)

  it("builds the indexes at the end of all batches, also when one of them fails", function()
    for _, case in ipairs{ { "3", 0, 3 }, { "x", 1, 2 } } do
      indexed()
      local before = vector_indexes()
      local status, _, err = ingest("items", "--drop-indexes", "--batch", "1", "--json",
        write("a.csv", ("id\n1\n2\n%s\n"):format(case[1])))
      assert.equal(case[2], status)
      assert.truthy(err:find('index A hnsw is dropped until the end: CREATE INDEX "A hnsw" ON items USING hnsw '
        .. "(embedding vector_cosine_ops) WITH (m = 8) WHERE id > 0\n", 1, true), err)
      assert.equal(without_oids(before), without_oids(vector_indexes()))
      assert.equal(tostring(case[3]), psql "SELECT count(*) FROM items WHERE id > 0")
    end
  end)

  ---- what it says -----------------------------------------------------------------

  it("prints JSON for machines, and nothing else", function()
    items()
    local status, out = ingest("items", "--json", "--on-error", "skip", write("a.csv", "id\n1\nx\n"))
    assert.equal(1, status)
    assert.truthy(out:find '^{"indexes":%[%],"rejected":1,"seconds":[%d.]+,"stored":1}\n$', out)
  end)

  it("refuses a command line that cannot be meant", function()
    items()
    local csv = write("a.csv", "id\n1\n")
    for _, case in ipairs{
      { "missing argument 'table'" },
      { "standard input needs --format", "items" },
      { "data: its name tells no format: expected .jsonl, .ndjson, .csv or .tsv, or --format", "items", "data" },
      { "a.csv.gz: its name tells no format: expected .jsonl, .ndjson, .csv or .tsv, or --format (gunzip -c reads .gz files: "
        .. "pipe them in)", "items", "a.csv.gz" },
      { "--no-header needs --columns, the names of the fields", "items", csv, "--no-header" },
      { "--no-header: a.jsonl is jsonl, which has none", "items", "a.jsonl", "--no-header", "--columns", "id" },
      { "--columns: expected names with commas between them, got 'id,'", "items", csv, "--columns", "id," },
      { "--columns: 'id' occurs twice", "items", csv, "--columns", "id,id" },
      { "--columns: table 'items' has no column 'titel', did you mean 'title'?", "items", csv, "--columns", "id,titel" },
      { "--map: expected field=column, got 'id'", "items", csv, "--map", "id" },
      { "--map: field 'a' is given twice", "items", csv, "--map", "a=id", "--map", "a=title" },
      { "--map: table 'items' has no column 'b'", "items", csv, "--map", "a=b" },
      { "--embed: expected field=column, got 'title'", "items", csv, "--embed", "title" },
      { "--embed needs --embedder, or PGVECTOR_EMBEDDER", "items", csv, "--embed", "title=embedding" },
      { "--embed: table 'items' has no column 'e'", "items", csv, "--embed", "title=e", "--embedder", "http://x" },
      { "--embed: column 'title' is of the type TEXT, expected vector or halfvec", "items", csv, "--embed", "title=title",
        "--embedder", "http://x" },
      { "--embed: column 'embedding' is given twice", "items", csv, "--embed", "a=embedding", "--embed", "b=embedding",
        "--embedder", "http://x" },
      { "--batch: expected a whole number of at least 1, got '0'", "items", csv, "--batch", "0" },
      { "--batch: expected a whole number of at least 1, got '1.5'", "items", csv, "--batch", "1.5" },
      { "--skip: expected a whole number of at least 0, got '-1'", "items", csv, "--skip", "-1" },
      { "--truncate would delete what --skip passes: leave one of them out", "items", csv, "--skip", "1", "--truncate" },
      { "--rejects needs --on-error skip", "items", csv, "--rejects", "x" },
      { "--rejects: a.csv is read", "items", csv, "--on-error", "skip", "--rejects", csv },
      { "--upsert: table 'items' has no column 'nr'", "items", csv, "--upsert", "nr" },
      { "--upsert: table 'items' has no primary key, unique constraint or unique index on (title)", "items", csv, "--upsert",
        "title" },
    } do
      local status, _, err = ingest(unpack(case, 2))
      assert.equal("pgvector: " .. case[1] .. "\n", (err:gsub("\nUsage.*", "\n")))
      assert.equal(2, status, case[1])
    end
    assert.equal("", rows())
  end)

  it("tells that there is no such file, before it asks the server for anything", function()
    fails("cannot open no.csv: No such file or directory", "items", directory .. "/no.csv")
    local status, _, err = ingest("items", "--format", "csv", directory)
    assert.equal(1, status)
    assert.truthy(err:find "Is a directory", err)
  end)
end)
