-- Much of everything: parameters, columns, notices, notifications.

local core = require "pgvector.core"
local db = require "spec.support.db"
local pg = require "pgvector"

describe("a connection at its limits", function()
  local engine, conn
  setup(function() engine = pg.create_engine(db.url()) end)
  before_each(function() conn = engine:connect() end)
  after_each(function() conn:close() end)
  teardown(function() engine:dispose() end)

  it("sends 65535 parameters while the server talks back, without a deadlock", function()
    local params, marks = {}, {}
    for i = 1, 65535 do
      params[i] = i
      marks[i] = "$" .. i .. "::int"
    end
    conn:exec_sql "SET client_min_messages = debug5"
    local sum = conn:exec_sql("SELECT sum(n) FROM unnest(ARRAY[" .. table.concat(marks, ",") .. "]) AS n", params)
    assert.equal(65535 * 65536 / 2, sum:scalar())
    conn:rollback()
    params[65536] = 1
    local _, err = pg.try(conn.exec_sql, conn, "SELECT 1", params)
    assert.truthy(err.message:find("between 0 and 65535", 1, true))
    assert.equal(1, conn:exec_sql("SELECT 1"):scalar())
  end)

  it("reads 1600 columns, and learns that there cannot be more", function()
    local columns = {}
    for i = 1, 1600 do columns[i] = i .. " AS c" .. i end
    local row = conn:exec_sql("SELECT " .. table.concat(columns, ", ")):one()
    assert.same({ 1, 1600, 1600 }, { row[1], row[1600], row.c1600 })
    for i = 1601, 1700 do columns[i] = "1" end
    local _, err = pg.try(conn.exec_sql, conn, "SELECT " .. table.concat(columns, ", "))
    assert.equal("54011", err.sqlstate)
  end)

  it("learns that a value is too large for the server", function()
    local _, err = pg.try(conn.exec_sql, conn, "SELECT repeat('x', 1073741823)")
    assert.equal("54000", err.sqlstate)
    conn:rollback()
    assert.equal(2 ^ 23, #conn:exec_sql("SELECT repeat('x', 8388608)"):scalar())
  end)

  it("gets a flood of notices in bounded memory, and goes on", function()
    local heard, last = 0, nil
    conn:on_notice(function(notice)
      heard = heard + 1
      last = notice.message
    end)
    collectgarbage()
    local before = collectgarbage("count")
    conn:exec_sql "DO $$ BEGIN FOR i IN 1..50000 LOOP RAISE NOTICE '%', i; END LOOP; END $$"
    assert.equal("50000", last)
    assert.is_true(heard >= 256 and heard <= 50000)
    collectgarbage()
    assert.is_true(collectgarbage("count") - before < 4096)
    assert.equal(1, conn:exec_sql("SELECT 1"):scalar())
  end)

  it("loses none of ten thousand notifications, however long they are and late they are read", function()
    conn:execution_options{ isolation_level = "AUTOCOMMIT" }
    conn:listen "news"
    local sender = engine:connect():execution_options{ isolation_level = "AUTOCOMMIT" }
    sender:exec_sql "SELECT pg_notify('news', i::text) FROM generate_series(1, 10000) AS i"
    sender:exec_sql("SELECT pg_notify('news', repeat('x', 7999))")
    local _, err = pg.try(sender.exec_sql, sender, "SELECT pg_notify('news', repeat('x', 8000))")
    assert.equal("22023", err.sqlstate)
    sender:close()
    assert.equal(1, conn:exec_sql("SELECT 1"):scalar()) -- they may arrive under way
    local n, deadline = 0, core.now() + 20
    repeat
      for _, notification in ipairs(conn:notifications(5)) do
        n = n + 1
        assert.equal(n <= 10000 and tostring(n) or ("x"):rep(7999), notification.payload)
      end
    until n == 10001 or core.now() > deadline
    assert.equal(10001, n)
  end)
end)
