--- Models for tables that exist: classes and relationships from what was reflected.
--
-- A table with a primary key becomes a model; a foreign key a many-to-one
-- relationship and its counterpart; a table that consists of two foreign keys a
-- many-to-many relationship of the two that it joins.
-- @module pgvector.orm.automap

local class = require "pgvector.class"
local declarative = require "pgvector.orm.declarative"
local errors = require "pgvector.errors"
local Relationship = require "pgvector.orm.related"
local schema = require "pgvector.sql.schema"

local known_options = { name_for_scalar_relationship = true, name_for_collection_relationship = true }

local default_names = {
  name_for_scalar_relationship = function(_, referred) return referred.name:lower() end,
  name_for_collection_relationship = function(_, referred) return referred.name:lower() .. "_collection" end,
}

-- The two foreign keys of an association table, nil for any other.
local function association(tbl)
  if #tbl.foreign_keys ~= 2 then return nil end
  local in_keys, count = {}, 0
  for _, key in ipairs(tbl.foreign_keys) do
    if not key:_find_referred_table() then return nil end
    for _, column in ipairs(key.columns) do
      if not in_keys[column] then in_keys[column], count = true, count + 1 end
    end
  end
  return count == #tbl:_columns() and tbl.foreign_keys or nil
end

local function names_of(columns)
  local names = {}
  for i, column in ipairs(columns) do names[i] = column.name end
  return table.concat(names, "_")
end

-- What will become a relationship: `tbl` has it, `other` is its target, `key`
-- the foreign key that tells it from its like.
local function end_of(tbl, other, key, kind)
  return { tbl = tbl, other = other, key = key, kind = kind, options = {} }
end

local function link(ends, near, far)
  near.opposite, far.opposite = far, near
  ends[#ends + 1] = near
  ends[#ends + 1] = far
end

local function all_not_null(columns)
  for _, column in ipairs(columns) do
    if column.nullable then return false end
  end
  return true
end

-- A foreign key: the referring side has an object, the other a list, which
-- owns its members if they cannot be without it.
local function add_foreign_key(ends, tbl, key)
  local referred = key:_find_referred_table()
  local one = end_of(tbl, referred, key, "name_for_scalar_relationship")
  local many = end_of(referred, tbl, key, "name_for_collection_relationship")
  one.options.foreign_keys, many.options.foreign_keys = key.columns, key.columns
  if referred == tbl then one.options.remote_side = key:referred_columns() end
  if all_not_null(key.columns) then
    many.options.cascade = "all, delete-orphan"
    many.options.passive_deletes = key.ondelete == "CASCADE" or nil
  else
    many.options.passive_deletes = key.ondelete and key.ondelete:find("^SET NULL") and true or nil
  end
  link(ends, one, many)
end

local function add_association(ends, secondary, first, second)
  local a, b = first:_find_referred_table(), second:_find_referred_table()
  local near = end_of(a, b, second, "name_for_collection_relationship")
  local far = end_of(b, a, first, "name_for_collection_relationship")
  near.options.secondary, far.options.secondary = secondary, secondary
  -- of two keys to one table the first is that of the side named first
  if a == b then far.options.remote_side = first.columns end
  link(ends, near, far)
end

-- Gives every end a name that no column and no other end of its table has. Where
-- several would have the same one, each takes the columns of its key.
local function give_names(ends, options)
  local count = {}
  for _, relationship in ipairs(ends) do
    local named = options[relationship.kind] or default_names[relationship.kind]
    local name = named(relationship.tbl, relationship.other, relationship.key)
    if type(name) ~= "string" or name == "" then
      errors.raise("ArgumentError", "automap %s: expected a name, got %s", relationship.kind, tostring(name))
    end
    relationship.name = name
    local taken = count[relationship.tbl] or {}
    count[relationship.tbl] = taken
    taken[name] = (taken[name] or 0) + 1
  end
  for _, relationship in ipairs(ends) do
    local name = relationship.name
    if count[relationship.tbl][name] > 1 or relationship.tbl._by_key[name] or name == "methods" then
      relationship.name = name .. "_" .. names_of(relationship.key.columns)
    end
  end
end

local function plan(tables, mapped, secondaries)
  local ends = {}
  for _, tbl in ipairs(tables) do
    if secondaries[tbl] then
      local first, second = tbl.foreign_keys[1], tbl.foreign_keys[2]
      if mapped[first:_find_referred_table()] and mapped[second:_find_referred_table()] then
        add_association(ends, tbl, first, second)
      end
    elseif mapped[tbl] then
      for _, key in ipairs(tbl.foreign_keys) do
        if mapped[key:_find_referred_table()] then add_foreign_key(ends, tbl, key) end
      end
    end
  end
  return ends
end

local classes_mt = {
  __name = "automap classes",
  __index = function(classes, name)
    errors.raise("ArgumentError", "automap made no model '%s'%s", tostring(name),
      errors.did_you_mean(name, classes))
  end,
}

--- Makes models of tables, usually reflected ones.
-- @tparam MetaData metadata its tables without a primary key get no model
-- @tparam[opt] table options `name_for_scalar_relationship` and
--   `name_for_collection_relationship`: functions `(table, referred table, foreign key)`
--   → name; the defaults are the referred table's name, and that with `_collection`
-- @treturn DeclarativeBase with `classes`: the models by the keys of their tables
return function(metadata, options)
  if not class.is(metadata, schema.MetaData) then
    errors.raise("ArgumentError", "automap: expected a MetaData, got %s", class.describe(metadata))
  end
  options = errors.check_options(options, known_options, "automap")
  for name in pairs(known_options) do
    if options[name] ~= nil and type(options[name]) ~= "function" then
      errors.raise("ArgumentError", "automap %s: expected a function, got %s", name, type(options[name]))
    end
  end
  local tables, mapped, secondaries = metadata:sorted_tables(), {}, {}
  for _, tbl in ipairs(tables) do
    if association(tbl) then
      secondaries[tbl] = true
    elseif tbl.primary_key then
      mapped[tbl] = true
    end
  end
  local ends = plan(tables, mapped, secondaries)
  give_names(ends, options)
  local bodies = {}
  for _, relationship in ipairs(ends) do
    local body = bodies[relationship.tbl] or {}
    bodies[relationship.tbl] = body
    relationship.options.back_populates = relationship.opposite.name
    body[relationship.name] = Relationship._new(relationship.other.key, relationship.options)
  end
  local base, classes = declarative.declarative_base{ metadata = metadata }, {}
  for _, tbl in ipairs(tables) do
    if mapped[tbl] then classes[tbl.key] = base:model(tbl, bodies[tbl] or {}) end
  end
  base.classes = setmetatable(classes, classes_mt)
  return base
end
