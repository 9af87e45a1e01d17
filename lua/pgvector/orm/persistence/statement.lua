--- What INSERTs and UPDATEs of instances have in common: a plan says which
-- columns are sent and which come back.
--
-- Statements are made once per shape (verb, table, columns sent, columns
-- fetched) and run as one batch.
-- @module pgvector.orm.persistence.statement

local coerce = require "pgvector.sql.coerce"
local compat = require "pgvector.compat"
local compiler = require "pgvector.sql.compiler"
local core = require "pgvector.core"
local defaults = require "pgvector.sql.defaults"
local instance = require "pgvector.orm.instance"
local observe = require "pgvector.engine.observe"
local stored = require "pgvector.orm.stored"

local statement = {}

local null = core.null

---- plans: one statement to come -------------------------------------------------------

-- Where a shape keeps its statement: beside columns and names.
local STATEMENT = 1

--- Makes a plan. Its `shape` walks a tree of shapes, whose ends keep the
-- statements.
-- @param object
-- @tparam table state
-- @tparam Table tbl
-- @tparam string verb
-- @treturn table plan: `sent` (columns), `values` (by key), `returned` (attributes)
function statement.plan(object, state, tbl, verb)
  local statements = state.mapper._statements
  local shapes = statements[verb]
  if not shapes then
    shapes = {}
    statements[verb] = shapes
  end
  local shape = shapes[tbl]
  if not shape then
    shape = {}
    shapes[tbl] = shape
  end
  return {
    object = object, state = state, table = tbl, shape = shape, sent = {}, values = {}, returned = {},
    has_expression = false,
  }
end

local function step(plan, token)
  local shape = plan.shape[token]
  if not shape then
    shape = {}
    plan.shape[token] = shape
  end
  plan.shape = shape
end

local function is_sql(value)
  return type(value) == "table" and (coerce.is_expression(value) or coerce.is_query(value))
end

--- Fetches an attribute: a column, or a property that is an expression.
function statement.take_back(plan, attribute)
  plan.returned[#plan.returned + 1] = attribute
  step(plan, attribute.key)
end

--- The same, unless it is deferred.
function statement.fetch(plan, attribute)
  if not attribute.deferred then statement.take_back(plan, attribute) end
end

-- A vector may be given as a table or text; from here on it is one. What a type
-- decorator makes of its values is not for the object to see.
local function settled(plan, column, value)
  local type_ = column.type
  if type_.family ~= "vector" and type_.family ~= "bit" or type_.impl then return value end
  if value == null or type(value) == "userdata" or is_sql(value) then return value end
  value = type_:check(value)
  if plan.state.values[column.key] ~= nil then plan.state.values[column.key] = value end
  return value
end

--- Sends a value; what an SQL expression comes to is fetched.
function statement.send(plan, column, value)
  value = settled(plan, column, value)
  plan.sent[#plan.sent + 1] = column
  plan.values[column.key] = value
  step(plan, column)
  if is_sql(value) then
    plan.has_expression = true
    statement.take_back(plan, column)
  end
end

-- The values of an instance's columns as far as they are known; those of a plan
-- go first.
local function values_so_far(state, sent)
  local known = {}
  for _, column in ipairs(state.mapper.columns) do
    local value = sent and sent[column.key]
    if value == nil then value = state.values[column.key] end
    if not is_sql(value) then known[column.key] = value end
  end
  return known
end

--- What a column's default comes to: a function makes the value, anything else is it.
-- @param default
-- @tparam table state
-- @tparam[opt] table sent the values of the plan so far
function statement.default_value(default, state, sent)
  if type(default) == "function" then
    default = defaults.call(default, function() return values_so_far(state, sent) end)
  end
  if default == nil then return null end
  return default
end

--- The columns of one of a mapper's tables: those that are attributes, and the
-- key of a table of its own.
function statement.columns_of(mapper, tbl)
  local of = mapper._columns_of
  if not of then
    of = {}
    mapper._columns_of = of
  end
  local columns = of[tbl]
  if not columns then
    columns = {}
    for _, column in ipairs(tbl:_columns()) do
      if rawequal(mapper.by_key[column.key], column) or mapper.root_of[column] then columns[#columns + 1] = column end
    end
    of[tbl] = columns
  end
  return columns
end

---- statements -------------------------------------------------------------------------

--- A statement without defaults of its own: the plan has those of its model.
function statement.bare(stmt)
  local copy = stmt:_copy()
  copy._has_all = true
  return copy
end

--- The values of a statement: parameters by attribute, expressions as they are.
function statement.value_map(plan)
  local map = {}
  for _, column in ipairs(plan.sent) do
    local value = plan.values[column.key]
    map[column.key] = is_sql(value) and value or stored.parameter(column.key, column.type)
  end
  return map
end

--- Adds what a plan fetches.
function statement.returning(stmt, plan)
  if #plan.returned == 0 then return stmt end
  local items = {}
  for i, attribute in ipairs(plan.returned) do
    items[i] = attribute._is_expression_property and attribute:expression(plan.table) or attribute
  end
  return stmt:returning(compat.unpack(items))
end

--- The compiled statement for a plan. One with SQL expressions among its values
-- is made for itself.
-- @tparam Connection conn
-- @tparam table plan
-- @tparam function build `function(plan)` makes the statement
function statement.compiled_for(conn, plan, build)
  local stmt = not plan.has_expression and plan.shape[STATEMENT]
  if not stmt then
    stmt = build(plan)
    if not plan.has_expression then plan.shape[STATEMENT] = stmt end
  end
  return compiler.compile(stmt, nil, conn._schema_map)
end

--- One execution: the values in the order of the parameters.
function statement.job(compiled, params)
  local binds = compiled.binds
  local values = { n = #binds }
  for i = 1, #binds do
    local bind = binds[i]
    local value = bind.key and params[bind.key]
    if value == nil then value = bind.value end
    values[i] = value
  end
  return { compiled = compiled, values = values }
end

local function run_jobs(conn, jobs)
  if #jobs == 1 then return conn:_execute_compiled(jobs[1].compiled, jobs[1].values) end
  return conn:_execute_many(jobs)
end

--- Runs the executions of one kind together.
-- @treturn Result
function statement.run(conn, jobs)
  local params = #jobs == 1 and jobs[1].values or jobs
  return observe.run(conn, jobs[1].compiled.sql, params, run_jobs, conn, jobs)
end

--- Gives every plan that fetches something its row.
function statement.take_rows(plans, result)
  local any = false
  for _, plan in ipairs(plans) do any = any or #plan.returned > 0 end
  local fetched, at = any and result:all() or {}, 0
  for _, plan in ipairs(plans) do
    local state = plan.state
    for _, column in ipairs(plan.sent) do
      if state.values[column.key] == nil or plan.renewed and plan.renewed[column] then
        instance.set_made(state, column.key, plan.values[column.key])
      end
    end
    if #plan.returned > 0 then
      at = at + 1
      for i, attribute in ipairs(plan.returned) do
        instance.set_made(state, attribute.key, fetched[at][i])
      end
    end
  end
end

return statement
