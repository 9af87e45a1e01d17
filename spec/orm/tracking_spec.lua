--- Changes inside tables: when they are noticed, and when they are not to be.

local orm_db = require "spec.support.orm_db"
local pg = require "pgvector"
local orm = pg.orm

describe("a table in an attribute", function()
  local d, Item, Loose, session
  setup(function()
    local loose = pg.JSONB{ track = "reassign" }
    d = orm_db.create(function(Base)
      Item = Base:model("items", {
        id = pg.Column{ pg.Integer, primary_key = true }, meta = pg.Column{ pg.JSONB },
        tags = pg.Column{ pg.ARRAY(pg.Text) },
      })
      Loose = Base:model("loose", {
        id = pg.Column{ pg.Integer, primary_key = true },
        jsonb = pg.Column{ loose }, json = pg.Column{ pg.JSON{ track = "reassign" } },
        array = pg.Column{ pg.ARRAY(pg.Integer, { track = "reassign" }) },
        decorated = pg.Column{ pg.TypeDecorator{ impl = loose, result = function(v) return v end } },
      })
    end)
  end)
  teardown(function() d.drop() end)
  before_each(function()
    d.clear()
    session = d.Session()
  end)
  after_each(function() session:close() end)

  local function stored(model, values)
    local object = model(values)
    session:add(object)
    session:commit()
    return object
  end

  it("is watched, whatever the garbage collector does meanwhile", function()
    for i = 1, 100 do session:add(Item{ meta = { deep = { { v = i } } }, tags = { "t" .. i } }) end
    session:commit()
    session:expunge_all()
    local pause = collectgarbage("setpause", 50)
    do
      local inner = {}
      for i = 1, 100 do
        local item = session:get(Item, i)
        inner[i] = item.meta.deep
        item.tags[1] = "T" .. i
        if i % 10 == 0 then collectgarbage() end
      end
      for i, deep in ipairs(inner) do deep[1].v = -i end
    end
    collectgarbage()
    session:commit()
    collectgarbage("setpause", pause)
    assert.equal("100",
      d.psql "SELECT count(*) FROM items WHERE (meta -> 'deep' -> 0 ->> 'v')::int = -id AND tags[1] = 'T' || id")
  end)

  it("is compared in depth: what was put back is no change", function()
    local item = stored(Item, { meta = { a = 1, list = { 1, 2 } }, tags = { "a", pg.null } })
    item.meta.a = 2
    item.meta.list[3] = 3
    item.tags[2] = "b"
    assert.is_true(session:is_modified(item))
    item.meta.a = 1
    item.meta.list[3] = nil
    item.tags[2] = pg.null
    assert.is_false(session:is_modified(item))
    assert.equal(0, #d.statements_of(function() session:flush() end))
  end)

  it("counts no more once another took its place", function()
    local item = stored(Item, { meta = { a = 1 } })
    local before = item.meta
    item.meta = { b = 1 }
    before.a = 2
    session:commit()
    assert.equal('{"b": 1}', d.psql "SELECT meta FROM items")
  end)

  it("may be shared by two objects", function()
    local meta = { a = 1 }
    local one, two = Item{ meta = meta }, Item{ meta = meta }
    session:add_all{ one, two }
    session:flush()
    meta.a = 2
    session:commit()
    assert.equal("2 2", d.psql "SELECT string_agg(meta ->> 'a', ' ') FROM items")
  end)

  describe("of a type with track = \"reassign\"", function()
    local object
    before_each(function()
      object = stored(Loose, { jsonb = { x = 1 }, json = { x = 1 }, array = { 1 }, decorated = { x = 1 } })
    end)
    local function values()
      return d.psql "SELECT jsonb ->> 'x', json ->> 'x', array_to_string(\"array\", ','), decorated ->> 'x' FROM loose"
    end

    it("is not watched, and does not keep its object alive", function()
      object.jsonb.x, object.json.x, object.array[1], object.decorated.x = 2, 2, 2, 2
      assert.is_false(session:is_modified(object))
      assert.same({}, session.dirty)
      session:commit()
      assert.equal("1|1|1|1", values())
      object = nil
      session:expunge_all()
      local weak = setmetatable({ session:get(Loose, 1) }, { __mode = "v" })
      local inside = weak[1].jsonb
      collectgarbage()
      collectgarbage()
      assert.is_nil(weak[1])
      assert.equal(1, inside.x)
    end)

    it("is written when it is assigned, also to where it was", function()
      object.jsonb.x, object.json.x, object.array[2], object.decorated.x = 2, 2, 2, 2
      for _, name in ipairs{ "jsonb", "json", "array", "decorated" } do object[name] = object[name] end
      assert.is_true(session:is_modified(object))
      session:commit()
      assert.equal("2|2|1,2|2", values())
      object.json = { x = 3 }
      object.jsonb.x = 3
      orm.flag_modified(object, "jsonb")
      object.decorated = nil
      session:commit()
      assert.equal("3|3|1,2|", values())
    end)

    it("has the same DDL, and no other values of the option", function()
      assert.equal("JSONB", tostring(pg.JSONB{ track = "reassign" }))
      assert.equal("TEXT[]", tostring(pg.ARRAY(pg.Text, { track = "reassign" })))
      for _, case in ipairs{
        { function() pg.JSONB{ track = "never" } end, 'JSONB: track = "never", expected "reassign"' },
        { function() pg.JSON{ track = true } end, 'JSON: track = true, expected "reassign"' },
        { function() pg.ARRAY(pg.Text, { track = 1 }) end, 'ARRAY: track = 1, expected "reassign"' },
        { function() pg.JSON{ trak = "reassign" } end, "JSON: unknown option 'trak', did you mean 'track'?" },
        { function() pg.JSONB "x" end, "JSONB takes a table of options, got string" },
      } do
        local ok, err = pcall(case[1])
        assert.is_false(ok)
        assert.equal(case[2], err.message)
      end
    end)
  end)

  describe("that is an object", function()
    it("is refused as JSON, by every encoder", function()
      local item = Item()
      local message = "an object of model 'items' is no JSON value: orm.to_table makes one"
      for _, encode in ipairs{
        function() pg.json.encode(item) end,
        function() pg.json.encode{ list = { item } } end,
        function() require("dkjson").encode(item) end,
      } do
        local ok, err = pcall(encode)
        assert.is_false(ok)
        assert.equal(message, err.message)
      end
      assert.is_false(pcall(require("cjson").encode, item))
    end)

    it("is refused before anything is sent", function()
      stored(Item, { meta = { a = 1 } })
      local item = session:get(Item, 1)
      for _, value in ipairs{ Item(), { Item() }, { deep = { item } } } do
        item.meta = value
        local ok, err = pcall(session.flush, session)
        assert.is_false(ok)
        assert.truthy(tostring(err):find("is no JSON value", 1, true), tostring(err))
        session:rollback()
      end
      assert.equal(1, item.meta.a)
    end)
  end)
end)
