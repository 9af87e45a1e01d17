--- A link: one libpq connection and the way to wait for it.
--
-- The functions of this folder are the loops over the core's steps. They raise
-- error objects; a link whose conversation with the server was cut off in the
-- middle says so through `broken`, and must not be used again.
-- @module pgvector.driver.link

local cancel = require "pgvector.driver.cancel"
local class = require "pgvector.class"
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
-- @tparam ?number timeout seconds for all of it, however many hosts; nil waits for ever
-- @treturn Link
-- @raise OperationalError in libpq's words, without the password
function Link.connect(keywords, waiter, timeout)
  local self = setmetatable({
    pg = false,        -- until it is connected
    waiter = waiter,
    pid = core.pid(),  -- the process that it belongs to
    on_abandoned = false, -- function(link), set by the pool while the link is out
    listening = false, -- notifications may come that nobody else wants
    waiting = false,   -- in the middle of a wait: another coroutine must keep out
    mode = false,      -- what occupies the link between calls: "COPY", "a pipeline"
    reader = false,    -- the Reader that does, if it is one
    broken = false,
    stopping = false,  -- in the middle of a cancellation
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
  local ok, err = pcall(self._open, self, keywords, timeout and core.now() + timeout)
  if not ok then
    self:close()
    error(err, 0)
  end
  return self
end

local function raise_report(report)
  error(errors.new("OperationalError", report.message,
    { is_disconnect = true, sqlstate = report.sqlstate }), 0)
end

function Link:_open(keywords, deadline)
  local pg, report = false, nil
  if self.waiter.connect then pg, report = self.waiter.connect(keywords, deadline, self) end
  local by_steps = pg == false
  if by_steps then pg, report = core.connect_start(keywords) end
  if not pg then raise_report(report) end
  self.pg = pg
  if by_steps then self:_finish_connecting(deadline) end
  pg:set_nonblocking()
end

function Link:_finish_connecting(deadline)
  local pg = self.pg
  local step, report
  -- libpq's rule: behave as if the first poll had answered "write"
  local events = "w"
  repeat
    if not self.waiter.wait(pg, events, deadline, self) then
      errors.raise("TimeoutError", "connection timed out")
    end
    step, report = pg:connect_poll()
    events = step
    if not step then raise_report(report) end
  until step == "ok"
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
  local deadline = core.now() + seconds
  self.waiting = true
  -- a server that has something to say now is ending the connection, or notifying
  while self.waiter.wait(self.pg, "r", deadline) do
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
function Link:_lost(fields)
  self.broken = true
  local err = errors.new(fields.sqlstate and errors.class_for(fields.sqlstate) or "OperationalError",
    fields.message, fields)
  err.is_disconnect = true
  self:_raise(err)
end

--- Flushes what was queued, reading meanwhile, or a large send could deadlock
-- against a server that waits for us to read.
function Link:_flush(deadline)
  local pg = self.pg
  while true do
    local done, err = pg:flush()
    if done then return end
    if done == nil then self:_lost(err) end
    local ready = self:_wait("rw", deadline)
    if ready ~= "w" then
      local ok, consume_error = pg:consume_input()
      if not ok then self:_lost(consume_error) end
    end
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
-- conversation: it waits until that is over.
function Link:_deliver_notices()
  local notices = self.pg:notices()
  local handler = self.notice_handler
  if not (notices and handler) then return end
  for _, notice in ipairs(notices) do
    local ok, err = pcall(handler, notice)
    if not ok and not self.handler_error then self.handler_error = { err } end
  end
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
  return not (self.broken or self.waiting or self.mode or self.listening) and self.pg:status() == "ok"
end

--- Closes a connection, after its loop has forgotten the descriptor.
-- @param pg a core connection
-- @tparam table waiter the one that it was used with
function Link._finish(pg, waiter)
  waiter.release(pg)
  pg:finish()
end

--- Closes the connection. Idempotent.
function Link:close()
  self.broken = true
  if not self.pg then return end
  if self.pid == core.pid() then
    Link._finish(self.pg, self.waiter)
  else
    self.pg:finish() -- a forked child leaves its parent's loop alone, too
  end
end

--- Ends the link of a user who died, and what the server does for it.
function Link:abandon()
  self.broken = true
  if self.pg then self.pg:abandon() end
  if self.on_abandoned then self.on_abandoned(self) end
end

return Link
