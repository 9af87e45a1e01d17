--- Values of columns as something that equal values share, in whatever form
-- they are given: 5, 5.0 and "5" of an integer are one key. By keys rows and
-- instances are found again, wherever the ORM compares values in Lua.
-- @module pgvector.orm.key

local coerce = require "pgvector.sql.coerce"
local compat = require "pgvector.compat"

local key = {}

-- A whole number is its own key, if Lua has it exactly; anything else is text.
local function single(column, value)
  local type_ = column.type
  if type_.family ~= "integer" or type_.impl then return type_:_key(value) end
  if type(value) == "string" then
    local number = tonumber(value)
    if number and ("%.0f"):format(number) == value then value = number end
  end
  if compat.is_integral(value) then return value end
  return type_:_key(value)
end

--- The key of values.
-- @tparam table columns
-- @tparam table values one for each column
-- @treturn number|string
-- @raise DataError if a value is none of its column's type
function key.of(columns, values)
  if #columns == 1 then return single(columns[1], values[1]) end
  local parts = {}
  for i = 1, #columns do
    local text = columns[i].type:_key(values[i])
    parts[i] = #text .. ":" .. text
  end
  return table.concat(parts)
end

local plain = { string = true, number = true, boolean = true }

-- Has a value a key? A table has one if the type makes something else of it.
local function has_key(column, value)
  return plain[type(value)]
    or type(value) == "table" and column.type.impl and not coerce.is_expression(value) and not coerce.is_query(value)
end

--- The same, or nil if one of the values is missing, NULL, an expression, or
-- none of its column's type: the statement that sends it will tell.
function key.known(columns, values)
  for i = 1, #columns do
    if not has_key(columns[i], values[i]) then return nil end
  end
  local ok, found = pcall(key.of, columns, values)
  if ok then return found end
  return nil
end

--- The values of some columns out of a table of values by attribute.
-- @treturn table one for each column, nil where there is none
function key.pick(columns, by_attribute)
  local values = {}
  for i = 1, #columns do values[i] = by_attribute[columns[i].key] end
  return values
end

return key
