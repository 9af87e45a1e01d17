--- conn:pipeline: statements whose results are read together.
-- @module pgvector.engine.pipelined

local Batch = require "pgvector.engine.batch"
local class = require "pgvector.class"
local compat = require "pgvector.compat"
local errors = require "pgvector.errors"
local observe = require "pgvector.engine.observe"
local parameters = require "pgvector.engine.parameters"
local Result = require "pgvector.engine.result"
local search_settings = require "pgvector.engine.settings"
local statement = require "pgvector.engine.statement"
local tokenizer = require "pgvector.sql.tokenizer"

local Pipeline = class("Pipeline")

-- After so many results others may run, if it has been long.
local BREATH = 256

-- What a result is before its answer is here.
local awaited = {
  __index = function()
    errors.raise("InvalidRequestError",
      "the pipeline has no answer for this statement yet: call sync(), or use it after the pipeline")
  end,
  __tostring = function() return "Result (awaited)" end,
}
awaited.__call = awaited.__index

local function check_open(self)
  if self._closed then errors.raise("InvalidRequestError", "this pipeline is over") end
end

-- Calls a method of the batch. What this statement failed with, or one that was
-- sent before, goes through the listeners.
local function converse(self, method, ...)
  if not self._conn.engine._hub._listeners then return method(self._batch, ...) end
  local ok, result = pcall(method, self._batch, ...)
  if ok then return result end
  local job = self._batch.culprit or self._link.statement or {}
  error(observe.failed(self._conn, job.stmt or job.sql, job.params, result), 0)
end

local function send(self, job)
  if job.plan.alone then
    errors.raise("InvalidRequestError", "COPY cannot run in a pipeline")
  end
  converse(self, Batch.add, job)
end

-- Sends what `stmt` became; the answer is for the user.
local function expect(self, job, stmt, params)
  local conn = self._conn
  if conn.engine._hub._listeners then
    job.stmt, job.params = stmt, params
    observe.before(conn, stmt, params)
    observe.tell(conn, "before_cursor_execute", job.sql, job.values)
  end
  send(self, job)
  job.handle = setmetatable(Result._room(), awaited)
  return job.handle
end

local streaming = { "stream_results", "yield_per" }

local function check_options(options)
  for _, option in ipairs(streaming) do
    if options[option] then
      errors.raise("InvalidRequestError", "%s cannot be used in a pipeline", option)
    end
  end
end

--- Sends a statement.
-- @param stmt select, insert, update, delete, text or DDL
-- @tparam[opt] table params values of its named parameters
-- @treturn Result usable after sync() or after the pipeline
function Pipeline:execute(stmt, params)
  check_open(self)
  statement.check("execute", stmt, params)
  if statement.is_row_list(params) then
    errors.raise("ArgumentError", "pipeline: expected the values of one execution; call execute for each row")
  end
  local compiled, values = statement.compile(stmt, params, self._conn._schema_map)
  if stmt._execution_options then check_options(stmt._execution_options) end
  local job = self._execution:job(self._link, compiled, values)
  local wanted = compiled.settings
  if not (wanted and #wanted > 0) then return expect(self, job, stmt, params) end
  local set, put_back = search_settings.jobs(self._execution, self._link, wanted)
  send(self, set)
  local handle = expect(self, job, stmt, params)
  send(self, put_back)
  return handle
end

--- Sends raw SQL with $1 … $n, one statement.
-- @tparam string sql
-- @tparam[opt] table params a sequence, with `n` if there are nils in it
-- @treturn Result usable after sync() or after the pipeline
function Pipeline:exec_sql(sql, params)
  check_open(self)
  if type(sql) ~= "string" then
    errors.raise("ArgumentError", "exec_sql: expected SQL text, got %s", class.describe(sql))
  elseif sql:find(";", 1, true) and tokenizer.statements(sql) > 1 then
    errors.raise("InvalidRequestError", "a script of several statements cannot run in a pipeline")
  end
  local values, n = parameters.check(params)
  return expect(self, self._execution:text_job(self._link, sql, values, n), sql, params)
end

--- Waits for the answers to everything sent so far; the results are usable then.
-- @raise the first error of the server, with its statement; what was sent after
--   that statement did not run
function Pipeline:sync()
  check_open(self)
  local jobs = converse(self, Batch.settle)
  for i = 1, #jobs do
    local job = jobs[i]
    -- the handle becomes the result; what nobody holds was a search parameter
    local result = self._execution:result_of(self._link, job, job.result, job.handle)
    if not job.handle then result:close() end
    if job.stmt then observe.after(self._conn, job.stmt, job.params, result) end
    if i % BREATH == 0 then self._link:_breathe() end
  end
  self._conn._succeeded = true
end

class.strict(class.seal(Pipeline))

local pipelined = { Pipeline = Pipeline }

--- Calls `fn(pipeline, ...)` and reads the answers.
-- @return what fn returns
function pipelined.run(conn, link, fn)
  local execution = conn._execution
  local self = setmetatable({
    _conn = conn, _link = link, _execution = execution, _batch = Batch.new(execution, link),
    _closed = false,
  }, Pipeline)
  local results = compat.pack(pcall(fn, self))
  if not results[1] then
    self._closed = true
    -- fn's error is the one to see; the link must be idle again
    if not link.broken then pcall(self._batch.settle, self._batch) end
    error(results[2], 0)
  end
  self:sync()
  self._closed = true
  return compat.unpack(results, 2, results.n)
end

return pipelined
