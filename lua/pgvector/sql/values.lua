--- VALUES as a FROM element.
-- @module pgvector.sql.values

local class = require "pgvector.class"
local errors = require "pgvector.errors"
local coerce = require "pgvector.sql.coerce"
local selectable = require "pgvector.sql.selectable"
local types = require "pgvector.types"
local base = require "pgvector.sql.base"
local core = require "pgvector.core"

local Values = class("Values", selectable.Alias)
Values.__visit_name = "values"

-- The type of a column of which only the values are known.
local function column_type(rows, j)
  local type_ = types.NULLTYPE
  for _, row in ipairs(rows) do
    local value = row[j]
    if coerce.is_expression(value) then
      if value.type ~= types.NULLTYPE then return value.type end
    elseif value ~= nil and value ~= core.null then
      local t = types.of_constant(value)
      local widens = t == types.Double or t == types.BigInteger and type_ == types.Integer
      if type_ == types.NULLTYPE or widens then type_ = t end
    end
  end
  return type_ == types.NULLTYPE and types.Text or type_
end

local function bound(value, type_)
  if value == nil then value = core.null end
  -- nothing tells the server the type of a NULL that comes first
  if value == core.null then return base.bind(value, type_) end
  return coerce.expr(value, type_, "values")
end

--- `(VALUES (…), …) AS name (columns)`.
-- @tparam table columns names, or `pg.column(name, type)`; types are found from
--   the values if not told
-- @tparam table rows sequence of sequences; `pg.null` for NULL
-- @tparam[opt] string name
-- @treturn table FROM element with its columns in `c`
local function values(columns, rows, name)
  if type(columns) ~= "table" or #columns == 0 then
    errors.raise("ArgumentError", "values: expected the names of the columns, then the rows")
  end
  if type(rows) ~= "table" or #rows == 0 then errors.raise("ArgumentError", "values: there are no rows") end
  local width = #columns
  for i, row in ipairs(rows) do
    if type(row) ~= "table" or (row.n or #row) > width then
      errors.raise("ArgumentError", "values: row %d must be a sequence of %d values", i, width)
    end
    for j = 1, width do
      if row[j] == nil and not row.n then
        errors.raise("ArgumentError", "values: row %d has no value %d; pg.null means NULL", i, j)
      end
    end
  end
  local list = {}
  for j, item in ipairs(columns) do
    if coerce.is_expression(item) and item.__visit_name == "column" then
      local type_ = item.type ~= types.NULLTYPE and item.type or column_type(rows, j)
      list[j] = { key = item.key, name = item.name, source = selectable.column(item.name, type_) }
    elseif type(item) == "string" then
      list[j] = { key = item, name = item, source = selectable.column(item, column_type(rows, j)) }
    else
      errors.raise("ArgumentError", "values: column %d must be a name or pg.column(name, type)", j)
    end
  end
  local from = Values:_new(nil, name, list)
  from.rows = {}
  for i, row in ipairs(rows) do
    local nodes = {}
    for j = 1, width do nodes[j] = bound(row[j], list[j].source.type) end
    from.rows[i] = nodes
  end
  return from
end

function Values:_describe() return self.name and "'" .. self.name .. "'" or "VALUES" end

--- The same rows under a name.
function Values:alias(name)
  local columns = {}
  for i, column in ipairs(self:_columns()) do
    columns[i] = { key = column.key, name = column.name, source = column._source }
  end
  local copy = Values:_new(nil, name, columns)
  copy.rows = self.rows
  return copy
end

class.seal(Values)

return { values = values, Values = Values }
