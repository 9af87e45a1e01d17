-- The values, their texts, messages, order and distances are the server's.

local db = require "spec.support.db"
local floats = require "spec.support.floats"
local pg = require "pgvector"
local refusal = require "spec.support.refusal"

describe("on the server", function()
  local url, drop, engine, conn
  setup(function()
    url, drop = db.create()
    engine = pg.create_engine(url)
    conn = engine:connect()
  end)
  teardown(function()
    conn:close()
    engine:dispose()
    drop()
  end)

  after_each(function() conn:rollback() end) -- what failed, failed in a transaction

  local function ask(sql, params) return conn:exec_sql(sql, params):scalar() end

  -- what the server says, and what f(...) says without asking it
  local function theirs_and_ours(sql, params, f, ...)
    local _, theirs = pg.try(ask, sql, params)
    local ours = refusal(f, ...)
    return { theirs.sqlstate, theirs.message, theirs.detail }, { ours.sqlstate, ours.message, ours.detail }
  end

  describe("a text is the same:", function()
    it("160,000 vectors' elements of random bits", function()
      local random = floats.random(77)
      for _ = 1, 10 do
        local v = pg.vector.from_packed(floats.packed(16000, random), { endian = "big" })
        assert.is_true(ask("SELECT $1::vector::text", { v }) == tostring(v))
      end
    end)

    it("all powers of ten and of two", function()
      local t = {}
      for e = -45, 38 do t[#t + 1] = tonumber("1e" .. e) end
      for e = -149, 127 do t[#t + 1] = 2 ^ e end
      local v = pg.vector(t)
      assert.equal(tostring(v), ask("SELECT $1::vector::text", { v }))
    end)

    it("all halves", function()
      local parts = {}
      for high = 0, 251 do
        if high % 128 < 124 then
          for low = 0, 255 do parts[#parts + 1] = string.char(high, low) end
        end
      end
      local all = table.concat(parts)
      for i = 1, #all, 30000 do
        local v = pg.halfvec.from_packed(all:sub(i, i + 29999), { endian = "big" })
        assert.is_true(ask("SELECT $1::halfvec::text", { v }) == tostring(v))
      end
    end)

    it("sparsevecs and bits", function()
      local s = pg.sparsevec({ [1] = 1.5, [77] = -1e-7, [1e9] = 3e38 }, 1e9)
      assert.equal(tostring(s), ask("SELECT $1::sparsevec::text", { s }))
      local b = pg.bit "010100001"
      assert.equal(tostring(b), ask("SELECT $1::varbit::text", { b }))
    end)
  end)

  it("decimal texts are read as the same floats", function()
    local random = floats.random(5)
    for _ = 1, 20 do
      local numbers = {}
      for i = 1, 500 do
        local digits = ("%d%d%d"):format(random(), random(), random()):sub(1, 1 + random() % 28)
        local point = random() % (#digits + 1)
        numbers[i] = (digits:sub(1, point) .. "." .. digits:sub(point + 1) .. "e" .. (random() % 60 - 50))
          :gsub("^%.e", "0e")
      end
      local text = "[" .. table.concat(numbers, ",") .. "]"
      assert.equal(ask("SELECT $1::text::vector::text", { text }), tostring(pg.vector(text)))
    end
  end)

  describe("a text is accepted or refused alike:", function()
    local texts = {
      vector = { "[1,2,3]", " [ 1 , 2 ] ", "[1.,.5,1e2]", "[0x10]", "[0x1p-3,0X.8]", "[1e-46]", "[-1e-60]", "", "x", "[", "[1",
        "[1,", "[1,]", "[,1]", "[1 2]", "[1]x", "[]", "[ ]", "[nan]", "[-NaN]", "[inf]", "[-Infinity]", "[infx]", "[4e38]",
        "[1,-1e400]", "[3.4028235677973366e38]", "[3.4028235677973367e38]", "[1e]", "[+]", "[.]", "[--1]", "[0x]",
        "[1,2]]", "[[1]]", "[1;2]", "[é]", "[1e5000000000]", "[\v1\f]", "[16777217]", "[1.00000005960464477539062501]" },
      halfvec = { "[1,2,3]", "[65519]", "[65520]", "[-65520]", "[1e39]", "[nan]", "[inf]", "[]", "[1e-8]", "[0.1", "x",
        "[2049,2051]", "[1e-46]" },
      sparsevec = { "{1:1}/3", " { 1 : 1 , 2:2 } / 5 ", "{}/3", "{3:1,1:2}/3", "{1:0,9:0}/3", "{1:0,1:0}/3", "{1:1,1:2}/3",
        "{0:1}/3", "{4:1}/3", "{-1:1}/3", "{99999999999:1}/3", "{1:1}/0", "{1:1}/-5", "{}/1000000001", "{}/99999999999",
        "{1:1e-46}/3", "{1:4e38}/3", "{1:nan}/3", "{1:inf}/3", "", "x", "{", "{1", "{1:", "{1:1", "{1:1}", "{1:1}/", "{1:1}/x",
        "{1:1}/3x", "{1:1,}/3", "{:1}/3", "{1 1}/3", "{+1:1}/+3", "[1,2]", "{1:0x10}/3" },
      varbit = { "101", "", "b101", "B0", "x1fA", "X", "102", "x1g", "1é", " 1", "0b1" },
    }
    for name, list in pairs(texts) do
      for _, text in ipairs(list) do
        it(("%s %q"):format(name, text), function()
          local make = pg[name == "varbit" and "bit" or name]
          local sql = ("SELECT $1::text::%s::text"):format(name)
          local value = pg.try(make, text)
          if value then
            assert.equal(ask(sql, { text }), tostring(value))
          else
            assert.same(theirs_and_ours(sql, { text }, make, text))
          end
        end)
      end
    end
  end)

  it("values are equal to what comes back", function()
    for _, v in ipairs{ pg.vector{ 1, -0.5, 3e38 }, pg.halfvec{ 1, -0.5, 65504 }, pg.sparsevec{ 0, 1.5 }, pg.bit "1011" } do
      assert.equal(v, ask(("SELECT $1::%s"):format(pg.is_vector(v) == "bit" and "varbit" or pg.is_vector(v)), { v }))
    end
  end)

  it("values have the same order", function()
    local random = floats.random(8)
    for _, name in ipairs{ "vector", "halfvec", "sparsevec" } do
      local list = {}
      for i = 1, 60 do
        local t = {}
        for j = 1, 1 + random() % 4 do t[j] = random() % 3 - 1 end
        list[i] = pg[name](t)
      end
      for i = 1, 59 do
        local a, b = list[i], list[i + 1]
        local row = conn:exec_sql(("SELECT $1::%s < $2::%s, $1 <= $2, $1 = $2"):format(name, name), { a, b }):one()
        assert.same({ row[1], row[2], row[3] }, { a < b, a <= b, a == b })
      end
    end
    for i = 1, 60 do
      local a, b = {}, {}
      for j = 1, random() % 12 do a[j] = random() % 4 == 0 end
      for j = 1, random() % 12 do b[j] = random() % 4 == 0 end
      a, b = pg.bit(a), pg.bit(b)
      local row = conn:exec_sql("SELECT $1::varbit < $2::varbit, $1 = $2", { a, b }):one()
      assert.same({ row[1], row[2] }, { a < b, a == b }, i)
    end
  end)

  it("distances agree", function()
    local operators = { l2_distance = "<->", max_inner_product = "<#>", cosine_distance = "<=>", l1_distance = "<+>" }
    local random = floats.random(13)
    for _, dim in ipairs{ 1, 2, 3, 7, 16, 31, 100, 768, 2000 } do
      local a, b = {}, {}
      for i = 1, dim do a[i], b[i] = random() / 2 ^ 31 - 1, random() / 2 ^ 31 - 1 end
      for _, name in ipairs{ "vector", "halfvec", "sparsevec" } do
        local v, w = pg[name](a), pg[name](b)
        local norms = v:norm() * w:norm()
        for method, operator in pairs(operators) do
          local theirs = ask(("SELECT $1::%s %s $2::%s"):format(name, operator, name), { v, w })
          local scale = method == "max_inner_product" and norms or method == "cosine_distance" and 1 or theirs
          assert(math.abs(v[method](v, w) - theirs) <= 1e-6 * scale, name .. operator .. dim)
        end
      end
      local x, y = pg.vector(a):binary_quantize(), pg.vector(b):binary_quantize()
      assert.equal(x, ask("SELECT binary_quantize($1::vector)::varbit", { pg.vector(a) }))
      assert.equal(ask("SELECT hamming_distance($1::varbit::bit(" .. dim .. "), $2::varbit::bit(" .. dim .. "))", { x, y }),
        x:hamming_distance(y))
      assert.equal(ask("SELECT jaccard_distance($1::varbit::bit(" .. dim .. "), $2::varbit::bit(" .. dim .. "))", { x, y }),
        x:jaccard_distance(y))
    end
  end)

  it("distances at the edges are the same", function()
    for _, pair in ipairs{ { "[3e38]", "[-3e38]" }, { "[3e38]", "[3e38]" }, { "[0,0]", "[1,1]" }, { "[1,1]", "[1.1,1.1]" },
      { "[1e-30]", "[0]" }, { "[1e-30]", "[1e-30]" }, { "[1]", "[-1]" } } do
      local a, b = pg.vector(pair[1]), pg.vector(pair[2])
      for method, operator in pairs{ l2_distance = "<->", max_inner_product = "<#>", cosine_distance = "<=>",
        l1_distance = "<+>" } do
        local theirs, ours = ask(("SELECT $1::vector %s $2::vector"):format(operator), { a, b }), a[method](a, b)
        assert(theirs == ours or theirs ~= theirs and ours ~= ours, pair[1] .. operator .. pair[2])
      end
    end
  end)

  describe("a function or operator gives the same:", function()
    local a, b = "[1,-2.5,0.1,3e4]", "[0.3,4,-0.1,2]"
    local cases = {
      { "$1::vector + $2::vector", function(v, w) return v + w end },
      { "$1::vector - $2::vector", function(v, w) return v - w end },
      { "$1::vector * $2::vector", function(v, w) return v * w end },
      { "$1::vector || $2::vector", function(v, w) return v .. w end },
      { "l2_normalize($1::vector)", function(v) return v:l2_normalize() end },
      { "vector_norm($1::vector)", function(v) return v:norm() end },
      { "$1::vector::halfvec", function(v) return v:to_halfvec() end },
      { "$1::vector::sparsevec", function(v) return v:to_sparsevec() end },
      { "$1::halfvec + $2::halfvec", function(v, w) return v:to_halfvec() + w:to_halfvec() end },
      { "$1::halfvec - $2::halfvec", function(v, w) return v:to_halfvec() - w:to_halfvec() end },
      { "$1::halfvec * $2::halfvec", function(v, w) return v:to_halfvec() * w:to_halfvec() end },
      { "$1::halfvec || $2::halfvec", function(v, w) return v:to_halfvec() .. w:to_halfvec() end },
      { "l2_normalize($1::halfvec)", function(v) return v:to_halfvec():l2_normalize() end },
      { "l2_norm($1::halfvec)", function(v) return v:to_halfvec():norm() end },
      { "$1::halfvec::vector", function(v) return v:to_halfvec():to_vector() end },
      { "l2_normalize($1::vector::sparsevec)", function(v) return v:to_sparsevec():l2_normalize() end },
      { "l2_norm($1::vector::sparsevec)", function(v) return v:to_sparsevec():norm() end },
    }
    for start = -2, 5 do
      for count = 0, 5 do
        cases[#cases + 1] = { ("subvector($1::vector, %d, %d)"):format(start, count),
          function(v) return v:subvector(start, count) end }
      end
    end
    for _, case in ipairs(cases) do
      it(case[1], function()
        local sql = "SELECT (" .. case[1]:gsub("%$%d", { ["$1"] = "'" .. a .. "'", ["$2"] = "'" .. b .. "'" }) .. ")::text"
        local v, w = pg.vector(a), pg.vector(b)
        local value = pg.try(case[2], v, w)
        if value == nil then
          assert.same(theirs_and_ours(sql, nil, case[2], v, w))
        elseif type(value) == "number" then
          assert.is_true(math.abs(value - tonumber(ask(sql))) <= 1e-14 * value)
        else
          assert.equal(ask(sql), tostring(value))
        end
      end)
    end
  end)

  it("arithmetic fails alike", function()
    local cases = {
      { "$1::vector + $2::vector", "[3e38]", "[3e38]", function(v, w) return pg.vector(v) + w end },
      { "$1::vector * $2::vector", "[1e-30]", "[1e-30]", function(v, w) return pg.vector(v) * w end },
      { "$1::vector * $2::vector", "[1e30]", "[1e30]", function(v, w) return pg.vector(v) * w end },
      { "$1::vector - $2::vector", "[1]", "[1,2]", function(v, w) return pg.vector(v) - w end },
      { "$1::vector <-> $2::vector", "[1]", "[1,2]", function(v, w) return pg.vector(v):l2_distance(w) end },
      { "$1::halfvec + $2::halfvec", "[65504]", "[16]", function(v, w) return pg.halfvec(v) + w end },
      { "$1::halfvec * $2::halfvec", "[1e-4]", "[1e-4]", function(v, w) return pg.halfvec(v) * w end },
      { "$1::halfvec <=> $2::halfvec", "[1]", "[1,2]", function(v, w) return pg.halfvec(v):cosine_distance(w) end },
      { "$1::sparsevec <=> $2::sparsevec", "{}/1", "{}/2", function(v, w) return pg.sparsevec(v):cosine_distance(w) end },
      { "$1::varbit::bit(1) <~> $2::varbit::bit(2)", "1", "10", function(v, w) return pg.bit(v):hamming_distance(w) end },
      { "$1::vector::halfvec || $2::halfvec", "[65520]", "[1]", function(v) return pg.vector(v):to_halfvec() end },
    }
    for _, case in ipairs(cases) do
      assert.same(theirs_and_ours("SELECT " .. case[1], { case[2], case[3] }, case[4], case[2], case[3]))
      conn:rollback()
    end
  end)
end)
