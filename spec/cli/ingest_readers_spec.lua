-- Files taken apart: JSON lines, CSV, TSV.

local errors = require "pgvector.errors"
local values = require "pgvector.cli.ingest.values"

-- A file that hands out its text in pieces, whatever it is asked for.
local function file(text, piece)
  local at = 1
  return {
    read = function(_, n)
      if at > #text then return nil end
      local from = at
      at = at + math.min(piece or n, n)
      return text:sub(from, at - 1)
    end,
  }
end

-- Reads everything: "name=value" for each field, "line:" in front of each record.
-- NULL is ~, errors are shown as they are.
local function records(format, text, piece, width)
  local reader = require("pgvector.cli.ingest." .. format).new(file(text, piece), "f", "")
  reader.width = width
  local list = {}
  while true do
    local ok, found = pcall(reader.next, reader)
    if ok and not found then return list, reader end
    if ok then
      local parts = {}
      for i = 1, reader.n do
        local kind, value = reader.kinds[i]
        if kind == "null" then
          value = "~"
        elseif kind == "array" or kind == "object" or kind == "true" or kind == "false" then
          value = reader.text:sub(reader.from[i], reader.to[i])
        else
          local well
          well, value = pcall(values.text, reader, i)
          if not well then value = value.message end
        end
        parts[i] = (reader.names[i] and reader.names[i] .. "=" or "") .. value
      end
      list[#list + 1] = reader.line .. ": " .. table.concat(parts, " | ")
    else
      assert(errors.is_error(found, "DataError"), tostring(found))
      list[#list + 1] = reader.line .. "! " .. found.message
    end
  end
end

-- The same whatever pieces the file comes in.
local function check(format, text, wanted, width)
  for _, piece in ipairs{ false, 1, 2, 3, 7 } do
    assert.same(wanted, (records(format, text, piece or nil, width)), "pieces of " .. tostring(piece))
  end
end

describe("JSON lines", function()
  it("are objects with fields of every kind", function()
    check("jsonl", '{"a": 1, "b": "x", "c": null, "d": true, "e": [1, 2.5e-3], "f": {"g": ["}", "]"]}}\n', {
      '1: a=1 | b=x | c=~ | d=true | e=[1, 2.5e-3] | f={"g": ["}", "]"]}',
    })
    check("jsonl", ' {"a" :-0.5 ,"b": false}\r\n{}\n{"a":[]}', { "1: a=-0.5 | b=false", "2: ", "3: a=[]" })
  end)

  it("may have empty lines among them, a byte order mark before, and no line's end behind", function()
    check("jsonl", '{"a": 1}\n\n  \r\n{"a": 2}', { "1: a=1", "4: a=2" })
    assert.same({ "1: a=1" }, (records("jsonl", '\239\187\191{"a": 1}')))
    assert.same({ "1: a" }, (records("csv", '\239\187\191"a"')))
    assert.same({}, (records("csv", '\239\187\191')))
    check("jsonl", "", {})
    check("jsonl", "\n\n", {})
  end)

  it("have strings with escapes, in names too", function()
    check("jsonl", [[{"a\"b": "q\" s\/ b\\ n\n t\t u\u00e9 \ud83d\ude00 \\u0041 \b\f\r"}]] .. "\n", {
      '1: a"b=q" s/ b\\ n\n t\t ué 😀 \\u0041 \b\f\r',
    })
    check("jsonl", [[{"a": "\u0000"}]], { "1: a=text cannot hold \\u0000" })
    check("jsonl", [[{"a": "\ud83d"}]], { "1: a=\\ud83d is half of a character" })
    check("jsonl", [[{"a": "\ude00\ud83d"}]], { "1: a=\\ude00 is half of a character" })
  end)

  it("tell where they are none, and go on with the next line", function()
    for text, message in pairs{
      ["[1]"] = "character 1: expected an object, {…}",
      ["12"] = "character 1: expected an object, {…}",
      ['{"a": 1'] = "character 8: expected ',' or '}'",
      ['{"a": 1,}'] = "character 9: expected a name in quotes",
      ['{a: 1}'] = "character 2: expected a name in quotes",
      ['{"a" 1}'] = "character 6: expected ':'",
      ['{"a": tru}'] = "character 7: expected a value",
      ['{"a": }'] = "character 7: expected a value",
      ['{"a": NaN}'] = "character 7: expected a value",
      ['{"a": 01}'] = "character 7: expected a value",
      ['{"a": 1.}'] = "character 8: expected ',' or '}'",
      ['{"a": .5}'] = "character 7: expected a value",
      ['{"a": "x}'] = "character 10: expected the end of a string",
      ['{"a": "\\x"}'] = "character 9: expected an escape such as \\n",
      ['{"a": "\\u12g4"}'] = "character 9: expected an escape such as \\n",
      ['{"a": "tab\there"}'] = "character 11: expected the end of a string",
      ['{"a": [1, 2}'] = "character 12: expected ',' or ']'",
      ['{"a": [[1], x]}'] = "character 13: expected a value",
      ['{"a": {"b" 1}}'] = "character 12: expected ':'",
      ['{"a": {"b": 1 "c"}}'] = "character 15: expected ',' or '}'",
      ['{"a": 1} {"a": 2}'] = "character 10: expected the line's end behind the object",
      ['{"a": ' .. ("["):rep(300) .. "}"] = "character 207: expected no more than 200 levels",
    } do
      check("jsonl", text .. '\n{"a": 1}\n', { "1! invalid JSON at " .. message, "2: a=1" })
    end
  end)

  it("are each on a line of its own", function()
    check("jsonl", '{"a": 1,\n"b": 2}\n', {
      "1! invalid JSON at character 9: expected a name in quotes",
      "2! invalid JSON at character 1: expected an object, {…}",
    })
    check("jsonl", '{"a": [1,\n2]}\n{"a": 3}', {
      "1! invalid JSON at character 10: expected a value",
      "2! invalid JSON at character 1: expected an object, {…}", "3: a=3",
    })
  end)

  it("keep the text of each, for those who want it back", function()
    local _, reader = records("jsonl", '{"a": 1}\r\n{"a":2 }\r\n', 3)
    assert.equal('{"a":2 }', reader:raw())
    assert.equal(20, reader:position())
  end)
end)

describe("CSV", function()
  it("has fields between commas", function()
    check("csv", "a,b,c\n1,,3\n x , y,\n", { "1: a | b | c", "2: 1 | ~ | 3", "3:  x  |  y | ~" })
    check("csv", "a\r\nb\r\nc", { "1: a", "2: b", "3: c" })
  end)

  it("has fields in quotes, with commas, quotes and lines in them", function()
    check("csv", '"a,b","say ""hi""","two\nlines"\n"",x,""""\n', { '1: a,b | say "hi" | two\nlines', '3:  | x | "' })
    check("csv", '1,"a\r\nb\r\n\r\n"\r\n2,"c"\r\n', { "1: 1 | a\r\nb\r\n\r\n", "5: 2 | c" })
    check("csv", '"[1,2,3]",x', { "1: [1,2,3] | x" })
    check("csv", 'x,"last"', { "1: x | last" })
    check("csv", 'x,"last"\r', { "1: x | last" })
    check("csv", '"",\n', { "1:  | ~" })
  end)

  it("has nothing in empty lines", function()
    check("csv", "\n\r\na,b\n\n\nc,d\n\n", { "3: a | b", "6: c | d" })
    check("csv", "", {})
  end)

  it("tells where quotes are wrong, and goes on behind that line", function()
    check("csv", 'a,"b"c,d\n1,2,3\n', { "1! field 2 goes on behind its closing quote", "2: 1 | 2 | 3" })
    check("csv", '"a" ,b\n1,2\n', { "1! field 1 goes on behind its closing quote", "2: 1 | 2" })
    check("csv", 'a,b"c\n1,2\n', { '1! field 2 has a quote in it', "2: 1 | 2" })
    check("csv", '"x\ny" z\n1,2\n', { "1! field 1 goes on behind its closing quote", "3: 1 | 2" })
    check("csv", '1,2\n"x\ny\nz', { "1: 1 | 2", "2! a quote is not closed" })
  end)

  it("has as many fields in each record as in the first", function()
    check("csv", 'a,b\nc\n"d",e,f\ng,h\n',
      { "1: a | b", "2! expected 2 fields, got 1", "3! expected 2 fields, got 3", "4: g | h" }, 2)
  end)

  it("keeps the text of each, for those who want it back", function()
    local _, reader = records("csv", 'a\r\n"b\r\nc"\r\n', 2)
    assert.equal('"b\r\nc"', reader:raw())
  end)

  it("takes another text for NULL, but not in quotes", function()
    local reader = require("pgvector.cli.ingest.csv").new(file 'NULL,"NULL",,nULL\n', "f", "NULL")
    assert.is_true(reader:next())
    assert.same({ "null", "text", "text", "text" }, reader.kinds)
  end)

  it("reads records with many quotes and lines in a time that grows with their size alone", function()
    local function seconds(n)
      local text = '"' .. ('<p class=""x"">\nline\n'):rep(n) .. '"\n'
      local started = os.clock()
      local list = records("csv", text)
      assert.equal(1, #list)
      return os.clock() - started
    end
    seconds(1000)
    assert.is_true(seconds(40000) < 40 * math.max(seconds(4000), 0.005))
  end)
end)

describe("TSV", function()
  it("has fields between tabs, and COPY's escapes", function()
    check("tsv", 'a\tb c\t"q"\n1\t\t\\N\n', { '1: a | b c | "q"', "2: 1 | ~ | ~" })
    check("tsv", "a\\tb\\nc\\\\d\\N\tx\r\n\n\ny\tz", { "1: a\tb\nc\\dN | x", "4: y | z" })
    check("tsv", "\t\n", { "1: ~ | ~" })
  end)

  it("has as many fields in each record as in the first", function()
    check("tsv", "a\tb\nc\nd\te\tf\n", { "1: a | b", "2! expected 2 fields, got 1", "3! expected 2 fields, got 3" }, 2)
  end)
end)

describe("a file's text", function()
  it("is not kept: a file may be larger than the memory", function()
    for format, line in pairs{
      jsonl = '{"id": 1, "v": [' .. ("0.125, "):rep(300) .. '1]}\n',
      csv = '1,"[' .. ("0.125,"):rep(300) .. '1]"\n', tsv = "1\t[" .. ("0.125,"):rep(300) .. "1]\n",
    } do
      local left, handle = 10000, {} -- 20 MB
      function handle.read()
        if left == 0 then return nil end
        left = left - 100
        return line:rep(100)
      end
      local reader = require("pgvector.cli.ingest." .. format).new(handle, "f", "")
      collectgarbage()
      local before, peak, count = collectgarbage "count", 0, 0
      while reader:next() do
        count = count + 1
        if count % 1000 == 0 then
          collectgarbage()
          peak = math.max(peak, collectgarbage "count" - before)
        end
      end
      assert.equal(10000, count)
      assert.is_true(peak < 2000, format .. ": " .. peak)
    end
  end)

  it("has no lines that are longer than memory should be", function()
    local piece = ("x"):rep(4096)
    local endless = { read = function(_, n) return piece:rep(n / #piece) end }
    local reader = require("pgvector.cli.ingest.csv").new(endless, "f.csv", "")
    local _, err = pcall(reader.next, reader)
    assert.equal("f.csv:1: longer than 64 MB: is a quote not closed?", err.message)
    assert.is_true(errors.is_error(err, "OperationalError"))
  end)

  it("tells that it cannot be read", function()
    local reader = require("pgvector.cli.ingest.jsonl").new({ read = function() return nil, "disk on fire" end }, "f", "")
    assert.error_matches(function() reader:next() end, "f cannot be read: disk on fire")
  end)
end)
