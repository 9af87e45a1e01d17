--- Optimistic versions: a column that every UPDATE counts up and compares, or
-- the server's own `xmin`, so that nobody overwrites what somebody else wrote.
-- @module pgvector.orm.version

local class = require "pgvector.class"
local compat = require "pgvector.compat"
local errors = require "pgvector.errors"
local selectable = require "pgvector.sql.selectable"
local types = require "pgvector.types"

--- A column that counts.
local Version = class("Version")

--- The value of a new row; nil: the server gives it.
function Version:first() return 1 end

--- The value after this one.
function Version:next(value)
  if not compat.is_integral(value) then
    errors.raise("InvalidRequestError", "version '%s': expected a whole number, got %s", self.key, tostring(value))
  end
  return value + 1
end

--- The column, or what is compared in its place.
function Version:compared() return self.column end
class.seal(Version)

--- The transaction that wrote the row last. It is loaded like a property that
-- is an expression, but it is no attribute.
local Xmin = class("Xmin", Version)
Xmin._is_expression_property = true
Xmin.deferred = false
Xmin.type = types.Text

function Xmin:expression(from)
  local shown = from.__visit_name == "subquery" and from:_column(self.key)
  if shown then return shown end
  local column = selectable.column("xmin", types.NULLTYPE)
  column.table = from.__visit_name == "join" and self.table or from
  return column:cast(types.Text):label(self.key)
end

function Xmin:first() return nil end
function Xmin:next() return nil end
function Xmin:compared() return self:expression(self.table).element end
class.seal(Xmin)

local version = {}

--- Gives a mapper a version.
-- @tparam Mapper mapper
-- @tparam string|Column given an attribute, or "xmin"
function version.attach(mapper, given)
  if given == "xmin" and mapper.by_key.xmin == nil then
    mapper.version = setmetatable({ key = "__xmin", table = mapper.root.table }, Xmin)
    mapper.expressions[#mapper.expressions + 1] = mapper.version
    return
  end
  local column = mapper:_column_named(given, "version_id")
  if column.type.family ~= "integer" then
    errors.raise("ArgumentError", "model '%s': version_id: '%s' must be an integer; or give \"xmin\"", mapper.name,
      column.key)
  end
  mapper.version = setmetatable({ column = column, key = column.key, table = column.table }, Version)
end

return version
