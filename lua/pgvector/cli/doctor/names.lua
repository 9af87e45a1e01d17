--- How findings and their remedies write things.
-- @module pgvector.cli.doctor.names

local identifiers = require "pgvector.sql.compiler.identifiers"
local progress = require "pgvector.cli.progress"

local names = {}

names.quote = identifiers.quote

--- A table or index as SQL names it.
function names.sql(thing) return identifiers.qualified(thing.schema, thing.name) end

--- A table, index or column as a finding names it.
function names.table(tbl) return ("table %s.%s"):format(tbl.schema, tbl.name) end
function names.index(index) return ("index %s.%s"):format(index.schema, index.name) end
function names.column(tbl, column) return ("column %s.%s.%s"):format(tbl.schema, tbl.name, column.name) end

names.count = progress.count

--- A number of bytes as the server's parameters have it.
-- @treturn string such as "12 MB"
function names.size(bytes)
  for _, unit in ipairs{ { "GB", 2 ^ 30 }, { "MB", 2 ^ 20 } } do
    if bytes >= unit[2] then return ("%.0f %s"):format(bytes / unit[2], unit[1]) end
  end
  return ("%.0f kB"):format(bytes / 1024)
end

--- A share as a percentage.
function names.percent(share) return ("%.0f %%"):format(100 * share) end

return names
