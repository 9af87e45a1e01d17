--- Walks expressions: which FROM elements they use, and copies of them with
-- something replaced. Knows of each kind of node which fields hold others.
-- @module pgvector.sql.traverse

local traverse = {}

-- visit name → the fields that hold a node or a sequence of nodes. What is not
-- here has no parts that belong to the statement around it (a scalar subquery
-- has its own FROM).
local parts = {
  binary = { "left", "right", "escape" },
  ["not"] = { "element" }, negative = { "element" }, bitwise_not = { "element" }, label = { "element" },
  cast = { "element" },
  transparent = { "element" }, collate = { "element" }, ordering = { "element" }, opclass = { "element" },
  any = { "element" }, all = { "element" }, extract = { "element" },
  between = { "operand", "low", "high" }, in_array = { "operand", "array" }, unnest_rows = { "items" },
  tuple = { "items" }, array = { "items" }, subscript = { "element", "from", "to" },
  ["function"] = { "args", "ordering" }, filter = { "element", "conditions" },
  within_group = { "element", "ordering" }, over = { "element", "partition_by", "order_by", "window" },
  window = { "partition_by", "order_by" },
}

-- Calls fn for each direct part of a node.
local function each_part(node, fn, ...)
  local name = node.__visit_name
  if name == "boolean" then
    local clauses = node.clauses
    for i = 1, node.n do fn(clauses[i], ...) end
    return
  elseif name == "case" then
    if node.operand then fn(node.operand, ...) end
    for _, branch in ipairs(node.branches) do
      fn(branch[1], ...)
      fn(branch[2], ...)
    end
    if node.otherwise then fn(node.otherwise, ...) end
    return
  end
  local fields = parts[name]
  if not fields then return end
  for i = 1, #fields do
    local value = node[fields[i]]
    if value then
      if value.__visit_name then
        fn(value, ...)
      else
        for j = 1, #value do fn(value[j], ...) end
      end
    end
  end
end

local function note_heir(heir, found)
  local heirs = found.heirs or {}
  found.heirs = heirs
  if not heirs[heir] then heirs[heir], heirs[#heirs + 1] = true, heir end
end

-- `a + b + c + …` nests on its left side, as deeply as it is long: such a chain is
-- followed without recursion. Calls `fn(…)` for the innermost left side and then,
-- from the inside out, for what stands right of it; `before` for each binary node,
-- from the outside in.
local function along_chain(node, before, fn, ...)
  local chain, n = {}, 0
  while node.__visit_name == "binary" do
    if before then before(node) end
    n = n + 1
    chain[n], node = node, node.left
  end
  fn(node, ...)
  for i = n, 1, -1 do
    fn(chain[i].right, ...)
    if chain[i].escape then fn(chain[i].escape, ...) end
  end
end

-- Is it longer than most expressions are?
local function is_chain(node)
  local left = node.left
  return left.__visit_name == "binary" and left.left.__visit_name == "binary"
end

--- Adds the FROM elements whose columns an expression uses.
-- @tparam table node
-- @tparam table found sequence and set at once: `found[i]`, `found[from] = true`;
--   `found.heirs`: in the same way, the models that inherit among those whose
--   attributes the expression has (see coerce.heir); nil if there are none
local function collect_froms(node, found)
  local name = node.__visit_name
  if name == "column" then
    local from, heir = node.table, node._heir
    if from and not found[from] then
      found[from] = true
      found[#found + 1] = from
    end
    if heir then note_heir(heir, found) end
  elseif name == "binary" then
    if is_chain(node) then return along_chain(node, nil, collect_froms, found) end
    collect_froms(node.left, found)
    collect_froms(node.right, found)
  elseif name ~= "bind" then
    if node._heir then note_heir(node._heir, found) end
    each_part(node, collect_froms, found)
  end
end

traverse.collect_froms = collect_froms

--- Calls `fn(node)` for a node and everything in it, subqueries left out.
-- @tparam table node
-- @tparam function fn
function traverse.walk(node, fn)
  if node.__visit_name == "binary" and is_chain(node) then return along_chain(node, fn, traverse.walk, fn) end
  fn(node)
  each_part(node, traverse.walk, fn)
end

local function copy(node)
  local new = {}
  for key, value in pairs(node) do new[key] = value end
  return setmetatable(new, getmetatable(node))
end

local replace

local function replace_list(list, n, fn, known)
  local new
  for i = 1, n do
    local replaced = replace(list[i], fn, known)
    if not rawequal(replaced, list[i]) then
      if not new then
        new = {}
        for j = 1, n do new[j] = list[j] end
      end
      new[i] = replaced
    end
  end
  return new or list
end

local function replace_branches(node, fn, known)
  local branches, changed = {}, false
  for i, branch in ipairs(node.branches) do
    branches[i] = { replace(branch[1], fn, known), replace(branch[2], fn, known) }
    changed = changed or not (rawequal(branches[i][1], branch[1]) and rawequal(branches[i][2], branch[2]))
  end
  return changed and branches or node.branches
end

function replace(node, fn, known)
  local replacement = known[node]
  if replacement == nil then replacement = fn(node) end
  if replacement ~= nil then return replacement end
  local name = node.__visit_name
  local new
  local function set(field, value)
    if not rawequal(value, node[field]) then
      new = new or copy(node)
      new[field] = value
    end
  end
  if name == "boolean" then
    set("clauses", replace_list(node.clauses, node.n, fn, known))
  elseif name == "case" then
    if node.operand then set("operand", replace(node.operand, fn, known)) end
    if node.otherwise then set("otherwise", replace(node.otherwise, fn, known)) end
    set("branches", replace_branches(node, fn, known))
  else
    for _, field in ipairs(parts[name] or {}) do
      local value = node[field]
      if value then
        set(field, value.__visit_name and replace(value, fn, known) or replace_list(value, #value, fn, known))
      end
    end
  end
  known[node] = new
  return new or node
end

--- A copy of an expression in which `fn` replaced what it wanted: it is asked
-- about each node from the outside in and returns another node, or nil to look
-- further inside. What does not change is shared with the original. Subqueries
-- are left to `fn`: see pgvector.sql.adapt.
-- @tparam table node
-- @tparam function fn
-- @tparam[opt] table known node → its copy: what stands in several places, such as
--   a named window or a label, becomes one and the same in all of them. A table of
--   the caller's serves for several expressions
-- @treturn table node
function traverse.replace(node, fn, known) return replace(node, fn, known or {}) end

return traverse
