--- INSERT, UPDATE and DELETE of instances: which columns are sent, which come
-- back, and how the statements of one kind travel together.
--
-- Statements are made once per shape (table, columns sent, columns fetched)
-- and run as one batch. An INSERT's row comes back from its own execution, so
-- that the order of the answers is certain. An instance whose model has several
-- tables is a row in each.
-- @module pgvector.orm.persistence

local base = require "pgvector.sql.base"
local coerce = require "pgvector.sql.coerce"
local compat = require "pgvector.compat"
local compiler = require "pgvector.sql.compiler"
local core = require "pgvector.core"
local defaults = require "pgvector.sql.defaults"
local errors = require "pgvector.errors"
local expressions = require "pgvector.sql.expressions"
local instance = require "pgvector.orm.instance"
local insert = require "pgvector.sql.insert".insert
local observe = require "pgvector.engine.observe"
local operators = require "pgvector.sql.operators"
local update = require "pgvector.sql.update"

local persistence = {}

local null = core.null

local function parameter(name, type_)
  return base.node{ __visit_name = "bind", key = name, type = type_, required = true }
end

-- The parameters' names cannot be those of attributes.
local function key_name(i) return "\1key" .. i end
local VERSION = "\1version"

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
-- @tparam Mapper mapper
-- @tparam[opt] Table tbl one of its tables; default the first
function persistence.identity_condition(mapper, tbl)
  local conditions = {}
  for _, column in ipairs((tbl or mapper.root.table).primary_key.columns) do
    for i, key in ipairs(mapper.primary_key) do
      if rawequal(mapper.root_of[column] or column, key) then
        conditions[#conditions + 1] = column:eq(parameter(key_name(i), column.type))
      end
    end
  end
  return base.boolean(operators.and_, conditions, #conditions)
end

--- The condition that picks rows by the values of some columns.
-- @tparam table columns
-- @tparam table rows sequence of sequences of values
-- @treturn table condition
function persistence.among(columns, rows)
  if #columns > 1 then return expressions.tuple(compat.unpack(columns)):in_(rows) end
  local values = {}
  for i, row in ipairs(rows) do values[i] = row[1] end
  return columns[1]:in_(values)
end

--- Adds the parameters of that condition.
-- @tparam table params
-- @tparam table identity values of the primary key
-- @treturn table params
function persistence.identity_params(params, identity)
  for i, value in ipairs(identity) do params[key_name(i)] = value end
  return params
end

---- plans: one statement to come -------------------------------------------------------

-- Where a shape keeps its statement: beside columns and names.
local STATEMENT = 1

-- The columns with their values or expressions, and what to fetch. `shape` walks
-- a tree of shapes, whose ends keep the statements.
local function new_plan(object, state, tbl, verb)
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

-- `attribute`: a column, or a property that is an expression.
local function take_back(plan, attribute)
  plan.returned[#plan.returned + 1] = attribute
  step(plan, attribute.key)
end

local function fetch(plan, attribute)
  if not attribute.deferred then take_back(plan, attribute) end
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

local function send(plan, column, value)
  value = settled(plan, column, value)
  plan.sent[#plan.sent + 1] = column
  plan.values[column.key] = value
  step(plan, column)
  if is_sql(value) then
    plan.has_expression = true
    take_back(plan, column)
  end
end

-- The compiled statement for a plan. One with SQL expressions among its values
-- is made for itself.
local function compiled_for(conn, plan, build)
  local statement = not plan.has_expression and plan.shape[STATEMENT]
  if not statement then
    statement = build(plan)
    if not plan.has_expression then plan.shape[STATEMENT] = statement end
  end
  return compiler.compile(statement, nil, conn._schema_map)
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

-- Calls a default: a function makes the value, anything else is it.
local function default_value(default, state, sent)
  if type(default) == "function" then
    default = defaults.call(default, function() return values_so_far(state, sent) end)
  end
  if default == nil then return null end
  return default
end

-- The columns of one of a mapper's tables: those that are attributes, and the
-- key of a table of its own.
local function columns_of(mapper, tbl)
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

local function insert_plan(object, state, tbl)
  local plan = new_plan(object, state, tbl, "insert")
  local mapper, values = state.mapper, state.values
  local version = mapper.version
  for _, column in ipairs(columns_of(mapper, tbl)) do
    local root = mapper.root_of[column]
    local value = values[root and root.key or column.key]
    if value == nil and version and rawequal(version.column, column) then value = version:first() end
    if column.computed then
      fetch(plan, column)
    elseif value ~= nil then
      send(plan, column, value)
    elseif column.default ~= nil then
      send(plan, column, default_value(column.default, state, plan.values))
    elseif column:_has_server_default() then
      if column.primary_key then take_back(plan, column) else fetch(plan, column) end
    elseif column.type.sees_null then
      send(plan, column, null)
    end
  end
  if version and not version.column and version.table == tbl then take_back(plan, version) end
  return plan
end

-- `changes` are those of this table; a column with `onupdate` that is not among
-- them gets its new value.
local function update_plan(object, state, tbl, changes)
  local plan = new_plan(object, state, tbl, "update")
  local mapper, given = state.mapper, {}
  for _, change in ipairs(changes) do
    given[change[1]] = true
    send(plan, change[1], change[3])
  end
  for _, column in ipairs(columns_of(mapper, tbl)) do
    if column.computed or column.server_onupdate then
      fetch(plan, column)
    elseif column.onupdate ~= nil and not given[column] then
      send(plan, column, default_value(column.onupdate, state, plan.values))
      plan.renewed = plan.renewed or {} -- its value takes the place of the object's
      plan.renewed[column] = true
    end
  end
  local version = mapper.version
  if version and version.table == tbl then
    plan.version = version
    if version.column then
      plan.next_version = version:next(state.values[version.key])
      send(plan, version.column, plan.next_version)
    else
      take_back(plan, version)
    end
  end
  return plan
end

---- statements -------------------------------------------------------------------------

-- The values of a statement: parameters by attribute, expressions as they are.
local function value_map(plan)
  local map = {}
  for _, column in ipairs(plan.sent) do
    local value = plan.values[column.key]
    map[column.key] = is_sql(value) and value or parameter(column.key, column.type)
  end
  return map
end

local function returning(stmt, plan)
  if #plan.returned == 0 then return stmt end
  local items = {}
  for i, attribute in ipairs(plan.returned) do
    items[i] = attribute._is_expression_property and attribute:expression(plan.table) or attribute
  end
  return stmt:returning(compat.unpack(items))
end

-- A statement without defaults of its own: the plan has those of its model.
local function bare(stmt)
  local copy = stmt:_copy()
  copy._has_all = true
  return copy
end

local function build_insert(plan)
  local stmt = bare(insert(plan.table))
  if #plan.sent > 0 then stmt = stmt:values(value_map(plan)) end
  return returning(stmt, plan)
end

-- The row, in the version that is known.
local function with_condition(stmt, mapper, tbl)
  stmt = stmt:where(persistence.identity_condition(mapper, tbl))
  local version = mapper.version
  if version and version.table == tbl then
    local compared = version:compared()
    stmt = stmt:where(compared:eq(parameter(VERSION, compared.type)))
  end
  return stmt
end

local function build_update(plan)
  local stmt = with_condition(bare(update.update(plan.table)), plan.state.mapper, plan.table)
  return returning(stmt:values(value_map(plan)), plan)
end

local function build_delete(mapper, tbl) return with_condition(update.delete(tbl), mapper, tbl) end

-- The values of one execution, in the order of the parameters.
local function job_for(compiled, params)
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

local function run(conn, jobs)
  local params = #jobs == 1 and jobs[1].values or jobs
  return observe.run(conn, jobs[1].compiled.sql, params, run_jobs, conn, jobs)
end

---- what comes back --------------------------------------------------------------------

-- Gives every plan that fetches something its row.
local function take_rows(plans, result)
  local any = false
  for _, plan in ipairs(plans) do any = any or #plan.returned > 0 end
  local rows, at = any and result:all() or {}, 0
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
        instance.set_made(state, attribute.key, rows[at][i])
      end
    end
  end
end

-- What neither was sent nor has a default is NULL now.
local function fill_with_null(state)
  local values = state.values
  for _, column in ipairs(state.mapper.columns) do
    if values[column.key] == nil and not column:_has_server_default() then
      instance.set_made(state, column.key, null)
    end
  end
end

--- Inserts instances of one mapper, in order.
-- @tparam Connection conn
-- @tparam Mapper mapper
-- @tparam table objects sequence of `{ object, state }`
function persistence.insert(conn, mapper, objects)
  for _, tbl in ipairs(mapper.tables) do
    local plans, jobs = {}, {}
    for i, pair in ipairs(objects) do
      local plan = insert_plan(pair[1], pair[2], tbl)
      plans[i] = plan
      jobs[i] = job_for(compiled_for(conn, plan, build_insert), plan.values)
    end
    take_rows(plans, run(conn, jobs))
  end
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
  local version = state.mapper.version
  for _, column in ipairs(state.mapper.columns) do
    local value = state.values[column.key]
    if value == nil and column.default ~= nil then
      value = default_value(column.default, state)
      instance.set_made(state, column.key, value)
    elseif value == nil then
      value = column:_has_server_default() and base.DEFAULT or null
    end
    if not column.computed and not column.primary_key and not (version and rawequal(version.column, column)) then
      changes[#changes + 1] = { column, column.key, value }
    end
  end
  return changes
end

local function expect_count(verb, tbl, result, count)
  if result.rowcount ~= count then
    errors.raise("StaleDataError", "%s on table '%s' expected to match %d rows, %d were matched", verb,
      tbl.name, count, result.rowcount)
  end
end

-- The parameters of a row's condition.
local function row_params(state, tbl)
  local params = persistence.identity_params({}, state.identity)
  local version = state.mapper.version
  if version and version.table == tbl then params[VERSION] = state.values[version.key] end
  return params
end

-- A version that was not loaded, or is expired, is read now.
local function know_version(object, state)
  local version = state.mapper.version
  if version and state.values[version.key] == nil then
    state.session:_load_attribute(object, state, version.key)
  end
end

-- The changes of one table. A version counts with every change of the object.
local function changes_in(mapper, tbl, changes)
  if #mapper.tables == 1 then return changes, true end
  local list = {}
  for _, change in ipairs(changes) do
    if change[1].table == tbl then list[#list + 1] = change end
  end
  return list, #list > 0 or mapper.version ~= nil and mapper.version.column ~= nil and mapper.version.table == tbl
end

--- Updates instances of one mapper.
-- @tparam Connection conn
-- @tparam Mapper mapper
-- @tparam table objects sequence of `{ object, state, changes }`
-- @raise StaleDataError if a row is gone, or another version than is known
function persistence.update(conn, mapper, objects)
  for _, triple in ipairs(objects) do know_version(triple[1], triple[2]) end
  for _, tbl in ipairs(mapper.tables) do
    local plans, jobs = {}, {}
    for _, triple in ipairs(objects) do
      local changes, needed = changes_in(mapper, tbl, triple[3])
      if needed then
        local plan = update_plan(triple[1], triple[2], tbl, changes)
        local params = row_params(triple[2], tbl)
        for key, value in pairs(plan.values) do params[key] = value end
        plans[#plans + 1] = plan
        jobs[#jobs + 1] = job_for(compiled_for(conn, plan, build_update), params)
      end
    end
    if #jobs > 0 then
      local result = run(conn, jobs)
      expect_count("UPDATE", tbl, result, #jobs)
      take_rows(plans, result)
      for _, plan in ipairs(plans) do
        if plan.next_version then plan.state.values[plan.version.key] = plan.next_version end
      end
    end
  end
end

-- One UPDATE of a single row, beside the instance's own changes.
local function write_now(conn, object, state, tbl, values)
  know_version(object, state)
  local version = state.mapper.version
  local stmt = with_condition(bare(update.update(tbl)), state.mapper, tbl):values(values)
  local has_xmin = version and not version.column and version.table == tbl
  if has_xmin then stmt = stmt:returning(version:expression(tbl)) end
  local result = conn:execute(stmt, row_params(state, tbl))
  expect_count("UPDATE", tbl, result, 1)
  if has_xmin then state.values[version.key] = result:scalar() end
end

--- Gives a row a value for the time until it is updated or deleted.
function persistence.park(conn, object, state, column, value)
  write_now(conn, object, state, column.table, { [column.key] = value })
end

--- Sets columns of a row to NULL, before it or what they refer to is deleted.
-- @tparam Connection conn
-- @param object
-- @tparam table state
-- @tparam table columns of one table
function persistence.set_null(conn, object, state, columns)
  local values = {}
  for _, column in ipairs(columns) do values[column.key] = null end
  write_now(conn, object, state, columns[1].table, values)
end

--- Deletes instances of one mapper. A row that is gone already is as wanted,
-- unless the model has a version.
-- @tparam Connection conn
-- @tparam Mapper mapper
-- @tparam table objects sequence of `{ object, state }`
-- @raise StaleDataError if a row is another version than is known
function persistence.delete(conn, mapper, objects)
  for _, pair in ipairs(objects) do know_version(pair[1], pair[2]) end
  for i = #mapper.tables, 1, -1 do
    local tbl = mapper.tables[i]
    local key = "delete\0" .. tbl.key
    local statement = mapper._statements[key] or build_delete(mapper, tbl)
    mapper._statements[key] = statement
    local compiled = compiler.compile(statement, nil, conn._schema_map)
    local jobs = {}
    for j, pair in ipairs(objects) do jobs[j] = job_for(compiled, row_params(pair[2], tbl)) end
    local result = run(conn, jobs)
    if mapper.version and mapper.version.table == tbl then expect_count("DELETE", tbl, result, #jobs) end
  end
end

return persistence
