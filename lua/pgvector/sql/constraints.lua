--- Table constraints, and ForeignKey, the form of one that stands in a column.
-- @module pgvector.sql.constraints

local class = require "pgvector.class"
local errors = require "pgvector.errors"
local identifiers = require "pgvector.sql.compiler.identifiers"
local naming = require "pgvector.sql.naming"

local constraints = {}

--- Is this a schema column (not just any column expression)?
function constraints.is_column(x)
  local mt = type(x) == "table" and getmetatable(x)
  return type(mt) == "table" and rawget(mt, "_is_schema_column") == true
end

--- Splits `element, …, options` as constraints and indexes take them: a plain
-- table at the end holds the options.
-- @tparam string where what messages call the constructor
-- @treturn table the elements
-- @treturn ?table the options
function constraints.split_arguments(where, ...)
  local n, arguments = select("#", ...), { ... }
  local options
  if type(arguments[n]) == "table" and getmetatable(arguments[n]) == nil then
    options = arguments[n]
    arguments[n] = nil
    n = n - 1
  end
  for i = 1, n do
    if arguments[i] == nil then errors.raise("ArgumentError", "%s: element %d is nil", where, i) end
  end
  return arguments, options
end

local referential_actions = {
  ["CASCADE"] = true, ["RESTRICT"] = true, ["NO ACTION"] = true, ["SET NULL"] = true, ["SET DEFAULT"] = true,
}
local initial_modes = { DEFERRED = true, IMMEDIATE = true }
local match_types = { FULL = true, PARTIAL = true, SIMPLE = true }

-- Keywords go into the statement as they are, so only known ones may pass.
local function keyword(value, known, where)
  if value == nil then return nil end
  local upper = type(value) == "string" and value:upper()
  if not known[upper] then
    errors.raise("ArgumentError", "%s: unexpected %s%s", where,
      type(value) == "string" and ("'%s'"):format(value) or type(value), errors.did_you_mean(value, known))
  end
  return upper
end

-- What ON DELETE does; SET NULL and SET DEFAULT may name the columns that they
-- set (PostgreSQL 15), of which each is a name or one in double quotes.
local function delete_action(value)
  local action, list = tostring(value):match("^%s*([sS][eE][tT]%s+%a+)%s*%((.*)%)%s*$")
  if not action then return keyword(value, referential_actions, "ForeignKey ondelete") end
  action = keyword((action:gsub("%s+", " ")), referential_actions, "ForeignKey ondelete")
  local names, rest = {}, list .. ","
  while rest ~= "" do
    local quoted, after = rest:match('^%s*"(.-)"%s*,()')
    local plain, after_plain = rest:match('^%s*([^%s",]+)%s*,()')
    if not (quoted or plain) then
      errors.raise("ArgumentError", "ForeignKey ondelete: expected names of columns in '%s'", value)
    end
    names[#names + 1] = identifiers.quote(quoted or plain)
    rest = rest:sub(after or after_plain)
  end
  return ("%s (%s)"):format(action, table.concat(names, ", "))
end

--- Checks an operator before it goes into a statement.
function constraints.check_operator(operator, where)
  if type(operator) ~= "string" or not operator:find("^[%+%-%*/<>=~!@#%%%^&|`%?]+$")
    or operator:find("--", 1, true) or operator:find("/*", 1, true) then
    errors.raise("ArgumentError", "%s: %s is not an operator", where,
      type(operator) == "string" and ("'%s'"):format(operator) or type(operator))
  end
  return operator
end

-- The base of all five. `elements` are what the user named: attribute keys,
-- column names or columns; `columns` the table's own, once attached.
local Constraint = class("Constraint")

local common_options = { name = true, deferrable = true, initially = true, comment = true, info = true }

local function known_options(...)
  local known = {}
  for name in pairs(common_options) do known[name] = true end
  for _, name in ipairs{ ... } do known[name] = true end
  return known
end

local function init(C, elements, options, known)
  options = errors.check_options(options, known, C.__name)
  local self = setmetatable({ elements = elements }, C)
  for name in pairs(known) do self[name] = options[name] end
  self.name = nil
  self._explicit_name = naming.check_explicit(options.name, C.__name .. " name")
  self.initially = keyword(options.initially, initial_modes, C.__name .. " initially")
  return self
end

function Constraint:__tostring()
  return ("%s(%s)"):format(self.__name, self.name or "")
end

-- Copies the constraint for another table; columns are looked up there again.
function Constraint:_copy()
  local copy = setmetatable({}, getmetatable(self))
  for key, value in pairs(self) do copy[key] = value end
  copy.table, copy.columns, copy.name = nil, nil, nil
  return copy
end

function Constraint:_attach(table)
  if self.table and self.table ~= table then
    errors.raise("ArgumentError", "%s already belongs to table '%s'", tostring(self), self.table.name)
  end
  self.table = table
  self.columns = self:_resolve_columns(table)
  self.name = naming.name_of(self, table.metadata._convention)
end

function Constraint:_resolve_columns(table)
  local columns = {}
  for i, element in ipairs(self.elements) do columns[i] = table:_resolve(element, self.__name) end
  return columns
end

function Constraint:_named_columns() return self.columns end
function Constraint:_referred_name() return "" end
function Constraint:_referred_column_names() return {} end

local function require_columns(elements, where)
  if #elements == 0 then errors.raise("ArgumentError", "%s needs at least one column", where) end
  for i, element in ipairs(elements) do
    if type(element) ~= "string" and not constraints.is_column(element) then
      errors.raise("ArgumentError", "%s: element %d: expected a column or its name, got %s",
        where, i, class.describe(element))
    end
  end
  return elements
end

--- UNIQUE: `UniqueConstraint("a", "b", { name=, nulls_not_distinct=, include=, deferrable=, initially= })`.
local UniqueConstraint = class("UniqueConstraint", Constraint)
UniqueConstraint.__visit_name = "unique_constraint"
UniqueConstraint._prefix = "uq"
local unique_options = known_options("nulls_not_distinct", "include")

function UniqueConstraint._new(...)
  local elements, options = constraints.split_arguments("UniqueConstraint", ...)
  return init(UniqueConstraint, require_columns(elements, "UniqueConstraint"), options, unique_options)
end
class.seal(UniqueConstraint)

--- PRIMARY KEY over several columns, or with a name of its own.
local PrimaryKeyConstraint = class("PrimaryKeyConstraint", Constraint)
PrimaryKeyConstraint.__visit_name = "primary_key_constraint"
PrimaryKeyConstraint._prefix = "pk"
local primary_options = known_options("include")

function PrimaryKeyConstraint._new(...)
  local elements, options = constraints.split_arguments("PrimaryKeyConstraint", ...)
  return init(PrimaryKeyConstraint, require_columns(elements, "PrimaryKeyConstraint"), options,
    primary_options)
end
class.seal(PrimaryKeyConstraint)

--- CHECK: `CheckConstraint("price > 0", { name=, not_valid=, no_inherit= })`;
-- the condition is SQL text or an expression.
local CheckConstraint = class("CheckConstraint", Constraint)
CheckConstraint.__visit_name = "check_constraint"
CheckConstraint._prefix = "ck"
local check_options = known_options("not_valid", "no_inherit")

function CheckConstraint._new(condition, options, ...)
  if select("#", ...) > 0 then
    errors.raise("ArgumentError", "CheckConstraint takes one condition and a table of options")
  end
  if type(condition) ~= "string" and not (type(condition) == "table" and getmetatable(condition)) then
    errors.raise("ArgumentError", "CheckConstraint: expected SQL text or an expression, got %s",
      class.describe(condition))
  end
  local self = init(CheckConstraint, {}, options, check_options)
  self.condition = condition
  return self
end
class.seal(CheckConstraint)

--- EXCLUDE: `ExcludeConstraint({ { "room", "=" }, { "during", "&&" } }, { using=, where=, name=, ops= })`.
local ExcludeConstraint = class("ExcludeConstraint", Constraint)
ExcludeConstraint.__visit_name = "exclude_constraint"
ExcludeConstraint._prefix = "ex"
local exclude_options = known_options("using", "where", "ops")

function ExcludeConstraint._new(elements, options)
  if type(elements) ~= "table" or getmetatable(elements) or #elements == 0 then
    errors.raise("ArgumentError", "ExcludeConstraint: expected a sequence of { element, operator }")
  end
  for i, pair in ipairs(elements) do
    if type(pair) ~= "table" or pair[1] == nil then
      errors.raise("ArgumentError", "ExcludeConstraint: element %d: expected { element, operator }", i)
    end
    constraints.check_operator(pair[2], ("ExcludeConstraint: element %d"):format(i))
  end
  local self = init(ExcludeConstraint, elements, options, exclude_options)
  if self.using == nil then self.using = "gist" end
  identifiers.check_plain(self.using, "ExcludeConstraint using", "an access method")
  for _, opclass in pairs(self.ops or {}) do
    identifiers.check_plain(opclass, "ExcludeConstraint ops", "an operator class")
  end
  return self
end

function ExcludeConstraint:_resolve_columns(table)
  local columns, expressions = {}, {}
  for i, pair in ipairs(self.elements) do
    local element = pair[1]
    if type(element) == "string" or constraints.is_column(element) then
      element = table:_resolve(element, self.__name)
      columns[#columns + 1] = element
    end
    expressions[i] = element
  end
  self.expressions = expressions
  return columns
end
class.seal(ExcludeConstraint)

-- What a foreign key refers to: `{ schema=, table=, column= }` for text, or
-- the column itself. Names with dots in them come as such a table.
local function parse_target(target, where)
  if type(target) == "table" and getmetatable(target) == nil and target.table and target.column then
    return { schema = target.schema, table = target.table, column = target.column }
  end
  if constraints.is_column(target) then
    if not target.table then
      errors.raise("ArgumentError", "%s: column '%s' belongs to no table", where, tostring(target.name))
    end
    return target._mapped or target
  end
  if type(target) ~= "string" then
    errors.raise("ArgumentError", "%s: expected \"table.column\" or a column, got %s", where,
      class.describe(target))
  end
  local parts = {}
  for part in (target .. "."):gmatch("([^.]*)%.") do
    if part == "" then parts = {} break end
    parts[#parts + 1] = part
  end
  if #parts == 2 then return { table = parts[1], column = parts[2] } end
  if #parts == 3 then return { schema = parts[1], table = parts[2], column = parts[3] } end
  errors.raise("ArgumentError", "%s: '%s' is not of the form \"table.column\" or \"schema.table.column\"",
    where, target)
end

local function target_table_name(target)
  return constraints.is_column(target) and target.table.name or target.table
end

local function target_text(target)
  if constraints.is_column(target) then return target.table.name .. "." .. target.name end
  return (target.schema and target.schema .. "." or "") .. target.table .. "." .. target.column
end

--- FOREIGN KEY over one or more columns:
-- `ForeignKeyConstraint({ "a", "b" }, { "t.a", "t.b" }, { ondelete=, onupdate=, match=, … })`.
-- `ondelete = "SET NULL (a)"` names the columns to be set, as the database calls them.
local ForeignKeyConstraint = class("ForeignKeyConstraint", Constraint)
ForeignKeyConstraint.__visit_name = "foreign_key_constraint"
ForeignKeyConstraint._prefix = "fk"
local foreign_options = known_options("ondelete", "onupdate", "match", "use_alter", "not_valid")

function ForeignKeyConstraint._new(elements, targets, options)
  if type(elements) ~= "table" or getmetatable(elements) or type(targets) ~= "table"
    or getmetatable(targets) then
    errors.raise("ArgumentError",
      "ForeignKeyConstraint: expected a sequence of columns and one of their targets")
  end
  require_columns(elements, "ForeignKeyConstraint")
  if #elements ~= #targets then
    errors.raise("ArgumentError", "ForeignKeyConstraint: %d columns refer to %d", #elements, #targets)
  end
  local self = init(ForeignKeyConstraint, elements, options, foreign_options)
  self.ondelete = self.ondelete and delete_action(self.ondelete)
  self.onupdate = keyword(self.onupdate, referential_actions, "ForeignKey onupdate")
  self.match = keyword(self.match, match_types, "ForeignKey match")
  self.targets = {}
  for i, target in ipairs(targets) do
    self.targets[i] = parse_target(target, "ForeignKey")
    if target_table_name(self.targets[i]) ~= target_table_name(self.targets[1]) then
      errors.raise("ArgumentError", "ForeignKeyConstraint refers to several tables, '%s' and '%s'",
        target_text(self.targets[1]), target_text(self.targets[i]))
    end
  end
  return self
end

function ForeignKeyConstraint:_copy()
  local copy = Constraint._copy(self)
  copy._referred = nil
  return copy
end

-- Makes a copy refer to tables of another schema where the original referred
-- to those of its own; columns become text, to be looked up again.
function ForeignKeyConstraint:_change_schema(old, new)
  local targets = {}
  for i, target in ipairs(self.targets) do
    if constraints.is_column(target) then
      target = { schema = target.table.schema, table = target.table.name, column = target.name }
    end
    local schema = target.schema
    if schema == old then schema = new end
    targets[i] = { schema = schema, table = target.table, column = target.column }
  end
  self.targets = targets
end

function ForeignKeyConstraint:_referred_name() return target_table_name(self.targets[1]) end

function ForeignKeyConstraint:_referred_column_names()
  local names = {}
  for i, target in ipairs(self.targets) do
    names[i] = constraints.is_column(target) and target.name or target.column
  end
  return names
end

-- The table referred to, or nil as long as it is not defined. A name without a
-- schema means the metadata's default schema, else the referring table's own.
function ForeignKeyConstraint:_find_referred_table()
  local target = self.targets[1]
  if constraints.is_column(target) then return target.table end
  local metadata = self.table.metadata
  if target.schema then return metadata:_find(target.table, target.schema) end
  return metadata:_find(target.table, metadata.schema)
    or metadata:_find(target.table, self.table.schema)
end

-- The columns referred to, or nil as long as their table is not defined.
function ForeignKeyConstraint:_find_referred_columns()
  if self._referred then return self._referred end
  local referred_table = self:_find_referred_table()
  if not referred_table then return nil end
  local columns = {}
  for i, target in ipairs(self.targets) do
    columns[i] = constraints.is_column(target) and target
      or referred_table:_resolve(target.column, ("ForeignKey '%s'"):format(target_text(target)))
  end
  self._referred = columns
  return columns
end

-- One column's part of a foreign key, as `column.foreign_keys` lists it.
local Link = class("ForeignKeyLink")

--- The column referred to, or nil as long as its table is not defined.
function Link:column()
  local referred = self.constraint:_find_referred_columns()
  return referred and referred[self.position]
end
class.seal(Link)

-- Tells the columns of the foreign key about it.
function ForeignKeyConstraint:_link_columns()
  for i, column in ipairs(self.columns) do
    local links = column.foreign_keys
    links[#links + 1] = setmetatable({ constraint = self, position = i }, Link)
  end
end

--- The columns referred to, in the order of `columns`. Raises if their table
-- has not been defined.
-- @treturn table sequence of columns
function ForeignKeyConstraint:referred_columns()
  local columns = self:_find_referred_columns()
  if columns then return columns end
  local known = {}
  for _, table in ipairs(self.table.metadata:_tables()) do known[#known + 1] = table.name end
  errors.raise("InvalidRequestError",
    "foreign key '%s' of table '%s' refers to table '%s', which is not defined%s",
    target_text(self.targets[1]), self.table.name, self:_referred_name(),
    errors.did_you_mean(self:_referred_name(), known))
end

--- The table referred to.
-- @treturn Table
function ForeignKeyConstraint:referred_table()
  return self:referred_columns()[1].table
end
class.seal(ForeignKeyConstraint)

--- The foreign key of one column, given positionally to Column:
-- `ForeignKey("owners.id", { ondelete = "CASCADE" })`.
local ForeignKey = class("ForeignKey")

function ForeignKey._new(target, options)
  -- checked here, so that the message points at the column that has it wrong
  parse_target(target, "ForeignKey")
  options = errors.check_options(options, foreign_options, "ForeignKey")
  local self = setmetatable({ target = target, options = options }, ForeignKey)
  ForeignKeyConstraint._new({ "column" }, { target }, options)
  return self
end

-- The table constraint this stands for.
function ForeignKey:_constraint(column)
  return ForeignKeyConstraint._new({ column }, { self.target }, self.options)
end
class.seal(ForeignKey)

constraints.Constraint = Constraint
constraints.UniqueConstraint = UniqueConstraint
constraints.PrimaryKeyConstraint = PrimaryKeyConstraint
constraints.CheckConstraint = CheckConstraint
constraints.ExcludeConstraint = ExcludeConstraint
constraints.ForeignKeyConstraint = ForeignKeyConstraint
constraints.ForeignKey = ForeignKey

--- What `pg.*` gets: the constructors.
constraints.exports = {
  UniqueConstraint = UniqueConstraint._new,
  PrimaryKeyConstraint = PrimaryKeyConstraint._new,
  CheckConstraint = CheckConstraint._new,
  ExcludeConstraint = ExcludeConstraint._new,
  ForeignKeyConstraint = ForeignKeyConstraint._new,
  ForeignKey = ForeignKey._new,
}

return constraints
