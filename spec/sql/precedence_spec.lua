local pg = require "pgvector"
local assert_sql = require "spec.support.assert_sql"
local tables = require "spec.support.tables"

local t = tables.items.c
local a, b, c = t.id, t.owner_id, t.stock
local x, y, z = t.id:eq(1), t.live, t.title:like("q")
local e, q = t.embedding, t.embedding

describe("parentheses follow the expression's tree:", function()
  local cases = {
    -- arithmetic
    { (a + 5) * 6, "(items.id + $1) * $2", { 5, 6 } },
    { a + b * c, "items.id + items.owner_id * items.stock" },
    { a - (b - c), "items.id - (items.owner_id - items.stock)" },
    { a - b - c, "items.id - items.owner_id - items.stock" },
    { a + (b + c), "items.id + (items.owner_id + items.stock)" },
    { t.score / (t.score * t.score), "items.score / (items.score * items.score)" },
    { t.score / t.score / t.score, "items.score / items.score / items.score" },
    { -a + b, "-items.id + items.owner_id" },
    { -(a + b), "-(items.id + items.owner_id)" },
    { -(-a), "-(-items.id)" },
    { a - -b, "items.id - -items.owner_id" },
    { (-a) ^ b, "-items.id ^ items.owner_id" },
    { -(a ^ b), "-(items.id ^ items.owner_id)" },
    { a ^ b ^ c, "items.id ^ (items.owner_id ^ items.stock)" },
    { (a ^ b) ^ c, "items.id ^ items.owner_id ^ items.stock" },
    { a % b * c, "items.id % items.owner_id * items.stock" },
    { a * (b % c), "items.id * (items.owner_id % items.stock)" },
    -- other operators bind looser than + and -
    { t.title .. t.title .. "x", "items.title || (items.title || $1)", { "x" } },
    { (t.title .. t.title) .. "x", "items.title || items.title || $1", { "x" } },
    { 1 - e:cosine_distance(q), "$1 - (items.embedding <=> items.embedding)", { 1 } },
    { e:cosine_distance(q) + 1, "(items.embedding <=> items.embedding) + $1", { 1 } },
    { e:cosine_distance(q):lt(0.5), "items.embedding <=> items.embedding < $1", { 0.5 } },
    { (e + q):cosine_distance(q - e), "items.embedding + items.embedding <=> items.embedding - items.embedding" },
    { e:l2_distance(q) * e:l1_distance(q),
      "(items.embedding <-> items.embedding) * (items.embedding <+> items.embedding)" },
    { t.meta:get("a"):get("b"):get_text(1):eq("x"), "items.meta -> $1 -> $2 ->> $3 = $4", { "a", "b", 1, "x" } },
    { t.meta:get(pg.func.lower("A") .. "b"), "items.meta -> (lower($1) || $2)", { "A", "b" } },
    { t.meta:get_text("n"):cast(pg.Integer) + 1, "CAST(items.meta ->> $1 AS INTEGER) + $2", { "n", 1 } },
    -- comparisons do not chain
    { a:eq(b):eq(c:eq(1)), "(items.id = items.owner_id) = (items.stock = $1)", { 1 } },
    { a:lt(b):eq(true), "(items.id < items.owner_id) = $1", { true } },
    { a:eq(b):is_null(), "(items.id = items.owner_id) IS NULL" },
    { a:is_null():is_null(), "(items.id IS NULL) IS NULL" },
    { a:is_null():eq(true), "(items.id IS NULL) = $1", { true } },
    { (a + 1):is_null(), "items.id + $1 IS NULL", { 1 } },
    { pg.and_(x, y):is_(true), "(items.id = $1 AND items.live) IS true", { 1 } },
    { y:not_():eq(true), "(NOT items.live) = $1", { true } },
    { pg.not_(y:eq(true)), "items.live != $1", { true } },
    { pg.not_(pg.not_(y):eq(true)), "(NOT items.live) != $1", { true } },
    { (a + b):between(c - 1, c + 1), "items.id + items.owner_id BETWEEN items.stock - $1 AND items.stock + $2", { 1, 1 } },
    { a:eq(b):between(true, false), "(items.id = items.owner_id) BETWEEN $1 AND $2", { true, false } },
    { y:between(a:eq(1), pg.or_(x, y)), "items.live BETWEEN (items.id = $1) AND (items.id = $2 OR items.live)", { 1, 1 } },
    { (a + b):in_{ 1 }, "items.id + items.owner_id = ANY($1)", { { 1 } } },
    { a:in_{ 1 }:eq(true), "(items.id = ANY($1)) = $2", { { 1 }, true } },
    { a:between(1, 2):eq(true), "(items.id BETWEEN $1 AND $2) = $3", { 1, 2, true } },
    { (t.title .. "x"):like("y" .. t.title), "items.title || $1 LIKE $2 || items.title", { "x", "y" } },
    { z:eq(true), "(items.title LIKE $1) = $2", { "q", true } },
    { t.title:collate("C"):lt("x"), 'items.title COLLATE "C" < $1', { "x" } },
    { (t.title .. "x"):collate("C"), '(items.title || $1) COLLATE "C"', { "x" } },
    { t.title:collate("C") .. "x", 'items.title COLLATE "C" || $1', { "x" } },
    { t.created:op("AT TIME ZONE")("UTC"):eq(t.created), "items.created AT TIME ZONE $1 = items.created", { "UTC" } },
    { (t.created - t.created):op("AT TIME ZONE")("UTC"), "(items.created - items.created) AT TIME ZONE $1", { "UTC" } },
    -- AND, OR, NOT
    { pg.and_(pg.or_(x, y), z), "(items.id = $1 OR items.live) AND items.title LIKE $2", { 1, "q" } },
    { pg.or_(pg.and_(x, y), z), "items.id = $1 AND items.live OR items.title LIKE $2", { 1, "q" } },
    { pg.not_(pg.or_(x, y)):and_(z), "NOT (items.id = $1 OR items.live) AND items.title LIKE $2", { 1, "q" } },
    { pg.and_(x, pg.not_(pg.and_(y, z))), "items.id = $1 AND NOT (items.live AND items.title LIKE $2)", { 1, "q" } },
    { pg.and_(pg.not_(y), pg.not_(x)), "NOT items.live AND items.id != $1", { 1 } },
    { pg.and_(x, pg.or_(y, pg.and_(z, pg.or_(x, z)))),
      "items.id = $1 AND (items.live OR items.title LIKE $2 AND (items.id = $1 OR items.title LIKE $2))", { 1, "q" } },
    -- text of unknown shape
    { pg.and_(pg.text "a OR b", x), "(a OR b) AND items.id = $1", { 1 } },
    { pg.not_(pg.text "a OR b"), "NOT (a OR b)" },
    { pg.literal_column("a + b", pg.Integer) * 2, "(a + b) * $1", { 2 } },
    { pg.literal_column("f(x)", pg.Integer) * 2, "f(x) * $1", { 2 } },
    { pg.literal_column("'a'", pg.Text) .. "b", "'a' || $1", { "b" } },
    { pg.literal_column("'a' || 'b'", pg.Text):eq("b"), "('a' || 'b') = $1", { "b" } },
    -- what looks like one thing needs none
    { pg.case{ { x, 1 }, else_ = 2 } + 1, "CASE WHEN items.id = $1 THEN $2 ELSE $3 END + $4", { 1, 1, 2, 1 } },
    { a:cast(pg.Text) .. "x", "CAST(items.id AS TEXT) || $1", { "x" } },
    { (a + b):cast(pg.Text), "CAST(items.id + items.owner_id AS TEXT)" },
    { (a + b):label("s") * 2, "(items.id + items.owner_id) * $1", { 2 } },
    { (a + b):type_coerce(pg.Integer) * 2, "(items.id + items.owner_id) * $1", { 2 } },
    -- the grammar takes neither as the lower bound of BETWEEN
    { t.title:between(t.title:collate("C"), t.title:collate("C")),
      'items.title BETWEEN (items.title COLLATE "C") AND items.title COLLATE "C"' },
    { t.title:between(t.title:collate("C") .. "x", "y"),
      'items.title BETWEEN (items.title COLLATE "C") || $1 AND $2', { "x", "y" } },
    { t.created:between(t.created:op("AT TIME ZONE")("UTC"), t.created),
      "items.created BETWEEN (items.created AT TIME ZONE $1) AND items.created", { "UTC" } },
    { t.tags:at(1), "items.tags[$1]", { 1 } },
    -- a slice of a slice is not a slice in two dimensions
    { t.tags:slice(2, 3):slice(1, 1), "(items.tags[$1:$2])[$3:$4]", { 2, 3, 1, 1 } },
    { t.tags:slice(2, 3):at(1), "(items.tags[$1:$2])[$3]", { 2, 3, 1 } },
    { pg.column("m", pg.ARRAY(pg.Integer, { dimensions = 2 })):at(1):at(2) + 1, "m[$1][$2] + $3", { 1, 2, 1 } },
    { (t.tags .. t.tags):at(1), "(items.tags || items.tags)[$1]", { 1 } },
    { pg.func.string_to_array("a", ","):at(1), "(string_to_array($1, $2))[$3]", { "a", ",", 1 } },
    { t.tags:slice(1, 2), "items.tags[$1:$2]", { 1, 2 } },
  }
  for _, case in ipairs(cases) do
    it(case[2], function() assert_sql(case[1], case[2], case[3]) end)
  end
end)
