--- Checks of vector indexes.
-- @module pgvector.cli.doctor.checks.indexes

local names = require "pgvector.cli.doctor.names"

local DEFAULT_LISTS, DEFAULT_M, DEFAULT_EF_CONSTRUCTION = 100, 16, 64

local checks = {}

-- A check of each table's indexes, `fn(tbl, report, facts)`.
local function check_tables(name, fn)
  checks[#checks + 1] = {
    name = name,
    run = function(facts, report)
      for _, tbl in ipairs(facts.tables) do fn(tbl, report, facts) end
    end,
  }
end

-- A check of each index, `fn(tbl, index, report, facts)`.
local function check(name, fn)
  check_tables(name, function(tbl, report, facts)
    for _, index in ipairs(tbl.indexes) do fn(tbl, index, report, facts) end
  end)
end

local function reindex(index)
  return ("REINDEX INDEX %s%s"):format(index.partitioned and "" or "CONCURRENTLY ", names.sql(index))
end

local function drop(index)
  return ("DROP INDEX %s%s"):format(index.partitioned and "" or "CONCURRENTLY ", names.sql(index))
end

check("index_invalid", function(_, index, report)
  if index.valid then return end
  if index.building then
    report("note", names.index(index), "it is being built, until then no search uses it", "wait")
  elseif index.partitioned then
    report("error", names.index(index), "not all partitions have a part of it",
      "build the missing ones, and ALTER INDEX … ATTACH PARTITION them")
  else
    local leftover = index.name:find "_ccnew%d*$" or index.name:find "_ccold%d*$" -- of REINDEX CONCURRENTLY
    report("error", names.index(index), "its build failed: no search uses it, but each change of a row pays",
      leftover and drop(index) or reindex(index))
  end
end)

-- What an index does, whatever it is called.
local function purpose(index) return table.concat({ index.expression, index.opclass, index.where or "" }, "\0") end

check_tables("index_duplicate", function(tbl, report)
  local seen = {}
  for _, index in ipairs(tbl.indexes) do
    local first = seen[purpose(index)]
    if index.valid and not first then
      seen[purpose(index)] = index
    elseif index.valid and not index.partition then -- which goes with the index that it is a part of
      report("warning", names.index(index), ("it does what index %s does"):format(first.name), drop(index))
    end
  end
end)

check_tables("index_metrics", function(tbl, report)
  for _, column in ipairs(tbl.columns) do
    local metrics, seen = {}, {}
    for _, index in ipairs(tbl.indexes) do
      local metric = index.metric
      local of_bits = column.kind ~= "bit" and (metric == "hamming" or metric == "jaccard") -- quantised
      if index.columns[1] == column.name and metric and not of_bits and not seen[metric] then
        seen[metric], metrics[#metrics + 1] = true, metric
      end
    end
    table.sort(metrics)
    if #metrics > 1 then
      report("note", names.column(tbl, column),
        ("its indexes measure %s: a search uses one only if it names that metric"):format(
          table.concat(metrics, " and ")),
        "drop what no search asks for")
    end
  end
end)

-- pgvector's advice: rows / 1000, for more than a million their square root.
local function fitting_lists(rows)
  return math.max(10, math.floor((rows <= 1e6 and rows / 1000 or math.sqrt(rows)) + 0.5))
end

check("ivfflat_lists", function(tbl, index, report)
  if index.method ~= "ivfflat" or index.partitioned or index.where or tbl.rows < 1000 then return end
  local lists, fitting = index.with.lists or DEFAULT_LISTS, fitting_lists(tbl.rows)
  if lists <= 4 * fitting and lists >= fitting / 4 then return end
  report("warning", names.index(index), ("%d lists are too %s for %s rows"):format(lists,
    lists > fitting and "many" or "few", names.count(tbl.rows)),
    ("ALTER INDEX %s SET (lists = %d); %s"):format(names.sql(index), fitting, reindex(index)))
end)

-- Of how many rows a list may have before something must be wrong.
local function greatest_share(lists) return math.min(0.8, math.max(0.1, 6 / lists)) end

check("ivfflat_untrained", function(tbl, index, report)
  if index.method ~= "ivfflat" or index.partitioned or index.where then return end
  local lists, problem = index.with.lists or DEFAULT_LISTS, nil
  if index.list_share and lists > 3 and index.list_share > greatest_share(lists) then
    problem = ("one of its %d lists holds %s of the rows"):format(lists, names.percent(index.list_share))
  elseif not tbl.analyzed and index.rows >= 0 and index.rows < lists and tbl.rows > 10 * math.max(lists, 100) then
    -- ANALYZE counts anew
    problem = ("it was built on %s rows, now there are %s"):format(names.count(index.rows), names.count(tbl.rows))
  end
  if not problem then return end
  report("warning", names.index(index), problem .. ": its lists do not fit the vectors", reindex(index))
end)

check("hnsw_options", function(_, index, report)
  if index.method ~= "hnsw" then return end
  local m, ef = index.with.m or DEFAULT_M, index.with.ef_construction or DEFAULT_EF_CONSTRUCTION
  local unusual = {}
  if m < 8 or m > 64 then unusual[1] = ("m = %d (8 to 64)"):format(m) end
  if ef < 32 or ef > 512 then unusual[#unusual + 1] = ("ef_construction = %d (32 to 512)"):format(ef) end
  if #unusual == 0 then return end
  report("note", names.index(index), "it is built in an unusual way: " .. table.concat(unusual, ", "),
    "measure it: pgvector tune")
end)

-- To build a graph anew takes memory for all of it.
check("index_maintenance_memory", function(_, index, report, facts)
  local memory = facts.server.maintenance_work_mem
  if index.method ~= "hnsw" or index.size <= memory then return end
  report("note", names.index(index), ("it has %s: built anew it does not fit into maintenance_work_mem (%s)"):format(
    names.size(index.size), names.size(memory)),
    ("SET maintenance_work_mem = '%dMB' before it is built"):format(math.ceil(index.size * 1.2 / 2 ^ 20)))
end)

check("index_cache", function(_, index, report, facts)
  local memory = facts.server.shared_buffers
  if index.size <= memory then return end
  report("note", names.index(index), ("it has %s and does not fit into shared_buffers (%s)"):format(
    names.size(index.size), names.size(memory)), "more shared_buffers, or an index on a smaller form of the vectors")
end)

return checks
