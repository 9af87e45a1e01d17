--- A column's type in the catalogs → the type object that makes it again.
-- @module pgvector.reflect.types

local types = require "pgvector.types"

-- Types that have no length, by their names in pg_catalog.
local plain = {
  int2 = types.SmallInteger, int4 = types.Integer, int8 = types.BigInteger, float4 = types.Real,
  float8 = types.Double, bool = types.Boolean, text = types.Text, bytea = types.LargeBinary,
  uuid = types.UUID, json = types.JSON, jsonb = types.JSONB, date = types.Date, time = types.Time,
  timetz = types.Time{ timezone = true }, timestamp = types.DateTime,
  timestamptz = types.DateTime{ timezone = true }, interval = types.Interval, tsvector = types.TSVECTOR,
  tsquery = types.TSQUERY, regconfig = types.REGCONFIG, inet = types.INET, cidr = types.CIDR,
  macaddr = types.MACADDR,
}

-- NUMERIC's modifier holds the scale in its low 11 bits, signed since PostgreSQL 15.
local function numeric(typmod)
  if typmod < 0 then return types.Numeric end
  local precision, scale = math.floor((typmod - 4) / 65536), (typmod - 4) % 2048
  return scale < 1024 and types.Numeric(precision, scale) or nil
end

-- Types whose modifier says something; nil for one that our type cannot hold.
local modified = {
  numeric = numeric,
  varchar = function(typmod) return typmod < 0 and types.String or types.String(typmod - 4) end,
  bpchar = function(typmod) return typmod >= 0 and types.CHAR(typmod - 4) or nil end,
  bit = function(typmod) return typmod >= 0 and types.BIT(typmod) or nil end,
}

-- pgvector's types store their dimensions as they are.
local vectors = { vector = types.VECTOR, halfvec = types.HALFVEC, sparsevec = types.SPARSEVEC }

local function known_type(row, qualified)
  local name, typmod = row.type_name, row.typmod
  if row.type_extension == "vector" and vectors[name] then
    return typmod < 0 and vectors[name] or vectors[name](typmod)
  elseif row.type_extension == "citext" and name == "citext" then
    return types.CITEXT
  elseif row.type_kind == "e" then
    local options = { name = name, schema = (qualified or not row.type_visible) and row.type_schema or nil }
    for i, label in ipairs(row.labels) do options[i] = label end
    return #row.labels > 0 and types.Enum(options) or nil
  elseif row.type_schema == "pg_catalog" then
    if modified[name] then return modified[name](typmod) end
    return typmod < 0 and plain[name] or nil
  end
end

--- The type of a column.
-- @tparam table row of the query of columns
-- @tparam boolean qualified does an enum name its schema even if the search_path finds it?
-- @treturn Type `pg.Type` with the server's spelling for a type that has no object
return function(row, qualified)
  local type = known_type(row, qualified) or types.Type(row.element)
  if not row.is_array then return type end
  return types.ARRAY(type, row.dimensions > 1 and { dimensions = row.dimensions } or nil)
end
