--- pgai's vectorizers: `op.create_vectorizer` calls ai.create_vectorizer with the
-- configuration functions of the schema `ai`, each argument as a constant of its
-- type, so that a script needs no parameters.
-- @module pgvector.migrate.operations.vectorizer

local base = require "pgvector.migrate.operations.base"
local class = require "pgvector.class"
local compat = require "pgvector.compat"
local core = require "pgvector.core"
local errors = require "pgvector.errors"
local identifiers = require "pgvector.util.identifiers"
local json = require "pgvector.types.json"
local literal = require "pgvector.types.literal"

local vectorizer = {}

local function fail(where, wanted, value)
  errors.raise("ArgumentError", "%s: expected %s, got %s", where, wanted,
    type(value) == "string" and ("'%s'"):format(value) or value == core.null and "pg.null"
      or type(value) == "number" and literal.digits(value) or class.describe(value))
end

---- constants of arguments --------------------------------------------------------

local kinds = {}

function kinds.text(value, where)
  if type(value) ~= "string" then fail(where, "a string", value) end
  return literal.string(value)
end

function kinds.boolean(value, where)
  if type(value) ~= "boolean" then fail(where, "true or false", value) end
  return tostring(value)
end

-- A whole number within bounds; nil: none.
local function integer(least, most)
  return function(value, where)
    if not compat.is_integral(value) or value < least or most and value > most then
      fail(where, most and ("a whole number from %d to %d"):format(least, most)
        or ("a whole number of at least %d"):format(least), value)
    end
    return ("%d"):format(value)
  end
end

function kinds.number(value, where)
  if type(value) ~= "number" or value - value ~= 0 then fail(where, "a number", value) end
  return literal.digits(value)
end

function kinds.list(value, where)
  if type(value) ~= "table" or getmetatable(value) then fail(where, "a sequence of strings", value) end
  local items = {}
  for i, item in ipairs(value) do
    if type(item) ~= "string" then fail(("%s: element %d"):format(where, i), "a string", item) end
    items[i] = literal.string(item)
  end
  return "ARRAY[" .. table.concat(items, ", ") .. "]::pg_catalog.text[]"
end

function kinds.json(value, where)
  if type(value) ~= "table" then fail(where, "a table", value) end
  return literal.string(json.encode(value)) .. "::pg_catalog.jsonb"
end

-- Seconds, or the server's own spelling.
function kinds.interval(value, where)
  if type(value) == "number" and value >= 0 and value - value == 0 then
    return literal.string(literal.digits(value) .. " seconds") .. "::pg_catalog.interval"
  end
  if type(value) ~= "string" then fail(where, "an interval such as \"5m\", or seconds", value) end
  return literal.string(value) .. "::pg_catalog.interval"
end

function kinds.timestamp(value, where)
  if type(value) ~= "string" then fail(where, "a timestamp as text", value) end
  return literal.string(value) .. "::pg_catalog.timestamptz"
end

local function one_of(...)
  local known, listed = {}, table.concat({ ... }, ", ")
  for _, name in ipairs{ ... } do known[name] = true end
  return function(value, where)
    if not known[value] then fail(where, "one of " .. listed, value) end
    return literal.string(value)
  end
end

function kinds.template(value, where)
  if type(value) ~= "string" or not value:find("$chunk", 1, true) then
    fail(where, "a template with $chunk in it", value)
  end
  return literal.string(value)
end

local count = integer(1)

---- configurations ----------------------------------------------------------------

local function required(kind) return { kind = kind, required = true } end

-- The operator classes that pgai takes.
local opclass = one_of("vector_cosine_ops", "vector_ip_ops", "vector_l1_ops")

local chunking = {
  { "chunk_size", count }, { "chunk_overlap", integer(0) }, { "separator", kinds.text },
  { "is_separator_regex", kinds.boolean },
}
local recursive_chunking = {
  { "chunk_size", count }, { "chunk_overlap", integer(0) }, { "separators", kinds.list },
  { "is_separator_regex", kinds.boolean },
}

-- Groups by name: the functions of a group, `{ name, arguments }` in the order
-- of the function's parameters.
local groups = {
  loading = {
    column = { { "column_name", required(kinds.text) }, { "retries", integer(0) } },
    uri = { { "column_name", required(kinds.text) }, { "retries", integer(0) }, { "aws_role_arn", kinds.text } },
  },
  parsing = { auto = {}, none = {}, pymupdf = {}, docling = {} },
  embedding = {
    openai = {
      { "model", required(kinds.text) }, { "dimensions", required(integer(1)) }, { "chat_user", kinds.text },
      { "api_key_name", kinds.text }, { "base_url", kinds.text },
    },
    ollama = {
      { "model", required(kinds.text) }, { "dimensions", required(integer(1)) }, { "base_url", kinds.text },
      { "options", kinds.json }, { "keep_alive", kinds.text },
    },
    voyageai = {
      { "model", required(kinds.text) }, { "dimensions", required(integer(1)) },
      { "input_type", one_of("query", "document") }, { "api_key_name", kinds.text },
    },
    litellm = {
      { "model", required(kinds.text) }, { "dimensions", required(integer(1)) }, { "api_key_name", kinds.text },
      { "extra_options", kinds.json },
    },
  },
  chunking = {
    character_text_splitter = chunking, recursive_character_text_splitter = recursive_chunking, none = {},
  },
  indexing = {
    default = {}, none = {},
    hnsw = {
      { "min_rows", integer(0) }, { "opclass", opclass }, { "m", integer(2, 100) },
      { "ef_construction", integer(4, 1000) }, { "create_when_queue_empty", kinds.boolean },
    },
    diskann = {
      { "min_rows", integer(0) }, { "storage_layout", one_of("memory_optimized", "plain") },
      { "num_neighbors", integer(1) }, { "search_list_size", integer(1) }, { "max_alpha", kinds.number },
      { "num_dimensions", integer(1) }, { "num_bits_per_dimension", integer(1) },
      { "create_when_queue_empty", kinds.boolean },
    },
  },
  formatting = { python_template = { { "template", kinds.template } } },
  scheduling = {
    default = {}, none = {},
    timescaledb = {
      { "schedule_interval", kinds.interval }, { "initial_start", kinds.timestamp },
      { "fixed_schedule", kinds.boolean }, { "timezone", kinds.text },
    },
  },
  processing = { default = { { "batch_size", integer(1, 2048) }, { "concurrency", integer(1, 50) } } },
  destination = {
    table = {
      { "destination", kinds.text }, { "target_schema", kinds.text }, { "target_table", kinds.text },
      { "view_schema", kinds.text }, { "view_name", kinds.text },
    },
    column = { { "embedding_column", required(kinds.text) } },
  },
}

-- A configuration is `{ "openai", model = …, dimensions = … }`; the name alone
-- will do where there is nothing else to say.
local function configuration(group, given)
  local where = "create_vectorizer: " .. group
  if type(given) == "string" then given = { given } end
  if type(given) ~= "table" or getmetatable(given) or type(given[1]) ~= "string" then
    fail(where, "{ name, option = value, … } or a name", given)
  end
  local name, functions = given[1], groups[group]
  local parameters = functions[name]
  if not parameters then
    errors.raise("ArgumentError", "%s: unknown kind '%s'%s", where, name, errors.did_you_mean(name, functions))
  end
  local known, arguments = { true }, {}
  for _, parameter in ipairs(parameters) do known[parameter[1]] = true end
  where = where .. " " .. name
  errors.check_options(given, known, where)
  for _, parameter in ipairs(parameters) do
    local key, kind = parameter[1], parameter[2]
    local value = given[key]
    if type(kind) == "table" then
      if value == nil then errors.raise("ArgumentError", "%s: '%s' is missing", where, key) end
      kind = kind.kind
    end
    if value ~= nil then arguments[#arguments + 1] = ("%s => %s"):format(key, kind(value, where .. ": " .. key)) end
  end
  return ("ai.%s_%s(%s)"):format(group, name, table.concat(arguments, ", "))
end

---- the operations ----------------------------------------------------------------

-- The parameters of ai.create_vectorizer in their order.
local parameters = {
  { "name", kinds.text },
  { "destination" }, { "loading" }, { "parsing" }, { "embedding" }, { "chunking" }, { "indexing" }, { "formatting" },
  { "scheduling" }, { "processing" },
  { "queue_schema", kinds.text }, { "queue_table", kinds.text }, { "grant_to", kinds.list },
  { "enqueue_existing", kinds.boolean }, { "if_not_exists", kinds.boolean },
}

local create_options = { "source" }
for _, parameter in ipairs(parameters) do create_options[#create_options + 1] = parameter[1] end

local function kind_of(given) return type(given) == "table" and given[1] or given end

-- What pgai refuses, before anything is sent.
local function check_combination(options)
  for _, group in ipairs{ "embedding", "loading" } do
    if options[group] == nil then
      errors.raise("ArgumentError", "create_vectorizer: %s configuration is required", group)
    end
  end
  local indexing = kind_of(options.indexing)
  if kind_of(options.scheduling) == "none" and indexing ~= nil and indexing ~= "none" and indexing ~= "default" then
    errors.raise("ArgumentError", "create_vectorizer: indexing must be none when scheduling is none")
  end
  if kind_of(options.destination) == "column" and kind_of(options.chunking) ~= "none" then
    errors.raise("ArgumentError", "create_vectorizer: a destination column holds one vector for a row: "
      .. "chunking must be \"none\"")
  end
end

-- The name that pgai gives a vectorizer which has none.
local function default_name(options)
  local schema, name = options.source:match("^([^.]+)%.(.+)$")
  local destination = type(options.destination) == "table" and options.destination or {}
  if destination[1] == "column" then
    return ("%s_%s_%s"):format(schema or "public", name or options.source, destination.embedding_column)
  end
  local target = destination.target_table or destination.destination and destination.destination .. "_store"
    or (name or options.source) .. "_embedding_store"
  return ("%s_%s"):format(destination.target_schema or schema or "public", target)
end

--- `op.create_vectorizer{ source=, name=, destination=, loading=, parsing=, embedding=, chunking=, indexing=,
-- formatting=, scheduling=, processing=, queue_schema=, queue_table=, grant_to=, enqueue_existing=, if_not_exists= }`;
-- a configuration is `{ "openai", model = …, dimensions = … }`, or its name.
vectorizer.create_vectorizer = base.define("create_vectorizer", {
  options = create_options,
  check = function(self)
    local options = self.options
    if type(options.source) ~= "string" or options.source == "" then
      fail("create_vectorizer: source", "the name of a table, perhaps with its schema", options.source)
    end
    check_combination(options)
    local arguments = {
      literal.string(identifiers.dotted(options.source)) .. "::pg_catalog.regclass",
    }
    for _, parameter in ipairs(parameters) do
      local name, kind = parameter[1], parameter[2]
      local value = options[name]
      if value ~= nil then
        arguments[#arguments + 1] = ("%s => %s"):format(name,
          kind and kind(value, "create_vectorizer: " .. name) or configuration(name, value))
      end
    end
    self.sql = "SELECT ai.create_vectorizer(\n  " .. table.concat(arguments, ",\n  ") .. "\n)"
  end,
  statements = function(self) return { self.sql } end,
  reverse = function(self)
    return vectorizer.drop_vectorizer{ name = self.options.name or default_name(self.options), drop_all = true }
  end,
})

--- `op.drop_vectorizer{ name=, id=, drop_all = true }`: by name or number. `drop_all = false` leaves its table
-- and its view.
vectorizer.drop_vectorizer = base.define("drop_vectorizer", {
  options = { "name", "id", "drop_all" },
  check = function(self)
    local options = self.options
    if (options.name == nil) == (options.id == nil) then
      errors.raise("ArgumentError", "drop_vectorizer: give either the name or the id")
    end
    if options.name ~= nil then kinds.text(options.name, "drop_vectorizer: name") end
    if options.id ~= nil then integer(1)(options.id, "drop_vectorizer: id") end
    if options.drop_all ~= nil then kinds.boolean(options.drop_all, "drop_vectorizer: drop_all") end
  end,
  statements = function(self)
    local options = self.options
    return { ("SELECT ai.drop_vectorizer(%s, drop_all => %s)"):format(
      options.name and literal.string(options.name) or ("%d"):format(options.id),
      tostring(options.drop_all ~= false)) }
  end,
})

return vectorizer
