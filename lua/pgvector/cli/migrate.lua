--- `pgvector migrate …`: prints what the methods of `pg.migrate.config{…}` return.
-- @module pgvector.cli.migrate

local core = require "pgvector.core"
local json = require "pgvector.types.json"
local pg = require "pgvector"
local progress = require "pgvector.cli.progress"
local project = require "pgvector.cli.project"
local words = require "pgvector.cli.arguments"

local command = {}

---- output -----------------------------------------------------------------------

local colours = { id = "33", head = "32", note = "36" }

local function paint(kind, text)
  if not core.isatty(1) or os.getenv "NO_COLOR" then return text end
  return ("\27[%sm%s\27[0m"):format(colours[kind], text)
end

local function ids(list) return #list > 0 and table.concat(list, ", ") or "<base>" end

local function line_of(revision)
  local marks = {}
  if revision.is_current then marks[1] = "current" end
  if revision.is_head then marks[#marks + 1] = "head" end
  if revision.is_branch_point then marks[#marks + 1] = "branch point" end
  if revision.is_merge then marks[#marks + 1] = "merge" end
  for _, label in ipairs(revision.branch_labels) do marks[#marks + 1] = label end
  local text = paint("id", revision.revision)
  if #marks > 0 then text = text .. " " .. paint("head", "(" .. table.concat(marks, ", ") .. ")") end
  return revision.message ~= "" and text .. "  " .. revision.message or text
end

local function print_json(value) print(json.encode(value)) end

-- Lists of revisions, as lines or as JSON.
local function print_revisions(revisions, args, show)
  if args.json then
    for _, revision in ipairs(revisions) do
      for _, name in ipairs{ "down_revision", "depends_on", "branch_labels", "next" } do
        json.array(revision[name])
      end
    end
    return print_json(json.array(revisions))
  end
  for _, revision in ipairs(revisions) do print(show(revision)) end
end

local function details(revision)
  local lines = { line_of(revision), "  follows:    " .. ids(revision.down_revision) }
  if #revision.depends_on > 0 then lines[#lines + 1] = "  depends on: " .. ids(revision.depends_on) end
  if #revision.next > 0 then lines[#lines + 1] = "  followed by: " .. ids(revision.next) end
  lines[#lines + 1] = "  file:       " .. tostring(revision.path)
  return table.concat(lines, "\n")
end

local function report_step(step)
  print(("%s %s -> %s  %s%s"):format(step.direction, ids(step.from), paint("id", ids(step.to)), step.message,
    step.done > 0 and (" (going on after %d operations)"):format(step.done) or ""))
  io.stdout:flush()
end

local function build_bar(name) return progress.building(name, print) end

---- the project ------------------------------------------------------------------

local function x_of(args)
  local x = {}
  for _, pair in ipairs(args.x or {}) do
    local key, value = pair:match("^([^=]+)=(.*)$")
    if not key then words.misuse("-x: expected key=value, got '%s'", pair) end
    x[key] = value
  end
  return x
end

local function project_of(args)
  local path = project.need(args.config)
  local options = { x = x_of(args), report = not args.sql and report_step or nil, build_progress = build_bar }
  if args.url then options.url = args.url end
  return pg.migrate.load(path, options)
end

---- commands ---------------------------------------------------------------------

local run = {}

function run.init(args)
  local made = pg.migrate.config{ script_location = args.directory }:init()
  for _, path in ipairs(made) do print("made " .. path) end
  if #made == 0 then print("everything is there already") end
end

local function print_remarks(remarks)
  for _, remark in ipairs(remarks or {}) do print(paint("note", "note: ") .. tostring(remark)) end
end

function run.revision(args)
  local written = project_of(args):revision{
    message = args.message, autogenerate = args.autogenerate, head = args.head, splice = args.splice,
    branch_label = args.branch_label, depends_on = args.depends_on, rev_id = args.rev_id,
    version_path = args.version_path,
  }
  if not written then return print("nothing was written: the project's hook dropped it") end
  print_remarks(written.remarks)
  print("wrote " .. written.path)
end

local function migrate(direction)
  return function(args)
    local migrator = project_of(args)
    local options = { sql = args.sql, tag = args.tag, dry_run = args.dry_run }
    if args.sql then options.output = function(text) io.stdout:write(text) end end
    local result = migrator[direction](migrator, args.revision, options)
    if args.sql then return end
    if #result == 0 then
      print("nothing to do")
    elseif args.dry_run then
      print(("%d revisions run and rolled back"):format(#result))
    end
  end
end

run.upgrade, run.downgrade = migrate "upgrade", migrate "downgrade"

function run.current(args) print_revisions(project_of(args):current(), args, args.verbose and details or line_of) end

function run.history(args)
  local migrator = project_of(args)
  local revisions = migrator:history(args.range)
  if args.indicate_current then
    local current = {}
    for _, revision in ipairs(migrator:current()) do current[revision.revision] = true end
    for _, revision in ipairs(revisions) do revision.is_current = current[revision.revision] or false end
  end
  print_revisions(revisions, args, args.verbose and details or function(revision)
    return ids(revision.down_revision) .. " -> " .. line_of(revision)
  end)
end

function run.heads(args) print_revisions(project_of(args):heads(), args, args.verbose and details or line_of) end

function run.branches(args)
  print_revisions(project_of(args):branches(), args, args.verbose and details or function(revision)
    return line_of(revision) .. "\n  -> " .. ids(revision.next)
  end)
end

function run.show(args) print_revisions(project_of(args):show(args.revision), args, details) end

function run.stamp(args)
  local options = { purge = args.purge, sql = args.sql, tag = args.tag }
  if args.sql then options.output = function(text) io.stdout:write(text) end end
  local now = project_of(args):stamp(args.revisions, options)
  if not args.sql then print("the database counts as " .. ids(now)) end
end

function run.ensure_version(args) project_of(args):ensure_version() end

function run.check(args)
  local operations, remarks = project_of(args):check()
  local rendered = {}
  for i, operation in ipairs(operations) do rendered[i] = operation:render("") end
  if args.json then
    print_json{ operations = json.array(rendered), remarks = json.array(remarks or {}) }
  else
    print_remarks(remarks)
    for _, text in ipairs(rendered) do print(text) end
    print(#rendered == 0 and "the database is what the models say"
      or ("%d operations would make the database what the models say"):format(#rendered))
  end
  return #rendered > 0 and 1 or 0
end

function run.merge(args)
  local written = project_of(args):merge(args.revisions,
    { message = args.message, branch_label = args.branch_label, rev_id = args.rev_id })
  print("wrote " .. written.path)
end

function run.edit(args) print("checked " .. project_of(args):edit(args.revision)) end

---- the command line -------------------------------------------------------------

local function common(parser)
  parser:option("-c --config", "The project's configuration file.", project.CONFIG):argname("FILE")
  parser:option("--url", "The database, instead of the configuration's."):argname("URL")
  parser:option("-x", "Something for migrations and the configuration: op.get_context().x."):argname("KEY=VALUE")
    :count("*")
end

local function with_json(parser)
  parser:flag("-v --verbose", "Print more about each revision.")
  parser:flag("--json", "Print JSON.")
  return parser
end

local function with_script(parser)
  parser:flag("--sql", "Print an SQL script instead of running anything.")
  parser:option("--tag", "A comment at the top of the script."):argname("TEXT")
  return parser
end

local function new_file(parser)
  parser:option("-m --message", "What the revision does."):argname("TEXT")
  parser:option("--branch-label", "A name for the branch that begins here."):argname("LABEL")
  parser:option("--rev-id", "The revision's id, instead of a random one."):argname("ID")
  return parser
end

--- Says what the command takes.
function command.define(parser)
  parser:summary("Change the schema of a database, step by step.")
    :description("Change the schema of a database, step by step: revision files in Lua, run in their order.")
    :command_target("subcommand"):require_command(true)
  common(parser) -- for all subcommands, before their names and behind
  local function sub(name, text) return parser:command(name, text):summary(text) end

  sub("init", "Make a project."):argument("directory", "Where revisions are kept."):default("migrations"):args("?")

  local revision = new_file(sub("revision", "Write a new revision file."))
  revision:flag("--autogenerate", "Fill it with what tells the models from the database.")
  revision:option("--head", "The revision that it follows."):argname("REV"):convert(words.plain)
  revision:flag("--splice", "That may have followers already.")
  revision:option("--depends-on", "A revision that must be there too."):argname("REV"):count("*")
  revision:option("--version-path", "The directory for the file."):argname("DIR")

  for _, direction in ipairs{ { "upgrade", "Apply revisions." }, { "downgrade", "Take revisions back." } } do
    local parser_of = with_script(sub(direction[1], direction[2]))
    parser_of:argument("revision", "A revision: head, heads, base, an id or its beginning, +1, -1; from:to with --sql.")
      :convert(words.plain)
    parser_of:flag("--dry-run", "Run everything and roll back.")
  end

  with_json(sub("current", "Print what the database has."))
  with_json(sub("heads", "Print the revisions that nothing follows."))
  with_json(sub("branches", "Print the revisions that several follow."))
  local history = with_json(sub("history", "Print the revisions, newest first."))
  history:option("-r --range --rev-range", "From a revision to another: from:to."):argname("RANGE"):convert(words.plain)
  history:flag("-i --indicate-current", "Mark what the database has.")
  local show = with_json(sub("show", "Print what is known of a revision."))
  show:argument("revision", "A revision."):convert(words.plain)

  local stamp = with_script(sub("stamp", "Write down what the database has, and run nothing."))
  stamp:argument("revisions", "Revisions."):args("+"):convert(words.plain)
  stamp:flag("--purge", "Forget what the version table holds first.")

  with_json(sub("check", "Compare the database with the models; exit status 1 if they differ."))
  sub("ensure_version", "Create the version table where it is missing.")

  local merge = new_file(sub("merge", "Write a revision that joins several."))
  merge:argument("revisions", "Revisions, or heads."):args("+")
  sub("edit", "Open a revision file in an editor."):argument("revision", "A revision."):convert(words.plain)
end

--- Runs a subcommand.
-- @treturn ?integer exit status
function command.run(args) return run[args.subcommand](args) end

return command
