--- Stopping what a link does, and reading the rest of the conversation, so that
-- the link can be used again.
--
-- A cancel request goes to the server's process, not to a statement. libpq's
-- PQcancel returns once the server has delivered it, and nothing is sent on
-- the link before that: it cannot hit a later statement.
-- @module pgvector.driver.cancel

local core = require "pgvector.core"
local errors = require "pgvector.errors"

local cancel = {}

--- Seconds in which a server must react to a request.
cancel.PATIENCE = 5

--- Is a statement running?
function cancel.is_active(link)
  return link.pg:transaction_status() == "active"
end

--- Asks the server to stop the running statement. Whoever runs it gets the
-- server's answer: the error 57014, or the result if it was faster.
-- @tparam Link link
-- @raise OperationalError if the request could not be delivered
function cancel.request(link)
  local ok, err = link.pg:cancel()
  if not ok then errors.raise("OperationalError", "the statement could not be cancelled: %s", err.message) end
end

--- Reads a COPY TO STDOUT to its end and throws it away.
-- @tparam Link link
-- @tparam ?number deadline
function cancel.skip_copy(link, deadline)
  local pg = link.pg
  while true do
    local data, err = pg:get_copy()
    if err then link:_lost(err) end
    if data == nil then return end
    if data == false then
      link:_wait("r", deadline)
      local ok, consume_error = pg:consume_input()
      if not ok then link:_lost(consume_error) end
    end
  end
end

-- Reads everything up to the point where a new command may be sent.
local function drain(link, deadline)
  link:_flush(deadline)
  while true do
    local res, status = link:_next_result(deadline)
    if not res then return end
    res:clear()
    if status == "copy_in" then
      link.pg:put_copy_end("cancelled")
      link:_flush(deadline)
    elseif status == "copy_out" then
      cancel.skip_copy(link, deadline)
    end
  end
end

-- The same for a pipeline; what is libpq's own state tells when it is empty.
local function drain_pipeline(link, deadline)
  local pg = link.pg
  assert(pg:pipeline_sync())
  link:_flush(deadline)
  repeat
    local res = link:_next_result(deadline)
    if res then
      res:clear()
    elseif pg:status() == "bad" or core.now() > deadline then
      error("the pipeline has no end", 0)
    end
  until not res and pg:exit_pipeline()
end

--- Stops whatever runs, whoever started it. Never raises: afterwards the link
-- is idle, or broken.
-- @tparam Link link nobody is waiting on
function cancel.stop(link)
  if link.broken then return end
  local pipeline = link.pg:pipeline_status() ~= "off"
  link.mode = false
  if not (pipeline or cancel.is_active(link)) then return end
  local statement = link.statement
  link.stopping = true
  local ok = link.pg:cancel() and pcall(pipeline and drain_pipeline or drain, link, core.now() + cancel.PATIENCE)
  if not ok then link.broken = true end
  link.stopping = false
  link.statement = statement
end

--- Reads on without waiting.
-- @tparam Link link
-- @treturn boolean has everything arrived, and was it no error?
function cancel.has_ended(link)
  local pg = link.pg
  while true do
    local res, status = pg:get_result()
    if res == false then return false end
    if not res then return pg:transaction_status() ~= "inerror" end
    res:clear()
    if status ~= "single_tuple" and status ~= "tuples_ok" then return false end
  end
end

return cancel
