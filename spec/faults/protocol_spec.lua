-- Servers that speak nonsense, or fall silent, at every step of a conversation.

local cancel = require "pgvector.driver.cancel"
local core = require "pgvector.core"
local execute = require "pgvector.driver.execute"
local mock = require "spec.support.mock_server"
local pg = require "pgvector"

local message, int32, int16 = mock.message, mock.int32, mock.int16

local row, description = mock.row("1"), mock.description("a")
local complete = message("C", "SELECT 1\0")

setup(function() cancel.PATIENCE = 0.1 end) -- these servers cancel nothing
teardown(function() cancel.PATIENCE = 5 end)

-- Runs `client(engine)` against a server with this script; no call may hang.
local function against(script, client, options)
  local server = mock.start(script)
  finally(function() server.stop() end)
  options = options or {}
  options.wait = server.wait
  local engine = pg.create_engine(server.url, options)
  client(engine)
  assert.equal(0, engine:pool_status().checked_out)
  engine:dispose()
end

-- What a server that says these bytes to a query makes of it.
local function answer(bytes)
  local _, err
  against(function(peer)
    peer.welcome()
    peer.skip_to "Q"
    peer.send(bytes)
  end, function(engine)
    local conn = engine:connect():execution_options{ isolation_level = "AUTOCOMMIT" }
    _, err = pg.try(conn.exec_sql, conn, "SELECT 1; SELECT 2")
    conn:close()
    assert.equal(0, engine:pool_status().checked_in)
  end)
  return err
end

describe("a server that ends an attempt to connect", function()
  local cases = {
    { "at once", "" },
    { "with another protocol", "HTTP/1.1 400 Bad Request\r\n\r\n" },
    { "with zeros", ("\0"):rep(100) },
    { "in the middle of a message", "R\0\0" },
    { "with an unknown authentication", message("R", int32(99)) },
    { "with Kerberos, which nobody has", message("R", int32(7)) },
    { "with SASL without a mechanism", message("R", int32(10) .. "\0") },
    { "with an unknown mechanism of SASL", message("R", int32(10) .. "NO-SUCH-THING\0\0") },
    { "with MD5 without salt", message("R", int32(5)) },
    { "with an authentication without a kind", message("R", "") },
    { "with a message longer than any", message("R", int32(0), 2 ^ 31 - 1) },
    { "with a message of negative length", message("R", int32(0), 2 ^ 32 - 1) },
    { "with a message shorter than its head", message("R", "", 3) },
    { "with an error without an end", message("E", "SFATAL\0MNo") },
    { "with an empty error", message("E", "\0") },
    { "with a request for another version", message("v", int32(0) .. int32(99)) },
    { "after the authentication", message("R", int32(0)) },
    { "with a half setting", message("R", int32(0)) .. message("S", "TimeZone\0") },
    { "with half a key", message("R", int32(0)) .. message("K", "\0\0") },
    { "with a row", message("R", int32(0)) .. row },
  }
  for _, case in ipairs(cases) do
    it(case[1] .. " is reported with its address", function()
      against(function(peer)
        peer.startup()
        peer.send(case[2])
      end, function(engine)
        local _, err = pg.try(engine.connect, engine)
        assert.equal("OperationalError", err.class)
        assert.is_true(err.is_disconnect)
        assert.truthy(err.message:find("connection to server on socket", 1, true))
      end)
    end)
  end

  it("with a report is quoted, its SQLSTATE and its secrets apart", function()
    against(function(peer)
      peer.startup()
      peer.send(mock.report("E", { "SFATAL", "VFATAL", "C53300", "Msorry, too many clients already" }))
    end, function(engine)
      local _, err = pg.try(engine.connect, engine)
      assert.equal("53300", err.sqlstate)
      assert.truthy(err.message:find("too many clients already", 1, true))
      assert.is_nil(tostring(err):find("secret", 1, true))
    end, { connect_args = { password = "secret" } })
  end)

  it("by saying nothing costs connect_timeout", function()
    against(function(peer) peer.receive(2 ^ 20) end, function(engine)
      local _, err = pg.try(engine.connect, engine)
      assert.equal("TimeoutError", err.class)
    end, { connect_args = { connect_timeout = "1" } })
  end)
end)

describe("a server that answers a statement", function()
  local lost = {
    { "by closing", "" },
    { "by closing in the middle of the description", description:sub(1, 12) },
    { "by closing before the row", description },
    { "by closing in the middle of the row", description .. row:sub(1, 8) },
    { "by closing before the end", description .. row },
    { "by closing before it is ready", description .. row .. complete },
    { "with zeros", ("\0"):rep(100) },
    { "with another protocol", "HTTP/1.1 400 Bad Request\r\n\r\n" },
    { "with an unknown message", message("@", "?") },
    { "with a message longer than any", message("T", "", 2 ^ 31 - 1) },
    { "with a message of negative length", message("T", "", 2 ^ 32 - 1) },
    { "with a message shorter than its head", message("C", "", 2) },
    { "with a row that has no description", row },
    { "with a row of too many values", description .. mock.row("1", "2") },
    { "with a row of too few values", description .. message("D", int16(0)) },
    { "with a value longer than its row", description .. message("D", int16(1) .. int32(1000) .. "1") },
    { "with a value of negative length", description .. message("D", int16(1) .. int32(2 ^ 32 - 2) .. "1") },
    { "with a row longer than its values", description .. message("D", int16(1) .. int32(1) .. "1234") },
    { "with a description of more columns than it has", message("T", int16(1600) .. "a\0") },
    { "with a name without an end", message("T", int16(1) .. "aaaa") },
    { "with a tag without an end", message("C", "SELECT") },
    { "with an error without an end", message("E", "SERROR\0MNo") },
    { "with a half notification", message("A", int32(1) .. "channel\0") },
    { "with COPY in both directions", message("W", "\0" .. int16(0)) },
    { "with COPY of columns it does not have", message("H", "\0" .. int16(50)) },
    { "with a fatal error", mock.report("E", { "SFATAL", "VFATAL", "C57P01", "Mterminating connection" }) },
  }
  for _, case in ipairs(lost) do
    it(case[1] .. " loses the connection, and nothing hangs", function()
      local err = answer(case[2])
      assert.is_true(err.is_disconnect)
      assert.is_true(#err.message > 0)
      assert.truthy(pg.is_error(err, "DatabaseError"))
    end)
  end

  local survived = {
    { "with the result of nothing", message("I", ""), nil },
    { "with a report that has every field twice",
      mock.report("E", { "SERROR", "VERROR", "C22012", "Mone", "Mtwo", "P7", "P8", "XX" }), "22012" },
    { "with a position that is no number",
      mock.report("E", { "SERROR", "VERROR", "C42601", "Moh", "P-99999999999999999999" }), "42601" },
    { "with a report without a message", mock.report("E", { "SERROR", "VERROR", "C42601" }), "42601" },
    { "with an odd tag", message("C", "SELECT 99999999999999999999999\0"), nil },
    { "with an empty tag", message("C", "\0"), nil },
    { "with a setting of its own", message("S", "a\0b\0") .. complete, nil },
    { "with an empty notice", message("N", "\0") .. complete, nil },
    { "with a notification in the middle", description .. message("A", int32(1) .. "c\0p\0") .. row .. complete, nil },
  }
  for _, case in ipairs(survived) do
    it(case[1] .. " is understood", function()
      against(function(peer)
        peer.welcome()
        peer.skip_to "Q"
        peer.send(case[2] .. mock.ready)
        peer.skip_to "Q"
        peer.send(complete .. mock.ready)
        peer.skip_to "X"
      end, function(engine)
        local conn = engine:connect():execution_options{ isolation_level = "AUTOCOMMIT" }
        local _, err = pg.try(conn.exec_sql, conn, "SELECT 1; SELECT 2")
        assert.equal(case[3], err and err.sqlstate)
        conn:exec_sql "SELECT 1; SELECT 2"
        conn:close()
      end)
    end)
  end
end)

describe("a pipeline", function()
  it("whose server leaves out an answer loses the connection, and does not hang", function()
    against(function(peer)
      peer.welcome()
      peer.skip_to "S"
      peer.send(mock.ready)
      peer.skip_to "X"
    end, function(engine)
      local conn = engine:connect():execution_options{ isolation_level = "AUTOCOMMIT" }
      local _, err = pg.try(execute.describe, conn._link, "", "SELECT 1")
      assert.equal("the server left out an answer", err.message)
      assert.is_true(err.is_disconnect)
      conn:close()
    end)
  end)
end)

describe("a COPY", function()
  it("that the server answers as if it were a query is an error, and nothing hangs", function()
    for _, bytes in ipairs{ complete .. mock.ready, description .. row .. complete .. mock.ready, mock.ready, "" } do
      against(function(peer)
        peer.welcome()
        peer.skip_to "Q"
        peer.send(bytes)
        if bytes ~= "" then peer.skip_to "X" end
      end, function(engine)
        local conn = engine:connect()
        local ok, err = pcall(require("pgvector.driver.copy").start_in, conn._link, "COPY t FROM STDIN")
        assert.is_false(ok)
        assert.truthy(pg.is_error(err), tostring(err))
        conn:close()
      end)
    end
  end)

  it("that the server sends malformed is a DataError", function()
    local reader = core.copy_reader(core.decoder{ { kind = "int4" } }, "binary")
    local ok, err = pcall(reader.feed, reader, "PGCOPY\n\255\r\n\0" .. int32(0) .. int32(0) .. int16(1) .. int32(3) .. "abc")
    assert.is_false(ok)
    assert.equal("DataError", err.class)
  end)
end)

-- The whole of a conversation, with a few bytes changed, left out or put in:
-- a result or an error, within bounded time and memory.
describe("a conversation with some bytes changed", function()
  local seed = 20240229
  local function random(n)
    seed = (seed * 16807) % 2147483647
    return seed % n + 1
  end

  local function mutated(bytes)
    for _ = 1, random(3) do
      local at, kind = random(#bytes), random(4)
      local byte = string.char(random(256) - 1)
      if kind == 1 then
        bytes = bytes:sub(1, at - 1) .. bytes:sub(at + 1)
      elseif kind == 2 then
        bytes = bytes:sub(1, at) .. byte .. bytes:sub(at + 1)
      elseif kind == 3 then
        bytes = bytes:sub(1, at)
      else
        bytes = bytes:sub(1, at - 1) .. byte .. bytes:sub(at + 1)
      end
      if bytes == "" then return "" end
    end
    return bytes
  end

  local statement = description .. row .. mock.row("some longer text") .. message("C", "SELECT 2\0") .. mock.ready
  local failed = mock.report("E", { "SERROR", "VERROR", "C22012", "Mdivision by zero" }) .. mock.ready

  for _, case in ipairs{ { "greeting", mock.greeting }, { "statement", statement }, { "failure", failed } } do
    local name, part = case[1], case[2]
    it("ends well or in an error: its " .. name, function()
      local server = mock.start(function(peer)
        peer.startup()
        peer.send(name == "greeting" and mutated(part) or mock.greeting)
        peer.skip_to "Q"
        peer.send(name ~= "greeting" and mutated(part) or statement)
        peer.skip_to "Q"
        peer.send(statement)
      end)
      finally(function() server.stop() end)
      server.patience = 0.003
      local engine = pg.create_engine(server.url, { wait = server.wait })
      local worked, refused = 0, 0
      for _ = 1, 250 do
        local ok, err = pcall(engine.connect, engine, function(conn)
          conn:execution_options{ isolation_level = "AUTOCOMMIT" }
          conn:exec_sql("SELECT 1; SELECT 2"):all()
        end)
        if ok or err.sqlstate == "22012" then
          worked = worked + 1
        else
          refused = refused + 1
          assert.truthy(pg.is_error(err), tostring(err))
        end
        assert.equal(0, engine:pool_status().checked_out)
        engine:dispose()
      end
      assert.is_true(worked > 0 and refused > 0, worked .. " of 250 worked")
    end)
  end
end)
