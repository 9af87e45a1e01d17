--- The protocol of OpenAI's `/v1/embeddings`, which Ollama, vLLM, llama.cpp, TEI
-- and LocalAI serve as well.
--
-- A protocol is a module with these three functions; pgvector.cli.embedder does
-- the rest.
-- @module pgvector.cli.embedder.openai

local errors = require "pgvector.errors"
local json = require "pgvector.types.json"

local openai = {}

--- Where requests go.
-- @tparam string url as the user gave it: with or without `/v1` or `/v1/embeddings`
-- @treturn string
function openai.endpoint(url)
  local address, query = url:match("^([^?#]*)(.*)$")
  address = address:gsub("/+$", "")
  if address:find("/embeddings$") then return address .. query end
  if address:find("/v%d+$") then return address .. "/embeddings" .. query end
  return address .. "/v1/embeddings" .. query
end

--- What is asked.
-- @tparam ?string model
-- @tparam table texts
-- @treturn table a document for JSON
function openai.request(model, texts)
  local input = {}
  for i, text in ipairs(texts) do input[i] = text end
  return { model = model, input = json.array(input) }
end

local function bad(message, ...) errors.raise("OperationalError", message, ...) end

local function is_numbers(vector)
  if type(vector) ~= "table" or vector[1] == nil then return false end
  for i = 1, #vector do
    if type(vector[i]) ~= "number" then return false end
  end
  return true
end

--- The vectors of an answer, in the order of the texts.
-- @param document the answer's JSON
-- @tparam integer count how many texts there were
-- @treturn table sequence of sequences of numbers
-- @raise OperationalError if that is not what the document has
function openai.vectors(document, count)
  local data = type(document) == "table" and document.data
  if type(data) ~= "table" then bad("it has no 'data'") end
  if #data ~= count then bad("it has %d vectors for %d texts", #data, count) end
  local vectors = {}
  for i, item in ipairs(data) do
    if type(item) ~= "table" or not is_numbers(item.embedding) then
      bad("element %d of 'data' has no 'embedding' of numbers", i)
    end
    local at = type(item.index) == "number" and item.index + 1 or i
    if at < 1 or at > count or at ~= math.floor(at) or vectors[at] then
      bad("element %d of 'data' has the index %s", i, tostring(item.index))
    end
    vectors[at] = item.embedding
  end
  return vectors
end

return openai
