-- What Lua values become: as parameters, in binary COPY and in text COPY.

local core = require "pgvector.core"
local pq = require "spec.support.pq"

local null = core.null
local huge = math.huge

-- os.date("!*t", 1706702400) and a fraction
local noon = { year = 2024, month = 1, day = 31, hour = 12, min = 0, sec = 0.5, isdst = false }

-- kind, SQL type, Lua value, the server's text of it
local cases = {
  { "int2", "int2", -32768, "-32768" },
  { "int4", "int4", 2147483647, "2147483647" },
  { "int4", "int4", "-12", "-12" },
  { "int4", "int4", 3.0, "3" },
  { "int8", "int8", 9007199254740992, "9007199254740992" },
  { "int8", "int8", "9223372036854775807", "9223372036854775807" },
  { "int8", "int8", "-9223372036854775808", "-9223372036854775808" },
  { "int8", "int8", 2 ^ 62, "4611686018427387904" },
  { "oid", "oid", 4294967295, "4294967295" },
  { "float4", "float4", 0.1, "0.1" },
  { "float4", "float4", -huge, "-Infinity" },
  { "float4", "float4", "1.5", "1.5" },
  { "float8", "float8", 0.1, "0.1" },
  { "float8", "float8", 1 / 3, "0.3333333333333333" },
  { "float8", "float8", 5e-324, "5e-324" },
  { "float8", "float8", "1e-7", "1e-07" },
  { "float8", "float8", "-Infinity", "-Infinity" },
  { "float8", "float8", 0 / 0, "NaN" },
  { "bool", "bool", true, "true" },
  { "bool", "bool", "f", "false" },

  { "numeric", "numeric", 0, "0" },
  { "numeric", "numeric", 12.5, "12.5" },
  { "numeric", "numeric", -0.0001, "-0.0001" },
  { "numeric", "numeric", 1e-7, "0.0000001" },
  { "numeric", "numeric", 1e20, "100000000000000000000" },
  { "numeric", "numeric", "12345678901234567890.1234567890123456789", "12345678901234567890.1234567890123456789" },
  { "numeric", "numeric", "10000", "10000" },
  { "numeric", "numeric", "1000000001", "1000000001" },
  { "numeric", "numeric", "0.00010000", "0.00010000" },
  { "numeric", "numeric", "-0.000123", "-0.000123" },
  { "numeric", "numeric", "+7", "7" },
  { "numeric", "numeric", ".5", "0.5" },
  { "numeric", "numeric", "1.5e3", "1500" },
  { "numeric", "numeric", "15e-3", "0.015" },
  { "numeric", "numeric", "NaN", "NaN" },
  { "numeric", "numeric", huge, "Infinity" },
  { "numeric", "numeric", "-Infinity", "-Infinity" },

  { "text", "text", "héllo\t\\\n\"'", "héllo\t\\\n\"'" },
  { "text", "text", "", "" },
  { "text", "text", "\\N", "\\N" },
  { "text", "varchar(9)", 12, "12" },
  { "bytea", "bytea", "\0\255\\\n", "\\x00ff5c0a" },
  { "bytea", "bytea", "", "\\x" },
  { "uuid", "uuid", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11" },
  { "uuid", "uuid", "{a0eebc999c0b4ef8bb6d6bb9bd380a11}", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11" },
  { "json", "json", '{"a": "\\n"}', '{"a": "\\n"}' },
  { "jsonb", "jsonb", '{"a":1}', '{"a": 1}' },
  { "inet", "inet", "1.2.3.4/24", "1.2.3.4/24", no_binary = true },
  { "macaddr", "macaddr", "08:00:2b:01:02:03", "08:00:2b:01:02:03", no_binary = true },

  { "date", "date", "2024-02-29", "2024-02-29" },
  { "date", "date", "0044-03-15 BC", "0044-03-15 BC" },
  { "date", "date", noon, "2024-01-31" },
  { "date", "date", "infinity", "infinity" },
  { "date", "date", -huge, "-infinity" },
  { "date:epoch", "date", 86399.5, "1970-01-01" },
  { "date", "date", -1, "1969-12-31" },
  { "time", "time", "12:34:56.789", "12:34:56.789" },
  { "time", "time", "24:00", "24:00:00" },
  { "time", "time", 3661.25, "01:01:01.25" },
  { "time", "time", noon, "12:00:00.5" },
  { "timetz", "timetz", "12:34:56+02:30", "12:34:56+02:30" },
  { "timetz", "timetz", noon, "12:00:00.5+00" },
  { "timestamp", "timestamp", "2024-01-31T12:00:00.5", "2024-01-31 12:00:00.5" },
  { "timestamp", "timestamp", "2024-01-31", "2024-01-31 00:00:00" },
  { "timestamp", "timestamp", "2024-01-31 12:00", "2024-01-31 12:00:00" },
  { "timestamp", "timestamp", noon, "2024-01-31 12:00:00.5" },
  { "timestamp", "timestamp", 1706702400.5, "2024-01-31 12:00:00.5" },
  { "timestamptz", "timestamptz", "2024-01-31T12:00:00Z", "2024-01-31 12:00:00+00" },
  { "timestamptz", "timestamptz", "2024-01-31 12:00:00.123456+02:30", "2024-01-31 09:30:00.123456+00" },
  { "timestamptz", "timestamptz", "2024-01-31 12:00:00-0800", "2024-01-31 20:00:00+00" },
  { "timestamptz", "timestamptz", "2024-01-31 23:59:59.9999999Z", "2024-02-01 00:00:00+00" },
  { "timestamptz", "timestamptz", "0001-01-01 00:00:00+00 BC", "0001-01-01 00:00:00+00 BC" },
  { "timestamptz", "timestamptz", 1706702400, "2024-01-31 12:00:00+00" },
  { "timestamptz", "timestamptz", -0.25, "1969-12-31 23:59:59.75+00" },
  { "timestamptz", "timestamptz", noon, "2024-01-31 12:00:00.5+00" },
  { "timestamptz", "timestamptz", huge, "infinity" },
  { "timestamptz", "timestamptz", "-infinity", "-infinity" },
  { "timestamptz:epoch", "timestamptz", 0, "1970-01-01 00:00:00+00" },
  { "interval", "interval", { months = 14, days = -3, seconds = 3723.5 },
    "1 year 2 mons -3 days +01:02:03.5" },
  { "interval", "interval", { years = 1, weeks = 1, hours = -1.5 }, "1 year 7 days -01:30:00" },
  { "interval", "interval", { seconds = -0.5 }, "-00:00:00.5" },
  { "interval", "interval", 5400.25, "01:30:00.25" },
  { "interval", "interval", "1 year 2 mons -3 days +04:05:06.789", "1 year 2 mons -3 days +04:05:06.789" },
  { "interval", "interval", "90 minutes", "01:30:00" },
  { "interval", "interval", "-00:00:01.5", "-00:00:01.5" },

  { "bit", "bit(3)", "101", "101" },
  { "bit", "bit(3)", core.bit("011"), "011" },
  { "varbit", "varbit", { true, false }, "10" },
  { "vector", "vector", { 1.5, -2, 3 }, "[1.5,-2,3]" },
  { "vector", "vector", "[1,2]", "[1,2]" },
  { "vector", "vector", core.vector({ 0.1 }), "[0.1]" },
  { "halfvec", "halfvec", { 0.5, 1 }, "[0.5,1]" },
  { "sparsevec", "sparsevec", { 0, 1.5, 0 }, "{2:1.5}/3" },
  { "sparsevec", "sparsevec", core.sparsevec({ [2] = 1.5 }, 9), "{2:1.5}/9" },

  { "int4[]", "int4[]", {}, "{}" },
  { "int4[]", "int4[]", { 1, null, 3 }, "{1,NULL,3}" },
  { "int4[]", "int4[]", { { 1, 2 }, { 3, null } }, "{{1,2},{3,NULL}}" },
  { "int4[]", "int4[]", { { { 1 }, { 2 } }, { { 3 }, { 4 } } }, "{{{1},{2}},{{3},{4}}}" },
  { "text[]", "text[]", { "", 'a "b"', "NULL", null, "c\\d", "e,f", "\t" },
    '{"","a \\"b\\"","NULL",NULL,"c\\\\d","e,f","\t"}' },
  { "text[]", "varchar[]", { "x" }, "{x}", elem_oid = 1043, oid = 1015 },
  { "bool[]", "bool[]", { true, false }, "{t,f}" },
  { "numeric[]", "numeric[]", { 1.5, "2.50" }, "{1.5,2.50}" },
  { "bytea[]", "bytea[]", { "\0\\" }, '{"\\\\x005c"}' },
  { "uuid[]", "uuid[]", { "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11" },
    "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}" },
  { "jsonb[]", "jsonb[]", { "[1]" }, "{[1]}" },
  { "inet[]", "inet[]", { "1.2.3.4", null }, "{1.2.3.4,NULL}", no_binary = true },
  { "date[]", "date[]", { { noon, noon }, { "2024-02-01", null } },
    "{{2024-01-31,2024-01-31},{2024-02-01,NULL}}" },
  { "timestamptz[]", "timestamptz[]", { 0, noon }, '{"1970-01-01 00:00:00+00","2024-01-31 12:00:00.5+00"}' },
  { "interval[]", "interval[]", { { days = 1 }, "2 days" }, '{"1 day","2 days"}' },
  { "vector[]", "vector[]", { { 1, 2 }, "[3,4]", core.vector({ 5, 6 }), null },
    '{"[1,2]","[3,4]","[5,6]",NULL}' },
  { "sparsevec[]", "sparsevec[]", { core.sparsevec({ [1] = 1 }, 3), "{}/3" }, '{"{1:1}/3","{}/3"}' },
  { "bit[]", "bit(2)[]", { "10", { false, true } }, "{10,01}" },
}

local function spec_of(case)
  return { kind = case[1], name = "x", oid = case.oid, elem_oid = case.elem_oid }
end

describe("a Lua value of kind", function()
  local pg, array_oids

  setup(function()
    pg = assert(pq.connect())
    pq.query(pg, "SET TimeZone = 'UTC'")
    pq.discover(pg)
    array_oids = {}
    for name, oid in pairs(pq.oids) do
      array_oids[name .. "[]"] =
        pq.value(pq.query(pg, "SELECT typarray FROM pg_type WHERE oid = " .. oid), "oid")
    end
  end)

  teardown(function() pg:finish() end)

  for _, case in ipairs(cases) do
    local name = ("%s: %s as %s"):format(case[1], pq.show(case[3]), case[2])

    it(name .. " is what it was as a parameter", function()
      local spec = spec_of(case)
      spec.oid = spec.oid or array_oids[case[1]]
      local result = pq.params(pg, ("SELECT $1::%s::text"):format(case[2]), { spec }, { case[3] })
      assert.are.equal(case[4], pq.value(result, "text"))
    end)

    for _, format in ipairs(case.no_binary and { "text" } or { "binary", "text" }) do
      it(("%s is what it was through %s COPY"):format(name, format), function()
        pq.query(pg, ("CREATE TEMP TABLE t (x %s)"):format(case[2]))
        local started = pq.query(pg, ("COPY t FROM STDIN (FORMAT %s)"):format(format))
        assert.are.equal("copy_in", started:status())
        local buffer = core.copy_buffer(core.encoder({ spec_of(case) }, pq.oids), format)
        buffer:header()
        buffer:row(case[3])
        buffer:row(null)
        buffer:trailer()
        assert.is_true(pg:put_copy(buffer))
        assert.is_true(pg:put_copy_end())
        local copied = pq.results(pg)
        local stored = pq.query(pg, "SELECT x::text FROM t ORDER BY x IS NULL")
        pq.query(pg, "DROP TABLE t")
        assert.are.equal("command_ok", copied:status())
        assert.are.equal(2, copied:cmd_tuples())
        assert.are.same({ case[4], null }, stored:column(core.decoder({ { kind = "text" } }), 1))
      end)
    end
  end

  it("is told whether every column has a binary form", function()
    assert.is_true(core.encoder({ { kind = "int4" }, { kind = "vector[]" } }):binary())
    assert.is_false(core.encoder({ { kind = "int4" }, { kind = "inet" } }):binary())
    assert.is_false(core.encoder({ { kind = "unknown" } }):binary())
    assert.is_false(core.encoder({ { kind = "text", binary = false } }):binary())
  end)
end)

describe("a value that its type refuses", function()
  local zero = "embedded zero byte"
  local syntax = 'invalid input syntax for type %s: "%s"'

  -- kind, value, message, SQLSTATE
  local refused = {
    { "int4", 1.5, "expected integer, got 1.5", "22P02" },
    { "int4", "abc", 'expected integer, got string "abc"', "22P02" },
    { "int4", "", 'expected integer, got string ""', "22P02" },
    { "int4", true, "expected integer, got boolean", "22P02" },
    { "int4", {}, "expected integer, got table", "22P02" },
    { "int4", 0 / 0, "expected integer, got NaN", "22P02" },
    { "int8", huge, "expected integer, got Infinity", "22P02" },
    { "int2", 32768, "value 32768 is out of range for type smallint", "22003" },
    { "int4", 3000000000, "value 3000000000 is out of range for type integer", "22003" },
    { "int8", "9223372036854775808", "value 9223372036854775808 is out of range for type bigint", "22003" },
    { "int8", 2 ^ 63, "value 9.223372036854776e+18 is out of range for type bigint", "22003" },
    { "oid", -1, "value -1 is out of range for type oid", "22003" },
    { "float4", 1e39, "value 1e+39 is out of range for type real", "22003" },
    { "float8", "1e400", "value 1e400 is out of range for type double precision", "22003" },
    { "float8", "abc", 'expected number, got string "abc"', "22P02" },
    { "float8", core.vector({ 1 }), "expected number, got vector", "22P02" },
    { "numeric", "1.2.3", 'expected number, got string "1.2.3"', "22P02" },
    { "numeric", "", 'expected number, got string ""', "22P02" },
    { "numeric", "1e", 'expected number, got string "1e"', "22P02" },
    { "numeric", true, "expected number, got boolean", "22P02" },
    { "numeric", "1e200000", "value is out of range for type numeric", "22003" },
    { "numeric", "1e-20000", "value is out of range for type numeric", "22003" },
    { "bool", 1, "expected boolean, got 1", "22P02" },
    { "text", {}, "expected string, got table", "22P02" },
    { "text", "a\0b", zero, "22021" },
    { "json", "[\0]", zero, "22021" },
    { "json", {}, "expected JSON text, got table", "22P02" },
    { "bytea", 5, "expected string, got 5", "22P02" },
    { "uuid", "a0eebc99", 'expected UUID, got string "a0eebc99"', "22P02" },
    { "date", "2023-02-29", syntax:format("date", "2023-02-29"), "22007" },
    { "date", true, "expected date, got boolean", "22007" },
    { "date", 0 / 0, "expected date, got NaN", "22007" },
    { "date", 1e15, "date out of range", "22008" },
    { "date", -1e13, "date out of range", "22008" },
    { "time", 86401, "time out of range", "22008" },
    { "date", { year = 2023, month = 2, day = 29 }, "field 'day' is out of range", "22008" },
    { "date", { year = 2023, day = 1 }, "field 'month' is missing", "22007" },
    { "date", { year = 2023, month = 1.5, day = 1 },
      "field 'month': expected integer, got a fraction", "22007" },
    { "time", "25:00", syntax:format("time", "25:00"), "22007" },
    { "time", { hour = "x" }, "field 'hour': expected number, got string \"x\"", "22007" },
    { "timestamp", "2024-01-31 12:00 CET", syntax:format("timestamp", "2024-01-31 12:00 CET"), "22007" },
    { "timestamp", "12:00", syntax:format("timestamp", "12:00"), "22007" },
    { "timestamptz", 1e14, "timestamp with time zone out of range", "22008" },
    { "timestamptz", "294277-01-01", "timestamp with time zone out of range", "22008" },
    { "timestamptz", 0 / 0, "expected timestamp with time zone, got NaN", "22007" },
    { "interval", "3 moons", syntax:format("interval", "3 moons"), "22007" },
    { "interval", "1.5 months", syntax:format("interval", "1.5 months"), "22007" },
    { "interval", true, "expected interval, got boolean", "22007" },
    { "interval", 0 / 0, "interval out of range", "22008" },
    { "interval", "1000000000 years", syntax:format("interval", "1000000000 years"), "22007" },
    { "interval", { moons = 3 }, "interval has no field 'moons'", "22007" },
    { "interval", { months = 1e10 }, "interval field 'months' is out of range", "22008" },
    { "interval", { hours = 1e12 }, "interval field 'hours' is out of range", "22008" },
    { "int4[]", 5, "expected a sequence for int4[], got 5", "22P02" },
    { "int4[]", { a = 1 }, "expected a sequence, got key 'a'", "22000" },
    { "int4[]", { 1, 2, last = 3 }, "expected a sequence, got key 'last'", "22000" },
    { "int4[]", { 1, nil, 3, n = 3 }, "element 2: expected a value or null, got nil", "22004" },
    { "int4[]", { { 1, 2 }, { 3 } }, "element 2: the levels of an array must have the same length", "22P02" },
    { "int4[]", { { 1 }, 2 }, "element 2: the levels of an array must have the same length", "22P02" },
    { "int4[]", { 1, { 2 } }, "element 2: the levels of an array must have the same length", "22P02" },
    { "int4[]", { {} }, "empty array inside an array", "22P02" },
    { "int4[]", { { { { { { { 1 } } } } } } }, "an array has at most 6 dimensions", "54000" },
    { "int4[]", { "x" }, 'expected integer, got string "x"', "22P02" },
    { "vector[]", { { 1 } }, "vector type not found in the database", "42704" },
  }

  for _, case in ipairs(refused) do
    it(("%s raises: %s"):format(case[1], case[3]), function()
      local ok, err = pcall(core.encode, case[1], case[2])
      assert.is_false(ok)
      assert.are.equal(case[3], err.message)
      assert.are.equal("DataError", err.class)
      assert.are.equal(case[4], err.sqlstate)
    end)
  end

  for _, case in ipairs({
    { "vector", { 1, 2 }, "expected 3 dimensions, not 2" },
    { "halfvec", { 1, 2 }, "expected 3 dimensions, not 2" },
    { "sparsevec", "{1:1}/2", "expected 3 dimensions, not 2" },
    { "bit", "10", "bit string length 2 does not match type bit(3)" },
  }) do
    it(("has the declared length of a %s"):format(case[1]), function()
      local ok, err = pcall(core.encode, { kind = case[1], dim = 3 }, case[2])
      assert.is_false(ok)
      assert.are.equal(case[3], err.message)
    end)
  end
end)
