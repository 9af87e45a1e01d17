--- Eager loading within the statement: outer joins to what is related, and the
-- columns of it.
-- @module pgvector.orm.joined

local chain = require "pgvector.util.chain"
local adapt = require "pgvector.sql.adapt"
local base = require "pgvector.sql.base"
local compat = require "pgvector.compat"
local criteria = require "pgvector.orm.criteria"
local operators = require "pgvector.sql.operators"
local options = require "pgvector.orm.options"
local RelationshipAttribute = require "pgvector.orm.attribute"
local select_ = require "pgvector.sql.select"

local joined = {}

local LOWEST = operators.precedence.LOWEST

--- A FROM element of a mapper that can be selected like a model.
-- @tparam Mapper mapper
-- @tparam table from
-- @tparam ?table node loader options for what is loaded
function joined.entity_over(mapper, from, node)
  return { __clause = from, __mapper = mapper, __node = node }
end

-- Stands for an entity's FROM element where the statement around a subquery
-- sees it.
local function through(subquery, from)
  if not subquery then return from end
  return { _corresponding = function(_, column)
    return subquery:_corresponding(from:_corresponding(column) or column)
  end }
end

-- A relationship that leads back to where its path has been is not joined
-- again, or a table that refers to itself would be joined without end.
local function on_path(path, relationship)
  while path do
    if path.relationship == relationship then return true end
    path = path.parent
  end
  return false
end

-- What has to be joined for an entity, in order: sequence of
-- `{ relationship, node, far, contained, parent (index of the wish above, or nil), entity }`.
local function wishes_for(wishes, entity, properties, node, parent)
  for _, relationship in ipairs(properties) do
    local strategy = relationship._configure and options.strategy(node, relationship)
    local contained = strategy == "contained"
    if contained or strategy == "joined" and not on_path(parent, relationship) then
      relationship:_configure()
      local below = options.below(node, relationship)
      local wish = {
        relationship = relationship, node = below, parent = parent, entity = entity, contained = contained,
        far = contained and node.far[relationship] or relationship.target:_alias(),
      }
      wishes[#wishes + 1] = wish
      wishes_for(wishes, entity, relationship.target.properties, below, wish)
    end
  end
end

-- The properties of an entity, with those of models that are loaded with it.
local function properties_of(entity)
  local properties, seen = {}, {}
  local function add(mapper)
    for _, property in ipairs(mapper.properties) do
      if not seen[property] then seen[property], properties[#properties + 1] = true, property end
    end
  end
  add(rawget(entity, "__mapper"))
  for _, mapper in ipairs(rawget(entity, "__polymorphic") or {}) do add(mapper) end
  return properties
end

-- Must the statement be finished before something is joined to it? Its rows
-- are counted, and a join changes their number.
local function must_be_wrapped(stmt)
  return stmt._limit or stmt._offset or stmt._fetch or stmt._distinct
end

-- `created DESC NULLS LAST` taken apart.
local function without_order(element)
  local suffix = ""
  while element.__visit_name == "ordering" do
    suffix = element.suffix .. suffix
    element = element.element
  end
  return element, suffix
end

-- The columns by which a relationship hangs on its owner.
local function near_columns(relationship)
  local columns = {}
  for i, pair in ipairs(relationship.pairs) do columns[i] = pair[1] end
  if relationship.condition then
    adapt.columns(relationship.condition, { relationship.mapper.clause }, function(column)
      columns[#columns + 1] = column
    end)
  end
  return columns
end

-- The statement with the columns that the joins to come need of it.
local function with_near_columns(stmt, wishes)
  local there = {}
  for _, entity in ipairs(stmt:_entities()) do
    for _, column in ipairs(entity.columns) do there[column] = true end
  end
  for _, wish in ipairs(wishes) do
    for _, column in ipairs(not wish.parent and not wish.contained and near_columns(wish.relationship) or {}) do
      local shown = wish.entity.from:_corresponding(column)
      if shown and not there[shown] then
        there[shown] = true
        stmt = stmt:add_columns(shown)
      end
    end
  end
  return stmt
end

-- The statement as a subquery, and a SELECT of its columns in the same order
-- of rows: what it is ordered by becomes columns, too.
local function wrapped(stmt, wishes)
  local keys, suffixes, inner = {}, {}, with_near_columns(stmt, wishes)
  for i, item in ipairs(chain.items(stmt._order_by) or {}) do
    local element, suffix = without_order(item)
    if element.__visit_name ~= "name_reference" then
      element = element:label("order_" .. i)
      inner = inner:add_columns(element)
    end
    keys[i], suffixes[i] = element, suffix
  end
  local subquery = inner:subquery()
  local outer = select_.select(compat.unpack(subquery:_columns()))
  for i, key in ipairs(keys) do
    -- a label is found by itself: a column may have its name
    local column = key.__visit_name == "label" and subquery:_corresponding(key) or subquery.c[key.name]
    if suffixes[i] ~= "" then
      column = base.node{ __visit_name = "ordering", element = column, suffix = suffixes[i], prec = LOWEST,
                          type = column.type }
    end
    outer = outer:order_by(column)
  end
  outer._settings, outer._execution_options = stmt._settings, stmt._execution_options
  outer._entity_columns = stmt._entity_columns -- for what is going to be joined to it
  return outer, subquery
end

-- ORDER BY of a relationship, with an alias in place of the target's table.
local function ordering_over(relationship, far)
  local list = {}
  for i, item in ipairs(relationship:_ordering()) do
    list[i] = adapt.to(item, relationship.target.clause, far)
  end
  return list
end

-- FOR UPDATE cannot lock what an outer join brings: it is for the rows of the
-- models that are selected.
local function locking_own_rows(stmt, entities)
  local lock = stmt._for_update
  if not lock or lock.of then return stmt end
  local own, wanted = {}, {}
  for _, entity in ipairs(entities) do
    if entity.kind == "entity" then
      local is_join = entity.from.__visit_name == "join"
      for _, from in ipairs(is_join and rawget(entity.entity, "__mapper").tables or { entity.from }) do
        own[#own + 1] = from
      end
    end
  end
  for name, value in pairs(lock) do wanted[name] = value end
  wanted.of = own
  return stmt:with_for_update(wanted)
end

--- Adds joins and columns to a statement.
-- @tparam table stmt a SELECT whose entities' columns are chosen
-- @tparam table entities its entities, each with `node` (options) if it is a model's
-- @treturn table the statement to send
-- @treturn table sequence of wishes, in the order of their entities, which are
--   the statement's last
function joined.prepare(stmt, entities)
  local wishes = {}
  for _, entity in ipairs(entities) do
    if entity.kind == "entity" then
      wishes_for(wishes, entity, properties_of(entity.entity), entity.node, nil)
    end
  end
  if #wishes == 0 then return stmt, wishes end
  local subquery
  local joins = false
  for _, wish in ipairs(wishes) do joins = joins or not wish.contained end
  if joins and must_be_wrapped(stmt) then
    stmt, subquery = wrapped(stmt, wishes)
  elseif joins then
    stmt = locking_own_rows(stmt, entities)
  end
  for _, wish in ipairs(wishes) do
    local relationship = wish.relationship
    if not wish.contained then
      local source = wish.parent and wish.parent.far or through(subquery, wish.entity.from)
      local left = wish.parent and wish.parent.far or subquery or wish.entity.from
      local attribute = RelationshipAttribute._new(relationship, source, wish.far)
      local steps = (attribute.__join_steps(attribute))
      for i, step in ipairs(steps) do
        local condition = step.condition
        if i == #steps then
          for _, criterion in ipairs(criteria.of_entity(wish.node, relationship.target, wish.far)) do
            condition = condition:and_(criterion)
          end
        end
        stmt = stmt:join_from(i == 1 and left or wish.middle, step.from, condition, { isouter = true })
        wish.middle = step.from
      end
      local ordering = ordering_over(relationship, wish.far)
      if #ordering > 0 then stmt = stmt:order_by(compat.unpack(ordering)) end
    end
    stmt = stmt:add_columns(joined.entity_over(relationship.target, wish.far, wish.node))
  end
  return stmt, wishes
end

return joined
