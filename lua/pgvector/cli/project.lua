--- The project that a command runs in: its configuration file.
-- @module pgvector.cli.project

local errors = require "pgvector.errors"

local project = {}

--- The configuration file's name, unless the command line gives another.
project.CONFIG = "pgvector.config.lua"

local function exists(path)
  local file = io.open(path)
  if file then file:close() end
  return file ~= nil
end

--- The path of the configuration file; the application's own modules are found
-- beside it from now on.
-- @tparam ?string path as the command line gives it
-- @treturn ?string nil if there is no such file
function project.find(path)
  path = path or project.CONFIG
  if not exists(path) then return nil end
  local directory = path:match("^(.*)/[^/]*$") or "."
  package.path = ("%s/?.lua;%s/?/init.lua;%s"):format(directory, directory, package.path)
  return path
end

--- Raises unless there is a configuration file.
-- @return the path
function project.need(path)
  return project.find(path) or errors.raise("InvalidRequestError",
    "there is no %s: `pgvector migrate init` makes one, --config names one", path or project.CONFIG)
end

return project
