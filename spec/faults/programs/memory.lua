-- Runs with libpq's and the core's n-th request for memory refused, for many n;
-- see spec/faults/memory_spec.lua.

package.path = "./?.lua;" .. package.path
local cancel = require "pgvector.driver.cancel"
local faults = require "spec.support.faults"
local pg = require "pgvector"

local url = os.getenv "PGVECTOR_URL"

-- libpq loses an answer of the server when it has no memory to note that one
-- came: only the time limit ends the wait for it.
cancel.PATIENCE = 0.1

local function speak()
  local engine = pg.create_engine(url, { warn = function() end })
  engine:connect(function(conn)
    conn:execution_options{ timeout = 0.5 }
    conn:exec_sql "CREATE TEMP TABLE items (id int, v vector(3))"
    conn:copy_in("items", { "id", "v" }, { { 1, pg.vector{ 1, 2, 3 } }, { 2, pg.vector{ 1, 2, 4 } } })
    local rows = conn:exec_sql("SELECT id, v FROM items WHERE id > $1 AND v <-> $2 < 9", { 0, pg.vector{ 1, 1, 1 } }):all()
    if #rows ~= 2 then error("lost rows: " .. #rows) end
    conn:copy_out("items", function() end)
    conn:pipeline(function(pipeline)
      for i = 1, 3 do pipeline:exec_sql("SELECT $1::int", { i }) end
    end)
    conn:exec_sql "DO $$ BEGIN RAISE NOTICE 'a notice'; END $$"
    local stream = pg.text "SELECT generate_series(1, 5)"
    for _ in conn:execute(stream:execution_options{ stream_results = true }) do end -- luacheck: ignore 542
    pcall(conn.exec_sql, conn, "SELECT 1 / 0")
    conn:rollback()
  end)
  engine:dispose()
end

local function converse()
  local ok, err = pcall(speak)
  collectgarbage()
  collectgarbage()
  if not ok then
    local text = tostring(err)
    if not (pg.is_error(err) or text:find("memory", 1, true)) then error(text, 0) end
  end
  return ok
end

assert(converse())

-- every request of the first sixty, and a sample of the others
local function all()
  local n, failures = 0, 0
  local reached
  repeat
    n = n + (n < 60 and 1 or 11)
    faults.fail_c(n)
    if not converse() then failures = failures + 1 end
    reached = faults.spare_c() == 1
  until not reached
  assert(converse())
  return failures
end

local failures = all()
local before = faults.used()
all()
local leaked = faults.used() - before
assert(leaked < 20000, "leaked " .. leaked .. " bytes")
print(failures .. " failures")
