--- The table that says which revisions a database has: Alembic's, so that a
-- project can go from one to the other. Each head has a row.
--
-- Beside it, and only while a migration that left its transaction is not
-- complete, a table says how far it came.
-- @module pgvector.migrate.version_table

local class = require "pgvector.class"
local errors = require "pgvector.errors"
local identifiers = require "pgvector.util.identifiers"
local literal = require "pgvector.types.literal"

local VersionTable = class("VersionTable")

--- @tparam table settings `version_table`, `version_table_schema`
function VersionTable._new(settings)
  local name, schema = settings.version_table, settings.version_table_schema
  return setmetatable({
    name = identifiers.qualified(schema, name),
    key = identifiers.quote(identifiers.truncate(name .. "_pkc")),
    progress = identifiers.qualified(schema, identifiers.truncate(name .. "_progress")),
    lock_key = "lua-pgvector migrate " .. identifiers.qualified(schema, name),
  }, VersionTable)
end

--- The statement that creates it.
-- @tparam[opt] boolean if_not_exists
function VersionTable:create_sql(if_not_exists)
  return ("CREATE TABLE %s%s (\n  version_num VARCHAR(32) NOT NULL,\n  CONSTRAINT %s PRIMARY KEY (version_num)\n)")
    :format(if_not_exists and "IF NOT EXISTS " or "", self.name, self.key)
end

local function exists(conn, name)
  return conn:exec_sql("SELECT pg_catalog.to_regclass($1) IS NOT NULL", { name }):scalar()
end

--- Creates it where it is missing.
function VersionTable:ensure(conn)
  if not exists(conn, self.name) then conn:exec_sql(self:create_sql(true)) end
end

--- What it holds; nothing without the table.
-- @treturn table sequence of ids
function VersionTable:heads(conn)
  if not exists(conn, self.name) then return {} end
  return conn:exec_sql(("SELECT version_num FROM %s ORDER BY version_num"):format(self.name)):scalars():all()
end

-- The statements of a step (`removed`, `added`: sequences of ids), each of which
-- must change one row: a sequence of `{ sql with a %s for each id, ids … }`.
local function statements(self, step)
  local removed, added = step.removed, step.added
  local list, moved = {}, 0
  if #removed > 0 and #added > 0 then
    moved = 1
    list[1] = { "UPDATE " .. self.name .. " SET version_num = %s WHERE version_num = %s", added[1], removed[1] }
  end
  for i = moved + 1, #removed do
    list[#list + 1] = { "DELETE FROM " .. self.name .. " WHERE version_num = %s", removed[i] }
  end
  for i = moved + 1, #added do
    list[#list + 1] = { "INSERT INTO " .. self.name .. " (version_num) VALUES (%s)", added[i] }
  end
  return list
end

--- Writes down what a step changed.
-- @raise InvalidRequestError if the table does not say what it should have: somebody
--   else changed it
function VersionTable:apply(conn, step)
  for _, statement in ipairs(statements(self, step)) do
    local ids = { statement[2], statement[3] }
    local count = conn:exec_sql(statement[1]:format("$1", "$2"), ids).rowcount
    if count ~= 1 then
      errors.raise("InvalidRequestError", "the version table %s was expected to have one row '%s', it has %d: "
        .. "another migrator changed it", self.name, statement[3] or statement[2], count)
    end
  end
end

--- The same as SQL text.
-- @treturn table sequence of strings
function VersionTable:apply_sql(step)
  local list = {}
  for i, statement in ipairs(statements(self, step)) do
    list[i] = statement[1]:format(literal.string(statement[2]), statement[3] and literal.string(statement[3]))
  end
  return list
end

---- progress ---------------------------------------------------------------------

--- How many operations of an interrupted migration are committed.
-- @treturn ?table `{ revision=, direction=, done= }`
function VersionTable:interrupted(conn)
  if not exists(conn, self.progress) then return nil end
  local row = conn:exec_sql(("SELECT version_num, direction, done FROM %s"):format(self.progress)):first()
  return row and { revision = row[1], direction = row[2], done = row[3] }
end

--- Notes how many are, in the transaction that commits them.
function VersionTable:note_progress(conn, revision, direction, done)
  conn:exec_sql(("CREATE TABLE IF NOT EXISTS %s (version_num VARCHAR(32) PRIMARY KEY, direction TEXT NOT NULL, "
    .. "done INTEGER NOT NULL)"):format(self.progress))
  conn:exec_sql(("INSERT INTO %s (version_num, direction, done) VALUES ($1, $2, $3) "
    .. "ON CONFLICT (version_num) DO UPDATE SET direction = excluded.direction, done = excluded.done")
    :format(self.progress), { revision, direction, done })
end

--- Forgets it: the migration is complete.
function VersionTable:forget_progress(conn)
  conn:exec_sql("DROP TABLE IF EXISTS " .. self.progress)
end

---- the lock ---------------------------------------------------------------------

--- A statement for scripts that fails while somebody else migrates. It does not
-- wait: a waiting session would hold up CREATE INDEX CONCURRENTLY.
function VersionTable:lock_sql()
  return ([[
DO $lock$
BEGIN
  IF NOT pg_catalog.pg_try_advisory_lock(pg_catalog.hashtextextended(%s, 0)) THEN
    RAISE EXCEPTION 'another migration is running on this database' USING ERRCODE = 'lock_not_available';
  END IF;
END
$lock$]]):format(literal.string(self.lock_key))
end

--- The statement that gives it back.
function VersionTable:unlock_sql()
  return ("SELECT pg_catalog.pg_advisory_unlock(pg_catalog.hashtextextended(%s, 0))")
    :format(literal.string(self.lock_key))
end

return class.seal(VersionTable)
