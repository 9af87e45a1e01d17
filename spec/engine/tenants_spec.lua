-- Tables, types and sequences of one definition in the schemas of several
-- tenants, through one engine.

local db = require "spec.support.db"
local pg = require "pgvector"

local orm = pg.orm

describe("two tenants on one engine", function()
  local engine, url, drop, one, two
  local Mood = pg.Enum{ "sad", "fine", name = "mood" }
  local Base = orm.declarative_base()
  local Owner = Base:model("owners", {
    id = pg.Column{ pg.Integer, primary_key = true },
    name = pg.Column{ pg.Text },
    items = orm.relationship("items", { back_populates = "owner", order_by = "id" }),
  })
  local Item = Base:model("items", {
    id = pg.Column{ pg.Integer, primary_key = true },
    number = pg.Column{ pg.Integer, pg.Sequence "numbers" },
    owner_id = pg.Column{ pg.Integer, pg.ForeignKey "owners.id" },
    mood = pg.Column{ pg.TypeDecorator{ impl = Mood }, server_default = "fine" },
    moods = pg.Column{ pg.ARRAY(Mood), server_default = pg.literal({ "fine" }, pg.ARRAY(Mood)) },
    embedding = pg.Column{ pg.VECTOR(2) },
    owner = orm.relationship("owners", { back_populates = "items" }),
    pg.HNSW("embedding", { metric = "l2" }),
  })

  local function map_of(schema) return { [""] = schema } end

  setup(function()
    url, drop = db.create()
    db.psql("CREATE SCHEMA one; CREATE SCHEMA two", url)
    engine = pg.create_engine(url)
    one = engine:execution_options{ schema_translate_map = map_of "one" }
    two = engine:execution_options{ schema_translate_map = map_of "two" }
  end)
  teardown(function()
    engine:dispose()
    drop()
  end)
  before_each(function()
    for _, bind in ipairs{ one, two } do
      Base.metadata:create_all(bind)
      bind:begin(function(conn)
        conn:execute(pg.delete(Item):all_rows())
        conn:execute(pg.delete(Owner):all_rows())
      end)
    end
  end)
  after_each(function() assert.equal(0, engine:pool_status().checked_out) end)

  -- past what is tested here
  local function sql(text)
    return engine:begin(function(conn)
      local result = conn:exec_sql(text)
      return text:find "^SELECT" and result:scalar() or nil
    end)
  end

  -- what of a kind there is in the tenants' schemas
  local function existing(catalog, name, namespace, condition)
    return sql(([[SELECT coalesce(string_agg(n.nspname || '.' || %s, ' ' ORDER BY n.nspname, %s), '') FROM %s x
      JOIN pg_namespace n ON n.oid = x.%s WHERE n.nspname IN ('one', 'two') AND %s]])
      :format(name, name, catalog, namespace, condition))
  end
  local function relations(kind) return existing("pg_class", "relname", "relnamespace", "relkind = '" .. kind .. "'") end
  local function enums() return existing("pg_type", "typname", "typnamespace", "typtype = 'e'") end

  describe("have their own", function()
    it("tables, enums and sequences, made and dropped by create_all and drop_all", function()
      assert.equal("one.items one.owners two.items two.owners", relations "r")
      assert.equal("one.mood two.mood", enums())
      assert.equal("one.items_id_seq one.numbers one.owners_id_seq two.items_id_seq two.numbers two.owners_id_seq",
        relations "S")
      Base.metadata:create_all(one) -- finds what is there
      Base.metadata:drop_all(one)
      assert.equal("two.items two.owners", relations "r")
      assert.equal("two.mood", enums())
      Base.metadata:drop_all(one) -- finds nothing
    end)

    it("tables, made and dropped one by one", function()
      Item.__table:drop(two)
      Item.__table:drop(two, { checkfirst = true })
      assert.equal("one.items one.owners two.owners", relations "r")
      Item.__table:create(two, { checkfirst = true })
      Item.__table:create(two, { checkfirst = true })
      assert.equal("one.items one.owners two.items two.owners", relations "r")
    end)

    it("indexes", function()
      local index = pg.Index("by_mood", Item.mood)
      index:create(one)
      index:create(one, { checkfirst = true })
      assert.matches("one.by_mood", relations "i")
      assert.is_nil(relations("i"):find("two.by_mood", 1, true))
      index:create(two, { checkfirst = true })
      index:drop(one)
      index:drop(one, { checkfirst = true })
      assert.is_nil(relations("i"):find("one.by_mood", 1, true))
      index:drop(two)
      Item.__table.indexes[#Item.__table.indexes] = nil
    end)

    it("views and sequences that stand alone", function()
      local view = pg.View("sad_items", pg.select(Item.id):where(Item.mood:eq "sad"))
      local sequence = pg.Sequence "counts"
      view:create(one)
      sequence:create(one)
      assert.equal("one.sad_items", relations "v")
      assert.equal(1, one:connect(function(conn) return conn:scalar(pg.select(sequence:next_value())) end))
      assert.same({}, one:connect(function(conn) return conn:scalars(pg.select(view.c.id)):all() end))
      view:drop(two, { checkfirst = true })
      view:drop(one, { checkfirst = true })
      sequence:drop(one)
      assert.equal("", relations "v")
    end)

    it("comments, and DDL of events", function()
      local tbl = pg.Table("notes", pg.MetaData(), { pg.Column{ "id", pg.Integer } }, { comment = "here", schema = "app" })
      pg.listen(tbl, "after_create", pg.DDL "COMMENT ON COLUMN %(schema)s.%(table)s.id IS 'of %(schema)s, %(fullname)s'")
      local bind = engine:execution_options{ schema_translate_map = { app = "two" } }
      tbl:create(bind)
      assert.equal("here|of two, two.notes",
        sql("SELECT concat_ws('|', obj_description('two.notes'::regclass), col_description('two.notes'::regclass, 1))"))
      tbl:drop(bind)
    end)
  end)

  -- what is in the tables of both
  local function moods()
    return sql([[SELECT coalesce(string_agg(s, ' ' ORDER BY s), '') FROM (SELECT 'one.' || mood FROM one.items
      UNION ALL SELECT 'two.' || mood FROM two.items) AS t (s)]])
  end

  local writing = {
    { "INSERT", function(conn) conn:execute(pg.insert(Item):values{ mood = "sad", moods = { "sad" } }) end, "sad" },
    { "INSERT with parameters", function(conn) conn:execute(pg.insert(Item), { mood = "sad" }) end, "sad" },
    { "executemany", function(conn) conn:execute(pg.insert(Item), { { mood = "sad" }, { moods = { "sad" } } }) end,
      "sad", "fine" },
    { "a pipeline", function(conn)
      conn:pipeline(function(pipeline) pipeline:execute(pg.insert(Item):values{ mood = "sad" }) end)
    end, "sad" },
    { "copy_in", function(conn) conn:copy_in(Item, { "mood", "embedding" }, { { "sad", { 1, 2 } } }) end, "sad" },
    { "UPDATE", function(conn)
      conn:execute(pg.insert(Item), { {}, { mood = "sad" } })
      conn:execute(pg.update(Item):where(Item.mood:in_{ "fine" }):values{ mood = "sad" })
    end, "sad", "sad" },
    { "DELETE", function(conn)
      conn:execute(pg.insert(Item), { {}, { mood = "sad" } })
      conn:execute(pg.delete(Item):where(Item.mood:eq "fine"))
    end, "sad" },
  }
  for _, way in ipairs(writing) do
    it("write each to their own tables with " .. way[1], function()
      -- the same statements for both, one after the other and once more
      for round = 1, 2 do
        one:begin(way[2])
        two:begin(way[2])
        local expected = {}
        for _, tenant in ipairs{ "one.", "two." } do
          local of = {}
          for _ = 1, round do
            for i = 3, #way do of[#of + 1] = tenant .. way[i] end
          end
          table.sort(of)
          expected[#expected + 1] = table.concat(of, " ")
        end
        assert.equal(table.concat(expected, " "), moods())
      end
    end)
  end

  local reading = {
    { "a select", function(conn, stmt) return conn:scalars(stmt):all() end },
    { "a prepared select", function(conn, stmt)
      for _ = 1, 5 do conn:execute(stmt):close() end
      return conn:scalars(stmt):all()
    end },
    { "a stream", function(conn, stmt)
      return conn:execute(stmt:execution_options{ stream_results = true }):scalars():all()
    end },
    { "a cursor", function(conn, stmt) return { conn:cursor(stmt):fetchmany(5)[1].number } end },
    { "copy_out", function(conn, stmt)
      local list = {}
      conn:copy_out(stmt, function(row) list[#list + 1] = row.number end)
      return list
    end },
    { "copy_out of the table", function(conn)
      local list = {}
      conn:copy_out(Item, function(row) list[#list + 1] = row.number end)
      return list
    end },
    { "a pipeline", function(conn, stmt)
      local result
      conn:pipeline(function(pipeline) result = pipeline:execute(stmt) end)
      return result:scalars():all()
    end },
    { "a common table expression", function(conn, stmt)
      return conn:scalars(pg.select(stmt:cte("c").c.number)):all()
    end },
  }
  it("read each from their own tables, also with a statement that both use", function()
    one:begin(function(conn) conn:execute(pg.insert(Item):values{ number = 1, mood = "sad" }) end)
    two:begin(function(conn) conn:execute(pg.insert(Item):values{ number = 2, mood = "sad" }) end)
    local stmt = pg.select(Item.number):where(Item.mood:eq "sad")
    for _, way in ipairs(reading) do
      for _ = 1, 2 do
        assert.same({ 1 }, one:connect(function(conn) return way[2](conn, stmt) end), way[1])
        assert.same({ 2 }, two:connect(function(conn) return way[2](conn, stmt) end), way[1])
      end
    end
  end)

  it("tell functions by their own enums", function()
    local stmt = pg.select(pg.func.which(pg.literal("sad", Mood)))
    sql([[CREATE FUNCTION which(one.mood) RETURNS text LANGUAGE sql AS 'SELECT ''one'''
      ; CREATE FUNCTION which(two.mood) RETURNS text LANGUAGE sql AS 'SELECT ''two''']])
    for _ = 1, 2 do
      assert.equal("one", one:connect(function(conn) return conn:scalar(stmt) end))
      assert.equal("two", two:connect(function(conn) return conn:scalar(stmt) end))
    end
    sql("DROP FUNCTION which(one.mood); DROP FUNCTION which(two.mood)")
  end)

  it("have sessions that flush, load and delete in their own tables", function()
    local binds = { one = one, two = two }
    for _ = 1, 2 do
      for name, bind in pairs(binds) do
        local session = orm.Session(bind)
        session:add(Owner{ name = name, items = { Item{ mood = "sad", moods = { "sad" } }, Item{} } })
        session:commit()
        local owners = session:scalars(pg.select(Owner):options(orm.selectinload(Owner.items)):order_by(Owner.id)):all()
        assert.equal(1, #owners)
        local items = owners[1].items
        assert.equal(name, items[1].owner.name)
        items[2].mood = "sad"
        session:flush()
        assert.equal(items[2], session:scalars(pg.select(Item):where(Item.number:eq(items[2].number))):one())
        session:refresh(items[2])
        assert.equal("sad", items[2].mood)
        for _, item in ipairs(items) do session:delete(item) end
        session:delete(owners[1])
        session:commit()
        session:close()
      end
      assert.equal("", moods())
    end
  end)

  it("may be those of one connection, one after the other", function()
    engine:connect(function(conn)
      for _, name in ipairs{ "one", "two" } do
        conn:execution_options{ schema_translate_map = map_of(name) }
        conn:execute(pg.insert(Owner):values{ name = name })
      end
      assert.equal("two", conn:scalar(pg.select(Owner.name)))
      conn:execution_options{ schema_translate_map = map_of "one" }
      assert.equal("one", conn:scalar(pg.select(Owner.name)))
      local session = orm.Session(conn)
      assert.equal("one", session:scalars(pg.select(Owner)):one().name)
      session:close()
      conn:execution_options{ schema_translate_map = false }
      assert.error_matches(function() conn:scalar(pg.select(Owner.name)) end, 'relation "owners" does not exist')
    end)
  end)

  it("may be those of one statement, in which its own map counts", function()
    one:begin(function(conn) conn:execute(pg.insert(Owner):values{ name = "one", id = 7 }) end)
    local function of(name, ...)
      return pg.select(Owner):options(...):execution_options{ schema_translate_map = map_of(name) }
    end
    two:connect(function(conn)
      assert.equal("one", conn:execute(of "one"):one().name)
      assert.is_nil(conn:execute(of "two"):first())
    end)
    one:begin(function(conn) conn:execute(pg.insert(Item):values{ owner_id = 7 }) end)
    -- eager loading stays in the statement's schema
    for _, load in ipairs{ orm.selectinload(Owner.items), orm.joinedload(Owner.items) } do
      local session = orm.Session(two)
      local owner = session:scalars(of("one", load)):unique():one()
      assert.equal(7, owner.items[1].owner_id)
      session:close()
    end
  end)
end)

describe("execution options of an engine", function()
  local url, drop
  setup(function() url, drop = db.create() end)
  teardown(function() drop() end)

  it("are those of its connections", function()
    local engine = pg.create_engine(url, {
      isolation_level = "READ COMMITTED",
      execution_options = { isolation_level = "SERIALIZABLE", readonly = true, schema_translate_map = { [""] = "pg_catalog" } },
    })
    engine:connect(function(conn)
      assert.equal("serializable", conn:exec_sql("SHOW transaction_isolation"):scalar())
      assert.equal("on", conn:exec_sql("SHOW transaction_read_only"):scalar())
      assert.is_not_nil(conn:scalar(pg.select(pg.table("pg_class", "relname").c.relname):limit(1)))
    end)
    engine:dispose()
  end)

  it("are added by a view of the engine, which shares its pool and its listeners", function()
    local engine = pg.create_engine(url, { pool_size = 1, max_overflow = 0, pool_timeout = 0.1 })
    local view = engine:execution_options{ readonly = true }
    local strict = view:execution_options{ isolation_level = "SERIALIZABLE", timeout = 0.05 }
    assert.equal(tostring(engine), tostring(strict))
    local begun = 0
    local function count() begun = begun + 1 end
    pg.listen(view, "begin", count)
    local function settings(conn)
      return { conn:exec_sql("SHOW transaction_read_only"):scalar(), conn:exec_sql("SHOW transaction_isolation"):scalar() }
    end
    assert.same({ "off", "read committed" }, engine:connect(settings))
    assert.same({ "on", "read committed" }, view:connect(settings))
    assert.same({ "on", "serializable" }, strict:connect(settings))
    assert.equal(3, begun)
    pg.remove(engine, "begin", count)

    local conn = view:connect()
    assert.same(engine:pool_status(), view:pool_status())
    assert.is_true(pg.is_error(select(2, pcall(engine.connect, engine)), "TimeoutError"))
    conn:close()
    assert.error_matches(function()
      strict:connect(function(c) c:exec_sql "SELECT pg_sleep(5)" end)
    end, "did not answer in time")
    assert.same({ "off", "read committed" }, engine:connect(settings))
    engine:dispose()
  end)

  local refused = {
    { "an option it does not know", { isolation = "SERIALIZABLE" }, "unknown option 'isolation'" },
    { "a level it does not know", { isolation_level = "SERIAL" }, "unknown level 'SERIAL'" },
    { "a map that is none", { schema_translate_map = "app" }, "schema_translate_map: expected a table, got string" },
    { "a map to nothing", { schema_translate_map = { app = "" } }, "expected names by names" },
    { "a flag that is none", { readonly = 1 }, "readonly: expected true or false, got 1" },
  }
  for _, case in ipairs(refused) do
    it("refuse " .. case[1], function()
      local engine = pg.create_engine(url)
      assert.error_matches(function() pg.create_engine(url, { execution_options = case[2] }) end, case[3])
      assert.error_matches(function() engine:execution_options(case[2]) end, case[3])
      engine:connect(function(conn)
        assert.error_matches(function() conn:execution_options(case[2]) end, case[3])
      end)
      engine:dispose()
    end)
  end
end)
