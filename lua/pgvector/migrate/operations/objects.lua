--- Operations on what is not a table: extensions, enum types, schemas,
-- sequences, views.
-- @module pgvector.migrate.operations.objects

local base = require "pgvector.migrate.operations.base"
local class = require "pgvector.class"
local column = require "pgvector.sql.column"
local ddl = require "pgvector.sql.ddl"
local errors = require "pgvector.errors"
local literal = require "pgvector.types.literal"
local types = require "pgvector.types"

local quote, qualified_name = base.quote, base.qualified_name

local objects = {}

-- `DROP … [IF EXISTS] name [CASCADE]`.
local function drop(what, name, options)
  return ("DROP %s %s%s%s"):format(what, options.if_exists and "IF EXISTS " or "", name,
    options.cascade and " CASCADE" or "")
end

local function check_name(self) self.name = base.name(self.name, self.kind .. ": name") end

-- Defines the two operations on something that is no more than its name.
local function pair(what, create_options, create_sql, drop_options)
  local create, drop_ = "create_" .. what, "drop_" .. what
  objects[create] = base.define(create, {
    arguments = { "name" },
    options = create_options,
    check = check_name,
    statements = function(self) return { create_sql(self) } end,
    reverse = function(self) return objects[drop_](self.name) end,
  })
  objects[drop_] = base.define(drop_, {
    arguments = { "name" },
    options = drop_options,
    check = check_name,
    statements = function(self) return { drop(what:upper(), quote(self.name), self.options) } end,
    -- what was created is known from its operation; without it, the name is all
    reverse = function(self) return objects[create](self.name) end,
  })
end

---- extensions -------------------------------------------------------------------

-- `op.create_extension(name, { schema=, version=, if_not_exists = true })`, and
-- `op.drop_extension(name, { if_exists= })`, which never cascades: that would drop the columns of
-- its types.
pair("extension", { "schema", "version", "if_not_exists" }, function(self)
  return (ddl.create_extension(self.name, {
    schema = self.options.schema, version = self.options.version,
    if_not_exists = self.options.if_not_exists ~= false,
  }):compile())
end, { "if_exists" })

--- `op.alter_extension(name, { update = true | "0.8.0", schema= })`
objects.alter_extension = base.define("alter_extension", {
  arguments = { "name" },
  options = { "update", "schema" },
  check = function(self)
    check_name(self)
    local update = self.options.update
    if update ~= nil and update ~= true and type(update) ~= "string" then
      errors.raise("ArgumentError", "alter_extension: update: expected true or a version, got %s",
        class.describe(update))
    elseif update == nil and self.options.schema == nil then
      errors.raise("ArgumentError", "alter_extension: nothing to change; expected update or schema")
    end
  end,
  statements = function(self)
    local sql, alter = {}, "ALTER EXTENSION " .. quote(self.name)
    local update, schema = self.options.update, self.options.schema
    if update then
      sql[1] = alter .. " UPDATE" .. (type(update) == "string" and " TO " .. literal.string(update) or "")
    end
    if schema then sql[#sql + 1] = alter .. " SET SCHEMA " .. quote(schema) end
    return sql
  end,
})

local comparisons = { [">="] = true, [">"] = true, ["="] = true, ["<"] = true, ["<="] = true }

local requirement = [[
DO $require$
DECLARE
  wanted pg_catalog.text := %s;
  version pg_catalog.text := (SELECT extversion FROM pg_catalog.pg_extension WHERE extname = wanted);
BEGIN
  IF version IS NULL THEN
    RAISE EXCEPTION 'extension "%%" is not installed in this database', wanted
      USING ERRCODE = 'undefined_object';
  ELSIF NOT (pg_catalog.string_to_array(pg_catalog.regexp_replace(version, '[^0-9.].*$', ''), '.')::pg_catalog.int4[]
      %s pg_catalog.string_to_array(%s, '.')::pg_catalog.int4[]) THEN
    RAISE EXCEPTION 'extension "%%" has version %%, this needs %%', wanted, version, %s
      USING ERRCODE = 'feature_not_supported', HINT = 'ALTER EXTENSION … UPDATE, or op.alter_extension.';
  END IF;
END
$require$]]

--- `op.require_extension(name, ">=0.5.0")`: stops the migration, before it has changed anything, where
-- the extension is missing or too old.
objects.require_extension = base.define("require_extension", {
  arguments = { "name", "version" },
  check = function(self)
    check_name(self)
    local given = self.version == nil and ">=0" or self.version
    local operator, number = tostring(given):match("^([<>=]*)%s*([%d.]+)$")
    if operator == "" then operator = ">=" end
    if not comparisons[operator] or number:find("%.%.") or number:find("^%.") or number:find("%.$") then
      errors.raise("ArgumentError", "require_extension: expected a version such as \">=0.5.0\", got %s",
        tostring(given))
    end
    self.operator, self.number = operator, number
  end,
  statements = function(self)
    return { requirement:format(literal.string(self.name), self.operator, literal.string(self.number),
      literal.string(self.operator .. self.number)) }
  end,
  reverse = function() return false end,
})

---- schemas ----------------------------------------------------------------------

-- `op.create_schema(name, { if_not_exists= })`, `op.drop_schema(name, { if_exists=, cascade= })`
pair("schema", { "if_not_exists" }, function(self)
  return (ddl.create_schema(self.name, self.options):compile())
end, { "if_exists", "cascade" })

---- enum types -------------------------------------------------------------------

local function check_labels(self, labels, where)
  -- the type checks them
  local options = { name = self.name, schema = self.options.schema }
  if type(labels) ~= "table" or getmetatable(labels) then
    errors.raise("ArgumentError", "%s: expected a sequence of labels, got %s", where, class.describe(labels))
  end
  for i, label in ipairs(labels) do options[i] = label end
  return types.Enum(options)
end

--- `op.create_enum(name, { label, … }, { schema= })`
objects.create_enum = base.define("create_enum", {
  arguments = { "name", "labels" },
  options = { "schema" },
  check = function(self)
    check_name(self)
    self.type_ = check_labels(self, self.labels, "create_enum")
  end,
  statements = function(self) return { (ddl.create_enum(self.type_):compile()) } end,
  reverse = function(self)
    return objects.drop_enum(self.name, { schema = self.options.schema, labels = self.labels })
  end,
})

--- `op.drop_enum(name, { schema=, if_exists=, labels= })`; `labels`: what it had, to be able to reverse.
objects.drop_enum = base.define("drop_enum", {
  arguments = { "name" },
  options = { "schema", "if_exists", "labels" },
  check = check_name,
  statements = function(self) return { drop("TYPE", qualified_name(self, self.name), self.options) } end,
  reverse = function(self)
    if not self.options.labels then return nil end
    return objects.create_enum(self.name, self.options.labels, { schema = self.options.schema })
  end,
})

--- `op.add_enum_value(type, label, { before=, after=, if_not_exists=, schema= })`. The label can be used
-- once the transaction is committed: by the next migration, or after `op.autocommit`.
objects.add_enum_value = base.define("add_enum_value", {
  arguments = { "name", "label" },
  options = { "before", "after", "if_not_exists", "schema" },
  check = function(self)
    check_name(self)
    check_labels(self, { self.label }, "add_enum_value")
    if self.options.before and self.options.after then
      errors.raise("ArgumentError", "add_enum_value: both before and after are given")
    end
  end,
  statements = function(self)
    local where = self.options.before and "BEFORE" or self.options.after and "AFTER"
    return { ("ALTER TYPE %s ADD VALUE %s%s%s"):format(qualified_name(self, self.name),
      self.options.if_not_exists and "IF NOT EXISTS " or "", literal.string(self.label),
      where and (" %s %s"):format(where, literal.string(self.options.before or self.options.after)) or "") }
  end,
  -- the server has no way to take a value out of an enum
  reverse = function() return false end,
})

---- sequences --------------------------------------------------------------------

local sequence_options = { "start", "increment", "minvalue", "maxvalue", "cache", "cycle", "schema" }

--- `op.create_sequence(name, { start=, increment=, minvalue=, maxvalue=, cache=, cycle=, if_not_exists=, schema= })`
objects.create_sequence = base.define("create_sequence", {
  arguments = { "name" },
  options = { "start", "increment", "minvalue", "maxvalue", "cache", "cycle", "if_not_exists", "schema" },
  check = function(self)
    check_name(self)
    local options = {}
    for _, name in ipairs(sequence_options) do options[name] = self.options[name] end
    self.sequence = column.exports.Sequence(self.name, options)
  end,
  statements = function(self)
    return { (ddl.create_sequence(self.sequence, { if_not_exists = self.options.if_not_exists }):compile()) }
  end,
  reverse = function(self) return objects.drop_sequence(self.name, { schema = self.options.schema }) end,
})

--- `op.drop_sequence(name, { if_exists=, cascade=, schema= })`
objects.drop_sequence = base.define("drop_sequence", {
  arguments = { "name" },
  options = { "if_exists", "cascade", "schema" },
  check = check_name,
  statements = function(self) return { drop("SEQUENCE", qualified_name(self, self.name), self.options) } end,
})

---- views ------------------------------------------------------------------------

--- `op.create_view(name, query, { materialized=, replace=, existing=, schema= })`; the query is a select or its
-- text. `existing`: the query that the view had, to be able to reverse a replacement.
objects.create_view = base.define("create_view", {
  arguments = { "name", "query" },
  options = { "materialized", "replace", "existing", "schema" },
  check = function(self)
    check_name(self)
    self.query = base.sql_text(self.query, "create_view: query")
    local existing = self.options.existing
    if existing then self.options.existing = base.sql_text(existing, "create_view: existing") end
    if self.options.materialized and self.options.replace then
      errors.raise("ArgumentError", "create_view: a materialized view cannot be replaced: drop it first")
    end
  end,
  statements = function(self)
    return { ("CREATE %s%sVIEW %s AS\n%s"):format(self.options.replace and "OR REPLACE " or "",
      self.options.materialized and "MATERIALIZED " or "", qualified_name(self, self.name), self.query) }
  end,
  reverse = function(self)
    local options = self.options
    if options.existing then
      return objects.create_view(self.name, options.existing,
        { replace = true, existing = self.query, schema = options.schema })
    elseif options.replace then
      return nil
    end
    return objects.drop_view(self.name,
      { materialized = options.materialized, query = self.query, schema = options.schema })
  end,
})

--- `op.drop_view(name, { materialized=, if_exists=, cascade=, query=, schema= })`; `query`: what it was, to be
-- able to reverse.
objects.drop_view = base.define("drop_view", {
  arguments = { "name" },
  options = { "materialized", "if_exists", "cascade", "query", "schema" },
  check = function(self)
    check_name(self)
    if self.options.query then self.options.query = base.sql_text(self.options.query, "drop_view: query") end
  end,
  statements = function(self)
    return { drop(self.options.materialized and "MATERIALIZED VIEW" or "VIEW", qualified_name(self, self.name),
      self.options) }
  end,
  reverse = function(self)
    if not self.options.query then return nil end
    return objects.create_view(self.name, self.options.query,
      { materialized = self.options.materialized, schema = self.options.schema })
  end,
})

return objects
