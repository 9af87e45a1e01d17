-- pgai's vectorizers. pgai itself is not needed: functions of the same names and
-- parameters stand in for it and note what they are called with.

local db = require "spec.support.db"
local operations = require "pgvector.migrate.operations"
local pg = require "pgvector"
local raised = require "spec.support.raised"

local create, drop_ = operations.new.create_vectorizer, operations.new.drop_vectorizer

-- Each configuration function of pgai, as `name(parameter type, …)`.
local functions = {
  "loading_column(column_name name, retries int4)",
  "loading_uri(column_name name, retries int4, aws_role_arn text)",
  "parsing_auto()", "parsing_none()", "parsing_pymupdf()", "parsing_docling()",
  "embedding_openai(model text, dimensions int, chat_user text, api_key_name text, base_url text)",
  "embedding_ollama(model text, dimensions int, base_url text, options jsonb, keep_alive text)",
  "embedding_voyageai(model text, dimensions int, input_type text, api_key_name text)",
  "embedding_litellm(model text, dimensions int, api_key_name text, extra_options jsonb)",
  "chunking_character_text_splitter(chunk_size int, chunk_overlap int, separator text, is_separator_regex bool)",
  "chunking_recursive_character_text_splitter(chunk_size int, chunk_overlap int, separators text[], is_separator_regex bool)",
  "chunking_none()", "indexing_default()", "indexing_none()",
  "indexing_hnsw(min_rows int, opclass text, m int, ef_construction int, create_when_queue_empty bool)",
  "indexing_diskann(min_rows int, storage_layout text, num_neighbors int, search_list_size int, max_alpha float8, "
    .. "num_dimensions int, num_bits_per_dimension int, create_when_queue_empty bool)",
  "formatting_python_template(template text)", "scheduling_default()", "scheduling_none()",
  "scheduling_timescaledb(schedule_interval interval, initial_start timestamptz, fixed_schedule bool, timezone text)",
  "processing_default(batch_size int, concurrency int)",
  "destination_table(destination name, target_schema name, target_table name, view_schema name, view_name name)",
  "destination_column(embedding_column name)",
}

local function stand_in(conn)
  conn:exec_sql "CREATE SCHEMA ai"
  for _, signature in ipairs(functions) do
    local name, parameters = signature:match("^([%w_]+)%((.*)%)$")
    local declared, noted = {}, {}
    for parameter in parameters:gmatch("[^,]+") do
      declared[#declared + 1] = parameter .. " DEFAULT NULL"
      noted[#noted + 1] = ("'%s', %s"):format(parameter:match("%S+"), parameter:match("%S+"))
    end
    conn:exec_sql(("CREATE FUNCTION ai.%s(%s) RETURNS jsonb LANGUAGE sql AS $$ "
      .. "SELECT jsonb_strip_nulls(jsonb_build_object('f', '%s'%s)) $$"):format(name, table.concat(declared, ", "), name,
      #noted > 0 and ", " .. table.concat(noted, ", ") or ""))
  end
  conn:exec_sql [[
    CREATE TABLE ai.calls (id int GENERATED ALWAYS AS IDENTITY, name text, call jsonb);
    CREATE FUNCTION ai.create_vectorizer(source regclass, name text DEFAULT NULL, destination jsonb DEFAULT NULL,
      loading jsonb DEFAULT NULL, parsing jsonb DEFAULT NULL, embedding jsonb DEFAULT NULL, chunking jsonb DEFAULT NULL,
      indexing jsonb DEFAULT NULL, formatting jsonb DEFAULT NULL, scheduling jsonb DEFAULT NULL,
      processing jsonb DEFAULT NULL, queue_schema name DEFAULT NULL, queue_table name DEFAULT NULL,
      grant_to name[] DEFAULT NULL, enqueue_existing bool DEFAULT true, if_not_exists bool DEFAULT false)
    RETURNS int LANGUAGE sql AS $$
      INSERT INTO ai.calls (name, call) VALUES ($2, jsonb_strip_nulls(jsonb_build_object('source', $1::text,
        'destination', $3, 'loading', $4, 'parsing', $5, 'embedding', $6, 'chunking', $7, 'indexing', $8,
        'formatting', $9, 'scheduling', $10, 'processing', $11, 'queue_schema', $12, 'queue_table', $13,
        'grant_to', $14, 'enqueue_existing', $15, 'if_not_exists', $16))) RETURNING id $$;
    CREATE FUNCTION ai.drop_vectorizer(vectorizer_id int, drop_all bool DEFAULT false) RETURNS void LANGUAGE sql AS $$
      INSERT INTO ai.calls (name, call) VALUES ('dropped', jsonb_build_object('id', $1, 'all', $2)) $$;
    CREATE FUNCTION ai.drop_vectorizer(name text, drop_all bool DEFAULT false) RETURNS void LANGUAGE sql AS $$
      INSERT INTO ai.calls (name, call) VALUES ('dropped', jsonb_build_object('name', $1, 'all', $2)) $$;
    CREATE TABLE blog (id int PRIMARY KEY, content text);
    CREATE SCHEMA "My App";
    CREATE TABLE "My App"."it's" (id int PRIMARY KEY, content text)]]
end

local NASTY = [[it's "quoted" \n ]] .. "]]" .. " %d\nand a second line; --"

describe("a vectorizer", function()
  local url, drop, engine
  setup(function()
    url, drop = db.create()
    engine = pg.create_engine(url)
    engine:begin(stand_in)
  end)
  teardown(function()
    engine:dispose()
    drop()
  end)

  -- What pgai is called with.
  local function called(operation)
    return engine:begin(function(conn)
      for _, sql in ipairs(operation:statements()) do conn:exec_sql(sql) end
      local row = conn:exec_sql("SELECT name, call FROM ai.calls ORDER BY id DESC LIMIT 1"):one()
      return row.call, row.name
    end)
  end

  local function with(options)
    local all = { source = "blog", loading = { "column", column_name = "content" },
      embedding = { "openai", model = "m", dimensions = 3 } }
    for name, value in pairs(options or {}) do all[name] = value end
    return create(all)
  end

  it("is made with the least there must be", function()
    local call = called(with())
    assert.same({
      source = "blog", loading = { f = "loading_column", column_name = "content" },
      embedding = { f = "embedding_openai", model = "m", dimensions = 3 }, enqueue_existing = true, if_not_exists = false,
    }, call)
  end)

  for _, case in ipairs{
    { "loading", { "uri", column_name = NASTY, retries = 0, aws_role_arn = NASTY } },
    { "parsing", "auto" }, { "parsing", { "none" } }, { "parsing", "pymupdf" }, { "parsing", "docling" },
    { "embedding", { "openai", model = NASTY, dimensions = 768, chat_user = NASTY, api_key_name = "K", base_url = "http://x" } },
    { "embedding", { "ollama", model = "n", dimensions = 3, base_url = "u", options = { num_ctx = 1024, stop = { NASTY } }, keep_alive = "5m" } },
    { "embedding", { "voyageai", model = "v", dimensions = 3, input_type = "query", api_key_name = "K" } },
    { "embedding", { "litellm", model = "l", dimensions = 3, extra_options = { a = { b = NASTY } } } },
    { "chunking", { "character_text_splitter", chunk_size = 800, chunk_overlap = 0, separator = "\n\n", is_separator_regex = false } },
    { "chunking", { "recursive_character_text_splitter", chunk_size = 10, separators = { "\n\n", NASTY, "" }, is_separator_regex = true } },
    { "chunking", "none" }, { "indexing", "default" }, { "indexing", "none" },
    { "indexing", { "hnsw", min_rows = 10, opclass = "vector_l1_ops", m = 8, ef_construction = 40, create_when_queue_empty = false } },
    { "indexing", { "diskann", min_rows = 10, storage_layout = "plain", num_neighbors = 5, max_alpha = 1.5 } },
    { "formatting", { "python_template", template = "$title: $chunk " .. NASTY } },
    { "scheduling", "default" }, { "scheduling", "none" },
    { "processing", { "default", batch_size = 2048, concurrency = 50 } },
    { "destination", { "table", destination = "d", view_name = NASTY } },
    { "destination", { "table", target_schema = "My App", target_table = "t" } },
  } do
    local group, given = case[1], case[2]
    it("takes " .. group .. " " .. (type(given) == "table" and given[1] or given), function()
      local expected = {}
      for key, value in pairs(type(given) == "table" and given or { given }) do expected[key] = value end
      expected[1], expected.f = nil, group .. "_" .. (type(given) == "table" and given[1] or given)
      local call = called(with{ [group] = given })
      assert.same(expected, call[group])
    end)
  end

  it("takes a schedule in seconds or in the server's words", function()
    local call = called(with{ scheduling = { "timescaledb", schedule_interval = 172800, timezone = "UTC", fixed_schedule = true } })
    assert.equal("48:00:00", call.scheduling.schedule_interval)
    call = called(with{ scheduling = { "timescaledb", schedule_interval = "5m", initial_start = "2026-01-02 03:04:05+00" } })
    assert.equal("00:05:00", call.scheduling.schedule_interval)
    assert.truthy(call.scheduling.initial_start:find("2026-01-02", 1, true))
  end)

  it("takes the rest, names of every kind among it", function()
    local call, name = called(with{ source = "My App.it's", name = NASTY, queue_schema = "q", queue_table = "it's",
      grant_to = { "public", "it's" }, enqueue_existing = false, if_not_exists = true })
    assert.equal(NASTY, name)
    assert.equal([["My App"."it's"]], call.source)
    assert.same({ "public", "it's" }, call.grant_to)
    assert.same({ "q", "it's", false, true }, { call.queue_schema, call.queue_table, call.enqueue_existing, call.if_not_exists })
  end)

  it("holds one vector in a column if nothing is cut into chunks", function()
    local call = called(with{ destination = { "column", embedding_column = "e" }, chunking = "none" })
    assert.same({ f = "destination_column", embedding_column = "e" }, call.destination)
  end)

  it("is dropped by its name, the one that pgai gives it too", function()
    for _, case in ipairs{
      { { name = NASTY }, NASTY },
      { {}, "public_blog_embedding_store" },
      { { source = "app.blog" }, "app_blog_embedding_store" },
      { { destination = { "table", target_schema = "s", target_table = "t" } }, "s_t" },
      { { destination = { "table", destination = "d" } }, "public_d_store" },
      { { destination = { "column", embedding_column = "e" }, chunking = "none" }, "public_blog_e" },
    } do
      local operation = with(case[1])
      local call = called(operation:reverse())
      assert.same({ name = case[2], all = true }, call)
      assert.equal(operation, operation:reverse():reverse())
    end
    assert.same({ id = 7, all = false }, (called(drop_{ id = 7, drop_all = false })))
  end)

  it("is rendered as it was written", function()
    local operation = with{ formatting = { "python_template", template = "$chunk " .. NASTY } }
    local chunk = assert((loadstring or load)("local op = ... return " .. operation:render(""))) -- luacheck: ignore 113
    assert.same(operation:statements(), chunk{ create_vectorizer = create }:statements())
  end)

  for _, case in ipairs{
    { "without an embedding", { embedding = false }, "expected { name" },
    { "of an unknown kind", { embedding = { "opnai", model = "m", dimensions = 3 } }, "did you mean 'openai'?" },
    { "without a model", { embedding = { "openai", dimensions = 3 } }, "'model' is missing" },
    { "with an unknown option", { embedding = { "openai", model = "m", dimension = 3 } }, "did you mean 'dimensions'?" },
    { "with dimensions that are none", { embedding = { "openai", model = "m", dimensions = "3" } }, "a whole number" },
    { "with an input type that is none", { embedding = { "voyageai", model = "m", dimensions = 3, input_type = "x" } },
      "one of query, document" },
    { "with an operator class that pgai refuses", { indexing = { "hnsw", opclass = "vector_l2_ops" } }, "vector_cosine_ops" },
    { "with a layout that is none", { indexing = { "diskann", storage_layout = "x" } }, "memory_optimized, plain" },
    { "with a batch that is too large", { processing = { "default", batch_size = 2049 } }, "from 1 to 2048" },
    { "with too much at once", { processing = { "default", concurrency = 51 } }, "from 1 to 50" },
    { "with a template that drops the text", { formatting = { "python_template", template = "$title" } }, "$chunk" },
    { "with an index but no schedule", { scheduling = "none", indexing = { "hnsw" } }, "indexing must be none" },
    { "with chunks in a column", { destination = { "column", embedding_column = "e" } }, "chunking must be" },
    { "with options that are no table", { embedding = 3 }, "{ name, option = value, … }" },
    { "with a list that is none", { grant_to = "me" }, "a sequence of strings" },
    { "without a table", { source = "" }, "the name of a table" },
  } do
    it("is refused " .. case[1], function()
      local err = raised(with, case[2])
      assert.equal("ArgumentError", err.class)
      assert.truthy(err.message:find(case[3], 1, true), err.message)
    end)
  end

  it("is refused without what pgai requires", function()
    local err = raised(create, { source = "blog", loading = { "column", column_name = "c" } })
    assert.truthy(err.message:find("embedding configuration is required", 1, true))
    err = raised(create, { source = "blog", embedding = { "openai", model = "m", dimensions = 3 } })
    assert.truthy(err.message:find("loading configuration is required", 1, true))
    assert.truthy(raised(drop_, {}).message:find("either the name or the id", 1, true))
    assert.truthy(raised(drop_, { name = "a", id = 1 }).message:find("either the name or the id", 1, true))
  end)
end)
