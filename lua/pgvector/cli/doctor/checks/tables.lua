--- Checks of tables with vectors.
-- @module pgvector.cli.doctor.checks.tables

local names = require "pgvector.cli.doctor.names"

local checks = {}

-- A check of each table, `fn(tbl, report, facts)`.
local function check(name, fn)
  checks[#checks + 1] = {
    name = name,
    run = function(facts, report)
      for _, tbl in ipairs(facts.tables) do fn(tbl, report, facts) end
    end,
  }
end

local function has_statistics(tbl)
  for _, column in ipairs(tbl.columns) do
    if column.null_share then return true end
  end
  return false
end

check("never_analyzed", function(tbl, report)
  -- the server forgets when it was, not what it found
  if tbl.partitioned or tbl.analyzed or has_statistics(tbl) or tbl.rows < 100 then return end
  report("warning", names.table(tbl), "it was never analyzed: the server guesses how many rows a condition keeps",
    "ANALYZE " .. names.sql(tbl))
end)

check("dead_rows", function(tbl, report)
  if tbl.dead < 1000 or tbl.dead < 0.2 * tbl.live then return end
  report("warning", names.table(tbl), ("%s dead rows beside %s: searches by an index step over them"):format(
    names.count(tbl.dead), names.count(tbl.live)), "VACUUM " .. names.sql(tbl))
end)

check("not_readable", function(tbl, report, facts)
  if tbl.readable then return end
  report("note", names.table(tbl), ("role %s may not read it: its rows and statistics were not looked at"):format(
    facts.server.role), ("GRANT SELECT ON %s TO %s"):format(names.sql(tbl), names.quote(facts.server.role)))
end)

return checks
