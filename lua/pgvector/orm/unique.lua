--- Values that must be unique and change hands in one flush.
--
-- The server checks a unique constraint with every row, so an UPDATE may take a
-- value only after its holder gave it up. Where an order does not help, because
-- two rows swap or a new row takes the value of one that is still there, the
-- holder is parked: it gets NULL, or a value that nobody has, for a moment.
-- @module pgvector.orm.unique

local attribute_values = require "pgvector.orm.values"
local base = require "pgvector.sql.base"
local class = require "pgvector.class"
local compat = require "pgvector.compat"
local constraints = require "pgvector.sql.constraints"
local core = require "pgvector.core"
local index = require "pgvector.sql.index"
local instance = require "pgvector.orm.instance"
local keys = require "pgvector.orm.key"
local stored = require "pgvector.orm.stored"
local select_ = require "pgvector.sql.select"
local sort = require "pgvector.sql.sort"
local updating = require "pgvector.orm.persistence.update"

local unique = {}

local null, NOT_LOADED = core.null, attribute_values.NOT_LOADED

-- The sets of columns whose values are unique together, of one table.
local function sets_of(tbl)
  local sets = {}
  for _, constraint in ipairs(tbl.constraints) do
    if class.is(constraint, constraints.UniqueConstraint) and constraint.initially ~= "DEFERRED" then
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

-- The key of an instance's values, nil if one of them is NULL or unknown.
local function present(state, columns) return keys.known(columns, keys.pick(columns, state.values)) end

-- The same of the values that the database has.
local function former(state, columns)
  local values = {}
  for i, column in ipairs(columns) do
    local before = state.original[column.key]
    if before == nil then before = state.values[column.key] end
    if before ~= NOT_LOADED then values[i] = before end
  end
  return keys.known(columns, values)
end

local function is_changed(state, columns)
  for _, column in ipairs(columns) do
    if state.original[column.key] ~= nil then return true end
  end
  return false
end

---- parking ------------------------------------------------------------------------------

-- Counts parked values, from somewhere: other processes do the same.
local parked = math.floor(core.now() * 1e6) % 1000000

local LARGE = { int2 = 32767, float4 = 9999999 }

-- A large number that a type has, as a whole one.
local function large_number(type_)
  local digits = type_.kind == "numeric" and type_.precision and type_.precision - (type_.scale or 0)
  if digits and digits < 9 then return 10 ^ digits - 1 end
  return LARGE[type_.kind] or 2000000000
end

-- A value that nobody has; nil if there is none to be thought of. Numbers are
-- large ones: CHECK (position >= 0) is the usual condition.
local function odd_value(type_)
  parked = parked + 1
  if type_.family == "integer" or type_.family == "number" then
    local most = large_number(type_)
    return most - parked % math.max(1, math.floor(most / 20))
  end
  if type_.family == "string" then
    local text = ("%x-%x"):format(parked, math.floor(core.now() * 1e6) % 0x7fffffff)
    return type_.length and text:sub(1, type_.length) or text
  end
  return nil
end

local function park(conn, object, state, columns)
  for _, column in ipairs(columns) do
    if column.nullable then return updating.park(conn, object, state, column, null) end
  end
  for _, column in ipairs(columns) do
    local type_ = column.type
    while type_.impl do type_ = type_.impl end
    local value = #column.foreign_keys == 0 and odd_value(type_) or nil
    if value ~= nil then return updating.park(conn, object, state, column, base.bind(value, type_)) end
  end
end

---- what the database has ---------------------------------------------------------------

-- Is a former value not known? One that was set without being read, or one of
-- what is to be deleted and has expired.
local function is_unknown(pair, columns)
  local state = pair[2]
  for _, column in ipairs(columns) do
    local before = state.original[column.key]
    if before == NOT_LOADED or before == nil and state.values[column.key] == nil then return true end
  end
  return false
end

-- The model of a hierarchy that has a column first, and so all rows with it.
local function owner_of(mapper, column)
  local above = mapper.inherits
  while above and rawequal(above.by_key[column.key], column) do mapper, above = above, above.inherits end
  return mapper
end

-- Reads the former values of columns of some rows, with one query for many.
local function know(conn, mapper, columns, pairs_)
  mapper = owner_of(mapper, columns[1])
  local by_key, identities = {}, {}
  for _, pair in ipairs(pairs_) do
    if is_unknown(pair, columns) then
      by_key[pair[2].identity_key] = pair[2]
      identities[#identities + 1] = pair[2].identity
    end
  end
  local key = mapper.primary_key
  for wanted in stored.chunks(identities) do
    local stmt = select_.select(compat.unpack(key)):add_columns(compat.unpack(columns)):select_from(mapper.clause)
    for _, row in ipairs(conn:execute(stmt:where(stored.among(key, wanted))):all()) do
      local state = by_key[mapper:_identity(row)]
      for i, column in ipairs(columns) do
        local value = row[#key + i]
        if state.original[column.key] == NOT_LOADED then
          instance.own(state, "original")[column.key] = value
        elseif state.values[column.key] == nil then
          state.values[column.key] = value
        end
      end
    end
  end
end

---- what a flush asks --------------------------------------------------------------------

-- Parks the rows whose values new or changed ones of one model are about to take.
local function make_way_for(conn, mapper, takers, others)
  for _, columns in ipairs(all_sets(mapper)) do
    local claimed, any = {}, false
    for _, pair in ipairs(takers) do
      local found = present(pair[2], columns)
      if found then claimed[found], any = true, true end
    end
    local holders = {}
    for _, pair in ipairs(any and others or {}) do
      local its = pair[2].mapper
      if rawequal(its.by_key[columns[1].key], columns[1]) and (pair.leaves or is_changed(pair[2], columns)) then
        holders[#holders + 1] = pair
      end
    end
    if #holders > 0 then know(conn, mapper, columns, holders) end
    for _, pair in ipairs(holders) do
      local found = former(pair[2], columns)
      -- one that was set, and set back, gives nothing up
      local gives = pair.leaves or found ~= present(pair[2], columns)
      if found and claimed[found] and gives then park(conn, pair[1], pair[2], columns) end
    end
  end
end

--- Parks the rows whose values others are about to take.
-- @tparam Connection conn
-- @tparam table takers sequence of `{ object, state }`: new, or to be updated
-- @tparam table others those to be updated later, or deleted
function unique.make_way(conn, takers, others)
  if #takers == 0 or #others == 0 then return end
  local mappers, groups = {}, {}
  for _, pair in ipairs(takers) do
    local mapper = pair[2].mapper
    if not groups[mapper] then
      mappers[#mappers + 1], groups[mapper] = mapper, {}
    end
    table.insert(groups[mapper], pair)
  end
  for _, mapper in ipairs(mappers) do make_way_for(conn, mapper, groups[mapper], others) end
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
    local concerned = {}
    for _, triple in ipairs(changed) do
      if is_changed(triple[2], columns) then concerned[#concerned + 1] = triple end
    end
    if #concerned > 1 then know(conn, mapper, columns, concerned) end
    for _, triple in ipairs(changed) do
      local found = is_changed(triple[2], columns) and former(triple[2], columns)
      if found and found ~= present(triple[2], columns) then holders[i][found] = triple end
    end
    for _, triple in ipairs(changed) do
      local found = is_changed(triple[2], columns) and present(triple[2], columns)
      local holder = found and holders[i][found]
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
