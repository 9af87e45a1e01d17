--- What `Item.owner` is in expressions: something to join, to ask `has` or
-- `any` of, and the start of a loader option.
-- @module pgvector.orm.attribute

local adapt = require "pgvector.sql.adapt"
local base = require "pgvector.sql.base"
local class = require "pgvector.class"
local coerce = require "pgvector.sql.coerce"
local compat = require "pgvector.compat"
local constraints = require "pgvector.sql.constraints"
local core = require "pgvector.core"
local errors = require "pgvector.errors"
local inherited = require "pgvector.orm.inherited"
local instance = require "pgvector.orm.instance"
local Mapper = require "pgvector.orm.mapper"
local operators = require "pgvector.sql.operators"
local Relationship = require "pgvector.orm.relationship"
local select_ = require "pgvector.sql.select"
local types = require "pgvector.types"

local null = core.null

--- `relationship` seen from `source` (the model's table, or an alias of it; `heir`: the
-- model, if it inherits), leading to `far` (the target's table, or an alias), which is
-- that of `far_entity`.
local RelationshipAttribute = class("RelationshipAttribute")

-- What can be listened to is the relationship, wherever it is seen from.
function RelationshipAttribute._events(self)
  return self.relationship, { set = true, append = true, remove = true }
end

local function all_of(conditions) return base.boolean(operators.and_, conditions, #conditions) end

-- The column of a FROM element that shows a table's column.
local function shown(from, column) return from:_corresponding(column) or column end

-- A relationship's own condition with both sides in place.
local function adapted(self)
  local relationship = self.relationship
  local is_near, is_own = {}, {}
  for _, pair in ipairs(relationship.pairs) do is_near[pair[1]] = true end
  for _, tbl in ipairs(relationship.mapper.tables) do is_own[tbl] = true end
  for _, tbl in ipairs(relationship.target.tables) do is_own[tbl] = nil end
  local froms = { relationship.mapper.clause, relationship.target.clause }
  return adapt.columns(relationship.condition, froms, function(column)
    local is_source = is_near[column._mapped or column] or is_own[column.table]
    return (is_source and self.source or self.far):_corresponding(column)
  end)
end

-- What tells the target's rows from others of its table, added to a condition.
local function of_target(self, condition)
  local criterion = self.far_mapper:_criterion(self.far)
  return criterion and condition:and_(criterion) or condition
end

-- The condition between the two sides; through an association table, `middle`
-- stands for that.
local function conditions(self, middle)
  local relationship = self.relationship
  if relationship.condition then return { adapted(self) } end
  local near, far = {}, {}
  for i, pair in ipairs(relationship.pairs) do
    near[i] = shown(self.source, pair[1]):eq(shown(middle or self.far, pair[2]))
  end
  for i, pair in ipairs(relationship.far_pairs or {}) do
    far[i] = shown(middle, pair[1]):eq(shown(self.far, pair[2]))
  end
  return near, far
end

-- What `select:join(Item.owner)` does, step by step.
local function join_steps(self)
  local middle = self.relationship.secondary_table
  if not middle then
    return { { from = self.far, condition = of_target(self, all_of(conditions(self))), entity = self.far_entity } },
      self.source
  end
  if self.far ~= self.relationship.target.clause or self.source ~= self.relationship.mapper.clause then
    middle = middle:alias()
  end
  local near, far = conditions(self, middle)
  return { { from = middle, condition = all_of(near) },
    { from = self.far, condition = of_target(self, all_of(far)), entity = self.far_entity } }, self.source
end

function RelationshipAttribute._new(relationship, source, far)
  relationship:_configure()
  return setmetatable({
    relationship = relationship, source = source or relationship.mapper.clause,
    far = far or relationship.target.clause, far_mapper = relationship.target,
    far_entity = relationship.target.model, __join_steps = join_steps,
  }, RelationshipAttribute)
end

--- The same relationship, leading to an alias of its target, or to a model that
-- inherits from it.
-- @param aliased of `orm.aliased`, or a model
function RelationshipAttribute:of_type(aliased)
  local far = coerce.from(aliased, "of_type")
  local attribute = RelationshipAttribute._new(self.relationship, self.source, far)
  attribute.heir = rawget(self, "heir")
  attribute.far_mapper, attribute.far_entity = Mapper.of(aliased) or self.relationship.target, aliased
  return attribute
end

-- Have two FROM elements a table in common?
local function share_table(a, b)
  local found = false
  a:_each_from(function(part)
    if part.__visit_name ~= "join" then
      b:_each_from(function(other) found = found or rawequal(part, other) end)
    end
  end)
  return found
end

-- EXISTS (SELECT … the related rows that satisfy `criterion`).
local function exists(self, criterion)
  local relationship = self.relationship
  local attribute = self
  -- the same table inside and outside must be told apart
  if share_table(self.far, self.source) then
    local alias = self.far_mapper:_alias()
    attribute = RelationshipAttribute._new(relationship, self.source, alias)
    attribute.far_mapper = self.far_mapper
    criterion = criterion and adapt.to(coerce.condition(criterion, "any"), self.far, alias)
  end
  local list = {}
  for _, part in ipairs{ conditions(attribute, relationship.secondary_table) } do
    for _, condition in ipairs(part) do list[#list + 1] = condition end
  end
  if criterion then list[#list + 1] = coerce.condition(criterion, "any") end
  list[1] = of_target(attribute, list[1])
  local froms = { attribute.far, relationship.secondary_table }
  local node = select_.select(base.node{ __visit_name = "literal_column", text = "1", type = types.Integer })
    :select_from(compat.unpack(froms)):where(compat.unpack(list)):correlate(self.source):exists()
  node._heir = rawget(self, "heir")
  return node
end

-- A criterion may be written as `{ title = "x" }`.
local function criterion_of(self, criterion, where)
  if type(criterion) ~= "table" or getmetatable(criterion) ~= nil then return criterion end
  local list = {}
  for key in pairs(criterion) do
    if not constraints.is_column(self.relationship.target.by_key[key]) then
      self.relationship.target:_unknown(key)
    end
  end
  for _, column in ipairs(self.relationship.target.columns) do
    local value = criterion[column.key]
    if value ~= nil then list[#list + 1] = shown(self.far, column):eq(value) end
  end
  if #list == 0 then errors.raise("ArgumentError", "%s: an empty table is no condition", where) end
  return all_of(list)
end

--- Is there a related row (of a list) that satisfies the condition?
-- @tparam[opt] table criterion a condition, or `{ title = "x" }`
-- @treturn table condition
function RelationshipAttribute:any(criterion)
  if not self.relationship.is_list then
    errors.raise("ArgumentError", "%s is not a list: use has", self.relationship:_describe())
  end
  return exists(self, criterion_of(self, criterion, "any"))
end

--- Does the related row (of a scalar relationship) exist and satisfy the condition?
-- @tparam[opt] table criterion a condition, or `{ title = "x" }`
-- @treturn table condition
function RelationshipAttribute:has(criterion)
  if self.relationship.is_list then
    errors.raise("ArgumentError", "%s is a list: use any", self.relationship:_describe())
  end
  return exists(self, criterion_of(self, criterion, "has"))
end

-- The near column of a pair: of a model that inherits its attribute, which
-- brings all of its tables.
local function near(self, pair)
  local column, heir = shown(self.source, pair[1]), rawget(self, "heir")
  return heir and inherited.column(heir, column) or column
end

--- Is the related row that of this instance? `pg.null`: is there none?
-- @param object an instance of the target, or pg.null
-- @treturn table condition
function RelationshipAttribute:eq(object)
  local relationship = self.relationship
  if relationship.direction ~= "many_to_one" then
    errors.raise("ArgumentError", "%s is not many-to-one: use contains or any", relationship:_describe())
  end
  if object == null then
    local list = {}
    for i, pair in ipairs(relationship.pairs) do list[i] = near(self, pair):is_null() end
    return all_of(list)
  end
  relationship:_check_related(object)
  local list = {}
  for i, pair in ipairs(relationship.pairs) do
    local value = object[pair[2].key]
    if value == nil then
      errors.raise("InvalidRequestError", "%s has no key yet: flush first", tostring(object))
    end
    list[i] = near(self, pair):eq(value)
  end
  return all_of(list)
end

--- The opposite of `eq`.
function RelationshipAttribute:ne(object) return self:eq(object):not_() end

--- Is there no related row?
function RelationshipAttribute:is_null()
  if self.relationship.direction == "many_to_one" then return self:eq(null) end
  return exists(self):not_()
end

--- Is there a related row?
function RelationshipAttribute:is_not_null()
  if self.relationship.direction == "many_to_one" then return self:eq(null):not_() end
  return exists(self)
end

--- Does the list contain this instance?
-- @treturn table condition
function RelationshipAttribute:contains(object)
  local relationship = self.relationship
  if not relationship.is_list then
    errors.raise("ArgumentError", "%s is not a list: use eq", relationship:_describe())
  end
  relationship:_check_related(object)
  local identity = instance.state(object).identity
  if not identity then
    errors.raise("InvalidRequestError", "contains: %s is not stored: flush first", tostring(object))
  end
  local list = {}
  for i, column in ipairs(relationship.target.primary_key) do list[i] = column:eq(identity[i]) end
  return exists(self, all_of(list))
end
class.seal(RelationshipAttribute)

function RelationshipAttribute:__tostring() return self.relationship:_describe() end

function Relationship:_class_value(source, entity)
  local attribute = RelationshipAttribute._new(self, source)
  -- of a model that inherits: see coerce.heir
  attribute.heir = not source and rawget(entity, "__mapper").inherits and entity or nil
  return attribute
end

return RelationshipAttribute
