--- Conditions for all rows of a model that a statement reads:
-- `with_loader_criteria(Item, Item.deleted:is_null())`.
-- @module pgvector.orm.criteria

local adapt = require "pgvector.sql.adapt"
local base = require "pgvector.sql.base"
local class = require "pgvector.class"
local coerce = require "pgvector.sql.coerce"
local errors = require "pgvector.errors"
local Mapper = require "pgvector.orm.mapper"
local operators = require "pgvector.sql.operators"

local criteria = {}

--- The option.
local Criteria = class("LoaderCriteria")
criteria.Criteria = Criteria

--- Makes one: `with_loader_criteria(Item, Item.deleted:is_null())`.
-- @tparam Model model
-- @tparam table|function condition over the model, or a function `(Model)` that returns one
function criteria.with_loader_criteria(model, condition)
  local mapper = Mapper.of(model)
  if not mapper or mapper.model ~= model then
    errors.raise("ArgumentError", "with_loader_criteria: expected a model, got %s", class.describe(model))
  end
  if type(condition) == "function" then condition = condition(model) end
  return setmetatable({ mapper = mapper, condition = coerce.condition(condition, "with_loader_criteria") }, Criteria)
end

-- A criterion about a FROM element that shows the model's columns.
local function about(criterion, from)
  return adapt.to(criterion.condition, criterion.mapper.clause, from)
end

--- The conditions that criteria about models of several tables demand of the
-- rows of an entity.
-- @tparam ?table node
-- @tparam Mapper mapper
-- @tparam table from
-- @treturn table sequence
function criteria.of_entity(node, mapper, from)
  local list = {}
  for _, each in ipairs(node and node.criteria or {}) do
    if #each.mapper.tables > 1 and mapper:_is_a(each.mapper) then list[#list + 1] = about(each, from) end
  end
  return list
end

--- What criteria about models of one table demand of its rows, wherever it or
-- an alias of it is read. Rows of other models in the table are left alone.
-- @tparam table list sequence of criteria
-- @treturn ?function `function(from)` → sequence of conditions
function criteria.of_rows(list)
  local by_table, any = {}, false
  for _, each in ipairs(list) do
    if #each.mapper.tables == 1 then
      local of = by_table[each.mapper.table] or {}
      by_table[each.mapper.table], any = of, true
      of[#of + 1] = each
    end
  end
  if not any then return nil end
  return function(from)
    local conditions = {}
    for _, each in ipairs(by_table[from] or from.element and by_table[from.element] or {}) do
      local condition, own = about(each, from), each.mapper:_criterion(from)
      if own then
        local kind = from:_corresponding(each.mapper.polymorphic_on)
        condition = base.boolean(operators.or_, { kind:is_null(), own:not_(), condition }, 3)
      end
      conditions[#conditions + 1] = condition
    end
    return conditions
  end
end

return criteria
