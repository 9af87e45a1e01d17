-- Every instruction set's kernels, against each other and against sums of more
-- precision than a double has.

local core = require "pgvector.core"
local results = require "spec.support.kernel_results"

-- the interpreter that runs this
local interpreter = arg[0]
for i = -1, -20, -1 do interpreter = arg[i] or interpreter end

local function results_of(isa)
  local script = ("package.path = %q package.cpath = %q io.write(require('spec.support.kernel_results').text())")
    :format(package.path, package.cpath)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(script)
  file:close()
  local pipe = assert(io.popen(("PGVECTOR_KERNELS=%s '%s' %s"):format(isa, interpreter, path)))
  local text = pipe:read("*a")
  pipe:close()
  os.remove(path)
  return text:match("^(%w+)\n(.*)$")
end

describe("the kernels of", function()
  local base_isa, base
  setup(function() base_isa, base = results_of("base") end)

  it("base can be asked for", function()
    assert.equal("base", base_isa)
    assert.is_true(#base > 1e6)
  end)

  for _, isa in ipairs{ "avx2", "avx512" } do
    it(isa .. " (if there are any here) give the results of base, bit for bit", function()
      local actual_isa, text = results_of(isa)
      assert.truthy(({ base = true, avx2 = true, [isa] = true })[actual_isa])
      assert.is_true(text == base)
    end)
  end

  it("this process give them too", function()
    assert.is_true(results.text():match("^%w+\n(.*)$") == base)
  end)
end)

-- The sum with the errors of all additions added in the end (Neumaier).
local function exact_sum(terms)
  local sum, lost = 0, 0
  for _, x in ipairs(terms) do
    local t = sum + x
    if math.abs(sum) >= math.abs(x) then
      lost = lost + ((sum - t) + x)
    else
      lost = lost + ((x - t) + sum)
    end
    sum = t
  end
  return sum + lost
end

local function sums(a, b)
  a, b = a:totable(), b:totable()
  local ab, aa, bb, l2, l1 = {}, {}, {}, {}, {}
  for i = 1, #a do -- products of two floats are exact
    ab[i], aa[i], bb[i] = a[i] * b[i], a[i] * a[i], b[i] * b[i]
    local difference = a[i] - b[i]
    l2[i], l1[i] = difference * difference, math.abs(difference)
  end
  return exact_sum(ab), exact_sum(aa), exact_sum(bb), exact_sum(l2), exact_sum(l1)
end

local overflow = 2 ^ 128 - 2 ^ 103 -- from here on, the nearest float is infinite
local tiny = 2 ^ -149

-- is x the exact value, within `error`, or infinite where no float holds it?
local function near(x, exact, error)
  if exact >= overflow then return x == math.huge end
  if exact <= -overflow then return x == -math.huge end
  return math.abs(x - exact) <= error
end

describe("a distance of", function()
  local kinds = { vector = results.elements, halfvec = results.half_elements }
  for kind, elements in pairs(kinds) do
    it(("%ss is as close to the exact one as is promised"):format(kind), function()
      results.each(core[kind], elements, function(name, a, b)
        local ab, aa, bb, l2, l1 = sums(a, b)
        local norms = math.sqrt(aa) * math.sqrt(bb)
        local where = ("%s %d"):format(name, #a)
        local distance = a:l2_distance(b)
        assert(l2 >= overflow and distance == math.huge
          or near(distance, math.sqrt(l2), 1e-6 * math.sqrt(l2) + math.sqrt(tiny)), where)
        assert(near(a:l1_distance(b), l1, 1e-6 * l1 + tiny), where)
        assert(near(a:inner_product(b), ab, 1e-6 * norms + tiny), where)
        assert(math.abs(a:norm() - math.sqrt(aa)) <= 1e-12 * math.sqrt(aa), where)
        if aa > 1e-30 and bb > 1e-30 and aa < overflow and bb < overflow then
          assert(near(a:cosine_distance(b), 1 - ab / norms, 1e-6), where)
        end
      end)
    end)
  end

  it("sparsevecs is as close to the exact one as sums of floats can be", function()
    results.each(function(t)
      for i = 1, #t do
        if i % 3 == 0 then t[i] = 0 end
      end
      table.insert(t, table.remove(t, 1)) -- zeros in other places
      return core.sparsevec(core.vector(t))
    end, { random = results.elements.random }, function(_, a, b)
      local ab, aa, bb, l2, l1 = sums(a, b)
      local norms, error = math.sqrt(aa) * math.sqrt(bb), 6e-8 * #a
      assert(near(a:l2_distance(b), math.sqrt(l2), error * math.sqrt(l2)))
      assert(near(a:l1_distance(b), l1, error * l1))
      assert(near(a:inner_product(b), ab, error * norms))
      if norms > 0 then assert(near(a:cosine_distance(b), 1 - ab / norms, error)) end
    end)
  end)

  it("bits is exact", function()
    results.each_bit(function(a, b)
      local differing, both, either = 0, 0, 0
      for i, x in a:iter() do
        if x ~= b[i] then differing = differing + 1 end
        if x and b[i] then both = both + 1 end
        if x or b[i] then either = either + 1 end
      end
      assert.equal(differing, a:hamming_distance(b))
      assert.equal(both == 0 and 1 or 1 - both / either, a:jaccard_distance(b))
    end)
  end)

  it("a half, for all of them, is that of its value", function()
    local zero = core.halfvec{ 0 }
    for high = 0, 123 do
      local packed = {}
      for low = 0, 255 do packed[low + 1] = string.char(high, low) end
      local v = core.halfvec.from_packed(table.concat(packed), { endian = "big" })
      for i, x in v:iter() do
        local bits = high * 256 + i - 1
        local exponent, fraction = math.floor(bits / 1024), bits % 1024
        local value = exponent == 0 and fraction * 2 ^ -24 or (1024 + fraction) * 2 ^ (exponent - 25)
        assert(x == value)
        assert(core.halfvec{ -value }:l1_distance(zero) == value)
      end
    end
  end)
end)
