--- INSERT, UPDATE and DELETE of instances: which columns are sent, which come
-- back, and how the statements of one kind travel together.
--
-- Statements are compiled once per shape (mapper and set of columns) and run as
-- one batch. An INSERT's row comes back from its own execution, so that the
-- order of the answers is certain.
-- @module pgvector.orm.persistence

local base = require "pgvector.sql.base"
local coerce = require "pgvector.sql.coerce"
local compat = require "pgvector.compat"
local compiler = require "pgvector.sql.compiler"
local core = require "pgvector.core"
local errors = require "pgvector.errors"
local instance = require "pgvector.orm.instance"
local insert = require "pgvector.sql.insert".insert
local operators = require "pgvector.sql.operators"
local update = require "pgvector.sql.update"

local persistence = {}

local null = core.null

local function parameter(name, type_)
  return base.node{ __visit_name = "bind", key = name, type = type_, required = true }
end

-- `pk = $…` for every column of the primary key; the parameters' names cannot
-- be those of attributes.
local function key_name(i) return "\1key" .. i end

--- `column = $…` for each of some columns, with parameters of the columns' keys.
-- @treturn table condition
function persistence.columns_condition(columns)
  local conditions = {}
  for i, column in ipairs(columns) do
    conditions[i] = column:eq(parameter(column.key, column.type))
  end
  return base.boolean(operators.and_, conditions, #conditions)
end

--- The condition that picks one row by parameters.
function persistence.identity_condition(mapper)
  local conditions = {}
  for i, column in ipairs(mapper.primary_key) do
    conditions[i] = column:eq(parameter(key_name(i), column.type))
  end
  return base.boolean(operators.and_, conditions, #conditions)
end

--- Adds the parameters of that condition.
-- @tparam table params
-- @tparam table identity values of the primary key
-- @treturn table params
function persistence.identity_params(params, identity)
  for i, value in ipairs(identity) do params[key_name(i)] = value end
  return params
end

-- The compiled statement for a plan. Plans of one shape share it; one with SQL
-- expressions among its values is compiled for itself.
local function compiled_for(mapper, verb, plan, build)
  if plan.has_expression then return compiler.compile(build(mapper, plan)) end
  local parts = { verb }
  for _, column in ipairs(plan.sent) do parts[#parts + 1] = column.key end
  parts[#parts + 1] = "\1returning"
  for _, column in ipairs(plan.returned) do parts[#parts + 1] = column.key end
  local shape = table.concat(parts, "\0")
  local compiled = mapper._statements[shape]
  if not compiled then
    compiled = compiler.compile(build(mapper, plan))
    mapper._statements[shape] = compiled
  end
  return compiled
end

-- Calls a default: a function makes the value, anything else is it.
local function default_value(default)
  if type(default) == "function" then default = default() end
  if default == nil then return null end
  return default
end

-- One statement to come: the columns with their values or expressions, and the
-- columns to fetch.
local function new_plan(object, state)
  return { object = object, state = state, sent = {}, values = {}, returned = {}, has_expression = false }
end

local function send(plan, column, value)
  plan.sent[#plan.sent + 1] = column
  plan.values[column.key] = value
  if coerce.is_expression(value) or coerce.is_query(value) then
    plan.has_expression = true
    plan.returned[#plan.returned + 1] = column
  end
end

local function fetch(plan, column)
  if not column.deferred then plan.returned[#plan.returned + 1] = column end
end

local function insert_plan(object, state)
  local plan = new_plan(object, state)
  for _, column in ipairs(state.mapper.columns) do
    local value = state.values[column.key]
    if column.computed then
      fetch(plan, column)
    elseif value ~= nil then
      send(plan, column, value)
    elseif column.default ~= nil then
      send(plan, column, default_value(column.default))
    elseif column:_has_server_default() then
      if column.primary_key then
        plan.returned[#plan.returned + 1] = column
      else
        fetch(plan, column)
      end
    end
  end
  return plan
end

-- `changes` as instance.changes gives them; a column with `onupdate` that is
-- not among them gets its new value.
local function update_plan(object, state, changes)
  local plan = new_plan(object, state)
  local given = {}
  for _, change in ipairs(changes) do
    given[change[1]] = true
    send(plan, change[1], change[3])
  end
  for _, column in ipairs(state.mapper.columns) do
    if column.computed or column.server_onupdate then
      fetch(plan, column)
    elseif column.onupdate ~= nil and not given[column] then
      send(plan, column, default_value(column.onupdate))
    end
  end
  return plan
end

-- The values of a statement: parameters by attribute, expressions as they are.
local function value_map(plan)
  local map = {}
  for _, column in ipairs(plan.sent) do
    local value = plan.values[column.key]
    local as_is = coerce.is_expression(value) or coerce.is_query(value)
    map[column.key] = as_is and value or parameter(column.key, column.type)
  end
  return map
end

local function returning(stmt, plan)
  if #plan.returned == 0 then return stmt end
  return stmt:returning(compat.unpack(plan.returned))
end

local function build_insert(mapper, plan)
  local stmt = insert(mapper.table)
  if #plan.sent > 0 then stmt = stmt:values(value_map(plan)) end
  return returning(stmt, plan)
end

local function build_update(mapper, plan)
  local stmt = update.update(mapper.table):where(persistence.identity_condition(mapper))
  return returning(stmt:values(value_map(plan)), plan)
end

local function build_delete(mapper)
  return update.delete(mapper.table):where(persistence.identity_condition(mapper))
end

-- The values of one execution, in the order of the parameters.
local function job_for(compiled, params)
  local values = { n = #compiled.binds }
  for i, bind in ipairs(compiled.binds) do
    local value = bind.key and params[bind.key]
    if value == nil then value = bind.value end
    values[i] = value
  end
  return { compiled = compiled, values = values }
end

local function run(conn, jobs)
  if #jobs == 1 then return conn:_execute_compiled(jobs[1].compiled, jobs[1].values) end
  return conn:_execute_many(jobs)
end

-- Gives every plan that fetches something its row.
local function take_rows(plans, result)
  local any = false
  for _, plan in ipairs(plans) do any = any or #plan.returned > 0 end
  local rows, at = any and result:all() or {}, 0
  for _, plan in ipairs(plans) do
    local state = plan.state
    for _, column in ipairs(plan.sent) do
      if state.values[column.key] == nil then
        instance.set_made(state, column.key, plan.values[column.key])
      end
    end
    if #plan.returned > 0 then
      at = at + 1
      for i, column in ipairs(plan.returned) do
        instance.set_made(state, column.key, rows[at][i])
      end
    end
  end
end

-- What neither was sent nor has a default is NULL now.
local function fill_with_null(state)
  for _, column in ipairs(state.mapper.columns) do
    if state.values[column.key] == nil and not column:_has_server_default() then
      instance.set_made(state, column.key, null)
    end
  end
end

--- Inserts instances of one mapper, in order.
-- @tparam Connection conn
-- @tparam Mapper mapper
-- @tparam table objects sequence of `{ object, state }`
function persistence.insert(conn, mapper, objects)
  local plans, jobs = {}, {}
  for i, pair in ipairs(objects) do
    local plan = insert_plan(pair[1], pair[2])
    plans[i] = plan
    jobs[i] = job_for(compiled_for(mapper, "insert", plan, build_insert), plan.values)
  end
  take_rows(plans, run(conn, jobs))
  for _, pair in ipairs(objects) do
    fill_with_null(pair[2])
    persistence.take_identity(pair[2])
  end
end

--- Reads the identity of a stored instance from its values.
function persistence.take_identity(state)
  local mapper, identity = state.mapper, {}
  for i, column in ipairs(mapper.primary_key) do identity[i] = state.values[column.key] end
  state.identity, state.identity_key = identity, mapper:_identity(identity)
end

--- The changes by which an instance replaces a row altogether: what it does not
-- give gets its default.
-- @treturn table sequence of `{ column, key, value }`
function persistence.replacing_changes(state)
  local changes = {}
  for _, column in ipairs(state.mapper.columns) do
    local value = state.values[column.key]
    if value == nil and column.default ~= nil then
      value = default_value(column.default)
      instance.set_made(state, column.key, value)
    elseif value == nil then
      value = column:_has_server_default() and base.DEFAULT or null
    end
    if not column.computed and not column.primary_key then
      changes[#changes + 1] = { column, column.key, value }
    end
  end
  return changes
end

local function expect_count(verb, mapper, result, count)
  if result.rowcount ~= count then
    errors.raise("StaleDataError", "%s on table '%s' expected to match %d rows, %d were matched", verb,
      mapper.name, count, result.rowcount)
  end
end

--- Updates instances of one mapper.
-- @tparam Connection conn
-- @tparam Mapper mapper
-- @tparam table objects sequence of `{ object, state, changes }`
-- @raise StaleDataError if a row is gone
function persistence.update(conn, mapper, objects)
  local plans, jobs = {}, {}
  for i, triple in ipairs(objects) do
    local plan = update_plan(triple[1], triple[2], triple[3])
    plans[i] = plan
    local params = persistence.identity_params({}, triple[2].identity)
    for key, value in pairs(plan.values) do params[key] = value end
    jobs[i] = job_for(compiled_for(mapper, "update", plan, build_update), params)
  end
  local result = run(conn, jobs)
  expect_count("UPDATE", mapper, result, #jobs)
  take_rows(plans, result)
end

--- Deletes instances of one mapper. A row that is gone already is as wanted.
-- @tparam Connection conn
-- @tparam Mapper mapper
-- @tparam table objects sequence of `{ object, state }`
function persistence.delete(conn, mapper, objects)
  local compiled = mapper._statements.delete or compiler.compile(build_delete(mapper))
  mapper._statements.delete = compiled
  local jobs = {}
  for i, pair in ipairs(objects) do
    jobs[i] = job_for(compiled, persistence.identity_params({}, pair[2].identity))
  end
  run(conn, jobs)
end

return persistence
