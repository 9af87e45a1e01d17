--- The connection pool, with the options of SQLAlchemy's QueuePool.
--
-- A pool belongs to one process: after a fork the child starts with an empty
-- one and leaves the parent's connections alone.
-- @module pgvector.engine.pool

local class = require "pgvector.class"
local core = require "pgvector.core"
local errors = require "pgvector.errors"

local Pool = class("Pool")

--- Makes a pool.
-- @tparam function open opens a Link
-- @tparam table options pool_size, max_overflow, pool_timeout, pool_recycle,
--   pool_pre_ping, pool_use_lifo, pool_reset_on_return; all present
-- @tparam function ping runs a trivial statement on a link, raises if it is dead
-- @tparam function rollback ends a transaction that a user left open
-- @tparam ?function reclaim abandons links whose users are gone
-- @treturn Pool
function Pool.new(open, options, ping, rollback, reclaim)
  local self
  self = setmetatable({
    open = open, ping = ping, rollback = rollback, options = options, reclaim = reclaim or false,
    -- a link has this while it is out
    on_abandoned = function(link) self:checkin(link) end,
    idle = {},        -- links, the longest unused first
    checked_out = 0,
    generation = 0,   -- links of an older one are not reused
    pid = core.pid(),
  }, Pool)
  return self
end

function Pool:_after_fork()
  if core.pid() ~= self.pid then
    -- closing them here only forgets them: the core leaves a parent's socket be
    for _, link in ipairs(self.idle) do link:close() end
    self.idle, self.checked_out, self.pid = {}, 0, core.pid()
  end
end

function Pool:_stale(link)
  local recycle = self.options.pool_recycle
  return link.generation ~= self.generation or (recycle >= 0 and core.now() - link.opened > recycle)
end

function Pool:_full()
  local options = self.options
  return options.max_overflow >= 0 and options.pool_size > 0
    and self.checked_out >= options.pool_size + options.max_overflow
end

--- Takes a link out.
-- @treturn Link
-- @raise TimeoutError when all are out, OperationalError when connecting fails
function Pool:checkout()
  self:_after_fork()
  local options = self.options
  while #self.idle > 0 do
    local link = table.remove(self.idle, options.pool_use_lifo and #self.idle or 1)
    if self:_stale(link) or not link:_reusable() then
      link:close()
    elseif options.pool_pre_ping and not pcall(self.ping, link) then
      link:close()
      -- what killed one has most likely killed those of its age
      self:invalidate()
    else
      self.checked_out = self.checked_out + 1
      link.on_abandoned = self.on_abandoned
      return link
    end
  end
  if self.reclaim and self:_full() then self.reclaim() end
  if self:_full() then
    -- nobody else can run and give one back while this process waits
    errors.raise("TimeoutError", "pool limit of size %d overflow %d reached: every connection is checked out",
      options.pool_size, options.max_overflow)
  end
  self.checked_out = self.checked_out + 1
  local ok, link = pcall(self.open, self.on_abandoned)
  if not ok then
    self.checked_out = self.checked_out - 1
    error(link, 0)
  end
  link.generation = self.generation
  return link
end

--- Gives a link back: reset, or closed if it is unfit or one too many.
function Pool:checkin(link)
  if core.pid() ~= self.pid then
    link:close()
    return
  end
  if not link.on_abandoned then return end -- given back already, by whoever found its user dead
  link.on_abandoned = false
  self.checked_out = self.checked_out - 1
  local fit = link:_reusable() and not self:_stale(link)
  if fit and self.options.pool_reset_on_return == "rollback" and link.pg:transaction_status() ~= "idle" then
    fit = pcall(self.rollback, link) and link:_reusable()
  end
  if fit and (self.options.pool_size == 0 or #self.idle < self.options.pool_size) then
    link.notice_handler = false
    link:release()
    self.idle[#self.idle + 1] = link
  else
    link:close()
  end
end

--- Lets no link that exists now be used again, once it is given back.
function Pool:invalidate()
  self.generation = self.generation + 1
end

--- Closes the idle links; those in use are closed when they come back.
function Pool:dispose()
  self:_after_fork()
  self:invalidate()
  for _, link in ipairs(self.idle) do link:close() end
  self.idle = {}
end

--- The pool's counters.
-- @treturn table `{ size=, checked_in=, checked_out=, overflow= }`
function Pool:status()
  self:_after_fork()
  return {
    size = self.options.pool_size,
    checked_in = #self.idle,
    checked_out = self.checked_out,
    overflow = math.max(0, #self.idle + self.checked_out - self.options.pool_size),
  }
end

return Pool
