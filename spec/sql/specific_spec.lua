local pg = require "pgvector"
local assert_sql = require "spec.support.assert_sql"
local tables = require "spec.support.tables"

local t, o = tables.items.c, tables.owners.c
local func, null = pg.func, pg.null

local function cases(list)
  for _, case in ipairs(list) do
    it(case[2], function() assert_sql(case[1], case[2], case[3]) end)
  end
end

describe("a distance", function()
  local nearest = pg.select(t.embedding):where(t.id:eq(1))
  cases{
    { t.embedding:l2_distance{ 1, 2, 3 }, "items.embedding <-> $1", { { 1, 2, 3 } } },
    { t.embedding:max_inner_product{ 1, 2, 3 }, "items.embedding <#> $1", { { 1, 2, 3 } } },
    { t.embedding:cosine_distance{ 1, 2, 3 }, "items.embedding <=> $1", { { 1, 2, 3 } } },
    { t.embedding:l1_distance{ 1, 2, 3 }, "items.embedding <+> $1", { { 1, 2, 3 } } },
    { t.bits:hamming_distance "101", "items.bits <~> $1", { "101" } },
    { t.bits:jaccard_distance "101", "items.bits <%> $1", { "101" } },
    { t.half:l2_distance{ 1, 2, 3 }, "items.half <-> $1", { { 1, 2, 3 } } },
    { t.sparse:cosine_distance{ 1, 2, 3 }, "items.sparse <=> $1", { { 1, 2, 3 } } },
    { t.embedding:l2_distance "[1,2,3]", "items.embedding <-> $1", { "[1,2,3]" } },
    { t.embedding:l2_distance(pg.vector{ 1, 2, 3 }), "items.embedding <-> $1", { pg.vector{ 1, 2, 3 } } },
    { t.embedding:l2_distance(null), "items.embedding <-> $1", { null } },
    { t.embedding:l2_distance(t.embedding), "items.embedding <-> items.embedding" },
    { t.embedding:l2_distance(nearest),
      "items.embedding <-> (SELECT items.embedding FROM items WHERE items.id = $1)", { 1 } },
    { t.embedding:l2_distance(nearest:scalar_subquery()),
      "items.embedding <-> (SELECT items.embedding FROM items WHERE items.id = $1)", { 1 } },
    { t.embedding:cast(pg.HALFVEC(3)):l2_distance{ 1, 2, 3 }, "CAST(items.embedding AS HALFVEC(3)) <-> $1", { { 1, 2, 3 } } },
    { func.binary_quantize(t.embedding):cast(pg.BIT(3)):hamming_distance "101",
      "CAST(binary_quantize(items.embedding) AS BIT(3)) <~> $1", { "101" } },
    { func.binary_quantize(t.embedding):hamming_distance(func.binary_quantize(pg.literal({ 1, 2, 3 }, pg.VECTOR(3)))),
      "binary_quantize(items.embedding) <~> binary_quantize($1)", { { 1, 2, 3 } } },
    { func.subvector(t.embedding, 1, 2):l2_distance{ 1, 2 }, "subvector(items.embedding, $1, $2) <-> $3", { 1, 2, { 1, 2 } } },
    { t.embedding:l2_distance{ 1, 2, 3 }:lt(0.5), "items.embedding <-> $1 < $2", { { 1, 2, 3 }, 0.5 } },
    { t.embedding:op("<->"){ 1, 2, 3 }, "items.embedding <-> $1", { { 1, 2, 3 } } },
    { pg.bindparam("q", pg.VECTOR(3)):l2_distance(t.embedding), "$1 <-> items.embedding", { nil, n = 1 } },
  }

  it("is a float8", function()
    local distance = t.embedding:l2_distance{ 1, 2, 3 }
    assert.are.equal(pg.Double, distance.type)
    assert.are.equal(pg.Double, distance:lt(1).right.type)
    assert.are.equal(pg.Double, t.embedding:op("<->")("[1,2,3]").type)
  end)

  it("sends the other vector with the column's type", function()
    assert.are.equal("VECTOR(3)", tostring(t.embedding:l2_distance{ 1, 2, 3 }.right.type))
    assert.are.equal("HALFVEC(3)", tostring(t.embedding:cast(pg.HALFVEC(3)):l2_distance{ 1, 2, 3 }.right.type))
    assert.are.equal("VECTOR", tostring(func.subvector(t.embedding, 1, 2):l2_distance{ 1, 2 }.right.type))
    assert.are.equal("BIT(3)", tostring(func.binary_quantize(t.embedding):hamming_distance("101").right.type))
    assert.are.equal("VECTOR(3)", tostring(t.embedding:l2_distance(pg.bindparam "q").right.type))
  end)

  it("is one parameter wherever the same expression stands", function()
    local d = t.embedding:cosine_distance{ 1, 2, 3 }
    assert_sql(pg.select(t.id, d:label "distance"):where(d:lt(0.5)):order_by(d):limit(5),
      "SELECT items.id, items.embedding <=> $1 AS distance FROM items WHERE items.embedding <=> $1 < $2 "
        .. "ORDER BY items.embedding <=> $1 LIMIT $3", { { 1, 2, 3 }, 0.5, 5 })
  end)

  it("exists only for vectors, or for bit strings", function()
    for _, column in ipairs{ t.title, t.id, t.bits, t.meta, t.tags, t.search } do
      assert.has_error(function() column:l2_distance{ 1 } end)
    end
    assert.has_error(function() t.embedding:hamming_distance "101" end)
    local err = select(2, pcall(t.title.l2_distance, t.title, { 1 }))
    assert.is_true(pg.is_error(err, "ArgumentError"))
    assert.matches("items%.title has type TEXT", err.message)
  end)

  it("needs another vector", function()
    local err = select(2, pcall(t.embedding.l2_distance, t.embedding))
    assert.matches("l2_distance%(nil%)", err.message)
  end)
end)

describe("vector arithmetic", function()
  cases{
    { t.embedding + { 1, 2, 3 }, "items.embedding + $1", { { 1, 2, 3 } } },
    { t.embedding - t.embedding, "items.embedding - items.embedding" },
    { t.embedding * "[1,2,3]", "items.embedding * $1", { "[1,2,3]" } },
    { t.embedding .. { 4 }, "items.embedding || $1", { { 4 } } },
    { pg.avg(t.embedding), "avg(items.embedding)" },
    { pg.sum(t.half), "sum(items.half)" },
    { func.l2_normalize(t.embedding), "l2_normalize(items.embedding)" },
  }

  local function type_of(e) return tostring(e.type) end

  it("keeps the type", function()
    assert.are.equal("VECTOR(3)", type_of(t.embedding + { 1, 2, 3 }))
    assert.are.equal("VECTOR(3)", type_of(pg.avg(t.embedding)))
    assert.are.equal("HALFVEC(3)", type_of(pg.sum(t.half)))
    assert.are.equal("VECTOR(3)", type_of(func.l2_normalize(t.embedding)))
    assert.are.equal("SPARSEVEC(3)", type_of(func.l2_normalize(t.sparse)))
    assert.are.equal("HALFVEC", type_of(func.subvector(t.half, 1, 2)))
    assert.are.equal("BIT(3)", type_of(func.binary_quantize(t.embedding)))
    assert.are.equal("VECTOR(3)", type_of(func.max(t.embedding)))
    assert.are.equal("VECTOR(3)", type_of(func.coalesce(t.embedding, { 1, 2, 3 })))
    assert.are.equal("VECTOR(3)[]", type_of(func.array_agg(t.embedding)))
  end)

  it("forgets the dimensions where two are put together", function()
    assert.are.equal("VECTOR", type_of(t.embedding .. t.embedding))
  end)

  it("lets distances follow", function()
    assert_sql(pg.avg(t.embedding):l2_distance{ 1, 2, 3 }, "avg(items.embedding) <-> $1", { { 1, 2, 3 } })
    assert_sql((t.embedding + t.embedding):l2_distance{ 1, 2, 3 }, "items.embedding + items.embedding <-> $1",
      { { 1, 2, 3 } })
  end)

  it("gives plain arguments of distance functions the vector's type", function()
    local call = func.l2_distance(t.embedding, { 1, 2, 3 })
    assert_sql(call, "l2_distance(items.embedding, $1)", { { 1, 2, 3 } })
    assert.are.equal("VECTOR(3)", tostring(call.args[2].type))
    assert.are.equal(pg.Double, call.type)
  end)
end)

describe("JSON", function()
  local m = t.meta
  cases{
    { m:get("a"), "items.meta -> $1", { "a" } },
    { m:get(0), "items.meta -> $1", { 0 } },
    { m:get_text("a"), "items.meta ->> $1", { "a" } },
    { m:get(t.title), "items.meta -> items.title" },
    { m:path{ "a", 1 }, "items.meta #> $1", { { "a", "1" } } },
    { m:path_text{ "a", "b" }, "items.meta #>> $1", { { "a", "b" } } },
    { m:delete_path{ "a" }, "items.meta #- $1", { { "a" } } },
    { m:contains{ a = 1 }, "items.meta @> $1", { { a = 1 } } },
    { m:contained_by{ a = 1 }, "items.meta <@ $1", { { a = 1 } } },
    { m:has_key "a", "items.meta ? $1", { "a" } },
    { m:has_any{ "a", "b" }, "items.meta ?| $1", { { "a", "b" } } },
    { m:has_all{ "a", "b" }, "items.meta ?& $1", { { "a", "b" } } },
    { m:path_exists "$.a", "items.meta @? $1", { "$.a" } },
    { m:path_match "$.a > 1", "items.meta @@ $1", { "$.a > 1" } },
    { m .. { b = 2 }, "items.meta || $1", { { b = 2 } } },
    { m - "a", "items.meta - $1", { "a" } },
    { m - 1, "items.meta - $1", { 1 } },
    { m - { "a", "b" }, "items.meta - $1", { { "a", "b" } } },
    { m:set({ "a", 1 }, { x = true }), "jsonb_set(items.meta, $1, $2)", { { "a", "1" }, { x = true } } },
    { m:get_text("n"):cast(pg.Integer):gt(5), "CAST(items.meta ->> $1 AS INTEGER) > $2", { "n", 5 } },
    { m:get("lang"):eq("en"), "items.meta -> $1 = $2", { "lang", "en" } },
    { m:get_text("lang"):in_{ "en", "fr" }, "items.meta ->> $1 = ANY($2)", { "lang", { "en", "fr" } } },
  }

  it("types its operands: a key is text, an index an integer, a path text[]", function()
    local function right(e) return tostring(e.right.type) end
    assert.are.equal("TEXT", right(m:get "a"))
    assert.are.equal("INTEGER", right(m:get(1)))
    assert.are.equal("TEXT[]", right(m:path{ "a" }))
    assert.are.equal("TEXT[]", right(m:has_any{ "a" }))
    assert.are.equal("TEXT", right(m:has_key "a"))
    assert.are.equal("JSONB", right(m:contains{}))
    assert.are.equal("INTEGER", right(m - 1))
    assert.are.equal("TEXT", right(m - "a"))
    assert.are.equal("TEXT", right(m:op("->>") "a"))
    assert.are.equal("TEXT[]", right(m:op("?|"){ "a" }))
  end)

  it("types its results", function()
    assert.are.equal("JSONB", tostring(m:get("a").type))
    assert.are.equal("TEXT", tostring(m:get_text("a").type))
    assert.are.equal("TEXT", tostring(m:path_text{ "a" }.type))
    assert.are.equal("BOOLEAN", tostring(m:has_key("a").type))
    assert.are.equal("TEXT", tostring(m:op("->>")("a").type))
  end)

  for name, call in pairs{
    ["a text column"] = function() t.title:get "a" end,
    ["a fraction as index"] = function() m:get(1.5) end,
    ["a nil key"] = function() m:get(nil) end,
    ["an empty path"] = function() m:path{} end,
    ["a boolean in a path"] = function() m:path{ true } end,
    ["LIKE on a document"] = function() m:startswith "a" end,
  } do
    it("refuses " .. name, function()
      local ok, err = pcall(call)
      assert.is_false(ok)
      assert.is_true(pg.is_error(err, "ArgumentError"))
    end)
  end
end)

describe("an array", function()
  cases{
    { t.tags:any("a"), "$1 = ANY(items.tags)", { "a" } },
    { t.tags:all("a"), "$1 = ALL(items.tags)", { "a" } },
    { t.tags:any("a", "LIKE"), "$1 LIKE ANY(items.tags)", { "a" } },
    { t.tags:any("a", "<"), "$1 < ANY(items.tags)", { "a" } },
    { t.tags:any(o.email), "owners.email = ANY(items.tags)" },
    { t.tags:contains{ "a" }, "items.tags @> $1", { { "a" } } },
    { t.tags:contained_by{ "a" }, "items.tags <@ $1", { { "a" } } },
    { t.tags:overlap{ "a", "b" }, "items.tags && $1", { { "a", "b" } } },
    { t.tags .. { "x" }, "items.tags || $1", { { "x" } } },
    { t.tags:at(1), "items.tags[$1]", { 1 } },
    { t.tags:at(1):eq("x"), "items.tags[$1] = $2", { 1, "x" } },
    { t.tags:slice(1, 2), "items.tags[$1:$2]", { 1, 2 } },
    { pg.array{ t.title, "x" }, "ARRAY[items.title, $1]", { "x" } },
    { pg.array({}, pg.Text), "ARRAY[]::TEXT[]" },
    { func.array_agg(t.title), "array_agg(items.title)" },
  }

  it("types its elements", function()
    assert.are.equal("TEXT", tostring(t.tags:at(1).type))
    assert.are.equal("TEXT[]", tostring(t.tags:slice(1, 2).type))
    assert.are.equal("TEXT", tostring(t.tags:any("a").left.type))
    assert.are.equal("TEXT[]", tostring(pg.array{ t.title }.type))
    assert.are.equal("TEXT[]", tostring(func.array_agg(t.title).type))
  end)

  it("refuses a comparison that is none", function()
    assert.has_error(function() t.tags:any("a", "; DROP TABLE items") end)
  end)
end)

describe("full text", function()
  local q = func.websearch_to_tsquery("english", "a or b")
  cases{
    { t.search:match "words", "items.search @@ plainto_tsquery($1)", { "words" } },
    { t.search:match("words", { config = "english" }), "items.search @@ plainto_tsquery($1, $2)", { "english", "words" } },
    { t.search:match(q), "items.search @@ websearch_to_tsquery($1, $2)", { "english", "a or b" } },
    { t.title:match "words", "items.title @@ plainto_tsquery($1)", { "words" } },
    { t.title:match("words", { config = "english" }),
      "to_tsvector($1, items.title) @@ plainto_tsquery($1, $2)", { "english", "words" } },
    { func.to_tsvector("english", t.title):match(q),
      "to_tsvector($1, items.title) @@ websearch_to_tsquery($2, $3)", { "english", "english", "a or b" } },
    { t.search:op("@@") "a & b", "items.search @@ $1", { "a & b" } },
    { func.ts_rank_cd(t.search, q):desc(), "ts_rank_cd(items.search, websearch_to_tsquery($1, $2)) DESC",
      { "english", "a or b" } },
  }

  it("sends a query as tsquery, a configuration as regconfig", function()
    assert.are.equal("TSQUERY", tostring(t.search:op("@@")("a & b").right.type))
    assert.are.equal("REGCONFIG", tostring(t.search:match("w", { config = "english" }).right.args[1].type))
  end)

  it("is refused where there is no text", function()
    assert.has_error(function() t.id:match "x" end)
    assert.has_error(function() t.search:match(nil) end)
  end)
end)

describe("a vector before an operator", function()
  -- Lua asks the left operand first, which refused what is no vector
  local v = pg.vector{ 1, 2, 3 }
  local each = {
    { v + t.embedding, "$1 + items.embedding" }, { v - t.embedding, "$1 - items.embedding" },
    { v * t.embedding, "$1 * items.embedding" }, { v .. t.embedding, "$1 || items.embedding" },
    { pg.halfvec(v) + t.half, "$1 + items.half" },
  }
  for _, case in ipairs(each) do
    it("leaves it to the column: " .. case[2], function()
      assert_sql(case[1], case[2], { case[2]:find "half" and pg.halfvec(v) or v })
    end)
  end

  it("still refuses what is neither", function()
    assert.has_error(function() return v + {} end)
    assert.has_error(function() return v + true end)
  end)
end)
