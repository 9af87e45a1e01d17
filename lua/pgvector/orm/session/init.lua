--- Sessions: the objects of one conversation with the database, and when they
-- are read and written. Each file here adds its methods to the class.
-- @module pgvector.orm.session

local class = require "pgvector.class"
local instance = require "pgvector.orm.instance"
local Session = require "pgvector.orm.session.base"

require "pgvector.orm.session.transactions"
require "pgvector.orm.session.membership"
require "pgvector.orm.session.flushing"
require "pgvector.orm.session.statements"
require "pgvector.orm.session.reading"
require "pgvector.orm.session.merging"

class.seal(Session)

-- `session.new`, `session.dirty` and `session.deleted` are sequences.
local live = {
  new = function(self) return self._new:list() end,
  deleted = function(self) return self._deleted:list() end,
  dirty = function(self)
    local list = {}
    for _, object in ipairs(self._watched:list()) do
      if not self._deleted:has(object) and instance.is_changed(instance.state(object)) then
        list[#list + 1] = object
      end
    end
    return list
  end,
}

Session.__index = function(self, key)
  local read = live[key]
  if read then return read(self) end
  return Session[key]
end

class.strict(Session)

-- `orm.Session(engine)`; as a target of listeners the class stands for all sessions
getmetatable(Session).__call = function(_, bind, options) return Session._new(bind, options) end

return Session
