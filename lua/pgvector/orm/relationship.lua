--- Relationships between models: what was asked for, and what it means in
-- terms of columns.
--
-- A relationship is configured when it is first used, because the model it
-- refers to may be defined later. It then has
--
-- * `target` (a mapper) and `direction`: "many_to_one", "one_to_many", "many_to_many",
-- * `pairs`: sequence of `{ local column, remote column }`; for many-to-many the
--   remote ones are the association table's, and `far_pairs` leads from there:
--   `{ association column, target column }`,
-- * `condition` if primaryjoin was given, else nil: the pairs are equal,
-- * `reverse`: the relationship that back_populates names.
-- @module pgvector.orm.relationship

local class = require "pgvector.class"
local column = require "pgvector.sql.column"
local constraints = require "pgvector.sql.constraints"
local errors = require "pgvector.errors"
local traverse = require "pgvector.sql.traverse"

local Relationship = class("relationship")
Relationship._is_property = true

local known = {
  back_populates = true, backref = true, secondary = true, foreign_keys = true, primaryjoin = true,
  remote_side = true, uselist = true, order_by = true, cascade = true, lazy = true, viewonly = true,
  passive_deletes = true, post_update = true,
}

local lazy_modes = {
  select = true, joined = true, selectin = true, raise = true, raise_on_sql = true, noload = true,
  write_only = true,
}

local cascades = {
  ["save-update"] = true, merge = true, expunge = true, delete = true, ["delete-orphan"] = true,
  ["refresh-expire"] = true,
}

-- "all, delete-orphan" → a set.
local function read_cascade(text)
  if text == nil then return { ["save-update"] = true, merge = true } end
  if type(text) ~= "string" then
    errors.raise("ArgumentError", "relationship cascade: expected a string, got %s", type(text))
  end
  local set = {}
  for word in text:gmatch("[^,]+") do
    word = word:match("^%s*(.-)%s*$")
    if word == "all" then
      for name in pairs(cascades) do
        if name ~= "delete-orphan" then set[name] = true end
      end
    elseif cascades[word] then
      set[word] = true
    elseif word ~= "none" then
      errors.raise("ArgumentError", "relationship cascade: unknown '%s'%s", word,
        errors.did_you_mean(word, cascades))
    end
  end
  if set["delete-orphan"] and not set.delete then
    errors.raise("ArgumentError", "relationship cascade: delete-orphan needs delete")
  end
  return set
end

--- Defines a relationship: `relationship("owners", { back_populates = "items" })`.
-- @param target a table's name, a model, or a function that returns a model
-- @tparam[opt] table options see docs/relationships.md
function Relationship._new(target, options)
  options = errors.check_options(options, known, "relationship")
  if target == nil then errors.raise("ArgumentError", "relationship: the target is nil") end
  local self = setmetatable({ _ticket = column.Column._take_ticket(), _given = target }, Relationship)
  for name in pairs(known) do self[name] = options[name] end
  self.lazy = options.lazy or "select"
  if not lazy_modes[self.lazy] then
    errors.raise("ArgumentError", "relationship lazy: unknown '%s'%s", tostring(self.lazy),
      errors.did_you_mean(self.lazy, lazy_modes))
  end
  self.cascade = read_cascade(options.cascade)
  if self.viewonly then self.cascade = {} end
  return self
end

function Relationship:_copy()
  local copy = {}
  for field, value in pairs(self) do copy[field] = value end
  return setmetatable(copy, Relationship)
end

function Relationship:_attach(mapper, key)
  self.mapper, self.key = mapper, key
end

function Relationship:_describe()
  if not self.mapper then return "a relationship of no model" end
  return ("relationship '%s' of model '%s'"):format(self.key, self.mapper.name)
end

function Relationship:__tostring() return self:_describe() end

local function fail(self, format, ...)
  errors.raise("ArgumentError", "%s: " .. format, self:_describe(), ...)
end

---- what was given ----------------------------------------------------------------

-- Options may be functions, so that they can name what is defined later.
local function resolved(value)
  if type(value) == "function" then return value() end
  return value
end

local function find_target(self)
  local given = resolved(self._given)
  if type(given) == "table" then
    local mapper = rawget(given, "__mapper")
    if mapper then return mapper end
  elseif type(given) == "string" then
    local model = self.mapper.registry:_model_of(given)
    if model then return rawget(model, "__mapper") end
    fail(self, "there is no model '%s'%s", given,
      errors.did_you_mean(given, self.mapper.registry:_model_names()))
  end
  fail(self, "the target must be a model or the name of one, got %s", class.describe(given))
end

local function find_secondary(self)
  local given = resolved(self.secondary)
  if given == nil then return nil end
  if type(given) == "string" then
    local tbl = self.mapper.table.metadata.tables[given]
    if not tbl then fail(self, "secondary: there is no table '%s'", given) end
    return tbl
  end
  local tbl = type(given) == "table" and (rawget(given, "__table") or given)
  if type(tbl) ~= "table" or tbl.__visit_name ~= "table" then
    fail(self, "secondary: expected a table, got %s", class.describe(given))
  end
  return tbl
end

local function no_such_attribute(self, option, name)
  local there = {}
  for _, mapper in ipairs{ self.mapper, self.target } do
    for key in pairs(mapper.by_key) do there[key] = true end
  end
  local whose = ("model '%s' has no"):format(self.mapper.name)
  if self.mapper ~= self.target then
    whose = ("neither model '%s' nor model '%s' has an"):format(self.mapper.name, self.target.name)
  end
  fail(self, "%s: %s attribute '%s'%s", option, whose, name, errors.did_you_mean(name, there))
end

-- A set of columns from a column, a name, or a sequence of them; names are
-- looked for in the model, then in the target.
local function column_set(self, option)
  local given = resolved(self[option])
  if given == nil then return nil end
  if constraints.is_column(given) or type(given) ~= "table" then given = { given } end
  local set = {}
  for _, item in ipairs(given) do
    if type(item) == "string" then
      local own, theirs = self.mapper.by_key[item], self.target.by_key[item]
      if own == nil and theirs == nil then no_such_attribute(self, option, item) end
      item = constraints.is_column(own) and own or theirs
    end
    if not constraints.is_column(item) then
      fail(self, "%s: expected columns, got %s", option, class.describe(item))
    end
    set[item._mapped or item] = true
  end
  return set
end

---- foreign keys to pairs ------------------------------------------------------------

-- Is a foreign key what ties a table to the one that its model inherits from?
local function is_link(mapper, key)
  for _, referring in ipairs(key.columns) do
    if not mapper.root_of[referring] then return false end
  end
  return true
end

-- Foreign keys from the tables of one side to those of the other, as sequences
-- of `{ referring column, referred column }`; `wanted` restricts the referring
-- ones. A side is a mapper, or what has `tables`.
local function keys_between(from, to, wanted)
  local found, is_referred = {}, {}
  for _, tbl in ipairs(to.tables) do is_referred[tbl] = true end
  for _, tbl in ipairs(from.tables) do
    for _, key in ipairs(tbl.foreign_keys) do
      if is_referred[key:_find_referred_table()] and not (from.root_of and is_link(from, key)) then
        local pairs_, fits = {}, true
        local referred = key:referred_columns()
        for i, referring in ipairs(key.columns) do
          pairs_[i] = { referring, referred[i] }
          fits = fits and (not wanted or wanted[referring] == true)
        end
        if fits then found[#found + 1] = pairs_ end
      end
    end
  end
  return found
end

-- The pairs from the other side.
local function swapped(pairs_)
  local list = {}
  for i, pair in ipairs(pairs_) do list[i] = { pair[2], pair[1] } end
  return list
end

Relationship._swapped = swapped

local function single_key(self, found, from, to)
  if #found == 1 then return found[1] end
  if #found == 0 then
    fail(self, "there is no foreign key between '%s' and '%s': add one, or give primaryjoin and foreign_keys",
      from.name, to.name)
  end
  fail(self, "there are %d foreign keys between '%s' and '%s': say which one with foreign_keys", #found,
    from.name, to.name)
end

-- Is this the side that is referred to? For a table that refers to itself the
-- remote side tells; one-to-many without it.
local function remote_is_referred(remote_side, pairs_)
  if not remote_side then return false end
  for _, pair in ipairs(pairs_) do
    if not remote_side[pair[2]] then return false end
  end
  return true
end

-- Does a table refer to itself, so that the same keys are found both ways?
local function is_circular(outward, inward)
  for _, a in ipairs(outward) do
    for _, b in ipairs(inward) do
      if rawequal(a[1][1], b[1][1]) then return true end
    end
  end
  return false
end

local function from_foreign_keys(self, wanted, remote_side)
  local own, theirs = self.mapper, self.target
  local outward, inward = keys_between(own, theirs, wanted), keys_between(theirs, own, wanted)
  if is_circular(outward, inward) then
    local pairs_ = single_key(self, outward, own, theirs)
    if remote_is_referred(remote_side, pairs_) then
      self.direction, self.pairs = "many_to_one", pairs_
    else
      self.direction, self.pairs = "one_to_many", swapped(pairs_)
    end
  elseif #outward > 0 and #inward > 0 then
    fail(self, "'%s' and '%s' refer to each other: say which foreign key is meant with foreign_keys",
      own.name, theirs.name)
  elseif #outward > 0 then
    self.direction, self.pairs = "many_to_one", single_key(self, outward, own, theirs)
  else
    self.direction, self.pairs = "one_to_many", swapped(single_key(self, inward, own, theirs))
  end
end

local function through_secondary(self, secondary, wanted)
  self.direction, self.secondary_table = "many_to_many", secondary
  local own, theirs = self.mapper, self.target
  local between = { name = secondary.name, tables = { secondary } }
  local near, far = keys_between(between, own, wanted), keys_between(between, theirs, wanted)
  if is_circular(near, far) then
    if #near ~= 2 then fail(self, "'%s' must have two foreign keys to '%s'", secondary.name, own.name) end
    -- the first key is this object's, unless the remote side says otherwise
    local remote_side = column_set(self, "remote_side")
    local mine, other = near[1], near[2]
    if remote_side and remote_side[mine[1][1]] then mine, other = other, mine end
    self.pairs, self.far_pairs = swapped(mine), other
    return
  end
  self.pairs = swapped(single_key(self, near, between, own))
  self.far_pairs = single_key(self, far, between, theirs)
end

-- Pairs from the equalities of a primaryjoin.
local function from_condition(self, condition, wanted, remote_side)
  local is_own, is_theirs = {}, {}
  for _, tbl in ipairs(self.mapper.tables) do is_own[tbl] = true end
  for _, tbl in ipairs(self.target.tables) do is_theirs[tbl] = true end
  local pairs_ = {}
  local function is_remote(col)
    if remote_side then return remote_side[col] == true end
    return not is_own[col.table] or is_theirs[col.table] and not (wanted and wanted[col])
  end
  traverse.walk(condition, function(node)
    if node.__visit_name ~= "binary" or node.operator.name ~= "eq" then return end
    local a, b = node.left, node.right
    if not (constraints.is_column(a) and constraints.is_column(b)) then return end
    if is_remote(a) then a, b = b, a end
    if is_remote(b) and not is_remote(a) then pairs_[#pairs_ + 1] = { a, b } end
  end)
  if #pairs_ == 0 then fail(self, "primaryjoin has no equality between the two sides") end
  self.condition, self.pairs = condition, pairs_
  local refers = false
  for _, pair in ipairs(pairs_) do
    refers = refers or (wanted and wanted[pair[1]] or not wanted and #pair[1].foreign_keys > 0) or false
  end
  self.direction = refers and "many_to_one" or "one_to_many"
end

---- configuration ----------------------------------------------------------------------

-- The other side must lead back, the other way round.
local function check_reverse(self, reverse)
  local target = find_target(reverse)
  if not (self.mapper:_is_a(target) or target:_is_a(self.mapper)) then
    fail(self, "back_populates: %s leads to model '%s'", reverse:_describe(), target.name)
  end
  if self.mapper == self.target then reverse:_configure() end
  if reverse.direction == self.direction and self.direction ~= "many_to_many" then
    fail(self, "back_populates: %s is %s as well%s", reverse:_describe(), (self.direction:gsub("_", "-")),
      self.mapper == self.target and ": the many-to-one side needs remote_side" or "")
  end
end

local function link_reverse(self)
  if self.backref and self.back_populates ~= self.backref then
    local key = self.backref
    if type(key) ~= "string" then fail(self, "backref: expected a name, got %s", class.describe(key)) end
    if self.target.by_key[key] ~= nil or self.target.methods[key] ~= nil then
      fail(self, "backref: model '%s' has an attribute '%s' already", self.target.name, key)
    end
    local options = { back_populates = self.key, viewonly = self.viewonly }
    if self.secondary then
      options.secondary = self.secondary_table
      local near = {}
      for i, pair in ipairs(self.pairs) do near[i] = pair[2] end
      if self.mapper == self.target then options.remote_side = near end
    else
      local referring = {}
      for i, pair in ipairs(self.pairs) do
        referring[i] = self.direction == "many_to_one" and pair[1] or pair[2]
      end
      options.foreign_keys = referring
      if self.mapper == self.target and self.direction == "one_to_many" then
        options.remote_side = {}
        for i, pair in ipairs(self.pairs) do options.remote_side[i] = pair[1] end
      end
    end
    self.target:_add_property(key, Relationship._new(self.mapper.model, options))
    self.back_populates = key
  end
  if not self.back_populates then return end
  local reverse = self.target.by_key[self.back_populates]
  if not class.is(reverse, Relationship) then
    fail(self, "back_populates: model '%s' has no relationship '%s'%s", self.target.name,
      tostring(self.back_populates), errors.did_you_mean(self.back_populates, self.target.by_key))
  end
  check_reverse(self, reverse)
  self.reverse = reverse
end

local function configure(self)
  self.target = find_target(self)
  local secondary = find_secondary(self)
  local wanted = column_set(self, "foreign_keys")
  if secondary then
    if self.primaryjoin then fail(self, "primaryjoin does not go with secondary: its foreign keys tell the join") end
    through_secondary(self, secondary, wanted)
  else
    local remote_side = column_set(self, "remote_side")
    local condition = resolved(self.primaryjoin)
    if condition then
      condition = traverse.replace(condition, function(node) return node._mapped end)
      from_condition(self, condition, wanted, remote_side)
    else
      from_foreign_keys(self, wanted, remote_side)
    end
  end
  self.is_list = self.uselist
  if self.is_list == nil then self.is_list = self.direction ~= "many_to_one" end
  if self.lazy == "write_only" and not self.is_list then fail(self, "write_only is for lists") end
  if self.cascade["delete-orphan"] and self.direction ~= "one_to_many" then
    fail(self, "delete-orphan belongs on the one-to-many side")
  end
  link_reverse(self)
end

--- Works out target, direction and columns. Idempotent.
-- @treturn Relationship itself
function Relationship:_configure()
  if self.direction then return self end
  local ok, err = pcall(configure, self)
  if not ok then
    self.direction = nil -- the next use shall meet the same error
    error(err, 0)
  end
  return self
end

-- ORDER BY of a list: a column, a name of the target's attribute, or several.
function Relationship:_ordering()
  local given = resolved(self.order_by)
  if given == nil then return {} end
  if type(given) == "string" or getmetatable(given) then given = { given } end
  local list = {}
  for i, item in ipairs(given) do
    if type(item) == "string" then
      local col = self.target.by_key[item]
      if not constraints.is_column(col) then
        fail(self, "order_by: model '%s' has no column '%s'%s", self.target.name, item,
          errors.did_you_mean(item, self.target.by_key))
      end
      item = col
    end
    list[i] = item
  end
  return list
end
class.seal(Relationship)

return Relationship
