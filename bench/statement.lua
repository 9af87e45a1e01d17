-- Building and compiling a search: CPU time.

local measure = require "bench.support.measure"
local pg = require "pgvector"

local STATEMENTS = 5000

local t = pg.Table("items", pg.MetaData{}, {
  pg.Column{ "id", pg.BigInteger, primary_key = true },
  pg.Column{ "content", pg.Text },
  pg.Column{ "embedding", pg.VECTOR(3) },
})
local q = pg.vector { 1, 2, 3 }

local function build()
  return pg.select(t.c.id, t.c.content):where(t.c.id:gt(5)):order_by(t.c.embedding:l2_distance(q)):limit(5)
end

local function seconds_of(fn)
  return measure.repeated(function()
    local _, cpu = measure.time(function()
      for _ = 1, STATEMENTS do fn() end
    end)
    return cpu / STATEMENTS
  end)
end

measure.row { name = "building a search", ours = measure.microseconds(seconds_of(build)) }
measure.row {
  name = "building and compiling a search",
  ours = measure.microseconds(seconds_of(function() build():compile() end)),
}
