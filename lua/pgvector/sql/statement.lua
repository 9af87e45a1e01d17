--- What all statements share: copies on write, options, comments.
-- @module pgvector.sql.statement

local chain = require "pgvector.util.chain"
local class = require "pgvector.class"
local coerce = require "pgvector.sql.coerce"
local errors = require "pgvector.errors"
local element = require "pgvector.sql.element"
local SchemaMap = require "pgvector.sql.schema_map"

local statement = {}

local Statement = class("Statement", element.ClauseElement)
statement.Statement = Statement

--- Methods of all statements, of `pg.text` as well, which is an expression, too.
local shared = {}
statement.shared = shared

-- A copy to be changed. What was computed for the original is left behind.
function shared:_copy()
  local copy = {}
  for key, value in next, self do copy[key] = value end
  copy._compiled, copy._shapes, copy._memo = nil, nil, nil
  return setmetatable(copy, getmetatable(self))
end

--- Calls `fn(self, value)` if `value` is neither nil nor false, so that a filter
-- may be optional without a nil reaching `where`.
-- @param value
-- @tparam function fn returns a statement
-- @tparam[opt] function otherwise called as `otherwise(self)` if there is no value
-- @treturn table statement
function Statement:when(value, fn, otherwise)
  if type(fn) ~= "function" or otherwise ~= nil and type(otherwise) ~= "function" then
    errors.raise("ArgumentError", "when: expected a value and a function")
  end
  local result = self
  if value ~= nil and value ~= false then
    result = fn(self, value)
  elseif otherwise then
    result = otherwise(self)
  end
  if result == nil then errors.raise("ArgumentError", "when: the function must return the statement") end
  return result
end

--- Options for whoever runs the statement: an ORM loader option for each argument.
-- @treturn table statement
function Statement:options(...)
  local count = select("#", ...)
  local more = { ... }
  for i = 1, count do
    if type(more[i]) ~= "table" then
      errors.raise("ArgumentError", "options: argument %d is %s, not a loader option", i, coerce.describe(more[i]))
    end
  end
  local copy = self:_copy()
  copy._options = chain.append(self._options, more)
  return copy
end

-- Search parameters of pgvector as execution options.
local settings = {
  hnsw_ef_search = { "hnsw.ef_search", 1, 1000 }, hnsw_max_scan_tuples = { "hnsw.max_scan_tuples", 1, 2147483647 },
  hnsw_scan_mem_multiplier = { "hnsw.scan_mem_multiplier", 1, 1000 },
  ivfflat_probes = { "ivfflat.probes", 1, 32768 }, ivfflat_max_probes = { "ivfflat.max_probes", 1, 32768 },
  hnsw_iterative_scan = { "hnsw.iterative_scan", { off = true, relaxed_order = true, strict_order = true } },
  ivfflat_iterative_scan = { "ivfflat.iterative_scan", { off = true, relaxed_order = true } },
}

local known_options = {
  stream_results = true, yield_per = true, timeout = true, schema_translate_map = true,
  populate_existing = true, autoflush = true, synchronize_session = true, -- for a session
}
for name in pairs(settings) do known_options[name] = true end

local function check_setting(option, value)
  local name, least, most = settings[option][1], settings[option][2], settings[option][3]
  if type(least) == "table" then
    if not least[value] then
      errors.raise("ArgumentError", "execution_options: %s: unknown value '%s'%s", option, tostring(value),
        errors.did_you_mean(value, least))
    end
  elseif type(value) ~= "number" or not (value >= least and value <= most)
      or value ~= math.floor(value) and option ~= "hnsw_scan_mem_multiplier" then
    errors.raise("ArgumentError", "execution_options: %s: expected a number from %d to %d, got %s", option, least,
      most, tostring(value))
  end
  return { name = name, value = value, option = option }
end

-- The settings of a statement without those that an option is about to replace.
local function others(list, options)
  local kept = {}
  for _, setting in ipairs(chain.items(list) or {}) do
    if not (setting.option and options[setting.option] ~= nil) then kept[#kept + 1] = setting end
  end
  return chain.append(nil, kept)
end

--- Options for whoever runs the statement: `stream_results`, `yield_per`, `timeout`;
-- for a session `populate_existing`, `autoflush`, `synchronize_session`;
-- `schema_translate_map = { app = "tenant_7" }`, where "" stands for tables
-- without a schema; and search parameters that are set for this statement alone:
-- `hnsw_ef_search`, `hnsw_iterative_scan`, `hnsw_max_scan_tuples`,
-- `hnsw_scan_mem_multiplier`, `ivfflat_probes`, `ivfflat_max_probes`,
-- `ivfflat_iterative_scan`.
-- @tparam table options
-- @treturn table statement
function shared:execution_options(options)
  if type(options) ~= "table" then
    errors.raise("ArgumentError", "execution_options: expected a table, got %s", class.describe(options))
  end
  errors.check_options(options, known_options, "execution_options")
  local merged, found = {}, {}
  for key, value in pairs(self._execution_options or {}) do merged[key] = value end
  for key, value in pairs(options) do
    if settings[key] then
      found[#found + 1] = check_setting(key, value)
    else
      merged[key] = value
    end
  end
  if merged.schema_translate_map ~= nil then
    merged.schema_translate_map = SchemaMap.of(merged.schema_translate_map, "execution_options")
  end
  local copy = self:_copy()
  copy._execution_options = merged
  if #found > 0 then
    table.sort(found, function(a, b) return a.name < b.name end)
    copy._settings = chain.append(others(self._settings, options), found)
  end
  return copy
end

--- A comment behind the statement, for those who read the server's log:
-- `:comment("route=/search")`. What would end it is taken apart.
-- @tparam string text
-- @treturn table statement
function shared:comment(text)
  if type(text) ~= "string" or text:find("\0", 1, true) then
    errors.raise("ArgumentError", "comment: expected a string without zero bytes, got %s", class.describe(text))
  end
  text = text:gsub("%*/", "* /"):gsub("/%*", "/ *")
  local copy = self:_copy()
  copy._comments = chain.append(self._comments, { text })
  return copy
end

--- Adds a CTE that the statement does not refer to (an INSERT to be run with it).
-- @param ... CTEs
-- @treturn table statement
function Statement:add_cte(...)
  local list, n = { ... }, select("#", ...)
  if n == 0 then errors.raise("ArgumentError", "add_cte needs at least one CTE") end
  for i = 1, n do
    if not coerce.is_from(list[i]) or list[i].__visit_name ~= "cte" then
      errors.raise("ArgumentError", "add_cte: argument %d is %s, not a CTE such as stmt:cte(\"name\")", i,
        coerce.describe(list[i]))
    end
  end
  local copy = self:_copy()
  copy._ctes = chain.append(self._ctes, list)
  return copy
end

-- A setting for the time of the statement: set_config(name, value, true).
function Statement:_with_setting(name, value)
  local copy = self:_copy()
  copy._settings = chain.append(self._settings, { { name = name, value = value } })
  return copy
end

for name, method in pairs(shared) do Statement[name] = method end
class.seal(Statement)

return statement
