--- The command `pgvector`: reads the command line and calls the command.
--
-- Exit status: 0 done, 1 a command failed or found what it looks for (check), 2
-- the command line is wrong.
-- @module pgvector.cli

local errors = require "pgvector.errors"
local words = require "pgvector.cli.arguments"

local cli = {}

-- Commands in the order in which the help lists them: `define(parser)` says what
-- they take, `run(arguments)` does it and may return an exit status.
local commands = {
  { "ingest", "pgvector.cli.ingest" },
  { "migrate", "pgvector.cli.migrate" },
  { "search", "pgvector.cli.search" },
  { "tune", "pgvector.cli.tune" },
  { "doctor", "pgvector.cli.doctor" },
}

local function argparse()
  local ok, library = pcall(require, "argparse")
  if ok then return library end
  error(errors.new("InvalidRequestError",
    "the command line needs argparse (luarocks install argparse, or Debian's lua-argparse)"), 0)
end

--- The parser of the whole command line.
function cli.parser()
  local parser = argparse()("pgvector", "PostgreSQL vector search: tools for the command line.")
  parser:command_target("command"):require_command(true)
  parser:add_help_command()
  parser:add_complete_command()
  parser:flag("--version", "Print the version and exit.")
    :action(function()
      print(require("pgvector")._VERSION)
      os.exit(0)
    end)
  for _, command in ipairs(commands) do require(command[2]).define(parser:command(command[1])) end
  return parser
end

-- What a failure looks like to people: no traceback, the place in the error.
local function report(err)
  local where = errors.is_error(err) and err.revision
    and (" (%s of revision %s)"):format(err.direction, err.revision) or ""
  if errors.is_error(err) then err.where = nil end
  io.stderr:write("pgvector: ", (tostring(err):gsub("^%w+Error: ", "")), where, "\n")
end

--- Runs a command line.
-- @tparam table arguments as `arg` has them
-- @treturn integer exit status
function cli.main(arguments)
  local ok, result = pcall(function()
    local parser = cli.parser()
    local parsed, args = parser:pparse(words.mark(arguments))
    if not parsed then
      io.stderr:write("pgvector: ", words.plain(args), "\n", parser:get_usage(), "\n")
      return 2
    end
    for _, command in ipairs(commands) do
      if command[1] == args.command then return require(command[2]).run(args) or 0 end
    end
  end)
  if ok then return result end
  report(result)
  return errors.is_error(result) and result.usage and 2 or 1
end

return cli
