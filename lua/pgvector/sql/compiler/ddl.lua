--- SQL of what defines: tables, constraints, indexes, types, comments.
--
-- A definition has no parameters, and its expressions name their columns
-- without the table. The functions here return text; the visitors made of them
-- at the end write it.
-- @module pgvector.sql.compiler.ddl

local constraints = require "pgvector.sql.constraints"
local errors = require "pgvector.errors"
local identifiers = require "pgvector.sql.compiler.identifiers"
local index_methods = require "pgvector.sql.index_methods"
local literal = require "pgvector.types.literal"

local quote = identifiers.quote

local visit = {}

-- The name of a table, type or sequence.
local function name_of(c, object) return c:table_name(object) end

-- An index lives in the schema of its table.
local function index_name(c, index) return c:table_name{ schema = index.table.schema, name = index.name } end

-- SQL text stands as it is, an expression is compiled.
local function expression(c, x)
  if type(x) == "string" then return x end
  return table.concat(c:capture(c.visit, x), "")
end

local function column_names(columns)
  local names = {}
  for i, column in ipairs(columns) do names[i] = quote(column.name) end
  return "(" .. table.concat(names, ", ") .. ")"
end

-- `(m = 16, ef_construction = 64)`: the access method's own options in their
-- order, others by name.
local function storage(with, method)
  local order, seen = {}, {}
  for _, name in ipairs(index_methods.option_names(method)) do
    if with[name] ~= nil then order[#order + 1] = name end
    seen[name] = true
  end
  local others = {}
  for name in pairs(with) do
    if not seen[name] then others[#others + 1] = name end
  end
  table.sort(others)
  for _, name in ipairs(others) do order[#order + 1] = name end
  for i, name in ipairs(order) do
    local value = with[name]
    if type(value) == "number" then
      value = literal.digits(value)
    elseif type(value) == "string" then
      value = literal.string(value)
    end
    order[i] = ("%s = %s"):format(quote(name), tostring(value))
  end
  return "(" .. table.concat(order, ", ") .. ")"
end

---- columns --------------------------------------------------------------------

local function sequence_numbers(object)
  local parts = {}
  local function add(sql, value)
    if value then parts[#parts + 1] = sql .. " " .. value end
  end
  add("INCREMENT BY", object.increment)
  add("MINVALUE", object.minvalue)
  add("MAXVALUE", object.maxvalue)
  add("START WITH", object.start)
  add("CACHE", object.cache)
  if object.cycle ~= nil then parts[#parts + 1] = object.cycle and "CYCLE" or "NO CYCLE" end
  return table.concat(parts, " ")
end

local function identity(of)
  local numbers = sequence_numbers(of)
  return ("GENERATED %s AS IDENTITY%s"):format(of.always and "ALWAYS" or "BY DEFAULT",
    numbers ~= "" and " (" .. numbers .. ")" or "")
end

-- What DEFAULT takes without parentheses.
local bare_default = {
  ["function"] = true, text = true, bind = true, keyword = true, cast = true, literal_column = true, next_value = true,
}

local function server_default(c, column)
  local value = column.server_default
  if type(value) == "table" and getmetatable(value) then
    local sql = expression(c, value)
    return bare_default[value.__visit_name] and sql or "(" .. sql .. ")"
  end
  -- a string is its text for every type: '{}' of a JSONB column
  if type(value) == "string" then return literal.string(value) end
  return column.type:literal(value, c.schema_map)
end

-- One column as CREATE TABLE and ADD COLUMN have it.
local function column_definition(c, column)
  if column._untyped then
    errors.raise("InvalidRequestError",
      "column '%s' of table '%s' has no type: what its foreign key refers to is not defined",
      column.name, column.table and column.table.name or "?")
  end
  local parts = { quote(column.name), c:type_name(column.type) }
  if column.computed then
    parts[#parts + 1] = ("GENERATED ALWAYS AS (%s) %s"):format(expression(c, column.computed.expression),
      column.computed.stored and "STORED" or "VIRTUAL")
  elseif column.identity then
    parts[#parts + 1] = identity(column.identity)
  elseif column.sequence then
    parts[#parts + 1] = ("DEFAULT nextval(%s)"):format(literal.string(name_of(c, column.sequence)))
  elseif column.server_default ~= nil then
    parts[#parts + 1] = "DEFAULT " .. server_default(c, column)
  end
  if not column.nullable and not column.identity then parts[#parts + 1] = "NOT NULL" end
  return table.concat(parts, " ")
end

function visit.column_definition(c, statement) return column_definition(c, statement.object) end
function visit.column_default(c, statement) return server_default(c, statement.object) end
function visit.column_identity(_, statement) return identity(statement.object.identity) end

---- constraints ----------------------------------------------------------------

local body = {}

local function include(key)
  if not key.include then return "" end
  local resolved = {}
  for i, column in ipairs(key.include) do resolved[i] = key.table:_resolve(column, "include") end
  return " INCLUDE " .. column_names(resolved)
end

function body.primary_key_constraint(_, key)
  return "PRIMARY KEY " .. column_names(key.columns) .. include(key)
end

function body.unique_constraint(_, key)
  return ("UNIQUE %s%s%s"):format(key.nulls_not_distinct and "NULLS NOT DISTINCT " or "",
    column_names(key.columns), include(key))
end

function body.check_constraint(c, check)
  return ("CHECK (%s)%s"):format(expression(c, check.condition), check.no_inherit and " NO INHERIT" or "")
end

function body.foreign_key_constraint(c, key)
  local sql = ("FOREIGN KEY %s REFERENCES %s %s"):format(column_names(key.columns),
    name_of(c, key:referred_table()), column_names(key:referred_columns()))
  if key.match then sql = sql .. " MATCH " .. key.match end
  if key.ondelete then sql = sql .. " ON DELETE " .. key.ondelete end
  if key.onupdate then sql = sql .. " ON UPDATE " .. key.onupdate end
  return sql
end

function body.exclude_constraint(c, exclude)
  local elements = {}
  for i, element in ipairs(exclude.expressions) do
    local is_column = constraints.is_column(element)
    local sql = is_column and quote(element.name) or "(" .. expression(c, element) .. ")"
    local ops = exclude.ops or {}
    local opclass = ops[i] or is_column and (ops[element.key] or ops[element.name])
    elements[i] = ("%s%s WITH %s"):format(sql, opclass and " " .. opclass or "", exclude.elements[i][2])
  end
  return ("EXCLUDE USING %s (%s)%s"):format(exclude.using, table.concat(elements, ", "),
    exclude.where and " WHERE (" .. expression(c, exclude.where) .. ")" or "")
end

local function constraint_definition(c, constraint)
  local sql = body[constraint.__visit_name](c, constraint)
  if constraint.name then sql = ("CONSTRAINT %s %s"):format(quote(constraint.name), sql) end
  if constraint.deferrable ~= nil then
    sql = sql .. (constraint.deferrable and " DEFERRABLE" or " NOT DEFERRABLE")
  end
  if constraint.initially then sql = sql .. " INITIALLY " .. constraint.initially end
  return sql
end

function visit.add_constraint(c, statement)
  local constraint = statement.object
  return ("ALTER TABLE %s ADD %s%s"):format(name_of(c, constraint.table),
    constraint_definition(c, constraint), constraint.not_valid and " NOT VALID" or "")
end

function visit.drop_constraint(c, statement)
  return ("ALTER TABLE %s DROP CONSTRAINT %s%s%s"):format(name_of(c, statement.object.table),
    statement.if_exists and "IF EXISTS " or "", quote(statement.object.name), statement.cascade
      and " CASCADE" or "")
end

---- tables ---------------------------------------------------------------------

local function create_table(c, tbl, if_not_exists)
  return ("CREATE %sTABLE %s%s"):format(tbl.temporary and "TEMPORARY " or tbl.unlogged and "UNLOGGED " or "",
    if_not_exists and "IF NOT EXISTS " or "", name_of(c, tbl))
end

function visit.create_table(c, statement)
  local tbl = statement.object
  local lines = {}
  for i, column in ipairs(tbl:_columns()) do lines[i] = "  " .. column_definition(c, column) end
  for _, constraint in ipairs(tbl:_all_constraints()) do
    if not (statement.without and statement.without[constraint]) then
      lines[#lines + 1] = "  " .. constraint_definition(c, constraint)
    end
  end
  local sql = ("%s (\n%s\n)"):format(create_table(c, tbl, statement.if_not_exists), table.concat(lines, ",\n"))
  if tbl.partition_by then sql = sql .. " PARTITION BY " .. tbl.partition_by end
  if tbl.with then sql = sql .. " WITH " .. storage(tbl.with) end
  if tbl.tablespace then sql = sql .. " TABLESPACE " .. quote(tbl.tablespace) end
  return sql
end

local function drop(what, names, statement)
  return ("DROP %s %s%s%s"):format(what, statement.if_exists and "IF EXISTS " or "", names,
    statement.cascade and " CASCADE" or "")
end

function visit.drop_table(c, statement)
  local names = {}
  for i, tbl in ipairs(statement.object) do names[i] = name_of(c, tbl) end
  return drop("TABLE", table.concat(names, ", "), statement)
end

---- indexes --------------------------------------------------------------------

-- Takes `created DESC NULLS LAST` apart: the operator class stands between.
local function without_order(element)
  local suffix = ""
  local around = { ordering = true, label = true, opclass = true }
  while around[element.__visit_name] do
    suffix = (element.suffix or "") .. suffix
    element = element.element
  end
  return element, suffix
end

local function index_element(c, element, opclass)
  local suffix, sql
  element, suffix = without_order(element)
  if constraints.is_column(element) then
    sql = quote(element.name)
  elseif element.__visit_name == "function" then
    sql = expression(c, element)
  else
    sql = "(" .. expression(c, element) .. ")"
  end
  return sql .. (opclass and " " .. opclass or "") .. suffix
end

function visit.create_index(c, statement)
  local index = statement.object
  local elements = {}
  for i, element in ipairs(index.elements) do
    elements[i] = index_element(c, element, index.opclasses[i])
  end
  local parts = { "CREATE" }
  local function add(...) for _, part in ipairs{ ... } do parts[#parts + 1] = part end end
  if index.unique then add("UNIQUE") end
  add("INDEX")
  if statement.concurrently then add("CONCURRENTLY") end
  if statement.if_not_exists then add("IF NOT EXISTS") end
  add(quote(index.name), "ON", name_of(c, index.table))
  if index.using then add("USING", quote(index.method)) end
  add("(" .. table.concat(elements, ", ") .. ")")
  if #index.included > 0 then add("INCLUDE", column_names(index.included)) end
  if index.nulls_not_distinct then add("NULLS NOT DISTINCT") end
  if next(index.with) ~= nil then add("WITH", storage(index.with, index.method)) end
  if index.tablespace then add("TABLESPACE", quote(index.tablespace)) end
  if index.where ~= nil then add("WHERE", expression(c, index.where)) end
  return table.concat(parts, " ")
end

function visit.drop_index(c, statement)
  return drop(statement.concurrently and "INDEX CONCURRENTLY" or "INDEX", index_name(c, statement.object),
    statement)
end

---- the rest -------------------------------------------------------------------

function visit.create_schema(_, statement)
  return ("CREATE SCHEMA %s%s"):format(statement.if_not_exists and "IF NOT EXISTS " or "",
    quote(statement.object))
end

function visit.drop_schema(_, statement) return drop("SCHEMA", quote(statement.object), statement) end

function visit.create_extension(_, statement)
  return ("CREATE EXTENSION %s%s%s%s"):format(statement.if_not_exists and "IF NOT EXISTS " or "",
    quote(statement.object), statement.schema and " SCHEMA " .. quote(statement.schema) or "",
    statement.version and " VERSION " .. literal.string(statement.version) or "")
end

function visit.drop_extension(_, statement) return drop("EXTENSION", quote(statement.object), statement) end

function visit.create_enum(c, statement)
  local labels = {}
  for i, label in ipairs(statement.object.enums) do labels[i] = literal.string(label) end
  return ("CREATE TYPE %s AS ENUM (%s)"):format(name_of(c, statement.object), table.concat(labels, ", "))
end

function visit.drop_enum(c, statement) return drop("TYPE", name_of(c, statement.object), statement) end

function visit.create_sequence(c, statement)
  local numbers = sequence_numbers(statement.object)
  return ("CREATE SEQUENCE %s%s%s"):format(statement.if_not_exists and "IF NOT EXISTS " or "",
    name_of(c, statement.object), numbers ~= "" and " " .. numbers or "")
end

function visit.drop_sequence(c, statement)
  return drop("SEQUENCE", name_of(c, statement.object), statement)
end

local function view_of(view) return view.materialized and "MATERIALIZED VIEW" or "VIEW" end

function visit.create_view(c, statement)
  local view = statement.object
  if view.materialized and statement.or_replace then
    errors.raise("InvalidRequestError", "a materialized view cannot be replaced: drop it first")
  elseif not view.materialized and statement.if_not_exists then
    errors.raise("InvalidRequestError", "CREATE VIEW has no IF NOT EXISTS: use or_replace")
  end
  return ("CREATE %s%s %s%s AS %s"):format(statement.or_replace and "OR REPLACE " or "", view_of(view),
    statement.if_not_exists and "IF NOT EXISTS " or "", name_of(c, view), c:whole(view.element))
end

function visit.drop_view(c, statement)
  return drop(view_of(statement.object), name_of(c, statement.object), statement)
end

function visit.refresh_view(c, statement)
  return ("REFRESH MATERIALIZED VIEW %s%s"):format(statement.concurrently and "CONCURRENTLY " or "",
    name_of(c, statement.object))
end

-- What COMMENT ON calls each kind of object.
local function comment_target(c, object)
  local kind = object.__visit_name
  if object.element and kind == "table" then return view_of(object) .. " " .. name_of(c, object) end
  if kind == "table" then return "TABLE " .. name_of(c, object) end
  if kind == "column" then return ("COLUMN %s.%s"):format(name_of(c, object.table), quote(object.name)) end
  if kind == "index" then return "INDEX " .. index_name(c, object) end
  if not object.name then
    errors.raise("InvalidRequestError", "%s: a comment needs a constraint with a name", tostring(object))
  end
  return ("CONSTRAINT %s ON %s"):format(quote(object.name), name_of(c, object.table))
end

function visit.comment_on(c, statement)
  return ("COMMENT ON %s IS %s"):format(comment_target(c, statement.object),
    statement.text and literal.string(statement.text) or "NULL")
end

function visit.ddl_text(c, statement)
  local names = statement.names
  if not names then return statement.sql end
  -- `%%(table)s` is no name: what is doubled is out of the way meanwhile
  local sql = statement.sql:gsub("%%%%", "\0"):gsub("%%%((%a+)%)s", function(name)
    local object = names[name]
    if name == "schema" then object = c:schema(object) end
    if not object then
      errors.raise("InvalidRequestError", "DDL: there is no '%s' here", name)
    end
    return name == "fullname" and name_of(c, object) or quote(object)
  end)
  return (sql:gsub("%z", "%%"))
end

local visitors = {}
for name, text in pairs(visit) do
  visitors[name] = function(c, statement)
    c.bare = true
    c:write(text(c, statement))
  end
end

-- Its values are parameters, unlike those of a definition.
function visitors.create_table_as(c, statement)
  c:define_ctes(statement._ctes)
  c.head = create_table(c, statement.table, statement.if_not_exists) .. " AS "
  c:visit(statement.query, "top", true)
  c.columns = nil
end

return visitors
