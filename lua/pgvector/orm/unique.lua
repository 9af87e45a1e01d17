--- Values that must be unique and change hands in one flush.
--
-- The server checks a unique constraint with every row, so an UPDATE may take a
-- value only after its holder gave it up. Where an order does not help, because
-- two rows swap or a new row takes the value of one that is still there, the
-- holder is parked: it gets NULL, or a value that nobody has, for a moment.
-- @module pgvector.orm.unique

local attribute_values = require "pgvector.orm.values"
local core = require "pgvector.core"
local index = require "pgvector.sql.index"
local loading = require "pgvector.orm.loading"
local persistence = require "pgvector.orm.persistence"
local class = require "pgvector.class"
local constraints = require "pgvector.sql.constraints"
local sort = require "pgvector.sql.sort"

local unique = {}

local null = core.null

-- The sets of columns whose values are unique together, of one table.
local function sets_of(tbl)
  local sets = {}
  for _, constraint in ipairs(tbl.constraints) do
    if class.is(constraint, constraints.UniqueConstraint) and not constraint.deferrable then
      sets[#sets + 1] = constraint.columns
    end
  end
  for _, each in ipairs(tbl.indexes) do
    local columns = {}
    for i, element in ipairs(each.unique and each.elements or {}) do
      columns[i] = constraints.is_column(element) and element or nil
    end
    if class.is(each, index.Index) and #columns > 0 and #columns == #each.elements then sets[#sets + 1] = columns end
  end
  return sets
end

local function all_sets(mapper)
  if not mapper._unique_sets then
    mapper._unique_sets = {}
    for _, tbl in ipairs(mapper.tables) do
      for _, columns in ipairs(sets_of(tbl)) do
        local mapped = true
        for _, column in ipairs(columns) do mapped = mapped and rawequal(mapper.by_key[column.key], column) end
        if mapped then table.insert(mapper._unique_sets, columns) end
      end
    end
  end
  return mapper._unique_sets
end

-- Values as text; nil if one of them is NULL, unknown or no plain value.
local function text_of(columns, value_of)
  local parts = {}
  for i, column in ipairs(columns) do
    local value = value_of(column.key)
    local kind = type(value)
    if value == null or kind ~= "string" and kind ~= "number" and kind ~= "boolean" then return nil end
    parts[i] = kind .. tostring(value)
  end
  return table.concat(parts, "\0")
end

local function present(state)
  return function(key) return state.values[key] end
end

local function former(state)
  return function(key)
    local before = state.original[key]
    if before == attribute_values.NOT_LOADED then return nil end
    if before == nil then before = state.values[key] end
    return before
  end
end

local function is_changed(state, columns)
  for _, column in ipairs(columns) do
    if state.original[column.key] ~= nil then return true end
  end
  return false
end

---- parking ------------------------------------------------------------------------------

local parked = 0

-- A value that nobody has, for a column; nil if there is none to be thought of.
local function odd_value(column)
  if column.nullable then return null end
  if #column.foreign_keys > 0 then return nil end
  parked = parked + 1
  local family = column.type.family
  if family == "integer" then return -2000000000 - parked % 100000000 end
  if family == "string" then
    local length = column.type.length
    local text = ("%x-%x"):format(parked, math.floor(core.now() * 1e6) % 0x7fffffff)
    return length and text:sub(1, length) or text
  end
  return nil
end

local function park(conn, object, state, columns)
  for _, column in ipairs(columns) do
    local value = odd_value(column)
    if value ~= nil then return persistence.park(conn, object, state, column, value) end
  end
end

-- The values of what is to be deleted matter only here; they may be expired.
local function know(object, state, columns)
  for _, column in ipairs(columns) do
    if state.values[column.key] == nil and state.original[column.key] == nil then
      loading.attribute(state.session, object, state, column.key)
    end
  end
end

---- what a flush asks --------------------------------------------------------------------

--- Parks the rows whose values new rows are about to take.
-- @tparam Connection conn
-- @tparam table new sequence of `{ object, state }`
-- @tparam table others those to be updated or deleted
function unique.make_way(conn, new, others)
  if #others == 0 then return end
  for _, pair in ipairs(new) do
    for _, columns in ipairs(all_sets(pair[2].mapper)) do
      local claimed = text_of(columns, present(pair[2]))
      for _, other in ipairs(claimed and others or {}) do
        local state = other[2]
        if rawequal(state.mapper.by_key[columns[1].key], columns[1]) then
          if other.leaves then know(other[1], state, columns) end
          if (other.leaves or is_changed(state, columns)) and text_of(columns, former(state)) == claimed then
            park(conn, other[1], state, columns)
          end
        end
      end
    end
  end
end

--- Orders updates so that values are given up before they are taken.
-- @tparam Connection conn
-- @tparam Mapper mapper
-- @tparam table changed sequence of `{ object, state, changes }`
-- @treturn table the same in order
function unique.in_order(conn, mapper, changed)
  if #changed < 2 then return changed end
  local holders, dependencies, any = {}, {}, false
  for i, columns in ipairs(all_sets(mapper)) do
    holders[i] = {}
    for _, triple in ipairs(changed) do
      local text = is_changed(triple[2], columns) and text_of(columns, former(triple[2]))
      if text then holders[i][text] = triple end
    end
    for _, triple in ipairs(changed) do
      local text = is_changed(triple[2], columns) and text_of(columns, present(triple[2]))
      local holder = text and holders[i][text]
      if holder and holder ~= triple then
        any = true
        local of = dependencies[triple] or {}
        dependencies[triple] = of
        if not of[holder] then
          of[holder] = {}
          of[#of + 1] = holder
        end
        table.insert(of[holder], columns)
      end
    end
  end
  if not any then return changed end
  local order, left_out = sort.topological(changed, function(triple) return dependencies[triple] or {} end)
  for _, edge in ipairs(left_out) do
    for _, columns in ipairs(dependencies[edge[1]][edge[2]]) do park(conn, edge[2][1], edge[2][2], columns) end
  end
  return order
end

return unique
