-- `pgvector ingest` of 100,000 × 384 as JSON lines and as CSV, next to psql's \copy of
-- the same CSV, both as programs, into a table without an index.

local measure = require "bench.support.measure"
local pg = require "pgvector"

local ROWS, DIMENSIONS, DISTINCT = 100000, 384, 1000

local url = os.getenv("PGVECTOR_URL")
local engine = pg.create_engine(url)
local file = os.tmpname()

-- Vectors with seven digits, as models give them; a thousand of them, again and again.
local function vectors()
  local state, list = 1, {}
  for i = 1, DISTINCT do
    local numbers = {}
    for k = 1, DIMENSIONS do
      state = state * 16807 % 2147483647
      numbers[k] = ("%.7f"):format(state / 2147483647 - 0.5)
    end
    list[i] = "[" .. table.concat(numbers, ", ") .. "]"
  end
  return list
end

local function write()
  local list = vectors()
  local json, csv = assert(io.open(file .. ".jsonl", "w")), assert(io.open(file .. ".csv", "w"))
  csv:write("id,title,embedding\n")
  for id = 1, ROWS do
    local vector = list[id % DISTINCT + 1]
    json:write('{"id": ', id, ', "title": "document ', id, '", "embedding": ', vector, "}\n")
    csv:write(id, ",document ", id, ',"', vector, '"\n')
  end
  json:close()
  csv:close()
end

local function reset()
  engine:begin(function(conn)
    conn:exec_sql "DROP TABLE IF EXISTS bench_ingest"
    conn:exec_sql "CREATE UNLOGGED TABLE bench_ingest (id integer, title text, embedding vector(384))"
  end)
end

-- The command that prints wall and CPU seconds of a program.
local function timed(program)
  local shell = [[bash -c 'TIMEFORMAT="%%R %%U %%S"; { time %s >/dev/null; } 2>&1' | awk '{ print $1, $2 + $3 }']]
  return shell:format(program)
end

local ingest = '"$LUA" bin/pgvector ingest --no-analyze bench_ingest ' .. file .. "."
local copy = timed(([[psql -Xq -d "$PGVECTOR_URL" -c "\copy bench_ingest FROM %s.csv CSV HEADER"]]):format(file))

write()
for _, format in ipairs { "jsonl", "csv" } do
  local command = timed(ingest .. format)
  local result = measure.compare(function() return measure.run(command) end, copy, reset)
  measure.row {
    name = ("100,000 × 384 as %s; peer: psql, \\copy of CSV"):format(format == "csv" and "CSV" or "JSON lines"),
    ours = ("%.0f rows/s (CPU %.0f ms)"):format(ROWS / result.ours, result.ours_cpu * 1e3),
    peer = ("%.0f rows/s (CPU %.0f ms)"):format(ROWS / result.peer, result.peer_cpu * 1e3),
    ratio = result.ratio, target = "≤ 1.00", met = result.ratio <= 1,
  }
end

engine:begin(function(conn) conn:exec_sql "DROP TABLE bench_ingest" end)
for _, name in ipairs { "", ".jsonl", ".csv" } do os.remove(file .. name) end
