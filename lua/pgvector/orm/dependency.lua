--- What relationships mean for a flush: which keys are copied from which
-- instance, and which rows of association tables come and go.
-- @module pgvector.orm.dependency

local class = require "pgvector.class"
local collection = require "pgvector.orm.collection"
local core = require "pgvector.core"
local instance = require "pgvector.orm.instance"
local insert = require "pgvector.sql.insert".insert
local keys = require "pgvector.orm.key"
local lazy = require "pgvector.orm.lazy"
local stored = require "pgvector.orm.stored"
local Relationship = require "pgvector.orm.relationship"
local update = require "pgvector.sql.update"
local updating = require "pgvector.orm.persistence.update"

local null = core.null

---- what one flush has to settle ------------------------------------------------------

local Dependencies = class("Dependencies")

--- Collects what the relationships of a session's instances ask for.
-- @tparam Session session
function Dependencies._new(session)
  return setmetatable({
    session = session,
    links = {},                      -- instance → first key column → { pairs, parent }
    orphans = {},                    -- sequence of { instance, key column }
    added = {}, removed = {},        -- association rows: sequences of { relationship, near, far }
    cleared = {},                    -- sequence of { relationship, instance }
    references = {},                 -- sequence of { instance, key columns }: NULL before deletes
    within = {},                     -- root mapper → true if its instances depend on each other
    collected = {},                  -- sequence of instances whose relationships were looked at
  }, Dependencies)
end

--- `child`'s key columns are to be those of `parent`; nil, or one that is going
-- to be deleted: to be NULL, unless another parent claims it.
-- @param child an instance
-- @tparam table pairs_ sequence of `{ child column, parent column }`
-- @param parent an instance, or nil
-- @tparam[opt] boolean afterwards both may be stored in any order: the key follows
function Dependencies:link(child, pairs_, parent, afterwards)
  local state = instance.state(child)
  if state.session ~= self.session then return end
  if parent and self.session._deleted:has(parent) then parent = nil end
  local of_child = self.links[child] or {}
  self.links[child] = of_child
  local column = pairs_[1][1]
  if parent or not of_child[column] then
    of_child[column] = { pairs = pairs_, parent = parent, afterwards = afterwards }
  end
  if parent then self.within[state.mapper.root] = true end
  if state.identity then self.session._watched:add(child) end
end

--- The instances that must be stored before `child`.
-- @treturn table sequence
function Dependencies:parents(child)
  local parents, links = {}, self.links[child]
  if not links then return parents end
  -- by column: the order must not depend on the hash
  for _, column in ipairs(instance.state(child).mapper.columns) do
    local link = links[column]
    if link and link.parent and not link.afterwards then parents[#parents + 1] = link.parent end
  end
  return parents
end

--- Copies keys into an instance.
-- @param child
-- @tparam table state of it
-- @tparam[opt] boolean is_last is everything stored that will be?
-- @treturn boolean false if something must be copied later
function Dependencies:sync(child, state, is_last)
  local links, complete = self.links[child], true
  if not links then return true end
  for _, column in ipairs(state.mapper.columns) do
    local link = links[column]
    local parent = link and link.parent
    if parent and (not instance.state(parent).identity or link.afterwards and not is_last) then
      complete = false
    elseif link then
      for _, pair in ipairs(link.pairs) do
        local value = null
        if parent then value = parent[pair[2].key] end
        local key = pair[1].key
        if not state.identity then
          instance.set_made(state, key, value)
        elseif state.values[key] ~= value then
          instance.set_column(child, state, key, value)
        end
      end
    end
  end
  return complete
end

-- Deletes children that nobody claims any more.
function Dependencies:_delete_orphans()
  for _, orphan in ipairs(self.orphans) do
    local child, column = orphan[1], orphan[2]
    if not self.links[child][column].parent then
      if instance.state(child).identity then self.session:delete(child) else self.session:expunge(child) end
    end
  end
  self.orphans = {}
end

--- Looks at every instance that may have changed, and at those that a cascade
-- brings meanwhile.
function Dependencies:collect()
  local session = self.session
  local seen = { _collect = {}, _collect_deleted = {} }
  local noticed = {}
  local function notice(set)
    for _, object in ipairs(set:list()) do
      local state = instance.state(object)
      if not noticed[object] and next(state.related) ~= nil and not session._deleted:has(object) then
        noticed[object] = true
        for _, property in ipairs(state.mapper.properties) do
          if property._notice then property:_notice(object, state) end
        end
      end
    end
  end
  local function visit(set, method)
    local any = false
    for _, object in ipairs(set:list()) do
      local state = instance.state(object)
      if not seen[method][object] and (method == "_collect_deleted" or not session._deleted:has(object)) then
        seen[method][object], any = true, true
        self.collected[#self.collected + 1] = object
        for _, property in ipairs(state.mapper.properties) do
          if property[method] then property[method](property, self, object, state) end
        end
      end
    end
    return any
  end
  repeat
    notice(session._new)
    notice(session._watched)
    local new, watched = visit(session._new, "_collect"), visit(session._watched, "_collect")
    self:_delete_orphans()
    local deleted = visit(session._deleted, "_collect_deleted")
  until not (new or watched or deleted)
end

---- association tables -----------------------------------------------------------------

-- The row that relates two instances, by the columns of the association table.
local function association_row(relationship, near, far)
  local row = {}
  for _, pair in ipairs(relationship.pairs) do row[pair[2].key] = near[pair[1].key] end
  for _, pair in ipairs(relationship.far_pairs) do row[pair[1].key] = far[pair[2].key] end
  return row
end

local function columns_in(tbl, row)
  local columns = {}
  for _, column in ipairs(tbl:_columns()) do
    if row[column.key] ~= nil then columns[#columns + 1] = column end
  end
  return columns
end

-- Rows by table, each once: both sides of a relationship report it.
local function rows_by_table(entries)
  local tables, rows, seen = {}, {}, {}
  for _, entry in ipairs(entries) do
    local tbl = entry[1].secondary_table
    local row = association_row(entry[1], entry[2], entry[3])
    local columns, shape = columns_in(tbl, row), { tbl.key }
    for i, column in ipairs(columns) do shape[i + 1] = column.key end
    shape = table.concat(shape, "\0") -- relationships may fill different columns of one table
    seen[shape] = seen[shape] or {}
    local found = keys.known(columns, keys.pick(columns, row))
    if not found or not seen[shape][found] then
      if found then seen[shape][found] = true end
      if not rows[tbl] then
        rows[tbl] = {}
        tables[#tables + 1] = tbl
      end
      table.insert(rows[tbl], row)
    end
  end
  return tables, rows
end

-- DELETE of rows by some of their columns.
local function delete_where(tbl, columns)
  return update.delete(tbl):where(stored.with_values(columns))
end

--- Writes the rows of association tables.
-- @tparam Connection conn
function Dependencies:write_associations(conn)
  local tables, rows = rows_by_table(self.removed)
  for _, tbl in ipairs(tables) do
    conn:execute(delete_where(tbl, columns_in(tbl, rows[tbl][1])), rows[tbl])
  end
  for _, entry in ipairs(self.cleared) do
    local relationship, object = entry[1], entry[2]
    local columns, row = {}, {}
    for i, pair in ipairs(relationship.pairs) do
      columns[i], row[pair[2].key] = pair[2], object[pair[1].key]
    end
    conn:execute(delete_where(relationship.secondary_table, columns), row)
  end
  tables, rows = rows_by_table(self.added)
  for _, tbl in ipairs(tables) do conn:execute(insert(tbl), rows[tbl]) end
end

--- Sets references of rows to NULL that would keep others from being deleted.
-- @tparam Connection conn
function Dependencies:clear_references(conn)
  for _, entry in ipairs(self.references) do
    updating.set_null(conn, entry[1], instance.state(entry[1]), entry[2])
  end
end

--- Takes what is loaded as what the database knows.
function Dependencies:settle()
  for _, object in ipairs(self.collected) do
    local state = instance.state(object)
    for _, property in ipairs(state.mapper.properties) do
      if property._settle then property:_settle(state) end
    end
    if state.session then state.session:_rewatch(object, state) end
  end
end

---- what each relationship asks for ------------------------------------------------------

local swapped = Relationship._swapped

-- A loaded value as a sequence.
local function as_list(value)
  if value == nil or value == null then return {} end
  return instance.state(value) and { value } or value
end

local function collect_parent(self, dependencies, object, state)
  local value = state.values[self.key]
  if value == nil or not (state.related[self.key] or not state.identity) then return end
  if value ~= null then
    if self.cascade["save-update"] then dependencies.session:_add(value, "flush") end
    dependencies:link(object, self.pairs, value, self.post_update)
  elseif state.related[self.key] then
    dependencies:link(object, self.pairs, nil)
    -- it left a parent that it was known to have
    local known = state.committed[self.key]
    local had_parent = known and known[1] or state.related[self.key] == "orphan"
    if had_parent and state.identity and self.reverse and self.reverse.cascade["delete-orphan"] then
      dependencies.orphans[#dependencies.orphans + 1] = { object, self.pairs[1][1] }
    end
  end
end

-- Has an object another parent by its own attribute, since the last flush, and one
-- that stays? That goes before what was done to a list without its methods.
local function is_elsewhere(self, dependencies, object, other)
  local reverse, state = self.reverse, instance.state(other)
  if not self.is_list or not reverse or reverse.is_list or not state.related[reverse.key] then return false end
  local parent = state.values[reverse.key]
  return instance.state(parent) ~= nil and not rawequal(parent, object)
    and not dependencies.session._deleted:has(parent)
end

-- Brings what came to a list that is not loaded into the session, like the members
-- of one that is.
local function bring(self, dependencies, state)
  local waiting = self.is_list and self.cascade["save-update"] and state.related[self.key]
  for _, other in ipairs(waiting and waiting:list() or {}) do
    if instance.state(other).session ~= dependencies.session then dependencies.session:_add(other, "flush") end
  end
end

--- Notices which of those that came to a list were taken out without its methods.
function Relationship:_notice(object, state)
  local set, list = self.is_list and state.related[self.key], state.values[self.key]
  if not set or not list or self.lazy == "write_only" then return end
  for _, other in ipairs(collection.without(set:list(), list)) do self:_unlinked(object, other) end
end

-- Calls `on_added(other)` and `on_removed(other)` for what differs from the
-- database; brings what is new into the session. What is going to be deleted
-- is not added to anything.
local function each_difference(self, dependencies, object, state, on_added, on_removed)
  local value = state.values[self.key]
  if value == nil or self.lazy == "write_only" then bring(self, dependencies, state) end
  if value == nil then return end
  local current, known = as_list(value), state.committed[self.key] or {}
  if self.lazy == "write_only" then current, known = value._added:list(), value._removed:list() end
  for _, other in ipairs(collection.without(current, known)) do
    self:_check_related(other)
    if is_elsewhere(self, dependencies, object, other) then
      if self.lazy == "write_only" then value._added:remove(other) else collection.exclude(current, other) end
    elseif not dependencies.session._deleted:has(other) then
      self:_linked(object, other)
      on_added(other)
    end
  end
  for _, other in ipairs(collection.without(known, current)) do
    if instance.state(other).session == dependencies.session then on_removed(other) end
  end
end

-- For an instance that stays.
function Relationship:_collect(dependencies, object, state)
  self:_configure()
  if self.viewonly then return end
  if self.direction == "many_to_one" then return collect_parent(self, dependencies, object, state) end
  if self.direction == "one_to_many" then
    local child_pairs = swapped(self.pairs)
    each_difference(self, dependencies, object, state, function(child)
      dependencies:link(child, child_pairs, object, self.post_update)
    end, function(child)
      if dependencies.session._deleted:has(child) or instance.state(child).status == "deleted" then return end
      dependencies:link(child, child_pairs, nil)
      if self.cascade["delete-orphan"] then
        dependencies.orphans[#dependencies.orphans + 1] = { child, child_pairs[1][1] }
      end
    end)
    return
  end
  each_difference(self, dependencies, object, state, function(other)
    dependencies.added[#dependencies.added + 1] = { self, object, other }
  end, function(other)
    dependencies.removed[#dependencies.removed + 1] = { self, object, other }
  end)
end

-- For an instance that is to be deleted: children lose their key, association
-- rows go, unless the database sees to it.
function Relationship:_collect_deleted(dependencies, object, state)
  self:_configure()
  if self.viewonly then return end
  if self.direction == "many_to_one" then
    local column = self.pairs[1][1]
    if self.post_update and object[column.key] ~= nil then
      local columns = {}
      for i, pair in ipairs(self.pairs) do columns[i] = pair[1] end
      dependencies.references[#dependencies.references + 1] = { object, columns }
    end
    return
  end
  if self.direction == "many_to_many" then
    if not self.passive_deletes then dependencies.cleared[#dependencies.cleared + 1] = { self, object } end
    return
  end
  if self.cascade.delete or self.passive_deletes and state.values[self.key] == nil then return end
  self:_loaded(object, state)
  local value = state.values[self.key]
  for _, child in ipairs(self.lazy == "write_only" and lazy.load(self, object, state) or as_list(value)) do
    if not dependencies.session._deleted:has(child) and instance.state(child).status ~= "deleted" then
      dependencies:link(child, swapped(self.pairs), nil)
    end
  end
end

-- Would a flush have something to do for it?
function Relationship:_is_changed(state)
  if self.viewonly then return false end
  if state.related[self.key] then return true end
  if self.lazy == "write_only" then
    local value = state.values[self.key]
    return value ~= nil and not (value._added:empty() and value._removed:empty())
  end
  local known = state.committed[self.key]
  if not known then return false end
  local current = as_list(state.values[self.key])
  return #current ~= #known or #collection.without(current, known) > 0
end

function Relationship:_settle(state)
  instance.clear(state, "related", self.key)
  local value = state.values[self.key]
  if value == nil then return end
  if self.lazy == "write_only" then
    value._added:clear()
    value._removed:clear()
    return
  end
  local known = {}
  for i, other in ipairs(as_list(value)) do known[i] = other end
  instance.own(state, "committed")[self.key] = known
end

return Dependencies
