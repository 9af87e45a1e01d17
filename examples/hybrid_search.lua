-- Vectors and full text in one search, next to each of them alone.
--
--     PGVECTOR_URL=postgresql:///test lua5.4 examples/hybrid_search.lua
--
-- The embeddings are made by hand: (animals, speed, code). A real program has
-- them from a model.

local pg = require "pgvector"

local Base = pg.orm.declarative_base()
local Note = Base:model("example_notes", {
  id        = pg.Column{ pg.Integer, primary_key = true },
  body      = pg.Column{ pg.Text, nullable = false },
  embedding = pg.Column{ pg.VECTOR(3) },
  search    = pg.Column{ pg.TSVECTOR, pg.Computed "to_tsvector('english', body)", deferred = true },
  pg.HNSW("embedding", { metric = "cosine" }),
  pg.Index("ix_example_notes_search", "search", { using = "gin" }),
})

local notes = {
  { body = "The cheetah is the fastest animal on land", embedding = { 9, 9, 0 } },
  { body = "A python sheds its skin", embedding = { 9, 1, 0 } },
  { body = "Python is slow, but quick to write", embedding = { 1, 4, 9 } },
  { body = "A falcon dives at 300 km/h", embedding = { 8, 9, 0 } },
  { body = "Making a Lua program run faster", embedding = { 0, 8, 9 } },
}

local function show(title, conn, stmt)
  print(title)
  for row in conn:execute(stmt) do print("  " .. row.body) end
end

local engine = pg.create_engine(os.getenv("PGVECTOR_URL") or "postgresql:///")
Base.metadata:drop_all(engine)
Base.metadata:create_all(engine)
engine:begin(function(conn) conn:execute(pg.insert(Note), notes) end)

-- "fast python": the words, and what an embedding of them might be
local words, meaning = "python", { 3, 8, 6 }

engine:connect(function(conn)
  show("by meaning:", conn, pg.select(Note.body):nearest(Note.embedding, meaning, { limit = 3 }))
  local matching = Note.search:match(words, { config = "english" })
  show("by words:", conn, pg.select(Note.body):where(matching):order_by(Note.id))
  local both = pg.hybrid_search(Note, {
    vector = { Note.embedding, meaning },
    text = { Note.search, words, config = "english" },
    limit = 3,
  })
  print("by both:")
  for row in conn:execute(both) do
    print(("  %.4f  %s (meaning %s, words %s)"):format(row.score, row.body, tostring(row.vector_rank or "-"),
      tostring(row.text_rank or "-")))
  end
end)
engine:dispose()
