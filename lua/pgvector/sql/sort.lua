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

  local function visit(node)
    state[node] = "open"
    for _, dependency in ipairs(dependencies(node)) do
      if state[dependency] == "waiting" then
        visit(dependency)
      elseif state[dependency] == "open" and dependency ~= node then
        left_out[#left_out + 1] = { node, dependency }
      end
    end
    state[node] = "done"
    order[#order + 1] = node
  end

  for _, node in ipairs(nodes) do
    if state[node] == "waiting" then visit(node) end
  end
  return order, left_out
end

return sort
