--- `assert_sql(stmt, sql, params)`: the SQL that a statement or expression
-- compiles to, and the values of its parameters in `$n` order. No third
-- argument means no parameters.

local core = require "pgvector.core"

local function show(value)
  if value == core.null then return "pg.null" end
  if type(value) == "string" then return ("%q"):format(value) end
  if type(value) == "table" then
    local keys, parts = {}, {}
    for key in pairs(value) do keys[#keys + 1] = key end
    table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
    for i, key in ipairs(keys) do parts[i] = tostring(key) .. " = " .. show(value[key]) end
    return "{ " .. table.concat(parts, ", ") .. " }"
  end
  return tostring(value)
end

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for key, value in pairs(a) do
    if key ~= "n" and not same(value, b[key]) then return false end
  end
  for key in pairs(b) do
    if key ~= "n" and a[key] == nil then return false end
  end
  return true
end

return function(stmt, sql, params)
  params = params or {}
  local got, values = stmt:compile()
  if got ~= sql then
    error(("expected SQL\n  %s\ngot\n  %s"):format(sql, got), 2)
  end
  local n = params.n or #params
  if values.n ~= n then error(("expected %d parameters, got %d in %s"):format(n, values.n, got), 2) end
  for i = 1, n do
    if not same(params[i], values[i]) then
      error(("parameter %d of %s: expected %s, got %s"):format(i, got, show(params[i]), show(values[i])), 2)
    end
  end
end
