--- Index builds outside of transactions: what a failed one left behind is
-- replaced, and somebody may watch.
-- @module pgvector.migrate.build

local base = require "pgvector.migrate.operations.base"
local identifiers = require "pgvector.util.identifiers"

local build = {}

local state_query = [[
SELECT i.indisvalid FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
WHERE c.oid = pg_catalog.to_regclass($1)]]

local creates = { create_index = true, create_hnsw_index = true, create_ivfflat_index = true }

-- true, false for an invalid index, nil if there is none.
local function validity(conn, qualified) return conn:exec_sql(state_query, { qualified }):scalar() end

-- Under which names a failed build leaves an invalid index behind: a new one
-- its own, the server's working copies of REINDEX.
local leftovers = { create = { "" }, reindex = { "_ccnew", "_ccold" } }

--- Has an interrupted run done this operation, without having come to note it?
-- @param conn
-- @tparam Operation operation
-- @tparam boolean resuming is it the first one after the interruption?
-- @treturn boolean
function build.is_done(conn, operation, resuming)
  if not resuming then return false end
  local valid = validity(conn, base.qualified_name(operation, operation.name))
  return creates[operation.kind] and valid == true or operation.kind == "drop_index" and valid == nil
end

local progress_query = [[
SELECT phase, blocks_done, blocks_total, tuples_done, tuples_total
FROM pg_catalog.pg_stat_progress_create_index WHERE pid = $1]]

--- Calls run(), which builds an index, and shows meanwhile what the server tells
-- over another connection. Nothing that goes wrong there may disturb the build.
-- @param conn
-- @tparam string name the index's
-- @tparam function show `show(name)` gives `{ update(done, total, phase), finish(ok) }`
-- @tparam function run
function build.watched(conn, name, show, run)
  local pid = conn.info.backend_pid
  local connected, watcher = pcall(conn.engine.connect, conn.engine)
  if not connected then return run() end
  watcher:execution_options{ isolation_level = "AUTOCOMMIT" } -- a transaction would hold up the build
  local bar = show(name)
  local function look()
    local row = watcher:exec_sql(progress_query, { pid }):first()
    if not row then return end
    local by_tuples = row.blocks_total == 0
    bar.update(by_tuples and row.tuples_done or row.blocks_done,
      by_tuples and row.tuples_total or row.blocks_total, row.phase)
  end
  local ok, err = pcall(conn._with_ticks, conn, 0.25, function() pcall(look) end, run)
  bar.finish(ok)
  watcher:close()
  if not ok then error(err, 0) end
end

--- Runs an operation that needs autocommit.
-- @param conn
-- @tparam Operation operation
-- @tparam ?function show `show(name)` gives `{ update(done, total, phase), finish(ok) }`
-- @tparam function run `run(statements)`
function build.run(conn, operation, show, run)
  local kind = creates[operation.kind] and "create" or operation.kind
  for _, suffix in ipairs(leftovers[kind] or {}) do
    local name = base.qualified_name(operation, identifiers.truncate(operation.name .. suffix))
    if validity(conn, name) == false then run{ "DROP INDEX CONCURRENTLY " .. name } end
  end
  local function go() run(operation:statements()) end
  if not (show and leftovers[kind]) then return go() end
  build.watched(conn, operation.name, show, go)
end

return build
