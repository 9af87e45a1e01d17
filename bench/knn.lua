-- Searching: the ten nearest of 5,000 × 384 through an HNSW index, 500 times, a
-- prepared statement with one round trip for each, next to a C program that
-- does the same; within one transaction, and in a transaction each.

local data = require "bench.support.data"
local measure = require "bench.support.measure"
local pg = require "pgvector"

local ROWS, LENGTH, QUERIES = 5000, 384, 500

local engine = pg.create_engine(os.getenv("PGVECTOR_URL"))
local points = pg.Table("bench_points", pg.MetaData{}, {
  pg.Column{ "id", pg.Integer },
  pg.Column{ "embedding", pg.VECTOR(LENGTH) },
})

local function numbers()
  local all = data.numbers()
  local some = {}
  for i = 1, LENGTH do some[i] = all[i] end
  return some
end

engine:begin(function(conn)
  conn:exec_sql("DROP TABLE IF EXISTS bench_points")
  conn:exec_sql("CREATE UNLOGGED TABLE bench_points (id integer, embedding vector(384))")
  data.reset()
  conn:copy_in(points, nil, function(copy)
    for id = 1, ROWS do copy:write_row(id, numbers()) end
  end)
  conn:exec_sql("CREATE INDEX ON bench_points USING hnsw (embedding vector_cosine_ops)")
end)

data.reset()
local q = pg.vector(numbers())
local search = pg.select(points.c.id)
  :nearest(points.c.embedding, q, { metric = "cosine", limit = 10, label = "distance" })

local function run(conn) assert(#conn:execute(search):all() == 10) end

for _, case in ipairs {
  { what = "within a transaction", mode = "open", target = 1.1 },
  { what = "in a transaction each", mode = "each" },
} do
  local result = engine:connect(function(conn)
    return measure.compare(function()
      return measure.time(function()
        for _ = 1, QUERIES do
          run(conn)
          if case.mode == "each" then conn:commit() end
        end
        conn:commit()
      end)
    end, "build/bench/knn " .. case.mode)
  end)
  measure.row {
    name = ("10 nearest of 5,000 × 384, %s; peer: C"):format(case.what),
    ours = measure.microseconds(result.ours / QUERIES), peer = measure.microseconds(result.peer / QUERIES),
    ratio = result.ratio,
    target = case.target and ("≤ %.2f"):format(case.target),
    met = case.target and result.ratio <= case.target,
  }
end

engine:begin(function(conn) conn:exec_sql("DROP TABLE bench_points") end)
