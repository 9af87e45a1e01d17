--- Attributes that are no plain columns, and what abstract models bring.

local orm_db = require "spec.support.orm_db"
local pg = require "pgvector"
local orm = pg.orm

local Point = setmetatable({}, { __call = function(_, x, y) return { x = x, y = y } end })

describe("a model's attributes", function()
  local d, Item, Part, session
  setup(function()
    d = orm_db.create(function(Base)
      Item = Base:model("items", {
        id = pg.Column{ pg.Integer, primary_key = true },
        first = pg.Column{ pg.Text }, last = pg.Column{ "last_name", pg.Text },
        x = pg.Column{ pg.Integer }, y = pg.Column{ pg.Integer },
        big = pg.Column{ pg.Text, deferred = true, deferred_group = "bulk" },
        huge = pg.Column{ pg.Text, deferred = true, deferred_group = "bulk" },
        other = pg.Column{ pg.Text, deferred = true },
        full = orm.hybrid{
          get = function(self) return self.first .. " " .. self.last end,
          expr = function(cls) return cls.first .. " " .. cls.last end,
          set = function(self, value) self.first, self.last = value:match "(%S+) (%S+)" end,
        },
        total = orm.hybrid(function(it) return it.x + it.y end),
        initial = orm.column_property(function(cls) return pg.func.left(cls.first, 1) end),
        part_count = orm.column_property(function(cls)
          return pg.select(pg.func.count(Part.id)):where(Part.item_id:eq(cls.id))
        end),
        slow = orm.column_property(function(cls) return pg.func.upper(cls.first) end, { deferred = true }),
        surname = orm.synonym "last",
        place = orm.composite(Point, "x", "y"),
        parts = orm.relationship "parts",
      })
      Part = Base:model("parts", {
        id = pg.Column{ pg.Integer, primary_key = true }, item_id = pg.Column{ pg.ForeignKey "items.id" },
        item = orm.relationship "items",
      })
    end)
  end)
  teardown(function() d.drop() end)
  before_each(function()
    d.clear()
    session = d.Session()
    session:add_all{
      Item{ first = "ada", last = "l", x = 1, y = 2, big = "B", huge = "H", other = "O", parts = { Part(), Part() } },
      Item{ first = "bob", last = "m", x = 5, y = 5 },
    }
    session:commit()
    session:expunge_all()
  end)
  after_each(function() session:close() end)

  describe("that are hybrids", function()
    it("are computed here, in statements, and through aliases", function()
      local ada = session:scalars(pg.select(Item):where(Item.full:eq "ada l")):one()
      assert.same({ "ada l", 3 }, { ada.full, ada.total })
      assert.same({ 3, 10 }, session:scalars(pg.select(Item.total):order_by(Item.total)):all())
      local A = orm.aliased(Item, "a")
      assert.equal("SELECT a.x + a.y AS anon_1 FROM items AS a", tostring(pg.select(A.total)))
    end)

    it("may be set", function()
      local item = Item{ full = "eve n" }
      assert.same({ "eve", "n" }, { item.first, item.last })
      assert.error_matches(function() item.total = 5 end, "'total' cannot be set")
    end)

    it("go into a plain table on request", function()
      local ada = session:get(Item, 1)
      assert.same({ first = "ada", full = "ada l" }, orm.to_table(ada, { only = { "first", "full" } }))
    end)
  end)

  describe("that are expressions", function()
    it("are loaded with the object", function()
      local sent = d.statements_of(function()
        local ada = session:scalars(pg.select(Item):order_by(Item.id)):first()
        assert.same({ "a", 2 }, { ada.initial, ada.part_count })
      end)
      assert.equal(1, #sent)
    end)

    it("stand in conditions and orders", function()
      assert.equal("bob", session:scalars(pg.select(Item):where(Item.initial:eq "b")):one().first)
      assert.equal("bob", session:scalars(pg.select(Item):order_by(Item.part_count)):first().first)
    end)

    it("are about the alias through which they are loaded", function()
      local A = orm.aliased(Item)
      local counts = {}
      for i, item in ipairs(session:scalars(pg.select(A):order_by(A.id)):all()) do counts[i] = item.part_count end
      assert.same({ 2, 0 }, counts)
      session:expunge_all()
      local part = session:scalars(pg.select(Part):options(orm.joinedload(Part.item)):limit(1)):one()
      local sent = d.statements_of(function() assert.equal(2, part.item.part_count) end)
      assert.same({}, sent)
    end)

    it("are those of an alias in all of their parts", function()
      local function define(Base)
        local window
        local Box = Base:model("boxes", {
          id = pg.Column{ pg.Integer, primary_key = true },
          first_part = orm.column_property(function(cls)
            return pg.select(Part.id):where(Part.item_id:eq(cls.id)):order_by(Part.id - cls.id):limit(1):correlate(cls)
          end),
          rank = orm.column_property(function(cls)
            window = window or pg.window("w", { order_by = cls.id })
            return pg.func.rank():over(window)
          end),
          share = orm.column_property(function() return pg.func.percent_rank():over(window) end),
        })
        return Box
      end
      local Box = define(orm.declarative_base())
      assert.equal("SELECT rank() OVER w AS rank, percent_rank() OVER w AS share FROM boxes "
        .. "WINDOW w AS (ORDER BY boxes.id)", tostring(pg.select(Box.rank, Box.share)))
      local A = orm.aliased(Box, "a")
      assert.equal("SELECT a.id, (SELECT parts.id FROM parts WHERE parts.item_id = a.id ORDER BY parts.id - a.id "
        .. "LIMIT $1) AS first_part, rank() OVER w AS rank, percent_rank() OVER w AS share FROM boxes AS a "
        .. "WINDOW w AS (ORDER BY a.id)", tostring(pg.select(A.id, A.first_part, A.rank, A.share)))
    end)

    it("are read again after a flush, a refresh or a commit", function()
      local item = Item{ first = "cy" }
      assert.is_nil(item.initial)
      session:add(item)
      session:flush()
      assert.equal("c", item.initial)
      item.first = "dy"
      session:commit()
      assert.same({ "d", 0 }, { item.initial, item.part_count })
      d.psql "UPDATE items SET first = 'zoe'"
      session:refresh(item)
      assert.equal("z", item.initial)
    end)

    it("may be deferred, and are not to be set", function()
      local ada = session:get(Item, 1)
      assert.equal(1, #d.statements_of(function() assert.equal("ADA", ada.slow) end))
      assert.error_matches(function() ada.slow = "x" end, "is computed by an expression")
      session:expunge_all()
      local found = session:scalars(pg.select(Item):options(orm.undefer(Item.slow)):order_by(Item.id)):first()
      assert.equal(0, #d.statements_of(function() assert.equal("ADA", found.slow) end))
    end)
  end)

  it("that are expressions may be missing in a statement of one's own", function()
    local text = pg.text "SELECT id, first, last_name FROM items WHERE last_name = 'l'"
    local found = session:scalars(pg.select(Item):from_statement(text)):one()
    assert.equal("l", found.last)
    assert.equal("a", found.initial)
  end)

  it("have second names", function()
    local ada = session:scalars(pg.select(Item):where(Item.surname:eq "l")):one()
    ada.surname = "k"
    session:commit()
    assert.equal("k", ada.last)
    assert.equal("SELECT a.last_name FROM items AS a", tostring(pg.select(orm.aliased(Item, "a").surname)))
  end)

  it("may be several columns at once", function()
    local ada = session:scalars(pg.select(Item):where(Item.place:eq(Point(1, 2)))):one()
    assert.same({ x = 1, y = 2 }, ada.place)
    ada.place = Point(3, 4)
    session:commit()
    assert.equal(3, ada.x)
    ada.place = nil
    assert.is_nil(ada.place)
    assert.equal(1, #session:scalars(pg.select(Item):where(Item.place:ne(Point(3, 4)))):all())
  end)

  it("that are deferred together are read together", function()
    local ada = session:get(Item, 1)
    assert.equal(1, #d.statements_of(function() assert.same({ "B", "H" }, { ada.big, ada.huge }) end))
    assert.equal(1, #d.statements_of(function() assert.equal("O", ada.other) end))
    session:expunge_all()
    ada = session:scalars(pg.select(Item):options(orm.undefer_group "bulk"):order_by(Item.id)):first()
    assert.equal(0, #d.statements_of(function() assert.same({ "B", "H" }, { ada.big, ada.huge }) end))
    assert.equal(1, #d.statements_of(function() assert.equal("O", ada.other) end))
  end)

  it("refuse definitions that make no sense", function()
    local Base = orm.declarative_base()
    local function model(property)
      return Base:model("m", { id = pg.Column{ pg.Integer, primary_key = true }, p = property })
    end
    for _, case in ipairs{
      { function() orm.hybrid{} end, "hybrid: get: expected a function, got nil" },
      { function() orm.hybrid{ get = print, exp = print } end, "unknown option 'exp', did you mean 'expr'?" },
      { function() orm.column_property(5) end, "expected an expression or a function, got number" },
      { function() orm.synonym(5) end, "expected an attribute's name" },
      { function() model(orm.synonym "di") end, "model 'm' has no attribute 'di'" },
      { function() orm.composite(5) end, "expected a function that makes the value" },
      { function() orm.composite(Point) end, "the attributes are missing" },
      { function() orm.declarative_base():model("m", {
        id = pg.Column{ pg.Integer, primary_key = true }, p = orm.composite(Point, "x") }) end, "has no column 'x'" },
    } do
      assert.error_matches(case[1], case[2])
    end
  end)

  it("may be set by a constructor of one's own", function()
    local Base = orm.declarative_base()
    local Word = Base:model("words", {
      id = pg.Column{ pg.Integer, primary_key = true }, text = pg.Column{ pg.Text }, length = pg.Column{ pg.Integer },
      __init = function(self, text, extra) self.text, self.length = text, #text + (extra or 0) end,
    })
    local word = Word("hello", 2)
    assert.same({ "hello", 7 }, { word.text, word.length })
  end)

  it("come from abstract models, also such as depend on the model", function()
    local Base = orm.declarative_base()
    local Named = Base:abstract{
      name = pg.Column{ pg.Text },
      __declare = function(cls)
        return {
          code = pg.Column{ cls.name .. "_code", pg.Text },
          upper = orm.column_property(function(model) return pg.func.upper(model.name) end),
          pg.Index("ix_" .. cls.name .. "_name", "name"),
        }
      end,
      __version_id = "version", version = pg.Column{ pg.Integer },
    }
    local A = Base:model("a", { id = pg.Column{ pg.Integer, primary_key = true }, __mixins = { Named } })
    local B = Named:model("b", { id = pg.Column{ pg.Integer, primary_key = true } }, { schema = "s" })
    assert.same({ "a_code", "b_code" }, { A.code.name, B.code.name })
    assert.equal("SELECT upper(s.b.name) AS upper FROM s.b", tostring(pg.select(B.upper)))
    assert.same({ "ix_a_name", "ix_b_name" }, { A.__table.indexes[1].name, B.__table.indexes[1].name })
    assert.equal("version", pg.inspect(A).version.key)
  end)
end)
