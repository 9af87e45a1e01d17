--- What is compared: the tables of the models, and those of the database that
-- they could own. What belongs to others is left alone: members of extensions,
-- partitions, temporary and foreign tables, the version table, the tables of
-- pgai, and whatever the hooks keep out.
-- @module pgvector.migrate.compare.scope

local catalog = require "pgvector.reflect.catalog"
local create = require "pgvector.sql.create"
local errors = require "pgvector.errors"

local Scope = {}
Scope.__index = Scope

local function key(schema, name) return schema .. "." .. name end

-- Tables that pgai made for its vectorizers: the stores and the queues.
local vectorizer_query = [[
SELECT j ->> 'queue_schema' AS queue_schema, j ->> 'queue_table' AS queue_table,
  COALESCE(j ->> 'target_schema', j #>> '{config,destination,target_schema}') AS target_schema,
  COALESCE(j ->> 'target_table', j #>> '{config,destination,target_table}') AS target_table
FROM (SELECT pg_catalog.to_jsonb(v) FROM ai.vectorizer AS v) AS x (j)]]

local function read_pgai(run)
  local is_there = run("SELECT pg_catalog.to_regclass('ai.vectorizer') IS NOT NULL", { n = 0 })[1][1]
  if not is_there then return nil end
  local tables = {}
  for _, row in ipairs(run(vectorizer_query, { n = 0 })) do
    if row.queue_table then tables[key(row.queue_schema, row.queue_table)] = true end
    if row.target_table then tables[key(row.target_schema, row.target_table)] = true end
  end
  return tables
end

---- schemas ----------------------------------------------------------------------

-- An ordered set of names.
local function name_set()
  local set = { list = {}, has = {} }
  function set.add(name)
    if name and not set.has[name] then
      set.has[name] = true
      set.list[#set.list + 1] = name
    end
  end
  return set
end

-- The schemas in which tables of the database may be dropped, besides the default one.
local function included_schemas(run, include)
  local names = name_set()
  for _, name in ipairs(type(include) == "table" and include or include and catalog.schemas(run) or {}) do
    local chosen = type(include) ~= "function" or include(name)
    if chosen and name ~= "information_schema" then names.add(name) end
  end
  return names
end

-- What the models name besides the default schema: the schemas of tables (with
-- those that are included anyway), of enums and of sequences; and whether they
-- have enums and sequences at all.
local function named_schemas(metadatas, included)
  local named = { tables = name_set(), enums = name_set(), sequences = name_set() }
  for _, name in ipairs(included.list) do named.tables.add(name) end
  for _, metadata in ipairs(metadatas) do
    for _, tbl in ipairs(metadata:_tables()) do
      named.tables.add(tbl.schema)
      for _, col in ipairs(tbl:_columns()) do
        local type = create.base_type(col.type)
        if type.family == "enum" then
          named.has_enums = true
          named.enums.add(type.schema)
        end
        if col.sequence then
          named.has_sequences = true
          named.sequences.add(col.sequence.schema)
        end
      end
    end
  end
  return named
end

-- Reads the tables of the schemas: what the search_path shows without a schema
-- of their own, as models name them.
local function read_tables(self, run, schemas)
  local all = {}
  local function add(facts, qualified)
    for _, fact in ipairs(facts) do
      local of = key(fact.schema, fact.name)
      fact.qualified = qualified
      if not self.database[of] and not fact.temporary then
        self.database[of] = fact
        all[#all + 1] = fact
      end
    end
  end
  add(catalog.tables(run), false)
  for _, name in ipairs(schemas) do add(catalog.tables(run, name), true) end
  return all
end

---- whose is it ------------------------------------------------------------------

local comparable = { table = true, ["partitioned table"] = true }

-- May the migrations drop or change this table of the database?
local function is_ours(self, fact)
  if not comparable[fact.kind] or fact.extension or fact.is_partition then return false end
  if fact.name == self.settings.version_table
    and (self.settings.version_table_schema or self.default_schema) == fact.schema then
    return false
  end
  if self.pgai and (fact.schema == "ai" or self.pgai[key(fact.schema, fact.name)]) then return false end
  return self:includes_name(fact.name, "table", fact.qualified and fact.schema or nil)
end

--- Does the hook `include_name` let a name of the database pass?
-- @tparam string name
-- @tparam string kind "table", "column", "index", …
-- @tparam ?string schema
-- @tparam ?string table_name
function Scope:includes_name(name, kind, schema, table_name)
  local hook = self.settings.include_name
  if not hook then return true end
  return hook(name, kind, {
    schema_name = schema, table_name = table_name,
    schema_qualified_table_name = table_name and (schema and schema .. "." or "") .. table_name,
  }) and true or false
end

--- Does the hook `include_object` let an object pass?
-- @param object of the model, or the reflected one
-- @tparam ?string name
-- @tparam string kind
-- @tparam boolean reflected
-- @param compare_to its counterpart on the other side, or nil
function Scope:includes(object, name, kind, reflected, compare_to)
  local hook = self.settings.include_object
  return not hook or hook(object, name, kind, reflected, compare_to) and true or false
end

--- The key of a model's table in the database: "schema.name".
function Scope:key_of(tbl)
  if tbl.schema then return key(tbl.schema, tbl.name) end
  local visible = self.visible[tbl.name]
  return key(visible and visible.schema or self.default_schema, tbl.name)
end

local function read_models(self, metadatas)
  local seen = {}
  for _, metadata in ipairs(metadatas) do
    for _, tbl in ipairs(metadata:sorted_tables()) do
      local of = self:key_of(tbl)
      if seen[of] then
        errors.raise("InvalidRequestError", "table '%s' is in two of the MetaData that are compared", tbl.key)
      end
      seen[of] = true
      if not tbl.managed or tbl.info.pgai_managed then
        self.foreign[of] = true
      elseif not self.pgai or not self.pgai[of] then
        self.models[#self.models + 1] = tbl
      end
    end
  end
end

-- Sorts the tables of the database into those that are the models' affair.
local function find_owned(self, included)
  local modelled = {}
  for _, tbl in ipairs(self.models) do modelled[self:key_of(tbl)] = true end
  for _, fact in ipairs(self.facts) do
    local of = key(fact.schema, fact.name)
    local candidate = modelled[of] or included.has[fact.schema] and not self.foreign[of]
    if candidate and is_ours(self, fact) then self.owned[#self.owned + 1] = fact end
  end
end

-- Calls fn for what `read` finds in the search_path and in each of the schemas.
local function each_of(run, read, schemas, fn)
  for _, object in ipairs(read(run)) do fn(object) end
  for _, name in ipairs(schemas.list) do
    for _, object in ipairs(read(run, name)) do fn(object) end
  end
end

local function read_types(self, run, named)
  for _, extension in ipairs(catalog.extensions(run)) do self.extensions[extension.name] = extension end
  for _, name in ipairs(catalog.schemas(run)) do self.schemas[name] = true end
  if named.has_enums then
    each_of(run, catalog.enums, named.enums, function(enum) self.enums[#self.enums + 1] = enum end)
  end
  if named.has_sequences then
    each_of(run, catalog.sequences, named.sequences, function(sequence)
      self.sequences[key(sequence.schema, sequence.name)] = sequence
    end)
  end
end

--- Reads what the database has, and which of it the models could own.
-- @tparam function run
-- @tparam table metadatas sequence of MetaData
-- @tparam table settings of the project
-- @treturn Scope `models` (sequence of tables), `facts` (sequence: all tables
--   read), `owned` (sequence of facts), `database` (facts by key), `default_schema`,
--   `enums` (sequence), `sequences` (by key), `extensions`, `schemas` (by name)
function Scope.read(run, metadatas, settings)
  local self = setmetatable({
    settings = settings, database = {}, visible = {}, models = {}, owned = {}, foreign = {},
    default_schema = run("SELECT pg_catalog.current_schema() AS name", { n = 0 })[1].name,
    pgai = read_pgai(run), extensions = {}, schemas = {}, enums = {}, sequences = {},
  }, Scope)
  if not self.default_schema then
    errors.raise("InvalidRequestError", "the search_path names no schema that exists")
  end
  local included = included_schemas(run, settings.include_schemas)
  local named = named_schemas(metadatas, included)
  self.facts = read_tables(self, run, named.tables.list)
  for _, fact in ipairs(self.facts) do
    if not fact.qualified then self.visible[fact.name] = fact end
  end
  read_models(self, metadatas)
  included.add(self.default_schema)
  find_owned(self, included)
  read_types(self, run, named)
  return self
end

return Scope
