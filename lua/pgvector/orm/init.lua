--- The object-relational mapper: `pg.orm`.
-- @module pgvector.orm

local declarative = require "pgvector.orm.declarative"
local instance = require "pgvector.orm.instance"
local options = require "pgvector.orm.options"
local Relationship = require "pgvector.orm.related"
local Session = require "pgvector.orm.session"
local SessionMaker = require "pgvector.orm.sessionmaker"

require "pgvector.orm.dependency"

local orm = {
  declarative_base = declarative.declarative_base,
  relationship = Relationship._new,
  Session = Session._new,
  sessionmaker = SessionMaker._new,
  to_table = require "pgvector.orm.to_table",
  aliased = require "pgvector.orm.aliased",
  automap = require "pgvector.orm.automap",
  flag_modified = instance.flag_modified,
}

for name, fn in pairs(options.exports) do orm[name] = fn end

return orm
