--- The revisions and how they hang together: a graph without files and without
-- a database, so that it can be made of a few tables in a spec.
--
-- A revision follows its `down` revisions (none: a base; several: a merge), and
-- may depend on others that are not its history. Both must be there before it.
-- Branch labels belong to a revision and to everything on its line.
-- @module pgvector.migrate.graph

local class = require "pgvector.class"
local errors = require "pgvector.errors"

local Graph = class("Graph")

local SHORTEST_PREFIX = 4

local function raise(name, format, ...)
  error(errors.new("InvalidRequestError", format:format(...), { name = name }), 0)
end
Graph._raise = raise

-- A string or a sequence as a sequence; false and nil are empty.
local function list(x)
  if not x then return {} end
  return type(x) == "table" and x or { x }
end

local function sorted(set)
  local names = {}
  for name in pairs(set) do names[#names + 1] = name end
  table.sort(names)
  return names
end

---- making it --------------------------------------------------------------------

--- Checks the id of a revision: what stands for something in `ae10+2`, `label@head`
-- or `a:b` cannot be part of one.
-- @treturn string id
function Graph._check_id(id, where)
  if type(id) ~= "string" or not id:find("^[%w_.]+$") or #id > 32 then
    errors.raise("ArgumentError", "%s: a revision's id is 1 to 32 letters, digits, '_' and '.', not %s", where,
      type(id) == "string" and "'" .. id .. "'" or class.describe(id))
  end
  if id == "head" or id == "heads" or id == "base" or id == "current" then
    errors.raise("ArgumentError", "%s: '%s' has a meaning of its own and cannot be a revision's id", where, id)
  end
  return id
end

local function add_node(self, given)
  local id = Graph._check_id(given.revision, "revision")
  if self.by_id[id] then
    raise("DuplicateRevision", "revision '%s' is there twice%s", id,
      given.path and (": " .. tostring(self.by_id[id].script.path) .. " and " .. given.path) or "")
  end
  local node = {
    id = id, script = given, down = {}, depends = {}, up = {}, dependents = {}, labels = {},
    own_labels = list(given.branch_labels),
  }
  self.by_id[id] = node
  self.nodes[#self.nodes + 1] = node
end

local function link_down(self, node)
  for _, id in ipairs(list(node.script.down_revision)) do
    if id == node.id then raise("LoopDetected", "revision '%s' follows itself", id) end
    local down = self.by_id[id]
    if not down then
      raise("DanglingRevision", "revision '%s' follows '%s', which is not there%s", node.id, tostring(id),
        errors.did_you_mean(id, self.by_id))
    end
    node.down[#node.down + 1] = down
    down.up[#down.up + 1] = node
  end
end

local function label_nodes(self)
  for _, node in ipairs(self.nodes) do
    for _, label in ipairs(node.own_labels) do
      Graph._check_id(label, "branch label")
      if self.labels[label] or self.by_id[label] then
        raise("DuplicateLabel", "branch label '%s' of revision '%s' is used already by '%s'", label, node.id,
          (self.labels[label] or self.by_id[label]).id)
      end
      self.labels[label] = node
    end
  end
end

-- What a revision depends on may be named by a branch label.
local function link_dependencies(self, node)
  for _, name in ipairs(list(node.script.depends_on)) do
    local other = self.by_id[name] or self.labels[name]
    if not other then
      raise("DanglingRevision", "revision '%s' depends on '%s', which is not there%s", node.id, tostring(name),
        errors.did_you_mean(name, self.by_id))
    elseif other == node then
      raise("LoopDetected", "revision '%s' depends on itself", node.id)
    end
    node.depends[#node.depends + 1] = other
    other.dependents[#other.dependents + 1] = node
  end
end

-- Everything a revision needs before it.
local function needs(node)
  local all = {}
  for _, other in ipairs(node.down) do all[#all + 1] = other end
  for _, other in ipairs(node.depends) do all[#all + 1] = other end
  return all
end
Graph._needs = needs

-- Puts the revisions in an order in which each stands behind what it needs;
-- what is left over goes in circles.
local function sort_nodes(self)
  local waiting, order, ready = {}, {}, {}
  for _, node in ipairs(self.nodes) do
    waiting[node] = #needs(node)
    if waiting[node] == 0 then ready[#ready + 1] = node end
  end
  local first = 1
  while ready[first] do
    local node = ready[first]
    first = first + 1
    order[#order + 1] = node
    node.position = #order
    for _, followers in ipairs{ node.up, node.dependents } do
      for _, follower in ipairs(followers) do
        waiting[follower] = waiting[follower] - 1
        if waiting[follower] == 0 then ready[#ready + 1] = follower end
      end
    end
  end
  if #order < #self.nodes then
    local left = {}
    for node, count in pairs(waiting) do
      if count > 0 then left[node.id] = true end
    end
    raise("CycleDetected", "these revisions follow each other in a circle, or come after one that does: %s",
      table.concat(sorted(left), ", "))
  end
  self.order = order
end

-- Labels hold for what follows the labelled revision, and back to where its
-- line branched off.
local function spread_labels(self)
  for _, node in ipairs(self.order) do
    for _, label in ipairs(node.own_labels) do
      local seen = {}
      local function upwards(from)
        if seen[from] then return end
        seen[from] = true
        from.labels[label] = true
        for _, next_one in ipairs(from.up) do upwards(next_one) end
      end
      upwards(node)
      local below = node.down[1]
      while below and #node.down == 1 and #below.up == 1 and #below.down <= 1 do
        below.labels[label] = true
        below = below.down[1]
      end
    end
  end
end

--- Makes the graph.
-- @tparam table revisions sequence of `{ revision=, down_revision=, branch_labels=, depends_on= }`
-- @treturn Graph
-- @raise InvalidRequestError named DuplicateRevision, LoopDetected, DanglingRevision,
--   DuplicateLabel or CycleDetected
function Graph._new(revisions)
  local self = setmetatable({ by_id = {}, labels = {}, nodes = {}, order = {} }, Graph)
  local given = {}
  for i, revision in ipairs(revisions) do given[i] = revision end
  table.sort(given, function(a, b) return tostring(a.revision) < tostring(b.revision) end)
  for _, revision in ipairs(given) do add_node(self, revision) end
  for _, node in ipairs(self.nodes) do link_down(self, node) end
  label_nodes(self)
  for _, node in ipairs(self.nodes) do link_dependencies(self, node) end
  sort_nodes(self)
  spread_labels(self)
  return self
end

---- sets of revisions ------------------------------------------------------------

-- All that can be reached from some revisions, themselves included; a set.
local function reach(from, ...)
  local seen, stack, directions = {}, {}, { ... }
  for _, node in ipairs(from) do stack[#stack + 1] = node end
  while #stack > 0 do
    local node = table.remove(stack)
    if not seen[node] then
      seen[node] = true
      for _, direction in ipairs(directions) do
        for _, other in ipairs(node[direction]) do stack[#stack + 1] = other end
      end
    end
  end
  return seen
end

--- The revisions that must be there for some revisions, themselves included.
-- @treturn table set of nodes
function Graph:ancestors(nodes) return reach(nodes, "down", "depends") end

--- The revisions on the line below some revisions, themselves included.
function Graph:lineage(nodes) return reach(nodes, "down") end

--- The revisions that cannot be without some revisions, themselves included.
function Graph:descendants(nodes) return reach(nodes, "up", "dependents") end

--- The nodes of a set, in the order in which they can be applied.
function Graph:in_order(set)
  local nodes = {}
  for _, node in ipairs(self.order) do
    if set[node] then nodes[#nodes + 1] = node end
  end
  return nodes
end

local function where(self, condition)
  local nodes = {}
  for _, node in ipairs(self.order) do
    if condition(node) then nodes[#nodes + 1] = node end
  end
  return nodes
end

--- The revisions that nothing follows.
-- @treturn table sequence of nodes
function Graph:heads() return where(self, function(node) return #node.up == 0 end) end

--- The revisions that follow nothing.
function Graph:bases() return where(self, function(node) return #node.down == 0 end) end

--- The revisions that several follow.
function Graph:branch_points() return where(self, function(node) return #node.up > 1 end) end

--- Is a revision on the line of a branch?
function Graph:on_branch(node, label)
  if node.labels[label] then return true end
  local of = self.labels[label] or self.by_id[label]
  if not of then return false end
  return self:lineage{ of }[node] or self:lineage{ node }[of] or false
end

--- The ids of nodes.
function Graph._ids(nodes)
  local ids = {}
  for i, node in ipairs(nodes) do ids[i] = node.id end
  return ids
end

---- names ------------------------------------------------------------------------

-- The revision of an id or of the beginning of one.
local function by_prefix(self, name)
  local exact = self.by_id[name] or self.labels[name]
  if exact then return exact end
  local found = {}
  for _, node in ipairs(self.nodes) do
    if node.id:sub(1, #name) == name then found[#found + 1] = node.id end
  end
  if #found == 0 then
    local known = {}
    for id in pairs(self.by_id) do known[id] = true end
    for label in pairs(self.labels) do known[label] = true end
    raise("RevisionNotFound", "there is no revision '%s'%s", name, errors.did_you_mean(name, known))
  elseif #name < SHORTEST_PREFIX then
    raise("RevisionNotFound", "there is no revision '%s'; the beginning of an id needs at least %d characters (%s)",
      name, SHORTEST_PREFIX, table.concat(found, ", "))
  elseif #found > 1 then
    raise("AmbiguousRevision", "'%s' is the beginning of several revisions: %s", name, table.concat(found, ", "))
  end
  return self.by_id[found[1]]
end

--- The head, or the head of a branch.
-- @raise InvalidRequestError named MultipleHeads
function Graph:head(label)
  local heads = self:heads()
  if label then
    by_prefix(self, label)
    heads = where(self, function(node) return #node.up == 0 and self:on_branch(node, label) end)
  end
  if #heads > 1 then
    local ids = table.concat(Graph._ids(heads), ", ")
    if label then
      raise("MultipleHeads", "branch '%s' has several heads: %s; name one of them, or merge them", label, ids)
    end
    raise("MultipleHeads", "there are several heads: %s; say \"heads\" for all, name one of them, or merge them", ids)
  end
  return heads[1]
end

--- The revisions that a name means: an id, the beginning of one, a branch label,
-- "head", "heads", "base", `label@` before each, or several with commas.
-- @tparam string name
-- @tparam[opt] table current nodes that "current" means
-- @treturn table sequence of nodes, empty for "base"
function Graph:resolve(name, current)
  if type(name) ~= "string" or name == "" then
    errors.raise("ArgumentError", "expected a revision, got %s", name == "" and "an empty string" or type(name))
  end
  if name:find(",", 1, true) then
    local nodes, seen = {}, {}
    for part in name:gmatch("[^,%s]+") do
      for _, node in ipairs(self:resolve(part, current)) do
        if not seen[node] then
          seen[node] = true
          nodes[#nodes + 1] = node
        end
      end
    end
    return nodes
  end
  local label, symbol = name:match("^([^@]+)@([^@]+)$")
  symbol = symbol or name
  if symbol == "heads" then
    if not label then return self:heads() end
    by_prefix(self, label)
    return where(self, function(node) return #node.up == 0 and self:on_branch(node, label) end)
  elseif symbol == "head" then
    return { self:head(label) }
  elseif symbol == "base" then
    if label then by_prefix(self, label) end
    return {}
  elseif symbol == "current" then
    if not current then raise("RevisionNotFound", "what is current is not known here") end
    return current
  end
  local node = by_prefix(self, symbol)
  if label and not self:on_branch(node, label) then
    by_prefix(self, label)
    raise("RevisionNotFound", "revision '%s' is not on the branch '%s'", node.id, label)
  end
  return { node }
end

--- The one revision that a name means, nil for "base".
function Graph:one(name)
  local nodes = self:resolve(name)
  if #nodes > 1 then
    raise("MultipleHeads", "'%s' means several revisions: %s", name, table.concat(Graph._ids(nodes), ", "))
  end
  return nodes[1]
end

--- The revisions of a sequence of ids as they stand in a version table.
-- @tparam table ids
-- @treturn table sequence of nodes
-- @raise InvalidRequestError named RevisionNotFound
function Graph:known(ids)
  local nodes = {}
  for i, id in ipairs(ids) do
    nodes[i] = self.by_id[id]
    if not nodes[i] then
      raise("RevisionNotFound", "the database is at revision '%s', of which there is no file", id)
    end
  end
  return nodes
end

return class.seal(Graph)
