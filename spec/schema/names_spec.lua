-- Names that need care, as the names of everything at once, on the server.

local db = require "spec.support.db"
local pg = require "pgvector"

local orm = pg.orm

local names = {
  "user", "order", "SELECT", "MixedCase", "1st", "$money", "with space", "a.b", "100%", "c:d", "what?", 'quo"te', "it's",
  "back\\slash", "tab\tnew\nline", "é", "--", "/*x*/", "$1", "{}", "%s %d", ("x"):rep(58), "n", "count", "end", "keys",
  "where", "c", "id ", " ", "null", "default", "table",
}

describe("a table, its schema, columns, types and constraints", function()
  local engine, conn, drop

  setup(function()
    local url
    url, drop = db.create()
    engine = pg.create_engine(url)
    conn = engine:connect()
  end)
  teardown(function()
    conn:close()
    engine:dispose()
    drop()
  end)
  after_each(function() conn:rollback() end)

  -- Everything is called `name`, or that and a letter.
  local function define(name)
    return orm.declarative_base():model(name, {
      id = pg.Column{ pg.Integer, primary_key = true },
      value = pg.Column{ name, pg.Text, comment = name, nullable = false },
      kind = pg.Column{ pg.Enum{ name, "other", name = name .. "E", schema = name }, server_default = name },
      number = pg.Column{ pg.Integer, pg.Sequence(name .. "S", { schema = name }) },
      length = pg.Column{ pg.Integer, pg.Computed(pg.func.length(pg.column(name))) },
      pg.Index(name .. "I", "value", { where = pg.column(name, pg.Text):ne(name) }),
      pg.UniqueConstraint("value", { name = name .. "U" }),
      pg.CheckConstraint(pg.column(name, pg.Text):ne "", { name = "C" }),
    }, { schema = name, comment = name })
  end

  for _, name in ipairs(names) do
    it(("may be called %q"):format(name), function()
      local Model = define(name)
      local tbl = Model.__table
      conn:execute(pg.CreateSchema(name))
      tbl.metadata:create_all(conn)
      tbl.metadata:create_all(conn) -- finds what is there

      conn:execute(pg.insert(Model), { { value = "a" }, { value = "b", kind = "other" } })
      conn:copy_in(Model, { "value" }, { { "c" } })
      local row = conn:execute(pg.select(tbl):where(Model.value:eq "a")):one()
      assert.same({ "a", name, 1, 1 }, { row[name], row.kind, row.number, row.length })
      local upsert = pg.insert(Model):values{ value = "a" }:on_conflict_do_update{
        index_elements = { "value" }, set = { value = "A" },
      }:returning(Model.value)
      assert.equal("A", conn:scalar(upsert))
      upsert = pg.insert(Model):values{ value = "A" }:on_conflict_do_nothing{ constraint = name .. "U" }
      assert.equal(0, conn:execute(upsert).rowcount)
      assert.equal(3, conn:copy_out(Model, function(copied) assert.is_string(copied[name]) end))

      local alias, cte = tbl:alias(name), pg.select(Model.value):cte(name)
      assert.equal("A", conn:scalar(pg.select(alias.c.value:label(name)):order_by(name)))
      assert.equal("c", conn:scalar(pg.select(cte.c.value):order_by(cte.c.value:desc())))

      local session = orm.Session(conn)
      local object = session:scalars(pg.select(Model):where(Model.kind:eq "other")):one()
      object.value = "B"
      session:flush()
      session:refresh(object)
      assert.same({ "B", 1 }, { object.value, object.length })
      session:close()

      local read = pg.Table(name, pg.MetaData(), { autoload = conn }, { schema = name })
      assert.same({ name, name }, { read.comment, read.c[name].comment })
      assert.equal(3, conn:scalar(pg.select(pg.func.count()):select_from(read)))

      tbl.metadata:drop_all(conn)
      conn:execute(pg.DropSchema(name)) -- nothing is left in it
    end)
  end
end)
