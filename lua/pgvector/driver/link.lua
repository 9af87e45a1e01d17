--- A link: one libpq connection and the way to wait for it.
--
-- The functions of this folder are the loops over the core's steps. They raise
-- error objects; a link whose conversation with the server was cut off in the
-- middle says so through `broken`, and must not be used again.
-- @module pgvector.driver.link

local cancel = require "pgvector.driver.cancel"
local class = require "pgvector.class"
local connect = require "pgvector.driver.connect"
local core = require "pgvector.core"
local errors = require "pgvector.errors"

local Link = class("Link")

-- Settings that the text forms of values depend on. They are reported by the
-- server at connect, so a round trip is spent only where one differs.
local pinned = {
  { "DateStyle", "ISO, MDY", function(v) return v:find("^ISO") ~= nil end },
  { "IntervalStyle", "postgres", function(v) return v == "postgres" end },
  { "standard_conforming_strings", "on", function(v) return v == "on" end },
}
local utc = { UTC = true, ["Etc/UTC"] = true, GMT = true, ["Etc/GMT"] = true, Zulu = true, Universal = true }

--- Opens a connection.
-- @tparam table keywords libpq's connection keywords → strings
-- @tparam table waiter see pgvector.wait
-- @tparam ?table lease the waiter's
-- @treturn Link
-- @raise see driver.connect
function Link.connect(keywords, waiter, lease)
  local self = setmetatable({
    pg = false,        -- until it is connected
    attempt = false,   -- to connect, in a thread
    waiter = waiter,
    pid = core.pid(),  -- the process that it belongs to
    lease = lease or false, -- what it has of a request of nginx; see pgvector.wait
    on_orphaned = false, -- function(link, may_wait) of the pool's, for the end of that
    listening = false, -- notifications may come that nobody else wants
    waiting = false,   -- in the middle of a wait: another coroutine must keep out
    mode = false,      -- what occupies the link between calls: "COPY", "a pipeline"
    reader = false,    -- the Reader that does, if it is one
    broken = false,
    lost = false,      -- broken, because the server or the network ended it
    stopping = false,  -- in the middle of a cancellation
    cancelling = false, -- a cancel request is under way
    timeout = false,   -- seconds that a command may take
    deadline = false,  -- of the command that runs, by its timeout
    opened = core.now(),
    notice_handler = false,
    handler_error = nil, -- { what the handler raised }, until the command is over
    statement = nil,   -- what runs now, for error messages: { sql =, values =, n = }
    decorate = false,  -- function(link, err): adds that to an error
    opening = nil,     -- what begins the transaction, sent with its first command:
                       -- { sql =, send = function(link, sql), done = see driver.pipeline }
    prepared = nil,    -- which statements have names; see driver.prepare
    garbage = nil,     -- names to deallocate
    locks = nil,       -- how many advisory locks the session holds
  }, Link)
  local ok, err = pcall(connect.open, keywords, waiter, self)
  if not ok then
    self:close()
    error(err, 0)
  end
  self.pg:set_nonblocking()
  return self
end

--- Sets the session parameters on which text forms depend, where they differ,
-- and the server's time limit.
-- @tparam ?string timezone default "UTC"
-- @tparam ?number statement_timeout seconds; nil leaves the server's
-- @tparam function run runs a SQL text on this link
function Link:_pin_settings(timezone, statement_timeout, run)
  local sets = {}
  for _, setting in ipairs(pinned) do
    local current = self.pg:parameter(setting[1])
    if current and not setting[3](current) then
      sets[#sets + 1] = ("SET %s = '%s'"):format(setting[1], setting[2])
    end
  end
  local zone = self.pg:parameter("TimeZone")
  if timezone and zone ~= timezone then
    sets[#sets + 1] = "SET TimeZone = " .. self.pg:escape_literal(timezone)
  elseif not timezone and not utc[zone] then
    sets[#sets + 1] = "SET TimeZone = 'UTC'"
  end
  if statement_timeout then
    sets[#sets + 1] = ("SET statement_timeout = %.0f"):format(math.ceil(statement_timeout * 1000))
  end
  if #sets > 0 then run(self, table.concat(sets, "; ")) end
end

--- Waits for the socket; the one place where another coroutine may run.
-- @treturn ?string the ready events, nil after the deadline
function Link:_poll(events, deadline)
  if self.pg:socket() < 0 then self:_lost({ message = self.pg:error_message() }) end
  self.waiting = true
  -- an error or a death in here leaves `waiting` set, which is the truth:
  -- nobody can know any more what the server is about to send
  local ready = self.waiter.wait(self.pg, events, deadline, self)
  self.waiting = false
  return ready
end

--- Lets time pass while the link is idle; other coroutines run meanwhile.
-- @tparam number seconds
function Link:_sleep(seconds)
  self:_check_free()
  self:_nap(seconds)
end

function Link:_nap(seconds)
  local deadline = core.now() + seconds
  self.waiting = true
  -- a server that has something to say now is ending the connection, or notifying
  while self.waiter.wait(self.pg, "r", deadline, self) do
    local ok, err = self.pg:consume_input()
    if not ok then self:_lost(err) end
  end
  self.waiting = false
end

--- Waits for the socket on behalf of a running command.
-- @raise TimeoutError after the deadline: the command was cancelled then, or
--   the link is broken if the server did not react to that either
function Link:_wait(events, deadline)
  local ready = self:_poll(events, deadline or self.deadline or nil)
  if ready then return ready end
  if self.stopping then
    self.broken = true
  else
    cancel.stop(self)
  end
  self:_raise(errors.new("TimeoutError", "the server did not answer in time", { is_disconnect = self.broken or nil }))
end

--- Lets the time run that a command, or a part of it, may take.
-- @tparam number|false seconds
function Link:_start_clock(seconds)
  self.deadline = seconds and core.now() + seconds
end

--- Raises an error of the running statement.
function Link:_raise(err)
  if self.decorate then self.decorate(self, err) end
  self.statement = nil
  error(err, 0)
end

--- Raises unless a new command may be sent, whose time then starts to run.
function Link:_check_free()
  if self.mode and not self.waiting then
    errors.raise("InterfaceError", "this connection is busy with %s", self.mode)
  elseif self.waiting or cancel.is_active(self) then -- the latter: inside a notice handler
    errors.raise("InterfaceError", "another query is in progress on this connection")
  end
  if self.waiter.check then self.waiter.check() end
  if self.cancelling then cancel.settle(self) end
  self:_start_clock(self.timeout)
end

--- The same, for a command that goes alone: what opens the transaction is then
-- sent before it.
function Link:_check_idle()
  self:_check_free()
  local opening = self.opening
  if opening then
    self.opening = nil
    opening.send(self, opening.sql)
  end
end

-- Is there something to send along with the next command?
function Link:_has_company()
  return self.opening or self.garbage and self.pg:transaction_status() == "idle"
end

--- Raises for a step that failed: the connection is gone.
-- @tparam table fields the server's last report, or libpq's words only
function Link:_lost(fields)
  self.broken, self.lost = true, true
  if not fields.sqlstate and self.pg:status() == "bad" then
    fields.sqlstate = "08006"
    -- what libpq guesses about the reason stands on further lines
    fields.message = fields.message:match("^[^\n]*")
  end
  local err = errors.new(fields.sqlstate and errors.class_for(fields.sqlstate) or "OperationalError",
    fields.message, fields)
  err.is_disconnect = true
  self:_raise(err)
end

--- Flushes what was queued, reading meanwhile, or a large send could deadlock
-- against a server that waits for us to read.
-- @treturn boolean has the server said something meanwhile?
function Link:_flush(deadline)
  local pg, heard = self.pg, false
  while true do
    local done, err = pg:flush()
    if done then break end
    if done == nil then self:_lost(err) end
    local ready = self:_wait("rw", deadline)
    if ready ~= "w" then
      heard = true
      local ok, consume_error = pg:consume_input()
      if not ok then self:_lost(consume_error) end
    end
  end
  self:_breathe()
  return heard
end

-- Lets others run between two pieces of work, where that is not the operating
-- system's to do.
function Link:_breathe()
  local breathe = self.waiter.breathe
  if breathe and not self.waiting then
    self.waiting = true
    breathe(self)
    self.waiting = false
  end
end

--- The next result of the running command, or nil when it is complete.
-- @treturn ?result
-- @treturn ?string its status
function Link:_next_result(deadline)
  local pg = self.pg
  local result, status = pg:get_result()
  while result == false do
    self:_deliver_notices()
    self:_wait("r", deadline)
    local ok, err = pg:consume_input()
    -- a FATAL report may have come before the connection broke: libpq hands it
    -- out as a result, which says more than "server closed the connection"
    if not ok and pg:is_busy() then self:_lost(err) end
    result, status = pg:get_result()
  end
  return result, status
end

-- Hands queued notices to the handler. What it raises must not cut off the
-- conversation: it waits until that is over. Returns whether there were any.
function Link:_deliver_notices()
  local notices = self.pg:notices()
  if not notices then return false end
  local handler = self.notice_handler
  for _, notice in ipairs(handler and notices or {}) do
    local ok, err = pcall(handler, notice)
    if not ok and not self.handler_error then self.handler_error = { err } end
  end
  return true
end

--- Hands queued notices to the handler at the end of a conversation.
-- @raise what the handler raised
function Link:_drain_notices()
  self:_deliver_notices()
  local failed = self.handler_error
  if failed then
    self.handler_error = nil
    error(failed[1], 0)
  end
end

--- Can the link be given to somebody else?
function Link:_reusable()
  return not (self.broken or self.waiting or self.stopping or self.cancelling or self.mode or self.listening)
    and self.pg:status() == "ok"
end

-- Closes the connection to a host that did not answer; another may follow.
function Link:_forget_connection()
  self.waiter.release(self.pg)
  self.pg:finish()
  self.pg = false
end

-- Nothing more will be done with the link, nor for it.
function Link:_give_up()
  self.broken = true
  local attempt = self.attempt
  if not attempt then return end
  self.attempt = false
  if self.pid == core.pid() then self.waiter.release(attempt) end
  attempt:abandon()
end

--- Closes the connection. Idempotent.
function Link:close()
  self:_give_up()
  if not self.pg then return end
  -- its loop forgets the descriptor first; a forked child leaves its parent's alone
  if self.pid == core.pid() then self.waiter.release(self.pg) end
  self.pg:finish()
end

--- Closes the connection of a user who is no more, after telling the server to
-- stop what it does for him.
function Link:abandon()
  self:_give_up()
  if not self.pg then return end
  self.waiter.release(self.pg)
  self.pg:abandon()
end

--- Takes the connection to the server away from a user who is no more, whatever
-- he was doing with it: he, and all that he left behind, has a closed one.
-- @treturn Link over the same connection
function Link:_inherit()
  local heir = setmetatable({}, Link)
  for key, value in pairs(self) do heir[key] = value end
  heir.pg, self.broken = self.pg:transfer(), true
  heir.lease, heir.waiting, heir.stopping, heir.reader = false, false, false, false
  heir.statement, heir.opening, heir.notice_handler, heir.handler_error = nil, nil, false, nil
  heir.timeout, heir.deadline = false, false
  self.holder, self.guard, self.on_orphaned = nil, nil, false
  if heir.prepared then heir.prepared.link = heir end
  return heir
end

return Link
