-- What happens to the process: signals, a fork, no descriptors left, a clock
-- that jumps, an end in the middle of everything.

local cancel = require "pgvector.driver.cancel"
local compat = require "pgvector.compat"
local core = require "pgvector.core"
local db = require "spec.support.db"
local faults = require "spec.support.faults"
local lfs = require "lfs"
local pg = require "pgvector"
local program = require "spec.support.program"
local proxies = require "spec.support.proxy"

local function select_1(conn) return conn:exec_sql("SELECT 1"):scalar() end

describe("signals", function()
  it("do not disturb any conversation, however many come", function()
    local engine = pg.create_engine(db.url())
    faults.storm(1000)
    local ok, err = pcall(function()
      for i = 1, 10 do
        engine:connect(function(conn)
          conn:exec_sql "CREATE TEMP TABLE IF NOT EXISTS items (id int, t text)"
          assert.equal(2000, conn:copy_in("items", { "id", "t" }, function(copy)
            for n = 1, 2000 do copy:write_row(n, ("x"):rep(100)) end
          end))
          assert.equal(2000, conn:copy_out("items", function() end))
          assert.equal(i, conn:exec_sql("SELECT $1::int FROM pg_sleep(0.01)", { i }):scalar())
        end)
        engine:dispose()
      end
    end)
    local came = faults.storm(0)
    assert.is_true(ok, tostring(err))
    assert.is_true(came > 10, came .. " signals")
  end)

  it("of broken pipes never come, and the program's handler of them stays", function()
    local proxy = proxies.start(db.url())
    local engine = pg.create_engine(proxy.url)
    faults.count_sigpipe()
    for _, how in ipairs{ "cut", "reset" } do
      local conn = engine:connect()
      select_1(conn)
      proxy[how]()
      for _ = 1, 3 do
        conn._link.pg:send_query "SELECT 1"
        conn._link.pg:flush()
      end
      conn:close()
    end
    assert.equal(0, faults.sigpipes())
    proxy.stop()
  end)
end)

describe("a forked child", function()
  local function in_child(fn)
    local pid = faults.fork()
    if pid == 0 then
      local ok, err = pcall(fn)
      if not ok then io.stderr:write(tostring(err), "\n") end
      faults.exit(ok and 0 or 1)
    end
    assert.equal(0, faults.wait(pid))
  end

  it("has a pool of its own, and leaves its parent's connections alone", function()
    local engine = pg.create_engine(db.url(), { pool_size = 2 })
    local held = engine:connect()
    local pid = held.info.backend_pid
    engine:connect(select_1)
    in_child(function()
      local of_child = engine:connect(function(conn) return conn.info.backend_pid end)
      assert(of_child ~= pid)
      held:close()
      engine:dispose()
      engine = nil -- luacheck: ignore 311
      collectgarbage()
    end)
    assert.equal(pid, held.info.backend_pid)
    assert.equal(1, select_1(held))
    held:close()
    assert.same({ size = 2, checked_in = 2, checked_out = 0, overflow = 0 }, engine:pool_status())
    assert.equal(1, engine:connect(select_1))
    engine:dispose()
  end)

  it("that ends in the middle of its parent's query does not end that", function()
    local engine = pg.create_engine(db.url())
    engine:connect(function(conn)
      select_1(conn)
      local link = conn._link
      link.pg:send_query "SELECT 7 FROM pg_sleep(0.2)"
      link:_flush()
      in_child(function()
        link:abandon()
        link = nil -- luacheck: ignore 311
        collectgarbage()
      end)
      local result = require("pgvector.driver.execute").collect(conn._link)
      assert.equal(1, result:ntuples())
      result:clear()
    end)
    engine:dispose()
  end)
end)

describe("a process without descriptors", function()
  it("gets an error from connect, gives back all that it took, and goes on", function()
    local engine = pg.create_engine(db.url(), { pool_size = 100 })
    local open, used = {}, 0
    for _ in lfs.dir "/proc/self/fd" do used = used + 1 end
    local before = faults.limit(used + 6)
    local ok = pcall(function()
      for i = 1, 100 do open[i] = engine:connect() end
    end)
    local _, err = pg.try(engine.connect, engine)
    local asked, why = pcall(cancel.request, open[1]._link)
    faults.limit(before)
    assert.is_false(ok)
    assert.equal("OperationalError", err.class)
    assert.truthy(err.message:find("Too many open files", 1, true), err.message)
    assert.is_false(asked)
    assert.equal("OperationalError", why.class)
    assert.equal(#open, engine:pool_status().checked_out)
    for _, conn in ipairs(open) do
      assert.equal(1, select_1(conn))
      conn:close()
    end
    assert.equal(1, engine:connect(select_1))
    engine:dispose()
  end)
end)

describe("a program #programs", function()
  it("keeps its time limits when the clock jumps", function()
    local environment = { PGVECTOR_URL = db.url(), LD_PRELOAD = faults.preloaded.LD_PRELOAD }
    local output, ok = program.run("spec/faults/programs/clock.lua", environment)
    assert.is_true(ok, output)
  end)

  it("serves its loop while a host's name is looked up", function()
    local output, ok = program.run("spec/faults/programs/lookup.lua",
      { LD_PRELOAD = faults.preloaded.LD_PRELOAD, SLOW_LOOKUPS = "500" })
    assert.is_true(ok, output)
  end)

  it("connects and closes ten thousand times without growing", function()
    local output, ok = program.run("spec/faults/programs/connects.lua", { PGVECTOR_URL = db.url(), LD_PRELOAD = "" })
    assert.is_true(ok, output)
  end)

  local url, drop
  setup(function() url, drop = db.create() end)
  teardown(function() drop() end)

  it("ends in order in the middle of everything, as the collector does", function()
    local output, ok = program.run("spec/faults/programs/states.lua", { PGVECTOR_URL = url, LD_PRELOAD = "" })
    assert.is_true(ok, output)
    assert.equal("11 states\n", output)
  end)

  it("that has ended leaves nothing running on the server", function()
    local left
    local deadline = core.now() + 10
    repeat
      left = db.psql("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
        .. "AND query NOT LIKE 'SELECT pg_sleep%'", url)
    until left == "0" or core.now() > deadline
    assert.equal("0", left)
  end)
end)

if not compat.can_yield_in_pcall then return end

describe("an abandoned coroutine", function()
  it("leaves its connection collectable, and the pool with its place", function()
    local engine = pg.create_engine(db.url(), { pool_size = 1, max_overflow = 0, warn = function() end,
      wait = function(conn, events)
        coroutine.yield()
        return core.poll(conn:socket(), events)
      end })
    for _ = 1, 5 do
      local co = coroutine.wrap(function()
        engine:connect(function(conn)
          for _ = 1, 1000 do conn:exec_sql "SELECT 1" end
        end)
      end)
      for _ = 1, 20 do co() end
      co = nil -- luacheck: ignore 311
      collectgarbage()
      collectgarbage()
      assert.equal(0, engine:pool_status().checked_out)
    end
  end)
end)
