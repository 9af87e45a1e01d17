-- What a call that must fail says: the fields of the error object that are a
-- promise, to be compared with assert.same.

--- @treturn table class, message, sqlstate, detail of what f(...) raises
return function(f, ...)
  local ok, err = pcall(f, ...)
  if ok then error("expected an error, got " .. tostring(err), 2) end
  if type(err) ~= "table" then error("expected an error object, got: " .. tostring(err), 2) end
  return { class = err.class, message = err.message, sqlstate = err.sqlstate, detail = err.detail }
end
