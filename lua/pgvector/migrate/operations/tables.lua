--- Operations on tables and their columns.
-- @module pgvector.migrate.operations.tables

local base = require "pgvector.migrate.operations.base"
local class = require "pgvector.class"
local column = require "pgvector.sql.column"
local constraints = require "pgvector.sql.constraints"
local core = require "pgvector.core"
local ddl = require "pgvector.sql.ddl"
local errors = require "pgvector.errors"
local literal = require "pgvector.types.literal"
local naming = require "pgvector.sql.naming"
local stub = require "pgvector.migrate.operations.stub"
local types = require "pgvector.types"

local quote, qualified_name = base.quote, base.qualified_name

local tables = {}

local function text(statement) return (statement:compile()) end

local function require_types(tbl, where)
  for _, col in ipairs(tbl:_columns()) do
    if col.type == types.NULLTYPE then
      errors.raise("ArgumentError", "%s: column '%s' has no type", where, col.name)
    end
  end
end

local function comments_of(...)
  local sql = {}
  for _, objects in ipairs{ ... } do
    for _, object in ipairs(objects) do
      if object.comment then sql[#sql + 1] = text(ddl.comment_on(object)) end
    end
  end
  return sql
end

local function append(list, more)
  for _, item in ipairs(more) do list[#list + 1] = item end
  return list
end

---- tables -----------------------------------------------------------------------

local table_options = { "comment", "info", "temporary", "unlogged", "tablespace", "with", "partition_by" }

--- `op.create_table(name, { columns, constraints, indexes … }, { schema=, comment=, if_not_exists=, … })`
tables.create_table = base.define("create_table", {
  arguments = { "name", "items" },
  options = { "schema", "comment", "if_not_exists", "unlogged", "temporary", "tablespace", "with", "partition_by",
    "info" },
  check = function(self)
    self.name = base.name(self.name, "create_table: table name")
    local options = { schema = self.options.schema or false }
    for _, name in ipairs(table_options) do options[name] = self.options[name] end
    self.table = stub.table(self.name, self.items, options)
    require_types(self.table, "create_table")
    self.indexes = self.table.indexes
  end,
  statements = function(self)
    local tbl = self.table
    local sql = { text(ddl.create_table(tbl, { if_not_exists = self.options.if_not_exists, without = self.without })) }
    for _, index in ipairs(self.indexes) do
      sql[#sql + 1] = text(ddl.create_index(index, {
        concurrently = false, if_not_exists = self.options.if_not_exists,
      }))
    end
    local kept = {}
    for _, constraint in ipairs(tbl:_all_constraints()) do
      if not (self.without and self.without[constraint]) then kept[#kept + 1] = constraint end
    end
    return append(sql, comments_of({ tbl }, tbl:_columns(), kept, self.indexes))
  end,
  reverse = function(self) return tables.drop_table(self.name, { schema = self.options.schema }) end,
})

--- `op.drop_table(name, { schema=, if_exists=, cascade= })`
tables.drop_table = base.define("drop_table", {
  arguments = { "name" },
  options = { "schema", "if_exists", "cascade" },
  check = function(self) self.name = base.name(self.name, "drop_table: table name") end,
  statements = function(self)
    return { ("DROP TABLE %s%s%s"):format(self.options.if_exists and "IF EXISTS " or "",
      qualified_name(self, self.name), self.options.cascade and " CASCADE" or "") }
  end,
})

--- `op.rename_table(old, new, { schema= })`
tables.rename_table = base.define("rename_table", {
  arguments = { "name", "new_name" },
  options = { "schema" },
  check = function(self)
    self.name = base.name(self.name, "rename_table: table name")
    self.new_name = base.name(self.new_name, "rename_table: new name")
  end,
  statements = function(self)
    return { ("ALTER TABLE %s RENAME TO %s"):format(qualified_name(self, self.name), quote(self.new_name)) }
  end,
  reverse = function(self) return tables.rename_table(self.new_name, self.name, { schema = self.options.schema }) end,
})

local function comment_statement(self, comment)
  return { ("COMMENT ON TABLE %s IS %s"):format(qualified_name(self, self.name),
    comment and literal.string(comment) or "NULL") }
end

local function set_comment(name, comment, options)
  if comment then return tables.create_table_comment(name, comment, options) end
  return tables.drop_table_comment(name, options)
end

--- `op.create_table_comment(table, comment, { existing_comment=, schema= })`
tables.create_table_comment = base.define("create_table_comment", {
  arguments = { "name", "comment" },
  options = { "schema", "existing_comment" },
  check = function(self)
    self.name = base.name(self.name, "create_table_comment: table name")
    if type(self.comment) ~= "string" then
      errors.raise("ArgumentError", "create_table_comment: expected the comment as a string, got %s",
        class.describe(self.comment))
    end
  end,
  statements = function(self) return comment_statement(self, self.comment) end,
  reverse = function(self)
    return set_comment(self.name, self.options.existing_comment,
      { schema = self.options.schema, existing_comment = self.comment })
  end,
})

--- `op.drop_table_comment(table, { existing_comment=, schema= })`
tables.drop_table_comment = base.define("drop_table_comment", {
  arguments = { "name" },
  options = { "schema", "existing_comment" },
  check = function(self) self.name = base.name(self.name, "drop_table_comment: table name") end,
  statements = function(self) return comment_statement(self, nil) end,
  reverse = function(self)
    if not self.options.existing_comment then return nil end
    return set_comment(self.name, self.options.existing_comment, { schema = self.options.schema })
  end,
})

---- columns ----------------------------------------------------------------------

-- The column's own definition, then what it brings along: keys, checks, an
-- index, a comment.
local function add_column_statements(self)
  local tbl, col = self.table, self.table:_columns()[1]
  local name = qualified_name(self, self.table_name)
  local sql = { ("ALTER TABLE %s ADD COLUMN %s%s"):format(name, self.options.if_not_exists and "IF NOT EXISTS " or "",
    text(ddl.column_definition(col))) }
  for _, constraint in ipairs(tbl:_all_constraints()) do sql[#sql + 1] = text(ddl.add_constraint(constraint)) end
  for _, index in ipairs(tbl.indexes) do sql[#sql + 1] = text(ddl.create_index(index, { concurrently = false })) end
  return append(sql, comments_of({ col }))
end

--- `op.add_column(table, pg.Column{ "name", … }, { schema=, if_not_exists= })`
tables.add_column = base.define("add_column", {
  arguments = { "table_name", "column" },
  options = { "schema", "if_not_exists" },
  check = function(self)
    self.table_name = base.name(self.table_name, "add_column: table name")
    if type(self.column) ~= "table" or not constraints.is_column(self.column) then
      errors.raise("ArgumentError", "add_column: expected a pg.Column, got %s", class.describe(self.column))
    end
    if self.column.table then
      errors.raise("ArgumentError", "add_column: column '%s' belongs to table '%s' already", self.column.name,
        self.column.table.name)
    end
    self.table = stub.table(self.table_name, { self.column }, { schema = self.options.schema or false })
    require_types(self.table, "add_column")
  end,
  statements = add_column_statements,
  reverse = function(self)
    return tables.drop_column(self.table_name, self.column.name, { schema = self.options.schema })
  end,
})

--- `op.drop_column(table, column, { schema=, if_exists=, cascade= })`
tables.drop_column = base.define("drop_column", {
  arguments = { "table_name", "column_name" },
  options = { "schema", "if_exists", "cascade" },
  check = function(self)
    self.table_name = base.name(self.table_name, "drop_column: table name")
    self.column_name = base.name(self.column_name, "drop_column: column name")
  end,
  statements = function(self)
    return { ("ALTER TABLE %s DROP COLUMN %s%s%s"):format(qualified_name(self, self.table_name),
      self.options.if_exists and "IF EXISTS " or "", quote(self.column_name),
      self.options.cascade and " CASCADE" or "") }
  end,
})

---- alter_column ------------------------------------------------------------------

-- What can change, and the option that says what it was.
local existing = {
  type_ = "existing_type", nullable = "existing_nullable", server_default = "existing_server_default",
  comment = "existing_comment", identity = "existing_identity",
}
local changes = { "type_", "nullable", "server_default", "comment", "identity" }

local function gone(value) return value == core.null or value == false end

local function check_alter(self)
  local options = self.options
  self.table_name = base.name(self.table_name, "alter_column: table name")
  self.column_name = base.name(self.column_name, "alter_column: column name")
  for _, name in ipairs{ "type_", "existing_type" } do
    if options[name] ~= nil then types.expect(options[name], "alter_column: " .. name) end
  end
  for _, name in ipairs{ "nullable", "existing_nullable" } do
    if options[name] ~= nil and type(options[name]) ~= "boolean" then
      errors.raise("ArgumentError", "alter_column: %s: expected a boolean, got %s", name,
        class.describe(options[name]))
    end
  end
  for _, name in ipairs{ "identity", "existing_identity" } do
    local value = options[name]
    if value ~= nil and not gone(value) and not class.is(value, column.Identity) then
      errors.raise("ArgumentError", "alter_column: %s: expected pg.Identity(…), or pg.null for none, got %s", name,
        class.describe(value))
    end
  end
  if options.new_column_name ~= nil then naming.check(options.new_column_name, "alter_column: new_column_name") end
  local something = options.new_column_name
  for _, name in ipairs(changes) do something = something or options[name] ~= nil end
  if not something then
    errors.raise("ArgumentError",
      "alter_column: nothing to change; expected type_, nullable, server_default, comment, identity or new_column_name")
  end
end

-- A default of another type cannot stay while the type changes: it goes first
-- and comes back last.
local function alter_statements(self)
  local options, sql = self.options, {}
  local name = qualified_name(self, self.table_name)
  local function alter(format, ...)
    sql[#sql + 1] = ("ALTER TABLE %s ALTER COLUMN %s "):format(name, quote(self.column_name)) .. format:format(...)
  end
  local default, identity = options.server_default, options.identity
  if default ~= nil and (default == core.null or options.type_) then alter("DROP DEFAULT") end
  if identity ~= nil and (gone(identity) or not gone(options.existing_identity or false)) then
    alter("DROP IDENTITY IF EXISTS")
  end
  if options.type_ then
    alter("TYPE %s%s", tostring(options.type_), options.using and " USING " .. base.sql_text(options.using,
      "alter_column: using") or "")
  end
  if default ~= nil and default ~= core.null then
    local col = column.Column._new(self.column_name, options.type_ or options.existing_type or types.NULLTYPE,
      { server_default = default })
    alter("SET DEFAULT %s", text(ddl.column_default(col)))
  end
  if options.nullable ~= nil then alter(options.nullable and "DROP NOT NULL" or "SET NOT NULL") end
  if identity ~= nil and not gone(identity) then
    alter("ADD %s", text(ddl.column_identity{ identity = identity }))
  end
  if options.comment ~= nil then
    sql[#sql + 1] = ("COMMENT ON COLUMN %s.%s IS %s"):format(name, quote(self.column_name),
      gone(options.comment) and "NULL" or literal.string(options.comment))
  end
  if options.new_column_name then
    sql[#sql + 1] = ("ALTER TABLE %s RENAME COLUMN %s TO %s"):format(name, quote(self.column_name),
      quote(options.new_column_name))
  end
  return sql
end

local function reverse_alter(self)
  local options = self.options
  local undo = { schema = options.schema, using = options.existing_using, existing_using = options.using }
  for _, name in ipairs(changes) do
    local before = options[existing[name]]
    if options[name] == nil then
      undo[existing[name]] = before
    elseif before == nil and (name == "type_" or name == "server_default" or name == "identity") then
      return nil
    else
      if name == "nullable" then
        before = not options.nullable
      elseif before == nil then
        before = core.null -- nothing said about a comment: there was none
      end
      undo[name], undo[existing[name]] = before, options[name]
    end
  end
  if options.new_column_name then undo.new_column_name = self.column_name end
  return tables.alter_column(self.table_name, options.new_column_name or self.column_name, undo)
end

--- `op.alter_column(table, column, { type_=, using=, nullable=, server_default=, comment=, identity=,
-- new_column_name=, existing_type=, … })`: what is absent stays; `pg.null` takes a default, a
-- comment or an identity away.
tables.alter_column = base.define("alter_column", {
  arguments = { "table_name", "column_name" },
  options = {
    "new_column_name", "type_", "using", "nullable", "server_default", "identity", "comment", "existing_type",
    "existing_nullable", "existing_server_default", "existing_identity", "existing_comment", "existing_using",
    "schema",
  },
  check = check_alter,
  statements = alter_statements,
  reverse = reverse_alter,
})

return tables
