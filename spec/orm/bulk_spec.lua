--- Statements that change many rows, and what they mean for a session's objects;
-- what is known of objects; sessions by scope; models of tables that exist.

local orm_db = require "spec.support.orm_db"
local pg = require "pgvector"
local orm = pg.orm

describe("a session's own statements", function()
  local d, Item, Pair, session
  setup(function()
    d = orm_db.create(function(Base)
      Item = Base:model("items", {
        id = pg.Column{ pg.Integer, primary_key = true }, title = pg.Column{ pg.Text },
        size = pg.Column{ pg.Integer, default = 0 }, meta = pg.Column{ pg.JSONB },
      })
      Pair = Base:model("pairs", {
        a = pg.Column{ pg.Integer, primary_key = true }, b = pg.Column{ "b_", pg.Text, primary_key = true },
        value = pg.Column{ pg.Text },
      })
    end)
  end)
  teardown(function() d.drop() end)
  before_each(function()
    d.clear()
    session = d.Session()
    session:execute(pg.insert(Item), { { title = "a" }, { title = "b", size = 2 }, { title = "c" } })
    session:execute(pg.insert(Pair), { { a = 1, b = "x" }, { a = 1, b = "y" } })
    session:commit()
  end)
  after_each(function() session:close() end)

  local function titles()
    return d.psql "SELECT string_agg(title || size, ' ' ORDER BY id) FROM items"
  end

  it("insert many rows, and give them back as objects", function()
    assert.equal("a0 b2 c0", titles())
    local items = session:scalars(pg.insert(Item):returning(Item), { { title = "d" }, { title = "e" } }):all()
    assert.same({ 4, "d", 5, "e" }, { items[1].id, items[1].title, items[2].id, items[2].title })
    items[1].title = "D"
    session:commit()
    assert.equal("a0 b2 c0 D0 e0", titles())
  end)

  it("update many rows, each by its key", function()
    local item, pair = session:get(Item, 1), session:get(Pair, { 1, "y" })
    local result = session:execute(pg.update(Item), { { id = 1, title = "A" }, { id = 3, title = "C" } })
    assert.equal(2, result.rowcount)
    assert.equal("A", item.title)
    session:execute(pg.update(Pair), { { a = 1, b = "x", value = "1" }, { a = 1, b = "y", value = "2" } })
    assert.equal("2", pair.value)
    session:commit()
    assert.equal("A0 b2 C0", titles())
  end)

  it("say so when a row to be updated by its key is not there, or has no key", function()
    local ok, err = pcall(session.execute, session, pg.update(Item), { { id = 1, title = "A" }, { id = 9, title = "C" } })
    assert.is_false(ok)
    assert.is_true(pg.is_error(err, "StaleDataError"))
    session:rollback()
    assert.error_matches(function() session:execute(pg.update(Item), { { title = "x" } }) end, "row 1 has no 'id'")
    assert.error_matches(function() session:execute(pg.update(Item), { { id = 1 } }) end, "row 1 has nothing to set")
    session:rollback()
  end)

  for _, way in ipairs{ "auto", "fetch" } do
    it("bring loaded objects up to date (" .. way .. ")", function()
      local a, b, c = session:get(Item, 1), session:get(Item, 2), session:get(Item, 3)
      assert.same({ "a", 2, 0 }, { a.title, b.size, c.size })
      c.title = "mine"
      session:flush()
      local update = pg.update(Item):where(Item.size:eq(0)):values{ size = 7 }
      local result = session:execute(update:execution_options{ synchronize_session = way })
      assert.equal(2, result.rowcount)
      local sent = d.statements_of(function() assert.same({ 7, 2, 7, "mine" }, { a.size, b.size, c.size, c.title }) end)
      assert.equal(2, #sent) -- b was not touched
      local delete = pg.delete(Item):where(Item.size:eq(7))
      session:execute(delete:execution_options{ synchronize_session = way })
      assert.is_true(pg.inspect(a).deleted)
      assert.is_true(pg.inspect(b).persistent)
      session:rollback()
      assert.is_true(pg.inspect(a).persistent)
      assert.equal("a", a.title)
    end)
  end

  it("leave loaded objects alone if told to", function()
    local a = session:get(Item, 1)
    session:execute(pg.update(Item):all_rows():values{ size = 7 }:execution_options{ synchronize_session = false })
    assert.equal(0, a.size)
    assert.error_matches(function()
      session:execute(pg.update(Item):all_rows():values{ size = 7 }:execution_options{ synchronize_session = "evaluate" })
    end, "synchronize_session: expected")
  end)

  it("send nothing more when no object is loaded", function()
    session:expunge_all()
    local sent = d.statements_of(function() session:execute(pg.update(Item):all_rows():values{ size = 7 }) end)
    assert.same({ "UPDATE items SET size=$1" }, sent)
  end)

  describe("are inspected:", function()
    it("an object's state", function()
      local item = Item{ title = "n" }
      local state = pg.inspect(item)
      local function flags()
        local list = {}
        for _, name in ipairs{ "transient", "pending", "persistent", "deleted", "detached" } do
          if state[name] then list[#list + 1] = name end
        end
        return table.concat(list, " ")
      end
      assert.same({ "transient", nil }, { flags(), state.session })
      session:add(item)
      assert.equal("pending", flags())
      session:flush()
      assert.same({ "persistent", 4, session, Item }, { flags(), state.identity[1], state.session, state.mapper.model })
      assert.equal(session, orm.object_session(item))
      session:delete(item)
      session:flush()
      assert.equal("deleted", flags())
      session:commit()
      assert.equal("detached", flags())
      assert.is_nil(orm.object_session(item))
    end)

    it("an attribute's history", function()
      local item = session:get(Item, 2)
      local state = pg.inspect(item)
      assert.same({ added = {}, unchanged = { "b" }, deleted = {} }, state:history "title")
      item.title = "B"
      assert.same({ added = { "B" }, unchanged = {}, deleted = { "b" } }, state:history "title")
      assert.is_true(state.modified)
      item.title = "b"
      assert.same({ added = {}, unchanged = { "b" }, deleted = {} }, state:history "title")
      assert.is_false(state.modified)
      item.title = nil
      assert.same({ added = { pg.null }, unchanged = {}, deleted = { "b" } },
        { added = { pg.null }, unchanged = state:history("title").unchanged, deleted = state:history("title").deleted })
      assert.same({ added = { "x" }, unchanged = {}, deleted = {} }, pg.inspect(Item{ title = "x" }):history "title")
      session:expire(item)
      assert.same({ "id", "title", "size", "meta" }, state:unloaded())
      assert.error_matches(function() state:history "titel" end, "did you mean 'title'?")
    end)

    it("a model, and nothing else", function()
      assert.equal("items", pg.inspect(Item).name)
      assert.error_matches(function() pg.inspect(5) end, "expected an engine, a connection or an object of a model, got number")
      assert.error_matches(function() pg.inspect{} end, "expected an engine, a connection or an object of a model, got table")
    end)
  end)

  describe("belong to scopes:", function()
    it("each coroutine has its own session", function()
      local scoped = orm.scoped_session(d.Session)
      assert.is_false(scoped:has())
      local here = scoped()
      assert.equal(here, scoped())
      assert.is_true(scoped:has())
      local there = coroutine.wrap(function()
        local own = scoped()
        scoped:remove()
        return own
      end)()
      assert.are_not.equal(here, there)
      scoped:add(Item{ title = "scoped" })
      assert.same({ 1, true }, { #scoped.new, scoped.autoflush })
      scoped:commit()
      assert.equal("scoped", here:get(Item, 4).title)
      assert.error_matches(function() scoped{ autoflush = false } end, "options come too late")
      scoped:remove()
      assert.is_false(scoped:has())
    end)

    it("coroutines that take turns do not see each other's", function()
      local scoped = orm.scoped_session(d.Session)
      local threads = {}
      for i = 1, 3 do
        threads[i] = coroutine.create(function()
          scoped:add(Item{ title = "turn" .. i })
          coroutine.yield()
          scoped:flush()
          local count = scoped:scalar(pg.select(pg.func.count()):select_from(Item):where(Item.title:like "turn%"))
          coroutine.yield(count)
          scoped:commit()
          coroutine.yield()
          scoped:remove()
        end)
      end
      local seen = {}
      for turn = 1, 4 do
        for i, thread in ipairs(threads) do
          local ok, result = coroutine.resume(thread)
          assert(ok, tostring(result))
          if turn == 2 then seen[i] = result end
        end
      end
      assert.same({ 1, 1, 1 }, seen)
      assert.equal("3", d.psql "SELECT count(*) FROM items WHERE title LIKE 'turn%'")
    end)

    it("of any kind", function()
      local request = {}
      local scoped = orm.scoped_session(d.Session, function() return request end)
      local first = scoped()
      request = {}
      assert.are_not.equal(first, scoped())
      scoped:remove()
      first:close()
      request = nil
      assert.error_matches(function() scoped() end, "the key is nil")
      assert.error_matches(function() orm.scoped_session(5) end, "expected a sessionmaker")
    end)
  end)
end)

describe("models of tables that exist", function()
  it("have relationships by their foreign keys", function()
    local d = orm_db.create(function(Base)
      local metadata = Base.metadata
      pg.Table("owners", metadata, { pg.Column{ "id", pg.Integer, primary_key = true }, pg.Column{ "name", pg.Text } })
      pg.Table("items", metadata, {
        pg.Column{ "id", pg.Integer, primary_key = true }, pg.Column{ "title", pg.Text },
        pg.Column{ "owner_id", pg.ForeignKey "owners.id" }, pg.Column{ "part_of", pg.ForeignKey "items.id" },
      })
      pg.Table("tags", metadata, { pg.Column{ "id", pg.Integer, primary_key = true }, pg.Column{ "word", pg.Text } })
      pg.Table("item_tags", metadata, {
        pg.Column{ "item_id", pg.ForeignKey "items.id", primary_key = true },
        pg.Column{ "tag_id", pg.ForeignKey "tags.id", primary_key = true },
      })
      pg.Table("logs", metadata, { pg.Column{ "line", pg.Text } })
    end)
    local base = orm.automap(d.Base.metadata)
    local Owner, Item, Tag = base.classes.owners, base.classes.items, base.classes.tags
    d.Session:begin(function(session)
      local whole = Item{ title = "whole", tags_collection = { Tag{ word = "t" } } }
      session:add(Owner{ name = "o", items_collection = { whole, Item{ title = "part", items = whole } } })
    end)
    d.Session(function(session)
      local part = session:scalars(pg.select(Item):where(Item.title:eq "part")):one()
      assert.same({ "o", "whole", "t" }, { part.owners.name, part.items.title, part.items.tags_collection[1].word })
      assert.equal(part, part.items.items_collection[1])
    end)
    assert.error_matches(function() return base.classes.logs end, "automap made no model 'logs'")
    assert.error_matches(function() return base.classes.itms end, "did you mean 'items'?")
    assert.error_matches(function() orm.automap(5) end, "expected a MetaData")
    d.drop()
  end)
end)

describe("rows that refer to each other", function()
  it("are stored and deleted with post_update", function()
    local House, Room
    local d = orm_db.create(function(Base)
      House = Base:model("houses", {
        id = pg.Column{ pg.Integer, primary_key = true },
        best_id = pg.Column{ pg.Integer, pg.ForeignKey("rooms.id", { use_alter = true, name = "fk_best" }) },
        rooms = orm.relationship("rooms", { foreign_keys = function() return Room.house_id end, back_populates = "house" }),
        best = orm.relationship("rooms", { foreign_keys = "best_id", post_update = true }),
      })
      Room = Base:model("rooms", {
        id = pg.Column{ pg.Integer, primary_key = true },
        house_id = pg.Column{ pg.Integer, pg.ForeignKey "houses.id", nullable = false },
        house = orm.relationship("houses", { foreign_keys = "house_id", back_populates = "rooms" }),
      })
    end)
    d.Session(function(session)
      local room = Room()
      local house = House{ rooms = { room, Room() }, best = room }
      session:add(house)
      session:commit()
      assert.equal(room, house.best)
      local rooms = { house.rooms[1], house.rooms[2] }
      session:delete(house)
      for _, each in ipairs(rooms) do session:delete(each) end
      session:commit()
      assert.equal("0|0", d.psql "SELECT (SELECT count(*) FROM houses), (SELECT count(*) FROM rooms)")
    end)
    d.drop()
  end)
end)

describe("the cascade refresh-expire", function()
  it("goes on to what is related", function()
    local A, B
    local d = orm_db.create(function(Base)
      A = Base:model("a", {
        id = pg.Column{ pg.Integer, primary_key = true }, x = pg.Column{ pg.Text },
        bs = orm.relationship("b", { cascade = "all" }),
      })
      B = Base:model("b", {
        id = pg.Column{ pg.Integer, primary_key = true }, x = pg.Column{ pg.Text },
        a_id = pg.Column{ pg.ForeignKey "a.id" },
      })
    end)
    d.Session(function(session)
      local b = B{ x = "1" }
      local a = A{ x = "1", bs = { b } }
      session:add(a)
      session:commit()
      assert.equal("11", a.x .. a.bs[1].x)
      d.psql "UPDATE b SET x = '2'"
      session:expire(a)
      assert.equal("2", b.x)
      assert.equal(b, a.bs[1])
      d.psql "UPDATE b SET x = '3'"
      session:refresh(a)
      assert.equal("3", b.x)
    end)
    d.drop()
  end)
end)
