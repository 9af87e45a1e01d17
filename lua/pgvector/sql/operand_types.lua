--- What arithmetic makes of types: that of its result, as the server finds it, and
-- that of a plain value beside an expression.
-- @module pgvector.sql.operand_types

local operators = require "pgvector.sql.operators"
local types = require "pgvector.types"

local operand_types = {}

local Double, Interval, Text, NULLTYPE = types.Double, types.Interval, types.Text, types.NULLTYPE
-- Operators by their text: those of `column:op("+")` are others, but mean the same.
local ADD, SUB, MUL, DIV = operators.add.sql, operators.sub.sql, operators.mul.sql, operators.div.sql
local POW, CONCAT = operators.pow.sql, operators.concat.sql

local known = { [ADD] = true, [SUB] = true, [MUL] = true, [DIV] = true, [operators.mod.sql] = true, [POW] = true,
                [CONCAT] = true }

--- Is it one of the operators that this module knows?
-- @tparam table op of pgvector.sql.operators
-- @treturn boolean
function operand_types.knows(op) return known[op.sql] == true end

-- Tables ---------------------------------------------------------------------------

-- The kinds of numbers, each of which becomes any of those behind it.
local rank = { int2 = 1, int4 = 2, int8 = 3, numeric = 4, float4 = 5, float8 = 6 }
local numbers, NUMERIC = "int2 int4 int8 numeric float4 float8", rank.numeric

-- Operator, left kinds, right kinds, the result's kind. Numbers among themselves
-- follow their rank, what is not here has the type of its left side.
local results = {}
for _, row in ipairs{
  { ADD, "date", "int2 int4", "date" }, { ADD, "int2 int4", "date", "date" },
  { ADD, "date timestamp", "time interval", "timestamp" }, { ADD, "time interval", "date timestamp", "timestamp" },
  { ADD, "date", "timetz", "timestamptz" }, { ADD, "timetz", "date", "timestamptz" },
  { ADD, "timestamptz", "time interval", "timestamptz" }, { ADD, "time interval", "timestamptz", "timestamptz" },
  { ADD, "time", "interval", "time" }, { ADD, "interval", "time", "time" },
  { ADD, "time interval", "timetz", "timetz" }, { ADD, "timetz", "time interval", "timetz" },
  { SUB, "date", "int2 int4", "date" }, { SUB, "date", "date", "int4" },
  { SUB, "date timestamp", "time interval", "timestamp" }, { SUB, "timestamptz", "time interval", "timestamptz" },
  { SUB, "date", "timestamp timestamptz", "interval" },
  { SUB, "timestamp timestamptz", "date timestamp timestamptz", "interval" },
  { SUB, "time", "time", "interval" }, { SUB, "time", "interval", "time" },
  { SUB, "timetz", "time interval", "timetz" },
  { SUB, "interval", "time interval", "interval" },
  { MUL, "time interval", numbers, "interval" }, { MUL, numbers, "time interval", "interval" },
  { DIV, "time interval", numbers, "interval" },
  { ADD, "inet cidr", "int2 int4 int8", "inet" }, { ADD, "int2 int4 int8", "inet cidr", "inet" },
  { SUB, "inet cidr", "int2 int4 int8", "inet" }, { SUB, "inet cidr", "inet cidr", "int8" },
} do
  local by_left = results[row[1]] or {}
  results[row[1]] = by_left
  for left in row[2]:gmatch("%S+") do
    local by_right = by_left[left] or {}
    by_left[left] = by_right
    for right in row[3]:gmatch("%S+") do by_right[right] = row[4] end
  end
end

-- The type of a kind that neither side has.
local by_kind = {
  date = types.Date, timestamp = types.DateTime, timestamptz = types.DateTime{ timezone = true }, time = types.Time,
  timetz = types.Time{ timezone = true }, interval = Interval, int4 = types.Integer, int8 = types.BigInteger,
  inet = types.INET,
}

-- What else than text `||` joins with its like.
local joining_families = {
  array = true, json = true, hstore = true, vector = true, bit = true, tsvector = true, tsquery = true,
}

local function joins_its_like(type_)
  return joining_families[type_.family] and type_.kind ~= "json" or type_.kind == "bytea"
end

-- Results --------------------------------------------------------------------------

local function without_dim(type_)
  return type_.dim and type_._plain and type_:_plain() or type_
end

local function of_numbers(left, right)
  local l, r = rank[left.kind], rank[right.kind]
  if l == r then return left end
  local wider = l > r and left or right
  if l <= NUMERIC and r <= NUMERIC or wider.kind == "float8" then return wider end
  return Double -- two kinds, of which one is REAL
end

local function power(left, right)
  local l, r = rank[left.kind], rank[right.kind]
  if not (l and r and l <= NUMERIC and r <= NUMERIC) then return Double end
  return l == NUMERIC and left or r == NUMERIC and right or Double
end

local function element_rank(type_)
  local elem = type_.elem or type_
  return rank[elem.kind] or elem.kind == "oid" and rank.int8 + 0.5
end

-- `array || array`, `array || element`, `element || array`.
local function of_arrays(left, right)
  local array, other = left, right
  if left.family ~= "array" then array, other = right, left end
  local own, others = element_rank(array), element_rank(other)
  if not own or not others or own >= others then return array end
  return other.elem and other or types.ARRAY(other)
end

-- Of two vectors the one of half precision tells, wherever it stands.
local function of_vectors(left, right)
  return right.family == "vector" and right.kind == "halfvec" and right or left
end

local function joined(left, right)
  local lf, rf = left.family, right.family
  if lf == "array" or rf == "array" then return of_arrays(left, right) end
  if lf == "string" then return left.impl and left or Text end -- a decorated type stays what it is
  if rf == "string" then return Text end
  local like = joins_its_like(left) and left or joins_its_like(right) and right
  if not like then return (lf == "unknown" or rf == "unknown") and NULLTYPE or Text end
  if like.family == "bit" then return types.VARBIT end
  return without_dim(like.family == "vector" and of_vectors(left, right) or like)
end

--- The type of `left op right`.
-- @tparam table op of pgvector.sql.operators
-- @tparam table a the node on the left
-- @tparam table b the node on the right
-- @treturn table type
function operand_types.result(op, a, b)
  local sql, left, right = op.sql, a.type, b.type
  -- the server takes a value of which it does not know the type for one of the other side's
  if left == NULLTYPE and a.__visit_name == "bind" then left = right end
  if right == NULLTYPE and b.__visit_name == "bind" then right = left end
  if sql == CONCAT then return joined(left, right) end
  if sql == POW then return power(left, right) end
  if left.family == "unknown" then return right end
  local lk, rk = left.kind, right.kind
  if rank[lk] and rank[rk] then return of_numbers(left, right) end
  if left.family == "vector" then return of_vectors(left, right) end
  local by_left = results[sql]
  local by_right = by_left and by_left[lk]
  local kind = by_right and by_right[rk]
  if not kind or kind == lk then return left end
  return kind == rk and right or by_kind[kind]
end

-- Operands -------------------------------------------------------------------------

--- The type of a plain Lua value beside an expression.
-- @tparam table op of pgvector.sql.operators
-- @tparam table type_ that of the expression
-- @param value
-- @tparam[opt] boolean is_left whether the value stands on the left
-- @treturn table type
function operand_types.operand(op, type_, value, is_left)
  local sql, family, kind = op.sql, type_.family, type(value)
  if sql == CONCAT then return joins_its_like(type_) and without_dim(type_) or Text end
  if family == "datetime" then
    -- from a length of time nothing that is a point in it can be taken away
    if is_left and sql == SUB then return type_ end
    if (sql == ADD or sql == SUB) and (kind == "string" or kind == "table") then return Interval end
    return type_.kind == "date" and types.Integer or Interval
  end
  if family == "interval" and (sql == MUL or sql == DIV) then return Double end
  if (family == "json" or family == "hstore") and sql == SUB then
    if kind == "string" then return Text end
    if kind == "number" then return types.Integer end
    return types.ARRAY(Text)
  end
  if kind == "number" and (type_.kind == "inet" or type_.kind == "cidr") then return types.BigInteger end
  return type_
end

return operand_types
