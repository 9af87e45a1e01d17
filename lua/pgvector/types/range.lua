--- Ranges and multiranges.
--
-- In and out a range is `{ lower =, upper =, bounds = "[)" }`; a bound that is
-- not there has no limit, and a range of nothing is `{ empty = true }`. A
-- multirange is a sequence of ranges. Both may also be given as text.
-- @module pgvector.types.range

local errors = require "pgvector.errors"
local compat = require "pgvector.compat"
local base = require "pgvector.types.base"
local datetime = require "pgvector.types.datetime"
local literal = require "pgvector.types.literal"
local numeric = require "pgvector.types.numeric"
local core = require "pgvector.core"

local range = {}

-- To text ----------------------------------------------------------------------

-- A bound, quoted where the syntax of ranges needs it.
local function bound_text(subtype, value)
  if value == nil or value == core.null then return "" end
  local text = subtype:literal(value)
  text = text:match("^'(.*)'$") or text
  text = text:gsub("''", "'")
  if text == "" or text:find('[][(),"\\%s]') then text = '"' .. text:gsub('["\\]', "\\%0") .. '"' end
  return text
end

local fields = { lower = true, upper = true, bounds = true, empty = true }
local bounds_known = { ["[)"] = true, ["[]"] = true, ["(]"] = true, ["()"] = true }

local function range_text(type_, value)
  if type(value) ~= "table" or core.value_type(value) then type_:_refuse(value) end
  errors.check_options(value, fields, "a range")
  if value.empty then return "empty" end
  local bounds = value.bounds == nil and "[)" or value.bounds
  if not bounds_known[bounds] then
    base.data_error("22P02", "the bounds of a range are '[)', '[]', '(]' or '()', not %s", base.describe(bounds))
  end
  return ("%s%s,%s%s"):format(bounds:sub(1, 1), bound_text(type_.subtype, value.lower),
    bound_text(type_.subtype, value.upper), bounds:sub(2))
end

local function multirange_text(type_, value)
  if type(value) ~= "table" then type_:_refuse(value) end
  local parts = {}
  for i, each in ipairs(value) do
    parts[i] = type(each) == "string" and each or range_text(type_, each)
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

-- From text --------------------------------------------------------------------

-- A number as Lua holds it exactly, otherwise its digits.
local function exact(text)
  local n = tonumber(text)
  if not text:find("%.") then
    return compat.math_type(n) == "integer" and ("%d"):format(n) == text and n or text
  end
  return #text:gsub("[-.]", ""):gsub("^0+", "") <= 15 and n or text
end

-- One bound from `position` on; returns it and the position after it.
local function read_bound(text, position, convert)
  local c = text:sub(position, position)
  if c ~= '"' then
    local word = text:match("^[^],)]*", position)
    return word ~= "" and convert(word) or nil, position + #word
  end
  local parts, at = {}, position + 1
  while true do
    local found = text:find('["\\]', at)
    parts[#parts + 1] = text:sub(at, found - 1)
    local mark, following = text:sub(found, found), text:sub(found + 1, found + 1)
    if mark == '"' and following ~= '"' then return convert(table.concat(parts)), found + 1 end
    parts[#parts + 1] = following
    at = found + 2
  end
end

local function read_range(text, position, convert)
  if text:sub(position, position + 4) == "empty" then return { empty = true }, position + 5 end
  local value, first = {}, text:sub(position, position)
  value.lower, position = read_bound(text, position + 1, convert)
  value.upper, position = read_bound(text, position + 1, convert)
  value.bounds = first .. text:sub(position, position)
  return value, position + 1
end

local function read_multirange(text, convert)
  local list, position = {}, 2
  while text:sub(position, position) ~= "}" do
    list[#list + 1], position = read_range(text, position, convert)
    if text:sub(position, position) == "," then position = position + 1 end
  end
  return list
end

-- The types --------------------------------------------------------------------

local function as_is(text) return text end

local function define(name, oid, subtype, multi)
  local to_text = multi and multirange_text or range_text
  local convert = subtype.family == "datetime" and as_is or exact
  local function text_of(self, value)
    if type(value) == "string" then return value end
    return to_text(self, value)
  end
  return base.define(name, {
    ddl_name = name, kind = "text", bind_kind = "unknown", oid = oid, family = "range", subtype = subtype,
    _bind_convert = function(self) return function(value) return text_of(self, value) end end,
    _result_convert = function()
      if multi then return function(text) return read_multirange(text, convert) end end
      return function(text) return (read_range(text, 1, convert)) end
    end,
    _literal = function(_, text) return literal.string(text) end,
    check = function(self, value)
      text_of(self, value)
      return value
    end,
  })
end

-- What `range:contains(x)` is given: an element or another range?
local function operand(self, value)
  if type(value) == "string" and value:find("^%s*[%[(e{]") or type(value) == "table" then return self end
  return self.subtype
end

for _, row in ipairs{
  { "INT4", 3904, 4451, numeric.Integer }, { "INT8", 3926, 4536, numeric.BigInteger },
  { "NUM", 3906, 4532, numeric.Numeric }, { "DATE", 3912, 4535, datetime.Date },
  { "TS", 3908, 4533, datetime.DateTime }, { "TSTZ", 3910, 4534, datetime.DateTime{ timezone = true } },
} do
  local name, oid, multirange_oid, subtype = row[1], row[2], row[3], row[4]
  for suffix, made in pairs{
    RANGE = define(name .. "RANGE", oid, subtype, false),
    MULTIRANGE = define(name .. "MULTIRANGE", multirange_oid, subtype, true),
  } do
    getmetatable(made)._contained_type = operand
    range[name .. suffix] = made
  end
end

return range
