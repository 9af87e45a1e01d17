--- Runs the checks over the facts.
-- @module pgvector.cli.doctor.examine

local examine = {}

--- The checks in their order: `name`, and `run(facts, report)`, which calls
-- `report(level, object, message, remedy)` for what it finds.
examine.checks = {}

for _, part in ipairs{ "server", "settings", "tables", "columns", "indexes" } do
  for _, check in ipairs(require("pgvector.cli.doctor.checks." .. part)) do
    examine.checks[#examine.checks + 1] = check
  end
end

--- The levels, the worst first.
examine.levels = { "error", "warning", "note" }

--- Examines facts.
-- @tparam table facts of `facts.gather`
-- @treturn table sequence of `level`, `check`, `object`, `message`, `remedy`, the worst first
function examine.findings(facts)
  local by_level, findings = { error = {}, warning = {}, note = {} }, {}
  for _, check in ipairs(examine.checks) do
    check.run(facts, function(level, object, message, remedy)
      table.insert(by_level[level],
        { level = level, check = check.name, object = object, message = message, remedy = remedy })
    end)
  end
  for _, level in ipairs(examine.levels) do
    for _, finding in ipairs(by_level[level]) do findings[#findings + 1] = finding end
  end
  return findings
end

return examine
