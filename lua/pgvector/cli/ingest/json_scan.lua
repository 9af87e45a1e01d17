--- JSON by positions: where a value ends, and what it is, without making one.
-- @module pgvector.cli.ingest.json_scan

local errors = require "pgvector.errors"

local byte, char, find, gsub, sub = string.byte, string.char, string.find, string.gsub, string.sub

local scan = {}

local QUOTE, BACKSLASH, COMMA, COLON = 34, 92, 44, 58
local OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT = 91, 93, 123, 125
local DEEPEST = 200 -- levels of a value

-- Raises for what stands at a position.
local function expected(at, what) error(errors.new("DataError", "expected " .. what, { at = at }), 0) end

scan.expected = expected

--- The first position that is no space. A line's end is none: what is read is one line.
function scan.space(text, at)
  local _, last = find(text, "^[ \t\r]*", at)
  return last + 1
end
local space = scan.space

--- Passes a string.
-- @tparam string text
-- @tparam integer at the position of its opening quote
-- @treturn integer the position of its closing quote
-- @treturn boolean has it escapes?
function scan.string(text, at)
  local escaped, from = false, at + 1
  while true do
    local stop = find(text, '[%z\1-\31"\\]', from)
    local c = stop and byte(text, stop)
    if c == QUOTE then return stop, escaped end
    if c ~= BACKSLASH then expected(stop or #text + 1, "the end of a string") end
    escaped = true
    if find(text, '^["\\/bfnrt]', stop + 1) then
      from = stop + 2
    elseif find(text, "^u%x%x%x%x", stop + 1) then
      from = stop + 6
    else
      expected(stop + 1, "an escape such as \\n")
    end
  end
end
local pass_string = scan.string

local function pass_number(text, at)
  local _, last = find(text, "^%-?%d+", at)
  if not last or find(text, "^%-?0%d", at) then return nil end
  local _, fraction = find(text, "^%.%d+", last + 1)
  last = fraction or last
  local _, exponent = find(text, "^[eE][+-]?%d+", last + 1)
  return exponent or last
end

local words = { [116] = "true", [102] = "false", [110] = "null" }

local pass

local function pass_array(text, at, depth)
  at = space(text, at + 1)
  if byte(text, at) == CLOSE_ARRAY then return at end
  while true do
    local _, last = pass(text, at, depth)
    at = space(text, last + 1)
    local c = byte(text, at)
    if c == CLOSE_ARRAY then return at end
    if c ~= COMMA then expected(at, "',' or ']'") end
    at = space(text, at + 1)
  end
end

local function pass_object(text, at, depth)
  at = space(text, at + 1)
  if byte(text, at) == CLOSE_OBJECT then return at end
  while true do
    if byte(text, at) ~= QUOTE then expected(at, "a name in quotes") end
    at = space(text, pass_string(text, at) + 1)
    if byte(text, at) ~= COLON then expected(at, "':'") end
    local _, last = pass(text, space(text, at + 1), depth)
    at = space(text, last + 1)
    local c = byte(text, at)
    if c == CLOSE_OBJECT then return at end
    if c ~= COMMA then expected(at, "',' or '}'") end
    at = space(text, at + 1)
  end
end

--- Passes a value.
-- @tparam string text
-- @tparam integer at its first position
-- @tparam[opt] integer depth how many values it is in
-- @treturn string what it is: "string", "escaped" (a string with escapes),
--   "number", "true", "false", "null", "array", "object"
-- @treturn integer its last position
-- @raise DataError with `at`, the position that is wrong
function scan.value(text, at, depth)
  local c = byte(text, at)
  depth = (depth or 0) + 1
  if depth > DEEPEST then expected(at, ("no more than %d levels"):format(DEEPEST)) end
  if c == QUOTE then
    local last, escaped = pass_string(text, at)
    return escaped and "escaped" or "string", last
  elseif c == OPEN_ARRAY then
    return "array", pass_array(text, at, depth)
  elseif c == OPEN_OBJECT then
    return "object", pass_object(text, at, depth)
  end
  local word = words[c]
  if word and sub(text, at, at + #word - 1) == word then return word, at + #word - 1 end
  local last = pass_number(text, at)
  if not last then expected(at, "a value") end
  return "number", last
end
pass = scan.value

--- Passes an array whose elements are no strings, arrays or objects, such as a
-- vector, however long, without looking at each: whoever reads them does.
-- @tparam string text
-- @tparam integer at the position of its bracket
-- @tparam integer last where the line ends
-- @treturn ?integer the position of its closing bracket; nil if it is another array
function scan.flat(text, at, last)
  local stop = find(text, "]", at, true)
  if not stop or stop > last then return nil end
  local inner = find(text, "[", at + 1, true)
  if inner and inner < stop then return nil end
  inner = find(text, '"', at, true)
  if inner and inner < stop then return nil end
  inner = find(text, "{", at, true)
  if inner and inner < stop then return nil end
  return stop
end

--- Checks that a text is one value and nothing else.
-- @raise DataError
function scan.check(text)
  local _, last = scan.value(text, space(text, 1))
  last = space(text, last + 1)
  if last <= #text then expected(last, "the end") end
end

---- strings ----------------------------------------------------------------------

local plain = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }

local function utf8(code)
  local floor = math.floor
  if code < 0x80 then return char(code) end
  if code < 0x800 then return char(0xC0 + floor(code / 64), 0x80 + code % 64) end
  if code < 0x10000 then
    return char(0xE0 + floor(code / 4096), 0x80 + floor(code / 64) % 64, 0x80 + code % 64)
  end
  return char(0xF0 + floor(code / 262144), 0x80 + floor(code / 4096) % 64, 0x80 + floor(code / 64) % 64,
    0x80 + code % 64)
end

local function refuse(message, ...) error(errors.new("DataError", message:format(...)), 0) end

local function pair(high, low)
  return utf8(0x10000 + (tonumber(high, 16) - 0xD800) * 1024 + tonumber(low, 16) - 0xDC00)
end

local function single(hex)
  local code = tonumber(hex, 16)
  if code == 0 then refuse("text cannot hold \\u0000") end
  if code >= 0xD800 and code <= 0xDFFF then refuse("\\u%s is half of a character", hex) end
  return utf8(code)
end

--- What a string with escapes means.
-- @tparam string s what stands between the quotes; `scan.string` has passed it
-- @treturn string
-- @raise DataError for what no text can hold
function scan.unescape(s)
  s = gsub(s, "\\\\", "\0") -- no string has one of its own
  if find(s, "\\u", 1, true) then
    s = gsub(s, "\\u([dD][89abAB]%x%x)\\u([dD][c-fC-F]%x%x)", pair)
    s = gsub(s, "\\u(%x%x%x%x)", single)
  end
  s = gsub(s, "\\(.)", function(c) return plain[c] or c end)
  return (gsub(s, "%z", "\\"))
end

return scan
