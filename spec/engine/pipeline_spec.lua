local db = require "spec.support.db"
local pg = require "pgvector"

describe("a pipeline", function()
  local engine, drop

  setup(function()
    local url
    url, drop = db.create()
    engine = pg.create_engine(url)
    engine:begin(function(conn)
      conn:exec_sql("CREATE TABLE items (id int PRIMARY KEY, title text, embedding vector(3))")
    end)
  end)

  teardown(function()
    engine:dispose()
    drop()
  end)

  before_each(function()
    engine:begin(function(conn) conn:exec_sql("TRUNCATE items") end)
  end)

  after_each(function() assert.equal(0, engine:pool_status().checked_out) end)

  local items = pg.Table("items", pg.MetaData(), {
    pg.Column{ "id", pg.Integer, primary_key = true },
    pg.Column{ "title", pg.Text },
    pg.Column{ "embedding", pg.VECTOR(3) },
  })

  local function count()
    return engine:connect(function(conn) return conn:exec_sql("SELECT count(*) FROM items"):scalar() end)
  end

  it("gives every statement its result, and passes on what the function returns", function()
    engine:connect(function(conn)
      local inserted, one, all, none
      local a, b = conn:pipeline(function(pipeline)
        inserted = pipeline:execute(pg.insert(items), { id = 1, title = "one", embedding = { 1, 2, 3 } })
        pipeline:exec_sql("INSERT INTO items VALUES ($1, $2)", { 2, nil, n = 2 })
        one = pipeline:execute(pg.select(items):where(items.c.id:eq(1)))
        all = pipeline:exec_sql("SELECT title FROM items ORDER BY id")
        none = pipeline:exec_sql("SELECT 1 WHERE false")
        return "a", nil
      end)
      assert.same({ "a", nil }, { a, b })
      assert.equal(1, inserted.rowcount)
      assert.equal(pg.vector{ 1, 2, 3 }, one:one().embedding)
      assert.same({ "one", pg.null }, all:scalars():all())
      assert.is_nil(none:first())
    end)
  end)

  it("has no results before sync, and goes on after it", function()
    engine:connect(function(conn)
      conn:pipeline(function(pipeline)
        local first = pipeline:exec_sql("SELECT 1")
        local _, err = pg.try(function() return first:scalar() end)
        assert.equal("InvalidRequestError", err.class)
        _, err = pg.try(function() return first.rowcount end)
        assert.truthy(err.message:find("no answer", 1, true))
        pipeline:sync()
        assert.equal(1, first:scalar())
        local second = pipeline:exec_sql("SELECT 2")
        pipeline:sync()
        assert.equal(2, second:scalar())
      end)
    end)
  end)

  it("raises the first error with its statement; what came after it did not run", function()
    engine:connect(function(conn)
      local before, after
      local _, err = pg.try(conn.pipeline, conn, function(pipeline)
        before = pipeline:exec_sql("INSERT INTO items VALUES (1)")
        pipeline:exec_sql("SELECT 1 / $1::int", { 0 })
        after = pipeline:exec_sql("SELECT 1 / $1::int", { 2 })
      end)
      assert.equal("22012", err.sqlstate)
      assert.equal("SELECT 1 / $1::int", err.sql)
      assert.equal("0", err.params)
      for _, result in ipairs{ before, after } do
        local _, awaited = pg.try(function() return result:all() end)
        assert.equal("InvalidRequestError", awaited.class)
      end
      conn:rollback()
      assert.equal(3, conn:exec_sql("SELECT 3"):scalar())
    end)
    assert.equal(0, count())
  end)

  it("can go on after an error that sync raised, inside a savepoint", function()
    engine:begin(function(conn)
      conn:exec_sql("INSERT INTO items VALUES (1)")
      local ok = pcall(conn.begin_nested, conn, function()
        conn:pipeline(function(pipeline) pipeline:exec_sql("INSERT INTO items VALUES (1)") end)
      end)
      assert.is_false(ok)
      conn:pipeline(function(pipeline) pipeline:exec_sql("INSERT INTO items VALUES (2)") end)
    end)
    assert.equal(2, count())
  end)

  it("is one transaction between two syncs under AUTOCOMMIT", function()
    engine:connect(function(conn)
      conn:execution_options{ isolation_level = "AUTOCOMMIT" }
      pg.try(conn.pipeline, conn, function(pipeline)
        pipeline:exec_sql("INSERT INTO items VALUES (1)")
        pipeline:sync()
        pipeline:exec_sql("INSERT INTO items VALUES (2)")
        pipeline:exec_sql("INSERT INTO items VALUES (1)")
      end)
    end)
    assert.equal(1, count())
  end)

  it("leaves the connection usable when its function raises, or a value is refused", function()
    engine:connect(function(conn)
      local mine = {}
      local _, err = pcall(conn.pipeline, conn, function(pipeline)
        pipeline:exec_sql("SELECT 1")
        error(mine)
      end)
      assert.equal(mine, err)
      _, err = pg.try(conn.pipeline, conn, function(pipeline)
        pipeline:exec_sql("INSERT INTO items VALUES (1)")
        pipeline:execute(pg.insert(items), { id = 2, embedding = { 1, 2 } })
      end)
      assert.truthy(err.message:find("expected 3 dimensions, not 2", 1, true))
      assert.equal(1, conn:exec_sql("SELECT 1"):scalar())
    end)
  end)

  local refused = {
    { "COPY", function(p) p:exec_sql("/* in */ COPY items FROM STDIN") end, "COPY cannot run in a pipeline" },
    { "a script", function(p) p:exec_sql("SELECT 1; SELECT 2") end, "script of several statements" },
    { "executemany", function(p) p:execute(pg.insert(items), { { id = 1 } }) end, "one execution" },
    { "a plain string", function(p) p:execute("SELECT 1") end, "wrap it in pg.text" },
  }
  for _, case in ipairs(refused) do
    it("refuses " .. case[1], function()
      engine:connect(function(conn)
        local _, err = pg.try(conn.pipeline, conn, function(pipeline)
          pipeline:exec_sql("SELECT 1")
          case[2](pipeline)
        end)
        assert.truthy(err.message:find(case[3], 1, true))
        assert.equal(1, conn:exec_sql("SELECT 1"):scalar())
      end)
    end)
  end

  it("keeps the connection to itself, and is over when it is", function()
    engine:connect(function(conn)
      local kept
      conn:pipeline(function(pipeline)
        kept = pipeline
        pipeline:exec_sql("SELECT 1")
        local _, err = pg.try(conn.exec_sql, conn, "SELECT 2")
        assert.equal("this connection is busy with a pipeline", err.message)
      end)
      local _, err = pg.try(kept.exec_sql, kept, "SELECT 1")
      assert.equal("this pipeline is over", err.message)
    end)
  end)

  it("sends search parameters with their statement only", function()
    engine:connect(function(conn)
      local settings = {}
      conn:pipeline(function(pipeline)
        pipeline:execute(pg.select(items.c.id):nearest(items.c.embedding, { 1, 2, 3 }, { limit = 1, ef_search = 77 }))
        settings[1] = pipeline:exec_sql("SELECT current_setting('hnsw.ef_search')")
      end)
      assert.equal("40", settings[1]:scalar())
    end)
  end)

  it("prepares a statement once, however many of its executions are under way", function()
    local log = {}
    engine:connect(function(conn)
      local sql = "SELECT $1::int * 2"
      local results = {}
      conn:pipeline(function(pipeline)
        for i = 1, 1000 do results[i] = pipeline:exec_sql(sql, { i }) end
      end)
      for i = 1, 1000 do log[i] = results[i]:scalar() end
      assert.equal(1, conn:exec_sql("SELECT count(*) FROM pg_prepared_statements WHERE statement = $1",
        { sql }):scalar())
    end)
    for i = 1, 1000 do assert.equal(2 * i, log[i]) end
  end)

  it("does not block when both sides have much to say", function()
    engine:connect(function(conn)
      local text, results = ("x"):rep(4000), {}
      conn:pipeline(function(pipeline)
        for i = 1, 3000 do results[i] = pipeline:exec_sql("SELECT repeat($1, 5)", { text }) end
      end)
      for i = 1, 3000 do assert.equal(20000, #results[i]:scalar()) end
    end)
  end)

  it("reports why the server went away", function()
    engine:connect(function(conn)
      local _, err = pg.try(conn.pipeline, conn, function(pipeline)
        pipeline:exec_sql("SELECT 1")
        pipeline:exec_sql("SELECT pg_terminate_backend(pg_backend_pid())")
        pipeline:exec_sql("SELECT 2")
      end)
      assert.equal("57P01", err.sqlstate)
      assert.is_true(err.is_disconnect)
    end)
  end)
end)
