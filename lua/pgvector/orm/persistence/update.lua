--- UPDATEs of instances: of what has changed, of a whole row that a new instance
-- takes over, and of single columns for the flush's own ends.
-- @module pgvector.orm.persistence.update

local base = require "pgvector.sql.base"
local core = require "pgvector.core"
local instance = require "pgvector.orm.instance"
local stored = require "pgvector.orm.stored"
local statement = require "pgvector.orm.persistence.statement"
local update = require "pgvector.sql.update".update

local updating = {}

local null = core.null

-- `changes` are those of this table; a column with `onupdate` that is not among
-- them gets its new value.
local function plan_for(object, state, tbl, changes)
  local plan = statement.plan(object, state, tbl, "update")
  local mapper, given = state.mapper, {}
  for _, change in ipairs(changes) do
    given[change[1]] = true
    statement.send(plan, change[1], change[3])
  end
  for _, column in ipairs(statement.columns_of(mapper, tbl)) do
    if column.computed or column.server_onupdate then
      statement.fetch(plan, column)
    elseif column.onupdate ~= nil and not given[column] then
      statement.send(plan, column, statement.default_value(column.onupdate, state, plan.values))
      plan.renewed = plan.renewed or {} -- its value takes the place of the object's
      plan.renewed[column] = true
    end
  end
  local version = mapper.version
  if version and version.table == tbl then
    plan.version = version
    if version.column then
      plan.next_version = version:next(state.values[version.key])
      statement.send(plan, version.column, plan.next_version)
    else
      statement.take_back(plan, version)
    end
  end
  return plan
end

local function build(plan)
  local stmt = stored.restrict(statement.bare(update(plan.table)), plan.state.mapper, plan.table)
  return statement.returning(stmt:values(statement.value_map(plan)), plan)
end

-- The changes of one table, and whether it is to be written. A version counts
-- with every change of the object.
local function changes_in(mapper, tbl, changes)
  if #mapper.tables == 1 then return changes, true end
  local list = {}
  for _, change in ipairs(changes) do
    if change[1].table == tbl then list[#list + 1] = change end
  end
  return list, #list > 0 or mapper.version ~= nil and mapper.version.column ~= nil and mapper.version.table == tbl
end

-- Raises for rows that are gone, or of another version than is known.
local function expect(mapper, tbl, result, objects)
  stored.expect("UPDATE", tbl.name, result, #objects, function(i) return tostring(objects[i]) end,
    mapper.version and mapper.version.table == tbl)
end

--- Updates instances of one mapper.
-- @tparam Connection conn
-- @tparam Mapper mapper
-- @tparam table objects sequence of `{ object, state, changes }`
-- @raise StaleDataError if a row is gone, or another version than is known
function updating.update(conn, mapper, objects)
  for _, triple in ipairs(objects) do stored.know_version(triple[1], triple[2]) end
  for _, tbl in ipairs(mapper.tables) do
    local plans, jobs, written = {}, {}, {}
    for _, triple in ipairs(objects) do
      local changes, needed = changes_in(mapper, tbl, triple[3])
      if needed then
        local plan = plan_for(triple[1], triple[2], tbl, changes)
        local params = stored.params_of(triple[2], tbl)
        for key, value in pairs(plan.values) do params[key] = value end
        plans[#plans + 1] = plan
        jobs[#jobs + 1] = statement.job(statement.compiled_for(conn, plan, build), params)
        written[#written + 1] = triple[1]
      end
    end
    if #jobs > 0 then
      local result = statement.run(conn, jobs)
      expect(mapper, tbl, result, written)
      statement.take_rows(plans, result)
      for _, plan in ipairs(plans) do
        if plan.next_version then plan.state.values[plan.version.key] = plan.next_version end
      end
    end
  end
end

--- The changes by which an instance replaces a row altogether: what it does not
-- give gets its default.
-- @treturn table sequence of `{ column, key, value }`
function updating.replacing_changes(state)
  local changes = {}
  local version = state.mapper.version
  for _, column in ipairs(state.mapper.columns) do
    local value = state.values[column.key]
    if value == nil and column.default ~= nil then
      value = statement.default_value(column.default, state)
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

-- One UPDATE of a single row, beside the instance's own changes.
local function write_now(conn, object, state, tbl, values)
  stored.know_version(object, state)
  local version = state.mapper.version
  local stmt = stored.restrict(statement.bare(update(tbl)), state.mapper, tbl):values(values)
  local has_xmin = version and not version.column and version.table == tbl
  if has_xmin then stmt = stmt:returning(version:expression(tbl)) end
  local result = conn:execute(stmt, stored.params_of(state, tbl))
  expect(state.mapper, tbl, result, { object })
  if has_xmin then state.values[version.key] = result:scalar() end
end

--- Gives a row a value for the time until it is updated or deleted.
function updating.park(conn, object, state, column, value)
  write_now(conn, object, state, column.table, { [column.key] = value })
end

--- Sets columns of a row to NULL, before it or what they refer to is deleted.
-- @tparam Connection conn
-- @param object
-- @tparam table state
-- @tparam table columns of one table
function updating.set_null(conn, object, state, columns)
  local values = {}
  for _, column in ipairs(columns) do values[column.key] = null end
  write_now(conn, object, state, columns[1].table, values)
end

return updating
