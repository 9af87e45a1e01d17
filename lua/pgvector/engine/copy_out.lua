--- copy_out: rows of a query or a table through COPY TO STDOUT.
-- @module pgvector.engine.copy_out

local class = require "pgvector.class"
local coerce = require "pgvector.sql.coerce"
local compiler = require "pgvector.sql.compiler"
local core = require "pgvector.core"
local driver = require "pgvector.driver.copy"
local errors = require "pgvector.errors"
local execute = require "pgvector.driver.execute"
local identifiers = require "pgvector.sql.compiler.identifiers"
local observe = require "pgvector.engine.observe"
local Reader = require "pgvector.engine.reader"
local select_ = require "pgvector.sql.select"

local copy_out = {}

-- The server sends a row a piece; so many are decoded at a time.
local PIECES = 64

-- Turns what the user wants to read into SQL without parameters.
-- @return the SQL, the compiled statement or nil
local function source_of(target, map)
  if type(target) == "string" then return "SELECT * FROM " .. identifiers.dotted(target) end
  local stmt = target
  if not compiler.is_executable(target) then
    if type(target) ~= "table" then
      errors.raise("ArgumentError", "copy_out: expected a statement, a table or its name, got %s",
        class.describe(target))
    end
    stmt = select_.select(coerce.from(target))
  end
  local compiled = compiler.compile(stmt, { literal_binds = true }, map)
  if compiled.kind == "ddl" or compiled.kind == "create_table_as" then
    errors.raise("ArgumentError", "copy_out: expected a statement that returns rows")
  end
  return compiled.sql, compiled
end

-- COPY tells no types: the server is asked for them before.
local function decoder_of(execution, link, sql, columns)
  local description = execute.describe(link, "", sql, nil)
  local _, binary = execution.typeinfo:_kinds_of(link, description:oids())
  local decoder = execution.plans:decoder(link, execution.plans:fresh(), description, columns)
  description:clear()
  return decoder, binary and "binary" or "text"
end

--- Starts a COPY TO STDOUT.
-- @tparam Connection conn
-- @param target a statement, a table, a model, or a table's name
-- @treturn Reader
function copy_out.open(conn, target)
  local sql, compiled = source_of(target, conn._schema_map)
  local stmt = compiler.is_executable(target) and target or sql
  return observe.watched(conn, stmt, nil, Reader._open, conn, "COPY", compiled and compiled.settings, function(link)
    link.statement = { sql = sql, n = 0 }
    local decoder, format = decoder_of(conn._execution, link, sql, compiled and compiled.columns)
    local copy_sql = ("COPY (%s) TO STDOUT (FORMAT %s)"):format(sql, format)
    link.statement = { sql = copy_sql, n = 0 }
    observe.tell(conn, "before_cursor_execute", copy_sql)
    driver.start_out(link, copy_sql)
    local rows, more = core.copy_reader(decoder, format), true
    return function()
      if not more then return nil end
      local data
      data, more = driver.get_out(link, PIECES)
      return rows:feed(data)
    end
  end)
end

--- Calls a function for each row.
-- @tparam Reader reader
-- @tparam function fn
-- @treturn number how many there were
-- @raise what fn raises
function copy_out.each(reader, fn)
  local count = 0
  local ok, err = pcall(function()
    for row in reader do
      fn(row)
      count = count + 1
    end
  end)
  if not ok then
    -- fn's error is the one to see, whatever closing meets
    pcall(reader.close, reader)
    error(err, 0)
  end
  return count
end

return copy_out
