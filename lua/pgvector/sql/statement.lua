--- What all statements share: copies on write, options, compilation.
-- @module pgvector.sql.statement

local class = require "pgvector.class"
local errors = require "pgvector.errors"
local element = require "pgvector.sql.element"

local statement = {}

local Statement = class("Statement", element.ClauseElement)
statement.Statement = Statement

-- A copy to be changed. What was computed for the original is left behind.
function Statement:_copy()
  local copy = {}
  for key, value in next, self do copy[key] = value end
  copy._compiled, copy._memo = nil, nil
  return setmetatable(copy, getmetatable(self))
end

-- A new list: the old one and more.
function statement.appended(list, more, count)
  local new, n = {}, list and #list or 0
  for i = 1, n do new[i] = list[i] end
  for i = 1, count do new[n + i] = more[i] end
  return new
end

--- Calls `fn(self, value)` if `value` is neither nil nor false, so that a filter
-- may be optional without a nil reaching `where`.
-- @param value
-- @tparam function fn returns a statement
-- @tparam[opt] function otherwise called as `otherwise(self)` if there is no value
-- @treturn table statement
function Statement:when(value, fn, otherwise)
  if type(fn) ~= "function" or otherwise ~= nil and type(otherwise) ~= "function" then
    errors.raise("ArgumentError", "when: expected a value and a function")
  end
  local result = self
  if value ~= nil and value ~= false then
    result = fn(self, value)
  elseif otherwise then
    result = otherwise(self)
  end
  if result == nil then errors.raise("ArgumentError", "when: the function must return the statement") end
  return result
end

--- Options for whoever runs the statement: an ORM loader option for each argument.
-- @treturn table statement
function Statement:options(...)
  local count = select("#", ...)
  local more = { ... }
  for i = 1, count do
    if type(more[i]) ~= "table" then
      errors.raise("ArgumentError", "options: argument %d is a %s, not a loader option", i, type(more[i]))
    end
  end
  local copy = self:_copy()
  copy._options = statement.appended(self._options, more, count)
  return copy
end

--- Options for the connection that runs the statement (`stream_results`, …).
-- @tparam table options
-- @treturn table statement
function Statement:execution_options(options)
  if type(options) ~= "table" then errors.raise("ArgumentError", "execution_options: expected a table") end
  local merged = {}
  for key, value in pairs(self._execution_options or {}) do merged[key] = value end
  for key, value in pairs(options) do merged[key] = value end
  local copy = self:_copy()
  copy._execution_options = merged
  return copy
end

--- Adds a CTE that the statement does not refer to (an INSERT to be run with it).
-- @treturn table statement
function Statement:add_cte(...)
  local copy = self:_copy()
  copy._ctes = statement.appended(self._ctes, { ... }, select("#", ...))
  return copy
end

-- A setting for the time of the statement: set_config(name, value, true).
function Statement:_with_setting(name, value)
  local copy = self:_copy()
  copy._settings = statement.appended(self._settings, { { name = name, value = value } }, 1)
  return copy
end

class.seal(Statement)

return statement
