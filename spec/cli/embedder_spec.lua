-- Embeddings from a real HTTP server, with everything that can go wrong there. #programs

local certificates = require "spec.support.certificates"
local embeddings = require "spec.support.embeddings"
local json = require "pgvector.types.json"
local pg = require "pgvector"
local shell = require "spec.support.shell"

local embedder = require "pgvector.cli.embedder"

describe("the embedder #programs", function()
  local server, directory, slept
  local getenv = os.getenv
  local environment = {}

  setup(function()
    directory = shell.run "mktemp -d /tmp/lua-pgvector-embedder.XXXXXX"
    shell.run("chmod 755 " .. directory)
    local authority = certificates.authority(directory, "authority")
    environment.SSL_CERT_FILE = authority.path
    local certificate, key = authority.issue("server", "server", "DNS:localhost,DNS:*.spec.test,IP:127.0.0.1")
    server = embeddings.start{ certificate = certificate, key = key }
    os.getenv = function(name) return environment[name] or getenv(name) end -- luacheck: ignore 122
  end)
  teardown(function()
    os.getenv = getenv -- luacheck: ignore 122
    server.stop()
    shell.run("rm -rf " .. directory)
  end)
  before_each(function() slept = {} end)

  local function new(url, args)
    args = args or {}
    args.embedder = url
    return embedder.new(args, { sleep = function(seconds) slept[#slept + 1] = seconds end })
  end

  local function path(name, args) return new(server.url .. name, args) end

  -- The vectors of texts, as the server makes them.
  local function expected(texts)
    local vectors = {}
    for i, text in ipairs(texts) do vectors[i] = { #text, text:byte() or 0, text:byte(-1) or 0 } end
    return vectors
  end

  local function fails(embedder_of, message)
    local _, err = pg.try(embedder_of.embed, embedder_of, { "a" })
    assert.is_true(pg.is_error(err, "OperationalError"), tostring(err))
    assert.equal(message, (err.message:gsub(server.port, "PORT")))
  end

  it("makes vectors of texts, in their order, whatever is in them", function()
    local texts = { "a text", "", 'quotes " and \\', "lines\nand\ttabs", "größer", ("long "):rep(20000) }
    assert.same(expected(texts), path(""):embed(texts))
    assert.same({}, path(""):embed{})
  end)

  it("takes the server's address, that of its API, or that of the very service", function()
    for _, url in ipairs{ "", "/", "/v1", "/v1/", "/v1/embeddings" } do
      assert.same({ { 1, 97, 97 } }, path(url):embed{ "a" }, url)
    end
    local openai = require "pgvector.cli.embedder.openai"
    assert.equal("https://x/api/v3/embeddings", openai.endpoint "https://x/api/v3")
    assert.equal("https://x/d/embeddings?api-version=1", openai.endpoint "https://x/d/embeddings?api-version=1")
  end)

  it("follows the index of each vector", function()
    local texts = { "a", "bc", "def" }
    assert.same(expected(texts), path("/shuffled/embeddings"):embed(texts))
  end)

  it("sends model and texts, and the key that the environment holds", function()
    environment.SPEC_KEY = "secret"
    path("/echo/embeddings", { model = "small", embedder_key_env = "SPEC_KEY" }):embed{ "a", "b" }
    local last = json.decode(server.last())
    assert.equal("small", last.request.model)
    assert.equal("a b", table.concat(last.request.input, " "))
    assert.equal("Bearer secret", last.headers.authorization)
    assert.equal("application/json", last.headers["content-type"])
    path("/echo/embeddings"):embed{ "a" }
    last = json.decode(server.last())
    assert.is_nil(last.request.model)
    assert.is_nil(last.headers.authorization)
  end)

  it("sends no more texts at once than it is told to", function()
    local texts = {}
    for i = 1, 11 do texts[i] = "text " .. i end
    assert.same(expected(texts), path("/echo/embeddings", { embedder_batch = 4 }):embed(texts))
    assert.same("[4,4,3]", json.encode(json.decode(server.last()).sizes))
    for i = 12, 65 do texts[i] = "text " .. i end
    path("/echo/embeddings"):embed(texts)
    assert.same("[64,1]", json.encode(json.decode(server.last()).sizes))
  end)

  it("waits as long as a busy server says, and asks again", function()
    assert.same({ { 1, 97, 97 } }, path("/busy/embeddings"):embed{ "a" })
    assert.same({ 7, 7 }, slept)
    slept = {}
    assert.same({ { 1, 97, 97 } }, path("/later/embeddings"):embed{ "a" })
    assert.equal(1, #slept)
    assert.is_true(slept[1] >= 97 and slept[1] <= 101, slept[1])
  end)

  it("gives up on a server that wants a long pause", function()
    fails(path "/tomorrow/embeddings", "the embedder http://127.0.0.1:PORT/tomorrow/embeddings answered 429: "
      .. "quota is used up (and wants a pause of 86400 s)")
    assert.same({}, slept)
  end)

  it("asks five times, with longer and longer pauses, when a server fails", function()
    fails(path "/broken/embeddings",
      "the embedder http://127.0.0.1:PORT/broken/embeddings answered 500: out of memory (5 attempts)")
    assert.same({ 0.5, 1, 2, 4 }, slept)
    fails(path "/closes/embeddings",
      "the embedder http://127.0.0.1:PORT/closes/embeddings could not be asked: closed (5 attempts)")
  end)

  it("asks again after a time without an answer", function()
    assert.same({ { 1, 97, 97 } }, path("/hang/embeddings", { embedder_timeout = 0.2 }):embed{ "a" })
    assert.same({ 0.5 }, slept)
    local started = os.time()
    fails(path("/hangs/embeddings", { embedder_timeout = 0.2 }),
      "the embedder http://127.0.0.1:PORT/hangs/embeddings gave no answer within 0.2 s (5 attempts)")
    fails(path("/trickle/embeddings", { embedder_timeout = 0.3 }),
      "the embedder http://127.0.0.1:PORT/trickle/embeddings gave no answer within 0.3 s (5 attempts)")
    assert.is_true(os.time() - started <= 5)
  end)

  it("tells in the server's words why it refuses, and asks once", function()
    for name, message in pairs{
      refused = "answered 401: no such key",
      detail = "answered 400: which model?",
      moved = "answered 301: go to http://elsewhere.example/v1/embeddings",
    } do
      fails(path("/" .. name .. "/embeddings"),
        ("the embedder http://127.0.0.1:PORT/%s/embeddings %s"):format(name, message))
    end
    assert.same({}, slept)
    fails(path "/page/embeddings", "the embedder http://127.0.0.1:PORT/page/embeddings answered 502: "
      .. "<html> <b>Bad Gateway</b> </html> (5 attempts)")
  end)

  it("tells that there is no server", function()
    fails(new "http://127.0.0.1:1", "the embedder http://127.0.0.1:1/v1/embeddings could not be asked: "
      .. "connection refused")
    assert.same({}, slept)
  end)

  it("shows no password", function()
    fails(new "http://me:secret@127.0.0.1:1", "the embedder http://127.0.0.1:1/v1/embeddings could not be asked: "
      .. "connection refused")
  end)

  it("takes nothing for vectors that is none", function()
    for name, message in pairs{
      few = "it has 1 vectors for 2 texts",
      nothing = "it has no 'data'",
      twice = "element 2 of 'data' has the index 0",
    } do
      local _, err = pg.try(function() path("/" .. name .. "/embeddings"):embed{ "a", "b" } end)
      assert.truthy(err.message:find("gave an answer that is of no use: " .. message, 1, true), err.message)
    end
    for name, message in pairs{
      text = "invalid JSON", cut = "invalid JSON", words = "element 1 of 'data' has no 'embedding' of numbers",
      empty = "element 1 of 'data' has no 'embedding' of numbers",
    } do
      local _, err = pg.try(function() path("/" .. name .. "/embeddings"):embed{ "a" } end)
      assert.truthy(err.message:find("gave an answer that is of no use: " .. message, 1, true), err.message)
    end
  end)

  it("insists on vectors of one length", function()
    local uneven = path "/uneven/embeddings"
    assert.same({ { 1, 2, 3 } }, uneven:embed{ "abc" })
    assert.equal(3, uneven.dimensions)
    local _, err = pg.try(uneven.embed, uneven, { "abcd" })
    assert.truthy(err.message:find("gave a vector of 4 dimensions after one of 3", 1, true))
  end)

  describe("over TLS", function()
    it("checks who signed the certificate", function()
      assert.same({ { 1, 97, 97 } }, new("https://localhost:" .. server.tls_port):embed{ "a" })
      assert.same({ { 1, 97, 97 } }, new("https://127.0.0.1:" .. server.tls_port):embed{ "a" })
      local trusted = environment.SSL_CERT_FILE
      environment.SSL_CERT_FILE = nil
      finally(function() environment.SSL_CERT_FILE = trusted end)
      local _, err = pg.try(function() new("https://localhost:" .. server.tls_port):embed{ "a" } end)
      assert.truthy(err.message:find "could not be asked: certificate verify failed", err.message)
    end)

    it("checks that the certificate is the server's", function()
      local authority = certificates.authority(directory, "other")
      local certificate, key = authority.issue("elsewhere", "localhost", "DNS:elsewhere.test,DNS:*.localhost")
      local other = embeddings.start{ certificate = certificate, key = key }
      local trusted = environment.SSL_CERT_FILE
      environment.SSL_CERT_FILE = authority.path
      finally(function()
        environment.SSL_CERT_FILE = trusted
        other.stop()
      end)
      local _, err = pg.try(function() new("https://localhost:" .. other.tls_port):embed{ "a" } end)
      assert.truthy(err.message:find("could not be asked: its certificate is not that of localhost", 1, true), err.message)
    end)

    it("waits no longer than it should", function()
      local listener = require("socket").bind("127.0.0.1", 0) -- accepts, and says nothing
      finally(function() listener:close() end)
      local _, port = listener:getsockname()
      local _, err = pg.try(function() new("https://127.0.0.1:" .. port, { embedder_timeout = 0.1 }):embed{ "a" } end)
      assert.truthy(err.message:find("gave no answer within 0.1 s (5 attempts)", 1, true), err.message)
    end)

    it("tells what is missing without luasec", function()
      local loaded, preload = package.loaded.ssl, package.preload.ssl
      package.loaded.ssl, package.preload.ssl = nil, function() error "not here" end
      finally(function() package.loaded.ssl, package.preload.ssl = loaded, preload end)
      assert.error_matches(function() new("https://localhost:1"):embed{ "a" } end,
        "the embedder needs luasec %(luarocks install luasec, or Debian's lua%-sec%)")
    end)
  end)

  it("is nobody's unless asked for", function()
    assert.is_nil(embedder.new{})
    environment.PGVECTOR_EMBEDDER = server.url
    finally(function() environment.PGVECTOR_EMBEDDER = nil end)
    assert.same({ { 1, 97, 97 } }, embedder.new({}):embed{ "a" })
  end)

  it("refuses a command line that cannot be meant", function()
    for _, case in ipairs{
      { { embedder = "localhost:11434" }, "--embedder: expected http://… or https://…, got 'localhost:11434'" },
      { { embedder = "http://x", embedder_key_env = "NO_SUCH_KEY" },
        "--embedder-key-env: there is no NO_SUCH_KEY in the environment" },
    } do
      local _, err = pg.try(embedder.new, case[1])
      assert.equal(case[2], err.message)
      assert.is_true(err.usage)
    end
  end)
end)
