--- Something to look at while the server builds an index.
--
-- The engine's waiter is a plain function, so a program may do other things
-- while a statement runs: here it asks on a second connection how far the index
-- is, which PostgreSQL tells in pg_stat_progress_create_index.

local pg = require "pgvector"
local core = require "pgvector.core"
local progress = require "pgvector.cli.progress"
local block = require("pgvector.wait.blocking").wait

local EVERY = 0.5 -- seconds

local how_far = pg.text [[
  SELECT blocks_done, blocks_total FROM pg_catalog.pg_stat_progress_create_index WHERE pid = :pid]]

local watch = {}

local meanwhile -- what to do while waiting, if anything

--- The waiter for an engine whose statements are watched.
function watch.wait(conn, events, deadline)
  while meanwhile do
    local pause = core.now() + EVERY
    if deadline and deadline < pause then break end
    local ready = block(conn, events, pause)
    if ready then return ready end
    meanwhile()
  end
  return block(conn, events, deadline)
end

--- Builds an index, with a progress bar.
-- @param conn connection of an engine that waits by `watch.wait`
-- @param index
-- @tparam string url of the database, for the second connection
-- @treturn number seconds
function watch.create(conn, index, url)
  local engine = pg.create_engine(url)
  local pid = conn.info.backend_pid
  local bar = progress.new{ label = "indexing", unit = "blocks" }
  local function ask(other) return other:execute(how_far, { pid = pid }):first() end
  meanwhile = function()
    local row = pg.try(engine.connect, engine, ask) -- no answer: no news, and no harm
    if row then bar:update(row.blocks_done, row.blocks_total) end
  end
  local ok, err = pcall(index.create, index, conn)
  meanwhile = nil
  engine:dispose()
  local seconds = bar:finish()
  if not ok then error(err, 0) end
  return seconds
end

return watch
