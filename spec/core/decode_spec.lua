-- What the server sends, in both formats, becomes the same Lua value.

local core = require "pgvector.core"
local pq = require "spec.support.pq"

local null = core.null
local has_integers = math.type ~= nil -- luacheck: ignore 143
local huge = math.huge

-- kind, SQL expression, value
local cases = {
  { "int2", "(-32768)::int2", -32768 },
  { "int2", "32767::int2", 32767 },
  { "int4", "(-2147483648)::int4", -2147483648 },
  { "int4", "2147483647", 2147483647 },
  { "int8", "9007199254740992::int8", 9007199254740992 },
  { "int8", "(-9007199254740992)::int8", -9007199254740992 },
  { "int8:string", "9223372036854775807", "9223372036854775807" },
  { "oid", "4294967295::oid", 4294967295 },
  { "float4", "1.5::float4", 1.5 },
  { "float4", "0.1::float4", 0.100000001490116119384765625 },
  { "float4", "'-Infinity'::float4", -huge },
  { "float8", "0.1::float8", 0.1 },
  { "float8", "1e300::float8", 1e300 },
  { "float8", "5e-324::float8", 5e-324 },
  { "float8", "'Infinity'::float8", huge },
  { "bool", "true", true },
  { "bool", "false", false },

  { "numeric", "0::numeric", 0 },
  { "numeric", "-12345::numeric", -12345 },
  { "numeric", "10000::numeric", 10000 },
  { "numeric", "0.0001::numeric", 0.0001 },
  { "numeric", "-0.5::numeric", -0.5 },
  { "numeric", "1.50::numeric", 1.5 },
  { "numeric", "123456789012345::numeric", 123456789012345 },
  { "numeric", "1234567890123456::numeric", "1234567890123456" },
  { "numeric", "0.1234567890123456::numeric", "0.1234567890123456" },
  { "numeric", "1000000000000000::numeric", 1000000000000000 },
  { "numeric", "1000000000000000000::numeric", "1000000000000000000" },
  { "numeric", "100000000000000000000.00::numeric", "100000000000000000000.00" },
  { "numeric", "1e-400::numeric", "0." .. ("0"):rep(399) .. "1" },
  { "numeric", "(1 || repeat('0', 200))::numeric", "1" .. ("0"):rep(200) },
  { "numeric", "'Infinity'::numeric", huge },
  { "numeric", "'-Infinity'::numeric", -huge },
  { "numeric:string", "1.50::numeric", "1.50" },
  { "numeric:string", "'NaN'::numeric", "NaN" },
  { "numeric:number", "12345678901234567890::numeric", 12345678901234567890.0 },

  { "text", "'héllo'::text", "héllo" },
  { "text", "''::text", "" },
  { "text", "'a'::\"char\"", "a" },
  { "text", "'name'::name", "name" },
  { "bytea", "'\\x00ff105c27'::bytea", "\0\255\16\92\39" },
  { "bytea", "''::bytea", "" },
  { "uuid", "'{A0EEBC99-9C0B4EF8-BB6D6BB9-BD380A11}'::uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11" },
  { "json", "'[1, 2]'::json", "[1, 2]" },
  { "jsonb", "'{\"a\":1}'::jsonb", '{"a": 1}' },
  { "inet", "'1.2.3.4'::inet", "1.2.3.4" },
  { "inet", "'1.2.3.4/24'::inet", "1.2.3.4/24" },
  { "inet", "'2001:db8::ff00:42:8329'::inet", "2001:db8::ff00:42:8329" },
  { "inet", "'::ffff:1.2.3.4'::inet", "::ffff:1.2.3.4" },
  { "cidr", "'10.0.0.0/8'::cidr", "10.0.0.0/8" },
  { "cidr", "'1.2.3.4'::cidr", "1.2.3.4/32" },
  { "macaddr", "'08:00:2b:01:02:03'::macaddr", "08:00:2b:01:02:03" },
  { "macaddr", "'08:00:2b:01:02:03:04:05'::macaddr8", "08:00:2b:01:02:03:04:05" },

  { "date", "'2024-02-29'::date", "2024-02-29" },
  { "date", "'0044-03-15 BC'::date", "0044-03-15 BC" },
  { "date", "'5874897-12-31'::date", "5874897-12-31" },
  { "date", "'infinity'::date", "infinity" },
  { "date:epoch", "'2000-01-02'::date", 946771200 },
  { "date:epoch", "'-infinity'::date", -huge },
  { "time", "'12:34:56.789'::time", "12:34:56.789" },
  { "time", "'24:00'::time", "24:00:00" },
  { "timetz", "'12:34:56.000001+02'::timetz", "12:34:56.000001+02" },
  { "timetz", "'00:00-08:30:15'::timetz", "00:00:00-08:30:15" },
  { "timestamp", "'2024-01-31 12:00:00.5'::timestamp", "2024-01-31 12:00:00.5" },
  { "timestamp", "'1999-12-31 23:59:59.999999'::timestamp", "1999-12-31 23:59:59.999999" },
  { "timestamp", "'4713-11-24 00:00 BC'::timestamp", "4713-11-24 00:00:00 BC" },
  { "timestamp", "'294276-12-31 23:59:59.999999'::timestamp", "294276-12-31 23:59:59.999999" },
  { "timestamp", "'-infinity'::timestamp", "-infinity" },
  { "timestamp:epoch", "'1970-01-01 00:00:01.5'::timestamp", 1.5 },
  { "timestamptz", "'2024-01-31 12:00:00+02'::timestamptz", "2024-01-31 10:00:00+00" },
  { "timestamptz", "'0001-01-01 00:00:00.25+00 BC'::timestamptz", "0001-01-01 00:00:00.25+00 BC" },
  { "timestamptz", "'infinity'::timestamptz", "infinity" },
  { "timestamptz:epoch", "'2024-01-31 12:00:00.5+00'::timestamptz", 1706702400.5 },
  { "timestamptz:epoch", "'1969-12-31 23:59:59.25+00'::timestamptz", -0.75 },
  { "timestamptz:epoch", "'0044-03-15 10:00+00 BC'::timestamptz", -63517788000 },
  { "timestamptz:epoch", "'infinity'::timestamptz", huge },
  { "interval", "'0'::interval", "00:00:00" },
  { "interval", "'1 year 2 mons 3 days 04:05:06.789'::interval", "1 year 2 mons 3 days 04:05:06.789" },
  { "interval", "'-1 year -2 mons +3 days -04:05:06'::interval", "-1 years -2 mons +3 days -04:05:06" },
  { "interval", "'-1 day 2 hours'::interval", "-1 days +02:00:00" },
  { "interval", "'100000 hours'::interval", "100000:00:00" },
  { "interval", "'13 mons'::interval", "1 year 1 mon" },
  { "interval", "'-0.5 sec'::interval", "-00:00:00.5" },

  { "bit", "B'101'", "101" },
  { "bit", "B'1010101011'::varbit", "1010101011" },
  { "vector", "'[1.5,-2,3]'::vector", "[1.5,-2,3]" },
  { "halfvec", "'[0.5,1,65504]'::halfvec", "[0.5,1,65504]" },
  { "sparsevec", "'{2:1.5,5:-1}/6'::sparsevec", "{2:1.5,5:-1}/6" },

  { "int4[]", "'{}'::int4[]", {} },
  { "int4[]", "ARRAY[1, NULL, 3]", { 1, null, 3 } },
  { "int4[]", "'[0:1][2:4]={{1,2,3},{4,5,6}}'::int4[]", { { 1, 2, 3 }, { 4, 5, 6 } } },
  { "int4[]", "ARRAY[[[1],[2]],[[3],[4]]]", { { { 1 }, { 2 } }, { { 3 }, { 4 } } } },
  { "text[]", [[ARRAY['', 'a b', 'NULL', NULL, 'q"\', '{,}', ' x ']::text[] ]],
    { "", "a b", "NULL", null, 'q"\\', "{,}", " x " } },
  { "bool[]", "ARRAY[true, false]", { true, false } },
  { "numeric[]", "ARRAY[1.5, 12345678901234567890]", { 1.5, "12345678901234567890" } },
  { "timestamptz[]", "ARRAY['2024-01-31 12:00+00'::timestamptz]", { "2024-01-31 12:00:00+00" } },
  { "bytea[]", "ARRAY['\\x005c22'::bytea]", { "\0\\\"" } },
  { "vector[]", "ARRAY['[1,2]', NULL, '[3,4]']::vector[]", { "[1,2]", null, "[3,4]" } },
  { "bit[]", "ARRAY[B'10', B'01']", { "10", "01" } },
}

-- value types are compared by their text
local function plain(v, kind)
  if type(v) == "userdata" and v ~= null then
    assert.are.equal(kind:match("^%a+"), core.value_type(v))
    return tostring(v)
  elseif type(v) == "table" then
    local t = {}
    for i = 1, #v do t[i] = plain(v[i], kind) end
    return t
  end
  return v
end

describe("a value of kind", function()
  local pg

  setup(function()
    pg = assert(pq.connect())
    pq.query(pg, "SET TimeZone = 'UTC'")
  end)

  teardown(function() pg:finish() end)

  for _, case in ipairs(cases) do
    local kind, sql, expected = case[1], case[2], case[3]
    for format, name in pairs({ [0] = "text", [1] = "binary" }) do
      it(("%s reads %s from %s"):format(kind, sql, name), function()
        local value = pq.value(pq.params(pg, "SELECT " .. sql, nil, nil, format), kind)
        assert.are.same(expected, plain(value, kind))
      end)
    end
  end

  it("bytea is read from the escape format as well", function()
    pq.query(pg, "SET bytea_output = 'escape'")
    local result = pq.query(pg, "SELECT 'a\\\\b'::bytea || '\\x00ff'::bytea")
    pq.query(pg, "RESET bytea_output")
    assert.are.equal("a\\b\0\255", pq.value(result, "bytea"))
  end)

  it("numeric is NaN where the server says so", function()
    for format = 0, 1 do
      local v = pq.value(pq.params(pg, "SELECT 'NaN'::numeric", nil, nil, format), "numeric")
      assert.are_not.equal(v, v)
    end
  end)

  it("numeric is the same from both formats, whatever its digits", function()
    local sql = [[SELECT round((random() - 0.5)::numeric * 10::numeric ^ (i % 24), i % 13) AS x
      FROM (SELECT setseed(0.5)) s, generate_series(1, 5000) i]]
    local decoder = core.decoder({ { kind = "numeric", name = "x" } })
    local binary = pq.params(pg, sql, nil, nil, 1):column(decoder, 1)
    local text = pq.params(pg, sql, nil, nil, 0):column(decoder, 1)
    local types = {}
    for i, v in ipairs(binary) do
      if v ~= text[i] or math.type and math.type(v) ~= math.type(text[i]) then -- luacheck: ignore 143
        error(("row %d: %s in binary, %s in text"):format(i, pq.show(v), pq.show(text[i])))
      end
      types[type(v)] = true
    end
    assert.are.same({ number = true, string = true }, types)
  end)

  if has_integers then
    it("int8 keeps all 64 bits as an integer", function()
      for format = 0, 1 do
        local sql = "SELECT (-9223372036854775808)::int8"
        local v = pq.value(pq.params(pg, sql, nil, nil, format), "int8")
        assert.are.equal(math.mininteger, v) -- luacheck: ignore 143
      end
    end)

    it("numeric is an integer without a point and a float with one", function()
      local result = pq.params(pg, "SELECT 5::numeric, 5.00::numeric")
      local a, b = result:values(core.decoder({ { kind = "numeric" }, { kind = "numeric" } }), 1)
      assert.are.equal("integer", math.type(a)) -- luacheck: ignore 143
      assert.are.equal("float", math.type(b)) -- luacheck: ignore 143
    end)
  else
    it("int8 beyond 2^53 stays a string", function()
      for format = 0, 1 do
        local v = pq.value(pq.params(pg, "SELECT 9007199254740993", nil, nil, format), "int8")
        assert.are.equal("9007199254740993", v)
      end
    end)
  end

  it("text in binary keeps what the server's binary form of it is", function()
    assert.are.equal("\0\0\0\1", pq.value(pq.params(pg, "SELECT 1"), "text"))
  end)
end)

describe("malformed bytes", function()
  -- kind, bytes, format
  local malformed = {
    { "int2", "\0", 1 }, { "int4", "\0\0\0", 1 }, { "int8", "", 1 }, { "oid", "\0\0\0\0\0", 1 },
    { "int4", "12x", 0 }, { "int8", "", 0 }, { "int8", "9223372036854775808", 0 },
    { "float4", "\0", 1 }, { "float8", "\0\0\0\0", 1 }, { "float8", "1.5.2", 0 }, { "float8", "0x10", 0 },
    { "bool", "", 1 }, { "bool", "yes", 0 },
    { "numeric", "\0\1\0\0\0\0\0\0", 1 },                 -- a digit is missing
    { "numeric", "\0\1\0\0\0\0\0\0\39\16", 1 },           -- 10000 is no digit
    { "numeric", "\0\0\0\0\1\0\0\0", 1 },                 -- unknown sign
    { "numeric", "\0\0\0\0\0\0\64\0", 1 },                -- scale too large
    { "numeric", "one", 0 },
    { "uuid", ("x"):rep(15), 1 }, { "jsonb", "", 1 }, { "jsonb", "\2{}", 1 },
    { "bytea", "\\x0", 0 }, { "bytea", "\\x0g", 0 }, { "bytea", "\\9", 0 },
    { "date", "\0\0\0", 1 }, { "time", "\255\255\255\255\255\255\255\255", 1 },
    { "timetz", ("\0"):rep(8) .. "\127\255\255\255", 1 }, { "timestamp", "\128\0\0\0\0\0\0\1", 1 },
    { "interval", ("\0"):rep(15), 1 }, { "timestamptz:epoch", "yesterday", 0 },
    { "inet", "\2\33\0\4\1\2\3\4", 1 }, { "inet", "\2\32\0\4\1\2\3", 1 }, { "inet", "\9\0\0\4\1\2\3\4", 1 },
    { "macaddr", "\1\2\3", 1 },
    { "int4[]", "\0\0\0\7\0\0\0\0\0\0\0\23", 1 },         -- seven dimensions
    { "int4[]", "\0\0\0\1\0\0\0\0\0\0\0\23\127\255\255\255\0\0\0\1", 1 }, -- more elements than bytes
    { "int4[]", "\0\0\0\0\0\0\0\0\0\0\0\23\0", 1 },       -- something behind it
    { "int4[]", "{1,2", 0 }, { "int4[]", "1,2", 0 }, { "int4[]", "{1,,2}", 0 }, { "int4[]", "{1}}", 0 },
    { "int4[]", '{"1}', 0 }, { "int4[]", "{1\\", 0 }, { "int4[]", "[0:1]", 0 },
    { "int4[]", ("{"):rep(99), 0 },
    { "vector", "\0\3\0\0\0\0\0\0", 1 }, { "vector", "[1,2", 0 },
    { "bit", "\127\255\255\255\0", 1 },
  }

  for _, case in ipairs(malformed) do
    it(("of kind %s raise: %q"):format(case[1], case[2]), function()
      local ok, err = pcall(core.decode, case[1], case[2], case[3])
      assert.is_false(ok)
      assert.are.equal("DataError", err.class)
    end)
  end

  it("raise an error that names row and column", function()
    local pg = assert(pq.connect())
    local result = pq.params(pg, "SELECT 1::int4 AS a, 2::int4 AS b", nil, nil, 1)
    local decoder = core.decoder({ { kind = "int4", name = "a" }, { kind = "int8", name = "b" } })
    local ok, err = pcall(result.rows, result, decoder)
    assert.is_false(ok)
    assert.are.equal("row 1, column 2 (b): malformed value of type bigint", err.message)
    assert.are.equal("b", err.column)
    assert.are.equal(1, err.row)
    assert.are.equal("22P03", err.sqlstate)
    pg:finish()
  end)
end)

describe("decoders", function()
  -- A generator of our own: the same numbers on every Lua.
  local seed
  local function random(n)
    seed = (seed * 16807) % 2147483647
    return seed % n
  end

  local function mutate(bytes)
    local how = random(4)
    if how == 0 then return bytes:sub(1, random(#bytes + 1)) end
    if how == 1 then return bytes .. string.char(random(256)):rep(random(9)) end
    for _ = 1, 1 + random(3) do
      local at = random(#bytes) + 1
      bytes = bytes:sub(1, at - 1) .. string.char(random(256)) .. bytes:sub(at + 1)
    end
    return bytes
  end

  it("survive truncated and mutated bytes: a value or a DataError, nothing else", function()
    local pg = assert(pq.connect())
    seed = 20240131
    for _, case in ipairs(cases) do
      local kind, sql = case[1], case[2]
      for format = 0, 1 do
        local original = pq.value(pq.params(pg, "SELECT " .. sql, nil, nil, format), "text")
        for _ = 1, 150 do
          local bytes = #original > 0 and mutate(original) or string.char(random(256))
          local ok, err = pcall(core.decode, kind, bytes, format)
          if not ok then
            assert(type(err) == "table" and err.class == "DataError",
              ("%s: %q: %s"):format(kind, bytes, tostring(err)))
          end
        end
      end
    end
    pg:finish()
  end)

  it("refuse an unknown kind", function()
    local ok, err = pcall(core.decoder, { { kind = "money" } })
    assert.is_false(ok)
    assert.are.equal("unknown kind 'money'", err.message)
  end)
end)
