--- A statement and its parameters, made ready for one execution.
-- @module pgvector.engine.statement

local class = require "pgvector.class"
local compiler = require "pgvector.sql.compiler"
local errors = require "pgvector.errors"

local statement = {}

--- Raises unless a statement can be run with these params.
-- @tparam string where the function that was called
-- @param stmt
-- @param params
function statement.check(where, stmt, params)
  if type(stmt) == "string" then
    errors.raise("ArgumentError", "a plain string is not executable: wrap it in pg.text(…), or use exec_sql")
  elseif not compiler.is_executable(stmt) then
    errors.raise("ArgumentError", "%s: expected a statement, got %s", where, class.describe(stmt))
  end
  if params ~= nil and type(params) ~= "table" then
    errors.raise("ArgumentError", "params: expected a table, got %s", type(params))
  end
end

--- Is this a list of rows, for executemany?
function statement.is_row_list(params)
  return params ~= nil and type(params[1]) == "table"
end

local takes_columns = { insert = true, update = true }

-- What the compiler must know of the values to come: in an insert the names
-- are columns, in an update those that are no parameters of the statement.
local function options_for(stmt, row)
  if not takes_columns[stmt.__visit_name] then return nil end
  local keys = {}
  for key in pairs(row) do
    if type(key) ~= "string" then
      errors.raise("ArgumentError", "params: expected names of columns, got %s", tostring(key))
    end
    keys[#keys + 1] = key
  end
  table.sort(keys)
  return { keys = keys }
end

--- Compiles a statement for one execution.
-- @param stmt what `check` let through
-- @tparam ?table params values by name
-- @treturn table what sql.compiler gives
-- @treturn table values in $n order
function statement.compile(stmt, params)
  if params and next(params) == nil then params = nil end
  local compiled = compiler.compile(stmt, params and options_for(stmt, params) or nil)
  return compiled, compiler.values(compiled, params)
end

-- Has a row the keys that a compilation was made for?
local function fits(keys, row)
  if not keys then return true end
  local n = 0
  for key in pairs(row) do
    if not keys[key] then return false end
    n = n + 1
  end
  return n == keys.n
end

-- Compiles a statement for rows with the keys of this one, once for each set of them.
local function compile_for(by_shape, stmt, row)
  local options = options_for(stmt, row)
  local name = options and table.concat(options.keys, "\0") or ""
  local shape = by_shape[name]
  if not shape then
    shape = { compiled = compiler.compile(stmt, options) }
    if options then
      shape.keys = { n = #options.keys }
      for _, key in ipairs(options.keys) do shape.keys[key] = true end
    end
    by_shape[name] = shape
  end
  return shape
end

--- Compiles a statement for many executions.
-- @param stmt what `check` let through
-- @tparam table rows sequence of tables of values by name
-- @treturn table sequence of `{ compiled =, values = }`
function statement.compile_rows(stmt, rows)
  local by_shape, jobs, shape = {}, {}, nil
  for i, row in ipairs(rows) do
    if type(row) ~= "table" then
      errors.raise("ArgumentError", "params: row %d: expected a table, got %s", i, type(row))
    end
    if not (shape and fits(shape.keys, row)) then shape = compile_for(by_shape, stmt, row) end
    jobs[i] = { compiled = shape.compiled, values = compiler.values(shape.compiled, row) }
  end
  return jobs
end

return statement
