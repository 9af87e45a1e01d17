--- Indexes, and the two of pgvector, HNSW and IVFFlat.
-- @module pgvector.sql.index

local class = require "pgvector.class"
local constraints = require "pgvector.sql.constraints"
local create = require "pgvector.sql.create"
local element = require "pgvector.sql.element"
local errors = require "pgvector.errors"
local methods = require "pgvector.sql.index_methods"
local naming = require "pgvector.sql.naming"

--- After it belongs to a table, an index has
--
-- * `elements`: sequence of columns and expressions,
-- * `opclasses`: their operator classes by position, where one was chosen,
-- * `method` ("btree" if none was given), `with`, `where`, `include`, `unique`,
-- * `metric` of a vector index.
local Index = class("Index")
Index.__visit_name = "index"
Index._prefix = "ix"

local index_options = {
  unique = true, using = true, with = true, ops = true, where = true, include = true, concurrently = true,
  nulls_not_distinct = true, tablespace = true, metric = true, comment = true, info = true,
}

-- SQLAlchemy's spellings; PostgreSQL is the only dialect here.
local function without_prefix(options)
  local plain = {}
  for key, value in pairs(options or {}) do
    local name = type(key) == "string" and key:match("^postgresql_(.+)$")
    if name and index_options[name] then
      if options[name] ~= nil then
        errors.raise("ArgumentError", "Index: both '%s' and '%s' are given", name, key)
      end
      key = name
    end
    plain[key] = value
  end
  return plain
end

local function check_identifier(value, where)
  if type(value) ~= "string" or not value:find("^[%a_][%w_]*$") then
    errors.raise("ArgumentError", "%s: expected a name, got %s", where,
      type(value) == "string" and ("'%s'"):format(value) or class.describe(value))
  end
  return value:lower()
end

local function check_element(value, position, where)
  local usable = type(value) == "string" or (type(value) == "table" and getmetatable(value) ~= nil)
  if not usable then
    errors.raise("ArgumentError", "%s: element %d: expected a column, its name or an expression, got %s", where,
      position, class.describe(value))
  end
end

local function init(name, elements, options, where)
  if name ~= nil then naming.check_explicit(name, where .. " name") end
  if #elements == 0 then errors.raise("ArgumentError", "%s needs at least one element", where) end
  for i, value in ipairs(elements) do check_element(value, i, where) end
  local self = setmetatable({ _explicit_name = name, _arguments = elements }, Index)
  for option in pairs(index_options) do self[option] = options[option] end
  self.method = self.using and check_identifier(self.using, where .. " using") or "btree"
  self.ops, self.with = self.ops or {}, self.with or {}
  for _, opclass in pairs(self.ops) do
    if type(opclass) ~= "string" or not opclass:find("^[%a_][%w_]*%.?[%w_]*$") then
      errors.raise("ArgumentError", "%s ops: '%s' is not an operator class", where, tostring(opclass))
    end
  end
  for option in pairs(self.with) do check_identifier(option, where .. " with") end
  self._where = where
  if methods.is_vector_method(self.method) then self:_check_vector_options() end
  local table = self:_find_table()
  if table then self:_attach(table) end
  return self
end

--- Makes an index: `Index("ix_items_title", "title", { unique=, using=, with=, ops=, where=, … })`.
-- The name may be nil. An index over columns of a table belongs to it at once.
function Index._new(name, ...)
  if name ~= nil and type(name) ~= "string" and class.describe(name) ~= "FinalName" then
    errors.raise("ArgumentError", "Index: the name goes first (nil leaves it to the naming convention), got %s",
      class.describe(name))
  end
  local elements, options = constraints.split_arguments("Index", ...)
  options = without_prefix(options)
  errors.check_options(options, index_options, "Index")
  return init(name, elements, options, "Index")
end

-- HNSW and IVFFlat: one element, its storage options beside the others.
local function vector_index(where, method, known)
  for _, option in ipairs(methods.option_names(method)) do known[option] = true end
  return function(column, options, ...)
    if select("#", ...) > 0 or class.describe(options) ~= "table" and options ~= nil then
      errors.raise("ArgumentError", "%s indexes one element; its options are a table", where)
    end
    options = errors.check_options(options, known, where)
    local with = {}
    for _, option in ipairs(methods.option_names(method)) do with[option] = options[option] end
    local index_of = { using = method, with = with }
    for option in pairs(index_options) do
      if options[option] ~= nil then index_of[option] = options[option] end
    end
    return init(options.name, { column }, index_of, where)
  end
end

local vector_options = {
  "metric", "ops", "name", "where", "concurrently", "tablespace", "comment", "info",
}
local function vector_known()
  local known = {}
  for _, name in ipairs(vector_options) do known[name] = true end
  return known
end

--- `HNSW(element, { metric=, m=, ef_construction=, name=, where=, concurrently= })`.
local HNSW = vector_index("HNSW", "hnsw", vector_known())

--- `IVFFlat(element, { metric=, lists=, name=, where=, concurrently= })`.
local IVFFlat = vector_index("IVFFlat", "ivfflat", vector_known())

-- What the access methods of pgvector refuse, whatever the column is.
function Index:_check_vector_options()
  local where = self._where
  if #self._arguments > 1 then
    errors.raise("ArgumentError", "access method \"%s\" does not support multicolumn indexes", self.method)
  elseif self.unique then
    errors.raise("ArgumentError", "access method \"%s\" does not support unique indexes", self.method)
  elseif self.include then
    errors.raise("ArgumentError", "access method \"%s\" does not support included columns", self.method)
  end
  methods.check_storage(self.method, self.with, where)
end
