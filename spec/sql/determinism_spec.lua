-- The SQL of a statement is the same in every run and on every interpreter:
-- prepared statements and the server's statistics go by it.

local shell = require "spec.support.shell"

local build = os.getenv "PGVECTOR_BUILD" or "build"
local interpreters = { { "lua5.4", "5.4" }, { "luajit", "5.1" }, { "lua5.1", "5.1" } }

local function is_built(abi)
  local file = io.open(("%s/%s/pgvector/core.so"):format(build, abi), "rb")
  if file then file:close() end
  return file ~= nil
end

local function sample(interpreter, abi)
  return shell.run(("env -u LUA_INIT -u LUA_PATH_5_4 -u LUA_CPATH_5_4 LUA_PATH='./lua/?.lua;./lua/?/init.lua;./?.lua;;' "
    .. "LUA_CPATH='./%s/%s/?.so;;' %s spec/support/sample.lua"):format(build, abi, interpreter))
end

-- the first line in which two texts differ
local function difference(a, b)
  if a == b then return nil end
  local next_line = (b .. "\n"):gmatch("([^\n]*)\n")
  for line in (a .. "\n"):gmatch("([^\n]*)\n") do
    local other = next_line()
    if line ~= other then return line .. "\n" .. tostring(other) end
  end
  return "the second one is longer"
end

describe("SQL text #programs", function()
  it("does not depend on the run or the interpreter", function()
    local first, count = nil, 0
    for _, each in ipairs(interpreters) do
      if is_built(each[2]) then -- of `make LUA=5.1` there is one only
        for run = 1, 2 do
          local text = sample(each[1], each[2])
          local _, lines = text:gsub("\n", "\n")
          assert.is_true(lines > 800)
          first, count = first or text, count + 1
          assert.is_nil(difference(first, text), ("%s, run %d"):format(each[1], run))
        end
      end
    end
    assert.is_true(count >= 2)
  end)
end)
