--- The SQL expression language: the names that `require "pgvector"` offers of it.
-- @module pgvector.sql

local class = require "pgvector.class"
local errors = require "pgvector.errors"
local coerce = require "pgvector.sql.coerce"
local column = require "pgvector.sql.column"
local compound = require "pgvector.sql.compound"
local constraints = require "pgvector.sql.constraints"
local ddl = require "pgvector.sql.ddl"
local expressions = require "pgvector.sql.expressions"
local functions = require "pgvector.sql.functions"
local index = require "pgvector.sql.index"
local insert = require "pgvector.sql.insert"
local schema = require "pgvector.sql.schema"
local select_ = require "pgvector.sql.select"
local selectable = require "pgvector.sql.selectable"
local text = require "pgvector.sql.text"
local update = require "pgvector.sql.update"
local values = require "pgvector.sql.values"
local view = require "pgvector.sql.view"
local types = require "pgvector.types"

local sql = {
  select = select_.select, insert = insert.insert, update = update.update, delete = update.delete,
  text = text.text, values = values.values,
  func = functions.func, avg = functions.avg, sum = functions.sum, window = functions.window,
}

for name, fn in pairs(expressions) do sql[name] = fn end
for name, fn in pairs(compound.functions) do sql[name] = fn end
for _, part in ipairs{ column, constraints, ddl, index, schema, view } do
  for name, fn in pairs(part.exports) do sql[name] = fn end
end

--- A column by its name alone: `pg.column("total", pg.Integer)`.
function sql.column(name, type_)
  if type(name) ~= "string" or name == "" then errors.raise("ArgumentError", "column: expected a name") end
  return selectable.column(name, type_ and types.expect(type_, "column") or types.NULLTYPE)
end

local TableClause = class("TableClause", selectable.FromClause)
TableClause.__visit_name = "table"
class.seal(TableClause)

--- A table that no metadata knows, by its name and perhaps columns:
-- `pg.table("items", pg.column("id", pg.Integer))`.
function sql.table(name, ...)
  if type(name) ~= "string" or name == "" then errors.raise("ArgumentError", "table: expected a name") end
  local from = setmetatable({ name = name, _column_list = {} }, TableClause)
  for i = 1, select("#", ...) do
    local item = select(i, ...)
    if type(item) == "string" then item = sql.column(item) end
    if not coerce.is_expression(item) or item.__visit_name ~= "column" then
      errors.raise("ArgumentError", "table: argument %d must be a column or its name", i + 1)
    end
    from._column_list[i] = selectable.proxy(from, item.key, item.name, item)
  end
  from.c = selectable.namespace(from)
  return from
end

--- A table, alias or subquery under another name.
function sql.alias(x, name) return coerce.from(x, "alias"):alias(name) end

--- `left JOIN right ON condition`.
function sql.join(left, right, condition, options)
  return coerce.from(left, "join"):join(right, condition, options)
end

--- `left LEFT OUTER JOIN right ON condition`.
function sql.outerjoin(left, right, condition) return coerce.from(left, "outerjoin"):outerjoin(right, condition) end

--- `x TABLESAMPLE sampling`.
function sql.tablesample(x, sampling, options)
  return coerce.from(x, "tablesample"):tablesample(sampling, options)
end

return sql
