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

--- The new values in an order of one's own: `:ordered_values({ "a", 1 }, { "b", 2 })`.
-- @param ... `{ column or its key, value }`
-- @treturn table statement
function Update:ordered_values(...)
  local n, values, order = select("#", ...), {}, {}
  if n == 0 then errors.raise("ArgumentError", "ordered_values needs at least one { column, value }") end
  for i = 1, n do
    local pair = select(i, ...)
    if type(pair) ~= "table" or coerce.is_expression(pair) or pair[1] == nil or pair[2] == nil then
      errors.raise("ArgumentError", "ordered_values: argument %d must be { column, value }", i)
    end
    order[i] = coerce.column_of(self._table, pair[1], "ordered_values")
    values[order[i].key] = pair[2]
  end
  local copy = self:values(values)
  copy._set_order = order
  return copy
end

-- The columns in the order in which they are set.
function Update:_set_columns()
  local columns = self._table:_columns()
  if not self._set_order then return columns end
  local list, seen = {}, {}
  for _, from in ipairs{ self._set_order, columns } do
    for _, column in ipairs(from) do
      if not seen[column] then seen[column], list[#list + 1] = true, column end
    end
  end
  return list
end

-- `{ column, node }` in the table's order unless another was told. `keys` are those of the rows to come.
function Update:_assignments(keys)
  local set = self._set or {}
  local parameters = dml.row_parameters(self._table, keys)
  local list, columns, nodes = {}, {}, {}
  for _, column in ipairs(self:_set_columns()) do
    local node = parameters[column] or set[column]
    local onupdate = dml.own_column(self._table, column).onupdate
    if not node and onupdate ~= nil and not self._has_all and (next(set) ~= nil or next(parameters) ~= nil) then
      node = dml.default(column, onupdate, { columns = columns, nodes = nodes })
    end
    if node then
      local n = #list + 1
      list[n], columns[n], nodes[n] = { column, node }, column, node
    end
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
