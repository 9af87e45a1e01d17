--- What libpq's connection settings do, against a server that asks for it.

local cluster = require "spec.support.cluster"
local pg = require "pgvector"
local shell = require "spec.support.shell"
local uv = require "luv" -- it can set variables of the environment
local ways = require "spec.support.ways"

local SECRET = "s3cr3t öç%'"
local ENCODED = "s3cr3t%20%C3%B6%C3%A7%25'"

describe("connection settings", function()
  local server, port, directory, socket_directory

  setup(function()
    port = cluster.free_port()
    server = cluster.start{ port = port, listen_addresses = "127.0.0.1,::1" }
    directory, socket_directory = server.directory, server.url:match("host=([^&]*)")
    local quoted = SECRET:gsub("'", "''")
    server.psql("CREATE ROLE scram LOGIN PASSWORD '" .. quoted .. "'", "SET password_encryption = md5",
      "CREATE ROLE old LOGIN PASSWORD '" .. quoted .. "'", "CREATE ROLE refused LOGIN")
    server.allow [[
host all refused all reject
host all scram all scram-sha-256
host all old all md5]]
  end)
  teardown(function() server.remove() end)

  -- Fills in where the server is.
  local function filled(text)
    return (text:gsub("%u%u%u%u+", { PORT = tostring(port), SOCKETS = socket_directory, SECRET = SECRET, ENCODED = ENCODED }))
  end

  local function target_of(given)
    if type(given) == "string" then return filled(given) end
    local keywords = {}
    for k, v in pairs(given) do keywords[k] = type(v) == "string" and filled(v) or v end
    return keywords
  end

  -- What a SQL expression is on a connection.
  local function ask(sql, target, options)
    local engine = pg.create_engine(target_of(target), options)
    local ok, answer = pcall(engine.connect, engine, function(conn) return conn:exec_sql("SELECT " .. sql):scalar() end)
    engine:dispose()
    if not ok then error(answer, 0) end
    return answer
  end

  local function write(name, text)
    local path = directory .. "/" .. name
    local file = assert(io.open(path, "w"))
    file:write(filled(text), "\n")
    file:close()
    shell.run("chmod 600 " .. path)
    return path
  end

  local function with_variable(name, value, fn)
    local former = os.getenv(name)
    uv.os_setenv(name, value)
    local ok, err = pcall(fn)
    if former then uv.os_setenv(name, former) else uv.os_unsetenv(name) end
    if not ok then error(err, 0) end
  end

  local whereabouts = "coalesce(host(inet_server_addr()), 'socket') || ' ' || current_user || ' ' || current_database()"

  local forms = {
    { "a URL", "postgresql://postgres@127.0.0.1:PORT/pgvector", "127.0.0.1 postgres pgvector" },
    { "a URL with a password", "postgres://scram:ENCODED@127.0.0.1:PORT/pgvector", "127.0.0.1 scram pgvector" },
    { "a URL of SQLAlchemy's", "postgresql+psycopg://postgres@127.0.0.1:PORT/pgvector", "127.0.0.1 postgres pgvector" },
    { "a URL with an IPv6 address", "postgresql://postgres@[::1]:PORT/pgvector", "::1 postgres pgvector" },
    { "a URL with everything in parameters", "postgresql:///?host=127.0.0.1&port=PORT&user=postgres&dbname=pgvector",
      "127.0.0.1 postgres pgvector" },
    { "a URL of a Unix socket", "postgresql:///pgvector?host=SOCKETS&port=PORT&user=postgres", "socket postgres pgvector" },
    { "keywords in a string", "host=127.0.0.1 port=PORT user=postgres dbname=pgvector", "127.0.0.1 postgres pgvector" },
    { "keywords of a Unix socket", "host=SOCKETS port=PORT user=postgres dbname=pgvector", "socket postgres pgvector" },
    { "a table", { host = "::1", port = "PORT", user = "scram", password = "SECRET", dbname = "pgvector" },
      "::1 scram pgvector" },
    { "a name with an address beside it",
      { host = "db.example", hostaddr = "127.0.0.1", port = "PORT", user = "postgres", dbname = "pgvector" },
      "127.0.0.1 postgres pgvector" },
  }
  for _, form in ipairs(forms) do
    it("may be " .. form[1], function()
      assert.equal(form[3], ask(whereabouts, form[2]))
    end)
  end

  it("may be completed by connect_args", function()
    assert.equal("127.0.0.1 scram pgvector", ask(whereabouts, "postgresql://postgres@127.0.0.1/pgvector",
      { connect_args = { port = port, user = "scram", password = SECRET } }))
  end)

  it("may come from a service file", function()
    local path = write("services", "[app]\nhost=127.0.0.1\nport=PORT\nuser=postgres\ndbname=pgvector\napplication_name=served")
    with_variable("PGSERVICEFILE", path, function()
      assert.equal("127.0.0.1 postgres pgvector", ask(whereabouts, "service=app"))
      assert.equal("served", ask("current_setting('application_name')", "postgresql://?service=app"))
      assert.equal("socket postgres pgvector", ask(whereabouts, { service = "app", host = "SOCKETS" }))
      local _, err = pg.try(ask, "1", "service=ape")
      assert.equal("OperationalError", err.class)
      assert.matches('definition of service "ape" not found', err.message, 1, true)
    end)
  end)

  it("may leave the password to a password file", function()
    local escaped = SECRET:gsub("[\\:]", "\\%0")
    local path = write("passwords", "# ours\n127.0.0.1:PORT:*:scram:" .. escaped)
    assert.equal("127.0.0.1 scram pgvector",
      ask(whereabouts, { host = "127.0.0.1", port = "PORT", user = "scram", dbname = "pgvector", passfile = path }))
    with_variable("PGPASSFILE", path, function()
      assert.equal("127.0.0.1 scram pgvector", ask(whereabouts, "postgresql://scram@127.0.0.1:PORT/pgvector"))
    end)
  end)

  it("may come from the environment", function()
    with_variable("PGPORT", tostring(port), function()
      with_variable("PGHOST", "127.0.0.1", function()
        assert.equal("127.0.0.1 postgres pgvector", ask(whereabouts, "postgresql:///pgvector?user=postgres"))
      end)
    end)
  end)

  local tcp = "postgresql://postgres@127.0.0.1:PORT/pgvector"
  local effects = {
    { "?application_name=loader", "current_setting('application_name')", "loader" },
    { "", "current_setting('application_name')", "lua-pgvector" },
    { "?options=-c%20work_mem%3D3MB", "current_setting('work_mem')", "3MB" },
    { "", "current_setting('client_encoding')", "UTF8" },
    { "?keepalives=0", "1", 1 },
    { "?keepalives=1&keepalives_idle=30&keepalives_interval=5&keepalives_count=3&tcp_user_timeout=10000", "1", 1 },
    { "?connect_timeout=10", "1", 1 },
    { "?sslmode=disable&gssencmode=disable&target_session_attrs=any", "1", 1 },
    { "?channel_binding=prefer", "1", 1 },
  }
  for _, case in ipairs(effects) do
    it(("take effect: %s, %s"):format(case[1], case[2]), function()
      assert.equal(case[3], ask(case[2], tcp .. case[1]))
    end)
  end

  local function has_secret(value, seen)
    if type(value) == "string" then return value:find("s3cr3t", 1, true) or value:find("wr0ng", 1, true) end
    if type(value) ~= "table" or seen[value] then return false end
    seen[value] = true
    for k, v in pairs(value) do
      if has_secret(k, seen) or has_secret(v, seen) then return true end
    end
    return false
  end

  local refused = {
    { "a wrong password", "postgresql://scram:wr0ng@127.0.0.1:PORT/pgvector", "28P01",
      'password authentication failed for user "scram"' },
    { "a wrong password, the old way", "postgresql://old:wr0ng@127.0.0.1:PORT/pgvector", "28P01",
      'password authentication failed for user "old"' },
    { "no password", "postgresql://scram@127.0.0.1:PORT/pgvector", nil, "no password supplied" },
    { "a user whom the server does not let in", "postgresql://refused:wr0ng@127.0.0.1:PORT/pgvector", "28000",
      "pg_hba.conf rejects connection" },
    { "an unknown user", "postgresql://nobody_at_all:wr0ng@127.0.0.1:PORT/pgvector", "28000",
      'role "nobody_at_all" does not exist' },
    { "an unknown database", "postgresql://scram:ENCODED@127.0.0.1:PORT/nowhere", "3D000",
      'database "nowhere" does not exist' },
    { "a port where nobody listens", "postgresql://scram:wr0ng@127.0.0.1:1/pgvector", nil, "Connection refused" },
    { "a socket that is not there", "postgresql://scram:wr0ng@/pgvector?host=/nowhere", nil, "No such file or directory" },
    { "a name that has no address", "postgresql://scram:wr0ng@no..name/pgvector", nil, "could not translate host name" },
    { "channel binding without TLS", "postgresql://scram:ENCODED@127.0.0.1:PORT/pgvector?channel_binding=require", nil,
      "channel binding required, but SSL not in use" },
    { "a mode that there is not", "postgresql://scram:ENCODED@127.0.0.1:PORT/pgvector?sslmode=always", nil,
      'invalid sslmode value: "always"' },
    { "TLS, which the server has not", "postgresql://scram:ENCODED@127.0.0.1:PORT/pgvector?sslmode=require", nil,
      "server does not support SSL, but SSL was required" },
  }
  for _, way in ipairs(ways) do
    for _, case in ipairs(refused) do
      it(("that ask for %s fail, saying so and no secret (%s)"):format(case[1], way.name), function()
        local log = {}
        local engine = pg.create_engine(filled(case[2]), { echo = function(...) log[#log + 1] = { ... } end })
        local err
        way.run(function() _, err = pg.try(engine.connect, engine) end)
        assert.equal("OperationalError", err.class)
        assert.equal(case[3], err.sqlstate)
        assert.is_true(err.is_disconnect)
        assert.matches(case[4], err.message, 1, true)
        assert.is_false(has_secret(err, {}) or false)
        assert.is_false(has_secret({ tostring(err), tostring(engine), log }, {}) or false)
        assert.same({ size = 5, checked_in = 0, checked_out = 0, overflow = 0 }, engine:pool_status())
      end)
    end

    for _, user in ipairs{ "scram", "old" } do
      it(("let %s in with the right password (%s)"):format(user, way.name), function()
        way.run(function()
          assert.equal(user, ask("current_user", ("postgresql://%s:ENCODED@[::1]:PORT/pgvector"):format(user)))
        end)
      end)
    end
  end
end)
