--- The core's steps with loops that wait: a driver in miniature, so that the
-- specs of the core depend on nothing above it.

local core = require "pgvector.core"
local db = require "spec.support.db"
require "pgvector.errors" -- the core's errors become objects

local pq = {}

local unpack = table.unpack or unpack -- luacheck: ignore

--- Connects.
-- @tparam[opt] string url default: the specs' server
function pq.connect(url)
  local pg, err = core.connect_start(assert(core.parse_conninfo(url or db.url())))
  if not pg then return nil, err end
  while true do
    local step, step_error = pg:connect_poll()
    if not step then return nil, step_error end
    if step == "ok" then break end
    core.poll(pg:socket(), step)
  end
  assert(pg:set_nonblocking())
  return pg
end

--- Sends what is queued, reading meanwhile.
function pq.flush(pg)
  while true do
    local done, err = pg:flush()
    if done == nil then error(err.message, 0) end
    if done then return end
    if core.poll(pg:socket(), "rw") ~= "w" then assert(pg:consume_input()) end
  end
end

local copying = { copy_in = true, copy_out = true }

--- The results of what was sent, as they come: up to the end, or to a COPY.
function pq.results(pg)
  pq.flush(pg)
  local results = {}
  while true do
    local result, status = pg:get_result()
    while result == false do
      core.poll(pg:socket(), "r")
      pg:consume_input()
      result, status = pg:get_result()
    end
    if not result then break end
    results[#results + 1] = result
    if copying[status] then break end
  end
  return unpack(results)
end

-- An error of the core as a Lua error that busted shows.
local function checked(ok, err)
  if not ok then error(err.message, 0) end
end

--- Runs SQL without parameters, several statements perhaps.
function pq.query(pg, sql)
  checked(pg:send_query(sql))
  return pq.results(pg)
end

--- Runs one statement with parameters described by `specs`.
function pq.params(pg, sql, specs, values, format)
  local encoder = specs and core.encoder(specs, pq.oids)
  checked(pg:send_params(sql, encoder, values, specs and #specs or 0, format or 1))
  return pq.results(pg)
end

--- The first column of the first row, read as `kind`.
function pq.value(result, kind)
  if result:status() == "fatal_error" then error(result:error().message, 0) end
  local specs = {}
  for i = 1, #result:oids() do specs[i] = { kind = i == 1 and kind or "text" } end
  return result:value(core.decoder(specs), 1, 1)
end

--- Looks up the extension's OIDs, for encoders.
function pq.discover(pg)
  pq.oids = {}
  for _, name in ipairs({ "vector", "halfvec", "sparsevec" }) do
    local result = pq.params(pg, ("SELECT '%s'::regtype::oid"):format(name))
    pq.oids[name] = pq.value(result, "oid")
  end
end

--- A value as text that shows its structure.
function pq.show(v)
  if v == core.null then return "NULL" end
  if type(v) == "string" then return ("%q"):format(v) end
  if type(v) ~= "table" then return tostring(v) end
  local items = {}
  for i = 1, #v do items[i] = pq.show(v[i]) end
  return "{" .. table.concat(items, ", ") .. "}"
end

return pq
