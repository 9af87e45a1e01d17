--- PostgreSQL vector search for Lua.
--
-- `require "pgvector"` gives the values at once; every other part is loaded when
-- it is first used. See docs/ for the guides.
-- @module pgvector

local core = require "pgvector.core"
local errors = require "pgvector.errors"

local pg = {
  _VERSION = "lua-pgvector scm",

  vector = core.vector,
  new = core.vector,
  halfvec = core.halfvec,
  sparsevec = core.sparsevec,
  bit = core.bit,
  is_vector = core.value_type,
  distances = core.distances,
  top_k = core.top_k,
  mmr = core.mmr,
  null = core.null,

  is_error = errors.is_error,
  try = errors.try,
}

-- Modules whose public names are pg's, in the order in which one is looked for;
-- modules behind one name; and single functions of modules.
local parts = {
  -- before sql: they give select its nearest, metadata its reflect
  function() return require "pgvector.search" end,
  function() return require "pgvector.reflect" end,
  function() return require "pgvector.sql" end,
  function() return require("pgvector.types").public end,
}
local modules = {
  migrate = "pgvector.migrate",
  orm = "pgvector.orm",
  json = "pgvector.types.json",
}
local members = {
  aliased = "pgvector.orm",
  create_engine = "pgvector.engine",
  getattr = "pgvector.orm.instance",
  serialize = "pgvector.pgmoon",
  deserialize = "pgvector.pgmoon",
  listen = "pgvector.util.events",
  remove = "pgvector.util.events",
  setup_vector = "pgvector.pgmoon",
}

local function find(name)
  if modules[name] then
    local part = require(modules[name])
    if name == "migrate" then part._library = pg end -- what migrations get as `pg`
    return part
  end
  if members[name] then return require(members[name])[name] end
  for _, part in ipairs(parts) do
    local value = rawget(part(), name)
    if value ~= nil then return value end
  end
end

local function every_name()
  local names = {}
  local known = { pg, modules, members }
  for _, part in ipairs(parts) do known[#known + 1] = part() end
  for _, set in ipairs(known) do
    for name in pairs(set) do names[name] = true end
  end
  return names
end

return setmetatable(pg, {
  __index = function(_, name)
    local value = find(name)
    if value == nil then
      errors.raise("ArgumentError", "pgvector has no '%s'%s", tostring(name), errors.did_you_mean(name, every_name()))
    end
    rawset(pg, name, value)
    return value
  end,
})
