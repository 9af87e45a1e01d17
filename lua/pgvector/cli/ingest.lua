--- `pgvector ingest TABLE [FILE…]`: files into a table.
-- @module pgvector.cli.ingest

local core = require "pgvector.core"
local database = require "pgvector.cli.database"
local embedder = require "pgvector.cli.embedder"
local Embedding = require "pgvector.cli.ingest.embedding"
local errors = require "pgvector.errors"
local input = require "pgvector.cli.ingest.input"
local json = require "pgvector.types.json"
local Loader = require "pgvector.cli.ingest.loading"
local Mapping = require "pgvector.cli.ingest.mapping"
local progress = require "pgvector.cli.progress"
local Rows = require "pgvector.cli.ingest.rows"
local upsert = require "pgvector.cli.ingest.upsert"
local words = require "pgvector.cli.arguments"

local command = {}

local misuse = words.misuse

---- the command line -------------------------------------------------------------

local function define_input(parser)
  parser:option("--format", "jsonl, csv or tsv; else a file's name tells."):argname("FORMAT")
    :choices{ "jsonl", "csv", "tsv" }
  parser:option("--columns", "The fields to take; with --no-header, the names of all."):argname("A,B")
    :convert(words.plain)
  parser:flag("--no-header", "CSV and TSV begin with a record, not with names.")
  parser:option("--null", "What stands for NULL in CSV and TSV."):argname("TEXT"):default(""):convert(words.plain)
  parser:option("--map", "The column of a field that has another name."):argname("FIELD=COLUMN"):count("*")
    :convert(words.plain)
  parser:flag("--ignore-unknown", "Leave out fields that have no column.")
  parser:option("--embed", "Make the vectors of a column from the texts of a field."):argname("FIELD=COLUMN")
    :count("*"):convert(words.plain)
  embedder.define(parser)
end

local function define_storing(parser)
  parser:option("--batch", "Commit after so many rows, instead of once at the end."):argname("N")
    :convert(words.whole("--batch", 1))
  parser:option("--skip", "Pass so many records first."):argname("N"):convert(words.whole("--skip", 0))
  parser:option("--on-error", "What a bad record does: stop, or skip it."):choices{ "stop", "skip" }:default("stop")
    :argname("WHAT")
  parser:option("--rejects", "A file for the records that are skipped."):argname("FILE"):convert(words.plain)
  parser:flag("--truncate", "Empty the table first.")
  parser:option("--upsert", "Replace the rows that have the same values in these columns."):argname("A,B")
    :convert(words.plain)
  parser:flag("--drop-indexes", "Build the table's hnsw and ivfflat indexes anew at the end.")
  parser:flag("--no-analyze", "Do not ANALYZE the table at the end.")
  parser:flag("--dry-run", "Do everything, and roll it back.")
end

--- Says what the command takes.
function command.define(parser)
  parser:summary("Store files in a table."):description("Store the records of files in a table, through COPY.")
  parser:argument("table", "The table, or schema.table."):convert(words.plain)
  parser:argument("files", "JSON lines, CSV or TSV; - or none is standard input."):args("*"):convert(words.plain)
  database.define(parser)
  define_input(parser)
  define_storing(parser)
end

---- what it says -----------------------------------------------------------------

local function list_of(text, option)
  if not text then return nil end
  local list, seen = {}, {}
  for name in (text .. ","):gmatch("([^,]*),") do
    if name == "" then misuse("%s: expected names with commas between them, got '%s'", option, text) end
    if seen[name] then misuse("%s: '%s' occurs twice", option, name) end
    list[#list + 1], seen[name] = name, true
  end
  return list
end

local function set_of(list)
  local set = {}
  for _, name in ipairs(list) do set[name] = true end
  return set
end

local function pair_of(text, option)
  local field, column = text:match("^(.+)=([^=]+)$")
  if not field then misuse("%s: expected field=column, got '%s'", option, text) end
  return field, column
end

local function files_of(args)
  local paths = #args.files > 0 and args.files or { input.STDIN }
  local files = {}
  for i, path in ipairs(paths) do
    local format = args.format or input.format_of(path)
    if not format then
      if path == input.STDIN then misuse("standard input needs --format") end
      misuse("%s: its name tells no format: expected .jsonl, .ndjson, .csv or .tsv, or --format%s", path,
        path:find("%.gz$") and " (gunzip -c reads .gz files: pipe them in)" or "")
    end
    if args.no_header and format == "jsonl" then misuse("--no-header: %s is jsonl, which has none", path) end
    if path == args.rejects then misuse("--rejects: %s is read", path) end
    files[i] = { path = path, format = format }
  end
  return files
end

-- What the words mean, as far as that is known without the table.
local function read_options(args)
  local options = {
    files = files_of(args), columns = list_of(args.columns, "--columns"), upsert = list_of(args.upsert, "--upsert"),
    batch = args.batch, skip = args.skip or 0, map = {}, embed = {},
  }
  for _, text in ipairs(args.map) do
    local field, column = pair_of(text, "--map")
    if options.map[field] then misuse("--map: field '%s' is given twice", field) end
    options.map[field] = column
  end
  for i, text in ipairs(args.embed) do
    local field, column = pair_of(text, "--embed")
    options.embed[i] = { field = field, column = column }
  end
  if args.no_header and not options.columns then misuse("--no-header needs --columns, the names of the fields") end
  if args.rejects and args.on_error ~= "skip" then misuse("--rejects needs --on-error skip") end
  if args.truncate and options.skip > 0 then
    misuse("--truncate would delete what --skip passes: leave one of them out")
  end
  options.embedder = embedder.new(args)
  if #options.embed > 0 and not options.embedder then misuse("--embed needs --embedder, or PGVECTOR_EMBEDDER") end
  return options
end

---- what the table says ----------------------------------------------------------

local function expect_column(tbl, name, option)
  local column = tbl._by_name[name]
  if not column then
    misuse("%s: table '%s' has no column '%s'%s", option, tbl.name, name, errors.did_you_mean(name, tbl._by_name))
  end
  return column
end

local function check_against(tbl, options, no_header)
  local sources = {}
  for field, column in pairs(options.map) do
    expect_column(tbl, column, "--map")
    sources[field] = true
  end
  for _, embed in ipairs(options.embed) do
    local column = expect_column(tbl, embed.column, "--embed")
    if column.type.kind ~= "vector" and column.type.kind ~= "halfvec" then
      misuse("--embed: column '%s' is of the type %s, expected vector or halfvec", embed.column, tostring(column.type))
    end
    if sources[column] then misuse("--embed: column '%s' is given twice", embed.column) end
    sources[embed.field], sources[column] = true, true
  end
  if options.columns and not no_header then
    for _, field in ipairs(options.columns) do
      if not sources[field] then expect_column(tbl, field, "--columns") end
    end
  end
  for _, name in ipairs(options.upsert or {}) do expect_column(tbl, name, "--upsert") end
  if options.upsert and not upsert.is_unique(tbl, options.upsert) then
    misuse("--upsert: table '%s' has no primary key, unique constraint or unique index on (%s)", tbl.name,
      table.concat(options.upsert, ", "))
  end
end

---- running ----------------------------------------------------------------------

local function warn(line) io.stderr:write(line, "\n") end

local function summary(loader, rows, seconds, dry_run)
  local count, many = progress.count, loader.stored == 1 and "row" or "rows"
  local rejected = rows.rejected > 0 and (", %s rejected"):format(count(rows.rejected)) or ""
  if dry_run then
    return ("%s %s would be stored%s; rolled back after %s"):format(count(loader.stored), many, rejected,
      progress.duration(seconds))
  end
  return ("stored %s %s in %s (%s/s)%s"):format(count(loader.stored), many, progress.duration(seconds),
    count(loader.stored / math.max(seconds, 0.001)), rejected)
end

-- What to do when a run in batches has stopped, as a hint of its error.
local function explain(err, loader, options)
  if not options.batch or not errors.is_error(err) then return err end
  local done = loader.committed
  local advice
  if done then
    advice = ("stored are %s rows, everything up to %s:%d; --skip %d goes on behind it"):format(
      progress.count(loader.stored), done.file, done.line, done.record)
  else
    advice = "nothing is stored"
  end
  err.hint = err.hint and err.hint .. "\nHINT: " .. advice or advice
  return err
end

local function pass_records(source, count)
  for i = 1, count do
    if not source:skip() then
      errors.raise("InvalidRequestError", "--skip %d: there are only %d records", count, i - 1)
    end
  end
end

local function open_rejects(path)
  if not path then return nil end
  local file, err = io.open(path, "wb")
  if not file then errors.raise("OperationalError", "cannot write %s", err) end
  return file
end

-- Puts the parts together.
local function make_loader(conn, tbl, args, options, rejects)
  local source = input.open(options.files, { null = args.null, names = args.no_header and options.columns or nil })
  local mapping = Mapping.new(tbl, {
    map = options.map, columns = options.columns and not args.no_header and set_of(options.columns) or nil,
    embed = options.embed, ignore_unknown = args.ignore_unknown, upsert = options.upsert,
  })
  local bar = progress.new{
    label = "storing", total = source.total, unit = source.total and "bytes" or "rows",
  }
  local function report(line)
    bar:finish()
    warn(line)
  end
  local rows = Rows.new(source, mapping, {
    skip = args.on_error == "skip", report = report, rejects = rejects, keep = rejects and #options.embed > 0,
  })
  local taken = 0
  local function advance()
    taken = taken + 1
    bar:update(source.total and source:position() or taken)
  end
  local loader = Loader.new(conn, tbl, #options.embed > 0 and Embedding.new(rows, options.embedder) or rows, {
    refuse = function(err, row) rows:refuse(err, row) end,
    batch = options.batch, upsert = options.upsert, truncate = args.truncate, drop_indexes = args.drop_indexes,
    analyze = not args.no_analyze, dry_run = args.dry_run, advance = advance, pause = function() bar:finish() end,
    say = args.json and warn or print, warn = report,
  })
  return loader, rows, bar, source
end

local function load(conn, args, options, rejects)
  local started = core.now()
  local tbl = database.table(conn, args.table)
  conn:rollback() -- what was read needs no transaction
  check_against(tbl, options, args.no_header)
  local loader, rows, bar, source = make_loader(conn, tbl, args, options, rejects)
  local ok, err = pcall(function()
    pass_records(source, options.skip)
    loader:run()
  end)
  bar:finish()
  if not ok then error(explain(err, loader, options), 0) end
  local seconds = core.now() - started
  if args.json then
    database.print_json{
      stored = loader.stored, rejected = rows.rejected, seconds = math.floor(seconds * 1000 + 0.5) / 1000,
      indexes = json.array(loader:indexes()),
    }
  else
    print(summary(loader, rows, seconds, args.dry_run))
  end
  return rows.rejected > 0 and 1 or 0
end

--- Runs the command.
-- @treturn integer exit status
function command.run(args)
  local options = read_options(args)
  return database.with(args, function(engine)
    local rejects = open_rejects(args.rejects)
    local ok, result = pcall(engine.connect, engine, function(conn) return load(conn, args, options, rejects) end)
    if rejects then rejects:close() end
    if not ok then error(result, 0) end
    return result
  end)
end

return command
