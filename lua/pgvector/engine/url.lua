--- What a database is called: URLs, libpq keyword strings, tables of keywords.
-- @module pgvector.engine.url

local core = require "pgvector.core"
local errors = require "pgvector.errors"

local url = {}

--- Turns any of the three forms into libpq's keywords.
-- SQLAlchemy's `postgresql+driver://` is accepted; the driver part is dropped.
-- @param target a URL, a string `host=… dbname=…`, or a table of keywords
-- @tparam ?table connect_args further keywords, which win
-- @treturn table keyword → string
-- @raise ArgumentError in libpq's words
function url.keywords(target, connect_args)
  local keywords = {}
  if type(target) == "table" then
    for k, v in pairs(target) do keywords[k] = v end
  elseif type(target) == "string" then
    local text = target:gsub("^(postgres%a*)%+[%w_]+://", "%1://")
    if text:find("^%a[%w+]*://") and not text:find("^postgres") then
      errors.raise("ArgumentError", "url: expected postgresql://…, got '%s'", url.hidden(target))
    end
    local parsed, err = core.parse_conninfo(text)
    if not parsed then errors.raise("ArgumentError", "url: %s", (err.message:gsub("%%", "%%%%"))) end
    keywords = parsed
  else
    errors.raise("ArgumentError", "url: expected a URL, a keyword string or a table, got %s", type(target))
  end
  for k, v in pairs(connect_args or {}) do keywords[k] = v end
  for k, v in pairs(keywords) do
    local t = type(v)
    if t == "number" then
      keywords[k] = (v % 1 == 0 and "%.0f" or "%.14g"):format(v)
    elseif t == "boolean" then
      keywords[k] = v and "1" or "0"
    elseif t ~= "string" then
      errors.raise("ArgumentError", "url: keyword '%s': expected a string, got %s", tostring(k), t)
    end
  end
  local timeout = keywords.connect_timeout
  if timeout and not tonumber(timeout) then
    errors.raise("ArgumentError", "url: connect_timeout: expected seconds, got '%s'", timeout)
  end
  keywords.client_encoding = keywords.client_encoding or "UTF8"
  keywords.fallback_application_name = keywords.fallback_application_name or "lua-pgvector"
  return keywords
end

--- A URL or keyword string with the password replaced by `***`.
-- @treturn string
function url.hidden(text)
  text = text:gsub("^(%a[%w+]*://[^:@/?]*):[^@/]*@", "%1:***@")
  text = text:gsub("(password%s*=%s*)'[^']*'", "%1***")
  return (text:gsub("(password%s*=%s*)[^%s&'*][^%s&]*", "%1***"))
end

-- What is worth showing, in a fixed order.
local shown = { "user", "host", "hostaddr", "port", "dbname", "service" }

--- How an engine prints itself: no password, stable order.
-- @tparam table keywords
-- @treturn string
function url.describe(keywords)
  local parts = {}
  for _, key in ipairs(shown) do
    if keywords[key] then parts[#parts + 1] = key .. "=" .. keywords[key] end
  end
  if keywords.password then parts[#parts + 1] = "password=***" end
  return table.concat(parts, " ")
end

return url
