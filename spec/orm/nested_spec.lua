--- Random conditions about relationships within relationships, over a tree that
-- refers to itself: what the server finds, next to the same conditions evaluated
-- here over the same rows. SEED in the environment draws others.

local orm_db = require "spec.support.orm_db"
local pg = require "pgvector"
local orm = pg.orm
local func = pg.func

local SEED = tonumber(os.getenv "SEED") or 20240307
local ROUNDS, CONDITIONS, NODES, PROPERTIES = 3, 8, 10, 2

local names = { "x", "y", "z" }

-- The same sequence on every Lua: `random(n)` is from 1 to n.
local function generator(seed)
  seed = seed % 2147483646 + 1
  return function(n)
    seed = (seed * 16807) % 2147483647
    return seed % n + 1
  end
end

-- Models ------------------------------------------------------------------------

-- Models over the same tables with some conditions as computed attributes.
local function define(Base, properties)
  local Node, Tag
  pg.Table("friends", Base.metadata, {
    pg.Column{ "node_id", pg.ForeignKey "nodes.id", primary_key = true },
    pg.Column{ "friend_id", pg.ForeignKey "nodes.id", primary_key = true },
  })
  local body = {
    id = pg.Column{ pg.Integer, primary_key = true }, parent_id = pg.Column{ pg.ForeignKey "nodes.id" },
    name = pg.Column{ pg.Text }, pos = pg.Column{ pg.Integer },
    parent = orm.relationship("nodes", { remote_side = "id", back_populates = "children" }),
    children = orm.relationship("nodes", { back_populates = "parent", order_by = "id" }),
    tags = orm.relationship("tags", { back_populates = "node" }),
    friends = orm.relationship("nodes", { secondary = "friends" }),
    tag_count = orm.column_property(function(cls)
      return pg.select(func.count()):select_from(Tag):where(Tag.node_id:eq(cls.id)):correlate(cls)
    end),
  }
  for i, condition in ipairs(properties) do
    body["p" .. i] = orm.column_property(function(cls) return condition.sql(cls, { Node = Node, Tag = Tag }) end)
  end
  Node = Base:model("nodes", body)
  Tag = Base:model("tags", {
    id = pg.Column{ pg.Integer, primary_key = true }, node_id = pg.Column{ pg.ForeignKey "nodes.id" },
    name = pg.Column{ pg.Text }, node = orm.relationship("nodes", { back_populates = "tags" }),
  })
  return { Node = Node, Tag = Tag }
end

-- Rows, as tables that refer to each other and as SQL that inserts them.
local function draw_rows(random)
  local nodes, sql = {}, { "TRUNCATE nodes, tags, friends" }
  for id = 1, NODES do
    local parent = id > 1 and random(6) > 1 and nodes[random(id - 1)] or nil
    local node = { id = id, name = names[random(3)], pos = random(9), parent = parent, children = {}, tags = {},
                   friends = {} }
    nodes[id] = node
    if parent then table.insert(parent.children, node) end
    sql[#sql + 1] = ("INSERT INTO nodes (id, parent_id, name, pos) VALUES (%d, %s, '%s', %d)"):format(id,
      parent and parent.id or "NULL", node.name, node.pos)
  end
  for id = 1, NODES do
    local node = nodes[random(NODES)]
    table.insert(node.tags, { name = names[random(3)], node = node })
    sql[#sql + 1] = ("INSERT INTO tags (id, node_id, name) VALUES (%d, %d, '%s')"):format(id, node.id,
      node.tags[#node.tags].name)
    local friend = nodes[random(NODES)]
    table.insert(nodes[id].friends, friend)
    sql[#sql + 1] = ("INSERT INTO friends VALUES (%d, %d)"):format(id, friend.id)
  end
  sql[#sql + 1] = "ANALYZE nodes, tags, friends"
  return nodes, table.concat(sql, ";\n")
end

-- Conditions --------------------------------------------------------------------

-- A condition has `text`; `sql(E, m)`, over the model or an alias of it; and
-- `holds(row, world)`, where `world` has `nodes` and `sees(node)`.

local function exists(list, world, condition)
  for _, row in ipairs(list) do
    if (not world.sees or world.sees(row)) and condition.holds(row, world) then return true end
  end
  return false
end

local draw

local leaves = {
  function(random)
    local name = names[random(3)]
    return { text = "name = " .. name, sql = function(E) return E.name:eq(name) end,
      holds = function(row) return row.name == name end }
  end,
  function(random)
    local pos = random(9)
    return { text = "pos > " .. pos, sql = function(E) return E.pos:gt(pos) end,
      holds = function(row) return row.pos > pos end }
  end,
  function()
    return { text = "tag_count > 1", sql = function(E) return E.tag_count:gt(1) end,
      holds = function(row) return #row.tags > 1 end }
  end,
  function(random)
    local name = names[random(3)]
    return { text = "count(tags " .. name .. ") > 0", sql = function(E, m)
      return pg.select(func.count()):select_from(m.Tag):where(m.Tag.node_id:eq(E.id), m.Tag.name:eq(name))
        :scalar_subquery():gt(0)
    end, holds = function(row)
      return exists(row.tags, {}, { holds = function(tag) return tag.name == name end })
    end }
  end,
  function(random)
    local name = names[random(3)]
    return { text = "pos <= max(pos of " .. name .. ")", sql = function(E, m)
      return E.pos:le(pg.select(func.max(m.Node.pos)):where(m.Node.name:eq(name)))
    end, holds = function(row, world)
      return exists(world.nodes, world, { holds = function(other)
        return other.name == name and other.pos >= row.pos
      end })
    end }
  end,
  function(random, properties)
    local i = random(#properties)
    return { text = "p" .. i, sql = function(E) return E["p" .. i] end, holds = properties[i].holds }
  end,
}

-- Conditions about what a node is related to.
local function over_list(key)
  return function(random, properties, depth)
    local inner, through_alias = draw(random, properties, depth - 1), random(4) == 1
    return { text = ("%s%s:any(%s)"):format(key, through_alias and " as alias" or "", inner.text),
      sql = function(E, m)
        if not through_alias then return E[key]:any(inner.sql(m.Node, m)) end
        local other = orm.aliased(m.Node)
        return E[key]:of_type(other):any(inner.sql(other, m))
      end,
      holds = function(row, world) return exists(row[key], world, inner) end }
  end
end

local function parent_has(random, properties, depth)
  local inner = draw(random, properties, depth - 1)
  return { text = ("parent:has(%s)"):format(inner.text),
    sql = function(E, m) return E.parent:has(inner.sql(m.Node, m)) end,
    holds = function(row, world) return exists({ row.parent }, world, inner) end }
end

local function any_tag(random, properties, depth)
  local name, inner = names[random(3)], depth > 1 and draw(random, properties, depth - 1)
  return { text = ("tags:any(%s%s)"):format(name, inner and ", node:has(" .. inner.text .. ")" or ""),
    sql = function(E, m)
      local condition = m.Tag.name:eq(name)
      return E.tags:any(inner and condition:and_(m.Tag.node:has(inner.sql(m.Node, m))) or condition)
    end,
    holds = function(row, world)
      return exists(row.tags, {}, { holds = function(tag)
        return tag.name == name and (not inner or exists({ tag.node }, world, inner))
      end })
    end }
end

local related = { over_list "children", over_list "children", over_list "friends", parent_has, any_tag }

function draw(random, properties, depth)
  if depth == 0 then return leaves[random(#properties > 0 and #leaves or #leaves - 1)](random, properties) end
  local one = related[random(#related)](random, properties, depth)
  local kind = random(5)
  if kind == 1 then
    return { text = "not " .. one.text, sql = function(E, m) return one.sql(E, m):not_() end,
      holds = function(row, world) return not one.holds(row, world) end }
  elseif kind == 2 then
    local other = draw(random, properties, random(depth) - 1)
    return { text = ("(%s or %s)"):format(one.text, other.text),
      sql = function(E, m) return one.sql(E, m):or_(other.sql(E, m)) end,
      holds = function(row, world) return one.holds(row, world) or other.holds(row, world) end }
  elseif kind == 3 then
    local other = draw(random, properties, 0)
    return { text = ("(%s and %s)"):format(one.text, other.text),
      sql = function(E, m) return one.sql(E, m):and_(other.sql(E, m)) end,
      holds = function(row, world) return one.holds(row, world) and other.holds(row, world) end }
  end
  return one
end

-- What is found and what should be ------------------------------------------------

-- The ids of some nodes with all that is computed of each.
local function described(list, computed)
  local parts = {}
  for i, node in ipairs(list) do
    local values = {}
    for j, value in ipairs(computed(node)) do values[j] = tostring(value) end
    parts[i] = node.id .. ":" .. table.concat(values, ",")
  end
  return table.concat(parts, " ")
end

local function of_object(node)
  local values = { node.tag_count }
  for i = 1, PROPERTIES do values[i + 1] = node["p" .. i] end
  return values
end

local function of_row(properties, world)
  return function(row)
    local values = { #row.tags }
    for i, property in ipairs(properties) do values[i + 1] = property.holds(row, world) end
    return values
  end
end

local function filtered(list, fn)
  local kept = {}
  for _, row in ipairs(list) do
    if fn(row) then kept[#kept + 1] = row end
  end
  return kept
end

-- Each way to ask for the nodes that a condition holds for: a function
-- `(session, m, condition)` that describes what was found; the other one
-- describes what should have been, from the rows.
local ways = {}

local function plain(entity_of)
  return {
    found = function(session, m, condition)
      local E = entity_of(m)
      local stmt = pg.select(E):where(condition.sql(E, m)):order_by(E.id)
      return described(session:scalars(stmt):all(), of_object)
    end,
    expected = function(nodes, properties, condition)
      local world = { nodes = nodes }
      local list = filtered(nodes, function(row) return condition.holds(row, world) end)
      return described(list, of_row(properties, world))
    end,
  }
end

ways["the model"] = plain(function(m) return m.Node end)
ways["an alias"] = plain(function(m) return orm.aliased(m.Node) end)

-- By criteria, which hold for all rows that the statement reads, those of its
-- subqueries included; within the criteria themselves rows are as they are. (They
-- stand in so many places that they must be simple.)
local function seen_by(nodes, condition)
  local all = { nodes = nodes }
  return { nodes = nodes, sees = function(row) return condition.holds(row, all) end }
end

ways["criteria about an alias"] = {
  of_all_rows = true,
  found = function(session, m, condition)
    local A = orm.aliased(m.Node)
    local stmt = pg.select(A):order_by(A.id):options(orm.with_loader_criteria(m.Node, condition.sql(m.Node, m)))
    return described(session:scalars(stmt):all(), of_object)
  end,
  expected = function(nodes, properties, condition)
    local world = seen_by(nodes, condition)
    return described(filtered(nodes, world.sees), of_row(properties, world))
  end,
}

local function with_children(list, computed, children_of)
  local parts = {}
  for i, node in ipairs(list) do parts[i] = node.id .. " [" .. described(children_of(node), computed) .. "]" end
  return table.concat(parts, " ")
end

local function joined(limit)
  return {
    of_all_rows = true,
    found = function(session, m, condition)
      local stmt = pg.select(m.Node):order_by(m.Node.pos:desc(), m.Node.id):options(orm.joinedload(m.Node.children),
        orm.with_loader_criteria(m.Node, condition.sql(m.Node, m)))
      if limit then stmt = stmt:limit(limit) end
      return with_children(session:scalars(stmt):unique():all(), of_object, function(node) return node.children end)
    end,
    expected = function(nodes, properties, condition)
      local world = seen_by(nodes, condition)
      local list = filtered(nodes, world.sees)
      table.sort(list, function(a, b)
        if a.pos ~= b.pos then return a.pos > b.pos end
        return a.id < b.id
      end)
      for i = #list, (limit or #list) + 1, -1 do list[i] = nil end
      return with_children(list, of_row(properties, world), function(row) return filtered(row.children, world.sees) end)
    end,
  }
end

ways["criteria and joined children"] = joined()
ways["criteria and joined children of some"] = joined(4)

describe("Conditions within conditions on relationships", function()
  it("find what they find by hand", function()
    local d = orm_db.create(function(Base) return define(Base, {}) end)
    local session
    finally(function()
      if session then session:close() end
      d.drop()
    end)
    -- compiling such queries would take longer than running them
    d.psql("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET jit = off', current_database()); END $$")
    for round = 1, ROUNDS do
      local seed = SEED + round
      local random = generator(seed)
      local nodes, sql = draw_rows(random)
      d.psql(sql)
      local properties = {}
      for i = 1, PROPERTIES do properties[i] = draw(random, {}, 1) end
      local m = define(orm.declarative_base(), properties) -- over the same tables
      session = d.Session()
      for _ = 1, CONDITIONS do
        local deep, flat = draw(random, properties, random(3)), draw(random, properties, 1)
        for name, way in pairs(ways) do
          local condition = way.of_all_rows and flat or deep
          local ok, found = pcall(way.found, session, m, condition)
          local expected = way.expected(nodes, properties, condition)
          if not ok or found ~= expected then
            local texts = {}
            for i, property in ipairs(properties) do texts[i] = ("p%d: %s"):format(i, property.text) end
            error(("SEED=%d, by %s:\n%s\n%s\nfound    %s\nexpected %s"):format(seed - 1, name, condition.text,
              table.concat(texts, "\n"), tostring(found), expected))
          end
          session:expunge_all()
        end
      end
      session:close()
    end
  end)
end)
