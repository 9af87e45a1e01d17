--- Statements that define: CREATE, DROP, ALTER TABLE … CONSTRAINT, COMMENT.
-- Each is an executable object; `compiler/ddl.lua` has their SQL.
-- @module pgvector.sql.ddl

local class = require "pgvector.class"
local coerce = require "pgvector.sql.coerce"
local compiler = require "pgvector.sql.compiler"
local constraints = require "pgvector.sql.constraints"
local errors = require "pgvector.errors"
local element = require "pgvector.sql.element"
local naming = require "pgvector.sql.naming"

compiler.register(require "pgvector.sql.compiler.ddl")

local ddl = {}

local DDLElement = class("DDLElement", element.ClauseElement)
DDLElement._kind = "ddl"
class.seal(DDLElement)

-- Defines one kind of statement. `object` is what it is about, the options
-- become fields.
local function define(name, options_known)
  local C = class.seal(class(name, DDLElement))
  C.__visit_name = name
  local public_name = ("_" .. name):gsub("_(%l)", string.upper) -- create_table: CreateTable
  local known = {}
  for _, option in ipairs(options_known) do known[option] = true end
  return function(object, options)
    options = errors.check_options(options, known, public_name)
    local self = setmetatable({ object = object }, C)
    for option in pairs(known) do self[option] = options[option] end
    return self
  end
end

-- A table or a model.
local function as_table(x, where)
  local tbl = coerce.try_from(x)
  if tbl and tbl.__visit_name == "table" and tbl._all_constraints then return tbl end
  errors.raise("ArgumentError", "%s: expected a table or a model, got %s", where, coerce.describe(x))
end

local create_table = define("create_table", { "if_not_exists", "without" })

--- CREATE TABLE. `without`: a set of foreign keys to leave out. A table that
-- `into` has made is created by its select.
function ddl.create_table(tbl, options)
  tbl = as_table(tbl, "CreateTable")
  local statement = create_table(tbl, options)
  local creator = tbl._creator
  if not creator then return statement end
  return statement.if_not_exists == nil and creator or creator:_with(statement.if_not_exists)
end

local drop_tables = define("drop_table", { "if_exists", "cascade" })

--- DROP TABLE, of one table or of a sequence of them.
function ddl.drop_table(tables, options)
  if coerce.try_from(tables) or type(tables) ~= "table" or #tables == 0 then tables = { tables } end
  local list = {}
  for i = 1, math.max(#tables, 1) do list[i] = as_table(tables[i], "DropTable") end
  return drop_tables(list, options)
end

local create_index = define("create_index", { "if_not_exists", "concurrently" })
local drop_index = define("drop_index", { "if_exists", "concurrently", "cascade" })

-- Something that belongs to a table; `is_one` tells it from anything else.
local function of_table(x, is_one, where, what)
  if not is_one(x) then errors.raise("ArgumentError", "%s: expected %s, got %s", where, what, coerce.describe(x)) end
  if not x.table then errors.raise("InvalidRequestError", "%s: %s belongs to no table", where, tostring(x)) end
end

local function is_index(x) return type(x) == "table" and getmetatable(x) ~= nil and x.__visit_name == "index" end
local function is_constraint(x) return class.is(x, constraints.Constraint) end

-- CONCURRENTLY is the index's own choice unless the statement has one.
local function with_own_choice(make, where)
  return function(index, options)
    of_table(index, is_index, where, "an index")
    local statement = make(index, options)
    if statement.concurrently == nil then statement.concurrently = index.concurrently end
    return statement
  end
end

--- CREATE INDEX.
ddl.create_index = with_own_choice(create_index, "CreateIndex")

--- DROP INDEX.
ddl.drop_index = with_own_choice(drop_index, "DropIndex")

--- A column as CREATE TABLE has it: a part of statements that add one.
ddl.column_definition = define("column_definition", {})

--- A column's `server_default` as it stands behind DEFAULT: a part of statements
-- that set one.
ddl.column_default = define("column_default", {})

--- GENERATED … AS IDENTITY of a column that has one, to be added to an existing column.
ddl.column_identity = define("column_identity", {})

local add_constraint = define("add_constraint", {})

--- ALTER TABLE … ADD CONSTRAINT.
function ddl.add_constraint(constraint, options)
  of_table(constraint, is_constraint, "AddConstraint", "a constraint")
  return add_constraint(constraint, options)
end

local drop_constraint = define("drop_constraint", { "if_exists", "cascade" })

--- ALTER TABLE … DROP CONSTRAINT.
function ddl.drop_constraint(constraint, options)
  of_table(constraint, is_constraint, "DropConstraint", "a constraint")
  if not constraint.name then
    errors.raise("InvalidRequestError", "%s on table '%s' has no name, so it cannot be dropped",
      class.describe(constraint), constraint.table.name)
  end
  return drop_constraint(constraint, options)
end

-- Statements about a thing that is only a name.
local function named(make, what)
  return function(name, options) return make(naming.check(name, what), options) end
end

--- CREATE SCHEMA.
ddl.create_schema = named(define("create_schema", { "if_not_exists" }), "schema name")

--- DROP SCHEMA.
ddl.drop_schema = named(define("drop_schema", { "if_exists", "cascade" }), "schema name")

--- CREATE EXTENSION.
ddl.create_extension = named(define("create_extension", { "if_not_exists", "schema", "version" }),
  "extension name")

--- DROP EXTENSION; never with CASCADE, which would drop the columns of its types.
ddl.drop_extension = named(define("drop_extension", { "if_exists" }), "extension name")

--- CREATE TYPE … AS ENUM.
ddl.create_enum = define("create_enum", {})

--- DROP TYPE.
ddl.drop_enum = define("drop_enum", { "if_exists" })

--- CREATE SEQUENCE.
ddl.create_sequence = define("create_sequence", { "if_not_exists" })

--- DROP SEQUENCE.
ddl.drop_sequence = define("drop_sequence", { "if_exists" })

--- CREATE VIEW or CREATE MATERIALIZED VIEW.
ddl.create_view = define("create_view", { "or_replace", "if_not_exists" })

--- DROP VIEW or DROP MATERIALIZED VIEW.
ddl.drop_view = define("drop_view", { "if_exists", "cascade" })

--- REFRESH MATERIALIZED VIEW.
ddl.refresh_view = define("refresh_view", { "concurrently" })

local comment_on = define("comment_on", { "text" })

--- COMMENT ON a table, column, index or constraint. Without `text` it is the
-- object's own; none at all removes the comment.
function ddl.comment_on(object, options)
  local statement = comment_on(object, options)
  if statement.text == nil then statement.text = object.comment end
  return statement
end

--- SQL text that defines something, to be run by itself, for a table, or by an
-- event: `listen(Item.__table, "after_create", DDL "ALTER TABLE %(fullname)s …")`.
local DDL = class("DDL", DDLElement)
DDL.__visit_name = "ddl_text"

-- `%(table)s` and the like need to know which table; `%%` is a percent sign.
local function with_names(statement, target)
  return setmetatable({
    sql = statement.sql,
    names = { table = target.name, schema = target.schema, fullname = target.name and target },
  }, DDL)
end

--- The statement for one table, whose names take the places kept for them.
-- @tparam Table|model tbl
-- @treturn DDL
function DDL:for_table(tbl) return with_names(self, as_table(tbl, "DDL")) end
class.seal(DDL)

-- A listener is called with what was created or dropped, and the connection.
function DDL:__call(target, conn) conn:execute(with_names(self, target)) end

--- Makes a DDL statement of text, which is run as it stands, so nothing of a
-- user's may be in it. For a table `%(table)s`, `%(schema)s` and `%(fullname)s`
-- stand for its quoted names, `%%` for a percent sign.
-- @tparam string sql
function ddl.text(sql)
  if type(sql) ~= "string" or not sql:find("%S") or sql:find("\0", 1, true) then
    errors.raise("ArgumentError", "DDL: expected SQL text, got %s", class.describe(sql))
  end
  for name in sql:gmatch("%%%((.-)%)s") do
    if name ~= "table" and name ~= "schema" and name ~= "fullname" then
      errors.raise("ArgumentError", "DDL: unknown '%%(%s)s': there are table, schema and fullname", name)
    end
  end
  return setmetatable({ sql = sql }, DDL)
end

ddl.DDLElement = DDLElement

--- What `pg.*` gets.
ddl.exports = {
  CreateTable = ddl.create_table, DropTable = ddl.drop_table,
  CreateIndex = ddl.create_index, DropIndex = ddl.drop_index,
  AddConstraint = ddl.add_constraint, DropConstraint = ddl.drop_constraint,
  CreateSchema = ddl.create_schema, DropSchema = ddl.drop_schema,
  CreateExtension = ddl.create_extension, DropExtension = ddl.drop_extension, DDL = ddl.text,
}

return ddl
