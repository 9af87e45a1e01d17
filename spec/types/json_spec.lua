local pg = require "pgvector"
local json = require "pgvector.types.json"
local null = require("pgvector.core").null
local errors = require "pgvector.errors"

local codecs = { dkjson = require "dkjson", cjson = require "cjson" }

local function refuses(call, message)
  local ok, err = pcall(call)
  assert.is_false(ok)
  assert(errors.is_error(err, "DataError"), tostring(err))
  assert.matches(message, err.message, 1, true)
end

for _, name in ipairs{ "dkjson", "cjson" } do
  describe("JSON through " .. name, function()
    setup(function() json.use(codecs[name]) end)
    teardown(function() json.use(nil) end)

    it("keeps integers", function()
      local v = json.decode '{"a":1,"b":[2,-3],"c":1e2}'
      assert.are.equal("1", tostring(v.a))
      assert.are.equal("-3", tostring(v.b[2]))
      assert.are.equal('[1,2,-3]', json.encode{ 1, 2, -3 })
      assert.are.equal('[1,2]', json.encode(json.decode "[1,2]"))
    end)

    it("keeps every digit of an integer that Lua cannot hold, as a string", function()
      local v = json.decode '[12345678901234567890123, -98765432109876543210]'
      assert.are.same({ "12345678901234567890123", "-98765432109876543210" }, { v[1], v[2] })
    end)

    it("does not touch digits in strings, fractions and exponents", function()
      local text = '["12345678901234567890","a\\"12345678901234567890",0.12345678901234567890,1e0000000000000000001]'
      local v = json.decode(text)
      assert.are.equal("12345678901234567890", v[1])
      assert.are.equal('a"12345678901234567890', v[2])
      assert.are.equal(0.12345678901234567890, v[3])
      assert.are.equal(10, v[4])
    end)

    it("reads null as pg.null, and writes it", function()
      assert.are.equal(null, json.decode "null")
      assert.are.equal(null, json.decode("[null]")[1])
      assert.are.equal("[null,1]", json.encode{ null, 1 })
      assert.are.equal("null", json.encode(json.null))
    end)

    it("writes an empty table as an object", function()
      assert.are.equal("{}", json.encode{})
      assert.are.equal('{"a":{}}', json.encode{ a = {} })
    end)

    it("writes a table whose only name is n as an object, not as an array of that length", function()
      assert.are.equal('{"n":3}', json.encode{ n = 3 })
      assert.are.equal('{"a":{"n":2}}', json.encode{ a = { n = 2 } })
      assert.are.equal('{"n":0}', json.encode(json.decode '{"n":0}'))
      assert.are.equal('{"n":2.5}', json.encode{ n = 2.5 })
    end)

    it("refuses a table that says it has no JSON form", function()
      local locked = setmetatable({}, { __no_json = "100% no" })
      refuses(function() json.encode(locked) end, "100% no")
      refuses(function() json.encode{ a = { locked } } end, "100% no")
    end)

    it("writes strings as they are", function()
      assert.are.equal('"a\\"b\\\\c"', json.encode 'a"b\\c')
      assert.are.equal('é"\n', json.decode '"é\\"\\n"')
    end)

    it("refuses expressions, types and other objects of this library", function()
      refuses(function() json.encode{ at = pg.func.now() } end, "a Function cannot be written as JSON")
      refuses(function() json.encode(pg.default) end, "a ColumnElement cannot be written as JSON")
      refuses(function() json.encode(pg.Integer) end, "a Integer cannot be written as JSON")
      refuses(function() json.encode{ { pg.literal({ 1 }, pg.JSONB) } } end, "a ColumnElement cannot be written as JSON")
    end)

    it("refuses what JSON does not have", function()
      refuses(function() json.encode(1 / 0) end, "Infinity cannot be written as JSON")
      refuses(function() json.encode{ 0 / 0 } end, "NaN cannot be written as JSON")
      refuses(function() json.encode{ f = print } end, "cannot be written as JSON")
      local loop = {}
      loop.self = loop
      refuses(function() json.encode(loop) end, "contains itself")
      refuses(function() json.decode "[1," end, "invalid JSON")
      refuses(function() json.decode "" end, "invalid JSON")
      refuses(function() json.decode "[1] 2" end, "invalid JSON")
    end)

    it("does not change the caller's table", function()
      local inner = { 0.1 }
      local document = { a = inner, e = {} }
      json.encode(document)
      assert.is_true(rawequal(inner, document.a))
      assert.are.equal(0.1, inner[1])
      assert.is_nil(getmetatable(document.e))
    end)
  end)
end

describe("JSON by default", function()
  it("writes every number with all its digits", function()
    assert.are.equal("[0.30000000000000004,9007199254740992,1e+300]", json.encode{ 0.1 + 0.2, 2 ^ 53, 1e300 })
    assert.are.equal("[0.1,-2.5]", json.encode{ 0.1, -2.5 })
  end)

  it("keeps empty arrays apart from empty objects", function()
    assert.are.equal('{"a":[]}', json.encode(json.decode '{"a":[]}'))
    assert.are.equal('{"a":{}}', json.encode(json.decode '{"a":{}}'))
    assert.are.equal("[]", json.encode(json.array{}))
    assert.are.equal("[]", json.encode(json.array()))
    assert.are.equal("{}", json.encode(json.object()))
  end)

  local math_type = rawget(math, "type")
  if math_type then
    it("keeps integers of 64 bits", function()
      assert.are.equal("[9007199254740993]", json.encode(json.decode "[9007199254740993]"))
      assert.are.equal("integer", math_type(json.decode("[1]")[1]))
      assert.are.equal("float", math_type(json.decode("[1.0]")[1]))
    end)
  end
end)

describe("lua-cjson", function()
  setup(function() json.use(codecs.cjson) end)
  teardown(function() json.use(nil) end)

  it("refuses what it would write wrongly", function()
    refuses(function() json.encode{ 0.1 + 0.2 } end, "would change 0.30000000000000004")
    refuses(function() json.encode{ 123456789012345 } end, "would change 123456789012345")
  end)
end)

describe("another codec", function()
  teardown(function() json.use(nil) end)

  it("is used as it is", function()
    json.use{ encode = function(v) return "<" .. tostring(v) .. ">" end, decode = function(s) return s:sub(2, -2) end }
    assert.are.equal("<5>", json.encode(5))
    assert.are.equal("5", json.decode "<5>")
  end)

  it("must be one", function()
    assert.has_error(function() json.use(5) end)
    assert.has_error(function() json.use{ encode = print } end)
  end)
end)

describe("JSON without a library", function()
  local saved = {}
  setup(function()
    for name in pairs(codecs) do
      saved[name] = package.loaded[name]
      package.loaded[name] = nil
      package.preload[name] = function() error("not installed") end
    end
    json.use(nil)
  end)
  teardown(function()
    for name in pairs(codecs) do
      package.preload[name] = nil
      package.loaded[name] = saved[name]
    end
  end)

  it("says what to install", function()
    local ok, err = pcall(json.encode, { 1 })
    assert.is_false(ok)
    assert.is_true(errors.is_error(err, "InvalidRequestError"))
    assert.matches("luarocks install dkjson", err.message, 1, true)
  end)
end)
