-- Waiting, clocks and terminals.

local core = require "pgvector.core"
local pq = require "spec.support.pq"

describe("poll", function()
  local pg

  setup(function() pg = assert(pq.connect()) end)
  teardown(function() pg:finish() end)

  it("gives nothing after the time-out, and not before", function()
    local started = core.now()
    assert.is_nil(core.poll(pg:socket(), "r", 50))
    local elapsed = core.now() - started
    assert.is_true(elapsed >= 0.05 and elapsed < 5)
    assert.is_nil(core.poll(pg:socket(), "r", 0))
    assert.is_nil(core.poll(pg:socket(), "r", -1))
    assert.is_nil(core.poll(pg:socket(), "r", 0 / 0))
  end)

  it("says what is ready", function()
    assert.are.equal("w", core.poll(pg:socket(), "rw", 1000))
    assert.are.equal("w", core.poll(pg:socket(), "w"))
    pg:send_query("SELECT 1")
    pq.flush(pg)
    assert.are.equal("r", core.poll(pg:socket(), "r"))
    assert.are.equal("rw", core.poll(pg:socket(), "rw"))
    pq.results(pg)
  end)

  it("goes on after a signal", function()
    -- a child that stops and continues us: poll fails with EINTR for that
    local pid = core.pid()
    os.execute(("(sleep 0.1; kill -STOP %d; kill -CONT %d) &"):format(pid, pid))
    local started = core.now()
    assert.is_nil(core.poll(pg:socket(), "r", 300))
    assert.is_true(core.now() - started >= 0.3)
  end)

  it("raises for a descriptor that is none", function()
    for _, fd in ipairs({ -1, 1023 }) do
      local ok, err = pcall(core.poll, fd, "r", 1000)
      assert.is_false(ok)
      assert.are.equal("InterfaceError", err.class)
      assert.are.equal(("descriptor %d is closed"):format(fd), err.message)
    end
  end)
end)

describe("the clock", function()
  it("goes forward", function()
    local a = core.now()
    local b = core.now()
    assert.is_true(b >= a and b - a < 1)
  end)
end)

describe("a descriptor that is no terminal", function()
  it("is known for that, and has no width", function()
    assert.is_false(core.isatty(1023))
    assert.is_nil(core.columns(1023))
  end)
end)

describe("the process", function()
  it("has a number", function() assert.is_true(core.pid() > 0) end)
end)
