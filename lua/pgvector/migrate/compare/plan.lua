--- The operations of a comparison, in the order in which they can run.
-- @module pgvector.migrate.compare.plan

local Plan = {}
Plan.__index = Plan

-- First what others need; then everything goes that is in the way, from what
-- depends on others to what others depend on; then comes what is new, the other
-- way round; at last what nobody needs any more.
local phases = {
  "schemas", "extensions", "enums", "sequences",
  "drop_foreign_keys", "drop_indexes", "drop_constraints", "renames",
  "create_tables", "drop_computed", "add_columns", "alter_columns", "add_columns_late", "drop_columns",
  "create_constraints", "create_indexes", "create_foreign_keys", "comments",
  "drop_tables", "drop_sequences", "drop_enums",
}

--- Makes an empty plan.
function Plan.new()
  local self = setmetatable({ remarks = {}, forced = {}, references = {} }, Plan)
  for _, phase in ipairs(phases) do self[phase] = {} end
  return self
end

--- Adds an operation to a phase.
function Plan:add(phase, operation) table.insert(self[phase], operation) end

function Plan:add_all(phase, list)
  for _, operation in ipairs(list) do self:add(phase, operation) end
end

--- Adds a remark: what differs, but no operation mends.
function Plan:remark(text) table.insert(self.remarks, text) end

--- Tells of foreign keys of the database, which stand in the way of their targets' keys.
function Plan:add_references(list)
  for _, key in ipairs(list) do table.insert(self.references, key) end
end

--- Must this constraint of the database be dropped and made anew?
function Plan:is_forced(constraint) return self.forced[constraint] == true end

-- Do two sequences of columns hold the same ones?
local function same_columns(a, b)
  if #a ~= #b then return false end
  local set = {}
  for _, col in ipairs(a) do set[col] = true end
  for _, col in ipairs(b) do
    if not set[col] then return false end
  end
  return true
end

--- Foreign keys that rest on a key of the database which is about to go must be
-- dropped and made anew.
function Plan:force_references(of)
  if of.kind ~= "primary_key_constraint" and of.kind ~= "unique_constraint" then return end
  for _, key in ipairs(self.references) do
    local refers = key:_find_referred_table() == of.object.table
    if refers and same_columns(key:referred_columns(), of.object.columns) then self.forced[key] = true end
  end
end

--- All operations, in order.
function Plan:operations()
  local list = {}
  for _, phase in ipairs(phases) do
    for _, operation in ipairs(self[phase]) do list[#list + 1] = operation end
  end
  return list
end

return Plan
