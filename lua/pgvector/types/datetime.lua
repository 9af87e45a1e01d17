--- DATE, TIME, TIMESTAMP and INTERVAL.
--
-- Out: ISO 8601 text as the server prints it, or a number of seconds with
-- `as = "epoch"`. In: text, seconds since 1970 in UTC, or a table as
-- `os.date("!*t")` gives it.
-- @module pgvector.types.datetime

local errors = require "pgvector.errors"
local base = require "pgvector.types.base"
local core = require "pgvector.core"
local literal = require "pgvector.types.literal"

local datetime = {}

-- A value as text, such as the core sends it; one that the type cannot hold raises.
local function text_of(self, value) return core.encode(self.kind, value, 0) end

-- The type read as text (the default), or as seconds.
local function read_as(self, as)
  if as == "string" then return self:_with{ result_kind = self.kind } end
  if as == "epoch" then return self:_with{ result_kind = self.kind .. ":epoch" } end
  errors.raise("ArgumentError", "%s: as = %s, expected 'string' or 'epoch'", self.public_name, base.describe(as))
end

local function define(name, fields)
  fields.family = fields.family or "datetime"
  fields.binary = true
  function fields:check(value)
    text_of(self, value)
    return value
  end
  -- its bytes: text may say the same in many ways
  function fields:_key(value)
    local ok, bytes = pcall(core.encode, self.kind, value, 1)
    return ok and bytes or text_of(self, value) -- what only the server can read
  end
  function fields:_literal(value) return literal.string(text_of(self, value)) end
  return base.define(name, fields)
end

datetime.Interval = define("Interval", {
  ddl_name = "INTERVAL", kind = "interval", oid = 1186, family = "interval",
})

-- with its type, because `now() - '1 day'` would read a timestamp
getmetatable(datetime.Interval)._literal = function(self, value)
  return "INTERVAL " .. literal.string(text_of(self, value))
end

datetime.DateTime = define("DateTime", {
  ddl_name = "TIMESTAMP WITHOUT TIME ZONE", kind = "timestamp", oid = 1114, timezone = false, _read_as = read_as,
})
local DateTime = getmetatable(datetime.DateTime)
local datetime_options = { timezone = true, as = true }

function DateTime:_configure(options, ...)
  if select("#", ...) > 0 or options ~= nil and type(options) ~= "table" then
    errors.raise("ArgumentError", "DateTime takes a table of options: DateTime{ timezone = true }")
  end
  if options == nil then return self end
  errors.check_options(options, datetime_options, "DateTime")
  local made = self
  if options.timezone then
    made = self:_with{ timezone = true, ddl_name = "TIMESTAMP WITH TIME ZONE", kind = "timestamptz", oid = 1184 }
  end
  return options.as == nil and made or made:_read_as(options.as)
end

datetime.Date = define("Date", { ddl_name = "DATE", kind = "date", oid = 1082, _read_as = read_as })
local Date = getmetatable(datetime.Date)

function Date:_configure(options, ...)
  if select("#", ...) > 0 or options ~= nil and type(options) ~= "table" then
    errors.raise("ArgumentError", "Date takes a table of options: Date{ as = \"epoch\" }")
  end
  if options == nil then return self end
  errors.check_options(options, { as = true }, "Date")
  return options.as == nil and self or self:_read_as(options.as)
end

datetime.Time = define("Time", { ddl_name = "TIME WITHOUT TIME ZONE", kind = "time", oid = 1083 })
local Time = getmetatable(datetime.Time)

function Time:_configure(options, ...)
  if select("#", ...) > 0 or options ~= nil and type(options) ~= "table" then
    errors.raise("ArgumentError", "Time takes a table of options: Time{ timezone = true }")
  end
  if options == nil then return self end
  errors.check_options(options, { timezone = true }, "Time")
  if not options.timezone then return self end
  return self:_with{ timezone = true, ddl_name = "TIME WITH TIME ZONE", kind = "timetz", oid = 1266 }
end

return datetime
