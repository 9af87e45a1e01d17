--- Error objects: what every misuse and every failure raises.
--
-- An error is a table with `__tostring` and the fields of section "Errors" in
-- docs/errors.md. Its class is a string; `is_error` knows the tree.
-- @module pgvector.errors

local core = require "pgvector.core"
local sqlstates = require "pgvector.sqlstates"

local errors = {}

-- class → base. The names and the shape are those of Python's DB-API and of
-- SQLAlchemy's exc module.
local bases = {
  Error = false,
  InterfaceError = "Error",
  DatabaseError = "Error",
  DataError = "DatabaseError",
  OperationalError = "DatabaseError",
  IntegrityError = "DatabaseError",
  InternalError = "DatabaseError",
  ProgrammingError = "DatabaseError",
  NotSupportedError = "DatabaseError",
  StatementError = "Error",
  TimeoutError = "Error",
  InvalidRequestError = "Error",
  NoResultFound = "InvalidRequestError",
  MultipleResultsFound = "InvalidRequestError",
  DetachedInstanceError = "InvalidRequestError",
  ObjectDeletedError = "InvalidRequestError",
  StaleDataError = "Error",
  ArgumentError = "Error",
}

local error_mt = { __name = "pgvector.error" }
error_mt.__index = error_mt

local library_prefix = debug.getinfo(1, "S").source:match("^@(.*)errors%.lua$")

-- The first place on the stack that is not this library's: where the caller
-- should look. "file:line: " or nothing.
local function caller()
  local level = 3
  while true do
    local info = debug.getinfo(level, "Sl")
    if not info then return nil end
    local file = info.source:match("^@(.*)$")
    local inside = file and library_prefix and file:sub(1, #library_prefix) == library_prefix
    if info.currentline > 0 and not inside then
      return info.short_src .. ":" .. info.currentline
    end
    level = level + 1
  end
end

function error_mt:__tostring()
  local parts = {}
  if self.where then parts[#parts + 1] = self.where .. ": " end
  parts[#parts + 1] = self.class .. ": " .. tostring(self.message)
  if self.sqlstate then parts[#parts + 1] = " (" .. self.sqlstate .. ")" end
  if self.detail then parts[#parts + 1] = "\nDETAIL: " .. self.detail end
  if self.hint then parts[#parts + 1] = "\nHINT: " .. self.hint end
  if self.context then parts[#parts + 1] = "\nCONTEXT: " .. self.context end
  if self.sql then parts[#parts + 1] = "\n[SQL: " .. self.sql .. "]" end
  if self.params then parts[#parts + 1] = "\n[parameters: " .. self.params .. "]" end
  return table.concat(parts)
end

-- so that `"prefix: " .. err` reads as with an ordinary error string
function error_mt.__concat(a, b) return tostring(a) .. tostring(b) end

--- Makes an error object.
-- @tparam string cls a class of the tree above
-- @tparam string message
-- @tparam[opt] table fields further fields; the table itself becomes the error
-- @treturn table the error
function errors.new(cls, message, fields)
  local err = fields or {}
  err.class = cls
  err.message = message
  err.where = err.where or caller()
  if err.sqlstate and not err.name then err.name = sqlstates[err.sqlstate] end
  return setmetatable(err, error_mt)
end

--- Raises an error object.
-- @tparam string cls class
-- @tparam string format message, or a string.format pattern if arguments follow
function errors.raise(cls, format, ...)
  if select("#", ...) > 0 then format = format:format(...) end
  error(errors.new(cls, format), 0)
end

core.on_error(function(cls, message, sqlstate, detail)
  return errors.new(cls, message, { sqlstate = sqlstate, detail = detail })
end)

-- SQLSTATE class (first two characters) → error class, as psycopg maps them.
local class_of = {
  ["02"] = "ProgrammingError", ["08"] = "OperationalError", ["0A"] = "NotSupportedError",
  ["20"] = "ProgrammingError", ["21"] = "ProgrammingError", ["22"] = "DataError",
  ["23"] = "IntegrityError", ["24"] = "InternalError", ["25"] = "InternalError",
  ["26"] = "ProgrammingError", ["27"] = "OperationalError", ["28"] = "OperationalError",
  ["2B"] = "InternalError", ["2D"] = "InternalError", ["2F"] = "OperationalError",
  ["34"] = "ProgrammingError", ["38"] = "OperationalError", ["39"] = "OperationalError",
  ["3B"] = "OperationalError", ["3D"] = "ProgrammingError", ["3F"] = "ProgrammingError",
  ["40"] = "OperationalError", ["42"] = "ProgrammingError", ["44"] = "ProgrammingError",
  ["53"] = "OperationalError", ["54"] = "OperationalError", ["55"] = "OperationalError",
  ["57"] = "OperationalError", ["58"] = "OperationalError", ["F0"] = "InternalError",
  ["HV"] = "OperationalError", ["P0"] = "ProgrammingError", ["XX"] = "InternalError",
}

--- The error class that a SQLSTATE belongs to.
-- @tparam ?string sqlstate five characters
-- @treturn string a class below DatabaseError, or that itself
function errors.class_for(sqlstate)
  return sqlstate and class_of[sqlstate:sub(1, 2)] or "DatabaseError"
end

--- Turns the server's report (`core` result:error()) into an error object.
-- @tparam table fields `sqlstate`, `message`, … as the server sent them
-- @treturn table the error
function errors.from_server(fields)
  return errors.new(errors.class_for(fields.sqlstate), fields.message, fields)
end

--- Is `value` one of our errors, and of this kind?
-- @param value anything
-- @tparam[opt] string what a class ("IntegrityError", its bases included), a
--   SQLSTATE ("23505") or a condition name ("unique_violation"); absent: any
-- @treturn boolean
function errors.is_error(value, what)
  if type(value) ~= "table" or getmetatable(value) ~= error_mt then return false end
  if what == nil or value.sqlstate == what or value.name == what then return true end
  local cls = value.class
  while cls do
    if cls == what then return true end
    cls = bases[cls]
  end
  return false
end

--- Calls `f(...)`; an error object becomes `nil, err`, anything else goes on.
-- @tparam function f
-- @return what f returns, or nil and the error
function errors.try(f, ...)
  local function finish(ok, ...)
    if ok then return ... end
    local err = ...
    if errors.is_error(err) then return nil, err end
    error(err, 0)
  end
  return finish(pcall(f, ...))
end

-- Edits between two words, a swap of neighbours being one (optimal string
-- alignment); for suggestions only.
local function distance(a, b)
  local before, row = nil, {}
  for j = 0, #b do row[j] = j end
  for i = 1, #a do
    local next_row = { [0] = i }
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      local d = math.min(row[j] + 1, next_row[j - 1] + 1, row[j - 1] + (same and 0 or 1))
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        d = math.min(d, before[j - 2] + 1)
      end
      next_row[j] = d
    end
    before, row = row, next_row
  end
  return row[#b]
end

--- A hint for a misspelt name.
-- @tparam string name what was written
-- @tparam table candidates the known names, as a sequence or as keys
-- @treturn string `, did you mean 'x'?`, or ""
function errors.did_you_mean(name, candidates)
  if type(name) ~= "string" then return "" end
  local best, best_distance
  local function consider(candidate)
    if type(candidate) ~= "string" then return end
    local d = distance(name:lower(), candidate:lower())
    if distance(name, candidate) > d then d = d + 0.5 end -- the same case is nearer
    if not best or d < best_distance or (d == best_distance and candidate < best) then
      best, best_distance = candidate, d
    end
  end
  for key, value in pairs(candidates) do
    consider(type(key) == "number" and value or key)
  end
  if best and best_distance < math.max(1, math.floor(#name / 3)) + 1 then
    return (", did you mean '%s'?"):format(best)
  end
  return ""
end

--- Checks an option table: an unknown key raises, with a suggestion.
-- @tparam ?table options
-- @tparam table known set of names: `{ limit = true, … }`
-- @tparam string where what the message calls the place
-- @treturn table options, or an empty table for nil
function errors.check_options(options, known, where)
  if options == nil then return {} end
  if type(options) ~= "table" then
    errors.raise("ArgumentError", "%s: expected a table of options, got %s", where, type(options))
  end
  for key in pairs(options) do
    if not known[key] then
      errors.raise("ArgumentError", "%s: unknown option '%s'%s", where, tostring(key),
        errors.did_you_mean(key, known))
    end
  end
  return options
end

return errors
