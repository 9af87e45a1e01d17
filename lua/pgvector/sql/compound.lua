--- Set operations: UNION, INTERSECT, EXCEPT.
-- @module pgvector.sql.compound

local class = require "pgvector.class"
local errors = require "pgvector.errors"
local base = require "pgvector.sql.base"
local coerce = require "pgvector.sql.coerce"
local query = require "pgvector.sql.query"
local types = require "pgvector.types"

local compound = {}

local Query = query.Query

-- Set operations of the selects in `arms`.
function Query:_united(operator, arms)
  local width = #self:_selected()
  for i = 2, #arms do
    if #arms[i]:_selected() ~= width then
      errors.raise("ArgumentError", "%s: select %d has %d columns, the first one has %d", operator, i,
        #arms[i]:_selected(), width)
    end
  end
  return setmetatable({ __visit_name = "compound", _operator = operator, _arms = arms }, compound.CompoundSelect)
end

local function operation(operator)
  return function(self, ...)
    local arms, n = { self, ... }, select("#", ...) + 1
    if n < 2 then errors.raise("ArgumentError", "%s needs another select", operator) end
    for i = 2, n do
      if not coerce.is_query(arms[i]) then
        errors.raise("ArgumentError", "%s: argument %d is %s, not a select", operator, i - 1, coerce.describe(arms[i]))
      end
    end
    return self:_united(operator, arms)
  end
end

local operations = {
  union = "UNION", union_all = "UNION ALL", intersect = "INTERSECT", intersect_all = "INTERSECT ALL",
  except = "EXCEPT", except_all = "EXCEPT ALL",
}

--- `self UNION other`. Also `union_all`, `intersect`, `intersect_all`,
-- `except`, `except_all`.
-- @function Query:union
for name, operator in pairs(operations) do Query[name] = operation(operator) end

--- The same as functions: `pg.union_all(a, b)`.
compound.functions = {}
for name, operator in pairs(operations) do
  compound.functions[name] = function(first, ...)
    if not coerce.is_query(first) then
      errors.raise("ArgumentError", "%s: argument 1 is %s, not a select", operator, coerce.describe(first))
    end
    return Query[name](first, ...)
  end
end

class.seal(Query)

local CompoundSelect = class("CompoundSelect", Query)
compound.CompoundSelect = CompoundSelect

-- A set operation returns what its first arm does.
function CompoundSelect:_selected(unique) return self._arms[1]:_selected(unique) end

function CompoundSelect:_entities() return self._arms[1]:_entities() end

function CompoundSelect:_output_names()
  local names = {}
  for _, entry in ipairs(self:_selected()) do
    if entry.name then names[entry.name] = entry.expr end
  end
  return names
end

local function named(name)
  return base.node{ __visit_name = "name_reference", name = name, type = types.NULLTYPE }
end

-- An element of ORDER BY by the name of the column that it means: a set
-- operation can be ordered by nothing else.
function CompoundSelect:_by_output_name(item)
  if item.__visit_name == "ordering" then
    return base.with(item, { element = self:_by_output_name(item.element) })
  elseif item.__visit_name == "literal_column" then
    return item
  elseif item.__visit_name == "name_reference" then
    local of_key
    for _, entry in ipairs(self:_selected()) do
      if entry.name == item.name then return item end
      if entry.key == item.name then of_key = entry end
    end
    return of_key and of_key.name and named(of_key.name) or item
  end
  for _, arm in ipairs(self._arms) do
    for i, entry in ipairs(arm:_selected()) do
      if rawequal(entry.expr, item) or rawequal(entry.source, item) then
        return named(self:_selected()[i].name)
      end
    end
  end
  errors.raise("ArgumentError", "order_by: a %s is ordered by its columns, %s is none of them", self._operator,
    tostring(item))
end

class.seal(CompoundSelect)

return compound
