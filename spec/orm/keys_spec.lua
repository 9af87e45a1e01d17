--- Values that are equal for the server but not for Lua: 5 and 5.0, "1" and
-- "1.0", "Ann" and "ann" of CITEXT.

local orm_db = require "spec.support.orm_db"
local pg = require "pgvector"
local orm = pg.orm

describe("a key", function()
  local d, Node, Seat, Person, Card, Club, Price, Paid, session
  local kinds = {}
  setup(function()
    d = orm_db.create(function(Base)
      Node = Base:model("nodes", {
        id = pg.Column{ pg.Integer, primary_key = true, identity = false },
        up_id = pg.Column{ pg.ForeignKey "nodes.id" },
      })
      Seat = Base:model("seats", {
        id = pg.Column{ pg.Integer, primary_key = true }, number = pg.Column{ pg.Integer, unique = true },
        price = pg.Column{ pg.Numeric, unique = true }, name = pg.Column{ pg.CITEXT, unique = true },
      })
      Person = Base:model("people", {
        name = pg.Column{ pg.CITEXT, primary_key = true },
        cards = orm.relationship("cards", { back_populates = "person", order_by = "id" }),
        clubs = orm.relationship("clubs", { secondary = "members", back_populates = "people", order_by = "id" }),
      })
      Card = Base:model("cards", {
        id = pg.Column{ pg.Integer, primary_key = true }, person_name = pg.Column{ pg.ForeignKey "people.name" },
        person = orm.relationship("people", { back_populates = "cards" }),
      })
      Club = Base:model("clubs", {
        id = pg.Column{ pg.Integer, primary_key = true },
        people = orm.relationship("people", { secondary = "members", back_populates = "clubs" }),
      })
      pg.Table("members", Base.metadata, {
        pg.Column{ "person_name", pg.ForeignKey "people.name", primary_key = true },
        pg.Column{ "club_id", pg.ForeignKey "clubs.id", primary_key = true },
      })
      Price = Base:model("prices", {
        amount = pg.Column{ pg.Numeric(8, 2), primary_key = true },
        paid = orm.relationship("paid", { back_populates = "price" }),
      })
      Paid = Base:model("paid", {
        id = pg.Column{ pg.Integer, primary_key = true },
        amount = pg.Column{ pg.Integer, pg.ForeignKey "prices.amount" },
        price = orm.relationship("prices", { back_populates = "paid" }),
      })
      for name, column in pairs{ letters = pg.Column{ pg.CHAR(8) }, numbers = pg.Column{ pg.Integer } } do
        local first = name == "numbers" and 2 / 2 or "first"
        local Parent = Base:model(name, {
          id = pg.Column{ pg.Integer, primary_key = true }, kind = column,
          __polymorphic_on = "kind", __polymorphic_identity = first,
        })
        kinds[name] = { Parent, Parent:model(name, { __polymorphic_identity = name == "numbers" and "2" or "second" }) }
      end
    end)
  end)
  teardown(function() d.drop() end)
  before_each(function()
    d.clear()
    session = d.Session()
  end)
  after_each(function() session:close() end)

  it("orders inserts, in whatever form a number is given", function()
    session:add_all{ Node{ id = 2, up_id = 10 / 2 }, Node{ id = 5, up_id = "7" }, Node{ id = 14 / 2 } }
    session:commit()
    assert.equal("2-5 5-7 7", d.psql "SELECT string_agg(concat_ws('-', id, up_id), ' ' ORDER BY id) FROM nodes")
  end)

  it("of a column that is none leaves it to the statement to say so", function()
    session:add_all{ Node{ id = 1, up_id = "one" }, Node{ id = 2 } }
    assert.error_matches(function() session:flush() end, "one")
  end)

  local function seats()
    return d.psql "SELECT string_agg(concat_ws('-', number, price, name), ' ' ORDER BY id) FROM seats"
  end

  it("changes hands, in whatever form a number is given", function()
    local a, b = Seat{ number = 1, price = "1.0" }, Seat{ number = 2, price = 2 }
    session:add_all{ a, b }
    session:commit()
    a.number, b.number = 4 / 2, "1"
    a.price, b.price = "2.00", 1
    session:commit()
    assert.equal("2-2.00 1-1", seats())
  end)

  it("changes hands, in whatever case CITEXT is written", function()
    local a, b = Seat{ name = "Ann" }, Seat{ name = "Bob" }
    session:add_all{ a, b }
    session:commit()
    a.name, b.name = "bob", "ANN"
    session:commit()
    assert.equal("bob ANN", seats())
  end)

  describe("of CITEXT", function()
    before_each(function()
      d.psql [[
        INSERT INTO people VALUES ('Ann'), ('Eve');
        INSERT INTO cards (person_name) VALUES ('ann'), ('ANN'), ('eVE'), (NULL);
        INSERT INTO clubs DEFAULT VALUES;
        INSERT INTO members VALUES ('ANN', 1), ('eVE', 1)]]
    end)

    it("is one object's, in whatever case it is written", function()
      local ann = session:get(Person, "Ann")
      assert.equal(0, #d.statements_of(function() assert.equal(ann, session:get(Person, "aNN")) end))
    end)

    for _, option in ipairs{ "selectinload", "lazyload", "joinedload" } do
      it(("finds lists with %s"):format(option), function()
        local counts = {}
        local stmt = pg.select(Person):order_by(Person.name)
        for i, person in ipairs(session:scalars(stmt:options(orm[option](Person.cards), orm[option](Person.clubs))):all()) do
          counts[i] = #person.cards .. " " .. #person.clubs
        end
        assert.same({ "2 1", "1 1" }, counts)
        session:expunge_all()
        local club = session:scalars(pg.select(Club):options(orm[option](Club.people))):one()
        assert.equal(2, #club.people)
      end)

      it(("finds single objects with %s"):format(option), function()
        local names = {}
        local stmt = pg.select(Card):order_by(Card.id):options(orm[option](Card.person))
        for i, card in ipairs(session:scalars(stmt):all()) do names[i] = card.person and card.person.name or "none" end
        assert.same({ "Ann", "Ann", "Eve", "none" }, names)
      end)
    end
  end)

  it("tells which model a row is of", function()
    for _, models in pairs(kinds) do
      session:add_all{ models[1]{}, models[2]{} }
      session:commit()
      session:expunge_all()
      for i, object in ipairs(session:scalars(pg.select(models[1]):order_by(models[1].id)):all()) do
        assert.equal(models[i], pg.inspect(object).mapper.model)
      end
    end
    local err = "polymorphic_identity 'one' is no value of column 'kind'"
    assert.error_matches(function()
      orm.declarative_base():model("t", {
        id = pg.Column{ pg.Integer, primary_key = true }, kind = pg.Column{ pg.Integer },
        __polymorphic_on = "kind", __polymorphic_identity = "one",
      })
    end, err)
  end)

  it("of another type than the one it refers to finds lists", function()
    d.psql "INSERT INTO prices VALUES (3); INSERT INTO paid (amount) VALUES (3), (3)"
    local price = session:scalars(pg.select(Price):options(orm.selectinload(Price.paid))):one()
    assert.equal(2, #price.paid)
    session:expunge_all()
    local one = session:scalars(pg.select(Paid):limit(1):options(orm.selectinload(Paid.price))):one()
    assert.equal(3, one.price.amount)
  end)
end)
