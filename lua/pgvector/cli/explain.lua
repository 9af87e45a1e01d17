--- What the server did for a statement.
-- @module pgvector.cli.explain

local compiler = require "pgvector.sql.compiler"

local explain = {}

-- Calls fn for a node of a plan and all below it.
local function walk(node, fn)
  fn(node)
  for _, child in ipairs(node.Plans or {}) do walk(child, fn) end
end

--- The indexes that gave rows in the order of a distance, and how the table was
-- read if none did.
-- @tparam table node the topmost of the plan
-- @treturn table sequence of indexes' names
-- @treturn ?string such as "Seq Scan"
function explain.reading(node)
  local indexes, scan = {}, nil
  walk(node, function(part)
    if part["Index Name"] and part["Order By"] then
      indexes[#indexes + 1] = part["Index Name"]
    elseif part["Relation Name"] and (not scan or part["Node Type"]:find("Seq Scan", 1, true)) then
      scan = part["Node Type"]
    end
  end)
  return indexes, not indexes[1] and scan or nil
end

-- EXPLAIN with the parameters and search settings that the statement itself has.
local function ask(conn, stmt, options)
  local compiled = compiler.compile(stmt)
  local asked = {
    sql = "EXPLAIN (" .. options .. ", FORMAT JSON) " .. compiled.sql, binds = compiled.binds, kind = "text",
    settings = compiled.settings,
  }
  return conn:_execute_compiled(asked, compiler.values(compiled)):scalar_one()[1]
end

--- Asks for the plan of a statement, without running it.
-- @tparam Connection conn
-- @param stmt
-- @treturn table its topmost node
function explain.plan(conn, stmt) return ask(conn, stmt, "COSTS off").Plan end

--- Runs a statement and tells how.
-- @tparam Connection conn
-- @param stmt
-- @treturn table `indexes` (names of those that served the search), `scan` (how the table was read
--   without one), `planning_ms`, `execution_ms`, `tree` (the server's plan)
function explain.analyze(conn, stmt)
  local answer = ask(conn, stmt, "ANALYZE, BUFFERS off")
  local indexes, scan = explain.reading(answer.Plan)
  return {
    indexes = indexes, scan = scan, planning_ms = answer["Planning Time"], execution_ms = answer["Execution Time"],
    tree = answer.Plan,
  }
end

return explain
