--- Runs a program of the checkout as a user runs it: by the interpreter of this
-- process, in a process of its own.

local program = {}

local quoted = require("spec.support.shell").quoted

--- Runs a program.
-- @tparam string path
-- @tparam[opt] table environment variables, besides those that find the library
-- @treturn string what it printed, errors too
-- @treturn boolean whether it ended well
function program.run(path, environment)
  local interpreter = 0
  while arg[interpreter - 1] do interpreter = interpreter - 1 end
  local settings = { LUA_PATH = package.path, LUA_CPATH = package.cpath }
  for name, value in pairs(environment or {}) do settings[name] = value end
  local words = { "env -u LUA_INIT -u LUA_PATH_5_4 -u LUA_CPATH_5_4" }
  for name, value in pairs(settings) do words[#words + 1] = name .. "=" .. quoted(value) end
  words[#words + 1] = quoted(arg[interpreter])
  words[#words + 1] = quoted(path) .. " </dev/null 2>&1 && echo ended well"
  local pipe = io.popen(table.concat(words, " "))
  local output = pipe:read("*a")
  pipe:close()
  local rest = output:match("^(.*)ended well\n$")
  return rest or output, rest ~= nil
end

return program
