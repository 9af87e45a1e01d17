-- What create_all made, reflection finds, and what it found makes the same again.

local catalog = require "pgvector.reflect.catalog"
local db = require "spec.support.db"
local pg = require "pgvector"
local schemas = require "spec.support.schemas"

-- Facts in a form that two databases can be compared by.
local function facts_of(engine, schema)
  local function plain(x)
    if type(x) ~= "table" then return x end
    if pg.VECTOR.kind and getmetatable(x) then return tostring(x) end
    local copy = {}
    for key, value in pairs(x) do
      if key ~= "oid" then copy[key] = plain(value) end
    end
    return copy
  end
  return engine:connect(function(conn)
    return conn:_ddl_runner(function(run)
      return plain{
        tables = catalog.tables(run, schema), enums = catalog.enums(run, schema),
        sequences = catalog.sequences(run, schema),
      }
    end)
  end)
end

describe("a reflected schema", function()
  local first, second, drop_first, drop_second

  setup(function()
    local url_1, url_2
    url_1, drop_first = db.create()
    url_2, drop_second = db.create()
    first, second = pg.create_engine(url_1), pg.create_engine(url_2)
    for _, url in ipairs{ url_1, url_2 } do db.psql("CREATE EXTENSION citext; CREATE SCHEMA app", url) end
  end)

  teardown(function()
    first:dispose()
    second:dispose()
    drop_first()
    drop_second()
  end)

  for _, schema in ipairs{ "public", "app" } do
    for _, name in ipairs(schemas.names) do
      it(("makes the same again: %s, in schema %s"):format(name, schema), function()
        local own = schema ~= "public" and schema or nil
        local metadata = pg.MetaData{ naming_convention = "default", schema = own, extensions = {} }
        schemas.define[name](metadata)
        metadata:create_all(first)
        local reflected = pg.MetaData{ extensions = {} }
        reflected:reflect(first, { schema = own })
        reflected:create_all(second)
        local before, after = facts_of(first, own), facts_of(second, own)
        assert.same(before, after)
        assert.is_true(#before.tables > 0)
        reflected:drop_all(second)
        metadata:drop_all(first)
      end)
    end
  end
end)
