--- Operations on constraints. The names given here are final: no naming
-- convention is applied to them.
-- @module pgvector.migrate.operations.constraints

local base = require "pgvector.migrate.operations.base"
local compat = require "pgvector.compat"
local ddl = require "pgvector.sql.ddl"
local errors = require "pgvector.errors"
local schema_constraints = require "pgvector.sql.constraints"
local stub = require "pgvector.migrate.operations.stub"

local quote, qualified_name = base.quote, base.qualified_name
local new = schema_constraints.exports

local constraints = {}

-- What drops a constraint that this operation adds.
local function dropped(self, type_)
  return constraints.drop_constraint(self.name, self.table_name, {
    schema = self.options.schema or self.options.source_schema, type = type_,
  })
end

-- Defines an operation that adds a constraint. `make(self)` gives the
-- constraint and the names of the columns that must be there for it.
local function adding(kind, type_, arguments, options, make)
  options[#options + 1] = "comment"
  constraints[kind] = base.define(kind, {
    arguments = arguments,
    options = options,
    check = function(self)
      self.name = base.name(self.name, kind .. ": constraint name")
      self.table_name = base.name(self.table_name, kind .. ": table name")
      local constraint, names = make(self)
      local items = stub.columns(names)
      items[#items + 1] = constraint
      stub.table(self.table_name, items, { schema = self.options.schema or self.options.source_schema or false })
      self.constraint = constraint
    end,
    statements = function(self)
      local sql = { (ddl.add_constraint(self.constraint):compile()) }
      if self.constraint.comment then sql[2] = (ddl.comment_on(self.constraint):compile()) end
      return sql
    end,
    reverse = function(self) return dropped(self, type_) end,
  })
end

-- The options that the constraint itself takes.
local function constraint_options(self, ...)
  local options = { name = self.name, comment = self.options.comment }
  for _, name in ipairs{ ... } do options[name] = self.options[name] end
  return options
end

-- A UNIQUE or PRIMARY KEY constraint, and the columns it needs.
local function key(self, make, ...)
  self.columns = base.names(self.columns, self.kind .. ": columns")
  local arguments, names = {}, {}
  for i, name in ipairs(self.columns) do arguments[i], names[i] = name, name end
  for _, name in ipairs(self.options.include or {}) do names[#names + 1] = name end
  arguments[#arguments + 1] = constraint_options(self, ...)
  return make(compat.unpack(arguments)), names
end

-- `op.create_unique_constraint(name, table, columns, { schema=, deferrable=, initially=,
-- nulls_not_distinct=, include= })`
adding("create_unique_constraint", "unique", { "name", "table_name", "columns" },
  { "deferrable", "initially", "nulls_not_distinct", "include", "schema" },
  function(self)
    return key(self, new.UniqueConstraint, "deferrable", "initially", "nulls_not_distinct", "include")
  end)

-- `op.create_primary_key(name, table, columns, { schema=, deferrable=, initially=, include= })`
adding("create_primary_key", "primary", { "name", "table_name", "columns" },
  { "deferrable", "initially", "include", "schema" },
  function(self)
    return key(self, new.PrimaryKeyConstraint, "deferrable", "initially", "include")
  end)

-- `op.create_check_constraint(name, table, condition, { schema=, not_valid=, no_inherit= })`
adding("create_check_constraint", "check", { "name", "table_name", "condition" },
  { "not_valid", "no_inherit", "schema" },
  function(self)
    self.condition = base.sql_text(self.condition, "create_check_constraint: condition")
    return new.CheckConstraint(self.condition, constraint_options(self, "not_valid", "no_inherit")), {}
  end)

-- `op.create_foreign_key(name, source, referent, columns, referred columns, { source_schema=, referent_schema=,
-- ondelete=, onupdate=, match=, deferrable=, initially=, not_valid= })`
adding("create_foreign_key", "foreignkey", { "name", "table_name", "referent", "columns", "referred_columns" },
  { "ondelete", "onupdate", "match", "deferrable", "initially", "not_valid", "source_schema", "referent_schema" },
  function(self)
    self.referent = base.name(self.referent, "create_foreign_key: referent table")
    self.columns = base.names(self.columns, "create_foreign_key: columns")
    self.referred_columns = base.names(self.referred_columns, "create_foreign_key: referred columns")
    local referred = stub.table(self.referent, stub.columns(self.referred_columns),
      { schema = self.options.referent_schema or false })
    return new.ForeignKeyConstraint(self.columns, referred:_columns(),
      constraint_options(self, "ondelete", "onupdate", "match", "deferrable", "initially", "not_valid")), self.columns
  end)

-- `op.create_exclude_constraint(name, table, { { "room", "=" }, … }, { schema=, using=, where=, ops=,
-- deferrable=, initially= })`
adding("create_exclude_constraint", "exclude", { "name", "table_name", "elements" },
  { "using", "where", "ops", "deferrable", "initially", "schema" },
  function(self)
    local constraint = new.ExcludeConstraint(self.elements,
      constraint_options(self, "using", "where", "ops", "deferrable", "initially"))
    local names = {}
    for _, pair in ipairs(self.elements) do
      if type(pair[1]) == "string" then names[#names + 1] = pair[1] end
    end
    return constraint, names
  end)

local types_known = { unique = true, primary = true, check = true, foreignkey = true, exclude = true }

--- `op.drop_constraint(name, table, { schema=, if_exists=, cascade=, type= })`; `type` is for the reader.
constraints.drop_constraint = base.define("drop_constraint", {
  arguments = { "name", "table_name" },
  options = { "schema", "if_exists", "cascade", "type" },
  check = function(self)
    self.name = base.name(self.name, "drop_constraint: constraint name")
    self.table_name = base.name(self.table_name, "drop_constraint: table name")
    local type_ = self.options.type
    if type_ ~= nil and not types_known[type_] then
      errors.raise("ArgumentError", "drop_constraint: unknown type '%s'%s", tostring(type_),
        errors.did_you_mean(type_, types_known))
    end
  end,
  statements = function(self)
    return { ("ALTER TABLE %s DROP CONSTRAINT %s%s%s"):format(qualified_name(self, self.table_name),
      self.options.if_exists and "IF EXISTS " or "", quote(self.name), self.options.cascade and " CASCADE" or "") }
  end,
})

--- `op.validate_constraint(name, table, { schema= })`: checks the rows that a
-- constraint made with `not_valid` has not seen.
constraints.validate_constraint = base.define("validate_constraint", {
  arguments = { "name", "table_name" },
  options = { "schema" },
  check = function(self)
    self.name = base.name(self.name, "validate_constraint: constraint name")
    self.table_name = base.name(self.table_name, "validate_constraint: table name")
  end,
  statements = function(self)
    return { ("ALTER TABLE %s VALIDATE CONSTRAINT %s"):format(qualified_name(self, self.table_name),
      quote(self.name)) }
  end,
  reverse = function() return false end,
})

--- `op.rename_constraint(old, new, table, { schema= })`
constraints.rename_constraint = base.define("rename_constraint", {
  arguments = { "name", "new_name", "table_name" },
  options = { "schema" },
  check = function(self)
    self.name = base.name(self.name, "rename_constraint: constraint name")
    self.new_name = base.name(self.new_name, "rename_constraint: new name")
    self.table_name = base.name(self.table_name, "rename_constraint: table name")
  end,
  statements = function(self)
    return { ("ALTER TABLE %s RENAME CONSTRAINT %s TO %s"):format(qualified_name(self, self.table_name),
      quote(self.name), quote(self.new_name)) }
  end,
  reverse = function(self)
    return constraints.rename_constraint(self.new_name, self.name, self.table_name, { schema = self.options.schema })
  end,
})

return constraints
