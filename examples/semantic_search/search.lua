-- Semantic search in one file and a few helpers: loads texts with their
-- embeddings into PostgreSQL, indexes them and answers questions.
--
--     make demo                              the packages that apt knows
--     make demo QUERY="convert video"        one question
--     make demo DEMO_INPUT=texts.jsonl       texts of your own, or texts.tsv
--
-- Without make: PGVECTOR_URL names the database, QUERY and DEMO_INPUT are
-- environment variables too.

local here = arg[0]:match("^(.*)/[^/]*$") or "."
package.path = here .. "/?.lua;" .. package.path

local pg = require "pgvector"
local progress = require "pgvector.cli.progress"
local core = require "pgvector.core"
local corpus = require "corpus"
local Embedder = require "embedder"
local watch = require "watch"

local URL = os.getenv("PGVECTOR_URL") or "postgresql:///"
local STDIN = 0

local function setting(name)
  local value = os.getenv(name)
  return value ~= "" and value or nil
end

---- the tables -------------------------------------------------------------------

local Base = pg.orm.declarative_base()

-- What is searched: a text and its embedding.
local Text = Base:model("demo_texts", {
  id          = pg.Column{ pg.Integer, primary_key = true },
  name        = pg.Column{ pg.Text, nullable = false },
  description = pg.Column{ pg.Text, nullable = false },
  embedding   = pg.Column{ pg.VECTOR(Embedder.dimensions) },
})
local text_index = pg.HNSW(Text.embedding, { metric = "cosine" })

-- What the embedder learnt from the texts; questions are weighed by it too.
local Word = Base:model("demo_words", {
  word   = pg.Column{ pg.Text, primary_key = true },
  weight = pg.Column{ pg.Double, nullable = false },
})

-- Which texts are loaded, and by which embedder.
local Load = Base:model("demo_loads", {
  fingerprint = pg.Column{ pg.Text, primary_key = true },
  texts       = pg.Column{ pg.Integer, nullable = false },
  loaded      = pg.Column{ pg.DateTime{ timezone = true }, server_default = pg.func.now() },
})

---- loading ----------------------------------------------------------------------

-- Says what a step did, how long it took and at what rate.
local function report(step, count, unit, seconds)
  print(("%-10s %9s %-7s in %8s %11s/s"):format(step, progress.count(count), unit,
    progress.duration(seconds), progress.count(count / seconds)))
end

local function whole(text) return text.name .. " " .. text.description end

-- Reads the texts and learns their words.
local function prepare(input)
  local started = core.now()
  local texts = corpus.read(input)
  report("read", #texts, "texts", core.now() - started)

  started = core.now()
  local i = 0
  local weights = Embedder.learn(function()
    i = i + 1
    return texts[i] and whole(texts[i])
  end)
  report("learnt from", #texts, "texts", core.now() - started)
  return texts, weights
end

-- Embeds the texts and stores them by COPY.
local function copy_texts(conn, texts, embedder)
  local bar = progress.new{ label = "embedding and loading", total = #texts, unit = "texts" }
  local count = conn:copy_in(Text, { "name", "description", "embedding" }, function(copy)
    for _, text in ipairs(texts) do
      copy:write_row(text.name, text.description, embedder:embed(whole(text)))
      bar:advance()
    end
  end)
  report("loaded", count, "texts", bar:finish())
end

local function copy_words(conn, weights)
  local word, weight
  conn:copy_in(Word, { "word", "weight" }, function()
    word, weight = next(weights, word)
    return word and { word, weight }
  end)
end

-- Replaces what is loaded by the texts of `input`. All of it is one
-- transaction: nobody ever sees half of it, and an interruption leaves the old
-- texts as they are.
local function load(engine, input, fingerprint)
  local texts, weights = prepare(input)
  engine:begin(function(conn)
    Base.metadata:drop_all(conn)
    Base.metadata:create_all(conn)
    text_index:drop(conn) -- an index is built faster from the whole than row by row
    copy_texts(conn, texts, Embedder.new(weights))
    copy_words(conn, weights)
    report("indexed", #texts, "texts", watch.create(conn, text_index, URL))
    conn:execute(pg.insert(Load):values{ fingerprint = fingerprint, texts = #texts })
  end)
end

-- Loads the texts of `input` unless they are in the database already.
local function ensure_loaded(engine, input)
  local fingerprint = Embedder.version .. " " .. corpus.fingerprint(input)
  Base.metadata:create_all(engine) -- what is there stays
  local count = engine:connect(function(conn)
    return conn:scalar(pg.select(Load.texts):where(Load.fingerprint:eq(fingerprint)))
  end)
  if count then
    print(("%s texts are loaded already"):format(progress.count(count)))
  else
    load(engine, input, fingerprint)
  end
end

---- asking -----------------------------------------------------------------------

-- The question's embedding: its words weigh what they weigh in the texts.
local function embed(conn, question)
  local words = Embedder.words(question)
  local known = pg.select(Word.word, Word.weight):where(Word.word:in_(words))
  local weights = {}
  for _, word, weight in conn:execute(known):tuples() do weights[word] = weight end
  return Embedder.new(weights):embed(question)
end

-- The first line of a text, at most `width` bytes of it, cut between letters.
local function first_line(text, width)
  local line = text:match("^[^\n]*")
  if #line <= width then return line end
  return line:sub(1, width - 2):gsub("[\192-\255]?[\128-\191]*$", "") .. ".."
end

local function ask(engine, question)
  local started = core.now()
  local answers = engine:connect(function(conn)
    local embedding = embed(conn, question)
    if not embedding then return {} end
    local nearest = pg.select(Text.name, Text.description)
      :nearest(Text.embedding, embedding, { limit = 5, label = "distance" })
    return conn:execute(nearest):all()
  end)
  print(("\n%s (%.1f ms)"):format(question, (core.now() - started) * 1000))
  if #answers == 0 then
    print("  no text has a word of this question")
    return
  end
  print("  distance  name                       description")
  for _, answer in ipairs(answers) do
    print(("  %8.3f  %-26s %s"):format(answer.distance, first_line(answer.name, 26),
      first_line(answer.description, 60)))
  end
end

local function prompt(engine)
  while true do
    io.write("\nWhat are you looking for? ")
    io.flush()
    local question = io.read("*l")
    if not question or not question:find("%S") then break end
    ask(engine, question)
  end
end

---- the program ------------------------------------------------------------------

local samples = { "convert video", "edit photos", "play chess against the computer" }

local function main()
  local engine = pg.create_engine(URL, { wait = watch.wait })
  ensure_loaded(engine, setting("DEMO_INPUT"))
  local question = setting("QUERY")
  if question then
    ask(engine, question)
  else
    for _, sample in ipairs(samples) do ask(engine, sample) end
    if core.isatty(STDIN) then prompt(engine) end
  end
  engine:dispose()
end

local ok, err = pcall(main)
if not ok then
  local message = tostring(err)
  if message:find("interrupted!", 1, true) then
    message = "interrupted; what was loaded before is as it was"
  elseif pg.is_error(err, "OperationalError") then
    message = err.message .. "\nPGVECTOR_URL names the database; tools/postgres start starts a server for this checkout"
  end
  io.stderr:write(message, "\n")
  os.exit(1)
end
