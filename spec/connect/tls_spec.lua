--- TLS: what each sslmode checks, against certificates made for it.

local certificates = require "spec.support.certificates"
local cluster = require "spec.support.cluster"
local core = require "pgvector.core"
local pg = require "pgvector"
local ways = require "spec.support.ways"

describe("a connection with TLS", function()
  local server, port, files
  local issued = {} -- the server's certificates: name → { certificate, key }

  local function use(name)
    server.configure{ ssl = "on", ssl_cert_file = issued[name][1], ssl_key_file = issued[name][2] }
  end

  setup(function()
    port = cluster.free_port()
    server = cluster.start{ port = port, listen_addresses = "127.0.0.1" }
    files = server.directory
    local authority = certificates.authority(files, "trusted")
    certificates.authority(files, "foreign")
    for _, case in ipairs{ { "good", "DNS:db.example,IP:127.0.0.1" }, { "expired", "DNS:db.example", -1 } } do
      local name, names, days = case[1], case[2], case[3]
      issued[name] = { authority.issue(name, "db.example", names, days) }
      server.own(issued[name][1], issued[name][2])
    end
    authority.issue("client", "ada")
    authority.issue("other", "eve")
    server.psql("CREATE ROLE ada LOGIN PASSWORD 'secret'", "CREATE ROLE tls_only LOGIN", "CREATE ROLE clear_only LOGIN",
      "CREATE ROLE scram LOGIN PASSWORD 'secret'")
    server.configure{ ssl_ca_file = authority.path }
    use "good"
    server.allow [[
hostssl all ada all cert
hostssl all tls_only all trust
hostnossl all tls_only all reject
hostssl all clear_only all reject
hostnossl all clear_only all trust
host all scram all scram-sha-256]]
  end)
  teardown(function() server.remove() end)

  -- Connects to the address as db.example and returns what `answer(conn)` does.
  local function connect(settings, answer)
    local target = { host = "db.example", hostaddr = "127.0.0.1", port = port, user = "postgres", dbname = "pgvector" }
    for k, v in pairs(settings) do target[k] = type(v) == "string" and v:gsub("^~", files) or v end
    local engine = pg.create_engine(target)
    local ok, result = pcall(engine.connect, engine, answer)
    engine:dispose()
    if not ok then error(result, 0) end
    return result
  end

  local function encrypted(conn)
    local seen = conn:exec_sql("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"):scalar()
    assert.equal(seen, conn.info.encrypted)
    return seen
  end

  -- settings; is it encrypted, or the error's message; under event loops, too: where
  -- libpq connects again, where it waits for more than the server's greeting
  local ca = "~/trusted.crt"
  local cases = {
    { { sslmode = "disable" }, false },
    { { sslmode = "allow" }, false },
    { { sslmode = "prefer" }, true },
    { {}, true },
    { { sslmode = "require" }, true },
    { { sslmode = "disable", user = "tls_only" }, "pg_hba.conf rejects connection" },
    { { sslmode = "allow", user = "tls_only" }, true, everywhere = true },
    { { sslmode = "prefer", user = "clear_only" }, false, everywhere = true },
    { { sslmode = "require", user = "clear_only" }, "pg_hba.conf rejects connection", everywhere = true },

    { { sslmode = "verify-ca", sslrootcert = ca }, true },
    { { sslmode = "verify-ca", sslrootcert = ca, host = "elsewhere.example" }, true },
    { { sslmode = "verify-ca", sslrootcert = "~/foreign.crt" }, "certificate verify failed" },
    { { sslmode = "verify-ca", sslrootcert = "~/missing.crt" }, "root certificate file" },
    { { sslmode = "require", sslrootcert = "~/foreign.crt" }, "certificate verify failed" },
    { { sslmode = "verify-full", sslrootcert = ca }, true },
    { { sslmode = "verify-full", sslrootcert = ca, host = "127.0.0.1" }, true },
    { { sslmode = "verify-full", sslrootcert = ca, host = "elsewhere.example" },
      'server certificate for "db.example" (and 1 other name) does not match host name "elsewhere.example"' },
    { { sslmode = "verify-full", sslrootcert = "~/foreign.crt" }, "certificate verify failed", everywhere = true },

    { { sslmode = "verify-full", sslrootcert = ca, user = "ada",
      sslcert = "~/client.crt", sslkey = "~/client.key" }, true, everywhere = true },
    { { sslmode = "verify-full", sslrootcert = ca, user = "ada", sslcert = "~/other.crt", sslkey = "~/other.key" },
      'certificate authentication failed for user "ada"' },
    { { sslmode = "verify-full", sslrootcert = ca, user = "ada" }, "connection requires a valid client certificate" },
    { { sslmode = "verify-full", sslrootcert = ca, user = "ada", sslcert = "~/client.crt", sslkey = "~/other.key" },
      "other.key" },

    { { sslmode = "require", user = "scram", password = "secret", channel_binding = "require" }, true, everywhere = true },
    { { sslmode = "disable", user = "scram", password = "secret", channel_binding = "require" }, "channel binding required" },
    { { sslmode = "disable", user = "scram", password = "secret", channel_binding = "disable" }, false },
    { { sslmode = "require", user = "tls_only", channel_binding = "require" }, "channel binding required" },
    { { sslmode = "require", ssl_min_protocol_version = "TLSv1.3" }, true },
  }

  local function title(settings)
    local words = {}
    for _, name in ipairs{ "sslmode", "sslrootcert", "host", "user", "sslcert", "sslkey", "channel_binding",
      "ssl_min_protocol_version" } do
      if settings[name] then words[#words + 1] = name .. "=" .. settings[name]:gsub("^~/", "") end
    end
    return #words > 0 and table.concat(words, " ") or "no sslmode"
  end

  for _, way in ipairs(ways) do
    describe("(" .. way.name .. ")", function()
      local function check(settings, expected)
        local outcome = type(expected) == "string" and "is refused" or expected and "is encrypted" or "is not encrypted"
        it(outcome .. ": " .. title(settings), function()
          way.run(function()
            if type(expected) == "boolean" then
              assert.equal(expected, connect(settings, encrypted))
            else
              local _, err = pg.try(connect, settings, encrypted)
              assert.equal("OperationalError", err.class)
              assert.matches(expected, err.message, 1, true)
              assert.is_nil(tostring(err):find("secret", 1, true))
            end
          end)
        end)
      end
      for _, case in ipairs(cases) do
        if way.name == "blocking" or case.everywhere then check(case[1], case[2]) end
      end

      it("carries results of any size", function()
        way.run(function()
          assert.is_true(connect({ sslmode = "require" }, function(conn)
            local text = ("0123456789"):rep(300000)
            return conn:exec_sql("SELECT $1::text || $1::text", { text }):scalar() == text .. text
          end))
        end)
      end)

      it("carries COPY in both directions", function()
        way.run(function()
          assert.equal(5000, connect({ sslmode = "require" }, function(conn)
            conn:exec_sql "CREATE TEMPORARY TABLE items (id int, embedding vector(64))"
            local vector = {}
            for i = 1, 64 do vector[i] = i end
            conn:copy_in("items", { "id", "embedding" }, function(copy)
              for i = 1, 5000 do copy:write_row(i, vector) end
            end)
            return conn:copy_out("items", function() end)
          end))
        end)
      end)

      it("stops a statement at its deadline", function()
        way.run(function()
          connect({ sslmode = "require" }, function(conn)
            conn:execution_options{ timeout = 0.1 }
            local started = core.now()
            local _, err = pg.try(conn.exec_sql, conn, "SELECT pg_sleep(20)")
            assert.equal("TimeoutError", err.class)
            assert.is_nil(err.is_disconnect)
            assert.is_true(core.now() - started < 10)
          end)
        end)
      end)
    end)
  end

  it("is refused with a certificate that has expired, unless nobody asks", function()
    use "expired"
    finally(function() use "good" end)
    for _, mode in ipairs{ "verify-ca", "verify-full" } do
      local _, err = pg.try(connect, { sslmode = mode, sslrootcert = ca }, encrypted)
      assert.equal("OperationalError", err.class)
      assert.matches("certificate verify failed", err.message)
    end
    assert.is_true(connect({ sslmode = "require" }, encrypted))
  end)

  it("is not to be had of a server without TLS", function()
    server.configure{ ssl = "off" }
    finally(function() use "good" end)
    for _, mode in ipairs{ "require", "verify-ca", "verify-full" } do
      local _, err = pg.try(connect, { sslmode = mode, sslrootcert = ca }, encrypted)
      assert.equal("OperationalError", err.class)
      assert.matches("server does not support SSL, but SSL was required", err.message)
    end
    assert.is_false(connect({ sslmode = "prefer" }, encrypted))
  end)
end)
