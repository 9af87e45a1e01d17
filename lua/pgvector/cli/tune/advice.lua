--- What follows from measurements.
-- @module pgvector.cli.tune.advice

local identifiers = require "pgvector.sql.compiler.identifiers"
local ladder = require "pgvector.cli.tune.ladder"

local advice = {}

---- which step -----------------------------------------------------------------------

--- The step to take: of each way to scan the first that finds enough, of those
-- the fastest. A step that no index served says nothing about one.
-- @tparam table steps of `measure.search`, in their order
-- @tparam number recall that is wanted
-- @treturn ?table
function advice.choose(steps, recall)
  local best, seen = nil, {}
  for _, step in ipairs(steps) do
    local way = step.options.iterative_scan or ""
    if step.indexes[1] and step.recall >= recall and not seen[way] then
      seen[way] = true
      if not best or step.median_ms < best.median_ms then best = step end
    end
  end
  return best
end

---- how to make it the default ----------------------------------------------------------

local parameters = {
  hnsw = { { "ef_search", "hnsw.ef_search" }, { "iterative_scan", "hnsw.iterative_scan" } },
  ivfflat = { { "probes", "ivfflat.probes" }, { "iterative_scan", "ivfflat.iterative_scan" } },
}

--- The server's parameters that mean the same as options of `nearest`; none does for a smaller form of
-- the vectors.
-- @tparam string method of the index
-- @tparam table options
-- @tparam string database its name
-- @treturn table sequence of statements
function advice.settings(method, options, database)
  local statements = {}
  if options.via then return statements end
  for _, parameter in ipairs(parameters[method]) do
    local value = options[parameter[1]]
    if value ~= nil then
      statements[#statements + 1] = ("ALTER DATABASE %s SET %s = %s"):format(identifiers.quote(database), parameter[2],
        tostring(value))
    end
  end
  return statements
end

---- remarks -------------------------------------------------------------------------------

-- What would make an index find more.
local function better_index(index)
  if index.via == "binary" then
    return "one bit of each number tells too little here: a greater --oversample, or an index on halfvec instead"
  elseif index.method == "ivfflat" then
    return "not even all lists have the neighbours: rebuild the index (REINDEX), or use hnsw"
  end
  local m, ef_construction = index.with.m or 16, index.with.ef_construction or 64
  local better_m, better_ef = math.min(2 * m, 100), math.min(math.max(2 * ef_construction, 4 * m), 1000)
  if better_m == m and better_ef == ef_construction then
    return "the index cannot be built more thoroughly: is the metric the one that the vectors are made for?"
  end
  return ("build the index more thoroughly: m = %d, ef_construction = %d (now %d and %d)"):format(better_m, better_ef,
    m, ef_construction)
end

local function best_recall(steps)
  local best = 0
  for _, step in ipairs(steps) do best = math.max(best, step.recall) end
  return best
end

-- The first step that the server took without the index.
local function unserved(steps)
  for i, step in ipairs(steps) do
    if not step.indexes[1] then return i, step end
  end
end

local function other_index(steps, name)
  for _, step in ipairs(steps) do
    for _, used in ipairs(step.indexes) do
      if used ~= name then return used end
    end
  end
end

--- Remarks for people.
-- @tparam table measured `index`, `exact`, `steps`, `recall` (wanted), `chosen`, `filtered` (is there a
--   condition of the user's?), `partitioned`, `queries` and `asked` (how many were drawn, and wanted)
-- @treturn table sequence of sentences
function advice.remarks(measured)
  local remarks, steps, chosen = {}, measured.steps, measured.chosen
  local function say(text, ...) remarks[#remarks + 1] = text:format(...) end
  if measured.queries < measured.asked then
    say("only %d rows could be searched for", measured.queries)
  end
  local position, without = unserved(steps)
  if position == 1 then
    say("the server finds the rows without the index, and misses none: for so few that is cheaper by its estimate")
  elseif without then
    say("with %s the server finds the rows without the index: that is cheaper by its estimate",
      ladder.text(without.options))
  end
  local other = not measured.partitioned and other_index(steps, measured.index.name)
  if other then say("index %s served the searches, not %s", other, measured.index.name) end
  if measured.index.where then say("the index is a partial one, for searches under %s", measured.index.where) end
  if position ~= 1 and measured.exact.median_ms <= (chosen or steps[#steps]).median_ms then
    say("reading the whole table is as fast (%.2f ms), and misses nothing", measured.exact.median_ms)
  end
  if not chosen and position ~= 1 then
    say("no value reaches a recall of %g, the best is %.3f", measured.recall, best_recall(steps))
    if measured.filtered then
      say("with a condition that few rows keep, a partial index or an index on the condition's columns serves better")
    end
    say(better_index(measured.index))
  end
  return remarks
end

return advice
