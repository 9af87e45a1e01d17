--- Rows whose vectors an embedder makes: so many are read ahead as it takes texts
-- at once.
-- @module pgvector.cli.ingest.embedding

local class = require "pgvector.class"
local errors = require "pgvector.errors"

local Embedding = class("Embedding")

--- Makes the source of rows.
-- @tparam Rows rows
-- @tparam Embedder embedder
-- @treturn Embedding has `next` as Rows has
function Embedding.new(rows, embedder)
  return setmetatable({ _rows = rows, _embedder = embedder, _queue = {}, _count = 0, _at = 0 }, Embedding)
end

local function check(vectors, columns)
  for i, vector in ipairs(vectors) do
    local column = columns[i]
    if column.type.dim and column.type.dim ~= #vector then
      errors.raise("OperationalError", "the embedder makes vectors of %d dimensions, column '%s' has %d", #vector,
        column.name, column.type.dim)
    end
  end
end

-- Reads rows, and makes their vectors. Where there is no text there is none.
local function fill(self)
  local queue, texts, rows, slots, columns = self._queue, {}, {}, {}, {}
  self._count, self._at = 0, 0
  while self._count < self._embedder.batch and #texts < self._embedder.batch do
    local row = queue[self._count + 1] or { texts = {} }
    queue[self._count + 1] = row
    if not self._rows:next(row) then break end
    self._count = self._count + 1
    for k, embed in ipairs(row.embeds) do
      local text = row.texts[k]
      if text and text:find "%S" then
        local n = #texts + 1
        texts[n], rows[n], slots[n], columns[n] = text, row, embed.slot, embed.column
      end
    end
  end
  if #texts == 0 then return end
  local vectors = self._embedder:embed(texts)
  check(vectors, columns)
  for i, vector in ipairs(vectors) do
    local row = rows[i]
    row[slots[i]] = vector
  end
end

--- The next row.
-- @treturn ?table nil at the end
function Embedding:next()
  if self._at == self._count then fill(self) end
  if self._count == 0 then return nil end
  self._at = self._at + 1
  return self._queue[self._at]
end

return Embedding
