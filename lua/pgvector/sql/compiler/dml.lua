--- Visitors for INSERT, UPDATE and DELETE.
-- @module pgvector.sql.compiler.dml

local chain = require "pgvector.util.chain"
local errors = require "pgvector.errors"
local identifiers = require "pgvector.sql.compiler.identifiers"
local select_list = require("pgvector.sql.compiler.select").select_list

local visit = {}

local quote = identifiers.quote
local no_names = {}

-- Runs fn with names resolved as inside a statement on these FROM elements.
local function in_frame(c, statement, froms, mode, fn)
  if statement._settings then c:need_settings(statement._settings) end
  if statement._ctes then c:define_ctes(statement._ctes) end
  local frame = c.frame
  c.frame = { froms = froms, labels = no_names, names = no_names, parent = mode ~= "cte" and frame or nil }
  fn()
  c.frame = frame
end

local function returning(c, statement, mode, unique)
  if not statement._returning then return end
  local columns, opaque = statement:_selected(unique)
  if mode == "top" and not opaque then c.columns = columns end
  c:write(" RETURNING ")
  select_list(c, columns)
end

-- Writes what fn writes with columns bare of their tables.
local function bare(c, fn)
  local before = c.bare
  c.bare = true
  fn()
  c.bare = before
end

-- INSERT -----------------------------------------------------------------------

local function column_names(c, columns)
  for i, column in ipairs(columns) do
    if i > 1 then c:write(", ") end
    c:write(quote(column.name))
  end
end

-- Adds the names of the parameters among what was written.
local function add_parameters(names, written, length)
  for i = 1, length do
    local piece = written[i]
    if type(piece) == "table" and piece.key then names[piece.key] = true end
  end
end

-- The names of the parameters that a statement has by itself, in its CTEs as well:
-- a row's keys of these names are their values, the others are columns.
local function own_parameters(c, statement)
  local keys, describing, ctes, nested, names = c.keys, c.describing, c.cte_list, c.nested, {}
  c.keys, c.describing, c.cte_list, c.nested = nil, true, nil, nil
  add_parameters(names, c:capture(c.visit, statement))
  for _, list in ipairs{ c.cte_list or no_names, c.nested or no_names } do
    for _, cte in ipairs(list) do add_parameters(names, cte.buf, cte.n) end
  end
  c.keys, c.describing, c.cte_list, c.nested = keys, describing, ctes, nested
  return names
end

local function row_keys(c, statement)
  if not c.keys then return nil end
  local own, keys = own_parameters(c, statement), {}
  for _, key in ipairs(c.keys) do
    if not own[key] then keys[#keys + 1] = key end
  end
  return keys
end

local function insert_values(c, statement)
  local columns, rows = statement:_assignments(row_keys(c, statement))
  if #columns == 0 and #rows <= 1 then return c:write(" DEFAULT VALUES") end
  if #columns == 0 then
    errors.raise("InvalidRequestError", "insert: several rows without any value")
  end
  c:write(" (")
  column_names(c, columns)
  c:write(") VALUES ")
  for i, row in ipairs(rows) do
    c:write(i == 1 and "(" or ", (")
    c:list(row, ", ")
    c:write(")")
  end
end

local function index_element(c, element)
  if element.__visit_name == "column" or element.__visit_name == "function" then return c:visit(element) end
  c:write("(")
  c:visit(element)
  c:write(")")
end

local function on_conflict(c, conflict)
  c:write(" ON CONFLICT")
  if conflict.constraint then
    c:write(" ON CONSTRAINT ")
    c:write(quote(conflict.constraint))
  elseif conflict.elements then
    bare(c, function()
      c:write(" (")
      for i, element in ipairs(conflict.elements) do
        if i > 1 then c:write(", ") end
        index_element(c, element)
      end
      c:write(")")
      if conflict.index_where then
        c:write(" WHERE ")
        c:conjunction(conflict.index_where)
      end
    end)
  end
  if not conflict.set then return c:write(" DO NOTHING") end
  c:write(" DO UPDATE SET ")
  for i, assignment in ipairs(conflict.set) do
    if i > 1 then c:write(", ") end
    c:write(quote(assignment[1].name))
    c:write(" = ")
    c:visit(assignment[2])
  end
  if conflict.where then
    c:write(" WHERE ")
    c:conjunction(conflict.where)
  end
end

function visit.insert(c, statement, mode, unique)
  in_frame(c, statement, { statement._table }, mode, function()
    c:write("INSERT INTO ")
    c:visit(statement._table)
    if statement._select then
      local columns, query = statement:_select_with_defaults()
      c:write(" (")
      column_names(c, columns)
      c:write(") ")
      local frame = c.frame
      c.frame = nil
      c:visit(query)
      c.frame = frame
    else
      insert_values(c, statement)
    end
    if statement._conflict then on_conflict(c, statement._conflict) end
    returning(c, statement, mode, unique)
  end)
end

-- UPDATE and DELETE ------------------------------------------------------------

local function guard(c, statement, verb)
  if statement._where or statement._all_rows or c.describing then return end
  errors.raise("InvalidRequestError", "%s of %s has no condition: add :where(…), or :all_rows() if every row is meant",
    verb, statement._table:_describe())
end

local function extra_froms(c, keyword, froms)
  if #froms == 0 then return end
  c:write(keyword)
  c:list(froms, ", ")
end

-- All FROM elements of an UPDATE or DELETE.
local function with_table(c, statement, froms, where)
  local list = { statement._table }
  for _, from in ipairs(froms) do list[#list + 1] = from end
  if #list > 1 then c:check_joined(list, where) end
  return list
end

-- The conditions, with those that tie FROM elements together.
local function with_links(statement, links)
  return links and chain.append(chain.append(nil, links), chain.items(statement._where) or {}) or statement._where
end

local function write_where(c, where)
  if not where then return end
  c:write(" WHERE ")
  c:conjunction(chain.items(where))
end

local function assignments(c, statement)
  local list = statement:_assignments(row_keys(c, statement))
  if #list == 0 and not c.describing then
    errors.raise("InvalidRequestError", "update of %s sets nothing: add :values{…}", statement._table:_describe())
  end
  for i, assignment in ipairs(list) do
    if i > 1 then c:write(", ") end
    c:write(quote(assignment[1].name))
    c:write("=")
    c:operand(assignment[2], 0)
  end
end

function visit.update(c, statement, mode, unique)
  guard(c, statement, "update")
  local froms, links = statement:_extra_froms()
  local where = with_links(statement, links)
  in_frame(c, statement, with_table(c, statement, froms, where), mode, function()
    c:write("UPDATE ")
    c:visit(statement._table)
    c:write(" SET ")
    assignments(c, statement)
    extra_froms(c, " FROM ", froms)
    write_where(c, where)
    returning(c, statement, mode, unique)
  end)
end

function visit.delete(c, statement, mode, unique)
  guard(c, statement, "delete")
  local froms, links = statement:_extra_froms()
  local where = with_links(statement, links)
  in_frame(c, statement, with_table(c, statement, froms, where), mode, function()
    c:write("DELETE FROM ")
    c:visit(statement._table)
    extra_froms(c, " USING ", froms)
    write_where(c, where)
    returning(c, statement, mode, unique)
  end)
end

return visit
