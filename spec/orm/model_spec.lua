local pg = require "pgvector"
local steps = require "spec.support.steps"
local orm = pg.orm

local function base() return orm.declarative_base{ naming_convention = "default" } end

local function item_model()
  return base():model("items", {
    id = pg.Column{ pg.BigInteger, primary_key = true },
    title = pg.Column{ pg.Text, nullable = false },
    metadata_ = pg.Column{ "metadata", pg.JSONB },
    embedding = pg.Column{ pg.VECTOR(3) },
    doubled = pg.Column{ pg.BigInteger, pg.Computed "id * 2" },
    pg.HNSW("embedding", { metric = "cosine" }),
    pg.Index(nil, "metadata_", { using = "gin" }),
    pg.UniqueConstraint("title"),
  })
end

describe("a model", function()
  it("keeps its columns in the order in which they were written", function()
    local names = {}
    for i, column in ipairs(item_model().__table:_columns()) do names[i] = column.name end
    assert.same({ "id", "title", "metadata", "embedding", "doubled" }, names)
  end)

  it("gives its columns, under their attributes' names", function()
    local Item = item_model()
    assert.is_true(rawequal(Item.metadata_, Item.__table.c.metadata_))
    assert.equal("items.metadata", tostring(Item.metadata_))
    assert.equal("items", Item.__name)
  end)

  it("has constraints and indexes in the array part, by attribute", function()
    local tbl = item_model().__table
    assert.equal("uq_items_title", tbl.constraints[1].name)
    assert.equal("ix_items_embedding", tbl.indexes[1].name)
    assert.equal("ix_items_metadata", tbl.indexes[2].name)
  end)

  it("may get an index afterwards", function()
    local Item = item_model()
    pg.Index("later", Item.embedding, { using = "hnsw", with = { m = 16 }, ops = { embedding = "vector_l2_ops" } })
    assert.equal("later", Item.__table.indexes[3].name)
  end)

  it("is selected from", function()
    assert.truthy(tostring(pg.select(item_model())):find("^SELECT items.id, items.title, items.metadata,.* FROM items$"))
  end)

  it("has the schema of the base, or its own", function()
    local Base = orm.declarative_base{ schema = "app" }
    local body = function() return { id = pg.Column{ pg.Integer, primary_key = true } } end
    assert.equal("app", Base:model("a", body()).__table.schema)
    assert.equal("other", Base:model("b", body(), { schema = "other" }).__table.schema)
  end)

  it("may share metadata with Core tables", function()
    local metadata = pg.MetaData()
    local Base = orm.declarative_base{ metadata = metadata }
    assert.equal(metadata, Base.metadata)
    assert.error_matches(function() orm.declarative_base{ metadata = metadata, schema = "x" } end, "belong to the metadata")
  end)

  local column = function() return pg.Column{ pg.Integer, primary_key = true } end
  local refused = {
    { "an attribute that is a bare type", { id = pg.Integer }, "bare type: write pg.Column{ INTEGER }" },
    { "a function among its attributes", { id = column(), f = print }, "methods go into Model.methods" },
    { "a value that is no attribute", { id = column(), x = 5 }, "expected a Column or a relationship" },
    { "an attribute called methods", { methods = column() }, "'methods' is reserved" },
    { "an attribute with two underscores", { __x = column() }, "start with '__' are reserved" },
    { "a column without a key", { column() }, "a model's columns need a key" },
    { "no primary key", { x = pg.Column{ pg.Text } }, "no primary key" },
    { "an index over what it has not", { id = column(), pg.Index(nil, "idd") }, "no column 'idd', did you mean 'id'" },
  }
  for _, case in ipairs(refused) do
    it("refuses " .. case[1], function()
      assert.error_matches(function() base():model("t", case[2]) end, case[3])
    end)
  end

  it("that was refused can be defined once it is right", function()
    local Base = base()
    local vectors = function() return orm.vectorizer_relationship{ dimensions = 2 } end
    for _, case in ipairs{
      { { x = pg.Column{ pg.Text } }, nil, "no primary key" },
      { { id = column(), vectors = vectors() }, { version_id = "x" }, "no column 'x'" },
      { { id = column(), vectors = vectors() }, { polymorphic_identity = "x" }, "without polymorphic_on" },
    } do
      assert.error_matches(function() Base:model("t", case[1], case[2]) end, case[3])
      assert.same({}, Base.metadata:sorted_tables())
    end
    local Animal = Base:model("t", { id = column(), kind = pg.Column{ pg.Text }, vectors = vectors() },
      { polymorphic_on = "kind", polymorphic_identity = "animal" })
    local function cat(options)
      return Animal:model("cats", { id = pg.Column{ pg.ForeignKey "t.id", primary_key = true } }, options)
    end
    assert.error_matches(function() cat{} end, "needs a polymorphic_identity")
    assert.error_matches(function() cat{ polymorphic_identity = "animal" } end, "another model has")
    local Cat = cat{ polymorphic_identity = "cat" }
    assert.equal("cat", Cat().kind)
    assert.equal(3, #Base.metadata:sorted_tables())
  end)

  it("refuses unknown options, names and assignments", function()
    local Item = item_model()
    assert.error_matches(function() base():model("t", {}, { shema = "x" }) end, "did you mean 'schema'")
    assert.error_matches(function() return Item.titles end, "no attribute 'titles', did you mean 'title'")
    assert.error_matches(function() Item.x = 1 end, "cannot be set")
    assert.is_nil(Item.__nothing)
  end)
end)

describe("a mixin", function()
  it("gives each model columns, constraints and methods of its own", function()
    local Base = base()
    local Stamped = Base:abstract{
      created = pg.Column{ "created_at", pg.DateTime, index = true },
      owner_id = pg.Column{ pg.Integer, pg.ForeignKey("owners.id") },
      pg.CheckConstraint("created_at > '2000-01-01'", { name = "recent" }),
    }
    function Stamped.methods:age() return "old" end
    Base:model("owners", { id = pg.Column{ pg.Integer, primary_key = true } })
    local function make(name)
      return Base:model(name, { id = pg.Column{ pg.Integer, primary_key = true } }, { mixins = { Stamped } })
    end
    local A, B = make "a", make "b"
    assert.is_false(rawequal(A.created, B.created))
    assert.equal("ix_a_created_at", A.__table.indexes[1].name)
    assert.equal("ck_b_recent", B.__table.constraints[2].name)
    assert.equal("owners", B.__table.foreign_keys[1]:referred_table().name)
    assert.equal("old", A{}:age())
    local names = {}
    for i, column in ipairs(A.__table:_columns()) do names[i] = column.name end
    assert.same({ "created_at", "owner_id", "id" }, names)
  end)

  it("is overridden by the model", function()
    local Base = base()
    local Named = Base:abstract{ name = pg.Column{ pg.Text } }
    function Named.methods:hello() return "mixin" end
    local A = Named:model("a", { id = pg.Column{ pg.Integer, primary_key = true }, name = pg.Column{ pg.String(5) } })
    function A.methods:hello() return "model" end
    assert.equal("VARCHAR(5)", tostring(A.name.type))
    assert.equal("model", A{}:hello())
  end)
end)

describe("an instance", function()
  it("has what the constructor was given; anything else reads as nil", function()
    local item = item_model(){ title = "x", embedding = { 1, 2, 3 } }
    assert.equal("x", item.title)
    assert.is_nil(item.id)
    assert.is_nil(item.metadata_)
  end)

  it("reads NULL as nil, however it was set", function()
    local item = item_model(){ title = pg.null }
    assert.is_nil(item.title)
    item.title = "x"
    item.title = nil
    assert.is_nil(item.title)
  end)

  it("keeps false", function()
    local Flag = base():model("flags", { id = pg.Column{ pg.Integer, primary_key = true }, on = pg.Column{ pg.Boolean } })
    assert.is_false(Flag{ on = false }.on)
  end)

  it("has the model's methods", function()
    local Item = item_model()
    function Item.methods:shout() return self.title:upper() end
    assert.equal("X", Item{ title = "x" }:shout())
  end)

  it("calls a method without asking other models", function()
    local function steps_of_call(others)
      local Base = base()
      local Item = Base:model("items", { id = pg.Column{ pg.Integer, primary_key = true } })
      function Item.methods:shout() return "X" end
      for i = 1, others do
        Base:model("other" .. i, {
          id = pg.Column{ pg.Integer, primary_key = true }, item_id = pg.Column{ pg.ForeignKey "items.id" },
          item = orm.relationship "items", one = orm.relationship("unknown", { backref = "others" }),
        })
      end
      local item = Item{}
      return steps(function() for _ = 1, 100 do item:shout() end end)
    end
    assert.is_true(steps_of_call(50) < 2 * steps_of_call(0) + 1000)
  end)

  it("finds a backref of a model that is defined after others were asked for one", function()
    local Base = base()
    local function model(name, body)
      body.id = pg.Column{ pg.Integer, primary_key = true }
      return Base:model(name, body)
    end
    local Owner = model("owners", {})
    assert.error_matches(function() return Owner{}.items end, "no attribute 'items'")
    local Item = model("items", {
      owner_id = pg.Column{ pg.ForeignKey "owners.id" }, owner = orm.relationship("owners", { backref = "items" }),
      list_id = pg.Column{ pg.ForeignKey "lists.id" }, list = orm.relationship("lists", { backref = "items" }),
    })
    assert.equal(0, #Owner{}.items)
    assert.error_matches(function() return Owner{}.lists end, "no attribute 'lists'")
    local List = model("lists", {})
    local list = List{ items = { Item{} } }
    assert.is_true(rawequal(list, list.items[1].list))
  end)

  it("refuses names that are no attributes, with the one that was meant", function()
    local Item = item_model()
    local item = Item{}
    assert.error_matches(function() Item{ titles = 1 } end, "no attribute 'titles', did you mean 'title'")
    assert.error_matches(function() return item.titles end, "no attribute 'titles'")
    assert.error_matches(function() item.titles = 1 end, "no attribute 'titles'")
  end)

  it("refuses to set what is computed, or a method", function()
    local Item = item_model()
    function Item.methods:shout() return self.title end
    assert.error_matches(function() Item{ doubled = 1 } end, "computed by the server")
    assert.error_matches(function() Item{}.shout = 1 end, "is a method")
    assert.error_matches(function() Item(5) end, "expected a table of values")
    assert.error_matches(function() Item({}, {}) end, "made from one table")
  end)

  it("lets a column validate what is assigned", function()
    local User = base():model("users", {
      id = pg.Column{ pg.Integer, primary_key = true },
      email = pg.Column{ pg.Text, validate = function(value, key)
        if not value:find "@" then error(key .. ": no address", 0) end
        return value:lower()
      end },
    })
    assert.equal("a@b", User{ email = "A@B" }.email)
    assert.error_matches(function() User{ email = "x" } end, "email: no address")
  end)

  it("gives attributes and methods to code that does not know its model, without raising", function()
    local Item = item_model()
    function Item.methods:shout() return self.title:upper() end
    local item = Item{ title = "x" }
    assert.same({ "x", nil, "none", nil },
      { pg.getattr(item, "title", "none"), pg.getattr(item, "id", "none"), pg.getattr(item, "size", "none"),
        pg.getattr(item, "size") })
    assert.equal("X", pg.getattr(item, "shout")(item))
    assert.error_matches(function() pg.getattr({}, "title") end, "getattr: expected an instance of a model, got table")
  end)

  it("becomes a plain table with a stand-in for NULL on request", function()
    local Model = base():model("t", {
      id = pg.Column{ pg.Integer, primary_key = true }, note = pg.Column{ pg.Text }, embedding = pg.Column{ pg.VECTOR(2) },
      up_id = pg.Column{ pg.ForeignKey "t.id" }, up = orm.relationship("t", { remote_side = "id" }),
    })
    local object = Model{ id = 1, up = Model{ id = 2 } }
    assert.same({ id = 1 }, orm.to_table(object))
    assert.same({ id = 1, note = pg.null, up_id = pg.null, up = { id = 2, note = pg.null, up_id = pg.null } },
      orm.to_table(object, { null = pg.null, include = { "up" } }))
    assert.same({ up = false, embedding = false }, orm.to_table(Model(), { only = { "up", "embedding" }, null = false }))
  end)

  it("becomes a plain table without vectors and deferred columns", function()
    local Model = base():model("t", {
      id = pg.Column{ pg.Integer, primary_key = true },
      meta = pg.Column{ pg.JSONB }, embedding = pg.Column{ pg.VECTOR(2) },
      several = pg.Column{ pg.ARRAY(pg.VECTOR(2)) }, bits = pg.Column{ pg.BIT(3) },
      search = pg.Column{ pg.Text, deferred = true }, note = pg.Column{ pg.Text },
    })
    local meta = { a = { 1 } }
    local object = Model{
      id = 1, meta = meta, embedding = pg.vector{ 1, 2 }, several = { pg.vector{ 3, 4 } }, bits = pg.bit "101",
      search = "s",
    }
    assert.same({ id = 1, meta = { a = { 1 } } }, orm.to_table(object))
    assert.is_false(rawequal(meta, orm.to_table(object).meta))
    assert.same({ id = 1, embedding = { 1, 2 }, several = { { 3, 4 } }, bits = "101", search = "s" },
      orm.to_table(object, { include = { "embedding", "several", "bits", "search" }, exclude = { "meta" } }))
    assert.same({ id = 1 }, orm.to_table(object, { only = { "id", "note" } }))
    assert.error_matches(function() orm.to_table(object, { only = { "nothing" } }) end, "no attribute 'nothing'")
    assert.error_matches(function() orm.to_table({}) end, "expected an instance")
  end)
end)
