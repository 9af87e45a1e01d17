--- What can stand in FROM: the common base, aliases, joins, subqueries, table
-- functions.
--
-- A FROM element has ordered columns (`_columns()`) and a namespace of them,
-- `c`, in which an unknown name raises.
-- @module pgvector.sql.selectable

local class = require "pgvector.class"
local errors = require "pgvector.errors"
local element = require "pgvector.sql.element"
local coerce = require "pgvector.sql.coerce"
local joining = require "pgvector.sql.joining"
local identifiers = require "pgvector.sql.compiler.identifiers"

local selectable = {}

-- Columns and their namespace ----------------------------------------------------

--- A column of a FROM element: `key` in its namespace, `name` in SQL.
local ColumnClause = class("ColumnClause", element.ColumnElement)
ColumnClause.__visit_name = "column"
class.seal(ColumnClause)
selectable.ColumnClause = ColumnClause

--- A column by its name alone, of no table: `pg.column("total", pg.Integer)`.
-- @tparam string name
-- @tparam table type_
-- @treturn table column
function selectable.column(name, type_)
  return setmetatable({ key = name, name = name, type = type_ }, ColumnClause)
end

--- The column by which `from` shows an expression of what it wraps.
-- @tparam table from FromClause
-- @tparam string key
-- @tparam string name
-- @tparam table source the expression; a column passes on its foreign keys
-- @treturn table column
function selectable.proxy(from, key, name, source)
  local is_column = source.__visit_name == "column"
  return setmetatable({
    __visit_name = "column", key = key, name = name, type = source.type, table = from,
    foreign_keys = is_column and source.foreign_keys or nil,
    primary_key = is_column and source.primary_key or nil,
    _origin = is_column and (source._origin or source) or nil,
    _source = source,
  }, ColumnClause)
end

local function refuse_column(_, key)
  errors.raise("ArgumentError", "columns cannot be added here (setting '%s')", tostring(key))
end

--- The namespace `c` of a FROM element: `from.c.title`.
-- @tparam table from FromClause whose `_columns()` are complete
-- @treturn table
function selectable.namespace(from)
  local c = {}
  for _, column in ipairs(from:_columns()) do c[column.key] = column end
  return setmetatable(c, {
    __newindex = refuse_column,
    __index = function(_, key)
      errors.raise("ArgumentError", "%s has no column '%s'%s", from:_describe(), tostring(key),
        errors.did_you_mean(key, from:_keys()))
    end,
  })
end

-- FromClause ---------------------------------------------------------------------

local FromClause = class("FromClause", element.ClauseElement)
FromClause._is_from = true
selectable.FromClause = FromClause

-- The ordered columns. Tables override this or set `_column_list`.
function FromClause:_columns() return self._column_list end

-- The column of a key, or nil.
function FromClause:_column(key)
  return rawget(self.c, key)
end

-- The keys in order, for messages.
function FromClause:_keys()
  local keys = {}
  for i, column in ipairs(self:_columns()) do keys[i] = column.key end
  return keys
end

-- What a message calls it.
function FromClause:_describe()
  return self.name and "'" .. self.name .. "'" or self.__visit_name
end

-- The column by which this element shows `column`, or nil. It is the column
-- itself if it belongs here.
function FromClause:_corresponding(column)
  if rawequal(column.table, self) then return column end
  for _, own in ipairs(self:_columns()) do
    if rawequal(own._source, column) then return own end
  end
  local origin = column._origin or column
  for _, own in ipairs(self:_columns()) do
    if rawequal(own._origin or own, origin) then return own end
  end
end

-- Calls fn for every FROM element that this one brings into a statement.
function FromClause:_each_from(fn) fn(self) end

--- `self AS name`; without a name the compiler makes one.
-- @tparam[opt] string name
-- @treturn table alias, with columns of its own in `c`
function FromClause:alias(name)
  return selectable.Alias:_new(self, name)
end

--- `self JOIN right ON condition`.
-- @param right a table, model, alias or subquery
-- @tparam[opt] table condition; without it, the foreign keys tell
-- @tparam[opt] table options `isouter = true`, `full = true`
-- @treturn table join
function FromClause:join(right, condition, options)
  options = errors.check_options(options, { isouter = true, full = true }, "join")
  return selectable.join(self, right, condition, options.full and "full" or options.isouter and "left" or "inner")
end

--- `self LEFT OUTER JOIN right ON condition`.
function FromClause:outerjoin(right, condition) return selectable.join(self, right, condition, "left") end

--- `self FULL OUTER JOIN right ON condition`.
function FromClause:full_join(right, condition) return selectable.join(self, right, condition, "full") end

--- `self TABLESAMPLE sampling`.
-- @tparam table sampling such as `func.bernoulli(1)`
-- @tparam[opt] table options `name`, `seed`
function FromClause:tablesample(sampling, options)
  options = errors.check_options(options, { name = true, seed = true }, "tablesample")
  if not coerce.is_expression(sampling) or sampling.__visit_name ~= "function" then
    errors.raise("ArgumentError", "tablesample: expected a sampling method such as func.bernoulli(1)")
  end
  local sample = selectable.Alias:_new(self, options.name)
  sample.__visit_name = "tablesample"
  sample.sampling = sampling
  sample.seed = options.seed ~= nil and coerce.expr(options.seed, nil, "tablesample") or nil
  return sample
end

class.seal(FromClause)

-- Alias --------------------------------------------------------------------------

--- Anything under another name. Subqueries, lateral subqueries, samples and
-- table functions are aliases with another `__visit_name`.
local Alias = class("Alias", FromClause)
Alias.__visit_name = "alias"
selectable.Alias = Alias

-- Makes an alias of a FROM element or query; its columns are proxies.
function Alias:_new(source, name, columns)
  if name ~= nil then identifiers.quote(name) end
  local alias = setmetatable({ element = source, name = name }, self)
  local list = {}
  for i, column in ipairs(columns or source:_columns()) do
    list[i] = selectable.proxy(alias, column.key, column.name, column.source or column)
  end
  alias._column_list = list
  alias.c = selectable.namespace(alias)
  return alias
end

--- The same thing under another name: SQL does not allow an alias of an alias.
-- @tparam[opt] string name
-- @treturn table alias
function Alias:alias(name)
  local copy = getmetatable(self):_new(self.element, name, self:_columns())
  for field, value in pairs(self) do
    if field ~= "name" and rawget(copy, field) == nil then copy[field] = value end
  end
  return copy
end

function Alias:_describe()
  if self.name then return "'" .. self.name .. "'" end
  return self.element._is_from and "an alias of " .. self.element:_describe() or "a subquery"
end

class.seal(Alias)

--- `(SELECT …) AS name`.
local Subquery = class("Subquery", Alias)
Subquery.__visit_name = "subquery"
selectable.Subquery = Subquery

--- `LATERAL (SELECT …) AS name`.
local Lateral = class("Lateral", Alias)
Lateral.__visit_name = "lateral"
selectable.Lateral = Lateral

-- Join ---------------------------------------------------------------------------

local Join = class("Join", FromClause)
Join.__visit_name = "join"
selectable.Join = Join

function Join:_columns()
  local list = self._column_list
  if not list then
    list = {}
    for _, side in ipairs{ self.left, self.right } do
      for _, column in ipairs(side:_columns()) do list[#list + 1] = column end
    end
    self._column_list = list
  end
  return list
end

function Join:_column(key)
  for _, column in ipairs(self:_columns()) do
    if column.key == key then return column end
  end
end

function Join:_describe() return "a join" end

function Join:_each_from(fn)
  fn(self)
  self.left:_each_from(fn)
  self.right:_each_from(fn)
end

function Join:_corresponding(column)
  return self.left:_corresponding(column) or self.right:_corresponding(column)
end

--- Joins two FROM elements.
-- @param left
-- @param right
-- @tparam ?table condition
-- @tparam string kind "inner", "left" or "full"
-- @treturn table join
function selectable.join(left, right, condition, kind)
  left, right = coerce.from(left, "join"), coerce.from(right, "join")
  if condition == nil then
    condition = joining.condition(left, right)
  else
    condition = coerce.condition(condition, "join")
  end
  return setmetatable({ left = left, right = right, condition = condition, kind = kind }, Join)
end

class.seal(Join)

return selectable
