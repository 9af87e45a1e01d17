-- Floats by their bits, without string.pack: the same on every Lua.

local floats = {}

--- The four bytes of a bit pattern, most significant first.
function floats.bytes(bits)
  return string.char(math.floor(bits / 2 ^ 24) % 256, math.floor(bits / 2 ^ 16) % 256,
    math.floor(bits / 2 ^ 8) % 256, bits % 256)
end

--- A sequence of numbers from 0 to 2^32 - 1 that is the same on every Lua.
function floats.random(seed)
  local state = seed or 1
  return function()
    state = (state * 16807) % 2147483647 -- exact in a double
    local high = state
    state = (state * 16807) % 2147483647
    return (high % 65536) * 65536 + state % 65536
  end
end

--- The packed bytes (big endian) of n finite floats of random bits.
function floats.packed(n, random)
  local parts = {}
  while #parts < n do
    local bits = random()
    if math.floor(bits / 2 ^ 23) % 256 ~= 255 then parts[#parts + 1] = floats.bytes(bits) end
  end
  return table.concat(parts)
end

return floats
