--- Waiters: the only code that differs between a plain program and an event
-- loop. A waiter is `wait(conn, events, deadline)`: it returns the ready
-- events ("r", "w", "rw"), or nil once the deadline (core.now() seconds) has
-- passed. Everything above it is a plain loop over the core's steps.
-- @module pgvector.wait

local errors = require "pgvector.errors"

local wait = {}

local modules = { blocking = "pgvector.wait.blocking" }

--- The waiter for an engine's `wait` option.
-- @param option "auto", "blocking", or a function of the user's
-- @treturn function
function wait.resolve(option)
  if type(option) == "function" then return option end
  local name = (option == nil or option == "auto") and "blocking" or option
  if not modules[name] then
    errors.raise("ArgumentError", "wait: expected 'auto', 'blocking' or a function, got '%s'%s",
      tostring(option), errors.did_you_mean(option, modules))
  end
  return require(modules[name])
end

return wait
