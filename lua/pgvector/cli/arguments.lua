--- The words of a command line: those that argparse would misread (`-1` is a
-- revision, not an option), and those that it takes but a command does not.
-- @module pgvector.cli.arguments

local errors = require "pgvector.errors"

local arguments = {}

local MARK = "\1"

--- Marks the words that begin with a minus and a digit.
-- @tparam table words
-- @treturn table sequence
function arguments.mark(words)
  local marked = {}
  for i, word in ipairs(words) do marked[i] = word:find("^%-%d") and MARK .. word or word end
  return marked
end

--- Takes the marks off again: a converter of arguments.
-- @treturn string
function arguments.plain(word) return (word:gsub(MARK, "")) end

--- Raises for a command line that is wrong in a way that argparse does not see:
-- exit status 2.
-- @tparam string message for string.format
function arguments.misuse(message, ...)
  error(errors.new("ArgumentError", message:format(...), { usage = true }), 0)
end

local function numeric(option, least, most, what, suits)
  least, most = least or -math.huge, most or math.huge
  local range = most < math.huge and (" from %s to %s"):format(least, most)
    or least > -math.huge and (" of at least %s"):format(least) or ""
  return function(word)
    local n = tonumber(arguments.plain(word))
    if n and n - n == 0 and n >= least and n <= most and suits(n) then return n end
    return nil, ("%s: expected a %snumber%s, got '%s'"):format(option, what, range, arguments.plain(word))
  end
end

--- A converter of arguments into numbers.
-- @tparam string option its name, for the message
-- @tparam[opt] number least
-- @tparam[opt] number most
-- @treturn function
function arguments.number(option, least, most)
  return numeric(option, least, most, "", function() return true end)
end

--- A converter of arguments into whole numbers; see `number`.
function arguments.whole(option, least, most)
  local convert = numeric(option, least, most, "whole ", function(n) return n == math.floor(n) end)
  return function(word)
    local n, message = convert(word)
    return n and math.floor(n), message
  end
end

return arguments
