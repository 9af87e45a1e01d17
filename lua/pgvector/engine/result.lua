--- What a statement returned: rows, or their columns, in many shapes.
--
-- Rows are decoded by the core when they are asked for, and the server's answer
-- is freed as soon as the last one is.
-- @module pgvector.engine.result

local class = require "pgvector.class"
local compat = require "pgvector.compat"
local core = require "pgvector.core"
local errors = require "pgvector.errors"
local json = require "pgvector.types.json"

local null = core.null

-- How many rows are decoded at a time while iterating.
local CHUNK = 100

---- sources: where rows come from --------------------------------------------

-- An answer that has arrived completely.
local Buffered = {}
Buffered.__index = Buffered

function Buffered:rows(first, last) return self.res:rows(self.decoder, first, last) end
function Buffered:mappings(first, last) return self.res:mappings(self.decoder, first, last) end
function Buffered:column(i, first, last) return self.res:column(self.decoder, i, first, last) end
function Buffered:values(row) return self.res:values(self.decoder, row) end
function Buffered:value(row, column) return self.res:value(self.decoder, row, column) end
function Buffered:clear() self.res:clear() end

-- Rows that are Lua tables already: several answers in one, or objects. The
-- first of the list is row number base + 1.
local Listed = {}
Listed.__index = Listed

function Listed:rows(first, last)
  local out = {}
  for i = first, last do out[i - first + 1] = self.list[i - self.base] end
  return out
end

function Listed:mappings(first, last)
  local out = {}
  for i = first, last do
    local mapping = {}
    for k, v in pairs(self.list[i - self.base]) do
      if type(k) == "string" then mapping[k] = v end
    end
    out[i - first + 1] = mapping
  end
  return out
end

function Listed:column(column, first, last)
  local out = {}
  for i = first, last do out[i - first + 1] = self.list[i - self.base][column] end
  return out
end

function Listed:value(row, column) return self.list[row - self.base][column] end

local function null_to_nil(v, ...)
  if v == null then v = nil end
  if select("#", ...) == 0 then return v end
  return v, null_to_nil(...)
end

function Listed:values(row)
  return null_to_nil(compat.unpack(self.list[row - self.base], 1, self.width))
end

function Listed:clear() self.list = {} end

---- what rows, scalars and mappings have in common -----------------------------

local Fetch = class("Fetch")

local is_data = { [getmetatable(json.array())] = "[", [getmetatable(json.object())] = "{" }

-- An array's or a document's elements, in an order that is always the same.
local function key_of_elements(self, value, mark)
  local parts = {}
  for key, element in pairs(value) do
    local key_text, text = self:_key_of(key), self:_key_of(element)
    parts[#parts + 1] = #key_text .. ":" .. key_text .. #text .. ":" .. text
  end
  table.sort(parts)
  return (next(value) == nil and mark or "") .. table.concat(parts)
end

-- A key that equal values share. Plain values by type and text, arrays and
-- documents by their elements; objects by identity, through a number each gets
-- when first seen.
function Fetch:_key_of(value)
  local t = type(value)
  if t == "table" then
    local mt = getmetatable(value)
    if mt == nil or is_data[mt] then return key_of_elements(self, value, is_data[mt]) end
    local ids = self._ids or { n = 0 }
    self._ids = ids
    if not ids[value] then
      ids.n = ids.n + 1
      ids[value] = ids.n
    end
    return "t" .. ids[value]
  end
  return t .. ":" .. tostring(value)
end

function Fetch:_check()
  local result = self._result
  if result._closed then
    errors.raise("InvalidRequestError", "this result is closed")
  elseif not result._source then
    errors.raise("InvalidRequestError", "this result does not return rows")
  end
end

-- The last of the rows `first` … `last` that there is. A source that does not
-- know yet how many it has reads so far, and may find out.
local function reach(result, first, last)
  if result._n == math.huge then last, result._n = result._source:reach(first, last) end
  return last
end

-- Takes up to `max` of what is left (all of it without max), as the shape's
-- `_decode` gives them, without those that unique() has seen.
function Fetch:_take(max)
  self:_check()
  local result = self._result
  local seen = self._seen
  if not seen then
    local first = result._next
    local last = reach(result, first, max and math.min(first + max - 1, result._n) or result._n)
    if first > last then return {} end
    result._next = last + 1
    local items = self:_decode(first, last)
    if last == result._n then result._source:clear() end
    return items
  end
  local out = {}
  while result._next <= result._n and (not max or #out < max) do
    local first = result._next
    local last = math.min(first + CHUNK - 1, result._n)
    if max then last = math.min(last, first + max - #out - 1) end
    last = reach(result, first, last)
    result._next = last + 1
    for _, item in ipairs(self:_decode(first, last)) do
      local key = self._unique_by and self._unique_by(item)
      if key == nil then key = self:_fingerprint(item) end
      if not seen[key] then
        seen[key] = true
        out[#out + 1] = item
      end
    end
  end
  if result._next > result._n then result._source:clear() end
  return out
end

-- A single value that was NULL is nil; inside a sequence it stays pg.null.
local function single(item)
  if item == null then return nil end
  return item
end

--- Everything that is left.
-- @treturn table a sequence; NULL is pg.null in it
function Fetch:all() return self:_take() end

--- The first item, or nil; the rest is thrown away.
function Fetch:first()
  local items = self:_take(1)
  self:close()
  return single(items[1])
end

--- The only item, or nil if there is none.
-- @raise MultipleResultsFound
function Fetch:one_or_none()
  local items = self:_take(2)
  self:close()
  if items[2] ~= nil then
    errors.raise("MultipleResultsFound", "multiple rows were found when one or none was required")
  end
  return single(items[1])
end

--- The only item.
-- @raise NoResultFound, MultipleResultsFound
function Fetch:one()
  local items = self:_take(2)
  self:close()
  if items[1] == nil then
    errors.raise("NoResultFound", "no row was found when one was required")
  elseif items[2] ~= nil then
    errors.raise("MultipleResultsFound", "multiple rows were found when exactly one was required")
  end
  return single(items[1])
end

local function positive(n, where)
  if not compat.is_integral(n) or n < 1 then
    errors.raise("ArgumentError", "%s: expected a positive integer, got %s", where, tostring(n))
  end
  return n
end

--- Up to `n` items; an empty sequence at the end.
function Fetch:fetchmany(n) return self:_take(positive(n, "fetchmany")) end

--- Iterates over sequences of up to `n` items: `for rows in result:partitions(100) do`.
function Fetch:partitions(n)
  positive(n, "partitions")
  return function()
    local items = self:_take(n)
    if #items > 0 then return items end
  end
end

--- Leaves out what equals something that was returned before.
-- @tparam[opt] function by item → what to compare instead
-- @return itself
function Fetch:unique(by)
  self._seen = self._seen or {}
  self._unique_by = by
  return self
end

local function close(result)
  if result._closed then return end
  result._closed = true
  if result._source then result._source:clear() end
end

--- Frees the result; using it afterwards raises. Idempotent.
function Fetch:close() close(self._result) end

Fetch.__close = Fetch.close -- local result <close> = conn:execute(…)

-- `for item in result do`
function Fetch:__call()
  local chunk = self._chunk
  if not chunk or self._at > #chunk then
    chunk = self:_take(self._result._chunk_size or CHUNK)
    self._chunk, self._at = chunk, 1
  end
  local item = chunk[self._at]
  self._at = self._at + 1
  return item
end

class.seal(Fetch)

---- the three shapes ------------------------------------------------------------

local Scalars = class("ScalarResult", Fetch)

function Scalars:_fingerprint(item) return self:_key_of(item) end

function Scalars:_decode(first, last)
  return self._result._source:column(self._column, first, last)
end

local Mappings = class("MappingResult", Fetch)

function Mappings:_fingerprint(item)
  local parts = {}
  for i, name in ipairs(self._result._names) do parts[i] = self:_key_of(item[name]) end
  return table.concat(parts, "\0")
end

function Mappings:_decode(first, last)
  local result = self._result
  local mappings = result._source:mappings(first, last)
  if result._picked then
    for i, mapping in ipairs(mappings) do
      local picked = {}
      for _, name in ipairs(result._names) do picked[name] = mapping[name] end
      mappings[i] = picked
    end
  end
  return mappings
end

--- The names of the columns.
function Mappings:keys() return self._result:keys() end

local Result = class("Result", Fetch)

function Result:_fingerprint(row)
  local parts = {}
  for i = 1, #self._names do parts[i] = self:_key_of(row[i]) end
  return table.concat(parts, "\0")
end

local function fill(self, source, names, n, rowcount, columns)
  self._result, self._source, self._names, self._n, self._next = self, source, names, n, 1
  self._columns, self.rowcount = columns, rowcount
  return setmetatable(self, Result)
end

--- A table that is to become a result, with room for its fields.
function Result._room()
  return {
    _result = false, _source = false, _names = false, _n = false, _next = false, _columns = false,
    _closed = false,
  }
end

--- A result over a core result with rows.
-- @param res core result
-- @param decoder core decoder
-- @tparam table names of its columns
-- @tparam number n how many rows it has
-- @tparam ?number rowcount
-- @tparam ?table columns the compiled statement's columns
-- @tparam ?table into what `_room` gave, if it is to become the result
function Result._buffered(res, decoder, names, n, rowcount, columns, into)
  local source = setmetatable({ res = res, decoder = decoder }, Buffered)
  return fill(into or Result._room(), source, names, n, rowcount or -1, columns)
end

--- A result over a core result without rows, which is freed.
-- @param res core result
-- @tparam ?number rowcount
-- @tparam ?table into what `_room` gave, if it is to become the result
function Result._touched(res, rowcount, into)
  res:clear()
  return fill(into or Result._room(), nil, {}, 0, rowcount or -1)
end

--- A result over rows that exist already.
-- @tparam table list rows, with values by position and by name
-- @tparam table names column names
-- @tparam ?number rowcount
function Result._listed(list, names, rowcount)
  local source = setmetatable({ list = list, base = 0, width = #names }, Listed)
  return fill(Result._room(), source, names, #list, rowcount or #list)
end

--- A result over rows that are still to come.
-- @param source like Listed; its `reach(first, last)` reads these rows and returns
--   which is the last one, and how many there are in all, or infinity
-- @tparam table names column names
-- @tparam ?table columns the compiled statement's columns
function Result._over(source, names, columns)
  return fill(Result._room(), source, names, math.huge, -1, columns)
end

Result._Listed = Listed

--- A result without rows.
function Result._counted(rowcount)
  return fill(Result._room(), nil, {}, 0, rowcount)
end

function Result:_decode(first, last)
  local rows = self._source:rows(first, last)
  local picked = self._picked
  if picked then
    for r, row in ipairs(rows) do
      local out = {}
      for i, column in ipairs(picked) do
        local value = row[column]
        out[i] = value
        if value ~= null then out[self._names[i]] = value end
      end
      rows[r] = out
    end
  end
  return rows
end

-- The position of a column in the source, from a position or a name.
function Result:_position(column)
  local position
  if type(column) == "number" then
    position = self._names[column] and column
  else
    for i, name in ipairs(self._names) do
      if name == column then
        if position then
          errors.raise("InvalidRequestError", "ambiguous column name '%s'", name)
        end
        position = i
      end
    end
  end
  if not position then
    errors.raise("InvalidRequestError", "this result has no column '%s'%s", tostring(column),
      errors.did_you_mean(column, self._names))
  end
  return self._picked and self._picked[position] or position
end

--- The values of one column.
-- @param[opt=1] column position or name
-- @treturn ScalarResult
function Result:scalars(column)
  self:_check()
  return setmetatable({ _result = self, _column = self:_position(column or 1), _seen = self._seen }, Scalars)
end

--- Rows as tables with names only.
-- @treturn MappingResult
function Result:mappings()
  self:_check()
  return setmetatable({ _result = self, _seen = self._seen }, Mappings)
end

--- Iterates over values: `for i, id, title in result:tuples() do`; NULL is nil.
function Result:tuples()
  self:_check()
  if self._picked or self._seen then
    return function(_, i)
      local row = self:_take(1)[1]
      if row then return i + 1, null_to_nil(compat.unpack(row, 1, #self._names)) end
    end, nil, 0
  end
  return function(_, i)
    self:_check()
    local at = self._next
    if reach(self, at, at) < at or at > self._n then
      self._source:clear()
      return nil
    end
    self._next = at + 1
    return i + 1, self._source:values(at)
  end, nil, 0
end

--- A result of some of the columns only.
-- @param ... positions or names
-- @treturn Result itself
function Result:columns(...)
  self:_check()
  local picked, names = {}, {}
  for i = 1, select("#", ...) do
    local column = select(i, ...)
    picked[i] = self:_position(column)
    names[i] = type(column) == "number" and self._names[column] or column
  end
  if #picked == 0 then errors.raise("ArgumentError", "columns: expected at least one name or position") end
  self._picked, self._names = picked, names
  return self
end

--- The first column of the first row, or nil; the rest is thrown away.
function Result:scalar()
  local at = self._next
  if self._closed or self._picked or self._seen or not self._names[1] or at > self._n or self._n == math.huge then
    return self:scalars():first()
  end
  local value = self._source:value(at, 1)
  close(self)
  return single(value)
end

--- The first column of the only row.
-- @raise NoResultFound, MultipleResultsFound
function Result:scalar_one() return self:scalars():one() end

--- The first column of the only row, or nil if there is none.
-- @raise MultipleResultsFound
function Result:scalar_one_or_none() return self:scalars():one_or_none() end

--- The names of the columns.
-- @treturn table a sequence
function Result:keys()
  local names = {}
  for i, name in ipairs(self._names) do names[i] = name end
  return names
end

class.strict(class.seal(Scalars))
class.strict(class.seal(Mappings))
return class.strict(class.seal(Result))
