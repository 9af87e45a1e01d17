-- The error object that a call must raise, whole.

--- @treturn table what f(...) raises
return function(f, ...)
  local ok, err = pcall(f, ...)
  if ok then error("expected an error, got " .. tostring(err), 2) end
  if type(err) ~= "table" then error("expected an error object, got: " .. tostring(err), 2) end
  return err
end
