--- What tells the models from the database, as operations that would mend it.
--
-- Both sides are read by the same catalog queries. The models are made in pg_temp for
-- that, in a transaction (or savepoint) that is rolled back, so nothing stays.
-- @module pgvector.migrate.compare

local build = require "pgvector.reflect.build"
local compare_table = require "pgvector.migrate.compare.table"
local create = require "pgvector.sql.create"
local identifiers = require "pgvector.util.identifiers"
local model = require "pgvector.migrate.compare.model"
local needs = require "pgvector.migrate.compare.types"
local Plan = require "pgvector.migrate.compare.plan"
local schema = require "pgvector.sql.schema"
local Scope = require "pgvector.migrate.compare.scope"
local new = require "pgvector.migrate.operations".new
local stub = require "pgvector.migrate.operations.stub"

local compare = {}

---- the database's side as tables -------------------------------------------------

-- A table of which foreign keys know more than was read.
local function stand_in(metadata, fact)
  local known = metadata:_find(fact.referred_table, fact.referred_schema)
  if known then return known end
  return schema.Table._new(fact.referred_table, metadata, stub.columns(fact.referred_columns),
    { schema = fact.referred_schema, managed = false })
end

-- Tables made of the facts, by key. Their foreign keys point at each other
-- whether the facts were read with a schema or without.
local function reflect(scope)
  local metadata, by_key = schema.MetaData._new{ extensions = {} }, {}
  for _, fact in ipairs(scope.facts) do
    by_key[fact.schema .. "." .. fact.name] = build.table(metadata, fact, fact.qualified)
  end
  for _, fact in ipairs(scope.facts) do
    local keys = {}
    for _, key in ipairs(by_key[fact.schema .. "." .. fact.name].foreign_keys) do keys[key.name] = key end
    for _, of in ipairs(fact.foreign_keys) do
      local target = by_key[of.referred_schema .. "." .. of.referred_table] or stand_in(metadata, of)
      local key = keys[of.name]
      for i, name in ipairs(of.referred_columns) do
        key.targets[i] = target._by_name[name] or key.targets[i]
      end
    end
  end
  return by_key
end

---- renames ----------------------------------------------------------------------

-- The names and types of a table's columns, as text.
local function outline(tbl)
  local parts = {}
  for i, col in ipairs(tbl:_columns()) do parts[i] = col.name .. " " .. tostring(col.type) end
  table.sort(parts)
  return table.concat(parts, "\n")
end

local function suggest_renames(created, dropped)
  for _, entry in ipairs(created) do
    for _, reflected in ipairs(dropped) do
      if outline(entry.table) == outline(reflected) then
        local instead = new.rename_table(reflected.name, entry.table.name, { schema = entry.table.schema })
        entry.operation.note = ("looks like a rename of '%s'; this keeps the rows: %s"):format(reflected.name,
          tostring(instead))
        break
      end
    end
  end
end

---- comparing --------------------------------------------------------------------

-- A function that makes SQL text of both sides equal where only an enum that
-- was made in pg_temp tells them apart.
local function cleaner(scope, replaced)
  local prefixes = {}
  for _, enum in ipairs(scope.enums) do
    if replaced[enum.name] then
      local pattern = identifiers.qualified(enum.schema, enum.name):gsub("%W", "%%%0")
      prefixes[#prefixes + 1] = { pattern, (identifiers.quote(enum.name):gsub("%%", "%%%%")) }
    end
  end
  return function(text)
    for _, prefix in ipairs(prefixes) do text = text:gsub(prefix[1], prefix[2]) end
    return text
  end
end

-- The tables that both sides have, and those of one side only, after the hooks.
local function sort_out(scope, reflected, plan)
  local both, new_tables, gone, owned = {}, {}, {}, {}
  for _, fact in ipairs(scope.owned) do owned[fact.schema .. "." .. fact.name] = fact end
  local ours, models = {}, {}
  for _, tbl in ipairs(scope.models) do
    local key = scope:key_of(tbl)
    local existing = scope.database[key]
    ours[key] = true
    -- a table that is there, but belongs to somebody else, is left alone
    local is_free = not existing or owned[key]
    if existing and not existing.kind:find("table$") then
      plan:remark(("table %s: the database has a %s of that name"):format(tbl.key, existing.kind))
    end
    if is_free and scope:includes(tbl, tbl.name, "table", false, existing and reflected[key]) then
      models[#models + 1] = tbl
      if existing then both[#both + 1] = { table = tbl, key = key } else new_tables[#new_tables + 1] = tbl end
    end
  end
  for _, fact in ipairs(scope.owned) do
    local key = fact.schema .. "." .. fact.name
    if not ours[key] and scope:includes(reflected[key], fact.name, "table", true, nil) then
      gone[#gone + 1] = key
    end
  end
  scope.models = models
  return both, new_tables, gone
end

-- The order in which tables are created, and the set of foreign keys that must
-- wait: those of cycles, and those to tables that change, whose key may not be
-- there yet.
local function order_of(tables, changing)
  local order, late = create.order(tables)
  for _, tbl in ipairs(order) do
    for _, key in ipairs(tbl.foreign_keys) do
      if changing[key:referred_table()] then late[key] = true end
    end
  end
  return order, late
end

local function plan_new_tables(plan, new_tables, changing)
  local order, late = order_of(new_tables, changing)
  local created = {}
  for i, tbl in ipairs(order) do
    created[i] = { table = tbl, operation = compare_table.create(plan, tbl, late) }
  end
  return created
end

local function plan_gone_tables(plan, gone, reflected, changing)
  local tables = {}
  for i, key in ipairs(gone) do tables[i] = reflected[key] end
  local order, late = order_of(tables, changing)
  for i = #order, 1, -1 do compare_table.drop(plan, order[i], late) end
  return tables
end

local function plan_unused(plan, scope, reflected, both, gone)
  local sides, touched = { before = {}, kept = {} }, {}
  local function add(list, key, context)
    list[#list + 1] = {
      fact = scope.database[key], reflected = reflected[key], kept = context and context.columns.kept,
      understood = context and context.understood,
    }
    touched[key] = true
  end
  for _, context in ipairs(both) do add(sides.before, context.key, context) end
  for _, key in ipairs(gone) do add(sides.before, key) end
  for _, fact in ipairs(scope.facts) do
    local key = fact.schema .. "." .. fact.name
    if not touched[key] then add(sides.kept, key) end
  end
  needs.drop_unused(plan, scope, sides)
end

local function by_name(facts)
  local map = {}
  for _, fact in ipairs(facts) do map[fact.name] = fact end
  return map
end

local function within(run, metadatas, settings)
  local scope, plan = Scope.read(run, metadatas, settings), Plan.new()
  local reflected = reflect(scope)
  local both, new_tables, gone = sort_out(scope, reflected, plan)
  plan:add_all("schemas", needs.schemas(scope))
  local extensions = needs.extensions(scope, metadatas)
  plan:add_all("extensions", extensions)
  local enums, replaced = needs.enums(scope, plan.remarks)
  plan:add_all("enums", enums)
  plan:add_all("sequences", needs.sequences(scope))
  for _, operation in ipairs(extensions) do
    for _, statement in ipairs(operation:statements()) do run(statement, { n = 0 }) end
  end

  local existing = {}
  for i, context in ipairs(both) do existing[i] = context.table end
  local understood, clean = model.understand(run, existing, replaced), cleaner(scope, replaced)
  for _, fact in ipairs(scope.owned) do
    plan:add_references(reflected[fact.schema .. "." .. fact.name].foreign_keys)
  end
  for _, context in ipairs(both) do
    context.scope, context.clean, context.understood = scope, clean, understood[context.table]
    context.fact, context.reflected = scope.database[context.key], reflected[context.key]
    context.database_columns = by_name(context.fact.columns)
    compare_table.look(plan, context)
  end
  for _, context in ipairs(both) do compare_table.plan(plan, context) end
  local changing = {}
  for _, context in ipairs(both) do
    local is_changing = compare_table.is_changing(context)
    changing[context.table], changing[context.reflected] = is_changing, is_changing
  end
  local created = plan_new_tables(plan, new_tables, changing)
  suggest_renames(created, plan_gone_tables(plan, gone, reflected, changing))
  plan_unused(plan, scope, reflected, both, gone)
  return plan:operations(), plan.remarks
end

--- Compares the models with the database.
-- @tparam Connection conn in a transaction or not; what it does is rolled back
-- @tparam table metadatas sequence of MetaData, or one
-- @tparam[opt] table settings of the project: `include_object`, `include_name`,
--   `include_schemas`, `compare_type`, `compare_server_default`, `version_table`,
--   `version_table_schema`
-- @treturn table sequence of operations that would make the database what the models say
-- @treturn table sequence of remarks: what differs, but no operation mends
function compare.compare(conn, metadatas, settings)
  if rawget(metadatas, "_table_list") then metadatas = { metadatas } end
  local tx = conn:in_transaction() and conn:begin_nested() or conn:begin()
  local ok, list, remarks = pcall(conn._ddl_runner, conn, function(run)
    return within(run, metadatas, settings or {})
  end)
  tx:rollback()
  if not ok then error(list, 0) end
  return list, remarks
end

return compare
