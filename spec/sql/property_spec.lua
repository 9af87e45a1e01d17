-- Thousands of random expressions: what the builder writes means the same as
-- the same tree written by hand with all parentheses, and has the type that
-- the builder says it has. SEED in the environment draws others.

local core = require "pgvector.core"
local db = require "spec.support.db"
local pg = require "pgvector"
local trees = require "spec.support.trees"

local unpack = table.unpack or unpack -- luacheck: ignore 143 113

local SEED = tonumber(os.getenv "SEED") or 20240229
local COUNT = tonumber(os.getenv "TREES") or 2000
local BATCH = 200

-- "VECTOR(3)" as the server calls the type of an expression.
local function server_name(type)
  return (tostring(type):lower():gsub("%(.-%)", ""))
end

-- A tree as select items: built, built with its values as constants, by hand,
-- and the types of the first and the last.
local ITEMS = 5
local function add_items(items, tree)
  local constant = pg.literal_column("(" .. tree.node:compile{ literal_binds = true } .. ")")
  local by_hand = pg.literal_column("(" .. tree.sql .. ")")
  for _, node in ipairs{ tree.node, constant, by_hand, pg.func.pg_typeof(tree.node), pg.func.pg_typeof(by_hand) } do
    items[#items + 1] = node:cast(pg.Text):label("x" .. #items)
  end
end

local function run(conn, list, first, last)
  local items = {}
  for i = first, last do add_items(items, list[i]) end
  return conn:execute(pg.select(unpack(items)):select_from(trees.table):order_by(trees.table.c.k)):all()
end

local function show(value) return value == core.null and "NULL" or tostring(value) end

-- What is wrong with a tree whose items stand in a row after `offset`.
local function fault(tree, row, offset)
  local built, constant, by_hand, built_type, hand_type = unpack(row, offset + 1, offset + ITEMS)
  if built ~= by_hand then return ("is %s, by hand %s"):format(show(built), show(by_hand)) end
  if constant ~= by_hand then return ("is %s with constants, by hand %s"):format(show(constant), show(by_hand)) end
  if built_type ~= hand_type then return ("has type %s, by hand %s"):format(built_type, hand_type) end
  local claimed = tree.node.type
  if claimed.family ~= "unknown" and server_name(claimed) ~= built_type then
    return ("has type %s, the builder says %s"):format(built_type, server_name(claimed))
  end
end

local function report(i, tree, what)
  return ("tree %d of SEED=%d\n  %s\n  built:   %s\n  by hand: %s"):format(i, SEED, what,
    (tree.node:compile{ literal_binds = true }), tree.sql)
end

-- The first fault among some trees, or nil.
local function check(conn, list, first, last)
  local ok, rows = pcall(run, conn, list, first, last)
  if not ok then
    conn:rollback()
    if first == last then return report(first, list[first], tostring(rows):match("^[^\n]*")) end
    local middle = math.floor((first + last) / 2)
    return check(conn, list, first, middle) or check(conn, list, middle + 1, last)
  end
  for _, row in ipairs(rows) do
    for i = first, last do
      local what = fault(list[i], row, ITEMS * (i - first))
      if what then return report(i, list[i], what) end
    end
  end
end

describe("Random expressions", function()
  it("mean what they mean with all parentheses", function()
    local url, drop = db.create()
    finally(drop)
    db.psql(trees.ddl, url)
    local engine = pg.create_engine(url)
    local list = trees.draw(SEED, COUNT)
    local found = engine:connect(function(conn)
      for first = 1, COUNT, BATCH do
        local what = check(conn, list, first, math.min(first + BATCH - 1, COUNT))
        if what then return what end
      end
    end)
    engine:dispose()
    assert.is_nil(found)
  end)
end)
