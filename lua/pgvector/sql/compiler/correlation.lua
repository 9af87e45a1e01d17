--- Which FROM elements a nested SELECT shares with the statements around it.
-- @module pgvector.sql.compiler.correlation

local errors = require "pgvector.errors"

local correlation = {}

local function without(froms, sets)
  local kept = {}
  for _, from in ipairs(froms) do
    local found = false
    for _, set in ipairs(sets) do found = found or set[from] end
    if not found then kept[#kept + 1] = from end
  end
  return kept
end

--- Everything in some FROM elements, those inside joins included.
-- @tparam table froms sequence
-- @treturn table set
function correlation.parts(froms)
  local set = {}
  for _, from in ipairs(froms) do
    from:_each_from(function(part) set[part] = true end)
  end
  return set
end

--- May a nested SELECT share any of its FROM elements?
-- @tparam table statement
-- @tparam table froms sequence
-- @tparam ?string mode "from": a subquery in FROM, which sees no sibling
-- @treturn boolean
function correlation.possible(statement, froms, mode)
  return statement._correlate ~= nil or mode ~= "from" and #froms > 1
end

--- The FROM elements that a nested SELECT writes itself. What the enclosing
-- statements have already is referred to, not repeated — unless nothing would
-- remain, or the statement says otherwise.
-- @tparam table statement
-- @tparam table froms sequence
-- @tparam table sets sequence: what the enclosing statements have, from the inside out
-- @tparam ?string mode
-- @treturn table sequence
function correlation.written(statement, froms, sets, mode)
  if not correlation.possible(statement, froms, mode) then return froms end
  local wanted = statement._correlate
  if wanted then
    local chosen = {}
    for _, set in ipairs(sets) do
      for from in pairs(set) do
        local listed = wanted.set[from] == true
        if listed ~= (wanted.except == true) then chosen[from] = true end
      end
    end
    return without(froms, { chosen })
  end
  local kept = without(froms, sets)
  if #kept == 0 then kept = without(froms, { sets[1] }) end
  if #kept == 0 then
    errors.raise("InvalidRequestError", "a subquery's FROM elements all belong to the enclosing statement: "
      .. "say which ones with :correlate(…)")
  end
  return kept
end

return correlation
