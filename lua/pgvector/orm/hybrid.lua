--- Attributes that are computed here for an instance, and by an expression in
-- statements.
-- @module pgvector.orm.hybrid

local class = require "pgvector.class"
local column = require "pgvector.sql.column"
local errors = require "pgvector.errors"

local Hybrid = class("hybrid")
Hybrid._is_property = true

local known = { get = true, expr = true, set = true }

--- Defines a hybrid: `hybrid{ get = function(self) … end, expr = function(cls) … end }`.
-- @tparam table|function options `get(object)`; `expr(Model)`, or an alias of the
--   model, gives the expression: without it `get` is called with that; `set(object, value)`
function Hybrid._new(options)
  if type(options) == "function" then options = { get = options } end
  options = errors.check_options(options, known, "hybrid")
  if type(options.get) ~= "function" then
    errors.raise("ArgumentError", "hybrid: get: expected a function, got %s", class.describe(options.get))
  end
  for _, name in ipairs{ "expr", "set" } do
    if options[name] ~= nil and type(options[name]) ~= "function" then
      errors.raise("ArgumentError", "hybrid: %s: expected a function, got %s", name, class.describe(options[name]))
    end
  end
  return setmetatable({
    _ticket = column.Column._take_ticket(), get = options.get, expr = options.expr or options.get, set = options.set,
  }, Hybrid)
end

function Hybrid:_copy()
  return setmetatable({ _ticket = self._ticket, get = self.get, expr = self.expr, set = self.set }, Hybrid)
end

function Hybrid:_attach(mapper, key) self.mapper, self.key = mapper, key end

function Hybrid:_class_value(_, entity) return self.expr(entity) end

function Hybrid:_get(object) return (self.get(object)) end

function Hybrid:_set(object, _, value)
  if not self.set then
    errors.raise("ArgumentError", "model '%s': '%s' cannot be set", self.mapper.name, self.key)
  end
  self.set(object, value)
end

return Hybrid
