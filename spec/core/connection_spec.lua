-- Connections step by step: connecting, state, notices, notifications, ends.

local core = require "pgvector.core"
local db = require "spec.support.db"
local pq = require "spec.support.pq"

local function raises(class, message, f, ...)
  local ok, err = pcall(f, ...)
  assert.is_false(ok)
  assert.are.equal(class, err.class)
  assert.are.equal(message, err.message)
end

describe("connect_start", function()
  it("takes strings only", function()
    raises("ArgumentError", "connection keywords and their values are strings, got string = number",
      core.connect_start, { port = 5432 })
    raises("ArgumentError", "connection keywords and their values are strings, got number = string",
      core.connect_start, { "host=x" })
  end)

  it("refuses an embedded zero byte instead of cutting the text there", function()
    raises("ArgumentError", "embedded zero byte", core.connect_start, { host = "localhost\0.example.com" })
  end)

  it("takes a database name for what it is, not for a connection string", function()
    local keywords = core.parse_conninfo(db.url())
    keywords.dbname = "host=127.0.0.1 port=1"
    local pg = assert(core.connect_start(keywords))
    local step, err
    repeat
      step, err = pg:connect_poll()
      if step then core.poll(pg:socket(), step) end
    until not step
    assert.are.equal("3D000", err.sqlstate)
    pg:finish()
  end)

  it("reports what libpq says about a bad keyword", function()
    local pg, err = core.connect_start({ port = "abc" })
    assert.is_nil(pg)
    assert.are.equal('invalid integer value "abc" for connection option "port"', err.message)
  end)
end)

describe("a failure to connect", function()
  it("has the server's message, without a line end, and its SQLSTATE", function()
    local pg, err = pq.connect(db.url("no_such_database"))
    assert.is_nil(pg)
    assert.is_truthy(err.message:find('FATAL:  database "no_such_database" does not exist$'))
    assert.are.equal("3D000", err.sqlstate)
  end)

  it("has no SQLSTATE where there was no server", function()
    local pg, err = pq.connect("host=/nonexistent")
    assert.is_nil(pg)
    assert.is_truthy(err.message:find("No such file or directory", 1, true))
    assert.is_nil(err.sqlstate)
  end)
end)

describe("parse_conninfo", function()
  it("takes a URL apart", function()
    local expected = { user = "me", password = "p w", host = "h", port = "1", dbname = "d", sslmode = "require" }
    assert.are.same(expected, core.parse_conninfo("postgresql://me:p%20w@h:1/d?sslmode=require"))
  end)

  it("takes a keyword string apart", function()
    assert.are.same({ host = "a b", user = "it's" }, core.parse_conninfo([[host='a b' user=it\'s]]))
  end)

  it("reports what is wrong", function()
    local keywords, err = core.parse_conninfo("colour=blue")
    assert.is_nil(keywords)
    assert.are.equal('invalid connection option "colour"', err.message)
  end)
end)

describe("a connection", function()
  local pg

  before_each(function() pg = assert(pq.connect()) end)
  after_each(function() pg:finish() end)

  it("tells its state", function()
    assert.are.equal("ok", pg:status())
    assert.are.equal("idle", pg:transaction_status())
    assert.are.equal("off", pg:pipeline_status())
    assert.is_true(pg:socket() >= 0)
    assert.is_true(pg:backend_pid() > 0)
    assert.is_true(pg:server_version() >= 120000)
    assert.are.equal(pg:parameter("server_version"):match("^%d+"),
      tostring(math.floor(pg:server_version() / 10000)))
    assert.is_nil(pg:parameter("no_such_parameter"))
    assert.is_false(pg:is_encrypted())
    assert.are.equal("UTF8", pg:parameter("client_encoding"))
    assert.are.equal(core.parse_conninfo(db.url()).dbname, pg:info().dbname)
    assert.is_nil(pg:info().password)
    assert.is_truthy(tostring(pg):find("^pgvector.connection %("))
  end)

  it("tells its settings, but no secret, and which address it has", function()
    local keywords = core.parse_conninfo(db.url())
    keywords.password, keywords.connect_timeout = "secret", "7"
    local other = assert(core.connect_start(keywords))
    assert.are.equal("7", other:keyword("connect_timeout"))
    assert.are.equal(keywords.dbname, other:keyword("dbname"))
    assert.is_nil(other:keyword("no such keyword"))
    assert.is_nil(other:keyword("password"))
    assert.are.equal(other:info().host, other:place():match("^(%S+)"))
    other:finish()
  end)

  it("deallocates a statement", function()
    assert(pg:send_prepare('of "mine"', "SELECT 1"))
    assert.are.equal("command_ok", (pq.results(pg)):status())
    assert(pg:send_close_prepared('of "mine"'))
    assert.are.equal("command_ok", (pq.results(pg)):status())
    local count = pq.query(pg, "SELECT count(*) FROM pg_prepared_statements")
    assert.are.equal("0", pq.value(count, "text"))
  end)

  it("tells the state of its transaction", function()
    pq.query(pg, "BEGIN")
    assert.are.equal("intrans", pg:transaction_status())
    pq.query(pg, "SELECT 1/0")
    assert.are.equal("inerror", pg:transaction_status())
    pg:send_query("ROLLBACK")
    assert.are.equal("active", pg:transaction_status())
    pq.results(pg)
    assert.are.equal("idle", pg:transaction_status())
  end)

  it("can be waited for as cqueues does", function()
    assert.are.equal(pg:socket(), pg:pollfd())
    assert.are.equal("r", pg:events())
    assert.is_nil(pg:timeout())
  end)

  it("quotes identifiers and literals", function()
    assert.are.equal('"a ""b"""', pg:escape_identifier('a "b"'))
    assert.are.equal("'it''s'", pg:escape_literal("it's"))
    raises("ArgumentError", "embedded zero byte", pg.escape_literal, pg, "a\0b")
  end)

  it("refuses SQL with an embedded zero byte", function()
    raises("ArgumentError", "embedded zero byte", pg.send_query, pg, "SELECT 1\0; DROP TABLE x")
    raises("ArgumentError", "embedded zero byte", pg.send_params, pg, "SELECT 1\0", nil, nil, 0, 1)
    raises("ArgumentError", "embedded zero byte", pg.send_prepare, pg, "a\0", "SELECT 1")
  end)

  it("hands out the results of several statements one by one", function()
    local a, b = pq.query(pg, "SELECT 1 AS x; SELECT 2 AS y")
    assert.are.equal("1", pq.value(a, "text"))
    assert.are.equal("2", pq.value(b, "text"))
  end)

  it("hands out rows as they come, one by one, or two by two from libpq 17 on", function()
    pg:send_params("SELECT generate_series(1, 3)", nil, nil, 0, 1)
    assert.is_true(pg:set_chunked_rows(2))
    local chunks = core.libpq_version >= 170000
    local results = { pq.results(pg) }
    local rows, nothing = {}, results[chunks and 4 or 5]
    local done = table.remove(results)
    for _, result in ipairs(results) do
      assert.are.equal(chunks and "tuples_chunk" or "single_tuple", result:status())
      for i = 1, result:ntuples() do rows[#rows + 1] = result:value(core.decoder{ { kind = "int4" } }, i, 1) end
    end
    assert.are.equal(chunks and 2 or 3, #results)
    assert.are.same({ 1, 2, 3 }, rows)
    assert.are.equal("tuples_ok", done:status())
    assert.are.equal(0, done:ntuples())
    assert.is_nil(nothing)
  end)

  it("queues notices with their fields", function()
    assert.is_nil(pg:notices())
    pq.query(pg, "DO $$ BEGIN RAISE NOTICE 'one' USING DETAIL = 'more', ERRCODE = '01234'; " ..
      "RAISE WARNING 'two'; END $$")
    local notices = pg:notices()
    assert.are.equal(2, #notices)
    assert.are.equal("one", notices[1].message)
    assert.are.equal("more", notices[1].detail)
    assert.are.equal("01234", notices[1].sqlstate)
    assert.are.equal("NOTICE", notices[1].severity)
    assert.are.equal("WARNING", notices[2].severity)
    assert.are.equal(0, notices.dropped)
    assert.is_nil(pg:notices())
  end)

  it("keeps a bounded number of notices and counts what it drops", function()
    pq.query(pg, "DO $$ BEGIN FOR i IN 1..1000 LOOP RAISE NOTICE '%', i; END LOOP; END $$")
    local notices = pg:notices()
    assert.are.equal(256, #notices)
    assert.are.equal("745", notices[1].message)
    assert.are.equal("1000", notices[256].message)
    assert.are.equal(744, notices.dropped)
  end)

  it("hands out notifications", function()
    assert.is_nil(pg:notifies())
    pq.query(pg, "LISTEN a; NOTIFY a, 'x'; NOTIFY a, 'y'")
    local notifies = pg:notifies()
    assert.are.equal(2, #notifies)
    assert.are.same({ channel = "a", payload = "x", pid = pg:backend_pid() }, notifies[1])
    assert.are.equal("y", notifies[2].payload)
    assert.is_nil(pg:notifies())
  end)

  it("cancels what runs", function()
    pg:send_query("SELECT pg_sleep(30)")
    pq.flush(pg)
    local started = core.now()
    repeat -- a cancel that comes before the query has begun is lost
      local request = assert(pg:cancel_start())
      local step, report
      repeat
        step, report = request:poll()
        assert(step, report and report.message)
        if step ~= "ok" then core.poll(request:socket(), step) end
      until step == "ok"
      request:finish()
      raises("InterfaceError", "the cancel request is over", request.poll, request)
    until core.poll(pg:socket(), "r", 100)
    assert.are.equal("57014", pq.results(pg):error().sqlstate)
    assert.is_true(core.now() - started < 10)
  end)

  it("refuses a second command while one runs, in libpq's words", function()
    pg:send_query("SELECT 1")
    local ok, err = pg:send_query("SELECT 2")
    assert.is_nil(ok)
    assert.are.equal("another command is already in progress", err.message)
    pq.results(pg)
  end)

  it("sends statements through a pipeline", function()
    assert.is_true(pg:enter_pipeline())
    assert.are.equal("on", pg:pipeline_status())
    for i = 1, 3 do
      assert.is_true(pg:send_params("SELECT 6 / $1", core.encoder({ { kind = "int4" } }), { i - 1 }, 1, 1))
    end
    assert.is_true(pg:pipeline_sync())
    local statuses = {}
    for _ = 1, 4 do
      local results = { pq.results(pg) }
      statuses[#statuses + 1] = results[1]:status()
      if results[1]:status() == "pipeline_sync" then break end
    end
    assert.are.same({ "fatal_error", "pipeline_aborted", "pipeline_aborted", "pipeline_sync" }, statuses)
    assert.is_true(pg:exit_pipeline())
  end)

  it("hands out no result before it is here", function()
    assert.is_true(pg:send_query("SELECT pg_sleep(0.2)"))
    assert.is_true(pg:flush())
    assert.is_false(pg:get_result())
    assert.are.equal("tuples_ok", (pq.results(pg)):status())
    assert.is_nil(pg:get_result())
  end)

  describe("takes the answers of a pipeline", function()
    local encoder = core.encoder({ { kind = "int4" } })

    -- Runs 100 / divisor for each divisor, false being a synchronisation
    -- point; returns what take_results gave at its last call, and the steps.
    local function run(divisors, mark)
      assert.is_true(pg:enter_pipeline())
      local steps = {}
      for i, divisor in ipairs(divisors) do
        steps[i] = divisor and {}
        if divisor then
          pg:send_params("SELECT 100 / $1", encoder, { divisor }, 1, 1)
        else
          assert.is_true(pg:pipeline_sync())
        end
      end
      if mark then steps[mark].done = function() end end
      pq.flush(pg)
      local kept, first, result, status = {}, 1
      for i, step in ipairs(steps) do kept[i] = step end
      repeat
        first, result, status = pg:take_results(steps, first, #divisors)
        if first <= #divisors and not status then
          core.poll(pg:socket(), "r")
          assert.is_true(pg:consume_input())
        end
      until status or first > #divisors
      return first, result, status, kept, steps
    end

    after_each(function()
      while pg:pipeline_status() ~= "off" and not pg:exit_pipeline() do
        local result = pg:get_result()
        if result == false then
          core.poll(pg:socket(), "r")
          pg:consume_input()
        end
      end
    end)

    local function quotients(steps)
      local out = {}
      for i, step in ipairs(steps) do out[i] = step and step.result and pq.value(step.result, "int4") or false end
      return out
    end

    it("into the steps that they belong to, across synchronisation points", function()
      local first, result, _, kept, steps = run({ 1, 2, false, 5, false })
      assert.are.equal(6, first)
      assert.is_nil(result)
      assert.are.same({ 100, 50, false, 20, false }, quotients(kept))
      assert.are.same({}, steps)
    end)

    it("up to a failure, which it returns with its status", function()
      local first, result, status, kept = run({ 1, 0, 5, false })
      assert.are.equal(2, first)
      assert.are.equal("fatal_error", status)
      assert.are.equal("22012", result:error().sqlstate)
      assert.are.same({ 100, false, false, false }, quotients(kept))
    end)

    it("up to a step that the caller wants to see to", function()
      local first, result, status, kept = run({ 1, 2, 5, false }, 2)
      assert.are.equal(2, first)
      assert.are.equal("tuples_ok", status)
      assert.are.equal(50, pq.value(result, "int4"))
      assert.are.same({ 100, false, false, false }, quotients(kept))
    end)

    it("and says so when there is nothing to come", function()
      assert.is_true(pg:enter_pipeline())
      assert.are.same({ 1, nil, "bad" }, { pg:take_results({ false }, 1, 1) })
    end)
  end)

  it("goes bad when the server ends it, and says why", function()
    local pid = pg:backend_pid()
    local other = assert(pq.connect())
    pq.query(other, ("SELECT pg_terminate_backend(%d)"):format(pid))
    other:finish()
    core.poll(pg:socket(), "r", 5000)
    pg:send_query("SELECT 1")
    local result = pq.results(pg)
    assert.are.equal("57P01", result:error().sqlstate)
    assert.are.equal("bad", pg:status())
  end)

  it("reports a lost connection without raising", function()
    local other = assert(pq.connect())
    pq.query(other, ("SELECT pg_terminate_backend(%d)"):format(pg:backend_pid()))
    other:finish()
    core.poll(pg:socket(), "r", 5000)
    while pg:consume_input() do end
    local ok, err = pg:consume_input()
    assert.is_nil(ok)
    assert.is_truthy(#err.message > 0 and not err.message:find("\n$"))
  end)
end)

describe("a closed connection", function()
  local pg

  setup(function()
    pg = assert(pq.connect())
    pg:finish()
  end)

  it("may be closed again", function() pg:finish() end)

  it("says that it is closed", function()
    assert.are.equal("pgvector.connection (closed)", tostring(pg))
    assert.are.equal("bad", pg:status())
    assert.are.equal("unknown", pg:transaction_status())
    assert.is_nil(pg:notices())
  end)

  for _, call in ipairs({
    { "connect_poll" }, { "socket" }, { "pollfd" }, { "events" }, { "timeout" }, { "parameter", "x" },
    { "server_version" }, { "backend_pid" }, { "is_encrypted" }, { "error_message" }, { "info" },
    { "set_nonblocking" }, { "notifies" }, { "cancel_start" },
    { "escape_identifier", "x" }, { "escape_literal", "x" },
    { "send_query", "x" }, { "send_params", "x" }, { "send_prepare", "x", "x" },
    { "send_describe_prepared", "x" }, { "send_query_prepared", "x" }, { "set_chunked_rows", 1 }, { "send_close_prepared", "x" },
    { "flush" }, { "consume_input" }, { "is_busy" }, { "get_result" }, { "take_results" },
    { "put_copy" }, { "put_copy_end" }, { "get_copy" },
    { "enter_pipeline" }, { "exit_pipeline" }, { "pipeline_sync" },
  }) do
    it(("raises from %s"):format(call[1]), function()
      raises("InterfaceError", "connection is closed", pg[call[1]], pg, call[2], call[3])
    end)
  end

  it("leaves its results readable", function()
    local other = assert(pq.connect())
    local result = pq.query(other, "SELECT 'kept'")
    other:finish()
    collectgarbage()
    assert.are.equal("kept", pq.value(result, "text"))
    result:clear()
  end)
end)
