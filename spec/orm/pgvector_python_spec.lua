--- What the tests of pgvector-python check with SQLAlchemy, here.

local orm_db = require "spec.support.orm_db"
local pg = require "pgvector"
local orm, func = pg.orm, pg.func

describe("as with pgvector-python and SQLAlchemy,", function()
  local d, Item, session
  setup(function()
    d = orm_db.create(function(Base)
      Item = Base:model("orm_item", {
        id = pg.Column{ pg.Integer, primary_key = true },
        embedding = pg.Column{ pg.VECTOR(3) }, half_embedding = pg.Column{ pg.HALFVEC(3) },
        binary_embedding = pg.Column{ pg.BIT(3) }, sparse_embedding = pg.Column{ pg.SPARSEVEC(3) },
        embeddings = pg.Column{ pg.ARRAY(pg.VECTOR(3)) }, half_embeddings = pg.Column{ pg.ARRAY(pg.HALFVEC(3)) },
      })
      pg.Index("hnsw_plain", Item.embedding, { using = "hnsw", with = { m = 16, ef_construction = 64 },
        ops = { embedding = "vector_l2_ops" } })
      pg.Index("ivfflat_plain", Item.embedding, { using = "ivfflat", with = { lists = 1 },
        ops = { embedding = "vector_l2_ops" } })
      pg.HNSW(Item.embedding:cast(pg.HALFVEC(3)), { metric = "l2", name = "hnsw_half" })
      pg.HNSW(func.binary_quantize(Item.embedding):cast(pg.BIT(3)), { metric = "hamming", name = "hnsw_bits" })
    end)
  end)
  teardown(function() d.drop() end)
  before_each(function()
    d.clear()
    session = d.Session()
  end)
  after_each(function() session:close() end)

  local function create_items()
    for i, row in ipairs{ { { 1, 1, 1 }, "000" }, { { 2, 2, 2 }, "101" }, { { 1, 1, 2 }, "111" } } do
      session:add(Item{ id = i, embedding = row[1], half_embedding = row[1], binary_embedding = row[2],
        sparse_embedding = pg.sparsevec(row[1]) })
    end
    session:commit()
  end

  local function ids(stmt)
    local list = {}
    for i, item in ipairs(session:scalars(stmt):all()) do list[i] = item.id end
    return list
  end

  it("the types have their DDL", function()
    assert.same({ "VECTOR(3)", "VECTOR", "HALFVEC(3)", "BIT(3)", "SPARSEVEC(3)" }, { tostring(pg.VECTOR(3)),
      tostring(pg.VECTOR), tostring(pg.HALFVEC(3)), tostring(pg.BIT(3)), tostring(pg.SPARSEVEC(3)) })
    assert.equal(pg.VECTOR, pg.Vector)
  end)

  it("objects are stored with and without an embedding", function()
    session:add_all{ Item{ embedding = pg.vector{ 1.5, 2, 3 } }, Item{ embedding = { 4, 5, 6 } }, Item() }
    session:commit()
    local items = session:scalars(pg.select(Item):order_by(Item.id)):all()
    assert.same({ 1, 2, 3 }, { items[1].id, items[2].id, items[3].id })
    assert.same({ { 1.5, 2, 3 }, { 4, 5, 6 } }, { items[1].embedding:totable(), items[2].embedding:totable() })
    assert.is_nil(items[3].embedding)
    assert.equal(pg.vector{ 4, 5, 6 }, session:get_one(Item, 2).embedding)
  end)

  for _, column in ipairs{ "embedding", "half_embedding", "sparse_embedding" } do
    for _, case in ipairs{
      { "l2_distance", { 1, 3, 2 } }, { "max_inner_product", { 2, 3, 1 } }, { "cosine_distance", { 1, 2, 3 } },
      { "l1_distance", { 1, 3, 2 } },
    } do
      it(("%s of %s orders, by select and by query"):format(case[1], column), function()
        create_items()
        local distance = Item[column][case[1]](Item[column], { 1, 1, 1 })
        assert.same(case[2], ids(pg.select(Item):order_by(distance, Item.id)))
        local found = {}
        for i, item in ipairs(session:query(Item):order_by(distance, Item.id):all()) do found[i] = item.id end
        assert.same(case[2], found)
      end)
    end
  end

  it("bits are strings both ways, and have their distances", function()
    create_items()
    assert.equal("101", tostring(session:get(Item, 2).binary_embedding))
    assert.same({ 2, 3, 1 }, ids(pg.select(Item):order_by(Item.binary_embedding:hamming_distance "101")))
    assert.same({ 2, 3, 1 }, ids(pg.select(Item):order_by(Item.binary_embedding:jaccard_distance "101")))
  end)

  it("a sparse column takes a dense sequence", function()
    session:add(Item{ sparse_embedding = { 1, 2, 3 } })
    session:commit()
    assert.equal(pg.sparsevec{ 1, 2, 3 }, session:get(Item, 1).sparse_embedding)
  end)

  it("the right side may be a scalar subquery", function()
    create_items()
    local first = pg.select(Item.embedding):filter_by{ id = 1 }:scalar_subquery()
    assert.same({ 1, 3, 2 }, ids(pg.select(Item):order_by(Item.embedding:l2_distance(first))))
  end)

  it("a distance is a number to compare and to select, after a flush", function()
    create_items()
    assert.same({ 1 }, ids(pg.select(Item):where(Item.embedding:l2_distance{ 1, 1, 1 }:lt(1))))
    session:add(Item{ id = 9, embedding = { 2, 3, 3 } })
    local stmt = pg.select(Item.embedding:l2_distance{ 1, 1, 1 }):where(Item.id:eq(9))
    assert.same({ 3 }, session:scalars(stmt):all())
  end)

  it("averages and sums are vectors, NULL of nothing", function()
    assert.same({ pg.null, pg.null }, { session:scalars(pg.select(pg.avg(Item.embedding))):all()[1],
      session:scalars(pg.select(pg.sum(Item.embedding))):all()[1] })
    session:add_all{ Item{ embedding = { 1, 2, 3 } }, Item{ embedding = { 4, 5, 6 } } }
    assert.equal(pg.vector{ 2.5, 3.5, 4.5 }, session:query(pg.avg(Item.embedding)):scalar())
    assert.equal(pg.vector{ 5, 7, 9 }, session:scalar(pg.select(pg.sum(Item.embedding))))
  end)

  it("wrong dimensions are refused at the commit", function()
    session:add(Item{ embedding = { 1, 2 } })
    assert.error_matches(function() session:commit() end, "expected 3 dimensions, not 2")
    session:rollback()
  end)

  it("literal values, inserts and bulk inserts work", function()
    local distance = Item.embedding:l2_distance{ 1, 2, 3 }
    assert.truthy(distance:compile{ literal_binds = true }:find("embedding <-> '[1,2,3]'", 1, true))
    session:execute(pg.insert(Item):values{ embedding = { 1, 2, 3 } })
    session:execute(pg.insert(Item), { { embedding = { 4, 5, 6 } } })
    assert.same({ 1, 2 }, ids(pg.select(Item):order_by(Item.id)))
  end)

  it("models of tables that exist read and write vectors", function()
    local Mapped = orm.automap(d.Base.metadata:sorted_tables()[1]:to_metadata(pg.MetaData()).metadata).classes.orm_item
    session:add(Mapped{ embedding = { 1, 2, 3 } })
    session:commit()
    assert.equal(pg.vector{ 1, 2, 3 }, session:scalars(pg.select(Mapped)):one().embedding)
  end)

  it("queries use half precision, quantise and rank again", function()
    create_items()
    local half = Item.embedding:cast(pg.HALFVEC(3))
    assert.same({ 1, 3, 2 }, ids(pg.select(Item):order_by(half:l2_distance{ 1, 1, 1 })))
    session:close() -- its transaction has locks
    d.clear()
    for i, embedding in ipairs{ { -1, -2, -3 }, { 1, -2, 3 }, { 1, 2, 3 } } do
      session:add(Item{ id = i, embedding = embedding })
    end
    session:commit()
    local function bits(x) return func.binary_quantize(x):cast(pg.BIT(3)) end
    local near = bits(Item.embedding):hamming_distance(bits(pg.cast({ 3, -1, 2 }, pg.VECTOR(3))))
    assert.same({ 2, 3, 1 }, ids(pg.select(Item):order_by(near)))
    local candidates = pg.select(Item):order_by(near):limit(20):subquery()
    local ranked = pg.select(candidates.c.id):order_by(candidates.c.embedding:cosine_distance{ 3, -1, 2 }):limit(5)
    assert.same({ 2, 3, 1 }, session:scalars(ranked):all())
  end)

  it("arrays of vectors make a round trip", function()
    session:add(Item{ embeddings = { { 1, 2, 3 }, pg.vector{ 4, 5, 6 } }, half_embeddings = { { 1, 2, 3 } } })
    session:commit()
    local item = session:get(Item, 1)
    assert.same({ "[1,2,3]", "[4,5,6]", "[1,2,3]" }, { tostring(item.embeddings[1]), tostring(item.embeddings[2]),
      tostring(item.half_embeddings[1]) })
  end)

  describe("a plain table", function()
    for _, name in ipairs{ "cjson", "dkjson" } do
      it("goes through " .. name .. ", without embeddings unless they are asked for", function()
        local codec = require(name)
        session:add(Item{ id = 1, embedding = { 1, 2.5, 3 }, binary_embedding = "101", embeddings = { { 1, 2, 3 } } })
        session:commit()
        local item = session:get(Item, 1)
        assert.equal(1, codec.decode(codec.encode(orm.to_table(item))).id)
        assert.same({ id = 1 }, orm.to_table(item))
        local full = orm.to_table(item, { include = { "embedding", "binary_embedding", "embeddings" } })
        local back = codec.decode(codec.encode(full))
        assert.same({ { 1, 2.5, 3 }, "101", { { 1, 2, 3 } } }, { back.embedding, back.binary_embedding, back.embeddings })
      end)
    end
  end)
end)
