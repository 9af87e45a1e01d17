-- What all values have: length, elements, equality, order, conversions.

local pg = require "pgvector"
local refusal = require "spec.support.refusal"

local vector, halfvec, sparsevec, bit = pg.vector, pg.halfvec, pg.sparsevec, pg.bit

-- one of each kind, with its elements
local samples = {
  vector = { vector{ 1.5, 0, -2 }, { 1.5, 0, -2 } },
  halfvec = { halfvec{ 1.5, 0, -2 }, { 1.5, 0, -2 } },
  sparsevec = { sparsevec "{1:1.5,3:-2}/3", { 1.5, 0, -2 } },
  bit = { bit "101", { true, false, true } },
}
local kinds = { "vector", "halfvec", "sparsevec", "bit" }

for _, kind in ipairs(kinds) do
  local value, elements = samples[kind][1], samples[kind][2]

  describe("a " .. kind, function()
    it("knows its length", function()
      assert.equal(3, #value)
      assert.equal(3, value:dims())
    end)

    it("gives its elements, and nil outside", function()
      for i, x in ipairs(elements) do assert.equal(x, value[i]) end
      for _, i in ipairs{ 0, -1, 4, 1.5, 2 ^ 31, 2 ^ 53, -2 ^ 53, math.huge, -math.huge, math.huge - math.huge } do
        assert.is_nil(value[i])
      end
      assert.is_nil(value[true])
      assert.is_nil(value[{}])
      assert.equal(elements[2], value[2.0])
    end)

    it("becomes a table, which is the caller's", function()
      local t = value:totable()
      assert.same(elements, t)
      t[1] = nil
      assert.same(elements, value:totable())
    end)

    it("is iterated", function()
      local seen, n = {}, 0
      for i, x in value:iter() do
        n = n + 1
        assert.equal(n, i)
        seen[i] = x
      end
      assert.same(elements, seen)
    end)

    it("tells its type", function()
      assert.equal(kind, pg.is_vector(value))
    end)

    it("is equal to one of the same type, length and elements only", function()
      assert.is_true(value == pg[kind](elements))
      assert.is_true(value == value)
      assert.is_true(value ~= nil)
      assert.is_true(value ~= tostring(value))
      for _, other in ipairs(kinds) do
        if other ~= kind then assert.is_false(value == samples[other][1]) end
      end
      local longer = value:totable()
      longer[4] = longer[2]
      assert.is_false(value == pg[kind](longer))
      longer[4], longer[1] = nil, longer[2]
      assert.is_false(value == pg[kind](longer))
    end)

    it("gives its text and its bytes, and is made of them", function()
      assert.equal(tostring(value), value:to_text())
      assert.equal(value, pg[kind].from_text(value:to_text()))
      assert.equal(value, pg[kind].from_binary(value:to_binary()))
    end)

    it("cannot be changed", function()
      assert.same({ class = "ArgumentError", message = ("a %s cannot be changed"):format(kind) },
        refusal(function() value[1] = 5 end))
      assert.equal("ArgumentError", refusal(function() value.x = 5 end).class)
    end)

    it("says which method it has not", function()
      assert.same({ class = "ArgumentError", message = kind .. " has no method 'dimensions'" },
        refusal(function() return value:dimensions() end))
    end)

    it("wants ':' for methods", function()
      for _, name in ipairs{ "dims", "totable", "iter", "to_text", "to_binary", "to_packed" } do
        local message = ("use ':' to call %s:%s(), not '.'"):format(kind, name)
        assert.same({ class = "ArgumentError", message = message }, refusal(value[name]))
        assert.equal(message, refusal(value[name], elements).message)
        assert.equal(message, refusal(value[name], samples[kind == "bit" and "vector" or "bit"][1]).message)
        assert.equal(message, refusal(value[name], io.stdout).message)
      end
    end)

    it("is no other object that borrows its metatable", function()
      local impostor = setmetatable({}, getmetatable(value))
      assert.equal("ArgumentError", refusal(function() return #value.totable(impostor) end).class)
      assert.equal("ArgumentError", refusal(tostring, impostor).class)
      assert.is_nil(pg.is_vector(impostor))
    end)

    it("does not mind how its metamethods are called", function()
      for _, metamethod in pairs(getmetatable(value)) do
        if type(metamethod) == "function" then
          for _, arguments in ipairs{ {}, { 1, 2 }, { value }, { value, 1 }, { {}, {} }, { nil, value } } do
            pcall(metamethod, arguments[1], arguments[2])
          end
        end
      end
    end)

    it("and its iterator do not mind strange arguments", function()
      local step = value:iter()
      assert.is_nil(step())
      assert.is_nil(step({}, 0))
      assert.is_nil(step(value, 3))
      assert.is_nil(step(value, -1))
    end)
  end)
end

describe("is_vector", function()
  it("is nil for everything else", function()
    for _, x in ipairs{ 1, "[1]", {}, true, print, io.stdout, pg.null } do assert.is_nil(pg.is_vector(x)) end
    assert.is_nil(pg.is_vector(nil))
  end)
end)

describe("the order of", function()
  -- ascending; the server sorts them so
  local ascending = {
    vector = { "[-2]", "[-1,5]", "[0]", "[0,0]", "[0,1]", "[1]", "[1,-1]", "[1,2]", "[1,2,3]", "[2]" },
    halfvec = { "[-2]", "[-1,5]", "[0]", "[0,0]", "[0,1]", "[1]", "[1,-1]", "[1,2]", "[1,2,3]", "[2]" },
    sparsevec = { "{1:-1}/2", "{}/1", "{2:-1}/2", "{}/2", "{2:1}/2", "{1:1}/1", "{1:1,2:-1}/2", "{1:1}/2", "{1:1,2:1}/2",
      "{1:2}/1" },
    bit = { "", "0", "00", "000000000", "0000000001", "01", "1", "10", "11" },
  }
  for _, kind in ipairs(kinds) do
    it(kind .. "s is the server's btree order", function()
      local list = {}
      for i, text in ipairs(ascending[kind]) do list[i] = pg[kind](text) end
      for i, a in ipairs(list) do
        for j, b in ipairs(list) do
          assert.equal(i < j, a < b)
          assert.equal(i <= j, a <= b)
          assert.equal(i > j, a > b)
          assert.equal(i == j, a == b)
        end
      end
    end)
  end

  it("zeros of both signs is none", function()
    assert.is_true(vector{ -0.0 } == vector{ 0 })
    assert.is_true(halfvec{ -0.0 } <= halfvec{ 0 })
    assert.is_false(vector{ -0.0 } < vector{ 0 })
  end)

  it("values of two types does not exist", function()
    assert.has_error(function() return vector{ 1 } < halfvec{ 1 } end)
    assert.has_error(function() return vector{ 1 } < 1 end)
  end)
end)

describe("a sparsevec", function()
  local s = sparsevec "{1:1.5,3:2,5:3}/6"

  it("gives dimensions, elements, indices and values", function()
    assert.equal(6, s.dim)
    assert.same({ [1] = 1.5, [3] = 2, [5] = 3 }, s.elements)
    assert.equal(3, s:nnz())
    assert.same({ 1, 3, 5 }, s:indices())
    assert.same({ 1.5, 2, 3 }, s:values())
    assert.same({ 1.5, 0, 2, 0, 3, 0 }, s:totable())
    assert.equal(s, sparsevec(s.elements, s.dim))
  end)

  it("of zeros has none of them", function()
    local zero = sparsevec({}, 3)
    assert.equal(0, zero:nnz())
    assert.same({}, zero.elements)
    assert.same({}, zero:indices())
    assert.same({}, zero:values())
    assert.same({ 0, 0, 0 }, zero:totable())
    assert.is_false(sparsevec({}, 1) == sparsevec({}, 2))
  end)

  it("finds single elements of a billion", function()
    local big = sparsevec({ [1] = 1, [5e8] = 2, [1e9] = 3 }, 1e9)
    assert.equal(1, big[1])
    assert.equal(0, big[2])
    assert.equal(2, big[5e8])
    assert.equal(3, big[1e9])
    assert.is_nil(big[1e9 + 1])
  end)
end)

describe("a conversion", function()
  it("keeps the elements", function()
    for _, from in ipairs{ "vector", "halfvec", "sparsevec" } do
      for _, to in ipairs{ "vector", "halfvec", "sparsevec" } do
        local value = samples[from][1]
        local converted = value["to_" .. to](value)
        assert.equal(to, pg.is_vector(converted))
        assert.equal(samples[to][1], converted)
      end
    end
  end)

  it("to halfvec rounds to nearest, ties to even", function()
    assert.equal("[2048,2052,65504]", tostring(vector{ 2049, 2051, 65519 }:to_halfvec()))
  end)

  it("to halfvec refuses what is too large", function()
    assert.same({ class = "DataError", sqlstate = "22003", message = '"65520" is out of range for type halfvec' },
      refusal(function() return vector{ 65520 }:to_halfvec() end))
  end)

  it("of bits does not exist", function()
    assert.equal("bit has no method 'to_vector'", refusal(function() return bit "1":to_vector() end).message)
  end)
end)

describe("a value's memory", function()
  it("is its elements and little more", function()
    local t = {}
    for i = 1, 1536 do t[i] = i end
    local keep = {}
    collectgarbage()
    collectgarbage()
    local before = collectgarbage("count")
    for i = 1, 1000 do keep[i] = vector(t) end
    collectgarbage()
    assert.equal(1000, #keep)
    local each = (collectgarbage("count") - before) * 1024 / 1000
    assert.is_true(each <= 6144 + 64 + 16, each) -- and 16 for its place in the table
  end)
end)
