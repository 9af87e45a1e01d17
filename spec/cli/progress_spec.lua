-- The progress bar, with a clock and a stream of the spec's own.

local progress = require "pgvector.cli.progress"

local now, written
local stream = {
  write = function(_, ...) written = written .. table.concat { ... } end,
  flush = function() end,
}

local function bar(options)
  now, written = 100, ""
  options.stream = stream
  options.clock = function() return now end
  return progress.new(options)
end

describe("a progress bar", function()
  it("draws label, bar, figures, rate and the time that is left on a terminal", function()
    local b = bar { label = "loading", total = 60000, unit = "rows", terminal = true }
    now = 104
    b:advance(15000)
    assert.equal("\rloading [######..................] 15,000 of 60,000 rows, 3,750/s, 12 s left\27[K", written)
  end)

  it("draws no more often than ten times a second", function()
    local b = bar { label = "loading", total = 100, terminal = true }
    now = 100.05
    b:advance()
    assert.equal("", written)
    now = 100.11
    b:advance()
    assert.matches("2 of 100 rows", written)
    written = ""
    now = 100.15
    b:advance()
    assert.equal("", written)
  end)

  it("does without a bar when the total is not known, until it is", function()
    local b = bar { label = "indexing", unit = "blocks", terminal = true }
    now = 102
    b:update(50)
    assert.equal("\rindexing 50 blocks, 25/s\27[K", written)
    now, written = 104, ""
    b:update(200, 400)
    assert.equal("\rindexing [############............] 200 of 400 blocks, 50/s, 4.0 s left\27[K", written)
  end)

  it("is taken off the terminal at the end, and tells how long it took", function()
    local b = bar { label = "loading", total = 2, terminal = true }
    b:advance(2)
    now = 101.5
    assert.equal(1.5, b:finish())
    assert.equal("\r\27[K", written)
  end)

  it("is a plain line every ten seconds elsewhere", function()
    local b = bar { label = "loading", total = 60000, terminal = false }
    now = 109
    b:advance(9000)
    assert.equal("", written)
    now = 110
    b:advance(6000)
    assert.equal("loading: 15,000 of 60,000 rows, 1,500/s, 30 s left\n", written)
    written = ""
    now = 119
    b:advance()
    b:finish()
    assert.equal("", written)
  end)

  it("counts beyond its total without breaking", function()
    local b = bar { label = "loading", total = 10, terminal = true }
    now = 101
    b:advance(12)
    assert.equal("\rloading [########################] 12 of 10 rows, 12/s, 0 ms left\27[K", written)
  end)

  it("refuses unknown options", function()
    assert.error_matches(function() progress.new { lable = "x" } end, "unknown option 'lable', did you mean 'label'%?")
  end)
end)

describe("progress", function()
  it("writes counts with commas", function()
    for n, text in pairs {
      [0] = "0", [7] = "7", [999] = "999", [1000] = "1,000", [63666] = "63,666", [1234567] = "1,234,567", [12.4] = "12",
    } do
      assert.equal(text, progress.count(n))
    end
  end)

  it("writes durations in the unit that suits them", function()
    for seconds, text in pairs {
      [0.0421] = "42 ms", [0.1] = "0.1 s", [9.94] = "9.9 s", [9.96] = "10 s", [99.4] = "99 s", [99.6] = "1:40 min",
      [185] = "3:05 min", [3600] = "60:00 min",
    } do
      assert.equal(text, progress.duration(seconds))
    end
  end)
end)
