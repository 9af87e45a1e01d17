--- The column types. Every field of this module but the functions at its end
-- is a public type name (`pg.<name>`).
-- @module pgvector.types

local errors = require "pgvector.errors"
local base = require "pgvector.types.base"
local composite = require "pgvector.types.composite"
local core = require "pgvector.core"
local datetime = require "pgvector.types.datetime"
local document = require "pgvector.types.document"
local hstore = require "pgvector.types.hstore"
local numeric = require "pgvector.types.numeric"
local range = require "pgvector.types.range"
local text = require "pgvector.types.text"
local vector = require "pgvector.types.vector"

local types, public = {}, {}

for _, part in ipairs{ composite, datetime, document, hstore, numeric, range, text, vector } do
  for key, value in pairs(part) do public[key] = value end
end

public.Vector = public.VECTOR

for name, value in pairs(public) do types[name] = value end

--- The public names: what the façade offers as `pg.<name>`.
types.public = public

--- The type of a value whose type nobody told; the server infers it.
types.NULLTYPE = base.NULLTYPE

--- Is `x` a column type?
types.is_type = base.is_type

--- A type given as an argument, or an ArgumentError.
types.expect = base.expect

local value_types = {
  vector = public.VECTOR, halfvec = public.HALFVEC, sparsevec = public.SPARSEVEC, bit = public.BIT,
}

--- The type that a bare Lua value gets.
-- @param value anything but nil
-- @treturn table a type; a value without one raises
function types.of_value(value)
  local kind = type(value)
  if kind == "number" or kind == "string" or value == core.null then return base.NULLTYPE end
  if kind == "boolean" then return public.Boolean end
  local value_kind = core.value_type(value)
  if value_kind then return value_types[value_kind] end
  errors.raise("ArgumentError", "the type of %s is not known here: use pg.literal(value, type)", base.describe(value))
end

local int4_limit = 2 ^ 31

--- The type of a value that stands where the server infers nothing (a VALUES
-- list, a select list): as `of_value`, but numbers and strings have one too.
-- @param value anything but nil
-- @treturn table a type
function types.of_constant(value)
  if type(value) == "string" then return public.Text end
  if type(value) ~= "number" then return types.of_value(value) end
  if value ~= math.floor(value) or value - value ~= 0 then return public.Double end
  return value >= -int4_limit and value < int4_limit and public.Integer or public.BigInteger
end

return types
