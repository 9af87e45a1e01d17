--- From a compiled statement and its values to a result.
-- @module pgvector.engine.execution

local class = require "pgvector.class"
local core = require "pgvector.core"
local execute = require "pgvector.driver.execute"
local parameters = require "pgvector.engine.parameters"
local Plans = require "pgvector.engine.plans"
local Result = require "pgvector.engine.result"

local Execution = class("Execution")

--- The state that all connections to one database share.
-- @tparam TypeInfo typeinfo
-- @tparam boolean hide_parameters
-- @tparam ?function echo called with (sql, params, milliseconds)
-- @tparam ?function warn told of statements that are probably not meant so
function Execution.new(typeinfo, hide_parameters, echo, warn)
  return setmetatable({
    typeinfo = typeinfo,
    hide_parameters = hide_parameters,
    echo = echo,
    plans = Plans.new(typeinfo, warn),
  }, Execution)
end

-- Parameters for errors and logs.
function Execution:_describe(values, n)
  if self.hide_parameters then return "hidden" end
  return parameters.describe(values, n)
end

local forgetting = {
  ["CREATE EXTENSION"] = true, ["DROP EXTENSION"] = true, ["ALTER EXTENSION"] = true,
  ["DROP TYPE"] = true, ["DROP SCHEMA"] = true,
}

-- Errors that an OID of a type which is no more leads to.
local function mentions_missing_type(err)
  return err.sqlstate == "42704"
    or (err.sqlstate == "XX000" and tostring(err.message):find("cache lookup failed for type"))
end

--- Completes an error of the statement that runs on a link.
function Execution:decorate(link, err)
  if mentions_missing_type(err) then self.typeinfo:forget() end
  local statement = link.statement
  if statement then
    err.sql = statement.sql
    err.params = self:_describe(statement.values, statement.n)
    self:log(statement.sql, err.params, statement.started and core.now() - statement.started or 0)
  end
end

--- Logs a statement that has run.
function Execution:log(sql, params, seconds)
  if self.echo then self.echo(sql, params, seconds * 1000) end
end

--- Runs a command of our own, without parameters or rows.
function Execution:command(link, sql)
  link:_check_free()
  local outer, started = link.statement, core.now()
  link.statement = { sql = sql, n = 0 }
  local res = execute.simple(link, sql)
  self:_executed(link, res)
  res:clear()
  link.statement = outer
  self:log(sql, nil, core.now() - started)
end

-- Notes what a statement changed besides data.
function Execution:_executed(link, res)
  local tag = res:cmd_status()
  if forgetting[tag] then
    self.typeinfo:forget()
    link.types_changed = true
  end
  if link.prepared then link.prepared:executed(tag) end
end

--- A statement with its values and what is known of it: a compiled one.
-- @tparam Link link
-- @tparam table compiled what sql.compiler gives
-- @tparam table values in $n order
-- @treturn table `{ plan =, sql =, values =, n =, columns = }`
function Execution:job(link, compiled, values)
  return {
    plan = self.plans:of(link, compiled), sql = compiled.sql,
    values = values, n = #compiled.binds, columns = compiled.columns,
  }
end

--- The same for raw SQL.
-- @tparam Link link
-- @tparam string sql with $1 … $n
-- @tparam ?table values
-- @tparam number n
-- @treturn table
function Execution:text_job(link, sql, values, n)
  local plain, typed = parameters.unwrapped(values, n)
  return { plan = self.plans:of_text(link, sql, plain, n, typed), sql = sql, values = plain, n = n }
end

--- The name under which a statement is, or is to be, prepared.
-- @treturn ?string nil: it shall have none
-- @treturn boolean is it prepared already?
function Execution.name_of(link, job)
  local cache, plan = link.prepared, job.plan
  if not cache or plan.alone then return nil, false end
  if plan.untyped then
    for _, i in ipairs(plan.untyped) do
      -- such a value tells its type when the statement is sent with it
      local t = type(job.values[i])
      if t == "boolean" or t == "userdata" then return nil, false end
    end
  end
  return cache:use(plan.key)
end

-- Sends a job in the way that suits it.
function Execution:_send(link, job)
  local plan = job.plan
  self.plans:complete(link, job)
  if plan.alone then link:_check_idle() end
  local name, known = Execution.name_of(link, job)
  if not name then
    return execute.params(link, job.sql, plan.encoder, job.values, job.n, plan.format)
  elseif known then
    return execute.prepared(link, name, plan.encoder, job.values, job.n, plan.format)
  end
  local parsed = { done = function() link.prepared:add(plan.key, name) end }
  return execute.prepare(link, parsed, name, job.sql, plan.encoder, job.values, job.n, plan.format)
end

-- Calls `send(self, link, …)`, and once more if a prepared statement has
-- become stale and nothing is lost by starting over. `plans` are those of the
-- statements.
function Execution:retrying(link, plans, send, ...)
  local cache, opening, statement = link.prepared, link.opening, link.statement
  if not cache then return send(self, link, ...) end
  local ok, res = pcall(send, self, link, ...)
  if ok then return res end
  if type(res) ~= "table" or link.broken or not cache:noticed(res) then error(res, 0) end
  for _, plan in ipairs(plans) do plan.format = plan.declared end
  if opening then
    -- the transaction began with this very conversation
    self:command(link, "ROLLBACK")
    link.opening = opening
  elseif link.pg:transaction_status() ~= "idle" then
    error(res, 0)
  end
  link.statement = statement
  return send(self, link, ...)
end

-- The result of a job's answer; `into` is the table that becomes it, if
-- there is one already; see Result._room.
function Execution:result_of(link, job, res, into)
  local plan = job.plan
  local status, rows, known, touched = res:summary(plan.signature)
  if status ~= "tuples_ok" then
    self:_executed(link, res)
    return Result._touched(res, touched, into)
  end
  if not known then self.plans:decoder(link, plan, res, job.columns) end
  return Result._buffered(res, plan.decoder, plan.names, rows, touched, job.columns, into)
end

--- Runs one job.
-- @treturn Result
function Execution:run_job(link, job)
  link:_check_free() -- before the statement of whoever is at work is overwritten
  link.statement = job
  local started = self.echo and core.now()
  job.started = started
  local res = self:retrying(link, { job.plan }, self._send, job)
  link.statement = nil
  if started then self:log(job.sql, self:_describe(job.values, job.n), core.now() - started) end
  return self:result_of(link, job, res)
end

--- Runs a compiled statement with values in $n order.
-- @treturn Result
function Execution:run(link, compiled, values)
  return self:run_job(link, self:job(link, compiled, values))
end

--- Runs raw SQL with $1 … $n and that many values.
-- @treturn Result
function Execution:run_text(link, sql, values, n)
  return self:run_job(link, self:text_job(link, sql, values, n))
end

--- Runs a script of several statements without parameters.
function Execution:run_script(link, sql)
  link:_check_free()
  link.statement = { sql = sql, n = 0 }
  local res = execute.simple(link, sql)
  link.statement = nil
  -- any of its statements may have been one that changes types
  self.typeinfo:forget()
  link.types_changed = true
  if link.prepared then link.prepared:executed("ALTER") end
  return self:result_of(link, { plan = self.plans:fresh() }, res)
end

return Execution
