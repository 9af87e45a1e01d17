--- The vector indexes of a table, out of the way while rows are stored: they are
-- built from all of them afterwards, which takes less than adding each.
-- @module pgvector.cli.ingest.indexes

local build = require "pgvector.migrate.build"
local ddl = require "pgvector.sql.ddl"
local progress = require "pgvector.cli.progress"

local indexes = {}

local vector_methods = { hnsw = true, ivfflat = true }

--- The indexes of pgvector.
-- @tparam Table tbl as read from the database
-- @treturn table sequence
function indexes.of(tbl)
  local found = {}
  for _, index in ipairs(tbl.indexes) do
    if vector_methods[index.method] then found[#found + 1] = index end
  end
  return found
end

--- The SQL that makes an index again.
-- @treturn string
function indexes.sql(index) return (tostring(ddl.create_index(index)):gsub("%s+", " ")) end

--- Drops indexes.
function indexes.drop(conn, list)
  for _, index in ipairs(list) do index:drop(conn) end
end

--- Makes indexes again, with a progress bar for each.
-- @tparam Connection conn
-- @tparam table list
-- @tparam function say gets a line for each
function indexes.create(conn, list, say)
  for _, index in ipairs(list) do
    build.watched(conn, index.name, function(name) return progress.building(name, say) end,
      function() index:create(conn) end)
    if index.comment then conn:execute(ddl.comment_on(index)) end
  end
end

return indexes
