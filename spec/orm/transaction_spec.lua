--- What transactions and savepoints mean for objects, however they end.

local orm_db = require "spec.support.orm_db"
local pg = require "pgvector"
local orm = pg.orm

local function state_of(object)
  local inspected = pg.inspect(object)
  for _, name in ipairs{ "transient", "pending", "persistent", "deleted", "detached" } do
    if inspected[name] then return name end
  end
end

describe("a session's transaction", function()
  local d, Item, session
  setup(function()
    d = orm_db.create(function(Base)
      Item = Base:model("items", {
        id = pg.Column{ pg.Integer, primary_key = true }, title = pg.Column{ pg.Text, nullable = false },
        size = pg.Column{ pg.Integer, default = 7 }, meta = pg.Column{ pg.JSONB },
      })
    end)
  end)
  teardown(function() d.drop() end)
  before_each(function()
    d.clear()
    session = d.Session()
  end)
  after_each(function() session:close() end)

  local function titles() return d.psql "SELECT string_agg(title, ' ' ORDER BY id) FROM items" end
  local function stored(...)
    local items = {}
    for i, title in ipairs{ ... } do items[i] = Item{ title = title } end
    session:add_all(items)
    session:commit()
    return (table.unpack or unpack)(items) -- luacheck: ignore
  end

  describe("with a savepoint that is rolled back", function()
    it("leaves objects in the states that they had before it", function()
      local changed, removed, gone = stored("changed", "removed", "gone")
      session:delete(gone)
      session:flush()
      local savepoint = session:begin_nested()
      local added, waiting, brief = Item{ title = "added" }, Item{ title = "waiting" }, Item{ title = "brief" }
      changed.title = "other"
      session:delete(removed)
      session:add_all{ added, brief }
      session:flush()
      session:delete(brief)
      session:flush()
      session:add(waiting)
      assert.same({ "deleted", "persistent", "deleted", "pending" },
        { state_of(removed), state_of(added), state_of(brief), state_of(waiting) })
      savepoint:rollback()
      assert.same({ "persistent", "persistent", "deleted", "transient", "transient", "transient" },
        { state_of(changed), state_of(removed), state_of(gone), state_of(added), state_of(waiting), state_of(brief) })
      assert.same({ "changed", "removed", "added", nil, nil },
        { changed.title, removed.title, added.title, added.id, added.size })
      session:commit()
      assert.equal("detached", state_of(gone))
      session:add_all{ added, waiting, brief }
      session:commit()
      assert.equal("changed removed added waiting brief", titles())
    end)

    it("takes back one inside it that was kept", function()
      local item = stored "a"
      local outer = session:begin_nested()
      item.title = "b"
      local new = Item{ title = "new" }
      session:add(new)
      session:begin_nested(function()
        item.title = "c"
        session:delete(new)
      end)
      assert.same({ "c", "deleted" }, { item.title, state_of(new) })
      outer:rollback()
      assert.same({ "a", "transient" }, { item.title, state_of(new) })
      session:commit()
      assert.equal("a", titles())
    end)

    it("ends those inside it that are open", function()
      local item = stored "a"
      local outer = session:begin_nested()
      item.title = "b"
      local inner = session:begin_nested()
      item.title = "c"
      session:flush()
      outer:rollback()
      assert.is_false(session:in_nested_transaction())
      assert.equal("a", item.title)
      assert.error_matches(function() inner:rollback() end, "this transaction is over already")
      session:commit()
    end)

    it("gives keys back, and rows to whom they belonged", function()
      local item = stored "a"
      local savepoint = session:begin_nested()
      item.id = 99
      session:flush()
      savepoint:rollback()
      assert.equal(item, session:get(Item, 1))
      savepoint = session:begin_nested()
      session:delete(item)
      local other = Item{ id = 1, title = "other" }
      session:add(other)
      session:flush()
      assert.equal(other, session:get(Item, 1))
      savepoint:rollback()
      assert.equal(item, session:get(Item, 1))
      assert.same({ "persistent", "transient", "a", 1 }, { state_of(item), state_of(other), item.title, other.id })
    end)

    it("gives a key back although one that had it meanwhile was deleted, or moved to it", function()
      local item, mover = stored("a", "b")
      local savepoint = session:begin_nested()
      session:delete(item)
      local other = Item{ id = 1, title = "other" }
      session:add(other)
      session:flush()
      session:delete(other)
      session:flush()
      savepoint:rollback()
      assert.equal(item, session:get(Item, 1))
      assert.same({ "persistent", "transient" }, { state_of(item), state_of(other) })
      savepoint = session:begin_nested()
      mover.id = 50
      session:flush()
      local new = Item{ id = 2, title = "new" }
      session:add(new)
      session:flush()
      new.id = 60
      session:flush()
      savepoint:rollback()
      assert.equal(mover, session:get(Item, 2))
      mover.title = "c"
      session:commit()
      assert.equal("a c", titles())
    end)

    it("takes back changes inside JSON, and notices later ones", function()
      local item = Item{ title = "a", meta = { n = 1 } }
      session:add(item)
      session:commit()
      local savepoint = session:begin_nested()
      item.meta.n = 2
      session:flush()
      savepoint:rollback()
      assert.equal(1, item.meta.n)
      item.meta.n = 3
      session:commit()
      assert.equal("3", d.psql "SELECT meta ->> 'n' FROM items")
    end)

    it("takes back what was changed of an object before it was deleted", function()
      local item = stored "a"
      local savepoint = session:begin_nested()
      item.title = "b"
      session:delete(item)
      session:flush()
      savepoint:rollback()
      assert.equal("a", item.title)
      session:commit()
      assert.equal("a", titles())
    end)

    it("takes back what statements did to rows of objects, read before it or in it", function()
      local item, late = stored("a", "b")
      local late_id = late.id
      session:expunge(late)
      for _, way in ipairs{ "auto", "fetch", false } do
        assert.equal(7, item.size)
        local outer = session:begin_nested()
        session:begin_nested(function()
          local all = pg.update(Item):all_rows():values{ size = 99 }
          session:execute(all:execution_options{ synchronize_session = way })
          assert.equal(way == false and 7 or 99, item.size)
          late = session:get(Item, late_id)
          assert.equal(99, late.size)
        end)
        outer:rollback()
        assert.same({ 7, 7 }, { item.size, late.size })
        session:expunge(late)
      end
      local savepoint = session:begin_nested()
      session:execute(pg.update(Item), { { id = item.id, title = "A" } })
      assert.equal("A", item.title)
      savepoint:rollback()
      assert.equal("a", item.title)
    end)

    it("goes on after a flush in it failed", function()
      local item = Item{ title = "kept" }
      session:add(item)
      local savepoint = session:begin_nested()
      session:add(Item())
      assert.is_false(pcall(session.flush, session))
      assert.error_matches(function() session:scalars(pg.select(Item)) end, "call session:rollback%(%)")
      savepoint:rollback()
      assert.equal(item, session:scalars(pg.select(Item)):one())
      session:commit()
      assert.equal("kept", titles())
    end)
  end)

  it("that the server refuses to commit has stored nothing, and says so", function()
    d.psql "ALTER TABLE items ADD CONSTRAINT later FOREIGN KEY (size) REFERENCES items DEFERRABLE INITIALLY DEFERRED"
    local item = Item{ title = "a", size = 99 }
    session:add(item)
    local ok, err = pcall(session.commit, session)
    d.psql "ALTER TABLE items DROP CONSTRAINT later"
    assert.is_false(ok)
    assert.is_true(pg.is_error(err, "foreign_key_violation"))
    assert.equal("transient", state_of(item))
    assert.error_matches(function() session:scalars(pg.select(Item)) end, "call session:rollback%(%)")
    session:rollback()
    assert.equal(0, #session:scalars(pg.select(Item)):all())
  end)

  it("that a function ended itself leaves what it did afterwards to the commit on return", function()
    d.Session:begin(function(s)
      s:add(Item{ title = "a" })
      s:commit()
      s:add(Item{ title = "b" })
    end)
    assert.equal("a b", titles())
    d.Session:begin(function(s)
      s:get(Item, 1).title = "A"
      s:commit()
      s:get(Item, 2).title = "B"
    end)
    assert.equal("A B", titles())
    d.Session:begin(function(s)
      s:add(Item{ title = "c" })
      s:rollback()
    end)
    assert.equal("A B", titles())
  end)

  it("that a function ended itself is rolled back if what it did afterwards fails", function()
    for _, goes_on in ipairs{
      function(s) s:add(Item()) end,
      function(s)
        s:get(Item, 1).title = "lost"
        s:flush()
        error "stop"
      end,
      function(s)
        s:add(Item{ title = "lost" })
        error "stop"
      end,
    } do
      assert.is_false(pcall(session.begin, session, function(s)
        s:add(Item{ title = "kept" })
        s:commit()
        goes_on(s)
      end))
      assert.is_false(session:in_transaction())
      assert.same({}, session.new)
    end
    assert.equal("again", session:begin(function() return "again" end))
    assert.equal("kept kept kept", titles())
  end)

  it("shows why a flush failed before it had a connection", function()
    local nowhere = pg.create_engine "postgresql:///nowhere?host=/nonexistent"
    local unreachable = orm.Session(nowhere)
    local item = Item{ title = "a" }
    unreachable:add(item)
    local ok, err = pcall(unreachable.flush, unreachable)
    assert.is_false(ok)
    assert.is_true(pg.is_error(err, "OperationalError"))
    assert.equal("transient", state_of(item))
    assert.error_matches(function() unreachable:connection() end, "call session:rollback%(%)")
    unreachable:close()
    nowhere:dispose()

    local stop = pg.listen(session, "before_flush", function() error("refused", 0) end)
    session:add(item)
    ok, err = pcall(session.commit, session)
    assert.same({ false, "refused" }, { ok, err })
    pg.remove(session, "before_flush", stop)
    assert.equal("transient", state_of(item))
    assert.error_matches(function() session:commit() end, "call session:rollback%(%) before going on %(refused%)")
    session:rollback()
    session:add(item)
    session:commit()
    assert.equal("a", titles())
  end)

  it("writes what listeners change in a flush, before it commits", function()
    local seen = 0
    local function add_one()
      seen = seen + 1
      if seen <= 2 then session:add(Item{ title = "more" .. seen }) end
    end
    pg.listen(session, "after_flush", add_one)
    session:add(Item{ title = "a" })
    session:commit()
    assert.equal("a more1 more2", titles())
    pg.remove(session, "after_flush", add_one)
    pg.listen(session, "after_flush", function() session:add(Item{ title = "without end" }) end)
    session:add(Item{ title = "b" })
    assert.error_matches(function() session:commit() end, "there is something to write after 100 flushes")
    session:rollback()
    assert.equal("a more1 more2", titles())
  end)

  it("that is closed lets go of objects, those that it had deleted, too", function()
    local kept, removed = stored("kept", "removed")
    local new = Item{ title = "new" }
    session:delete(removed)
    session:flush()
    session:add(new)
    session:close()
    assert.same({ "detached", "detached", "transient" }, { state_of(kept), state_of(removed), state_of(new) })
    local other = d.Session()
    other:add(removed)
    assert.equal("removed", removed.title)
    other:close()
  end)

  it("may be closed after the connection that it was bound to", function()
    local conn = d.engine:connect()
    local bound = orm.Session(conn)
    bound:add(Item{ title = "a" })
    bound:flush()
    conn:close()
    bound:close()
    assert.is_nil(tonumber(titles()))
  end)

  describe("gives its connection back after an error", function()
    local function broken(fn) assert.is_false(pcall(d.Session.begin, d.Session, fn)) end
    local ways = {
      { "in a flush", function(s) s:add(Item()) end },
      { "in a statement", function(s) s:execute(pg.text "SELECT 1 / 0") end },
      { "of the function", function(s)
        s:get(Item, 1)
        error "stop"
      end },
      { "in a savepoint", function(s) s:begin_nested(function() error "stop" end) end },
      { "with savepoints open", function(s)
        s:begin_nested()
        s:begin_nested()
        error "stop"
      end },
      { "of the link", function(s) s:execute(pg.text "SELECT pg_terminate_backend(pg_backend_pid())") end },
    }
    for _, way in ipairs(ways) do
      it(way[1], function()
        broken(way[2])
        assert.equal(0, d.engine:pool_status().checked_out)
      end)
    end
    for _, event in ipairs{ "after_begin", "before_flush", "after_flush", "before_commit", "after_commit",
      "after_rollback" } do
      it("of a listener to " .. event, function()
        local stop = pg.listen(orm.Session, event, function() error "stop" end)
        broken(function(s)
          s:add(Item{ title = "a" })
          s:flush()
          if event == "after_rollback" then error "other" end
        end)
        pg.remove(orm.Session, event, stop)
        assert.equal(0, d.engine:pool_status().checked_out)
      end)
    end

    it("and shows the first error, not that of the rollback", function()
      local second = pg.listen(d.engine, "rollback", function() error("second", 0) end)
      local ok, err = pcall(d.Session.begin, d.Session, function(s)
        s:get(Item, 1)
        error("first", 0)
      end)
      pg.remove(d.engine, "rollback", second)
      assert.same({ false, "first" }, { ok, err })
    end)
  end)
end)
