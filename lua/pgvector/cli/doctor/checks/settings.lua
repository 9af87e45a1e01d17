--- Checks of the search parameters that sessions begin with. The server takes
-- any value until the library is loaded, and then goes back to the default.
-- @module pgvector.cli.doctor.checks.settings

local errors = require "pgvector.errors"
local names = require "pgvector.cli.doctor.names"

local DEFAULT_EF_SEARCH = 40

local scans = { off = true, relaxed_order = true, strict_order = true }

-- What parameters accept: the least and the most, or a set of words.
local known = {
  ["hnsw.ef_search"] = { 1, 1000 }, ["hnsw.max_scan_tuples"] = { 1, 2147483647 },
  ["hnsw.scan_mem_multiplier"] = { 1, 1000 }, ["hnsw.iterative_scan"] = scans,
  ["ivfflat.probes"] = { 1, 32768 }, ["ivfflat.max_probes"] = { 1, 32768 },
  ["ivfflat.iterative_scan"] = { off = true, relaxed_order = true },
}

local checks = {}
local function check(name, run) checks[#checks + 1] = { name = name, run = run } end

local function object_of(setting)
  if setting.role and setting.database then
    return ("role %s in database %s"):format(setting.role, setting.database)
  elseif setting.role or setting.database then
    return setting.role and "role " .. setting.role or "database " .. setting.database
  end
  return "server"
end

-- The command that takes a parameter away.
local function reset(setting)
  if setting.role then
    local where = setting.database and " IN DATABASE " .. names.quote(setting.database) or ""
    return ("ALTER ROLE %s%s RESET %s"):format(names.quote(setting.role), where, setting.name)
  elseif setting.database then
    return ("ALTER DATABASE %s RESET %s"):format(names.quote(setting.database), setting.name)
  end
  return "take it out of the server's configuration"
end

check("setting_invalid", function(facts, report)
  for _, setting in ipairs(facts.settings) do
    local values, problem = known[setting.name], nil
    if not values then
      problem = ("there is no parameter %s%s"):format(setting.name, errors.did_you_mean(setting.name, known))
    elseif values[1] then
      local n = tonumber(setting.value)
      if not (n and n >= values[1] and n <= values[2]) then
        problem = ("%s = %s is not from %d to %d: the server takes the default"):format(setting.name, setting.value,
          values[1], values[2])
      end
    elseif not values[setting.value] then
      problem = ("%s does not know '%s': the server takes the default"):format(setting.name, setting.value)
    end
    if problem then report("warning", object_of(setting), problem, reset(setting)) end
  end
end)

check("ef_search_low", function(facts, report)
  for _, setting in ipairs(facts.settings) do
    local n = setting.name == "hnsw.ef_search" and tonumber(setting.value)
    if n and n >= 1 and n < DEFAULT_EF_SEARCH then
      report("note", object_of(setting),
        ("hnsw.ef_search = %d: without iterative scans an hnsw index returns no more rows, whatever LIMIT says")
          :format(n), reset(setting))
    end
  end
end)

return checks
