local core = require "pgvector.core"
local db = require "spec.support.db"
local pg = require "pgvector"

describe("notifications", function()
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

  local function notify(...)
    local messages = { ... }
    return engine:begin(function(conn)
      for _, message in ipairs(messages) do conn:exec_sql("SELECT pg_notify($1, $2)", message) end
      return conn.info.backend_pid
    end)
  end

  it("have a channel, a payload and the sender's process id", function()
    engine:connect(function(conn)
      conn:listen "jobs"
      assert.is_false(conn:in_transaction())
      local pid = notify({ "jobs", "first" }, { "other", "x" }, { "jobs", "second" })
      assert.same({
        { channel = "jobs", payload = "first", pid = pid }, { channel = "jobs", payload = "second", pid = pid },
      }, conn:notifications(5))
      assert.same({}, conn:notifications(0))
    end)
  end)

  it("are waited for no longer than asked", function()
    engine:connect(function(conn)
      conn:listen "jobs"
      local started = core.now()
      assert.same({}, conn:notifications(0.1))
      assert.is_true(core.now() - started >= 0.1)
      assert.equal(1, conn:exec_sql("SELECT 1"):scalar())
    end)
  end)

  it("arrive while the connection waits", function()
    engine:connect(function(conn)
      conn:listen "jobs"
      conn:execution_options{ timeout = 0.05 } -- which is not for waiting
      local pipe = io.popen(("sleep 0.3; LD_PRELOAD= psql -XAtq -d '%s' -c \"NOTIFY jobs, 'late'\""):format(
        db.url(conn:exec_sql("SELECT current_database()"):scalar())))
      conn:commit()
      assert.equal("late", conn:notifications(10)[1].payload)
      pipe:close()
    end)
  end)

  it("are not lost while statements run", function()
    engine:connect(function(conn)
      conn:listen "jobs"
      for i = 1, 3 do
        notify{ "jobs", tostring(i) }
        conn:exec_sql "SELECT 1"
        conn:commit()
      end
      local seen = {}
      for _, n in ipairs(conn:notifications(5)) do seen[#seen + 1] = n.payload end
      assert.same({ "1", "2", "3" }, seen)
    end)
  end)

  it("come by the thousand, and with long payloads", function()
    engine:connect(function(conn)
      conn:listen "jobs"
      engine:begin(function(other)
        other:exec_sql "SELECT pg_notify('jobs', 'n' || i) FROM generate_series(1, 10000) i"
        other:exec_sql("SELECT pg_notify('jobs', $1)", { ("x"):rep(7999) })
      end)
      local count, last = 0, nil
      repeat
        local list = conn:notifications(5)
        count = count + #list
        last = list[#list] or last
      until #list == 0 or count == 10001
      assert.equal(10001, count)
      assert.equal(7999, #last.payload)
    end)
  end)

  for _, channel in ipairs{ "Jobs", "user", 'odd "name"', "a.b", "ümlaut" } do
    it("come on the channel " .. channel, function()
      engine:connect(function(conn)
        conn:listen(channel)
        notify{ channel, "x" }
        assert.equal(channel, conn:notifications(5)[1].channel)
      end)
    end)
  end

  it("end with unlisten", function()
    engine:connect(function(conn)
      conn:listen "a"
      conn:listen "b"
      conn:unlisten "a"
      notify({ "a", "1" }, { "b", "2" })
      assert.equal("b", conn:notifications(5)[1].channel)
      conn:unlisten()
      notify({ "a", "1" }, { "b", "2" })
      assert.same({}, conn:notifications(0.1))
    end)
  end)

  it("are subscribed to with the commit, and do not come within a transaction", function()
    engine:connect(function(conn)
      conn:exec_sql "SELECT 1"
      conn:listen "jobs"
      notify{ "jobs", "too early" }
      local _, err = pg.try(conn.notifications, conn, 0)
      assert.equal("notifications come outside a transaction: commit or roll back before", err.message)
      conn:commit()
      notify{ "jobs", "in time" }
      assert.equal("in time", conn:notifications(5)[1].payload)
    end)
  end)

  it("do not reach who gets the connection next", function()
    local conn = engine:connect()
    conn:listen "jobs"
    local pid = conn.info.backend_pid
    conn:close()
    assert.equal(0, engine:pool_status().checked_out)
    engine:connect(function(other)
      assert.not_equal(pid, other.info.backend_pid)
      assert.equal(0, other:exec_sql("SELECT count(*) FROM pg_listening_channels()"):scalar())
    end)
  end)

  it("tell when the connection is lost", function()
    engine:connect(function(conn)
      conn:listen "jobs"
      local pid = conn.info.backend_pid
      engine:connect(function(other) other:exec_sql("SELECT pg_terminate_backend($1)", { pid }) end)
      local _, err = pg.try(conn.notifications, conn, 5)
      assert.is_true(err.is_disconnect)
    end)
  end)

  local wrong = {
    { "listen", "", "a name must not be empty" },
    { "listen", 5, "a name must be a string, not number" },
    { "notifications", -1, "notifications: expected seconds, got -1" },
    { "notifications", "1", "notifications: expected seconds, got 1" },
  }
  for _, case in ipairs(wrong) do
    it("need sensible arguments: " .. case[3], function()
      engine:connect(function(conn)
        local _, err = pg.try(conn[case[1]], conn, case[2])
        assert.equal(case[3], err.message)
      end)
    end)
  end
end)
