--- JSON and JSONB.
-- @module pgvector.types.document

local base = require "pgvector.types.base"
local class = require "pgvector.class"
local core = require "pgvector.core"
local errors = require "pgvector.errors"
local literal = require "pgvector.types.literal"
local json = require "pgvector.types.json"

local document = {}

local function encode(value) return json.encode(value) end
local function decode(text) return json.decode(text) end

-- `JSONB{ track = "reassign" }`
local function configure(self, options, ...)
  if options == nil then return self end
  if select("#", ...) > 0 or type(options) ~= "table" then
    errors.raise("ArgumentError", "%s takes a table of options, got %s", self.public_name, class.describe(options))
  end
  errors.check_options(options, { track = true }, self.public_name)
  return self:_with{ track = base.expect_track(options.track, self.public_name) }
end

local function define(name, kind, oid)
  return base.define(name, {
    ddl_name = name, kind = kind, oid = oid, family = "json", binary = true,
    _configure = configure,
    _bind_convert = function() return encode end,
    _result_convert = function() return decode end,
    -- SQL text is the same in every run
    literal = function(_, value)
      return (value == nil or value == core.null) and "NULL" or literal.string(json.encode(value, true))
    end,
  })
end

document.JSON = define("JSON", "json", 114)
document.JSONB = define("JSONB", "jsonb", 3802)

return document
