--- Declarative models: a table and the class of its rows in one definition.
-- @module pgvector.orm.declarative

local body = require "pgvector.orm.body"
local class = require "pgvector.class"
local constraints = require "pgvector.sql.constraints"
local errors = require "pgvector.errors"
local inheritance = require "pgvector.orm.inheritance"
local inherited = require "pgvector.orm.inherited"
local instance = require "pgvector.orm.instance"
local Mapper = require "pgvector.orm.mapper"
local schema = require "pgvector.sql.schema"
local version = require "pgvector.orm.version"

local declarative = {}

---- models ---------------------------------------------------------------------------

local model_mt = { __name = "Model" }

-- A model's events are its mapper's.
function model_mt._events(model) return rawget(model, "__mapper"), Mapper._events end

function model_mt.__inspect(model) return rawget(model, "__mapper") end

-- `Model.key`: a column, or what a property stands for in expressions;
-- `Model:model(…)` makes one that inherits.
function model_mt.__index(model, key)
  if type(key) == "string" and key:sub(1, 2) == "__" then return nil end
  local mapper = rawget(model, "__mapper")
  local attribute = mapper:_attribute(key)
  if attribute == nil then
    if key == "model" then return inheritance.define end
    mapper:_unknown(key)
  end
  if not constraints.is_column(attribute) then return attribute:_class_value(nil, model) end
  return mapper.inherits and inherited.column(model, attribute) or attribute
end

function model_mt.__newindex(model, key)
  errors.raise("InvalidRequestError",
    "model '%s': '%s' cannot be set; instance methods go into Model.methods",
    rawget(model, "__name"), tostring(key))
end

function model_mt.__call(model, ...)
  local mapper = rawget(model, "__mapper")
  if mapper.init then return instance.construct(mapper, ...) end
  if select("#", ...) > 1 then
    errors.raise("ArgumentError", "model '%s': an instance is made from one table of values",
      rawget(model, "__name"))
  end
  return instance.new(mapper, (...))
end

function model_mt.__tostring(model) return ("Model(%s)"):format(rawget(model, "__name")) end

---- bases ----------------------------------------------------------------------------

local Base = class("DeclarativeBase")
Base._events = Mapper._events -- of all its models

-- Those of the metadata, or that.
local base_options = { schema = true, naming_convention = true, extensions = true, info = true, metadata = true }

--- Makes a base that models are defined on: `declarative_base{ schema=,
-- naming_convention=, extensions=, info=, metadata= }`; its tables are in `Base.metadata`.
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
      schema = options.schema, naming_convention = convention, extensions = options.extensions, info = options.info,
    }
  elseif not class.is(metadata, schema.MetaData) then
    errors.raise("ArgumentError", "declarative_base: metadata: expected a MetaData, got %s",
      class.describe(metadata))
  elseif next(options, (next(options))) ~= nil then -- there is another one
    errors.raise("ArgumentError",
      "declarative_base: schema, naming_convention, extensions and info belong to the metadata")
  end
  return setmetatable({ metadata = metadata, _models = {} }, Base)
end

--- Makes a set of columns, constraints and methods that models share:
-- `Base:abstract{ created = pg.Column{…}, … }`, to be given as a mixin. Its
-- columns are copied into each model.
-- @tparam table given as for a model; `__declare`: a function that gets a table
--   with the model's `name` and `schema` and returns more of the same
-- @tparam[opt] table options `mixins`
function Base:abstract(given, options)
  options = errors.check_options(options, { mixins = true }, "abstract")
  local mixin = body.read(given, "abstract model", true)
  mixin.base, mixin.methods, mixin.mixins = self, {}, {}
  for _, outer in ipairs(options.mixins or mixin.settings.__mixins or {}) do
    mixin.mixins[#mixin.mixins + 1] = body.mixin(outer, "abstract model: mixin " .. #mixin.mixins + 1)
  end
  return setmetatable(mixin, body.Abstract)
end

local model_options = {
  schema = true, mixins = true, comment = true, info = true, managed = true, unlogged = true, temporary = true,
  autoload = true, autoload_with = true,
  tablespace = true, with = true, partition_by = true, version_id = true, polymorphic_on = true,
  polymorphic_identity = true, inherits = true, init = true,
}
-- Those that are not the Table's.
local mapper_options = {
  mixins = true, version_id = true, polymorphic_on = true, polymorphic_identity = true, inherits = true, init = true,
}

-- Settings of the body are options by another name.
local function merged_options(given, settings, where)
  local options = {}
  for name, value in pairs(given) do options[name] = value end
  for name in pairs(body.settings) do
    local option = name:sub(3)
    if settings[name] ~= nil then
      if options[option] ~= nil then
        errors.raise("ArgumentError", "%s: both %s and the option %s are given", where, name, option)
      end
      options[option] = settings[name]
    end
  end
  return options
end

-- In a model a string names an attribute or a column of it, so both are known
-- to the Core table: a column's key there is its attribute's.
local function table_items(all)
  local list = {}
  for _, attribute in ipairs(all.attributes) do
    local key, value = attribute[1], attribute[2]
    if constraints.is_column(value) then
      value.key, value.name = key, value.name or key
      list[#list + 1] = value
    end
  end
  for _, item in ipairs(all.items) do list[#list + 1] = item end
  return list
end

local function make_table(self, name, all, options)
  local table_options = {}
  for option, value in pairs(options) do
    if not mapper_options[option] then table_options[option] = value end
  end
  return schema.Table._new(name, self.metadata, table_items(all), table_options)
end

-- Makes attributes of all columns of a table, in front of the body's properties.
local function adopt_columns(tbl, all)
  local attributes = {}
  for i, column in ipairs(tbl:_columns()) do attributes[i] = { column.key, column } end
  for _, attribute in ipairs(all.attributes) do
    if not constraints.is_column(attribute[2]) then attributes[#attributes + 1] = attribute end
  end
  all.attributes = attributes
end

-- A table that exists: its columns are attributes, and the body adds properties.
local function adopt_table(tbl, all, where)
  for _, attribute in ipairs(all.attributes) do
    if constraints.is_column(attribute[2]) then
      errors.raise("ArgumentError", "%s: '%s' is a column, but the table is there already", where, attribute[1])
    end
  end
  adopt_columns(tbl, all)
  return tbl
end

local function define(self, name, given, options)
  local existing = class.is(name, schema.Table) and name
  if existing then name = existing.name end
  local where = ("model '%s'"):format(tostring(name))
  local own = body.read(given, where)
  options = errors.check_options(options, model_options, where)
  local schema_name = options.schema
  if schema_name == nil then schema_name = own.settings.__schema end
  local all = body.complete(own, options.mixins or own.settings.__mixins or {}, { name = name, schema = schema_name },
    where)
  options = merged_options(options, all.settings, where)
  local parent = options.inherits and inheritance.parent_of(options.inherits, where)

  local tbl, link
  if parent and parent.table.name == name and not existing then
    tbl = inheritance.extend_table(parent, table_items(all), where)
  elseif existing then
    tbl = adopt_table(existing, all, where)
  else
    local reads = options.autoload or options.autoload_with
    tbl = make_table(self, name, all, options)
    if reads then adopt_columns(tbl, all) end
  end
  if parent and tbl ~= parent.table then link = inheritance.link(tbl, parent, where) end
  if parent then table.insert(all.methods, 1, parent.methods) end

  local model = { __table = tbl, __name = name, methods = body.method_table(all.methods) }
  local mapper = Mapper._new{
    model = model, table = tbl, registry = self, methods = model.methods, own = all.attributes,
    inherits = parent, link = link, init = options.init or parent and parent.init,
  }
  model.__mapper, model.__clause, model.__attribute = mapper, mapper.clause, Mapper.attribute_of
  if options.version_id ~= nil then version.attach(mapper, options.version_id) end
  inheritance.settle(mapper, options, where)
  if parent then
    parent.subs[#parent.subs + 1] = mapper
    model.__criterion = function(from) return mapper:_criterion(from) end
  end
  instance.instrument(mapper)
  self._models[#self._models + 1] = model
  self._has_all_backrefs = false
  return setmetatable(model, model_mt)
end

--- Defines a model.
-- @tparam string|Table name the table's name, or a table that exists
-- @tparam table given keyed: columns and relationships; array part: constraints and indexes
-- @tparam[opt] table options `schema`, `mixins`, `version_id`, `polymorphic_on`,
--   `polymorphic_identity`, `inherits`, `init`, and the other options of Table
-- @treturn Model callable: `Item{ title = "x" }` makes an instance
function Base:model(name, given, options)
  local metadata, models = self.metadata, #self._models
  local tables = #metadata:_tables()
  local ok, model = pcall(define, self, name, given, options)
  if ok then return model end
  -- what it made on the way would stand in the way of another attempt
  for i = #metadata:_tables(), tables + 1, -1 do metadata:remove(metadata:_tables()[i]) end
  for i = #self._models, models + 1, -1 do self._models[i] = nil end
  error(model, 0)
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
  if self._has_all_backrefs then return false end
  local any, all = false, true
  for _, model in ipairs(self._models) do
    for _, property in ipairs(rawget(model, "__mapper").properties) do
      if property.backref and not property.reverse then
        -- one that has a direction is being configured right now
        any = not property.direction and pcall(property._configure, property) or any
        all = all and property.reverse ~= nil
      end
    end
  end
  self._has_all_backrefs = all
  return any
end
class.seal(Base)

--- Defines a model with this abstract model as its first mixin.
function body.Abstract:model(name, given, options)
  local merged = {}
  for option, value in pairs(options or {}) do merged[option] = value end
  merged.mixins = { self }
  for _, mixin in ipairs(options and options.mixins or {}) do merged.mixins[#merged.mixins + 1] = mixin end
  return self.base:model(name, given, merged)
end
class.seal(body.Abstract)

return declarative
