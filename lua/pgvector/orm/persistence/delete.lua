--- DELETEs of instances, from all of their tables, the last one first.
-- @module pgvector.orm.persistence.delete

local compiler = require "pgvector.sql.compiler"
local delete = require "pgvector.sql.update".delete
local stored = require "pgvector.orm.stored"
local statement = require "pgvector.orm.persistence.statement"

--- Deletes instances of one mapper. A row that is gone already is as wanted,
-- unless the model has a version.
-- @tparam Connection conn
-- @tparam Mapper mapper
-- @tparam table objects sequence of `{ object, state }`
-- @raise StaleDataError if a row is another version than is known
return function(conn, mapper, objects)
  for _, pair in ipairs(objects) do stored.know_version(pair[1], pair[2]) end
  for i = #mapper.tables, 1, -1 do
    local tbl = mapper.tables[i]
    local key = "delete\0" .. tbl.key
    local stmt = mapper._statements[key] or stored.restrict(delete(tbl), mapper, tbl)
    mapper._statements[key] = stmt
    local compiled = compiler.compile(stmt, nil, conn._schema_map)
    local jobs = {}
    for j, pair in ipairs(objects) do jobs[j] = statement.job(compiled, stored.params_of(pair[2], tbl)) end
    local result = statement.run(conn, jobs)
    if mapper.version and mapper.version.table == tbl then
      stored.expect("DELETE", tbl.name, result, #jobs, function(j) return tostring(objects[j][1]) end, true)
    end
  end
end
