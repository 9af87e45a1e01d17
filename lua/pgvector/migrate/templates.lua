--- The texts that `init` and `revision` start from.
-- @module pgvector.migrate.templates

local templates = {}

--- pgvector.config.lua
templates.config = [[
-- What `pgvector migrate` needs to know. The paths are relative to this file.
return {
  url = os.getenv("PGVECTOR_URL") or "postgresql:///",
  script_location = ${script_location},

  -- The models that --autogenerate and check compare the database with:
  -- target_metadata = require("models").metadata,

  -- A migration that waits longer for a lock fails, and what waits behind it goes on.
  lock_timeout = "5s",
}
]]

--- A revision file; also what `init` puts into the project, to be changed there.
templates.revision = [[
-- ${title}
return {
  revision = ${revision},
  down_revision = ${down_revision},
  branch_labels = ${branch_labels},
  depends_on = ${depends_on},
  message = ${message},

  upgrade = function(op, pg) -- luacheck: ignore 212
${upgrades}  end,

  downgrade = function(op, pg) -- luacheck: ignore 212
${downgrades}  end,
}
]]

return templates
