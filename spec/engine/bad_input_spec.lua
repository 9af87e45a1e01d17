local cluster = require "spec.support.cluster"
local db = require "spec.support.db"
local pg = require "pgvector"
local socket = require "socket"

-- What goes wrong most often, and what it is called.
describe("a connection attempt", function()
  local function fails(url, options)
    local engine = pg.create_engine(url, options)
    local _, err = pg.try(engine.connect, engine)
    assert.equal(0, engine:pool_status().checked_out)
    return err
  end

  it("to a server that is down says so, and where it looked", function()
    local err = fails("postgresql:///d?host=/nonexistent")
    assert.equal("OperationalError", err.class)
    assert.is_true(err.is_disconnect)
    assert.truthy(err.message:find("/nonexistent/.s.PGSQL.5432", 1, true))
    assert.truthy(err.message:find("No such file or directory", 1, true))
    err = fails("postgresql://127.0.0.1:1/d")
    assert.truthy(err.message:find("Connection refused", 1, true))
  end)

  it("to a server that does not answer ends after connect_timeout", function()
    local deaf = assert(socket.bind("127.0.0.1", 0)) -- the system accepts, nobody reads
    local _, port = deaf:getsockname()
    local err = fails(("postgresql://127.0.0.1:%d/d?connect_timeout=1"):format(port))
    deaf:close()
    assert.equal("TimeoutError", err.class)
    assert.equal(('connection to server at "127.0.0.1", port %d failed: connection timed out'):format(port), err.message)
  end)

  it("to a database that does not exist names it", function()
    local err = fails(db.url("no_such_database"))
    assert.equal("OperationalError", err.class)
    assert.truthy(err.message:find('database "no_such_database" does not exist', 1, true))
  end)

  describe("to a server of its own", function()
    local server
    setup(function()
      server = cluster.start()
      server.require_password("locked", "right")
    end)
    teardown(function() server.remove() end)

    it("with a wrong or missing password says that, without the password", function()
      local url = server.url:gsub("user=postgres", "user=locked")
      local engine = pg.create_engine(url, { connect_args = { password = "right" } })
      engine:connect():close()
      engine:dispose()
      local err = fails(url, { connect_args = { password = "wrong&secret" } })
      assert.equal("OperationalError", err.class)
      assert.truthy(err.message:find('password authentication failed for user "locked"', 1, true))
      assert.is_nil(tostring(err):find("secret", 1, true))
      err = fails(url)
      assert.truthy(err.message:find("no password supplied", 1, true))
    end)

    it("succeeds again after a restart; each connection in use fails once", function()
      local engine = pg.create_engine(server.url)
      local conn = engine:connect()
      conn:exec_sql("SELECT 1"):close()
      local idle = engine:connect()
      idle:exec_sql("SELECT 1"):close()
      idle:close()
      server.stop()
      local _, err = pg.try(conn.exec_sql, conn, "SELECT 1")
      assert.is_true(err.is_disconnect)
      conn:close()
      _, err = pg.try(engine.connect, engine)
      assert.equal("OperationalError", err.class)
      server.start()
      assert.equal(1, engine:connect(function(c) return c:exec_sql("SELECT 1"):scalar() end))
      assert.equal(0, engine:pool_status().checked_out)
      engine:dispose()
    end)
  end)
end)

describe("a statement", function()
  local engine, conn
  setup(function()
    engine = pg.create_engine(db.url())
    conn = engine:connect()
  end)
  teardown(function()
    conn:close()
    engine:dispose()
  end)

  local cases = {
    { "different dimensions", "SELECT '[1,2]'::vector <-> $1", { pg.vector{ 1, 2, 3 } },
      "DataError", "22000", "different vector dimensions 2 and 3" },
    { "a wrong length for a column", "SELECT $1::vector(2)", { pg.vector{ 1, 2, 3 } },
      "DataError", "22000", "expected 2 dimensions, not 3" },
    { "NaN in a text vector", "SELECT $1::vector", { "[1,NaN]" }, "DataError", "22000", "NaN not allowed in vector" },
    { "a table without a type", "SELECT $1", { { 1, 2 } }, "ArgumentError", nil,
      "parameter 1: a table needs a type: wrap it in pg.literal(value, type)" },
    { "a zero byte in text", "SELECT $1", { "a\0b" }, "DataError", nil, nil },
    { "a zero byte in the SQL", "SELECT 1\0", nil, nil, nil, "embedded zero byte" },
    { "too few parameters", "SELECT $1::int + $2::int", { 1 }, nil, "08P01", nil },
    { "no parameter at all", "SELECT $1::int", nil, nil, "08P01", nil },
  }
  for _, case in ipairs(cases) do
    it("with " .. case[1] .. " is refused in clear words, and the next one works", function()
      local _, err = pg.try(conn.exec_sql, conn, case[2], case[3])
      assert.truthy(err)
      if case[4] then assert.equal(case[4], err.class) end
      if case[5] then assert.equal(case[5], err.sqlstate) end
      if case[6] then assert.equal(case[6], err.message) end
      conn:rollback()
      assert.equal(1, conn:exec_sql("SELECT 1"):scalar())
    end)
  end

  it("with more parameters than the protocol can carry is refused before it is sent", function()
    local params = {}
    for i = 1, 65536 do params[i] = i end
    local _, err = pg.try(conn.exec_sql, conn, "SELECT 1", params)
    assert.truthy(err.message:find("between 0 and 65535", 1, true))
    assert.equal(1, conn:exec_sql("SELECT 1"):scalar())
  end)
end)
