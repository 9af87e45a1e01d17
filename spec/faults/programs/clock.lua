-- The clock on the wall jumps by an hour while things are waited for; see
-- spec/faults/process_spec.lua.

package.path = "./?.lua;" .. package.path
local core = require "pgvector.core"
local faults = require "spec.support.faults"
local pg = require "pgvector"

local function seconds(fn)
  local started = core.now()
  fn()
  return core.now() - started
end

for _, jump in ipairs{ 3600, -3600 } do
  local engine = pg.create_engine(os.getenv "PGVECTOR_URL", {
    wait = function(conn, events, deadline)
      faults.jump(jump)
      local timeout = deadline and math.max(0, math.ceil((deadline - core.now()) * 1000))
      return core.poll(conn:socket(), events, timeout)
    end,
    connect_args = { connect_timeout = "20" },
  })
  engine:connect(function(conn)
    assert(conn:exec_sql("SELECT 1 FROM pg_sleep(0.05)"):scalar() == 1)
    conn:execution_options{ timeout = 0.2 }
    faults.jump(0)
    local err
    local took = seconds(function() _, err = pg.try(conn.exec_sql, conn, "SELECT pg_sleep(20)") end)
    assert(err.class == "TimeoutError" and not err.is_disconnect, tostring(err))
    assert(took >= 0.2 and took < 10, took)
    conn:rollback()
    conn:execution_options{ timeout = false }
    assert(conn:exec_sql("SELECT 1"):scalar() == 1)
  end)
  assert(engine:pool_status().checked_in == 1)
  faults.jump(0)
end
print "on time"
