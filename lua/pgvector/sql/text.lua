--- SQL written by hand: `pg.text("… :name …", { name = … })`.
--
-- Only `:name` outside strings, quoted names and comments is a parameter;
-- `::type`, `:=`, array slices are left alone and `\:` is a plain colon.
-- @module pgvector.sql.text

local class = require "pgvector.class"
local errors = require "pgvector.errors"
local base = require "pgvector.sql.base"
local element = require "pgvector.sql.element"
local coerce = require "pgvector.sql.coerce"
local operators = require "pgvector.sql.operators"
local selectable = require "pgvector.sql.selectable"
local statement = require "pgvector.sql.statement"
local cte = require "pgvector.sql.cte"
local tokenizer = require "pgvector.sql.tokenizer"
local types = require "pgvector.types"

--- Text as a statement and as an expression.
local TextClause = class("TextClause", element.ColumnElement)
TextClause.__visit_name = "text"
TextClause._kind = "text"
TextClause.type = types.NULLTYPE
-- its operators are not known, so it stands in parentheses beside any
TextClause.prec = operators.precedence.LOWEST

-- Cuts the text at its parameters: strings, and `{ name = … }` for each.
local function cut(sql)
  local pieces, names = {}, {}
  local start = 1
  local function flush(last)
    if last >= start then pieces[#pieces + 1] = sql:sub(start, last) end
  end
  for kind, first, last in tokenizer.tokens(sql) do
    if kind == "bind" then
      flush(first - 1)
      local name = sql:sub(first + 1, last)
      pieces[#pieces + 1] = { name = name }
      names[name] = true
      start = last + 1
    elseif kind == "escape" then
      flush(first - 1)
      start = last
    end
  end
  flush(#sql)
  return pieces, names
end

local function required(name)
  return base.node{ __visit_name = "bind", key = name, required = true, type = types.NULLTYPE }
end

local function new(sql, values)
  if type(sql) ~= "string" then
    errors.raise("ArgumentError", "text: expected a string, got %s", coerce.describe(sql))
  end
  if sql:find("\0", 1, true) then errors.raise("ArgumentError", "text: the SQL contains a zero byte") end
  local pieces, names = cut(sql)
  local parameters = {}
  for name in pairs(names) do parameters[name] = required(name) end
  local clause = setmetatable({ pieces = pieces, names = names, parameters = parameters }, TextClause)
  if values ~= nil then return clause:bindparams(values) end
  return clause
end

local function parameter(name, value)
  if coerce.is_expression(value) then
    if value.__visit_name ~= "bind" then
      errors.raise("ArgumentError", "text: the value of ':%s' must be a plain value, not an expression", name)
    end
    return base.with(value, { key = name })
  end
  return base.node{ __visit_name = "bind", key = name, value = value, type = types.of_value(value) }
end

--- Gives values to parameters. `pg.literal(value, type)` and
-- `pg.bindparam(name, { type = … })` tell a type too.
-- @tparam table values by name; parameters as `pg.bindparam` may stand in a
--   sequence, or be the arguments themselves
-- @treturn table text
function TextClause:bindparams(values, ...)
  if type(values) ~= "table" then errors.raise("ArgumentError", "text: expected a table of values by name") end
  if coerce.is_expression(values) then values = { values, ... } end
  local parameters = {}
  for name, bind in pairs(self.parameters) do parameters[name] = bind end
  for key, value in pairs(values) do
    local name = key
    if type(key) == "number" then
      if not (coerce.is_expression(value) and value.__visit_name == "bind" and value.key) then
        errors.raise("ArgumentError", "text: bindparams: argument %d: expected a pg.bindparam, got %s", key,
          class.describe(value))
      end
      name = value.key
    end
    if not self.names[name] then
      errors.raise("ArgumentError", "text: there is no parameter ':%s' in the SQL%s", tostring(name),
        errors.did_you_mean(name, self.names))
    end
    if type(key) == "number" then
      parameters[name] = value
    else
      parameters[name] = parameter(name, value)
    end
  end
  local copy = self:_copy()
  copy.parameters = parameters
  return copy
end

--- Tells the columns that the text returns, so that they have types and can be
-- used as a subquery: `:columns{ { "id", pg.Integer }, { "name", pg.Text } }` or
-- `:columns(Item.id, Item.title)`.
-- @treturn table text
function TextClause:columns(...)
  local list = { ... }
  if #list == 1 and not coerce.is_expression(list[1]) and type(list[1]) == "table" then list = list[1] end
  local columns = {}
  for i, item in ipairs(list) do
    if coerce.is_expression(item) and item.__visit_name == "column" then
      columns[i] = { expr = item, source = item, name = item.name, key = item.key, type = item.type }
    elseif type(item) == "table" and type(item[1]) == "string" then
      local column = selectable.column(item[1], types.expect(item[2], "columns"))
      columns[i] = { expr = column, source = column, name = item[1], key = item[1], type = item[2] }
    else
      errors.raise("ArgumentError", "columns: argument %d must be a column or { name, type }", i)
    end
  end
  if #columns == 0 then
    errors.raise("ArgumentError", "columns: expected columns, or a sequence of { name, type } in the text's order")
  end
  local copy = self:_copy()
  copy.result_columns = columns
  return copy
end

-- What subquery and cte show; see Query.
local function exported(self)
  if not self.result_columns then
    errors.raise("ArgumentError", "text: tell its columns first: pg.text(…):columns{ { \"id\", pg.Integer } }")
  end
  return self.result_columns
end

--- `(…) AS name`, to select from; `columns` first.
function TextClause:subquery(name) return selectable.Subquery:_new(self, name, exported(self)) end

--- A common table expression; `columns` first.
function TextClause:cte(name, options) return cte.new(self, name, options, exported(self)) end

for name, method in pairs(statement.shared) do TextClause[name] = method end

class.seal(TextClause)

return { text = new, TextClause = TextClause }
