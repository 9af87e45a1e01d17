-- One question against 10,000 vectors of 1,536 dimensions, next to numpy on one
-- thread with the vectors in one matrix: CPU time.

local data = require "bench.support.data"
local measure = require "bench.support.measure"
local pg = require "pgvector"

local BATCHES = 5

local vectors = data.all()
local question = pg.vector(data.numbers())

for _, metric in ipairs { "cosine", "l2", "ip" } do
  local result = measure.compare(function()
    return measure.batches(BATCHES, function() pg.distances(question, vectors, metric) end)
  end, "/usr/bin/python3 bench/peers/distances.py " .. metric)
  measure.row {
    name = ("distances of 10,000 × 1,536, %s; peer: numpy, one thread"):format(metric),
    ours = measure.milliseconds(result.ours_cpu), peer = measure.milliseconds(result.peer_cpu),
    ratio = result.ratio_cpu, target = "≤ 1.00", met = result.ratio_cpu <= 1,
  }
end
