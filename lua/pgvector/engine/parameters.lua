--- The values that go with a statement: checked, and shown in errors and logs.
-- @module pgvector.engine.parameters

local coerce = require "pgvector.sql.coerce"
local compat = require "pgvector.compat"
local core = require "pgvector.core"
local errors = require "pgvector.errors"

local parameters = {}

local function show(value)
  local t = type(value)
  if value == nil or value == core.null then return "NULL" end
  if t == "string" then
    return #value > 60 and ("'%s…' (%d bytes)"):format(value:sub(1, 60), #value) or "'" .. value .. "'"
  elseif core.value_type(value) then
    local text = #value <= 4 and tostring(value) or nil
    if not text then
      local head = {}
      for i = 1, 3 do head[i] = tostring(value[i]) end
      text = "[" .. table.concat(head, ",") .. ",…]"
    end
    return ("%s(%d)%s"):format(core.value_type(value), value:dims(), text)
  elseif t == "table" then
    return ("table of %d"):format(#value)
  end
  return tostring(value)
end

--- Parameters as one short line.
-- @treturn ?string nil: there are none
function parameters.describe(values, n)
  if not values or n == 0 then return nil end
  local parts = {}
  for i = 1, math.min(n, 10) do parts[i] = show(values[i]) end
  if n > 10 then parts[11] = ("… %d in all"):format(n) end
  return table.concat(parts, ", ")
end

--- Takes the values out of `pg.literal(value, type)`.
-- @tparam ?table values
-- @tparam number n
-- @treturn ?table values
-- @treturn ?table position → type; nil if there was none
function parameters.unwrapped(values, n)
  local plain, typed
  for i = 1, n do
    local value = values[i]
    if type(value) == "table" and coerce.is_expression(value) then
      if value.__visit_name ~= "bind" then
        errors.raise("ArgumentError", "params: $%d: expected a value, got a SQL expression", i)
      end
      if not plain then
        plain, typed = { n = n }, {}
        for j = 1, n do plain[j] = values[j] end
      end
      plain[i], typed[i] = value.value, value.type
    end
  end
  return plain or values, typed
end

-- The protocol counts parameters in 16 bits.
local function check_count(n)
  if n > 65535 then
    errors.raise("ArgumentError", "number of parameters must be between 0 and 65535, got %d", n)
  end
  return n
end

--- The values of a parameter list that may have holes.
-- @tparam ?table params a sequence, with `n` if nil stands in it
-- @treturn table values
-- @treturn number how many
function parameters.check(params)
  if params == nil then return nil, 0 end
  if type(params) ~= "table" then
    errors.raise("ArgumentError", "params: expected a table, got %s", type(params))
  end
  local n = params.n
  if n ~= nil then
    if not compat.is_integral(n) or n < 0 then
      errors.raise("ArgumentError", "params.n: expected a number of parameters, got %s", tostring(n))
    end
    return params, check_count(n)
  end
  local count = 0
  for key in pairs(params) do
    if not compat.is_integral(key) then
      errors.raise("ArgumentError", "params: expected a sequence for $1, $2, …, got the key '%s'", tostring(key))
    end
    count = count + 1
  end
  if count > 0 and (params[count] == nil or params[1] == nil) then
    errors.raise("ArgumentError", "params: there is a hole in the sequence; give the number of parameters as n")
  end
  return params, check_count(count)
end

return parameters
