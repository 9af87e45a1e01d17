--- The FROM clause of a SELECT: which elements it has, how they are joined,
-- and which of them a name belongs to.
-- @module pgvector.sql.from_list

local chain = require "pgvector.util.chain"
local errors = require "pgvector.errors"
local coerce = require "pgvector.sql.coerce"
local heirs = require "pgvector.sql.heirs"
local joining = require "pgvector.sql.joining"
local selectable = require "pgvector.sql.selectable"
local traverse = require "pgvector.sql.traverse"
local core = require "pgvector.core"

local from_list = {}

local contains, find = heirs.contains, heirs.find

-- Joins -----------------------------------------------------------------------

--- What `select:join(…)` was given, as steps. A relationship gives its own:
-- an object with a raw field `__join_steps`, a function `(object)` that returns a
-- sequence of `{ from =, condition =, entity = }` and the FROM element they start from.
-- @treturn table sequence of `{ left=, right=, condition=, kind=, entity= }`
function from_list.join_steps(method, left, target, condition, kind)
  local own_steps = type(target) == "table" and rawget(target, "__join_steps")
  if own_steps then
    local list, start = own_steps(target)
    local steps = {}
    for i, step in ipairs(list) do
      steps[i] = { left = i == 1 and (left or start) or nil, right = step.from, condition = step.condition,
                   kind = kind, entity = step.entity }
    end
    if condition ~= nil then
      steps[#steps].condition = steps[#steps].condition:and_(coerce.condition(condition, method))
    end
    return steps
  end
  if condition ~= nil then condition = coerce.condition(condition, method) end
  return { { left = left, right = coerce.from(target, method), condition = condition, kind = kind,
             criterion = coerce.criterion(target), entity = target } }
end

-- Which of the candidates a join without a told left side continues.
local function left_side(step, candidates)
  if #candidates == 1 then return 1 end
  local matching = {}
  local used
  if step.condition then
    used = {}
    traverse.collect_froms(step.condition, used)
  end
  for i, candidate in ipairs(candidates) do
    local fits = false
    if used then
      for _, part in ipairs(used) do
        fits = fits or not rawequal(part, step.right) and contains(candidate, part)
      end
    else
      fits = joining.possible(candidate, step.right)
    end
    if fits then matching[#matching + 1] = i end
  end
  if #matching == 1 then return matching[1] end
  if #matching == 0 then
    errors.raise("ArgumentError", "join: nothing to join %s to: name the left side with select_from or join_from",
      step.right:_describe())
  end
  errors.raise("ArgumentError", "join: %s can be joined to several of the statement's tables: "
    .. "name the left side with select_from or join_from", step.right:_describe())
end

-- A FROM element cannot stand in a statement twice.
local function check_new(from, right)
  right:_each_from(function(part)
    if part.__visit_name ~= "join" and contains(from, part) then
      errors.raise("ArgumentError", "join: %s stands in the statement already: join an alias of it", part:_describe())
    end
  end)
end

-- Applies the joins to the explicit FROM elements.
local function apply_joins(statement, froms, selected)
  local is_first = true
  for _, step in ipairs(chain.items(statement._joins)) do
    local index
    if step.left then
      index = find(froms, step.left)
      if not index then
        local at = find(selected, step.left) -- a model of several tables
        index = #froms + 1
        froms[index] = at and selected[at] or step.left
      end
    else
      local candidates = froms
      if #froms == 0 then
        candidates = {}
        for _, from in ipairs(selected) do
          if not contains(step.right, from) then candidates[#candidates + 1] = from end
        end
        for _, from in ipairs(#candidates == 0 and selected or {}) do check_new(from, step.right) end
      end
      index = left_side(step, candidates)
      if #froms == 0 then froms[1], index = candidates[index], 1 end
    end
    local condition = step.condition
    check_new(froms[index], step.right)
    if step.criterion then
      condition = (condition or joining.condition(froms[index], step.right)):and_(step.criterion)
    end
    if step.kind == "full" then
      condition, is_first = heirs.of_full_join(statement, froms[index], step, condition, is_first), false
    end
    froms[index] = selectable.join(froms[index], step.right, condition, step.kind)
  end
end

-- The FROM elements of the columns, and what the joins make of them and of
-- those that are named explicitly.
local function joined(statement, entities)
  local selected = {}
  for _, entity in ipairs(entities) do
    local from = entity.from
    if from then
      if not selected[from] then
        selected[from] = true
        selected[#selected + 1] = from
      end
    else
      traverse.collect_froms(entity.column, selected)
    end
  end
  selected = heirs.bring(statement, selected)
  local froms = {}
  for i, from in ipairs(chain.items(statement._from) or {}) do froms[i] = from end
  if statement._joins then apply_joins(statement, froms, selected) end
  return froms, selected
end

--- What the joins of a SELECT make, and the FROM elements that are named
-- explicitly. Joins without a left side belong to the columns: this is what
-- remains of them when there are other columns.
-- @tparam table statement
-- @tparam table entities of the statement
-- @treturn table sequence
function from_list.explicit(statement, entities) return (joined(statement, entities)) end

--- The FROM elements of a SELECT, joined: those named explicitly, then those
-- of its columns and conditions.
-- @tparam table statement
-- @tparam table entities of the statement
-- @treturn table sequence
-- @treturn ?table sequence of models that inherit: see link
function from_list.of_select(statement, entities)
  local froms, selected = joined(statement, entities)
  selected.heirs = nil -- those of the columns are in _heirs
  for _, condition in ipairs(statement:_conditions() or {}) do traverse.collect_froms(condition, selected) end
  -- what stands in a join does not stand beside it, too
  local covered, list = {}, {}
  local function cover(part) covered[part] = true end
  local function add(from)
    if not covered[from] then
      list[#list + 1] = from
      from:_each_from(cover)
    end
  end
  for _, from in ipairs(froms) do add(from) end
  for _, from in ipairs(selected) do
    if from.__visit_name == "join" then add(from) end
  end
  for _, from in ipairs(selected) do add(from) end
  return list, heirs.of_select(statement, list, selected.heirs)
end

-- filter_by ---------------------------------------------------------------------

-- The FROM elements whose keys filter_by may use.
local function searched(statement)
  local list, seen = {}, {}
  local function add(from)
    from:_each_from(function(part)
      if part.__visit_name ~= "join" and not seen[part] then
        seen[part] = true
        list[#list + 1] = part
      end
    end)
  end
  for _, from in ipairs(statement:_from_list()) do add(from) end
  return list
end

-- The models and their aliases whose attributes it may use beside columns.
local function entities_of(statement)
  local list = {}
  local function add(entity)
    if type(entity) == "table" and rawget(entity, "__attribute") then list[#list + 1] = entity end
  end
  for _, entity in ipairs(statement:_entities()) do add(entity.entity) end
  for _, step in ipairs(heirs.steps(statement)) do add(step.entity) end
  return list
end

local function no_such_key(froms, key, attributes)
  local keys, names = attributes, {}
  for i, from in ipairs(froms) do
    names[i] = from:_describe()
    for _, known in ipairs(from:_keys()) do keys[#keys + 1] = known end
  end
  errors.raise("ArgumentError", "filter_by: %s has no column '%s'%s",
    #froms > 0 and table.concat(names, ", ") or "the statement, which selects from nothing,", tostring(key),
    errors.did_you_mean(key, keys))
end

--- The conditions of `filter_by{ key = value }`, in the order of the columns.
-- @tparam table statement
-- @tparam table values
-- @treturn table sequence of conditions
function from_list.filter_by(statement, values)
  if type(values) ~= "table" or next(values) == nil or coerce.is_expression(values) then
    errors.raise("ArgumentError", "filter_by: expected a table with at least one column = value"
      .. " (a key whose value is nil is not there)")
  end
  local froms = searched(statement)
  local conditions, found = {}, {}
  for _, from in ipairs(froms) do
    for _, column in ipairs(from:_columns()) do
      local value = values[column.key]
      if value ~= nil then
        if found[column.key] then
          errors.raise("ArgumentError", "filter_by: '%s' is a column of both %s and %s: use where", column.key,
            found[column.key]:_describe(), from:_describe())
        end
        found[column.key] = from
        conditions[#conditions + 1] = from_list.equality(column, value)
      end
    end
  end
  local others = {}
  for key in pairs(values) do
    if not found[key] then others[#others + 1] = key end
  end
  if others[1] ~= nil then
    from_list.by_attributes(conditions, entities_of(statement), values, others, function(key, attributes)
      no_such_key(froms, key, attributes)
    end)
  end
  return conditions
end

--- Adds what `filter_by` says of attributes that are no columns: relationships,
-- hybrids, synonyms, composites. An entity has them in its raw field `__attribute`, a function
-- `(entity, key)` that returns one, or nil and a table with all of them by key; they
-- are compared by their method `eq`.
-- @tparam table conditions sequence
-- @tparam table entities sequence
-- @tparam table values by key
-- @tparam table keys sequence of those that are no columns
-- @tparam function unknown `(key, names)` raises; `names`: sequence of the attributes' names
function from_list.by_attributes(conditions, entities, values, keys, unknown)
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  for _, key in ipairs(keys) do
    local found, of
    local names = {}
    for _, entity in ipairs(entities) do
      local attribute, known = rawget(entity, "__attribute")(entity, key)
      for name in pairs(known or {}) do names[#names + 1] = name end
      if attribute ~= nil then
        if of then
          errors.raise("ArgumentError", "filter_by: '%s' is an attribute of both %s and %s: use where", key,
            tostring(of), tostring(entity))
        end
        found, of = attribute, entity
      end
    end
    if type(found) ~= "table" or not found.eq then unknown(key, names) end
    conditions[#conditions + 1] = coerce.is_expression(found) and from_list.equality(found, values[key], key)
      or found:eq(values[key])
  end
end

local takes_tables = {
  array = true, json = true, vector = true, bit = true, datetime = true, interval = true, range = true, hstore = true,
}

--- `column = value`, where a list is taken for a mistake unless the type has
-- such values.
function from_list.equality(column, value, key)
  if type(value) == "table" and getmetatable(value) == nil and not takes_tables[column.type.family]
      and value ~= core.null then
    errors.raise("ArgumentError", "filter_by: '%s' is given a table; use where(column:in_{…})", key or column.key)
  end
  return column:eq(value)
end

-- Correlation -------------------------------------------------------------------

--- What `correlate` and `correlate_except` were given.
-- @treturn table `{ set =, except = }`
function from_list.correlation(method, except, ...)
  local set = {}
  for i = 1, select("#", ...) do
    -- of a model of several tables each of them
    coerce.from((select(i, ...)), method):_each_from(function(part) set[part] = true end)
  end
  return { set = set, except = except }
end

return from_list
