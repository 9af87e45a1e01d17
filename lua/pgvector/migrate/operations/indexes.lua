--- Operations on indexes, those of pgvector included.
-- @module pgvector.migrate.operations.indexes

local base = require "pgvector.migrate.operations.base"
local class = require "pgvector.class"
local compat = require "pgvector.compat"
local core = require "pgvector.core"
local ddl = require "pgvector.sql.ddl"
local errors = require "pgvector.errors"
local index = require "pgvector.sql.index"
local index_methods = require "pgvector.sql.index_methods"
local literal = require "pgvector.types.literal"
local sql_base = require "pgvector.sql.base"
local stub = require "pgvector.migrate.operations.stub"
local types = require "pgvector.types"

local quote, qualified_name, concurrently = base.quote, base.qualified_name, base.concurrently

local indexes = {}

---- creating ---------------------------------------------------------------------

-- Collects the columns of an operation's elements, each once.
local function column_set()
  local set = { list = {}, by_name = {} }
  function set.get(name, type_)
    local found = set.by_name[name]
    if not found then
      found = stub.column(name, type_)
      set.by_name[name] = found
      set.list[#set.list + 1] = found
    end
    return found
  end
  return set
end

-- An element over the columns of the set: a name or a column, perhaps with an
-- order; other expressions stay what they are.
local function localized(element, set)
  if type(element) == "string" then return set.get(element) end
  if type(element) ~= "table" then return element end
  if element.__visit_name == "column" then return set.get(element.name, element.type) end
  if element.__visit_name == "ordering" or element.__visit_name == "label" then
    return sql_base.with(element, { element = localized(element.element, set) })
  end
  return element
end

-- Makes the index in a table of its own.
local function build(self, elements, options)
  local set = column_set()
  local arguments = { self.name }
  for i, element in ipairs(elements) do arguments[i + 1] = localized(element, set) end
  for _, name in ipairs(options.include or {}) do set.get(name) end
  arguments[#arguments + 1] = options
  local items = set.list
  local made = index.exports.Index(compat.unpack(arguments, 1, #elements + 2))
  items[#items + 1] = made
  stub.table(self.table_name, items, { schema = self.options.schema or false })
  return made
end

local function check_names(self)
  self.name = base.name(self.name, self.kind .. ": index name")
  self.table_name = base.name(self.table_name, self.kind .. ": table name")
end

local function create_statements(self, how)
  local made = self.index
  local sql = { (ddl.create_index(made, {
    concurrently = self.options.concurrently == true and how.concurrently ~= false,
    if_not_exists = self.options.if_not_exists,
  }):compile()) }
  if made.comment then sql[2] = (ddl.comment_on(made):compile()) end
  return sql
end

local function reverse_create(self)
  return indexes.drop_index(self.name, self.table_name, {
    schema = self.options.schema, concurrently = self.options.concurrently,
  })
end

-- Session parameters for the time of one build.
local build_settings = { "maintenance_work_mem", "parallel_workers" }

local function check_build_settings(self)
  local memory, workers = self.options.maintenance_work_mem, self.options.parallel_workers
  if memory ~= nil and (type(memory) ~= "string" or not memory:find("^%d+ *%a*$")) then
    errors.raise("ArgumentError", "%s: maintenance_work_mem: expected a size such as \"2GB\", got %s", self.kind,
      tostring(memory))
  end
  if workers ~= nil and not (compat.is_integral(workers) and workers >= 0) then
    errors.raise("ArgumentError", "%s: parallel_workers: expected a whole number, got %s", self.kind,
      tostring(workers))
  end
  self.settings = {}
  if memory then self.settings[1] = { "maintenance_work_mem", memory } end
  if workers then
    self.settings[#self.settings + 1] = { "max_parallel_maintenance_workers", ("%d"):format(workers) }
  end
end

local index_options = {
  "unique", "using", "metric", "ops", "with", "include", "where", "nulls_not_distinct", "tablespace", "comment",
}

--- `op.create_index(name, table, { element, … }, { unique=, using=, with=, ops=, where=, include=, concurrently=,
-- if_not_exists=, schema=, … })`; an element is a column's name, `pg.column(name, type)` or an expression.
indexes.create_index = base.define("create_index", {
  arguments = { "name", "table_name", "elements" },
  options = {
    "unique", "using", "metric", "ops", "with", "include", "where", "nulls_not_distinct", "tablespace", "comment",
    "concurrently", "if_not_exists", "maintenance_work_mem", "parallel_workers", "schema",
  },
  check = function(self)
    check_names(self)
    check_build_settings(self)
    if type(self.elements) == "string" or class.describe(self.elements) ~= "table" then
      self.elements = { self.elements }
    end
    if #self.elements == 0 then errors.raise("ArgumentError", "create_index: expected a sequence of elements") end
    local options = {}
    for _, name in ipairs(index_options) do options[name] = self.options[name] end
    self.index = build(self, self.elements, options)
  end,
  statements = create_statements,
  reverse = reverse_create,
  needs_autocommit = base.when_concurrently,
})

-- The type to assume for a column that is named alone: the metric tells.
local function assumed_type(metric)
  return (metric == "hamming" or metric == "jaccard") and types.BIT or types.VECTOR
end

-- A vector index on one element. A column of which only the name is given is
-- taken to be a vector; its dimensions are then the server's to check.
local function vector_index(kind, method)
  local options = { "metric" }
  local function add(...) for _, name in ipairs{ ... } do options[#options + 1] = name end end
  add(compat.unpack(index_methods.option_names(method)))
  add("ops", "where", "tablespace", "comment", "concurrently", "if_not_exists", compat.unpack(build_settings))
  add("schema")
  indexes[kind] = base.define(kind, {
    arguments = { "name", "table_name", "element" },
    options = options,
    check = function(self)
      check_names(self)
      check_build_settings(self)
      local given = { using = method, with = {} }
      for _, name in ipairs{ "metric", "ops", "where", "tablespace", "comment" } do given[name] = self.options[name] end
      for _, name in ipairs(index_methods.option_names(method)) do given.with[name] = self.options[name] end
      local element = self.element
      if type(element) == "table" and getmetatable(element) == nil and #element == 1 then element = element[1] end
      if element == nil or type(element) == "table" and getmetatable(element) == nil then
        errors.raise("ArgumentError", "%s: expected a column or an expression as third argument, got %s", kind,
          class.describe(element))
      end
      self.element = element
      local ops = given.ops
      if type(ops) == "string" then
        -- an operator class for the one element there is
        if type(element) ~= "string" then element = element:label("element") end
        given.ops = { [type(element) == "string" and element or "element"] = ops }
      end
      if not given.metric and not given.ops then
        errors.raise("ArgumentError", "%s: a metric is missing: %s", kind,
          "\"l2\", \"ip\", \"cosine\", \"l1\", and for bits \"hamming\", \"jaccard\"")
      end
      if type(element) == "string" and not given.ops then
        given.ops = { [element] = index_methods.operator_class(method, assumed_type(given.metric), given.metric, kind) }
      end
      self.index = build(self, { element }, given)
    end,
    statements = create_statements,
    reverse = reverse_create,
    needs_autocommit = base.when_concurrently,
  })
end

-- `op.create_hnsw_index(name, table, element, { metric=, m=, ef_construction=, where=, concurrently=,
-- maintenance_work_mem=, parallel_workers=, … })`
vector_index("create_hnsw_index", "hnsw")

-- `op.create_ivfflat_index(name, table, element, { metric=, lists=, … })`
vector_index("create_ivfflat_index", "ivfflat")

---- dropping, changing -----------------------------------------------------------

--- `op.drop_index(name, [table,] { concurrently=, if_exists=, cascade=, schema= })`; the table is for the reader.
indexes.drop_index = base.define("drop_index", {
  arguments = { "name", "table_name" },
  options = { "concurrently", "if_exists", "cascade", "schema" },
  positional = function(name, second, ...)
    if type(second) == "table" and getmetatable(second) == nil and select("#", ...) == 0 then
      return name, nil, second
    end
    return name, second, ...
  end,
  check = function(self) self.name = base.name(self.name, "drop_index: index name") end,
  statements = function(self, how)
    return { ("DROP INDEX %s%s%s%s"):format(concurrently(self, how), self.options.if_exists and "IF EXISTS " or "",
      qualified_name(self, self.name), self.options.cascade and " CASCADE" or "") }
  end,
  needs_autocommit = base.when_concurrently,
})

--- `op.rename_index(old, new, { schema= })`
indexes.rename_index = base.define("rename_index", {
  arguments = { "name", "new_name" },
  options = { "schema" },
  check = function(self)
    self.name = base.name(self.name, "rename_index: index name")
    self.new_name = base.name(self.new_name, "rename_index: new name")
  end,
  statements = function(self)
    return { ("ALTER INDEX %s RENAME TO %s"):format(qualified_name(self, self.name), quote(self.new_name)) }
  end,
  reverse = function(self) return indexes.rename_index(self.new_name, self.name, { schema = self.options.schema }) end,
})

--- `op.reindex(name, { concurrently=, schema=, … })`
indexes.reindex = base.define("reindex", {
  arguments = { "name" },
  options = { "concurrently", "maintenance_work_mem", "parallel_workers", "schema" },
  check = function(self)
    self.name = base.name(self.name, "reindex: index name")
    check_build_settings(self)
  end,
  statements = function(self, how)
    return { ("REINDEX INDEX %s%s"):format(concurrently(self, how), qualified_name(self, self.name)) }
  end,
  -- after set_index_options was undone the index must be built anew, too
  reverse = function(self) return indexes.reindex(self.name, self.options) end,
  needs_autocommit = base.when_concurrently,
})

local function storage(options)
  local names, parts = {}, {}
  for name in pairs(options) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do
    local value = options[name]
    if type(value) == "number" then
      value = literal.digits(value)
    elseif type(value) == "string" then
      value = literal.string(value)
    end
    parts[i] = quote(name) .. " = " .. tostring(value)
  end
  return table.concat(parts, ", ")
end

--- `op.set_index_options(name, { ef_construction = 128 }, { existing = {…}, schema= })`; they hold
-- for what is built later: `op.reindex` follows. `pg.null` for one resets it.
indexes.set_index_options = base.define("set_index_options", {
  arguments = { "name", "with" },
  options = { "existing", "schema" },
  check = function(self)
    self.name = base.name(self.name, "set_index_options: index name")
    if type(self.with) ~= "table" or next(self.with) == nil then
      errors.raise("ArgumentError", "set_index_options: expected a table of options such as { m = 32 }")
    end
    for name in pairs(self.with) do
      if type(name) ~= "string" or not name:find("^[%a_][%w_]*$") then
        errors.raise("ArgumentError", "set_index_options: %s is not the name of an option", tostring(name))
      end
    end
  end,
  statements = function(self)
    local set, reset = {}, {}
    for name, value in pairs(self.with) do
      if value == core.null then reset[#reset + 1] = quote(name) else set[name] = value end
    end
    table.sort(reset)
    local sql, alter = {}, "ALTER INDEX " .. qualified_name(self, self.name)
    if next(set) ~= nil then sql[1] = ("%s SET (%s)"):format(alter, storage(set)) end
    if #reset > 0 then sql[#sql + 1] = ("%s RESET (%s)"):format(alter, table.concat(reset, ", ")) end
    return sql
  end,
  reverse = function(self)
    local existing = self.options.existing
    if not existing then return nil end
    local before = {}
    for name in pairs(self.with) do
      before[name] = existing[name]
      if before[name] == nil then before[name] = core.null end
    end
    return indexes.set_index_options(self.name, before, { existing = self.with, schema = self.options.schema })
  end,
})

---- vector columns ---------------------------------------------------------------

local conversions = { vector = true, halfvec = true, sparsevec = true }
local strategies = { cast = true, truncate = true, clear = true }

-- What the old values become, by strategy.
local function conversion(self)
  local strategy, new, old = self.options.strategy, self.type_, self.options.existing_type
  local name = quote(self.column_name)
  if self.options.using then return base.sql_text(self.options.using, "alter_vector: using") end
  if strategy == "clear" then return "NULL::" .. tostring(new) end
  if strategy == "truncate" then return ("subvector(%s, 1, %d)::%s"):format(name, new.dim, tostring(new)) end
  if old and old.dim and new.dim and old.dim ~= new.dim then
    errors.raise("ArgumentError", "alter_vector: %s to %s: %s", tostring(old), tostring(new),
      "values of one length do not become values of another; strategy = \"truncate\" keeps the first elements "
        .. "(embeddings made for that), \"clear\" sets NULL, using = … says it in SQL; or add a column, fill it, "
        .. "index it, and rename")
  end
  return name .. "::" .. tostring(new)
end

local function check_alter_vector(self)
  self.table_name = base.name(self.table_name, "alter_vector: table name")
  self.column_name = base.name(self.column_name, "alter_vector: column name")
  types.expect(self.type_, "alter_vector: type")
  if not conversions[self.type_.kind] then
    errors.raise("ArgumentError", "alter_vector: expected a vector type, got %s", tostring(self.type_))
  end
  local old = self.options.existing_type
  if old ~= nil then types.expect(old, "alter_vector: existing_type") end
  local strategy = self.options.strategy
  if strategy ~= nil and not strategies[strategy] then
    errors.raise("ArgumentError", "alter_vector: unknown strategy '%s'%s; it is one of cast, truncate, clear",
      tostring(strategy), errors.did_you_mean(strategy, strategies))
  elseif strategy == "truncate" and not (self.type_.dim and self.type_.kind ~= "sparsevec"
      and not (old and old.dim and old.dim < self.type_.dim)) then
    errors.raise("ArgumentError", "alter_vector: truncate needs a dense type with fewer dimensions than before")
  end
  for i, each in ipairs(self.options.indexes or {}) do
    if not (class.is(each, index.Index) and each._explicit_name) then
      errors.raise("ArgumentError", "alter_vector: indexes: element %d: expected a pg.HNSW or pg.IVFFlat with a name, "
        .. "from which it is built anew, got %s", i, class.describe(each))
    end
  end
  conversion(self)
end

-- The indexes over the column in a table in which it has the type, whatever type
-- they give it.
local function indexes_over(self, type_)
  local made = {}
  for i, each in ipairs(self.options.indexes or {}) do
    made[i] = each:_copy()
    local element = each._arguments[1]
    if type(element) == "table" and element.__visit_name == "column" and element.name == self.column_name then
      made[i]._arguments = { self.column_name }
    end
  end
  local items = { stub.column(self.column_name, type_) }
  for _, each in ipairs(made) do items[#items + 1] = each end
  stub.table(self.table_name, items, { schema = self.options.schema or false })
  return made
end

--- `op.alter_vector(table, column, type, { existing_type=, strategy=, using=, indexes=, schema= })`: changes a
-- vector column's type. `indexes` are those over it that must be built anew because their
-- operator class belongs to the old type. `strategy`: "cast" (the default), "truncate", "clear".
indexes.alter_vector = base.define("alter_vector", {
  arguments = { "table_name", "column_name", "type_" },
  options = { "existing_type", "strategy", "using", "indexes", "schema" },
  check = check_alter_vector,
  statements = function(self)
    local sql, after = {}, {}
    for _, each in ipairs(indexes_over(self, self.type_)) do
      sql[#sql + 1] = (ddl.drop_index(each, { if_exists = true, concurrently = false }):compile())
      after[#after + 1] = (ddl.create_index(each, { concurrently = false }):compile())
    end
    sql[#sql + 1] = ("ALTER TABLE %s ALTER COLUMN %s TYPE %s USING %s"):format(qualified_name(self, self.table_name),
      quote(self.column_name), tostring(self.type_), conversion(self))
    for _, each in ipairs(after) do sql[#sql + 1] = each end
    return sql
  end,
  reverse = function(self)
    local old, new = self.options.existing_type, self.type_
    if not old or self.options.using then return nil end
    local same_length = not (old.dim and new.dim) or old.dim == new.dim
    return indexes.alter_vector(self.table_name, self.column_name, old, {
      existing_type = new, strategy = not same_length and "clear" or nil, indexes = self.options.indexes,
      schema = self.options.schema,
    })
  end,
})

return indexes
