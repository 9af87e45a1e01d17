--- SELECT.
-- @module pgvector.sql.select

local chain = require "pgvector.util.chain"
local class = require "pgvector.class"
local errors = require "pgvector.errors"
local base = require "pgvector.sql.base"
local coerce = require "pgvector.sql.coerce"
local traverse = require "pgvector.sql.traverse"
local projection = require "pgvector.sql.projection"
local query = require "pgvector.sql.query"
local types = require "pgvector.types"
local from_list = require "pgvector.sql.from_list"
local heirs = require "pgvector.sql.heirs"
local core = require "pgvector.core"
require "pgvector.sql.compound"

local append, ordering = chain.append, query.ordering

local Select = class("Select", query.Query)
Select.__visit_name = "select"

local function add_heir(copy, entity)
  local list = {}
  for i, known in ipairs(copy._heirs or {}) do
    if rawequal(known, entity) then return end
    list[i] = known
  end
  list[#list + 1] = entity
  copy._heirs = list
end

-- Notes the models that inherit among what is selected or selected from, and
-- those whose attributes stand in an expression: see coerce.heir.
local function with_heirs(copy, ...)
  for i = 1, select("#", ...) do
    local item = select(i, ...)
    if coerce.is_expression(item) then
      if item.__visit_name ~= "column" then
        traverse.walk(item, function(node)
          if node._heir then add_heir(copy, node._heir) end
        end)
      elseif item._heir then
        add_heir(copy, item._heir)
      end
    elseif coerce.heir(item) then
      add_heir(copy, item)
    end
  end
  return copy
end

--- Makes a SELECT of columns, expressions, tables and models.
-- @treturn table statement
local function new(...)
  local items = projection.items("select", ...)
  return with_heirs(setmetatable({ _what = append(nil, items) }, Select), ...)
end

-- What it returns ---------------------------------------------------------------------

local function memo(self)
  local m = self._memo
  if not m then
    m = {}
    self._memo = m
  end
  return m
end

-- The selected items as the ORM wants them: see projection.entities.
function Select:_entities()
  local m = memo(self)
  if not m.entities then m.entities = projection.entities(chain.items(self._what) or {}, self._entity_columns) end
  return m.entities
end

-- The columns with their names; see projection.columns.
function Select:_selected(unique)
  local m = memo(self)
  local key = unique and "unique" or "columns"
  if not m[key] then
    local opaque
    m[key], opaque = projection.columns(self:_entities(), unique)
    m.opaque = m.opaque or opaque
  end
  return m[key]
end

-- Does some text make the columns unknown?
function Select:_is_opaque()
  self:_selected()
  return memo(self).opaque
end

-- A copy in which `fn(entity, columns)` chooses the columns of each entity.
function Select:_with_entity_columns(fn)
  local copy = self:_copy()
  copy._entity_columns = fn
  return copy
end

-- The conditions of WHERE, nil if there are none: the statement's own, and what
-- models that share a table demand of its rows. Those that are joined have that
-- in their ON.
function Select:_conditions()
  if not self._heirs then return chain.items(self._where) end
  local m = memo(self)
  if m.conditions == nil then
    local list = heirs.criteria(self)
    for _, condition in ipairs(chain.items(self._where) or {}) do list[#list + 1] = condition end
    m.conditions = #list > 0 and list or false
  end
  return m.conditions or nil
end

-- The FROM elements to write: see from_list.
function Select:_from_list()
  local m = memo(self)
  if not m.froms then m.froms, m.heirs = from_list.of_select(self, self:_entities()) end
  return m.froms
end

-- The FROM elements that the compiler writes, of those of `_from_list`: where the
-- tables of a model that inherits stand apart, they are joined (heirs.link).
-- Also the conditions for that, if it takes some.
function Select:_linked(froms)
  local entities = memo(self).heirs
  if not entities then return froms end
  return heirs.link(froms, entities, self:_from_list())
end

--- Adds columns to those selected.
-- @treturn table statement
function Select:add_columns(...)
  local items = projection.items("add_columns", ...)
  local copy = self:_copy()
  copy._what = append(self._what, items)
  return with_heirs(copy, ...)
end

--- Replaces what is selected. Of the FROM elements those stay that were joined,
-- were named by `select_from`, or are needed by a condition.
-- @treturn table statement
function Select:with_only_columns(...)
  local items = projection.items("with_only_columns", ...)
  local copy = self:_copy()
  copy._what = append(nil, items)
  if self._joins then
    copy._from, copy._joins = append(nil, from_list.explicit(self, self:_entities())), nil
    copy._settled = heirs.steps(self)
  end
  if self._heirs then copy._heirs = heirs.remaining(copy, self._heirs) end
  return with_heirs(copy, ...)
end

-- WHERE -------------------------------------------------------------------------------

--- `WHERE a AND b AND …`, added to the conditions there are.
-- @treturn table statement
function Select:where(...)
  local list = coerce.conditions("where", ...)
  local copy = self:_copy()
  copy._where = append(self._where, list)
  return copy
end

--- The same as `where`.
function Select:filter(...)
  local list = coerce.conditions("filter", ...)
  local copy = self:_copy()
  copy._where = append(self._where, list)
  return copy
end

--- `WHERE key = value AND …`, with columns named by their keys; `pg.null` is
-- IS NULL. The keys may belong to any of the statement's FROM elements.
-- @tparam table values at least one
-- @treturn table statement
function Select:filter_by(values)
  local conditions = from_list.filter_by(self, values)
  local copy = self:_copy()
  copy._where = append(self._where, conditions)
  return copy
end

--- `HAVING …`, added to the conditions there are.
-- @treturn table statement
function Select:having(...)
  local list = coerce.conditions("having", ...)
  local copy = self:_copy()
  copy._having = append(self._having, list)
  return copy
end

-- FROM --------------------------------------------------------------------------------

--- Names FROM elements that the columns do not tell.
-- @treturn table statement
function Select:select_from(...)
  local list, n = { ... }, select("#", ...)
  if n == 0 then errors.raise("ArgumentError", "select_from needs at least one table") end
  for i = 1, n do list[i] = coerce.from(list[i], "select_from") end
  local copy = self:_copy()
  copy._from = append(self._from, list)
  return with_heirs(copy, ...)
end

local function joined(self, method, left, target, condition, kind)
  local steps = from_list.join_steps(method, left, target, condition, kind)
  local copy = self:_copy()
  copy._joins = append(self._joins, steps)
  if kind == "full" then with_heirs(copy, steps[#steps].entity) end -- see heirs.criteria
  return copy
end

local join_options = { isouter = true, full = true }

local function join_kind(options, method)
  options = errors.check_options(options, join_options, method)
  return options.full and "full" or options.isouter and "left" or "inner"
end

--- `JOIN target ON condition`.
-- @param target a table, model, alias, subquery or relationship
-- @tparam[opt] table condition; without it, the foreign keys tell
-- @tparam[opt] table options `isouter = true`, `full = true`
-- @treturn table statement
function Select:join(target, condition, options)
  return joined(self, "join", nil, target, condition, join_kind(options, "join"))
end

--- `LEFT OUTER JOIN target ON condition`.
-- @treturn table statement
function Select:outerjoin(target, condition) return joined(self, "outerjoin", nil, target, condition, "left") end

--- `FULL OUTER JOIN target ON condition`.
-- @treturn table statement
function Select:full_join(target, condition) return joined(self, "full_join", nil, target, condition, "full") end

--- `left JOIN target ON condition`, where the left side must be told.
-- @treturn table statement
function Select:join_from(left, target, condition, options)
  return joined(self, "join_from", coerce.from(left, "join_from"), target, condition,
    join_kind(options, "join_from"))
end

--- Names the FROM elements of enclosing statements that this subquery refers
-- to; without arguments it refers to none and writes all its own.
-- @treturn table statement
function Select:correlate(...)
  local copy = self:_copy()
  copy._correlate = from_list.correlation("correlate", false, ...)
  return copy
end

--- Refers to all FROM elements of enclosing statements but these.
-- @treturn table statement
function Select:correlate_except(...)
  local copy = self:_copy()
  copy._correlate = from_list.correlation("correlate_except", true, ...)
  return copy
end

-- GROUP BY, DISTINCT, FOR UPDATE ---------------------------------------------------------

--- `GROUP BY …`; `group_by(pg.null)` alone removes it.
-- @treturn table statement
function Select:group_by(...)
  local copy = self:_copy()
  if select("#", ...) == 1 and (...) == core.null then
    copy._group_by = nil
  else
    local list = ordering("group_by", ...)
    copy._group_by = append(self._group_by, list)
  end
  return copy
end

--- `SELECT DISTINCT`.
-- @treturn table statement
function Select:distinct(...)
  if select("#", ...) > 0 then return self:distinct_on(...) end
  local copy = self:_copy()
  copy._distinct = true
  return copy
end

--- `SELECT DISTINCT ON (…)`.
-- @treturn table statement
function Select:distinct_on(...)
  local list = ordering("distinct_on", ...)
  local copy = self:_copy()
  copy._distinct = append(self._distinct ~= true and self._distinct or nil, list)
  return copy
end

local lock_options = { read = true, key_share = true, nowait = true, skip_locked = true, of = true }

--- `FOR UPDATE`.
-- @tparam[opt] table options `read` (FOR SHARE), `key_share`, `nowait`,
--   `skip_locked`, `of = { Item }`
-- @treturn table statement
function Select:with_for_update(options)
  options = errors.check_options(options, lock_options, "with_for_update")
  local lock = {}
  for key, value in pairs(options) do lock[key] = value end
  if lock.nowait and lock.skip_locked then
    errors.raise("ArgumentError", "with_for_update: nowait and skip_locked exclude each other")
  end
  if lock.of ~= nil then
    local list = lock.of
    if type(list) ~= "table" or coerce.try_from(list) or coerce.is_expression(list) then list = { list } end
    lock.of = {}
    for i, item in ipairs(list) do
      if coerce.is_expression(item) and item.table then item = item.table end
      lock.of[i] = coerce.from(item, "with_for_update: of")
    end
    if #lock.of == 0 then errors.raise("ArgumentError", "with_for_update: of is empty") end
  end
  local copy = self:_copy()
  copy._for_update = lock
  return copy
end

--- Text between SELECT and the columns: a `pg.text`, a key word, or a comment
-- such as `"/*+ SeqScan(t) */"`.
-- @treturn table statement
function Select:prefix_with(...)
  local list, n = { ... }, select("#", ...)
  for i = 1, n do
    local prefix = list[i]
    if type(prefix) == "string" and (prefix:find("^%a+$") or prefix:find("^/%*.*%*/$")
        and not prefix:sub(3, -3):find("*/", 1, true) and not prefix:sub(3, -3):find("/*", 1, true)) then
      list[i] = base.node{ __visit_name = "literal_column", text = prefix, type = types.NULLTYPE }
    elseif not (coerce.is_expression(prefix) and prefix.__visit_name == "text") then
      errors.raise("ArgumentError", "prefix_with: expected a comment, a key word or pg.text(…), got %s",
        coerce.describe(prefix))
    end
  end
  local copy = self:_copy()
  copy._prefixes = append(self._prefixes, list)
  return copy
end

-- The FROM elements that the conditions and columns use, for those who build
-- on the statement.
function Select:_used_froms()
  local found = {}
  for _, entity in ipairs(self:_entities()) do
    for _, column in ipairs(entity.columns) do traverse.collect_froms(column, found) end
  end
  for _, condition in ipairs(chain.items(self._where) or {}) do traverse.collect_froms(condition, found) end
  return heirs.bring(self, found)
end

class.seal(Select)

return { Select = Select, select = new }
