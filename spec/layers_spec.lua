-- The house has floors, and a file may only look down or sideways.

local dir = require "pl.dir"

-- level of a module by the first part of its name after "pgvector."
local levels = {
  core = 0, errors = 0, sqlstates = 0, class = 0, compat = 0, util = 0,
  types = 1, wait = 1, pgmoon = 1,
  sql = 2, -- never sees a connection
  driver = 3,
  engine = 4,
  orm = 5, reflect = 5, search = 5,
  migrate = 6,
  inspect = 6, -- of everything below
  cli = 7, init = 7,
}
local forbidden = { migrate = "orm" } -- beyond the levels

local function part_of(module)
  return module == "pgvector" and "init" or module:match("^pgvector%.([%w_]+)")
end

-- "lua/pgvector/sql/init.lua" → "pgvector.sql"
local function module_of(path)
  return (path:gsub("^lua/", ""):gsub("%.lua$", ""):gsub("/", "."):gsub("%.init$", ""))
end

-- the modules of this library that a file requires, in order, anywhere in it
local function requires_of(path)
  local file = assert(io.open(path))
  local text = file:read("*a"):gsub("%-%-%[%[.-%]%]", ""):gsub("%-%-[^\n]*", "")
  file:close()
  local found = {}
  for module in text:gmatch("%f[%w_]require[%s(,]*[\"'](pgvector[%w_.]*)[\"']") do
    found[#found + 1] = module
  end
  return found
end

local modules, names = {}, {}
for _, path in ipairs(dir.getallfiles("lua", "*.lua")) do
  local name = module_of(path)
  modules[name] = { path = path, requires = requires_of(path) }
  names[#names + 1] = name
end
table.sort(names)

-- Calls fn(name, required) for each arrow.
local function each_arrow(fn)
  for _, name in ipairs(names) do
    for _, required in ipairs(modules[name].requires) do fn(name, required) end
  end
end

describe("the layers of the library", function()
  it("are known for every file", function()
    assert.is_true(#names > 0)
    for _, name in ipairs(names) do
      assert(levels[part_of(name)], modules[name].path .. " belongs to no layer")
    end
  end)

  it("have only arrows to files that exist", function()
    each_arrow(function(name, required)
      -- "pgvector.sql." is the start of a name that is put together
      assert(modules[required] or required == "pgvector.core" or required:find("%.$"),
        modules[name].path .. " requires " .. required .. ", which does not exist")
    end)
  end)

  it("have no arrow that points up", function()
    each_arrow(function(name, required)
      local level, its = levels[part_of(name)], levels[part_of(required)]
      assert(not (level and its) or its <= level,
        modules[name].path .. " requires " .. required .. ", which is above it")
      assert(forbidden[part_of(name)] ~= part_of(required),
        modules[name].path .. " requires " .. required .. ", which it should not know")
    end)
  end)

  it("have no cycle", function()
    local state = {} -- nil: not seen; "open": on the path; "done"
    local path = {}
    local function visit(name)
      if state[name] == "done" or not modules[name] then return end
      path[#path + 1] = name
      assert(state[name] ~= "open", "a cycle: " .. table.concat(path, " → "))
      state[name] = "open"
      for _, required in ipairs(modules[name].requires) do visit(required) end
      state[name] = "done"
      path[#path] = nil
    end
    for _, name in ipairs(names) do visit(name) end
  end)
end)
