-- Sessions whose settings are other than usual, and names and texts that want to
-- be more than that.

local core = require "pgvector.core"
local db = require "spec.support.db"
local pg = require "pgvector"

local url, drop, engine

setup(function()
  url, drop = db.create()
  engine = pg.create_engine(url)
end)

teardown(function()
  engine:dispose()
  drop()
end)

describe("values", function()
  local sql = [[SELECT '2024-01-31 12:00:00.5'::timestamp AS a, '2024-01-31 12:00:00+00'::timestamptz AS b,
    '2024-01-31'::date AS c, '1 year 2 mons 3 days 04:05:06'::interval AS d, 0.1::float8 AS e, '\x00ff'::bytea AS f,
    '{2024-01-31,2024-02-01}'::date[] AS g, 12345.678::numeric AS h, '[1.5,2]'::vector AS i, true AS j]]

  local function shown(row)
    local parts = {}
    for i = 1, 10 do
      local value = row[i]
      parts[i] = type(value) == "table" and table.concat(value, ",") or tostring(value)
    end
    return parts
  end

  it("are the same whatever the session's styles and time zone", function()
    local usual = engine:connect(function(conn) return shown(conn:exec_sql(sql):one()) end)
    for _, settings in ipairs{
      "SET DateStyle = 'German'", "SET DateStyle = 'SQL, DMY'", "SET IntervalStyle = 'sql_standard'",
      "SET IntervalStyle = 'iso_8601'", "SET extra_float_digits = -10", "SET bytea_output = 'escape'",
      "SET lc_monetary = 'C'",
    } do
      engine:connect(function(conn)
        conn:exec_sql(settings)
        assert.same(usual, shown(conn:exec_sql(sql):one()))
      end)
    end
    engine:connect(function(conn)
      conn:exec_sql "SET TimeZone = 'Asia/Kathmandu'"
      local row = conn:exec_sql(sql .. ", extract(epoch FROM '2024-01-31 12:00:00+00'::timestamptz)::float8"):one()
      assert.equal(usual[1], row[1])
      assert.equal(1706702400, row[11])
    end)
  end)

  it("come as the session's encoding says when the user changes it", function()
    engine:connect(function(conn)
      conn:exec_sql "SET client_encoding = 'LATIN1'"
      assert.equal("\233", conn:exec_sql("SELECT U&'\\00E9'"):scalar())
      assert.equal(1, conn:exec_sql("SELECT length($1)", { "\233" }):scalar())
      local _, err = pg.try(conn.exec_sql, conn, "SELECT U&'\\20AC'")
      assert.equal("22P05", err.sqlstate)
    end)
  end)

  it("of a database without an encoding are UTF-8 all the same, and checked", function()
    local name = "ascii_" .. tostring(engine):gsub("%W", ""):sub(-8) .. "_" .. core.pid()
    db.psql("CREATE DATABASE " .. name .. " ENCODING 'SQL_ASCII' TEMPLATE template0")
    local ascii = pg.create_engine(db.url(name))
    ascii:connect(function(conn)
      assert.equal("SQL_ASCII", conn:exec_sql("SHOW server_encoding"):scalar())
      assert.equal("é", conn:exec_sql("SELECT $1::text", { "é" }):scalar())
      local _, err = pg.try(conn.exec_sql, conn, "SELECT $1::text", { "\233\255" })
      assert.equal("22021", err.sqlstate)
    end)
    ascii:dispose()
    db.psql("DROP DATABASE " .. name)
  end)

  it("that are no text of the encoding are refused by the server, and the connection goes on", function()
    engine:connect(function(conn)
      for _, bytes in ipairs{ "\255", "a\195", "\237\160\128", "\244\144\128\128" } do
        local _, err = pg.try(conn.exec_sql, conn, "SELECT $1::text", { bytes })
        assert.equal("22021", err.sqlstate)
        conn:rollback()
      end
      assert.equal(1, conn:exec_sql("SELECT 1"):scalar())
    end)
  end)
end)

describe("a zero byte", function()
  it("is refused wherever it stands, and cuts nothing off", function()
    engine:connect(function(conn)
      local cases = {
        function() conn:exec_sql "SELECT 1\0; DROP TABLE items" end,
        function() conn:exec_sql("SELECT $1::text", { "a\0b" }) end,
        function() conn:execute(pg.text "SELECT 1\0") end,
        function() conn:execute(pg.text "SELECT :a", { a = "x\0" }) end,
        function() conn:listen "a\0b" end,
        function() conn:copy_in("a\0b", nil, {}) end,
        function() conn:copy_out "a\0b" end,
        function() conn:advisory_lock "a\0b" end,
        function() conn:execute(pg.select(pg.literal_column "1":label "a\0b")) end,
        function() conn:pipeline(function(pipeline) pipeline:exec_sql "SELECT 1\0" end) end,
      }
      for i, case in ipairs(cases) do
        local ok, err = pcall(case)
        assert.is_false(ok, "case " .. i)
        assert.truthy(pg.is_error(err), "case " .. i .. ": " .. tostring(err))
        conn:rollback()
        assert.equal(1, conn:exec_sql("SELECT 1"):scalar())
      end
    end)
    for _, keyword in ipairs{ "password", "user", "dbname", "host", "options", "application_name" } do
      local ok, err = pcall(function()
        pg.create_engine(url, { connect_args = { [keyword] = "a\0b" } }):connect()
      end)
      assert.is_false(ok)
      assert.equal("ArgumentError", err.class)
      assert.truthy(err.message:find("zero byte", 1, true), err.message)
    end
    local _, err = pg.try(pg.create_engine, "postgresql://localhost/a\0b")
    assert.equal("ArgumentError", err.class)
  end)
end)

describe("a value among the connection's keywords", function()
  local keywords = assert(core.parse_conninfo(db.url()))
  local function attempt(given)
    local target = { host = keywords.host, port = keywords.port, user = keywords.user, dbname = keywords.dbname }
    for name, value in pairs(given) do target[name] = value end
    local bad = pg.create_engine(target)
    local conn, err = pg.try(bad.connect, bad)
    local info = conn and conn._link.pg:info()
    if conn then conn:close() end
    bad:dispose()
    return info, err
  end

  it("stays a value, whatever stands in it", function()
    for _, evil in ipairs{ "x host=evil.invalid", "x' host='evil.invalid", "postgresql://evil.invalid/x", "host=evil.invalid",
      "x\\' host=evil.invalid" } do
      local info, err = attempt{ dbname = evil }
      assert.is_nil(info)
      assert.equal("3D000", err.sqlstate)
      assert.truthy(err.message:find(keywords.host, 1, true))
      info, err = attempt{ user = evil }
      assert.is_nil(info)
      assert.truthy(err.message:find("does not exist", 1, true))
      info = attempt{ application_name = evil, password = evil }
      assert.equal(keywords.host, info.host)
      assert.equal(keywords.dbname, info.dbname)
    end
  end)
end)
