--- The body of a model or mixin, taken apart.
--
-- Keyed parts are attributes, in the order in which their columns and
-- properties were made; keys that start with "__" are settings; the array part
-- has constraints and indexes.
-- @module pgvector.orm.body

local class = require "pgvector.class"
local constraints = require "pgvector.sql.constraints"
local errors = require "pgvector.errors"
local Mapper = require "pgvector.orm.mapper"
local types = require "pgvector.types"

local body = {}

--- The settings of a model, `__` in front of the name of the option that means the same.
body.settings = {
  __version_id = true, __polymorphic_on = true, __polymorphic_identity = true, __mixins = true,
  __schema = true, __init = true,
}

local abstract_settings = { __declare = true, __mixins = true, __version_id = true, __init = true }

local function check_key(key, where)
  if key == "methods" then
    errors.raise("ArgumentError",
      "%s: 'methods' is reserved; map the column under another key: methods_ = pg.Column{ \"methods\", … }",
      where)
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

local function by_ticket(a, b) return a[2]._ticket < b[2]._ticket end

--- Takes a body apart.
-- @tparam table given
-- @tparam string where what messages call it
-- @tparam[opt] boolean is_abstract is it a mixin's?
-- @treturn table `attributes`: sequence of `{ key, Column or property }`;
--   `items`: the array part; `settings`
function body.read(given, where, is_abstract)
  if type(given) ~= "table" or getmetatable(given) then
    errors.raise("ArgumentError", "%s: expected a table of columns, got %s", where, class.describe(given))
  end
  local known = is_abstract and abstract_settings or body.settings
  local attributes, items, settings = {}, {}, {}
  for key, value in pairs(given) do
    if type(key) == "string" and key:sub(1, 2) == "__" then
      if not known[key] then
        errors.raise("ArgumentError", "%s: attribute '%s': names that start with '__' are reserved%s", where, key,
          errors.did_you_mean(key, known))
      end
      settings[key] = value
    elseif type(key) == "string" then
      check_key(key, where)
      if not constraints.is_column(value) and not Mapper._is_property(value) then
        refuse_attribute(key, value, where)
      end
      attributes[#attributes + 1] = { key, value }
    elseif type(key) ~= "number" then
      errors.raise("ArgumentError", "%s: unexpected key of type %s", where, type(key))
    end
  end
  table.sort(attributes, by_ticket)
  for i, item in ipairs(given) do
    if constraints.is_column(item) then
      errors.raise("ArgumentError",
        "%s: element %d is a Column; a model's columns need a key: name = pg.Column{…}", where, i)
    end
    items[i] = item
  end
  return { attributes = attributes, items = items, settings = settings }
end

---- mixins ---------------------------------------------------------------------------

--- What several models share: made by `Base:abstract`.
local Abstract = class("AbstractModel")
body.Abstract = Abstract

--- A mixin: an abstract model, or a plain table of columns.
-- @treturn table with `attributes`, `items`, `settings`, `methods`, `mixins`
function body.mixin(given, where)
  if class.is(given, Abstract) then return given end
  local mixin = body.read(given, where, true)
  mixin.methods, mixin.mixins = {}, {}
  for i, outer in ipairs(mixin.settings.__mixins or {}) do
    mixin.mixins[i] = body.mixin(outer, ("%s: mixin %d"):format(where, i))
  end
  return mixin
end

local function add(target, part, taken)
  for _, attribute in ipairs(part.attributes) do
    if not taken[attribute[1]] then target.attributes[#target.attributes + 1] = attribute end
  end
  for _, item in ipairs(part.items) do target.items[#target.items + 1] = item end
end

-- Adds copies of what a mixin and its own mixins hold; what `taken` names is
-- overridden by the model.
local function inherit(target, mixin, taken, model)
  for _, outer in ipairs(mixin.mixins) do inherit(target, outer, taken, model) end
  local copies = { attributes = {}, items = {} }
  for i, attribute in ipairs(mixin.attributes) do copies.attributes[i] = { attribute[1], attribute[2]:_copy() } end
  for i, item in ipairs(mixin.items) do copies.items[i] = item:_copy() end
  add(target, copies, taken)
  local declare = mixin.settings.__declare
  if declare then add(target, body.read(declare(model), "__declare of " .. model.name), taken) end
  target.methods[#target.methods + 1] = mixin.methods
  for _, name in ipairs{ "__version_id", "__init" } do
    if target.settings[name] == nil then target.settings[name] = mixin.settings[name] end
  end
end

--- A model's body with all that its mixins bring.
-- @tparam table own of `body.read`
-- @tparam table mixins sequence
-- @tparam table model what `__declare` gets: `{ name=, schema= }`
-- @tparam string where
-- @treturn table `attributes`, `items`, `settings`, and `methods`: sequence of
--   the mixins' methods
function body.complete(own, mixins, model, where)
  local all = { attributes = {}, items = {}, settings = {}, methods = {} }
  for name, value in pairs(own.settings) do all.settings[name] = value end
  local taken = {}
  for _, attribute in ipairs(own.attributes) do taken[attribute[1]] = true end
  for i, mixin in ipairs(mixins) do
    inherit(all, body.mixin(mixin, ("%s: mixin %d"):format(where, i)), taken, model)
  end
  add(all, own, {})
  table.sort(all.attributes, by_ticket)
  return all
end

--- Instance methods: the model's own, then those of its mixins, the last first.
-- @tparam table inherited sequence of tables of methods
function body.method_table(inherited)
  if #inherited == 0 then return {} end
  return setmetatable({}, { __index = function(_, key)
    for i = #inherited, 1, -1 do
      local method = inherited[i][key]
      if method ~= nil then return method end
    end
  end })
end

return body
