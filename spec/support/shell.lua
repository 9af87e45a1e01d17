--- Other programs, run by the shell.

local shell = {}

--- A word of a shell command, whatever is in it.
function shell.quoted(s) return "'" .. s:gsub("'", "'\\''") .. "'" end

--- Runs a command; raises if it fails. (Lua 5.1 cannot tell a pipe's exit code;
-- a sanitizer of this process is not for others.)
-- @treturn string what it printed, errors too
function shell.run(command)
  local pipe = assert(io.popen("{ LD_PRELOAD= " .. command .. "; } 2>&1 && echo done"))
  local output = pipe:read("*a")
  pipe:close()
  local result = output:match("^(.-)\n?done\n$")
  if not result then error(command .. "\n" .. output, 0) end
  return result
end

return shell
