--- Methods of column expressions that only some types have: vectors, bit
-- strings, JSON, arrays, full text.
-- @module pgvector.sql.specific

local errors = require "pgvector.errors"
local base = require "pgvector.sql.base"
local coerce = require "pgvector.sql.coerce"
local operators = require "pgvector.sql.operators"
local types = require "pgvector.types"

local ColumnElement = base.ColumnElement
local node, binary = base.node, base.binary
local Boolean, Double, Text, Integer = types.Boolean, types.Double, types.Text, types.Integer

-- Raises unless self's type is of the family; an unknown type passes where
-- `lenient` says so.
local function require_family(self, family, method, lenient)
  local actual = self.type.family
  if actual == family or (lenient and actual == "unknown") then return end
  errors.raise("ArgumentError", "%s: %s has type %s; it needs %s", method, tostring(self), tostring(self.type),
    family == "vector" and "a vector type (cast it: column:cast(pg.VECTOR(n)))" or "type " .. family)
end

-- Distances --------------------------------------------------------------------

local function distance(name, sql, family)
  local op = operators.custom(sql)
  ColumnElement[name] = function(self, other)
    if self.type.family ~= family then require_family(self, family, name) end
    if other == nil then errors.raise("ArgumentError", "%s(nil): the other vector is missing", name) end
    return binary(self, op, coerce.expr(other, self.type, name), Double)
  end
end

--- Euclidean distance, `self <-> other`. `other` is a vector, a sequence of
-- numbers, text, a column or a scalar subquery.
-- @function ColumnElement:l2_distance
distance("l2_distance", "<->", "vector")
--- Negative inner product, `self <#> other`.
-- @function ColumnElement:max_inner_product
distance("max_inner_product", "<#>", "vector")
--- Cosine distance, `self <=> other`.
-- @function ColumnElement:cosine_distance
distance("cosine_distance", "<=>", "vector")
--- Taxicab distance, `self <+> other`.
-- @function ColumnElement:l1_distance
distance("l1_distance", "<+>", "vector")
--- Hamming distance of bit strings, `self <~> other`.
-- @function ColumnElement:hamming_distance
distance("hamming_distance", "<~>", "bit")
--- Jaccard distance of bit strings, `self <%> other`.
-- @function ColumnElement:jaccard_distance
distance("jaccard_distance", "<%>", "bit")

-- JSON -------------------------------------------------------------------------

-- What only JSONB has; an HSTORE has some of it.
local function require_jsonb(self, method)
  if self.type.kind == "json" then
    errors.raise("ArgumentError", "%s: %s has type JSON, which has no such operator; use JSONB, or cast it: "
      .. "column:cast(pg.JSONB)", method, tostring(self))
  end
end

local function jsonb(name, sql, type_, of_hstore)
  ColumnElement[name] = function(self, other)
    if not (of_hstore and self.type.family == "hstore") then require_family(self, "json", name, true) end
    require_jsonb(self, name)
    return self:_operate(sql, other, type_ or self.type)
  end
end

local function json_key(name, sql, type_)
  ColumnElement[name] = function(self, key)
    if self.type.family == "hstore" and sql == "->" then return self:_operate(sql, key, Text) end
    require_family(self, "json", name, true)
    if key == nil then errors.raise("ArgumentError", "%s: the key is nil", name) end
    if type(key) == "number" and key ~= math.floor(key) then
      errors.raise("ArgumentError", "%s: an index must be a whole number", name)
    end
    local key_type = type(key) == "number" and Integer or Text
    return binary(self, operators.custom(sql), coerce.expr(key, key_type, name), type_ or self.type)
  end
end

--- `self -> key`: a member (string) or an element (number, from 0 as the server
-- counts) of JSON; the text of a key of an HSTORE.
-- @function ColumnElement:get
json_key("get", "->")
--- `self ->> key`, as text.
-- @function ColumnElement:get_text
json_key("get_text", "->>", Text)

local text_array = types.ARRAY(Text)

-- The steps of a path as the strings the server wants.
local function path_steps(path, name)
  if type(path) ~= "table" or coerce.is_expression(path) then return path end
  local steps = {}
  for i, step in ipairs(path) do
    if type(step) == "number" then
      if step ~= math.floor(step) then errors.raise("ArgumentError", "%s: step %d must be a whole number", name, i) end
      step = ("%d"):format(step)
    elseif type(step) ~= "string" then
      errors.raise("ArgumentError", "%s: step %d must be a string or a number, got %s", name, i, type(step))
    end
    steps[i] = step
  end
  if #steps == 0 then errors.raise("ArgumentError", "%s: the path is empty", name) end
  return steps
end

local function json_path(name, sql, type_)
  ColumnElement[name] = function(self, path)
    require_family(self, "json", name, true)
    if path == nil then errors.raise("ArgumentError", "%s: the path is nil", name) end
    if sql == "#-" then require_jsonb(self, name) end
    local steps = coerce.expr(path_steps(path, name), text_array, name)
    return binary(self, operators.custom(sql), steps, type_ or self.type)
  end
end

--- `self #> path`: what lies at a path, `{ "a", 1 }`.
-- @function ColumnElement:path
json_path("path", "#>")
--- `self #>> path`, as text.
-- @function ColumnElement:path_text
json_path("path_text", "#>>", Text)
--- `self #- path`: the document without what lies there.
-- @function ColumnElement:delete_path
json_path("delete_path", "#-")

--- `self ? key`.
-- @function ColumnElement:has_key
jsonb("has_key", "?", Boolean, true)
--- `self ?| keys`: at least one of a sequence.
-- @function ColumnElement:has_any
jsonb("has_any", "?|", Boolean, true)
--- `self ?& keys`: every one of a sequence.
-- @function ColumnElement:has_all
jsonb("has_all", "?&", Boolean, true)
--- `self @? path`: does the JSON path find anything?
-- @function ColumnElement:path_exists
jsonb("path_exists", "@?", Boolean)
--- `self @@ predicate`: what the JSON path's predicate gives.
-- @function ColumnElement:path_match
jsonb("path_match", "@@", Boolean)

--- `jsonb_set(self, path, value)`.
-- @tparam table path `{ "a", 1 }`
-- @param value any JSON value or expression
function ColumnElement:set(path, value)
  require_family(self, "json", "set", true)
  require_jsonb(self, "set")
  local json_type = self.type.family == "json" and self.type or types.JSONB
  return node{
    __visit_name = "function", name = "jsonb_set", names = { "jsonb_set" }, type = json_type,
    args = { self, coerce.expr(path_steps(path, "set"), text_array, "set"), coerce.expr(value, json_type, "set") },
  }
end

-- Containment: text, JSON, arrays -------------------------------------------------

local containers = { json = true, array = true, hstore = true, range = true, other = true }

-- Only arrays and ranges can have something in common.
local overlapping = { array = true, range = true, other = true }

--- Text: does it contain a string (`%` and `_` mean themselves)? JSONB, arrays,
-- HSTORE and ranges: `self @> other`; a range may contain an element.
function ColumnElement:contains(other)
  local family = self.type.family
  require_jsonb(self, "contains")
  if family == "range" and other ~= nil and not coerce.is_expression(other) then
    local type_ = self.type:_contained_type(other)
    -- a date without its type would be read as a range
    if type_.family == "datetime" then other = coerce.expr(other, type_, "contains"):cast(type_) end
  end
  if containers[family] and not (family == "other" and type(other) == "string") then
    return self:_operate("@>", other, Boolean)
  end
  return self:_contains_text(other)
end

--- JSONB, arrays, HSTORE and ranges: `self <@ other`.
function ColumnElement:contained_by(other)
  require_jsonb(self, "contained_by")
  if not containers[self.type.family] then require_family(self, "array", "contained_by", true) end
  return self:_operate("<@", other, Boolean)
end

--- Arrays and ranges: `self && other`, do they have something in common?
function ColumnElement:overlap(other)
  if not overlapping[self.type.family] then require_family(self, "array", "overlap", true) end
  return self:_operate("&&", other, Boolean)
end

-- Arrays -----------------------------------------------------------------------

local quantified = {
  ["="] = operators.eq, ["!="] = operators.ne, ["<>"] = operators.ne, ["<"] = operators.lt, ["<="] = operators.le,
  [">"] = operators.gt, [">="] = operators.ge, ["LIKE"] = operators.like, ["ILIKE"] = operators.ilike,
}

local function quantify(self, quantifier, value, operator)
  require_family(self, "array", quantifier, true)
  local op = quantified[operator or "="]
  if not op then
    errors.raise("ArgumentError", "%s: '%s' is not a comparison", quantifier, tostring(operator))
  end
  if value == nil then errors.raise("ArgumentError", "%s(nil): the value is missing", quantifier) end
  local array = node{ __visit_name = quantifier, element = self, type = self.type.elem or types.NULLTYPE }
  return binary(coerce.expr(value, self.type.elem, quantifier), op, array, Boolean)
end

--- `value = ANY(self)`, or another comparison.
-- @param value
-- @tparam[opt] string operator "=" unless given: `tags:any(3, "<")` is `3 < ANY(tags)`
function ColumnElement:any(value, operator) return quantify(self, "any", value, operator) end

--- `value = ALL(self)`, or another comparison.
-- @param value
-- @tparam[opt] string operator
function ColumnElement:all(value, operator) return quantify(self, "all", value, operator) end

-- What one subscript leaves of an array type.
local function element_type(type_)
  local dimensions = type_.dimensions or 1
  if dimensions == 1 then return type_.elem or types.NULLTYPE end
  return types.ARRAY(type_.elem, { dimensions = dimensions - 1 })
end

--- An element of an array, counted from 1: `self[i]`. An array of several
-- dimensions takes one after the other: `matrix:at(1):at(2)`.
-- @param index a number or an expression
function ColumnElement:at(index)
  require_family(self, "array", "at", true)
  return node{
    __visit_name = "subscript", element = self, from = coerce.expr(index, Integer, "at"),
    prec = operators.precedence.SUBSCRIPT, type = element_type(self.type),
  }
end

--- A slice of an array: `self[first:last]`.
function ColumnElement:slice(first, last)
  require_family(self, "array", "slice", true)
  return node{
    __visit_name = "subscript", element = self, from = coerce.expr(first, Integer, "slice"),
    to = coerce.expr(last, Integer, "slice"), prec = operators.precedence.SUBSCRIPT, type = self.type,
  }
end

-- Full text --------------------------------------------------------------------

local function call(name, type_, args)
  return node{ __visit_name = "function", name = name, names = { name }, args = args, type = type_ }
end

--- Full-text search: `self @@ query`. A string is read by `plainto_tsquery`;
-- text columns go through `to_tsvector`.
-- @param query a string, or a tsquery expression such as `func.websearch_to_tsquery("english", s)`
-- @tparam[opt] table options `config = "english"`
function ColumnElement:match(query, options)
  local config = errors.check_options(options, { config = true }, "match").config
  local family = self.type.family
  if family ~= "tsvector" and family ~= "string" and family ~= "unknown" then
    require_family(self, "tsvector", "match")
  end
  if query == nil then errors.raise("ArgumentError", "match(nil): the query is missing") end
  config = config and coerce.expr(config, types.REGCONFIG, "match")
  local document = self
  if family == "string" and config then document = call("to_tsvector", types.TSVECTOR, { config, self }) end
  if not coerce.is_expression(query) then
    query = coerce.expr(query, Text, "match")
    query = call("plainto_tsquery", types.TSQUERY, config and { config, query } or { query })
  end
  return binary(document, operators.custom("@@"), query, Boolean)
end

return ColumnElement
