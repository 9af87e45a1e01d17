--- The public surface: what the code offers, docs/ explain and
-- library/pgvector.lua describes to editors is the same.

local db = require "spec.support.db"
local orm_transaction = require "pgvector.orm.transaction"
local pg = require "pgvector"
local Result = require "pgvector.engine.result"
local transaction = require "pgvector.engine.connection.scope"

local function lines_of(command)
  local pipe = io.popen(command)
  local lines = {}
  for line in pipe:lines() do lines[#lines + 1] = line end
  pipe:close()
  return lines
end

local function sorted(set)
  local list = {}
  for name in pairs(set) do list[#list + 1] = name end
  table.sort(list)
  return list
end

-- What is in `a` and not in `b`.
local function missing(a, b)
  local list = {}
  for _, name in ipairs(sorted(a)) do
    if not b[name] then list[#list + 1] = name end
  end
  return table.concat(list, " ")
end

---- what the code offers ----------------------------------------------------------

-- Names of a table that are not internal.
local function public_names(t, wanted_type)
  local names = {}
  for name, value in pairs(t) do
    if type(name) == "string" and name:sub(1, 1) ~= "_" and (not wanted_type or type(value) == wanted_type) then
      names[name] = true
    end
  end
  return names
end

-- The façade loads its parts lazily, and knows their names for its messages.
local function facade_names()
  local index = getmetatable(pg).__index
  for i = 1, math.huge do
    local name, value = debug.getupvalue(index, i)
    if name == "every_name" then return value() end
    assert(name, "the façade has no every_name any more")
  end
end

-- The methods of a userdata stand in an upvalue of its C `__index`. Lua 5.1
-- does not show those: there only what is described is looked for.
local function value_names(v, described)
  local index = debug.getmetatable(v).__index
  for i = 1, 10 do
    local _, value = debug.getupvalue(index, i)
    if type(value) == "table" and value.dims then return public_names(value) end
  end
  assert(_VERSION == "Lua 5.1" and not rawget(_G, "jit"), "the methods of a value are not found")
  local names = {}
  for name in pairs(described) do
    if pcall(function() return v[name] end) then names[name] = true end
  end
  return names
end

-- Classes of the annotations → the names that the code has.
local function code_surface(url, described)
  local engine = pg.create_engine(url)
  local Copy
  engine:connect(function(conn)
    conn:exec_sql "CREATE TEMPORARY TABLE t (a int)"
    conn:copy_in("t", { "a" }, function(copy) Copy = getmetatable(copy) end)
  end)
  local rows = Result._listed({}, { "a" })
  local base = pg.orm.declarative_base()
  local t = pg.Table("t", pg.MetaData(), { pg.Column{ "a", pg.Integer } })
  local stmt = pg.select(t)
  local sessions = pg.orm.sessionmaker{ bind = engine }
  local Parent = base:model("parents", {
    id = pg.Column{ pg.Integer, primary_key = true }, children = pg.orm.relationship "children",
  })
  base:model("children", {
    id = pg.Column{ pg.Integer, primary_key = true },
    parent_id = pg.Column{ pg.Integer, pg.ForeignKey "parents.id" },
  })

  local instances = {
    Engine = engine, Result = rows, ScalarResult = rows:scalars(), MappingResult = rows:mappings(),
    Type = pg.Text, Column = t.c.a, Function = pg.func.now(), Exists = pg.exists(stmt),
    CTE = stmt:cte "c", Select = stmt, Query = stmt:union(stmt), Insert = pg.insert(t), Update = pg.update(t),
    Delete = pg.delete(t), Text = pg.text "x", From = t:alias "x", Table = t, MetaData = t.metadata,
    Index = pg.Index("i", t.c.a), ForeignKeyConstraint = pg.ForeignKeyConstraint({ "a" }, { "t.a" }),
    DeclarativeBase = base, AbstractModel = base:abstract{}, SessionMaker = sessions,
    Relationship = Parent.children, LoaderOption = pg.orm.joinedload(Parent.children),
    SessionQuery = sessions():query(Parent), Inspector = pg.inspect(engine), Migrator = pg.migrate.config{},
  }
  local op = {}
  for _, functions in ipairs{ require("pgvector.migrate.op").functions, require("pgvector.migrate.operations").kinds } do
    for name in pairs(functions) do op[name] = true end
  end
  local surface = {
    Op = op, migrate = public_names(pg.migrate),
    Connection = public_names(require "pgvector.engine.connection", "function"),
    Transaction = public_names(transaction.Transaction, "function"),
    Savepoint = public_names(transaction.Savepoint, "function"),
    Copy = public_names(Copy, "function"),
    Pipeline = public_names(require("pgvector.engine.pipelined").Pipeline, "function"),
    Cursor = public_names(require "pgvector.engine.cursor", "function"),
    Reader = public_names(require "pgvector.engine.reader", "function"),
    Session = public_names(require "pgvector.orm.session", "function"),
    SessionTransaction = public_names(orm_transaction, "function"),
    Vector = value_names(pg.vector{ 1 }, described "Vector"),
    Halfvec = value_names(pg.halfvec{ 1 }, described "Halfvec"),
    Sparsevec = value_names(pg.sparsevec{ 1 }, described "Sparsevec"),
    Bit = value_names(pg.bit "1", described "Bit"),
    VectorConstructor = public_names(pg.vector), HalfvecConstructor = public_names(pg.halfvec),
    SparsevecConstructor = public_names(pg.sparsevec), BitConstructor = public_names(pg.bit),
    RelatedList = public_names(getmetatable(Parent{}.children).__index, "function"),
    orm = public_names(pg.orm), json = public_names(pg.json), pgvector = facade_names(),
  }
  for class, instance in pairs(instances) do surface[class] = public_names(getmetatable(instance), "function") end
  engine:dispose()
  return surface
end

---- what library/pgvector.lua describes ---------------------------------------------

-- Classes by name: `names`, `methods` and `parent`.
local function read_annotations()
  local classes, current = {}, nil
  local function add(kind, name) classes[current][kind][name] = true end
  for line in io.lines("library/pgvector.lua") do
    local name, parent = line:match("^%-%-%-@class ([%w.]+)%s*:?%s*([%w.]*)")
    if name then
      current = name:match("^pgvector%.(.+)$") or name
      classes[current] = { names = {}, methods = {}, parent = parent:match("^pgvector%.(.+)$") }
    end
    local field = line:match("^%-%-%-@field ([%a_][%w_]*)")
    if field then add("names", field) end
    local method = line:match("^function [%w_]+[.:]([%w_]+)%(") -- of the class above it
    if method then
      add("names", method)
      add("methods", method)
    end
  end
  return classes
end

-- A class without annotations has nothing.
local function inherited(classes, name, field)
  local all = {}
  while classes[name] do
    for key in pairs(classes[name][field]) do all[key] = true end
    name = classes[name].parent
  end
  return all
end

---- what the documentation says -----------------------------------------------------

local documents = lines_of "ls *.md docs/*.md"

-- The words that stand in code: in blocks, and between backticks.
local function words_in_code()
  local words = {}
  local function collect(code)
    for word in code:gmatch("[%a_][%w_]*") do words[word] = true end
  end
  for _, path in ipairs(documents) do
    local inside = false
    for line in io.lines(path) do
      if line:find("^```") then
        inside = not inside
      elseif inside then
        collect(line)
      else
        for code in line:gmatch("`([^`]+)`") do collect(code) end
      end
    end
  end
  return words
end

-- The anchors of a document's headings, as they are made on the web.
local function anchors_of(path)
  local anchors = {}
  for line in io.lines(path) do
    local heading = line:match("^#+%s+(.*)$")
    if heading then anchors[(heading:lower():gsub("[^%w%s_-]", ""):gsub("%s", "-"))] = true end
  end
  return anchors
end

local function exists(path)
  local file = io.open(path)
  if file then file:close() end
  return file ~= nil
end

describe("the public surface", function()
  local surface, classes, drop
  setup(function()
    local url
    url, drop = db.create()
    classes = read_annotations()
    surface = code_surface(url, function(class) return inherited(classes, class, "methods") end)
  end)
  teardown(function() drop() end)

  -- One line for each class for which `difference` finds something.
  local function differences(difference)
    local lines = {}
    for _, class in ipairs(sorted(surface)) do
      local names = difference(class, surface[class])
      if names ~= "" then lines[#lines + 1] = class .. ": " .. names end
    end
    return lines
  end

  it("is described to editors, completely", function()
    assert.same({}, differences(function(class, names) return missing(names, inherited(classes, class, "names")) end))
  end)

  it("has every method that is described to editors", function()
    assert.same({}, differences(function(class, names) return missing(inherited(classes, class, "methods"), names) end))
  end)

  it("has everything that is described of pg, pg.orm and pg.json", function()
    for _, class in ipairs{ "pgvector", "orm", "json", "migrate" } do
      assert.equal("", missing(classes[class].names, surface[class]))
    end
  end)

  it("is explained in the documentation", function()
    local words = words_in_code()
    assert.same({}, differences(function(_, names) return missing(names, words) end))
  end)
end)

describe("the documentation", function()
  it("names nothing that pg and pg.orm do not have", function()
    local known = { pg = facade_names(), orm = public_names(pg.orm), json = public_names(pg.json),
      migrate = public_names(pg.migrate) }
    local wrong = {}
    for _, path in ipairs(documents) do
      for line in io.lines(path) do
        for owner, name in line:gmatch("%f[%w_](%l+)%.([%a_][%w_]*)") do
          if known[owner] and not known[owner][name] then wrong[owner .. "." .. name .. " in " .. path] = true end
        end
      end
    end
    assert.same({}, sorted(wrong))
  end)

  it("has links that lead somewhere", function()
    local broken = {}
    for _, path in ipairs(documents) do
      for line in io.lines(path) do
        for target in line:gmatch("%]%(([^)]+)%)") do
          local file, anchor = target:match("^([^#]*)#?(.*)$")
          if not target:find("^%a+://") then
            local place = file == "" and path or (path:match("^(.*/)") or "") .. file
            if not exists(place) or anchor ~= "" and not anchors_of(place)[anchor] then
              broken[#broken + 1] = path .. ": " .. target
            end
          end
        end
      end
    end
    assert.same({}, broken)
  end)

  it("names targets of make that exist", function()
    local targets, wrong = {}, {}
    for line in io.lines("Makefile") do
      local name = line:match("^([%w-]+):")
      if name then targets[name] = true end
    end
    for _, path in ipairs(documents) do
      for line in io.lines(path) do
        for name in line:gmatch("%f[%w]make (%l[%w-]*)") do
          local in_code = line:find("`make " .. name, 1, true) or line:find("^make ")
          if in_code and not targets[name] then wrong[#wrong + 1] = path .. ": make " .. name end
        end
      end
    end
    assert.same({}, wrong)
  end)

  it("fits into 100 columns", function()
    local long = {}
    for _, path in ipairs(documents) do
      local n = 0
      for line in io.lines(path) do
        n = n + 1
        local _, continuing = line:gsub("[\128-\191]", "")
        if #line - continuing > 100 then long[#long + 1] = path .. ":" .. n end
      end
    end
    assert.same({}, long)
  end)
end)

describe("the repository", function()
  it("holds no path of one machine", function()
    local found = {}
    for _, path in ipairs(lines_of "git ls-files") do
      local file = io.open(path, "rb")
      local text = file and file:read("*a") or ""
      if file then file:close() end
      for _, place in ipairs{ "home", "root", "Users", "work" } do
        for match in text:gmatch("%f[%w/]/" .. place .. "/[%w_.]+") do found[#found + 1] = path .. ": " .. match end
      end
    end
    assert.same({}, found)
  end)
end)
