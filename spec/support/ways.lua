--- The surroundings in which a program waits: none of its own, and each event
-- loop. `name`, and `run(fn)`, which runs fn there.

local loops = require "spec.support.loops"

local ways = { { name = "blocking", run = function(fn) fn() end } }
for _, loop in ipairs(loops) do ways[#ways + 1] = loop end

return ways
