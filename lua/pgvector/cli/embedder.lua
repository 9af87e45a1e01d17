--- Texts → vectors, by a server of embeddings.
--
--     local embedder = require("pgvector.cli.embedder").new(args)
--     local vectors = embedder:embed{ "a text", "another" }
-- @module pgvector.cli.embedder

local class = require "pgvector.class"
local errors = require "pgvector.errors"
local http = require "pgvector.cli.embedder.http"
local json = require "pgvector.types.json"
local openai = require "pgvector.cli.embedder.openai"
local words = require "pgvector.cli.arguments"

local embedder = {}

local BATCH, TIMEOUT = 64, 60
local ATTEMPTS = 5            -- of one request
local PAUSE, LONGEST = 0.5, 300 -- seconds: the first pause, and what nobody waits for

--- Adds the options that tell where embeddings are made.
function embedder.define(parser)
  parser:option("--embedder", "A server of embeddings with OpenAI's protocol; else PGVECTOR_EMBEDDER.")
    :argname("URL")
  parser:option("--model", "The model that it should use."):argname("NAME"):convert(words.plain)
  parser:option("--embedder-key-env", "The environment variable that holds the key for it."):argname("VAR")
  parser:option("--embedder-batch", ("How many texts go into one request (%d)."):format(BATCH)):argname("N")
    :convert(words.whole("--embedder-batch", 1))
  parser:option("--embedder-timeout", ("How long a request may take (%d)."):format(TIMEOUT)):argname("SECONDS")
    :convert(words.number("--embedder-timeout", 0.001))
end

local Embedder = class("Embedder")

local function key_of(variable)
  if not variable then return nil end
  local key = os.getenv(variable)
  if not key or key == "" then words.misuse("--embedder-key-env: there is no %s in the environment", variable) end
  if key:find("%c") then words.misuse("--embedder-key-env: %s holds more than a line", variable) end
  return key
end

--- Makes the embedder that a command line asks for.
-- @tparam table args as argparse gives them
-- @tparam[opt] table options for specs: `sleep(seconds)`
-- @treturn ?Embedder nil if none is asked for
function embedder.new(args, options)
  local url = args.embedder or os.getenv "PGVECTOR_EMBEDDER"
  if not url or url == "" then return nil end
  if not url:find("^https?://[^/?#]") then words.misuse("--embedder: expected http://… or https://…, got '%s'", url) end
  local protocol = openai
  local endpoint = protocol.endpoint(url)
  local key = key_of(args.embedder_key_env)
  return setmetatable({
    --- how many texts go into one request
    batch = args.embedder_batch or BATCH,
    --- of its vectors, once there was one
    dimensions = nil,
    _protocol = protocol, _endpoint = endpoint, _model = args.model, _timeout = args.embedder_timeout or TIMEOUT,
    _name = endpoint:gsub("^(https?://)[^/?#]*@", "%1"), -- for messages: without a password
    _headers = key and { authorization = "Bearer " .. key } or {},
    _sleep = options and options.sleep or function(seconds) require("socket").sleep(seconds) end,
  }, Embedder)
end

---- one request ------------------------------------------------------------------

local months = {
  Jan = 1, Feb = 2, Mar = 3, Apr = 4, May = 5, Jun = 6, Jul = 7, Aug = 8, Sep = 9, Oct = 10, Nov = 11, Dec = 12,
}

-- Seconds until the moment that a Retry-After names, which is a number of
-- seconds or a date; nil for anything else.
local function wait_of(header)
  local seconds = tonumber(header)
  if seconds then return math.max(0, seconds) end
  local day, month, year, hour, min, sec = (header or ""):match("^%a+, (%d+) (%a+) (%d+) (%d+):(%d+):(%d+) GMT$")
  if not months[month] then return nil end
  local now = os.time()
  local utc = os.date("!*t", now)
  utc.isdst = false
  return math.max(0, os.difftime(os.time{
    day = day, month = months[month], year = year, hour = hour, min = min, sec = sec, isdst = false,
  }, os.time(utc)))
end

-- What the server says about a failure: servers agree on no form.
local function words_of(body)
  local ok, document = pcall(json.decode, body)
  local said = ok and type(document) == "table" and (document.error or document.message or document.detail)
  if type(said) == "table" then said = said.message end
  said = type(said) == "string" and said or body
  said = said:gsub("%s+", " "):gsub("^ ", ""):gsub(" $", "")
  return #said > 300 and said:sub(1, 300):gsub("[\192-\255][\128-\191]*$", "") .. "…" or said
end

local transient = { timeout = true, closed = true }

-- One attempt: the body of the answer, or nil, what is wrong, whether it may
-- pass, and how long the server wants us to wait.
local function attempt(self, body)
  local status, answer, headers = http.post(self._endpoint, self._headers, body, self._timeout)
  if not status then
    local message = answer == "timeout" and ("gave no answer within %g s"):format(self._timeout)
      or "could not be asked: " .. answer
    return nil, message, transient[answer]
  end
  if status == 200 then return answer end
  local said = words_of(answer)
  if status >= 300 and status < 400 and headers.location then said = "go to " .. headers.location end
  return nil, ("answered %d%s%s"):format(status, said ~= "" and ": " or "", said),
    status == 408 or status == 429 or status >= 500, wait_of(headers["retry-after"])
end

local function ask(self, texts)
  local body = json.encode(self._protocol.request(self._model, texts), true)
  local pause = PAUSE
  for try = 1, ATTEMPTS do
    local answer, message, may_pass, wait = attempt(self, body)
    if answer then return answer end
    wait = wait or pause
    if not may_pass or try == ATTEMPTS or wait > LONGEST then
      if may_pass and wait > LONGEST then message = ("%s (and wants a pause of %.0f s)"):format(message, wait) end
      errors.raise("OperationalError", "the embedder %s %s%s", self._name, message,
        try > 1 and (" (%d attempts)"):format(try) or "")
    end
    self._sleep(wait)
    pause = pause * 2
  end
end

-- What a document lacks, raised as the embedder's fault.
local function read(self, answer, count)
  local ok, vectors = pcall(function() return self._protocol.vectors(json.decode(answer), count) end)
  if ok then return vectors end
  if not errors.is_error(vectors) then error(vectors, 0) end
  errors.raise("OperationalError", "the embedder %s gave an answer that is of no use: %s", self._name, vectors.message)
end

local function check_dimensions(self, vectors)
  for _, vector in ipairs(vectors) do
    self.dimensions = self.dimensions or #vector
    if #vector ~= self.dimensions then
      errors.raise("OperationalError", "the embedder %s gave a vector of %d dimensions after one of %d", self._name,
        #vector, self.dimensions)
    end
  end
end

--- Makes vectors of texts, in several requests if they are more than one takes.
-- @tparam table texts sequence of strings
-- @treturn table sequence of sequences of numbers, in the order of the texts
-- @raise OperationalError if the server cannot be asked, refuses, or answers
--   something else; after some attempts where that may help
function Embedder:embed(texts)
  local all = {}
  for first = 1, #texts, self.batch do
    local some = {}
    for i = first, math.min(#texts, first + self.batch - 1) do some[#some + 1] = texts[i] end
    local vectors = read(self, ask(self, some), #some)
    check_dimensions(self, vectors)
    for i, vector in ipairs(vectors) do all[first + i - 1] = vector end
  end
  return all
end

class.seal(Embedder)

return embedder
