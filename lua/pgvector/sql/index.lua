--- Indexes, and the two of pgvector, HNSW and IVFFlat.
-- @module pgvector.sql.index

local class = require "pgvector.class"
local constraints = require "pgvector.sql.constraints"
local create = require "pgvector.sql.create"
local errors = require "pgvector.errors"
local identifiers = require "pgvector.sql.compiler.identifiers"
local methods = require "pgvector.sql.index_methods"
local naming = require "pgvector.sql.naming"
local traverse = require "pgvector.sql.traverse"
local types = require "pgvector.types"

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
    errors.raise("ArgumentError", "%s: element %d: expected a column, its name or an expression, got %s",
      where, position, class.describe(value))
  end
end

local function init(name, elements, options, where, needs_metric)
  if name ~= nil then naming.check_explicit(name, where .. " name") end
  if #elements == 0 then errors.raise("ArgumentError", "%s needs at least one element", where) end
  for i, value in ipairs(elements) do check_element(value, i, where) end
  local self = setmetatable({ _explicit_name = name, _arguments = elements }, Index)
  for option in pairs(index_options) do self[option] = options[option] end
  self.method = self.using and check_identifier(self.using, where .. " using") or "btree"
  self.ops, self.with = self.ops or {}, self.with or {}
  for _, opclass in pairs(self.ops) do identifiers.check_plain(opclass, where .. " ops", "an operator class") end
  for option in pairs(self.with) do check_identifier(option, where .. " with") end
  self._where, self._needs_metric = where, needs_metric
  if methods.is_vector_method(self.method) then self:_check_vector_options() end
  local table = self:_find_table()
  if table then self:_attach(table) end
  return self
end

--- Makes an index: `Index("ix_items_title", "title", { unique=, using=, with=, ops=, where=, … })`.
-- The name may be nil. An index over columns of a table belongs to it at once.
function Index._new(name, ...)
  if name ~= nil and type(name) ~= "string" and not naming.is_final(name) then
    errors.raise("ArgumentError",
      "Index: the name goes first (nil leaves it to the naming convention), got %s", class.describe(name))
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
    return init(options.name, { column }, index_of, where, true)
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

-- The schema columns in an element, in the order of their table; what a
-- subquery contains is its own affair.
local function columns_in(element)
  local found, seen = {}, {}
  if type(element) ~= "table" then return found end
  traverse.walk(element, function(node)
    if constraints.is_column(node) and not seen[node] then
      seen[node] = true
      found[#found + 1] = node
    end
  end)
  table.sort(found, function(a, b) return a._ticket < b._ticket end)
  return found
end

-- The table that the elements' columns belong to, if they tell.
function Index:_find_table()
  for _, argument in ipairs(self._arguments) do
    for _, column in ipairs(columns_in(argument)) do
      if column.table then return column.table end
    end
  end
end

-- What an element of `ops` may be called: its position, its label or its column's names.
local function names_of(element, position)
  local names = {}
  if element.__visit_name == "label" then names[1] = element.name end
  for _, column in ipairs(columns_in(element)) do
    names[#names + 1] = column.key
    names[#names + 1] = column.name
  end
  names[#names + 1] = position
  return names
end

-- The operator class that an element brings along, `column:ops("…"):desc()`.
local function own_opclass(element)
  local wrapped = { ordering = true, label = true }
  while wrapped[element.__visit_name] do element = element.element end
  return element.__visit_name == "opclass" and element.opclass or nil
end

local function choose_opclasses(self)
  local chosen, used = {}, {}
  for i, element in ipairs(self.elements) do
    chosen[i] = own_opclass(element)
    for _, name in ipairs(names_of(element, i)) do
      if self.ops[name] then chosen[i], used[name] = chosen[i] or self.ops[name], true end
    end
  end
  for name in pairs(self.ops) do
    if not used[name] then
      local known = {}
      for _, element in ipairs(self.elements) do
        for _, candidate in ipairs(names_of(element)) do known[#known + 1] = candidate end
      end
      errors.raise("ArgumentError", "%s ops: the index has no element '%s'%s", self._where, tostring(name),
        errors.did_you_mean(name, known))
    end
  end
  return chosen
end

local is_text = { text = true, literal_column = true }

-- The type of what is indexed. SQL text tells it by a cast at its end.
local function element_type(element)
  if not is_text[element.__visit_name] then return element.type end
  local sql = tostring(element):lower()
  local name, dim = sql:match("::%s*([%a_]+)%s*%((%d+)%)[%s)]*$")
  if not name then name, dim = sql:match("^[%s(]*cast%(.* as ([%a_]+)%s*%((%d+)%)%)[%s)]*$") end
  local indexable = { vector = types.VECTOR, halfvec = types.HALFVEC, sparsevec = types.SPARSEVEC,
    bit = types.BIT }
  return indexable[name] and indexable[name](tonumber(dim)) or types.NULLTYPE
end

-- Chooses and checks the operator class of a vector index.
local function settle_vector(self)
  local type = element_type(self.elements[1])
  local given = self.opclasses[1]
  if given and self.metric and methods.metric_of(given) ~= self.metric then
    errors.raise("ArgumentError", "%s: operator class %s does not measure '%s'", self._where, given,
      self.metric)
  end
  if type.family == "unknown" then
    if not given then
      errors.raise("ArgumentError",
        "%s: the type of the element is not known: cast it, or give its operator class as ops", self._where)
    end
  else
    if given then
      methods.check_operator_class(given, type)
    elseif self._needs_metric or self.metric or self.method ~= "ivfflat" or type.kind ~= "vector" then
      self.opclasses[1] = methods.operator_class(self.method, type, self.metric, self._where)
    else
      self.metric = "l2" -- the server's default operator class
    end
    methods.check_dimensions(self.method, type)
  end
  self.metric = self.metric or methods.metric_of(given)
end

-- Resolves the elements in a table and joins it.
function Index:_attach(tbl)
  if self.table == tbl then return end
  if self.table then
    errors.raise("ArgumentError", "index '%s' already belongs to table '%s'", tostring(self.name),
      self.table.name)
  end
  self.elements, self._columns_named = {}, {}
  for i, argument in ipairs(self._arguments) do
    local element = argument
    if type(argument) == "string" or constraints.is_column(argument) then
      element = tbl:_resolve(argument, self._where)
    end
    self.elements[i] = element
    for _, column in ipairs(columns_in(element)) do
      self._columns_named[#self._columns_named + 1] = tbl:_resolve(column, self._where)
    end
  end
  self.opclasses = choose_opclasses(self)
  if methods.is_vector_method(self.method) then
    settle_vector(self)
  elseif self.metric then
    errors.raise("ArgumentError", "%s: a metric is for hnsw and ivfflat, not for %s", self._where,
      self.method)
  end
  self.included = {}
  for i, column in ipairs(self.include or {}) do
    self.included[i] = tbl:_resolve(column, self._where .. " include")
  end
  self.table = tbl
  if self._explicit_name == nil and #self._columns_named == 0 then
    errors.raise("ArgumentError", "%s: an index over SQL text needs a name", self._where)
  end
  self.name = naming.name_of(self, tbl.metadata._convention)
  tbl:_add_index(self)
end

function Index:_named_columns() return self._columns_named end
function Index:_referred_name() return "" end
function Index:_referred_column_names() return {} end

-- Copies the index for another table.
function Index:_copy()
  local copy = {}
  for key, value in pairs(self) do copy[key] = value end
  copy.table, copy.elements, copy.opclasses, copy.name = nil, nil, nil, nil
  return setmetatable(copy, Index)
end

local function require_table(self, what)
  if not self.table then
    errors.raise("InvalidRequestError", "%s: the index belongs to no table", what)
  end
end

--- Creates the index. One that says `concurrently` needs a connection in
-- autocommit.
-- @tparam Engine|Connection bind
-- @tparam[opt] table options `checkfirst = true`: do nothing if it exists
function Index:create(bind, options)
  options = errors.check_options(options, { checkfirst = true }, "Index:create")
  require_table(self, "Index:create")
  create.create_index(self, bind, options.checkfirst)
end

--- Drops the index.
-- @tparam Engine|Connection bind
-- @tparam[opt] table options `checkfirst = true`: do nothing if it does not exist
function Index:drop(bind, options)
  options = errors.check_options(options, { checkfirst = true }, "Index:drop")
  require_table(self, "Index:drop")
  create.drop_index(self, bind, options.checkfirst)
end
class.seal(Index)

function Index:__tostring() return ("Index(%s)"):format(tostring(self.name)) end

return {
  Index = Index,
  --- What `pg.*` gets.
  exports = { Index = Index._new, HNSW = HNSW, IVFFlat = IVFFlat },
}
