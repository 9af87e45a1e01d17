--- Runs a program of the checkout as a user runs it: by the interpreter of this
-- process, in a process of its own.

local program = {}

local quoted = require("spec.support.shell").quoted

--- The shell command that runs a program.
-- @tparam string path
-- @tparam[opt] table environment variables, besides those that find the library
-- @tparam[opt] table arguments
-- @treturn string
function program.command(path, environment, arguments)
  local interpreter = 0
  while arg[interpreter - 1] do interpreter = interpreter - 1 end
  local settings = { LUA_PATH = package.path, LUA_CPATH = package.cpath }
  for name, value in pairs(environment or {}) do settings[name] = value end
  local words = { "env -u LUA_INIT -u LUA_PATH_5_4 -u LUA_CPATH_5_4" }
  for name, value in pairs(settings) do words[#words + 1] = name .. "=" .. quoted(value) end
  words[#words + 1] = quoted(arg[interpreter])
  words[#words + 1] = quoted(path)
  for _, argument in ipairs(arguments or {}) do words[#words + 1] = quoted(argument) end
  return table.concat(words, " ") .. " </dev/null"
end

--- Runs a program.
-- @tparam string path
-- @tparam[opt] table environment variables, besides those that find the library
-- @tparam[opt] table arguments
-- @treturn string what it printed, errors too
-- @treturn boolean whether it ended well
-- @treturn integer its exit status
function program.run(path, environment, arguments)
  local pipe = io.popen(program.command(path, environment, arguments) .. " 2>&1; echo \"exit status $?\"")
  local output = pipe:read("*a")
  pipe:close()
  local rest, status = output:match("^(.*)exit status (%d+)\n$")
  return rest, status == "0", tonumber(status)
end

return program
