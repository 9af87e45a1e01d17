-- 1,000 small statements: in a pipeline next to one after the other, and next
-- to a C program's pipeline.

local measure = require "bench.support.measure"
local pg = require "pgvector"

local STATEMENTS = 1000

local engine = pg.create_engine(os.getenv("PGVECTOR_URL"))
local doubled = pg.select((pg.bindparam("n"):cast(pg.Integer) * pg.literal_column("2")):label("doubled"))

local function check(sum) assert(sum == STATEMENTS * (STATEMENTS + 1)) end

local function one_by_one(conn)
  local sum = 0
  for i = 1, STATEMENTS do sum = sum + conn:scalar(doubled, { n = i }) end
  check(sum)
end

local function pipelined(conn)
  local results = {}
  conn:pipeline(function(pipeline)
    for i = 1, STATEMENTS do results[i] = pipeline:execute(doubled, { n = i }) end
  end)
  local sum = 0
  for i = 1, STATEMENTS do sum = sum + results[i]:scalar() end
  check(sum)
end

engine:connect(function(conn)
  for _ = 1, 10 do conn:scalar(doubled, { n = 1 }) end -- it is prepared after a few times
  local alone = measure.repeated(function() return (measure.time(function() one_by_one(conn) end)) end)
  local result = measure.compare(function()
    pipelined(conn) -- the C program warms up, too
    return measure.time(function() pipelined(conn) end)
  end, "build/bench/pipeline")
  measure.row {
    name = "1,000 statements in a pipeline; peer: one after the other",
    ours = measure.milliseconds(result.ours), peer = measure.milliseconds(alone), ratio = result.ours / alone,
    target = "≤ 0.20", met = result.ours / alone <= 0.2,
  }
  measure.row {
    name = "1,000 statements in a pipeline; peer: C",
    ours = measure.wall_and_cpu(result.ours, result.ours_cpu),
    peer = measure.wall_and_cpu(result.peer, result.peer_cpu), ratio = result.ratio,
    target = "≤ 1.30", met = result.ratio <= 1.3,
  }
end)
