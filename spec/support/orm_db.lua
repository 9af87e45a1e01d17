--- A database for specs of the ORM: models, sessions and what they send.
--
--     local d = orm_db.create(function(Base) … return { Item = Item } end)
--     local session = d.Session()
--     d.statements_of(function() session:flush() end)
--     d.drop()

local db = require "spec.support.db"
local pg = require "pgvector"

local orm_db = {}

--- Makes a database with the tables of some models.
-- @tparam function define `function(Base)` → table of models
-- @tparam[opt] table options of `declarative_base`
function orm_db.create(define, options)
  local d = { sent = {} }
  local drop
  d.url, drop = db.create()
  d.engine = pg.create_engine(d.url, { echo = function(sql) d.sent[#d.sent + 1] = sql end })
  d.Base = pg.orm.declarative_base(options)
  d.models = define(d.Base)
  d.Base.metadata:create_all(d.engine)
  d.Session = pg.orm.sessionmaker{ bind = d.engine }

  --- Empties all tables.
  function d.clear()
    local names = {}
    for i, tbl in ipairs(d.Base.metadata:sorted_tables()) do names[i] = '"' .. tbl.name .. '"' end
    d.engine:begin(function(conn)
      conn:exec_sql("TRUNCATE " .. table.concat(names, ", ") .. " RESTART IDENTITY CASCADE")
    end)
  end

  --- The statements that fn sends, without those that begin and end transactions.
  function d.statements_of(fn)
    local first = #d.sent + 1
    fn()
    local list = {}
    for i = first, #d.sent do
      if not d.sent[i]:find("^%u+$") and not d.sent[i]:find("SAVEPOINT") then list[#list + 1] = d.sent[i] end
    end
    return list
  end

  function d.psql(sql) return db.psql(sql, d.url) end

  function d.drop()
    assert(d.engine:pool_status().checked_out == 0, "a session was not closed")
    d.engine:dispose()
    drop()
  end
  return d
end

return orm_db
