--- What tables need besides themselves: extensions, schemas, enum types, sequences.
-- @module pgvector.migrate.compare.types

local create = require "pgvector.sql.create"
local operations = require "pgvector.migrate.operations"

local new, from = operations.new, operations.from
local base_type = create.base_type

local needs = {}

--- Is it an enum, or an array of one?
function needs.is_enum(type) return base_type(type).family == "enum" end

local function each_type(tables, fn)
  for _, tbl in ipairs(tables) do
    for _, col in ipairs(tbl:_columns()) do fn(base_type(col.type), col) end
  end
end

---- extensions and schemas -------------------------------------------------------

--- Operations that create the extensions that the models need and the database lacks.
function needs.extensions(scope, metadatas)
  local list, made = {}, {}
  for _, metadata in ipairs(metadatas) do
    local tables = {}
    for _, tbl in ipairs(scope.models) do
      if tbl.metadata == metadata then tables[#tables + 1] = tbl end
    end
    for _, name in ipairs(create.extensions_of(metadata, tables)) do
      local is_there = scope.extensions[name] or made[name]
      if not is_there and scope:includes(name, name, "extension", false) then
        made[name] = true
        list[#list + 1] = new.create_extension(name)
      end
    end
  end
  return list
end

--- Operations that create the schemas of the models' tables.
function needs.schemas(scope)
  local made, list = {}, {}
  for _, tbl in ipairs(scope.models) do
    local name = tbl.schema
    if name and not scope.schemas[name] and not made[name] then
      made[name] = true
      list[#list + 1] = new.create_schema(name, { if_not_exists = true })
    end
  end
  return list
end

---- enum types -------------------------------------------------------------------

local function find_enum(scope, enum)
  for _, known in ipairs(scope.enums) do
    local same_schema = enum.schema and enum.schema == known.schema or not enum.schema and known.visible
    if known.name == enum.name and same_schema then return known end
  end
end

local function positions(labels)
  local at = {}
  for i, label in ipairs(labels) do at[label] = i end
  return at
end

-- Operations for labels that the database lacks, and remarks on what it cannot do.
local function compare_labels(enum, known, list, remarks)
  local wanted, existing = positions(enum.enums), positions(known.labels)
  local gone, last, in_order = {}, 0, true
  for _, label in ipairs(known.labels) do
    if not wanted[label] then
      gone[#gone + 1] = "'" .. label .. "'"
    else
      in_order, last = in_order and wanted[label] > last, wanted[label]
    end
  end
  local name = (enum.schema and enum.schema .. "." or "") .. enum.name
  if #gone > 0 then
    remarks[#remarks + 1] = ("enum %s: the models have no %s any more, but PostgreSQL cannot take a label "
      .. "out of an enum"):format(name, table.concat(gone, ", "))
  elseif not in_order then
    remarks[#remarks + 1] = ("enum %s: its labels stand in another order than in the models, which "
      .. "PostgreSQL cannot change"):format(name)
  end
  for i, label in ipairs(enum.enums) do
    if not existing[label] then
      local options = { schema = enum.schema }
      if i > 1 then options.after = enum.enums[i - 1] else options.before = known.labels[1] end
      list[#list + 1] = new.add_enum_value(enum.name, label, options)
    end
  end
end

--- Compares the enum types of the models.
-- @treturn table sequence of operations
-- @treturn table `replaced` of model.understand
-- @treturn table set of the models' enums by name
function needs.enums(scope, remarks)
  local list, replaced, seen, names = {}, {}, {}, {}
  each_type(scope.models, function(type)
    local of = type.family == "enum" and (type.schema or "") .. "." .. type.name
    if not of or seen[of] then return end
    seen[of], names[type.name] = true, true
    local known = find_enum(scope, type)
    if not scope:includes(type, type.name, "enum", false, known) then return end
    local before = #list
    if known then
      compare_labels(type, known, list, remarks)
    else
      list[#list + 1] = from.create_enum(type)
    end
    if #list > before then
      replaced[#replaced + 1], replaced[type.name] = type.name, type
    end
  end)
  return list, replaced, names
end

---- sequences --------------------------------------------------------------------

local sequence_options = { "start", "increment", "minvalue", "maxvalue", "cache", "cycle", "schema" }

--- The operation that creates a sequence.
-- @tparam Sequence sequence of a column
function needs.create_sequence(sequence)
  local options = {}
  for _, name in ipairs(sequence_options) do options[name] = sequence[name] end
  return new.create_sequence(sequence.name, options)
end

--- The operation that drops it, and whose reverse creates it.
function needs.drop_sequence(sequence)
  -- that of a SERIAL column has gone with the column
  local drop = new.drop_sequence(sequence.name, { schema = sequence.schema, if_exists = true })
  drop.undo = needs.create_sequence(sequence)
  return drop
end

--- A sequence's place in the database: "schema.name".
function needs.sequence_key(scope, sequence)
  return (sequence.schema or scope.default_schema) .. "." .. sequence.name
end

--- Operations that create the sequences of the models which the database lacks.
function needs.sequences(scope)
  local list, made = {}, {}
  for _, tbl in ipairs(scope.models) do
    for _, col in ipairs(tbl:_columns()) do
      local key = col.sequence and needs.sequence_key(scope, col.sequence)
      if key and not scope.sequences[key] and not made[key] then
        made[key] = true
        list[#list + 1] = needs.create_sequence(col.sequence)
      end
    end
  end
  return list
end

---- what nobody needs any more ---------------------------------------------------

-- Enums and sequences that columns use, by key.
local function use(scope, used, fact_column, col)
  if fact_column.enum then
    used[fact_column.enum.schema .. "." .. fact_column.enum.name] = { enum = base_type(col.type) }
  end
  if fact_column.sequence then
    used[needs.sequence_key(scope, fact_column.sequence)] = { sequence = col.sequence }
  end
end

--- Plans the end of enums and sequences that only columns used which go.
-- @tparam Plan plan
-- @tparam Scope scope
-- @tparam table sides `before`: sequence of `{ fact =, reflected =, kept = set of columns,
--   understood = }` of the tables that are compared or dropped; `kept`: of all others
function needs.drop_unused(plan, scope, sides)
  local before, after, order = {}, {}, {}
  for _, side in ipairs(sides.before) do
    for _, column in ipairs(side.fact.columns) do
      local kept = side.kept and side.kept[column.name]
      use(scope, kept and after or before, column, side.reflected._by_name[column.name])
    end
    -- a model may name an enum as pg.Type, and call nextval in text
    for name, column in pairs(side.understood and side.understood.columns or {}) do
      use(scope, after, column, side.understood.table._by_name[name])
    end
  end
  for _, side in ipairs(sides.kept) do
    for _, column in ipairs(side.fact.columns) do
      use(scope, after, column, side.reflected._by_name[column.name])
    end
  end
  for _, tbl in ipairs(scope.models) do
    for _, col in ipairs(tbl:_columns()) do
      local type = base_type(col.type)
      if type.family == "enum" then
        local known = find_enum(scope, type)
        if known then after[known.schema .. "." .. known.name] = {} end
      end
      if col.sequence then after[needs.sequence_key(scope, col.sequence)] = {} end
    end
  end
  for key in pairs(before) do
    if not after[key] then order[#order + 1] = key end
  end
  table.sort(order)
  for _, key in ipairs(order) do
    local unused = before[key]
    if unused.sequence then
      plan:add("drop_sequences", needs.drop_sequence(unused.sequence))
    elseif scope:includes(unused.enum, unused.enum.name, "enum", true, nil) then
      plan:add("drop_enums", from.drop_enum(unused.enum))
    end
  end
end

return needs
