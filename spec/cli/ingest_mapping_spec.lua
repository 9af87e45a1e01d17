-- Which rows go into the same COPY, and what is remembered of where they come from.

local Mapping = require "pgvector.cli.ingest.mapping"
local pg = require "pgvector"
local Places = require "pgvector.cli.ingest.places"

local tbl = pg.Table("items", pg.MetaData{}, {
  pg.Column{ "id", pg.Integer, primary_key = true }, -- the server's IDENTITY makes one
  pg.Column{ "a", pg.Text }, pg.Column{ "b", pg.Text }, pg.Column{ "c", pg.Text, server_default = "x" },
})

-- A record as a reader would give it: its fields, each with its name for a value.
local function record(names)
  local fields = { names = {}, kinds = {}, from = {}, to = {}, n = 0, text = names, file = "f", line = 1 }
  for from, name, to in names:gmatch "()(%a+)()" do
    local n = fields.n + 1
    fields.n, fields.names[n], fields.kinds[n], fields.from[n], fields.to[n] = n, name, "text", from, to - 1
  end
  return fields
end

-- The shapes that the rows of records have, as the names of their columns.
local function shapes(options, ...)
  options.map, options.embed = {}, {}
  local mapping, list, last = Mapping.new(tbl, options), {}, nil
  for i, names in ipairs{ ... } do
    local row = {}
    mapping:row(record(names), row)
    list[i] = (row.shape == last and "= " or "") .. table.concat(row.shape.names, " ")
    last = row.shape
    local values = {}
    for k = 1, row.n do values[k] = tostring(row[k]) end
    list[i] = list[i] .. ": " .. table.concat(values, " ")
  end
  return list
end

describe("the rows of records", function()
  it("have a shape in common if they differ in columns without a default", function()
    assert.same({ "a: a", "a b: nil b", "= a b: a b", "= a b: a nil", "= a b: a b" }, shapes({}, "a", "b", "b a", "a", "a b"))
  end)

  it("have another shape where columns with a default come or go", function()
    assert.same({ "a: a", "id a: id a", "= id a: id a", "id a c: id a c", "a: a" }, shapes({}, "a", "a id", "id a", "c a id", "a"))
  end)

  it("have nothing for an upsert that a record does not say", function()
    assert.same({ "id a: id a", "id b: id b", "id a b: id a b", "= id a b: id a b" },
      shapes({ upsert = { "id" } }, "id a", "b id", "id a b", "b a id"))
  end)
end)

describe("the places of rows", function()
  it("are found, however often lines are left out", function()
    local places, lines = Places.new(), {}
    local line = 0
    for row = 1, 3000 do
      line = line + 1 + (row % 7 == 0 and row % 5 or 0)
      lines[row] = { row > 2000 and "b" or "a", line }
      places:add(row, lines[row][1], line)
    end
    for row = 1, 3000 do assert.same(lines[row], { places:find(row) }) end
  end)

  it("are forgotten when many others follow", function()
    local places = Places.new()
    for row = 1, 200000 do places:add(row, "f", row * 2) end
    assert.same({ "f", 400000 }, { places:find(200000) })
    assert.same({ "f", 260000 }, { places:find(130000) })
    assert.is_nil(places:find(1))
  end)
end)
