--- Versions of the extension.
-- @module pgvector.cli.doctor.versions

local versions = {}

--- Is a version older than another? What is no number counts as nought.
-- @tparam string a such as "0.8.0"
-- @tparam string b
-- @treturn boolean
function versions.older(a, b)
  local next_a, next_b = a:gmatch "%d+", b:gmatch "%d+"
  while true do
    local x, y = next_a(), next_b()
    if not x and not y then return false end
    x, y = tonumber(x or 0), tonumber(y or 0)
    if x ~= y then return x < y end
  end
end

--- The version of the library: that of the extension's files, which come with
-- it, or of its objects where those are newer or the files are not known.
-- @tparam table facts
-- @treturn ?string nil without the extension
function versions.library(facts)
  local installed = facts.extension and facts.extension.version
  if not installed then return nil end
  if facts.available and versions.older(installed, facts.available) then return facts.available end
  return installed
end

return versions
