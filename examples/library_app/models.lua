--- The models: authors, and their books with an embedding.

local pg = require "pgvector"
local orm = pg.orm

local Base = orm.declarative_base()

-- When a row was made, and its version: two writers do not overwrite each other.
local Tracked = Base:abstract{
  created = pg.Column{ pg.DateTime{ timezone = true }, server_default = pg.func.now() },
  version = pg.Column{ pg.Integer },
  __version_id = "version",
}

local Author = Base:model("example_authors", {
  id    = pg.Column{ pg.Integer, primary_key = true },
  name  = pg.Column{ pg.Text, nullable = false, unique = true },
  books = orm.relationship("example_books", {
    back_populates = "author", order_by = "title", cascade = "all, delete-orphan",
  }),
  -- loaded with every author, in the same query
  book_count = orm.column_property(function(Author)
    local books = Base.metadata.tables.example_books
    return pg.select(pg.func.count()):select_from(books):where(books.c.author_id:eq(Author.id))
  end),
}, { mixins = { Tracked } })

local Book = Base:model("example_books", {
  id        = pg.Column{ pg.Integer, primary_key = true },
  author_id = pg.Column{ pg.ForeignKey "example_authors.id", nullable = false },
  title     = pg.Column{ pg.Text, nullable = false },
  -- An embedding model would make these numbers from the text. Here they say
  -- how much of the book is about the sea, about war, and about love.
  embedding = pg.Column{ pg.VECTOR(3), nullable = false },
  author    = orm.relationship("example_authors", { back_populates = "books" }),

  pg.HNSW("embedding", { metric = "cosine" }),
}, { mixins = { Tracked } })

return { Base = Base, Author = Author, Book = Book }
