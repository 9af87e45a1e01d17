--- DDL without a server: a bind that records what is run, and the SQL of one
-- statement.
local ddl = {}

--- A bind for create_all and drop_all.
-- @tparam[opt] table existing set of names that the catalogs have
-- @treturn table bind; `bind.statements` is what was run, catalog queries left out
function ddl.recorder(existing)
  local bind = { statements = {}, queries = 0 }
  function bind._ddl_runner(_, fn)
    fn(function(statement, params)
      if type(statement) == "string" then
        bind.queries = bind.queries + 1
        local rows = {}
        for i = 1, params.n do
          if existing and existing[params[i]] then rows[#rows + 1] = { i } end
        end
        return rows
      end
      bind.statements[#bind.statements + 1] = (statement:compile())
      return {}
    end)
  end
  return bind
end

return ddl
