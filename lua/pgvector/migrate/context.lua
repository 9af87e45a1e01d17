--- Runs migrations in a database: transactions, the lock, the version table.
--
-- The connection stays in autocommit, and transactions begin where this file
-- says so: one for each migration, or one for all. `op.autocommit` commits what
-- is done so far and notes how many operations that are; a migration that is
-- interrupted then goes on behind them the next time.
-- @module pgvector.migrate.context

local build = require "pgvector.migrate.build"
local class = require "pgvector.class"
local errors = require "pgvector.errors"
local op = require "pgvector.migrate.op"

local Context = class("MigrationContext")

-- Seconds before a second attempt to get a lock; they double up to the longest.
local PAUSE, MAX_PAUSE = 0.5, 30

local LOCK_TIMEOUT_SQL = "SELECT pg_catalog.set_config('lock_timeout', $1, true)"

--- Makes the context.
-- @param conn a connection
-- @tparam table settings the project's, see pgvector.migrate.config
-- @tparam VersionTable versions
-- @tparam[opt] table options `dry_run`
function Context._new(conn, settings, versions, options)
  return setmetatable({
    conn = conn, settings = settings, versions = versions, dry_run = options and options.dry_run or false,
    owned = conn:in_transaction(), -- the caller began a transaction: it is the caller's to end
    tx = false,        -- the open transaction, if it is ours
    section = false,   -- in op.autocommit?
    step = nil,        -- the migration that runs
    count = 0, skip = 0, -- its operations so far; how many of them are committed already
    resuming = false,  -- was it interrupted before?
    noted = false,     -- is there a note of its progress, to be forgotten at its end?
    resets = {},       -- parameters that were set in an autocommit section
  }, Context)
end

function Context:_begin()
  if self.owned or self.tx then return end
  self.tx = self.conn:begin()
  if self.settings.lock_timeout then self.conn:exec_sql(LOCK_TIMEOUT_SQL, { self.settings.lock_timeout }) end
end

function Context:_commit()
  local tx = self.tx
  if not tx then return end
  self.tx = false
  tx:commit()
end

function Context:_rollback()
  local tx = self.tx
  self.tx = false
  if tx and tx.is_active then pcall(tx.rollback, tx) end
end

---- what `op` calls ---------------------------------------------------------------

local function hint_of(err)
  if err.sqlstate == "55P04" then -- unsafe_new_enum_value_usage
    return "a new enum value can be used once it is committed: add it in a migration of its own, "
      .. "or in op.autocommit(function() … end)"
  elseif err.sqlstate == "25001" then -- active_sql_transaction
    return "this cannot run in a transaction: op.autocommit(function() … end) leaves it for a while"
  end
end

local function run_statements(self, statements)
  for _, statement in ipairs(statements) do
    local ok, err = pcall(function()
      if type(statement) == "string" then self.conn:exec_sql(statement) else self.conn:execute(statement) end
    end)
    if not ok then
      if errors.is_error(err) then err.hint = hint_of(err) or err.hint end
      error(err, 0)
    end
  end
end

-- Parameters for the time of one operation.
local function with_settings(self, settings, fn)
  for _, setting in ipairs(settings or {}) do
    self.conn:exec_sql("SELECT pg_catalog.set_config($1, $2, $3)", { setting[1], setting[2], not self.section })
  end
  local ok, err = pcall(fn)
  if settings and (ok or self.section) then
    for _, setting in ipairs(settings) do pcall(self.conn.exec_sql, self.conn, "RESET " .. setting[1]) end
  end
  if not ok then error(err, 0) end
end

local function note(self)
  self.noted = true
  self.versions:note_progress(self.conn, self.step.node.id, self.step.direction, self.count)
end

local timeouts = { lock_timeout = true, statement_timeout = true }

-- An operation outside of a transaction. What can run in one does, together
-- with the note that it is done.
local function run_in_section(self, operation)
  if timeouts[operation.kind] then
    self.resets[operation.kind] = true
    return run_statements(self, operation:statements{ session = true })
  end
  with_settings(self, operation.settings, function()
    if operation:needs_autocommit() then
      if not build.is_done(self.conn, operation, self.resuming and self.count == self.skip + 1) then
        build.run(self.conn, operation, self.settings.build_progress, function(statements)
          run_statements(self, statements)
        end)
      end
      note(self)
    elseif operation.kind == "execute" then
      run_statements(self, operation:statements())
      note(self)
    else
      self.conn:begin(function()
        run_statements(self, operation:statements())
        note(self)
      end)
    end
  end)
end

--- Runs an operation.
function Context:run(operation)
  if operation:needs_autocommit() and not self.section then op.refuse_in_transaction(operation) end
  self.count = self.count + 1
  if self.count <= self.skip then
    -- limits that hold for what follows are not skipped
    if timeouts[operation.kind] and self.section then run_in_section(self, operation) end
    return
  end
  if self.section and not self.dry_run then return run_in_section(self, operation) end
  with_settings(self, operation.settings, function()
    run_statements(self, operation:statements{ concurrently = not self.dry_run and nil or false })
  end)
end

--- Commits, runs `fn` without a transaction, and begins a new one.
function Context:autocommit(fn)
  if self.section then errors.raise("InvalidRequestError", "op.autocommit in op.autocommit") end
  if self.owned then
    errors.raise("InvalidRequestError", "op.autocommit must commit, but the transaction was begun by whoever called "
      .. "the migration: commit or roll it back before")
  end
  if not self.dry_run then
    if self.count >= self.skip then note(self) end
    self:_commit()
  end
  self.section = true
  local ok, err = pcall(fn)
  self.section = false
  for name in pairs(self.resets) do pcall(self.conn.exec_sql, self.conn, "RESET " .. name) end
  self.resets = {}
  -- also after an error: a migration that goes on all the same does so in a transaction
  local begun, reason = pcall(self._begin, self)
  if not ok then error(err, 0) end
  if not begun then error(reason, 0) end
end

--- The connection, for what no operation does.
function Context:bind()
  if self.count < self.skip then
    errors.raise("InvalidRequestError", "revision '%s' was interrupted after %d operations, and op.get_bind() stands "
      .. "before that point: whether its work is done is not known. Do what is left by hand, and stamp",
      self.step.node.id, self.skip)
  end
  return self.conn
end

--- What a migration may ask: `{ offline=, dry_run=, revision=, direction=, x= }`.
function Context:context()
  return {
    offline = false, dry_run = self.dry_run, revision = self.step.node.id, direction = self.step.direction,
    x = self.settings.x,
  }
end

---- migrations -------------------------------------------------------------------

-- What an error of the migration's own says besides: where it came from.
local function located(err, step)
  if not errors.is_error(err) then
    err = errors.new("InvalidRequestError", tostring(err))
    err.where = nil -- the message has its own
  end
  err.revision, err.direction = err.revision or step.node.id, err.direction or step.direction
  return err
end

local function after_step(self, step)
  self.versions:apply(self.conn, step)
  local hooks = self.settings.on_version_apply
  for _, hook in ipairs(type(hooks) == "table" and hooks or { hooks }) do
    hook{ conn = self.conn, revision = step.node.id, direction = step.direction, heads = step.to }
  end
end

function Context:_run_step(step, pg)
  self.step, self.count, self.noted = step, 0, self.resuming
  local fn = op.function_of(step)
  self.settings.report{
    revision = step.node.id, message = step.node.script.message or "", direction = step.direction,
    from = step.from, to = step.to, done = self.skip,
  }
  self:_begin()
  fn(op.new(self), pg)
  after_step(self, step)
  if self.noted then self.versions:forget_progress(self.conn) end
  if self.settings.transaction_per_migration and not self.dry_run then self:_commit() end
  self.skip, self.resuming = 0, false
end

-- Prepares for going on where an interrupted run of the first step ended.
local function resume(self, steps)
  self.skip, self.resuming = 0, false
  local interrupted = self.versions:interrupted(self.conn)
  if not interrupted then return end
  local step = steps[1]
  if not step or interrupted.revision ~= step.node.id or interrupted.direction ~= step.direction then
    errors.raise("InvalidRequestError", "the %s of revision '%s' was interrupted after %d operations: run it again to "
      .. "complete it, or do what is left by hand and stamp", interrupted.direction, interrupted.revision,
      interrupted.done)
  end
  self.skip, self.resuming = interrupted.done, true
end

local LOCK_NOT_AVAILABLE = "55P03"

-- Runs a step; again, after a pause, when it did not get a lock in time.
local function run_patiently(self, step, pg)
  -- what other steps did in this transaction would be lost with it
  local alone = self.settings.transaction_per_migration and not self.owned and not self.dry_run
  local attempts, pause = alone and self.settings.lock_attempts or 1, PAUSE
  for attempt = 1, attempts do
    local ok, err = pcall(self._run_step, self, step, pg)
    if ok then return end
    self:_rollback()
    if attempt == attempts or not (errors.is_error(err) and err.sqlstate == LOCK_NOT_AVAILABLE) then
      error(located(err, step), 0)
    end
    self.conn:_live_link():_sleep(pause)
    pause = math.min(pause * 2, MAX_PAUSE)
    resume(self, { step })
  end
end

--- Runs the steps that `plan(ids)` makes of what the database has, under the lock.
-- @tparam function plan
-- @param pg what migrations get as `pg`
-- @treturn table the steps that were run
function Context:migrate(plan, pg)
  return self:locked(function()
    if self.dry_run then self:_begin() end
    self.versions:ensure(self.conn)
    local steps = plan(self.versions:heads(self.conn))
    resume(self, steps)
    for _, step in ipairs(steps) do run_patiently(self, step, pg) end
    if self.dry_run then self:_rollback() else self:_commit() end
    return steps
  end)
end

--- Calls a function in a transaction, the caller's if there is one.
function Context:transaction(fn)
  self:_begin()
  local result = fn()
  self:_commit()
  return result
end

--- Calls a function while nobody else migrates. The lock is asked for now and
-- then, because a session that waited for it would hold up the concurrent index
-- build of the one that has it.
function Context:locked(fn)
  local conn, key = self.conn, self.versions.lock_key
  local ok, err = pcall(conn.advisory_lock, conn, key,
    { timeout = self.settings.lock_wait, transaction = self.owned or nil })
  if not ok then
    if errors.is_error(err, "TimeoutError") then
      errors.raise("TimeoutError", "another migration is running on this database; gave up after %g seconds",
        self.settings.lock_wait)
    end
    error(err, 0)
  end
  local results = { pcall(fn) }
  if not results[1] then self:_rollback() end
  -- a connection that is gone has given the lock back already
  if not self.owned then pcall(conn.advisory_unlock, conn, key) end
  if not results[1] then error(results[2], 0) end
  return results[2]
end

return class.seal(Context)
