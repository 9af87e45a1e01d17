--- Attributes of models that inherit, in all places of a statement.

local orm_db = require "spec.support.orm_db"
local pg = require "pgvector"
local orm, func = pg.orm, pg.func

local function define(Base)
  local m = {}
  local function id() return pg.Column{ pg.Integer, primary_key = true } end
  local function reference(target) return pg.Column{ pg.Integer, pg.ForeignKey(target) } end
  m.Company = Base:model("company", {
    id = id(), name = pg.Column{ pg.Text }, people = orm.relationship("person", { back_populates = "company" }),
  })
  m.Person = Base:model("person", {
    id = id(), kind = pg.Column{ pg.Text }, name = pg.Column{ pg.Text }, company_id = reference "company.id",
    company = orm.relationship("company", { back_populates = "people" }),
    nick = orm.synonym "name",
    twice = orm.column_property(function(P) return P.id * 2 end),
    tools = orm.column_property(function(P)
      local t = P.__table.metadata.tables.tool
      return pg.select(func.count()):select_from(t):where(t.c.engineer_id:eq(P.id)):correlate(P):scalar_subquery()
    end),
    loud = orm.hybrid{ get = function(x) return x.name .. "!" end },
    label = orm.composite(function(kind, name) return { kind = kind, name = name } end, "kind", "name"),
    __polymorphic_on = "kind", __polymorphic_identity = "person",
  })
  m.Boss = m.Person:model("person", { car = pg.Column{ pg.Text } }, { polymorphic_identity = "boss" })
  m.Engineer = m.Person:model("engineer", {
    id = pg.Column{ pg.Integer, pg.ForeignKey "person.id", primary_key = true },
    lang = pg.Column{ pg.Text }, backer_id = reference "company.id", teacher_id = reference "person.id",
    backer = orm.relationship("company", { foreign_keys = "backer_id" }),
    teacher = orm.relationship("person", { foreign_keys = "teacher_id" }),
    owned = orm.relationship("tool", { back_populates = "engineer" }),
    skill = orm.composite(function(name, lang) return { name = name, lang = lang } end, "name", "lang"),
    __polymorphic_identity = "engineer",
  })
  m.Senior = m.Engineer:model("senior", {
    key = pg.Column{ pg.Integer, pg.ForeignKey "engineer.id", primary_key = true },
    stars = pg.Column{ pg.Integer }, __polymorphic_identity = "senior",
  })
  m.Tool = Base:model("tool", {
    id = id(), name = pg.Column{ pg.Text }, engineer_id = reference "engineer.id",
    engineer = orm.relationship("engineer", { back_populates = "owned" }),
  })
  return m
end

describe("an attribute of a model that inherits", function()
  local d, Company, Person, Boss, Engineer, Senior, Tool
  local session, a, b
  local S = pg.select
  setup(function()
    d = orm_db.create(define)
    local m = d.models
    Company, Person, Boss, Engineer, Senior, Tool = m.Company, m.Person, m.Boss, m.Engineer, m.Senior, m.Tool
    session = d.Session()
    a, b = Company{ name = "a" }, Company{ name = "b" }
    local plain = Person{ name = "plain", company = a }
    local first = Engineer{ name = "first", lang = "lua", company = a, backer = b }
    session:add_all{
      first, Engineer{ name = "second", lang = "c", company = b }, plain, Boss{ name = "boss", company = b, car = "x" },
      Senior{ name = "senior", lang = "go", stars = 3, company = a, teacher = plain },
      Tool{ name = "hammer", engineer = first }, Company{ name = "empty" },
    }
    session:commit()
  end)
  teardown(function()
    session:close()
    d.drop()
  end)

  local function text(value) return value == pg.null and "-" or tostring(value) end

  -- The rows of a statement in their alphabetical order.
  local function rows(stmt)
    local list = {}
    for i, row in ipairs(session:execute(stmt):all()) do
      local values = {}
      for j = 1, #row do values[j] = text(row[j]) end
      list[i] = table.concat(values, " ")
    end
    table.sort(list)
    return table.concat(list, ", ")
  end

  local function sql(stmt) return (stmt:compile()) end

  it("that is a relationship by a key of the model's own table is asked of the row itself", function()
    assert.equal("SELECT person.name FROM person JOIN engineer ON engineer.id = person.id WHERE EXISTS "
      .. "(SELECT 1 FROM company WHERE engineer.backer_id = company.id AND company.name = $1)",
      sql(S(Engineer.name):where(Engineer.backer:has(Company.name:eq "b"))))
    local cases = {
      { "first", Engineer.backer:has(Company.name:eq "b") }, { "", Engineer.backer:has(Company.name:eq "a") },
      { "second, senior", Engineer.backer:has():not_() }, { "second, senior", Engineer.backer:is_null() },
      { "first", Engineer.backer:is_not_null() }, { "first", Engineer.backer:eq(b) },
      { "first", Engineer.owned:any() }, { "", Engineer.owned:any(Tool.name:eq "saw") },
      { "second, senior", Engineer.owned:is_null() },
      { "first", Engineer.owned:contains(session:scalars(S(Tool)):one()) },
    }
    local every, alias = orm.with_polymorphic(Person, "*"), orm.aliased(Engineer)
    for i, case in ipairs(cases) do
      assert.equal(case[1], rows(S(Engineer.name):where(case[2])), "engineer " .. i)
      assert.equal(case[1], rows(S(Person.name):where(case[2])), "person " .. i)
      local names = {}
      for j, object in ipairs(session:scalars(S(every):where(case[2], Engineer.lang:is_not_null())):all()) do
        names[j] = object.name
      end
      table.sort(names)
      assert.equal(case[1], table.concat(names, ", "), "with_polymorphic " .. i)
    end
    assert.equal("first", rows(S(alias.name):where(alias.backer:has(Company.name:eq "b"))))
    assert.equal("second, senior", rows(S(alias.name):where(alias.owned:any():not_())))
  end)

  it("that leads to a table of the model itself is asked of an alias of that", function()
    assert.equal("SELECT person.name FROM person JOIN engineer ON engineer.id = person.id WHERE EXISTS "
      .. "(SELECT 1 FROM person AS person_1 WHERE engineer.teacher_id = person_1.id AND person_1.name = $1)",
      sql(S(Engineer.name):where(Engineer.teacher:has(Person.name:eq "plain"))))
    assert.equal("senior", rows(S(Engineer.name):where(Engineer.teacher:has(Person.name:eq "plain"))))
    assert.equal("", rows(S(Engineer.name):where(Engineer.teacher:has(Person.name:eq "first"))))
  end)

  it("brings the model's tables as one join where it stands in conditions", function()
    local joined = "person JOIN engineer ON engineer.id = person.id"
    for _, case in ipairs{
      { S(func.count()):where(Engineer.lang:eq "lua", Engineer.name:eq "first"), "1",
        "SELECT count(*) AS count_1 FROM " .. joined .. " WHERE engineer.lang = $1 AND person.name = $2" },
      { S(Company.name):where(Company.id:eq(Engineer.backer_id), Engineer.name:eq "first"), "b",
        "SELECT company.name FROM company, " .. joined
          .. " WHERE company.id = engineer.backer_id AND person.name = $1" },
      { S(Company.name):where(pg.exists():where(Company.id:eq(Engineer.backer_id), Engineer.name:eq "first")), "b",
        "SELECT company.name FROM company WHERE EXISTS (SELECT 1 FROM " .. joined
          .. " WHERE company.id = engineer.backer_id AND person.name = $1)" },
      { S(Person.name):where(Engineer.lang:eq "lua"), "first",
        "SELECT person.name FROM " .. joined .. " WHERE engineer.lang = $1" },
      { S(func.count()):where(Senior.stars:eq(3), Senior.name:eq "senior"), "1",
        "SELECT count(*) AS count_1 FROM " .. joined .. " JOIN senior ON senior.key = engineer.id "
          .. "WHERE senior.stars = $1 AND person.name = $2" },
      { S(func.count()):where(Engineer.skill:eq{ name = "first", lang = "lua" }), "1",
        "SELECT count(*) AS count_1 FROM " .. joined .. " WHERE person.name = $1 AND engineer.lang = $2" },
      { S(Company.name, Person.name):join(Company.people):where(Engineer.lang:eq "lua"), "a first",
        "SELECT company.name, person.name FROM company JOIN person ON company.id = person.company_id "
          .. "JOIN engineer ON engineer.id = person.id WHERE engineer.lang = $1" },
      { S(Company.name):where(Company.people:any(Engineer.lang:eq "lua")), "a",
        "SELECT company.name FROM company WHERE EXISTS (SELECT 1 FROM " .. joined
          .. " WHERE company.id = person.company_id AND engineer.lang = $1)" },
      { S(Engineer.lang):select_from(Person), "c, go, lua", "SELECT engineer.lang FROM " .. joined },
      { S(Person.name):order_by(Engineer.lang), "first, second, senior",
        "SELECT person.name FROM " .. joined .. " ORDER BY engineer.lang" },
      { S(func.count(Person.id)):group_by(Engineer.lang), "1, 1, 1",
        "SELECT count(person.id) AS count_1 FROM " .. joined .. " GROUP BY engineer.lang" },
      { S(Person.kind):group_by(Person.kind):having(func.max(Engineer.lang):eq "go"), "senior",
        "SELECT person.kind FROM " .. joined .. " GROUP BY person.kind HAVING max(engineer.lang) = $1" },
    } do
      assert.equal(case[3], sql(case[1]))
      assert.equal(case[2], rows(case[1]), case[3])
    end
  end)

  it("in a subquery is that of the statement around it, as far as that has its tables", function()
    local has_tool = pg.exists():where(Tool.engineer_id:eq(Engineer.id), Engineer.lang:eq "lua")
    assert.equal("SELECT person.name FROM person JOIN engineer ON engineer.id = person.id WHERE EXISTS "
      .. "(SELECT 1 FROM tool WHERE tool.engineer_id = person.id AND engineer.lang = $1)",
      sql(S(Engineer.name):where(has_tool)))
    assert.equal("SELECT person.name FROM person WHERE EXISTS (SELECT 1 FROM tool, engineer "
      .. "WHERE engineer.id = person.id AND tool.engineer_id = person.id AND engineer.lang = $1)",
      sql(S(Person.name):where(has_tool)))
    assert.equal("first", rows(S(Person.name):where(has_tool)))
    local every = orm.with_polymorphic(Person, "*")
    assert.equal(1, #session:scalars(S(every):where(has_tool)):all())
    assert.equal("first", rows(S(Engineer.name):where(pg.exists(Tool.id)
      :where(Tool.engineer_id:eq(Engineer.id), Engineer.lang:eq "lua"):correlate(Engineer))))
  end)

  it("ties its tables together in UPDATE and DELETE", function()
    assert.equal("UPDATE company SET name=$1 FROM person JOIN engineer ON engineer.id = person.id "
      .. "WHERE company.id = engineer.backer_id AND person.name = $2",
      sql(pg.update(Company):where(Company.id:eq(Engineer.backer_id), Engineer.name:eq "x"):values{ name = "y" }))
    assert.equal("DELETE FROM company USING person JOIN engineer ON engineer.id = person.id "
      .. "WHERE company.id = engineer.backer_id AND person.name = $1",
      sql(pg.delete(Company):where(Company.id:eq(Engineer.backer_id), Engineer.name:eq "x")))
    -- the table that is changed cannot be joined
    assert.equal("UPDATE engineer SET lang=$1 FROM person WHERE engineer.id = person.id AND person.name = $2",
      sql(pg.update(Engineer.__table):where(Engineer.name:eq "x"):values{ lang = "y" }))
    assert.equal("UPDATE engineer SET lang=person.name FROM person WHERE engineer.id = person.id AND engineer.lang = $1",
      sql(pg.update(Engineer.__table):where(Engineer.lang:eq "x"):values{ lang = Engineer.name }))
    assert.equal("DELETE FROM person USING senior, engineer "
      .. "WHERE engineer.id = person.id AND senior.key = engineer.id AND senior.stars = $1",
      sql(pg.delete(Person):where(Senior.stars:eq(1))))
    assert.equal("UPDATE engineer SET lang=$1 WHERE engineer.lang = $2",
      sql(pg.update(Engineer.__table):where(Engineer.lang:eq "x"):values{ lang = "y" }))
    session:execute(pg.update(Company):where(Company.id:eq(Engineer.backer_id), Engineer.name:eq "second")
      :values{ name = "wrong" })
    session:execute(pg.update(Engineer.__table):where(Engineer.name:eq "first"):values{ lang = "new" })
    assert.equal("a, b, empty", rows(S(Company.name)))
    assert.equal("c, go, new", rows(S(Engineer.lang)))
    session:rollback()
  end)

  it("is one of its rows under another name, and as an expression, too", function()
    assert.equal("SELECT person.name FROM person WHERE person.kind = $1", sql(S(Boss.nick)))
    assert.equal("SELECT person.id * $1 AS twice FROM person WHERE person.kind = $2", sql(S(Boss.twice)))
    assert.equal("boss", rows(S(Boss.nick)))
    assert.equal("0", rows(S(Boss.tools)))
    assert.equal("0, 0, 1", rows(S(Engineer.tools)))
    assert.equal("first, second, senior", rows(S(Engineer.nick)))
    assert.equal(3, #session:execute(S(Engineer.twice):order_by(Engineer.twice)):all())
  end)

  it("leaves with the columns that with_only_columns replaces", function()
    assert.equal("SELECT company.id FROM company", sql(S(Boss):with_only_columns(Company.id)))
    assert.equal("SELECT company.id FROM company", sql(S(Engineer):with_only_columns(Company.id)))
    -- but not as long as the statement is about its rows
    assert.equal("1", rows(S(Boss):where(Boss.car:eq "x"):with_only_columns(func.count())))
    assert.equal("1", rows(S(Boss):with_only_columns(func.count())))
    assert.equal("1", rows(S(Company.id):select_from(Boss):with_only_columns(func.count(Person.id))))
    local all = S(Company.name, Boss.name):outerjoin(Boss, Company.id:eq(Boss.company_id))
    assert.equal("a, b, empty", rows(all:with_only_columns(Company.name)))
    assert.equal("a -, b boss, empty -", rows(all:with_only_columns(Company.name, Boss.name)))
  end)

  it("tells whose the rows are that are inserted from a select", function()
    local names = S(Company.name)
    assert.equal("INSERT INTO person (name, kind) SELECT company.name, $1 AS anon_1 FROM company",
      sql(pg.insert(Boss):from_select({ "name" }, names)))
    assert.equal("INSERT INTO person (name, kind) SELECT company.name, company.name FROM company",
      sql(pg.insert(Boss):from_select({ "name", "kind" }, S(Company.name, Company.name))))
    for _, query in ipairs{ names, names:distinct(), names:union(names), names:order_by(Company.id):limit(3) } do
      session:execute(pg.insert(Boss):from_select({ "name" }, query))
      assert.equal("a, b, boss, empty", rows(S(Boss.name)))
      session:rollback()
    end
  end)

  it("leaves rows of other models out of a FULL JOIN, on both sides", function()
    local on = Company.id:eq(Boss.company_id)
    local full = S(Company.name, Boss.name):full_join(Boss, on)
    assert.equal("SELECT company.name, person.name FROM company FULL OUTER JOIN person "
      .. "ON company.id = person.company_id AND person.kind = $1 WHERE person.kind = $2 OR person.id IS NULL", sql(full))
    local alias = orm.aliased(Boss)
    for i, stmt in ipairs{
      full, S(Company.name, Boss.name):select_from(Boss):full_join(Company, on),
      S(Company.name, Boss.name):full_join(Company.people:of_type(Boss)),
      S(Company.name, alias.name):full_join(alias, Company.id:eq(alias.company_id)),
    } do
      assert.equal("a -, b boss, empty -", rows(stmt), i)
    end
    assert.equal("a, b, empty", rows(S(Company.name):full_join(Boss, on)))
    assert.equal("a, b, empty", rows(full:with_only_columns(Company.name)))
    assert.equal("- - hammer, a - -, b boss -, empty - -",
      rows(full:add_columns(Tool.name):full_join(Tool, Tool.engineer_id:eq(Boss.id))))
    session:add(Boss{ name = "free" })
    assert.equal("- free, a -, b boss, empty -", rows(full))
    session:rollback()
  end)

  it("is left out of a FULL JOIN by criteria for all rows, too", function()
    local full = S(Company.name, Person.name):full_join(Person, Company.id:eq(Person.company_id)):options(
      orm.with_loader_criteria(Person, Person.name:in_{ "first", "boss" }),
      orm.with_loader_criteria(Company, Company.name:ne "b"))
    assert.equal("- boss, a first, empty -", rows(full))
  end)
end)

describe("filter_by", function()
  local d, Company, Person, Engineer, session, a
  setup(function()
    d = orm_db.create(define)
    Company, Person, Engineer = d.models.Company, d.models.Person, d.models.Engineer
    session = d.Session()
    a = Company{ name = "a" }
    session:add_all{
      Person{ name = "p", company = a }, Person{ name = "q" }, Engineer{ name = "e", lang = "lua", backer = a },
    }
    session:commit()
  end)
  teardown(function()
    session:close()
    d.drop()
  end)

  local function names(stmt)
    local list = {}
    for i, object in ipairs(session:scalars(stmt):all()) do list[i] = object.name end
    table.sort(list)
    return table.concat(list, " ")
  end

  it("takes relationships, synonyms, hybrids, composites and expressions of models", function()
    local A = orm.aliased(Person)
    for _, case in ipairs{
      { "p", pg.select(Person):filter_by{ company = a } }, { "e q", pg.select(Person):filter_by{ company = pg.null } },
      { "q", pg.select(Person):filter_by{ nick = "q" } }, { "q", pg.select(Person):filter_by{ loud = "q!" } },
      { "q", pg.select(Person):filter_by{ label = { kind = "person", name = "q" } } },
      { "p", pg.select(Person):filter_by{ company = a, nick = "p", loud = "p!", kind = "person" } },
      { "e", pg.select(Engineer):filter_by{ backer = a, nick = "e", skill = { name = "e", lang = "lua" } } },
      { "e", pg.select(Person):filter_by{ tools = 0, loud = "e!" } },
      { "p", pg.select(A):filter_by{ company = a, loud = "p!", nick = "p" } },
      { "a", pg.select(Company):join(Company.people):filter_by{ nick = "p" } },
      { "", pg.select(Company):join(Person, Person.company_id:eq(Company.id)):filter_by{ nick = "q" } },
    } do
      assert.equal(case[1], names(case[2]), tostring(case[2]))
    end
    assert.equal("p", session:query(Person):filter_by{ company = a }:one().name)
    assert.equal("UPDATE person SET name=$1 WHERE person.company_id = $2 AND person.name = $3",
      (pg.update(Person):filter_by{ nick = "p", company = a }:values{ name = "x" }:compile()))
    assert.equal("DELETE FROM person WHERE person.kind = $1 AND person.name = $2",
      (pg.delete(Person):filter_by{ nick = "p", kind = "person" }:compile()))
  end)

  it("says what it does not know", function()
    for _, case in ipairs{
      { function() pg.select(Person):filter_by{ compny = a } end, "has no column 'compny', did you mean 'company'?" },
      { function() pg.select(Person):filter_by{ nam = "x" } end, "has no column 'nam', did you mean 'name'?" },
      { function() pg.update(Person):filter_by{ nik = "x" } end, "has no column 'nik', did you mean 'nick'?" },
      { function() pg.update(Person):filter_by{ "x" } end, "has no column '1'" },
      { function() pg.select(Person):filter_by{ nick = { "x" } } end, "'nick' is given a table" },
      { function() pg.select(Company):filter_by{ people = a } end, "is not many-to-one: use contains or any" },
      { function() pg.select(Person.id):filter_by{ nick = "x" } end, "has no column 'nick'" },
      { function()
        local A = orm.aliased(Person)
        pg.select(Person):join(A, A.id:eq(Person.id)):filter_by{ nick = "x" }
      end, "'nick' is an attribute of both" },
    } do
      assert.error_matches(case[1], case[2], 1, true)
    end
  end)
end)
