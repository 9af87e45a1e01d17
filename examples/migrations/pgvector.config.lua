-- A project of migrations. In this directory, with PGVECTOR_URL set:
--
--     pgvector migrate upgrade head
--     pgvector migrate check
--     pgvector migrate downgrade base
return {
  url = os.getenv("PGVECTOR_URL") or "postgresql:///",
  script_location = "migrations",
  target_metadata = require("models").metadata,
  lock_timeout = "5s",

  -- Only this example's tables are its own; the database may have others.
  include_object = function(_, name, kind, reflected)
    return not (reflected and kind == "table") or name:find("^example_notes") ~= nil
  end,
  version_table = "example_notes_version",
}
