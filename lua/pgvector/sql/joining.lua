--- The condition of a join that the foreign keys tell.
--
-- A column's `foreign_keys` is a sequence of objects with `:column()` (the
-- column referred to) and, if it is part of a composite key, `constraint`.
-- @module pgvector.sql.joining

local errors = require "pgvector.errors"
local base = require "pgvector.sql.base"
local operators = require "pgvector.sql.operators"
local types = require "pgvector.types"

local joining = {}

-- Adds what leads from `child` to `parent`: one list of column pairs for each
-- constraint.
local function collect(found, parent, child)
  local by_constraint = {}
  for _, column in ipairs(child:_columns()) do
    for _, foreign_key in ipairs(column.foreign_keys or {}) do
      local target = foreign_key:column()
      local referred = target and parent:_corresponding(target)
      if referred then
        local key = foreign_key.constraint or foreign_key
        local pairs_ = by_constraint[key]
        if not pairs_ then
          pairs_ = {}
          by_constraint[key] = pairs_
          found[#found + 1] = pairs_
        end
        pairs_[#pairs_ + 1] = { referred, column }
      end
    end
  end
end

local function links(left, right)
  local found = {}
  collect(found, left, right)
  if not rawequal(left, right) then collect(found, right, left) end
  return found
end

--- Can the two be joined by a foreign key?
-- @treturn boolean
function joining.possible(left, right) return #links(left, right) > 0 end

--- `parent.id = child.parent_id`, for the one foreign key between two FROM elements.
-- @tparam table left FromClause
-- @tparam table right FromClause
-- @treturn table condition; raises if there is no foreign key or more than one
function joining.condition(left, right)
  local found = links(left, right)
  if #found == 0 then
    errors.raise("ArgumentError", "there is no foreign key between %s and %s: give the join a condition",
      left:_describe(), right:_describe())
  elseif #found > 1 then
    errors.raise("ArgumentError", "there are %d foreign keys between %s and %s: give the join a condition", #found,
      left:_describe(), right:_describe())
  end
  local conditions = {}
  for i, link in ipairs(found[1]) do
    conditions[i] = base.binary(link[1], operators.eq, link[2], types.Boolean)
  end
  return base.boolean(operators.and_, conditions, #conditions)
end

return joining
