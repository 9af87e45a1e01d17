local pg = require "pgvector"
local compiler = require "pgvector.sql.compiler"
local assert_sql = require "spec.support.assert_sql"
local tables = require "spec.support.tables"

local items, owners, posts, notes = tables.items, tables.owners, tables.posts, tables.notes
local t, o, p = items.c, owners.c, posts.c
local func, null = pg.func, pg.null

local function cases(list)
  for _, case in ipairs(list) do
    it(case[2], function() assert_sql(case[1], case[2], case[3]) end)
  end
end

local function raises(call, class, message)
  local ok, err = pcall(call)
  assert.is_false(ok)
  assert(pg.is_error(err, class), tostring(err))
  assert.matches(message, err.message, 1, true)
end

describe("INSERT", function()
  local ins = pg.insert(owners)
  cases{
    { ins, "INSERT INTO owners DEFAULT VALUES" },
    { ins:values{ email = "x", id = 1 }, "INSERT INTO owners (id, email) VALUES ($1, $2)", { 1, "x" } },
    { ins:values{ email = null, active = false }, "INSERT INTO owners (email, active) VALUES ($1, $2)", { null, false } },
    { ins:values{ email = "x" }:values{ id = 2 }, "INSERT INTO owners (id, email) VALUES ($1, $2)", { 2, "x" } },
    { ins:values{ { email = "x" }, { email = "y" } }, "INSERT INTO owners (email) VALUES ($1), ($2)", { "x", "y" } },
    { ins:values{ { email = "x" }, { id = 2 }, { id = 3, email = null } },
      "INSERT INTO owners (id, email) VALUES (DEFAULT, $1), ($2, DEFAULT), ($3, $4)", { "x", 2, 3, null } },
    { ins:values({ email = "x" }, { email = "y" }), "INSERT INTO owners (email) VALUES ($1), ($2)", { "x", "y" } },
    { ins:values{}, "INSERT INTO owners DEFAULT VALUES" },
    { ins:values{ id = pg.default, email = func.lower("X") }, "INSERT INTO owners (id, email) VALUES (DEFAULT, lower($1))", { "X" } },
    { ins:values{ id = pg.select(func.max(t.id)) },
      "INSERT INTO owners (id) VALUES ((SELECT max(items.id) AS max_1 FROM items))" },
    { ins:values{ [o.email] = "x" }, "INSERT INTO owners (email) VALUES ($1)", { "x" } },
    { ins:values{ email = "x" }:returning(o.id), "INSERT INTO owners (email) VALUES ($1) RETURNING owners.id", { "x" } },
    { ins:values{ email = "x" }:returning(owners),
      "INSERT INTO owners (email) VALUES ($1) RETURNING owners.id, owners.email, owners.active", { "x" } },
    { ins:values{ email = "x" }:returning((o.id + 1):label "next"),
      "INSERT INTO owners (email) VALUES ($1) RETURNING owners.id + $2 AS next", { "x", 1 } },
    { ins:values{ { email = "x" } }:values{ { id = 2 } }, "INSERT INTO owners (id, email) VALUES (DEFAULT, $1), ($2, DEFAULT)",
      { "x", 2 } },
    { ins:values{ email = "x" }:values{ id = 2 }:values{ id = 3 }, "INSERT INTO owners (id, email) VALUES ($1, $2)", { 3, "x" } },
    { ins:values{ email = "x" }:values{ { email = "y" } }, "INSERT INTO owners (email) VALUES ($1), ($2)", { "x", "y" } },
    { ins:from_select({ "id", "email" }, pg.select(t.id, t.title):where(t.live)),
      "INSERT INTO owners (id, email) SELECT items.id, items.title FROM items WHERE items.live" },
    { ins:from_select({ "id" }, pg.select(o.id + 100)),
      "INSERT INTO owners (id) SELECT owners.id + $1 AS anon_1 FROM owners", { 100 } },
    { pg.insert(items):values{ embedding = { 1, 2, 3 }, meta = { a = 1 }, tags = { "x" } },
      "INSERT INTO items (meta, tags, embedding) VALUES ($1, $2, $3)", { { a = 1 }, { "x" }, { 1, 2, 3 } } },
  }

  it("gives every parameter its column's type and name", function()
    local binds = compiler.compile(pg.insert(items):values{ embedding = { 1, 2 }, id = 1 }).binds
    assert.are.equal("BIGINT", tostring(binds[1].type))
    assert.are.equal("id", binds[1].name)
    assert.are.equal("VECTOR(3)", tostring(binds[2].type))
    assert.are.equal("embedding", binds[2].name)
  end)

  it("puts in what columns have as defaults on this side", function()
    assert_sql(pg.insert(posts):values{ title = "x" },
      "INSERT INTO posts (title, state, token) VALUES ($1, $2, $3)", { "x", "draft", "made" })
    assert_sql(pg.insert(posts):values{ title = "x", state = null, token = "t" },
      "INSERT INTO posts (title, state, token) VALUES ($1, $2, $3)", { "x", null, "t" })
    assert_sql(pg.insert(posts), "INSERT INTO posts (state, token) VALUES ($1, $2)", { "draft", "made" })
    assert_sql(pg.insert(posts):values{ { title = "x" }, { state = "live" } },
      "INSERT INTO posts (title, state, token) VALUES ($1, $2, $3), (DEFAULT, $4, $5)",
      { "x", "draft", "made", "live", "made" })
  end)

  it("puts them into an alias as well", function()
    assert_sql(pg.insert(posts:alias "a"):values{ title = "x" },
      "INSERT INTO posts AS a (title, state, token) VALUES ($1, $2, $3)", { "x", "draft", "made" })
  end)

  it("puts them beside the columns of a select that are named", function()
    local into = pg.insert(posts)
    local function from(query, options) return into:from_select({ "title" }, query, options) end
    local query = pg.select(t.title)
    assert_sql(from(query), "INSERT INTO posts (title, state, token) SELECT items.title, $1 AS anon_1, $2 AS anon_2 FROM items",
      { "draft", "made" })
    assert_sql(into:from_select({ "state", "token" }, pg.select(t.title, t.title)),
      "INSERT INTO posts (state, token) SELECT items.title, items.title FROM items")
    assert_sql(from(query, { include_defaults = false }), "INSERT INTO posts (title) SELECT items.title FROM items")
    assert_sql(from(pg.select(func.max(t.title)):group_by(t.owner_id):order_by(t.owner_id):limit(3)),
      "INSERT INTO posts (title, state, token) SELECT max(items.title) AS max_1, $1 AS anon_1, $2 AS anon_2 FROM items "
        .. "GROUP BY items.owner_id ORDER BY items.owner_id LIMIT $3", { "draft", "made", 3 })
    assert_sql(from(query:distinct()), "INSERT INTO posts (title, state, token) SELECT anon_1.title, $1 AS anon_1, $2 AS anon_2 "
      .. "FROM (SELECT DISTINCT items.title FROM items) AS anon_1", { "draft", "made" })
    assert_sql(from(query:union(pg.select(o.email))), "INSERT INTO posts (title, state, token) SELECT anon_1.title, $1 AS anon_1, "
      .. "$2 AS anon_2 FROM (SELECT items.title FROM items UNION SELECT owners.email FROM owners) AS anon_1", { "draft", "made" })
  end)

  it("puts the value by which a model knows its rows beside a select, whatever of defaults", function()
    local Model = { __clause = owners, __identity = { o.email, "mine" } }
    local sql = "INSERT INTO owners (id, email) SELECT items.id, $1 AS anon_1 FROM items"
    assert_sql(pg.insert(Model):from_select({ "id" }, pg.select(t.id)), sql, { "mine" })
    assert_sql(pg.insert(Model):from_select({ "id" }, pg.select(t.id), { include_defaults = false }), sql, { "mine" })
  end)

  it("calls a default's function anew at each execution", function()
    local count = 0
    local counted = pg.table("counted", pg.column("n", pg.Integer))
    counted.c.n.default = function() count = count + 1 return count end
    local stmt = pg.insert(counted)
    assert_sql(stmt, "INSERT INTO counted (n) VALUES ($1)", { 1 })
    assert_sql(stmt, "INSERT INTO counted (n) VALUES ($1)", { 2 })
  end)

  it("compiles for rows to come by their keys", function()
    local compiled = compiler.compile(pg.insert(posts), { keys = { "title", "id" } })
    assert.are.equal("INSERT INTO posts (id, title, state, token) VALUES ($1, $2, $3, $4)", compiled.sql)
    assert.are.equal("id", compiled.binds[1].key)
    assert.is_true(compiled.binds[1].required)
    assert.are.equal("title", compiled.binds[2].key)
    assert.is_nil(compiled.binds[3].key)
    assert.are.equal("draft", compiled.binds[3].value)
    assert.are.equal("function", type(compiled.binds[4].value))
    compiled = compiler.compile(pg.insert(owners):values{ active = true }, { keys = { "email" } })
    assert.are.equal("INSERT INTO owners (email, active) VALUES ($1, $2)", compiled.sql)
    compiled = compiler.compile(pg.insert(owners):values{ email = func.lower(pg.bindparam "e") }, { keys = { "e", "id" } })
    assert.are.equal("INSERT INTO owners (id, email) VALUES ($1, lower($2))", compiled.sql)
    assert.are.equal("e", compiled.binds[2].key)
    compiled = compiler.compile(pg.insert(owners), { keys = {} })
    assert.are.equal("INSERT INTO owners DEFAULT VALUES", compiled.sql)
  end)

  it("compiles for rows to come with CTEs, whose parameters are none of its columns", function()
    local chosen = pg.select(t.title):where(t.id:eq(pg.bindparam "item")):cte "chosen"
    local logged = pg.insert(notes):values{ id = pg.bindparam "note" }:returning(notes.c.id):cte "logged"
    assert.are.equal("WITH chosen AS (SELECT items.title FROM items WHERE items.id = $1) INSERT INTO owners (id, email) "
      .. "VALUES ($2, (SELECT chosen.title FROM chosen))", compiler.compile(
      pg.insert(owners):values{ email = pg.select(chosen.c.title) }, { keys = { "item", "id" } }).sql)
    assert.are.equal("WITH logged AS (INSERT INTO notes (id) VALUES ($1) RETURNING notes.id) UPDATE owners SET email=$2 "
      .. "WHERE owners.id = $3", compiler.compile(pg.update(owners):where(o.id:eq(pg.bindparam "owner")):add_cte(logged),
      { keys = { "email", "owner", "note" } }).sql)
  end)

  it("refuses what cannot be inserted", function()
    raises(function() ins:values{ emal = "x" } end, "ArgumentError", "has no column 'emal', did you mean 'email'?")
    raises(function() ins:values{ "x" } end, "ArgumentError", "values are given by column")
    raises(function() ins:values "x" end, "ArgumentError", "expected a table")
    raises(function() ins:values() end, "ArgumentError", "expected a table")
    raises(function() ins:values{ email = function() end } end, "ArgumentError", "is a function")
    raises(function() ins:values{ email = owners } end, "ArgumentError", "is a table or model")
    raises(function() ins:values{ [t.id] = 1 } end, "ArgumentError", "not a column of")
    raises(function() ins:values{ { email = "x" }, "y" } end, "ArgumentError", "values: row 2 is the string \"y\"")
    raises(function() ins:values{ { email = "x" }, nil, { email = "z" } } end, "ArgumentError", "values: row 2 is nil")
    raises(function() ins:values({ email = "x" }, nil) end, "ArgumentError", "values: row 2 is nil")
    raises(function() ins:values{ { email = "x" }, id = 1 } end, "ArgumentError", "a list of rows has a field 'id'")
    raises(function() ins:from_select({ "id" }, pg.select(o.id), { defaults = false }) end, "ArgumentError", "defaults")
    raises(function() pg.insert(posts):from_select({ "id" }, pg.select(pg.text "1"):distinct()):compile() end,
      "InvalidRequestError", "'posts' has defaults, which cannot be added to columns without names")
    raises(function() pg.insert "owners" end, "ArgumentError", "expected a table")
    raises(function() pg.insert(pg.select(o.id):subquery()) end, "ArgumentError", "expected a table")
    raises(function() ins:from_select({ "id" }, pg.select(t.id, t.title)) end, "ArgumentError", "1 columns are named")
    raises(function() ins:from_select({}, pg.select(t.id)) end, "ArgumentError", "expected a sequence")
    raises(function() ins:from_select({ "id" }, items) end, "ArgumentError", "expected a select")
    raises(function() ins:values{ id = 1 }:from_select({ "id" }, pg.select(t.id)) end, "InvalidRequestError", "values already")
    raises(function() ins:returning() end, "ArgumentError", "at least one")
    raises(function() compiler.compile(ins, { keys = { "emal" } }) end, "ArgumentError", "did you mean 'email'?")
  end)

  it("refuses more parameters than the protocol has", function()
    local rows = {}
    for i = 1, 32768 do rows[i] = { id = i, email = "x" } end
    raises(function() ins:values(rows):compile() end, "InvalidRequestError", "65536 parameters")
  end)
end)

describe("ON CONFLICT", function()
  local ins = pg.insert(owners):values{ id = 1, email = "x" }
  local head = "INSERT INTO owners (id, email) VALUES ($1, $2)"
  local function conflict(stmt, sql, more)
    it(sql, function()
      local params = { 1, "x" }
      for _, value in ipairs(more or {}) do params[#params + 1] = value end
      assert_sql(stmt, head .. " " .. sql, params)
    end)
  end
  conflict(ins:on_conflict_do_nothing(), "ON CONFLICT DO NOTHING")
  conflict(ins:on_conflict_do_nothing{ index_elements = { "email" } }, "ON CONFLICT (email) DO NOTHING")
  conflict(ins:on_conflict_do_nothing{ index_elements = { o.email, o.id }, where = o.active },
    "ON CONFLICT (email, id) WHERE active DO NOTHING")
  conflict(ins:on_conflict_do_nothing{ constraint = "uq_owners_email" }, "ON CONFLICT ON CONSTRAINT uq_owners_email DO NOTHING")
  conflict(ins:on_conflict_do_nothing{ constraint = { name = "Order" } }, 'ON CONFLICT ON CONSTRAINT "Order" DO NOTHING')
  conflict(ins:on_conflict_do_update{ index_elements = { "email" }, set = { email = ins.excluded.email } },
    "ON CONFLICT (email) DO UPDATE SET email = excluded.email")
  conflict(ins:on_conflict_do_update{ index_elements = { "id" }, set = { "email", "active" } },
    "ON CONFLICT (id) DO UPDATE SET email = excluded.email, active = excluded.active")
  conflict(ins:on_conflict_do_update{ index_elements = { "id" }, set = { active = true, email = o.email .. ins.excluded.email } },
    "ON CONFLICT (id) DO UPDATE SET email = owners.email || excluded.email, active = $3", { true })
  conflict(ins:on_conflict_do_update{ index_elements = { "id" }, set = { active = true }, where = o.email:ne(ins.excluded.email) },
    "ON CONFLICT (id) DO UPDATE SET active = $3 WHERE owners.email != excluded.email", { true })
  conflict(ins:on_conflict_do_update{ index_elements = { func.lower(o.email) }, index_where = o.active:is_(true),
    set = { active = true } }, "ON CONFLICT (lower(email)) WHERE active IS true DO UPDATE SET active = $3", { true })
  conflict(ins:on_conflict_do_update{ index_elements = { o.email .. "" }, set = { active = null } },
    "ON CONFLICT ((email || $3)) DO UPDATE SET active = $4", { "", null })
  conflict(ins:on_conflict_do_update{ constraint = "k", set = { active = true } }:returning(o.id),
    "ON CONFLICT ON CONSTRAINT k DO UPDATE SET active = $3 RETURNING owners.id", { true })

  it("knows the refused row's columns", function()
    raises(function() return ins.excluded.emal end, "ArgumentError", "did you mean 'email'?")
  end)

  it("refuses what is not clear", function()
    raises(function() ins:on_conflict_do_update{ set = { active = true } } end, "ArgumentError", "needs index_elements")
    raises(function() ins:on_conflict_do_update{ index_elements = { "id" } } end, "ArgumentError", "set must be")
    raises(function() ins:on_conflict_do_update{ index_elements = { "id" }, set = {} } end, "ArgumentError", "set must be")
    raises(function() ins:on_conflict_do_update{ index_elements = { "id" }, set = { emal = 1 } } end, "ArgumentError", "'emal'")
    raises(function() ins:on_conflict_do_update{ index_elements = { "idd" }, set = { active = true } } end, "ArgumentError", "'idd'")
    raises(function() ins:on_conflict_do_nothing{ index_element = { "id" } } end, "ArgumentError", "did you mean 'index_elements'?")
    raises(function() ins:on_conflict_do_nothing{ index_elements = { "id" }, constraint = "x" } end, "ArgumentError", "exclude")
    raises(function() ins:on_conflict_do_nothing{ where = o.active } end, "ArgumentError", "where needs index_elements")
  end)
end)

describe("UPDATE", function()
  local upd = pg.update(owners)
  cases{
    { upd:where(o.id:eq(1)):values{ email = "x", active = false },
      "UPDATE owners SET email=$1, active=$2 WHERE owners.id = $3", { "x", false, 1 } },
    { upd:values{ email = "x" }:values{ active = true }:where(o.id:eq(1)),
      "UPDATE owners SET email=$1, active=$2 WHERE owners.id = $3", { "x", true, 1 } },
    { upd:where(o.id:eq(1)):values{ email = null }, "UPDATE owners SET email=$1 WHERE owners.id = $2", { null, 1 } },
    { upd:all_rows():values{ email = o.email .. "!" }, "UPDATE owners SET email=owners.email || $1", { "!" } },
    { upd:filter_by{ id = 1 }:values{ email = pg.default }, "UPDATE owners SET email=DEFAULT WHERE owners.id = $1", { 1 } },
    { upd:where(o.id:eq(1)):values{ email = pg.select(t.title):where(t.owner_id:eq(o.id), t.live) },
      "UPDATE owners SET email=(SELECT items.title FROM items WHERE items.owner_id = owners.id AND items.live) "
        .. "WHERE owners.id = $1", { 1 } },
    { upd:where(o.id:eq(t.owner_id), t.live):values{ email = t.title },
      "UPDATE owners SET email=items.title FROM items WHERE owners.id = items.owner_id AND items.live" },
    { upd:using(items:join(notes, notes.c.id:eq(t.id))):where(o.id:eq(t.owner_id)):values{ active = true },
      "UPDATE owners SET active=$1 FROM items JOIN notes ON notes.id = items.id WHERE owners.id = items.owner_id", { true } },
    { upd:where(o.id:eq(1)):values{ active = true }:returning(o.id),
      "UPDATE owners SET active=$1 WHERE owners.id = $2 RETURNING owners.id", { true, 1 } },
    { upd:where(pg.select(t.id):where(t.owner_id:eq(o.id)):exists()):values{ active = true },
      "UPDATE owners SET active=$1 WHERE EXISTS (SELECT items.id FROM items WHERE items.owner_id = owners.id)", { true } },
    { pg.update(owners:alias "a"):all_rows():values{ active = true }, "UPDATE owners AS a SET active=$1", { true } },
    { pg.update(posts):where(p.id:eq(1)):values{ title = "x" },
      "UPDATE posts SET title=$1, changed=now() WHERE posts.id = $2", { "x", 1 } },
    { pg.update(posts):where(p.id:eq(1)):values{ changed = null },
      "UPDATE posts SET changed=$1 WHERE posts.id = $2", { null, 1 } },
  }

  it("of every row must be asked for", function()
    raises(function() upd:values{ active = true }:compile() end, "InvalidRequestError", "has no condition")
    assert.are.equal("UPDATE owners SET active=$1", tostring(upd:values{ active = true }))
  end)

  it("of an alias puts in what the columns have for that", function()
    local a = posts:alias "a"
    assert_sql(pg.update(a):where(a.c.id:eq(1)):values{ title = "x" },
      "UPDATE posts AS a SET title=$1, changed=now() WHERE a.id = $2", { "x", 1 })
  end)

  it("must set something", function()
    raises(function() upd:where(o.id:eq(1)):compile() end, "InvalidRequestError", "sets nothing")
    raises(function() upd:values{} end, "ArgumentError", "empty")
    raises(function() upd:values{ emal = 1 } end, "ArgumentError", "did you mean 'email'?")
  end)

  it("compiles for rows to come: keys that are no parameters of the condition are columns", function()
    local stmt = upd:where(o.id:eq(pg.bindparam "b_id"))
    local compiled = compiler.compile(stmt, { keys = { "b_id", "email" } })
    assert.are.equal("UPDATE owners SET email=$1 WHERE owners.id = $2", compiled.sql)
    assert.are.equal("email", compiled.binds[1].key)
    assert.are.equal("b_id", compiled.binds[2].key)
    compiled = compiler.compile(upd:where(o.id:eq(pg.bindparam "id")):values{ email = pg.bindparam "new" },
      { keys = { "id", "new" } })
    assert.are.equal("UPDATE owners SET email=$1 WHERE owners.id = $2", compiled.sql)
  end)
end)

describe("DELETE", function()
  local del = pg.delete(owners)
  cases{
    { del:where(o.id:eq(1)), "DELETE FROM owners WHERE owners.id = $1", { 1 } },
    { del:where(o.id:eq(1), o.active), "DELETE FROM owners WHERE owners.id = $1 AND owners.active", { 1 } },
    { del:filter_by{ email = null }, "DELETE FROM owners WHERE owners.email IS NULL" },
    { del:all_rows(), "DELETE FROM owners" },
    { del:where(o.id:eq(t.owner_id), t.live),
      "DELETE FROM owners USING items WHERE owners.id = items.owner_id AND items.live" },
    { del:using(items):where(o.active), "DELETE FROM owners USING items WHERE owners.active" },
    { del:where(o.id:in_(pg.select(t.owner_id))):returning(owners),
      "DELETE FROM owners WHERE owners.id IN (SELECT items.owner_id FROM items) "
        .. "RETURNING owners.id, owners.email, owners.active" },
  }

  it("of every row must be asked for", function()
    raises(function() del:compile() end, "InvalidRequestError", "delete of 'owners' has no condition")
    raises(function() pg.select(del:returning(o.id):cte("x").c.id):compile() end, "InvalidRequestError", "no condition")
    assert.are.equal("DELETE FROM owners", tostring(del))
  end)

  it("refuses conditions that are none", function()
    raises(function() del:where() end, "ArgumentError", "at least one condition")
    raises(function() del:where(nil) end, "ArgumentError", "got nil")
    raises(function() del:filter_by{} end, "ArgumentError", "at least one column")
    raises(function() del:filter_by{ emal = 1 } end, "ArgumentError", "did you mean 'email'?")
  end)
end)
