--- Common table expressions.
-- @module pgvector.sql.cte

local class = require "pgvector.class"
local errors = require "pgvector.errors"
local coerce = require "pgvector.sql.coerce"
local selectable = require "pgvector.sql.selectable"

local cte = {}

--- `WITH name AS (…)`.
local CTE = class("CTE", selectable.Alias)
CTE.__visit_name = "cte"
cte.CTE = CTE

local known = { recursive = true, materialized = true, nesting = true }

--- Makes a CTE.
-- @tparam table statement a SELECT, a set operation, or DML with RETURNING
-- @tparam ?string name
-- @tparam ?table options `recursive`, `materialized`, `nesting`
-- @tparam table columns sequence of `{ key=, name=, source= }`
-- @treturn table CTE
function cte.new(statement, name, options, columns)
  options = errors.check_options(options, known, "cte")
  local new = CTE:_new(statement, name, columns)
  new.recursive = options.recursive or nil
  new.materialized, new.nesting = options.materialized, options.nesting or nil
  return new
end

function CTE:_describe() return self.name and "'" .. self.name .. "'" or "a CTE" end

-- The two arms of a recursive CTE under the name of the first.
local function united(self, operator, arms, n)
  if n == 0 then errors.raise("ArgumentError", "a set operation needs another select") end
  local list = { self.element }
  for i = 1, n do
    if not coerce.is_query(arms[i]) then
      errors.raise("ArgumentError", "a set operation needs selects, argument %d is %s", i, coerce.describe(arms[i]))
    end
    list[i + 1] = arms[i]
  end
  local columns = {}
  for i, column in ipairs(self:_columns()) do
    columns[i] = { key = column.key, name = column.name, source = column._source }
  end
  local new = CTE:_new(self.element:_united(operator, list), self.name, columns)
  new.recursive, new.materialized, new.nesting = self.recursive, self.materialized, self.nesting
  new.restated = self
  return new
end

--- `WITH name AS (self UNION …)`: the recursive arm refers to `self`.
-- @treturn table CTE
function CTE:union(...) return united(self, "UNION", { ... }, select("#", ...)) end

--- `WITH name AS (self UNION ALL …)`.
-- @treturn table CTE
function CTE:union_all(...) return united(self, "UNION ALL", { ... }, select("#", ...)) end

--- `FROM name AS other`.
-- @tparam[opt] string name
-- @treturn table alias
function CTE:alias(name) return selectable.Alias:_new(self, name) end

class.seal(CTE)

return cte
