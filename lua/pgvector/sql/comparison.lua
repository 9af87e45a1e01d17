--- Methods of column expressions that make conditions: comparisons, IN,
-- BETWEEN, patterns, AND, OR, NOT.
--
-- Lua's own `==`, `<` and `<=` give a boolean whatever a metamethod returns,
-- so they raise here and name the method to use.
-- @module pgvector.sql.comparison

local errors = require "pgvector.errors"
local base = require "pgvector.sql.base"
local coerce = require "pgvector.sql.coerce"
local operators = require "pgvector.sql.operators"
local types = require "pgvector.types"
local core = require "pgvector.core"

local ColumnElement = base.ColumnElement
local node, binary, bind = base.node, base.binary, base.bind
local expr = coerce.expr
local null = core.null
local Boolean, Text, NULLTYPE = types.Boolean, types.Text, types.NULLTYPE
local NULL, TRUE, FALSE = base.NULL, base.TRUE, base.FALSE

-- Comparisons ----------------------------------------------------------------

local function nil_operand(name)
  errors.raise("ArgumentError", "%s(nil): the value is missing; pg.null means SQL NULL", name)
end

-- JSON keeps its text, and the server compares no such.
local function refuse_json(self, name)
  errors.raise("ArgumentError", "%s: %s has type JSON, which has no comparison; use JSONB, or cast it: "
    .. "column:cast(pg.JSONB)", name, tostring(self))
end

local function compare(self, op, other)
  if self.type.kind == "json" then refuse_json(self, op.name) end
  if other == nil then nil_operand(op.name) end
  if other == null then
    errors.raise("ArgumentError", "%s(pg.null) is never true; use is_null() or is_not_null()", op.name)
  end
  return binary(self, op, expr(other, self.type, op.name), Boolean)
end

-- NULL has no equal: `= NULL` is IS NULL.
local function equate(self, op, null_op, other)
  if other == nil then nil_operand(op.name) end
  if other == null or rawequal(other, NULL) then return binary(self, null_op, NULL, Boolean) end
  if self.type.kind == "json" then refuse_json(self, op.name) end
  return binary(self, op, expr(other, self.type, op.name), Boolean)
end

--- `self = other`; with `pg.null`, `self IS NULL`.
-- @param other a value, an expression or a scalar subquery
-- @treturn table condition
function ColumnElement:eq(other) return equate(self, operators.eq, operators.is_, other) end

--- `self != other`; with `pg.null`, `self IS NOT NULL`. Rows where self is
-- NULL satisfy neither `eq` nor `ne`: see `is_distinct_from`.
function ColumnElement:ne(other) return equate(self, operators.ne, operators.is_not, other) end

--- `self < other`.
function ColumnElement:lt(other) return compare(self, operators.lt, other) end

--- `self <= other`.
function ColumnElement:le(other) return compare(self, operators.le, other) end

--- `self > other`.
function ColumnElement:gt(other) return compare(self, operators.gt, other) end

--- `self >= other`.
function ColumnElement:ge(other) return compare(self, operators.ge, other) end

--- `self IS NULL`.
function ColumnElement:is_null() return binary(self, operators.is_, NULL, Boolean) end

--- `self IS NOT NULL`.
function ColumnElement:is_not_null() return binary(self, operators.is_not, NULL, Boolean) end

local function singleton(x, where)
  if x == null then return NULL end
  if x == true then return TRUE end
  if x == false then return FALSE end
  if coerce.is_expression(x) and x.__visit_name == "keyword" then return x end
  errors.raise("ArgumentError", "%s: expected true, false or pg.null, got %s", where, coerce.describe(x))
end

--- `self IS x`, with true, false or `pg.null`.
function ColumnElement:is_(x) return binary(self, operators.is_, singleton(x, "is_"), Boolean) end

--- `self IS NOT x`, with true, false or `pg.null`.
function ColumnElement:is_not(x) return binary(self, operators.is_not, singleton(x, "is_not"), Boolean) end

local function distinct(self, op, other)
  if other == nil then nil_operand(op.name) end
  return binary(self, op, expr(other, self.type, op.name), Boolean)
end

--- `self IS DISTINCT FROM other`: `!=` that treats NULL as a value.
function ColumnElement:is_distinct_from(other) return distinct(self, operators.is_distinct_from, other) end

--- `self IS NOT DISTINCT FROM other`: `=` that treats NULL as a value.
function ColumnElement:is_not_distinct_from(other) return distinct(self, operators.is_not_distinct_from, other) end

-- IN ---------------------------------------------------------------------------

-- The type of the elements of `= ANY($n)`: the left side's, widened where a
-- number does not fit it.
local function element_type(self, values, n)
  local type_ = self.type
  if type_ == NULLTYPE then
    for i = 1, n do
      if values[i] ~= null then
        local t = types.of_constant(values[i])
        if type_ == NULLTYPE or t == types.Double or type_ == types.Integer then type_ = t end
      end
    end
    return type_ == NULLTYPE and Text or type_
  end
  local widest = type_
  for i = 1, n do
    local t = values[i] == null and type_ or type_:_for_operand(values[i])
    if t ~= type_ and widest ~= types.Double then widest = t end
  end
  return widest
end

local function sequence_length(values, where)
  if type(values) ~= "table" then
    errors.raise("ArgumentError", "%s: expected a sequence or a select, got %s", where, coerce.describe(values))
  end
  local n = values.n or #values
  for key in pairs(values) do
    if type(key) ~= "number" and key ~= "n" or type(key) == "number" and (key < 1 or key > n) then
      errors.raise("ArgumentError", "%s: the list has a hole or a field '%s'", where, tostring(key))
    end
  end
  for i = 1, n do
    if values[i] == nil then errors.raise("ArgumentError", "%s: element %d is nil", where, i) end
  end
  return n
end

local function is_sql(x) return coerce.is_expression(x) or coerce.is_query(x) end

-- The values of a row beside a tuple.
local function checked_row(self, row, i, negated)
  local items = self.items
  if type(row) ~= "table" or #row ~= #items then
    errors.raise("ArgumentError", "in_: element %d must be a sequence of %d values", i, #items)
  end
  for j = 1, #items do
    if negated and (row[j] == null or rawequal(row[j], NULL)) then
      errors.raise("ArgumentError", "not_in: element %d contains NULL, so no row could ever match", i)
    end
  end
  return row
end

local function tuple_of(self, row, i, negated)
  if is_sql(row) then return expr(row, nil, "in_") end
  local list = {}
  for j, value in ipairs(checked_row(self, row, i, negated)) do list[j] = expr(value, self.items[j].type, "in_") end
  return node{ __visit_name = "tuple", items = list, type = NULLTYPE }
end

local function in_list(self, values, n, negated)
  local list = {}
  for i = 1, n do
    list[i] = self.__visit_name == "tuple" and tuple_of(self, values[i], i, negated)
      or expr(values[i], self.type, "in_")
  end
  return binary(self, negated and operators.not_in or operators.in_,
    node{ __visit_name = "tuple", items = list, type = NULLTYPE }, Boolean)
end

local function in_array(self, values, n, negated)
  local copy = { n = n }
  for i = 1, n do copy[i] = values[i] end
  return node{
    __visit_name = "in_array", operand = self, negated = negated, prec = operators.eq.prec, type = Boolean,
    array = bind(copy, types.ARRAY(element_type(self, values, n))),
  }
end

-- `(a, b) IN (SELECT unnest($1), unnest($2))`: one array for each column
local function in_rows(self, values, n, negated)
  local items = self.items
  local columns = {}
  for j = 1, #items do columns[j] = { n = n } end
  for i = 1, n do
    local row = checked_row(self, values[i], i, negated)
    for j = 1, #items do columns[j][i] = row[j] end
  end
  local arrays = {}
  for j = 1, #items do arrays[j] = bind(columns[j], types.ARRAY(element_type(items[j], columns[j], n))) end
  return binary(self, negated and operators.not_in or operators.in_,
    node{ __visit_name = "unnest_rows", items = arrays, type = NULLTYPE }, Boolean)
end

-- Does a row of values have SQL among them?
local function has_sql(row)
  for j = 1, type(row) == "table" and #row or 0 do
    if is_sql(row[j]) then return true end
  end
  return false
end

local function in_(self, values, negated)
  local where = negated and "not_in" or "in_"
  if coerce.is_query(values) then
    local right = self.__visit_name ~= "tuple" and values:_scalar()
      or node{ __visit_name = "scalar_select", element = values, type = NULLTYPE }
    return binary(self, negated and operators.not_in or operators.in_, right, Boolean)
  end
  if coerce.is_from(values) then
    errors.raise("ArgumentError", "%s: expected a sequence or a select, got %s: select a column of it", where,
      values:_describe())
  end
  if coerce.is_expression(values) then
    if values.__visit_name == "bind" and values.key and self.__visit_name ~= "tuple" then
      return node{
        __visit_name = "in_array", operand = self, negated = negated, prec = operators.eq.prec, type = Boolean,
        array = values.type.family == "array" and values or base.with(values, { type = types.ARRAY(self.type) }),
      }
    end
    if values.__visit_name == "scalar_select" or values.__visit_name == "tuple" then
      return binary(self, negated and operators.not_in or operators.in_, values, Boolean)
    end
    errors.raise("ArgumentError", "%s: expected a sequence or a select, got %s; for an array column write "
      .. "array_column:any(value)", where, coerce.describe(values))
  end
  local n = sequence_length(values, where)
  local plain, is_tuple = true, self.__visit_name == "tuple"
  for i = 1, n do
    local value = values[i]
    if negated and (value == null or rawequal(value, NULL)) then
      errors.raise("ArgumentError", "not_in: element %d is NULL, so no row could ever match", i)
    end
    if is_sql(value) or is_tuple and has_sql(value) then plain = false end
  end
  if not plain or (self.type.family == "array" and n > 0) then return in_list(self, values, n, negated) end
  if is_tuple then return in_rows(self, values, n, negated) end
  return in_array(self, values, n, negated)
end

--- `self = ANY($n)` for a sequence of values (an empty one matches nothing) or
-- for a `pg.bindparam` that gets one,
-- `self IN (SELECT …)` for a select, `self IN (a, $n, …)` if expressions occur.
-- @tparam table values
-- @treturn table condition
function ColumnElement:in_(values) return in_(self, values, false) end

--- `self <> ALL($n)` or `NOT IN (…)`. A NULL among the values raises: no row
-- could satisfy the condition.
-- @tparam table values
-- @treturn table condition
function ColumnElement:not_in(values) return in_(self, values, true) end

--- `self BETWEEN low AND high`.
-- @param low a value or expression
-- @param high a value or expression
-- @tparam[opt] table options `symmetric = true`: the bounds may come in either order
-- @treturn table condition
function ColumnElement:between(low, high, options)
  options = errors.check_options(options, { symmetric = true }, "between")
  if low == nil or high == nil then nil_operand("between") end
  if low == null or high == null then
    errors.raise("ArgumentError", "between: a bound of pg.null makes it never true")
  end
  low, high = expr(low, self.type, "between"), expr(high, self.type, "between")
  local operand
  operand, low = base.typed_pair(self, low)
  operand, high = base.typed_pair(operand, high)
  return node{
    __visit_name = "between", operand = operand, low = low, high = high, symmetric = options.symmetric, negated = false,
    prec = operators.like.prec, type = Boolean,
  }
end

-- Patterns ---------------------------------------------------------------------

local textual = { string = true, enum = true, other = true, unknown = true }

local function require_text(self, name)
  if textual[self.type.family] then return end
  errors.raise("ArgumentError", "%s: %s has type %s, not text", name, tostring(self), tostring(self.type))
end

local function pattern(self, op, other, options)
  require_text(self, op.name)
  if other == nil then nil_operand(op.name) end
  options = errors.check_options(options, { escape = true }, op.name)
  if options.escape ~= nil and (type(options.escape) ~= "string" or #options.escape > 1) then
    errors.raise("ArgumentError", "%s: escape must be a string of one character or none", op.name)
  end
  local result = binary(self, op, expr(other, Text, op.name), Boolean)
  if options.escape then result.escape = base.bind(options.escape, Text) end
  return result
end

--- `self LIKE pattern`.
-- @param other pattern
-- @tparam[opt] table options `escape = "/"`
function ColumnElement:like(other, options) return pattern(self, operators.like, other, options) end

--- `self NOT LIKE pattern`.
function ColumnElement:not_like(other, options) return pattern(self, operators.not_like, other, options) end

--- `self ILIKE pattern`: without regard to case.
function ColumnElement:ilike(other, options) return pattern(self, operators.ilike, other, options) end

--- `self NOT ILIKE pattern`.
function ColumnElement:not_ilike(other, options) return pattern(self, operators.not_ilike, other, options) end

--- `self ~ pattern`, a POSIX regular expression.
-- @param other pattern
-- @tparam[opt] table options `flags = "i"`: without regard to case; other flags
--   go into the pattern as PostgreSQL's `(?flags)`
function ColumnElement:regexp_match(other, options)
  if other == nil then nil_operand("regexp_match") end
  require_text(self, "regexp_match")
  local flags = errors.check_options(options, { flags = true }, "regexp_match").flags
  if flags == nil or flags == "" then
    return binary(self, operators.regexp_match, expr(other, Text, "regexp_match"), Boolean)
  elseif flags == "i" then
    return binary(self, operators.iregexp_match, expr(other, Text, "regexp_match"), Boolean)
  end
  if type(flags) ~= "string" or flags:find("[^bceimnpqstwx]") then
    errors.raise("ArgumentError", "regexp_match: unknown flags %s", coerce.describe(flags))
  end
  local prefix = bind("(?" .. flags .. ")", Text)
  return binary(self, operators.regexp_match,
    binary(prefix, operators.concat, expr(other, Text, "regexp_match"), Text), Boolean)
end

local function escape_like(s) return (s:gsub("[%%_\\]", "\\%0")) end

local function call(name, type_, ...)
  return node{ __visit_name = "function", name = name, names = { name }, args = { ... }, type = type_ }
end

-- How each of the three looks for a string: as a LIKE pattern when the string
-- is known, otherwise as a function, for which no character is special.
local searches = {
  contains = {
    pattern = function(s) return "%" .. escape_like(s) .. "%" end,
    condition = function(a, b)
      return binary(call("strpos", types.Integer, a, b), operators.gt, bind(0, types.Integer), Boolean)
    end,
  },
  startswith = {
    pattern = function(s) return escape_like(s) .. "%" end,
    condition = function(a, b) return call("starts_with", Boolean, a, b) end,
  },
  endswith = {
    pattern = function(s) return "%" .. escape_like(s) end,
    condition = function(a, b)
      return binary(call("right", Text, a, call("length", types.Integer, b)), operators.eq, b, Boolean)
    end,
  },
}

local function search(self, name, other, ignore_case)
  if other == nil then nil_operand(name) end
  require_text(self, name)
  if type(other) == "string" then
    local op = ignore_case and operators.ilike or operators.like
    return binary(self, op, bind(searches[name].pattern(other), Text), Boolean)
  end
  if type(other) == "number" or type(other) == "boolean" then
    errors.raise("ArgumentError", "%s: expected a string, got %s", name, coerce.describe(other))
  end
  other = expr(other, Text, name)
  if ignore_case then return searches[name].condition(call("lower", Text, self), call("lower", Text, other)) end
  return searches[name].condition(self, other)
end

-- `contains` also exists for arrays and JSON: see pgvector.sql.specific.
function ColumnElement:_contains_text(other) return search(self, "contains", other) end

--- Does the text contain a string, whatever its case? `%` and `_` in it mean themselves.
function ColumnElement:icontains(other) return search(self, "contains", other, true) end

--- Does the text start with a string? `%` and `_` in it mean themselves.
function ColumnElement:startswith(other) return search(self, "startswith", other) end

--- As `startswith`, without regard to case.
function ColumnElement:istartswith(other) return search(self, "startswith", other, true) end

--- Does the text end with a string? `%` and `_` in it mean themselves.
function ColumnElement:endswith(other) return search(self, "endswith", other) end

--- As `endswith`, without regard to case.
function ColumnElement:iendswith(other) return search(self, "endswith", other, true) end

-- AND, OR, NOT -----------------------------------------------------------------

--- `self AND other AND …`.
function ColumnElement:and_(...)
  local list, n = coerce.conditions("and_", self, ...)
  return base.boolean(operators.and_, list, n)
end

--- `self OR other OR …`.
function ColumnElement:or_(...)
  local list, n = coerce.conditions("or_", self, ...)
  return base.boolean(operators.or_, list, n)
end

local negations = {}

function negations.binary(condition)
  local op = condition.operator.negate
  local right = condition.right.__visit_name
  if not op or right == "any" or right == "all" then return nil end
  return base.with(condition, { operator = op })
end

local function flip(condition) return base.with(condition, { negated = not condition.negated }) end
negations.between, negations.in_array, negations.exists = flip, flip, flip

negations["not"] = function(condition) return condition.element end

function negations.keyword(condition)
  if rawequal(condition, TRUE) then return FALSE end
  if rawequal(condition, FALSE) then return TRUE end
end

--- `NOT self`, pushed inward where that is exact: `NOT a = b` is `a != b`.
function ColumnElement:not_()
  local condition = coerce.condition(self, "not_")
  local negate = negations[condition.__visit_name]
  local negated = negate and negate(condition)
  if negated then return negated end
  return node{ __visit_name = "not", element = condition, prec = operators.precedence.NOT, type = Boolean }
end

-- Lua's operators --------------------------------------------------------------

local function refuse(operator, method)
  return function()
    errors.raise("ArgumentError", "'%s' on a column expression gives a Lua boolean; write a:%s(b)", operator, method)
  end
end

ColumnElement.__eq = refuse("==", "eq")
ColumnElement.__lt = refuse("<", "lt")
ColumnElement.__le = refuse("<=", "le")

-- Lua 5.3 and later
function ColumnElement.__band(a, b)
  local list, n = coerce.conditions("'&'", a, b)
  return base.boolean(operators.and_, list, n)
end

function ColumnElement.__bor(a, b)
  local list, n = coerce.conditions("'|'", a, b)
  return base.boolean(operators.or_, list, n)
end

function ColumnElement.__bnot(a) return ColumnElement.not_(a) end

return ColumnElement
