--- Values as constants where nothing beside them tells the server their type: in
-- a select list, in CASE, VALUES and ARRAY, as arguments of functions. A parameter
-- is sent with its type, a constant gets a cast.
-- @module pgvector.sql.compiler.constants

local constants = {}

-- Constants of these types have them by themselves if they look so.
local own_type = { int4 = "^-?%d+$", bool = "^%l", numeric = "^-?%d+%.%d+$" }

-- Is the type one that a parameter would be sent with?
local function is_declared(type_)
  local elem = type_.elem
  return type_.oid ~= nil or type_.type_name ~= nil or elem ~= nil and (elem.oid ~= nil or elem.type_name ~= nil)
end

-- The type's name without a length, to which a cast would cut the value.
local function cast_name(c, type_)
  if type_.kind == "bit" then return '"bit"' end -- BIT is BIT(1)
  local name = c:type_name(type_)
  if type_.family == "string" or type_.kind == "numeric" or type_.kind == "varbit" then
    name = name:gsub("%b()", ""):gsub("^CHAR$", "bpchar")
  end
  return name
end

local function needs_cast(type_, text, any_type)
  if not is_declared(type_) then return false end
  if type_.elem and text ~= "NULL" then return false end -- ARRAY[…]::TYPE[]
  if type_.kind == "text" and type_.oid == 25 then return any_type end
  local pattern = own_type[type_.kind]
  return not (pattern and text:find(pattern))
end

--- Writes a node; if it is a value, with its type.
-- @tparam table c compiler
-- @tparam table node
-- @tparam[opt] boolean any_type true where text needs its type as well: in a
--   function's argument that may be of any
function constants.write(c, node, any_type)
  local inner = node.__visit_name == "label" and node.element or node
  c:visit(node)
  if inner.__visit_name ~= "bind" or not c.literal_binds then return end
  local type_, text = inner.type, c.buf[c.n]
  if c.literal_binds == "ddl" and (type_.family ~= "vector" or text == "NULL") then return end
  if not needs_cast(type_, text, any_type) then return end
  if text:sub(1, 1) == "-" then text = "(" .. text .. ")" end
  c.buf[c.n] = text .. "::" .. cast_name(c, type_)
end

--- Writes a value beside an operator, with its type.
function constants.operand(c, node)
  local before = c.n
  constants.write(c, node)
  local text = c.buf[c.n]
  -- `--` would start a comment
  if c.n == before + 1 and type(text) == "string" and text:sub(1, 1) == "-" then c.buf[c.n] = "(" .. text .. ")" end
end

return constants
