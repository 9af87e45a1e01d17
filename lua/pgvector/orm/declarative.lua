--- Declarative models: a table and the class of its rows in one definition.
-- @module pgvector.orm.declarative

local class = require "pgvector.class"
local constraints = require "pgvector.sql.constraints"
local errors = require "pgvector.errors"
local instance = require "pgvector.orm.instance"
local Mapper = require "pgvector.orm.mapper"
local schema = require "pgvector.sql.schema"
local types = require "pgvector.types"

local declarative = {}

-- A body taken apart: `attributes` as `{ key, Column | property }` in order of
-- creation, `items` the array part, `methods` what a mixin gives its models.
local function check_key(key, where)
  if key == "methods" then
    errors.raise("ArgumentError",
      "%s: 'methods' is reserved; map the column under another key: methods_ = pg.Column{ \"methods\", … }",
      where)
  elseif key:sub(1, 2) == "__" then
    errors.raise("ArgumentError", "%s: attribute '%s': names that start with '__' are reserved", where, key)
  end
end

local function refuse_attribute(key, value, where)
  if types.is_type(value) then
    errors.raise("ArgumentError",
      "%s: attribute '%s' is a bare type: write pg.Column{ %s }, which keeps the order",
      where, key, tostring(value))
  elseif type(value) == "function" then
    errors.raise("ArgumentError", "%s: attribute '%s' is a function: methods go into Model.methods", where,
      key)
  end
  errors.raise("ArgumentError", "%s: attribute '%s': expected a Column or a relationship, got %s", where, key,
    class.describe(value))
end

local function read_body(body, where)
  if type(body) ~= "table" or getmetatable(body) then
    errors.raise("ArgumentError", "%s: expected a table of columns, got %s", where, class.describe(body))
  end
  local attributes, items = {}, {}
  for key, value in pairs(body) do
    if type(key) == "string" then
      check_key(key, where)
      if not constraints.is_column(value) and not Mapper._is_property(value) then
        refuse_attribute(key, value, where)
      end
      attributes[#attributes + 1] = { key, value }
    elseif type(key) ~= "number" then
      errors.raise("ArgumentError", "%s: unexpected key of type %s", where, type(key))
    end
  end
  table.sort(attributes, function(a, b) return a[2]._ticket < b[2]._ticket end)
  for i, item in ipairs(body) do
    if constraints.is_column(item) then
      errors.raise("ArgumentError",
        "%s: element %d is a Column; a model's columns need a key: name = pg.Column{…}", where, i)
    end
    items[i] = item
  end
  return attributes, items
end

-- What several models share.
local Abstract = class("AbstractModel")

-- A mixin is made by Base:abstract, or is a plain table of columns.
local function as_mixin(mixin, where)
  if class.is(mixin, Abstract) then return mixin end
  local attributes, items = read_body(mixin, where)
  return { attributes = attributes, items = items, methods = {}, mixins = {} }
end

-- Adds copies of what a mixin and its own mixins hold; what `taken` names is
-- overridden by the model.
local function inherit(mixin, taken, attributes, items, methods)
  for _, outer in ipairs(mixin.mixins) do inherit(outer, taken, attributes, items, methods) end
  for _, attribute in ipairs(mixin.attributes) do
    local key = attribute[1]
    if not taken[key] then attributes[#attributes + 1] = { key, attribute[2]:_copy() } end
  end
  for _, item in ipairs(mixin.items) do items[#items + 1] = item:_copy() end
  methods[#methods + 1] = mixin.methods
end

-- Instance methods: the model's own, then those of its mixins, the last first.
local function method_table(inherited)
  if #inherited == 0 then return {} end
  return setmetatable({}, { __index = function(_, key)
    for i = #inherited, 1, -1 do
      local method = inherited[i][key]
      if method ~= nil then return method end
    end
  end })
end

local model_mt = { __name = "Model" }

-- `Model.key`: a column, or what a property stands for in expressions.
function model_mt.__index(model, key)
  if type(key) == "string" and key:sub(1, 2) == "__" then return nil end
  local mapper = rawget(model, "__mapper")
  local attribute = mapper:_attribute(key)
  if attribute == nil then mapper:_unknown(key) end
  if constraints.is_column(attribute) then return attribute end
  return attribute:_class_value()
end

function model_mt.__newindex(model, key)
  errors.raise("InvalidRequestError",
    "model '%s': '%s' cannot be set; instance methods go into Model.methods",
    rawget(model, "__name"), tostring(key))
end

function model_mt.__call(model, values, ...)
  if select("#", ...) > 0 then
    errors.raise("ArgumentError", "model '%s': an instance is made from one table of values",
      rawget(model, "__name"))
  end
  return instance.new(rawget(model, "__mapper"), values)
end

function model_mt.__tostring(model) return ("Model(%s)"):format(rawget(model, "__name")) end

--- Is this a model?
-- @treturn boolean
function declarative.is_model(x) return type(x) == "table" and getmetatable(x) == model_mt end

local Base = class("DeclarativeBase")

local base_options = { schema = true, naming_convention = true, metadata = true, extensions = true }

--- Makes a base that models are defined on: `declarative_base{ schema=,
-- naming_convention=, extensions=, metadata= }`; its tables are in `Base.metadata`.
-- Constraints get names by the convention "default" unless another is given
-- (false: the server names them), because what has no name cannot be migrated.
-- @tparam[opt] table options
-- @treturn DeclarativeBase
function declarative.declarative_base(options)
  options = errors.check_options(options, base_options, "declarative_base")
  local metadata = options.metadata
  if metadata == nil then
    local convention = options.naming_convention
    if convention == nil then convention = "default" end
    metadata = schema.MetaData._new{
      schema = options.schema, naming_convention = convention, extensions = options.extensions,
    }
  elseif not class.is(metadata, schema.MetaData) then
    errors.raise("ArgumentError", "declarative_base: metadata: expected a MetaData, got %s",
      class.describe(metadata))
  elseif options.schema ~= nil or options.naming_convention ~= nil or options.extensions ~= nil then
    errors.raise("ArgumentError",
      "declarative_base: schema, naming_convention and extensions belong to the metadata")
  end
  return setmetatable({ metadata = metadata, _models = {} }, Base)
end

--- Makes a set of columns, constraints and methods that models share:
-- `Base:abstract{ created = pg.Column{…}, … }`, to be given as a mixin. Its
-- columns are copied into each model.
-- @tparam table body as for a model
-- @tparam[opt] table options `mixins`
function Base:abstract(body, options)
  options = errors.check_options(options, { mixins = true }, "abstract")
  local attributes, items = read_body(body, "abstract model")
  local mixins = {}
  for i, mixin in ipairs(options.mixins or {}) do
    mixins[i] = as_mixin(mixin, "abstract model: mixin " .. i)
  end
  return setmetatable({
    base = self, attributes = attributes, items = items, methods = {}, mixins = mixins,
  }, Abstract)
end

local model_options = {
  schema = true, mixins = true, comment = true, info = true, managed = true, unlogged = true,
  tablespace = true, with = true, partition_by = true,
}

-- In a model a string names an attribute or a column of it, so both are known
-- to the Core table: a column's key there is its attribute's.
local function table_items(attributes, items)
  local all = {}
  for _, attribute in ipairs(attributes) do
    local key, value = attribute[1], attribute[2]
    if constraints.is_column(value) then
      value.key, value.name = key, value.name or key
      all[#all + 1] = value
    end
  end
  for _, item in ipairs(items) do all[#all + 1] = item end
  return all
end

-- A table that exists: its columns are attributes, and the body adds properties.
local function adopt_table(tbl, attributes, where)
  local all = {}
  for i, column in ipairs(tbl:_columns()) do all[i] = { column.key, column } end
  for _, attribute in ipairs(attributes) do
    if constraints.is_column(attribute[2]) then
      errors.raise("ArgumentError", "%s: '%s' is a column, but the table is there already", where,
        attribute[1])
    end
    all[#all + 1] = attribute
  end
  return all
end

--- Defines a model.
-- @tparam string|Table name the table's name, or a table that exists
-- @tparam table body keyed: columns and relationships; array part: constraints and indexes
-- @tparam[opt] table options `schema`, `mixins`, `comment`, and the other options of Table
-- @treturn Model callable: `Item{ title = "x" }` makes an instance
function Base:model(name, body, options)
  local existing = class.is(name, schema.Table) and name
  if existing then name = existing.name end
  local where = ("model '%s'"):format(tostring(name))
  options = errors.check_options(options, model_options, where)
  local own, own_items = read_body(body, where)
  local taken, attributes, items, inherited = {}, {}, {}, {}
  for _, attribute in ipairs(own) do taken[attribute[1]] = true end
  for i, mixin in ipairs(options.mixins or {}) do
    inherit(as_mixin(mixin, ("%s: mixin %d"):format(where, i)), taken, attributes, items, inherited)
  end
  for _, attribute in ipairs(own) do attributes[#attributes + 1] = attribute end
  for _, item in ipairs(own_items) do items[#items + 1] = item end
  table.sort(attributes, function(a, b) return a[2]._ticket < b[2]._ticket end)

  local table_options = {}
  for option, value in pairs(options) do
    if option ~= "mixins" then table_options[option] = value end
  end
  local tbl = existing
    or schema.Table._new(name, self.metadata, table_items(attributes, items), table_options)
  if existing then attributes = adopt_table(tbl, attributes, where) end

  local model = { __table = tbl, __clause = tbl, __name = name, methods = method_table(inherited) }
  model.__mapper = Mapper._new{
    model = model, table = tbl, registry = self, methods = model.methods, attributes = attributes,
  }
  instance.instrument(model.__mapper)
  self._models[#self._models + 1] = model
  return setmetatable(model, model_mt)
end
-- The model of a table's name ("items", "app.items"), or nil.
function Base:_model_of(name)
  for _, model in ipairs(self._models) do
    local tbl = rawget(model, "__table")
    if tbl.key == name or tbl.name == name then return model end
  end
end

-- The names of all models, for messages.
function Base:_model_names()
  local names = {}
  for i, model in ipairs(self._models) do names[i] = rawget(model, "__name") end
  return names
end

-- Configures the relationships whose backref is not in place yet, as far as
-- their models are defined. True if there were any.
function Base:_add_backrefs()
  local any = false
  for _, model in ipairs(self._models) do
    for _, property in ipairs(rawget(model, "__mapper").properties) do
      if property.backref and not property.direction and pcall(property._configure, property) then
        any = true
      end
    end
  end
  return any
end
class.seal(Base)

--- Defines a model with this abstract model as its first mixin.
function Abstract:model(name, body, options)
  local given = {}
  for option, value in pairs(options or {}) do given[option] = value end
  given.mixins = { self }
  for _, mixin in ipairs(options and options.mixins or {}) do given.mixins[#given.mixins + 1] = mixin end
  return self.base:model(name, body, given)
end
class.seal(Abstract)

return declarative
