--- How statements find stored rows: by the primary key, by the version, by the
-- values of columns; and what it means that they found too few.
-- @module pgvector.orm.stored

local base = require "pgvector.sql.base"
local compat = require "pgvector.compat"
local errors = require "pgvector.errors"
local expressions = require "pgvector.sql.expressions"
local operators = require "pgvector.sql.operators"

local stored = {}

--- A parameter of a statement that is executed with values by name.
-- @tparam string name
-- @tparam table type_
-- @treturn table node
function stored.parameter(name, type_)
  return base.node{ __visit_name = "bind", key = name, type = type_, required = true }
end

-- The parameters' names cannot be those of attributes.
local function key_name(i) return "\1key" .. i end
local VERSION = "\1version"

---- by values of columns -------------------------------------------------------------------

--- `column = $…` for each of some columns, with parameters of the columns' keys.
-- @treturn table condition
function stored.with_values(columns)
  local conditions = {}
  for i, column in ipairs(columns) do
    conditions[i] = column:eq(stored.parameter(column.key, column.type))
  end
  return base.boolean(operators.and_, conditions, #conditions)
end

--- The condition that some columns have one of several sets of values.
-- @tparam table columns
-- @tparam table sets sequence of sequences of values
-- @treturn table condition
function stored.among(columns, sets)
  if #columns > 1 then return expressions.tuple(compat.unpack(columns)):in_(sets) end
  local values = {}
  for i, set in ipairs(sets) do values[i] = set[1] end
  return columns[1]:in_(values)
end

-- So many sets of values go into one query.
local CHUNK = 500

--- Cuts sets of values into as many as one query takes: `for chunk in stored.chunks(sets)`.
-- @tparam table sets sequence
-- @treturn function iterator over sequences
function stored.chunks(sets)
  local first = 1 - CHUNK
  return function()
    first = first + CHUNK
    if first > #sets then return nil end
    local chunk = {}
    for i = first, math.min(first + CHUNK - 1, #sets) do chunk[#chunk + 1] = sets[i] end
    return chunk
  end
end

---- by the primary key --------------------------------------------------------------------

--- The condition that picks one row by parameters.
-- @tparam Mapper mapper
-- @tparam[opt] Table tbl one of its tables; default the first
function stored.of_identity(mapper, tbl)
  local conditions = {}
  for _, column in ipairs((tbl or mapper.root.table).primary_key.columns) do
    for i, key in ipairs(mapper.primary_key) do
      if rawequal(mapper.root_of[column] or column, key) then
        conditions[#conditions + 1] = column:eq(stored.parameter(key_name(i), column.type))
      end
    end
  end
  return base.boolean(operators.and_, conditions, #conditions)
end

--- Adds the parameters of that condition.
-- @tparam table params
-- @tparam table identity values of the primary key
-- @treturn table params
function stored.identity_params(params, identity)
  for i, value in ipairs(identity) do params[key_name(i)] = value end
  return params
end

---- an instance's own row, in the version that is known -----------------------------------

--- Restricts a statement to such a row.
-- @treturn table statement
function stored.restrict(stmt, mapper, tbl)
  stmt = stmt:where(stored.of_identity(mapper, tbl))
  local version = mapper.version
  if version and version.table == tbl then
    local compared = version:compared()
    stmt = stmt:where(compared:eq(stored.parameter(VERSION, compared.type)))
  end
  return stmt
end

--- Its parameters.
-- @treturn table params
function stored.params_of(state, tbl)
  local params = stored.identity_params({}, state.identity)
  local version = state.mapper.version
  if version and version.table == tbl then params[VERSION] = state.values[version.key] end
  return params
end

--- A version that was not loaded, or is expired, is read now.
function stored.know_version(object, state)
  local version = state.mapper.version
  if version and state.values[version.key] == nil then
    state.session:_load_attribute(object, state, version.key)
  end
end

-- So many rows are named in a message.
local NAMED = 5

--- Raises unless every execution met one row.
-- @tparam string verb
-- @tparam string name of the table
-- @tparam Result result of one execution or of many
-- @tparam number count how many executions there were
-- @tparam function what `function(i)`: what a message calls the row of the i-th
-- @tparam[opt] boolean versioned are versions compared?
-- @raise StaleDataError
function stored.expect(verb, name, result, count, what, versioned)
  if result.rowcount == count then return end
  local missed = {}
  for i = 1, count do
    local met = result._rowcounts and result._rowcounts[i] or count == 1 and result.rowcount
    if met ~= 1 then missed[#missed + 1] = what(i) end
  end
  local shown = table.concat(missed, ", ", 1, math.min(#missed, NAMED)) .. (#missed > NAMED and ", …" or "")
  errors.raise("StaleDataError", "%s on table '%s' expected to match %d rows, %d were matched; not there%s: %s", verb,
    name, count, result.rowcount, versioned and " any more, or changed by somebody else" or "", shown)
end

return stored
