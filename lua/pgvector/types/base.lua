--- What a column type is: an immutable object that knows its DDL name, how a
-- value is sent, and how one is read.
--
-- `pg.Text` is the type without arguments; calling it makes another type
-- (`pg.String(50)`), and without arguments gives the same one back.
-- @module pgvector.types.base

local class = require "pgvector.class"
local errors = require "pgvector.errors"
local literal = require "pgvector.types.literal"
local core = require "pgvector.core"

local base = {}

local Type = class("Type")
base.Type = Type

-- Defaults of a type; a definition below overrides what differs.
Type.family = "other"
Type.binary = false
Type.sees_null = false -- are its functions called for NULL, too?
Type.loose = false -- may the server take values for equal whose keys (see _key) differ?
Type.incomplete = false -- how it is written, if it is none without arguments

function Type:__tostring() return self:_ddl() end

function Type:__call(...) return self:_configure(...) end

function Type:__newindex(key)
  errors.raise("InvalidRequestError", "a type cannot be changed (setting '%s' of %s)", tostring(key), self:_ddl())
end

-- The name in DDL and in casts; what has a schema has the one that stands in for
-- it by a map (`map:translate(schema)`), if there is one.
function Type:_ddl() return self.ddl_name end

-- Makes the type that a call with arguments means.
function Type:_configure(...)
  if select("#", ...) > 0 then
    errors.raise("ArgumentError", "type %s takes no arguments", self.public_name)
  end
  return self
end

-- The type with values read in another form: the option `as` of a column.
function Type:_read_as(as)
  errors.raise("ArgumentError", "as = %s: type %s has one form only", base.describe(as), tostring(self))
end

-- A copy of the type with other fields.
function Type:_with(fields)
  local copy = {}
  for key, value in pairs(self) do copy[key] = value end
  for key, value in pairs(fields) do copy[key] = value end
  return setmetatable(copy, getmetatable(self))
end

--- How a value of the type is sent: what `core.encoder` takes.
-- @tparam[opt] string name the column's or parameter's name, for messages
-- @treturn table `{ kind=, oid=, dim=, convert=, null=, type=, name= }`
function Type:bind_spec(name)
  return {
    kind = self.bind_kind or self.kind, oid = self.oid, dim = self.dim,
    convert = self:_bind_convert(), null = self.sees_null, type = self, name = name,
  }
end

--- How a value of the type is read: what `core.decoder` takes.
-- @treturn table `{ kind=, convert=, null= }`
function Type:result_spec()
  return { kind = self.result_kind or self.kind, convert = self:_result_convert(), null = self.sees_null }
end

-- The function that a value passes before it is sent, after it was read. NULL is
-- `pg.null` for those that see it, and it may come out as that or as nil.
function Type:_bind_convert() return nil end
function Type:_result_convert() return nil end

--- Checks a value as far as that is possible without the server; a value that
-- does not fit raises a DataError with the server's SQLSTATE.
-- @param value anything but NULL
-- @return the value
function Type:check(value) return value end

-- A text that is the same for equal values, in whatever form they are given: 5
-- and "5", a date and its seconds. It is for telling rows apart, not for SQL.
function Type:_key(value)
  value = self:check(value)
  return type(value) == "number" and literal.digits(value) or tostring(value)
end

--- A value as a constant in SQL text. Types that name a type in it take a schema
-- map as second argument.
-- @param value a value of the type, or `pg.null`
-- @treturn string
function Type:literal(value)
  if value == nil or value == core.null then return "NULL" end
  local convert = self:_bind_convert()
  if convert then value = convert(value) end
  return self:_literal(value)
end

function Type:_literal(value)
  local kind = type(value)
  if kind == "number" then return literal.number(value) end
  if kind == "boolean" then return value and "true" or "false" end
  if kind == "string" then return literal.string(value) end
  self:_refuse(value)
end

-- The type that a bare Lua value gets beside an expression of this type.
function Type:_for_operand() return self end

-- Raises for a value that the type cannot hold.
function Type:_refuse(value, sqlstate)
  error(errors.new("DataError", ("%s is not a value for type %s"):format(base.describe(value), tostring(self)),
    { sqlstate = sqlstate or "22P02" }), 0)
end

--- A value as messages show it: short, and never a whole document.
-- @treturn string
function base.describe(value)
  if type(value) == "string" then
    if #value > 40 then value = value:sub(1, 37) .. "..." end
    return '"' .. value .. '"'
  end
  if type(value) == "number" then return literal.digits(value) end
  if type(value) == "boolean" then return tostring(value) end
  return "a " .. class.describe(value)
end

--- Raises a DataError.
-- @tparam string sqlstate
-- @tparam string format as for string.format
function base.data_error(sqlstate, format, ...)
  error(errors.new("DataError", format:format(...), { sqlstate = sqlstate }), 0)
end

--- Defines a type.
-- @tparam string name its public name (`pg.<name>`)
-- @tparam table fields `ddl_name`, `kind`, `oid`, `family`, … and methods
-- @tparam[opt] table parent the type (not class) it resembles
-- @treturn table the type without arguments
function base.define(name, fields, parent)
  local C = class(name, parent and getmetatable(parent) or Type)
  C.public_name = name
  for key, value in pairs(fields) do C[key] = value end
  return setmetatable({}, C)
end

--- Do two types, which nobody can change, say the same?
-- @treturn boolean
function base.same(a, b)
  if rawequal(a, b) then return true end
  if getmetatable(a) ~= getmetatable(b) then return false end
  for key, value in next, a do
    local other = rawget(b, key)
    if value ~= other and not (base.is_type(value) and base.is_type(other) and base.same(value, other)) then
      return false
    end
  end
  for key in next, b do
    if rawget(a, key) == nil then return false end
  end
  return true
end

--- Is `x` a type?
-- @treturn boolean
function base.is_type(x) return class.is(x, Type) end

--- A type given as an argument, or an error that says where it is missing.
-- @param x what was given
-- @tparam string where what the message calls the place
-- @treturn table the type
function base.expect(x, where)
  if not class.is(x, Type) then
    errors.raise("ArgumentError", "%s: expected a type such as pg.Text, got %s", where, class.describe(x))
  elseif x.incomplete then
    errors.raise("ArgumentError", "%s: %s needs arguments: %s", where, x.public_name, x.incomplete)
  end
  return x
end

--- A length, precision or dimension given as an argument.
-- @param n what was given
-- @tparam string where what the message calls it
-- @tparam integer least
-- @treturn number n
function base.expect_count(n, where, least)
  if type(n) ~= "number" or n ~= math.floor(n) or n < least or n - n ~= 0 then
    errors.raise("ArgumentError", "%s must be a whole number of at least %d, not %s", where, least, base.describe(n))
  end
  return n
end

--- How the ORM notices that a table was changed: `"reassign"` means only by
-- assignment, nil also inside it.
-- @param track what was given
-- @tparam string name of the type
-- @return track
function base.expect_track(track, name)
  if track ~= nil and track ~= "reassign" then
    errors.raise("ArgumentError", "%s: track = %s, expected \"reassign\"", name, base.describe(track))
  end
  return track
end

--- The type of a value whose type nobody told: the server infers it.
base.NULLTYPE = base.define("NullType", { ddl_name = "NULL", kind = "unknown", family = "unknown" })

return base
