--- Types made from other types: ARRAY, Enum, TypeDecorator.
-- @module pgvector.types.composite

local class = require "pgvector.class"
local errors = require "pgvector.errors"
local base = require "pgvector.types.base"
local identifiers = require "pgvector.util.identifiers"
local core = require "pgvector.core"

local composite = {}

-- ARRAY ------------------------------------------------------------------

composite.ARRAY = base.define("ARRAY", { ddl_name = "ARRAY", family = "array" })
local ARRAY = getmetatable(composite.ARRAY)

local array_options = { dimensions = true }

-- OIDs of the built-in array types, by the OID of the element.
local array_oids = {
  [16] = 1000, [17] = 1001, [20] = 1016, [21] = 1005, [23] = 1007, [25] = 1009, [26] = 1028, [114] = 199,
  [650] = 651, [700] = 1021, [701] = 1022, [829] = 1040, [869] = 1041, [1042] = 1014, [1043] = 1015,
  [1082] = 1182, [1083] = 1183, [1114] = 1115, [1184] = 1185, [1186] = 1187, [1266] = 1270, [1560] = 1561,
  [1562] = 1563, [1700] = 1231, [2950] = 2951, [3614] = 3643, [3615] = 3645, [3734] = 3735, [3802] = 3807,
  [3904] = 3905, [3906] = 3907, [3908] = 3909, [3910] = 3911, [3912] = 3913, [3926] = 3927,
  [4451] = 6150, [4532] = 6151, [4533] = 6152, [4534] = 6153, [4535] = 6155, [4536] = 6157,
}

function ARRAY:_configure(elem, options)
  if elem == nil and options == nil then
    errors.raise("ArgumentError", "ARRAY needs the type of its elements: pg.ARRAY(pg.Text)")
  end
  base.expect(elem, "ARRAY")
  if elem.family == "array" then
    errors.raise("ArgumentError", "an array of arrays is ARRAY(T, { dimensions = 2 })")
  end
  options = errors.check_options(options, array_options, "ARRAY")
  if options.dimensions ~= nil then base.expect_count(options.dimensions, "the dimensions of ARRAY", 1) end
  return self:_with{
    elem = elem, dimensions = options.dimensions,
    kind = (elem.bind_kind or elem.kind) .. "[]", result_kind = (elem.result_kind or elem.kind) .. "[]",
    oid = elem.oid and array_oids[elem.oid], dim = elem.dim, binary = elem.binary,
    type_name = elem.type_name and "_" .. elem.type_name, schema = elem.schema,
  }
end

function ARRAY:_ddl()
  if not self.elem then return "ARRAY" end
  return tostring(self.elem) .. ("[]"):rep(self.dimensions or 1)
end

-- Applies `f` to every element. `depth` tells how many levels are the array's:
-- an element may itself be a table (a vector, a JSON document).
local function map(value, f, depth)
  if type(value) ~= "table" then
    base.data_error("22P02", "an array must be a sequence, not %s", base.describe(value))
  end
  local result = {}
  for i = 1, value.n or #value do
    local element = value[i]
    if element == nil or element == core.null then
      result[i] = core.null
    elseif depth > 1 then
      result[i] = map(element, f, depth - 1)
    else
      result[i] = f(element)
    end
  end
  return result
end

function ARRAY:bind_spec(name)
  local spec = base.Type.bind_spec(self, name)
  spec.elem_oid = self.elem and self.elem.oid
  return spec
end

function ARRAY:_bind_convert()
  local f = self.elem and self.elem:_bind_convert()
  if not f then return nil end
  local depth = self.dimensions or 1
  return function(value) return map(value, f, depth) end
end

-- The result's own nesting tells its dimensions; a decoded element is never a
-- table before it is converted.
local function map_result(value, f)
  local result = {}
  for i = 1, #value do
    local element = value[i]
    if element == core.null then
      result[i] = element
    elseif type(element) == "table" then
      result[i] = map_result(element, f)
    else
      result[i] = f(element)
    end
  end
  return result
end

function ARRAY:_result_convert()
  local f = self.elem and self.elem:_result_convert()
  if not f then return nil end
  return function(value) return map_result(value, f) end
end

function ARRAY:check(value)
  local elem = self.elem
  if elem then map(value, function(element) elem:check(element) return element end, self.dimensions or 1) end
  return value
end

local function literal_elements(self, value, depth)
  local parts = map(value, function(element)
    if depth > 1 then return literal_elements(self, element, depth - 1) end
    return self.elem:literal(element)
  end, 1)
  for i = 1, #parts do
    if parts[i] == core.null then parts[i] = "NULL" end
  end
  return (depth < (self.dimensions or 1) and "[" or "ARRAY[") .. table.concat(parts, ", ") .. "]"
end

--- An array constant: `ARRAY['a', 'b']::TEXT[]`.
function ARRAY:literal(value)
  if value == nil or value == core.null then return "NULL" end
  return literal_elements(self, value, self.dimensions or 1) .. "::" .. tostring(self)
end

-- Enum -------------------------------------------------------------------

--- An enumerated type: `pg.Enum{ "draft", "live", name = "item_state" }`.
composite.Enum = base.define("Enum", { ddl_name = "ENUM", kind = "text", family = "enum", binary = true })
local Enum = getmetatable(composite.Enum)

function Enum:_configure(options, ...)
  if type(options) ~= "table" or select("#", ...) > 0 then
    errors.raise("ArgumentError", "Enum takes a table: pg.Enum{ \"draft\", \"live\", name = \"item_state\" }")
  end
  local labels, set = {}, {}
  for i, label in ipairs(options) do
    if type(label) ~= "string" or label == "" or #label > identifiers.MAX_LENGTH or label:find("\0", 1, true) then
      errors.raise("ArgumentError", "Enum: label %d must be a string of 1 to 63 bytes", i)
    end
    if set[label] then errors.raise("ArgumentError", "Enum: label '%s' is given twice", label) end
    labels[i], set[label] = label, true
  end
  if #labels == 0 then errors.raise("ArgumentError", "Enum needs at least one label") end
  for key in pairs(options) do
    if key ~= "name" and key ~= "schema" and not (type(key) == "number" and labels[key]) then
      errors.raise("ArgumentError", "Enum: unknown option '%s'%s", tostring(key),
        errors.did_you_mean(key, { "name", "schema" }))
    end
  end
  if options.name == nil then errors.raise("ArgumentError", "Enum needs a name: the type's name in the database") end
  identifiers.quote(options.name)
  return self:_with{ name = options.name, schema = options.schema, type_name = options.name, enums = labels, set = set }
end

function Enum:_ddl()
  if not self.name then return "ENUM" end
  return identifiers.qualified(self.schema, self.name)
end

function Enum:check(value)
  if self.set and not (type(value) == "string" and self.set[value]) then
    base.data_error("22P02", "invalid input value for enum %s: %s%s", self.name, base.describe(value),
      errors.did_you_mean(value, self.enums))
  end
  return value
end

function Enum:_bind_convert()
  return function(value) return self:check(value) end
end

-- TypeDecorator ----------------------------------------------------------

--- A type that converts values on top of another one:
-- `pg.TypeDecorator{ impl = pg.Text, bind = function(v) … end, result = function(v) … end }`.
-- NULL passes by without either function.
composite.TypeDecorator = base.define("TypeDecorator", { ddl_name = "?" })
local TypeDecorator = getmetatable(composite.TypeDecorator)

local decorator_options = { impl = true, bind = true, result = true, name = true }

function TypeDecorator:_configure(options, ...)
  if select("#", ...) > 0 then errors.raise("ArgumentError", "TypeDecorator takes one table") end
  options = errors.check_options(options, decorator_options, "TypeDecorator")
  local impl = base.expect(options.impl, "TypeDecorator: impl")
  for _, key in ipairs{ "bind", "result" } do
    if options[key] ~= nil and type(options[key]) ~= "function" then
      errors.raise("ArgumentError", "TypeDecorator: %s must be a function, not %s", key, class.describe(options[key]))
    end
  end
  return self:_with{
    impl = impl, bind = options.bind, result = options.result, kind = impl.kind, bind_kind = impl.bind_kind,
    result_kind = impl.result_kind, oid = impl.oid, dim = impl.dim, family = impl.family, binary = impl.binary,
    type_name = impl.type_name, schema = impl.schema, elem = impl.elem,
  }
end

function TypeDecorator:_ddl() return self.impl and tostring(self.impl) or "?" end

function TypeDecorator:bind_spec(name)
  local spec = self.impl:bind_spec(name)
  spec.convert, spec.type = self:_bind_convert(), self
  return spec
end

-- first then second, where either may be missing
local function chain(first, second)
  if not (first and second) then return first or second end
  return function(value)
    value = first(value)
    if value == nil or value == core.null then return value end
    return second(value)
  end
end

function TypeDecorator:_bind_convert() return chain(self.bind, self.impl:_bind_convert()) end

function TypeDecorator:_result_convert() return chain(self.impl:_result_convert(), self.result) end

function TypeDecorator:check(value)
  if self.bind then value = self.bind(value) end
  if value == nil or value == core.null then return value end
  return self.impl:check(value)
end

function TypeDecorator:literal(value)
  if self.bind and value ~= nil and value ~= core.null then value = self.bind(value) end
  return self.impl:literal(value)
end

return composite
