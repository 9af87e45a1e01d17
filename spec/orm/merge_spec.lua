--- Objects of other sessions, or of none, merged into a session.

local orm_db = require "spec.support.orm_db"
local pg = require "pgvector"
local orm = pg.orm

describe("merge", function()
  local d, Box, Thing, session
  setup(function()
    d = orm_db.create(function(Base)
      Box = Base:model("boxes", {
        id = pg.Column{ pg.Integer, primary_key = true }, name = pg.Column{ pg.Text },
        note = pg.Column{ pg.Text, deferred = true }, meta = pg.Column{ pg.JSONB },
        things = orm.relationship("things", { back_populates = "box", order_by = "name" }),
      })
      Thing = Base:model("things", {
        id = pg.Column{ pg.Integer, primary_key = true }, name = pg.Column{ pg.Text },
        box_id = pg.Column{ pg.ForeignKey "boxes.id" },
        box = orm.relationship("boxes", { back_populates = "things" }),
      })
    end)
  end)
  teardown(function() d.drop() end)
  before_each(function()
    d.clear()
    d.Session:begin(function(s)
      s:add(Box{ name = "box", note = "long", meta = { a = 1 }, things = { Thing{ name = "a" }, Thing{ name = "b" } } })
    end)
    session = d.Session()
  end)
  after_each(function() session:close() end)

  local function rows()
    return d.psql "SELECT string_agg(name || coalesce(box_id::text, '-'), ' ' ORDER BY name) FROM things"
  end
  -- The box as another session left it.
  local function detached(fn)
    return d.Session(function(other)
      local box = other:get(Box, 1)
      if fn then fn(box, other) end
      return box
    end)
  end

  it("leaves alone what the other object has not loaded", function()
    local box = detached()
    box.name = "other"
    local merged = session:merge(box)
    session:commit()
    assert.same({ "other", "long", 1, 2 }, { merged.name, merged.note, merged.meta.a, #merged.things })
  end)

  it("finds the row of an object whose attributes have expired", function()
    local box = detached(function(_, other) other:commit() end)
    local merged = session:merge(box)
    assert.equal(session:get(Box, 1), merged)
    assert.equal("box", merged.name)
    session:commit()
    assert.equal("1", d.psql "SELECT count(*) FROM boxes")
  end)

  it("goes on to what is loaded, and takes the list as it is there", function()
    local box = Box{ id = 1, name = "B", things = { Thing{ id = 2, name = "B2" }, Thing{ name = "new" } } }
    local merged = session:merge(box)
    session:commit()
    assert.equal("B21 a- new1", rows())
    assert.equal(merged, merged.things[1].box)
    assert.is_nil(orm.object_session(box))
    assert.is_true(pg.inspect(box.things[2]).transient)
  end)

  it("makes what is not there, with what it refers to", function()
    local merged = session:merge(Thing{ id = 77, name = "x", box = Box{ id = 5, name = "five" } })
    session:commit()
    assert.equal("a1 b1 x5", rows())
    assert.same({ 77, "five" }, { merged.id, merged.box.name })
  end)

  it("gives an object of the session back, one that is not stored, too", function()
    local box = Box{ name = "x" }
    session:add(box)
    assert.equal(box, session:merge(box))
    session:flush()
    assert.equal(box, session:merge(Box{ id = box.id }))
    assert.equal("x", box.name)
  end)

  it("copies tables, so that a change in one is none in the other", function()
    local meta = { list = { 1 } }
    local merged = session:merge(Box{ id = 1, meta = meta })
    meta.list[1] = 99
    assert.equal(1, merged.meta.list[1])
    session:commit()
    assert.equal("1", d.psql "SELECT meta -> 'list' ->> 0 FROM boxes")
  end)

  it("refuses what is no object", function()
    for _, wrong in ipairs{ 5, {}, { Box() } } do
      assert.error_matches(function() session:merge(wrong) end, "merge: expected an instance of a model")
    end
  end)
end)
