-- The embedder of the demo, and the demo itself, run as a user runs it.

local db = require "spec.support.db"
local program = require "spec.support.program"

local EXAMPLE = "examples/semantic_search/"
local PROGRAMS = "spec/examples/programs.jsonl"

describe("the demo's embedder", function()
  local Embedder = dofile(EXAMPLE .. "embedder.lua")

  local texts = {
    "converts video files between formats",
    "a converter for videos of every format",
    "plays chess against the computer",
    "double-entry accounting",
  }
  local function each(list)
    local i = 0
    return function()
      i = i + 1
      return list[i]
    end
  end
  local weights = Embedder.learn(each(texts))
  local embedder = Embedder.new(weights)

  it("makes vectors of 384 dimensions and length 1", function()
    for _, text in ipairs(texts) do
      local embedding = embedder:embed(text)
      assert.equal(384, #embedding)
      assert.near(1, embedding:norm(), 1e-6)
    end
  end)

  it("gives the same numbers for the same text, whatever was embedded before", function()
    local other = Embedder.new(weights)
    other:embed("something else")
    assert.equal(embedder:embed(texts[1]), other:embed(texts[1]))
  end)

  it("gives the same numbers on every interpreter", function()
    local sum = 0
    for _, text in ipairs(texts) do
      for i, x in embedder:embed(text):iter() do sum = sum + i * x end
    end
    assert.equal("-212.165505568", ("%.12g"):format(sum))
  end)

  it("puts similar texts near each other and unlike ones far apart", function()
    local first = embedder:embed(texts[1])
    local similar = first:cosine_distance(embedder:embed(texts[2]))
    assert.is_true(similar < 0.6)
    for i = 3, #texts do
      assert.is_true(first:cosine_distance(embedder:embed(texts[i])) > similar + 0.2)
    end
  end)

  it("finds a word again in its other forms", function()
    for _, pair in ipairs {
      { "editor", "editing" }, { "editor", "edits" }, { "plot", "plotting" }, { "library", "libraries" },
      { "compress", "compression" }, { "scanner", "scans" }, { "Videos", "video" },
    } do
      local one, other = Embedder.words(pair[1]), Embedder.words(pair[2])
      assert.same(one, other, pair[1] .. ", " .. pair[2])
    end
  end)

  it("weighs a rare word more than a common one", function()
    assert.is_true(weights.chess > weights.video)
    local between = embedder:embed("chess video")
    assert.is_true(between:cosine_distance(embedder:embed("chess"))
      < between:cosine_distance(embedder:embed("video")))
  end)

  it("has no embedding for a text without a word that counts", function()
    for _, text in ipairs { "", "  ...", "how do I", "xylophone" } do
      assert.is_nil(embedder:embed(text), text)
    end
  end)
end)

-- Runs the demo; returns what it printed and whether it ended well.
local function run(environment)
  local settings = { QUERY = "", DEMO_INPUT = "" }
  for name, value in pairs(environment) do settings[name] = value end
  return program.run(EXAMPLE .. "search.lua", settings)
end

local function write(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
end

describe("the demo #programs", function()
  local url, drop, file
  setup(function()
    url, drop = db.create()
    file = os.tmpname()
  end)
  teardown(function()
    drop()
    os.remove(file)
    os.remove(file .. ".jsonl")
    os.remove(file .. ".tsv")
  end)

  local function ask(question, input)
    return run { PGVECTOR_URL = url, QUERY = question, DEMO_INPUT = input or PROGRAMS }
  end

  -- the names in the order of the answers to one question
  local function answers(output)
    local names = {}
    for name in output:gmatch("\n +%d%.%d+  (%S+)") do names[#names + 1] = name end
    return names
  end

  it("loads a file, says how long each step took, and answers three questions", function()
    local output, ended_well = run { PGVECTOR_URL = url, DEMO_INPUT = PROGRAMS }
    assert.is_true(ended_well, output)
    for _, step in ipairs { "read", "learnt from", "loaded", "indexed" } do
      assert.matches("\n" .. step .. "%s+30 texts%s+in%s+[%d.]+ m?s%s+[%d,]+/s\n", "\n" .. output)
    end
    for question, best in pairs {
      ["convert video"] = "reelshift", ["edit photos"] = "sunroom", ["play chess against the computer"] = "queenside",
    } do
      local answer = output:match("\n" .. question .. " %([^\n]*(\n.*)")
      assert.equal(best, answers(answer)[1], question)
    end
  end)

  it("answers a question of the user's, nearest first", function()
    for question, best in pairs {
      ["compress files"] = "squeezebox", ["weather forecast"] = "weatherglass", ["find duplicates"] = "twinfinder",
      ["listen to the radio"] = "radiodial", ["stars and planets"] = "nightsky", ["manage my passwords"] = "keyvault",
    } do
      local output, ended_well = ask(question)
      assert.is_true(ended_well, output)
      assert.matches("30 texts are loaded already", output)
      assert.equal(5, #answers(output))
      assert.equal(best, answers(output)[1], question)
      local last = 0
      for distance in output:gmatch("\n +(%d%.%d+)  ") do
        assert.is_true(tonumber(distance) >= last)
        last = tonumber(distance)
      end
    end
  end)

  it("says so when no text has a word of the question", function()
    local output, ended_well = ask("xylophone")
    assert.is_true(ended_well, output)
    assert.matches("no text has a word of this question", output)
  end)

  it("loads texts that have changed, in every format", function()
    write(file .. ".tsv", "kettle\tboils water\nhammer\tdrives nails\n")
    local output = ask("nails", file .. ".tsv")
    assert.same({ "hammer" }, { answers(output)[1] }, output)
    write(file .. ".jsonl", '{"title": "Saw", "text": "cuts wood"}\n\n{"title": "Axe", "text": "fells trees"}\n')
    output = ask("tree", file .. ".jsonl")
    assert.same({ "Axe" }, { answers(output)[1] }, output)
  end)

  it("leaves what is loaded as it was when loading fails", function()
    write(file .. ".jsonl", '{"name": "spade", "description": "digs"}\n')
    assert.matches("loaded", (ask("dig", file .. ".jsonl")))
    write(file .. ".tsv", "broken\tthese bytes are no letters: \255\n")
    local output, ended_well = ask("letters", file .. ".tsv")
    assert.is_false(ended_well)
    assert.matches("UTF8", output)
    assert.matches("1 texts are loaded already", (ask("dig", file .. ".jsonl")))
  end)

  for what, case in pairs {
    ["is not JSON"] = { ".jsonl", '{"name": "x", "description": "y"}\n{', ":2: not a JSON object" },
    ["lacks a description"] = { ".jsonl", '{"name": "x"}', ":1: expected the texts 'name' and 'description'" },
    ["has no tabulator"] = { ".tsv", "x y", ":1: expected a name, a tabulator and a description" },
    ["is empty"] = { ".tsv", "", ": there is no text in it" },
    ["is of another kind"] = { "", "x", ": expected a .jsonl or a .tsv file" },
  } do
    it("tells where a file " .. what, function()
      write(file .. case[1], case[2])
      local output, ended_well = ask("x", file .. case[1])
      assert.is_false(ended_well)
      assert.equal(file .. case[1] .. case[3], output:sub(1, #(file .. case[1] .. case[3])))
    end)
  end

  it("tells that a file is missing", function()
    local output, ended_well = ask("x", "no-such-file.tsv")
    assert.is_false(ended_well)
    assert.matches("^no%-such%-file%.tsv: No such file", output)
  end)

  describe("without a file", function()
    -- a directory with an apt-cache of our own ahead of the machine's
    local directory
    local function apt_cache(output)
      write(directory .. "/apt-cache", "#!/bin/sh\ncat <<'END'\n" .. output .. "END\n")
      os.execute("chmod +x " .. directory .. "/apt-cache")
      return run { PGVECTOR_URL = url, QUERY = "pictures", PATH = directory .. ":" .. os.getenv("PATH") }
    end
    setup(function()
      directory = os.tmpname()
      os.remove(directory)
      os.execute("mkdir " .. directory)
    end)
    teardown(function() os.execute("rm -r " .. directory) end)

    it("searches the packages that apt knows, each once", function()
      local output, ended_well = apt_cache [[
Package: sunroom
Version: 2
Description: editor for photos
 It crops and rotates pictures.
Tag: use::editing

Package: sunroom
Version: 1
Description: older editor for pictures

Package: reelshift
Description-en: converts films
Section: video
]]
      assert.is_true(ended_well, output)
      assert.matches("loaded%s+2 texts", output)
      assert.same({ "sunroom", "reelshift" }, answers(output))
      assert.matches("editor for photos\n", output)
    end)

    it("tells what to do if apt has no lists", function()
      local output, ended_well = apt_cache ""
      assert.is_false(ended_well)
      assert.matches("run 'apt%-get update' as root, or give texts in DEMO_INPUT", output)
    end)
  end)

  it("tells that there is no server", function()
    local output, ended_well = run {
      PGVECTOR_URL = "postgresql:///demo?host=/nonexistent", QUERY = "x", DEMO_INPUT = PROGRAMS,
    }
    assert.is_false(ended_well)
    assert.matches("/nonexistent", output)
    assert.matches("tools/postgres start", output)
  end)
end)
