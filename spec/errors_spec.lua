local class = require "pgvector.class"
local errors = require "pgvector.errors"
local pg = require "pgvector"

describe("an error", function()
  it("prints where the caller was, its class, its message and the server's additions", function()
    local err = errors.from_server{
      sqlstate = "23505", message = "duplicate", detail = "Key (id)=(1) already exists.", hint = "Think.",
      context = "line 1", sql = "INSERT …", params = "1",
    }
    assert.equal("IntegrityError", err.class)
    assert.equal("unique_violation", err.name)
    local text = tostring(err)
    assert.truthy(text:find("spec/errors_spec.lua:%d+: IntegrityError: duplicate %(23505%)"))
    assert.truthy(text:find("\nDETAIL: Key (id)=(1) already exists.\nHINT: Think.\nCONTEXT: line 1\n[SQL: INSERT …]\n"
      .. "[parameters: 1]", 1, true))
    assert.equal("failed: " .. text, "failed: " .. err)
  end)

  local classes = {
    { "23505", "IntegrityError" }, { "22003", "DataError" }, { "42601", "ProgrammingError" },
    { "0A000", "NotSupportedError" }, { "40001", "OperationalError" }, { "57014", "OperationalError" },
    { "25P02", "InternalError" }, { "XX000", "InternalError" }, { "08006", "OperationalError" },
    { "99999", "DatabaseError" }, { nil, "DatabaseError" },
  }
  for _, case in ipairs(classes) do
    it(("with SQLSTATE %s is a %s"):format(tostring(case[1]), case[2]), function()
      assert.equal(case[2], errors.class_for(case[1]))
      assert.is_true(pg.is_error(errors.new(case[2], "x"), "Error"))
    end)
  end

  it("is told by class, base class, SQLSTATE or condition name", function()
    local err = errors.from_server{ sqlstate = "40001", message = "x" }
    for _, what in ipairs { "OperationalError", "DatabaseError", "Error", "40001", "serialization_failure" } do
      assert.is_true(pg.is_error(err, what), what)
    end
    for _, what in ipairs { "DataError", "40P01", "deadlock_detected", "InterfaceError" } do
      assert.is_false(pg.is_error(err, what), what)
    end
    assert.is_true(pg.is_error(err))
    for _, other in ipairs { "text", 1, {}, pg.null } do assert.is_false(pg.is_error(other)) end
    assert.is_false(pg.is_error(nil))
  end)

  it("becomes nil, err through pg.try; what is no error of ours goes on", function()
    local value, err = pg.try(pg.vector, {})
    assert.is_nil(value)
    assert.equal("DataError", err.class)
    assert.same({ 1, nil, 3 }, { pg.try(function() return 1, nil, 3 end) })
    local ok, other = pcall(pg.try, error, "plain", 0)
    assert.is_false(ok)
    assert.equal("plain", other)
  end)

  it("keeps percent signs of a message without arguments", function()
    local _, err = pg.try(errors.raise, "ArgumentError", "100%")
    assert.equal("100%", err.message)
  end)
end)

describe("a misspelt name", function()
  local cases = {
    { "limt", { limit = true, offset = true }, ", did you mean 'limit'?" },
    { "embeding", { "embedding", "id" }, ", did you mean 'embedding'?" },
    { "Embedding", { "embedding" }, ", did you mean 'embedding'?" },
    { "xyz", { "embedding", "id" }, "" },
    { 7, { "a" }, "" },
  }
  for _, case in ipairs(cases) do
    it(("%s gets the hint %q"):format(case[1], case[3]), function()
      assert.equal(case[3], errors.did_you_mean(case[1], case[2]))
    end)
  end

  it("is refused in option tables, as is what is no table", function()
    local _, err = pg.try(errors.check_options, { limt = 1 }, { limit = true }, "nearest")
    assert.equal("nearest: unknown option 'limt', did you mean 'limit'?", err.message)
    _, err = pg.try(errors.check_options, 5, { limit = true }, "nearest")
    assert.equal("nearest: expected a table of options, got number", err.message)
    assert.same({}, errors.check_options(nil, {}, "x"))
  end)

  it("is refused as a part of pg", function()
    local _, err = pg.try(function() return pg.vectr end)
    assert.equal("pgvector has no 'vectr', did you mean 'vector'?", err.message)
  end)
end)

describe("a class", function()
  local Base = class("Base")
  function Base:hello(x) return "hello", x end
  function Base:_internal() return "internal" end
  class.seal(Base)
  local Derived = class("Derived", Base)
  function Derived:own() return "own" end
  class.seal(Derived)
  local object = setmetatable({}, Derived)

  it("inherits methods and is told from others", function()
    assert.same({ "hello", 5 }, { object:hello(5) })
    assert.equal("own", object:own())
    assert.is_true(class.is(object, Base))
    assert.is_true(class.is(object, Derived))
    assert.is_false(class.is(setmetatable({}, Base), Derived))
    for _, other in ipairs { 1, "x", {}, pg.null } do assert.is_false(class.is(other, Base)) end
    assert.equal("Derived", class.describe(object))
    assert.equal("table", class.describe{})
    assert.equal("Derived", tostring(Derived))
  end)

  it("refuses its public methods without the receiver", function()
    for _, call in ipairs {
      function() object.hello(5) end, function() object.hello() end, function() object.hello{} end,
      function() object.own(setmetatable({}, Base)) end,
    } do
      local _, err = pg.try(call)
      assert.equal("ArgumentError", err.class)
      assert.truthy(err.message:find("use ':' to call", 1, true))
    end
    assert.equal("internal", object._internal())
  end)
end)
