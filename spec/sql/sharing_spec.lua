-- Statements and conditions share their parts with those they were made from,
-- and nothing that is added to one is seen in another.

local pg = require "pgvector"
local tables = require "spec.support.tables"

local items, owners = tables.items, tables.owners
local t = items.c

local select_, update = pg.select(t.id), pg.update(items):values{ stock = 0 }:where(t.live)
local delete, insert = pg.delete(items):where(t.live), pg.insert(owners):values{ { id = 1 }, { id = 2 } }
local cond = t.live:or_(t.id:eq(1)) -- a list of two, so that the next ones are appended

local function condition(name) return t.title:eq(pg.literal_column(name)) end
local function column(name) return pg.literal_column(name) end
local function row(name) return { { email = pg.literal_column(name) } } end

-- what to start from, a method, and what makes its argument out of a name
local cases = {
  { "where", select_, condition }, { "filter", select_, condition }, { "having", select_, condition },
  { "order_by", select_, column }, { "group_by", select_, column }, { "distinct_on", select_, column },
  { "add_columns", select_, column }, { "prefix_with", select_, pg.text }, { "comment", select_, tostring },
  { "join", select_, function(name) return pg.table(name, "a"), pg.true_() end },
  { "select_from", select_, function(name) return pg.table(name, "a") end },
  { "add_cte", select_, function(name) return pg.select(t.id):cte(name) end },
  { "where", update, condition }, { "where", delete, condition }, { "returning", delete, column },
  { "using", delete, function(name) return pg.table(name, "a") end },
  { "values", insert, row }, { "values", update, function(name) return { [name] = pg.literal_column "1" } end,
    { "id", "owner_id", "title", "price", "score", "created" } },
  { "order_by", pg.union(select_, select_), column },
  { "or_", cond, condition }, { "and_", t.live:and_(t.id:eq(1)), condition },
  { "where", pg.exists(select_), condition },
}

local function text(x) return (x:compile{ literal_binds = true }) end

-- The names that occur in a text, of those that were ever given.
local function named(x, names)
  local found, sql = {}, text(x)
  for _, name in ipairs(names) do
    if sql:find("%f[%w_]" .. name .. "%f[^%w_]") then found[#found + 1] = name end
  end
  return table.concat(found, " ")
end

describe("Two made of one by", function()
  for i, case in ipairs(cases) do
    local method, start, argument = case[1], case[2], case[3]
    local names = case[4] or { "aa", "bb", "cc", "dd", "ee", "ff" }
    local aa, bb, cc, dd, ee, ff = names[1], names[2], names[3], names[4], names[5], names[6]
    local function add(x, name) return x[method](x, argument(name)) end

    it(("%s do not see each other (%d)"):format(method, i), function()
      local base = add(add(start, aa), bb)
      local before = text(base)
      local first = add(base, cc)
      local second = add(base, dd)
      local of_first, of_second = add(first, ee), add(second, ff)
      local of_base = add(base, ee) -- after others have grown from it
      assert.are.equal(table.concat({ aa, bb, cc, ee }, " "), named(of_first, names))
      assert.are.equal(table.concat({ aa, bb, dd, ff }, " "), named(of_second, names))
      assert.are.equal(table.concat({ aa, bb, ee }, " "), named(of_base, names))
      assert.are.equal(table.concat({ aa, bb, cc }, " "), named(first, names))
      assert.are.equal(table.concat({ aa, bb, dd }, " "), named(second, names))
      assert.are.equal(before, text(base))
    end)
  end

  it("execution_options and options", function()
    local base = select_:execution_options{ hnsw_ef_search = 50 }
    local more = base:execution_options{ ivfflat_probes = 3 }
    local compiler = require "pgvector.sql.compiler"
    local function settings(stmt)
      local list = {}
      for j, setting in ipairs(compiler.compile(stmt).settings or {}) do list[j] = setting.name end
      return table.concat(list, " ")
    end
    assert.are.equal("hnsw.ef_search", settings(base))
    assert.are.equal("hnsw.ef_search ivfflat.probes", settings(more))
    assert.are.equal("", settings(select_))
  end)

  it("conditions that are compiled in between", function()
    local base = t.id:eq(1):or_(t.id:eq(2))
    local sql = tostring(base)
    for _ = 1, 3 do assert.are.equal(sql .. " OR items.live", tostring(base:or_(t.live))) end
    assert.are.equal(sql, tostring(base))
  end)
end)
