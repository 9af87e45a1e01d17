--- Where the specs' PostgreSQL is, and databases of their own for them.
--
--     local url, drop
--     setup(function() url, drop = db.create() end)
--     teardown(function() drop() end)

local shell = require "spec.support.shell"

local db = {}

local quoted, output_of = shell.quoted, shell.run

local server

--- The server's URL: PGVECTOR_URL, or that of tools/postgres, which must run.
-- @tparam[opt] string name another database on it
function db.url(name)
  server = server or output_of("tools/postgres url")
  if not name then return server end
  local head, tail = server:match("^(%w+://[^/?]*)/?[^?]*(.*)$")
  return head and head .. "/" .. name .. tail or server .. " dbname=" .. name
end

--- A URL with one more of libpq's keywords, which wins over what it says itself.
-- @tparam string url
-- @tparam string keyword such as "options" or "user"
-- @tparam string value
function db.with(url, keyword, value)
  if not url:find("^%w+://") then return ("%s %s='%s'"):format(url, keyword, value:gsub("[\\']", "\\%0")) end
  local encoded = value:gsub("[^%w]", function(c) return ("%%%02X"):format(c:byte()) end)
  return ("%s%s%s=%s"):format(url, url:find("?", 1, true) and "&" or "?", keyword, encoded)
end

--- Runs SQL with psql, away from the code that is being tested.
-- @treturn string rows on lines, columns separated by '|'
function db.psql(sql, url)
  return output_of("psql -XAtq -v ON_ERROR_STOP=1 -d " .. quoted(url or db.url()) .. " -c " .. quoted(sql))
end

local created = 0

--- Makes an empty database with pgvector in it.
-- @treturn string its URL
-- @treturn function drops it, whoever is still connected
function db.create()
  created = created + 1
  local name = ("spec_%d_%s_%d"):format(os.time(), tostring(db):match("(%x+)$"), created)
  db.psql("CREATE DATABASE " .. name)
  db.psql("CREATE EXTENSION vector", db.url(name))
  return db.url(name), function()
    db.psql("DROP DATABASE IF EXISTS " .. name .. " WITH (FORCE)")
  end
end

--- Watches what the server does for a database.
-- @tparam string url
-- @treturn table `count(condition)`: how many of its processes there are, by a
--   condition on pg_stat_activity; `comes_to(number, condition)`: is that their
--   number, within some seconds?
function db.watch(url)
  local watch = {}
  function watch.count(condition)
    return tonumber(db.psql("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
      .. "AND pid <> pg_backend_pid() AND (" .. condition .. ")", url))
  end
  function watch.comes_to(number, condition)
    for _ = 1, 300 do
      if watch.count(condition) == number then return true end
      os.execute "sleep 0.03"
    end
    return false
  end
  return watch
end

return db
