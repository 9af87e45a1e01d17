--- The table of the copy and fetch benchmarks: unlogged, without an index.

local data = require "bench.support.data"
local pg = require "pgvector"

local items = {}

local metadata = pg.MetaData{}

items.table = pg.Table("bench_items", metadata, {
  pg.Column{ "id", pg.Integer },
  pg.Column{ "embedding", pg.VECTOR(data.dimensions) },
})

--- Makes the table anew.
function items.create(engine)
  engine:begin(function(conn)
    conn:exec_sql("DROP TABLE IF EXISTS bench_items")
    conn:exec_sql("CREATE UNLOGGED TABLE bench_items (id integer, embedding vector(1536))")
  end)
end

function items.truncate(engine)
  engine:begin(function(conn) conn:exec_sql("TRUNCATE bench_items") end)
end

function items.drop(engine)
  engine:begin(function(conn) conn:exec_sql("DROP TABLE bench_items") end)
end

--- How many rows there are, and what their lengths add up to.
function items.summary(engine)
  local sql = "SELECT concat(count(*), ' rows, ', sum(vector_norm(embedding))) FROM bench_items"
  return engine:connect(function(conn) return conn:exec_sql(sql):scalar() end)
end

--- Stores embeddings by COPY, in a transaction of its own.
function items.copy(engine, embeddings)
  engine:begin(function(conn)
    conn:copy_in(items.table, { "id", "embedding" }, function(copy)
      for id, embedding in ipairs(embeddings) do copy:write_row(id, embedding) end
    end)
  end)
end

return items
