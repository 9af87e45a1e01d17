--- INSERT.
-- @module pgvector.sql.insert

local chain = require "pgvector.util.chain"
local class = require "pgvector.class"
local compat = require "pgvector.compat"
local errors = require "pgvector.errors"
local base = require "pgvector.sql.base"
local coerce = require "pgvector.sql.coerce"
local dml = require "pgvector.sql.dml"
local select_ = require("pgvector.sql.select").select
local selectable = require "pgvector.sql.selectable"
local identifiers = require "pgvector.sql.compiler.identifiers"

local Insert = class("Insert", dml.DML)
Insert.__visit_name = "insert"
Insert._kind = "insert"

--- `INSERT INTO table`.
-- @param target a table or model. A model whose rows tell by a column that they
--   are its own has that column and the value in its raw field `__identity`
-- @treturn table statement
local function new(target)
  return setmetatable({
    _table = dml.target(target, "insert"), _target = target, _identity = rawget(target, "__identity"),
  }, Insert)
end

local function is_rows(values)
  local first = values[1]
  return type(first) == "table" and not coerce.is_expression(first)
end

-- A list of rows: its length is that of the call, or its last row's place.
local function list_of_rows(from, values)
  local last, rows = 0, {}
  for key in pairs(values) do
    if key == "n" and type(values.n) == "number" then
      last = math.max(last, values.n)
    elseif type(key) ~= "number" then
      errors.raise("ArgumentError", "values: a list of rows has a field '%s'", tostring(key))
    else
      last = math.max(last, key)
    end
  end
  for i = 1, last do
    local row = values[i]
    if type(row) ~= "table" then errors.raise("ArgumentError", "values: row %d is %s", i, coerce.describe(row)) end
    rows[i] = dml.row(from, row, "values")
  end
  return rows
end

--- The values: one row `{ title = … }`, or a sequence of rows. A key that a
-- row of several lacks means DEFAULT; `pg.null` means NULL. Of a second call the
-- values are added: those of one row to a row that was given as one, rows behind
-- the rows there are.
-- @tparam table values
-- @treturn table statement
function Insert:values(values, ...)
  if type(values) ~= "table" or coerce.is_expression(values) then
    errors.raise("ArgumentError", "values: expected a table, got %s", coerce.describe(values))
  end
  if self._select then errors.raise("InvalidRequestError", "values: the statement inserts from a select") end
  local more = select("#", ...)
  if more > 0 then values = { n = more + 1, values, ... } end
  local copy, former = self:_copy(), self._rows
  if is_rows(values) then
    copy._rows, copy._one_row = chain.append(former, list_of_rows(self._table, values)), nil
    return copy
  end
  local row = dml.row(self._table, values, "values")
  if self._one_row then
    local merged = {}
    for column, node in pairs(self._one_row) do merged[column] = node end
    for column, node in pairs(row) do merged[column] = node end
    former, row = nil, merged
  end
  copy._rows, copy._one_row = chain.append(former, { row }), not former and row or nil
  return copy
end

--- `INSERT INTO table (…) SELECT …`.
-- Columns that are not named but have a `default` are added, with the default in
-- every row; a function is called once.
-- @tparam table names columns or their keys, in the select's order
-- @tparam table query
-- @tparam[opt] table options `include_defaults = false`: the named columns alone
-- @treturn table statement
function Insert:from_select(names, query, options)
  options = errors.check_options(options, { include_defaults = true }, "from_select")
  if type(names) ~= "table" or #names == 0 then
    errors.raise("ArgumentError", "from_select: expected a sequence of columns, then the select")
  end
  if not coerce.is_query(query) then
    errors.raise("ArgumentError", "from_select: expected a select, got %s", coerce.describe(query))
  end
  if self._rows then errors.raise("InvalidRequestError", "from_select: the statement has values already") end
  local columns = {}
  for i, name in ipairs(names) do columns[i] = coerce.column_of(self._table, name, "from_select") end
  local width = #query:_selected()
  if width ~= #columns then
    errors.raise("ArgumentError", "from_select: %d columns are named, the select has %d", #columns, width)
  end
  local copy = self:_copy()
  copy._select, copy._select_columns = query, columns
  copy._select_alone = options.include_defaults == false or nil
  return copy
end

-- ON CONFLICT --------------------------------------------------------------------

-- Columns, their keys, or expressions of the index.
local function index_elements(self, list)
  if coerce.is_expression(list) or type(list) == "string" then list = { list } end
  if type(list) ~= "table" or #list == 0 then
    errors.raise("ArgumentError", "on_conflict: index_elements must be a sequence of columns")
  end
  local elements = {}
  for i, item in ipairs(list) do
    if type(item) == "string" then
      elements[i] = coerce.column_of(self._table, item, "on_conflict: index_elements")
    elseif coerce.is_expression(item) then
      elements[i] = item
    else
      errors.raise("ArgumentError", "on_conflict: index element %d is %s", i, coerce.describe(item))
    end
  end
  return elements
end

local function condition_list(conditions, where)
  if conditions == nil then return nil end
  if type(conditions) == "table" and not coerce.is_expression(conditions) and #conditions > 0 then
    local list = {}
    for i, condition in ipairs(conditions) do list[i] = coerce.condition(condition, where) end
    return list
  end
  return { coerce.condition(conditions, where) }
end

-- What may conflict: an index by its elements, or a constraint by name.
local function arbiter(self, options)
  if options.constraint ~= nil and options.index_elements ~= nil then
    errors.raise("ArgumentError", "on_conflict: constraint and index_elements exclude each other")
  end
  local conflict = {}
  if options.constraint ~= nil then
    local name = options.constraint
    if type(name) == "table" then name = name.name end
    identifiers.quote(name)
    conflict.constraint = name
  elseif options.index_elements ~= nil then
    conflict.elements = index_elements(self, options.index_elements)
  end
  return conflict
end

local nothing_options = { index_elements = true, constraint = true, where = true, index_where = true }
local update_options = { index_elements = true, constraint = true, set = true, where = true, index_where = true }

--- `ON CONFLICT … DO NOTHING`.
-- @tparam[opt] table options `index_elements`, `constraint`, `where` (of a partial index)
-- @treturn table statement
function Insert:on_conflict_do_nothing(options)
  options = errors.check_options(options, nothing_options, "on_conflict_do_nothing")
  local conflict = arbiter(self, options)
  conflict.index_where = condition_list(options.index_where or options.where, "on_conflict_do_nothing")
  if conflict.index_where and not conflict.elements then
    errors.raise("ArgumentError", "on_conflict_do_nothing: where needs index_elements")
  end
  local copy = self:_copy()
  copy._conflict = conflict
  return copy
end

-- `{ title = … }`, or a sequence of columns to be set as the row said.
local function conflict_set(self, set)
  if type(set) ~= "table" or next(set) == nil or coerce.is_expression(set) then
    errors.raise("ArgumentError", "on_conflict_do_update: set must be a table of values by column")
  end
  local values, list = {}, {}
  for key, value in pairs(set) do
    if type(key) == "number" then
      local column = coerce.column_of(self._table, value, "on_conflict_do_update: set")
      values[column.key] = self.excluded[column.key]
    else
      values[key] = value
    end
  end
  local row = dml.row(self._table, values, "on_conflict_do_update: set")
  for _, column in ipairs(self._table:_columns()) do
    if row[column] then list[#list + 1] = { column, row[column] } end
  end
  return list
end

--- `ON CONFLICT … DO UPDATE SET …`. The row that was refused is `excluded`.
-- @tparam table options `index_elements` or `constraint`; `set`; `where`: only
--   rows that satisfy it are updated; `index_where`: of a partial index
-- @treturn table statement
function Insert:on_conflict_do_update(options)
  options = errors.check_options(options, update_options, "on_conflict_do_update")
  local conflict = arbiter(self, options)
  if not conflict.elements and not conflict.constraint then
    errors.raise("ArgumentError", "on_conflict_do_update needs index_elements or constraint")
  end
  conflict.index_where = condition_list(options.index_where, "on_conflict_do_update")
  conflict.set = conflict_set(self, options.set)
  conflict.where = condition_list(options.where, "on_conflict_do_update")
  local copy = self:_copy()
  copy._conflict = conflict
  return copy
end

-- What the compiler writes -----------------------------------------------------------

-- With `_has_all` the values are all there is to set: whoever gave them has
-- seen to the defaults.

-- What a column of the table, or of its alias, gets where nothing is told.
local function default_of(self, column)
  if self._identity and rawequal(self._identity[1], column) then return self._identity[2] end
  if self._has_all or self._select_alone then return nil end
  return dml.own_column(self._table, column).default
end

-- The columns to insert, in the table's order, and for each row a node for
-- each column. `keys` are those of the rows to come.
function Insert:_assignments(keys)
  local given = chain.items(self._rows) or {}
  local parameters = dml.row_parameters(self._table, keys)
  local columns, rows = {}, {}
  local count = math.max(#given, 1)
  for i = 1, count do rows[i] = {} end
  for _, column in ipairs(self._table:_columns()) do
    local default = default_of(self, column)
    local present = parameters[column] ~= nil or default ~= nil
    for i = 1, #given do present = present or given[i][column] ~= nil end
    if present then
      local n = #columns + 1
      columns[n] = column
      for i = 1, count do
        local node = parameters[column] or (given[i] and given[i][column])
        if not node and default ~= nil then
          node = dml.default(column, default, { columns = columns, nodes = rows[i] })
        end
        rows[i][n] = node or base.DEFAULT
      end
    end
  end
  return columns, rows
end

-- The select with more columns, of values that are the same in every row. Where
-- these could change which rows there are, it becomes a subquery.
local function extended(self, query, nodes)
  if query.__visit_name == "compound" or query._distinct then
    local rows = query:subquery()
    if #rows:_columns() < #query:_selected() then
      errors.raise("InvalidRequestError", "from_select: %s has defaults, which cannot be added to columns without "
        .. "names: name those, or give the option include_defaults = false", self._table:_describe())
    end
    query = select_(rows)
  end
  return query:add_columns(compat.unpack(nodes))
end

-- The columns of INSERT … SELECT and the select, with the defaults of the others.
function Insert:_select_with_defaults()
  local named, columns, nodes, all = {}, {}, {}, {}
  for i, column in ipairs(self._select_columns) do named[column], all[i] = true, column end
  for _, column in ipairs(self._table:_columns()) do
    local default = default_of(self, column)
    if default ~= nil and not named[column] then
      local n = #nodes + 1
      nodes[n] = dml.default(column, default, { columns = columns, nodes = nodes })
      columns[n], all[#all + 1] = column, column
    end
  end
  if #nodes == 0 then return all, self._select end
  return all, extended(self, self._select, nodes)
end

class.seal(Insert)

-- `ins.excluded.title` is the value of the row that was refused.
local class_index = Insert.__index
function Insert.__index(self, key)
  if key == "excluded" then
    local excluded = selectable.Alias:_new(rawget(self, "_table"), "excluded").c
    rawset(self, "excluded", excluded)
    return excluded
  end
  return class_index[key]
end

return { Insert = Insert, insert = new }
