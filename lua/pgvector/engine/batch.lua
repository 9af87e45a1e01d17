--- Statements that run in one conversation, through a pipeline.
-- @module pgvector.engine.batch

local class = require "pgvector.class"
local core = require "pgvector.core"
local execute = require "pgvector.driver.execute"
local Pipeline = require "pgvector.driver.pipeline"

local Batch = class("Batch")

--- Makes an empty batch. Nothing is sent before the first statement.
function Batch.new(execution, link)
  return setmetatable({
    execution = execution, link = link,
    pipeline = nil,
    jobs = {},    -- sent
    settled = {}, -- whose results have come, for the next who asks
    parsed = {},  -- the parsing of statements that get a name
    current = nil, -- the plan that the unnamed statement was parsed for
    culprit = nil, -- the job that failed
  }, Batch)
end

function Batch:_open()
  local pipeline = self.pipeline
  if not pipeline then
    pipeline = Pipeline.open(self.link)
    self.pipeline = pipeline
  end
  return pipeline
end

local function stamp(job) job.seconds = core.now() - job.seconds end

--- Sends a statement.
-- @tparam table job see Execution:job; its `result` is there after settle
-- @raise for a value that cannot be sent; the statement was not sent then
function Batch:add(job)
  local execution, link, plan = self.execution, self.link, job.plan
  if not plan.format then
    self.settled = self:settle() -- nothing can be asked in the middle
    execution.plans:complete(link, job)
  end
  local pipeline = self:_open()
  link.statement = job
  if execution.echo then job.seconds, job.done = core.now(), stamp end
  local name, known = execution.name_of(link, job)
  if known then
    pipeline:prepared(job, name, plan.encoder, job.values, job.n, plan.format)
  elseif name then
    local step = { job = job, key = plan.key }
    pipeline:prepare(step, name, job.sql, plan.encoder)
    link.prepared:add(plan.key, name)
    table.insert(self.parsed, step)
    pipeline:prepared(job, name, plan.encoder, job.values, job.n, plan.format)
  elseif plan == self.current then
    pipeline:prepared(job, "", plan.encoder, job.values, job.n, plan.format)
  else
    pipeline:params(job, job.sql, plan.encoder, job.values, job.n, plan.format)
    self.current = not plan.untyped and plan or nil
  end
  link.statement = nil
  self.jobs[#self.jobs + 1] = job
end

--- Sends a command without parameters or rows.
function Batch:command(sql)
  self:_open():params({ sql = sql, n = 0 }, sql, nil, nil, 0, 0)
end

--- Sends jobs, and a command before and one after them if wanted, and reads
-- every answer. If a value is refused after others were sent, these run.
-- @tparam table jobs
-- @tparam ?string before
-- @tparam ?string after not sent after a refusal
-- @return the error of the refused value, whose statement is the link's then; or nil
-- @raise the server's error
function Batch:run(jobs, before, after)
  local execution, link = self.execution, self.link
  -- nothing can be asked in the middle of it
  for _, job in ipairs(jobs) do execution.plans:complete(link, job) end
  if before then self:command(before) end
  local sent, err = pcall(function()
    for _, job in ipairs(jobs) do self:add(job) end
  end)
  local statement = link.statement
  if not sent and (link.broken or not link.mode) then error(err, 0) end
  if sent and after then self:command(after) end
  self:settle()
  if not sent then
    link.statement = statement
    return err
  end
end

--- Reads every answer; the link is idle then.
-- @treturn table the jobs whose results have come, in order
-- @raise the first error of the server, with its statement
function Batch:settle()
  local pipeline, link, execution = self.pipeline, self.link, self.execution
  local settled = self.settled
  self.settled = {}
  if not pipeline then return settled end
  local jobs, parsed = self.jobs, self.parsed
  self.pipeline, self.current, self.jobs, self.parsed = nil, nil, {}, {}
  local ok, failure, culprit = pcall(pipeline.finish, pipeline)
  for _, step in ipairs(parsed) do
    if not step.result then link.prepared:forget(step.key) end
  end
  if not ok then error(failure, 0) end
  if failure then
    for _, job in ipairs(jobs) do
      if job.result then job.result:clear() end
    end
    self.culprit = culprit.job or culprit
    link.statement = self.culprit
    local _, err = pcall(execute.raise, link, failure)
    if link.prepared then link.prepared:noticed(err) end
    error(err, 0)
  end
  link.statement = nil
  if execution.echo then
    for _, job in ipairs(jobs) do execution:log(job.sql, execution:_describe(job.values, job.n), job.seconds) end
  end
  if #settled == 0 then return jobs end
  for _, job in ipairs(jobs) do settled[#settled + 1] = job end
  return settled
end

return Batch
