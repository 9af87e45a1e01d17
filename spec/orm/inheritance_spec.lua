--- Models that inherit from models.

local orm_db = require "spec.support.orm_db"
local pg = require "pgvector"
local orm = pg.orm

local function define(Base)
  local m = {}
  m.Owner = Base:model("owners", {
    id = pg.Column{ pg.Integer, primary_key = true }, name = pg.Column{ pg.Text },
    animals = orm.relationship("animals", { back_populates = "owner", order_by = "id" }),
  })
  -- dogs and cats in the table of all animals, birds in one of their own
  m.Animal = Base:model("animals", {
    id = pg.Column{ pg.Integer, primary_key = true },
    kind = pg.Column{ pg.Text, nullable = false },
    name = pg.Column{ pg.Text },
    owner_id = pg.Column{ pg.ForeignKey "owners.id" },
    mother_id = pg.Column{ pg.ForeignKey "animals.id" },
    owner = orm.relationship("owners", { back_populates = "animals" }),
    mother = orm.relationship("animals", { remote_side = "id" }),
    __polymorphic_on = "kind", __polymorphic_identity = "animal",
  })
  function m.Animal.methods:speak() return self.name .. " is silent" end
  m.Dog = m.Animal:model("animals", { __polymorphic_identity = "dog", breed = pg.Column{ pg.Text } })
  function m.Dog.methods:speak() return self.name .. " barks" end
  m.Cat = m.Animal:model("animals", { __polymorphic_identity = "cat", lives = pg.Column{ pg.Integer, default = 9 } })
  m.Bird = m.Animal:model("birds", {
    id = pg.Column{ pg.Integer, pg.ForeignKey("animals.id", { ondelete = "CASCADE" }), primary_key = true },
    wingspan = pg.Column{ pg.Double }, call = pg.Column{ pg.Text, deferred = true },
    nests = orm.relationship("nests", { back_populates = "bird", cascade = "all, delete-orphan" }),
    __polymorphic_identity = "bird",
  })
  m.Eagle = m.Bird:model("eagles", {
    eagle_id = pg.Column{ pg.Integer, pg.ForeignKey "birds.id", primary_key = true },
    prey = pg.Column{ pg.Text }, __polymorphic_identity = "eagle",
  })
  m.Nest = Base:model("nests", {
    id = pg.Column{ pg.Integer, primary_key = true },
    bird_id = pg.Column{ pg.ForeignKey "birds.id" },
    bird = orm.relationship("birds", { back_populates = "nests" }),
  })
  return m
end

describe("a model that inherits", function()
  local d, m, session
  setup(function()
    d = orm_db.create(define)
    m = d.models
  end)
  teardown(function() d.drop() end)
  before_each(function()
    d.clear()
    session = d.Session()
    session:add_all{
      m.Animal{ name = "a" }, m.Dog{ name = "d", breed = "pug" }, m.Cat{ name = "c" },
      m.Bird{ name = "b", wingspan = 1.5, call = "tweet" }, m.Eagle{ name = "e", wingspan = 2, prey = "mice" },
    }
    session:commit()
    session:expunge_all()
  end)
  after_each(function() session:close() end)

  local function names(stmt)
    local list = {}
    for i, object in ipairs(session:scalars(stmt):all()) do list[i] = object.name end
    return table.concat(list, " ")
  end

  it("is stored in the tables that it has", function()
    assert.equal("1animal- 2dog- 3cat9 4bird- 5eagle-",
      d.psql "SELECT string_agg(id || kind || coalesce(lives::text, '-'), ' ' ORDER BY id) FROM animals")
    assert.equal("4 5", d.psql "SELECT string_agg(id::text, ' ' ORDER BY id) FROM birds")
    assert.equal("5mice", d.psql "SELECT eagle_id || prey FROM eagles")
  end)

  it("is loaded as what it is by a query of what it inherits from", function()
    local animals = session:scalars(pg.select(m.Animal):order_by(m.Animal.id)):all()
    local models = {}
    for i, animal in ipairs(animals) do models[i] = pg.inspect(animal).mapper.model end
    assert.same({ m.Animal, m.Dog, m.Cat, m.Bird, m.Eagle }, models)
    assert.same({ "a is silent", "d barks", "c is silent" },
      { animals[1]:speak(), animals[2]:speak(), animals[3]:speak() })
    -- what lies in the same table comes with the row
    assert.equal(0, #d.statements_of(function() assert.same({ "pug", 9 }, { animals[2].breed, animals[3].lives }) end))
    -- the rest is read when it is asked for, all at once
    local sent = d.statements_of(function() assert.same({ 2, "mice" }, { animals[5].wingspan, animals[5].prey }) end)
    assert.equal(1, #sent)
    assert.equal("tweet", animals[4].call)
    assert.error_matches(function() return animals[1].breed end, "model 'animals' has no attribute 'breed'")
  end)

  it("is asked for alone, with those that inherit from it", function()
    assert.equal("d", names(pg.select(m.Dog)))
    assert.equal("b e", names(pg.select(m.Bird):order_by(m.Bird.id)))
    assert.equal("e", names(pg.select(m.Eagle)))
    assert.equal("b", names(pg.select(m.Bird):where(m.Bird.wingspan:lt(2))))
    assert.equal("e", names(pg.select(m.Eagle):where(m.Eagle.name:eq("e"), m.Eagle.wingspan:gt(1))))
    assert.equal(1, session:scalar(pg.select(pg.func.count()):select_from(m.Dog)))
    assert.equal(2, session:query(m.Bird):count())
    local A = orm.aliased(m.Eagle, "x")
    assert.equal("e", names(pg.select(A):where(A.prey:eq "mice", A.name:eq "e")))
    local D = orm.aliased(m.Dog)
    assert.equal("d", names(pg.select(D)))
  end)

  it("is read with one query of its own", function()
    local sent = d.statements_of(function()
      local eagle = session:get(m.Eagle, 5)
      assert.same({ "e", 2, "mice", 5, 5 }, { eagle.name, eagle.wingspan, eagle.prey, eagle.id, eagle.eagle_id })
    end)
    assert.equal(1, #sent)
  end)

  it("has one identity, whatever it is asked for as", function()
    local eagle = session:get(m.Animal, 5)
    assert.equal(eagle, session:get(m.Bird, 5))
    assert.equal(eagle, session:get(m.Eagle, 5))
    assert.is_nil(session:get(m.Dog, 5))
    assert.is_nil(session:get(m.Dog, 1))
  end)

  it("is updated in the tables whose columns changed", function()
    local eagle = session:get(m.Eagle, 5)
    eagle.wingspan = 3
    local sent = d.statements_of(function() session:flush() end)
    assert.equal(1, #sent)
    assert.truthy(sent[1]:find("^UPDATE birds SET wingspan="))
    eagle.name, eagle.prey = "E", "fish"
    assert.equal(2, #d.statements_of(function() session:flush() end))
    session:commit()
    assert.same({ "E", 3, "fish" }, { eagle.name, eagle.wingspan, eagle.prey })
  end)

  it("is deleted from all of its tables", function()
    session:delete(session:get(m.Animal, 5))
    session:delete(session:get(m.Dog, 2))
    session:commit()
    assert.equal("a c b", names(pg.select(m.Animal):order_by(m.Animal.id)))
    assert.equal("1|0", d.psql "SELECT (SELECT count(*) FROM birds), (SELECT count(*) FROM eagles)")
  end)

  it("is updated and deleted by statement only where it shares the table", function()
    session:execute(pg.update(m.Dog):values{ name = "D" }, nil)
    assert.equal("a D c b e", names(pg.select(m.Animal):order_by(m.Animal.id)))
    session:execute(pg.delete(m.Cat))
    assert.equal("a D b e", names(pg.select(m.Animal):order_by(m.Animal.id)))
    assert.error_matches(function() pg.update(m.Bird) end, "expected a table, got a join")
  end)

  it("is related as what it inherits from, and loaded along", function()
    local owner = m.Owner{ name = "o", animals = { session:get(m.Animal, 2), session:get(m.Animal, 4) } }
    owner.animals:append(m.Eagle{ name = "new", prey = "hares" })
    session:add(owner)
    session:commit()
    for _, option in ipairs{ orm.joinedload(m.Owner.animals), orm.selectinload(m.Owner.animals),
      orm.lazyload(m.Owner.animals) } do
      session:expunge_all()
      local found = session:scalars(pg.select(m.Owner):options(option)):unique():one()
      local list = {}
      for i, animal in ipairs(found.animals) do list[i] = animal.name .. animal.kind end
      assert.same({ "ddog", "bbird", "neweagle" }, list)
    end
    assert.equal("d", names(pg.select(m.Dog):join(m.Dog.owner):where(m.Owner.name:eq "o")))
    assert.equal("b new", names(pg.select(m.Bird):join(m.Bird.owner):where(m.Owner.name:eq "o"):order_by(m.Bird.id)))
    local with_dog = pg.select(m.Owner):where(m.Owner.animals:of_type(m.Dog):any(m.Dog.breed:eq "pug"))
    assert.equal("o", names(with_dog))
    session:expunge_all()
    local bird = session:scalars(pg.select(m.Bird):where(m.Bird.name:eq "b"):options(orm.joinedload(m.Bird.owner))):one()
    assert.equal(0, #d.statements_of(function() assert.equal("o", bird.owner.name) end))
  end)

  it("has relationships of its own, whose targets are joined", function()
    local eagle = session:get(m.Eagle, 5)
    eagle.nests:append(m.Nest())
    session:commit()
    session:expunge_all()
    for _, option in ipairs{ orm.joinedload(m.Nest.bird), orm.selectinload(m.Nest.bird), orm.lazyload(m.Nest.bird) } do
      session:expunge_all()
      local nest = session:scalars(pg.select(m.Nest):options(option)):one()
      assert.same({ "e", 2, "mice" }, { nest.bird.name, nest.bird.wingspan, nest.bird.prey })
    end
    assert.equal("e", names(pg.select(m.Eagle):where(m.Eagle.nests:any())))
    session:delete(session:get(m.Eagle, 5))
    session:commit()
    assert.equal("0", d.psql "SELECT count(*) FROM nests")
  end)

  it("has relationships of both levels, also to models of its own hierarchy", function()
    local C, M, E, T
    local c = orm_db.create(function(Base)
      local function id() return pg.Column{ pg.Integer, primary_key = true } end
      local function reference(target) return pg.Column{ pg.Integer, pg.ForeignKey(target) } end
      local P = Base:model("people", {
        id = id(), kind = pg.Column{ pg.Text }, name = pg.Column{ pg.Text }, company_id = reference "companies.id",
        company = orm.relationship("companies", { back_populates = "people" }),
        tags = orm.relationship("tags", { secondary = "person_tags", order_by = "word" }),
        __polymorphic_on = "kind", __polymorphic_identity = "person",
      })
      M = P:model("managers", {
        id = pg.Column{ pg.Integer, pg.ForeignKey "people.id", primary_key = true }, level = pg.Column{ pg.Integer },
        deputy_id = reference "people.id", deputy = orm.relationship("people", { foreign_keys = "deputy_id" }),
        teams = orm.relationship("teams", { back_populates = "manager", cascade = "all, delete-orphan" }),
        __polymorphic_identity = "manager",
      })
      E = P:model("engineers", {
        id = pg.Column{ pg.Integer, pg.ForeignKey "people.id", primary_key = true },
        boss_id = reference "managers.id", boss = orm.relationship("managers", { foreign_keys = "boss_id" }),
        __polymorphic_identity = "engineer",
      })
      C = Base:model("companies", {
        id = id(), people = orm.relationship("people", {
          back_populates = "company", cascade = "all, delete-orphan", order_by = "id" }),
      })
      T = Base:model("teams", {
        id = id(), manager_id = reference "managers.id",
        manager = orm.relationship("managers", { back_populates = "teams" }),
      })
      Base:model("tags", { id = id(), word = pg.Column{ pg.Text } })
      pg.Table("person_tags", Base.metadata, {
        pg.Column{ "person_id", pg.ForeignKey "people.id", primary_key = true },
        pg.Column{ "tag_id", pg.ForeignKey "tags.id", primary_key = true },
      })
      return { Tag = Base:_model_of "tags" }
    end)
    c.Session(function(s)
      local engineer = E{ name = "e" }
      local manager = M{ name = "m", level = 3, teams = { T(), T() }, tags = { c.models.Tag{ word = "x" } } }
      manager.deputy, engineer.boss = engineer, manager -- each needs the other's key
      s:add(C{ people = { manager, engineer } })
      s:commit()
      for _, option in ipairs{ "joinedload", "selectinload" } do
        s:expunge_all()
        local stmt = pg.select(M):options(orm[option](M.teams), orm[option](M.tags), orm[option](M.deputy),
          orm[option](M.company))
        local found = s:scalars(stmt):unique():one()
        local boss = orm[option](E.boss)
        local other = s:scalars(pg.select(E):options(boss[option](boss, M.teams))):unique():one()
        assert.equal(0, #c.statements_of(function()
          assert.same({ 2, "x", "e", 1, 3 },
            { #found.teams, found.tags[1].word, found.deputy.name, found.company.id, other.boss.level })
        end))
      end
      local M2 = orm.aliased(M)
      local bosses = pg.select(E):join(E.boss:of_type(M2)):where(M2.level:eq(3), M2.name:eq "m")
      assert.equal("e", s:scalars(bosses):one().name)
      assert.equal(1, #s:scalars(pg.select(C):where(C.people:of_type(M):any(M.level:gt(2)))):all())
      s:scalars(bosses):one().boss = nil
      s:flush()
      s:delete(s:get(C, 1))
      s:commit()
      assert.equal("0|0|0|0", c.psql("SELECT (SELECT count(*) FROM people), (SELECT count(*) FROM managers), "
        .. "(SELECT count(*) FROM teams), (SELECT count(*) FROM person_tags)"))
    end)
    c.drop()
  end)

  it("is stored in the order that keys between the models of a hierarchy need", function()
    local mother = m.Cat{ name = "mother" }
    session:add(m.Eagle{ name = "strange", mother = m.Dog{ name = "middle", mother = mother } })
    session:flush()
    assert.equal("mother middle strange",
      names(pg.select(m.Animal):where(m.Animal.id:gt(5)):order_by(m.Animal.id)))
    local family = session:scalars(pg.select(m.Animal):where(m.Animal.id:gt(5)):order_by(m.Animal.id)):all()
    for _, animal in ipairs(family) do session:delete(animal) end
    session:flush()
  end)

  it("takes back a rollback", function()
    local eagle = m.Eagle{ name = "gone", prey = "x" }
    session:add(eagle)
    session:flush()
    assert.equal(6, eagle.eagle_id)
    session:rollback()
    assert.is_true(pg.inspect(eagle).transient)
    assert.same({ nil, "gone", "eagle" }, { eagle.id, eagle.name, eagle.kind })
    session:add(eagle)
    session:commit()
    assert.equal("gone", names(pg.select(m.Eagle):where(m.Eagle.prey:eq "x")))
  end)

  it("says so when a row is of a kind that nobody knows", function()
    d.psql "UPDATE animals SET kind = 'fish' WHERE id = 1"
    assert.error_matches(function() session:scalars(pg.select(m.Animal)):all() end,
      "no model has the polymorphic identity 'fish'")
  end)

  it("may have a version, which changes of any table count", function()
    local v = orm_db.create(function(Base)
      local A = Base:model("a", {
        id = pg.Column{ pg.Integer, primary_key = true }, kind = pg.Column{ pg.Text },
        version = pg.Column{ pg.Integer },
        __version_id = "version", __polymorphic_on = "kind", __polymorphic_identity = "a",
      })
      return { B = A:model("b", {
        id = pg.Column{ pg.ForeignKey "a.id", primary_key = true }, x = pg.Column{ pg.Text },
        __polymorphic_identity = "b",
      }) }
    end)
    v.Session(function(s)
      local b = v.models.B{ x = "1" }
      s:add(b)
      s:commit()
      b.x = "2"
      s:commit()
      assert.equal(2, b.version)
      v.psql "UPDATE a SET version = 7"
      b.x = "3"
      assert.is_true(pg.is_error(select(2, pcall(s.flush, s)), "StaleDataError"))
    end)
    v.drop()
  end)

  it("is refused where its definition makes no sense", function()
    local Base = orm.declarative_base()
    local id = function() return pg.Column{ pg.Integer, primary_key = true } end
    local Plain = Base:model("plain", { id = id() })
    local A = Base:model("a", { id = id(), kind = pg.Column{ pg.Text } }, { polymorphic_on = "kind" })
    for _, case in ipairs{
      { function() Plain:model("x", {}) end, "model 'plain' has no polymorphic_on" },
      { function() A:model("a", {}) end, "needs a polymorphic_identity" },
      { function() A:model("a", { __polymorphic_identity = "b", x = pg.Column{ pg.Text, nullable = false } }) end,
        "'x' must be nullable" },
      { function() A:model("b", { __polymorphic_identity = "b", id = id() }) end, "must be a foreign key to 'a'" },
      { function()
        A:model("a", { __polymorphic_identity = "c" })
        A:model("a", { __polymorphic_identity = "c" })
      end, "another model has the polymorphic identity 'c'" },
      { function() Base:model("y", { id = id(), __polymorphic_idenity = "x" }) end, "did you mean '__polymorphic_identity'?" },
      { function() Base:model("z", { id = id() }, { inherits = 5 }) end, "inherits: expected a model, got number" },
      { function() A.model(5, {}) end, "use ':'" },
    } do
      assert.error_matches(case[1], case[2])
    end
  end)
end)
