--- Values of relationships: reading, setting, and keeping both sides in step.
--
-- A related instance or list lies in `state.values` like a column's value;
-- `state.committed[key]` is the sequence of related instances that the
-- database knows, absent as long as nothing is loaded.
-- @module pgvector.orm.related

local class = require "pgvector.class"
local events = require "pgvector.util.events"
local collection = require "pgvector.orm.collection"
local core = require "pgvector.core"
local errors = require "pgvector.errors"
local instance = require "pgvector.orm.instance"
local lazy = require "pgvector.orm.lazy"
local options = require "pgvector.orm.options"
local OrderedSet = require "pgvector.orm.ordered_set"
local Relationship = require "pgvector.orm.relationship"
local WriteOnlyList = require "pgvector.orm.write_only"

local null = core.null

--- Raises unless `object` is an instance of the target.
function Relationship:_check_related(object)
  local state = instance.state(object)
  if state and state.mapper:_is_a(self.target) then return end
  errors.raise("ArgumentError", "%s: expected an instance of model '%s', got %s", self:_describe(),
    self.target.name, state and tostring(object) or class.describe(object))
end

-- Raises if `other` cannot come into the session of `object`. To be asked before
-- anything is changed: half of a change would fail again with every flush.
function Relationship:_check_session(object, other)
  local session = instance.state(object).session
  if session and self.cascade["save-update"] then session:_check_add(other, instance.state(other), self) end
end

---- what came to a list ----------------------------------------------------------------
--
-- For a list `state.related[key]` is the set of those that came to it since the last
-- flush by a method, an assignment or the other side. They are put into a list that
-- is loaded only later; one that a flush does not find in a loaded list was taken
-- out by Lua's own functions.

local function came(relationship, state, other)
  if relationship.viewonly then return end
  local own = instance.own(state, "related")
  own[relationship.key] = own[relationship.key] or OrderedSet._new()
  own[relationship.key]:add(other)
end

local function went(relationship, state, other)
  local set = state.related[relationship.key]
  if not set then return end
  set:remove(other)
  if set:empty() then instance.clear(state, "related", relationship.key) end
end

-- What `state.related[key]` says of one that has no parent any more: is it an orphan?
local function left(relationship)
  return relationship.reverse and relationship.reverse.cascade["delete-orphan"] and "orphan" or true
end

---- reading ------------------------------------------------------------------------

-- Puts what was loaded into an instance.
-- @tparam table related sequence; for a scalar relationship at most one
function Relationship:_store(object, state, related)
  local known = {}
  for i, other in ipairs(related) do known[i] = other end
  instance.own(state, "committed")[self.key] = known
  if self.is_list then
    local waiting = state.values[self.key] == nil and state.related[self.key]
    for _, other in ipairs(waiting and collection.without(waiting:list(), known) or {}) do
      related[#related + 1] = other
    end
    if not waiting then instance.clear(state, "related", self.key) end
    state.values[self.key] = collection.new(object, self, related)
  else
    instance.clear(state, "related", self.key)
    if #related > 1 then
      errors.raise("MultipleResultsFound", "%s: several rows for one value", self:_describe())
    end
    state.values[self.key] = related[1] or null
  end
end

-- May what is related be loaded because somebody reads it?
local function check_lazy(relationship, state, strategy)
  if strategy == "raise" or strategy == "raise_on_sql" and not lazy.peek(relationship, state) then
    errors.raise("InvalidRequestError", "%s: lazy loading is not allowed here (%s)", relationship:_describe(), strategy)
  elseif state.session and state.session:_forbids_lazy(state) and not lazy.peek(relationship, state) then
    errors.raise("InvalidRequestError",
      "%s: the session forbids lazy loading (forbid_lazy): load it with the statement, by orm.selectinload "
        .. "or orm.joinedload", relationship:_describe())
  end
end

-- Objects whose attribute says that they came to a list, or left it, and that are
-- not written yet: the database, when it was asked for the list, did not know.
local function add_unwritten(self, object, session)
  local reverse, list, gone = self.reverse, instance.state(object).values[self.key], {}
  for _, set in ipairs{ session._new, session._watched } do
    for _, other in ipairs(set:list()) do
      local state = instance.state(other)
      if rawequal(state.mapper.by_key[reverse.key], reverse) and state.related[reverse.key] then
        if rawequal(state.values[reverse.key], object) then
          collection.include(list, other)
        else
          gone[other] = true
        end
      end
    end
  end
  if next(gone) ~= nil then collection.exclude_all(list, gone) end
end

-- Makes sure that a value is there. What the library itself has to know, in
-- order to delete or replace it, is loaded even where reading it is not allowed.
function Relationship:_loaded(object, state)
  if state.values[self.key] ~= nil then return end
  if self.lazy == "write_only" then
    state.values[self.key] = WriteOnlyList._new(object, self)
    return
  end
  local loads = state.identity and state.status ~= "deleted" and options.strategy(state.node, self) ~= "noload"
  if loads and not state.session then
    errors.raise("DetachedInstanceError", "%s is in no session: %s cannot be loaded", tostring(object),
      self:_describe())
  end
  self:_store(object, state, loads and lazy.load(self, object, state) or {})
  local session = state.session
  if loads and not session.autoflush and self.is_list and self.reverse and not self.reverse.is_list then
    add_unwritten(self, object, session)
  end
end

-- `object.key` when nothing is loaded.
function Relationship:_get(object, state)
  self:_configure()
  if state.values[self.key] == nil then
    local strategy = options.strategy(state.node, self)
    if state.identity and state.status ~= "deleted" and strategy ~= "noload" and self.lazy ~= "write_only" then
      check_lazy(self, state, strategy)
    end
    self:_loaded(object, state)
  end
  return self:_read(object, state, state.values[self.key])
end

-- A loaded value as it is handed out: a list may be changed by whoever has it,
-- so the session keeps its owner.
function Relationship:_read(object, state, value)
  if value == null then return nil end
  if self.is_list then
    if state.session then state.session:_pin(object, state) end
    if self.lazy ~= "write_only" and getmetatable(value).asked then collection.forget(value) end
  end
  return value
end

---- both sides -----------------------------------------------------------------------

local function mark(object, state)
  if state.session then state.session:_mark_modified(object, state) end
end

-- Takes `other` out of what is loaded of `object`, without further effects. A
-- single one that is not loaded is `other`, whose list knew of `object`.
local function detach(relationship, object, other)
  local state = instance.state(object)
  relationship:_configure()
  local value = state.values[relationship.key]
  if relationship.is_list then
    went(relationship, state, other)
    if relationship.lazy == "write_only" then return end
    if value then collection.exclude(value, other) end
  elseif rawequal(value, other) or value == nil and state.identity then
    if value == nil then instance.own(state, "committed")[relationship.key] = { other } end
    state.values[relationship.key] = null
    instance.own(state, "related")[relationship.key] = left(relationship)
  end
  mark(object, state)
end

-- Puts `other` into `object`; a list that is not loaded gets it later.
local function attach(relationship, object, other)
  local state = instance.state(object)
  relationship:_configure()
  local value = state.values[relationship.key]
  if relationship.is_list then
    if relationship.lazy == "write_only" then
      value = nil
    elseif value == nil and not state.identity then
      relationship:_store(object, state, {})
      value = state.values[relationship.key]
    end
    came(relationship, state, other)
    if value then collection.include(value, other) end
  else
    local old = value
    if old == nil then old = lazy.peek(relationship, state) end
    if instance.state(old) and not rawequal(old, other) and relationship.reverse then
      detach(relationship.reverse, old, object)
    end
    state.values[relationship.key] = other
    instance.own(state, "related")[relationship.key] = true
  end
  mark(object, state)
end

-- What follows from `other` being related to `object`.
function Relationship:_linked(object, other)
  local state = instance.state(object)
  if self.is_list then came(self, state, other) end
  if self.reverse then attach(self.reverse, other, object) end
  mark(object, state)
  if state.session and self.cascade["save-update"] then state.session:_add(other, "add") end
end

-- An object that was only going to be inserted because a list brought it, and
-- that the list does not own any more.
local function forsake(object)
  local state = instance.state(object)
  if state.status == "pending" then state.session:expunge(object) end
end

-- What follows from `other` being related to `object` no more.
-- @tparam[opt] boolean moves does `object` go over to another?
function Relationship:_unlinked(object, other, moves)
  local state = instance.state(object)
  if self.is_list then went(self, state, other) end
  if self.reverse then detach(self.reverse, other, object) end
  mark(object, state)
  if self.cascade["delete-orphan"] then
    forsake(other)
  elseif not moves and self.reverse and self.reverse.cascade["delete-orphan"] then
    forsake(object)
  end
end

---- setting ----------------------------------------------------------------------------

-- Puts what listeners make of the members that a list did not have in their place.
local function hear_coming(self, object, items, before)
  local is_new = {}
  for _, other in ipairs(collection.without(items, before)) do is_new[other] = true end
  for i, other in ipairs(items) do
    if is_new[other] then items[i] = self:_heard("append", object, other) end
  end
end

local function set_list(self, object, state, value)
  if type(value) ~= "table" or instance.state(value) then
    errors.raise("ArgumentError", "%s: expected a sequence of instances, got %s", self:_describe(),
      class.describe(value))
  end
  if self.lazy == "write_only" then
    if state.identity then
      errors.raise("InvalidRequestError", "%s is write_only: use add and remove", self:_describe())
    end
    self:_loaded(object, state)
    return state.values[self.key]:add_all(value)
  end
  for _, other in ipairs(value) do self:_check_related(other) end
  local before, items = {}, {}
  if state.identity then self:_loaded(object, state) end
  local old = state.values[self.key] or {}
  for i, other in ipairs(old) do before[i] = other end
  for i, other in ipairs(value) do items[i] = other end
  if self._listeners then hear_coming(self, object, items, before) end
  local gone, come = collection.without(before, items), collection.without(items, before)
  for _, other in ipairs(come) do self:_check_session(object, other) end
  for _, other in ipairs(gone) do self:_heard("remove", object, other) end
  state.values[self.key] = collection.new(object, self, items)
  instance.own(state, "committed")[self.key] = state.committed[self.key] or {}
  for _, other in ipairs(gone) do self:_unlinked(object, other) end
  for _, other in ipairs(come) do self:_linked(object, other) end
end

-- What listeners make of a member that comes or goes.
function Relationship:_heard(name, object, other)
  if not self._listeners then return other end
  local replaced = events.filter(self, name, object, other)
  if not rawequal(replaced, other) then self:_check_related(replaced) end
  return replaced
end

-- What listeners make of a new value.
local function heard_value(self, object, value, old)
  local given, before = value, old
  if given == null then given = nil end
  if before == null then before = nil end
  local replaced = events.filter(self, "set", object, given, before)
  if replaced == nil then return null end
  self:_check_related(replaced)
  return replaced
end

-- `object.key = value`
function Relationship:_set(object, state, value)
  self:_configure()
  if self.viewonly then errors.raise("InvalidRequestError", "%s is viewonly", self:_describe()) end
  if self.is_list then return set_list(self, object, state, value) end
  if value ~= nil and value ~= null then self:_check_related(value) else value = null end
  local old = state.values[self.key]
  -- the one that is replaced on the far side must be known to lose its key
  if old == nil and state.identity and self.direction == "one_to_many" then
    self:_loaded(object, state)
    old = state.values[self.key]
  elseif old == nil then
    old = lazy.peek(self, state)
  end
  if rawequal(old, value) then return end
  if self._listeners then value = heard_value(self, object, value, old) end
  if value ~= null then self:_check_session(object, value) end
  state.values[self.key] = value
  -- one whose key cannot be NULL had a parent, although it is not known
  local had_one = instance.state(old) ~= nil
    or state.identity and self.direction == "many_to_one" and not self.pairs[1][1].nullable
  instance.own(state, "related")[self.key] = value == null and had_one and left(self) or true
  if instance.state(old) then self:_unlinked(object, old, value ~= null) end
  if value ~= null then self:_linked(object, value) else mark(object, state) end
end

--- Takes an instance that was merged out of the lists of the session's objects: it
-- stays outside.
-- @param object
-- @tparam table state of it
-- @tparam Session session
function Relationship:_withdraw(object, state, session)
  local reverse, value = self.reverse, state.values[self.key]
  if not reverse or not reverse.is_list or self.lazy == "write_only" or value == nil or value == null then return end
  for _, other in ipairs(instance.state(value) and { value } or value) do
    if instance.state(other).session == session then detach(reverse, other, object) end
  end
end

---- cascades -----------------------------------------------------------------------------

-- The instances that `what` goes on to: what is loaded; for "delete" what is
-- in the database, too, unless the database deletes by itself.
-- @treturn table sequence
function Relationship:_cascade(what, object, state)
  self:_configure()
  if not self.cascade[what] then return {} end
  local value = state.values[self.key]
  if value == nil and what == "delete" and not self.passive_deletes and state.identity then
    self:_loaded(object, state)
    value = state.values[self.key]
  end
  local waiting = self.is_list and (value == nil or self.lazy == "write_only") and state.related[self.key]
  if value == nil or value == null then return waiting and waiting:list() or {} end
  if instance.state(value) then return { value } end
  if self.lazy == "write_only" then
    local stored = what == "delete" and not self.passive_deletes and state.identity
    value = stored and lazy.load(self, object, state) or value._added:list()
  end
  local list = {}
  for i, other in ipairs(value) do list[i] = other end
  return list
end

return Relationship
