--- The texts to search: what apt knows about packages, or a file.

local pg = require "pgvector"

local corpus = {}

local LIST_PACKAGES = "apt-cache dumpavail 2>/dev/null"

local function shell_quoted(s) return "'" .. s:gsub("'", "'\\''") .. "'" end

local function fail(message, ...) error(message:format(...), 0) end

-- apt's list: paragraphs of "Field: value", where a line that begins with a
-- space continues the field above and an empty line ends the paragraph.
local wanted = { Package = true, Description = true, ["Description-en"] = true }

local function read_apt(lines, add)
  local seen, fields, last = {}, {}, nil
  local function finish()
    local name, description = fields.Package, fields["Description-en"] or fields.Description
    if name and description and not seen[name] then -- the newest version comes first
      seen[name] = true
      add(name, description)
    end
    fields, last = {}, nil
  end
  for line in lines do
    if line == "" then
      finish()
    elseif line:find("^%s") then
      if last then fields[last] = fields[last] .. "\n" .. line:gsub("^%s%.?", "") end
    else
      local field, value = line:match("^([%w-]+): ?(.*)")
      last = wanted[field] and field
      if last then fields[last] = value end
    end
  end
  finish()
end

-- One JSON object on each line, {"name": …, "description": …} or title and text.
local function read_jsonl(lines, add, file)
  local number = 0
  for line in lines do
    number = number + 1
    if line:find("%S") then
      local ok, row = pcall(pg.json.decode, line)
      if not ok or type(row) ~= "table" then fail("%s:%d: not a JSON object", file, number) end
      local name, description = row.name or row.title, row.description or row.text
      if type(name) ~= "string" or type(description) ~= "string" then
        fail("%s:%d: expected the texts 'name' and 'description', or 'title' and 'text'", file, number)
      end
      add(name, description)
    end
  end
end

-- name, a tabulator, description.
local function read_tsv(lines, add, file)
  local number = 0
  for line in lines do
    number = number + 1
    local name, description = line:match("^([^\t]*)\t([^\t\r]*)")
    if name then
      add(name, description)
    elseif line:find("%S") then
      fail("%s:%d: expected a name, a tabulator and a description", file, number)
    end
  end
end

local readers = { jsonl = read_jsonl, tsv = read_tsv }

local function open(file)
  local input, message = io.open(file)
  if not input then fail("%s", message) end
  return input
end

--- Reads all texts.
-- @tparam ?string file a .jsonl or .tsv file; nil: the packages that apt knows
-- @treturn table sequence of `{ name =, description = }`
function corpus.read(file)
  local texts = {}
  local function add(name, description) texts[#texts + 1] = { name = name, description = description } end
  if file then
    local reader = readers[file:match("%.(%w+)$")]
    if not reader then fail("%s: expected a .jsonl or a .tsv file", file) end
    local input = open(file)
    reader(input:lines(), add, file)
    input:close()
    if #texts == 0 then fail("%s: there is no text in it", file) end
  else
    local input = io.popen(LIST_PACKAGES)
    read_apt(input:lines(), add)
    input:close()
    if #texts == 0 then
      fail("apt knows no packages here: run 'apt-get update' as root, or give texts in DEMO_INPUT=file.jsonl")
    end
  end
  return texts
end

--- Tells one input from another.
-- @tparam ?string file as for `read`
-- @treturn string its check sum and size
function corpus.fingerprint(file)
  if file then open(file):close() end -- or say why not
  local input = io.popen(file and "cksum < " .. shell_quoted(file) or LIST_PACKAGES .. " | cksum")
  local sum = input:read("*l")
  input:close()
  return sum
end

return corpus
