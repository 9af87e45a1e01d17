--- Embeddings that a pgai vectorizer makes of a model's rows, as a relationship.
--
-- pgai keeps them in a table of its own, one row for each chunk of text. The
-- model of that table is made when the parent's is. `create_all` and migrations
-- leave the table alone: it is pgai's.
-- @module pgvector.orm.vectorizer

local class = require "pgvector.class"
local compat = require "pgvector.compat"
local constraints = require "pgvector.sql.constraints"
local column = require "pgvector.sql.column"
local errors = require "pgvector.errors"
local functions = require "pgvector.sql.functions"
local Relationship = require "pgvector.orm.relationship"
local RelationshipAttribute = require "pgvector.orm.attribute"
local types = require "pgvector.types"

require "pgvector.orm.related"    -- a subclass has what its base has at that moment
require "pgvector.orm.dependency"

local Column, func = column.Column, functions.func

---- Model.content_embeddings -----------------------------------------------------------

--- The relationship in expressions. It also stands for the model that it leads
-- to: in `select`, and with that model's attributes.
local VectorizerAttribute = class("VectorizerAttribute", RelationshipAttribute)

local methods = VectorizerAttribute.__index

function VectorizerAttribute.__index(self, key)
  local method = methods[key]
  if method ~= nil then return method end
  local model = rawget(self, "model")
  if type(key) ~= "string" or key:sub(1, 1) == "_" or not model then return nil end
  return model[key]
end

---- the relationship -------------------------------------------------------------------

local Vectorizer = class("vectorizer_relationship", Relationship)

local own_options = {
  dimensions = true, target_schema = true, target_table = true, parent_kwargs = true,
}
local passed_on = {
  lazy = true, order_by = true, cascade = true, passive_deletes = true, viewonly = true, uselist = true,
}

local function check_name(value, option)
  if value ~= nil and type(value) ~= "string" then
    errors.raise("ArgumentError", "vectorizer_relationship: %s: expected a name, got %s", option,
      class.describe(value))
  end
end

--- Defines one: `vectorizer_relationship{ dimensions = 768 }`.
-- @tparam table options `dimensions` of the embeddings; `target_table`, by default
--   the parent's name and "_embedding_store"; `target_schema`, by default the
--   parent's; `parent_kwargs`: options of the way back, `parent`; and `lazy`,
--   `order_by`, `cascade`, `viewonly`, `passive_deletes` as for a relationship
function Vectorizer._new(options)
  local known = {}
  for _, names in ipairs{ own_options, passed_on } do
    for name in pairs(names) do known[name] = true end
  end
  options = errors.check_options(options, known, "vectorizer_relationship")
  local dimensions = options.dimensions
  if not compat.is_integral(dimensions) or dimensions < 1 then
    errors.raise("ArgumentError", "vectorizer_relationship: dimensions: expected a positive whole number, got %s",
      type(dimensions) == "number" and tostring(dimensions) or class.describe(dimensions))
  end
  if options.parent_kwargs ~= nil and type(options.parent_kwargs) ~= "table" then
    errors.raise("ArgumentError", "vectorizer_relationship: parent_kwargs: expected a table of options, got %s",
      class.describe(options.parent_kwargs))
  end
  check_name(options.target_schema, "target_schema")
  check_name(options.target_table, "target_table")
  local relation = { order_by = "chunk_seq", back_populates = "parent", cascade = "save-update, merge, delete",
                     passive_deletes = true }
  for name in pairs(passed_on) do
    if options[name] ~= nil then relation[name] = options[name] end
  end
  if relation.viewonly then relation.cascade, relation.back_populates = nil, nil end
  local self = setmetatable(Relationship._new("?", relation), Vectorizer)
  self._options = options
  return self
end

function Vectorizer:_copy() return Vectorizer._new(self._options) end

-- The columns of the parent's key, for the table of embeddings: under the same
-- names, referring to it.
local function key_columns(mapper, attributes)
  local keys, targets = {}, {}
  for i, own in ipairs(mapper.primary_key) do
    local copy = Column._new{ own.name, own.type, nullable = false }
    if attributes[own.key] then
      errors.raise("ArgumentError",
        "vectorizer_relationship: the key '%s' of model '%s' has the name of a column of pgai's", own.key, mapper.name)
    end
    attributes[own.key] = copy
    keys[i], targets[i] = own.key, mapper.root.table.key .. "." .. own.name
  end
  return keys, targets
end

-- The model of pgai's table.
local function make_model(self, mapper)
  local options = self._options
  local attributes = {
    embedding_uuid = Column._new{ types.public.UUID, primary_key = true, server_default = func.gen_random_uuid() },
  }
  local keys, targets = key_columns(mapper, attributes)
  attributes.chunk_seq = Column._new{ types.public.Integer, nullable = false }
  attributes.chunk = Column._new{ types.public.Text, nullable = false }
  attributes.embedding = Column._new{ types.public.VECTOR(options.dimensions), nullable = false }
  local parent_options = { back_populates = not self.viewonly and self.key or nil }
  for name, value in pairs(options.parent_kwargs or {}) do parent_options[name] = value end
  attributes.parent = Relationship._new(mapper.model, parent_options)
  local unique = {}
  for i, key in ipairs(keys) do unique[i] = key end
  unique[#unique + 1] = "chunk_seq"
  attributes[1] = constraints.UniqueConstraint._new(compat.unpack(unique))
  attributes[2] = constraints.ForeignKeyConstraint._new(keys, targets, { ondelete = "CASCADE" })
  local name = options.target_table or mapper.table.name .. "_embedding_store"
  local schema = options.target_schema or mapper.table.schema
  local key = schema and schema .. "." .. name or name
  if mapper.table.metadata.tables[key] then
    errors.raise("ArgumentError",
      "vectorizer_relationship '%s' of model '%s': there is a table '%s' already: name another target_table", self.key,
      mapper.name, key)
  end
  return mapper.registry:model(name, attributes,
    { schema = schema or false, managed = false, info = { pgai_managed = true } })
end

function Vectorizer:_attach(mapper, key)
  Relationship._attach(self, mapper, key)
  self.model = make_model(self, mapper)
  self._given = self.model
end

function Vectorizer:_class_value(source)
  local attribute = setmetatable(RelationshipAttribute._new(self, source), VectorizerAttribute)
  attribute.model, attribute.__clause = self.model, rawget(self.model, "__clause")
  attribute.__entity, attribute.__mapper = self.model, rawget(self.model, "__mapper")
  return attribute
end

return Vectorizer
