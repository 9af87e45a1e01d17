-- One query against many values.

local pg = require "pgvector"
local floats = require "spec.support.floats"
local refusal = require "spec.support.refusal"

local vector, halfvec, sparsevec, bit = pg.vector, pg.halfvec, pg.sparsevec, pg.bit

local function random_vectors(n, dim, seed)
  local random = floats.random(seed)
  local list = {}
  for i = 1, n do
    local t = {}
    for j = 1, dim do t[j] = random() / 2 ^ 31 - 1 end
    list[i] = vector(t)
  end
  return list
end

local methods = { l2 = "l2_distance", ip = "max_inner_product", cosine = "cosine_distance", l1 = "l1_distance",
  hamming = "hamming_distance", jaccard = "jaccard_distance" }

describe("distances", function()
  it("are those of the methods, in the list's order", function()
    local list = random_vectors(50, 37, 1)
    for _, metric in ipairs{ "l2", "ip", "cosine", "l1" } do
      for _, kind in ipairs{ "vector", "halfvec", "sparsevec" } do
        local values, expected = {}, {}
        for i, v in ipairs(list) do values[i] = pg[kind](v) end
        for i, v in ipairs(values) do expected[i] = values[1][methods[metric]](values[1], v) end
        assert.same(expected, pg.distances(values[1], values, metric))
      end
    end
    local bits, expected = {}, {}
    for i, v in ipairs(list) do bits[i] = v:binary_quantize() end
    for _, metric in ipairs{ "hamming", "jaccard" } do
      for i, v in ipairs(bits) do expected[i] = bits[1][methods[metric]](bits[1], v) end
      assert.same(expected, pg.distances(bits[1], bits, metric))
    end
  end)

  it("take tables and texts for query and elements", function()
    assert.same({ 5, 0, 13 }, pg.distances({ 0, 0 }, { "[3,4]", vector{ 0, 0 }, { 5, 12 } }, "l2"))
    assert.same({ 5 }, pg.distances("{}/2", { sparsevec{ 3, 4 } }, "l2"))
    assert.same({ 5 }, pg.distances("[0,0]", { halfvec{ 3, 4 } }, "l2"))
    assert.same({ 1, 0 }, pg.distances(bit "10", { "00", { true, false } }, "hamming"))
    assert.same({ 1, 0 }, pg.distances("10", { "00", { true, false } }, "hamming"))
    assert.equal(2, pg.top_k("10", { "00", "10" }, 1, "jaccard")[1].index)
    assert.same({}, pg.distances({ 1, 2 }, {}, "l2"))
  end)

  it("leave the list as it was", function()
    local list = { "[3,4]", { 5, 12 } }
    pg.distances({ 0, 0 }, list, "l2")
    assert.equal("[3,4]", list[1])
    assert.same({ 5, 12 }, list[2])
  end)

  it("are cosine distances, of bits hamming distances, if no metric is named", function()
    assert.same({ 1 }, pg.distances({ 1, 0 }, { { 0, 2 } }))
    assert.same({ 1 }, pg.distances(bit "101", { "100" }))
  end)
end)

describe("top_k", function()
  it("is the beginning of the whole list in order", function()
    local list = random_vectors(300, 8, 7)
    local q = vector{ 1, 1, 1, 1, 0, 0, 0, 0 }
    for _, metric in ipairs{ "l2", "ip", "cosine", "l1" } do
      local all = {}
      for i, d in ipairs(pg.distances(q, list, metric)) do all[i] = { index = i, distance = d } end
      table.sort(all, function(a, b)
        if a.distance ~= b.distance then return a.distance < b.distance end
        return a.index < b.index
      end)
      for _, k in ipairs{ 0, 1, 2, 3, 7, 64, 299, 300, 1000 } do
        local expected = {}
        for i = 1, math.min(k, 300) do expected[i] = all[i] end
        assert.same(expected, pg.top_k(q, list, k, metric))
      end
    end
  end)

  it("keeps the list's order among equals, and puts NaN last", function()
    local list = { { 0, 0 }, { 0, 1 }, { 1, 0 }, { 0, 0 }, { 2, 0 }, { 0, 5 } }
    for k = 1, 6 do
      local indices = {}
      for i, found in ipairs(pg.top_k({ 1, 0 }, list, k, "cosine")) do indices[i] = found.index end
      local expected = { 3, 5, 2, 6, 1, 4 }
      for i = 6, k + 1, -1 do expected[i] = nil end
      assert.same(expected, indices)
    end
  end)

  it("wants a count", function()
    assert.equal("top_k: k must not be negative", refusal(pg.top_k, { 1 }, { { 1 } }, -1, "l2").message)
    assert.equal("top_k: expected integer, got nil", refusal(pg.top_k, { 1 }, { { 1 } }).message)
    assert.equal("top_k: expected integer, got number", refusal(pg.top_k, { 1 }, { { 1 } }, 1.5).message)
  end)
end)

-- the definition, word for word
local function mmr(q, list, k, lambda, metric)
  local method = methods[metric]
  local chosen, taken = {}, {}
  while #chosen < math.min(k, #list) do
    local best, best_score
    for i, v in ipairs(list) do
      if not taken[i] then
        local nearest = math.huge
        for _, j in ipairs(chosen) do nearest = math.min(nearest, v[method](v, list[j])) end
        local score = -v[method](v, q)
        if #chosen > 0 then score = lambda * score + (1 - lambda) * nearest end
        if not best or score > best_score then best, best_score = i, score end
      end
    end
    chosen[#chosen + 1] = best
    taken[best] = true
  end
  return chosen
end

describe("mmr", function()
  it("balances nearness to the query and distance from what is chosen", function()
    local list = random_vectors(40, 5, 11)
    local q = vector{ 1, 0.5, -0.5, 0.25, 0 }
    for _, metric in ipairs{ "cosine", "l2", "l1", "ip" } do
      for _, lambda in ipairs{ 0, 0.25, 0.5, 0.9, 1 } do
        for _, k in ipairs{ 0, 1, 5, 40, 99 } do
          assert.same(mmr(q, list, k, lambda, metric), pg.mmr(q, list, k, { lambda = lambda, metric = metric }))
        end
      end
    end
  end)

  it("does not take two of a kind if it need not", function()
    local list = { { 1, 0 }, { 1, 0 }, { 0.7, 0.7 } }
    assert.same({ 1, 3, 2 }, pg.mmr({ 1, 0.1 }, list, 3, { lambda = 0.5 }))
    assert.same({ 1, 2, 3 }, pg.mmr({ 1, 0.1 }, list, 3, { lambda = 1 }))
  end)

  it("uses one half and cosine, of bits hamming, if nothing is said", function()
    local list = random_vectors(20, 4, 5)
    assert.same(pg.mmr(list[1], list, 9, { lambda = 0.5, metric = "cosine" }), pg.mmr(list[1], list, 9))
    local bits = { bit "1100", bit "1110", bit "0011" }
    assert.same(pg.mmr(bits[1], bits, 3, { metric = "hamming" }), pg.mmr(bits[1], bits, 3))
  end)

  it("takes what has no distance last", function()
    assert.same({ 2, 3, 1 }, pg.mmr({ 1, 0 }, { { 0, 0 }, { 1, 0 }, { 0, 1 } }, 3))
    assert.same({ 1, 2 }, pg.mmr({ 0, 0 }, { { 0, 1 }, { 1, 0 } }, 2))
  end)

  it("checks its options", function()
    local cases = {
      { { lamda = 1 }, "mmr: unknown option 'lamda'" },
      { { 1 }, "mmr: unknown option 'number'" },
      { { lambda = 2 }, "mmr: lambda must be a number from 0 to 1" },
      { { lambda = "0.5" }, "mmr: lambda must be a number from 0 to 1" },
      { { lambda = 0 / 0 }, "mmr: lambda must be a number from 0 to 1" },
      { { metric = "cos" }, "unknown metric 'cos': expected l2, ip, cosine, l1, hamming or jaccard" },
      { 0.5, "mmr: expected a table of options, got number" },
    }
    for _, case in ipairs(cases) do
      assert.same({ class = "ArgumentError", message = case[2] }, refusal(pg.mmr, { 1 }, { { 1 } }, 1, case[1]))
    end
  end)
end)

describe("a list is refused:", function()
  local q = vector{ 1, 2, 3 }
  local cases = {
    { "ArgumentError", nil, "list element 2: expected vector, got halfvec", q, { q, halfvec(q) } },
    { "ArgumentError", nil, "list element 1: expected vector, got bit", q, { bit "101" } },
    { "ArgumentError", nil, "list element 2: expected vector, got nil", q, { q, nil, q } },
    { "ArgumentError", nil, "list element 1: expected vector, got null", q, { pg.null } },
    { "DataError", "22000", "list element 2: different vector dimensions 3 and 2", q, { q, vector{ 1, 2 } } },
    { "DataError", "22000", "list element 3: different vector dimensions 3 and 1", q, { q, "[1,2,3]", { 1 } } },
    { "DataError", "22000", "list element 2: element 3: expected number, got string", q, { q, { 1, 2, "x" } } },
    { "DataError", "22P02", 'list element 2: invalid input syntax for type vector: "[1,2"', q, { q, "[1,2" } },
    { "ArgumentError", nil, "distances: expected a sequence of values, got nil", q, nil },
    { "ArgumentError", nil, "distances: expected a sequence of values, got vector", q, q },
    { "ArgumentError", nil, "distances: expected vector, got number", 1, { q } },
    { "DataError", "22000", "different bit lengths", bit "1", { bit "11" } },
    { "ArgumentError", nil, "unknown metric 'cos': expected l2, ip, cosine, l1, hamming or jaccard", q, { q }, "cos" },
    { "ArgumentError", nil, "metric 'hamming' is not defined for vector", q, { q }, "hamming" },
    { "ArgumentError", nil, "metric 'l2' is not defined for bit", bit "1", { bit "1" }, "l2" },
    { "ArgumentError", nil, "metric: expected string, got number", q, { q }, 2 },
  }
  for i, case in ipairs(cases) do
    it(("%s (%d)"):format(case[3], i), function()
      local err = refusal(pg.distances, case[4], case[5], case[6])
      assert.equal(case[1], err.class)
      assert.equal(case[2], err.sqlstate)
      assert.truthy(err.message:find(case[3], 1, true), err.message)
    end)
  end
end)

-- calls f when the collector finds that nobody uses the result
local function finalizer(f)
  local newproxy = rawget(_G, "newproxy") -- tables have no finalizers on 5.1
  if not newproxy then return setmetatable({}, { __gc = f }) end
  local proxy = newproxy(true)
  getmetatable(proxy).__gc = f
  return proxy
end

describe("with a finalizer that empties the list", function()
  it("nothing is read that is gone", function()
    local list = random_vectors(300, 16, 3)
    local q, emptied, i = list[1], 0, 0
    collectgarbage("setpause", 0)
    repeat -- until the collector has run often enough while a function did
      i = i + 1
      finalizer(function()
        emptied = emptied + 1
        list[#list] = nil
      end)
      local _, err
      if i % 3 == 0 then
        _, err = pg.try(pg.distances, q, list, "l2")
      elseif i % 3 == 1 then
        _, err = pg.try(pg.top_k, q, list, 5, "l2")
      else
        _, err = pg.try(pg.mmr, q, list, 3)
      end
      assert(not err or err.message:find("expected vector, got nil", 1, true), err and err.message)
    until emptied > 50 or i == 1e6
    collectgarbage("setpause", 200)
    assert.is_true(emptied > 50)
  end)
end)
