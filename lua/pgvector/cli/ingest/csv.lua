--- CSV as RFC 4180 has it: fields with commas, quotes or lines in them stand in
-- quotes, a quote among them is doubled.
-- @module pgvector.cli.ingest.csv

local class = require "pgvector.class"
local errors = require "pgvector.errors"
local Lines = require "pgvector.cli.ingest.lines"

local byte, find, sub = string.byte, string.find, string.sub

local COMMA, QUOTE, LF, CR = 44, 34, 10, 13

-- A reader of records, as pgvector.cli.ingest.jsonl describes it. Kinds: "text",
-- "doubled" (quotes in it are doubled), "null". The names are those that the
-- header, or the user, gives.
local Csv = class("Csv")

--- Begins a file.
-- @param handle open for reading
-- @tparam string name for messages
-- @tparam string null the field, without quotes, that is NULL
function Csv.new(handle, name, null)
  return setmetatable({
    file = name, line = 0, text = "", n = 0, names = {}, kinds = {}, from = {}, to = {},
    _lines = Lines.new(handle, name), _null = null, _first = 1, _last = 0,
    _quote = 0, -- the position of the next quote, if it is not taken yet
  }, Csv)
end

-- Reads more behind the record that has begun. Positions change.
-- @return what `at` is now; nil at the file's end
local function more(self, at)
  local lines = self._lines
  local before = lines.at
  if not lines:more() then return nil end
  local moved = before - lines.at
  for i = 1, self.n do
    self.from[i] = self.from[i] - moved
    if self.to[i] then self.to[i] = self.to[i] - moved end
  end
  self.text, self._quote = lines.text, 0
  return at - moved
end

-- The position of the next line's end, or behind the file; and what `at` is now.
local function line_end(self, at)
  local stop = find(self.text, "\n", at, true)
  while not stop do
    local known = #self.text - at + 1
    local moved = more(self, at)
    if not moved then return #self.text + 1, at end
    at = moved
    stop = find(self.text, "\n", at + known, true)
  end
  return stop, at
end

-- Is there a quote from `at` to `last`? Where the next one is, is remembered.
local function has_quote(self, at, last)
  if self._quote < at then self._quote = find(self.text, '"', at, true) or math.huge end
  return self._quote <= last
end

local function finish(self, last, stop)
  self._first, self._last = self._lines.at, last
  self._lines.at = stop + 1
end

-- Raises for a record, which ends with the line in which this was noticed.
local function refuse(self, at, message)
  local stop = line_end(self, at)
  finish(self, stop - 1, stop)
  error(errors.new("DataError", message), 0)
end

-- Puts a field without quotes into the record.
local function plain_field(self, n, from, to)
  local null = self._null
  self.from[n], self.to[n] = from, to
  self.kinds[n] = to - from + 1 == #null and sub(self.text, from, to) == null and "null" or "text"
end

-- Puts the field whose opening quote is at a position into the record.
-- @return the position behind its closing quote
local function quoted_field(self, n, at)
  self.from[n], self.to[n], self.kinds[n], self.n = at + 1, nil, "text", n
  at = at + 1
  while true do
    local quote = find(self.text, '"', at, true)
    while not quote do
      local known = #self.text - at + 1
      local moved = more(self, at)
      if not moved then refuse(self, #self.text + 1, "a quote is not closed") end
      at = moved
      quote = find(self.text, '"', at + known, true)
    end
    if quote == #self.text then quote = more(self, quote) or quote end
    if byte(self.text, quote + 1) ~= QUOTE then
      self.to[n] = quote - 1
      return quote + 1
    end
    self.kinds[n] = "doubled"
    at = quote + 2
  end
end

-- Takes a record in which there is a quote.
local function read_quoted(self, at)
  local n = 0
  while true do
    n = n + 1
    if byte(self.text, at) == QUOTE then
      at = quoted_field(self, n, at)
      local c = byte(self.text, at)
      if c == CR and at == #self.text then at = more(self, at) or at end
      if c == CR and (byte(self.text, at + 1) or LF) == LF then
        at, c = at + 1, LF
      end
      if c == LF or c == nil then
        self.n = n
        return finish(self, self.to[n] + 1, at)
      end
      if c ~= COMMA then refuse(self, at, ("field %d goes on behind its closing quote"):format(n)) end
    else
      self.n = n - 1
      local stop
      stop, at = line_end(self, at)
      local comma = find(self.text, ",", at, true)
      local last = (comma and comma < stop and comma or stop) - 1
      if has_quote(self, at, last) then refuse(self, at, ("field %d has a quote in it"):format(n)) end
      local is_last = last == stop - 1
      if is_last and byte(self.text, last) == CR and last >= at then last = last - 1 end
      plain_field(self, n, at, last)
      self.n = n
      if is_last then return finish(self, last, stop) end
      at = comma
    end
    at = at + 1
  end
end

-- Takes a record without quotes: a line.
local function read_plain(self, at, stop)
  local text, n, last = self.text, 0, stop - 1
  if byte(text, last) == CR and last >= at then last = last - 1 end
  local comma = find(text, ",", at, true)
  while comma and comma <= last do
    n = n + 1
    plain_field(self, n, at, comma - 1)
    at = comma + 1
    comma = find(text, ",", at, true)
  end
  plain_field(self, n + 1, at, last)
  self.n = n + 1
  finish(self, last, stop)
end

-- Takes a record.
local function read(self)
  local lines = self._lines
  self.n = 0
  local stop, at
  repeat
    stop, at = line_end(self, lines.at)
    if at > #self.text then return false end
    local blank = stop == at or (stop == at + 1 and byte(self.text, at) == CR)
    if blank then lines.at, lines.line = stop + 1, lines.line + 1 end
  until not blank
  self.line = lines.line
  if has_quote(self, at, stop - 1) then read_quoted(self, at) else read_plain(self, at, stop) end
  return true
end

-- Counts the lines of the record that is taken.
local function count_lines(self)
  local lines, at = self._lines, self._first
  repeat
    lines.line = lines.line + 1
    at = find(self.text, "\n", at, true)
    at = at and at + 1
  until not at or at > self._last
end

--- Takes a record. After an error the next call goes on behind it.
-- @treturn boolean false at the file's end
-- @raise DataError if its quotes are wrong, or it has not `width` fields
function Csv:next()
  local ok, result = pcall(read, self)
  if not ok then
    if errors.is_error(result, "DataError") then count_lines(self) end
    error(result, 0)
  end
  if not result then return false end
  count_lines(self)
  if self.width and self.n ~= self.width then
    error(errors.new("DataError", ("expected %d fields, got %d"):format(self.width, self.n)), 0)
  end
  return true
end

--- Passes a record without looking at it.
-- @treturn boolean false at the file's end
function Csv:skip()
  local ok, result = pcall(self.next, self)
  return not ok or result
end

--- The record as it stands in the file.
-- @treturn string
function Csv:raw() return sub(self.text, self._first, self._last) end

--- How many bytes of the file are taken.
-- @treturn integer
function Csv:position() return self._lines:position() end

return Csv
