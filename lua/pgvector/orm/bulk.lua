--- UPDATE and DELETE statements in a session: what they mean for its objects.
-- @module pgvector.orm.bulk

local chain = require "pgvector.util.chain"
local coerce = require "pgvector.sql.coerce"
local compat = require "pgvector.compat"
local core = require "pgvector.core"
local errors = require "pgvector.errors"
local instance = require "pgvector.orm.instance"
local loading = require "pgvector.orm.loading"
local Mapper = require "pgvector.orm.mapper"
local stored = require "pgvector.orm.stored"
local Result = require "pgvector.engine.result"

local bulk = {}

local ways = { auto = true, fetch = true, [false] = true }

local function check_way(way)
  if way == nil then return "auto" end
  if ways[way] then return way end
  errors.raise("ArgumentError", "synchronize_session: expected \"auto\", \"fetch\" or false, got %s", tostring(way))
end

-- Forgets what is loaded, but not what is to be written.
local function expire_unchanged(object)
  local state = instance.state(object)
  if next(state.original) == nil then
    instance.expire(object, state)
    return
  end
  for _, column in ipairs(state.mapper.columns) do
    if state.original[column.key] == nil and not column.primary_key then state.values[column.key] = nil end
  end
end

-- Which rows were changed is not known: any object of the table may be out of date.
local function expire_all_of(session, tbl)
  for _, object in ipairs(session._identity:in_table(tbl)) do
    if next(instance.state(object).original) == nil then instance.expire(object, instance.state(object)) end
  end
end

-- Runs the statement so that it tells the keys of its rows.
local function fetch(session, stmt, params, mapper)
  local result = session:connection():execute(stmt:returning(compat.unpack(mapper.primary_key)), params)
  local rowcount = result.rowcount
  local objects = session._identity:objects_of(mapper)
  for _, row in ipairs(result:all()) do
    local object = objects[mapper:_identity(row)]
    if object and stmt._kind == "delete" then
      instance.expire(object, instance.state(object))
      session:_became_deleted(object, instance.state(object))
    elseif object then
      expire_unchanged(object)
    end
  end
  return Result._counted(rowcount)
end

-- `execute(update(Item), { { id = 1, title = "x" }, … })`: one row for each,
-- picked by its key.
local function update_by_key(session, stmt, mapper, rows)
  local where, sent = stored.of_identity(mapper), {}
  for i, row in ipairs(rows) do
    local identity, values = {}, {}
    for key, value in pairs(row) do values[key] = value end
    for j, column in ipairs(mapper.primary_key) do
      identity[j], values[column.key] = values[column.key], nil
      if identity[j] == nil or identity[j] == core.null then
        errors.raise("ArgumentError", "update of model '%s' by key: row %d has no '%s'", mapper.name, i, column.key)
      end
    end
    if next(values) == nil then
      errors.raise("ArgumentError", "update of model '%s' by key: row %d has nothing to set", mapper.name, i)
    end
    sent[i] = stored.identity_params(values, identity)
  end
  local result = session:connection():execute(stmt:where(where), sent)
  stored.expect("UPDATE", mapper.name, result, #rows, function(i) return "row " .. i end)
  local objects = session._identity:objects_of(mapper)
  for _, row in ipairs(rows) do
    local identity = {}
    for j, column in ipairs(mapper.primary_key) do identity[j] = row[column.key] end
    local object = objects[mapper:_identity(identity)]
    if object then expire_unchanged(object) end
  end
  return result
end

--- Runs an UPDATE or DELETE and brings the session's objects up to date.
-- @tparam Session session
-- @tparam table stmt
-- @tparam ?table params
-- @tparam ?string|boolean way `synchronize_session`: "fetch" asks the server which
--   rows were changed; "auto" (the default) does so if the session has objects of
--   the table; false leaves them as they are
-- @treturn Result
function bulk.execute(session, stmt, params, way)
  way = check_way(way)
  local mapper = Mapper.of(stmt._target)
  local tbl = stmt._table.element or stmt._table
  session:_begun().rewritten[tbl] = true
  local is_many = type(params) == "table" and type(params[1]) == "table"
  -- a model that shares its table has a condition of its own
  local has_condition = #(chain.items(stmt._where) or {}) > (coerce.criterion(stmt._target) and 1 or 0)
  if mapper and is_many and stmt._kind == "update" and not has_condition then
    return update_by_key(session, stmt, mapper, params)
  end
  local is_plain = mapper and mapper.root.table == stmt._table and not stmt._returning
  if is_plain and (way == "fetch" or way == "auto" and #session._identity:in_table(tbl) > 0) then
    return fetch(session, stmt, params, mapper)
  end
  local result = loading.execute(session, stmt, params)
  if way ~= false then expire_all_of(session, tbl) end
  return result
end

return bulk
