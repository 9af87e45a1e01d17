-- The name of a host takes half a second to look up; see
-- spec/faults/process_spec.lua.

package.path = "./?.lua;" .. package.path
local loops = require "spec.support.loops"
local pg = require "pgvector"

for _, loop in ipairs(loops) do
  loop.run(function()
    -- nobody listens there: the name is what takes long
    local engine = pg.create_engine("postgresql://localhost:1/x")
    local err
    local ticks = loop.ticks_during(function() _, err = pg.try(engine.connect, engine) end)
    assert(tostring(err):find("port 1 failed", 1, true), tostring(err))
    assert(ticks >= 5, loop.name .. ": the loop stood still, " .. ticks .. " ticks")
    engine:dispose()
  end)
end
