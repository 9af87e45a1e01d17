--- `session:query(Item):filter(…):all()`: SQLAlchemy's older way to ask, a thin
-- cover over `select`.
-- @module pgvector.orm.query

local chain = require "pgvector.util.chain"
local class = require "pgvector.class"
local errors = require "pgvector.errors"
local functions = require "pgvector.sql.functions"
local select_ = require "pgvector.sql.select"
local update = require "pgvector.sql.update"

local Query = class("Query")

--- Makes a query of a session.
-- @tparam Session session
-- @param ... models and columns
function Query._new(session, ...)
  return setmetatable({
    _session = session, _stmt = select_.select(...), _single = select("#", ...) == 1, _first = (...), _loops = {},
  }, Query)
end

-- These go to the statement and give a new query.
for _, name in ipairs{
  "where", "filter", "filter_by", "join", "outerjoin", "select_from", "order_by", "group_by", "having",
  "limit", "offset", "distinct", "options", "with_for_update", "when",
} do
  Query[name] = function(self, ...)
    local copy = {}
    for field, value in pairs(self) do copy[field] = value end
    copy._stmt, copy._loops = self._stmt[name](self._stmt, ...), {}
    return setmetatable(copy, Query)
  end
end

-- Rows, or the single things that were asked for.
local function result_of(self)
  local result = self._session:execute(self._stmt)
  return self._single and result:scalars() or result
end

--- Everything found.
-- @treturn table sequence
function Query:all() return result_of(self):all() end

--- The first found, or nil.
function Query:first() return result_of(self:limit(1)):first() end

--- The only one found; raises if there is none or more.
function Query:one() return result_of(self):one() end

--- The only one found, or nil; raises if there are more.
function Query:one_or_none() return result_of(self):one_or_none() end

--- The first column of the first row, or nil.
function Query:scalar() return self._session:execute(self._stmt):scalar() end

--- How many rows there are.
-- @treturn number
function Query:count()
  return self._session:scalar(select_.select(functions.func.count()):select_from(self._stmt:subquery()))
end

-- What an UPDATE or DELETE cannot carry, and must not leave out.
local selecting = {
  { "_limit", "limit" }, { "_offset", "offset" }, { "_joins", "join" }, { "_from", "select_from" },
  { "_group_by", "group_by" }, { "_having", "having" }, { "_distinct", "distinct" }, { "_order_by", "order_by" },
  { "_for_update", "with_for_update" },
}

local function conditional(self, stmt)
  for _, clause in ipairs(selecting) do
    if self._stmt[clause[1]] then
      errors.raise("InvalidRequestError", "query: update and delete do not go with %s", clause[2])
    end
  end
  local conditions = chain.items(self._stmt._where)
  if not conditions then return stmt:all_rows() end
  for _, condition in ipairs(conditions) do stmt = stmt:where(condition) end
  return stmt
end

--- Updates all rows of the query, not object by object.
-- @tparam table values by attribute
-- @treturn number how many
function Query:update(values)
  return self._session:execute(conditional(self, update.update(self._first):values(values))).rowcount
end

--- Deletes all rows of the query, not object by object.
-- @treturn number how many
function Query:delete()
  return self._session:execute(conditional(self, update.delete(self._first))).rowcount
end
class.seal(Query)

-- So many loops over one query may be under way.
local LOOPS = 32

local function is_same(a, b) return rawequal(a, b) or a ~= a and b ~= b end -- NaN is a value, too

-- `for item in query do`: a loop begins with the control value nil, and then
-- the query runs anew. Later it gives back what it got last, by which nested
-- loops over one query are told apart: those that began after the one that
-- goes on have been left.
function Query:__call(_, control)
  local loops = self._loops
  local loop = loops[#loops]
  if control == nil then
    if #loops == LOOPS then table.remove(loops, 1) end -- left, as it seems
    loop = { result = result_of(self) }
    loops[#loops + 1] = loop
  else
    while loop and not is_same(loop.last, control) do
      loops[#loops] = nil
      loop = loops[#loops]
    end
    if not loop then
      errors.raise("InvalidRequestError", "query: another loop over it has begun meanwhile: loop over query:all()")
    end
  end
  loop.last = loop.result()
  if loop.last == nil then loops[#loops] = nil end
  return loop.last
end

function Query:__tostring() return tostring(self._stmt) end

return Query
