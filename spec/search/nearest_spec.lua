local assert_sql = require "spec.support.assert_sql"
local compiler = require "pgvector.sql.compiler"
local db = require "spec.support.db"
local pg = require "pgvector"

local Base = pg.orm.declarative_base{}

local Item = Base:model("items", {
  id = pg.Column{ pg.BigInteger, primary_key = true },
  owner_id = pg.Column{ pg.BigInteger },
  embedding = pg.Column{ pg.VECTOR(3) },
  pg.HNSW("embedding", { metric = "l2" }),
})

-- quantised indexes only
local Big = Base:model("bigs", {
  id = pg.Column{ pg.BigInteger, primary_key = true },
  embedding = pg.Column{ pg.VECTOR(3) },
})
pg.HNSW(Big.embedding:cast(pg.HALFVEC(3)), { metric = "cosine" })
pg.HNSW(pg.func.binary_quantize(Big.embedding):cast(pg.BIT(3)), { metric = "hamming", name = "ix_bigs_bits" })

local Listed = Base:model("listed", {
  id = pg.Column{ pg.BigInteger, primary_key = true },
  embedding = pg.Column{ pg.VECTOR(3) },
  bits = pg.Column{ pg.BIT(3) },
  pg.IVFFlat("embedding", { metric = "cosine", lists = 10 }),
})

-- several indexes on one column
local Many = Base:model("many", {
  id = pg.Column{ pg.BigInteger, primary_key = true },
  embedding = pg.Column{ pg.VECTOR(3) },
  pg.HNSW("embedding", { metric = "l2" }),
  pg.IVFFlat("embedding", { metric = "cosine", lists = 2, name = "ix_many_lists" }),
})
pg.IVFFlat(pg.func.binary_quantize(Many.embedding):cast(pg.BIT(3)), { metric = "hamming", name = "ix_many_bits" })

local q = pg.vector{ 1, 2, 3 }

local function settings(stmt)
  local found = {}
  for _, setting in ipairs(compiler.compile(stmt).settings or {}) do found[setting.name] = setting.value end
  return found
end

describe("nearest", function()
  it("orders by the bare operator, with one parameter for the vector", function()
    assert_sql(pg.select(Item.id):where(Item.owner_id:eq(7)):nearest(Item.embedding, q),
      "SELECT items.id, items.embedding <-> $1 AS distance FROM items WHERE items.owner_id = $2 "
        .. "ORDER BY items.embedding <-> $1 LIMIT $3", { q, 7, 10 })
  end)

  local metrics = {
    { Item.embedding, "l2", "items.embedding <-> $1" }, { Item.embedding, "ip", "items.embedding <#> $1" },
    { Item.embedding, "cosine", "items.embedding <=> $1" }, { Item.embedding, "l1", "items.embedding <+> $1" },
  }
  for _, case in ipairs(metrics) do
    it("takes the metric " .. case[2], function()
      local sql = pg.select(Item.id):nearest(case[1], q, { metric = case[2], label = "d", limit = 3 }):compile()
      assert.truthy(sql:find("SELECT items.id, " .. case[3] .. " AS d FROM items ORDER BY " .. case[3] .. " LIMIT $2", 1, true))
    end)
  end

  it("takes its metric from the column's index; without one it is cosine, for bits hamming", function()
    assert.truthy(tostring(pg.select(Item.id):nearest(Item.embedding, q)):find("<->", 1, true))
    assert.truthy(tostring(pg.select(Listed.id):nearest(Listed.embedding, q)):find("<=>", 1, true))
    assert.truthy(tostring(pg.select(Listed.id):nearest(Listed.bits, "101")):find("<~>", 1, true))
  end)

  it("puts a limit on the distance outside the search", function()
    assert_sql(pg.select(Item.id):nearest(Item.embedding, q, { within = 0.5 }),
      "WITH nearest AS MATERIALIZED (SELECT items.id, items.embedding <-> $1 AS distance FROM items "
        .. "ORDER BY items.embedding <-> $1 LIMIT $2) SELECT items.id, nearest.distance AS distance FROM items "
        .. "JOIN nearest ON items.id = nearest.id WHERE nearest.distance <= $3 ORDER BY nearest.distance + $4 LIMIT $5",
      { q, 10, 0.5, 0, 10 })
  end)

  it("orders the rows of a relaxed scan anew", function()
    local stmt = pg.select(Item.id):nearest(Item.embedding, q, { iterative_scan = "relaxed_order" })
    local sql = stmt:compile()
    assert.truthy(sql:find("^WITH nearest AS MATERIALIZED"))
    assert.truthy(sql:find("ORDER BY nearest.distance + $3", 1, true))
    assert.same({ ["hnsw.iterative_scan"] = "relaxed_order" }, settings(stmt))
  end)

  it("searches by a quantised form and orders by the full vectors", function()
    local sql, params = pg.select(Item.id):nearest(Item.embedding, q, { via = "halfvec", limit = 5, oversample = 3 }):compile()
    assert.truthy(sql:find("ORDER BY CAST(items.embedding AS HALFVEC(3)) <-> $1 LIMIT $2)", 1, true), sql)
    assert.truthy(sql:find("ORDER BY (items.embedding <-> $3) + $4 LIMIT $5", 1, true), sql)
    assert.equal(15, params[2])
    sql, params = pg.select(Item.id):nearest(Item.embedding, { 1, -2, 3 }, { via = "binary", limit = 5 }):compile()
    assert.truthy(sql:find("ORDER BY CAST(binary_quantize(items.embedding) AS BIT(3)) <~> $1 LIMIT $2)", 1, true), sql)
    assert.equal(pg.bit "101", params[1])
    assert.equal(20, params[2])
  end)

  it("repeats the cast of a quantised index when that is the only one", function()
    local sql = pg.select(Big.id):nearest(Big.embedding, q):compile()
    assert.truthy(sql:find("ORDER BY CAST(bigs.embedding AS HALFVEC(3)) <=> $1", 1, true), sql)
    sql = pg.select(Big.id):nearest(Big.embedding, q, { metric = "l2" }):compile()
    assert.truthy(sql:find("ORDER BY bigs.embedding <-> $1", 1, true), sql)
  end)

  local found = {
    { { limit = 10 }, {} },
    { { limit = 41 }, { ["hnsw.ef_search"] = 41 } },
    { { limit = 10, ef_search = 100 }, { ["hnsw.ef_search"] = 100 } },
    { { limit = 200, ef_search = 100 }, { ["hnsw.ef_search"] = 200 } },
    { { limit = 20, via = "halfvec" }, { ["hnsw.ef_search"] = 80 } },
    { { limit = 5000, iterative_scan = "strict_order" },
      { ["hnsw.ef_search"] = 1000, ["hnsw.iterative_scan"] = "strict_order" } },
  }
  for i, case in ipairs(found) do
    it(("raises ef_search to what is asked for (%d)"):format(i), function()
      assert.same(case[2], settings(pg.select(Item):nearest(Item.embedding, q, case[1])))
    end)
  end

  it("sets an ivfflat index's parameters for an ivfflat index", function()
    assert.same({ ["ivfflat.probes"] = 5, ["ivfflat.iterative_scan"] = "relaxed_order" },
      settings(pg.select(Listed):nearest(Listed.embedding, q, { probes = 5, iterative_scan = "relaxed_order" })))
  end)

  it("goes by the index that serves the metric and the form that are searched", function()
    assert.same({ ["hnsw.ef_search"] = 50 }, settings(pg.select(Many):nearest(Many.embedding, q, { limit = 50 })))
    assert.same({ ["ivfflat.probes"] = 2 },
      settings(pg.select(Many):nearest(Many.embedding, q, { metric = "cosine", limit = 50, probes = 2 })))
    assert.same({ ["ivfflat.probes"] = 2 },
      settings(pg.select(Many):nearest(Many.embedding, q, { via = "binary", limit = 50, probes = 2 })))
  end)

  it("keeps its CTE to itself, so that two of them stand in one statement, and one in a LATERAL", function()
    local function near(query) return pg.select(Item.id):nearest(Item.embedding, query, { within = 1, limit = 2 }) end
    local one = "WITH nearest AS MATERIALIZED (SELECT items.id, items.embedding <-> %s AS distance FROM items "
      .. "ORDER BY items.embedding <-> %s LIMIT %s) SELECT items.id, nearest.distance AS distance FROM items "
      .. "JOIN nearest ON items.id = nearest.id WHERE nearest.distance <= %s ORDER BY nearest.distance + %s LIMIT %s"
    assert.equal("(" .. one:format("$1", "$1", "$2", "$3", "$4", "$5") .. ") UNION ALL ("
      .. one:format("$6", "$6", "$7", "$8", "$9", "$10") .. ")", (near(q):union_all(near{ 3, 2, 1 }):compile()))
    -- a CTE of the whole statement could not see the other table, and selected from it once more
    local each = near(Big.embedding):lateral "n"
    assert.equal("SELECT bigs.id, n.id FROM bigs JOIN LATERAL ("
      .. one:format("bigs.embedding", "bigs.embedding", "$1", "$2", "$3", "$4") .. ") AS n ON true",
      (pg.select(Big.id, each.c.id):join_from(Big, each, pg.true_()):compile()))
  end)

  it("keeps its search parameters where the statement becomes part of another", function()
    local function near(options) return pg.select(Item.id):nearest(Item.embedding, q, options) end
    local hits = near{ limit = 200 }
    assert.same({ ["hnsw.ef_search"] = 200 }, settings(pg.select(hits:subquery().c.id)))
    assert.same({ ["hnsw.ef_search"] = 200 }, settings(pg.select(hits:cte().c.id)))
    assert.same({ ["hnsw.ef_search"] = 200 }, settings(pg.select(Item.id):where(Item.id:in_(pg.select(hits:subquery().c.id)))))
    assert.same({ ["hnsw.ef_search"] = 200 },
      settings(pg.insert(Item):from_select({ "id" }, pg.select(hits:subquery().c.id))))
    assert.same({ ["hnsw.ef_search"] = 300 }, settings(hits:union_all(near{ limit = 300 }, near{ limit = 100 })))
    local _, err = pg.try(settings, near{ iterative_scan = "strict_order" }:union_all(near{ iterative_scan = "off" }))
    assert.equal("one part of the statement needs hnsw.iterative_scan = strict_order, another one off", err.message)
  end)

  local wrong = {
    { { limt = 5 }, "nearest: unknown option 'limt', did you mean 'limit'?" },
    { { limit = 0 }, "nearest: limit must be a whole number from 1 to 2147483647, not 0" },
    { { metric = "cosin" }, "nearest: unknown metric 'cosin', did you mean 'cosine'?" },
    { { ef_search = 5000 }, "nearest: ef_search must be a whole number from 1 to 1000, not 5000" },
    { { iterative_scan = "on" }, "nearest: iterative_scan: expected 'relaxed_order', 'strict_order' or 'off', got 'on'" },
    { { limit = 2000 },
      "nearest: an hnsw index returns at most 1000 rows without iterative_scan, 2000 are asked for" },
    { { probes = 3 }, "nearest: probes is for ivfflat, the index is hnsw" },
    { { via = "half" }, "nearest: via: expected 'halfvec' or 'binary', got 'half'" },
    { { oversample = 3 }, "nearest: oversample is for via = 'halfvec' or 'binary'" },
    { { within = "0.5" }, "nearest: within: expected a number, got string" },
  }
  for _, case in ipairs(wrong) do
    it("refuses: " .. case[2], function()
      local stmt = pg.select(Item)
      local _, err = pg.try(stmt.nearest, stmt, Item.embedding, q, case[1])
      assert.equal("ArgumentError", err.class)
      assert.equal(case[2], err.message)
    end)
  end

  it("refuses statements that order, limit or group already, and what is no vector", function()
    for _, stmt in ipairs { pg.select(Item):order_by(Item.id), pg.select(Item):limit(5), pg.select(Item.owner_id):group_by(Item.owner_id) } do
      local _, err = pg.try(stmt.nearest, stmt, Item.embedding, q)
      assert.truthy(err.message:find("^nearest: the statement has %w+_?%w* already"))
    end
    local stmt = pg.select(Item)
    local _, err = pg.try(stmt.nearest, stmt, Item.embedding, nil)
    assert.equal("nearest: the vector to search for is nil", err.message)
    _, err = pg.try(stmt.nearest, stmt, "embedding", q)
    assert.truthy(err.message:find("expected a vector column", 1, true))
    _, err = pg.try(stmt.nearest, stmt, Item.owner_id, q)
    assert.equal("ArgumentError", err.class)
  end)
end)

describe("nearest on a server", function()
  local engine, drop
  setup(function()
    local url
    url, drop = db.create()
    engine = pg.create_engine(url)
    Base.metadata:create_all(engine)
    engine:begin(function(conn)
      for _, name in ipairs { "items", "bigs", "listed" } do
        conn:exec_sql(("INSERT INTO %s (id, embedding) SELECT i, ARRAY[sin(i), cos(i * 1.7), sin(i * 0.3)]::vector "
          .. "FROM generate_series(1, 5000) AS i"):format(name))
      end
      conn:exec_sql("UPDATE items SET owner_id = id % 100")
    end)
    engine:connect(function(conn)
      conn:execution_options{ isolation_level = "AUTOCOMMIT" }
      conn:exec_sql("VACUUM ANALYZE items, bigs, listed")
    end)
  end)
  teardown(function()
    engine:dispose()
    drop()
  end)

  local target = { 0.5, 0.5, 0.5 }

  -- the rows by exact search
  local function exact(conn, operator, limit)
    conn:exec_sql("SET LOCAL enable_indexscan = off")
    local ids = conn:exec_sql(("SELECT id FROM items ORDER BY embedding %s $1 LIMIT %d"):format(operator, limit),
      { pg.vector(target) }):scalars():all()
    conn:exec_sql("SET LOCAL enable_indexscan = on")
    return ids
  end

  local function shared(a, b)
    local set, n = {}, 0
    for _, id in ipairs(a) do set[id] = true end
    for _, id in ipairs(b) do n = n + (set[id] and 1 or 0) end
    return n
  end

  local shapes = {
    { "plain", Item, {} }, { "within", Item, { within = 0.5 } },
    { "relaxed", Item, { iterative_scan = "relaxed_order" } }, { "strict", Item, { iterative_scan = "strict_order" } },
    { "halfvec index", Big, { metric = "cosine" } }, { "via halfvec", Big, { via = "halfvec", metric = "cosine" } },
    { "via binary", Big, { via = "binary", metric = "cosine" } },
    { "ivfflat", Listed, { probes = 10 } }, { "many rows", Item, { limit = 200 } },
  }
  for _, case in ipairs(shapes) do
    it("uses the index: " .. case[1], function()
      local Model = case[2]
      local sql = pg.select(Model.id):nearest(Model.embedding, target, case[3]):compile{ literal_binds = true }
      local plan = engine:connect(function(conn)
        return table.concat(conn:exec_sql("EXPLAIN " .. sql):scalars():all(), "\n")
      end)
      assert.truthy(plan:find("Index Scan using ix_" .. Model.__name), plan)
    end)
  end

  -- Statements that order by a distance themselves: what is written for them is
  -- what the index is for, and nothing is added that it could not serve.
  local distance = Item.embedding:l2_distance(target)
  local label = distance:label "d"
  local alias = pg.aliased(Item, "other")
  local own = {
    { "a distance", pg.select(Item.id):order_by(distance), true },
    { "all of a model", pg.select(Item):order_by(distance), true },
    { "an alias", pg.select(alias):order_by(alias.embedding:l2_distance(target)), true },
    { "its label", pg.select(Item.id, label):order_by(label), true },
    { "its label's name", pg.select(Item.id, label):order_by "d", true },
    { "NULLS LAST", pg.select(Item.id):order_by(distance:nulls_last()), true },
    { "a filter", pg.select(Item.id):where(Item.owner_id:lt(90)):order_by(distance), true },
    { "a limit of distance", pg.select(Item.id):where(distance:lt(2)):order_by(distance), true },
    { "a rank", pg.select(Item.id, pg.func.rank():over{ order_by = distance }), true },
    { "a similarity", pg.select(Item.id):order_by((1 - distance):desc()), false },
    { "the farthest first", pg.select(Item.id):order_by(distance:desc()), false },
    { "NULLS FIRST", pg.select(Item.id):order_by(distance:nulls_first()), false },
    { "a second expression", pg.select(Item.id):order_by(distance, Item.id), false },
    { "a cast", pg.select(Item.id):order_by(distance:cast(pg.Real)), false },
  }
  for _, case in ipairs(own) do
    it(("%s the index by: %s"):format(case[3] and "orders with" or "cannot order with", case[1]), function()
      local sql = case[2]:limit(5):compile{ literal_binds = true }
      local plan = engine:connect(function(conn)
        return table.concat(conn:exec_sql("EXPLAIN " .. sql):scalars():all(), "\n")
      end)
      assert.are.equal(case[3], plan:find("Index Scan using ix_items_embedding", 1, true) ~= nil, plan)
    end)
  end

  it("finds the nearest rows, in order, with their distance", function()
    engine:connect(function(conn)
      local ids = exact(conn, "<->", 10)
      for _, options in ipairs { {}, { iterative_scan = "relaxed_order" }, { within = 10 }, { via = "halfvec" } } do
        options.metric, options.ef_search = "l2", 400 -- the graph differs from build to build; this finds all
        local rows = conn:execute(pg.select(Item.id, Item.embedding):nearest(Item.embedding, target, options)):all()
        assert.equal(10, #rows)
        local found = {}
        for i, row in ipairs(rows) do
          found[i] = row.id
          assert.is_true(math.abs(row.distance - row.embedding:l2_distance(target)) < 1e-6)
          assert.is_true(i == 1 or rows[i - 1].distance <= row.distance)
        end
        assert.equal(10, shared(ids, found))
      end
    end)
  end)

  it("returns as many rows as are asked for, beyond ef_search's default, and under a filter", function()
    engine:connect(function(conn)
      local hundred = pg.select(Item.id):nearest(Item.embedding, target, { limit = 100 })
      assert.equal(100, #conn:execute(hundred):all())
      assert.equal(100, conn:scalar(pg.select(pg.func.count()):select_from(hundred:subquery())))
      local filtered = pg.select(Item.id):where(Item.owner_id:eq(7))
        :nearest(Item.embedding, target, { limit = 20, iterative_scan = "strict_order" })
      assert.equal(20, #conn:execute(filtered):all())
    end)
  end)

  it("leaves no setting behind, neither in the transaction nor in the pool", function()
    engine:begin(function(conn)
      conn:exec_sql("SELECT NULL::vector")
      local function ef() return conn:exec_sql("SHOW hnsw.ef_search"):scalar() end
      local before = ef()
      local stmt = pg.select(Item.id):nearest(Item.embedding, target, { ef_search = 200, iterative_scan = "strict_order" })
      assert.equal(10, #conn:execute(stmt):all())
      assert.equal(before, ef())
      assert.equal("off", conn:exec_sql("SHOW hnsw.iterative_scan"):scalar())
      conn:exec_sql("SET LOCAL hnsw.ef_search = 77")
      conn:execute(stmt):close()
      assert.equal("77", ef())
    end)
    engine:connect(function(conn) assert.equal("40", conn:exec_sql("SHOW hnsw.ef_search"):scalar()) end)
    engine:connect(function(conn)
      conn:execution_options{ isolation_level = "AUTOCOMMIT" }
      local stmt = pg.select(Item.id):nearest(Item.embedding, target, { ef_search = 200 })
      assert.equal(10, #conn:execute(stmt):all())
      assert.equal("40", conn:exec_sql("SHOW hnsw.ef_search"):scalar())
    end)
  end)

  it("finds neighbours of each row of another table", function()
    engine:connect(function(conn)
      local each = pg.select(Item.id):nearest(Item.embedding, Big.embedding, { metric = "l2", within = 1, limit = 1 }):lateral "n"
      local rows = conn:execute(pg.select(Big.id:label "b", each.c.id:label "i", each.c.distance)
        :join_from(Big, each, pg.true_()):where(Big.id:le(5)):order_by(Big.id)):all()
      assert.equal(5, #rows)
      for i, row in ipairs(rows) do -- both tables hold the same vectors
        assert.equal(i, row.b)
        assert.equal(i, row.i)
        assert.equal(0, row.distance)
      end
    end)
  end)

  it("says before it sends anything that a vector has the wrong length", function()
    engine:connect(function(conn)
      local _, err = pg.try(conn.execute, conn, pg.select(Item.id):nearest(Item.embedding, { 1, 2 }))
      assert.equal("DataError", err.class)
      assert.truthy(err.message:find("expected 3 dimensions, not 2", 1, true))
      assert.equal(1, conn:exec_sql("SELECT 1"):scalar())
    end)
  end)
end)
