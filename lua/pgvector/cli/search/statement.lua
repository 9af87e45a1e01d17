--- From what the command line says to the statement that searches.
-- @module pgvector.cli.search.statement

local compat = require "pgvector.compat"
local pg = require "pgvector"
local vector_column = require "pgvector.cli.vector_column"
local words = require "pgvector.cli.arguments"

local statement = {}

-- What shows nothing to people, or only what other columns show already.
local function is_shown(column)
  local family = (column.type.elem or column.type).family
  return not (family == "vector" or family == "tsvector" or column.computed)
end

-- The columns to show: those of --select, or the readable ones.
local function shown_columns(tbl, names)
  local columns = {}
  if names then
    for name in (names .. ","):gmatch("%s*(.-)%s*,") do
      columns[#columns + 1] = vector_column.named(tbl, name, "--select")
    end
    return columns
  end
  for _, column in ipairs(tbl:_columns()) do
    if is_shown(column) then columns[#columns + 1] = column end
  end
  return columns
end

-- A name that none of the columns has.
local function free_name(name, columns)
  for _, column in ipairs(columns) do
    if column.name == name then return free_name("_" .. name, columns) end
  end
  return name
end

---- the row of --like -------------------------------------------------------------

local function split(text)
  local parts = {}
  for part in (text .. ","):gmatch("([^,]*),") do parts[#parts + 1] = part end
  return parts
end

--- The condition that a row has this primary key.
-- @tparam Table tbl
-- @tparam string text its values, separated by commas if there are several
-- @treturn table expression
function statement.has_key(tbl, text)
  local columns = tbl.primary_key and tbl.primary_key.columns or {}
  if #columns == 0 then words.misuse("--like: %s has no primary key", tbl.key) end
  local values = #columns == 1 and { text } or split(text)
  if #values ~= #columns then
    words.misuse("--like: the primary key of %s has %d columns, '%s' has %d values", tbl.key, #columns, text, #values)
  end
  local is_key = pg.true_()
  for i, column in ipairs(columns) do
    -- the server reads the text, whatever the column's type is
    is_key = is_key:and_(column:eq(pg.literal(values[i], pg.Text):cast(column.type)))
  end
  return is_key
end

---- the full text of --text ----------------------------------------------------------

local function text_column(tbl, name)
  if name then return vector_column.named(tbl, name, "--text-column") end
  local found, names = nil, {}
  for _, column in ipairs(tbl:_columns()) do
    if column.type.family == "tsvector" then
      found, names[#names + 1] = column, column.name
    end
  end
  if #names == 0 then
    words.misuse("--text: %s has no tsvector column, name a text column by --text-column, with --text-config", tbl.key)
  elseif #names > 1 then
    words.misuse("--text: %s has several tsvector columns, name one of them by --text-column: %s", tbl.key,
      table.concat(names, ", "))
  end
  return found
end

-- The configuration by which the server computes a column: words are to be read by the same.
local function own_config(column)
  local computed = column.computed and tostring(column.computed.expression)
  return computed and computed:match("to_tsvector%('([%w_.]+)'::regconfig")
end

local function text_side(tbl, args)
  local column = text_column(tbl, args.text_column)
  local config = args.text_config or own_config(column)
  if column.type.family == "string" and not config then
    words.misuse("--text-column: '%s' is plain text, --text-config names the configuration of its index", column.name)
  end
  return { column, args.text, config = config }
end

---- the statement ----------------------------------------------------------------------

local function nearest_options(tbl, column, args)
  return {
    metric = args.metric or vector_column.metric(tbl, column), within = args.within, ef_search = args.ef_search,
    probes = args.probes, iterative_scan = args.iterative_scan, via = args.via, oversample = args.oversample,
  }
end

-- A row that is left out takes the place of one that the index would have found.
local function make_room(stmt, args)
  if not args.like or args.limit < 40 then return stmt end
  return stmt:execution_options{ hnsw_ef_search = math.min(args.limit + 1, 1000) }
end

local function conditions(tbl, args)
  local list = {}
  if args.where then list[1] = pg.text(args.where) end
  if args.like then list[#list + 1] = statement.has_key(tbl, args.like):not_() end
  return list
end

local function nearest(tbl, column, query, args, columns)
  local options = nearest_options(tbl, column, args)
  options.limit, options.label = args.limit, free_name("distance", columns)
  local stmt = pg.select(compat.unpack(columns))
  for _, condition in ipairs(conditions(tbl, args)) do stmt = stmt:where(condition) end
  return stmt:nearest(column, query, options), { { name = options.label, number = true } }
end

-- hybrid_search selects whole rows: around it, only what is to be shown.
local function hybrid(tbl, column, query, args, columns)
  local vector = nearest_options(tbl, column, args)
  vector[1], vector[2] = column, query
  local hits = pg.hybrid_search(tbl, {
    vector = vector, text = text_side(tbl, args), limit = args.limit, where = conditions(tbl, args),
  }):subquery "hits"
  local all, extra = hits:_columns(), {}
  local stmt, score = pg.select(), all[#all - 2]
  for _, col in ipairs(columns) do stmt = stmt:add_columns(hits:_corresponding(col)) end
  for i, name in ipairs{ "score", "vector_rank", "text_rank" } do
    extra[i] = { name = free_name(name, columns), number = true }
    stmt = stmt:add_columns(all[#all - 3 + i]:label(extra[i].name))
  end
  stmt = stmt:order_by(score:desc())
  for _, key in ipairs(tbl.primary_key.columns) do stmt = stmt:order_by(hits:_corresponding(key)) end
  return stmt, extra
end

--- Makes the statement.
-- @tparam Table tbl
-- @tparam Column column of the vectors
-- @param query what to search for
-- @tparam table args of the command line
-- @treturn table statement
-- @treturn table sequence of what its rows have: `name`; `number` of the search itself; `right`: whole
--   numbers; `bytes`
function statement.build(tbl, column, query, args)
  local columns = shown_columns(tbl, args.select)
  local stmt, extra = (args.text and hybrid or nearest)(tbl, column, query, args, columns)
  local shown = {}
  for i, col in ipairs(columns) do
    local type = col.type.elem or col.type
    shown[i] = { name = col.name, right = col.type.family == "integer", bytes = type.kind == "bytea" }
  end
  for _, more in ipairs(extra) do shown[#shown + 1] = more end
  return make_room(stmt, args), shown
end

return statement
