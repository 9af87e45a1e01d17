--- Values of rows, for people and for JSON.
-- @module pgvector.cli.search.values

local core = require "pgvector.core"
local json = require "pgvector.types.json"

local values = {}

-- JSON has no number for what is infinite or none.
local function number(x) return x - x == 0 and x or core.null end

local function hexadecimal(bytes)
  return "\\x" .. bytes:gsub(".", function(c) return ("%02x"):format(c:byte()) end)
end

--- A value as JSON takes it: a dense vector is an array of numbers, a sparse one
-- and bits are text, bytes are hexadecimal digits.
-- @param value
-- @tparam[opt] boolean bytes is a string one of bytes?
function values.plain(value, bytes)
  local kind = core.value_type(value)
  if kind == "vector" or kind == "halfvec" then return json.array(value:totable()) end
  if kind then return tostring(value) end
  if type(value) == "number" then return number(value) end
  if type(value) == "string" and bytes then return hexadecimal(value) end
  if type(value) ~= "table" then return value end
  -- JSON documents know what they are; any other table is an array of the server
  local copy = setmetatable({}, getmetatable(value) or getmetatable(json.array()))
  for key, element in pairs(value) do copy[key] = values.plain(element, bytes) end
  return copy
end

--- A value as people read it; NULL is nothing.
-- @param value
-- @tparam[opt] boolean bytes is a string one of bytes?
-- @treturn string
function values.text(value, bytes)
  if value == nil or value == core.null then return "" end
  if type(value) == "table" then return json.encode(values.plain(value, bytes), true) end
  if type(value) == "string" and bytes then return hexadecimal(value) end
  return tostring(value)
end

return values
