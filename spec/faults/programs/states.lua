-- Ends in the middle of everything, once by the collector and once, in a child,
-- by the end of the process; see spec/faults/process_spec.lua.

package.path = "./?.lua;" .. package.path
local core = require "pgvector.core"
local faults = require "spec.support.faults"
local pg = require "pgvector"

local url = os.getenv "PGVECTOR_URL"
local big = "SELECT repeat('x', 1000) FROM generate_series(1, 100000)"

local states = {
  idle = function(conn) conn:exec_sql "SELECT 1" end,
  connecting = function() _G.kept = core.connect_start(assert(core.parse_conninfo(url))) end,
  transaction = function(conn)
    conn:exec_sql "CREATE TEMP TABLE t (id int)"
    _G.kept = conn:exec_sql "SELECT 1, 'unread'"
  end,
  running = function(conn)
    conn:exec_sql "SELECT 1"
    conn._link.pg:send_query "SELECT pg_sleep(60)"
    conn._link.pg:flush()
  end,
  stream = function(conn)
    _G.kept = conn:execute(pg.text(big):execution_options{ stream_results = true })
    _G.kept:fetchmany(2)
  end,
  cursor = function(conn)
    _G.kept = conn:cursor(pg.text(big))
    _G.kept:fetchmany(2)
  end,
  copy_out = function(conn)
    _G.kept = conn:copy_out(pg.text(big))
    _G.kept()
  end,
  copy_in = function(conn)
    conn:exec_sql "CREATE TEMP TABLE t (id int)"
    _G.kept = coroutine.create(function()
      conn:copy_in("t", { "id" }, function(copy)
        copy:write_row(1)
        coroutine.yield()
      end)
    end)
    if not require("pgvector.compat").can_yield_in_pcall then return end
    assert(coroutine.resume(_G.kept))
  end,
  pipeline = function(conn)
    assert(conn._link.pg:enter_pipeline())
    for _ = 1, 10 do assert(conn._link.pg:send_params(big, nil, nil, 0, 1)) end
    conn._link.pg:pipeline_sync()
    conn._link.pg:flush()
  end,
  listening = function(conn)
    conn:listen "news"
    conn:commit()
  end,
  abandoned = function(conn)
    conn:exec_sql "SELECT 1"
    conn._link.pg:send_query "SELECT pg_sleep(60)"
    conn._link.pg:flush()
    conn._link:abandon()
  end,
}

local names = {}
for name in pairs(states) do names[#names + 1] = name end
table.sort(names)

local function enter(name)
  local engine = pg.create_engine(url, { warn = function() end })
  _G.conn = engine:connect()
  states[name](_G.conn)
end

for _, name in ipairs(names) do
  local started = core.now()
  enter(name)
  _G.conn, _G.kept = nil, nil
  collectgarbage()
  collectgarbage()
  local child = faults.fork()
  if child == 0 then
    enter(name)
    pcall(os.exit, true, true)
    os.exit(0) -- Lua 5.1 cannot close its state
  end
  local code = faults.wait(child)
  assert(code == 0, ("%s: the process ended with %d"):format(name, code))
  assert(core.now() - started < 10, name .. " takes too long")
end
print(#names .. " states")
