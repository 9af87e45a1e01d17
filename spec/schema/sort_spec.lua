local sort = require "pgvector.sql.sort"

local function sorted(nodes, edges)
  local order, left_out = sort.topological(nodes, function(node) return edges[node] or {} end)
  local broken = {}
  for i, edge in ipairs(left_out) do broken[i] = edge[1] .. ">" .. edge[2] end
  return table.concat(order, " "), table.concat(broken, " ")
end

describe("topological order", function()
  local cases = {
    { "keeps the given order where nothing depends", { "c", "a", "b" }, {}, "c a b", "" },
    { "puts a node behind what it depends on", { "a", "b", "c" }, { a = { "c" }, c = { "b" } }, "b c a", "" },
    { "ignores what is not among the nodes", { "a" }, { a = { "z" } }, "a", "" },
    { "ignores a node's dependency on itself", { "a", "b" }, { a = { "a", "b" } }, "b a", "" },
    { "opens a cycle at one edge", { "a", "b" }, { a = { "b" }, b = { "a" } }, "b a", "b>a" },
    { "sees a diamond once", { "d", "b", "c", "a" }, { d = { "b", "c" }, b = { "a" }, c = { "a" } }, "a b c d", "" },
  }
  for _, case in ipairs(cases) do
    it(case[1], function()
      local order, broken = sorted(case[2], case[3])
      assert.equal(case[4], order)
      assert.equal(case[5], broken)
    end)
  end

  it("follows a chain as long as a flush has rows", function()
    local nodes, last = {}, 20000
    for i = 1, last do nodes[i] = i end
    local order, left_out = sort.topological(nodes, function(i) return { i < last and i + 1 or 1 } end)
    assert.equal(last, #order)
    assert.equal(last, order[1])
    assert.equal(1, order[last])
    assert.same({ { last, 1 } }, left_out)
  end)
end)
