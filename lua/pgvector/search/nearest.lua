--- Nearest-neighbour search, in shapes for which PostgreSQL uses the index.
--
-- An index on a vector serves `ORDER BY column <op> constant LIMIT k`, ascending
-- and with no second sort key. Whatever does not fit into that (a limit on the
-- distance, another order, a better distance for fewer rows) goes around such a
-- query, which then stands in a materialised CTE.
-- @module pgvector.search.nearest

local class = require "pgvector.class"
local coerce = require "pgvector.sql.coerce"
local compat = require "pgvector.compat"
local compiler = require "pgvector.sql.compiler"
local core = require "pgvector.core"
local errors = require "pgvector.errors"
local functions = require "pgvector.sql.functions"
local selects = require "pgvector.sql.select"
local traverse = require "pgvector.sql.traverse"
local types = require "pgvector.types"

local distance_methods = {
  l2 = "l2_distance", ip = "max_inner_product", cosine = "cosine_distance", l1 = "l1_distance",
  hamming = "hamming_distance", jaccard = "jaccard_distance",
}

local known_options = {
  metric = true, limit = true, within = true, label = true, ef_search = true, iterative_scan = true,
  probes = true, via = true, oversample = true,
}

-- The server's bounds, and its default of hnsw.ef_search: pgvector 0.8.
local MAX_EF_SEARCH, DEFAULT_EF_SEARCH, MAX_PROBES = 1000, 40, 32768

---- what is searched -------------------------------------------------------------

-- The table column inside an expression: the vector that is searched.
local function column_in(expr)
  local found
  traverse.walk(expr, function(node)
    if node.__visit_name == "column" and node.table then found = found or node end
  end)
  if not found then
    errors.raise("ArgumentError", "nearest: expected a vector column or an expression of one, got %s", tostring(expr))
  end
  return found
end

local function bare_text(expr)
  return compiler.compile(expr, { bare = true, literal_binds = true }).sql
end

-- The table's vector index on an element: one that serves the metric, without
-- a metric the first.
local function find_index(element, metric)
  local column = column_in(element)
  local origin = column._origin or column
  local text = bare_text(element)
  for _, index in ipairs(origin.table and rawget(origin.table, "indexes") or {}) do
    if index.metric and (metric == nil or index.metric == metric) and bare_text(index.elements[1]) == text then
      return index
    end
  end
end

-- The forms of a vector that an index may hold instead of it.
local quantised = {
  halfvec = function(expr, dim) return expr:cast(types.HALFVEC(dim)) end,
  binary = function(expr, dim) return functions.func.binary_quantize(expr):cast(types.BIT(dim)) end,
}

local function quantised_form(expr, via)
  local dim = expr.type.dim
  if not dim then
    errors.raise("ArgumentError", "nearest: via = '%s' needs the dimensions of %s: declare them, or cast it", via,
      tostring(expr))
  end
  return quantised[via](expr, dim)
end

-- The distance by a quantised form of the vector.
local function quantised_distance(expr, form, query, metric, via)
  if via == "halfvec" then return form[distance_methods[metric]](form, query) end
  if not coerce.is_expression(query) and not coerce.is_query(query) then
    query = core.vector(query):binary_quantize() -- here, so that the server has a constant to look up
  else
    query = quantised.binary(coerce.expr(query, expr.type, "nearest"), expr.type.dim)
  end
  return form:hamming_distance(query)
end

-- How the candidates are found: the distance to order by, the better one to
-- rank them by afterwards (if any), and the index that serves the first.
local function plan(expr, query, options)
  local metric, via = options.metric, options.via
  local index = find_index(expr, metric)
  local half = expr.type.kind == "vector" and expr.type.dim and find_index(quantised_form(expr, "halfvec"), metric)
  metric = metric or (index or half or {}).metric or (expr.type.family == "bit" and "hamming" or "cosine")
  local exact = expr[distance_methods[metric]](expr, query)
  if via then
    local form = quantised_form(expr, via)
    return quantised_distance(expr, form, query, metric, via), exact,
      find_index(form, via == "binary" and "hamming" or metric)
  elseif half and not index then
    return quantised_distance(expr, quantised_form(expr, "halfvec"), query, metric, "halfvec"), nil, half
  end
  return exact, nil, index
end

---- options ----------------------------------------------------------------------

local function check_whole(value, name, least, most)
  if not compat.is_integral(value) or value < least or value > most then
    errors.raise("ArgumentError", "nearest: %s must be a whole number from %d to %d, not %s", name, least, most,
      tostring(value))
  end
  return value
end

local scans = { off = true, relaxed_order = true, strict_order = true }

local function read_options(given)
  local options = {}
  for key, value in pairs(errors.check_options(given, known_options, "nearest")) do options[key] = value end
  options.limit = check_whole(options.limit == nil and 10 or options.limit, "limit", 1, 2 ^ 31 - 1)
  options.label = options.label == nil and "distance" or options.label
  if type(options.label) ~= "string" then
    errors.raise("ArgumentError", "nearest: label: expected a name, got %s", type(options.label))
  end
  if options.metric ~= nil and not distance_methods[options.metric] then
    errors.raise("ArgumentError", "nearest: unknown metric '%s'%s", tostring(options.metric),
      errors.did_you_mean(options.metric, distance_methods))
  end
  if options.via ~= nil and options.via ~= "halfvec" and options.via ~= "binary" then
    errors.raise("ArgumentError", "nearest: via: expected 'halfvec' or 'binary', got '%s'", tostring(options.via))
  end
  if options.within ~= nil and type(options.within) ~= "number" then
    errors.raise("ArgumentError", "nearest: within: expected a number, got %s", class.describe(options.within))
  end
  if options.ef_search ~= nil then check_whole(options.ef_search, "ef_search", 1, MAX_EF_SEARCH) end
  if options.probes ~= nil then check_whole(options.probes, "probes", 1, MAX_PROBES) end
  if options.oversample ~= nil then
    if not options.via then
      errors.raise("ArgumentError", "nearest: oversample is for via = 'halfvec' or 'binary'")
    end
    check_whole(options.oversample, "oversample", 1, 1000)
  end
  local scan = options.iterative_scan
  if scan ~= nil and not scans[scan] then
    errors.raise("ArgumentError",
      "nearest: iterative_scan: expected 'relaxed_order', 'strict_order' or 'off', got '%s'%s",
      tostring(scan), errors.did_you_mean(scan, scans))
  end
  return options
end

-- The search parameters that the statement runs under.
local function settings_for(options, method, candidates)
  local settings = {}
  local function set(name, value) settings[#settings + 1] = { name = name, value = value } end
  local scan = options.iterative_scan
  if method == "ivfflat" then
    if options.ef_search then errors.raise("ArgumentError", "nearest: ef_search is for hnsw, the index is ivfflat") end
    if scan == "strict_order" then
      errors.raise("ArgumentError", "nearest: an ivfflat index scans iteratively in relaxed_order only")
    end
    if options.probes then set("ivfflat.probes", options.probes) end
    if scan then set("ivfflat.iterative_scan", scan) end
    return settings
  end
  if options.probes then errors.raise("ArgumentError", "nearest: probes is for ivfflat, the index is hnsw") end
  local scanning = scan == "relaxed_order" or scan == "strict_order"
  if candidates > MAX_EF_SEARCH and method == "hnsw" and not scanning then
    errors.raise("ArgumentError",
      "nearest: an hnsw index returns at most %d rows without iterative_scan, %d are asked for",
      MAX_EF_SEARCH, candidates)
  end
  local ef_search = math.max(options.ef_search or DEFAULT_EF_SEARCH, math.min(candidates, MAX_EF_SEARCH))
  if options.ef_search or ef_search > DEFAULT_EF_SEARCH then set("hnsw.ef_search", ef_search) end
  if scan then set("hnsw.iterative_scan", scan) end
  return settings
end

---- the statement ----------------------------------------------------------------

-- What would change the rows or their order is nearest's own affair.
local own_affairs = {
  { "_order_by", "order_by" }, { "_limit", "limit", "; give limit as an option" }, { "_fetch", "fetch" },
  { "_group_by", "group_by" }, { "_distinct", "distinct" },
}

local function check_statement(stmt)
  for _, affair in ipairs(own_affairs) do
    if stmt[affair[1]] then
      errors.raise("ArgumentError", "nearest: the statement has %s already%s", affair[2], affair[3] or "")
    end
  end
end

-- The candidates in a CTE by primary key; the rows around them, in order.
local function around_candidates(stmt, column, distance, refined, candidates, options)
  local from = column.table
  local froms = stmt:_used_froms()
  if stmt._joins or stmt._from or #froms > 1 or stmt._offset then
    errors.raise("ArgumentError", "nearest: within, via and relaxed_order are for a statement over one table, "
      .. "without offset: join around its subquery")
  end
  local keys = {}
  for _, col in ipairs(from:_columns()) do
    if col.primary_key then keys[#keys + 1] = col end
  end
  if #keys == 0 then
    errors.raise("ArgumentError", "nearest: within, via and relaxed_order need a primary key in %s", from:_describe())
  end
  local inner = selects.select(compat.unpack(keys)):add_columns(distance:label("distance"))
  inner._where, inner._heirs = stmt._where, stmt._heirs or inner._heirs
  local nearest = inner:order_by(distance):limit(candidates):cte("nearest",
    { materialized = true, nesting = true })

  local on = {}
  for i, key in ipairs(keys) do on[i] = key:eq(nearest.c[key.key]) end
  local outer = stmt:_copy()
  outer._where, outer._heirs = nil, nil
  local shown = refined or nearest:_columns()[#keys + 1] -- a key may be called distance, too
  outer = outer:add_columns(shown:label(options.label)):select_from(from):join(nearest, on[2] and
    on[1]:and_(compat.unpack(on, 2)) or on[1])
  if options.within then outer = outer:where(shown:le(options.within)) end
  -- "+ 0" keeps the planner from trusting the order of the CTE, which relaxed
  -- scans do not keep, and from using the index again for the refined distance
  return outer:order_by(shown + 0):limit(options.limit)
end

class.extend(selects.Select, "nearest", function(self, expr, query, given)
  if query == nil then
    errors.raise("ArgumentError", "nearest: the vector to search for is nil")
  end
  if not coerce.is_expression(expr) then
    errors.raise("ArgumentError", "nearest: expected a vector column, got %s", coerce.describe(expr))
  end
  local options = read_options(given)
  check_statement(self)
  local distance, refined, index = plan(expr, query, options)
  local candidates = options.limit * (options.via and (options.oversample or 4) or 1)
  local method = index and index.method or options.probes and "ivfflat" or nil
  local stmt
  if options.via or options.within or options.iterative_scan == "relaxed_order" then
    stmt = around_candidates(self, column_in(expr), distance, refined, candidates, options)
  else
    stmt = self:add_columns(distance:label(options.label)):order_by(distance):limit(options.limit)
  end
  for _, setting in ipairs(settings_for(options, method, candidates)) do
    stmt = stmt:_with_setting(setting.name, setting.value)
  end
  return stmt
end)
