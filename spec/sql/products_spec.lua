-- FROM elements that nothing joins give every combination of their rows: the
-- engine warns of such statements, once each.

local compiler = require "pgvector.sql.compiler"
local db = require "spec.support.db"
local pg = require "pgvector"
local products = require "pgvector.sql.compiler.products"
local tables = require "spec.support.tables"

local items, owners = tables.items, tables.owners
local t, o = items.c, owners.c
local func = pg.func
local other = items:alias "other"
local a = other.c
local both = pg.select(t.id, o.id)
local joined = t.owner_id:eq(o.id)

-- what the compiler says of a statement, the names in quotes only
local function apart(stmt)
  local names = {}
  for _, message in ipairs(compiler.compile(stmt).warnings or {}) do
    names[#names + 1] = message:gsub("[^']*('[%w_]+')[^']*", "%1 ")
  end
  return table.concat(names, "; ")
end

describe("Nobody is warned of FROM elements that are connected by", function()
  local lateral = pg.select(a.id):where(a.owner_id:eq(o.id)):limit(1):lateral "l"
  local cases = {
    ["being one"] = pg.select(t.id),
    ["a join"] = both:join(owners),
    ["a join that says that it is meant"] = both:join(owners, pg.true_()),
    ["a comparison"] = both:where(joined),
    ["a comparison within OR"] = both:where(pg.or_(t.live, joined)),
    ["a comparison within NOT"] = both:where(pg.not_(pg.and_(t.live, joined))),
    ["BETWEEN"] = both:where(t.owner_id:between(o.id, 7)),
    ["a function of both"] = both:where(func.starts_with(t.title, o.email)),
    ["an operator"] = both:where(t.tags:any(o.email)),
    ["a comparison through a third"] = pg.select(t.id, a.id):where(joined, a.owner_id:eq(o.id)),
    ["EXISTS that refers to both"] = both:where(pg.exists(pg.select(a.id):where(a.id:eq(t.id), a.owner_id:eq(o.id)))),
    ["IN of a select that refers to the other"] = both:where(o.id:in_(pg.select(a.owner_id):where(a.id:eq(t.id)))),
    ["a scalar subquery"] = both:where(o.id:eq(pg.select(a.owner_id):where(a.id:eq(t.id)):scalar_subquery())),
    ["a lateral subquery's condition"] = pg.select(o.id, lateral.c.id),
    ["a lateral join"] = pg.select(o.id, lateral.c.id):join(lateral, pg.true_()),
    ["a function's argument"] = pg.select(t.id, func.unnest(t.tags):column_valued "tag"),
    ["text, perhaps"] = both:where(pg.text "items.owner_id = owners.id"),
    ["the statement around them"] = pg.select(t.id):where(pg.exists(pg.select(o.id, a.id):where(joined, a.id:eq(t.id)))),
    ["UPDATE's condition"] = pg.update(items):values{ title = o.email }:where(joined),
    ["DELETE's condition"] = pg.delete(items):where(joined, o.active),
  }
  for name, stmt in pairs(cases) do
    it(name, function() assert.are.equal("", apart(stmt)) end)
  end

  it("being one, and then nothing is looked for", function()
    local find = products.find
    local called = 0
    products.find = function(...)
      called = called + 1
      return find(...)
    end
    compiler.compile(pg.select(t.id, t.title):join(owners):where(o.active):order_by(t.id):limit(5))
    compiler.compile(pg.update(items):values{ stock = 1 }:where(t.live))
    tostring(both:limit(7)) -- for reading only
    assert.are.equal(0, called)
    compiler.compile(both:limit(8))
    assert.are.equal(1, called)
    products.find = find
  end)
end)

describe("A warning names FROM elements that are joined by nothing but", function()
  local cases = {
    { "nothing", both, "'items' 'owners' " },
    { "conditions on each", both:where(t.id:eq(1), o.id:eq(2)), "'items' 'owners' " },
    { "a join of others", pg.select(t.id, o.id, a.id):where(joined), "'items' 'owners' 'other' " },
    { "a subquery of one's own", both:where(t.owner_id:in_(pg.select(o.id))), "'items' 'owners' " },
    { "a lateral subquery that needs none", pg.select(o.id, pg.select(a.id):limit(1):lateral("l").c.id), "'owners' 'l' " },
    { "a function of constants", pg.select(t.id, func.generate_series(1, 2):column_valued "n"), "'items' 'n' " },
    { "the statement around", pg.select(pg.select(t.id, o.id:label "o"):subquery("s").c.id), "'items' 'owners' " },
    { "a CTE", pg.select(pg.select(t.id, o.email):cte("c").c.id), "'items' 'owners' " },
    { "EXISTS", pg.select(t.id):where(pg.exists(pg.select(o.id, a.id))), "'owners' 'other' " },
    { "one arm of UNION", pg.select(t.id):union(pg.select(t.id):where(o.active)), "'items' 'owners' " },
    { "using", pg.delete(items):using(owners):where(t.id:eq(1)), "'items' 'owners' " },
    { "what is set", pg.update(items):values{ title = o.email }:where(t.id:eq(1)), "'items' 'owners' " },
    { "INSERT's select", pg.insert(owners):from_select({ "id" }, pg.select(o.id + t.id)), "'owners' 'items' " },
  }
  for _, case in ipairs(cases) do
    it(case[1], function() assert.are.equal(case[3], apart(case[2])) end)
  end
end)

describe("An engine's function warn", function()
  local url, drop, engine, heard
  setup(function()
    url, drop = db.create()
    db.psql("CREATE TABLE items (id bigint, owner_id bigint); CREATE TABLE owners (id bigint)", url)
  end)
  teardown(function() drop() end)
  before_each(function() heard = {} end)
  after_each(function() engine:dispose() end)

  local function connected(options, fn)
    options.warn = function(message) heard[#heard + 1] = message end
    engine = pg.create_engine(url, options)
    engine:connect(fn)
  end

  it("is told of a statement once, however often it is built and run", function()
    connected({}, function(conn)
      for _ = 1, 3 do conn:execute(pg.select(t.id, o.id)) end
      conn:execute(both)
      assert.are.equal("every row of 'items' is combined with every row of 'owners': no condition joins them "
        .. "(if that is meant: :join(x, pg.true_()))\n[SQL: SELECT items.id, owners.id FROM items, owners]", heard[1])
      assert.are.equal(1, #heard)
      conn:execute(both:where(joined))
      conn:execute(pg.select(t.id))
      assert.are.equal(1, #heard)
    end)
  end)

  it("is told of those that stream, run in a pipeline, or feed a cursor", function()
    connected({}, function(conn)
      for _ in conn:execute(both:execution_options{ stream_results = true }) do error "no rows" end
      conn:pipeline(function(pipeline) pipeline:execute(both:limit(1)) end)
      for _ in conn:cursor(both:offset(1)) do error "no rows" end
      assert.are.equal(3, #heard)
    end)
  end)

  it("is told of no such statement if enable_from_linting is false", function()
    connected({ enable_from_linting = false }, function(conn) conn:execute(both) end)
    assert.same({}, heard)
    local _, err = pg.try(pg.create_engine, url, { enable_from_linting = 1 })
    assert.matches("enable_from_linting: expected a boolean, got number", err.message, 1, true)
  end)
end)
