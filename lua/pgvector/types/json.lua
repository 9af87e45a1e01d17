--- JSON text ↔ Lua values (`pg.json`).
--
-- The work is done by dkjson or lua-cjson, whichever is installed, or by the
-- codec given to `use`. dkjson comes first because it tells arrays from objects
-- and keeps integers apart from floats; lua-cjson is faster and does neither.
-- What both get wrong is mended here: no number changes on its way.
-- @module pgvector.types.json

local class = require "pgvector.class"
local errors = require "pgvector.errors"
local compat = require "pgvector.compat"
local literal = require "pgvector.types.literal"
local core = require "pgvector.core"

local json = {}

local null = core.null
local array_mt = { __jsontype = "array", __name = "json.array" }
local object_mt = { __jsontype = "object", __name = "json.object" }

--- The JSON literal `null` as a whole document; `pg.null` there is SQL NULL.
json.null = setmetatable({}, { __tostring = function() return "json.null" end, __jsontype = "null" })

--- Marks a table as a JSON array: `pg.json.array{}` is written `[]`.
-- @tparam[opt] table t a sequence
-- @treturn table t
function json.array(t) return setmetatable(t or {}, array_mt) end

--- Marks a table as a JSON object: an empty one is written `{}`.
-- @tparam[opt] table t
-- @treturn table t
function json.object(t) return setmetatable(t or {}, object_mt) end

local function refuse(message, ...)
  error(errors.new("DataError", message:format(...), { sqlstate = "22P02" }), 0)
end

-- Numbers ------------------------------------------------------------------

-- Both libraries write 14 digits. Which numbers do not survive that?
local function survives(x)
  return compat.math_type(x) == "integer" and x > -1e14 and x < 1e14 or tonumber(("%.14g"):format(x)) == x
end

local function check_finite(x)
  if x - x ~= 0 then refuse("%s cannot be written as JSON", literal.digits(x)) end
end

-- The numbers of a text that this Lua cannot hold exactly become strings, so
-- that no digit is lost. Only texts with long runs of digits come here.
local LONG_RUN = ("%d"):rep(16)

local function exact(digits)
  local n = tonumber(digits)
  return compat.math_type(n) == "integer" and ("%d"):format(n) == digits
end

local function protect(text)
  local parts, position = {}, 1
  while true do
    local from, to, digits = text:find("(%-?%d+)", position)
    local quote = text:find('"', position, true)
    if quote and (not from or quote < from) then
      local closing = quote
      repeat
        closing = text:find('[\\"]', closing + 1)
        local escape = closing and text:byte(closing) == 92
        if escape then closing = closing + 1 end
      until not closing or not escape
      closing = closing or #text
      parts[#parts + 1] = text:sub(position, closing)
      position = closing + 1
    elseif from then
      -- a fraction or an exponent makes it a float, which may lose digits
      local whole = not text:find("^[.eE%d]", to + 1) and not text:find("^[.+eE]", from - 1)
      parts[#parts + 1] = text:sub(position, from - 1)
      parts[#parts + 1] = whole and #digits >= 16 and not exact(digits) and '"' .. digits .. '"' or digits
      position = to + 1
    else
      parts[#parts + 1] = text:sub(position)
      return table.concat(parts)
    end
  end
end

-- Is a table with a number `n` an object, and not what table.pack made?
local function is_object(value)
  local mt = getmetatable(value)
  return mt == object_mt or mt ~= array_mt and value[1] == nil
end

-- Walks a document before it is written: a number that has no JSON form raises,
-- and so does a table whose metatable says why, in `__no_json`. `replace(x)` is
-- asked for a stand-in for a number that would lose digits, and a plain empty
-- table is an object. Tables are copied only where something was replaced.
-- `member(x)`, if there is one, stands for the number `n` of an object.
local function prepare(value, replace, seen, member)
  if type(value) == "number" then
    check_finite(value)
    if survives(value) then return value end
    return replace(value)
  end
  if type(value) ~= "table" or rawequal(value, json.null) then return value end
  local mt = getmetatable(value)
  if mt == nil and next(value) == nil then return json.object() end
  if type(mt) == "table" and rawget(mt, "__no_json") then refuse("%s", rawget(mt, "__no_json")) end
  -- an expression or a type would be written as what it is made of
  if type(mt) == "table" and rawget(mt, "__ancestors") then
    refuse("a %s cannot be written as JSON", class.describe(value))
  end
  if seen[value] then refuse("a table that contains itself cannot be written as JSON") end
  seen[value] = true
  local copy
  for key, element in pairs(value) do
    local prepared = prepare(element, replace, seen, member)
    if key == "n" and member and type(prepared) == "number" and is_object(value) then prepared = member(prepared) end
    if not rawequal(prepared, element) then
      if not copy then
        copy = {}
        for k, v in pairs(value) do copy[k] = v end
        setmetatable(copy, getmetatable(value))
      end
      copy[key] = prepared
    end
  end
  seen[value] = nil
  return copy or value
end

-- Every key of a document, in order.
local function sorted_keys(document)
  local keys, seen = {}, {}
  local function collect(value)
    for key, element in pairs(value) do
      if type(key) == "string" and not seen[key] then
        seen[key], keys[#keys + 1] = true, key
      end
      if type(element) == "table" then collect(element) end
    end
  end
  if type(document) == "table" then collect(document) end
  table.sort(keys)
  return keys
end

-- Adapters -----------------------------------------------------------------

local adapters = {}

function adapters.dkjson(codec)
  local number_mt = { __tojson = function(self) return self.text end }

  local function digits(x) return setmetatable({ text = literal.digits(x) }, number_mt) end

  local function replace(x)
    -- dkjson writes integers of Lua 5.3 and later with all their digits
    if math.type and math.type(x) == "integer" then return x end -- luacheck: ignore 143
    return digits(x)
  end

  local state = {
    exception = function(reason, value)
      if value == null or value == json.null then return "null" end
      refuse("cannot be written as JSON: %s (%s)", reason, type(value))
    end,
  }

  return {
    encode = function(value, sorted)
      -- dkjson takes a table whose only name is `n` for an array of that length
      local text = codec.encode(prepare(value, replace, {}, digits),
        { exception = state.exception, keyorder = sorted and sorted_keys(value) })
      return text
    end,
    decode = function(text)
      local value, position, message = codec.decode(text, 1, null, object_mt, array_mt)
      if message then refuse("invalid JSON: %s", message) end
      if text:find("%S", position) then refuse("invalid JSON: text after the end of the document") end
      return value
    end,
  }
end

-- lua-cjson reads every number as a float; whole ones become integers again.
local function restore_integers(value)
  if type(value) == "number" then
    return compat.is_integral(value) and math.tointeger(value) or value -- luacheck: ignore 143
  end
  if type(value) == "table" then
    for key, element in pairs(value) do
      if type(element) == "number" or type(element) == "table" then value[key] = restore_integers(element) end
    end
  end
  return value
end

function adapters.cjson(codec)
  local instance = codec.new()
  local function replace(x)
    refuse("lua-cjson writes 14 digits and would change %s: install dkjson", literal.digits(x))
  end
  -- OpenResty's version can mark arrays, so that [] stays []
  local marks = instance.decode_array_with_array_mt ~= nil
  if marks then
    instance.decode_array_with_array_mt(true)
    getmetatable(json.array()).__index = nil
  end

  local function mark(value)
    if value == json.null then return null end
    if type(value) ~= "table" then return value end
    if getmetatable(value) == array_mt and next(value) == nil then
      if not marks then refuse("this lua-cjson cannot write an empty array: install dkjson") end
      return setmetatable({}, instance.array_mt)
    end
    local copy = setmetatable({}, getmetatable(value))
    for key, element in pairs(value) do copy[key] = mark(element) end
    return copy
  end

  return {
    encode = function(value)
      local ok, text = pcall(instance.encode, mark(prepare(value, replace, {})))
      if not ok then refuse("cannot be written as JSON: %s", tostring(text)) end
      return text
    end,
    decode = function(text)
      local ok, value = pcall(instance.decode, text)
      if not ok then refuse("invalid JSON: %s", tostring(value)) end
      return math.tointeger and restore_integers(value) or value -- luacheck: ignore 143
    end,
  }
end

-- Choice -------------------------------------------------------------------

local codec

local function adapt(chosen)
  if chosen.use_lpeg and chosen.quotestring then return adapters.dkjson(chosen) end
  if chosen._NAME == "cjson" then return adapters.cjson(chosen) end
  return chosen
end

local function default()
  for _, name in ipairs{ "dkjson", "cjson" } do
    local ok, library = pcall(require, name)
    if ok then return adapt(library) end
  end
  errors.raise("InvalidRequestError", "JSON columns need dkjson or lua-cjson "
    .. "(luarocks install dkjson), or a codec given to pg.json.use")
end

--- Chooses the codec.
-- @tparam ?table chosen a table with `encode(value)` and `decode(text)` — the
--   modules `dkjson` and `cjson` are such tables — or nil for the default.
--   JSON null must be `pg.null` (as it is `cjson.null`) for it.
function json.use(chosen)
  if chosen ~= nil and not (type(chosen) == "table" and chosen.encode and chosen.decode) then
    errors.raise("ArgumentError", "pg.json.use: expected a table with encode and decode functions")
  end
  codec = chosen and adapt(chosen)
end

--- Writes a value as JSON text.
-- @param value
-- @tparam[opt] boolean sorted keys in the order of the alphabet (with dkjson)
-- @treturn string
function json.encode(value, sorted)
  if not codec then codec = default() end
  if rawequal(value, json.null) then return "null" end
  return codec.encode(value, sorted)
end

--- Reads JSON text; null is `pg.null`, whole numbers are integers, and a
-- number with more digits than Lua can keep is a string of them.
-- @tparam string text
-- @return the value
function json.decode(text)
  if not codec then codec = default() end
  if text:find(LONG_RUN) then text = protect(text) end
  return codec.decode(text)
end

return json
