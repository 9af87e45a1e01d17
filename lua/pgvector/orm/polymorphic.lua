--- Loading a model together with what lies in the tables of models that inherit
-- from it.
-- @module pgvector.orm.polymorphic

local class = require "pgvector.class"
local errors = require "pgvector.errors"
local Mapper = require "pgvector.orm.mapper"

local polymorphic = {}

local function model_mapper(model, where)
  local mapper = Mapper.of(model)
  if not mapper or mapper.model ~= model then
    errors.raise("ArgumentError", "%s: expected a model, got %s", where, class.describe(model))
  end
  return mapper
end

--- The mappers that some models name.
-- @tparam Mapper base
-- @tparam table|string models a sequence of models that inherit from it, or "*": all
-- @tparam string where
-- @treturn table sequence, those above first
function polymorphic.chosen(base, models, where)
  local wanted = {}
  if models ~= "*" then
    if type(models) ~= "table" or Mapper.of(models) or #models == 0 then
      errors.raise("ArgumentError", "%s: expected a sequence of models or \"*\", got %s", where, class.describe(models))
    end
    for _, model in ipairs(models) do
      local mapper = model_mapper(model, where)
      if mapper == base or not mapper:_is_a(base) then
        errors.raise("ArgumentError", "%s: model '%s' does not inherit from '%s'", where, mapper.name, base.name)
      end
      wanted[mapper] = true
    end
  end
  local list = {}
  base:_each_below(function(mapper)
    if mapper ~= base and (models == "*" or wanted[mapper]) then list[#list + 1] = mapper end
  end)
  return list
end

---- with_polymorphic ------------------------------------------------------------------

local entity_mt = { __name = "polymorphic model" }

-- Its attributes are the model's.
function entity_mt.__index(self, key)
  if type(key) == "string" and key:sub(1, 2) == "__" then return nil end
  return rawget(self, "__mapper").model[key]
end

function entity_mt.__tostring(self)
  return ("model '%s' with those that inherit from it"):format(rawget(self, "__mapper").name)
end

-- Joins the tables by which a mapper goes beyond those that are there.
local function joined(clause, mapper, there)
  if mapper.inherits then clause = joined(clause, mapper.inherits, there) end
  if not mapper.link or there[mapper.table] then return clause end
  there[mapper.table] = true
  return clause:outerjoin(mapper.table, mapper:_link_condition())
end

--- A model to select from, whose query also reads the tables of models that
-- inherit from it, by outer joins; their attributes can stand in its conditions.
-- @tparam Model model
-- @tparam table|string models a sequence of models, or "*" for all
-- @return what `select` takes like a model
function polymorphic.with_polymorphic(model, models)
  local base = model_mapper(model, "with_polymorphic")
  local list = polymorphic.chosen(base, models, "with_polymorphic")
  local clause, there = base.clause, {}
  for _, tbl in ipairs(base.tables) do there[tbl] = true end
  for _, mapper in ipairs(list) do clause = joined(clause, mapper, there) end
  return setmetatable({
    __clause = clause, __mapper = base, __polymorphic = list, __criterion = rawget(model, "__criterion"),
    __attribute = Mapper.attribute_of,
  }, entity_mt)
end

return polymorphic
