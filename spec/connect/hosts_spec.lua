--- Several hosts: dead ones, deaf ones, a primary and a hot standby.

local cluster = require "spec.support.cluster"
local core = require "pgvector.core"
local pg = require "pgvector"
local socket = require "socket"
local ways = require "spec.support.ways"

describe("several hosts", function()
  local server, standby, deaf
  local ports = {}

  setup(function()
    ports.PRIMARY, ports.STANDBY = cluster.free_port(), cluster.free_port()
    server = cluster.start{ port = ports.PRIMARY, listen_addresses = "127.0.0.1", wal_level = "replica", max_wal_senders = 4 }
    standby = server.standby(ports.STANDBY)
    deaf = assert(socket.bind("127.0.0.1", 0)) -- the system accepts, nobody reads
    ports.DEAF = select(2, deaf:getsockname())
  end)
  teardown(function()
    deaf:close()
    standby.remove()
    server.remove()
  end)

  local function connect(target, answer)
    local engine = pg.create_engine((target:gsub("%u%u%u+", ports)))
    local ok, result = pcall(engine.connect, engine, answer)
    engine:dispose()
    if not ok then error(result, 0) end
    return result
  end

  local function role(conn)
    return conn:exec_sql("SELECT CASE WHEN pg_is_in_recovery() THEN 'standby' ELSE 'primary' END"):scalar()
  end

  local function hosts(list, options)
    local names = {}
    for place in list:gmatch("[^,]+") do names[#names + 1] = "127.0.0.1:" .. place end
    return "postgresql://postgres@" .. table.concat(names, ",") .. "/pgvector?" .. (options or "")
  end

  -- the ports in their order, options, who answers or the error; also under event loops?
  local cases = {
    { "PRIMARY,STANDBY", "", "primary" },
    { "STANDBY,PRIMARY", "", "standby" },
    { "1,STANDBY,PRIMARY", "", "standby", true },
    { "STANDBY,PRIMARY", "target_session_attrs=read-write", "primary", true },
    { "STANDBY,PRIMARY", "target_session_attrs=primary", "primary" },
    { "PRIMARY,STANDBY", "target_session_attrs=read-only", "standby" },
    { "1,PRIMARY,STANDBY", "target_session_attrs=standby", "standby" },
    { "PRIMARY,STANDBY", "target_session_attrs=prefer-standby", "standby", true },
    { "PRIMARY,1", "target_session_attrs=prefer-standby", "primary" },
    { "STANDBY", "target_session_attrs=read-write", "session is read-only" },
    { "PRIMARY,1", "target_session_attrs=standby", "server is not in hot standby mode" },
    { "DEAF,1,PRIMARY", "connect_timeout=0.7", "primary", true },
    { "DEAF,STANDBY,PRIMARY", "connect_timeout=0.7&target_session_attrs=read-write", "primary" },
    { "PRIMARY,DEAF", "connect_timeout=0.7&target_session_attrs=prefer-standby", "primary" },
    { "DEAF,1", "connect_timeout=0.3", "Connection refused" },
  }
  local function check(way, case)
    it(("%s, %s: %s (%s)"):format(case[1], case[2], case[3], way.name), function()
      way.run(function()
        local target = hosts(case[1], case[2])
        if case[3] == "primary" or case[3] == "standby" then
          assert.equal(case[3], connect(target, role))
        else
          local _, err = pg.try(connect, target, role)
          assert.equal("OperationalError", err.class)
          assert.matches(case[3], err.message, 1, true)
        end
      end)
    end)
  end

  for _, way in ipairs(ways) do
    for _, case in ipairs(cases) do
      if way.name == "blocking" or case[4] then check(way, case) end
    end

    it("have connect_timeout each, and all that were too slow are named (" .. way.name .. ")", function()
      way.run(function()
        local other = assert(socket.bind("127.0.0.1", 0))
        ports.OTHER = select(2, other:getsockname())
        local started = core.now()
        local _, err = pg.try(connect, hosts("DEAF,OTHER", "connect_timeout=0.3"), role)
        local took = core.now() - started
        other:close()
        assert.equal("TimeoutError", err.class)
        for _, name in ipairs{ "DEAF", "OTHER" } do
          assert.matches(('"127.0.0.1", port %d failed: connection timed out'):format(ports[name]), err.message, 1, true)
        end
        assert.is_true(took >= 0.59, ("it took %.2f s"):format(took))
      end)
    end)
  end

  it("may be given by name and address, and by a list in a table", function()
    local engine = pg.create_engine{ host = "one.example,two.example", hostaddr = "127.0.0.1,127.0.0.1",
      port = ("%d,%d"):format(ports.DEAF, ports.PRIMARY), user = "postgres", dbname = "pgvector", connect_timeout = 1 }
    assert.equal("primary", engine:connect(role))
    assert.equal("Engine(user=postgres host=one.example,two.example hostaddr=127.0.0.1,127.0.0.1 port="
      .. ("%d,%d"):format(ports.DEAF, ports.PRIMARY) .. " dbname=pgvector)", tostring(engine))
    engine:dispose()
  end)

  for i = 2, #ways do
    local loop = ways[i]
    it("that do not answer hold up nobody else in " .. loop.name, function()
      local ticks, _, err
      loop.run(function()
        ticks = loop.ticks_during(function()
          _, err = pg.try(connect, hosts("DEAF,DEAF", "connect_timeout=0.5"), role)
        end)
      end)
      assert.equal("TimeoutError", err.class)
      assert.is_true(ticks >= 10, "others ran " .. ticks .. " times")
    end)
  end
end)
