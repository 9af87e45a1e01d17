--- Where the texts come from: the packages that apt knows, or a file.

local pg = require "pgvector"

local packages = {}

-- A name with its description, and keywords that belong to it; `text` is what
-- gets embedded.
local function item(name, description, keywords)
  return { name = name, description = description, text = name .. " " .. description .. " " .. (keywords or "") }
end

-- Reads the paragraphs that apt-cache prints ("Field: value", continuation
-- lines begin with a space, an empty line ends a package).
local function read_apt(lines, add)
  local fields, last = {}, nil
  local function finish()
    local description = fields["Description-en"] or fields.Description
    if fields.Package and description then
      add(item(fields.Package, description, fields.Tag))
    end
    fields, last = {}, nil
  end
  for line in lines do
    local first = line:byte()
    if not first then
      finish()
    elseif first == 32 then
      if last then fields[last] = fields[last] .. line:gsub("^ %.$", "") end
    else
      local name, value = line:match("^([%w-]+): ?(.*)")
      last = (name == "Package" or name == "Description" or name == "Description-en" or name == "Tag") and name
      if last then fields[last] = value end
    end
  end
  finish()
end
