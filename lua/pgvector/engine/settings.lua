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

--- The statements to send before and after one that runs under settings.
-- @tparam Execution execution
-- @tparam Link link
-- @tparam table wanted sequence of `{ name =, value = }`
-- @treturn table job that sets them; see Execution:job
-- @treturn table job that puts the former values back
function settings.jobs(execution, link, wanted)
  local set, values, put_back, former = statements(wanted)
  return execution:text_job(link, set, values, #values), execution:text_job(link, put_back, former, #former)
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
  local set, put_back = settings.jobs(execution, link, wanted)
  execution:retrying(link, { job.plan }, function()
    local refused = Batch.new(execution, link):run { set, job, put_back }
    if refused then -- after the settings were sent
      execution:run_job(link, put_back):close()
      link.statement = job
      link:_raise(refused)
    end
  end)
  set.result:clear()
  put_back.result:clear()
  return execution:result_of(link, job, job.result)
end

return settings
