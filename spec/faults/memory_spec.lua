-- Memory that runs out, Lua's and libpq's, at every step: an error, no crash, no
-- leak, and afterwards everything works.

local core = require "pgvector.core"
local db = require "spec.support.db"
local faults = require "spec.support.faults"
local pg = require "pgvector"
local program = require "spec.support.program"

describe("an interpreter without memory", function()
  local decoder = core.decoder{ { kind = "int4", name = "n" }, { kind = "text", name = "t" },
    { kind = "vector", name = "v" }, { kind = "int4[]", name = "a" } }

  -- Calls fn() with the n-th request for memory refused, for every n from 1 up
  -- to the first that fn does not reach; `count` are refused in a row.
  local function at_every_request(count, step, fn)
    local n, failures = 0, 0
    local reached
    repeat
      n = n + step
      local ok, err = pcall(function()
        faults.fail_lua(n, count)
        fn()
      end)
      reached = faults.spare_lua() == 1
      if not ok then
        failures = failures + 1
        if not pg.is_error(err) then assert.truthy(tostring(err):find("memory", 1, true), tostring(err)) end
      end
    until not reached or n > 3000
    return failures
  end

  it("reads a result or raises, and the result stays whole", function()
    local pq = require "spec.support.pq"
    local conn = assert(pq.connect())
    local sql = "SELECT n, repeat('t', 50) AS t, '[1,2,3]'::vector AS v, ARRAY[1,2,n] AS a FROM generate_series(1, 20) AS n"
    local result = pq.params(conn, sql)
    local failures = at_every_request(math.huge, 1, function() result:rows(decoder) end)
    assert.is_true(failures > 10, failures)
    assert.equal(20, #result:rows(decoder))
    result:clear()
    conn:finish()
  end)

  it("makes values or raises", function()
    local failures = at_every_request(math.huge, 1, function()
      local v = pg.vector{ 1, 2, 3 }
      return tostring(v + v), v:totable(), pg.sparsevec({ [2] = 1 }, 4), pg.bit "101", pg.top_k(v, { v, v }, 1, "l2")
    end)
    assert.is_true(failures > 3, failures)
  end)

  -- one refused request makes the interpreter collect everything and ask again;
  -- many in a row are errors
  for _, count in ipairs{ 1, math.huge } do
    it(("ends statements in order: %s refused in a row"):format(count == 1 and "one" or "all"), function()
      local engine = pg.create_engine(db.url(), { pool_size = 1, max_overflow = 2, warn = function() end })
      engine:connect(function(conn)
        conn:exec_sql "CREATE TEMP TABLE items (id int, v vector(3))"
        conn:commit()
        conn:exec_sql("SELECT 1")
      end)
      at_every_request(count, 41, function()
        engine:connect(function(conn)
          conn:exec_sql("CREATE TEMP TABLE IF NOT EXISTS items (id int, v vector(3))")
          conn:copy_in("items", { "id", "v" }, { { 1, pg.vector{ 1, 2, 3 } } })
          conn:exec_sql("SELECT $1::int, $2", { 1, "text" }):all()
          conn:pipeline(function(pipeline) pipeline:exec_sql "SELECT 1" end)
        end)
      end)
      collectgarbage()
      collectgarbage()
      for i = 1, 3 do
        assert.equal(i, engine:connect(function(conn) return conn:exec_sql("SELECT $1::int", { i }):scalar() end))
      end
      assert.equal(0, engine:pool_status().checked_out)
      engine:dispose()
    end)
  end
end)

describe("a process without memory for libpq #programs", function()
  it("gets errors, does not crash, and leaks nothing", function()
    local environment = { PGVECTOR_URL = db.url() }
    for name, value in pairs(faults.preloaded) do environment[name] = value end
    local output, ok = program.run("spec/faults/programs/memory.lua", environment)
    assert.is_true(ok, output)
    local failures = tonumber(output:match("(%d+) failures"))
    assert.is_true(failures and failures > 30, output)
  end)
end)
