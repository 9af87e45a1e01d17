--- What the commands that talk to a database have in common: where it is, the
-- table that they are about, and how JSON is printed.
-- @module pgvector.cli.database

local config = require "pgvector.migrate.config"
local json = require "pgvector.types.json"
local pg = require "pgvector"
local project = require "pgvector.cli.project"

local database = {}

--- Adds the options that all of these commands take.
function database.define(parser)
  parser:option("--url", "The database; else the configuration's, PGVECTOR_URL, or what libpq's variables say.")
    :argname("URL")
  parser:option("-c --config", "The project's configuration file."):argname("FILE")
  parser:flag("--json", "Print JSON.")
end

local function engine_of(args)
  if args.url then return pg.create_engine(args.url) end
  local path = args.config and project.need(args.config) or project.find()
  local settings = path and config.load(path) or {}
  return settings.engine or pg.create_engine(settings.url or os.getenv "PGVECTOR_URL" or {})
end

--- Calls `fn(engine)` with the database that the command line names.
-- @return what fn returns
-- @raise what it raises; the engine's connections are closed all the same
function database.with(args, fn)
  local engine = engine_of(args)
  local ok, result = pcall(fn, engine)
  engine:dispose()
  if not ok then error(result, 0) end
  return result
end

--- Reads a table from the database.
-- @tparam Connection conn
-- @tparam string name "table" or "schema.table"
-- @treturn Table
-- @raise if there is none
function database.table(conn, name)
  local schema, bare = name:match("^(.-)%.(.*)$")
  return pg.Table(bare or name, pg.MetaData(), {}, { schema = schema, autoload = conn })
end

--- Prints one document, its keys in the order of the alphabet.
function database.print_json(value) print(json.encode(value, true)) end

return database
