--- Fields of records → values for COPY, by the type of the column.
--
-- Numbers and vectors stay the text that they are: the core reads them, and no
-- digit is lost on the way.
-- @module pgvector.cli.ingest.values

local core = require "pgvector.core"
local errors = require "pgvector.errors"
local json = require "pgvector.types.json"
local scan = require "pgvector.cli.ingest.json_scan"

local find, gsub, lower, match, sub = string.find, string.gsub, string.lower, string.match, string.sub

local values = {}

local function refuse(message, ...) error(errors.new("DataError", message:format(...)), 0) end

---- texts ------------------------------------------------------------------------

local escapes = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", v = "\v" }

-- How the text of a field is made, by its kind.
local decoders = {
  text = function(s) return s end,
  string = function(s) return s end,
  number = function(s) return s end,
  escaped = scan.unescape,
  doubled = function(s) return (gsub(s, '""', '"')) end,
  backslashed = function(s)
    return (gsub(s, "\\(.)", function(c) return escapes[c] or c end))
  end,
}

local names = { ["true"] = "true", ["false"] = "false", array = "an array", object = "an object", number = "a number" }

local function expected(what, kind) refuse("expected %s, got %s", what, names[kind] or "text") end

--- The text of a field that is one, or a number.
-- @tparam table record see pgvector.cli.ingest.jsonl
-- @tparam integer i the field
-- @tparam string what is expected, for the message
-- @treturn ?string nil for NULL
-- @raise DataError for anything else
function values.text(record, i, what)
  local kind = record.kinds[i]
  if kind == "null" then return nil end
  local decode = decoders[kind]
  if not decode then expected(what or "text", kind) end
  return decode(sub(record.text, record.from[i], record.to[i]))
end
local text_of = values.text

-- The text of a JSON value as it stands there.
local function raw(record, i) return sub(record.text, record.from[i], record.to[i]) end

local function trimmed(s)
  if find(s, "^%s") or find(s, "%s$") then return match(s, "^%s*(.-)%s*$") end
  return s
end

---- by type ----------------------------------------------------------------------

local function to_number(what)
  return function(record, i)
    local s = text_of(record, i, what)
    return s and trimmed(s)
  end
end

-- JSON has one kind of numbers: 1.0 and 1e3 are whole ones, too.
local function to_integer(record, i)
  local s = text_of(record, i, "an integer")
  if not s then return nil end
  s = trimmed(s)
  return find(s, "^[-+]?%d+[.eE]") and tonumber(s) or s
end

local booleans = {
  ["true"] = true, t = true, yes = true, y = true, on = true, ["1"] = true,
  ["false"] = false, f = false, no = false, n = false, off = false, ["0"] = false,
}

local function to_boolean(record, i)
  local kind = record.kinds[i]
  if kind == "true" or kind == "false" then return kind == "true" end
  local s = text_of(record, i, "a boolean")
  if not s then return nil end
  local value = booleans[lower(trimmed(s))]
  if value == nil then refuse("expected a boolean, got '%s'", sub(s, 1, 40)) end
  return value
end

-- A JSON array of numbers is the text of a vector.
local function to_vector(record, i)
  if record.kinds[i] == "array" then return raw(record, i) end
  if record.kinds[i] == "number" then expected("a vector", "number") end
  return text_of(record, i, "a vector")
end

-- The text of a sparse vector is no JSON array.
local function to_sparse(record, i)
  if record.kinds[i] == "array" then return json.decode(raw(record, i)) end
  return to_vector(record, i)
end

local bits = { [0] = false, [1] = true }

local function to_bits(record, i)
  if record.kinds[i] ~= "array" then
    if record.kinds[i] == "number" then expected("bits", "number") end
    return text_of(record, i, "bits")
  end
  local list = json.decode(raw(record, i))
  for k, bit in ipairs(list) do
    if bits[bit] ~= nil then list[k] = bits[bit] end
  end
  return list
end

local function check_json(text)
  local ok, err = pcall(scan.check, text)
  if ok then return text end
  if errors.is_error(err) and err.at then
    refuse("invalid JSON at character %d: %s", err.at, err.message)
  end
  error(err, 0)
end

local is_text = { text = true, doubled = true, backslashed = true }

local function to_json(record, i)
  local kind = record.kinds[i]
  if kind == "null" then return nil end
  if is_text[kind] then
    local s = text_of(record, i)
    check_json((gsub(s, "[\r\n]", " ")))
    return s
  end
  if kind == "string" or kind == "escaped" then return sub(record.text, record.from[i] - 1, record.to[i] + 1) end
  local s = raw(record, i)
  return kind == "array" and check_json(s) or s
end

local function to_bytes(record, i)
  local s = text_of(record, i, "bytes")
  local hex = s and match(s, "^\\x(.*)$")
  if not hex then return s end
  if #hex % 2 == 1 or find(hex, "%X") then refuse("expected pairs of hexadecimal digits behind \\x") end
  return (gsub(hex, "%x%x", function(pair) return string.char(tonumber(pair, 16)) end))
end

-- Seconds since 1970 are numbers, everything else is text.
local function to_time(record, i)
  if record.kinds[i] == "number" then return tonumber(raw(record, i)) end
  return text_of(record, i, "a date or time")
end

-- What only the server knows: JSON values as they stand there.
local function to_unknown(record, i)
  local kind = record.kinds[i]
  if decoders[kind] or kind == "null" then return text_of(record, i) end
  return raw(record, i)
end

---- arrays -----------------------------------------------------------------------

local parse_array

-- An element of an array's text, from position `at`: its value, and where it ends.
local function parse_element(s, at)
  if sub(s, at, at) == "{" then return parse_array(s, at) end
  if sub(s, at, at) == '"' then
    local from = at + 1
    repeat
      local stop = find(s, '["\\]', from)
      if not stop then refuse("a quote in the array is not closed") end
      from = stop + 2
    until sub(s, stop, stop) == '"'
    return (gsub(sub(s, at + 1, from - 3), "\\(.)", "%1")), from - 2
  end
  local word = match(s, '^[^,{}"]+', at)
  if not word then refuse("expected an element at character %d of the array", at) end
  local element = trimmed(word)
  return lower(element) == "null" and core.null or element, at + #word - 1
end

function parse_array(s, at)
  local list = {}
  at = match(s, "^%s*()", at + 1)
  if sub(s, at, at) == "}" then return list, at end
  while true do
    local last
    list[#list + 1], last = parse_element(s, at)
    at = match(s, "^%s*()", last + 1)
    local c = sub(s, at, at)
    if c == "}" then return list, at end
    if c ~= "," then refuse("expected ',' or '}' at character %d of the array", at) end
    at = match(s, "^%s*()", at + 1)
  end
end

-- A JSON array, or an array as PostgreSQL writes it.
local function to_array(record, i)
  if record.kinds[i] == "array" then return json.decode(raw(record, i)) end
  local s = text_of(record, i, "an array")
  if not s then return nil end
  s = trimmed(s)
  if find(s, "^%[") then return json.decode(s) end
  if not find(s, "^{") then refuse("expected an array, got '%s'", sub(s, 1, 40)) end
  local list, last = parse_array(s, 1)
  if last ~= #s then refuse("expected the end at character %d of the array", last + 1) end
  return list
end

---- choice -----------------------------------------------------------------------

local by_kind = {
  int2 = to_integer, int4 = to_integer, int8 = to_integer, oid = to_integer,
  float4 = to_number "a number", float8 = to_number "a number", numeric = to_number "a number",
  bool = to_boolean, bytea = to_bytes, json = to_json, jsonb = to_json,
  vector = to_vector, halfvec = to_vector, sparsevec = to_sparse, bit = to_bits, varbit = to_bits,
  date = to_time, time = to_time, timetz = to_time, timestamp = to_time, timestamptz = to_time, interval = to_time,
}

--- How fields become values of a column.
-- @tparam Type type
-- @treturn function `convert(record, i)`: the value, nil for NULL; raises a DataError
function values.converter(type)
  if type.family == "array" then return to_array end
  if type.bind_kind == "unknown" then return to_unknown end
  return by_kind[type.kind] or text_of
end

return values
