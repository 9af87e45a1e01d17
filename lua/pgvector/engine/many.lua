--- executemany: one statement, many rows of values, one conversation.
--
-- All executions go through libpq's pipeline, so that a thousand rows cost a
-- few round trips. A savepoint around them makes the whole all or nothing even
-- when a value is refused here after others were sent.
-- @module pgvector.engine.many

local compiler = require "pgvector.sql.compiler"
local errors = require "pgvector.errors"
local execute = require "pgvector.driver.execute"
local Result = require "pgvector.engine.result"

local many = {}

-- After so many executions what libpq has queued is sent, and answers are read.
local FLUSH_EVERY = 64

--- What the compiler must know of the values to come: for an insert the names
-- are its columns.
function many.compile_options(stmt, row)
  if stmt.__visit_name ~= "insert" then return nil end
  local keys = {}
  for key in pairs(row) do
    if type(key) ~= "string" then
      errors.raise("ArgumentError", "params: expected names of columns, got %s", tostring(key))
    end
    keys[#keys + 1] = key
  end
  table.sort(keys)
  return { keys = keys }
end

local function check(link, ok, err)
  if not ok then link:_lost(err) end
end

local function statement_of(job)
  return { sql = job.compiled.sql, values = job.values, n = #job.compiled.binds }
end

-- Queues every job; a change of statement parses the new one under the unnamed
-- name, which costs no round trip either. `queued` gets, for each answer to
-- come, the number of its job, or false.
local function send(execution, link, jobs, queued)
  local pg = link.pg
  local current, plan
  check(link, pg:send_params("SAVEPOINT pgv_many", nil, nil, 0, 0))
  queued[1] = false
  for i, job in ipairs(jobs) do
    local compiled = job.compiled
    if compiled ~= current then
      plan = execution:_plan_of(link, compiled)
      check(link, pg:send_prepare("", compiled.sql, plan.encoder))
      queued[#queued + 1] = i
      current = compiled
    end
    link.statement = statement_of(job)
    check(link, pg:send_query_prepared("", plan.encoder, job.values, #compiled.binds, plan.format))
    queued[#queued + 1] = i
    if i % FLUSH_EVERY == 0 then link:_flush() end
  end
  check(link, pg:send_params("RELEASE SAVEPOINT pgv_many", nil, nil, 0, 0))
end

-- Reads the answers up to the synchronisation point.
local function receive(link, on_result)
  local failure
  while true do
    local res = link:_next_result()
    if res then
      local status = res:status()
      if status == "pipeline_sync" then
        res:clear()
        break
      elseif failure or status == "pipeline_aborted" then
        res:clear()
      elseif status == "fatal_error" or status == "bad_response" then
        failure = res
        if link.pg:status() == "bad" then break end
      else
        on_result(res)
      end
    elseif link.pg:status() == "bad" then
      link:_lost({ message = "the server closed the connection in the middle of a pipeline" })
    end
  end
  return failure
end

--- Runs jobs in order.
-- @tparam Execution execution
-- @tparam Link link in a transaction
-- @tparam table jobs sequence of `{ compiled =, values = }`
-- @treturn Result the rows of all, in order; rowcount is their sum
function many.run(execution, link, jobs)
  link:_check_idle()
  -- look up types and formats before the pipeline: nothing can be asked within it
  for _, job in ipairs(jobs) do
    local plan = execution:_plan_of(link, job.compiled)
    execution:complete(link, { plan = plan, sql = job.compiled.sql })
  end
  check(link, link.pg:enter_pipeline())
  link.mode = "a pipeline"
  local queued = {}
  local sent, send_error = pcall(send, execution, link, jobs, queued)
  if not sent and link.broken then error(send_error, 0) end

  check(link, link.pg:pipeline_sync())
  link:_flush()
  local answers = {}
  local failure = receive(link, function(res) answers[#answers + 1] = res end)
  if failure and link.pg:status() == "bad" then execute.raise(link, failure) end
  check(link, link.pg:exit_pipeline())
  link.mode = false
  link:_drain_notices()
  if failure then
    local failed = queued[#answers + 1]
    link.statement = failed and statement_of(jobs[failed]) or nil
    for _, res in ipairs(answers) do res:clear() end
    execute.raise(link, failure)
  end
  if not sent then
    for _, res in ipairs(answers) do res:clear() end
    execute.simple(link, "ROLLBACK TO SAVEPOINT pgv_many; RELEASE SAVEPOINT pgv_many"):clear()
    link:_raise(send_error)
  end
  link.statement = nil

  local rows, names, rowcount = {}, nil, 0
  local at = 0 -- which job the next answer with a row count belongs to
  for _, res in ipairs(answers) do
    local count = res:cmd_tuples()
    if count then
      at = at + 1
      rowcount = rowcount + count
      if res:status() == "tuples_ok" then
        local compiled = jobs[at].compiled
        local decoder = execution:_decoder(link, execution:_plan_of(link, compiled), res, compiled.columns)
        names = names or res:names()
        for _, row in ipairs(res:rows(decoder, 1, res:ntuples())) do rows[#rows + 1] = row end
      end
    end
    res:clear()
  end
  if names then return Result._listed(rows, names, rowcount) end
  return Result._counted(rowcount)
end

--- Compiles a statement for every shape of row and runs it for all of them.
-- @tparam Connection conn
-- @param stmt a statement
-- @tparam table rows sequence of tables of values by name
-- @treturn Result
function many.execute(conn, stmt, rows)
  local by_shape, jobs = {}, {}
  for i, row in ipairs(rows) do
    if type(row) ~= "table" then
      errors.raise("ArgumentError", "params: row %d: expected a table, got %s", i, type(row))
    end
    local options = many.compile_options(stmt, row)
    local shape = options and table.concat(options.keys, "\0") or ""
    local compiled = by_shape[shape]
    if not compiled then
      compiled = compiler.compile(stmt, options)
      by_shape[shape] = compiled
    end
    jobs[i] = { compiled = compiled, values = compiler.values(compiled, row) }
  end
  return conn:_execute_many(jobs)
end

return many
