--- A flush: writes what is new, changed and deleted in an order that foreign
-- keys allow.
--
-- Tables go in the order of their foreign keys, deletions the other way round.
-- Within a table that refers to itself, relationships and key values tell
-- which instance must come after which.
-- @module pgvector.orm.unit_of_work

local delete = require "pgvector.orm.persistence.delete"
local Dependencies = require "pgvector.orm.dependency"
local insertion = require "pgvector.orm.persistence.insert"
local instance = require "pgvector.orm.instance"
local keys = require "pgvector.orm.key"
local sort = require "pgvector.sql.sort"
local unique = require "pgvector.orm.unique"
local updating = require "pgvector.orm.persistence.update"

local unit_of_work = {}

-- Groups instances by the mapper that theirs inherits from in the end, itself
-- usually: `groups[root]` is a sequence of `{ object, state }`; `mappers` lists
-- the roots as they first appear.
local function group(objects, mappers)
  local groups = {}
  for _, object in ipairs(objects) do
    local state = instance.state(object)
    local mapper = state.mapper.root
    if not mappers.known[mapper] then
      mappers.known[mapper] = true
      mappers[#mappers + 1] = mapper
    end
    groups[mapper] = groups[mapper] or {}
    table.insert(groups[mapper], { object, state })
  end
  return groups
end

-- The table that stands for a hierarchy of models, by its tables.
local function hierarchies(roots)
  local stands_for = {}
  for _, root in ipairs(roots) do
    root:_each_below(function(mapper)
      for _, tbl in ipairs(mapper.tables) do stands_for[tbl] = root.table end
    end)
  end
  return stands_for
end

-- What a table, or a hierarchy of tables, refers to.
local function dependencies_in(tables, stands_for)
  local of = {}
  for _, tbl in ipairs(tables) do
    local node = stands_for[tbl] or tbl
    of[node] = of[node] or {}
    for _, dependency in ipairs(tbl:_dependencies()) do
      local other = stands_for[dependency] or dependency
      if other ~= node then table.insert(of[node], other) end
    end
  end
  return of
end

-- The roots, each behind those whose tables it refers to, also by way of tables
-- that are not among them.
local function in_order(roots)
  if #roots < 2 then return roots end
  local rank, seen, stands_for = {}, {}, hierarchies(roots)
  for _, root in ipairs(roots) do
    local metadata = root.table.metadata
    if not seen[metadata] then
      seen[metadata] = true
      local of, nodes = dependencies_in(metadata:_tables(), stands_for), {}
      for _, tbl in ipairs(metadata:_tables()) do
        if of[tbl] then nodes[#nodes + 1] = tbl end
      end
      for i, tbl in ipairs((sort.topological(nodes, function(tbl) return of[tbl] end))) do rank[tbl] = i end
    end
  end
  local ordered, given = {}, {}
  for i, root in ipairs(roots) do ordered[i], given[root] = root, i end
  table.sort(ordered, function(a, b)
    local x, y = rank[a.table], rank[b.table]
    if x ~= y then return x < y end
    return given[a] < given[b]
  end)
  return ordered
end

---- levels within a table that refers to itself ---------------------------------------

-- The foreign keys by which a hierarchy refers to itself.
local function own_keys(root)
  local list, is_own, seen = {}, {}, {}
  root:_each_below(function(mapper)
    for _, tbl in ipairs(mapper.tables) do is_own[tbl] = true end
  end)
  root:_each_below(function(mapper)
    for _, tbl in ipairs(mapper.tables) do
      for _, key in ipairs(seen[tbl] and {} or tbl.foreign_keys) do
        if is_own[key:_find_referred_table()] and not root.root_of[key.columns[1]] then list[#list + 1] = key end
      end
      seen[tbl] = true
    end
  end)
  return list
end

-- For a table that refers to itself: a function that lists the instances whose
-- key values an instance's foreign keys have; nil for others.
local function by_key_values(root, pairs_)
  local lookups = {}
  for _, key in ipairs(own_keys(root)) do
    local referred, objects = key:referred_columns(), {}
    for _, pair in ipairs(pairs_) do
      local found = keys.known(referred, keys.pick(referred, pair[2].values))
      if found then objects[found] = pair[1] end
    end
    lookups[#lookups + 1] = { key.columns, referred, objects }
  end
  if #lookups == 0 then return nil end
  return function(state)
    local list = {}
    for _, lookup in ipairs(lookups) do
      local found = keys.known(lookup[2], keys.pick(lookup[1], state.values))
      if found then list[#list + 1] = lookup[3][found] end
    end
    return list
  end
end

-- Cuts instances of one hierarchy into levels: each depends on earlier levels only.
local function levels_of(root, pairs_, dependencies)
  local referred_by_value = by_key_values(root, pairs_)
  if not referred_by_value and not dependencies.within[root] then return { pairs_ } end
  local by_object, objects = {}, {}
  for i, pair in ipairs(pairs_) do
    objects[i] = pair[1]
    by_object[pair[1]] = pair
  end
  local function before(object)
    local list = referred_by_value and referred_by_value(by_object[object][2]) or {}
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

-- Calls `fn(mapper, pairs)` for the instances of each mapper.
local function by_mapper(pairs_, fn)
  local mappers, groups = {}, {}
  for _, pair in ipairs(pairs_) do
    local mapper = pair[2].mapper
    if not groups[mapper] then
      groups[mapper] = {}
      mappers[#mappers + 1] = mapper
    end
    table.insert(groups[mapper], pair)
  end
  for _, mapper in ipairs(mappers) do fn(mapper, groups[mapper]) end
end

-- Tells the listeners of a model of each instance.
local function tell(mapper, name, conn, pairs_)
  if not mapper:_is_heard() then return end
  for _, pair in ipairs(pairs_) do mapper:_tell(name, mapper, conn, pair[1]) end
end

---- inserts ----------------------------------------------------------------------------

-- A new instance with the key of one that is deleted in the same flush takes
-- over its row, which others may refer to. Returns those that do not.
local function take_over_rows(session, conn, mapper, pairs_)
  if session._deleted:empty() then return pairs_ end
  local left, switched = {}, {}
  for _, pair in ipairs(pairs_) do
    local object, state = pair[1], pair[2]
    local key = mapper:_identity_of(state.values)
    local old = key and session._identity:get(mapper, key)
    if old and session._deleted:has(old) and instance.state(old).mapper == mapper then
      local version = mapper.version
      if version then state.values[version.key] = instance.state(old).values[version.key] end
      session:_became_deleted(old, instance.state(old))
      insertion.take_identity(state)
      switched[#switched + 1] = { object, state, updating.replacing_changes(state) }
    else
      left[#left + 1] = pair
    end
  end
  if #switched > 0 then
    updating.update(conn, mapper, switched)
    for _, triple in ipairs(switched) do session:_became_persistent(triple[1], triple[2]) end
  end
  return left
end

-- Inserts; instances whose parent comes only later are returned in `late`.
local function insert_new(session, conn, root, pairs_, dependencies, late)
  for _, level in ipairs(levels_of(root, pairs_, dependencies)) do
    for _, pair in ipairs(level) do
      if not dependencies:sync(pair[1], pair[2]) then late[#late + 1] = pair[1] end
    end
    by_mapper(level, function(mapper, its)
      tell(mapper, "before_insert", conn, its)
      local rows = take_over_rows(session, conn, mapper, its)
      if #rows > 0 then insertion.insert(conn, mapper, rows) end
      tell(mapper, "after_insert", conn, its)
      for _, pair in ipairs(rows) do session:_became_persistent(pair[1], pair[2]) end
    end)
  end
end

---- updates ----------------------------------------------------------------------------

-- Those of a mapper's instances that have changes, as `{ object, state, changes }`.
local function changed_among(conn, mapper, pairs_)
  local changed = {}
  local heard = mapper:_is_heard()
  for _, pair in ipairs(pairs_) do
    local changes = instance.changes(pair[2])
    if #changes > 0 and heard then
      mapper:_tell("before_update", mapper, conn, pair[1])
      changes = instance.changes(pair[2])
    end
    if #changes > 0 then changed[#changed + 1] = { pair[1], pair[2], changes } end
  end
  return changed
end

local function update_changed(session, conn, pairs_, dependencies, late)
  for _, pair in ipairs(pairs_) do
    if not dependencies:sync(pair[1], pair[2], late == nil) then late[#late + 1] = pair[1] end
  end
  local mappers, groups = {}, {}
  by_mapper(pairs_, function(mapper, its)
    local changed = changed_among(conn, mapper, its)
    if #changed > 0 then mappers[#mappers + 1], groups[#groups + 1] = mapper, changed end
  end)
  for i, mapper in ipairs(mappers) do
    -- models of one hierarchy take each other's unique values, too
    for j = i + 1, #mappers do unique.make_way(conn, groups[i], groups[j]) end
    local changed = unique.in_order(conn, mapper, groups[i])
    updating.update(conn, mapper, changed)
    tell(mapper, "after_update", conn, changed)
    for _, triple in ipairs(changed) do session:_became_updated(triple[1], triple[2]) end
  end
end

---- deletes ----------------------------------------------------------------------------

local function delete_marked(session, conn, root, pairs_, dependencies)
  local levels = levels_of(root, pairs_, dependencies)
  for i = #levels, 1, -1 do
    by_mapper(levels[i], function(mapper, its)
      tell(mapper, "before_delete", conn, its)
      delete(conn, mapper, its)
      tell(mapper, "after_delete", conn, its)
      for _, pair in ipairs(its) do session:_became_deleted(pair[1], pair[2]) end
    end)
  end
end

-- Those of a group that are not deleted yet.
local function still_there(pairs_)
  local left = {}
  for _, pair in ipairs(pairs_ or {}) do
    if pair[2].status ~= "deleted" then left[#left + 1] = pair end
  end
  return left
end

-- Makes way for unique values that rows take from others which give them up
-- only later: new ones from those that change or go, changed ones from those that go.
local function make_way(conn, dependencies, new, dirty, deleted)
  if not dirty and not deleted then return end
  local changed, giving = {}, {}
  -- keys of parents are among those values
  for _, pair in ipairs(new or {}) do dependencies:sync(pair[1], pair[2]) end
  for _, pair in ipairs(dirty or {}) do dependencies:sync(pair[1], pair[2]) end
  for _, pair in ipairs(dirty or {}) do
    if next(pair[2].original) ~= nil then changed[#changed + 1] = pair end
  end
  for i, pair in ipairs(deleted or {}) do giving[i] = { pair[1], pair[2], leaves = true } end
  unique.make_way(conn, changed, giving)
  for _, pair in ipairs(changed) do giving[#giving + 1] = pair end
  unique.make_way(conn, new or {}, giving)
end

--- Writes everything.
-- @tparam Session session
-- @tparam Connection conn
function unit_of_work.flush(session, conn)
  local dependencies = Dependencies._new(session)
  dependencies:collect()
  local roots = { known = {} }
  local new = group(session._new:list(), roots)
  local deleted = group(session._deleted:list(), roots)
  local watched = {}
  for _, object in ipairs(session._watched:list()) do
    if not session._deleted:has(object) then watched[#watched + 1] = object end
  end
  local dirty = group(watched, roots)
  local ordered = in_order(roots)

  local late = {}
  for _, root in ipairs(ordered) do
    make_way(conn, dependencies, new[root], dirty[root], deleted[root])
    if new[root] then insert_new(session, conn, root, new[root], dependencies, late) end
    if dirty[root] then update_changed(session, conn, dirty[root], dependencies, late) end
  end
  -- two tables that refer to each other: the first one's keys come now
  local again = group(late, roots)
  for _, root in ipairs(ordered) do
    if again[root] then update_changed(session, conn, again[root], dependencies) end
  end
  dependencies:write_associations(conn)
  dependencies:clear_references(conn)
  for i = #ordered, 1, -1 do
    local left = still_there(deleted[ordered[i]])
    if #left > 0 then delete_marked(session, conn, ordered[i], left, dependencies) end
  end
  dependencies:settle()
end

return unit_of_work
