-- A library: models, relationships and a search by meaning, in one program.
--
--     PGVECTOR_URL=postgresql:///test lua5.4 examples/library_app/main.lua
--
-- It makes its tables anew in every run.

local here = arg[0]:match("^(.*)/[^/]*$") or "."
package.path = here .. "/?.lua;" .. package.path

local pg = require "pgvector"
local models = require "models"

local orm = pg.orm
local Author, Book = models.Author, models.Book

local function seed(session)
  session:add_all{
    Author{ name = "Herman Melville", books = {
      Book{ title = "Moby-Dick", embedding = { 9, 2, 1 } },
      Book{ title = "White-Jacket", embedding = { 7, 5, 0 } },
    } },
    Author{ name = "Jane Austen", books = {
      Book{ title = "Emma", embedding = { 0, 0, 8 } },
      Book{ title = "Persuasion", embedding = { 3, 1, 8 } },
    } },
    Author{ name = "Leo Tolstoy", books = {
      Book{ title = "War and Peace", embedding = { 0, 9, 5 } },
      Book{ title = "Anna Karenina", embedding = { 0, 1, 9 } },
    } },
  }
end

-- The books nearest to a subject. Their authors come with the same query.
local function search(session, subject, embedding)
  local stmt = pg.select(Book):nearest(Book.embedding, embedding, { limit = 3 })
    :options(orm.joinedload(Book.author))
  print("about " .. subject .. ":")
  for _, book, distance in session:execute(stmt):tuples() do
    print(("  %.3f  %s, by %s"):format(distance, book.title, book.author.name))
  end
end

-- All authors. Their books come with one more query, and without embeddings.
local function list(session)
  local stmt = pg.select(Author):order_by(Author.name)
    :options(orm.selectinload(Author.books):load_only(Book.title))
  for author in session:scalars(stmt) do
    local titles = {}
    for i, book in ipairs(author.books) do titles[i] = book.title end
    print(("%s (%d): %s"):format(author.name, author.book_count, table.concat(titles, ", ")))
  end
end

local function find_author(session, name)
  return session:scalars(pg.select(Author):where(Author.name:eq(name))):one()
end

local engine = pg.create_engine(os.getenv("PGVECTOR_URL") or "postgresql:///")
models.Base.metadata:drop_all(engine)
models.Base.metadata:create_all(engine)
local Session = orm.sessionmaker{ bind = engine }

Session:begin(seed)
Session(list)
Session(function(session)
  search(session, "the sea", { 1, 0, 0 })
  search(session, "love in times of war", { 0, 1, 1 })
end)

-- Update: a new book, and one that is described better. The commit writes both.
Session:begin(function(session)
  local melville = find_author(session, "Herman Melville")
  melville.books:append(Book{ title = "Billy Budd", embedding = { 6, 4, 0 } })
  local persuasion = session:scalars(pg.select(Book):where(Book.title:eq "Persuasion")):one()
  persuasion.embedding = { 8, 1, 4 }
end)
Session(function(session) search(session, "the sea", { 1, 0, 0 }) end)

-- Two people at the same book: the second one is told.
Session(function(session)
  local emma = session:scalars(pg.select(Book):where(Book.title:eq "Emma")):one()
  Session:begin(function(other) other:get(Book, emma.id).title = "Emma, a novel" end)
  emma.title = "EMMA"
  local _, err = pg.try(session.commit, session)
  print(pg.is_error(err, "StaleDataError") and "somebody else has changed Emma meanwhile" or err)
  session:rollback()
end)

-- Delete: one book that leaves its author's list, and an author with all books.
Session:begin(function(session)
  local melville = find_author(session, "Herman Melville")
  melville.books:remove(melville.books[1])
  session:delete(find_author(session, "Leo Tolstoy"))
end)
Session(list)

engine:dispose()
