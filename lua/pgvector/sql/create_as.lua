--- CREATE TABLE … AS: a select whose rows are stored in a new table.
-- @module pgvector.sql.create_as

local class = require "pgvector.class"
local Column = require("pgvector.sql.column").exports.Column
local errors = require "pgvector.errors"
local naming = require "pgvector.sql.naming"
local schema = require "pgvector.sql.schema"
local statement = require "pgvector.sql.statement"

local CreateTableAs = class("CreateTableAs", statement.Statement)
CreateTableAs.__visit_name = "create_table_as"
CreateTableAs._kind = "create_table_as"

-- The same with IF NOT EXISTS, or without: for `CreateTable(stmt.table, { if_not_exists = })`.
function CreateTableAs:_with(if_not_exists)
  local copy = self:_copy()
  copy.if_not_exists = if_not_exists
  return copy
end
class.seal(CreateTableAs)

local known_options = { schema = true, temporary = true, if_not_exists = true }

local create_as = {}

--- Makes the statement; see Query:into.
-- @tparam Query query
-- @tparam string name
-- @tparam ?table given
-- @treturn CreateTableAs with the `table` that it makes
function create_as.new(query, name, given)
  naming.check(name, "into: table name")
  given = errors.check_options(given, known_options, "into")
  local columns = {}
  for i, column in ipairs(query:_exported()) do
    columns[i] = Column{ column.name, column.source.type, key = column.key }
  end
  -- in metadata of its own: create_all and migrations are about what is defined,
  -- and this is what a statement did
  local tbl = schema.Table._new(name, schema.MetaData._new(), columns,
    { schema = given.schema, temporary = given.temporary })
  local self = setmetatable({
    query = query, table = tbl, if_not_exists = given.if_not_exists,
  }, CreateTableAs)
  tbl._creator = self
  return self
end

return create_as
