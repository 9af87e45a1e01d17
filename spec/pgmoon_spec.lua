local pg = require "pgvector"

-- pgmoon is not packaged by Debian. What setup_vector uses of it is small, and
-- this object does that as pgmoon 1.16 does.
local function pgmoon_like(rows)
  local class_serializers = { string = function(_, v) return 25, v end }
  local object = { type_serializers = class_serializers, deserializers = {}, queries = {} }
  function object:query(sql)
    self.queries[#self.queries + 1] = sql
    if type(rows) == "string" then return nil, rows end
    return rows
  end
  function object:set_type_deserializer(oid, name, fn)
    assert(type(oid) == "number")
    self.deserializers[name] = fn
  end
  return object, class_serializers
end

describe("with the names of the pgvector rock", function()
  it("values are made, serialised and read", function()
    assert.equal("[1,2.5,3]", pg.serialize(pg.new{ 1, 2.5, 3 }))
    assert.equal("[1,2,3]", pg.serialize{ 1, 2, 3 })
    assert.equal(pg.vector{ 1, 2, 3 }, pg.deserialize "[1,2,3]")
    assert.equal("{1:1,3:2}/5", pg.serialize(pg.sparsevec({ [1] = 1, [3] = 2 }, 5)))
    assert.equal("[1,2]", tostring(pg.halfvec{ 1, 2 }))
  end)

  it("nothing but a pgmoon object is taught", function()
    for _, wrong in ipairs{ {}, "x", 5 } do
      assert.error_matches(function() pg.setup_vector(wrong) end, "setup_vector: expected a pgmoon object, got " .. type(wrong))
    end
  end)

  it("a pgmoon object reads all three types and sends our values", function()
    local object, class_serializers = pgmoon_like{
      { name = "vector", oid = 1001 }, { name = "halfvec", oid = "1002" }, { name = "sparsevec", oid = 1003 },
    }
    pg.setup_vector(object)
    assert.equal(pg.vector{ 1, 2 }, object.deserializers.vector(object, "[1,2]"))
    assert.equal(pg.halfvec{ 1, 2 }, object.deserializers.halfvec(object, "[1,2]"))
    assert.equal(pg.sparsevec("{1:5}/2"), object.deserializers.sparsevec(object, "{1:5}/2"))

    assert.same({ 0, "[1,2]" }, { object.type_serializers.userdata(object, pg.vector{ 1, 2 }) })
    assert.same({ 0, "101" }, { object.type_serializers.userdata(object, pg.bit "101") })
    local oid, message = object.type_serializers.userdata(object, io.stdout)
    assert.is_nil(oid)
    assert.truthy(message)
    -- the rest stays the class's, and the class stays as it was
    assert.equal(class_serializers.string, object.type_serializers.string)
    assert.is_nil(class_serializers.userdata)
  end)

  it("setup_vector says what is missing", function()
    local _, err = pg.try(pg.setup_vector, (pgmoon_like{}))
    assert.equal("vector type not found in the database", err.message)
    _, err = pg.try(pg.setup_vector, (pgmoon_like "connection refused"))
    assert.equal("OperationalError", err.class)
    assert.equal("connection refused", err.message)
  end)
end)
