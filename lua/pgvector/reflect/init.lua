--- Reflection: what the database has, as answers of an inspector and as tables.
--
-- `require "pgvector.reflect"` gives metadata its `reflect` and tables their
-- `autoload`, which need a connection, of which sql/ knows nothing.
-- @module pgvector.reflect

local build = require "pgvector.reflect.build"
local catalog = require "pgvector.reflect.catalog"
local class = require "pgvector.class"
local errors = require "pgvector.errors"
local Inspector = require "pgvector.reflect.inspector"
local naming = require "pgvector.sql.naming"
local schema = require "pgvector.sql.schema"

local reflect = {}

local function is_bind(x) return type(x) == "table" and getmetatable(x) ~= nil and x._ddl_runner ~= nil end

local function expect_bind(x, where)
  if not is_bind(x) then
    errors.raise("ArgumentError", "%s: expected an engine or a connection, got %s", where, class.describe(x))
  end
  return x
end

--- Tells about an object: for an engine or a connection an inspector of its
-- database, for another object what its `__inspect` metamethod returns.
-- @param x
-- @treturn Inspector|any
function reflect.inspect(x)
  local mt = type(x) == "table" and getmetatable(x)
  local own = type(mt) == "table" and rawget(mt, "__inspect")
  if own then return own(x) end
  if is_bind(x) then return Inspector._new(x) end
  errors.raise("ArgumentError", "inspect: expected an engine, a connection or an object of a model, got %s",
    class.describe(x))
end

---- MetaData:reflect ----------------------------------------------------------------

local function is_view(fact) return fact.kind == "view" or fact.kind == "materialized view" end

local function missing_tables(names, facts, where)
  local found = {}
  for _, fact in ipairs(facts) do found[fact.name] = true end
  for _, name in ipairs(names) do
    if not found[name] then
      errors.raise("InvalidRequestError", "reflect: table '%s' does not exist in %s", name, where)
    end
  end
end

-- Adds tables that the metadata does not have; returns them.
local function add_tables(metadata, facts, qualified)
  local added = {}
  for _, fact in ipairs(facts) do
    if not metadata:_find(fact.name, qualified and fact.schema or nil) then
      added[#added + 1] = build.table(metadata, fact, qualified)
    end
  end
  return added
end

-- The tables that foreign keys of `added` refer to and the metadata lacks: their
-- names by schema, "" for none.
local function wanted_by(added)
  local wanted, schemas = {}, {}
  for _, tbl in ipairs(added) do
    for _, key in ipairs(tbl.foreign_keys) do
      if not key:_find_referred_table() then
        local target = key.targets[1]
        local of = target.schema or ""
        if not wanted[of] then
          wanted[of] = {}
          schemas[#schemas + 1] = of
        end
        table.insert(wanted[of], target.table)
      end
    end
  end
  return wanted, schemas
end

-- Reads what foreign keys refer to, until nothing is missing.
local function add_referred(run, metadata, added)
  while #added > 0 do
    local wanted, schemas = wanted_by(added)
    added = {}
    for _, of in ipairs(schemas) do
      local name = of ~= "" and of or nil
      for _, tbl in ipairs(add_tables(metadata, catalog.tables(run, name, wanted[of]), name ~= nil)) do
        added[#added + 1] = tbl
      end
    end
  end
end

local reflect_options = { schema = true, only = true, views = true, resolve_fks = true }

local function check_only(only)
  if only == nil or type(only) == "function" then return only end
  if type(only) ~= "table" then
    errors.raise("ArgumentError", "reflect only: expected a sequence of names or a function, got %s",
      type(only))
  end
  for _, name in ipairs(only) do naming.check(name, "reflect only: a table name") end
  return only
end

--- Reads tables of the database into the metadata; those that it has stay as
-- they are. The tables that foreign keys refer to are read too.
-- @tparam MetaData metadata
-- @tparam Engine|Connection bind
-- @tparam[opt] table options `schema` (default: the metadata's own, else what the
--   search_path shows), `only` (names, or `function(name) → boolean`), `views`
--   (true: also views), `resolve_fks` (false: leave out what is only referred to)
local function reflect_metadata(metadata, bind, options)
  expect_bind(bind, "reflect")
  options = errors.check_options(options, reflect_options, "reflect")
  local only = check_only(options.only)
  local of = options.schema or metadata.schema
  if of ~= nil then naming.check(of, "schema name") end
  local names = type(only) == "table" and only or nil
  bind:_ddl_runner(function(run)
    local facts = {}
    for _, fact in ipairs(catalog.tables(run, of, names)) do
      local chosen = (options.views or names or not is_view(fact)) and (not fact.temporary or of)
      if chosen and (type(only) ~= "function" or only(fact.name)) then facts[#facts + 1] = fact end
    end
    if names then missing_tables(names, facts, of and ("schema '%s'"):format(of) or "the search_path") end
    local added = add_tables(metadata, facts, of ~= nil)
    if options.resolve_fks ~= false then add_referred(run, metadata, added) end
  end)
end

class.extend(schema.MetaData, "reflect", reflect_metadata)

---- pg.Table(…, { autoload = bind }) -----------------------------------------------

-- Completes the items and options of a table by what the database has; what was
-- given stands. The function returned reads what the finished table refers to.
function schema.Table._autoload(bind, name, of, items, given_options)
  expect_bind(bind, ("Table '%s' autoload"):format(name))
  local fact = bind:_ddl_runner(function(run) return catalog.tables(run, of, { name })[1] end)
  if not fact then
    errors.raise("InvalidRequestError", "table '%s' does not exist in the database",
      (of and of .. "." or "") .. name)
  end
  local given, others = {}, {}
  for _, item in ipairs(items) do
    if class.is(item, schema.Column) then given[item.name] = item else others[#others + 1] = item end
  end
  local loaded, options = build.items(fact, of ~= nil, given)
  for _, item in ipairs(others) do loaded[#loaded + 1] = item end
  for option, value in pairs(given_options) do options[option] = value end
  return loaded, options, function(tbl)
    bind:_ddl_runner(function(run) add_referred(run, tbl.metadata, { tbl }) end)
  end
end

return reflect
