-- COPY that fails in the middle: the producer stops, nothing is stored, and the
-- connection is usable.

local db = require "spec.support.db"
local loops = require "spec.support.loops"
local pg = require "pgvector"

describe("COPY in", function()
  local url, drop, engine, conn

  setup(function()
    url, drop = db.create()
    db.psql("CREATE TABLE items (id int PRIMARY KEY CHECK (id <> 13), title text)", url)
    engine = pg.create_engine(url)
  end)
  before_each(function() conn = engine:connect() end)
  after_each(function() conn:close() end)
  teardown(function()
    engine:dispose()
    drop()
  end)

  local function assert_usable()
    assert.equal(0, conn:exec_sql("SELECT count(*) FROM items"):scalar())
    assert.equal(2, conn:copy_in("items", { "id" }, { { 1 }, { 2 } }))
    conn:rollback()
  end

  -- rows of a KiB until somebody stops it; returns how many it wrote
  local function produce(bad)
    local written, text = 0, ("x"):rep(1000)
    local _, err = pg.try(conn.copy_in, conn, "items", { "id", "title" }, function(copy)
      for i = 1, 50000 do
        copy:write_row(i == bad and 13 or i + 100, text)
        written = i
      end
    end)
    conn:rollback()
    return written, err
  end

  it("stops its producer soon after the server has refused a row, with the server's report", function()
    local written, err = produce(20)
    assert.equal("23514", err.sqlstate)
    assert.truthy(err.context:find("COPY items, line 20", 1, true), err.context)
    -- what was under way meanwhile may be much on a machine that is busy
    assert.is_true(written < 50000, written .. " rows of a KiB were written")
    assert_usable()
  end)

  it("tells a producer that goes on after the server's refusal of it again, and raises it", function()
    local told, wanted = {}, 0
    local _, err = pg.try(conn.copy_in, conn, "items", { "id", "title" }, function(copy)
      for i = 1, 3000 do
        local ok, refusal = pcall(copy.write_row, copy, i, ("x"):rep(1000))
        if not ok then told[refusal] = true end
        wanted = wanted + (ok and 0 or 1)
      end
    end)
    assert.equal("23514", err.sqlstate)
    assert.is_true(wanted > 1)
    assert.same({ [err] = true }, told)
    conn:rollback()
    assert_usable()
  end)

  for _, loop in ipairs(loops) do
    it("stops its producer under " .. loop.name, function()
      loop.run(function()
        local written, err = produce(20)
        assert.equal("23514", err.sqlstate)
        assert.is_true(written < 50000)
        assert_usable()
      end)
    end)
  end

  it("goes on when the server only has something to say", function()
    conn:exec_sql [[CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN RAISE NOTICE ''row %: %'', NEW.id, repeat(''n'', 500); RETURN NEW; END']]
    conn:exec_sql "CREATE TRIGGER tell BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION tell()"
    local heard = 0
    conn:on_notice(function() heard = heard + 1 end)
    local count = conn:copy_in("items", { "id", "title" }, function(copy)
      for i = 1, 3000 do copy:write_row(i + 100, ("x"):rep(300)) end
    end)
    assert.equal(3000, count)
    assert.is_true(heard > 0)
    conn:rollback()
    assert_usable()
  end)

  it("raises the error of its producer whatever it is", function()
    for _, mine in ipairs{ "text", 7, { "table" }, false } do
      local ok, err = pcall(conn.copy_in, conn, "items", { "id" }, function(copy)
        copy:write_row(1)
        error(mine, 0)
      end)
      assert.is_false(ok)
      assert.equal(mine, err)
      conn:rollback()
    end
    assert_usable()
  end)

  it("leaves no half row behind when a value is refused and its producer goes on", function()
    local count = conn:copy_in("items", { "id", "title" }, function(copy)
      copy:write_row(1, "one")
      assert.is_false(pcall(copy.write_row, copy, 2, {}))
      assert.is_false(pcall(copy.write_row, copy, "x", "two"))
      assert.is_false(pcall(copy.write_row, copy, 2))
      copy:write_row(3, "three")
    end)
    assert.equal(2, count)
    assert.same({ 1, 3 }, conn:exec_sql("SELECT id FROM items ORDER BY id"):scalars():all())
    conn:rollback()
  end)

  it("keeps every byte of a text, or refuses it", function()
    local texts = { "\t", "\n", "\r", "\r\n", "\\", "\\.", "\\N", "\\\\N", "", " ", "\\x41", "\b\f\v", "é", "\127", "a\\" }
    conn:exec_sql "CREATE TYPE mood AS ENUM ('x')" -- makes COPY take the text format
    conn:exec_sql "CREATE TABLE texts (n int, t text, m mood)"
    for _, columns in ipairs{ { "n", "t" }, { "n", "t", "m" } } do
      conn:copy_in("texts", columns, function(copy)
        for i, text in ipairs(texts) do copy:write_rows{ { i, text, columns[3] and "x" } } end
      end)
      assert.same(texts, conn:exec_sql("SELECT t FROM texts ORDER BY n"):scalars():all())
      local read = {}
      conn:copy_out(pg.text "SELECT t FROM texts ORDER BY n", function(row) read[#read + 1] = row.t end)
      assert.same(texts, read)
      conn:exec_sql "DELETE FROM texts"
      for _, wrong in ipairs{ "a\0b", "\255\254", "\195" } do
        local ok, err = pcall(conn.begin_nested, conn, function()
          conn:copy_in("texts", columns, { { 1, wrong, columns[3] and "x" } })
        end)
        assert.is_false(ok)
        assert.equal("22021", err.sqlstate)
      end
      assert.equal(0, conn:exec_sql("SELECT count(*) FROM texts"):scalar())
    end
    conn:rollback()
  end)

  it("as a plain statement, or in a pipeline, is a usage error and nothing hangs", function()
    for _, sql in ipairs{ "COPY items FROM STDIN", "COPY items TO STDOUT", "SELECT 1; COPY items FROM STDIN; SELECT 2",
      "COPY items TO STDOUT; COPY items FROM STDIN" } do
      local _, err = pg.try(conn.exec_sql, conn, sql)
      assert.equal("InterfaceError", err.class)
      conn:rollback()
      assert.equal(1, conn:exec_sql("SELECT 1"):scalar())
    end
    local _, err = pg.try(conn.pipeline, conn, function(pipeline) pipeline:exec_sql "COPY items FROM STDIN" end)
    assert.equal("COPY cannot run in a pipeline", err.message)
    conn:rollback()
    assert.equal(1, conn:exec_sql("SELECT 1"):scalar())
    conn:rollback()
  end)
end)

describe("COPY out", function()
  it("that is left half way does not hold up anything", function()
    local engine = pg.create_engine(db.url(), { pool_size = 1, max_overflow = 0 })
    local big = pg.text "SELECT repeat('x', 10000) FROM generate_series(1, 100000)"
    for _, leave in ipairs{
      function(conn, rows) rows:close() return conn end,
      function(conn) conn:rollback() return conn end,
      function(conn) conn:close() return engine:connect() end,
      function(conn) conn:invalidate() return conn end,
    } do
      local conn = engine:connect()
      local rows = conn:copy_out(big)
      rows()
      conn = leave(conn, rows)
      assert.equal(1, conn:exec_sql("SELECT 1"):scalar())
      conn:close()
    end
    assert.same({ size = 1, checked_in = 1, checked_out = 0, overflow = 0 }, engine:pool_status())
    engine:dispose()
  end)
end)
