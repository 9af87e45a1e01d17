--- What columns of every type come back as where no statement declares them: in
-- binary, and as text beside a column that the core reads as text only.

local db = require "spec.support.db"
local pg = require "pgvector"
local pq = require "spec.support.pq"

local null = pg.null
local has_integers = math.type ~= nil -- luacheck: ignore 143

-- Come as the server's own text.
local as_text = {
  "'x'::varchar", "'z'::name", "'q'::\"char\"", "'é'::text", "'Ab'::citext", "'a=>1, b=>NULL'::hstore", "'a.b'::ltree",
  "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid",
  "date '2024-02-29'", "date '0044-03-15 BC'", "date 'infinity'", "time '24:00'", "timetz '12:00:00.25+05:30'",
  "timestamp '2024-02-29 23:59:59.999999'", "timestamp '0001-01-01 BC'", "timestamp '-infinity'",
  "timestamptz '2024-06-01 12:00+02'", "timestamptz 'infinity'",
  "interval '1 year -1 mon -1 day +02:03:04.5'", "interval '0'", "interval '-5 days'",
  "inet '1.2.3.4/24'", "inet '1.2.3.4'", "inet '::1'", "cidr '10/8'", "cidr '2001:db8::/32'",
  "macaddr '08:00:2b:01:02:03'", "macaddr8 '08:00:2b:01:02:03:04:05'",
  "numeric '1e30'", "numeric '-12345678901234567.89'",
  "'it''s, \"fine\"'::mood", "'sad'::moody",
  "int4range(1, 5)", "int4range(NULL, 5)", "'{[1,2),[4,5)}'::int4multirange", "'[1.5,2]'::float_range",
  "tstzrange('2024-01-01', NULL)", "ARRAY[int4range(1, 5)]",
  "ROW(1, 'a b', NULL)::pair", "ARRAY[ROW(1, 'a', 2)::pair]", "ROW(1, 2)",
  "point '(1,2)'", "ARRAY[point '(1,2)']", "box '(1,1),(0,0)'", "path '[(0,0),(1,1)]'", "circle '<(0,0),1>'",
  "to_tsvector('simple', 'b a')", "tsquery 'a & b'", "money '12.50'", "xml '<a/>'", "jsonpath '$.\"a\"'",
  "'pg_class'::regclass", "'int4'::regtype", "ARRAY['int4']::regtype[]", "pg_typeof(1)",
  "pg_lsn '1/A'", "xid '5'", "xid8 '5'", "cid '1'", "tid '(0,1)'", "refcursor 'abc'", "'unknown'", "oidvector '1 2'", "int2vector '1 2'",
  "ARRAY[oidvector '1 2']",
  "B'101'", "B'1'::varbit", "'[1.5,-2]'::vector", "'[1,2]'::halfvec", "'{1:2}/3'::sparsevec", "'[1,2]'::pair_of_reals",
}

-- Have a Lua value of their own.
local values = {
  { "true", true }, { "false", false }, { "(-32768)::int2", -32768 }, { "2147483647", 2147483647 },
  { "9007199254740992::int8", 9007199254740992 }, { "4294967295::oid", 4294967295 },
  { "1.5::float4", 1.5 }, { "1e-7::float8", 1e-7 }, { "'-Infinity'::float8", -math.huge },
  { "123.4500::numeric", 123.45 }, { "0::numeric", 0 }, { "1e-30::numeric", 1e-30 },
  { "'x'::char(5)", "x    " }, { "'\\xdead00'::bytea", "\222\173\0" },
  { "json '{\"a\": [1, null]}'", { a = { 1, null } } }, { "jsonb '[true, \"x\"]'", { true, "x" } }, { "jsonb '7'", 7 },
  { "3::positive", 3 }, { "3::more_positive", 3 },
  { "NULL", nil }, { "NULL::int[]", nil }, { "NULL::mood", nil },

  { "ARRAY[true, NULL]", { true, null } }, { "ARRAY[1, NULL]::int2[]", { 1, null } }, { "ARRAY[1, 2]::int8[]", { 1, 2 } },
  { "ARRAY[1.5, NULL]::float4[]", { 1.5, null } }, { "ARRAY[1.5]::float8[]", { 1.5 } },
  { "ARRAY[1.5, 12345678901234567890]::numeric[]", { 1.5, "12345678901234567890" } },
  { "ARRAY['a b', NULL, 'NULL', '', '\"', '{}']::text[]", { "a b", null, "NULL", "", '"', "{}" } },
  { "ARRAY['x']::char(3)[]", { "x  " } }, { "ARRAY['x']::varchar[]", { "x" } }, { "ARRAY['x']::name[]", { "x" } },
  { "ARRAY['\\xff00']::bytea[]", { "\255\0" } },
  { "ARRAY['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11']::uuid[]", { "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11" } },
  { "ARRAY['2024-01-01']::date[]", { "2024-01-01" } }, { "ARRAY['12:00']::time[]", { "12:00:00" } },
  { "ARRAY['12:00+01']::timetz[]", { "12:00:00+01" } }, { "ARRAY['2024-01-01']::timestamp[]", { "2024-01-01 00:00:00" } },
  { "ARRAY['2024-01-01']::timestamptz[]", { "2024-01-01 00:00:00+00" } }, { "ARRAY['1 day']::interval[]", { "1 day" } },
  { "ARRAY['{\"a\": [1]}', NULL]::json[]", { { a = { 1 } }, null } },
  { "'{{\"[1,2]\",\"{}\"}}'::jsonb[]", { { { 1, 2 }, {} } } },
  { "ARRAY['1.2.3.4']::inet[]", { "1.2.3.4" } }, { "ARRAY['10/8']::cidr[]", { "10.0.0.0/8" } },
  { "ARRAY['08:00:2b:01:02:03']::macaddr[]", { "08:00:2b:01:02:03" } },
  { "ARRAY['Ab']::citext[]", { "Ab" } }, { "ARRAY['sad', NULL]::mood[]", { "sad", null } }, { "ARRAY['sad']::moody[]", { "sad" } },
  { "ARRAY[3]::positive[]", { 3 } }, { "ARRAY[3]::more_positive[]", { 3 } }, { "ARRAY[1, 2]::numbers", { 1, 2 } },
  { "ARRAY[B'1', B'0']", { pg.bit "1", pg.bit "0" } }, { "ARRAY['[1]', NULL]::vector[]", { pg.vector{ 1 }, null } },
  { "ARRAY['[1]']::halfvec[]", { pg.halfvec{ 1 } } }, { "ARRAY['{1:1}/1']::sparsevec[]", { pg.sparsevec "{1:1}/1" } },
  { "ARRAY['[1]']::vectors", { pg.vector{ 1 } } }, { "ARRAY['[1,2]']::pair_of_reals[]", { pg.vector{ 1, 2 } } },
  { "'{}'::int[]", {} }, { "'[2:3]={7,8}'::int[]", { 7, 8 } }, { "'[0:0][5:6]={{1,2}}'::int[]", { { 1, 2 } } },
  { "'{{{1}},{{2}}}'::int[]", { { { 1 } }, { { 2 } } } }, { "'{{a,NULL}}'::text[]", { { "a", null } } },
  { "'[-1:0]={[1],[2]}'::vector[]", { pg.vector{ 1 }, pg.vector{ 2 } } },
}
if has_integers then
  values[#values + 1] = { "9223372036854775807::int8", math.maxinteger } -- luacheck: ignore 143
else
  values[#values + 1] = { "9223372036854775807::int8", "9223372036854775807" }
end

describe("a column of raw SQL", function()
  local engine, conn, drop
  setup(function()
    local url
    url, drop = db.create()
    db.psql([[
      CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE EXTENSION ltree;
      CREATE TYPE mood AS ENUM ('sad', 'it''s, "fine"'); CREATE DOMAIN moody AS mood;
      CREATE DOMAIN positive AS int CHECK (VALUE > 0); CREATE DOMAIN more_positive AS positive;
      CREATE DOMAIN pair_of_reals AS vector(2); CREATE DOMAIN vectors AS vector[]; CREATE DOMAIN numbers AS int[];
      CREATE TYPE pair AS (a int, b text, c int); CREATE TYPE float_range AS RANGE (subtype = float8)]], url)
    engine = pg.create_engine(url)
    conn = engine:connect()
  end)
  teardown(function()
    conn:close()
    engine:dispose()
    drop()
  end)
  after_each(function() conn:rollback() end)

  -- The value in whatever form is best, and beside a column that is text only.
  local function both(expression)
    local row = conn:exec_sql(("SELECT %s AS v, line '{1,2,3}' AS l"):format(expression)):one()
    return conn:exec_sql("SELECT " .. expression):scalar(), row.v
  end

  for _, expression in ipairs(as_text) do
    it("is as the server writes it: " .. expression, function()
      local expected = conn:exec_sql(("SELECT format('%%s', %s)"):format(expression)):scalar()
      assert.is_string(expected)
      local best, beside = both(expression)
      assert.same({ expected, expected }, { tostring(best), tostring(beside) })
    end)
  end

  for _, case in ipairs(values) do
    it("is " .. pq.show(case[2]) .. ": " .. case[1], function()
      local best, beside = both(case[1])
      assert.same(case[2], best)
      assert.same(case[2], beside)
    end)
  end

  it("is NaN where the server says so", function()
    for _, expression in ipairs{ "'NaN'::float4", "'NaN'::float8", "'NaN'::numeric" } do
      local best, beside = both(expression)
      assert.is_true(best ~= best and beside ~= beside, expression)
    end
  end)
end)
