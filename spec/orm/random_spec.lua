--- Random histories of objects that belong to each other, next to plain tables
-- that say what must come of them. The histories are the same in every run.

local orm_db = require "spec.support.orm_db"
local pg = require "pgvector"
local orm = pg.orm

local ROUNDS, STEPS = 25, 40

-- The same sequence on every Lua: `random(n)` is from 1 to n.
local function generator(seed)
  return function(n)
    seed = (seed * 16807) % 2147483647
    return seed % n + 1
  end
end

local function copy(value)
  if type(value) ~= "table" then return value end
  local new = {}
  for key, inner in pairs(value) do new[key] = copy(inner) end
  return new
end

-- What a history does, by chance. `h` has `box`, `item` and `tag`: sequences of
-- names; `objects` by name; `known`, what must come of it: `alive`, `label` and
-- `meta` by name, `box` by the item's name, `tags[box][tag]`; and `cascade`.
local steps = {}

local function pick(h, kind)
  local alive = {}
  for _, name in ipairs(h[kind]) do
    if h.known.alive[name] then alive[#alive + 1] = name end
  end
  return alive[1] and alive[h.random(#alive)]
end

local function create(h, kind)
  h.count = h.count + 1
  local name = kind .. h.count
  h.objects[name] = h.models[kind]{ label = name }
  h.session:add(h.objects[name])
  table.insert(h[kind], name)
  h.known.alive[name], h.known.label[name], h.known.tags[name] = true, name, {}
end

-- Calls fn with the names of a box and of something else, if there are any.
local function with(h, kind, fn)
  local box, other = pick(h, "box"), pick(h, kind)
  if box and other then fn(box, other, h.objects[box], h.objects[other]) end
end

steps[1] = function(h) create(h, "box") end
steps[2] = function(h) create(h, "item") end
steps[3] = function(h) create(h, "tag") end
steps[4] = function(h)
  with(h, "item", function(box, name, owner, item)
    item.box = owner
    h.known.box[name] = box
  end)
end
steps[5] = function(h)
  with(h, "item", function(_, name, _, item)
    item.box = nil
    h.known.box[name] = nil
  end)
end
steps[6] = function(h)
  with(h, "item", function(box, name, owner, item)
    if item.box ~= owner then owner.items:append(item) end
    h.known.box[name] = box
  end)
end
steps[7] = function(h)
  with(h, "box", function(_, _, owner)
    local item = owner.items[1]
    if item then
      owner.items:remove(item)
      h.known.box[item.label] = nil
    end
  end)
end
steps[8] = function(h)
  with(h, "item", function(box, name, owner, item)
    local before = copy(h.known.box)
    for each, of in pairs(before) do
      if of == box then h.known.box[each] = nil end
    end
    owner.items = { item }
    h.known.box[name] = box
  end)
end
steps[9] = function(h)
  with(h, "tag", function(box, name, owner, tag)
    local from_box, has = h.random(2) == 1, h.known.tags[box][name]
    local list = from_box and owner.tags or tag.boxes
    list[has and "remove" or "append"](list, from_box and tag or owner)
    h.known.tags[box][name] = not has or nil
  end)
end
steps[10] = function(h)
  local kind = h.random(2) == 1 and "box" or "item"
  local name = pick(h, kind)
  if not name or not pg.inspect(h.objects[name]).persistent then return end
  h.session:delete(h.objects[name])
  h.session:flush()
  h.known.alive[name], h.known.box[name] = nil, nil
  for item, box in pairs(copy(h.known.box)) do
    if box == name then
      h.known.box[item] = nil
      if h.cascade then h.known.alive[item] = nil end
    end
  end
end
steps[11] = function(h) h.session:flush() end
steps[12] = function(h)
  h.session:flush()
  h.session:expire_all()
end
steps[13] = function(h) -- labels are unique
  with(h, "box", function(one, two, a, b)
    if one == two then return end
    a.label, b.label = b.label, a.label
    h.known.label[one], h.known.label[two] = h.known.label[two], h.known.label[one]
  end)
end
steps[14] = function(h)
  with(h, "box", function(box, _, owner)
    local value = h.random(100)
    if owner.meta and h.random(2) == 1 then owner.meta.value = value else owner.meta = { value = value } end
    h.known.meta[box] = value
  end)
end
steps[15] = function(h)
  if #h.savepoints < 2 and h.random(2) == 1 then
    local savepoint = h.session:begin_nested()
    table.insert(h.savepoints, { savepoint, copy(h.known) })
    return
  end
  local last = table.remove(h.savepoints)
  if last and h.random(2) == 1 then
    last[1]:rollback()
    h.known = last[2]
  elseif last then
    last[1]:commit()
  end
end

-- What the database must have: lines of text.
local function expected(h)
  local lines = {}
  local function id(name) return name and h.objects[name].id or "-" end
  for name in pairs(h.known.alive) do
    if name:find "^box" then
      lines[#lines + 1] = ("box %d %s %s"):format(id(name), h.known.label[name], h.known.meta[name] or "-")
      for tag in pairs(h.known.tags[name]) do lines[#lines + 1] = ("tag %d %d"):format(id(name), id(tag)) end
    elseif name:find "^item" then
      lines[#lines + 1] = ("item %d %s"):format(id(name), id(h.known.box[name]))
    end
  end
  table.sort(lines)
  return table.concat(lines, "\n")
end

local stored = [[
SELECT string_agg(line, E'\n' ORDER BY line COLLATE "C") FROM (
  SELECT 'box ' || id || ' ' || label || ' ' || coalesce(meta ->> 'value', '-') FROM box
  UNION ALL SELECT 'item ' || id || ' ' || coalesce(box_id::text, '-') FROM item
  UNION ALL SELECT 'tag ' || box_id || ' ' || tag_id FROM box_tags) AS lines (line)]]

-- Do the lists show what belongs to them?
local function check_lists(h)
  for name in pairs(h.known.alive) do
    if name:find "^box" then
      local count = 0
      for _, box in pairs(h.known.box) do count = count + (box == name and 1 or 0) end
      assert.equal(count, #h.objects[name].items)
      for _, item in ipairs(h.objects[name].items) do assert.equal(name, h.known.box[item.label]) end
    end
  end
end

for _, cascade in ipairs{ "save-update, merge", "save-update, merge, delete" } do
  describe(("random histories, with the cascade \"%s\","):format(cascade), function()
    local d
    setup(function()
      d = orm_db.create(function(Base)
        local function key() return pg.Column{ pg.Integer, primary_key = true } end
        pg.Table("box_tags", Base.metadata, {
          pg.Column{ "box_id", pg.ForeignKey "box.id", primary_key = true },
          pg.Column{ "tag_id", pg.ForeignKey "tag.id", primary_key = true },
        })
        return {
          box = Base:model("box", {
            id = key(), label = pg.Column{ pg.Text, unique = true }, meta = pg.Column{ pg.JSONB },
            items = orm.relationship("item", { back_populates = "box", cascade = cascade }),
            tags = orm.relationship("tag", { secondary = "box_tags", back_populates = "boxes" }),
          }),
          item = Base:model("item", {
            id = key(), label = pg.Column{ pg.Text }, box_id = pg.Column{ pg.ForeignKey "box.id" },
            box = orm.relationship("box", { back_populates = "items" }),
          }),
          tag = Base:model("tag", {
            id = key(), label = pg.Column{ pg.Text },
            boxes = orm.relationship("box", { secondary = "box_tags", back_populates = "tags" }),
          }),
        }
      end)
    end)
    teardown(function() d.drop() end)

    it("end as they must", function()
      local random = generator(#cascade)
      for round = 1, ROUNDS do
        d.clear()
        local h = {
          random = random, models = d.models, session = d.Session(), cascade = cascade:find "delete" ~= nil,
          box = {}, item = {}, tag = {}, objects = {}, count = 0, savepoints = {},
          known = { alive = {}, label = {}, meta = {}, box = {}, tags = {} },
        }
        local done = {}
        local ok, err = pcall(function()
          for i = 1, STEPS do
            done[i] = random(#steps)
            steps[done[i]](h)
          end
          while #h.savepoints > 0 do table.remove(h.savepoints)[1]:commit() end
          h.session:commit()
          assert.equal(expected(h), h.session:connection():exec_sql(stored):scalar() or "")
          check_lists(h)
        end)
        h.session:close()
        if not ok then
          error(("round %d, steps %s: %s"):format(round, table.concat(done, " "), tostring(err.message or err)), 0)
        end
      end
    end)
  end)
end
