-- Every place that takes a string: it is bound, quoted, or refused.

local pg = require "pgvector"
local tables = require "spec.support.tables"

local items, owners = tables.items, tables.owners
local t = items.c
local func = pg.func
local s = pg.select(t.id)

local evil = 'x"; DROP TABLE items; --'
local quoted = '"x""; DROP TABLE items; --"'

local function sql_of(stmt) return (stmt:compile()) end

describe("a string is bound", function()
  for name, stmt in pairs{
    eq = t.title:eq(evil), like = t.title:like(evil), contains = t.title:contains(evil), in_ = t.title:in_{ evil },
    between = t.title:between(evil, evil), concat = t.title .. evil, json = t.meta:get(evil), path = t.meta:path{ evil },
    has_key = t.meta:has_key(evil), any = t.tags:any(evil), match = t.search:match(evil, { config = evil }),
    distance = t.embedding:l2_distance(evil), arguments = func.lower(evil), literal = pg.literal(evil),
    case = pg.case{ { t.live, evil }, else_ = evil }, regexp = t.title:regexp_match(evil),
    op = t.title:op("@@")(evil), array = pg.array{ evil }, filter_by = s:filter_by{ title = evil },
    insert = pg.insert(owners):values{ email = evil }, update = pg.update(owners):values{ email = evil }:all_rows(),
    values = pg.select(pg.values({ "a" }, { { evil } }, "v")), text = pg.text(":x", { x = evil }),
    escape = t.title:like("x", { escape = "'" }),
  } do
    it("by " .. name, function() assert.is_nil(sql_of(stmt):find("DROP", 1, true)) end)
  end
end)

describe("a name is quoted", function()
  for name, stmt in pairs{
    table = pg.select(pg.table(evil, "a").c.a), column = pg.select(pg.table("x", evil)), label = pg.select(t.id:label(evil)),
    alias = pg.select(items:alias(evil).c.id), subquery = pg.select(s:subquery(evil).c.id), cte = pg.select(s:cte(evil).c.id),
    collation = t.title:collate(evil), ["function"] = func[evil](), ["function's schema"] = func[evil].f(),
    constraint = pg.insert(owners):values{ id = 1 }:on_conflict_do_nothing{ constraint = evil },
    ["VALUES"] = pg.select(pg.values({ evil }, { { 1 } }, "v")), ["table function"] = pg.select(func.f():table_valued(evil)),
    ["column of text"] = pg.select(pg.text("SELECT 1"):columns{ { evil, pg.Integer } }:subquery("s")),
  } do
    it("as a " .. name, function()
      local sql = sql_of(stmt)
      assert.is_truthy(sql:find(quoted, 1, true))
      assert.is_nil(sql:gsub(quoted:gsub("%p", "%%%0"), ""):find("DROP", 1, true))
    end)
  end

  it("unless it is plain and no key word", function()
    local cases = {
      plain = "plain", with_1 = "with_1", ["dollar$"] = "dollar$", order = '"order"', user = '"user"', select = '"select"',
      time = '"time"', values = '"values"', content = "content", name = "name", Mixed = '"Mixed"', ["1a"] = '"1a"',
      ["$a"] = '"$a"', ["a b"] = '"a b"', ["a.b"] = '"a.b"', ["a%b"] = '"a%b"', ["a:b"] = '"a:b"', ["a?"] = '"a?"',
      ["é"] = '"é"', ['a"b'] = '"a""b"', ["a-b"] = '"a-b"',
    }
    for name, expected in pairs(cases) do
      assert.are.equal("SELECT t." .. expected .. " FROM t", sql_of(pg.select(pg.table("t", name))))
    end
  end)

  it("with its schema apart from it", function()
    local identifiers = require "pgvector.sql.compiler.identifiers"
    assert.are.equal('app."a.b"', identifiers.qualified("app", "a.b"))
    assert.are.equal('"App"."order"', identifiers.qualified("App", "order"))
    assert.are.equal("t", identifiers.qualified(nil, "t"))
  end)
end)

describe("a name is refused", function()
  local identifiers = require "pgvector.sql.compiler.identifiers"
  for what, name in pairs{ empty = "", ["with a zero byte"] = "a\0b", ["of 64 bytes"] = ("x"):rep(64), ["a number"] = 5 } do
    it("if it is " .. what, function()
      local ok, err = pcall(identifiers.quote, name)
      assert.is_false(ok)
      assert.is_true(pg.is_error(err, "ArgumentError"))
    end)
  end

  it("is cut at 63 bytes, at a whole character and with a hash, where it is generated", function()
    local long = ("é"):rep(40)
    local cut = identifiers.truncate(long)
    assert.is_true(#cut <= 63)
    assert.matches("^[^\128-\191].*é_%x%x%x%x%x%x%x%x$", cut)
    assert.are.equal(cut, identifiers.truncate(long))
    assert.are_not.equal(cut, identifiers.truncate(long .. "x"))
    assert.are.equal(("x"):rep(63), identifiers.truncate(("x"):rep(63)))
  end)
end)

describe("a key word of SQL is refused unless it is known", function()
  for name, call in pairs{
    ["an operator"] = function() t.id:op "= 1; DROP TABLE items" end,
    ["an operator with a comment"] = function() t.id:op "+--" end,
    ["an operator with a block comment"] = function() t.id:op "/*" end,
    ["an operator of nothing"] = function() t.id:op "" end,
    ["a quantified comparison"] = function() t.tags:any("x", "= 1 --") end,
    ["a field of EXTRACT"] = function() pg.extract("year FROM now()); --", t.created) end,
    ["what a window excludes"] = function() func.rank():over{ rows = { 0, 0 }, exclude = "ties); --" } end,
    ["a prefix"] = function() s:prefix_with "1; --" end,
    ["a prefix that ends its comment"] = function() s:prefix_with "/* */ 1; /* */" end,
    ["a type"] = function() pg.Type "int); DROP TABLE items; --" end,
    ["a type with a quote"] = function() pg.Type "int'" end,
    ["a type with a comment"] = function() pg.Type "int --" end,
    ["flags of a regular expression"] = function() t.title:regexp_match("x", { flags = "i)" }) end,
    ["a direction"] = function() s:order_by("id; DROP TABLE items"):compile() end,
  } do
    it("for " .. name, function()
      local ok, err = pcall(call)
      assert.is_false(ok)
      assert.is_true(pg.is_error(err, "ArgumentError"), tostring(err))
    end)
  end
end)

describe("a constant in SQL text", function()
  local function literal(expr) return (expr:compile{ literal_binds = true }) end
  local cases = {
    { t.title:eq "it's", "items.title = 'it''s'" },
    { t.title:eq "a\\b", "items.title = 'a\\b'" },
    { t.title:eq "a\nb%s$1", "items.title = 'a\nb%s$1'" },
    { t.title:eq(evil .. "'"), "items.title = 'x\"; DROP TABLE items; --'''" },
    { t.id:eq(5), "items.id = 5" },
    { t.id - -1, "items.id - (-1)" },
    { -pg.literal(-1), "-(-1)" },
    { pg.literal(5) - -1, "5 - (-1)" },
    { pg.select(pg.literal(-5, pg.BigInteger)), "SELECT (-5)::BIGINT AS anon_1" },
    { pg.select(pg.literal("x", pg.String(5)), pg.literal("y", pg.Text), pg.literal(true), pg.literal(1.5)),
      "SELECT 'x'::VARCHAR AS anon_1, 'y' AS anon_2, true AS anon_3, 1.5::DOUBLE PRECISION AS anon_4" },
    { pg.column("r", pg.Real):lt(0.1), "r < '0.1'" },
    { pg.literal("a_b"):like("a/_b", { escape = "/" }), "'a_b' LIKE 'a/_b' ESCAPE '/'" },
    { pg.case{ { t.live, pg.vector{ 1 } }, else_ = pg.null }, "CASE WHEN items.live THEN '[1]'::VECTOR ELSE NULL::VECTOR END" },
    { t.score:lt(0.1), "items.score < 0.1" },
    { t.score:lt(1 / 3), "items.score < 0.3333333333333333" },
    { t.score:lt(1e300), "items.score < 1e+300" },
    { t.score:lt(1 / 0), "items.score < 'Infinity'" },
    { t.score:eq(-1 / 0), "items.score = ('-Infinity')" },
    { t.live:eq(true), "items.live = true" },
    { t.meta:contains{ a = "it's" }, "items.meta @> '{\"a\":\"it''s\"}'" },
    { t.tags:overlap{ "a'b", pg.null }, "items.tags && ARRAY['a''b', NULL]::TEXT[]" },
    { t.id:in_{ 1, 2 }, "items.id = ANY(ARRAY[1, 2]::BIGINT[])" },
    { t.id:in_{}, "items.id = ANY(ARRAY[]::BIGINT[])" },
    { t.embedding:l2_distance{ 1, 2, 3 }, "items.embedding <-> '[1,2,3]'" },
    { t.embedding:l2_distance "[1, 2, 3]", "items.embedding <-> '[1,2,3]'" },
    { t.sparse:l2_distance{ 1, 0, 3 }, "items.sparse <-> '{1:1,3:3}/3'" },
    { t.bits:hamming_distance "101", "items.bits <~> '101'" },
    { t.created:lt(0), "items.created < '1970-01-01 00:00:00+00'" },
    { t.created + "1 day", "items.created + INTERVAL '1 day'" },
    { t.title:eq(pg.null), "items.title IS NULL" },
    { func.binary_quantize(pg.literal({ 1, 2, 3 }, pg.VECTOR(3))), "binary_quantize('[1,2,3]'::VECTOR(3))" },
  }
  for _, case in ipairs(cases) do
    it(case[2], function() assert.are.equal(case[2], literal(case[1])) end)
  end

  it("refuses what cannot be one", function()
    assert.has_error(function() literal(t.title:eq "a\0b") end)
    assert.has_error(function() literal(t.embedding:l2_distance "[1,2,3]'; DROP TABLE items; --") end)
    assert.has_error(function() literal(t.embedding:l2_distance{ 1, 2 }) end)
    assert.has_error(function() literal(t.id:eq "1; DROP TABLE items") end)
    assert.has_error(function() literal(t.id:eq(pg.bindparam "x")) end)
  end)

  it("is the same whatever the locale's decimal point", function()
    local before = os.setlocale(nil, "numeric")
    for _, locale in ipairs{ "de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE" } do
      if os.setlocale(locale, "numeric") then break end
    end
    local sql = literal(t.score:lt(1.5))
    os.setlocale(before, "numeric")
    assert.are.equal("items.score < 1.5", sql)
  end)
end)
