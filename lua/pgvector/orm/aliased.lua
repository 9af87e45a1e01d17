--- A model under another name in a statement.
-- @module pgvector.orm.aliased

local coerce = require "pgvector.sql.coerce"
local constraints = require "pgvector.sql.constraints"
local errors = require "pgvector.errors"
local Mapper = require "pgvector.orm.mapper"

local aliased_mt = { __name = "aliased model" }

-- `A.title`, `A.owner`: as of the model, seen through the alias.
function aliased_mt.__index(self, key)
  if type(key) == "string" and key:sub(1, 2) == "__" then return nil end
  local mapper, from = rawget(self, "__mapper"), rawget(self, "__clause")
  local attribute = mapper:_attribute(key)
  if attribute == nil then mapper:_unknown(key) end
  if constraints.is_column(attribute) then return from.c[key] end
  return attribute:_class_value(from, self)
end

function aliased_mt.__tostring(self)
  return ("alias '%s' of model '%s'"):format(tostring(rawget(self, "__clause").name),
    rawget(self, "__mapper").name)
end

--- An alias: of a model one that is selected from as a model, of a table or
-- subquery a FROM element.
-- @param x a model, table or subquery
-- @tparam[opt] string name
local function aliased(x, name)
  local mapper = Mapper.of(x)
  if not mapper then return coerce.from(x, "aliased"):alias(name) end
  if rawget(x, "__polymorphic") then
    errors.raise("ArgumentError", "aliased: expected a model, a table or a subquery, got %s", tostring(x))
  end
  local alias = { __clause = mapper:_alias(name), __mapper = mapper }
  if mapper.inherits then
    alias.__criterion = function(from) return mapper:_criterion(from) end
    for _, column in ipairs(alias.__clause:_columns()) do column._heir = alias end
  end
  return setmetatable(alias, aliased_mt)
end

return aliased
