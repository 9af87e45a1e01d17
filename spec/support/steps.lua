--- How much work a function is, whatever else the machine does: the number of
-- instructions that the interpreter goes through, to the nearest hundred.

local EACH = 100

return function(fn)
  local jit = rawget(_G, "jit")
  if jit then -- compiled code does not count
    jit.off()
    jit.flush()
  end
  local hook, mask, count = debug.gethook()
  local steps = 0
  debug.sethook(function() steps = steps + EACH end, "", EACH)
  local ok, err = pcall(fn)
  debug.sethook(hook, mask, count)
  if jit then jit.on() end
  if not ok then error(err, 0) end
  return steps
end
