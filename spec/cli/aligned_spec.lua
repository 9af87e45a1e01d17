-- Rows as an aligned table.

local aligned = require "pgvector.cli.aligned"

describe("an aligned table", function()
  it("gives every column the width of its longest text, numbers at the right", function()
    assert.same({
      "id  title",
      " 7  lamp",
      "12  a desk",
    }, aligned.lines({ "id", "title" }, { { "7", "lamp" }, { "12", "a desk" } }, { right = { true } }))
  end)

  it("counts characters, not bytes", function()
    assert.same({
      "a       b",
      "größer  x",
      "klein   y",
    }, aligned.lines({ "a", "b" }, { { "größer", "x" }, { "klein", "y" } }))
  end)

  it("keeps each row on its line, whatever it holds", function()
    assert.equal("x y z [31m  1", aligned.lines({ "a", "b" }, { { "x\ny\r\n\tz\27[31m", "1" } })[2])
    assert.equal("x y", aligned.lines({ "a" }, { { "x\n\27\0y" } })[2])
  end)

  it("cuts the longest texts where the terminal ends, and only them", function()
    local long = ("word "):rep(20)
    local lines = aligned.lines({ "id", "title", "note" }, { { "1", long, "a note" } }, { width = 40 })
    assert.same({
      "id  title                         note",
      "1   word word word word word wo…  a note",
    }, lines)
    -- the character for what is missing has three bytes
    assert.equal(40, #lines[2] - 2)
  end)

  it("cuts several long texts to the same width", function()
    local long = ("x"):rep(50)
    local line = aligned.lines({ "a", "b" }, { { long, long } }, { width = 32 })[2]
    assert.equal(("x"):rep(14) .. "…  " .. ("x"):rep(14) .. "…", line)
  end)

  it("cuts between characters", function()
    local line = aligned.lines({ "a" }, { { ("ü"):rep(20) } }, { width = 10 })[2]
    assert.equal(("ü"):rep(9) .. "…", line)
  end)

  it("leaves everything whole without a width, or where it fits", function()
    local long = ("x"):rep(200)
    assert.equal(long, aligned.lines({ "a" }, { { long } })[2])
    assert.equal(long, aligned.lines({ "a" }, { { long } }, { width = 200 })[2])
  end)

  it("does not cut a column below eight characters, however narrow the terminal is", function()
    local line = aligned.lines({ "a", "b" }, { { ("x"):rep(20), "1234567890" } }, { width = 10 })[2]
    assert.equal("xxxxxxx…  1234567…", line)
  end)
end)
