local db = require "spec.support.db"
local pg = require "pgvector"

-- What a statement's columns come back as, whatever the database calls them.
describe("types of a database", function()
  local engine, drop
  setup(function()
    local url
    url, drop = db.create()
    engine = pg.create_engine(url)
  end)
  teardown(function()
    engine:dispose()
    drop()
  end)

  local function one(sql, params)
    return engine:connect(function(conn) return conn:exec_sql(sql, params):scalar() end)
  end

  it("give vectors as values, and take them", function()
    assert.equal(pg.vector{ 1.5, 2 }, one("SELECT '[1.5,2]'::vector"))
    assert.equal(pg.halfvec{ 1.5, 2 }, one("SELECT '[1.5,2]'::halfvec"))
    assert.equal(pg.sparsevec("{2:1}/3"), one("SELECT '{2:1}/3'::sparsevec"))
    assert.equal(pg.bit "101", one("SELECT B'101'"))
    assert.equal("vector", one("SELECT pg_typeof($1)::text", { pg.vector{ 1 } }))
    assert.equal("halfvec", one("SELECT pg_typeof($1)::text", { pg.halfvec{ 1 } }))
    assert.equal("sparsevec", one("SELECT pg_typeof($1)::text", { pg.sparsevec({ 1 }) }))
    assert.same({ pg.vector{ 1 }, pg.null }, one("SELECT ARRAY['[1]'::vector, NULL]"))
  end)

  local values = {
    { "SELECT 32767::smallint", 32767 }, { "SELECT -5", -5 }, { "SELECT 1.5::float8", 1.5 },
    { "SELECT 12.50::numeric", 12.5 }, { "SELECT 12345678901234567.89::numeric", "12345678901234567.89" },
    { "SELECT true", true }, { "SELECT 'x'::text", "x" }, { "SELECT 'x'::varchar", "x" }, { "SELECT 'x'::name", "x" },
    { "SELECT '\\x00ff'::bytea", "\0\255" }, { "SELECT date '2024-02-29'", "2024-02-29" },
    { "SELECT timestamptz '2024-02-29 12:00:00.5+02'", "2024-02-29 10:00:00.5+00" },
    { "SELECT timestamp '2024-02-29 12:00:00'", "2024-02-29 12:00:00" },
    { "SELECT time '12:30'", "12:30:00" }, { "SELECT interval '1 year 2 days 03:04:05'", "1 year 2 days 03:04:05" },
    { "SELECT 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11" },
    { "SELECT '{\"a\":[1,null]}'::jsonb", { a = { 1, pg.null } } }, { "SELECT '[1]'::json", { 1 } },
    { "SELECT ARRAY[1,NULL,3]", { 1, pg.null, 3 } }, { "SELECT '{{a,b},{c,d}}'::text[]", { { "a", "b" }, { "c", "d" } } },
    { "SELECT '10.0.0.1/8'::inet", "10.0.0.1/8" }, { "SELECT 'infinity'::timestamp", "infinity" },
    -- no binary form is known for these: they come as the server's text
    { "SELECT point '(1,2)'", "(1,2)" }, { "SELECT int4range(1,3)", "[1,3)" }, { "SELECT 'a b'::tsvector", "'a' 'b'" },
    { "SELECT 'pg_class'::regclass", "pg_class" }, { "SELECT ROW(1,'x')", "(1,x)" },
    { "SELECT ARRAY[int4range(1,3)]", '{"[1,3)"}' },
  }
  for _, case in ipairs(values) do
    it("give " .. case[1]:sub(8), function() assert.same(case[2], one(case[1])) end)
  end

  it("give vectors also beside a column that only comes as text", function()
    local row = engine:connect(function(conn)
      return conn:exec_sql("SELECT point '(1,2)' AS p, '[1,2]'::vector AS v, 7 AS i, true AS b, NULL AS n"):one()
    end)
    assert.same({ "(1,2)", pg.vector{ 1, 2 }, 7, true, pg.null }, { row[1], row[2], row[3], row[4], row[5] })
  end)

  it("give enums, domains and their arrays", function()
    engine:begin(function(conn)
      conn:exec_sql "CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE DOMAIN posint AS int CHECK (VALUE > 0)"
    end)
    assert.equal("happy", one("SELECT 'happy'::mood"))
    assert.same({ "sad", "happy" }, one("SELECT enum_range(NULL::mood)"))
    assert.equal(3, one("SELECT 3::posint"))
    assert.same({ 3 }, one("SELECT ARRAY[3::posint]"))
  end)

  it("are found in whatever schema the extension lives", function()
    engine:begin(function(conn)
      conn:exec_sql "CREATE SCHEMA elsewhere; DROP EXTENSION vector; CREATE EXTENSION vector SCHEMA elsewhere"
    end)
    assert.equal(pg.vector{ 1, 2 }, one("SELECT '[1,2]'::elsewhere.vector"))
    assert.equal("elsewhere.vector", one("SELECT pg_typeof($1)::text", { pg.vector{ 1 } }))
    engine:begin(function(conn)
      conn:exec_sql "DROP EXTENSION vector"
      conn:exec_sql "CREATE EXTENSION vector"
    end)
    assert.equal("vector", one("SELECT pg_typeof($1)::text", { pg.vector{ 1 } }))
  end)

  it("are not needed before a vector is used; without the extension that says so", function()
    engine:begin(function(conn) conn:exec_sql "DROP EXTENSION vector" end)
    assert.equal(1, one("SELECT $1::int", { 1 }))
    local _, err = pg.try(one, "SELECT $1", { pg.vector{ 1 } })
    assert.equal("vector type not found in the database", err.message)
    engine:begin(function(conn) conn:exec_sql "CREATE EXTENSION vector" end)
    assert.equal("[1]", one("SELECT $1::text", { pg.vector{ 1 } }))
  end)

  it("are looked up anew when another session replaced the extension", function()
    assert.equal("[1]", one("SELECT $1::text", { pg.vector{ 1 } }))
    engine:connect(function(conn) db.psql("DROP EXTENSION vector; CREATE EXTENSION vector",
      db.url(conn:exec_sql("SELECT current_database()"):scalar())) end)
    pg.try(one, "SELECT $1::text", { pg.vector{ 1 } })
    assert.equal("[1]", one("SELECT $1::text", { pg.vector{ 1 } }))
    assert.equal(pg.vector{ 1, 2 }, one("SELECT '[1,2]'::vector"))
  end)
end)
