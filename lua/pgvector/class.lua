--- Classes: single inheritance, metamethods included, and methods that notice
-- when they are called with '.' instead of ':'.
--
--     local Point = class("Point")
--     function Point:norm() … end
--     class.seal(Point)                 -- after the last method
--     local p = setmetatable({ x = 1 }, Point)
--
-- A class is its own metatable and its own `__index`. A subclass copies what
-- its base has at that moment, so look-ups stay one step deep.
-- @module pgvector.class

local errors = require "pgvector.errors"

local class = {}

--- Makes a class.
-- @tparam string name what `tostring(Class)` and messages say
-- @tparam[opt] table base its base class, already complete
-- @treturn table the class
function class.new(name, base)
  local C = {}
  if base then
    for k, v in pairs(base) do C[k] = v end
  end
  C.__index = C
  C.__name = name
  C.__base = base
  C.__ancestors = { [C] = true }
  if base then
    for ancestor in pairs(base.__ancestors) do C.__ancestors[ancestor] = true end
  end
  return setmetatable(C, { __tostring = function() return name end })
end

--- Is `object` an instance of `C` or of a class made from it?
-- @treturn boolean
function class.is(object, C)
  if type(object) ~= "table" then return false end
  local mt = getmetatable(object)
  if type(mt) ~= "table" then return false end
  local ancestors = rawget(mt, "__ancestors")
  return ancestors ~= nil and ancestors[C] == true
end

--- What to call a value in a message: the class's name, or the Lua type.
-- @treturn string
function class.describe(value)
  local mt = getmetatable(value)
  if type(value) == "table" and type(mt) == "table" then
    local name = rawget(mt, "__name")
    if name then return name end
  end
  return type(value)
end

local function guarded(C, name, method)
  return function(self, ...)
    if getmetatable(self) ~= C and not class.is(self, C) then
      errors.raise("ArgumentError", "use ':' to call %s:%s(), not '.'", C.__name, name)
    end
    return method(self, ...)
  end
end

--- Makes the public methods that `C` itself defines refuse a wrong receiver.
-- Names that start with '_' are internal and stay bare.
-- @treturn table C
function class.seal(C)
  local base = C.__base or {}
  local own = {}
  for name, method in pairs(C) do
    if type(method) == "function" and name:sub(1, 1) ~= "_" and base[name] ~= method then
      own[name] = method
    end
  end
  for name, method in pairs(own) do C[name] = guarded(C, name, method) end
  return C
end

--- Makes reading a public name that instances do not have an error. Fields that
-- may be nil begin with '_'.
-- @tparam table C complete
-- @treturn table C
function class.strict(C)
  getmetatable(C).__index = function(_, key)
    if type(key) ~= "string" or key:sub(1, 1) == "_" then return nil end
    local known = {}
    for name in pairs(C) do
      if name:sub(1, 1) ~= "_" then known[#known + 1] = name end
    end
    table.sort(known)
    errors.raise("ArgumentError", "%s has no method or field '%s'%s", C.__name, key, errors.did_you_mean(key, known))
  end
  return C
end

--- Adds a guarded method to a class that is sealed already.
function class.extend(C, name, method)
  C[name] = guarded(C, name, method)
end

return setmetatable(class, { __call = function(_, name, base) return class.new(name, base) end })
