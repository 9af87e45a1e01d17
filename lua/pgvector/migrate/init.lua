--- Migrations: `pg.migrate.config{ … }` makes a project of revision files, whose
-- methods are the commands of `pgvector migrate`. They return what they found
-- and print nothing.
-- @module pgvector.migrate

local class = require "pgvector.class"
local config = require "pgvector.migrate.config"
local Context = require "pgvector.migrate.context"
local create_engine = require("pgvector.engine").create_engine
local custom = require "pgvector.migrate.operations.custom"
local errors = require "pgvector.errors"
local Graph = require "pgvector.migrate.graph"
local Offline = require "pgvector.migrate.offline"
local operations = require "pgvector.migrate.operations"
local plan = require "pgvector.migrate.plan"
local script = require "pgvector.migrate.script"
local source = require "pgvector.migrate.source"
local templates = require "pgvector.migrate.templates"
local VersionTable = require "pgvector.migrate.version_table"

-- `_library` is what migrations get as `pg`: the façade, which stands above this
-- part and says so when it loads it.
local migrate = {}

local Migrator = class("Migrator")

-- What a revision is for whoever asks.
local function describe(node)
  return {
    revision = node.id, down_revision = Graph._ids(node.down), depends_on = Graph._ids(node.depends),
    branch_labels = node.own_labels, message = node.script.message or "", path = node.script.path,
    is_head = #node.up == 0, is_branch_point = #node.up > 1, is_merge = #node.down > 1, next = Graph._ids(node.up),
  }
end

local function describe_all(nodes)
  local list = {}
  for i, node in ipairs(nodes) do list[i] = describe(node) end
  return list
end

---- where things are ---------------------------------------------------------------

-- The directories with revision files.
function Migrator:_directories()
  return self._settings.version_locations or { self._settings.script_location .. "/versions" }
end

function Migrator:_graph() return script.graph(self:_directories()) end

-- Calls fn(conn) with the connection that the project has, or one of its engine.
function Migrator:_with_connection(fn)
  local settings = self._settings
  if settings.connection then return settings.connection:_in_autocommit(fn, settings.connection) end
  if not settings.engine then
    if settings.url == nil then
      errors.raise("InvalidRequestError", "migrate config: a url, an engine or a connection is missing")
    end
    self._engine = self._engine or create_engine(settings.url)
  end
  return (settings.engine or self._engine):connect(function(conn) return conn:_in_autocommit(fn, conn) end)
end

-- What the version table holds.
function Migrator:_heads_in_database()
  return self:_with_connection(function(conn) return self._versions:heads(conn) end)
end

local function check(options, where, ...)
  local known = {}
  for _, name in ipairs{ ... } do known[name] = true end
  return errors.check_options(options, known, where)
end

---- running ----------------------------------------------------------------------

-- `a:b` in its parts; without a colon the whole is the target.
local function range_of(target, where)
  if type(target) ~= "string" or target == "" then
    errors.raise("ArgumentError", "%s: expected a revision such as \"head\", got %s", where,
      target == "" and "an empty string" or type(target))
  end
  local from, to = target:match("^([^:]*):([^:]+)$")
  return from ~= "" and from or nil, to or target
end

-- The ids that the version table holds in a database at `from`.
local function ids_at(graph, from)
  if not from then return {} end
  return Graph._ids(graph:resolve(from))
end

-- Writes a script with `write(offline)`; its text is returned unless `output`
-- takes it.
function Migrator:_offline(options, write)
  local pieces = {}
  local output = options.output or function(text) pieces[#pieces + 1] = text end
  local offline = Offline._new(self._settings, self._versions, output)
  if options.tag then offline:comment(options.tag) end
  write(offline)
  return not options.output and table.concat(pieces) or nil
end

function Migrator:_migrate(direction, target, options)
  options = check(options, direction, "sql", "output", "tag", "dry_run")
  local graph = self:_graph()
  local from, to = range_of(target, direction)
  if options.sql then
    if direction == "downgrade" and not from then
      errors.raise("InvalidRequestError", "downgrade --sql needs to know where from: \"from:to\"")
    end
    local steps = plan[direction](graph, ids_at(graph, from), to)
    return self:_offline(options, function(offline) offline:migrate(steps, not from, migrate._library) end)
  elseif from then
    errors.raise("ArgumentError", "%s: a range \"%s\" is for scripts (sql = true); a database knows where it is",
      direction, target)
  end
  local steps = self:_with_connection(function(conn)
    return Context._new(conn, self._settings, self._versions, { dry_run = options.dry_run })
      :migrate(function(ids) return plan[direction](graph, ids, to) end, migrate._library)
  end)
  local ids = {}
  for i, step in ipairs(steps) do ids[i] = step.node.id end
  return ids
end

--- Applies revisions.
-- @tparam string target "head", "heads", an id or its beginning, `+1`, `label@head`, …; in a script
--   also `from:to`
-- @tparam[opt] table options `sql = true` writes a script instead, to `output(text)` or as the
--   result; `tag`: a comment in it; `dry_run = true` runs everything and rolls back
-- @treturn table|string the ids of the revisions that ran, or the script
function Migrator:upgrade(target, options) return self:_migrate("upgrade", target, options) end

--- Takes revisions back, down to one, which stays.
-- @tparam string target an id or its beginning, "base", `-1`, `label@base`, …; in a script `from:to`
-- @tparam[opt] table options as for upgrade
-- @treturn table|string as for upgrade
function Migrator:downgrade(target, options) return self:_migrate("downgrade", target, options) end

--- Writes into the version table that the database has some revisions, and runs nothing.
-- @tparam string|table targets "head", ids, …
-- @tparam[opt] table options `purge = true` empties the table first, whatever it holds; `sql`,
--   `output`, `tag` as for upgrade
-- @treturn table|string the ids that it holds now, or the script
function Migrator:stamp(targets, options)
  options = check(options, "stamp", "purge", "sql", "output", "tag")
  local graph, versions = self:_graph(), self._versions
  local function step_from(ids)
    local wanted = plan.stamp(graph, options.purge and {} or ids, targets)
    local before, after = {}, {}
    for _, id in ipairs(ids) do before[id] = true end
    for _, id in ipairs(wanted) do after[id] = true end
    local step = { to = wanted, removed = {}, added = {} }
    for _, id in ipairs(ids) do
      if not after[id] then step.removed[#step.removed + 1] = id end
    end
    for _, id in ipairs(wanted) do
      if not before[id] then step.added[#step.added + 1] = id end
    end
    return step
  end
  if options.sql then return self:_offline(options, function(offline) offline:stamp(step_from{}) end) end
  return self:_with_connection(function(conn)
    local context = Context._new(conn, self._settings, versions)
    return context:locked(function()
      return context:transaction(function()
        versions:ensure(conn)
        local step = step_from(versions:heads(conn))
        versions:apply(conn, step)
        versions:forget_progress(conn)
        return step.to
      end)
    end)
  end)
end

--- Creates the version table where it is missing.
function Migrator:ensure_version()
  self:_with_connection(function(conn)
    local context = Context._new(conn, self._settings, self._versions)
    context:locked(function() self._versions:ensure(conn) end)
  end)
end

---- looking ----------------------------------------------------------------------

--- The revisions that the database has, those that nothing follows.
-- @treturn table sequence of `{ revision=, message=, path=, is_head=, down_revision=, … }`
function Migrator:current()
  return describe_all(self:_graph():known(self:_heads_in_database()))
end

--- The revisions, newest first.
-- @tparam[opt] string range `from:to`, either may be left out; "current" is the database's
-- @treturn table sequence as for current
function Migrator:history(range)
  local ids
  if range and (range:find("current", 1, true) or range:find("^[+-]") or range:find(":[+-]")) then
    ids = self:_heads_in_database()
  end
  return describe_all(plan.history(self:_graph(), range, ids))
end

--- The revisions that nothing follows.
-- @treturn table sequence as for current
function Migrator:heads() return describe_all(self:_graph():heads()) end

--- The revisions that several follow.
-- @treturn table sequence as for current; `next` has the followers
function Migrator:branches() return describe_all(self:_graph():branch_points()) end

--- What is known of revisions.
-- @tparam string name an id, its beginning, "head", "heads", "current", …
-- @treturn table sequence as for current
function Migrator:show(name)
  local graph = self:_graph()
  local current = name == "current" and graph:known(self:_heads_in_database()) or nil
  return describe_all(graph:resolve(name, current))
end

--- Opens a revision file in an editor.
-- @tparam string name as for show
-- @tparam[opt] table options `editor`: a command; else the environment's VISUAL or EDITOR
-- @treturn string the file's path
function Migrator:edit(name, options)
  options = check(options, "edit", "editor")
  local found = self:show(name)
  if #found ~= 1 then
    errors.raise("InvalidRequestError", "edit: '%s' means %d revisions, one is needed", name, #found)
  end
  local editor = options.editor or os.getenv "VISUAL" or os.getenv "EDITOR" or "vi"
  os.execute(editor .. " '" .. found[1].path:gsub("'", "'\\''") .. "'")
  script.load(found[1].path)
  return found[1].path
end

---- writing ----------------------------------------------------------------------

--- Makes a project: the configuration file, the directory for revisions, and the template of
-- their files. What is there already stays.
-- @tparam[opt] table options `directory`: where the configuration file goes (".")
-- @treturn table sequence of the paths that were made
function Migrator:init(options)
  options = check(options, "init", "directory")
  local location, made = self._settings.script_location, {}
  local prefix = options.directory and options.directory ~= "." and options.directory .. "/" or ""
  local scripts = location:sub(1, 1) == "/" and location or prefix .. location
  local function make(path, text)
    if script.exists(path) then return end
    script.write(path, text)
    made[#made + 1] = path
  end
  if options.directory then script.make_directory(options.directory) end
  script.make_directory(scripts .. "/versions")
  make(prefix .. "pgvector.config.lua", (templates.config:gsub("%${script_location}", function()
    return source.string(location)
  end)))
  make(scripts .. "/revision.lua.template", templates.revision)
  return made
end

-- The template of revision files: the project's, or the built-in one.
function Migrator:_template()
  local settings = self._settings
  if settings.template then return script.read(settings.template) end
  local path = settings.script_location .. "/revision.lua.template"
  return script.exists(path) and script.read(path) or nil
end

-- The directory that a new file goes to.
function Migrator:_directory_for(path)
  local directories = self:_directories()
  if not path then return directories[1] end
  for _, directory in ipairs(directories) do
    if directory == path then return path end
  end
  errors.raise("ArgumentError", "version_path '%s' is none of the version locations: %s", path,
    table.concat(directories, ", "))
end

-- What a new revision follows.
local function followed(graph, options)
  local nodes
  if options.head then
    nodes = graph:resolve(options.head)
  else
    nodes = { graph:head() }
  end
  for _, node in ipairs(nodes) do
    if #node.up > 0 and not options.splice then
      errors.raise("InvalidRequestError", "revision '%s' is not a head; splice = true makes a branch there", node.id)
    end
  end
  return nodes
end

-- Calls the project's hook, which may change what is about to be written.
local function call_hook(settings, directives)
  if settings.process_revision_directives then settings.process_revision_directives(directives) end
  return directives[1]
end

-- Has a new file formatted as the project wants it.
local function lay_out(format, path)
  if format == nil then return end
  if type(format) == "function" then return format(path) end
  local command = format:gsub("%%s", function() return "'" .. path:gsub("'", "'\\''") .. "'" end)
  local ok = os.execute(command)
  if ok ~= true and ok ~= 0 then
    errors.raise("InvalidRequestError", "format: '%s' failed; the file is as it was written", command)
  end
end

function Migrator:_write(graph, options, of)
  local directive = call_hook(self._settings, { of })
  if not directive then return nil end
  local path = script.write_revision(self:_directory_for(options.version_path), directive, self:_template(),
    self._settings.render_item)
  local revision = script.load(path)
  local revisions = { revision }
  for _, node in ipairs(graph.nodes) do revisions[#revisions + 1] = node.script end
  local ok, err = pcall(Graph._new, revisions)
  if not ok then
    os.remove(path)
    error(err, 0)
  end
  lay_out(self._settings.format, path)
  return { revision = revision.revision, path = path, message = revision.message }
end

local function names(x) return type(x) == "string" and { x } or x or {} end

--- Writes a new revision file.
-- @tparam table options `message`; `autogenerate = true` fills it with what tells the models from
--   the database; `head`: the revision that it follows ("base", a head, with `splice = true` any);
--   `branch_label`, `depends_on`, `rev_id`, `version_path`
-- @treturn ?table `{ revision=, path=, message=, operations=, remarks= }`; nil if the hook dropped it
function Migrator:revision(options)
  options = check(options, "revision", "message", "autogenerate", "head", "splice", "branch_label", "depends_on",
    "rev_id", "version_path")
  local graph = self:_graph()
  local down = followed(graph, options)
  local depends = {}
  for _, name in ipairs(names(options.depends_on)) do
    for _, node in ipairs(graph:resolve(name)) do depends[#depends + 1] = node.id end
  end
  local of = {
    revision = options.rev_id and Graph._check_id(options.rev_id, "rev_id") or script.new_id(),
    message = options.message or "", down = Graph._ids(down), labels = names(options.branch_label), depends = depends,
  }
  if options.autogenerate then
    of.upgrades, of.remarks = self:_compare(graph, true)
    of.downgrades = operations.reverse(of.upgrades)
  end
  local written = self:_write(graph, options, of)
  if written then written.operations, written.remarks = of.upgrades or {}, of.remarks or {} end
  return written
end

--- Writes a revision that joins several.
-- @tparam string|table revisions "heads", or a sequence of ids
-- @tparam[opt] table options `message`, `branch_label`, `rev_id`
-- @treturn table as for revision
function Migrator:merge(revisions, options)
  options = check(options, "merge", "message", "branch_label", "rev_id", "version_path")
  local graph = self:_graph()
  local nodes = graph:resolve(type(revisions) == "table" and table.concat(revisions, ",") or revisions)
  if #nodes < 2 then
    errors.raise("InvalidRequestError", "merge: expected at least two revisions, '%s' is %d",
      type(revisions) == "table" and table.concat(revisions, ",") or revisions, #nodes)
  end
  return self:_write(graph, options, {
    revision = options.rev_id and Graph._check_id(options.rev_id, "rev_id") or script.new_id(),
    message = options.message or "merge " .. table.concat(Graph._ids(nodes), " and "),
    down = Graph._ids(nodes), labels = names(options.branch_label), depends = {},
  })
end

---- comparing --------------------------------------------------------------------

-- What tells the models from the database. A revision can only be written on
-- top of a database that has all revisions.
function Migrator:_compare(graph, at_head)
  local settings = self._settings
  if #settings.target_metadata == 0 then
    errors.raise("InvalidRequestError", "migrate config: target_metadata is missing: there are no models to compare")
  end
  return self:_with_connection(function(conn)
    local missing = plan.upgrade(graph, self._versions:heads(conn), "heads")
    if at_head and #missing > 0 then
      errors.raise("InvalidRequestError", "the database is not up to date, it lacks revision '%s': upgrade first",
        missing[1].node.id)
    end
    return require("pgvector.migrate.compare").compare(conn, settings.target_metadata, settings)
  end)
end

--- Compares the models with the database.
-- @treturn table sequence of operations that would make the database what the models say, empty
--   if it is
-- @treturn table sequence of remarks
function Migrator:check() return self:_compare(self:_graph(), true) end

class.seal(Migrator)

--- Makes a project.
-- @tparam table options see docs/migrations.md
-- @treturn Migrator
function migrate.config(options)
  local settings = config.read(options)
  return setmetatable({ _settings = settings, _versions = VersionTable._new(settings) }, Migrator)
end

--- Reads a configuration file.
-- @tparam string path
-- @tparam[opt] table options that take precedence over the file's
-- @treturn Migrator
function migrate.load(path, options)
  local settings = config.load(path)
  for name, value in pairs(options or {}) do settings[name] = value end
  return migrate.config(settings)
end

--- Adds an operation made of others; see pgvector.migrate.operations.custom.
migrate.register = custom.register

return migrate
