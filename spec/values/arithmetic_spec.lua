-- Operators and the functions that make new values.

local pg = require "pgvector"
local refusal = require "spec.support.refusal"

local vector, halfvec, sparsevec = pg.vector, pg.halfvec, pg.sparsevec

local function add(a, b) return a + b end
local function sub(a, b) return a - b end
local function mul(a, b) return a * b end
local function concat(a, b) return a .. b end

for name, make in pairs{ vector = vector, halfvec = halfvec } do
  describe("for a " .. name, function()
    local a, b = make{ 1, 2, 3 }, make{ 4, -5, 0.5 }

    it("+ - * work on elements", function()
      assert.equal(make{ 5, -3, 3.5 }, a + b)
      assert.equal(make{ -3, 7, 2.5 }, a - b)
      assert.equal(make{ 4, -10, 1.5 }, a * b)
    end)

    it("a number scales", function()
      assert.equal(make{ 2, 4, 6 }, a * 2)
      assert.equal(make{ 0.5, 1, 1.5 }, 0.5 * a)
      assert.equal(make{ 0, 0, 0 }, a * 0)
    end)

    it("minus changes the signs, also of zeros", function()
      assert.equal("[-1,-2,-3]", tostring(-a))
      assert.equal("[-0,1]", tostring(-make{ 0, -1 }))
    end)

    it(".. joins", function()
      assert.equal(make{ 1, 2, 3, 4, -5, 0.5 }, a .. b)
      assert.equal(make{ 1, 2, 3, 4, 5 }, a .. { 4, 5 })
      assert.equal(make{ 4, 1, 2, 3 }, { 4 } .. a)
    end)

    it("a table or a text is taken for one", function()
      assert.equal(make{ 2, 3, 4 }, a + { 1, 1, 1 })
      assert.equal(make{ 0, 1, 2 }, a - "[1,1,1]")
      assert.equal(make{ 2, 4, 6 }, { 2, 2, 2 } * a)
      assert.equal(make{ 2, 3, 4 }, "[1,1,1]" + a)
    end)

    it("the operands stay as they are", function()
      local c = a + b
      assert.equal(make{ 1, 2, 3 }, a)
      assert.equal(make{ 4, -5, 0.5 }, b)
      assert.is_false(rawequal(a, c))
    end)

    it("subvector cuts as the server cuts", function()
      local v = make{ 1, 2, 3, 4, 5 }
      local cases = {
        { 1, 3, { 1, 2, 3 } }, { 3, 2, { 3, 4 } }, { 2, 9, { 2, 3, 4, 5 } }, { -1, 3, { 1 } }, { 0, 2, { 1 } },
        { 5, 1, { 5 } }, { 1, 2 ^ 40, { 1, 2, 3, 4, 5 } }, { 2, 2147483647, { 2, 3, 4, 5 } },
        { -2147483647, 2147483647 }, { 1, 0 }, { 1, -1 }, { 6, 1 }, { 2147483647, 1 }, { -3, 4 }, { 0, 1 },
      }
      for _, case in ipairs(cases) do
        local start, count, expected = case[1], case[2], case[3]
        if expected then
          assert.equal(make(expected), v:subvector(start, count))
        else
          assert.same({ class = "DataError", sqlstate = "22000",
              message = name .. " must have at least 1 dimension" },
            refusal(v.subvector, v, start, count))
        end
      end
      assert.equal("subvector: expected integer, got string", refusal(v.subvector, v, "1", 2).message)
      assert.equal("subvector: expected integer, got number", refusal(v.subvector, v, 1, 1.5).message)
      assert.equal("subvector: expected integer, got nil", refusal(v.subvector, v, 1, nil).message)
      assert.equal(("use ':' to call %s:subvector(), not '.'"):format(name), refusal(v.subvector, v, 1).message)
    end)

    it("binary_quantize tells what is above zero", function()
      assert.equal(pg.bit "1000110001", make{ 1, 0, -0.0, -1, 0.5, 6e-8, -6e-8, 0, 0, 100 }:binary_quantize())
    end)

    it("norm and l2_normalize", function()
      assert.equal(5, make{ 3, 4 }:norm())
      assert.equal(0, make{ 0, 0 }:norm())
      assert.equal(make{ 3 / 5, 4 / 5 }, make{ 3, 4 }:l2_normalize())
      assert.equal(make{ 0, 0 }, make{ 0, 0 }:l2_normalize())
    end)

    local cases = {
      { add, a, make{ 1, 2 }, "DataError", "22000", "different " .. name .. " dimensions 3 and 2" },
      { sub, a, { 1 }, "DataError", "22000", "different " .. name .. " dimensions 3 and 1" },
      { mul, a, "[1]", "DataError", "22000", "different " .. name .. " dimensions 3 and 1" },
      { mul, a, math.huge, "DataError", "22000", "infinite value not allowed in " .. name },
      { mul, math.huge - math.huge, a, "DataError", "22000", "NaN not allowed in " .. name },
      { add, a, 1, "ArgumentError", nil, "+: expected " .. name .. ", got number" },
      { sub, 1, a, "ArgumentError", nil, "-: expected " .. name .. ", got number" },
      { add, a, sparsevec{ 1, 2, 3 }, "ArgumentError", nil, "+: expected " .. name .. ", got sparsevec" },
      { mul, a, true, "ArgumentError", nil, "*: expected " .. name .. ", got boolean" },
      { concat, a, "[1]", "ArgumentError", nil, "..: expected " .. name .. ", got string" },
      { concat, "v = ", a, "ArgumentError", nil, "..: expected " .. name .. ", got string" },
      { concat, a, 1, "ArgumentError", nil, "..: expected " .. name .. ", got number" },
      { add, a, { 1, "x", 3 }, "DataError", "22000", "element 2: expected number, got string" },
    }
    for i, case in ipairs(cases) do
      it(("refuses: %s (%d)"):format(case[6], i), function()
        assert.same({ class = case[4], sqlstate = case[5], message = case[6] }, refusal(case[1], case[2], case[3]))
      end)
    end

    it("joins no more than 16000 dimensions", function()
      local half = {}
      for i = 1, 8000 do half[i] = 1 end
      local v = make(half)
      assert.equal(16000, #(v .. v))
      assert.same({ class = "DataError", sqlstate = "54000", message = name .. " cannot have more than 16000 dimensions" },
        refusal(concat, v .. v, a))
    end)
  end)
end

describe("a result that no element can hold raises", function()
  local overflow, underflow = "value out of range: overflow", "value out of range: underflow"
  local big, small = vector{ 3e38 }, vector{ 1e-30 }
  local cases = {
    { "vector +", add, big, big, overflow },
    { "vector -", sub, big, -big, overflow },
    { "vector *", mul, big, vector{ 2 }, overflow },
    { "vector *", mul, small, small, underflow },
    { "vector * number", mul, big, 2, overflow },
    { "vector * number", mul, small, 1e-30, underflow },
    { "halfvec +", add, halfvec{ 65504 }, halfvec{ 16 }, overflow },
    { "halfvec -", sub, halfvec{ -65504 }, halfvec{ 16 }, overflow },
    { "halfvec *", mul, halfvec{ 256 }, halfvec{ 256 }, overflow },
    { "halfvec *", mul, halfvec{ 0.0001 }, halfvec{ 0.0001 }, underflow },
    { "halfvec * number", mul, halfvec{ 40000 }, 2, overflow },
    { "halfvec * number", mul, halfvec{ 1e-7 }, 0.1, underflow },
  }
  for i, case in ipairs(cases) do
    it(("%s: %s (%d)"):format(case[1], case[5], i), function()
      assert.same({ class = "DataError", sqlstate = "22003", message = case[5] }, refusal(case[2], case[3], case[4]))
    end)
  end

  it("except that sums may come close to zero, and halves round down", function()
    assert.equal("[0]", tostring(vector{ 1e-45 } - vector{ 1e-45 }))
    assert.equal("[65504]", tostring(halfvec{ 65504 } + halfvec{ 15 }))
  end)
end)

describe("a sparsevec", function()
  it("has a norm", function()
    assert.equal(5, sparsevec "{1:3,7:4}/9":norm())
    assert.equal(0, sparsevec "{}/9":norm())
  end)

  it("is normalised; what becomes zero is left out", function()
    assert.equal("{1:0.6,7:0.8}/9", tostring(sparsevec "{1:3,7:4}/9":l2_normalize()))
    assert.equal("{}/9", tostring(sparsevec "{}/9":l2_normalize()))
    assert.equal("{1:1}/9", tostring(sparsevec "{1:1e38,2:1e-38}/9":l2_normalize()))
  end)

  it("has no operators", function()
    assert.has_error(function() return sparsevec{ 1 } + sparsevec{ 1 } end)
  end)
end)
