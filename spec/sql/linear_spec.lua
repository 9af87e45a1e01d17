-- The work of building and compiling grows with the number of terms, not with
-- its square. Work is counted in instructions of the virtual machine, which
-- does not depend on how busy the machine is.

local pg = require "pgvector"
local tables = require "spec.support.tables"

local t = tables.items.c
local unpack = table.unpack or unpack -- luacheck: ignore 143 113
local jit = rawget(_G, "jit")

-- Hooks count in the interpreter only, so LuaJIT's compiler is off meanwhile.
local function work(fn, n)
  local count = 0
  if jit then
    jit.off()
    jit.flush()
  end
  debug.sethook(function() count = count + 1 end, "", 100)
  local ok, err = pcall(fn, n)
  debug.sethook()
  if jit then jit.on() end
  assert(ok, err)
  return count
end

local function chain(method, n)
  local condition = t.id:eq(0)
  for i = 1, n do condition = condition[method](condition, t.id:eq(i)) end
  return condition
end

local function list(n, make)
  local items = {}
  for i = 1, n do items[i] = make(i) end
  return items
end

-- A statement made by n calls of a method.
local function calls(statement, method, n, argument)
  for i = 1, n do statement = statement[method](statement, argument(i)) end
  return statement
end

local function plus(i) return t.stock + i end
local function condition(i) return t.id:eq(i) end

local cases = {
  ["a chain of or_"] = function(n) pg.select(t.id):where(chain("or_", n)):compile() end,
  ["a chain of and_"] = function(n) pg.select(t.id):where(chain("and_", n)):compile() end,
  ["a chain of +"] = function(n)
    local sum = t.id
    for _ = 1, n do sum = sum + t.stock end
    pg.select(t.id):where(sum:gt(1)):compile()
  end,
  ["a list of values"] = function(n) pg.select(t.id):where(t.id:in_(list(n, function(i) return i end))):compile() end,
  ["a list of expressions"] = function(n) pg.select(t.id):where(t.id:in_(list(n, function() return t.stock end))):compile() end,
  ["rows to insert"] = function(n) pg.insert(tables.owners):values(list(n, function(i) return { id = i, email = "x" } end)):compile() end,
  ["rows of VALUES"] = function(n) pg.select(pg.values({ "a" }, list(n, function(i) return { i } end), "v")):compile() end,
  ["branches of CASE"] = function(n)
    pg.case(list(n, function(i) return { t.id:eq(i), i } end)):compile()
  end,
  ["anonymous columns"] = function(n)
    -- as many as a call takes arguments
    local stmt, at = pg.select(t.id), 0
    while at < n do
      local more = math.min(5000, n - at)
      stmt, at = stmt:add_columns(unpack(list(more, function() return t.stock + 1 end))), at + more
    end
    stmt:compile()
  end,
  ["calls of where"] = function(n) calls(pg.select(t.id), "where", n, condition):compile() end,
  ["calls of where of an update"] = function(n)
    calls(pg.update(tables.items):values{ stock = 1 }, "where", n, condition):compile()
  end,
  ["calls of having"] = function(n) calls(pg.select(t.id), "having", n, condition):compile() end,
  ["calls of order_by"] = function(n) calls(pg.select(t.id), "order_by", n, plus):compile() end,
  ["calls of group_by"] = function(n) calls(pg.select(t.id), "group_by", n, plus):compile() end,
  ["calls of distinct_on"] = function(n) calls(pg.select(t.id), "distinct_on", n, plus):compile() end,
  ["calls of add_columns"] = function(n) calls(pg.select(t.id), "add_columns", n, plus):compile() end,
  ["calls of returning"] = function(n)
    calls(pg.delete(tables.items):where(t.live), "returning", n, plus):compile()
  end,
  ["calls of values with rows"] = function(n)
    calls(pg.insert(tables.owners), "values", n, function(i) return { { id = i }, { id = -i } } end):compile()
  end,
  ["calls of values with one row"] = function(n)
    calls(pg.insert(tables.owners), "values", n, function(i) return { id = i } end):compile()
  end,
  ["constants in the text"] = function(n)
    pg.select(t.id):where(chain("or_", n)):compile{ literal_binds = true }
  end,
}

describe("The work of compiling grows linearly with", function()
  for name, fn in pairs(cases) do
    it(name, function()
      fn(10) -- what happens once only
      local hundred, thousand, ten_thousand = work(fn, 100), work(fn, 1000), work(fn, 10000)
      assert.is_true(hundred > 0)
      assert.is_true(thousand < 12 * hundred, ("%d for 100, %d for 1,000"):format(hundred, thousand))
      assert.is_true(ten_thousand < 12 * thousand, ("%d for 1,000, %d for 10,000"):format(thousand, ten_thousand))
    end)
  end
end)
