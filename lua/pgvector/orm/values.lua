--- Attribute values: copies of them, and whether one has changed.
-- @module pgvector.orm.values

local coerce = require "pgvector.sql.coerce"
local core = require "pgvector.core"

local values = {}

local null = core.null

--- Stands in `state.original` for a value that was never loaded.
values.NOT_LOADED = setmetatable({}, { __tostring = function() return "not loaded" end })

-- An instance in the place of a plain table: the flush will refuse it, and until
-- then nobody looks inside.
local function is_instance(value)
  local mt = getmetatable(value)
  return type(mt) == "table" and rawget(mt, "__no_json") ~= nil
end

--- Copies a value that can be changed in place.
function values.copy(value)
  if type(value) ~= "table" or is_instance(value) then return value end
  local copy = {}
  for key, inner in pairs(value) do copy[key] = values.copy(inner) end
  return setmetatable(copy, getmetatable(value))
end

-- Equal in depth. An empty table may be an array or an object: only its
-- metatable tells.
local function same(a, b)
  if a == b then return true end
  if type(a) ~= "table" or type(b) ~= "table" or is_instance(a) or is_instance(b) then return false end
  local count = 0
  for key, value in pairs(a) do
    if not same(value, b[key]) then return false end
    count = count + 1
  end
  for _ in pairs(b) do count = count - 1 end
  if count ~= 0 then return false end
  return next(a) ~= nil or getmetatable(a) == getmetatable(b)
end

--- Does an attribute's value differ from what it was?
-- @tparam Column column
-- @param old what was loaded or stored
-- @param new
-- @treturn boolean
function values.changed(column, old, new)
  if coerce.is_expression(new) or coerce.is_query(new) then return true end
  if old == null or new == null or old == values.NOT_LOADED then return old ~= new end
  -- an assigned table may be the former one, changed inside
  if type(new) == "table" and column.type.track == "reassign" then return true end
  local family = column.type.family
  -- a sequence or a text may stand for a vector: compare what would be stored
  if family == "vector" or family == "bit" then return column.type:check(old) ~= column.type:check(new) end
  return not same(old, new)
end

return values
