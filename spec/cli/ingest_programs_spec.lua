-- `pgvector ingest` as a user runs it, and with a server of embeddings. #programs

local command_line = require "spec.support.command_line"
local db = require "spec.support.db"
local embeddings = require "spec.support.embeddings"
local json = require "pgvector.types.json"
local program = require "spec.support.program"
local scratch = require "spec.support.scratch"
local shell = require "spec.support.shell"

local url, drop, files, directory

local function psql(sql) return db.psql(sql, url) end

local function write(name, text) return files.write(name, text) end
local function read(name) return files.read(name) end

local function items()
  psql "DROP TABLE IF EXISTS items; CREATE TABLE items (id int PRIMARY KEY, title text, embedding vector(3))"
end

local function rows() return psql "SELECT * FROM items ORDER BY id" end

describe("pgvector ingest #programs", function()
  setup(function()
    url, drop = db.create()
    files = scratch.new()
    directory = files.path
  end)
  teardown(function()
    files.remove()
    drop()
  end)

  -- Runs it in a pipe; returns exit status, standard output and standard error.
  local function pipe(from, ...)
    local text = program.command("bin/pgvector", { PGVECTOR_URL = url }, { "ingest", ... })
    local status = shell.run(("cd . && %s | %s >%s/out 2>%s/err; echo $?"):format(from, text, directory, directory))
    return tonumber(status), read "out", read "err"
  end

  it("reads standard input", function()
    items()
    local status, out, err = pipe("printf 'id,title\\n1,a\\n'", "items", "--format", "csv")
    assert.equal("", err)
    assert.equal(0, status)
    assert.truthy(out:find "^stored 1 row ")
    status, out = pipe([[printf '{"id": 2}\n']], "items", "--format", "jsonl", "--json", "-")
    assert.equal(0, status)
    assert.equal(1, json.decode(out).stored)
    shell.run(("printf 'id\\n3\\n' | gzip >%s/a.csv.gz"):format(directory))
    pipe(("gunzip -c %s/a.csv.gz"):format(directory), "items", "--format", "csv")
    assert.equal("1|a|\n2||\n3||", rows())
    status, out, err = pipe("printf 'id\\nx\\n'", "items", "--format", "csv")
    assert.equal(1, status)
    assert.equal("", out)
    assert.equal([[pgvector: stdin:2: column 'id': expected integer, got string "x" (22P02)]] .. "\n", err)
    status = pipe("true", "items")
    assert.equal(2, status)
  end)

  it("does what the documentation's example shows", function()
    psql "DROP TABLE IF EXISTS items; CREATE TABLE items (id bigint PRIMARY KEY, title text NOT NULL, embedding vector(3))"
    local page = assert(io.open "docs/command_line.md")
    local text = page:read "*a"
    page:close()
    local script, count = {}, 0
    for block in text:gmatch "```sh run\n(.-)```" do
      count = count + 1
      for line in block:gmatch "[^\n]+" do script[#script + 1] = line end
    end
    assert.is_true(count > 0)
    local pgvector = program.command(shell.run "pwd" .. "/bin/pgvector", {
      PGVECTOR_URL = url,
      LUA_PATH = package.path:gsub("%./", shell.run "pwd" .. "/"), LUA_CPATH = package.cpath:gsub("%./", shell.run "pwd" .. "/"),
    })
    local wanted, commands = {}, { "cd " .. directory, 'pgvector() { ' .. pgvector .. ' "$@"; }' }
    for _, line in ipairs(script) do
      local output = line:match "^#> ?(.*)$"
      if output then wanted[#wanted + 1] = output else commands[#commands + 1] = line end
    end
    local printed = shell.run("sh -c " .. shell.quoted(table.concat(commands, "\n") .. "\n:"))
    local function normal(s) return (s:gsub("in [%d.]+ m?s %([%d,]+/s%)", "in … (…/s)")) end
    assert.equal(normal(table.concat(wanted, "\n")), normal(printed))
  end)

  it("takes no more memory for a long file than for a short one", function()
    psql "CREATE TABLE big (id int, embedding vector(1500))"
    local script = write("measured.lua", [[
      local status = require("pgvector.cli").main(arg)
      for line in io.lines "/proc/self/status" do
        if line:find "^VmHWM" then print(line:match "%d+") end
      end
      os.exit(status)]])
    local vector = "[" .. ("0.125, "):rep(1499) .. "1]"
    local function kilobytes(n)
      local file = assert(io.open(directory .. "/big.jsonl", "wb"))
      for i = 1, n do file:write('{"id": ', i, ', "embedding": ', vector, "}\n") end
      file:close()
      local output, well = program.run(script, { PGVECTOR_URL = url }, { "ingest", "big", "--no-analyze", directory .. "/big.jsonl" })
      assert.is_true(well, output)
      return tonumber(output:match "(%d+)%s*$")
    end
    if not io.open "/proc/self/status" then return pending "there is no /proc here" end
    local short = kilobytes(200)       -- 2 MB
    local growth = kilobytes(4000) - short -- 42 MB
    assert.is_true(growth < 6000, growth .. " KB more")
    assert.equal("4200", psql "SELECT count(*) FROM big")
  end)
end)

describe("pgvector ingest with an embedder #programs", function()
  local server

  setup(function()
    url, drop = db.create()
    files = scratch.new()
    directory = files.path
    server = embeddings.start()
  end)
  teardown(function()
    server.stop()
    files.remove()
    drop()
  end)

  local function ingest(path, ...)
    local out, status, err = command_line.run("ingest", "--url", url, "--embedder", server.url .. path, ...)
    return status, out, (files.bare(err):gsub(server.port, "PORT"))
  end

  it("makes the vectors of texts", function()
    items()
    local status, _, err = ingest("", "items", "--embed", "title=embedding", write("a.jsonl",
      '{"id": 1, "title": "abc"}\n{"id": 2, "title": "\\u00e9"}\n{"id": 3, "title": null}\n{"id": 4}\n{"id": 5, "title": " "}\n'),
      write("b.csv", 'id,title\n6,"a ""b"""\n7,\n'))
    assert.equal("", err)
    assert.equal(0, status)
    assert.equal('1|abc|[3,97,99]\n2|é|[2,195,169]\n3||\n4||\n5| |\n6|a "b"|[5,97,34]\n7||', rows())
  end)

  it("makes them of a field that is stored nowhere, and of several", function()
    psql [[DROP TABLE IF EXISTS items; CREATE TABLE items (id int PRIMARY KEY, title text, a halfvec(3), b vector)]]
    local status, _, err = ingest("", "items", "--embed", "body=a", "--embed", "title=b", "--embedder-batch", "3",
      write("a.jsonl", '{"id": 1, "title": "abc", "body": "x"}\n{"id": 2, "body": "yz"}\n{"title": "z", "id": 3}\n'))
    assert.equal("", err)
    assert.equal(0, status)
    assert.equal("1|abc|[1,120,120]|[3,97,99]\n2||[2,121,122]|\n3|z||[1,122,122]", rows())
  end)

  it("sends so many texts at once, whatever rows they come from", function()
    items()
    local lines = {}
    for i = 1, 150 do lines[i] = ('{"id": %d, "title": %s}'):format(i, i % 3 == 0 and "null" or '"t' .. i .. '"') end
    local path = write("a.jsonl", table.concat(lines, "\n"))
    assert.equal(0, (ingest("/echo/embeddings", "items", "--embed", "title=embedding", "--embedder-batch", "40",
      "--model", "small", path)))
    local last = json.decode(server.last())
    assert.equal("[27,27,26,20]", json.encode(last.sizes))
    assert.equal("small", last.request.model)
    assert.equal("100", psql "SELECT count(embedding) FROM items")
    assert.equal("[4,116,57]", psql "SELECT embedding FROM items WHERE id = 149")
    assert.equal("150", psql "SELECT count(*) FROM items")
  end)

  it("stores nothing when texts cannot be embedded, or what is stored so far", function()
    items()
    local path = write("a.jsonl", '{"id": 1, "title": "abc"}\n{"id": 2, "title": "abcd"}\n')
    local status, _, err = ingest("/uneven/embeddings", "items", "--embed", "title=embedding", "--embedder-batch", "1", path)
    assert.equal(1, status)
    assert.equal("pgvector: the embedder http://127.0.0.1:PORT/uneven/embeddings gave a vector of 4 dimensions after one of 3\n",
      err)
    assert.equal("", rows())
    _, _, err = ingest("/uneven/embeddings", "items", "--embed", "title=embedding", "--embedder-batch", "1", "--batch", "1", path)
    assert.truthy(err:find("\nHINT: stored are 1 rows, everything up to a.jsonl:1; --skip 1 goes on behind it", 1, true), err)
    assert.equal("1|abc|[1,2,3]", rows())
  end)

  it("refuses an embedder whose vectors do not fit", function()
    psql "DROP TABLE IF EXISTS items; CREATE TABLE items (id int PRIMARY KEY, title text, embedding vector(384))"
    local _, _, err = ingest("", "items", "--on-error", "skip", "--embed", "title=embedding",
      write("a.jsonl", '{"id": 1, "title": "abc"}'))
    assert.equal("pgvector: the embedder makes vectors of 3 dimensions, column 'embedding' has 384\n", err)
  end)

  it("knows the places of records that wait for their vectors", function()
    items()
    local status, _, err = ingest("", "items", "--embed", "title=embedding", "--on-error", "skip", "--rejects",
      directory .. "/rejects.csv", write("a.csv", 'id,title\n1,abc\nx,"a\nb"\n2,c\n3\ny,d\n'))
    assert.equal(1, status)
    assert.equal([[
a.csv:6: expected 2 fields, got 1
a.csv:3: column 'id': expected integer, got string "x"
a.csv:7: column 'id': expected integer, got string "y"
]], err)
    assert.equal('id,title\n3\nx,"a\nb"\ny,d\n', read "rejects.csv")
    assert.equal("1|abc|[3,97,99]\n2|c|[1,99,99]", rows())
    _, _, err = ingest("", "items", "--embed", "title=embedding", write("a.csv", 'id,title\n7,"a\nb"\n8,a\n1,c\n9,x\n'))
    assert.equal('pgvector: a.csv:5: duplicate key value violates unique constraint "items_pkey" (23505)\n'
      .. "DETAIL: Key (id)=(1) already exists.\n", err)
  end)

  it("refuses a field for a column whose vectors it makes", function()
    items()
    local path = write("a.jsonl", '{"id": 1, "title": "a", "embedding": [1,2,3]}')
    local _, _, err = ingest("", "items", "--embed", "title=embedding", path)
    assert.equal("pgvector: a.jsonl:1: field 'embedding': column 'embedding' gets its vectors from the field 'title' (--embed)\n",
      err)
    assert.equal(0, (ingest("", "items", "--embed", "title=embedding", "--columns", "id", path)))
    assert.equal("1||[1,97,97]", rows())
    _, _, err = ingest("", "items", "--embed", "titel=embedding", write("a.csv", "id,title\n2,b\n"))
    assert.equal("pgvector: a.csv:1: there is no field 'titel', did you mean 'title'?\n", err)
  end)

  it("embeds anew what an upsert replaces", function()
    items()
    psql "INSERT INTO items VALUES (1, 'old', '[0,0,0]'), (2, 'two', '[0,0,0]')"
    assert.equal(0, (ingest("", "items", "--upsert", "id", "--embed", "title=embedding",
      write("a.jsonl", '{"id": 1, "title": "abc"}\n{"id": 2}\n{"id": 1, "title": "b"}\n'))))
    assert.equal("1|b|[1,98,98]\n2|two|[0,0,0]", rows())
  end)
end)
