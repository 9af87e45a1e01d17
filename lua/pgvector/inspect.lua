--- `pg.inspect(x)`: what is known of something.
--
-- What can be inspected says so by its metatable, in the raw field `_inspect`: a
-- function `(x)` that returns what is known.
-- @module pgvector.inspect

local class = require "pgvector.class"
local errors = require "pgvector.errors"

--- Looks into an instance of a model, or a model.
-- @param x an instance: its state; a model: what it maps
-- @return an object that depends on `x`
local function inspect(x)
  local mt = getmetatable(x)
  local of = type(x) == "table" and type(mt) == "table" and rawget(mt, "_inspect")
  if of then return of(x) end
  errors.raise("ArgumentError", "inspect: nothing is known of a %s", class.describe(x))
end

return { inspect = inspect }
