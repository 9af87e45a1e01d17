--- Rows that replace those of the same key: they go into a temporary table, and
-- from there into theirs.
-- @module pgvector.cli.ingest.upsert

local compat = require "pgvector.compat"
local pg = require "pgvector"

local upsert = {}

local function is_set(names, columns)
  if #names ~= #columns then return false end
  local set = {}
  for _, name in ipairs(names) do set[name] = true end
  for _, column in ipairs(columns) do
    if not set[type(column) == "table" and column.name or column] then return false end
  end
  return true
end

--- Is there a constraint or an index that keeps these columns unique?
-- @tparam Table tbl as read from the database
-- @tparam table key names of columns
-- @treturn boolean
function upsert.is_unique(tbl, key)
  if tbl.primary_key and is_set(key, tbl.primary_key.columns) then return true end
  for _, constraint in ipairs(tbl.constraints) do
    if constraint.__visit_name == "unique_constraint" and not constraint.deferrable
      and is_set(key, constraint.columns) then
      return true
    end
  end
  for _, index in ipairs(tbl.indexes) do
    local names = {}
    for i, element in ipairs(index.elements) do names[i] = tbl.c[element.name] == element and element.name or "" end
    if index.unique and not index.where and is_set(key, names) then return true end
  end
  return false
end

local function free_name(name, taken)
  while taken(name) do name = name .. "_" end
  return name
end

--- The temporary table for rows of a shape; its last column tells their order.
-- @tparam Table tbl the target
-- @tparam table names of the columns
-- @treturn Table not created yet
-- @treturn string the name of its last column
function upsert.staging(tbl, names)
  local columns, taken = {}, {}
  for i, name in ipairs(names) do
    columns[i], taken[name] = pg.Column{ name, tbl.c[name].type }, true
  end
  local order = free_name("ingest_order", function(name) return taken[name] end)
  columns[#columns + 1] = pg.Column{ order, pg.BigInteger }
  local name = free_name("ingest_rows", function(name) return name == tbl.name end)
  return pg.Table(name, pg.MetaData(), columns, { temporary = true }), order
end

-- NULL is no key: such rows are not each other's duplicates.
local function identity(source, key, order)
  local elements, conditions = {}, {}
  for i, name in ipairs(key) do
    elements[i] = source.c[name]
    conditions[i] = source.c[name]:is_null()
  end
  elements[#elements + 1] = pg.case{ { pg.or_(compat.unpack(conditions)), source.c[order] } }
  return elements
end

--- The statement that stores what the temporary table holds. Of rows with the same key
-- the last one counts.
-- @tparam Table tbl the target
-- @tparam Table source
-- @tparam string order the source's last column
-- @tparam table names of the columns
-- @tparam table key names of the columns that are unique together
-- @treturn Insert
function upsert.statement(tbl, source, order, names, key)
  local columns, set, is_key = {}, {}, {}
  for _, name in ipairs(key) do is_key[name] = true end
  for i, name in ipairs(names) do
    columns[i] = source.c[name]
    if not is_key[name] then set[#set + 1] = name end
  end
  local elements = identity(source, key, order)
  local sorting = { compat.unpack(elements) }
  sorting[#sorting + 1] = source.c[order]:desc()
  local query = pg.select(compat.unpack(columns)):distinct_on(compat.unpack(elements))
    :order_by(compat.unpack(sorting))
  local insert = pg.insert(tbl):from_select(names, query)
  if #set == 0 then return insert:on_conflict_do_nothing{ index_elements = key } end
  return insert:on_conflict_do_update{ index_elements = key, set = set }
end

return upsert
