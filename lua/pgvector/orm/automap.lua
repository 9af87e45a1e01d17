--- Models for tables that exist: `automap(metadata)`.
-- @module pgvector.orm.automap

local class = require "pgvector.class"
local declarative = require "pgvector.orm.declarative"
local errors = require "pgvector.errors"
local Relationship = require "pgvector.orm.relationship"
local schema = require "pgvector.sql.schema"

-- Is a table nothing but a pair of foreign keys that make up its primary key?
local function association(tbl)
  if #tbl.foreign_keys ~= 2 or not tbl.primary_key then return false end
  local count, is_key = 0, {}
  for _, key in ipairs(tbl.foreign_keys) do
    for _, column in ipairs(key.columns) do is_key[column] = true end
  end
  for _, column in ipairs(tbl:_columns()) do
    count = count + 1
    if not is_key[column] or not column.primary_key then return false end
  end
  return count > 0
end

-- A name that is not taken in either table's model.
local function free_name(wanted, taken)
  local name, number = wanted, 1
  while taken[name] do
    number = number + 1
    name = wanted .. "_" .. number
  end
  taken[name] = true
  return name
end

-- What is related, from each side: properties by table.
local function properties_of(metadata, mapped)
  local properties, taken = {}, {}
  for _, tbl in ipairs(metadata:_tables()) do
    properties[tbl], taken[tbl] = {}, { methods = true }
    for _, column in ipairs(tbl:_columns()) do taken[tbl][column.key] = true end
  end
  for _, tbl in ipairs(metadata:_tables()) do
    for _, key in ipairs(mapped[tbl] and tbl.foreign_keys or {}) do
      local referred = key:_find_referred_table()
      if mapped[referred] then
        local one = free_name(referred.name, taken[tbl])
        local many = free_name(tbl.name .. "_collection", taken[referred])
        local columns, remote = key.columns, key:referred_columns()
        local circular = referred == tbl or nil
        properties[tbl][one] = Relationship._new(referred.key, {
          foreign_keys = columns, back_populates = many, remote_side = circular and remote,
        })
        properties[referred][many] = Relationship._new(tbl.key, {
          foreign_keys = columns, back_populates = one,
        })
      end
    end
    if association(tbl) then
      local a = tbl.foreign_keys[1]:_find_referred_table()
      local b = tbl.foreign_keys[2]:_find_referred_table()
      if mapped[a] and mapped[b] and a ~= b then
        local to_b = free_name(b.name .. "_collection", taken[a])
        local to_a = free_name(a.name .. "_collection", taken[b])
        properties[a][to_b] = Relationship._new(b.key, { secondary = tbl, back_populates = to_a })
        properties[b][to_a] = Relationship._new(a.key, { secondary = tbl, back_populates = to_b })
      end
    end
  end
  return properties
end

--- Makes a model for every table that has a primary key. A foreign key becomes
-- two relationships: one by the name of the table that it refers to, and, on the
-- other side, `<table>_collection`. A table of two foreign keys and nothing else
-- becomes a many-to-many relationship.
-- @tparam MetaData metadata such as one that was reflected
-- @treturn DeclarativeBase whose `classes` has the models by their tables' names
local function automap(metadata)
  if not class.is(metadata, schema.MetaData) then
    errors.raise("ArgumentError", "automap: expected a MetaData, got %s", class.describe(metadata))
  end
  local base = declarative.declarative_base{ metadata = metadata }
  local mapped = {}
  for _, tbl in ipairs(metadata:_tables()) do
    mapped[tbl] = tbl.primary_key ~= nil and not association(tbl) or nil
  end
  local properties = properties_of(metadata, mapped)
  base.classes = {}
  for _, tbl in ipairs(metadata:_tables()) do
    if mapped[tbl] then base.classes[tbl.key] = base:model(tbl, properties[tbl]) end
  end
  setmetatable(base.classes, { __index = function(_, name)
    if type(name) ~= "string" then return nil end
    errors.raise("ArgumentError", "automap: there is no model '%s'%s", name, errors.did_you_mean(name, metadata.tables))
  end })
  return base
end

return automap
