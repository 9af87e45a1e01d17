local db = require "spec.support.db"
local pg = require "pgvector"
local orm = pg.orm

describe("a session", function()
  local engine, url, drop, Base, Item, Owner, Session, statements

  setup(function()
    url, drop = db.create()
    statements = {}
    engine = pg.create_engine(url, { echo = function(sql) statements[#statements + 1] = sql end })
    Base = orm.declarative_base{ naming_convention = "default" }
    Owner = Base:model("owners", {
      id = pg.Column{ pg.BigInteger, primary_key = true },
      email = pg.Column{ pg.Text, nullable = false, unique = true },
    })
    Item = Base:model("items", {
      id = pg.Column{ pg.BigInteger, primary_key = true },
      owner_id = pg.Column{ pg.BigInteger, pg.ForeignKey("owners.id") },
      title = pg.Column{ pg.Text, nullable = false },
      meta = pg.Column{ pg.JSONB, default = function() return { made = true } end },
      tags = pg.Column{ pg.ARRAY(pg.Text) },
      embedding = pg.Column{ pg.VECTOR(3) },
      changed = pg.Column{ pg.Integer, default = 0, onupdate = pg.func.coalesce(pg.literal_column "changed", 0) + 1 },
      created = pg.Column{ pg.DateTime{ timezone = true }, server_default = pg.func.now() },
      length = pg.Column{ pg.Integer, pg.Computed "char_length(title)" },
      search = pg.Column{ pg.TSVECTOR, pg.Computed "to_tsvector('english', title)", deferred = true },
    })
    Base:model("pairs", {
      a = pg.Column{ pg.Integer, primary_key = true }, b = pg.Column{ pg.Text, primary_key = true },
      value = pg.Column{ pg.Text },
    })
    Base.metadata:create_all(engine)
    Session = orm.sessionmaker{ bind = engine }
  end)
  teardown(function()
    engine:dispose()
    drop()
  end)

  local session
  before_each(function()
    db.psql("TRUNCATE items, owners, pairs RESTART IDENTITY", url)
    session = Session()
  end)
  after_each(function()
    session:close()
    assert.equal(0, engine:pool_status().checked_out)
  end)

  -- The statements that fn runs, without those that begin and end transactions.
  local function statements_of(fn)
    local first = #statements + 1
    fn()
    local list = {}
    for i = first, #statements do
      if not statements[i]:find("^%u+$") and not statements[i]:find("SAVEPOINT") then list[#list + 1] = statements[i] end
    end
    return list
  end

  local function count(name) return tonumber(db.psql("SELECT count(*) FROM " .. name, url)) end

  local function stored(values)
    local item = Item(values or { title = "x" })
    session:add(item)
    session:commit()
    return item
  end

  describe("flush", function()
    it("inserts what was added and reads back what the server made", function()
      local item = Item{ title = "words", embedding = { 1, 2, 3 } }
      session:add(item)
      assert.same({ item }, session.new)
      session:flush()
      assert.same({}, session.new)
      assert.same({ 1, 5, true, 0 }, { item.id, item.length, item.meta.made, item.changed })
      assert.truthy(item.created)
      assert.is_nil(item.tags)
    end)

    it("inserts in the order of the foreign keys, and of adding within a table", function()
      local owner = Owner{ id = 7, email = "a" }
      session:add_all{ Item{ title = "1", owner_id = 7 }, Item{ title = "2", owner_id = 7 }, owner }
      session:flush()
      local titles = session:scalars(pg.select(Item.title):order_by(Item.id)):all()
      assert.same({ "1", "2" }, titles)
    end)

    it("inserts many in one conversation, each with its own key", function()
      local items = {}
      for i = 1, 100 do items[i] = Item{ title = tostring(i), tags = i % 2 == 0 and { "even" } or nil } end
      session:add_all(items)
      session:flush()
      for i, item in ipairs(items) do assert.equal(i, item.id) end
    end)

    it("keeps an explicit NULL apart from what was not given", function()
      stored{ title = "a", meta = pg.null, changed = pg.null }
      assert.equal("|", db.psql("SELECT meta, changed FROM items", url))
    end)

    it("takes an SQL expression as a value", function()
      local item = stored()
      item.title = pg.func.upper("quiet")
      session:flush()
      assert.equal("QUIET", item.title)
    end)

    it("updates only what has changed, and fetches what changes with it", function()
      local item = stored{ title = "one", tags = { "a" } }
      assert.equal(3, item.length)
      item.title = "three"
      local sql = statements_of(function() session:flush() end)
      assert.equal(1, #sql)
      assert.truthy(sql[1]:find("^UPDATE items SET title=%$%d, changed="))
      assert.is_nil(sql[1]:find("tags=", 1, true))
      assert.same({ 5, 1 }, { item.length, item.changed })
    end)

    it("writes nothing for a value that stays the same", function()
      local item = stored{ title = "one", embedding = { 0.1, 0.2, 0.3 }, tags = { "a" } }
      assert.truthy(item.embedding)
      local sql = statements_of(function()
        item.title = "one"
        item.embedding = { 0.1, 0.2, 0.3 } -- Lua's 0.1 is not the 0.1 that a vector holds
        item.tags = { "a" }
        item.meta.made = false
        item.meta.made = true
        assert.same({}, session.dirty)
        session:flush()
      end)
      assert.same({}, sql)
    end)

    it("notices changes inside JSON and arrays", function()
      local item = stored{ title = "one", tags = { "a" } }
      item.meta.deep = { 1 }
      table.insert(item.tags, "b")
      session:commit()
      table.insert(item.meta.deep, 2)
      assert.is_true(session:is_modified(item))
      session:commit()
      assert.same({ 1, 2 }, { item.meta.deep[1], item.meta.deep[2] })
      assert.same({ "a", "b" }, item.tags)
    end)

    it("notices a change inside a table that the constructor was given", function()
      local meta = { a = 1 }
      session:add(Item{ title = "x", meta = meta })
      session:flush()
      meta.a = 2
      session:commit()
      assert.equal("2", db.psql("SELECT meta ->> 'a' FROM items", url))
    end)

    it("does not lose a change inside JSON when the instance is not kept", function()
      local id = stored().id
      local meta = session:get(Item, id).meta
      meta.later = true
      collectgarbage()
      collectgarbage()
      session:commit()
      assert.equal("true", db.psql("SELECT meta ->> 'later' FROM items", url))
    end)

    it("writes what is flagged although it looks the same", function()
      local item = stored()
      orm.flag_modified(item, "title")
      assert.equal(1, #statements_of(function() session:flush() end))
    end)

    it("deletes", function()
      local item = stored()
      assert.equal("x", item.title)
      session:delete(item)
      assert.same({ item }, session.deleted)
      session:flush()
      assert.equal("x", item.title)
      session:commit()
      assert.equal(0, count "items")
      assert.is_false(session:contains(item))
    end)

    it("changes a primary key", function()
      local item = stored()
      item.id = 50
      session:commit()
      assert.equal(item, session:get(Item, 50))
      assert.equal("50", db.psql("SELECT id FROM items", url))
    end)

    it("replaces a row whose object is deleted by a new one of its key", function()
      local old = stored{ title = "old", tags = { "a" } }
      session:delete(old)
      local new = Item{ id = old.id, title = "new" }
      session:add(new)
      local sql = statements_of(function() session:flush() end)
      assert.equal(1, #sql)
      assert.truthy(sql[1]:find "^UPDATE")
      assert.is_true(rawequal(new, session:get(Item, 1)))
      assert.same({ "new", 3 }, { new.title, new.length })
      session:rollback()
      assert.is_true(rawequal(old, session:get(Item, 1)))
      session:delete(old)
      session:add(new)
      session:commit()
      assert.equal("new|", db.psql("SELECT title, tags FROM items", url))
    end)

    it("says so when the row to be updated is gone", function()
      local item = stored()
      assert.equal("x", item.title)
      db.psql("DELETE FROM items", url)
      item.title = "y"
      assert.error_matches(function() session:flush() end, "StaleDataError: UPDATE on table 'items' expected to match 1 row")
    end)

    it("refuses a vector of the wrong length before anything is sent", function()
      session:add(Item{ title = "x", embedding = { 1, 2 } })
      assert.error_matches(function() session:flush() end, "expected 3 dimensions, not 2")
    end)
  end)

  describe("identity", function()
    it("is one instance for one row", function()
      local item = stored()
      assert.is_true(rawequal(item, session:get(Item, 1)))
      assert.is_true(rawequal(item, session:scalars(pg.select(Item)):one()))
    end)

    it("does not depend on the key's Lua type", function()
      local item = stored()
      assert.is_true(rawequal(item, session:get(Item, "1")))
      assert.is_true(rawequal(item, session:get(Item, 1.0)))
    end)

    it("takes composite keys by position or by name", function()
      local Pair = Base:_model_of "pairs"
      session:add(Pair{ a = 1, b = "x", value = "v" })
      session:commit()
      assert.equal("v", session:get(Pair, { 1, "x" }).value)
      assert.equal("v", session:get(Pair, { a = 1, b = "x" }).value)
      assert.error_matches(function() session:get(Pair, { 1 }) end, "'b' is missing")
      assert.error_matches(function() session:get(Pair, { 1, "x", 2 }) end, "got 3 values")
    end)

    it("is asked without a query for what is loaded", function()
      local item = stored()
      assert.equal("x", item.title)
      assert.same({}, statements_of(function() session:get(Item, 1) end))
    end)

    it("lets go of instances that nobody holds", function()
      stored()
      session:expire_all()
      local weak = setmetatable({ session:get(Item, 1) }, { __mode = "v" })
      collectgarbage()
      collectgarbage()
      assert.is_nil(weak[1])
    end)

    it("finds nothing as nil, or raises", function()
      assert.is_nil(session:get(Item, 5))
      assert.error_matches(function() session:get_one(Item, 5) end, "NoResultFound")
      assert.error_matches(function() session:get(Item, nil) end, "the key is nil")
      assert.error_matches(function() session:get(Item, pg.null) end, "is missing")
      assert.error_matches(function() session:get("items", 1) end, "expected a model")
    end)
  end)

  describe("loading", function()
    it("gives instances, alone or beside values", function()
      stored{ title = "a" }
      stored{ title = "b" }
      local rows = session:execute(pg.select(Item, Item.id:label "number"):order_by(Item.id)):all()
      assert.same({ "a", 1, "b", 2 }, { rows[1][1].title, rows[1].number, rows[2].items.title, rows[2][2] })
      for _, item, id in session:execute(pg.select(Item, Item.id)):tuples() do assert.equal(item.id, id) end
    end)

    it("gives plain rows for plain columns", function()
      stored{ title = "a" }
      assert.equal("a", session:execute(pg.select(Item.title)):first().title)
      assert.equal(1, session:scalar(pg.select(pg.func.count()):select_from(Item)))
    end)

    it("leaves a deferred column out until it is read", function()
      local item = stored{ title = "words" }
      session:expunge_all()
      local sql = statements_of(function() item = session:scalars(pg.select(Item)):one() end)
      assert.is_nil(sql[1]:find("search", 1, true))
      assert.equal("'word':1", item.search)
    end)

    it("reads all that has expired at once", function()
      local item = stored()
      local sql = statements_of(function() assert.same({ "x", true }, { item.title, item.meta.made }) end)
      assert.equal(1, #sql)
    end)

    it("does not overwrite unsaved changes with a row", function()
      local item = stored()
      item.title = "unsaved"
      session:no_autoflush(function() session:scalars(pg.select(Item)):all() end)
      assert.equal("unsaved", item.title)
    end)

    it("reads again on refresh, and overwrites with populate_existing", function()
      local item = stored()
      assert.equal("x", item.title)
      db.psql("UPDATE items SET title = 'y'", url)
      assert.equal("x", session:get(Item, 1).title)
      assert.equal("y", session:get(Item, 1, { populate_existing = true }).title)
      db.psql("UPDATE items SET title = 'z'", url)
      session:refresh(item, { "title" })
      assert.equal("z", item.title)
    end)

    it("says so when an expired row is gone", function()
      local item = stored()
      db.psql("DELETE FROM items", url)
      assert.error_matches(function() return item.title end, "ObjectDeletedError")
    end)

    it("flushes before a query, unless told not to", function()
      session:add(Item{ title = "a" })
      session:no_autoflush(function()
        assert.equal(0, session:scalar(pg.select(pg.func.count()):select_from(Item)))
      end)
      assert.equal(1, session:scalar(pg.select(pg.func.count()):select_from(Item)))
    end)

    it("reads again what an UPDATE or DELETE of its own has changed", function()
      local item = stored()
      assert.equal("x", item.title)
      session:execute(pg.update(Item):where(Item.id:eq(1)):values{ title = "y" })
      assert.equal("y", item.title)
      session:execute(pg.delete(Item):where(Item.id:eq(1)))
      assert.error_matches(function() return item.title end, "ObjectDeletedError")
    end)

    it("has the older query, too", function()
      stored{ title = "a" }
      stored{ title = "b" }
      local items = session:query(Item)
      assert.equal(2, items:count())
      assert.equal("b", items:filter(Item.title:gt "a"):one().title)
      assert.equal("a", items:filter_by{ title = "a" }:first().title)
      assert.is_nil(items:filter_by{ title = "z" }:one_or_none())
      assert.same({ "b", "a" }, session:query(Item.title):order_by(Item.title:desc()):all())
      local row = session:query(Item.id, Item.title):order_by(Item.id):first()
      assert.same({ 1, "a" }, { row[1], row.title })
      local ordered, seen = items:order_by(Item.id), {}
      for item in ordered do -- luacheck: ignore 512
        seen[#seen + 1] = item.id
        break
      end
      for item in ordered do seen[#seen + 1] = item.id end -- a loop begins anew
      assert.same({ 1, 1, 2 }, seen)
      assert.equal(1, items:filter_by{ title = "a" }:update{ title = "c" })
      assert.equal(2, items:delete())
      assert.equal(0, items:count())
    end)

    it("nests loops over one older query, also where some are left", function()
      for _, title in ipairs{ "a", "b", "c" } do stored{ title = title } end
      local objects, values = session:query(Item):order_by(Item.id), session:query(Item.title):order_by(Item.id)
      local pairs_ = {}
      for outer in objects do
        for inner in objects do
          if inner.title == "c" then break end
          pairs_[#pairs_ + 1] = outer.title .. inner.title
        end
      end
      assert.equal("aa ab ba bb ca cb", table.concat(pairs_, " "))
      local turns = 0
      for _ in values do
        for _ in values do
          for _ in values do turns = turns + 1 end
        end
      end
      assert.equal(27, turns)
      for _ = 1, 100 do
        for _ in values do break end -- luacheck: ignore 512
      end
      assert.is_true(#values._loops < 100)
      assert.error_matches(function() values(nil, "z") end, "loop over query:all()")
      for _ in values do turns = turns + 1 end
      assert.equal(30, turns)
    end)

    it("refuses to update or delete more rows than the older query is about", function()
      stored{ title = "a" }
      local items = session:query(Item)
      for _, query in ipairs{ items:limit(1), items:order_by(Item.id), items:distinct() } do
        local _, err = pg.try(query.delete, query)
        assert.equal("InvalidRequestError", err.class)
        assert.truthy(err.message:find("update and delete do not go with", 1, true))
      end
      assert.equal(1, items:count())
    end)

    it("returns instances of RETURNING", function()
      local item = session:scalars(pg.insert(Item):values{ title = "a" }:returning(Item)):one()
      assert.is_true(session:contains(item))
      assert.equal("a", item.title)
    end)
  end)

  describe("a transaction", function()
    it("keeps nothing without commit", function()
      session:add(Item{ title = "a" })
      session:flush()
      session:close()
      assert.equal(0, count "items")
    end)

    it("rolls objects back: new ones are new again, deleted ones are back, others are read again", function()
      local kept, removed = stored{ title = "kept" }, stored{ title = "removed" }
      local new = Item{ title = "new" }
      session:add(new)
      session:delete(removed)
      kept.title = "changed"
      session:flush()
      session:rollback()
      assert.same({ "kept", "removed" }, { kept.title, removed.title })
      assert.is_nil(new.id)
      assert.is_false(session:contains(new))
      session:add(new)
      session:commit()
      assert.equal(3, count "items")
    end)

    it("rolls back changes of objects although no statement ran since the last commit", function()
      local item, removed = stored{ title = "a", meta = { n = 1 } }, stored{ title = "b" }
      assert.equal(1, item.meta.n)
      for _, options in ipairs{ {}, { expire_on_commit = false } } do
        session:close()
        session = orm.Session(engine, options)
        session:add_all{ item, removed }
        assert.equal(1, item.meta.n)
        session:commit()
        item.title = "changed"
        session:delete(removed)
        assert.is_false(session:in_transaction())
        session:rollback()
        assert.same({ {}, {}, "a" }, { session.dirty, session.deleted, item.title })
        item.meta.n = 2
        session:rollback()
        assert.same({ 1, "b" }, { item.meta.n, removed.title })
        session:commit()
      end
      assert.equal("a1 b",
        db.psql("SELECT string_agg(title || coalesce(meta ->> 'n', ''), ' ' ORDER BY id) FROM items", url))
    end)

    it("expires objects at commit, unless told not to", function()
      local item = stored()
      db.psql("UPDATE items SET title = 'y'", url)
      assert.equal("y", item.title)
      local keeping = orm.Session(engine, { expire_on_commit = false })
      item = keeping:get(Item, 1)
      keeping:commit()
      db.psql("UPDATE items SET title = 'z'", url)
      assert.equal("y", item.title)
      keeping:close()
    end)

    it("asks for a rollback after a flush that failed", function()
      local kept = stored{ title = "kept" }
      session:add(Item{})
      local _, err = pg.try(session.flush, session)
      assert.is_true(pg.is_error(err, "not_null_violation"))
      assert.error_matches(function() session:scalars(pg.select(Item)) end, "call session:rollback%(%)")
      session:rollback()
      assert.equal("kept", kept.title)
    end)

    it("takes back a savepoint alone", function()
      local item = stored{ title = "a" }
      item.title = "outer"
      local inner = Item{ title = "inner" }
      assert.error_matches(function()
        session:begin_nested(function()
          item.title = "nested"
          session:add(inner)
          session:flush()
          error("stop", 0)
        end)
      end, "^stop$")
      assert.equal("outer", item.title)
      assert.is_nil(inner.id)
      session:begin_nested(function() session:add(inner) end)
      session:commit()
      assert.equal("outer,inner", db.psql("SELECT string_agg(title, ',' ORDER BY id) FROM items", url))
    end)

    it("survives a failed flush inside a savepoint", function()
      session:add(Item{ title = "a" })
      local ok = pcall(session.begin_nested, session, function() session:add(Item{}) end)
      assert.is_false(ok)
      session:commit()
      assert.equal(1, count "items")
    end)

    it("may be a savepoint object", function()
      local savepoint = session:begin_nested()
      session:add(Item{ title = "a" })
      session:flush()
      assert.is_true(session:in_nested_transaction())
      savepoint:rollback()
      assert.is_false(session:in_nested_transaction())
      session:commit()
      assert.equal(0, count "items")
      assert.error_matches(function() savepoint:rollback() end, "is over already")
    end)

    it("belongs to the connection's owner if it was open before", function()
      engine:connect(function(conn)
        conn:begin()
        local joined = orm.Session(conn)
        joined:add(Item{ title = "a" })
        joined:commit()
        assert.is_true(conn:in_transaction())
        conn:rollback()
      end)
      assert.equal(0, count "items")
    end)

    it("is committed by the session's own connection otherwise", function()
      engine:connect(function(conn)
        local own = orm.Session(conn)
        own:add(Item{ title = "a" })
        own:commit()
        own:close()
      end)
      assert.equal(1, count "items")
    end)

    it("is begun by a function, whose results are passed through", function()
      local a, b, c = Session:begin(function(s)
        s:add(Item{ title = "a" })
        return 1, nil, 3
      end)
      assert.same({ 1, nil, 3 }, { a, b, c })
      assert.equal(1, count "items")
      assert.error_matches(function()
        Session:begin(function(s)
          s:add(Item{ title = "b" })
          s:flush()
          error("stop", 0)
        end)
      end, "^stop$")
      assert.equal(1, count "items")
      Session(function(s)
        s:add(Item{ title = "c" })
        s:flush()
      end)
      assert.equal(1, count "items")
    end)
  end)

  describe("its objects", function()
    it("are detached when it closes: what is loaded can be read, the rest cannot", function()
      local item = stored()
      assert.equal("x", item.title)
      session:close()
      assert.equal("x", item.title)
      assert.error_matches(function() return item.search end, "DetachedInstanceError")
    end)

    it("can be added again, to one session at a time", function()
      local item = stored()
      assert.equal("x", item.title)
      session:expunge(item)
      item.title = "y"
      local other = Session()
      other:add(item)
      assert.error_matches(function() session:add(item) end, "belongs to another session")
      other:commit()
      other:close()
      assert.equal("y", db.psql("SELECT title FROM items", url))
    end)

    it("are merged into the one that the session has", function()
      local item = stored()
      local given = Item{ id = 1, title = "merged" }
      local merged = session:merge(given)
      assert.is_true(rawequal(item, merged))
      assert.equal("merged", item.title)
      assert.is_true(item.meta.made)
      local new = session:merge(Item{ title = "new" })
      session:commit()
      assert.equal(2, new.id)
    end)

    it("are refused where they make no sense", function()
      assert.error_matches(function() session:add({}) end, "expected an instance")
      assert.error_matches(function() session:add_all(Item{ title = "x" }) end, "expected a sequence")
      assert.error_matches(function() session:add(Item{}, Item{}) end, "expected one object, got several: add_all takes")
      assert.error_matches(function() session:delete(Item{}, Item{}) end, "expected one object, got several")
      assert.error_matches(function() session:delete(Item{}) end, "is not stored")
      assert.error_matches(function() session:refresh(Item{}) end, "is not in this session")
      for _, names in ipairs{ "title", {}, { title = true } } do
        assert.error_matches(function() session:refresh(stored(), names) end, "expected a sequence of attributes' names")
        assert.error_matches(function() session:expire(stored(), names) end, "expected a sequence of attributes' names")
      end
      assert.error_matches(function() session:no_autoflush() end, "no_autoflush: expected a function, got nil")
      assert.error_matches(function() session.add(Item{}) end, "use ':'")
      assert.error_matches(function() orm.Session("postgresql:///x") end, "expected an engine")
      assert.error_matches(function() orm.sessionmaker{}() end, "a bind is missing")
      assert.error_matches(function() Session:configure() end, "configure: expected a table of options, got nil")
    end)
  end)
end)
