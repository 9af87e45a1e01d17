--- The rows of the input, and what becomes of records that are none.
-- @module pgvector.cli.ingest.rows

local class = require "pgvector.class"
local errors = require "pgvector.errors"

local Rows = class("Rows")

--- Makes the source of rows.
-- @tparam Input input
-- @tparam Mapping mapping
-- @tparam table options `skip`: go on behind a bad record; `report(message)` is told of it;
--   `rejects`: a file that gets it; `keep`: rows are kept for a while, so each needs its text
-- @treturn Rows
function Rows.new(input, mapping, options)
  return setmetatable({
    --- how many records were refused
    rejected = 0,
    _input = input, _mapping = mapping, _options = options, _row = {}, _header = nil,
  }, Rows)
end

--- The next row.
-- @tparam[opt] table row to be filled, see Mapping:row; without one the same is used again
-- @treturn ?table with `record`, its number among all; nil at the end
-- @raise DataError for a bad record, unless that is skipped
function Rows:next(row)
  local input, mapping = self._input, self._mapping
  row = row or self._row
  while true do
    local ok, result = pcall(input.next, input)
    if ok and not result then return nil end
    if ok then ok, result = pcall(mapping.row, mapping, input.reader, row) end
    if ok then
      row.record = input.records
      if self._options.keep then row.raw, row.header = input.reader:raw(), input.reader.header end
      return row
    end
    self:refuse(result)
  end
end

local function write(self, raw, header)
  local file = self._options.rejects
  if header and header ~= self._header then
    file:write(header, "\n")
    self._header = header
  end
  file:write(raw, "\n")
  file:flush()
end

--- Says no to a record: raises its error with the place, or reports it.
-- @param err
-- @tparam[opt] table row made of it; without one it is the record that was read last
function Rows:refuse(err, row)
  local reader = self._input.reader
  if not errors.is_error(err, "DataError") then error(err, 0) end
  local place = row or reader
  local line = err.fatal and reader.header_line or place.line
  err.message = ("%s:%d: %s"):format(place.file, line, err.message)
  if err.fatal or not self._options.skip then error(err, 0) end
  self.rejected = self.rejected + 1
  self._options.report(err.message)
  if not self._options.rejects then return end
  if row and row.raw then write(self, row.raw, row.header) else write(self, reader:raw(), reader.header) end
end

return Rows
