--- Hybrid search: the nearest vectors and the best matches of a full-text
-- query, merged by reciprocal rank fusion.
--
-- Two materialised CTEs find the candidates, each in a shape that its index
-- serves: `ORDER BY column <op> constant LIMIT n`, and `document @@ query`.
-- Their ranks are joined by primary key; a row's score is the sum of
-- 1 / (k + rank) over the sides that found it.
-- @module pgvector.search.hybrid

local coerce = require "pgvector.sql.coerce"
local compat = require "pgvector.compat"
local errors = require "pgvector.errors"
local expressions = require "pgvector.sql.expressions"
local functions = require "pgvector.sql.functions"
local literal = require "pgvector.types.literal"
local operators = require "pgvector.sql.operators"
local base = require "pgvector.sql.base"
local selects = require "pgvector.sql.select"
local traverse = require "pgvector.sql.traverse"
local types = require "pgvector.types"

local func, select_ = functions.func, selects.select
local column_named = expressions.literal_column

local function fail(...) errors.raise("ArgumentError", ...) end

---- what is asked for ---------------------------------------------------------------

local known_options = { vector = true, text = true, k = true, candidates = true, limit = true, where = true }

local function count(value, default, name)
  if value == nil then return default end
  if not compat.is_integral(value) or value < 1 then
    fail("hybrid_search: %s must be a whole number of at least 1, not %s", name, tostring(value))
  end
  return value
end

-- `{ column, query, option = …, … }` taken apart.
local function side(value, name)
  if type(value) ~= "table" or getmetatable(value) ~= nil then
    fail("hybrid_search: %s: expected { column, query, … }, got %s", name, coerce.describe(value))
  end
  local options = {}
  for key, option in pairs(value) do
    if key ~= 1 and key ~= 2 then options[key] = option end
  end
  if not coerce.is_expression(value[1]) then
    fail("hybrid_search: %s: expected a column first, got %s", name, coerce.describe(value[1]))
  end
  if value[2] == nil then fail("hybrid_search: %s: what to search for is nil", name) end
  return value[1], value[2], options
end

-- A condition, or a sequence of them.
local function conditions(where)
  if where == nil then return {} end
  if coerce.is_expression(where) then where = { where } end
  if type(where) ~= "table" or getmetatable(where) ~= nil then
    fail("hybrid_search: where: expected a sequence of conditions, got %s", coerce.describe(where))
  end
  local list = {}
  for i, condition in ipairs(where) do list[i] = coerce.condition(condition, "hybrid_search: where") end
  for key in pairs(where) do
    if not list[key] then
      fail("hybrid_search: where: unexpected key '%s', conditions stand in a sequence", tostring(key))
    end
  end
  return list
end

-- What is searched lies in the entity alone.
local function check_home(from, node, what)
  local used = {}
  traverse.collect_froms(node, used)
  for _, other in ipairs(used) do
    if not rawequal(other, from) then
      fail("hybrid_search: %s is about %s, not %s", what, other:_describe(), from:_describe())
    end
  end
end

local function primary_key(from)
  local keys = {}
  for _, column in ipairs(from:_columns()) do
    if column.primary_key then keys[#keys + 1] = column end
  end
  if #keys == 0 then fail("hybrid_search: %s needs a primary key", from:_describe()) end
  return keys
end

---- full text -----------------------------------------------------------------------

-- The configuration as a constant: an index on to_tsvector('english', column)
-- serves no parameter in its place.
local function configuration(config)
  if config == nil or coerce.is_expression(config) then return config end
  if type(config) ~= "string" or not config:find("^[%a_][%w_.]*$") then
    fail("hybrid_search: text: config: expected the name of a text search configuration, got %s",
      coerce.describe(config))
  end
  return column_named(literal.string(config), types.REGCONFIG)
end

-- `document @@ query`, and how well they match.
local function text_match(document, words, options)
  errors.check_options(options, { config = true }, "hybrid_search: text")
  local config = configuration(options.config)
  local family = document.type.family
  if family == "string" then
    if not config then fail("hybrid_search: text: a text column needs the config of its index") end
    document = func.to_tsvector(config, document)
  elseif family ~= "tsvector" and family ~= "unknown" then
    fail("hybrid_search: text: %s has type %s, not TSVECTOR or text", tostring(document), tostring(document.type))
  end
  local query = words
  if type(words) == "string" then
    query = config and func.websearch_to_tsquery(config, words) or func.websearch_to_tsquery(words)
  elseif not coerce.is_expression(words) then
    fail("hybrid_search: text: expected words or a tsquery expression, got %s", coerce.describe(words))
  end
  return base.binary(document, operators.custom "@@", query, types.Boolean), func.ts_rank_cd(document, query)
end

---- the statement -------------------------------------------------------------------

-- The candidates of one side with their ranks: those that are equally good
-- share one.
local function ranked(hits, width, order, name)
  local columns = hits:_columns()
  local keys = { compat.unpack(columns, 1, width) }
  local by = columns[width + 1]
  local rank = func.rank():over{ order_by = order(by) }
  return select_(compat.unpack(keys)):add_columns(rank:label "rank"):where(by:is_not_null()):subquery(name)
end

--- Rows by the nearness of a vector and by full text at once.
--
--     pg.hybrid_search(Item, {
--       vector = { Item.embedding, q, metric = "cosine" }, text = { Item.search, "words", config = "english" },
--       k = 60, candidates = 20, limit = 5, where = { Item.owner_id:eq(7) } })
--
-- @param entity a model, its alias or a table, with a primary key
-- @tparam table options
--   `vector`: a vector column, what to search for, and options of `nearest`
--   (but `limit` and `label`);
--   `text`: a TSVECTOR or text column, words as in a web search or a tsquery
--   expression, and `config`;
--   `k` (60): the greater, the less the first ranks count; `limit` (10) rows;
--   `candidates` of each side (four times the limit, at least 20);
--   `where`: a sequence of conditions that both sides keep
-- @treturn table select with the entity, `score`, `vector_rank` and `text_rank`
--   (NULL where that side did not find the row), best first
return function(entity, options)
  local from = coerce.from(entity, "hybrid_search")
  options = errors.check_options(options, known_options, "hybrid_search")
  local limit = count(options.limit, 10, "limit")
  local candidates = count(options.candidates, math.max(20, 4 * limit), "candidates")
  local k = options.k == nil and 60 or options.k
  if type(k) ~= "number" or k < 0 or k - k ~= 0 then
    fail("hybrid_search: k must be a number of at least 0, not %s", tostring(k))
  end
  local column, vector, vector_options = side(options.vector, "vector")
  local document, words, text_options = side(options.text, "text")
  local where = conditions(options.where)
  check_home(from, column, "the vector")
  check_home(from, document, "the text")
  for i, condition in ipairs(where) do check_home(from, condition, "condition " .. i) end
  for _, option in ipairs{ "limit", "label" } do
    if vector_options[option] ~= nil then fail("hybrid_search: vector: '%s' is not for one side", option) end
  end

  local keys = primary_key(from)
  local found = select_(compat.unpack(keys))
  if #where > 0 then found = found:where(compat.unpack(where)) end
  vector_options.limit = candidates
  local as_cte = { materialized = true, nesting = true }
  local near = found:nearest(column, vector, vector_options):cte("vector_hits", as_cte)
  local match, quality = text_match(document, words, text_options)
  local matching = found:where(match):add_columns(quality:label "quality"):order_by(quality:desc(), compat.unpack(keys))
    :limit(candidates):cte("text_hits", as_cte)

  local by_vector = ranked(near, #keys, function(distance) return distance end, "by_vector")
  local by_text = ranked(matching, #keys, function(rank) return rank:desc() end, "by_text")
  local vector_rank, text_rank = by_vector:_columns()[#keys + 1], by_text:_columns()[#keys + 1]
  local both, home = {}, {}
  for i, key in ipairs(keys) do
    local a, b = by_vector:_columns()[i], by_text:_columns()[i]
    both[i] = a:eq(b)
    home[i] = key:eq(func.coalesce(a, b))
  end
  local function share(rank)
    return func.coalesce(expressions.literal(1, types.Double) / (expressions.literal(k, types.Double) + rank), 0)
  end
  local score = share(vector_rank) + share(text_rank)
  return select_(entity, score:label "score", vector_rank:label "vector_rank", text_rank:label "text_rank")
    :select_from(by_vector:full_join(by_text, expressions.and_(compat.unpack(both))))
    :join(from, expressions.and_(compat.unpack(home)))
    :order_by(score:desc(), compat.unpack(keys)):limit(limit)
end
