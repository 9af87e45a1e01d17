-- Hostile strings in every place that takes one. Wherever a string is accepted
-- it stays what it is: a value, a name or a comment, never SQL. Where the
-- language has no place for any string, it is refused.

local db = require "spec.support.db"
local pg = require "pgvector"
local tables = require "spec.support.tables"
local tokenizer = require "pgvector.sql.tokenizer"

local items = tables.items
local t, func = items.c, pg.func
local s = pg.select(t.id)

local payloads = {
  [[x"; DROP TABLE canary; --]], [[x'; DROP TABLE canary; --]], [[*/; DROP TABLE canary; /*]], [[/* */ DROP TABLE canary]],
  [[\'; DROP TABLE canary; --]], [[\"; DROP TABLE canary; --]], [[$$; DROP TABLE canary; $$]], [[x); DROP TABLE canary; --]],
  "x\n; DROP TABLE canary; --", [[1; DROP TABLE canary]], [[::int; DROP TABLE canary]], [[%1$s; DROP TABLE canary]],
  [[$1; DROP TABLE canary]], [[:x; DROP TABLE canary]], [[E'\'; DROP TABLE canary; --']], [[public.canary; DROP TABLE canary]],
  [["; DROP TABLE canary; --"]], "x'\0; DROP TABLE canary",
}

local serial = 0
local function new_table(columns, options)
  serial = serial + 1
  return pg.Table("t" .. serial, pg.MetaData(), columns or { pg.Column{ "a", pg.Integer }, pg.Column{ "b", pg.Text } }, options)
end

-- place → what is built with the string x
local values = {
  eq = function(x) return t.title:eq(x) end, ["in"] = function(x) return t.title:in_{ x, "a" } end,
  ["in tuples"] = function(x) return pg.tuple(t.id, t.title):in_{ { 1, x } } end,
  ["in with expressions"] = function(x) return t.title:in_{ x, t.title } end,
  between = function(x) return t.title:between(x, x) end, like = function(x) return t.title:like(x) end,
  escape = function(x) return t.title:like("x", { escape = x:sub(1, 1) }) end,
  contains = function(x) return t.title:contains(x) end, icontains = function(x) return t.title:icontains(x) end,
  startswith = function(x) return t.title:startswith(x) end, regexp = function(x) return t.title:regexp_match(x) end,
  concat = function(x) return x .. t.title .. x end, distinct = function(x) return t.title:is_distinct_from(x) end,
  case = function(x) return pg.case{ { t.live, x }, else_ = x } end, literal = function(x) return pg.literal(x) end,
  argument = function(x) return func.lower(x) end, ["json key"] = function(x) return t.meta:get(x) end,
  ["json path"] = function(x)
    return t.meta:path{ x, x } end, ["json value"] = function(x) return t.meta:contains{ [x] = x }
  end,
  ["json path query"] = function(x)
    return t.meta:path_exists(x) end, ["has key"] = function(x) return t.meta:has_key(x)
  end,
  array = function(x) return t.tags:overlap{ x } end, any = function(x) return t.tags:any(x) end,
  ["built array"] = function(x)
    return pg.array{ x } end, match = function(x) return t.search:match(x, { config = x })
  end,
  text = function(x)
    return pg.text("SELECT :a", { a = x }) end, ["values"] = function(x) return pg.select(pg.values({ "a" }, { { x } }, "v"))
  end,
  insert = function(x)
    return pg.insert(items):values{ title = x } end, ["filter by"] = function(x) return s:filter_by{ title = x }
  end,
  update = function(x) return pg.update(items):values{ title = x }:all_rows() end,
  ["ordered values"] = function(x) return pg.update(items):ordered_values{ "title", x }:all_rows() end,
  upsert = function(x)
    return pg.insert(items):values{ title = x }:on_conflict_do_update{ index_elements = { t.id }, set = { title = x } }
  end,
  hstore = function(x)
    return pg.column("h", pg.HSTORE):contains{ [x] = x } end, enum = function(x) return pg.column("e", pg.Type "mood"):eq(x)
  end,
  range = function(x)
    return pg.column("r", pg.TSRANGE):contains{ lower = x } end, uuid = function(x) return pg.column("u", pg.UUID):eq(x)
  end,
  inet = function(x)
    return pg.column("i", pg.INET):eq(x) end, bytes = function(x) return pg.literal(x, pg.LargeBinary)
  end,
  time = function(x) return t.created:lt(x) end, interval = function(x) return t.created + x end,
  number = function(x)
    return t.id:eq(x) end, numeric = function(x) return t.price:eq(x) end, float = function(x) return t.score:eq(x)
  end,
  vector = function(x) return t.embedding:l2_distance(x) end, half = function(x) return t.half:l2_distance(x) end,
  sparse = function(x) return t.sparse:l2_distance(x) end, bits = function(x) return t.bits:hamming_distance(x) end,
  nearest = function(x) return s:nearest(t.embedding, x) end, comment = function(x) return s:comment(x) end,
  ["time zone"] = function(x)
    return t.created:op("AT TIME ZONE")(x) end, ["operand"] = function(x) return t.title:op("@@")(x)
  end,
  ["label comment"] = function(x) return s:prefix_with("/* " .. x .. " */") end,
}

local names = {
  label = function(x)
    return pg.select(t.id:label(x)):order_by(x) end, alias = function(x) return pg.select(items:alias(x).c.id)
  end,
  subquery = function(x)
    return pg.select(s:subquery(x).c.id) end, lateral = function(x) return pg.select(s:lateral(x).c.id)
  end,
  cte = function(x)
    return pg.select(s:cte(x, { recursive = true }).c.id) end, table = function(x) return pg.select(pg.table(x, x))
  end,
  column = function(x) return pg.column(x) end, ["function"] = function(x) return func[x](1) end,
  ["function of a schema"] = function(x)
    return func[x][x](1) end, collation = function(x) return t.title:collate(x)
  end,
  window = function(x) return pg.select(func.rank():over(pg.window(x, { order_by = t.id }))) end,
  ["table function"] = function(x)
    return pg.select(func.f():table_valued(x, { name = x, with_ordinality = x .. "2" }))
  end,
  ["column valued"] = function(x)
    return pg.select(func.f():column_valued(x)) end, values = function(x) return pg.select(pg.values({ x }, { { 1 } }, x))
  end,
  sample = function(x) return pg.select(items:tablesample(func[x](1), { name = x }).c.id) end,
  ["order by"] = function(x) return s:order_by(x) end, ["group by"] = function(x) return s:group_by(x) end,
  constraint = function(x) return pg.insert(items):values{ id = 1 }:on_conflict_do_nothing{ constraint = x } end,
  ["lock of"] = function(x) return pg.select(items:alias(x).c.id):with_for_update{ of = items:alias(x) } end,
  ["schema translation"] = function(x) return s:execution_options{ schema_translate_map = { [""] = x } } end,
  ["CREATE TABLE AS"] = function(x) return s:into(x, { schema = x }) end,
  sequence = function(x) return pg.Sequence(x, { schema = x }):next_value() end,
  savepoint = function(x) return pg.select(pg.text("SELECT 1"):columns{ { x, pg.Integer } }:subquery(x)) end,
  ["type of a cast"] = function(x)
    return t.id:cast(pg.Type(x)) end, ["enum of a cast"] = function(x) return t.title:cast(pg.Enum{ "a", name = x, schema = x })
  end,
}

local definitions = {
  ["CREATE TABLE"] = function(x)
    return pg.CreateTable(pg.Table(x, pg.MetaData{ schema = x }, { pg.Column{ x, pg.Integer, primary_key = true } }))
  end,
  tablespace = function(x) return pg.CreateTable(new_table(nil, { tablespace = x })) end,
  ["storage of a table"] = function(x)
    return pg.CreateTable(new_table(nil, { with = { fillfactor = x, [x] = 1 } }))
  end,
  ["partition by"] = function(x) return pg.CreateTable(new_table(nil, { partition_by = x })) end,
  ["partition by, well begun"] = function(x)
    return pg.CreateTable(new_table(nil, { partition_by = "RANGE (a" .. x .. ")" }))
  end,
  ["default"] = function(x) return pg.CreateTable(new_table{ pg.Column{ "a", pg.Text, server_default = x } }) end,
  identity = function(x) return pg.CreateTable(new_table{ pg.Column{ "a", pg.Integer, identity = { start = x } } }) end,
  ["default of a sequence"] = function(x)
    return pg.CreateTable(new_table{ pg.Column{ "a", pg.Integer, pg.Sequence(x) } })
  end,
  ["name of a constraint"] = function(x)
    return pg.CreateTable(new_table{ pg.Column{ "a", pg.Integer }, pg.UniqueConstraint("a", { name = x }) })
  end,
  initially = function(x)
    return pg.CreateTable(new_table{ pg.Column{ "a", pg.Integer }, pg.UniqueConstraint("a", { initially = x }) })
  end,
  ["on delete"] = function(x)
    return pg.ForeignKey("a.b", { ondelete = x }) end, match = function(x) return pg.ForeignKey("a.b", { match = x })
  end,
  ["exclusion's operator"] = function(x)
    return pg.CreateTable(new_table{ pg.Column{ "a", pg.Integer }, pg.ExcludeConstraint{ { "a", x } } })
  end,
  ["exclusion's method"] = function(x)
    return pg.CreateTable(new_table{ pg.Column{ "a", pg.Integer }, pg.ExcludeConstraint({ { "a", "=" } }, { using = x }) })
  end,
  ["exclusion's class"] = function(x)
    return pg.CreateTable(new_table{ pg.Column{ "a", pg.Integer }, pg.ExcludeConstraint({ { "a", "=" } }, { ops = { a = x } }) })
  end,
  index = function(x)
    return pg.CreateIndex(pg.Index(x, new_table().c.a)) end, using = function(x) return pg.CreateIndex(pg.Index("i", new_table().c.a, { using = x }))
  end,
  ["index's ops"] = function(x) return pg.CreateIndex(pg.Index("i", new_table().c.a, { ops = { a = x } })) end,
  ["element's ops"] = function(x) return pg.CreateIndex(pg.Index("i", new_table().c.b:ops(x))) end,
  ["index's storage"] = function(x)
    return pg.CreateIndex(pg.Index("i", new_table().c.a, { with = { fillfactor = x } }))
  end,
  ["index's option"] = function(x) return pg.CreateIndex(pg.Index("i", new_table().c.a, { with = { [x] = 1 } })) end,
  ["index's tablespace"] = function(x) return pg.CreateIndex(pg.Index("i", new_table().c.a, { tablespace = x })) end,
  metric = function(x) return pg.HNSW(new_table{ pg.Column{ "v", pg.VECTOR(3) } }.c.v, { metric = x }) end,
  m = function(x) return pg.HNSW(new_table{ pg.Column{ "v", pg.VECTOR(3) } }.c.v, { metric = "l2", m = x }) end,
  schema = function(x)
    return pg.CreateSchema(x) end, ["schema dropped"] = function(x) return pg.DropSchema(x, { cascade = true })
  end,
  extension = function(x) return pg.CreateExtension(x, { schema = x, version = x }) end,
  view = function(x)
    return pg.CreateView(pg.View(x, pg.select(t.id:label(x)):where(t.title:eq(x)), { schema = x }))
  end,
  ["table dropped"] = function(x) return pg.DropTable(pg.Table(x, pg.MetaData(), { pg.Column{ "a", pg.Integer } })) end,
  ["names in DDL"] = function(x)
    return pg.DDL("LOCK TABLE %(fullname)s, %(table)s"):for_table(pg.Table(x, pg.MetaData{ schema = x }, { pg.Column{ "a", pg.Integer } }))
  end,
}

local words = {
  operator = function(x)
    return t.id:op(x)(1) end, ["quantified comparison"] = function(x) return t.tags:any("a", x)
  end,
  field = function(x)
    return pg.extract(x, t.created) end, exclude = function(x) return func.rank():over{ rows = { 0, 0 }, exclude = x }
  end,
  ["bound of a frame"] = function(x)
    return func.rank():over{ rows = { x, 0 } } end, limit = function(x) return s:limit(x)
  end,
  offset = function(x) return s:offset(x) end, prefix = function(x) return s:prefix_with(x) end,
  flags = function(x) return t.title:regexp_match("a", { flags = x }) end,
  ["search parameter"] = function(x) return s:execution_options{ hnsw_iterative_scan = x } end,
  ["text search configuration"] = function(x)
    local model = pg.Table("m" .. serial, pg.MetaData(), { pg.Column{ "id", pg.Integer, primary_key = true },
      pg.Column{ "v", pg.VECTOR(1) }, pg.Column{ "s", pg.TSVECTOR } })
    return pg.hybrid_search(model, { vector = { model.c.v, { 1 } }, text = { model.c.s, "a", config = x } })
  end,
}

-- Is there a word of the string's outside of quotes and comments, or a second
-- statement?
local function leaks(sql)
  if tokenizer.statements(sql) > 1 then return true end
  for kind, first, last in tokenizer.tokens(sql) do
    if kind == "word" and sql:sub(first, last):lower() == "canary" then return true end
  end
  return false
end

describe("A hostile string", function()
  local url, engine, drop
  setup(function()
    url, drop = db.create()
    db.psql("CREATE TABLE canary (alive int)", url)
    engine = pg.create_engine(url)
  end)
  teardown(function()
    engine:dispose()
    drop()
  end)

  -- Runs SQL in the simple protocol, where a second statement would run, too.
  -- What the server makes of the first one does not matter.
  local function run(conn, list)
    for _, sql in ipairs(list) do
      pcall(conn.exec_sql, conn, "SAVEPOINT a; " .. sql)
      conn:rollback()
    end
    assert.equal(0, conn:exec_sql("SELECT count(*) FROM canary"):scalar())
    conn:rollback()
  end

  local function place(kind, name, build, must_refuse)
    it(("is %s: %s"):format(kind, name), function()
      engine:connect(function(conn)
        local list = {}
        for _, payload in ipairs(payloads) do
          local ok, made = pcall(build, payload)
          if ok and must_refuse then error(("accepted %q"):format(payload)) end
          if not ok then
            assert(pg.is_error(made, "Error"), tostring(made))
          elseif made.compile then
            for _, options in ipairs{ false, { literal_binds = true } } do
              local compiled, sql = pcall(made.compile, made, options or nil)
              if not compiled then
                assert(pg.is_error(sql, "Error"), tostring(sql))
              else
                assert(not leaks(sql), sql)
                if options then list[#list + 1] = sql end -- without parameters it can run
              end
            end
          end
        end
        run(conn, list)
      end)
    end)
  end

  for name, build in pairs(values) do place("a value", name, build) end
  for name, build in pairs(names) do place("a name", name, build) end
  for name, build in pairs(definitions) do place("part of a definition", name, build) end
  for name, build in pairs(words) do place("no SQL word", name, build, true) end

  local actions = {
    listen = function(conn, x) conn:listen(x) conn:unlisten(x) end,
    ["copy_in's table"] = function(conn, x) conn:copy_in(x, { "a" }, { { 1 } }) end,
    ["copy_in's column"] = function(conn, x) conn:copy_in("canary", { x }, { { 1 } }) end,
    ["copy_in's value"] = function(conn, x) conn:copy_in("canary", { "alive" }, { { x } }) end,
    ["copy_out's table"] = function(conn, x) conn:copy_out(x, function() end) end,
    ["copy_out's statement"] = function(conn, x)
      conn:copy_out(pg.select(pg.literal(x, pg.Text)):where(pg.literal(x, pg.Text):eq(x)), function() end)
    end,
    isolation = function(conn, x) conn:execution_options{ isolation_level = x } end,
    ["advisory lock"] = function(conn, x) conn:advisory_lock(x, { transaction = true }) end,
    parameter = function(conn, x) conn:exec_sql("SELECT $1::text", { x }):close() end,
    ["named parameter"] = function(conn, x) conn:execute(pg.text "SELECT CAST(:a AS text)", { a = x }):close() end,
    ["name of a parameter"] = function(conn, x) conn:execute(pg.text "SELECT 1", { [x] = 1 }) end,
    cursor = function(conn, x) conn:cursor(pg.select(pg.literal(x, pg.Text))):close() end,
    ["search parameter"] = function(conn, x) conn:execute(s:_with_setting("hnsw.ef_search", x)) end,
    ["time zone of an engine"] = function(_, x) pg.create_engine(url, { timezone = x }):connect():close() end,
    ["name of a role"] = function(_, x) pg.create_engine{ dbname = x, user = x, application_name = x }:connect():close() end,
  }
  for name, act in pairs(actions) do
    it("does nothing in an action: " .. name, function()
      for _, payload in ipairs(payloads) do
        engine:connect(function(conn)
          local ok, err = pcall(act, conn, payload)
          if not ok then assert(pg.is_error(err, "Error"), tostring(err)) end
        end)
      end
      assert.equal("0", db.psql("SELECT count(*) FROM canary", url))
    end)
  end
end)
