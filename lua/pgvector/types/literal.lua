--- Values written into SQL text: for DDL, offline scripts and `literal_binds`.
-- @module pgvector.types.literal

local errors = require "pgvector.errors"
local compat = require "pgvector.compat"

local literal = {}

--- A string constant.
-- @tparam string s
-- @treturn string
function literal.string(s)
  if s:find("\0", 1, true) then
    errors.raise("DataError", "a string must not contain a zero byte")
  end
  return "'" .. s:gsub("'", "''") .. "'"
end

-- The shortest of 15, 16 and 17 digits that reads back as the same number,
-- with a point whatever the locale says.
local function float(x)
  for digits = 15, 17 do
    local s = ("%." .. digits .. "g"):format(x)
    if tonumber(s) == x then return (s:gsub(",", ".")) end
  end
end

--- The digits of a number, without quotes and whatever the locale says.
-- @tparam number x
-- @treturn string `NaN`, `Infinity` and `-Infinity` are possible
function literal.digits(x)
  if x ~= x then return "NaN" end
  if x - x ~= 0 then return x > 0 and "Infinity" or "-Infinity" end
  if compat.math_type(x) == "integer" then return ("%d"):format(x) end
  if compat.is_integral(x) and x >= -2 ^ 63 and x < 2 ^ 63 then return ("%.0f"):format(x) end
  return float(x)
end

--- A numeric constant.
-- @tparam number x
-- @treturn string
function literal.number(x)
  local s = literal.digits(x)
  if s:find("^-?[NI]") then return "'" .. s .. "'" end
  return s
end

--- A string of bytes as a bytea constant.
-- @tparam string s
-- @treturn string
function literal.bytes(s)
  local hex = s:gsub(".", function(c) return ("%02x"):format(c:byte()) end)
  return "'\\x" .. hex .. "'"
end

return literal
