--- Column expressions, complete: import these to derive from them.
--
--     local element = require "pgvector.sql.element"
--     local Column = class("Column", element.ColumnElement)
--
-- @module pgvector.sql.element

local class = require "pgvector.class"
local base = require "pgvector.sql.base"

require "pgvector.sql.comparison"
require "pgvector.sql.arithmetic"
require "pgvector.sql.specific"

class.seal(base.ClauseElement)
-- what ColumnElement copied when it was made is replaced by the guarded methods
base.ColumnElement.compile = base.ClauseElement.compile
class.seal(base.ColumnElement)

return base
