--- Sessions: statements, whose rows hold instances, or change rows behind them.
-- @module pgvector.orm.session.statements

local bulk = require "pgvector.orm.bulk"
local errors = require "pgvector.errors"
local loading = require "pgvector.orm.loading"
local Query = require "pgvector.orm.query"
local Session = require "pgvector.orm.session.base"

-- What listeners of do_orm_execute may look at and change.
local function heard(self, stmt, params)
  local context = {
    session = self, statement = stmt, parameters = params, kind = stmt._kind,
    is_select = stmt._kind == "select", is_insert = stmt._kind == "insert", is_update = stmt._kind == "update",
    is_delete = stmt._kind == "delete",
  }
  self:_tell_of("do_orm_execute", context)
  return context.statement, context.parameters
end

--- Runs a statement; rows of a select from models hold instances.
-- @param stmt a statement; its `execution_options` may have `populate_existing`,
--   `autoflush = false` and, for UPDATE and DELETE, `synchronize_session`
-- @tparam[opt] table params as for Connection:execute
-- @treturn Result
function Session:execute(stmt, params)
  if type(stmt) ~= "table" or getmetatable(stmt) == nil then
    self:_autoflush()
    return loading.execute(self, stmt, params) -- which says what is wrong with it
  end
  if self:_is_heard() then stmt, params = heard(self, stmt, params) end
  local options = stmt._execution_options or {}
  if options.autoflush ~= false then self:_autoflush() end
  if stmt._kind == "update" or stmt._kind == "delete" then
    return bulk.execute(self, stmt, params, options.synchronize_session)
  elseif options.synchronize_session ~= nil then
    errors.raise("ArgumentError", "execution_options: synchronize_session is for UPDATE and DELETE")
  end
  return loading.execute(self, stmt, params, options.populate_existing)
end

--- SQLAlchemy's older way to ask: `session:query(Item):filter(…):all()`.
-- @param ... models and columns
-- @treturn Query
function Session:query(...) return Query._new(self, ...) end

--- The first element of every row: of `select(Item)`, the instances.
-- @treturn ScalarResult
function Session:scalars(stmt, params) return self:execute(stmt, params):scalars() end

--- The first element of the first row, or nil.
function Session:scalar(stmt, params) return self:execute(stmt, params):scalar() end

return Session
