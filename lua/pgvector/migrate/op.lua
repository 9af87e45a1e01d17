--- The table `op` that a migration's functions get. Its functions make
-- operations and hand them to whatever runs them: a runner has `run(operation)`,
-- `autocommit(fn)` and `bind()`.
-- @module pgvector.migrate.op

local custom = require "pgvector.migrate.operations.custom"
local errors = require "pgvector.errors"
local naming = require "pgvector.sql.naming"
local operations = require "pgvector.migrate.operations"

local op = {}

--- The functions that are no operations; they get the runner before their arguments.
op.functions = {
  autocommit = function(runner, fn)
    if type(fn) ~= "function" then
      errors.raise("ArgumentError", "op.autocommit: expected a function, got %s", type(fn))
    end
    return runner:autocommit(fn)
  end,
  get_bind = function(runner) return runner:bind() end,
  get_context = function(runner) return runner:context() end,
  f = function(_, name) return naming.final(name) end,
  register = function(_, ...) return custom.register(...) end,
}

local function find(runner, name)
  local fn, make = op.functions[name], operations.new[name]
  if fn then return function(...) return fn(runner, ...) end end
  if not make then return nil end
  return function(...)
    local operation = make(...)
    runner:run(operation)
    return operation.kind == "create_table" and operation.table or nil
  end
end

-- Every function is called with a dot.
local function guarded(self, name, fn)
  return function(...)
    if rawequal((...), self) then errors.raise("ArgumentError", "use '.' to call op.%s(…), not ':'", name) end
    return fn(...)
  end
end

local function unknown(name)
  local known = {}
  for _, set in ipairs{ op.functions, operations.kinds } do
    for each in pairs(set) do known[each] = true end
  end
  errors.raise("ArgumentError", "op has no function '%s'%s", tostring(name), errors.did_you_mean(name, known))
end

--- Makes the table.
-- @param runner
-- @treturn table
function op.new(runner)
  return setmetatable({}, {
    __index = function(self, name)
      local fn = find(runner, name) or unknown(name)
      fn = guarded(self, name, fn)
      rawset(self, name, fn)
      return fn
    end,
    __newindex = function(_, name)
      errors.raise("ArgumentError", "op.%s cannot be set; op.register adds an operation", tostring(name))
    end,
  })
end

---- what runners have in common -----------------------------------------------------

--- Raises for an operation that only `op.autocommit` can run.
function op.refuse_in_transaction(operation)
  errors.raise("InvalidRequestError", "op.%s{ concurrently = true } cannot run in a transaction: "
    .. "call it in op.autocommit(function() … end)", operation.kind)
end

--- The function of a step's revision file.
-- @tparam table step of pgvector.migrate.plan
-- @treturn function
function op.function_of(step)
  local revision = step.node.script
  local fn = revision[step.direction]
  if fn then return fn end
  errors.raise("InvalidRequestError", "%s: the file has no function '%s'", revision.path or step.node.id,
    step.direction)
end

return op
