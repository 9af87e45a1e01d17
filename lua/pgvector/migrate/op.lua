--- The table `op` that a migration's functions get. Its functions make
-- operations and hand them to whatever runs them: a runner has `run(operation)`,
-- `autocommit(fn)` and `bind()`.
-- @module pgvector.migrate.op

local custom = require "pgvector.migrate.operations.custom"
local errors = require "pgvector.errors"
local naming = require "pgvector.sql.naming"
local operations = require "pgvector.migrate.operations"

local op = {}

-- Every function is called with a dot.
local function guarded(self, name, fn)
  return function(first, ...)
    if rawequal(first, self) then
      errors.raise("ArgumentError", "use '.' to call op.%s(…), not ':'", name)
    end
    return fn(first, ...)
  end
end

--- Makes the table.
-- @param runner
-- @treturn table
function op.new(runner)
  local self = {}
  local own = {
    autocommit = function(fn)
      if type(fn) ~= "function" then
        errors.raise("ArgumentError", "op.autocommit: expected a function, got %s", type(fn))
      end
      return runner:autocommit(fn)
    end,
    get_bind = function() return runner:bind() end,
    get_context = function() return runner:context() end,
    f = naming.final,
    register = custom.register,
  }
  local function find(name)
    local fn = own[name]
    local make = not fn and operations.new[name]
    if make then
      fn = function(...)
        local operation = make(...)
        runner:run(operation)
        return operation.kind == "create_table" and operation.table or nil
      end
    end
    return fn and guarded(self, name, fn)
  end
  return setmetatable(self, {
    __index = function(_, name)
      local fn = find(name)
      if not fn then
        local known = {}
        for _, set in ipairs{ own, operations.kinds } do
          for each in pairs(set) do known[each] = true end
        end
        errors.raise("ArgumentError", "op has no function '%s'%s", tostring(name), errors.did_you_mean(name, known))
      end
      rawset(self, name, fn)
      return fn
    end,
    __newindex = function(_, name)
      errors.raise("ArgumentError", "op.%s cannot be set; op.register adds an operation", tostring(name))
    end,
  })
end

return op
