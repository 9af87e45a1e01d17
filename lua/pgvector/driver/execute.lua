--- Running one statement and collecting what it returns.
-- @module pgvector.driver.execute

local cancel = require "pgvector.driver.cancel"
local errors = require "pgvector.errors"
local Pipeline = require "pgvector.driver.pipeline"

local execute = {}

--- Turns a failed result into an error object and raises it.
-- @tparam Link link
-- @param result a core result in an error status
function execute.raise(link, result)
  local fields = result:error()
  result:clear()
  local err = errors.from_server(fields)
  if link.broken or link.pg:status() == "bad" then
    link.broken = true
    err.is_disconnect = true
  end
  link:_raise(err)
end

local failed = { fatal_error = true, bad_response = true, pipeline_aborted = true }
local copying = { copy_in = true, copy_out = true, copy_both = true }

-- A COPY that came as an ordinary statement has nobody to feed or to read it:
-- it is brought to its end, and the caller gets an error that says what to use.
local function refuse_copy(link, status, deadline)
  if status == "copy_in" then
    link.pg:put_copy_end("not started by copy_in")
    link:_flush(deadline)
    return errors.new("InterfaceError", "COPY FROM STDIN needs conn:copy_in")
  end
  link.pg:cancel() -- spares reading all of it
  cancel.skip_copy(link, deadline)
  return errors.new("InterfaceError", "COPY TO STDOUT needs conn:copy_out")
end

--- Collects the results of what was sent, to the end. The last one counts, as
-- in a script of several statements; the first error does.
-- @tparam Link link
-- @tparam ?number deadline in seconds of core.now(); nil waits for ever
-- @param[opt] first the first result, if it was taken already
-- @tparam[opt] string first_status its status
-- @treturn result a core result
-- @raise the server's error, once the connection is ready for the next command
function execute.collect(link, deadline, first, first_status)
  link:_flush(deadline)
  local last, failure, misuse
  local result, status = first, first_status
  if not first then result, status = link:_next_result(deadline) end
  while result do
    if failed[status] then
      if failure then result:clear() else failure = result end
    elseif copying[status] then
      result:clear()
      misuse = misuse or refuse_copy(link, status, deadline)
    else
      if last then last:clear() end
      last = result
    end
    result, status = link:_next_result(deadline)
  end
  link:_drain_notices()
  if misuse or failure then
    if last then last:clear() end
    if not misuse then execute.raise(link, failure) end
    if failure then failure:clear() end
    link:_raise(misuse)
  end
  if not last then
    link:_lost({ message = "the server ended the conversation without an answer" })
  end
  return last
end

local function check(link, ok, err)
  if not ok then link:_lost(err) end
end

--- Runs SQL by the simple protocol: several statements may stand in it, values
-- come back as text.
function execute.simple(link, sql, deadline)
  link:_check_idle()
  check(link, link.pg:send_query(sql))
  return execute.collect(link, deadline)
end

-- Queues steps in a pipeline with what is to be sent along, and reads the
-- answers. A value that is refused while queueing leaves the others to run.
local function in_pipeline(link, deadline, queue, ...)
  local pipeline = Pipeline.open(link, deadline)
  local step = {}
  local ok, err = pcall(queue, pipeline, step, ...)
  if not ok and (link.broken or not link.mode) then error(err, 0) end
  local failure, culprit = pipeline:finish()
  if failure then
    if culprit == pipeline.opening then link.statement = { sql = culprit.sql, n = 0 } end
    execute.raise(link, failure)
  elseif not ok then
    error(err, 0)
  end
  return step.result
end

--- Runs one statement with parameters.
-- @tparam Link link free: `_check_free` said so
-- @tparam string sql with $1 … $n
-- @param encoder a core encoder, nil without parameters
-- @tparam ?table values in $n order, or nil
-- @tparam number n how many
-- @tparam number format of the result's columns: 1 binary, 0 text
-- @tparam ?number deadline in seconds of core.now(); nil waits for ever
function execute.params(link, sql, encoder, values, n, format, deadline)
  if link:_has_company() then
    return in_pipeline(link, deadline, Pipeline.params, sql, encoder, values, n, format)
  end
  check(link, link.pg:send_params(sql, encoder, values, n, format))
  return execute.collect(link, deadline)
end

local function queue_description(pipeline, step, name, sql, encoder)
  pipeline:prepare({}, name, sql, encoder)
  pipeline:describe(step, name)
end

--- Parses a statement under a name ("" is the unnamed one) and asks the server
-- what its columns are.
-- @treturn result its oids() are the columns' types
function execute.describe(link, name, sql, encoder, deadline)
  return in_pipeline(link, deadline, queue_description, name, sql, encoder)
end

--- Runs a statement that was parsed before, on a link that is free.
function execute.prepared(link, name, encoder, values, n, format, deadline)
  if link:_has_company() then
    return in_pipeline(link, deadline, Pipeline.prepared, name, encoder, values, n, format)
  end
  check(link, link.pg:send_query_prepared(name, encoder, values, n, format))
  return execute.collect(link, deadline)
end

local function queue_both(pipeline, step, parsed, name, sql, encoder, values, n, format)
  pipeline:prepare(parsed, name, sql, encoder)
  pipeline:prepared(step, name, encoder, values, n, format)
end

-- Parses a statement under a name and runs it. `parsed` is the step of the
-- parsing: it gets a `result` once the server knows the name.
function execute.prepare(link, parsed, name, sql, encoder, values, n, format, deadline)
  return in_pipeline(link, deadline, queue_both, parsed, name, sql, encoder, values, n, format)
end

return execute
