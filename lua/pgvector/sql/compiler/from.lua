--- Visitors for what stands in FROM.
-- @module pgvector.sql.compiler.from

local errors = require "pgvector.errors"
local identifiers = require "pgvector.sql.compiler.identifiers"

local visit = {}

local quote = identifiers.quote

function visit.table(c, from)
  c.names[from.name] = true
  c:write(c:table_name(from))
end

local function as_name(c, from)
  if from.name then c.names[from.name] = true end
  c:write(" AS ")
  c:write(quote(c:alias_name(from)))
end

function visit.alias(c, from)
  c:visit(from.element)
  as_name(c, from)
end

function visit.subquery(c, from)
  c:write("(")
  c:visit(from.element, "from", true)
  c:write(")")
  as_name(c, from)
end

function visit.lateral(c, from)
  c:write("LATERAL (")
  c:visit(from.element, "lateral", true)
  c:write(")")
  as_name(c, from)
end

function visit.tablesample(c, from)
  c:visit(from.element)
  as_name(c, from)
  c:write(" TABLESAMPLE ")
  c:visit(from.sampling)
  if from.seed then
    c:write(" REPEATABLE (")
    c:visit(from.seed)
    c:write(")")
  end
end

local joins = { inner = " JOIN ", left = " LEFT OUTER JOIN ", full = " FULL OUTER JOIN " }

function visit.join(c, from)
  c:visit(from.left)
  c:write(joins[from.kind])
  if from.right.__visit_name == "join" then
    c:write("(")
    c:visit(from.right)
    c:write(")")
  else
    c:visit(from.right)
  end
  c:write(" ON ")
  if not c.row_criteria then return c:visit(from.condition) end
  local conditions = { from.condition }
  if from.kind == "full" then visit.demanded(c, from.left, conditions) end
  visit.demanded(c, from.right, conditions)
  c:conjunction(conditions)
end

-- A condition about rows that a FULL JOIN may have left out.
local function or_absent(from, condition)
  for _, column in ipairs(from:_columns()) do
    if column.primary_key then return condition:or_(column:is_null()) end
  end
  errors.raise("InvalidRequestError", "with_loader_criteria: %s stands in a FULL JOIN and has no primary key, so "
    .. "its rows cannot be told from those that are left out", from:_describe())
end

-- Adds what is demanded of the rows of a FROM element (`row_criteria`), to
-- stand in WHERE or in ON. What is joined to it has that in its own ON; a FULL
-- JOIN gives the rows for which that is false as well, so those of both its sides
-- (`may_lack`: the side may have no row) are left out by WHERE.
function visit.demanded(c, from, conditions, may_lack)
  if from.__visit_name == "join" then
    local is_full = from.kind == "full"
    visit.demanded(c, from.left, conditions, may_lack or is_full)
    if is_full then visit.demanded(c, from.right, conditions, true) end
    return
  end
  for _, condition in ipairs(c.row_criteria(from)) do
    if may_lack then condition = or_absent(from, condition) end
    conditions[#conditions + 1] = { __visit_name = "demanded_condition", element = condition, prec = condition.prec }
  end
end

-- A query inside it may read the same rows; nothing is demanded of those.
function visit.demanded_condition(c, node)
  local before = c.row_criteria
  c.row_criteria = nil
  c:visit(node.element)
  c.row_criteria = before
end

function visit.cte(c, from)
  c:define_cte(from)
  c:write(quote(c:alias_name(from)))
end

local function column_names(c, from)
  c:write("(")
  for i, column in ipairs(from:_columns()) do
    if i > 1 then c:write(", ") end
    c:write(quote(column.name))
    if from.render_types then
      c:write(" ")
      c:write(c:type_name(column.type))
    end
  end
  c:write(")")
end

function visit.table_function(c, from)
  if from.is_lateral then c:write("LATERAL ") end
  c:visit(from.element)
  if from.with_ordinality then c:write(" WITH ORDINALITY") end
  as_name(c, from)
  if not from.column_valued then column_names(c, from) end
end

function visit.values(c, from)
  c:write("(VALUES ")
  for i, row in ipairs(from.rows) do
    c:write(i == 1 and "(" or ", (")
    for j, value in ipairs(row) do
      if j > 1 then c:write(", ") end
      -- the first row's types are those of the columns, but whole numbers are not small ones
      if i == 1 or value.type.kind == "int2" then c:constant(value) else c:visit(value) end
    end
    c:write(")")
  end
  c:write(")")
  as_name(c, from)
  c:write(" ")
  column_names(c, from)
end

return visit
