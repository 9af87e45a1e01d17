--- What models that inherit mean for a statement: the condition that tells the
-- rows of one that shares its table, and the tables of one that has several. See
-- coerce.heir.
-- @module pgvector.sql.heirs

local chain = require "pgvector.util.chain"
local coerce = require "pgvector.sql.coerce"
local joining = require "pgvector.sql.joining"
local selectable = require "pgvector.sql.selectable"
local traverse = require "pgvector.sql.traverse"

local heirs = {}

--- Is `part` this FROM element or one inside it?
function heirs.contains(from, part)
  local found = false
  from:_each_from(function(each) found = found or rawequal(each, part) end)
  return found
end

local contains = heirs.contains

--- The place of the FROM element that is `part` or has it inside, or nil.
function heirs.find(froms, part)
  for i, from in ipairs(froms) do
    if contains(from, part) then return i end
  end
end

local find = heirs.find

--- The joins of a SELECT, also those that became its FROM elements since.
-- @treturn table sequence of steps
function heirs.steps(statement)
  local list = {}
  for i, step in ipairs(statement._settled or {}) do list[i] = step end
  for _, step in ipairs(chain.items(statement._joins) or {}) do list[#list + 1] = step end
  return list
end

-- The step that joins a model, or nil.
local function step_of(steps, entity)
  for _, step in ipairs(steps) do
    if rawequal(step.entity, entity) then return step end
  end
end

-- A condition about rows that a FULL JOIN may have left out.
local function or_absent(entity, condition)
  for _, column in ipairs(rawget(entity, "__clause"):_columns()) do
    if column.primary_key then return condition:or_(column:is_null()) end
  end
  return condition
end

--- The condition of a FULL JOIN, with what models to its left demand of their
-- rows: no other row must be taken for a partner. See heirs.criteria.
function heirs.of_full_join(statement, left, step, condition, is_first)
  for _, entity in ipairs(statement._heirs or {}) do
    local own = not rawequal(entity, step.entity) and coerce.criterion(entity)
    local by = step_of(heirs.steps(statement), entity)
    if own and (not by or by.kind == "full") and contains(left, rawget(entity, "__clause")) then
      condition = (condition or joining.condition(left, step.right)):and_(is_first and own or or_absent(entity, own))
    end
  end
  return condition
end

--- What the models that inherit demand of the rows, unless they are joined and
-- have it in their ON. A FULL JOIN gives the rows for which its ON is false as
-- well: there WHERE leaves out those of other models, and keeps the rows of
-- the other side, which have none.
-- @tparam table statement
-- @treturn table sequence of conditions
function heirs.criteria(statement)
  local list, steps, is_full = {}, heirs.steps(statement), false
  for _, step in ipairs(steps) do is_full = is_full or step.kind == "full" end
  for _, entity in ipairs(statement._heirs) do
    local step = step_of(steps, entity)
    local own = (not step or step.kind == "full") and coerce.criterion(entity)
    if own then list[#list + 1] = is_full and or_absent(entity, own) or own end
  end
  return list
end

-- The tables of a model, the root's first, and for each but the first the
-- condition that ties it to those before it.
local function tables_of(clause)
  local tables, conditions = {}, {}
  while clause.__visit_name == "join" do
    table.insert(tables, 1, clause.right)
    table.insert(conditions, 1, clause.condition)
    clause = clause.left
  end
  table.insert(tables, 1, clause)
  return tables, conditions
end

-- Where a model's tables stand among FROM elements: their places; is each of
-- those the table alone; are all in one.
local function places_of(tables, froms)
  local at, first, alone, together = {}, nil, true, true
  for i, tbl in ipairs(tables) do
    at[i] = find(froms, tbl)
    if at[i] then alone, first = alone and rawequal(froms[at[i]], tbl), math.min(first or at[i], at[i]) end
    together = together and at[i] ~= nil and at[i] == at[1]
  end
  return at, first, alone, together
end

-- The FROM elements with those of a model joined to one.
local function with_joined(froms, clause, tables, conditions, at, first, alone)
  local whole, taken = alone and clause or at[1] and froms[at[1]] or tables[1], {}
  for i, tbl in ipairs(tables) do
    if at[i] then taken[at[i]] = true end
    if not contains(whole, tbl) then
      whole = selectable.join(whole, at[i] and froms[at[i]] or tbl, conditions[i - 1], "inner")
    end
  end
  local list = {}
  for i, from in ipairs(froms) do
    if i == first then list[#list + 1] = whole elseif not taken[i] then list[#list + 1] = from end
  end
  return list
end

-- The FROM elements and the conditions where some of the model's tables are
-- not the statement's to join: `is_outer[i]`.
local function with_conditions(froms, links, tables, conditions, at, is_outer)
  local list, all_outer = {}, is_outer[1]
  for i, from in ipairs(froms) do list[i] = from end
  for i, tbl in ipairs(tables) do
    if not at[i] and not is_outer[i] then list[#list + 1] = tbl end
    all_outer = all_outer and is_outer[i]
    if i > 1 and not all_outer then links[#links + 1] = conditions[i - 1] end
  end
  return list
end

--- Ties the tables of models that inherit together: attributes of such a model in
-- a condition are about one row of it, so its tables, which stand apart as far
-- as their columns are used, become one join. A model none of whose tables is
-- there belongs to a statement around this one.
-- @tparam table froms sequence of FROM elements
-- @tparam table entities sequence of models
-- @tparam table others FROM elements that these may belong to instead, so that a
--   condition ties them: the table that is updated, what is correlated
-- @treturn table FROM elements
-- @treturn ?table sequence of conditions
function heirs.link(froms, entities, others)
  local links = {}
  for _, entity in ipairs(entities) do
    local clause = rawget(entity, "__clause")
    if clause.__visit_name == "join" then
      local tables, conditions = tables_of(clause)
      local at, first, alone, together = places_of(tables, froms)
      local is_outer, any_outer = {}, false
      for i, tbl in ipairs(tables) do
        is_outer[i] = not at[i] and find(others, tbl) ~= nil
        any_outer = any_outer or is_outer[i]
      end
      if first and any_outer then
        froms = with_conditions(froms, links, tables, conditions, at, is_outer)
      elseif first and not together then
        froms = with_joined(froms, clause, tables, conditions, at, first, alone)
      end
    end
  end
  return froms, #links > 0 and links or nil
end

-- Adds the FROM elements and models of a clause; nothing for columns of models
-- that do not inherit, as most are.
local function collect(clause, found)
  for _, item in ipairs(chain.items(clause) or {}) do
    local inner = item
    while inner.__visit_name == "ordering" do inner = inner.element end
    if inner.__visit_name ~= "column" or inner._heir then
      found = found or {}
      traverse.collect_froms(inner, found)
    end
  end
  return found
end

-- Adds the models whose attributes only order or group the rows, if the FROM
-- elements lack a table that they need for it.
local function with_ordering(list, froms, statement)
  local found = collect(statement._order_by)
  if statement._group_by then found = collect(statement._group_by, found) end
  if statement._having then found = collect(statement._having, found) end
  for _, entity in ipairs(found and found.heirs or {}) do
    local lacking = false
    for _, tbl in ipairs((tables_of(rawget(entity, "__clause")))) do
      lacking = lacking or found[tbl] and not find(froms, tbl)
    end
    if lacking then
      list = list or {}
      list[#list + 1] = entity
    end
  end
  return list
end

-- May there be models with more tables than the FROM elements have? Their tables
-- have the raw field `_has_heirs`.
local function may_lack(froms)
  for _, from in ipairs(froms) do
    if from.__visit_name == "join" or rawget(from, "_has_heirs") then return true end
  end
  return false
end

--- The models that inherit of which a statement has attributes.
-- @tparam table statement
-- @tparam table froms its FROM elements
-- @tparam ?table in_conditions those in the conditions of WHERE
-- @treturn ?table sequence
function heirs.of_select(statement, froms, in_conditions)
  local list = in_conditions
  if statement._heirs then
    list = {}
    for i, entity in ipairs(statement._heirs) do list[i] = entity end
    for _, entity in ipairs(in_conditions or {}) do list[#list + 1] = entity end
  end
  if (statement._order_by or statement._group_by or statement._having) and may_lack(froms) then
    list = with_ordering(list, froms, statement)
  end
  return list
end

--- The models that inherit which a statement is still about when other columns are
-- selected: those with a table among its FROM elements, and all of them if it has none.
-- @tparam table statement with the new columns
-- @tparam table entities sequence
-- @treturn ?table sequence
function heirs.remaining(statement, entities)
  statement._heirs = nil
  local list, kept = statement:_copy():_from_list(), {}
  for _, entity in ipairs(entities) do
    local is_there = #list == 0
    rawget(entity, "__clause"):_each_from(function(part) is_there = is_there or find(list, part) ~= nil end)
    if is_there then kept[#kept + 1] = entity end
  end
  return kept[1] and kept or nil
end

--- Puts the tables of models that inherit in place of single ones of them: their
-- attributes bring them all, unless the statement names the model's own.
-- @tparam table statement
-- @tparam table selected sequence of the FROM elements of its columns
-- @treturn table the same or another
function heirs.bring(statement, selected)
  for _, entity in ipairs(statement._heirs or {}) do
    local clause = rawget(entity, "__clause")
    local there = clause.__visit_name ~= "join"
    for _, tbl in ipairs(there and {} or tables_of(clause)) do
      for _, from in ipairs(chain.items(statement._from) or {}) do there = there or contains(from, tbl) end
      for _, step in ipairs(chain.items(statement._joins) or {}) do there = there or contains(step.right, tbl) end
    end
    for _, from in ipairs(selected) do there = there or from.__visit_name == "join" and contains(from, clause.right) end
    if not there then
      local left = { clause, [clause] = true }
      for _, from in ipairs(selected) do
        if not contains(clause, from) then left[#left + 1], left[from] = from, true end
      end
      selected = left
    end
  end
  return selected
end

return heirs
