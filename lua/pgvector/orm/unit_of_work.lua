--- A flush: writes what is new, changed and deleted in an order that foreign
-- keys allow.
--
-- Tables go in the order of their foreign keys, deletions the other way round.
-- Within a table the properties (relationships) tell which instance must come
-- after which. A property may have
--
-- * `_before_flush(session)`: cascades, before anything is counted;
-- * `_depends_on(object, state)` → sequence of instances that must be stored first;
-- * `_sync(object, state)`: copies keys of others into the instance, right before
--   it is written;
-- * `_after_rows(session, conn, objects)`: rows of association tables, when all
--   rows they refer to are there;
-- * `_before_delete(session, conn, object, state)`.
-- @module pgvector.orm.unit_of_work

local instance = require "pgvector.orm.instance"
local persistence = require "pgvector.orm.persistence"
local sort = require "pgvector.sql.sort"

local unit_of_work = {}

-- Calls a method of every property of a mapper that has it.
local function each_property(mapper, method, ...)
  for _, property in ipairs(mapper.properties) do
    if property[method] then property[method](property, ...) end
  end
end

-- Groups instances by mapper: `groups[mapper]` is a sequence of
-- `{ object, state }`, and the mappers are listed in order of first appearance.
local function group(objects, mappers, groups)
  for _, object in ipairs(objects) do
    local state = instance.state(object)
    local mapper = state.mapper
    if not groups[mapper] then
      groups[mapper] = {}
      if not mappers.known[mapper] then
        mappers.known[mapper] = true
        mappers[#mappers + 1] = mapper
      end
    end
    local of_mapper = groups[mapper]
    of_mapper[#of_mapper + 1] = { object, state }
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

-- Cuts instances of one mapper into levels: each depends on earlier levels only.
local function levels_of(mapper, pairs_)
  local by_object, objects = {}, {}
  for i, pair in ipairs(pairs_) do
    objects[i] = pair[1]
    by_object[pair[1]] = pair
  end
  local function dependencies(object)
    local list = {}
    for _, property in ipairs(mapper.properties) do
      if property._depends_on then
        for _, other in ipairs(property:_depends_on(object, by_object[object][2])) do
          if by_object[other] then list[#list + 1] = other end
        end
      end
    end
    return list
  end
  local level_of, levels = {}, {}
  for _, object in ipairs((sort.topological(objects, dependencies))) do
    local level = 1
    for _, other in ipairs(dependencies(object)) do level = math.max(level, (level_of[other] or 0) + 1) end
    level_of[object] = level
    levels[level] = levels[level] or {}
    table.insert(levels[level], by_object[object])
  end
  return levels
end

local function sync(mapper, pairs_)
  for _, pair in ipairs(pairs_) do each_property(mapper, "_sync", pair[1], pair[2]) end
end

local function insert_new(session, conn, mapper, pairs_)
  for _, level in ipairs(levels_of(mapper, pairs_)) do
    sync(mapper, level)
    persistence.insert(conn, mapper, level)
    for _, pair in ipairs(level) do session:_became_persistent(pair[1], pair[2]) end
  end
end

local function update_changed(session, conn, mapper, pairs_)
  sync(mapper, pairs_)
  local changed = {}
  for _, pair in ipairs(pairs_) do
    local changes = instance.changes(pair[2])
    if #changes > 0 then changed[#changed + 1] = { pair[1], pair[2], changes } end
  end
  if #changed == 0 then return end
  persistence.update(conn, mapper, changed)
  for _, triple in ipairs(changed) do session:_became_updated(triple[1], triple[2]) end
end

local function delete_marked(session, conn, mapper, pairs_)
  local levels = levels_of(mapper, pairs_)
  for i = #levels, 1, -1 do
    persistence.delete(conn, mapper, levels[i])
    for _, pair in ipairs(levels[i]) do session:_became_deleted(pair[1], pair[2]) end
  end
end

--- Writes everything.
-- @tparam Session session
-- @tparam Connection conn
function unit_of_work.flush(session, conn)
  local seen_mappers = {}
  repeat
    -- cascades may bring instances of further mappers
    local before = #seen_mappers
    for _, mapper in ipairs(session:_mappers_in_use()) do
      if not seen_mappers[mapper] then
        seen_mappers[mapper], seen_mappers[#seen_mappers + 1] = true, mapper
        each_property(mapper, "_before_flush", session)
      end
    end
  until #seen_mappers == before

  local mappers = { known = {} }
  local new = group(session._new:list(), mappers, {})
  local deleted = group(session._deleted:list(), mappers, {})
  local watched = {}
  for _, object in ipairs(session._watched:list()) do
    if not session._deleted:has(object) then watched[#watched + 1] = object end
  end
  local dirty = group(watched, mappers, {})
  local ordered = in_order(mappers)

  for _, mapper in ipairs(ordered) do
    if new[mapper] then insert_new(session, conn, mapper, new[mapper]) end
    if dirty[mapper] then update_changed(session, conn, mapper, dirty[mapper]) end
  end
  for _, mapper in ipairs(ordered) do each_property(mapper, "_after_rows", session, conn) end
  for i = #ordered, 1, -1 do
    local mapper = ordered[i]
    if deleted[mapper] then
      for _, pair in ipairs(deleted[mapper]) do
        each_property(mapper, "_before_delete", session, conn, pair[1], pair[2])
      end
      delete_marked(session, conn, mapper, deleted[mapper])
    end
  end
end

return unit_of_work
