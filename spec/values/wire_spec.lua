-- PostgreSQL's binary formats and packed elements.

local pg = require "pgvector"
local refusal = require "spec.support.refusal"

local vector, halfvec, sparsevec, bit = pg.vector, pg.halfvec, pg.sparsevec, pg.bit

local function bytes(hex)
  return (hex:gsub("%s", ""):gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end))
end

describe("the binary format", function()
  local cases = {
    { vector, "[1.5,2,3]", "0003 0000 3fc00000 40000000 40400000" },
    { vector, "[-0,1e-45]", "0002 0000 80000000 00000001" },
    { halfvec, "[1.5,2,3]", "0003 0000 3e00 4000 4200" },
    { halfvec, "[65504,5.9604645e-08]", "0002 0000 7bff 0001" },
    { sparsevec, "{1:1.5,3:2,5:3}/6",
      "00000006 00000003 00000000 00000000 00000002 00000004 3fc00000 40000000 40400000" },
    { sparsevec, "{}/3", "00000003 00000000 00000000" },
    { bit, "101", "00000003 a0" },
    { bit, "010100001", "00000009 5080" },
    { bit, "", "00000000" },
  }
  for _, case in ipairs(cases) do
    local constructor, text, hex = case[1], case[2], case[3]
    local value = constructor(text)
    it(("of %s %s, out and in"):format(pg.is_vector(value), text), function()
      assert.equal(bytes(hex), value:to_binary())
      assert.equal(value, constructor.from_binary(bytes(hex)))
      assert.equal(text, tostring(constructor.from_binary(bytes(hex))))
    end)
  end

  it("of as many dimensions as there can be", function()
    local t = {}
    for i = 1, 16000 do t[i] = i end
    for _, constructor in ipairs{ vector, halfvec, sparsevec } do
      local value = constructor(t)
      assert.equal(value, constructor.from_binary(value:to_binary()))
    end
  end)

  it("drops bits behind the last one", function()
    assert.equal(bit "101", bit.from_binary(bytes "00000003 bf"))
  end)
end)

describe("a binary value is refused:", function()
  local cases = {
    { vector, "0000 0000", "22000", "vector must have at least 1 dimension" },
    { vector, "ffff 0000", "22000", "vector must have at least 1 dimension" },
    { vector, "3e81 0000", "54000", "vector cannot have more than 16000 dimensions" },
    { vector, "0001 0001 3f800000", "22000", "expected unused to be 0, not 1" },
    { vector, "0001 ffff 3f800000", "22000", "expected unused to be 0, not -1" },
    { vector, "0001 0000 7fc00000", "22000", "NaN not allowed in vector" },
    { vector, "0001 0000 7f800000", "22000", "infinite value not allowed in vector" },
    { vector, "0001 0000 3f80", "22P03", "incorrect binary data format: vector of 6 bytes, expected 8" },
    { vector, "0001 0000 3f800000 00", "22P03", "incorrect binary data format: vector of 9 bytes, expected 8" },
    { vector, "0001", "22P03", "incorrect binary data format: vector of 2 bytes, expected 4" },
    { vector, "", "22P03", "incorrect binary data format: vector of 0 bytes, expected 4" },
    { halfvec, "0000 0000", "22000", "halfvec must have at least 1 dimension" },
    { halfvec, "3e81 0000", "54000", "halfvec cannot have more than 16000 dimensions" },
    { halfvec, "0001 0002 3c00", "22000", "expected unused to be 0, not 2" },
    { halfvec, "0001 0000 7e00", "22000", "NaN not allowed in halfvec" },
    { halfvec, "0001 0000 fc00", "22000", "infinite value not allowed in halfvec" },
    { halfvec, "0002 0000 3c00", "22P03", "incorrect binary data format: halfvec of 6 bytes, expected 8" },
    { sparsevec, "00000000 00000000 00000000", "22000", "sparsevec must have at least 1 dimension" },
    { sparsevec, "80000000 00000000 00000000", "22000", "sparsevec must have at least 1 dimension" },
    { sparsevec, "3b9aca01 00000000 00000000", "54000", "sparsevec cannot have more than 1000000000 dimensions" },
    { sparsevec, "00000003 ffffffff 00000000", "22000", "sparsevec cannot have negative number of elements" },
    { sparsevec, "3b9aca00 00003e81 00000000", "54000", "sparsevec cannot have more than 16000 non-zero elements" },
    { sparsevec, "00000003 00000004 00000000", "54000", "sparsevec cannot have more elements than dimensions" },
    { sparsevec, "00000003 00000000 00000001", "22000", "expected unused to be 0, not 1" },
    { sparsevec, "00000003 00000001 00000000 00000000", "22P03",
      "incorrect binary data format: sparsevec of 16 bytes, expected 20" },
    { sparsevec, "00000003 00000001 00000000 00000003 3f800000", "22000", "sparsevec index out of bounds" },
    { sparsevec, "00000003 00000001 00000000 ffffffff 3f800000", "22000", "sparsevec index out of bounds" },
    { sparsevec, "00000003 00000002 00000000 00000001 00000000 3f800000 3f800000", "22000",
      "sparsevec indices must be in ascending order" },
    { sparsevec, "00000003 00000002 00000000 00000001 00000001 3f800000 3f800000", "22000",
      "sparsevec indices must not contain duplicates" },
    { sparsevec, "00000003 00000001 00000000 00000001 00000000", "22000",
      "binary representation of sparsevec cannot contain zero values" },
    { sparsevec, "00000003 00000001 00000000 00000001 80000000", "22000",
      "binary representation of sparsevec cannot contain zero values" },
    { sparsevec, "00000003 00000001 00000000 00000001 7fc00000", "22000", "NaN not allowed in sparsevec" },
    { sparsevec, "00000003 00000001 00000000 00000001 ff800000", "22000", "infinite value not allowed in sparsevec" },
    { bit, "ffffffff", "22P03", "invalid length in external bit string" },
    { bit, "00000009 50", "22P03", "incorrect binary data format: bit of 5 bytes, expected 6" },
    { bit, "000000", "22P03", "incorrect binary data format: bit of 3 bytes, expected 4" },
  }
  for i, case in ipairs(cases) do
    it(("%s (%d)"):format(case[4], i), function()
      assert.same({ class = "DataError", sqlstate = case[3], message = case[4] },
        refusal(case[1].from_binary, bytes(case[2])))
    end)
  end

  it("any other bytes, without reading beyond them", function()
    local random = require("spec.support.floats").random(5)
    for _ = 1, 20000 do
      local t = { string.char(0, 0, 0):sub(1, random() % 4) }
      for i = 2, 2 + random() % 30 do t[i] = string.char(random() % 3 == 0 and random() % 256 or random() % 4) end
      local s = table.concat(t)
      for _, constructor in ipairs{ vector, halfvec, sparsevec, bit } do
        local value, err = pg.try(constructor.from_binary, s)
        if value then
          assert(constructor.from_text(tostring(value)) == value)
        else
          assert(err.class == "DataError", err.message)
        end
      end
    end
  end)
end)

describe("packed elements", function()
  it("are little endian unless asked otherwise", function()
    assert.equal(bytes "0000c03f 00000040", vector{ 1.5, 2 }:to_packed())
    assert.equal(bytes "0000c03f 00000040", vector{ 1.5, 2 }:to_packed{ endian = "little" })
    assert.equal(bytes "3fc00000 40000000", vector{ 1.5, 2 }:to_packed{ endian = "big" })
    assert.equal(bytes "003e 0040", halfvec{ 1.5, 2 }:to_packed())
    assert.equal(bytes "3e00 4000", halfvec{ 1.5, 2 }:to_packed{ endian = "big" })
    assert.equal(bytes "00000000 0000c03f", sparsevec "{2:1.5}/2":to_packed())
    assert.equal(bytes "5080", bit "010100001":to_packed())
  end)

  it("become values again", function()
    for _, endian in ipairs{ "little", "big" } do
      local options = { endian = endian }
      for _, value in ipairs{ vector{ 1.5, -2 }, halfvec{ 1.5, -2 }, sparsevec{ 0, 1.5 }, bit "1010100001010101" } do
        assert.equal(value, pg[pg.is_vector(value)].from_packed(value:to_packed(options), options))
      end
    end
    assert.equal(bit "1111111100000000", bit.from_bytes "\255\0")
    assert.equal("\255\240", bit "111111111111":to_bytes())
    assert.equal(bit "111111100000011100000000", bit.from_bytes "\254\7\0")
  end)

  local cases = {
    { "22P03", "3 bytes are not a whole number of elements", vector.from_packed, "abc" },
    { "22P03", "3 bytes are not a whole number of elements", halfvec.from_packed, "abc" },
    { "22000", "vector must have at least 1 dimension", vector.from_packed, "" },
    { "54000", "vector cannot have more than 16000 dimensions", vector.from_packed, ("\0"):rep(64004) },
    { "22000", "NaN not allowed in vector", vector.from_packed, "\0\0\192\127" },
    { "22000", "infinite value not allowed in halfvec", halfvec.from_packed, "\0\124" },
    { nil, "from_packed: expected string, got number", vector.from_packed, 1 },
    { nil, "from_packed: unknown option 'endain'", vector.from_packed, "abcd", { endain = "big" } },
    { nil, "from_packed: unknown option 'number'", vector.from_packed, "abcd", { "big" } },
    { nil, 'from_packed: endian must be "little" or "big"', vector.from_packed, "abcd", { endian = "middle" } },
    { nil, 'from_packed: endian must be "little" or "big"', vector.from_packed, "abcd", { endian = 1 } },
    { nil, "from_packed: expected a table of options, got string", vector.from_packed, "abcd", "big" },
    { nil, "to_packed: expected a table of options, got string", vector{ 1 }.to_packed, vector{ 1 }, "big" },
    { nil, "from_bytes: expected string, got nil", bit.from_bytes },
    { nil, "from_binary: expected string, got vector", vector.from_binary, vector{ 1 } },
  }
  for i, case in ipairs(cases) do
    it(("are refused: %s (%d)"):format(case[2], i), function()
      assert.same({ class = case[1] and "DataError" or "ArgumentError", sqlstate = case[1], message = case[2] },
        refusal(case[3], case[4], case[5]))
    end)
  end
end)
