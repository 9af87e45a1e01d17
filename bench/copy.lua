-- Loading 10,000 × 1,536 by binary COPY, from vectors and from Lua tables, next
-- to a C program that sends the same bytes.

local data = require "bench.support.data"
local items = require "bench.support.items"
local measure = require "bench.support.measure"
local pg = require "pgvector"

local engine = pg.create_engine(os.getenv("PGVECTOR_URL"))
local C_PROGRAM = "build/bench/copy"

-- The comparison is one of the same work only if both store the same.
local function check_same(embeddings)
  items.create(engine)
  items.copy(engine, embeddings)
  local ours = items.summary(engine)
  items.truncate(engine)
  measure.run(C_PROGRAM)
  local theirs = items.summary(engine)
  if ours ~= theirs then error(("we stored %s, the C program %s"):format(ours, theirs), 0) end
end

for _, case in ipairs {
  { what = "vectors", as_tables = false, target = 1.2 },
  { what = "Lua tables", as_tables = true, target = 2 },
} do
  local embeddings = data.all(case.as_tables)
  check_same(embeddings)
  local function ours()
    items.copy(engine, embeddings) -- the C program does it twice too, and tells the second
    items.truncate(engine)
    return measure.time(function() items.copy(engine, embeddings) end)
  end
  local result = measure.compare(ours, C_PROGRAM, function() items.truncate(engine) end)
  measure.row {
    name = ("COPY of 10,000 × 1,536 from %s; peer: C"):format(case.what),
    ours = measure.wall_and_cpu(result.ours, result.ours_cpu),
    peer = measure.wall_and_cpu(result.peer, result.peer_cpu), ratio = result.ratio,
    target = ("≤ %.2f"):format(case.target), met = result.ratio <= case.target,
  }
end

items.drop(engine)
