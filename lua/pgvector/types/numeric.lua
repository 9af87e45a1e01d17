--- Integers, floating-point numbers, NUMERIC and BOOLEAN.
-- @module pgvector.types.numeric

local errors = require "pgvector.errors"
local compat = require "pgvector.compat"
local base = require "pgvector.types.base"
local literal = require "pgvector.types.literal"

local numeric = {}

-- The result kinds of types that can be read in several forms, by the `as` option.
local as_kinds = {
  int8 = { auto = "int8", number = "int8", string = "int8:string" },
  numeric = { auto = "numeric", number = "numeric:number", string = "numeric:string" },
}

local function read_as(self, as)
  local kind = as_kinds[self.kind][as]
  if not kind then
    errors.raise("ArgumentError", "%s: as = %s, expected 'auto', 'number' or 'string'", self.public_name,
      base.describe(as))
  end
  return self:_with{ result_kind = kind }
end

local as_option = { as = true }

local function configure_integer(self, options, ...)
  if select("#", ...) > 0 or options ~= nil and type(options) ~= "table" then
    errors.raise("ArgumentError", "type %s takes only a table of options", self.public_name)
  end
  if options == nil then return self end
  errors.check_options(options, as_option, self.public_name)
  return options.as == nil and self or self:_read_as(options.as)
end

local function check_integer(self, value)
  local n = value
  if type(n) == "string" then
    if not n:find("^%s*[+-]?%d+%s*$") then self:_refuse(value) end
    n = tonumber(n)
  end
  if not compat.is_integral(n) then self:_refuse(value) end
  if n < self.least or n > self.greatest then
    base.data_error("22003", "%s is out of range for type %s", literal.digits(n), tostring(self):lower())
  end
  return value
end

local function literal_integer(self, value)
  self:check(value)
  if type(value) == "string" then return (value:gsub("[%s+]", "")) end
  return literal.number(value)
end

-- Beside an integer, 1.5 is a float8 and a number too large for the column a
-- bigint: both compare correctly, where the column's own type would refuse.
local function integer_operand(self, value)
  if type(value) ~= "number" then return self end
  if not compat.is_integral(value) then return numeric.Double end
  if value < self.least or value > self.greatest then return numeric.BigInteger end
  return self
end

local function define_integer(name, ddl_name, kind, oid, bits)
  return base.define(name, {
    ddl_name = ddl_name, kind = kind, oid = oid, family = "integer", binary = true,
    least = -2 ^ (bits - 1), greatest = bits == 64 and 2 ^ 63 - 1024 or 2 ^ (bits - 1) - 1,
    _read_as = as_kinds[kind] and read_as,
    _configure = configure_integer, check = check_integer, _literal = literal_integer,
    _for_operand = integer_operand,
    _key = function(self, value)
      value = self:check(value)
      if type(value) == "number" then return literal.digits(value) end
      local sign, digits = value:match("^%s*([+-]?)0*(%d+)%s*$")
      return (sign == "-" and digits ~= "0" and "-" or "") .. digits
    end,
  })
end

numeric.SmallInteger = define_integer("SmallInteger", "SMALLINT", "int2", 21, 16)
numeric.Integer = define_integer("Integer", "INTEGER", "int4", 23, 32)
numeric.BigInteger = define_integer("BigInteger", "BIGINT", "int8", 20, 64)

--- An object identifier: an unsigned number of 32 bits.
numeric.OID = define_integer("OID", "OID", "oid", 26, 32)
local OID = getmetatable(numeric.OID)
OID.least, OID.greatest = 0, 2 ^ 32 - 1

local special = { nan = true, inf = true, infinity = true }

-- Decimal digits as the server reads them: Lua's hexadecimal is none of them.
local function is_number_text(s)
  local digits = s:match("^%s*[+-]?(.-)%s*$")
  return special[digits:lower()] or digits:find("^[%d.]+$") and tonumber(digits)
    or digits:find("^[%d.]+[eE][+-]?%d+$") and tonumber(digits)
end

local function check_number(self, value)
  if type(value) ~= "number" and not (type(value) == "string" and is_number_text(value)) then self:_refuse(value) end
  return value
end

local function literal_number(self, value)
  self:check(value)
  if type(value) == "string" then
    return value:find("^%-?[%d.]+$") and value or literal.string(value)
  end
  return literal.number(value)
end

-- The digits of a number, however many zeros it is written with.
local function number_key(self, value)
  self:check(value)
  if type(value) == "string" and (self.kind ~= "numeric" or not value:find("^%s*[+-]?[%d.]+%s*$")) then
    value = tonumber(value) or value:lower()
  end
  if type(value) == "number" then return literal.digits(value) end
  local sign, digits = value:match("^%s*([+-]?)0*([%d.]*)%s*$")
  if not digits then return value:find("n", 1, true) == 1 and "NaN" or "Infinity" end
  if digits:find(".", 1, true) then digits = digits:gsub("0+$", ""):gsub("%.$", "") end
  if digits == "" then return "0" end
  return (sign == "-" and "-" or "") .. (digits:find("^%.") and "0" or "") .. digits
end

local function define_float(name, ddl_name, kind, oid)
  return base.define(name, {
    ddl_name = ddl_name, kind = kind, oid = oid, family = "number", binary = true,
    check = check_number, _literal = literal_number, _key = number_key,
  })
end

numeric.Real = define_float("Real", "REAL", "float4", 700)
numeric.Double = define_float("Double", "DOUBLE PRECISION", "float8", 701)

--- FLOAT, or FLOAT(p): up to 24 binary digits the server makes it a REAL.
numeric.Float = define_float("Float", "FLOAT", "float8", 701)
local Float = getmetatable(numeric.Float)

function Float:_ddl()
  return self.precision and ("FLOAT(%d)"):format(self.precision) or "FLOAT"
end

function Float:_configure(precision, ...)
  if select("#", ...) > 0 then errors.raise("ArgumentError", "Float takes one argument: its precision") end
  if precision == nil then return self end
  base.expect_count(precision, "the precision of Float", 1)
  if precision > 53 then errors.raise("ArgumentError", "the precision of Float must not exceed 53") end
  if precision > 24 then return self:_with{ precision = precision } end
  return self:_with{ precision = precision, kind = "float4", oid = 700 }
end

numeric.Numeric = base.define("Numeric", {
  ddl_name = "NUMERIC", kind = "numeric", oid = 1700, family = "number", binary = true,
  _read_as = read_as, _key = number_key, check = check_number, _literal = literal_number,
})
local Numeric = getmetatable(numeric.Numeric)

local numeric_options = { precision = true, scale = true, as = true }

function Numeric:_ddl()
  if not self.precision then return "NUMERIC" end
  if not self.scale then return ("NUMERIC(%d)"):format(self.precision) end
  return ("NUMERIC(%d, %d)"):format(self.precision, self.scale)
end

function Numeric:_configure(precision, scale, options)
  if type(precision) == "table" then
    options, precision = precision, nil
  elseif type(scale) == "table" then
    options, scale = scale, nil
  end
  options = errors.check_options(options, numeric_options, "Numeric")
  precision = precision or options.precision
  scale = scale or options.scale
  if precision == nil and scale == nil and options.as == nil then return self end
  if precision ~= nil then
    base.expect_count(precision, "the precision of Numeric", 1)
  elseif scale ~= nil then
    errors.raise("ArgumentError", "Numeric: a scale needs a precision")
  end
  if scale ~= nil then base.expect_count(scale, "the scale of Numeric", 0) end
  local made = self:_with{ precision = precision, scale = scale }
  return options.as == nil and made or made:_read_as(options.as)
end

numeric.Boolean = base.define("Boolean", {
  ddl_name = "BOOLEAN", kind = "bool", oid = 16, family = "boolean", binary = true,
})
local Boolean = getmetatable(numeric.Boolean)

function Boolean:check(value)
  if type(value) ~= "boolean" then self:_refuse(value) end
  return value
end

function Boolean:_literal(value)
  self:check(value)
  return value and "true" or "false"
end

return numeric
