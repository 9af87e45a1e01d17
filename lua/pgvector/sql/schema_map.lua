--- Which schema stands in for which: what `schema_translate_map` says.
-- @module pgvector.sql.schema_map

local class = require "pgvector.class"
local errors = require "pgvector.errors"
local identifiers = require "pgvector.sql.compiler.identifiers"

local SchemaMap = class("SchemaMap")

-- By what they say: equal maps are one object, so that what was compiled for
-- one tenant's connection serves the next one, too. Nobody is kept alive by it.
local known = setmetatable({}, { __mode = "v" })

local function by_statement() return setmetatable({}, { __mode = "k" }) end

--- The map that a table means: `{ app = "tenant_7", [""] = "tenant_7" }`, where ""
-- stands for tables without a schema, and false takes a schema away.
-- @param given that table, or a map already
-- @tparam string where what a message calls the place
-- @treturn SchemaMap
function SchemaMap.of(given, where)
  if class.is(given, SchemaMap) then return given end
  if type(given) ~= "table" then
    errors.raise("ArgumentError", "%s: schema_translate_map: expected a table, got %s", where, class.describe(given))
  end
  local schemas, parts = {}, {}
  for from, to in pairs(given) do
    if type(from) ~= "string" or to ~= false and (type(to) ~= "string" or to == "") then
      errors.raise("ArgumentError", "%s: schema_translate_map: expected names by names; \"\" stands for no schema, "
        .. "and false means none", where)
    end
    schemas[from] = to
    parts[#parts + 1] = ("%q=%q"):format(from, to or "")
  end
  table.sort(parts)
  local key = table.concat(parts, "\0")
  local map = known[key]
  if not map then
    map = setmetatable({
      _schemas = schemas,
      compiled = by_statement(), -- what was compiled under it
      shapes = by_statement(),   -- the same for sets of values' names; the engine's
    }, SchemaMap)
    known[key] = map
  end
  return map
end

--- The schema that stands in for one.
-- @tparam ?string schema nil: none
-- @treturn ?string
function SchemaMap:translate(schema)
  local to = self._schemas[schema or ""]
  if to == nil then return schema end
  return to or nil
end

--- The SQL name of a table, type or sequence under a map.
-- @tparam ?SchemaMap map
-- @tparam table object with `schema` and `name`
-- @treturn string
function SchemaMap.qualified(map, object)
  local schema = object.schema
  if map then schema = map:translate(schema) end
  return identifiers.qualified(schema, object.name)
end

return SchemaMap
