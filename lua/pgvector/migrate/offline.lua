--- Writes migrations as an SQL script instead of running them: nothing is asked
-- of a server, and psql takes it as it is.
-- @module pgvector.migrate.offline

local class = require "pgvector.class"
local compiler = require "pgvector.sql.compiler"
local errors = require "pgvector.errors"
local literal = require "pgvector.types.literal"
local op = require "pgvector.migrate.op"

local Offline = class("OfflineContext")

--- Makes the writer.
-- @tparam table settings
-- @tparam VersionTable versions
-- @tparam function output gets the pieces of the script
function Offline._new(settings, versions, output)
  return setmetatable({ settings = settings, versions = versions, output = output, section = false }, Offline)
end

-- A statement with its end. A comment at its end would swallow that.
function Offline:_write(sql)
  sql = sql:gsub("[%s;]+$", "")
  local comment_last = (sql:match("[^\n]*$")):find("--", 1, true)
  self.output(sql .. (comment_last and "\n;\n\n" or ";\n\n"))
end

--- Writes a comment.
function Offline:comment(text)
  self.output("-- " .. text:gsub("%c", " ") .. "\n")
end

function Offline:_begin()
  self:_write("BEGIN")
  if self.settings.lock_timeout then
    self:_write("SET LOCAL lock_timeout = " .. literal.string(self.settings.lock_timeout))
  end
end

--- Writes an operation.
function Offline:run(operation)
  if operation:needs_autocommit() and not self.section then op.refuse_in_transaction(operation) end
  local settings = operation.settings or {}
  for _, setting in ipairs(settings) do
    self:_write(("SET %s%s = %s"):format(self.section and "" or "LOCAL ", setting[1], literal.string(setting[2])))
  end
  if operation:needs_autocommit() and operation.kind ~= "drop_index" then
    self:comment("if this fails, drop the invalid index before the next attempt")
  end
  for _, statement in ipairs(operation:statements{ session = self.section }) do
    self:_write(type(statement) == "string" and statement
      or compiler.compile(statement, { literal_binds = true }).sql)
  end
  for _, setting in ipairs(settings) do self:_write("RESET " .. setting[1]) end
end

--- The section without a transaction.
function Offline:autocommit(fn)
  if self.section then errors.raise("InvalidRequestError", "op.autocommit in op.autocommit") end
  self:_write("COMMIT")
  self.section = true
  fn()
  self.section = false
  self:_begin()
end

--- There is no connection.
function Offline:bind()
  errors.raise("InvalidRequestError", "op.get_bind(): there is no connection in --sql mode; "
    .. "op.get_context().offline tells, op.execute and op.bulk_insert work in both")
end

--- What a migration may ask.
function Offline:context()
  return {
    offline = true, dry_run = false, revision = self.step.node.id, direction = self.step.direction,
    x = self.settings.x,
  }
end

--- Writes steps.
-- @tparam table steps of pgvector.migrate.plan
-- @tparam boolean fresh does the version table have to be created?
-- @param pg what migrations get as `pg`
function Offline:migrate(steps, fresh, pg)
  self:_write("SET standard_conforming_strings = on")
  self:_write(self.versions:lock_sql())
  local whole = not self.settings.transaction_per_migration
  if whole then self:_begin() end
  for i, step in ipairs(steps) do
    local script = step.node.script
    self.step = step
    local fn = op.function_of(step)
    if not whole then self:_begin() end
    if fresh and i == 1 then self:_write(self.versions:create_sql()) end
    self:comment(("%s %s -> %s %s"):format(step.direction, table.concat(step.from, ", "), table.concat(step.to, ", "),
      script.message or ""))
    fn(op.new(self), pg)
    for _, sql in ipairs(self.versions:apply_sql(step)) do self:_write(sql) end
    if not whole then self:_write("COMMIT") end
  end
  if whole then self:_write("COMMIT") end
  self:_write(self.versions:unlock_sql())
end

--- Writes what stamping changes.
function Offline:stamp(step)
  self:_write("BEGIN")
  self:_write(self.versions:create_sql(true))
  self:_write("DELETE FROM " .. self.versions.name)
  for _, sql in ipairs(self.versions:apply_sql(step)) do self:_write(sql) end
  self:_write("COMMIT")
end

return class.seal(Offline)
