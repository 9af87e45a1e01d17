--- Models that inherit from models, in the same table or in one of their own.
-- @module pgvector.orm.inheritance

local class = require "pgvector.class"
local constraints = require "pgvector.sql.constraints"
local errors = require "pgvector.errors"
local index = require "pgvector.sql.index"
local keys = require "pgvector.orm.key"
local Mapper = require "pgvector.orm.mapper"

local inheritance = {}

--- Defines a model that inherits: `Animal:model("dogs", { … }, options)`. With the
-- name of the parent's own table it shares that (single-table inheritance).
-- @param parent a model
-- @tparam string name
-- @tparam table body
-- @tparam[opt] table options
-- @treturn Model
function inheritance.define(parent, name, body, options)
  local mapper = Mapper.of(parent)
  if not mapper then errors.raise("ArgumentError", "use ':' to call Model:model(), not '.'") end
  local merged = { inherits = parent }
  for option, value in pairs(options or {}) do merged[option] = value end
  return mapper.registry:model(name, body, merged)
end

--- The mapper that `inherits` names.
function inheritance.parent_of(given, where)
  local parent = Mapper.of(given)
  if not parent or parent.model ~= given then
    errors.raise("ArgumentError", "%s: inherits: expected a model, got %s", where, class.describe(given))
  elseif not parent.polymorphic_on then
    errors.raise("ArgumentError", "%s: model '%s' has no polymorphic_on: its rows could not be told apart", where,
      parent.name)
  end
  return parent
end

--- Adds a model's columns, constraints and indexes to the table of its parent.
-- @tparam Mapper parent
-- @tparam table items
-- @tparam string where
-- @treturn Table
function inheritance.extend_table(parent, items, where)
  local tbl = parent.table
  for _, item in ipairs(items) do
    if constraints.is_column(item) then
      if item.primary_key then
        errors.raise("ArgumentError", "%s: '%s': the table has a primary key already", where, item.key)
      elseif not item.nullable and item.default == nil and not item:_has_server_default() then
        errors.raise("ArgumentError", "%s: '%s' must be nullable: rows of other models in the table lack it", where,
          item.key)
      end
      tbl:_append_column(item)
    elseif class.is(item, index.Index) then
      item:_attach(tbl)
    else
      tbl:_add_constraint(item)
    end
  end
  return tbl
end

--- How a table of its own hangs together with the parent's: the foreign key of
-- its primary key.
-- @treturn table sequence of `{ own column, the parent's column }`
function inheritance.link(tbl, parent, where)
  local is_above, is_key, count = {}, {}, 0
  for _, above in ipairs(parent.tables) do is_above[above] = true end
  for _, column in ipairs(tbl.primary_key and tbl.primary_key.columns or {}) do
    is_key[column], count = true, count + 1
  end
  for _, key in ipairs(tbl.foreign_keys) do
    local pairs_ = {}
    if is_above[key:_find_referred_table()] and #key.columns == count then
      local referred = key:referred_columns()
      for i, column in ipairs(key.columns) do
        if is_key[column] then pairs_[#pairs_ + 1] = { column, referred[i] } end
      end
    end
    if #pairs_ > 0 and #pairs_ == count then return pairs_ end
  end
  errors.raise("ArgumentError", "%s: its primary key must be a foreign key to '%s', the table that it inherits from",
    where, parent.table.name)
end

--- Reads the settings that tell models of one hierarchy apart.
-- @tparam Mapper mapper
-- @tparam table options `polymorphic_on`, `polymorphic_identity`
-- @tparam string where
function inheritance.settle(mapper, options, where)
  if options.polymorphic_on ~= nil then
    if mapper.inherits then
      errors.raise("ArgumentError", "%s: polymorphic_on belongs to the model that all inherit from", where)
    end
    mapper.polymorphic_on = mapper:_column_named(options.polymorphic_on, "polymorphic_on")
  end
  local identity = options.polymorphic_identity
  if identity == nil then
    if mapper.inherits then
      errors.raise("ArgumentError", "%s: a model that inherits needs a polymorphic_identity", where)
    end
    return
  elseif not mapper.polymorphic_on then
    errors.raise("ArgumentError", "%s: polymorphic_identity without polymorphic_on", where)
  end
  local map, found = mapper.root.polymorphic_map, keys.known({ mapper.polymorphic_on }, { identity })
  if not found then
    errors.raise("ArgumentError", "%s: polymorphic_identity '%s' is no value of column '%s'", where,
      tostring(identity), mapper.polymorphic_on.name)
  elseif map[found] then
    errors.raise("ArgumentError", "%s: another model has the polymorphic identity '%s'", where, tostring(identity))
  end
  map[found], mapper.polymorphic_identity = mapper, identity
  mapper.model.__identity = { mapper.polymorphic_on, identity } -- for pg.insert
end

return inheritance
