--- A statement and its parameters, made ready for one execution.
-- @module pgvector.engine.statement

local class = require "pgvector.class"
local coerce = require "pgvector.sql.coerce"
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

--- Is this an insert of no rows: an empty list for a statement without values?
function statement.is_nothing(stmt, params)
  return params ~= nil and next(params) == nil and stmt.__visit_name == "insert" and not stmt._rows and not stmt._select
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

-- Has a row the keys that a compilation was made for?
local function fits(shape, row)
  local keys, n = shape.keys, 0
  for key in pairs(row) do
    if not keys[key] then return false end
    n = n + 1
  end
  return n == shape.count
end

-- A statement keeps the compilations for so many sets of keys.
local MAX_SHAPES = 32

-- What is kept of a statement, under the schema map of a connection if it has one.
local function kept_of(stmt, map)
  if map then return map.shapes[stmt] end
  return stmt._shapes
end

local function keep_shape(stmt, map, name, compiled, names)
  local shape = { compiled = compiled, count = #names, keys = {} }
  for _, key in ipairs(names) do shape.keys[key] = true end
  local kept = kept_of(stmt, map)
  if not kept or kept.count >= MAX_SHAPES then
    kept = { count = 0, by_name = {} }
    if map then map.shapes[stmt] = kept else stmt._shapes = kept end
  end
  kept.by_name[name], kept.count = shape, kept.count + 1
  return shape
end

-- Compiles a statement for rows with the keys of this one, once for each set of them.
local function compile_for(stmt, row, map)
  local kept = kept_of(stmt, map)
  if kept and fits(kept.latest, row) then return kept.latest.compiled end
  local options = options_for(stmt, row)
  if not options then return compiler.compile(stmt, nil, map) end
  local name = table.concat(options.keys, "\0")
  local shape = kept and kept.by_name[name]
    or keep_shape(stmt, map, name, compiler.compile(stmt, options, map), options.keys)
  kept_of(stmt, map).latest = shape
  return shape.compiled
end

-- Statements that take expressions among their values, and how.
local taking = {
  insert = function(stmt, exprs) return stmt:values(exprs) end,
  update = function(stmt, exprs) return stmt:values(exprs) end,
  text = function(stmt, exprs) return stmt:bindparams(exprs) end,
}

-- A row's expressions (`pg.default`, `func.now()`, `pg.literal`) belong into the
-- statement. Returns it and what is left of the row.
local function with_expressions(stmt, row)
  local exprs, left
  for key, value in pairs(row) do
    if type(value) == "table" and coerce.is_expression(value) then
      exprs = exprs or {}
      exprs[key] = value
    end
  end
  if not exprs then return stmt, row end
  local take = taking[stmt.__visit_name]
  if not take then
    errors.raise("ArgumentError", "params: '%s': expected a value, got a SQL expression", tostring(next(exprs)))
  end
  for key, value in pairs(row) do
    if not exprs[key] then
      left = left or {}
      left[key] = value
    end
  end
  return take(stmt, exprs), left
end

-- Compiles a statement for a row of values.
local function compile_row(stmt, row, map)
  stmt, row = with_expressions(stmt, row)
  local compiled = row and compile_for(stmt, row, map) or compiler.compile(stmt, nil, map)
  return compiled, compiler.values(compiled, row)
end

--- Compiles a statement for one execution.
-- @param stmt what `check` let through
-- @tparam ?table params values by name
-- @tparam ?SchemaMap map the connection's
-- @treturn table what sql.compiler gives
-- @treturn table values in $n order
function statement.compile(stmt, params, map)
  if params and next(params) ~= nil then return compile_row(stmt, params, map) end
  local compiled = compiler.compile(stmt, nil, map)
  return compiled, compiler.values(compiled)
end

--- Compiles a statement for many executions.
-- @param stmt what `check` let through
-- @tparam table rows sequence of tables of values by name
-- @tparam ?SchemaMap map the connection's
-- @treturn table sequence of `{ compiled =, values = }`
function statement.compile_rows(stmt, rows, map)
  local jobs = {}
  for i, row in ipairs(rows) do
    if type(row) ~= "table" then
      errors.raise("ArgumentError", "params: row %d: expected a table, got %s", i, type(row))
    end
    local compiled, values = compile_row(stmt, row, map)
    jobs[i] = { compiled = compiled, values = values }
  end
  return jobs
end

return statement
