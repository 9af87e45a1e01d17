--- What INSERT, UPDATE and DELETE share: the table, the values, RETURNING.
-- @module pgvector.sql.dml

local chain = require "pgvector.util.chain"
local class = require "pgvector.class"
local errors = require "pgvector.errors"
local base = require "pgvector.sql.base"
local coerce = require "pgvector.sql.coerce"
local cte = require "pgvector.sql.cte"
local from_list = require "pgvector.sql.from_list"
local heirs = require "pgvector.sql.heirs"
local projection = require "pgvector.sql.projection"
local statement = require "pgvector.sql.statement"
local traverse = require "pgvector.sql.traverse"

local dml = {}

local DML = class("DML", statement.Statement)
dml.DML = DML

--- The table of `insert(x)`, `update(x)`, `delete(x)`.
-- @treturn table FromClause
function dml.target(x, where)
  local from = coerce.from(x, where)
  if from.__visit_name ~= "table" and not (from.__visit_name == "alias" and from.element.__visit_name == "table") then
    errors.raise("ArgumentError", "%s: expected a table, got %s%s", where, from:_describe(),
      from.__visit_name == "join" and ": name one table, such as Model.__table" or "")
  end
  return from
end

--- What a model that shares its table demands of the rows, as a WHERE clause.
function dml.criteria(x)
  local criterion = coerce.criterion(x)
  return criterion and chain.append(nil, { criterion })
end

--- The table's own column: that of an alias has no defaults.
-- @tparam table from what `target` gave
-- @tparam table column of it
-- @treturn table column
function dml.own_column(from, column) return from.__visit_name == "alias" and column._source or column end

-- Values -----------------------------------------------------------------------

--- The node that stands for a column's value.
function dml.value(column, value, where)
  if type(value) == "function" then
    errors.raise("ArgumentError", "%s: the value of '%s' is a function", where, column.key)
  end
  if coerce.is_expression(value) or coerce.is_query(value) then return coerce.expr(value, column.type, where) end
  if coerce.try_from(value) then
    errors.raise("ArgumentError", "%s: the value of '%s' is a table or model", where, column.key)
  end
  return base.node{ __visit_name = "bind", value = value, type = column.type, name = column.name }
end

--- A row `{ key = value }` with columns for keys and nodes for values.
-- @treturn table column → node
function dml.row(from, values, where)
  local row = {}
  for key, value in pairs(values) do
    if type(key) == "number" then
      errors.raise("ArgumentError", "%s: values are given by column, { title = … }; there is one at position %d",
        where, key)
    end
    local column = coerce.column_of(from, key, where)
    if not rawequal(column.table, from) then
      errors.raise("ArgumentError", "%s: '%s' is not a column of %s", where, column.key, from:_describe())
    end
    row[column] = dml.value(column, value, where)
  end
  return row
end

--- The node for what the library itself puts into a column: a SQL expression,
-- a value, or a function, which is called at each execution.
-- @tparam table column
-- @param default
-- @tparam table row its `columns` and their `nodes`, which may be added later
function dml.default(column, default, row)
  if coerce.is_expression(default) or coerce.is_query(default) then
    return coerce.expr(default, column.type, "default")
  end
  return base.node{ __visit_name = "bind", value = default, type = column.type, name = column.name, row = row }
end

--- Parameters for columns whose values come with each row of an execution.
-- @tparam table from the table
-- @tparam ?table keys those of the rows
-- @treturn table column → node
function dml.row_parameters(from, keys)
  local parameters = {}
  for _, key in ipairs(keys or {}) do
    local column = coerce.column_of(from, key, "execute")
    parameters[column] = base.node{
      __visit_name = "bind", key = column.key, required = true, type = column.type, name = column.name,
    }
  end
  return parameters
end

-- RETURNING --------------------------------------------------------------------

--- `RETURNING …`: columns, expressions, tables and models as in `select`.
-- @treturn table statement
function DML:returning(...)
  local items, n = projection.items("returning", ...)
  if n == 0 then errors.raise("ArgumentError", "returning needs at least one column") end
  local copy = self:_copy()
  copy._returning = chain.append(self._returning, items)
  return copy
end

function DML:_entities()
  if not self._returning then return {} end
  return projection.entities(chain.items(self._returning), self._entity_columns)
end

function DML:_with_entity_columns(fn)
  local copy = self:_copy()
  copy._entity_columns = fn
  return copy
end

-- The returned columns with their names, and whether text hides them.
function DML:_selected(unique) return projection.columns(self:_entities(), unique) end

--- The statement as a common table expression; its columns are those returned.
-- @tparam[opt] string name
-- @tparam[opt] table options
function DML:cte(name, options)
  local columns = {}
  for _, entry in ipairs(self:_selected(true)) do
    if entry.key then columns[#columns + 1] = { key = entry.key, name = entry.name, source = entry.source } end
  end
  return cte.new(self, name, options, columns)
end

class.seal(DML)

-- UPDATE and DELETE ------------------------------------------------------------

--- A statement with a WHERE clause.
local Filtered = class("Filtered", DML)
dml.Filtered = Filtered

--- `WHERE a AND b AND …`, added to the conditions there are.
-- @treturn table statement
function Filtered:where(...)
  local list = coerce.conditions("where", ...)
  local copy = self:_copy()
  copy._where = chain.append(self._where, list)
  return copy
end

--- `WHERE key = value AND …`, with columns of the statement's table, or attributes of its
-- model, by their keys.
-- @tparam table values at least one
-- @treturn table statement
function Filtered:filter_by(values)
  if type(values) ~= "table" or next(values) == nil or coerce.is_expression(values) then
    errors.raise("ArgumentError", "filter_by: expected a table with at least one column = value"
      .. " (a key whose value is nil is not there)")
  end
  local conditions, others = {}, {}
  for key in pairs(values) do
    if type(key) ~= "string" or not self._table:_column(key) then others[#others + 1] = key end
  end
  for _, column in ipairs(self._table:_columns()) do
    local value = values[column.key]
    if value ~= nil then conditions[#conditions + 1] = from_list.equality(column, value) end
  end
  if others[1] ~= nil then
    local entities = rawget(self._target, "__attribute") and { self._target } or {}
    from_list.by_attributes(conditions, entities, values, others, function(key, names)
      for _, known in ipairs(self._table:_keys()) do names[#names + 1] = known end
      errors.raise("ArgumentError", "filter_by: %s has no column '%s'%s", self._table:_describe(), tostring(key),
        errors.did_you_mean(key, names))
    end)
  end
  local copy = self:_copy()
  copy._where = chain.append(self._where, conditions)
  return copy
end

--- Allows the statement to have no condition.
-- @treturn table statement
function Filtered:all_rows()
  local copy = self:_copy()
  copy._all_rows = true
  return copy
end

--- Names further tables: `UPDATE … FROM x`, `DELETE … USING x`. Those that the
-- conditions use are found without it.
-- @treturn table statement
function Filtered:using(...)
  local list, n = { ... }, select("#", ...)
  if n == 0 then errors.raise("ArgumentError", "using needs at least one table") end
  for i = 1, n do list[i] = coerce.from(list[i], "using") end
  local copy = self:_copy()
  copy._using = chain.append(self._using, list)
  return copy
end

-- The FROM elements beside the table itself, and the conditions that tie the
-- tables of a model that inherits to it: see heirs.link.
function Filtered:_extra_froms()
  local found = { [self._table] = true }
  for _, from in ipairs(chain.items(self._using) or {}) do
    if not found[from] then
      found[#found + 1] = from
      from:_each_from(function(part) found[part] = true end)
    end
  end
  for _, column in ipairs(self._table:_columns()) do
    local node = self._set and self._set[column]
    if node then traverse.collect_froms(node, found) end
  end
  for _, condition in ipairs(chain.items(self._where) or {}) do traverse.collect_froms(condition, found) end
  if found.heirs then return heirs.link(found, found.heirs, { self._table }) end
  return found
end

class.seal(Filtered)

return dml
