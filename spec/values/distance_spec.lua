-- Distances: the server's values, its edge cases, what is accepted and refused.

local pg = require "pgvector"
local refusal = require "spec.support.refusal"

local vector, halfvec, sparsevec, bit = pg.vector, pg.halfvec, pg.sparsevec, pg.bit
local inf = math.huge

local function same_number(expected, actual)
  return expected == actual or (expected ~= expected and actual ~= actual)
end
local nan = inf - inf

describe("the distance of", function()
  -- a, b, l2, inner product, cosine, l1
  local cases = {
    { "[0,0]", "[3,4]", 5, 0, nan, 7 },
    { "[0,0]", "[0,1]", 1, 0, nan, 1 },
    { "[1,2]", "[3,4]", math.sqrt(8), 11, 1 - 11 / math.sqrt(125), 4 },
    { "[1,2]", "[2,4]", math.sqrt(5), 10, 0, 3 },
    { "[1,1]", "[1,1]", 0, 2, 0, 0 },
    { "[1,0]", "[0,2]", math.sqrt(5), 0, 1, 3 },
    { "[1,1]", "[-1,-1]", math.sqrt(8), -2, 2, 4 },
    { "[1]", "[2]", 1, 2, 0, 1 },
    { "[1,2,3,4,5,6,7,8,9]", "[1,2,3,4,5,6,7,8,9]", 0, 285, 0, 0 },
    { "[1,2,3,4,5,6,7,8,9]", "[9,8,7,6,5,4,3,2,1]", math.sqrt(240), 165, 1 - 165 / 285, 40 },
  }
  for name, make in pairs{ vector = vector, halfvec = halfvec } do
    for _, case in ipairs(cases) do
      it(("%ss %s and %s"):format(name, case[1], case[2]), function()
        local a, b = make(case[1]), make(case[2])
        assert.equal(case[3], a:l2_distance(b))
        assert.equal(case[4], a:inner_product(b))
        assert.equal(-case[4], a:max_inner_product(b))
        assert(same_number(case[5], a:cosine_distance(b)), a:cosine_distance(b))
        assert.equal(case[6], a:l1_distance(b))
      end)
    end
  end

  for _, case in ipairs(cases) do
    it(("the same sparsevecs %s and %s"):format(case[1], case[2]), function()
      local a, b = sparsevec(vector(case[1])), sparsevec(vector(case[2]))
      local function near(expected, actual)
        assert(same_number(expected, actual) or math.abs(expected - actual) <= 1e-6 * math.abs(expected) + 1e-7, actual)
      end
      near(case[3], a:l2_distance(b))
      near(case[4], a:inner_product(b))
      near(-case[4], a:max_inner_product(b))
      near(case[5], a:cosine_distance(b))
      near(case[6], a:l1_distance(b))
      near(case[3], b:l2_distance(a))
      near(case[6], b:l1_distance(a))
    end)
  end

  -- where a sum leaves the range of floats, so does the server's
  it("large vectors is infinite or undefined, as on the server", function()
    local big = vector{ 3e38 }
    assert.equal(inf, big:l2_distance{ -3e38 })
    assert.equal(inf, big:inner_product(big))
    assert.equal(-inf, big:max_inner_product(big))
    assert.equal(inf, big:l1_distance{ -3e38 })
    local cosine = big:cosine_distance(big)
    assert.is_true(cosine ~= cosine)
    assert.equal(0, vector{ 1e-30 }:l2_distance{ 0 })
    assert.equal(3e38, math.floor(big:norm() / 1e32 + 0.5) * 1e32)
  end)

  it("parallel vectors is exactly zero", function()
    assert.equal(0, vector{ 1, 1 }:cosine_distance{ 1.1, 1.1 })
    assert.equal(2, vector{ 1, 1 }:cosine_distance{ -1.1, -1.1 })
    assert.equal(0, halfvec{ 1, 1 }:cosine_distance{ 1.1, 1.1 })
  end)

  it("bits counts and compares", function()
    -- a, b, hamming, jaccard
    for _, case in ipairs{
      { "111", "111", 0, 0 }, { "111", "110", 1, 1 - 2 / 3 }, { "111", "100", 2, 1 - 1 / 3 }, { "111", "000", 3, 1 },
      { "000", "000", 0, 1 }, { "", "", 0, 1 }, { "1", "1", 0, 0 }, { "1010101010101010101", "0101010101010101010", 19, 1 },
      { ("10"):rep(500), ("1"):rep(1000), 500, 0.5 }, { ("1"):rep(67), ("1"):rep(66) .. "0", 1, 1 - 66 / 67 },
    } do
      local a, b = bit(case[1]), bit(case[2])
      assert.equal(case[3], a:hamming_distance(b))
      assert.equal(case[4], a:jaccard_distance(b))
      assert.equal(case[3], b:hamming_distance(a))
      assert.equal(case[4], b:jaccard_distance(a))
    end
  end)
end)

describe("the other operand", function()
  it("may be a table or a text that the constructor takes", function()
    assert.equal(5, vector{ 0, 0 }:l2_distance{ 3, 4 })
    assert.equal(5, vector{ 0, 0 }:l2_distance "[3,4]")
    assert.equal(5, halfvec{ 0, 0 }:l2_distance{ 3, 4 })
    assert.equal(5, sparsevec{ 0, 0 }:l2_distance "{1:3,2:4}/2")
    assert.equal(5, sparsevec{ 0, 0 }:l2_distance{ 3, 4 })
    assert.equal(1, bit "101":hamming_distance "100")
    assert.equal(1, bit "101":hamming_distance{ true, false, false })
  end)

  local distances = { "l2_distance", "inner_product", "max_inner_product", "cosine_distance", "l1_distance" }
  local of = { vector = distances, halfvec = distances, sparsevec = distances,
    bit = { "hamming_distance", "jaccard_distance" } }
  local values = { vector = vector{ 1, 2, 3 }, halfvec = halfvec{ 1, 2, 3 }, sparsevec = sparsevec{ 1, 2, 3 },
    bit = bit "101" }
  local shorter = { vector = { 1, 2 }, halfvec = { 1, 2 }, sparsevec = { 1, 2 }, bit = "10" }

  for kind, names in pairs(of) do
    it(("must be a %s of the same length"):format(kind), function()
      local value = values[kind]
      for _, name in ipairs(names) do
        for other, wrong in pairs(values) do
          if other ~= kind then
            assert.same({ class = "ArgumentError", message = ("%s: expected %s, got %s"):format(name, kind, other) },
              refusal(value[name], value, wrong))
          end
        end
        assert.equal(("%s: expected %s, got number"):format(name, kind), refusal(value[name], value, 1).message)
        assert.equal(("%s: expected %s, got nil"):format(name, kind), refusal(value[name], value, nil).message)
        assert.equal(("%s: expected %s, got null"):format(name, kind), refusal(value[name], value, pg.null).message)
        assert.same({ class = "DataError", sqlstate = "22000",
            message = kind == "bit" and "different bit lengths 3 and 2"
              or ("different %s dimensions 3 and 2"):format(kind) },
          refusal(value[name], value, shorter[kind]))
        local colon = ("use ':' to call %s:%s(), not '.'"):format(kind, name)
        assert.same({ class = "ArgumentError", message = colon }, refusal(value[name], value))
        assert.equal(colon, refusal(value[name]).message)
        assert.equal(colon, refusal(value[name], 1, value).message)
      end
    end)

    it(("of a %s: no other distance is defined"):format(kind), function()
      local wrong = kind == "bit" and "l2_distance" or "hamming_distance"
      assert.equal(("%s has no method '%s'"):format(kind, wrong),
        refusal(function() return values[kind][wrong] end).message)
    end)
  end
end)
