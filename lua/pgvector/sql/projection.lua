--- What a statement returns: the items that the user selected, expanded into
-- columns with names.
-- @module pgvector.sql.projection

local errors = require "pgvector.errors"
local coerce = require "pgvector.sql.coerce"
local identifiers = require "pgvector.sql.compiler.identifiers"
local base = require "pgvector.sql.base"

local projection = {}

--- Checks what was given to `select`, `returning`, `add_columns`: columns,
-- expressions, tables, models; a query becomes a scalar subquery.
-- @tparam string where
-- @treturn table sequence
-- @treturn integer its length
function projection.items(where, ...)
  local items, n = { ... }, select("#", ...)
  for i = 1, n do
    local item = items[i]
    if coerce.is_query(item) then
      items[i] = item:_scalar()
    elseif item == nil then
      errors.raise("ArgumentError", "%s: argument %d is nil", where, i)
    elseif type(item) ~= "table" then
      errors.raise("ArgumentError", "%s: argument %d is %s; write pg.literal(…), pg.text(…) or a column", where, i,
        coerce.describe(item))
    elseif not coerce.is_expression(item) and not coerce.try_from(item) then
      errors.raise("ArgumentError", "%s: argument %d, %s, is neither a column nor a table", where, i,
        coerce.describe(item))
    end
  end
  return items, n
end

--- One entry for each item, as the ORM wants them.
-- @tparam table items
-- @tparam ?function entity_columns `fn(entity, columns)` chooses an entity's columns
-- @treturn table sequence of `{ kind = "column"|"entity"|"from", … }`
function projection.entities(items, entity_columns)
  local entities = {}
  for i, item in ipairs(items) do
    if coerce.is_expression(item) then
      entities[i] = { kind = "column", column = item, columns = { item } }
    elseif coerce.is_from(item) then
      entities[i] = { kind = "from", from = item, columns = item:_columns() }
    else
      local from = rawget(item, "__clause")
      local entity = rawget(item, "__entity") or item
      local columns = from:_columns()
      if entity_columns then columns = entity_columns(entity, columns) end
      entities[i] = { kind = "entity", entity = entity, from = from, columns = columns }
    end
  end
  return entities
end

-- The name that an expression suggests for itself, and whether the server
-- would use it without AS.
local function own_name(expr)
  local name = expr.__visit_name
  if name == "column" then return expr.name, true end
  if name == "label" then return expr.name, false end
  if name == "cast" or name == "transparent" or name == "collate" then
    local inner = expr.element
    if inner.__visit_name == "column" or inner.__visit_name == "label" then return inner.name, false end
  end
  if name == "literal_column" then return expr.name, true end
  if name == "text" then return nil, true end
end

-- What an anonymous expression is called: count_1, anon_1.
local function stem(expr)
  local node = expr
  while node.__visit_name == "filter" or node.__visit_name == "within_group" do node = node.element end
  if node.__visit_name == "function" then return node.names[#node.names] end
  return "anon"
end

-- `stem_n` with the first number from `last[stem] + 1` on that is not taken.
local function numbered(stem_, taken, last)
  local number, name = last[stem_] or 0
  repeat
    number = number + 1
    name = identifiers.truncate(stem_ .. "_" .. number)
  until not taken[name]
  last[stem_], taken[name] = number, true
  return name
end

--- The columns of entities, with names.
-- @tparam table entities of `entities`
-- @tparam boolean unique a name that occurs again gets a number, as SQL wants
--   it of a subquery
-- @treturn table sequence of `{ expr=, name=, key=, type=, alias= }`; `alias` is
--   the name to write after AS
-- @treturn boolean whether some text makes the columns unknown
function projection.columns(entities, unique)
  local columns, taken, opaque = {}, {}, false
  for _, entity in ipairs(entities) do
    for _, expr in ipairs(entity.columns) do
      local name = own_name(expr)
      if name then taken[name] = true end
    end
  end
  local used, last = {}, {}
  for _, entity in ipairs(entities) do
    for _, source in ipairs(entity.columns) do
      local expr = base.typed_constant(source)
      local name, bare = own_name(expr)
      local key = expr.__visit_name == "column" and expr.key or name
      local alias
      if name == nil and bare then
        opaque = true
      elseif name == nil then
        name = numbered(stem(expr), taken, last)
        alias, key = name, name
      else
        if unique and used[name] then
          name = numbered(name, taken, last)
          key, bare = name, false
        end
        if not bare then alias = name end
      end
      if name then used[name] = true end
      columns[#columns + 1] = { expr = expr, source = source, name = name, key = key, type = expr.type, alias = alias }
    end
  end
  if unique then projection.distinct_keys(columns) end
  return columns, opaque
end

-- Two columns of different names may still have the same key.
function projection.distinct_keys(columns)
  local used, last = {}, {}
  for _, column in ipairs(columns) do
    local key = column.key
    if key and used[key] then
      local number = last[key] or 1
      while used[key .. "_" .. number] do number = number + 1 end
      last[key] = number
      key = key .. "_" .. number
      column.key = key
    end
    if key then used[key] = true end
  end
end

return projection
