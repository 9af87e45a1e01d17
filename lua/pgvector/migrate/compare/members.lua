--- Constraints and indexes: which is which on the two sides.
--
-- What is the same in substance is the same thing, whatever it is called; only
-- among the rest does a name tell that something was changed.
-- @module pgvector.migrate.compare.members

local identifiers = require "pgvector.util.identifiers"

local members = {}

-- A table as text, the same for the same contents.
local function serialised(x)
  if type(x) ~= "table" then return type(x) == "string" and ("%q"):format(x) or tostring(x) end
  local parts, keys = {}, {}
  for k in pairs(x) do keys[#keys + 1] = k end
  table.sort(keys, function(a, b)
    if type(a) == type(b) then return a < b end
    return type(a) == "number"
  end)
  for i, k in ipairs(keys) do parts[i] = tostring(k) .. "=" .. serialised(x[k]) end
  return "{" .. table.concat(parts, ",") .. "}"
end

members.serialised = serialised

---- what a thing is, without its name --------------------------------------------

local function element_facts(elements, clean)
  local list = {}
  for i, element in ipairs(elements) do
    list[i] = {
      expression = element.column or clean(element.expression), is_column = element.column ~= nil,
      opclass = element.opclass, desc = element.desc, nulls = element.nulls, collation = element.collation,
    }
  end
  return list
end

local substance = {}

function substance.index(fact, clean)
  return {
    using = fact.using, unique = fact.unique, nulls_not_distinct = fact.nulls_not_distinct,
    include = fact.include, with = fact.with or {}, where = fact.where and clean(fact.where),
    tablespace = fact.tablespace, elements = element_facts(fact.elements, clean),
  }
end

function substance.unique_constraint(fact)
  return {
    columns = fact.column_names, include = fact.include, nulls_not_distinct = fact.nulls_not_distinct,
    deferrable = fact.deferrable, initially = fact.initially,
  }
end

substance.primary_key_constraint = substance.unique_constraint

function substance.check_constraint(fact, clean)
  return { condition = clean(fact.sqltext), no_inherit = fact.no_inherit }
end

function substance.exclude_constraint(fact, clean)
  return {
    using = fact.index.using, where = fact.index.where and clean(fact.index.where),
    operators = fact.operators, elements = element_facts(fact.index.elements, clean),
    deferrable = fact.deferrable, initially = fact.initially,
  }
end

function substance.foreign_key_constraint(fact)
  return {
    columns = fact.column_names,
    referred = fact.referred or fact.referred_schema .. "." .. fact.referred_table,
    referred_columns = fact.referred_columns, onupdate = fact.onupdate, ondelete = fact.ondelete,
    match = fact.match, deferrable = fact.deferrable, initially = fact.initially,
  }
end

---- one side ---------------------------------------------------------------------

local function names_of(columns)
  local names = {}
  for i, col in ipairs(columns) do names[i] = col.name end
  return names
end

-- A foreign key of a model, as the catalogs would tell it.
local function foreign_key_fact(scope, key)
  local deferred = key.initially == "DEFERRED"
  local function unless(default, value) return value ~= default and value or nil end
  return {
    column_names = names_of(key.columns), referred = scope:key_of(key:referred_table()),
    referred_columns = names_of(key:referred_columns()), onupdate = unless("NO ACTION", key.onupdate),
    ondelete = unless("NO ACTION", key.ondelete), match = unless("SIMPLE", key.match),
    deferrable = (key.deferrable or deferred) and true or nil, initially = deferred and "DEFERRED" or nil,
  }
end

local function member(object, fact, clean)
  local kind = object.__visit_name
  return {
    kind = kind, object = object, fact = fact, name = object.name,
    substance = kind .. serialised(substance[kind](fact, clean)),
  }
end

--- The members of a model's table.
-- @tparam Scope scope
-- @tparam Table tbl
-- @tparam table understood what model.understand has for it
-- @tparam function clean normalises SQL text
-- @treturn table sequence
function members.of_model(scope, tbl, understood, clean)
  local list = {}
  for _, objects in ipairs{ tbl:_all_constraints(), tbl.indexes } do
    for _, object in ipairs(objects) do
      local is_key = object.__visit_name == "foreign_key_constraint"
      local fact = is_key and foreign_key_fact(scope, object) or understood.members[object]
      -- the server drops a UNIQUE that says no more than the primary key
      if fact then list[#list + 1] = member(object, fact, clean) end
    end
  end
  return list
end

local constraint_lists = { "unique_constraints", "check_constraints", "exclude_constraints", "foreign_keys" }

--- The members of a table of the database.
-- @tparam table fact
-- @tparam Table reflected the table made of it
-- @tparam function clean
function members.of_database(fact, reflected, clean)
  local by_name, list = {}, {}
  for _, constraint in ipairs(reflected:_all_constraints()) do by_name[constraint.name] = constraint end
  local function add(of) list[#list + 1] = member(by_name[of.name], of, clean) end
  if fact.primary_key then add(fact.primary_key) end
  for _, name in ipairs(constraint_lists) do
    for _, constraint in ipairs(fact[name]) do add(constraint) end
  end
  local indexes = {}
  for _, index in ipairs(reflected.indexes) do indexes[index.name] = index end
  for _, of in ipairs(fact.indexes) do
    if not of.backs then list[#list + 1] = member(indexes[of.name], of, clean) end
  end
  return list
end

--- A foreign key of a table that is made anew, as a member.
function members.late(key)
  return {
    kind = key.__visit_name, object = key, name = key.name, fact = { column_names = names_of(key.columns) },
  }
end

--- Does SQL text mention a name?
function members.text_mentions(text, name)
  local plain = name:gsub("%W", "%%%0")
  return text:find("%f[%w_]" .. plain .. "%f[^%w_]") ~= nil
end

--- Does the member depend on a column? Of SQL text the column's name tells.
function members.mentions(of, column_name)
  local fact = of.fact
  local function among(names)
    for _, name in ipairs(names or {}) do
      if name == column_name then return true end
    end
    return false
  end
  local function within(text)
    return text ~= nil and members.text_mentions(text, column_name)
  end
  local index = of.kind == "index" and fact or fact.index
  if among(fact.column_names) or index and (among(index.include) or within(index.where)) then return true end
  for _, element in ipairs(index and index.elements or {}) do
    if element.column == column_name or not element.column and within(element.expression) then return true end
  end
  return false
end

---- pairing ----------------------------------------------------------------------

-- Takes a pair for each member of `left` that finds one in `right`.
local function take(left, right, fits, found)
  for _, a in ipairs(left) do
    if not a.paired then
      for _, b in ipairs(right) do
        if not b.paired and fits(a, b) then
          a.paired, b.paired = true, true
          found[#found + 1] = { a, b }
          break
        end
      end
    end
  end
  return found
end

local function rest(list)
  local left = {}
  for _, each in ipairs(list) do
    if not each.paired then left[#left + 1] = each end
  end
  return left
end

--- Pairs the members of the two sides.
-- @treturn table `same` and `changed`: sequences of `{ model's, database's }`;
--   `added` and `removed`: sequences of members
function members.pair(of_model, of_database)
  local function equal(a, b) return a.substance == b.substance end
  local same = take(of_model, of_database, function(a, b) return equal(a, b) and a.name == b.name end, {})
  take(of_model, of_database, equal, same)
  local changed = take(of_model, of_database, function(a, b)
    return a.kind == b.kind and (a.name == b.name or a.kind == "primary_key_constraint")
  end, {})
  return { same = same, changed = changed, added = rest(of_model), removed = rest(of_database) }
end

---- names ------------------------------------------------------------------------

local suffixes = {
  primary_key_constraint = "pkey", unique_constraint = "key", check_constraint = "check",
  exclude_constraint = "excl", foreign_key_constraint = "fkey",
}

--- A constraint that a revision can name: where the model leaves the name to the
-- server, a copy with the name that the server would give.
-- @tparam table of member of a model
-- @tparam table taken set of names of the table's constraints; gets this one
-- @return the constraint
function members.named(of, taken)
  local constraint = of.object
  if constraint.name then return constraint end
  local parts = { constraint.table.name }
  if of.kind ~= "primary_key_constraint" then
    for _, name in ipairs(of.fact.column_names or {}) do parts[#parts + 1] = name end
  end
  parts[#parts + 1] = suffixes[of.kind]
  local base, n = table.concat(parts, "_"), 0
  local name
  repeat
    name = identifiers.truncate(base .. (n > 0 and n or ""))
    n = n + 1
  until not taken[name]
  taken[name] = true
  local copy = {}
  for field, value in pairs(constraint) do copy[field] = value end
  copy.name = name
  return setmetatable(copy, getmetatable(constraint))
end

return members
