local db = require "spec.support.db"
local pg = require "pgvector"
local orm = pg.orm

local function key() return pg.Column{ pg.BigInteger, primary_key = true } end
local function reference(target, options)
  return pg.Column{ pg.BigInteger, pg.ForeignKey(target, options) }
end

describe("relationships", function()
  local url, drop, engine, session, statements

  setup(function()
    url, drop = db.create()
    statements = {}
    engine = pg.create_engine(url, { echo = function(sql) statements[#statements + 1] = sql end })
  end)
  teardown(function()
    engine:dispose()
    drop()
  end)

  local Base
  before_each(function()
    Base = orm.declarative_base()
    session = orm.Session(engine)
  end)
  after_each(function()
    session:close()
    Base.metadata:drop_all(engine)
    assert.equal(0, engine:pool_status().checked_out)
  end)

  local function create() Base.metadata:create_all(engine) end

  local function query(sql) return db.psql(sql, url) end

  local function statements_of(fn)
    local first = #statements + 1
    fn()
    local list = {}
    for i = first, #statements do
      if not statements[i]:find("^%u+$") then list[#list + 1] = statements[i] end
    end
    return list
  end

  local function titles(list)
    local names = {}
    for i, object in ipairs(list) do names[i] = object.title end
    return names
  end

  describe("between owners and items", function()
    local Owner, Item

    local function define(of_owner, of_item)
      Owner = Base:model("owners", {
        id = key(), name = pg.Column{ pg.Text },
        items = orm.relationship("items", of_owner or { back_populates = "owner", order_by = "title" }),
      })
      Item = Base:model("items", {
        id = key(), title = pg.Column{ pg.Text }, owner_id = reference "owners.id",
        owner = of_item ~= false and orm.relationship("owners", of_item or { back_populates = "items" }) or nil,
      })
      create()
    end

    local function stored(...)
      local owner = Owner{ name = "ada" }
      for _, title in ipairs{ ... } do owner.items:append(Item{ title = title }) end
      session:add(owner)
      session:commit()
      return owner
    end

    it("store both sides in order, with the keys that the server made", function()
      define()
      stored("b", "a")
      assert.equal("1|1|b\n2|1|a", query "SELECT id, owner_id, title FROM items ORDER BY id")
    end)

    it("load a list when it is read, in the order asked for", function()
      define()
      stored("b", "a", "c")
      session:expunge_all()
      local owner = session:get(Owner, 1)
      local sql = statements_of(function() assert.same({ "a", "b", "c" }, titles(owner.items)) end)
      assert.equal(1, #sql)
      assert.same({}, statements_of(function() return owner.items end))
    end)

    it("load one without a query if the session has it", function()
      define()
      stored("a")
      session:expunge_all()
      local owner, item = session:get(Owner, 1), session:get(Item, 1)
      local sql = statements_of(function() assert.is_true(rawequal(owner, item.owner)) end)
      assert.same({}, sql)
    end)

    it("remember that there is nothing", function()
      define()
      session:add(Item{ title = "alone" })
      session:commit()
      local item = session:get(Item, 1)
      assert.equal("alone", item.title)
      assert.same({}, statements_of(function()
        assert.is_nil(item.owner)
        assert.is_nil(item.owner)
      end))
    end)

    it("keep both sides in step", function()
      define()
      local a, b = Owner{ name = "a" }, Owner{ name = "b" }
      local item = Item{ title = "x", owner = a }
      assert.is_true(rawequal(item, a.items[1]))
      b.items:append(item)
      assert.equal(0, #a.items)
      assert.is_true(rawequal(b, item.owner))
      b.items:remove(item)
      assert.is_nil(item.owner)
      item.owner = a
      a.items:clear()
      assert.is_nil(item.owner)
    end)

    it("move a child to another parent", function()
      define()
      local a = stored("x")
      local b = Owner{ name = "b" }
      session:add(b)
      b.items = { a.items[1] }
      session:commit()
      assert.equal("2", query "SELECT owner_id FROM items")
      assert.equal(0, #a.items)
    end)

    it("clear the key of a child that leaves", function()
      define()
      local owner = stored("x", "y")
      owner.items:remove(owner.items[1])
      session:commit()
      assert.equal("|x\n1|y", query "SELECT owner_id, title FROM items ORDER BY title")
      session:get(Item, 2).owner = nil
      session:commit()
      assert.equal("2", query "SELECT count(*) FROM items WHERE owner_id IS NULL")
    end)

    it("notice what was done to a list with Lua's own functions", function()
      define()
      local owner = stored("x")
      table.insert(owner.items, Item{ title = "y" })
      session:commit()
      assert.equal("2", query "SELECT count(*) FROM items WHERE owner_id = 1")
      table.remove(owner.items, 1)
      session:commit()
      assert.equal("|x", query "SELECT owner_id, title FROM items WHERE owner_id IS NULL")
    end)

    it("count as a change of both objects", function()
      define()
      local owner, item = stored("x"), Item{ title = "y" }
      session:add(item)
      session:flush()
      assert.same({}, session.dirty)
      item.owner = owner
      assert.same({ owner, item }, session.dirty)
      table.insert(owner.items, Item{ title = "z" })
      assert.is_true(session:is_modified(owner))
      session:flush()
      assert.same({}, session.dirty)
    end)

    it("notice a change of a list whose owner nobody holds", function()
      define()
      stored("x")
      session:expunge_all()
      local items = session:get(Owner, 1).items
      collectgarbage()
      collectgarbage()
      items:append(Item{ title = "y" })
      session:commit()
      assert.equal("2", query "SELECT count(*) FROM items WHERE owner_id = 1")
    end)

    it("bring children into the session, but not parents by the other side", function()
      define()
      local owner = stored()
      local child = Item{ title = "x" }
      owner.items:append(child)
      assert.is_true(session:contains(child))
      local lonely = Item{ title = "y" }
      lonely.owner = owner
      assert.is_false(session:contains(lonely))
    end)

    it("clear the children's keys when the parent is deleted", function()
      define()
      local owner = stored("x")
      session:delete(owner)
      session:commit()
      assert.equal("|x", query "SELECT owner_id, title FROM items")
    end)

    it("delete the children with the parent, and those that leave, if told to", function()
      define({ back_populates = "owner", cascade = "all, delete-orphan" })
      local owner = stored("x", "y", "z")
      owner.items:remove(owner.items[1])
      session:commit()
      assert.equal("2", query "SELECT count(*) FROM items")
      session:delete(owner)
      session:commit()
      assert.equal("0", query "SELECT count(*) FROM items")
    end)

    it("leave a new child alone that a list got unseen when the parent is deleted", function()
      define({ back_populates = "owner", cascade = "all, delete-orphan" })
      local owner = stored("x")
      local child = Item{ title = "y" }
      table.insert(owner.items, child)
      session:delete(owner)
      session:commit()
      assert.equal("0", query "SELECT count(*) FROM items")
      assert.is_true(pg.inspect(child).transient)
    end)

    it("do not delete an orphan that found another parent", function()
      define({ back_populates = "owner", cascade = "all, delete-orphan" })
      local a = stored("x")
      local b = Owner{}
      session:add(b)
      local item = a.items[1]
      b.items:append(item)
      assert.equal(0, #a.items)
      session:commit()
      assert.equal("2", query "SELECT owner_id FROM items")
    end)

    it("leave children to the database with passive_deletes", function()
      Owner = Base:model("owners", {
        id = key(), items = orm.relationship("items", { passive_deletes = true, cascade = "all" }),
      })
      Item = Base:model("items", { id = key(), owner_id = reference("owners.id", { ondelete = "CASCADE" }) })
      create()
      session:add(Owner{ items = { Item{}, Item{} } })
      session:commit()
      local owner = session:get(Owner, 1)
      local sql = statements_of(function()
        session:delete(owner)
        session:flush()
      end)
      assert.equal(1, #sql)
      session:commit()
      assert.equal("0", query "SELECT count(*) FROM items")
    end)

    it("take back a rollback on both sides", function()
      define()
      local owner = stored("x")
      local new = Item{ title = "new" }
      owner.items:append(new)
      session:flush()
      session:rollback()
      assert.same({ "x" }, titles(owner.items))
      assert.is_nil(new.owner_id)
    end)

    it("take back a rollback on both sides, without a statement since the last commit, too", function()
      define()
      local owner, other = stored("x"), Owner{ name = "bob" }
      session:add(other)
      session:commit()
      local item = owner.items[1]
      assert.equal(0, #other.items)
      session:commit()
      item.owner = other
      session:rollback()
      session:commit()
      assert.same({ owner, 1, 0 }, { item.owner, #owner.items, #other.items })
      assert.equal("1", query "SELECT owner_id FROM items")
    end)

    it("may be made from one side with backref", function()
      Owner = Base:model("owners", { id = key(), name = pg.Column{ pg.Text } })
      Item = Base:model("items", {
        id = key(), title = pg.Column{ pg.Text }, owner_id = reference "owners.id",
        owner = orm.relationship("owners", { backref = "items" }),
      })
      create()
      session:add(Owner{ name = "ada", items = { Item{ title = "x" } } })
      session:commit()
      assert.equal("ada", session:get(Item, 1).owner.name)
    end)

    it("may be one to one", function()
      define({ back_populates = "owner", uselist = false })
      local owner = Owner{ items = Item{ title = "x" } }
      session:add(owner)
      session:commit()
      assert.equal("x", owner.items.title)
      owner.items = Item{ title = "y" }
      session:commit()
      assert.equal("|x\n1|y", query "SELECT owner_id, title FROM items ORDER BY title")
      assert.equal("y", owner.items.title)
    end)

    it("refuse lazy loading if told to", function()
      define({ lazy = "raise" }, false)
      local owner = stored "x"
      assert.error_matches(function() return owner.items end, "lazy loading is not allowed")
    end)

    it("load nothing if told to", function()
      define({ lazy = "noload" }, false)
      local owner = stored "x"
      assert.equal(0, #owner.items)
    end)

    it("cannot be loaded without a session", function()
      define()
      local owner = stored "x"
      assert.equal("ada", owner.name)
      session:expunge(owner)
      assert.error_matches(function() return owner.items end, "DetachedInstanceError")
    end)

    it("refuse what is not of the model", function()
      define()
      local owner = Owner{}
      assert.error_matches(function() owner.items = Item{} end, "expected a sequence of instances")
      assert.error_matches(function() owner.items:append(Owner{}) end, "expected an instance of model 'items'")
      assert.error_matches(function() owner.items:remove(Item{}) end, "is not in the list")
      assert.error_matches(function() owner.items.append(Item{}) end, "use ':'")
      assert.error_matches(function() Item{ owner = 5 } end, "expected an instance of model 'owners', got number")
    end)

    it("are merged and expunged with their owner, if told to", function()
      define({ back_populates = "owner", cascade = "all" })
      local owner = stored("x")
      local copy = Owner{ id = 1, name = "copy", items = { Item{ id = 1, title = "y" }, Item{ title = "new" } } }
      assert.is_true(rawequal(owner, session:merge(copy)))
      session:commit()
      assert.equal("1|y\n2|new", query "SELECT id, title FROM items ORDER BY id")
      assert.equal(2, #owner.items)
      local item = owner.items[1]
      session:expunge(owner)
      assert.is_false(session:contains(item))
    end)

    it("are part of a plain table on request", function()
      define()
      local owner = stored("x")
      assert.same({ id = 1, name = "ada", items = { { id = 1, title = "x", owner_id = 1 } } },
        orm.to_table(owner, { include = { "items" } }))
    end)
  end)

  it("refuse a primaryjoin beside an association table, which tells the join itself", function()
    Base:model("tags", { id = key() })
    pg.Table("post_tags", Base.metadata, {
      pg.Column{ "post_id", pg.Integer, pg.ForeignKey "posts.id" },
      pg.Column{ "tag_id", pg.Integer, pg.ForeignKey "tags.id" },
    })
    local Post
    Post = Base:model("posts", {
      id = key(),
      tags = orm.relationship("tags", { secondary = "post_tags", primaryjoin = function() return Post.id:eq(1) end }),
    })
    assert.error_matches(function() return Post{}.tags end, "primaryjoin does not go with secondary")
  end)

  it("order the rows of a table that refers to itself", function()
    local Node = Base:model("nodes", {
      id = key(), title = pg.Column{ pg.Text }, parent_id = reference "nodes.id",
      children = orm.relationship("nodes", { back_populates = "parent", cascade = "all" }),
      parent = orm.relationship("nodes", { back_populates = "children", remote_side = "id" }),
    })
    create()
    local leaf = Node{ title = "leaf" }
    session:add(leaf)
    leaf.parent = Node{ title = "middle", parent = Node{ title = "root" } }
    session:commit()
    local root = session:scalars(pg.select(Node):where(Node.parent_id:is_null())):one()
    assert.equal("leaf", root.children[1].children[1].title)
    session:delete(root)
    session:commit()
    assert.equal("0", query "SELECT count(*) FROM nodes")
  end)

  it("order rows of such a table by plain key values, too", function()
    local Node = Base:model("nodes", { id = key(), parent_id = reference "nodes.id" })
    create()
    session:add_all{ Node{ id = 2, parent_id = 1 }, Node{ id = 3, parent_id = 2 }, Node{ id = 1 } }
    session:commit()
    for _, node in ipairs(session:scalars(pg.select(Node):order_by(Node.id)):all()) do session:delete(node) end
    session:commit()
    assert.equal("0", query "SELECT count(*) FROM nodes")
  end)

  it("store two tables that refer to each other", function()
    local A = Base:model("a", {
      id = key(), b_id = reference "b.id", b = orm.relationship("b", { foreign_keys = "b_id" }),
    })
    local B = Base:model("b", {
      id = key(), a_id = reference "a.id", a = orm.relationship("a", { foreign_keys = "a_id" }),
    })
    create()
    local a, b = A{}, B{}
    a.b, b.a = b, a
    session:add(a)
    session:commit()
    assert.equal("1", query "SELECT b_id FROM a")
    assert.equal("1", query "SELECT a_id FROM b")
  end)

  it("tell two foreign keys to one table apart", function()
    local function define(options)
      local base = orm.declarative_base()
      base:model("users", { id = key() })
      return base:model("mails", {
        id = key(), from_id = reference "users.id", to_id = reference "users.id",
        sender = orm.relationship("users", options),
      })
    end
    assert.error_matches(function() return define().sender end, "2 foreign keys between 'mails' and 'users'.*foreign_keys")
    assert.truthy(define{ foreign_keys = "from_id" }.sender)
    assert.error_matches(function() return define{ foreign_keys = "fromid" }.sender end, "foreign_keys: neither model "
      .. "'mails' nor model 'users' has an attribute 'fromid', did you mean 'from_id'?")
    assert.error_matches(function() return define{ foreign_keys = "sender" }.sender end, "expected columns, got ")
    assert.error_matches(function() return define{ foreign_keys = 5 }.sender end, "expected columns, got number")
  end)

  it("name what they cannot find", function()
    local Model = Base:model("t", {
      id = key(), x = orm.relationship "tt", y = orm.relationship("t", { back_populates = "z", remote_side = "id" }),
    })
    assert.error_matches(function() return Model.x end, "no model 'tt', did you mean 't'")
    assert.error_matches(function() return Model.y end, "there is no foreign key between 't' and 't'")
    assert.error_matches(function() orm.relationship("t", { lazy = "selct" }) end, "did you mean 'select'")
    assert.error_matches(function() orm.relationship("t", { cascade = "delet" }) end, "did you mean 'delete'")
    assert.error_matches(function() orm.relationship("t", { backpopulates = "x" }) end, "did you mean 'back_populates'")
    assert.equal("a relationship of no model", tostring(orm.relationship "t"))
  end)

  describe("are refused, at every use, if the other side", function()
    local function item(options)
      return Base:model("items", { id = key(), title = pg.Column{ pg.Text }, owner_id = reference "owners.id",
        owner = orm.relationship("owners", options) })
    end
    local cases = {
      { "has a column of the name already", function()
        Base:model("owners", { id = key(), title = pg.Column{ pg.Text } })
        return item{ backref = "title" }, "owner"
      end, "relationship 'owner' of model 'items': backref: model 'owners' has an attribute 'title' already" },
      { "leads elsewhere", function()
        local Owner = Base:model("owners", { id = key(), items = orm.relationship("items", { back_populates = "shop" }) })
        Base:model("items", { id = key(), owner_id = reference "owners.id", shop_id = reference "shops.id",
          shop = orm.relationship "shops" })
        Base:model("shops", { id = key() })
        return Owner, "items"
      end, "relationship 'items' of model 'owners': back_populates: relationship 'shop' of model 'items' leads to model 'shops'" },
      { "is a list as well", function()
        return Base:model("nodes", { id = key(), up_id = reference "nodes.id",
          a = orm.relationship("nodes", { back_populates = "b" }),
          b = orm.relationship("nodes", { back_populates = "a" }),
        }), "a"
      end, "relationship 'b' of model 'nodes': back_populates: relationship 'a' of model 'nodes' is one-to-many as well: "
        .. "the many-to-one side needs remote_side" },
    }
    for _, case in ipairs(cases) do
      it(case[1], function()
        local Model, name = case[2]()
        for _ = 1, 2 do
          local ok, err = pcall(function() return Model()[name] end)
          assert.is_false(ok)
          assert.equal(case[3], err.message)
        end
      end)
    end
  end)

  it("follow a condition of their own", function()
    local Owner = Base:model("owners", {
      id = key(),
      drafts = orm.relationship("items", {
        viewonly = true,
        primaryjoin = function()
          local Item = Base:_model_of "items"
          return Base:_model_of("owners").id:eq(Item.owner_id):and_(Item.title:like "draft%")
        end,
      }),
    })
    local Item = Base:model("items", { id = key(), title = pg.Column{ pg.Text }, owner_id = reference "owners.id" })
    create()
    session:add(Owner{})
    session:flush()
    session:add_all{ Item{ owner_id = 1, title = "draft 1" }, Item{ owner_id = 1, title = "final" } }
    session:commit()
    assert.same({ "draft 1" }, titles(session:get(Owner, 1).drafts))
    assert.error_matches(function() session:get(Owner, 1).drafts = {} end, "is viewonly")
  end)

  describe("through an association table", function()
    local Post, Tag

    before_each(function()
      pg.Table("post_tags", Base.metadata, {
        pg.Column{ "post_id", pg.BigInteger, pg.ForeignKey("posts.id"), primary_key = true },
        pg.Column{ "tag_id", pg.BigInteger, pg.ForeignKey("tags.id"), primary_key = true },
      })
      Post = Base:model("posts", {
        id = key(), title = pg.Column{ pg.Text },
        tags = orm.relationship("tags", { secondary = "post_tags", back_populates = "posts", order_by = "title" }),
      })
      Tag = Base:model("tags", {
        id = key(), title = pg.Column{ pg.Text },
        posts = orm.relationship("posts", { secondary = "post_tags", back_populates = "tags" }),
      })
      create()
    end)

    local function rows() return query "SELECT post_id, tag_id FROM post_tags ORDER BY 1, 2" end

    it("store each row once, although both sides know of it", function()
      local tag = Tag{ title = "t" }
      local post = Post{ tags = { tag, Tag{ title = "s" } } }
      assert.is_true(rawequal(post, tag.posts[1]))
      session:add(post)
      session:commit()
      assert.equal("1|1\n1|2", rows())
      assert.same({ "s", "t" }, titles(post.tags))
    end)

    it("delete rows of what leaves, and add rows of what comes", function()
      local a, b, c = Tag{ title = "a" }, Tag{ title = "b" }, Tag{ title = "c" }
      local post = Post{ tags = { a, b } }
      session:add_all{ post, c }
      session:commit()
      post.tags = { b, c }
      session:commit()
      assert.equal("1|" .. b.id .. "\n1|" .. c.id, rows())
      b.posts:remove(post)
      session:commit()
      assert.equal("1|" .. c.id, rows())
    end)

    it("delete rows with either object", function()
      local post, other = Post{ tags = { Tag{}, Tag{} } }, Post{}
      session:add_all{ post, other }
      session:commit()
      other.tags:append(post.tags[1])
      session:commit()
      session:delete(post)
      session:commit()
      assert.equal("2|1", rows())
      session:delete(session:get(Tag, 1))
      session:commit()
      assert.equal("", rows())
    end)
  end)
end)
