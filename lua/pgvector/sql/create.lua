--- Creating and dropping tables in order, with the extensions, types and
-- sequences that they need.
--
-- `checks` says what is looked up in the catalogs first: "tables" everything,
-- "types" all but the tables, "nothing".
-- @module pgvector.sql.create

local coerce = require "pgvector.sql.coerce"
local ddl = require "pgvector.sql.ddl"
local errors = require "pgvector.errors"
local events = require "pgvector.util.events"
local SchemaMap = require "pgvector.sql.schema_map"
local sort = require "pgvector.sql.sort"

local create = {}

-- The extensions that types are in.
local extension_of = {
  vector = "vector", halfvec = "vector", sparsevec = "vector", hstore = "hstore", citext = "citext",
}

--- What can be listened to at tables and metadata; see pgvector.util.events.
create.events = { before_create = true, after_create = true, before_drop = true, after_drop = true }

--- Calls `fn(run, conn)`, which runs DDL, on what was given as a bind.
-- @param bind
-- @tparam function fn
-- @tparam[opt] table options `autocommit`: it cannot run in a transaction
function create.through(bind, fn, options)
  local ok, runner = pcall(function() return bind._ddl_runner end)
  if not (ok and runner) then
    errors.raise("ArgumentError", "bind: expected an engine or a connection, got %s", coerce.describe(bind))
  end
  runner(bind, fn, options)
end

-- Names as a connection's statements have them, by the schemas that stand in
-- for those of the definitions.
local function naming(conn)
  local map = conn and conn._schema_map or nil
  return function(object) return SchemaMap.qualified(map, object) end
end

--- The innermost type: an array's element, a decorator's implementation.
function create.base_type(type)
  while type.elem or type.impl do type = type.elem or type.impl end
  return type
end

-- What the columns of the tables need, each thing once, in column order;
-- `pick(type, column)` gives the thing.
local function needed(qualified, tables, pick)
  local objects, seen = {}, {}
  for _, table in ipairs(tables) do
    for _, column in ipairs(table:_columns()) do
      local object = pick(create.base_type(column.type), column)
      if object and not seen[qualified(object)] then
        seen[qualified(object)] = true
        objects[#objects + 1] = object
      end
    end
  end
  return objects
end

local function enums_of(qualified, tables)
  return needed(qualified, tables, function(type) return type.family == "enum" and type end)
end

local function sequences_of(qualified, tables)
  return needed(qualified, tables, function(_, column) return column.sequence end)
end

--- The names of the extensions that tables need, unless the metadata says which it wants.
-- @treturn table sequence
function create.extensions_of(metadata, tables)
  if metadata.extensions then return metadata.extensions end
  local names = {}
  for _, object in ipairs(needed(naming(), tables, function(type)
    local name = type.family ~= "enum" and extension_of[type.type_name]
    return name and { name = name }
  end)) do
    names[#names + 1] = object.name
  end
  return names
end

-- One look into the catalogs for everything: `things` is a sequence of
-- `{ kind, name }`.
local catalog_query = [[
SELECT v.n FROM (VALUES %s) AS v (n, kind, name)
WHERE CASE v.kind
  WHEN 'extension' THEN EXISTS (SELECT FROM pg_catalog.pg_extension AS e WHERE e.extname = v.name)
  WHEN 'type' THEN pg_catalog.to_regtype(v.name) IS NOT NULL
  ELSE EXISTS (SELECT FROM pg_catalog.pg_class AS c
    WHERE c.oid = pg_catalog.to_regclass(v.name) AND CASE v.kind
      WHEN 'table' THEN c.relkind IN ('r', 'p', 'f', 'v', 'm')
      WHEN 'index' THEN c.relkind IN ('i', 'I')
      ELSE c.relkind = 'S' END)
  END]]

--- Which of these exist in the database?
-- @tparam function run as `bind:_ddl_runner` gives it
-- @tparam table things sequence of `{ kind, name }`; kind is "table", "index",
--   "sequence", "type" or "extension", the name quoted where SQL needs it
-- @treturn function `exists(kind, name)` → boolean
function create.existing(run, things)
  local values, params, found = {}, { n = #things }, {}
  for i, thing in ipairs(things) do
    values[i] = ("(%d, '%s', $%d::text)"):format(i, thing[1], i)
    params[i] = thing[2]
  end
  if #things > 0 then
    for _, row in ipairs(run(catalog_query:format(table.concat(values, ", ")), params)) do
      local thing = things[row[1]]
      found[thing[1] .. " " .. thing[2]] = true
    end
  end
  return function(kind, name) return found[kind .. " " .. name] == true end
end

-- An index lives in the schema of its table.
local function index_exists(run, conn, index)
  local name = naming(conn){ schema = index.table.schema, name = index.name }
  return create.existing(run, { { "index", name } })("index", name)
end

local function survey(run, qualified, checks, metadata, tables)
  local things = {}
  local function add(kind, objects)
    for _, object in ipairs(objects) do
      things[#things + 1] = { kind, type(object) == "string" and object or qualified(object) }
    end
  end
  if checks == "tables" then add("table", tables) end
  if checks ~= "nothing" then
    add("type", enums_of(qualified, tables))
    add("sequence", sequences_of(qualified, tables))
    add("extension", create.extensions_of(metadata, tables))
  end
  return create.existing(run, things)
end

local function dependencies(table) return table:_dependencies() end

-- Foreign keys that wait until all tables exist: those that ask for it, and
-- those that close a cycle. A set.
local function late_keys(tables, left_out)
  local late = {}
  for _, edge in ipairs(left_out) do
    for _, key in ipairs(edge[1].foreign_keys) do
      if key:_find_referred_table() == edge[2] then late[key] = true end
    end
  end
  for _, table in ipairs(tables) do
    for _, key in ipairs(table.foreign_keys) do
      if key.use_alter then late[key] = true end
    end
  end
  return late
end

local function run_comments(run, table)
  if table.comment then run(ddl.comment_on(table)) end
  for _, objects in ipairs{ table:_columns(), table:_all_constraints(), table.indexes } do
    for _, object in ipairs(objects) do
      if object.comment then run(ddl.comment_on(object)) end
    end
  end
end

--- The order in which tables can be created.
-- @tparam table tables sequence
-- @treturn table the tables in order
-- @treturn table set of the foreign keys that have to wait until all of them exist
function create.order(tables)
  local order, left_out = sort.topological(tables, dependencies)
  return order, late_keys(order, left_out)
end

-- The metadata's listeners hear of it when it is about all of its tables.
local function about_all(metadata, is_all, name, conn, tables)
  if is_all and metadata._listeners then events.fire(metadata, name, metadata, conn, tables) end
end

local function about_table(table, name, conn)
  if table._listeners then events.fire(table, name, table, conn) end
end

--- Creates tables with what they need. Indexes are built plainly even if they
-- say `concurrently`: the tables are new and empty, and CONCURRENTLY cannot
-- run in a transaction.
-- @tparam MetaData metadata
-- @tparam Engine|Connection bind
-- @tparam table tables
-- @tparam string checks see above
-- @tparam[opt] boolean is_all is this create_all?
function create.create_tables(metadata, bind, tables, checks, is_all)
  local order, late = create.order(tables)
  create.through(bind, function(run, conn)
    local qualified = naming(conn)
    local exists = survey(run, qualified, checks, metadata, order)
    local missing = {}
    for _, table in ipairs(order) do
      if not exists("table", qualified(table)) then missing[#missing + 1] = table end
    end
    about_all(metadata, is_all, "before_create", conn, missing)
    for _, name in ipairs(create.extensions_of(metadata, missing)) do
      if not exists("extension", name) then run(ddl.create_extension(name, { if_not_exists = true })) end
    end
    for _, enum in ipairs(enums_of(qualified, missing)) do
      if not exists("type", qualified(enum)) then run(ddl.create_enum(enum)) end
    end
    for _, sequence in ipairs(sequences_of(qualified, missing)) do
      if not exists("sequence", qualified(sequence)) then run(ddl.create_sequence(sequence)) end
    end
    for _, table in ipairs(missing) do
      about_table(table, "before_create", conn)
      run(ddl.create_table(table, { without = late }))
      for _, index in ipairs(table.indexes) do run(ddl.create_index(index, { concurrently = false })) end
      run_comments(run, table)
      about_table(table, "after_create", conn)
    end
    for _, table in ipairs(missing) do
      for _, key in ipairs(table.foreign_keys) do
        if late[key] then run(ddl.add_constraint(key)) end
      end
    end
    about_all(metadata, is_all, "after_create", conn, missing)
  end)
end

--- Creates an index.
function create.create_index(index, bind, checkfirst)
  create.through(bind, function(run, conn)
    if checkfirst and index_exists(run, conn, index) then return end
    run(ddl.create_index(index))
  end, { autocommit = index.concurrently })
end

--- Drops an index.
function create.drop_index(index, bind, checkfirst)
  create.through(bind, function(run, conn)
    if checkfirst and not index_exists(run, conn, index) then return end
    run(ddl.drop_index(index))
  end, { autocommit = index.concurrently })
end

-- Creates or drops one object, unless it is already so.
local function one(kind, object, bind, checkfirst, wanted, statements)
  create.through(bind, function(run, conn)
    local name = naming(conn)(object)
    if checkfirst and create.existing(run, { { kind, name } })(kind, name) == wanted then return end
    for _, statement in ipairs(statements) do run(statement) end
  end)
end

--- Creates a view.
function create.create_view(view, bind, checkfirst, or_replace)
  local statements = { ddl.create_view(view, { or_replace = or_replace }) }
  if view.comment then statements[2] = ddl.comment_on(view) end
  one("table", view, bind, checkfirst, true, statements)
end

--- Drops a view.
function create.drop_view(view, bind, checkfirst)
  one("table", view, bind, checkfirst, false, { ddl.drop_view(view) })
end

--- Creates a sequence.
function create.create_sequence(sequence, bind, checkfirst)
  one("sequence", sequence, bind, checkfirst, true, { ddl.create_sequence(sequence) })
end

--- Drops a sequence.
function create.drop_sequence(sequence, bind, checkfirst)
  one("sequence", sequence, bind, checkfirst, false, { ddl.drop_sequence(sequence) })
end

-- Cuts a drop order into groups that one DROP TABLE takes together: tables
-- between the ends of a foreign key that points the wrong way. Usually each
-- group is one table.
local function drop_groups(order, left_out)
  local position, last_of = {}, {}
  for i, table in ipairs(order) do position[table] = i end
  for _, edge in ipairs(left_out) do
    local from, to = position[edge[1]], position[edge[2]]
    last_of[from] = math.max(last_of[from] or from, to)
  end
  local groups, i = {}, 1
  while i <= #order do
    local group, last = {}, i
    local at = i
    while at <= last do
      last = math.max(last, last_of[at] or at)
      table.insert(group, 1, order[at])
      at = at + 1
    end
    table.insert(groups, 1, group)
    i = at
  end
  return groups
end

-- Every reference counts when dropping, also those made later with ALTER TABLE.
local function all_references(table)
  local tables = {}
  for _, key in ipairs(table.foreign_keys) do tables[#tables + 1] = key:_find_referred_table() end
  return tables
end

-- The tables of pgai's vectorizers stay. One that was made by hand, where pgai is
-- not installed, has foreign keys that pgai's own lack: they must not hold others back.
local function detach_stores(run, qualified, others, dropped)
  local keys, things = {}, {}
  for _, table in ipairs(others) do
    for _, key in ipairs(table.info.pgai_managed and table.foreign_keys or {}) do
      if key.name and dropped[key:_find_referred_table()] then
        keys[#keys + 1] = key
        things[#things + 1] = { "table", qualified(table) }
      end
    end
  end
  local exists = create.existing(run, things)
  for _, key in ipairs(keys) do
    if exists("table", qualified(key.table)) then run(ddl.drop_constraint(key, { if_exists = true })) end
  end
end

--- Drops tables, then the enum types and sequences that no other table of the
-- metadata uses.
-- @tparam MetaData metadata
-- @tparam Engine|Connection bind
-- @tparam table tables
-- @tparam string checks see above
-- @tparam[opt] boolean is_all is this drop_all?
function create.drop_tables(metadata, bind, tables, checks, is_all)
  local order, left_out = sort.topological(tables, all_references)
  local dropped, others = {}, {}
  for _, table in ipairs(tables) do dropped[table] = true end
  for _, table in ipairs(metadata:_tables()) do
    if not dropped[table] then others[#others + 1] = table end
  end
  create.through(bind, function(run, conn)
    local qualified = naming(conn)
    local exists = survey(run, qualified, checks, metadata, order)
    local present, going = {}, {}
    for _, table in ipairs(order) do
      present[table] = checks ~= "tables" or exists("table", qualified(table))
      if present[table] then going[#going + 1] = table end
    end
    about_all(metadata, is_all, "before_drop", conn, going)
    detach_stores(run, qualified, others, dropped)
    for _, group in ipairs(drop_groups(order, left_out)) do
      local names = {}
      for _, table in ipairs(group) do
        if present[table] then names[#names + 1] = table end
      end
      for _, table in ipairs(names) do about_table(table, "before_drop", conn) end
      if #names > 0 then run(ddl.drop_table(names)) end
      for _, table in ipairs(names) do about_table(table, "after_drop", conn) end
    end
    local function drop_unused(kind, of, drop)
      local in_use = {}
      for _, object in ipairs(of(qualified, others)) do in_use[qualified(object)] = true end
      for _, object in ipairs(of(qualified, order)) do
        local name = qualified(object)
        if not in_use[name] and (checks == "nothing" or exists(kind, name)) then run(drop(object)) end
      end
    end
    drop_unused("sequence", sequences_of, ddl.drop_sequence)
    drop_unused("type", enums_of, ddl.drop_enum)
    about_all(metadata, is_all, "after_drop", conn, going)
  end)
end

return create
