--- Reads SQL text as the server's scanner does, as far as one must to know
-- what is inside a string, a quoted name or a comment, and what is not.
-- @module pgvector.sql.tokenizer

local tokenizer = {}

-- Where a quoted thing ends that starts with `quote` at `position`; the quote
-- doubled, or after a backslash where those count, does not end it.
local function quoted_end(sql, position, quote, backslashes)
  local at = position + 1
  while true do
    local found = sql:find(backslashes and "[\\" .. quote .. "]" or quote, at)
    if not found then return #sql end
    local c = sql:sub(found, found)
    if c == "\\" then
      at = found + 2
    elseif sql:sub(found + 1, found + 1) == quote then
      at = found + 2
    else
      return found
    end
  end
end

-- Block comments nest.
local function comment_end(sql, position)
  local depth, at = 1, position + 2
  while depth > 0 do
    local found = sql:find("[/*][/*]", at)
    if not found then return #sql end
    local pair = sql:sub(found, found + 1)
    if pair == "*/" then
      depth, at = depth - 1, found + 2
    elseif pair == "/*" then
      depth, at = depth + 1, found + 2
    else
      at = found + 1
    end
  end
  return at - 1
end

local WORD = "[%w_$\128-\255]"

-- Scanners by the first byte: `(sql, position)` → kind, end; nil for a plain
-- character.
local scanners = {}

scanners["'"] = function(sql, position) return "string", quoted_end(sql, position, "'", false) end
scanners['"'] = function(sql, position) return "quoted", quoted_end(sql, position, '"', false) end

scanners["-"] = function(sql, position)
  if sql:sub(position + 1, position + 1) == "-" then
    return "comment", (sql:find("\n", position, true) or #sql + 1) - 1
  end
end

scanners["/"] = function(sql, position)
  if sql:sub(position + 1, position + 1) == "*" then return "comment", comment_end(sql, position) end
end

scanners["$"] = function(sql, position)
  local tag = sql:match("^%$[%a_\128-\255]?[%w_\128-\255]*%$", position)
  if tag and not tag:find("^%$%d") then
    local _, closing = sql:find(tag, position + #tag, true)
    return "string", closing or #sql
  end
  local digits = sql:match("^%$%d+", position)
  if digits then return "parameter", position + #digits - 1 end
end

scanners[":"] = function(sql, position)
  local _, last = sql:find("^::?=?", position)
  if last > position then return "operator", last end
  local name = sql:match("^[%a_][%w_]*", position + 1)
  if name then return "bind", position + #name end
end

scanners["\\"] = function(sql, position)
  if sql:sub(position + 1, position + 1) == ":" then return "escape", position + 1 end
end

scanners["["] = function() return "open" end
scanners["]"] = function() return "close" end
scanners["("] = function() return "open" end
scanners[")"] = function() return "close" end
scanners[";"] = function() return "semicolon" end

-- Words, and strings with a prefix: E'…' (backslashes count), U&'…', B'…', X'…', N'…'.
local function word(sql, position)
  local _, last = sql:find("^" .. WORD .. "+", position)
  local first = sql:sub(position, last)
  local following = sql:sub(last + 1, last + 1)
  if following == "'" and first:find("^[eEbBxXnN]$") then
    return "string", quoted_end(sql, last + 1, "'", first:find("^[eE]") ~= nil)
  end
  if first:find("^[uU]$") and sql:find("^&['\"]", last + 1) then
    local quote = sql:sub(last + 2, last + 2)
    return quote == "'" and "string" or "quoted", quoted_end(sql, last + 2, quote, false)
  end
  return "word", last
end

--- Iterates over the tokens of an SQL text: `for kind, first, last in tokens(sql)`.
-- Kinds: string, quoted, comment, parameter (`$1`), bind (`:name`), escape
-- (`\:`), operator (`::`, `:=`), word, open, close, semicolon, space, other.
-- @tparam string sql
-- @treturn function
function tokenizer.tokens(sql)
  local position, previous = 1, nil
  return function()
    if position > #sql then return nil end
    local first = position
    local c = sql:sub(first, first)
    local kind, last
    if c:find(WORD) and c ~= "$" then
      kind, last = word(sql, first)
    elseif c:find("%s") then
      kind = "space"
      local _
      _, last = sql:find("^%s+", first)
    else
      local scan = scanners[c]
      if scan then kind, last = scan(sql, first) end
    end
    -- `a[1:n]` has no bind: a colon right after a word, a number or a closing
    -- bracket belongs to a slice
    if kind == "bind" and (previous == "word" or previous == "close" or previous == "parameter") then
      kind, last = "other", first
    end
    kind, last = kind or "other", last or first
    position, previous = last + 1, kind
    return kind, first, last
  end
end

--- How many statements a text holds, counted at top level. Comments and empty
-- statements do not count. Semicolons inside BEGIN ATOMIC … END bodies of SQL
-- functions belong to the function.
-- @tparam string sql
-- @treturn integer
function tokenizer.statements(sql)
  local count, inside, depth, atomic = 0, false, 0, 0
  local last_word
  for kind, first, last in tokenizer.tokens(sql) do
    if kind == "semicolon" and atomic == 0 and depth <= 0 then
      if inside then count = count + 1 end
      inside, depth, last_word = false, 0, nil
    elseif kind ~= "space" and kind ~= "comment" then
      inside = true
      if kind == "open" then
        depth = depth + 1
      elseif kind == "close" then
        depth = depth - 1
      elseif kind == "word" then
        local name = sql:sub(first, last):upper()
        if name == "ATOMIC" and last_word == "BEGIN" then
          atomic = atomic + 1
        elseif atomic > 0 and name == "CASE" then
          atomic = atomic + 1
        elseif atomic > 0 and name == "END" then
          atomic = atomic - 1
        end
        last_word = name
      end
    end
  end
  return inside and count + 1 or count
end

return tokenizer
