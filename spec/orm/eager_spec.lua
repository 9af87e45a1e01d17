local db = require "spec.support.db"
local orm_db = require "spec.support.orm_db"
local pg = require "pgvector"
local orm = pg.orm

describe("eager loading", function()
  local url, drop, engine, session, statements
  local Owner, Item, Tag

  local function key() return pg.Column{ pg.BigInteger, primary_key = true } end

  setup(function()
    url, drop = db.create()
    statements = {}
    engine = pg.create_engine(url, { echo = function(sql) statements[#statements + 1] = sql end })
    local Base = orm.declarative_base()
    pg.Table("item_tags", Base.metadata, {
      pg.Column{ "item_id", pg.BigInteger, pg.ForeignKey("items.id"), primary_key = true },
      pg.Column{ "tag_id", pg.BigInteger, pg.ForeignKey("tags.id"), primary_key = true },
    })
    Owner = Base:model("owners", {
      id = key(), name = pg.Column{ pg.Text }, order_1 = pg.Column{ pg.Integer },
      items = orm.relationship("items", { back_populates = "owner", order_by = "title" }),
    })
    Item = Base:model("items", {
      id = key(), title = pg.Column{ pg.Text }, embedding = pg.Column{ pg.VECTOR(2) },
      owner_id = pg.Column{ pg.BigInteger, pg.ForeignKey("owners.id") },
      note = pg.Column{ pg.Text, deferred = true, deferred_group = "long" },
      body = pg.Column{ pg.Text, deferred = true, deferred_group = "long" },
      owner = orm.relationship("owners", { back_populates = "items" }),
      tags = orm.relationship("tags", { secondary = "item_tags", order_by = "word" }),
    })
    Tag = Base:model("tags", { id = key(), word = pg.Column{ pg.Text } })
    Base.metadata:create_all(engine)
    orm.sessionmaker{ bind = engine }:begin(function(s)
      local red, big = Tag{ word = "red" }, Tag{ word = "big" }
      s:add_all{
        Owner{ name = "ada", order_1 = 2, items = {
          Item{ title = "b", embedding = { 1, 1 }, tags = { red, big } }, Item{ title = "a", embedding = { 0, 1 } },
        } },
        Owner{ name = "bob", order_1 = 1, items = { Item{ title = "c", embedding = { 5, 5 }, tags = { red } } } },
        Owner{ name = "eve" },
        Item{ title = "lost", embedding = { 9, 9 } },
      }
    end)
  end)
  teardown(function()
    engine:dispose()
    drop()
  end)

  before_each(function() session = orm.Session(engine) end)
  after_each(function()
    session:close()
    assert.equal(0, engine:pool_status().checked_out)
  end)

  local function statements_of(fn)
    local first = #statements + 1
    fn()
    local list = {}
    for i = first, #statements do
      if not statements[i]:find("^%u+$") then list[#list + 1] = statements[i] end
    end
    return list
  end

  -- "ada: a b; bob: c; eve:"
  local function shown(owners)
    local parts = {}
    for i, owner in ipairs(owners) do
      local titles = {}
      for j, item in ipairs(owner.items) do titles[j] = " " .. item.title end
      parts[i] = owner.name .. ":" .. table.concat(titles)
    end
    return table.concat(parts, "; ")
  end

  local owners = function() return pg.select(Owner):order_by(Owner.id) end

  for option, queries in pairs{ joinedload = 1, selectinload = 2 } do
    it(("with %s loads lists in %d queries, each owner once"):format(option, queries), function()
      local result
      local sql = statements_of(function()
        result = shown(session:scalars(owners():options(orm[option](Owner.items))):all())
      end)
      assert.equal("ada: a b; bob: c; eve:", result)
      assert.equal(queries, #sql)
    end)

    it(("with %s goes on along a chain"):format(option), function()
      local words = {}
      local items = orm[option](Owner.items)
      local stmt = owners():options(items[option](items, Item.tags))
      local sql = statements_of(function()
        for _, owner in ipairs(session:scalars(stmt):all()) do
          for _, item in ipairs(owner.items) do
            for _, tag in ipairs(item.tags) do words[#words + 1] = item.title .. ":" .. tag.word end
          end
        end
      end)
      assert.same({ "b:big", "b:red", "c:red" }, words)
      assert.equal(option == "joinedload" and 1 or 3, #sql)
    end)

    it(("with %s loads single objects, and remembers that there is none"):format(option), function()
      local names = {}
      local sql = statements_of(function()
        local stmt = pg.select(Item):order_by(Item.title):options(orm[option](Item.owner))
        for i, item in ipairs(session:scalars(stmt):all()) do names[i] = item.owner and item.owner.name or "none" end
      end)
      assert.same({ "ada", "ada", "bob", "none" }, names)
      assert.equal(queries, #sql)
    end)
  end

  it("needs no further queries for keys that were not selected", function()
    local names = {}
    local sql = statements_of(function()
      local stmt = pg.select(Item):order_by(Item.title):options(orm.load_only(Item.title), orm.selectinload(Item.owner))
      for i, item in ipairs(session:scalars(stmt):all()) do names[i] = item.owner and item.owner.name or "none" end
    end)
    assert.same({ "ada", "ada", "bob", "none" }, names)
    assert.equal(2, #sql)
  end)

  it("keeps rows apart that differ in the last digit of a number", function()
    local sum = pg.cast(Item.id, pg.Double) * 0 + pg.case{ { Item.title:eq "a", 0.1 + 0.2 }, else_ = 0.3 }
    local stmt = pg.select(Owner, sum:label "sum"):join(Owner.items):where(Owner.name:eq "ada")
    assert.equal(2, #session:execute(stmt:options(orm.joinedload(Owner.items))):all())
  end)

  it("by join keeps a limit a limit on the objects, in their order", function()
    local result
    local sql = statements_of(function()
      local stmt = pg.select(Owner):order_by(Owner.name:desc()):limit(2):offset(1):options(orm.joinedload(Owner.items))
      result = shown(session:scalars(stmt):all())
    end)
    assert.equal("bob: c; ada: a b", result)
    assert.equal(1, #sql)
  end)

  it("by join of rows that are locked locks those of the model alone", function()
    local along = { orm.joinedload(Owner.items) }
    local sent = statements_of(function()
      local ada = session:get(Owner, 1, { with_for_update = { nowait = true }, options = along })
      assert.equal(2, #ada.items)
      session:expunge_all()
      local stmt = pg.select(Owner, Item.title):join(Owner.items):where(Owner.id:eq(2)):options(along[1])
      assert.equal("c", session:execute(stmt:with_for_update()):unique():one()[2])
      local Other = orm.aliased(Item, "other")
      local item = session:scalars(pg.select(Other):limit(1):with_for_update():options(orm.joinedload(Other.owner))):one()
      assert.equal("ada", item.owner.name)
    end)
    assert.truthy(sent[1]:find(" FOR UPDATE OF owners NOWAIT$"))
    assert.truthy(sent[2]:find(" FOR UPDATE OF owners$"))
    assert.truthy(sent[3]:find(" LIMIT %$1 FOR UPDATE%) AS "))
  end)

  it("by join leaves the nearest neighbours' ORDER BY alone", function()
    local distance = Item.embedding:l2_distance{ 0, 0 }
    local stmt = pg.select(Item, distance:label "d"):order_by(distance):limit(2):options(orm.joinedload(Item.owner))
    local found = {}
    local sql = statements_of(function()
      for _, item, d in session:execute(stmt):tuples() do
        found[#found + 1] = ("%s %s %.3f"):format(item.title, item.owner.name, d)
      end
    end)
    assert.equal(1, #sql)
    assert.truthy(sql[1]:find("ORDER BY items.embedding <%-> %$1 LIMIT", 1), sql[1])
    assert.same({ "a ada 1.000", "b ada 1.414" }, found)
  end)

  it("by join keeps the order with a limit, whatever the columns are called", function()
    local stmt = pg.select(Owner):order_by(pg.func.lower(Owner.name)):limit(2):options(orm.joinedload(Owner.items))
    assert.equal("ada: a b; bob: c", shown(session:scalars(stmt):all()))
    stmt = pg.select(Owner):order_by(pg.nulls_first "order_1"):limit(2):offset(1):options(orm.joinedload(Owner.items))
    assert.equal("bob: c; ada: a b", shown(session:scalars(stmt):all()))
  end)

  it("may be the relationship's own way", function()
    local Base = orm.declarative_base{ metadata = pg.MetaData() }
    Base:model("items", {
      id = key(), title = pg.Column{ pg.Text }, owner_id = pg.Column{ pg.BigInteger, pg.ForeignKey("owners.id") },
    })
    local Other = Base:model("owners", {
      id = key(), name = pg.Column{ pg.Text }, items = orm.relationship("items", { lazy = "joined", order_by = "title" }),
      again = orm.relationship("items", { lazy = "selectin", viewonly = true }),
    })
    local sql = statements_of(function()
      assert.equal("ada: a b; bob: c; eve:", shown(session:scalars(pg.select(Other):order_by(Other.id)):all()))
    end)
    assert.equal(2, #sql)
  end)

  it("takes what the statement has joined itself", function()
    local stmt = pg.select(Item):join(Item.owner):where(Owner.name:eq "ada"):order_by(Item.title)
      :options(orm.contains_eager(Item.owner))
    local sql = statements_of(function()
      for _, item in ipairs(session:scalars(stmt):all()) do assert.equal("ada", item.owner.name) end
    end)
    assert.equal(1, #sql)
  end)

  it("does not overwrite what is loaded", function()
    local ada = session:scalars(owners()):first()
    ada.items:clear()
    session:no_autoflush(function()
      session:scalars(owners():options(orm.selectinload(Owner.items))):all()
      session:scalars(owners():options(orm.joinedload(Owner.items))):all()
    end)
    assert.equal(0, #ada.items)
  end)

  it("is refused or left out where an option says so", function()
    local ada = session:scalars(owners():options(orm.raiseload(Owner.items))):first()
    assert.error_matches(function() return ada.items end, "lazy loading is not allowed")
    session:expunge_all()
    ada = session:scalars(owners():options(orm.noload(Owner.items))):first()
    assert.equal(0, #ada.items)
  end)

  it("chooses columns", function()
    local function columns_in(option)
      local sql = statements_of(function() session:scalars(pg.select(Item):options(option)):all() end)[1]
      session:expunge_all()
      return (sql:match("^SELECT (.-) FROM"):gsub("items%.", ""))
    end
    assert.equal("id, title", columns_in(orm.load_only(Item.title)))
    assert.equal("id, title, owner_id", columns_in(orm.defer(Item.embedding)))
    assert.equal("id, title, embedding, owner_id, note", columns_in(orm.undefer(Item.note)))
    local item = session:scalars(pg.select(Item):options(orm.load_only(Item.title)):order_by(Item.id)):first()
    assert.equal(2, #item.embedding)
    local sql = statements_of(function() return item.note end)
    assert.truthy(sql[1]:find("items.note, items.body", 1, true))
  end)

  it("chooses columns of what is loaded along", function()
    local stmt = owners():options(orm.joinedload(Owner.items):load_only(Item.title))
    local sql = statements_of(function() session:scalars(stmt):all() end)
    assert.is_nil(sql[1]:find("embedding", 1, true))
    session:expunge_all()
    sql = statements_of(function()
      session:scalars(owners():options(orm.selectinload(Owner.items):load_only(Item.title))):all()
    end)
    assert.is_nil(sql[2]:find("embedding", 1, true))
  end)

  it("goes with get, too", function()
    local sql = statements_of(function()
      local ada = session:get(Owner, 1, { options = { orm.joinedload(Owner.items) } })
      assert.equal(2, #ada.items)
    end)
    assert.equal(1, #sql)
  end)

  it("loads an alias' relationships", function()
    local O = orm.aliased(Owner, "o")
    local stmt = pg.select(O):where(O.name:eq "ada"):options(orm.joinedload(O.items))
    assert.equal("ada: a b", shown(session:scalars(stmt):all()))
  end)

  describe("conditions on relationships", function()
    local function names(condition)
      return table.concat(session:scalars(pg.select(Owner.name):where(condition):order_by(Owner.name)):all(), " ")
    end

    it("ask for related rows", function()
      assert.equal("ada bob", names(Owner.items:any()))
      assert.equal("eve", names(Owner.items:any():not_()))
      assert.equal("bob", names(Owner.items:any(Item.title:eq "c")))
      assert.equal("bob", names(Owner.items:any{ title = "c" }))
      assert.equal("ada bob", names(Owner.items:any(Item.tags:any{ word = "red" })))
      local function titles(condition)
        return table.concat(session:scalars(pg.select(Item.title):where(condition):order_by(Item.title)):all(), " ")
      end
      assert.equal("a b", titles(Item.owner:has{ name = "ada" }))
      assert.equal("lost", titles(Item.owner:eq(pg.null)))
      assert.equal("lost", titles(Item.owner:is_null()))
      local bob = session:get(Owner, 2)
      assert.equal("c", titles(Item.owner:eq(bob)))
      assert.equal("a b", titles(Item.owner:ne(bob)))
      local red = session:scalars(pg.select(Tag):where(Tag.word:eq "red")):one()
      assert.equal("b c", titles(Item.tags:contains(red)))
    end)

    it("ask for rows of the model itself, and for what those are related to", function()
      local Base = orm.declarative_base()
      local Node = Base:model("nodes", {
        id = key(), parent_id = pg.Column{ pg.BigInteger, pg.ForeignKey "nodes.id" },
        parent = orm.relationship("nodes", { remote_side = "id" }), leaves = orm.relationship("leaves"),
      })
      local Leaf = Base:model("leaves", {
        id = key(), node_id = pg.Column{ pg.BigInteger, pg.ForeignKey "nodes.id" }, name = pg.Column{ pg.Text },
      })
      local leaves = "EXISTS (SELECT 1 FROM leaves WHERE %s.id = leaves.node_id AND leaves.name = $1)"
      local has_green = Node.leaves:any{ name = "green" }
      assert.equal("SELECT nodes.id FROM nodes WHERE EXISTS (SELECT 1 FROM nodes AS nodes_1 "
        .. "WHERE nodes.parent_id = nodes_1.id AND " .. leaves:format "nodes_1" .. ")",
        tostring(pg.select(Node.id):where(Node.parent:has(has_green))))
      local of_green = pg.select(Leaf.node_id):where(Leaf.name:eq "green", Leaf.node_id:eq(Node.parent_id))
      assert.equal("SELECT nodes.id FROM nodes WHERE EXISTS (SELECT 1 FROM nodes AS nodes_1 "
        .. "WHERE nodes.parent_id = nodes_1.id AND nodes_1.id IN (SELECT leaves.node_id FROM leaves "
        .. "WHERE leaves.name = $1 AND leaves.node_id = nodes_1.parent_id))",
        tostring(pg.select(Node.id):where(Node.parent:has(Node.id:in_(of_green)))))
    end)

    it("join along them", function()
      local rows = session:execute(pg.select(Owner.name, Tag.word):join(Owner.items):join(Item.tags)
        :order_by(Owner.name, Tag.word)):all()
      assert.same({ "ada", "big", "ada", "red", "bob", "red" },
        { rows[1][1], rows[1][2], rows[2][1], rows[2][2], rows[3][1], rows[3][2] })
      local I = orm.aliased(Item)
      local stmt = pg.select(Owner.name):join(Owner.items:of_type(I)):where(I.title:eq "a")
      assert.same({ "ada" }, session:scalars(stmt):all())
    end)

    it("refuse the wrong kind", function()
      assert.error_matches(function() return Item.owner:any() end, "is not a list: use has")
      assert.error_matches(function() return Owner.items:has() end, "is a list: use any")
      assert.error_matches(function() return Owner.items:eq(Owner{}) end, "use contains or any")
      assert.error_matches(function() return Owner.items:contains(Item{}) end,
        "contains: items%(transient%) is not stored: flush first")
      assert.error_matches(function() return Owner.items:any{ titel = 1 } end, "no attribute 'titel'")
      assert.error_matches(function() return Owner.items.any() end, "use ':'")
      assert.error_matches(function() orm.joinedload(Item.title) end, "expected a relationship")
      assert.error_matches(function() orm.load_only(Item.owner) end, "expected a column of a model")
      assert.error_matches(function() return orm.joinedload(Owner.items):joinedload(Owner.items) end, "does not continue")
      assert.error_matches(function() session:execute(pg.select(Owner):options{}) end, "expected a loader option")
    end)
  end)
end)

describe("eager loading of what models that inherit have", function()
  it("needs no query for each object whose table is not selected", function()
    local Base_model, Child, Target
    local d = orm_db.create(function(Base)
      Target = Base:model("targets", { id = pg.Column{ pg.Integer, primary_key = true } })
      Base_model = Base:model("parents", {
        id = pg.Column{ pg.Integer, primary_key = true }, kind = pg.Column{ pg.Text },
        __polymorphic_on = "kind", __polymorphic_identity = "parent",
      })
      Child = Base_model:model("children", {
        id = pg.Column{ pg.Integer, pg.ForeignKey "parents.id", primary_key = true },
        target_id = pg.Column{ pg.ForeignKey "targets.id" },
        target = orm.relationship("targets", { lazy = "selectin" }),
        __polymorphic_identity = "child",
      })
    end)
    local session = d.Session()
    session:add_all{ Child{ target = Target{} }, Child{ target = Target{} }, Child{}, Base_model{} }
    session:commit()
    session:expunge_all()
    local ids = {}
    local sql = d.statements_of(function()
      for i, object in ipairs(session:scalars(pg.select(Base_model):order_by(Base_model.id):limit(3)):all()) do
        ids[i] = object.target and object.target.id or "none"
      end
    end)
    session:close()
    d.drop()
    assert.same({ 1, 2, "none" }, ids)
    assert.equal(2, #sql)
  end)
end)
