--- `pgvector doctor [TABLE…]`: what is wrong in a database, or could be better.
-- @module pgvector.cli.doctor

local aligned = require "pgvector.cli.aligned"
local database = require "pgvector.cli.database"
local examine = require "pgvector.cli.doctor.examine"
local facts = require "pgvector.cli.doctor.facts"
local json = require "pgvector.types.json"
local words = require "pgvector.cli.arguments"

local command = {}

local function counts_of(findings)
  local counts = { error = 0, warning = 0, note = 0 }
  for _, finding in ipairs(findings) do counts[finding.level] = counts[finding.level] + 1 end
  return counts
end

local function number(n, thing) return ("%d %s%s"):format(n, thing, n == 1 and "" or "s") end

local function print_findings(findings, found)
  for _, finding in ipairs(findings) do
    print(aligned.line(("%-7s  %s: %s"):format(finding.level, finding.object, finding.message)))
    print(aligned.line("         " .. finding.remedy))
  end
  local counts, parts = counts_of(findings), {}
  for _, level in ipairs(examine.levels) do
    if counts[level] > 0 then parts[#parts + 1] = number(counts[level], level) end
  end
  print(("%s, %s: %s"):format(number(#examine.checks, "check"), number(#found.tables, "table"),
    parts[1] and table.concat(parts, ", ") or "nothing to report"))
end

local function print_json(findings, found)
  local tables, checks = json.array(), json.array()
  for i, tbl in ipairs(found.tables) do tables[i] = tbl.schema .. "." .. tbl.name end
  for i, check in ipairs(examine.checks) do checks[i] = check.name end
  database.print_json{ findings = json.array(findings), checked = { checks = checks, tables = tables } }
end

--- Runs the command.
-- @treturn integer exit status: 1 if there is an error or a warning
function command.run(args)
  local found = database.with(args, function(engine)
    return engine:connect(function(conn)
      conn:execution_options{ readonly = true }
      return facts.gather(conn, { tables = args.tables, deep = args.deep })
    end)
  end)
  local findings = examine.findings(found)
  if args.json then print_json(findings, found) else print_findings(findings, found) end
  local counts = counts_of(findings)
  return counts.error + counts.warning > 0 and 1 or 0
end

--- Says what the command takes.
function command.define(parser)
  parser:summary("Look at a database, and tell what is wrong or could be better.")
    :description("Look at a database, and tell what is wrong with its vectors or could be better. Nothing is written.")
  parser:argument("tables", "Tables, NAME or SCHEMA.NAME; all that have vectors, unless given."):args("*")
    :convert(words.plain)
  parser:flag("--deep", "Look at rows, too.")
  database.define(parser)
end

return command
