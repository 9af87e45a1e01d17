--- PostgreSQL's operators: how they are written, how tightly they bind, and
-- what their negation is.
-- @module pgvector.sql.operators

local errors = require "pgvector.errors"

local operators = {}

--- Precedence, loosest first (the table of PostgreSQL's manual, "Operator
-- Precedence"). LOWEST is text of unknown shape.
local P = {
  LOWEST = 0, OR = 1, AND = 2, NOT = 3, IS = 4, COMPARE = 5, LIKE = 6, OTHER = 7, ADD = 8, MULTIPLY = 9,
  POWER = 10, AT = 11, COLLATE = 12, MINUS = 13, SUBSCRIPT = 14, CAST = 15,
}
operators.precedence = P

-- `prec` of the operator; `left` and `right`: an operand that binds less
-- tightly than this gets parentheses. Comparisons associate with neither side,
-- the others with the left one.
local function define(name, sql, prec, limits)
  local op = {
    name = name, sql = " " .. sql .. " ", where = "'" .. sql .. "'", prec = prec,
    left = limits and limits.left or (prec >= P.OTHER and prec or prec + 1),
    right = limits and limits.right or prec + 1,
  }
  operators[name] = op
  return op
end

-- An operator and its negation.
local function pair(name, sql, negated_name, negated_sql, prec, limits)
  local op, negated = define(name, sql, prec, limits), define(negated_name, negated_sql, prec, limits)
  op.negate, negated.negate = negated, op
end

define("or_", "OR", P.OR)
define("and_", "AND", P.AND)

-- A condition inside a comparison gets parentheses even where the grammar needs
-- none: few people read `a = b IS NULL` and `a LIKE b = c` as the server does.
local readable = { left = P.OTHER, right = P.OTHER }

pair("eq", "=", "ne", "!=", P.COMPARE, readable)
pair("lt", "<", "ge", ">=", P.COMPARE, readable)
pair("gt", ">", "le", "<=", P.COMPARE, readable)
pair("is_", "IS", "is_not", "IS NOT", P.IS, readable)
pair("is_distinct_from", "IS DISTINCT FROM", "is_not_distinct_from", "IS NOT DISTINCT FROM", P.IS, readable)

pair("like", "LIKE", "not_like", "NOT LIKE", P.LIKE)
pair("ilike", "ILIKE", "not_ilike", "NOT ILIKE", P.LIKE)
pair("in_", "IN", "not_in", "NOT IN", P.LIKE)
pair("regexp_match", "~", "not_regexp_match", "!~", P.OTHER)
pair("iregexp_match", "~*", "not_iregexp_match", "!~*", P.OTHER)

define("concat", "||", P.OTHER)
define("add", "+", P.ADD)
define("sub", "-", P.ADD)
define("mul", "*", P.MULTIPLY)
define("div", "/", P.MULTIPLY)
define("mod", "%", P.MULTIPLY)
define("pow", "^", P.POWER)

-- What an operator gives, where its text alone tells it.
local COMPARES = "boolean"
local custom = {
  ["="] = { P.COMPARE, COMPARES }, ["<"] = { P.COMPARE, COMPARES }, [">"] = { P.COMPARE, COMPARES },
  ["<="] = { P.COMPARE, COMPARES }, [">="] = { P.COMPARE, COMPARES }, ["<>"] = { P.COMPARE, COMPARES },
  ["!="] = { P.COMPARE, COMPARES },
  ["+"] = { P.ADD }, ["-"] = { P.ADD }, ["*"] = { P.MULTIPLY }, ["/"] = { P.MULTIPLY }, ["%"] = { P.MULTIPLY },
  ["^"] = { P.POWER },
  ["AT TIME ZONE"] = { P.AT }, ["SIMILAR TO"] = { P.LIKE, COMPARES }, ["NOT SIMILAR TO"] = { P.LIKE, COMPARES },
  ["LIKE"] = { P.LIKE, COMPARES }, ["NOT LIKE"] = { P.LIKE, COMPARES },
  ["ILIKE"] = { P.LIKE, COMPARES }, ["NOT ILIKE"] = { P.LIKE, COMPARES },
  ["OVERLAPS"] = { P.LIKE, COMPARES },
}
for _, sql in ipairs{ "@@", "@>", "<@", "&&", "?", "?|", "?&", "@?", "~", "~*", "!~", "!~*", "~~", "~~*", "!~~",
                      "!~~*", "^@", "-|-", "&<", "&>", "<<=", ">>=" } do
  custom[sql] = { P.OTHER, COMPARES }
end
for _, sql in ipairs{ "<->", "<#>", "<=>", "<+>", "<~>", "<%>" } do custom[sql] = { P.OTHER, "distance" } end
for _, sql in ipairs{ "->>", "#>>" } do custom[sql] = { P.OTHER, "text" } end
for _, sql in ipairs{ "->", "#>", "#-", "||" } do custom[sql] = { P.OTHER, "same" } end

local made = {}

--- The operator of a given text. Its characters are checked, because it goes
-- into the SQL as it is.
-- @tparam string sql such as "@@" or "AT TIME ZONE"
-- @treturn table operator; its `gives` is "boolean", "distance", "text",
--   "same" (as its left operand) or nil
function operators.custom(sql)
  local op = type(sql) == "string" and made[sql]
  if op then return op end
  if type(sql) ~= "string" then errors.raise("ArgumentError", "op: expected an operator such as \"@@\"") end
  local known = custom[sql]
  if not known and (not sql:find("^[-+*/<>=~!@#%%^&|`?]+$") or sql:find("--", 1, true) or sql:find("/*", 1, true)
      or #sql > 63) then
    errors.raise("ArgumentError", "op: '%s' is not an operator", sql)
  end
  local prec = known and known[1] or P.OTHER
  op = {
    name = sql, sql = " " .. sql .. " ", prec = prec, gives = known and known[2],
    left = prec >= P.OTHER and prec or prec + 1, right = prec + 1,
  }
  made[sql] = op
  return op
end

return operators
