--- Views and materialized views: selects under a name in the database, to be
-- selected from like tables.
-- @module pgvector.sql.view

local class = require "pgvector.class"
local coerce = require "pgvector.sql.coerce"
local create = require "pgvector.sql.create"
local ddl = require "pgvector.sql.ddl"
local errors = require "pgvector.errors"
local naming = require "pgvector.sql.naming"
local selectable = require "pgvector.sql.selectable"

local View = class("View", selectable.FromClause)
View.__visit_name = "table" -- where it is selected from

local view_options = { schema = true, materialized = true, comment = true }

--- `View("recent", pg.select(…), { schema=, materialized=, comment= })`; its columns are the select's.
local function new(name, query, options)
  naming.check(name, "view name")
  if not coerce.is_query(query) then
    errors.raise("ArgumentError", "View '%s': expected a select, got %s", name, coerce.describe(query))
  end
  options = errors.check_options(options, view_options, "View")
  local self = setmetatable({
    name = name, element = query, materialized = options.materialized or false, comment = options.comment,
    schema = options.schema ~= nil and naming.check(options.schema, "schema name") or nil, _column_list = {},
  }, View)
  for i, column in ipairs(query:_exported()) do
    self._column_list[i] = selectable.proxy(self, column.key, column.name, column.source)
  end
  self.c = selectable.namespace(self)
  return self
end

function View:_describe() return ("view '%s'"):format(self.name) end

--- Creates the view.
-- @tparam Engine|Connection bind
-- @tparam[opt] table options `or_replace`; `checkfirst`: do nothing if it exists
function View:create(bind, options)
  options = errors.check_options(options, { or_replace = true, checkfirst = true }, "View:create")
  create.create_view(self, bind, options.checkfirst, options.or_replace)
end

--- Drops the view.
-- @tparam Engine|Connection bind
-- @tparam[opt] table options `checkfirst = true`: do nothing if it does not exist
function View:drop(bind, options)
  options = errors.check_options(options, { checkfirst = true }, "View:drop")
  create.drop_view(self, bind, options.checkfirst)
end

--- Computes a materialized view anew.
-- @tparam Engine|Connection bind
-- @tparam[opt] table options `concurrently = true`: readers go on; needs a unique index
function View:refresh(bind, options)
  if not self.materialized then
    errors.raise("InvalidRequestError", "view '%s' is not materialized: there is nothing to refresh", self.name)
  end
  local statement = ddl.refresh_view(self, options)
  create.through(bind, function(run) run(statement) end)
end
class.seal(View)

local function checked(make)
  return function(view, options)
    if not class.is(view, View) then
      errors.raise("ArgumentError", "expected a view of pg.View, got %s", coerce.describe(view))
    end
    return make(view, options)
  end
end

return {
  View = View,
  --- What `pg.*` gets.
  exports = { View = new, CreateView = checked(ddl.create_view), DropView = checked(ddl.drop_view) },
}
