--- pgvector's types and BIT: VECTOR(n), HALFVEC(n), SPARSEVEC(n), BIT(n).
-- @module pgvector.types.vector

local errors = require "pgvector.errors"
local base = require "pgvector.types.base"
local literal = require "pgvector.types.literal"
local core = require "pgvector.core"

local vector = {}

local dim_option = { dim = true }

-- The value as userdata of the type, from whatever the type accepts.
local function to_value(self, value)
  local kind = core.value_type(value)
  if kind == self.value_kind then return value end
  if kind ~= nil or type(value) == "table" or type(value) == "string" then return core[self.value_kind](value) end
  self:_refuse(value)
end

local function define(name, fields)
  fields.ddl_name = name
  fields.binary = true
  local defined = base.define(name, fields)
  local C = getmetatable(defined)

  function C:_ddl()
    return self.dim and ("%s(%d)"):format(name, self.dim) or name
  end

  function C:_configure(dim, ...)
    if select("#", ...) > 0 then errors.raise("ArgumentError", "%s takes one argument: its dimensions", name) end
    if type(dim) == "table" then dim = errors.check_options(dim, dim_option, name).dim end
    if dim == nil then return self end
    if type(dim) ~= "number" or dim ~= math.floor(dim) then
      errors.raise("ArgumentError", "%s: dimensions must be a whole number, not %s", name, base.describe(dim))
    end
    self:_check_dim(dim)
    return self:_with{ dim = math.floor(dim) }
  end

  -- the type without dimensions
  function C:_plain() return defined end

  function C:_literal(value) return literal.string(tostring(self:check(value))) end

  return defined
end

local function check_dim(self, dim)
  if dim < 1 then
    errors.raise("ArgumentError", "dimensions for type %s must be at least 1", self.kind)
  elseif dim > self.max_dim then
    errors.raise("ArgumentError", "dimensions for type %s cannot exceed %d", self.kind, self.max_dim)
  end
end

local function check_vector(self, value)
  local v = to_value(self, value)
  if self.dim and #v ~= self.dim then
    base.data_error("22000", "expected %d dimensions, not %d", self.dim, #v)
  end
  return v
end

local function define_vector(name, kind, max_dim)
  return define(name, {
    kind = kind, type_name = kind, value_kind = kind, family = "vector", max_dim = max_dim,
    _check_dim = check_dim, check = check_vector,
  })
end

vector.VECTOR = define_vector("VECTOR", "vector", 16000)
vector.HALFVEC = define_vector("HALFVEC", "halfvec", 16000)
vector.SPARSEVEC = define_vector("SPARSEVEC", "sparsevec", 1000000000)

--- A bit string. `BIT` without a length is BIT(1) to the server's DDL; as the
-- type of an expression it stands for any length.
vector.BIT = define("BIT", {
  kind = "bit", value_kind = "bit", oid = 1560, family = "bit", max_dim = 83886080,
})
local BIT = getmetatable(vector.BIT)

function BIT:_check_dim(dim)
  if dim < 1 then errors.raise("ArgumentError", "length for type bit must be at least 1") end
  if dim > self.max_dim then errors.raise("ArgumentError", "length for type bit cannot exceed %d", self.max_dim) end
end

function BIT:check(value)
  local b = to_value(self, value)
  if self.dim and #b ~= self.dim then
    base.data_error("22026", "bit string length %d does not match type bit(%d)", #b, self.dim)
  end
  return b
end

--- A bit string of at most n bits, or of any length. No index of pgvector takes it.
vector.VARBIT = define("VARBIT", {
  kind = "varbit", value_kind = "bit", oid = 1562, family = "bit", max_dim = BIT.max_dim, _check_dim = BIT._check_dim,
})
local VARBIT = getmetatable(vector.VARBIT)

function VARBIT:_bind_convert() return function(value) return self:check(value) end end

-- the core takes a length for that of every value
function VARBIT:bind_spec(name)
  local spec = base.Type.bind_spec(self, name)
  spec.dim = nil
  return spec
end

function VARBIT:check(value)
  local b = to_value(self, value)
  if self.dim and #b > self.dim then
    base.data_error("22001", "bit string too long for type bit varying(%d)", self.dim)
  end
  return b
end

return vector
