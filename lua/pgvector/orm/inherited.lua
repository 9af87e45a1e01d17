--- The columns of a model that inherits, as its attributes: `Dog.name` is the
-- column of the animals' table, but a select of it is one of dogs.
--
-- Such a column is a copy that tells what it stands for in `_mapped` (and, like
-- any column that shows another, in `_origin`) and whose it is in `_heir`.
-- @module pgvector.orm.inherited

local class = require "pgvector.class"
local column = require "pgvector.sql.column"

require "pgvector.orm.instance" -- a subclass has what its base has at that moment

local InheritedColumn = class("Column", column.Column)

local inherited = {}

--- The attribute of a model.
-- @tparam Model|table model one that inherits
-- @tparam Column mapped a column of its mapper
-- @treturn Column the same at each call
function inherited.column(model, mapped)
  local mapper = rawget(model, "__mapper")
  local known = mapper._inherited or {}
  mapper._inherited = known
  if not known[mapped] then
    local copy = {}
    for field, value in pairs(mapped) do copy[field] = value end
    copy._mapped, copy._origin, copy._heir = mapped, mapped, model
    known[mapped] = setmetatable(copy, InheritedColumn)
  end
  return known[mapped]
end

return inherited
