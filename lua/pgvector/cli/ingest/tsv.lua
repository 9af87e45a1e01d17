--- Fields separated by tabs, as COPY's text format has them: `\t`, `\n`, `\r` and
-- `\\` stand for a tab, a line's end and a backslash in a field, `\N` is NULL.
-- @module pgvector.cli.ingest.tsv

local class = require "pgvector.class"
local errors = require "pgvector.errors"
local Lines = require "pgvector.cli.ingest.lines"

local byte, find, sub = string.byte, string.find, string.sub

local BACKSLASH, NULL, CR = 92, 78, 13

-- A reader of records, as pgvector.cli.ingest.jsonl describes it. Kinds: "text",
-- "backslashed" (with escapes), "null".
local Tsv = class("Tsv")

--- Begins a file.
-- @param handle open for reading
-- @tparam string name for messages
-- @tparam string null the field that is NULL, besides `\N`
function Tsv.new(handle, name, null)
  return setmetatable({
    file = name, line = 0, text = "", n = 0, names = {}, kinds = {}, from = {}, to = {},
    _lines = Lines.new(handle, name), _null = null, _first = 1, _last = 0,
    _backslash = 0, -- the position of the next one, if it is not taken yet
  }, Tsv)
end

local function kind_of(self, from, to)
  local text, null = self.text, self._null
  if to - from + 1 == #null and sub(text, from, to) == null then return "null" end
  if self._backslash < from then self._backslash = find(text, "\\", from, true) or math.huge end
  if self._backslash > to then return "text" end
  if to == from + 1 and byte(text, from) == BACKSLASH and byte(text, to) == NULL then return "null" end
  return "backslashed"
end

-- Takes the next line that is not empty.
local function take(self)
  local lines = self._lines
  repeat
    self.line = lines.line
    local from, to = lines:take()
    if not from then return false end
    if byte(lines.text, to) == CR and to >= from then to = to - 1 end
    self._first, self._last = from, to
  until to >= from
  if self.text ~= lines.text then self.text, self._backslash = lines.text, 0 end
  return true
end

--- Takes a record. After an error the next call goes on behind it.
-- @treturn boolean false at the file's end
-- @raise DataError if it has not `width` fields
function Tsv:next()
  if not take(self) then return false end
  local text, at, last, n = self.text, self._first, self._last, 0
  repeat
    local tab = find(text, "\t", at, true)
    local stop = tab and tab <= last and tab or last + 1
    n = n + 1
    self.from[n], self.to[n], self.kinds[n] = at, stop - 1, kind_of(self, at, stop - 1)
    at = stop + 1
  until stop == last + 1
  self.n = n
  if self.width and n ~= self.width then
    error(errors.new("DataError", ("expected %d fields, got %d"):format(self.width, n)), 0)
  end
  return true
end

--- Passes a record without reading it.
-- @treturn boolean false at the file's end
function Tsv:skip() return take(self) end

--- The record as it stands in the file.
-- @treturn string
function Tsv:raw() return sub(self.text, self._first, self._last) end

--- How many bytes of the file are taken.
-- @treturn integer
function Tsv:position() return self._lines:position() end

return Tsv
