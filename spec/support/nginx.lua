--- An nginx of a spec's own, with one worker, listening on a Unix socket.
--
--     local server = nginx.start{ content = { ["/one"] = "ngx.say(1)" } }
--     assert.equal("1\n", server.get("/one"))
--     server.stop()

local lfs = require "lfs"

local nginx = {}

local build = os.getenv("PGVECTOR_BUILD") or "build"

-- Runs a shell command and returns what it printed; an error if it failed.
local function run(command)
  local pipe = assert(io.popen("{ " .. command .. "; } 2>&1 && echo done"))
  local output = pipe:read("*a")
  pipe:close()
  local result = output:match("^(.-)\n?done\n$")
  if not result then error(command .. "\n" .. output, 0) end
  return result
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

local function write(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
end

local function indent(text) return (text:gsub("[^\n]+", "      %0")) end

local configuration = [[
%s
daemon off;
user %s; # whoever runs the specs may connect to their server
worker_processes 1;
worker_shutdown_timeout 10s;
error_log error.log notice;
pid nginx.pid;
env PGVECTOR_URL;
env PGMOON_PATH;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  lua_package_path '%s/lua/?.lua;%s/lua/?/init.lua;;';
  lua_package_cpath '%s/%s/5.1/?.so;;';
  lua_check_client_abort on;
%s
  server {
    listen unix:%s/http.sock;
%s
  }
}
]]

local function locations(content)
  local names, parts = {}, {}
  for name in pairs(content or {}) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    parts[#parts + 1] = ("    location = %s {\n      content_by_lua_block {\n%s\n      }\n    }")
      :format(name, indent(content[name]))
  end
  return table.concat(parts, "\n")
end

-- The Lua module, and the development kit that it needs.
local function load_modules()
  local lines = {}
  for _, name in ipairs{ "ndk_http_module", "ngx_http_lua_module" } do
    local path = run(("find /usr/lib/nginx/modules /usr/share/nginx/modules /usr/lib64/nginx/modules "
      .. "-name %s.so 2>/dev/null | head -n 1"):format(name))
    lines[#lines + 1] = path ~= "" and ("load_module %s;"):format(path) or nil
  end
  return table.concat(lines, "\n")
end

--- Starts a server and waits until it answers.
-- @tparam table options `content`: location → Lua code; `http`, `server`: text
--   for these blocks; `url`: PGVECTOR_URL inside nginx
-- @treturn table the functions below
function nginx.start(options)
  local directory = run("mktemp -d /tmp/lua-pgvector-nginx.XXXXXX")
  run("chmod 755 " .. directory)
  local here = lfs.currentdir()
  write(directory .. "/nginx.conf", configuration:format(load_modules(), run "echo $(id -un) $(id -gn)",
    here, here, here, build,
    options.http or "", directory, (options.server or "") .. "\n" .. locations(options.content)))
  local command = ("PATH=$PATH:/usr/sbin nginx -p %s -c nginx.conf -e error.log"):format(directory)
  local self = { directory = directory }

  --- Sends a signal of nginx's: "reload", "quit", "stop".
  function self.signal(name) run(("%s -s %s 2>/dev/null"):format(command, name)) end

  --- The error log.
  function self.log() return read(directory .. "/error.log") end

  local function curl(path, arguments)
    return ("curl -sS --max-time 30 --unix-socket %s/http.sock %s 'http://localhost%s'")
      :format(directory, arguments or "", path)
  end

  --- The body of an answer; an error if the status is not 200.
  function self.get(path, arguments) return run(curl(path, "--fail-with-body " .. (arguments or ""))) end

  --- The body, whatever the status.
  function self.body(path) return run(curl(path)) end

  -- One client for n requests at once: as many processes take their time to start.
  local function many(path, n, arguments)
    return curl(path .. "?[1-" .. n .. "]", ("-Z --parallel-immediate --parallel-max %d %s"):format(n, arguments))
  end

  --- Sends `n` requests at once.
  -- @tparam string path
  -- @tparam number n
  -- @tparam ?string arguments of curl's
  -- @treturn table the bodies, empty where there was no answer
  -- @treturn number seconds that all took
  function self.get_many(path, n, arguments)
    local started = run("date +%s.%N")
    run(("cd %s && rm -f answer.* && %s || true"):format(directory, many(path, n, "-o 'answer.#1' " .. (arguments or ""))))
    local bodies = {}
    for i = 1, n do
      local ok, body = pcall(read, directory .. "/answer." .. i)
      bodies[i] = ok and body or ""
    end
    return bodies, tonumber(run("date +%s.%N")) - tonumber(started)
  end

  --- Starts requests in the background, whose answers nobody reads.
  -- @tparam string path
  -- @tparam ?number seconds after which the client goes away
  -- @tparam[opt=1] number n how many
  function self.start_request(path, seconds, n)
    os.execute(("%s > /dev/null 2>&1 & echo $! > %s/client"):format(
      many(path, n or 1, seconds and "--max-time " .. seconds or ""), directory))
  end

  --- Lets the client of the requests that were started last go away.
  function self.abort_request() run(("kill $(cat %s/client)"):format(directory)) end

  --- The process id of the worker.
  function self.worker() return run(("pgrep -P $(cat %s/nginx.pid) | head -n 1"):format(directory)) end

  --- Is the server gone?
  function self.is_gone() return run(("test -e %s/nginx.pid || echo gone"):format(directory)) == "gone" end

  function self.wait_until_gone()
    run(("(for i in $(seq 200); do test -e %s/nginx.pid || exit 0; sleep 0.05; done; false)"):format(directory))
  end

  --- Stops the server; an error if it crashed.
  function self.stop()
    if not self.is_gone() then
      self.signal("stop")
      self.wait_until_gone()
    end
    local log = self.log()
    run("rm -rf " .. directory)
    for line in log:gmatch("[^\n]+") do
      -- a worker that crashed is reported as an alert, too
      if line:find("[alert]", 1, true) and not line:find("lua_code_cache is off", 1, true) then
        error("nginx: " .. line, 0)
      end
    end
  end

  os.execute(("%s %s > %s/out 2>&1 &"):format(options.url and "PGVECTOR_URL='" .. options.url .. "'" or "",
    "sh -c 'exec " .. command:gsub("^(%S+) ", "env %1 ") .. "'", directory))
  local ready = pcall(run, ("(for i in $(seq 100); do test -S %s/http.sock && exit 0; sleep 0.05; done; false)")
    :format(directory))
  if not ready then
    error("nginx did not start:\n" .. read(directory .. "/out") .. read(directory .. "/error.log"), 0)
  end
  return self
end

return nginx
