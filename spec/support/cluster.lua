--- A server of a spec's own, to be configured, stopped, locked and broken at will.

local shell = require "spec.support.shell"
local socket = require "socket"

local cluster = {}

-- The server is this one's own, whatever server the specs use otherwise.
local function run(command) return shell.run("env -u PGVECTOR_URL sh -c " .. shell.quoted(command)) end

-- A command as the server's user; see tools/postgres.
local function run_as_server(command)
  return run(('cd / && if [ "$(id -u)" -eq 0 ]; then exec runuser -u postgres -- %s; else exec %s; fi')
    :format(command, command))
end

--- A TCP port that nobody uses at the moment.
-- @treturn number
function cluster.free_port()
  local listener = assert(socket.bind("127.0.0.1", 0))
  local _, port = listener:getsockname()
  listener:close()
  return tonumber(port)
end

--- Starts a server of its own, on a Unix socket.
-- @tparam[opt] table settings server parameters
-- @treturn table `url`, `directory`, and
--   `psql(sql, …)` runs commands, each in a transaction of its own;
--   `stop()`, `start()`, `remove()`;
--   `configure(settings)` sets server parameters that need no restart;
--   `allow(rules)` puts rules at the head of pg_hba.conf;
--   `require_password(role, password)` makes a role that must give one;
--   `own(path, …)` gives files to the server's user;
--   `standby(port)` starts a hot standby on TCP and returns a table with `remove()`
function cluster.start(settings)
  local directory = run("mktemp -d /tmp/lua-pgvector-spec.XXXXXX")
  run(("chmod 755 %s && mkdir %s/tools && cp tools/postgres %s/tools/"):format(directory, directory, directory))
  local tool = directory .. "/tools/postgres"
  for name, value in pairs(settings or {}) do
    -- the tool's own settings come before; the port is the tool's, too
    local edit = name == "port" and ("s/^port=.*/port=%s/"):format(value)
      or ("/^log_line_prefix/a %s = '%s'"):format(name, value)
    run(("sed -i %s %s"):format(shell.quoted(edit), tool))
  end
  run(tool .. " start")
  local self = { url = run(tool .. " url"), directory = directory }

  function self.psql(...)
    local words = { "psql -XAtq -v ON_ERROR_STOP=1 -d", shell.quoted(self.url) }
    for _, sql in ipairs{ ... } do words[#words + 1] = "-c " .. shell.quoted(sql) end
    return run(table.concat(words, " "))
  end
  function self.stop() run(tool .. " stop") end
  function self.start() run(tool .. " start") end
  function self.remove() run(tool .. " remove && rm -rf " .. directory) end

  -- new connections know it once the postmaster does
  local function reload()
    local loaded = self.psql("SELECT pg_conf_load_time()")
    self.psql("SELECT pg_reload_conf()")
    while self.psql("SELECT pg_conf_load_time()") == loaded do socket.sleep(0.02) end
  end

  function self.configure(changed)
    local commands = {}
    for name, value in pairs(changed) do
      commands[#commands + 1] = ("ALTER SYSTEM SET %s = '%s'"):format(name, value)
    end
    self.psql((table.unpack or unpack)(commands)) -- luacheck: ignore
    reload()
  end

  function self.allow(rules)
    local hba = self.psql("SHOW hba_file")
    local file = assert(io.open(directory .. "/hba", "w"))
    file:write(rules, "\n")
    file:close()
    run_as_server(("sed -i '1{h;s|.*|cat %s/hba|e;G}' %s"):format(directory, hba))
    local mistakes = self.psql("SELECT line_number, error FROM pg_hba_file_rules WHERE error IS NOT NULL")
    if mistakes ~= "" then error(mistakes, 2) end
    reload()
  end

  function self.require_password(role, password)
    self.psql(("CREATE ROLE %s LOGIN PASSWORD '%s'"):format(role, password))
    self.allow(("local all %s scram-sha-256"):format(role))
  end

  function self.own(...)
    local files = table.concat({ ... }, " ")
    run(('if [ "$(id -u)" -eq 0 ]; then chown postgres %s; fi'):format(files))
  end

  function self.standby(port)
    local bin = self.psql("SELECT setting FROM pg_config WHERE name = 'BINDIR'")
    local home = self.psql("SHOW data_directory"):match("^(.*)/")
    local data = home .. "/standby"
    run_as_server(("%s/pg_basebackup -d 'host=%s port=%s user=postgres' -D %s -R -X stream -c fast")
      :format(bin, home, self.psql("SHOW port"), data))
    run_as_server(("%s/pg_ctl start -w -D %s -l %s.log -o '-p %d -c listen_addresses=127.0.0.1'")
      :format(bin, data, data, port))
    return {
      remove = function()
        run_as_server(("%s/pg_ctl stop -w -m immediate -D %s"):format(bin, data))
        run(("rm -rf %s %s.log"):format(data, data))
      end,
    }
  end
  return self
end

return cluster
