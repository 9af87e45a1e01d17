--- A session's transaction or savepoint, and what a rollback must undo in the
-- objects.
-- @module pgvector.orm.transaction

local class = require "pgvector.class"
local errors = require "pgvector.errors"
local instance = require "pgvector.orm.instance"
local OrderedSet = require "pgvector.orm.ordered_set"

local SessionTransaction = class("SessionTransaction")

-- After so many flushes a commit gives up.
local MOST_FLUSHES = 100

-- Begins a transaction, or a savepoint in `parent`.
function SessionTransaction._begin(session, parent)
  local self = setmetatable({
    session = session, parent = parent, is_active = true, failed = nil,
    new = OrderedSet._new(),      -- became persistent in it
    dirty = OrderedSet._new(),    -- were updated in it
    deleted = OrderedSet._new(),  -- were deleted in it
    moved = {},                   -- instance → the identity it had before
    rewritten = {},               -- table → true if a statement changed rows of it
  }, SessionTransaction)
  if parent then self._savepoint = parent:_connection():begin_nested() end
  session._transaction = self
  return self
end

-- The connection, taken when first needed. A connection that the session was
-- bound to in the middle of a transaction stays its owner's to commit.
function SessionTransaction:_connection()
  if self.parent then return self.parent:_connection() end
  local conn = self._conn
  if not conn then
    local bind = self.session.bind
    if bind._is_connection then
      conn, self._joined = bind, bind:in_transaction()
    else
      conn = bind:connect()
    end
    self._conn = conn
    if self.session:_is_heard() then self.session:_tell("after_begin", self, conn) end
  end
  return conn
end

local function check_active(self)
  if not self.is_active then errors.raise("InvalidRequestError", "this transaction is over already") end
  if self.session._transaction ~= self then
    -- savepoints inside this one end with it
    while self.session._transaction ~= self do self.session._transaction:commit() end
  end
end

-- Leaves the transaction: its parent is the innermost one again.
function SessionTransaction:_leave()
  self.is_active = false
  self.session._transaction = self.parent
end

-- Gives the connection back; what was not committed is rolled back with it.
function SessionTransaction:_end()
  local conn = self._conn
  self:_leave()
  self.session._transaction = nil
  if not conn then return end
  if conn ~= self.session.bind then
    conn:close()
  elseif not self._joined and not conn._closed then
    conn:rollback()
  end
end

-- Detaches what it deleted.
function SessionTransaction:_let_go()
  local session = self.session
  local heard = session:_is_heard()
  for _, object in ipairs(self.deleted:list()) do
    local state = instance.state(object)
    state.session, state.status = nil, "detached"
    if heard then session:_tell("deleted_to_detached", object) end
  end
end

-- Writes everything, also what listeners of a flush have changed meanwhile.
local function flush_all(session)
  for _ = 1, MOST_FLUSHES do
    session:flush()
    if session:_is_clean() then return end
  end
  errors.raise("InvalidRequestError", "commit: there is something to write after %d flushes: "
    .. "does a listener change objects in every flush?", MOST_FLUSHES)
end

-- Calls the connection's or savepoint's `commit`. If that fails nothing was
-- kept, and the user must see it, as with a flush.
local function finish(self, target)
  local ok, err = pcall(target.commit, target)
  if not ok then
    self:_fail(err)
    error(err, 0)
  end
end

--- Flushes and commits, or releases the savepoint.
function SessionTransaction:commit()
  check_active(self)
  local session = self.session
  session:_begun() -- raises after a failed flush
  local heard = session:_is_heard()
  if heard and not self.parent then session:_tell("before_commit") end
  flush_all(session)
  if self.parent then
    finish(self, self._savepoint)
    self:_hand_over()
    self:_leave()
    return
  end
  if self._conn and not self._joined then finish(self, self._conn) end
  self:_let_go()
  for _, object in ipairs(self.new:list()) do instance.state(object).made = nil end
  self:_end()
  if session.expire_on_commit then session:expire_all() end
  if heard then session:_tell("after_commit") end
end

-- What a savepoint did becomes its parent's.
function SessionTransaction:_hand_over()
  local parent = self.parent
  for _, name in ipairs{ "new", "dirty", "deleted" } do
    for _, object in ipairs(self[name]:list()) do parent[name]:add(object) end
  end
  for object, identity in pairs(self.moved) do
    if parent.moved[object] == nil then parent.moved[object] = identity end
  end
  for tbl in pairs(self.rewritten) do parent.rewritten[tbl] = true end
end

-- Puts the objects back into the state before the transaction.
function SessionTransaction:_restore()
  local session = self.session
  local heard = session:_is_heard()
  session:_forget_pending()
  -- what is new in it gives its key up, perhaps to another that had it before
  for object, identity in pairs(self.moved) do
    if not self.new:has(object) then session:_move(object, instance.state(object), identity) end
  end
  for _, object in ipairs(self.deleted:list()) do
    local state = instance.state(object)
    state.status = "persistent"
    if not self.new:has(object) then session._identity:put(state.mapper, state.identity_key, object) end
    if heard then session:_tell("deleted_to_persistent", object) end
  end
  for _, object in ipairs(self.new:list()) do
    local state = instance.state(object)
    session._identity:remove(state.mapper, state.identity_key, object)
    session._watched:remove(object)
    instance.take_back(state)
    if heard then session:_tell("persistent_to_transient", object) end
  end
  local outdated = { self.deleted:list(), session._watched:list() }
  if self.parent then
    outdated[3] = self.dirty:list()
    for tbl in pairs(self.rewritten) do outdated[#outdated + 1] = session._identity:in_table(tbl) end
  else
    outdated[3] = session._identity:all()
  end
  for _, objects in ipairs(outdated) do session:_forget_changes(objects) end
end

-- Undoes everything, here and in savepoints inside.
function SessionTransaction:_undo()
  local session = self.session
  while session._transaction ~= self do
    local inner = session._transaction
    inner:_hand_over()
    inner:_leave()
  end
  self:_restore()
end

--- Rolls back, the objects too.
function SessionTransaction:rollback()
  if not self.is_active then errors.raise("InvalidRequestError", "this transaction is over already") end
  if not self.failed then
    self:_undo()
    if self.parent then
      self._savepoint:rollback()
    elseif self._conn then
      self._conn:rollback()
    end
  end
  if self.parent then self:_leave() else self:_end() end
  local session = self.session
  if session:_is_heard() then
    if not self.parent then session:_tell("after_rollback") end
    session:_tell("after_soft_rollback", self)
  end
end

-- A flush failed: rolls back at once, but the session stays in this
-- transaction until the user has seen it.
function SessionTransaction:_fail(err)
  self.failed = err
  self:_undo()
  -- no connection: there was none to be had, or the flush did not come so far
  local target = self._savepoint or self._conn
  -- the flush's error is the one to see
  if target then pcall(target.rollback, target) end
end

--- Rolls back unless it is over. Idempotent.
function SessionTransaction:close()
  if self.is_active then self:rollback() end
end

SessionTransaction.__close = SessionTransaction.close -- local tx <close> = session:begin()

return class.seal(SessionTransaction)
