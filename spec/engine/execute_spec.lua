local db = require "spec.support.db"
local pg = require "pgvector"
local statement = require "pgvector.engine.statement"

describe("execute", function()
  local engine, drop
  local metadata = pg.MetaData()
  local docs = pg.Table("docs", metadata, {
    pg.Column{ "id", pg.BigInteger, primary_key = true },
    pg.Column{ "title", pg.Text, server_default = "untitled" },
    pg.Column{ "meta", pg.JSONB },
    pg.Column{ "embedding", pg.VECTOR(3) },
    pg.Column{ "created", pg.DateTime{ timezone = true, as = "epoch" } },
    pg.Column{ "tags", pg.ARRAY(pg.Text) },
    pg.Column{ "stamp", pg.Integer, default = function() return 42 end },
  })

  setup(function()
    local url
    url, drop = db.create()
    engine = pg.create_engine(url)
    metadata:create_all(engine)
  end)
  teardown(function()
    engine:dispose()
    drop()
  end)
  before_each(function() engine:begin(function(conn) conn:exec_sql("TRUNCATE docs") end) end)
  after_each(function() assert.equal(0, engine:pool_status().checked_out) end)

  it("takes expressions among the values of rows", function()
    engine:begin(function(conn)
      conn:execute(pg.insert(docs), {
        { id = 1, title = pg.default, meta = pg.literal({ a = 1 }, pg.JSONB) },
        { id = 2, title = pg.func.upper("b"), tags = pg.func.string_to_array("x,y", ",") },
        { id = 3, title = "c" },
      })
      conn:execute(pg.update(docs):where(docs.c.id:eq(pg.bindparam "b_id")), { b_id = 3, title = docs.c.title .. "!" })
      local rows = conn:execute(pg.select(docs.c.title, docs.c.meta, docs.c.tags):order_by(docs.c.id)):all()
      assert.same({ "untitled", "B", "c!" }, { rows[1].title, rows[2].title, rows[3].title })
      assert.same({ a = 1 }, rows[1].meta)
      assert.same({ "x", "y" }, rows[2].tags)
      assert.equal(pg.vector{ 1, 2 },
        conn:execute(pg.text "SELECT :v", { v = pg.literal({ 1, 2 }, pg.VECTOR(2)) }):scalar())
    end)
    engine:connect(function(conn)
      assert.error_matches(function()
        conn:execute(pg.select(docs.c.id):where(docs.c.id:eq(pg.bindparam "x")), { x = pg.func.now() })
      end, "params: 'x': expected a value, got a SQL expression")
    end)
  end)

  it("takes pg.literal for a parameter of raw SQL whose type nothing else tells", function()
    engine:connect(function(conn)
      local row = conn:exec_sql("SELECT $1 AS a, $2 AS b, $3 AS c", {
        pg.literal({ 1, 2 }, pg.ARRAY(pg.Integer)), "text", pg.literal({ a = 1 }, pg.JSONB),
      }):one()
      assert.same({ 1, 2 }, row.a)
      assert.equal("text", row.b)
      assert.same({ a = 1 }, row.c)
      assert.error_matches(function() conn:exec_sql("SELECT $1", { pg.func.now() }) end,
        "params: %$1: expected a value, got a SQL expression")
    end)
  end)

  it("takes a list for a named parameter of in_ and not_in", function()
    engine:begin(function(conn)
      conn:execute(pg.insert(docs), { { id = 1 }, { id = 2 }, { id = 3 } })
      local some = pg.select(docs.c.id):where(docs.c.id:in_(pg.bindparam "ids")):order_by(docs.c.id)
      assert.same({ 1, 3 }, conn:execute(some, { ids = { 3, 1 } }):scalars():all())
      assert.same({}, conn:execute(some, { ids = {} }):scalars():all())
      local others = pg.select(docs.c.id):where(docs.c.id:not_in(pg.bindparam "ids"))
      assert.same({ 2 }, conn:execute(others, { ids = { 3, 1 } }):scalars():all())
    end)
  end)

  it("does nothing for an empty list of rows", function()
    engine:begin(function(conn)
      assert.equal(0, conn:execute(pg.insert(docs), {}).rowcount)
      local result = conn:execute(pg.insert(docs):returning(docs.c.id, docs.c.title), {})
      assert.same({ "id", "title" }, result:keys())
      assert.same({}, result:all())
      assert.equal(0, conn:exec_sql("SELECT count(*) FROM docs"):scalar())
      conn:execute(pg.insert(docs):values{ id = 100 }, {})
      assert.equal(2, conn:execute(pg.insert(docs), { {}, {} }).rowcount)
      assert.equal(1, conn:execute(pg.insert(docs)).rowcount)
      assert.equal(4, conn:exec_sql("SELECT count(*) FROM docs"):scalar())
    end)
  end)

  it("converts values by the columns' types, both ways", function()
    engine:begin(function(conn)
      conn:execute(pg.insert(docs):values{
        id = 1, title = "one", meta = { a = { 1, pg.null } }, embedding = { 1, 2, 3 }, created = 1700000000.25,
        tags = { "x", pg.null },
      })
      local row = conn:execute(pg.select(docs)):one()
      assert.equal(1, row.id)
      assert.same({ a = { 1, pg.null } }, row.meta)
      assert.equal(pg.vector{ 1, 2, 3 }, row.embedding)
      assert.equal(1700000000.25, row.created)
      assert.same({ "x", pg.null }, row.tags)
      assert.equal(42, row.stamp)
    end)
  end)

  it("names the column and the parameter of a value that is refused", function()
    engine:connect(function(conn)
      local insert = pg.insert(docs):values{ id = 1, embedding = { 1, 2 } }
      local _, err = pg.try(conn.execute, conn, insert)
      assert.equal("DataError", err.class)
      assert.equal("22000", err.sqlstate)
      assert.equal("parameter 2 (embedding): expected 3 dimensions, not 2", err.message)
    end)
  end)

  it("takes named parameters, and refuses missing and unknown ones", function()
    engine:connect(function(conn)
      local stmt = pg.select(pg.literal_column("1")):where(pg.bindparam("x", { type = pg.Integer }):eq(5))
      assert.equal(1, conn:execute(stmt, { x = 5 }):scalar())
      assert.is_nil(conn:execute(stmt, { x = 6 }):scalar())
      local _, err = pg.try(conn.execute, conn, stmt)
      assert.equal("a value is required for the parameter 'x'", err.message)
      _, err = pg.try(conn.execute, conn, stmt, { x = 5, y = 6 })
      assert.truthy(err.message:find("the statement has no parameter 'y'", 1, true))
    end)
  end)

  it("runs a prepared text with its columns' types", function()
    engine:connect(function(conn)
      local text = pg.text("SELECT :v || 'x' AS y", { v = "a" })
      assert.equal("ax", conn:scalar(text))
      assert.equal("bx", conn:scalar(text, { v = "b" }))
    end)
  end)

  describe("with a list of rows", function()
    it("runs the statement for each, in one conversation", function()
      engine:begin(function(conn)
        local rows = {}
        for i = 1, 1000 do rows[i] = { id = i, title = "t" .. i, embedding = { i, i, i } } end
        assert.equal(1000, conn:execute(pg.insert(docs), rows).rowcount)
        assert.equal(1000, conn:exec_sql("SELECT count(*) FROM docs"):scalar())
        assert.equal(pg.vector{ 7, 7, 7 }, conn:scalar(pg.select(docs.c.embedding):where(docs.c.id:eq(7))))
      end)
    end)

    it("takes a missing key as DEFAULT and pg.null as NULL", function()
      engine:begin(function(conn)
        conn:execute(pg.insert(docs), { { id = 1, title = "a" }, { id = 2 }, { id = 3, title = pg.null } })
        assert.same({ "a", "untitled", pg.null },
          conn:scalars(pg.select(docs.c.title):order_by(docs.c.id)):all())
      end)
    end)

    it("compiles a statement once for each set of names", function()
      local t = pg.table("t", pg.column("n", pg.Integer), pg.column("latest", pg.Text))
      local insert = pg.insert(t)
      local rows = { { n = 1 }, { latest = "x" }, { n = 2, latest = "y" }, { n = 3 }, { latest = "z", n = 4 } }
      local texts, compilations = {}, {}
      for i, row in ipairs(rows) do
        compilations[i] = statement.compile(insert, row)
        texts[i] = compilations[i].sql
      end
      assert.same({ "INSERT INTO t (n) VALUES ($1)", "INSERT INTO t (latest) VALUES ($1)",
        "INSERT INTO t (n, latest) VALUES ($1, $2)", "INSERT INTO t (n) VALUES ($1)",
        "INSERT INTO t (n, latest) VALUES ($1, $2)" }, texts)
      assert.is_true(compilations[1] == compilations[4] and compilations[3] == compilations[5])
      assert.equal("INSERT INTO t (n) VALUES ($1) RETURNING t.n", statement.compile(insert:returning(t.c.n), rows[1]).sql)
    end)

    it("returns the rows of all, in the order of the list", function()
      engine:begin(function(conn)
        local result = conn:execute(pg.insert(docs):returning(docs.c.id, docs.c.title),
          { { id = 3, title = "c" }, { id = 1 }, { id = 2, title = "b" } })
        assert.same({ { 3, "c", id = 3, title = "c" }, { 1, "untitled", id = 1, title = "untitled" },
          { 2, "b", id = 2, title = "b" } }, result:all())
        assert.equal(3, result.rowcount)
      end)
    end)

    it("updates and deletes by parameters", function()
      engine:begin(function(conn)
        conn:execute(pg.insert(docs), { { id = 1 }, { id = 2 }, { id = 3 } })
        local update = pg.update(docs):where(docs.c.id:eq(pg.bindparam("which", { type = pg.BigInteger })))
          :values{ title = pg.bindparam("new", { type = pg.Text }) }
        assert.equal(2, conn:execute(update, { { which = 1, new = "one" }, { which = 3, new = "three" } }).rowcount)
        local delete = pg.delete(docs):where(docs.c.id:eq(pg.bindparam("which", { type = pg.BigInteger })))
        assert.equal(1, conn:execute(delete, { { which = 2 }, { which = 99 } }).rowcount)
        assert.same({ "one", "three" }, conn:scalars(pg.select(docs.c.title):order_by(docs.c.id)):all())
        local by_id = pg.update(docs):where(docs.c.id:eq(pg.bindparam("which", { type = pg.BigInteger })))
        conn:execute(by_id, { { which = 1, title = "a" }, { which = 3, title = "b", stamp = 7 } })
        assert.same({ { "a", 42 }, { "b", 7 } }, (function()
          local rows = {}
          for i, title, stamp in conn:execute(pg.select(docs.c.title, docs.c.stamp):order_by(docs.c.id)):tuples() do
            rows[i] = { title, stamp }
          end
          return rows
        end)())
      end)
    end)

    it("does nothing when one of the values is refused here, and goes on in the same transaction", function()
      engine:begin(function(conn)
        conn:execute(pg.insert(docs):values{ id = 1000 })
        local rows = {}
        for i = 1, 200 do rows[i] = { id = i, embedding = { 1, 2, 3 } } end
        rows[150].embedding = { 1, 2 }
        local _, err = pg.try(conn.execute, conn, pg.insert(docs), rows)
        assert.truthy(err.message:find("expected 3 dimensions, not 2", 1, true))
        assert.same({ 1000 }, conn:scalars(pg.select(docs.c.id)):all())
      end)
      engine:connect(function(conn) assert.equal(1, conn:exec_sql("SELECT count(*) FROM docs"):scalar()) end)
    end)

    it("raises the server's error of the row that caused it, and stores nothing", function()
      local _, err = pg.try(engine.begin, engine, function(conn)
        conn:execute(pg.insert(docs), { { id = 2 }, { id = 1 }, { id = 1 }, { id = 3 } })
      end)
      assert.equal("IntegrityError", err.class)
      assert.equal("Key (id)=(1) already exists.", err.detail)
      assert.equal("1, 42", err.params)
      engine:connect(function(conn)
        assert.equal(0, conn:exec_sql("SELECT count(*) FROM docs"):scalar())
      end)
    end)

    it("is all or nothing under AUTOCOMMIT too", function()
      engine:connect(function(conn)
        conn:execution_options{ isolation_level = "AUTOCOMMIT" }
        local _, err = pg.try(conn.execute, conn, pg.insert(docs), { { id = 1 }, { id = 1 } })
        assert.equal("23505", err.sqlstate)
        assert.equal(0, conn:exec_sql("SELECT count(*) FROM docs"):scalar())
        conn:execute(pg.insert(docs), { { id = 1 }, { id = 2 } })
        assert.is_false(conn:in_transaction())
      end)
    end)

    it("sends more than the socket takes at once without a deadlock", function()
      engine:begin(function(conn)
        local rows = {}
        local long = ("x"):rep(4000)
        for i = 1, 3000 do rows[i] = { id = i, title = long } end
        local result = conn:execute(pg.insert(docs):returning(docs.c.title), rows)
        assert.equal(3000, result.rowcount)
        assert.equal(long, result:first().title)
      end)
    end)

    it("refuses rows that are no tables", function()
      engine:connect(function(conn)
        local _, err = pg.try(conn.execute, conn, pg.insert(docs), { { id = 1 }, 5 })
        assert.equal("params: row 2: expected a table, got number", err.message)
      end)
    end)
  end)

  describe("of statements that are built anew", function()
    local function counting(module, name, fn)
      local original, calls = module[name], 0
      module[name] = function(...)
        calls = calls + 1
        return original(...)
      end
      local ok, err = pcall(fn)
      module[name] = original
      if not ok then error(err, 0) end
      return calls
    end

    it("finds out once what the server and the core need to know", function()
      engine:connect(function(conn)
        local function run(i)
          assert.equal(i, conn:scalar(pg.text("SELECT CAST(:i AS int) + length('')", { i = i })))
          assert.equal(i, conn:scalar(pg.select(pg.func.abs(pg.literal(i, pg.Integer)))))
          conn:scalar(pg.select(docs.c.embedding:cast(pg.HALFVEC(3)):l2_distance{ 1, 2, i }))
        end
        run(1)
        assert.equal(0, counting(require "pgvector.driver.execute", "describe", function() run(2) end))
        assert.equal(0, counting(require "pgvector.core", "encoder", function() run(3) end))
        assert.equal(0, counting(require "pgvector.core", "decoder", function() run(4) end))
      end)
    end)

    it("keeps apart what has the same text but other types, or parameters of other names", function()
      engine:connect(function(conn)
        local function times(n)
          return pg.TypeDecorator{ impl = pg.Integer, result = function(value) return value * n end }
        end
        local function select(value, type_) return pg.select(pg.literal(value, type_):label "x") end
        for _ = 1, 2 do
          assert.equal(10, conn:scalar(select(5, times(2))))
          assert.equal(15, conn:scalar(select(5, times(3))))
          assert.equal("5", conn:scalar(select("5", pg.Text)))
          assert.equal("x", conn:scalar(select("x", pg.String(1))))
        end
        for _, name in ipairs{ "a", "b" } do
          local ok, err = pcall(conn.scalar, conn, pg.select(pg.bindparam(name, { type = pg.Integer }):label "x"),
            { [name] = "no number" })
          assert.is_false(ok)
          assert.truthy(tostring(err):find("parameter 1 (" .. name .. ")", 1, true), tostring(err))
        end
      end)
    end)
  end)

  it("copies into a table object, by its keys, with its conversions", function()
    engine:begin(function(conn)
      assert.equal(2, conn:copy_in(docs, { "id", "meta", "embedding", "created" }, {
        { 1, { a = 1 }, { 1, 2, 3 }, 1700000000 }, { 2, { 1, 2 }, pg.null, pg.null },
      }))
      assert.same({ { a = 1 }, { 1, 2 } }, conn:scalars(pg.select(docs.c.meta):order_by(docs.c.id)):all())
      assert.equal(1700000000, conn:scalar(pg.select(docs.c.created):where(docs.c.id:eq(1))))
      local _, err = pg.try(conn.copy_in, conn, docs, { "id", "titel" }, {})
      assert.equal("copy_in: table 'docs' has no column 'titel', did you mean 'title'?", err.message)
    end)
  end)
end)
