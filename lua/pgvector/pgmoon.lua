--- Our values with pgmoon, another driver: what the `pgvector` rock offers,
-- under the same names.
-- @module pgvector.pgmoon

local core = require "pgvector.core"
local errors = require "pgvector.errors"

local pgmoon = {}

--- The text form of a vector.
-- @param v a value, or a sequence of numbers
-- @treturn string `[1,2,3]`
function pgmoon.serialize(v)
  if core.value_type(v) then return v:to_text() end
  return core.vector(v):to_text()
end

--- A vector from its text form.
-- @tparam string text `[1,2,3]`
-- @return a vector
function pgmoon.deserialize(text)
  return core.vector.from_text(text)
end

-- Where the vector types are, whatever the search_path.
local types_sql = [[
SELECT t.typname AS name, t.oid::int8 AS oid FROM pg_extension e
JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
  AND d.deptype = 'e' AND d.classid = 'pg_type'::regclass
JOIN pg_type t ON t.oid = d.objid
WHERE e.extname = 'vector' AND t.typname IN ('vector', 'halfvec', 'sparsevec')]]

--- Teaches a pgmoon object our values, both ways.
-- @param pg a connected pgmoon object
-- @raise ArgumentError for anything else, ProgrammingError without the extension, OperationalError if the query fails
function pgmoon.setup_vector(pg)
  if type(pg) ~= "table" or type(pg.query) ~= "function" or type(pg.set_type_deserializer) ~= "function" then
    errors.raise("ArgumentError", "setup_vector: expected a pgmoon object, got %s", type(pg))
  end
  local rows, err = pg:query(types_sql)
  if not rows then errors.raise("OperationalError", "%s", tostring(err)) end
  if #rows == 0 then errors.raise("ProgrammingError", "vector type not found in the database") end
  for _, row in ipairs(rows) do
    local from_text = core[row.name].from_text
    pg:set_type_deserializer(tonumber(row.oid), row.name, function(_, text) return from_text(text) end)
  end
  -- pgmoon asks only tables whether they serialise themselves. Its own table of
  -- serialisers belongs to the class, so this object gets one of its own.
  local serializers = { userdata = function(_, value)
    if core.value_type(value) then return 0, value:to_text() end
    return nil, "userdata is not a vector, can't serialize"
  end }
  pg.type_serializers = setmetatable(serializers, { __index = pg.type_serializers })
end

return pgmoon
