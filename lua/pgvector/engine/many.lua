--- executemany: one statement, many rows of values, one conversation.
--
-- All executions go through libpq's pipeline, so that a thousand rows cost a
-- few round trips. A savepoint around them makes the whole all or nothing even
-- when a value is refused here after others were sent.
-- @module pgvector.engine.many

local Batch = require "pgvector.engine.batch"
local execute = require "pgvector.driver.execute"
local Result = require "pgvector.engine.result"

local many = {}

-- Sends everything and reads the answers.
local function converse(execution, link, jobs)
  local refused = Batch.new(execution, link):run(jobs, "SAVEPOINT pgv_many", "RELEASE SAVEPOINT pgv_many")
  if not refused then return end
  local statement = link.statement
  execute.simple(link, "ROLLBACK TO SAVEPOINT pgv_many; RELEASE SAVEPOINT pgv_many"):clear()
  link.statement = statement
  link:_raise(refused)
end

--- Runs jobs in order.
-- @tparam Execution execution
-- @tparam Link link in a transaction
-- @tparam table list sequence of `{ compiled =, values = }`
-- @treturn Result the rows of all, in order; rowcount is the sum of `_rowcounts`
function many.run(execution, link, list)
  local jobs, plans = {}, {}
  for i, entry in ipairs(list) do
    jobs[i] = execution:job(link, entry.compiled, entry.values)
    plans[i] = jobs[i].plan
  end
  execution:retrying(link, plans, function() converse(execution, link, jobs) end)

  local rows, names, rowcount, rowcounts = {}, nil, 0, {}
  for i, job in ipairs(jobs) do
    local res = job.result
    rowcounts[i] = res:cmd_tuples() or 0
    rowcount = rowcount + rowcounts[i]
    if res:status() == "tuples_ok" then
      local decoder, columns = execution.plans:decoder(link, job.plan, res, job.columns)
      names = names or columns
      for _, row in ipairs(res:rows(decoder, 1, res:ntuples())) do rows[#rows + 1] = row end
    end
    res:clear()
  end
  local result = names and Result._listed(rows, names, rowcount) or Result._counted(rowcount)
  result._rowcounts = rowcounts
  return result
end

--- The result of running a statement for no rows.
-- @tparam table compiled
-- @treturn Result
function many.nothing(compiled)
  if not compiled.columns then return Result._counted(0) end
  local names = {}
  for i, column in ipairs(compiled.columns) do names[i] = column.name end
  return Result._listed({}, names, 0)
end

return many
