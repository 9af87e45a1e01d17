--- Rows → a table: COPY, transactions, and what is around them.
-- @module pgvector.cli.ingest.loading

local class = require "pgvector.class"
local errors = require "pgvector.errors"
local identifiers = require "pgvector.util.identifiers"
local indexes = require "pgvector.cli.ingest.indexes"
local pg = require "pgvector"
local Places = require "pgvector.cli.ingest.places"
local upsert = require "pgvector.cli.ingest.upsert"

local Loader = class("Loader")

--- Makes a loader.
-- @tparam Connection conn
-- @tparam Table tbl the target, as read from the database
-- @tparam table source `next()`: the next row, see Rows
-- @tparam table options `refuse(err, row)`: what becomes of a row that the core refuses;
--   `batch`: how many rows a transaction has, nil: all; `upsert`: the key's columns, nil: none;
--   `truncate`, `drop_indexes`, `analyze`, `dry_run`; `advance()` is called for each row,
--   `pause()` before something else is shown, `say(line)` and `warn(line)` print
-- @treturn Loader
function Loader.new(conn, tbl, source, options)
  return setmetatable({
    --- how many rows are stored
    stored = 0,
    --- the last row of the last transaction: `record`, `file`, `line`; nil: there was none
    committed = nil,
    _conn = conn, _table = tbl, _source = source, _options = options,
    _row = nil,      -- the next row, if it is read already
    _ended = false,  -- is there no more?
    _last = { record = nil, file = nil, line = nil }, -- the row that was stored last
    _indexes = options.drop_indexes and indexes.of(tbl) or {},
    _bare = {},      -- the target for copy_in, by shape
  }, Loader)
end

---- one COPY ---------------------------------------------------------------------

-- The target with nothing but names: the values are for the server's types as they are,
-- and no declared type may convert them.
local function bare(self, shape)
  local tbl = self._bare[shape]
  if not tbl then
    local columns = {}
    for i, name in ipairs(shape.names) do columns[i] = pg.Column{ name, pg.Text } end
    tbl = pg.Table(self._table.name, pg.MetaData(), columns, { schema = self._table.schema })
    self._bare[shape] = tbl
  end
  return tbl
end

-- Says where a row comes from that the server does not take.
local function located(err, places)
  local context = errors.is_error(err) and err.context and "\n" .. err.context
  local row, column = (context or ""):match("\nCOPY [^\n]*, %S+ (%d+)([^\n]*)")
  local file, line
  if row then file, line = places:find(tonumber(row)) end
  if not file then return err end
  column = column:match("^, %S+ ([^:]+)")
  err.message = ("%s:%d: %s%s"):format(file, line, column and ("column '%s': "):format(column) or "", err.message)
  err.file, err.line, err.context, err.sql = file, line, nil, nil
  return err
end

-- Is it the core that refuses the row, before anything was sent?
local function is_refusal(err) return errors.is_error(err) and err.row ~= nil and err.severity == nil end

-- The core's error without its own idea of the place.
local function plain(err)
  err.message = err.message:gsub("^row %d+: ", ""):gsub("^row %d+, column %d+ ", "")
  if err.column then
    local name = ("(%s): "):format(err.column)
    if err.message:sub(1, #name) == name then
      err.message = ("column '%s': %s"):format(err.column, err.message:sub(#name + 1))
    end
  end
  if not errors.is_error(err, "DataError") then err.class = "DataError" end
  return err
end

local function pull(self)
  self._row = self._source:next()
  self._ended = not self._row
end

-- Copies rows of one shape, up to a limit, beginning with the row that is read.
-- @return how many
local function copy_rows(self, target, names, limit, ordered)
  local options, last, shape = self._options, self._last, self._row.shape
  local places, one, count = Places.new(), {}, 0
  local ok, err = pcall(self._conn.copy_in, self._conn, target, names, function(copy)
    local write = copy.write_rows
    repeat
      local row = self._row
      if ordered then
        row.n = shape.n + 1
        row[row.n] = count + 1
      end
      one[1] = row
      local taken, refusal = pcall(write, copy, one)
      if taken then
        count = count + 1
        places:add(count, row.file, row.line)
        last.record, last.file, last.line = row.record, row.file, row.line
      elseif is_refusal(refusal) then
        options.refuse(plain(refusal), row)
      else
        error(refusal, 0)
      end
      options.advance()
      self._row = nil
      if count == limit then return end
      pull(self)
    until self._ended or self._row.shape ~= shape
  end)
  if not ok then error(located(err, places), 0) end
  return count
end

-- Stores rows of one shape, up to a limit.
-- @return how many were taken
local function segment(self, limit)
  local shape, conn, key = self._row.shape, self._conn, self._options.upsert
  if not key then
    local count = copy_rows(self, bare(self, shape), shape.names, limit)
    self.stored = self.stored + count
    return count
  end
  local staging, order = upsert.staging(self._table, shape.names)
  conn:execute(pg.CreateTable(staging)) -- that alone: its enums are the target's
  local names = { order }
  for i = #shape.names, 1, -1 do table.insert(names, 1, shape.names[i]) end
  local columns = {}
  for i, name in ipairs(names) do columns[i] = pg.Column{ name, pg.Text } end
  local count = copy_rows(self, pg.Table(staging.name, pg.MetaData(), columns), names, limit, true)
  local statement = upsert.statement(self._table, staging, order, shape.names, key)
  self.stored = self.stored + conn:execute(statement).rowcount
  conn:execute(pg.DropTable(staging))
  return count
end

---- transactions -----------------------------------------------------------------

local function in_transaction(self, fn)
  local tx = self._conn:begin()
  local ok, err = pcall(fn)
  if ok then
    if self._options.dry_run then tx:rollback() else tx:commit() end
    return
  end
  pcall(tx.close, tx) -- the error is the one to see, whatever the rollback meets
  error(err, 0)
end

local function qualified(tbl) return identifiers.qualified(tbl.schema, tbl.name) end

local function prepare(self)
  if self._options.truncate then self._conn:exec_sql("TRUNCATE TABLE " .. qualified(self._table)) end
end

local function build_indexes(self)
  if #self._indexes == 0 then return end
  self._options.pause()
  indexes.create(self._conn, self._indexes, self._options.say)
end

local function analyze(self)
  if self._options.analyze then self._conn:exec_sql("ANALYZE " .. qualified(self._table)) end
end

-- Stores rows until there are no more, or so many.
local function store(self, limit)
  local left = limit or math.huge
  while left > 0 do
    if not self._row then pull(self) end
    if self._ended then return end
    left = left - segment(self, left)
  end
end

local function load_whole(self)
  in_transaction(self, function()
    prepare(self)
    indexes.drop(self._conn, self._indexes)
    store(self)
    build_indexes(self)
    analyze(self)
  end)
end

local function load_in_batches(self)
  local options = self._options
  if #self._indexes > 0 then
    for _, index in ipairs(self._indexes) do
      options.warn(("index %s is dropped until the end: %s"):format(index.name, indexes.sql(index)))
    end
    in_transaction(self, function() indexes.drop(self._conn, self._indexes) end)
  end
  local ok, err = pcall(function()
    local first = true
    repeat
      local before = self.stored
      local done, failure = pcall(in_transaction, self, function()
        if first then prepare(self) end
        store(self, options.batch)
      end)
      if not done then
        self.stored = before
        error(failure, 0)
      end
      first = false
      local last = self._last
      if last.record then self.committed = { record = last.record, file = last.file, line = last.line } end
    until self._ended
  end)
  if #self._indexes > 0 then
    local built, failure = pcall(in_transaction, self, function() build_indexes(self) end)
    if ok then ok, err = built, failure elseif not built then options.warn(tostring(failure)) end
  end
  if not ok then error(err, 0) end
  in_transaction(self, function() analyze(self) end)
end

--- Stores all rows: all or none of them, or, in batches, as many as are stored when
-- something fails.
-- @raise what was wrong; `stored` and `committed` tell how far it got
function Loader:run()
  if self._options.batch and not self._options.dry_run then
    load_in_batches(self)
  else
    local ok, err = pcall(load_whole, self)
    if not ok then
      self.stored = 0
      error(err, 0)
    end
  end
end

--- The names of the indexes that were dropped and made again.
-- @treturn table sequence
function Loader:indexes()
  local names = {}
  for i, index in ipairs(self._indexes) do names[i] = index.name end
  return names
end

return Loader
