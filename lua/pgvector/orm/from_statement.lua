--- Objects out of the rows of a statement that somebody else wrote.
-- @module pgvector.orm.from_statement

local class = require "pgvector.class"
local coerce = require "pgvector.sql.coerce"
local compiler = require "pgvector.sql.compiler"
local errors = require "pgvector.errors"
local select_ = require "pgvector.sql.select"

--- `select(Item):from_statement(pg.text "SELECT …")`: in a session, runs that
-- statement and takes its columns, by name, for those that were selected.
-- @param statement text, a set operation, or a DML statement with RETURNING
-- @treturn table statement
class.extend(select_.Select, "from_statement", function(self, statement)
  if not compiler.is_executable(statement) then
    errors.raise("ArgumentError", "from_statement: expected a statement, got %s", coerce.describe(statement))
  end
  local copy = self:_copy()
  copy._from_statement = statement
  return copy
end)
