-- What the constructors accept, and what they say about the rest.

local pg = require "pgvector"
local refusal = require "spec.support.refusal"

local vector, halfvec, sparsevec, bit = pg.vector, pg.halfvec, pg.sparsevec, pg.bit
local inf, nan = math.huge, math.huge - math.huge

describe("a value is made from", function()
  local cases = {
    { "a sequence", vector, { { 1, 2.5, -3 } }, "[1,2.5,-3]" },
    { "a text", vector, { "[1,2.5,-3]" }, "[1,2.5,-3]" },
    { "a vector", vector, { vector{ 1, 2 } }, "[1,2]" },
    { "a halfvec", vector, { halfvec{ 1, 0.1 } }, "[1,0.099975586]" },
    { "a sparsevec", vector, { sparsevec "{2:1.5}/3" }, "[0,1.5,0]" },
    { "a number that no float is", vector, { { 0.1, 16777217, 1e-46 } }, "[0.1,1.6777216e+07,0]" },
    { "negative zero", vector, { { tonumber "-0.0" } }, "[-0]" }, -- PUC 5.1 makes -0.0 and 0 one constant
    { "the smallest and the largest floats", vector, { { 1e-45, 3.4028235e38 } }, "[1e-45,3.4028235e+38]" },
    { "a sequence", halfvec, { { 1, 2.5, -3 } }, "[1,2.5,-3]" },
    { "a text", halfvec, { "[0.1,65519]" }, "[0.099975586,65504]" },
    { "a vector", halfvec, { vector{ 1, 0.1 } }, "[1,0.099975586]" },
    { "a halfvec", halfvec, { halfvec{ 1, 2 } }, "[1,2]" },
    { "a sparsevec", halfvec, { sparsevec "{2:1.5}/3" }, "[0,1.5,0]" },
    { "the smallest half, ties to even", halfvec, { { 6e-8, 2.98e-8, 2.9e-8, 8.95e-8 } },
      "[5.9604645e-08,0,0,1.1920929e-07]" },
    { "elements and dimensions", sparsevec, { { [1] = 1.5, [3] = 2 }, 5 }, "{1:1.5,3:2}/5" },
    { "elements in any order, zeros left out", sparsevec, { { [5] = 3, [4] = 0, [1] = 1, [3] = 2 }, 6 },
      "{1:1,3:2,5:3}/6" },
    { "no elements", sparsevec, { {}, 3 }, "{}/3" },
    { "a dense sequence", sparsevec, { { 1, 0, 2, 0 } }, "{1:1,3:2}/4" },
    { "a text in any order", sparsevec, { "{5:3,1:1.5,3:2}/6" }, "{1:1.5,3:2,5:3}/6" },
    { "a text with zeros", sparsevec, { "{1:0,2:1,9:0}/3" }, "{2:1}/3" },
    { "a vector", sparsevec, { vector{ 0, -0.0, 2 } }, "{3:2}/3" },
    { "a halfvec", sparsevec, { halfvec{ 0, 0.5 } }, "{2:0.5}/2" },
    { "a sparsevec", sparsevec, { sparsevec{ 0, 1 } }, "{2:1}/2" },
    { "the largest dimensions", sparsevec, { { [1e9] = 1 }, 1e9 }, "{1000000000:1}/1000000000" },
    { "a text", bit, { "101" }, "101" },
    { "booleans", bit, { { true, false, true } }, "101" },
    { "a bit", bit, { bit "01" }, "01" },
    { "a text with the letter b", bit, { "b101" }, "101" },
    { "a hexadecimal text", bit, { "x1fA" }, "000111111010" },
    { "nothing at all", bit, { "" }, "" },
    { "no booleans", bit, { {} }, "" },
    { "nine bits", bit, { "010100001" }, "010100001" },
  }
  for _, case in ipairs(cases) do
    local what, constructor, arguments, text = case[1], case[2], case[3], case[4]
    local value = constructor(arguments[1], arguments[2])
    it(("%s: %s %s"):format(what, pg.is_vector(value), text), function()
      assert.equal(text, tostring(value))
      assert.equal(value, constructor.from_text(text))
    end)
  end

  it("a table of more elements than a chunk of them", function()
    for _, n in ipairs{ 31, 32, 33, 63, 64, 65, 1536, 16000 } do
      local t = {}
      for i = 1, n do t[i] = i end
      local v = vector(t)
      assert.equal(n, #v)
      for i = 1, n do assert(v[i] == i) end
    end
  end)

  it("a sequence that was filled in any order", function()
    local descending, shuffled = {}, {}
    for i = 200, 1, -1 do descending[i] = i end
    for i = 1, 200 do shuffled[i * 57 % 200 + 1] = i end
    assert.equal(100, vector(descending)[100])
    assert.equal(200, #vector(shuffled))
  end)
end)

describe("a value is refused:", function()
  local many = {}
  for i = 1, 16001 do many[i] = i end
  local many_booleans = { 1 }
  local cases = {
    -- elements
    { "22000", "vector must have at least 1 dimension", vector, {} },
    { "22000", "halfvec must have at least 1 dimension", halfvec, {} },
    { "22000", "sparsevec must have at least 1 dimension", sparsevec, {} },
    { "54000", "vector cannot have more than 16000 dimensions", vector, many },
    { "54000", "halfvec cannot have more than 16000 dimensions", halfvec, many },
    { "54000", "sparsevec cannot have more than 16000 non-zero elements", sparsevec, many },
    { "22000", "NaN not allowed in vector", vector, { 1, nan } },
    { "22000", "NaN not allowed in halfvec", halfvec, { nan } },
    { "22000", "NaN not allowed in sparsevec", sparsevec, { nan } },
    { "22000", "infinite value not allowed in vector", vector, { inf } },
    { "22000", "infinite value not allowed in vector", vector, { -inf } },
    { "22000", "infinite value not allowed in halfvec", halfvec, { -inf } },
    { "22000", "infinite value not allowed in sparsevec", sparsevec, { 0, inf } },
    { "22003", '"4e+38" is out of range for type vector', vector, { 4e38 } },
    { "22003", '"-1e+300" is out of range for type vector', vector, { 1, -1e300 } },
    { "22003", '"65520" is out of range for type halfvec', halfvec, { 65520 } },
    { "22003", '"-1e+06" is out of range for type halfvec', halfvec, { -1e6 } },
    { "22003", '"1e+39" is out of range for type halfvec', halfvec, { 1e39 } },
    { "22003", '"1e-46" is out of range for type sparsevec', sparsevec, { 1e-46 } },
    { "22004", "element 2: expected number, got nil", vector, { 1, nil, 3 } },
    { "22004", "element 1: expected number, got nil", vector, { nil, 2 } },
    { "22004", "element 3: expected number, got nil", vector, { 1, 2, [10] = 3 } },
    { "22004", "element 2: expected number, got nil", sparsevec, { 1, nil, 3 } },
    { "22004", "element 2: expected number, got nil", sparsevec, { [1] = 1, [5] = 2 } },
    { "22004", "element 2: expected boolean, got nil", bit, { true, nil, true } },
    { "22000", "element 2: expected number, got string", vector, { 1, "2" } },
    { "22000", "element 2: expected number, got table", vector, { 1, { 2 } } },
    { "22000", "element 1: expected number, got boolean", halfvec, { true } },
    { "22000", "element 1: expected number, got null", vector, { pg.null } },
    { "22000", "element 1: expected number, got string", sparsevec, { "1" } },
    { "22000", "element 1: expected boolean, got number", bit, many_booleans },
    { "22000", "element 2: expected boolean, got string", bit, { true, "1" } },
    { "22000", "expected a sequence, got key 'x'", vector, { 1, 2, x = 3 } },
    { "22000", "expected a sequence, got key 'dim'", sparsevec, { 1, dim = 3 } },
    { "22000", "expected a sequence, got key 'n'", bit, { true, n = 1 } },
    { "22000", "expected a sequence, got a key of type number", vector, { [0] = 1, 2 } },
    { "22000", "expected a sequence, got a key of type number", vector, { [1.5] = 1 } },
    { "22000", "expected a sequence, got a key of type boolean", vector, { [true] = 1 } },
    -- conversions
    { "22003", '"70000" is out of range for type halfvec', halfvec, vector{ 70000 } },
    { "22003", '"70000" is out of range for type halfvec', halfvec, sparsevec{ 0, 70000 } },
    { "54000", "vector cannot have more than 16000 dimensions", vector, sparsevec({}, 16001) },
    { "54000", "halfvec cannot have more than 16000 dimensions", halfvec, sparsevec({}, 16001) },
    -- arguments of another kind
    { nil, "vector: expected table, string or vector, got number", vector, 1 },
    { nil, "vector: expected table, string or vector, got nil", vector, nil },
    { nil, "vector: expected table, string or vector, got null", vector, pg.null },
    { nil, "vector: expected table, string or vector, got bit", vector, bit "1" },
    { nil, "halfvec: expected table, string or vector, got boolean", halfvec, true },
    { nil, "sparsevec: expected table, string or vector, got bit", sparsevec, bit "1" },
    { nil, "bit: expected table, string or bit, got number", bit, 101 },
    { nil, "bit: expected table, string or bit, got vector", bit, vector{ 1 } },
    { nil, "vector: expected table, string or vector, got userdata", vector, io.stdout },
  }
  for i, case in ipairs(cases) do
    local sqlstate, message, constructor, argument = case[1], case[2], case[3], case[4]
    it(("%s (%d)"):format(message, i), function()
      assert.same({ class = sqlstate and "DataError" or "ArgumentError", sqlstate = sqlstate, message = message },
        refusal(constructor, argument))
    end)
  end

  it("more than one argument", function()
    assert.equal("vector: expected one argument", refusal(vector, 1, 2, 3).message)
    assert.equal("bit: expected one argument", refusal(bit, "1", 1).message)
  end)

  it("a hole or another key, wherever it is in a long table", function()
    for n = 65, 300, 5 do
      local hole, key, far = {}, {}, {}
      for i = 1, n do hole[i], key[i], far[i] = i, i, i end
      hole[n - 5] = nil
      key.name = "x"
      far[n + 2] = 1
      assert.equal(("element %d: expected number, got nil"):format(n - 5), refusal(vector, hole).message)
      assert.equal("expected a sequence, got key 'name'", refusal(vector, key).message)
      assert.equal(("element %d: expected number, got nil"):format(n + 1), refusal(vector, far).message)
    end
  end)

  it("another key in a table that was filled in no order", function()
    local random = require("spec.support.floats").random(3)
    for _ = 1, 300 do
      local n = 65 + random() % 200
      local t, keys = {}, {}
      if random() % 2 == 0 then t.first = 1 end
      for i = 1, n do keys[i] = i end
      for i = n, 2, -1 do
        local j = 1 + random() % i
        keys[i], keys[j] = keys[j], keys[i]
      end
      for i = 1, n do t[keys[i]] = i end
      if random() % 2 == 0 then t.last = 1 end
      if t.first or t.last then
        assert.truthy(refusal(vector, t).message:find("expected a sequence, got key '[fl][ia][rs]s?t'"))
      else
        assert.equal(n, #vector(t))
      end
    end
  end)
end)

describe("the elements of a sparsevec are refused:", function()
  local cases = {
    { "DataError", "22000", "sparsevec index out of bounds", { [7] = 1 }, 6 },
    { "DataError", "22000", "sparsevec index out of bounds", { [0] = 1 }, 6 },
    { "DataError", "22000", "sparsevec index out of bounds", { [-1] = 1 }, 6 },
    { "DataError", "22000", "sparsevec index out of bounds", { [2 ^ 40] = 1 }, 6 },
    { "DataError", "22000", "sparsevec must have at least 1 dimension", {}, 0 },
    { "DataError", "22000", "sparsevec must have at least 1 dimension", {}, -3 },
    { "DataError", "54000", "sparsevec cannot have more than 1000000000 dimensions", {}, 1000000001 },
    { "DataError", "54000", "sparsevec cannot have more than 1000000000 dimensions", {}, 2 ^ 60 },
    { "DataError", "22000", "element 2: expected number, got string", { [2] = "x" }, 6 },
    { "DataError", "22000", "NaN not allowed in sparsevec", { [2] = nan }, 6 },
    { "DataError", "22003", '"1e-300" is out of range for type sparsevec', { [2] = 1e-300 }, 6 },
    { "DataError", "22003", '"4e+38" is out of range for type sparsevec', { [2] = 4e38 }, 6 },
    { "ArgumentError", nil, "sparsevec index: expected integer, got string", { x = 1 }, 6 },
    { "ArgumentError", nil, "sparsevec index: expected integer, got number", { [1.5] = 1 }, 6 },
    { "ArgumentError", nil, "sparsevec dimensions: expected integer, got string", { 1 }, "6" },
    { "ArgumentError", nil, "sparsevec dimensions: expected integer, got number", { 1 }, 1.5 },
    { "ArgumentError", nil, "sparsevec dimensions: expected integer, got number", { 1 }, nan },
    { "ArgumentError", nil, "sparsevec: expected table of elements, got string", "{}/3", 3 },
    { "ArgumentError", nil, "sparsevec: expected table of elements, got vector", vector{ 1 }, 1 },
  }
  for i, case in ipairs(cases) do
    it(("%s (%d)"):format(case[3], i), function()
      assert.same({ class = case[1], sqlstate = case[2], message = case[3] }, refusal(sparsevec, case[4], case[5]))
    end)
  end

  it("there are too many", function()
    local elements = {}
    for i = 1, 16000 do elements[i * 2] = 1 end
    assert.equal(16000, sparsevec(elements, 100000):nnz())
    elements[1] = 1
    assert.equal("sparsevec cannot have more than 16000 non-zero elements",
      refusal(sparsevec, elements, 100000).message)
  end)
end)
