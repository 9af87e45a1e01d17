--- Loader options: `stmt:options(orm.joinedload(Owner.items):load_only(Item.title))`.
--
-- An option is a chain: each call names a relationship and how to load it, or
-- chooses columns of where the chain has arrived. The options of a statement
-- become trees, one for each FROM element: a node has
--
-- * `only`, `defer`, `undefer`: sets of keys, `groups`: a set of deferred groups,
-- * `strategies`: relationship → strategy, `nodes`: relationship → node below,
--   `others`: the strategy of all other relationships,
-- * `far`: relationship → FROM element, for contains_eager,
-- * `polymorphic`: set of mappers that inherit and are loaded along,
-- * `criteria`: conditions for the rows of models, the same list in all nodes.
-- @module pgvector.orm.options

local class = require "pgvector.class"
local errors = require "pgvector.errors"
local loader_criteria = require "pgvector.orm.criteria"
local Mapper = require "pgvector.orm.mapper"
local polymorphic = require "pgvector.orm.polymorphic"
local RelationshipAttribute = require "pgvector.orm.attribute"
local traverse = require "pgvector.sql.traverse"

local options = {}

local Load = class("LoaderOption")

local function extended(self, entry, path)
  local copy = { path = path or self.path, entries = {} }
  for i, each in ipairs(self.entries) do copy.entries[i] = each end
  copy.entries[#copy.entries + 1] = entry
  return setmetatable(copy, Load)
end

local empty = setmetatable({ path = {}, entries = {} }, Load)

local function check_continues(name, attribute, last)
  local target = last and last.relationship.target
  if target and not (target:_is_a(attribute.relationship.mapper) or attribute.relationship.mapper:_is_a(target)) then
    errors.raise("ArgumentError", "%s: %s does not continue %s", name, tostring(attribute), tostring(last))
  end
end

-- Relationships that lead nowhere may be all at once.
local for_all = { raise = true, noload = true, select = true, selectin = true }

local function relationship_step(name, strategy)
  return function(self, attribute)
    if attribute == "*" and for_all[strategy] then
      return extended(self, { path = self.path, others = strategy })
    elseif not class.is(attribute, RelationshipAttribute) then
      errors.raise("ArgumentError", "%s: expected a relationship such as Owner.items, got %s", name,
        class.describe(attribute))
    end
    if attribute.relationship.lazy == "write_only" then
      errors.raise("ArgumentError", "%s: %s is write_only: it is never loaded", name, tostring(attribute))
    end
    check_continues(name, attribute, self.path[#self.path])
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
      local is_expression = type(column) == "table" and column.__visit_name == "label"
      if type(column) ~= "table" or not is_expression and (column.__visit_name ~= "column" or not column.table) then
        errors.raise("ArgumentError", "%s: argument %d: expected a column of a model, got %s", name, i,
          class.describe(column))
      end
      if is_expression then
        local found = {}
        traverse.collect_froms(column, found)
        from = from or found[1]
      end
      from = from or column.table
      keys[column.key or column.name] = true
    end
    return extended(self, { path = self.path, field = field, keys = keys, from = from })
  end
end

--- Loads with the statement, by an outer join.
Load.joinedload = relationship_step("joinedload", "joined")
--- Loads with one more query for all objects.
Load.selectinload = relationship_step("selectinload", "selectin")
--- Makes reading it an error; `"*"`: of all other relationships.
Load.raiseload = relationship_step("raiseload", "raise")
--- Leaves it empty.
Load.noload = relationship_step("noload", "noload")
--- Loads when it is read.
Load.lazyload = relationship_step("lazyload", "select")
--- Takes the columns of a join that the statement has already.
Load.contains_eager = relationship_step("contains_eager", "contained")
--- Goes on to what it leads to, and leaves the relationship itself as it is.
Load.defaultload = relationship_step("defaultload", nil)
--- Loads these columns and the key alone; others when they are read.
Load.load_only = column_step("load_only", "only")
--- Loads columns when they are read.
Load.defer = column_step("defer", "defer")
--- Loads deferred columns at once.
Load.undefer = column_step("undefer", "undefer")

--- Loads the deferred columns of a group at once.
-- @tparam string name of `deferred_group`
function Load:undefer_group(name)
  if type(name) ~= "string" then
    errors.raise("ArgumentError", "undefer_group: expected the name of a group, got %s", class.describe(name))
  end
  return extended(self, { path = self.path, group = name })
end

--- Loads what lies in the tables of models that inherit from the target, with
-- one more query for each of these models.
-- @tparam table|string models a sequence of models, or "*" for all
function Load:selectin_polymorphic(models)
  local last = self.path[#self.path]
  if not last then
    errors.raise("ArgumentError", "selectin_polymorphic: a chain begins with orm.selectin_polymorphic(Model, models)")
  end
  local mappers = polymorphic.chosen(last.relationship.target, models, "selectin_polymorphic")
  return extended(self, { path = self.path, mappers = mappers })
end
class.seal(Load)

--- The same for the model that is selected.
-- @tparam Model model
-- @tparam table|string models
function options.selectin_polymorphic(model, models)
  local mapper = Mapper.of(model)
  if not mapper or mapper.model ~= model then
    errors.raise("ArgumentError", "selectin_polymorphic: expected a model, got %s", class.describe(model))
  end
  local mappers = polymorphic.chosen(mapper, models, "selectin_polymorphic")
  return extended(empty, { path = {}, mappers = mappers, from = mapper.clause })
end

-- The functions that begin a chain.
options.exports = {
  with_loader_criteria = loader_criteria.with_loader_criteria, selectin_polymorphic = options.selectin_polymorphic,
}
for _, name in ipairs{
  "joinedload", "selectinload", "raiseload", "noload", "lazyload", "contains_eager", "defaultload", "load_only",
  "defer", "undefer", "undefer_group",
} do
  options.exports[name] = function(...) return Load[name](empty, ...) end
end

---- trees --------------------------------------------------------------------------------

local function new_node(criteria)
  return { strategies = {}, nodes = {}, far = {}, criteria = criteria }
end

local function child(nodes, key, criteria)
  nodes[key] = nodes[key] or new_node(criteria)
  return nodes[key]
end

local function note_entry(node, entry, criteria)
  if entry.attribute then
    local relationship = entry.attribute.relationship
    if entry.strategy then node.strategies[relationship] = entry.strategy end
    node.far[relationship] = entry.attribute.far
    child(node.nodes, relationship, criteria)
  elseif entry.others then
    node.others = entry.others
  elseif entry.group then
    node.groups = node.groups or {}
    node.groups[entry.group] = true
  elseif entry.mappers then
    node.polymorphic = node.polymorphic or {}
    for _, mapper in ipairs(entry.mappers) do node.polymorphic[mapper] = true end
  else
    node[entry.field] = node[entry.field] or {}
    for key in pairs(entry.keys) do node[entry.field][key] = true end
  end
end

-- The fields of several nodes in one.
local function merged(nodes, criteria)
  if #nodes < 2 then return nodes[1] end
  local all = new_node(criteria)
  for _, node in ipairs(nodes) do
    all.others = all.others or node.others
    for _, field in ipairs{ "strategies", "nodes", "far", "only", "defer", "undefer", "groups", "polymorphic" } do
      for key, value in pairs(node[field] or {}) do
        all[field] = all[field] or {}
        all[field][key] = value
      end
    end
  end
  return all
end

local Trees = class("Trees")

--- The node of an entity, or nil: what was said of its FROM element, and of
-- models whose objects are among its own. What names none (`undefer_group`,
-- `raiseload "*"`) is for all.
-- @tparam table entity
-- @treturn ?table
function Trees:of(entity)
  local from, mapper = rawget(entity, "__clause"), rawget(entity, "__mapper")
  local nodes, there = { rawget(entity, "__node") }, {}
  nodes[#nodes + 1] = self.everywhere
  local function add(part)
    if there[part] then return end
    there[part] = true
    if self.by_from[part] then
      self.used[part] = true
      nodes[#nodes + 1] = self.by_from[part]
    end
  end
  from:_each_from(add)
  if there[mapper.root.table] then -- no alias
    mapper:_each_below(function(each)
      add(each.clause)
      add(each.table)
    end)
  end
  return merged(nodes, self.criteria) or self.criteria and new_node(self.criteria)
end

--- Raises if something was said of what is not selected.
function Trees:check()
  for _, first in ipairs(self.first) do
    if not self.used[first.from] then
      errors.raise("ArgumentError", "options: the statement selects no objects that %s could be about", first.what)
    end
  end
end

--- The trees of a statement's options, by FROM element.
-- @tparam ?table list of options
function options.trees(list)
  local trees = setmetatable({ by_from = {}, used = {}, first = {} }, Trees)
  for i, option in ipairs(list or {}) do
    if class.is(option, loader_criteria.Criteria) then
      trees.criteria = trees.criteria or {}
      table.insert(trees.criteria, option)
    elseif not class.is(option, Load) then
      errors.raise("ArgumentError", "options: argument %d: expected a loader option, got %s", i,
        class.describe(option))
    end
  end
  local criteria = trees.criteria
  for _, option in ipairs(list or {}) do
    for _, entry in ipairs(option.entries or {}) do
      local first = entry.path[1] or entry.attribute
      local from = first and first.source or entry.from
      local node
      if from then
        node = child(trees.by_from, from, criteria)
        trees.first[#trees.first + 1] = { from = from, what = first and tostring(first) or from:_describe() }
      else
        trees.everywhere = trees.everywhere or new_node(criteria)
        node = trees.everywhere
      end
      for _, step in ipairs(entry.path) do node = child(node.nodes, step.relationship, criteria) end
      note_entry(node, entry, criteria)
    end
  end
  return trees
end

--- How a relationship is loaded for objects with these options.
-- @tparam ?table node
-- @tparam Relationship relationship
-- @treturn string
function options.strategy(node, relationship)
  return node and (node.strategies[relationship] or node.others) or relationship.lazy
end

--- The node below.
function options.below(node, relationship)
  return node and (node.nodes[relationship] or node.criteria and new_node(node.criteria))
end

--- Is an attribute loaded at once?
-- @tparam ?table node
-- @tparam table attribute a column, or a property that is an expression
-- @tparam string key
function options.is_wanted(node, attribute, key)
  local wanted = not attribute.deferred
  if node then
    if node.only then wanted = node.only[key] or false end
    if node.defer and node.defer[key] then wanted = false end
    if node.undefer and node.undefer[key] then wanted = true end
    if node.groups and attribute.deferred_group and node.groups[attribute.deferred_group] then wanted = true end
  end
  return wanted
end

--- What is selected for an entity: its columns that are loaded at once, those
-- of models that share its rows, and its properties that are expressions.
-- @tparam ?table node
-- @tparam Mapper mapper
-- @tparam table from
-- @tparam table columns of the FROM element
-- @treturn table sequence
function options.columns(node, mapper, from, columns)
  local mapped = {}
  mapper:_each_below(function(each)
    for _, column in ipairs(each.columns) do mapped[column] = true end
  end)
  local chosen = {}
  for _, column in ipairs(columns) do
    local own = column._origin or column
    if mapped[own] and (options.is_wanted(node, own, own.key) or own.primary_key or rawequal(mapper.polymorphic_on, own)
        or mapper.version and rawequal(mapper.version.column, own)) then
      chosen[#chosen + 1] = column
    end
  end
  for _, property in ipairs(mapper.expressions) do
    if property == mapper.version or options.is_wanted(node, property, property.key) then
      chosen[#chosen + 1] = property:expression(from)
    end
  end
  return chosen
end

return options
