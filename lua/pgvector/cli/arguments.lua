--- Words of a command line that argparse would misread: `-1` is a revision, not
-- an option.
-- @module pgvector.cli.arguments

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

return arguments
