--- `pgvector tune TABLE`: recall and latency of a vector index, and what to set.
-- @module pgvector.cli.tune

local advice = require "pgvector.cli.tune.advice"
local aligned = require "pgvector.cli.aligned"
local database = require "pgvector.cli.database"
local errors = require "pgvector.errors"
local ladder = require "pgvector.cli.tune.ladder"
local measure = require "pgvector.cli.tune.measure"
local pg = require "pgvector"
local progress = require "pgvector.cli.progress"
local vector_column = require "pgvector.cli.vector_column"
local words = require "pgvector.cli.arguments"

local command = {}

local ENOUGH = 0.999 -- a recall beyond which more effort shows nothing

---- the index --------------------------------------------------------------------------

local function fits(index, args)
  if args.index then return index.name == args.index end
  -- bits are compared by what differs, whatever metric ranks the rows afterwards
  return not args.metric or index.via == "binary" or index.metric == args.metric
end

local function is_valid(conn, tbl, name)
  for _, index in ipairs(pg.inspect(conn):get_indexes(tbl.name, tbl.schema)) do
    if index.name == name then return index.valid end
  end
end

local function choose_index(conn, tbl, column, args)
  local all, chosen, names = vector_column.indexes(tbl, column), {}, {}
  for i, index in ipairs(all) do
    names[i] = index.name
    if fits(index, args) then chosen[#chosen + 1] = index end
  end
  if #all == 0 then
    errors.raise("InvalidRequestError", "%s.%s has no vector index: there is nothing to tune", tbl.key, column.name)
  elseif #chosen == 0 then
    words.misuse("no index of %s.%s is meant, there are: %s", tbl.key, column.name, table.concat(names, ", "))
  elseif #chosen > 1 then
    words.misuse("%s.%s has several vector indexes, name one of them by --index: %s", tbl.key, column.name,
      table.concat(names, ", "))
  end
  local index = chosen[1]
  if index.via ~= "binary" and args.metric and args.metric ~= index.metric then
    words.misuse("--metric: index %s measures %s", index.name, index.metric)
  elseif not is_valid(conn, tbl, index.name) then
    errors.raise("InvalidRequestError", "index %s is invalid, no search can use it: its build failed", index.name)
  end
  return index
end

---- measuring ----------------------------------------------------------------------------

-- Calls fn with a function that counts, and shows how far it is.
local function with_bar(label, total, fn)
  local bar = progress.new{ label = label, total = total, unit = "queries" }
  local ok, a, b = pcall(fn, function() bar:advance() end)
  bar:finish()
  if not ok then error(a, 0) end
  return a, b
end

local function label_of(step)
  local parts = {}
  for _, name in ipairs{ "probes", "oversample", "ef_search" } do
    if step[name] then parts[#parts + 1] = ("%s %d"):format(name, step[name]) end
  end
  return table.concat(parts, ", ")
end

-- How the index is scanned: with a condition also so that it goes on where few
-- rows keep it.
local function ways(target, args)
  if not args.where then return { false } end
  return target.table.primary_key and { "off", "relaxed_order" } or { "off" }
end

-- Queries that have neighbours, and those.
local function with_neighbours(queries, truth)
  local kept, neighbours = {}, {}
  for i, query in ipairs(queries) do
    if truth[i][1] then kept[#kept + 1], neighbours[#neighbours + 1] = query, truth[i] end
  end
  return kept, neighbours
end

local function climb(conn, target, queries, truth, options)
  local measured = {}
  measure.search(conn, target, queries, truth, options[1], function() end) -- so that caches are full
  for i, step in ipairs(options) do
    measured[i] = with_bar(label_of(step), #queries, function(tick)
      return measure.search(conn, target, queries, truth, step, tick)
    end)
    if measured[i].recall >= ENOUGH or not measured[i].indexes[1] then break end
  end
  return measured
end

local function all_steps(target, index, args)
  local list = {}
  for _, way in ipairs(ways(target, args)) do
    local steps = ladder.steps(index, args.k, args.oversample)
    for _, step in ipairs(steps) do step.iterative_scan = way or nil end
    list[#list + 1] = steps
  end
  return list
end

local function tune(conn, args)
  conn:execution_options{ isolation_level = "REPEATABLE READ", readonly = true }
  local tbl = database.table(conn, args.table)
  local column = vector_column.choose(tbl, args.column)
  local index = choose_index(conn, tbl, column, args)
  -- only under its own condition a partial index serves
  local partial = { index.where and pg.text(index.where) }
  local target = {
    table = tbl, column = column, k = args.k, conditions = { partial[1] },
    metric = index.via == "binary" and (args.metric or vector_column.metric(tbl, column)) or index.metric,
  }
  if args.where then table.insert(target.conditions, pg.text(args.where)) end
  local ladders = all_steps(target, index, args)

  local drawn = measure.draw(conn, target, partial, args.queries, args.seed)
  if #drawn == 0 then errors.raise("InvalidRequestError", "%s has no row with a vector to search for", tbl.key) end
  local nearest, exact = with_bar("exact neighbours", #drawn, function(tick)
    return measure.exact(conn, target, drawn, tick)
  end)
  local queries, truth = with_neighbours(drawn, nearest)
  local steps = {}
  if #queries == 0 then errors.raise("InvalidRequestError", "no row of %s is a neighbour of any other", tbl.key) end
  for _, options in ipairs(ladders) do
    for _, step in ipairs(climb(conn, target, queries, truth, options)) do steps[#steps + 1] = step end
  end

  local chosen = advice.choose(steps, args.recall)
  return {
    target = target, index = index, steps = steps, exact = exact, chosen = chosen, queries = #queries,
    database = conn:scalar(pg.select(pg.func.current_database())),
    remarks = advice.remarks{
      index = index, exact = exact, steps = steps, recall = args.recall, chosen = chosen, queries = #queries,
      asked = args.queries, filtered = args.where ~= nil, partitioned = tbl.partition_by ~= nil,
    },
  }
end

---- output ---------------------------------------------------------------------------------

-- What the recommended step is, as options of nearest.
local function options_of(result)
  local options = {}
  for name, value in pairs(result.chosen.options) do options[name] = value end
  if result.index.via == "binary" then options.metric = result.target.metric end
  return options
end

local columns = { "iterative_scan", "probes", "oversample", "ef_search" }

local function print_table(result)
  local heads, right, rows, shown = {}, {}, {}, {}
  for _, name in ipairs(columns) do
    if result.steps[1].options[name] ~= nil then shown[#shown + 1] = name end
  end
  for i, name in ipairs(shown) do heads[i], right[i] = name, name ~= "iterative_scan" end
  for _, name in ipairs{ "recall", "median ms", "p95 ms", "index" } do
    heads[#heads + 1] = name
    right[#heads] = name ~= "index"
  end
  local function add(cells, recall, times, index)
    cells[#cells + 1] = ("%.3f"):format(recall)
    cells[#cells + 1] = ("%.2f"):format(times.median_ms)
    cells[#cells + 1] = ("%.2f"):format(times.p95_ms)
    cells[#cells + 1] = index
    rows[#rows + 1] = cells
  end
  for _, step in ipairs(result.steps) do
    local cells = {}
    for i, name in ipairs(shown) do cells[i] = tostring(step.options[name]) end
    add(cells, step.recall, step, step.indexes[1] and table.concat(step.indexes, ", ") or "none")
  end
  local cells = { "exact" }
  for i = 2, #shown do cells[i] = "" end
  add(cells, 1, result.exact, "none")
  for _, line in ipairs(aligned.lines(heads, rows, { right = right })) do print(line) end
end

local function print_result(result, args)
  local target, index = result.target, result.index
  print(("%s.%s by %s: index %s (%s), %d searches for %d rows"):format(target.table.key, target.column.name,
    target.metric, index.name, index.method, result.queries, target.k))
  print ""
  print_table(result)
  print ""
  if result.chosen then
    print(("a recall of %g is reached at %.2f ms by"):format(args.recall, result.chosen.median_ms))
    print(("  :nearest(column, query, %s)"):format(ladder.text(options_of(result))))
    local settings = advice.settings(index.method, result.chosen.options, result.database)
    if settings[1] then print "or, for all sessions of the database (ALTER ROLE does it for those of a role), by" end
    for _, statement in ipairs(settings) do print("  " .. statement .. ";") end
  end
  for _, remark in ipairs(result.remarks) do print("note: " .. remark) end
end

local function print_json(result, args)
  local steps = pg.json.array()
  for i, step in ipairs(result.steps) do
    steps[i] = {
      options = pg.json.object(step.options), recall = step.recall, rows = step.rows, median_ms = step.median_ms,
      p95_ms = step.p95_ms, indexes = pg.json.array(step.indexes),
    }
  end
  local chosen = result.chosen
  database.print_json{
    table = result.target.table.key, column = result.target.column.name, metric = result.target.metric,
    index = {
      name = result.index.name, method = result.index.method, metric = result.index.metric,
      via = result.index.via, where = result.index.where, with = pg.json.object(result.index.with),
    },
    k = args.k, queries = result.queries, seed = args.seed, where = args.where, wanted_recall = args.recall,
    exact = result.exact, steps = steps, remarks = pg.json.array(result.remarks),
    recommended = chosen and {
      options = options_of(result), recall = chosen.recall, median_ms = chosen.median_ms, p95_ms = chosen.p95_ms,
      settings = pg.json.array(advice.settings(result.index.method, chosen.options, result.database)),
    } or pg.null,
  }
end

---- the command ------------------------------------------------------------------------------

--- Runs the command.
-- @treturn integer exit status: 1 if no setting reaches the recall
function command.run(args)
  local result = database.with(args, function(engine)
    return engine:connect(function(conn) return tune(conn, args) end)
  end)
  if args.json then print_json(result, args) else print_result(result, args) end
  local exact = not result.steps[1].indexes[1] -- without the index, so nothing is missed
  return (result.chosen or exact) and 0 or 1
end

--- Says what the command takes.
function command.define(parser)
  parser:summary("Measure a vector index, and tell what to set.")
    :description("Measure what a vector index finds and how long it takes, and tell what to set. Nothing is written.")
  parser:argument("table", "The table: NAME or SCHEMA.NAME.")
  local function option(name, text, argname, convert)
    return parser:option(name, text):argname(argname):convert(convert or words.plain)
  end
  option("--column", "The vector column, if there are several.", "NAME")
  option("--index", "The index, if there are several.", "NAME")
  option("--metric", "The distance: of an index on bits, or instead of --index.", "METRIC")
    :choices{ "l2", "ip", "cosine", "l1", "hamming", "jaccard" }
  option("--k", "How many neighbours are searched for.", "N", words.whole("--k", 1, 1000)):default("10")
  option("--recall", "The share of them that is to be found.", "SHARE", words.number("--recall", 0, 1)):default("0.95")
  option("--queries", "How many rows are searched for.", "N", words.whole("--queries", 1, 1e6)):default("100")
  option("--seed", "Another number draws other rows.", "N", words.whole("--seed", -2 ^ 53, 2 ^ 53)):default("1")
  option("--where", "A condition, in SQL, that the neighbours keep.", "SQL")
  option("--oversample", "Of an index on a smaller form: candidates for each neighbour.", "N",
    words.whole("--oversample", 1, 1000))
  database.define(parser)
end

return command
