--- Where the rows of a COPY come from. As a rule a row stands a line behind the one
-- before, so only where that is not so is anything remembered; and what the server
-- has not complained about for long is forgotten.
-- @module pgvector.cli.ingest.places

local class = require "pgvector.class"

local LIMIT = 50000 -- of what is remembered, and again as many

local Places = class("Places")

local function empty() return { n = 0, rows = {}, files = {}, offsets = {} } end

--- Makes the memory of one COPY.
function Places.new()
  return setmetatable({ _old = empty(), _new = empty(), _file = nil, _offset = nil }, Places)
end

--- Notes a row.
-- @tparam integer row its number in the COPY; they come in order
-- @tparam string file
-- @tparam integer line
function Places:add(row, file, line)
  local offset = line - row
  if offset == self._offset and file == self._file then return end
  self._file, self._offset = file, offset
  if self._new.n == LIMIT then self._old, self._new = self._new, empty() end
  local new = self._new
  local n = new.n + 1
  new.n, new.rows[n], new.files[n], new.offsets[n] = n, row, file, offset
end

local function find(part, row)
  for i = part.n, 1, -1 do
    if part.rows[i] <= row then return part.files[i], row + part.offsets[i] end
  end
end

--- Where a row comes from.
-- @tparam integer row
-- @treturn ?string file; nil if that is forgotten
-- @treturn ?integer line
function Places:find(row)
  local file, line = find(self._new, row)
  if file then return file, line end
  return find(self._old, row)
end

return Places
