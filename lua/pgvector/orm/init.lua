--- The object-relational mapper: `pg.orm`.
-- @module pgvector.orm

local declarative = require "pgvector.orm.declarative"
local instance = require "pgvector.orm.instance"
local Relationship = require "pgvector.orm.related"
local Session = require "pgvector.orm.session"
local SessionMaker = require "pgvector.orm.sessionmaker"

require "pgvector.orm.attribute"
require "pgvector.orm.dependency"

return {
  declarative_base = declarative.declarative_base,
  Session = Session._new,
  sessionmaker = SessionMaker._new,
  relationship = Relationship._new,
  to_table = require "pgvector.orm.to_table",
  flag_modified = instance.flag_modified,
}
