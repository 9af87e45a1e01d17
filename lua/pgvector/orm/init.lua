--- The object-relational mapper: `pg.orm`.
-- @module pgvector.orm

local declarative = require "pgvector.orm.declarative"
local instance = require "pgvector.orm.instance"
local options = require "pgvector.orm.options"
local Composite = require "pgvector.orm.composite"
local ColumnProperty = require "pgvector.orm.column_property"
local Hybrid = require "pgvector.orm.hybrid"
local Relationship = require "pgvector.orm.related"
local Session = require "pgvector.orm.session"
local SessionMaker = require "pgvector.orm.sessionmaker"
local Synonym = require "pgvector.orm.synonym"
local Vectorizer = require "pgvector.orm.vectorizer"

require "pgvector.orm.dependency"
require "pgvector.orm.from_statement"
require "pgvector.orm.inspection"
require "pgvector.reflect" -- it gives the metadata of a base its reflect, and tables their autoload

local orm = {
  declarative_base = declarative.declarative_base,
  relationship = Relationship._new,
  column_property = ColumnProperty._new,
  composite = Composite._new,
  hybrid = Hybrid._new,
  synonym = Synonym._new,
  Session = Session,
  sessionmaker = SessionMaker._new,
  to_table = require "pgvector.orm.to_table",
  aliased = require "pgvector.orm.aliased",
  automap = require "pgvector.orm.automap",
  flag_modified = instance.flag_modified,
  with_polymorphic = require("pgvector.orm.polymorphic").with_polymorphic,
  scoped_session = require("pgvector.orm.scoped")._new,
  vectorizer_relationship = Vectorizer._new,
  object_session = function(object) return instance.expect(object, "object_session").session end,
}

for name, fn in pairs(options.exports) do orm[name] = fn end

return orm
