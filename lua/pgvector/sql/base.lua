--- The roots of everything a statement is made of.
--
-- A node is a table with `__visit_name`, by which the compiler finds out how to
-- write it. Expression nodes share one class, ColumnElement, and also carry
-- `type` and, if they are operators, `prec`: how tightly they bind.
-- Nodes never change once made.
-- @module pgvector.sql.base

local class = require "pgvector.class"
local types = require "pgvector.types"
local compiler = require "pgvector.sql.compiler"

local base = {}

local ClauseElement = class("ClauseElement")
base.ClauseElement = ClauseElement

--- The SQL text and the values of its parameters.
-- @tparam[opt] table options `literal_binds = true` writes the values into the
--   text (for reading and for scripts; never send it with a user's values)
-- @treturn string SQL
-- @treturn ?table the values in `$n` order, their number in `n`; absent with
--   `literal_binds`
function ClauseElement:compile(options)
  local compiled = compiler.compile(self, options)
  if options and options.literal_binds then return compiled.sql end
  return compiled.sql, compiler.default_values(compiled)
end

function ClauseElement:__tostring()
  return compiler.describe(self)
end

local ColumnElement = class("ColumnElement", ClauseElement)
ColumnElement._is_expression = true
base.ColumnElement = ColumnElement

local Boolean = types.Boolean

--- Makes an expression node.
-- @tparam table fields with `__visit_name` and `type`
-- @treturn table the same table
function base.node(fields) return setmetatable(fields, ColumnElement) end

--- A parameter: `$n`, one for each such object wherever it stands.
-- @param value what is sent
-- @tparam table type_ column type
-- @treturn table node
function base.bind(value, type_)
  return setmetatable({ __visit_name = "bind", value = value, type = type_ }, ColumnElement)
end

local function is_untyped(node) return node.type == types.NULLTYPE and node.__visit_name == "bind" end

--- A value without a type as one of a type. Other nodes stay as they are.
-- @tparam table node
-- @tparam ?table type_
-- @treturn table node, the same one each time: it stays one parameter
function base.retyped(node, type_)
  if type_ == nil or type_ == types.NULLTYPE or not is_untyped(node) then return node end
  local typed = node._typed or {}
  node._typed = typed
  if not typed[type_] then typed[type_] = base.with(node, { type = type_ }) end
  return typed[type_]
end

--- A number with nothing beside it to take a type from, as in a select list, gets
-- its own. Other nodes stay as they are.
-- @tparam table node
-- @treturn table node
function base.typed_constant(node)
  if type(node.value) ~= "number" or not is_untyped(node) then return node end
  return base.retyped(node, types.of_constant(node.value))
end

--- The two sides of an operator. Of two values without a type the server would
-- make texts: numbers get their own type then.
-- @tparam table left node
-- @tparam table right node
-- @treturn table left
-- @treturn table right
function base.typed_pair(left, right)
  if is_untyped(left) and is_untyped(right) then return base.typed_constant(left), base.typed_constant(right) end
  return left, right
end

--- A binary operator.
-- @tparam table left node
-- @tparam table op of pgvector.sql.operators
-- @tparam table right node
-- @tparam table type_ of the result
-- @treturn table node
function base.binary(left, op, right, type_)
  left, right = base.typed_pair(left, right)
  return setmetatable({
    __visit_name = "binary", left = left, operator = op, right = right, type = type_, prec = op.prec,
  }, ColumnElement)
end

--- A key word used as a value: TRUE, FALSE, NULL, DEFAULT.
-- @tparam string word
-- @tparam table type_
-- @treturn table node
function base.keyword(word, type_)
  return setmetatable({ __visit_name = "keyword", word = word, type = type_ }, ColumnElement)
end

base.NULL = base.keyword("NULL", types.NULLTYPE)
base.TRUE = base.keyword("true", Boolean)
base.FALSE = base.keyword("false", Boolean)
base.DEFAULT = base.keyword("DEFAULT", types.NULLTYPE)

-- A list of conditions may be shared by several nodes: each looks at its first
-- `n` entries only, and the one that ends where the list ends may append. So a
-- chain of 10,000 `:or_()` costs 10,000 steps, and compiles without recursion.

local function list_node(op, clauses, n)
  return setmetatable({
    __visit_name = "boolean", operator = op, clauses = clauses, n = n, type = Boolean, prec = op.prec,
  }, ColumnElement)
end

--- Joins conditions with AND or OR; nested ones of the same kind flatten.
-- @tparam table op operators.and_ or operators.or_
-- @tparam table conditions sequence of nodes
-- @tparam integer count how many
-- @treturn table node; a single condition stays what it is
function base.boolean(op, conditions, count)
  local first = conditions[1]
  if count == 1 then return first end
  local clauses, n, start
  if first.operator == op and first.__visit_name == "boolean" and #first.clauses == first.n then
    clauses, n, start = first.clauses, first.n, 2
  else
    clauses, n, start = {}, 0, 1
  end
  for i = start, count do
    local condition = conditions[i]
    if condition.operator == op and condition.__visit_name == "boolean" then
      local inner = condition.clauses
      for j = 1, condition.n do clauses[n + j] = inner[j] end
      n = n + condition.n
    else
      n = n + 1
      clauses[n] = condition
    end
  end
  return list_node(op, clauses, n)
end

--- A copy of a node with other fields.
-- @tparam table node
-- @tparam table fields
-- @treturn table node
function base.with(node, fields)
  local copy = {}
  for key, value in pairs(node) do copy[key] = value end
  copy._typed = nil -- what it was made into: see retyped
  for key, value in pairs(fields) do copy[key] = value end
  return setmetatable(copy, getmetatable(node))
end

return base
