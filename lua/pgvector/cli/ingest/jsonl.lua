--- JSON lines: an object on each line.
-- @module pgvector.cli.ingest.jsonl

local class = require "pgvector.class"
local errors = require "pgvector.errors"
local Lines = require "pgvector.cli.ingest.lines"
local scan = require "pgvector.cli.ingest.json_scan"

local byte, find, sub = string.byte, string.find, string.sub
local space, pass_string, pass_value, pass_flat = scan.space, scan.string, scan.value, scan.flat
local expected, unescape = scan.expected, scan.unescape

local QUOTE, COMMA, COLON, BRACKET, OPEN, CLOSE = 34, 44, 58, 91, 123, 125

-- A reader of records. After `next` has returned true the record has `n` fields,
-- the i-th with the name `names[i]`, and its value, of the kind `kinds[i]`, is in
-- `text` from `from[i]` to `to[i]`, without the quotes of a string. `line` is where
-- it stands.
local Jsonl = class("Jsonl")

--- Begins a file.
-- @param handle open for reading
-- @tparam string name for messages
function Jsonl.new(handle, name)
  return setmetatable({
    file = name, line = 0, text = "", n = 0, names = {}, kinds = {}, from = {}, to = {},
    _lines = Lines.new(handle, name), _first = 1, _last = 0,
  }, Jsonl)
end

-- Takes the next line that has something in it.
local function take(self)
  local lines = self._lines
  repeat
    self.line = lines.line
    local from, to = lines:take()
    if not from then return false end
    self._first, self._last = from, to
    local start = find(lines.text, "[^ \t\r]", from)
  until start and start <= to
  self.text = lines.text
  return true
end

-- Puts the fields of the object into the record.
local function read(self)
  local text, names, kinds, from, to = self.text, self.names, self.kinds, self.from, self.to
  self.n = 0
  local n, at, line_end = 0, space(text, self._first), self._last
  if byte(text, at) ~= OPEN then expected(at, "an object, {…}") end
  at = space(text, at + 1)
  local more = byte(text, at) ~= CLOSE
  while more do
    if byte(text, at) ~= QUOTE then expected(at, "a name in quotes") end
    local last, escaped = pass_string(text, at)
    n = n + 1
    names[n] = escaped and unescape(sub(text, at + 1, last - 1)) or sub(text, at + 1, last - 1)
    at = space(text, last + 1)
    if byte(text, at) ~= COLON then expected(at, "':'") end
    at = space(text, at + 1)
    local kind
    last = byte(text, at) == BRACKET and pass_flat(text, at, line_end)
    if last then kind = "array" else kind, last = pass_value(text, at) end
    if kind == "string" or kind == "escaped" then
      from[n], to[n] = at + 1, last - 1
    else
      from[n], to[n] = at, last
    end
    kinds[n] = kind
    at = space(text, last + 1)
    local c = byte(text, at)
    if c == COMMA then
      at = space(text, at + 1)
    elseif c == CLOSE then
      more = false
    else
      expected(at, "',' or '}'")
    end
  end
  at = space(text, at + 1)
  if at <= line_end then expected(at, "the line's end behind the object") end
  self.n = n
end

--- Takes a record. After an error the next call goes on behind it.
-- @treturn boolean false at the file's end
-- @raise DataError if the line is no object
function Jsonl:next()
  if not take(self) then return false end
  local ok, err = pcall(read, self)
  if ok then return true end
  if errors.is_error(err) and err.at then
    err.message = ("invalid JSON at character %d: %s"):format(err.at - self._first + 1, err.message)
  end
  error(err, 0)
end

--- Passes a record without reading it.
-- @treturn boolean false at the file's end
function Jsonl:skip() return take(self) end

--- The record as it stands in the file.
-- @treturn string
function Jsonl:raw() return (sub(self.text, self._first, self._last):gsub("\r$", "")) end

--- How many bytes of the file are taken.
-- @treturn integer
function Jsonl:position() return self._lines:position() end

return Jsonl
