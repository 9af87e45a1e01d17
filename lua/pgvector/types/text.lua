--- Character strings, bytes, UUID, network addresses, full text, and any type
-- that is read and written as its text.
-- @module pgvector.types.text

local errors = require "pgvector.errors"
local base = require "pgvector.types.base"
local literal = require "pgvector.types.literal"

local text = {}

local function check_string(self, value)
  if type(value) ~= "string" then self:_refuse(value) end
  if value:find("\0", 1, true) then
    base.data_error("22021", "a string must not contain a zero byte")
  end
  return value
end

-- A number is welcome where text is wanted, as everywhere in Lua.
local function literal_text(self, value)
  if type(value) == "number" then value = literal.digits(value) end
  return literal.string(self:check(value))
end

text.Text = base.define("Text", {
  ddl_name = "TEXT", kind = "text", oid = 25, family = "string", binary = true,
  check = check_string, _literal = literal_text,
  _key = function(_, value) return type(value) == "number" and literal.digits(value) or tostring(value) end,
})

-- The characters of a UTF-8 string: its bytes that do not continue one.
local function characters(s)
  local _, continuing = s:gsub("[\128-\191]", "")
  return #s - continuing
end

local function define_string(name, ddl_name, long_name, oid)
  local defined = base.define(name, { ddl_name = ddl_name, oid = oid }, text.Text)
  local C = getmetatable(defined)
  local options_known = { length = true }

  function C:_ddl()
    return self.length and ("%s(%d)"):format(ddl_name, self.length) or ddl_name
  end

  function C:_configure(length, ...)
    if select("#", ...) > 0 then errors.raise("ArgumentError", "%s takes one argument: its length", name) end
    if type(length) == "table" then length = errors.check_options(length, options_known, name).length end
    if length == nil then return self end
    return self:_with{ length = base.expect_count(length, "the length of " .. name, 1) }
  end

  function C:check(value)
    check_string(self, value)
    if self.length and characters(value) > self.length then
      base.data_error("22001", "value too long for type %s(%d)", long_name, self.length)
    end
    return value
  end

  return defined
end

--- VARCHAR; without a length it has no limit.
text.String = define_string("String", "VARCHAR", "character varying", 1043)
--- CHAR(n), padded with blanks by the server.
text.CHAR = define_string("CHAR", "CHAR", "character", 1042)
getmetatable(text.CHAR)._key = function(_, value) return (text.Text:_key(value):gsub(" +$", "")) end

--- Text that compares without regard to case (extension citext). The server
-- knows more letters than Lua, which folds those of ASCII: hence `loose`.
text.CITEXT = base.define("CITEXT", {
  ddl_name = "CITEXT", type_name = "citext", loose = true,
  _key = function(_, value) return (text.Text:_key(value):gsub("[A-Z]", string.lower)) end,
}, text.Text)
getmetatable(text.CITEXT).oid = nil

text.LargeBinary = base.define("LargeBinary", {
  ddl_name = "BYTEA", kind = "bytea", oid = 17, binary = true,
})
local LargeBinary = getmetatable(text.LargeBinary)

function LargeBinary:check(value)
  if type(value) ~= "string" then self:_refuse(value) end
  return value
end

function LargeBinary:_literal(value) return literal.bytes(self:check(value)) end

text.UUID = base.define("UUID", { ddl_name = "UUID", kind = "uuid", oid = 2950, binary = true })
local UUID = getmetatable(text.UUID)

-- Lower case with hyphens, whatever of the server's spellings was given, so
-- that equal UUIDs are equal strings.
local function canonical(value)
  if type(value) == "string" then
    local hex = value:lower():gsub("^{(.*)}$", "%1"):gsub("%-", "")
    if #hex == 32 and not hex:find("%X") then
      return ("%s-%s-%s-%s-%s"):format(hex:sub(1, 8), hex:sub(9, 12), hex:sub(13, 16), hex:sub(17, 20), hex:sub(21))
    end
  end
  base.data_error("22P02", "invalid input syntax for type uuid: %s", base.describe(value))
end

function UUID:check(value) return canonical(value) end
function UUID:_literal(value) return literal.string(canonical(value)) end

-- Types that the server reads from text and whose binary form nobody needs.
local function define_textual(name, oid, family, kind)
  return base.define(name, {
    ddl_name = name, kind = kind or "text", bind_kind = "unknown", oid = oid, family = family,
    check = check_string, _literal = literal_text,
  })
end

text.TSVECTOR = define_textual("TSVECTOR", 3614, "tsvector")
text.TSQUERY = define_textual("TSQUERY", 3615, "tsquery")
text.REGCONFIG = define_textual("REGCONFIG", 3734, "other")
text.INET = define_textual("INET", 869, "other", "inet")
text.CIDR = define_textual("CIDR", 650, "other", "cidr")
text.MACADDR = define_textual("MACADDR", 829, "other", "macaddr")

--- Any other type, by its SQL: strings in, strings out.
--
--     pg.Type("geometry(Point,4326)")
--
-- The text is written into DDL and casts as it stands, so it must not come from
-- a user; what cannot be a type's name is refused.
text.Type = base.define("Type", {
  ddl_name = "?", kind = "text", bind_kind = "unknown", _literal = literal_text,
  incomplete = 'pg.Type("geometry(Point,4326)")',
})
local Other = getmetatable(text.Type)

local quoted_part = '"[^"]+"'

function Other:_configure(sql, ...)
  if type(sql) ~= "string" or select("#", ...) > 0 then
    errors.raise("ArgumentError", "pg.Type takes one string, such as pg.Type(\"geometry(Point,4326)\")")
  end
  local bare = sql:gsub(quoted_part, "q")
  if not bare:find("^[%a_][%w_$. ]*%(?[%w_, -]*%)?[%w_ ]*[%[%]%d]*$") or bare:find("--", 1, true) then
    errors.raise("ArgumentError", "pg.Type: %s is not the name of a type", base.describe(sql))
  end
  return self:_with{ ddl_name = sql, incomplete = false }
end

function Other:_ddl() return self.ddl_name end

return text
