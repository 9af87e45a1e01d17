--- `pgvector search TABLE [QUERY]`: the rows nearest to a vector, to another row, or to a text.
-- @module pgvector.cli.search

local aligned = require "pgvector.cli.aligned"
local core = require "pgvector.core"
local database = require "pgvector.cli.database"
local embedder = require "pgvector.cli.embedder"
local errors = require "pgvector.errors"
local explain = require "pgvector.cli.explain"
local pg = require "pgvector"
local statement = require "pgvector.cli.search.statement"
local values = require "pgvector.cli.search.values"
local vector_column = require "pgvector.cli.vector_column"
local words = require "pgvector.cli.arguments"

local command = {}

local STDOUT = 1

---- what to search for --------------------------------------------------------------

local query = {}

function query.vector(column, args)
  local ok, value = pcall(column.type.check, column.type, args.vector)
  if not ok then words.misuse("--vector: %s", errors.is_error(value) and value.message or tostring(value)) end
  return value
end

function query.like(column, args, conn)
  local stmt = pg.select(column):where(statement.has_key(column.table, args.like))
  local row = conn:execute(stmt):first()
  if not row then errors.raise("InvalidRequestError", "%s has no row %s", column.table.key, args.like) end
  if row[1] == pg.null then
    errors.raise("InvalidRequestError", "row %s of %s has no %s", args.like, column.table.key, column.name)
  end
  return row[1]
end

function query.query(_, args)
  local maker = embedder.new(args)
  if not maker then words.misuse("a text to search for needs --embedder, or PGVECTOR_EMBEDDER") end
  return maker:embed{ args.query }[1]
end

local function way_of(args)
  local way
  for _, name in ipairs{ "vector", "like", "query" } do
    if args[name] then
      if way then words.misuse("one thing to search for: --vector, --like or a text") end
      way = name
    end
  end
  if not way then words.misuse("nothing to search for: give --vector, --like or a text") end
  return query[way]
end

---- output ---------------------------------------------------------------------------

local function print_plan(plan)
  local how = plan.indexes[1] and "by index " .. table.concat(plan.indexes, ", ")
    or ("without an index (%s)"):format(plan.scan or "no table was read")
  print(("%s, %.1f ms on the server, %.1f ms for the plan"):format(how, plan.execution_ms, plan.planning_ms))
end

local function print_rows(found)
  local heads, rows, right = {}, {}, {}
  for i, column in ipairs(found.shown) do heads[i], right[i] = column.name, column.number or column.right end
  for n, row in ipairs(found.rows) do
    rows[n] = {}
    for i, column in ipairs(found.shown) do
      local short = column.number and row[i] ~= pg.null
      rows[n][i] = short and ("%.6g"):format(row[i]) or values.text(row[i], column.bytes)
    end
  end
  local width = core.isatty(STDOUT) and core.columns(STDOUT) or nil
  for _, line in ipairs(aligned.lines(heads, rows, { right = right, width = width })) do print(line) end
  if #rows == 0 then print "no rows" end
  if found.plan then print_plan(found.plan) end
end

local function print_json(found)
  local rows = pg.json.array()
  for n, row in ipairs(found.rows) do
    rows[n] = {}
    for i, column in ipairs(found.shown) do rows[n][column.name] = values.plain(row[i], column.bytes) end
  end
  if found.plan then pg.json.array(found.plan.indexes) end
  database.print_json{
    table = found.table, column = found.column, metric = found.metric, rows = rows, seconds = found.seconds,
    plan = found.plan,
  }
end

---- the command ----------------------------------------------------------------------

local function search(conn, args, find)
  conn:execution_options{ readonly = true }
  local tbl = database.table(conn, args.table)
  local column = vector_column.choose(tbl, args.column)
  local stmt, shown = statement.build(tbl, column, find(column, args, conn), args)
  local started = core.now()
  local rows = conn:execute(stmt):all()
  return {
    table = tbl.key, column = column.name, metric = args.metric or vector_column.metric(tbl, column), rows = rows,
    shown = shown, seconds = core.now() - started, plan = args.explain and explain.analyze(conn, stmt) or nil,
  }
end

--- Runs the command.
function command.run(args)
  local find = way_of(args)
  if (args.text_column or args.text_config) and not args.text then
    words.misuse("--text-column and --text-config go with --text")
  end
  local found = database.with(args, function(engine)
    return engine:connect(function(conn) return search(conn, args, find) end)
  end)
  if args.json then print_json(found) else print_rows(found) end
end

--- Says what the command takes.
function command.define(parser)
  parser:summary("Find the rows that are nearest to something.")
    :description("Find the rows that are nearest to a vector, to another row, or to a text.")
  parser:argument("table", "The table: NAME or SCHEMA.NAME.")
  parser:argument("query", "A text to search for, for the embedder."):args("?"):convert(words.plain)
  local function option(name, text, argname)
    return parser:option(name, text):argname(argname):convert(words.plain)
  end
  local function whole(name, text, least, most)
    return option(name, text, "N"):convert(words.whole(name, least, most))
  end
  option("--vector", "A vector to search for: '[1,2,3]', '{1:0.5}/3', 101.", "VECTOR")
  option("--like", "The primary key of a row to search for; values separated by commas.", "KEY")
  option("--column", "The vector column, if there are several.", "NAME")
  option("--metric", "The distance; the index's, unless given.", "METRIC")
    :choices{ "l2", "ip", "cosine", "l1", "hamming", "jaccard" }
  whole("--limit", "How many rows.", 1, 2 ^ 31 - 1):default("10")
  option("--within", "The greatest distance.", "DISTANCE"):convert(words.number("--within"))
  option("--where", "A condition, in SQL.", "SQL")
  option("--select", "The columns to show.", "NAMES")
  whole("--ef-search", "How far an HNSW index looks around.", 1, 1000)
  option("--iterative-scan", "How the index goes on if a condition leaves too few rows.", "HOW")
    :choices{ "off", "relaxed_order", "strict_order" }
  whole("--probes", "How many lists of an IVFFlat index are read.", 1, 32768)
  option("--via", "The smaller form of the vectors that an index holds.", "FORM"):choices{ "halfvec", "binary" }
  whole("--oversample", "With --via: candidates for each row.", 1, 1000)
  option("--text", "Words to search for, besides: hybrid search.", "WORDS")
  option("--text-column", "The column that has them; the only tsvector column, unless given.", "NAME")
  option("--text-config", "The text search configuration of that column's index.", "NAME")
  parser:flag("--explain", "Tell whether an index served the search, and how long it took.")
  database.define(parser)
  embedder.define(parser)
end

return command
