--- Models that inherit, in statements: their attributes, and loading them along
-- with what they inherit from.

local orm_db = require "spec.support.orm_db"
local pg = require "pgvector"
local orm = pg.orm

local function key() return pg.Column{ pg.Integer, primary_key = true } end

local function define(Base)
  local m = {}
  m.Owner = Base:model("owners", {
    id = key(), name = pg.Column{ pg.Text },
    animals = orm.relationship("animals", { back_populates = "owner", order_by = "id" }),
  })
  m.Animal = Base:model("animals", {
    id = key(), kind = pg.Column{ pg.Text }, name = pg.Column{ pg.Text }, owner_id = pg.Column{ pg.ForeignKey "owners.id" },
    embedding = pg.Column{ pg.VECTOR(2) },
    owner = orm.relationship("owners", { back_populates = "animals" }),
    __polymorphic_on = "kind", __polymorphic_identity = "animal",
  })
  m.Dog = m.Animal:model("animals", {
    breed = pg.Column{ pg.Text }, toys = orm.relationship("toys", { order_by = "id" }), __polymorphic_identity = "dog",
  })
  m.Bird = m.Animal:model("birds", {
    id = pg.Column{ pg.Integer, pg.ForeignKey "animals.id", primary_key = true },
    wing = pg.Column{ pg.Integer }, song = pg.Column{ pg.Text, deferred = true },
    nests = orm.relationship("nests", { order_by = "id" }), __polymorphic_identity = "bird",
  })
  m.Eagle = m.Bird:model("eagles", {
    eagle_id = pg.Column{ pg.Integer, pg.ForeignKey "birds.id", primary_key = true },
    prey = pg.Column{ pg.Text }, color = pg.Column{ pg.Text }, __polymorphic_identity = "eagle",
  })
  m.Fish = m.Animal:model("fish", {
    id = pg.Column{ pg.Integer, pg.ForeignKey "animals.id", primary_key = true },
    color = pg.Column{ pg.Text }, __polymorphic_identity = "fish",
  })
  m.Toy = Base:model("toys", { id = key(), dog_id = pg.Column{ pg.ForeignKey "animals.id" } })
  m.Nest = Base:model("nests", {
    id = key(), bird_id = pg.Column{ pg.ForeignKey "birds.id" }, eggs = orm.relationship "eggs",
  })
  m.Egg = Base:model("eggs", { id = key(), nest_id = pg.Column{ pg.ForeignKey "nests.id" } })
  return m
end

describe("the attributes of a model that inherits", function()
  local m = define(orm.declarative_base())
  local Owner, Animal, Dog, Bird, Eagle = m.Owner, m.Animal, m.Dog, m.Bird, m.Eagle
  local func, select_ = pg.func, pg.select
  local alias = orm.aliased(Dog, "d")

  local cases = {
    { "bring its rows alone, where it shares the table", function() return select_(Dog.name) end,
      "SELECT animals.name FROM animals WHERE animals.kind = $1" },
    { "do so inside expressions", function() return select_(func.count(Dog.id):label "n", Dog.name .. "!") end,
      "SELECT count(animals.id) AS n, animals.name || $1 AS anon_1 FROM animals WHERE animals.kind = $2" },
    { "do so once", function() return select_(Dog, Dog.breed):select_from(Dog):where(Dog.name:eq "x") end,
      "SELECT animals.id, animals.kind, animals.name, animals.owner_id, animals.embedding, animals.breed, "
        .. "animals.breed FROM animals WHERE animals.kind = $1 AND animals.name = $2" },
    { "do so in subqueries", function() return select_(Owner.name):where(Owner.id:in_(select_(Dog.owner_id))) end,
      "SELECT owners.name FROM owners WHERE owners.id IN (SELECT animals.owner_id FROM animals WHERE animals.kind = $1)" },
    { "do so through an alias", function() return select_(alias.name):where(alias.breed:eq "pug") end,
      "SELECT d.name FROM animals AS d WHERE d.kind = $1 AND d.breed = $2" },
    { "are plain columns in conditions", function() return select_(Animal.name):where(Dog.breed:eq "pug") end,
      "SELECT animals.name FROM animals WHERE animals.breed = $1" },
    { "bring all tables of the model", function() return select_(Bird.name) end,
      "SELECT animals.name FROM animals JOIN birds ON birds.id = animals.id" },
    { "bring them once", function() return select_(Eagle.name, Eagle.prey, Bird.wing) end,
      "SELECT animals.name, eagles.prey, birds.wing FROM animals JOIN birds ON birds.id = animals.id "
        .. "JOIN eagles ON eagles.eagle_id = birds.id" },
    { "bring none that the statement has joined itself", function()
      return select_(Animal.name, Bird.wing):join(Bird.__table, Bird.__table.c.id:eq(Animal.id))
    end, "SELECT animals.name, birds.wing FROM animals JOIN birds ON birds.id = animals.id" },
    { "start a join along a relationship", function() return select_(Bird.wing):join(Bird.owner) end,
      "SELECT birds.wing FROM animals JOIN birds ON birds.id = animals.id JOIN owners ON animals.owner_id = owners.id" },
    { "of what is joined have their condition in ON", function()
      return select_(Owner.name, Dog.breed):outerjoin(Owner.animals:of_type(Dog))
    end, "SELECT owners.name, animals.breed FROM owners LEFT OUTER JOIN animals ON owners.id = animals.owner_id "
      .. "AND animals.kind = $1" },
    { "so does the joined model itself", function()
      return select_(Owner.name, Dog.name):outerjoin(Dog, Dog.owner_id:eq(Owner.id))
    end, "SELECT owners.name, animals.name FROM owners LEFT OUTER JOIN animals ON animals.owner_id = owners.id "
      .. "AND animals.kind = $1" },
    { "of a joined model of several tables need no other side told", function()
      return select_(Owner.name, Bird.wing):outerjoin(Bird, Bird.owner_id:eq(Owner.id))
    end, "SELECT owners.name, birds.wing FROM owners LEFT OUTER JOIN (animals JOIN birds ON birds.id = animals.id) "
      .. "ON animals.owner_id = owners.id" },
    { "are searched by", function() return select_(Dog.name):nearest(Dog.embedding, { 1, 2 }, { metric = "l2" }) end,
      "SELECT animals.name, animals.embedding <-> $1 AS distance FROM animals WHERE animals.kind = $2 "
        .. "ORDER BY animals.embedding <-> $1 LIMIT $3" },
    { "name columns in UPDATE", function() return pg.update(Dog):values{ [Dog.breed] = "x" } end,
      "UPDATE animals SET breed=$1 WHERE animals.kind = $2" },
    { "name columns in INSERT, which says what the row is", function()
      return pg.insert(Dog):values{ [Dog.breed] = "x" }:on_conflict_do_nothing{ index_elements = { Dog.id } }
    end, "INSERT INTO animals (kind, breed) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING" },
  }
  for _, case in ipairs(cases) do
    it(case[1], function() assert.equal(case[3], tostring(case[2]())) end)
  end

  it("are the columns for indexes, foreign keys, relationships and listeners", function()
    local Base = orm.declarative_base()
    local own = define(Base)
    assert.equal(own.Dog.__table.c.breed, pg.Index("ix", own.Dog.breed).elements[1])
    assert.equal(own.Dog.breed, own.Dog.breed)
    local Collar = Base:model("collars", {
      id = key(), dog_id = pg.Column{ pg.ForeignKey(own.Dog.id) },
      dog = orm.relationship(own.Dog, {
        primaryjoin = function() return Base:_model_of("collars").dog_id:eq(own.Dog.id) end, remote_side = own.Dog.id,
      }),
    })
    assert.equal(own.Animal.__table, Collar.__table.foreign_keys[1]:referred_table())
    assert.equal("many_to_one", Collar.dog.relationship.direction)
    pg.listen(own.Dog.name, "set", function(_, value) return value:upper() end)
    assert.equal("REX", own.Dog{ name = "rex" }.name)
  end)

  it("cannot stand in a join with another model of the same table", function()
    for _, stmt in ipairs{
      pg.select(Owner):join(Bird, Bird.owner_id:eq(Owner.id)):join(Dog, Dog.owner_id:eq(Owner.id)),
      pg.select(Animal):join(Bird, Bird.id:eq(Animal.id)),
    } do
      assert.error_matches(function() return stmt:compile() end, "'animals' stands in the statement already: join an alias")
    end
    assert.error_matches(function() pg.update(Bird) end, "expected a table, got a join: name one table, such as Model.__table")
  end)
end)

describe("models that inherit", function()
  local d, m, session
  local Owner, Animal, Dog, Bird, Eagle, Fish, Nest
  setup(function()
    d = orm_db.create(define)
    m = d.models
    Owner, Animal, Dog, Bird, Eagle, Fish, Nest = m.Owner, m.Animal, m.Dog, m.Bird, m.Eagle, m.Fish, m.Nest
    d.Session:begin(function(s)
      s:add(Owner{ name = "o", animals = {
        Animal{ name = "a" }, Dog{ name = "d", breed = "pug", toys = { m.Toy(), m.Toy() } },
        Bird{ name = "b", wing = 1, song = "la", nests = { Nest{ eggs = { m.Egg() } } } },
        Eagle{ name = "e", wing = 2, prey = "mice", color = "brown", nests = { Nest(), Nest() } },
        Fish{ name = "f", color = "red" },
      } })
    end)
  end)
  teardown(function() d.drop() end)
  before_each(function() session = d.Session() end)
  after_each(function() session:close() end)

  local read = {
    animal = function() return "" end, dog = function(x) return x.breed end, bird = function(x) return x.wing end,
    eagle = function(x) return x.wing .. x.prey .. x.color end, fish = function(x) return x.color end,
  }
  local function shown(list)
    local parts = {}
    for i, animal in ipairs(list) do parts[i] = animal.name .. read[animal.kind](animal) end
    return table.concat(parts, " ")
  end
  local ALL = "a dpug b1 e2micebrown fred"
  local function names(stmt)
    local list = {}
    for i, object in ipairs(session:scalars(stmt):unique():all()) do list[i] = object.name end
    return table.concat(list, " ")
  end
  -- How many statements are sent for a query, and how many for what `fn` reads of it.
  local function sent_for(stmt, fn)
    local list
    local loading = #d.statements_of(function() list = session:scalars(stmt):unique():all() end)
    return { loading, #d.statements_of(function() fn(list) end) }
  end

  describe("by with_polymorphic", function()
    for _, case in ipairs{
      { "all", function() return "*" end }, { "each of them", function() return { Fish, Eagle, Dog, Bird } end },
      { "those at the ends, with what lies between", function() return { Eagle, Fish } end },
    } do
      it("are loaded in one query: " .. case[1], function()
        local stmt = pg.select(orm.with_polymorphic(Animal, case[2]())):order_by(Animal.id)
        assert.same({ 1, 0 }, sent_for(stmt, function(list) assert.equal(ALL, shown(list)) end))
      end)
    end

    it("leave to later what was not named, or is deferred", function()
      local stmt = pg.select(orm.with_polymorphic(Animal, { Bird })):order_by(Animal.id)
      local list = session:scalars(stmt):all()
      assert.equal(0, #d.statements_of(function() assert.same({ 1, 2 }, { list[3].wing, list[4].wing }) end))
      assert.equal(2, #d.statements_of(function() assert.same({ "mice", "la" }, { list[4].prey, list[3].song }) end))
    end)

    it("stand in conditions, orders, joins and beside the entity", function()
      local every = orm.with_polymorphic(Animal, "*")
      local any = pg.or_(Bird.wing:gt(1), Dog.breed:eq "pug", Fish.color:eq "red")
      assert.equal("d e f", names(pg.select(every):where(any):order_by(Animal.name)))
      assert.equal("e", names(pg.select(every):join(every.owner):where(Owner.name:eq "o", Bird.wing:eq(2))))
      assert.equal("b e", names(pg.select(every):order_by(every.id):limit(2):offset(2)))
      assert.equal("b e", names(pg.select(orm.with_polymorphic(Bird, "*")):order_by(Eagle.prey:nulls_first())))
      local rows = session:execute(pg.select(every, Bird.wing):order_by(every.id)):all()
      assert.same({ 5, 1, pg.null }, { #rows, rows[3][2], rows[5][2] })
    end)

    for _, option in ipairs{ "joinedload", "selectinload" } do
      it("have their own relationships loaded along by " .. option, function()
        local nests = orm[option](Bird.nests)
        for _, limit in ipairs{ 10, 4 } do
          session:expunge_all()
          local stmt = pg.select(orm.with_polymorphic(Animal, "*")):order_by(Animal.id):limit(limit)
            :options(nests[option](nests, Nest.eggs), orm[option](Dog.toys), orm[option](Animal.owner))
          assert.equal(0, sent_for(stmt, function(list)
            assert.same({ 2, 1, 2, 1, "o" },
              { #list[2].toys, #list[3].nests, #list[4].nests, #list[3].nests[1].eggs, list[1].owner.name })
          end)[2])
        end
      end)
    end
  end)

  describe("by selectin_polymorphic", function()
    it("are loaded by a query for each table below", function()
      local stmt = pg.select(Animal):order_by(Animal.id)
      local all = stmt:options(orm.selectin_polymorphic(Animal, "*"))
      assert.same({ 4, 0 }, sent_for(all, function(list) assert.equal(ALL, shown(list)) end))
      session:expunge_all()
      local list = session:scalars(stmt:options(orm.selectin_polymorphic(Animal, { Bird, Fish }))):all()
      assert.equal(0, #d.statements_of(function() assert.same({ 2, "red" }, { list[4].wing, list[5].color }) end))
      assert.equal(1, #d.statements_of(function() assert.equal("mice", list[4].prey) end))
    end)

    it("are loaded along, and by get", function()
      local owners = pg.select(Owner):options(orm.selectinload(Owner.animals):selectin_polymorphic "*")
      assert.same({ 5, 0 }, sent_for(owners, function(list) assert.equal(ALL, shown(list[1].animals)) end))
      session:expunge_all()
      local eagle = session:get(Animal, 4, { options = { orm.selectin_polymorphic(Animal, "*") } })
      assert.equal(0, #d.statements_of(function() assert.equal("e2micebrown", shown{ eagle }) end))
    end)

    it("keep what was changed, unless they are to be overwritten", function()
      local eagle = session:get(Animal, 4)
      eagle.prey = "mine"
      local stmt = pg.select(Animal):options(orm.selectin_polymorphic(Animal, "*"))
      session:no_autoflush(function()
        session:scalars(stmt):all()
        assert.equal("mine", eagle.prey)
        session:scalars(stmt:execution_options{ populate_existing = true }):all()
        assert.equal("mice", eagle.prey)
      end)
    end)

    it("refuse models that are none of theirs", function()
      for _, case in ipairs{
        { function() orm.with_polymorphic(5, "*") end, "with_polymorphic: expected a model, got number" },
        { function() orm.with_polymorphic(Animal, Bird) end, 'expected a sequence of models or "*", got Model' },
        { function() orm.with_polymorphic(Animal, {}) end, 'expected a sequence of models or "*", got table' },
        { function() orm.selectin_polymorphic(Animal, { Owner }) end, "model 'owners' does not inherit from 'animals'" },
        { function() orm.selectin_polymorphic(Bird, { Bird }) end, "model 'birds' does not inherit from 'birds'" },
        { function() orm.selectin_polymorphic("*") end, "selectin_polymorphic: expected a model, got string" },
        { function() orm.raiseload("*"):selectin_polymorphic "*" end, "a chain begins with orm.selectin_polymorphic" },
        { function() orm.aliased(orm.with_polymorphic(Animal, "*")) end, "aliased: expected a model" },
        { function() return orm.with_polymorphic(Animal, "*").nme end, "no attribute 'nme', did you mean 'name'?" },
      } do
        local ok, err = pcall(case[1])
        assert.is_false(ok)
        assert.truthy(err.message:find(case[2], 1, true), err.message)
      end
    end)
  end)

  it("have their own relationships loaded along from a query of what they inherit from", function()
    local stmt = pg.select(Animal):order_by(Animal.id):options(orm.selectinload(Bird.nests), orm.selectinload(Dog.toys))
    assert.same({ 3, 0 }, sent_for(stmt, function(list)
      assert.same({ 2, 1, 2 }, { #list[2].toys, #list[3].nests, #list[4].nests })
    end))
  end)

  it("of several tables keep a limit when something is joined to them", function()
    local Other = orm.aliased(Bird)
    for _, stmt in ipairs{
      pg.select(Bird):order_by(Bird.id):limit(1):options(orm.joinedload(Bird.nests)),
      pg.select(Other):order_by(Other.id):limit(1):options(orm.joinedload(Other.nests)),
    } do
      session:expunge_all()
      assert.same({ 1, 0 }, sent_for(stmt, function(list) assert.same({ 1, 1 }, { #list, #list[1].nests }) end))
    end
  end)

  it("are subject to criteria of their own, and leave others alone", function()
    local no_pugs = orm.with_loader_criteria(Dog, Dog.breed:ne "pug")
    assert.equal("a b e f", names(pg.select(Animal):options(no_pugs):order_by(Animal.id)))
    assert.equal(4, session:scalar(pg.select(pg.func.count(Animal.id)):options(no_pugs)))
    local large = orm.with_loader_criteria(Bird, Bird.wing:gt(1))
    assert.equal("e", names(pg.select(Bird):options(large)))
    local not_e = orm.with_loader_criteria(Animal, Animal.name:ne "e")
    assert.equal("b", names(pg.select(Bird):options(not_e)))
    for _, option in ipairs{ "joinedload", "selectinload", "lazyload" } do
      session:expunge_all()
      local owner = session:scalars(pg.select(Owner):options(not_e, orm[option](Owner.animals))):unique():one()
      assert.equal(4, #owner.animals)
    end
  end)

  it("and share a table are inserted and updated by statement as what they are", function()
    session:execute(pg.insert(Dog), { { name = "x", breed = "b" }, { name = "y" } })
    session:execute(pg.insert(Animal):values{ name = "z" })
    local added = pg.select(Animal.name .. Animal.kind):where(Animal.name:in_{ "x", "y", "z" }):order_by(Animal.name)
    assert.same({ "xdog", "ydog", "zanimal" }, session:scalars(added):all())
    local x = session:scalar(pg.select(Dog.id):where(Dog.name:eq "x"))
    session:execute(pg.update(Dog), { { id = x, breed = "B" } }) -- this one alone, not all dogs
    assert.same({ "pug", "B", pg.null }, session:scalars(pg.select(Dog.breed):order_by(Dog.id)):all())
    assert.error_matches(function() session:execute(pg.update(Dog), { { id = x, breed = "C" }, { id = 1, breed = "D" } }) end,
      "StaleDataError: .*not there: row 2")
  end)
end)
