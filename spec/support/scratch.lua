--- A directory of a spec's own for files.

local shell = require "spec.support.shell"

local scratch = {}

--- Makes one.
-- @treturn table `path`; `write(name, text)` returns the file's path; `read(name)`;
--   `bare(text)` is a text without the directory in front of its names; `remove()`
function scratch.new()
  local self = { path = shell.run "mktemp -d /tmp/lua-pgvector-scratch.XXXXXX" }

  function self.write(name, text)
    local file = assert(io.open(self.path .. "/" .. name, "wb"))
    file:write(text)
    file:close()
    return self.path .. "/" .. name
  end

  function self.read(name)
    local file = assert(io.open(self.path .. "/" .. name, "rb"))
    local text = file:read "*a"
    file:close()
    return text
  end

  function self.bare(text) return (text:gsub(self.path:gsub("%p", "%%%0") .. "/", "")) end

  function self.remove() shell.run("rm -rf " .. self.path) end

  return self
end

return scratch
