--- A network that fails: a process between a client and the specs' server.
--
--     local proxy = proxies.start(url)       -- for that database
--     local engine = pg.create_engine(proxy.url)
--     proxy.stall()                          -- nothing passes any more, nothing is closed
--     proxy.pass()                           -- what was held, and all else, passes
--
-- `trickle()` passes single bytes, `delay(ms)` holds each piece up, `refuse()`
-- closes new connections at once; `pass()` ends each of them. `cut()` and
-- `reset()` end the connections that are there, by FIN or RST;
-- `cut_after(n)` and `reset_after(n)` do it to one once the server has sent n
-- more bytes. `open()` tells how many there are, `count()` how many there were.

local core = require "pgvector.core"
local program = require "spec.support.program"
local socket = require "socket"

local proxies = {}

--- Starts one.
-- @tparam string url of a database on a server that listens on a Unix socket
-- @treturn table `url`, `host`, `port`; the functions above; `stop()`
function proxies.start(url)
  local keywords = assert(core.parse_conninfo(url))
  local target = ("%s/.s.PGSQL.%s"):format(keywords.host, keywords.port or "5432")
  -- a sanitizer of this process is not for it
  local pipe = assert(io.popen("exec " .. program.command("spec/support/proxy_program.lua", { LD_PRELOAD = "" },
    { target })))
  local port, control_port = pipe:read("*l"):match("^(%d+) (%d+)$")
  local control = assert(socket.connect("127.0.0.1", control_port))
  control:setoption("tcp-nodelay", true)

  local self = {
    host = "127.0.0.1", port = port,
    url = ("postgresql://%s@127.0.0.1:%s/%s"):format(keywords.user, port, keywords.dbname),
  }
  function self.stop()
    control:close()
    pipe:close()
  end

  -- every other name is a command of the process
  return setmetatable(self, { __index = function(_, name)
    return function(n)
      assert(control:send(n and ("%s %d\n"):format(name, n) or name .. "\n"))
      local answer = assert(control:receive("*l"))
      return tonumber(answer)
    end
  end })
end

return proxies
