--- Search parameters for one statement: set before it, set back after it.
-- @module pgvector.engine.settings

local core = require "pgvector.core"

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

--- Sets settings. They are local to the transaction, so an error, a rollback to
-- a savepoint before or a lost connection takes them away too.
-- @tparam Execution execution
-- @tparam Link link in a transaction
-- @tparam table wanted sequence of `{ name =, value = }`
-- @treturn function puts the former values back, for the transaction that goes on
function settings.set(execution, link, wanted)
  local exchange, put_back, values = {}, {}, {}
  for i, setting in ipairs(wanted) do
    local name, value = 2 * i - 1, 2 * i
    exchange[i] = ("pg_catalog.current_setting($%d, true), pg_catalog.set_config($%d, $%d, true)")
      :format(name, name, value)
    put_back[i] = ("pg_catalog.set_config($%d, $%d, true)"):format(name, value)
    values[name], values[value] = setting.name, tostring(setting.value)
  end
  local former = execution:run_text(link, "SELECT " .. table.concat(exchange, ", "), values, #values):first()
  return function()
    for i, setting in ipairs(wanted) do
      local value = former[2 * i - 1]
      if value == core.null or value == "" then value = built_in[setting.name] end
      values[2 * i] = value
    end
    execution:run_text(link, "SELECT " .. table.concat(put_back, ", "), values, #values):close()
  end
end

--- Runs something under settings; see settings.set.
-- @tparam Execution execution
-- @tparam Link link in a transaction
-- @tparam table wanted
-- @tparam function run
-- @return what run returns
function settings.with(execution, link, wanted, run)
  local put_back = settings.set(execution, link, wanted)
  local result = run()
  put_back()
  return result
end

return settings
