--- What is loaded, when and by whom: criteria, statements of others, guards
-- against lazy loading, lists that are never loaded.

local orm_db = require "spec.support.orm_db"
local pg = require "pgvector"
local orm = pg.orm

describe("loading", function()
  local d, Author, Book, session
  setup(function()
    d = orm_db.create(function(Base)
      Author = Base:model("authors", {
        id = pg.Column{ pg.Integer, primary_key = true }, name = pg.Column{ pg.Text },
        bio = pg.Column{ pg.Text, deferred = true },
        books = orm.relationship("books", { back_populates = "author", order_by = "id" }),
        all_books = orm.relationship("books", { lazy = "write_only", cascade = "all, delete-orphan" }),
      })
      Book = Base:model("books", {
        id = pg.Column{ pg.Integer, primary_key = true }, title = pg.Column{ pg.Text },
        sold = pg.Column{ pg.Boolean, default = false }, embedding = pg.Column{ pg.VECTOR(3) },
        author_id = pg.Column{ pg.ForeignKey "authors.id" },
        author = orm.relationship("authors", { back_populates = "books" }),
        pg.HNSW("embedding", { metric = "l2" }),
      })
    end)
  end)
  teardown(function() d.drop() end)
  before_each(function()
    d.clear()
    session = d.Session()
    session:add_all{
      Author{ name = "a", bio = "…", books = {
        Book{ title = "a1", embedding = { 1, 0, 0 } }, Book{ title = "a2", sold = true, embedding = { 0, 1, 0 } } } },
      Author{ name = "b", books = { Book{ title = "b1", sold = true, embedding = { 0, 0, 1 } } } },
    }
    session:commit()
    session:expunge_all()
  end)
  after_each(function() session:close() end)

  local function titles(books)
    local list = {}
    for i, book in ipairs(books) do list[i] = book.title end
    return table.concat(list, " ")
  end

  describe("with criteria", function()
    local only_sold
    before_each(function() only_sold = orm.with_loader_criteria(Book, Book.sold:eq(true)) end)

    it("leaves rows out of the query itself and of all that is loaded along", function()
      assert.equal("a2 b1", titles(session:scalars(pg.select(Book):options(only_sold):order_by(Book.id)):all()))
      for _, option in ipairs{ orm.joinedload(Author.books), orm.selectinload(Author.books),
        orm.lazyload(Author.books) } do
        session:expunge_all()
        local found = session:scalars(pg.select(Author):options(option, only_sold):order_by(Author.id)):unique():all()
        assert.same({ "a2", "b1" }, { titles(found[1].books), titles(found[2].books) })
      end
    end)

    it("takes a function, and sees through aliases", function()
      local A = orm.aliased(Book)
      local sold = orm.with_loader_criteria(Book, function(cls) return cls.sold end)
      assert.equal("a2 b1", titles(session:scalars(pg.select(A):options(sold):order_by(A.id)):all()))
    end)

    it("leaves rows out wherever they are read: joined, counted, selected alone or asked for", function()
      local function all(stmt) return table.concat(session:scalars(stmt:options(only_sold)):all(), " ") end
      assert.equal("a2 b1", all(pg.select(Book.title):order_by(Book.id)))
      assert.equal(2, session:scalar(pg.select(pg.func.count()):select_from(Book):options(only_sold)))
      local authors = pg.select(Author.name):order_by(Author.name)
      assert.equal("a b", all(authors:join(Author.books)))
      assert.equal("", all(authors:where(Author.books:any(Book.title:eq "a1"))))
      assert.equal("b", all(authors:where(Author.id:in_(pg.select(Book.author_id):where(Book.title:like "b%")))))
      local A = orm.aliased(Book)
      local pairs_ = pg.select(Author.name, A.title):outerjoin(A, A.author_id:eq(Author.id):and_(A.title:eq "a1"))
      local rows = session:execute(pairs_:options(only_sold):order_by(Author.name)):all()
      assert.same({ "a", pg.null, "b", pg.null }, { rows[1][1], rows[1][2], rows[2][1], rows[2][2] })
      local limited = pg.select(Author):order_by(Author.id):limit(1):options(only_sold, orm.joinedload(Author.books))
      assert.equal("a2", titles(session:scalars(limited):unique():one().books))
    end)

    it("may ask what an alias or what is loaded along is related to", function()
      local by_a = orm.with_loader_criteria(Book, Book.author:has(Author.name:eq "a"))
      local A = orm.aliased(Book)
      assert.equal("a1 a2", titles(session:scalars(pg.select(A):options(by_a):order_by(A.id)):all()))
      local stmt = pg.select(Author):options(by_a, orm.joinedload(Author.books)):order_by(Author.id)
      local found = session:scalars(stmt):unique():all()
      assert.same({ "a1 a2", "" }, { titles(found[1].books), titles(found[2].books) })
    end)

    it("reads rows that a condition itself asks about as they are", function()
      local of_many = orm.with_loader_criteria(Book, function(cls)
        local other = orm.aliased(cls)
        local count = pg.select(pg.func.count()):select_from(other):where(other.author_id:eq(cls.author_id))
        return count:scalar_subquery():gt(1)
      end)
      assert.equal("a1 a2", titles(session:scalars(pg.select(Book):options(of_many):order_by(Book.id)):all()))
    end)

    it("may come from a listener, for everything that a session selects", function()
      pg.listen(session, "do_orm_execute", function(context)
        if context.is_select then context.statement = context.statement:options(only_sold) end
      end)
      assert.equal(2, session:scalar(pg.select(pg.func.count(Book.id))))
      assert.equal("a2", titles(session:get(Author, 1).books))
    end)

    it("refuses what is no condition of a model", function()
      assert.error_matches(function() orm.with_loader_criteria(5, Book.sold) end, "expected a model")
      assert.error_matches(function() orm.with_loader_criteria(Book, true) end, "not a condition")
    end)
  end)

  describe("from a subquery", function()
    it("gives objects where it selects the model", function()
      local books = pg.select(Book):where(Book.sold)
      for _, from in ipairs{ books:subquery "s", books:cte "c", books:union(books):subquery(), books:lateral "l" } do
        session:expunge_all()
        local A = orm.aliased(Book, from)
        local found = session:scalars(pg.select(A):options(orm.joinedload(A.author)):order_by(A.id)):all()
        assert.same({ "a2 b1", "a" }, { titles(found), found[1].author.name })
        assert.equal("b1", titles(session:scalars(pg.select(A):where(A.title:startswith "b")):all()))
      end
    end)

    it("tells two models apart whose columns it has", function()
      local both = pg.select(Book, Author):join(Author):where(Book.title:eq "b1"):subquery()
      local A, B = orm.aliased(Book, both), orm.aliased(Author, both)
      local row = session:execute(pg.select(A, B)):one()
      assert.same({ "b1", "b" }, { row[1].title, row[2].name })
    end)

    it("reads later what it does not select, and needs the key", function()
      local nearest = pg.select(Book.id, Book.embedding:l2_distance{ 1, 0, 0 }:label "d"):order_by "d":limit(1):subquery "n"
      local A = orm.aliased(Book, nearest)
      local row = session:execute(pg.select(A, nearest.c.d)):one()
      assert.same({ 0, "a1" }, { row.d, row[1].title })
      assert.error_matches(function() return A.title end, "'n' has no column 'title' of model 'books'")
      assert.error_matches(function() orm.aliased(Book, pg.select(Book.title):subquery "n") end,
        "'n' has no column 'id' of model 'books', which its rows are known by")
      assert.error_matches(function() orm.aliased(Book, pg.select(Book)) end, "a select stands in FROM as stmt:subquery()")
    end)
  end)

  describe("from a statement of one's own", function()
    it("takes its columns by name", function()
      local text = pg.text "SELECT title AS extra, 'T' || title AS title, id, sold, embedding, author_id FROM books WHERE id > :id"
      local stmt = pg.select(Book):from_statement(text)
      local found = session:scalars(stmt, { id = 2 }):one()
      assert.same({ 3, "Tb1", true, pg.vector{ 0, 0, 1 } }, { found.id, found.title, found.sold, found.embedding })
    end)

    it("may be a union", function()
      local both = pg.union(pg.select(Book):where(Book.id:eq(1)), pg.select(Book):where(Book.id:eq(3)))
      assert.equal("a1 b1", titles(session:scalars(pg.select(Book):from_statement(both:order_by "id")):all()))
    end)

    it("reads later what is missing", function()
      local text = pg.text "SELECT id, sold FROM books ORDER BY id"
      local found = session:scalars(pg.select(Book):from_statement(text)):all()
      local sql = d.statements_of(function() assert.is_false(found[1].sold) end)
      assert.equal(0, #sql)
      assert.equal("a1 a2 b1", titles(found))
      assert.equal("a", found[1].author.name)
    end)

    it("leaves what would be joined for later", function()
      local text = pg.text "SELECT id, name FROM authors ORDER BY id"
      local stmt = pg.select(Author):options(orm.joinedload(Author.books)):from_statement(text)
      local found = session:scalars(stmt):all()
      assert.equal(2, #found)
      assert.equal("a1 a2", titles(found[1].books))
    end)

    it("names the key or value that is missing", function()
      assert.error_matches(function()
        session:scalars(pg.select(Book):from_statement(pg.text "SELECT title FROM books")):all()
      end, "the statement returns no column 'id'")
      assert.error_matches(function()
        session:execute(pg.select(Book, Book.title):from_statement(pg.text "SELECT id FROM books")):all()
      end, "the statement returns no column 'title'")
      assert.error_matches(function() pg.select(Book):from_statement "SELECT" end, "expected a statement")
    end)
  end)

  it("overwrites what is loaded, if told to", function()
    local book = session:get(Book, 1)
    d.psql "UPDATE books SET title = 'new' WHERE id = 1"
    session:scalars(pg.select(Book)):all()
    assert.equal("a1", book.title)
    session:scalars(pg.select(Book):execution_options{ populate_existing = true }):all()
    assert.equal("new", book.title)
  end)

  for _, option in ipairs{ "joinedload", "selectinload" } do
    it("overwrites what is loaded along, too, by " .. option, function()
      local author = session:get(Author, 1)
      assert.equal("a1 a2", titles(author.books))
      author.name = "dirty"
      d.psql "UPDATE books SET title = 'x' || id; INSERT INTO books (title, author_id) VALUES ('new', 1)"
      local stmt = pg.select(Author):options(orm[option](Author.books)):execution_options{ populate_existing = true }
      session:no_autoflush(function() session:scalars(stmt):unique():all() end)
      assert.same({ "a", "x1 x2 new" }, { author.name, titles(author.books) })
      assert.is_false(session:is_modified(author))
    end)
  end

  it("needs in the subquery of a limit what a join hangs on", function()
    local stmt = pg.select(Book):order_by(Book.id):limit(1):options(orm.load_only(Book.title), orm.joinedload(Book.author))
    local sent = d.statements_of(function() assert.equal("a", session:scalars(stmt):one().author.name) end)
    assert.equal(1, #sent)
  end)

  it("refuses options about what the statement does not select", function()
    for _, case in ipairs{
      { pg.select(Book):options(orm.joinedload(Author.books)), "relationship 'books' of model 'authors'" },
      { pg.select(Book.title):options(orm.selectinload(Book.author)), "relationship 'author' of model 'books'" },
      { pg.select(Book):options(orm.load_only(Author.name)), "table 'authors'" },
      { pg.select(orm.aliased(Book)):options(orm.joinedload(Book.author)), "relationship 'author' of model 'books'" },
    } do
      local ok, err = pcall(session.execute, session, case[1])
      assert.is_false(ok)
      assert.equal("options: the statement selects no objects that " .. case[2] .. " could be about", err.message)
    end
  end)

  it("does not flush before, if told not to", function()
    session:add(Author{ name = "c" })
    local count = pg.select(pg.func.count()):select_from(Author)
    assert.equal(2, session:scalar(count:execution_options{ autoflush = false }))
    assert.equal(3, session:scalar(count))
  end)

  describe("in a session that forbids lazy loading", function()
    local strict
    after_each(function() strict:close() end)

    it("says which relationship or column was not loaded along", function()
      strict = orm.Session(d.engine, { forbid_lazy = true })
      local author = strict:get(Author, 1)
      assert.error_matches(function() return author.books end, "relationship 'books' of model 'authors': the session forbids")
      assert.error_matches(function() return author.bio end, "attribute 'bio' is deferred")
      local stmt = pg.select(Author):options(orm.selectinload(Author.books), orm.undefer(Author.bio))
      local found = strict:scalars(stmt:where(Author.id:eq(1)):execution_options{ populate_existing = true }):one()
      assert.same({ "a1 a2", "…" }, { titles(found.books), found.bio })
      assert.equal("a", found.books[1].author.name) -- the session has it: no query
      strict:expire(found)
      assert.equal("a", found.name) -- nothing lazy: it was forgotten
    end)

    it("may do so only for objects that came with others", function()
      strict = d.Session{ forbid_lazy = "many" }
      assert.equal("a1 a2", titles(strict:get(Author, 1).books))
      strict:expunge_all()
      local found = strict:scalars(pg.select(Author):order_by(Author.id)):all()
      assert.error_matches(function() return found[1].books end, "forbids lazy loading")
    end)

    it("still loads what it must know itself, to delete or to replace it", function()
      strict = orm.Session(d.engine, { forbid_lazy = true })
      local author = strict:get(Author, 1)
      author.books = { Book{ title = "only" } }
      strict:commit()
      assert.equal("only", d.psql "SELECT string_agg(title, ' ') FROM books WHERE author_id = 1")
      strict:delete(strict:get(Author, 1))
      strict:commit()
      assert.equal("1", d.psql "SELECT count(*) FROM authors")
    end)

    it("may be every session of an engine", function()
      local engine = pg.create_engine(d.url, { forbid_lazy = true })
      strict = orm.Session(engine)
      local author = strict:get(Author, 1)
      assert.error_matches(function() return author.books end, "forbids lazy loading")
      strict:close()
      engine:dispose()
      assert.error_matches(function() orm.Session(d.engine, { forbid_lazy = "some" }) end, "forbid_lazy: expected")
    end)
  end)

  it("raises only for what needs a query, if told so", function()
    local stmt = pg.select(Book):options(orm.raiseload "*"):where(Book.id:eq(1))
    local book = session:scalars(stmt):one()
    assert.error_matches(function() return book.author end, "lazy loading is not allowed here %(raise%)")
    assert.error_matches(function() orm.joinedload "*" end, "expected a relationship")
  end)

  it("goes on along a path whose beginning it leaves as it is", function()
    local book = session:scalars(pg.select(Book):where(Book.id:eq(1))
      :options(orm.defaultload(Book.author):load_only(Author.id))):one()
    assert.equal(1, #d.statements_of(function() assert.equal(1, book.author.id) end))
    assert.equal(1, #d.statements_of(function() assert.equal("a", book.author.name) end))
  end)

  it("by join of something with a limit leaves deferred columns alone", function()
    local book = session:scalars(pg.select(Book):options(orm.joinedload(Book.author)):order_by(Book.id):limit(1)):one()
    assert.equal(1, #d.statements_of(function() assert.equal("…", book.author.bio) end))
  end)

  describe("nearest neighbours with what they are related to", function()
    before_each(function()
      d.psql [[INSERT INTO books (title, author_id, embedding)
        SELECT 'x' || n, 1, ARRAY[random(), random(), random()]::vector FROM generate_series(1, 3000) AS n;
        ANALYZE books]]
    end)

    it("gives objects and distances, and keeps the index", function()
      local q = { 1, 0, 0 }
      for _, option in ipairs{ orm.joinedload(Book.author), orm.selectinload(Book.author) } do
        session:expunge_all()
        local stmt = pg.select(Book):nearest(Book.embedding, q, { metric = "l2", limit = 3 }):options(option)
        local sent = d.statements_of(function()
          local rows = session:execute(stmt):all()
          assert.same({ 3, "a1", 0, "a" }, { #rows, rows[1].books.title, rows[1].distance, rows[1].books.author.name })
          assert.is_true(rows[1].distance <= rows[2].distance and rows[2].distance <= rows[3].distance)
        end)
        local plan = {}
        session:connection():exec_sql "SET LOCAL enable_seqscan = off"
        for row in session:connection():exec_sql("EXPLAIN " .. sent[1], { pg.vector(q), 3 }) do
          plan[#plan + 1] = row[1]
        end
        assert.truthy(table.concat(plan, "\n"):find("ix_books_embedding", 1, true), table.concat(plan, "\n"))
        session:rollback()
      end
    end)
  end)

  describe("of a write-only list", function()
    local author
    before_each(function() author = session:get(Author, 1) end)

    it("never happens: members are added, removed and asked for", function()
      local sent = d.statements_of(function()
        author.all_books:add(Book{ title = "a3" })
        session:flush()
      end)
      assert.equal(1, #sent)
      assert.equal("a1 a2 a3", titles(session:scalars(author.all_books:select():order_by(Book.id)):all()))
      assert.equal("a2", titles(session:scalars(author.all_books:select():where(Book.sold)):all()))
      author.all_books:remove(session:get(Book, 1))
      session:commit()
      assert.equal("a2 a3", titles(session:scalars(author.all_books:select():order_by(Book.id)):all()))
      assert.equal("0", d.psql "SELECT count(*) FROM books WHERE title = 'a1'") -- delete-orphan
    end)

    it("is done for a delete, which goes on to them", function()
      session:delete(author)
      session:commit()
      assert.equal("b1", d.psql "SELECT string_agg(title, ' ') FROM books")
    end)

    it("is refused", function()
      assert.error_matches(function() return author.all_books[1] end, "is write_only, it is never loaded: run list:select")
      assert.error_matches(function() orm.selectinload(Author.all_books) end, "is write_only")
      assert.error_matches(function() author.all_books = {} end, "is write_only: use add and remove")
      assert.error_matches(function() Author{ name = "x" }.all_books:select() end, "is not stored")
      assert.error_matches(function() author.all_books:add(author) end, "expected an instance of model 'books'")
      local made = Author{ name = "n", all_books = { Book{ title = "n1" } } }
      session:add(made)
      session:commit()
      assert.equal("n1", titles(session:scalars(made.all_books:select()):all()))
    end)
  end)
end)
