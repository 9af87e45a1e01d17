--- What the engine does, done in coroutines of event loops.

local core = require "pgvector.core"
local db = require "spec.support.db"
local execute = require "pgvector.driver.execute"
local Link = require "pgvector.driver.link"
local loops = require "spec.support.loops"
local pg = require "pgvector"
local socket = require "socket"
local wait = require "pgvector.wait"

local url, drop
setup(function()
  url, drop = db.create()
  db.psql("CREATE TABLE items (id int PRIMARY KEY, title text, embedding vector(3))", url)
end)
teardown(function() drop() end)

for _, loop in ipairs(loops) do
  for _, option in ipairs{ "auto", loop.name } do
    describe(("an engine under %s, wait = '%s',"):format(loop.name, option), function()
      local engine
      before_each(function()
        db.psql("TRUNCATE items", url)
        engine = pg.create_engine(url, { wait = option })
      end)
      after_each(function() engine:dispose() end)

      it("lets others run while a query waits", function()
        local ticks
        loop.run(function()
          ticks = loop.ticks_during(function()
            engine:connect(function(conn) conn:exec_sql("SELECT pg_sleep(0.3)") end)
          end)
        end)
        assert.is_true(ticks >= 5, "others ran " .. ticks .. " times")
      end)

      it("reads rows, values and settings like any other", function()
        loop.run(function()
          engine:begin(function(conn)
            conn:exec_sql("INSERT INTO items VALUES ($1, $2, $3)", { 1, "one", pg.vector{ 1, 2, 3 } })
            local row = conn:exec_sql("SELECT * FROM items"):one()
            assert.same({ 1, "one" }, { row.id, row.title })
            assert.equal(pg.vector{ 1, 2, 3 }, row.embedding)
            local ids = {}
            for n in conn:exec_sql("SELECT generate_series(1, 3) AS n") do ids[#ids + 1] = n.n end
            assert.same({ 1, 2, 3 }, ids)
          end)
          assert.equal(1, engine:connect(function(conn) return conn:exec_sql("SELECT count(*) FROM items"):scalar() end))
        end)
      end)

      it("raises the server's errors, and goes on", function()
        loop.run(function()
          engine:connect(function(conn)
            local _, err = pg.try(conn.exec_sql, conn, "SELECT 1 / 0")
            assert.equal("22012", err.sqlstate)
            conn:rollback()
            assert.equal(1, conn:exec_sql("SELECT 1"):scalar())
          end)
        end)
      end)

      it("copies in more than a socket takes at once", function()
        local text = ("x"):rep(1000)
        loop.run(function()
          engine:begin(function(conn)
            local count = conn:copy_in("items", { "id", "title" }, function(copy)
              for i = 1, 20000 do copy:write_row(i, text) end
            end)
            assert.equal(20000, count)
            assert.equal(20000 * 1000, conn:exec_sql("SELECT sum(length(title)) FROM items"):scalar())
          end)
        end)
      end)

      it("stores nothing of a copy whose producer raises, also after it has waited", function()
        loop.run(function()
          engine:connect(function(conn)
            local ok = pcall(conn.copy_in, conn, "items", { "id" }, function(copy)
              copy:write_row(1)
              loop.sleep(0.01)
              error("no more")
            end)
            assert.is_false(ok)
            conn:rollback()
            assert.equal(0, conn:exec_sql("SELECT count(*) FROM items"):scalar())
          end)
        end)
      end)

      it("runs executemany", function()
        local rows = {}
        for i = 1, 3000 do rows[i] = { id = i, title = "row " .. i } end
        local items = pg.Table("items", pg.MetaData(), {
          pg.Column{ "id", pg.Integer, primary_key = true }, pg.Column{ "title", pg.Text },
        })
        loop.run(function()
          engine:begin(function(conn)
            assert.equal(3000, conn:execute(pg.insert(items), rows).rowcount)
            assert.equal(3000, conn:exec_sql("SELECT count(*) FROM items"):scalar())
          end)
        end)
      end)

      it("answers 50 coroutines at once", function()
        local many = pg.create_engine(url, { wait = option, pool_size = 50 })
        local started, answers = core.now(), 0
        loop.run(function()
          for i = 1, 50 do
            loop.spawn(function()
              many:connect(function(conn)
                local sql = ("SELECT %d FROM pg_sleep(0.1)"):format(i)
                if conn:exec_sql(sql):scalar() == i then answers = answers + 1 end
              end)
            end)
          end
        end)
        local seconds = core.now() - started
        many:dispose()
        assert.equal(50, answers)
        assert.is_true(seconds < 3, ("it took %.1f s; one after the other it takes 5"):format(seconds))
      end)

      it("stops a statement at its deadline, and the link is free for the next", function()
        loop.run(function()
          engine:connect(function(conn)
            local link = conn._link
            local started = core.now()
            local _, err = pg.try(execute.simple, link, "SELECT pg_sleep(10)", started + 0.1)
            assert.equal("TimeoutError", err.class)
            assert.is_true(core.now() - started < 5)
            assert.is_true(link:_reusable())
          end)
          assert.equal(1, engine:pool_status().checked_in)
          assert.equal(1, engine:connect(function(conn) return conn:exec_sql("SELECT 1"):scalar() end))
        end)
      end)

      it("tries the next host, whose descriptor is another", function()
        local socket_directory = url:match("host=([^&]*)")
        local keywords = {
          host = "/nonexistent,/nowhere," .. socket_directory, user = url:match("user=([^&]*)"),
          port = url:match("port=([^&]*)"), dbname = url:match("^%w+:///([^?]*)"),
        }
        loop.run(function()
          local link = Link.connect(keywords, wait.resolve(option))
          execute.simple(link, "SELECT 1"):clear()
          link:close()
        end)
      end)

      it("gives up connecting to a server that does not answer, at a deadline", function()
        local listener = assert(socket.bind("127.0.0.1", 0)) -- the system accepts, nobody reads
        local _, port = listener:getsockname()
        loop.run(function()
          local _, err = pg.try(Link.connect,
            { host = "127.0.0.1", port = tostring(port), connect_timeout = "0.2" }, wait.resolve(option))
          assert.equal("TimeoutError", err.class)
        end)
        listener:close()
      end)

      it("refuses a second query on a busy connection", function()
        loop.run(function()
          local conn = engine:connect()
          loop.spawn(function()
            loop.sleep(0.05)
            for _, method in ipairs{ "commit", "rollback" } do
              local _, err = pg.try(conn[method], conn)
              assert.equal("another query is in progress on this connection", err.message)
            end
            local _, err = pg.try(conn.exec_sql, conn, "SELECT 2")
            assert.equal("InterfaceError", err.class)
            assert.equal("another query is in progress on this connection", err.message)
          end)
          assert.equal(1, conn:exec_sql("SELECT 1 FROM pg_sleep(0.2)"):scalar())
          conn:commit()
          assert.equal(3, conn:exec_sql("SELECT 3"):scalar())
          conn:close()
          assert.equal(1, engine:pool_status().checked_in)
        end)
      end)

      it("tells a coroutine whose connection is closed under it", function()
        loop.run(function()
          local conn = engine:connect()
          local err
          loop.spawn(function() _, err = pg.try(conn.exec_sql, conn, "SELECT pg_sleep(10)") end)
          loop.sleep(0.1)
          conn:close()
          loop.sleep(0.05)
          assert.equal("InterfaceError", err.class)
          assert.equal("the connection was closed while a query waited for the server", err.message)
          assert.same({ size = 5, checked_in = 0, checked_out = 0, overflow = 0 }, engine:pool_status())
        end)
      end)

      it("survives the server ending connections while others wait", function()
        loop.run(function()
          local failures = 0
          local pids = {}
          for _ = 1, 5 do
            loop.spawn(function()
              engine:connect(function(conn)
                local pid = conn.info.backend_pid
                pids[#pids + 1] = pid
                local _, err = pg.try(conn.exec_sql, conn, "SELECT pg_sleep(10)")
                if err.is_disconnect then failures = failures + 1 end
              end)
            end)
          end
          loop.sleep(0.3)
          engine:connect(function(conn)
            for _, pid in ipairs(pids) do conn:exec_sql("SELECT pg_terminate_backend($1::int)", { pid }) end
            assert.equal(1, conn:exec_sql("SELECT 1 FROM pg_sleep(0.2)"):scalar())
          end)
          assert.equal(5, #pids)
          assert.equal(5, failures)
        end)
        assert.equal(0, engine:pool_status().checked_out)
      end)
    end)
  end
end
