-- Models from tables that are there already.

local db = require "spec.support.db"
local pg = require "pgvector"

local orm = pg.orm

describe("automap", function()
  local engine, drop

  setup(function()
    local url
    url, drop = db.create()
    engine = pg.create_engine(url)
    db.psql([[
      CREATE SCHEMA app;
      CREATE TABLE owners (id serial PRIMARY KEY, name text NOT NULL);
      CREATE TABLE items (id serial PRIMARY KEY, owner_id int NOT NULL REFERENCES owners ON DELETE CASCADE,
        title text, embedding vector(2));
      CREATE TABLE tags (id serial PRIMARY KEY, label text);
      CREATE TABLE items_tags (
        item_id int REFERENCES items, tag_id int REFERENCES tags, PRIMARY KEY (item_id, tag_id));
      CREATE TABLE deals (
        id serial PRIMARY KEY, buyer_id int REFERENCES owners, seller_id int REFERENCES owners);
      CREATE TABLE nodes (id serial PRIMARY KEY, up int REFERENCES nodes, label text);
      CREATE TABLE edges (
        source int REFERENCES nodes, target int REFERENCES nodes, PRIMARY KEY (source, target));
      CREATE TABLE keyless (owner int REFERENCES owners);
      CREATE TABLE notes (id serial PRIMARY KEY, owners int REFERENCES owners);
      CREATE TABLE app.things (id serial PRIMARY KEY);
    ]], url)
  end)

  teardown(function()
    engine:dispose()
    drop()
  end)

  local function map(options)
    local metadata = pg.MetaData()
    metadata:reflect(engine)
    return orm.automap(metadata, options)
  end

  it("makes a model of each table that has a primary key", function()
    local Base = map()
    local names = {}
    for name in pairs(Base.classes) do names[#names + 1] = name end
    table.sort(names)
    assert.same({ "deals", "items", "nodes", "notes", "owners", "tags" }, names)
    local ok, err = pcall(function() return Base.classes.owner end)
    assert.is_false(ok)
    assert.equal("automap made no model 'owner', did you mean 'owners'?", err.message)
  end)

  it("goes both ways along a foreign key", function()
    local classes = map().classes
    orm.Session(engine):begin(function(session)
      local owner = classes.owners{ name = "ann" }
      session:add(owner)
      owner.items_collection:append(classes.items{ title = "first", embedding = { 1, 2 } })
      session:flush()
      session:expire_all()
      local item = session:scalars(pg.select(classes.items)):one()
      assert.equal(pg.vector{ 1, 2 }, item.embedding)
      assert.equal(owner, item.owners)
      -- the key cannot be null, so the list owns its members
      session:delete(owner)
      session:flush()
      assert.is_nil(session:scalars(pg.select(classes.items)):first())
    end)
  end)

  it("makes a table of two foreign keys a many-to-many relationship", function()
    local classes = map().classes
    orm.Session(engine):begin(function(session)
      local item = classes.items{ title = "tagged", owners = classes.owners{ name = "bob" } }
      session:add(item)
      item.tags_collection:append(classes.tags{ label = "red" })
      session:flush()
      session:expire_all()
      local tag = session:scalars(pg.select(classes.tags)):one()
      assert.equal(item, tag.items_collection[1])
      session:rollback()
    end)
  end)

  it("tells several foreign keys to one table apart by their columns", function()
    local classes = map().classes
    orm.Session(engine):begin(function(session)
      local ann, bob = classes.owners{ name = "ann" }, classes.owners{ name = "bob" }
      local deal = classes.deals{ owners_buyer_id = ann, owners_seller_id = bob }
      session:add(deal)
      session:flush()
      assert.equal(deal, ann.deals_collection_buyer_id[1])
      assert.equal(0, #ann.deals_collection_seller_id)
      assert.equal(bob.id, deal.seller_id)
      session:rollback()
    end)
  end)

  it("understands a table that refers to itself, directly and through another", function()
    local classes = map().classes
    orm.Session(engine):begin(function(session)
      local root, leaf = classes.nodes{ label = "root" }, classes.nodes{ label = "leaf" }
      leaf.nodes = root
      session:add_all{ root, leaf }
      root.nodes_collection_target:append(leaf)
      session:flush()
      session:expire_all()
      assert.equal(leaf, root.nodes_collection_up[1])
      assert.equal(root, leaf.nodes_collection_source[1])
      local edge = session:execute(pg.text "SELECT source, target FROM edges"):one()
      assert.same({ root.id, leaf.id }, { edge.source, edge.target })
      session:rollback()
    end)
  end)

  it("gives way to a column that has the name already", function()
    local classes = map().classes
    local note = classes.notes{ owners_owners = classes.owners{ name = "x" } }
    assert.equal("x", note.owners_owners.name)
    assert.is_nil(note.owners)
  end)

  it("names relationships as it is told", function()
    local classes = map{
      name_for_scalar_relationship = function(_, _, key)
        return (key.columns[1].name:gsub("_id$", "_"))
      end,
      name_for_collection_relationship = function(_, referred, key)
        return referred.name .. "_by_" .. key.columns[1].name
      end,
    }.classes
    local deal = classes.deals{ buyer_ = classes.owners{ name = "ann" } }
    assert.equal(deal, deal.buyer_.deals_by_buyer_id[1])
  end)

  it("maps tables of other metadata, by their keys", function()
    local metadata = pg.MetaData()
    metadata:reflect(engine, { schema = "app" })
    assert.equal("app", orm.automap(metadata).classes["app.things"].__table.schema)
  end)

  local refused = {
    { "what is no metadata", function() orm.automap(engine) end, "automap: expected a MetaData, got Engine" },
    { "an unknown option", function() map{ names = 1 } end, "unknown option 'names'" },
    { "a name that is no function", function() map{ name_for_scalar_relationship = "x" } end,
      "automap name_for_scalar_relationship: expected a function, got string" },
    { "a function that gives no name", function()
      map{ name_for_scalar_relationship = function() return nil end }
    end, "automap name_for_scalar_relationship: expected a name, got nil" },
  }
  for _, case in ipairs(refused) do
    it("refuses " .. case[1], function()
      local ok, err = pcall(case[2])
      assert.is_false(ok)
      assert(err.message:find(case[3], 1, true), err.message)
    end)
  end
end)

describe("a model of a table that exists", function()
  it("has its columns, and what the body adds", function()
    local Base = orm.declarative_base()
    local t = pg.Table("owned", Base.metadata, { pg.Column{ "id", pg.Integer, primary_key = true } })
    local Owned = Base:model(t, {})
    assert.equal(t, Owned.__table)
    assert.equal(t.c.id, Owned.id)
    local ok, err = pcall(Base.model, Base, t, { x = pg.Column{ pg.Text } })
    assert.is_false(ok)
    assert.equal("model 'owned': 'x' is a column, but the table is there already", err.message)
  end)
end)
