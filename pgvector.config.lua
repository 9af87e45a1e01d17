-- What `pgvector migrate` needs to know. The paths are relative to this file.
return {
  url = os.getenv("PGVECTOR_URL") or "postgresql:///",
  script_location = "/tmp/mig/m",

  -- The models that --autogenerate and check compare the database with:
  -- target_metadata = require("models").metadata,

  -- A migration that waits longer for a lock fails, and what waits behind it goes on.
  lock_timeout = "5s",
}
