--- HSTORE (extension hstore): a table of strings by strings; `pg.null` is NULL.
-- @module pgvector.types.hstore

local base = require "pgvector.types.base"
local literal = require "pgvector.types.literal"
local core = require "pgvector.core"

local function quoted(s) return '"' .. s:gsub('["\\]', "\\%0") .. '"' end

local function to_text(self, value)
  if type(value) ~= "table" then self:_refuse(value) end
  local pairs_ = {}
  for key, each in pairs(value) do
    if type(key) ~= "string" then
      base.data_error("22P02", "a key of an hstore must be a string, not %s", base.describe(key))
    end
    if type(each) == "number" then each = literal.digits(each) end
    if each ~= core.null and type(each) ~= "string" then
      base.data_error("22P02", "the value of '%s' in an hstore must be a string, not %s", key, base.describe(each))
    end
    pairs_[#pairs_ + 1] = quoted(key) .. "=>" .. (each == core.null and "NULL" or quoted(each))
  end
  table.sort(pairs_) -- equal tables are equal texts
  return table.concat(pairs_, ", ")
end

-- The text inside quotes that open at `position`, and the position after them.
local function read_quoted(text, position)
  local parts, at = {}, position + 1
  while true do
    local found = text:find('["\\]', at)
    parts[#parts + 1] = text:sub(at, found - 1)
    if text:sub(found, found) == '"' then return table.concat(parts), found + 1 end
    parts[#parts + 1] = text:sub(found + 1, found + 1)
    at = found + 2
  end
end

-- The server writes `"key"=>"value", "other"=>NULL`.
local function from_text(text)
  local value, position = {}, 1
  while position <= #text do
    local key
    key, position = read_quoted(text, position)
    position = position + 2
    if text:sub(position, position) == '"' then
      value[key], position = read_quoted(text, position)
    else
      value[key], position = core.null, position + 4
    end
    position = position + 2
  end
  return value
end

local HSTORE = base.define("HSTORE", {
  ddl_name = "HSTORE", type_name = "hstore", kind = "text", bind_kind = "unknown", family = "hstore",
  _result_convert = function() return from_text end,
  _literal = function(_, text) return literal.string(text) end,
})
local class = getmetatable(HSTORE)

function class:_bind_convert()
  return function(value)
    if type(value) == "string" then return value end
    return to_text(self, value)
  end
end

function class:check(value)
  if type(value) ~= "string" then to_text(self, value) end
  return value
end

return { HSTORE = HSTORE }
