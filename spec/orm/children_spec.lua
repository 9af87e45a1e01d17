--- Which children are stored, moved or deleted, whichever side was changed and
-- whatever of the other side is loaded.

local orm_db = require "spec.support.orm_db"
local pg = require "pgvector"
local orm = pg.orm

describe("children", function()
  local d, Owner, Item, Parent, Child, Tag, Log, Entry, session
  setup(function()
    d = orm_db.create(function(Base)
      local function key() return pg.Column{ pg.Integer, primary_key = true } end
      pg.Table("item_tags", Base.metadata, {
        pg.Column{ "item_id", pg.ForeignKey "items.id", primary_key = true },
        pg.Column{ "tag_id", pg.ForeignKey "tags.id", primary_key = true },
      })
      Owner = Base:model("owners", { id = key(), items = orm.relationship("items", { back_populates = "owner" }) })
      Item = Base:model("items", {
        id = key(), owner_id = pg.Column{ pg.ForeignKey "owners.id" }, title = pg.Column{ pg.Text },
        owner = orm.relationship("owners", { back_populates = "items" }),
        tags = orm.relationship("tags", { secondary = "item_tags", back_populates = "items" }),
      })
      Tag = Base:model("tags", {
        id = key(), items = orm.relationship("items", { secondary = "item_tags", back_populates = "tags" }),
      })
      Parent = Base:model("parents", {
        id = key(), items = orm.relationship("children", {
          back_populates = "owner", cascade = "all, delete-orphan", order_by = "title" }),
      })
      Child = Base:model("children", {
        id = key(), owner_id = pg.Column{ pg.ForeignKey "parents.id" }, title = pg.Column{ pg.Text },
        owner = orm.relationship("parents", { back_populates = "items" }),
      })
      Log = Base:model("logs", {
        id = key(), entries = orm.relationship("entries", { lazy = "write_only", back_populates = "log" }),
      })
      Entry = Base:model("entries", {
        id = key(), log_id = pg.Column{ pg.ForeignKey "logs.id" },
        log = orm.relationship("logs", { back_populates = "entries" }),
      })
    end)
  end)
  teardown(function() d.drop() end)
  before_each(function()
    d.clear()
    session = d.Session()
  end)
  after_each(function() session:close() end)

  local function query(sql) return d.psql(sql) end

  local function stored(...)
    local owner = Owner()
    for _, title in ipairs{ ... } do owner.items:append(Item{ title = title }) end
    session:add(owner)
    session:commit()
    return owner
  end

  it("that refer to a stored parent are stored, whether its list is loaded or not", function()
    local owner = stored()
    for count, loaded in ipairs{ false, true } do
      session:expire_all()
      if loaded then assert.equal(1, #owner.items) end
      do local _ = Item{ title = "new", owner = owner } end
      collectgarbage()
      session:commit()
      assert.equal(tostring(count), query "SELECT count(*) FROM items WHERE owner_id = 1")
    end
    session:no_autoflush(function()
      local late, moved = Item{ title = "late", owner = owner }, Item{ title = "moved", owner = owner }
      moved.owner = nil
      assert.equal(late, owner.items[3])
      assert.equal(3, #owner.items)
    end)
    session:commit()
    assert.equal("late new new", query "SELECT string_agg(title, ' ' ORDER BY title) FROM items")
    session:expire_all()
    local lost = Item{ title = "lost", owner = owner }
    session:rollback()
    session:commit()
    assert.is_true(pg.inspect(lost).transient)
    assert.equal("3", query "SELECT count(*) FROM items")
  end)

  it("that were refused or merged stay outside", function()
    local owner = stored("x")
    local item = owner.items[1]
    for _, loaded in ipairs{ false, true } do
      session:expire_all()
      if loaded then assert.equal(1, #owner.items) end
      assert.equal(item, session:merge(Item{ id = item.id, title = "y", owner = owner }))
      assert.is_false(pcall(Item, { title = "z", owner = owner, nothing = 1 }))
      session:commit()
      assert.equal("1|1|y", query "SELECT id, owner_id, title FROM items")
    end
  end)

  it("come and go in association tables, whichever list is loaded", function()
    local function rows() return query "SELECT string_agg(item_id || '-' || tag_id, ' ' ORDER BY 1) FROM item_tags" end
    local item, tag = Item(), Tag()
    session:add_all{ item, tag }
    session:commit()
    do local _ = Item{ tags = { tag } } end
    session:commit()
    assert.equal("2-1", rows())
    for _, loaded in ipairs{ false, true } do
      session:expire_all()
      if loaded then assert.equal(1, #tag.items) end
      item.tags:append(tag)
      table.remove(item.tags, 1)
      session:commit()
      assert.equal("2-1", rows())
      assert.equal(1, #tag.items)
    end
  end)

  it("of a list that is never loaded are stored, too", function()
    local log = Log()
    session:add(log)
    session:commit()
    do local _ = Entry{ log = log } end
    local other = Entry{ log = log }
    other.log = nil
    session:commit()
    assert.equal("1", query "SELECT count(*) FROM entries WHERE log_id = 1")
    assert.is_true(pg.inspect(other).transient)
  end)

  it("that change outside a session are written when they come back", function()
    local owner = stored("x")
    local item = owner.items[1]
    session:expunge(item)
    item.owner = nil
    session:add(item)
    session:commit()
    assert.equal("1", query "SELECT count(*) FROM items WHERE owner_id IS NULL")
  end)

  describe("of a list that deletes orphans", function()
    local a, b
    before_each(function()
      a, b = Parent{ items = { Child{ title = "x" } } }, Parent()
      session:add_all{ a, b }
      session:commit()
    end)
    local function items() return query "SELECT string_agg(title || owner_id, ' ' ORDER BY title) FROM children" end

    it("are deleted if they have left their new parent, too", function()
      for i, leave in ipairs{
        function(item) b.items:remove(item) end,
        function() b.items:clear() end,
        function() b.items = {} end,
        function() table.remove(b.items, 1) end,
        function(item) item.owner = nil end,
      } do
        for _, autoflush in ipairs{ true, false } do
          session.autoflush = autoflush
          local item = Child{ title = "y", owner = a }
          session:commit()
          item.owner = b
          leave(item)
          session:commit()
          assert.equal("x1", items(), i)
        end
      end
    end)

    it("are deleted if they give up a parent that the session has", function()
      local item = session:get(Child, 1)
      assert.equal(a.id, item.owner_id)
      item.owner = nil
      session:commit()
      assert.equal("", items())
    end)

    it("are deleted if they give up a parent that they must have", function()
      query "ALTER TABLE children ALTER owner_id SET NOT NULL"
      Child.owner_id.nullable = false
      finally(function()
        query "ALTER TABLE children ALTER owner_id DROP NOT NULL"
        Child.owner_id.nullable = true
      end)
      local item = session:get(Child, 1)
      session:expire(item)
      item.owner = nil
      session:commit()
      assert.equal("", items())
    end)

    it("that Lua's own functions took out again are noticed", function()
      assert.same({ 1, 0 }, { #a.items, #b.items })
      local item = a.items[1]
      a.items:append(Child{ title = "y" })
      table.remove(a.items, 2)
      session:add(Child{ title = "z", owner = b })
      table.remove(b.items, 1)
      session:flush()
      assert.equal("x1", items())
      session.autoflush = false
      local list = b.items
      item.owner = b
      table.remove(list, 1)
      session:commit()
      assert.equal("", items())
    end)

    it("belong to whom they were assigned, whatever Lua's own functions did", function()
      assert.same({ 1, 0 }, { #a.items, #b.items })
      local new, moved = Child{ title = "y" }, Child{ title = "z" }
      table.insert(a.items, new)
      new.owner = b
      b.items:append(moved)
      table.remove(b.items, 2)
      table.insert(a.items, moved)
      session:flush()
      assert.same({ 2, 1, b, a }, { #a.items, #b.items, new.owner, moved.owner })
      session:commit()
      assert.equal("x1 y2 z1", items())
    end)
  end)
end)
