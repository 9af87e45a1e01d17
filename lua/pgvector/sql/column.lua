--- Columns of tables, and what can stand in one besides its type: Identity,
-- Computed, Sequence.
-- @module pgvector.sql.column

local class = require "pgvector.class"
local compat = require "pgvector.compat"
local constraints = require "pgvector.sql.constraints"
local create = require "pgvector.sql.create"
local element = require "pgvector.sql.element"
local errors = require "pgvector.errors"
local naming = require "pgvector.sql.naming"
local types = require "pgvector.types"

-- Whole numbers go into the statement as they are.
local function check_number(value, where)
  if compat.is_integral(value) then return ("%.0f"):format(value) end
  if type(value) == "string" and value:find("^%-?%d+$") then return value end
  errors.raise("ArgumentError", "%s: expected a whole number, got %s", where, tostring(value))
end

local sequence_numbers = { start = true, increment = true, minvalue = true, maxvalue = true, cache = true }

-- The options that an identity column shares with a sequence.
local function sequence_options(self, options, where)
  for name in pairs(sequence_numbers) do
    if options[name] ~= nil then self[name] = check_number(options[name], where .. " " .. name) end
  end
  if options.cycle ~= nil and type(options.cycle) ~= "boolean" then
    errors.raise("ArgumentError", "%s cycle: expected a boolean, got %s", where, type(options.cycle))
  end
  self.cycle = options.cycle
  return self
end

local function with_names(known, ...)
  local all = {}
  for name in pairs(known) do all[name] = true end
  for _, name in ipairs{ ... } do all[name] = true end
  return all
end

--- GENERATED … AS IDENTITY: `Identity{ always=, start=, increment=, minvalue=, maxvalue=, cycle=, cache= }`.
local Identity = class("Identity")
local identity_options = with_names(sequence_numbers, "cycle", "always")

function Identity._new(options)
  options = errors.check_options(options, identity_options, "Identity")
  if options.always ~= nil and type(options.always) ~= "boolean" then
    errors.raise("ArgumentError", "Identity always: expected a boolean, got %s", type(options.always))
  end
  return sequence_options(setmetatable({ always = options.always or false }, Identity), options, "Identity")
end

--- GENERATED ALWAYS AS (expression) STORED: `Computed("price * 2")`.
local Computed = class("Computed")

function Computed._new(expression, options)
  options = errors.check_options(options, { stored = true }, "Computed")
  if type(expression) ~= "string" and not (type(expression) == "table" and getmetatable(expression)) then
    errors.raise("ArgumentError", "Computed: expected SQL text or an expression, got %s",
      class.describe(expression))
  end
  return setmetatable({ expression = expression, stored = options.stored ~= false }, Computed)
end

--- A sequence that feeds a column's default:
-- `Sequence("order_numbers", { schema=, start=, increment=, minvalue=, maxvalue=, cycle=, cache= })`.
local Sequence = class("Sequence")
Sequence.__visit_name = "sequence"
local sequence_known = with_names(sequence_numbers, "cycle", "schema")

function Sequence._new(name, options)
  options = errors.check_options(options, sequence_known, "Sequence")
  local self = setmetatable({ name = naming.check(name, "sequence name") }, Sequence)
  self.schema = options.schema ~= nil and naming.check(options.schema, "sequence schema") or nil
  return sequence_options(self, options, "Sequence")
end

--- The sequence's next number, as an expression: `nextval('name')`.
-- @treturn table expression
function Sequence:next_value()
  return element.node{ __visit_name = "next_value", sequence = self, type = types.BigInteger }
end

--- Creates the sequence. One that feeds a column of a table is created with the table.
-- @tparam Engine|Connection bind
-- @tparam[opt] table options `checkfirst = true`: do nothing if it exists
function Sequence:create(bind, options)
  options = errors.check_options(options, { checkfirst = true }, "Sequence:create")
  create.create_sequence(self, bind, options.checkfirst)
end

--- Drops the sequence.
-- @tparam Engine|Connection bind
-- @tparam[opt] table options `checkfirst = true`: do nothing if it does not exist
function Sequence:drop(bind, options)
  options = errors.check_options(options, { checkfirst = true }, "Sequence:drop")
  create.drop_sequence(self, bind, options.checkfirst)
end
class.seal(Sequence)

-- A column of a table. The element functions (`:eq`, `:label`, …) come from
-- ColumnElement; the fields below are what the options gave.
local Column = class("Column", element.ColumnElement)
Column.__visit_name = "column"
Column._is_schema_column = true

local booleans = {
  primary_key = true, nullable = true, unique = true, index = true, deferred = true, autoincrement = true,
}
local column_options = with_names(booleans, "default", "server_default", "onupdate", "server_onupdate",
  "identity", "comment", "deferred_group", "info", "key", "validate", "as", "name")

local tickets = 0

-- The order of creation: models sort their attributes by it.
function Column._take_ticket()
  tickets = tickets + 1
  return tickets
end

local function is_plain_table(x) return type(x) == "table" and getmetatable(x) == nil end

-- Column{…}, Column(type, …, {…}) and Column("name", type, …, {…}) all become
-- a sequence of positional arguments and a table of options.
local function arguments(...)
  local n, first = select("#", ...), (...)
  local positional, options = {}, {}
  if n == 1 and is_plain_table(first) then
    local highest = 0
    for key, value in pairs(first) do
      if type(key) == "number" then
        positional[key] = value
        highest = math.max(highest, key)
      else
        options[key] = value
      end
    end
    return positional, highest, options
  end
  local given, given_options = constraints.split_arguments("Column", ...)
  for i, value in ipairs(given) do positional[i] = value end
  return positional, #given, given_options or options
end

local function set_once(self, field, value, what)
  if rawget(self, field) ~= nil then errors.raise("ArgumentError", "Column has two %s", what) end
  self[field] = value
end

-- Sorts one positional argument into its field.
local function take(self, position, value)
  if type(value) == "string" then
    if position ~= 1 then
      errors.raise("ArgumentError", "Column: the name goes first, '%s' is argument %d", value, position)
    end
    self.name = naming.check(value, "column name")
  elseif types.is_type(value) then
    set_once(self, "type", types.expect(value, "Column"), "types")
  elseif class.is(value, constraints.ForeignKey) then
    self._foreign_keys[#self._foreign_keys + 1] = value
  elseif class.is(value, Identity) then
    set_once(self, "identity", value, "identities")
  elseif class.is(value, Computed) then
    set_once(self, "computed", value, "computed expressions")
  elseif class.is(value, Sequence) then
    set_once(self, "sequence", value, "sequences")
  elseif class.is(value, constraints.CheckConstraint) then
    self._checks[#self._checks + 1] = value
  else
    errors.raise("ArgumentError",
      "Column: argument %d: expected a type, ForeignKey, Identity or Computed, got %s",
      position, value == nil and "nil (is its name spelt right?)" or class.describe(value))
  end
end

local function check_default(value, option)
  if is_plain_table(value) then
    errors.raise("ArgumentError",
      "Column %s: a table would be shared between rows; give a function that makes one", option)
  end
  return value
end

-- identity = true | false | { options } | Identity(…), autoincrement = boolean
local function take_identity(self, options)
  local identity = options.identity
  if identity == nil then identity = options.autoincrement end
  if identity == nil then return end
  if type(identity) == "boolean" then
    identity = identity and Identity._new()
  elseif is_plain_table(identity) then
    identity = Identity._new(identity)
  elseif not class.is(identity, Identity) then
    errors.raise("ArgumentError", "Column identity: expected a boolean, options or Identity, got %s",
      class.describe(identity))
  end
  set_once(self, "identity", identity, "identities")
end

function Column._new(...)
  local positional, count, options = arguments(...)
  errors.check_options(options, column_options, "Column")
  local self = setmetatable({
    _ticket = Column._take_ticket(), _foreign_keys = {}, _checks = {}, foreign_keys = {},
  }, Column)
  for i = 1, count do take(self, i, positional[i]) end
  for option in pairs(booleans) do
    local value = options[option]
    if value ~= nil and type(value) ~= "boolean" then
      errors.raise("ArgumentError", "Column %s: expected a boolean, got %s", option, class.describe(value))
    end
    self[option] = value or false
  end
  self.autoincrement = nil
  self.nullable = options.nullable
  if self.nullable == nil then self.nullable = not self.primary_key end
  for _, option in ipairs{ "default", "onupdate" } do
    self[option] = check_default(options[option], option)
  end
  for _, option in ipairs{ "server_default", "server_onupdate" } do
    self[option] = options[option]
    if type(self[option]) == "function" then
      errors.raise("ArgumentError", "Column %s: the server evaluates it: a function of Lua is a default or an onupdate",
        option)
    end
  end
  take_identity(self, options)
  if options.name ~= nil then set_once(self, "name", naming.check(options.name, "column name"), "names") end
  if options.as ~= nil and self.type then self.type = self.type:_read_as(options.as) end
  self.key = options.key
  for option, kind in pairs{ comment = "string", info = "table" } do
    if options[option] ~= nil and type(options[option]) ~= kind then
      errors.raise("ArgumentError", "Column %s: expected a %s, got %s", option, kind, class.describe(options[option]))
    end
  end
  self.comment, self.info = options.comment, options.info or {}
  self.deferred_group, self.validate = options.deferred_group, options.validate
  self:_check()
  return self
end

-- What options must not be combined.
function Column:_check()
  local name = self.name or "Column"
  if not self.type and #self._foreign_keys == 0 then
    errors.raise("ArgumentError", "%s: a type is missing", name)
  end
  if not self.type then self.type, self._untyped = types.NULLTYPE, true end
  if self.computed and (self.default ~= nil or self.server_default ~= nil or self.identity) then
    errors.raise("ArgumentError", "%s: a computed column has no default and no identity", name)
  end
  if self.identity and (self.server_default ~= nil or self.sequence) then
    errors.raise("ArgumentError", "%s: an identity column has no other server-side default", name)
  end
  if self.sequence and self.server_default ~= nil then
    errors.raise("ArgumentError", "%s: a column has either a sequence or a server_default", name)
  end
  if self.validate ~= nil and type(self.validate) ~= "function" then
    errors.raise("ArgumentError", "%s validate: expected a function, got %s", name,
      class.describe(self.validate))
  end
end

-- A column for another table, with the same place in the order of creation.
function Column:_copy()
  local copy = setmetatable({}, Column)
  for field, value in pairs(self) do copy[field] = value end
  copy.table, copy.foreign_keys, copy._listeners = nil, {}, nil
  copy._copied_from = self
  return copy
end

-- Is this column `other`, or a copy of it?
function Column:_stems_from(other)
  local column = self
  while column do
    if rawequal(column, other) then return true end
    column = column._copied_from
  end
  return false
end

function Column:_attach(table, key)
  if self.table then
    errors.raise("ArgumentError", "column '%s' already belongs to table '%s'", self.name, self.table.name)
  end
  self.name = self.name or key
  if not self.name then errors.raise("ArgumentError", "table '%s': a column has no name", table.name) end
  self.key = self.key or key or self.name
  self.table = table
end

-- Does the server number this column by itself?
function Column:_wants_identity()
  return self.type.family == "integer" and self.default == nil
    and self.server_default == nil and self.identity == nil and not self.computed
    and not self.sequence and #self._foreign_keys == 0
end

-- Does the server fill this column if an INSERT leaves it out?
function Column:_has_server_default()
  return (self.identity or self.computed or self.sequence) and true or self.server_default ~= nil
end
class.seal(Column)

return {
  Column = Column, Identity = Identity, Computed = Computed, Sequence = Sequence,
  --- What `pg.*` gets.
  exports = {
    Column = Column._new, Identity = Identity._new, Computed = Computed._new, Sequence = Sequence._new,
  },
}
