--- Turns a text into 384 numbers, without a model to download.
--
-- Every word becomes a fixed pattern of a few entries among the 384 (feature
-- hashing), mixed with the patterns of its letter groups, so that "converter"
-- lies near "conversion". A text is the sum of its words, rare words weighing
-- more than common ones (TF-IDF), scaled to length 1. Texts that share words
-- therefore point in similar directions. An application would put the
-- embeddings of a language model in this place; nothing else would change.
--
-- Plain Lua and no rounding that depends on the machine: a text gives the same
-- numbers on every interpreter.

local pg = require "pgvector"

local Embedder = {}
Embedder.__index = Embedder

Embedder.dimensions = 384
Embedder.version = "hashing-384-1" -- to be changed whenever the numbers change

local DIMENSIONS = Embedder.dimensions
local WORD_ENTRIES, GROUP_ENTRIES = 12, 2 -- how many of the 384 a pattern uses
local GROUP_SHARE = 0.25 -- of a word's square length, for its letter groups
local PRIME = 2147483647 -- keeps every product in the hash below 2^53

local log, sqrt, floor = math.log, math.sqrt, math.floor

-- Words that make a sentence and say nothing about its subject.
local ignored = {}
for word in ([[a about all also an and any are as at be by can do does for from
  has have how i in into is it its like my of on or such that the their them
  there these this to using via want was we what where which with you
  your]]):gmatch("%S+") do
  ignored[word] = true
end

-- Cuts the endings that do not change what an English word is about:
-- "editors", "editing" and "edited" all become "edit".
local endings = { "ation", "ing", "ion", "ed", "er", "or", "es", "e" }
local function cut_ending(word)
  if word:find("[^a-z]") then return word end
  word = word:gsub("ies$", "y"):gsub("([^s])s$", "%1")
  for _, ending in ipairs(endings) do
    if #word >= #ending + 4 and word:sub(-#ending) == ending then
      word = word:sub(1, -#ending - 1)
      break
    end
  end
  return (word:gsub("([bdgkmnprt])%1$", "%1")) -- "plotting" → "plott" → "plot"
end

-- word → its stem, or false for a word to ignore; each word is cut once.
local stems = setmetatable({}, {
  __index = function(self, word)
    self[word] = not ignored[word] and cut_ending(word)
    return self[word]
  end,
})

--- The words of a text that count, cut to their stems.
-- @tparam string text
-- @treturn table a sequence of distinct stems
-- @treturn table stem → how often it occurs
function Embedder.words(text)
  local words, counts = {}, {}
  for word in text:lower():gmatch("[%w\128-\255]+") do
    local stem = stems[word]
    if stem then
      local count = counts[stem]
      if not count then words[#words + 1] = stem end
      counts[stem] = (count or 0) + 1
    end
  end
  return words, counts
end

--- Learns how much each word tells, from all texts: the fewer texts have it,
-- the more (inverse document frequency). Of that the square root: a word that two
-- texts share counts in both, so that their similarity has the whole.
-- @tparam function texts iterator of strings
-- @treturn table word → weight
function Embedder.learn(texts)
  local total, frequency = 0, {}
  for text in texts do
    total = total + 1
    for _, word in ipairs((Embedder.words(text))) do
      frequency[word] = (frequency[word] or 0) + 1
    end
  end
  local weights = {}
  for word, count in pairs(frequency) do weights[word] = sqrt(log(1 + total / count)) end
  return weights
end

-- Adds to `pattern` (position → value) the `count` entries of a feature.
local function add_feature(pattern, feature, count, weight)
  local hash = 5381
  for i = 1, #feature do hash = (hash * 1000003 + feature:byte(i)) % PRIME end
  for _ = 1, count do
    hash = (hash * 48271 + 12345) % PRIME
    local position = floor(hash / 512) % DIMENSIONS + 1
    local sign = floor(hash / 256) % 2 == 0 and 1 or -1
    pattern[position] = (pattern[position] or 0) + sign * weight
  end
end

-- The pattern of a word, times its weight, as a sequence position, value,
-- position, value, …: its own entries and those of its groups of 3 and 4
-- letters, with its two ends marked.
local function word_pattern(word, weight)
  local pattern = {}
  add_feature(pattern, word, WORD_ENTRIES, weight * sqrt((1 - GROUP_SHARE) / WORD_ENTRIES))
  local marked = "<" .. word .. ">"
  local groups = {}
  for size = 3, 4 do
    for i = 1, #marked - size + 1 do groups[#groups + 1] = marked:sub(i, i + size - 1) end
  end
  for _, group in ipairs(groups) do
    add_feature(pattern, group, GROUP_ENTRIES, weight * sqrt(GROUP_SHARE / (GROUP_ENTRIES * #groups)))
  end
  local sequence = {}
  for position = 1, DIMENSIONS do
    if pattern[position] then
      sequence[#sequence + 1] = position
      sequence[#sequence + 1] = pattern[position]
    end
  end
  return sequence
end

--- Makes an embedder.
-- @tparam table weights word → weight, from `learn`; a word without one is
--   ignored
function Embedder.new(weights)
  local patterns = setmetatable({}, {
    __index = function(self, word)
      self[word] = weights[word] and word_pattern(word, weights[word]) or {}
      return self[word]
    end,
  })
  return setmetatable({ _patterns = patterns, _sum = {} }, Embedder)
end

--- Embeds a text.
-- @tparam string text
-- @treturn[1] vector of length 1
-- @treturn[2] nil if the text has no word that counts
function Embedder:embed(text)
  local sum, patterns = self._sum, self._patterns
  for i = 1, DIMENSIONS do sum[i] = 0 end
  local words, counts = Embedder.words(text)
  for _, word in ipairs(words) do
    local pattern, times = patterns[word], sqrt(counts[word])
    for i = 1, #pattern, 2 do
      local position = pattern[i]
      sum[position] = sum[position] + times * pattern[i + 1]
    end
  end
  local square = 0
  for i = 1, DIMENSIONS do square = square + sum[i] * sum[i] end
  if square == 0 then return nil end
  local length = sqrt(square)
  for i = 1, DIMENSIONS do sum[i] = sum[i] / length end
  return pg.vector(sum)
end

return Embedder
