local pg = require "pgvector"
local types = require "pgvector.types"
local core = require "pgvector.core"

local null = pg.null

local function raises(call, class, message, sqlstate)
  local ok, err = pcall(call)
  assert.is_false(ok, "it did not raise")
  assert(pg.is_error(err, class), tostring(err))
  assert.matches(message, err.message, 1, true)
  if sqlstate then assert.are.equal(sqlstate, err.sqlstate) end
end

describe("a type's name in DDL", function()
  local names = {
    { pg.SmallInteger, "SMALLINT" }, { pg.Integer, "INTEGER" }, { pg.BigInteger, "BIGINT" },
    { pg.Float, "FLOAT" }, { pg.Float(24), "FLOAT(24)" }, { pg.Double, "DOUBLE PRECISION" }, { pg.Real, "REAL" },
    { pg.Numeric, "NUMERIC" }, { pg.Numeric(10), "NUMERIC(10)" }, { pg.Numeric(10, 2), "NUMERIC(10, 2)" },
    { pg.Numeric{ precision = 6, scale = 0 }, "NUMERIC(6, 0)" },
    { pg.String, "VARCHAR" }, { pg.String(50), "VARCHAR(50)" }, { pg.String{ length = 5 }, "VARCHAR(5)" },
    { pg.CHAR(3), "CHAR(3)" }, { pg.Text, "TEXT" }, { pg.Text(), "TEXT" }, { pg.Boolean, "BOOLEAN" },
    { pg.DateTime, "TIMESTAMP WITHOUT TIME ZONE" }, { pg.DateTime{}, "TIMESTAMP WITHOUT TIME ZONE" },
    { pg.DateTime{ timezone = true }, "TIMESTAMP WITH TIME ZONE" }, { pg.Date, "DATE" },
    { pg.Time, "TIME WITHOUT TIME ZONE" }, { pg.Time{ timezone = true }, "TIME WITH TIME ZONE" },
    { pg.Interval, "INTERVAL" }, { pg.UUID, "UUID" }, { pg.JSON, "JSON" }, { pg.JSONB, "JSONB" },
    { pg.LargeBinary, "BYTEA" }, { pg.TSVECTOR, "TSVECTOR" }, { pg.TSQUERY, "TSQUERY" }, { pg.INET, "INET" },
    { pg.CIDR, "CIDR" }, { pg.CITEXT, "CITEXT" },
    { pg.VECTOR, "VECTOR" }, { pg.VECTOR(3), "VECTOR(3)" }, { pg.Vector(3), "VECTOR(3)" }, { pg.VECTOR{ dim = 3 }, "VECTOR(3)" },
    { pg.HALFVEC(4000), "HALFVEC(4000)" }, { pg.SPARSEVEC(30000), "SPARSEVEC(30000)" }, { pg.BIT(3), "BIT(3)" },
    { pg.ARRAY(pg.Text), "TEXT[]" }, { pg.ARRAY(pg.VECTOR(3)), "VECTOR(3)[]" },
    { pg.ARRAY(pg.Integer, { dimensions = 2 }), "INTEGER[][]" },
    { pg.Enum{ "a", "b", name = "mood" }, "mood" }, { pg.Enum{ "a", name = "Mood", schema = "app" }, 'app."Mood"' },
    { pg.Type "geometry(Point,4326)", "geometry(Point,4326)" }, { pg.Type 'app."My Type"[]', 'app."My Type"[]' },
    { pg.Type "timestamp(3) with time zone", "timestamp(3) with time zone" },
    { pg.TypeDecorator{ impl = pg.String(9) }, "VARCHAR(9)" },
  }
  for _, case in ipairs(names) do
    it("is " .. case[2], function() assert.are.equal(case[2], tostring(case[1])) end)
  end
end)

describe("a type", function()
  it("is the same without arguments and with none", function()
    for _, t in ipairs{ pg.Text, pg.Integer, pg.VECTOR, pg.DateTime, pg.JSONB, pg.Numeric } do
      assert.is_true(rawequal(t, t()))
    end
  end)

  it("refuses dimensions that the server does not have", function()
    raises(function() pg.VECTOR(0) end, "ArgumentError", "dimensions for type vector must be at least 1")
    raises(function() pg.VECTOR(16001) end, "ArgumentError", "dimensions for type vector cannot exceed 16000")
    raises(function() pg.HALFVEC(16001) end, "ArgumentError", "dimensions for type halfvec cannot exceed 16000")
    raises(function() pg.SPARSEVEC(1000000001) end, "ArgumentError", "dimensions for type sparsevec cannot exceed 1000000000")
    raises(function() pg.BIT(0) end, "ArgumentError", "length for type bit must be at least 1")
    raises(function() pg.VECTOR(1.5) end, "ArgumentError", "whole number")
    raises(function() pg.VECTOR "3" end, "ArgumentError", "whole number")
    assert.are.equal("VECTOR(16000)", tostring(pg.VECTOR(16000)))
  end)

  it("refuses options and arguments that it does not have", function()
    raises(function() pg.DateTime{ timezon = true } end, "ArgumentError", "did you mean 'timezone'?")
    raises(function() pg.DateTime{ as = "number" } end, "ArgumentError", "expected 'string' or 'epoch'")
    raises(function() pg.BigInteger{ as = "text" } end, "ArgumentError", "expected 'auto', 'number' or 'string'")
    raises(function() pg.Integer{ as = "string" } end, "ArgumentError", "type INTEGER has one form only")
    raises(function() pg.Text(5) end, "ArgumentError", "type Text takes no arguments")
    raises(function() pg.Integer(5) end, "ArgumentError", "only a table of options")
    raises(function() pg.String(0) end, "ArgumentError", "at least 1")
    raises(function() pg.Numeric(nil, 2) end, "ArgumentError", "a scale needs a precision")
    raises(function() pg.ARRAY() end, "ArgumentError", "the type of its elements")
    raises(function() pg.ARRAY "text" end, "ArgumentError", "expected a type such as pg.Text")
    raises(function() pg.ARRAY(pg.ARRAY(pg.Text)) end, "ArgumentError", "dimensions = 2")
    raises(function() pg.Enum{ "a", "a", name = "x" } end, "ArgumentError", "given twice")
    raises(function() pg.Enum{ "a" } end, "ArgumentError", "needs a name")
    raises(function() pg.Enum{ name = "x" } end, "ArgumentError", "at least one label")
    raises(function() pg.Enum{ "a", nil, "b", name = "x" } end, "ArgumentError", "Enum: label 2 is missing")
    raises(function() pg.Enum{ "a", name = "x", schema = 5 } end, "ArgumentError", "Enum: schema must be a string, not number")
    raises(function() pg.Enum{ "a", nme = "x" } end, "ArgumentError", "did you mean 'name'?")
    raises(function() pg.TypeDecorator{} end, "ArgumentError", "impl")
    raises(function() pg.TypeDecorator{ impl = pg.Text, bind = 5 } end, "ArgumentError", "bind must be a function")
    raises(function() pg.Type() end, "ArgumentError", "pg.Type takes one string")
  end)

  it("is refused where it is none without arguments", function()
    for name, how in pairs{ ARRAY = "pg.ARRAY(pg.Text)", Enum = "pg.Enum{", TypeDecorator = "impl =", Type = "pg.Type(" } do
      raises(function() pg.Column{ "x", pg[name] } end, "ArgumentError", "Column: " .. name .. " needs arguments: ")
      raises(function() pg.cast(5, pg[name]) end, "ArgumentError", how)
    end
  end)

  it("says what operators make sense for it", function()
    local families = {
      [pg.BigInteger] = "integer", [pg.Double] = "number", [pg.Numeric(3)] = "number", [pg.String(5)] = "string",
      [pg.Boolean] = "boolean", [pg.Date] = "datetime", [pg.JSONB] = "json", [pg.ARRAY(pg.Text)] = "array",
      [pg.SPARSEVEC] = "vector", [pg.BIT(3)] = "bit", [pg.TSVECTOR] = "tsvector", [pg.Type "box"] = "other",
      [pg.TypeDecorator{ impl = pg.VECTOR(3) }] = "vector",
    }
    for t, family in pairs(families) do assert.are.equal(family, t.family, tostring(t)) end
  end)
end)

describe("how a value is sent and read", function()
  local function bind(t) return t:bind_spec "c" end
  it("is told by kind, OID and dimensions", function()
    local cases = {
      { pg.Integer, "int4", 23 }, { pg.BigInteger, "int8", 20 }, { pg.SmallInteger, "int2", 21 }, { pg.Real, "float4", 700 },
      { pg.Double, "float8", 701 }, { pg.Float(24), "float4", 700 }, { pg.Float(25), "float8", 701 },
      { pg.Numeric(10, 2), "numeric", 1700 }, { pg.Boolean, "bool", 16 }, { pg.Text, "text", 25 }, { pg.String(5), "text", 1043 },
      { pg.LargeBinary, "bytea", 17 }, { pg.UUID, "uuid", 2950 }, { pg.JSON, "json", 114 }, { pg.JSONB, "jsonb", 3802 },
      { pg.Date, "date", 1082 }, { pg.Time, "time", 1083 }, { pg.DateTime, "timestamp", 1114 },
      { pg.DateTime{ timezone = true }, "timestamptz", 1184 }, { pg.Interval, "interval", 1186 },
      { pg.VECTOR(3), "vector", nil, 3 }, { pg.HALFVEC(3), "halfvec", nil, 3 }, { pg.SPARSEVEC(3), "sparsevec", nil, 3 },
      { pg.BIT(3), "bit", 1560, 3 }, { pg.ARRAY(pg.Text), "text[]", 1009 }, { pg.ARRAY(pg.VECTOR(3)), "vector[]", nil, 3 },
      { pg.Type "box", "unknown" }, { pg.TSQUERY, "unknown", 3615 }, { pg.CITEXT, "text" },
    }
    for _, case in ipairs(cases) do
      local spec = bind(case[1])
      assert.are.same({ case[2], case[3], case[4] }, { spec.kind, spec.oid, spec.dim }, tostring(case[1]))
      assert.are.equal("c", spec.name)
      assert.is_true(rawequal(case[1], spec.type))
    end
  end)

  it("names types whose OID is each database's own", function()
    assert.are.equal("vector", pg.VECTOR(3).type_name)
    assert.are.equal("citext", pg.CITEXT.type_name)
    local mood = pg.Enum{ "a", name = "mood", schema = "app" }
    assert.are.same({ "mood", "app" }, { mood.type_name, mood.schema })
  end)

  it("may be refined by `as`", function()
    assert.are.equal("int8:string", pg.BigInteger{ as = "string" }:result_spec().kind)
    assert.are.equal("int8", pg.BigInteger{ as = "string" }:bind_spec().kind)
    assert.are.equal("numeric:string", pg.Numeric{ as = "string" }:result_spec().kind)
    assert.are.equal("numeric:number", pg.Numeric(10, 2, { as = "number" }):result_spec().kind)
    assert.are.equal("timestamptz:epoch", pg.DateTime{ timezone = true, as = "epoch" }:result_spec().kind)
    assert.are.equal("timestamp:epoch", pg.DateTime{ as = "epoch" }:result_spec().kind)
    assert.are.equal("date:epoch", pg.Date{ as = "epoch" }:result_spec().kind)
  end)

  it("may be refined by `as` of a column, which keeps the rest of the type", function()
    local cases = {
      { pg.BigInteger, "string", "int8:string" }, { pg.BigInteger{ as = "string" }, "number", "int8" },
      { pg.Numeric(10, 2), "string", "numeric:string" }, { pg.DateTime{ timezone = true }, "epoch", "timestamptz:epoch" },
      { pg.DateTime{ as = "epoch" }, "string", "timestamp" }, { pg.Date, "epoch", "date:epoch" },
      { pg.ARRAY(pg.BigInteger, { dimensions = 2 }), "string", "int8:string[]" },
      { pg.TypeDecorator{ impl = pg.Numeric(10, 2) }, "number", "numeric:number" },
    }
    for _, case in ipairs(cases) do
      local column = pg.Column{ "x", case[1], as = case[2] }
      assert.are.equal(case[3], column.type:result_spec().kind)
      assert.are.equal(tostring(case[1]), tostring(column.type))
      assert.are.equal(case[1].timezone, column.type.timezone)
    end
    raises(function() pg.Column{ "x", pg.Text, as = "string" } end, "ArgumentError", "type TEXT has one form only")
    raises(function() pg.Column{ "x", pg.Date, as = "day" } end, "ArgumentError", "expected 'string' or 'epoch'")
  end)

  it("is encoded by the core as the specs say", function()
    for _, name in ipairs{ "Integer", "Text", "JSONB", "UUID", "Date", "Interval", "BIT", "LargeBinary", "INET", "TSVECTOR" } do
      assert.is_truthy(core.encoder{ pg[name]:bind_spec() })
      assert.is_truthy(core.decoder{ pg[name]:result_spec() })
    end
  end)

  it("converts JSON in both directions, also inside arrays", function()
    assert.are.equal('{"a":1}', pg.JSONB:bind_spec().convert{ a = 1 })
    assert.are.same({ a = 1 }, pg.JSONB:result_spec().convert '{"a":1}')
    assert.are.same({ '{"a":1}', null }, pg.ARRAY(pg.JSONB):bind_spec().convert{ { a = 1 }, null })
    assert.are.same({ { a = 1 }, null }, pg.ARRAY(pg.JSONB):result_spec().convert{ '{"a":1}', null })
    assert.is_nil(pg.ARRAY(pg.Text):bind_spec().convert)
  end)

  it("checks an enum's labels", function()
    local mood = pg.Enum{ "sad", "happy", name = "mood" }
    assert.are.equal("sad", mood:bind_spec().convert "sad")
    raises(function() mood:bind_spec().convert "hapy" end, "DataError",
      'invalid input value for enum mood: "hapy", did you mean \'happy\'?', "22P02")
    raises(function() mood:literal "x" end, "DataError", "invalid input value")
  end)

  it("passes through a decorator, NULL apart", function()
    local upper = pg.TypeDecorator{ impl = pg.Text, bind = function(v) return v:upper() end, result = function(v) return v:lower() end }
    assert.are.equal("ABC", upper:bind_spec().convert "abc")
    assert.are.equal("abc", upper:result_spec().convert "ABC")
    assert.are.equal("'ABC'", upper:literal "abc")
    assert.are.equal("NULL", upper:literal(null))
    local document = pg.TypeDecorator{ impl = pg.JSONB, bind = function(v) return { v } end, result = function(v) return v[1] end }
    assert.are.equal("[5]", document:bind_spec().convert(5))
    assert.are.equal(5, document:result_spec().convert "[5]")
    local dropped = pg.TypeDecorator{ impl = pg.JSONB, bind = function() return null end }
    assert.are.equal(null, dropped:bind_spec().convert(5))
  end)
end)

describe("a check on this side", function()
  local cases = {
    { pg.VECTOR(3), { 1, 2 }, "expected 3 dimensions, not 2", "22000" },
    { pg.HALFVEC(3), "[1,2]", "expected 3 dimensions, not 2", "22000" },
    { pg.SPARSEVEC(3), { 1, 2, 3, 4 }, "expected 3 dimensions, not 4", "22000" },
    { pg.BIT(3), "10", "bit string length 2 does not match type bit(3)", "22026" },
    { pg.Integer, 1.5, "1.5 is not a value for type INTEGER", "22P02" },
    { pg.Integer, "x", '"x" is not a value for type INTEGER', "22P02" },
    { pg.Integer, 2147483648, "2147483648 is out of range for type integer", "22003" },
    { pg.SmallInteger, -32769, "out of range for type smallint", "22003" },
    { pg.String(3), "abcd", "value too long for type character varying(3)", "22001" },
    { pg.Text, "a\0b", "zero byte", "22021" },
    { pg.Text, {}, "is not a value for type TEXT", "22P02" },
    { pg.Double, "0x10", '"0x10" is not a value for type DOUBLE PRECISION', "22P02" },
    { pg.Numeric(3), "1e", '"1e" is not a value for type NUMERIC(3)', "22P02" },
    { pg.Boolean, "true", '"true" is not a value for type BOOLEAN', "22P02" },
    { pg.UUID, "12345", 'invalid input syntax for type uuid: "12345"', "22P02" },
    { pg.DateTime, {}, "field 'year' is missing", "22007" },
    { pg.Date, { year = 2024, month = 13, day = 1 }, "field 'month' is out of range", "22008" },
    { pg.Interval, { mnth = 1 }, "interval has no field 'mnth'", "22007" },
    { pg.Interval, { days = "x" }, "interval field 'days' is out of range", "22008" },
    { pg.Time, true, "expected time, got boolean", "22007" },
    { pg.ARRAY(pg.Integer), { 1, 1.5 }, "1.5 is not a value", "22P02" },
    { pg.ARRAY(pg.Integer), 5, "an array must be a sequence", "22P02" },
    { pg.ARRAY(pg.Integer), { 1, x = 2 }, "expected a sequence, got key 'x'", "22000" },
    { pg.ARRAY(pg.Integer), { n = 2, 1 }, "element 2: expected a value or null, got nil", "22004" },
  }
  for _, case in ipairs(cases) do
    it(case[3], function() raises(function() case[1]:check(case[2]) end, "DataError", case[3], case[4]) end)
  end

  it("counts characters, not bytes", function()
    assert.are.equal("äöü", pg.String(3):check "äöü")
  end)

  it("lets pass what fits", function()
    assert.are.equal(pg.vector{ 1, 2, 3 }, pg.VECTOR(3):check "[1,2,3]")
    assert.are.equal(3.0, pg.Integer:check(3.0))
    assert.are.equal("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", pg.UUID:check "{A0EEBC99-9C0B4EF8BB6D6BB9BD380A11}")
  end)
end)

describe("a constant of type", function()
  local cases = {
    { pg.Integer, 5, "5" }, { pg.Integer, "-7", "-7" }, { pg.BigInteger, 2 ^ 53, "9007199254740992" },
    { pg.Double, 0.1, "0.1" }, { pg.Double, 1e15, "1000000000000000" }, { pg.Double, 1e300, "1e+300" }, { pg.Double, 0 / 0, "'NaN'" }, { pg.Double, 5, "5" },
    { pg.Numeric(20, 2), "12345678901234567.89", "12345678901234567.89" }, { pg.Numeric, "NaN", "'NaN'" },
    { pg.Boolean, false, "false" }, { pg.Text, "it's", "'it''s'" }, { pg.Text, 5, "'5'" },
    { pg.LargeBinary, "\0\1'", "'\\x000127'" }, { pg.JSONB, { a = "b" }, "'{\"a\":\"b\"}'" },
    { pg.Date, { year = 2024, month = 2, day = 29 }, "'2024-02-29'" }, { pg.Date, 86400 * 365, "'1971-01-01'" },
    { pg.DateTime, { year = 2024, month = 1, day = 2, hour = 3, min = 4, sec = 5.25 }, "'2024-01-02 03:04:05.25'" },
    { pg.DateTime{ timezone = true }, 1.5, "'1970-01-01 00:00:01.5+00'" }, { pg.DateTime, -0.5, "'1969-12-31 23:59:59.5'" },
    { pg.DateTime, 1 / 0, "'infinity'" }, { pg.DateTime, -62135596800 - 86400, "'0001-12-31 00:00:00 BC'" },
    { pg.DateTime, "2024-01-01", "'2024-01-01'" }, { pg.Time, 3661, "'01:01:01'" },
    { pg.Interval, 90, "INTERVAL '0 mons 0 days 90.000000 secs'" }, { pg.Interval, "1 day", "INTERVAL '1 day'" },
    { pg.Interval, { years = 1, weeks = 1, hours = 2 }, "INTERVAL '12 mons 7 days 7200.000000 secs'" },
    { pg.VECTOR(3), { 1, 2.5, 3 }, "'[1,2.5,3]'" }, { pg.SPARSEVEC(3), pg.sparsevec({ [2] = 1 }, 3), "'{2:1}/3'" },
    { pg.BIT(3), "101", "'101'" }, { pg.ARRAY(pg.Integer, { dimensions = 2 }), { { 1, 2 }, { 3, 4 } }, "ARRAY[[1, 2], [3, 4]]::INTEGER[][]" },
    { pg.ARRAY(pg.VECTOR(2)), { { 1, 2 } }, "ARRAY['[1,2]']::VECTOR(2)[]" }, { pg.Type "box", "(1,2)", "'(1,2)'" },
    { pg.Text, null, "NULL" }, { pg.ARRAY(pg.Text), null, "NULL" },
  }
  for _, case in ipairs(cases) do
    it(tostring(case[1]) .. " " .. case[3], function() assert.are.equal(case[3], case[1]:literal(case[2])) end)
  end
end)

describe("the type of a bare value", function()
  it("is unknown for numbers and strings, which the server infers", function()
    assert.is_true(rawequal(types.NULLTYPE, types.of_value(5)))
    assert.is_true(rawequal(types.NULLTYPE, types.of_value "x"))
    assert.is_true(rawequal(types.NULLTYPE, types.of_value(null)))
    assert.are.equal("unknown", types.NULLTYPE.kind)
  end)

  it("is known for booleans and vectors", function()
    assert.are.equal(pg.Boolean, types.of_value(false))
    assert.are.equal(pg.VECTOR, types.of_value(pg.vector{ 1 }))
    assert.are.equal(pg.HALFVEC, types.of_value(pg.halfvec{ 1 }))
    assert.are.equal(pg.SPARSEVEC, types.of_value(pg.sparsevec{ 1 }))
    assert.are.equal(pg.BIT, types.of_value(pg.bit "1"))
  end)

  it("is refused for what has none", function()
    raises(function() types.of_value{ 1 } end, "ArgumentError", "pg.literal(value, type)")
    raises(function() types.of_value(print) end, "ArgumentError", "pg.literal(value, type)")
  end)
end)

describe("the key of a value, to tell rows apart by,", function()
  local equal = {
    { pg.Integer, 5, 5.0, "5", " +5", "005" }, { pg.BigInteger, -7, "-7", "-07" },
    { pg.BigInteger, "9007199254740993", "09007199254740993" },
    { pg.Numeric(5, 2), 1.5, "1.5", "1.50", "+01.500" }, { pg.Numeric, 0, "0", "0.00", ".0" }, { pg.Numeric, 1e3, "1e3", "1000.0" },
    { pg.Numeric, "12345678901234567.89", "12345678901234567.890" }, { pg.Numeric, 0 / 0, "NaN" },
    { pg.Double, 0.1, "0.1", "1e-1" }, { pg.Text, "a", "a" }, { pg.Text, 5, "5" }, { pg.CHAR(3), "a", "a  " },
    { pg.UUID, "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "{a0eebc999c0b4ef8bb6d6bb9bd380a11}" },
    { pg.Date, 86400, "1970-01-02", { year = 1970, month = 1, day = 2 } },
    { pg.DateTime{ timezone = true }, 0, "1970-01-01 00:00:00+00", "1970-01-01T02:00:00+02:00" },
    { pg.DateTime, 0, "1970-01-01", "1970-01-01 00:00" }, { pg.Time, 3600, "01:00", "01:00:00" },
    { pg.Boolean, true, true }, { pg.LargeBinary, "\0a", "\0a" }, { pg.VECTOR(2), { 1, 2 }, "[1, 2]" },
    { pg.TypeDecorator{ impl = pg.Text, bind = string.lower }, "ABC", "abc" },
    { pg.TypeDecorator{ impl = pg.Integer, bind = function(v) return v + 1 end }, 5, 5.0 },
  }
  for i, case in ipairs(equal) do
    it(("is one for equal values of %s, number %d"):format(tostring(case[1]), i), function()
      local key = case[1]:_key(case[2])
      assert.are.equal("string", type(key))
      for j = 3, #case do assert.are.equal(key, case[1]:_key(case[j])) end
    end)
  end

  it("is another one for other values", function()
    local different = {
      { pg.Integer, 5, -5, 50 }, { pg.Numeric, "1.5", "15", "1.05", "-1.5", "10", "1" }, { pg.Double, 0.1, 0.1 + 2 ^ -55 },
      { pg.Text, "a", "A", "a " }, { pg.Date, "1970-01-02", "1970-01-03" },
      { pg.DateTime{ timezone = true }, "1970-01-01 00:00:00+00", "1970-01-01 00:00:00+01" },
      { pg.Date, "today", "tomorrow" },
    }
    for _, case in ipairs(different) do
      local seen = {}
      for j = 2, #case do
        local key = case[1]:_key(case[j])
        assert.is_nil(seen[key], tostring(case[j]))
        seen[key] = true
      end
    end
  end)
end)
