--- Attributes that an SQL expression computes: loaded with the instance, not written.
-- @module pgvector.orm.column_property

local adapt = require "pgvector.sql.adapt"
local base = require "pgvector.sql.base"
local class = require "pgvector.class"
local coerce = require "pgvector.sql.coerce"
local column = require "pgvector.sql.column"
local core = require "pgvector.core"
local errors = require "pgvector.errors"

local ColumnProperty = class("column_property")
ColumnProperty._is_property = true
ColumnProperty._is_expression_property = true

local known = { deferred = true, deferred_group = true }

--- Defines one: `column_property(Item.price * Item.count)`.
-- @param expression an expression, a select of one value, or a function
--   `(Model)` that returns one: in the body the model is not there yet
-- @tparam[opt] table options `deferred`, `deferred_group` as for a column
function ColumnProperty._new(expression, options)
  options = errors.check_options(options, known, "column_property")
  if type(expression) ~= "function" and not coerce.is_expression(expression) and not coerce.is_query(expression) then
    errors.raise("ArgumentError", "column_property: expected an expression or a function, got %s",
      class.describe(expression))
  end
  return setmetatable({
    _ticket = column.Column._take_ticket(), _given = expression,
    deferred = options.deferred or false, deferred_group = options.deferred_group,
  }, ColumnProperty)
end

function ColumnProperty:_copy()
  return setmetatable({ _ticket = self._ticket, _given = self._given, deferred = self.deferred,
    deferred_group = self.deferred_group }, ColumnProperty)
end

function ColumnProperty:_attach(mapper, key) self.mapper, self.key = mapper, key end

-- The expression over the model's own tables, under the attribute's name.
function ColumnProperty:_own()
  if not self._label then
    local given = self._given
    if type(given) == "function" then given = given(self.mapper.model) end
    self._label = coerce.expr(given, nil, "column_property '" .. self.key .. "'"):label(self.key)
    self.type = self._label.type
  end
  return self._label
end

--- The expression over a FROM element, labelled with the key.
-- @tparam table from the model's table, or what stands for it
function ColumnProperty:expression(from)
  if rawequal(from, self.mapper.clause) or from.__visit_name == "table" or from.__visit_name == "join" then
    return self:_own()
  end
  if from.__visit_name == "subquery" and from:_column(self.key) then return from:_column(self.key) end
  return adapt.to(self:_own().element, self.mapper.clause, from):label(self.key)
end

-- Of a model that inherits it is a copy that tells so, as columns do (see
-- pgvector.orm.inherited); the same at each call, as it may be ordered by.
function ColumnProperty:_class_value(source, entity)
  if source then return self:expression(source) end
  local mapper = rawget(entity, "__mapper")
  if not mapper.inherits then return self:_own() end
  local labels = mapper._inherited_labels or {}
  mapper._inherited_labels = labels
  labels[self] = labels[self] or base.with(self:_own(), { _heir = mapper.model })
  return labels[self]
end

function ColumnProperty:_get(object, state)
  if state.values[self.key] == nil then
    if not state.identity then return nil end
    if not state.session then
      errors.raise("DetachedInstanceError", "%s is in no session: attribute '%s' cannot be loaded",
        tostring(object), self.key)
    end
    state.session:_load_attribute(object, state, self.key)
  end
  local value = state.values[self.key]
  if value == core.null then return nil end
  return value
end

function ColumnProperty:_read(_, _, value) return value end

function ColumnProperty:_set()
  errors.raise("ArgumentError", "model '%s': '%s' is computed by an expression", self.mapper.name, self.key)
end
class.seal(ColumnProperty)

return ColumnProperty
