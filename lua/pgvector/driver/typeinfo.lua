--- What the type OIDs of one database mean.
--
-- Built-in types have the same OID everywhere. Those of the vector extension,
-- enums, domains' arrays and every other created type are numbered per
-- database: they are looked up in the catalogs when first met, by the
-- extension's own entries for vectors, so that no search_path matters and
-- nothing has to be registered.
-- @module pgvector.driver.typeinfo

local class = require "pgvector.class"
local core = require "pgvector.core"
local errors = require "pgvector.errors"
local execute = require "pgvector.driver.execute"

local TypeInfo = class("TypeInfo")

-- OID, name of the core's decoder, OID of the array type; PostgreSQL's
-- pg_type.dat, whose numbers never change.
local builtin = {
  { 16, "bool", 1000 }, { 17, "bytea", 1001 }, { 18, "text", 1002 }, { 19, "text", 1003 },
  { 20, "int8", 1016 }, { 21, "int2", 1005 }, { 23, "int4", 1007 }, { 25, "text", 1009 },
  { 26, "oid", 1028 }, { 114, "json", 199 }, { 142, "text", 143 }, { 650, "cidr", 651 },
  { 700, "float4", 1021 }, { 701, "float8", 1022 }, { 705, "text" }, { 829, "macaddr", 1040 },
  { 869, "inet", 1041 }, { 1042, "text", 1014 }, { 1043, "text", 1015 }, { 1082, "date", 1182 },
  { 1083, "time", 1183 }, { 1114, "timestamp", 1115 }, { 1184, "timestamptz", 1185 },
  { 1186, "interval", 1187 }, { 1266, "timetz", 1270 }, { 1560, "bit", 1561 }, { 1562, "varbit", 1563 },
  { 1700, "numeric", 1231 }, { 2950, "uuid", 2951 }, { 3802, "jsonb", 3807 },
  { 2278, "text" }, { 2275, "text", 1263 },
}

local builtin_kinds = {}
local builtin_arrays = {}
local builtin_elements = {}
for _, row in ipairs(builtin) do
  builtin_kinds[row[1]] = row[2]
  if row[3] then
    builtin_kinds[row[3]] = row[2] .. "[]"
    builtin_arrays[row[1]] = row[3]
    builtin_elements[row[3]] = row[1]
  end
end

local vector_types = { vector = true, halfvec = true, sparsevec = true }

--- Makes an empty registry, to be shared by all connections to one database.
function TypeInfo.new()
  return setmetatable({ generation = 0 }, TypeInfo):forget()
end

--- Forgets everything looked up, after CREATE or DROP EXTENSION.
-- @treturn TypeInfo itself
function TypeInfo:forget()
  self.kinds = setmetatable({}, { __index = builtin_kinds })
  self.names = {}       -- type name → { oid, array oid }
  self.elements = {}    -- array OID → element OID
  self.extension = nil  -- { version =, schema = } once found
  self.generation = self.generation + 1
  return self
end

local function query(link, sql, values)
  local encoder, n
  if values then
    local specs = {}
    for i = 1, #values do specs[i] = { kind = "text", oid = 25 } end
    encoder, n = core.encoder(specs), #values
  end
  link:_check_free()
  local result = execute.params(link, sql, encoder, values, n or 0, 0)
  local specs = {}
  for i, name in ipairs(result:names()) do specs[i] = { kind = "text", name = name } end
  local rows = result:mappings(core.decoder(specs), 1, result:ntuples())
  result:clear()
  return rows
end

local discover_sql = [[
SELECT e.extversion AS version, n.nspname AS schema, t.typname AS name, t.oid AS oid, t.typarray AS array_oid
FROM pg_catalog.pg_extension e
JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
  AND d.refobjid = e.oid AND d.deptype = 'e' AND d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass
JOIN pg_catalog.pg_type t ON t.oid = d.objid
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
WHERE e.extname = 'vector' AND t.typname IN ('vector', 'halfvec', 'sparsevec')]]

--- Looks for the vector extension, unless it was found before.
-- @tparam Link link idle
-- @treturn ?table `{ version =, schema = }`, nil without the extension
function TypeInfo:_discover(link)
  if self.extension then return self.extension end
  for _, row in ipairs(query(link, discover_sql)) do
    local oid, array_oid = tonumber(row.oid), tonumber(row.array_oid)
    self.kinds[oid] = row.name
    self.kinds[array_oid] = row.name .. "[]"
    self.elements[array_oid] = oid
    self.names[row.name] = { oid, array_oid }
    self.extension = { version = row.version, schema = row.schema }
  end
  return self.extension
end

--- The OIDs of vector, halfvec and sparsevec, for values that bring no column
-- type along. Empty without the extension.
function TypeInfo:_vector_oids(link)
  self:_discover(link)
  local oids = { bit = 1560 }
  for name in pairs(vector_types) do
    if self.names[name] then oids[name] = self.names[name][1] end
  end
  return oids
end

local by_name_sql = [[
SELECT t.oid AS oid, t.typarray AS array_oid FROM pg_catalog.pg_type t
WHERE t.oid = pg_catalog.to_regtype($1)]]

--- The OIDs of a named type: of the extension, or any other as the server
-- resolves the name.
-- @treturn ?number its OID, nil where there is no such type (enums, citext: the
--   server then infers the type itself)
-- @treturn ?number that of its array
-- @raise ProgrammingError for a missing vector type
function TypeInfo:_oid_of(link, name, schema)
  local key = schema and schema .. "." .. name or name
  local known = self.names[key]
  if not known and vector_types[name] then
    self:_discover(link)
    known = self.names[name]
    if not known then
      errors.raise("ProgrammingError", "%s type not found in the database", name)
    end
  elseif not known then
    local quoted = link.pg:escape_identifier(name)
    if schema then quoted = link.pg:escape_identifier(schema) .. "." .. quoted end
    local row = query(link, by_name_sql, { quoted })[1]
    if not row then return nil end
    known = { tonumber(row.oid), tonumber(row.array_oid) }
    self.names[key] = known
  end
  return known[1], known[2]
end

-- An enum travels as its label, a type that is sent as text is as text, a domain
-- as what it is over (the server already reports that for columns, but not for
-- arrays). An array type has no array type of its own: oidvector, which is
-- subscripted like one and written otherwise, has.
local by_oid_sql = [[
SELECT t.oid AS oid, t.typtype AS type, t.typbasetype AS base,
  CASE WHEN t.typcategory = 'A' AND t.typarray = 0 THEN t.typelem ELSE 0 END AS elem,
  (SELECT p.prosrc = 'textsend' AND p.prolang = 12 FROM pg_catalog.pg_proc p WHERE p.oid = t.typsend) AS is_text
FROM pg_catalog.pg_type t WHERE t.oid = ANY($1::pg_catalog.oid[])]]

-- Learns the kinds of OIDs that are not known. `false` marks a type whose
-- binary form the core does not read: it is asked for as text.
function TypeInfo:_learn(link, oids)
  local rows = query(link, by_oid_sql, { "{" .. table.concat(oids, ",") .. "}" })
  local later, wanted = {}, {}
  for _, row in ipairs(rows) do
    local oid = tonumber(row.oid)
    local inner = tonumber(row.type == "d" and row.base or row.elem)
    if row.type == "e" or row.is_text == "t" then
      self.kinds[oid] = "text"
    elseif inner ~= 0 then
      later[#later + 1] = { oid, inner, row.type == "d" and "" or "[]" }
      if self.kinds[inner] == nil then wanted[#wanted + 1] = inner end
    else
      self.kinds[oid] = false
    end
  end
  for _, oid in ipairs(oids) do
    if self.kinds[oid] == nil then self.kinds[oid] = false end
  end
  -- an inner type may be one of those just marked; only its own answer counts
  for _, entry in ipairs(later) do self.kinds[entry[1]] = nil end
  if #wanted > 0 then self:_learn(link, wanted) end
  for _, entry in ipairs(later) do
    local kind = self.kinds[entry[2]]
    if kind and entry[3] == "[]" and kind:find("%[%]$") then kind = false end -- an array of arrays
    self.kinds[entry[1]] = kind and kind .. entry[3] or false
    if entry[3] == "[]" then self.elements[entry[1]] = entry[2] end
  end
end

--- The decoders for a result's columns.
-- @tparam Link link idle
-- @tparam table oids of the columns
-- @treturn table kind of each column; "text" where the binary form is unknown
-- @treturn boolean can all of them be read in binary?
function TypeInfo:_kinds_of(link, oids)
  local unknown
  for _, oid in ipairs(oids) do
    if self.kinds[oid] == nil then
      if not self.extension then
        self:_discover(link)
      end
      if self.kinds[oid] == nil then
        unknown = unknown or {}
        unknown[#unknown + 1] = oid
      end
    end
  end
  if unknown then self:_learn(link, unknown) end
  local kinds, binary = {}, true
  for i, oid in ipairs(oids) do
    kinds[i] = self.kinds[oid] or "text"
    if not self.kinds[oid] then binary = false end
  end
  return kinds, binary
end

--- The array OID of a built-in element type.
function TypeInfo.builtin_array(oid)
  return builtin_arrays[oid]
end

--- The element OID of an array type that was met before.
function TypeInfo:_element_of(array_oid)
  if builtin_elements[array_oid] then return builtin_elements[array_oid] end
  return self.elements[array_oid]
end

return TypeInfo
