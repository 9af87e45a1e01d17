--- The vector column that a command is about.
-- @module pgvector.cli.vector_column

local compiler = require "pgvector.sql.compiler"
local errors = require "pgvector.errors"
local pg = require "pgvector"
local words = require "pgvector.cli.arguments"

local vector_column = {}

local function names_of(columns)
  local names = {}
  for i, column in ipairs(columns) do names[i] = column.name end
  return names
end

-- Those of pgvector's types; bit strings count where there is none of them.
local function candidates(tbl)
  local found, bits = {}, {}
  for _, column in ipairs(tbl:_columns()) do
    if column.type.family == "vector" then found[#found + 1] = column end
    if column.type.kind == "bit" then bits[#bits + 1] = column end
  end
  return found[1] and found or bits
end

--- A column of a table by its name.
-- @tparam Table tbl
-- @tparam string name
-- @tparam string option that named it, for the message
-- @treturn Column
-- @raise misuse if there is none
function vector_column.named(tbl, name, option)
  local found = tbl:_column(name)
  if found then return found end
  words.misuse("%s: %s has no column '%s'%s", option, tbl.key, name, errors.did_you_mean(name, tbl:_keys()))
end

--- Chooses the column.
-- @tparam Table tbl
-- @tparam ?string name nil: the only one
-- @treturn Column
-- @raise misuse if there is no such column, or are several
function vector_column.choose(tbl, name)
  if name then
    local column = vector_column.named(tbl, name, "--column")
    if column.type.family == "vector" or column.type.kind == "bit" then return column end
    words.misuse("--column: '%s' has type %s, which is no vector", name, tostring(column.type))
  end
  local found = candidates(tbl)
  if #found == 1 then return found[1] end
  if #found == 0 then errors.raise("InvalidRequestError", "%s has no vector column", tbl.key) end
  words.misuse("%s has several vector columns, name one of them by --column: %s", tbl.key,
    table.concat(names_of(found), ", "))
end

---- its indexes ----------------------------------------------------------------------

local function text_of(expr) return compiler.compile(expr, { bare = true, literal_binds = true }).sql end

-- The forms of a column that an index of `nearest` may hold, by their text.
local function forms_of(column)
  local forms, dim = { [text_of(column)] = "column" }, column.type.dim
  if column.type.kind == "vector" and dim then
    forms[text_of(column:cast(pg.HALFVEC(dim)))] = "halfvec"
  end
  if (column.type.kind == "vector" or column.type.kind == "halfvec") and dim then
    forms[text_of(pg.func.binary_quantize(column):cast(pg.BIT(dim)))] = "binary"
  end
  return forms
end

--- The vector indexes that `nearest` can use for a column.
-- @tparam Table tbl
-- @tparam Column column
-- @treturn table sequence of `name`, `method`, `metric`, `with`, `where` (SQL text) and, for one on a
--   smaller form of the vectors, `via`
function vector_column.indexes(tbl, column)
  local forms, found = forms_of(column), {}
  for _, index in ipairs(tbl.indexes) do
    local form = index.metric and forms[text_of(index.elements[1])]
    if form then
      found[#found + 1] = {
        name = index.name, method = index.method, metric = index.metric, with = index.with,
        where = index.where and text_of(index.where), via = form ~= "column" and form or nil,
      }
    end
  end
  return found
end

--- The metric by which a column is searched: that of its index, as `nearest` has it.
-- @treturn string
function vector_column.metric(tbl, column)
  local half
  for _, index in ipairs(vector_column.indexes(tbl, column)) do
    if not index.via then return index.metric end
    if index.via == "halfvec" then half = half or index.metric end
  end
  return half or (column.type.family == "bit" and "hamming" or "cosine")
end

return vector_column
