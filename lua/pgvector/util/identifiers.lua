--- Names in SQL text: when to quote them, how, and how long they may be.
-- @module pgvector.util.identifiers

local errors = require "pgvector.errors"
local keywords = require "pgvector.util.keywords"

local identifiers = {}

--- The longest name, in bytes, that the server keeps (NAMEDATALEN - 1).
identifiers.MAX_LENGTH = 63

local MAX_LENGTH = identifiers.MAX_LENGTH

-- name → what to write. Emptied when it has grown past MEMO_LIMIT, so names made
-- from user data cannot fill the memory.
local MEMO_LIMIT = 10000
local memo, memo_size = {}, 0

local function check(name)
  if type(name) ~= "string" then
    errors.raise("ArgumentError", "a name must be a string, not %s", type(name))
  end
  if name == "" then errors.raise("ArgumentError", "a name must not be empty") end
  if name:find("\0", 1, true) then
    errors.raise("ArgumentError", "a name must not contain a zero byte")
  end
  if #name > MAX_LENGTH then
    errors.raise("ArgumentError", "the name '%s' is longer than %d bytes", name, MAX_LENGTH)
  end
end

-- Anything but lower-case letters, digits, `_` and `$`, a digit or `$` in
-- front, and every reserved word needs quotes.
local function needs_quotes(name)
  return keywords[name] or not name:find("^[a-z_][a-z0-9_$]*$")
end

--- A name as it is written in SQL.
-- @tparam string name
-- @treturn string
function identifiers.quote(name)
  local text = memo[name]
  if text then return text end
  check(name)
  text = needs_quotes(name) and '"' .. name:gsub('"', '""') .. '"' or name
  if memo_size >= MEMO_LIMIT then memo, memo_size = {}, 0 end
  memo[name], memo_size = text, memo_size + 1
  return text
end

local quote = identifiers.quote

--- A name with its schema, each part quoted on its own.
-- @tparam ?string schema
-- @tparam string name
-- @treturn string
function identifiers.qualified(schema, name)
  if schema then return quote(schema) .. "." .. quote(name) end
  return quote(name)
end

-- A 32-bit hash in arithmetic that a double holds exactly.
local function hash(text)
  local h = 5381
  for i = 1, #text do h = (h * 33 + text:byte(i)) % 4294967296 end
  return h
end

--- Makes a generated name fit: a longer one is cut at a whole UTF-8 character
-- and ends in a hash of the whole.
-- @tparam string name
-- @treturn string
function identifiers.truncate(name)
  if #name <= MAX_LENGTH then return name end
  local keep = MAX_LENGTH - 9
  while keep > 0 and name:find("^[\128-\191]", keep + 1) do keep = keep - 1 end
  return ("%s_%08x"):format(name:sub(1, keep), hash(name))
end

--- Checks a name that goes into SQL as it is, because it may have a schema:
-- letters, digits and underscores, or anything in quotes, with one dot at most.
-- @tparam string name
-- @tparam string where what the message calls the place
-- @tparam string what it should be the name of: "an operator class"
-- @treturn string name
function identifiers.check_plain(name, where, what)
  local bare = type(name) == "string" and name:gsub('"[^"]+"', "q")
  if not bare or not (bare:find("^[%a_][%w_]*$") or bare:find("^[%a_][%w_]*%.[%a_][%w_]*$")) then
    errors.raise("ArgumentError", "%s: '%s' is not %s", where, tostring(name), what)
  end
  return name
end

--- A name in which dots separate schema and table, each part quoted where it
-- needs it.
-- @tparam string name
-- @treturn string
function identifiers.dotted(name)
  local parts = {}
  for part in (name .. "."):gmatch("([^.]*)%.") do parts[#parts + 1] = identifiers.quote(part) end
  return table.concat(parts, ".")
end

return identifiers
