--- Lists that grow at their end. A longer list refers to the one it grew from,
-- so neither changes, and growing costs the same however long they are.
-- @module pgvector.util.chain

local chain = {}

--- A list and more behind it.
-- @tparam ?table list nil is the empty list
-- @tparam table more sequence, which belongs to the list from now on
-- @treturn ?table the longer list
function chain.append(list, more)
  if more[1] == nil then return list end
  return { items = more, before = list }
end

--- The entries of a list.
-- @tparam ?table list
-- @treturn ?table sequence, not to be changed; nil for the empty list
function chain.items(list)
  if not list then return nil end
  if not list.before then return list.items end
  local parts, count = {}, 0
  local part = list
  while part do
    count = count + 1
    parts[count] = part.items
    part = part.before
  end
  local items, n = {}, 0
  for i = count, 1, -1 do
    for j = 1, #parts[i] do
      n = n + 1
      items[n] = parts[i][j]
    end
  end
  -- the same list, in one part from now on
  list.items, list.before = items, nil
  return items
end

return chain
