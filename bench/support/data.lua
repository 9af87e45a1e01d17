--- The same 10,000 × 1,536 numbers everywhere: bench/c/rows.h and
-- bench/peers/data.py make them by the same rule.

local pg = require "pgvector"

local data = { rows = 10000, dimensions = 1536 }

local state

local function next_number()
  state = state * 16807 % 2147483647
  return state / 2147483647 - 0.5
end

--- Starts over.
function data.reset() state = 1 end

--- The next embedding, as a table.
function data.numbers()
  local numbers = {}
  for i = 1, data.dimensions do numbers[i] = next_number() end
  return numbers
end

--- All embeddings.
-- @tparam boolean as_tables rather than as vectors
function data.all(as_tables)
  data.reset()
  local all = {}
  for i = 1, data.rows do
    local numbers = data.numbers()
    all[i] = as_tables and numbers or pg.vector(numbers)
  end
  return all
end

return data
