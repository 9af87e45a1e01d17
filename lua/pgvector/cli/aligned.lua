--- Rows of text as an aligned table, for people.
-- @module pgvector.cli.aligned

local aligned = {}

local GAP = "  "
local LEAST = 8 -- columns are not cut below this

-- A character is one column wide: continuation bytes of UTF-8 do not count.
local function width_of(text)
  local _, continued = text:gsub("[\128-\191]", "")
  return #text - continued
end

--- One line of plain text: what would move the terminal's cursor becomes a space.
-- @treturn string
function aligned.line(text) return (text:gsub("[%z\1-\31\127]+", " ")) end

-- The first columns of a text.
local function cut(text, width)
  if width_of(text) <= width then return text end
  local position, seen = 1, 0
  while seen < width - 1 do
    position = text:find("[^\128-\191]", position + 1)
    seen = seen + 1
  end
  return text:sub(1, position - 1) .. "…"
end

-- The widths at which the whole fits: the widest columns give way first.
local function fit(widths, total)
  local room = total - #GAP * (#widths - 1)
  local function sum(cap)
    local n = 0
    for _, width in ipairs(widths) do n = n + math.min(width, cap) end
    return n
  end
  local cap = LEAST
  for _, width in ipairs(widths) do cap = math.max(cap, width) end
  if sum(cap) <= room then return widths end
  local low, high = LEAST, cap -- the greatest cap that fits, or LEAST
  while low < high do
    local middle = math.ceil((low + high) / 2)
    if sum(middle) <= room then low = middle else high = middle - 1 end
  end
  local fitted = {}
  for i, width in ipairs(widths) do fitted[i] = math.min(width, low) end
  return fitted
end

--- Aligns rows under their heads.
-- @tparam table heads sequence of texts
-- @tparam table rows sequence of sequences of texts
-- @tparam[opt] table options `width`: the columns that there are, longer texts
--   are cut; `right`: set of the positions that stand at the right of their column
-- @treturn table sequence of lines
function aligned.lines(heads, rows, options)
  options = options or {}
  local right, all, widths = options.right or {}, { heads }, {}
  for _, row in ipairs(rows) do all[#all + 1] = row end
  local texts = {}
  for n, row in ipairs(all) do
    texts[n] = {}
    for i = 1, #heads do
      texts[n][i] = aligned.line(row[i])
      widths[i] = math.max(widths[i] or 0, width_of(texts[n][i]))
    end
  end
  if options.width then widths = fit(widths, options.width) end
  local lines = {}
  for n, row in ipairs(texts) do
    local cells = {}
    for i, width in ipairs(widths) do
      local text = cut(row[i], width)
      local pad = (" "):rep(width - width_of(text))
      cells[i] = right[i] and pad .. text or text .. pad
    end
    lines[n] = table.concat(cells, GAP):gsub("%s+$", "")
  end
  return lines
end

return aligned
