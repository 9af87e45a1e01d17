--- Types made from other types: ARRAY, Enum, TypeDecorator.
-- @module pgvector.types.composite

local class = require "pgvector.class"
local errors = require "pgvector.errors"
local base = require "pgvector.types.base"
local identifiers = require "pgvector.util.identifiers"
local core = require "pgvector.core"

local composite = {}

-- ARRAY ------------------------------------------------------------------

composite.ARRAY = base.define("ARRAY", { ddl_name = "ARRAY", family = "array", incomplete = "pg.ARRAY(pg.Text)" })
local ARRAY = getmetatable(composite.ARRAY)

local array_options = { dimensions = true, track = true }

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
    incomplete = false, elem = elem, dimensions = options.dimensions,
    track = base.expect_track(options.track, "ARRAY"),
    kind = (elem.bind_kind or elem.kind) .. "[]", result_kind = (elem.result_kind or elem.kind) .. "[]",
    oid = elem.oid and array_oids[elem.oid], dim = elem:bind_spec().dim, binary = elem.binary,
    type_name = elem.type_name and "_" .. elem.type_name, schema = elem.schema,
  }
end

function ARRAY:_read_as(as) return self:_configure(self.elem:_read_as(as), { dimensions = self.dimensions }) end

function ARRAY:_ddl(map)
  if not self.elem then return "ARRAY" end
  return self.elem:_ddl(map) .. ("[]"):rep(self.dimensions or 1)
end

-- An element as `f` makes it.
local function convert(element, f, sees_null)
  if element ~= core.null or sees_null then element = f(element) end
  if element == nil then return core.null end
  return element
end

-- The length of a sequence without holes; what is none raises.
local function length_of(value)
  if type(value) ~= "table" then
    base.data_error("22P02", "an array must be a sequence, not %s", base.describe(value))
  end
  local n = value.n or #value
  for key in next, value do
    if key ~= "n" and not (type(key) == "number" and key >= 1 and key <= n) then
      base.data_error("22000", "expected a sequence, got key '%s'", tostring(key))
    end
  end
  return n
end

-- Applies `f` to every element. `depth` tells how many levels are the array's:
-- an element may itself be a table (a vector, a JSON document).
local function each(value, f, depth, sees_null)
  local result = {}
  for i = 1, length_of(value) do
    local element = value[i]
    if element == nil then base.data_error("22004", "element %d: expected a value or null, got nil", i) end
    if depth > 1 and element ~= core.null then
      result[i] = each(element, f, depth - 1, sees_null)
    else
      result[i] = convert(element, f, sees_null)
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
  local depth, sees_null = self.dimensions or 1, self.elem.sees_null
  return function(value) return each(value, f, depth, sees_null) end
end

-- The result's own nesting tells its dimensions; a decoded element is never a
-- table before it is converted.
local function map_result(value, f, sees_null)
  local result = {}
  for i = 1, #value do
    local element = value[i]
    if type(element) == "table" then
      result[i] = map_result(element, f, sees_null)
    else
      result[i] = convert(element, f, sees_null)
    end
  end
  return result
end

function ARRAY:_result_convert()
  local f = self.elem and self.elem:_result_convert()
  if not f then return nil end
  local sees_null = self.elem.sees_null
  return function(value) return map_result(value, f, sees_null) end
end

function ARRAY:check(value)
  local elem = self.elem
  if elem then each(value, function(element) elem:check(element) return element end, self.dimensions or 1) end
  return value
end

local function literal_elements(self, value, depth, schemas)
  local parts = each(value, function(element)
    if depth > 1 and element ~= core.null then return literal_elements(self, element, depth - 1, schemas) end
    return self.elem:literal(element, schemas)
  end, 1, true)
  return (depth < (self.dimensions or 1) and "[" or "ARRAY[") .. table.concat(parts, ", ") .. "]"
end

--- An array constant: `ARRAY['a', 'b']::TEXT[]`.
function ARRAY:literal(value, schemas)
  if value == nil or value == core.null then return "NULL" end
  return literal_elements(self, value, self.dimensions or 1, schemas) .. "::" .. self:_ddl(schemas)
end

-- Enum -------------------------------------------------------------------

--- An enumerated type: `pg.Enum{ "draft", "live", name = "item_state" }`.
composite.Enum = base.define("Enum", {
  ddl_name = "ENUM", kind = "text", family = "enum", binary = true,
  incomplete = 'pg.Enum{ "draft", "live", name = "item_state" }',
})
local Enum = getmetatable(composite.Enum)

function Enum:_configure(options, ...)
  if type(options) ~= "table" or select("#", ...) > 0 then
    errors.raise("ArgumentError", "Enum takes a table: %s", Enum.incomplete)
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
    if type(key) == "number" and not labels[key] then
      errors.raise("ArgumentError", "Enum: label %d is missing", #labels + 1)
    end
    if key ~= "name" and key ~= "schema" and not (type(key) == "number" and labels[key]) then
      errors.raise("ArgumentError", "Enum: unknown option '%s'%s", tostring(key),
        errors.did_you_mean(key, { "name", "schema" }))
    end
  end
  if options.name == nil then errors.raise("ArgumentError", "Enum needs a name: the type's name in the database") end
  for _, key in ipairs{ "name", "schema" } do
    local name = options[key]
    if name ~= nil and type(name) ~= "string" then
      errors.raise("ArgumentError", "Enum: %s must be a string, not %s", key, class.describe(name))
    end
    if name ~= nil then identifiers.quote(name) end
  end
  return self:_with{
    incomplete = false, name = options.name, schema = options.schema, type_name = options.name, enums = labels,
    set = set,
  }
end

function Enum:_ddl(map)
  if not self.name then return "ENUM" end
  local schema = self.schema
  if map then schema = map:translate(schema) end
  return identifiers.qualified(schema, self.name)
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
-- NULL passes by without either function; with `null = true` they see it as
-- `pg.null`. What they return as nil or `pg.null` is NULL.
composite.TypeDecorator = base.define("TypeDecorator", {
  ddl_name = "?", incomplete = "pg.TypeDecorator{ impl = pg.Text, bind = … }",
})
local TypeDecorator = getmetatable(composite.TypeDecorator)

local decorator_options = { impl = true, bind = true, result = true, null = true }

function TypeDecorator:_configure(options, ...)
  if select("#", ...) > 0 then errors.raise("ArgumentError", "TypeDecorator takes one table") end
  options = errors.check_options(options, decorator_options, "TypeDecorator")
  local impl = base.expect(options.impl, "TypeDecorator: impl")
  for _, key in ipairs{ "bind", "result" } do
    if options[key] ~= nil and type(options[key]) ~= "function" then
      errors.raise("ArgumentError", "TypeDecorator: %s must be a function, not %s", key, class.describe(options[key]))
    end
  end
  if options.null ~= nil and type(options.null) ~= "boolean" then
    errors.raise("ArgumentError", "TypeDecorator: null must be true or false, not %s", class.describe(options.null))
  end
  return self:_with{
    incomplete = false, impl = impl, bind = options.bind, result = options.result, null = options.null or false,
    sees_null = options.null or impl.sees_null, kind = impl.kind, bind_kind = impl.bind_kind,
    result_kind = impl.result_kind, oid = impl.oid, dim = impl.dim, family = impl.family, binary = impl.binary,
    type_name = impl.type_name, schema = impl.schema, elem = impl.elem, track = impl.track,
    loose = impl.loose,
  }
end

function TypeDecorator:_read_as(as)
  return self:_configure{ impl = self.impl:_read_as(as), bind = self.bind, result = self.result, null = self.null }
end

function TypeDecorator:_ddl(map) return self.impl and self.impl:_ddl(map) or "?" end

function TypeDecorator:bind_spec(name)
  local spec = self.impl:bind_spec(name)
  spec.convert, spec.null, spec.type = self:_bind_convert(), self.sees_null, self
  return spec
end

-- Passes a value through a function, NULL only if that sees it.
local function pass(f, sees_null, value)
  if value == nil then value = core.null end
  if not f or value == core.null and not sees_null then return value end
  return f(value)
end

function TypeDecorator:_bind_convert()
  local outer, inner = self.bind, self.impl:_bind_convert()
  if not outer then return inner end
  local outer_null, inner_null = self.null, self.impl.sees_null
  return function(value) return pass(inner, inner_null, pass(outer, outer_null, value)) end
end

function TypeDecorator:_result_convert()
  local inner, outer = self.impl:_result_convert(), self.result
  if not outer then return inner end
  local inner_null, outer_null = self.impl.sees_null, self.null
  return function(value)
    value = pass(inner, inner_null, value)
    if value == core.null and not outer_null then return value end -- of JSON
    value = pass(outer, outer_null, value)
    if value == core.null then return nil end
    return value
  end
end

function TypeDecorator:check(value)
  value = pass(self.bind, self.null, value)
  if value == nil or value == core.null then return value end
  return self.impl:check(value)
end

function TypeDecorator:_key(value)
  value = pass(self.bind, self.null, value)
  return (value == nil or value == core.null) and "" or self.impl:_key(value)
end

function TypeDecorator:literal(value, map) return self.impl:literal(pass(self.bind, self.null, value), map) end

return composite
