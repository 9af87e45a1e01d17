--- Which statements a link has prepared by name, and which it should.
--
-- A statement that is used again and again is parsed once, under a name. Names
-- are not used twice, not even by other programs: behind a proxy that hands
-- server connections around, a foreign statement would otherwise run.
-- @module pgvector.driver.prepare

local class = require "pgvector.class"
local core = require "pgvector.core"

local Cache = class("PreparedStatements")

local LIMIT = 100   -- statements that have a name; as many are counted
local THRESHOLD = 5 -- the use from which on a statement has one

-- Entries by key, of which the longest unused one makes room for a new one.
local Lru = class("Lru")

function Lru.new() return setmetatable({ entries = {}, size = 0, clock = 0 }, Lru) end

function Lru:get(key)
  local entry = self.entries[key]
  if entry then
    self.clock = self.clock + 1
    entry.used = self.clock
  end
  return entry
end

function Lru:remove(key)
  self.entries[key] = nil
  self.size = self.size - 1
end

-- Returns what had to go, if something had to.
function Lru:add(key, entry)
  local evicted
  if self.size == LIMIT then
    local oldest
    for other, candidate in pairs(self.entries) do
      if not evicted or candidate.used < evicted.used then oldest, evicted = other, candidate end
    end
    self:remove(oldest)
  end
  self.clock = self.clock + 1
  entry.used = self.clock
  self.entries[key] = entry
  self.size = self.size + 1
  return evicted
end

--- Makes an empty cache for a link.
function Cache.new(link)
  return setmetatable({
    link = link,
    prefix = ("pgv_%x_%x_"):format(core.pid(), math.floor(core.now() * 1e6)),
    names = 0,
    named = Lru.new(),
    counted = Lru.new(), -- apart, so that statements used once push no named one out
  }, Cache)
end

--- Counts a use of a statement.
-- @tparam string key SQL and parameter types
-- @treturn ?string its name; nil: it shall have none
-- @treturn boolean does the server know it by that name already?
function Cache:use(key)
  if self.disabled then return nil, false end
  local statement = self.named:get(key)
  if statement then return statement.name, true end
  local counter = self.counted:get(key)
  if not counter then
    self.counted:add(key, { uses = 1 })
    return nil, false
  end
  counter.uses = counter.uses + 1
  if counter.uses < THRESHOLD then return nil, false end
  self.names = self.names + 1
  return self.prefix .. self.names, false
end

-- The server forgets a statement as soon as it is no longer in a transaction,
-- which may be an aborted one.
function Cache:_deallocate(statement)
  local link = self.link
  link.garbage = link.garbage or {}
  table.insert(link.garbage, statement.name)
end

--- Notes that the server has parsed a statement.
function Cache:add(key, name)
  self.counted:remove(key)
  local evicted = self.named:add(key, { name = name })
  if evicted then self:_deallocate(evicted) end
end

--- Forgets a statement that the server did not parse after all.
function Cache:forget(key)
  if self.named.entries[key] then self.named:remove(key) end
end

--- Forgets all statements: what they mean may be otherwise now.
function Cache:drop()
  local dropped = {}
  for _, statement in pairs(self.named.entries) do dropped[#dropped + 1] = statement end
  table.sort(dropped, function(a, b) return a.used < b.used end)
  for _, statement in ipairs(dropped) do self:_deallocate(statement) end
  self.named = Lru.new()
end

--- Forgets all statements: the server has forgotten them.
function Cache:lost()
  self.named = Lru.new()
  self.link.garbage = nil
end

local PROXY_HINT = "A proxy in transaction mode needs create_engine's prepared_statements = false."

--- Notes an error that may be due to the preparing.
-- @treturn boolean would the statement succeed if it were parsed anew?
function Cache:noticed(err)
  if err.sqlstate == "26000" then
    -- a proxy gave us another server connection: names are of no use here
    self:lost()
    self.disabled = true
    err.hint = err.hint or PROXY_HINT
    return true
  elseif err.sqlstate == "0A000" and err.routine == "RevalidateCachedQuery" then
    self:drop()
    return true
  end
  return false
end

local changing = { CREATE = true, DROP = true, ALTER = true }
local dropping = { DROP = true, ALTER = true, DISCARD = true }

--- Notes what a command did.
-- @tparam string tag the server's name for it
function Cache:executed(tag)
  if tag == "DISCARD ALL" or tag == "DEALLOCATE ALL" then
    self:lost()
    return
  end
  local verb = tag:match("^%u+")
  if changing[verb] then self.schema_changed = true end
  if dropping[verb] or (verb == "ROLLBACK" and self.schema_changed) then self:drop() end
end

--- Notes the end of a transaction.
-- @tparam boolean committed
function Cache:ended(committed)
  if self.schema_changed and not committed then self:drop() end
  self.schema_changed = nil
end

return Cache
