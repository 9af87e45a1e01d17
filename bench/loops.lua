-- Fifty queries of 0.1 s at once in event loops; one after the other they
-- would take 5 s.

local loops = require "spec.support.loops"
local measure = require "bench.support.measure"
local pg = require "pgvector"

local COROUTINES = 50

for _, loop in ipairs(loops) do
  local engine = pg.create_engine(os.getenv "PGVECTOR_URL", { pool_size = COROUTINES })
  local function run()
    return measure.time(function()
      loop.run(function()
        for _ = 1, COROUTINES do
          loop.spawn(function()
            engine:connect(function(conn) conn:exec_sql("SELECT pg_sleep(0.1)") end)
          end)
        end
      end)
    end)
  end
  run() -- opens the connections
  local wall, cpu = measure.batches(7, run)
  engine:dispose()
  measure.row {
    name = ("%d × pg_sleep(0.1) at once, %s"):format(COROUTINES, loop.name),
    ours = measure.wall_and_cpu(wall, cpu),
  }
end
