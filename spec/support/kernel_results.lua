-- What every kernel says about a fixed set of vectors, to be compared between
-- instruction sets: `require` it in a process with PGVECTOR_KERNELS set.

local core = require "pgvector.core"
local floats = require "spec.support.floats"

local results = {}

results.dims = { 128, 768, 16000 }
for dim = 67, 1, -1 do table.insert(results.dims, 1, dim) end

-- name → function(random) → number
results.elements = {
  random = function(random) return random() / 2 ^ 31 - 1 end,
  wide = function(random) return (random() / 2 ^ 31 - 1) * 2 ^ (random() % 60 - 30) end,
  subnormal = function(random) return (random() % 2 ^ 23 - 2 ^ 22) * 2 ^ -149 end,
  huge = function(random) return random() % 2 == 0 and 3e38 or -3e38 end,
  zeros = function(random) return (random() % 2) * -0.0 end,
}
results.half_elements = {
  random = results.elements.random,
  subnormal = function(random) return (random() % 2048 - 1024) * 2 ^ -24 end,
  huge = function(random) return random() % 2 == 0 and 65504 or -65504 end,
}
results.names = { "random", "wide", "subnormal", "huge", "zeros" }
results.methods = { "l2_distance", "inner_product", "cosine_distance", "l1_distance" }

--- Calls f(name, a, b) with two vectors of each kind of elements and length.
function results.each(make, elements, f)
  for _, name in ipairs(results.names) do
    local element = elements[name]
    local random = floats.random(99)
    for _, dim in ipairs(element and results.dims or {}) do
      local a, b = {}, {}
      for i = 1, dim do a[i], b[i] = element(random), element(random) end
      f(name, make(a), make(b))
    end
  end
end

--- Calls f(a, b) with bits of many lengths.
function results.each_bit(f)
  local random = floats.random(42)
  for len = 0, 1100 do
    if len < 200 or len > 1000 then
      local a, b = {}, {}
      for i = 1, len do a[i], b[i] = random() % 2 == 0, random() % 3 == 0 end
      f(core.bit(a), core.bit(b))
    end
  end
end

--- All results as lines of text, after the name of the instruction set.
function results.text()
  local lines = { core.kernels.isa() }
  local function add(...) lines[#lines + 1] = ("%.17g "):rep(select("#", ...)):format(...) end
  local function dense(_, a, b)
    for _, method in ipairs(results.methods) do add(a[method](a, b)) end
    add(a:norm())
  end
  results.each(core.vector, results.elements, dense)
  results.each(core.halfvec, results.half_elements, dense)
  results.each_bit(function(a, b) add(a:hamming_distance(b), a:jaccard_distance(b)) end)
  local zero = core.halfvec{ 0 }
  for high = 0, 251 do
    for low = 0, high % 128 < 124 and 255 or -1 do -- all finite halves
      local h = core.halfvec.from_packed(string.char(high, low), { endian = "big" })
      add(h:l1_distance(zero), h:inner_product{ 1 }, h[1])
    end
  end
  return (table.concat(lines, "\n"):gsub("%-?nan", "nan"))
end

return results
