--- Names of constraints and indexes: naming conventions, explicit names.
-- @module pgvector.sql.naming

local errors = require "pgvector.errors"
local identifiers = require "pgvector.sql.compiler.identifiers"

local naming = {}

-- "default": what SQLAlchemy's documentation recommends, with every column of
-- the constraint in its name instead of the first one only.
local default_convention = {
  ix = "ix_%(table_name)s_%(column_0_N_name)s",
  uq = "uq_%(table_name)s_%(column_0_N_name)s",
  ck = "ck_%(table_name)s_%(constraint_name)s",
  fk = "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
  pk = "pk_%(table_name)s",
  ex = "ex_%(table_name)s_%(column_0_N_name)s",
}

-- Without a convention the server names constraints, but an index must bring
-- its own name.
local bare_convention = { ix = default_convention.ix }

--- Checks a name that the user wrote: a string that the server can hold.
-- @tparam string name
-- @tparam string what what the message calls it, e.g. "table name"
-- @treturn string name
function naming.check(name, what)
  if type(name) ~= "string" or name == "" then
    errors.raise("ArgumentError", "%s must be a non-empty string, not %s", what,
      name == "" and "an empty one" or type(name))
  end
  if #name > identifiers.MAX_LENGTH then
    errors.raise("ArgumentError", "%s '%s' is longer than %d bytes", what, name, identifiers.MAX_LENGTH)
  end
  if name:find("\0", 1, true) then
    errors.raise("ArgumentError", "%s contains a zero byte", what)
  end
  return name
end

local Final = { __name = "FinalName" }

--- Was this made by `naming.final`?
function naming.is_final(name) return getmetatable(name) == Final end

--- Marks a name as final: no convention is applied to it (Alembic's `op.f`).
-- @tparam string name
-- @treturn table to be given as a constraint's `name`
function naming.final(name)
  return setmetatable({ text = naming.check(name, "constraint name") }, Final)
end

--- Is this an explicit name, plain or final? Raises for anything else but nil.
-- @param name
-- @tparam string what what the message calls it
function naming.check_explicit(name, what)
  if name ~= nil and not naming.is_final(name) then naming.check(name, what) end
  return name
end

--- Turns a `naming_convention` option into the convention that is used.
-- @param option nil, "default", or a table of templates by prefix (ix uq ck fk
--   pk ex); a function under another key is a token of its own,
--   `function(constraint, table) → string`
-- @treturn table
function naming.convention(option)
  if option == nil or option == false then return bare_convention end
  if option == "default" then return default_convention end
  if type(option) ~= "table" then
    errors.raise("ArgumentError", "naming_convention: expected \"default\" or a table of templates, got %s",
      type(option) == "string" and ("'%s'"):format(option) or type(option))
  end
  local convention = { ix = default_convention.ix }
  for key, template in pairs(option) do
    local is_prefix = default_convention[key] ~= nil
    if is_prefix and type(template) ~= "string" then
      errors.raise("ArgumentError", "naming_convention: the template for '%s' must be a string", key)
    elseif not is_prefix and type(template) ~= "function" then
      errors.raise("ArgumentError", "naming_convention: unknown key '%s'%s", tostring(key),
        errors.did_you_mean(key, default_convention))
    end
    convention[key] = template
  end
  return convention
end

-- What a column contributes to a name, by the token's last word.
local column_words = {
  name = function(column) return column.name end,
  key = function(column) return column.key end,
  label = function(column) return column.table.name .. "_" .. column.name end,
}

local function column_token(columns, which, word)
  local read = column_words[word]
  if which:sub(-1) ~= "N" then
    local column = columns[tonumber(which) + 1]
    return column and read(column)
  end
  local parts = {}
  for i, column in ipairs(columns) do parts[i] = read(column) end
  return table.concat(parts, which == "0_N" and "_" or "")
end

local function token(name, convention, item)
  if name == "table_name" then return item.table.name end
  if name == "constraint_name" then return item._explicit_name end
  if name == "referred_table_name" then return item:_referred_name() end
  if type(convention[name]) == "function" then return convention[name](item, item.table) end
  local which, word = name:match("^column_(%d+)_(%a+)$")
  if not which then which, word = name:match("^column_(0_?N)_(%a+)$") end
  if column_words[word] then return column_token(item:_named_columns(), which, word) end
  which = name:match("^referred_column_(%d+)_name$") or name:match("^referred_column_(0_?N)_name$")
  if which then
    local referred = {}
    for i, column_name in ipairs(item:_referred_column_names()) do referred[i] = { name = column_name } end
    return column_token(referred, which, "name")
  end
  errors.raise("ArgumentError", "naming_convention: unknown token '%%(%s)s'", name)
end

--- The final name of a constraint or index.
-- @tparam table item the constraint: `table`, `_prefix`, `_explicit_name`,
--   `_named_columns()`, and for foreign keys `_referred_name()`
-- @tparam table convention from `naming.convention`
-- @treturn ?string nil leaves the name to the server
function naming.name_of(item, convention)
  local explicit = item._explicit_name
  if naming.is_final(explicit) then return explicit.text end
  local template = convention[item._prefix]
  if not template then return explicit end
  local wants_explicit = template:find("%(constraint_name)s", 1, true) ~= nil
  -- an explicit name stands unless the template asks for one, and the other way round
  if wants_explicit ~= (explicit ~= nil) then return explicit end
  return identifiers.truncate((template:gsub("%%%(([%w_]+)%)s", function(name)
    return token(name, convention, item) or ""
  end)))
end

return naming
