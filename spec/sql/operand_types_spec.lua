-- The type that an expression has in Lua is the one that the server gives it: for
-- every operator of arithmetic and every two types that have it.

local pg = require "pgvector"
local db = require "spec.support.db"

local func = pg.func

local types = {
  pg.SmallInteger, pg.Integer, pg.BigInteger, pg.Numeric, pg.Real, pg.Double, pg.Float(20), pg.OID,
  pg.Date, pg.DateTime, pg.DateTime{ timezone = true }, pg.Time, pg.Time{ timezone = true }, pg.Interval,
  pg.Text, pg.String(20), pg.CHAR(3), pg.CITEXT, pg.JSON, pg.JSONB, pg.HSTORE, pg.UUID, pg.LargeBinary,
  pg.INET, pg.CIDR, pg.MACADDR, pg.TSVECTOR, pg.TSQUERY, pg.INT4RANGE, pg.TSTZMULTIRANGE,
  pg.VECTOR(3), pg.HALFVEC(3), pg.SPARSEVEC(3), pg.BIT(3), pg.VARBIT(3),
  pg.ARRAY(pg.Integer), pg.ARRAY(pg.BigInteger), pg.ARRAY(pg.Real), pg.ARRAY(pg.Text),
}

local operators = {
  { "+", function(a, b) return a + b end }, { "-", function(a, b) return a - b end },
  { "*", function(a, b) return a * b end }, { "/", function(a, b) return a / b end },
  { "%", function(a, b) return a % b end }, { "^", function(a, b) return a ^ b end },
  { "||", function(a, b) return a .. b end },
}

-- the type of `null::a op null::b`, NULL where the server has no such operator
local TYPE_OF = [[
CREATE FUNCTION pg_temp.type_of(a text, op text, b text) RETURNS regtype LANGUAGE plpgsql AS $$
DECLARE found regtype;
BEGIN
  EXECUTE format('SELECT pg_typeof(null::%s %s null::%s)', a, op, b) INTO found;
  RETURN found;
EXCEPTION WHEN OTHERS THEN RETURN NULL;
END $$]]

describe("The type of an expression is the server's:", function()
  local engine, conn, drop
  local names = {}
  for i, type_ in ipairs(types) do names[i] = tostring(type_) end

  setup(function()
    local url
    url, drop = db.create()
    engine = pg.create_engine(url)
    db.psql("CREATE EXTENSION citext; CREATE EXTENSION hstore", url)
    conn = engine:connect()
    conn:exec_sql(TYPE_OF)
    conn:commit()
  end)
  after_each(function() conn:rollback() end)
  teardown(function()
    conn:close()
    engine:dispose()
    drop()
  end)

  local function is_whole(type_) return type_.family == "integer" end

  for _, operator in ipairs(operators) do
    local op, apply = operator[1], operator[2]
    it("a " .. op .. " b", function()
      local found = conn:execute(pg.text([[
        SELECT a.i, b.i AS j, found::oid::int8 AS oid, found::text AS name
        FROM unnest(:names) WITH ORDINALITY a (t, i), unnest(:names) WITH ORDINALITY b (t, i),
          pg_temp.type_of(a.t, :op, b.t) AS found
        WHERE found IS NOT NULL ORDER BY a.i, b.i]], { names = pg.literal(names, pg.ARRAY(pg.Text)), op = op })):all()
      assert.is_true(#found > 5)
      local wrong = {}
      for _, row in ipairs(found) do
        local a, b = types[row.i], types[row.j]
        local type_ = apply(pg.column("a", a), pg.column("b", b)).type
        local same = type_.oid == row.oid or type_.type_name ~= nil and type_.type_name == row.name
        -- an integer is divided as a float8
        if op == "/" and is_whole(a) and is_whole(b) then same = type_ == pg.Double end
        -- all arrays of strings are read alike
        if row.name:find("^character.*%[%]$") then same = type_.elem == pg.Text end
        if not same then
          wrong[#wrong + 1] = ("%s %s %s is %s, not %s"):format(names[row.i], op, names[row.j], row.name, tostring(type_))
        end
      end
      assert.same({}, wrong)
    end)
  end

  local c = {}
  for name, type_ in pairs{
    small = pg.SmallInteger, whole = pg.Integer, big = pg.BigInteger, real = pg.Real, numeric = pg.Numeric,
    date = pg.Date, stamp = pg.DateTime, time = pg.Time, length = pg.Interval, address = pg.INET, bytes = pg.LargeBinary,
    json = pg.JSONB, text = pg.Text,
  } do c[name] = pg.column(name, type_) end
  local named = pg.bindparam "named"

  -- with values: what is compared, and what it is equal to
  local cases = {
    { "5 + date", 5 + c.date, "2024-01-15" },
    { "date + 5", c.date + 5, "2024-01-15" },
    { "value - date", "2024-01-12" - c.date, 2 },
    { "date - timestamp", c.date - c.stamp, "12:00:00" },
    { "date + text", c.date + "1 day", "2024-01-11T00:00:00" },
    { "value - time", "13:00" - c.time, "01:00:00" },
    { "date + time", c.date + c.time, "2024-01-10T12:00:00" },
    { "2 * interval", 2 * c.length, "2 days" },
    { "interval / 2", c.length / 2, "12:00:00" },
    { "whole * interval", c.whole * c.length, "3 days" },
    { "real + numeric", c.real + c.numeric, 1.6 },
    { "real floordiv whole", c.real:floordiv(c.whole), 0 },
    { "whole .. text", c.whole .. "-" .. c.text, "3-x" },
    { "text .. whole", c.text .. c.whole, "x3" },
    { "whole:op('||')", c.whole:op("||")("-x"), "3-x" },
    { "date:op('-')", c.date:op("-")("1 day"), "2024-01-09T00:00:00" },
    { "whole ^ numeric", c.whole ^ c.numeric, "1.1161231740339044" },
    { "inet + 1", c.address + 1, "10.0.0.2/32" },
    { "bytes .. bytes", c.bytes .. "\1", "\0\1" },
    { "small & big", c.small:bitwise_and(c.big), 3 },
    { "big | small", c.big:bitwise_or(c.small), 4294967299 },
    { "a named value", c.stamp - named, "1 day", { named = "2024-01-08T12:00:00" } },
  }
  for _, case in ipairs(cases) do
    it(case[1] .. " with values", function()
      local row = pg.select(pg.cast(3, pg.SmallInteger):label "small", pg.cast(3, pg.Integer):label "whole",
        pg.cast(4294967299, pg.BigInteger):label "big", pg.cast(1.5, pg.Real):label "real",
        pg.cast("0.1", pg.Numeric):label "numeric", pg.cast("2024-01-10", pg.Date):label "date",
        pg.cast("2024-01-09 12:00", pg.DateTime):label "stamp", pg.cast("12:00", pg.Time):label "time",
        pg.cast("1 day", pg.Interval):label "length", pg.cast("10.0.0.1", pg.INET):label "address",
        pg.cast("\0", pg.LargeBinary):label "bytes", pg.cast("x", pg.Text):label "text"):subquery "row"
      local stmt = pg.select(func.count()):select_from(row):where(case[2]:eq(case[3]))
      assert.equal(1, conn:scalar(stmt, case[4]))
      assert.equal(case[2].type.oid, conn:scalar(pg.select(func.pg_typeof(case[2]):cast(pg.OID)):select_from(row), case[4]))
    end)
  end
end)
