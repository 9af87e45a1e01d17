--- All operations: `operations.new.<kind>(…)` makes one from what `op.<kind>`
-- takes, `operations.from.<kind>(object)` from a table, an index, a constraint.
-- @module pgvector.migrate.operations

local base = require "pgvector.migrate.operations.base"

require "pgvector.migrate.operations.tables"
require "pgvector.migrate.operations.constraints"
require "pgvector.migrate.operations.indexes"
require "pgvector.migrate.operations.objects"
require "pgvector.migrate.operations.rows"
require "pgvector.migrate.operations.vectorizer"

local operations = {}

--- Constructors by kind, with the arguments of `op.<kind>`; those that
-- `op.register` adds are there too.
operations.new = setmetatable({}, {
  __index = function(_, kind)
    local definition = base.definitions[kind]
    return definition and definition.new
  end,
})

--- The kinds there are; a set.
operations.kinds = base.definitions

operations.from = require "pgvector.migrate.operations.from"

--- What undoes a list of operations.
-- @tparam table list sequence of operations
-- @treturn table sequence of operations, the last one's reverse first
function operations.reverse(list)
  local reversed = {}
  for i = #list, 1, -1 do
    local undo = list[i]:reverse()
    if undo then reversed[#reversed + 1] = undo end
  end
  return reversed
end

return operations
