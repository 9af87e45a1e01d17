-- The example project, run as a user runs it: up, compared, down, up.

local db = require "spec.support.db"
local program = require "spec.support.program"

describe("the example project of migrations #programs", function()
  local url, drop
  setup(function() url, drop = db.create() end)
  teardown(function() drop() end)

  local function migrate(...)
    local command = { "migrate", (...), "--config", "examples/migrations/pgvector.config.lua" }
    for i = 2, select("#", ...) do command[#command + 1] = select(i, ...) end
    return program.run("bin/pgvector", { PGVECTOR_URL = url }, command)
  end

  local function notes() return db.psql("SELECT title, state, embedding FROM example_notes ORDER BY id", url) end

  it("goes up to what the models say, down to nothing, and up again", function()
    assert.equal([[
upgrade <base> -> 5a1c0e9d2b40  notes
upgrade 5a1c0e9d2b40 -> 8d3f7b6a1c52  half precision
built ix_example_notes_embedding
upgrade 8d3f7b6a1c52 -> c47e92d08f1b  states and titles
]], ((migrate("upgrade", "head")):gsub("(built [%w_]+)[^\n]*", "%1")))
    assert.equal("the first|draft|[1,0,0,0]\nthe second|gone|[0.5,0.5,0,0]", notes())

    local text, same = migrate "check"
    assert.equal("the database is what the models say\n", text)
    assert.is_true(same)

    text = migrate("downgrade", "-1")
    assert.equal("downgrade c47e92d08f1b -> 8d3f7b6a1c52  states and titles\n", text)
    assert.equal("the first|draft|[1,0,0,0]\nthe second|draft|[0.5,0.5,0,0]", notes())
    local _, ended_well, status = migrate "check"
    assert.is_false(ended_well)
    assert.equal(1, status)

    assert.is_true((select(2, migrate("downgrade", "base"))))
    assert.equal("f", db.psql("SELECT to_regclass('example_notes') IS NOT NULL", url))
    assert.is_true((select(2, migrate("upgrade", "head"))))
    assert.is_true((select(2, migrate "check")))
    assert.equal("c47e92d08f1b (head)  states and titles\n", (migrate "current"))
  end)
end)
