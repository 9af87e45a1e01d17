--- Attributes that an SQL expression computes: loaded with the instance, not written.
-- @module pgvector.orm.column_property

local base = require "pgvector.sql.base"
local chain = require "pgvector.util.chain"
local class = require "pgvector.class"
local coerce = require "pgvector.sql.coerce"
local column = require "pgvector.sql.column"
local constraints = require "pgvector.sql.constraints"
local core = require "pgvector.core"
local errors = require "pgvector.errors"
local traverse = require "pgvector.sql.traverse"

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

-- A query in which `fn` replaced what it wanted: its own conditions and
-- columns; see traverse.replace.
local function replace_in_query(query, fn)
  local copy = query:_copy()
  for _, field in ipairs{ "_what", "_where", "_having" } do
    local list = {}
    for i, item in ipairs(chain.items(query[field]) or {}) do
      list[i] = coerce.is_expression(item) and traverse.replace(item, fn) or item
    end
    copy[field] = chain.append(nil, list)
  end
  return copy
end

--- An expression about a model, made to be about an alias of it. Subqueries
-- that refer to the model go along.
-- @tparam Mapper mapper
-- @tparam table expression
-- @tparam table from
function ColumnProperty._adapt(mapper, expression, from)
  local is_own = {}
  for _, tbl in ipairs(mapper.tables) do is_own[tbl] = true end
  local function adapt(node)
    if constraints.is_column(node) and is_own[node.table] then return from:_corresponding(node) end
    if (node.__visit_name == "scalar_select" or node.__visit_name == "exists") and node.element._copy then
      local copy = {}
      for field, value in pairs(node) do copy[field] = value end
      copy.element = replace_in_query(node.element, adapt)
      return setmetatable(copy, getmetatable(node))
    end
  end
  return traverse.replace(expression, adapt)
end

--- The expression over a FROM element, labelled with the key.
-- @tparam table from the model's table, or what stands for it
function ColumnProperty:expression(from)
  if rawequal(from, self.mapper.clause) or from.__visit_name == "table" or from.__visit_name == "join" then
    return self:_own()
  end
  if from.__visit_name == "subquery" and from:_column(self.key) then return from:_column(self.key) end
  return ColumnProperty._adapt(self.mapper, self:_own().element, from):label(self.key)
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
