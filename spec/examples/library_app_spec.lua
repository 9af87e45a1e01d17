-- The library, run as a user runs it.

local db = require "spec.support.db"
local program = require "spec.support.program"

local EXPECTED = [[
Herman Melville (2): Moby-Dick, White-Jacket
Jane Austen (2): Emma, Persuasion
Leo Tolstoy (2): Anna Karenina, War and Peace
about the sea:
  0.030  Moby-Dick, by Herman Melville
  0.186  White-Jacket, by Herman Melville
  0.651  Persuasion, by Jane Austen
about love in times of war:
  0.038  War and Peace, by Leo Tolstoy
  0.219  Anna Karenina, by Leo Tolstoy
  0.260  Persuasion, by Jane Austen
about the sea:
  0.030  Moby-Dick, by Herman Melville
  0.111  Persuasion, by Jane Austen
  0.168  Billy Budd, by Herman Melville
somebody else has changed Emma meanwhile
Herman Melville (2): Moby-Dick, White-Jacket
Jane Austen (2): Emma, a novel, Persuasion
]]

describe("the library #programs", function()
  local url, drop
  setup(function() url, drop = db.create() end)
  teardown(function() drop() end)

  local function run() return program.run("examples/library_app/main.lua", { PGVECTOR_URL = url }) end

  it("searches, updates and deletes books, the same in every run", function()
    for _ = 1, 2 do
      local output, ended_well = run()
      assert.equal(EXPECTED, output)
      assert.is_true(ended_well)
    end
  end)

  it("leaves the books of the authors that are left", function()
    run()
    local titles = db.psql([[
      SELECT name || ': ' || title FROM example_books JOIN example_authors a ON a.id = author_id ORDER BY 1]], url)
    assert.equal(table.concat({
      "Herman Melville: Moby-Dick", "Herman Melville: White-Jacket", "Jane Austen: Emma, a novel", "Jane Austen: Persuasion",
    }, "\n"), titles)
  end)
end)
