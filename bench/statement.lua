-- Building and compiling a search, next to SQLAlchemy 2 with its compiled cache
-- on; and conditions of many terms. CPU time, for there is nothing to wait for.

local measure = require "bench.support.measure"
local pg = require "pgvector"

local STATEMENTS = 5000
local TARGETS = { ["Lua 5.4"] = 0.5, LuaJIT = 0.2 }
local PEER = "/usr/bin/python3 bench/peers/statement.py"

-- luacheck: read globals jit
local target = TARGETS[jit and "LuaJIT" or _VERSION]

local t = pg.Table("items", pg.MetaData{}, {
  pg.Column{ "id", pg.BigInteger, primary_key = true },
  pg.Column{ "content", pg.Text },
  pg.Column{ "embedding", pg.VECTOR(3) },
})
local q = pg.vector { 1, 2, 3 }

local function build()
  return pg.select(t.c.id, t.c.content):where(t.c.id:gt(5)):order_by(t.c.embedding:l2_distance(q)):limit(5)
end

-- Wall and CPU seconds of one call.
local function seconds_of(fn, count)
  local wall, cpu = measure.time(function()
    for _ = 1, count do fn() end
  end)
  return wall / count, cpu / count
end

local function compare(name, fn, count, peer, limit)
  local result = measure.compare(function() return seconds_of(fn, count) end, peer)
  measure.row{
    name = name, ours = measure.microseconds(result.ours_cpu), peer = measure.microseconds(result.peer_cpu),
    ratio = result.ratio_cpu, target = limit and ("≤ %.2f"):format(limit), met = limit and result.ratio_cpu <= limit,
  }
end

local building = measure.repeated(function()
  local _, cpu = seconds_of(build, STATEMENTS)
  return cpu
end)
measure.row { name = "building a search", ours = measure.microseconds(building) }
compare("building and compiling a search; peer: SQLAlchemy, cached", function() build():compile() end, STATEMENTS,
  PEER, target)

for _, terms in ipairs{ 10, 100, 1000, 10000 } do
  local function condition()
    local any = t.c.id:eq(0)
    for i = 1, terms - 1 do any = any:or_(t.c.id:eq(i)) end
    pg.select(t.c.id):where(any):compile()
  end
  compare(("a condition of %d terms; peer: SQLAlchemy"):format(terms), condition, math.max(1, 10000 / terms),
    PEER .. " " .. terms)
end
