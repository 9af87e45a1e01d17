-- One cosine distance of 1,536 dimensions, next to numpy's formula for a pair: CPU time.

local data = require "bench.support.data"
local measure = require "bench.support.measure"
local pg = require "pgvector"

local BATCHES, CALLS = 15, 20000

data.reset()
local a, b = pg.vector(data.numbers()), pg.vector(data.numbers())

local function ours()
  local wall, cpu = measure.batches(BATCHES, function()
    for _ = 1, CALLS do a:cosine_distance(b) end
  end)
  return wall / CALLS, cpu / CALLS
end

local result = measure.compare(ours, "/usr/bin/python3 bench/peers/cosine.py")
local faster = 1 / result.ratio_cpu
measure.row {
  name = "cosine_distance, 1,536 dimensions; peer: numpy, one pair",
  ours = measure.nanoseconds(result.ours_cpu), peer = measure.nanoseconds(result.peer_cpu), ratio = result.ratio_cpu,
  target = "≤ 300 ns, ≥ 15 × faster", met = result.ours_cpu <= 300e-9 and faster >= 15,
}
