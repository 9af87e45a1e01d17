--- A flush: writes what is new, changed and deleted in an order that foreign
-- keys allow.
--
-- Tables go in the order of their foreign keys, deletions the other way round.
-- Within a table that refers to itself, relationships and key values tell
-- which instance must come after which.
-- @module pgvector.orm.unit_of_work

local Dependencies = require "pgvector.orm.dependency"
local instance = require "pgvector.orm.instance"
local persistence = require "pgvector.orm.persistence"
local sort = require "pgvector.sql.sort"

local unit_of_work = {}

-- Groups instances by mapper: `groups[mapper]` is a sequence of
-- `{ object, state }`; `mappers` lists the mappers as they first appear.
local function group(objects, mappers)
  local groups = {}
  for _, object in ipairs(objects) do
    local state = instance.state(object)
    local mapper = state.mapper
    if not mappers.known[mapper] then
      mappers.known[mapper] = true
      mappers[#mappers + 1] = mapper
    end
    groups[mapper] = groups[mapper] or {}
    table.insert(groups[mapper], { object, state })
  end
  return groups
end

-- The mappers, each behind those whose tables it refers to, also by way of
-- tables that are not among them.
local function in_order(mappers)
  local rank, seen = {}, {}
  for _, mapper in ipairs(mappers) do
    local metadata = mapper.table.metadata
    if not seen[metadata] then
      seen[metadata] = true
      for i, tbl in ipairs(metadata:sorted_tables()) do rank[tbl] = i end
    end
  end
  local ordered, given = {}, {}
  for i, mapper in ipairs(mappers) do ordered[i], given[mapper] = mapper, i end
  table.sort(ordered, function(a, b)
    local x, y = rank[a.table], rank[b.table]
    if x ~= y then return x < y end
    return given[a] < given[b]
  end)
  return ordered
end

-- Values of some columns as text; nil if one is NULL or not known.
local function values_key(state, columns)
  local parts = {}
  for i, column in ipairs(columns) do
    local value = state.values[column.key]
    if value == nil or type(value) ~= "number" and type(value) ~= "string" then return nil end
    parts[i] = column.name .. "=" .. tostring(value)
  end
  return table.concat(parts, "\0")
end

-- For a table that refers to itself: a function that lists the instances whose
-- key values an instance's foreign keys have.
local function by_key_values(mapper, pairs_)
  local lookups = {}
  for _, key in ipairs(mapper.table.foreign_keys) do
    if key:_find_referred_table() == mapper.table then
      local referred, objects = key:referred_columns(), {}
      for _, pair in ipairs(pairs_) do
        local text = values_key(pair[2], referred)
        if text then objects[text] = pair[1] end
      end
      lookups[#lookups + 1] = { key.columns, referred, objects }
    end
  end
  return function(state)
    local list = {}
    for _, lookup in ipairs(lookups) do
      local parts = {}
      for i, column in ipairs(lookup[1]) do
        parts[i] = lookup[2][i].name .. "=" .. tostring(state.values[column.key])
      end
      list[#list + 1] = lookup[3][table.concat(parts, "\0")]
    end
    return list
  end
end

-- Cuts instances of one mapper into levels: each depends on earlier levels only.
local function levels_of(mapper, pairs_, dependencies)
  local by_object, objects = {}, {}
  for i, pair in ipairs(pairs_) do
    objects[i] = pair[1]
    by_object[pair[1]] = pair
  end
  local referred_by_value = by_key_values(mapper, pairs_)
  local function before(object)
    local list = referred_by_value(by_object[object][2])
    for _, parent in ipairs(dependencies:parents(object)) do list[#list + 1] = parent end
    return list
  end
  local level_of, levels = {}, {}
  for _, object in ipairs((sort.topological(objects, before))) do
    local level = 1
    for _, other in ipairs(before(object)) do
      if other ~= object then level = math.max(level, (level_of[other] or 0) + 1) end
    end
    level_of[object] = level
    levels[level] = levels[level] or {}
    table.insert(levels[level], by_object[object])
  end
  return levels
end

-- A new instance with the key of one that is deleted in the same flush takes
-- over its row, which others may refer to. Returns those that do not.
local function take_over_rows(session, conn, mapper, pairs_)
  local left, switched = {}, {}
  for _, pair in ipairs(pairs_) do
    local object, state = pair[1], pair[2]
    local key = mapper:_identity_of(state.values)
    local old = key and session._identity:get(mapper, key)
    if old and session._deleted:has(old) then
      session:_became_deleted(old, instance.state(old))
      persistence.take_identity(state)
      switched[#switched + 1] = { object, state, persistence.replacing_changes(state) }
    else
      left[#left + 1] = pair
    end
  end
  if #switched > 0 then
    persistence.update(conn, mapper, switched)
    for _, triple in ipairs(switched) do session:_became_persistent(triple[1], triple[2]) end
  end
  return left
end

-- Inserts; instances whose parent comes only later are returned in `late`.
local function insert_new(session, conn, mapper, pairs_, dependencies, late)
  for _, level in ipairs(levels_of(mapper, pairs_, dependencies)) do
    for _, pair in ipairs(level) do
      if not dependencies:sync(pair[1], pair[2]) then late[#late + 1] = pair[1] end
    end
    local rows = take_over_rows(session, conn, mapper, level)
    if #rows > 0 then persistence.insert(conn, mapper, rows) end
    for _, pair in ipairs(rows) do session:_became_persistent(pair[1], pair[2]) end
  end
end

local function update_changed(session, conn, mapper, pairs_, dependencies, late)
  local changed = {}
  for _, pair in ipairs(pairs_) do
    if not dependencies:sync(pair[1], pair[2]) then late[#late + 1] = pair[1] end
    local changes = instance.changes(pair[2])
    if #changes > 0 then changed[#changed + 1] = { pair[1], pair[2], changes } end
  end
  if #changed == 0 then return end
  persistence.update(conn, mapper, changed)
  for _, triple in ipairs(changed) do session:_became_updated(triple[1], triple[2]) end
end

local function delete_marked(session, conn, mapper, pairs_, dependencies)
  local levels = levels_of(mapper, pairs_, dependencies)
  for i = #levels, 1, -1 do
    persistence.delete(conn, mapper, levels[i])
    for _, pair in ipairs(levels[i]) do session:_became_deleted(pair[1], pair[2]) end
  end
end

--- Writes everything.
-- @tparam Session session
-- @tparam Connection conn
function unit_of_work.flush(session, conn)
  local dependencies = Dependencies._new(session)
  dependencies:collect()
  local mappers = { known = {} }
  local new = group(session._new:list(), mappers)
  local deleted = group(session._deleted:list(), mappers)
  local watched = {}
  for _, object in ipairs(session._watched:list()) do
    if not session._deleted:has(object) then watched[#watched + 1] = object end
  end
  local dirty = group(watched, mappers)
  local ordered = in_order(mappers)

  local late = {}
  for _, mapper in ipairs(ordered) do
    if new[mapper] then insert_new(session, conn, mapper, new[mapper], dependencies, late) end
    if dirty[mapper] then update_changed(session, conn, mapper, dirty[mapper], dependencies, late) end
  end
  -- two tables that refer to each other: the first one's keys come now
  local again = group(late, mappers)
  for _, mapper in ipairs(ordered) do
    if again[mapper] then update_changed(session, conn, mapper, again[mapper], dependencies, {}) end
  end
  dependencies:write_associations(conn)
  for i = #ordered, 1, -1 do
    local mapper, left = ordered[i], {}
    for _, pair in ipairs(deleted[mapper] or {}) do
      if pair[2].status ~= "deleted" then left[#left + 1] = pair end
    end
    if #left > 0 then delete_marked(session, conn, mapper, left, dependencies) end
  end
  dependencies:settle()
end

return unit_of_work
