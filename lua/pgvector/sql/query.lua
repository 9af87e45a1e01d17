--- What SELECT and set operations share: order, limits, and all the ways in
-- which one becomes part of another statement.
-- @module pgvector.sql.query

local chain = require "pgvector.util.chain"
local class = require "pgvector.class"
local errors = require "pgvector.errors"
local base = require "pgvector.sql.base"
local coerce = require "pgvector.sql.coerce"
local selectable = require "pgvector.sql.selectable"
local create_as = require "pgvector.sql.create_as"
local cte = require "pgvector.sql.cte"
local exists = require "pgvector.sql.exists"
local types = require "pgvector.types"
local statement = require "pgvector.sql.statement"
local core = require "pgvector.core"

local query = {}

local Query = class("Query", statement.Statement)
Query._is_query = true
Query._kind = "select"
query.Query = Query

-- Subqueries --------------------------------------------------------------------

-- The columns as a FROM element shows them; unnamed ones cannot be shown.
function Query:_exported()
  local list = {}
  for _, entry in ipairs(self:_selected(true)) do
    if entry.key then list[#list + 1] = { key = entry.key, name = entry.name, source = entry.source } end
  end
  return list
end

--- `(SELECT …) AS name`, to select from.
-- @tparam[opt] string name
-- @treturn table subquery with its columns in `c`
function Query:subquery(name) return selectable.Subquery:_new(self, name, self:_exported()) end

--- The same as `subquery`.
function Query:alias(name) return selectable.Subquery:_new(self, name, self:_exported()) end

--- `LATERAL (SELECT …) AS name`: may refer to the FROM elements before it.
-- @tparam[opt] string name
-- @treturn table subquery with its columns in `c`
function Query:lateral(name) return selectable.Lateral:_new(self, name, self:_exported()) end

--- A common table expression, `WITH name AS (SELECT …)`.
-- @tparam[opt] string name
-- @tparam[opt] table options `recursive = true`; `materialized = true | false`;
--   `nesting = true`: in the WITH clause of the select that refers to it, not of
--   the whole statement
-- @treturn table CTE with its columns in `c`
function Query:cte(name, options) return cte.new(self, name, options, self:_exported()) end

function Query:_scalar()
  local columns = self:_selected()
  if #columns ~= 1 then
    errors.raise("ArgumentError", "a scalar subquery must select one column, this one selects %d", #columns)
  end
  return base.node{ __visit_name = "scalar_select", element = self, type = columns[1].type }
end

--- The SELECT as a value: `(SELECT …)`, one column of one row.
-- @treturn table expression
function Query:scalar_subquery() return self:_scalar() end

--- The SELECT as a value with a name: `(SELECT …) AS name`.
-- @tparam string name
-- @treturn table expression
function Query:label(name) return self:_scalar():label(name) end

--- `EXISTS (SELECT …)`; conditions may follow, as with `pg.exists`.
-- @treturn table condition
function Query:exists() return exists.new(self) end

--- `CREATE TABLE name AS SELECT …`: stores the rows in a new table.
-- @tparam string name
-- @tparam[opt] table options `schema`, `temporary`, `if_not_exists`
-- @treturn table statement; its `table` can be selected from
function Query:into(name, options) return create_as.new(self, name, options) end

-- Order and limits ------------------------------------------------------------------

-- Elements of ORDER BY and GROUP BY: expressions, or names of labels or columns.
local function ordering(where, ...)
  local n = select("#", ...)
  if n == 0 then errors.raise("ArgumentError", "%s needs at least one expression", where) end
  local list = { ... }
  for i = 1, n do
    local item = list[i]
    if type(item) == "string" then
      list[i] = base.node{ __visit_name = "name_reference", name = item, type = types.NULLTYPE }
    elseif coerce.is_query(item) then
      list[i] = item:_scalar()
    elseif not coerce.is_expression(item) then
      errors.raise("ArgumentError", "%s: argument %d is %s, not a column, a label or a name", where, i,
        coerce.describe(item))
    end
  end
  return list
end
query.ordering = ordering

--- `ORDER BY …`, added to what is there; `order_by(pg.null)` alone removes it.
-- A string names a label or a column and is never SQL.
-- @treturn table statement
function Query:order_by(...)
  local copy = self:_copy()
  if select("#", ...) == 1 and (...) == core.null then
    copy._order_by = nil
  else
    copy._order_by = chain.append(self._order_by, ordering("order_by", ...))
  end
  return copy
end

local function count(x, where)
  if coerce.is_expression(x) or coerce.is_query(x) then return coerce.expr(x, types.BigInteger, where) end
  if type(x) ~= "number" or x ~= math.floor(x) or x < 0 or x - x ~= 0 then
    errors.raise("ArgumentError", "%s: expected a whole number of at least 0, got %s", where, coerce.describe(x))
  end
  return base.bind(x, types.BigInteger)
end

local function limit_method(field, where)
  return function(self, x)
    local copy = self:_copy()
    if x == core.null then
      copy[field] = nil
    else
      copy[field] = count(x, where)
      if field == "_limit" then copy._fetch = nil end
    end
    return copy
  end
end

--- `LIMIT n`, in the place of a `fetch`; `limit(pg.null)` removes it.
-- @treturn table statement
Query.limit = limit_method("_limit", "limit")

--- `OFFSET n`; `offset(pg.null)` removes it.
-- @treturn table statement
Query.offset = limit_method("_offset", "offset")

--- `FETCH FIRST n ROWS ONLY`, or `WITH TIES`, in the place of a `limit`.
-- @param n
-- @tparam[opt] table options `with_ties = true`
-- @treturn table statement
function Query:fetch(n, options)
  options = errors.check_options(options, { with_ties = true }, "fetch")
  local copy = self:_copy()
  copy._limit = nil
  copy._fetch = { count = count(n, "fetch"), with_ties = options.with_ties }
  return copy
end

return query
