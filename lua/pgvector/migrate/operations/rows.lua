--- Operations that run statements: SQL by hand, rows, time limits.
-- @module pgvector.migrate.operations.rows

local base = require "pgvector.migrate.operations.base"
local class = require "pgvector.class"
local compat = require "pgvector.compat"
local compiler = require "pgvector.sql.compiler"
local core = require "pgvector.core"
local errors = require "pgvector.errors"
local literal = require "pgvector.types.literal"
local sql = require "pgvector.sql"
local types = require "pgvector.types"

local rows = {}

--- `op.execute(sql or statement, { reverse= })`: SQL text runs as it stands; `reverse` is what undoes it.
rows.execute = base.define("execute", {
  arguments = { "statement" },
  options = { "reverse" },
  check = function(self)
    local statement = self.statement
    if type(statement) ~= "string" and not compiler.is_executable(statement) then
      errors.raise("ArgumentError", "execute: expected SQL text or a statement, got %s", class.describe(statement))
    end
  end,
  statements = function(self) return { self.statement } end,
  reverse = function(self)
    return self.options.reverse and rows.execute(self.options.reverse, { reverse = self.statement })
  end,
})

-- The type of a column as far as its values tell it.
local function type_of_values(rows_, name)
  for _, row in ipairs(rows_) do
    local value = row[name]
    if value ~= nil and value ~= core.null and type(value) ~= "table" then return types.of_value(value) end
  end
end

-- A table to insert into: as given, or made from a name and the rows' keys.
local function target(self)
  local tbl = self.table_name
  if type(tbl) ~= "string" then
    if type(tbl) == "table" and tbl._is_from then return tbl end
    errors.raise("ArgumentError", "bulk_insert: expected a table, pg.table(…) or a table's name, got %s",
      class.describe(tbl))
  end
  local names, seen, columns = {}, {}, {}
  for _, row in ipairs(self.rows) do
    for name in pairs(row) do
      if not seen[name] then
        seen[name] = true
        names[#names + 1] = name
      end
    end
  end
  table.sort(names)
  for i, name in ipairs(names) do columns[i] = sql.column(name, type_of_values(self.rows, name)) end
  return sql.table(tbl, compat.unpack(columns))
end

--- `op.bulk_insert(table, { { column = value, … }, … })`; a column that a row leaves out gets its
-- default. The table is what `op.create_table` returned, `pg.table(name, pg.column(…), …)`, or a name.
rows.bulk_insert = base.define("bulk_insert", {
  arguments = { "table_name", "rows" },
  check = function(self)
    if type(self.rows) ~= "table" or getmetatable(self.rows) then
      errors.raise("ArgumentError", "bulk_insert: expected a sequence of rows, got %s", class.describe(self.rows))
    end
    for i, row in ipairs(self.rows) do
      if type(row) ~= "table" or getmetatable(row) or next(row) == nil then
        errors.raise("ArgumentError", "bulk_insert: row %d: expected { column = value, … }, got %s", i,
          class.describe(row))
      end
    end
    self.table = target(self)
  end,
  statements = function(self)
    local statements = {}
    for i, row in ipairs(self.rows) do statements[i] = sql.insert(self.table):values(row) end
    return statements
  end,
})

-- A time as SET takes it: seconds as a number, or the server's own text.
local function time_text(value, where)
  if value == false then return "0" end
  if type(value) == "number" and value >= 0 and value - value == 0 then
    return ("'%.0fms'"):format(math.ceil(value * 1000))
  end
  if type(value) == "string" and value:find("^%d+%s*%a*$") then return literal.string(value) end
  errors.raise("ArgumentError", "%s: expected a time such as \"2s\", or seconds, or false for no limit, got %s", where,
    value == core.null and "pg.null" or tostring(value))
end

-- `op.lock_timeout("2s")`: until the end of the transaction; in `op.autocommit` of the section.
local function setting(kind)
  rows[kind] = base.define(kind, {
    arguments = { "time" },
    check = function(self) time_text(self.time, kind) end,
    statements = function(self, how)
      return { ("SET %s%s = %s"):format(how.session and "" or "LOCAL ", kind, time_text(self.time, kind)) }
    end,
    reverse = function() return false end,
  })
end

-- `op.lock_timeout(time)`: how long a statement may wait for a lock.
setting "lock_timeout"

-- `op.statement_timeout(time)`: how long a statement may take.
setting "statement_timeout"

return rows
