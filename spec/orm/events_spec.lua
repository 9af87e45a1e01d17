--- Listening to sessions, models, instances and attributes.

local orm_db = require "spec.support.orm_db"
local pg = require "pgvector"
local orm = pg.orm

describe("the events of the ORM", function()
  local d, Author, Book, session, heard
  setup(function()
    d = orm_db.create(function(Base)
      Author = Base:model("authors", {
        id = pg.Column{ pg.Integer, primary_key = true }, name = pg.Column{ pg.Text },
        books = orm.relationship("books", { back_populates = "author" }),
      })
      Book = Base:model("books", {
        id = pg.Column{ pg.Integer, primary_key = true }, title = pg.Column{ pg.Text },
        author_id = pg.Column{ pg.ForeignKey "authors.id" },
        author = orm.relationship("authors", { back_populates = "books" }),
      })
    end)
  end)
  teardown(function() d.drop() end)

  local listening
  local function on(target, name, fn)
    listening[#listening + 1] = { target, name, fn }
    return pg.listen(target, name, fn)
  end
  local function note(target, ...)
    for _, name in ipairs{ ... } do
      on(target, name, function() heard[#heard + 1] = name end)
    end
  end
  before_each(function()
    d.clear()
    session, heard, listening = d.Session(), {}, {}
  end)
  after_each(function()
    session:close()
    for _, each in ipairs(listening) do pg.remove(each[1], each[2], each[3]) end
  end)

  it("of a session surround flush, commit and rollback", function()
    note(session, "before_flush", "after_flush", "after_flush_postexec", "before_commit", "after_commit", "after_begin",
      "after_rollback", "after_soft_rollback")
    session:add(Author{ name = "a" })
    session:commit()
    assert.equal("before_commit before_flush after_begin after_flush after_flush_postexec after_commit",
      table.concat(heard, " "))
    heard = {}
    session:begin_nested():rollback()
    session:rollback()
    assert.equal("after_begin after_soft_rollback after_rollback after_soft_rollback", table.concat(heard, " "))
  end)

  it("of a session may add to a flush, or stop it", function()
    on(session, "before_flush", function(s) s:add(Author{ name = "guest" }) end)
    session:add(Author{ name = "a" })
    session:flush()
    assert.equal("2", tostring(session:scalar(pg.select(pg.func.count()):select_from(Author))))
    on(session, "before_flush", function() error("not now", 0) end)
    session:add(Author{ name = "b" })
    assert.has_error(function() session:flush() end, "not now")
    session:rollback()
  end)

  it("of a session may change, replace and drop what a flush is going to write", function()
    on(session, "before_flush", function(s)
      for _, object in ipairs(s.new) do
        if object.name == "skip" then s:expunge(object) end
        if object.name == "audited" then s:add(Author{ name = "audit" }) end
      end
      for _, object in ipairs(s.dirty) do object.name = object.name .. "!" end
      for _, object in ipairs(s.deleted) do s:add(Author{ name = "tomb of " .. object.name }) end
      s:scalars(pg.select(Author)):all()
    end)
    local function names() return d.psql "SELECT string_agg(name, ' ' ORDER BY id) FROM authors" end
    local audited = Author{ name = "audited" }
    session:add_all{ Author{ name = "skip" }, audited }
    session:commit()
    assert.equal("audited audit", names())
    audited.name = "changed"
    session:commit()
    assert.equal("changed! audit", names())
    session:delete(audited)
    session:commit()
    assert.equal("audit tomb of changed!", names())
  end)

  it("of states follow an object through its life", function()
    note(session, "transient_to_pending", "pending_to_persistent", "pending_to_transient", "persistent_to_transient",
      "persistent_to_deleted", "persistent_to_detached", "deleted_to_persistent", "deleted_to_detached",
      "detached_to_persistent", "loaded_as_persistent")
    local function next_steps(expected, fn)
      heard = {}
      fn()
      assert.equal(expected, table.concat(heard, " "))
    end
    local author = Author{ name = "a" }
    next_steps("transient_to_pending", function() session:add(author) end)
    next_steps("pending_to_transient", function() session:rollback() end)
    next_steps("transient_to_pending pending_to_transient", function()
      session:add(author)
      session:expunge(author)
    end)
    next_steps("transient_to_pending pending_to_persistent persistent_to_transient", function()
      session:add(author)
      session:flush()
      session:rollback()
    end)
    session:add(author)
    session:commit()
    next_steps("persistent_to_deleted deleted_to_persistent", function()
      session:delete(author)
      session:flush()
      session:rollback()
    end)
    next_steps("persistent_to_detached detached_to_persistent", function()
      session:expunge(author)
      session:add(author)
    end)
    next_steps("persistent_to_deleted deleted_to_detached", function()
      session:delete(author)
      session:commit()
    end)
    d.psql "INSERT INTO authors (name) VALUES ('x')"
    next_steps("loaded_as_persistent", function() session:scalars(pg.select(Author)):all() end)
  end)

  it("of a factory, or of all sessions, are those of each", function()
    local seen = {}
    on(d.Session, "after_commit", function(s) seen[#seen + 1] = s end)
    on(orm.Session, "after_commit", function(s) seen[#seen + 1] = s end)
    session:commit()
    assert.same({ session, session }, seen)
    local other = orm.Session(d.engine)
    other:commit()
    other:close()
    assert.same({ session, session, other }, seen)
  end)

  it("may change what a session executes", function()
    d.psql "INSERT INTO authors (name) VALUES ('a'), ('b')"
    on(session, "do_orm_execute", function(context)
      assert.equal(session, context.session)
      if context.is_select then context.statement = context.statement:where(Author.name:eq "b") end
    end)
    assert.equal("b", session:scalars(pg.select(Author)):one().name)
  end)

  it("of a model surround its rows' way to the database", function()
    for _, name in ipairs{ "before_insert", "after_insert", "before_update", "after_update", "before_delete",
      "after_delete" } do
      on(Author, name, function(mapper, conn, object)
        assert.equal(Author, mapper.model)
        local stored = conn:exec_sql("SELECT count(*) FROM authors"):scalar()
        heard[#heard + 1] = ("%s %s %d"):format(name, object.name, stored)
      end)
    end
    local author = Author{ name = "a" }
    session:add(author)
    session:flush()
    author.name = "b"
    session:flush()
    session:delete(author)
    session:flush()
    assert.same({ "before_insert a 0", "after_insert a 1", "before_update b 1", "after_update b 1", "before_delete b 1",
      "after_delete b 0" }, heard)
  end)

  it("of a model may change what is written", function()
    on(Author, "before_insert", function(_, _, author) author.name = author.name:upper() end)
    on(Author, "before_update", function(_, _, author) author.name = author.name .. "!" end)
    local author = Author{ name = "a" }
    session:add(author)
    session:commit()
    assert.equal("A", author.name)
    author.name = "b"
    session:commit()
    assert.equal("b!", author.name)
  end)

  it("of a base are those of all its models, and of models that inherit", function()
    on(d.Base, "before_insert", function(mapper) heard[#heard + 1] = mapper.name end)
    session:add_all{ Author{ name = "a" }, Book{ title = "b" } }
    session:flush()
    assert.same({ "authors", "books" }, heard)
    local Base = orm.declarative_base()
    local A = Base:model("a", {
      id = pg.Column{ pg.Integer, primary_key = true }, kind = pg.Column{ pg.Text },
      __polymorphic_on = "kind", __polymorphic_identity = "a",
    })
    local B = A:model("a", { __polymorphic_identity = "b" })
    local made = {}
    pg.listen(A, "init", function(object) made[#made + 1] = object.kind end)
    B()
    A()
    assert.same({ "b", "a" }, made)
  end)

  it("of an instance tell how it came to be", function()
    note(Author, "init", "load", "refresh", "expire")
    local author = Author{ name = "a" }
    session:add(author)
    session:flush()
    assert.same({ "init" }, heard)
    session:commit()
    assert.equal("a", author.name)
    assert.same({ "init", "expire", "refresh" }, heard)
    session:expunge_all()
    heard = {}
    session:get(Author, 1)
    assert.same({ "load" }, heard)
  end)

  it("of an attribute see, and may replace, what is set", function()
    on(Author.name, "set", function(object, value, old)
      heard[#heard + 1] = ("%s %s %s"):format(tostring(pg.inspect(object).transient), tostring(value), tostring(old))
      return value and value:lower()
    end)
    local author = Author{ name = "A" }
    author.name = "B"
    author.name = nil
    assert.same({ "true A nil", "true B a", "true nil b" }, heard)
    assert.is_nil(author.name)
    on(Author.name, "set", function(_, value)
      if value == "bad" then error("no bad names", 0) end
    end)
    author.name = "good"
    assert.has_error(function() author.name = "bad" end, "no bad names")
    assert.equal("good", author.name)
  end)

  it("of a relationship see what comes and goes", function()
    local function watch(name)
      on(Author.books, name, function(_, book) heard[#heard + 1] = name .. " " .. book.title end)
    end
    watch "append"
    watch "remove"
    on(Book.author, "set", function(book, author, old)
      heard[#heard + 1] = ("set %s %s %s"):format(book.title, author and author.name or "-", old and old.name or "-")
    end)
    local a, b = Book{ title = "a" }, Book{ title = "b" }
    local author = Author{ name = "x", books = { a } }
    author.books:append(b)
    author.books:remove(a)
    author.books = {}
    b.author = author
    b.author = nil
    assert.same({ "append a", "append b", "remove a", "remove b", "set b x -", "set b - x" }, heard)
  end)

  it("refuse names that are none", function()
    for _, case in ipairs{
      { Author, "before_inset", "did you mean 'before_insert'?" },
      { session, "after_comit", "did you mean 'after_commit'?" },
      { Author.name, "sets", "did you mean 'set'?" },
      { Author.books, "apend", "did you mean 'append'?" },
      { d.Base.metadata, "before_drp", "did you mean 'before_drop'?" },
    } do
      local ok, err = pcall(pg.listen, case[1], case[2], print)
      assert.is_false(ok)
      assert.truthy(tostring(err):find(case[3], 1, true), tostring(err))
    end
  end)
end)
