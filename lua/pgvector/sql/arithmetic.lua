--- Methods of column expressions that make values: arithmetic, casts, labels,
-- order, collation, operators by name.
-- @module pgvector.sql.arithmetic

local compat = require "pgvector.compat"
local errors = require "pgvector.errors"
local base = require "pgvector.sql.base"
local coerce = require "pgvector.sql.coerce"
local operand_types = require "pgvector.sql.operand_types"
local operators = require "pgvector.sql.operators"
local types = require "pgvector.types"
local identifiers = require "pgvector.sql.compiler.identifiers"

local ColumnElement = base.ColumnElement
local node, binary = base.node, base.binary
local P = operators.precedence
local NULLTYPE, Double = types.NULLTYPE, types.Double
local result_type, operand_type = operand_types.result, operand_types.operand

-- Arithmetic -----------------------------------------------------------------

local function sides(op, a, b)
  if coerce.is_expression(a) then
    local is_value = not coerce.is_expression(b) and not coerce.is_query(b)
    b = coerce.expr(b, is_value and operand_type(op, a.type, b) or nil, op.where)
    return base.typed_pair(a, b)
  end
  local is_value = not coerce.is_query(a)
  return coerce.expr(a, is_value and operand_type(op, b.type, a, true) or nil, op.where), b
end

local function arithmetic(op)
  return function(a, b)
    a, b = sides(op, a, b)
    if a.type.family == "boolean" or b.type.family == "boolean" then
      errors.raise("ArgumentError", "%s is not defined for conditions", op.where)
    end
    return binary(a, op, b, result_type(op, a, b))
  end
end

ColumnElement.__add = arithmetic(operators.add)
ColumnElement.__sub = arithmetic(operators.sub)
ColumnElement.__mul = arithmetic(operators.mul)
ColumnElement.__mod = arithmetic(operators.mod)
ColumnElement.__concat = arithmetic(operators.concat)

function ColumnElement.__pow(a, b)
  a, b = sides(operators.pow, a, b)
  return binary(a, operators.pow, b, result_type(operators.pow, a, b))
end

local function whole(type_) return type_.family == "integer" or type_.family == "unknown" end

-- True division: the server divides integers without a fraction, so the
-- divisor becomes a float8.
function ColumnElement.__div(a, b)
  a, b = sides(operators.div, a, b)
  if b.type.family == "integer" and whole(a.type) then
    local float = node{ __visit_name = "cast", element = b, to = "FLOAT8", type = Double }
    if a.__visit_name == "bind" then a = base.with(a, { type = Double }) end
    return binary(a, operators.div, float, Double)
  end
  return binary(a, operators.div, b, result_type(operators.div, a, b))
end

local function floordiv(a, b)
  a, b = sides(operators.div, a, b)
  local quotient = binary(a, operators.div, b, result_type(operators.div, a, b))
  if a.type.family == "integer" and b.type.family == "integer" then return quotient end
  return node{ __visit_name = "function", name = "floor", names = { "floor" }, args = { quotient },
               type = quotient.type.kind == "float4" and Double or quotient.type }
end

ColumnElement.__idiv = floordiv

--- Division without a fraction. Between integers it is the server's `/`, which
-- rounds toward zero; otherwise `floor(self / other)`.
function ColumnElement:floordiv(other) return floordiv(self, other) end

function ColumnElement:__unm()
  self = base.typed_constant(self)
  return node{ __visit_name = "negative", element = self, prec = P.MINUS, type = self.type }
end

-- Operators by name ------------------------------------------------------------

local text_array = types.ARRAY(types.Text)

-- What stands right of an operator whose two sides differ in type.
local right_types = {
  tsvector = { ["@@"] = types.TSQUERY },
  json = {
    ["?"] = types.Text, ["?|"] = text_array, ["?&"] = text_array, ["#>"] = text_array, ["#>>"] = text_array,
    ["#-"] = text_array, ["@?"] = NULLTYPE, ["@@"] = NULLTYPE,
  },
  hstore = { ["->"] = types.Text, ["?"] = types.Text, ["?|"] = text_array, ["?&"] = text_array },
}

local function custom_operand(op, left, value)
  local family = left.family
  if family == "json" and (op.name == "->" or op.name == "->>") then
    return type(value) == "number" and types.Integer or types.Text
  end
  if family == "integer" and (op.name == "<<" or op.name == ">>") then return types.Integer end
  if family == "range" and op.name == "@>" then return left:_contained_type(value) end
  local special = right_types[family] and right_types[family][op.name]
  if special then return special end
  if operand_types.knows(op) then return operand_type(op, left, value) end
  if op == operators.custom("AT TIME ZONE") then return types.Text end
  return left
end

local function custom_result(op, left, right)
  local gives = op.gives
  if gives == "boolean" then return types.Boolean end
  if gives == "distance" then return Double end
  if gives == "text" or left.type.family == "hstore" and op.name == "->" then return types.Text end
  if operand_types.knows(op) then return result_type(op, left, right) end
  if gives == "same" then return left.type end
  return NULLTYPE
end

local op_options = { type = true, bool = true, precedence = true }

--- Any binary operator: `column:op("@@")(query)`.
-- @tparam string sql its characters, or a key word such as "AT TIME ZONE"
-- @tparam[opt] table options `type` of the result; `bool = true` for a condition;
--   `precedence`, a whole number: below 7, that of most operators, the expression
--   gets parentheses where it would need none (beside comparisons, 5, or AND, 2);
--   those that PostgreSQL's grammar needs it gets in any case
-- @treturn function takes the right operand
function ColumnElement:op(sql, options)
  local op = operators.custom(sql)
  options = errors.check_options(options, op_options, "op")
  local given = options.type and types.expect(options.type, "op: type") or options.bool and types.Boolean
  local precedence = options.precedence
  if precedence ~= nil and not compat.is_integral(precedence) then
    errors.raise("ArgumentError", "op: precedence must be a whole number, got %s", coerce.describe(precedence))
  end
  return function(other)
    if other == nil then errors.raise("ArgumentError", "op(\"%s\")(nil): pg.null means SQL NULL", sql) end
    local right = coerce.expr(other, custom_operand(op, self.type, other), "op")
    local result = binary(self, op, right, given or custom_result(op, self, right))
    if precedence and precedence < op.prec then result.prec = precedence end
    return result
  end
end

-- A binary node by operator text, for the methods in pgvector.sql.specific.
function ColumnElement:_operate(sql, other, type_)
  local op = operators.custom(sql)
  if other == nil then errors.raise("ArgumentError", "'%s': the operand is nil; pg.null means SQL NULL", sql) end
  return binary(self, op, coerce.expr(other, custom_operand(op, self.type, other), sql), type_)
end

-- As with `+`, the wider of two integers tells the type.
local function bitwise(sql)
  return function(self, other)
    local result = self:_operate(sql, other, self.type)
    if self.type.family == "integer" then result.type = result_type(operators.add, result.left, result.right) end
    return result
  end
end

--- Bits common to both: `self & other`.
ColumnElement.bitwise_and = bitwise "&"
--- Bits in either: `self | other`.
ColumnElement.bitwise_or = bitwise "|"
--- Bits in one only: `self # other`.
ColumnElement.bitwise_xor = bitwise "#"
--- Every bit the other way: `~ self`.
function ColumnElement:bitwise_not()
  return node{ __visit_name = "bitwise_not", element = self, type = self.type }
end
--- `self << count`.
function ColumnElement:bitwise_lshift(count) return self:_operate("<<", count, self.type) end
--- `self >> count`.
function ColumnElement:bitwise_rshift(count) return self:_operate(">>", count, self.type) end

-- Casts, labels, order -----------------------------------------------------------

--- `CAST(self AS type)`.
-- @tparam table type_ a column type
function ColumnElement:cast(type_)
  return node{ __visit_name = "cast", element = self, type = types.expect(type_, "cast") }
end

--- The same SQL, taken to be of another type here in Lua.
-- @tparam table type_ a column type
function ColumnElement:type_coerce(type_)
  types.expect(type_, "type_coerce")
  if self.__visit_name == "bind" then return base.with(self, { type = type_ }) end
  return node{ __visit_name = "transparent", element = self, type = type_, prec = self.prec }
end

--- `self AS name` in a select list. The same label object in `order_by` is
-- written as its name.
-- @tparam string name
function ColumnElement:label(name)
  if name ~= nil then identifiers.quote(name) end
  local element = self.__visit_name == "label" and self.element or base.typed_constant(self)
  return node{ __visit_name = "label", name = name, element = element, type = element.type, prec = element.prec }
end

--- The same as `label`.
-- @tparam string name
function ColumnElement:as(name) return ColumnElement.label(self, name) end

--- `self COLLATE "name"`.
-- @tparam string collation
function ColumnElement:collate(collation)
  identifiers.quote(collation)
  return node{ __visit_name = "collate", element = self, collation = collation, prec = P.COLLATE, type = self.type }
end

--- With an operator class, as an element of an index: `Item.title:ops("text_pattern_ops")`.
-- @tparam string opclass perhaps with its schema
function ColumnElement:ops(opclass)
  identifiers.check_plain(opclass, "ops", "an operator class")
  return node{ __visit_name = "opclass", element = self, opclass = opclass, prec = P.LOWEST, type = self.type }
end

local function order(suffix)
  return function(self)
    return node{ __visit_name = "ordering", element = self, suffix = suffix, prec = P.LOWEST, type = self.type }
  end
end

--- `self ASC`.
ColumnElement.asc = order " ASC"
--- `self DESC`.
ColumnElement.desc = order " DESC"
--- `… NULLS FIRST`.
ColumnElement.nulls_first = order " NULLS FIRST"
--- `… NULLS LAST`.
ColumnElement.nulls_last = order " NULLS LAST"

return ColumnElement
