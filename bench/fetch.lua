-- Reading 10,000 × 1,536 into vectors, next to a C program that reads the same
-- and puts the bytes in order, and to asyncpg, which leaves them as they came.

local data = require "bench.support.data"
local items = require "bench.support.items"
local measure = require "bench.support.measure"
local pg = require "pgvector"

local engine = pg.create_engine(os.getenv("PGVECTOR_URL"))
local all_embeddings = pg.select(items.table.c.embedding)

items.create(engine)
items.copy(engine, data.all())

local function fetch(conn)
  local vectors = conn:scalars(all_embeddings):all()
  assert(#vectors == data.rows)
end

for _, peer in ipairs {
  { name = "C", command = "build/bench/fetch", target = 1.1 },
  { name = "asyncpg", command = "/usr/bin/python3 bench/peers/fetch.py", target = 1 },
} do
  local result = engine:connect(function(conn)
    return measure.compare(function() return measure.time(function() fetch(conn) end) end, peer.command)
  end)
  measure.row {
    name = "SELECT of 10,000 × 1,536 into vectors; peer: " .. peer.name,
    ours = measure.wall_and_cpu(result.ours, result.ours_cpu),
    peer = measure.wall_and_cpu(result.peer, result.peer_cpu), ratio = result.ratio,
    target = ("≤ %.2f"):format(peer.target), met = result.ratio <= peer.target,
  }
end

items.drop(engine)
