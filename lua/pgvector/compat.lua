--- The few things in which Lua 5.1, LuaJIT and 5.4 differ.
-- @module pgvector.compat

local compat = {}

--- `table.unpack` wherever it lives.
compat.unpack = table.unpack or unpack -- luacheck: ignore 143 113

--- Packs varargs with their count in `n`.
compat.pack = table.pack or function(...) -- luacheck: ignore 143
  return { n = select("#", ...), ... }
end

--- "integer", "float" or nil, as `math.type`; on 5.1 a number without a
-- fraction that a double holds exactly counts as an integer.
compat.math_type = math.type or function(x) -- luacheck: ignore 143
  if type(x) ~= "number" then return nil end
  if x == math.floor(x) and x >= -2 ^ 53 and x <= 2 ^ 53 then return "integer" end
  return "float"
end

--- Is a number a whole one, whatever its representation?
-- @treturn boolean
function compat.is_integral(x)
  return type(x) == "number" and x == math.floor(x) and x - x == 0
end

--- May a coroutine yield inside pcall? Not in Lua 5.1.
compat.can_yield_in_pcall = coroutine.wrap(function() return pcall(coroutine.yield, true) end)()

--- Makes an object that calls a function when it is collected. The collector
-- may run anywhere: the function should do no more than make a note.
-- @tparam function finalize must not hold the object
-- @treturn userdata|table the guard
function compat.guard(finalize)
  local function gc() finalize() end
  local newproxy = rawget(_G, "newproxy") -- 5.1 finalizes userdata only
  if not newproxy then return setmetatable({}, { __gc = gc }) end
  local guard = newproxy(true)
  getmetatable(guard).__gc = gc
  return guard
end

return compat
