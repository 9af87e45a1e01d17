--- Search parameters for one statement: set before it, set back after it.
-- @module pgvector.engine.settings

local Batch = require "pgvector.engine.batch"

local settings = {}

-- What a parameter is before the extension's library is loaded, which happens
-- with the first vector in a session: the server then knows no value yet.
local built_in = {
  ["hnsw.ef_search"] = "40",
  ["hnsw.iterative_scan"] = "off",
  ["hnsw.max_scan_tuples"] = "20000",
  ["hnsw.scan_mem_multiplier"] = "1",
  ["ivfflat.probes"] = "1",
  ["ivfflat.iterative_scan"] = "off",
  ["ivfflat.max_probes"] = "32768",
}

-- One statement notes what the parameters are, in parameters of our own, and
-- sets them; another puts back what was noted. Both can then be sent together
-- with the statement between them.
local function statements(wanted)
  local set, put_back, values, former = {}, {}, {}, {}
  for i, setting in ipairs(wanted) do
    local kept, name, value = 3 * i - 2, 3 * i - 1, 3 * i
    set[i] = ("pg_catalog.set_config($%d, pg_catalog.current_setting($%d, true), true), "
      .. "pg_catalog.set_config($%d, $%d, true)"):format(kept, name, name, value)
    put_back[i] = ("pg_catalog.set_config($%d, coalesce(nullif(pg_catalog.current_setting($%d, true), ''), $%d), true)")
      :format(name, kept, value)
    values[kept] = "lua_pgvector." .. setting.name
    values[name], values[value] = setting.name, tostring(setting.value)
    former[kept], former[name], former[value] = values[kept], setting.name, built_in[setting.name] or ""
  end
  return "SELECT " .. table.concat(set, ", "), values, "SELECT " .. table.concat(put_back, ", "), former
end

--- Sets settings for a statement that is yet to come.
-- @tparam Execution execution
-- @tparam Link link in a transaction
-- @tparam table wanted sequence of `{ name =, value = }`
-- @treturn function puts the former values back
function settings.set(execution, link, wanted)
  local set, values, put_back, former = statements(wanted)
  execution:run_text(link, set, values, #values):close()
  return function() execution:run_text(link, put_back, former, #former):close() end
end

--- Runs a statement under settings, in one round trip. They are local to the
-- transaction, so an error or a lost connection takes them away too; afterwards
-- the former values are put back, because the transaction goes on.
-- @tparam Execution execution
-- @tparam Link link in a transaction
-- @tparam table wanted sequence of `{ name =, value = }`
-- @tparam table job see Execution:job
-- @treturn Result the statement's
function settings.run(execution, link, wanted, job)
  local set, values, put_back, former = statements(wanted)
  local jobs = {
    execution:text_job(link, set, values, #values),
    job,
    execution:text_job(link, put_back, former, #former),
  }
  execution:retrying(link, { job.plan }, function()
    for _, each in ipairs(jobs) do execution:complete(link, each) end
    local batch = Batch.new(execution, link)
    local sent, err = pcall(function()
      for _, each in ipairs(jobs) do batch:add(each) end
    end)
    if not sent and (link.broken or not link.mode) then error(err, 0) end
    batch:settle()
    if not sent then
      -- its value was refused after the settings were sent
      execution:run_job(link, jobs[3]):close()
      error(err, 0)
    end
  end)
  jobs[1].result:clear()
  jobs[3].result:clear()
  return execution:result_of(link, job, job.result)
end

return settings
