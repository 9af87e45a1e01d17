--- Statements to SQL text: `compile` walks the nodes and hands each to the
-- visitor of its `__visit_name`.
--
-- Visitors write strings and parameter nodes into one buffer; at the end the
-- parameters are numbered in the order in which they stand in the text. One
-- parameter object is one `$n`, however often it occurs.
-- @module pgvector.sql.compiler

local chain = require "pgvector.util.chain"
local defaults = require "pgvector.sql.defaults"
local errors = require "pgvector.errors"
local constants = require "pgvector.sql.compiler.constants"
local identifiers = require "pgvector.sql.compiler.identifiers"
local products = require "pgvector.sql.compiler.products"
local SchemaMap = require "pgvector.sql.schema_map"

local compiler = {}

local quote = identifiers.quote

-- The most parameters that the protocol allows in one statement.
local MAX_PARAMETERS = 65535

local visitors, none = {}, {}
local run

--- Adds visitors: functions `(c, node, …)` by `__visit_name`.
-- @tparam table more
function compiler.register(more)
  for name, visitor in pairs(more) do visitors[name] = visitor end
end

compiler.register(require "pgvector.sql.compiler.expressions")
compiler.register(require "pgvector.sql.compiler.functions")
compiler.register(require "pgvector.sql.compiler.select")
compiler.register(require "pgvector.sql.compiler.from")
compiler.register(require "pgvector.sql.compiler.dml")

-- The state of one compilation -----------------------------------------------------

local Compiler = {}
Compiler.__index = Compiler

local function new(options, map, reserved)
  return setmetatable({
    buf = {}, n = 0, anonymous = {}, counters = {}, names = {}, reserved = reserved,
    literal_binds = options.literal_binds, keys = options.keys, bare = options.bare,
    describing = options.describing, schema_map = map,
  }, Compiler)
end

--- Writes a piece of text, or a parameter node.
function Compiler:write(piece)
  local n = self.n + 1
  self.n = n
  self.buf[n] = piece
end

--- Writes a node.
function Compiler:visit(node, ...)
  local visitor = visitors[node.__visit_name]
  if not visitor then
    errors.raise("InvalidRequestError", "cannot compile %s", tostring(node.__visit_name))
  end
  return visitor(self, node, ...)
end

-- Write a node where nothing tells the type of a value: see pgvector.sql.compiler.constants.
Compiler.constant, Compiler.constant_operand = constants.write, constants.operand

--- Writes a node as an operand: in parentheses if it binds less tightly than `limit`.
function Compiler:operand(node, limit)
  local prec = node.prec
  if prec and prec < limit
      or self.literal_binds and node.__visit_name == "bind" and type(node.value) == "number" and node.value < 0 then
    self:write("(")
    self:visit(node)
    self:write(")")
  else
    self:visit(node)
  end
end

--- Writes nodes with a separator between them.
function Compiler:list(nodes, separator)
  for i = 1, #nodes do
    if i > 1 then self:write(separator) end
    self:visit(nodes[i])
  end
end

--- Writes conditions joined by AND.
function Compiler:conjunction(conditions)
  local count = #conditions
  if count == 1 then return self:visit(conditions[1]) end
  for i = 1, count do
    if i > 1 then self:write(" AND ") end
    local condition = conditions[i]
    -- an AND within the AND needs no parentheses
    self:operand(condition, 2)
  end
end

--- Writes into another buffer while `fn` runs.
-- @treturn table the buffer
-- @treturn integer its length
function Compiler:capture(fn, ...)
  local buf, n = self.buf, self.n
  self.buf, self.n = {}, 0
  fn(self, ...)
  local captured, length = self.buf, self.n
  self.buf, self.n = buf, n
  return captured, length
end

--- Writes what `capture` gave.
function Compiler:paste(captured, length)
  for i = 1, length do self:write(captured[i]) end
end

--- Lets `fn(compiler, …)` write in front of what was written since `start`, a
-- former `n`: what a clause needs may be known only behind it.
function Compiler:before(start, fn, ...)
  local body, length = {}, self.n - start
  for i = 1, length do body[i] = self.buf[start + i] end
  self.n = start
  fn(self, ...)
  self:paste(body, length)
end

--- A name for something that has none: `anon_1`, `items_2`. `names` holds those
-- that FROM elements have by themselves as far as they are written, `reserved`
-- all of them.
function Compiler:anonymous_name(object, stem)
  local name = self.anonymous[object]
  if not name then
    local number, reserved = self.counters[stem] or 0, self.reserved or self.names
    repeat
      number = number + 1
      name = identifiers.truncate(stem .. "_" .. number)
    until not reserved[name]
    self.counters[stem] = number
    self.anonymous[object] = name
  end
  return name
end

-- Was a name made up that is another's, who came later?
function Compiler:is_ambiguous()
  for _, name in next, self.anonymous do
    if self.names[name] then return true end
  end
  return false
end

--- The name of an alias, CTE or table function, not yet quoted.
function Compiler:alias_name(from)
  if from.name then return from.name end
  local element = from.element
  local stem = element and element._is_from and element.name or "anon"
  while from.restated do from = from.restated end -- the steps of one recursive CTE
  return self:anonymous_name(from, stem)
end

--- The schema that stands in for one.
function Compiler:schema(schema)
  if self.schema_map then return self.schema_map:translate(schema) end
  return schema
end

--- A table's name with its schema.
function Compiler:table_name(tbl) return SchemaMap.qualified(self.schema_map, tbl) end

--- A type's name, its schema translated too.
function Compiler:type_name(type_) return type_:_ddl(self.schema_map) end

--- The text of a statement that stands within another as a whole, with its
-- values as constants: a view's.
function Compiler:whole(statement)
  return run(statement, { literal_binds = true }, self.schema_map).sql
end

--- What stands before the dot of a column.
function Compiler:qualifier(from)
  if from.__visit_name == "table" then return self:table_name(from) end
  return quote(self:alias_name(from))
end

-- Notes the search parameters of a statement, wherever in the whole it stands:
-- of two numbers for one the greater serves both.
function Compiler:need_settings(settings)
  local needed = self.settings or {}
  self.settings = needed
  for _, setting in ipairs(chain.items(settings)) do
    local name, value = setting.name, setting.value
    local known = needed[name]
    if not known then
      known = { name = name, value = value }
      needed[name], needed[#needed + 1] = known, known
    elseif type(value) == "number" then
      known.value = math.max(known.value, value)
    elseif known.value ~= value then
      errors.raise("InvalidRequestError", "one part of the statement needs %s = %s, another one %s", name,
        known.value, value)
    end
  end
end

--- Notes what is wrong if nothing joins several FROM elements.
-- @tparam table froms
-- @tparam ?table where a chain of conditions
-- @tparam ?string advice
function Compiler:check_joined(froms, where, advice)
  if self.describing then return end
  local message = products.find(froms, chain.items(where))
  if message then self.warnings = chain.append(self.warnings, { message .. (advice or "") }) end
end

--- Puts a CTE into the WITH clause, unless it is there.
function Compiler:define_cte(cte) visitors.cte_definition(self, cte) end

--- The same with those that a statement was given by `add_cte`, wherever it stands.
-- @tparam ?table ctes a chain
function Compiler:define_ctes(ctes)
  for _, cte in ipairs(chain.items(ctes) or none) do self:define_cte(cte) end
end

-- Numbers the parameters and joins the pieces.
function Compiler:finish()
  local buf, binds, numbers, named = self.buf, {}, {}, {}
  for i = 1, self.n do
    local piece = buf[i]
    if type(piece) == "table" then
      local number = numbers[piece]
      if not number then
        number = self:number(piece, binds, named)
        numbers[piece] = number
      end
      buf[i] = number
    end
  end
  if #binds > MAX_PARAMETERS then
    errors.raise("InvalidRequestError", "the statement has %d parameters, the protocol allows %d: "
      .. "give the rows to execute() as a list, or use copy_in", #binds, MAX_PARAMETERS)
  end
  return table.concat(buf, "", 1, self.n), binds
end

-- Two nodes of one name are one parameter.
function Compiler:number(bind, binds, named)
  local key = bind.key
  local index = key and named[key]
  if index then
    local first = binds[index]
    if not rawequal(first.value, bind.value) then
      errors.raise("InvalidRequestError", "two different parameters are named '%s'", key)
    end
    if first.type.family == "unknown" then
      binds[index] = bind
    elseif bind.type.family ~= "unknown" and tostring(first.type) ~= tostring(bind.type) then
      errors.raise("InvalidRequestError", "parameter '%s' has type %s in one place and %s in another", key,
        tostring(first.type), tostring(bind.type))
    end
  else
    index = #binds + 1
    binds[index] = bind
    if key then named[key] = index end
  end
  return "$" .. index
end

-- Entry points ---------------------------------------------------------------------

-- With the WITH clause in front, which is known only at the end.
local function compile_statement(c, statement)
  local body, length = c:capture(c.visit, statement, "top")
  if c.nested then visitors.nested_with(c, c.n, "top") end
  if c.head then c:write(c.head) end -- of a statement that a query ends
  if c.cte_list then visitors.with_clause(c) end
  c:paste(body, length)
end

-- The schema map that a statement brings along.
local function own_map(statement)
  local options = statement._execution_options
  return options and options.schema_translate_map
end

local function written(statement, options, map, reserved)
  local c = new(options, map, reserved)
  -- `function(from)`: conditions for the rows of a FROM element, in the statement
  -- itself and in all queries inside it
  c.row_criteria = statement._row_criteria
  if statement._kind == "ddl" then c.literal_binds = "ddl" end
  compile_statement(c, statement)
  return c
end

function run(statement, options, map)
  local c, kind = written(statement, options, map), statement._kind
  -- once more, now that all names are known: few statements need that
  if c:is_ambiguous() then c = written(statement, options, map, c.names) end
  for _, comment in ipairs(chain.items(statement._comments) or none) do c:write(" /* " .. comment .. " */") end
  local sql, binds = c:finish()
  return {
    sql = sql, binds = binds, columns = c.columns, kind = kind or "expression", settings = c.settings,
    returning = statement._returning ~= nil, schema_map = map, warnings = chain.items(c.warnings),
    parameter_names = nil, -- a set, once it is needed
  }
end

local plain, no_params = {}, {}

local compile_options = { literal_binds = true, schema_translate_map = true, keys = true, bare = true }

--- Compiles a statement or an expression. Without options the result is kept:
-- on the statement, which never changes, or with the map.
-- @tparam table statement
-- @tparam[opt] table options `literal_binds`, `schema_translate_map`;
--   `keys`: the keys of the rows that an INSERT or UPDATE will be run with;
--   `bare`: columns without their table
-- @tparam ?SchemaMap map that of the connection, unless the statement has one
-- @treturn table `{ sql=, binds=, columns=, kind=, settings=, returning=, schema_map=, warnings= }`
function compiler.compile(statement, options, map)
  local own = own_map(statement)
  if options then
    errors.check_options(options, compile_options, "compile")
    local given = options.schema_translate_map
    return run(statement, options, given and SchemaMap.of(given, "compile") or own or map)
  end
  local compiled
  if map and not own then
    compiled = map.compiled[statement]
    if not compiled then
      compiled = run(statement, plain, map)
      map.compiled[statement] = compiled
    end
    return compiled
  end
  compiled = statement._compiled
  if not compiled then
    compiled = run(statement, plain, own)
    if statement._kind then statement._compiled = compiled end
  end
  return compiled
end

--- The text of a node for people: nothing is checked that only matters when
-- the statement runs.
-- @tparam table node
-- @treturn string
function compiler.describe(node)
  return run(node, { describing = true }, own_map(node)).sql
end

--- The values of a compiled statement in `$n` order; a named parameter
-- without one is a hole, a default's function is called.
-- @tparam table compiled
-- @treturn table values, with `n`
function compiler.default_values(compiled)
  local binds = compiled.binds
  local values = { n = #binds }
  for i = 1, #binds do
    local value = binds[i].value
    if type(value) == "function" then value = defaults.parameter(compiled, values, no_params, i) end
    values[i] = value
  end
  return values
end

local function check_superfluous(compiled, params)
  local names, unknown = compiled.parameter_names, nil
  if not names then
    names = {}
    for _, bind in ipairs(compiled.binds) do
      if bind.key ~= nil then names[bind.key] = true end
    end
    compiled.parameter_names = names
  end
  for name in next, params do
    if not names[name] then
      unknown = unknown or {}
      unknown[#unknown + 1] = tostring(name)
    end
  end
  if not unknown then return end
  table.sort(unknown)
  errors.raise("ArgumentError", "the statement has no parameter '%s'%s", unknown[1],
    errors.did_you_mean(unknown[1], names))
end

--- The values for one execution: named parameters from `params`, the rest
-- from the statement.
-- @tparam table compiled
-- @tparam[opt] table params by name
-- @treturn table values in `$n` order, with `n`
-- @raise StatementError for a missing name, ArgumentError for one too many
function compiler.values(compiled, params)
  if not params then params = no_params else check_superfluous(compiled, params) end
  local binds = compiled.binds
  local n = #binds
  local values = { nil, nil, nil, nil, n = n } -- room for a few
  for i = 1, n do
    local bind = binds[i]
    local value
    if bind.key ~= nil then value = params[bind.key] end
    if value == nil then
      if bind.required then
        errors.raise("StatementError", "a value is required for the parameter '%s'", bind.key)
      end
      value = bind.value
      if type(value) == "function" then value = defaults.parameter(compiled, values, params, i) end
    end
    values[i] = value
  end
  return values
end

--- Can a connection run it? Statements, text and DDL can, expressions cannot.
-- @treturn boolean
function compiler.is_executable(x)
  local mt = getmetatable(x)
  return type(mt) == "table" and rawget(mt, "_kind") ~= nil
end

return compiler
