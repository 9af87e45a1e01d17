--- What an operation is: a step of a migration as data.
--
-- It has a `kind` (the name of its function in `op`), its arguments as fields
-- and its `options`. What can be done with it, `statements`, `reverse` and
-- `render`, follows from its definition; nothing here knows a connection.
-- @module pgvector.migrate.operations.base

local class = require "pgvector.class"
local core = require "pgvector.core"
local errors = require "pgvector.errors"
local identifiers = require "pgvector.util.identifiers"
local naming = require "pgvector.sql.naming"
local source = require "pgvector.migrate.source"

local base = {}

local Operation = class("Operation")

-- Definitions by kind.
base.definitions = {}
local definitions = base.definitions

--- The SQL of the operation, in order: strings, and statements of
-- `pgvector.sql` where values travel as parameters.
-- @tparam[opt] table how `concurrently = false` leaves CONCURRENTLY out
-- @treturn table sequence
function Operation:statements(how) return self._definition.statements(self, how or {}) end

--- The operation that undoes this one.
-- @treturn ?Operation nil if there is nothing to undo
-- @raise InvalidRequestError if it cannot be known
function Operation:reverse()
  if self.undo then return self.undo end
  local reverse = self._definition.reverse
  local undo = reverse and reverse(self)
  if undo == nil then
    errors.raise("InvalidRequestError", "%s cannot be reversed: what was there before is not known", self.kind)
  end
  if not undo then return nil end
  undo.undo = undo.undo or self
  return undo
end

--- Must it run outside a transaction?
-- @treturn boolean
function Operation:needs_autocommit()
  local needs = self._definition.needs_autocommit
  return needs ~= nil and needs(self) == true
end

--- The operation as Lua source: `op.add_column("items", pg.Column{ … })`.
-- @tparam[opt] string indent what stands before its further lines
-- @treturn string
function Operation:render(indent)
  local arguments = {}
  for i, name in ipairs(self._arguments or self._definition.arguments) do
    arguments[i] = self[name] == nil and core.null or self[name]
  end
  return source.call("op." .. self.kind, arguments, self.options, self._definition.options, indent)
end

class.seal(Operation)

function Operation:__tostring() return self:render("") end

base.Operation = Operation

--- Defines a kind of operation.
-- @tparam string kind
-- @tparam table definition `arguments`: the names of the fields of the
--   positional arguments; `options`: the known options in the order in which
--   they are rendered; `statements(self, how)`; and optionally
--   `check(self)`, `reverse(self)` (false: nothing to undo), `needs_autocommit(self)`,
--   `positional(...)`, which puts arguments in order
-- @treturn function the constructor
function base.define(kind, definition)
  local known = {}
  for _, name in ipairs(definition.options or {}) do known[name] = true end
  definition.options = definition.options or {}
  definition.arguments = definition.arguments or {}
  definition.kind = kind
  definitions[kind] = definition
  local count = #definition.arguments

  local function new(...)
    local given, n = { ... }, select("#", ...)
    if n > count + 1 then
      errors.raise("ArgumentError", "op.%s takes %d arguments and a table of options, got %d arguments", kind,
        count, n)
    end
    local self = setmetatable({ kind = kind, _definition = definition }, Operation)
    for i, name in ipairs(definition.arguments) do self[name] = given[i] end
    local options = errors.check_options(given[count + 1], known, "op." .. kind)
    self.options = {}
    for _, name in ipairs(definition.options) do self.options[name] = options[name] end
    if definition.check then definition.check(self) end
    return self
  end

  definition.new = function(...)
    if definition.positional then return new(definition.positional(...)) end
    return new(...)
  end
  return definition.new
end

---- helpers for definitions ------------------------------------------------------

--- A name as the user gave it, plain or through `op.f`.
-- @tparam string|table name
-- @tparam string what what the message calls it
-- @treturn string
function base.name(name, what)
  if naming.is_final(name) then return name.text end
  return naming.check(name, what)
end

--- A sequence of names, or a single one.
-- @treturn table sequence of strings
function base.names(list, what)
  if type(list) == "string" then list = { list } end
  if type(list) ~= "table" or #list == 0 then
    errors.raise("ArgumentError", "%s: expected a sequence of names, got %s", what, class.describe(list))
  end
  local names = {}
  for i, name in ipairs(list) do names[i] = base.name(name, what) end
  return names
end

base.sql_text = source.sql_text
base.quote, base.qualified = identifiers.quote, identifiers.qualified

--- The name of an object in the schema of the operation's options.
function base.qualified_name(self, name) return identifiers.qualified(self.options.schema, name) end

--- `CONCURRENTLY ` if the operation asks for it and `how` does not forbid it.
function base.concurrently(self, how)
  return self.options.concurrently and how.concurrently ~= false and "CONCURRENTLY " or ""
end

--- For definitions whose `concurrently` option decides.
function base.when_concurrently(self) return self.options.concurrently == true end

return base
