--- copy_in: rows into a table through COPY.
-- @module pgvector.engine.copy

local class = require "pgvector.class"
local coerce = require "pgvector.sql.coerce"
local core = require "pgvector.core"
local driver = require "pgvector.driver.copy"
local errors = require "pgvector.errors"
local execute = require "pgvector.driver.execute"
local identifiers = require "pgvector.sql.compiler.identifiers"
local json = require "pgvector.types.json"
local observe = require "pgvector.engine.observe"
local SchemaMap = require "pgvector.sql.schema_map"

local copying = {}

local VARBIT = 1562 -- its modifier is the most that it takes, not its length

-- Rows are collected up to this size before they are sent.
local BUFFER_SIZE = 65536

---- the object that the user writes to -----------------------------------------

local Copy = class("Copy")

function Copy:_check()
  if self._refused then error(self._refused, 0) end
  if self._done then errors.raise("InvalidRequestError", "this COPY is over") end
end

-- A producer that catches the server's refusal and goes on gets it again.
function Copy:_send()
  self:_check()
  local ok, err = pcall(driver.put, self._link, self._buffer)
  if not ok then
    self._refused = err
    error(err, 0)
  end
end

--- Writes one row.
-- @param ... the values, one for each column; nil is NULL
function Copy:write_row(...)
  self:_check()
  if self._buffer:row(...) >= BUFFER_SIZE then self:_send() end
end

local function write_sequence(self, rows)
  local buffer, next_row = self._buffer, 1
  local n = #rows
  while next_row <= n do
    next_row = buffer:rows(rows, next_row)
    if #buffer >= BUFFER_SIZE then self:_send() end
  end
end

local function is_callable(x)
  if type(x) == "function" then return true end
  local mt = type(x) == "table" and getmetatable(x)
  return mt and type(mt.__call) == "function" or false
end

--- Writes many rows.
-- @param rows a sequence of rows, or an iterator that returns a row a call; a
--   row is a table of values, with `n` if there are nils in it
function Copy:write_rows(rows)
  self:_check()
  if is_callable(rows) then
    for row in rows do
      if self._buffer:row_table(row) >= BUFFER_SIZE then self:_send() end
    end
  elseif type(rows) == "table" then
    write_sequence(self, rows)
  else
    errors.raise("ArgumentError", "write_rows: expected rows or an iterator, got %s", type(rows))
  end
end

class.strict(class.seal(Copy))

---- where the rows go -------------------------------------------------------------

-- The table's SQL name and the columns to be written: `{ name =, type = }`.
local function resolve(target, wanted, map)
  if type(target) == "string" then
    if not wanted then
      errors.raise("ArgumentError", "copy_in: a table given by name needs the names of its columns")
    end
    local columns = {}
    for i, name in ipairs(wanted) do columns[i] = { name = name } end
    return identifiers.dotted(target), columns
  end
  local from = coerce.from(target)
  local by_key, all = {}, {}
  for _, column in ipairs(from:_columns()) do
    by_key[column.key] = column
    if not column.computed then all[#all + 1] = column end
  end
  local columns = wanted and {} or all
  for i, key in ipairs(wanted or {}) do
    local column = type(key) == "table" and key or by_key[key]
    if not column then
      errors.raise("ArgumentError", "copy_in: table '%s' has no column '%s'%s", from.name, tostring(key),
        errors.did_you_mean(key, by_key))
    end
    columns[i] = column
  end
  return SchemaMap.qualified(map, from), columns
end

-- JSON of a table that is given by name: documents may be text or Lua tables.
local function as_document(value)
  if type(value) == "table" then return json.encode(value) end
  return value
end
local undeclared = { json = as_document, jsonb = as_document }

-- Binary COPY converts nothing, so the encoder goes by the types that the table
-- really has; the declaration adds what only it knows (JSON, type decorators).
local function encoder_for(execution, link, table_name, columns, list)
  local description = execute.describe(link, "", ("SELECT %s FROM %s"):format(list, table_name), nil)
  local oids, mods = description:oids(), description:mods()
  description:clear()
  local kinds = execution.typeinfo:_kinds_of(link, oids)
  local specs = {}
  for i, column in ipairs(columns) do
    local declared = column.type and column.type:bind_spec(column.name)
    local kind = kinds[i]
    -- an array of a type that is written as text only (a range, a tsvector)
    if kind == "text" and declared and declared.kind:find("%[%]$") then kind = "text[]" end
    local sized = kind == "vector" or kind == "halfvec" or kind == "sparsevec" or kind == "bit" and oids[i] ~= VARBIT
    specs[i] = {
      kind = kind, oid = oids[i], name = column.name,
      elem_oid = kind:find("%[%]$") and execution.typeinfo:_element_of(oids[i]) or nil,
      dim = sized and mods[i] > 0 and mods[i] or nil,
      convert = declared and declared.convert or undeclared[kind], null = declared and declared.null,
      binary = execution.typeinfo.kinds[oids[i]] ~= false,
    }
  end
  return core.encoder(specs)
end

-- Sends the rows.
-- @tparam string list the columns' names in SQL
-- @return how many were stored
local function send_rows(conn, link, stmt, table_name, columns, list, source)
  local encoder = encoder_for(conn._execution, link, table_name, columns, list)
  local format = encoder:binary() and "binary" or "text"
  local sql = ("%s (FORMAT %s)"):format(stmt, format)
  observe.tell(conn, "before_cursor_execute", sql)
  link.statement = { sql = sql, n = 0 }
  driver.start_in(link, sql)
  local buffer = core.copy_buffer(encoder, format)
  local copy = setmetatable({ _link = link, _buffer = buffer }, Copy)
  local ok, err = pcall(function()
    buffer:header()
    if type(source) == "function" then
      -- a writer returns nothing; an iterator returns its first row
      local row = source(copy)
      while type(row) == "table" do
        copy:write_rows({ row })
        row = source(copy)
      end
    else
      copy:write_rows(source)
    end
    buffer:trailer()
    copy:_send()
  end)
  copy._done = true
  if not ok then
    if link.mode and not link.broken and not link.waiting then
      -- the server reports the very failure it is told; the user's error is the one to see
      local ended, end_error = pcall(driver.finish_in, link, "the rows could not be produced")
      if not ended and link.broken then error(end_error, 0) end
    end
    link.statement = nil
    error(err, 0)
  end
  local res = driver.finish_in(link)
  local count = res:cmd_tuples()
  res:clear()
  link.statement = nil
  return count
end

--- Runs a COPY; see Connection:copy_in.
-- @tparam Connection conn
-- @param target a table, a model, or a table's name
-- @tparam ?table wanted names of the columns
-- @param source of the rows
-- @return how many rows were stored; see Connection:copy_in
function copying.copy_in(conn, target, wanted, source)
  if not is_callable(source) and type(source) ~= "table" then
    errors.raise("ArgumentError", "copy_in: expected a function, an iterator or rows, got %s", type(source))
  end
  if wanted ~= nil and type(wanted) ~= "table" then
    errors.raise("ArgumentError", "copy_in: expected a sequence of column names, got %s", type(wanted))
  end
  local link = conn:_autobegin()
  link:_check_idle()
  local table_name, columns = resolve(target, wanted, conn._schema_map)
  local names = {}
  for i, column in ipairs(columns) do names[i] = identifiers.quote(column.name) end
  local list = table.concat(names, ", ")
  local stmt = ("COPY %s (%s) FROM STDIN"):format(table_name, list)
  return observe.watched(conn, stmt, nil, send_rows, conn, link, stmt, table_name, columns, list, source)
end

return copying
