--- What the access methods hnsw and ivfflat accept: operator classes, limits,
-- options. Facts of the server, checked before anything is sent, with its
-- own messages.
-- @module pgvector.sql.index_methods

local compat = require "pgvector.compat"
local errors = require "pgvector.errors"

local index_methods = {}

-- `metrics` by type in the order in which messages list them, `dimensions` the
-- most that can be indexed, `options` as `{ name, least, most }`.
local methods = {
  hnsw = {
    metrics = {
      vector = { "l2", "ip", "cosine", "l1" },
      halfvec = { "l2", "ip", "cosine", "l1" },
      sparsevec = { "l2", "ip", "cosine", "l1" },
      bit = { "hamming", "jaccard" },
    },
    dimensions = { vector = 2000, halfvec = 4000, bit = 64000 },
    options = { { "m", 2, 100 }, { "ef_construction", 4, 1000 } },
  },
  ivfflat = {
    metrics = {
      vector = { "l2", "ip", "cosine" },
      halfvec = { "l2", "ip", "cosine" },
      bit = { "hamming" },
    },
    dimensions = { vector = 2000, halfvec = 4000, bit = 64000 },
    options = { { "lists", 1, 32768 } },
  },
}

local default_m, default_ef_construction = 16, 64

local all_metrics = { l2 = true, ip = true, cosine = true, l1 = true, hamming = true, jaccard = true }

local function fail(message, hint)
  error(errors.new("ArgumentError", message, { hint = hint }), 0)
end

--- Is this the name of a vector access method?
function index_methods.is_vector_method(method)
  return methods[method] ~= nil
end

--- The names of the options a method has, in the order in which they are written.
-- @treturn table sequence; empty for a method that is not one of ours
function index_methods.option_names(method)
  local names = {}
  for i, option in ipairs(methods[method] and methods[method].options or {}) do names[i] = option[1] end
  return names
end

--- The operator class for a type and a metric.
-- @tparam string method "hnsw" or "ivfflat"
-- @tparam Type type of what is indexed
-- @tparam ?string metric
-- @tparam string where how messages name the index
-- @treturn string e.g. "vector_cosine_ops"
function index_methods.operator_class(method, type, metric, where)
  local known = methods[method].metrics[type.kind]
  if not known then
    fail(("%s: access method %s does not support type %s"):format(where, method, tostring(type)),
      type.kind == "sparsevec" and "hnsw indexes sparsevec" or nil)
  end
  local listed = table.concat(known, ", ")
  if metric == nil then
    fail(("%s: a metric is missing; for %s it is one of: %s"):format(where, type.kind, listed))
  end
  if not all_metrics[metric] then
    errors.raise("ArgumentError", "%s: unknown metric '%s'%s; for %s it is one of: %s", where,
      tostring(metric), errors.did_you_mean(metric, all_metrics), type.kind, listed)
  end
  for _, name in ipairs(known) do
    if name == metric then return ("%s_%s_ops"):format(type.kind, metric) end
  end
  errors.raise("ArgumentError", "%s: metric '%s' is not available for %s with %s; available: %s", where,
    metric, type.kind, method, listed)
end

--- The metric that an operator class of pgvector stands for.
-- @tparam ?string operator_class perhaps with its schema
-- @treturn ?string
function index_methods.metric_of(operator_class)
  local metric = operator_class and operator_class:match("_(%a%w*)_ops$")
  return all_metrics[metric] and metric or nil
end

--- Checks an operator class that the user chose against the type.
function index_methods.check_operator_class(operator_class, type)
  local kind = index_methods.metric_of(operator_class) and operator_class:match("(%a+)_%a%w*_ops$")
  if kind and kind ~= type.kind then
    fail(("operator class \"%s\" does not accept data type %s"):format(operator_class, type.kind))
  end
end

local function check_option(option, value)
  local name, least, most = option[1], option[2], option[3]
  if value == nil then return end
  if not compat.is_integral(value) then
    errors.raise("ArgumentError", "invalid value for integer option \"%s\": %s", name, tostring(value))
  end
  if value < least or value > most then
    error(errors.new("ArgumentError", ("value %d out of bounds for option \"%s\""):format(value, name),
      { detail = ("Valid values are between \"%d\" and \"%d\"."):format(least, most) }), 0)
  end
end

--- Checks the options in `WITH (…)`.
function index_methods.check_storage(method, with, where)
  local rules, known = methods[method].options, {}
  for _, option in ipairs(rules) do known[option[1]] = true end
  errors.check_options(with, known, where)
  for _, option in ipairs(rules) do check_option(option, with[option[1]]) end
  if method ~= "hnsw" or not (with.m or with.ef_construction) then return end
  if (with.ef_construction or default_ef_construction) < 2 * (with.m or default_m) then
    fail("ef_construction must be greater than or equal to 2 * m")
  end
end

-- How an index on too long a vector can still be had.
local function advice(type)
  if type.kind == "vector" and type.dim <= methods.hnsw.dimensions.halfvec then
    return ("index a cast to half precision, :cast(pg.HALFVEC(%d)), or the binary quantisation, "
      .. "func.binary_quantize(…):cast(pg.BIT(%d)) with metric \"hamming\""):format(type.dim, type.dim)
  elseif type.kind ~= "bit" then
    return ("index the binary quantisation, func.binary_quantize(…):cast(pg.BIT(%d)) with metric \"hamming\"")
      :format(type.dim)
  end
end

--- Checks that a type's dimensions can be indexed; a type that only another
-- extension's operator class can index has none to check.
function index_methods.check_dimensions(method, type)
  if not methods[method].metrics[type.kind] then return end
  local most = methods[method].dimensions[type.kind]
  if type.kind ~= "bit" and not type.dim then
    fail("column does not have dimensions",
      ("give the type its length, pg.%s(n), or index a cast to one that has it"):format(type.kind:upper()))
  end
  if most and type.dim and type.dim > most then
    fail(("column cannot have more than %d dimensions for %s index"):format(most, method), advice(type))
  end
end

return index_methods
