--- Embeddings of a pgai vectorizer, and what went wrong with them in pgai's own
-- mapping for Python.

local orm_db = require "spec.support.orm_db"
local pg = require "pgvector"
local orm = pg.orm

describe("a vectorizer's relationship", function()
  local d, Post, Person, Mail, E
  setup(function()
    d = orm_db.create(function(Base)
      Post = Base:model("posts", {
        id = pg.Column{ pg.BigInteger, primary_key = true },
        title = pg.Column{ pg.Text },
        content_embeddings = orm.vectorizer_relationship{ dimensions = 3 },
      })
      Person = Base:model("people", {
        first_name = pg.Column{ pg.Text, primary_key = true }, last_name = pg.Column{ pg.Text, primary_key = true },
        bio = pg.Column{ pg.Text },
        bio_embeddings = orm.vectorizer_relationship{ dimensions = 2, lazy = "joined" },
      })
      Mail = Base:model("mails", {
        id = pg.Column{ pg.Integer, primary_key = true },
        subject_vectors = orm.vectorizer_relationship{ dimensions = 2, target_table = "subject_store" },
        body_vectors = orm.vectorizer_relationship{ dimensions = 4, target_schema = "ai", target_table = "body_store" },
      })
    end)
    E = Post.content_embeddings.model
    d.engine:begin(function(conn)
      conn:exec_sql "CREATE SCHEMA ai"
      E.__table:create(conn)
      for _, relationship in ipairs{ Person.bio_embeddings, Mail.subject_vectors, Mail.body_vectors } do
        relationship.model.__table:create(conn)
      end
    end)
  end)
  teardown(function() d.drop() end)

  local session
  before_each(function()
    d.psql "TRUNCATE posts, people, mails, posts_embedding_store CASCADE"
    session = d.Session()
  end)
  after_each(function() session:close() end)

  local function post(title, ...)
    local made = Post{ title = title }
    session:add(made)
    session:flush()
    for i, embedding in ipairs{ ... } do
      session:add(E{ id = made.id, chunk_seq = i, chunk = title .. i, embedding = embedding })
    end
    session:commit()
    return made
  end

  it("maps the columns of pgai's table", function()
    assert.equal("posts_embedding_store", E.__name)
    local columns = {}
    for _, column in ipairs(E.__table:_columns()) do
      columns[column.name] = tostring(column.type) .. (column.primary_key and " pk" or "") .. (column.nullable and "" or "!")
    end
    assert.same({ embedding_uuid = "UUID pk!", id = "BIGINT!", chunk_seq = "INTEGER!", chunk = "TEXT!",
      embedding = "VECTOR(3)!" }, columns)
  end)

  it("is a list of chunks in their order, each with its parent", function()
    local made = post("a", { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 })
    session:add(E{ parent = made, chunk_seq = 0, chunk = "first", embedding = { 1, 1, 1 } })
    session:commit()
    local chunks = {}
    for i, embedding in ipairs(made.content_embeddings) do
      chunks[i] = embedding.chunk
      assert.equal(made, embedding.parent)
    end
    assert.same({ "first", "a1", "a2", "a3" }, chunks)
    assert.equal(pg.vector{ 1, 1, 1 }, made.content_embeddings[1].embedding)
  end)

  it("is what is selected, searched and filtered", function()
    post("a", { 1, 0, 0 })
    post("b", { 0, 1, 0 }, { 0, 0, 1 })
    local embeddings = Post.content_embeddings
    local distance = embeddings.embedding:cosine_distance{ 0, 0, 1 }
    local nearest = session:scalars(pg.select(embeddings):order_by(distance):limit(1)):one()
    assert.same({ "b2", "b" }, { nearest.chunk, nearest.parent.title })
    local stmt = pg.select(Post.title, embeddings.chunk):join(embeddings):where(embeddings.chunk_seq:eq(2))
    assert.same({ "b", "b2" }, { session:execute(stmt):first()[1], session:execute(stmt):first()[2] })
    local found = session:execute(pg.select(embeddings):nearest(embeddings.embedding, { 1, 0, 0 }, { limit = 1 })):one()
    assert.same({ "a1", 0 }, { found[1].chunk, found[2] })
  end)

  it("is named as one or more relationships on one model, each with a table of its own", function()
    assert.equal("ai", Mail.body_vectors.model.__table.schema)
    assert.equal("VECTOR(4)", tostring(Mail.body_vectors.embedding.type))
    assert.equal("VECTOR(2)", tostring(Mail.subject_vectors.embedding.type))
  end)

  it("has all columns of a composite key", function()
    session:add(Person{ first_name = "ada", last_name = "l", bio = "…" })
    session:flush()
    local B = Person.bio_embeddings.model
    session:add(B{ first_name = "ada", last_name = "l", chunk_seq = 0, chunk = "x", embedding = { 1, 2 } })
    session:commit()
    session:expunge_all()
    local person
    local sent = d.statements_of(function()
      person = session:get(Person, { "ada", "l" })
      assert.equal("x", person.bio_embeddings[1].chunk)
    end)
    assert.equal(1, #sent) -- lazy = "joined"
    assert.equal("l", person.bio_embeddings[1].last_name)
  end)

  it("takes options for the way back", function()
    local Base = orm.declarative_base()
    local A = Base:model("a", {
      id = pg.Column{ pg.Integer, primary_key = true },
      chunks = orm.vectorizer_relationship{ dimensions = 2, parent_kwargs = { lazy = "joined" } },
    })
    assert.equal("joined", A.chunks.model.parent.relationship.lazy)
  end)

  it("may be part of a mixin", function()
    local Base = orm.declarative_base()
    local Embedded = Base:abstract{
      created = pg.Column{ pg.DateTime },
      vectors = orm.vectorizer_relationship{ dimensions = 5 },
    }
    local A = Embedded:model("a", { id = pg.Column{ pg.Integer, primary_key = true } })
    local B = Embedded:model("b", { id = pg.Column{ pg.Integer, primary_key = true } })
    assert.same({ "a_embedding_store", "b_embedding_store" }, { A.vectors.model.__name, B.vectors.model.__name })
    assert.is_nil(rawget(A.vectors.model.__table.c, "created"))
  end)

  describe("without the faults of the original:", function()
    it("the table is known to be pgai's, also by its default name", function()
      assert.is_false(E.__table.managed)
      assert.equal("", d.psql "SELECT to_regclass('mails_embedding_store')")
      d.Base.metadata:create_all(d.engine)
      local before = d.psql "SELECT count(*) FROM pg_class WHERE relname = 'posts_embedding_store'"
      d.Base.metadata:drop_all(d.engine, { tables = {} })
      assert.equal("1", before)
    end)

    it("a table that was made by hand stays when the parent's is dropped", function()
      for _, options in ipairs{ {}, { checkfirst = false } } do
        local Base = orm.declarative_base{ schema = "ai" }
        local A = Base:model("a", {
          id = pg.Column{ pg.Integer, primary_key = true }, chunks = orm.vectorizer_relationship{ dimensions = 2 },
        })
        local store = A.chunks.model.__table
        Base.metadata:create_all(d.engine)
        Base.metadata:drop_all(d.engine, options)
        Base.metadata:create_all(d.engine)
        store:create(d.engine)
        Base.metadata:drop_all(d.engine, options)
        assert.equal("a_embedding_store", d.psql "SELECT relname FROM pg_class WHERE relname LIKE 'a\\_emb%store'")
        store:drop(d.engine)
      end
    end)

    it("a parent may have a schema", function()
      local Base = orm.declarative_base()
      local A = Base:model("a", {
        id = pg.Column{ pg.Integer, primary_key = true },
        chunks = orm.vectorizer_relationship{ dimensions = 2 },
      }, { schema = "app" })
      local key = A.chunks.model.__table
      assert.equal("app", key.schema)
      assert.equal("SELECT a_embedding_store.chunk FROM app.a JOIN app.a_embedding_store "
        .. "ON app.a.id = app.a_embedding_store.id",
        (tostring(pg.select(A.chunks.chunk):select_from(A):join(A.chunks)):gsub("app%.a_embedding_store%.chunk",
          "a_embedding_store.chunk")))
    end)

    it("a second one with the same table is refused", function()
      local Base = orm.declarative_base()
      assert.error_matches(function()
        Base:model("a", {
          id = pg.Column{ pg.Integer, primary_key = true },
          one = orm.vectorizer_relationship{ dimensions = 2 }, two = orm.vectorizer_relationship{ dimensions = 3 },
        })
      end, "there is a table 'a_embedding_store' already: name another target_table")
    end)

    it("a parent can be deleted, with chunks that are loaded or not", function()
      for _, loaded in ipairs{ true, false } do
        local made = post("a", { 1, 0, 0 }, { 0, 1, 0 })
        if loaded then assert.equal(2, #made.content_embeddings) end
        session:delete(made)
        session:commit()
        assert.equal("0", d.psql "SELECT count(*) FROM posts_embedding_store")
      end
    end)

    it("it is a relationship: for any, joinedload and selectinload", function()
      post("a", { 1, 0, 0 })
      post("b")
      local embeddings = Post.content_embeddings
      assert.same({ "a" }, session:scalars(pg.select(Post.title):where(embeddings:any())):all())
      assert.same({ "a" }, session:scalars(pg.select(Post.title):where(embeddings:any(embeddings.chunk:eq "a1"))):all())
      for _, option in ipairs{ orm.joinedload(embeddings), orm.selectinload(embeddings) } do
        session:expunge_all()
        local list = session:scalars(pg.select(Post):order_by(Post.id):options(option)):unique():all()
        assert.equal(0, #d.statements_of(function()
          assert.same({ 1, 0 }, { #list[1].content_embeddings, #list[2].content_embeddings })
        end))
      end
      session:expunge_all()
      local sent = d.statements_of(function()
        local embedding = session:scalars(pg.select(embeddings):options(orm.joinedload(embeddings.parent))):one()
        assert.equal("a", embedding.parent.title)
      end)
      assert.equal(1, #sent)
    end)
  end)

  it("refuses what makes no sense", function()
    for _, case in ipairs{
      { {}, "dimensions: expected a positive whole number, got nil" },
      { { dimensions = 1.5 }, "dimensions: expected a positive whole number, got 1.5" },
      { { dimension = 3 }, "unknown option 'dimension', did you mean 'dimensions'?" },
      { { dimensions = "3" }, "dimensions: expected a positive whole number, got string" },
      { { dimensions = 3, parent_kwargs = 5 }, "parent_kwargs: expected a table of options, got number" },
      { { dimensions = 3, target_table = 5 }, "target_table: expected a name, got number" },
      { { dimensions = 3, lazy = "joind" }, "did you mean 'joined'?" },
    } do
      local ok, err = pcall(orm.vectorizer_relationship, case[1])
      assert.is_false(ok)
      assert.truthy(tostring(err):find(case[2], 1, true), tostring(err))
    end
    assert.error_matches(function() return Post.content_embeddings.chnk end, "did you mean 'chunk'?")
  end)
end)
