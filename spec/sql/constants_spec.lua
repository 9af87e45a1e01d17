-- literal_binds: a value in the text has the type that the parameter had, wherever
-- it stands. Each type is taken through the positions in which nothing beside a
-- value tells its type; the text is run by psql.

local db = require "spec.support.db"
local pg = require "pgvector"

local func = pg.func
local mood = pg.Enum{ "sad", "it's", name = "mood" }
local moment = "2024-02-29 12:00:00+00"

local types = {
  { pg.SmallInteger, 5 }, { pg.Integer, -5 }, { pg.BigInteger, -2 ^ 52 }, { pg.OID, 5 },
  { pg.Double, 1 }, { pg.Double, -1.5 }, { pg.Double, 1 / 0 }, { pg.Double, 0 / 0 }, { pg.Real, 0.1 }, { pg.Real, -2 },
  { pg.Numeric(10, 2), "12.50" }, { pg.Numeric(10, 2), 3 }, { pg.Numeric, "-3.5" }, { pg.Numeric, "NaN" },
  { pg.String(3), "a'b" }, { pg.CHAR(3), "abc" }, { pg.Text, "back\\slash % : ? $1 \n \" it's" }, { pg.CITEXT, "aB" },
  { pg.Boolean, true }, { pg.LargeBinary, "\0\1'\\" }, { pg.UUID, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11" },
  { pg.DateTime{ timezone = true }, moment }, { pg.DateTime, "2024-02-29 12:00:00" }, { pg.Date, "2024-02-29" },
  { pg.Time, "12:00:00" }, { pg.Interval, "1 day" }, { pg.Interval, { months = 1, days = -2 } },
  { pg.JSON, { a = { 1, 2 } } }, { pg.JSONB, { b = "it's" } }, { pg.JSONB, "text" }, { pg.JSONB, pg.json.null },
  { pg.ARRAY(pg.Text), { "a", pg.null, 'q"\\', "it's" } }, { pg.ARRAY(pg.Integer), {} }, { pg.ARRAY(pg.Double), { 1, 2.5 } },
  { pg.ARRAY(pg.VECTOR(2)), { { 1, 2 } } }, { pg.ARRAY(pg.UUID), { "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11" } },
  { pg.ARRAY(mood), { "sad", "it's" } }, { pg.ARRAY(pg.BIT(3)), { "101" } }, { pg.ARRAY(pg.VARBIT(5)), { "101", "1" } },
  { mood, "it's" }, { pg.TSVECTOR, "'a' 'b'" }, { pg.TSQUERY, "'a' & 'b'" }, { pg.REGCONFIG, "english" },
  { pg.INET, "10.0.0.1/8" }, { pg.CIDR, "10.0.0.0/8" }, { pg.MACADDR, "08:00:2b:01:02:03" }, { pg.HSTORE, { a = "1", b = pg.null } },
  { pg.VECTOR(3), { 1, 2, 3 } }, { pg.HALFVEC(3), { 1, 2, 3 } }, { pg.SPARSEVEC(3), pg.sparsevec({ [2] = 1 }, 3) },
  { pg.BIT(3), "101" }, { pg.VARBIT(5), "101" }, { pg.INT4RANGE, { lower = 1, upper = 5 } },
  { pg.TSTZRANGE, { lower = moment } },
}

-- Expressions of a value, in positions that tell it no type.
local function positions(type_, value)
  local x, null = pg.literal(value, type_), pg.literal(pg.null, type_)
  local function second(from) return pg.select(from.c.a):limit(1):offset(1):scalar_subquery() end
  local first, other = pg.select(null:label "a"), pg.select(x:label "a")
  local list = {
    x, x:cast(type_), null, other:scalar_subquery(), pg.select(other:cte("q").c.a):scalar_subquery(),
    pg.case{ { pg.true_(), x }, else_ = pg.literal(value, type_) }, pg.case{ { pg.true_(), null }, else_ = x },
    func.coalesce(null, x), func.to_jsonb(x), func.jsonb_build_object("k", x),
    second(pg.values({ pg.column("a", type_) }, { { pg.null }, { value } }, "v")), second(first:union_all(other):subquery "u"),
  }
  if type_.family ~= "array" then list[#list + 1] = pg.array({ x, value }, type_) end
  if type_.kind ~= "json" then -- which has no comparison
    for _, comparison in ipairs{ x:eq(pg.literal(value, type_)), x:in_{ value }, x:is_distinct_from(null), func.nullif(x, null) } do
      list[#list + 1] = comparison
    end
  end
  return list
end

describe("A constant has its type wherever it stands:", function()
  local url, drop, engine
  setup(function()
    url, drop = db.create()
    db.psql("CREATE EXTENSION citext; CREATE EXTENSION hstore; CREATE TYPE mood AS ENUM ('sad', 'it''s');"
      .. "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET timezone TO utc', current_database()); END $$", url)
    engine = pg.create_engine(url)
  end)
  teardown(function()
    engine:dispose()
    drop()
  end)

  for i, case in ipairs(types) do
    it(("%s (%d)"):format(tostring(case[1]), i), function()
      local texts = {}
      for j, expr in ipairs(positions(case[1], case[2])) do
        texts[2 * j - 1], texts[2 * j] = func.pg_typeof(expr):cast(pg.Text), expr:cast(pg.Text)
      end
      local stmt = pg.select(pg.array(texts, pg.Text):cast(pg.Text))
      local sent = engine:connect(function(conn) return conn:scalar(stmt) end)
      assert.are.equal(sent, (db.psql(stmt:compile{ literal_binds = true }, url):gsub("\n$", "")))
    end)
  end
end)
