--- INSERTs of instances. A row comes back from its own execution, so that the
-- order of the answers is certain. An instance whose model has several tables
-- is a row in each.
-- @module pgvector.orm.persistence.insert

local core = require "pgvector.core"
local insert = require "pgvector.sql.insert".insert
local instance = require "pgvector.orm.instance"
local statement = require "pgvector.orm.persistence.statement"

local insertion = {}

local null = core.null

local function plan_for(object, state, tbl)
  local plan = statement.plan(object, state, tbl, "insert")
  local mapper, values = state.mapper, state.values
  local version = mapper.version
  for _, column in ipairs(statement.columns_of(mapper, tbl)) do
    local root = mapper.root_of[column]
    local value = values[root and root.key or column.key]
    if value == nil and version and rawequal(version.column, column) then value = version:first() end
    if column.computed then
      statement.fetch(plan, column)
    elseif value ~= nil then
      statement.send(plan, column, value)
    elseif column.default ~= nil then
      statement.send(plan, column, statement.default_value(column.default, state, plan.values))
    elseif column:_has_server_default() then
      if column.primary_key then statement.take_back(plan, column) else statement.fetch(plan, column) end
    elseif column.type.sees_null then
      statement.send(plan, column, null)
    end
  end
  if version and not version.column and version.table == tbl then statement.take_back(plan, version) end
  return plan
end

local function build(plan)
  local stmt = statement.bare(insert(plan.table))
  if #plan.sent > 0 then stmt = stmt:values(statement.value_map(plan)) end
  return statement.returning(stmt, plan)
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

--- Reads the identity of a stored instance from its values.
function insertion.take_identity(state)
  local mapper, identity = state.mapper, {}
  for i, column in ipairs(mapper.primary_key) do identity[i] = state.values[column.key] end
  state.identity, state.identity_key = identity, mapper:_identity(identity)
end

--- Inserts instances of one mapper, in order.
-- @tparam Connection conn
-- @tparam Mapper mapper
-- @tparam table objects sequence of `{ object, state }`
function insertion.insert(conn, mapper, objects)
  for _, tbl in ipairs(mapper.tables) do
    local plans, jobs = {}, {}
    for i, pair in ipairs(objects) do
      local plan = plan_for(pair[1], pair[2], tbl)
      plans[i] = plan
      jobs[i] = statement.job(statement.compiled_for(conn, plan, build), plan.values)
    end
    statement.take_rows(plans, statement.run(conn, jobs))
  end
  for _, pair in ipairs(objects) do
    fill_with_null(pair[2])
    insertion.take_identity(pair[2])
  end
end

return insertion
