--- Checks of vector columns.
-- @module pgvector.cli.doctor.checks.columns

local names = require "pgvector.cli.doctor.names"

local MANY_ROWS = 10000 -- more are searched faster by an index
local NULL_SHARE = 0.1
local MAX_NONZEROS = 1000

-- The most dimensions that an index takes, by type.
local longest = { vector = 2000, halfvec = 4000 }

local checks = {}

-- A check of each column, `fn(tbl, column, report, facts)`.
local function check(name, fn)
  checks[#checks + 1] = {
    name = name,
    run = function(facts, report)
      for _, tbl in ipairs(facts.tables) do
        for _, column in ipairs(tbl.columns) do fn(tbl, column, report, facts) end
      end
    end,
  }
end

local function is_indexed(tbl, column)
  for _, index in ipairs(tbl.indexes) do
    if index.valid or index.building then
      for _, name in ipairs(index.columns) do
        if name == column.name then return true end
      end
    end
  end
  return false
end

local function is_too_long(column)
  return column.dim and longest[column.kind] and column.dim > longest[column.kind]
end

-- What an index of a column would hold.
local function element(column)
  local name = names.quote(column.name)
  if is_too_long(column) then
    if column.dim <= longest.halfvec then
      return ("((%s::halfvec(%d)) halfvec_cosine_ops)"):format(name, column.dim)
    end
    return ("((binary_quantize(%s)::bit(%d)) bit_hamming_ops)"):format(name, column.dim)
  end
  return ("(%s %s)"):format(name, column.kind == "bit" and "bit_hamming_ops" or column.kind .. "_cosine_ops")
end

local function create_index(tbl, column)
  return ("CREATE INDEX %sON %s USING hnsw %s"):format(tbl.partitioned and "" or "CONCURRENTLY ", names.sql(tbl),
    element(column))
end

check("column_dimensions", function(tbl, column, report)
  if column.dim then return end
  report("warning", names.column(tbl, column),
    "it has no declared dimensions, so that it takes vectors of any length and no index",
    ("ALTER TABLE %s ALTER COLUMN %s TYPE %s(n)"):format(names.sql(tbl), names.quote(column.name), column.kind))
end)

check("column_unindexed", function(tbl, column, report)
  if tbl.rows <= MANY_ROWS or not column.dim or is_indexed(tbl, column) then return end
  report("warning", names.column(tbl, column),
    ("each search reads all of the %s rows: there is no index"):format(names.count(tbl.rows)),
    create_index(tbl, column))
end)

check("column_long", function(tbl, column, report)
  if not is_too_long(column) or tbl.rows > MANY_ROWS or is_indexed(tbl, column) then return end
  report("note", names.column(tbl, column),
    ("%d dimensions are too many for an index on %s: one on %s takes them"):format(column.dim, column.kind,
      column.dim <= longest.halfvec and "halfvec" or "bits"), create_index(tbl, column))
end)

check("null_share", function(tbl, column, report)
  if not column.null_share or column.null_share < NULL_SHARE then return end
  report("note", names.column(tbl, column),
    ("%s of the rows have no vector, and no search by an index finds them"):format(names.percent(column.null_share)),
    ("look at SELECT count(*) FROM %s WHERE %s IS NULL"):format(names.sql(tbl), names.quote(column.name)))
end)

check("zero_vectors", function(tbl, column, report, facts)
  if not column.zeros or column.zeros == 0 then return end
  local norm = column.kind == "vector" and "vector_norm" or "l2_norm"
  report("warning", names.column(tbl, column),
    ("%s of %s vectors are zero: a cosine index leaves them out"):format(names.count(column.zeros),
      names.count(column.sampled)),
    ("look at SELECT * FROM %s WHERE %s.%s(%s) = 0"):format(names.sql(tbl), names.quote(facts.extension.schema), norm,
      names.quote(column.name)))
end)

check("sparse_nonzeros", function(tbl, column, report)
  if not column.nonzeros or column.nonzeros <= MAX_NONZEROS then return end
  report("warning", names.column(tbl, column),
    ("a vector has %s values that are not zero, an index takes %s"):format(names.count(column.nonzeros),
      names.count(MAX_NONZEROS)), "keep the largest values of each vector only")
end)

return checks
