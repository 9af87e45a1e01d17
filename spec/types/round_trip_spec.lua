-- Every column type on the server: what goes in comes out, whichever way it goes.

local db = require "spec.support.db"
local pg = require "pgvector"

local null = pg.null
local is_float = function(x) return type(x) == "number" end

-- type, value in, value out (as it went in, if it is not given)
local cases = {
  { pg.SmallInteger, -5 }, { pg.Integer, 2.0, 2 }, { pg.Integer, "7", 7 },
  { pg.BigInteger, 1e15 }, { pg.BigInteger{ as = "string" }, "9007199254740993" },
  { pg.BigInteger{ as = "string" }, 5, "5" },
  { pg.Real, 0.5 }, { pg.Double, 1 / 3 }, { pg.Double, 1 / 0 }, { pg.Float(30), 0.1 }, { pg.Float(10), 0.5 },
  { pg.Numeric(10, 2), 12.5 }, { pg.Numeric, "12345678901234567.89" }, { pg.Numeric{ as = "string" }, "1.50" },
  { pg.Numeric(20, 2, { as = "number" }), "12345678901234.5", 12345678901234.5 },
  { pg.String(5), "äöü'\\" }, { pg.CHAR(3), "a", "a  " }, { pg.Text, "" }, { pg.Text, 5, "5" },
  { pg.Text, "%s $1 :x ? E'\\n' -- /*" }, { pg.CITEXT, "Ada" },
  { pg.Boolean, true }, { pg.Boolean, false },
  { pg.DateTime, "2024-01-31 12:00:00.5" }, { pg.DateTime, { year = 2024, month = 1, day = 31, hour = 12 }, "2024-01-31 12:00:00" },
  { pg.DateTime{ timezone = true }, "2024-01-31 12:00:00+02", "2024-01-31 10:00:00+00" },
  { pg.DateTime{ timezone = true }, 1.5, "1970-01-01 00:00:01.5+00" },
  { pg.DateTime{ timezone = true, as = "epoch" }, "1970-01-02 00:00:00+00", 86400 },
  { pg.DateTime{ as = "epoch" }, 1.5 }, { pg.DateTime, 1 / 0, "infinity" },
  { pg.Date, "0044-03-15 BC" }, { pg.Date, 86400, "1970-01-02" }, { pg.Date{ as = "epoch" }, "1970-01-02", 86400 },
  { pg.Time, "12:34:56.789" }, { pg.Time, 3661, "01:01:01" }, { pg.Time{ timezone = true }, "12:34:56+02" },
  { pg.Interval, "1 year 2 days 03:04:05" }, { pg.Interval, 90, "00:01:30" },
  { pg.Interval, { months = 14, days = -3, seconds = 3723.5 }, "1 year 2 mons -3 days +01:02:03.5" },
  { pg.UUID, "{A0EEBC999C0B4EF8BB6D6BB9BD380A11}", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11" },
  { pg.JSON, { a = { 1, null, "x" } } }, { pg.JSONB, { a = true, b = { c = 0.5 } } }, { pg.JSONB, "text" },
  { pg.JSONB, 9007199254740991 },
  { pg.LargeBinary, "\0\255'\\" }, { pg.LargeBinary, "" },
  { pg.ARRAY(pg.Text), { "", 'a "b"', "NULL", null, "c\\d", "e,f", "it's" } }, { pg.ARRAY(pg.Text), {} },
  { pg.ARRAY(pg.Integer, { dimensions = 2 }), { { 1, 2 }, { 3, null } } },
  { pg.ARRAY(pg.VECTOR(2)), { { 1, 2 }, null }, { pg.vector{ 1, 2 }, null } },
  { pg.ARRAY(pg.JSONB), { { a = 1 }, null } }, { pg.ARRAY(pg.LargeBinary), { "\0", "x" } },
  { pg.ARRAY(pg.DateTime{ timezone = true, as = "epoch" }), { 0, null, 1.5 } },
  { pg.ARRAY(pg.BigInteger{ as = "string" }), { "9007199254740993", null, "1" } },
  { pg.ARRAY(pg.Date{ as = "epoch" }), { "1970-01-02" }, { 86400 } },
  { pg.ARRAY(pg.Numeric{ as = "string" }), { "1.50" } },
  { pg.ARRAY(pg.INT4RANGE), { { lower = 1, upper = 2, bounds = "[)" } } },
  { pg.Enum{ "sad", "it's", name = "Mood" }, "it's" }, { pg.ARRAY(pg.Enum{ "sad", "it's", name = "Mood" }), { "sad", null } },
  { pg.TSVECTOR, "'cat':2 'fat':1" }, { pg.TSQUERY, "'fat' & 'cat'" }, { pg.REGCONFIG, "english" },
  { pg.INET, "192.168.0.1/24" }, { pg.CIDR, "10.0.0.0/8" }, { pg.MACADDR, "08:00:2b:01:02:03" }, { pg.OID, 4294967295 },
  { pg.BIT(3), "101", pg.bit "101" }, { pg.BIT(3), { true, false, true }, pg.bit "101" }, { pg.VARBIT(5), "10", pg.bit "10" },
  { pg.INT8RANGE, { lower = 1, upper = 5, bounds = "[]" }, { lower = 1, upper = 6, bounds = "[)" } },
  { pg.NUMRANGE, { empty = true } }, { pg.INT4MULTIRANGE, { { lower = 1, upper = 3, bounds = "[)" } } },
  { pg.HSTORE, { a = "1", ["it's"] = null } },
  { pg.VECTOR(3), { 1, 2.5, -3 }, pg.vector{ 1, 2.5, -3 } }, { pg.VECTOR(3), "[1,2,3]", pg.vector{ 1, 2, 3 } },
  { pg.VECTOR, pg.halfvec{ 1, 2 }, pg.vector{ 1, 2 } }, { pg.HALFVEC(2), { 1, 2 }, pg.halfvec{ 1, 2 } },
  { pg.SPARSEVEC(3), { 0, 1.5, 0 }, pg.sparsevec({ [2] = 1.5 }, 3) },
  { pg.SPARSEVEC(9), pg.sparsevec({ [2] = 1.5 }, 9) },
  { pg.Type "point", "(1,2)" }, { pg.Type "money", "$5.00" },
  { pg.TypeDecorator{ impl = pg.JSONB, bind = function(v) return { v } end, result = function(v) return v[1] end }, "x" },
}

describe("a value of type", function()
  local engine, conn, drop

  setup(function()
    local url
    url, drop = db.create()
    db.psql("CREATE EXTENSION citext; CREATE EXTENSION hstore; CREATE TYPE \"Mood\" AS ENUM ('sad', 'it''s')", url)
    engine = pg.create_engine(url)
    conn = engine:connect()
  end)
  teardown(function()
    conn:close()
    engine:dispose()
    drop()
  end)
  after_each(function() conn:rollback() end)

  for i, case in ipairs(cases) do
    local type_, given, expected = case[1], case[2], case[3]
    if expected == nil then expected = given end
    it(("%s comes back, number %d"):format(tostring(type_), i), function()
      local tbl = pg.Table("t", pg.MetaData(), {
        pg.Column{ "way", pg.Text }, pg.Column{ "x", type_ },
      }, { temporary = true })
      conn:execute(pg.CreateTable(tbl))
      conn:execute(pg.insert(tbl):values{ way = "a parameter", x = given })
      conn:execute(pg.insert(tbl), { { way = "executemany", x = given }, { way = "NULL", x = null } })
      conn:exec_sql(pg.insert(tbl):values{ way = "a constant", x = given }:compile{ literal_binds = true })
      conn:copy_in(tbl, { "way", "x" }, { { "COPY", given } })
      conn:execute(pg.CreateTable(pg.Table("d", pg.MetaData(), {
        pg.Column{ "way", pg.Text }, pg.Column{ "x", type_, server_default = pg.literal(given, type_) },
      }, { temporary = true })))
      conn:exec_sql("INSERT INTO d (way) VALUES ('a default'); INSERT INTO t SELECT * FROM d")

      local function check(rows, how)
        local count = 0
        for row in rows do
          count = count + 1
          if row.way == "NULL" then
            assert.is_nil(row.x)
          elseif is_float(expected) then
            assert(row.x == expected, ("%s, %s: %s"):format(row.way, how, tostring(row.x)))
          else
            assert.same(expected, row.x, row.way .. ", " .. how)
          end
        end
        assert.equal(6, count)
      end
      check(conn:execute(pg.select(tbl)), "a select")
      check((conn:copy_out(tbl)), "COPY")
      check(conn:execute(pg.select(tbl):execution_options{ stream_results = true }), "a stream")
    end)
  end
end)
