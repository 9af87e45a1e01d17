-- The server's text, out and in.

local pg = require "pgvector"
local floats = require "spec.support.floats"
local refusal = require "spec.support.refusal"

local vector, halfvec, sparsevec, bit = pg.vector, pg.halfvec, pg.sparsevec, pg.bit

describe("a number is printed as the server prints it:", function()
  local cases = {
    { 0, "0" }, { tonumber "-0.0", "-0" }, { 1, "1" }, { -1.5, "-1.5" }, { 0.1, "0.1" }, { 1 / 3, "0.33333334" },
    { 10, "10" }, { 100, "100" }, { 123456, "123456" }, { 999999, "999999" }, { 1e6, "1e+06" },
    { 1234567, "1.234567e+06" }, { 12345678, "1.2345678e+07" }, { 16777216, "1.6777216e+07" },
    { 0.001, "0.001" }, { 0.0001, "0.0001" }, { 0.00012345, "0.00012345" }, { 0.00001, "1e-05" },
    { 0.000012345, "1.2345e-05" }, { 1e10, "1e+10" }, { 2 ^ 33, "8.589935e+09" }, { 2 ^ 100, "1.2676506e+30" },
    { 3.4028234663852886e38, "3.4028235e+38" }, { 2 ^ -126, "1.1754944e-38" }, { 2 ^ -149, "1e-45" },
    { 2 ^ -148, "3e-45" }, { 2 ^ -127, "5.877472e-39" }, { 0.3, "0.3" }, { 100.25, "100.25" },
    { 9.5367431640625e-07, "9.536743e-07" }, { 0.5, "0.5" }, { 1e-10, "1e-10" }, { 33554432, "3.3554432e+07" },
    { 8388608.5, "8.388608e+06" }, { 4.7019774e-38, "4.7019774e-38" },
  }
  for _, case in ipairs(cases) do
    it(case[2], function()
      assert.equal("[" .. case[2] .. "]", tostring(vector{ case[1] }))
    end)
  end
end)

describe("the text of", function()
  it("each kind of value", function()
    assert.equal("[1.5,2,3]", vector{ 1.5, 2, 3 }:to_text())
    assert.equal("[0.099975586,65504,5.9604645e-08]", halfvec{ 0.1, 65504, 6e-8 }:to_text())
    assert.equal("{1:1.5,1000000000:-2}/1000000000", sparsevec({ [1] = 1.5, [1e9] = -2 }, 1e9):to_text())
    assert.equal("010100001", bit "010100001":to_text())
  end)

  it("200,000 floats of random bits reads back as the same floats, and is the shortest that does", function()
    local random = floats.random(20)
    for _ = 1, 100 do
      local packed = floats.packed(2000, random)
      local v = vector.from_packed(packed, { endian = "big" })
      local text = tostring(v)
      if vector(text):to_packed{ endian = "big" } ~= packed then
        for number in text:gmatch("[^%[%],]+") do -- which one?
          assert.equal("[" .. number .. "]", tostring(vector("[" .. number .. "]")))
        end
      end
    end
  end)

  it("every power of ten, and its neighbours", function()
    for exponent = -45, 38 do
      local text = ("[1e%s%02d]"):format(exponent < 0 and "-" or "+", math.abs(exponent))
      if exponent < -4 or exponent >= 6 then assert.equal(text, tostring(vector(text))) end
      local bytes = vector(text):to_packed{ endian = "big" }
      local bits = ((bytes:byte(1) * 256 + bytes:byte(2)) * 256 + bytes:byte(3)) * 256 + bytes:byte(4)
      for offset = -math.min(3, bits), 3 do
        local neighbour = vector.from_packed(floats.bytes(bits + offset), { endian = "big" })
        assert.equal(neighbour, vector(tostring(neighbour)))
      end
    end
  end)

  it("every finite half reads back as the same half", function()
    local parts = {}
    for high = 0, 255 do
      if math.floor(high / 4) % 32 ~= 31 then
        for low = 0, 255 do parts[#parts + 1] = string.char(high, low) end
      end
    end
    local all = table.concat(parts)
    for i = 1, #all, 30000 do
      local packed = all:sub(i, i + 29999)
      local v = halfvec.from_packed(packed, { endian = "big" })
      assert.equal(packed, halfvec(tostring(v)):to_packed{ endian = "big" })
      -- and by way of numbers and of floats
      assert.equal(packed, halfvec(v:totable()):to_packed{ endian = "big" })
      assert.equal(packed, v:to_vector():to_halfvec():to_packed{ endian = "big" })
    end
  end)
end)

describe("a text is read as the server reads it:", function()
  local cases = {
    { vector, " \t\n\v\f\r[ 1 ,\t2\n, 3 ] \n", "[1,2,3]" },
    { vector, "[1.,.5,+1,-.25e1,1E2,00012,1e+2,1e-2]", "[1,0.5,1,-2.5,100,12,100,0.01]" },
    { vector, "[1e38,-1e38,1e-45,1e-46,-1e-400]", "[1e+38,-1e+38,1e-45,0,-0]" },
    { vector, "[0x10,0X1.8p1,0x.8,-0x1p-2]", "[16,3,0.5,-0.25]" },
    { vector, "[0.1000000000000000055511151231257827021181583404541015625]", "[0.1]" },
    { vector, "[16777217,16777219,16777217.0000001]", "[1.6777216e+07,1.677722e+07,1.6777218e+07]" },
    -- around halfway between the largest float and 2^128
    { vector, "[3.4028235677973366e38]", "[3.4028235e+38]" },
    { vector, "[3.4028235677973367e38]", nil },
    { vector, "[7.006492321624085e-46,7.006492321624086e-46]", "[0,1e-45]" }, -- around half of 2^-149
    { vector, "[" .. ("0"):rep(5000) .. "1." .. ("0"):rep(5000) .. "]", "[1]" },
    { vector, "[0." .. ("0"):rep(5000) .. "1e5001]", "[1]" },
    { vector, "[1" .. ("0"):rep(5000) .. "e-5000]", "[1]" },
    -- a halfway point whose last digit, far behind, decides
    { vector, "[1.00000005960464477539062500" .. ("0"):rep(300) .. "1]", "[1.0000001]" },
    { vector, "[1.00000005960464477539062500" .. ("0"):rep(300) .. "]", "[1]" },
    { halfvec, "[65519,65519.99,0.1]", "[65504,65504,0.099975586]" },
    { halfvec, "[1e-8,1e-46]", "[0,0]" },
    { sparsevec, " { 1 : 1.5 , 3:2 } / 5 ", "{1:1.5,3:2}/5" },
    { sparsevec, "{+1:1}/+3", "{1:1}/3" },
    { sparsevec, "{}/3", "{}/3" },
    { sparsevec, "{ } / 3", "{}/3" },
  }
  for _, case in ipairs(cases) do
    local shown = #case[2] > 60 and case[2]:sub(1, 60) .. "…" or case[2]
    it(("%q"):format(shown), function()
      if case[3] then
        assert.equal(case[3], tostring(case[1](case[2])))
      else
        assert.equal("22003", refusal(case[1], case[2]).sqlstate)
      end
    end)
  end
end)

describe("a text is refused as the server refuses it:", function()
  local start = 'Vector contents must start with "[".'
  local sparse_start = 'Vector contents must start with "{".'
  local junk = "Junk after closing right brace."
  local function syntax(type_name, text, detail)
    return { "22P02", ('invalid input syntax for type %s: "%s"'):format(type_name, text), text, detail }
  end
  local cases = {
    { vector, syntax("vector", "", start) },
    { vector, syntax("vector", "hello", start) },
    { vector, syntax("vector", "1,2,3", start) },
    { vector, syntax("vector", "[1,2,3") },
    { vector, syntax("vector", "[1,2,3]9", junk) },
    { vector, syntax("vector", "[1],", junk) },
    { vector, syntax("vector", "[1,,3]") },
    { vector, syntax("vector", "[1, ,3]") },
    { vector, syntax("vector", "[,1]") },
    { vector, syntax("vector", "[1,]") },
    { vector, syntax("vector", "[1 2]") },
    { vector, syntax("vector", "[1a]") },
    { vector, syntax("vector", "[a]") },
    { vector, syntax("vector", "[.]") },
    { vector, syntax("vector", "[+]") },
    { vector, syntax("vector", "[e5]") },
    { vector, syntax("vector", "[1e]") },
    { vector, syntax("vector", "[1e+]") },
    { vector, syntax("vector", "[0x]") },
    { vector, syntax("vector", "[--1]") },
    { vector, syntax("vector", "[") },
    { vector, syntax("vector", "[é]") },
    { halfvec, syntax("halfvec", "hello", start) },
    { halfvec, syntax("halfvec", "[1,2", nil) },
    { sparsevec, syntax("sparsevec", "hello", sparse_start) },
    { sparsevec, syntax("sparsevec", "[1,2]", sparse_start) },
    { sparsevec, syntax("sparsevec", "{1:1}", "Unexpected end of input.") },
    { sparsevec, syntax("sparsevec", "{}", "Unexpected end of input.") },
    { sparsevec, syntax("sparsevec", "{1:1}5", "Unexpected end of input.") },
    { sparsevec, syntax("sparsevec", "{1:1}/5x", "Junk after closing.") },
    { sparsevec, syntax("sparsevec", "{1:1}/") },
    { sparsevec, syntax("sparsevec", "{1:1}/x") },
    { sparsevec, syntax("sparsevec", "{") },
    { sparsevec, syntax("sparsevec", "{1") },
    { sparsevec, syntax("sparsevec", "{1:") },
    { sparsevec, syntax("sparsevec", "{1:1") },
    { sparsevec, syntax("sparsevec", "{1:1,") },
    { sparsevec, syntax("sparsevec", "{1:1,}/5") },
    { sparsevec, syntax("sparsevec", "{:1}/5") },
    { sparsevec, syntax("sparsevec", "{a:1}/5") },
    { sparsevec, syntax("sparsevec", "{1 1}/5") },
    { sparsevec, syntax("sparsevec", "{1:1 2:2}/5") },
    { vector, { "22000", "vector must have at least 1 dimension", "[]" } },
    { vector, { "22000", "vector must have at least 1 dimension", " [ ]x" } },
    { halfvec, { "22000", "halfvec must have at least 1 dimension", "[]" } },
    { sparsevec, { "22000", "sparsevec must have at least 1 dimension", "{}/0" } },
    { sparsevec, { "22000", "sparsevec must have at least 1 dimension", "{}/-1" } },
    { sparsevec, { "54000", "sparsevec cannot have more than 1000000000 dimensions", "{}/1000000001" } },
    { sparsevec, { "54000", "sparsevec cannot have more than 1000000000 dimensions", "{}/99999999999999999999" } },
    { sparsevec, { "22000", "sparsevec index out of bounds", "{0:1}/5" } },
    { sparsevec, { "22000", "sparsevec index out of bounds", "{-1:1}/5" } },
    { sparsevec, { "22000", "sparsevec index out of bounds", "{6:1}/5" } },
    { sparsevec, { "22000", "sparsevec index out of bounds", "{99999999999999999999:1}/5" } },
    { sparsevec, { "22000", "sparsevec indices must not contain duplicates", "{2:1,1:1,2:2}/5" } },
    { sparsevec, { "22003", '"1e-46" is out of range for type sparsevec', "{1:1e-46}/5" } },
    { sparsevec, { "22003", '"4e38" is out of range for type sparsevec', "{1:4e38}/5" } },
    { sparsevec, { "22000", "NaN not allowed in sparsevec", "{1:nan}/5" } },
    { sparsevec, { "22000", "infinite value not allowed in sparsevec", "{1:inf}/5" } },
    { vector, { "22003", '"4e38" is out of range for type vector', "[4e38]" } },
    { vector, { "22003", '"-1e400" is out of range for type vector', "[1,-1e400]" } },
    { vector, { "22003", '"0x1p128" is out of range for type vector', "[0x1p128]" } },
    { vector, { "22000", "NaN not allowed in vector", "[NaN]" } },
    { vector, { "22000", "NaN not allowed in vector", "[-nan]" } },
    { vector, { "22000", "infinite value not allowed in vector", "[Infinity]" } },
    { vector, { "22000", "infinite value not allowed in vector", "[1,-inf]" } },
    { halfvec, { "22003", '"65520" is out of range for type halfvec', "[65520]" } },
    { halfvec, { "22003", '"1e39" is out of range for type halfvec', "[1e39]" } },
    { halfvec, { "22000", "NaN not allowed in halfvec", "[nan]" } },
    { halfvec, { "22000", "infinite value not allowed in halfvec", "[inf]" } },
    { bit, { "22P02", '"2" is not a valid binary digit', "102" } },
    { bit, { "22P02", '" " is not a valid binary digit', " 1" } },
    { bit, { "22P02", '"_" is not a valid binary digit', "1_0" } },
    { bit, { "22P02", '"b" is not a valid binary digit', "0b1" } },
    { bit, { "22P02", '"é" is not a valid binary digit', "1é" } },
    { bit, { "22P02", '"g" is not a valid hexadecimal digit', "x1g" } },
  }
  for i, case in ipairs(cases) do
    local sqlstate, message, text, detail = case[2][1], case[2][2], case[2][3], case[2][4]
    it(("%s (%d)"):format(message, i), function()
      assert.same({ class = "DataError", sqlstate = sqlstate, message = message, detail = detail },
        refusal(case[1], text))
    end)
  end

  it("more than 16000 elements", function()
    local text = "[" .. ("1,"):rep(16000) .. "1]"
    assert.same({ class = "DataError", sqlstate = "54000", message = "vector cannot have more than 16000 dimensions" },
      refusal(vector, text))
    assert.equal(16000, #vector("[" .. ("1,"):rep(15999) .. "1]"))
    local sparse = "{" .. ("1:0,"):rep(16000) .. "1:0}/5"
    assert.equal("sparsevec cannot have more than 16000 non-zero elements", refusal(sparsevec, sparse).message)
  end)

  it("a long text, which the message shortens between characters", function()
    local message = refusal(vector, "[" .. ("é"):rep(500)).message
    assert.equal('invalid input syntax for type vector: "[' .. ("é"):rep(99) .. '..."', message)
  end)

  it("a text with a zero byte in it", function()
    assert.equal("22P02", refusal(vector, "[1\0]").sqlstate)
    assert.equal("22P02", refusal(bit, "1\0").sqlstate)
    assert.equal("22P02", refusal(sparsevec, "{1:1}/3\0").sqlstate)
  end)

  it("what is no text at all", function()
    for name, constructor in pairs{ vector = vector, halfvec = halfvec, sparsevec = sparsevec, bit = bit } do
      assert.same({ class = "ArgumentError", message = "from_text: expected string, got table" },
        refusal(constructor.from_text, {}), name)
    end
  end)
end)

describe("a decimal comma", function()
  local locale
  setup(function()
    for _, name in ipairs{ "de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE", "nl_NL.UTF-8" } do
      locale = locale or os.setlocale(name, "numeric")
    end
  end)
  teardown(function() os.setlocale("C", "numeric") end)

  it("of the locale changes nothing", function()
    assert.equal("[0.1,1.6777216e+07]", tostring(vector "[0.1,16777217]"))
    assert.equal("[1.0000001]", tostring(vector "[1.00000005960464477539062501]"))
    assert.equal("22P02", refusal(vector, "[0,1.5,]").sqlstate)
  end)
end)
