--- Defaults that are functions, and what they are told.
-- @module pgvector.sql.defaults

local core = require "pgvector.core"
local errors = require "pgvector.errors"

local defaults = {}

local Context = { __name = "default context" }

-- `ctx.current_parameters` is made when it is asked for.
function Context:__index(key)
  if key ~= "current_parameters" then
    errors.raise("ArgumentError", "the context of a default has no '%s', only current_parameters", tostring(key))
  end
  local values = {}
  for name, value in pairs(rawget(self, "_known")()) do
    if value ~= core.null then values[name] = value end
  end
  rawset(self, key, values)
  return values
end

--- Calls the function of a `default` or `onupdate`.
-- @tparam function fn called with a context: its `current_parameters` are the row's
--   values by attribute, those given and those of defaults before this one
-- @tparam function known gives these values; NULL may be among them
-- @return the value
function defaults.call(fn, known) return fn(setmetatable({ _known = known }, Context)) end

--- The value of a parameter that is a function.
-- @tparam table bind
-- @tparam function value_of `(node)`: the value of a parameter of the same row, nil
--   as long as it is not known
-- @return the value
function defaults.value(bind, value_of)
  return defaults.call(bind.value, function()
    local known, row = {}, bind.row
    for i, node in ipairs(row and row.nodes or {}) do
      if node.__visit_name == "bind" then known[row.columns[i].key] = value_of(node) end
    end
    return known
  end)
end

--- The same when a statement is executed.
-- @tparam table compiled
-- @tparam table values those of the parameters before it
-- @tparam table params those of this execution, by name
-- @tparam number i its place
-- @return the value
function defaults.parameter(compiled, values, params, i)
  return defaults.value(compiled.binds[i], function(node)
    local positions = compiled.positions
    if not positions then
      positions = {}
      for at, bind in ipairs(compiled.binds) do positions[bind] = at end
      compiled.positions = positions
    end
    local at, value = positions[node], nil
    if at and at < i then return values[at] end
    if node.row then return nil end -- another default
    if node.key ~= nil then value = params[node.key] end
    if value == nil then value = node.value end
    return value
  end)
end

return defaults
