--- DATE, TIME, TIMESTAMP and INTERVAL.
--
-- Out: ISO 8601 text as the server prints it, or a number of seconds with
-- `as = "epoch"`. In: text, seconds since 1970 in UTC, or a table as
-- `os.date("!*t")` gives it. The core encodes them; here they become text for
-- constants in SQL.
-- @module pgvector.types.datetime

local errors = require "pgvector.errors"
local base = require "pgvector.types.base"
local literal = require "pgvector.types.literal"

local datetime = {}

-- Days since 1970-01-01 of a proleptic Gregorian date, and back. The year is
-- counted from March, so that a leap day ends it.
local function days_from_civil(year, month, day)
  if month <= 2 then year, month = year - 1, month + 12 end
  local era = math.floor(year / 400)
  local year_of_era = year - era * 400
  local day_of_year = math.floor((153 * (month - 3) + 2) / 5) + day - 1
  return era * 146097 + year_of_era * 365 + math.floor(year_of_era / 4) - math.floor(year_of_era / 100)
    + day_of_year - 719468
end

local function civil_from_days(days)
  days = days + 719468
  local era = math.floor(days / 146097)
  local day_of_era = days - era * 146097
  local year_of_era = math.floor((day_of_era - math.floor(day_of_era / 1460) + math.floor(day_of_era / 36524)
    - math.floor(day_of_era / 146096)) / 365)
  local day_of_year = day_of_era - (365 * year_of_era + math.floor(year_of_era / 4) - math.floor(year_of_era / 100))
  local month = math.floor((5 * day_of_year + 2) / 153)
  local day = day_of_year - math.floor((153 * month + 2) / 5) + 1
  month = month < 10 and month + 3 or month - 9
  return year_of_era + era * 400 + (month <= 2 and 1 or 0), month, day
end

-- "12:30:05" or "12:30:05.25" from seconds within a day.
local function clock(seconds)
  local whole = math.floor(seconds)
  local micros = math.floor((seconds - whole) * 1e6 + 0.5)
  if micros == 1e6 then whole, micros = whole + 1, 0 end
  local s = ("%02d:%02d:%02d"):format(math.floor(whole / 3600), math.floor(whole / 60) % 60, whole % 60)
  if micros > 0 then s = s .. ("." .. ("%06d"):format(micros)):gsub("0+$", "") end
  return s
end

-- A date in the server's spelling, with its years before Christ.
local function date_text(year, month, day)
  if year > 0 then return ("%04d-%02d-%02d"):format(year, month, day), "" end
  return ("%04d-%02d-%02d"):format(1 - year, month, day), " BC"
end

local function epoch_parts(seconds)
  -- rounded to microseconds first, so that the day is right too
  local micros = math.floor((seconds % 86400) * 1e6 + 0.5)
  local days = math.floor(seconds / 86400)
  if micros >= 86400e6 then days, micros = days + 1, 0 end
  return days, micros / 1e6
end

local function infinity(seconds)
  if seconds ~= seconds then base.data_error("22008", "NaN is not a point in time") end
  return seconds > 0 and "infinity" or "-infinity"
end

local function field(value, name, default)
  local n = value[name]
  if n == nil then n = default end
  if type(n) ~= "number" then
    base.data_error("22007", "a date table needs a number in '%s', got %s", name, type(value[name]))
  end
  return math.floor(n)
end

local function table_seconds(value)
  local seconds = value.sec
  if seconds == nil then seconds = 0 end
  if type(seconds) ~= "number" then base.data_error("22007", "a date table needs a number in 'sec'") end
  return field(value, "hour", 0) * 3600 + field(value, "min", 0) * 60 + seconds
end

local function table_days(value)
  return days_from_civil(field(value, "year"), field(value, "month"), field(value, "day"))
end

local function timestamp_text(seconds, zone)
  if seconds - seconds ~= 0 then return infinity(seconds) end
  local days, rest = epoch_parts(seconds)
  local date, era = date_text(civil_from_days(days))
  return date .. " " .. clock(rest) .. zone .. era
end

local function to_timestamp(value, type_)
  local zone = type_.timezone and "+00" or ""
  if type(value) == "string" then return value end
  if type(value) == "number" then return timestamp_text(value, zone) end
  if type(value) == "table" then return timestamp_text(table_days(value) * 86400 + table_seconds(value), zone) end
  base.data_error("22007", "%s is not a timestamp", base.describe(value))
end

local function to_date(value)
  if type(value) == "string" then return value end
  local days
  if type(value) == "number" then
    if value - value ~= 0 then return infinity(value) end
    days = math.floor(value / 86400)
  elseif type(value) == "table" then
    days = table_days(value)
  else
    base.data_error("22007", "%s is not a date", base.describe(value))
  end
  local date, era = date_text(civil_from_days(days))
  return date .. era
end

local function to_time(value)
  if type(value) == "string" then return value end
  if type(value) == "number" and value >= 0 and value <= 86400 then return clock(value) end
  if type(value) == "table" then return clock(table_seconds(value)) end
  base.data_error("22007", "%s is not a time of day", base.describe(value))
end

local function to_interval(value)
  if type(value) == "string" then return value end
  if type(value) == "number" and value - value == 0 then return literal.digits(value) .. " seconds" end
  if type(value) == "table" then
    errors.check_options(value, { months = true, days = true, seconds = true }, "an interval")
    return ("%s months %s days %s seconds"):format(literal.digits(value.months or 0), literal.digits(value.days or 0),
      literal.digits(value.seconds or 0))
  end
  base.data_error("22007", "%s is not an interval", base.describe(value))
end

-- The result kind for `as = "string"` (the default) or `as = "epoch"`.
local function as_kind(self, kind, as)
  if as == nil or as == "string" then return nil end
  if as == "epoch" then return kind .. ":epoch" end
  errors.raise("ArgumentError", "%s: as = %s, expected 'string' or 'epoch'", self.public_name, base.describe(as))
end

-- Defines a type whose values `to_text(value, type)` writes.
local function define(name, fields, to_text)
  fields.family = fields.family or "datetime"
  fields.binary = true
  function fields:check(value)
    to_text(value, self)
    return value
  end
  function fields:_literal(value) return literal.string(to_text(value, self)) end
  return base.define(name, fields)
end

datetime.Interval = define("Interval", {
  ddl_name = "INTERVAL", kind = "interval", oid = 1186, family = "interval",
}, to_interval)

-- with its type, because `now() - '1 day'` would read a timestamp
getmetatable(datetime.Interval)._literal = function(_, value)
  return "INTERVAL " .. literal.string(to_interval(value))
end

datetime.DateTime = define("DateTime", {
  ddl_name = "TIMESTAMP WITHOUT TIME ZONE", kind = "timestamp", oid = 1114,
}, to_timestamp)
local DateTime = getmetatable(datetime.DateTime)
local datetime_options = { timezone = true, as = true }

function DateTime:_configure(options, ...)
  if select("#", ...) > 0 or options ~= nil and type(options) ~= "table" then
    errors.raise("ArgumentError", "DateTime takes a table of options: DateTime{ timezone = true }")
  end
  if options == nil then return self end
  errors.check_options(options, datetime_options, "DateTime")
  local fields = { timezone = options.timezone and true or false }
  if fields.timezone then
    fields.ddl_name, fields.kind, fields.oid = "TIMESTAMP WITH TIME ZONE", "timestamptz", 1184
  end
  fields.result_kind = as_kind(self, fields.kind or self.kind, options.as)
  return self:_with(fields)
end

datetime.Date = define("Date", { ddl_name = "DATE", kind = "date", oid = 1082 }, to_date)
local Date = getmetatable(datetime.Date)

function Date:_configure(options, ...)
  if select("#", ...) > 0 or options ~= nil and type(options) ~= "table" then
    errors.raise("ArgumentError", "Date takes a table of options: Date{ as = \"epoch\" }")
  end
  if options == nil then return self end
  errors.check_options(options, { as = true }, "Date")
  return self:_with{ result_kind = as_kind(self, "date", options.as) }
end

datetime.Time = define("Time", { ddl_name = "TIME WITHOUT TIME ZONE", kind = "time", oid = 1083 }, to_time)
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
