-- The ORM with embeddings: storing 10,000 objects, loading them, flushing a few
-- changes among them, next to SQLAlchemy 2 with psycopg2; and what a loaded
-- object weighs beyond its values.

local core = require "pgvector.core"
local data = require "bench.support.data"
local measure = require "bench.support.measure"
local pg = require "pgvector"

local orm = pg.orm
local engine = pg.create_engine(os.getenv("PGVECTOR_URL"))
local Base = orm.declarative_base()
local Item = Base:model("bench_objects", {
  id        = pg.Column{ pg.Integer, primary_key = true },
  title     = pg.Column{ pg.Text },
  embedding = pg.Column{ pg.VECTOR(data.dimensions) },
})
local Session = orm.sessionmaker{ bind = engine, expire_on_commit = false }

local PEER = "PYTHONPATH=.bench/python:bench/peers /usr/bin/python3 bench/peers/orm.py "
local CHANGED = 10
local WARM_UP = 50

Base.metadata:drop_all(engine)
Base.metadata:create_all(engine)

local function truncate()
  engine:begin(function(conn) conn:exec_sql "TRUNCATE bench_objects RESTART IDENTITY" end)
end

local embeddings = data.all(true)

local function store()
  Session:begin(function(session)
    local objects = {}
    for i, embedding in ipairs(embeddings) do objects[i] = Item{ title = "item " .. i, embedding = embedding } end
    session:add_all(objects)
  end)
end

local function load_all(session) return session:scalars(pg.select(Item):order_by(Item.id)):all() end

local function compare(name, job, ours, before)
  local result = measure.compare(ours, PEER .. job, before)
  measure.row{
    name = name .. "; peer: SQLAlchemy", ours = measure.wall_and_cpu(result.ours, result.ours_cpu),
    peer = measure.wall_and_cpu(result.peer, result.peer_cpu), ratio = result.ratio, target = "≤ 0.10",
    met = result.ratio <= 0.1,
  }
end

compare("add_all and commit of 10,000 × 1,536", "store", function() return measure.time(store) end, truncate)

truncate()
store()
compare("loading 10,000 × 1,536 as objects", "load", function()
  local wall, cpu
  Session(function(session)
    wall, cpu = measure.time(function() assert(#load_all(session) == data.rows) end)
  end)
  return wall, cpu
end)

local function change(objects, step)
  for i = 1, CHANGED do
    local object = objects[i * step]
    object.title = object.title .. "!"
  end
end

-- LuaJIT compiles what a flush does in the course of some thirty of them, and
-- each of those takes several times as long as the later ones.
Session(function(session)
  local few = session:scalars(pg.select(Item):limit(CHANGED)):all()
  for _ = 1, WARM_UP do
    change(few, 1)
    session:flush()
  end
  session:rollback()
end)

local flush_cpu = {}
local flush = measure.repeated(function()
  local wall
  Session(function(session)
    local objects = load_all(session)
    change(objects, 997)
    -- a full collection before it would empty the processor's caches
    local cpu, started = os.clock(), core.now()
    session:flush()
    wall = core.now() - started
    flush_cpu[#flush_cpu + 1] = os.clock() - cpu
    session:rollback()
  end)
  return wall
end)
measure.row{
  name = ("flush of %d changed among 10,000 loaded"):format(CHANGED),
  ours = ("%.1f ms (CPU %.1f)"):format(flush * 1e3, measure.median(flush_cpu) * 1e3),
  target = "< 2 ms", met = flush < 2e-3,
}

-- Objects of three small columns; what their values weigh is measured in a plain table.
local Small = Base:model("bench_small", {
  id = pg.Column{ pg.Integer, primary_key = true }, a = pg.Column{ pg.Integer }, b = pg.Column{ pg.Integer },
})
engine:begin(function(conn)
  Small.__table:create(conn, { checkfirst = true })
  conn:exec_sql("TRUNCATE bench_small")
  conn:exec_sql("INSERT INTO bench_small SELECT n, n, n FROM generate_series(1, 10000) AS n")
end)

local function kilobytes()
  collectgarbage()
  collectgarbage()
  return collectgarbage("count")
end

local plain, list = {}, nil
local start = kilobytes()
for i = 1, 10000 do plain[i] = { id = i, a = i, b = i } end
local values = (kilobytes() - start) * 1024 / #plain
Session(function(session)
  session:scalars(pg.select(Small):limit(1)):all()
  local stmt = pg.select(Small)
  start = kilobytes()
  list = session:scalars(stmt):all()
  local bytes = (kilobytes() - start) * 1024 / #list - values
  measure.row{
    name = "memory of a loaded object beyond its values", ours = ("%.0f bytes"):format(bytes), target = "≤ 400 bytes",
    met = bytes <= 400,
  }
end)

Base.metadata:drop_all(engine)
engine:dispose()
