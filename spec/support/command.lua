--- Runs a command line in this process, and keeps what it prints apart.

local command = {}

--- Runs a command line.
-- @tparam table arguments
-- @treturn integer exit status
-- @treturn string what it printed
-- @treturn string what it wrote to standard error
function command.run(arguments)
  local out, err = {}, {}
  local print, stderr = _G.print, io.stderr
  _G.print = function(...)
    local parts = {}
    for i = 1, select("#", ...) do parts[i] = tostring((select(i, ...))) end
    out[#out + 1] = table.concat(parts, "\t") .. "\n"
  end
  io.stderr = { -- luacheck: ignore 122
    write = function(_, ...) err[#err + 1] = table.concat{ ... } end,
    flush = function() end,
  }
  local ok, status = pcall(require("pgvector.cli").main, arguments)
  _G.print, io.stderr = print, stderr -- luacheck: ignore 122
  if not ok then error(status, 0) end
  return status, table.concat(out), table.concat(err)
end

return command
