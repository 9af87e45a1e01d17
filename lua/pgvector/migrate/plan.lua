--- From where the database is to where it shall be: which revisions to apply
-- or to take back, in which order, and what the version table says after each.
-- No files, no database.
-- @module pgvector.migrate.plan

local Graph = require "pgvector.migrate.graph"

local plan = {}

local raise = Graph._raise

---- relative names ---------------------------------------------------------------

-- `label@symbol+2` in its parts; nil if it is not relative.
local function relative(name)
  local rest, steps = name:match("^(.-)([+-]%d+)$")
  if not rest or rest:find("[+-]", 1) then return nil end
  local label, symbol = rest:match("^([^@]+)@([^@]*)$")
  if not label then symbol = rest end
  if symbol == "" then symbol = nil end
  return { label = label, symbol = symbol, steps = tonumber(steps), text = name }
end

local function too_far(of)
  raise("RelativeRevision", "'%s' goes further than there are revisions", of.text)
end

-- The revisions one step up from `node` (nil: from nothing), on a branch.
local function above(graph, node, label)
  local next_ones = {}
  for _, each in ipairs(node and node.up or graph:bases()) do
    if not label or graph:on_branch(each, label) then next_ones[#next_ones + 1] = each end
  end
  return next_ones
end

-- Walks from a revision, step by step; nil is the base.
local function walk(graph, node, of)
  for _ = 1, math.abs(of.steps) do
    local next_ones
    if of.steps > 0 then
      next_ones = above(graph, node, of.label)
      if #next_ones == 0 then too_far(of) end
    else
      if not node then too_far(of) end
      next_ones = node.down
    end
    if #next_ones > 1 then
      raise("AmbiguousWalk", "'%s' is an ambiguous walk: from '%s' it could go to %s", of.text,
        node and node.id or "base", table.concat(Graph._ids(next_ones), ", "))
    end
    node = next_ones[1]
  end
  return node
end

-- The revision that a symbol means; nil for "base".
local function symbol_of(graph, of)
  return graph:one(of.label and of.label .. "@" .. of.symbol or of.symbol)
end

-- Of what the database has: the revisions on a branch that nothing of it
-- follows.
local function tips(graph, current, label)
  local on_branch = {}
  for node in pairs(graph:ancestors(current)) do
    if graph:on_branch(node, label) then on_branch[node] = true end
  end
  local found = {}
  for _, node in ipairs(graph:in_order(on_branch)) do
    local is_tip = true
    for _, next_one in ipairs(node.up) do is_tip = is_tip and not on_branch[next_one] end
    if is_tip then found[#found + 1] = node end
  end
  return found
end

-- From where a walk without a symbol begins.
local function start_of(graph, current, of)
  local starts = of.label and tips(graph, current, of.label) or current
  if #starts > 1 then
    raise("AmbiguousWalk", "'%s' is an ambiguous walk: the database is at several revisions, %s; "
      .. "name the branch, label@%+d", of.text, table.concat(Graph._ids(starts), ", "), of.steps)
  end
  return starts[1]
end

---- targets ----------------------------------------------------------------------

local function upgrade_targets(graph, current, target)
  local of = relative(target)
  if not of then return graph:resolve(target, current) end
  local node
  if of.symbol then
    node = walk(graph, symbol_of(graph, of), of)
  elseif of.steps <= 0 then
    raise("RelativeRevision", "'%s' goes down: an upgrade goes up", target)
  else
    if of.label then graph:one(of.label) end
    node = walk(graph, start_of(graph, current, of), of)
  end
  return { node }
end

-- The revision to keep, nil for the base, and the branch that goes.
local function downgrade_target(graph, current, target)
  local of = relative(target)
  if not of then
    local label, symbol = target:match("^([^@]+)@([^@]+)$")
    if label then graph:one(label) end
    return graph:one(label and symbol == "base" and symbol or target), label
  end
  if of.symbol then return walk(graph, symbol_of(graph, of), of), of.label end
  if of.steps >= 0 then raise("RelativeRevision", "'%s' goes up: a downgrade goes down", target) end
  if of.label then graph:one(of.label) end
  local start = start_of(graph, current, of)
  if not start then too_far(of) end
  return walk(graph, start, of), of.label or start.id
end

---- steps ------------------------------------------------------------------------

-- What the version table holds (a set of ids) after a revision was applied.
local function after_upgrade(heads, node)
  local after = {}
  for id in pairs(heads) do after[id] = true end
  for _, needed in ipairs(Graph._needs(node)) do after[needed.id] = nil end
  after[node.id] = true
  return after
end

-- After one was taken back: what it needed is at the top again, unless
-- something else that is there needs it too.
local function after_downgrade(graph, heads, node)
  local after, others = {}, {}
  for id in pairs(heads) do
    if id ~= node.id then
      after[id] = true
      others[#others + 1] = graph.by_id[id]
    end
  end
  local candidates = Graph._needs(node)
  for _, candidate in ipairs(candidates) do
    local rest = {}
    for _, other in ipairs(others) do rest[#rest + 1] = other end
    for _, other in ipairs(candidates) do
      if other ~= candidate then rest[#rest + 1] = other end
    end
    if not graph:ancestors(rest)[candidate] then after[candidate.id] = true end
  end
  return after
end

local function difference(a, b)
  local ids = {}
  for id in pairs(a) do
    if not b[id] then ids[#ids + 1] = id end
  end
  table.sort(ids)
  return ids
end

local function ids_of(set) return difference(set, {}) end

local function set_of(nodes)
  local ids = {}
  for _, node in ipairs(nodes) do ids[node.id] = true end
  return ids
end

-- The steps through nodes, with what each changes in the version table.
local function steps_through(nodes, direction, heads, advance)
  local steps = {}
  for i, node in ipairs(nodes) do
    local after = advance(heads, node)
    steps[i] = {
      node = node, direction = direction, from = ids_of(heads), to = ids_of(after),
      removed = difference(heads, after), added = difference(after, heads),
    }
    heads = after
  end
  return steps
end

--- The steps of an upgrade.
-- @tparam Graph graph
-- @tparam table ids what the version table holds
-- @tparam string target "head", "heads", an id, `+1`, `label@head`, …
-- @treturn table sequence of `{ node=, direction="upgrade", from=, to=, removed=, added= }`;
--   empty if the database has it all
function plan.upgrade(graph, ids, target)
  local current = graph:known(ids)
  local wanted = graph:ancestors(upgrade_targets(graph, current, target))
  for node in pairs(graph:ancestors(current)) do wanted[node] = nil end
  return steps_through(graph:in_order(wanted), "upgrade", set_of(current), after_upgrade)
end

--- The steps of a downgrade to (and without) a revision.
-- @tparam Graph graph
-- @tparam table ids what the version table holds
-- @tparam string target "base", an id, `-1`, `label@base`, …
-- @treturn table as for `upgrade`
-- @raise InvalidRequestError named RangeNotAncestor if the database does not have the target
function plan.downgrade(graph, ids, target)
  local current = graph:known(ids)
  local keep, branch = downgrade_target(graph, current, target)
  local roots = keep and keep.up or graph:bases()
  if branch and #roots > 1 then
    local on_branch = {}
    for _, root in ipairs(roots) do
      if graph:on_branch(root, branch) then on_branch[#on_branch + 1] = root end
    end
    roots = on_branch
  end
  local active, going = graph:ancestors(current), {}
  for node in pairs(graph:descendants(roots)) do going[node] = active[node] end
  if next(going) == nil then
    if keep and active[keep] or not keep and next(active) == nil then return {} end
    raise("RangeNotAncestor", "the database does not have %s, so it cannot go down to it",
      keep and "revision '" .. keep.id .. "'" or "anything of that")
  end
  local order, nodes = graph:in_order(going), {}
  for i = #order, 1, -1 do nodes[#nodes + 1] = order[i] end
  return steps_through(nodes, "downgrade", set_of(current), function(heads, node)
    return after_downgrade(graph, heads, node)
  end)
end

--- What the version table shall hold so that the database counts as having
-- some revisions and all before them.
-- @tparam Graph graph
-- @tparam table ids what it holds now
-- @tparam string|table targets "head", "base", ids, …
-- @treturn table ids, in order
function plan.stamp(graph, ids, targets)
  local wanted, labels = {}, {}
  for _, target in ipairs(type(targets) == "table" and targets or { targets }) do
    if target == "base" then return {} end
    local label = target:match("^([^@]+)@base$")
    if label then
      graph:one(label)
      labels[#labels + 1] = label
    end
    for _, node in ipairs(upgrade_targets(graph, graph:known(ids), target)) do wanted[#wanted + 1] = node end
  end
  -- branches that are not spoken of stay as they are
  local related = graph:ancestors(wanted)
  for node in pairs(graph:descendants(wanted)) do related[node] = true end
  local kept = {}
  for _, node in ipairs(graph:known(ids)) do
    local goes = related[node]
    for _, label in ipairs(labels) do goes = goes or graph:on_branch(node, label) end
    if not goes then kept[#kept + 1] = node end
  end
  for _, node in ipairs(wanted) do kept[#kept + 1] = node end
  local heads = set_of(kept)
  for _, node in ipairs(kept) do
    for below in pairs(graph:ancestors(Graph._needs(node))) do heads[below.id] = nil end
  end
  return ids_of(heads)
end

--- The revisions between two names, newest first: `a:b`, `a:`, `:b`, or one.
-- @tparam Graph graph
-- @tparam ?string range
-- @tparam[opt] table ids what the version table holds, for "current"
-- @treturn table sequence of nodes
function plan.history(graph, range, ids)
  local current = ids and graph:known(ids)
  local lower, upper = (range or ""):match("^(.-):(.*)$")
  if not lower then lower, upper = "", range or "" end
  local above_ = graph:heads()
  local function nodes_of(name)
    local of = relative(name)
    if not of then return graph:resolve(name, current) end
    return { walk(graph, of.symbol and symbol_of(graph, of) or start_of(graph, current or {}, of), of) }
  end
  if upper ~= "" then above_ = nodes_of(upper) end
  local set = graph:ancestors(above_)
  if lower ~= "" then
    local below = nodes_of(lower)
    for node in pairs(graph:ancestors(below)) do set[node] = nil end
    -- both ends belong to a range
    for _, node in ipairs(below) do set[node] = true end
  end
  local nodes, newest_first = graph:in_order(set), {}
  for i = #nodes, 1, -1 do newest_first[#newest_first + 1] = nodes[i] end
  return newest_first
end

return plan
