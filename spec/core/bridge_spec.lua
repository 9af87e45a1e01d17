-- The readiness bridge without nginx: channels whose other end is a socket of
-- cqueues, watching socket pairs.

local core = require "pgvector.core"
local db = require "spec.support.db"
local pq = require "spec.support.pq"
local socket = require "cqueues.socket"

local function keywords_of_server() return assert(core.parse_conninfo(db.url())) end

local NEVER_COMES = 100 -- milliseconds that are enough to believe it
local SOON = 5000

describe("the readiness bridge", function()
  local tokens = 0
  local opened

  before_each(function() opened = {} end)
  after_each(function()
    for i = #opened, 1, -1 do opened[i]:close() end
  end)

  local function own(object)
    opened[#opened + 1] = object
    return object
  end

  -- The other end of a channel, as a cosocket would be.
  local function client(token)
    local other = own(socket.connect{ path = core.bridge.address() })
    other:settimeout(1)
    assert(other:connect())
    if token then assert(other:xwrite(token, "n")) end
    return other
  end

  local function channel()
    tokens = tokens + 1
    local token = ("token %d"):format(tokens)
    local other = client(token)
    return own(core.bridge.accept(token)), other
  end

  local function pair()
    local a, b = socket.pair()
    own(a)
    own(b)
    return a, b
  end

  -- The byte that arrives within the time, or nil.
  local function answer(other, ms)
    if not core.poll(other:pollfd(), "r", ms or SOON) then return nil end
    return other:recv(-1)
  end

  it("listens where nobody else may connect", function()
    local directory = core.bridge.address():match("^(.*)/")
    local list = io.popen("stat -c %a " .. directory)
    assert.equal("700", list:read("*l"))
    list:close()
  end)

  it("answers when a descriptor becomes readable", function()
    local ours, other = channel()
    local a, b = pair()
    ours:arm(a:pollfd(), "r")
    assert.is_nil(answer(other, NEVER_COMES))
    b:xwrite("x", "n")
    assert.equal("r", answer(other))
  end)

  it("answers when it is told to, if somebody waits", function()
    local ours, other = channel()
    assert.is_false(ours:signal())
    ours:expect(SOON)
    assert.is_true(ours:signal())
    assert.equal("r", answer(other))
    assert.is_false(ours:signal())
    ours:expect(1)
    assert.equal("t", answer(other))
    ours:expect(SOON)
    other:close()
    assert.is_false(ours:signal())
  end)

  it("answers when a descriptor is ready already", function()
    local ours, other = channel()
    local a, b = pair()
    b:xwrite("x", "n")
    ours:arm(a:pollfd(), "r")
    assert.equal("r", answer(other))
  end)

  it("tells which of the events is ready", function()
    local ours, other = channel()
    local a, b = pair()
    ours:arm(a:pollfd(), "w")
    assert.equal("w", answer(other))
    ours:arm(a:pollfd(), "rw")
    assert.equal("w", answer(other))
    b:xwrite("x", "n")
    ours:arm(a:pollfd(), "rw")
    assert.equal("b", answer(other))
  end)

  it("answers an arming once", function()
    local ours, other = channel()
    local a, b = pair()
    ours:arm(a:pollfd(), "r")
    b:xwrite("x", "n")
    assert.equal("r", answer(other))
    b:xwrite("y", "n")
    assert.is_nil(answer(other, NEVER_COMES))
    ours:arm(a:pollfd(), "r")
    assert.equal("r", answer(other))
  end)

  it("takes the end of the peer for ready", function()
    local ours, other = channel()
    local a, b = pair()
    ours:arm(a:pollfd(), "r")
    b:close()
    assert.equal("r", answer(other))
  end)

  it("answers t when the time is over, and not earlier", function()
    local ours, other = channel()
    local a, b = pair()
    local started = core.now()
    ours:arm(a:pollfd(), "r", 60)
    assert.equal("t", answer(other))
    assert.is_true(core.now() - started >= 0.06)
    b:xwrite("x", "n") -- too late: that arming was answered
    assert.is_nil(answer(other, NEVER_COMES))
  end)

  it("keeps the times of many channels apart", function()
    local waiting, armed = {}, {}
    for i = 1, 20 do
      local ours, other = channel()
      local a = pair()
      armed[i] = core.now()
      ours:arm(a:pollfd(), "r", (21 - i) * 10)
      waiting[i] = other
    end
    for i = 20, 1, -1 do
      assert.equal("t", answer(waiting[i]))
      assert.is_true(core.now() - armed[i] >= (21 - i) * 0.01 - 0.005)
    end
  end)

  it("forgets the time of an arming that was answered", function()
    local ours, other = channel()
    local a, b = pair()
    b:xwrite("x", "n")
    ours:arm(a:pollfd(), "r", 50)
    assert.equal("r", answer(other))
    assert.is_nil(answer(other, 120))
  end)

  it("answers the latest arming only", function()
    local ours, other = channel()
    local a, b = pair()
    local c, d = pair()
    ours:arm(a:pollfd(), "r")
    ours:arm(c:pollfd(), "r")
    b:xwrite("x", "n")
    assert.is_nil(answer(other, NEVER_COMES))
    d:xwrite("x", "n")
    assert.equal("r", answer(other))
  end)

  it("lets another channel take over a descriptor", function()
    local first, first_other = channel()
    local second, second_other = channel()
    local a, b = pair()
    first:arm(a:pollfd(), "r")
    second:arm(a:pollfd(), "r")
    first:close() -- must not take the descriptor away from the second
    b:xwrite("x", "n")
    assert.equal("r", answer(second_other))
    assert.equal("", answer(first_other) or "")
  end)

  it("watches a descriptor whose number meant another one before", function()
    local ours, other = channel()
    local a = pair()
    local fd = a:pollfd()
    ours:arm(fd, "r", 1)
    assert.equal("t", answer(other))
    opened = { opened[1], opened[2], opened[4] }
    a:close()
    local c, d = pair()
    ours:arm(c:pollfd(), "r")
    d:xwrite("x", "n")
    assert.equal("r", answer(other))
  end)

  it("sees that the other end is gone", function()
    local ours, other = channel()
    assert.is_true(ours:is_connected())
    other:close()
    assert.is_false(ours:is_connected())
  end)

  it("survives an answer that nobody can receive", function()
    local ours, other = channel()
    local a, b = pair()
    ours:arm(a:pollfd(), "r")
    other:close()
    b:xwrite("x", "n")
    core.poll(a:pollfd(), "r", SOON)
    local next_one, next_other = channel()
    next_one:arm(a:pollfd(), "r")
    assert.equal("r", answer(next_other))
  end)

  it("is closed once, however often that is asked", function()
    local ours = channel()
    ours:close()
    ours:close()
    assert.is_false(ours:is_connected())
    assert.has_error(function() ours:arm(0, "r") end)
    assert.equal("pgvector.channel (closed)", tostring(ours))
  end)

  it("is closed by the collector", function()
    local _, other = (function()
      tokens = tokens + 1
      local other = client("token " .. tokens)
      core.bridge.accept("token " .. tokens)
      return nil, other
    end)()
    collectgarbage()
    collectgarbage()
    assert.equal("", answer(other) or "")
  end)

  it("closes what did not send the token", function()
    local silent, wrong = client(), client("something else")
    local ours, other = channel()
    local a = pair()
    ours:arm(a:pollfd(), "w")
    assert.equal("w", answer(other))
    assert.equal("", answer(silent) or "")
    assert.equal("", answer(wrong) or "")
  end)

  it("refuses to accept what never connected", function()
    local ok, err = pcall(core.bridge.accept, "nobody")
    assert.is_false(ok)
    assert.matches("^cannot accept the channel: ", err.message)
  end)

  it("refuses descriptors that are not open, and stays usable", function()
    local ours, other = channel()
    local ok, err = pcall(ours.arm, ours, 9999, "r")
    assert.is_false(ok)
    assert.matches("^cannot wait for descriptor 9999: ", err.message)
    local a = pair()
    ours:arm(a:pollfd(), "w")
    assert.equal("w", answer(other))
  end)

  it("refuses events that do not exist", function()
    local ours = channel()
    assert.has_error(function() ours:arm(0, "x") end)
    assert.has_error(function() ours:arm(0, "r", "soon") end)
  end)

  describe("under a connection", function()
    it("wakes who waits for a connection that somebody closes", function()
      local ours, other = channel()
      local pg = assert(pq.connect())
      ours:arm(pg:socket(), "r")
      pg:finish()
      assert.equal("r", answer(other))
    end)

    it("connects in a thread", function()
      local attempt = core.connect_begin(keywords_of_server())
      assert.equal("r", core.poll(attempt:socket(), "r"))
      local pg = own(assert(attempt:take()))
      opened[#opened] = { close = function() pg:finish() end }
      assert.equal("ok", pg:status())
      assert.equal("1", pq.value(pq.query(pg, "SELECT 1"), "text"))
      assert.has_error(function() attempt:take() end)
    end)

    it("reports in libpq's words why a thread could not connect", function()
      local attempt = core.connect_begin({ host = "/nonexistent", port = "1" })
      assert.equal("r", core.poll(attempt:socket(), "r"))
      local pg, report = attempt:take()
      assert.is_nil(pg)
      assert.matches("No such file or directory", report.message)
    end)

    it("gives the SQLSTATE of a refused connection", function()
      local keywords = keywords_of_server()
      keywords.dbname = "there is no such database"
      local attempt = core.connect_begin(keywords)
      assert.equal("r", core.poll(attempt:socket(), "r"))
      local pg, report = attempt:take()
      assert.is_nil(pg)
      assert.equal("3D000", report.sqlstate)
    end)

    it("tells the time while a server does not answer, and gives up", function()
      local silent = own(socket.listen{ host = "127.0.0.1", port = 0 })
      assert(silent:listen())
      local _, _, port = silent:localname()
      local keywords = { host = "127.0.0.1", port = tostring(port), connect_timeout = "0.05" }
      local attempt = core.connect_begin(keywords)
      assert.is_nil(attempt:take())
      assert.equal("r", core.poll(attempt:socket(), "r"))
      local pg, outcome = attempt:take()
      assert.equal("late", outcome)
      assert.equal(tostring(port), pg:info().port)
      pg:finish()
      assert.has_error(function() attempt:take() end)
    end)

    it("can be moved away from whoever still has it", function()
      local pg = assert(pq.connect())
      assert(pg:send_query("SELECT 7"))
      local heir = pg:transfer()
      assert.equal("bad", pg:status())
      assert.has_error(function() pg:send_query("SELECT 8") end)
      assert.equal("7", pq.value(pq.results(heir), "text"))
      pg:finish()
      assert.equal("ok", heir:status())
      heir:finish()
    end)

    it("ends a query whose user is gone", function()
      local pg = assert(pq.connect())
      local pid = pg:backend_pid()
      local watcher = assert(pq.connect())
      local function comes_to(count, what)
        for _ = 1, 100 do
          if pq.value(pq.query(watcher, "SELECT count(*) FROM pg_stat_activity WHERE pid = " .. pid .. what),
            "text") == count then return true end
          core.poll(watcher:socket(), "r", 50)
        end
        return false
      end
      assert(pg:send_query("SELECT pg_sleep(60)"))
      assert(pg:flush())
      assert.is_true(comes_to("1", " AND state = 'active'")) -- a request before that would be ignored
      pg:abandon()
      assert.equal("bad", pg:status())
      local gone = comes_to("0", "")
      watcher:finish()
      assert.is_true(gone)
    end)
  end)
end)
