--- A server of a spec's own, to be stopped, locked and broken at will.

local shell = require "spec.support.shell"

local cluster = {}

-- The server is this one's own, whatever server the specs use otherwise.
local function run(command) return shell.run("env -u PGVECTOR_URL sh -c " .. shell.quoted(command)) end

--- Starts a server of its own.
-- @treturn table `url`; `psql(sql)`, `stop()`, `start()`, `remove()`,
--   `require_password(role, password)` makes a role that must give one
function cluster.start()
  local directory = run("mktemp -d /tmp/lua-pgvector-spec.XXXXXX")
  run(("chmod 755 %s && mkdir %s/tools && cp tools/postgres %s/tools/"):format(directory, directory, directory))
  local tool = directory .. "/tools/postgres"
  run(tool .. " start")
  local self = { url = run(tool .. " url") }
  function self.psql(sql) return run(("%s psql -XAtq -v ON_ERROR_STOP=1 -c \"%s\""):format(tool, sql)) end
  function self.stop() run(tool .. " stop") end
  function self.start() run(tool .. " start") end
  function self.remove() run(tool .. " remove && rm -rf " .. directory) end
  function self.require_password(role, password)
    self.psql(("CREATE ROLE %s LOGIN PASSWORD '%s'"):format(role, password))
    local hba = self.psql("SHOW hba_file")
    run(("sed -i '1i local all %s scram-sha-256' %s"):format(role, hba))
    self.psql("SELECT pg_reload_conf()")
  end
  return self
end

return cluster
