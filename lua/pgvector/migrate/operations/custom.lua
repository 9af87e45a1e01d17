--- Operations that a project defines out of others.
-- @module pgvector.migrate.operations.custom

local base = require "pgvector.migrate.operations.base"
local class = require "pgvector.class"
local compat = require "pgvector.compat"
local errors = require "pgvector.errors"

local custom = {}

local known = { apply = true, reverse = true }

-- What `apply` sees as `op`: it notes the operations.
local function recorder(list)
  return setmetatable({}, { __index = function(_, name)
    local definition = base.definitions[name]
    if not definition then
      errors.raise("ArgumentError", "an operation cannot use op.%s%s", tostring(name),
        errors.did_you_mean(name, base.definitions))
    end
    return function(...) list[#list + 1] = definition.new(...) end
  end })
end

local function parts(self)
  local list = {}
  self._definition.apply(recorder(list), compat.unpack(self._given, 1, self._given.n))
  return list
end

--- Adds an operation: `op.<kind>` from now on.
-- @tparam string kind a name that no operation has
-- @tparam table of `apply(op, …)`: calls other operations with the arguments;
--   `reverse(op, …)`: calls those that undo it, if it can be undone
function custom.register(kind, of)
  if type(kind) ~= "string" or not kind:find("^[%a_][%w_]*$") then
    errors.raise("ArgumentError", "register: expected the name of an operation, got %s", tostring(kind))
  end
  local former = base.definitions[kind]
  if former and not former.apply then
    errors.raise("ArgumentError", "register: there is an operation '%s' already", kind)
  end
  of = errors.check_options(of, known, "register")
  if type(of.apply) ~= "function" then
    errors.raise("ArgumentError", "register: apply: expected a function, got %s", class.describe(of.apply))
  end
  local definition = { kind = kind, apply = of.apply, options = {}, arguments = {} }
  function definition.new(...)
    local self = setmetatable({ kind = kind, _definition = definition, options = {}, _arguments = {} },
      base.Operation)
    self._given = compat.pack(...)
    for i = 1, self._given.n do self[i], self._arguments[i] = self._given[i], i end
    return self
  end
  function definition.statements(self, how)
    local statements = {}
    for _, part in ipairs(parts(self)) do
      for _, statement in ipairs(part:statements(how)) do statements[#statements + 1] = statement end
    end
    return statements
  end
  function definition.needs_autocommit(self)
    for _, part in ipairs(parts(self)) do
      if part:needs_autocommit() then return true end
    end
    return false
  end
  function definition.reverse(self)
    if not of.reverse then return nil end
    local list = {}
    of.reverse(recorder(list), compat.unpack(self._given, 1, self._given.n))
    if #list ~= 1 then
      errors.raise("InvalidRequestError", "%s: reverse must call one operation, it called %d", kind, #list)
    end
    return list[1]
  end
  base.definitions[kind] = definition
end

return custom
