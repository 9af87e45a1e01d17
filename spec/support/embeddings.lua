--- A server of embeddings for specs: an nginx whose vectors are made of a text's
-- length, its first and its last byte, and which can fail in many ways.

local embeddings = {}

local nginx = require "spec.support.nginx"

local http = [[
init_by_lua_block {
  json = require "cjson"
  times = {}
  function asked()
    ngx.req.read_body()
    local body = ngx.req.get_body_data()
    if not body then
      local file = io.open(ngx.req.get_body_file())
      body = file:read "*a"
      file:close()
    end
    return json.decode(body)
  end
  function vector(text) return { #text, text:byte() or 0, text:byte(-1) or 0 } end
  function answer(texts)
    local data = {}
    for i, text in ipairs(texts) do
      data[i] = { object = "embedding", index = i - 1, embedding = vector(text) }
    end
    return { object = "list", data = data }
  end
  -- Was this called less than n times?
  function within(n)
    local path = ngx.var.uri
    times[path] = (times[path] or 0) + 1
    return times[path] <= n
  end
  function fail(status, text)
    ngx.status = status
    ngx.print(text)
    ngx.exit(status)
  end
}]]

local content = {
  ["/v1/embeddings"] = [[ngx.print(json.encode(answer(asked().input)))]],
  ["/echo/embeddings"] = [[
local request = asked()
last = { request = request, headers = ngx.req.get_headers(), count = #request.input }
sizes = sizes or {}
sizes[#sizes + 1] = #request.input
ngx.print(json.encode(answer(request.input)))]],
  ["/last"] = [[
last.sizes, sizes = sizes, nil
ngx.print(json.encode(last))]],
  ["/shuffled/embeddings"] = [[
local whole = answer(asked().input)
local turned = {}
for i, item in ipairs(whole.data) do turned[#whole.data + 1 - i] = item end
whole.data = turned
ngx.print(json.encode(whole))]],
  ["/busy/embeddings"] = [[
if within(2) then
  ngx.header.retry_after = 7
  return fail(429, '{"error": {"message": "slow down"}}')
end
ngx.print(json.encode(answer(asked().input)))]],
  ["/later/embeddings"] = [[
if within(1) then
  ngx.header.retry_after = ngx.http_time(ngx.time() + 100)
  return fail(503, '')
end
ngx.print(json.encode(answer(asked().input)))]],
  ["/tomorrow/embeddings"] = [[
ngx.header.retry_after = 86400
fail(429, '{"error": {"message": "quota is used up"}}')]],
  ["/broken/embeddings"] = [[fail(500, '{"error": "out of memory"}')]],
  ["/page/embeddings"] = [[fail(502, "<html>\n  <b>Bad   Gateway</b>\n</html>\n")]],
  ["/refused/embeddings"] = [[fail(401, '{"error": {"message": "no such key"}}')]],
  ["/detail/embeddings"] = [[fail(400, '{"detail": "which model?"}')]],
  ["/moved/embeddings"] = [[ngx.redirect("http://elsewhere.example/v1/embeddings", 301)]],
  ["/hang/embeddings"] = [[ngx.sleep(within(1) and 5 or 0) ngx.print(json.encode(answer(asked().input)))]],
  ["/hangs/embeddings"] = [[ngx.sleep(5)]],
  ["/trickle/embeddings"] = [[for _ = 1, 50 do ngx.print(" ") ngx.flush(true) ngx.sleep(0.1) end]],
  ["/closes/embeddings"] = [[ngx.exit(444)]],
  ["/few/embeddings"] = [[ngx.print(json.encode(answer{ "one" }))]],
  ["/text/embeddings"] = [[ngx.print "hello"]],
  ["/cut/embeddings"] = [[ngx.print '{"data": [']],
  ["/nothing/embeddings"] = [[ngx.print '{"object": "list"}']],
  ["/words/embeddings"] = [[ngx.print '{"data": [{"index": 0, "embedding": ["a"]}]}']],
  ["/empty/embeddings"] = [[ngx.print '{"data": [{"index": 0, "embedding": []}]}']],
  ["/twice/embeddings"] = [[
ngx.print '{"data": [{"index": 0, "embedding": [1]}, {"index": 0, "embedding": [2]}]}']],
  ["/uneven/embeddings"] = [[
local n = #asked().input[1]
local long = {}
for i = 1, n do long[i] = i end
ngx.print(json.encode{ data = { { index = 0, embedding = long } } })]],
}

-- A TCP port that is free now.
local function free_port()
  local socket = require "socket"
  local listener = assert(socket.bind("127.0.0.1", 0))
  local _, port = listener:getsockname()
  listener:close()
  return port
end

--- Starts the server.
-- @tparam[opt] table tls `certificate` and `key`: files, for a second port
-- @treturn table `url`, `tls_url`, `last()`: what /echo was asked, `stop()`
function embeddings.start(tls)
  local port, tls_port = free_port(), tls and free_port()
  local server = ("listen 127.0.0.1:%s;\nclient_max_body_size 50m;"):format(port)
  if tls then
    server = ("%s\nlisten 127.0.0.1:%s ssl;\nssl_certificate %s;\nssl_certificate_key %s;"):format(server, tls_port,
      tls.certificate, tls.key)
  end
  local running = nginx.start{ http = http, content = content, server = server }
  return {
    url = ("http://127.0.0.1:%s"):format(port),
    port = port,
    tls_port = tls_port,
    last = function() return running.get "/last" end,
    stop = running.stop,
  }
end

return embeddings
