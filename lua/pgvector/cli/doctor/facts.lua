--- What is known of a database: everything that the checks look at.
--
-- `server`, `extension` (nil without it), `available` (its files' version),
-- `library` (what the loaded library can do), `pooler`, `settings`, and `tables`,
-- each with its vector `columns` and `indexes`.
-- @module pgvector.cli.doctor.facts

local deep = require "pgvector.cli.doctor.deep"
local errors = require "pgvector.errors"
local identifiers = require "pgvector.sql.compiler.identifiers"
local index_methods = require "pgvector.sql.index_methods"
local queries = require "pgvector.cli.doctor.queries"

local facts = {}

local function rows_of(conn, sql, params) return conn:exec_sql(sql, params):all() end

local function oid_list(oids) return { "{" .. table.concat(oids, ",") .. "}" } end

---- the server ---------------------------------------------------------------------------

-- A proxy that pools connections says that the server's process is another one
-- than it is. If it is not the same in two transactions, it pools transactions.
local function pooler_of(conn)
  local function pid() return conn:exec_sql("SELECT pg_catalog.pg_backend_pid()"):scalar() end
  local claimed, first = conn.info.backend_pid, pid()
  conn:commit()
  local second = pid()
  conn:commit()
  return { present = first ~= claimed or second ~= first, changes = second ~= first }
end

-- Parameters exist once the library is loaded, which a vector brings about.
local function library_of(conn, schema)
  conn:exec_sql("SELECT NULL::" .. identifiers.quote(schema) .. ".vector"):close()
  local scan = conn:exec_sql("SELECT pg_catalog.current_setting('hnsw.iterative_scan', true)"):scalar()
  return { iterative_scans = scan ~= nil }
end

---- tables -----------------------------------------------------------------------------------

-- The tables that the command line names.
local function find_tables(conn, names)
  if #names == 0 then return { nil, n = 1 } end
  local oids = {}
  for i, name in ipairs(names) do
    local schema, bare = name:match("^(.-)%.(.*)$")
    local row = rows_of(conn, queries.find, { schema, bare or name, n = 2 })[1]
    if not row then errors.raise("InvalidRequestError", "table '%s' does not exist", name) end
    oids[i] = ("%.0f"):format(row.oid)
  end
  return oid_list(oids)
end

local function options_of(list)
  local options = {}
  for _, item in ipairs(list or {}) do
    local name, value = item:match("^(.-)=(.*)$")
    options[name] = tonumber(value)
  end
  return options
end

local function index_of(row)
  return {
    schema = row.schema, name = row.name, method = row.method, valid = row.valid, building = row.building,
    partitioned = row.partitioned, partition = row.partition, size = row.size, rows = row.reltuples,
    where = row.predicate, expression = row.expression, plain = row.plain, columns = row.columns, opclass = row.opclass,
    metric = index_methods.metric_of(row.opclass), with = options_of(row.options),
  }
end

local function tables_of(conn, names)
  local tables, by_oid, oids = {}, {}, {}
  for i, row in ipairs(rows_of(conn, queries.tables, find_tables(conn, names))) do
    tables[i] = {
      schema = row.schema, name = row.name, partitioned = row.kind == "p", analyzed = row.analyzed, live = row.live,
      dead = row.dead, rows = math.max(row.reltuples, row.live, 0), readable = row.readable, columns = {},
      indexes = {},
    }
    by_oid[row.oid], oids[i] = tables[i], ("%.0f"):format(row.oid)
  end
  for _, row in ipairs(rows_of(conn, queries.columns, oid_list(oids))) do
    table.insert(by_oid[row.relation].columns,
      { name = row.name, kind = row.kind, dim = row.dim, null_share = row.null_share })
  end
  for _, row in ipairs(rows_of(conn, queries.indexes, oid_list(oids))) do
    table.insert(by_oid[row.relation].indexes, index_of(row))
  end
  return tables
end

--- Gathers the facts.
-- @tparam Connection conn
-- @tparam table options `tables`: names, all with vectors if there are none; `deep`: look at rows, too
-- @treturn table
-- @raise if a table does not exist
function facts.gather(conn, options)
  local pooler = pooler_of(conn)
  local info = conn.info
  local found = { pooler = pooler, server = rows_of(conn, queries.server)[1], tables = {}, settings = {} }
  found.server.version = info.server_version
  found.available = conn:exec_sql(queries.available):scalar()
  if not info.vector_version then return found end
  found.extension = {
    version = info.vector_version, schema = info.vector_schema,
    visible = conn:exec_sql(queries.visible, { info.vector_schema }):scalar(),
  }
  found.library = library_of(conn, info.vector_schema)
  found.settings = rows_of(conn, queries.settings)
  found.tables = tables_of(conn, options.tables)
  if options.deep then deep.look(conn, found) end
  return found
end

return facts
