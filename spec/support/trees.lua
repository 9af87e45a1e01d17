--- Random expression trees: each is made by the builder and, independently, as
-- SQL text in which everything is in parentheses and every constant has its
-- type. What stands in the two must mean the same.
--
-- A tree is `{ node =, sql =, type =, size = }`: `node` is an expression or a
-- plain Lua value, `type` a name below, `size` (of numbers) the greatest
-- absolute value it can have, by which overflows are avoided.

local pg = require "pgvector"

local func = pg.func
local trees = {}

local types = {
  int = pg.Integer, big = pg.BigInteger, numeric = pg.Numeric, float = pg.Double, text = pg.Text,
  bool = pg.Boolean, array = pg.ARRAY(pg.Text), json = pg.JSONB, vector = pg.VECTOR(3),
  time = pg.DateTime{ timezone = true }, interval = pg.Interval,
}

trees.table = pg.table("t", pg.column("k", pg.Integer),
  pg.column("a", types.int), pg.column("b", types.int), pg.column("g", types.big), pg.column("n", types.numeric),
  pg.column("f", types.float), pg.column("s", types.text), pg.column("r", types.text), pg.column("p", types.bool),
  pg.column("q", types.bool), pg.column("l", types.array), pg.column("j", types.json), pg.column("v", types.vector),
  pg.column("w", types.vector), pg.column("d", types.time), pg.column("i", types.interval))

trees.ddl = [[
CREATE TABLE t (k int, a int, b int, g bigint, n numeric, f float8, s text, r text, p bool, q bool, l text[], j jsonb,
  v vector(3), w vector(3), d timestamptz, i interval);
INSERT INTO t VALUES
  (1, 3, -2, 7, 1.5, 0.25, 'a_b', 'B', true, false, '{a,b}', '{"a": {"b": [1, 2]}, "c": "x"}', '[1,2,3]', '[3,-1,2]',
    '2024-02-29 12:00+00', '1 day 02:00'),
  (2, -9, 4, -8, -2.25, -3.5, '50%', '', false, true, '{b,NULL,c}', '{"a": 1, "b": null}', '[0,1,0]', '[1,1,1]',
    '1999-12-31 23:59:59.5+00', '-3 hours'),
  (3, 0, 1, 0, 0, 0, '', 'ab\c', true, true, '{}', '[1, "a", {"c": 2}]', '[-1,-2,5]', '[2,2,2]', '2000-01-01+00', '1 mon'),
  (4, NULL, 5, NULL, NULL, NULL, NULL, 'a', NULL, true, NULL, NULL, NULL, '[1,0,0]', NULL, NULL),
  (5, 8, NULL, 9, 7.125, 2, 'Ab', NULL, false, NULL, '{x,y,z}', '{"a": {"b": "c"}}', '[4,5,6]', NULL, '2030-06-01+00', NULL);
]]

local columns = {
  int = { "a", "b" }, big = { "g" }, numeric = { "n" }, float = { "f" }, text = { "s", "r" }, bool = { "p", "q" },
  array = { "l" }, json = { "j" }, vector = { "v", "w" }, time = { "d" }, interval = { "i" },
}

-- Random numbers, the same on every Lua.
local state
local function random(n)
  state = state * 16807 % 2147483647
  return state % n + 1
end
local function one_of(list) return list[random(#list)] end
local function chance(percent) return random(100) <= percent end

---- leaves ---------------------------------------------------------------------------

local function quoted(s) return "'" .. s:gsub("'", "''") .. "'" end

-- Values with their texts.
local constants = {
  numeric = { { 2.5, "2.5" }, { -1.25, "-1.25" }, { "3.75", "3.75" }, { 4, "4" }, { -7, "-7" } },
  float = { { 0.5, "0.5" }, { -2.75, "-2.75" }, { 0.1, "0.1" }, { 3, "3" }, { -1, "-1" } },
  bool = { { true, "true" }, { false, "false" } },
  array = { { { "a" }, "{a}" }, { { "b", "c" }, "{b,c}" }, { {}, "{}" }, { { "x,y", "{" }, '{"x,y","\\{"}' } },
  json = { { { a = 1 }, '{"a":1}' }, { { c = "x" }, '{"c":"x"}' }, { pg.json.array{ 1 }, "[1]" } },
  vector = { { { 1, 1, 2 }, "[1,1,2]" }, { "[2,-1,3]", "[2,-1,3]" }, { pg.vector{ 5, 0, 1 }, "[5,0,1]" } },
  time = { { "2001-02-03 04:05:06+00", "2001-02-03 04:05:06+00" }, { 86400, "1970-01-02+00" } },
  interval = { { "1 day", "1 day" }, { "-2 hours", "-2 hours" }, { { months = 1 }, "1 month" } },
  int = {}, big = {}, text = {},
}
for i = -9, 9 do constants.int[i + 10], constants.big[i + 10] = { i, tostring(i) }, { i, tostring(i) } end
for i, s in ipairs{ "a", "", "B", "50%", "a_b", "it's", "\\", "%", "--", "$1", ":x", "é" } do constants.text[i] = { s, s } end

local sql_types = {
  int = "integer", big = "bigint", numeric = "numeric", float = "float8", text = "text", bool = "boolean",
  array = "text[]", json = "jsonb", vector = "vector", time = "timestamptz", interval = "interval",
}

local function constant(type)
  local chosen = one_of(constants[type])
  return { node = chosen[1], sql = ("CAST(%s AS %s)"):format(quoted(chosen[2]), sql_types[type]), type = type,
           size = 10, constant = true }
end

local function column(type)
  local name = one_of(columns[type])
  return { node = trees.table.c[name], sql = "t." .. name, type = type, size = 10 }
end

-- `sql` is a pattern for the texts of the parts.
local function tree(type, node, sql, size, ...)
  return { node = node, sql = select("#", ...) > 0 and sql:format(...) or sql, type = type, size = size or 10 }
end

---- inner nodes ----------------------------------------------------------------------

local rules = {}
local expression

-- An expression, or now and then a plain value.
local function operand(type, depth)
  if chance(25) then return constant(type) end
  return expression(type, depth)
end

-- Two operands of which one at least is an expression.
local function two(type, depth)
  if chance(20) then return constant(type), expression(type, depth) end
  return expression(type, depth), operand(type, depth)
end

local function as_node(x, type)
  if x.constant then return pg.literal(x.node, types[type]) end
  return x.node
end

local numbers = { "int", "big", "numeric", "float" }
local wider = {}
for i, name in ipairs(numbers) do wider[name] = i end

-- Limits of what a number of each type may become in these trees.
local most = { int = 2 ^ 31 - 1, big = 2 ^ 53, numeric = 1e30, float = 1e60 }

-- Two numbers that may differ in type; the result has the wider one.
local function two_numbers(type, depth)
  local other = numbers[random(wider[type])]
  local a, b = expression(type, depth), expression(other, depth)
  if chance(25) then b = constant(type) end
  if chance(50) then a, b = b, a end
  return a, b
end

local function arithmetic(operator, combine, size_of)
  return function(type, depth)
    local a, b = two_numbers(type, depth)
    local size = size_of(a.size, b.size)
    if size > most[type] then return a.constant and b or a end
    return tree(type, combine(a.node, b.node), "(%s " .. operator .. " %s)", size, a.sql, b.sql)
  end
end

local function sum(a, b) return a + b end

local add = arithmetic("+", function(a, b) return a + b end, sum)
local subtract = arithmetic("-", function(a, b) return a - b end, sum)
local multiply = arithmetic("*", function(a, b) return a * b end, function(a, b) return a * b end)

local function negate(type, depth)
  local a = expression(type, depth)
  return tree(type, -a.node, "(- %s)", a.size, a.sql)
end

-- Zero becomes NULL, so that nothing is divided by it.
local function divisor(type, depth)
  local b = expression(type, depth)
  return tree(type, func.nullif(b.node, 0), "nullif(%s, 0)", b.size, b.sql)
end

local function modulo(type, depth)
  local a, b = expression(type, depth), divisor(type, depth)
  return tree(type, a.node % b.node, "(%s %% %s)", b.size, a.sql, b.sql)
end

local function whole_division(type, depth)
  local a, b = expression(type, depth), divisor(type, depth)
  return tree(type, a.node:floordiv(b.node), "(%s / %s)", a.size, a.sql, b.sql)
end

local function case(type, depth)
  local c, a, b = expression("bool", depth), expression(type, depth), operand(type, depth)
  return tree(type, pg.case{ { c.node, a.node }, else_ = b.node }, "(CASE WHEN %s THEN %s ELSE %s END)",
    math.max(a.size, b.size), c.sql, a.sql, b.sql)
end

local function coalesce(type, depth)
  local a, b = expression(type, depth), expression(type, depth)
  return tree(type, func.coalesce(a.node, b.node), "coalesce(%s, %s)", math.max(a.size, b.size), a.sql, b.sql)
end

local function call(name, type, from)
  return function(_, depth)
    local a = expression(from or type, depth)
    return tree(type, func[name](a.node), name .. "(%s)", a.size, a.sql)
  end
end

local function cast(from, to)
  return function(_, depth)
    local a = expression(from, depth)
    if a.size > (most[to] or math.huge) then return column(to) end
    return tree(to, a.node:cast(types[to]), "CAST(%s AS " .. sql_types[to] .. ")", a.size + 1, a.sql)
  end
end

local function bitwise(method, operator)
  return function(type, depth)
    local a, b = expression(type, depth), operand(type, depth)
    -- bits of a number stay below the next power of two
    local size = 2 ^ math.ceil(math.log(math.max(a.size, b.size) + 1) / math.log(2))
    if size > most[type] then return a end
    return tree(type, a.node[method](a.node, b.node), "(%s " .. operator .. " %s)", size, a.sql, b.sql)
  end
end

local band, bor, bxor = bitwise("bitwise_and", "&"), bitwise("bitwise_or", "|"), bitwise("bitwise_xor", "#")

rules.int = {
  add, subtract, multiply, negate, modulo, whole_division, case, coalesce, band, bor, bxor,
  call("abs", "int"), call("length", "int", "text"), call("cardinality", "int", "array"), cast("float", "int"),
}
rules.big = { add, subtract, multiply, negate, modulo, whole_division, case, coalesce, bor, cast("int", "big") }
rules.numeric = {
  add, subtract, multiply, negate, modulo, case, coalesce, cast("int", "numeric"), cast("big", "numeric"),
  function(_, depth)
    local a, b = expression("numeric", depth), divisor("numeric", depth)
    return tree("numeric", a.node / b.node, "(%s / %s)", a.size * 1e4, a.sql, b.sql)
  end,
}

local distances = { l2_distance = "<->", max_inner_product = "<#>", l1_distance = "<+>", cosine_distance = "<=>" }
local distance_names = { "l2_distance", "max_inner_product", "l1_distance", "cosine_distance" }

rules.float = {
  add, subtract, multiply, negate, case, coalesce, cast("int", "float"), cast("numeric", "float"), call("abs", "float"),
  function(_, depth) -- of integers too, `/` is no integer division
    local from = one_of{ "int", "big" }
    local a, b = expression(from, depth), divisor(from, depth)
    return tree("float", a.node / b.node, "(CAST(%s AS float8) / CAST(%s AS float8))", a.size, a.sql, b.sql)
  end,
  function(_, depth)
    local a = expression("float", depth)
    if a.size > 1e10 then return a end
    local exponent = random(4) - 1
    return tree("float", a.node ^ exponent, "(%s ^ CAST(%s AS float8))", a.size ^ 3 + 1, a.sql, tostring(exponent))
  end,
  function(_, depth)
    local a, b = expression("vector", depth), operand("vector", depth)
    local name = one_of(distance_names)
    -- may be NaN, which no whole number is: too large to become one
    return tree("float", a.node[name](a.node, b.node), "(%s " .. distances[name] .. " %s)", 1e20, a.sql, b.sql)
  end,
}

rules.text = {
  case, coalesce, call("lower", "text"), call("upper", "text"), cast("int", "text"), cast("bool", "text"),
  function(_, depth)
    local a, b = two("text", depth)
    return tree("text", a.node .. b.node, "(%s || %s)", nil, a.sql, b.sql)
  end,
  function(_, depth)
    local a, key = expression("json", depth), one_of{ "a", "b", "c" }
    return tree("text", a.node:get_text(key), "(%s ->> CAST(%s AS text))", nil, a.sql, quoted(key))
  end,
  function(_, depth)
    local a = expression("json", depth)
    return tree("text", a.node:path_text{ "a", "b", 0 }, "(%s #>> CAST('{a,b,0}' AS text[]))", nil, a.sql)
  end,
  function(_, depth)
    local a, b = expression("array", depth), expression("int", depth)
    return tree("text", a.node:at(b.node), "((%s)[%s])", nil, a.sql, b.sql)
  end,
  function(_, depth)
    local a = expression("text", depth)
    return tree("text", a.node:collate "C", "(%s COLLATE \"C\")", nil, a.sql)
  end,
}

rules.array = {
  case, coalesce,
  function(_, depth)
    local a, b = expression("array", depth), operand("array", depth)
    return tree("array", a.node .. b.node, "(%s || %s)", nil, a.sql, b.sql)
  end,
  function(_, depth)
    local a, b = expression("text", depth), operand("text", depth)
    return tree("array", pg.array{ a.node, b.node }, "ARRAY[%s, %s]", nil, a.sql, b.sql)
  end,
  function(_, depth)
    local a, from, to = expression("array", depth), random(3), random(3)
    return tree("array", a.node:slice(from, to), "((%s)[%d:%d])", nil, a.sql, from, to)
  end,
}

rules.json = {
  case, coalesce,
  function(_, depth)
    local a, key = expression("json", depth), one_of{ "a", "b", 0, 1 }
    if type(key) == "number" then
      return tree("json", a.node:get(key), "(%s -> CAST(%s AS integer))", nil, a.sql, tostring(key))
    end
    return tree("json", a.node:get(key), "(%s -> CAST(%s AS text))", nil, a.sql, quoted(key))
  end,
  function(_, depth)
    local a = expression("json", depth)
    return tree("json", a.node:path{ "a", "b" }, "(%s #> CAST('{a,b}' AS text[]))", nil, a.sql)
  end,
  function(_, depth)
    local a, b = expression("json", depth), operand("json", depth)
    return tree("json", a.node .. b.node, "(%s || %s)", nil, a.sql, b.sql)
  end,
}

local function vector_arithmetic(operator, combine, size_of)
  return function(_, depth)
    local a, b = two("vector", depth)
    local size = size_of(a.size, b.size)
    if size > 1e6 then return a.constant and b or a end
    return tree("vector", combine(a.node, b.node), "(%s " .. operator .. " %s)", size, a.sql, b.sql)
  end
end

rules.vector = {
  case, coalesce, call("l2_normalize", "vector"),
  vector_arithmetic("+", function(a, b) return a + b end, sum),
  vector_arithmetic("-", function(a, b) return a - b end, sum),
  vector_arithmetic("*", function(a, b) return a * b end, function(a, b) return a * b end),
  function(_, depth) -- only three elements of six: distances need equal lengths
    local a, b = two("vector", depth)
    return tree("vector", func.subvector(a.node .. b.node, 2, 3), "subvector((%s || %s), 2, 3)", nil, a.sql, b.sql)
  end,
}

rules.time = {
  case, coalesce,
  function(_, depth)
    local a, b = expression("time", depth), operand("interval", depth)
    return tree("time", a.node + b.node, "(%s + %s)", nil, a.sql, b.sql)
  end,
  function(_, depth)
    local a, b = expression("time", depth), operand("interval", depth)
    return tree("time", a.node - b.node, "(%s - %s)", nil, a.sql, b.sql)
  end,
}
rules.interval = {
  case, coalesce, negate,
  function(_, depth)
    local a, b = expression("time", depth), expression("time", depth)
    return tree("interval", a.node - b.node, "(%s - %s)", nil, a.sql, b.sql)
  end,
  function(_, depth)
    local a, by = expression("interval", depth), one_of{ 2, 0.5 }
    return tree("interval", a.node * by, "(%s * CAST(%s AS float8))", nil, a.sql, tostring(by))
  end,
}

---- conditions -----------------------------------------------------------------------

local comparable = { "int", "big", "numeric", "float", "text", "bool", "array", "json", "vector", "time", "interval" }
local comparisons = {
  { "eq", "=" }, { "ne", "<>" }, { "lt", "<" }, { "le", "<=" }, { "gt", ">" }, { "ge", ">=" },
  { "is_distinct_from", "IS DISTINCT FROM" }, { "is_not_distinct_from", "IS NOT DISTINCT FROM" },
}

local function condition(node, sql, ...) return tree("bool", node, sql, nil, ...) end

local function compare(_, depth)
  local type = one_of(comparable)
  local a, b, op = expression(type, depth), operand(type, depth), one_of(comparisons)
  return condition(a.node[op[1]](a.node, b.node), "(%s " .. op[2] .. " %s)", a.sql, b.sql)
end

local function joined(fn, method, operator)
  return function(_, depth)
    local a, b = expression("bool", depth), expression("bool", depth)
    if chance(40) then
      local c = expression("bool", depth)
      return condition(pg[fn](a.node, b.node, c.node), ("(%%s %s %%s %s %%s)"):format(operator, operator),
        a.sql, b.sql, c.sql)
    end
    return condition(a.node[method](a.node, b.node), "(%s " .. operator .. " %s)", a.sql, b.sql)
  end
end

-- Does text contain, start with, end with a string: told by other means than LIKE.
local searches = {
  { "contains", "(strpos(%s, %s) > 0)" }, { "startswith", "starts_with(%s, %s)" },
  { "endswith", "(right(%s, length(%s)) = %s)" }, { "icontains", "(strpos(lower(%s), lower(%s)) > 0)" },
}

rules.bool = {
  compare, compare, compare, joined("and_", "and_", "AND"), joined("or_", "or_", "OR"), case, coalesce,
  function(_, depth)
    local a = expression("bool", depth)
    return condition(a.node:not_(), "(NOT %s)", a.sql)
  end,
  function(_, depth)
    local a = expression(one_of(comparable), depth)
    if chance(50) then return condition(a.node:is_null(), "(%s IS NULL)", a.sql) end
    return condition(a.node:is_not_null(), "(%s IS NOT NULL)", a.sql)
  end,
  function(_, depth)
    local a, value = expression("bool", depth), one_of{ true, false }
    return condition(a.node:is_(value), "(%s IS %s)", a.sql, tostring(value))
  end,
  function(_, depth)
    local type = one_of{ "int", "numeric", "float", "text", "time" }
    local a, b, c = expression(type, depth), operand(type, depth), operand(type, depth)
    local symmetric, negated = chance(20), chance(30)
    local node = a.node:between(b.node, c.node, { symmetric = symmetric })
    return condition(negated and node:not_() or node, "(%s %sBETWEEN %s%s AND %s)", a.sql, negated and "NOT " or "",
      symmetric and "SYMMETRIC " or "", b.sql, c.sql)
  end,
  function(_, depth) -- IN by an array parameter, or by a list with expressions
    local type = one_of{ "int", "big", "numeric", "float", "text" }
    local a, nodes, parts = expression(type, depth), {}, {}
    local only_constants = chance(60)
    for i = 1, random(4) - 1 do
      local item = only_constants and constant(type) or operand(type, depth)
      nodes[i], parts[i] = item.node, item.sql
    end
    local negated = chance(30)
    local node = negated and a.node:not_in(nodes) or a.node:in_(nodes)
    if #parts == 0 then return condition(node, negated and "true" or "false") end
    return condition(node, "(%s %sIN (%s))", a.sql, negated and "NOT " or "", table.concat(parts, ", "))
  end,
  function(_, depth)
    local a, pattern = expression("text", depth), one_of{ "%a%", "_b", "%\\%", "a\\_b", "%", "" }
    local negated = chance(30)
    local node = negated and a.node:not_like(pattern) or a.node:like(pattern)
    return condition(node, "(%s %sLIKE CAST(%s AS text))", a.sql, negated and "NOT " or "", quoted(pattern))
  end,
  function(_, depth)
    local a, s, search = expression("text", depth), constant("text"), one_of(searches)
    local given = chance(70) and s.node or as_node(s, "text")
    return condition(a.node[search[1]](a.node, given), search[2], a.sql, s.sql, s.sql)
  end,
  function(_, depth)
    local a, b = expression("array", depth), operand("array", depth)
    local op = one_of{ { "contains", "@>" }, { "contained_by", "<@" }, { "overlap", "&&" } }
    return condition(a.node[op[1]](a.node, b.node), "(%s " .. op[2] .. " %s)", a.sql, b.sql)
  end,
  function(_, depth)
    local a, b = expression("array", depth), operand("text", depth)
    if chance(50) then return condition(a.node:any(b.node), "(%s = ANY(%s))", b.sql, a.sql) end
    return condition(a.node:all(b.node, "<"), "(%s < ALL(%s))", b.sql, a.sql)
  end,
  function(_, depth)
    local a, b = expression("json", depth), operand("json", depth)
    return condition(a.node:contains(b.node), "(%s @> %s)", a.sql, b.sql)
  end,
  function(_, depth)
    local a, key = expression("json", depth), one_of{ "a", "b", "c" }
    return condition(a.node:has_key(key), "(%s ? %s)", a.sql, quoted(key))
  end,
  function(_, depth) -- a distance within a bound
    local a, b = expression("vector", depth), operand("vector", depth)
    return condition(a.node:l2_distance(b.node):lt(2.5), "((%s <-> %s) < CAST('2.5' AS float8))", a.sql, b.sql)
  end,
}

function expression(type, depth)
  if depth <= 0 or chance(15) then return column(type) end
  return one_of(rules[type])(type, depth - 1)
end

--- Trees, the same for the same seed.
-- @tparam integer seed
-- @tparam integer count
-- @treturn table sequence
function trees.draw(seed, count)
  state = seed % 2147483646 + 1
  random(1)
  local list = {}
  for i = 1, count do
    list[i] = expression(one_of(chance(30) and { "bool" } or comparable), 1 + random(4))
  end
  return list
end

return trees
