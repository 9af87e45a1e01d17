--- Results whose rows are read from the server while they are used.
-- @module pgvector.engine.stream

local core = require "pgvector.core"
local execute = require "pgvector.driver.execute"
local Reader = require "pgvector.engine.reader"
local Result = require "pgvector.engine.result"

local stream = {}

-- So many rows are decoded at a time, if they are there.
local BATCH = 64

-- A result that is a part of the rows: before libpq 17 it is always one row.
local is_part = { single_tuple = true, tuples_chunk = true }

---- a result's source ----------------------------------------------------------------

local Streamed = {}
Streamed.__index = Streamed
for name, method in pairs(Result._Listed) do
  if type(method) == "function" then Streamed[name] = method end
end

-- Reads the rows from `first` to `last`; those before have been used.
-- @return the last one that there is, and the number of all, or infinity
function Streamed:reach(first, last)
  local list, n, reader, at_end = {}, 0, self.reader, false
  while first + n <= last do
    local row = reader:_next()
    if row == nil then
      at_end = true
      break
    end
    n = n + 1
    list[n] = row
  end
  self.list, self.base = list, first - 1
  return first + n - 1, at_end and first + n - 1 or math.huge
end

function Streamed:clear()
  self.list = {}
  self.reader:close()
end

---- rows, one by one ------------------------------------------------------------------

-- Sends a job and waits for the first rows, which tell the columns.
local function send(execution, link, job, chunk)
  local plan = job.plan
  -- nothing can be looked up in the catalogs later, while rows arrive
  if not plan.decoder then plan.format = nil end
  execution.plans:complete(link, job)
  link:_check_idle()
  local ok, err = link.pg:send_params(job.sql, plan.encoder, job.values, job.n, plan.format)
  if not ok then link:_lost(err) end
  link.pg:set_chunked_rows(chunk or 1) -- whoever wants many may wait for them
  link:_flush()
  return link:_next_result()
end

-- Reads results until the next would have to be waited for.
local function read_batch(link, decoder, res, status)
  local rows, n = {}, 0
  if not res then res, status = link:_next_result() end
  while true do
    if status == "tuples_chunk" then
      rows = res:rows(decoder, 1, res:ntuples())
      res:clear()
      return rows
    elseif status ~= "single_tuple" then
      -- the end: a result without rows, or an error
      if n > 0 then return rows, res, status end
      execute.collect(link, nil, res, status):clear()
      return nil
    end
    n = n + 1
    rows[n] = res:row(decoder, 1)
    res:clear()
    if n >= BATCH then return rows end
    res, status = link.pg:get_result()
    if res == false then return rows end
  end
end

-- Runs the job that `job_of(link)` gives.
local function run(conn, job_of, settings, chunk)
  local execution = conn._execution
  local names, decoder, complete, columns
  local reader = Reader._open(conn, "a stream of rows", settings, function(link)
    local job = job_of(link)
    link.statement = job
    local started = core.now()
    local res, status = send(execution, link, job, chunk)
    execution:log(job.sql, execution:_describe(job.values, job.n), core.now() - started)
    if not is_part[status] then -- no rows, or an error
      complete = execute.collect(link, nil, res, status)
      return nil
    end
    columns = job.columns
    decoder, names = execution.plans:decoder(link, job.plan, res, columns)
    return function()
      local rows
      rows, res, status = read_batch(link, decoder, res, status)
      return rows
    end
  end)
  if complete then
    local status, _, _, touched = complete:summary()
    if status ~= "tuples_ok" then return Result._touched(complete, touched) end
    names = complete:names()
    complete:clear()
    return Result._listed({}, names, 0)
  end
  local source = setmetatable({ reader = reader, base = 0, list = {}, width = #names }, Streamed)
  local result = Result._over(source, names, columns)
  result._chunk_size = chunk
  return result
end

local queries = { SELECT = true, WITH = true, VALUES = true, TABLE = true }

--- Is this SQL a query? What another statement did is not to be taken back
-- because somebody reads only the first of the rows that it returns.
-- @tparam string sql
-- @treturn boolean
function stream.suits(sql)
  local word = sql:match("^[%s(]*(%a+)")
  return word ~= nil and queries[word:upper()] == true
end

--- Runs a compiled statement.
-- @tparam Connection conn
-- @tparam table compiled
-- @tparam table values in $n order
-- @tparam ?number chunk rows that are read ahead while iterating
-- @treturn Result
function stream.run(conn, compiled, values, chunk)
  return run(conn, function(link) return conn._execution:job(link, compiled, values) end, compiled.settings, chunk)
end

--- Runs raw SQL.
-- @tparam Connection conn
-- @tparam string sql
-- @tparam ?table values
-- @tparam number n
-- @tparam ?number chunk
-- @treturn Result
function stream.run_text(conn, sql, values, n, chunk)
  return run(conn, function(link) return conn._execution:text_job(link, sql, values, n) end, nil, chunk)
end

return stream
