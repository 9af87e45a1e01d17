-- What it costs to have the library: the time of `require`, the memory of a vector.

local data = require "bench.support.data"
local measure = require "bench.support.measure"
local pg = require "pgvector"

local PROGRAM = [[local t = os.clock() require "pgvector" print(os.clock() - t)]]

local seconds = measure.repeated(function()
  return measure.run(("%s -e '%s'"):format(os.getenv("LUA"), PROGRAM))
end)
measure.row {
  name = 'require "pgvector" in a fresh process',
  ours = measure.milliseconds(seconds), target = "≤ 10 ms", met = seconds <= 10e-3,
}

local COUNT = 1000
data.reset()
local one = pg.vector(data.numbers())
collectgarbage()
collectgarbage("stop")
local before = collectgarbage("count")
for _ = 1, COUNT do one:l2_normalize() end
local bytes = (collectgarbage("count") - before) * 1024 / COUNT
collectgarbage("restart")
measure.row {
  name = "memory of a vector of 1,536 dimensions",
  ours = ("%.0f bytes"):format(bytes), target = "≤ 6144 + 64", met = bytes <= 6144 + 64,
}
