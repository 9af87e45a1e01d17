--- HTTP for the command line: one POST at a time, by luasocket, and luasec for
-- https. The server's certificate and its name are checked; no redirection is
-- followed, because the request may carry a key.
-- @module pgvector.cli.embedder.http

local core = require "pgvector.core"
local errors = require "pgvector.errors"

local http = {}

local function need(module, rock, package)
  local ok, library = pcall(require, module)
  if ok then return library end
  errors.raise("InvalidRequestError", "the embedder needs %s (luarocks install %s, or Debian's %s)", rock, rock,
    package)
end

---- certificates -----------------------------------------------------------------

-- Where systems keep the authorities that they trust.
local bundles = {
  "/etc/ssl/certs/ca-certificates.crt", -- Debian
  "/etc/pki/tls/certs/ca-bundle.crt",   -- Fedora
  "/etc/ssl/cert.pem",                  -- Alpine, BSD, macOS
}

local function authorities()
  local file, directory = os.getenv "SSL_CERT_FILE", os.getenv "SSL_CERT_DIR"
  if file or directory then return file, directory end
  for _, path in ipairs(bundles) do
    local bundle = io.open(path)
    if bundle then
      bundle:close()
      return path
    end
  end
  return nil, "/etc/ssl/certs"
end

local function same_name(pattern, host)
  pattern, host = pattern:lower(), host:lower():gsub("%.$", "")
  if pattern == host then return true end
  local parent = pattern:match("^%*(%..+%..+)$")
  return parent ~= nil and host:match("^[^.]+(%..*)$") == parent
end

-- Is the certificate that of the host? OpenSSL has checked who signed it.
local function is_of(certificate, host)
  local names = certificate:extensions()["2.5.29.17"] or {}
  for _, kind in ipairs{ "dNSName", "iPAddress" } do
    for _, name in ipairs(names[kind] or {}) do
      if kind == "dNSName" and same_name(name, host) or name == host then return true end
    end
  end
  return false
end

---- a connection -----------------------------------------------------------------

-- What luasocket's http works with. Its own timeout is that of each step; this
-- one is of the whole request.
local Wire = {}
Wire.__index = Wire

function Wire:settimeout() return self ~= nil end

local function armed(self)
  self.sock:settimeout(math.max(0, self.deadline - core.now()), "t")
  return self.sock
end

local function secured(self, host)
  local ssl = self.ssl
  local file, directory = authorities()
  local sock, err = ssl.wrap(self.sock, {
    mode = "client", protocol = "any", verify = "peer", cafile = file, capath = directory,
    options = { "all", "no_sslv2", "no_sslv3", "no_tlsv1", "no_tlsv1_1" },
  })
  if not sock then return nil, err end
  self.sock = sock
  sock:sni(host)
  local ok
  ok, err = armed(self):dohandshake()
  if not ok then return nil, err == "wantread" and "timeout" or err end
  if not is_of(sock:getpeercertificate(), host) then return nil, ("its certificate is not that of %s"):format(host) end
  return 1
end

function Wire:connect(host, port)
  local ok, err = armed(self):connect(host, port)
  if not ok then return nil, err end
  if not self.ssl then return 1 end
  return secured(self, host)
end

function Wire:send(...) return armed(self):send(...) end

-- luasec says "wantread" where luasocket says "timeout".
function Wire:receive(...)
  local data, err, partial = armed(self):receive(...)
  return data, err == "wantread" and "timeout" or err, partial
end

function Wire:close() return self.sock:close() end

---- requests ---------------------------------------------------------------------

--- Sends a request and reads the answer.
-- @tparam string url
-- @tparam table headers
-- @tparam string body
-- @tparam number timeout seconds for all of it
-- @treturn[1] integer status
-- @treturn[1] string body of the answer
-- @treturn[1] table its headers, names in lower case
-- @treturn[2] nil
-- @treturn[2] string what went wrong: "timeout", "closed", "connection refused", …
-- @raise InvalidRequestError without luasocket, or without luasec for https
function http.post(url, headers, body, timeout)
  local socket = need("socket", "luasocket", "lua-socket")
  local ltn12, client = require "ltn12", require "socket.http"
  local ssl = url:find("^https:") and need("ssl", "luasec", "lua-sec") or nil
  local pieces = {}
  local all = { ["content-length"] = ("%d"):format(#body), ["content-type"] = "application/json" }
  for name, value in pairs(headers) do all[name] = value end
  local done, status, answered = client.request{
    url = url, method = "POST", headers = all, redirect = false,
    source = ltn12.source.string(body), sink = ltn12.sink.table(pieces),
    create = function()
      return setmetatable({ sock = socket.tcp(), ssl = ssl, deadline = core.now() + timeout }, Wire)
    end,
  }
  if not done then return nil, tostring(status) end
  if not answered then return nil, "timeout" end -- luasocket makes a 408 of it
  return status, table.concat(pieces), answered
end

return http
