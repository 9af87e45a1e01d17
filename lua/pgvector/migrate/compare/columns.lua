--- Columns of a table on both sides → operations.
-- @module pgvector.migrate.compare.columns

local core = require "pgvector.core"
local expressions = require "pgvector.sql.expressions"
local identifiers = require "pgvector.util.identifiers"
local literal = require "pgvector.types.literal"
local members = require "pgvector.migrate.compare.members"
local needs = require "pgvector.migrate.compare.types"
local operations = require "pgvector.migrate.operations"
local vectors = require "pgvector.migrate.compare.vectors"

local new, from = operations.new, operations.from
local quote = identifiers.quote

local columns = {}

-- Spellings of one function.
local synonyms = { CURRENT_TIMESTAMP = "now()", ["transaction_timestamp()"] = "now()" }

---- what differs -----------------------------------------------------------------

-- What a side says of a column, normalised; `false` for nothing.
local function described(scope, fact, sequence, clean)
  local default = fact.default and clean(fact.default)
  if sequence then
    default = "nextval of " .. needs.sequence_key(scope, sequence)
  end
  return {
    type = clean(fact.server_type), nullable = fact.nullable,
    default = default and (synonyms[default] or default) or false,
    identity = fact.identity and members.serialised(fact.identity) or false,
    computed = fact.computed and (fact.computed.persisted and "stored " or "virtual ")
      .. clean(fact.computed.sqltext) or false,
  }
end

-- Asks `compare_type` or `compare_server_default`: true, false, or nil for the
-- library's own answer.
local function asked(setting, col, existing, ours, theirs)
  if type(setting) == "function" then return setting(existing, col, theirs, ours) end
  if setting == false then return false end
end

local function differences(context, col, existing)
  local settings, clean, scope = context.scope.settings, context.clean, context.scope
  local theirs_fact = context.database_columns[col.name]
  local our_fact = context.understood.columns[col.name]
  -- text may call nextval, too
  local ours = described(scope, our_fact, col.sequence or our_fact.sequence, clean)
  local theirs = described(scope, theirs_fact, theirs_fact.sequence, clean)
  local changed = {}
  for _, aspect in ipairs{ "type", "nullable", "default", "identity", "computed" } do
    changed[aspect] = ours[aspect] ~= theirs[aspect]
  end
  local type_ = asked(settings.compare_type, col, existing, col.type, existing.type)
  if type_ ~= nil then changed.type = type_ and true or false end
  local default = asked(settings.compare_server_default, col, existing, ours.default, theirs.default)
  if default ~= nil then changed.default = default and true or false end
  changed.comment = (col.comment or false) ~= (existing.comment or false)
  return changed, ours, theirs
end

---- alter ------------------------------------------------------------------------

local function nextval(sequence)
  return expressions.literal_column(("nextval(%s)"):format(
    literal.string(identifiers.qualified(sequence.schema, sequence.name))))
end

-- The default as alter_column takes it; `pg.null` for none.
local function default_of(col)
  if col.sequence then return nextval(col.sequence) end
  if col.server_default == nil then return core.null end
  return col.server_default
end

local function identity_of(col) return col.identity or core.null end

-- The conversion between types of different names; through text to an enum.
local function conversion(name, to, through_text)
  return ("%s%s::%s"):format(quote(name), through_text and "::text" or "", tostring(to))
end

local function type_name(text) return (text:gsub("%s*%b()", "")) end

local function add_type_change(options, col, existing, ours, theirs)
  options.type_, options.existing_type = col.type, existing.type
  if type_name(ours.type) == type_name(theirs.type) then return end
  local is_enum = needs.is_enum(col.type) or needs.is_enum(existing.type)
  options.using = conversion(col.name, col.type, is_enum)
  options.existing_using = conversion(col.name, existing.type, is_enum)
end

-- ALTER COLUMN for everything but the type of a vector, or nil.
local function alter(context, col, existing, changed, ours, theirs)
  local options = { schema = context.table.schema, existing_type = existing.type }
  local something = false
  if changed.type then
    add_type_change(options, col, existing, ours, theirs)
    something = true
    -- the default is of the old type: it is set anew
    changed.default = changed.default or ours.default ~= false
  end
  if changed.default then
    options.server_default, options.existing_server_default = default_of(col), default_of(existing)
    something = true
  end
  if changed.identity then
    options.identity, options.existing_identity = identity_of(col), identity_of(existing)
    something = true
  end
  if changed.nullable then
    options.nullable, options.existing_nullable = ours.nullable, theirs.nullable
    something = true
  end
  if changed.comment then
    options.comment, options.existing_comment = col.comment or core.null, existing.comment or core.null
    something = true
  end
  return something and new.alter_column(context.table.name, col.name, options) or nil
end

-- A new identity counts from its start; what the column holds comes first.
local function set_counter(context, col)
  local name = identifiers.qualified(context.table.schema, context.table.name)
  local greatest = ("max(%s)"):format(quote(col.name))
  local sql = ("SELECT pg_catalog.setval(pg_catalog.pg_get_serial_sequence(%s, %s), %s) FROM %s "
    .. "HAVING %s IS NOT NULL"):format(literal.string(name), literal.string(col.name), greatest, name,
    greatest)
  return new.execute(sql, { reverse = false })
end

---- add, drop, rebuild -----------------------------------------------------------

local function needs_value(col)
  return not col.nullable and not col:_has_server_default()
end

local function add(col)
  local operation = from.add_column(col)
  if needs_value(col) then
    operation.note = "fails if the table has rows: what is NOT NULL needs a server_default, or values first"
  end
  return operation
end

-- Computed columns whose expression mentions a column that changes its type:
-- the server would refuse that.
local function mention(fact, names)
  for name in pairs(names) do
    if members.text_mentions(fact.computed.sqltext, name) then return true end
  end
  return false
end

-- Suggests a rename where one column of a type went and one of it came.
local function suggest_renames(context, added, dropped)
  for _, col in ipairs(added) do
    local candidate, count = nil, 0
    for _, existing in ipairs(dropped) do
      if tostring(existing.object.type) == tostring(col.object.type) then
        candidate, count = existing.object, count + 1
      end
    end
    if count == 1 then
      local instead = new.alter_column(context.table.name, candidate.name,
        { new_column_name = col.object.name, schema = context.table.schema })
      local note = ("looks like a rename of '%s'; this keeps the values: %s"):format(candidate.name,
        tostring(instead))
      col.operation.note = col.operation.note and col.operation.note .. "\n" .. note or note
    end
  end
end

local function rebuild(result, col, existing, why)
  result.rebuilt[col.name] = true
  local drop = from.drop_column(existing)
  drop.note = why
  table.insert(result.before, drop)
  table.insert(result.after, from.add_column(col))
end

-- One column that both sides have.
local function compare_column(context, result, col, existing)
  local changed, ours, theirs = differences(context, col, existing)
  if changed.computed then
    rebuild(result, col, existing,
      ("the expression of a computed column cannot be changed: '%s' is made anew%s"):format(col.name,
        existing.computed and "" or ", and its values are lost"))
    return
  end
  if changed.type then result.retyped[col.name] = true end
  if changed.type and vectors.concerns(existing.type, col.type) then
    local converted = vectors.change(context.table, col, existing)
    for _, operation in ipairs(converted.operations) do table.insert(result.alter, operation) end
    result.rebuilt[col.name] = true -- what is built over it is of the old type
    if converted.is_new then return end
    changed.type, changed.default = false, changed.default or ours.default ~= false
  end
  local operation = alter(context, col, existing, changed, ours, theirs)
  if operation then table.insert(result.alter, operation) end
  if changed.identity and col.identity then
    table.insert(result.alter, set_counter(context, col))
  end
end

--- Compares the columns of a table.
-- @tparam table context `scope`, `table`, `reflected`, `understood`, `database_columns` (facts
--   by name), `clean`
-- @treturn table sequences of operations `before`, `add`, `alter`, `after`, `drop`, in this
--   order; `rebuilt`: set of columns for which what depends on them must be made anew;
--   `kept`: set of columns of the database that a hook protects
function columns.compare(context)
  local result = {
    before = {}, add = {}, alter = {}, after = {}, drop = {}, rebuilt = {}, retyped = {}, kept = {},
  }
  local added, dropped, both, wanted = {}, {}, {}, {}
  local scope, tbl = context.scope, context.table
  for _, col in ipairs(tbl:_columns()) do
    local existing = context.reflected._by_name[col.name]
    wanted[col.name] = true
    if scope:includes(col, col.name, "column", false, existing) then
      if existing then
        both[#both + 1] = { col, existing }
      else
        local operation = add(col)
        added[#added + 1] = { object = col, operation = operation }
        table.insert(col.computed and result.after or result.add, operation)
      end
    end
  end
  for _, existing in ipairs(context.reflected:_columns()) do
    local name = existing.name
    if wanted[name] then
      wanted[name] = nil
    elseif scope:includes_name(name, "column", tbl.schema, tbl.name)
      and scope:includes(existing, name, "column", true, nil) then
      dropped[#dropped + 1] = { object = existing }
      table.insert(result[existing.computed and "before" or "drop"], from.drop_column(existing))
    else
      result.kept[name] = true
    end
  end
  for _, pair in ipairs(both) do compare_column(context, result, pair[1], pair[2]) end
  for _, pair in ipairs(both) do
    local col, existing = pair[1], pair[2]
    local fact = context.database_columns[col.name]
    if fact.computed and not result.rebuilt[col.name] and mention(fact, result.retyped) then
      rebuild(result, col, existing,
        ("'%s' is computed from a column that changes its type"):format(col.name))
    end
  end
  suggest_renames(context, added, dropped)
  return result
end

return columns
