--- The statement that a session really sends: with the columns that loader
-- options choose, with the joins and conditions that they ask for.
-- @module pgvector.orm.preparing

local chain = require "pgvector.util.chain"
local compat = require "pgvector.compat"
local criteria = require "pgvector.orm.criteria"
local joined = require "pgvector.orm.joined"
local options = require "pgvector.orm.options"
local plans = require "pgvector.orm.plans"

local preparing = {}

--- Does a statement give instances?
function preparing.has_entity(stmt)
  for _, entity in ipairs(stmt._entities and stmt:_entities() or {}) do
    if entity.kind == "entity" then return true end
  end
  return false
end

-- The plans of what the user selected: an entity, or a single value.
local function visible_plans(entities)
  local list, position = {}, 1
  for _, entity in ipairs(entities) do
    if entity.kind == "entity" then
      list[#list + 1] = plans.of_entity(entity, position)
    else
      for i in ipairs(entity.columns) do list[#list + 1] = { position = position + i - 1 } end
    end
    position = position + #entity.columns
  end
  return list
end

-- The plans of what is loaded along, by the statement's last entities.
local function hidden_plans(stmt, wishes)
  local entities = stmt:_entities()
  local list, position = {}, 1
  local first = #entities - #wishes
  for i, entity in ipairs(entities) do
    if i > first then
      local wish = wishes[i - first]
      entity.node = wish.node
      local plan = plans.of_entity(entity, position)
      plan.wish, wish.plan = wish, plan
      list[#list + 1] = plan
    end
    position = position + #entity.columns
  end
  return list
end

-- The plans of what the user's own statement joins.
local function there_already(list)
  local there = {}
  for _, plan in ipairs(list) do
    if plan.wish.contained then there[#there + 1] = plan end
  end
  return there
end

-- Chooses the columns of the entities, each by its loader options.
local function with_columns(stmt, node_of)
  local chosen = stmt:_with_entity_columns(function(entity, columns)
    local mapper, from = rawget(entity, "__mapper"), rawget(entity, "__clause")
    return options.columns(node_of(entity), mapper, from, columns)
  end)
  local entities = chosen:_entities()
  for _, entity in ipairs(entities) do
    if entity.kind == "entity" then entity.node = node_of(entity.entity) end
  end
  return chosen, entities
end

-- The statement with criteria for all rows that it reads.
local function with_row_criteria(stmt, list)
  local of_rows = list and criteria.of_rows(list)
  if not of_rows then return stmt end
  local copy = stmt:_copy()
  copy._row_criteria = of_rows
  return copy
end

-- Adds what options demand of the rows of entities; returns all criteria, too.
local function with_criteria(stmt, node_of, list)
  for _, entity in ipairs(stmt:_entities()) do
    if entity.kind == "entity" and stmt.where then
      local node = node_of(entity.entity)
      local conditions = criteria.of_entity(node, rawget(entity.entity, "__mapper"), entity.from)
      if #conditions > 0 then stmt = stmt:where(compat.unpack(conditions)) end
      list = list or node and node.criteria
    end
  end
  return stmt, list
end

-- Kept with the user's statement.
local prepared = setmetatable({}, { __mode = "k" })

--- What is sent for a statement that gives instances, and how its rows are read.
-- @tparam table stmt
-- @treturn table `stmt`; `visible` and `hidden`: plans of what the user selected
--   and of what is loaded along; `entity_plan`: those of the entities; `has_list`:
--   do rows repeat what the user selected?
function preparing.prepare(stmt)
  local ready = prepared[stmt]
  if ready then return ready end
  local trees, nodes = options.trees(chain.items(stmt._options)), {}
  local function node_of(entity)
    if nodes[entity] == nil then nodes[entity] = trees:of(entity) or false end
    return nodes[entity] or nil
  end
  local restricted, list = with_criteria(stmt, node_of, trees.criteria)
  local chosen, entities = with_columns(restricted, node_of)
  trees:check()
  ready = { stmt = chosen, visible = visible_plans(entities), hidden = {}, has_list = false }
  if stmt._kind == "select" and stmt.join_from then
    local wishes
    ready.stmt, wishes = joined.prepare(chosen, entities)
    ready.hidden = hidden_plans(ready.stmt, wishes)
    if stmt._from_statement then ready.hidden = there_already(ready.hidden) end
    for _, plan in ipairs(ready.hidden) do
      local wish = plan.wish
      ready.has_list = ready.has_list or wish.relationship.is_list
      if not wish.parent then
        for i, entity in ipairs(entities) do
          if rawequal(entity, wish.entity) then wish.root = i end
        end
      end
    end
    ready.entity_plan = {}
    local at = 0
    for i, entity in ipairs(entities) do
      at = at + (entity.kind == "entity" and 1 or #entity.columns)
      ready.entity_plan[i] = ready.visible[at]
    end
  end
  ready.stmt = with_row_criteria(ready.stmt, list)
  prepared[stmt] = ready
  return ready
end

--- What is sent for one that gives none.
-- @tparam table stmt
-- @treturn table statement
function preparing.plain(stmt)
  if not stmt._options or prepared[stmt] then return prepared[stmt] or stmt end
  local trees = options.trees(chain.items(stmt._options))
  trees:check()
  local ready = with_row_criteria(stmt, trees.criteria)
  if ready ~= stmt then prepared[stmt] = ready end
  return ready
end

return preparing
