--- The files of a project: revisions are read, checked and written here.
-- @module pgvector.migrate.script

local class = require "pgvector.class"
local errors = require "pgvector.errors"
local Graph = require "pgvector.migrate.graph"
local literal = require "pgvector.types.literal"
local source = require "pgvector.migrate.source"
local templates = require "pgvector.migrate.templates"

local script = {}

local known_keys = {
  revision = true, down_revision = true, branch_labels = true, depends_on = true, message = true,
  upgrade = true, downgrade = true,
}

local function fail(path, format, ...)
  errors.raise("InvalidRequestError", "%s: " .. format, path, ...)
end

local function lfs()
  local ok, library = pcall(require, "lfs")
  if ok then return library end
  errors.raise("InvalidRequestError",
    "migrations need lua-filesystem (luarocks install luafilesystem, or Debian's lua-filesystem)")
end

---- files ------------------------------------------------------------------------

--- Is there a file or a directory of this name?
-- @treturn ?string "file", "directory", …
function script.exists(path) return (lfs().attributes(path, "mode")) end

--- Makes a directory and those above it.
function script.make_directory(path)
  local built = path:find("^/") and "/" or ""
  for part in path:gmatch("[^/]+") do
    built = (built == "" or built == "/") and built .. part or built .. "/" .. part
    if script.exists(built) ~= "directory" then
      local ok, message = lfs().mkdir(built)
      if not ok then fail(built, "cannot make the directory: %s", message) end
    end
  end
end

--- Reads a whole file.
function script.read(path)
  local file, message = io.open(path, "rb")
  if not file then errors.raise("InvalidRequestError", "cannot read the file: %s", message) end
  local text = file:read("*a")
  file:close()
  return text
end

--- Writes a file that is not there yet, all of it or nothing.
function script.write(path, text)
  if script.exists(path) then fail(path, "the file is there already") end
  local temporary = path .. ".part"
  local file, message = io.open(temporary, "wb")
  if not file then errors.raise("InvalidRequestError", "cannot write the file: %s", message) end
  local written, reason = file:write(text)
  file:close()
  if written then written, reason = os.rename(temporary, path) end
  if not written then
    os.remove(temporary)
    fail(path, "cannot write the file: %s", reason)
  end
end

---- revisions --------------------------------------------------------------------

local function check_names(path, key, value)
  if value == nil then return {} end
  local names = type(value) == "string" and { value } or value
  if type(names) ~= "table" then fail(path, "%s: expected names in a table, got %s", key, class.describe(value)) end
  for i, name in ipairs(names) do
    if type(name) ~= "string" then fail(path, "%s: element %d: expected a name, got %s", key, i, type(name)) end
  end
  return names
end

-- Checks what a revision file returned.
local function check(path, revision)
  if type(revision) ~= "table" then
    fail(path, "expected the file to return a table, { revision = …, down_revision = …, upgrade = … }, got %s",
      type(revision))
  end
  for key in pairs(revision) do
    if not known_keys[key] then
      fail(path, "unknown key '%s'%s", tostring(key), errors.did_you_mean(key, known_keys))
    end
  end
  if revision.revision == nil then fail(path, "the key 'revision' is missing") end
  Graph._check_id(revision.revision, path)
  -- nil is the same as absent, so the base says false: a typo is not a second base
  local down = revision.down_revision
  if down == nil then
    fail(path, "the key 'down_revision' is missing; the first revision says down_revision = false")
  elseif down ~= false and type(down) ~= "string" and type(down) ~= "table" then
    fail(path, "down_revision: expected an id, a sequence of ids, or false, got %s", class.describe(down))
  end
  for _, key in ipairs{ "upgrade", "downgrade" } do
    local fn = revision[key]
    if fn ~= nil and type(fn) ~= "function" then fail(path, "%s: expected a function, got %s", key, type(fn)) end
  end
  if revision.upgrade == nil then fail(path, "the key 'upgrade' is missing") end
  if revision.message ~= nil and type(revision.message) ~= "string" then
    fail(path, "message: expected a string, got %s", type(revision.message))
  end
  return {
    revision = revision.revision, down_revision = down and check_names(path, "down_revision", down) or {},
    branch_labels = check_names(path, "branch_labels", revision.branch_labels),
    depends_on = check_names(path, "depends_on", revision.depends_on),
    message = revision.message or "", upgrade = revision.upgrade, downgrade = revision.downgrade, path = path,
  }
end

--- Loads one revision file. Nothing is cached: each load runs the file.
-- @treturn table the checked revision, with its `path`
function script.load(path)
  local chunk, message = loadfile(path)
  if not chunk then errors.raise("InvalidRequestError", "%s", message) end
  local ok, revision = pcall(chunk)
  if not ok then
    if errors.is_error(revision) then error(revision, 0) end
    errors.raise("InvalidRequestError", "%s", tostring(revision))
  end
  return check(path, revision)
end

--- Loads all revision files of some directories.
-- @tparam table directories sequence
-- @treturn Graph
function script.graph(directories)
  local revisions = {}
  for _, directory in ipairs(directories) do
    if script.exists(directory) ~= "directory" then
      fail(directory, "there is no such directory; `pgvector migrate init` makes a project")
    end
    local names = {}
    for name in lfs().dir(directory) do
      if name:find("%.lua$") and not name:find("^%.") then names[#names + 1] = name end
    end
    table.sort(names)
    for _, name in ipairs(names) do revisions[#revisions + 1] = script.load(directory .. "/" .. name) end
  end
  return Graph._new(revisions)
end

---- writing ----------------------------------------------------------------------

--- A new id: 12 hexadecimal digits.
function script.new_id()
  local random = io.open("/dev/urandom", "rb")
  local bytes = random and random:read(6)
  if random then random:close() end
  if bytes and #bytes == 6 then
    return (bytes:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
  end
  math.randomseed(os.time() + math.floor(os.clock() * 1e6))
  return ("%06x%06x"):format(math.random(0, 2 ^ 24 - 1), math.random(0, 2 ^ 24 - 1))
end

-- What a message contributes to a file's name.
local function slug(message)
  local words = message:lower():gsub("[^%w]+", "_"):gsub("^_+", ""):gsub("_+$", "")
  if #words > 40 then words = words:sub(1, 40):gsub("_[^_]*$", "") end
  return words ~= "" and "_" .. words or ""
end

local function ids_source(ids, alone)
  if alone and #ids == 0 then return "false" end
  if alone and #ids == 1 then return source.string(ids[1]) end
  return source.value(ids, "  ")
end

-- Does anything but the operation itself speak of the label that it adds? Then
-- the label must be committed before.
local function label_is_used(operation, operations)
  if operation.kind ~= "add_enum_value" then return false end
  for _, other in ipairs(operations) do
    local text = other ~= operation and other:render("") or ""
    if text:find(source.string(operation.label), 1, true) or text:find(literal.string(operation.label), 1, true) then
      return true
    end
  end
  return false
end

--- The lines of a function's body, from operations. What cannot run in a
-- transaction stands in op.autocommit, neighbours together.
-- @tparam ?table operations sequence; an operation's `note` becomes a comment above it
-- @tparam ?function render_item called with an operation and the indentation of its
--   lines: what it returns, unless nil, is the operation's source
-- @treturn string each line indented and ended
function script.body(operations, render_item)
  local lines, inside = {}, false
  local function section(wanted)
    if wanted ~= inside then lines[#lines + 1] = wanted and "    op.autocommit(function()" or "    end)" end
    inside = wanted
  end
  for _, operation in ipairs(operations or {}) do
    section(operation:needs_autocommit() or label_is_used(operation, operations))
    local indent = inside and "      " or "    "
    for line in ((operation.note or "") .. "\n"):gmatch("([^\n]*)\n") do
      if operation.note then lines[#lines + 1] = indent .. "-- " .. line end
    end
    local text = render_item and render_item(operation, indent)
    lines[#lines + 1] = indent .. (text or operation:render(indent))
  end
  section(false)
  return #lines > 0 and table.concat(lines, "\n") .. "\n" or ""
end

--- Writes a revision file.
-- @tparam string directory
-- @tparam table of `revision`, `message`, `down`, `labels`, `depends` (sequences), `upgrades`,
--   `downgrades` (sequences of operations, or nil), `remarks` (sequence of strings)
-- @tparam ?string template its text
-- @tparam ?function render_item see `body`
-- @treturn string the file's path
function script.write_revision(directory, of, template, render_item)
  local path = ("%s/%s%s.lua"):format(directory, of.revision, slug(of.message))
  local remarks = {}
  for _, remark in ipairs(of.remarks or {}) do
    for line in (remark .. "\n"):gmatch("([^\n]*)\n") do remarks[#remarks + 1] = "    -- " .. line .. "\n" end
  end
  local title = of.message:gsub("%c", " "):gsub("%s+$", "")
  local values = {
    message = source.string(of.message), title = title:match("%S") and title or "revision " .. of.revision,
    revision = source.string(of.revision), down_revision = ids_source(of.down, true),
    branch_labels = ids_source(of.labels), depends_on = ids_source(of.depends),
    upgrades = table.concat(remarks) .. script.body(of.upgrades, render_item),
    downgrades = script.body(of.downgrades, render_item),
  }
  local text = (template or templates.revision):gsub("%${(%w[%w_]*)}", function(name)
    if values[name] == nil then
      errors.raise("InvalidRequestError", "the template has '${%s}', which is not known%s", name,
        errors.did_you_mean(name, values))
    end
    return values[name]
  end)
  local chunk, message = (loadstring or load)(text, "@" .. path) -- luacheck: ignore 113
  if not chunk then errors.raise("InvalidRequestError", "the template does not make a Lua file: %s", message) end
  script.write(path, text)
  return path
end

return script
