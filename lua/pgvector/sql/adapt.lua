--- Expressions about some FROM elements, made to be about others: what was said
-- of a table, said of an alias of it. Subqueries go along as far as they refer
-- to the statement around them; a table that they read themselves stays what it is.
-- @module pgvector.sql.adapt

local base = require "pgvector.sql.base"
local chain = require "pgvector.util.chain"
local coerce = require "pgvector.sql.coerce"
local correlation = require "pgvector.sql.compiler.correlation"
local selectable = require "pgvector.sql.selectable"
local traverse = require "pgvector.sql.traverse"

local adapt = {}

-- A scope is what columns mean inside one statement: `columns`, FROM element →
-- function `(column)` that gives what stands for it there; `sets`, what that
-- statement and those around it read, from the inside out; `known`, old node or
-- FROM element → new one; `used`, the FROM elements that came in (sequence and set);
-- `changed`, whether anything was replaced.

local function scope_of(columns, sets)
  return { columns = columns, sets = sets, known = {}, used = {}, changed = false }
end

local query

local function column_within(column, scope)
  local fn = column.table and scope.columns[column.table]
  local other = fn and fn(column)
  if not other or rawequal(other, column) then return nil end
  scope.changed = true
  traverse.collect_froms(other, scope.used)
  return other
end

local expression

-- A node without its note of a model that inherits (see coerce.heir), if it is no
-- longer about that; or nil.
local function without_heir(node, scope)
  local heir = rawget(node, "_heir")
  if not heir or not scope.columns[rawget(heir, "__clause")] then return nil end
  local bare = base.with(node, {})
  bare._heir = nil
  scope.known[node] = expression(bare, scope)
  return scope.known[node]
end

-- An expression within a scope.
function expression(node, scope)
  return traverse.replace(node, function(part)
    local name = part.__visit_name
    if name == "column" then return column_within(part, scope) end
    local bare = without_heir(part, scope)
    if bare then return bare end
    if name == "scalar_select" or name == "exists" then
      local element = query(part.element, scope)
      return rawequal(element, part.element) and part or base.with(part, { element = element })
    elseif name == "select" or name == "compound" then -- of ANY and ALL
      return query(part, scope)
    end
  end, scope.known)
end

-- A sequence in which `fn(item, scope)` made something of each item; the same one
-- if that is the same for all.
local function each(list, fn, scope)
  local new, changed = {}, false
  for i, item in ipairs(list) do
    new[i] = fn(item, scope)
    changed = changed or not rawequal(new[i], item)
  end
  return changed and new or list
end

-- FROM elements -------------------------------------------------------------------

-- A FROM element with some fields changed, with columns of its own; notes in the
-- scope of the statement that reads it what its columns have become.
local function restated(from, changes, inner)
  local copy = base.with(from, changes)
  local names = coerce.is_query(changes.element) and changes.element:_exported()
  local list, other = {}, {}
  for i, column in ipairs(from:_columns()) do
    list[i] = selectable.proxy(copy, column.key, names and names[i].name or column.name, column._source)
    other[column] = list[i]
  end
  copy._column_list = list
  copy.c = selectable.namespace(copy)
  inner.columns[from] = function(column) return other[column] end
  return copy
end

local from_element

-- What changes in a FROM element by its kind: a function `(from, inner, outer)`,
-- where `inner` is the scope of the statement that reads it, `outer` the one around.
local kinds = {}

function kinds.subquery(from, _, outer) return { element = query(from.element, outer, "from") } end

function kinds.lateral(from, inner) return { element = query(from.element, inner, "lateral") } end

-- Only one in the WITH clause of the statement itself can refer to what is around.
function kinds.cte(from, _, outer)
  if not from.nesting or from.recursive then return {} end
  return { element = query(from.element, outer, "nested") }
end

function kinds.alias(from, inner, outer) return { element = from_element(from.element, inner, outer) } end

function kinds.tablesample(from, inner, outer)
  return { element = from_element(from.element, inner, outer), sampling = expression(from.sampling, inner),
    seed = from.seed and expression(from.seed, inner) }
end

function kinds.table_function(from, inner) return { element = expression(from.element, inner) } end

function kinds.values(from, inner)
  return { rows = each(from.rows, function(row) return each(row, expression, inner) end) }
end

local function join(from, inner, outer)
  local left, right = from_element(from.left, inner, outer), from_element(from.right, inner, outer)
  local condition = expression(from.condition, inner)
  if rawequal(left, from.left) and rawequal(right, from.right) and rawequal(condition, from.condition) then
    return from
  end
  return selectable.join(left, right, condition, from.kind)
end

function from_element(from, inner, outer)
  local name = from.__visit_name
  if name == "join" then return join(from, inner, outer) end
  if inner.known[from] then return inner.known[from] end
  local changed = false
  local changes = kinds[name] and kinds[name](from, inner, outer) or {}
  for field, value in pairs(changes) do changed = changed or not rawequal(value, from[field]) end
  if not changed then return from end
  inner.known[from] = restated(from, changes, inner)
  return inner.known[from]
end

-- Queries -------------------------------------------------------------------------

-- The fields that hold a chain of expressions, beside the select list and WHERE.
local lists = { "_having", "_group_by", "_order_by", "_distinct" }

local function with_limits(copy, scope)
  if copy._limit then copy._limit = expression(copy._limit, scope) end
  if copy._offset then copy._offset = expression(copy._offset, scope) end
  local fetch = copy._fetch
  if fetch then copy._fetch = { count = expression(fetch.count, scope), with_ties = fetch.with_ties } end
end

-- The selected items. A table or a model stands for its columns, and becomes
-- those if they are no longer the same.
local function selected(stmt, inner)
  local items, entities = {}, stmt:_entities()
  for i, item in ipairs(chain.items(stmt._what) or {}) do
    local columns = entities[i].columns
    local adapted = each(columns, expression, inner)
    if rawequal(adapted, columns) then adapted = { item } end
    for _, column in ipairs(adapted) do items[#items + 1] = column end
  end
  return chain.append(nil, items)
end

-- What a SELECT says that it shares, with what has come in there.
local function correlated(wanted, inner)
  if not wanted or wanted.except then return wanted end
  local set = {}
  for from in pairs(wanted.set) do set[from] = true end
  for _, from in ipairs(inner.used) do set[from] = true end
  return { set = set, except = false }
end

local function locking(lock, inner)
  if not lock or not lock.of then return lock end
  local copy = {}
  for key, value in pairs(lock) do copy[key] = value end
  copy.of = each(lock.of, function(from) return inner.known[from] or from end)
  return copy
end

-- The scope of a SELECT that writes these FROM elements.
local function inside(outer, froms)
  local own, columns = correlation.parts(froms), {}
  for from, fn in pairs(outer.columns) do
    if not own[from] then columns[from] = fn end
  end
  local sets = { own }
  for i, set in ipairs(outer.sets) do sets[i + 1] = set end
  return scope_of(columns, sets)
end

-- A SELECT within a scope. Its FROM clause is settled, with all joins and models
-- that inherit: what it shares with the scope is no longer there.
local function select_within(stmt, outer, mode)
  local froms = correlation.written(stmt, stmt:_from_list(), outer.sets, mode)
  local inner = inside(outer, froms)
  local settled = each(froms, function(from) return from_element(from, inner, outer) end)
  if next(inner.columns) == nil and rawequal(settled, froms) then return stmt end
  local copy = stmt:_copy()
  copy._what = selected(stmt, inner)
  copy._from, copy._joins, copy._heirs = chain.append(nil, settled), nil, nil
  copy._where = chain.append(nil, each(stmt:_conditions() or {}, expression, inner))
  for _, field in ipairs(lists) do
    local list = copy[field]
    if list and list ~= true then copy[field] = chain.append(nil, each(chain.items(list), expression, inner)) end
  end
  with_limits(copy, inner)
  if not inner.changed and rawequal(settled, froms) then return stmt end
  copy._correlate, copy._for_update = correlated(stmt._correlate, inner), locking(stmt._for_update, inner)
  return copy
end

-- A set operation is ordered by names, which stay what they are.
local function compound_within(stmt, scope, mode)
  local copy = stmt:_copy()
  copy._arms = each(stmt._arms, function(arm) return query(arm, scope, mode) end)
  local changed = scope.changed
  scope.changed = false
  with_limits(copy, scope)
  local same = rawequal(copy._arms, stmt._arms) and not scope.changed
  scope.changed = scope.changed or changed
  if same then return stmt end
  if stmt._order_by then
    copy._order_by = chain.append(nil,
      each(chain.items(stmt._order_by), function(item) return stmt:_by_output_name(item) end))
  end
  return copy
end

-- A query within the scope of the statement around it; `mode` as for the compiler.
function query(stmt, scope, mode)
  local within
  if stmt.__visit_name == "select" then
    within = select_within(stmt, scope, mode)
  elseif stmt.__visit_name == "compound" then
    within = compound_within(stmt, scope, mode)
  else
    return stmt -- text
  end
  scope.changed = scope.changed or not rawequal(within, stmt)
  return within
end

-- Entry points --------------------------------------------------------------------

local function scope_over(froms, fn)
  local columns = {}
  for _, from in ipairs(froms) do
    from:_each_from(function(part) columns[part] = fn end)
  end
  return scope_of(columns, { columns })
end

--- An expression with other columns in it.
-- @tparam table node
-- @tparam table froms sequence of the FROM elements that it is about
-- @tparam function fn `(column)` → the expression in place of a column of theirs,
--   or nil
-- @treturn table node; what does not change is shared with the original
function adapt.columns(node, froms, fn) return expression(node, scope_over(froms, fn)) end

local weak = { __mode = "k" }

--- An expression about one FROM element, made to be about another that shows its
-- columns. Of the same node the same becomes each time.
-- @tparam table node
-- @tparam table source
-- @tparam table from
-- @treturn table node
function adapt.to(node, source, from)
  if rawequal(source, from) then return node end
  local scopes = from._adapted
  if not scopes or not rawequal(scopes.of, from) then -- it may be a copy, with those of the original
    scopes = { of = from }
    from._adapted = scopes
  end
  local scope = scopes[source]
  if not scope then
    scope = scope_over({ source }, function(column) return from:_corresponding(column) end)
    scope.known = setmetatable({}, weak)
    scopes[source] = scope
  end
  return expression(node, scope)
end

return adapt
