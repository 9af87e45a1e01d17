--- The inspector: questions about a database, answered in SQLAlchemy's shape.
--
-- It remembers what it has read: an inspector shows one moment, `clear_cache`
-- makes it look again. A schema is given as text or as `{ schema = "app" }`;
-- without one it is what the search_path shows.
-- @module pgvector.reflect.inspector

local catalog = require "pgvector.reflect.catalog"
local class = require "pgvector.class"
local core = require "pgvector.core"
local errors = require "pgvector.errors"
local naming = require "pgvector.sql.naming"

local Inspector = class("Inspector")

--- Makes an inspector.
-- @tparam Engine|Connection bind
function Inspector._new(bind)
  return setmetatable({ bind = bind, _cache = {} }, Inspector)
end

function Inspector:__tostring() return ("Inspector(%s)"):format(tostring(self.bind)) end

local function schema_of(given)
  if type(given) == "table" then
    given = errors.check_options(given, { schema = true }, "inspector").schema
  end
  return given ~= nil and naming.check(given, "schema name") or nil
end

-- What `read(run, schema, names)` gives, remembered under its arguments.
local function remember(self, what, read, schema, name)
  local key = ("%s\0%s\0%s"):format(what, schema or "", name or "")
  local cached = self._cache[key]
  if cached == nil then
    cached = self.bind:_ddl_runner(function(run) return read(run, schema, name and { name }) end)
    self._cache[key] = cached
  end
  return cached
end

-- The table or view of a name; nil if there is none.
local function find(self, name, given)
  naming.check(name, "table name")
  return remember(self, "table", catalog.tables, schema_of(given), name)[1]
end

local function expect(self, name, given)
  local found = find(self, name, given)
  if found then return found end
  local schema = schema_of(given)
  local known = {}
  for i, relation in ipairs(remember(self, "relations", catalog.relations, schema)) do
    known[i] = relation.name
  end
  errors.raise("InvalidRequestError", "table '%s' does not exist%s", (schema and schema .. "." or "") .. name,
    errors.did_you_mean(name, known))
end

-- Facts with some of their fields, under the names that users know.
local function shaped(facts, fields)
  local list = {}
  for i, fact in ipairs(facts) do
    list[i] = {}
    for public, internal in pairs(fields) do list[i][public] = fact[internal] end
  end
  return list
end

---- names ------------------------------------------------------------------------

local function names_of(self, given, wanted)
  local names = {}
  for _, relation in ipairs(remember(self, "relations", catalog.relations, schema_of(given))) do
    if wanted[relation.kind] and (not relation.temporary or schema_of(given)) then
      names[#names + 1] = relation.name
    end
  end
  return names
end

--- The names of the tables, without views and temporary tables.
-- @tparam[opt] string|table schema
-- @treturn table sequence, sorted
function Inspector:get_table_names(schema)
  return names_of(self, schema, { table = true, ["partitioned table"] = true, ["foreign table"] = true })
end

--- The names of the session's temporary tables.
function Inspector:get_temp_table_names() return names_of(self, "pg_temp", { table = true }) end

--- The names of the views.
function Inspector:get_view_names(schema) return names_of(self, schema, { view = true }) end

--- The names of the materialized views.
function Inspector:get_materialized_view_names(schema)
  return names_of(self, schema, { ["materialized view"] = true })
end

--- The query of a view or materialized view.
-- @treturn string SQL
function Inspector:get_view_definition(name, schema)
  local found = expect(self, name, schema)
  if not found.definition then
    errors.raise("InvalidRequestError", "'%s' is a %s, not a view", name, found.kind)
  end
  return found.definition
end

--- The names of the schemas, without the server's own.
function Inspector:get_schema_names() return remember(self, "schemas", catalog.schemas) end

--- Is there a schema of this name?
function Inspector:has_schema(name)
  for _, known in ipairs(self:get_schema_names()) do
    if known == name then return true end
  end
  return false
end

--- Is there a table or view of this name?
-- @tparam string name
-- @tparam[opt] string|table schema
-- @treturn boolean
function Inspector:has_table(name, schema) return find(self, name, schema) ~= nil end

--- The names of the sequences.
function Inspector:get_sequence_names(schema)
  local names = {}
  for i, sequence in ipairs(remember(self, "sequences", catalog.sequences, schema_of(schema))) do
    names[i] = sequence.name
  end
  return names
end

--- The enumerated types.
-- @treturn table sequence of `{ name =, schema =, visible =, labels =, comment = }`
function Inspector:get_enums(schema) return remember(self, "enums", catalog.enums, schema_of(schema)) end

--- The extensions of the database.
-- @treturn table sequence of `{ name =, version =, schema =, comment = }`
function Inspector:get_extensions() return remember(self, "extensions", catalog.extensions) end

---- a table ----------------------------------------------------------------------

local column_fields = {
  name = "name", type = "type", nullable = "nullable", default = "default", comment = "comment",
  identity = "identity", computed = "computed", collation = "collation", autoincrement = "autoincrement",
}

--- The columns of a table or view, in its order.
-- @treturn table sequence of `{ name =, type =, nullable =, default =, comment =, identity =, computed =,
--   collation =, autoincrement = }`; `default` and `computed.sqltext` are the server's text
function Inspector:get_columns(name, schema)
  local columns = shaped(expect(self, name, schema).columns, column_fields)
  for i, fact in ipairs(expect(self, name, schema).columns) do
    columns[i].autoincrement = (fact.identity or fact.sequence) ~= nil
  end
  return columns
end

--- The primary key; without one, its `constrained_columns` are empty.
-- @treturn table `{ name =, constrained_columns =, comment = }`
function Inspector:get_pk_constraint(name, schema)
  local key = expect(self, name, schema).primary_key
  if not key then return { constrained_columns = {} } end
  return {
    name = key.name, constrained_columns = key.column_names, comment = key.comment, include = key.include,
  }
end

local function referred_schema(key, given)
  return (schema_of(given) or not key.referred_visible) and key.referred_schema or nil
end

--- The foreign keys.
-- @treturn table sequence of `{ name =, constrained_columns =, referred_schema =, referred_table =,
--   referred_columns =, options =, comment = }`; options: `ondelete`, `onupdate`, `deferrable`,
--   `initially`, `match`, `not_valid`
function Inspector:get_foreign_keys(name, schema)
  local facts = expect(self, name, schema).foreign_keys
  local keys = shaped(facts, {
    name = "name", constrained_columns = "column_names", referred_table = "referred_table",
    referred_columns = "referred_columns", comment = "comment",
  })
  for i, fact in ipairs(facts) do
    keys[i].referred_schema = referred_schema(fact, schema)
    keys[i].options = {}
    for _, option in ipairs{ "ondelete", "onupdate", "deferrable", "initially", "match", "not_valid" } do
      keys[i].options[option] = fact[option]
    end
  end
  return keys
end

local index_fields = {
  name = "name", unique = "unique", using = "using", with = "with", metric = "metric", where = "where",
  nulls_not_distinct = "nulls_not_distinct", tablespace = "tablespace", comment = "comment", valid = "valid",
  duplicates_constraint = "backs",
}

local function describe_elements(described, elements)
  local names, texts, has_expression = {}, {}, false
  for i, element in ipairs(elements) do
    names[i] = element.column or core.null
    texts[i] = element.column or element.expression
    has_expression = has_expression or not element.column
    if element.opclass and not element.is_default then
      described.ops[element.column or i] = element.opclass
    end
    local sorting = {}
    if element.desc then sorting[1] = "desc" end
    if element.nulls then sorting[#sorting + 1] = "nulls_" .. element.nulls end
    if sorting[1] then described.column_sorting[element.column or i] = sorting end
  end
  described.column_names = names
  described.expressions = has_expression and texts or nil
end

--- The indexes, without that of the primary key.
-- @treturn table sequence of `{ name =, column_names =, expressions =, unique =, using =, with =, ops =,
--   metric =, where =, include =, column_sorting =, nulls_not_distinct =, tablespace =, comment =,
--   valid =, duplicates_constraint = }`. An expression is `pg.null` in `column_names`, and its text
--   stands in `expressions`; `ops` and `column_sorting` go by column name, or by position for expressions
function Inspector:get_indexes(name, schema)
  local tbl = expect(self, name, schema)
  local primary = tbl.primary_key and tbl.primary_key.index
  local facts = {}
  for _, fact in ipairs(tbl.indexes) do
    if fact ~= primary then facts[#facts + 1] = fact end
  end
  local indexes = shaped(facts, index_fields)
  for i, fact in ipairs(facts) do
    local described = indexes[i]
    described.ops, described.column_sorting = {}, {}
    described.with = described.with or {}
    described.include = fact.include
    describe_elements(described, fact.elements)
  end
  return indexes
end

--- The UNIQUE constraints.
-- @treturn table sequence of `{ name =, column_names =, include =, nulls_not_distinct =, deferrable =,
--   initially =, comment = }`
function Inspector:get_unique_constraints(name, schema)
  return shaped(expect(self, name, schema).unique_constraints, {
    name = "name", column_names = "column_names", include = "include",
    nulls_not_distinct = "nulls_not_distinct", deferrable = "deferrable",
    initially = "initially", comment = "comment",
  })
end

--- The CHECK constraints.
-- @treturn table sequence of `{ name =, sqltext =, no_inherit =, not_valid =, comment = }`
function Inspector:get_check_constraints(name, schema)
  return shaped(expect(self, name, schema).check_constraints, {
    name = "name", sqltext = "sqltext", no_inherit = "no_inherit", not_valid = "not_valid",
    comment = "comment",
  })
end

--- The EXCLUDE constraints.
-- @treturn table sequence of `{ name =, expressions =, operators =, using =, where =, comment = }`
function Inspector:get_exclude_constraints(name, schema)
  local list = {}
  for i, fact in ipairs(expect(self, name, schema).exclude_constraints) do
    local texts = {}
    for k, element in ipairs(fact.index.elements) do texts[k] = element.column or element.expression end
    list[i] = {
      name = fact.name, expressions = texts, operators = fact.operators, using = fact.index.using,
      where = fact.index.where, deferrable = fact.deferrable, initially = fact.initially,
      comment = fact.comment,
    }
  end
  return list
end

--- The comment of a table or view.
-- @treturn table `{ text = }`, with nil for none
function Inspector:get_table_comment(name, schema) return { text = expect(self, name, schema).comment } end

--- Forgets what was read.
function Inspector:clear_cache() self._cache = {} end

return class.seal(Inspector)
