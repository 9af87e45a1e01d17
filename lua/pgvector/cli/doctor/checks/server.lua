--- Checks of the server, the extension and how they are reached.
-- @module pgvector.cli.doctor.checks.server

local names = require "pgvector.cli.doctor.names"
local versions = require "pgvector.cli.doctor.versions"

local EXTENSION = "extension vector"

local checks = {}
local function check(name, run) checks[#checks + 1] = { name = name, run = run } end

check("server_old", function(facts, report)
  if facts.server.version < 130000 then
    report("warning", "server", ("PostgreSQL %d is too old for current versions of pgvector"):format(
      math.floor(facts.server.version / 10000)), "move to PostgreSQL 13 or later")
  end
end)

check("extension_missing", function(facts, report)
  if facts.extension then return end
  report("error", EXTENSION, "the database has no vectors: the extension is not there",
    (facts.available and "" or "install pgvector on the server, then ") .. "CREATE EXTENSION vector")
end)

check("extension_hidden", function(facts, report)
  if not facts.extension or facts.extension.visible then return end
  local schema = facts.extension.schema
  report("warning", EXTENSION,
    ("its schema %s is not on the search_path: no operator of distance is found"):format(schema),
    ("ALTER DATABASE %s SET search_path = \"$user\", public, %s"):format(names.quote(facts.server.database),
      names.quote(schema)))
end)

check("extension_outdated", function(facts, report)
  local extension, available = facts.extension, facts.available
  if extension and available and versions.older(extension.version, available) then
    report("warning", EXTENSION,
      ("its objects are those of %s, the server has %s"):format(extension.version, available),
      "ALTER EXTENSION vector UPDATE")
  end
end)

check("library_newer", function(facts, report)
  local extension = facts.extension
  if not extension or facts.available and versions.older(extension.version, facts.available) then return end
  if facts.library.iterative_scans and versions.older(extension.version, "0.8.0") then
    report("warning", EXTENSION, ("its objects are those of %s, the library is newer"):format(extension.version),
      "ALTER EXTENSION vector UPDATE")
  end
end)

check("extension_old", function(facts, report)
  local version = versions.library(facts)
  if version and versions.older(version, "0.8.0") then
    report("warning", EXTENSION, ("%s has no iterative scans%s, which this program may ask for"):format(version,
      versions.older(version, "0.7.0") and " and no halfvec, sparsevec and bit indexes" or ""),
      "upgrade pgvector to 0.8, then ALTER EXTENSION vector UPDATE")
  end
end)

-- pgvector 0.8.2: building hnsw indexes in parallel wrote beyond a buffer (since 0.6.0)
local function builds_wrongly(version)
  return version and versions.older(version, "0.8.2") and not versions.older(version, "0.6.0")
end

check("parallel_build_fault", function(facts, report)
  local version = versions.library(facts)
  if not builds_wrongly(version) or facts.server.max_parallel_maintenance_workers == 0 then return end
  report("warning", EXTENSION, ("parallel builds of hnsw indexes write beyond a buffer in %s"):format(version),
    "upgrade pgvector to 0.8.2 or later; until then SET max_parallel_maintenance_workers = 0")
end)

check("vacuum_fault", function(facts, report)
  local version, used = versions.library(facts), false
  for _, tbl in ipairs(facts.tables) do
    for _, index in ipairs(tbl.indexes) do used = used or index.method == "hnsw" end
  end
  if used and versions.older(version, "0.8.3") then
    report("warning", EXTENSION, ("VACUUM may damage hnsw indexes in %s"):format(version),
      "upgrade pgvector to 0.8.3 or later, then REINDEX the hnsw indexes")
  end
end)

check("parallel_maintenance", function(facts, report)
  if facts.server.max_parallel_maintenance_workers > 0 or builds_wrongly(versions.library(facts)) then return end
  report("note", "server", "indexes are built by one process: max_parallel_maintenance_workers is 0",
    "SET max_parallel_maintenance_workers = 2 before an index is built")
end)

check("pooler", function(facts, report)
  if facts.pooler.changes then
    report("note", "connection", "a pooler gives each transaction another session of the server",
      "prepared_statements = false for engines; migrations, LISTEN and advisory locks need a direct connection")
  elseif facts.pooler.present then
    report("note", "connection", "there is a pooler in between",
      "if it pools transactions: prepared_statements = false for engines, and a direct connection for migrations")
  end
end)

return checks
