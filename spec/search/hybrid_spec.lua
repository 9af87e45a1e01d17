local compiler = require "pgvector.sql.compiler"
local db = require "spec.support.db"
local pg = require "pgvector"

local Base = pg.orm.declarative_base{}

local Note = Base:model("notes", {
  id = pg.Column{ pg.Integer, primary_key = true },
  owner_id = pg.Column{ pg.Integer },
  body = pg.Column{ pg.Text },
  score = pg.Column{ pg.Integer }, -- a name that the result has, too
  embedding = pg.Column{ pg.VECTOR(3) },
  search = pg.Column{ pg.TSVECTOR, pg.Computed "to_tsvector('english', body)", deferred = true },
  pg.HNSW("embedding", { metric = "l2" }),
  pg.Index("ix_notes_search", "search", { using = "gin" }),
})
pg.Index("ix_notes_body", pg.func.to_tsvector(pg.literal_column("'simple'", pg.REGCONFIG), Note.body), { using = "gin" })
pg.HNSW(pg.func.binary_quantize(Note.embedding):cast(pg.BIT(3)), { metric = "hamming", name = "ix_notes_bits" })

-- a key of two columns, and no index
local pairs_ = pg.Table("pairs", Base.metadata, {
  pg.Column{ "a", pg.Integer, primary_key = true },
  pg.Column{ "b", pg.Integer, primary_key = true },
  pg.Column{ "body", pg.TSVECTOR },
  pg.Column{ "v", pg.HALFVEC(2) },
})
local keyless = pg.Table("keyless", Base.metadata, { pg.Column{ "v", pg.VECTOR(2) }, pg.Column{ "body", pg.TSVECTOR } })
local Other = Base:model("others", { id = pg.Column{ pg.Integer, primary_key = true }, body = pg.Column{ pg.TSVECTOR } })

local function hybrid(options)
  local all = { vector = { Note.embedding, { 1, 2, 3 } }, text = { Note.search, "lamp", config = "english" } }
  for key, value in pairs(options or {}) do all[key] = value end
  return pg.hybrid_search(Note, all)
end

describe("hybrid_search", function()
  it("needs the search parameters of nearest, for as many candidates as it asks for", function()
    local function settings(stmt)
      local found = {}
      for _, setting in ipairs(compiler.compile(stmt).settings or {}) do found[setting.name] = setting.value end
      return found
    end
    assert.same({}, settings(hybrid()))
    assert.same({ ["hnsw.ef_search"] = 80 }, settings(hybrid{ limit = 20 }))
    assert.same({ ["hnsw.ef_search"] = 200, ["hnsw.iterative_scan"] = "strict_order" }, settings(hybrid{
      vector = { Note.embedding, { 1, 2, 3 }, ef_search = 200, iterative_scan = "strict_order" } }))
    assert.same({ ["hnsw.ef_search"] = 120 }, settings(hybrid{
      candidates = 30, vector = { Note.embedding, { 1, 2, 3 }, via = "binary" } }))
  end)

  it("names its columns: the entity's, score, vector_rank, text_rank", function()
    local names = {}
    for i, column in ipairs(compiler.compile(hybrid()).columns) do names[i] = column.name end
    assert.equal("id owner_id body score embedding search score vector_rank text_rank", table.concat(names, " "))
  end)

  local wrong = {
    { { text = false }, "hybrid_search: text: expected { column, query, … }, got false" },
    { { vector = { "embedding", { 1, 2, 3 } } },
      'hybrid_search: vector: expected a column first, got the string "embedding"' },
    { { vector = { Note.embedding } }, "hybrid_search: vector: what to search for is nil" },
    { { vector = { Note.embedding, { 1 }, limit = 3 } }, "hybrid_search: vector: 'limit' is not for one side" },
    { { vector = { Note.embedding, { 1 }, metrik = "l2" } }, "nearest: unknown option 'metrik', did you mean 'metric'?" },
    { { text = { Note.search, "x", confg = "english" } },
      "hybrid_search: text: unknown option 'confg', did you mean 'config'?" },
    { { text = { Note.search, "x", config = "english'); DROP" } },
      "hybrid_search: text: config: expected the name of a text search configuration, got the string \"english'); DROP\"" },
    { { text = { Note.body, "x" } }, "hybrid_search: text: a text column needs the config of its index" },
    { { text = { Note.owner_id, "x" } },
      "hybrid_search: text: notes.owner_id has type INTEGER, not TSVECTOR or text" },
    { { text = { Other.body, "x" } }, "hybrid_search: the text is about table 'others', not table 'notes'" },
    { { where = { Other.id:eq(1) } }, "hybrid_search: condition 1 is about table 'others', not table 'notes'" },
    { { where = { owner_id = 1 } }, "hybrid_search: where: unexpected key 'owner_id', conditions stand in a sequence" },
    { { k = -1 }, "hybrid_search: k must be a number of at least 0, not -1" },
    { { limit = 0 }, "hybrid_search: limit must be a whole number of at least 1, not 0" },
    { { candidates = 1.5 }, "hybrid_search: candidates must be a whole number of at least 1, not 1.5" },
    { { limt = 5 }, "hybrid_search: unknown option 'limt', did you mean 'limit'?" },
    { { candidates = 1001 },
      "nearest: an hnsw index returns at most 1000 rows without iterative_scan, 1001 are asked for" },
  }
  for _, case in ipairs(wrong) do
    it("refuses: " .. case[2], function()
      local _, err = pg.try(hybrid, case[1])
      assert.equal(case[2], err.message)
      assert.equal("ArgumentError", err.class)
    end)
  end

  it("refuses a table without a primary key", function()
    local _, err = pg.try(pg.hybrid_search, keyless, { vector = { keyless.c.v, { 1, 2 } }, text = { keyless.c.body, "x" } })
    assert.equal("hybrid_search: table 'keyless' needs a primary key", err.message)
  end)
end)

describe("hybrid_search on a server", function()
  local engine, drop, conn
  local words = { "lamp", "desk", "chair", "lamp desk", "lamp lamp chair", "nothing", "desk lamp desk", "stool" }
  setup(function()
    local url
    url, drop = db.create()
    engine = pg.create_engine(url)
    Base.metadata:create_all(engine)
    engine:begin(function(c)
      c:copy_in(Note, { "id", "owner_id", "body", "embedding" }, function(copy)
        for i = 1, 2000 do
          -- texts repeat, so that ranks are shared; few rows match at all. Distances
          -- do not, or the index might choose other ones of equals at the end
          local body = i % 10 == 0 and words[i / 10 % #words + 1] or "row " .. i
          copy:write_row(i, i % 7, body, i % 13 ~= 0 and { i % 101 + i / 7919, i % 37 - 18, i % 5 } or pg.null)
        end
      end)
    end)
    engine:connect(function(c)
      c:execution_options{ isolation_level = "AUTOCOMMIT" }
      c:exec_sql "VACUUM ANALYZE notes"
    end)
    conn = engine:connect()
  end)
  teardown(function()
    conn:close()
    engine:dispose()
    drop()
  end)

  local query = { 50, 3, 2 }

  -- The fusion by hand: the two lists by exact SQL of its own, ranks (shared by
  -- equals) and scores counted here.
  local function by_hand(filter, candidates, k, limit)
    conn:exec_sql "SET LOCAL enable_indexscan = off"
    local near = conn:exec_sql(("SELECT id, embedding <-> $1::vector AS d FROM notes WHERE %s AND embedding IS NOT NULL "
      .. "ORDER BY d, id LIMIT %d"):format(filter, candidates), { pg.vector(query) }):all()
    conn:exec_sql "SET LOCAL enable_indexscan = on"
    local match = conn:exec_sql(("SELECT id, -ts_rank_cd(search, plainto_tsquery('english', 'lamp')) AS d FROM notes "
      .. "WHERE %s AND search @@ plainto_tsquery('english', 'lamp') ORDER BY d, id LIMIT %d"):format(filter, candidates)):all()
    local rows, by_id = {}, {}
    local function add(list, field)
      local rank
      for i, hit in ipairs(list) do
        if i == 1 or list[i - 1].d ~= hit.d then rank = i end
        local row = by_id[hit.id]
        if not row then
          row = { id = hit.id, score = 0 }
          by_id[hit.id], rows[#rows + 1] = row, row
        end
        row[field], row.score = rank, row.score + 1 / (k + rank)
      end
    end
    add(near, "vector_rank")
    add(match, "text_rank")
    table.sort(rows, function(a, b) return a.score > b.score or a.score == b.score and a.id < b.id end)
    return { (table.unpack or unpack)(rows, 1, limit) } -- luacheck: ignore 143 113
  end

  local function compare(wanted, stmt)
    local got = conn:execute(stmt):all()
    assert.equal(#wanted, #got)
    for i, row in ipairs(got) do
      local n = #row
      assert.equal(wanted[i].id, row.id)
      assert.is_true(math.abs(wanted[i].score - row[7]) < 1e-12, ("row %d: %s, not %s"):format(i, row[7], wanted[i].score))
      assert.equal(wanted[i].vector_rank, row.vector_rank)
      assert.equal(wanted[i].text_rank, row.text_rank)
      assert.is_true(n >= 7)
    end
  end

  -- exact, so that the graph of the index does not matter
  local function exact(options)
    options.vector = { Note.embedding, query, metric = "l2", ef_search = 1000, iterative_scan = "strict_order" }
    return hybrid(options)
  end

  it("gives the ranks and scores that one counts by hand", function()
    conn:exec_sql "SET LOCAL enable_indexscan = off"
    compare(by_hand("true", 20, 60, 5), exact{ candidates = 20, limit = 5 })
    compare(by_hand("true", 200, 60, 300), exact{ candidates = 200, limit = 300 })
    compare(by_hand("true", 50, 1, 10), exact{ candidates = 50, k = 1, limit = 10 })
    compare(by_hand("owner_id = 3", 30, 60, 60),
      exact{ candidates = 30, limit = 60, where = { Note.owner_id:eq(3) } })
    compare(by_hand("owner_id = 3 AND id > 1000", 30, 0, 60),
      exact{ candidates = 30, k = 0, limit = 60, where = { Note.owner_id:eq(3), Note.id:gt(1000) } })
    compare(by_hand("owner_id = 99", 30, 60, 60), exact{ where = Note.owner_id:eq(99) })
    conn:rollback()
  end)

  local shapes = {
    { "plain", {}, "ix_notes_embedding", "ix_notes_search" },
    { "filtered", { where = { Note.owner_id:lt(6) } }, "ix_notes_embedding", "ix_notes_search" },
    { "by a scan in relaxed order",
      { vector = { Note.embedding, query, iterative_scan = "relaxed_order" } }, "ix_notes_embedding", "ix_notes_search" },
    { "by a quantised index", { vector = { Note.embedding, query, via = "binary" } }, "ix_notes_bits", "ix_notes_search" },
    { "by an index on to_tsvector",
      { text = { Note.body, "lamp", config = "simple" } }, "ix_notes_embedding", "ix_notes_body" },
    { "by a tsquery of one's own", { text = { Note.search, pg.func.to_tsquery("english", "lamp & desk") } },
      "ix_notes_embedding", "ix_notes_search" },
  }
  for _, case in ipairs(shapes) do
    it("uses both indexes, " .. case[1], function()
      local sql = hybrid(case[2]):compile{ literal_binds = true }
      local plan = table.concat(conn:exec_sql("EXPLAIN " .. sql):scalars():all(), "\n")
      assert.truthy(plan:find("Index Scan using " .. case[3], 1, true), plan)
      assert.truthy(plan:find("Bitmap Index Scan on " .. case[4], 1, true), plan)
      assert.is_true(#conn:execute(hybrid(case[2])):all() > 0)
    end)
  end

  it("uses them with parameters, too, whatever they are", function()
    local sql = hybrid():compile()
    conn:exec_sql "SET LOCAL plan_cache_mode = force_generic_plan"
    conn:exec_sql("PREPARE hybrid AS " .. sql)
    local plan = table.concat(conn:exec_sql(
      "EXPLAIN EXECUTE hybrid(1, 60, 0, 1, 60, 0, '[1,2,3]', 40, 'lamp', 40, 10)"):scalars():all(), "\n")
    conn:rollback()
    conn:exec_sql "DEALLOCATE hybrid"
    assert.truthy(plan:find("Index Scan using ix_notes_embedding", 1, true), plan)
    assert.truthy(plan:find("Bitmap Index Scan on ix_notes_search", 1, true), plan)
  end)

  it("leaves no search parameter behind", function()
    conn:execute(hybrid{ limit = 50 }):close()
    assert.equal("40", conn:exec_sql("SHOW hnsw.ef_search"):scalar())
    conn:rollback()
  end)

  it("writes constants that give the same scores", function()
    local sql = exact{ limit = 7 }:compile{ literal_binds = true }
    local rows, got = conn:execute(exact{ limit = 7 }):all(), conn:exec_sql(sql):all()
    assert.equal(7, #got)
    for i, row in ipairs(got) do assert.is_true(math.abs(rows[i][7] - row[7]) < 1e-12) end
  end)

  it("reads words as a web search does", function()
    local stmt = hybrid{ text = { Note.search, 'lamp -desk "chair"', config = "english" }, candidates = 1000, limit = 2000,
      vector = { Note.embedding, query, iterative_scan = "strict_order" } }
    local found = 0
    for row in conn:execute(stmt) do
      if row.text_rank then
        found = found + 1
        assert.equal("lamp lamp chair", row.body)
      end
    end
    assert.equal(25, found)
  end)

  it("joins by all columns of a key, under an alias, and gives objects in a session", function()
    conn:exec_sql [[INSERT INTO pairs SELECT i, j, to_tsvector('simple', 'w' || i), ARRAY[i, j]::halfvec
      FROM generate_series(1, 5) AS i, generate_series(1, 5) AS j]]
    local p = pairs_:alias "p"
    local rows = conn:execute(pg.hybrid_search(p, { vector = { p.c.v, { 5, 5 }, metric = "l2" },
      text = { p.c.body, "w4", config = "simple" }, candidates = 3, limit = 10 })):all()
    local seen = {}
    for i, row in ipairs(rows) do
      seen[i] = ("%d%d %s %s"):format(row.a, row.b, tostring(row.vector_rank), tostring(row.text_rank))
    end
    -- 55 is nearest, 45 and 54 share the second rank; of w4 the first three by key
    assert.same({ "41 nil 1", "42 nil 1", "43 nil 1", "55 1 nil", "45 2 nil", "54 2 nil" }, seen)
    conn:rollback()

    local session = pg.orm.Session(engine)
    for _, note, score, vector_rank, text_rank in session:execute(exact{ limit = 3 }):tuples() do
      assert.equal("string", type(note.body))
      assert.is_true(score > 0 and (vector_rank ~= nil or text_rank ~= nil))
    end
    session:close()
  end)
end)
