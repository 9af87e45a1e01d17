--- Flushes in which much happens at once: objects that move, leave, are deleted
-- and take over each other's rows.

local orm_db = require "spec.support.orm_db"
local pg = require "pgvector"
local orm = pg.orm

local function key() return pg.Column{ pg.Integer, primary_key = true } end

describe("one flush", function()
  local d, Box, Thing, Tag, Node, session
  setup(function()
    d = orm_db.create(function(Base)
      Box = Base:model("boxes", {
        id = key(), name = pg.Column{ pg.Text },
        things = orm.relationship("things", {
          back_populates = "box", cascade = "all, delete-orphan", order_by = "name" }),
        tags = orm.relationship("tags", { secondary = "box_tags", back_populates = "boxes", order_by = "name" }),
      })
      Thing = Base:model("things", {
        id = key(), name = pg.Column{ pg.Text }, box_id = pg.Column{ pg.ForeignKey "boxes.id" },
        box = orm.relationship("boxes", { back_populates = "things" }),
      })
      Tag = Base:model("tags", {
        id = key(), name = pg.Column{ pg.Text },
        boxes = orm.relationship("boxes", { secondary = "box_tags", back_populates = "tags" }),
      })
      pg.Table("box_tags", Base.metadata, {
        pg.Column{ "box_id", pg.ForeignKey "boxes.id", primary_key = true },
        pg.Column{ "tag_id", pg.ForeignKey "tags.id", primary_key = true },
      })
      local Shelf = Base:model("shelves", {
        id = key(), name = pg.Column{ pg.Text }, code = pg.Column{ pg.Text, unique = true },
        books = orm.relationship("books", { back_populates = "shelf", order_by = "name" }),
      })
      local Book = Base:model("books", {
        id = key(), name = pg.Column{ pg.Text }, shelf_id = pg.Column{ pg.ForeignKey "shelves.id" },
        shelf = orm.relationship("shelves", { back_populates = "books" }),
      })
      Node = Base:model("nodes", {
        id = key(), name = pg.Column{ pg.Text }, up_id = pg.Column{ pg.ForeignKey "nodes.id" },
        down = orm.relationship("nodes", { back_populates = "up", cascade = "all, delete-orphan", order_by = "name" }),
        up = orm.relationship("nodes", { back_populates = "down", remote_side = "id" }),
      })
      return { Shelf = Shelf, Book = Book }
    end)
  end)
  teardown(function() d.drop() end)
  before_each(function()
    d.clear()
    session = d.Session()
  end)
  after_each(function() session:close() end)

  local function names(list)
    local found = {}
    for i, object in ipairs(list) do found[i] = object.name end
    return table.concat(found, " ")
  end
  local function things()
    return d.psql "SELECT string_agg(name || coalesce(box_id::text, '-'), ' ' ORDER BY name) FROM things"
  end
  local function stored(name, ...)
    local box = Box{ name = name }
    for _, thing in ipairs{ ... } do box.things:append(Thing{ name = thing }) end
    session:add(box)
    session:commit()
    return box
  end

  it("deletes, takes over a row, drops an orphan and rewrites association rows", function()
    local red, big, old = Tag{ name = "red" }, Tag{ name = "big" }, Tag{ name = "old" }
    local first = Box{ name = "first", tags = { red, big }, things = { Thing{ name = "a" }, Thing{ name = "b" } } }
    local second = Box{ name = "second", tags = { big }, things = { Thing{ name = "c" } } }
    session:add_all{ first, second, old }
    session:commit()
    session:delete(first)
    local again = Box{ id = 1, name = "again", tags = { old, big }, things = { Thing{ name = "new" } } }
    second.things:remove(second.things[1])
    second.tags = { red, old }
    session:add(again)
    session:commit()
    assert.equal("1again 2second", d.psql "SELECT string_agg(id || name, ' ' ORDER BY id) FROM boxes")
    assert.equal("new1", things())
    assert.equal("1big 1old 2old 2red",
      d.psql "SELECT string_agg(box_id || name, ' ' ORDER BY box_id, name) FROM box_tags JOIN tags ON id = tag_id")
  end)

  it("keeps an orphan that a box with the row of its old one takes in", function()
    local old = stored("old", "a")
    local a = old.things[1]
    old.things:remove(a)
    session:delete(old)
    session:add(Box{ id = 1, name = "new", things = { a } })
    session:commit()
    assert.equal("a1", things())
    assert.equal("new", a.box.name)
  end)

  describe("writes what became of lists:", function()
    local moves = {
      { "an object that goes over by its attribute", function(one, two) one.things[1].box = two end, "a2 b1 z2" },
      { "one that another list takes", function(one, two) two.things:append(one.things[1]) end, "a2 b1 z2" },
      { "one that Lua's own functions moved", function(one, two)
        table.insert(two.things, table.remove(one.things, 1))
      end, "a2 b1 z2" },
      { "one that stands in both lists: the new one has it", function(one, two)
        table.insert(two.things, one.things[1])
      end, "a2 b1 z2" },
      { "an assigned list", function(one) one.things = { one.things[2], Thing{ name = "n" } } end, "b1 n1 z2" },
      { "an element that is replaced", function(one) one.things[1] = Thing{ name = "n" } end, "b1 n1 z2" },
      { "one that is inserted at the front and one that is taken from the end", function(one)
        table.insert(one.things, 1, Thing{ name = "n" })
        table.remove(one.things)
      end, "a1 n1 z2" },
      { "an order that Lua sorted: nothing", function(one)
        table.sort(one.things, function(x, y) return x.name > y.name end)
      end, "a1 b1 z2", 0 },
      { "the same objects assigned again: nothing", function(one)
        one.things = { one.things[2], one.things[1] }
      end, "a1 b1 z2", 0 },
    }
    for _, case in ipairs(moves) do
      it(case[1], function()
        local one, two = stored("one", "a", "b"), stored("two", "z")
        assert.same({ "a b", "z" }, { names(one.things), names(two.things) })
        case[2](one, two)
        local sent = d.statements_of(function() session:flush() end)
        if case[4] then assert.equal(case[4], #sent) end
        session:commit()
        assert.equal(case[3], things())
        local by_list = {}
        for _, box in ipairs{ one, two } do
          for _, thing in ipairs(box.things) do by_list[#by_list + 1] = thing.name .. box.id end
        end
        table.sort(by_list)
        assert.equal(case[3], table.concat(by_list, " "))
      end)
    end

    it("one that was put into a list after its owner expired", function()
      local box = stored("one", "a")
      local list = box.things
      session:expire(box)
      list:append(Thing{ name = "b" })
      session:commit()
      assert.equal("a1 b1", things())
    end)

    it("while they are walked over, and expire", function()
      local box, seen = stored("one", "a", "b", "c"), {}
      for _, thing in ipairs(box.things) do
        session:expire_all()
        seen[#seen + 1] = thing.name
      end
      assert.equal("a b c", table.concat(seen, " "))
    end)
  end)

  describe("with delete-orphan", function()
    it("deletes what leaves a parent that it was known to have", function()
      local box = stored("one", "a", "b")
      local a = box.things[1]
      assert.equal(box, a.box)
      session:commit()
      a = session:get(Thing, 1)
      assert.equal("one", a.box.name) -- the list is not loaded
      a.box = nil
      session:commit()
      assert.equal("b1", things())
    end)

    it("shows at once that an object left a list, although its attribute was not loaded", function()
      local box = stored("one", "a")
      local a = box.things[1]
      box.things:remove(a)
      assert.is_nil(a.box)
      assert.same({ box }, pg.inspect(a):history("box").deleted)
    end)

    it("forgets what was only going to be inserted", function()
      local box = stored "one"
      local other = stored "two"
      for _, leave in ipairs{
        function(thing) box.things:remove(thing) end,
        function() box.things:clear() end,
        function() box.things = {} end,
        function(thing) thing.box = nil end,
      } do
        local thing = Thing{ name = "n" }
        session:no_autoflush(function()
          box.things:append(thing)
          assert.is_true(session:contains(thing))
          leave(thing)
        end)
        assert.is_true(pg.inspect(thing).transient)
      end
      local moved = Thing{ name = "moved" }
      session:no_autoflush(function()
        box.things:append(moved)
        moved.box = other
      end)
      session:commit()
      assert.equal("moved2", things())
    end)
  end)

  describe("in which objects are deleted", function()
    local Shelf, Book
    before_each(function() Shelf, Book = d.models.Shelf, d.models.Book end)
    local function shelf_with(...)
      local shelf = Shelf{ name = "s" }
      for _, name in ipairs{ ... } do shelf.books:append(Book{ name = name }) end
      session:add(shelf)
      session:commit()
      return shelf
    end
    local function books()
      return d.psql "SELECT string_agg(name || coalesce(shelf_id::text, '-'), ' ' ORDER BY name) FROM books"
    end

    it("deletes what was put into a list meanwhile", function()
      local shelf, book = shelf_with "a", Book{ name = "b" }
      session:add(book)
      session:flush()
      shelf.books:append(book)
      session:delete(book)
      session:commit()
      assert.equal("a1", books())
    end)

    it("does not mind what becomes of lists that deleted objects stand in", function()
      local shelf = shelf_with("a", "b")
      local a = shelf.books[1]
      session:delete(a)
      session:flush()
      shelf.books:remove(a)
      session:commit()
      assert.equal("b1", books())
    end)

    it("clears keys that were to become those of a deleted object", function()
      local shelf = shelf_with "a"
      session:expire_all()
      local new, stored_book = Book{ name = "n" }, Book{ name = "o" }
      session:add(stored_book)
      session:flush()
      new.shelf, stored_book.shelf = shelf, shelf
      session:add(new)
      session:no_autoflush(function() session:delete(shelf) end)
      session:commit()
      assert.equal("a- n- o-", books())
    end)

    it("goes on with a cascade to what is related by an attribute that is not written yet", function()
      local box = stored("box", "a")
      local other = stored("other", "b")
      local b = other.things[1]
      session:expire(box)
      b.box = box
      session:no_autoflush(function()
        assert.equal("a b", names(box.things))
        session:expire(box)
        session:delete(box)
      end)
      session:commit()
      assert.is_nil(tonumber(things()))
      assert.equal("", things())
    end)
  end)

  it("takes objects whose lists were read before they are stored", function()
    local box = d.models.Shelf{ name = "s", code = "x" }
    session:add(box)
    session:no_autoflush(function() assert.equal(0, #box.books) end)
    local other = d.models.Shelf{ name = "t", code = "y" }
    session:add(other)
    box.code, other.code = "y", "x"
    session:commit()
    assert.equal("sy tx", d.psql "SELECT string_agg(name || code, ' ' ORDER BY id) FROM shelves")
  end)

  it("writes an association row once, whatever the lists say", function()
    local tag = Tag{ name = "t" }
    local box = Box{ name = "b", tags = { tag, tag } }
    session:add(box)
    session:commit()
    box.tags:append(tag)
    session:commit()
    box.tags:remove(tag)
    tag.boxes:append(box)
    session:commit()
    box.tags = {}
    box.tags = { tag }
    session:commit()
    assert.equal("1", d.psql "SELECT count(*) FROM box_tags")
    assert.equal("t", names(box.tags))
  end)

  describe("of a table that refers to itself", function()
    local function tree()
      return Node{ name = "root", down = {
        Node{ name = "a", down = { Node{ name = "a1" }, Node{ name = "a2" } } },
        Node{ name = "b", down = { Node{ name = "b1" } } },
      } }
    end
    local function nodes()
      return d.psql("SELECT string_agg(n.name || '<' || coalesce(u.name, ''), ' ' ORDER BY n.name) "
        .. "FROM nodes AS n LEFT JOIN nodes AS u ON u.id = n.up_id")
    end
    local all = "a<root a1<a a2<a b<root b1<b root<"

    it("deletes three levels, and stores them again", function()
      local root = tree()
      session:add(root)
      session:commit()
      assert.equal(all, nodes())
      session:delete(root)
      session:flush()
      session:rollback()
      assert.equal("a1 a2", names(root.down[1].down))
      session:delete(root)
      session:commit()
      assert.equal("", nodes())
      session:add(tree())
      session:commit()
      assert.equal(all, nodes())
    end)

    it("deletes three levels and stores others with their keys", function()
      local root = tree()
      session:add(root)
      session:commit()
      local ids = {}
      for _, node in ipairs(session:scalars(pg.select(Node)):all()) do ids[node.name] = node.id end
      session:delete(root)
      session:add(Node{ id = ids.root, name = "R", down = {
        Node{ id = ids.b, name = "B", down = { Node{ id = ids.b1, name = "B1" } } }, Node{ id = ids.a1, name = "A1" },
      } })
      session:commit()
      assert.equal("A1<R B<R B1<B R<", nodes())
    end)

    it("deletes the middle after its leaves moved up", function()
      local root = tree()
      session:add(root)
      session:commit()
      local middle = root.down[1]
      for _, leaf in ipairs{ middle.down[1], middle.down[2] } do leaf.up = root end
      session:delete(middle)
      session:commit()
      assert.equal("a1 a2 b", names(root.down))
    end)

    it("takes in a chain of any length, whichever end is given", function()
      local lowest = Node{}
      local top = lowest
      for _ = 1, 15000 do top = Node{ down = { top } } end
      for _, given in ipairs{ top, lowest } do
        session:add(given)
        assert.equal(15001, #session.new)
        session:expunge_all()
      end
    end)

    it("lets a parent and its child change places", function()
      local child = Node{ name = "child" }
      local parent = Node{ name = "parent", down = { child } }
      session:add(parent)
      session:commit()
      parent.up, child.up = child, nil
      session:commit()
      assert.equal("child< parent<child", nodes())
    end)
  end)
end)

describe("relationships over several columns", function()
  it("store, load, ask, lose and delete", function()
    local Place, Visit, Tag
    local d = orm_db.create(function(Base)
      Place = Base:model("places", {
        x = pg.Column{ pg.Integer, primary_key = true, autoincrement = false },
        y = pg.Column{ pg.Text, primary_key = true }, name = pg.Column{ pg.Text },
        visits = orm.relationship("visits", { back_populates = "place", cascade = "all", order_by = "id" }),
        tags = orm.relationship("tags", { secondary = "place_tags" }),
      })
      Visit = Base:model("visits", {
        id = key(), px = pg.Column{ pg.Integer }, py = pg.Column{ pg.Text },
        place = orm.relationship("places", { back_populates = "visits" }),
        pg.ForeignKeyConstraint({ "px", "py" }, { "places.x", "places.y" }),
      })
      Tag = Base:model("tags", { id = key() })
      pg.Table("place_tags", Base.metadata, {
        pg.Column{ "px", pg.Integer, primary_key = true }, pg.Column{ "py", pg.Text, primary_key = true },
        pg.Column{ "tag_id", pg.ForeignKey "tags.id", primary_key = true },
        pg.ForeignKeyConstraint({ "px", "py" }, { "places.x", "places.y" }),
      })
    end)
    d.Session(function(session)
      session:add_all{
        Place{ x = 1, y = "one", name = "here", visits = { Visit(), Visit() }, tags = { Tag() } }, Visit{ px = 1 },
      }
      session:commit()
      for _, option in ipairs{ "joinedload", "selectinload" } do
        session:expunge_all()
        local stmt = pg.select(Place):options(orm[option](Place.visits), orm[option](Place.tags))
        local place = session:scalars(stmt):unique():one()
        session:expunge_all()
        local visits = session:scalars(pg.select(Visit):options(orm[option](Visit.place)):order_by(Visit.id)):all()
        assert.equal(0, #d.statements_of(function()
          assert.same({ 2, 1, "here", "here" },
            { #place.visits, #place.tags, visits[1].place.name, visits[2].place.name })
        end))
        assert.is_nil(visits[3].place) -- half a key is none
      end
      local place = session:get(Place, { x = 1, y = "one" })
      assert.equal(2, #session:scalars(pg.select(Visit):where(Visit.place:eq(place))):all())
      assert.equal(2, #session:scalars(pg.select(Visit):where(Visit.place:has{ name = "here" })):all())
      assert.equal(1, #session:scalars(pg.select(Place):where(Place.visits:contains(place.visits[1]))):all())
      place.visits[1].place = nil
      session:commit()
      assert.equal("3|2|1", d.psql "SELECT count(*), count(px), count(py) FROM visits")
      session:delete(place)
      session:commit()
      assert.equal("0|0|2", d.psql("SELECT (SELECT count(*) FROM places), (SELECT count(*) FROM place_tags), "
        .. "(SELECT count(*) FROM visits)"))
    end)
    d.drop()
  end)
end)
