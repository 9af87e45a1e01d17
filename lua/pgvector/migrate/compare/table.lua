--- One table on both sides → operations, by the phase in which they run.
-- @module pgvector.migrate.compare.table

local columns = require "pgvector.migrate.compare.columns"
local ddl = require "pgvector.sql.ddl"
local members = require "pgvector.migrate.compare.members"
local operations = require "pgvector.migrate.operations"

local new, from = operations.new, operations.from

local compare_table = {}

-- What the hooks call the kinds.
local hook_kinds = { primary_key_constraint = "primary_key" }
local function hook_kind(of) return hook_kinds[of.kind] or of.kind end

---- dropping and creating --------------------------------------------------------

local function drop_member(plan, of)
  if of.kind == "index" then
    plan:add("drop_indexes", from.drop_index(of.object))
  else
    plan:add(of.kind == "foreign_key_constraint" and "drop_foreign_keys" or "drop_constraints",
      from.drop_constraint(of.object))
  end
end

local function create_member(plan, of, taken)
  if of.kind == "index" then
    plan:add("create_indexes", from.create_index(of.object))
    return
  end
  local constraint = members.named(of, taken)
  plan:add(of.kind == "foreign_key_constraint" and "create_foreign_keys" or "create_constraints",
    from.create_constraint(constraint))
end

-- A comment of an index or a constraint, and back. It has its new name by then.
local function comment(plan, of, existing)
  local object, known = of.object, existing.object
  if (object.comment or false) == (known.comment or false) then return end
  local target = object.name and object or known
  local function sql(text) return (ddl.comment_on(target, { text = text or false }):compile()) end
  plan:add("comments", new.execute(sql(object.comment), { reverse = sql(known.comment) }))
end

local function rename(plan, of, existing, taken)
  local name = of.object.name
  if not name or name == existing.name then return true end
  if taken[name] then return false end
  local options = { schema = of.object.table.schema }
  plan:add("renames", of.kind == "index" and new.rename_index(existing.name, name, options)
    or new.rename_constraint(existing.name, name, of.object.table.name, options))
  return true
end

local function settle_same(plan, of, existing, taken)
  if of.kind == "index" and not existing.fact.valid then
    drop_member(plan, existing)
    local create = from.create_index(of.object)
    create.note = ("index '%s' is invalid: building it CONCURRENTLY failed"):format(existing.name)
    plan:add("create_indexes", create)
    return
  end
  if not rename(plan, of, existing, taken) then
    drop_member(plan, existing)
    create_member(plan, of, taken)
    return
  end
  if existing.fact.not_valid and not of.object.not_valid then
    plan:add("comments", new.validate_constraint(of.object.name or existing.name, of.object.table.name,
      { schema = of.object.table.schema }))
  end
  comment(plan, of, existing)
end

---- the table itself -------------------------------------------------------------

local function compare_comment(plan, tbl, fact)
  local options = { schema = tbl.schema, existing_comment = fact.comment }
  if (tbl.comment or false) == (fact.comment or false) then return end
  plan:add("comments", tbl.comment and new.create_table_comment(tbl.name, tbl.comment, options)
    or new.drop_table_comment(tbl.name, options))
end

local function compare_options(plan, tbl, fact, understood)
  local name = tbl.key
  local function differs(what)
    plan:remark(("table %s: %s differs from the model's; no operation is made of that"):format(name, what))
  end
  if (tbl.unlogged or false) ~= (fact.unlogged or false) then differs "UNLOGGED" end
  if (understood.fact.partition_by or false) ~= (fact.partition_by or false) then differs "PARTITION BY" end
  if tbl.tablespace and tbl.tablespace ~= fact.tablespace then differs "its tablespace" end
  if tbl.with and members.serialised(understood.fact.with or {}) ~= members.serialised(fact.with or {}) then
    differs "WITH"
  end
end

---- putting it together ----------------------------------------------------------

-- Must it be made anew because of a column that is?
local function depends(of, rebuilt)
  for name in pairs(rebuilt) do
    if members.mentions(of, name) then return true end
  end
  return false
end

--- Looks at a table of the models and the one in the database. Nothing is
-- planned yet, but it is known then which keys go, and what refers to them.
-- @tparam Plan plan
-- @tparam table context as for columns.compare, and `fact`, the database's
function compare_table.look(plan, context)
  local scope, tbl, clean = context.scope, context.table, context.clean
  context.columns = columns.compare(context)
  local ours = members.of_model(scope, tbl, context.understood, clean)
  local theirs = {}
  for _, of in ipairs(members.of_database(context.fact, context.reflected, clean)) do
    if scope:includes_name(of.name, hook_kind(of), tbl.schema, tbl.name) then theirs[#theirs + 1] = of end
  end
  context.taken, context.paired = {}, members.pair(ours, theirs)
  for _, of in ipairs(theirs) do context.taken[of.name] = true end
  local function includes(of, reflected, other)
    return scope:includes(of.object, of.name, hook_kind(of), reflected, other and other.object)
  end
  local paired, changed, removed, added = context.paired, {}, {}, {}
  for _, pair in ipairs(paired.changed) do
    if includes(pair[1], false, pair[2]) then changed[#changed + 1] = pair end
  end
  for _, of in ipairs(paired.removed) do
    if includes(of, true) then removed[#removed + 1] = of end
  end
  for _, of in ipairs(paired.added) do
    if includes(of, false) then added[#added + 1] = of end
  end
  paired.changed, paired.removed, paired.added = changed, removed, added
  for _, pair in ipairs(changed) do plan:force_references(pair[2]) end
  for _, of in ipairs(removed) do plan:force_references(of) end
  for _, pair in ipairs(paired.same) do
    if depends(pair[1], context.columns.rebuilt) then plan:force_references(pair[2]) end
  end
end

--- Do columns or keys of the table change, that foreign keys of other tables could refer to?
function compare_table.is_changing(context)
  local count, paired = 0, context.paired
  for _, phase in ipairs{ "before", "add", "alter", "after", "drop" } do
    count = count + #context.columns[phase]
  end
  return count + #paired.added + #paired.changed + #paired.removed > 0
end

--- Plans what `look` has found.
function compare_table.plan(plan, context)
  local of_columns, paired, taken = context.columns, context.paired, context.taken
  plan:add_all("drop_computed", of_columns.before)
  plan:add_all("add_columns", of_columns.add)
  plan:add_all("alter_columns", of_columns.alter)
  plan:add_all("add_columns_late", of_columns.after)
  plan:add_all("drop_columns", of_columns.drop)
  compare_comment(plan, context.table, context.fact)
  compare_options(plan, context.table, context.fact, context.understood)
  for _, pair in ipairs(paired.same) do
    local of, existing = pair[1], pair[2]
    if depends(of, of_columns.rebuilt) or plan:is_forced(existing.object) then
      drop_member(plan, existing)
      create_member(plan, of, taken)
    else
      settle_same(plan, of, existing, taken)
    end
  end
  for _, pair in ipairs(paired.changed) do
    drop_member(plan, pair[2])
    taken[pair[2].name] = nil
    create_member(plan, pair[1], taken)
  end
  for _, of in ipairs(paired.removed) do drop_member(plan, of) end
  for _, of in ipairs(paired.added) do create_member(plan, of, taken) end
end

--- Creates a table of the models.
-- @tparam Plan plan
-- @tparam Table tbl
-- @tparam table late set of foreign keys that wait for other tables
-- @treturn Operation
function compare_table.create(plan, tbl, late)
  local operation = from.create_table(tbl, { without = late })
  plan:add("create_tables", operation)
  for _, index in ipairs(tbl.indexes) do plan:add("create_indexes", from.create_index(index)) end
  for _, key in ipairs(tbl.foreign_keys) do
    if late[key] then
      plan:add("create_foreign_keys", from.create_constraint(members.named(members.late(key), {})))
    end
  end
  return operation
end

--- Drops a table of the database.
-- @tparam Plan plan
-- @tparam Table reflected
-- @tparam table late set of foreign keys that are dropped before all tables
function compare_table.drop(plan, reflected, late)
  for _, key in ipairs(reflected.foreign_keys) do
    if late[key] then plan:add("drop_foreign_keys", from.drop_constraint(key)) end
  end
  for _, index in ipairs(reflected.indexes) do plan:add("drop_indexes", from.drop_index(index)) end
  plan:add("drop_tables", from.drop_table(reflected, { without = late }))
end

return compare_table
