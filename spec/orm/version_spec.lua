--- Optimistic versions, and unique values that change hands.

local orm_db = require "spec.support.orm_db"
local pg = require "pgvector"

local orm = pg.orm

local function raises(class, fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok, "nothing was raised")
  assert.is_true(pg.is_error(err, class), tostring(err))
  return err
end

describe("a version", function()
  local d, Note, Row
  setup(function()
    d = orm_db.create(function(Base)
      Note = Base:model("notes", {
        id = pg.Column{ pg.Integer, primary_key = true }, text = pg.Column{ pg.Text },
        version = pg.Column{ pg.Integer, nullable = false }, __version_id = "version",
      })
      Row = Base:model("rows", {
        id = pg.Column{ pg.Integer, primary_key = true }, text = pg.Column{ pg.Text, unique = true },
      }, { version_id = "xmin" })
    end)
  end)
  teardown(function() d.drop() end)
  local session
  before_each(function()
    d.clear()
    session = d.Session()
  end)
  after_each(function() session:close() end)

  it("begins at 1 and counts every change", function()
    local note = Note{ text = "a" }
    session:add(note)
    session:commit()
    assert.equal(1, note.version)
    note.text = "b"
    session:flush()
    assert.equal(2, note.version)
    session:commit()
    note.text = "c" -- expired: the version is read before it is compared
    session:commit()
    assert.equal(3, note.version)
  end)

  for _, case in ipairs{
    { "a column", function() return Note end, "UPDATE notes SET version = version + 1, text = 'theirs'" },
    { "xmin", function() return Row end, "UPDATE rows SET text = 'theirs'" },
  } do
    describe("of " .. case[1], function()
      local object
      before_each(function()
        object = case[2]()({ id = 1, text = "a" })
        session:add(object)
        session:commit()
        assert.equal("a", object.text)
      end)

      it("lets nobody overwrite what somebody else wrote meanwhile", function()
        d.psql(case[3])
        object.text = "mine"
        raises("StaleDataError", session.flush, session)
        session:rollback()
        assert.equal("theirs", object.text)
        object.text = "mine"
        session:commit()
        assert.equal("mine", object.text)
      end)

      it("lets nobody delete it, either", function()
        d.psql(case[3])
        session:delete(object)
        raises("StaleDataError", session.flush, session)
        session:rollback()
        assert.equal("theirs", object.text)
        session:delete(object)
        session:commit()
        assert.is_nil(session:get(case[2](), 1))
      end)

      it("goes along with several changes in one transaction", function()
        for _, text in ipairs{ "b", "c" } do
          object.text = text
          session:flush()
        end
        session:commit()
        assert.equal("c", object.text)
      end)
    end)
  end

  it("names the objects of a batch that somebody else has changed or deleted", function()
    local notes = {}
    for i = 1, 10 do notes[i] = Note{ text = "n" .. i } end
    session:add_all(notes)
    session:commit()
    for _, note in ipairs(notes) do note.text = note.text .. "x" end -- which reads them
    d.psql "UPDATE notes SET version = 9 WHERE id = 2; DELETE FROM notes WHERE id = 4"
    local err = raises("StaleDataError", session.flush, session)
    assert.equal("UPDATE on table 'notes' expected to match 10 rows, 8 were matched; not there any more, or changed by "
      .. "somebody else: notes(2), notes(4)", err.message)
    session:rollback()
    table.remove(notes, 4)
    for _, note in ipairs(notes) do assert.truthy(note.text) end
    d.psql "UPDATE notes SET version = version + 1 WHERE id > 3"
    for _, note in ipairs(notes) do session:delete(note) end
    err = raises("StaleDataError", session.flush, session)
    assert.equal("DELETE on table 'notes' expected to match 9 rows, 3 were matched; not there any more, or changed by "
      .. "somebody else: notes(5), notes(6), notes(7), notes(8), notes(9), …", err.message)
    session:rollback()
  end)

  it("of xmin is no attribute", function()
    local row = Row{ text = "a" }
    session:add(row)
    session:flush()
    assert.same({ id = 1, text = "a" }, pg.orm.to_table(row))
    raises("ArgumentError", function() return row.xmin end)
  end)

  it("goes over to an object that takes over a deleted one's row", function()
    local note = Note{ id = 1, text = "a" }
    session:add(note)
    session:flush()
    session:delete(note)
    local other = Note{ id = 1, text = "b" }
    session:add(other)
    session:commit()
    assert.same({ "b", 2 }, { other.text, other.version })
  end)

  it("must be a whole number that exists", function()
    local Base = pg.orm.declarative_base()
    local function model(version)
      return function()
        Base:model("m" .. tostring(version), {
          id = pg.Column{ pg.Integer, primary_key = true }, text = pg.Column{ pg.Text }, __version_id = version,
        })
      end
    end
    assert.error_matches(model "text", "'text' must be an integer")
    assert.error_matches(model "txet", "there is no column 'txet', did you mean 'text'?")
  end)
end)

describe("unique values", function()
  local d, User, Place, Doc, Chunk, Step, Animal, Cat, Dog
  setup(function()
    d = orm_db.create(function(Base)
      User = Base:model("users", {
        id = pg.Column{ pg.Integer, primary_key = true },
        email = pg.Column{ pg.Text, unique = true, nullable = false },
        nick = pg.Column{ pg.String(20), unique = true },
      })
      Place = Base:model("places", {
        id = pg.Column{ pg.Integer, primary_key = true },
        room = pg.Column{ pg.Integer, nullable = false }, seat = pg.Column{ pg.Integer, nullable = false },
        pg.UniqueConstraint("room", "seat"),
      })
      Doc = Base:model("docs", {
        id = pg.Column{ pg.Integer, primary_key = true },
        chunks = orm.relationship("chunks", { back_populates = "doc", order_by = "seq", cascade = "all, delete-orphan" }),
      })
      Chunk = Base:model("chunks", {
        id = pg.Column{ pg.Integer, primary_key = true }, seq = pg.Column{ pg.Integer, nullable = false },
        doc_id = pg.Column{ pg.ForeignKey "docs.id", nullable = false },
        doc = orm.relationship("docs", { back_populates = "chunks" }),
        pg.UniqueConstraint("doc_id", "seq"),
      })
      Step = Base:model("steps", {
        id = pg.Column{ pg.Integer, primary_key = true },
        position = pg.Column{ pg.Integer, nullable = false, unique = true },
        small = pg.Column{ pg.SmallInteger, nullable = false, unique = true },
        weight = pg.Column{ pg.Numeric(4, 1), nullable = false, unique = true },
        share = pg.Column{ pg.Real, nullable = false, unique = true },
        size = pg.Column{
          pg.TypeDecorator{
            impl = pg.Integer, bind = function(s) return #s end, result = function(n) return ("x"):rep(n) end,
          }, nullable = false, unique = true },
        track = pg.Column{ pg.Date, nullable = false }, place = pg.Column{ pg.Integer },
        pg.UniqueConstraint("track", "place"),
        turn = pg.Column{ pg.Integer }, pg.UniqueConstraint("turn", { deferrable = true }),
        pg.CheckConstraint("position >= 0 AND small > 0 AND weight > 0 AND share > 0 AND size > 0"),
      })
      Animal = Base:model("animals", {
        id = pg.Column{ pg.Integer, primary_key = true }, kind = pg.Column{ pg.Text },
        name = pg.Column{ pg.Text, unique = true },
      }, { polymorphic_on = "kind", polymorphic_identity = "animal" })
      Cat = Animal:model("animals", { tag = pg.Column{ pg.Text, unique = true } }, { polymorphic_identity = "cat" })
      Dog = Animal:model("dogs", { id = pg.Column{ pg.ForeignKey "animals.id", primary_key = true } },
        { polymorphic_identity = "dog" })
    end)
  end)
  teardown(function() d.drop() end)
  local session
  before_each(function()
    d.clear()
    session = d.Session()
  end)
  after_each(function() session:close() end)

  local function users()
    local a, b, c = User{ email = "a", nick = "A" }, User{ email = "b", nick = "B" }, User{ email = "c" }
    session:add_all{ a, b, c }
    session:commit()
    return a, b, c
  end
  local function emails()
    return d.psql "SELECT string_agg(email || coalesce(nick, '-'), ' ' ORDER BY id) FROM users"
  end

  it("swap in one flush", function()
    local a, b = users()
    a.email, b.email = b.email, a.email
    a.nick, b.nick = b.nick, a.nick
    session:commit()
    assert.equal("bB aA c-", emails())
  end)

  it("swap although neither was read before", function()
    local a, b = users()
    a.email, b.email = "b", "a"
    session:commit()
    assert.equal("bA aB c-", emails())
  end)

  it("go round", function()
    local a, b, c = users()
    a.email, b.email, c.email = b.email, c.email, a.email
    session:commit()
    assert.equal("bA cB a-", emails())
  end)

  it("are handed on in the right order, without further statements", function()
    local a, b, c = users()
    assert.equal("a", a.email)
    a.email, b.email, c.email = b.email, c.email, "new"
    assert.equal(3, #d.statements_of(function() session:flush() end))
    session:commit()
    assert.equal("bA cB new-", emails())
  end)

  it("of several columns swap, too", function()
    local one, two = Place{ room = 1, seat = 1 }, Place{ room = 1, seat = 2 }
    session:add_all{ one, two }
    session:commit()
    one.seat, two.seat = two.seat, one.seat
    session:commit()
    assert.equal("2 1", d.psql "SELECT string_agg(seat::text, ' ' ORDER BY id) FROM places")
  end)

  it("swap under the condition that they be positive", function()
    local keys = { "position", "small", "weight", "share", "size", "place", "turn" }
    local a = Step{ position = 1, small = 1, weight = 1, share = 1, size = "x", place = 1, turn = 1, track = "2024-01-01" }
    local b = Step{ position = 2, small = 2, weight = 2, share = 2, size = "xx", place = 2, turn = 2, track = "2024-01-01" }
    session:add_all{ a, b }
    session:commit()
    for _, key in ipairs(keys) do a[key], b[key] = b[key], a[key] end
    session:commit()
    assert.equal("2 2 2.0 2 2 2 2, 1 1 1.0 1 1 1 1",
      d.psql "SELECT string_agg(concat_ws(' ', position, small, weight, share, size, place, turn), ', ' ORDER BY id) FROM steps")
  end)

  it("of a row that is deleted or changed are free for a new one", function()
    local a, b = users()
    session:delete(a)
    b.email = "z"
    session:add_all{ User{ email = "a", nick = "A" }, User{ email = "b" } }
    session:commit()
    assert.equal("zB c- aA b-", emails())
  end)

  it("of a row that is deleted are free for one that is changed", function()
    local a, b = users()
    session:delete(a)
    b.email, b.nick = "a", "A"
    session:commit()
    assert.equal("aA c-", emails())
  end)

  it("of a row that is deleted are free for a new one that a relationship gives its key", function()
    local doc = Doc{ chunks = { Chunk{ seq = 1 }, Chunk{ seq = 2 } } }
    session:add(doc)
    session:commit()
    doc.chunks = { Chunk{ seq = 1 }, Chunk{ seq = 2 } }
    session:commit()
    session:delete(doc.chunks[1])
    session:add(Chunk{ seq = 1, doc = doc })
    session:commit()
    assert.equal("4:2 5:1", d.psql "SELECT string_agg(id || ':' || seq, ' ' ORDER BY id) FROM chunks")
  end)

  it("swap and go round between the models of one hierarchy", function()
    local a, b, c = Animal{ name = "a" }, Cat{ name = "b", tag = "t" }, Dog{ name = "c" }
    session:add_all{ a, b, c }
    session:commit()
    local function names() return d.psql "SELECT string_agg(name, ' ' ORDER BY id) FROM animals" end
    a.name, b.name = b.name, a.name
    session:commit()
    assert.equal("b a c", names())
    c.name, a.name, b.name = "b", "a", "c" -- none of them is loaded
    session:commit()
    assert.equal("a c b", names())
    a.name, c.name = "new", a.name
    session:commit()
    c.name, a.name = "newer", c.name
    session:commit()
    assert.equal("a c newer", names())
    session:delete(b)
    session:add_all{ Animal{ name = "d" }, Cat{ name = "c", tag = "t" } }
    session:commit()
    assert.equal("a newer d c", names())
  end)

  it("that are really taken are refused by the server", function()
    local a = users()
    a.email = "b"
    local err = raises("IntegrityError", session.flush, session)
    assert.equal("uq_users_email", err.constraint)
    session:rollback()
    assert.equal("A", a.nick)
    a.nick = "Z"
    a.nick = "A" -- and so nothing is given up
    session:add(User{ email = "d", nick = "A" })
    err = raises("IntegrityError", session.flush, session)
    assert.equal("uq_users_nick", err.constraint)
    session:rollback()
    assert.equal("aA bB c-", emails())
  end)
end)
