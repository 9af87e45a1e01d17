--- What a project says about itself: the table that pgvector.config.lua returns,
-- or that `pg.migrate.config` is given.
-- @module pgvector.migrate.config

local class = require "pgvector.class"
local compat = require "pgvector.compat"
local errors = require "pgvector.errors"
local naming = require "pgvector.sql.naming"

local config = {}

local functions = {
  include_object = true, include_name = true, process_revision_directives = true, render_item = true,
  report = true, build_progress = true,
}
local strings = { script_location = true, version_table = true, version_table_schema = true, template = true }
local function_or_boolean = { compare_type = true, compare_server_default = true, include_schemas = true }
local others = {
  url = true, engine = true, connection = true, target_metadata = true, version_locations = true,
  on_version_apply = true, transaction_per_migration = true, lock_timeout = true, lock_attempts = true,
  lock_wait = true, x = true, format = true,
}

local known = {}
for _, set in ipairs{ functions, strings, function_or_boolean, others } do
  for name in pairs(set) do known[name] = true end
end

local defaults = {
  script_location = "migrations", version_table = "alembic_version", transaction_per_migration = true,
  lock_attempts = 1, lock_wait = 60, compare_type = true, compare_server_default = true,
}

local function expect(name, wanted, value)
  errors.raise("ArgumentError", "migrate config: %s: expected %s, got %s", name, wanted,
    type(value) == "string" and ("'%s'"):format(value) or class.describe(value))
end

local function check_sources(options)
  local given = {}
  for _, name in ipairs{ "url", "engine", "connection" } do
    if options[name] ~= nil then given[#given + 1] = name end
  end
  if #given > 1 and not (#given == 2 and given[1] == "url") then
    errors.raise("ArgumentError", "migrate config: give one of url, engine, connection, not %s",
      table.concat(given, " and "))
  end
end

local function check_metadata(metadata)
  if metadata == nil then return {} end
  local list = type(metadata) == "table" and rawget(metadata, "_table_list") == nil and metadata[1] ~= nil
    and metadata or { metadata }
  for _, each in ipairs(list) do
    if type(each) ~= "table" or rawget(each, "_table_list") == nil then
      expect("target_metadata", "a MetaData such as Base.metadata, or a sequence of them", each)
    end
  end
  return list
end

--- Reads the options.
-- @tparam table options
-- @treturn table with the defaults; `target_metadata` is a sequence
function config.read(options)
  options = errors.check_options(options, known, "migrate config")
  local settings = {}
  for name in pairs(known) do
    settings[name] = options[name]
    if settings[name] == nil then settings[name] = defaults[name] end
  end
  for name in pairs(functions) do
    if settings[name] ~= nil and type(settings[name]) ~= "function" then expect(name, "a function", settings[name]) end
  end
  for name in pairs(strings) do
    local value = settings[name]
    if value ~= nil and (type(value) ~= "string" or value == "") then expect(name, "a string", value) end
  end
  for name in pairs(function_or_boolean) do
    local kind = type(settings[name])
    local is_list = name == "include_schemas" and kind == "table"
    if settings[name] ~= nil and kind ~= "function" and kind ~= "boolean" and not is_list then
      expect(name, name == "include_schemas" and "a boolean or names" or "a boolean or a function", settings[name])
    end
  end
  naming.check(settings.version_table, "migrate config: version_table")
  if type(settings.transaction_per_migration) ~= "boolean" then
    expect("transaction_per_migration", "a boolean", settings.transaction_per_migration)
  end
  if type(settings.lock_wait) ~= "number" or settings.lock_wait < 0 then
    expect("lock_wait", "seconds", settings.lock_wait)
  end
  local timeout = settings.lock_timeout
  if type(timeout) == "number" then
    settings.lock_timeout = ("%.0fms"):format(math.ceil(timeout * 1000))
  elseif timeout ~= nil and timeout ~= false and not (type(timeout) == "string" and timeout:find("^%d+%s*%a*$")) then
    expect("lock_timeout", "a time such as \"5s\", or seconds", timeout)
  end
  local attempts = settings.lock_attempts
  if not compat.is_integral(attempts) or attempts < 1 then
    expect("lock_attempts", "a whole number from 1", attempts)
  end
  local format = settings.format
  if format ~= nil and type(format) ~= "function" and not (type(format) == "string" and format:find("%s", 1, true)) then
    expect("format", "a command with %s for the file, or a function", format)
  end
  for _, hook in ipairs(type(settings.on_version_apply) == "table" and settings.on_version_apply
    or { settings.on_version_apply }) do
    if type(hook) ~= "function" then expect("on_version_apply", "a function or a sequence of them", hook) end
  end
  check_sources(options)
  settings.target_metadata = check_metadata(settings.target_metadata)
  settings.report = settings.report or function() end
  settings.x = settings.x or {}
  return settings
end

--- Reads a configuration file, whose paths are relative to it.
-- @tparam string path
-- @treturn table the options, to be given to `config.read`
function config.load(path)
  local chunk, message = loadfile(path)
  if not chunk then errors.raise("InvalidRequestError", "%s", message) end
  local options = chunk()
  if type(options) ~= "table" then
    errors.raise("InvalidRequestError", "%s: expected the file to return a table, got %s", path, type(options))
  end
  local directory = path:match("^(.*)/[^/]*$")
  local function located(relative)
    if not directory or relative:find("^/") then return relative end
    return directory .. "/" .. relative
  end
  local copy = {}
  for name, value in pairs(options) do copy[name] = value end
  copy.script_location = located(options.script_location or defaults.script_location)
  if options.template then copy.template = located(options.template) end
  for i, location in ipairs(options.version_locations or {}) do
    copy.version_locations = copy.version_locations ~= options.version_locations and copy.version_locations or {}
    copy.version_locations[i] = located(location)
  end
  return copy
end

return config
