--- Visitors for SELECT, set operations and WITH.
-- @module pgvector.sql.compiler.select

local chain = require "pgvector.util.chain"
local correlation = require "pgvector.sql.compiler.correlation"
local errors = require "pgvector.errors"
local identifiers = require "pgvector.sql.compiler.identifiers"
local demanded = require("pgvector.sql.compiler.from").demanded

local visit = {}

local quote = identifiers.quote

-- A frame is what names mean inside one statement: `froms`, the FROM elements;
-- `labels`, label → name; `names`, output name → what is selected; `parent`, the frame
-- around it that a correlated subquery may refer to.

local empty = {}

local function push_frame(c, froms, columns)
  local labels, names = empty, empty
  if columns then
    for i = 1, #columns do
      local entry = columns[i]
      if entry.alias then
        if labels == empty then labels, names = {}, {} end
        labels[entry.expr], names[entry.alias] = entry.alias, entry.expr
      end
    end
  end
  local outer = c.frame
  c.frame = { froms = froms, labels = labels, names = names, parent = outer }
  return outer
end

-- The FROM elements that a nested SELECT writes itself; see correlation.
local function correlated(c, statement, froms, mode)
  local frame = c.frame
  if not frame or not correlation.possible(statement, froms, mode) then return froms end
  local sets = {}
  while frame do
    frame.set = frame.set or correlation.parts(frame.froms)
    sets[#sets + 1] = frame.set
    frame = frame.parent
  end
  return correlation.written(statement, froms, sets, mode)
end

-- Writes the select list. An entry's `alias` is the name after AS.
local function select_list(c, columns)
  for i = 1, #columns do
    if i > 1 then c:write(", ") end
    local entry = columns[i]
    c:constant(entry.expr)
    if entry.alias then
      c:write(" AS ")
      c:write(quote(entry.alias))
    end
  end
end

visit.select_list = select_list

local function clause(c, keyword, list)
  if not list then return end
  c:write(keyword)
  c:list(chain.items(list), ", ")
end

local function ordered(c, list)
  c:write(" ORDER BY ")
  list = chain.items(list)
  for i = 1, #list do
    if i > 1 then c:write(", ") end
    c:visit(list[i], true)
  end
end

local function limits(c, statement)
  local limit, offset, fetch = statement._limit, statement._offset, statement._fetch
  if limit then
    c:write(" LIMIT ")
    c:operand(limit, 1)
  end
  if offset then
    c:write(" OFFSET ")
    c:operand(offset, 1)
  end
  if fetch then
    c:write(" FETCH FIRST ")
    if fetch.count.__visit_name == "bind" then
      c:visit(fetch.count)
    else
      c:write("(")
      c:visit(fetch.count)
      c:write(")")
    end
    c:write(fetch.with_ties and " ROWS WITH TIES" or " ROWS ONLY")
  end
end

local function locking(c, lock)
  local strength = lock.read and (lock.key_share and "KEY SHARE" or "SHARE")
    or (lock.key_share and "NO KEY UPDATE" or "UPDATE")
  c:write(" FOR " .. strength)
  if lock.of then
    local separator = " OF "
    for _, from in ipairs(lock.of) do
      from:_each_from(function(part)
        if part.__visit_name == "join" then return end -- it has no name, what it joins has
        c:write(separator)
        separator = ", "
        -- FOR UPDATE OF takes no schema
        c:write(quote(part.__visit_name == "table" and part.name or c:alias_name(part)))
      end)
    end
  end
  if lock.nowait then c:write(" NOWAIT") end
  if lock.skip_locked then c:write(" SKIP LOCKED") end
end

-- The conditions, with what is demanded of the rows that the statement reads.
local function with_row_criteria(c, froms, conditions)
  local all = {}
  for i, condition in ipairs(conditions or empty) do all[i] = condition end
  for _, from in ipairs(froms) do demanded(c, from, all) end
  return #all > 0 and all or nil
end

-- `mode`: "top", "from" (a subquery in FROM, which sees no sibling), "lateral",
-- "cte", "nested" (a CTE of the select around it); nil for a subquery in an
-- expression. `unique`: the columns are read by
-- name from outside, so none may occur twice.
function visit.select(c, statement, mode, unique)
  local frame, start, nested, in_window = c.frame, c.n, c.nested, c.in_window
  c.nested, c.in_window = nil, nil
  if mode == "from" or mode == "nested" then
    c.frame = frame and frame.parent
  elseif mode == "cte" then
    c.frame = nil
  end
  if statement._settings then c:need_settings(statement._settings) end
  local columns = statement:_selected(unique)
  if mode == "top" and c.columns == nil and not statement:_is_opaque() then c.columns = columns end
  local froms, links = statement:_linked(correlated(c, statement, statement:_from_list(), mode))
  push_frame(c, froms, columns)
  if statement._ctes then c:define_ctes(statement._ctes) end
  if #froms > 1 then
    local where = links and chain.append(statement._where, links) or statement._where
    c:check_joined(froms, where, " (if that is meant: :join(x, pg.true_()))")
  end

  c:write("SELECT ")
  if statement._prefixes then
    for _, prefix in ipairs(chain.items(statement._prefixes)) do
      c:visit(prefix)
      c:write(" ")
    end
  end
  local distinct = statement._distinct
  if distinct then
    c:write("DISTINCT ")
    if distinct ~= true then
      c:write("ON (")
      c:list(chain.items(distinct), ", ")
      c:write(") ")
    end
  end
  select_list(c, columns)
  if #froms > 0 then
    c:write(" FROM ")
    c:list(froms, ", ")
  end
  local conditions = statement:_conditions()
  if links then conditions = chain.items(chain.append(chain.append(nil, links), conditions or empty)) end
  if c.row_criteria then conditions = with_row_criteria(c, froms, conditions) end
  if conditions then
    c:write(" WHERE ")
    c:conjunction(conditions)
  end
  clause(c, " GROUP BY ", statement._group_by)
  if statement._having then
    c:write(" HAVING ")
    c:conjunction(chain.items(statement._having))
  end
  local ordering = c.n
  if statement._order_by then ordered(c, statement._order_by) end
  if c.frame.windows then c:before(ordering, visit.window_clause, c.frame.windows) end
  limits(c, statement)
  if statement._for_update then locking(c, statement._for_update) end
  if c.nested then visit.nested_with(c, start, mode) end
  c.frame, c.nested, c.in_window = frame, nested, in_window
end

-- `WINDOW w AS (…)`: what the windows of the columns and of ORDER BY were named.
function visit.window_clause(c, windows)
  c:write(" WINDOW ")
  for i, window in ipairs(windows) do
    if i > 1 then c:write(", ") end
    c:write(quote(window.name))
    c:write(" AS ")
    c:visit(window)
  end
end

-- Set operations -----------------------------------------------------------------

-- A data-modifying CTE stands in the WITH clause of the whole: nowhere else does
-- the server take it.
local modifies = { insert = true, update = true, delete = true }
local function stands_in_select(cte) return cte.nesting and not modifies[cte.element._kind] end

-- Does a select write a WITH clause of its own?
local function has_nested_with(statement)
  for _, cte in ipairs(chain.items(statement._ctes) or empty) do
    if stands_in_select(cte) then return true end
  end
  for _, from in ipairs(statement:_from_list()) do
    local found
    from:_each_from(function(part) found = found or part.nesting and stands_in_select(part) end)
    if found then return true end
  end
  return false
end

local function needs_parentheses(arm)
  return arm.__visit_name == "compound" or arm._order_by or arm._limit or arm._offset or arm._fetch
    or arm._for_update or has_nested_with(arm)
end

function visit.compound(c, statement, mode, unique)
  if statement._settings then c:need_settings(statement._settings) end
  if statement._ctes then c:define_ctes(statement._ctes) end
  local columns = statement:_selected(unique)
  if mode == "top" then c.columns = columns end
  local inner_mode = mode == "top" and "arm" or mode
  for i, arm in ipairs(statement._arms) do
    if i > 1 then c:write(" " .. statement._operator .. " ") end
    if needs_parentheses(arm) then
      c:write("(")
      c:visit(arm, inner_mode, unique)
      c:write(")")
    else
      c:visit(arm, inner_mode, unique)
    end
  end
  if statement._order_by then
    -- only output names exist here
    local frame, in_window = push_frame(c, empty, nil), c.in_window
    c.frame.names, c.in_window = statement:_output_names(), nil
    c:write(" ORDER BY ")
    for i, item in ipairs(chain.items(statement._order_by)) do
      if i > 1 then c:write(", ") end
      c:visit(statement:_by_output_name(item), true)
    end
    c.frame, c.in_window = frame, in_window
  end
  limits(c, statement)
end

-- WITH ---------------------------------------------------------------------------

local function restates(cte, other)
  local restated = cte.restated
  while restated do
    if rawequal(restated, other) then return true end
    restated = restated.restated
  end
  return false
end

local function two_of_one_name(name)
  errors.raise("InvalidRequestError", "two different CTEs are named '%s'", name)
end

-- Writes a CTE's definition into the list for the WITH clause, after those it
-- refers to: that of the whole statement, or for a nesting one that of the
-- select around it. A recursive CTE is built in two steps, of which the second
-- restates the first under the same name.
function visit.cte_definition(c, cte)
  local nested = stands_in_select(cte)
  local field = nested and "nested" or "cte_list"
  local list = c[field] or {}
  c[field] = list
  local name = c:alias_name(cte)
  local known = list[name]
  if known then
    if rawequal(known.cte, cte) or restates(known.cte, cte) then return end
    -- one that was given its name by the compiler gets another one
    if known.cte.name == nil and cte.name then
      known = nil
    elseif not restates(cte, known.cte) then
      two_of_one_name(name)
    end
  end
  if cte.name then c.names[name] = true end
  local entry = known or { name = name }
  entry.cte, list[name] = cte, entry
  if cte.recursive then list.recursive = true end
  local in_window, keys = c.in_window, c.keys
  c.in_window, c.keys = nil, nil -- the rows to come are not those of an INSERT in a CTE
  entry.buf, entry.n = c:capture(function()
    c:write(quote(name))
    if cte.recursive or cte.show_columns then
      c:write("(")
      for i, column in ipairs(cte:_columns()) do
        if i > 1 then c:write(", ") end
        c:write(quote(column.name))
      end
      c:write(")")
    end
    c:write(" AS ")
    if cte.materialized ~= nil then c:write(cte.materialized and "MATERIALIZED " or "NOT MATERIALIZED ") end
    c:write("(")
    c:visit(cte.element, nested and "nested" or "cte", true)
    c:write(")")
  end)
  c.in_window, c.keys = in_window, keys
  if not known then list[#list + 1] = entry end
end

-- Adds the definitions of one WITH clause to another.
local function merge(list, more)
  list.recursive = list.recursive or more.recursive
  for _, entry in ipairs(more) do
    local name = entry.name
    local known = list[name]
    if known and known.cte.name and entry.cte.name then two_of_one_name(name) end
    list[name], list[#list + 1] = entry, entry
  end
  return list
end

local function write_with(c, list)
  c:write(list.recursive and "WITH RECURSIVE " or "WITH ")
  for i, entry in ipairs(list) do
    if i > 1 then c:write(", ") end
    c:paste(entry.buf, entry.n)
  end
  c:write(" ")
end

-- Puts the WITH clause of a select in front of what was written since `start`;
-- of the whole statement there is only one.
function visit.nested_with(c, start, mode)
  if mode == "top" then
    c.cte_list = merge(c.cte_list or {}, c.nested)
    return
  end
  c:before(start, write_with, c.nested)
end

function visit.with_clause(c) write_with(c, c.cte_list) end

return visit
