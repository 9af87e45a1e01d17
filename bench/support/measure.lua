--- Measuring, comparing and one row of the table.
--
-- A comparison runs ours and the peer's in turns, in changing order, and takes
-- the median of the ratios within a round: what disturbs the machine for a
-- while disturbs both. A peer is a program that prints its wall and its CPU
-- seconds.

local core = require "pgvector.core"

local measure = {}

local ROUNDS = tonumber(os.getenv("ROUNDS") or 7)

-- luacheck: read globals jit
local interpreter = jit and "LuaJIT" or _VERSION

function measure.median(values)
  local sorted = {}
  for i, value in ipairs(values) do sorted[i] = value end
  table.sort(sorted)
  local middle = math.floor((#sorted + 1) / 2)
  return #sorted % 2 == 1 and sorted[middle] or (sorted[middle] + sorted[middle + 1]) / 2
end

--- Wall and CPU seconds of one call; the garbage of before is not its fault.
function measure.time(fn)
  collectgarbage()
  collectgarbage()
  local cpu, wall = os.clock(), core.now()
  fn()
  return core.now() - wall, os.clock() - cpu
end

--- The same, as the median of several batches.
function measure.batches(count, fn)
  local walls, cpus = {}, {}
  for batch = 1, count do walls[batch], cpus[batch] = measure.time(fn) end
  return measure.median(walls), measure.median(cpus)
end

--- Runs a program and reads the numbers that it prints.
function measure.run(command)
  local pipe = assert(io.popen(command))
  local output = pipe:read("*a")
  pipe:close()
  local numbers = {}
  for number in output:gmatch("%S+") do numbers[#numbers + 1] = tonumber(number) end
  if #numbers == 0 then error(command .. " printed no numbers: " .. output, 0) end
  return (table.unpack or unpack)(numbers) -- luacheck: ignore 143 113
end

--- Compares.
-- @tparam function ours returns wall and CPU seconds (`measure.time`)
-- @tparam string peer command
-- @tparam[opt] function before called ahead of each of the two
-- @treturn table medians: `ours`, `peer` and `ratio` (ours : peer) of the wall time; `ours_cpu`,
--   `peer_cpu` and `ratio_cpu` of the client's CPU time
function measure.compare(ours, peer, before)
  local series = { ours = {}, ours_cpu = {}, peer = {}, peer_cpu = {}, ratio = {}, ratio_cpu = {} }
  local function run(name, fn)
    if before then before() end
    local wall, cpu = fn()
    table.insert(series[name], wall)
    table.insert(series[name .. "_cpu"], cpu)
  end
  local function run_ours() run("ours", ours) end
  local function run_peer() run("peer", function() return measure.run(peer) end) end
  for round = 0, ROUNDS do -- round 0 warms everything up
    if round == 1 then
      for name in pairs(series) do series[name] = {} end
    end
    if round % 2 == 0 then
      run_ours()
      run_peer()
    else
      run_peer()
      run_ours()
    end
    local last = #series.ours
    table.insert(series.ratio, series.ours[last] / series.peer[last])
    table.insert(series.ratio_cpu, series.ours_cpu[last] / series.peer_cpu[last])
  end
  local result = {}
  for name, values in pairs(series) do result[name] = measure.median(values) end
  return result
end

--- The median of several calls of `fn`, the first not counted.
function measure.repeated(fn)
  local values = {}
  for round = 0, ROUNDS do values[round] = fn() end
  return measure.median(values)
end

function measure.nanoseconds(seconds) return ("%.0f ns"):format(seconds * 1e9) end
function measure.microseconds(seconds) return ("%.1f µs"):format(seconds * 1e6) end
function measure.milliseconds(seconds) return ("%.1f ms"):format(seconds * 1e3) end

--- Wall time, with the client's CPU time in it.
function measure.wall_and_cpu(wall, cpu)
  return ("%.0f ms (CPU %.0f)"):format(wall * 1e3, cpu * 1e3)
end

--- Prints a row.
-- @tparam table row `name`, `ours`, and if there is one `peer`, `ratio`,
--   `target` (text) and `met` (boolean); `on`, if it is not this interpreter
function measure.row(row)
  local met = row.met == nil and "" or row.met and "met" or "MISSED"
  print(("| %s | %s | %s | %s | %s | %s | %s |"):format(row.name, row.on or interpreter, row.ours, row.peer or "",
    row.ratio and ("%.2f"):format(row.ratio) or "", row.target or "", met))
  io.stdout:flush()
end

return measure
