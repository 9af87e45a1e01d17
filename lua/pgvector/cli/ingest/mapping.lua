--- Records → rows: which field goes into which column.
--
-- COPY has one list of columns for all of its rows. A row's *shape* is that list;
-- rows of another shape need another COPY. A field that a record lacks is NULL if its
-- column has no default, so that shapes are few; with a default it is not in the
-- shape. For an upsert nothing is NULL that the record does not say.
-- @module pgvector.cli.ingest.mapping

local class = require "pgvector.class"
local errors = require "pgvector.errors"
local values = require "pgvector.cli.ingest.values"

local concat = table.concat

local PLANS = 1000 -- lists of fields that are remembered

local Mapping = class("Mapping")

--- Makes a mapping.
-- @tparam Table tbl the target, as read from the database
-- @tparam table options `map`: field → column; `columns`: set of the fields to take, nil:
--   all; `embed`: sequence of `{ field =, column = }`; `ignore_unknown`; `upsert`: sequence
--   of the key's columns, nil: none
-- @treturn Mapping
function Mapping.new(tbl, options)
  local columns, embedded = {}, {}
  for i, column in ipairs(tbl:_columns()) do
    columns[column.name] = {
      name = column.name, position = i, type = column.type, computed = column.computed ~= nil,
      has_default = (column.server_default or column.identity or column.sequence) ~= nil,
      convert = values.converter(column.type),
    }
  end
  for _, embed in ipairs(options.embed) do embedded[embed.column] = embed.field end
  return setmetatable({
    _table = tbl.name, _columns = columns, _embedded = embedded, _options = options,
    _always = {}, -- columns without a default that have occurred
    _shapes = {}, _plans = {}, _plan_count = 0, _plan = nil,
    _field = nil, -- the name of the field that is being read
  }, Mapping)
end

---- plans ------------------------------------------------------------------------

local function refuse(message, ...) error(errors.new("DataError", message:format(...)), 0) end

-- The column of a field; nil if it is not stored.
local function column_of(self, field)
  local options = self._options
  if options.columns and not options.columns[field] then return nil end
  local column = self._columns[options.map[field] or field]
  if not column then
    for _, embed in ipairs(options.embed) do
      if embed.field == field then return nil end
    end
    if options.ignore_unknown then return nil end
    refuse("unknown field '%s': table '%s' has no such column%s", field, self._table,
      errors.did_you_mean(field, self._columns))
  end
  if column.computed then
    if options.ignore_unknown then return nil end
    refuse("field '%s': column '%s' is computed by the server", field, column.name)
  elseif self._embedded[column.name] then
    refuse("field '%s': column '%s' gets its vectors from the field '%s' (--embed)", field, column.name,
      self._embedded[column.name])
  end
  return column
end

-- What becomes of each field, and where texts for the embedder are.
local function targets_of(self, names, n)
  local targets, sources, positions = {}, {}, {}
  for i = 1, n do
    local field = names[i]
    if positions[field] then refuse("field '%s' occurs twice", field) end
    positions[field] = i
    local column = column_of(self, field)
    if column and sources[column] then
      refuse("fields '%s' and '%s' both go into column '%s'", names[sources[column]], field, column.name)
    end
    targets[i] = column or false
    if column then sources[column] = i end
  end
  local embeds = {}
  for _, embed in ipairs(self._options.embed) do
    local i, column = positions[embed.field], self._columns[embed.column]
    if i then
      embeds[#embeds + 1] = { field = i, column = column }
      sources[column] = i
    end
  end
  return targets, embeds, sources, positions
end

-- What the user named must be in a header.
local function check_named(self, positions)
  local options = self._options
  for field in pairs(options.columns or {}) do
    if not positions[field] then refuse("there is no field '%s'%s", field, errors.did_you_mean(field, positions)) end
  end
  for _, embed in ipairs(options.embed) do
    if not positions[embed.field] then
      refuse("there is no field '%s'%s", embed.field, errors.did_you_mean(embed.field, positions))
    end
  end
end

local function shape_of(self, sources)
  local present = {}
  for column in pairs(sources) do present[#present + 1] = column end
  if not self._options.upsert then
    for _, column in ipairs(present) do
      if not column.has_default and not self._always[column] then
        self._always[column] = true
        self._plans, self._plan_count = {}, 0 -- their shapes lack it
      end
    end
    for column in pairs(self._always) do
      if not sources[column] then present[#present + 1] = column end
    end
  end
  table.sort(present, function(a, b) return a.position < b.position end)
  local names, slots = {}, {}
  for i, column in ipairs(present) do names[i], slots[column] = column.name, i end
  local key = concat(names, "\0")
  local shape = self._shapes[key]
  if not shape then
    shape = { names = names, n = #names, slots = slots }
    self._shapes[key] = shape
  end
  return shape
end

local function make_plan(self, names, n, fixed)
  local targets, embeds, sources, positions = targets_of(self, names, n)
  if fixed then check_named(self, positions) end
  for _, key in ipairs(self._options.upsert or {}) do
    if not sources[self._columns[key]] then refuse("there is no field for column '%s', which --upsert needs", key) end
  end
  if next(sources) == nil then refuse("there is no field for any column of table '%s'", self._table) end
  local shape = shape_of(self, sources)
  local plan = { n = n, names = {}, shape = shape, slots = {}, converts = {}, embeds = embeds, missing = {} }
  for i = 1, n do
    local column = targets[i]
    plan.names[i] = names[i]
    plan.slots[i] = column and shape.slots[column]
    plan.converts[i] = column and column.convert
  end
  for _, embed in ipairs(embeds) do embed.slot = shape.slots[embed.column] end
  for column, slot in pairs(shape.slots) do
    if not sources[column] then plan.missing[#plan.missing + 1] = slot end
  end
  return plan
end

local function is_for(plan, names, n)
  if plan.n ~= n then return false end
  local known = plan.names
  for i = 1, n do
    if known[i] ~= names[i] then return false end
  end
  return true
end

-- The plan for a record: as a rule that of the record before.
local function plan_for(self, reader)
  local plan, names, n = self._plan, reader.names, reader.n
  if plan and is_for(plan, names, n) then return plan end
  local key = concat(names, "\0", 1, n)
  plan = self._plans[key]
  if not plan then
    plan = make_plan(self, names, n, reader.fixed)
    if self._plan_count >= PLANS then self._plans, self._plan_count = {}, 0 end
    self._plans[key], self._plan_count = plan, self._plan_count + 1
  end
  self._plan = plan
  return plan
end

---- rows -------------------------------------------------------------------------

local function fill(self, reader, row)
  local plan = plan_for(self, reader)
  local slots, converts, missing = plan.slots, plan.converts, plan.missing
  for i = 1, #missing do row[missing[i]] = nil end
  for i = 1, plan.n do
    local slot = slots[i]
    if slot then
      self._field = plan.names[i]
      row[slot] = converts[i](reader, i)
    end
  end
  row.n, row.shape, row.file, row.line, row.embeds = plan.shape.n, plan.shape, reader.file, reader.line, plan.embeds
  for k, embed in ipairs(plan.embeds) do
    self._field = plan.names[embed.field]
    row.texts[k] = values.text(reader, embed.field) or false
    row[embed.slot] = nil
  end
end

--- Makes a row of the record that a reader has taken.
-- @tparam Jsonl|Csv|Tsv reader
-- @tparam table row is filled: the values, how many in `n`, `shape` (`names` of its columns,
--   `n`), `file` and `line`; with an embedder `embeds`, a sequence of `{ slot =, column = }`,
--   and `texts`, which must be there, with a text or false for each
-- @raise DataError if it cannot be one; `fatal` if that is so for every record of the file
function Mapping:row(reader, row)
  self._field = nil
  local ok, err = pcall(fill, self, reader, row)
  if ok then return end
  if errors.is_error(err) then
    if self._field then err.message = ("field '%s': %s"):format(self._field, err.message) end
    err.fatal = not self._field and reader.fixed
  end
  error(err, 0)
end

return Mapping
