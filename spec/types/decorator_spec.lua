local db = require "spec.support.db"
local pg = require "pgvector"

local null = pg.null

-- What the application calls "unknown" is NULL in the database, and what it
-- has no word for, NULL, is "(none)" there.
local function bind(value)
  if value == null then return "(none)" end
  if value == "unknown" then return nil end
  if value == "undefined" then return null end
  return value
end

local function result(value)
  if value == null then return "unknown" end
  if value == "(none)" then return nil end
  if value == "(nothing)" then return null end
  return value
end

describe("a type decorator with null = true", function()
  local engine, conn, drop
  local Word = pg.TypeDecorator{ impl = pg.Text, bind = bind, result = result, null = true }
  local words = pg.Table("words", pg.MetaData(), {
    pg.Column{ "id", pg.Integer, primary_key = true }, pg.Column{ "word", Word },
    pg.Column{ "list", pg.ARRAY(Word) },
  })

  setup(function()
    local url
    url, drop = db.create()
    engine = pg.create_engine(url)
  end)
  teardown(function()
    engine:dispose()
    drop()
  end)
  before_each(function()
    conn = engine:connect()
    words:create(conn)
  end)
  after_each(function() conn:close() end)

  -- what is stored, one word after another
  local function stored()
    return conn:exec_sql("SELECT string_agg(coalesce(word, 'NULL'), ' ' ORDER BY id) FROM words"):scalar()
  end

  local ways_in = {
    { "a parameter", function()
      for _, word in ipairs{ "a", null, "unknown", "undefined" } do
        conn:execute(pg.insert(words):values{ word = word })
      end
    end },
    { "several rows of values", function()
      conn:execute(pg.insert(words):values{ { word = "a" }, { word = null }, { word = "unknown" },
        { word = "undefined" } })
    end },
    { "executemany", function()
      conn:execute(pg.insert(words), { { word = "a" }, { word = null }, { word = "unknown" }, { word = "undefined" } })
    end },
    { "a pipeline", function()
      conn:pipeline(function(pipeline)
        for _, word in ipairs{ "a", null, "unknown", "undefined" } do
          pipeline:execute(pg.insert(words):values{ word = word })
        end
      end)
    end },
    { "COPY", function() conn:copy_in(words, { "word" }, { { "a" }, { n = 1 }, { "unknown" }, { "undefined" } }) end },
    { "constants in SQL", function()
      for _, word in ipairs{ "a", null, "unknown", "undefined" } do
        conn:exec_sql(pg.insert(words):values{ word = word }:compile{ literal_binds = true })
      end
    end },
    { "a default", function()
      local filled = pg.Table("words", pg.MetaData(), {
        pg.Column{ "id", pg.Integer, primary_key = true },
        pg.Column{ "word", Word, default = function() return null end },
      })
      conn:execute(pg.insert(filled), { { word = "a" }, {}, { word = "unknown" }, { word = "undefined" } })
    end },
  }
  for _, way in ipairs(ways_in) do
    it("gives NULL to its bind function in " .. way[1] .. ", and takes NULL from it", function()
      way[2]()
      assert.equal("a (none) NULL NULL", stored())
    end)
  end

  local query = pg.select(words.c.word):order_by(words.c.id)
  local function by_name(rows)
    local list = {}
    for row in rows do list[#list + 1] = row.word == nil and "nil" or row.word end
    return list
  end
  local ways_out = {
    { "rows, by name", function() return by_name(conn:execute(query)) end, "nil" },
    { "mappings", function() return by_name(conn:execute(query):mappings()) end, "nil" },
    { "COPY", function() return by_name((conn:copy_out(query))) end, "nil" },
    { "a stream", function() return by_name(conn:execute(query:execution_options{ yield_per = 2 })) end, "nil" },
    { "a cursor", function() return by_name(conn:cursor(query)) end, "nil" },
    { "rows, by position", function()
      local list = {}
      for i, row in ipairs(conn:execute(query):all()) do list[i] = row[1] end
      return list
    end, null },
    { "scalars", function() return conn:scalars(query):all() end, null },
    { "single values", function()
      local list = {}
      for i = 0, 3 do
        local value = conn:scalar(query:offset(i):limit(1))
        list[i + 1] = value == nil and "nil" or value
      end
      return list
    end, "nil" },
  }
  for _, way in ipairs(ways_out) do
    it("gives NULL to its result function in " .. way[1] .. ", and takes NULL from it", function()
      conn:exec_sql("INSERT INTO words (word) VALUES ('a'), (NULL), ('(none)'), ('(nothing)')")
      assert.same({ "a", "unknown", way[3], way[3] }, way[2]())
    end)
  end

  it("sees the NULLs among an array's elements, not that the array is NULL", function()
    conn:execute(pg.insert(words), { { list = { "a", null, "unknown" } }, { list = null } })
    local function text() return conn:exec_sql("SELECT list::text FROM words ORDER BY id"):scalars():all() end
    assert.same({ "{a,(none),NULL}", null }, text())
    assert.same({ { "a", null, "unknown" }, null },
      conn:scalars(pg.select(words.c.list):order_by(words.c.id)):all())
    assert.equal("ARRAY['a', '(none)', NULL]::TEXT[]", pg.ARRAY(Word):literal{ "a", null, "unknown" })
  end)

  it("stands in DDL as it is sent", function()
    local tbl = pg.Table("t", pg.MetaData(), { pg.Column{ "word", Word, server_default = null } })
    assert.equal("CREATE TABLE t (\n  word TEXT DEFAULT '(none)'\n)", tostring(pg.CreateTable(tbl)))
  end)

  it("may stand on another one, which sees NULL only if it asks for it", function()
    local function marked(options)
      options.bind = function(value) return value == null and "<null>" or "<" .. value .. ">" end
      options.result = function(value) return value == null and "<null>" or "<" .. value .. ">" end
      return pg.TypeDecorator(options)
    end
    local over_it = marked{ impl = Word }
    assert.equal("'<a>'", over_it:literal "a")
    assert.equal("'(none)'", over_it:literal(null)) -- that which it stands on sees it
    assert.equal("'<null>'", marked{ impl = Word, null = true }:literal(null))
    local reads = over_it:result_spec()
    assert.is_true(reads.null)
    assert.equal("<unknown>", reads.convert(null))
    assert.is_nil(reads.convert "(none)")
    assert.equal("<null>", marked{ impl = Word, null = true }:result_spec().convert "(none)")
  end)

  describe("in a model", function()
    local Note

    setup(function()
      Note = pg.orm.declarative_base():model("notes", {
        id = pg.Column{ pg.Integer, primary_key = true }, word = pg.Column{ Word },
        title = pg.Column{ pg.Text },
      })
    end)

    it("sees what is not set, set to NULL, and read again", function()
      Note.__table:create(conn)
      local session = pg.orm.Session(conn)
      local note = Note{ title = "x" }
      session:add(note)
      session:flush()
      local function in_database() return conn:exec_sql("SELECT coalesce(word, 'NULL') FROM notes"):scalar() end
      assert.equal("(none)", in_database())
      assert.is_nil(note.word)

      note.word = "unknown"
      session:flush()
      assert.equal("NULL", in_database())
      session:refresh(note)
      assert.equal("unknown", note.word)
      assert.is_false(session:is_modified(note))

      note.word = null
      assert.same({ added = {}, unchanged = {}, deleted = { "unknown" } }, pg.inspect(note):history "word")
      session:flush()
      assert.equal("(none)", in_database())
      session:close()
    end)
  end)
end)

describe("a type decorator", function()
  it("refuses what it does not know", function()
    assert.error_matches(function() pg.TypeDecorator{ impl = pg.Text, nul = true } end, "did you mean 'null'")
    assert.error_matches(function() pg.TypeDecorator{ impl = pg.Text, null = 1 } end, "null must be true or false")
    assert.error_matches(function() pg.TypeDecorator{ impl = pg.Text, name = "x" } end, "unknown option 'name'")
  end)

  it("reads what its result function gives for a value as NULL if that is nil or pg.null", function()
    for _, nothing in ipairs{ function() return nil end, function() return null end } do
      assert.is_nil(pg.TypeDecorator{ impl = pg.Text, result = nothing }:result_spec().convert "x")
      assert.same({ null }, pg.ARRAY(pg.TypeDecorator{ impl = pg.Text, result = nothing }):result_spec().convert{ "x" })
    end
  end)

  it("over a vector sends a model's value through its function once", function()
    local url, drop = db.create()
    local engine = pg.create_engine(url)
    local Doubled = pg.TypeDecorator{
      impl = pg.VECTOR(2), bind = function(v) return { v[1] * 2, v[2] * 2 } end,
      result = function(v) return { v[1] / 2, v[2] / 2 } end,
    }
    local Base = pg.orm.declarative_base()
    local Item = Base:model("items", {
      id = pg.Column{ pg.Integer, primary_key = true }, v = pg.Column{ Doubled },
    })
    Base.metadata:create_all(engine)
    local session = pg.orm.Session(engine)
    local item = Item{ v = { 1, 2 } }
    session:add(item)
    session:commit()
    assert.equal("[2,4]", tostring(session:connection():exec_sql("SELECT v FROM items"):scalar()))
    assert.same({ 1, 2 }, item.v)
    session:close()
    engine:dispose()
    drop()
  end)
end)
