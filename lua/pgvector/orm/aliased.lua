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
  if constraints.is_column(attribute) then
    local column = from:_corresponding(attribute)
    if column then return column end
    errors.raise("ArgumentError", "%s has no column '%s' of model '%s'", from:_describe(), key, mapper.name)
  end
  return attribute:_class_value(from, self)
end

function aliased_mt.__tostring(self)
  return ("alias '%s' of model '%s'"):format(tostring(rawget(self, "__clause").name),
    rawget(self, "__mapper").name)
end

-- A FROM element whose rows are to become instances.
local function rows_of(mapper, from)
  for _, column in ipairs(mapper.primary_key) do
    if not from:_corresponding(column) then
      errors.raise("ArgumentError", "aliased: %s has no column '%s' of model '%s', which its rows are known by",
        from:_describe(), column.key, mapper.name)
    end
  end
  return from
end

--- An alias: of a model one that is selected from as a model, of a table or
-- subquery a FROM element.
-- @param x a model, table or subquery
-- @param[opt] name or, for a model, a subquery or CTE that selects its columns,
--   the primary key among them: its rows are the model's then
local function aliased(x, name)
  local mapper = Mapper.of(x)
  if not mapper then return coerce.from(x, "aliased"):alias(name) end
  if rawget(x, "__polymorphic") then
    errors.raise("ArgumentError", "aliased: expected a model, a table or a subquery, got %s", tostring(x))
  end
  local given = type(name) == "table" and coerce.from(name, "aliased")
  local alias = { __clause = given and rows_of(mapper, given) or mapper:_alias(name), __mapper = mapper,
                  __attribute = Mapper.attribute_of }
  if not given and mapper.inherits then
    alias.__criterion = function(from) return mapper:_criterion(from) end
    for _, column in ipairs(alias.__clause:_columns()) do column._heir = alias end
  end
  return setmetatable(alias, aliased_mt)
end

return aliased
