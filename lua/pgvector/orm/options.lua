--- Loader options: `stmt:options(orm.joinedload(Owner.items):load_only(Item.title))`.
--
-- An option is a chain: each call names a relationship and how to load it, or
-- chooses columns of where the chain has arrived. The options of a statement
-- become trees, one for each FROM element: a node has
--
-- * `only`, `defer`, `undefer`: sets of column keys,
-- * `strategies`: relationship → strategy, `nodes`: relationship → node below,
-- * `far`: relationship → FROM element, for contains_eager.
-- @module pgvector.orm.options

local class = require "pgvector.class"
local constraints = require "pgvector.sql.constraints"
local errors = require "pgvector.errors"
local RelationshipAttribute = require "pgvector.orm.attribute"

local options = {}

local Load = class("LoaderOption")

local function extended(self, entry, path)
  local copy = { path = path or self.path, entries = {} }
  for i, each in ipairs(self.entries) do copy.entries[i] = each end
  copy.entries[#copy.entries + 1] = entry
  return setmetatable(copy, Load)
end

local empty = setmetatable({ path = {}, entries = {} }, Load)

local function relationship_step(name, strategy)
  return function(self, attribute)
    if not class.is(attribute, RelationshipAttribute) then
      errors.raise("ArgumentError", "%s: expected a relationship such as Owner.items, got %s", name,
        class.describe(attribute))
    end
    local last = self.path[#self.path]
    if last and last.relationship.target ~= attribute.relationship.mapper then
      errors.raise("ArgumentError", "%s: %s does not continue %s", name, tostring(attribute), tostring(last))
    end
    local path = {}
    for i, step in ipairs(self.path) do path[i] = step end
    path[#path + 1] = attribute
    return extended(self, { path = self.path, attribute = attribute, strategy = strategy }, path)
  end
end

local function column_step(name, field)
  return function(self, ...)
    local keys, from = {}, nil
    if select("#", ...) == 0 then errors.raise("ArgumentError", "%s needs at least one column", name) end
    for i = 1, select("#", ...) do
      local column = select(i, ...)
      if type(column) ~= "table" or column.__visit_name ~= "column" or not column.table then
        errors.raise("ArgumentError", "%s: argument %d: expected a column of a model, got %s", name, i,
          class.describe(column))
      end
      from = from or column.table
      keys[column.key] = true
    end
    return extended(self, { path = self.path, field = field, keys = keys, from = from })
  end
end

--- Loads with the statement, by an outer join.
Load.joinedload = relationship_step("joinedload", "joined")
--- Loads with one more query for all objects.
Load.selectinload = relationship_step("selectinload", "selectin")
--- Makes reading it an error.
Load.raiseload = relationship_step("raiseload", "raise")
--- Leaves it empty.
Load.noload = relationship_step("noload", "noload")
--- Loads when it is read.
Load.lazyload = relationship_step("lazyload", "select")
--- Takes the columns of a join that the statement has already.
Load.contains_eager = relationship_step("contains_eager", "contained")
--- Loads these columns and the key alone; others when they are read.
Load.load_only = column_step("load_only", "only")
--- Loads columns when they are read.
Load.defer = column_step("defer", "defer")
--- Loads deferred columns at once.
Load.undefer = column_step("undefer", "undefer")
class.seal(Load)

-- The functions that begin a chain.
options.exports = {}
for _, name in ipairs{
  "joinedload", "selectinload", "raiseload", "noload", "lazyload", "contains_eager", "load_only", "defer",
  "undefer",
} do
  options.exports[name] = function(...) return Load[name](empty, ...) end
end

local function new_node() return { strategies = {}, nodes = {}, far = {} } end

local function child(nodes, key)
  nodes[key] = nodes[key] or new_node()
  return nodes[key]
end

--- The trees of a statement's options, by FROM element.
-- @tparam ?table list of options
-- @treturn table
function options.trees(list)
  local trees = {}
  for i, option in ipairs(list or {}) do
    if not class.is(option, Load) then
      errors.raise("ArgumentError", "options: argument %d: expected a loader option, got %s", i,
        class.describe(option))
    end
    for _, entry in ipairs(option.entries) do
      local first = entry.path[1] or entry.attribute
      local node = child(trees, first and first.source or entry.from)
      for _, step in ipairs(entry.path) do node = child(node.nodes, step.relationship) end
      if entry.attribute then
        local relationship = entry.attribute.relationship
        node.strategies[relationship] = entry.strategy
        node.far[relationship] = entry.attribute.far
        child(node.nodes, relationship)
      else
        node[entry.field] = node[entry.field] or {}
        for key in pairs(entry.keys) do node[entry.field][key] = true end
      end
    end
  end
  return trees
end

--- How a relationship is loaded for objects with these options.
-- @tparam ?table node
-- @tparam Relationship relationship
-- @treturn string
function options.strategy(node, relationship)
  return node and node.strategies[relationship] or relationship.lazy
end

--- The node below.
function options.below(node, relationship) return node and node.nodes[relationship] end

--- The columns of an entity that are loaded at once.
-- @tparam ?table node
-- @tparam Mapper mapper
-- @tparam table columns of the FROM element
-- @treturn table sequence
function options.columns(node, mapper, columns)
  local chosen = {}
  for _, column in ipairs(columns) do
    local key = column.key
    local mapped = mapper.by_key[key]
    local wanted = constraints.is_column(mapped) and not mapped.deferred
    if node then
      if node.only then wanted = node.only[key] end
      if node.defer and node.defer[key] then wanted = false end
      if node.undefer and node.undefer[key] then wanted = true end
    end
    if wanted or mapped.primary_key then chosen[#chosen + 1] = column end
  end
  return chosen
end

return options
