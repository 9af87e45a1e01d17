--- The expressions that start from no column: literals, parameters, CASE,
-- CAST, tuples, and the functions over conditions.
-- @module pgvector.sql.expressions

local errors = require "pgvector.errors"
local base = require "pgvector.sql.base"
local coerce = require "pgvector.sql.coerce"
local exists = require "pgvector.sql.exists"
local operators = require "pgvector.sql.operators"
local select_ = require "pgvector.sql.select"
local types = require "pgvector.types"
local core = require "pgvector.core"

local expressions = {}

local node, expr = base.node, coerce.expr
local NULLTYPE = types.NULLTYPE

-- Conditions ---------------------------------------------------------------------

--- `a AND b AND …`; at least one condition.
function expressions.and_(...)
  local list, n = coerce.conditions("and_", ...)
  return base.boolean(operators.and_, list, n)
end

--- `a OR b OR …`; at least one condition. `pg.or_(pg.false_(), …)` starts an
-- empty list.
function expressions.or_(...)
  local list, n = coerce.conditions("or_", ...)
  return base.boolean(operators.or_, list, n)
end

--- `NOT a`, pushed inward where that is exact.
function expressions.not_(condition) return coerce.condition(condition, "not_"):not_() end

--- The constant `true`.
function expressions.true_() return base.TRUE end

--- The constant `false`.
function expressions.false_() return base.FALSE end

-- EXISTS ---------------------------------------------------------------------------

--- `EXISTS (SELECT …)`: of a select, or of columns and tables, to be followed
-- by `:where(…)`.
function expressions.exists(...)
  local first = ...
  local statement
  if select("#", ...) == 1 and coerce.is_query(first) then
    statement = first
  elseif select("#", ...) == 1 and type(first) == "table" and first.__visit_name == "scalar_select" then
    statement = first.element
  elseif select("#", ...) == 0 then
    statement = select_.select(expressions.literal_column("1"))
  else
    statement = select_.select(...)
  end
  return exists.new(statement)
end

-- Values ----------------------------------------------------------------------------

--- A value as a parameter of its own.
-- @param value
-- @tparam[opt] table type_ a column type; the server infers it if absent
function expressions.literal(value, type_)
  if type_ ~= nil then types.expect(type_, "literal") end
  if value == nil then errors.raise("ArgumentError", "literal(nil): pg.null means SQL NULL") end
  if coerce.is_expression(value) then errors.raise("ArgumentError", "literal: the value is an expression already") end
  if type(value) == "function" then errors.raise("ArgumentError", "literal: a function is not a value") end
  return base.bind(value, type_ or types.of_value(value))
end

-- Text that needs no parentheses beside an operator: a name, a number, a
-- string, a function call.
local function is_simple(text)
  return text:find('^[%w_.$"]+$') or text:find("^'[^']*'$") or text:find("^[%w_.]+%([^()]*%)$")
end

--- SQL text used as a column. It is written as it stands, so it must never
-- contain anything from a user.
-- @tparam string text
-- @tparam[opt] table type_
function expressions.literal_column(text, type_)
  if type(text) ~= "string" or text == "" or text:find("\0", 1, true) then
    errors.raise("ArgumentError", "literal_column: expected SQL text, got %s", coerce.describe(text))
  end
  return node{
    __visit_name = "literal_column", text = text, type = type_ and types.expect(type_, "literal_column") or NULLTYPE,
    prec = not is_simple(text) and operators.precedence.LOWEST or nil,
    name = text:match("^[%a_][%w_]*$") or text:match('^"([^"]+)"$') or text:match("%.([%a_][%w_]*)$"),
  }
end

local bind_options = { type = true, value = true, required = true }

--- A named parameter, whose value comes with the execution.
-- @tparam string name
-- @tparam[opt] table options `type`, `value` (a default)
function expressions.bindparam(name, options)
  if type(name) ~= "string" or name == "" then
    errors.raise("ArgumentError", "bindparam: expected a name, got %s", coerce.describe(name))
  end
  if types.is_type(options) then options = { type = options } end
  options = errors.check_options(options, bind_options, "bindparam")
  local type_ = options.type and types.expect(options.type, "bindparam")
  if not type_ then type_ = options.value ~= nil and types.of_value(options.value) or NULLTYPE end
  return node{ __visit_name = "bind", key = name, value = options.value, type = type_,
               required = options.value == nil }
end

--- `CAST(x AS type)`.
function expressions.cast(x, type_)
  types.expect(type_, "cast")
  return expr(x, type_, "cast"):cast(type_)
end

--- The same SQL, taken to be of another type.
function expressions.type_coerce(x, type_)
  types.expect(type_, "type_coerce")
  return expr(x, type_, "type_coerce"):type_coerce(type_)
end

-- What several values have in common, such as the branches of CASE: the type of
-- the first that has one, or that of their numbers.
local function first_type(list)
  local constant
  for _, item in ipairs(list) do
    if coerce.is_query(item) then item = item:_scalar() end
    local value = item
    if coerce.is_expression(item) then
      if item.type ~= NULLTYPE then return item.type end
      value = item.__visit_name == "bind" and item.value
    end
    if core.value_type(value) then return types.of_value(value) end
    if type(value) == "number" then
      local type_ = types.of_constant(value)
      if constant == nil or constant == types.Integer or type_ == types.Double then constant = type_ end
    end
  end
  return constant
end

-- A value or expression among others of a type.
local function among(x, type_, where)
  return base.retyped(expr(x, type_, where), type_)
end

--- `CASE WHEN condition THEN result … ELSE … END`.
-- @tparam table branches `{ { condition, result }, …, else_ = result }`; with
--   `value = x`, the conditions are values that `x` is compared with
function expressions.case(branches)
  if type(branches) ~= "table" or type(branches[1]) ~= "table" then
    errors.raise("ArgumentError", "case: expected { { condition, result }, …, else_ = result }")
  end
  for key in pairs(branches) do
    if type(key) ~= "number" and key ~= "else_" and key ~= "value" then
      errors.raise("ArgumentError", "case: unknown option '%s'%s", tostring(key),
        errors.did_you_mean(key, { "else_", "value" }))
    end
  end
  local operand = branches.value ~= nil and expr(branches.value, nil, "case") or nil
  local results = {}
  for i, branch in ipairs(branches) do
    if type(branch) ~= "table" or coerce.is_expression(branch) or #branch ~= 2 then
      errors.raise("ArgumentError", "case: branch %d must be { condition, result }", i)
    end
    results[i] = branch[2]
  end
  results[#results + 1] = branches.else_
  local type_ = first_type(results)
  local list = {}
  for i, branch in ipairs(branches) do
    list[i] = {
      operand and expr(branch[1], operand.type, "case") or coerce.condition(branch[1], "case"),
      among(branch[2], type_, "case"),
    }
  end
  return node{
    __visit_name = "case", operand = operand, branches = list, type = type_ or list[1][2].type,
    otherwise = branches.else_ ~= nil and among(branches.else_, type_, "case") or nil,
  }
end

local extract_fields = {}
for field in ([[century day decade dow doy epoch hour isodow isoyear julian microseconds millennium milliseconds
    minute month quarter second timezone timezone_hour timezone_minute week year]]):gmatch("%S+") do
  extract_fields[field] = true
end

--- `EXTRACT(field FROM x)`.
-- @tparam string field "epoch", "year", …
-- @param x
function expressions.extract(field, x)
  if type(field) ~= "string" or not extract_fields[field:lower()] then
    errors.raise("ArgumentError", "extract: unknown field '%s'%s", tostring(field),
      errors.did_you_mean(field, extract_fields))
  end
  return node{ __visit_name = "extract", part = field:lower(), element = expr(x, nil, "extract"),
               type = types.Numeric }
end

local function items_of(where, n, ...)
  if n == 0 then errors.raise("ArgumentError", "%s needs at least one expression", where) end
  local items = { ... }
  for i = 1, n do items[i] = expr(items[i], nil, where) end
  return items
end

--- `(a, b, …)`: `pg.tuple(a, b):in_{ { 1, 2 }, { 3, 4 } }`.
function expressions.tuple(...)
  return node{ __visit_name = "tuple", items = items_of("tuple", select("#", ...), ...), type = NULLTYPE }
end

--- `ARRAY[a, b, …]` of expressions.
-- @tparam table list sequence
-- @tparam[opt] table elem the type of the elements
function expressions.array(list, elem)
  if type(list) ~= "table" or coerce.is_expression(list) then
    errors.raise("ArgumentError", "array: expected a sequence")
  end
  elem = elem and types.expect(elem, "array") or first_type(list)
  if not elem then
    if #list == 0 then errors.raise("ArgumentError", "array: an empty array needs the type of its elements") end
    elem = coerce.is_expression(list[1]) and list[1].type or types.of_constant(list[1])
  end
  local items = {}
  for i = 1, #list do items[i] = among(list[i], elem, "array") end
  return node{ __visit_name = "array", items = items, type = elem == NULLTYPE and NULLTYPE or types.ARRAY(elem) }
end

local function quantified(name)
  return function(x)
    local inner
    if coerce.is_query(x) then
      inner = x
    else
      inner = expr(x, nil, name)
      if inner.__visit_name == "scalar_select" then inner = inner.element end
    end
    local type_ = coerce.is_query(inner) and inner:_scalar().type or inner.type.elem or NULLTYPE
    return node{ __visit_name = name, element = inner, type = type_ }
  end
end

--- `ANY(…)` of a select or an array: `x:gt(pg.any_(stmt))`.
expressions.any_ = quantified "any"

--- `ALL(…)` of a select or an array.
expressions.all_ = quantified "all"

-- Functions over one expression -------------------------------------------------------

local function method(name)
  return function(x, ...)
    if type(x) == "string" then
      x = node{ __visit_name = "name_reference", name = x, type = NULLTYPE }
    end
    x = expr(x, nil, name)
    return x[name](x, ...)
  end
end

--- `x ASC`; a string names a label or column.
expressions.asc = method "asc"
--- `x DESC`; a string names a label or column.
expressions.desc = method "desc"
--- `x NULLS FIRST`.
expressions.nulls_first = method "nulls_first"
--- `x NULLS LAST`.
expressions.nulls_last = method "nulls_last"
--- `x BETWEEN low AND high`.
expressions.between = method "between"
--- `x COLLATE name`.
expressions.collate = method "collate"
--- `x AS name`.
expressions.label = method "label"

--- `DEFAULT`, as a value of INSERT and UPDATE.
expressions.default = base.DEFAULT

return expressions
