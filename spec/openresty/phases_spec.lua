-- What may be done in which phase of nginx.

local db = require "spec.support.db"
local nginx = require "spec.support.nginx"
local shell = require "spec.support.shell"

local http = [[
init_by_lua_block {
  pg = require "pgvector"
  engine = pg.create_engine(os.getenv "PGVECTOR_URL")
  function ask(n) return engine:connect(function(conn) return conn:exec_sql("SELECT " .. n):scalar() end) end
  function try(where)
    local ok, err = pcall(ask, 1)
    return where .. ": " .. (ok and "worked" or err.class .. ": " .. err.message)
  end
  in_init = ask(11)
  engine:dispose() -- a connection must not be shared by what is forked
}
init_worker_by_lua_block {
  in_init_worker = ask(12)
  ngx.timer.at(0, function() in_timer = ask(13) end)
}]]

local upstream = [[
upstream balanced {
  server 127.0.0.1:1;
  balancer_by_lua_block { in_balancer = try "balancer" ngx.exit(503) }
}]]

-- A certificate made on the spot, and put in place by Lua after asking the server.
local tls = [[
listen unix:%s/tls.sock ssl;
ssl_certificate %s/tls.crt;
ssl_certificate_key %s/tls.key;
ssl_certificate_by_lua_block { in_ssl_cert = ask(14) }
]]

local server_block = [[
location = /phases {
  rewrite_by_lua_block { ngx.ctx.rewrite = ask(1) }
  access_by_lua_block { ngx.ctx.access = ask(2) }
  content_by_lua_block {
    ngx.say(in_init, " ", in_init_worker, " ", in_timer, " ", ngx.ctx.rewrite, " ", ngx.ctx.access, " ", ask(3))
  }
}
location = /carried {
  rewrite_by_lua_block {
    ngx.ctx.conn = engine:connect()
    ngx.ctx.conn:exec_sql "SELECT 1"
  }
  content_by_lua_block { ngx.say(ngx.ctx.conn:exec_sql("SELECT 4"):scalar()) ngx.ctx.conn:close() }
}
location = /balanced { proxy_pass http://balanced; }
location = /balancer { content_by_lua_block { ngx.say(in_balancer) } }
location = /filters {
  set_by_lua_block $set { return try "set" }
  header_filter_by_lua_block { ngx.header["X-Try"] = try "header_filter" }
  body_filter_by_lua_block { if ngx.arg[2] then ngx.arg[1] = try "body_filter" .. "\n" end }
  log_by_lua_block { in_log = try "log" }
  content_by_lua_block { ngx.header["X-Set"] = ngx.var.set ngx.say "" }
}
location = /tls { content_by_lua_block { ngx.say(in_ssl_cert) } }
location = /log { content_by_lua_block { ngx.say(in_log) } }
location = /used-in-log {
  content_by_lua_block {
    ngx.ctx.conn = engine:connect()
    ngx.ctx.conn:exec_sql "CREATE TABLE made_in_content (i int)"
    ngx.ctx.conn:commit()
    ngx.say "ok"
  }
  log_by_lua_block {
    local ok, err = pcall(ngx.ctx.conn.exec_sql, ngx.ctx.conn, "DROP TABLE made_in_content")
    in_log = tostring(ok) .. " " .. err.class
    ngx.ctx.conn:close()
  }
}]]

local refusal = ": InterfaceError: the database cannot be waited for in nginx's %s phase: "
  .. "do the work in a timer, ngx.timer.at(0, function)"

describe("the phases of nginx #programs #nginx", function()
  local server, url, drop, directory

  setup(function()
    url, drop = db.create()
    directory = shell.run "mktemp -d /tmp/lua-pgvector-tls.XXXXXX"
    shell.run("chmod 755 " .. directory .. " && openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost "
      .. ("-keyout %s/tls.key -out %s/tls.crt 2>/dev/null"):format(directory, directory))
    server = nginx.start{ url = url, http = http .. upstream,
      server = tls:format(directory, directory, directory) .. server_block }
  end)
  teardown(function()
    server.stop()
    drop()
    shell.run("rm -rf " .. directory)
  end)

  it("have the database in init, init_worker, timers, rewrite, access and content", function()
    assert.equal("11 12 13 1 2 3", server.get "/phases")
  end)

  it("have it while TLS begins", function()
    shell.run(("curl -skS --max-time 30 --unix-socket %s/tls.sock https://localhost/phases"):format(directory))
    assert.equal("14", server.get "/tls")
  end)

  it("may hand a connection from one to the next", function()
    assert.equal("4", server.get "/carried")
  end)

  it("refuse it in set, header and body filters, log and balancer", function()
    local answer = server.get("/filters", "-i")
    for name, phase in pairs{ ["X-Set: set"] = "set", ["X-Try: header_filter"] = "header_filter",
                              ["\nbody_filter"] = "body_filter" } do
      assert.is_truthy(answer:find(name .. refusal:format(phase), 1, true), answer)
    end
    assert.equal("log" .. refusal:format "log", server.get "/log")
    server.body "/balanced"
    assert.equal("balancer" .. refusal:format "balancer", server.get "/balancer")
  end)

  it("send nothing to the server where they refuse", function()
    assert.equal("ok", server.get "/used-in-log")
    assert.equal("false InterfaceError", server.get "/log")
    os.execute "sleep 0.2"
    assert.equal("1", db.psql("SELECT count(*) FROM pg_class WHERE relname = 'made_in_content'", url))
  end)
end)

describe("wait = 'openresty' outside nginx", function()
  it("is refused", function()
    local pg = require "pgvector"
    local ok, err = pcall(pg.create_engine, db.url(), { wait = "openresty" })
    assert.is_false(ok)
    assert.equal("InterfaceError", err.class)
    assert.equal("wait: 'openresty' works inside nginx with its Lua module only", err.message)
  end)
end)
