--- The engine's option `wait`.

local compat = require "pgvector.compat"
local core = require "pgvector.core"
local db = require "spec.support.db"
local loops = require "spec.support.loops"
local pg = require "pgvector"

local url = db.url()

local function one(conn) return conn:exec_sql("SELECT 1"):scalar() end

describe("wait = 'auto'", function()
  local engine = pg.create_engine(url)
  teardown(function() engine:dispose() end)

  it("blocks where no loop runs, also in a coroutine", function()
    assert.equal(1, engine:connect(one))
    if compat.can_yield_in_pcall then
      local co = coroutine.create(function() return engine:connect(one) end)
      local _, answer = coroutine.resume(co)
      assert.equal(1, answer)
      assert.equal("dead", coroutine.status(co))
    end
  end)

  for _, loop in ipairs(loops) do
    it("asks anew at each call: blocking, " .. loop.name .. ", blocking", function()
      local conn = engine:connect()
      assert.equal(1, one(conn))
      local others = 0
      loop.run(function()
        loop.spawn(function() others = others + 1 end)
        conn:exec_sql("SELECT pg_sleep(0.1)")
        assert.equal(1, others)
      end)
      assert.equal(1, one(conn))
      conn:close()
    end)
  end

  if loops[1] then
    it("blocks in a coroutine made inside one of cqueues", function()
      loops[1].run(function()
        for answer in coroutine.wrap(function() coroutine.yield(engine:connect(one)) end) do
          assert.equal(1, answer)
        end
      end)
    end)
  end
end)

describe("a waiter", function()
  it("may be a function", function()
    local waits = 0
    local engine = pg.create_engine(url, { wait = function(conn, events)
      waits = waits + 1
      return core.poll(conn:socket(), events)
    end })
    assert.equal(1, engine:connect(one))
    assert.is_true(waits > 0)
    engine:dispose()
  end)

  it("may be a table that is told when to forget a connection", function()
    local released = 0
    local engine = pg.create_engine(url, { wait = {
      wait = function(conn, events) return core.poll(conn:socket(), events) end,
      release = function(conn)
        assert.is_true(conn:socket() >= 0)
        released = released + 1
      end,
    } })
    assert.equal(1, engine:connect(one))
    engine:dispose()
    assert.equal(1, released)
  end)

  for _, case in ipairs{
    { {}, "wait: wait: expected a function, got nil" },
    { { wait = print, release = 1 }, "wait: release: expected a function, got number" },
    { 3, "wait: expected 'auto', 'blocking', 'cqueues', 'luv', 'openresty', a function or a table, got '3'" },
  } do
    it("is refused: " .. case[2], function()
      local _, err = pg.try(pg.create_engine, url, { wait = case[1] })
      assert.equal("ArgumentError", err.class)
      assert.equal(case[2], err.message)
    end)
  end
end)

describe("a loop that was asked for by name", function()
  for name, message in pairs{
    cqueues = "this is not a coroutine of a cqueues controller; run it in controller:wrap(fn)",
    luv = "only a coroutine can wait; run it in coroutine.wrap(fn)()",
  } do
    it(name .. " raises where it cannot run", function()
      if not compat.can_yield_in_pcall then
        local _, err = pg.try(pg.create_engine, url, { wait = name })
        assert.equal("ArgumentError", err.class)
        assert.matches("needs Lua 5.2 or later, or LuaJIT", err.message)
        return
      end
      local engine = pg.create_engine(url, { wait = name })
      local _, err = pg.try(engine.connect, engine)
      assert.equal("InvalidRequestError", err.class)
      assert.equal(("wait = '%s': %s"):format(name, message), err.message)
      assert.equal(0, engine:pool_status().checked_out)
    end)
  end

  if loops[2] then
    it("luv waits in a coroutine that was started before its loop runs", function()
      local engine = pg.create_engine(url, { wait = "luv" })
      local answers = {}
      for i = 1, 2 do
        coroutine.wrap(function() answers[i] = engine:connect(one) end)()
      end
      assert.same({}, answers)
      require("luv").run()
      assert.same({ 1, 1 }, answers)
      engine:dispose()
    end)
  end
end)
