local pg = require "pgvector"
local compiler = require "pgvector.sql.compiler"
local SchemaMap = require "pgvector.sql.schema_map"
local traverse = require "pgvector.sql.traverse"
local assert_sql = require "spec.support.assert_sql"
local tables = require "spec.support.tables"

local t, o = tables.items.c, tables.owners.c
local func = pg.func

-- one of every kind of node, around a column
local around = {
  binary = function(c) return c + 1 end,
  label = function(c) return c:label "x" end,
  ["not"] = function(c) return pg.not_(c:eq(1):and_(c:eq(2))) end,
  ["or"] = function(c) return pg.or_(c:eq(1), c:eq(2), c:eq(3)) end,
  negative = function(c) return -c end,
  between = function(c) return c:between(c, 2) end,
  in_array = function(c) return c:in_{ 1 } end,
  in_list = function(c) return c:in_{ 1, c } end,
  cast = function(c) return c:cast(pg.Text) end,
  coerced = function(c) return c:type_coerce(pg.Text) end,
  collate = function(c) return c:cast(pg.Text):collate "C" end,
  ordering = function(c) return c:desc() end,
  case = function(c) return pg.case{ { c:eq(1), c }, else_ = c } end,
  extract = function(c) return pg.extract("epoch", c) end,
  ["function"] = function(c) return func.coalesce(c, 0) end,
  ordered = function(c) return func.array_agg(c):aggregate_order_by(c) end,
  filter = function(c) return func.count(c):filter(c:gt(1)) end,
  within_group = function(c) return func.percentile_cont(0.5):within_group(c) end,
  over = function(c) return func.sum(c):over{ partition_by = c, order_by = c } end,
  array = function(c) return pg.array{ c, 1 } end,
  subscript = function(c) return pg.array{ c }:at(c) end,
  tuple = function(c) return pg.tuple(c, 1):eq(pg.tuple(1, 2)) end,
  any = function(c) return t.tags:any(c) end,
}

describe("an expression", function()
  for name, build in pairs(around) do
    it(name .. " tells its FROM elements", function()
      local found = {}
      traverse.collect_froms(build(o.id), found)
      assert.is_true(found[tables.owners])
    end)

    it(name .. " is copied with its columns replaced, and stays as it was", function()
      local alias = tables.owners:alias "a"
      local original = build(o.id)
      local before = tostring(original)
      local copy = traverse.replace(original, function(node)
        if rawequal(node, o.id) then return alias.c.id end
      end)
      assert.are.equal((before:gsub("owners%.id", "a.id")), tostring(copy))
      assert.are.equal(before, tostring(original))
    end)

    it(name .. " is shared where nothing is replaced", function()
      local original = build(o.id)
      assert.is_true(rawequal(original, traverse.replace(original, function() end)))
    end)
  end

  it("is copied with what stands in it twice as one: a window, a label", function()
    local w = pg.window("w", { order_by = o.id })
    local label = (o.id + 1):label "n"
    local copy = traverse.replace(pg.tuple(func.rank():over(w), func.row_number():over(w), label, label), function(node)
      if rawequal(node, o.id) then return t.id end
    end)
    local items = copy.items
    assert.is_true(rawequal(items[1].window, items[2].window))
    assert.is_true(rawequal(items[3], items[4]))
    assert.is_false(rawequal(items[3], label))
  end)

  it("is walked from the outside in, subqueries left out", function()
    local names = {}
    traverse.walk(t.id:eq(pg.select(o.id)):and_(t.live), function(node) names[#names + 1] = node.__visit_name end)
    assert.are.same({ "boolean", "binary", "column", "scalar_select", "column" }, names)
  end)

  it("may be a chain of any length, walked in the same order", function()
    local names = {}
    traverse.walk(t.id + o.id - 1 + func.abs(t.stock) * 2, function(node)
      names[#names + 1] = node.name or node.operator and node.operator.name or node.value
    end)
    assert.are.same({ "add", "sub", "add", "id", "id", 1, "mul", "abs", "stock", 2 }, names)
    local sum, nodes, last, found = t.id, 0, 50000, {}
    for i = 1, last do sum = sum + (i == last and o.id or t.stock) end
    traverse.walk(sum, function() nodes = nodes + 1 end)
    assert.are.equal(2 * last + 1, nodes)
    traverse.collect_froms(sum, found)
    assert.are.equal(2, #found)
    assert.is_true(rawequal(tables.items, found[1]))
    local text = tostring(sum)
    assert.are.equal("items.id" .. (" + items.stock"):rep(last - 1) .. " + owners.id", text)
  end)
end)

describe("schema_translate_map", function()
  local app = pg.table("t", "id")
  app.schema = "app"
  local stmt = pg.select(app.c.id, t.id):where(app.c.id:eq(1))
  local function sql(map) return compiler.compile(stmt, { schema_translate_map = map }).sql end

  it("renames schemas, also of columns", function()
    assert_sql(stmt, "SELECT app.t.id, items.id FROM app.t, items WHERE app.t.id = $1", { 1 })
    assert.are.equal("SELECT tenant.t.id, items.id FROM tenant.t, items WHERE tenant.t.id = $1", sql{ app = "tenant" })
  end)

  it("of a connection is compiled with a statement once, however often it is written", function()
    local function map() return SchemaMap.of({ app = "tenant", [""] = "x" }, "spec") end
    local compiled = compiler.compile(stmt, nil, map())
    assert.equal(compiled, compiler.compile(stmt, nil, map()))
    assert.not_equal(compiled, compiler.compile(stmt, nil, SchemaMap.of({ app = "other" }, "spec")))
    assert_sql(stmt, "SELECT app.t.id, items.id FROM app.t, items WHERE app.t.id = $1", { 1 })
    local own = stmt:execution_options{ schema_translate_map = { app = "own" } }
    assert.matches("FROM own.t", compiler.compile(own, nil, map()).sql, 1, true)
  end)

  it("keeps no statement, and no statement keeps it", function()
    local maps = setmetatable({}, { __mode = "v" })
    maps[1] = SchemaMap.of({ app = "soon gone" }, "spec")
    compiler.compile(stmt, nil, maps[1])
    local statements = setmetatable({}, { __mode = "v" })
    local map = SchemaMap.of({ app = "tenant" }, "spec")
    statements[1] = stmt:limit(1)
    compiler.compile(statements[1], nil, map)
    for _ = 1, 2 do collectgarbage() end
    assert.is_nil(maps[1])
    assert.is_nil(statements[1])
    assert.equal("tenant", map:translate "app")
  end)

  it("gives tables without a schema one, or takes it away", function()
    assert.are.equal('SELECT t.id, "My".items.id FROM t, "My".items WHERE t.id = $1', sql{ app = false, [""] = "My" })
  end)
end)
