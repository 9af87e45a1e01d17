--- Plain tables of instances, for JSON and the like.
-- @module pgvector.orm.to_table

local constraints = require "pgvector.sql.constraints"
local core = require "pgvector.core"
local errors = require "pgvector.errors"
local instance = require "pgvector.orm.instance"

local null = core.null

local known = { only = true, exclude = true, include = true, null = true }

local vector_families = { vector = true, bit = true }

-- Columns that are left out unless asked for: embeddings, also in arrays, and
-- what is not loaded by default.
local function hidden(column)
  local type = column.type
  return column.deferred or vector_families[type.family] or (type.elem and vector_families[type.elem.family])
    or false
end

-- Values as data: vectors as numbers, bits as text, tables copied.
local function plain(value)
  local kind = core.value_type(value)
  if kind == "bit" then return tostring(value) end
  if kind then return value:totable() end
  if type(value) ~= "table" then return value end
  local copy = {}
  for key, inner in pairs(value) do copy[key] = plain(inner) end
  return setmetatable(copy, getmetatable(value))
end

local function name_set(mapper, names, option)
  if names == nil then return {} end
  if type(names) ~= "table" then
    errors.raise("ArgumentError", "to_table: %s: expected a sequence of names, got %s", option, type(names))
  end
  local set = {}
  for _, name in ipairs(names) do
    if mapper.by_key[name] == nil then mapper:_unknown(name) end
    set[name] = true
  end
  return set
end

local function to_table(object, options)
  local state = instance.expect(object, "to_table")
  options = errors.check_options(options, known, "to_table")
  local mapper = state.mapper
  local only = name_set(mapper, options.only, "only")
  local exclude = name_set(mapper, options.exclude, "exclude")
  local include = name_set(mapper, options.include, "include")
  local result = {}
  for _, attribute in ipairs(mapper.attributes) do
    local key, value = attribute[1], attribute[2]
    local wanted
    if options.only then
      wanted = only[key]
    else
      wanted = include[key] or constraints.is_column(value) and not hidden(value) and not exclude[key]
    end
    if wanted and not (exclude[key] and not include[key]) then
      local content = object[key]
      if constraints.is_column(value) then
        if content ~= nil then result[key] = plain(content) else result[key] = options.null end
      elseif instance.state(content) then
        result[key] = to_table(content, { null = options.null })
      elseif type(content) == "table" then
        local list = {}
        for i, element in ipairs(content) do
          list[i] = instance.state(element) and to_table(element, { null = options.null }) or plain(element)
        end
        result[key] = list
      elseif content == nil or content == null then
        result[key] = options.null
      else
        result[key] = content
      end
    end
  end
  return result
end

return to_table
