--- The files of a command line, one behind the other: records with their places.
-- @module pgvector.cli.ingest.input

local class = require "pgvector.class"
local errors = require "pgvector.errors"
local values = require "pgvector.cli.ingest.values"

local input = {}

local readers = {
  jsonl = "pgvector.cli.ingest.jsonl", csv = "pgvector.cli.ingest.csv", tsv = "pgvector.cli.ingest.tsv",
}
local extensions = { jsonl = "jsonl", ndjson = "jsonl", csv = "csv", tsv = "tsv" }

--- Standard input, as a file.
input.STDIN = "-"

local STDIN_NAME = "stdin" -- in messages

--- The format that a file's name tells.
-- @tparam string path
-- @treturn ?string "jsonl", "csv", "tsv"; nil if it tells none
function input.format_of(path) return extensions[(path:match("%.([^./]+)$") or ""):lower()] end

local Input = class("Input")

local function size_of(path)
  if path == input.STDIN then return nil end
  local handle, err = io.open(path, "rb")
  if not handle then errors.raise("OperationalError", "cannot open %s", err) end
  local size = handle:seek "end"
  handle:close()
  return size
end

--- Begins.
-- @tparam table files sequence of `{ path =, format = }`; the path "-" is standard input
-- @tparam table options `null`: the field of CSV and TSV that is NULL; `names` of
--   their fields, where files have no header
-- @treturn Input
-- @raise OperationalError if a file cannot be opened
function input.open(files, options)
  local total = 0
  for _, file in ipairs(files) do
    local size = size_of(file.path)
    total = size and total and total + size
  end
  return setmetatable({
    --- bytes of all files; nil if that is not known
    total = total or nil,
    --- records taken
    records = 0,
    --- the reader of the file that is being read
    reader = nil,
    _files = files, _options = options, _file = 0, _handle = nil, _before = 0,
  }, Input)
end

local function bad_header(reader, message, ...)
  error(errors.new("DataError", message:format(...), { fatal = true, file = reader.file, line = reader.line }), 0)
end

-- Reads the names of the fields.
local function read_header(reader)
  local ok, found = pcall(reader.next, reader)
  if not ok then
    found.fatal = true
    error(found, 0)
  end
  if not found then return end
  local names, seen = {}, {}
  for i = 1, reader.n do
    local name = values.text(reader, i) or ""
    if name == "" then bad_header(reader, "field %d of the header has no name", i) end
    if seen[name] then bad_header(reader, "the header has two fields '%s'", name) end
    names[i], seen[name] = name, true
  end
  reader.names, reader.width, reader.header, reader.header_line = names, #names, reader:raw(), reader.line
end

local function open_next(self)
  self._file = self._file + 1
  local file = self._files[self._file]
  if not file then return false end
  local handle, name = io.stdin, STDIN_NAME
  if file.path ~= input.STDIN then
    name = file.path
    local err
    handle, err = io.open(file.path, "rb")
    if not handle then errors.raise("OperationalError", "cannot open %s", err) end
  end
  self._handle = handle
  self.reader = require(readers[file.format]).new(handle, name, self._options.null)
  if file.format ~= "jsonl" then
    self.reader.fixed = true -- all records have these fields
    local names = self._options.names
    if names then
      self.reader.names, self.reader.width = names, #names
    else
      read_header(self.reader)
    end
  end
  return true
end

local function close_file(self)
  self._before = self._before + self.reader:position()
  if self._handle ~= io.stdin then self._handle:close() end
end

local function advance(self, step)
  while true do
    if not self.reader and not open_next(self) then return false end
    local ok, found = pcall(self.reader[step], self.reader)
    if not ok or found then
      self.records = self.records + 1
      if not ok then error(found, 0) end
      return true
    end
    close_file(self)
    self.reader = nil
  end
end

--- Takes a record: the fields of `reader` tell it.
-- @treturn boolean false at the end of the last file
-- @raise DataError if the record is malformed; the next call goes on behind it.
--   With `fatal` it is not about a record
function Input:next() return advance(self, "next") end

--- Passes a record.
-- @treturn boolean false at the end of the last file
function Input:skip() return advance(self, "skip") end

--- How many bytes are taken.
-- @treturn integer
function Input:position() return self._before + (self.reader and self.reader:position() or 0) end

return input
