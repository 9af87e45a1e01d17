--- UPDATE and DELETE.
-- @module pgvector.sql.update

local class = require "pgvector.class"
local errors = require "pgvector.errors"
local coerce = require "pgvector.sql.coerce"
local dml = require "pgvector.sql.dml"

local Update = class("Update", dml.Filtered)
Update.__visit_name = "update"
Update._kind = "update"

--- `UPDATE table`.
-- @param target a table or model
-- @treturn table statement
local function update(target)
  return setmetatable({
    _table = dml.target(target, "update"), _target = target, _where = dml.criteria(target),
  }, Update)
end

--- The new values, `{ title = … }`; added to those there are.
-- @tparam table values
-- @treturn table statement
function Update:values(values)
  if type(values) ~= "table" or coerce.is_expression(values) then
    errors.raise("ArgumentError", "values: expected a table, got %s", coerce.describe(values))
  end
  if next(values) == nil then errors.raise("ArgumentError", "values: the table is empty") end
  local merged = {}
  for column, node in pairs(self._set or {}) do merged[column] = node end
  for column, node in pairs(dml.row(self._table, values, "values")) do merged[column] = node end
  local copy = self:_copy()
  copy._set = merged
  return copy
end

-- `{ column, node }` in the table's order. `keys` are those of the rows to come.
function Update:_assignments(keys)
  local set = self._set or {}
  local parameters = dml.row_parameters(self._table, keys)
  local list = {}
  for _, column in ipairs(self._table:_columns()) do
    local node = parameters[column] or set[column]
    if not node and column.onupdate ~= nil and not self._has_all and (next(set) ~= nil or next(parameters) ~= nil) then
      node = dml.default(column, column.onupdate)
    end
    if node then list[#list + 1] = { column, node } end
  end
  return list
end

class.seal(Update)

local Delete = class("Delete", dml.Filtered)
Delete.__visit_name = "delete"
Delete._kind = "delete"

--- `DELETE FROM table`.
-- @param target a table or model
-- @treturn table statement
local function delete(target)
  return setmetatable({
    _table = dml.target(target, "delete"), _target = target, _where = dml.criteria(target),
  }, Delete)
end

class.seal(Delete)

return { Update = Update, Delete = Delete, update = update, delete = delete }
