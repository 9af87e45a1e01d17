--- EXISTS, whose subquery may still be given conditions.
-- @module pgvector.sql.exists

local class = require "pgvector.class"
local errors = require "pgvector.errors"
local element = require "pgvector.sql.element"
local types = require "pgvector.types"

local exists = {}

local Exists = class("Exists", element.ColumnElement)
Exists.__visit_name = "exists"
Exists.type = types.Boolean
Exists.negated = false

local function over_select(name)
  return function(self, ...)
    local method = self.element[name]
    if not method then
      errors.raise("InvalidRequestError", "exists: a set operation has no '%s': give it to its selects, "
        .. "or select from it as a subquery", name)
    end
    return element.with(self, { element = method(self.element, ...) })
  end
end

--- `EXISTS (SELECT … WHERE …)`.
Exists.where = over_select "where"
--- Names the FROM elements of the subquery.
Exists.select_from = over_select "select_from"
--- Names what the subquery shares with the statement around it.
Exists.correlate = over_select "correlate"
class.seal(Exists)

--- `EXISTS (…)` of a query.
-- @tparam table query
-- @treturn table condition
function exists.new(query) return setmetatable({ element = query }, Exists) end

return exists
