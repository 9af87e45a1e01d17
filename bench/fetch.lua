-- Reading 10,000 × 1,536 into vectors, next to a C program that reads the same
-- and puts the bytes in order.

local data = require "bench.support.data"
local items = require "bench.support.items"
local measure = require "bench.support.measure"
local pg = require "pgvector"

local engine = pg.create_engine(os.getenv("PGVECTOR_URL"))
local all_embeddings = pg.select(items.table.c.embedding)

items.create(engine)
items.copy(engine, data.all())

local result = engine:connect(function(conn)
  return measure.compare(function()
    return measure.time(function()
      local vectors = conn:scalars(all_embeddings):all()
      assert(#vectors == data.rows)
    end)
  end, "build/bench/fetch")
end)
measure.row {
  name = "SELECT of 10,000 × 1,536 into vectors; peer: C",
  ours = measure.wall_and_cpu(result.ours, result.ours_cpu),
  peer = measure.wall_and_cpu(result.peer, result.peer_cpu), ratio = result.ratio,
  target = "≤ 1.10", met = result.ratio <= 1.1,
}

items.drop(engine)
