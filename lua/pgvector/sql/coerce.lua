--- What users write, turned into nodes: values into parameters, models and
-- tables into FROM elements, and what is neither into an error that tells.
--
-- The clause protocol: any table with a raw field `__clause` stands for the
-- FROM element in it. Models, aliased models and relationships have one.
-- @module pgvector.sql.coerce

local class = require "pgvector.class"
local errors = require "pgvector.errors"
local base = require "pgvector.sql.base"
local literal = require "pgvector.types.literal"
local types = require "pgvector.types"
local core = require "pgvector.core"

local coerce = {}

local null, NULLTYPE = core.null, types.NULLTYPE
local bind = base.bind

-- A class's marker, which instances of subclasses share. Models have a
-- metatable whose `__index` raises, hence rawget throughout.
local function marked(x, marker)
  if type(x) ~= "table" then return nil end
  local mt = getmetatable(x)
  return type(mt) == "table" and rawget(mt, marker) or nil
end

--- Is `x` a column expression?
-- @treturn boolean
function coerce.is_expression(x) return marked(x, "_is_expression") == true end

--- Is `x` a SELECT, a set operation, or the like?
-- @treturn boolean
function coerce.is_query(x) return marked(x, "_is_query") == true end

--- Is `x` a FROM element (not a model: see `from`)?
-- @treturn boolean
function coerce.is_from(x) return marked(x, "_is_from") == true end

--- What a message calls a value.
-- @treturn string
function coerce.describe(x)
  if type(x) == "string" then return ("the string \"%s\""):format(#x > 40 and x:sub(1, 37) .. "..." or x) end
  if type(x) == "boolean" or x == nil then return tostring(x) end
  if type(x) == "number" then return "the number " .. literal.digits(x) end
  if x == null then return "pg.null" end
  if type(x) == "table" and rawget(x, "__clause") then return "a model or alias" end
  return "a " .. class.describe(x)
end

--- The expression that a value stands for beside another expression.
-- @param x an expression, a query (becomes a scalar subquery) or a value
-- @tparam[opt] table type_ the other side's type; the server infers it if absent
-- @tparam[opt] string where what a message calls the place
-- @treturn table node
function coerce.expr(x, type_, where)
  if type(x) == "table" then
    local mt = getmetatable(x)
    if type(mt) == "table" then
      if rawget(mt, "_is_expression") then
        -- a named parameter takes the type of what it stands beside
        if type_ and x.type == NULLTYPE and x.__visit_name == "bind" and x.key then
          return base.with(x, { type = type_ })
        end
        return x
      end
      if rawget(mt, "_is_query") then return x:_scalar() end
      if rawget(mt, "_is_from") then
        errors.raise("ArgumentError", "%s: expected a value or a column, got %s", where or "expression",
          coerce.describe(x))
      end
    end
    if rawget(x, "__clause") then
      errors.raise("ArgumentError", "%s: expected a value or a column, got a model or alias", where or "expression")
    end
  elseif x == nil then
    errors.raise("ArgumentError", "%s: got nil; use pg.null for SQL NULL", where or "expression")
  elseif type(x) == "function" or type(x) == "thread" then
    errors.raise("ArgumentError", "%s: a %s is not a value", where or "expression", type(x))
  end
  if type_ == nil or type_ == NULLTYPE then
    type_ = types.of_value(x)
  elseif x ~= null then
    type_ = type_:_for_operand(x)
  end
  return bind(x, type_)
end

-- Families whose values can never be a condition.
local not_boolean = {
  integer = true, number = true, string = true, datetime = true, interval = true, json = true, array = true,
  vector = true, bit = true, tsvector = true, enum = true, range = true, hstore = true,
}

--- A condition of WHERE, ON, HAVING, FILTER, AND, OR.
-- @param x an expression whose type may be boolean
-- @tparam string where the method, for the message
-- @treturn table node
function coerce.condition(x, where)
  if marked(x, "_is_expression") then
    if not_boolean[x.type.family] then
      errors.raise("ArgumentError", "%s: %s is not a condition, its type is %s", where, tostring(x), tostring(x.type))
    end
    return x
  end
  if type(x) == "boolean" then
    errors.raise("ArgumentError", "%s: got %s, not a condition; Lua compares with '==' by itself, "
      .. "write column:eq(value)", where, tostring(x))
  elseif x == nil then
    errors.raise("ArgumentError", "%s: got nil instead of a condition; use :when(value, fn) for an optional one", where)
  elseif type(x) == "string" then
    errors.raise("ArgumentError", "%s: got a string; wrap SQL in pg.text(…)", where)
  end
  errors.raise("ArgumentError", "%s: expected a condition, got %s", where, coerce.describe(x))
end

--- Every argument of a call as a condition; at least one is required.
-- @tparam string where the method
-- @treturn table sequence of nodes
-- @treturn integer their number
function coerce.conditions(where, ...)
  local n = select("#", ...)
  if n == 0 then errors.raise("ArgumentError", "%s needs at least one condition", where) end
  local list = { ... }
  for i = 1, n do list[i] = coerce.condition(list[i], where) end
  return list, n
end

--- The FROM element that something stands for.
-- @param x a table, alias, subquery, model, …
-- @tparam string where what a message calls the place
-- @treturn table FromClause
function coerce.from(x, where)
  if marked(x, "_is_from") then return x end
  if type(x) == "table" then
    local clause = rawget(x, "__clause")
    if clause then return clause end
    if marked(x, "_is_query") then
      errors.raise("ArgumentError", "%s: a select stands in FROM as stmt:subquery()", where)
    end
  end
  errors.raise("ArgumentError", "%s: expected a table, a model or a subquery, got %s", where, coerce.describe(x))
end

--- Like `from`, but nil for what is none.
function coerce.try_from(x)
  if marked(x, "_is_from") then return x end
  return type(x) == "table" and rawget(x, "__clause") or nil
end

--- Is it a model that inherits, or an alias of one? Its raw field `__criterion`
-- is a function: see below. Its columns may have it in their field `_heir`, so
-- that a statement which selects them knows of it.
-- @treturn boolean
function coerce.heir(x)
  return type(x) == "table" and not marked(x, "_is_expression") and rawget(x, "__criterion") ~= nil
end

--- The condition without which something is not selected from, for a model that
-- shares its table with others: `__criterion(from)`.
-- @param x
-- @treturn ?table condition
function coerce.criterion(x)
  return coerce.heir(x) and rawget(x, "__criterion")(rawget(x, "__clause")) or nil
end

--- A column named by a string key, or given as one.
-- @tparam table from FromClause
-- @param key string or column
-- @tparam string where
-- @treturn table column
function coerce.column_of(from, key, where)
  if type(key) == "string" then
    local column = from:_column(key)
    if column then return column end
    errors.raise("ArgumentError", "%s: %s has no column '%s'%s", where, from:_describe(), key,
      errors.did_you_mean(key, from:_keys()))
  end
  if marked(key, "_is_expression") and key.__visit_name == "column" then return key._mapped or key end
  errors.raise("ArgumentError", "%s: expected a column or its name, got %s", where, coerce.describe(key))
end

return coerce
