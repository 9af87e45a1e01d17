-- Defaults that the application makes: values, functions, and what these are told.

local assert_sql = require "spec.support.assert_sql"
local orm_db = require "spec.support.orm_db"
local pg = require "pgvector"

-- "a=1 b=2", of what a default is told
local function told(ctx)
  local list = {}
  for key, value in pairs(ctx.current_parameters) do list[#list + 1] = key .. "=" .. tostring(value) end
  table.sort(list)
  return table.concat(list, " ")
end

describe("a server default", function()
  for _, case in ipairs{
    { pg.JSONB, { a = { 1 } }, [['{"a":[1]}']] }, { pg.ARRAY(pg.Text), {}, "ARRAY[]::TEXT[]" },
    { pg.VECTOR(2), { 0, 1 }, "'[0,1]'" }, { pg.VECTOR(2), pg.vector{ 0, 1 }, "'[0,1]'" },
  } do
    it("may be a table that the type takes: " .. case[3], function()
      local tbl = pg.Table("t", pg.MetaData(), { pg.Column{ "a", case[1], server_default = case[2] } })
      assert.matches(" DEFAULT " .. case[3], tostring(pg.CreateTable(tbl)), 1, true)
    end)
  end
end)

describe("a default", function()
  local calls = 0
  local t = pg.Table("t", pg.MetaData(), {
    pg.Column{ "id", pg.Integer, primary_key = true }, pg.Column{ "a", pg.Integer },
    pg.Column{ "b", pg.Integer, default = function(ctx) return (ctx.current_parameters.a or 0) + 10 end },
    pg.Column{ "c", pg.Text, default = told, onupdate = told },
    pg.Column{ "d", pg.Text, default = function() calls = calls + 1 end },
    pg.Column{ "e", pg.Boolean, default = false },
  })

  it("is there for what is not given, also false, and a function without a result is NULL", function()
    local sql, params = pg.insert(t):values{ a = 1 }:compile()
    assert.equal("INSERT INTO t (a, b, c, d, e) VALUES ($1, $2, $3, $4, $5)", sql)
    assert.same({ 1, 11, "a=1 b=11", nil, false, n = 5 }, params)
    assert_sql(pg.insert(t):values{ b = 1, c = "x", d = "y", e = true },
      "INSERT INTO t (b, c, d, e) VALUES ($1, $2, $3, $4)", { 1, "x", "y", true })
  end)

  it("is called for each row, with that row's values", function()
    calls = 0
    local _, params = pg.insert(t):values{ { a = 1 }, { a = 2, c = "given" }, { a = pg.null, d = "x" } }:compile()
    local rows = {}
    for i = 0, 2 do rows[i + 1] = { params[5 * i + 2], params[5 * i + 3] } end
    assert.same({ { 11, "a=1 b=11" }, { 12, "given" }, { 10, "b=10 d=x" } }, rows)
    assert.equal(2, calls)
  end)

  it("is told no SQL expression, and no NULL", function()
    local _, params = pg.insert(t):values{ a = pg.func.abs(-5), e = pg.null }:compile()
    assert.same({ 10, "b=10" }, { params[2], params[3] })
  end)

  it("is written into SQL text as it is sent", function()
    assert.matches("(7, 17, 'a=7 b=17', NULL, false)", pg.insert(t):values{ a = 7 }:compile{ literal_binds = true }, 1, true)
  end)

  it("of updates counts where a column is not set", function()
    local _, params = pg.update(t):where(t.c.id:eq(1)):values{ a = 3, e = true }:compile()
    assert.equal("a=3 e=true", params[2])
    assert_sql(pg.update(t):where(t.c.id:eq(1)):values{ c = "x" }, "UPDATE t SET c=$1 WHERE t.id = $2", { "x", 1 })
  end)

  it("has a context with one field only", function()
    local wrong = pg.Table("w", pg.MetaData(), {
      pg.Column{ "a", pg.Integer, default = function(ctx) return ctx.parameters end },
    })
    assert.error_matches(function() pg.insert(wrong):values{}:compile() end, "has no 'parameters', only current_parameters")
  end)
end)

describe("a default of a model", function()
  local d, session

  setup(function()
    local turn = 0
    d = orm_db.create(function(Base)
      return {
        Item = Base:model("items", {
          id = pg.Column{ pg.Integer, primary_key = true }, a = pg.Column{ pg.Integer },
          b = pg.Column{ pg.Integer, default = function(ctx) return ctx.current_parameters.a * 2 end },
          seen = pg.Column{ pg.Text, default = told, onupdate = told },
          turn = pg.Column{ pg.Integer, onupdate = function()
            turn = turn + 1
            return turn
          end },
          at = pg.Column{ pg.Integer, onupdate = pg.func.length "abc" },
        }),
      }
    end)
  end)
  teardown(function() d.drop() end)
  before_each(function()
    d.clear()
    session = d.Session()
  end)
  after_each(function() session:close() end)

  it("is told the object's values, and becomes one of them", function()
    local Item = d.models.Item
    local item = Item{ a = 4 }
    session:add(item)
    session:flush()
    assert.same({ 8, "a=4 b=8" }, { item.b, item.seen })
    assert.equal("4|8|a=4 b=8", (function()
      session:commit()
      return d.psql("SELECT a, b, seen FROM items")
    end)())
  end)

  it("for updates replaces what the object has (once the object kept the former value)", function()
    local Item = d.models.Item
    local item = Item{ a = 4, turn = 100, at = 100 }
    session:add(item)
    session:flush()
    for turn = 1, 2 do
      item.a = turn
      session:flush()
      assert.same({ turn, 3 }, { item.turn, item.at })
      assert.matches("a=" .. turn, item.seen, 1, true)
      assert.is_false(session:is_modified(item))
    end
    session:commit()
    assert.same({ 2, 3 }, { item.turn, item.at })
  end)

  it("is the same for several rows in one execution", function()
    session:execute(pg.insert(d.models.Item), { { a = 1 }, { a = 2, b = 0 }, { a = 3 } })
    session:commit()
    assert.equal("1|2|a=1 b=2\n2|0|a=2 b=0\n3|6|a=3 b=6", d.psql("SELECT a, b, seen FROM items ORDER BY a"))
  end)
end)
