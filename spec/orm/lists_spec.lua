--- Lists of related objects: long ones, and what was done to them by hand; objects
-- of other sessions.

local orm_db = require "spec.support.orm_db"
local pg = require "pgvector"
local steps = require "spec.support.steps"
local orm = pg.orm

describe("a list of related objects", function()
  local d, Owner, Item, Tag, Log, Entry, session
  setup(function()
    d = orm_db.create(function(Base)
      local function key() return pg.Column{ pg.Integer, primary_key = true } end
      pg.Table("item_tags", Base.metadata, {
        pg.Column{ "item_id", pg.ForeignKey "items.id", primary_key = true },
        pg.Column{ "tag_id", pg.ForeignKey "tags.id", primary_key = true },
      })
      Owner = Base:model("owners", { id = key(), items = orm.relationship("items", { back_populates = "owner" }) })
      Item = Base:model("items", {
        id = key(), owner_id = pg.Column{ pg.ForeignKey "owners.id" },
        owner = orm.relationship("owners", { back_populates = "items" }),
        tags = orm.relationship("tags", { secondary = "item_tags", back_populates = "items" }),
      })
      Tag = Base:model("tags", {
        id = key(), items = orm.relationship("items", { secondary = "item_tags", back_populates = "tags" }),
      })
      Log = Base:model("logs", { id = key(), entries = orm.relationship("entries", { lazy = "write_only" }) })
      Entry = Base:model("entries", { id = key(), log_id = pg.Column{ pg.ForeignKey "logs.id" } })
    end)
  end)
  teardown(function() d.drop() end)
  before_each(function()
    d.clear()
    session = d.Session()
  end)
  after_each(function() session:close() end)

  local function items(n)
    local list = {}
    for i = 1, n do list[i] = Item() end
    return list
  end

  local function copy(list)
    local made = {}
    for i, object in ipairs(list) do made[i] = object end
    return made
  end

  -- An owner of n stored items, with its list.
  local function stored(n)
    d.clear()
    d.psql(("INSERT INTO owners DEFAULT VALUES; INSERT INTO items (owner_id) SELECT 1 FROM generate_series(1, %d)")
      :format(n))
    local owner = session:get(Owner, 1)
    assert.equal(n, #owner.items)
    return owner
  end

  describe("that is long costs no more for each member:", function()
    local ways = {
      { "made by the other side", function(n)
        local owner = Owner()
        return function() for _ = 1, n do Item{ owner = owner } end end
      end },
      { "made by the other side of objects that were there before", function(n)
        local owner, list = Owner(), items(n)
        return function() for _, item in ipairs(list) do item.owner = owner end end
      end },
      { "made by the other side of a table between them", function(n)
        local tag, list = Tag(), items(n)
        return function() for _, item in ipairs(list) do item.tags:append(tag) end end
      end },
      { "assigned", function(n)
        local owner, list = Owner(), items(n)
        return function() owner.items = list end
      end },
      { "assigned again, in another order, without some", function(n)
        local owner, list = Owner{ items = items(n) }, {}
        for i = n, 10, -1 do list[#list + 1] = owner.items[i] end
        return function() owner.items = list end
      end },
      { "assigned under the eyes of listeners", function(n)
        local owner, list = Owner{ items = items(n) }, items(n)
        return function()
          local function same(_, item) return item end
          pg.listen(Owner.items, "append", same)
          pg.listen(Owner.items, "remove", same)
          owner.items = list
          pg.remove(Owner.items, "append", same)
          pg.remove(Owner.items, "remove", same)
        end
      end },
      { "asked for changes", function(n)
        local owner = stored(n)
        return function()
          assert.is_false(session:is_modified(owner))
          owner.items:append(Item())
          table.remove(owner.items, 1)
          assert.is_true(session:is_modified(owner))
          local history = pg.inspect(owner):history "items"
          assert.same({ 1, n - 1, 1 }, { #history.added, #history.unchanged, #history.deleted })
        end
      end },
      { "with one more, written", function(n)
        local owner = stored(n)
        return function()
          owner.items:append(Item())
          session:flush()
        end
      end },
      { "loaded beside what is not written yet", function(n)
        local owner = stored(n)
        session:add(owner)
        local moved = copy(owner.items)
        session:expire(owner)
        session.autoflush = false
        for i, item in ipairs(moved) do item.owner = i % 2 == 0 and owner or nil end
        return function() assert.equal(n / 2, #owner.items) end
      end },
      { "never loaded", function(n)
        local log, list = Log(), {}
        for i = 1, n do list[i] = Entry() end
        session:add(log)
        session:flush()
        return function() log.entries:add_all(list) end
      end },
    }
    for _, way in ipairs(ways) do
      it(way[1], function()
        local few = steps(way[2](500))
        session:rollback()
        session:expunge_all()
        local many = steps(way[2](5000))
        session:rollback()
        assert.is_true(many < 30 * few, ("%d steps for 500, %d for 5000"):format(few, many))
      end)
    end
  end)

  it("has each object once, whoever put it there, and none that left", function()
    math.randomseed(7)
    local owner, all = Owner(), {}
    local held = owner.items
    local function any() return all[math.random(#all)] end
    local function new()
      all[#all + 1] = Item()
      return all[#all]
    end
    local acts = {
      function() new().owner = owner end,
      function() any().owner = owner end,
      function() any().owner = nil end,
      function() owner.items:append(new()) end,
      function() if #held > 0 then held:remove(held[math.random(#held)]) end end,
      function()
        local item = new()
        table.insert(held, math.random(#held + 1), item)
        item.owner = owner
      end,
      function()
        local item = new()
        owner.items[math.max(1, #held)] = item
        item.owner = owner
      end,
      function() if #held > 0 then table.remove(held, math.random(#held)).owner = nil end end,
      function() table.sort(owner.items, function(a, b) return tostring(a) .. #held < tostring(b) .. #held end) end,
    }
    new()
    for _ = 1, 300 do
      -- several times the same: what is remembered of the list must not outlive a change
      local act = acts[math.random(#acts)]
      for _ = 1, math.random(5) do act() end
      if #held > 40 then held:clear() end
      local times = {}
      for _, item in ipairs(held) do times[item] = (times[item] or 0) + 1 end
      for i = #all, 1, -1 do
        if times[all[i]] ~= (all[i].owner and 1 or nil) then
          -- pushed out of its place by hand, which the object is not told
          assert.is_nil(times[all[i]])
          all[i].owner = nil
        end
      end
    end
  end)

  describe("leaves everything as it is when an object cannot come:", function()
    local other
    before_each(function() other = d.Session() end)
    after_each(function() other:close() end)

    local function refused(message, fn)
      local ok, err = pcall(fn)
      assert.is_false(ok)
      assert.is_true(pg.is_error(err, "InvalidRequestError"))
      assert.matches(message, tostring(err))
    end

    it("one of another session", function()
      local owner, theirs, item, tag = Owner(), Owner(), Item(), Tag()
      session:add_all{ owner, tag }
      session:flush()
      item.owner = theirs
      other:add(item)
      local message = "relationship 'items' of model 'owners': items%(pending%) belongs to another session"
      refused(message, function() owner.items:append(item) end)
      refused(message, function() owner.items = { Item(), item } end)
      refused("'owner' of model 'items': owners%(1%) belongs to another", function() item.owner = owner end)
      refused("'tags' of model 'items': tags%(1%) belongs to another", function() item.tags:append(tag) end)
      assert.same({ 0, 1, 0, 0 }, { #owner.items, #theirs.items, #item.tags, #tag.items })
      assert.equal(theirs, item.owner)
      session:commit()
      other:commit()
      assert.equal("2", d.psql "SELECT owner_id FROM items")
    end)

    it("one of another session, where the list is never loaded", function()
      local log, entry = Log(), Entry()
      session:add(log)
      session:flush()
      other:add(entry)
      refused("'entries' of model 'logs': entries%(pending%) belongs to another", function() log.entries:add(entry) end)
      session:commit()
      other:commit()
      assert.equal("1|", d.psql "SELECT id, log_id FROM entries")
    end)

    it("one that is deleted, or of whose row the session has another", function()
      local owner, gone = Owner(), Item()
      session:add_all{ owner, gone }
      session:flush()
      session:delete(gone)
      session:flush()
      refused("'items' of model 'owners': items%(1%) is deleted", function() owner.items:append(gone) end)
      local item = Item()
      session:add(item)
      session:commit()
      local twin = other:get(Item, 2)
      other:expunge(twin)
      assert.equal(2, item.id)
      refused("another instance with the key of items%(2%)", function() owner.items = { twin } end)
      assert.equal(0, #owner.items)
      session:commit()
    end)
  end)
end)
