--- What only the rows tell; of large tables a sample is read.
-- @module pgvector.cli.doctor.deep

local explain = require "pgvector.cli.explain"
local identifiers = require "pgvector.sql.compiler.identifiers"
local measure = require "pgvector.cli.tune.measure"
local pg = require "pgvector"
local progress = require "pgvector.cli.progress"

local deep = {}

local func = pg.func

local SAMPLE = 100000 -- rows
local PROBES = 5      -- vectors that an IVFFlat index is asked for

-- A table, or a part of it.
local function sample_of(tbl, rows)
  if rows <= SAMPLE then return tbl end
  return pg.tablesample(tbl, func.system(100 * SAMPLE / rows), { seed = 1 })
end

local function has_cosine_index(known, name)
  for _, index in ipairs(known.indexes) do
    if index.metric == "cosine" and index.columns[1] == name then return true end
  end
  return false
end

-- How many of the sampled vectors are zero, and how many there are.
local function count_zeros(conn, tbl, known, column)
  local from = sample_of(tbl, known.rows)
  local col = from.c[column.name]
  local norm = column.kind == "vector" and func.vector_norm or func.l2_norm
  local row = conn:execute(pg.select(func.count(col):filter(norm(col):eq(0)), func.count(col))):one()
  column.zeros, column.sampled = row[1], row[2]
end

-- The most values that a sparse vector has. The server has no function for it:
-- each takes 8 bytes, behind a head of 12 to 16.
local function count_nonzeros(conn, tbl, known, column)
  local from = sample_of(tbl, known.rows)
  local size = conn:scalar(pg.select(func.max(func.pg_column_size(from.c[column.name]))))
  if size then column.nonzeros = math.floor((size - 12) / 8) end
end

-- The share of the rows that one list of an IVFFlat index holds, for several vectors the middle one.
local function measure_lists(conn, tbl, known, index)
  local col, shares = tbl.c[index.columns[1]], {}
  local vectors = measure.draw(conn, { table = tbl, column = col }, { index.where and pg.text(index.where) }, PROBES, 1)
  for i, vector in ipairs(vectors) do
    local stmt = pg.select(pg.literal(1):label "one")
    if index.where then stmt = stmt:where(pg.text(index.where)) end
    stmt = stmt:nearest(col, vector, {
      metric = index.metric, limit = math.max(1, math.floor(known.rows)), probes = 1, iterative_scan = "off",
    })
    local count = pg.select(func.count()):select_from(stmt:subquery "found")
    if explain.reading(explain.plan(conn, count))[1] ~= index.name then return end
    shares[i] = conn:scalar(count) / known.rows
  end
  table.sort(shares)
  index.list_share = shares[math.ceil(#shares / 2)]
end

-- What there is to look at, as functions.
local function looks(conn, found)
  local list = {}
  for _, known in ipairs(found.tables) do
    local tbl
    local function look(fn, thing)
      list[#list + 1] = function()
        tbl = tbl or pg.Table(known.name, pg.MetaData(), {}, { schema = known.schema, autoload = conn })
        fn(conn, tbl, known, thing)
      end
    end
    for _, column in ipairs(known.readable and known.columns or {}) do
      if has_cosine_index(known, column.name) then look(count_zeros, column) end
      if column.kind == "sparsevec" then look(count_nonzeros, column) end
    end
    for _, index in ipairs(known.readable and known.indexes or {}) do
      if index.method == "ivfflat" and index.plain and index.valid and known.rows > 0 then
        look(measure_lists, index)
      end
    end
  end
  return list
end

--- Looks at rows: `zeros` and `sampled`, `nonzeros` of columns, `list_share` of indexes.
-- @tparam Connection conn
-- @tparam table found of `facts.gather`, which it completes
function deep.look(conn, found)
  local list = looks(conn, found)
  local function set(name, value) conn:execute(pg.select(func.set_config(name, value, true))):close() end
  -- functions and operators of the extension are found in its schema
  set("search_path", func.current_setting "search_path" .. ", " .. identifiers.quote(found.extension.schema))
  -- without the first two, an index gives all that it finds; the third takes such plans for long ones
  for _, name in ipairs{ "enable_seqscan", "enable_sort", "jit" } do set(name, "off") end
  local bar = progress.new{ label = "looking at rows", total = #list, unit = "looks" }
  for _, look in ipairs(list) do
    look()
    bar:advance()
  end
  bar:finish()
end

return deep
