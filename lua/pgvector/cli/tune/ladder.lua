--- The search options to try, from fast to thorough.
-- @module pgvector.cli.tune.ladder

local words = require "pgvector.cli.arguments"

local ladder = {}

local MAX_EF_SEARCH, DEFAULT_LISTS = 1000, 100
local ef_searches = { 10, 20, 40, 60, 80, 120, 160, 240, 320, 480, 640, 800, 1000 }
local oversamples = { 1, 2, 4, 8, 16, 32, 64, 100 }
-- What a quantised index is asked for unless the command line tells.
local default_oversample = { halfvec = 4, binary = 10 }

-- ef_search from the number of candidates on: less would be raised to it.
local function by_ef_search(candidates)
  if candidates > MAX_EF_SEARCH then
    words.misuse("an hnsw index returns at most %d candidates, --k and --oversample ask for %d", MAX_EF_SEARCH,
      candidates)
  end
  local steps = { { ef_search = math.max(ef_searches[1], candidates) } }
  for _, ef_search in ipairs(ef_searches) do
    if ef_search > steps[1].ef_search then steps[#steps + 1] = { ef_search = ef_search } end
  end
  return steps
end

local function by_probes(lists)
  local steps, probes = {}, 1
  while probes < lists do
    steps[#steps + 1] = { probes = probes }
    probes = probes * 2
  end
  steps[#steps + 1] = { probes = lists }
  return steps
end

-- One bit of each number tells little: what counts is how many candidates are
-- ranked by the full vectors. The index looks around twice as far.
local function by_oversample(k)
  if k > MAX_EF_SEARCH then by_ef_search(k) end
  local steps = {}
  for _, oversample in ipairs(oversamples) do
    local candidates = k * oversample
    if candidates <= MAX_EF_SEARCH then
      steps[#steps + 1] = {
        oversample = oversample, ef_search = math.min(math.max(40, 2 * candidates), MAX_EF_SEARCH),
      }
    end
  end
  return steps
end

--- The ladder for an index.
-- @tparam table index of `vector_column.indexes`
-- @tparam integer k how many rows are wanted
-- @tparam ?integer oversample candidates for each, where the command line tells
-- @treturn table sequence of options for `nearest`
function ladder.steps(index, k, oversample)
  local via = index.via
  if oversample and not via then words.misuse("--oversample is for an index on a smaller form of the vectors") end
  local steps
  if via == "binary" and index.method == "hnsw" and not oversample then
    steps = by_oversample(k)
  else
    oversample = via and (oversample or default_oversample[via])
    steps = index.method == "hnsw" and by_ef_search(k * (oversample or 1))
      or by_probes(index.with.lists or DEFAULT_LISTS)
    for _, step in ipairs(steps) do step.oversample = oversample or nil end
  end
  for _, step in ipairs(steps) do step.via = via end
  return steps
end

-- In the order in which they are shown.
local names = { "metric", "ef_search", "probes", "iterative_scan", "via", "oversample" }

--- Options as a Lua table, in one line.
-- @treturn string
function ladder.text(options)
  local parts = {}
  for _, name in ipairs(names) do
    local value = options[name]
    if value ~= nil then
      parts[#parts + 1] = ("%s = %s"):format(name, type(value) == "string" and ('"%s"'):format(value) or value)
    end
  end
  return "{ " .. table.concat(parts, ", ") .. " }"
end

return ladder
