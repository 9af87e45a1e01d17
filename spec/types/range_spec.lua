-- Ranges, multiranges, hstore, bit strings of any length, OIDs: to the server
-- and back.

local db = require "spec.support.db"
local pg = require "pgvector"

local metadata = pg.MetaData()
local t = pg.Table("t", metadata, {
  pg.Column{ "id", pg.Integer, primary_key = true },
  pg.Column{ "i4", pg.INT4RANGE }, pg.Column{ "i8", pg.INT8RANGE }, pg.Column{ "n", pg.NUMRANGE },
  pg.Column{ "d", pg.DATERANGE }, pg.Column{ "ts", pg.TSRANGE }, pg.Column{ "tz", pg.TSTZRANGE },
  pg.Column{ "m", pg.INT4MULTIRANGE }, pg.Column{ "tm", pg.TSTZMULTIRANGE }, pg.Column{ "list", pg.ARRAY(pg.INT4RANGE) },
  pg.Column{ "words", pg.ARRAY(pg.TSVECTOR) },
  pg.Column{ "h", pg.HSTORE }, pg.Column{ "bits", pg.VARBIT(5) }, pg.Column{ "o", pg.OID },
})

describe("on the server,", function()
  local engine, conn, drop
  setup(function()
    local url
    url, drop = db.create()
    engine = pg.create_engine(url)
    metadata:create_all(engine) -- with the extension hstore
    conn = engine:connect()
  end)
  before_each(function() conn:rollback() end)
  teardown(function()
    conn:close()
    engine:dispose()
    drop()
  end)

  local id = 0
  local function back(column, value)
    id = id + 1
    conn:execute(pg.insert(t):values{ id = id, [column] = value })
    return conn:scalar(pg.select(t.c[column]):where(t.c.id:eq(id)))
  end

  local cases = {
    { "i4", { lower = 1, upper = 5 }, { lower = 1, upper = 5, bounds = "[)" } },
    { "i4", { lower = 1, upper = 5, bounds = "(]" }, { lower = 2, upper = 6, bounds = "[)" } },
    { "i4", { upper = -3 }, { upper = -3, bounds = "()" } },
    { "i4", {}, { bounds = "()" } },
    { "i4", { empty = true }, { empty = true } },
    { "i4", "[7,9]", { lower = 7, upper = 10, bounds = "[)" } },
    { "i8", { lower = "9007199254740993" }, { lower = math.type and 9007199254740993 or "9007199254740993", bounds = "[)" } }, -- luacheck: ignore 143
    { "n", { lower = 1.5, upper = "12345678901234567890.5", bounds = "[]" },
      { lower = 1.5, upper = "12345678901234567890.5", bounds = "[]" } },
    { "d", { lower = "2024-02-28", upper = "2024-02-29", bounds = "[]" },
      { lower = "2024-02-28", upper = "2024-03-01", bounds = "[)" } },
    { "ts", { lower = "2024-01-01 10:00:00", upper = 86400 * 20000 },
      { lower = "2024-01-01 10:00:00", upper = "2024-10-04 00:00:00", bounds = "[)" } },
    { "tz", { lower = { year = 2024, month = 1, day = 2, hour = 3 } }, { lower = "2024-01-02 03:00:00+00", bounds = "[)" } },
    { "m", { { lower = 1, upper = 3 }, "[2,5)", { lower = 9 } },
      { { lower = 1, upper = 5, bounds = "[)" }, { lower = 9, bounds = "[)" } } },
    { "m", {}, {} },
    { "tm", { { lower = "2024-01-01 00:00+00", upper = "2024-01-02 00:00+00" } },
      { { lower = "2024-01-01 00:00:00+00", upper = "2024-01-02 00:00:00+00", bounds = "[)" } } },
    { "list", { { lower = 1, upper = 2 }, pg.null, { empty = true } },
      { { lower = 1, upper = 2, bounds = "[)" }, pg.null, { empty = true } } },
    { "words", { "'a' 'b'", "'c,d'" }, { "'a' 'b'", "'c,d'" } },
    { "h", { a = 'x"y\\', b = pg.null, ["c, d"] = "=>", n = 5 }, { a = 'x"y\\', b = pg.null, ["c, d"] = "=>", n = "5" } },
    { "h", {}, {} },
    { "o", 4294967295, 4294967295 },
  }
  for i, case in ipairs(cases) do
    it(("case %d: %s"):format(i, case[1]), function()
      assert.same(case[3], back(case[1], case[2]))
    end)
  end

  it("a bit string of any length comes back as it is, a longer one than the column is refused", function()
    assert.equal("101", tostring(back("bits", "101")))
    local _, err = pg.try(back, "bits", "101010")
    assert.equal("22001", err.sqlstate)
    assert.matches("bit string too long for type bit varying(5)", err.message, 1, true)
  end)

  it("what is none is refused before it is sent", function()
    for _, case in ipairs{
      { "i4", { lower = 1, uper = 2 }, "unknown option 'uper', did you mean 'upper'?" },
      { "i4", { lower = 1.5 }, "1.5 is not a value for type INTEGER" },
      { "i4", { lower = 1, bounds = "[" }, "the bounds of a range are" },
      { "i4", 5, "5 is not a value for type INT4RANGE" },
      { "d", { lower = true }, "expected date, got boolean" },
      { "h", { 1, 2 }, "a key of an hstore must be a string, not 1" },
      { "h", { a = {} }, "the value of 'a' in an hstore must be a string, not a table" },
      { "o", -1, "-1 is out of range for type oid" },
    } do
      local _, err = pg.try(back, case[1], case[2])
      assert.matches(case[3], err and err.message or "nothing raised", 1, true)
    end
  end)

  local c = t.c
  it("ranges and hstore have their operators", function()
    conn:execute(pg.insert(t):values{
      id = 1000, i4 = { lower = 1, upper = 5 }, d = { lower = "2024-01-01", upper = "2024-02-01" }, h = { a = "1", b = pg.null },
    })
    for _, condition in ipairs{
      c.i4:contains(3), c.i4:contains{ lower = 2, upper = 3 }, c.i4:contains "[2,3)", c.i4:contained_by{ lower = 0 },
      c.i4:overlap{ lower = 4, upper = 9 }, c.i4:op("-|-"){ lower = 5, upper = 9 }, c.d:contains "2024-01-15",
      c.i4:eq{ lower = 1, upper = 4, bounds = "[]" }, (c.i4 * { lower = 3 }):eq{ lower = 3, upper = 5 },
      pg.func.lower(c.i4):eq(1), c.h:get("a"):eq "1", c.h:has_key "b", c.h:has_any{ "x", "a" }, c.h:contains{ a = "1" },
      (c.h .. { z = "9" }):get("z"):eq "9",
      (c.h - pg.cast("a", pg.Text)):has_key("a"):not_(), c.h:eq{ b = pg.null, a = "1" },
    } do
      assert.equal(1000, conn:scalar(pg.select(c.id):where(c.id:eq(1000), condition)), tostring(condition))
      local sql = pg.select(c.id):where(c.id:eq(1000), condition):compile{ literal_binds = true }
      assert.equal(1000, conn:exec_sql(sql):scalar(), sql)
    end
  end)
end)
