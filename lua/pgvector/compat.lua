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

return compat
