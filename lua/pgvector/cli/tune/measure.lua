--- Measures what a search finds and how long it takes.
--
-- A target is `{ table =, column =, metric =, conditions =, k = }`: the k rows
-- nearest by the metric among those that keep the conditions.
-- @module pgvector.cli.tune.measure

local compat = require "pgvector.compat"
local core = require "pgvector.core"
local errors = require "pgvector.errors"
local explain = require "pgvector.cli.explain"
local pg = require "pgvector"

local measure = {}

local func = pg.func

local distances = {
  l2 = "l2_distance", ip = "max_inner_product", cosine = "cosine_distance", l1 = "l1_distance",
  hamming = "hamming_distance", jaccard = "jaccard_distance",
}

---- figures --------------------------------------------------------------------------

--- The value below which a share of the numbers lies (nearest rank).
-- @tparam table numbers sequence, not empty
-- @tparam number share 0.5 is the median
function measure.percentile(numbers, share)
  local sorted = {}
  for i, number in ipairs(numbers) do sorted[i] = number end
  table.sort(sorted)
  return sorted[math.max(1, math.ceil(share * #sorted))]
end

local function figures(times)
  local function rounded(ms) return math.floor(ms * 1000 + 0.5) / 1000 end
  return { median_ms = rounded(measure.percentile(times, 0.5)), p95_ms = rounded(measure.percentile(times, 0.95)) }
end

--- The share of the true neighbours that was found. What is no farther away than
-- the last true neighbour is one: rows at the same distance are as good.
-- @tparam table truth sequence of distances, nearest first, not empty
-- @tparam table found sequence of distances
-- @treturn number from 0 to 1
function measure.recall(truth, found)
  local last, hits = truth[#truth], 0
  for _, distance in ipairs(found) do
    if distance <= last then hits = hits + 1 end
  end
  return math.min(hits, #truth) / #truth
end

---- queries ----------------------------------------------------------------------------

-- An order of the rows that depends on the seed alone, not on where they lie.
local function shuffled(tbl, seed)
  local keys = tbl.primary_key and tbl.primary_key.columns or { pg.literal_column("ctid", pg.Text) }
  local text = keys[1]:cast(pg.Text)
  for i = 2, #keys do text = text .. "," .. keys[i]:cast(pg.Text) end
  return func.hashtextextended(text, pg.literal(seed, pg.BigInteger))
end

--- Draws vectors of rows to search for.
-- @tparam Connection conn
-- @tparam table target
-- @tparam table conditions that the rows keep
-- @tparam integer count
-- @tparam integer seed
-- @treturn table sequence of vectors, fewer if there are no more
function measure.draw(conn, target, conditions, count, seed)
  local stmt = pg.select(target.column):where(target.column:is_not_null(), compat.unpack(conditions))
    :order_by(shuffled(target.table, seed)):limit(count)
  return conn:scalars(stmt):all()
end

---- the exact answer ---------------------------------------------------------------------

-- Distances of rows, without what is none: of a missing vector, of a zero vector.
local function distances_of(rows, position)
  local list = {}
  for _, row in ipairs(rows) do
    local distance = row[position]
    if type(distance) == "number" and distance == distance then list[#list + 1] = distance end
  end
  return list
end

local function exact_statement(target, query)
  local column = target.column
  local distance = column[distances[target.metric]](column, query)
  local stmt = pg.select(distance:label "distance")
  if target.conditions[1] then stmt = stmt:where(compat.unpack(target.conditions)) end
  return stmt:order_by(distance):limit(target.k)
end

-- Where all are off, the server takes an index all the same.
local scans = { { "enable_seqscan", "on" }, { "enable_indexscan", "off" }, { "enable_bitmapscan", "off" } }

local function set(conn, name, value) conn:execute(pg.select(func.set_config(name, value, true))):close() end

-- Calls fn while the server reads tables as a whole.
local function without_indexes(conn, fn)
  local former = {}
  for i, scan in ipairs(scans) do
    former[i] = conn:scalar(pg.select(func.current_setting(scan[1])))
    set(conn, scan[1], scan[2])
  end
  fn()
  for i, scan in ipairs(scans) do set(conn, scan[1], former[i]) end
end

--- The true neighbours.
-- @tparam Connection conn in a transaction
-- @tparam table target
-- @tparam table queries sequence of vectors
-- @tparam function tick called after each
-- @treturn table for each query a sequence of distances, nearest first; empty if it has no neighbours
-- @treturn table `median_ms`, `p95_ms`
function measure.exact(conn, target, queries, tick)
  local truth, times = {}, {}
  without_indexes(conn, function()
    local index = explain.reading(explain.plan(conn, exact_statement(target, queries[1])))[1]
    if index then
      errors.raise("InvalidRequestError", "the server insists on index %s: the true neighbours cannot be told", index)
    end
    for i, query in ipairs(queries) do
      local stmt, started = exact_statement(target, query), core.now()
      local rows = conn:execute(stmt):all()
      times[i] = (core.now() - started) * 1000
      truth[i] = distances_of(rows, 1)
      tick()
    end
  end)
  return truth, figures(times)
end

---- by the index ----------------------------------------------------------------------------

-- The statement that a program would run.
local function statement(target, query, options)
  local all = { metric = target.metric, limit = target.k }
  for name, value in pairs(options) do all[name] = value end
  local keys = target.table.primary_key and target.table.primary_key.columns or { pg.literal(1):label "one" }
  local stmt = pg.select(compat.unpack(keys))
  if target.conditions[1] then stmt = stmt:where(compat.unpack(target.conditions)) end
  return stmt:nearest(target.column, query, all), #keys + 1
end

--- Searches with some options.
-- @tparam Connection conn in a transaction
-- @tparam table target
-- @tparam table queries sequence of vectors
-- @tparam table truth of `exact`
-- @tparam table options of `nearest`
-- @tparam function tick called after each query
-- @treturn table `options`, `recall`, `rows` (found, on average), `median_ms`, `p95_ms`, and `indexes`,
--   the names of those that served it
function measure.search(conn, target, queries, truth, options, tick)
  local times, recall, rows = {}, 0, 0
  for i, query in ipairs(queries) do
    local stmt, position = statement(target, query, options)
    local started = core.now()
    local found = conn:execute(stmt):all()
    times[i] = (core.now() - started) * 1000
    recall = recall + measure.recall(truth[i], distances_of(found, position))
    rows = rows + #found
    tick()
  end
  local result = figures(times)
  result.options, result.recall, result.rows = options, recall / #queries, rows / #queries
  result.indexes = explain.reading(explain.plan(conn, (statement(target, queries[1], options))))
  return result
end

return measure
