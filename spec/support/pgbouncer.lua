--- A PgBouncer of a spec's own, in front of the specs' server.

local pgbouncer = {}

local function run(command)
  local pipe = assert(io.popen("{ LD_PRELOAD= " .. command .. "; } 2>&1 && echo done"))
  local output = pipe:read("*a")
  pipe:close()
  local result = output:match("^(.-)\n?done\n$")
  if not result then error(command .. "\n" .. output, 0) end
  return result
end

-- PgBouncer does not run as root; the server's user takes root's place, as in
-- tools/postgres.
local start = [[
cd %s && if [ "$(id -u)" -eq 0 ]; then chown -R postgres . && as="runuser -u postgres --"; else as=; fi &&
PATH=$PATH:/usr/sbin $as pgbouncer -q -d ini &&
for i in $(seq 100); do [ -S .s.PGSQL.6432 ] && break; sleep 0.05; done]]

local config = [[
[databases]
* = host=%s port=%s user=%s
[pgbouncer]
pool_mode = transaction
default_pool_size = 2
server_round_robin = 1
auth_type = any
listen_addr =
listen_port = 6432
unix_socket_dir = %s
logfile = %s/log
pidfile = %s/pid
ignore_startup_parameters = extra_float_digits
]]

--- Starts one on a Unix socket; it pools transactions, and has two server
-- connections for each database.
-- @tparam table server `host`, `port`, `user`
-- @treturn table `url(database)`, `stop()`
function pgbouncer.start(server)
  local directory = run("mktemp -d /tmp/lua-pgvector-pgbouncer.XXXXXX")
  local file = assert(io.open(directory .. "/ini", "w"))
  file:write(config:format(server.host, server.port, server.user, directory, directory, directory))
  file:close()
  run(start:format(directory))

  local self = {}
  function self.url(database)
    return ("postgresql:///%s?host=%s&port=6432&user=%s"):format(database, directory, server.user)
  end
  function self.stop()
    run(("kill $(cat %s/pid) && rm -rf %s"):format(directory, directory))
  end
  return self
end

return pgbouncer
