--- executemany: one statement, many rows of values, one conversation.
--
-- All executions go through libpq's pipeline, so that a thousand rows cost a
-- few round trips. A savepoint around them makes the whole all or nothing even
-- when a value is refused here after others were sent.
-- @module pgvector.engine.many

local Batch = require "pgvector.engine.batch"
local compiler = require "pgvector.sql.compiler"
local errors = require "pgvector.errors"
local execute = require "pgvector.driver.execute"
local Result = require "pgvector.engine.result"

local many = {}

local takes_columns = { insert = true, update = true }

--- What the compiler must know of the values to come: in an insert the names
-- are columns, in an update those that are no parameters of the statement.
function many.compile_options(stmt, row)
  if not takes_columns[stmt.__visit_name] then return nil end
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

-- Sends everything and reads the answers.
local function converse(execution, link, jobs)
  -- nothing can be asked in the middle of it
  for _, job in ipairs(jobs) do execution:complete(link, job) end
  local batch = Batch.new(execution, link)
  batch:command("SAVEPOINT pgv_many")
  local sent, err = pcall(function()
    for _, job in ipairs(jobs) do batch:add(job) end
  end)
  local refused = link.statement
  if not sent and (link.broken or not link.mode) then error(err, 0) end
  if sent then batch:command("RELEASE SAVEPOINT pgv_many") end
  batch:settle()
  if not sent then
    execute.simple(link, "ROLLBACK TO SAVEPOINT pgv_many; RELEASE SAVEPOINT pgv_many"):clear()
    link.statement = refused
    link:_raise(err)
  end
end

--- Runs jobs in order.
-- @tparam Execution execution
-- @tparam Link link in a transaction
-- @tparam table list sequence of `{ compiled =, values = }`
-- @treturn Result the rows of all, in order; rowcount is their sum
function many.run(execution, link, list)
  local jobs, plans = {}, {}
  for i, entry in ipairs(list) do
    jobs[i] = execution:job(link, entry.compiled, entry.values)
    plans[i] = jobs[i].plan
  end
  execution:retrying(link, plans, function() converse(execution, link, jobs) end)

  local rows, names, rowcount = {}, nil, 0
  for _, job in ipairs(jobs) do
    local res = job.result
    rowcount = rowcount + (res:cmd_tuples() or 0)
    if res:status() == "tuples_ok" then
      local decoder = execution:_decoder(link, job.plan, res, job.columns)
      names = names or res:names()
      for _, row in ipairs(res:rows(decoder, 1, res:ntuples())) do rows[#rows + 1] = row end
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
