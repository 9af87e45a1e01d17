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

--- Reads a number: a converter of arguments.
-- @treturn ?number nil if it is none
function arguments.number(word) return tonumber(arguments.plain(word)) end

--- Raises for a command line that is wrong in a way that argparse does not see:
-- exit status 2.
-- @tparam string message for string.format
function arguments.misuse(message, ...)
  error(errors.new("ArgumentError", message:format(...), { usage = true }), 0)
end

return arguments
