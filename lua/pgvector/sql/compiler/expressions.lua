--- Visitors for expressions.
-- @module pgvector.sql.compiler.expressions

local core = require "pgvector.core"
local defaults = require "pgvector.sql.defaults"
local errors = require "pgvector.errors"
local identifiers = require "pgvector.sql.compiler.identifiers"
local operators = require "pgvector.sql.operators"

local visit = {}

local quote = identifiers.quote
local AT = operators.precedence.AT

-- Leaves -----------------------------------------------------------------------

function visit.column(c, node)
  local from = node.table
  if from and not c.bare then
    if from.column_valued then return c:write(c:qualifier(from)) end
    c:write(c:qualifier(from))
    c:write(".")
  end
  c:write(quote(node.name))
end

local floats = { float4 = true, float8 = true }

-- The value of a default as a constant; `c.computed` has those before it.
local function default_value(c, node)
  local computed, value = c.computed or {}, node.value
  c.computed = computed
  if type(value) == "function" then
    value = defaults.value(node, function(other)
      if other.row then return computed[other] end
      return other.value
    end)
    if value == nil then value = core.null end
  end
  computed[node] = value
  return value
end

function visit.bind(c, node)
  if not c.literal_binds then return c:write(node) end
  local value = node.value
  if value == nil then
    errors.raise("InvalidRequestError", "parameter '%s' has no value to write into the SQL", tostring(node.key))
  end
  if node.row then value = default_value(c, node) end
  local text = node.type:literal(value, c.schema_map)
  if c.literal_binds ~= "ddl" and floats[node.type.kind] and text:find("^-?%d") then
    if node.type.kind == "float4" then
      text = "'" .. text .. "'" -- or it would be compared as a number of twice its precision
    elseif text:find("^-?%d+$") then
      text = text .. ".0" -- `1 / 2` of floats must not become one of integers
    end
  end
  c:write(text)
end

function visit.keyword(c, node) c:write(node.word) end

function visit.literal_column(c, node) c:write(node.text) end

function visit.text(c, node, mode)
  if node._settings then c:need_settings(node._settings) end
  local pieces = node.pieces
  for i = 1, #pieces do
    local piece = pieces[i]
    if type(piece) == "table" then
      visit.bind(c, node.parameters[piece.name])
    else
      c:write(piece)
    end
  end
  if mode == "top" then c.columns = node.result_columns end
end

-- A name in ORDER BY or GROUP BY: of the select list, or a column. Outside of
-- ORDER BY the server would take a column of that name first, so there what the
-- name stands for is written, unless that is a value.
function visit.name_reference(c, node, ordered)
  local frame = c.frame
  local name = node.name
  local selected = frame and not c.in_window and frame.names[name]
  if selected then
    local inner = selected.__visit_name == "label" and selected.element or selected
    if ordered or inner.__visit_name == "bind" then return c:write(quote(name)) end
    return c:visit(selected)
  end
  local found, candidates = nil, {}
  for _, from in ipairs(frame and frame.froms or {}) do
    from:_each_from(function(part)
      if part.__visit_name == "join" then return end
      local column = part:_column(name)
      if column and found and not rawequal(column, found) then
        errors.raise("ArgumentError", "the name '%s' is ambiguous: give the column itself", name)
      end
      found = found or column
      for _, key in ipairs(part:_keys()) do candidates[#candidates + 1] = key end
    end)
  end
  if not found then
    for known in pairs(frame and frame.names or {}) do candidates[#candidates + 1] = known end
    errors.raise("ArgumentError", "'%s' names neither a label nor a column of the statement%s", name,
      errors.did_you_mean(name, candidates))
  end
  visit.column(c, found)
end

-- Operators --------------------------------------------------------------------

-- Writes in parentheses what the grammar does not take as the lower bound of
-- BETWEEN, however deep in it it stands.
local function not_in_bound(write)
  return function(c, node)
    if not c.in_bound then return write(c, node) end
    c.in_bound = nil
    c:write("(")
    write(c, node)
    c:write(")")
    c.in_bound = true
  end
end

-- An operand beside which nothing may tell its type.
local function operand(c, node, limit)
  if node.__visit_name == "bind" then c:constant_operand(node) else c:operand(node, limit) end
end

local function escape(c, node)
  if not node.escape then return end
  c:write(" ESCAPE ")
  c:visit(node.escape)
end

local function right_side(c, node)
  local operator = node.operator
  c:write(operator.sql)
  c:operand(node.right, operator.right)
  escape(c, node)
end

-- Does an operator's left side need no parentheses, being another one's result?
local function continues(node)
  local left = node.left
  return left.__visit_name == "binary" and left.prec >= node.operator.left and left.operator.prec ~= AT
end

local binary
function binary(c, node)
  if continues(node) and continues(node.left) then
    -- `a + b + c + …` nests on its left side, as deeply as it is long
    local chain, n = {}, 0
    while continues(node) do
      n = n + 1
      chain[n], node = node, node.left
    end
    binary(c, node)
    for i = n, 1, -1 do right_side(c, chain[i]) end
    return
  end
  local operator = node.operator
  if node.left.__visit_name == "bind" and node.right.__visit_name == "bind" then
    c:constant_operand(node.left)
    c:write(operator.sql)
    c:constant_operand(node.right)
    return escape(c, node)
  end
  c:operand(node.left, operator.left)
  right_side(c, node)
end

local in_time_zone = not_in_bound(binary)

function visit.binary(c, node)
  if node.operator.prec == AT then return in_time_zone(c, node) end
  return binary(c, node)
end

visit["boolean"] = function(c, node)
  local operator, clauses = node.operator, node.clauses
  local sql, limit = operator.sql, operator.prec
  for i = 1, node.n do
    if i > 1 then c:write(sql) end
    c:operand(clauses[i], limit)
  end
end

visit["not"] = function(c, node)
  c:write("NOT ")
  c:operand(node.element, node.prec)
end

function visit.negative(c, node)
  c:write("-")
  local inner = node.element
  if inner.__visit_name == "bind" then
    c:constant_operand(inner)
  -- `--` would start a comment
  elseif inner.__visit_name == "negative" then
    c:write("(")
    c:visit(inner)
    c:write(")")
  else
    c:operand(inner, node.prec)
  end
end

-- In parentheses of its own: few people know how tightly a prefix operator binds.
function visit.bitwise_not(c, node)
  c:write("(~ ")
  c:operand(node.element, operators.precedence.ADD)
  c:write(")")
end

function visit.between(c, node)
  operand(c, node.operand, node.prec + 1)
  c:write(node.negated and " NOT BETWEEN " or " BETWEEN ")
  if node.symmetric then c:write("SYMMETRIC ") end
  local outer = c.in_bound
  c.in_bound = true
  c:operand(node.low, node.prec + 1)
  c.in_bound = outer
  c:write(" AND ")
  c:operand(node.high, node.prec + 1)
end

function visit.in_array(c, node)
  operand(c, node.operand, node.prec + 1)
  c:write(node.negated and " <> ALL(" or " = ANY(")
  c:visit(node.array)
  c:write(")")
end

function visit.unnest_rows(c, node)
  c:write("(SELECT ")
  for i = 1, #node.items do
    c:write(i == 1 and "unnest(" or ", unnest(")
    c:visit(node.items[i])
    c:write(")")
  end
  c:write(")")
end

local function quantified(word)
  return function(c, node)
    c:write(word)
    c:write("(")
    c:visit(node.element)
    c:write(")")
  end
end

visit.any, visit.all = quantified "ANY", quantified "ALL"

function visit.subscript(c, node)
  local name = node.element.__visit_name
  -- What takes a subscript without parentheses. `a[1:2][1:2]` would be a slice
  -- in two dimensions, and `a[1][2]` is meant to be an element of such.
  local element_of_row = name == "subscript" and not node.to and not node.element.to
  if name == "column" or element_of_row or name == "bind" and not c.literal_binds then
    c:visit(node.element)
  else
    c:write("(")
    c:visit(node.element)
    c:write(")")
  end
  c:write("[")
  c:visit(node.from)
  if node.to then
    c:write(":")
    c:visit(node.to)
  end
  c:write("]")
end

visit.collate = not_in_bound(function(c, node)
  c:operand(node.element, node.prec + 1)
  c:write(" COLLATE ")
  c:write(quote(node.collation))
end)

-- Wrappers ---------------------------------------------------------------------

function visit.cast(c, node)
  local type_name = node.to or c:type_name(node.type)
  c:write("CAST(")
  if c:type_name(node.element.type) == type_name then c:visit(node.element) else c:constant(node.element) end
  c:write(" AS ")
  c:write(type_name)
  c:write(")")
end

-- A label is its expression, except in the select list (which writes `AS`) and
-- as a whole element of ORDER BY: there it is its name, if this very label is
-- selected.
function visit.label(c, node, ordered)
  local frame = c.frame
  local name = ordered and frame and not c.in_window and frame.labels[node]
  if name then return c:write(quote(name)) end
  c:visit(node.element)
end

function visit.transparent(c, node) c:visit(node.element) end

function visit.tuple(c, node)
  c:write("(")
  c:list(node.items, ", ")
  c:write(")")
end

function visit.array(c, node)
  c:write("ARRAY[")
  for i = 1, #node.items do
    if i > 1 then c:write(", ") end
    c:constant(node.items[i])
  end
  c:write("]")
  if #node.items == 0 then
    c:write("::")
    c:write(c:type_name(node.type))
  end
end

function visit.ordering(c, node, ordered)
  c:visit(node.element, ordered)
  c:write(node.suffix)
end

-- An index tells its operator classes itself; elsewhere it is the element.
function visit.opclass(c, node, ...) c:visit(node.element, ...) end

function visit.case(c, node)
  c:write("CASE")
  if node.operand then
    c:write(" ")
    c:constant(node.operand)
  end
  for _, branch in ipairs(node.branches) do
    c:write(" WHEN ")
    c:visit(branch[1])
    c:write(" THEN ")
    c:constant(branch[2])
  end
  if node.otherwise then
    c:write(" ELSE ")
    c:constant(node.otherwise)
  end
  c:write(" END")
end

function visit.extract(c, node)
  c:write("EXTRACT(")
  c:write(node.part)
  c:write(" FROM ")
  c:visit(node.element)
  c:write(")")
end

-- Subqueries as expressions ------------------------------------------------------

function visit.scalar_select(c, node)
  c:write("(")
  c:visit(node.element)
  c:write(")")
end

function visit.exists(c, node)
  c:write(node.negated and "NOT EXISTS (" or "EXISTS (")
  c:visit(node.element)
  c:write(")")
end

return visit
