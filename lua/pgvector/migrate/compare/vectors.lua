--- Changes of vector columns that ALTER TYPE alone would not survive.
--
-- Values of one length do not become values of another, and embeddings of one
-- model say nothing to another. Such a column is made beside the old one, is
-- filled by whoever has the data, and takes its place; a guard stops the migration as
-- long as there is something that would be lost.
-- @module pgvector.migrate.compare.vectors

local create = require "pgvector.sql.create"
local identifiers = require "pgvector.util.identifiers"
local literal = require "pgvector.types.literal"
local operations = require "pgvector.migrate.operations"

local new, from = operations.new, operations.from
local quote = identifiers.quote

local vectors = {}

local castable = { vector = true, halfvec = true, sparsevec = true }

local function is_vector(type) return castable[type.kind] or type.kind == "bit" end

--- Is this a change from one vector type (or bit string) to another?
function vectors.concerns(old, new_type)
  return is_vector(create.base_type(old)) and is_vector(create.base_type(new_type)) and true or false
end

-- Can every value be converted?
local function is_convertible(old, wanted)
  if not (castable[old.kind] and castable[wanted.kind]) then return false end
  return wanted.dim == nil or old.dim == nil or old.dim == wanted.dim
end

-- Stops the migration while a row has a value in `old` and none in `filled`.
local function guard(tbl, old, filled)
  local name = identifiers.qualified(tbl.schema, tbl.name)
  local message = ("fill %s.%s first, which replaces %s"):format(tbl.name, filled, old)
  return ("DO $guard$ BEGIN IF EXISTS (SELECT FROM %s WHERE %s IS NOT NULL AND %s IS NULL) "
    .. "THEN RAISE EXCEPTION USING MESSAGE = %s; END IF; END $guard$"):format(name, quote(old), quote(filled),
    literal.string(message))
end

-- A column like this one, of its table, with other fields.
local function like(col, fields)
  local copy = col:_copy()
  for field, value in pairs(fields) do copy[field] = value end
  copy.table = col.table
  return copy
end

local function free_name(tbl, reflected, name)
  local candidate, n = identifiers.truncate(name .. "_new"), 1
  while tbl._by_name[candidate] or reflected._by_name[candidate] do
    n = n + 1
    candidate = identifiers.truncate(name .. "_new" .. n)
  end
  return candidate
end

-- Do fewer elements of a dense vector stay?
local function is_shortened(old, wanted)
  local is_dense = old.kind == "vector" or old.kind == "halfvec"
  return is_dense and old.kind == wanted.kind and old.dim > wanted.dim
end

-- The new column beside the old one, and then in its place.
local function replaced(tbl, col, existing)
  local old, name = col.name, free_name(tbl, existing.table, col.name)
  local add = from.add_column(like(col, { name = name, nullable = true }))
  add.note = ("%s does not become %s: values of the one are none of the other. Fill %s after this step,\n"
    .. "here or with a program of its own; the next step stops as long as rows are missing."):format(
    tostring(existing.type), tostring(col.type), name)
  if is_shortened(existing.type, col.type) then
    add.note = add.note .. "\nFor embeddings that are made to be shortened, "
      .. "op.alter_vector with strategy = \"truncate\" does it all."
  end
  local function alter(column_name, options)
    options.schema = tbl.schema
    return new.alter_column(tbl.name, column_name, options)
  end
  local list = { add, new.execute(guard(tbl, old, name), { reverse = guard(tbl, name, old) }) }
  if not existing.nullable then
    list[#list + 1] = alter(old, { nullable = true, existing_nullable = false })
  end
  list[#list + 1] = from.drop_column(like(existing, { nullable = true }))
  list[#list + 1] = alter(name, { new_column_name = old })
  if not col.nullable then
    list[#list + 1] = alter(old, { nullable = false, existing_nullable = true })
  end
  return list
end

local function converted(tbl, col, existing)
  local old, wanted = existing.type, col.type
  if wanted.elem then
    local function using(type) return ("%s::%s"):format(quote(col.name), tostring(type)) end
    return new.alter_column(tbl.name, col.name, {
      type_ = wanted, existing_type = old, using = using(wanted), existing_using = using(old),
      schema = tbl.schema,
    })
  end
  local operation = new.alter_vector(tbl.name, col.name, wanted, { existing_type = old, schema = tbl.schema })
  if wanted.dim and not old.dim then
    operation.note = ("fails if a value has other than %d dimensions"):format(wanted.dim)
  end
  return operation
end

--- The operations that change a vector column's type.
-- @tparam Table tbl of the model
-- @tparam Column col of the model
-- @tparam Column existing the reflected one
-- @treturn table `{ operations = sequence, is_new = has the column been made anew? }`
function vectors.change(tbl, col, existing)
  local old, wanted = create.base_type(existing.type), create.base_type(col.type)
  if is_convertible(old, wanted) then return { operations = { converted(tbl, col, existing) } } end
  return { operations = replaced(tbl, col, existing), is_new = true }
end

return vectors
