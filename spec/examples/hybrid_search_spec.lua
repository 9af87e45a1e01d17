-- The hybrid search, run as a user runs it.

local db = require "spec.support.db"
local program = require "spec.support.program"

local EXPECTED = [[
by meaning:
  Making a Lua program run faster
  Python is slow, but quick to write
  A falcon dives at 300 km/h
by words:
  A python sheds its skin
  Python is slow, but quick to write
by both:
  0.0325  Python is slow, but quick to write (meaning 2, words 1)
  0.0318  A python sheds its skin (meaning 5, words 1)
  0.0164  Making a Lua program run faster (meaning 1, words -)
]]

describe("the hybrid search #programs", function()
  it("shows what each side finds, and both", function()
    local url, drop = db.create()
    finally(drop)
    local output, ended_well = program.run("examples/hybrid_search.lua", { PGVECTOR_URL = url })
    assert.equal(EXPECTED, output)
    assert.is_true(ended_well)
  end)
end)
