-- Parameters of statements: how they travel, and what is refused before
-- anything is sent.

local core = require "pgvector.core"
local pq = require "spec.support.pq"

local null = core.null

describe("parameters", function()
  local pg

  setup(function()
    pg = assert(pq.connect())
    pq.discover(pg)
  end)
  teardown(function() pg:finish() end)

  -- the server must be idle and willing after every refusal
  after_each(function()
    assert.are.equal("idle", pg:transaction_status())
    assert.are.equal(1, pq.value(pq.params(pg, "SELECT 1"), "int4"))
  end)

  local function refused(message, specs, values, n)
    local encoder = specs and core.encoder(specs)
    local ok, err = pcall(pg.send_params, pg, "SELECT 1", encoder, values, n or #specs, 1)
    assert.is_false(ok)
    assert.are.equal(message, err.message)
    return err
  end

  it("are NULL for nil and for null", function()
    local result = pq.params(pg, "SELECT $1::int4 IS NULL, $2::text IS NULL, $3::vector IS NULL",
      { { kind = "int4" }, { kind = "text" }, { kind = "vector" } }, { nil, null, nil })
    local bool = { kind = "bool" }
    assert.are.same({ true, true, true }, { result:values(core.decoder({ bool, bool, bool }), 1) })
  end)

  it("may be many, and long", function()
    local specs, values, places = {}, {}, {}
    for i = 1, 99 do
      specs[i], values[i], places[i] = { kind = "text", oid = 25 }, ("x"):rep(i * 50) .. i, "$" .. i
    end
    local sql = ("SELECT concat_ws(',', %s)"):format(table.concat(places, ", "))
    for _ = 1, 2 do
      assert.are.equal(table.concat(values, ","), pq.value(pq.params(pg, sql, specs, values), "text"))
    end
  end)

  it("keep their values when one's convert function runs a statement on the same connection", function()
    local function nested(v)
      return pq.value(pq.params(pg, "SELECT to_json($1)", { { kind = "text", oid = 25 } }, { v }), "text")
    end
    local result = pq.params(pg, "SELECT $1 || ',' || $2::text || ',' || $3::text",
      { { kind = "text" }, { kind = "json", convert = nested }, { kind = "int4" } }, { "first", "x", 7 })
    assert.are.equal('first,"x",7', pq.value(result, "text"))
  end)

  it("of kind unknown let the server infer the type", function()
    local unknown, text = { kind = "unknown" }, { kind = "text" }
    local result = pq.params(pg, "SELECT $1::int4, $2::float8, $3::numeric, $4::text, $5, $6::bigint",
      { unknown, unknown, unknown, unknown, unknown, unknown },
      { 5.0, 0.1, 1e15, "x", true, "9223372036854775807" }, 0)
    assert.are.same({ 23, 701, 1700, 25, 16, 20 }, result:oids())
    assert.are.same({ "5", "0.1", "1000000000000000", "x", "t", "9223372036854775807" },
      { result:values(core.decoder({ text, text, text, text, text, text }), 1) })
  end)

  it("of kind unknown do not turn strings into the type text", function()
    local sql = "SELECT count(*) FROM pg_class WHERE oid = $1"
    local result = pq.params(pg, sql, { { kind = "unknown" } }, { "1259" })
    assert.are.equal(1, pq.value(result, "int8"))
  end)

  it("of kind unknown send vectors as what they are", function()
    local unknown = { kind = "unknown" }
    local result = pq.params(pg,
      "SELECT pg_typeof($1)::text, pg_typeof($2)::text, pg_typeof($3)::text, pg_typeof($4)::text",
      { unknown, unknown, unknown, unknown },
      { core.vector({ 1 }), core.halfvec({ 1 }), core.sparsevec({ 1 }), core.bit("1") })
    local text = { kind = "text" }
    assert.are.same({ "vector", "halfvec", "sparsevec", "bit" },
      { result:values(core.decoder({ text, text, text, text }), 1) })
  end)

  it("of kind unknown go to a prepared statement as text, whatever type that inferred", function()
    local encoder = core.encoder({ { kind = "unknown" }, { kind = "unknown" } }, pq.oids)
    pg:send_prepare("p", "SELECT ($1::halfvec)::text, $2::bool", encoder)
    assert.are.equal("command_ok", pq.results(pg):status())
    pg:send_query("SELECT parameter_types::text FROM pg_prepared_statements")
    assert.are.same({ { "{halfvec,boolean}" } }, pq.results(pg):rows(core.decoder({ { kind = "text" } })))
    pg:send_query_prepared("p", encoder, { core.vector({ 1, 2 }), true }, 2, 0)
    local text = { kind = "text" }
    assert.are.same({ "[1,2]", "t" }, { pq.results(pg):values(core.decoder({ text, text }), 1) })
    pq.query(pg, "DEALLOCATE p")
  end)

  it("have the type of the specification's OID, and none without", function()
    local specs = { { kind = "text", oid = 1082 }, { kind = "text" } }
    local result = pq.params(pg, "SELECT $1, $2 - interval '1 day'", specs, { "2024-01-31", "2 days" })
    assert.are.same({ 1082, 1186 }, result:oids())
  end)

  it("take an array as its literal too", function()
    local result = pq.params(pg, "SELECT $1[2]", { { kind = "int4[]" } }, { "{1,2}" })
    assert.are.equal(2, pq.value(result, "int4"))
  end)

  it("go through the convert function, but NULL does not", function()
    local seen = {}
    local function double(v)
      seen[#seen + 1] = v
      return v * 2
    end
    local result = pq.params(pg, "SELECT coalesce($1, 0) + coalesce($2, 0)",
      { { kind = "int4", convert = double }, { kind = "int4", convert = double } }, { 21, null })
    assert.are.equal(42, pq.value(result, "int4"))
    assert.are.same({ 21 }, seen)
  end)

  it("are NULL where the convert function says so", function()
    local result = pq.params(pg, "SELECT $1::text IS NULL",
      { { kind = "text", convert = function() return nil end } }, { "x" })
    assert.is_true(pq.value(result, "bool"))
  end)

  it("survive a convert function that collects garbage and drops the values", function()
    local values = { ("x"):rep(1000), "y" }
    local result = pq.params(pg, "SELECT $1 || $2", {
      { kind = "text" },
      { kind = "text", convert = function(v)
        values[1] = nil
        collectgarbage()
        return v .. ("z"):rep(1000)
      end },
    }, values)
    assert.are.equal(("x"):rep(1000) .. "y" .. ("z"):rep(1000), pq.value(result, "text"))
  end)

  it("may be as large as the server takes", function()
    local big = ("0123456789abcdef"):rep(2 ^ 20)
    local result = pq.params(pg, "SELECT md5($1) = md5($2), octet_length($2)",
      { { kind = "text" }, { kind = "bytea" } }, { big, big })
    local decoder = core.decoder({ { kind = "bool" }, { kind = "int4" } })
    assert.are.same({ true, 2 ^ 24 }, { result:values(decoder, 1) })
  end)

  it("may be 65535", function()
    local specs, values, names = {}, {}, {}
    for i = 1, 65535 do
      specs[i], values[i] = { kind = "int4" }, 1
      names[i] = "$" .. i
    end
    local sql = ("SELECT count(x) FROM unnest(ARRAY[%s]) x"):format(table.concat(names, ","))
    local result = pq.params(pg, sql, specs, values)
    assert.are.equal(65535, pq.value(result, "int8"))
  end)

  it("may not be more", function()
    local specs = {}
    for i = 1, 65536 do specs[i] = { kind = "int4" } end
    local message = "number of parameters must be between 0 and 65535"
    local ok, err = pcall(core.encoder, specs)
    assert.is_false(ok)
    assert.are.equal(message, err.message)
    refused(message, { { kind = "int4" } }, {}, 65536)
    refused(message, { { kind = "int4" } }, {}, -1)
  end)

  it("must be as many as the encoder has", function()
    refused("expected 1 parameters, got 2", { { kind = "int4" } }, { 1, 2 }, 2)
    refused("expected 0 parameters, got 2", nil, { 1, 2 }, 2)
  end)

  it("that are refused name position and column, and nothing is sent", function()
    local err = refused("parameter 2 (embedding): expected 3 dimensions, not 2",
      { { kind = "int4" }, { kind = "vector", oid = 1, dim = 3, name = "embedding" } }, { 1, { 1, 2 } })
    assert.are.equal("DataError", err.class)
    assert.are.equal("22000", err.sqlstate)
    assert.are.equal(2, err.parameter)
    for _, kind in ipairs{ "vector", "halfvec" } do
      for _, text in ipairs{ "x", "", "[", "1,2", "[1,x]" } do
        refused(("parameter 1: invalid input syntax for type %s: \"%s\""):format(kind, text),
          { { kind = kind, oid = 1, dim = 3 } }, { text })
      end
      refused("parameter 1: expected 3 dimensions, not 1", { { kind = kind, oid = 1, dim = 3 } }, { "[1]" })
    end
    refused("parameter 1: expected integer, got 1.5", { { kind = "int4" } }, { 1.5 })
    refused("parameter 1: embedded zero byte", { { kind = "unknown" } }, { "a\0b" })
    refused("parameter 1: vector type not found in the database", { { kind = "vector" } }, { { 1 } })
    refused("parameter 1: vector type not found in the database",
      { { kind = "unknown" } }, { core.vector({ 1 }) })
  end)

  it("without a type may not be tables", function()
    local err = refused("parameter 1: a table needs a type: wrap it in pg.literal(value, type)",
      { { kind = "unknown" } }, { {} })
    assert.are.equal("ArgumentError", err.class)
    refused("parameter 1: expected value, got function", { { kind = "unknown" } }, { print })
  end)

  it("carry an error of the convert function, with the position in front", function()
    local specs = { { kind = "int4", name = "a", convert = function() error("boom", 0) end } }
    local ok, err = pcall(pg.send_params, pg, "SELECT 1", core.encoder(specs), { 1 }, 1, 1)
    assert.is_false(ok)
    assert.are.equal("parameter 1 (a): boom", err)
    local object = { code = 7 }
    specs[1].convert = function() error(object) end
    ok, err = pcall(pg.send_params, pg, "SELECT 1", core.encoder(specs), { 1 }, 1, 1)
    assert.is_false(ok)
    assert.are.equal(object, err)
  end)
end)

describe("an encoder", function()
  it("has a length, and so has a decoder", function()
    assert.are.equal(2, #core.encoder({ { kind = "int4" }, { kind = "text" } }))
    assert.are.equal(1, #core.decoder({ { kind = "int4" } }))
  end)

  for _, case in ipairs({
    { { kind = "integer" }, "unknown kind 'integer'" },
    { { kind = "int4[][]" }, "unknown kind 'int4[][]'" },
    { {}, "kind: expected string, got nil" },
    { { kind = "int4", oid = -1 }, "oid: expected a number from 0 to 4294967295, got number" },
    { { kind = "int4", dim = "x" }, "dim: expected a number from 0 to 2147483647, got string" },
    { 5, "field 1: expected table, got number" },
  }) do
    it("refuses a specification: " .. case[2], function()
      local ok, err = pcall(core.encoder, { case[1] })
      assert.is_false(ok)
      assert.are.equal(case[2], err.message)
    end)
  end
end)
