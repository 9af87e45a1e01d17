local pg = require "pgvector"
local tokenizer = require "pgvector.sql.tokenizer"
local assert_sql = require "spec.support.assert_sql"
local tables = require "spec.support.tables"

local null = pg.null

local function raises(call, message)
  local ok, err = pcall(call)
  assert.is_false(ok)
  assert(pg.is_error(err, "ArgumentError"), tostring(err))
  assert.matches(message, err.message, 1, true)
end

describe("pg.text finds a parameter", function()
  local cases = {
    { "a = :x", "a = $1" },
    { "a = :x AND b = :x", "a = $1 AND b = $1" },
    { "(:x)", "($1)" },
    { "a=:x", "a=$1" },
    { "a = :x::text", "a = $1::text" },
    { "a = 'it''s' AND b = :x", "a = 'it''s' AND b = $1" },
    { "a = E'it\\'s' AND b = :x", "a = E'it\\'s' AND b = $1" },
    { "a = '\\' AND b = :x", "a = '\\' AND b = $1" },
    { "/* :a /* :b */ :c */ :x", "/* :a /* :b */ :c */ $1" },
    { "a -- :a\n, :x", "a -- :a\n, $1" },
    { "t[:x]", "t[$1]" },
    { "[:x]", "[$1]" },
    { "t[ :x : 3]", "t[ $1 : 3]" },
    { "'%' || :x || '%'", "'%' || $1 || '%'" },
    { "f(:x) % 2", "f($1) % 2" },
  }
  for _, case in ipairs(cases) do
    it("in " .. case[1], function() assert_sql(pg.text(case[1], { x = 5 }), case[2], { 5 }) end)
  end
end)

describe("pg.text finds no parameter", function()
  for _, sql in ipairs{
    "SELECT ':x'", "SELECT 'a'':x'", 'SELECT ":x"', 'SELECT "a"":x"', "SELECT a::x", "SELECT f(a := b)",
    "SELECT a[1:x]", "SELECT a[b:x]", "SELECT a[f(1):x]", "SELECT $$ :x $$", "SELECT $tag$ :x $$ $tag$",
    "SELECT E'\\' :x'", "SELECT e'\\\\'", "SELECT U&':x'", "SELECT B'1:x'", "SELECT 1 -- :x", "SELECT /* :x */ 1",
    "SELECT '{\"a\":1}'", "SELECT '{\"a\":b}'::jsonb", "SELECT a ? 'b'", "SELECT a : b", "SELECT 12:30", "a$x$ :: b",
    "SELECT 'unfinished :x", "SELECT /* unfinished :x", "SELECT $$ unfinished :x", "SELECT \"é:x\"",
    "SELECT $1", "SELECT '%s %d'",
  } do
    it("in " .. sql, function() assert_sql(pg.text(sql), sql) end)
  end
end)

describe("pg.text", function()
  it("writes an escaped colon plainly", function()
    assert_sql(pg.text "SELECT '\\:x', a \\:b", "SELECT '\\:x', a :b")
  end)

  it("takes values with types", function()
    local clause = pg.text("e <-> :q < :d", { q = pg.literal({ 1, 2, 3 }, pg.VECTOR(3)), d = 0.5 })
    assert_sql(clause, "e <-> $1 < $2", { { 1, 2, 3 }, 0.5 })
    local binds = require("pgvector.sql.compiler").compile(clause).binds
    assert.are.equal("VECTOR(3)", tostring(binds[1].type))
    assert.are.equal("q", binds[1].key)
    assert_sql(pg.text("a = :x"):bindparams{ pg.bindparam("x", { type = pg.Integer, value = 3 }) }, "a = $1", { 3 })
    assert_sql(pg.text("a = :x"):bindparams(pg.bindparam("x", { type = pg.Integer, value = 3 })), "a = $1", { 3 })
    assert.error_matches(function() pg.text("a = :x"):bindparams(pg.literal(3)) end,
      "bindparams: argument 1: expected a pg.bindparam, got ColumnElement")
    assert_sql(pg.text("a = :x"):bindparams{ x = null }, "a = $1", { null })
    assert_sql(pg.text("a = :x"):bindparams{ x = false }, "a = $1", { false })
  end)

  it("leaves parameters without a value to the execution", function()
    local compiled = require("pgvector.sql.compiler").compile(pg.text "a = :x")
    assert.is_true(compiled.binds[1].required)
    assert.are.equal("x", compiled.binds[1].key)
  end)

  it("refuses a value for what is not there", function()
    raises(function() pg.text("a = :name", { nam = 1 }) end, "no parameter ':nam' in the SQL, did you mean 'name'?")
    raises(function() pg.text("a = ':name'", { name = 1 }) end, "no parameter ':name'")
    raises(function() pg.text("a = :x", { x = { 1 } }) end, "pg.literal(value, type)")
    raises(function() pg.text(5) end, "expected a string")
    raises(function() pg.text "a\0b" end, "zero byte")
  end)

  it("stands in conditions, in parentheses beside others", function()
    local t = tables.items.c
    assert_sql(pg.select(t.id):where(pg.text("a OR b = :x", { x = 1 })), "SELECT items.id FROM items WHERE a OR b = $1", { 1 })
    assert_sql(pg.select(t.id):where(pg.text("a OR b = :x", { x = 1 }), t.live),
      "SELECT items.id FROM items WHERE (a OR b = $1) AND items.live", { 1 })
  end)

  it("is a subquery once its columns are told", function()
    local sub = pg.text("SELECT a FROM b"):columns{ { "a", pg.Integer } }:subquery "s"
    assert_sql(pg.select(sub.c.a), "SELECT s.a FROM (SELECT a FROM b) AS s")
    raises(function() pg.text("SELECT a FROM b"):subquery() end, "tell its columns first")
    assert_sql(pg.text("SELECT id FROM items"):columns(tables.items.c.id), "SELECT id FROM items")
  end)

  it("takes comments and search parameters as other statements do", function()
    local compiler = require "pgvector.sql.compiler"
    local text = pg.text("SELECT :x", { x = 1 })
    assert_sql(text:comment("route=/x */ ; DROP"):comment "b", "SELECT $1 /* route=/x * / ; DROP */ /* b */", { 1 })
    assert_sql(text, "SELECT $1", { 1 })
    assert_sql(text:comment("a"):bindparams{ x = 2 }, "SELECT $1 /* a */", { 2 })
    raises(function() text:comment(5) end, "comment: expected a string without zero bytes, got number")
    raises(function() text.comment "a" end, "use ':' to call TextClause:comment(), not '.'")
    local set = text:execution_options{ hnsw_ef_search = 77 }
    assert.same({ { name = "hnsw.ef_search", value = 77 } }, { compiler.compile(set).settings[1] })
    local sub = set:columns{ { "a", pg.Integer } }:subquery "s"
    assert.are.equal(77, compiler.compile(pg.select(sub.c.a)).settings[1].value)
    assert.is_nil(compiler.compile(text).settings)
  end)

  it("does not touch what string functions would", function()
    assert_sql(pg.text("a LIKE '%1%%' AND b = :x", { x = "%1" }), "a LIKE '%1%%' AND b = $1", { "%1" })
  end)
end)

describe("the tokenizer counts the statements of", function()
  for _, case in ipairs{
    { "", 0 }, { "  ; ;; ", 0 }, { "-- nothing", 0 }, { "SELECT 1", 1 }, { "SELECT 1;", 1 }, { "SELECT 1; -- end", 1 },
    { "SELECT 1; SELECT 2", 2 }, { "SELECT ';'; SELECT \";\"", 2 }, { "SELECT $$;$$", 1 }, { "SELECT $a$;$$;$a$; x", 2 },
    { "/* ; */ SELECT 1", 1 }, { "SELECT E'\\';'", 1 }, { "SELECT 1 -- ;\n; SELECT 2", 2 },
    { "DO $$ BEGIN PERFORM 1; END $$", 1 },
    { "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 1 END; END; SELECT 2", 2 },
    { "CREATE RULE r AS ON INSERT TO t DO (DELETE FROM a; DELETE FROM b)", 1 },
    { "BEGIN; COMMIT", 2 },
  } do
    it(("%q"):format(case[1]), function() assert.are.equal(case[2], tokenizer.statements(case[1])) end)
  end
end)
