--- A file's text, a block at a time. What is read lies in `text`; readers work
-- with positions in it, so that a line is no string of its own.
-- @module pgvector.cli.ingest.lines

local class = require "pgvector.class"
local errors = require "pgvector.errors"

local find, max = string.find, math.max

local BLOCK = 65536 -- more costs time: allocators hand large strings back to the system at once
local LONGEST = 67108864 -- bytes of one line or record

local Lines = class("Lines")

--- Begins a file.
-- @param handle open for reading
-- @tparam string name for messages
-- @treturn Lines
function Lines.new(handle, name)
  return setmetatable({
    --- what is read and not yet forgotten
    text = "",
    --- the first position in it that is not taken
    at = 1,
    --- the number of the line there
    line = 1,
    name = name,
    _handle = handle,
    _before = 0, -- bytes of the file that are forgotten
    _begun = false,
  }, Lines)
end

--- Reads more, and forgets what is taken: positions change, `at` with them.
-- @treturn boolean false at the file's end
-- @raise OperationalError if the file cannot be read, or has a line that is too long
function Lines:more()
  local rest = self.text:sub(self.at)
  if #rest >= LONGEST then
    errors.raise("OperationalError", "%s:%d: longer than %d MB: is a quote not closed?", self.name, self.line,
      LONGEST / 1048576)
  end
  -- as much as there is already: a long line is not copied again and again
  local block, err = self._handle:read(max(BLOCK, #rest))
  if not block then
    if err then errors.raise("OperationalError", "%s cannot be read: %s", self.name, err) end
    return false
  end
  self._before = self._before + self.at - 1
  self.text, self.at = rest .. block, 1
  if not self._begun then
    self._begun = true
    if find(self.text, "^\239\187\191") then self.at = 4 end -- a byte order mark
  end
  return true
end

--- Takes a line.
-- @treturn[1] integer its first position
-- @treturn[1] integer its last one, without the line's end
-- @treturn[2] nil at the file's end
function Lines:take()
  local stop = find(self.text, "\n", self.at, true)
  while not stop do
    local known = #self.text - self.at + 1
    if not self:more() then
      if known <= 0 then return nil end
      stop = #self.text + 1
      break
    end
    stop = find(self.text, "\n", self.at + known, true)
  end
  local from = self.at
  self.at, self.line = stop + 1, self.line + 1
  return from, stop - 1
end

--- How many bytes of the file are taken.
-- @treturn integer
function Lines:position() return self._before + self.at - 1 end

return Lines
