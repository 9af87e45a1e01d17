--- Topological order, for tables by their foreign keys and for whatever else
-- must come after something.
-- @module pgvector.sql.sort

local sort = {}

--- Orders nodes so that each stands behind what it depends on. Among several
-- such orders it takes the one closest to the given sequence, so the result is
-- the same in every run.
--
-- A cycle is opened where a depth-first walk closes it: that one edge is
-- reported, and the order is right for all others.
-- @tparam table nodes sequence
-- @tparam function dependencies `function(node)` → sequence of nodes; those
--   that are not in `nodes`, and the node itself, are ignored
-- @treturn table the nodes in order
-- @treturn table sequence of `{ node, dependency }`: the edges left out
function sort.topological(nodes, dependencies)
  local state, order, left_out = {}, {}, {}
  for _, node in ipairs(nodes) do state[node] = "waiting" end

  -- The open nodes from the first one to the deepest, with what each depends on
  -- and how many of these have been looked at. Without recursion: a chain of rows
  -- may be as long as a flush has rows.
  local path, lists, looked_at, depth = {}, {}, {}, 0
  local function open(node)
    depth = depth + 1
    path[depth], lists[depth], looked_at[depth] = node, dependencies(node), 0
    state[node] = "open"
  end

  for _, start in ipairs(nodes) do
    if state[start] == "waiting" then open(start) end
    while depth > 0 do
      local node, i = path[depth], looked_at[depth] + 1
      local dependency = lists[depth][i]
      looked_at[depth] = i
      if dependency == nil then
        state[node] = "done"
        order[#order + 1] = node
        depth = depth - 1
      elseif state[dependency] == "waiting" then
        open(dependency)
      elseif state[dependency] == "open" and dependency ~= node then
        left_out[#left_out + 1] = { node, dependency }
      end
    end
  end
  return order, left_out
end

return sort
