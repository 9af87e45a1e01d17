--- SQL functions: `func.lower(Item.title)`, `func.my_schema.fn(x)`, and what
-- aggregates and window functions take: filter, over, within_group.
--
-- Any name is a function. The type of the result is known for the common ones;
-- for the others the server tells it.
-- @module pgvector.sql.functions

local class = require "pgvector.class"
local compat = require "pgvector.compat"
local errors = require "pgvector.errors"
local base = require "pgvector.sql.base"
local element = require "pgvector.sql.element"
local coerce = require "pgvector.sql.coerce"
local selectable = require "pgvector.sql.selectable"
local query = require "pgvector.sql.query"
local identifiers = require "pgvector.sql.compiler.identifiers"
local types = require "pgvector.types"
local core = require "pgvector.core"

local functions = {}

local NULLTYPE, null = types.NULLTYPE, core.null

-- Result types ------------------------------------------------------------------

local function of_argument(args)
  for i = 1, #args do
    if args[i].type ~= NULLTYPE then return args[i].type end
  end
  return NULLTYPE
end

local function plain(type_) return type_._plain and type_:_plain() or type_ end

-- sum and avg of integers are wider than their argument.
local function sum_type(args)
  local type_ = of_argument(args)
  if type_.family == "integer" then return type_.kind == "int8" and types.Numeric or types.BigInteger end
  return type_.kind == "numeric" and types.Numeric or type_
end

local function avg_type(args)
  local type_ = of_argument(args)
  if type_.family == "integer" or type_.kind == "numeric" then return types.Numeric end
  if type_.family == "number" then return types.Double end
  return type_
end

local result_types = { sum = sum_type, avg = avg_type }

local function declare(type_, names)
  for name in names:gmatch("%S+") do result_types[name] = function() return type_ end end
end

declare(types.BigInteger, "count rank row_number dense_rank nextval currval lastval setval")
declare(types.Integer, "ntile length char_length octet_length bit_length strpos position array_length cardinality "
  .. "ascii vector_dims jsonb_array_length json_array_length")
declare(types.Text, "concat concat_ws trim ltrim rtrim btrim replace substr substring left right md5 "
  .. "to_char initcap repeat reverse string_agg format quote_ident quote_literal regexp_replace split_part lpad rpad "
  .. "ts_headline version current_user current_schema current_database jsonb_typeof json_typeof encode translate")
declare(types.Double, "random percent_rank cume_dist vector_norm l2_norm l2_distance inner_product cosine_distance "
  .. "l1_distance hamming_distance jaccard_distance vector_spherical_distance pi sqrt exp ln degrees radians")
declare(types.Real, "ts_rank ts_rank_cd similarity word_similarity strict_word_similarity")
declare(types.Boolean, "bool_and bool_or every starts_with pg_try_advisory_lock pg_try_advisory_xact_lock")
declare(types.DateTime{ timezone = true }, "now current_timestamp clock_timestamp statement_timestamp "
  .. "transaction_timestamp to_timestamp")
declare(types.DateTime, "localtimestamp")
declare(types.Date, "current_date")
declare(types.Interval, "age")
declare(types.UUID, "gen_random_uuid uuid_generate_v4")
declare(types.TSVECTOR, "to_tsvector setweight")
declare(types.TSQUERY, "to_tsquery plainto_tsquery phraseto_tsquery websearch_to_tsquery")
declare(types.JSONB, "jsonb_agg jsonb_object_agg jsonb_build_object jsonb_build_array to_jsonb jsonb_set jsonb_insert "
  .. "jsonb_strip_nulls jsonb_path_query jsonb_path_query_array jsonb_path_query_first jsonb_array_elements")
declare(types.JSON, "json_agg json_object_agg json_build_object json_build_array to_json row_to_json")
declare(types.Text, "jsonb_array_elements_text json_array_elements_text jsonb_object_keys json_object_keys "
  .. "jsonb_extract_path_text")
declare(types.ARRAY(types.Text), "string_to_array regexp_split_to_array regexp_matches")
declare(types.VECTOR, "array_to_vector halfvec_to_vector sparsevec_to_vector")
declare(types.HALFVEC, "vector_to_halfvec array_to_halfvec sparsevec_to_halfvec")
declare(types.SPARSEVEC, "vector_to_sparsevec halfvec_to_sparsevec array_to_sparsevec")

for _, name in ipairs{ "coalesce", "greatest", "least", "nullif", "min", "max", "abs", "lag", "lead", "first_value",
                       "last_value", "nth_value", "mode", "any_value", "l2_normalize", "round", "trunc", "ceil",
                       "ceiling", "floor", "mod", "array_append", "array_remove", "array_cat", "generate_series" } do
  result_types[name] = of_argument
end

-- of text, or a bound of a range
local function lower_or_upper(args)
  local type_ = of_argument(args)
  return type_.family == "range" and type_.subtype or types.Text
end

result_types.lower, result_types.upper = lower_or_upper, lower_or_upper

function result_types.subvector(args) return plain(of_argument(args)) end

function result_types.binary_quantize(args)
  local dim = of_argument(args).dim
  return dim and types.BIT(dim) or types.BIT
end

function result_types.array_agg(args)
  local type_ = of_argument(args)
  if type_ == NULLTYPE or type_.family == "array" then return type_ end
  return types.ARRAY(type_)
end

function result_types.unnest(args)
  return of_argument(args).elem or NULLTYPE
end

-- Functions of which a plain argument has the type of the vector or bit string
-- beside it, because overloads compete there.
local vector_arguments = {
  l2_distance = true, inner_product = true, cosine_distance = true, l1_distance = true, hamming_distance = true,
  jaccard_distance = true, coalesce = true,
}

-- Calls --------------------------------------------------------------------------

local Function = class("Function", element.ColumnElement)
Function.__visit_name = "function"
functions.Function = Function

-- Functions that take values of any type, for which the server infers none.
local any_arguments = {}
for name in ([[jsonb_build_object json_build_object jsonb_build_array json_build_array to_json to_jsonb concat concat_ws
    format num_nulls num_nonnulls]]):gmatch("%S+") do
  any_arguments[name] = true
end

-- The type of the first argument that has one.
local function known_type(args, n)
  for i = 1, n do
    if coerce.is_expression(args[i]) and args[i].type ~= NULLTYPE then return args[i].type end
    if coerce.is_query(args[i]) then return args[i]:_scalar().type end
  end
end

local function arguments(name, ...)
  local args, n = { ... }, select("#", ...)
  local known = known_type(args, n)
  local context = vector_arguments[name] and known
  if context and context.family ~= "vector" and context.family ~= "bit" then context = nil end
  for i = 1, n do
    local arg, type_ = args[i], context
    -- a number among arguments of which none has a type gets its own, or
    -- generate_series(1, 3) would be ambiguous
    local own = type(arg) == "number" and not known or type(arg) == "string" and any_arguments[name]
    if own or type(arg) == "number" and any_arguments[name] then type_ = types.of_constant(arg) end
    local node = coerce.expr(arg, type_, name)
    args[i] = known and node or base.typed_constant(node)
  end
  return args
end

local function call(names, ...)
  local name = names[#names]
  local node = { names = names, name = name, type = NULLTYPE }
  if name == "count" and #names == 1 and select("#", ...) == 0 then
    node.star, node.args = true, {}
  else
    node.args = arguments(name, ...)
  end
  local result_type = #names == 1 and result_types[name:lower()]
  if result_type then node.type = result_type(node.args) end
  return setmetatable(node, Function)
end

--- The result is of this type: `func.my_function(x):returns(pg.Integer)`.
-- @tparam table type_ a column type
function Function:returns(type_) return base.with(self, { type = types.expect(type_, "returns") }) end

--- `fn(DISTINCT …)`.
function Function:distinct() return base.with(self, { is_distinct = true }) end

--- `fn(… ORDER BY …)`, for aggregates whose result depends on the order.
function Function:aggregate_order_by(...)
  local list = query.ordering("aggregate_order_by", ...)
  return base.with(self, { ordering = list })
end

-- FILTER, WITHIN GROUP and OVER may follow each other, so their nodes have
-- these methods too.
local Aggregate = class("Aggregate", element.ColumnElement)

--- `… FILTER (WHERE …)`.
function Aggregate:filter(...)
  local conditions = coerce.conditions("filter", ...)
  return setmetatable({ __visit_name = "filter", element = self, conditions = conditions, type = self.type },
    Aggregate)
end

--- `… WITHIN GROUP (ORDER BY …)`.
function Aggregate:within_group(...)
  local list = query.ordering("within_group", ...)
  local type_ = self.type == NULLTYPE and list[1].type or self.type
  return setmetatable({ __visit_name = "within_group", element = self, ordering = list, type = type_ }, Aggregate)
end

-- OVER ---------------------------------------------------------------------------

local over_options = { partition_by = true, order_by = true, rows = true, range = true, groups = true, exclude = true }
local exclusions = {
  ["current row"] = "CURRENT ROW", group = "GROUP", ties = "TIES", ["no others"] = "NO OTHERS",
}

local function expressions(value, where)
  if value == nil then return nil end
  if type(value) == "table" and getmetatable(value) == nil then
    if #value == 0 then errors.raise("ArgumentError", "over: %s is empty", where) end
    return (query.ordering("over: " .. where, compat.unpack(value)))
  end
  return (query.ordering("over: " .. where, value))
end

-- The type of a distance between two rows, in a frame of `range`.
local function distance_type(order_by)
  local type_ = order_by and order_by[1].type or NULLTYPE
  return type_.family == "datetime" and types.Interval or type_
end

local directions = { preceding = "PRECEDING", following = "FOLLOWING" }

-- `{ preceding = x }` or `{ following = x }` as `{ offset = node, direction = }`.
local function told_bound(value, mode, order_by)
  local word, offset = next(value)
  if not directions[word] or next(value, word) ~= nil then
    errors.raise("ArgumentError", "over: a bound of %s must be { preceding = x } or { following = x }", mode)
  end
  local type_ = mode == "range" and distance_type(order_by) or types.BigInteger
  return { offset = coerce.expr(offset, type_, "over: " .. mode), direction = directions[word] }
end

-- One end of a frame: a number of rows before (negative) or after the current
-- one; nothing, false or pg.null for the partition's end. In a frame of `range`
-- it is a difference, and need not be whole.
local function frame_bound(value, mode, order_by)
  if value == nil or value == false or value == null then return nil end
  if type(value) == "table" and getmetatable(value) == nil then return told_bound(value, mode, order_by) end
  if mode == "range" and type(value) == "number" and value - value == 0 and value ~= math.floor(value) then
    return told_bound({ [value < 0 and "preceding" or "following"] = math.abs(value) }, mode, order_by)
  end
  if not compat.is_integral(value) or math.abs(value) > 2 ^ 53 then
    errors.raise("ArgumentError", "over: a bound of %s must be a whole number or { preceding = x }, got %s", mode,
      coerce.describe(value))
  end
  return value
end

-- What stands in the parentheses of OVER, added to a node.
local function frame_of(node, options)
  options = errors.check_options(options, over_options, "over")
  node.partition_by = expressions(options.partition_by, "partition_by")
  node.order_by = expressions(options.order_by, "order_by")
  for _, mode in ipairs{ "rows", "range", "groups" } do
    local frame = options[mode]
    if frame ~= nil then
      if node.frame_mode then errors.raise("ArgumentError", "over: rows, range and groups exclude each other") end
      if type(frame) ~= "table" then errors.raise("ArgumentError", "over: %s must be { from, to }", mode) end
      node.frame_mode = mode:upper()
      local from, to = frame_bound(frame[1], mode, node.order_by), frame_bound(frame[2], mode, node.order_by)
      node.frame_from, node.frame_to = from, to
      if type(from) == "number" and type(to) == "number" and from > to then
        errors.raise("ArgumentError", "over: %s ends before it starts", mode)
      end
    end
  end
  if options.exclude ~= nil then
    node.exclude = exclusions[tostring(options.exclude):lower()]
    if not node.exclude then
      errors.raise("ArgumentError", "over: exclude must be 'current row', 'group', 'ties' or 'no others'")
    end
    if not node.frame_mode then errors.raise("ArgumentError", "over: exclude needs rows, range or groups") end
  end
  return node
end

local Window = class("Window")
Window.__visit_name = "window"

--- A window with a name, for several functions: `func.rank():over(w)`. The
-- statement gets its `WINDOW name AS (…)` by itself.
-- @tparam string name
-- @tparam[opt] table options as of `over`
-- @treturn table window
function functions.window(name, options)
  identifiers.quote(name)
  return setmetatable(frame_of({ name = name }, options), Window)
end

--- `… OVER (PARTITION BY … ORDER BY … ROWS BETWEEN … AND …)`.
-- @tparam[opt] table options `partition_by`, `order_by` (one or a sequence);
--   `rows`, `range` or `groups = { from, to }` with whole numbers, negative
--   before the current row, 0 the current row, nil unbounded, or
--   `{ preceding = x }`, `{ following = x }` with any value or expression;
--   `exclude`. Or a window of `pg.window`
-- @treturn table expression
function Aggregate:over(options)
  local node = { __visit_name = "over", element = self, type = self.type }
  if class.is(options, Window) then
    node.window = options
  else
    frame_of(node, options)
  end
  return setmetatable(node, element.ColumnElement)
end

Function.filter, Function.within_group, Function.over = Aggregate.filter, Aggregate.within_group, Aggregate.over

-- Table functions ------------------------------------------------------------------

local TableFunction = class("TableFunction", selectable.Alias)
TableFunction.__visit_name = "table_function"

local table_options = { name = true, with_ordinality = true, render_types = true, lateral = true }

local function table_function(self, columns, options)
  local from = TableFunction:_new(self, options.name, columns)
  from.with_ordinality = options.with_ordinality ~= nil
  from.render_types, from.is_lateral = options.render_types, options.lateral
  return from
end

-- `"name"`, `{ "name", type }` or a column.
local function named_column(item, default_type)
  if coerce.is_expression(item) and item.__visit_name == "column" then
    return { key = item.key, name = item.name, source = item }
  end
  local name, type_ = item, default_type
  if type(item) == "table" then name, type_ = item[1], types.expect(item[2], "table_valued") end
  identifiers.quote(name)
  return { key = name, name = name, source = selectable.column(name, type_) }
end

--- The function as a FROM element: `func.unnest(a):table_valued("x", { name = "t" })`
-- is `unnest(a) AS t(x)`.
-- @param ... column names, `{ name, type }` or columns; then perhaps options:
--   `name`, `with_ordinality = "n"` (a column that counts), `render_types = true`
--   (for functions that return records), `lateral = true`
-- @treturn table FROM element with its columns in `c`
function Function:table_valued(...)
  local items, n = { ... }, select("#", ...)
  local options = {}
  if n > 0 and type(items[n]) == "table" and getmetatable(items[n]) == nil and items[n][1] == nil then
    options, n = errors.check_options(items[n], table_options, "table_valued"), n - 1
  end
  if n == 0 then errors.raise("ArgumentError", "table_valued needs the names of its columns") end
  local columns = {}
  for i = 1, n do columns[i] = named_column(items[i], n == 1 and self.type or NULLTYPE) end
  if options.with_ordinality then
    columns[n + 1] = named_column{ options.with_ordinality, types.BigInteger }
  end
  return table_function(self, columns, options)
end

--- The function as a FROM element and its only column at once:
-- `func.unnest(a):column_valued("x")`.
-- @tparam[opt] string name
-- @treturn table column
function Function:column_valued(name)
  local key = name or self.name
  local from = table_function(self, { { key = key, name = key, source = selectable.column(key, self.type) } },
    { name = name })
  from.column_valued = true
  return from:_columns()[1]
end

class.seal(Aggregate)
class.seal(Function)
class.seal(TableFunction)

-- func ---------------------------------------------------------------------------

-- A generator holds the parts of a name in its sequence, so that every string
-- is free to be the next part.
local generator_mt = {}

local function extended(parts, name)
  if type(name) ~= "string" then errors.raise("ArgumentError", "func: a function's name must be a string") end
  identifiers.quote(name)
  local generator = {}
  for i = 1, #parts do generator[i] = parts[i] end
  generator[#parts + 1] = name
  return setmetatable(generator, generator_mt)
end

generator_mt.__index = extended

function generator_mt.__call(self, ...) return call(self, ...) end

--- `func.name(…)` calls any SQL function.
functions.func = setmetatable({}, {
  __index = function(self, name)
    local made = extended({}, name)
    rawset(self, name, made)
    return made
  end,
  __newindex = function() errors.raise("ArgumentError", "func: any name is a function; nothing can be set here") end,
})

--- `avg(column)`; the average of vectors is a vector.
function functions.avg(column) return functions.func.avg(column) end

--- `sum(column)`; the sum of vectors is a vector.
function functions.sum(column) return functions.func.sum(column) end

return functions
