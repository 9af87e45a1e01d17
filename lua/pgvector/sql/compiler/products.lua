--- Finds FROM elements that nothing joins: a statement over them gives every
-- combination of their rows, which is seldom meant. Looked for only where there
-- are several elements; a join is one.
-- @module pgvector.sql.compiler.products

local chain = require "pgvector.util.chain"
local traverse = require "pgvector.sql.traverse"

local products = {}

-- FROM elements in groups: two are in one if something connects them.
local function root_of(groups, from)
  while groups[from] do from = groups[from] end
  return from
end

local function connect(groups, a, b)
  a, b = root_of(groups, a), root_of(groups, b)
  if not rawequal(a, b) then groups[a] = b end
end

local reach

-- What a subquery refers to: all its FROM elements, of which it writes some
-- itself. One alone is always its own.
local function reach_query(query, found)
  if query._arms then
    for _, arm in ipairs(query._arms) do reach_query(arm, found) end
  elseif query._from_list then
    for _, condition in ipairs(chain.items(query._where) or {}) do reach(condition, found) end
    local list = query:_from_list()
    for _, from in ipairs(list) do
      from:_each_from(function(part) found[part] = #list > 1 or nil end)
    end
  else
    found.unknown = true -- text
  end
end

-- The FROM elements that an expression refers to, into a set. Of text nobody
-- knows: then `found.unknown` is set.
function reach(node, found)
  traverse.walk(node, function(part)
    local name, element = part.__visit_name, part.element
    if name == "column" then
      if part.table then found[part.table] = true end
    elseif name == "text" or name == "literal_column" then
      found.unknown = true
    elseif element and (element._is_query or element._kind == "text") then
      reach_query(element, found)
    end
  end)
end

local function connect_all(groups, found, first)
  for from in pairs(found) do
    if from ~= "unknown" then
      if first then connect(groups, first, from) end
      first = first or from
    end
  end
  return found.unknown
end

-- Each comparison in a condition connects what it mentions.
local function connect_condition(groups, condition)
  local name = condition.__visit_name
  if name == "boolean" then
    for i = 1, condition.n do
      if connect_condition(groups, condition.clauses[i]) then return true end
    end
    return false
  elseif name == "not" then
    return connect_condition(groups, condition.element)
  end
  local found = {}
  reach(condition, found)
  return connect_all(groups, found)
end

-- What stands in one FROM element belongs together; a lateral subquery and a
-- function belong to what they are given.
local function connect_inside(groups, from)
  local unknown = false
  from:_each_from(function(part)
    connect(groups, from, part)
    local name, found = part.__visit_name, {}
    if name == "lateral" then
      reach_query(part.element, found)
    elseif name == "table_function" then
      reach(part.element, found)
    end
    unknown = connect_all(groups, found, part) or unknown
  end)
  return unknown
end

local function names(list)
  local described = {}
  for i, from in ipairs(list) do
    described[i] = from.__visit_name == "join" and from.left:_describe() or from:_describe()
  end
  return table.concat(described, ", ")
end

--- What to say of a statement whose FROM elements are not all connected.
-- @tparam table froms at least two
-- @tparam ?table conditions sequence
-- @treturn ?string message
function products.find(froms, conditions)
  local groups = {}
  for _, from in ipairs(froms) do
    if connect_inside(groups, from) then return nil end
  end
  for _, condition in ipairs(conditions or {}) do
    if connect_condition(groups, condition) then return nil end
  end
  local first, together, apart = root_of(groups, froms[1]), {}, {}
  for _, from in ipairs(froms) do
    local list = rawequal(root_of(groups, from), first) and together or apart
    list[#list + 1] = from
  end
  if #apart == 0 then return nil end
  return ("every row of %s is combined with every row of %s: no condition joins them"):format(names(together),
    names(apart))
end

return products
