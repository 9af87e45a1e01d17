--- Every Lua example of the documentation, run as it stands, each file in a
-- fresh database.
--
-- The blocks of one file make one chunk, so a later one sees the locals of an
-- earlier one, and errors name the file's own lines. After `-->` stands what
-- the line prints; lines below that are only such a comment go on, one for each
-- line, or, with more spaces, for the rest of a long one. In `--> error: …`,
-- behind a line or below it, stands a part of the error that it raises. A block
-- marked `lua 5.4` has that version's syntax and is left out elsewhere.

local db = require "spec.support.db"

local load_chunk = loadstring or load -- luacheck: ignore 113
local has_close = load_chunk("local x <close> = nil") ~= nil

local function files()
  local list = io.popen("ls README.md CONTRIBUTING.md docs/*.md")
  local names = {}
  for name in list:lines() do names[#names + 1] = name end
  list:close()
  return names
end

local function is_run(language)
  return language == "lua" or language == "lua 5.4" and has_close
end

-- Takes a file apart: a chunk in which everything but the examples is blank,
-- and the expected output by the line of the call that prints it.
local function read_examples(path)
  local lines, expected, printing = {}, {}, nil
  local fence -- of the block we are in: its language
  for line in io.lines(path) do
    local n, code = #lines + 1, ""
    local language = line:match("^```(.*)$")
    if language then
      fence = not fence and language or nil
    elseif fence and is_run(fence) then
      code = line
      if line:find("print(", 1, true) then printing = n end
      local before, output = line:match("^(.-)%-%->%s?(.*)$")
      local message = output and output:match("^error: (.*)$")
      if message then
        if not before:find("%S") then
          before, lines[n - 1] = lines[n - 1], ""
        end
        code = ("raises(%d, %q, function() %s end)"):format(n, message, before)
      elseif output then
        local wanted = expected[printing] or {}
        expected[printing] = wanted
        local continued = output:match("^  +(.*)$")
        if continued then
          wanted[#wanted] = wanted[#wanted] .. " " .. continued
        else
          wanted[#wanted + 1] = output
        end
      end
    end
    lines[n] = code
  end
  return "local print, os, raises = ... " .. table.concat(lines, "\n"), expected
end

-- 5.3 and later print a float without fraction as 1.0, the others as 1.
local function normal(text) return (text:gsub("(%d)%.0%f[^%w.]", "%1")) end

local function run_examples(path, url)
  local source, expected = read_examples(path)
  local printed, problems = {}, {}

  local function print_there(...)
    local parts = {}
    for i = 1, select("#", ...) do parts[i] = tostring((select(i, ...))) end
    local line = debug.getinfo(2, "l").currentline
    printed[line] = printed[line] or {}
    table.insert(printed[line], table.concat(parts, "\t"))
  end

  local os_there = setmetatable({
    getenv = function(name) return name == "PGVECTOR_URL" and url or os.getenv(name) end,
  }, { __index = os })

  local function raises(line, message, f)
    local ok, err = pcall(f)
    if ok then
      problems[#problems + 1] = ("%s:%d: raised nothing"):format(path, line)
    elseif not tostring(err):find(message, 1, true) then
      problems[#problems + 1] = ("%s:%d: raised: %s"):format(path, line, tostring(err))
    end
  end

  local chunk = assert(load_chunk(source, "@" .. path))
  local ok, err = xpcall(function() chunk(print_there, os_there, raises) end,
    function(e) return (debug.traceback(tostring(e), 2):gsub("\n[^\n]*docs_spec.*", "")) end)
  if not ok then problems[#problems + 1] = err end
  for line, output in pairs(expected) do
    local wanted, got = table.concat(output, "\n"), table.concat(printed[line] or {}, "\n")
    if normal(wanted) ~= normal(got) and (ok or printed[line]) then
      problems[#problems + 1] = ("%s:%d: printed: %s"):format(path, line, got)
    end
  end
  table.sort(problems)
  return table.concat(problems, "\n")
end

describe("The documentation", function()
  for _, path in ipairs(files()) do
    it("shows examples that work in " .. path, function()
      local url, drop = db.create()
      finally(drop)
      assert.equal("", run_examples(path, url))
    end)
  end
end)
