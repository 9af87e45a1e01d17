-- Behind a proxy that gives every transaction another server connection.

local db = require "spec.support.db"
local pg = require "pgvector"
local pgbouncer = require "spec.support.pgbouncer"

describe("PgBouncer pooling transactions #programs", function()
  local proxy, url, drop, engine

  setup(function()
    url, drop = db.create()
    local direct = pg.create_engine(url)
    local name
    direct:begin(function(conn)
      conn:exec_sql("CREATE TABLE items (id int PRIMARY KEY, title text, embedding vector(3))")
      proxy = pgbouncer.start(conn._link.pg:info())
      name = conn:exec_sql("SELECT current_database()"):scalar()
    end)
    direct:dispose()
    url = proxy.url(name)
  end)

  teardown(function()
    proxy.stop()
    drop()
  end)

  after_each(function() engine:dispose() end)

  local items = pg.Table("items", pg.MetaData(), {
    pg.Column{ "id", pg.Integer, primary_key = true },
    pg.Column{ "title", pg.Text },
    pg.Column{ "embedding", pg.VECTOR(3) },
  })

  -- Runs fn(a), fn(b) in turns, in transactions that overlap, so that both use
  -- both server connections.
  local function interleave(rounds, fn)
    local a, b = engine:connect(), engine:connect()
    for round = 1, rounds do
      local first, second = a, b
      if round % 2 == 0 then first, second = b, a end
      fn(first)
      fn(second)
      first:commit()
      second:commit()
    end
    a:close()
    b:close()
  end

  describe("with prepared_statements = false", function()
    before_each(function()
      engine = pg.create_engine(url, { prepared_statements = false })
      engine:begin(function(conn) conn:exec_sql("TRUNCATE items") end)
    end)

    it("runs statements", function()
      local pids = {}
      interleave(10, function(conn)
        assert.equal("x", conn:exec_sql("SELECT $1::text", { "x" }):scalar())
        pids[conn:exec_sql("SELECT pg_backend_pid()"):scalar()] = true
        assert.equal(0, conn:scalar(pg.select(pg.func.count()):select_from(items)))
      end)
      assert.truthy(next(pids, next(pids)), "the specs' transactions all used one server connection")
    end)

    it("runs executemany", function()
      engine:begin(function(conn)
        local rows = {}
        for i = 1, 200 do rows[i] = { id = i, title = "t" .. i, embedding = { i, 0, 1 } } end
        assert.equal(200, conn:execute(pg.insert(items), rows).rowcount)
      end)
    end)

    it("runs COPY", function()
      engine:begin(function(conn)
        assert.equal(2, conn:copy_in(items, { "id", "embedding" }, { { 1, { 1, 2, 3 } }, { 2, { 4, 5, 6 } } }))
        assert.equal(2, conn:exec_sql("SELECT count(*) FROM items"):scalar())
      end)
    end)

    it("runs statements without a transaction", function()
      engine:connect(function(conn)
        conn:execution_options{ isolation_level = "AUTOCOMMIT" }
        for i = 1, 10 do assert.equal(i, conn:exec_sql("SELECT $1::int", { i }):scalar()) end
      end)
    end)
  end)

  it("makes a connection that prepares statements give that up, and repeats the statement", function()
    local rollbacks = 0
    engine = pg.create_engine(url, { echo = function(sql)
      if sql == "ROLLBACK" then rollbacks = rollbacks + 1 end
    end })
    interleave(20, function(conn)
      assert.equal("x", conn:exec_sql("SELECT $1::text AS given", { "x" }):scalar())
    end)
    assert.equal(2, rollbacks) -- once on each connection, before the repetition
  end)

  it("makes a prepared statement later in a transaction fail once, with a hint", function()
    engine = pg.create_engine(url)
    local failures, statement = {}, 0
    interleave(20, function(conn)
      statement = statement + 1
      conn:exec_sql("SELECT " .. statement) -- never prepared
      local ok, err = pg.try(conn.exec_sql, conn, "SELECT $1::text AS later", { "x" })
      if not ok then
        failures[#failures + 1] = err
        conn:rollback()
      end
    end)
    assert.truthy(#failures >= 1 and #failures <= 2)
    for _, err in ipairs(failures) do
      assert.equal("26000", err.sqlstate)
      assert.truthy(err.hint:find("prepared_statements = false", 1, true))
    end
  end)
end)
