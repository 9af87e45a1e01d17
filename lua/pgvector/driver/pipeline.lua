--- A pipeline: commands that are sent without waiting for each other's answers.
--
-- One conversation: open, queue steps, finish. A step is a table of the
-- caller's: when the answer comes, its `result` is set and its method `done`
-- called, if there is one. After a failure the server skips what follows up to
-- the next synchronisation point.
-- @module pgvector.driver.pipeline

local class = require "pgvector.class"
local core = require "pgvector.core"
local errors = require "pgvector.errors"

local Pipeline = class("Pipeline")

-- After so many commands what libpq has queued is sent, and answers are read:
-- the server would stop reading if nobody took what it says.
local FLUSH_EVERY = 64

local SYNC = false -- in the list of steps

local function check(link, ok, err)
  if not ok then link:_lost(err) end
end

--- Opens a pipeline. What waits to open a transaction goes first; so do, in a
-- segment of their own, statements to deallocate.
-- @tparam Link link
-- @tparam ?number deadline in seconds of core.now(); nil waits for ever
-- @treturn Pipeline
function Pipeline.open(link, deadline)
  link:_check_free()
  check(link, link.pg:enter_pipeline())
  link.mode = "a pipeline"
  local self = setmetatable({
    link = link, deadline = deadline,
    steps = {}, first = 1, last = 0, -- those whose answers are to come
    unflushed = 0,
    failure = nil,                   -- the first failed result
    failed = nil,                    -- the step it belongs to
  }, Pipeline)
  if link.garbage and link.pg:transaction_status() == "idle" then
    for _, name in ipairs(link.garbage) do
      self:params({ ignored = true }, 'DEALLOCATE "' .. name .. '"', nil, nil, 0, 0)
      self:sync()
    end
    link.garbage = nil
  end
  local opening = link.opening
  if opening then
    link.opening = nil
    self.opening, opening.started = opening, core.now()
    self:params(opening, opening.sql, nil, nil, 0, 0)
  end
  return self
end

-- Expects an answer to what was just queued.
function Pipeline:_expect(step)
  self.last = self.last + 1
  self.steps[self.last] = step
  self.unflushed = self.unflushed + 1
  if self.unflushed == FLUSH_EVERY then
    self.unflushed = 0
    self.link:_flush(self.deadline)
    if not self.link.pg:consume_input() then return end -- the next step tells why
    self:_read(false)
  end
end

--- Queues a statement with parameters.
-- @raise for a value that cannot be sent; nothing was queued then
function Pipeline:params(step, sql, encoder, values, n, format)
  check(self.link, self.link.pg:send_params(sql, encoder, values, n, format))
  self:_expect(step)
end

--- Queues the parsing of a statement under a name.
function Pipeline:prepare(step, name, sql, encoder)
  check(self.link, self.link.pg:send_prepare(name, sql, encoder))
  self:_expect(step)
end

--- Queues the question what a parsed statement's columns are.
function Pipeline:describe(step, name)
  check(self.link, self.link.pg:send_describe_prepared(name))
  self:_expect(step)
end

--- Queues a statement that was parsed.
-- @raise for a value that cannot be sent; nothing was queued then
function Pipeline:prepared(step, name, encoder, values, n, format)
  check(self.link, self.link.pg:send_query_prepared(name, encoder, values, n, format))
  self:_expect(step)
end

--- Queues a synchronisation point: what follows it runs whatever failed before.
function Pipeline:sync()
  check(self.link, self.link.pg:pipeline_sync())
  self:_expect(SYNC)
end

-- Nothing more will come: the server said why, or it just went away.
function Pipeline:_broken(fields)
  self.link.broken = true
  if not self.failure then self.link:_lost(fields) end
end

local function is_fatal(result)
  local severity = result:error().severity
  return severity == "FATAL" or severity == "PANIC"
end

-- Sees to an answer that is more than a plain success.
function Pipeline:_take(result, status)
  local step = self.steps[self.first]
  if status == "tuples_ok" or status == "command_ok" or status == "empty_query" then
    step.result = result
    step:done()
  elseif status == "fatal_error" or status == "bad_response" then
    if is_fatal(result) then self.link.broken = true end
    if self.failure or step.ignored and not self.link.broken then
      result:clear()
    else
      self.failure, self.failed = result, step
    end
  elseif status == "pipeline_aborted" then
    result:clear()
  else
    self.link.broken = true -- COPY: libpq has no way out of this
    errors.raise("InterfaceError", "COPY cannot run in a pipeline")
  end
end

-- Reads answers: those that are here already, or all of them.
function Pipeline:_read(all)
  local link, pg = self.link, self.link.pg
  while not link.broken do
    local result, status
    self.first, result, status = pg:take_results(self.steps, self.first, self.last)
    if result then
      self:_take(result, status)
    elseif status == "bad" then
      self:_broken({ message = "the server closed the connection in the middle of a pipeline" })
    elseif not all or self.first > self.last then
      return
    else
      link:_wait("r", self.deadline)
      local ok, err = pg:consume_input()
      if not ok and pg:is_busy() then self:_broken(err) end
    end
  end
end

--- Sends what is queued and reads every answer; the pipeline stays open.
-- @treturn ?result the first failed result since it was opened
-- @treturn ?table the step that it belongs to
function Pipeline:settle()
  self:sync()
  self.unflushed = 0
  self.link:_flush(self.deadline)
  self:_read(true)
  return self.failure, self.failed
end

--- Settles and closes the pipeline: the link is free again, unless it is broken.
-- @treturn ?result the first failed result
-- @treturn ?table the step that it belongs to
function Pipeline:finish()
  local link = self.link
  self:settle()
  if not link.broken then
    check(link, link.pg:exit_pipeline())
    link.mode = false
    link:_drain_notices()
  end
  return self.failure, self.failed
end

return Pipeline
