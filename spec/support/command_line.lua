--- Runs a command line of `pgvector` in this process, where it costs less than a
-- program of its own.

local json = require "pgvector.types.json"

local command_line = {}

--- Runs a command line.
-- @treturn string what it printed
-- @treturn integer its exit status
-- @treturn string what it said on standard error
function command_line.run(...)
  local printed, said = {}, {}
  local real_print, real_stderr = print, io.stderr
  _G.print = function(text) printed[#printed + 1] = tostring(text) .. "\n" end -- luacheck: ignore 122
  io.stderr = { -- luacheck: ignore 122
    write = function(_, ...)
      for i = 1, select("#", ...) do said[#said + 1] = (select(i, ...)) end
    end,
    flush = function() end,
  }
  local ok, status = pcall(require("pgvector.cli").main, { ... })
  _G.print, io.stderr = real_print, real_stderr -- luacheck: ignore 122
  if not ok then error(status, 0) end
  return table.concat(printed), status, table.concat(said)
end

--- Runs a command line that prints JSON.
-- @return the document
-- @treturn integer the exit status
function command_line.document(...)
  local text, status, said = command_line.run(...)
  if text == "" then error(said, 2) end
  return json.decode(text), status
end

return command_line
