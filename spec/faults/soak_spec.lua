-- Everything at once for a while: many coroutines, a network that fails, a server
-- that ends connections, users who cancel, raise, and walk away. Afterwards the
-- pool's counts are right and nothing is left.

local cancel = require "pgvector.driver.cancel"
local core = require "pgvector.core"
local db = require "spec.support.db"
local lfs = require "lfs"
local loops = require "spec.support.loops"
local pg = require "pgvector"
local proxies = require "spec.support.proxy"

local SECONDS, USERS = 2.5, 12

local function descriptors()
  collectgarbage()
  collectgarbage()
  local n = 0
  for _ in lfs.dir "/proc/self/fd" do n = n + 1 end
  return n
end

local jobs = {
  function(conn, i)
    assert.equal(i, conn:exec_sql("SELECT $1::int", { i }):scalar())
  end,
  function(conn, i)
    conn:execution_options{ timeout = 0.02 }
    assert.equal(i, conn:exec_sql("SELECT $1::int FROM pg_sleep(0.02)", { i }):scalar())
  end,
  function(conn)
    conn:copy_in("items", { "id" }, function(copy)
      for n = 1, 3000 do copy:write_row(n) end
      if math.random(2) == 1 then error "enough" end
    end)
  end,
  function(conn)
    local n = 0
    conn:copy_out(pg.text "SELECT generate_series(1, 2000)", function()
      n = n + 1
      if n == 1500 then error "enough" end
    end)
  end,
  function(conn, i)
    local results = {}
    conn:pipeline(function(pipeline)
      for n = 1, 10 do results[n] = pipeline:exec_sql("SELECT $1::int", { i + n }) end
    end)
    for n = 1, 10 do assert.equal(i + n, results[n]:scalar()) end
  end,
  function(conn) conn:exec_sql "SELECT 1 / 0" end,
  function(conn)
    for row in conn:execute(pg.text "SELECT generate_series(1, 1000) AS n":execution_options{ stream_results = true }) do
      if row.n == 200 then return end
    end
  end,
  function(conn) cancel.request(conn._link) end,
  function(conn) conn:invalidate() end,
}

for _, loop in ipairs(loops) do
  describe("users under " .. loop.name, function()
    it("who meet every fault get errors or right answers, and leave nothing behind", function()
      local url, drop = db.create()
      local proxy = proxies.start(url)
      finally(function()
        cancel.PATIENCE = 5
        proxy.stop()
        drop()
      end)
      db.psql("CREATE TABLE items (id int)", url)
      cancel.PATIENCE = 0.2
      local engine = pg.create_engine(proxy.url, { pool_size = 4, max_overflow = 2, pool_timeout = 1, warn = function() end,
        connect_args = { connect_timeout = "2" } })
      loop.run(function() engine:connect():close() end)
      engine:dispose()
      local before = descriptors()

      local worked, failed, ends = 0, 0, core.now() + SECONDS
      local wrong
      loop.run(function()
        for user = 1, USERS do
          loop.spawn(function()
            local i = user * 1000
            while core.now() < ends do
              i = i + 1
              local ok, err = pcall(engine.connect, engine, function(conn) jobs[math.random(#jobs)](conn, i) end)
              if ok then
                worked = worked + 1
              else
                failed = failed + 1
                if not (pg.is_error(err) or tostring(err):find("enough", 1, true)) then wrong = wrong or err end
              end
              loop.sleep(0.001)
            end
          end)
        end
        loop.spawn(function()
          local faults = {
            proxy.cut, proxy.reset, function() proxy.cut_after(math.random(5000)) end,
            function() proxy.reset_after(math.random(5000)) end,
            function()
              proxy.stall()
              loop.sleep(0.1)
              proxy.pass()
            end,
            function()
              proxy.refuse()
              loop.sleep(0.02)
              proxy.pass()
            end,
            function()
              db.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                .. "WHERE datname = current_database() AND pid <> pg_backend_pid() LIMIT 2", url)
            end,
          }
          while core.now() < ends do
            faults[math.random(#faults)]()
            loop.sleep(0.1)
          end
          proxy.pass()
        end)
      end)

      assert.is_nil(wrong, tostring(wrong))
      assert.is_true(worked > 5 and failed > 5, worked .. " worked, " .. failed .. " failed")
      local status = engine:pool_status()
      assert.equal(0, status.checked_out)
      assert.is_true(status.checked_in <= 4)
      proxy.pass()
      loop.run(function()
        for i = 1, 10 do
          -- one error at most for each connection that was cut while it rested
          local ok, answer = pcall(engine.connect, engine, function(conn) return conn:exec_sql("SELECT $1::int", { i }):scalar() end)
          assert.is_true(not ok or answer == i)
        end
        assert.equal(1, engine:connect(function(conn) return conn:exec_sql("SELECT 1"):scalar() end))
      end)
      engine:dispose()
      assert.equal(0, engine:pool_status().checked_in)
      local deadline = core.now() + 5 -- threads that cancel may still be at work
      while descriptors() > before and core.now() < deadline do core.poll(0, "w", 50) end
      assert.is_true(descriptors() <= before, descriptors() .. " descriptors, before " .. before)
    end)
  end)
end
