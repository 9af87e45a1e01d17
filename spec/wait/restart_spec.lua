--- The server goes away and comes back while a loop runs.

local cluster = require "spec.support.cluster"
local loops = require "spec.support.loops"
local pg = require "pgvector"

for _, loop in ipairs(loops) do
  describe("a restart of the server under " .. loop.name, function()
    local server
    setup(function() server = cluster.start() end)
    teardown(function() server.remove() end)

    it("ends what runs and what rests; afterwards new connections are opened", function()
      local engine = pg.create_engine(server.url)
      loop.run(function()
        local errors = {}
        for i = 1, 4 do
          loop.spawn(function()
            engine:connect(function(conn)
              _, errors[i] = pg.try(conn.exec_sql, conn, i < 4 and "SELECT pg_sleep(60)" or "SELECT 1")
            end)
          end)
        end
        loop.sleep(0.5)
        server.stop()
        loop.sleep(0.2)
        for i = 1, 3 do assert.is_true(errors[i].is_disconnect) end
        assert.is_nil(errors[4])
        assert.equal("OperationalError", select(2, pg.try(engine.connect, engine)).class)
        server.start()
        assert.equal(1, engine:connect(function(conn) return conn:exec_sql("SELECT 1"):scalar() end))
      end)
      assert.same({ size = 5, checked_in = 1, checked_out = 0, overflow = 0 }, engine:pool_status())
      engine:dispose()
    end)
  end)
end
