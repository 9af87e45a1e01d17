--- Visitors for function calls, aggregates and windows.
-- @module pgvector.sql.compiler.functions

local compat = require "pgvector.compat"
local errors = require "pgvector.errors"
local identifiers = require "pgvector.sql.compiler.identifiers"
local literal = require "pgvector.types.literal"

local visit = {}

-- Functions that SQL writes without parentheses.
local bare_functions = {
  current_catalog = true, current_date = true, current_role = true, current_schema = true, current_time = true,
  current_timestamp = true, current_user = true, localtime = true, localtimestamp = true, session_user = true,
  system_user = true, user = true,
}

-- Function names are never quoted merely for being key words: "coalesce"(…)
-- is another function.
local function name_part(name)
  if name == "grouping_sets" then return "GROUPING SETS " end
  if name:find("^[%a_][%w_$]*$") then return name end
  return identifiers.quote(name)
end

-- current_timestamp(0) takes its precision as a constant only.
local function argument(c, arg, constant)
  local value = arg.__visit_name == "bind" and arg.value
  if constant and compat.is_integral(value) then return c:write(("%d"):format(value)) end
  c:constant(arg, true)
end

visit["function"] = function(c, node)
  local names, args = node.names, node.args
  if #names == 1 and #args == 0 and bare_functions[names[1]] then return c:write(names[1]) end
  for i = 1, #names do
    if i > 1 then c:write(".") end
    c:write(name_part(names[i]))
  end
  c:write("(")
  if node.is_distinct then c:write("DISTINCT ") end
  if node.star then c:write("*") end
  for i = 1, #args do
    if i > 1 then c:write(", ") end
    argument(c, args[i], #names == 1 and bare_functions[names[1]])
  end
  if node.ordering then
    c:write(" ORDER BY ")
    c:list(node.ordering, ", ")
  end
  c:write(")")
end

function visit.next_value(c, node)
  c:write("nextval(" .. literal.string(c:table_name(node.sequence)) .. ")")
end

function visit.within_group(c, node)
  c:visit(node.element)
  c:write(" WITHIN GROUP (ORDER BY ")
  c:list(node.ordering, ", ")
  c:write(")")
end

function visit.filter(c, node)
  c:visit(node.element)
  c:write(" FILTER (WHERE ")
  c:conjunction(node.conditions)
  c:write(")")
end

local function bound(c, value, unbounded)
  if value == nil then
    c:write(unbounded)
  elseif value == 0 then
    c:write("CURRENT ROW")
  elseif type(value) == "number" then
    c:write(("%d %s"):format(math.abs(value), value < 0 and "PRECEDING" or "FOLLOWING"))
  else
    c:visit(value.offset)
    c:write(" " .. value.direction)
  end
end

-- Notes a named window for the WINDOW clause of the select around it.
local function note_window(c, window)
  local frame = c.frame
  if not frame then return end
  local windows = frame.windows or {}
  frame.windows = windows
  local known = windows[window.name]
  if known == nil then
    windows[window.name], windows[#windows + 1] = window, window
  elseif not rawequal(known, window) then
    errors.raise("InvalidRequestError", "two different windows are named '%s'", window.name)
  end
end

function visit.over(c, node)
  c:visit(node.element)
  c:write(" OVER ")
  if node.window then
    note_window(c, node.window)
    return c:write(identifiers.quote(node.window.name))
  end
  visit.window(c, node)
end

function visit.window(c, node)
  c:write("(")
  local separator = ""
  if node.partition_by then
    c:write("PARTITION BY ")
    c:list(node.partition_by, ", ")
    separator = " "
  end
  if node.order_by then
    c:write(separator)
    c:write("ORDER BY ")
    -- output names do not exist inside a window
    local outer = c.in_window
    c.in_window = true
    c:list(node.order_by, ", ")
    c.in_window = outer
    separator = " "
  end
  if node.frame_mode then
    c:write(separator .. node.frame_mode .. " BETWEEN ")
    bound(c, node.frame_from, "UNBOUNDED PRECEDING")
    c:write(" AND ")
    bound(c, node.frame_to, "UNBOUNDED FOLLOWING")
    if node.exclude then c:write(" EXCLUDE " .. node.exclude) end
  end
  c:write(")")
end

return visit
