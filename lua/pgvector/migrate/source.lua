--- Values as Lua source, for revision files: strings, tables, column types,
-- columns, constraints, SQL expressions. `pg` is the library there, `op` the
-- operations; nothing else is needed to run what is written here.
-- @module pgvector.migrate.source

local class = require "pgvector.class"
local column = require "pgvector.sql.column"
local compiler = require "pgvector.sql.compiler"
local constraints = require "pgvector.sql.constraints"
local core = require "pgvector.core"
local ddl = require "pgvector.sql.ddl"
local errors = require "pgvector.errors"
local literal = require "pgvector.types.literal"
local naming = require "pgvector.sql.naming"
local types = require "pgvector.types"

local source = {}

local WIDTH = 100 -- what does not fit is broken into lines
local STEP = "  "

local reserved = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat return then
    true until while]]):gmatch("%a+") do
  reserved[word] = true
end

---- strings and tables -----------------------------------------------------------

local escapes = { ["\\"] = "\\\\", ['"'] = '\\"', ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

--- A string constant on one line, the same on every Lua.
-- @treturn string
function source.string(s)
  return '"' .. s:gsub('[\\"%c]', function(c) return escapes[c] or ("\\%03d"):format(c:byte()) end) .. '"'
end

local function key_source(key)
  if type(key) == "number" then return ("[%s]"):format(literal.digits(key)) end
  if key:find("^[%a_][%w_]*$") and not reserved[key] then return key end
  return "[" .. source.string(key) .. "]"
end

-- Joins pieces between an opening and a closing one: on one line if it fits
-- behind `column` characters and none has several lines, else one piece a line.
local function enclosed(open, pieces, close, indent, column_)
  if #pieces == 0 then return open .. close end
  local in_braces = close == "}"
  local padding = in_braces and " " or ""
  local line = open .. padding .. table.concat(pieces, ", ") .. padding .. close
  if #indent + (column_ or 0) + #line <= WIDTH and not line:find("\n", 1, true) then return line end
  local inner = indent .. STEP
  return open .. "\n" .. inner .. table.concat(pieces, ",\n" .. inner) .. (in_braces and "," or "") .. "\n"
    .. indent .. close
end

local function longest_line(text, indent)
  local longest, first = 0, #indent
  for line in (text .. "\n"):gmatch("([^\n]*)\n") do
    longest, first = math.max(longest, #line + first), 0
  end
  return longest
end

-- A call with arguments of which tables break into lines where they must; each
-- argument on a line of its own if that is not enough.
local function call(open, arguments, indent, column_)
  local parts, at = {}, #open + (column_ or 0)
  for i, argument in ipairs(arguments) do
    local piece = argument(indent, at + 2)
    parts[i] = piece
    local last = piece:match("\n%s*([^\n]*)$")
    at = (last and #last or at + #piece) + 2
  end
  local text = open .. table.concat(parts, ", ") .. ")"
  if longest_line(text, indent) <= WIDTH then return text end
  local inner, pieces = indent .. STEP, {}
  for i, argument in ipairs(arguments) do pieces[i] = argument(inner, 1) end
  return enclosed(open, pieces, ")", indent, column_)
end

local function sorted_keys(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b)
    if type(a) == type(b) then return a < b end
    return type(a) == "number"
  end)
  return keys
end

-- A plain table: its sequence, then its named fields, in the order of `order`
-- or by name.
local function table_source(t, indent, order, column_)
  local pieces, inner = {}, indent .. STEP
  local n = #t
  for i = 1, n do pieces[i] = source.value(t[i], inner) end
  local keys = {}
  for _, key in ipairs(order or sorted_keys(t)) do
    local in_sequence = type(key) == "number" and key >= 1 and key <= n and key % 1 == 0
    if not in_sequence and t[key] ~= nil then keys[#keys + 1] = key end
  end
  for _, key in ipairs(keys) do
    local name = key_source(key) .. " = "
    pieces[#pieces + 1] = name .. source.value(t[key], inner, #name + 1)
  end
  return enclosed("{", pieces, "}", indent, column_)
end

-- Arguments of a call: values, options unless there are none, source text.
local function of_value(x) return function(indent, at) return source.value(x, indent, at) end end
local function of_options(options, order)
  return function(indent, at) return table_source(options, indent, order, at) end
end
local function of_text(text) return function() return text end end

---- types ------------------------------------------------------------------------

local type_arguments = {
  Enum = function(t, indent)
    local options = { name = t.name, schema = t.schema }
    for i, label in ipairs(t.enums) do options[i] = label end
    return table_source(options, indent, { "name", "schema" })
  end,
  ARRAY = function(t, indent)
    local elem = source.type(t.elem, indent)
    return ("(%s%s)"):format(elem, t.dimensions and (", { dimensions = %d }"):format(t.dimensions) or "")
  end,
  Numeric = function(t)
    if not t.precision then return "" end
    return t.scale and ("(%d, %d)"):format(t.precision, t.scale) or ("(%d)"):format(t.precision)
  end,
  Float = function(t) return t.precision and ("(%d)"):format(t.precision) or "" end,
  String = function(t) return t.length and ("(%d)"):format(t.length) or "" end,
  DateTime = function(t) return t.timezone and "{ timezone = true }" or "" end,
  Type = function(t) return "(" .. source.string(t.ddl_name) .. ")" end,
  VECTOR = function(t) return t.dim and ("(%d)"):format(t.dim) or "" end,
}
type_arguments.CHAR, type_arguments.Time = type_arguments.String, type_arguments.DateTime
for _, name in ipairs{ "HALFVEC", "SPARSEVEC", "BIT" } do type_arguments[name] = type_arguments.VECTOR end

--- A column type: `pg.VECTOR(3)`. Of a decorated type, the one that is stored.
-- @treturn string
function source.type(t, indent)
  while t.impl do t = t.impl end
  local name = t.public_name
  if t == types.NULLTYPE or not name then
    errors.raise("InvalidRequestError", "a column without a type cannot be written into a revision")
  end
  local arguments = type_arguments[name]
  return "pg." .. name .. (arguments and arguments(t, indent or "") or "")
end

---- expressions ------------------------------------------------------------------

-- SQL text that pg.text leaves as it is.
local function text_call(sql) return "pg.text(" .. source.string(sql) .. ")" end

local order_methods = {
  [" ASC"] = ":asc()", [" DESC"] = ":desc()", [" NULLS FIRST"] = ":nulls_first()", [" NULLS LAST"] = ":nulls_last()",
}

-- An expression, as text in which columns stand without their table.
local function expression(x, indent)
  local kind = x.__visit_name
  if kind == "ordering" then
    local method = order_methods[x.suffix]
    if method then return source.expression(x.element, indent) .. method end
  elseif kind == "label" then
    return source.expression(x.element, indent) .. ":label(" .. source.string(x.name) .. ")"
  end
  return text_call(source.sql_text(x))
end

--- An expression of an index or a condition; a column is its name.
function source.expression(x, indent)
  if x.__visit_name == "column" then
    if x.type == types.NULLTYPE then return "pg.column(" .. source.string(x.name) .. ")" end
    return ("pg.column(%s, %s)"):format(source.string(x.name), source.type(x.type, indent))
  end
  return expression(x, indent)
end

--- SQL text, or the text of an expression or a query, in which columns stand
-- without their table and values as constants.
-- @param x
-- @tparam[opt] string what what the message calls it
-- @treturn string
function source.sql_text(x, what)
  if type(x) == "string" then return x end
  if type(x) == "table" and x.__visit_name then
    return compiler.compile(x, { bare = not x._is_query or nil, literal_binds = true }).sql
  end
  errors.raise("ArgumentError", "%s: expected SQL text or an expression, got %s", what or "a condition",
    class.describe(x))
end

---- columns ----------------------------------------------------------------------

local number_options = { "start", "increment", "minvalue", "maxvalue", "cache", "cycle" }

-- The options of an identity or a sequence.
local function numbering(of, indent, ...)
  local options, order = {}, { ... }
  for _, name in ipairs(number_options) do order[#order + 1] = name end
  for _, name in ipairs(order) do options[name] = of[name] end
  return table_source(options, indent, order)
end

-- What stands in `server_default`.
local function server_default(col, indent)
  local value = col.server_default
  if type(value) ~= "table" then return source.value(value, indent) end
  return text_call((ddl.column_default(col):compile()))
end

local function column_source(col, indent, column_)
  local inner = indent .. STEP
  local pieces = { source.string(col.name), source.type(col.type, inner) }
  local function add(piece) pieces[#pieces + 1] = piece end
  if col.computed then
    add("pg.Computed(" .. source.string(source.sql_text(col.computed.expression))
      .. (col.computed.stored and "" or ", { stored = false }") .. ")")
  elseif col.identity then
    local options = numbering({ always = col.identity.always or nil, start = col.identity.start,
      increment = col.identity.increment, minvalue = col.identity.minvalue, maxvalue = col.identity.maxvalue,
      cache = col.identity.cache, cycle = col.identity.cycle }, inner, "always")
    add("pg.Identity(" .. (options == "{}" and "" or options) .. ")")
  elseif col.sequence then
    local options = numbering(col.sequence, inner, "schema")
    add("pg.Sequence(" .. source.string(col.sequence.name) .. (options ~= "{}" and ", " .. options or "") .. ")")
  end
  for _, key in ipairs(col._foreign_keys) do add(source.value(key, inner)) end
  if col.primary_key then
    add("primary_key = true")
  elseif not col.nullable then
    add("nullable = false")
  end
  -- a whole-number key would be numbered by the server otherwise
  if col.identity == false or col.primary_key and col:_wants_identity() then add("identity = false") end
  if col.unique then add("unique = true") end
  if col.index then add("index = true") end
  if col.server_default ~= nil then add("server_default = " .. server_default(col, inner)) end
  if col.comment then add("comment = " .. source.string(col.comment)) end
  return enclosed("pg.Column{", pieces, "}", indent, column_)
end

---- constraints ------------------------------------------------------------------

local constraint_options = {
  "name", "deferrable", "initially", "nulls_not_distinct", "include", "not_valid", "no_inherit", "using", "where",
  "ops", "ondelete", "onupdate", "match", "comment",
}

-- What a constraint's elements are called: names.
local function element_names(elements)
  local names = {}
  for i, element in ipairs(elements) do names[i] = type(element) == "string" and element or element.name end
  return names
end

-- The name that an index or a constraint has or will have.
local function name_of(item)
  local explicit = item._explicit_name
  return item.name or naming.is_final(explicit) and explicit.text or explicit
end

-- The options of a constraint that it was made with, or got since.
local function options_of(constraint)
  local options = {}
  for _, name in ipairs(constraint_options) do
    local value = constraint[name]
    if value ~= nil and value ~= false or name == "deferrable" then options[name] = value end
  end
  options.name = name_of(constraint)
  if options.include then options.include = element_names(options.include) end
  if type(options.where) == "table" then options.where = source.sql_text(options.where) end
  return options
end

--- What a foreign key refers to, as text: `schema.table.column`.
-- @treturn table sequence of strings
function source.targets(key)
  local targets = {}
  for i, target in ipairs(key.targets) do
    local is_column = constraints.is_column(target)
    local schema, name = target.schema, target.column
    local table_name = target.table
    if is_column then schema, table_name, name = target.table.schema, target.table.name, target.name end
    -- a name without a schema may have been found in that of its table
    local referred = schema == nil and key.table and key:_find_referred_table()
    if referred then schema = referred.schema end
    targets[i] = (schema and schema .. "." or "") .. table_name .. "." .. name
  end
  return targets
end

local function columns_of(constraint)
  return element_names(constraint.columns and #constraint.columns > 0 and constraint.columns or constraint.elements)
end

local constraint_arguments = {
  primary_key_constraint = function(c) return "pg.PrimaryKeyConstraint(", columns_of(c) end,
  unique_constraint = function(c) return "pg.UniqueConstraint(", columns_of(c) end,
  check_constraint = function(c) return "pg.CheckConstraint(", { source.sql_text(c.condition) } end,
  foreign_key_constraint = function(c)
    return "pg.ForeignKeyConstraint(", { columns_of(c), source.targets(c) }
  end,
  exclude_constraint = function(c)
    local elements = {}
    for i, pair in ipairs(c.elements) do
      local element = c.expressions and c.expressions[i] or pair[1]
      if type(element) == "table" and constraints.is_column(element) then element = element.name end
      elements[i] = { element, pair[2] }
    end
    return "pg.ExcludeConstraint(", { elements }
  end,
}

local function add_options(arguments, options, order)
  if next(options) ~= nil then arguments[#arguments + 1] = of_options(options, order) end
  return arguments
end

local function constraint_source(constraint, indent, column_)
  local open, values = constraint_arguments[constraint.__visit_name](constraint)
  local arguments = {}
  for i, value in ipairs(values) do arguments[i] = of_value(value) end
  return call(open, add_options(arguments, options_of(constraint), constraint_options), indent, column_)
end

local index_options = {
  "unique", "using", "metric", "ops", "with", "include", "where", "nulls_not_distinct", "tablespace", "concurrently",
  "comment",
}

local function index_source(index, indent, column_)
  local options = {}
  local arguments = { of_value(name_of(index)) }
  for _, element in ipairs(index.elements or index._arguments) do
    local is_column = type(element) == "table" and constraints.is_column(element)
    arguments[#arguments + 1] = of_value(is_column and element.name or element)
  end
  for _, name in ipairs(index_options) do
    local value = index[name]
    if not (type(value) == "table" and next(value) == nil) then options[name] = value end
  end
  if options.include then options.include = element_names(options.include) end
  if type(options.where) == "table" then options.where = source.sql_text(options.where) end
  return call("pg.Index(", add_options(arguments, options, index_options), indent, column_)
end

local function foreign_key_source(key, indent, column_)
  local target = key.target
  if constraints.is_column(target) then
    target = (target.table.schema and target.table.schema .. "." or "") .. target.table.name .. "." .. target.name
  end
  return call("pg.ForeignKey(", add_options({ of_value(target) }, key.options or {}), indent, column_)
end

-- A table as rows are inserted into it: its name and its columns.
local function from_source(tbl, indent, column_)
  local arguments = { of_value(tbl.name) }
  for _, col in ipairs(tbl:_columns()) do arguments[#arguments + 1] = of_text(source.expression(col, indent)) end
  return call("pg.table(", arguments, indent, column_)
end

---- any value --------------------------------------------------------------------

local vector_constructors = { vector = "vector", halfvec = "halfvec", sparsevec = "sparsevec", bit = "bit" }

local function object_source(x, indent, column_)
  if types.is_type(x) then return source.type(x, indent) end
  if naming.is_final(x) then return source.string(x.text) end
  if class.is(x, column.Column) then return column_source(x, indent, column_) end
  if class.is(x, constraints.Constraint) then return constraint_source(x, indent, column_) end
  if class.is(x, constraints.ForeignKey) then return foreign_key_source(x, indent, column_) end
  if x.__visit_name == "index" then return index_source(x, indent, column_) end
  if class.is(x, column.Identity) then
    local options = numbering(x, indent, "always")
    return "pg.Identity(" .. (options == "{ always = false }" and "" or options) .. ")"
  end
  if x._is_from then return from_source(x, indent, column_) end
  if x._is_expression then return source.expression(x, indent) end
  if compiler.is_executable(x) then return text_call(compiler.compile(x, { literal_binds = true }).sql) end
  errors.raise("InvalidRequestError", "%s cannot be written into a revision", class.describe(x))
end

--- Any value that an operation can have.
-- @param x
-- @tparam[opt] string indent what stands before further lines
-- @tparam[opt] number column_ how many characters stand before it on its line
-- @treturn string
function source.value(x, indent, column_)
  indent = indent or ""
  if x == nil then return "nil" end
  if x == core.null then return "pg.null" end
  if type(x) == "string" then return source.string(x) end
  if type(x) == "number" then return literal.digits(x) end
  if type(x) == "boolean" then return tostring(x) end
  local vector = vector_constructors[core.value_type(x)]
  if vector then return ("pg.%s(%s)"):format(vector, source.string(tostring(x))) end
  if type(x) ~= "table" then
    errors.raise("InvalidRequestError", "a %s cannot be written into a revision", type(x))
  end
  if getmetatable(x) == nil then return table_source(x, indent, nil, column_) end
  return object_source(x, indent, column_)
end

--- A call: `name(argument, …, { options })`.
-- @tparam string name
-- @tparam table arguments sequence; `pg.null` stands for one that is left out
-- @tparam table options
-- @tparam table order the names of the options
-- @tparam[opt] string indent
-- @treturn string
function source.call(name, arguments, options, order, indent)
  indent = indent or ""
  local list = {}
  for _, argument in ipairs(arguments) do
    if argument ~= core.null then list[#list + 1] = of_value(argument) end
  end
  if #list == 0 and next(options) ~= nil then return name .. table_source(options, indent, order, #name) end
  return call(name .. "(", add_options(list, options, order), indent)
end

return source
