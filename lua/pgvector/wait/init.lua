--- Waiters: the only code that differs between a plain program and an event
-- loop. A waiter is `wait(conn, events, deadline)`: it returns the ready
-- events ("r", "w", "rw"), or nil once the deadline (core.now() seconds) has
-- passed. Everything above it is a plain loop over the core's steps.
--
-- A waiter may bring hooks, a table: `check()` raises where no command may be
-- sent; `connect(keywords, deadline, link)` connects; `release(link)` gives up
-- what was needed to wait for a link; `reclaim()` abandons links whose users
-- are gone.
-- @module pgvector.wait

local errors = require "pgvector.errors"

local wait = {}

local modules = { blocking = "pgvector.wait.blocking", openresty = "pgvector.wait.openresty" }

-- Are we inside nginx?
local function has_cosockets()
  local ngx = rawget(_G, "ngx")
  return type(ngx) == "table" and ngx.socket ~= nil and ngx.get_phase ~= nil
end

local function automatic()
  return has_cosockets() and "openresty" or "blocking"
end

--- The waiter for an engine's `wait` option.
-- @param option "auto", "blocking", "openresty", or a function of the user's
-- @treturn function
-- @treturn ?table its hooks
function wait.resolve(option)
  if type(option) == "function" then return option end
  local name = (option == nil or option == "auto") and automatic() or option
  if not modules[name] then
    errors.raise("ArgumentError", "wait: expected 'auto', 'blocking', 'openresty' or a function, got '%s'%s",
      tostring(option), errors.did_you_mean(option, modules))
  end
  if name == "openresty" and not has_cosockets() then
    errors.raise("InterfaceError", "wait: 'openresty' works inside nginx with its Lua module only")
  end
  local module = require(modules[name])
  if type(module) == "table" then return module.wait, module end
  return module
end

return wait
