--- The connection pool, with the options of SQLAlchemy's QueuePool.
--
-- Who wants a link needs a place, one of pool_size + max_overflow. Where there
-- is none left a coroutine queues up, and who leaves a place hands it to the
-- first in the queue: to exactly one, who has it from that moment on. But a
-- coroutine may be dropped at any point: in the queue, when it has just been
-- served, while it connects, in the middle of a query. So whoever asks for a
-- link holds a guard, whose collection tells the pool that nobody is there.
--
-- A pool belongs to one process: after a fork the child starts with an empty
-- one and leaves the parent's connections alone.
-- @module pgvector.engine.pool

local class = require "pgvector.class"
local compat = require "pgvector.compat"
local core = require "pgvector.core"
local errors = require "pgvector.errors"

local Pool = class("Pool")

local weak = { __mode = "v" }

-- Seconds between two full collections on behalf of an exhausted pool.
local COLLECT_EVERY = 1

--- Makes a pool.
-- @tparam table options pool_size, max_overflow, pool_timeout, pool_recycle,
--   pool_pre_ping, pool_use_lifo, pool_reset_on_return; all present
-- @tparam table waiter see pgvector.wait
-- @tparam table calls `open(lease)` opens a Link; `ping(link)` runs a trivial
--   statement on one, raises if it is dead; `rollback(link)` ends a transaction
--   that a user left open; `recover(link)` stops what a user left running, and
--   gives the link back; `warn(message)`
-- @treturn Pool
function Pool.new(options, waiter, calls)
  local self = setmetatable({ options = options, waiter = waiter, calls = calls }, Pool)
  self.generation = 0           -- links of an older one are not reused
  self.collected = -math.huge   -- when the last full collection was
  self:_empty()
  return self
end

function Pool:_empty()
  self.idle = {}         -- links, the longest unused first
  self.checked_out = 0   -- places that are taken
  self.holders = {}      -- the set of those who have one
  self.queue = {}        -- holders to be, the longest waiting first
  self.lost = {}         -- holders whose guard was collected
  self.pid = core.pid()
end

function Pool:_stale(link)
  local recycle = self.options.pool_recycle
  return link.generation ~= self.generation or (recycle >= 0 and core.now() - link.opened > recycle)
end

function Pool:_fit(link) return link:_reusable() and not self:_stale(link) end

---- places -----------------------------------------------------------------------

-- A holder is what the pool knows of somebody who has, or waits for, a place:
-- the core connection in use, or a link that was handed over and not yet taken,
-- and in nginx what it has of its request. It must not lead to the guard. The
-- link in use does, so that it counts as used as long as anything still refers
-- to it: it is in `out`, which is weak.
function Pool:_new_holder()
  local holder, lost = { pg = nil, link = nil, turn = nil, lease = nil, done = false }, self.lost
  holder.out = setmetatable({}, weak)
  return holder, compat.guard(function()
    if not holder.done then lost[#lost + 1] = holder end
  end)
end

function Pool:_occupy(holder)
  self.checked_out = self.checked_out + 1
  self.holders[holder] = true
end

-- Takes a place from its holder and gives it, and the link if there is one, to
-- the next in the queue.
function Pool:_pass_on(holder, link)
  holder.done, holder.pg, holder.link = true, nil, nil
  self.holders[holder] = nil
  while #self.queue > 0 do
    local next_holder = table.remove(self.queue, 1)
    if next_holder.turn.wake() then
      next_holder.link = link
      self.holders[next_holder] = true
      return
    end
    next_holder.done = true
  end
  self.checked_out = self.checked_out - 1
  if not link then return end
  local size = self.options.pool_size
  if size == 0 or #self.idle < size then
    self.idle[#self.idle + 1] = link
  else
    link:close()
  end
end

function Pool:_leave_queue(holder)
  holder.done = true
  for i, other in ipairs(self.queue) do
    if other == holder then
      table.remove(self.queue, i)
      return
    end
  end
end

-- Ends a connection, and what the server still does for it.
function Pool:_abandon(pg)
  self.waiter.release(pg)
  pg:abandon()
end

-- The request of nginx that a holder belonged to is over, whatever it was doing:
-- queueing, or connecting to the link that is given, or using one. Where one may
-- wait a link that was in use is made fit for others.
function Pool:_orphaned(holder, link, may_wait)
  holder.lease = nil
  link = link or holder.out.link
  if holder.done then return end
  if not self.holders[holder] then
    self:_leave_queue(holder)
  elseif may_wait and link and link.holder == holder and not link.broken then
    local heir = link:_inherit()
    holder.pg, holder.out.link = heir.pg, heir
    self.calls.recover(heir)
  else
    if link then link:abandon() elseif holder.pg then self:_abandon(holder.pg) end
    self:_pass_on(holder, holder.link)
  end
end

-- Ends what the holders left behind that are no more.
function Pool:_recover()
  while #self.lost > 0 do
    local holder = table.remove(self.lost)
    if not self.holders[holder] then
      self:_leave_queue(holder)
      if holder.turn then holder.turn.wake() end -- so that the loop forgets it, too
    else
      local pg, link = holder.pg, holder.link
      if pg then self:_abandon(pg) end
      if holder.lease then self.waiter.leave(holder.lease) end
      self:_pass_on(holder, link)
      if pg then
        self.calls.warn("a connection was not given back to the pool: it was collected without close()")
      end
    end
  end
end

-- Every operation begins with this.
function Pool:_look_around()
  if core.pid() ~= self.pid then
    -- closing them here only forgets them: the core leaves a parent's socket be
    for _, link in ipairs(self.idle) do link:close() end
    self:_empty()
  end
  self:_recover()
end

function Pool:_is_full()
  local options = self.options
  return options.max_overflow >= 0 and options.pool_size > 0
    and self.checked_out >= options.pool_size + options.max_overflow
end

-- Collects garbage before a place is refused: it may be forgotten somewhere.
function Pool:_search()
  local now = core.now()
  if now - self.collected >= COLLECT_EVERY then
    self.collected = now
    collectgarbage()
    self:_look_around()
  end
end

-- Waits until a place is handed to the holder.
function Pool:_queue_up(holder, turn)
  local timeout = self.options.pool_timeout
  holder.turn = turn
  self.queue[#self.queue + 1] = holder
  turn.wait(core.now() + timeout)
  if not self.holders[holder] then self:_search() end
  if not self.holders[holder] then
    self:_leave_queue(holder)
    errors.raise("TimeoutError", "pool limit of size %d overflow %d reached, connection timed out, timeout %.2f",
      self.options.pool_size, self.options.max_overflow, timeout)
  end
end

function Pool:_take_place(holder)
  if self.waiter.reclaim and self:_is_full() then self.waiter.reclaim() end
  if self:_is_full() then
    local turn = self.waiter.turn(holder.lease)
    if turn then return self:_queue_up(holder, turn) end
    self:_search()
    if self:_is_full() then
      -- nobody else can run and give one back while this process waits
      errors.raise("TimeoutError", "pool limit of size %d overflow %d reached: every connection is checked out",
        self.options.pool_size, self.options.max_overflow)
    end
  end
  self:_occupy(holder)
end

---- links ------------------------------------------------------------------------

-- The link that came with the place, one that rests, or a new one.
function Pool:_link_for(holder)
  local options = self.options
  while true do
    local link = holder.link
    local is_tested = link ~= nil -- it was in use until now
    holder.link = nil
    link = link or table.remove(self.idle, options.pool_use_lifo and #self.idle or 1)
    if not link then
      local generation = self.generation
      link = self.calls.open(holder.lease)
      link.generation = generation
      return link
    end
    holder.pg, link.lease = link.pg, holder.lease
    if not self:_fit(link) then
      link:close()
    elseif options.pool_pre_ping and not is_tested and not pcall(self.calls.ping, link) then
      link:close()
      -- what killed one has most likely killed those of its age
      self:invalidate()
    else
      return link
    end
    holder.pg = nil
  end
end

-- Made here, so that it shares no variables with a coroutine that has not ended:
-- nginx reuses the stacks of dead ones.
local function orphaning(pool, holder)
  return function(link, may_wait) pool:_orphaned(holder, link, may_wait) end
end

--- Takes a link out; a coroutine waits for it up to pool_timeout seconds.
-- @treturn Link
-- @raise TimeoutError when all are out, OperationalError when connecting fails
function Pool:checkout()
  self:_look_around()
  local holder, guard = self:_new_holder()
  local on_orphaned = orphaning(self, holder)
  holder.lease = self.waiter.enter and self.waiter.enter(on_orphaned)
  local ok, link = pcall(self._take_place, self, holder)
  if ok then
    ok, link = pcall(self._link_for, self, holder)
    if not ok then self:_pass_on(holder, nil) end
  end
  if not ok then
    if holder.lease then self.waiter.leave(holder.lease) end
    error(link, 0)
  end
  holder.pg, holder.out.link = link.pg, link
  link.holder, link.guard, link.on_orphaned = holder, guard, on_orphaned
  return link
end

--- Gives a link back: reset, or closed if it is unfit or one too many.
function Pool:checkin(link)
  self:_look_around()
  if link.pid ~= self.pid then
    link:close()
    return
  end
  local holder = link.holder
  if not holder then return end -- given back already, by who found its user dead
  local fit = self:_fit(link)
  if fit and self.options.pool_reset_on_return == "rollback" and link.pg:transaction_status() ~= "idle" then
    fit = pcall(self.calls.rollback, link) and self:_fit(link)
  end
  link.holder, link.guard, link.on_orphaned, link.notice_handler = nil, nil, false, false
  if not fit then link:close() end
  if link.lease then self.waiter.leave(link.lease) end
  link.lease = false
  self:_pass_on(holder, fit and link or nil)
end

--- Lets no link that exists now be used again, once it is given back.
function Pool:invalidate()
  self.generation = self.generation + 1
end

--- Closes the idle links; those in use are closed when they come back.
function Pool:dispose()
  self:_look_around()
  self:invalidate()
  for _, link in ipairs(self.idle) do link:close() end
  self.idle = {}
end

--- The pool's counters.
-- @treturn table `{ size=, checked_in=, checked_out=, overflow= }`
function Pool:status()
  self:_look_around()
  return {
    size = self.options.pool_size,
    checked_in = #self.idle,
    checked_out = self.checked_out,
    overflow = math.max(0, #self.idle + self.checked_out - self.options.pool_size),
  }
end

return Pool
